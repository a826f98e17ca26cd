//! `--registrar rules`: nobody provisions a device but who hears of its registration event.

use std::time::Duration;

use landfall_mqtt::ReasonCode;
use landfall_tests::{Ca, Came, Connect, Device, DeviceRequest, Landfall, Refused, Tls, Wire, now};

/// CONNECT of MQTT 3.1.1, clean session, keep-alive 60 s, as `thing-1`.
const CONNECT_V311: &[u8] = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07thing-1";

/// Long enough for the server to have answered, if it were about to.
const WHILE_HELD: Duration = Duration::from_millis(300);

/// Waits until the registry shows the certificate: each question is answered by what is committed.
fn wait_for_status(server: &Landfall, certificate: &str, wanted: &str) {
    let until = now() + landfall_tests::DEADLINE;
    while server.api().status(certificate).as_deref() != Some(wanted) {
        assert!(now() < until, "{certificate} does not become {wanted}");
    }
}

#[test]
fn the_first_connection_is_held_until_somebody_activates_the_certificate() {
    let server = Landfall::start_with(&["--registrar", "rules", "--first-connect-hold", "1h"]);
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let mut wire = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    wire.send(CONNECT_V311).expect("the server reads");
    wait_for_status(&server, &certificate.id, "PENDING_ACTIVATION");
    wire.patience(WHILE_HELD);
    assert_eq!(wire.read(&mut [0; 64]), Err(Came::Nothing), "the connection is held");

    let id = certificate.id.as_str();
    server.aws_json(&["iot", "update-certificate", "--certificate-id", id, "--new-status", "ACTIVE"]);
    // The hold of an hour ends at once. Without a policy the device may not connect: it is closed.
    wire.patience(Duration::from_secs(1));
    assert_eq!(wire.read(&mut [0; 64]), Err(Came::Closed), "the hold has ended");
    assert_eq!(Device::connect(&server, &certificate, "thing-1").err(), Some(Refused::Closed));
    let refused = Device::connect_with(&server, &certificate, "thing-1", &Connect::v5()).err();
    assert_eq!(refused, Some(Refused::Connack(ReasonCode::NotAuthorized)));
    assert_eq!(server.api().things().len(), 0, "only rules make things");
}

#[test]
fn every_connection_that_is_held_hears_of_the_activation() {
    let server = Landfall::start_with(&["--registrar", "rules", "--first-connect-hold", "1h"]);
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    // Clients of different ids, since one that comes back ends its earlier connection.
    let mut wires: Vec<Wire> = (1..=3)
        .map(|number| {
            let mut wire = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
            wire.send(&connect_as(number)).expect("the server reads");
            wire
        })
        .collect();
    wait_for_status(&server, &certificate.id, "PENDING_ACTIVATION");
    for wire in &mut wires {
        wire.patience(WHILE_HELD);
        assert_eq!(wire.read(&mut [0; 64]), Err(Came::Nothing));
    }
    server.api().set_status(&certificate.id, "ACTIVE");
    for wire in &mut wires {
        wire.patience(Duration::from_secs(1));
        assert_eq!(wire.read(&mut [0; 64]), Err(Came::Closed));
    }
}

#[test]
fn a_client_that_comes_back_while_it_is_held_ends_its_earlier_connection() {
    let server = Landfall::start_with(&["--registrar", "rules", "--first-connect-hold", "1h"]);
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let mut earlier = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    earlier.send(&connect_as(1)).expect("the server reads");
    wait_for_status(&server, &certificate.id, "PENDING_ACTIVATION");
    let mut later = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    later.send(&connect_as(1)).expect("the server reads");
    earlier.patience(Duration::from_secs(1));
    assert_eq!(earlier.read(&mut [0; 64]), Err(Came::Closed));
    later.patience(WHILE_HELD);
    assert_eq!(later.read(&mut [0; 64]), Err(Came::Nothing));
}

/// CONNECT of MQTT 3.1.1 by the client `thing-<number>`.
fn connect_as(number: u8) -> Vec<u8> {
    let (_, before) = CONNECT_V311.split_last().expect("a packet");
    [before, &[b'0' + number]].concat()
}

#[test]
fn when_the_hold_is_over_mqtt_5_is_told_to_come_back_and_mqtt_3_is_closed() {
    let server = Landfall::start_with(&["--registrar", "rules", "--first-connect-hold", "200ms"]);
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    for _ in 0..2 {
        let refused = Device::connect(&server, &certificate, "thing-1").err();
        assert_eq!(refused, Some(Refused::Closed));
        let refused = Device::connect_with(&server, &certificate, "thing-1", &Connect::v5()).err();
        assert_eq!(refused, Some(Refused::Connack(ReasonCode::ServerUnavailable)));
    }
    // However often it comes back, it is never refused for being pending.
    assert_eq!(server.api().status(&certificate.id).as_deref(), Some("PENDING_ACTIVATION"));
    server.wait_for("that the end of a hold is recorded", |api| {
        let outcomes = api.outcomes(&certificate.id);
        assert!(outcomes.len() <= 1, "equal ends are counted up: {outcomes:?}");
        (outcomes == ["not_activated"]).then_some(())
    });
}

#[test]
fn a_held_client_that_hangs_up_is_registered_all_the_same() {
    let server = Landfall::start_with(&["--registrar", "rules", "--first-connect-hold", "1h"]);
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let mut wire = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    wire.send(CONNECT_V311).expect("the server reads");
    drop(wire);
    wait_for_status(&server, &certificate.id, "PENDING_ACTIVATION");
}

#[test]
fn a_pending_certificate_that_is_deactivated_is_kept_out() {
    let server = Landfall::start_with(&["--registrar", "rules", "--first-connect-hold", "1h"]);
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let mut wire = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    wire.send(CONNECT_V311).expect("the server reads");
    wait_for_status(&server, &certificate.id, "PENDING_ACTIVATION");
    server.api().set_status(&certificate.id, "INACTIVE");
    wire.patience(Duration::from_secs(1));
    assert_eq!(wire.read(&mut [0; 64]), Err(Came::Closed));
    assert_eq!(Device::connect(&server, &certificate, "thing-1").err(), Some(Refused::Closed));
    assert_eq!(server.api().outcomes(&certificate.id), ["certificate_inactive"]);
}

#[test]
fn a_device_that_was_pending_is_finished_by_the_built_in_registrar() {
    let mut server = Landfall::start_with(&["--registrar", "rules", "--first-connect-hold", "0s"]);
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    assert_eq!(Device::connect(&server, &certificate, "thing-1").err(), Some(Refused::Closed));
    assert_eq!(server.api().status(&certificate.id).as_deref(), Some("PENDING_ACTIVATION"));
    assert!(server.stop(landfall_tests::DEADLINE).success());
    server.start_again_with(&[]);
    Device::connect(&server, &certificate, "thing-1").expect("its registration goes on").leave();
    assert_eq!(server.api().status(&certificate.id).as_deref(), Some("ACTIVE"));
}
