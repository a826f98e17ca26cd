//! What stands between the server and a function: a process that takes limits on itself, and then becomes the function.
//!
//! Limits that a process is to have from its first instruction on have to be set between `fork` and `exec`, which takes
//! unsafe code. A process of our own that sets them on itself and then calls `exec` takes none.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getppid, getrlimit, setrlimit};

/// The limits that a process takes on itself before it becomes a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaunchLimits {
    /// Memory for data, in bytes.
    pub(crate) memory: u64,
    /// CPU time, in seconds.
    pub(crate) cpu: u64,
    /// Processes and threads of the user.
    pub(crate) processes: u64,
    /// Open files.
    pub(crate) files: u64,
    /// Bytes of a file that is written.
    pub(crate) file_size: u64,
    /// The process that it must not outlive.
    pub(crate) parent: u32,
}

/// Sets limits on this process and then becomes the program of the arguments, which are those that the server gives its
/// launcher: `--memory BYTES --cpu SECONDS --processes N --files N --file-size BYTES --parent PID -- PROGRAM ARGUMENT…`.
///
/// Returns only when that cannot be done. The Runtime API, if the environment names one, has been told then.
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> io::Error {
    let mut arguments = arguments.into_iter();
    let error = match LaunchLimits::parse(&mut arguments).and_then(LaunchLimits::take) {
        Ok(()) => match arguments.next() {
            Some(program) => Command::new(program).args(arguments).exec(),
            None => io::Error::new(io::ErrorKind::InvalidInput, "no program follows --"),
        },
        Err(error) => error,
    };
    if let Some(address) = std::env::var_os("AWS_LAMBDA_RUNTIME_API") {
        // When that fails too, the server sees that this process ended, which is as much as can be told.
        let _ = report(&address, &error);
    }
    error
}

impl LaunchLimits {
    /// The arguments that say these limits, up to and with `--`.
    pub(crate) fn to_arguments(self) -> Vec<OsString> {
        let Self { memory, cpu, processes, files, file_size, parent } = self;
        let mut arguments = Vec::new();
        for (name, value) in [
            (MEMORY, memory),
            (CPU, cpu),
            (PROCESSES, processes),
            (FILES, files),
            (FILE_SIZE, file_size),
            (PARENT, u64::from(parent)),
        ] {
            arguments.push(name.into());
            arguments.push(value.to_string().into());
        }
        arguments.push(END.into());
        arguments
    }

    fn parse(arguments: &mut impl Iterator<Item = OsString>) -> io::Result<Self> {
        let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
        let mut limits = Self::default();
        loop {
            let Some(name) = arguments.next() else {
                return Err(invalid("-- and a program must follow the limits".to_owned()));
            };
            if name == END {
                return Ok(limits);
            }
            let number = arguments.next().and_then(|value| value.to_str()?.parse::<u64>().ok());
            let Some(number) = number else {
                return Err(invalid(format!("a number must follow {}", name.display())));
            };
            match name.to_str() {
                Some(MEMORY) => limits.memory = number,
                Some(CPU) => limits.cpu = number,
                Some(PROCESSES) => limits.processes = number,
                Some(FILES) => limits.files = number,
                Some(FILE_SIZE) => limits.file_size = number,
                Some(PARENT) => limits.parent = u32::try_from(number).unwrap_or(u32::MAX),
                Some(_) | None => return Err(invalid(format!("{} is not a limit", name.display()))),
            }
        }
    }

    /// Takes the limits on this process.
    fn take(self) -> io::Result<()> {
        let Self { memory, cpu, processes, files, file_size, parent } = self;
        die_with(parent)?;
        for (resource, value) in [
            (Resource::Data, memory),
            (Resource::Cpu, cpu),
            (Resource::Nproc, processes),
            (Resource::Nofile, files),
            (Resource::Fsize, file_size),
            (Resource::Core, 0),
        ] {
            let hard = getrlimit(resource).maximum.map_or(value, |hard| hard.min(value));
            setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) })?;
        }
        // Of all processes of the machine, a function is the one that it can best do without.
        let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
        Ok(())
    }
}

/// Sees to it that this process ends with its parent, and that processes which it leaves behind stay below it.
#[cfg(target_os = "linux")]
fn die_with(parent: u32) -> io::Result<()> {
    use rustix::process::{getpid, set_child_subreaper, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_child_subreaper(Some(getpid()))?;
    // A parent that ended before is not noticed by the signal.
    let found = getppid().map_or(0, |pid| pid.as_raw_pid());
    if i64::from(found) == i64::from(parent) {
        return Ok(());
    }
    Err(io::Error::other(format!("the server, process {parent}, is no longer the parent of this process")))
}

#[cfg(not(target_os = "linux"))]
fn die_with(_parent: u32) -> io::Result<()> {
    Ok(())
}

/// Tells the Runtime API that the program cannot be run, as Lambda names it.
fn report(address: &OsStr, error: &io::Error) -> io::Result<()> {
    let address = address.to_str().ok_or(io::ErrorKind::InvalidInput)?;
    let body = serde_json::json!({
        "errorType": INVALID_ENTRYPOINT,
        "errorMessage": format!("Error: fork/exec: {error}"),
    });
    let body = body.to_string();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(REPORT_TIMEOUT))?;
    stream.set_write_timeout(Some(REPORT_TIMEOUT))?;
    write!(
        stream,
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Lambda-Runtime-Function-Error-Type: {INVALID_ENTRYPOINT}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    // The answer has been given when the report was taken.
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The type of the error when what should be run cannot be.
pub(crate) const INVALID_ENTRYPOINT: &str = "Runtime.InvalidEntrypoint";

const MEMORY: &str = "--memory";
const CPU: &str = "--cpu";
const PROCESSES: &str = "--processes";
const FILES: &str = "--files";
const FILE_SIZE: &str = "--file-size";
const PARENT: &str = "--parent";
const END: &str = "--";

/// Between -1,000 and 1,000: how much rather than others a process is killed when the machine has no memory left.
const OOM_SCORE: &str = "500";

const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of the answer is read: it has some hundred bytes.
const ANSWER_BYTES_MAX: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> impl Iterator<Item = OsString> {
        text.split(' ').map(OsString::from)
    }

    #[test]
    fn limits_are_read_as_they_are_written() {
        let limits = LaunchLimits { memory: 1, cpu: 2, processes: 3, files: 4, file_size: 5, parent: 6 };
        let mut arguments = limits.to_arguments();
        arguments.extend(words("program --memory"));
        let mut arguments = arguments.into_iter();
        assert_eq!(LaunchLimits::parse(&mut arguments).unwrap(), limits);
        assert_eq!(arguments.collect::<Vec<_>>(), words("program --memory").collect::<Vec<_>>());
    }

    #[test]
    fn other_arguments_are_refused() {
        for (text, expected) in [
            ("--memory 1", "-- and a program"),
            ("--memory", "a number must follow --memory"),
            ("--memory -- program", "a number must follow --memory"),
            ("--cpu x --", "a number must follow --cpu"),
            ("--colour 1 --", "--colour is not a limit"),
        ] {
            let error = LaunchLimits::parse(&mut words(text)).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_launcher_of_another_server_starts_nothing() {
        let error = launch(words("--parent 0 -- /bin/true"));
        assert!(error.to_string().contains("no longer the parent"), "{error}");
    }
}
