//! Event source mappings.

use landfall_api::Service;
use landfall_model::{EventSourceMapping, FunctionName, MappingId, QueueArn};
use landfall_registry::{EventSourceMappings as _, Registry as _, Transaction};
use serde_json::{Value, json};

use super::functions::{LAMBDA, lambda, with};
use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::world::{EARLIER, World};

const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:";
const NOW: f64 = 1_767_323_045.0;

/// The ids of the mappings at the start.
const FIRST: &str = "51515151-5151-5151-5151-515151515151";
const SECOND: &str = "52525252-5252-5252-5252-525252525252";

pub(super) fn samples() -> Vec<Sample> {
    let sample = |operation, method, target: &str, body: &str| {
        Sample::iot(operation, method, target, body).for_service(Service::Lambda)
    };
    let second = format!("{MAPPINGS}/{SECOND}");
    vec![
        sample("CreateEventSourceMapping", "POST", MAPPINGS, &creation("new").to_string()),
        sample("GetEventSourceMapping", "GET", &second, ""),
        sample("ListEventSourceMappings", "GET", MAPPINGS, ""),
        sample("UpdateEventSourceMapping", "PUT", &second, r#"{"Enabled":true}"#),
        sample("DeleteEventSourceMapping", "DELETE", &second, ""),
    ]
}

/// Two mappings of one function.
pub(super) fn fill(transaction: &mut Transaction) {
    for (number, queue, is_enabled) in [(0x51, "queue-1", true), (0x52, "queue-2", false)] {
        transaction.create_event_source_mapping(EventSourceMapping {
            id: MappingId::from_bytes([number; 16]),
            function: FunctionName::parse("function-1").unwrap(),
            queue: QueueArn::parse(&format!("{QUEUE}{queue}")).unwrap(),
            batch_size: 10,
            batching_window_s: 0,
            is_enabled,
            reports_item_failures: is_enabled,
            created_at: EARLIER,
            modified_at: EARLIER,
            last_result: is_enabled.then(|| "OK".into()),
        });
    }
}

fn creation(queue: &str) -> Value {
    json!({"FunctionName": "function-2", "EventSourceArn": format!("{QUEUE}{queue}")})
}

fn mapping(id: &str, queue: &str, function: &str) -> Value {
    json!({
        "UUID": id, "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "EventSourceArn": format!("{QUEUE}{queue}"),
        "FunctionArn": format!("{LAMBDA}function:{function}"), "LastModified": 1_767_000_000.25,
        "LastProcessingResult": "No records processed", "State": "Enabled",
        "StateTransitionReason": "USER_INITIATED", "FunctionResponseTypes": [],
        "EventSourceMappingArn": format!("{LAMBDA}event-source-mapping:{id}"),
    })
}

fn first() -> Value {
    let more = json!({"LastProcessingResult": "OK", "FunctionResponseTypes": ["ReportBatchItemFailures"]});
    with(mapping(FIRST, "queue-1", "function-1"), more)
}

fn second() -> Value {
    with(mapping(SECOND, "queue-2", "function-1"), json!({"State": "Disabled"}))
}

async fn create(world: &World, body: &Value) -> Value {
    let answer = lambda(world, "POST", MAPPINGS, body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_queue_is_mapped() {
    let world = World::start().await;
    let answer = create(&world, &creation("new")).await;
    let id = answer["UUID"].as_str().unwrap().to_owned();
    let expected = with(mapping(&id, "new", "function-2"), json!({"LastModified": NOW}));
    assert_eq!(answer, expected);
    let target = format!("{MAPPINGS}/{id}");
    assert_eq!(lambda(&world, "GET", &target, &Value::Null).await.ok(), expected);
    let all = with(
        creation("other"),
        json!({
            "FunctionName": format!("{LAMBDA}function:function-2"), "Enabled": false, "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 5, "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": {"Filters": []}, "Tags": {},
        }),
    );
    let answer = create(&world, &all).await;
    let expected = json!({
        "BatchSize": 100, "MaximumBatchingWindowInSeconds": 5, "State": "Disabled", "LastModified": NOW,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    });
    let id = answer["UUID"].as_str().unwrap();
    assert_eq!(answer, with(mapping(id, "other", "function-2"), expected));
    // A FIFO queue has smaller batches.
    create(&world, &creation("in-order.fifo")).await;
}

#[tokio::test]
async fn mappings_are_listed_by_page() {
    let world = World::start().await;
    let escaped = format!("{QUEUE}queue-2").replace(':', "%3A");
    for (query, expected) in [
        (String::new(), vec![first(), second()]),
        ("FunctionName=function-1".to_owned(), vec![first(), second()]),
        ("FunctionName=function-2".to_owned(), vec![]),
        (format!("EventSourceArn={escaped}"), vec![second()]),
        (format!("FunctionName=function-1&EventSourceArn={escaped}"), vec![second()]),
    ] {
        let target = format!("{MAPPINGS}/?{query}");
        assert_pages(&world, Listing::Lambda(&target, "EventSourceMappings"), &expected).await;
    }
}

#[tokio::test]
async fn a_mapping_is_changed() {
    let world = World::start().await;
    let target = format!("{MAPPINGS}/{FIRST}");
    let answer = lambda(&world, "PUT", &target, &json!({"Enabled": false})).await;
    let expected = with(first(), json!({"State": "Disabled", "LastModified": NOW}));
    assert_eq!((answer.status, answer.json()), (202, expected.clone()));
    let body = json!({
        "FunctionName": "function-2", "Enabled": true, "BatchSize": 20, "MaximumBatchingWindowInSeconds": 1,
        "FunctionResponseTypes": [],
    });
    let answer = lambda(&world, "PUT", &target, &body).await;
    let more = json!({
        "FunctionArn": format!("{LAMBDA}function:function-2"), "State": "Enabled", "BatchSize": 20,
        "MaximumBatchingWindowInSeconds": 1, "FunctionResponseTypes": [],
    });
    let expected = with(expected, more);
    assert_eq!((answer.status, answer.json()), (202, expected.clone()));
    assert_eq!(lambda(&world, "GET", &target, &Value::Null).await.ok(), expected);
}

#[tokio::test]
async fn a_mapping_is_deleted() {
    let world = World::start().await;
    let target = format!("{MAPPINGS}/{FIRST}");
    let answer = lambda(&world, "DELETE", &target, &Value::Null).await;
    assert_eq!((answer.status, answer.json()), (202, with(first(), json!({"State": "Deleting"}))));
    for (method, body) in [("GET", Value::Null), ("PUT", json!({"Enabled": true})), ("DELETE", Value::Null)] {
        let expected = "404 ResourceNotFoundException: The resource you requested does not exist.";
        assert_eq!(lambda(&world, method, &target, &body).await.error(), expected);
        let no_id = format!("{MAPPINGS}/{}", "x".repeat(36));
        assert_eq!(lambda(&world, method, &no_id, &body).await.error(), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_mapped_is_refused() {
    let world = World::start().await;
    let invalid = "400 InvalidParameterValueException: ";
    let other_source = "it is of sources other than a queue of SQS, which alone can be mapped; leave it out";
    for (change, expected) in [
        (
            json!({"EventSourceArn": null}),
            format!("{invalid}EventSourceArn is missing: the ARN of a queue of SQS"),
        ),
        (
            json!({"EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}),
            format!(
                "{invalid}EventSourceArn: \"arn:aws:kinesis:us-east-1:123456789012:stream/s\" is not the ARN of a queue, as arn:aws:sqs:us-east-1:000000000000:devices is: its service is not sqs"
            ),
        ),
        (
            json!({"FunctionName": "other"}),
            format!("404 ResourceNotFoundException: Function not found: {LAMBDA}function:other"),
        ),
        (
            json!({"BatchSize": 11}),
            format!(
                "{invalid}batch size 11 needs a batching window of at least 1 s; without one at most 10 are allowed"
            ),
        ),
        (
            json!({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}),
            format!("{invalid}FilterCriteria is not supported here: it is not built; leave it out"),
        ),
        (
            json!({"StartingPosition": "LATEST"}),
            format!("{invalid}StartingPosition is not supported here: {other_source}"),
        ),
        (
            json!({"ParallelizationFactor": 1}),
            format!("{invalid}ParallelizationFactor is not supported here: {other_source}"),
        ),
        (
            json!({"FunctionName": "function-1", "EventSourceArn": format!("{QUEUE}queue-1")}),
            format!(
                "409 ResourceConflictException: event-source mapping {FIRST} gives queue {QUEUE}queue-1 to function function-1 already"
            ),
        ),
    ] {
        let answer = lambda(&world, "POST", MAPPINGS, &with(creation("new"), change.clone())).await;
        assert_eq!(answer.error(), expected, "{change}");
    }
    for (change, expected) in [
        (
            json!({"BatchSize": 11}),
            format!(
                "{invalid}batch size 11 needs a batching window of at least 1 s; without one at most 10 are allowed"
            ),
        ),
        (
            json!({"FunctionName": "other"}),
            format!("404 ResourceNotFoundException: Function not found: {LAMBDA}function:other"),
        ),
        (
            json!({"ScalingConfig": {"MaximumConcurrency": 2}}),
            format!("{invalid}ScalingConfig is not supported here: it is not built; leave it out"),
        ),
    ] {
        let answer = lambda(&world, "PUT", &format!("{MAPPINGS}/{FIRST}"), &change).await;
        assert_eq!(answer.error(), expected, "{change}");
    }
    let stored = world.registry.every_event_source_mapping().await.unwrap();
    assert_eq!(stored.len(), 2);
}

#[tokio::test]
async fn a_mapping_outlives_its_function() {
    let world = World::start().await;
    let mut transaction = Transaction::new();
    transaction.delete_function(FunctionName::parse("function-1").unwrap());
    world.registry.commit(transaction).await.unwrap();
    let target = format!("{MAPPINGS}/{FIRST}");
    assert_eq!(lambda(&world, "GET", &target, &Value::Null).await.ok(), first());
    // It can still be switched off.
    assert_eq!(lambda(&world, "PUT", &target, &json!({"Enabled": false})).await.status, 202);
}
