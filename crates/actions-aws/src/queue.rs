use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::config::{Builder, Region};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageAttributeValue, MessageSystemAttributeName,
};
use landfall_model::QueueArn;
use landfall_services::{
    MessageQueues, QueueAttribute, QueueMessage, QueueUrl, ReceiveOptions, ServiceFailure,
};

use crate::AwsServices;
use crate::endpoint::origin_of;
use crate::failure::{failure, part_kind};

/// The most messages of one request; more go in several.
const BATCH_MAX: usize = 10;

const GET_URL: &str = "sqs:GetQueueUrl";
const SEND: &str = "sqs:SendMessage";
const RECEIVE: &str = "sqs:ReceiveMessage";
const DELETE: &str = "sqs:DeleteMessageBatch";
const RETURN: &str = "sqs:ChangeMessageVisibilityBatch";

#[async_trait]
impl MessageQueues for AwsServices {
    async fn queue_url(&self, queue: &QueueArn) -> Result<QueueUrl, ServiceFailure> {
        let region = Region::new(queue.region().as_str().to_owned());
        let request = self
            .clients(GET_URL)?
            .sqs
            .get_queue_url()
            .queue_name(queue.name())
            .queue_owner_aws_account_id(queue.account().as_str())
            .customize()
            .config_override(Builder::new().region(region));
        let answer = request.send().await.map_err(|error| failure(GET_URL, &error))?;
        match answer.queue_url {
            Some(url) => Ok(QueueUrl::new(url)),
            None => Err(ServiceFailure::passing(format!("{GET_URL}: the answer has no URL"))),
        }
    }

    async fn send(&self, queue: &QueueUrl, body: String) -> Result<(), ServiceFailure> {
        let place = self.place(SEND, queue)?;
        let request = self.clients(SEND)?.sqs.send_message().queue_url(queue.as_str()).message_body(body);
        let sent = request.customize().config_override(place).send().await;
        sent.map_err(|error| failure(SEND, &error))?;
        Ok(())
    }

    async fn receive(
        &self,
        queue: &QueueUrl,
        options: ReceiveOptions,
    ) -> Result<Vec<QueueMessage>, ServiceFailure> {
        let ReceiveOptions { messages_max, wait, visibility } = options;
        let place = self.place(RECEIVE, queue)?.timeout_config(self.timeouts(wait));
        let request = self
            .clients(RECEIVE)?
            .sqs
            .receive_message()
            .queue_url(queue.as_str())
            .max_number_of_messages(i32::from(messages_max))
            .wait_time_seconds(whole_seconds(wait))
            .set_visibility_timeout(visibility.map(whole_seconds))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let answer = request.customize().config_override(place).send().await;
        let messages = answer.map_err(|error| failure(RECEIVE, &error))?.messages.unwrap_or_default();
        Ok(messages.into_iter().map(received).collect())
    }

    async fn delete(&self, queue: &QueueUrl, receipt_handles: &[String]) -> Result<(), ServiceFailure> {
        let client = &self.clients(DELETE)?.sqs;
        let mut first_failure = None;
        for part in receipt_handles.chunks(BATCH_MAX) {
            let entries = numbered(part).map(|(id, handle)| {
                DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build()
            });
            let entries = entries.collect::<Result<_, _>>().map_err(|error| invalid(DELETE, &error))?;
            let request = client.delete_message_batch().queue_url(queue.as_str()).set_entries(Some(entries));
            let answer = request.customize().config_override(self.place(DELETE, queue)?).send().await;
            let failed = answer.map_err(|error| failure(DELETE, &error))?.failed;
            first_failure = first_failure.or_else(|| part_failure(DELETE, &failed));
        }
        first_failure.map_or(Ok(()), Err)
    }

    async fn return_after(
        &self,
        queue: &QueueUrl,
        receipt_handles: &[String],
        after: Duration,
    ) -> Result<(), ServiceFailure> {
        let client = &self.clients(RETURN)?.sqs;
        let mut first_failure = None;
        for part in receipt_handles.chunks(BATCH_MAX) {
            let entries = numbered(part).map(|(id, handle)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(id)
                    .receipt_handle(handle)
                    .visibility_timeout(whole_seconds(after))
                    .build()
            });
            let entries = entries.collect::<Result<_, _>>().map_err(|error| invalid(RETURN, &error))?;
            let request =
                client.change_message_visibility_batch().queue_url(queue.as_str()).set_entries(Some(entries));
            let answer = request.customize().config_override(self.place(RETURN, queue)?).send().await;
            let failed = answer.map_err(|error| failure(RETURN, &error))?.failed;
            first_failure = first_failure.or_else(|| part_failure(RETURN, &failed));
        }
        first_failure.map_or(Ok(()), Err)
    }
}

