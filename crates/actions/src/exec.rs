use std::ffi::OsString;
use std::io::{self, ErrorKind, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use landfall_services::ServiceFailure;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

/// The status of a program that asks to be tried again: `EX_TEMPFAIL` of `sysexits.h`.
const TRY_AGAIN: i32 = 75;

/// How many bytes of what a program prints are read at once.
const READ_BYTES: usize = 4 * 1_024;

/// How long to wait for the rest of what a program printed, once it has ended: longer only if one that it started left its
/// process group and prints on.
const REST_TIMEOUT: Duration = Duration::from_millis(100);

/// How programs of `exec` actions are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecConfig {
    /// How long a program may run (10 s). Then it is killed with all that it started.
    pub wall_time: Duration,
    /// How many bytes of what a program prints are kept, standard output and standard error together (8 KiB). The rest is
    /// read and dropped, so that no program waits for a reader.
    pub output_bytes_max: usize,
    /// The working folder (`/`).
    pub folder: PathBuf,
    /// The environment: nothing else is there. See [`ExecConfig::environment_of`].
    pub environment: Vec<(OsString, OsString)>,
}

/// Runs programs of the machine.
#[derive(Clone, Debug)]
pub struct Programs {
    config: ExecConfig,
}

impl ExecConfig {
    /// The variables of the server's environment that programs get.
    pub const VARIABLES: [&str; 8] = ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"];

    /// Of the server's environment, what programs get: where things are and how people write, but no secrets.
    pub fn environment_of(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Vec<(OsString, OsString)> {
        let is_passed = |name: &OsString| Self::VARIABLES.iter().any(|passed| name == passed);
        variables.into_iter().filter(|(name, _)| is_passed(name)).collect()
    }
}

impl Programs {
    /// Runs programs so.
    pub fn new(config: ExecConfig) -> Self {
        Self { config }
    }

    /// Runs a program once, with a payload on its standard input, and waits for its end. No shell reads the arguments. A
    /// program without a slash in its name is looked for in `PATH`.
    ///
    /// It has a process group of its own: whatever of that is left when the program ends, or when its time is up, is killed.
    /// It need not read its input.
    ///
    /// Cancel safety: the program and what it started are killed.
    ///
    /// # Errors
    /// Passing: it ended with 75 (`EX_TEMPFAIL`) or by a signal, its time was up, or the machine had no room for it. Lasting: it
    /// ended with any other status but 0, or there is no such program, or it cannot be run. The message has the start of what it
    /// printed.
    pub async fn run(
        &self,
        program: &str,
        arguments: &[String],
        payload: Bytes,
    ) -> Result<(), ServiceFailure> {
        let mut running = self.start(program, arguments).map_err(|error| not_started(program, &error))?;
        let ended = timeout(self.config.wall_time, running.until_end(payload)).await;
        // Dropped, it kills what is left.
        drop(running);
        match ended {
            Ok(Ok((status, output))) => outcome(program, status, &output),
            Ok(Err(error)) => {
                Err(ServiceFailure::passing(format!("{program} could not be waited for: {error}")))
            }
            Err(_) => Err(ServiceFailure::passing(format!(
                "{program} was killed: it ran for longer than {:?}",
                self.config.wall_time
            ))),
        }
    }

    fn start(&self, program: &str, arguments: &[String]) -> io::Result<Running> {
        let ExecConfig { output_bytes_max, folder, environment, .. } = &self.config;
        // One pipe for both, so that what a program prints is in its order.
        let (reader, writer) = io::pipe()?;
        let output = Output::new(reader, *output_bytes_max)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        // The number of a child that nobody has waited for is there.
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).map(Group);
        let input = child.stdin.take();
        // The command is dropped here, and with it our end of the pipe that the program writes to.
        Ok(Running { group, child, input, output })
    }
}

/// A program that runs.
struct Running {
    // Dropped first: its number is the program's as long as nobody has waited for that.
    group: Option<Group>,
    child: Child,
    input: Option<ChildStdin>,
    output: Output,
}

/// The process group of a program, killed when it is dropped.
struct Group(Pid);

