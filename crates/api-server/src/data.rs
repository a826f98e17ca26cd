use std::sync::Arc;
use std::time::Duration;

use landfall_api::data::{PublishProperties, PublishRequest, PublishResponse};
use landfall_api::{ApiError, ErrorCode, OperationKey, WireBlob};
use landfall_model::TopicName;
use landfall_mqtt::{Message, PublishProperties as MessageProperties, QoS};
use landfall_rules::BasicIngest;

use crate::failure::{Failure, invalid, not_built};
use crate::handler::{Context, Handle, Handler, handler};

/// The most bytes that a message may have (128 KiB), as at AWS and in the broker.
pub const PAYLOAD_BYTES_MAX: usize = 128 * 1024;

/// The operations of messages.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![handler::<PublishRequest>()]
}

impl Handle for PublishRequest {
    async fn handle(self, context: &Context<'_>) -> Result<PublishResponse, Failure> {
        let properties = self.properties()?;
        let Self {
            topic,
            qos,
            retain,
            payload,
            // These have been read as the properties.
            user_properties: _,
            payload_format_indicator: _,
            content_type: _,
            response_topic: _,
            correlation_data: _,
            message_expiry: _,
        } = self;
        if retain == Some(true) {
            return Err(not_built("retain, keeping a message for later subscribers,").into());
        }
        let topic = TopicName::parse(&topic).map_err(invalid)?;
        // What invokes a rule is for everybody, as over MQTT.
        if topic.is_reserved() && BasicIngest::parse(&topic).is_none() {
            let message = format!("the topic {topic} begins with $: such topics are the server's own");
            return Err(invalid(message).into());
        }
        let payload = payload.map(WireBlob::into_bytes).unwrap_or_default();
        if payload.len() > PAYLOAD_BYTES_MAX {
            let found = payload.len();
            let message = format!("the payload has {found} bytes, and {PAYLOAD_BYTES_MAX} are the most");
            return Err(ApiError::new(ErrorCode::RequestEntityTooLarge, message).into());
        }
        let expires_after =
            properties.message_expiry_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let mut message = Message::new(topic, payload.into(), level(qos.unwrap_or(0))?);
        message.properties = carried(properties)?.map(Arc::new);
        context.app.publisher.publish(message, expires_after, 0).await;
        Ok(PublishResponse {})
    }
}

fn level(qos: i32) -> Result<QoS, ApiError> {
    match qos {
        0 => Ok(QoS::AtMostOnce),
        1 => Ok(QoS::AtLeastOnce),
        other => Err(invalid(format!("qos is {other}; it can be 0 or 1"))),
    }
}

/// The properties that travel with the message; none when there are none.
fn carried(properties: PublishProperties) -> Result<Option<MessageProperties>, ApiError> {
    let PublishProperties {
        user_properties,
        payload_is_utf8,
        content_type,
        response_topic,
        correlation_data,
        // The publisher turns this into a moment.
        message_expiry_seconds: _,
    } = properties;
    let mut pairs = Vec::with_capacity(user_properties.len());
    for (name, value) in user_properties {
        pairs.push((mqtt_text("userProperties", name)?, mqtt_text("userProperties", value)?));
    }
    let response_topic = response_topic.as_deref().map(TopicName::parse).transpose();
    let carried = MessageProperties {
        payload_is_text: payload_is_utf8,
        content_type: content_type.map(|text| mqtt_text("contentType", text)).transpose()?,
        response_topic: response_topic.map_err(|error| invalid(format!("responseTopic: {error}")))?,
        correlation_data: correlation_data.map(Into::into),
        user_properties: pairs,
    };
    Ok((carried != MessageProperties::default()).then_some(carried))
}

/// A text that MQTT can carry: a client that gets the null character closes its connection [MQTT-1.5.4-2].
fn mqtt_text(member: &str, text: String) -> Result<Box<str>, ApiError> {
    if text.contains('\0') {
        return Err(invalid(format!("{member} has the null character, which MQTT cannot carry")));
    }
    Ok(text.into())
}
