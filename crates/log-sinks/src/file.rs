use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use landfall_services::ServiceFailure;
use tokio::task::spawn_blocking;

use crate::FileConfig;
use crate::entry::Entry;
use crate::sink::Sink;

/// Writes a line of JSON for each entry, in the order of the log.
pub(crate) struct FileSink {
    log: Arc<Mutex<LogFile>>,
}

/// The file, and those that it was before.
struct LogFile {
    config: FileConfig,
    /// Opened by the first line, and again after a failure.
    open: Option<OpenFile>,
}

struct OpenFile {
    file: File,
    /// Its length: that of whole lines.
    bytes: u64,
    /// The device and the inode, which tell whether the path is still that of this file.
    identity: (u64, u64),
}

/// Read and written by the server, read by its group: what collects logs is another program.
const MODE: u32 = 0o640;

/// With what each line begins.
const LINE_BEGINNING: &[u8] = b"{\"certificateId\"";

/// The most bytes of a line that was not finished. More were not written here.
const UNFINISHED_BYTES_MAX: u64 = 65_536;

/// How much is read at once to find the end of the last whole line.
const BLOCK_BYTES: usize = 4_096;

impl FileSink {
    /// A sink that has opened nothing yet.
    pub(crate) fn new(config: FileConfig) -> Self {
        Self { log: Arc::new(Mutex::new(LogFile { config, open: None })) }
    }

    /// Does something with the file, on a thread that may block.
    async fn with(
        &self,
        act: impl FnOnce(&mut LogFile) -> io::Result<()> + Send + 'static,
    ) -> Result<(), ServiceFailure> {
        let log = Arc::clone(&self.log);
        let done = spawn_blocking(move || {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let result = act(&mut log);
            if result.is_err() {
                // Whatever the file has come to: it is looked at anew.
                log.open = None;
            }
            result.map_err(|problem| format!("{}: {problem}", log.config.path.display()))
        });
        match done.await {
            Ok(result) => result.map_err(ServiceFailure::passing),
            Err(problem) => Err(ServiceFailure::passing(problem.to_string())),
        }
    }
}

#[async_trait]
impl Sink for FileSink {
    async fn deliver(&self, entries: &[Arc<Entry>]) -> Result<(), ServiceFailure> {
        let lines: Vec<String> = entries.iter().map(|entry| format!("{}\n", entry.to_json())).collect();
        self.with(move |log| log.write(&lines)).await
    }

    async fn settle(&self) -> Result<(), ServiceFailure> {
        self.with(|log| log.open.as_ref().map_or(Ok(()), |open| open.file.sync_data())).await
    }
}

impl LogFile {
    /// Appends lines, each whole in one file.
    fn write(&mut self, lines: &[String]) -> io::Result<()> {
        let mut open = self.opened()?;
        let mut left = lines;
        while !left.is_empty() {
            let fitting = fitting(left, self.config.bytes_max.saturating_sub(open.bytes));
            if fitting == 0 && open.bytes > 0 {
                open = self.renew(&open)?;
                continue;
            }
            // A line that is longer than a file may be has one of its own.
            let (now, later) = left.split_at(fitting.max(1));
            open.append(now.concat().as_bytes())?;
            left = later;
        }
        self.open = Some(open);
        Ok(())
    }

    /// The file that is at the path.
    fn opened(&mut self) -> io::Result<OpenFile> {
        let path = &self.config.path;
        match self.open.take() {
            Some(open) if open.is_at(path) => Ok(open),
            Some(moved) => {
                // Somebody else renamed it, as logrotate does: what is in there must be durable too.
                moved.file.sync_data()?;
                OpenFile::open(path)
            }
            None => OpenFile::open(path),
        }
    }

    /// Renames the file and those before it, and begins a new one.
    fn renew(&self, open: &OpenFile) -> io::Result<OpenFile> {
        let FileConfig { path, files_max, .. } = &self.config;
        open.file.sync_data()?;
        for number in (1..*files_max).rev() {
            match fs::rename(numbered(path, number), numbered(path, number + 1)) {
                Err(problem) if problem.kind() != ErrorKind::NotFound => return Err(problem),
                Ok(()) | Err(_) => {}
            }
        }
        fs::rename(path, numbered(path, 1))?;
        OpenFile::open(path)
    }
}

