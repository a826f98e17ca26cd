use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket that gathers what a handshake writes, and sends it when the peer has to be waited for.
///
/// A TLS 1.3 handshake ends with a session ticket, for which no peer waits, and a moment later comes the CONNACK. Gathered,
/// they are one write and one segment. While the handshake goes on, all is sent in time: whenever there is nothing to read.
pub(crate) struct Gathering {
    stream: TcpStream,
    waiting: BytesMut,
    gathers: bool,
}

/// How many bytes may wait: more than the longest flight of a handshake that keeps to the limits of `pki`.
const WAITING_BYTES_MAX: usize = 64 * 1024;

impl Gathering {
    /// Gathers from the beginning.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, waiting: BytesMut::new(), gathers: true }
    }

    /// Gathers no more. What has gathered is sent by the next flush or with the next write.
    pub(crate) fn stop(&mut self) {
        self.gathers = false;
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.waiting.has_remaining() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.waiting))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.advance(written);
        }
        // The memory of a handshake is of no use to the connection.
        self.waiting = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    fn must_wait(&self) -> bool {
        self.gathers || self.waiting.has_remaining()
    }
}

impl AsyncRead for Gathering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_pending()
            && self.gathers
            && let Poll::Ready(Err(error)) = self.poll_send(cx)
        {
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl AsyncWrite for Gathering {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.must_wait() {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        }
        if self.waiting.len() > WAITING_BYTES_MAX {
            ready!(self.poll_send(cx))?;
        }
        for slice in slices {
            self.waiting.extend_from_slice(slice);
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket sends what is written at once: it has nothing to flush.
        if self.gathers { Poll::Ready(Ok(())) } else { self.poll_send(cx) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Gathering {
    /// After a handshake that failed, what waits is the alert that tells the peer why.
    fn drop(&mut self) {
        if self.waiting.has_remaining() {
            let _ = self.stream.try_write(&self.waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Gathering, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (Gathering::new(stream), peer)
    }

    async fn receive<const N: usize>(peer: &mut TcpStream) -> [u8; N] {
        let mut bytes = [0; N];
        peer.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// Whether the peer has nothing to read yet.
    fn has_nothing(peer: &TcpStream) -> bool {
        peer.try_read(&mut [0; 1]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    #[tokio::test]
    async fn what_a_peer_waits_for_is_sent_before_it_is_waited_for() {
        let (mut socket, mut peer) = pair().await;
        socket.write_all(b"server").await.unwrap();
        socket.write_all(b"hello").await.unwrap();
        socket.flush().await.unwrap();
        assert!(has_nothing(&peer));
        let answer = async {
            assert_eq!(&receive::<11>(&mut peer).await, b"serverhello");
            peer.write_all(b"finished").await.unwrap();
        };
        let mut bytes = [0; 8];
        let (read, ()) = tokio::join!(socket.read_exact(&mut bytes), answer);
        read.unwrap();
        assert_eq!(&bytes, b"finished");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_goes_with_the_next_write() {
        let (mut socket, mut peer) = pair().await;
        socket.write_all(b"ticket").await.unwrap();
        socket.stop();
        peer.write_all(b"connect").await.unwrap();
        socket.read_exact(&mut [0; 7]).await.unwrap();
        assert!(has_nothing(&peer));
        socket.write_all(b"connack").await.unwrap();
        socket.flush().await.unwrap();
        assert_eq!(&receive::<13>(&mut peer).await, b"ticketconnack");
        // From here on it is a plain socket.
        socket.write_all(b"suback").await.unwrap();
        assert_eq!(&receive::<6>(&mut peer).await, b"suback");
    }

    #[tokio::test]
    async fn an_alert_is_sent_even_if_the_socket_is_dropped() {
        let (mut socket, mut peer) = pair().await;
        socket.write_all(b"alert").await.unwrap();
        drop(socket);
        assert_eq!(&receive::<5>(&mut peer).await, b"alert");
    }

    #[tokio::test]
    async fn no_more_waits_than_the_limit() {
        let (mut socket, mut peer) = pair().await;
        let long = vec![7; WAITING_BYTES_MAX + 1];
        socket.write_all(&long).await.unwrap();
        let rest = async {
            let mut received = vec![0; long.len()];
            peer.read_exact(&mut received).await.unwrap();
            received
        };
        let (written, received) = tokio::join!(socket.write_all(b"more"), rest);
        written.unwrap();
        assert!(received == long);
        assert_eq!(&socket.waiting[..], b"more");
    }
}
