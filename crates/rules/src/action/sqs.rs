use super::parameter::{Filling, Parameter, Place};
use super::payload::RulePayload;
use super::problem::{ActionProblem, PayloadProblem, Wrong};
use super::request::ActionRequest;
use super::role::check_role;
use super::url::Url;
use crate::document::{Fields, InvalidTopicRule};

/// `sqs`: sends the payload to a queue (sqs-rule-action).
#[derive(Debug)]
pub(super) struct SqsAction {
    queue_url: Parameter<String>,
    use_base64: bool,
}

impl SqsAction {
    pub(super) const MEMBERS: &[&str] = &["roleArn", "queueUrl", "useBase64"];

    pub(super) fn parse(fields: &Fields<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        check_role(fields)?;
        Ok(Self {
            queue_url: Parameter::required(fields, "queueUrl", place, read_queue_url)?,
            use_base64: fields.optional_boolean("useBase64")?.unwrap_or_default(),
        })
    }

    pub(super) fn request(&self, filling: Filling<'_, '_>) -> Result<ActionRequest, ActionProblem> {
        let queue_url = self.queue_url.fill(filling)?;
        Ok(ActionRequest::Sqs { queue_url, body: String::new(), is_base64: self.use_base64 })
    }
}

fn read_queue_url(text: &str) -> Result<String, Wrong> {
    Url::parse(text).map(|url| url.text().to_owned())
}

/// The text of a message: what XML 1.0 allows, and not nothing (API_SendMessage).
pub(super) fn body_of(given: &RulePayload, is_base64: bool) -> Result<String, PayloadProblem> {
    if given.bytes.as_bytes().is_empty() {
        return Err(PayloadProblem::new("is empty", "at least one character"));
    }
    if is_base64 {
        return Ok(given.to_base64());
    }
    let right = "text that SQS takes; useBase64 sends anything";
    let Some(text) = given.bytes.as_text() else {
        return Err(PayloadProblem::new("is not UTF-8", right));
    };
    let is_refused = |character: &char| matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    match text.chars().find(is_refused) {
        Some(refused) => Err(PayloadProblem::new(format!("has the character {refused:?}"), right)),
        None => Ok(text.to_owned()),
    }
}
