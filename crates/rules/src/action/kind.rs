use std::fmt;

/// What a rule action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// Invokes a function.
    Lambda,
    /// Posts the payload to a confirmed destination.
    Http,
    /// Publishes the payload to another topic.
    Republish,
    /// Sends the payload to a queue.
    Sqs,
    /// Writes the payload into one column of a table.
    DynamoDb,
    /// Writes each member of the payload into a column of a table.
    DynamoDbV2,
    /// Puts a measurement.
    CloudwatchMetric,
    /// Runs a program of the machine; only Landfall has it.
    Exec,
}

/// The actions that AWS IoT has besides those that are built.
pub(crate) const NOT_BUILT: &[&str] = &[
    "sns",
    "kinesis",
    "s3",
    "firehose",
    "cloudwatchAlarm",
    "cloudwatchLogs",
    "elasticsearch",
    "salesforce",
    "iotAnalytics",
    "iotEvents",
    "iotSiteWise",
    "stepFunctions",
    "timestream",
    "kafka",
    "openSearch",
    "location",
    "influxDB",
];

/// The names of what is built, for people.
pub(crate) const BUILT: &str =
    "lambda, http, republish, sqs, dynamoDB, dynamoDBv2, cloudwatchMetric and Landfall's own exec";

impl ActionKind {
    /// Every kind of action.
    pub const ALL: [Self; 8] = [
        Self::Lambda,
        Self::Http,
        Self::Republish,
        Self::Sqs,
        Self::DynamoDb,
        Self::DynamoDbV2,
        Self::CloudwatchMetric,
        Self::Exec,
    ];

    /// The name that the action has in a rule.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Http => "http",
            Self::Republish => "republish",
            Self::Sqs => "sqs",
            Self::DynamoDb => "dynamoDB",
            Self::DynamoDbV2 => "dynamoDBv2",
            Self::CloudwatchMetric => "cloudwatchMetric",
            Self::Exec => "exec",
        }
    }

    /// The name that the action has in the message to an error action, as `failedAction` (rule-error-handling).
    pub const fn failed_action(self) -> &'static str {
        match self {
            Self::Lambda => "LambdaAction",
            Self::Http => "HttpAction",
            Self::Republish => "RepublishAction",
            Self::Sqs => "SqsAction",
            Self::DynamoDb => "DynamoDBAction",
            Self::DynamoDbV2 => "DynamoDBv2Action",
            Self::CloudwatchMetric => "CloudwatchMetricAction",
            Self::Exec => "ExecAction",
        }
    }

    /// The action that goes by this name in a rule.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
