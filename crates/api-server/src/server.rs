use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router as Shell;
use landfall_api::{PageTokens, Router, RouterError};
use landfall_model::Clock;
use landfall_registry::{CommitObserver, Registry};
use landfall_services::MessagePublisher;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use crate::config::{Authentication, Config};
use crate::connection::{ConnectionInfo, LimitedListener};
use crate::dispatch::App;
use crate::explanation::DecisionExplainer;
use crate::function_host::FunctionHost;
use crate::handler::handlers;
use crate::landfall::RejectionSource;
use crate::metrics::MetricsSource;
use crate::registered_cas::RegisteredCas;
use crate::registration_job::RegistrationRetrier;
use crate::settings::SettingsReloader;
use crate::shell;
use crate::topic_rule_destination::DestinationConfirmer;

/// The API on its port, not yet serving.
pub struct ApiServer {
    listener: LimitedListener,
    address: SocketAddr,
    app: Arc<App>,
}

/// What the API needs of the rest of the server.
#[derive(Clone)]
pub struct Ports {
    /// What it reads and changes.
    pub registry: Arc<dyn Registry>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The last rejected handshakes.
    pub rejections: Arc<dyn RejectionSource>,
    /// Where published messages go.
    pub publisher: Arc<dyn MessagePublisher>,
    /// What asks destinations of topic rules to confirm.
    pub confirmer: Arc<dyn DestinationConfirmer>,
    /// What keeps and runs functions.
    pub functions: Arc<dyn FunctionHost>,
    /// What explains decisions.
    pub explainer: Arc<dyn DecisionExplainer>,
    /// What counts and measures.
    pub metrics: Arc<dyn MetricsSource>,
    /// What reads the registrar's settings anew.
    pub settings: Arc<dyn SettingsReloader>,
    /// What tries registrations again.
    pub registrations: Arc<dyn RegistrationRetrier>,
}

/// Why the API cannot be served.
#[derive(Debug, Error)]
pub enum BuildError {
    /// Another program has the port.
    #[error("the address {address} is in use; stop the program that listens there, or choose another port")]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Unsigned requests from other machines.
    #[error(
        "unsigned requests are taken on a loopback address only, and {address} is none; listen on 127.0.0.1, or \
         have requests signed"
    )]
    InsecureOffLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The service models and the handlers do not fit together.
    #[error("the API's operations cannot be put together")]
    Operations(#[from] RouterError),
}

impl ApiServer {
    /// Binds the port and checks everything. Connections wait in the listen queue until [`Self::spawn`].
    ///
    /// # Errors
    /// The address cannot be listened on, or unsigned requests would be taken from other machines.
    pub async fn build(config: Config, ports: Ports) -> Result<Self, BuildError> {
        let Ports {
            registry,
            clock,
            rejections,
            publisher,
            confirmer,
            functions,
            explainer,
            metrics,
            settings,
            registrations,
        } = ports;
        let Config {
            listen,
            limits,
            scope,
            hostname,
            credentials,
            authentication,
            page_token_key,
            device_ca,
            thing_type_deletion_delay,
        } = config;
        if authentication == Authentication::Insecure && !listen.ip().is_loopback() {
            return Err(BuildError::InsecureOffLoopback { address: listen });
        }
        let router = Router::new(handlers())?;
        let (tcp, address) = bind(listen).await?;
        let listener = LimitedListener::new(tcp, limits.connections_max, limits.idle_timeout);
        let requests = Semaphore::new(limits.requests_max.min(Semaphore::MAX_PERMITS));
        let code_uploads = Semaphore::new(limits.code_uploads_max.clamp(1, Semaphore::MAX_PERMITS));
        let invocations = Semaphore::new(limits.invocations_max.min(Semaphore::MAX_PERMITS));
        let key_generations = Semaphore::new(limits.key_generations_max.clamp(1, Semaphore::MAX_PERMITS));
        let registered_cas = Arc::new(RegisteredCas::default());
        registry.observe(Arc::clone(&registered_cas) as Arc<dyn CommitObserver>);
        let app = App {
            router,
            page_tokens: PageTokens::new(page_token_key.as_bytes()),
            registry,
            clock,
            rejections,
            publisher,
            confirmer,
            functions,
            explainer,
            metrics,
            settings,
            registrations,
            scope,
            hostname,
            credentials,
            authentication,
            limits,
            device_ca,
            key_generations: Arc::new(key_generations),
            thing_type_deletion_delay,
            requests,
            code_uploads: Arc::new(code_uploads),
            invocations,
            ca_registrations: Mutex::new(()),
            registered_cas,
        };
        Ok(Self { listener, address, app: Arc::new(app) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stopping`: then no connection is accepted, idle ones are closed, and what is under way is
    /// finished.
    pub fn spawn(self, tracker: &TaskTracker, stopping: CancellationToken) {
        let Self { listener, address, app } = self;
        let shell = Shell::new().fallback(shell::serve).with_state(app);
        let shell = shell.into_make_service_with_connect_info::<ConnectionInfo>();
        let serving = axum::serve(listener, shell).with_graceful_shutdown(stopping.cancelled_owned());
        tracker.spawn(async move {
            if let Err(error) = serving.await {
                error!(%address, %error, "the API is no longer served");
            }
        });
    }
}

/// Binds the port, and says which one it is.
async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), BuildError> {
    let failed = |source: io::Error| {
        if source.kind() == io::ErrorKind::AddrInUse {
            BuildError::AddressInUse { address: listen }
        } else {
            BuildError::Listen { address: listen, source }
        }
    };
    let tcp = TcpListener::bind(listen).await.map_err(failed)?;
    let address = tcp.local_addr().map_err(failed)?;
    Ok((tcp, address))
}
