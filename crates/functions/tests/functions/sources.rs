//! Functions that nobody waits for: queued events, and queues as event sources.

use std::sync::Arc;
use std::time::Duration;

use landfall_functions::{InvokeError, Invoker, Limits};
use landfall_model::{EventSourceMapping, Function, MappingId, QueueArn, UnixTime};
use landfall_registry::EventSourceMappings as _;
use landfall_registry::MappingUpdate;
use landfall_services::memory::MemoryQueues;
use landfall_services::{
    FunctionAnswer, FunctionInvoker as _, MessageQueues as _, QueueUrl, ServiceFailureKind,
};
use serde_json::{Value, json};

use crate::support::Fixture;

/// Keeps what it gets in a file, and fails when told so: for all, or for the messages that say it.
const KEEPER: &str = "
import json, os
def handler(event, context):
    with open(os.environ['KEPT'], 'a') as kept:
        kept.write(json.dumps(event) + '\\n')
    if event == 'raise':
        raise Exception('as told')
    bodies = {record['messageId']: record['body'] for record in event['Records']} if 'Records' in event else {}
    if 'raise' in bodies.values():
        raise Exception('as told')
    if 'nonsense' in bodies.values():
        return 'nonsense'
    return {'batchItemFailures': [{'itemIdentifier': id} for id, body in bodies.items() if body == 'fail']}
";

/// What the function has got, when it is so many events.
async fn kept(fixture: &Fixture, count: usize) -> Vec<Value> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let text = std::fs::read_to_string(fixture.data.path().join("kept")).unwrap_or_default();
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if events.len() >= count {
            return events;
        }
        assert!(tokio::time::Instant::now() < deadline, "{count} events were awaited: {events:?}");
        tokio::task::yield_now().await;
    }
}

async fn keeper(fixture: &Fixture) -> Function {
    let mut function = fixture.python(KEEPER).await;
    function.environment = fixture.environment("KEPT", "kept");
    fixture.create(&function).await;
    function
}

fn queue(fixture: &Fixture, name: &str) -> (QueueArn, QueueUrl) {
    let arn = QueueArn::parse(&format!("arn:aws:sqs:eu-west-1:000000000000:{name}")).unwrap();
    let url = fixture.queues.create(&arn);
    (arn, url)
}

fn mapping(function: &Function, queue: &QueueArn) -> EventSourceMapping {
    EventSourceMapping {
        id: MappingId::from_bytes([1; 16]),
        function: function.name.clone(),
        queue: queue.clone(),
        batch_size: 10,
        batching_window_s: 0,
        is_enabled: true,
        reports_item_failures: true,
        created_at: UnixTime::from_secs(1),
        modified_at: UnixTime::from_secs(1),
        last_result: None,
    }
}

async fn send(queues: &MemoryQueues, url: &QueueUrl, bodies: &[&str]) {
    for body in bodies {
        queues.send(url, (*body).to_owned()).await.unwrap();
    }
}

