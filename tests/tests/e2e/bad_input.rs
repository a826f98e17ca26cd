//! Subjects and settings that nobody should write: each is refused with its cause, or taken for what it says.

use std::fs;

use landfall_mqtt::ReasonCode;
use landfall_tests::{Ca, Connect, DEADLINE, Device, DeviceCertificate, DeviceRequest, Landfall, Refused, program, run};
use serde_json::Value;

/// A device connects: the names of its things if it is let in, and else why it is refused.
#[track_caller]
fn connect(server: &Landfall, certificate: &DeviceCertificate, client: &str) -> Result<Value, String> {
    let connected = Device::connect_with(server, certificate, client, &Connect::v5()).map(Device::leave);
    let api = server.api();
    let log = api.landfall(&format!("certificates/{}/registrations", certificate.id));
    let outcome = &log["registrations"][0]["outcome"];
    match connected {
        Ok(()) => {
            let name = outcome["thingName"].as_str().expect("a thing");
            Ok(api.iot("GET", &format!("/things/{}", landfall_tests::percent_encode(name))))
        }
        Err(refused) => {
            assert_eq!(refused, Refused::Connack(ReasonCode::NotAuthorized));
            let part = |name: &str| outcome[name].as_str().expect("a text");
            Err(format!("{}: {}", part("code"), part("message")))
        }
    }
}

#[track_caller]
fn assert_refused(server: &Landfall, certificate: &DeviceCertificate, client: &str, why: &[&str]) {
    let refused = connect(server, certificate, client).expect_err("it is refused");
    for why in why {
        assert!(refused.contains(why), "{refused:?} does not say {why:?}");
    }
    assert_eq!(server.api().status(&certificate.id).as_deref(), Some("PENDING_ACTIVATION"));
}

#[test]
fn odd_subjects_are_refused_with_their_cause_or_taken_for_what_they_say() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    // As OpenSSL writes a second attribute of the same name.
    let two_names = ca.issue(&DeviceRequest::quick("1").field("1.CN", "another"));
    println!("{:?}", connect(&server, &two_names, "thing-1"));
    let empty = ca.issue(&DeviceRequest::quick(""));
    println!("{:?}", connect(&server, &empty, "thing-"));
    let names: String = (0..300).map(|number| format!("DNS.{number}=device-{number}.example.com\n")).collect();
    let many = ca.issue(&DeviceRequest::quick("3").extensions(&format!("subjectAltName=@names\n[names]\n{names}")));
    println!("{:?}", connect(&server, &many, "thing-3"));
}
