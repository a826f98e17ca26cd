//! Everything that is to be refused: how it ends on the wire, where its reason stands, and that nothing comes of it.

use std::io::{Read as _, Write as _};

use landfall_mqtt::ReasonCode;
use landfall_tests::{
    Api, Ca, Came, Connect, DEADLINE, Device, DeviceCertificate, DeviceRequest, KeyKind, Landfall, Ran,
    Refused, Tls, Version, Wire, alert, program, run, tcp,
};
use rustls::AlertDescription;

/// Checks that nobody was registered, and that the server goes on.
#[track_caller]
fn nothing_came_of_it(server: &Landfall) {
    let api = server.api();
    assert_eq!(api.things(), Vec::<serde_json::Value>::new());
    let active =
        api.certificates().into_iter().find(|certificate| certificate["status"] != "PENDING_ACTIVATION");
    assert_eq!(active, None, "a refused certificate is pending at most");
    for policy in ["iot-access-policy", "greengrass-access-policy"] {
        let (status, answer) = api.try_call("iot", "GET", &format!("/policies/{policy}"), None);
        assert_eq!(status, 404, "{answer}");
    }
    let honest = Ca::root(server.directory(), "honest", KeyKind::P256);
    honest.register(&api);
    let certificate = honest.issue(&DeviceRequest::quick("honest"));
    let device = Device::connect(server, &certificate, "thing-honest");
    device.unwrap_or_else(|refused| panic!("an honest device is refused afterwards: {refused:?}")).leave();
}

/// The code of the last rejected handshake.
#[track_caller]
fn last_rejection(api: &Api) -> String {
    api.rejections().pop().expect("a rejected handshake is remembered")
}

/// OpenSSL's own client, without its own objections to weak algorithms.
fn s_client(server: &Landfall, arguments: &[&str]) -> Ran {
    let mut command = program("openssl");
    command.args(["s_client", "-connect", &server.mqtt().to_string(), "-servername", "localhost"]);
    command.args(["-cipher", "ALL:@SECLEVEL=0"]).args(arguments);
    run(&mut command, "", DEADLINE)
}

#[test]
fn a_chain_that_does_not_verify_ends_in_an_alert_with_its_reason_in_the_ring() {
    use AlertDescription::{
        CertificateExpired, CertificateUnknown, DecryptError, UnknownCA, UnsupportedCertificate,
    };
    let server = Landfall::start();
    let api = server.api();
    let ca = Ca::registered(&server);
    let stranger = Ca::root(server.directory(), "stranger", KeyKind::P256);
    let impostor = server.directory().join("impostor");
    std::fs::create_dir(&impostor).expect("a directory in the test's");
    let impostor = Ca::root(&impostor, "ca", KeyKind::P384);

    let request = DeviceRequest::quick("1");
    let v3 = request.clone().version(Version::V3);
    let old = request.clone().dates("20200101000000Z", "20210101000000Z");
    let early = request.clone().dates("20800101000000Z", "20810101000000Z");
    let old_v3 = v3.clone().dates("20200101000000Z", "20210101000000Z");
    let is_ca =
        request.clone().extensions("basicConstraints=critical,CA:TRUE\nextendedKeyUsage=clientAuth\n");
    let for_servers = request.clone().extensions("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n");
    let cases = [
        ("unknown CA", stranger.issue(&request), UnknownCA, "chain.unknown_issuer"),
        ("unknown CA, version 3", stranger.issue(&v3), UnknownCA, "chain.unknown_issuer"),
        ("expired", ca.issue(&old), CertificateExpired, "chain.expired"),
        ("expired, version 3", ca.issue(&old_v3), CertificateExpired, "chain.expired"),
        ("not yet valid", ca.issue(&early), CertificateExpired, "chain.not_yet_valid"),
        ("SHA-1", ca.issue(&request.clone().digest("-sha1")), CertificateUnknown, "chain.weak_signature"),
        (
            "SHA-1, version 3",
            ca.issue(&v3.clone().digest("-sha1")),
            CertificateUnknown,
            "chain.weak_signature",
        ),
        ("a CA as a device", ca.issue(&is_ca), UnsupportedCertificate, "chain.leaf_is_ca"),
        ("for servers only", ca.issue(&for_servers), UnsupportedCertificate, "chain.not_for_client_auth"),
        ("stolen, without its key", ca.issue(&request).stolen(KeyKind::P256, 1), DecryptError, "tls.failed"),
        ("stolen, version 3", ca.issue(&v3).stolen(KeyKind::P256, 1), DecryptError, "tls.failed"),
        (
            "version 3 by another key of the CA's name",
            impostor.issue(&v3),
            UnknownCA,
            "chain.unknown_issuer_key",
        ),
        (
            "version 1 by another key of the CA's name",
            impostor.issue(&request),
            DecryptError,
            "chain.bad_signature",
        ),
    ];
    for (what, certificate, expected, code) in &cases {
        for tls in [Tls::V12, Tls::V13] {
            assert_eq!(alert(&server, certificate, tls), *expected, "{what}, {tls:?}");
            assert_eq!(last_rejection(&api), *code, "{what}, {tls:?}");
            assert_eq!(api.status(&certificate.id), None, "{what}: nothing is registered by a handshake");
        }
    }
    assert_eq!(api.certificates().len(), 0);
    nothing_came_of_it(&server);
}

