//! A small HTTP/1.1 client that sends exactly the bytes of a test.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use tessera::wire::{
    Batch, BatchRef, BucketId, BucketIndex, PostEntry, Problem, RelayInfo, SegmentRef, paths, post,
    relay_api::PROBLEM_TYPE,
};

use crate::wait::{PATIENCE, until};

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The problem document of an error, checked to be one.
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), Some(PROBLEM_TYPE), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        problem
    }
}

/// A client of one relay, with one connection per request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) SocketAddr);

impl Client {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.try_request(method, path, headers, body)
            .expect("an answer")
    }

    pub(crate) fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || method == "POST" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let request = [head.as_bytes(), body].concat();
        parse(&hear(&mut self.send(&request, PATIENCE)?)?)
    }

    /// Sends exactly these bytes and reads until the relay closes or is silent for
    /// `patience`. `None` if there is no relay or no response.
    pub(crate) fn raw(&self, bytes: &[u8], patience: Duration) -> Option<Vec<u8>> {
        let mut stream = self.send(bytes, patience)?;
        let _ = stream.shutdown(Shutdown::Write);
        hear(&mut stream)
    }

    /// Posts, and waits for at most `patience`; returns the status, if any.
    pub(crate) fn post_within(&self, body: &[u8], patience: Duration) -> Option<u16> {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            paths::CELLS,
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        Some(parse(&hear(&mut self.send(&request, patience)?)?)?.status)
    }

    fn send(&self, bytes: &[u8], patience: Duration) -> Option<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&self.0, PATIENCE).ok()?;
        stream.set_read_timeout(Some(patience)).ok()?;
        // A relay that refuses early may close before it has read everything.
        let _ = stream.write_all(bytes);
        Some(stream)
    }

    pub(crate) fn post_body(&self, body: &[u8]) -> Answer {
        self.request(
            "POST",
            paths::CELLS,
            &[("Content-Type", "application/octet-stream")],
            body,
        )
    }

    /// Posts and expects an empty 202.
    pub(crate) fn post(&self, entries: &[PostEntry]) {
        let answer = self.post_body(&post::encode(entries).unwrap());
        assert_eq!((answer.status, answer.body.len()), (202, 0), "{answer:?}");
    }

    pub(crate) fn info(&self) -> RelayInfo {
        serde_json::from_slice(&self.get(paths::INFO).body).unwrap()
    }

    pub(crate) fn index(&self, bucket: BucketId) -> BucketIndex {
        let answer = self.get(&paths::index(bucket));
        assert_eq!(answer.status, 200, "{answer:?}");
        BucketIndex::parse(&answer.body).unwrap()
    }

    /// Waits for an index that `enough` accepts.
    pub(crate) fn index_when(
        &self,
        bucket: BucketId,
        enough: impl Fn(&BucketIndex) -> bool,
    ) -> BucketIndex {
        until("the index does not become as expected", || {
            Some(self.index(bucket)).filter(&enough)
        })
    }

    /// Pulls one listed batch and checks everything about it.
    pub(crate) fn batch(&self, bucket: BucketId, listed: &BatchRef) -> Pulled {
        let answer = self.get(&paths::batch(bucket, &listed.origin, listed.epoch));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            answer.header("etag"),
            Some(format!("\"{}\"", listed.digest).as_str())
        );
        let pulled = Pulled::parse(&answer.body);
        let header = &pulled.header;
        header.expect(bucket, &listed.origin, listed.epoch).unwrap();
        assert_eq!(BatchRef::from(header), *listed);
        pulled
    }

    /// Pulls one listed segment and checks everything about it.
    pub(crate) fn segment(&self, bucket: BucketId, listed: &SegmentRef) -> Vec<Pulled> {
        let answer = self.get(&paths::segment(bucket, &listed.origin, listed.number));
        assert_eq!(answer.status, 200, "{:?}", answer.headers);
        assert_eq!(
            answer.header("etag"),
            Some(format!("\"{}\"", listed.digest).as_str())
        );
        let batches = listed.split(bucket, &answer.body).unwrap();
        batches.into_iter().map(Pulled::parse).collect()
    }

    /// Everything listed of a bucket, oldest first, with the chain checked.
    pub(crate) fn pull(&self, bucket: BucketId) -> Vec<Pulled> {
        let index = self.index(bucket);
        let segments = index.segments.iter();
        let mut batches: Vec<_> = segments
            .flat_map(|listed| self.segment(bucket, listed))
            .chain(
                index
                    .batches
                    .iter()
                    .map(|listed| self.batch(bucket, listed)),
            )
            .collect();
        batches.sort_by_key(|batch| batch.header.epoch);
        assert_eq!(
            batches.first().map(|batch| batch.header.epoch),
            index.oldest
        );
        for pair in batches.windows(2) {
            pair[1].header.follows(&pair[0].header).unwrap();
        }
        batches
    }
}

/// A verified batch.
pub(crate) struct Pulled {
    pub(crate) header: tessera::wire::BatchHeader,
    pub(crate) cells: Vec<Vec<u8>>,
}

impl Pulled {
    fn parse(bytes: &[u8]) -> Self {
        let batch = Batch::parse(bytes).unwrap();
        Self {
            header: batch.header().clone(),
            cells: batch.cells().map(<[u8]>::to_vec).collect(),
        }
    }
}

/// Counts how often a cell was published.
pub(crate) fn occurrences(batches: &[Pulled], cell: &tessera::wire::Cell) -> usize {
    batches
        .iter()
        .flat_map(|batch| &batch.cells)
        .filter(|c| c.as_slice() == cell.as_bytes())
        .count()
}

fn hear(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    (!answer.is_empty()).then_some(answer)
}

/// Parses a response; the body must have its stated `Content-Length`.
pub(crate) fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let line = lines.next()?;
    // A request that states HTTP/1.0 is answered in it.
    let stated = line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    let status = stated.get(..3)?.parse().ok()?;
    let headers = lines
        .map(|line| {
            line.split_once(": ")
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect::<Option<_>>()?;
    Some(Answer {
        status,
        headers,
        body: bytes[end + 4..].to_vec(),
    })
}
