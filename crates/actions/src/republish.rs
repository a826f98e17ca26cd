//! Rule action `republish`: publishes to another topic.

use std::sync::Arc;
use std::time::Duration;

use landfall_model::TopicName;
use landfall_mqtt::{Message, PublishProperties, QoS};
use landfall_rules::{Payload, RepublishProperties, RepublishQos};
use landfall_services::{MessagePublisher, REPUBLISH_DEPTH_MAX};

use crate::perform::Performed;

/// Publishes a message that comes out of a rule whose own message has come through `depth` rules before. One that has come
/// through too many is not published: a loop of rules is cut here.
pub(crate) async fn republish(
    publisher: &dyn MessagePublisher,
    topic: TopicName,
    qos: RepublishQos,
    properties: RepublishProperties,
    payload: Payload,
    depth: u8,
) -> Performed {
    if depth >= REPUBLISH_DEPTH_MAX {
        return Performed::Cut;
    }
    let expires_after = properties.expires_after_s.map(|seconds| Duration::from_secs(seconds.into()));
    let qos = match qos {
        RepublishQos::AtMostOnce => QoS::AtMostOnce,
        RepublishQos::AtLeastOnce => QoS::AtLeastOnce,
    };
    let mut message = Message::new(topic, payload.into_bytes(), qos);
    message.properties = publish_properties(properties).map(Arc::new);
    publisher.publish(message, expires_after, depth + 1).await;
    Performed::Done
}

/// The properties as the broker has them; none if there are none.
fn publish_properties(properties: RepublishProperties) -> Option<PublishProperties> {
    let RepublishProperties {
        payload_is_text,
        content_type,
        response_topic,
        correlation_data,
        expires_after_s: _,
        user_properties,
    } = properties;
    let converted = PublishProperties {
        payload_is_text,
        content_type: content_type.map(Into::into),
        response_topic,
        correlation_data,
        user_properties: user_properties
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
    };
    (converted != PublishProperties::default()).then_some(converted)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use landfall_services::memory::MemoryPublisher;

    use super::*;

    fn payload() -> Payload {
        Payload::from("{}".to_owned())
    }

    #[tokio::test]
    async fn what_is_published_has_the_properties_of_the_rule() {
        let publisher = MemoryPublisher::default();
        let topic = || TopicName::parse("b").unwrap();
        let properties = RepublishProperties {
            payload_is_text: true,
            content_type: Some("text/plain".to_owned()),
            response_topic: Some(topic()),
            correlation_data: Some(Bytes::from_static(b"7")),
            expires_after_s: Some(5),
            user_properties: vec![("k".to_owned(), "v".to_owned())],
        };
        let first = republish(&publisher, topic(), RepublishQos::AtLeastOnce, properties, payload(), 0).await;
        let plain = RepublishProperties::default();
        let second = republish(&publisher, topic(), RepublishQos::AtMostOnce, plain, payload(), 7).await;
        assert_eq!([first, second], [Performed::Done; 2]);

        let published = publisher.publications().all();
        let [first, second] = published.as_slice() else { panic!("{published:?}") };
        let expected = PublishProperties {
            payload_is_text: true,
            content_type: Some("text/plain".into()),
            response_topic: Some(topic()),
            correlation_data: Some(Bytes::from_static(b"7")),
            user_properties: vec![("k".into(), "v".into())],
        };
        assert_eq!(first.message.properties.as_deref(), Some(&expected));
        assert_eq!((first.message.qos, &first.message.payload[..]), (QoS::AtLeastOnce, &b"{}"[..]));
        assert_eq!((first.expires_after, first.republish_depth), (Some(Duration::from_secs(5)), 1));
        assert_eq!((&second.message.properties, second.message.qos), (&None, QoS::AtMostOnce));
        assert_eq!((second.expires_after, second.republish_depth), (None, 8));
    }

    #[tokio::test]
    async fn a_loop_of_rules_is_cut() {
        let publisher = MemoryPublisher::default();
        let properties = RepublishProperties::default();
        let topic = TopicName::parse("b").unwrap();
        let answer = republish(
            &publisher,
            topic,
            RepublishQos::AtMostOnce,
            properties,
            payload(),
            REPUBLISH_DEPTH_MAX,
        );
        assert_eq!(answer.await, Performed::Cut);
        assert!(publisher.publications().all().is_empty());
    }
}
