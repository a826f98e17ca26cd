//! The broker: TLS listener, connections and routing.
//!
//! A connection is read in the order in which its data travels: `listener` accepts it, `handshake` proves its chain,
//! `admission` carries out what `registration` decides, `connection` converses, `routing` hands messages on, and
//! `connections` ends it when its certificate may not connect any more.

mod admission;
mod connection;
mod connections;
mod dispatcher;
mod explainer;
mod gathering;
mod handshake;
mod known_certificates;
mod limits;
mod listener;
mod policies;
mod principals;
mod publisher;
mod registration_attempt;
mod registration_queue;
mod registration_retrier;
mod rejections;
mod routing;
#[cfg(test)]
mod tests;
mod touched;
mod trust_anchors;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use landfall_model::{Clock, Scope, TopicFilter};
use landfall_mqtt::{Message, QoS, SubscriptionOptions};
use landfall_pki::{ServerTls, ServerTlsError};
use landfall_registration::{InactiveCaDevices, Interceptors, SettingsSet};
use landfall_registry::{CommitObserver, Registry, StorageError};
use landfall_services::PublishObserver;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::explainer::{ClientIdSource, ExplainError, Explained, Explainer};
pub use crate::limits::Limits;
pub use crate::publisher::Publisher;
pub use crate::registration_retrier::{RegistrationRetrier, Retried, RetryError};
pub use crate::rejections::{HandshakeRejection, HandshakeRejections};

use crate::admission::Admissions;
use crate::connections::Connections;
use crate::dispatcher::Dispatcher;
use crate::known_certificates::KnownCertificates;
use crate::policies::PolicyDocuments;
use crate::principals::RecentPrincipals;
use crate::registration_queue::RegistrationQueue;
use crate::routing::{Delivery, Router};
use crate::touched::Touches;
use crate::trust_anchors::TrustAnchorsKeeper;

/// How a broker is set up.
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate that it shows to devices, leaf first.
    pub certificate: Vec<CertificateDer<'static>>,
    /// The key of that certificate.
    pub key: PrivateKeyDer<'static>,
    /// Account and region.
    pub scope: Scope,
    /// What becomes of registered devices when their CA certificate is set INACTIVE.
    pub inactive_ca_devices: InactiveCaDevices,
    /// Whether MQTT 5 clients are told which statement denies them, or what comes nearest to allowing it. It tells a device
    /// about policies that are none of its business.
    pub policy_reasons: bool,
    /// What holds for the devices of each CA certificate, now and after each change. A connection keeps what held when it came.
    pub settings: watch::Receiver<Arc<SettingsSet>>,
    /// What asks interceptors, where the settings have some.
    pub interceptors: Arc<dyn Interceptors>,
    /// The limits.
    pub limits: Limits,
}

/// A broker that listens, and serves once it is spawned.
pub struct Broker {
    shared: Arc<Shared>,
    listener: TcpListener,
    address: SocketAddr,
    dispatcher: Dispatcher,
}

