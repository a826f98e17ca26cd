use std::fmt;

/// A log sink: where entries of the registration log go besides the log itself. There is one of each at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogSinkName {
    /// Metrics of CloudWatch.
    CloudWatch,
    /// A table of DynamoDB.
    DynamoDb,
    /// A file of lines of JSON.
    File,
    /// A queue of SQS.
    Sqs,
    /// A web server.
    Webhook,
}

impl LogSinkName {
    /// Every sink.
    pub const ALL: [Self; 5] = [Self::CloudWatch, Self::DynamoDb, Self::File, Self::Sqs, Self::Webhook];

    /// Its name, as it is stored and told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch",
            Self::DynamoDb => "dynamodb",
            Self::File => "file",
            Self::Sqs => "sqs",
            Self::Webhook => "webhook",
        }
    }
}

impl fmt::Display for LogSinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
