use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::conversation::{StreamEnd, stream_end, tls_error};
use crate::fleet::instant_after;
use crate::{AttemptFailure, Device, Endpoint, Stage};

/// Opens the connections of devices: by TLS, or in memory in tests.
pub(crate) trait Dial: Send + Sync + 'static {
    /// What a connection is.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Opens a connection of that device.
    fn dial(&self, device: &Device) -> impl Future<Output = Result<Self::Stream, AttemptFailure>> + Send;
}

/// Opens TLS connections to an endpoint.
pub(crate) struct TlsDial {
    pub(crate) endpoint: Endpoint,
    /// The limit for both the TCP connection and the TLS handshake.
    pub(crate) handshake_timeout: Duration,
}

impl Dial for TlsDial {
    type Stream = TlsStream<TcpStream>;

    async fn dial(&self, device: &Device) -> Result<Self::Stream, AttemptFailure> {
        let after = self.handshake_timeout;
        let deadline = instant_after(Instant::now(), after);
        let late = |stage| AttemptFailure::Timeout { stage, after };
        let stream = timeout_at(deadline, connect(&self.endpoint)).await.map_err(|_| late(Stage::Tcp))??;
        let connector = TlsConnector::from(Arc::clone(device.tls()));
        let handshake = connector.connect(self.endpoint.host().clone(), stream);
        let stream = timeout_at(deadline, handshake).await.map_err(|_| late(Stage::Tls))?;
        stream.map_err(|error| handshake_failure(&error))
    }
}

async fn connect(endpoint: &Endpoint) -> Result<TcpStream, AttemptFailure> {
    let connected = if let ServerName::IpAddress(address) = endpoint.host() {
        TcpStream::connect((IpAddr::from(*address), endpoint.port())).await
    } else {
        let addresses: Vec<_> = tokio::net::lookup_host((&*endpoint.host().to_str(), endpoint.port()))
            .await
            .map_err(|error| AttemptFailure::Unresolved { reason: error.to_string().into() })?
            .collect();
        TcpStream::connect(&*addresses).await
    };
    let stream = connected.map_err(|error| tcp_failure(&error))?;
    // Each packet is sent at once, as devices with little to say do.
    stream.set_nodelay(true).map_err(|error| tcp_failure(&error))?;
    Ok(stream)
}

fn tcp_failure(error: &io::Error) -> AttemptFailure {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return AttemptFailure::TcpRefused;
    }
    AttemptFailure::Tcp { reason: error.to_string().into() }
}

fn handshake_failure(error: &io::Error) -> AttemptFailure {
    if let Some(error @ rustls::Error::InvalidCertificate(_)) = tls_error(error) {
        return AttemptFailure::ServerNotTrusted { reason: error.to_string().into() };
    }
    match stream_end(error) {
        StreamEnd::Closed => AttemptFailure::ClosedInHandshake,
        StreamEnd::Alert(alert) => AttemptFailure::TlsAlert { alert },
        StreamEnd::Tls(reason) => AttemptFailure::Tls { reason },
        StreamEnd::Tcp(reason) => AttemptFailure::Tcp { reason },
    }
}

#[cfg(test)]
mod tests;
