//! The logs of functions: `logs/NAME.log`, and before it `logs/NAME.log.1`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use landfall_model::FunctionName;
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::warn;

use crate::code::private_folder;

/// A part of a function's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// The text. Bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Where the next part begins: a number of bytes since the function's first line.
    pub next: u64,
}

/// Why a log cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the log {}", path.display())]
pub struct LogError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// All logs. Writing is done by a thread, so that no task waits for the disk.
#[derive(Clone)]
pub(crate) struct Logs {
    folder: Arc<Path>,
    writer: SyncSender<Request>,
    /// How often something was written, so that readers know when to look again.
    written: watch::Receiver<u64>,
    /// How many bytes were thrown away because the disk was too slow.
    lost: Arc<AtomicU64>,
}

enum Request {
    Write(FunctionName, Vec<u8>),
    /// Tells when all that came before is written.
    Flush(oneshot::Sender<()>),
    Remove(FunctionName),
}

impl Logs {
    /// Opens the logs of a data directory.
    ///
    /// # Errors
    /// Their folder cannot be made.
    pub(crate) fn open(data: &Path, bytes_max: u64, pieces_waiting_max: usize) -> io::Result<Self> {
        let folder: Arc<Path> = data.join("logs").into();
        private_folder(&folder)?;
        let (writer, requests) = sync_channel(pieces_waiting_max.max(1));
        let (written, readers) = watch::channel(0);
        let mut thread =
            Writer { folder: Arc::clone(&folder), bytes_max, open: HashMap::new(), is_failing: false };
        thread::Builder::new()
            .name("function-logs".to_owned())
            .spawn(move || thread.serve(&requests, &written))?;
        Ok(Self { folder, writer, written: readers, lost: Arc::default() })
    }

    /// Adds to a log. What comes faster than the disk takes it is thrown away, and a line says how much.
    pub(crate) fn write(&self, function: &FunctionName, mut bytes: Vec<u8>) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let mut with_loss =
                format!("[landfall] {lost} bytes were lost, as the disk was too slow\n").into_bytes();
            with_loss.append(&mut bytes);
            bytes = with_loss;
        }
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let Err(TrySendError::Full(_)) = self.writer.try_send(Request::Write(function.clone(), bytes)) {
            self.lost.fetch_add(lost.saturating_add(count), Ordering::Relaxed);
        }
    }

    /// Removes the log of a function that was deleted.
    pub(crate) fn remove(&self, function: &FunctionName) {
        // When the queue is full, the log stays until the function is created and deleted again.
        let _ = self.writer.try_send(Request::Remove(function.clone()));
    }

    /// Reads what follows `after`, or the end of the log. When nothing does, waits up to `wait` until something is written.
    ///
    /// # Errors
    /// The log is there and cannot be read.
    pub(crate) async fn read(
        &self,
        function: &FunctionName,
        after: Option<u64>,
        wait: Duration,
    ) -> Result<LogPart, LogError> {
        let deadline = Instant::now() + wait;
        let mut written = self.written.clone();
        self.flush(deadline).await;
        loop {
            written.mark_unchanged();
            let path = self.folder.join(format!("{function}.log"));
            // A task of the pool for blocking work ends in an error only when the runtime ends.
            let part = tokio::task::spawn_blocking(move || read_part(&path, after)).await;
            let part =
                part.unwrap_or_else(|_| Ok(LogPart { text: String::new(), next: after.unwrap_or(0) }))?;
            let is_something = !part.text.is_empty() || after.is_some_and(|after| after > part.next);
            if is_something || !matches!(timeout_at(deadline, written.changed()).await, Ok(Ok(()))) {
                return Ok(part);
            }
            // Other functions may log too: the file is not looked at for each of their lines.
            sleep_until(deadline.min(Instant::now() + LOOK_PERIOD)).await;
        }
    }

    /// Waits until all that was written before is in the files.
    async fn flush(&self, deadline: Instant) {
        let (done, flushed) = oneshot::channel();
        if self.writer.try_send(Request::Flush(done)).is_ok() {
            let deadline = deadline.max(Instant::now() + FLUSH_TIMEOUT);
            let _ = timeout_at(deadline, flushed).await;
        }
    }
}

/// How many bytes are read at once.
const PART_BYTES_MAX: u64 = 64 * 1024;

/// How long a reader waits for the writer to catch up.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The least time from one look of a reader that waits to its next.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

/// How many logs are kept open for writing.
const OPEN_MAX: usize = 32;

/// The first line of a log that goes on from one before it. Where it stands follows: so the count of bytes goes on too.
const GOES_ON: &str = "LOG goes on at byte ";

/// The thread that writes.
struct Writer {
    folder: Arc<Path>,
    bytes_max: u64,
    open: HashMap<FunctionName, OpenLog>,
    /// Whether the last write failed: that is logged once.
    is_failing: bool,
}

