//! The server that is measured, as every benchmark starts it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use landfall_api::signature::{AccessKeyId, Credentials, SecretAccessKey};
use landfall_model::UnixTime;
use landfall_pki::{Issuer, KeyKind, KeyPair, Subject, validity_of_days};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::client::Caller;
use crate::process::Server;

/// A Landfall in a directory of its own.
pub(crate) struct Landfall {
    pub(crate) server: Server,
    program: PathBuf,
    folder: PathBuf,
}

impl Landfall {
    /// Starts this program, with its data in `folder`.
    pub(crate) fn start(program: &Path, folder: &Path) -> Result<Self> {
        Self::start_with(program, folder, &[])
    }

    /// The same, with more options.
    pub(crate) fn start_with(program: &Path, folder: &Path, options: &[&str]) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut serve = Command::new(program);
        let listen = ["--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
        serve.arg("serve").args(listen).args(["--log", "warn", "--data"]).arg(folder.join("data"));
        serve.args(options);
        let server = Server::start(&mut serve)?;
        ensure!(server.ready.contains("ready"), "landfall did not start");
        Ok(Self { server, program: program.to_owned(), folder: folder.to_owned() })
    }

    /// Where MQTT is served.
    pub(crate) fn mqtt(&self) -> Result<SocketAddr> {
        let text = fs::read(self.folder.join("data/server.json"))?;
        let server: serde_json::Value = serde_json::from_slice(&text)?;
        address(server.get("mqtt").and_then(serde_json::Value::as_str).unwrap_or_default())
    }

    /// The CA certificate by which clients trust the server.
    pub(crate) fn server_ca(&self) -> Result<CertificateDer<'static>> {
        last_certificate(&self.folder.join("data/server-ca.pem"))
    }

    /// Who calls the API.
    pub(crate) fn caller(&self) -> Result<Arc<Caller>> {
        let exports = Command::new(&self.program).args(["env", "--data"]).arg(self.data()).output()?;
        let exports = String::from_utf8(exports.stdout)?;
        let value = |wanted: &str| {
            let prefix = format!("export {wanted}=");
            let found = exports.lines().find_map(|line| line.strip_prefix(&prefix));
            found.with_context(|| format!("landfall env does not print {wanted}")).map(str::to_owned)
        };
        let credentials = credentials(&value("AWS_ACCESS_KEY_ID")?, value("AWS_SECRET_ACCESS_KEY")?)?;
        let caller = Caller::new(&value("AWS_ENDPOINT_URL")?, credentials, value("AWS_DEFAULT_REGION")?)?;
        Ok(Arc::new(caller))
    }

    /// Registers the CA of devices: ACTIVE, with auto-registration.
    pub(crate) fn register_ca(&self, devices: &Issuer) -> Result<()> {
        fs::write(self.folder.join("ca-certificate.pem"), devices.certificate().to_pem())?;
        fs::write(self.folder.join("ca-certificate.key"), devices.key().to_pem()?)?;
        let mut register = Command::new(&self.program);
        register.args(["ca", "register", "--data"]).arg(self.data()).arg("--directory").arg(&self.folder);
        let status = register.env_remove("AWS_ENDPOINT_URL").status()?;
        ensure!(status.success(), "the benchmark's CA could not be registered");
        Ok(())
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// Keys of the API.
pub(crate) fn credentials(access_key_id: &str, secret: String) -> Result<Credentials> {
    Ok(Credentials {
        access_key_id: AccessKeyId::parse(access_key_id)?,
        secret_access_key: SecretAccessKey::new(secret),
        session_token: None,
    })
}

/// Makes a CA on the curve P-256.
pub(crate) fn make_ca(subject: &str) -> Result<Issuer> {
    let key = KeyPair::generate(KeyKind::P256)?;
    Ok(Issuer::self_signed(&Subject::parse(subject)?, key, validity_of_days(now(), 30))?)
}

pub(crate) fn address(text: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| format!("{text:?} is not an address"))
}

/// The last certificate of a file: the CA's.
pub(crate) fn last_certificate(path: &Path) -> Result<CertificateDer<'static>> {
    let text = fs::read(path)?;
    let last = CertificateDer::pem_slice_iter(&text).last().context("no certificate")?;
    Ok(last?)
}

pub(crate) fn now() -> UnixTime {
    #[expect(clippy::disallowed_methods, reason = "a benchmark is a program of its own")]
    let now = SystemTime::now();
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_secs(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
}
