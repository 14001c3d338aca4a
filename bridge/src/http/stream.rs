//! A connection's bytes for hyper: first what was read of the head already, then the socket; and an end that
//! lets the answer arrive.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long, and for how many bytes, the rest of a request is read and thrown away after the answer. A socket that is
/// closed with bytes unread resets the connection, and a caller who still writes then never sees why.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// A socket some of whose bytes were read before.
pub(super) struct Stream<S> {
    read: BytesMut,
    socket: S,
    linger: Option<Linger>,
}

struct Linger {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<S> Stream<S> {
    pub(super) fn new(read: BytesMut, socket: S) -> Self {
        Self { read, socket, linger: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.socket).poll_read(cx, buffer);
        }
        let length = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read[..length]);
        self.read.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// Ends our side, then reads until the peer ends its own. Whatever goes wrong now concerns nobody any more.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, linger, .. } = &mut *self;
        if linger.is_none() {
            if ready!(Pin::new(&mut *socket).poll_shutdown(cx)).is_err() {
                return Poll::Ready(Ok(()));
            }
            let until = Box::pin(tokio::time::sleep(LINGER));
            *linger = Some(Linger { until, left: LINGER_BYTES });
        }
        let Some(Linger { until, left }) = linger else { return Poll::Ready(Ok(())) };
        let mut space = [0; 16 * 1024];
        while until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut *socket).poll_read(cx, &mut buffer));
            *left = left.saturating_sub(buffer.filled().len());
            if read.is_err() || buffer.filled().is_empty() || *left == 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
