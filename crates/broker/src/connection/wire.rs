use std::io;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use landfall_mqtt::Session;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::{after, now, sleep_until};
use crate::Limits;
use crate::gathering::Gathering;

/// The bytes of a connection, both ways.
pub(super) struct Wire {
    reader: ReadHalf<TlsStream<Gathering>>,
    writer: WriteHalf<TlsStream<Gathering>>,
    inbox: BytesMut,
    outbox: Outbox,
    closing_timeout: Duration,
}

struct Outbox {
    bytes: BytesMut,
    /// Written to the TLS layer, which may not have sent it.
    unflushed: bool,
    /// When the client must have taken a byte of what waits.
    deadline: Option<Instant>,
    write_timeout: Duration,
}

/// How many bytes are gathered for one write.
const WRITE_BYTES: usize = 16 * 1024;

/// How many bytes are read at once.
const READ_BYTES: usize = 8 * 1024;

/// How long a closed connection is read on, so that what the client has under way does not reset it before it has
/// read the last answer.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// How much is read on so.
const LINGER_BYTES_MAX: usize = 64 * 1024;

impl Wire {
    pub(super) fn new(stream: TlsStream<Gathering>, limits: &Limits) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let write_timeout = limits.write_timeout;
        let outbox = Outbox { bytes: BytesMut::new(), unflushed: false, deadline: None, write_timeout };
        Self { reader, writer, inbox: BytesMut::new(), outbox, closing_timeout: limits.closing_timeout }
    }

    /// What was read and not yet taken.
    pub(super) fn inbox(&mut self) -> &mut BytesMut {
        &mut self.inbox
    }

    /// Reads some bytes; 0 when the client has closed its side. Cancel safe.
    pub(super) async fn read(&mut self) -> io::Result<usize> {
        self.inbox.reserve(READ_BYTES);
        self.reader.read_buf(&mut self.inbox).await
    }

    /// Takes from the session what it has to send, up to one write.
    pub(super) fn gather(&mut self, session: &mut Session) {
        while self.outbox.bytes.len() < WRITE_BYTES {
            match session.poll_transmit(now()) {
                Some(bytes) => self.outbox.bytes.extend_from_slice(&bytes),
                None => break,
            }
        }
        if self.outbox.is_empty() {
            self.outbox.deadline = None;
        } else if self.outbox.deadline.is_none() {
            self.outbox.deadline = after(self.outbox.write_timeout);
        }
    }

    /// Reads or writes, whatever can be done first, of what is wanted. Cancel safe.
    pub(super) async fn exchange(&mut self, want_read: bool) -> io::Result<Exchange> {
        let Self { reader, writer, inbox, outbox, .. } = self;
        if want_read {
            inbox.reserve(READ_BYTES);
        }
        let (want_write, deadline) = (!outbox.is_empty(), outbox.deadline);
        tokio::select! {
            read = reader.read_buf(inbox), if want_read => read.map(Exchange::Read),
            written = outbox.write(writer), if want_write => written.map(|()| Exchange::Written),
            () = sleep_until(deadline), if want_write => Err(io::ErrorKind::TimedOut.into()),
            else => std::future::pending().await,
        }
    }

    /// Sends what is left and closes: our side first, then the socket once the client has closed its side.
    pub(super) async fn finish(&mut self, session: &mut Session) {
        let deadline = after(self.closing_timeout);
        let send = async {
            loop {
                self.gather(session);
                if self.outbox.is_empty() {
                    return self.writer.shutdown().await;
                }
                self.outbox.write(&mut self.writer).await?;
            }
        };
        let sent = tokio::select! {
            sent = send => sent,
            () = sleep_until(deadline) => Err(io::ErrorKind::TimedOut.into()),
        };
        // A client that is gone has no use for more.
        if sent.is_ok() {
            let _ = tokio::time::timeout(LINGER_TIMEOUT, self.linger()).await;
        }
    }

    async fn linger(&mut self) {
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            self.inbox.clear();
            match self.read().await {
                Ok(read @ 1..) => left = left.saturating_sub(read),
                Ok(0) | Err(_) => return,
            }
        }
    }
}

/// What was exchanged.
pub(super) enum Exchange {
    /// So many bytes were read; 0 when the client has closed its side.
    Read(usize),
    /// What waited was sent.
    Written,
}

impl Outbox {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.unflushed
    }

    /// Sends all that waits. Cancel safe: what was written is gone from `bytes`.
    async fn write(&mut self, writer: &mut WriteHalf<TlsStream<Gathering>>) -> io::Result<()> {
        while self.bytes.has_remaining() {
            self.unflushed = true;
            writer.write_buf(&mut self.bytes).await?;
            self.deadline = after(self.write_timeout);
        }
        writer.flush().await?;
        self.unflushed = false;
        self.deadline = None;
        Ok(())
    }
}
