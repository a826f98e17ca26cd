use std::error::Error;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::OwnedMutexGuard;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::Limits;
use crate::failure::{Unreadable, with_sources};

/// Reads what files say; it may take its time.
pub(crate) type Read<T> = dyn Fn(&[PathBuf]) -> Result<T, ReadError> + Send + Sync;

/// Whatever can be wrong with files.
pub(crate) type ReadError = Box<dyn Error + Send + Sync>;

/// What files say, read again when they change.
///
/// They are looked at when somebody asks, not more often than `file_look_interval`. While they are looked at and read, what
/// they said before holds, unless the last look is `file_look_age_max` ago: then whoever asks waits. So a change is heeded by
/// whoever asks that much later, however seldom somebody asks. Files that have become wrong leave what they said before, until
/// `max_age`.
pub(crate) struct Watched<T> {
    shared: Arc<Shared<T>>,
    /// Held by whoever looks at the files: one at a time.
    looking: Arc<tokio::sync::Mutex<()>>,
    look_interval: Duration,
    look_age_max: Duration,
    max_age: Option<Duration>,
}

struct Shared<T> {
    files: Vec<PathBuf>,
    read: Box<Read<T>>,
    /// When files that are wrong and have not changed are read again.
    wrong_again_after: Duration,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    /// What the files looked like when `value` was read.
    stamps: Vec<Stamp>,
    /// When they were last looked at.
    looked_at: Instant,
    /// When they were last as `value` says.
    good_at: Instant,
    /// What is wrong with them now.
    problem: Option<Wrong>,
}

/// Something wrong with files.
struct Wrong {
    problem: String,
    /// What they looked like, and when they were read so: they are not read again for nothing.
    tried: Option<(Vec<Stamp>, Instant)>,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Files that have been wrong for longer than what they said before may hold.
#[derive(Debug, Error)]
#[error("what was read {age:?} ago holds for {max_age:?}, and could not be read again: {problem}")]
pub(crate) struct Outdated {
    age: Duration,
    max_age: Duration,
    problem: String,
}

/// A file was written while it was read.
#[derive(Debug, Error)]
#[error(
    "{} changed while it was read; write another file and rename it, so that nobody reads a half of it",
    path.display()
)]
struct Changing {
    path: PathBuf,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads files for the first time. This blocks.
    ///
    /// # Errors
    /// They cannot be read, or are wrong.
    pub(crate) fn open(
        files: Vec<PathBuf>,
        read: Box<Read<T>>,
        max_age: Option<Duration>,
        limits: &Limits,
        now: Instant,
    ) -> Result<Self, ReadError> {
        let stamps = stamps(&files)?;
        let value = Arc::new(read_unchanged(&files, &stamps, &*read)?);
        let state = Mutex::new(State { value, stamps, looked_at: now, good_at: now, problem: None });
        Ok(Self {
            shared: Arc::new(Shared { files, read, wrong_again_after: limits.file_look_age_max, state }),
            looking: Arc::default(),
            look_interval: limits.file_look_interval,
            look_age_max: limits.file_look_age_max,
            max_age,
        })
    }

    /// What the files say.
    ///
    /// Cancel safety: files that are being read are read to their end, for whoever asks next.
    ///
    /// # Errors
    /// They have been wrong for too long.
    pub(crate) async fn current(&self, now: Instant) -> Result<Arc<T>, Outdated> {
        let age = now.saturating_duration_since(self.shared.with(|state| state.looked_at));
        if age >= self.look_interval {
            let must_wait = age >= self.look_age_max;
            if let Ok(guard) = Arc::clone(&self.looking).try_lock_owned() {
                let looked = self.look(guard, now);
                if must_wait {
                    // One that panicked has changed nothing.
                    let _ = looked.await;
                }
            } else if must_wait {
                drop(self.looking.lock().await);
            }
        }
        self.usable(now)
    }

