use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use landfall_api_server::function_log::FunctionLog;
use landfall_functions::setup::{self, SetUp, SetupError};
use landfall_model::FunctionName;

use crate::client::Client;
use crate::output::print;
use crate::text::printable_lines;

/// Prepare the machine for functions, and read what they log
///
/// Functions are made and invoked by the AWS CLI or any SDK of AWS, as `aws lambda create-function` and `aws lambda invoke`,
/// and run as processes of the server's machine, by its user.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what functions find without bringing it: boto3 for Python, the AWS SDK for Node.js
    ///
    /// Python functions need it; Node.js functions that bring their packages, and those of `provided` runtimes, do not. It needs
    /// Python 3.10 or later with venv, Node.js 18 or later with npm; what the machine has no interpreter for is left out, unless
    /// it is asked for. It needs no server, and can run beside one. It uses the network once; running functions never does.
    Setup {
        /// The data directory of the server that will run the functions; all is put into its folder runtimes
        #[arg(long, value_name = "DIR", default_value = "landfall-data")]
        data: PathBuf,
        /// Only this runtime; it is a failure then if the machine lacks what it needs
        #[arg(long, value_enum)]
        runtime: Option<Runtime>,
    },
    /// Print what a function has logged
    ///
    /// Of each invocation there is START, what the function printed, END, and REPORT with its duration, its memory and how it
    /// failed. The last 10 to 20 MiB are kept.
    Logs {
        /// The function
        #[arg(value_name = "NAME", value_parser = FunctionName::parse)]
        name: FunctionName,
        /// Then go on with what it logs from now on, until Ctrl-C
        #[arg(long, short)]
        follow: bool,
        /// The data directory of the server, unless the AWS environment variables name one
        #[arg(long, value_name = "DIR", default_value = "landfall-data")]
        data: PathBuf,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Runtime {
    /// Python
    Python,
    /// Node.js
    Nodejs,
}

/// What a server runs its functions by: see [`landfall_functions::launch`].
#[derive(Args)]
pub(crate) struct LauncherArguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// How long the server waits for more of a log before it answers.
const FOLLOW_SECONDS: u8 = 20;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Setup { data, runtime } => set_up(data, *runtime),
        Command::Logs { name, follow, data } => logs(&Client::find(data)?, name, *follow),
    }
}

/// Becomes a function; returns only when that is not possible.
pub(crate) fn launch(arguments: LauncherArguments) -> Result<ExitCode> {
    Err(landfall_functions::launch(arguments.arguments)).context("the function cannot be started")
}

fn set_up(data: &std::path::Path, only: Option<Runtime>) -> Result<ExitCode> {
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let mut progress = |text: &str| eprintln!("{text}");
    let mut done = 0;
    for runtime in [Runtime::Python, Runtime::Nodejs] {
        if only.is_some_and(|only| only != runtime) {
            continue;
        }
        let set_up = match runtime {
            Runtime::Python => setup::python(data, &search_path, &mut progress),
            Runtime::Nodejs => setup::nodejs(data, &search_path, &mut progress),
        };
        match set_up {
            Ok(SetUp { runtime, folder, was_there }) => {
                let state = if was_there { "is there already" } else { "is ready" };
                println!("{runtime} {state}: {}", folder.display());
                done += 1;
            }
            Err(missing @ SetupError::Missing { .. }) if only.is_none() => eprintln!("left out: {missing}"),
            Err(problem) => return Err(problem.into()),
        }
    }
    Ok(if done > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn logs(client: &Client, name: &FunctionName, follow: bool) -> Result<ExitCode> {
    let mut after = 0;
    loop {
        let wait = if follow { FOLLOW_SECONDS } else { 0 };
        let target = format!("/landfall/v1/functions/{name}/logs?after={after}&wait={wait}");
        let answer = client.call("landfall", "GET", &target, None)?;
        let page: FunctionLog =
            serde_json::from_value(answer).context("the server's answer is not understood")?;
        // Anybody may print in a function what would change the terminal of who reads it.
        let is_read = match std::io::stdout().is_terminal() {
            true => print(&printable_lines(&page.text))?,
            false => print(&page.text)?,
        };
        if !is_read || (page.text.is_empty() && !follow) {
            return Ok(ExitCode::SUCCESS);
        }
        after = page.next;
    }
}
