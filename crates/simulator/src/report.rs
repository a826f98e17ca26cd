use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use landfall_model::ClientId;
use serde::Serialize;
use tokio::time::Instant;

use crate::device::{Device, DeviceOutcome, DeviceReport, GaveUp, MessageOutcome};
use crate::failure::AttemptFailure;
use crate::lifetime::{DeviceEvent, Happening};
use crate::subject::title;

/// What became of a fleet.
#[derive(Clone, Debug)]
pub struct FleetReport {
    /// How many devices there are.
    pub devices: usize,
    /// How many were accepted.
    pub registered: usize,
    /// How many were accepted at their first attempt.
    pub first_try: usize,
    /// How many attempts they made together.
    pub attempts: u64,
    /// How many messages the server acknowledged.
    pub messages_acknowledged: usize,
    /// How many accepted devices had a message that the server did not acknowledge.
    pub messages_failed: usize,
    /// The times from the first attempt of a device until it was accepted; none when no device was.
    pub time_to_accept: Option<Latencies>,
    /// The time from the beginning until the last device was accepted or had given up.
    pub wall_time: Duration,
    /// The failed attempts by reason, the most frequent first.
    pub failures: Vec<FailureGroup>,
    /// Each device, in the order in which they started.
    pub device_reports: Vec<DeviceReport>,
}

/// Times of several devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latencies {
    /// Half of them are not above it.
    pub p50: Duration,
    /// Of a hundred, 99 are not above it.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// Attempts that failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureGroup {
    /// The reason: [`AttemptFailure::code`].
    pub code: Cow<'static, str>,
    /// How many attempts failed so.
    pub attempts: u64,
    /// How many devices they belong to.
    pub devices: usize,
    /// The first of them.
    pub example: FailureExample,
}

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureExample {
    /// The device.
    pub client_id: ClientId,
    /// How it failed.
    pub failure: AttemptFailure,
}

/// How much of a report is written as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportDetail {
    /// The fleet as a whole.
    Summary,
    /// Each device too.
    EveryDevice,
}

/// The published form of a [`FleetReport`], written by `landfall simulate --json`. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FleetReportJson {
    /// How many devices there are.
    pub devices: usize,
    /// How many were accepted.
    pub registered: usize,
    /// How many were accepted at their first attempt.
    pub first_try: usize,
    /// How many attempts they made together.
    pub attempts: u64,
    /// How many messages the server acknowledged.
    pub messages_acknowledged: usize,
    /// How many accepted devices had a message that the server did not acknowledge.
    pub messages_failed: usize,
    /// The times from the first attempt of a device until it was accepted; null when no device was.
    pub time_to_accept_ms: Option<LatencyJson>,
    /// The time from the beginning until the last device was accepted or had given up.
    pub wall_time_ms: u64,
    /// How many devices were accepted a second, in that time; null when it is zero.
    pub registered_per_second: Option<f64>,
    /// The failed attempts by reason, the most frequent first.
    pub failures: Vec<FailureGroupJson>,
    /// Each device, in the order in which they started; absent in a summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_reports: Option<Vec<DeviceJson>>,
}