    /// Looks at the files, on a thread that may block. The runtime's end waits for it.
    fn look(&self, guard: OwnedMutexGuard<()>, now: Instant) -> tokio::task::JoinHandle<()> {
        let shared = Arc::clone(&self.shared);
        spawn_blocking(move || {
            shared.look(now);
            drop(guard);
        })
    }

    fn usable(&self, now: Instant) -> Result<Arc<T>, Outdated> {
        self.shared.with(|state| {
            let age = now.saturating_duration_since(state.good_at);
            match (&state.problem, self.max_age) {
                (Some(Wrong { problem, .. }), Some(max_age)) if age > max_age => {
                    Err(Outdated { age, max_age, problem: problem.clone() })
                }
                (Some(_) | None, Some(_) | None) => Ok(Arc::clone(&state.value)),
            }
        })
    }
}

impl<T> Shared<T> {
    fn look(&self, now: Instant) {
        let seen = match stamps(&self.files) {
            Ok(seen) => seen,
            Err(problem) => return self.is_wrong(with_sources(&problem), None, now),
        };
        let is_known = self.with(|state| {
            let is_wrong_still =
                state.problem.as_ref().and_then(|wrong| wrong.tried.as_ref()).is_some_and(|(tried, at)| {
                    *tried == seen && now.saturating_duration_since(*at) < self.wrong_again_after
                });
            if is_wrong_still {
                state.looked_at = now;
            }
            is_wrong_still
        });
        if is_known {
            return;
        }
        if self.with(|state| state.stamps == seen) {
            // The same files as when they were read: what was wrong in between was that they could not be reached.
            return self.is_right(None, now);
        }
        match read_unchanged(&self.files, &seen, &*self.read) {
            Ok(value) => self.is_right(Some((seen, Arc::new(value))), now),
            Err(problem) => self.is_wrong(with_sources(&*problem), Some(seen), now),
        }
    }

    fn is_right(&self, read: Option<(Vec<Stamp>, Arc<T>)>, now: Instant) {
        let is_new = read.is_some();
        let was_wrong = self.with(|state| {
            if let Some((stamps, value)) = read {
                (state.stamps, state.value) = (stamps, value);
            }
            (state.looked_at, state.good_at) = (now, now);
            state.problem.take().is_some()
        });
        if is_new || was_wrong {
            info!(file = self.name(), "file of an interceptor was read again");
        }
    }

    fn is_wrong(&self, problem: String, seen: Option<Vec<Stamp>>, now: Instant) {
        let is_new = self.with(|state| {
            state.looked_at = now;
            let is_new = state.problem.as_ref().is_none_or(|wrong| wrong.problem != problem);
            let tried = seen.map(|seen| (seen, now));
            state.problem = Some(Wrong { problem: problem.clone(), tried });
            is_new
        });
        if is_new {
            warn!(
                file = self.name(),
                problem, "file of an interceptor cannot be used; what it said before holds"
            );
        }
    }

    /// The first of the files, for whoever looks for it.
    fn name(&self) -> String {
        self.files.first().map(|path| path.display().to_string()).unwrap_or_default()
    }

