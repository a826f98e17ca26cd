//! The limits of a connection, each reached by a client that goes past it.

use std::io::Read as _;
use std::thread;
use std::time::Duration;

use landfall_mqtt::{ClientEvent, QoS, ReasonCode};
use landfall_tests::{
    Ca, Came, Connect, DEADLINE, Device, DeviceCertificate, DeviceRequest, Landfall, Ran, Tls, Wire, now,
    program, run, tcp,
};

/// How long the server may take to notice that a time is up.
const SLACK: Duration = Duration::from_secs(5);

/// Checks that something takes this time.
#[track_caller]
fn takes(expected: Duration, what: &str, action: impl FnOnce()) {
    let began = now();
    action();
    let took = began.elapsed();
    assert!(took > expected.saturating_sub(Duration::from_millis(100)), "{what}: after {took:?} already");
    assert!(took < expected + SLACK, "{what}: after {took:?} only");
}

/// A device that is in, on a server of its own.
fn connected(connect: &Connect) -> (Landfall, DeviceCertificate, Device) {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let device = Device::connect_with(&server, &certificate, "thing-1", connect).expect("a good device");
    (server, certificate, device)
}

/// Takes the end of a connection of MQTT 5: DISCONNECT with its reason, then the close.
#[track_caller]
fn disconnected(device: &mut Device) -> ReasonCode {
    let came = device.next();
    let Came::Event(ClientEvent::Disconnected { reason, .. }) = came else {
        panic!("no DISCONNECT but {came:?}");
    };
    assert_eq!(device.next(), Came::Closed);
    reason
}

/// PUBLISH with quality of service 0 in the form of MQTT 3.1.1, or of MQTT 5 without properties.
fn publish(topic: &str, is_v5: bool) -> Vec<u8> {
    let length = u8::try_from(topic.len()).expect("a short topic");
    let properties: &[u8] = if is_v5 { &[0] } else { &[] };
    let head = [0x30, length + 3 + u8::from(is_v5), 0, length];
    [&head, topic.as_bytes(), properties, b"x"].concat()
}

// One test for all that takes its time by the clock: the clients wait side by side.
#[test]
fn a_client_that_is_silent_or_slow_is_cut_off_when_its_time_is_up() {
    const HANDSHAKE: Duration = Duration::from_secs(10);
    const CONNECT: Duration = Duration::from_secs(10);
    const KEEP_ALIVE: u16 = 30;
    let keep_alive_and_a_half = Duration::from_secs(45);
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    let [silent, old, new, lively] =
        ["silent", "old", "new", "lively"].map(|serial| ca.issue(&DeviceRequest::quick(serial)));
    let connect = |certificate: &DeviceCertificate, client_id: &str, connect: Connect| {
        let connect = Connect { keep_alive: KEEP_ALIVE, ..connect };
        let mut device =
            Device::connect_with(&server, certificate, client_id, &connect).expect("a good device");
        device.patience(Duration::from_secs(60));
        device
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = tcp(server.mqtt());
            takes(HANDSHAKE, "no byte of TLS", || {
                assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)))
            });
        });
        scope.spawn(|| {
            let mut wire = Wire::open(&server, &silent, Tls::V13).expect("a handshake");
            takes(CONNECT, "no CONNECT", || assert_eq!(wire.read_to_end(), (vec![], Came::Closed)));
        });
        scope.spawn(|| {
            let mut wire = Wire::open(&server, &silent, Tls::V12).expect("a handshake");
            // A byte a second, of a CONNECT that has 100 of them.
            wire.patience(Duration::from_secs(1));
            takes(CONNECT, "a slow CONNECT", || {
                let connect =
                    [b"\x10\x62\x00\x04MQTT\x04\x02\x00\x3c\x00\x56".to_vec(), vec![b'x'; 86]].concat();
                let mut bytes = connect.iter().map(|byte| {
                    let _ = wire.send(&[*byte]);
                    wire.read(&mut [0; 64])
                });
                let ended = bytes.find(|read| *read != Err(Came::Nothing));
                assert!(matches!(ended, Some(Err(Came::Closed | Came::Reset))), "{ended:?}");
            });
        });
        scope.spawn(|| {
            let mut device = connect(&old, "thing-old", Connect::default());
            takes(keep_alive_and_a_half, "MQTT 3.1.1", || assert_eq!(device.next(), Came::Closed));
        });
        scope.spawn(|| {
            let mut device = connect(&new, "thing-new", Connect::v5());
            takes(keep_alive_and_a_half, "MQTT 5", || {
                assert_eq!(disconnected(&mut device), ReasonCode::KeepAliveTimeout);
            });
        });
        scope.spawn(|| {
            let mut device = connect(&lively, "thing-lively", Connect::default());
            device.patience(Duration::from_secs(23));
            // Twice 23 seconds is past the limit, but for the PINGREQ in between.
            assert_eq!(device.next(), Came::Nothing);
            device.ping();
            assert_eq!(device.next(), Came::Nothing);
            let sent = device.publish_qos1("device/thing-lively", "x");
            assert!(!device.puback(sent).is_failure());
        });
    });
}

