use std::fs;
use std::io::{self, ErrorKind, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::answer::{Answer, shown};
use crate::failure::{Failure, Unreadable};
use crate::{Config, PrepareError};

/// A program of the machine that is asked: JSON on its standard input, its answer on the standard output.
///
/// It has a process group of its own: whatever of that is left when it ends, or when its time is up, is killed.
pub(crate) struct Executable {
    program: PathBuf,
    arguments: Vec<String>,
    config: Config,
    places: Semaphore,
}

/// Why a program gave no answer.
#[derive(Debug, Error)]
pub(crate) enum ExecutableError {
    #[error("{} cannot be run", program.display())]
    NotStarted { program: PathBuf, source: io::Error },
    #[error("{} could not be waited for", program.display())]
    NotAwaited { program: PathBuf, source: io::Error },
    #[error("{} answered more than {max} bytes", program.display())]
    TooLong { program: PathBuf, max: usize },
    #[error("{} {}: {}", program.display(), ended(*status), printed(errors))]
    Status { program: PathBuf, status: ExitStatus, errors: String },
}

/// Why a program cannot be run.
#[derive(Debug, Error)]
enum ProgramError {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("{} is not absolute; a program is named from / on", .0.display())]
    Relative(PathBuf),
    #[error("{} is no file that may be executed", .0.display())]
    NotExecutable(PathBuf),
}

/// How many bytes of what a program prints are read at once.
const READ_BYTES: usize = 4 * 1_024;

/// How long to wait for the rest of what a program printed, once it has ended: longer only if one that it started left its
/// process group and prints on.
const REST_TIMEOUT: Duration = Duration::from_millis(100);

/// The bits of a file's mode that let somebody execute it.
const EXECUTABLE: u32 = 0o111;

impl Executable {
    /// Checks that a program can be run.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn open(program: &Path, arguments: &[String], config: &Config) -> Result<Self, PrepareError> {
        check(program).map_err(|problem| PrepareError::new("Program", problem))?;
        Ok(Self {
            program: program.to_owned(),
            arguments: arguments.to_vec(),
            places: Semaphore::new(config.limits.executables_running_max),
            config: config.clone(),
        })
    }

    /// Runs the program once. How long that may take is the caller's, who drops this.
    pub(crate) async fn ask(&self, body: Bytes) -> Result<Answer, Failure> {
        let _place = self.places.acquire().await.map_err(|_| Failure::Ending)?;
        let program = &self.program;
        let mut running = self
            .start()
            .map_err(|source| ExecutableError::NotStarted { program: program.clone(), source })?;
        let ended = running.until_end(body).await;
        // Dropped, it kills what is left.
        drop(running);
        let (status, answer, errors) = match ended {
            Ok(ended) => ended,
            Err(source) if source.kind() == ErrorKind::FileTooLarge => {
                let max = self.config.limits.answer_bytes_max;
                return Err(ExecutableError::TooLong { program: program.clone(), max }.into());
            }
            Err(source) => {
                return Err(ExecutableError::NotAwaited { program: program.clone(), source }.into());
            }
        };
        if !status.success() {
            let errors = shown(&String::from_utf8_lossy(&errors));
            return Err(ExecutableError::Status { program: program.clone(), status, errors }.into());
        }
        Ok(Answer::parse(&answer)?)
    }

    fn start(&self) -> io::Result<Running> {
        let Config { environment, folder, limits } = &self.config;
        let (answer_reader, answer_writer) = io::pipe()?;
        let (error_reader, error_writer) = io::pipe()?;
        let answer = Output::new(answer_reader, limits.answer_bytes_max)?;
        let errors = Output::new(error_reader, limits.error_output_bytes_max)?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(answer_writer)
            .stderr(error_writer)
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        // The number of a child that nobody has waited for is there.
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).map(Group);
        let input = child.stdin.take();
        // The command is dropped here, and with it our ends of the pipes that the program writes to.
        Ok(Running { group, child, input, answer, errors })
    }
}

fn check(program: &Path) -> Result<(), ProgramError> {
    if !program.is_absolute() {
        return Err(ProgramError::Relative(program.to_owned()));
    }
    let metadata = fs::metadata(program).map_err(Unreadable::of(program))?;
    if !metadata.is_file() || metadata.permissions().mode() & EXECUTABLE == 0 {
        return Err(ProgramError::NotExecutable(program.to_owned()));
    }
    Ok(())
}

/// A program that runs.
struct Running {
    // Dropped first: its number is the program's as long as nobody has waited for that.
    group: Option<Group>,
    child: Child,
    input: Option<ChildStdin>,
    answer: Output,
    errors: Output,
}

