//! The certificate that the server shows to devices: the user's own, or one of a CA that is made on the first start.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use landfall_model::UnixTime;
use landfall_pki::{KeyKind, KeyPair, ParsedCertificate, ServerRequest, Subject, validity_of_days};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::data_dir::DataDir;
use crate::own_ca::OwnCa;

/// The server's certificate, its key, and where clients find whom to trust.
pub(crate) struct ServerIdentity {
    /// Leaf first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The key of the leaf.
    pub(crate) key: PrivateKeyDer<'static>,
    /// The CA certificate by which clients trust the server.
    pub(crate) ca_path: PathBuf,
}

/// The user's own certificate, as files.
pub(crate) struct OwnCertificate {
    /// The chain in PEM, leaf first.
    pub(crate) certificate: PathBuf,
    /// The key in PEM.
    pub(crate) key: PathBuf,
}

/// A new one is signed at each start, so that it needs not live long; some clients take none that lives longer.
const SERVER_DAYS: u32 = 397;

impl ServerIdentity {
    /// Reads the user's own certificate.
    ///
    /// # Errors
    /// A file cannot be read, or is not what it should be.
    pub(crate) fn own(files: &OwnCertificate) -> Result<Self> {
        let OwnCertificate { certificate, key } = files;
        let chain = ParsedCertificate::all_from_pem(&read(certificate)?)
            .with_context(|| format!("{} is not a certificate in PEM", certificate.display()))?;
        let pair = KeyPair::from_pem(&read(key)?)
            .with_context(|| format!("{} is not a key in PEM", key.display()))?;
        Ok(Self {
            chain: chain.iter().map(to_rustls).collect(),
            key: pair.to_private_key_der()?,
            ca_path: certificate.canonicalize()?,
        })
    }

    /// Signs a certificate for `hostname` and this machine's loopback names, with the CA in the data directory, which
    /// is made if there is none.
    ///
    /// # Errors
    /// A file cannot be read or written, or `hostname` is not a name that a certificate can have.
    pub(crate) fn made(data: &DataDir, hostname: &str, now: UnixTime) -> Result<Self> {
        let issuer = OwnCa::SERVER.open(data, now)?;
        let pair = KeyPair::generate(KeyKind::P256)?;
        let names = names(hostname)?;
        let subject = Subject::common_name(hostname)?;
        let request = ServerRequest {
            subject: &subject,
            public_key: pair.public_key(),
            validity: validity_of_days(now, SERVER_DAYS),
            names: &names,
        };
        let certificate = issuer.sign_server(&request).context("cannot sign the server's certificate")?;
        Ok(Self {
            chain: vec![to_rustls(&certificate), to_rustls(issuer.certificate())],
            key: pair.to_private_key_der()?,
            ca_path: OwnCa::SERVER.certificate_path(data),
        })
    }
}

/// What clients may call the server: its hostname, and this machine's names for itself.
fn names(hostname: &str) -> Result<Vec<ServerName<'static>>> {
    let hostname = ServerName::try_from(hostname.to_owned())
        .with_context(|| format!("--hostname {hostname:?} is neither a DNS name nor an IP address"))?;
    let localhost = ServerName::try_from("localhost")?;
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    let mut names = vec![hostname, localhost];
    names.extend(loopback.map(ServerName::from));
    let mut unique = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    Ok(unique)
}

fn to_rustls(certificate: &ParsedCertificate) -> CertificateDer<'static> {
    CertificateDer::from(certificate.der().as_bytes().to_vec())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
