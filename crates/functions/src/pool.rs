//! The processes of functions, kept from one invocation to the next.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_model::{Function, FunctionName, RevisionId};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::worker::Worker;

/// The processes of all functions.
pub(crate) struct Pools {
    functions: Mutex<HashMap<FunctionName, Arc<Pool>>>,
    /// Places for processes.
    places: Arc<Semaphore>,
    /// How many wait for a place.
    starved: AtomicUsize,
    /// Tells that a process has begun to wait for work, after none did.
    idle: Notify,
    limits: Limits,
}

/// The processes of one function.
pub(crate) struct Pool {
    turns: Arc<Semaphore>,
    turns_max: usize,
    /// How many invocations wait for their turn.
    waiting: AtomicUsize,
    state: Mutex<PoolState>,
    /// Tells that a process waits for work, or never will.
    settled: Notify,
    /// Held by each process.
    presence: Arc<()>,
}

#[derive(Default)]
struct PoolState {
    /// Those that wait for work; the last one has waited least.
    idle: Vec<Worker>,
    /// Whether the function has another pool by now.
    is_closed: bool,
}

/// Where an invocation finds its process.
pub(crate) enum Place {
    /// One waits.
    Warm(Worker),
    /// There is a place for a new one.
    Cold(NewPlace),
}

/// A place for a new process.
pub(crate) struct NewPlace {
    /// Among all processes.
    pub(crate) place: OwnedSemaphorePermit,
    /// Among those of its function.
    pub(crate) presence: Presence,
}

/// A process of a function is there, or is being started, until this is dropped.
pub(crate) struct Presence {
    _held: Arc<()>,
}

/// Which limit an invocation has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Throttled(pub(crate) String);

