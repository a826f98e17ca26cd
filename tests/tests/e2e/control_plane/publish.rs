//! iot-data Publish, as subscribers hear it.

use landfall_mqtt::{ClientEvent, Message, PublishProperties, QoS};
use landfall_tests::{Came, Connect};

use super::{refusal, server, subscriber};

#[track_caller]
fn message(came: Came) -> Message {
    let Came::Event(ClientEvent::Message(message)) = came else {
        panic!("no message but {came:?}");
    };
    message
}

#[test]
fn a_message_that_is_published_over_http_arrives_with_its_properties() {
    let server = server();
    let mut device = subscriber(&server, &["lamp/#"], &Connect::v5());
    server.aws_json(&["iot-data", "publish", "--topic", "lamp/1", "--qos", "1", "--payload", "on"]);
    let plain = message(device.next());
    assert_eq!(
        (plain.topic.as_str(), &plain.payload[..], plain.qos),
        ("lamp/1", &b"on"[..], QoS::AtLeastOnce)
    );
    assert_eq!(plain.properties, None);

    let publish = [
        "iot-data",
        "publish",
        "--topic",
        "lamp/a b/é",
        "--payload",
        "{}",
        "--content-type",
        "application/json",
    ];
    let more = ["--response-topic", "lamp/answers", "--correlation-data", "AQI=", "--message-expiry", "60"];
    let user = [
        "--payload-format-indicator",
        "UTF8_DATA",
        "--user-properties",
        r#"[{"room":"cellar"},{"room":"attic"}]"#,
    ];
    server.aws_json(&[&publish[..], &more, &user].concat());
    let full = message(device.next());
    assert_eq!(
        (full.topic.as_str(), &full.payload[..], full.qos),
        ("lamp/a b/é", &b"{}"[..], QoS::AtMostOnce)
    );
    assert!(full.expires_at.is_some(), "it has an expiry");
    let properties = full.properties.as_deref().cloned().unwrap_or_default();
    let expected = PublishProperties {
        payload_is_text: true,
        content_type: Some("application/json".into()),
        response_topic: Some(landfall_model::TopicName::parse("lamp/answers").expect("a topic name")),
        correlation_data: Some(vec![1, 2].into()),
        user_properties: vec![("room".into(), "cellar".into()), ("room".into(), "attic".into())],
    };
    assert_eq!(properties, expected);
}

#[test]
fn a_message_that_is_refused_over_http_does_not_arrive() {
    let server = server();
    let mut device = subscriber(&server, &["#", "$aws/#"], &Connect::default());
    for topic in ["$aws/things/lamp/shadow/update", "$aws/events/thing/lamp/created", "lamp/+", ""] {
        let ran = server.aws(&["iot-data", "publish", "--topic", topic, "--payload", "x"]);
        // The CLI itself refuses an empty topic.
        if !topic.is_empty() {
            assert_eq!(refusal(ran).0, "InvalidRequestException", "{topic}");
        }
    }
    server.aws_json(&["iot-data", "publish", "--topic", "last", "--payload", "x"]);
    assert_eq!(device.message(), ("last".to_owned(), "x".to_owned(), QoS::AtMostOnce));
}
