//! Invocations of functions, and what they log.

use std::time::Duration;

use landfall_api::{HttpRequest, Service};
use serde_json::json;

use super::client::{Answer, credentials, send, signed};
use super::samples::Sample;
use super::world::World;

const INVOKE: &str = "/2015-03-31/functions/function-1/invocations";

pub(super) fn samples() -> Vec<Sample> {
    vec![Sample::iot("Invoke", "POST", INVOKE, "{}").for_service(Service::Lambda)]
}

fn request(world: &World, kind: &str, event: &str) -> HttpRequest {
    world.request("POST", INVOKE, event).with_header("x-amz-invocation-type", kind)
}

async fn invoke(world: &World, request: HttpRequest) -> Answer {
    send(world.address, &signed(request, "lambda", &credentials())).await
}

fn names<'a>(answer: &'a Answer, prefix: &'a str) -> Vec<(&'a str, &'a str)> {
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    headers.filter(|(name, _)| name.starts_with(prefix)).collect()
}

#[tokio::test]
async fn a_function_answers() {
    let world = World::start().await;
    let answer = invoke(&world, request(&world, "RequestResponse", "{\"a\": 1}")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "[{\"a\": 1}]"));
    assert_eq!(names(&answer, "x-amz-"), [("x-amz-executed-version", "$LATEST")]);
    // Without a type, and without an event.
    let answer = invoke(&world, world.request("POST", INVOKE, "")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "[{}]"));
    assert_eq!(world.host.take_invoked(), ["now function-1 {\"a\": 1}", "now function-1 {}"]);
}

#[tokio::test]
async fn the_end_of_the_log_comes_with_the_answer() {
    let world = World::start().await;
    let wanted = request(&world, "RequestResponse", "1").with_header("x-amz-log-type", "Tail");
    let answer = invoke(&world, wanted).await;
    assert_eq!(answer.header("x-amz-log-result"), "U1RBUlQKRU5ECg==");
    let unwanted = request(&world, "RequestResponse", "1").with_header("x-amz-log-type", "None");
    let answer = invoke(&world, unwanted).await;
    assert_eq!(names(&answer, "x-amz-log"), []);
}

#[tokio::test]
async fn a_function_that_fails_is_an_answer() {
    let world = World::start().await;
    let answer = invoke(&world, request(&world, "RequestResponse", "\"fail\"")).await;
    assert_eq!((answer.status, answer.header("x-amz-function-error")), (200, "Unhandled"));
    assert_eq!(answer.json(), json!({"errorMessage": "no", "errorType": "ValueError"}));
}

#[tokio::test]
async fn an_event_waits_for_its_turn() {
    let world = World::start().await;
    let answer = invoke(&world, request(&world, "Event", "[1]")).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    assert_eq!(world.host.take_invoked(), ["later function-1 [1]"]);
    let answer = invoke(&world, request(&world, "DryRun", "[1]")).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(world.host.take_invoked(), [""; 0]);
}

#[tokio::test]
async fn what_is_not_invoked_says_why() {
    let world = World::start().await;
    for (kind, event, expected) in [
        ("RequestResponse", "\"busy\"", "429 TooManyRequestsException: 16 invocations run already"),
        ("RequestResponse", "\"large\"", "413 RequestTooLargeException: the event has 7 bytes"),
        ("RequestResponse", "\"early\"", "503 ServiceUnavailableException: the server starts"),
        ("Event", "\"busy\"", "429 TooManyRequestsException: 1000 events wait already"),
        (
            "RequestResponse",
            "\"gone\"",
            "502 InvalidRuntimeException: the runtime python3.12 cannot run here: python3 is gone",
        ),
        (
            "RequestResponse",
            "\"broken\"",
            "500 ServiceException: the server failed; its log has the reason under this request id",
        ),
        (
            "RequestResponse",
            "{",
            "400 InvalidRequestContentException: Could not parse request body into json: EOF while parsing an object at line 1 column 1",
        ),
    ] {
        let answer = invoke(&world, request(&world, kind, event)).await;
        assert_eq!(answer.error(), expected, "{kind} {event}");
    }
    let answer = invoke(&world, request(&world, "Later", "{}")).await.error();
    assert!(answer.starts_with("400 ValidationException: "), "{answer}");
    let context = request(&world, "Event", "{}").with_header("x-amz-client-context", "e30=");
    assert_eq!(
        invoke(&world, context).await.error(),
        "400 InvalidParameterValueException: ClientContext is not supported here: functions are told nothing of the client; \
         leave it out"
    );
    let missing = world.request("POST", "/2015-03-31/functions/other/invocations", "{}");
    assert_eq!(
        invoke(&world, missing).await.error(),
        "404 ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:other"
    );
}