async fn result_is(fixture: &Fixture, id: &MappingId, expected: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let mapping = fixture.registry.event_source_mapping(id).await.unwrap().unwrap();
        if mapping.last_result.as_deref().is_some_and(|found| found.contains(expected)) {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{expected:?} was awaited: {:?}",
            mapping.last_result
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_nobody_waits_for_is_tried_three_times() {
    let moment = Duration::from_millis(1);
    let limits = Limits { retry_delays: [moment, moment], queued_events_max: 1, ..Limits::default() };
    let fixture = Fixture::with(limits).with_python();
    let mut function = fixture.python(KEEPER).await;
    function.environment = fixture.environment("KEPT", "kept");
    let (dead, url) = queue(&fixture, "dead");
    function.dead_letter_target = Some(dead);
    fixture.create(&function).await;
    let function = Arc::new(function);
    fixture.runner.invoke_later(&function, r#""raise""#.into()).unwrap();
    let full = fixture.runner.invoke_later(&function, "1".into());
    assert!(matches!(full, Err(InvokeError::QueueFull { limit: "queued_events_max" })), "{full:?}");
    assert_eq!(fixture.queues.holds(&url, 1).await, [r#""raise""#]);
    assert_eq!(kept(&fixture, 3).await, [json!("raise"), json!("raise"), json!("raise")]);
    let too_large = fixture.runner.invoke_later(&function, vec![b' '; 1_048_577].into());
    assert!(matches!(too_large, Err(InvokeError::EventTooLarge { .. })), "{too_large:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_actions_invoke_the_function_as_the_registry_has_it() {
    let fixture = Fixture::new().with_python();
    let invoker = Invoker::new(Arc::clone(&fixture.runner));
    let code = |answer: u32| {
        format!("def handler(event, context):\n  if event: raise Exception('no')\n  return {answer}")
    };
    let mut function = fixture.python(&code(1)).await;
    let name = function.name.clone();
    let absent = invoker.invoke(&name, "0".into()).await.unwrap_err();
    assert_eq!(
        (absent.kind, &*absent.message),
        (ServiceFailureKind::Lasting, "function jitr does not exist")
    );
    fixture.create(&function).await;
    assert_eq!(invoker.invoke(&name, "0".into()).await.unwrap(), FunctionAnswer::Returned("1".into()));
    let failed = FunctionAnswer::Failed { error_type: "Exception".to_owned(), message: "no".to_owned() };
    assert_eq!(invoker.invoke(&name, "1".into()).await.unwrap(), failed);
    let before = function.revision;
    function = fixture.python(&code(2)).await;
    fixture.commit(|transaction| transaction.update_function(function.clone(), before)).await;
    assert_eq!(invoker.invoke(&name, "0".into()).await.unwrap(), FunctionAnswer::Returned("2".into()));
    fixture.commit(|transaction| transaction.delete_function(name.clone())).await;
    assert_eq!(invoker.invoke(&name, "0".into()).await.unwrap_err(), absent);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_the_function_takes_are_removed() {
    let fixture = Fixture::new().with_python();
    let function = keeper(&fixture).await;
    let (arn, url) = queue(&fixture, "devices");
    send(&fixture.queues, &url, &["a", "fail", "b"]).await;
    let mapping = mapping(&function, &arn);
    fixture.commit(|transaction| transaction.create_event_source_mapping(mapping.clone())).await;
    assert_eq!(fixture.queues.holds(&url, 1).await, ["fail"]);
    let events = kept(&fixture, 1).await;
    let bodies = events[0]["Records"].as_array().unwrap().iter().map(|record| &record["body"]);
    assert_eq!(bodies.collect::<Vec<_>>(), ["a", "fail", "b"]);
    assert_eq!(events[0]["Records"][0]["eventSourceARN"], arn.as_str());
    result_is(&fixture, &mapping.id, "failed on 1 of 3 messages").await;
    // It comes back, and fails again; one that makes the function raise, or answer nonsense, stays with all of its batch.
    for body in ["raise", "nonsense"] {
        send(&fixture.queues, &url, &[body]).await;
        let problem = if body == "raise" { "Function call failed: Exception" } else { "batchItemFailures" };
        result_is(&fixture, &mapping.id, problem).await;
    }
    assert_eq!(fixture.queues.bodies(&url), ["fail", "raise", "nonsense"]);
    send(&fixture.queues, &url, &["c"]).await;
    result_is(&fixture, &mapping.id, "OK").await;
    fixture.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_is_disabled_or_deleted_is_not_polled() {
    let fixture = Fixture::new().with_python();
    let function = keeper(&fixture).await;
    let (arn, url) = queue(&fixture, "devices");
    let mapping = EventSourceMapping { is_enabled: false, ..mapping(&function, &arn) };
    fixture.commit(|transaction| transaction.create_event_source_mapping(mapping.clone())).await;
    send(&fixture.queues, &url, &["a"]).await;
    let set = async |is_enabled: bool| {
        let expected = fixture.registry.event_source_mapping(&mapping.id).await.unwrap().unwrap();
        let update = MappingUpdate {
            function: expected.function.clone(),
            batch_size: 1,
            batching_window_s: 0,
            is_enabled,
            reports_item_failures: false,
            at: UnixTime::from_secs(2),
            expected,
        };
        fixture.commit(|transaction| transaction.update_event_source_mapping(update)).await;
    };
    assert_eq!(fixture.queues.bodies(&url), ["a"]);
    set(true).await;
    fixture.queues.holds(&url, 0).await;
    // Without reports every batch that the function returns from is done.
    send(&fixture.queues, &url, &["fail", "fail"]).await;
    fixture.queues.holds(&url, 0).await;
    let events = kept(&fixture, 3).await;
    assert!(events.iter().all(|event| event["Records"].as_array().unwrap().len() == 1), "{events:?}");
    fixture.commit(|transaction| transaction.delete_event_source_mapping(mapping.id)).await;
    fixture.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_its_function_or_its_queue_says_so_and_keeps_the_messages() {
    let fixture = Fixture::new().with_python();
    let function = fixture.python(KEEPER).await;
    let (arn, url) = queue(&fixture, "devices");
    send(&fixture.queues, &url, &["a"]).await;
    let without_function = mapping(&function, &arn);
    let absent = QueueArn::parse("arn:aws:sqs:eu-west-1:000000000000:absent").unwrap();
    let id = MappingId::from_bytes([2; 16]);
    let without_queue = EventSourceMapping { id, queue: absent, ..without_function.clone() };
    for mapping in [&without_function, &without_queue] {
        fixture.commit(|transaction| transaction.create_event_source_mapping(mapping.clone())).await;
    }
    result_is(&fixture, &without_function.id, "PROBLEM: function jitr does not exist").await;
    result_is(&fixture, &without_queue.id, "PROBLEM: QueueDoesNotExist").await;
    assert_eq!(fixture.queues.bodies(&url), ["a"]);
    fixture.drain().await;
}
