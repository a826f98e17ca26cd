//! How long something takes, and numbers as the tables of the benchmarks show them.

use std::hint::black_box;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use tokio::time::Instant;

/// How many a second.
pub(crate) fn per_second(count: usize, wall: Duration) -> f64 {
    as_f64(count) / wall.as_secs_f64()
}

/// A time for each, in microseconds.
pub(crate) fn micros_each(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / as_f64(count)
}

pub(crate) fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// The best of several rounds, in which two take turns: both see the same machine.
pub(crate) fn best_of<A, B>(
    rounds: usize,
    mut ours: impl FnMut() -> A,
    mut peer: impl FnMut() -> B,
) -> (f64, f64) {
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..rounds {
        best = (best.0.min(nanos_each(&mut ours)), best.1.min(nanos_each(&mut peer)));
    }
    best
}

/// A table for people, with a title above and numbers in all columns but the first.
pub(crate) fn print_table(title: &str, header: &[&str], rows: Vec<Vec<String>>) {
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

pub(crate) fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

/// How long something is done over and over to learn how long it takes once.
const MEASURED: Duration = Duration::from_millis(100);

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
