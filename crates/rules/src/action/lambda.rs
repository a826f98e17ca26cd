use landfall_model::{AccountId, FunctionName, Region};

use super::parameter::{Filling, Parameter, Place};
use super::payload::{Payload, RulePayload};
use super::problem::{ActionProblem, PayloadProblem, Wrong};
use super::request::ActionRequest;
use crate::document::{Fields, InvalidTopicRule};
use crate::json;
use crate::rule::PayloadKind;

/// `lambda`: invokes a function (lambda-rule-action).
#[derive(Debug)]
pub(super) struct LambdaAction {
    function_arn: Parameter<String>,
}

impl LambdaAction {
    pub(super) const MEMBERS: &[&str] = &["functionArn"];

    pub(super) fn parse(fields: &Fields<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        Ok(Self { function_arn: Parameter::required(fields, "functionArn", place, read_function_arn)? })
    }

    pub(super) fn request(&self, filling: Filling<'_, '_>) -> Result<ActionRequest, ActionProblem> {
        let function_arn = self.function_arn.fill(filling)?;
        Ok(ActionRequest::Lambda { function_arn, payload: Payload::default() })
    }
}

/// `arn:aws:lambda:us-east-1:123456789012:function:name`, with a qualifier or without.
fn read_function_arn(text: &str) -> Result<String, Wrong> {
    let right = "the ARN of a function, as arn:aws:lambda:us-east-1:000000000000:function:name";
    let parts: Vec<&str> = text.split(':').collect();
    let is_word = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let is_qualifier = |text: &str| is_word(text.strip_prefix('$').unwrap_or(text));
    if let ["arn", partition, "lambda", region, account, "function", name, qualifiers @ ..] = parts.as_slice()
        && is_word(partition)
        && Region::parse(region).is_ok()
        && AccountId::parse(account).is_ok()
        && FunctionName::parse(name).is_ok()
        && matches!(qualifiers, [] | [_])
        && qualifiers.iter().all(|qualifier| is_qualifier(qualifier))
    {
        return Ok(text.to_owned());
    }
    Err(right.into())
}

/// The name of the function that an ARN names.
pub(super) fn function_of(function_arn: &str) -> &str {
    function_arn.split(':').nth(6).unwrap_or(function_arn)
}

/// A function takes JSON (binary-payloads). Nothing at all is an empty object, as for Lambda.
pub(super) fn event_of(given: &RulePayload) -> Result<Payload, PayloadProblem> {
    let right = "JSON; encode(*, 'base64') makes text of bytes";
    match given.kind {
        PayloadKind::Json => Ok(given.bytes.clone()),
        PayloadKind::Bytes if given.bytes.as_bytes().is_empty() => Ok("{}".to_owned().into()),
        PayloadKind::Bytes => match given.bytes.as_text().map(json::parse) {
            Some(Ok(_)) => Ok(given.bytes.clone()),
            Some(Err(error)) => Err(PayloadProblem::new(format!("is not JSON ({error})"), right)),
            None => Err(PayloadProblem::new("is not UTF-8", right)),
        },
    }
}
