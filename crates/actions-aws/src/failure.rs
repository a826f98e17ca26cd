use std::error::Error;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use landfall_services::{ServiceFailure, ServiceFailureKind};

/// Codes of failures that pass although their HTTP status says that the request is wrong: throttling, as the SDKs know it,
/// and conflicts with other writers (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>).
const PASSING_CODES: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceFault",
    "KmsThrottled",
    "LimitExceededException",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// What a call's failure means for whoever made it.
pub(crate) fn failure<E>(operation: &str, error: &SdkError<E>) -> ServiceFailure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let told = error.as_service_error();
    let (code, message) =
        (told.and_then(ProvideErrorMetadata::code), told.and_then(ProvideErrorMetadata::message));
    failure_of(operation, error, code, message)
}

/// The same, with the code and the message that the service told.
pub(crate) fn failure_of<E>(
    operation: &str,
    error: &SdkError<E>,
    code: Option<&str>,
    message: Option<&str>,
) -> ServiceFailure
where
    E: Error + 'static,
{
    let message = match (code, message) {
        (Some(code), Some(message)) => format!("{operation}: {code}: {message}"),
        (Some(code), None) => format!("{operation}: {code}"),
        (None, _) => match error.raw_response() {
            Some(response) => {
                format!("{operation}: status {}: {}", response.status().as_u16(), sources(error))
            }
            None => format!("{operation}: {}", sources(error)),
        },
    };
    ServiceFailure::new(kind(error, code), message)
}

/// Whether a failure passes that a service reports for a part of a batch.
pub(crate) fn part_kind(code: &str, is_senders_fault: bool) -> ServiceFailureKind {
    if is_senders_fault && !PASSING_CODES.contains(&code) {
        ServiceFailureKind::Lasting
    } else {
        ServiceFailureKind::Passing
    }
}

fn kind<E>(error: &SdkError<E>, code: Option<&str>) -> ServiceFailureKind
where
    E: Error + 'static,
{
    if let SdkError::ConstructionFailure(_) = error {
        return ServiceFailureKind::Lasting;
    }
    if let SdkError::DispatchFailure(problem) = error
        && problem.is_user()
    {
        return ServiceFailureKind::Lasting;
    }
    let Some(response) = error.raw_response() else {
        // Nobody answered, or not in time.
        return ServiceFailureKind::Passing;
    };
    let is_passing = match response.status().as_u16() {
        408 | 429 | 500.. => true,
        // A good answer that cannot be read was cut off.
        200..=299 => true,
        _ => code.is_some_and(|code| PASSING_CODES.contains(&code)),
    };
    if is_passing { ServiceFailureKind::Passing } else { ServiceFailureKind::Lasting }
}

/// What an error says, and what each of its sources adds.
fn sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let added = source.to_string();
        if !text.contains(&added) {
            text.push_str(": ");
            text.push_str(&added);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_batch_fails_for_good_by_the_senders_fault_only() {
        for (code, is_senders_fault, kind) in [
            ("ReceiptHandleIsInvalid", true, ServiceFailureKind::Lasting),
            ("InternalError", false, ServiceFailureKind::Passing),
            ("RequestThrottled", true, ServiceFailureKind::Passing),
        ] {
            assert_eq!(part_kind(code, is_senders_fault), kind, "{code}");
        }
    }
}
