//! Messages that are published over HTTP.

use std::sync::Arc;
use std::time::Duration;

use landfall_api::{HttpRequest, Service};
use landfall_model::TopicName;
use landfall_mqtt::{Message, PublishProperties, QoS};

use super::client::{Answer, credentials, send, signed};
use super::samples::Sample;
use super::world::World;

pub(super) fn samples() -> Vec<Sample> {
    vec![Sample::iot("Publish", "POST", "/topics/a%2Fb?qos=1", "payload").for_service(Service::IotData)]
}

fn message(topic: &str, payload: &'static [u8], qos: QoS) -> Message {
    Message::new(TopicName::parse(topic).unwrap(), payload.into(), qos)
}

async fn publish(world: &World, request: HttpRequest) -> Answer {
    send(world.address, &signed(request, "iotdata", &credentials())).await
}

#[tokio::test]
async fn a_message_goes_to_its_topic() {
    let world = World::start().await;
    for (target, body, expected) in [
        ("/topics/a", "", message("a", b"", QoS::AtMostOnce)),
        ("/topics/a%2Fb", "{\"a\": 1}", message("a/b", b"{\"a\": 1}", QoS::AtMostOnce)),
        ("/topics/a%2fb?qos=0", "x", message("a/b", b"x", QoS::AtMostOnce)),
        // As AWS's own HTTPS sample sends it, and people with curl.
        ("/topics/a/b/c?qos=1", "x", message("a/b/c", b"x", QoS::AtLeastOnce)),
        (
            "/topics/a%20b?qos=1&retain=false",
            "\u{0}\u{ff}",
            message("a b", "\u{0}\u{ff}".as_bytes(), QoS::AtLeastOnce),
        ),
    ] {
        let answer = publish(&world, world.request("POST", target, body)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{target}: {answer:?}");
        assert_eq!(world.published.take(), [(expected, None)], "{target}");
    }
}

#[tokio::test]
async fn the_properties_of_mqtt_5_travel_with_it() {
    let world = World::start().await;
    let request = world
        .request("POST", "/topics/a?contentType=text%2Fplain&responseTopic=b%2Fc&messageExpiry=60", "x")
        // [{"name":"value"},{"name":"other"}]
        .with_header("x-amz-mqtt5-user-properties", "W3sibmFtZSI6InZhbHVlIn0seyJuYW1lIjoib3RoZXIifV0=")
        .with_header("x-amz-mqtt5-payload-format-indicator", "UTF8_DATA")
        .with_header("x-amz-mqtt5-correlation-data", "AP8=");
    let answer = publish(&world, request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let properties = PublishProperties {
        payload_is_text: true,
        content_type: Some("text/plain".into()),
        response_topic: Some(TopicName::parse("b/c").unwrap()),
        correlation_data: Some(vec![0, 255].into()),
        user_properties: vec![("name".into(), "value".into()), ("name".into(), "other".into())],
    };
    let expected = Message { properties: Some(Arc::new(properties)), ..message("a", b"x", QoS::AtMostOnce) };
    assert_eq!(world.published.take(), [(expected, Some(Duration::from_secs(60)))]);
}

#[tokio::test]
async fn messages_of_basic_ingest_are_published() {
    let world = World::start().await;
    let answer = publish(&world, world.request("POST", "/topics/$aws/rules/r/a%2Fb", "x")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.published.take(), [(message("$aws/rules/r/a/b", b"x", QoS::AtMostOnce), None)]);
}

#[tokio::test]
async fn what_cannot_be_published_is_refused() {
    let world = World::start().await;
    let deep = format!("/topics/{}", ["a"; 9].join("%2F"));
    let long = format!("/topics/{}", "a".repeat(257));
    for (target, expected) in [
        (
            "/topics/$aws%2Fevents%2Fa",
            "the topic $aws/events/a begins with $: such topics are the server's own",
        ),
        ("/topics/$aws/events/a", "the topic $aws/events/a begins with $: such topics are the server's own"),
        ("/topics/%24SYS", "the topic $SYS begins with $: such topics are the server's own"),
        (
            "/topics/a%2F%23",
            "the topic name has the wildcard `#` at byte 2; only topic filters take wildcards",
        ),
        ("/topics/%2B", "the topic name has the wildcard `+` at byte 0; only topic filters take wildcards"),
        (&deep, "the topic has 9 levels; at most 8 are allowed here"),
        (&long, "the topic has 257 bytes; at most 256 are allowed"),
        ("/topics/a%00", "the topic has the null character at byte 1; it must have none"),
        (
            "/topics/a?responseTopic=%23",
            "responseTopic: the topic name has the wildcard `#` at byte 0; only topic filters take wildcards",
        ),
        ("/topics/a?contentType=a%00", "contentType has the null character, which MQTT cannot carry"),
        ("/topics/a?messageExpiry=-1", "messageExpiry is -1, expected 0 to 4294967295 seconds"),
    ] {
        let answer = publish(&world, world.request("POST", target, "x")).await.error();
        assert_eq!(answer, format!("400 InvalidRequestException: {expected}"), "{target}");
    }
    let answer = publish(&world, world.request("POST", "/topics/a?qos=2", "x")).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let answer = publish(&world, world.request("POST", "/topics/a?retain=true", "x")).await.error();
    let expected = "501 NotImplementedException: retain, keeping a message for later subscribers, is not implemented here yet";
    assert_eq!(answer, expected);
    assert_eq!(world.published.take(), []);
}

#[tokio::test]
async fn a_message_has_at_most_128_kib() {
    let world = World::start().await;
    let body = "x".repeat(128 * 1_024);
    let answer = publish(&world, world.request("POST", "/topics/a", &body)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.published.take().len(), 1);
    let answer = publish(&world, world.request("POST", "/topics/a", &format!("{body}x"))).await.error();
    assert_eq!(
        answer,
        "413 RequestEntityTooLargeException: the payload has 131073 bytes, and 131072 are the most"
    );
    assert_eq!(world.published.take(), []);
}
