//! Numbers as the tables of the benchmarks show them.

use std::time::Duration;

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
