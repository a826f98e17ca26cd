//! Other programs: started, fed, waited for with a deadline, and shown when a test fails.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
pub use rustix::process::Signal;
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, getrlimit, kill_process, pidfd_open, setrlimit};

/// How long anything may take that is not known to take longer. Only a fault reaches it.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running program. It is killed when this is dropped, and what it printed is shown: test runners show it when the
/// test has failed.
pub struct Process {
    name: String,
    child: Child,
    transcript: Arc<Transcript>,
    ended: Option<ExitStatus>,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ran {
    /// The command line.
    pub command: String,
    /// How it ended; none if it was killed at the deadline.
    pub status: Option<ExitStatus>,
    /// What it printed.
    pub stdout: String,
    /// What it printed as errors.
    pub stderr: String,
}

/// Everything that a program prints, line by line.
#[derive(Default)]
struct Transcript {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    printed: Vec<(Stream, String)>,
    closed: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Error,
}

/// The clock of the tests, for deadlines and durations.
pub fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "tests of real programs run by the real clock")]
    Instant::now()
}

/// Lets this process have so many files and sockets open at once.
#[track_caller]
pub fn open_files(count: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < count) {
        let wanted = Rlimit { current: Some(count), maximum };
        setrlimit(Resource::Nofile, wanted)
            .unwrap_or_else(|error| panic!("{count} open files are needed, raise `ulimit -n`: {error}"));
    }
}

/// A command of this program, without the AWS settings of whoever runs the tests.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(variable);
    }
    // Servers under test are on this machine, whatever proxy it has.
    command.env("NO_PROXY", "localhost,127.0.0.1").env("no_proxy", "localhost,127.0.0.1");
    command
}

/// Runs a command with this standard input to its end, or kills it at the deadline.
#[track_caller]
pub fn run(command: &mut Command, input: &str, deadline: Duration) -> Ran {
    Process::start(command, input).finish(deadline)
}

impl Process {
    /// Starts a command with this standard input.
    #[track_caller]
    pub fn start(command: &mut Command, input: &str) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot run {name}: {error}; {}", remedy(&name)),
        };
        let transcript = Arc::new(Transcript::default());
        transcript.record(Stream::Out, child.stdout.take().expect("stdout is piped"));
        transcript.record(Stream::Error, child.stderr.take().expect("stderr is piped"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let input = input.to_owned();
        // A program that does not read its input may end before it is written.
        thread::spawn(move || stdin.write_all(input.as_bytes()).ok());
        Self { name: command_line(command), child, transcript, ended: None }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the program has printed a line that `wanted` takes, and gives what it made of it.
    #[track_caller]
    pub fn wait_for_line<T>(&mut self, what: &str, mut wanted: impl FnMut(&str) -> Option<T>) -> T {
        let until = now() + DEADLINE;
        let mut seen = 0;
        let mut lines = self.transcript.lines.lock().unwrap();
        loop {
            for (_, line) in lines.printed.iter().skip(seen) {
                if let Some(found) = wanted(line) {
                    return found;
                }
            }
            seen = lines.printed.len();
            let left = until.saturating_duration_since(now());
            if lines.closed == 2 || left.is_zero() {
                let reason = if left.is_zero() { "did not print" } else { "ended and never printed" };
                drop(lines);
                panic!("{} {reason} {what}; it printed:\n{}", self.name, self.transcript);
            }
            lines = self.transcript.changed.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Waits for the end of the program; none when it goes on past the deadline.
    pub fn wait(&mut self, deadline: Duration) -> Option<ExitStatus> {
        if self.ended.is_none() {
            let descriptor = pidfd_open(self.pid(), PidfdFlags::empty()).expect("a child can be watched");
            let timeout = Timespec::try_from(deadline).expect("a deadline of seconds");
            let ready = poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&timeout));
            if ready.expect("a child can be waited for") == 0 {
                return None;
            }
            self.ended = Some(self.child.wait().expect("a child that has ended"));
            self.transcript.wait_until_closed();
        }
        self.ended
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal)
            .unwrap_or_else(|error| panic!("cannot signal {}: {error}", self.name));
    }

    /// Kills the program, as `kill -9` does, and waits until it is gone.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        assert!(self.wait(DEADLINE).is_some(), "{} goes on after kill -9", self.name);
    }

    /// Waits for the end of the program, or kills it at the deadline.
    #[track_caller]
    pub fn finish(mut self, deadline: Duration) -> Ran {
        let status = self.wait(deadline);
        if status.is_none() {
            self.kill();
        }
        let [stdout, stderr] = [Stream::Out, Stream::Error].map(|stream| self.transcript.text(stream));
        Ran { command: std::mem::take(&mut self.name), status, stdout, stderr }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The name is taken from those that were run to their end: their caller shows what they printed.
        if self.name.is_empty() {
            return;
        }
        if self.ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        eprintln!("--- {}\n{}---", self.name, self.transcript);
    }
}

