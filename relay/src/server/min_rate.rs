//! A stream that fails if its reader is too slow.

use std::{
    io::{Error, ErrorKind, IoSlice, Result},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use crate::limits::{READ_RATE, READ_TIME};

/// Writes fail with [`ErrorKind::TimedOut`] once a response takes longer than
/// [`READ_TIME`] and is read at less than [`READ_RATE`]. Otherwise a client that
/// reads one byte a minute would keep a batch in memory for days.
#[derive(Debug)]
pub(super) struct MinRateStream<S> {
    stream: S,
    answer: Option<Answer>,
}

/// The progress of writing since the stream was last flushed.
#[derive(Debug)]
struct Answer {
    since: Instant,
    bytes: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Answer {
    fn deadline(&self) -> Instant {
        self.since + READ_TIME + Duration::from_secs(self.bytes / u64::from(READ_RATE))
    }
}

impl<S> MinRateStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            answer: None,
        }
    }

    fn note(&mut self, cx: &mut Context<'_>, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        let answer = self.answer.get_or_insert_with(|| Answer {
            since: Instant::now(),
            bytes: 0,
            timer: None,
        });
        if let Poll::Ready(result) = written {
            answer.bytes += result.as_ref().map_or(0, |len| *len as u64);
            return Poll::Ready(result);
        }
        let deadline = answer.deadline();
        let timer = answer
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        timer.as_mut().reset(deadline);
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(Error::from(ErrorKind::TimedOut)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MinRateStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        match flushed {
            Poll::Ready(result) => {
                self.answer = None;
                Poll::Ready(result)
            }
            Poll::Pending => self.note(cx, Poll::Pending).map_ok(|_| ()),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => self.note(cx, Poll::Pending).map_ok(|_| ()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MinRateStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_reads_nothing_is_dropped() {
        let (ours, _theirs) = duplex(1024);
        let mut stream = MinRateStream::new(ours);
        let start = Instant::now();
        let error = stream.write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), READ_TIME.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_below_the_rate_is_dropped_and_one_above_is_not() {
        for (per_second, is_served) in [
            (READ_RATE as usize / 2, false),
            (READ_RATE as usize * 2, true),
        ] {
            let (ours, mut theirs) = duplex(1024);
            let reader = tokio::spawn(async move {
                let mut piece = vec![0; per_second];
                while theirs.read_exact(&mut piece).await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
            let mut stream = MinRateStream::new(ours);
            let answer = vec![0; per_second * 200];
            let written = async {
                stream.write_all(&answer).await?;
                stream.flush().await
            };
            assert_eq!(written.await.is_ok(), is_served, "{per_second}");
            drop(stream);
            reader.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_between_responses_does_not_count() {
        let (ours, mut theirs) = duplex(1024);
        let mut stream = MinRateStream::new(ours);
        for _ in 0..3 {
            stream.write_all(&[0; 512]).await.unwrap();
            stream.flush().await.unwrap();
            tokio::time::sleep(READ_TIME * 10).await;
            theirs.read_exact(&mut [0; 512]).await.unwrap();
        }
    }
}
