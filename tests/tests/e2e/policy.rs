//! What a device may do once it is in, as seen on the wire.

mod changes;
mod hostile;
mod live;
mod revocation;
mod rights;
mod world;

use landfall_mqtt::{ClientEvent, QoS, ReasonCode};
use landfall_tests::{Ca, Came, Connect, Device, DeviceCertificate, DeviceRequest, Landfall, Refused};

/// A device of the default policy, connected as its thing.
#[track_caller]
fn device(server: &Landfall, certificate: &DeviceCertificate, client_id: &str, connect: &Connect) -> Device {
    let device = Device::connect_with(server, certificate, client_id, connect);
    device.unwrap_or_else(|refused| panic!("{client_id} is refused: {refused:?}"))
}

/// A Greengrass device of this serial number, whose common name is `core` unless it is said otherwise.
fn greengrass(ca: &Ca, serial: &str, common_name: &str) -> DeviceCertificate {
    ca.issue(&DeviceRequest::quick(serial).field("title", "greengrass").field("CN", common_name))
}

#[track_caller]
fn disconnected(device: &mut Device) -> ReasonCode {
    let came = device.next();
    let Came::Event(ClientEvent::Disconnected { reason, .. }) = came else {
        panic!("no DISCONNECT but {came:?}");
    };
    assert_eq!(device.next(), Came::Closed);
    reason
}

#[test]
fn a_device_connects_as_its_own_thing_only() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    device(&server, &certificate, "thing-1", &Connect::default()).leave();
    for wrong in ["thing-2", "thing-1-extra", "THING-1", "example-thing", "*", "thing-+", "${iot:ClientId}"] {
        let refused = Device::connect(&server, &certificate, wrong).err();
        assert_eq!(refused, Some(Refused::Closed), "{wrong}: MQTT 3.1.1");
        let refused = Device::connect_with(&server, &certificate, wrong, &Connect::v5()).err();
        assert_eq!(refused, Some(Refused::Connack(ReasonCode::NotAuthorized)), "{wrong}: MQTT 5");
    }
    device(&server, &certificate, "thing-1", &Connect::default()).leave();
}

#[test]
fn the_first_connection_is_held_to_the_policy_too() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let refused = Device::connect(&server, &certificate, "thing-2").err();
    assert_eq!(refused, Some(Refused::Closed));
    // Registered it is: its certificate is good.
    assert_eq!(server.api().outcomes(&certificate.id), ["success"]);
}

#[test]
fn a_publication_on_another_devices_topic_is_refused() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    for topic in
        ["device/thing-2", "device/thing-1-extra", "device", "$aws/things/thing-1/shadow/update", "a"]
    {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
            let mut old = device(&server, &certificate, "thing-1", &Connect::default());
            match qos {
                QoS::AtMostOnce => old.publish(topic, "x"),
                QoS::AtLeastOnce | QoS::ExactlyOnce => drop(old.publish_qos1(topic, "x")),
            }
            assert_eq!(old.next(), Came::Closed, "{topic}: MQTT 3.1.1 has no other answer");
        }
        let mut new = device(&server, &certificate, "thing-1", &Connect::v5());
        let sent = new.publish_qos1(topic, "x");
        assert_eq!(new.puback(sent), ReasonCode::NotAuthorized, "{topic}");
        let sent = new.publish_qos1("device/thing-1", "x");
        assert!(!new.puback(sent).is_failure(), "the connection goes on after a refused PUBLISH");
        new.publish(topic, "x");
        assert_eq!(disconnected(&mut new), ReasonCode::NotAuthorized, "{topic}: QoS 0 has no PUBACK");
    }
}