struct OpenLog {
    file: File,
    /// Which byte of all that was ever logged the file begins with.
    base: u64,
    size: u64,
}

impl Writer {
    fn serve(&mut self, requests: &Receiver<Request>, written: &watch::Sender<u64>) {
        while let Ok(request) = requests.recv() {
            match request {
                Request::Write(function, bytes) => {
                    let result = self.write(&function, &bytes);
                    if let (Err(error), false) = (&result, self.is_failing) {
                        warn!(function.name = %function, %error, "the log of a function cannot be written");
                    }
                    self.is_failing = result.is_err();
                    written.send_modify(|count| *count = count.wrapping_add(1));
                }
                Request::Flush(done) => {
                    let _ = done.send(());
                }
                Request::Remove(function) => {
                    self.open.remove(&function);
                    let path = self.path(&function);
                    let _ = fs::remove_file(before(&path));
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    fn write(&mut self, function: &FunctionName, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(function);
        let bytes_max = self.bytes_max;
        let result = self.log(function, &path).and_then(|log| {
            if log.size > bytes_max {
                *log = log.follow(&path)?;
            }
            log.write(bytes)
        });
        if result.is_err() {
            // Somebody may have removed the folder: the next one begins anew.
            self.open.remove(function);
        }
        result
    }

    fn log(&mut self, function: &FunctionName, path: &Path) -> io::Result<&mut OpenLog> {
        if self.open.len() >= OPEN_MAX && !self.open.contains_key(function) {
            self.open.clear();
        }
        match self.open.entry(function.clone()) {
            std::collections::hash_map::Entry::Occupied(open) => Ok(open.into_mut()),
            std::collections::hash_map::Entry::Vacant(vacant) => Ok(vacant.insert(OpenLog::open(path)?)),
        }
    }

    fn path(&self, function: &FunctionName) -> PathBuf {
        self.folder.join(format!("{function}.log"))
    }
}

impl OpenLog {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::options().create(true).append(true).read(true).mode(0o600).open(path)?;
        let (base, size) = extent(&mut file)?;
        Ok(Self { file, base, size })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    /// Sets this log aside, and begins the one that follows it.
    fn follow(&self, path: &Path) -> io::Result<Self> {
        let base = self.base.saturating_add(self.size);
        fs::rename(path, before(path))?;
        let file = File::options().create(true).append(true).read(true).mode(0o600).open(path)?;
        let mut log = Self { file, base, size: 0 };
        log.write(format!("{GOES_ON}{base}\n").as_bytes())?;
        Ok(log)
    }
}

fn before(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

/// Which byte of all that was ever logged a file begins with, and how many it has.
fn extent(file: &mut File) -> io::Result<(u64, u64)> {
    let size = file.metadata()?.len();
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(FIRST_LINE_MAX).read_to_end(&mut start)?;
    let start = String::from_utf8_lossy(&start);
    let base = start.strip_prefix(GOES_ON).and_then(|rest| rest.lines().next()?.parse().ok());
    Ok((base.unwrap_or(0), size))
}

/// How many bytes the first line of a log can have, if it says where the log goes on.
const FIRST_LINE_MAX: u64 = 64;

fn read_part(path: &Path, after: Option<u64>) -> Result<LogPart, LogError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| LogError { path, source }
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(LogPart { text: String::new(), next: 0 });
        }
        Err(error) => return Err(failed(path)(error)),
    };
    let (mut base, mut size) = extent(&mut file).map_err(failed(path))?;
    let end = base.saturating_add(size);
    let Some(after) = after else {
        let start = end.saturating_sub(PART_BYTES_MAX).max(base);
        let part = read_at(&mut file, base, start, end).map_err(failed(path))?;
        return Ok(if start == base { part } else { from_next_line(part) });
    };
    if after < base
        && let Ok(mut older) = File::open(before(path))
    {
        (base, size) = extent(&mut older).map_err(failed(path))?;
        file = older;
    }
    // What is asked for may be gone, or of a log that was removed: then the reading begins with what there is.
    let start = if after > end { base } else { after.max(base) };
    let end = base.saturating_add(size).min(start.saturating_add(PART_BYTES_MAX));
    read_at(&mut file, base, start, end).map_err(failed(path))
}

fn read_at(file: &mut File, base: u64, start: u64, end: u64) -> io::Result<LogPart> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start.saturating_sub(base)))?;
    file.take(end.saturating_sub(start)).read_to_end(&mut bytes)?;
    let whole = whole_characters(&bytes);
    let next = start.saturating_add(u64::try_from(whole.len()).unwrap_or(0));
    Ok(LogPart { text: String::from_utf8_lossy(whole).into_owned(), next })
}

/// The bytes without a character at the end of which a part is missing.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    let cut = match bytes.utf8_chunks().last() {
        // The end is no character yet, but could become one: it begins one of several bytes.
        Some(last) if !last.invalid().is_empty() && last.invalid().len() < 4 && bytes.len() > 4 => {
            let could_go_on =
                std::str::from_utf8(last.invalid()).is_err_and(|error| error.error_len().is_none());
            if could_go_on { last.invalid().len() } else { 0 }
        }
        Some(_) | None => 0,
    };
    bytes.get(..bytes.len() - cut).unwrap_or(bytes)
}

