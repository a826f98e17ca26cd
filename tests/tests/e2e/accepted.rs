//! Every kind of certificate that is promised to be accepted, at the first connection and at the next.

use landfall_mqtt::ProtocolVersion;
use landfall_tests::{
    Ca, Chain, Connect, DEADLINE, Device, DeviceCertificate, DeviceRequest, KeyKind, Landfall, Tls, Version,
    Wire, program, run,
};

/// Connects twice: once to be registered, once as a device that is known.
#[track_caller]
fn accepted(server: &Landfall, certificate: &DeviceCertificate, serial: &str, connect: &Connect) {
    for time in ["first", "second"] {
        match Device::connect_with(server, certificate, &format!("thing-{serial}"), connect) {
            Ok(device) => device.leave(),
            Err(refused) => panic!("{serial}, the {time} time: {refused:?}"),
        }
    }
    assert_eq!(server.api().outcomes(&certificate.id), ["success"], "{serial}");
}

fn connect(tls: Tls, version: ProtocolVersion) -> Connect {
    Connect { tls, version, ..Connect::default() }
}

#[test]
fn every_kind_of_key_in_both_versions_of_x509_over_both_versions_of_tls() {
    let server = Landfall::start();
    let ca = Ca::root(server.directory(), "ca", KeyKind::Rsa2048);
    ca.register(&server.api());
    for kind in [KeyKind::Rsa2048, KeyKind::Rsa4096, KeyKind::P256, KeyKind::P384] {
        for version in [Version::V1, Version::V3] {
            for tls in [Tls::V12, Tls::V13] {
                for chain in [Chain::Leaf, Chain::LeafAndCa] {
                    let serial = format!("{kind:?}-{version:?}-{tls:?}-{chain:?}");
                    let request = DeviceRequest::new(&serial).key(kind, 0).version(version).chain(chain);
                    let certificate = ca.issue(&request);
                    assert_eq!(certificate.version, version);
                    accepted(&server, &certificate, &serial, &connect(tls, ProtocolVersion::V311));
                }
            }
        }
    }
}

#[test]
fn certificates_of_every_kind_of_ca() {
    let server = Landfall::start();
    for ca_kind in [KeyKind::Rsa2048, KeyKind::Rsa4096, KeyKind::P256, KeyKind::P384] {
        let ca = Ca::root(server.directory(), &format!("{ca_kind:?}"), ca_kind);
        ca.register(&server.api());
        for version in [Version::V1, Version::V3] {
            let serial = format!("{ca_kind:?}-{version:?}");
            let certificate = ca.issue(&DeviceRequest::quick(&serial).version(version));
            accepted(&server, &certificate, &serial, &connect(Tls::V13, ProtocolVersion::V5));
        }
    }
}

#[test]
fn devices_of_a_registered_intermediate_and_of_an_unregistered_one_below_a_registered_root() {
    let server = Landfall::start();
    let api = server.api();
    let root = Ca::root(server.directory(), "root", KeyKind::P256);
    let registered = root.intermediate("registered", KeyKind::P384);
    registered.register(&api);
    for (version, chain) in
        [(Version::V1, Chain::Leaf), (Version::V1, Chain::LeafAndCa), (Version::V3, Chain::LeafAndCa)]
    {
        let serial = format!("{version:?}-{chain:?}");
        let certificate = registered.issue(&DeviceRequest::quick(&serial).version(version).chain(chain));
        for tls in [Tls::V12, Tls::V13] {
            accepted(&server, &certificate, &serial, &connect(tls, ProtocolVersion::V311));
        }
    }
    // Only the intermediate is trusted, not its root.
    root.register(&api);
    let below = root.intermediate("below", KeyKind::P256);
    let certificate = below.issue(&DeviceRequest::quick("below").version(Version::V3));
    for certificate in [certificate.clone(), certificate.followed_by(&root)] {
        accepted(&server, &certificate, "below", &connect(Tls::V13, ProtocolVersion::V311));
    }
}