impl Pools {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            functions: Mutex::default(),
            places: Arc::new(Semaphore::new(limits.processes_max.clamp(1, Semaphore::MAX_PERMITS))),
            starved: AtomicUsize::new(0),
            idle: Notify::new(),
            limits,
        }
    }

    /// The pool of a function. One whose concurrency was changed gets another.
    pub(crate) fn pool(&self, function: &Function) -> Arc<Pool> {
        let reserved =
            function.reserved_concurrency.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let turns_max = reserved.unwrap_or(self.limits.concurrency_max).min(TURNS_MAX);
        let mut functions = self.functions();
        if let Some(pool) = functions.get(&function.name).filter(|pool| pool.turns_max == turns_max) {
            return Arc::clone(pool);
        }
        let pool = Arc::new(Pool {
            turns: Arc::new(Semaphore::new(turns_max)),
            turns_max,
            waiting: AtomicUsize::new(0),
            state: Mutex::default(),
            settled: Notify::new(),
            presence: Arc::default(),
        });
        if let Some(before) = functions.insert(function.name.clone(), Arc::clone(&pool)) {
            before.close();
        }
        pool
    }

    /// Finds a process for an invocation that has its turn, or a place for a new one.
    pub(crate) async fn place(&self, pool: &Pool, revision: RevisionId) -> Result<Place, Throttled> {
        let deadline = Instant::now() + self.limits.waiting_timeout;
        // While others are at work, one of them is free sooner than another has started.
        let patience = Instant::now() + PATIENCE;
        let presence = loop {
            let settled = pool.settled.notified();
            if let Some(worker) = pool.take(revision) {
                return Ok(Place::Warm(worker));
            }
            let is_alone = !pool.has_processes();
            if is_alone || timeout_at(patience, settled).await.is_err() {
                break pool.presence();
            }
        };
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Place::Cold(NewPlace { place, presence }));
        }
        let _starved = Counted::new(&self.starved);
        self.end_oldest_idle();
        tokio::select! {
            place = Arc::clone(&self.places).acquire_owned() => match place {
                Ok(place) => Ok(Place::Cold(NewPlace { place, presence })),
                Err(_) => Err(Throttled("the server stops".to_owned())),
            },
            () = sleep_until(deadline) => {
                let Limits { processes_max, waiting_timeout, .. } = &self.limits;
                Err(Throttled(format!(
                    "all {processes_max} processes (processes_max) were at work for {} s (waiting_timeout)",
                    waiting_timeout.as_secs()
                )))
            }
        }
    }

    /// Takes back a process that waits for work, unless somebody needs its place more.
    pub(crate) fn put_back(&self, pool: &Pool, mut worker: Worker) {
        if self.starved.load(Ordering::Relaxed) > 0 {
            return;
        }
        worker.rest();
        let mut state = pool.state();
        if !state.is_closed {
            state.idle.push(worker);
        }
        drop(state);
        self.idle.notify_one();
    }

    /// Ends the processes of a function that wait for work. The others end after their invocation.
    pub(crate) fn forget(&self, name: &FunctionName) -> Option<Arc<Pool>> {
        let pool = self.functions().remove(name)?;
        pool.close();
        Some(pool)
    }

    /// Ends the processes that have waited for work too long, until `stopping`; then all that wait.
    pub(crate) async fn run(self: Arc<Self>, stopping: CancellationToken) {
        loop {
            let next = self.end_idle_before(Instant::now());
            let expired = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => self.idle.notified().await,
                }
            };
            tokio::select! {
                () = expired => {}
                () = stopping.cancelled() => break,
            }
        }
        for pool in std::mem::take(&mut *self.functions()).into_values() {
            pool.close();
        }
    }

    /// Ends what has waited too long. When the next one will have.
    fn end_idle_before(&self, now: Instant) -> Option<Instant> {
        let mut functions = self.functions();
        functions.retain(|_, pool| {
            let is_waiting = pool.ends_idle(now, self.limits.idle_timeout);
            is_waiting || Arc::strong_count(pool) > 1
        });
        let oldest = functions.values().filter_map(|pool| Some(pool.state().idle.first()?.idle_since()));
        oldest.min().map(|since| since + self.limits.idle_timeout)
    }

    /// Ends the process that has waited longest for work.
    fn end_oldest_idle(&self) {
        let functions = self.functions();
        let since = |pool: &Arc<Pool>| pool.state().idle.first().map(Worker::idle_since);
        let oldest = functions.values().filter_map(|pool| Some((since(pool)?, pool)));
        if let Some((_, pool)) = oldest.min_by_key(|(since, _)| *since) {
            let mut state = pool.state();
            if !state.idle.is_empty() {
                drop(state.idle.remove(0));
            }
        }
    }

    fn functions(&self) -> MutexGuard<'_, HashMap<FunctionName, Arc<Pool>>> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Waits for the turn of an invocation.
    pub(crate) async fn turn(&self, limits: &Limits) -> Result<OwnedSemaphorePermit, Throttled> {
        if self.turns_max == 0 {
            return Err(Throttled("its reserved concurrency is 0".to_owned()));
        }
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let waiting = Counted::new(&self.waiting);
        let max = limits.waiting_invocations_max;
        if waiting.count > max {
            return Err(Throttled(format!("{max} invocations wait (waiting_invocations_max)")));
        }
        let turn = timeout(limits.waiting_timeout, Arc::clone(&self.turns).acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or_else(|| {
            let seconds = limits.waiting_timeout.as_secs();
            Throttled(format!("{} invocations ran for {seconds} s (waiting_timeout)", self.turns_max))
        })
    }

    /// Waits until no invocation is under way.
    pub(crate) async fn finished(&self) {
        let all = u32::try_from(self.turns_max).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.turns.acquire_many(all).await;
    }

    /// Says that a process has answered and is about to ask for work, until what this gives is dropped.
    pub(crate) fn settling(self: &Arc<Self>) -> Settling {
        Settling(Arc::clone(self))
    }

    /// A process of this revision that waits for work. Those of others are ended.
    fn take(&self, revision: RevisionId) -> Option<Worker> {
        let mut state = self.state();
        state.idle.retain(|worker| worker.revision() == revision && worker.is_ready());
        state.idle.pop()
    }

    /// Whether a process is there or is being started.
    fn has_processes(&self) -> bool {
        Arc::strong_count(&self.presence) > 1
    }

    fn presence(&self) -> Presence {
        Presence { _held: Arc::clone(&self.presence) }
    }

    /// Ends what has waited too long. Whether any still waits.
    fn ends_idle(&self, now: Instant, idle_timeout: Duration) -> bool {
        let mut state = self.state();
        state.idle.retain(|worker| worker.idle_since() + idle_timeout > now && worker.is_ready());
        !state.idle.is_empty()
    }

    fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.idle.clear();
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process of a pool has answered and is about to ask for work.
pub(crate) struct Settling(Arc<Pool>);

impl Drop for Settling {
    fn drop(&mut self) {
        self.0.settled.notify_waiters();
    }
}

/// One more, until this is dropped.
struct Counted<'a> {
    counter: &'a AtomicUsize,
    /// How many there are with this one.
    count: usize,
}

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        let count = counter.fetch_add(1, Ordering::Relaxed) + 1;
        Self { counter, count }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many invocations of a function can be counted.
const TURNS_MAX: usize = u32::MAX as usize;

/// How long an invocation waits for a process that is at work before another is started: less than most take to start.
const PATIENCE: Duration = Duration::from_millis(50);