/// Why a broker cannot be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The address cannot be listened on.
    #[error("cannot listen for MQTT on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The registry cannot be read.
    #[error("cannot read the CA certificates")]
    Registry(#[from] StorageError),
    /// The server's certificate cannot be used.
    #[error("cannot use the server's certificate")]
    Tls(#[from] ServerTlsError),
}

/// What every connection uses.
pub(crate) struct Shared {
    config: SharedConfig,
    settings: watch::Receiver<Arc<SettingsSet>>,
    clock: Arc<dyn Clock>,
    tls: ServerTls,
    anchors: Arc<TrustAnchorsKeeper>,
    admissions: Arc<Admissions>,
    registrations: Arc<RegistrationQueue>,
    policies: PolicyDocuments,
    connections: Arc<Connections>,
    router: Arc<Router>,
    publisher: Publisher,
    rejections: Arc<HandshakeRejections>,
    arn_prefix: Arc<str>,
    handshakes: Semaphore,
    open: Arc<Semaphore>,
    holds: Arc<Semaphore>,
    tracker: TaskTracker,
}

pub(crate) struct SharedConfig {
    limits: Limits,
    policy_reasons: bool,
}

/// Messages for a subscriber in this process.
pub struct Subscription {
    deliveries: mpsc::Receiver<Delivery>,
    entry: connections::Entry,
    router: Arc<Router>,
}

impl Broker {
    /// Listens, and reads what the connection path needs. Serves nothing before [`Self::spawn`].
    ///
    /// # Errors
    /// The address cannot be listened on, the registry cannot be read, or the certificate cannot be used.
    pub async fn build(
        config: Config,
        registry: Arc<dyn Registry>,
        observer: Arc<dyn PublishObserver>,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
    ) -> Result<Self, BuildError> {
        let Config {
            listen,
            certificate,
            key,
            scope,
            inactive_ca_devices,
            policy_reasons,
            settings,
            interceptors,
            limits,
        } = config;
        let listen_error = |source| BuildError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        // In this order: see each.
        let touches = Arc::new(Touches::new());
        registry.observe(Arc::clone(&touches) as Arc<dyn CommitObserver>);
        let principals = Arc::new(RecentPrincipals::new(Arc::clone(&touches), limits.recent_principals_max));
        registry.observe(Arc::clone(&principals) as Arc<dyn CommitObserver>);
        let known = Arc::new(KnownCertificates::new(limits.known_certificates_max));
        registry.observe(Arc::clone(&known) as Arc<dyn CommitObserver>);
        let connections = Arc::new(Connections::new(touches, inactive_ca_devices));
        registry.observe(Arc::clone(&connections) as Arc<dyn CommitObserver>);
        let router = Arc::new(Router::new());
        let publisher = Publisher {
            router: Arc::clone(&router),
            connections: Arc::clone(&connections),
            observer,
            delivery_timeout: limits.delivery_timeout,
        };
        let admissions = Arc::new(Admissions {
            registry: Arc::clone(&registry),
            principals,
            known,
            clock: Arc::clone(&clock),
            inactive_ca_devices,
            scope: scope.clone(),
            attempts_max: limits.admission_attempts_max,
        });
        let registrations = RegistrationQueue::new(
            Arc::clone(&admissions),
            settings.clone(),
            interceptors,
            &limits,
            tracker.clone(),
        );
        let shared = Shared {
            clock,
            tls: ServerTls::new(certificate, key)?,
            anchors: TrustAnchorsKeeper::start(&registry).await?,
            admissions,
            registrations,
            policies: PolicyDocuments::start(&registry),
            connections,
            router,
            publisher: publisher.clone(),
            rejections: Arc::new(HandshakeRejections::new(&limits)),
            arn_prefix: scope.arn_prefix().into(),
            handshakes: Semaphore::new(limits.handshakes_max),
            open: Arc::new(Semaphore::new(limits.connections_max)),
            holds: Arc::new(Semaphore::new(limits.held_connections_max)),
            tracker,
            settings,
            config: SharedConfig { limits, policy_reasons },
        };
        let dispatcher = Dispatcher::new(registry, publisher, &shared.config.limits);
        Ok(Self { shared: Arc::new(shared), listener, address, dispatcher })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The last connections that were turned away and are not in the registration log.
    pub fn rejections(&self) -> Arc<HandshakeRejections> {
        Arc::clone(&self.shared.rejections)
    }

    /// Explains what devices may do.
    pub fn explainer(&self) -> Explainer {
        Explainer::new(Arc::clone(&self.shared))
    }

    /// Has registrations tried again.
    pub fn registration_retrier(&self) -> RegistrationRetrier {
        let wait = self.shared.config.limits.registration_retry_wait;
        RegistrationRetrier { queue: Arc::clone(&self.shared.registrations), wait }
    }

    /// Publishes from within this process.
    pub fn publisher(&self) -> Publisher {
        self.shared.publisher.clone()
    }

    /// Subscribes from within this process. No policy is asked.
    pub fn subscribe(&self, filter: &TopicFilter) -> Subscription {
        // An entry of no certificate: nothing ends it but its drop.
        let entry = self.shared.connections.enter(landfall_model::CertificateId::from_sha256([0; 32]), None);
        let (sender, deliveries) = mpsc::channel(self.shared.config.limits.outbound_messages_max);
        self.shared.router.enter(entry.id(), sender);
        self.shared.router.subscribe(entry.id(), filter, SubscriptionOptions::with_qos(QoS::AtLeastOnce));
        Subscription { deliveries, entry, router: Arc::clone(&self.shared.router) }
    }

    /// Serves until `stopping` is cancelled. The tasks run in the tracker that the broker was built with.
    pub fn spawn(self, stopping: &CancellationToken) {
        let Self { shared, listener, dispatcher, .. } = self;
        let tracker = shared.tracker.clone();
        tracker.spawn(dispatcher.run(stopping.clone()));
        tracker.spawn(Arc::clone(&shared.registrations).run(stopping.clone()));
        let (admissions, stop) = (Arc::clone(&shared.admissions), stopping.clone());
        tracker.spawn(async move { stop.run_until_cancelled(admissions.get_to_know()).await });
        let (connections, stop) = (Arc::clone(&shared.connections), stopping.clone());
        tracker.spawn(async move { stop.run_until_cancelled(connections.sweep()).await });
        tracker.spawn(listener::accept(shared, listener, stopping.clone()));
    }
}

impl Subscription {
    /// The next message; none when the broker has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Arc<Message>> {
        tokio::select! {
            biased;
            delivery = self.deliveries.recv() => delivery.map(|delivery| delivery.message),
            _ = self.entry.ended() => None,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.router.leave(self.entry.id());
    }
}
