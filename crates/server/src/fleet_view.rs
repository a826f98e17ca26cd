//! How a fleet is shown to people: progress while it runs, a table when it is done.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use landfall_simulator::{Acceptance, AttemptFailure, Device, FleetReport, GaveUp, Progress};

/// Shows how a fleet gets on: a bar on a terminal, plain lines elsewhere.
pub(crate) struct FleetProgress {
    devices: usize,
    view: View,
    accepted: AtomicUsize,
    attempts_failed: AtomicUsize,
}

enum View {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

/// Into how many plain lines a whole is divided.
const LINES: usize = 10;

impl FleetProgress {
    /// The view of a fleet of so many devices.
    pub(crate) fn new(devices: usize, visible: bool, terminal: bool) -> Self {
        let view = match (visible, terminal) {
            (false, _) => View::Nothing,
            (true, false) => View::Lines,
            (true, true) => View::Bar(bar(devices)),
        };
        Self { devices, view, accepted: AtomicUsize::new(0), attempts_failed: AtomicUsize::new(0) }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let View::Bar(bar) = &self.view {
            bar.finish_and_clear();
        }
    }

    /// Shows that `done` of the devices have come so far.
    fn show(&self, what: &'static str, done: usize) {
        match &self.view {
            View::Bar(bar) => {
                let failed = self.attempts_failed.load(Ordering::Relaxed);
                let failed = if failed == 0 { String::new() } else { format!(", {failed} attempts failed") };
                bar.set_message(format!("{what}{failed}"));
                bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
            }
            View::Lines => {
                let step = self.devices.div_ceil(LINES).max(1);
                if done == self.devices || done.is_multiple_of(step) {
                    eprintln!("{done} of {} {what}", self.devices);
                }
            }
            View::Nothing => {}
        }
    }
}

impl Progress for FleetProgress {
    fn certificate_made(&self, made: usize) {
        self.show("certificates made", made);
    }

    fn attempt_failed(&self, _device: &Device, _failure: &AttemptFailure) {
        self.attempts_failed.fetch_add(1, Ordering::Relaxed);
    }

    fn accepted(&self, _device: &Device, _acceptance: &Acceptance) {
        let accepted = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        self.show("registered", accepted);
    }

    fn failed(&self, device: &Device, gave_up: GaveUp) {
        let line = format!("{} gave up: {gave_up}", device.client_id());
        match &self.view {
            View::Bar(bar) => bar.println(line),
            View::Lines => eprintln!("{line}"),
            View::Nothing => {}
        }
    }
}

/// The closing table of a fleet.
pub(crate) fn table(report: &FleetReport) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "devices",
        "registered",
        "at the first attempt",
        "attempts",
        "p50",
        "p99",
        "max",
        "a second",
    ]);
    let [p50, p99, max] = match report.time_to_accept {
        Some(times) => [times.p50, times.p99, times.max].map(milliseconds),
        None => ["-"; 3].map(ToOwned::to_owned),
    };
    table.add_row([
        report.devices.to_string(),
        report.registered.to_string(),
        report.first_try.to_string(),
        report.attempts.to_string(),
        p50,
        p99,
        max,
        report.registered_per_second().map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
    ]);
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = format!("{table}\np50, p99, max: from a device's first attempt until it was accepted");
    for group in &report.failures {
        let (client, failure) = (&group.example.client_id, &group.example.failure);
        text.push_str(&format!(
            "\n{} attempts of {} devices failed: {} (as {client}: {failure})",
            group.attempts, group.devices, group.code
        ));
    }
    text.push_str(&format!("\n{} of {} registered", report.registered, report.devices));
    text
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn bar(devices: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(devices).unwrap_or(u64::MAX));
    // The template is ours; if it cannot be read, the usual look is as good.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar
}
