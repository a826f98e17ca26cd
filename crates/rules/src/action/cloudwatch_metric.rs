use super::parameter::{Filling, Parameter, Place};
use super::problem::{ActionProblem, Wrong};
use super::request::ActionRequest;
use super::role::check_role;
use crate::document::{Fields, InvalidTopicRule};
use crate::limits::METRIC_NAME_CHARACTERS_MAX;
use crate::number::Number;

/// `cloudwatchMetric`: puts a measurement (cloudwatch-metrics-rule-action).
#[derive(Debug)]
pub(super) struct CloudwatchMetricAction {
    namespace: Parameter<String>,
    name: Parameter<String>,
    value: Parameter<f64>,
    unit: Parameter<String>,
    timestamp: Option<Parameter<i64>>,
}

impl CloudwatchMetricAction {
    pub(super) const MEMBERS: &[&str] =
        &["roleArn", "metricNamespace", "metricName", "metricValue", "metricUnit", "metricTimestamp"];

    pub(super) fn parse(fields: &Fields<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        check_role(fields)?;
        Ok(Self {
            namespace: Parameter::required(fields, "metricNamespace", place, read_namespace)?,
            name: Parameter::required(fields, "metricName", place, read_name)?,
            value: Parameter::required(fields, "metricValue", place, read_value)?,
            unit: Parameter::required(fields, "metricUnit", place, read_unit)?,
            timestamp: Parameter::optional(fields, "metricTimestamp", place, read_timestamp)?,
        })
    }

    pub(super) fn request(&self, filling: Filling<'_, '_>) -> Result<ActionRequest, ActionProblem> {
        Ok(ActionRequest::CloudwatchMetric {
            namespace: self.namespace.fill(filling)?,
            name: self.name.fill(filling)?,
            value: self.value.fill(filling)?,
            unit: self.unit.fill(filling)?,
            timestamp: match &self.timestamp {
                Some(timestamp) => timestamp.fill(filling)?,
                None => filling.context.now().as_secs(),
            },
        })
    }
}

/// The units of CloudWatch (API_MetricDatum, Unit).
const UNITS: &[&str] = &[
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// The largest value of a metric, and the smallest with its sign changed: 2 to the power of 360 (API_MetricDatum, Value).
const VALUE_MAX: f64 = 2.348_542_582_773_834e108;

/// The last second of the year 9999.
const TIMESTAMP_MAX: i64 = 253_402_300_799;

/// A namespace begins with a colon for AWS's own alone (API_PutMetricData, Namespace).
fn read_namespace(text: &str) -> Result<String, Wrong> {
    if text.starts_with(':') {
        return Err("a namespace that does not begin with a colon".into());
    }
    read_name(text)
}

fn read_name(text: &str) -> Result<String, Wrong> {
    let characters = text.chars().take(METRIC_NAME_CHARACTERS_MAX + 1).count();
    if !(1..=METRIC_NAME_CHARACTERS_MAX).contains(&characters) || text.chars().any(char::is_control) {
        return Err(format!(
            "1 to {METRIC_NAME_CHARACTERS_MAX} characters, none of which is a control character"
        )
        .into());
    }
    Ok(text.to_owned())
}

fn read_value(text: &str) -> Result<f64, Wrong> {
    // The grammar of rule SQL has neither infinity nor NaN, which a double is parsed from.
    let value = Number::from_text(text).and_then(|_| text.parse::<f64>().ok());
    let value = value.filter(|value| value.abs() <= VALUE_MAX);
    value.ok_or_else(|| "a number from -2^360 to 2^360".into())
}

fn read_unit(text: &str) -> Result<String, Wrong> {
    if UNITS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("a unit of CloudWatch: {}", UNITS.join(", ")).into())
}

fn read_timestamp(text: &str) -> Result<i64, Wrong> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| is_number && *seconds <= TIMESTAMP_MAX);
    seconds.ok_or_else(|| "whole seconds since 1970, as ${floor(timestamp() / 1000)} gives".into())
}
