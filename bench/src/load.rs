use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::BytesMut;
use landfall_model::ClientId;
use landfall_mqtt::{Client, ClientEvent, ClientOptions, ProtocolVersion};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::devices::Device;

/// How long one connection may take before the run is given up.
const TIMEOUT: Duration = Duration::from_secs(60);

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
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost")?;
    let mut stream = TlsConnector::from(Arc::clone(&device.tls)).connect(name, stream).await?;
    let mut client =
        Client::new(&ClientOptions::new(ProtocolVersion::V311, Some(ClientId::parse(&device.thing_name)?)))?;
    while let Some(bytes) = client.poll_transmit() {
        stream.write_all(&bytes).await?;
    }
    stream.flush().await?;
    let mut buffer = BytesMut::with_capacity(1_024);
    loop {
        ensure!(
            stream.read_buf(&mut buffer).await? > 0,
            "{} was closed without a CONNACK",
            device.thing_name
        );
        client.handle_bytes(&mut buffer, Instant::now().into_std());
        match client.poll_event() {
            Some(ClientEvent::Connected { .. }) => break,
            Some(event) => bail!("{} got {event:?} instead of a CONNACK", device.thing_name),
            None => {}
        }
    }
    stream.shutdown().await?;
    Ok(())
}