impl OpenFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
        }
        let bytes = whole_lines(&file, metadata.len())?;
        if bytes < metadata.len() {
            // What a process left that ended in the middle of a line, whose entry comes again.
            file.set_len(bytes)?;
        }
        // A new file is durable when its name is.
        File::open(path.parent().unwrap_or(path))?.sync_all()?;
        Ok(Self { file, bytes, identity: (metadata.dev(), metadata.ino()) })
    }

    fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(problem) = self.file.write_all(lines) {
            // A part of a line may be there. If it cannot be taken away now, it is when the file is opened again.
            let _ = self.file.set_len(self.bytes);
            return Err(problem);
        }
        self.bytes += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

/// How many of the lines have room in so many bytes.
fn fitting(lines: &[String], bytes: u64) -> usize {
    let ends = lines.iter().scan(0_u64, |end, line| {
        *end += u64::try_from(line.len()).unwrap_or(u64::MAX);
        Some(*end)
    });
    ends.take_while(|end| *end <= bytes).count()
}

/// The length of a file of so many bytes without a last line that was not finished.
///
/// # Errors
/// It does not end with a line of such a log: what was not written here is not cut off.
fn whole_lines(file: &File, bytes: u64) -> io::Result<u64> {
    let mut block = [0; BLOCK_BYTES];
    let mut end = bytes;
    while end > 0 {
        let start = end.saturating_sub(length(BLOCK_BYTES));
        let part = block.get_mut(..usize::try_from(end - start).unwrap_or(BLOCK_BYTES)).unwrap_or_default();
        file.read_exact_at(part, start)?;
        if let Some(place) = part.iter().rposition(|byte| *byte == b'\n') {
            end = start + length(place) + 1;
            break;
        }
        end = start;
    }
    if bytes - end > UNFINISHED_BYTES_MAX || !is_ours(file, end, bytes)? {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "it does not end with a line of a registration log",
        ));
    }
    Ok(end)
}