#[tokio::test]
async fn an_event_has_a_size() {
    let world = World::start_with(|config| {
        config.limits.invocation_bytes_max = 2_000;
        config.limits.event_bytes_max = 1_000;
    })
    .await;
    let event = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert_eq!(invoke(&world, request(&world, "Event", &event(1_000))).await.status, 202);
    assert_eq!(invoke(&world, request(&world, "RequestResponse", &event(2_000))).await.status, 200);
    assert_eq!(
        invoke(&world, request(&world, "Event", &event(1_001))).await.error(),
        "413 RequestTooLargeException: 1001 byte payload is too large for the Event invocation type (limit 1000 bytes)"
    );
    assert_eq!(
        invoke(&world, request(&world, "RequestResponse", &event(2_001))).await.error(),
        "413 RequestTooLargeException: the body is too large: at most 2000 bytes are read"
    );
    assert_eq!(world.host.take_invoked().len(), 2);
}

#[tokio::test]
async fn a_function_may_take_longer_than_other_requests() {
    let world = World::start_with(|config| {
        config.limits.request_timeout = Duration::from_millis(500);
        config.limits.invocation_slack = Duration::ZERO;
    })
    .await;
    let configuration = "/2015-03-31/functions/function-1/configuration";
    assert_eq!(world.signed("lambda", "PUT", configuration, r#"{"Timeout":1}"#).await.status, 200);
    let started = tokio::time::Instant::now();
    let answer = invoke(&world, request(&world, "RequestResponse", "\"never\"")).await;
    assert_eq!(
        answer.error(),
        "503 ServiceUnavailableException: the function has a timeout of 1 s, and there is no answer 0 s later, which is the \
         limit invocation_slack; it may still run"
    );
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn invocations_beyond_the_limit_are_told_to_come_back() {
    let world = World::start_with(|config| {
        config.limits.invocations_max = 0;
        config.limits.requests_max = 1;
    })
    .await;
    assert_eq!(
        invoke(&world, request(&world, "RequestResponse", "{}")).await.error(),
        "429 TooManyRequestsException: 0 invocations are under way, which is the limit invocations_max; try again"
    );
    assert_eq!(world.iot("GET", "/things", "").await.status, 200);
    // They do not take the place of other requests either.
    let world = World::start_with(|config| config.limits.requests_max = 0).await;
    assert_eq!(invoke(&world, request(&world, "RequestResponse", "{}")).await.status, 200);
    assert_eq!(world.iot("GET", "/things", "").await.status, 503);
}

#[tokio::test]
async fn a_log_is_read_in_parts() {
    let world = World::start().await;
    let logs = "/landfall/v1/functions/function-1/logs";
    for (query, text, next) in [
        ("", "function-1 waited 0 s\n", 7),
        ("?after=5", "function-1 waited 0 s\n", 12),
        ("?after=12&wait=20", "function-1 waited 20 s\n", 19),
    ] {
        let answer = world.signed("landfall", "GET", &format!("{logs}{query}"), "").await;
        assert_eq!(answer.ok(), json!({"text": text, "next": next}));
    }
    for (method, target, expected) in [
        (
            "GET",
            "/landfall/v1/functions/other/logs",
            "404 ResourceNotFoundException: function other does not exist",
        ),
        (
            "GET",
            "/landfall/v1/functions/a%20b/logs",
            "400 InvalidRequestException: function name \"a%20b\" has the character '%'; allowed are letters, digits and - _",
        ),
        (
            "GET",
            "/landfall/v1/functions/function-1/logs?wait=21",
            "400 InvalidRequestException: wait is \"21\"; it takes a number of seconds from 0 to 20",
        ),
        (
            "GET",
            "/landfall/v1/functions/function-1/logs?limit=1",
            "400 InvalidRequestException: the parameter \"limit\" is not known here",
        ),
        (
            "POST",
            "/landfall/v1/functions/function-1/logs",
            "405 MethodNotAllowedException: GetFunctionLog is asked for with GET, not with POST",
        ),
    ] {
        assert_eq!(world.signed("landfall", method, target, "").await.error(), expected, "{target}");
    }
    let unsigned = send(world.address, &world.request("GET", logs, "")).await;
    assert_eq!(unsigned.status, 403);
}
