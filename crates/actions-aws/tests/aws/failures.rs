use std::net::TcpListener;
use std::time::Duration;

use landfall_actions_aws::{AwsServices, Config, Endpoints, Timeouts};
use landfall_model::Region;
use landfall_services::{
    MessageQueues as _, Metrics as _, QueueUrl, ServiceFailure, ServiceFailureKind, Tables as _,
};

use crate::canned::Canned;
use crate::{services, services_at};

async fn send(services: &AwsServices, queue: &str) -> Result<(), ServiceFailure> {
    services.send(&QueueUrl::new(queue), "{}".to_owned()).await
}

#[tokio::test]
async fn an_answer_tells_whether_its_failure_passes() {
    use ServiceFailureKind::{Lasting, Passing};
    for (status, code, body, kind, message) in [
        (503, "", "<html>busy</html>", Passing, "sqs:SendMessage: status 503"),
        (500, "InternalFailure", "{}", Passing, "sqs:SendMessage: InternalFailure"),
        (429, "", "{}", Passing, "sqs:SendMessage: status 429"),
        (
            400,
            "RequestThrottled",
            r#"{"message":"slow\ndown"}"#,
            Passing,
            "sqs:SendMessage: RequestThrottled: slow down",
        ),
        (400, "InvalidMessageContents", "{}", Lasting, "sqs:SendMessage: InvalidMessageContents"),
        (
            403,
            "AccessDeniedException",
            r#"{"message":"not yours"}"#,
            Lasting,
            "sqs:SendMessage: AccessDeniedException: not yours",
        ),
        (404, "", "<html>no such page</html>", Lasting, "sqs:SendMessage: status 404"),
        (200, "", "<html>", Passing, "sqs:SendMessage: status 200"),
    ] {
        let server = Canned::start(status, code, body);
        let services = services_at(&server.endpoint);
        let failure = send(&services, &format!("{}/000000000000/q", server.endpoint)).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.message.starts_with(message), "{failure}");
        assert!(!failure.message.contains('\n'), "{failure}");
        // The SDK does not try again by itself.
        assert_eq!(server.requests.try_iter().count(), 1, "{failure}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_answer_may_be_there_later() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let endpoints = Endpoints { all: Some(silent.clone()), ..Endpoints::default() };
    let impatient = services(endpoints, Duration::from_millis(50));
    let failure = send(&impatient, &format!("{silent}/1/q")).await.unwrap_err();
    assert_eq!(failure.kind, ServiceFailureKind::Passing, "{failure}");
    assert!(failure.message.contains("timeout"), "{failure}");

    drop(listener);
    let services = services_at(&silent);
    for failure in [
        send(&services, &format!("{silent}/1/q")).await.unwrap_err(),
        services.put_item("t", [].into()).await.unwrap_err(),
        services.put("n", &[datum()]).await.unwrap_err(),
    ] {
        assert_eq!(failure.kind, ServiceFailureKind::Passing, "{failure}");
        assert!(failure.message.contains("Connection refused"), "{failure}");
    }
}

fn datum() -> landfall_services::MetricDatum {
    landfall_services::MetricDatum {
        name: "m".to_owned(),
        dimensions: Vec::new(),
        value: 1.0,
        unit: "None".to_owned(),
        at: landfall_model::UnixTime::from_secs(1),
        storage_resolution_s: None,
    }
}

#[tokio::test]
async fn without_credentials_each_call_says_what_to_set() {
    let services = AwsServices::build(Config {
        region: Region::parse("us-east-1").unwrap(),
        endpoints: Endpoints::default(),
        credentials: None,
        timeouts: Timeouts::default(),
    })
    .unwrap();
    for failure in [
        send(&services, "http://127.0.0.1:1/1/q").await.unwrap_err(),
        services.put_item("t", [].into()).await.unwrap_err(),
        services.put("n", &[]).await.unwrap_err(),
    ] {
        assert_eq!(failure.kind, ServiceFailureKind::Lasting);
        for word in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            assert!(failure.message.contains(word), "{failure}");
        }
    }
}

#[tokio::test]
async fn what_is_no_url_is_no_queue() {
    let services = services_at("http://127.0.0.1:1");
    for queue in ["", "devices", "arn:aws:sqs:us-east-1:000000000000:devices"] {
        let failure = send(&services, queue).await.unwrap_err();
        assert_eq!(failure.kind, ServiceFailureKind::Lasting, "{failure}");
        assert!(failure.message.contains("is not the URL of a queue"), "{failure}");
    }
}

#[tokio::test]
async fn a_queue_is_where_its_url_says_unless_an_endpoint_stands_in_for_aws() {
    let own = Canned::start(403, "AccessDenied", "{}");
    let endpoint = Canned::start(403, "AccessDenied", "{}");
    let services = services_at(&endpoint.endpoint);

    let _ = send(&services, &format!("{}/000000000000/q", own.endpoint)).await;
    let request = own.requests.try_recv().expect("the URL's own server is asked");
    assert!(request.contains("/us-east-1/sqs/aws4_request"), "{request}");
    assert_eq!(endpoint.requests.try_iter().count(), 0);

    let _ = send(&services, "https://sqs.eu-west-1.amazonaws.com/000000000000/q").await;
    let request = endpoint.requests.try_recv().expect("the endpoint is asked");
    assert!(request.contains("/eu-west-1/sqs/aws4_request"), "{request}");
    assert!(request.contains("https://sqs.eu-west-1.amazonaws.com/000000000000/q"), "{request}");
    assert_eq!(own.requests.try_iter().count(), 0);
}

#[tokio::test]
async fn the_endpoint_of_a_service_goes_before_that_of_all() {
    let all = Canned::start(403, "AccessDenied", "{}");
    let one = Canned::start(403, "AccessDenied", "{}");
    let endpoints = Endpoints {
        all: Some(all.endpoint.clone()),
        dynamodb: Some(one.endpoint.clone()),
        ..Endpoints::default()
    };
    let services = services(endpoints, Duration::from_secs(60));
    let _ = services.put_item("t", [].into()).await;
    assert_eq!((all.requests.try_iter().count(), one.requests.try_iter().count()), (0, 1));
    let _ = services.put("n", &[datum()]).await;
    assert_eq!((all.requests.try_iter().count(), one.requests.try_iter().count()), (1, 0));
}

#[tokio::test]
async fn a_batch_of_which_a_part_failed_has_failed() {
    let body = r#"{"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","SenderFault":true,"Code":"ReceiptHandleIsInvalid","Message":"gone"}]}"#;
    let server = Canned::start(200, "", body);
    let services = services_at(&server.endpoint);
    let queue = QueueUrl::new(format!("{}/000000000000/q", server.endpoint));
    let handles: Vec<_> = (0..12).map(|number| format!("handle-{number}")).collect();
    for failure in [
        services.delete(&queue, &handles).await.unwrap_err(),
        services.return_after(&queue, &handles, Duration::ZERO).await.unwrap_err(),
    ] {
        assert_eq!(failure.kind, ServiceFailureKind::Lasting, "{failure}");
        assert!(
            failure.message.ends_with(": ReceiptHandleIsInvalid: gone (1 of the messages failed)"),
            "{failure}"
        );
    }
    // Ten handles and then two, twice: the first batch's failure does not keep the second from being sent.
    let requests: Vec<_> = server.requests.try_iter().collect();
    let handles_of = |request: &String| request.matches("handle-").count();
    assert_eq!(requests.iter().map(handles_of).collect::<Vec<_>>(), [10, 2, 10, 2]);
}
