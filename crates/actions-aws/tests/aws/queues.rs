use std::time::Duration;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;
use landfall_model::QueueArn;
use landfall_services::{MessageQueues as _, QueueAttribute, QueueUrl, ReceiveOptions, ServiceFailureKind};

use crate::moto::Moto;
use crate::services_at;

/// The account that moto_server is.
const ARN: &str = "arn:aws:sqs:us-east-1:123456789012:devices";

fn sdk(endpoint: &str) -> aws_sdk_sqs::Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_sqs::Config::builder()
        .http_client(http)
        .endpoint_url(endpoint)
        .region(aws_sdk_sqs::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_sqs::config::Credentials::new("a", "b", None, None, "test"));
    aws_sdk_sqs::Client::from_conf(config.build())
}

const fn options(messages_max: u8, wait_s: u64, visibility_s: u64) -> ReceiveOptions {
    ReceiveOptions {
        messages_max,
        wait: Duration::from_secs(wait_s),
        visibility: Some(Duration::from_secs(visibility_s)),
    }
}

#[tokio::test]
async fn messages_are_sent_taken_returned_and_deleted() {
    let moto = Moto::start();
    let services = services_at(moto.endpoint());
    sdk(moto.endpoint()).create_queue().queue_name("devices").send().await.unwrap();
    let queue = services.queue_url(&QueueArn::parse(ARN).unwrap()).await.unwrap();
    assert!(queue.as_str().ends_with("/123456789012/devices"), "{queue}");

    let body = r#"{"certificateStatus":"PENDING_ACTIVATION","note":"é"}"#;
    services.send(&queue, body.to_owned()).await.unwrap();
    let taken = services.receive(&queue, options(10, 1, 600)).await.unwrap();
    let [message] = taken.as_slice() else { panic!("one message was sent: {taken:?}") };
    assert_eq!(message.body, body);
    assert_eq!(message.body_md5.len(), 32);
    let count = ("ApproximateReceiveCount".to_owned(), "1".to_owned());
    assert!(message.attributes.contains(&count), "{message:?}");
    assert!(message.attributes.iter().any(|(name, _)| name == "SentTimestamp"), "{message:?}");

    // Out of sight, until it is returned.
    assert_eq!(services.receive(&queue, options(1, 0, 600)).await.unwrap(), []);
    services
        .return_after(&queue, std::slice::from_ref(&message.receipt_handle), Duration::ZERO)
        .await
        .unwrap();
    let again = services.receive(&queue, options(1, 5, 600)).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].id, message.id);

    services.delete(&queue, std::slice::from_ref(&again[0].receipt_handle)).await.unwrap();
    let attributes = sdk(moto.endpoint())
        .get_queue_attributes()
        .queue_url(queue.as_str())
        .attribute_names(aws_sdk_sqs::types::QueueAttributeName::All)
        .send()
        .await
        .unwrap()
        .attributes
        .unwrap();
    for name in ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] {
        let name = aws_sdk_sqs::types::QueueAttributeName::from(name);
        assert_eq!(attributes.get(&name).map(String::as_str), Some("0"), "{attributes:?}");
    }
}

#[tokio::test]
async fn attributes_of_the_sender_arrive_and_many_are_deleted_at_once() {
    let moto = Moto::start();
    let services = services_at(moto.endpoint());
    let client = sdk(moto.endpoint());
    let url = client.create_queue().queue_name("devices").send().await.unwrap().queue_url.unwrap();
    // A URL of AWS, as a rule made for AWS has it: the endpoint stands in.
    let queue = QueueUrl::new("https://sqs.us-east-1.amazonaws.com/123456789012/devices");

    let text = MessageAttributeValue::builder().data_type("Number").string_value("21.5").build().unwrap();
    let binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([0, 255]))
        .build()
        .unwrap();
    let request = client.send_message().queue_url(&url).message_body("with attributes");
    request.message_attributes("value", text).message_attributes("raw", binary).send().await.unwrap();
    let taken = services.receive(&queue, options(1, 1, 600)).await.unwrap();
    assert_eq!(
        taken[0].message_attributes,
        [
            (
                "raw".to_owned(),
                QueueAttribute::Binary { data_type: "Binary".to_owned(), value: vec![0, 255] }
            ),
            (
                "value".to_owned(),
                QueueAttribute::Text { data_type: "Number".to_owned(), value: "21.5".to_owned() }
            ),
        ]
    );

    let mut handles = vec![taken[0].receipt_handle.clone()];
    for number in 0..11 {
        services.send(&queue, number.to_string()).await.unwrap();
    }
    while handles.len() < 12 {
        let taken = services.receive(&queue, options(10, 1, 600)).await.unwrap();
        assert!(!taken.is_empty(), "eleven messages are there");
        handles.extend(taken.into_iter().map(|message| message.receipt_handle));
    }
    services.return_after(&queue, &handles, Duration::from_secs(600)).await.unwrap();
    services.delete(&queue, &handles).await.unwrap();
    let failure = services.return_after(&queue, &handles, Duration::ZERO).await.unwrap_err();
    assert_eq!(failure.kind, ServiceFailureKind::Lasting, "{failure}");
}

#[tokio::test]
async fn a_queue_that_is_not_there_fails_for_good() {
    let moto = Moto::start();
    let services = services_at(moto.endpoint());
    let absent = QueueUrl::new(format!("{}/123456789012/absent", moto.endpoint()));
    for failure in [
        services.queue_url(&QueueArn::parse(ARN).unwrap()).await.unwrap_err(),
        services.send(&absent, "{}".to_owned()).await.unwrap_err(),
        services.receive(&absent, options(1, 0, 600)).await.unwrap_err(),
        services.delete(&absent, &["handle".to_owned()]).await.unwrap_err(),
        services.return_after(&absent, &["handle".to_owned()], Duration::ZERO).await.unwrap_err(),
    ] {
        assert_eq!(failure.kind, ServiceFailureKind::Lasting, "{failure}");
        assert!(
            failure.message.contains("NonExistentQueue") || failure.message.contains("QueueDoesNotExist"),
            "{failure}"
        );
    }
}