    fn with<R>(&self, act: impl FnOnce(&mut State<T>) -> R) -> R {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads files that nobody writes in the meantime.
fn read_unchanged<T>(files: &[PathBuf], before: &[Stamp], read: &Read<T>) -> Result<T, ReadError> {
    let value = read(files);
    let after = stamps(files)?;
    match files.iter().zip(before.iter().zip(&after)).find(|(_, (before, after))| before != after) {
        Some((path, _)) => Err(Changing { path: path.clone() }.into()),
        None => value,
    }
}

fn stamps(files: &[PathBuf]) -> Result<Vec<Stamp>, Unreadable> {
    files.iter().map(|path| Stamp::of(path)).collect()
}

impl Stamp {
    fn of(path: &Path) -> Result<Self, Unreadable> {
        let metadata = fs::metadata(path).map_err(Unreadable::of(path))?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::replace;

    const SECOND: Duration = Duration::from_secs(1);

    fn read(files: &[PathBuf]) -> Result<String, ReadError> {
        let text = fs::read_to_string(&files[0])?;
        if text == "wrong" { Err("the file is wrong".into()) } else { Ok(text) }
    }

    struct Case {
        _folder: tempfile::TempDir,
        path: PathBuf,
        watched: Watched<String>,
        began: Instant,
    }

    impl Case {
        fn open(max_age: Option<Duration>) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("list");
            fs::write(&path, "first").unwrap();
            let began = Instant::now();
            let watched =
                Watched::open(vec![path.clone()], Box::new(read), max_age, &Limits::default(), began)
                    .unwrap();
            Self { _folder: folder, path, watched, began }
        }

        /// What whoever asks after so long gets.
        async fn after(&self, time: Duration) -> Result<String, String> {
            let current = self.watched.current(self.began + time).await;
            current.map(|text| text.to_string()).map_err(|problem| problem.to_string())
        }

        /// Waits until nobody looks at the file.
        async fn settled(&self) {
            drop(self.watched.looking.lock().await);
        }
    }

    #[tokio::test]
    async fn a_change_is_heeded_by_the_next_that_asks_after_it_was_seen() {
        let case = Case::open(None);
        replace(&case.path, "second");
        assert_eq!(case.after(SECOND / 2).await.as_deref(), Ok("first"), "not looked at yet");
        // This one has it looked at, and need not wait: whichever it gets, both hold.
        let _ = case.after(SECOND).await;
        case.settled().await;
        assert_eq!(case.after(SECOND).await.as_deref(), Ok("second"));
    }

    #[tokio::test]
    async fn after_a_long_time_a_change_is_waited_for() {
        let case = Case::open(None);
        replace(&case.path, "second");
        assert_eq!(case.after(10 * SECOND).await.as_deref(), Ok("second"));
        // All that ask while one looks wait for it.
        replace(&case.path, "third");
        let (one, other) = tokio::join!(case.after(60 * SECOND), case.after(60 * SECOND));
        assert_eq!((one.as_deref(), other.as_deref()), (Ok("third"), Ok("third")));
    }

    #[tokio::test]
    async fn files_that_become_wrong_leave_what_they_said_until_it_is_too_old() {
        for change in ["wrong", "gone"] {
            let case = Case::open(Some(60 * SECOND));
            match change {
                "gone" => fs::remove_file(&case.path).unwrap(),
                text => replace(&case.path, text),
            }
            assert_eq!(case.after(20 * SECOND).await.as_deref(), Ok("first"), "{change}");
            assert_eq!(case.after(60 * SECOND).await.as_deref(), Ok("first"), "{change}");
            let problem = case.after(61 * SECOND).await.unwrap_err();
            assert!(problem.starts_with("what was read 61s ago holds for 60s, and could not"), "{problem}");
            replace(&case.path, "second");
            assert_eq!(case.after(120 * SECOND).await.as_deref(), Ok("second"), "{change}");
        }
    }

    #[tokio::test]
    async fn without_a_limit_what_was_read_holds_for_ever() {
        let case = Case::open(None);
        replace(&case.path, "wrong");
        assert_eq!(case.after(1_000_000 * SECOND).await.as_deref(), Ok("first"));
    }

    #[test]
    fn files_that_change_while_they_are_read_are_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, "first").unwrap();
        let writes = |files: &[PathBuf]| -> Result<String, ReadError> {
            let text = fs::read_to_string(&files[0])?;
            fs::write(&files[0], "first and more")?;
            Ok(text)
        };
        let opened = Watched::open(vec![path], Box::new(writes), None, &Limits::default(), Instant::now());
        let problem = opened.err().unwrap().to_string();
        assert!(problem.contains("changed while it was read"), "{problem}");
    }
}
