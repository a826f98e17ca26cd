//! Runs fuzz targets on stable, replays inputs and makes them smaller.

#![expect(clippy::print_stdout, reason = "a tool tells people what it does")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use landfall_fuzz::{Finding, Fuzzer, Run, TARGETS, run_once, target};

#[derive(Parser)]
#[command(name = "landfall-fuzz", about = "Fuzz targets of Landfall, on stable")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a target, or every one, with its corpus and with mutations of it
    Run {
        /// The target; every one when it is left out
        target: Option<String>,
        /// How long each target runs, in seconds
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Where the mutations start; the same number makes the same inputs
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Run a target with the inputs of files
    Replay {
        /// The target
        target: String,
        /// The files; of a folder all
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Make an input that a target panics on smaller, and write it to `<file>.reduced`
    Reduce {
        /// The target
        target: String,
        /// The input
        file: PathBuf,
    },
    /// List the targets
    List,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Run { target, seconds, seed } => run(target.as_deref(), Duration::from_secs(seconds), seed),
        Command::Replay { target, paths } => replay(&target, &paths),
        Command::Reduce { target, file } => reduce(&target, &file),
        Command::List => {
            for (name, _) in TARGETS {
                println!("{name}");
            }
            Ok(())
        }
    }
}

fn run(target: Option<&str>, time: Duration, seed: u64) -> Result<()> {
    let names = match target {
        Some(name) => vec![name],
        None => TARGETS.iter().map(|(name, _)| *name).collect(),
    };
    let mut faults = 0;
    for name in names {
        match Fuzzer::with_seed(name, seed)?.run(time) {
            Ok(report) => println!("{name}: {report}"),
            Err(fault) => {
                println!("{fault}");
                faults += 1;
            }
        }
    }
    if faults > 0 {
        bail!("{faults} targets have a fault");
    }
    Ok(())
}

fn replay(name: &str, paths: &[PathBuf]) -> Result<()> {
    let run = known(name)?;
    let mut faults = 0;
    for path in files(paths)? {
        let input = read(&path)?;
        match run_once(run, &input) {
            None => println!("{}: no fault", path.display()),
            Some(finding) => {
                println!("{}: {finding}", path.display());
                faults += 1;
            }
        }
    }
    if faults > 0 {
        bail!("{faults} inputs have a fault");
    }
    Ok(())
}

/// Leaves out parts, ever smaller ones, and takes over whatever still panics.
fn reduce(name: &str, file: &Path) -> Result<()> {
    let run = known(name)?;
    let mut input = read(file)?;
    // Each attempt would print its panic otherwise.
    std::panic::set_hook(Box::new(|_| {}));
    let panics = |input: &[u8]| matches!(run_once(run, input), Some(Finding::Panicked { .. }));
    if !panics(&input) {
        bail!("{name} does not panic on {}", file.display());
    }
    let before = input.len();
    let mut part = input.len().next_power_of_two() / 2;
    while part > 0 {
        let mut at = 0;
        while at < input.len() {
            let end = input.len().min(at + part);
            let smaller = [&input[..at], &input[end..]].concat();
            if panics(&smaller) {
                input = smaller;
            } else {
                at += part;
            }
        }
        part /= 2;
    }
    let path = file.with_extension("reduced");
    fs::write(&path, &input).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} bytes of {before} are left, in {}", input.len(), path.display());
    if let Some(finding) = run_once(run, &input) {
        println!("{finding}\n{}", input.escape_ascii());
    }
    Ok(())
}

fn known(name: &str) -> Result<Run> {
    target(name).with_context(|| format!("there is no target {name}; `list` names them"))
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut inside = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
