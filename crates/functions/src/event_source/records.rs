//! Messages as functions get them, and what functions say of them.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall_model::QueueArn;
use landfall_services::{QueueAttribute, QueueMessage};
use serde_json::{Map, Value, json};

/// The record of one message (<https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>).
pub(super) fn record(message: &QueueMessage, queue: &QueueArn) -> String {
    let QueueMessage { id, receipt_handle, body, body_md5, attributes, message_attributes } = message;
    let attributes: Map<_, _> = attributes.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let of_sender: Map<_, _> =
        message_attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    let record = json!({
        "messageId": id,
        "receiptHandle": receipt_handle,
        "body": body,
        "attributes": attributes,
        "messageAttributes": of_sender,
        "md5OfBody": body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.as_str(),
        "awsRegion": queue.region().as_str(),
    });
    record.to_string()
}

/// The event of these records.
pub(super) fn event(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// How many bytes an event has beyond its records and the commas between them.
pub(super) const EVENT_FRAME_BYTES: usize = "{\"Records\":[]}".len();

/// Which messages a function says that it failed on. `None`: it says it in a form that means all of them
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).
pub(super) fn failed_items(answer: &[u8], ids: &BTreeSet<&str>) -> Option<BTreeSet<String>> {
    if answer.is_empty() {
        return Some(BTreeSet::new());
    }
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let failures = match &answer {
        Value::Null => return Some(BTreeSet::new()),
        Value::Object(members) => match members.get("batchItemFailures") {
            None | Some(Value::Null) => return Some(BTreeSet::new()),
            Some(failures) => failures.as_array()?,
        },
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return None,
    };
    let id = |failure: &Value| {
        let id = failure.get("itemIdentifier")?.as_str()?;
        ids.contains(id).then(|| id.to_owned())
    };
    failures.iter().map(id).collect()
}

fn attribute(value: &QueueAttribute) -> Value {
    match value {
        QueueAttribute::Text { data_type, value } => json!({
            "stringValue": value,
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": data_type,
        }),
        QueueAttribute::Binary { data_type, value } => json!({
            "binaryValue": STANDARD.encode(value),
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": data_type,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_form_of_lambda() {
        let message = QueueMessage {
            id: "059f36b4".to_owned(),
            receipt_handle: "AQEB".to_owned(),
            body: "{\"a\":\"é\"}".to_owned(),
            body_md5: "e4e6".to_owned(),
            attributes: vec![("ApproximateReceiveCount".to_owned(), "1".to_owned())],
            message_attributes: vec![
                (
                    "n".to_owned(),
                    QueueAttribute::Text { data_type: "Number".to_owned(), value: "1".to_owned() },
                ),
                (
                    "b".to_owned(),
                    QueueAttribute::Binary { data_type: "Binary".to_owned(), value: vec![1, 2] },
                ),
            ],
        };
        let queue = QueueArn::parse("arn:aws:sqs:us-east-2:123456789012:my-queue").unwrap();
        let record = record(&message, &queue);
        let event: Value = serde_json::from_str(&event(&[record.clone(), record.clone()])).unwrap();
        let expected = json!({
            "messageId": "059f36b4",
            "receiptHandle": "AQEB",
            "body": "{\"a\":\"é\"}",
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {
                "n": {"stringValue": "1", "stringListValues": [], "binaryListValues": [], "dataType": "Number"},
                "b": {"binaryValue": "AQI=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
            },
            "md5OfBody": "e4e6",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
            "awsRegion": "us-east-2",
        });
        assert_eq!(event, json!({"Records": [expected, expected]}));
        assert_eq!(super::event(&[record]).len() - EVENT_FRAME_BYTES, expected.to_string().len());
    }

    #[test]
    fn what_a_function_says_of_its_messages_is_read_as_lambda_does() {
        let ids = BTreeSet::from(["a", "b"]);
        for (answer, expected) in [
            ("", Some([].as_slice())),
            ("null", Some(&[])),
            ("{}", Some(&[])),
            (r#"{"batchItemFailures":[]}"#, Some(&[])),
            (r#"{"batchItemFailures":null}"#, Some(&[])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#, Some(&["b"])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#, None),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, None),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, None),
            (r#"{"batchItemFailures":[{"id":"b"}]}"#, None),
            (r#"{"batchItemFailures":"b"}"#, None),
            (r#""text""#, None),
            ("no JSON", None),
        ] {
            let found = failed_items(answer.as_bytes(), &ids);
            let found = found.as_ref().map(|found| found.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expected, "{answer}");
        }
    }
}
