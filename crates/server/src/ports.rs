//! The ports of the API, each filled by the part of the server that has what it asks for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use landfall_actions::{ConfirmationMessage, HttpSender};
use landfall_api_server::explanation::{ClientIdSource, DecisionExplainer, ExplainedDecision, NotExplained};
use landfall_api_server::{
    CodeRefusal, DestinationConfirmer, FunctionHost, FunctionsOff, InvocationAnswer, InvokeRefusal,
    LogFailure, LogPage, LogWanted, MetricsSource, NotRetried, RegistrationRetrier, RejectionSource, Retried,
    RuntimeMissing, SettingsReloader, StoredCode,
};
use landfall_broker::{ExplainError, Explainer, HandshakeRejections, RetryError};
use landfall_functions::{
    CodeError, FunctionRunner, Invocation, InvocationOutcome, InvokeError, InvokeOptions, LogPart,
    MissingRuntime,
};
use landfall_interceptors::PreparedInterceptors;
use landfall_model::{
    CertificateId, ClientId, Clock, ConfirmationToken, Function, FunctionName, RuntimeName, Scope,
    TopicRuleDestination,
};
use landfall_policy::PolicyAction;
use landfall_registration::SettingsSet;
use landfall_registry::{CommitError, Conflict, Registry, Transaction};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry as MetricsRegistry;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::settings::{Loaded, SettingsSources};

/// The broker's rejections as the API shows them.
pub(crate) struct Rejections(pub(crate) Arc<HandshakeRejections>);

impl RejectionSource for Rejections {
    fn handshake_rejections(&self) -> Vec<landfall_api_server::HandshakeRejection> {
        let convert = |rejection: landfall_broker::HandshakeRejection| {
            let landfall_broker::HandshakeRejection { at, peer, code, message } = rejection;
            landfall_api_server::HandshakeRejection { at, peer, code, message }
        };
        self.0.list().into_iter().map(convert).collect()
    }
}

/// The broker's decisions as the API explains them.
pub(crate) struct Decisions(pub(crate) Explainer);

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

/// The functions of this machine, as the API keeps and runs them.
pub(crate) struct Functions(pub(crate) Arc<FunctionRunner>);

#[async_trait]
impl FunctionHost for Functions {
    fn check_on(&self) -> Result<(), FunctionsOff> {
        Ok(())
    }

    async fn check_runtime(&self, runtime: RuntimeName) -> Result<Option<String>, RuntimeMissing> {
        let checked = self.0.check_runtime(runtime).await;
        checked.map_err(|missing| RuntimeMissing { runtime, problem: missing.to_string() })
    }

    async fn store_code(&self, archive: Bytes) -> Result<StoredCode, CodeRefusal> {
        match self.0.store_code(archive).await {
            Ok(landfall_functions::StoredCode { sha256, size, unpacked_size: _ }) => {
                Ok(StoredCode { code: sha256, code_size: size })
            }
            Err(CodeError::Archive(problem)) => Err(CodeRefusal::Unusable(problem.to_string())),
            Err(problem @ (CodeError::Missing(_) | CodeError::Storage { .. })) => {
                Err(CodeRefusal::Failed(Box::new(problem)))
            }
        }
    }

    async fn invoke(
        &self,
        function: &Function,
        event: Bytes,
        log: LogWanted,
    ) -> Result<InvocationAnswer, InvokeRefusal> {
        let options = InvokeOptions { tail: log == LogWanted::Tail };
        let invoked = self.0.invoke(&Arc::new(function.clone()), event, options).await;
        let Invocation { outcome, log_tail, .. } = invoked.map_err(invoke_refusal)?;
        let (failed, payload) = match outcome {
            InvocationOutcome::Returned(payload) => (false, payload),
            InvocationOutcome::Failed(failure) => (true, failure.payload),
        };
        Ok(InvocationAnswer { failed, payload, log_tail: log_tail.map(Bytes::from) })
    }

    async fn invoke_later(&self, function: &Function, event: Bytes) -> Result<(), InvokeRefusal> {
        self.0.invoke_later(&Arc::new(function.clone()), event).map(drop).map_err(invoke_refusal)
    }

