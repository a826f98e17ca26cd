//! Wires the server: loads what it is made of, builds it, spawns it, drains it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use landfall_api::signature::{AccessKeyId, SecretAccessKey};
use landfall_api_server::explanation::{ClientIdSource, DecisionExplainer, ExplainedDecision, NotExplained};
use landfall_api_server::{
    AccessKey, ApiServer, Authentication, MessagePublisher, PageTokenKey, RejectionSource,
};
use landfall_broker::{Broker, ExplainError, Explainer, HandshakeRejections, Publisher, Registrar};
use landfall_model::{CertificateId, ClientId, Clock, Scope};
use landfall_mqtt::Message;
use landfall_policy::PolicyAction;
use landfall_registration::{InactiveCaDevices, Settings, SettingsSource};
use landfall_registry::Registry;
use landfall_registry_sqlite::SqliteRegistry;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, info, warn};

use crate::clock::SystemClock;
use crate::data_dir::{Credentials, DataDir, Secrets, ServerInfo};
use crate::identity::{OwnCertificate, ServerIdentity};
use crate::lifecycle::Lifecycle;
use crate::own_ca::OwnCa;

/// How a server is set up.
pub(crate) struct Config {
    /// All of its state.
    pub(crate) data: PathBuf,
    /// Where it serves MQTT over TLS; port 0 takes a free one.
    pub(crate) mqtt_listen: SocketAddr,
    /// Where it serves the API; port 0 takes a free one.
    pub(crate) http_listen: SocketAddr,
    /// The name by which devices reach it.
    pub(crate) hostname: String,
    /// Account and region.
    pub(crate) scope: Scope,
    /// Who provisions devices.
    pub(crate) registrar: Registrar,
    /// What becomes of registered devices when their CA certificate is set INACTIVE.
    pub(crate) inactive_ca_devices: InactiveCaDevices,
    /// Whether MQTT 5 clients are told why a policy denies them.
    pub(crate) policy_reasons: bool,
    /// How long a first connection is held.
    pub(crate) first_connect_hold: Duration,
    /// The user's own server certificate; none has one made.
    pub(crate) certificate: Option<OwnCertificate>,
    /// How long a thing type has to be deprecated before it can be deleted.
    pub(crate) thing_type_deletion_delay: Duration,
    /// Whether unsigned API requests are taken.
    pub(crate) insecure_api: bool,
}

/// A server that listens, and serves once it is spawned.
pub(crate) struct App {
    broker: Broker,
    api: ApiServer,
    running: Running,
}

/// A server that serves.
pub(crate) struct Running {
    registry: Arc<SqliteRegistry>,
    lifecycle: Lifecycle,
    info: ServerInfo,
    /// Kept to the last: it is what keeps a second server out.
    data: DataDir,
}

/// File descriptors that are not for connections: the database, its readers, listeners, the log.
const FILES_RESERVED: u64 = 64;

/// One in so many of the file descriptors is for the API, so that a full broker does not shut operators out.
const FILES_OF_API: u64 = 8;

/// The fewest file descriptors with which a server is of use.
const FILES_MIN: u64 = 256;

