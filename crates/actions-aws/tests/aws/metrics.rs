use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use landfall_actions_aws::DATA_MAX;
use landfall_model::UnixTime;
use landfall_services::{MetricDatum, Metrics as _, ServiceFailureKind};

use crate::canned::Canned;
use crate::moto::Moto;
use crate::services_at;

fn datum(name: &str, value: f64) -> MetricDatum {
    MetricDatum {
        name: name.to_owned(),
        dimensions: vec![("plant".to_owned(), "p1".to_owned())],
        value,
        unit: "Percent".to_owned(),
        // 2026-01-01T00:00:00Z.
        at: UnixTime::from_secs(1_767_225_600),
        storage_resolution_s: None,
    }
}

/// The statistics of `fill` in the first minute of 2026, as moto_server tells them.
fn statistics(moto: &Moto) -> String {
    let body = "Action=GetMetricStatistics&Version=2010-08-01&Namespace=Plant&MetricName=fill&Period=60\
                &StartTime=2026-01-01T00:00:00Z&EndTime=2026-01-01T00:01:00Z\
                &Statistics.member.1=Sum&Statistics.member.2=SampleCount\
                &Dimensions.member.1.Name=plant&Dimensions.member.1.Value=p1";
    let host = moto.endpoint().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    // The scope of the signature tells moto_server which service is meant; it does not verify it.
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/monitoring/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn data_can_be_read_back() {
    let moto = Moto::start();
    let services = services_at(moto.endpoint());
    services.put("Plant", &[datum("fill", 21.5), datum("fill", 78.5), datum("other", 1.0)]).await.unwrap();
    let answer = statistics(&moto);
    for expected in [
        "<Sum>100.0</Sum>",
        "<SampleCount>2.0</SampleCount>",
        "<Unit>Percent</Unit>",
        "<Timestamp>2026-01-01T00:00:00Z</Timestamp>",
    ] {
        assert!(answer.contains(expected), "{expected} in {answer}");
    }
}

#[tokio::test]
async fn more_data_than_a_request_holds_go_in_several() {
    let server = Canned::start(200, "", "<PutMetricDataResponse/>");
    let services = services_at(&server.endpoint);
    let data: Vec<_> = (0..=DATA_MAX).map(|_| datum("fill", 1.0)).collect();
    services.put("Plant", &data).await.unwrap();
    services.put("Plant", &[]).await.unwrap();
    let requests: Vec<_> = server.requests.try_iter().collect();
    let data_of = |request: &String| request.matches(".MetricName=").count();
    assert_eq!(requests.iter().map(data_of).collect::<Vec<_>>(), [DATA_MAX, 1]);
}

#[tokio::test]
async fn a_request_is_signed_and_of_the_query_protocol() {
    let server = Canned::start(200, "", "<PutMetricDataResponse/>");
    services_at(&server.endpoint).put("Plant", &[datum("fill", 1.0)]).await.unwrap();
    let request = server.requests.try_recv().unwrap().to_ascii_lowercase();
    assert!(request.starts_with("post / http/1.1\r\n"), "{request}");
    for expected in ["content-type: application/x-www-form-urlencoded", "/us-east-1/monitoring/aws4_request"]
    {
        assert!(request.contains(expected), "{expected} in {request}");
    }
    assert!(!request.contains("cbor") && !request.contains("content-encoding"), "{request}");
}

#[tokio::test]
async fn failures_are_read_from_xml() {
    for (status, body, kind, message) in [
        (
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
            ServiceFailureKind::Passing,
            "cloudwatch:PutMetricData: Throttling: Rate exceeded",
        ),
        (
            400,
            "<ErrorResponse><Error><Code>InvalidParameterValue</Code><Message>no &quot;unit&quot;</Message></Error></ErrorResponse>",
            ServiceFailureKind::Lasting,
            "cloudwatch:PutMetricData: InvalidParameterValue: no \"unit\"",
        ),
        (
            503,
            "<ErrorResponse><Error><Code>Unknown</Code></Error></ErrorResponse>",
            ServiceFailureKind::Passing,
            "cloudwatch:PutMetricData: Unknown",
        ),
    ] {
        let server = Canned::start(status, "", body);
        let failure = services_at(&server.endpoint).put("Plant", &[datum("fill", 1.0)]).await.unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
    }
}