#[test]
fn two_cas_of_the_same_name_have_their_own_devices() {
    let server = Landfall::start();
    let api = server.api();
    let mut ids = Vec::new();
    for (number, kind) in [KeyKind::P256, KeyKind::P384].into_iter().enumerate() {
        let directory = server.directory().join(number.to_string());
        std::fs::create_dir(&directory).expect("a directory in the test's");
        let ca = Ca::root(&directory, "Acme root CA", kind);
        ids.push((ca.register(&api), ca));
    }
    for (number, (id, ca)) in ids.iter().enumerate() {
        for version in [Version::V1, Version::V3] {
            let serial = format!("{number}-{version:?}");
            let certificate = ca.issue(&DeviceRequest::quick(&serial).version(version));
            accepted(&server, &certificate, &serial, &Connect::default());
            let described = api.iot("GET", &format!("/certificates/{}", certificate.id));
            assert_eq!(described["certificateDescription"]["caCertificateId"], id.as_str(), "{described}");
        }
    }
}

#[test]
fn mosquitto_is_accepted_over_both_versions_of_tls_and_of_mqtt() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    for tls in ["tlsv1.2", "tlsv1.3"] {
        for mqtt in ["mqttv311", "mqttv5"] {
            let serial = format!("{tls}-{mqtt}").replace('.', "_");
            let (client_id, certificate) =
                (format!("thing-{serial}"), ca.issue(&DeviceRequest::new(&serial)));
            let mut command = program("mosquitto_pub");
            command.arg("--cafile").arg(server.server_ca()).arg("--cert").arg(&certificate.chain);
            command.arg("--key").arg(&certificate.key).args(["--tls-version", tls, "-V", mqtt, "-q", "1"]);
            command.args(["-h", "localhost", "-p", &server.mqtt().port().to_string(), "-i", &client_id]);
            command.args(["-t", &format!("device/{client_id}"), "-m", "Hello World!"]);
            run(&mut command, "", DEADLINE).stdout();
            assert_eq!(server.api().outcomes(&certificate.id), ["success"], "{serial}");
        }
    }
}

#[test]
fn values_that_are_no_names_become_attributes_with_their_wild_characters_replaced() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    let request = DeviceRequest::quick("1").field("O", "Acme Inc").field("CN", "é*#+${iot:ClientId}");
    let certificate = ca.issue(&request);
    accepted(&server, &certificate, "1", &Connect::default());
    let thing = server.api().iot("GET", "/things/thing-1");
    assert_eq!(thing["attributes"]["organization"], "Acme_Inc", "{thing}");
    assert_eq!(thing["attributes"]["common_name"], "__#___iot:ClientId_", "{thing}");
}

#[test]
fn a_device_registered_once_keeps_its_creation_id_and_registers_nothing_again() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    accepted(&server, &certificate, "1", &Connect::default());
    let before = server.api().iot("GET", "/things/thing-1");
    accepted(&server, &certificate, "1", &Connect::default());
    assert_eq!(server.api().iot("GET", "/things/thing-1"), before);
    assert_eq!(server.api().things().len(), 1);
}

#[test]
fn what_a_client_sends_ahead_of_its_first_connack_is_not_lost() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let mut wire = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    // CONNECT, PUBLISH with quality of service 1 and PINGREQ at once, while the device is not registered.
    let connect = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07thing-1";
    let publish = b"\x32\x13\x00\x0edevice/thing-1\x00\x01x";
    wire.send(&[&connect[..], publish, b"\xc0\x00"].concat()).expect("an open connection");
    let mut answers = Vec::new();
    while answers.len() < 10 {
        let mut buffer = [0; 64];
        let read = wire.read(&mut buffer).expect("answers");
        answers.extend_from_slice(&buffer[..read]);
    }
    let (connack, puback, pingresp) = ([0x20, 2, 0, 0], [0x40, 2, 0, 1], [0xD0, 0]);
    let orders = [[&connack[..], &puback, &pingresp].concat(), [&connack[..], &pingresp, &puback].concat()];
    assert!(orders.contains(&answers), "{answers:02x?}");
}

#[test]
fn a_certificate_that_connects_many_times_at_once_is_registered_once() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let connected = std::thread::scope(|scope| {
        // All have the same client id: each may lose its connection to a later one, held or connected; the last is let in.
        let connect = || Device::connect(&server, &certificate, "thing-1").is_ok();
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(connect)).collect();
        clients.into_iter().filter_map(|client| client.join().ok()).filter(|connected| *connected).count()
    });
    assert!(connected >= 1, "{connected}");
    let api = server.api();
    assert_eq!(api.outcomes(&certificate.id), ["success"]);
    assert_eq!(api.principals("thing-1").len(), 1);
    assert_eq!((api.things().len(), api.certificates().len()), (1, 1));
}
