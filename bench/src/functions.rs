mod deploy;
mod held;
mod invoke;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::landfall::Landfall;

/// What a first connection costs that is held until a function in Python has registered the device, and an invocation of a
/// function that does nothing, against what the functions take themselves, in one run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The binary to measure
    #[arg(long, value_name = "FILE", default_value = "target/release/landfall")]
    landfall: PathBuf,
    /// The runtimes of functions, set up when they are missing
    #[arg(long, value_name = "DIR", default_value = "target/bench-functions")]
    runtimes: PathBuf,
    /// How many devices connect, one after the other
    #[arg(long, value_name = "N", default_value_t = 500)]
    devices: usize,
    /// How often each function that does nothing is invoked, one after the other
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    invocations: usize,
}

/// How often everything is done before it is measured, so that processes run and are warm.
const WARM_UP: usize = 30;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    set_up(&arguments.landfall, &arguments.runtimes)?;
    let folder = tempfile::tempdir_in(arguments.landfall.parent().unwrap_or(Path::new(".")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        held::run(arguments, folder.path()).await?;
        invoke::run(arguments, folder.path()).await
    })
}

/// Sets the runtimes up that are missing.
fn set_up(landfall: &Path, runtimes: &Path) -> Result<()> {
    let mut setup = Command::new(landfall);
    let status = setup.args(["functions", "setup", "--data"]).arg(runtimes).status();
    let status = status.with_context(|| format!("cannot run {}", landfall.display()))?;
    ensure!(status.success(), "the runtimes of functions cannot be set up");
    Ok(())
}

/// Starts a server that runs functions.
fn start(arguments: &Arguments, folder: &Path, options: &[&str]) -> Result<Landfall> {
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let runtimes = arguments.runtimes.join("runtimes");
    symlink(fs::canonicalize(&runtimes)?, data.join("runtimes"))?;
    Landfall::start_with(&arguments.landfall, folder, options)
}

/// How long something took each time, in milliseconds, in the order in which it was done.
#[derive(Default)]
struct Times(Vec<f64>);

/// What the tables show of times: how long so many hundredths of them were at most.
const SHOWN: [usize; 4] = [0, 50, 90, 99];
const HEADER: [&str; 5] = ["", "least: ms", "half: ms", "90 %: ms", "99 %: ms"];

impl Times {
    fn push(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1e3);
    }

    /// Those after the first ones.
    fn from(&self, first: usize) -> Self {
        Self(self.0.iter().skip(first).copied().collect())
    }

    /// What each time is more than the other. It can be below zero.
    fn without(&self, others: &Self) -> Self {
        Self(self.0.iter().zip(&others.0).map(|(time, other)| time - other).collect())
    }

    /// Of each two times the longer.
    fn or_more(&self, others: &Self) -> Self {
        Self(self.0.iter().zip(&others.0).map(|(time, other)| time.max(*other)).collect())
    }

    /// How long so many hundredths of them were at most.
    fn at(&self, hundredths: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(sorted.len().saturating_sub(1) * hundredths / 100).copied().unwrap_or(f64::NAN)
    }

    /// A row of a table with [`HEADER`].
    fn row(&self, what: &str) -> Vec<String> {
        let times = SHOWN.map(|hundredths| format!("{:.2}", self.at(hundredths)));
        [what.to_owned()].into_iter().chain(times).collect()
    }
}