impl Running {
    /// Gives the program its input, and waits until it has ended: its status, and what it printed.
    async fn until_end(&mut self, payload: Bytes) -> io::Result<(ExitStatus, Vec<u8>)> {
        let Self { group, child, input, output } = self;
        let input = input.take();
        let give = async move {
            if let Some(mut input) = input {
                // One that ends, or closes its input, before it has read everything has read as much as it wants.
                let _ = input.write_all(&payload).await;
            }
        };
        tokio::pin!(give);
        let (mut is_given, mut is_read) = (false, false);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                () = &mut give, if !is_given => is_given = true,
                () = output.read(), if !is_read => is_read = true,
            }
        };
        // What the program has left behind would keep the pipe open. The number of the group was the program's until just
        // now, and numbers are given out in turn: no other has it yet.
        *group = None;
        if !is_read {
            let _ = timeout(REST_TIMEOUT, output.read()).await;
        }
        Ok((status, std::mem::take(&mut output.kept)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group that is gone needs not be killed.
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

/// What a program prints.
struct Output {
    pipe: Receiver,
    kept: Vec<u8>,
    kept_max: usize,
}

impl Output {
    fn new(pipe: PipeReader, kept_max: usize) -> io::Result<Self> {
        Ok(Self { pipe: Receiver::from_owned_fd(OwnedFd::from(pipe))?, kept: Vec::new(), kept_max })
    }

    /// Reads to the end. Cancel safe: what was read is kept.
    async fn read(&mut self) {
        let mut buffer = [0; READ_BYTES];
        // A pipe that cannot be read has nothing more to say.
        while let Ok(count @ 1..) = self.pipe.read(&mut buffer).await {
            let room = self.kept_max - self.kept.len();
            self.kept.extend_from_slice(&buffer[..count.min(room)]);
        }
    }
}

impl Default for ExecConfig {
    fn default() -> Self {
        Self {
            wall_time: Duration::from_secs(10),
            output_bytes_max: 8 * 1_024,
            folder: PathBuf::from("/"),
            environment: Vec::new(),
        }
    }
}

fn outcome(program: &str, status: ExitStatus, output: &[u8]) -> Result<(), ServiceFailure> {
    if status.success() {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(output);
    let printed = printed.trim();
    let printed = if printed.is_empty() { "it printed nothing" } else { printed };
    Err(match (status.code(), status.signal()) {
        (Some(TRY_AGAIN), _) => {
            ServiceFailure::passing(format!("{program} ended with {TRY_AGAIN}, to be tried again: {printed}"))
        }
        (Some(code), _) => ServiceFailure::lasting(format!("{program} ended with {code}: {printed}")),
        (None, Some(signal)) => {
            ServiceFailure::passing(format!("{program} was ended by signal {signal}: {printed}"))
        }
        (None, None) => ServiceFailure::passing(format!("{program} ended without a status: {printed}")),
    })
}

fn not_started(program: &str, error: &io::Error) -> ServiceFailure {
    let lasting = [
        ErrorKind::NotFound,
        ErrorKind::PermissionDenied,
        ErrorKind::NotADirectory,
        ErrorKind::InvalidInput,
        ErrorKind::ArgumentListTooLong,
    ];
    let message = format!("{program} cannot be run: {error}");
    if lasting.contains(&error.kind()) {
        ServiceFailure::lasting(message)
    } else {
        ServiceFailure::passing(message)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead as _, BufReader};

    use landfall_services::ServiceFailureKind::{Lasting, Passing};

    use super::*;

    fn config() -> ExecConfig {
        ExecConfig { wall_time: Duration::from_secs(60), ..ExecConfig::default() }
    }

    async fn shell(script: &str, arguments: &[&str], payload: &'static [u8]) -> Result<(), ServiceFailure> {
        let mut all = vec!["-c".to_owned(), script.to_owned(), "sh".to_owned()];
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        Programs::new(config()).run("/bin/sh", &all, Bytes::from_static(payload)).await
    }

    #[tokio::test]
    async fn a_program_reads_the_payload_and_its_arguments_as_they_are() {
        let script =
            r#"[ "$(cat)" = '{"a": "b"}' ] && [ "$#" = 2 ] && [ "$1" = '$(id); "x' ] && [ "$2" = '' ]"#;
        assert_eq!(shell(script, &["$(id); \"x", ""], br#"{"a": "b"}"#).await, Ok(()));
    }

    #[tokio::test]
    async fn the_status_tells_whether_a_failure_passes() {
        for (script, expected) in [
            ("exit 0", None),
            ("exit 1", Some((Lasting, "/bin/sh ended with 1: it printed nothing"))),
            ("echo one; echo two >&2; exit 3", Some((Lasting, "/bin/sh ended with 3: one two"))),
            ("echo busy; exit 75", Some((Passing, "/bin/sh ended with 75, to be tried again: busy"))),
            ("kill -9 $$", Some((Passing, "/bin/sh was ended by signal 9: it printed nothing"))),
            ("printf 'a\\377b'; exit 1", Some((Lasting, "/bin/sh ended with 1: a\u{fffd}b"))),
        ] {
            let failure = shell(script, &[], b"").await.err();
            let expected = expected.map(|(kind, message)| ServiceFailure::new(kind, message));
            assert_eq!(failure, expected, "{script}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_run_fails_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        fs::write(&text, "no program").unwrap();
        let no_program = text.to_str().unwrap();
        let long = "x".repeat(3 * 1_024 * 1_024);
        for (program, argument) in [
            ("/there/is/no/such/program", "a"),
            ("landfall-has-no-such-program", "a"),
            ("/", "a"),
            (no_program, "a"),
            ("/bin/true", long.as_str()),
            ("/bin/true", "null\0character"),
        ] {
            let run = Programs::new(config()).run(program, &[argument.to_owned()], Bytes::new()).await;
            let failure = run.unwrap_err();
            assert_eq!(failure.kind, Lasting, "{failure}");
            assert!(failure.message.starts_with(&format!("{program} cannot be run: ")), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_program_need_not_read_what_it_is_given_and_nobody_waits_for_what_it_prints() {
        // More than a pipe holds, of both.
        let payload: &'static [u8] = vec![b'x'; 1_024 * 1_024].leak();
        assert_eq!(shell("exit 0", &[], payload).await, Ok(()));
        assert_eq!(shell("exec 0<&-; exit 0", &[], payload).await, Ok(()));
        assert_eq!(shell("cat; cat >&2", &[], payload).await, Ok(()));
        let failure = shell("cat; exit 1", &[], payload).await.unwrap_err();
        assert!(failure.message.starts_with("/bin/sh ended with 1: xxxx"), "{failure}");
    }

    #[tokio::test]
    async fn of_what_is_printed_no_more_is_kept_than_the_limit() {
        let config = ExecConfig { output_bytes_max: 4, ..config() };
        let arguments = ["-c".to_owned(), "printf abcdefgh; exit 1".to_owned()];
        let failure = Programs::new(config).run("/bin/sh", &arguments, Bytes::new()).await.unwrap_err();
        assert_eq!(failure, ServiceFailure::lasting("/bin/sh ended with 1: abcd"));
    }

    #[tokio::test]
    async fn a_program_gets_its_environment_and_no_other() {
        let variable = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let all = [
            variable("PATH", "/usr/bin:/bin"),
            variable("LANG", "C.UTF-8"),
            variable("AWS_SECRET_ACCESS_KEY", "secret"),
            variable("PATHS", "/usr"),
        ];
        let environment = ExecConfig::environment_of(all);
        assert_eq!(environment, [variable("PATH", "/usr/bin:/bin"), variable("LANG", "C.UTF-8")]);
        let config = ExecConfig { environment, folder: "/usr".into(), ..config() };
        // Without a slash the program is found in its own PATH. The one that prints fails, so that it can be looked at.
        let script = "env; pwd; exit 1";
        let arguments = ["-c".to_owned(), script.to_owned()];
        let failure = Programs::new(config).run("sh", &arguments, Bytes::new()).await.unwrap_err();
        let (_, printed) = failure.message.split_once(": ").unwrap();
        let mut words: Vec<_> = printed.split(' ').collect();
        words.sort_unstable();
        // What a shell sets by itself is of no matter.
        words.retain(|word| !["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|own| word.starts_with(own)));
        assert_eq!(words, ["/usr", "LANG=C.UTF-8", "PATH=/usr/bin:/bin"]);
    }

    /// A pipe that programs hold open: it ends when the last of them is gone.
    fn held_pipe(folder: &std::path::Path) -> PathBuf {
        let path = folder.join("held");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    #[tokio::test]
    async fn what_a_program_leaves_behind_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let held = held_pipe(folder.path());
        let path = held.clone();
        // The reader comes to an end when nobody holds the pipe any more.
        let reader = std::thread::spawn(move || {
            BufReader::new(fs::File::open(path).unwrap()).lines().collect::<Result<Vec<_>, _>>().unwrap()
        });
        let script =
            r#"exec 3>"$1"; (echo child >&3; while :; do sleep 1000; done) & echo parent >&3; exit 0"#;
        assert_eq!(shell(script, &[held.to_str().unwrap()], b"").await, Ok(()));
        assert!(reader.join().unwrap().contains(&"parent".to_owned()));
    }

    #[tokio::test]
    async fn a_program_is_killed_with_all_that_it_started_when_its_time_is_up_or_nobody_waits() {
        let folder = tempfile::tempdir().unwrap();
        for is_cancelled in [false, true] {
            let held = held_pipe(folder.path());
            let path = held.clone();
            let (sender, started) = tokio::sync::oneshot::channel();
            let reader = std::thread::spawn(move || {
                let mut lines = BufReader::new(fs::File::open(path).unwrap()).lines();
                lines.next().unwrap().unwrap();
                sender.send(()).unwrap();
                lines.count()
            });
            let script = r#"exec 3>"$1"; (while :; do sleep 1000; done) & echo started >&3; while :; do sleep 1000; done"#;
            let arguments = ["-c", script, "sh", held.to_str().unwrap()].map(str::to_owned);
            let wall_time = if is_cancelled { Duration::from_secs(60) } else { Duration::from_millis(300) };
            let programs = Programs::new(ExecConfig { wall_time, ..config() });
            let run = programs.run("/bin/sh", &arguments, Bytes::new());
            if is_cancelled {
                tokio::select! {
                    ended = run => panic!("it ended: {ended:?}"),
                    _ = started => {}
                }
            } else {
                let failure = run.await.unwrap_err();
                let message = "/bin/sh was killed: it ran for longer than 300ms";
                assert_eq!(failure, ServiceFailure::passing(message));
            }
            assert_eq!(reader.join().unwrap(), 0);
            fs::remove_file(&held).unwrap();
        }
    }
}
