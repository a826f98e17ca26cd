//! Watches what the processes of functions use, ten times a second while any of them works.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Bytes of files in their temporary folder.
    pub(crate) temporary: u64,
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
    /// Files in the temporary folder: it has more than so many bytes.
    Temporary(u64),
}

/// The processes of one function, as they are watched.
pub(crate) struct Watched {
    /// The processes.
    pub(crate) group: ProcessGroup,
    limits: UsageLimits,
    /// The folder that they have for themselves.
    temporary: PathBuf,
    /// Kills them.
    kill: CancellationToken,
    /// Tells when they have been killed and are gone.
    pub(crate) gone: CancellationToken,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// The limit that was passed, for which they are killed.
    excess: Option<Excess>,
    /// The most memory that was seen, in bytes.
    peak: u64,
    /// Whether they may have written files since those were measured.
    has_written: bool,
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
    /// Whether all are killed, those too that are watched from now on.
    is_killing: AtomicBool,
    /// Wakes who looks at usage.
    wake: Notify,
    /// Wakes who measures folders.
    wake_measuring: Notify,
    /// As many as invocations that are under way, and one more.
    invocations: Arc<()>,
}

/// An invocation is under way, and may start processes, until this is dropped.
pub(crate) struct Watching {
    _held: Arc<()>,
}

impl Watched {
    /// Processes that work, and are killed by `kill`.
    pub(crate) fn new(
        group: ProcessGroup,
        limits: UsageLimits,
        temporary: PathBuf,
        kill: CancellationToken,
    ) -> Self {
        let state = State { phase: Phase::Busy(None), excess: None, peak: 0, has_written: true };
        Self { group, limits, temporary, kill, gone: CancellationToken::new(), state: Mutex::new(state) }
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
                if usage.is_stopped {
                    state.phase = Phase::Quiet;
                }
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

    /// Whether their files are to be measured.
    fn has_written(&self) -> bool {
        self.state().has_written
    }

    fn measure(&self) {
        {
            let mut state = self.state();
            state.has_written = matches!(state.phase, Phase::Busy(_));
        }
        let max = self.limits.temporary;
        if is_larger(&self.temporary, max) {
            self.state().excess.get_or_insert(Excess::Temporary(max));
            self.kill.cancel();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Watches processes until they are dropped.
    pub(crate) fn watch(&self, watched: &Arc<Watched>) {
        self.list().push(Arc::downgrade(watched));
        // Whoever kills sets this before they read the list.
        if self.is_killing.load(Ordering::SeqCst) {
            watched.kill.cancel();
        }
        self.wake();
    }

    /// Says that an invocation is under way, until what this gives is dropped.
    pub(crate) fn watching(&self) -> Watching {
        Watching { _held: Arc::clone(&self.invocations) }
    }

    /// Kills all, those too that are watched from now on, and waits until those of now are gone.
    pub(crate) async fn kill_all(&self) {
        self.is_killing.store(true, Ordering::SeqCst);
        let all: Vec<_> = self.list().iter().filter_map(Weak::upgrade).collect();
        for watched in &all {
            watched.kill.cancel();
        }
        for watched in all {
            watched.gone.cancelled().await;
        }
    }

    /// Lets processes go on that were stopped.
    pub(crate) fn thaw(&self, watched: &Watched) {
        {
            let mut state = watched.state();
            state.phase = Phase::Busy(None);
            state.has_written = true;
        }
        watched.group.thaw();
        self.wake();
    }

    /// Stops processes until there is work.
    pub(crate) fn freeze(&self, watched: &Watched) {
        watched.state().phase = Phase::Stopped;
        watched.group.freeze();
        self.wake();
    }

    /// Watches until `stopping`, and then until no invocation is under way and no process is left.
    pub(crate) async fn run(self: Arc<Self>, stopping: CancellationToken) {
        tokio::select! {
            () = self.watch_usage(&stopping) => {}
            () = self.watch_folders() => {}
        }
    }

    async fn watch_usage(&self, stopping: &CancellationToken) {
        loop {
            let of_interest = self.those(Watched::is_of_interest);
            if of_interest.is_empty() && stopping.is_cancelled() {
                if self.is_over() {
                    return;
                }
                sleep(PERIOD).await;
            } else if of_interest.is_empty() {
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

    async fn watch_folders(&self) {
        loop {
            let written = self.those(Watched::has_written);
            if written.is_empty() {
                self.wake_measuring.notified().await;
                continue;
            }
            let measure = move || {
                for watched in written {
                    watched.measure();
                }
            };
            // It fails only when the runtime ends.
            let _ = tokio::task::spawn_blocking(measure).await;
            sleep(MEASURE_PERIOD).await;
        }
    }

    fn wake(&self) {
        self.wake.notify_one();
        self.wake_measuring.notify_one();
    }

    /// Whether nothing is watched, and nothing can come.
    fn is_over(&self) -> bool {
        Arc::strong_count(&self.invocations) == 1
            && self.list().iter().all(|watched| watched.strong_count() == 0)
    }

    fn those(&self, is_wanted: impl Fn(&Watched) -> bool) -> Vec<Arc<Watched>> {
        let mut list = self.list();
        list.retain(|watched| watched.strong_count() > 0);
        list.iter().filter_map(Weak::upgrade).filter(|watched| is_wanted(watched)).collect()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Weak<Watched>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often processes are looked at that work.
const PERIOD: Duration = Duration::from_millis(100);

/// How often the files of processes are measured that work.
const MEASURE_PERIOD: Duration = Duration::from_secs(1);

/// How much of a disk an entry of a folder takes at least, in bytes: what bounds how long a folder is measured.
const ENTRY_BYTES_MIN: u64 = 4_096;

/// Whether the files below a folder have more bytes on the disk than that. What has several names counts once.
fn is_larger(folder: &Path, max: u64) -> bool {
    let mut bytes: u64 = 0;
    let mut linked = HashSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        // What was removed in between takes no room.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let mut on_disk = metadata.blocks().saturating_mul(512);
            if metadata.is_dir() {
                open.push(entry.path());
            } else if metadata.nlink() > 1 && !linked.insert((metadata.dev(), metadata.ino())) {
                on_disk = 0;
            }
            bytes = bytes.saturating_add(on_disk.max(ENTRY_BYTES_MIN));
            if bytes > max {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_measured_with_what_is_below_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("1/2");
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join("file"), vec![1; 100_000]).unwrap();
        std::os::unix::fs::symlink("/", below.join("root")).unwrap();
        assert!(is_larger(folder.path(), 100_000));
        assert!(!is_larger(folder.path(), 200_000));
        for number in 0..5 {
            fs::hard_link(below.join("file"), below.join(number.to_string())).unwrap();
        }
        assert!(!is_larger(folder.path(), 200_000), "it is one file with six names");
        for number in 0..50 {
            fs::write(folder.path().join(format!("empty-{number}")), "").unwrap();
        }
        assert!(is_larger(folder.path(), 200_000), "names take room too");
        assert!(!is_larger(&folder.path().join("none"), 0));
    }
}
