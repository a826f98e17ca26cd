use std::env;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::Value;
use tempfile::TempDir;

use crate::api::Api;
use crate::functions::link_runtimes;
use crate::process::{DEADLINE, Process, Ran, now, program, run};
use crate::{clients, paths};

/// A server of the real binary in a directory of its own. It is killed when this is dropped.
pub struct Landfall {
    directory: TempDir,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    process: Process,
    ready: Ready,
}

/// Where a server says that it serves.
struct Ready {
    mqtt: SocketAddr,
    http: SocketAddr,
}

impl Landfall {
    /// Starts a server with the defaults and waits until it is ready.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further arguments and waits until it is ready.
    #[track_caller]
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_with_environment(arguments, &[], false)
    }

    /// Starts a server with further arguments and environment variables, and waits until it is ready.
    #[track_caller]
    pub fn start_with_variables(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_with_environment(arguments, environment, false)
    }

    /// Starts a server with further arguments that can run functions, and waits until it is ready.
    #[track_caller]
    pub fn start_with_functions(arguments: &[&str]) -> Self {
        Self::start_with_environment(arguments, &[], true)
    }

    /// Starts a server with further arguments and environment variables that can run functions, and waits until it is ready.
    #[track_caller]
    pub fn start_with_functions_and(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_with_environment(arguments, environment, true)
    }

    /// Starts a server that is told of a write beyond [`Self::limit_files`] by an error, as of a full disk, instead of
    /// being killed by the signal SIGXFSZ.
    #[track_caller]
    pub fn start_on_a_small_disk() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let serve = serve(directory.path(), &[], &[], "127.0.0.1:0", "127.0.0.1:0");
        let mut shell = program("bash");
        // An ignored signal stays ignored.
        shell
            .args(["-c", "trap '' XFSZ && exec \"$@\"", "bash"])
            .arg(serve.get_program())
            .args(serve.get_args());
        let (process, ready) = wait_until_ready(shell.current_dir(directory.path()));
        Self { directory, arguments: vec![], variables: vec![], process, ready }
    }

    /// Lets the server write no file beyond this size, in bytes; none takes the limit away.
    #[track_caller]
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        let pid = Pid::from_raw(self.process.id().try_into().expect("a process id"));
        prlimit(pid, Resource::Fsize, limit).expect("the limit of an own process can be set");
    }

    /// `landfall` with these arguments, for another process than the server.
    pub fn command(arguments: &[&str]) -> Command {
        let mut command = program(&paths::landfall().to_string_lossy());
        command.args(arguments).env("COLUMNS", "100");
        command
    }

    /// Runs `landfall` with these arguments to its end.
    #[track_caller]
    pub fn run(arguments: &[&str]) -> Ran {
        run(Self::command(arguments).env_remove("LANDFALL_LOG"), "", DEADLINE)
    }

    /// A directory for the files of the test; the server's data directory is in it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The server's data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The CA certificate by which clients trust the server.
    pub fn server_ca(&self) -> PathBuf {
        self.data().join("server-ca.pem")
    }

    /// Where MQTT is served.
    pub fn mqtt(&self) -> SocketAddr {
        self.ready.mqtt
    }

    /// Where the API is served.
    pub fn http(&self) -> SocketAddr {
        self.ready.http
    }

    /// The process of the server.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// A client of the API.
    #[track_caller]
    pub fn api(&self) -> Api {
        Api::new(self.http(), &self.environment())
    }

    /// What `landfall env` prints, as names and values.
    #[track_caller]
    pub fn environment(&self) -> Vec<(String, String)> {
        let printed = Self::run(&["env", "--data", &self.data().to_string_lossy()]).stdout();
        let exports =
            printed.lines().map(|line| line.strip_prefix("export ").and_then(|line| line.split_once('=')));
        exports
            .map(|export| export.expect("an export"))
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    /// Runs the AWS CLI against the server, in the test's directory.
    #[track_caller]
    pub fn aws(&self, arguments: &[&str]) -> Ran {
        self.aws_with(&self.environment(), arguments)
    }

    /// Runs the AWS CLI with another environment than that of [`Self::environment`].
    #[track_caller]
    pub fn aws_with(&self, environment: &[(String, String)], arguments: &[&str]) -> Ran {
        let mut aws = clients::aws();
        aws.args(arguments).current_dir(self.directory());
        aws.envs(environment.iter().map(|(name, value)| (name, value)));
        run(&mut aws, "", DEADLINE)
    }

    /// What the AWS CLI prints when it succeeds; null when it prints nothing.
    #[track_caller]
    pub fn aws_json(&self, arguments: &[&str]) -> Value {
        let printed = self.aws(arguments).stdout();
        match printed.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")),
        }
    }

    /// The search path of programs with `landfall` and `aws` at its front.
    pub fn path_with_clients(&self) -> OsString {
        let own = paths::landfall().parent().expect("a binary is in a folder").to_path_buf();
        let others = env::var_os("PATH").unwrap_or_default();
        let folders = [own, clients::folder()].into_iter().chain(env::split_paths(&others));
        env::join_paths(folders).expect("folders without colons")
    }

    /// Asks the API again and again until `wanted` takes what it finds, and gives what it made of it. Each question is
    /// answered by what is committed.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, wanted: impl Fn(&Api) -> Option<T>) -> T {
        let (api, until) = (self.api(), now() + DEADLINE);
        loop {
            if let Some(found) = wanted(&api) {
                return found;
            }
            assert!(now() < until, "it does not happen {what}");
        }
    }

    /// Kills the server, as `kill -9` does.
    #[track_caller]
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks the server to stop, as `kill` does, and gives how it ended.
    #[track_caller]
    pub fn stop(&mut self, deadline: Duration) -> ExitStatus {
        self.process.signal(Signal::TERM);
        match self.process.wait(deadline) {
            Some(status) => status,
            None => panic!("the server did not stop within {deadline:?} of SIGTERM"),
        }
    }

    /// Starts the server again with other arguments, on the same ports and data, after it has ended.
    #[track_caller]
    pub fn start_again_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.start_again();
    }

    /// Starts the server again on the same ports and data, after it has ended.
    #[track_caller]
    pub fn start_again(&mut self) {
        let (mqtt, http) = (self.mqtt().to_string(), self.http().to_string());
        (self.process, self.ready) =
            spawn(self.directory.path(), &self.arguments, &self.variables, &mqtt, &http);
    }

    #[track_caller]
    fn start_with_environment(arguments: &[&str], environment: &[(&str, &str)], functions: bool) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        if functions {
            link_runtimes(&directory.path().join("data"));
        }
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let variables: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (process, ready) = spawn(directory.path(), &arguments, &variables, "127.0.0.1:0", "127.0.0.1:0");
        Self { directory, arguments, variables, process, ready }
    }
}

