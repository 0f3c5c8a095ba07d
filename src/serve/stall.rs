//! Whoever asks must take the answer: a connection that takes none of it is closed. Else a few hundred of them that ask for
//! much and never read would hold all of it in memory, for as long as they like.

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    task::{Context, Poll, ready as poll},
    time::Duration,
};

use axum_server::accept::Accept;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Accepts connections that may stall no longer than this.
#[derive(Clone, Copy, Debug)]
pub struct Unstalled(pub Duration);

impl<I, S> Accept<I, S> for Unstalled {
    type Stream = Stream<I>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        ready(Ok((Stream::new(stream, self.0), service)))
    }
}

/// A connection, and since when the other side has taken nothing of what is there for it.
#[derive(Debug)]
pub struct Stream<I> {
    inner: I,
    longest: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<I> Stream<I> {
    fn new(inner: I, longest: Duration) -> Self {
        Self { inner, longest, stalled: None }
    }

    /// What came of a write, or that it has waited too long.
    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let longest = self.longest;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(longest)));
        poll!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other side takes nothing of its answer")))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Stream<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Stream<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.judge(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.judge(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const A_MOMENT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn who_takes_nothing_is_left() {
        let (ours, theirs) = duplex(16);
        let mut ours = Stream::new(ours, A_MOMENT);
        let written = tokio::time::timeout(100 * A_MOMENT, ours.write_all(&[7; 64])).await;
        let stalled = written.expect("it does not wait for ever").expect_err("nobody reads");
        assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
        drop(theirs);
    }

    /// Honestly: who reads, however slowly, gets it all, and nobody has to say anything.
    #[tokio::test]
    async fn who_reads_gets_it_all() {
        let (ours, mut theirs) = duplex(16);
        let mut ours = Stream::new(ours, A_MOMENT);
        let reading = async {
            let mut all = [0; 640];
            for part in all.chunks_mut(8) {
                tokio::task::yield_now().await;
                theirs.read_exact(part).await.expect("it is all there");
            }
            all
        };
        let (written, read) = tokio::join!(ours.write_all(&[7; 640]), reading);
        assert!(written.is_ok() && read == [7; 640]);
        let quiet = tokio::time::timeout(2 * A_MOMENT, ours.read_u8()).await;
        assert!(quiet.is_err(), "a connection that is not written to may be quiet");
    }
}