/// Times of several devices, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LatencyJson {
    /// Half of them are not above it.
    pub p50: u64,
    /// Of a hundred, 99 are not above it.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// Attempts that failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureGroupJson {
    /// A stable name of the reason.
    pub reason: String,
    /// How many attempts failed so.
    pub attempts: u64,
    /// How many devices they belong to.
    pub devices: usize,
    /// The first of them.
    pub example: FailureExampleJson,
}

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureExampleJson {
    /// The client identifier of the device.
    pub client_id: String,
    /// The failure, in words.
    pub message: String,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceJson {
    /// The client identifier that it connects with.
    pub client_id: String,
    /// The thing that it is registered as; null when only the owner of the endpoint knows.
    pub thing_name: Option<String>,
    /// `iot` or `greengrass`; null when its subject says nothing of it.
    pub device_type: Option<&'static str>,
    /// The id of its certificate.
    pub certificate_id: String,
    /// How often it tried.
    pub attempts: u32,
    /// When it was accepted, in milliseconds since 1970; null when it was not.
    pub accepted_at_ms: Option<i64>,
    /// The time from its first attempt until it was accepted; null when it was not.
    pub time_to_accept_ms: Option<u64>,
    /// When its connection ended, in milliseconds since 1970; null when it was not accepted.
    pub ended_at_ms: Option<i64>,
    /// Whether the server acknowledged its message; null when it was not accepted or had none.
    pub message_acknowledged: Option<bool>,
    /// Why it gave up: `deadline`, `attempts_max`, `permanent`, `stopped` or `crashed`; null when it was accepted.
    pub gave_up: Option<&'static str>,
    /// The reasons of its failed attempts, in order, as far as they are kept.
    pub failures: Vec<String>,
}

/// A report in the making.
pub(crate) struct Tally<'a> {
    began: Instant,
    settled_at: Instant,
    devices: &'a [Arc<Device>],
    failures: BTreeMap<Cow<'static, str>, (FailureGroup, HashSet<usize>)>,
    reports: Vec<Option<DeviceReport>>,
}

impl FleetReport {
    /// Whether every device was accepted.
    pub fn is_complete(&self) -> bool {
        self.registered == self.devices
    }

    /// How many devices were accepted a second, over [`Self::wall_time`]; none when that is zero.
    pub fn registered_per_second(&self) -> Option<f64> {
        let seconds = self.wall_time.as_secs_f64();
        (seconds > 0.0).then(|| self.registered as f64 / seconds)
    }

    /// The form in which it is published.
    pub fn to_json_form(&self, detail: ReportDetail) -> FleetReportJson {
        let Self {
            devices,
            registered,
            first_try,
            attempts,
            messages_acknowledged,
            messages_failed,
            time_to_accept,
            wall_time,
            failures,
            device_reports,
        } = self;
        FleetReportJson {
            devices: *devices,
            registered: *registered,
            first_try: *first_try,
            attempts: *attempts,
            messages_acknowledged: *messages_acknowledged,
            messages_failed: *messages_failed,
            time_to_accept_ms: time_to_accept.map(|Latencies { p50, p99, max }| LatencyJson {
                p50: milliseconds(p50),
                p99: milliseconds(p99),
                max: milliseconds(max),
            }),
            wall_time_ms: milliseconds(*wall_time),
            registered_per_second: self.registered_per_second().map(|rate| (rate * 10.0).round() / 10.0),
            failures: failures.iter().map(FailureGroupJson::from).collect(),
            device_reports: match detail {
                ReportDetail::Summary => None,
                ReportDetail::EveryDevice => Some(device_reports.iter().map(DeviceJson::from).collect()),
            },
        }
    }
}

impl Latencies {
    /// Those of these times, in any order; none when there are none.
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        Some(Self {
            p50: percentile(&times, 50)?,
            p99: percentile(&times, 99)?,
            max: percentile(&times, 100)?,
        })
    }
}

/// The smallest of these times that so many per cent of them are not above (the nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<&FailureGroup> for FailureGroupJson {
    fn from(group: &FailureGroup) -> Self {
        let FailureGroup { code, attempts, devices, example: FailureExample { client_id, failure } } = group;
        Self {
            reason: code.to_string(),
            attempts: *attempts,
            devices: *devices,
            example: FailureExampleJson { client_id: client_id.to_string(), message: failure.to_string() },
        }
    }
}

