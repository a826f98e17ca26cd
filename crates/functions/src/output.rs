//! What a process prints, by invocation: bounded, into the log of its function, and the end of it to the caller.

use std::collections::VecDeque;
use std::io;
use std::mem;

use landfall_model::FunctionName;
use rustix::io::Errno;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{mpsc, oneshot};

use crate::logs::Logs;

/// What a process prints, as the one who invokes it has it.
pub(crate) struct Output {
    commands: mpsc::Sender<Command>,
}

/// Reads what a process prints, until nobody invokes it any more.
pub(crate) struct OutputReader {
    pipe: Receiver,
    commands: mpsc::Receiver<Command>,
    recorder: Recorder,
}

enum Command {
    /// An invocation begins, with this line.
    Begin { line: String, tail: bool },
    /// A line of it that its process did not print.
    Note(String),
    /// It ends, with these lines; what was printed up to now is part of it.
    End { lines: String, tail: oneshot::Sender<Option<Vec<u8>>> },
}

impl Output {
    /// What comes out of a pipe, up to so many bytes for each invocation.
    pub(crate) fn new(
        pipe: Receiver,
        function: FunctionName,
        logs: Logs,
        bytes_max: u64,
    ) -> (Self, OutputReader) {
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let recorder = Recorder {
            function,
            logs,
            bytes_max,
            left: bytes_max,
            dropped: 0,
            after_return: false,
            ends_with_line: true,
            tail: None,
        };
        (Self { commands: sender }, OutputReader { pipe, commands, recorder })
    }

    /// Begins an invocation with a line of its own. `tail`: whether its caller wants the end of its log.
    pub(crate) async fn begin(&self, line: String, tail: bool) {
        // Nobody reads any more when the process is gone, which its caller hears by other ways.
        let _ = self.commands.send(Command::Begin { line, tail }).await;
    }

    /// Adds a line to an invocation.
    pub(crate) async fn note(&self, line: String) {
        let _ = self.commands.send(Command::Note(line)).await;
    }

    /// Ends an invocation with lines of its own. The end of its log, if that is wanted.
    pub(crate) async fn end(&self, lines: String) -> Option<Vec<u8>> {
        let (tail, told) = oneshot::channel();
        self.commands.send(Command::End { lines, tail }).await.ok()?;
        told.await.ok()?
    }
}

impl OutputReader {
    /// Reads until the [`Output`] is dropped. What is printed after that is of no invocation.
    pub(crate) async fn run(self) {
        let Self { mut pipe, mut commands, mut recorder } = self;
        let mut buffer = vec![0; PIECE_BYTES_MAX];
        let mut is_open = true;
        loop {
            tokio::select! {
                // An invocation begins before its process can print anything for it.
                biased;
                command = commands.recv() => match command {
                    Some(Command::Begin { line, tail }) => recorder.begin(&line, tail),
                    Some(Command::Note(line)) => {
                        is_open = is_open && drain(&pipe, &mut buffer, &mut recorder).is_ok();
                        recorder.note(&line);
                    }
                    Some(Command::End { lines, tail }) => {
                        // All that a process printed before it answered is in the pipe by now.
                        is_open = is_open && drain(&pipe, &mut buffer, &mut recorder).is_ok();
                        // Who does not wait any more needs no tail.
                        let _ = tail.send(recorder.end(&lines));
                    }
                    None => return,
                },
                read = pipe.read(&mut buffer), if is_open => match read {
                    Ok(0) | Err(_) => is_open = false,
                    Ok(count) => recorder.record(buffer.get(..count).unwrap_or_default()),
                },
            }
        }
    }
}

