//! Bare mutual TLS: the physical limit that a broker is measured against. It verifies chains as rustls does by itself,
//! and answers one message, as a broker answers CONNECT.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// CONNACK with return code 0.
const ANSWER: [u8; 4] = [0x20, 2, 0, 0];

pub(crate) fn run(folder: &Path) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(serve(folder))
}

async fn serve(folder: &Path) -> Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(config(folder)?));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn(answer(acceptor.clone(), stream));
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut buffer = [0; 1_024];
    // However much of the message comes at once.
    let _ = stream.read(&mut buffer).await?;
    stream.write_all(&ANSWER).await?;
    stream.flush().await?;
    while stream.read(&mut buffer).await? > 0 {}
    stream.shutdown().await
}

fn config(folder: &Path) -> Result<ServerConfig> {
    let read = |name: &str| fs::read(folder.join(name)).with_context(|| format!("cannot read {name}"));
    let chain = CertificateDer::pem_slice_iter(&read("server.pem")?).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")?)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&read("ca.pem")?)?)?;
    // The cipher suites of Landfall, so that what differs is what Landfall adds.
    let provider = Arc::new(landfall_pki::server_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ignore_client_order = true;
    Ok(config)
}
