mod change;
mod decision;
mod device;
mod memory;
mod naive;
mod slow;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use tokio::time::Instant;

/// Decisions, documents and memory against a regular expression for each resource, in one run, and how soon the last of many
/// connections feels a change of the policy that they share.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The binary whose connections feel a change
    #[arg(long, value_name = "FILE", default_value = "target/release/landfall")]
    landfall: PathBuf,
    /// How many rounds; the figures of decisions are those of the best, those of a change those of each
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// How many connections with ten policies each have their rights in memory
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    authorizers: usize,
    /// How many devices with one policy are connected when it changes; 0 leaves this out
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: usize,
    /// How many connect at once
    #[arg(long, value_name = "N", default_value_t = 64)]
    concurrency: usize,
}

/// How long something is done over and over to learn how long it takes once.
const MEASURED: Duration = Duration::from_millis(100);

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // First, as what others gave back would be used again and not be counted.
    memory::run(arguments.authorizers)?;
    decision::run(arguments.rounds)?;
    slow::run(arguments.rounds)?;
    if arguments.connections > 0 {
        change::run(arguments)?;
    }
    Ok(())
}

/// How long something takes, in nanoseconds: the mean of as many times as [`MEASURED`] has room for.
fn nanos_each<T>(mut action: impl FnMut() -> T) -> f64 {
    let began = Instant::now();
    let (mut times, mut batch) = (0_u32, 1);
    loop {
        for _ in 0..batch {
            black_box(action());
        }
        times += batch;
        let took = began.elapsed();
        if took >= MEASURED {
            return took.as_secs_f64() * 1e9 / f64::from(times);
        }
        // Reading the clock must not be what is measured.
        batch = (batch * 2).min(10_000);
    }
}

/// The best of several rounds, in which two take turns: both see the same machine.
fn best_of<A, B>(rounds: usize, mut ours: impl FnMut() -> A, mut peer: impl FnMut() -> B) -> (f64, f64) {
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        best = (best.0.min(nanos_each(&mut ours)), best.1.min(nanos_each(&mut peer)));
    }
    best
}

/// A table for people, with a title above and numbers in all columns but the first.
fn print_table(title: &str, header: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("\n{title}\n\n{table}");
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}