impl Ran {
    /// Whether it ended with exit code 0.
    pub fn success(&self) -> bool {
        self.code() == Some(0)
    }

    /// Its exit code; none if it was killed.
    pub fn code(&self) -> Option<i32> {
        self.status?.code()
    }

    /// What it printed, after the check that it succeeded.
    #[track_caller]
    pub fn stdout(self) -> String {
        assert!(self.success(), "{self}");
        self.stdout
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, status, stdout, stderr } = self;
        match status {
            Some(status) => writeln!(f, "{command}: {status}")?,
            None => writeln!(f, "{command}: killed at the deadline")?,
        }
        write!(f, "{stdout}{stderr}")
    }
}

impl Transcript {
    fn record(self: &Arc<Self>, stream: Stream, source: impl Read + Send + 'static) {
        let transcript = Arc::clone(self);
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                line.clear();
                transcript.change(|lines| lines.printed.push((stream, text)));
            }
            transcript.change(|lines| lines.closed += 1);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.lines.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait_until_closed(&self) {
        let lines = self.lines.lock().unwrap();
        // A grandchild may keep the pipe open; what the program itself printed is there soon after its end.
        let closed = self.changed.wait_timeout_while(lines, Duration::from_secs(5), |lines| lines.closed < 2);
        drop(closed.unwrap());
    }

    fn text(&self, stream: Stream) -> String {
        let lines = self.lines.lock().unwrap();
        let of_stream = lines.printed.iter().filter(|(from, _)| *from == stream);
        of_stream.map(|(_, line)| format!("{line}\n")).collect()
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Of a long transcript only the end is shown.
        const LINES_SHOWN: usize = 400;
        let lines = self.lines.lock().unwrap();
        let hidden = lines.printed.len().saturating_sub(LINES_SHOWN);
        if hidden > 0 {
            writeln!(f, "({hidden} lines before)")?;
        }
        lines.printed.iter().skip(hidden).try_for_each(|(_, line)| writeln!(f, "{line}"))
    }
}

fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// What to do about a program that is not there.
fn remedy(name: &str) -> String {
    let package = match name {
        "mosquitto_pub" | "mosquitto_sub" => "mosquitto-clients",
        "openssl" => "openssl",
        _ => return "run .ci/setup, which installs what the tests need".to_owned(),
    };
    format!("install it with `apt-get install {package}`, or everything that the tests need with .ci/setup")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "install it with `apt-get install mosquitto-clients`")]
    fn a_program_that_is_missing_is_named_with_what_installs_it() {
        let nowhere = tempfile::tempdir().unwrap();
        run(Command::new("mosquitto_pub").env("PATH", nowhere.path()), "", DEADLINE);
    }

    #[test]
    fn a_program_is_fed_and_its_streams_are_told_apart() {
        let ran = run(program("bash").args(["-c", "cat; echo wrong >&2; exit 3"]), "right\n", DEADLINE);
        assert_eq!((ran.code(), ran.stdout.as_str(), ran.stderr.as_str()), (Some(3), "right\n", "wrong\n"));
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_at_the_deadline() {
        let ran =
            run(program("bash").args(["-c", "echo begun; exec cat <> <(:)"]), "", Duration::from_secs(1));
        assert_eq!((ran.status, ran.stdout.as_str()), (None, "begun\n"));
    }

    #[test]
    #[should_panic(expected = "ended and never printed")]
    fn a_line_that_never_comes_is_not_waited_for_when_the_program_has_ended() {
        let mut process = Process::start(program("bash").args(["-c", "echo other"]), "");
        process.wait_for_line("a line", |line| (line == "a line").then_some(()));
    }
}
