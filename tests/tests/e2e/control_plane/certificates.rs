//! Certificates that came by the API, as the devices that have them find it.

use std::fs;
use std::time::Duration;

use landfall_tests::{
    Ca, Came, Connect, Device, DeviceCertificate, DeviceRequest, KeyKind, Landfall, Refused, Version,
    program, run,
};
use serde_json::Value;

use super::{allow_everything, arn, of_answer, server};

/// How soon a change has to be felt by a live connection.
const SOON: Duration = Duration::from_secs(1);

/// A certificate that is INACTIVE and its ARN, made in one of the ways that the API has.
type Way = (&'static str, fn(&Landfall) -> (DeviceCertificate, String));

const WAYS: [Way; 4] = [
    ("create-keys-and-certificate", keys_and_certificate),
    ("create-certificate-from-csr", from_csr),
    ("register-certificate", registered),
    ("register-certificate-without-ca", registered_without_ca),
];

fn keys_and_certificate(server: &Landfall) -> (DeviceCertificate, String) {
    let made = server.aws_json(&["iot", "create-keys-and-certificate"]);
    (of_answer(server.directory(), "made", &made), arn(&made).to_owned())
}

fn from_csr(server: &Landfall) -> (DeviceCertificate, String) {
    let (key, request) = (KeyKind::P256.shared(1), server.directory().join("device.csr"));
    let mut command = program("openssl");
    command.args(["req", "-new", "-subj", "/CN=my lamp", "-key"]).arg(&key).arg("-out").arg(&request);
    run(&mut command, "", landfall_tests::DEADLINE).stdout();
    let request = format!("file://{}", request.display());
    let mut made =
        server.aws_json(&["iot", "create-certificate-from-csr", "--certificate-signing-request", &request]);
    made["keyPair"]["PrivateKey"] = Value::from(fs::read_to_string(key).expect("a shared key"));
    (of_answer(server.directory(), "from-csr", &made), arn(&made).to_owned())
}

fn registered(server: &Landfall) -> (DeviceCertificate, String) {
    let ca = Ca::registered(server);
    let certificate = ca.issue(&DeviceRequest::quick("registered").version(Version::V3));
    register(server, certificate, "register-certificate")
}

fn registered_without_ca(server: &Landfall) -> (DeviceCertificate, String) {
    let ca = Ca::root(server.directory(), "unknown", KeyKind::P256);
    let certificate = ca.issue(&DeviceRequest::quick("lonely").version(Version::V3));
    register(server, certificate, "register-certificate-without-ca")
}

fn register(server: &Landfall, certificate: DeviceCertificate, command: &str) -> (DeviceCertificate, String) {
    let file = format!("file://{}", certificate.leaf.display());
    let made = server.aws_json(&["iot", command, "--certificate-pem", &file]);
    assert_eq!(made["certificateId"], certificate.id.as_str(), "{made}");
    (certificate, arn(&made).to_owned())
}

#[test]
fn a_certificate_of_the_api_connects_once_it_is_active_and_has_a_policy_and_until_it_is_revoked() {
    for (way, make) in WAYS {
        let server = server();
        let (certificate, arn) = make(&server);
        let api = server.api();
        let refused = |when: &str| {
            let refused = Device::connect(&server, &certificate, "lamp").err();
            // One that is not trusted at all is told so in the handshake.
            assert!(
                matches!(refused, Some(Refused::Closed | Refused::Alert(_))),
                "{way}, {when}: {refused:?}"
            );
        };
        assert_eq!(api.status(&certificate.id).as_deref(), Some("INACTIVE"), "{way}");
        refused("INACTIVE");
        api.set_status(&certificate.id, "ACTIVE");
        refused("ACTIVE without a policy");
        allow_everything(&server, &arn);
        let device = Device::connect(&server, &certificate, "lamp");
        device.unwrap_or_else(|refused| panic!("{way}: {refused:?}")).leave();

        let mut live =
            Device::connect_with(&server, &certificate, "lamp", &Connect::default()).expect("as before");
        let sent = live.publish_qos1("lamp", "x");
        assert!(!live.puback(sent).is_failure(), "{way}");
        api.set_status(&certificate.id, "REVOKED");
        live.patience(SOON);
        assert_eq!(live.next(), Came::Closed, "{way}: its connection ends");
        refused("REVOKED");
    }
}

#[test]
fn a_policy_that_is_detached_or_changed_counts_for_the_next_connection() {
    let server = server();
    let certificate = super::device_certificate(&server, "lamp");
    Device::connect(&server, &certificate, "lamp").expect("a policy that allows everything").leave();
    let nothing = super::EVERYTHING.replace("Allow", "Deny");
    let version =
        ["iot", "create-policy-version", "--policy-name", "everything", "--policy-document", &nothing];
    server.aws_json(&[&version[..], &["--set-as-default"]].concat());
    assert_eq!(
        Device::connect(&server, &certificate, "lamp").err(),
        Some(Refused::Closed),
        "version 2 denies"
    );
    server.aws_json(&[
        "iot",
        "set-default-policy-version",
        "--policy-name",
        "everything",
        "--policy-version-id",
        "1",
    ]);
    Device::connect(&server, &certificate, "lamp").expect("version 1 allows").leave();
    let target = format!("arn:aws:iot:eu-west-1:123456789012:cert/{}", certificate.id);
    server.aws_json(&["iot", "detach-policy", "--policy-name", "everything", "--target", &target]);
    assert_eq!(
        Device::connect(&server, &certificate, "lamp").err(),
        Some(Refused::Closed),
        "no policy at all"
    );
}

#[test]
fn the_policy_of_a_group_counts_for_the_things_in_the_groups_below() {
    let server = server();
    let made = server.aws_json(&["iot", "create-keys-and-certificate", "--set-as-active"]);
    let certificate = of_answer(server.directory(), "lamp", &made);
    server.aws_json(&["iot", "create-thing", "--thing-name", "lamp"]);
    server.aws_json(&["iot", "create-thing-group", "--thing-group-name", "house"]);
    server.aws_json(&[
        "iot",
        "create-thing-group",
        "--thing-group-name",
        "cellar",
        "--parent-group-name",
        "house",
    ]);
    allow_everything(&server, "arn:aws:iot:eu-west-1:123456789012:thinggroup/house");
    server.aws_json(&["iot", "attach-thing-principal", "--thing-name", "lamp", "--principal", arn(&made)]);
    assert_eq!(
        Device::connect(&server, &certificate, "lamp").err(),
        Some(Refused::Closed),
        "it is in no group"
    );
    let group = ["--thing-group-name", "cellar", "--thing-name", "lamp"];
    server.aws_json(&[&["iot", "add-thing-to-thing-group"][..], &group].concat());
    Device::connect(&server, &certificate, "lamp").expect("the policy of the parent group").leave();
    assert_eq!(
        Device::connect(&server, &certificate, "other").err(),
        Some(Refused::Closed),
        "it connects as no thing"
    );
    server.aws_json(&[&["iot", "remove-thing-from-thing-group"][..], &group].concat());
    assert_eq!(
        Device::connect(&server, &certificate, "lamp").err(),
        Some(Refused::Closed),
        "it has left the group"
    );
}
