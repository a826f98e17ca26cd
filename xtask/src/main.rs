//! The tasks of the project: `cargo xtask ci` runs everything that continuous integration runs.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task tells people what it does")]

mod import_model;
mod tidy;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tasks of the Landfall project")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that continuous integration runs: format, clippy, tidy, tests, doctests, docs
    Ci,
    /// What to run before a commit: format, clippy, tidy
    Check,
    /// What the compiler does not check: layers, file length, lints, licences, duplicate dependencies
    Tidy,
    /// Build what is measured and measure it: `cargo xtask bench connect`, `… api`, `… policy`, `… rules`,
    /// `… functions`, `… registrar`
    Bench {
        /// The benchmark and its options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
    /// Make crates/api/models from the published AWS service models
    ImportModel(import_model::ImportModelArgs),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    std::env::set_current_dir(root()).context("cannot enter the project's folder")?;
    match task {
        Task::Ci => ci(),
        Task::Check => check(),
        Task::Tidy => tidy::run(),
        Task::Bench { arguments } => bench(&arguments),
        Task::ImportModel(arguments) => import_model::run(&arguments),
    }
}

fn ci() -> Result<()> {
    check()?;
    cargo(&["build", "--workspace", "--bins"])?;
    cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])?;
    cargo(&["test", "--workspace", "--doc"])?;
    cargo_with(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    if Command::new("cargo").args(["deny", "--version"]).output().is_ok_and(|output| output.status.success())
    {
        cargo(&["deny", "check", "bans", "licenses", "sources"])?;
    }
    println!("ci: everything passed");
    Ok(())
}

fn check() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    tidy::run()
}

fn bench(arguments: &[String]) -> Result<()> {
    cargo(&["build", "--release", "--package", "landfall-server", "--package", "landfall-bench"])?;
    let mut line = vec!["run", "--release", "--package", "landfall-bench", "--"];
    line.extend(arguments.iter().map(String::as_str));
    cargo(&line)
}

fn cargo(arguments: &[&str]) -> Result<()> {
    cargo_with(arguments, &[])
}

fn cargo_with(arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let line = format!("cargo {}", arguments.join(" "));
    println!("== {line}");
    let status = Command::new("cargo").args(arguments).envs(environment.iter().copied()).status();
    match status.with_context(|| format!("cannot run {line}"))?.success() {
        true => Ok(()),
        false => bail!("failed: {line}"),
    }
}

/// The project's folder, where this task was built from.
fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or(xtask.clone(), PathBuf::from)
}