    async fn log(&self, function: &FunctionName, after: u64, wait: Duration) -> Result<LogPage, LogFailure> {
        let read = self.0.logs(function, Some(after), wait).await;
        let LogPart { text, next } = read.map_err(|problem| LogFailure::Failed(Box::new(problem)))?;
        Ok(LogPage { text, next })
    }
}

fn invoke_refusal(problem: InvokeError) -> InvokeRefusal {
    let text = problem.to_string();
    match problem {
        InvokeError::Throttled { .. } | InvokeError::QueueFull { .. } => InvokeRefusal::Busy(text),
        InvokeError::EventTooLarge { .. } => InvokeRefusal::TooLarge(text),
        InvokeError::NotServing => InvokeRefusal::Unavailable(text),
        InvokeError::Runtime(missing) => {
            let problem = missing.to_string();
            let (MissingRuntime::Python { runtime, .. }
            | MissingRuntime::Node { runtime, .. }
            | MissingRuntime::NodeTooOld { runtime, .. }) = missing;
            InvokeRefusal::Runtime(RuntimeMissing { runtime, problem })
        }
        problem @ (InvokeError::Code { .. } | InvokeError::Storage { .. } | InvokeError::Process { .. }) => {
            InvokeRefusal::Failed(Box::new(problem))
        }
    }
}

/// The broker's registrations as the API has them tried again.
pub(crate) struct Retries(pub(crate) landfall_broker::RegistrationRetrier);

#[async_trait]
impl RegistrationRetrier for Retries {
    async fn retry(&self, certificate: CertificateId) -> Result<Retried, NotRetried> {
        let retried = self.0.retry(certificate).await.map_err(|problem| match problem {
            RetryError::NotRegistered { .. } => NotRetried::NotRegistered,
            RetryError::WithoutCa { .. } => NotRetried::Nothing(problem.to_string()),
            RetryError::Busy { .. } | RetryError::Stopping => NotRetried::Busy(problem.to_string()),
            problem @ RetryError::Failed(_) => NotRetried::Failed(Box::new(problem)),
        })?;
        Ok(match retried {
            landfall_broker::Retried::Active { thing } => Retried::Active { thing },
            landfall_broker::Retried::Refused(refusal) => Retried::Refused(refusal.rejection()),
            landfall_broker::Retried::Told => Retried::Told,
            landfall_broker::Retried::Waiting(job) => Retried::Waiting(job),
        })
    }
}

/// Asks destinations of topic rules to confirm, in the background.
pub(crate) struct Confirmations {
    pub(crate) http: Arc<HttpSender>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) scope: Scope,
    /// Where the API is reached, for the URL that confirms.
    pub(crate) api_url: watch::Receiver<String>,
    pub(crate) tracker: TaskTracker,
}

#[async_trait]
impl DestinationConfirmer for Confirmations {
    async fn confirm(&self, destination: TopicRuleDestination) {
        let TopicRuleDestination { id, url, confirmation_token: Some(token), .. } = destination else {
            return;
        };
        let arn = self.scope.destination_arn(&id);
        let api_url = self.api_url.borrow().clone();
        let message = ConfirmationMessage { url, arn, token, api_url };
        let (http, registry, clock) =
            (Arc::clone(&self.http), Arc::clone(&self.registry), Arc::clone(&self.clock));
        self.tracker.spawn(async move {
            if let Err(problem) = message.send(&http).await {
                warn!(destination.id = %id, %problem, "a destination cannot be asked to confirm");
                note_failure(&*registry, &*clock, &token, &problem.message).await;
            }
        });
    }
}

/// Writes to a destination why it could not be asked to confirm, if it still waits for that: it may have confirmed although no
/// answer came, or have been asked anew.
async fn note_failure(registry: &dyn Registry, clock: &dyn Clock, token: &ConfirmationToken, problem: &str) {
    let mut transaction = Transaction::new();
    transaction.fail_destination_confirmation(*token, problem.into(), clock.now());
    match registry.commit(transaction).await {
        Ok(_)
        | Err(CommitError::Conflict(Conflict::DestinationToken(_) | Conflict::DestinationNotFound(_))) => {}
        Err(problem) => {
            let error: &dyn std::error::Error = &problem;
            error!(error, "the status of a destination cannot be stored");
        }
    }
}

/// All that is counted and measured.
pub(crate) struct Metrics(pub(crate) MetricsRegistry);

