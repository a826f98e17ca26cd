use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use landfall_model::TopicName;

use super::parameter::{Filling, Parameter, Place, Read, fill_optional};
use super::payload::Payload;
use super::problem::{ActionProblem, Wrong};
use super::request::{ActionRequest, RepublishProperties, RepublishQos};
use super::role::check_role;
use crate::document::{Fields, InvalidTopicRule};
use crate::limits::{REPUBLISH_PROPERTY_BYTES_MAX, USER_PROPERTIES_MAX};
use crate::value::Value;

/// `republish`: publishes the payload to another topic (republish-rule-action).
#[derive(Debug)]
pub(super) struct RepublishAction {
    topic: Parameter<TopicName>,
    qos: RepublishQos,
    headers: Headers,
}

/// The properties of MQTT 5 (API_MqttHeaders).
#[derive(Debug, Default)]
struct Headers {
    payload_is_text: Option<Parameter<bool>>,
    content_type: Option<Parameter<Option<String>>>,
    response_topic: Option<Parameter<Option<TopicName>>>,
    correlation_data: Option<Parameter<Option<Bytes>>>,
    expires_after_s: Option<Parameter<Option<u32>>>,
    user_properties: Vec<(Parameter<String>, Parameter<String>)>,
}

impl RepublishAction {
    pub(super) const MEMBERS: &[&str] = &["roleArn", "topic", "qos", "headers"];

    pub(super) fn parse(fields: &Fields<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        check_role(fields)?;
        let headers = match fields.optional("headers") {
            Some(headers) => Headers::parse(fields.path_of("headers"), headers, place)?,
            None => Headers::default(),
        };
        Ok(Self { topic: parse_topic(fields, place)?, qos: parse_qos(fields)?, headers })
    }

    pub(super) fn request(&self, filling: Filling<'_, '_>) -> Result<ActionRequest, ActionProblem> {
        Ok(ActionRequest::Republish {
            topic: self.topic.fill(filling)?,
            qos: self.qos,
            properties: self.headers.fill(filling)?,
            payload: Payload::default(),
        })
    }
}

/// A reserved topic is written with two dollar signs, in the rule itself: a value of a message makes none.
fn parse_topic(fields: &Fields<'_>, place: Place<'_>) -> Result<Parameter<TopicName>, InvalidTopicRule> {
    let text = fields.required_text("topic")?;
    // The second dollar sign of `$${` is that of a template.
    let is_reserved = text.starts_with("$$") && !text.starts_with("$${");
    let read: Read<TopicName> = if is_reserved { read_reserved_topic } else { read_topic };
    Parameter::of_text(text, fields.path_of("topic"), place, read)
}

fn read_reserved_topic(text: &str) -> Result<TopicName, Wrong> {
    let topic = text.strip_prefix('$').unwrap_or(text);
    TopicName::parse(topic).map_err(|error| format!("a topic: {error}").into())
}

fn read_topic(text: &str) -> Result<TopicName, Wrong> {
    if text.starts_with('$') {
        return Err(
            "a topic that does not begin with $; a rule writes reserved topics with $$, as $$aws/…".into()
        );
    }
    TopicName::parse(text).map_err(|error| format!("a topic: {error}").into())
}

fn parse_qos(fields: &Fields<'_>) -> Result<RepublishQos, InvalidTopicRule> {
    match fields.optional("qos") {
        None => Ok(RepublishQos::default()),
        Some(Value::Numeral(number)) if number == "0" => Ok(RepublishQos::AtMostOnce),
        Some(Value::Numeral(number)) if number == "1" => Ok(RepublishQos::AtLeastOnce),
        Some(Value::Numeral(number)) => Err(fields.wrong("qos", number, "0 or 1")),
        Some(other) => Err(fields.wrong_type("qos", other, "0 or 1")),
    }
}

impl Headers {
    const MEMBERS: &[&str] = &[
        "payloadFormatIndicator",
        "contentType",
        "responseTopic",
        "correlationData",
        "messageExpiry",
        "userProperties",
    ];

