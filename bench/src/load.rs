use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::BytesMut;
use landfall_model::ClientId;
use landfall_mqtt::{Client, ClientEvent, ClientOptions, ProtocolVersion};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::devices::Device;

/// How long one connection may take before the run is given up.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A device that is connected.
pub(crate) struct Opened {
    stream: TlsStream<TcpStream>,
    client: Client,
    inbox: BytesMut,
}

/// Connects every device once, `concurrency` at a time: TCP, TLS, CONNECT, CONNACK, close. The time it took.
pub(crate) async fn connect_all(
    devices: &Arc<Vec<Device>>,
    server: SocketAddr,
    concurrency: usize,
) -> Result<Duration> {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..concurrency {
        let (devices, next) = (Arc::clone(devices), Arc::clone(&next));
        workers.spawn(async move {
            while let Some(device) = devices.get(next.fetch_add(1, Ordering::Relaxed)) {
                tokio::time::timeout(TIMEOUT, connect(device, server))
                    .await
                    .context("a connection took too long")??;
            }
            anyhow::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.context("a worker panicked")??;
    }
    Ok(began.elapsed())
}

async fn connect(device: &Device, server: SocketAddr) -> Result<()> {
    let mut opened = Opened::new(device, server, ProtocolVersion::V311).await?;
    opened.stream.shutdown().await?;
    Ok(())
}

impl Opened {
    /// Connects a device: TCP, TLS, CONNECT, CONNACK.
    pub(crate) async fn new(device: &Device, server: SocketAddr, version: ProtocolVersion) -> Result<Self> {
        let mut opened = Self::shake_hands(device, server, version).await?;
        opened.admitted().await.with_context(|| format!("{} is not let in", device.thing_name))?;
        Ok(opened)
    }

    /// Opens a connection without CONNECT: TCP, TLS.
    pub(crate) async fn shake_hands(
        device: &Device,
        server: SocketAddr,
        version: ProtocolVersion,
    ) -> Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::clone(&device.tls)).connect(name, stream).await?;
        let client_id = ClientId::parse(&device.thing_name)?;
        let client = Client::new(&ClientOptions::new(version, Some(client_id)))?;
        Ok(Self { stream, client, inbox: BytesMut::with_capacity(1_024) })
    }

    /// Sends CONNECT and waits for the CONNACK that lets it in.
    pub(crate) async fn admitted(&mut self) -> Result<()> {
        let event = self.next().await.context("no CONNACK came")?;
        ensure!(matches!(event, ClientEvent::Connected { .. }), "{event:?} came instead of a CONNACK");
        Ok(())
    }

    /// The next thing that comes.
    pub(crate) async fn next(&mut self) -> Result<ClientEvent> {
        loop {
            if let Some(event) = self.client.poll_event() {
                return Ok(event);
            }
            while let Some(bytes) = self.client.poll_transmit() {
                self.stream.write_all(&bytes).await?;
            }
            self.stream.flush().await?;
            ensure!(self.stream.read_buf(&mut self.inbox).await? > 0, "the connection was closed");
            self.client.handle_bytes(&mut self.inbox, Instant::now().into_std());
        }
    }
}