#[test]
fn a_subscription_to_what_is_not_allowed_is_refused_and_the_connection_goes_on() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let mut old = device(&server, &certificate, "thing-1", &Connect::default());
    for filter in ["#", "+/thing-1", "device/#", "device/+", "device/thing-2", "$aws/#", "$aws/events/#"] {
        assert_eq!(old.subscribe(filter, QoS::AtLeastOnce).value(), 0x80, "{filter}");
    }
    assert_eq!(old.subscribe("device/thing-1", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    old.leave();
    let mut new = device(&server, &certificate, "thing-1", &Connect::v5());
    for filter in ["#", "+/thing-1", "device/#", "device/+", "device/thing-2", "$aws/#", "$aws/events/#"] {
        assert_eq!(new.subscribe(filter, QoS::AtLeastOnce), ReasonCode::NotAuthorized, "{filter}");
    }
    assert_eq!(new.subscribe("device/thing-1/#", QoS::AtMostOnce), ReasonCode::Success);
}

#[test]
fn a_device_hears_itself_with_both_qualities_of_service() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    for connect in [Connect::default(), Connect::v5()] {
        for (granted, expected) in
            [(ReasonCode::Success, QoS::AtMostOnce), (ReasonCode::GrantedQoS1, QoS::AtLeastOnce)]
        {
            let mut own = device(&server, &certificate, "thing-1", &connect);
            assert_eq!(own.subscribe("device/thing-1/#", expected), granted);
            own.publish("device/thing-1/a", "zero");
            assert_eq!(own.message(), ("device/thing-1/a".to_owned(), "zero".to_owned(), QoS::AtMostOnce));
            let sent = own.publish_qos1("device/thing-1/b", "one");
            // PUBACK and the message may come in either order.
            let came = [own.next(), own.next()];
            let acknowledged = came.iter().any(|came| {
                matches!(came, Came::Event(ClientEvent::PubAck { packet_id, .. }) if *packet_id == sent)
            });
            let message = came.iter().find_map(|came| match came {
                Came::Event(ClientEvent::Message(message)) => Some((message.topic.as_str(), message.qos)),
                Came::Event(_) | Came::Closed | Came::Reset | Came::Alert(_) | Came::Nothing => None,
            });
            assert!(acknowledged, "{came:?}");
            assert_eq!(message, Some(("device/thing-1/b", expected)), "{came:?}");
            own.leave();
        }
    }
}

#[test]
fn messages_pass_between_devices_where_both_policies_allow_it_and_nowhere_else() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    // Two Greengrass devices of one core share its topics; a third has a core of its own.
    let (first, second) = (greengrass(&ca, "1", "core"), greengrass(&ca, "2", "core"));
    let third = greengrass(&ca, "3", "other");
    let mut sender = device(&server, &first, "core-1", &Connect::default());
    let mut receiver = device(&server, &second, "core-2", &Connect::v5());
    let mut outsider = device(&server, &third, "other", &Connect::default());
    assert_eq!(receiver.subscribe("greengrass/core/#", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    assert_eq!(outsider.subscribe("greengrass/core/#", QoS::AtLeastOnce).value(), 0x80);
    assert_eq!(outsider.subscribe("greengrass/other/#", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);

    let sent = sender.publish_qos1("greengrass/core/a", "one");
    assert!(!sender.puback(sent).is_failure());
    sender.publish("greengrass/core/b/c", "zero");
    let message = |topic: &str, payload: &str, qos| (topic.to_owned(), payload.to_owned(), qos);
    assert_eq!(receiver.message(), message("greengrass/core/a", "one", QoS::AtLeastOnce));
    assert_eq!(receiver.message(), message("greengrass/core/b/c", "zero", QoS::AtMostOnce));
    // What the outsider hears first is its own message: nothing of the others came before.
    outsider.publish("greengrass/other/a", "own");
    assert_eq!(outsider.message(), message("greengrass/other/a", "own", QoS::AtMostOnce));
}

#[test]
fn a_client_id_that_connects_again_takes_over() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let mut first = device(&server, &certificate, "thing-1", &Connect::v5());
    let mut second = device(&server, &certificate, "thing-1", &Connect::default());
    assert_eq!(disconnected(&mut first), ReasonCode::SessionTakenOver);
    let mut third = device(&server, &certificate, "thing-1", &Connect::v5());
    assert_eq!(second.next(), Came::Closed);
    let sent = third.publish_qos1("device/thing-1", "x");
    assert!(!third.puback(sent).is_failure());
}

#[test]
fn a_client_id_of_the_servers_choice_is_for_the_policy_to_allow() {
    let server = Landfall::start();
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    device(&server, &certificate, "thing-1", &Connect::default()).leave();
    // No policy of ours allows a random client id.
    let refused = Device::connect_anonymously(&server, &certificate, &Connect::v5()).err();
    assert_eq!(refused, Some(Refused::Connack(ReasonCode::NotAuthorized)));
}
