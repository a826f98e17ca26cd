use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use landfall_model::CaCertificateId;

use crate::{InterceptorSettings, Settings};

/// Who provisions a device whose certificate is seen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registrar {
    /// The built-in one, in the transaction that registers the certificate.
    Builtin,
    /// Topic rules, which hear of the registration event.
    Rules,
}

/// What holds for the devices of a CA certificate.
#[derive(Debug)]
pub struct CaSettings {
    /// Who provisions them.
    pub registrar: Registrar,
    /// How long a first connection waits for its registration; zero closes it as AWS does.
    pub first_connect_hold: Duration,
    /// How the built-in registrar does it.
    pub settings: Settings,
    /// What becomes of a registration whose interceptors cannot be asked.
    pub retries: Retries,
    /// What is asked before one is provisioned, in this order. Where nothing is, a registration is one transaction.
    pub interceptors: Arc<[InterceptorSettings]>,
}

/// How often a registration is tried that fails for a passing reason, and what becomes of it then. The parameters are named
/// after the queue of the Universal JITR block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// `CertificateEventQueueVisibilityTimeout`: how long it waits at most before it is tried again.
    pub visibility_timeout: Duration,
    /// `MaxReceiveCount`: how often it is tried. When that many attempts have failed, it is a dead letter.
    pub max_receive_count: NonZeroU32,
    /// `DLQRetentionPeriod`: how long a dead letter is kept.
    pub dlq_retention_period: Duration,
}

/// What holds for the devices of each CA certificate. A value: it is replaced as a whole.
#[derive(Debug)]
pub struct SettingsSet {
    default: Arc<CaSettings>,
    by_ca: HashMap<CaCertificateId, Arc<CaSettings>>,
}

impl Registrar {
    /// How long a first connection waits where nothing else is said: a function takes longer than the built-in registrar.
    pub const fn usual_hold(self) -> Duration {
        match self {
            Self::Builtin => Duration::from_secs(2),
            Self::Rules => Duration::from_secs(10),
        }
    }
}

/// Those of the block.
impl Default for Retries {
    fn default() -> Self {
        Self {
            visibility_timeout: Duration::from_secs(120),
            max_receive_count: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN),
            dlq_retention_period: Duration::from_secs(14 * 24 * 60 * 60),
        }
    }
}

impl SettingsSet {
    /// Settings of CA certificates of their own, and those of all others.
    pub fn new(default: CaSettings, by_ca: impl IntoIterator<Item = (CaCertificateId, CaSettings)>) -> Self {
        let by_ca = by_ca.into_iter().map(|(ca, settings)| (ca, Arc::new(settings))).collect();
        Self { default: Arc::new(default), by_ca }
    }

    /// What holds for the devices of a CA certificate.
    pub fn of(&self, ca: CaCertificateId) -> &Arc<CaSettings> {
        self.by_ca.get(&ca).unwrap_or(&self.default)
    }

    /// What holds for any CA certificate: each once.
    pub fn every(&self) -> impl Iterator<Item = &CaSettings> {
        self.by_ca.values().chain([&self.default]).map(|settings| &**settings)
    }

    /// What holds where nothing else is said.
    pub fn default_settings(&self) -> &Arc<CaSettings> {
        &self.default
    }
}