/// The process group of a program, killed when it is dropped.
struct Group(Pid);

impl Running {
    /// Gives the program its input, and waits until it has ended: its status, its answer and what it printed as errors. An
    /// answer that is too long is an error of the kind `FileTooLarge`.
    async fn until_end(&mut self, body: Bytes) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
        let Self { group, child, input, answer, errors } = self;
        let input = input.take();
        let give = async move {
            if let Some(mut input) = input {
                // One that ends, or closes its input, before it has read everything has read as much as it wants.
                let _ = input.write_all(&body).await;
            }
        };
        tokio::pin!(give);
        let (mut is_given, mut is_answered, mut is_read) = (false, false, false);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                () = &mut give, if !is_given => is_given = true,
                () = answer.read_within(), if !is_answered => {
                    answer.check()?;
                    is_answered = true;
                }
                () = errors.read(), if !is_read => is_read = true,
            }
        };
        // What the program has left behind would keep the pipes open. The number of the group was the program's until just
        // now, and numbers are given out in turn: no other has it yet.
        *group = None;
        if !is_answered {
            let _ = timeout(REST_TIMEOUT, answer.read_within()).await;
            answer.check()?;
        }
        if !is_read {
            let _ = timeout(REST_TIMEOUT, errors.read()).await;
        }
        Ok((status, std::mem::take(&mut answer.kept), std::mem::take(&mut errors.kept)))
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
    is_longer: bool,
}