#[test]
fn a_packet_of_more_than_128_kib_ends_the_connection_before_it_has_arrived() {
    // The fixed header of a PUBLISH whose length is 129 KiB.
    const HEAD: &[u8] = &[0x30, 0x80, 0x88, 0x08];
    let (_server, _, mut device) = connected(&Connect::default());
    device.wire().send(HEAD).expect("an open connection");
    assert_eq!(device.next(), Came::Closed);
    let (_server, _, mut device) = connected(&Connect::v5());
    device.wire().send(HEAD).expect("an open connection");
    assert_eq!(disconnected(&mut device), ReasonCode::PacketTooLarge);
}

#[test]
fn a_packet_of_just_128_kib_passes_and_is_delivered() {
    let (_server, _, mut device) = connected(&Connect::default());
    assert_eq!(device.subscribe("device/thing-1", QoS::AtMostOnce), ReasonCode::Success);
    // Fixed header 4 bytes, topic 2 + 14 bytes.
    let payload = "x".repeat(128 * 1024 - 4 - 2 - "device/thing-1".len());
    device.publish("device/thing-1", &payload);
    assert_eq!(device.message().1.len(), payload.len());
}

#[test]
fn a_first_packet_of_more_than_128_kib_is_closed_too() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let mut wire = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    wire.send(b"\x10\x80\x88\x08\x00\x04MQTT\x04\x02\x00\x3c").expect("an open connection");
    assert_eq!(wire.read_to_end(), (vec![], Came::Closed));
    assert_eq!(server.api().status(&certificate.id), None);
}

#[test]
fn a_first_packet_that_is_no_connect_is_closed() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    // PINGREQ, PUBLISH, HTTP, CONNECT of another protocol, and a CONNECT without one.
    for bytes in [
        &b"\xc0\x00"[..],
        &publish("device/thing-1", false),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\x10\x00\x04AMQP\x04\x02\x00\x3c\x00\x04abcd",
        b"\x10\x02\x00\x00",
    ] {
        let mut wire = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
        wire.send(bytes).expect("an open connection");
        assert_eq!(wire.read_to_end(), (vec![], Came::Closed), "{bytes:?}");
    }
    // A client of MQTT 3 or 6 is told that its version is not spoken here [MQTT-3.1.2-2].
    for (level, connack) in [(3, &[0x20, 2, 0, 1][..]), (6, &[0x20, 3, 0, 0x84, 0])] {
        let mut wire = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
        let connect = [&b"\x10\x10\x00\x04MQTT"[..], &[level], b"\x02\x00\x3c\x00\x04abcd"].concat();
        wire.send(&connect).expect("an open connection");
        assert_eq!(wire.read_to_end(), (connack.to_vec(), Came::Closed), "protocol level {level}");
    }
    assert_eq!(server.api().status(&certificate.id), None, "no CONNECT, no registration");
}

