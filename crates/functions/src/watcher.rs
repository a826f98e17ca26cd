//! Watches what the processes of functions use, ten times a second while any of them works.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::process::{ProcessGroup, ProcessTable};

/// What the processes of one function may use at once, or during one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsageLimits {
    /// Memory, in bytes.
    pub(crate) memory: u64,
    /// CPU time of an invocation, in milliseconds.
    pub(crate) cpu_ms: u64,
    /// Processes and threads.
    pub(crate) threads: usize,
}

/// Which limit was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Memory: so many bytes were used.
    Memory(u64),
    /// CPU time, in milliseconds.
    Cpu(u64),
    /// Processes and threads.
    Threads(usize),
}

/// The processes of one function, as they are watched.
pub(crate) struct Watched {
    /// The processes.
    pub(crate) group: ProcessGroup,
    limits: UsageLimits,
    /// Kills them.
    kill: CancellationToken,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// The limit that was passed, for which they are killed.
    excess: Option<Excess>,
    /// The most memory that was seen, in bytes.
    peak: u64,
}

enum Phase {
    /// They work. What CPU time they had used when that was first seen, in milliseconds.
    Busy(Option<u64>),
    /// They are stopped, and were not looked at since.
    Stopped,
    /// They are stopped, those too that left their process group.
    Quiet,
}

/// Watches all that work.
#[derive(Default)]
pub(crate) struct Watcher {
    watched: Mutex<Vec<Weak<Watched>>>,
    wake: Notify,
}

impl Watched {
    /// Processes that work, and are killed by `kill`.
    pub(crate) fn new(group: ProcessGroup, limits: UsageLimits, kill: CancellationToken) -> Self {
        let state = State { phase: Phase::Busy(None), excess: None, peak: 0 };
        Self { group, limits, kill, state: Mutex::new(state) }
    }

    /// Which limit they passed.
    pub(crate) fn excess(&self) -> Option<Excess> {
        self.state().excess
    }

    /// The most memory that was seen, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.state().peak
    }

    /// Whether they are to be looked at.
    fn is_of_interest(&self) -> bool {
        !matches!(self.state().phase, Phase::Quiet)
    }

    fn look(&self, table: &ProcessTable) {
        let usage = self.group.look(table);
        // What only stands in for files does not count. That is asked when it matters, as it costs more.
        let memory = match usage.memory > self.limits.memory {
            true => self.group.own_memory(table),
            false => usage.memory,
        };
        let mut state = self.state();
        state.peak = state.peak.max(memory);
        let base = match &mut state.phase {
            Phase::Busy(base) => *base.get_or_insert(usage.cpu_ms),
            Phase::Stopped => {
                state.phase = Phase::Quiet;
                return;
            }
            Phase::Quiet => return,
        };
        let cpu_ms = usage.cpu_ms.saturating_sub(base);
        let excess = if memory > self.limits.memory {
            Excess::Memory(memory)
        } else if cpu_ms > self.limits.cpu_ms {
            Excess::Cpu(cpu_ms)
        } else if usage.threads > self.limits.threads {
            Excess::Threads(usage.threads)
        } else {
            return;
        };
        state.excess.get_or_insert(excess);
        self.kill.cancel();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Watches processes until they are dropped.
    pub(crate) fn watch(&self, watched: &Arc<Watched>) {
        self.list().push(Arc::downgrade(watched));
        self.wake.notify_one();
    }

    /// Lets processes go on that were stopped.
    pub(crate) fn thaw(&self, watched: &Watched) {
        watched.state().phase = Phase::Busy(None);
        watched.group.thaw();
        self.wake.notify_one();
    }

    /// Stops processes until there is work.
    pub(crate) fn freeze(&self, watched: &Watched) {
        watched.state().phase = Phase::Stopped;
        watched.group.freeze();
        self.wake.notify_one();
    }

    /// Watches until `stopping`.
    pub(crate) async fn run(self: Arc<Self>, stopping: CancellationToken) {
        while !stopping.is_cancelled() {
            let of_interest = self.of_interest();
            if of_interest.is_empty() {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = stopping.cancelled() => {}
                }
            } else {
                sleep(PERIOD).await;
                let look = move || {
                    let table = ProcessTable::read();
                    for watched in of_interest {
                        watched.look(&table);
                    }
                };
                // It fails only when the runtime ends.
                let _ = tokio::task::spawn_blocking(look).await;
            }
        }
    }

    fn of_interest(&self) -> Vec<Arc<Watched>> {
        let mut list = self.list();
        list.retain(|watched| watched.strong_count() > 0);
        list.iter().filter_map(Weak::upgrade).filter(|watched| watched.is_of_interest()).collect()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Weak<Watched>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often processes are looked at that work.
const PERIOD: Duration = Duration::from_millis(100);