impl Config {
    /// Opens everything and listens.
    ///
    /// # Errors
    /// Something that the server needs cannot be had; the error says what to do.
    pub(crate) async fn build(self) -> Result<App> {
        let mut limits = landfall_broker::Limits::default();
        let mut api_limits = landfall_api_server::Limits::default();
        share_files(&mut limits.connections_max, &mut api_limits.connections_max)?;
        self.check()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let data = DataDir::open(&self.data)?;
        let identity = match &self.certificate {
            Some(files) => ServerIdentity::own(files)?,
            None => ServerIdentity::made(&data, &self.hostname, clock.now())?,
        };
        let device_ca = OwnCa::DEVICES.open(&data, clock.now())?;
        debug!(ca.id = %device_ca.anchor().id(), "device CA is ready");
        let secrets = data.secrets(make_secrets)?;
        let settings = Settings::compile(&SettingsSource::default(), &self.scope)?;
        let sqlite = landfall_registry_sqlite::Config::new(data.file("registry.db"));
        let registry = SqliteRegistry::open(sqlite).context("cannot open the registry")?;
        let as_registry = Arc::clone(&registry) as Arc<dyn Registry>;
        let lifecycle = Lifecycle::default();
        let broker = landfall_broker::Config {
            listen: self.mqtt_listen,
            certificate: identity.chain,
            key: identity.key,
            scope: self.scope.clone(),
            registrar: self.registrar,
            inactive_ca_devices: self.inactive_ca_devices,
            policy_reasons: self.policy_reasons,
            first_connect_hold: self.first_connect_hold,
            limits,
        };
        let tracker = lifecycle.tracker.clone();
        let broker =
            Broker::build(broker, Arc::clone(&as_registry), Arc::new(settings), Arc::clone(&clock), tracker)
                .await;
        let broker = broker.map_err(|error| port_remedy(error, "--mqtt-listen"))?;
        let api = landfall_api_server::Config {
            listen: self.http_listen,
            limits: api_limits,
            scope: self.scope.clone(),
            hostname: self.hostname,
            credentials: access_key(&secrets.credentials)?,
            authentication: if self.insecure_api {
                Authentication::Insecure
            } else {
                Authentication::Required
            },
            page_token_key: page_token_key(&secrets)?,
            device_ca: Arc::new(device_ca),
            thing_type_deletion_delay: self.thing_type_deletion_delay,
        };
        let rejections: Arc<dyn RejectionSource> = Arc::new(Rejections(broker.rejections()));
        let publisher: Arc<dyn MessagePublisher> = Arc::new(Messages(broker.publisher()));
        let explainer: Arc<dyn DecisionExplainer> = Arc::new(Decisions(broker.explainer()));
        let api = ApiServer::build(api, as_registry, clock, rejections, publisher, explainer).await;
        let api = api.context("cannot serve the API at the address of --http-listen")?;
        let info = ServerInfo {
            mqtt: broker.local_addr().to_string(),
            http: api.local_addr().to_string(),
            server_ca: identity.ca_path,
            pid: std::process::id(),
            region: self.scope.region.to_string(),
            credentials: secrets.credentials,
        };
        Ok(App { broker, api, running: Running { registry, lifecycle, info, data } })
    }

    fn check(&self) -> Result<()> {
        if !self.http_listen.ip().is_loopback() {
            bail!(
                "--http-listen {} is not a loopback address, and the API is plain HTTP: listen on 127.0.0.1 and put a proxy with TLS in front of it",
                self.http_listen
            );
        }
        Ok(())
    }
}

impl App {
    /// Begins to serve, and tells other commands where.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub(crate) fn spawn(self) -> Result<Running> {
        let Self { broker, api, running } = self;
        let stopping = &running.lifecycle.stopping;
        broker.spawn(stopping);
        api.spawn(&running.lifecycle.tracker, stopping.clone());
        running.data.publish(&running.info)?;
        Ok(running)
    }
}

impl Running {
    /// Where it serves, and the keys of its API.
    pub(crate) fn info(&self) -> &ServerInfo {
        &self.info
    }

    /// Stops accepting, ends the connections, and closes the registry.
    pub(crate) async fn drain(self, grace: Duration) {
        if !self.lifecycle.drain(grace).await {
            let open = self.lifecycle.tracker.len();
            warn!(tasks.open = open, limit = "--drain", "not everything came to its end in time");
        }
        self.registry.close().await;
        drop(self.data);
        info!("server stopped");
    }
}

/// Raises the limit on file descriptors as far as the system lets us, and brings the numbers of connections within it.
fn share_files(broker_max: &mut usize, api_max: &mut usize) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current < maximum || (maximum.is_none() && current.is_some()) {
        // Refused where a sandbox forbids it; then the limit is what it was.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    let Some(files) = getrlimit(Resource::Nofile).current else {
        return Ok(());
    };
    if files < FILES_MIN {
        bail!(
            "the limit on open files is {files}, and a server needs {FILES_MIN} at least: raise it with `ulimit -n`"
        );
    }
    let of_api = files / FILES_OF_API;
    let of_broker = files - of_api - FILES_RESERVED;
    *api_max = usize::try_from(of_api).unwrap_or(usize::MAX).min(*api_max);
    let allowed = usize::try_from(of_broker).unwrap_or(usize::MAX);
    if allowed < *broker_max {
        info!(
            connections_max = allowed,
            files,
            "the limit on open files allows fewer connections than the default; raise it with `ulimit -n`"
        );
        *broker_max = allowed;
    }
    Ok(())
}

/// Says what to do about a port that another program has.
fn port_remedy(error: impl std::error::Error + Send + Sync + 'static, option: &str) -> anyhow::Error {
    let in_use = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::AddrInUse);
    let error = anyhow::Error::new(error);
    if !in_use {
        return error;
    }
    let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
    anyhow::anyhow!(
        "{}; another program has that port: stop it, or choose another port with {option}",
        causes.join(": ")
    )
}