impl AwsServices {
    /// Where a queue is: the origin of its URL, and the region that a URL of AWS names. A URL of AWS goes to the endpoint
    /// that the configuration has for SQS, if there is one, so that rules made for AWS work against a stand-in.
    fn place(&self, operation: &str, queue: &QueueUrl) -> Result<Builder, ServiceFailure> {
        let Some(origin) = origin_of(queue.as_str()) else {
            let found = queue.as_str();
            return Err(ServiceFailure::lasting(format!(
                "{operation}: {found:?} is not the URL of a queue, as https://sqs.us-east-1.amazonaws.com/000000000000/devices is"
            )));
        };
        let mut place = Builder::new();
        if let Some(region) = origin.sqs_region() {
            place.set_region(Some(Region::new(region.to_owned())));
        }
        let endpoints = &self.config.endpoints;
        let is_configured = endpoints.sqs.is_some() || endpoints.all.is_some();
        if !(origin.is_aws() && is_configured) {
            place.set_endpoint_url(Some(origin.text.to_owned()));
        }
        Ok(place)
    }
}

/// Seconds, rounded up: a shorter time than asked for would bring messages back too early.
fn whole_seconds(time: Duration) -> i32 {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// Handles with ids that are unique in their batch.
fn numbered(handles: &[String]) -> impl Iterator<Item = (String, &String)> {
    handles.iter().enumerate().map(|(number, handle)| (number.to_string(), handle))
}

fn invalid(operation: &str, error: &dyn std::error::Error) -> ServiceFailure {
    ServiceFailure::lasting(format!("{operation}: {error}"))
}

/// The failure of a batch of which some parts failed: it passes if one of them does.
fn part_failure(operation: &str, failed: &[BatchResultErrorEntry]) -> Option<ServiceFailure> {
    use landfall_services::ServiceFailureKind::Passing;
    let first = failed.first()?;
    let passing = failed.iter().find(|part| part_kind(part.code(), part.sender_fault()) == Passing);
    let shown = passing.unwrap_or(first);
    let message = format!(
        "{operation}: {}: {} ({} of the messages failed)",
        shown.code(),
        shown.message().unwrap_or("no reason was given"),
        failed.len()
    );
    Some(ServiceFailure::new(part_kind(shown.code(), shown.sender_fault()), message))
}

fn received(message: Message) -> QueueMessage {
    let attributes = message.attributes.unwrap_or_default();
    let mut attributes: Vec<_> =
        attributes.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect();
    attributes.sort();
    let sent = message.message_attributes.unwrap_or_default();
    let mut message_attributes: Vec<_> =
        sent.into_iter().map(|(name, value)| (name, sent_attribute(value))).collect();
    message_attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
    QueueMessage {
        id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        body_md5: message.md5_of_body.unwrap_or_default(),
        attributes,
        message_attributes,
    }
}

fn sent_attribute(value: MessageAttributeValue) -> QueueAttribute {
    let data_type = value.data_type;
    match (value.binary_value, value.string_value) {
        (Some(bytes), _) => QueueAttribute::Binary { data_type, value: bytes.into_inner() },
        (None, text) => QueueAttribute::Text { data_type, value: text.unwrap_or_default() },
    }
}

#[cfg(test)]
mod tests {
    use landfall_services::ServiceFailureKind;

    use super::*;

    #[test]
    fn times_become_whole_seconds_upwards() {
        for (time, seconds) in [
            (Duration::ZERO, 0),
            (Duration::from_millis(1), 1),
            (Duration::from_secs(20), 20),
            (Duration::from_millis(20_001), 21),
            (Duration::MAX, i32::MAX),
        ] {
            assert_eq!(whole_seconds(time), seconds, "{time:?}");
        }
    }

    #[test]
    fn a_batch_passes_if_one_of_its_parts_does() {
        let part = |code: &str, is_senders_fault| {
            let entry = BatchResultErrorEntry::builder().id("0").code(code).message("why\nthat");
            entry.sender_fault(is_senders_fault).build().unwrap()
        };
        let gone = || part("ReceiptHandleIsInvalid", true);
        for (failed, expected) in [
            (vec![], None),
            (
                vec![gone(), gone()],
                Some(ServiceFailure::lasting(
                    "sqs:X: ReceiptHandleIsInvalid: why that (2 of the messages failed)",
                )),
            ),
            (
                vec![gone(), part("InternalError", false)],
                Some(ServiceFailure::passing("sqs:X: InternalError: why that (2 of the messages failed)")),
            ),
        ] {
            assert_eq!(part_failure("sqs:X", &failed), expected);
        }
        assert_eq!(part_kind("ReceiptHandleIsInvalid", true), ServiceFailureKind::Lasting);
    }
}
