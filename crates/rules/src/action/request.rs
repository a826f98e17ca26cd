use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use landfall_model::TopicName;
use serde::{Deserialize, Serialize};

use super::attribute_value::{AttributeValue, attribute_of, item_of};
use super::http::set_content_type;
use super::kind::ActionKind;
use super::payload::{Payload, RulePayload, optional_base64_text};
use super::problem::PayloadProblem;
use super::{lambda, sqs};
use crate::json;
use crate::rule::PayloadKind;
use crate::value::Value;

/// What an action of a rule asks for, for one message: nothing is left to be filled in.
///
/// Its stored form, which the deliveries of the registry have, is JSON: an object of one member, named as the action is in a
/// rule. Values were read as what they are for when the request was made, and those that have a type of their own are read
/// again when it is loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ActionRequest {
    /// Invoke a function with a JSON event.
    #[serde(rename = "lambda")]
    Lambda {
        /// The function: an ARN of Lambda, of whatever account and region.
        function_arn: String,
        /// The event, which is JSON.
        payload: Payload,
    },
    /// Post to a destination.
    #[serde(rename = "http")]
    Http {
        /// Where to: an absolute URL of http or https. It begins with `confirmation_url` and has its host and port.
        url: String,
        /// The URL of the destination that must be confirmed.
        confirmation_url: String,
        /// Names and values of headers, `content-type` among them. Values are visible ASCII characters, spaces and tabs.
        headers: Vec<(String, String)>,
        /// The body.
        payload: Payload,
    },
    /// Publish to a topic.
    #[serde(rename = "republish")]
    Republish {
        /// The topic.
        #[serde(with = "topic_text")]
        topic: TopicName,
        /// The quality of service.
        qos: RepublishQos,
        /// The properties of MQTT 5.
        properties: RepublishProperties,
        /// What to publish.
        payload: Payload,
    },
    /// Send a message to a queue.
    #[serde(rename = "sqs")]
    Sqs {
        /// The URL of the queue.
        queue_url: String,
        /// The message, which has no character that SQS refuses.
        body: String,
        /// Whether the message is base64 of the payload.
        is_base64: bool,
    },
    /// Write a payload into one column of a table.
    #[serde(rename = "dynamoDB")]
    DynamoDb {
        /// The table.
        table: String,
        /// The partition key.
        hash_key: DynamoDbKey,
        /// The sort key.
        range_key: Option<DynamoDbKey>,
        /// What to do with the item of this key.
        operation: DynamoDbOperation,
        /// The column of the payload.
        payload_field: String,
        /// The payload.
        payload: AttributeValue,
    },
    /// Put an item into a table.
    #[serde(rename = "dynamoDBv2")]
    DynamoDbV2 {
        /// The table.
        table: String,
        /// The item: each member of the payload.
        item: BTreeMap<String, AttributeValue>,
    },
    /// Put a measurement.
    #[serde(rename = "cloudwatchMetric")]
    CloudwatchMetric {
        /// The namespace of the metric.
        namespace: String,
        /// The name of the metric.
        name: String,
        /// The value, which is finite.
        #[serde(with = "number_text")]
        value: f64,
        /// The unit, one of those of CloudWatch.
        unit: String,
        /// When it was measured, in seconds since 1970-01-01T00:00:00Z.
        timestamp: i64,
    },
    /// Run a program of the machine, with the payload on its standard input.
    #[serde(rename = "exec")]
    Exec {
        /// The program, as the rule has it.
        program: String,
        /// Its arguments, each of which is one argument whatever stands in it. None has a null character.
        arguments: Vec<String>,
        /// What it reads.
        payload: Payload,
    },
}

/// The quality of service of what a rule publishes: AWS IoT has no 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum RepublishQos {
    /// 0.
    #[default]
    AtMostOnce,
    /// 1.
    AtLeastOnce,
}

/// The properties of MQTT 5 of what a rule publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RepublishProperties {
    /// Whether the payload is said to be UTF-8.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub payload_is_text: bool,
    /// What the payload is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Where an answer is expected.
    #[serde(skip_serializing_if = "Option::is_none", with = "optional_topic_text")]
    pub response_topic: Option<TopicName>,
    /// What the answer is to carry.
    #[serde(skip_serializing_if = "Option::is_none", with = "optional_base64_text")]
    pub correlation_data: Option<Bytes>,
    /// After how many seconds nobody is to get the message any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_after_s: Option<u32>,
    /// Names and values, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_properties: Vec<(String, String)>,
}

/// A key of an item: the name of its attribute and its value, which is text or a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamoDbKey {
    /// The name of the attribute.
    pub field: String,
    /// Its value.
    pub value: AttributeValue,
}

/// What a `dynamoDB` action does with an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DynamoDbOperation {
    /// Puts the item, in the place of one that has the key.
    #[default]
    Insert,
    /// Sets the column of the payload and leaves the others.
    Update,
    /// Removes the item.
    Delete,
}

