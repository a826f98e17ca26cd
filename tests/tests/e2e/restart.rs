//! A server that is killed, or whose disk is full: nobody who was let in is lost, and nothing is left half done.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::time::Duration;

use landfall_tests::{Api, Ca, Device, DeviceRequest, Landfall, Process, fleet, simulate};
use serde_json::Value;

/// How many devices a fleet has, unless `LANDFALL_E2E_FLEET` says otherwise.
const FLEET: usize = 300;

/// How long a fleet may take to be registered, restarts included.
const FLEET_DEADLINE: Duration = Duration::from_secs(300);

fn fleet_size() -> usize {
    match env::var("LANDFALL_E2E_FLEET") {
        Ok(number) => number.parse().expect("LANDFALL_E2E_FLEET is a number"),
        Err(_) => FLEET,
    }
}

/// Waits until the server has registered so many devices since its start.
#[track_caller]
fn wait_for_registrations(server: &mut Landfall, wanted: usize) {
    let mut seen = 0;
    server.process().wait_for_line("that enough devices are registered", |line| {
        seen += usize::from(line.contains("device registered"));
        (seen >= wanted).then_some(())
    });
}

/// Checks what must hold at every moment, while nobody connects: no thing without certificate, and no ACTIVE certificate
/// without thing and policy. The ids of the ACTIVE certificates.
#[track_caller]
fn assert_nothing_is_half_registered(api: &Api) -> BTreeSet<String> {
    let mut things = BTreeMap::new();
    for thing in api.things() {
        let name = thing["thingName"].as_str().expect("a name").to_owned();
        let principals = api.principals(&name);
        assert_eq!(principals.len(), 1, "{name}: {principals:?}");
        things.insert(principals[0].clone(), name);
    }
    let mut active = BTreeSet::new();
    for certificate in api.certificates() {
        let arn = certificate["certificateArn"].as_str().expect("an ARN");
        let id = certificate["certificateId"].as_str().expect("an id").to_owned();
        match certificate["status"].as_str().expect("a status") {
            "ACTIVE" => {
                assert!(things.remove(arn).is_some(), "{id} is ACTIVE and has no thing");
                assert_eq!(api.policies(arn), ["iot-access-policy"], "{id} is ACTIVE and has not its policy");
                active.insert(id);
            }
            status => assert_eq!(status, "PENDING_ACTIVATION", "{id}"),
        }
    }
    assert_eq!(things, BTreeMap::new(), "things whose certificates are not ACTIVE, or not there");
    active
}

/// The devices of a report that were told CONNACK 0, by their certificates.
fn accepted(report: &Value) -> BTreeSet<String> {
    let devices = report["device_reports"].as_array().expect("reports of devices");
    let accepted = devices.iter().filter(|device| !device["accepted_at_ms"].is_null());
    accepted.map(|device| device["certificate_id"].as_str().expect("an id").to_owned()).collect()
}

#[track_caller]
fn report(fleet: Process, deadline: Duration) -> (Value, bool) {
    let ran = fleet.finish(deadline);
    let report = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    (report, ran.success())
}

#[test]
fn nobody_who_was_let_in_before_a_kill_is_lost() {
    let size = fleet_size();
    let mut server = Landfall::start();
    let ca = Ca::registered(&server);
    // Each device tries once, so that nobody repairs after the kill what was lost by it.
    let simulation = Process::start(&mut simulate(&server, &ca, size, &["--attempts", "1"]), "");
    wait_for_registrations(&mut server, size / 10);
    server.kill();
    let (report, complete) = report(simulation, FLEET_DEADLINE);
    let accepted = accepted(&report);
    assert!(!complete && accepted.len() < size, "the kill came too late: {}", accepted.len());
    assert!(!accepted.is_empty(), "the kill came too early");

    server.start_again();
    let active = assert_nothing_is_half_registered(&server.api());
    let lost: Vec<_> = accepted.difference(&active).collect();
    assert!(lost.is_empty(), "{} of {} were let in and are lost: {lost:?}", lost.len(), accepted.len());
}