#[test]
fn the_fifty_first_subscription_is_refused_and_the_connection_goes_on() {
    for (connect, expected) in [(Connect::default(), 0x80), (Connect::v5(), 0x97)] {
        let (_server, _, mut device) = connected(&connect);
        for number in 0..50 {
            let granted = device.subscribe(&format!("device/thing-1/{number}"), QoS::AtLeastOnce);
            assert_eq!(granted, ReasonCode::GrantedQoS1, "{number}");
        }
        assert_eq!(device.subscribe("device/thing-1/50", QoS::AtLeastOnce).value(), expected);
        // One that is there already takes no further place, and one that is given up gives a place.
        assert_eq!(device.subscribe("device/thing-1/0", QoS::AtMostOnce), ReasonCode::Success);
        device.unsubscribe("device/thing-1/0");
        assert_eq!(device.subscribe("device/thing-1/50", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    }
}

#[test]
fn a_topic_of_more_than_eight_levels_ends_the_connection() {
    let (deepest, too_deep) = ("device/thing-1/3/4/5/6/7/8", "device/thing-1/3/4/5/6/7/8/9");
    let (server, certificate, mut device) = connected(&Connect::default());
    assert_eq!(device.subscribe("device/thing-1/#", QoS::AtMostOnce), ReasonCode::Success);
    device.wire().send(&publish(deepest, false)).expect("an open connection");
    assert_eq!(device.message().0, deepest);
    device.wire().send(&publish(too_deep, false)).expect("an open connection");
    assert_eq!(device.next(), Came::Closed);

    let mut device =
        Device::connect_with(&server, &certificate, "thing-1", &Connect::v5()).expect("a good device");
    device.wire().send(&publish(too_deep, true)).expect("an open connection");
    assert_eq!(disconnected(&mut device), ReasonCode::TopicNameInvalid);

    let mut device =
        Device::connect_with(&server, &certificate, "thing-1", &Connect::v5()).expect("a good device");
    let length = u8::try_from(too_deep.len()).expect("a short topic");
    let subscribe = [&[0x82, length + 6, 0, 1, 0, 0, length], too_deep.as_bytes(), &[0]].concat();
    device.wire().send(&subscribe).expect("an open connection");
    assert_eq!(disconnected(&mut device), ReasonCode::TopicFilterInvalid);
}

#[test]
fn what_is_not_built_is_refused_where_the_protocol_lets_a_server_refuse() {
    let (server, certificate, device) = connected(&Connect::default());
    device.leave();
    let mosquitto_pub = |arguments: &[&str]| -> Ran {
        let mut command = program("mosquitto_pub");
        command.arg("--cafile").arg(server.server_ca()).arg("--cert").arg(&certificate.chain);
        command.arg("--key").arg(&certificate.key).args(["-i", "thing-1", "-t", "device/thing-1", "-m", "x"]);
        command.args(["-h", "localhost", "-p", &server.mqtt().port().to_string()]).args(arguments);
        run(&mut command, "", DEADLINE)
    };
    let will = ["--will-topic", "device/thing-1", "--will-payload", "gone"];
    for (what, arguments) in [
        ("a will", &will[..]),
        ("a will of MQTT 5", &[&["-V", "mqttv5"], &will[..]].concat()),
        ("QoS 2", &["-q", "2"]),
    ] {
        let ran = mosquitto_pub(arguments);
        assert!(!ran.success(), "{what}: {ran}");
    }
    // MQTT 3.1.1 has no word against these: the message goes through, and the session is a clean one.
    for (what, arguments) in
        [("a retained message", ["-q", "1", "-r"]), ("a persistent session", ["-q", "1", "-c"])]
    {
        let ran = mosquitto_pub(&arguments);
        assert!(ran.success(), "{what}: {ran}");
    }
    // MQTT 5 has: a PUBLISH that asks to be retained, and one of quality of service 2, with packet identifier 1.
    let plain = publish("device/thing-1", true);
    let retained = [&[0x31], &plain[1..]].concat();
    let id_at = plain.len() - 2;
    let qos_2 = [&[0x34, plain[1] + 2], &plain[2..id_at], &[0, 1], &plain[id_at..]].concat();
    for (bytes, expected) in
        [(retained, ReasonCode::RetainNotSupported), (qos_2, ReasonCode::QoSNotSupported)]
    {
        let device = Device::connect_with(&server, &certificate, "thing-1", &Connect::v5());
        let mut device = device.expect("a good device");
        device.wire().send(&bytes).expect("an open connection");
        assert_eq!(disconnected(&mut device), expected);
    }
}