#[test]
fn a_certificate_of_100_kilobytes_is_refused() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    let ballast = "x".repeat(100_000);
    let request = DeviceRequest::quick("1").extensions(&format!("1.3.6.1.4.1.55555.1=ASN1:UTF8:{ballast}\n"));
    let certificate = ca.issue(&request);
    for tls in [Tls::V12, Tls::V13] {
        // The server closes before it has read everything, by which the alert may be lost on its way.
        let ended = match Wire::open(&server, &certificate, tls) {
            Ok(mut wire) => wire.read_to_end().1,
            Err(came) => came,
        };
        assert!(matches!(ended, Came::Alert(_) | Came::Reset), "{tls:?}: {ended:?}");
        assert_eq!(last_rejection(&server.api()), "tls.failed");
    }
    nothing_came_of_it(&server);
}

#[test]
fn a_key_of_1024_bits_is_refused() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    for version in [Version::V1, Version::V3] {
        let certificate = ca.issue(&DeviceRequest::quick("1").key(KeyKind::Rsa1024, 0).version(version));
        let (chain, key) = (certificate.chain.to_string_lossy(), certificate.key.to_string_lossy());
        let ran = s_client(&server, &["-tls1_2", "-cert", &chain, "-key", &key]);
        assert!(!ran.success() && ran.stderr.contains("alert certificate unknown"), "{ran}");
        assert_eq!(last_rejection(&server.api()), "chain.weak_key");
    }
    nothing_came_of_it(&server);
}

#[test]
fn who_presents_no_certificate_is_refused() {
    let server = Landfall::start();
    let ran = s_client(&server, &["-tls1_2"]);
    assert!(!ran.success() && ran.stderr.contains("alert"), "{ran}");
    assert_eq!(last_rejection(&server.api()), "tls.no_certificate");
    nothing_came_of_it(&server);
}

#[test]
fn older_versions_of_tls_are_refused() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::new("1"));
    let (chain, key) = (certificate.chain.to_string_lossy(), certificate.key.to_string_lossy());
    for version in ["-tls1", "-tls1_1"] {
        let ran = s_client(&server, &[version, "-cert", &chain, "-key", &key]);
        assert!(!ran.success() && ran.stderr.contains("alert"), "{ran}");
        assert_eq!(last_rejection(&server.api()), "tls.failed");
    }
    nothing_came_of_it(&server);
}

#[test]
fn what_is_no_tls_is_closed_and_harms_nobody() {
    let server = Landfall::start();
    // CONNECT of MQTT 3.1.1 in clear, HTTP, a TLS record that is longer than any, zeros, and noise.
    let connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd".to_vec();
    let noise: Vec<u8> = (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let garbage = [
        connect,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"\x16\x03\x01\xff\xff".repeat(1_000),
        vec![0; 10_000],
        noise,
        vec![0x16],
        vec![],
    ];
    for bytes in &garbage {
        let mut stream = tcp(server.mqtt());
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes);
        stream.shutdown(std::net::Shutdown::Write).ok();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        // An alert is all that is said: content type 21 (RFC 8446, section 5.1).
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
    assert_eq!(server.api().rejections(), vec!["tls.failed"; garbage.len()]);
    nothing_came_of_it(&server);
}

/// Connects with a verified certificate that the registrar or the CA's status refuses: closed for MQTT 3.1.1, CONNACK
/// 0x87 for MQTT 5, and the reason in the registration record.
#[track_caller]
fn refused_at_connect(server: &Landfall, certificate: &DeviceCertificate, what: &str, code: &str) {
    let client_id = "thing-1";
    let refused = Device::connect(server, certificate, client_id).err();
    assert_eq!(refused, Some(Refused::Closed), "{what}: MQTT 3.1.1");
    let refused = Device::connect_with(server, certificate, client_id, &Connect::v5()).err();
    assert_eq!(refused, Some(Refused::Connack(ReasonCode::NotAuthorized)), "{what}: MQTT 5");
    // An equal refusal counts up its record.
    let records = server.api().landfall(&format!("certificates/{}/registrations", certificate.id));
    assert_eq!(server.api().outcomes(&certificate.id), [code], "{what}: {records}");
    assert_eq!(records["registrations"][0]["attempts"], 2, "{what}: {records}");
    assert_eq!(server.api().rejections(), Vec::<String>::new(), "{what}: the chain was verified");
}

#[test]
fn a_subject_that_lacks_a_field_is_refused_by_its_name() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    for (field, named) in [
        ("serialNumber", "serialNumber (2.5.4.5)"),
        ("title", "title (2.5.4.12)"),
        ("generationQualifier", "generationQualifier (2.5.4.44)"),
        ("CN", "commonName (2.5.4.3)"),
    ] {
        let certificate = ca.issue(&DeviceRequest::quick("1").without(field));
        refused_at_connect(&server, &certificate, field, "missing_subject_field");
        let records = server.api().landfall(&format!("certificates/{}/registrations", certificate.id));
        let message = records["registrations"][0]["outcome"]["message"].as_str().expect("a message");
        assert!(message.contains(&format!("the subject has no {named}")), "{message}");
        assert_eq!(server.api().status(&certificate.id).as_deref(), Some("PENDING_ACTIVATION"));
    }
    nothing_came_of_it(&server);
}