/// Reads what is in the pipe now, and no more than a process could have printed before it answered.
///
/// The pipe is asked itself: the runtime only knows of what came before it last looked.
fn drain(pipe: &Receiver, buffer: &mut [u8], recorder: &mut Recorder) -> io::Result<()> {
    for _ in 0..DRAIN_READS_MAX {
        match rustix::io::read(pipe, &mut *buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => recorder.record(buffer.get(..count).unwrap_or_default()),
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// One reads and the other invokes: there is never more than one to wait.
const COMMANDS_MAX: usize = 2;

/// How many bytes are read at once: what a pipe holds.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// How often a pipe is read at the end of an invocation. A pipe holds what is read at once; the rest is what other
/// processes print meanwhile.
const DRAIN_READS_MAX: usize = 16;

/// How many bytes of a log its caller gets, as at AWS.
const TAIL_BYTES_MAX: usize = 4 * 1024;

/// Counts and keeps.
struct Recorder {
    function: FunctionName,
    logs: Logs,
    bytes_max: u64,
    /// How many bytes the invocation may still print.
    left: u64,
    /// How many bytes of it were thrown away.
    dropped: u64,
    /// Whether the last byte was a carriage return, to which a line feed may come.
    after_return: bool,
    ends_with_line: bool,
    tail: Option<VecDeque<u8>>,
}

impl Recorder {
    fn begin(&mut self, line: &str, tail: bool) {
        self.report_dropped();
        self.left = self.bytes_max;
        self.tail = tail.then(VecDeque::new);
        self.write(line.as_bytes());
    }

    fn note(&mut self, line: &str) {
        self.end_line();
        self.write(line.as_bytes());
    }

    fn end(&mut self, lines: &str) -> Option<Vec<u8>> {
        self.report_dropped();
        self.left = self.bytes_max;
        self.end_line();
        self.write(lines.as_bytes());
        self.tail.take().map(Vec::from)
    }

    /// Takes what was printed.
    fn record(&mut self, bytes: &[u8]) {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let taken = count.min(self.left);
        self.left -= taken;
        self.dropped = self.dropped.saturating_add(count - taken);
        let taken = usize::try_from(taken).ok().and_then(|taken| bytes.get(..taken)).unwrap_or_default();
        if !taken.is_empty() {
            let lines = self.as_lines(taken);
            self.write(&lines);
        }
    }

    /// The runtimes separate the lines of one error by a lone carriage return, so that CloudWatch keeps them together. In
    /// a file it would only hide them.
    fn as_lines(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut lines = Vec::with_capacity(bytes.len());
        for byte in bytes {
            match (*byte, mem::replace(&mut self.after_return, *byte == b'\r')) {
                (b'\r', _) => lines.push(b'\n'),
                (b'\n', true) => {}
                (byte, _) => lines.push(byte),
            }
        }
        lines
    }

    /// Says how much was thrown away, if anything was.
    fn report_dropped(&mut self) {
        let dropped = mem::take(&mut self.dropped);
        if dropped > 0 {
            self.end_line();
            let max = self.bytes_max;
            let line = format!(
                "[landfall] {dropped} bytes more were printed and are not kept: output_bytes_max is {max} bytes\n"
            );
            self.write(line.as_bytes());
        }
    }

    fn end_line(&mut self) {
        if !self.ends_with_line {
            self.write(b"\n");
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        self.ends_with_line = *last == b'\n';
        if let Some(tail) = &mut self.tail {
            let kept = bytes.get(bytes.len().saturating_sub(TAIL_BYTES_MAX)..).unwrap_or(bytes);
            tail.extend(kept);
            let over = tail.len().saturating_sub(TAIL_BYTES_MAX);
            tail.drain(..over);
        }
        self.logs.write(&self.function, bytes.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use super::*;

    struct Fixture {
        _data: tempfile::TempDir,
        logs: Logs,
        output: Output,
        reader: OutputReader,
        printer: io::PipeWriter,
    }

    fn fixture(bytes_max: u64) -> Fixture {
        let data = tempfile::tempdir().unwrap();
        let logs = Logs::open(data.path(), 1_000_000, 64).unwrap();
        let (pipe, printer) = io::pipe().unwrap();
        let pipe = Receiver::from_owned_fd(OwnedFd::from(pipe)).unwrap();
        let (output, reader) = Output::new(pipe, name(), logs.clone(), bytes_max);
        Fixture { _data: data, logs, output, reader, printer }
    }

    fn name() -> FunctionName {
        FunctionName::parse("jitr").unwrap()
    }

    async fn log(logs: &Logs) -> String {
        logs.read(&name(), None, Duration::ZERO).await.unwrap().text
    }

    #[tokio::test]
    async fn what_is_printed_stands_between_the_lines_of_its_invocation() {
        let Fixture { _data, logs, output, reader, mut printer } = fixture(1_000);
        let (tail, ()) = tokio::join!(
            async move {
                output.begin("START 1\n".to_owned(), true).await;
                printer.write_all(b"[ERROR] Boom\rTraceback\r\nno end").unwrap();
                let tail = output.end("END 1\n".to_owned()).await;
                output.begin("START 2\n".to_owned(), false).await;
                printer.write_all(b"second\n").unwrap();
                assert_eq!(output.end("END 2\n".to_owned()).await, None);
                tail
            },
            reader.run()
        );
        let expected = "START 1\n[ERROR] Boom\nTraceback\nno end\nEND 1\n";
        assert_eq!(String::from_utf8(tail.unwrap()).unwrap(), expected);
        assert_eq!(log(&logs).await, format!("{expected}START 2\nsecond\nEND 2\n"));
    }

    #[tokio::test]
    async fn what_is_too_much_is_read_and_not_kept() {
        let Fixture { _data, logs, output, reader, mut printer } = fixture(10);
        let printing = std::thread::spawn(move || {
            for _ in 0..1_000 {
                printer.write_all(&[b'x'; 1_000]).unwrap();
            }
        });
        let ((), ()) = tokio::join!(
            async move {
                output.begin("START 1\n".to_owned(), false).await;
                tokio::task::spawn_blocking(|| printing.join().unwrap()).await.unwrap();
                output.end("END 1\n".to_owned()).await;
            },
            reader.run()
        );
        let log = log(&logs).await;
        assert!(log.starts_with("START 1\nxxxxxxxxxx\n[landfall] 999990 bytes more"), "{log}");
        assert!(log.ends_with("output_bytes_max is 10 bytes\nEND 1\n"), "{log}");
    }

    #[tokio::test]
    async fn the_tail_is_the_last_four_kibibytes() {
        let Fixture { _data, logs: _, output, reader, mut printer } = fixture(100_000);
        let (tail, ()) = tokio::join!(
            async move {
                output.begin("START\n".to_owned(), true).await;
                printer.write_all(&[b'x'; 10_000]).unwrap();
                output.end("END\n".to_owned()).await
            },
            reader.run()
        );
        let tail = String::from_utf8(tail.unwrap()).unwrap();
        assert_eq!(tail.len(), TAIL_BYTES_MAX);
        assert!(tail.starts_with('x') && tail.ends_with("x\nEND\n"), "{tail}");
    }
}