impl From<&DeviceReport> for DeviceJson {
    fn from(report: &DeviceReport) -> Self {
        let DeviceReport { client_id, thing_name, device_type, certificate_id, attempts, failures, outcome } =
            report;
        let not_accepted = Self {
            client_id: client_id.to_string(),
            thing_name: thing_name.as_ref().map(ToString::to_string),
            device_type: device_type.map(title),
            certificate_id: certificate_id.to_string(),
            attempts: *attempts,
            accepted_at_ms: None,
            time_to_accept_ms: None,
            ended_at_ms: None,
            message_acknowledged: None,
            gave_up: None,
            failures: failures.iter().map(|failure| failure.code().into_owned()).collect(),
        };
        match outcome {
            DeviceOutcome::Accepted { acceptance, message, end: _, ended_at } => Self {
                accepted_at_ms: Some(acceptance.accepted_at.as_millis()),
                time_to_accept_ms: Some(milliseconds(acceptance.after)),
                ended_at_ms: Some(ended_at.as_millis()),
                message_acknowledged: match message {
                    MessageOutcome::Nothing => None,
                    MessageOutcome::Acknowledged => Some(true),
                    MessageOutcome::Failed => Some(false),
                },
                ..not_accepted
            },
            DeviceOutcome::NotAccepted(gave_up) => Self { gave_up: Some(gave_up.code()), ..not_accepted },
        }
    }
}

impl<'a> Tally<'a> {
    pub(crate) fn new(began: Instant, devices: &'a [Arc<Device>]) -> Self {
        Self {
            began,
            settled_at: began,
            devices,
            failures: BTreeMap::new(),
            reports: vec![None; devices.len()],
        }
    }

    /// Counts what happened until `now`.
    pub(crate) fn count(&mut self, event: DeviceEvent, now: Instant) {
        let DeviceEvent { index, happening } = event;
        match happening {
            // The reports tell of the attempts.
            Happening::Attempt { number: _ } => {}
            Happening::Failed(failure) => self.count_failure(index, failure),
            Happening::Accepted(_) => self.settled_at = now,
            Happening::Done(report) => {
                if report.acceptance().is_none() {
                    self.settled_at = now;
                }
                if let Some(place) = self.reports.get_mut(index) {
                    *place = Some(*report);
                }
            }
        }
    }

    fn count_failure(&mut self, index: usize, failure: AttemptFailure) {
        let Some(device) = self.devices.get(index) else { return };
        let code = failure.code();
        let (group, devices) = self.failures.entry(code.clone()).or_insert_with(|| {
            let example = FailureExample { client_id: device.client_id().clone(), failure };
            (FailureGroup { code, attempts: 0, devices: 0, example }, HashSet::new())
        });
        devices.insert(index);
        group.attempts += 1;
        group.devices = devices.len();
    }

    pub(crate) fn into_report(self) -> FleetReport {
        let Self { began, settled_at, devices, failures, reports } = self;
        let device_reports: Vec<_> = reports
            .into_iter()
            .zip(devices)
            // A device that ended without a report has taken its task down with it.
            .map(|(report, device)| {
                report.unwrap_or_else(|| {
                    device.report(0, Vec::new(), DeviceOutcome::NotAccepted(GaveUp::Crashed))
                })
            })
            .collect();
        let acceptances: Vec<_> = device_reports.iter().filter_map(DeviceReport::acceptance).collect();
        let messages = |outcome: MessageOutcome| {
            device_reports
                .iter()
                .filter(|report| {
                    matches!(report.outcome, DeviceOutcome::Accepted { message, .. } if message == outcome)
                })
                .count()
        };
        let mut failures: Vec<_> = failures.into_values().map(|(group, _)| group).collect();
        failures.sort_by_key(|group| std::cmp::Reverse(group.attempts));
        FleetReport {
            devices: devices.len(),
            registered: acceptances.len(),
            first_try: acceptances.iter().filter(|acceptance| acceptance.attempt == 1).count(),
            attempts: device_reports.iter().map(|report| u64::from(report.attempts)).sum(),
            messages_acknowledged: messages(MessageOutcome::Acknowledged),
            messages_failed: messages(MessageOutcome::Failed),
            time_to_accept: Latencies::of(acceptances.iter().map(|acceptance| acceptance.after).collect()),
            wall_time: settled_at - began,
            failures,
            device_reports,
        }
    }
}

#[cfg(test)]
mod tests;