impl Output {
    fn new(pipe: PipeReader, kept_max: usize) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(OwnedFd::from(pipe))?;
        Ok(Self { pipe, kept: Vec::new(), kept_max, is_longer: false })
    }

    /// Reads to the end, and drops what is more than may be kept. Cancel safe: what was read is kept.
    async fn read(&mut self) {
        while self.read_some().await {}
    }

    /// Reads to the end, or until there is more than may be kept. Cancel safe: what was read is kept.
    async fn read_within(&mut self) {
        while !self.is_longer && self.read_some().await {}
    }

    /// Reads what is there; whether there may be more. A pipe that cannot be read has nothing more to say.
    async fn read_some(&mut self) -> bool {
        let mut buffer = [0; READ_BYTES];
        let Ok(count @ 1..) = self.pipe.read(&mut buffer).await else {
            return false;
        };
        let room = self.kept_max - self.kept.len();
        self.is_longer |= count > room;
        self.kept.extend_from_slice(&buffer[..count.min(room)]);
        true
    }

    fn check(&self) -> io::Result<()> {
        if self.is_longer { Err(ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended without a status".to_owned(),
    }
}

fn printed(errors: &str) -> &str {
    if errors.is_empty() { "it printed no error" } else { errors }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::io::{BufRead as _, BufReader};

    use super::*;
    use crate::failure::with_sources;

    const ALLOW: &str = r#"echo '{"decision":"allow"}'"#;

    fn shell_with(config: &Config, script: &str) -> Executable {
        let arguments = ["-c", script, "sh", "$(id); \"x"].map(str::to_owned);
        Executable::open(Path::new("/bin/sh"), &arguments, config).unwrap()
    }

    async fn ask(script: &str, body: &'static [u8]) -> Result<Answer, String> {
        let answer = shell_with(&Config::default(), script).ask(Bytes::from_static(body)).await;
        answer.map_err(|failure| with_sources(&failure))
    }

    #[tokio::test]
    async fn a_program_reads_what_is_planned_and_answers() {
        let script =
            r#"[ "$(cat)" = '{"a": "b"}' ] && [ "$#" = 1 ] && [ "$1" = '$(id); "x' ] && [ "$PWD" = / ] && "#;
        let script = format!(r#"{script} echo '{{"decision": "deny", "message": "not ours"}}'"#);
        assert_eq!(ask(&script, br#"{"a": "b"}"#).await, Ok(Answer::Deny("not ours".to_owned())));
    }

    #[tokio::test]
    async fn whatever_else_it_does_is_a_failure_that_names_its_cause() {
        for (script, expected) in [
            (
                "exit 0",
                "the answer is no JSON: EOF while parsing a value at line 1 column 0; it begins with \"\"",
            ),
            (
                "echo hello",
                "the answer is no JSON: expected value at line 1 column 1; it begins with \"hello\"",
            ),
            ("exit 1", "/bin/sh ended with 1: it printed no error"),
            (
                "echo '{\"decision\":\"allow\"}'; echo one >&2; echo two >&2; exit 3",
                "/bin/sh ended with 3: one two",
            ),
            ("kill -9 $$", "/bin/sh was ended by signal 9: it printed no error"),
            ("cat /dev/zero", "/bin/sh answered more than 65536 bytes"),
            ("head -c 65537 /dev/zero", "/bin/sh answered more than 65536 bytes"),
            (
                "echo '{\"decision\":\"allow\",\"attributes\":{\"a\":[]}}'",
                "the answer gives the attribute \"a\" a list; it must be a text, or null to remove it",
            ),
        ] {
            assert_eq!(ask(script, b"{}").await, Err(expected.to_owned()), "{script}");
        }
    }

    #[tokio::test]
    async fn it_need_not_read_what_it_is_given_and_nobody_waits_for_its_errors() {
        // More than a pipe holds, of both.
        let body: &'static [u8] = vec![b'x'; 1_024 * 1_024].leak();
        for script in [ALLOW.to_owned(), format!("exec 0<&-; {ALLOW}"), format!("cat >&2; {ALLOW}")] {
            assert_eq!(ask(&script, body).await, Ok(Answer::Allow(vec![])), "{script}");
        }
    }

    #[tokio::test]
    async fn it_gets_its_environment_and_no_other() {
        let environment = vec![(OsString::from("COLOUR"), OsString::from("green"))];
        let config = Config { environment, ..Config::default() };
        // What a shell sets by itself is of no matter. The one that prints fails, so that it can be looked at.
        let script = "env | grep -v -e PWD= -e SHLVL= -e _= >&2; exit 1";
        let failure = shell_with(&config, script).ask(Bytes::new()).await.unwrap_err();
        assert_eq!(failure.to_string(), "/bin/sh ended with 1: COLOUR=green");
    }

    /// A pipe that programs hold open: it ends when the last of them is gone.
    fn held_pipe(folder: &Path) -> PathBuf {
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
        let reader = std::thread::spawn(move || fs::read(path).unwrap());
        let script = format!("exec 3>{}; sleep 1000 & {ALLOW}", held.display());
        assert_eq!(ask(&script, b"").await, Ok(Answer::Allow(vec![])));
        tokio::task::spawn_blocking(|| reader.join().unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_stops_waiting_kills_it_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let held = held_pipe(folder.path());
        let path = held.clone();
        let (sender, started) = tokio::sync::oneshot::channel();
        let reader = std::thread::spawn(move || {
            let mut reader = BufReader::new(fs::File::open(path).unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            sender.send(()).unwrap();
            reader.read_line(&mut line).unwrap();
            line
        });
        let executable = shell_with(
            &Config::default(),
            &format!("exec 3>{}; echo on >&3; sleep 1000 & sleep 1000", held.display()),
        );
        tokio::select! {
            answer = executable.ask(Bytes::new()) => panic!("{answer:?}"),
            started = started => started.unwrap(),
        }
        let line = tokio::task::spawn_blocking(|| reader.join().unwrap()).await.unwrap();
        assert_eq!(line, "on\n");
    }

    #[tokio::test]
    async fn so_many_run_at_once_and_the_others_wait() {
        let mut config = Config::default();
        config.limits.executables_running_max = 1;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("running");
        // A folder can be made once, until it is removed.
        let script = format!("mkdir {0} && rmdir {0} && {ALLOW}", path.display());
        let executable = shell_with(&config, &script);
        let answers = tokio::join!(
            executable.ask(Bytes::new()),
            executable.ask(Bytes::new()),
            executable.ask(Bytes::new())
        );
        for answer in <[_; 3]>::from(answers) {
            assert_eq!(answer.unwrap(), Answer::Allow(vec![]));
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        fs::write(&text, "no program").unwrap();
        for (program, expected) in [
            (Path::new("sh"), "sh is not absolute; a program is named from / on"),
            (
                Path::new("/there/is/none"),
                "/there/is/none cannot be read: No such file or directory (os error 2)",
            ),
            (Path::new("/"), "/ is no file that may be executed"),
            (&text, &format!("{} is no file that may be executed", text.display())),
        ] {
            let problem = Executable::open(program, &[], &Config::default()).err().unwrap();
            assert_eq!(with_sources(&problem), format!("Program cannot be used: {expected}"));
        }
    }

    #[tokio::test]
    async fn what_is_gone_when_it_is_asked_fails() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::copy("/bin/true", &program).unwrap();
        let executable = Executable::open(&program, &[], &Config::default()).unwrap();
        fs::remove_file(&program).unwrap();
        let problem = with_sources(&executable.ask(Bytes::new()).await.unwrap_err());
        let expected = format!("{} cannot be run: No such file or directory (os error 2)", program.display());
        assert_eq!(problem, expected);
    }
}
