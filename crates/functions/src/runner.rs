use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use landfall_model::{Clock, CodeSha256, Function, FunctionName, RuntimeName};
use landfall_registry::{Registry, StorageError};
use landfall_services::MessageQueues;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::code::{CodeError, CodeStore, StoredCode};
use crate::config::{ApiAccess, Config, Limits};
use crate::event_source;
use crate::invocation::{Invocation, InvokeError, InvokeOptions, RequestId};
use crate::known::KnownFunctions;
use crate::left::{Mark, renew_folder};
use crate::logs::{LogError, LogPart, Logs};
use crate::metrics::Metrics;
use crate::pool::{Pools, Throttled};
use crate::queued::EventRoom;
use crate::runtimes::{MissingRuntime, Runtimes};
use crate::spawner::Spawner;
use crate::sweep;
use crate::turn::Turn;
use crate::watcher::Watcher;
use crate::worker::{Host, work_folder};

/// Runs functions.
pub struct FunctionRunner {
    pub(crate) host: Host,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) event_room: EventRoom,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) known: Arc<KnownFunctions>,
    /// Functions that were deleted and are to be forgotten; until they are.
    deleted: Mutex<Option<mpsc::Receiver<FunctionName>>>,
    code: Arc<CodeStore>,
    pub(crate) runtimes: Runtimes,
    pub(crate) pools: Arc<Pools>,
    pub(crate) metrics: Metrics,
    /// What is there once the server serves.
    serving: OnceLock<Serving>,
}

struct Serving {
    api: ApiAccess,
    queues: Arc<dyn MessageQueues>,
    stopping: CancellationToken,
}

