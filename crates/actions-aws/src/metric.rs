use std::fmt::Write as _;

use async_trait::async_trait;
use aws_sdk_cloudwatch::config::http::HttpRequest;
use aws_sdk_cloudwatch::error::{BoxError, SdkError};
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::primitives::{DateTime, DateTimeFormat};
use landfall_services::{MetricDatum, Metrics, ServiceFailure};

use crate::AwsServices;
use crate::failure::{failure, failure_of};

/// The most data of one request
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>); more go in several.
pub const DATA_MAX: usize = 1_000;

const PUT: &str = "cloudwatch:PutMetricData";

/// Where the SDK sends the operation to, below the endpoint.
const CBOR_PATH: &str = "/service/GraniteServiceVersion20100801/operation/PutMetricData";

#[async_trait]
impl Metrics for AwsServices {
    async fn put(&self, namespace: &str, data: &[MetricDatum]) -> Result<(), ServiceFailure> {
        let client = &self.clients(PUT)?.cloudwatch;
        for part in data.chunks(DATA_MAX) {
            let body = query(namespace, part).map_err(|error| {
                ServiceFailure::lasting(format!("{PUT}: a time cannot be written: {error}"))
            })?;
            let request = client.put_metric_data().namespace(namespace).set_metric_data(Some(Vec::new()));
            let request = request.customize().mutate_request(move |request| speak_query(request, &body));
            request.send().await.map_err(|error| put_failure(&error))?;
        }
        Ok(())
    }
}

/// Makes a request of the SDK one of the AWS Query protocol.
///
/// CloudWatch has three protocols. The SDK speaks the newest alone, which stand-ins for AWS do not know yet (moto 5.2 has
/// none of it); all of them, and AWS, know the oldest.
fn speak_query(request: &mut HttpRequest, body: &str) {
    let uri = request.uri().to_owned();
    let endpoint = uri.strip_suffix(CBOR_PATH).unwrap_or(&uri);
    if request.set_uri(format!("{endpoint}/")).is_err() {
        // It was a URI before its end was cut off; if it is none now, the request goes as it was and fails.
        return;
    }
    let headers = request.headers_mut();
    for name in ["smithy-protocol", "x-amzn-query-mode", "accept"] {
        headers.remove(name);
    }
    headers.insert("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    headers.insert("content-length", body.len().to_string());
    *request.body_mut() = body.to_owned().into();
}

/// The body of a request, as
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html> has it.
fn query(namespace: &str, data: &[MetricDatum]) -> Result<String, BoxError> {
    let mut body = "Action=PutMetricData&Version=2010-08-01".to_owned();
    parameter(&mut body, "Namespace", namespace);
    for (index, datum) in data.iter().enumerate() {
        let MetricDatum { name, dimensions, value, unit, at, storage_resolution_s } = datum;
        let member = format!("MetricData.member.{}", index + 1);
        parameter(&mut body, &format!("{member}.MetricName"), name);
        for (index, (name, value)) in dimensions.iter().enumerate() {
            let dimension = format!("{member}.Dimensions.member.{}", index + 1);
            parameter(&mut body, &format!("{dimension}.Name"), name);
            parameter(&mut body, &format!("{dimension}.Value"), value);
        }
        // The form for programs: the shortest digits that give the same number, with an exponent if it is far from 1.
        parameter(&mut body, &format!("{member}.Value"), &format!("{value:?}"));
        parameter(&mut body, &format!("{member}.Unit"), unit);
        let time = DateTime::from_millis(at.as_millis()).fmt(DateTimeFormat::DateTime)?;
        parameter(&mut body, &format!("{member}.Timestamp"), &time);
        if let Some(seconds) = storage_resolution_s {
            parameter(&mut body, &format!("{member}.StorageResolution"), &seconds.to_string());
        }
    }
    Ok(body)
}

fn parameter(body: &mut String, name: &str, value: &str) {
    body.push('&');
    body.push_str(name);
    body.push('=');
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                body.push(char::from(byte))
            }
            _ => _ = write!(body, "%{byte:02X}"),
        }
    }
}

/// The failure of a request: its answer is the XML of the Query protocol, of which the SDK reads the status alone.
fn put_failure(error: &SdkError<PutMetricDataError>) -> ServiceFailure {
    let body = error.raw_response().and_then(|response| response.body().bytes());
    let body = String::from_utf8_lossy(body.unwrap_or_default());
    match element(&body, "Code") {
        Some(code) => failure_of(PUT, error, Some(&code), element(&body, "Message").as_deref()),
        None => failure(PUT, error),
    }
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    // The ampersand last: what it was an escape of must not be taken for another.
    let escapes =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    Some(escapes.iter().fold(text.trim().to_owned(), |text, (escape, meant)| text.replace(escape, meant)))
}

#[cfg(test)]
mod tests {
    use landfall_model::UnixTime;

    use super::*;

    #[test]
    fn a_request_names_each_datum_and_dimension_by_its_number() {
        let datum = |value, dimensions: &[(&str, &str)], storage_resolution_s| MetricDatum {
            name: "fill level".to_owned(),
            dimensions: dimensions.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            value,
            unit: "Percent".to_owned(),
            at: UnixTime::from_millis(1_767_225_600_250),
            storage_resolution_s,
        };
        let data = [datum(-21.5, &[("plant", "p 1"), ("tank", "2")], None), datum(1e300, &[], Some(1))];
        let body = query("A&B=é", &data).unwrap();
        let expected = [
            "Action=PutMetricData",
            "Version=2010-08-01",
            "Namespace=A%26B%3D%C3%A9",
            "MetricData.member.1.MetricName=fill%20level",
            "MetricData.member.1.Dimensions.member.1.Name=plant",
            "MetricData.member.1.Dimensions.member.1.Value=p%201",
            "MetricData.member.1.Dimensions.member.2.Name=tank",
            "MetricData.member.1.Dimensions.member.2.Value=2",
            "MetricData.member.1.Value=-21.5",
            "MetricData.member.1.Unit=Percent",
            "MetricData.member.1.Timestamp=2026-01-01T00%3A00%3A00.25Z",
            "MetricData.member.2.MetricName=fill%20level",
            "MetricData.member.2.Value=1e300",
            "MetricData.member.2.Unit=Percent",
            "MetricData.member.2.Timestamp=2026-01-01T00%3A00%3A00.25Z",
            "MetricData.member.2.StorageResolution=1",
        ];
        assert_eq!(body.split('&').collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_code_and_the_message_are_read_from_xml() {
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameterValue</Code>\
                   <Message>Value &lt;&amp;lt;&gt; is &quot;wrong&quot;</Message></Error></ErrorResponse>";
        for (name, expected) in [
            ("Code", Some("InvalidParameterValue")),
            ("Message", Some("Value <&lt;> is \"wrong\"")),
            ("RequestId", None),
        ] {
            assert_eq!(element(xml, name).as_deref(), expected, "{name}");
        }
        assert_eq!(element("<Code>cut off", "Code"), None);
    }
}