    fn parse(path: String, value: &Value<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        let fields = &Fields::of(path, value, Self::MEMBERS)?;
        let mut user_properties = Vec::new();
        for (at, property) in fields.optional_array("userProperties", USER_PROPERTIES_MAX)?.iter().enumerate()
        {
            let path = format!("{}[{at}]", fields.path_of("userProperties"));
            let fields = Fields::of(path, property, &["key", "value"])?;
            let key = Parameter::required(&fields, "key", place, read_property)?;
            user_properties.push((key, Parameter::required(&fields, "value", place, read_property)?));
        }
        Ok(Self {
            payload_is_text: Parameter::optional(fields, "payloadFormatIndicator", place, read_format)?,
            content_type: Parameter::optional(fields, "contentType", place, |text| {
                or_nothing(text, read_property)
            })?,
            response_topic: Parameter::optional(fields, "responseTopic", place, |text| {
                or_nothing(text, read_response_topic)
            })?,
            correlation_data: Parameter::optional(fields, "correlationData", place, |text| {
                or_nothing(text, read_base64)
            })?,
            expires_after_s: Parameter::optional(fields, "messageExpiry", place, |text| {
                or_nothing(text, read_seconds)
            })?,
            user_properties,
        })
    }

    fn fill(&self, filling: Filling<'_, '_>) -> Result<RepublishProperties, ActionProblem> {
        let user_properties =
            self.user_properties.iter().map(|(key, value)| Ok((key.fill(filling)?, value.fill(filling)?)));
        Ok(RepublishProperties {
            payload_is_text: fill_optional(self.payload_is_text.as_ref(), filling)?.unwrap_or_default(),
            content_type: fill_optional(self.content_type.as_ref(), filling)?.flatten(),
            response_topic: fill_optional(self.response_topic.as_ref(), filling)?.flatten(),
            correlation_data: fill_optional(self.correlation_data.as_ref(), filling)?.flatten(),
            expires_after_s: fill_optional(self.expires_after_s.as_ref(), filling)?.flatten(),
            user_properties: user_properties.collect::<Result<_, ActionProblem>>()?,
        })
    }
}

/// A property that becomes nothing is left out: the message that a template looks at may have none.
fn or_nothing<T>(text: &str, read: fn(&str) -> Result<T, Wrong>) -> Result<Option<T>, Wrong> {
    if text.is_empty() { Ok(None) } else { read(text).map(Some) }
}

fn read_format(text: &str) -> Result<bool, Wrong> {
    match text {
        "UTF8_DATA" => Ok(true),
        "UNSPECIFIED_BYTES" | "" => Ok(false),
        _ => Err("UTF8_DATA or UNSPECIFIED_BYTES".into()),
    }
}

/// A string of MQTT without the characters that receivers may refuse [MQTT-1.5.4-2].
fn read_property(text: &str) -> Result<String, Wrong> {
    check_length(text)?;
    if text.chars().any(char::is_control) {
        return Err("text without control characters".into());
    }
    Ok(text.to_owned())
}

fn read_response_topic(text: &str) -> Result<TopicName, Wrong> {
    TopicName::parse(text).map_err(|error| format!("a topic: {error}").into())
}

fn read_base64(text: &str) -> Result<Bytes, Wrong> {
    check_length(text)?;
    match STANDARD.decode(text) {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err("base64 with its padding, as encode(…, 'base64') gives".into()),
    }
}

fn read_seconds(text: &str) -> Result<u32, Wrong> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| is_number);
    seconds.ok_or_else(|| format!("a whole number of seconds, at most {}", u32::MAX).into())
}

fn check_length(text: &str) -> Result<(), Wrong> {
    if text.len() > REPUBLISH_PROPERTY_BYTES_MAX {
        return Err(format!("at most {REPUBLISH_PROPERTY_BYTES_MAX} bytes").into());
    }
    Ok(())
}