#[track_caller]
fn spawn(
    directory: &Path,
    arguments: &[String],
    variables: &[(String, String)],
    mqtt: &str,
    http: &str,
) -> (Process, Ready) {
    wait_until_ready(serve(directory, arguments, variables, mqtt, http).current_dir(directory))
}

fn serve(
    directory: &Path,
    arguments: &[String],
    variables: &[(String, String)],
    mqtt: &str,
    http: &str,
) -> Command {
    let mut command = Landfall::command(&["serve", "--data"]);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command.arg(directory.join("data")).args(["--mqtt-listen", mqtt, "--http-listen", http]).args(arguments);
    command
}

#[track_caller]
fn wait_until_ready(command: &mut Command) -> (Process, Ready) {
    let mut process = Process::start(command, "");
    let ready = process.wait_for_line("that it is ready", parse_ready);
    (process, ready)
}

/// Reads `landfall is ready: MQTT on ADDR:PORT, API on http://ADDR:PORT, server CA FILE`.
fn parse_ready(line: &str) -> Option<Ready> {
    let rest = line.strip_prefix("landfall is ready: MQTT on ")?;
    let (mqtt, rest) = rest.split_once(", API on http://")?;
    let (http, _) = rest.split_once(", server CA ")?;
    Some(Ready { mqtt: mqtt.parse().ok()?, http: http.parse().ok()? })
}