fn make_secrets() -> Secrets {
    // Each UUID carries 122 random bits of the system.
    let random = || uuid::Uuid::new_v4().simple().to_string();
    let id = random().to_ascii_uppercase();
    let credentials = Credentials {
        access_key_id: format!("AKIA{}", id.get(..16).unwrap_or(&id)),
        secret_access_key: format!("{}{}", random(), random()),
    };
    Secrets { credentials, page_token_key: format!("{}{}", random(), random()) }
}

fn access_key(credentials: &Credentials) -> Result<AccessKey> {
    Ok(AccessKey {
        id: AccessKeyId::parse(&credentials.access_key_id)?,
        secret: SecretAccessKey::new(credentials.secret_access_key.clone()),
    })
}

fn page_token_key(secrets: &Secrets) -> Result<PageTokenKey> {
    let mut key = [0; 32];
    hex::decode_to_slice(&secrets.page_token_key, &mut key)
        .context("page_token_key in credentials.json is not 64 hex digits")?;
    Ok(PageTokenKey::from_bytes(key))
}

/// The broker's rejections as the API shows them.
struct Rejections(Arc<HandshakeRejections>);

impl RejectionSource for Rejections {
    fn handshake_rejections(&self) -> Vec<landfall_api_server::HandshakeRejection> {
        let convert = |rejection: landfall_broker::HandshakeRejection| {
            let landfall_broker::HandshakeRejection { at, peer, code, message } = rejection;
            landfall_api_server::HandshakeRejection { at, peer, code, message }
        };
        self.0.list().into_iter().map(convert).collect()
    }
}

/// The broker as the API publishes to it.
struct Messages(Publisher);

#[async_trait]
impl MessagePublisher for Messages {
    async fn publish(&self, message: Message, expires_after: Option<Duration>) {
        self.0.publish(message, expires_after).await;
    }
}

/// The broker's decisions as the API explains them.
struct Decisions(Explainer);

#[async_trait]
impl DecisionExplainer for Decisions {
    async fn explain(
        &self,
        certificate: CertificateId,
        client_id: Option<ClientId>,
        action: PolicyAction,
        resource: &str,
    ) -> Result<ExplainedDecision, NotExplained> {
        let explained = self.0.explain(certificate, client_id, action, resource).await;
        let landfall_broker::Explained {
            client_id,
            client_id_source,
            is_connected,
            refusal,
            unknown,
            explanation,
        } = explained.map_err(|problem| match problem {
            ExplainError::NotRegistered { .. } => NotExplained::NotRegistered,
            ExplainError::NoClientId => NotExplained::NoClientId(problem.to_string()),
            problem @ (ExplainError::Certificate(_) | ExplainError::Storage(_)) => {
                NotExplained::Failed(Box::new(problem))
            }
        })?;
        let client_id_source = match client_id_source {
            landfall_broker::ClientIdSource::Given => ClientIdSource::Given,
            landfall_broker::ClientIdSource::Connection => ClientIdSource::Connection,
            landfall_broker::ClientIdSource::Thing => ClientIdSource::Thing,
        };
        Ok(ExplainedDecision { client_id, client_id_source, is_connected, refusal, unknown, explanation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of a struct's fields, as its `Debug` writes them.
    fn names(debug: &str) -> Vec<&str> {
        let named = |part: &str| part.contains(": ");
        debug
            .split(['{', ',', '}'])
            .filter(|part| named(part))
            .filter_map(|part| part.split(':').next())
            .map(str::trim)
            .collect()
    }

    #[test]
    fn every_limit_is_in_the_documentation() {
        let documentation = include_str!("../../../docs/limits.md");
        let broker = landfall_broker::Limits::default();
        let sqlite = landfall_registry_sqlite::Config::new("registry.db");
        for debug in [
            format!("{broker:?}"),
            format!("{:?}", landfall_api_server::Limits::default()),
            format!("{sqlite:?}"),
        ] {
            for name in names(&debug).into_iter().filter(|name| !["path", "session"].contains(name)) {
                assert!(documentation.contains(&format!("`{name}`")), "{name} is missing in docs/limits.md");
            }
        }
    }

    #[test]
    fn secrets_are_made_anew_each_time() {
        let (one, other) = (make_secrets(), make_secrets());
        assert_ne!(one.credentials.secret_access_key, other.credentials.secret_access_key);
        assert_ne!(one.page_token_key, other.page_token_key);
        assert!(access_key(&one.credentials).is_ok() && page_token_key(&one).is_ok());
    }
}
