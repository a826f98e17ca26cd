//! Wires the server: loads what it is made of, builds it, spawns it, drains it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use landfall_actions::{Engine, ExecConfig, FunctionsOff, HttpConfig, HttpSender, Programs};
use landfall_actions_aws::AwsServices;
use landfall_api::signature::{AccessKeyId, SecretAccessKey};
use landfall_api_server::{AccessKey, ApiServer, Authentication, NoFunctions, PageTokenKey, Ports};
use landfall_broker::Broker;
use landfall_functions::{ApiAccess, FunctionRunner, Invoker};
use landfall_interceptors::Chain;
use landfall_log_sinks::LogSinks;
use landfall_model::{Clock, Scope};
use landfall_registration::InactiveCaDevices;
use landfall_registry::Registry;
use landfall_registry_sqlite::SqliteRegistry;
use landfall_services::{FunctionInvoker, MessageQueues, Tables};
use prometheus_client::registry::Registry as MetricsRegistry;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::aws;
use crate::clock::SystemClock;
use crate::data_dir::{Credentials, DataDir, RegistrarInfo, Secrets, ServerInfo};
use crate::identity::{OwnCertificate, ServerIdentity};
use crate::lifecycle::Lifecycle;
use crate::own_ca::OwnCa;
use crate::ports::{
    Confirmations, Decisions, Functions, Metrics, RegistrarSettings, Rejections, Reloader, Retries,
};
use crate::settings::SettingsSources;

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
    /// How devices are provisioned, and by whom.
    pub(crate) settings: SettingsSources,
    /// What becomes of registered devices when their CA certificate is set INACTIVE.
    pub(crate) inactive_ca_devices: InactiveCaDevices,
    /// Whether MQTT 5 clients are told why a policy denies them.
    pub(crate) policy_reasons: bool,
    /// The user's own server certificate; none has one made.
    pub(crate) certificate: Option<OwnCertificate>,
    /// How long a thing type has to be deprecated before it can be deleted.
    pub(crate) thing_type_deletion_delay: Duration,
    /// Where SQS, DynamoDB and CloudWatch are, if not at AWS.
    pub(crate) aws_endpoint_url: Option<String>,
    /// Whether functions and programs are switched off.
    pub(crate) no_functions: bool,
    /// Whether unsigned API requests are taken.
    pub(crate) insecure_api: bool,
}

/// A server that listens, and serves once it is spawned.
pub(crate) struct App {
    broker: Broker,
    rules: Arc<Engine>,
    log_sinks: LogSinks,
    /// Functions, with the queues of their event sources.
    functions: Option<(Arc<FunctionRunner>, Arc<dyn MessageQueues>)>,
    api: ApiServer,
    running: Running,
}

/// What every part of the server stands on.
struct Base {
    clock: Arc<dyn Clock>,
    data: DataDir,
    secrets: Secrets,
    registry: Arc<SqliteRegistry>,
    lifecycle: Lifecycle,
    settings: Arc<RegistrarSettings>,
}

/// What the server reaches beside devices and its own registry.
struct Outside {
    aws: Arc<AwsServices>,
    http: Arc<HttpSender>,
    /// None when they are switched off.
    functions: Option<Arc<FunctionRunner>>,
}

/// A server that serves.
pub(crate) struct Running {
    registry: Arc<SqliteRegistry>,
    lifecycle: Lifecycle,
    settings: Arc<RegistrarSettings>,
    functions: Option<Arc<FunctionRunner>>,
    info: ServerInfo,
    /// Kept to the last: it is what keeps a second server out.
    data: DataDir,
}

