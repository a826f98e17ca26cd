use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::{AccountId, Region};

/// The ARN of an SQS queue, as `arn:aws:sqs:us-east-1:000000000000:devices`.
///
/// The queue can be of any account and region: it is not Landfall that has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueArn {
    text: Arc<str>,
    region: Region,
    account: AccountId,
    /// Where the name begins.
    name_at: usize,
}

/// A text that is not the ARN of a queue.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{found:?} is not the ARN of a queue, as arn:aws:sqs:us-east-1:000000000000:devices is: {problem}")]
pub struct InvalidQueueArn {
    /// The start of what was found.
    pub found: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl QueueArn {
    /// The most characters that the name of a queue can have, the suffix `.fifo` included
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>).
    pub const NAME_LENGTH_MAX: usize = 80;

    /// Parses the ARN of a queue.
    ///
    /// # Errors
    /// The text is not of the form `arn:aws:sqs:REGION:ACCOUNT:NAME`, or one of its parts cannot be.
    pub fn parse(text: &str) -> Result<Self, InvalidQueueArn> {
        let invalid = |problem| InvalidQueueArn { found: text.chars().take(SHOWN_MAX).collect(), problem };
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, service, region, account, name] = parts.as_slice() else {
            return Err(invalid("it has not six parts, of which the first is arn"));
        };
        if !is_partition(partition) {
            return Err(invalid("its partition is not aws or one that begins so"));
        }
        if service != "sqs" {
            return Err(invalid("its service is not sqs"));
        }
        let region = Region::parse(region)
            .map_err(|_| invalid("its region is not of lower-case letters, digits and hyphens"))?;
        let account = AccountId::parse(account).map_err(|_| invalid("its account is not twelve digits"))?;
        if !is_queue_name(name) {
            return Err(invalid(
                "its name is not 1 to 80 letters, digits, - and _, of which .fifo can be the end",
            ));
        }
        Ok(Self { region, account, name_at: text.len() - name.len(), text: text.into() })
    }

    /// The ARN as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The region of the queue.
    pub const fn region(&self) -> &Region {
        &self.region
    }

    /// The account of the queue.
    pub const fn account(&self) -> &AccountId {
        &self.account
    }

    /// The name of the queue.
    pub fn name(&self) -> &str {
        self.text.get(self.name_at..).unwrap_or_default()
    }

    /// Whether the queue keeps its messages in order, as its name tells.
    pub fn is_fifo(&self) -> bool {
        self.name().ends_with(FIFO_SUFFIX)
    }
}

/// How many characters of a wrong ARN an error repeats.
const SHOWN_MAX: usize = 256;

/// What the name of a queue ends with that keeps its messages in order.
const FIFO_SUFFIX: &str = ".fifo";

/// Whether it is `aws`, or as `aws-cn`: the partitions of AWS.
pub(crate) fn is_partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws");
    rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'))
}

fn is_queue_name(name: &str) -> bool {
    let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !stem.is_empty() && name.len() <= QueueArn::NAME_LENGTH_MAX && stem.bytes().all(allowed)
}

impl fmt::Display for QueueArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for QueueArn {
    type Err = InvalidQueueArn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_queue_is_taken_apart() {
        let arn = QueueArn::parse("arn:aws:sqs:eu-west-1:123456789012:New_devices-1").unwrap();
        assert_eq!(arn.to_string(), "arn:aws:sqs:eu-west-1:123456789012:New_devices-1");
        assert_eq!(arn.region().as_str(), "eu-west-1");
        assert_eq!(arn.account().as_str(), "123456789012");
        assert_eq!((arn.name(), arn.is_fifo()), ("New_devices-1", false));
        let fifo = QueueArn::parse("arn:aws-cn:sqs:cn-north-1:123456789012:orders.fifo").unwrap();
        assert_eq!((fifo.name(), fifo.is_fifo()), ("orders.fifo", true));
        let longest = format!("arn:aws:sqs:eu-west-1:123456789012:{}", "q".repeat(80));
        assert_eq!(QueueArn::parse(&longest).unwrap().name().len(), 80);
    }

    #[test]
    fn anything_else_is_no_queue_and_the_error_says_why() {
        for (text, problem) in [
            ("", "six parts"),
            ("arn:aws:sqs:eu-west-1:123456789012", "six parts"),
            ("ARN:aws:sqs:eu-west-1:123456789012:q", "six parts"),
            ("arn:gcp:sqs:eu-west-1:123456789012:q", "partition"),
            ("arn::sqs:eu-west-1:123456789012:q", "partition"),
            ("arn:aws:sns:eu-west-1:123456789012:q", "service"),
            ("arn:aws:sqs::123456789012:q", "region"),
            ("arn:aws:sqs:eu-west-1:12345678901:q", "account"),
            ("arn:aws:sqs:eu-west-1:123456789012:", "name"),
            ("arn:aws:sqs:eu-west-1:123456789012:.fifo", "name"),
            ("arn:aws:sqs:eu-west-1:123456789012:a.b", "name"),
            ("arn:aws:sqs:eu-west-1:123456789012:a:b", "name"),
            (&format!("arn:aws:sqs:eu-west-1:123456789012:{}", "q".repeat(81)), "name"),
        ] {
            let error = QueueArn::parse(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