#[test]
fn a_title_that_is_neither_iot_nor_greengrass_is_refused() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    for title in ["IOT", "sensor", "iot,greengrass", "*"] {
        let certificate = ca.issue(&DeviceRequest::quick("1").field("title", title));
        refused_at_connect(&server, &certificate, title, "unknown_device_type");
    }
    nothing_came_of_it(&server);
}

#[test]
fn no_text_of_a_serial_number_makes_a_wild_name_topic_or_policy() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    let long = "9".repeat(4_000);
    for serial in ["#", "+", "a/b", "/", "${iot:ClientId}", "${", "*", "<%= 1 %>", "a b", "é", "..", &long] {
        for title in ["iot", "greengrass"] {
            let certificate = ca.issue(&DeviceRequest::quick(serial).field("title", title));
            let what: String = serial.chars().take(20).collect();
            refused_at_connect(&server, &certificate, &what, "invalid_name");
        }
    }
    nothing_came_of_it(&server);
}

#[test]
fn no_text_of_a_product_makes_a_wild_thing_type() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    for product in ["#", "+", "a/b", "${iot:ClientId}", "a b"] {
        let certificate = ca.issue(&DeviceRequest::quick("1").field("generationQualifier", product));
        refused_at_connect(&server, &certificate, product, "invalid_name");
    }
    nothing_came_of_it(&server);
}

#[test]
fn an_inactive_ca_and_one_without_auto_registration_register_nobody() {
    let server = Landfall::start();
    let api = server.api();
    for (name, active, auto, code) in [
        ("inactive", false, true, "ca_inactive"),
        ("manual", true, false, "auto_registration_disabled"),
        ("neither", false, false, "ca_inactive"),
    ] {
        let ca = Ca::root(server.directory(), name, KeyKind::P256);
        ca.register_as(&api, active, auto);
        for version in [Version::V1, Version::V3] {
            let certificate = ca.issue(&DeviceRequest::quick("1").version(version));
            refused_at_connect(&server, &certificate, name, code);
            assert_eq!(api.status(&certificate.id), None, "{name}: nothing is registered");
        }
    }
    nothing_came_of_it(&server);
}

#[test]
fn a_refusal_ends_the_hold_at_once_and_with_a_hold_of_zero_everybody_is_closed() {
    // So long a hold would reach the deadline of the test.
    let patient = Landfall::start_with(&["--first-connect-hold", "1h"]);
    let certificate = Ca::registered(&patient).issue(&DeviceRequest::quick("1").without("title"));
    refused_at_connect(&patient, &certificate, "a hold of an hour", "missing_subject_field");
    nothing_came_of_it(&patient);

    let curt = Landfall::start_with(&["--first-connect-hold", "0s"]);
    let certificate = Ca::registered(&curt).issue(&DeviceRequest::quick("1").without("title"));
    for connect in [Connect::default(), Connect::v5()] {
        let refused = Device::connect_with(&curt, &certificate, "thing-1", &connect).err();
        assert_eq!(refused, Some(Refused::Closed), "{connect:?}");
    }
    assert_eq!(curt.api().outcomes(&certificate.id), ["missing_subject_field"]);
}

#[test]
fn the_thing_of_another_device_is_never_taken() {
    let server = Landfall::start();
    let api = server.api();
    let ca = Ca::registered(&server);
    let owner = ca.issue(&DeviceRequest::quick("1"));
    Device::connect(&server, &owner, "thing-1").expect("the first device of its serial number").leave();
    // Another certificate of the same CA, and one of a CA of somebody else, with the same serial number.
    let sibling = ca.issue(&DeviceRequest::quick("1").field("CN", "sibling"));
    let theirs = Ca::root(server.directory(), "theirs", KeyKind::P384);
    theirs.register(&api);
    let stranger = theirs.issue(&DeviceRequest::quick("1"));
    refused_at_connect(&server, &sibling, "a sibling", "thing_taken");
    refused_at_connect(&server, &stranger, "a stranger", "thing_of_another_ca");
    let principals = api.principals("thing-1");
    assert_eq!(principals.len(), 1);
    assert!(principals[0].ends_with(&owner.id), "{principals:?}");
    Device::connect(&server, &owner, "thing-1").expect("the owner goes on").leave();
}

#[test]
fn a_bare_handshake_registers_nothing() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let wire = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    drop(wire);
    assert_eq!(server.api().status(&certificate.id), None);
    nothing_came_of_it(&server);
}