/// Whether what is from `start` to `end` can be the beginning of a line, or of what a crash of the machine made of one.
fn is_ours(file: &File, start: u64, end: u64) -> io::Result<bool> {
    let mut beginning = [0; LINE_BEGINNING.len()];
    let bytes = usize::try_from(end - start).unwrap_or(usize::MAX).min(beginning.len());
    let beginning = beginning.get_mut(..bytes).unwrap_or_default();
    file.read_exact_at(beginning, start)?;
    Ok(LINE_BEGINNING.starts_with(beginning) || beginning.iter().all(|byte| *byte == 0))
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use landfall_registry::conformance::samples::success;
    use landfall_services::ServiceFailureKind;
    use tempfile::TempDir;

    use super::*;

    fn entry(number: u32) -> Arc<Entry> {
        Arc::new(Entry::new(success(number)))
    }

    fn line(number: u32) -> String {
        format!("{}\n", entry(number).to_json())
    }

    fn lines(numbers: impl IntoIterator<Item = u32>) -> String {
        numbers.into_iter().map(line).collect()
    }

    /// The length of each line; they have the same.
    fn line_bytes() -> u64 {
        length(line(1).len())
    }

    struct World {
        directory: TempDir,
        sink: FileSink,
    }

    impl World {
        /// A sink whose file has room for so many lines.
        fn new(lines: u64, files_max: u32) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("log");
            let bytes_max = lines * line_bytes();
            Self { directory, sink: FileSink::new(FileConfig { path, bytes_max, files_max }) }
        }

        async fn deliver(&self, numbers: impl IntoIterator<Item = u32>) -> Result<(), ServiceFailure> {
            self.sink.deliver(&numbers.into_iter().map(entry).collect::<Vec<_>>()).await
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(self.directory.path()).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    #[tokio::test]
    async fn lines_are_appended() {
        let world = World::new(9, 1);
        world.sink.settle().await.unwrap();
        assert_eq!(world.names(), [""; 0], "nothing is opened before the first line");
        world.deliver([1, 2]).await.unwrap();
        world.deliver([3]).await.unwrap();
        world.sink.settle().await.unwrap();
        assert_eq!(world.read("log"), lines([1, 2, 3]));
        let again = FileSink::new(world.sink.log.lock().unwrap().config.clone());
        again.deliver(&[entry(4)]).await.unwrap();
        assert_eq!(world.read("log"), lines([1, 2, 3, 4]));
        assert_eq!(fs::metadata(world.path("log")).unwrap().mode() & 0o137, 0);
    }

    #[tokio::test]
    async fn a_full_file_is_renamed_and_so_many_are_kept() {
        let world = World::new(2, 3);
        world.deliver([1, 2]).await.unwrap();
        assert_eq!(world.names(), ["log"]);
        world.deliver([3]).await.unwrap();
        assert_eq!(world.names(), ["log", "log.1"]);
        world.deliver(4..=11).await.unwrap();
        assert_eq!(world.names(), ["log", "log.1", "log.2", "log.3"]);
        for (name, expected) in
            [("log.3", lines([5, 6])), ("log.2", lines([7, 8])), ("log.1", lines([9, 10])), ("log", line(11))]
        {
            assert_eq!(world.read(name), expected, "{name}");
        }
        // What ended between two renames goes on.
        fs::rename(world.path("log.1"), world.path("log.2")).unwrap();
        world.deliver([12, 13]).await.unwrap();
        assert_eq!(world.read("log.1"), lines([11, 12]));
        assert_eq!(world.read("log.3"), lines([9, 10]));
    }

    #[tokio::test]
    async fn a_line_that_is_longer_than_a_file_may_be_has_one_of_its_own() {
        let world = World::new(0, 2);
        world.deliver([1, 2]).await.unwrap();
        assert_eq!((world.read("log.1"), world.read("log")), (line(1), line(2)));
    }

    #[tokio::test]
    async fn a_line_that_was_not_finished_is_taken_away() {
        for unfinished in ["{", "{\"certificateId\":\"00", &line(2)[..line(2).len() - 1], "\0\0\0"] {
            for before in [String::new(), line(1), lines(1..60)] {
                let world = World::new(99, 1);
                fs::write(world.path("log"), format!("{before}{unfinished}")).unwrap();
                world.deliver([3]).await.unwrap();
                assert_eq!(world.read("log"), before + &line(3), "{unfinished}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_log_stays_as_it_is() {
        let long = format!("{{\"certificateId\":{}", "x".repeat(70_000));
        for content in ["SQLite format 3\0", "a\nb", &long] {
            let world = World::new(9, 1);
            fs::write(world.path("log"), content).unwrap();
            let failure = world.deliver([1]).await.unwrap_err();
            assert_eq!(failure.kind, ServiceFailureKind::Passing);
            assert!(
                failure.message.ends_with("it does not end with a line of a registration log"),
                "{failure}"
            );
            assert_eq!(world.read("log"), content);
        }
    }

    #[tokio::test]
    async fn a_file_that_others_rename_or_delete_is_begun_anew() {
        let world = World::new(9, 1);
        world.deliver([1]).await.unwrap();
        fs::rename(world.path("log"), world.path("moved")).unwrap();
        world.deliver([2]).await.unwrap();
        assert_eq!((world.read("moved"), world.read("log")), (line(1), line(2)));
        fs::remove_file(world.path("log")).unwrap();
        world.deliver([3]).await.unwrap();
        assert_eq!(world.read("log"), line(3));
    }

    #[tokio::test]
    async fn what_fails_goes_on_when_it_can() {
        let world = World::new(9, 1);
        fs::create_dir(world.path("log")).unwrap();
        let failure = world.deliver([1]).await.unwrap_err();
        assert_eq!(failure.kind, ServiceFailureKind::Passing);
        assert!(failure.message.contains("log: Is a directory"), "{failure}");
        fs::remove_dir(world.path("log")).unwrap();
        world.deliver([1]).await.unwrap();
        assert_eq!(world.read("log"), line(1));
    }
}