#[test]
fn a_full_disk_loses_nobody_who_was_let_in_and_is_over_when_there_is_room_again() {
    let server = Landfall::start_on_a_small_disk();
    let ca = Ca::registered(&server);
    let log = server.data().join("registry.db-wal");
    let used = std::fs::metadata(&log).expect("the write-ahead log").len();
    // Room for a part of the fleet, a few devices at a time.
    server.limit_files(Some(used + 4 * 1024 * 1024));
    let ran = fleet(&server, &ca, FLEET, &["--attempts", "1", "--concurrency", "8"]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("a report in JSON");
    let accepted_then = accepted(&report);
    assert!(!accepted_then.is_empty() && accepted_then.len() < FLEET, "{} had room", accepted_then.len());
    assert!(assert_nothing_is_half_registered(&server.api()).is_superset(&accepted_then));

    server.limit_files(None);
    let report: Value =
        serde_json::from_str(&fleet(&server, &ca, 20, &[]).stdout()).expect("a report in JSON");
    assert_eq!(report["registered"], 20, "{report}");
    assert!(assert_nothing_is_half_registered(&server.api()).is_superset(&accepted_then));
}

#[test]
fn a_fleet_goes_on_through_kills_and_restarts_until_every_device_is_in() {
    let size = fleet_size();
    let mut server = Landfall::start();
    let ca = Ca::registered(&server);
    let simulation = Process::start(&mut simulate(&server, &ca, size, &[]), "");
    for _ in 0..3 {
        wait_for_registrations(&mut server, size / 10);
        server.kill();
        server.start_again();
    }
    let (report, complete) = report(simulation, FLEET_DEADLINE);
    assert!(complete, "{report}");
    assert_eq!(report["registered"], size, "{report}");
    assert!(report["attempts"].as_u64() > Some(size as u64), "nobody felt the kills: {report}");
    let active = assert_nothing_is_half_registered(&server.api());
    assert_eq!(active, accepted(&report));
    assert_eq!(server.api().things().len(), size);
}

#[test]
fn a_fleet_of_the_first_seed_is_dropped_and_accepted_when_the_hold_is_zero() {
    let server = Landfall::start_with(&["--first-connect-hold", "0s"]);
    let ca = Ca::registered(&server);
    let ran = fleet(&server, &ca, 50, &["--certificate-version", "1"]);
    let report: Value = serde_json::from_str(&ran.stdout()).expect("a report in JSON");
    assert_eq!((&report["registered"], &report["first_try"]), (&50.into(), &0.into()), "{report}");
    assert_nothing_is_half_registered(&server.api());
}

#[test]
fn a_fleet_that_is_never_let_in_ends_with_its_reasons_and_another_exit_code() {
    let server = Landfall::start_with(&["--registrar", "rules", "--first-connect-hold", "0s"]);
    let ca = Ca::registered(&server);
    let ran = fleet(&server, &ca, 5, &["--attempts", "2"]);
    assert_eq!(ran.code(), Some(1), "{ran}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("a report in JSON");
    assert_eq!((&report["registered"], &report["attempts"]), (&0.into(), &10.into()), "{report}");
    assert_ne!(report["failures"], Value::Array(vec![]), "{report}");
}

#[test]
fn every_kind_of_simulated_device_gets_in() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    for arguments in [
        &["--type", "iot", "--mqtt", "3", "--certificate-version", "1"][..],
        &["--type", "iot", "--mqtt", "5", "--certificate-version", "3"],
        &["--type", "greengrass", "--mqtt", "3", "--certificate-version", "3"],
        &["--type", "greengrass", "--mqtt", "5", "--certificate-version", "1"],
    ] {
        let report: Value = serde_json::from_str(&fleet(&server, &ca, 5, arguments).stdout()).expect("JSON");
        assert_eq!(report["first_try"], 5, "{arguments:?}: {report}");
        assert_eq!(report["messages_acknowledged"], 5, "{arguments:?}: {report}");
    }
    assert_eq!(server.api().things().len(), 20);
}

#[test]
fn after_a_kill_the_directory_is_free_and_the_server_knows_its_devices() {
    let mut server = Landfall::start();
    let ca = Ca::registered(&server);
    let known = ca.issue(&DeviceRequest::quick("known"));
    Device::connect(&server, &known, "thing-known").expect("a good device").leave();
    server.kill();
    server.start_again();
    Device::connect(&server, &known, "thing-known").expect("a registered device").leave();
    assert_eq!(server.api().outcomes(&known.id), ["success"]);
    assert_nothing_is_half_registered(&server.api());
}
