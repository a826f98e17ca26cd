//! Functions of the message, who sent it, and where to; and what is new each time.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Invocation;
use crate::context::{MqttProperties, PayloadFormat};
use crate::evaluation::{Answer, Evaluated};
use crate::number::Number;
use crate::value::{Array, Object, Value};

/// What `clientid()` is for a message that was not sent by MQTT.
const NO_CLIENT: &str = "n/a";

fn text_or_undefined<'v>(text: Option<String>) -> Answer<'v> {
    Ok(text.map_or(Value::Undefined, |text| Value::Text(text.into())).into())
}

pub(super) fn accountid(call: Invocation<'_>) -> Answer<'_> {
    text_or_undefined(Some(call.evaluator.context.account_id().to_string()))
}

pub(super) fn clientid(call: Invocation<'_>) -> Answer<'_> {
    let client = call.evaluator.context.client_id().map_or(NO_CLIENT, |client| client.as_str());
    text_or_undefined(Some(client.to_owned()))
}

pub(super) fn principal(call: Invocation<'_>) -> Answer<'_> {
    text_or_undefined(call.evaluator.context.principal())
}

pub(super) fn traceid(call: Invocation<'_>) -> Answer<'_> {
    text_or_undefined(call.evaluator.context.trace_id())
}

pub(super) fn sourceip(call: Invocation<'_>) -> Answer<'_> {
    text_or_undefined(call.evaluator.context.source_ip().map(|address| address.to_string()))
}

pub(super) fn sql_version(call: Invocation<'_>) -> Answer<'_> {
    text_or_undefined(Some(call.evaluator.version.as_str().to_owned()))
}

pub(super) fn timestamp(call: Invocation<'_>) -> Answer<'_> {
    Ok(Value::Number(Number::from_i64(call.evaluator.context.now().as_millis())).into())
}

/// A number from 0 up to 1, with the 53 bits that a double has.
pub(super) fn rand(call: Invocation<'_>) -> Answer<'_> {
    let [a, b, c, d, e, f, g, ..] = call.evaluator.context.random();
    let bits = u64::from_be_bytes([0, a, b, c, d, e, f, g]) >> 3;
    let unit = (bits as f64) / ((1_u64 << 53) as f64);
    Ok(Value::number(Number::from_double(unit)).into())
}

/// A UUID of version 4 [RFC 9562, 5.4].
pub(super) fn newuuid(call: Invocation<'_>) -> Answer<'_> {
    let mut bytes = call.evaluator.context.random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut uuid = hex::encode(bytes);
    for dash in [8, 13, 18, 23] {
        uuid.insert(dash, '-');
    }
    text_or_undefined(Some(uuid))
}

pub(super) fn topic(call: Invocation<'_>) -> Answer<'_> {
    let topic = call.evaluator.topic;
    if call.arguments.is_empty() {
        return Ok(Value::text(topic).into());
    }
    let level = call.number(0).and_then(|number| usize::try_from(number.floor()?).ok());
    let level = level.and_then(|level| topic.split('/').nth(level.checked_sub(1)?));
    Ok(level.map_or(Value::Undefined, Value::text).into())
}

pub(super) fn get_mqtt_property(call: Invocation<'_>) -> Answer<'_> {
    let (Some(properties), Value::Text(name)) = (call.evaluator.context.mqtt_properties(), call.argument(0))
    else {
        return Ok(Evaluated::UNDEFINED);
    };
    let MqttProperties { payload_format, content_type, response_topic, correlation_data, user_properties: _ } =
        properties;
    text_or_undefined(match name.as_ref() {
        "format_indicator" => payload_format.map(|format| match format {
            PayloadFormat::Unspecified => "UNSPECIFIED_BYTES".to_owned(),
            PayloadFormat::Utf8 => "UTF8_DATA".to_owned(),
        }),
        "content_type" => content_type.clone(),
        "response_topic" => response_topic.clone(),
        "correlation_data" => correlation_data.as_ref().map(|data| STANDARD.encode(data)),
        _ => None,
    })
}

/// The values of one name; without a name, all names and values, each an object of its own as a name can be there twice.
pub(super) fn get_user_properties(call: Invocation<'_>) -> Answer<'_> {
    let Some(properties) = call.evaluator.context.mqtt_properties() else {
        return Ok(Evaluated::UNDEFINED);
    };
    let mut found = Array::default();
    for (name, value) in &properties.user_properties {
        call.evaluator.work.charge(name.len() + value.len())?;
        let value = Value::text(value.as_str());
        match call.arguments.first().map(|argument| &**argument) {
            None => {
                let mut object = Object::default();
                object.set(Cow::Borrowed(name), value);
                found.push(Value::Object(object));
            }
            Some(Value::Text(wanted)) if wanted == name => found.push(value),
            Some(_) => {}
        }
    }
    if found.items().is_empty() {
        return Ok(Evaluated::UNDEFINED);
    }
    Ok(Value::Array(found).into())
}
