//! Messages that are published over HTTP: `iot-data` `Publish`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blob::WireBlob;
use crate::error::{ApiError, ErrorCode};
use crate::operation::api_operation;

/// Publishes a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishRequest {
    /// The topic name.
    pub topic: String,
    /// The quality of service, 0 or 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos: Option<i32>,
    /// Whether the message is retained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain: Option<bool>,
    /// The message, which is the whole body; absent when the body is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<WireBlob>,
    /// MQTT 5: the user properties, a JSON text such as `[{"name":"value"}]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_properties: Option<String>,
    /// MQTT 5: `UNSPECIFIED_BYTES` or `UTF8_DATA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_format_indicator: Option<String>,
    /// MQTT 5: what the payload is, such as `text/plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// MQTT 5: the topic name for answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    /// MQTT 5: what ties an answer to the message, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_data: Option<String>,
    /// MQTT 5: for how many seconds the message is worth delivering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_expiry: Option<i64>,
}

/// The answer to [`PublishRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PublishResponse {}

api_operation!(PublishRequest, IotData, "Publish", PublishResponse);

/// The MQTT 5 properties of a message, read from their forms on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublishProperties {
    /// The user properties, in their order; a name may come more than once.
    pub user_properties: Vec<(String, String)>,
    /// Whether the payload is UTF-8 text.
    pub payload_is_utf8: bool,
    /// What the payload is, such as `text/plain`.
    pub content_type: Option<String>,
    /// The topic name for answers.
    pub response_topic: Option<String>,
    /// What ties an answer to the message.
    pub correlation_data: Option<Vec<u8>>,
    /// For how many seconds the message is worth delivering; for ever when it is absent.
    pub message_expiry_seconds: Option<u32>,
}

impl PublishRequest {
    /// The MQTT 5 properties of the message.
    ///
    /// # Errors
    ///
    /// `InvalidRequestException` when the user properties are no list of objects of texts, when the correlation data
    /// are not base64, or when the expiry is no number of seconds that MQTT can carry.
    pub fn properties(&self) -> Result<PublishProperties, ApiError> {
        let user_properties = self.user_properties.as_deref().map(parse_user_properties).transpose()?;
        let correlation_data = self.correlation_data.as_deref().map(parse_correlation_data).transpose()?;
        Ok(PublishProperties {
            user_properties: user_properties.unwrap_or_default(),
            // The other values of the enum, and none at all, mean bytes without a form.
            payload_is_utf8: self.payload_format_indicator.as_deref() == Some("UTF8_DATA"),
            content_type: self.content_type.clone(),
            response_topic: self.response_topic.clone(),
            correlation_data,
            message_expiry_seconds: self.message_expiry.map(parse_expiry).transpose()?,
        })
    }
}

/// Reads `[{"name":"value"},…]`.
fn parse_user_properties(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    let refusal = || {
        invalid("userProperties has to be a JSON list of objects with texts, such as [{\"name\":\"value\"}]")
    };
    let mut value: Value = serde_json::from_str(text).map_err(|_| refusal())?;
    // The AWS CLI and boto3 write the list as JSON once more when they are given it as a text.
    if let Value::String(inner) = &value {
        value = serde_json::from_str(inner).map_err(|_| refusal())?;
    }
    let mut properties = Vec::new();
    for object in value.as_array().ok_or_else(refusal)? {
        for (name, value) in object.as_object().ok_or_else(refusal)? {
            properties.push((name.clone(), value.as_str().ok_or_else(refusal)?.to_owned()));
        }
    }
    Ok(properties)
}

fn parse_correlation_data(text: &str) -> Result<Vec<u8>, ApiError> {
    BASE64.decode(text).map_err(|_| invalid("correlationData has to be base64"))
}

/// MQTT 5 gives the interval four bytes [MQTT-5.0, section 3.3.2.3.3].
fn parse_expiry(seconds: i64) -> Result<u32, ApiError> {
    u32::try_from(seconds)
        .map_err(|_| invalid(format!("messageExpiry is {seconds}, expected 0 to {} seconds", u32::MAX)))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<PublishRequest>();
    }

    fn request() -> PublishRequest {
        PublishRequest {
            topic: "a".to_owned(),
            qos: None,
            retain: None,
            payload: None,
            user_properties: None,
            payload_format_indicator: None,
            content_type: None,
            response_topic: None,
            correlation_data: None,
            message_expiry: None,
        }
    }

    #[test]
    fn properties_are_read() {
        assert_eq!(request().properties().unwrap(), PublishProperties::default());
        let full = PublishRequest {
            user_properties: Some(r#"[{"b":"1"},{"a":"2","b":"3"}]"#.to_owned()),
            payload_format_indicator: Some("UTF8_DATA".to_owned()),
            content_type: Some("text/plain".to_owned()),
            response_topic: Some("answers".to_owned()),
            correlation_data: Some("AP8=".to_owned()),
            message_expiry: Some(i64::from(u32::MAX)),
            ..request()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            full.properties().unwrap(),
            PublishProperties {
                user_properties: vec![pair("b", "1"), pair("a", "2"), pair("b", "3")],
                payload_is_utf8: true,
                content_type: Some("text/plain".to_owned()),
                response_topic: Some("answers".to_owned()),
                correlation_data: Some(vec![0, 255]),
                message_expiry_seconds: Some(u32::MAX),
            }
        );
        let bytes =
            PublishRequest { payload_format_indicator: Some("UNSPECIFIED_BYTES".to_owned()), ..request() };
        assert!(!bytes.properties().unwrap().payload_is_utf8);
    }

    #[test]
    fn user_properties_have_two_forms() {
        let check = |text: &str, expected: Option<&[(&str, &str)]>| {
            let found = parse_user_properties(text).ok();
            let expected = expected.map(|pairs| {
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
            });
            assert_eq!(found, expected, "{text}");
        };
        check("[]", Some(&[]));
        check(r#"[{"a":"b"}]"#, Some(&[("a", "b")]));
        check(r#""[{\"a\":\"b\"}]""#, Some(&[("a", "b")]));
        for wrong in [r#"{"a":"b"}"#, r#"["a"]"#, r#"[{"a":1}]"#, r#"[{"a":null}]"#, "\"a\"", "1", "["] {
            check(wrong, None);
        }
    }

    #[test]
    fn wrong_properties_are_refused() {
        let check = |request: PublishRequest, expected: &str| {
            let expected = format!("InvalidRequestException: {expected}");
            assert_eq!(request.properties().unwrap_err().to_string(), expected);
        };
        check(
            PublishRequest { user_properties: Some("1".to_owned()), ..request() },
            "userProperties has to be a JSON list of objects with texts, such as [{\"name\":\"value\"}]",
        );
        check(
            PublishRequest { correlation_data: Some("!".to_owned()), ..request() },
            "correlationData has to be base64",
        );
        for seconds in [-1, i64::from(u32::MAX) + 1] {
            check(
                PublishRequest { message_expiry: Some(seconds), ..request() },
                &format!("messageExpiry is {seconds}, expected 0 to 4294967295 seconds"),
            );
        }
    }
}
