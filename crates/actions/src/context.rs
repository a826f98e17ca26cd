use std::cell::OnceCell;
use std::net::IpAddr;

use landfall_model::{AccountId, ClientId, UnixTime};
use landfall_mqtt::PublishProperties;
use landfall_rules::{Context, MqttProperties, PayloadFormat};
use landfall_services::{PublishedMessage, Publisher};

/// What the statements of rules can ask about a message that was published. It is put into their words when the first rule
/// asks.
pub(crate) struct MessageContext<'m> {
    now: UnixTime,
    account: &'m AccountId,
    publisher: Publisher<'m>,
    properties: Option<&'m PublishProperties>,
    converted: OnceCell<MqttProperties>,
    trace_id: OnceCell<String>,
}

impl<'m> MessageContext<'m> {
    pub(crate) fn new(published: &PublishedMessage<'m>, account: &'m AccountId, now: UnixTime) -> Self {
        Self {
            now,
            account,
            publisher: published.publisher,
            properties: published.message.properties.as_deref(),
            converted: OnceCell::new(),
            trace_id: OnceCell::new(),
        }
    }
}

impl Context for MessageContext<'_> {
    fn now(&self) -> UnixTime {
        self.now
    }

    fn random(&self) -> [u8; 16] {
        rand::random()
    }

    fn account_id(&self) -> &AccountId {
        self.account
    }

    fn client_id(&self) -> Option<&ClientId> {
        match self.publisher {
            Publisher::Client { client_id, .. } => Some(client_id),
            Publisher::Api | Publisher::Event(_) | Publisher::Rule { .. } => None,
        }
    }

    fn principal(&self) -> Option<String> {
        match self.publisher {
            Publisher::Client { certificate, .. } => Some(certificate.to_string()),
            Publisher::Api | Publisher::Event(_) | Publisher::Rule { .. } => None,
        }
    }

    fn trace_id(&self) -> Option<String> {
        self.client_id()?;
        Some(self.trace_id.get_or_init(|| uuid_text(self.random())).clone())
    }

    fn source_ip(&self) -> Option<IpAddr> {
        match self.publisher {
            Publisher::Client { address, .. } => Some(address),
            Publisher::Api | Publisher::Event(_) | Publisher::Rule { .. } => None,
        }
    }

    fn mqtt_properties(&self) -> Option<&MqttProperties> {
        let properties = self.properties?;
        Some(self.converted.get_or_init(|| convert(properties)))
    }
}

/// The bytes of a random UUID of version 4 (RFC 9562, section 5.4).
pub(crate) fn uuid_bytes(mut random: [u8; 16]) -> [u8; 16] {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    random
}

fn uuid_text(random: [u8; 16]) -> String {
    // Every id of the model is written as a UUID.
    landfall_model::DeliveryId::from_bytes(uuid_bytes(random)).to_string()
}

fn convert(properties: &PublishProperties) -> MqttProperties {
    let PublishProperties {
        payload_is_text,
        content_type,
        response_topic,
        correlation_data,
        user_properties,
    } = properties;
    let owned = |text: &str| text.to_owned();
    MqttProperties {
        payload_format: payload_is_text.then_some(PayloadFormat::Utf8),
        content_type: content_type.as_deref().map(owned),
        response_topic: response_topic.as_ref().map(|topic| owned(topic.as_str())),
        correlation_data: correlation_data.as_ref().map(|data| data.to_vec()),
        user_properties: user_properties.iter().map(|(name, value)| (owned(name), owned(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use landfall_model::{CertificateId, TopicName};
    use landfall_mqtt::{Message, QoS};
    use landfall_registry::EventId;

    use super::*;

    #[test]
    fn only_a_message_of_a_client_has_a_client() {
        let account = AccountId::parse("000000000000").unwrap();
        let message = Message::new(TopicName::parse("a").unwrap(), Bytes::new(), QoS::AtMostOnce);
        let client_id = ClientId::parse("c").unwrap();
        let certificate = CertificateId::from_sha256([7; 32]);
        let address = IpAddr::from([127, 0, 0, 1]);
        let client = Publisher::Client { client_id: &client_id, certificate, address };
        for (publisher, is_client) in [
            (client, true),
            (Publisher::Api, false),
            (Publisher::Event(EventId::new(1)), false),
            (Publisher::Rule { depth: 1 }, false),
        ] {
            let published = PublishedMessage { message: &message, publisher };
            let context = MessageContext::new(&published, &account, UnixTime::from_secs(5));
            assert_eq!(context.client_id(), is_client.then_some(&client_id));
            assert_eq!(context.principal(), is_client.then(|| "07".repeat(32)));
            assert_eq!(context.source_ip(), is_client.then_some(address));
            let trace_id = context.trace_id();
            assert_eq!(trace_id.as_ref().map(String::len), is_client.then_some(36));
            assert_eq!(trace_id, context.trace_id(), "it stays the same for all rules");
            assert_eq!((context.mqtt_properties(), context.now().as_secs()), (None, 5));
            assert_ne!(context.random(), context.random());
        }
    }

    #[test]
    fn properties_are_those_of_the_message() {
        let account = AccountId::parse("000000000000").unwrap();
        let topic = TopicName::parse("a").unwrap();
        let mut message = Message::new(topic.clone(), Bytes::new(), QoS::AtMostOnce);
        message.properties = Some(Arc::new(PublishProperties {
            payload_is_text: true,
            content_type: Some("text/plain".into()),
            response_topic: Some(topic),
            correlation_data: Some(Bytes::from_static(b"7")),
            user_properties: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
        }));
        let published = PublishedMessage { message: &message, publisher: Publisher::Api };
        let context = MessageContext::new(&published, &account, UnixTime::from_secs(5));
        let expected = MqttProperties {
            payload_format: Some(PayloadFormat::Utf8),
            content_type: Some("text/plain".to_owned()),
            response_topic: Some("a".to_owned()),
            correlation_data: Some(b"7".to_vec()),
            user_properties: [("k", "v"), ("k", "w")].map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
        };
        assert_eq!(context.mqtt_properties(), Some(&expected));
    }
}