impl ActionRequest {
    /// The name that the action has in a rule.
    pub fn kind(&self) -> &'static str {
        self.action().as_str()
    }

    /// The action.
    pub fn action(&self) -> ActionKind {
        match self {
            Self::Lambda { .. } => ActionKind::Lambda,
            Self::Http { .. } => ActionKind::Http,
            Self::Republish { .. } => ActionKind::Republish,
            Self::Sqs { .. } => ActionKind::Sqs,
            Self::DynamoDb { .. } => ActionKind::DynamoDb,
            Self::DynamoDbV2 { .. } => ActionKind::DynamoDbV2,
            Self::CloudwatchMetric { .. } => ActionKind::CloudwatchMetric,
            Self::Exec { .. } => ActionKind::Exec,
        }
    }

    /// What is acted on, for logs and for the message to an error action: the function, the URL, the topic, the queue, the
    /// table, the metric or the program.
    pub fn target(&self) -> String {
        match self {
            Self::Lambda { function_arn, .. } => lambda::function_of(function_arn).to_owned(),
            Self::Http { url, .. } => url.clone(),
            Self::Republish { topic, .. } => topic.to_string(),
            Self::Sqs { queue_url, .. } => queue_url.clone(),
            Self::DynamoDb { table, .. } | Self::DynamoDbV2 { table, .. } => table.clone(),
            Self::CloudwatchMetric { namespace, name, .. } => format!("{namespace}/{name}"),
            Self::Exec { program, .. } => program.clone(),
        }
    }

    /// The stored form.
    pub fn to_json(&self) -> String {
        // A request has text for keys and finite numbers, which is all that JSON asks for.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The request of a stored form.
    ///
    /// # Errors
    /// The text is no stored form of a request.
    pub fn from_json(text: &str) -> Result<Self, InvalidActionRequest> {
        serde_json::from_str(text).map_err(|error| InvalidActionRequest::new(&error))
    }

    /// Puts the payload of a rule in, in the form that the action takes.
    pub(super) fn set_payload(&mut self, given: &RulePayload) -> Result<(), PayloadProblem> {
        match self {
            Self::Lambda { payload, .. } => *payload = lambda::event_of(given)?,
            Self::Http { payload, headers, .. } => {
                set_content_type(headers, given.kind);
                *payload = given.bytes.clone();
            }
            Self::Sqs { body, is_base64, .. } => *body = sqs::body_of(given, *is_base64)?,
            Self::DynamoDb { operation: DynamoDbOperation::Delete, .. } | Self::CloudwatchMetric { .. } => {}
            Self::DynamoDb { payload, .. } => *payload = given.with_value(attribute_of)?,
            Self::DynamoDbV2 { item, .. } => *item = given.with_value(item_of)?,
            Self::Republish { payload, .. } | Self::Exec { payload, .. } => *payload = given.bytes.clone(),
        }
        Ok(())
    }
}

impl RulePayload {
    /// What a function makes of the payload as a value: of JSON what it is, and of anything else bytes.
    fn with_value<T>(&self, make: fn(&Value<'_>) -> T) -> T {
        let bytes = self.bytes.as_bytes();
        let text = match self.kind {
            PayloadKind::Json => self.bytes.as_text(),
            PayloadKind::Bytes => None,
        };
        match text.and_then(|text| json::parse(text).ok()) {
            Some(value) => make(&value),
            None => make(&Value::Bytes(bytes.into())),
        }
    }

    /// The payload in base64.
    pub(super) fn to_base64(&self) -> String {
        STANDARD.encode(self.bytes.as_bytes())
    }
}

/// A text that is no stored form of a request.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not the request of a rule action: {0}")]
pub struct InvalidActionRequest(String);

impl InvalidActionRequest {
    pub(crate) fn new(error: &serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// A number that is no quality of service of what a rule publishes.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the quality of service is {0}; it must be 0 or 1")]
pub struct InvalidRepublishQos(u8);

impl From<RepublishQos> for u8 {
    fn from(qos: RepublishQos) -> Self {
        match qos {
            RepublishQos::AtMostOnce => 0,
            RepublishQos::AtLeastOnce => 1,
        }
    }
}

impl TryFrom<u8> for RepublishQos {
    type Error = InvalidRepublishQos;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            other => Err(InvalidRepublishQos(other)),
        }
    }
}

impl DynamoDbOperation {
    /// The name that the operation has in a rule.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// A topic as its text, parsed again when it is loaded.
mod topic_text {
    use landfall_model::TopicName;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(topic: &TopicName, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(topic.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TopicName, D::Error> {
        TopicName::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A double as text, which is read as the same double again: as a number of JSON it could be the one beside it.
mod number_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let number: f64 = String::deserialize(deserializer)?.parse().map_err(de::Error::custom)?;
        if number.is_finite() { Ok(number) } else { Err(de::Error::custom("the number is not finite")) }
    }
}

/// A topic as its text, or nothing.
mod optional_topic_text {
    use landfall_model::TopicName;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        topic: &Option<TopicName>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        topic.as_ref().map(TopicName::as_str).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<TopicName>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| TopicName::parse(&text).map_err(de::Error::custom)).transpose()
    }
}
