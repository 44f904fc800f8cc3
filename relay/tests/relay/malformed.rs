//! Malformed requests: never a 5xx, never a crash of the relay.

use rand_core::Rng as _;
use tempfile::TempDir;
use tessera_relay::random;

use crate::{
    bucket,
    client::{Client, parse},
    entries,
    server::Server,
    wait::PATIENCE,
};

const HANDMADE: &[&[u8]] = &[
    b"\r\n\r\n",
    b"\0\0\0\0",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /v1/info HTTP/1.1\r\n\r\n",
    b"GET  /v1/info  HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/info HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET http://[::1/v1/info HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/buckets/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/buckets/%2e%2e%2f%2e%2e/index HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/buckets/0/index\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/buckets/0/index?after=7#x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/buckets//index HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/buckets/0/batches/0/0 HTTP/1.1\r\nHost: a\r\nIf-None-Match: \xff\xfe\r\n\r\n",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 18446744073709551615\r\n\r\nx",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 2052\r\n\r\nshort",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nshort",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nContent-Type: \xff\r\nContent-Length: 1\r\n\r\nx",
    b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\nx",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"TRACE /v1/info HTTP/1.1\r\nHost: a\r\n\r\n",
    b"get /v1/info HTTP/1.1\r\nHost: a\r\n\r\n",
];

const MUTANTS: usize = 4_000;
const THREADS: usize = 16;

/// Returns `true` if there was a response, which must not be a 5xx.
fn check(client: Client, bytes: &[u8]) -> bool {
    let Some(answer) = client.raw(bytes, PATIENCE) else {
        return false;
    };
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let answer = parse(&answer).unwrap_or_else(|| panic!("{shown:?}: not HTTP: {answer:?}"));
    assert!(answer.status < 500, "{shown:?}: {answer:?}");
    true
}

#[test]
fn malformed_requests_do_no_harm() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    for bytes in HANDMADE {
        check(client, bytes);
    }
    check(
        client,
        &[b"GET /".as_slice(), &[b'a'; 100_000], b" HTTP/1.1\r\n\r\n"].concat(),
    );
    let many: Vec<u8> = (0..5000)
        .flat_map(|i| format!("X-{i}: y\r\n").into_bytes())
        .collect();
    check(
        client,
        &[b"GET /v1/info HTTP/1.1\r\n".as_slice(), &many, b"\r\n"].concat(),
    );

    let answered: usize = std::thread::scope(|scope| {
        let run = |first: usize| {
            (first..MUTANTS)
                .step_by(THREADS)
                .filter(|seed| check(client, &mutant(*seed)))
                .count()
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|first| scope.spawn(move || run(first)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert!(
        answered > MUTANTS / 4,
        "{answered} of {MUTANTS} were answered at all"
    );
    client.post(&entries(bucket(0), 1));
    assert_eq!(client.get("/readyz").status, 200);
    server.stop();
}

/// A handwritten or valid request with some bytes changed, dropped or doubled.
fn mutant(seed: usize) -> Vec<u8> {
    let mut rng = random::system();
    let mut pick = |below: usize| usize::try_from(rng.next_u64() % below.max(1) as u64).unwrap();
    let mut bytes = match seed % 4 {
        0 => HANDMADE[pick(HANDMADE.len())].to_vec(),
        1 => b"GET /v1/buckets/1/index HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(),
        2 => b"GET /v1/buckets/0/batches/00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(),
        _ => {
            let mut post = b"POST /v1/cells HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/octet-stream\r\nContent-Length: 2052\r\n\r\n".to_vec();
            post.extend((0..2052).map(|_| u8::try_from(pick(256)).unwrap()));
            post
        }
    };
    for _ in 0..=pick(6) {
        let at = pick(bytes.len().min(200));
        match pick(4) {
            0 => bytes[at] = u8::try_from(pick(256)).unwrap(),
            1 => drop(bytes.remove(at)),
            2 => bytes.truncate(at.max(1)),
            _ => {
                let piece = bytes[at..(at + 20).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}
