use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use landfall_model::TopicName;
use landfall_mqtt::{Client, ClientError, ClientEvent, ClientOptions, PacketId, QoS};
use rustls::AlertDescription;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

/// How many bytes are read at once.
const READ_BYTES: usize = 4 * 1024;

/// How long a device tries to say that it leaves.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// One MQTT connection of a device, over any stream.
pub(crate) struct Conversation<S> {
    stream: S,
    client: Client,
    inbox: BytesMut,
    outbox: BytesMut,
    /// Whether the inbox may hold packets that the client can take.
    has_input: bool,
    /// Whether the stream may hold bytes that were written and not sent.
    has_output: bool,
}

/// Why nothing more comes from a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// The peer closed it, with or without a word.
    Closed,
    /// The peer sent a TLS alert.
    Alert(AlertDescription),
    /// What came is no TLS.
    Tls(Box<str>),
    /// The network failed.
    Tcp(Box<str>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    /// A conversation whose CONNECT is sent by the first [`Self::next_event`].
    pub(crate) fn new(stream: S, options: &ClientOptions) -> Result<Self, ClientError> {
        Ok(Self {
            stream,
            client: Client::new(options)?,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            has_input: false,
            has_output: false,
        })
    }

    /// Publishes a message with quality of service 1; the identifier comes back with its acknowledgement.
    pub(crate) fn publish(
        &mut self,
        topic: &TopicName,
        payload: Bytes,
    ) -> Result<Option<PacketId>, ClientError> {
        self.client.publish(topic, payload, QoS::AtLeastOnce, now())
    }

    /// Sends what waits, and gives the next event. Cancel safe.
    pub(crate) async fn next_event(&mut self) -> Result<ClientEvent, StreamEnd> {
        loop {
            if let Some(event) = self.client.poll_event() {
                return Ok(event);
            }
            if self.client.is_closed() {
                return Err(StreamEnd::Closed);
            }
            if self.has_input {
                self.has_input = self.client.handle_bytes(&mut self.inbox, now());
                continue;
            }
            if let Err(error) = self.send().await {
                return Err(self.end_of(error).await);
            }
            self.inbox.reserve(READ_BYTES);
            let timeout = self.client.poll_timeout();
            tokio::select! {
                read = self.stream.read_buf(&mut self.inbox) => match read {
                    Ok(0) => return Err(StreamEnd::Closed),
                    Ok(_) => self.has_input = true,
                    Err(error) => return Err(stream_end(&error)),
                },
                () = sleep_until(timeout) => self.client.handle_timeout(now()),
            }
        }
    }

    /// Says DISCONNECT and closes the stream. A server that does not listen any more is not worth an error.
    pub(crate) async fn leave(mut self) {
        self.client.disconnect();
        let farewell = async {
            self.send().await?;
            self.stream.shutdown().await
        };
        let _: Result<io::Result<()>, _> = tokio::time::timeout(LEAVE_TIMEOUT, farewell).await;
    }

    /// Sends what waits. Cancel safe: what was written is gone from the outbox, the rest stays there.
    async fn send(&mut self) -> io::Result<()> {
        while let Some(bytes) = self.client.poll_transmit() {
            self.outbox.extend_from_slice(&bytes);
        }
        while self.outbox.has_remaining() {
            self.has_output = true;
            if self.stream.write_buf(&mut self.outbox).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        if self.has_output {
            self.stream.flush().await?;
            self.has_output = false;
        }
        Ok(())
    }

    /// Why the stream took no bytes. A server that ends TLS after the client's part of the handshake is done says why
    /// in an alert, which waits to be read.
    async fn end_of(&mut self, error: io::Error) -> StreamEnd {
        let read = tokio::time::timeout(LEAVE_TIMEOUT, self.stream.read_buf(&mut self.inbox)).await;
        match read {
            Ok(Err(later)) => match stream_end(&later) {
                alert @ StreamEnd::Alert(_) => alert,
                StreamEnd::Closed | StreamEnd::Tls(_) | StreamEnd::Tcp(_) => stream_end(&error),
            },
            Ok(Ok(_)) | Err(_) => stream_end(&error),
        }
    }
}

/// What an error of a TLS stream says.
pub(crate) fn stream_end(error: &io::Error) -> StreamEnd {
    if let Some(error) = tls_error(error) {
        return alert_of(error).map_or_else(|| StreamEnd::Tls(error.to_string().into()), StreamEnd::Alert);
    }
    let closed = [
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::NotConnected,
    ];
    if closed.contains(&error.kind()) {
        return StreamEnd::Closed;
    }
    StreamEnd::Tcp(error.to_string().into())
}

/// The TLS error that an error of a TLS stream stands for.
pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// The alert that a peer sent.
pub(crate) fn alert_of(error: &rustls::Error) -> Option<AlertDescription> {
    if let rustls::Error::AlertReceived(alert) = error { Some(*alert) } else { None }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn sleep_until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