/// The subcommand that functions are run by: it limits itself, and then becomes the function.
pub(crate) const FUNCTION_LAUNCHER: &str = "function-launcher";

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
        let base = Base::open(&self)?;
        let identity = match &self.certificate {
            Some(files) => ServerIdentity::own(files)?,
            None => ServerIdentity::made(&base.data, &self.hostname, base.clock.now())?,
        };
        let server_ca = identity.ca_path.clone();
        let mut metrics = MetricsRegistry::default();
        let outside = Outside::build(&self, &base, &mut metrics)?;
        let rules = self.rules(&base, &outside).await?;
        rules.register_metrics(&mut metrics);
        let log_sinks = outside.log_sinks(&base);
        log_sinks.register_metrics(&mut metrics);
        let broker = self.broker(&base, &outside, identity, Arc::clone(&rules), limits).await?;
        let api_url = watch::Sender::new(String::new());
        let api = self.api(&base, &outside, &broker, metrics, api_url.subscribe(), api_limits).await?;
        let Base { clock: _, data, secrets, registry, lifecycle, settings } = base;
        let info = ServerInfo {
            mqtt: broker.local_addr().to_string(),
            http: api.local_addr().to_string(),
            server_ca,
            pid: std::process::id(),
            region: self.scope.region.to_string(),
            registrar: RegistrarInfo::of(&self.settings),
            credentials: secrets.credentials,
        };
        api_url.send_replace(info.endpoint());
        let Outside { aws, functions, .. } = outside;
        let running = Running { registry, lifecycle, settings, functions: functions.clone(), info, data };
        let functions = functions.map(|runner| (runner, aws as Arc<dyn MessageQueues>));
        Ok(App { broker, rules, log_sinks, functions, api, running })
    }

    /// The engine of topic rules.
    async fn rules(&self, base: &Base, outside: &Outside) -> Result<Arc<Engine>> {
        let services = landfall_actions::Services {
            functions: outside.invoker(),
            queues: Arc::clone(&outside.aws) as Arc<dyn MessageQueues>,
            tables: Arc::clone(&outside.aws) as Arc<dyn Tables>,
            metrics: Arc::clone(&outside.aws) as Arc<dyn landfall_services::Metrics>,
            http: Arc::clone(&outside.http),
            programs: programs(self.no_functions),
        };
        let config = landfall_actions::Config {
            scope: self.scope.clone(),
            limits: landfall_actions::Limits::default(),
        };
        let rules = Engine::build(config, base.registry(), services, base.clock(), base.tracker());
        rules.await.context("cannot read the topic rules")
    }

    async fn broker(
        &self,
        base: &Base,
        outside: &Outside,
        identity: ServerIdentity,
        rules: Arc<Engine>,
        limits: landfall_broker::Limits,
    ) -> Result<Broker> {
        let ports = landfall_interceptors::Ports {
            scope: self.scope.clone(),
            registry: base.registry(),
            functions: outside.invoker(),
            clock: base.clock(),
        };
        let config = landfall_broker::Config {
            listen: self.mqtt_listen,
            certificate: identity.chain,
            key: identity.key,
            scope: self.scope.clone(),
            inactive_ca_devices: self.inactive_ca_devices,
            policy_reasons: self.policy_reasons,
            settings: base.settings.current.subscribe(),
            interceptors: Arc::new(Chain::new(Arc::clone(&base.settings.interceptors), ports)),
            limits,
        };
        let broker = Broker::build(config, base.registry(), rules, base.clock(), base.tracker()).await;
        broker.map_err(|error| port_remedy(error, "--mqtt-listen"))
    }

    async fn api(
        &self,
        base: &Base,
        outside: &Outside,
        broker: &Broker,
        metrics: MetricsRegistry,
        api_url: watch::Receiver<String>,
        limits: landfall_api_server::Limits,
    ) -> Result<ApiServer> {
        let device_ca = OwnCa::DEVICES.open(&base.data, base.clock.now())?;
        debug!(ca.id = %device_ca.anchor().id(), "device CA is ready");
        let config = landfall_api_server::Config {
            listen: self.http_listen,
            limits,
            scope: self.scope.clone(),
            hostname: self.hostname.clone(),
            credentials: access_key(&base.secrets.credentials)?,
            authentication: match self.insecure_api {
                true => Authentication::Insecure,
                false => Authentication::Required,
            },
            page_token_key: page_token_key(&base.secrets)?,
            device_ca: Arc::new(device_ca),
            thing_type_deletion_delay: self.thing_type_deletion_delay,
        };
        let confirmer = Confirmations {
            http: Arc::clone(&outside.http),
            registry: base.registry(),
            clock: base.clock(),
            scope: self.scope.clone(),
            api_url,
            tracker: base.tracker(),
        };
        let ports = Ports {
            registry: base.registry(),
            clock: base.clock(),
            rejections: Arc::new(Rejections(broker.rejections())),
            publisher: Arc::new(broker.publisher()),
            confirmer: Arc::new(confirmer),
            functions: match &outside.functions {
                Some(runner) => Arc::new(Functions(Arc::clone(runner))),
                None => Arc::new(NoFunctions),
            },
            explainer: Arc::new(Decisions(broker.explainer())),
            metrics: Arc::new(Metrics(metrics)),
            settings: Arc::new(Reloader(Arc::clone(&base.settings))),
            registrations: Arc::new(Retries(broker.registration_retrier())),
        };
        let api = ApiServer::build(config, ports).await;
        api.context("cannot serve the API at the address of --http-listen")
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

impl Base {
    fn open(config: &Config) -> Result<Self> {
        let data = DataDir::open(&config.data)?;
        let secrets = data.secrets(make_secrets)?;
        let settings = RegistrarSettings::open(config.settings.clone(), config.scope.clone())?;
        let sqlite = landfall_registry_sqlite::Config::new(data.file("registry.db"));
        let registry = SqliteRegistry::open(sqlite).context("cannot open the registry")?;
        let lifecycle = Lifecycle::default();
        Ok(Self {
            clock: Arc::new(SystemClock),
            data,
            secrets,
            registry,
            lifecycle,
            settings: Arc::new(settings),
        })
    }

    fn registry(&self) -> Arc<dyn Registry> {
        Arc::clone(&self.registry) as Arc<dyn Registry>
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn tracker(&self) -> TaskTracker {
        self.lifecycle.tracker.clone()
    }
}

impl Outside {
    fn build(config: &Config, base: &Base, metrics: &mut MetricsRegistry) -> Result<Self> {
        let aws = aws::services(config.scope.region.clone(), config.aws_endpoint_url.clone())?;
        let functions = match config.no_functions {
            true => None,
            false => {
                let config = function_config(&base.data, config.scope.clone())?;
                let runner = FunctionRunner::build(config, base.registry(), base.clock(), base.tracker())?;
                runner.register_metrics(metrics);
                Some(runner)
            }
        };
        let http = Arc::new(HttpSender::new(HttpConfig::default()));
        Ok(Self { aws: Arc::new(aws), http, functions })
    }

    /// Where the registration log goes besides the registry.
    fn log_sinks(&self, base: &Base) -> LogSinks {
        let services = landfall_log_sinks::Services {
            tables: Arc::clone(&self.aws) as Arc<dyn Tables>,
            queues: Arc::clone(&self.aws) as Arc<dyn MessageQueues>,
            metrics: Arc::clone(&self.aws) as Arc<dyn landfall_services::Metrics>,
        };
        LogSinks::build(base.settings.log_sinks.subscribe(), base.registry(), services, base.clock())
    }

    /// Who invokes functions.
    fn invoker(&self) -> Arc<dyn FunctionInvoker> {
        match &self.functions {
            Some(runner) => Arc::new(Invoker::new(Arc::clone(runner))),
            None => Arc::new(FunctionsOff),
        }
    }
}

impl App {
    /// Begins to serve, and tells other commands where.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub(crate) fn spawn(self) -> Result<Running> {
        let Self { broker, rules, log_sinks, functions, api, running } = self;
        let stopping = &running.lifecycle.stopping;
        if let Some((functions, queues)) = functions {
            let Credentials { access_key_id, secret_access_key } = running.info.credentials.clone();
            let endpoint_url = running.info.endpoint();
            functions.spawn(ApiAccess { endpoint_url, access_key_id, secret_access_key }, queues, stopping);
        }
        rules.spawn(Arc::new(broker.publisher()), stopping);
        log_sinks.spawn(&running.lifecycle.tracker, stopping);
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

    /// The settings of the registrar.
    pub(crate) fn settings(&self) -> Arc<RegistrarSettings> {
        Arc::clone(&self.settings)
    }

    /// Stops accepting, ends the connections, and closes the registry.
    pub(crate) async fn drain(self, grace: Duration) {
        if !self.lifecycle.drain(grace).await {
            let open = self.lifecycle.tracker.len();
            warn!(tasks.open = open, limit = "--drain", "not everything came to its end in time");
            // What functions started would outlive us.
            if let Some(functions) = &self.functions {
                functions.kill_all().await;
            }
        }
        self.registry.close().await;
        drop(self.data);
        info!("server stopped");
    }
}

/// How functions are run.
fn function_config(data: &DataDir, scope: Scope) -> Result<landfall_functions::Config> {
    let program = std::env::current_exe().context("cannot find this program, which functions are run by")?;
    Ok(landfall_functions::Config {
        data: data.path().to_owned(),
        launcher: vec![program.into(), FUNCTION_LAUNCHER.into()],
        search_path: std::env::var_os("PATH").unwrap_or_default(),
        scope,
        limits: landfall_functions::Limits::default(),
    })
}

/// The programs that rule actions may run; whoever may not make functions may not run programs either.
fn programs(no_functions: bool) -> Option<Programs> {
    let environment = ExecConfig::environment_of(std::env::vars_os());
    (!no_functions).then(|| Programs::new(ExecConfig { environment, ..ExecConfig::default() }))
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
            format!("{:?}", landfall_log_sinks::Limits::default()),
            format!("{:?}", landfall_actions::Limits::default()),
            format!("{:?}", landfall_functions::Limits::default()),
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