/// Without the rest of a line that began before.
fn from_next_line(part: LogPart) -> LogPart {
    match part.text.split_once('\n') {
        Some((_, rest)) => LogPart { text: rest.to_owned(), next: part.next },
        None => part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> FunctionName {
        FunctionName::parse("jitr").unwrap()
    }

    fn logs(bytes_max: u64) -> (tempfile::TempDir, Logs) {
        let data = tempfile::tempdir().unwrap();
        let logs = Logs::open(data.path(), bytes_max, 64).unwrap();
        (data, logs)
    }

    async fn read(logs: &Logs, after: Option<u64>) -> (String, u64) {
        let part = logs.read(&name(), after, Duration::ZERO).await.unwrap();
        (part.text, part.next)
    }

    #[tokio::test]
    async fn a_log_is_read_from_where_the_last_part_ended() {
        let (_data, logs) = logs(1_000);
        assert_eq!(read(&logs, None).await, (String::new(), 0));
        logs.write(&name(), b"one\n".to_vec());
        assert_eq!(read(&logs, None).await, ("one\n".to_owned(), 4));
        logs.write(&name(), b"two\n".to_vec());
        assert_eq!(read(&logs, Some(4)).await, ("two\n".to_owned(), 8));
        assert_eq!(read(&logs, Some(8)).await, (String::new(), 8));
        assert_eq!(read(&logs, Some(900)).await, ("one\ntwo\n".to_owned(), 8), "of a log that was removed");
    }

    #[tokio::test]
    async fn a_reader_is_woken_by_what_is_written() {
        let (_data, logs) = logs(1_000);
        let other = logs.clone();
        let name = name();
        let (part, ()) = tokio::join!(other.read(&name, Some(0), Duration::from_secs(20)), async {
            logs.write(&name, b"late\n".to_vec());
        });
        assert_eq!(part.unwrap().text, "late\n");
    }

    #[tokio::test]
    async fn two_files_are_kept_and_the_count_goes_on() {
        let (data, logs) = logs(100);
        let line = |number: u32| format!("{number:09}\n");
        for number in 0..40 {
            logs.write(&name(), line(number).into_bytes());
        }
        let (mut text, mut next) = (String::new(), 0);
        loop {
            let part = read(&logs, Some(next)).await;
            if part.0.is_empty() {
                break;
            }
            assert!(part.1 > next, "the count goes on");
            (text, next) = (text + &part.0, part.1);
        }
        let numbers: Vec<_> = text.lines().filter(|text| !text.starts_with(GOES_ON)).collect();
        assert!(numbers.len() > 10 && numbers.len() < 40, "{numbers:?}");
        let expected: Vec<_> =
            (0..40).skip(40 - numbers.len()).map(|number| format!("{number:09}")).collect();
        assert_eq!(numbers, expected);
        let files: Vec<_> = fs::read_dir(data.path().join("logs")).unwrap().collect();
        assert_eq!(files.len(), 2, "{files:?}");
        // Another process goes on with the same count.
        let again = Logs::open(data.path(), 100, 64).unwrap();
        again.write(&name(), b"more\n".to_vec());
        let (text, after) = read(&again, Some(next)).await;
        assert!(text.ends_with("more\n") && after > next, "{text} {after}");
        again.remove(&name());
        assert_eq!(read(&again, None).await, (String::new(), 0));
    }

    #[test]
    fn a_character_is_not_cut_in_two() {
        for (bytes, expected) in [
            ("abcdé".as_bytes(), 6),
            (&"abcdé".as_bytes()[..5], 4),
            (&"abcd€".as_bytes()[..6], 4),
            (b"abcd\xff", 5),
            (b"abcd", 4),
            (b"", 0),
        ] {
            assert_eq!(whole_characters(bytes).len(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_too_fast_is_counted() {
        let (writer, requests) = sync_channel(1);
        let (_, written) = watch::channel(0);
        let logs = Logs { folder: Path::new("none").into(), writer, written, lost: Arc::default() };
        for text in ["kept", "lost", "lost too"] {
            logs.write(&name(), text.as_bytes().to_vec());
        }
        let Ok(Request::Write(_, first)) = requests.try_recv() else { panic!("nothing is there") };
        assert_eq!(first, b"kept");
        logs.write(&name(), b"next".to_vec());
        let Ok(Request::Write(_, next)) = requests.try_recv() else { panic!("nothing is there") };
        let next = String::from_utf8(next).unwrap();
        assert!(next.starts_with("[landfall] ") && next.ends_with("next"), "{next}");
        assert_eq!(logs.lost.load(Ordering::Relaxed), 0);
    }
}
