//! Statuses that change while devices are connected.

use std::time::Duration;

use landfall_mqtt::{ClientEvent, ReasonCode};
use landfall_tests::{
    Ca, Came, Connect, Device, DeviceRequest, Identity, KeyKind, Landfall, Refused, Tls, Wire, alert,
};
use rustls::AlertDescription;

/// How soon a change has to be felt by a live connection.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_certificate_that_is_deactivated_or_revoked_loses_its_connections_within_a_second_and_stays_out() {
    let server = Landfall::start();
    let api = server.api();
    let ca = Ca::registered(&server);
    let bystander = ca.issue(&DeviceRequest::quick("bystander"));
    let mut bystander =
        Device::connect(&server, &bystander, "thing-bystander").expect("a device of a good CA");
    for (status, code) in [("INACTIVE", "certificate_inactive"), ("REVOKED", "certificate_revoked")] {
        for connect in [Connect::default(), Connect::v5()] {
            let name = format!("{status}-{:?}", connect.version);
            let certificate = ca.issue(&DeviceRequest::quick(&name));
            let client_id = format!("thing-{name}");
            let device = Device::connect_with(&server, &certificate, &client_id, &connect);
            let mut device = device.expect("an ACTIVE certificate");
            let id = certificate.id.as_str();
            server.aws_json(&["iot", "update-certificate", "--certificate-id", id, "--new-status", status]);
            device.patience(SOON);
            if connect.version == Connect::v5().version {
                let came = device.next();
                let told = Came::Event(ClientEvent::Disconnected {
                    reason: ReasonCode::AdministrativeAction,
                    reason_string: None,
                });
                assert_eq!(came, told, "{status}");
            }
            assert_eq!(device.next(), Came::Closed, "{status}, {connect:?}");
            let refused = Device::connect(&server, &certificate, &client_id).err();
            assert_eq!(refused, Some(Refused::Closed), "{status}");
            let refused = Device::connect_with(&server, &certificate, &client_id, &Connect::v5()).err();
            assert_eq!(refused, Some(Refused::Connack(ReasonCode::NotAuthorized)), "{status}");
            assert_eq!(api.outcomes(id).last().map(String::as_str), Some(code));
            if status == "INACTIVE" {
                api.set_status(id, "ACTIVE");
                Device::connect(&server, &certificate, &client_id).expect("it is ACTIVE again").leave();
            } else {
                // Whoever could make it ACTIVE again could let in what was revoked for a reason.
                let again = ["iot", "update-certificate", "--certificate-id", id, "--new-status", "ACTIVE"];
                let refused = server.aws(&again);
                assert!(refused.stderr.contains("CertificateStateException"), "{refused}");
            }
        }
    }
    let sent = bystander.publish_qos1("device/thing-bystander", "x");
    assert!(!bystander.puback(sent).is_failure(), "others are not touched");
}

#[test]
fn an_inactive_ca_keeps_its_registered_devices_and_takes_no_new_ones() {
    let server = Landfall::start();
    let api = server.api();
    let ca = Ca::root(server.directory(), "ca", KeyKind::P256);
    let id = ca.register(&api);
    let known = ca.issue(&DeviceRequest::quick("known"));
    let mut live = Device::connect(&server, &known, "thing-known").expect("the CA is ACTIVE");
    server.aws_json(&["iot", "update-ca-certificate", "--certificate-id", &id, "--new-status", "INACTIVE"]);
    let sent = live.publish_qos1("device/thing-known", "x");
    assert!(!live.puback(sent).is_failure(), "a live connection goes on");
    live.leave();
    Device::connect(&server, &known, "thing-known").expect("a registered device comes back").leave();

    let new = ca.issue(&DeviceRequest::quick("new"));
    assert_eq!(Device::connect(&server, &new, "thing-new").err(), Some(Refused::Closed));
    assert_eq!(api.outcomes(&new.id), ["ca_inactive"]);
    // The other switch of a CA: the device is told to wait for it in the same way.
    let arguments = ["--new-status", "ACTIVE", "--new-auto-registration-status", "DISABLE"];
    let update = ["iot", "update-ca-certificate", "--certificate-id", &id];
    server.aws_json(&[&update[..], &arguments].concat());
    assert_eq!(Device::connect(&server, &new, "thing-new").err(), Some(Refused::Closed));
    assert_eq!(api.outcomes(&new.id), ["ca_inactive", "auto_registration_disabled"]);
    server.aws_json(&[&update[..], &["--new-auto-registration-status", "ENABLE"]].concat());
    Device::connect(&server, &new, "thing-new").expect("the CA registers again").leave();
}

