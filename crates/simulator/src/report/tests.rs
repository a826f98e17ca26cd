use landfall_model::UnixTime;
use landfall_mqtt::ReasonCode;

use super::*;
use crate::device::{Acceptance, ConnectionEnd};
use crate::toy_server::{issuer, today};
use crate::{Fleet, FleetConfig, NoProgress};

#[test]
fn a_percentile_is_the_nearest_rank() {
    let check = |count: u64, expected: Option<(u64, u64, u64)>| {
        // In falling order, since they are sorted first.
        let times = (1..=count).rev().map(Duration::from_millis).collect();
        let found = Latencies::of(times);
        let found = found.map(|Latencies { p50, p99, max }| [p50, p99, max].map(milliseconds).into());
        assert_eq!(found, expected, "{count} times");
    };
    check(0, None);
    check(1, Some((1, 1, 1)));
    check(2, Some((1, 2, 2)));
    check(3, Some((2, 3, 3)));
    check(50, Some((25, 50, 50)));
    check(99, Some((50, 99, 99)));
    check(100, Some((50, 99, 100)));
    check(101, Some((51, 100, 101)));
    check(2_000, Some((1_000, 1_980, 2_000)));
}

/// The report of three devices: one accepted at once, one at its second attempt, one never.
async fn report() -> FleetReport {
    let issuer = issuer("devices");
    let trust = issuer.certificate().to_pem().into_bytes();
    let config =
        FleetConfig { seed: Some(5), ..FleetConfig::new("localhost".parse().unwrap(), trust, issuer, 3) };
    let fleet = Fleet::build(config, today()).unwrap();
    let fleet = fleet.issue(&NoProgress, &Default::default()).await.unwrap();
    let began = Instant::now();
    let mut tally = Tally::new(began, fleet.devices());
    let mut count = |index: usize, at: u64, happening| {
        tally.count(DeviceEvent { index, happening }, began + Duration::from_millis(at));
    };
    let accepted = |attempt, after| Acceptance {
        attempt,
        after: Duration::from_millis(after),
        accepted_at: UnixTime::from_millis(1_700_000_000_000 + i64::try_from(after).unwrap()),
    };
    let outcome = |acceptance, message| DeviceOutcome::Accepted {
        acceptance,
        message,
        end: ConnectionEnd::Left,
        ended_at: UnixTime::from_millis(1_700_000_009_000),
    };
    let done = |index: usize, attempts, failures, outcome| {
        Happening::Done(Box::new(fleet.devices()[index].report(attempts, failures, outcome)))
    };
    let refused =
        AttemptFailure::Refused { reason: ReasonCode::NotAuthorized, reason_string: Some("unknown".into()) };
    let dropped = AttemptFailure::ClosedWithoutConnack;
    count(0, 0, Happening::Attempt { number: 1 });
    count(1, 0, Happening::Failed(dropped.clone()));
    count(0, 7, Happening::Accepted(accepted(1, 7)));
    count(0, 9, done(0, 1, vec![], outcome(accepted(1, 7), MessageOutcome::Acknowledged)));
    count(1, 60, Happening::Accepted(accepted(2, 60)));
    count(2, 61, Happening::Failed(refused.clone()));
    count(2, 62, Happening::Failed(refused.clone()));
    count(2, 80, Happening::Failed(dropped.clone()));
    count(2, 200, Happening::Failed(refused.clone()));
    let failures = vec![refused.clone(), refused.clone(), dropped.clone(), refused];
    count(2, 250, done(2, 4, failures, DeviceOutcome::NotAccepted(GaveUp::AttemptsMax)));
    // A device that stays on does not count as time that the fleet took.
    count(1, 9_000, done(1, 2, vec![dropped], outcome(accepted(2, 60), MessageOutcome::Failed)));
    tally.into_report()
}

#[tokio::test]
async fn a_report_counts_what_happened() {
    let report = report().await;
    assert!(!report.is_complete());
    assert_eq!((report.devices, report.registered, report.first_try, report.attempts), (3, 2, 1, 7));
    assert_eq!((report.messages_acknowledged, report.messages_failed), (1, 1));
    assert_eq!(report.wall_time, Duration::from_millis(250));
    assert_eq!(report.registered_per_second(), Some(8.0));
    let groups: Vec<_> = report
        .failures
        .iter()
        .map(|group| (&*group.code, group.attempts, group.devices, group.example.client_id.clone()))
        .collect();
    let device = |index: usize| report.device_reports[index].client_id.clone();
    assert_eq!(groups, [("refused_0x87", 3, 1, device(2)), ("closed_without_connack", 2, 2, device(1))]);
}

#[tokio::test]
async fn a_device_without_a_report_has_crashed() {
    let issuer = issuer("devices");
    let trust = issuer.certificate().to_pem().into_bytes();
    let config = FleetConfig::new("localhost".parse().unwrap(), trust, issuer, 2);
    let fleet = Fleet::build(config, today()).unwrap();
    let fleet = fleet.issue(&NoProgress, &Default::default()).await.unwrap();
    let report = Tally::new(Instant::now(), fleet.devices()).into_report();
    assert_eq!((report.devices, report.registered, report.registered_per_second()), (2, 0, None));
    for (report, device) in report.device_reports.iter().zip(fleet.devices()) {
        assert_eq!(report.client_id, *device.client_id());
        assert_eq!(report.outcome, DeviceOutcome::NotAccepted(GaveUp::Crashed));
    }
}

#[tokio::test]
async fn the_published_form_is_a_promise() {
    let report = report().await;
    let mut form = report.to_json_form(ReportDetail::EveryDevice);
    // The keys are new each time, and so are the certificates; the names change with the random number generator.
    for (device, report) in form.device_reports.iter_mut().flatten().zip(&report.device_reports) {
        let id = std::mem::replace(&mut device.certificate_id, "[id]".to_owned());
        assert_eq!(id, report.certificate_id.to_string());
        let client_id = std::mem::replace(&mut device.client_id, "[client id]".to_owned());
        assert_eq!(client_id, report.client_id.as_str());
        assert_eq!(device.thing_name.replace("[thing name]".to_owned()), Some(client_id));
    }
    for (group, expected) in form.failures.iter_mut().zip(&report.failures) {
        let client_id = std::mem::replace(&mut group.example.client_id, "[client id]".to_owned());
        assert_eq!(client_id, expected.example.client_id.as_str());
    }
    insta::assert_json_snapshot!(form);
    let summary = serde_json::to_value(report.to_json_form(ReportDetail::Summary)).unwrap();
    assert_eq!(summary.get("device_reports"), None);
    assert_eq!(summary.as_object().unwrap().len(), 10);
}
