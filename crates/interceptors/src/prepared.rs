use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_registration::{InterceptorKind, InterceptorSettings};
use thiserror::Error;
use tokio::time::Instant;

use crate::Config;
use crate::crl::Crls;
use crate::executable::Executable;
use crate::function::Function;
use crate::list::List;
use crate::quota::Quota;
use crate::watched::ReadError;
use crate::webhook::Webhook;

/// Interceptors that are ready to be asked, each by its settings: with its files read.
///
/// Settings that are loaded anew and say the same of an interceptor go on with what is there: a quota is not full again, and a list
/// is not read again.
#[derive(Default)]
pub struct PreparedInterceptors {
    config: Config,
    ready: Mutex<HashMap<InterceptorSettings, Arc<Interceptor>>>,
}

/// Why an interceptor cannot work.
#[derive(Debug, Error)]
#[error("{parameter} cannot be used")]
pub struct PrepareError {
    parameter: &'static str,
    source: ReadError,
}

/// An interceptor that is ready to be asked.
pub(crate) enum Interceptor {
    List(List),
    Crl(Crls),
    Quota(Quota),
    Webhook(Webhook),
    Executable(Executable),
    Function(Function),
}

impl PreparedInterceptors {
    /// None yet.
    pub fn new(config: Config) -> Self {
        Self { config, ready: Mutex::default() }
    }

    /// Makes an interceptor ready, unless it is. This blocks: files are read.
    ///
    /// # Errors
    /// It cannot work: a file cannot be read or is wrong, a URL or a program cannot be used.
    pub fn prepare(&self, settings: &InterceptorSettings) -> Result<(), PrepareError> {
        self.ready_now(settings).map(drop)
    }

    /// Forgets all interceptors but these: those that settings have no longer.
    pub fn retain<'s>(&self, used: impl IntoIterator<Item = &'s InterceptorSettings>) {
        let used: HashSet<&InterceptorSettings> = used.into_iter().collect();
        self.ready().retain(|settings, _| used.contains(settings));
    }

    /// The interceptor of these settings, if it is ready.
    pub(crate) fn get(&self, settings: &InterceptorSettings) -> Option<Arc<Interceptor>> {
        self.ready().get(settings).cloned()
    }

    /// The interceptor of these settings. This blocks if it is not ready.
    pub(crate) fn ready_now(&self, settings: &InterceptorSettings) -> Result<Arc<Interceptor>, PrepareError> {
        if let Some(ready) = self.get(settings) {
            return Ok(ready);
        }
        let opened = Arc::new(Interceptor::open(settings, &self.config)?);
        // If two did it at the same time, the first one counts.
        Ok(Arc::clone(self.ready().entry(settings.clone()).or_insert(opened)))
    }

    fn ready(&self) -> MutexGuard<'_, HashMap<InterceptorSettings, Arc<Interceptor>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PrepareError {
    pub(crate) fn new(parameter: &'static str, problem: impl Error + Send + Sync + 'static) -> Self {
        Self::of(parameter, problem.into())
    }

    pub(crate) fn of(parameter: &'static str, source: ReadError) -> Self {
        Self { parameter, source }
    }

    /// The parameter at fault, by its name in the settings.
    pub fn parameter(&self) -> &'static str {
        self.parameter
    }
}

impl Interceptor {
    fn open(settings: &InterceptorSettings, config: &Config) -> Result<Self, PrepareError> {
        let InterceptorSettings { name: _, kind, deadline: _, on_failure } = settings;
        let limits = &config.limits;
        let now = Instant::now();
        match kind {
            InterceptorKind::List(list) => List::open(list, limits, now)
                .map(Self::List)
                .map_err(|problem| PrepareError::of("File", problem)),
            InterceptorKind::Crl { files, max_age } => Crls::open(files.clone(), *max_age, limits, now)
                .map(Self::Crl)
                .map_err(|problem| PrepareError::of("Files", problem)),
            InterceptorKind::Quota { devices_per_hour } => Ok(Self::Quota(Quota::new(*devices_per_hour))),
            InterceptorKind::Webhook { url, secret_file, ca_file } => {
                Webhook::open(url, secret_file, ca_file.as_deref(), limits, now).map(Self::Webhook)
            }
            InterceptorKind::Executable { program, arguments } => {
                Executable::open(program, arguments, config).map(Self::Executable)
            }
            InterceptorKind::Function { function, raised } => Ok(Self::Function(Function {
                name: function.clone(),
                raised: *raised,
                on_failure: *on_failure,
                answer_bytes_max: limits.answer_bytes_max,
            })),
        }
    }
}