#[test]
fn a_ca_is_deleted_only_when_inactive_and_then_its_chains_do_not_verify() {
    let server = Landfall::start();
    let api = server.api();
    let ca = Ca::root(server.directory(), "ca", KeyKind::P256);
    let id = ca.register(&api);
    let known = ca.issue(&DeviceRequest::quick("known"));
    Device::connect(&server, &known, "thing-known").expect("the CA is ACTIVE").leave();

    let delete = ["iot", "delete-ca-certificate", "--certificate-id", &id];
    let active = server.aws(&delete);
    assert!(!active.success() && active.stderr.contains("CertificateStateException"), "{active}");
    api.iot("PUT", &format!("/cacertificate/{id}?newStatus=INACTIVE"));
    server.aws_json(&delete);
    assert_eq!(api.iot("GET", "/cacertificates")["certificates"].as_array().map(Vec::len), Some(0));

    let new = ca.issue(&DeviceRequest::quick("new"));
    for tls in [Tls::V12, Tls::V13] {
        assert_eq!(alert(&server, &new, tls), AlertDescription::UnknownCA);
    }
    assert_eq!(api.status(&new.id), None);
    // Its key can be proven again, and then its devices are known again.
    ca.register(&api);
    Device::connect(&server, &known, "thing-known").expect("the CA is back").leave();
    Device::connect(&server, &new, "thing-new").expect("the CA is back").leave();
}

#[test]
fn a_resumed_session_gets_in_no_longer_than_its_certificate_and_its_ca_may() {
    let server = Landfall::start();
    let api = server.api();
    let ca = Ca::root(server.directory(), "ca", KeyKind::P256);
    let ca_id = ca.register(&api);
    for tls in [Tls::V12, Tls::V13] {
        let serial = format!("{tls:?}");
        let certificate = ca.issue(&DeviceRequest::quick(&serial));
        let connect = |wire: Wire| wire.into_device(Some(&format!("thing-{serial}")), &Connect::default());
        let identity = Identity::new(&server, &certificate, tls);
        let resume = || {
            let wire = identity.open(&server).expect("a handshake");
            assert!(wire.is_resumed(), "{tls:?}: the handshake is not resumed");
            wire
        };
        let first = identity.open(&server).expect("a handshake");
        assert!(!first.is_resumed());
        connect(first).expect("a new device").leave();
        connect(resume()).expect("a known device").leave();

        api.set_status(&certificate.id, "INACTIVE");
        assert_eq!(connect(resume()).err(), Some(Refused::Closed), "{tls:?}: INACTIVE");
        api.set_status(&certificate.id, "ACTIVE");
        connect(resume()).expect("it is ACTIVE again").leave();

        api.iot("PUT", &format!("/cacertificate/{ca_id}?newStatus=INACTIVE"));
        connect(resume()).expect("a registered device goes on").leave();
        api.iot("DELETE", &format!("/cacertificate/{ca_id}"));
        assert!(connect(resume()).is_err(), "{tls:?}: its CA is deleted");
        assert_eq!(api.rejections().last().map(String::as_str), Some("chain.unknown_issuer"), "{tls:?}");
        ca.register(&api);
    }
}
