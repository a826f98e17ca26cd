use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use landfall_interceptors::PreparedInterceptors;
use landfall_model::{AccountId, Region, Scope};
use landfall_registration::Registrar;

use crate::client::Client;
use crate::settings::{SettingsSources, commented};

/// Write, check and reload the settings of the registrar
///
/// They say what the built-in registrar makes of a device: names, policies, attributes, who is let in. `landfall serve` takes
/// them with --settings FILE.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a file that says every default and explains it
    Init {
        /// Where to write it; - is the standard output
        #[arg(value_name = "FILE", default_value = "registrar.toml")]
        file: PathBuf,
    },
    /// Tell what is wrong in a file of settings, with line and column
    Check {
        /// The file
        #[arg(value_name = "FILE", default_value = "registrar.toml")]
        file: PathBuf,
        /// Set a parameter over what the file says, as `landfall serve` takes it
        #[arg(long = "set", value_name = "[CA.ID.]NAME=VALUE")]
        overrides: Vec<String>,
    },
    /// Have a running server read its settings anew: all of them, or none
    ///
    /// It reads the file that it was started with (`landfall serve --settings FILE`). If something in it is wrong, the server says
    /// what, and goes on with what it has.
    Reload {
        /// The data directory of the server, unless the AWS environment variables name one
        #[arg(long, value_name = "DIR", default_value = "landfall-data")]
        data: PathBuf,
    },
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Init { file } => init(&file)?,
        Command::Check { file, overrides } => check(file, overrides)?,
        Command::Reload { data } => {
            Client::find(&data)?.call("landfall", "POST", "/landfall/v1/settings/reload", None)?;
            println!("the server uses the settings as they are now");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn init(path: &Path) -> Result<()> {
    let text = commented();
    if path == Path::new("-") {
        return io::stdout().lock().write_all(text.as_bytes()).context("cannot write to the standard output");
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    if matches!(&file, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
        bail!("{} is there already: name another file, or remove it", path.display());
    }
    let write = || -> io::Result<()> { file?.write_all(text.as_bytes()) };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}: every parameter with its default; `landfall serve --settings {0}` uses it", path.display());
    Ok(())
}

fn check(file: PathBuf, overrides: Vec<String>) -> Result<()> {
    let shown = fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
    // Account and region are only parts of ARNs: whichever they are, the same settings work.
    let scope = Scope { account: AccountId::parse("000000000000")?, region: Region::parse("us-east-1")? };
    if !file.exists() {
        bail!("{} is not there: `landfall config init` writes such a file", file.display());
    }
    let sources =
        SettingsSources { file: Some(file), overrides, ..SettingsSources::defaults(Registrar::Builtin) };
    sources.load(&scope, &PreparedInterceptors::default())?;
    println!("{}: no fault", shown.display());
    Ok(())
}