impl MetricsSource for Metrics {
    fn text(&self) -> String {
        let mut text = String::new();
        if let Err(problem) = encode(&mut text, &self.0) {
            error!(%problem, "metrics cannot be written");
        }
        text
    }
}

/// The settings of the registrar, where they come from, and who uses them.
pub(crate) struct RegistrarSettings {
    sources: SettingsSources,
    scope: Scope,
    pub(crate) current: watch::Sender<Arc<SettingsSet>>,
    /// Where the registration log goes besides the registry.
    pub(crate) log_sinks: watch::Sender<landfall_log_sinks::Prepared>,
    /// Those that the settings name, ready to be asked.
    pub(crate) interceptors: Arc<PreparedInterceptors>,
}

impl RegistrarSettings {
    /// Reads the settings for the first time.
    ///
    /// # Errors
    /// Something in them cannot work.
    pub(crate) fn open(sources: SettingsSources, scope: Scope) -> anyhow::Result<Self> {
        let interceptors = Arc::<PreparedInterceptors>::default();
        let Loaded { registrar, log_sinks } = sources.load(&scope, &interceptors)?;
        let (current, log_sinks) = (watch::Sender::new(Arc::new(registrar)), watch::Sender::new(log_sinks));
        Ok(Self { sources, scope, current, log_sinks, interceptors })
    }

    /// Reads the settings anew: all of them, or none.
    ///
    /// # Errors
    /// Something in them cannot work; what was used before goes on to be.
    pub(crate) fn load(&self) -> anyhow::Result<()> {
        let Loaded { registrar, log_sinks } = self.sources.load(&self.scope, &self.interceptors)?;
        self.interceptors.retain(registrar.every().flat_map(|settings| settings.interceptors.iter()));
        self.current.send_replace(Arc::new(registrar));
        self.log_sinks.send_replace(log_sinks);
        info!("settings of the registrar read anew");
        Ok(())
    }
}

/// Reads the settings anew when the API is asked to.
pub(crate) struct Reloader(pub(crate) Arc<RegistrarSettings>);

#[async_trait]
impl SettingsReloader for Reloader {
    async fn reload(&self) -> Result<(), String> {
        let settings = Arc::clone(&self.0);
        // It reads files, which may be large.
        let loaded = tokio::task::spawn_blocking(move || settings.load()).await;
        loaded.unwrap_or_else(|problem| Err(problem.into())).map_err(|problem| {
            warn!(%problem, "settings of the registrar stay as they were");
            format!("{problem:#}")
        })
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::{DestinationId, DestinationStatus, UnixTime};
    use landfall_registry::{Destinations as _, MemoryRegistry};

    use super::*;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> UnixTime {
            UnixTime::from_secs(self.0)
        }
    }

    #[tokio::test]
    async fn a_late_failure_of_a_confirmation_message_undoes_no_confirmation() {
        use DestinationStatus::{Disabled, Enabled, Error, InProgress};
        let id = DestinationId::from_bytes([1; 16]);
        let token = |secret| ConfirmationToken::new(id, [secret; ConfirmationToken::SECRET_BYTES]);
        for (status, stored, expected) in [
            (InProgress, Some(token(1)), Error),
            (InProgress, Some(token(2)), InProgress),
            (Enabled, None, Enabled),
            (Disabled, None, Disabled),
        ] {
            let registry = MemoryRegistry::new();
            let destination = TopicRuleDestination {
                id,
                url: "https://example.com/".into(),
                status,
                reason: None,
                confirmation_token: stored,
                created_at: UnixTime::from_secs(1),
                modified_at: UnixTime::from_secs(1),
            };
            let mut transaction = Transaction::new();
            transaction.create_destination(destination.clone());
            registry.commit(transaction).await.unwrap();
            note_failure(&registry, &At(2), &token(1), "no answer").await;
            let found = registry.destination(&id).await.unwrap().unwrap();
            assert_eq!((found.status, found.confirmation_token), (expected, stored));
            assert_eq!(found == destination, status == expected);
        }
        // One that was deleted meanwhile stays deleted.
        let registry = MemoryRegistry::new();
        note_failure(&registry, &At(2), &token(1), "no answer").await;
        assert_eq!(registry.destination(&id).await.unwrap(), None);
    }
}