/// Why functions cannot be run.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The code store cannot be opened.
    #[error("the code of functions cannot be stored")]
    Code(#[from] CodeError),
    /// The system has no thread to give, or the data directory cannot be written.
    #[error("functions cannot be run")]
    System(#[from] std::io::Error),
}

impl FunctionRunner {
    /// Opens what is stored. Functions are run after [`Self::spawn`].
    ///
    /// # Errors
    /// The data directory cannot be written, or the system has no thread to give.
    pub fn build(
        config: Config,
        registry: Arc<dyn Registry>,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
    ) -> Result<Arc<Self>, BuildError> {
        let limits = config.limits.clone();
        // What a server left that was killed. The data directory is ours alone, and so are its functions.
        let killed = Mark::of_data(&config.data).kill_processes();
        if killed > 0 {
            info!(processes = killed, "processes of functions that outlived their server were killed");
        }
        let code = Arc::new(CodeStore::open(&config.data, limits.clone())?);
        let runtimes = Runtimes::open(&config.data, &config.search_path)?;
        let logs = Logs::open(&config.data, limits.log_bytes_max, limits.log_pieces_waiting_max)?;
        renew_folder(&work_folder(&config))?;
        let host =
            Host { config, spawner: Spawner::start()?, watcher: Arc::new(Watcher::default()), logs, tracker };
        let (known, deleted) = KnownFunctions::observe(&registry);
        Ok(Arc::new(Self {
            host,
            registry,
            event_room: EventRoom::new(&limits),
            clock,
            known,
            deleted: Mutex::new(Some(deleted)),
            code,
            runtimes,
            pools: Arc::new(Pools::new(limits)),
            metrics: Metrics::new(),
            serving: OnceLock::new(),
        }))
    }

    /// Begins to run functions, which reach the API as this says, and to poll the queues of event sources, until `stopping`:
    /// then none is invoked any more, and what runs comes to its end.
    pub fn spawn(
        self: &Arc<Self>,
        api: ApiAccess,
        queues: Arc<dyn MessageQueues>,
        stopping: &CancellationToken,
    ) {
        let of_sources = Arc::clone(&queues);
        let serving = Serving { api, queues, stopping: stopping.clone() };
        if self.serving.set(serving).is_err() {
            return;
        }
        let tracker = &self.host.tracker;
        tracker.spawn(Arc::clone(&self.host.watcher).run(stopping.clone()));
        tracker.spawn(Arc::clone(&self.pools).run(stopping.clone()));
        tracker.spawn(event_source::run(Arc::clone(self), of_sources, stopping.clone()));
        tracker.spawn(sweep::run(Arc::clone(self)));
        let deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(deleted) = deleted {
            tracker.spawn(Arc::clone(self).forget_deleted(deleted, stopping.clone()));
        }
    }

    /// Makes what is counted part of what Prometheus is told.
    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        self.metrics.register(registry);
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.host.config.limits
    }

    /// Whether functions of this runtime can be run. What is to be said to who creates one, if it is not what was meant.
    ///
    /// # Errors
    /// The machine lacks what runs them; the error says what to do.
    pub async fn check_runtime(&self, runtime: RuntimeName) -> Result<Option<String>, MissingRuntime> {
        self.runtimes.check(runtime).await
    }

    /// Checks an archive of code and stores it durably.
    ///
    /// # Errors
    /// The archive is at fault, or cannot be stored.
    pub async fn store_code(&self, archive: Bytes) -> Result<StoredCode, CodeError> {
        let code = Arc::clone(&self.code);
        blocking(move || code.store(&archive)).await
    }

    /// An archive of code, as it was given.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn code(&self, sha256: CodeSha256) -> Result<Bytes, CodeError> {
        let code = Arc::clone(&self.code);
        blocking(move || code.archive(&sha256)).await.map(Bytes::from)
    }

    /// Removes all code but this, and what was stored since the server started. How much was removed.
    pub(crate) async fn remove_code_but(&self, needed: HashSet<CodeSha256>) -> Result<usize, CodeError> {
        let code = Arc::clone(&self.code);
        blocking(move || code.remove_but(&needed)).await
    }

    /// Reads the log of a function: what follows `after`, or its end. When nothing does, waits up to `wait`.
    ///
    /// # Errors
    /// The log is there and cannot be read.
    pub async fn logs(
        &self,
        function: &FunctionName,
        after: Option<u64>,
        wait: Duration,
    ) -> Result<LogPart, LogError> {
        self.host.logs.read(function, after, wait).await
    }

    /// The function of a name, as the registry has it now.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub async fn function(&self, name: &FunctionName) -> Result<Option<Arc<Function>>, StorageError> {
        self.known.function(&*self.registry, name).await
    }

    /// Invokes a function, and waits for its answer.
    ///
    /// Cancel safety: while the invocation waits for its turn it is given up; from then on it goes on until it is answered
    /// or its time is up.
    ///
    /// # Errors
    /// The function was not invoked. One that was and failed is no error.
    pub async fn invoke(
        self: &Arc<Self>,
        function: &Arc<Function>,
        event: Bytes,
        options: InvokeOptions,
    ) -> Result<Invocation, InvokeError> {
        self.invoke_as(RequestId::random(), function, event, options).await
    }

    /// As [`Self::invoke`], with an id that the invocation has already.
    pub(crate) async fn invoke_as(
        self: &Arc<Self>,
        request_id: RequestId,
        function: &Arc<Function>,
        event: Bytes,
        options: InvokeOptions,
    ) -> Result<Invocation, InvokeError> {
        let max = self.limits().event_bytes_max;
        if event.len() > max {
            return Err(InvokeError::EventTooLarge { found: event.len(), max });
        }
        // Before it is asked whether the server stops: the watcher does not end in between.
        let watching = self.host.watcher.watching();
        let serving = self.serving.get().filter(|serving| !serving.stopping.is_cancelled());
        let api = serving.ok_or(InvokeError::NotServing)?.api.clone();
        let pool = self.pools.pool(function);
        let permit = pool.turn(self.limits()).await.map_err(|reason| self.throttled(function, reason))?;
        let turn = Turn {
            runner: Arc::clone(self),
            function: Arc::clone(function),
            request_id,
            api,
            pool,
            permit,
            tail: options.tail,
            _watching: watching,
        };
        let (done, invocation) = oneshot::channel();
        self.host.tracker.spawn(turn.run(event, done));
        invocation.await.unwrap_or(Err(InvokeError::NotServing))
    }

    /// Kills all processes of functions and what they started, and those that are started from now on. Waits until they are
    /// gone, for two seconds at most.
    pub async fn kill_all(&self) {
        if tokio::time::timeout(KILL_TIMEOUT, self.host.watcher.kill_all()).await.is_err() {
            warn!("processes of functions are still there after they were killed");
        }
    }

    /// Whether no function is invoked, as the server does not serve yet or no longer.
    pub(crate) fn is_stopping(&self) -> bool {
        self.serving.get().is_none_or(|serving| serving.stopping.is_cancelled())
    }

    /// Tells when the server stops; that has happened where it never served.
    pub(crate) fn stopping(&self) -> CancellationToken {
        let never = || {
            let stopped = CancellationToken::new();
            stopped.cancel();
            stopped
        };
        self.serving.get().map_or_else(never, |serving| serving.stopping.clone())
    }

    /// The queues of event sources and dead letters, once the server serves.
    pub(crate) fn queues(&self) -> Option<Arc<dyn MessageQueues>> {
        self.serving.get().map(|serving| Arc::clone(&serving.queues))
    }

    /// Forgets functions that were deleted: their processes are ended, their logs and counts removed.
    async fn forget_deleted(
        self: Arc<Self>,
        mut deleted: mpsc::Receiver<FunctionName>,
        stopping: CancellationToken,
    ) {
        loop {
            let name = tokio::select! {
                name = deleted.recv() => name,
                () = stopping.cancelled() => None,
            };
            let Some(name) = name else { return };
            let forgetting = Arc::clone(&self).forget(name);
            let stopping = stopping.clone();
            self.host.tracker.spawn(async move {
                tokio::select! {
                    () = forgetting => {}
                    () = stopping.cancelled() => {}
                }
            });
        }
    }

    /// Ends the processes of a function that was deleted, and removes its log and its counts when none is left that could add
    /// to them.
    async fn forget(self: Arc<Self>, name: FunctionName) {
        if let Some(pool) = self.pools.forget(&name) {
            pool.finished().await;
        }
        // Another of its name may be there by now.
        if let Ok(None) = self.function(&name).await {
            self.host.logs.remove(&name);
            self.metrics.forget(&name);
        }
    }

    pub(crate) fn throttled(&self, function: &Function, Throttled(reason): Throttled) -> InvokeError {
        self.metrics.throttled(&function.name);
        InvokeError::Throttled { function: function.name.clone(), reason }
    }

    /// The folders of a function's code and of its layers.
    pub(crate) async fn folders(&self, function: &Function) -> Result<(PathBuf, Vec<PathBuf>), InvokeError> {
        let failed = |source| InvokeError::Code { function: function.name.clone(), source };
        let mut layers = Vec::new();
        if !function.layers.is_empty() {
            let read = self.registry.function_layers(&function.name).await;
            let read =
                read.map_err(|source| InvokeError::Storage { function: function.name.clone(), source })?;
            layers = read.unwrap_or_default().into_iter().map(|version| version.code).collect();
        }
        let code = Arc::clone(&self.code);
        let task = function.code;
        let folders = move || {
            let layers = layers.iter().map(|layer| code.folder(layer)).collect::<Result<_, _>>()?;
            Ok((code.folder(&task)?, layers))
        };
        blocking(folders).await.map_err(failed)
    }
}

/// How long is waited for processes that were killed.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// Does what waits for the disk where that holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CodeError> + Send + 'static,
) -> Result<T, CodeError> {
    let path = PathBuf::new();
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(CodeError::Storage { action: "work on", path, source: error.into() }),
    }
}
