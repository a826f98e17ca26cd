//! Logging options and log levels.

use landfall_model::{LogLevel, LogTarget, LogTargetKind, LogText};
use landfall_registry::{Registry as _, Transaction};
use serde_json::{Value, json};

use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::things::{assert_empty, refused};
use super::world::World;

const ROLE: &str = "arn:aws:iam::123456789012:role/logs";
const NOT_CONFIGURED: &str =
    "404 NotConfiguredException: the logging options are not set; set them before the levels of targets";

pub(super) fn samples() -> Vec<Sample> {
    let iot = Sample::iot;
    let options = json!({"roleArn": ROLE, "logLevel": "INFO", "defaultLogLevel": "INFO"}).to_string();
    let level = level_body("CLIENT_ID", Some("client"), "DEBUG").to_string();
    vec![
        iot("GetLoggingOptions", "GET", "/loggingOptions", ""),
        iot("SetLoggingOptions", "POST", "/loggingOptions", &options),
        iot("SetV2LoggingOptions", "POST", "/v2LoggingOptions", &options),
        iot("GetV2LoggingOptions", "GET", "/v2LoggingOptions", ""),
        iot("SetV2LoggingLevel", "POST", "/v2LoggingLevel", &level),
        iot("ListV2LoggingLevels", "GET", "/v2LoggingLevel", ""),
        iot("DeleteV2LoggingLevel", "DELETE", "/v2LoggingLevel?targetType=CLIENT_ID&targetName=client", ""),
    ]
}

fn level_body(kind: &str, name: Option<&str>, level: &str) -> Value {
    json!({"logTarget": {"targetType": kind, "targetName": name}, "logLevel": level})
}

async fn set_options(world: &World, body: Value) {
    assert_empty(&world.iot("POST", "/v2LoggingOptions", &body.to_string()).await);
}

async fn set_level(world: &World, kind: &str, name: Option<&str>, level: &str) {
    assert_empty(&world.iot("POST", "/v2LoggingLevel", &level_body(kind, name, level).to_string()).await);
}

async fn options(world: &World, query: &str) -> Value {
    world.iot("GET", &format!("/v2LoggingOptions{query}"), "").await.ok()
}

#[tokio::test]
async fn the_first_form_of_the_options_is_kept() {
    let world = World::start().await;
    let described = async || world.iot("GET", "/loggingOptions", "").await.ok();
    assert_eq!(described().await, json!({"logLevel": "DISABLED"}));
    for (body, level) in
        [(json!({"roleArn": ROLE, "logLevel": "DEBUG"}), "DEBUG"), (json!({"roleArn": ROLE}), "ERROR")]
    {
        assert_empty(&world.iot("POST", "/loggingOptions", &body.to_string()).await);
        assert_eq!(described().await, json!({"roleArn": ROLE, "logLevel": level}));
    }
    let expected = "400 InvalidRequestException: roleArn: text has 0 characters; it needs 1 to 2048";
    refused(&world, "POST", "/loggingOptions", r#"{"roleArn": ""}"#, expected).await;
}

#[tokio::test]
async fn the_second_form_of_the_options_is_kept() {
    let world = World::start().await;
    refused(&world, "GET", "/v2LoggingOptions", "", NOT_CONFIGURED).await;
    let events = json!([
        {"eventType": "Connect", "logLevel": "DEBUG", "logDestination": "/iot/connect"},
        {"eventType": "Publish-In"},
    ]);
    let body = json!({"roleArn": ROLE, "defaultLogLevel": "WARN", "eventConfigurations": events});
    set_options(&world, body).await;
    let mut expected = json!({"roleArn": ROLE, "defaultLogLevel": "WARN", "disableAllLogs": false});
    assert_eq!(options(&world, "").await, expected);
    assert_eq!(options(&world, "?verbose=false").await, expected);
    expected["eventConfigurations"] = events;
    assert_eq!(options(&world, "?verbose=true").await, expected);
    // All options are set: those that are not given have no trace of what was before.
    set_options(&world, json!({"disableAllLogs": true})).await;
    assert_eq!(
        options(&world, "?verbose=true").await,
        json!({"defaultLogLevel": "ERROR", "disableAllLogs": true, "eventConfigurations": []})
    );
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let world = World::start().await;
    let events: Vec<_> = (0..101).map(|number| json!({"eventType": format!("e{number}")})).collect();
    for (body, expected) in [
        (json!({"roleArn": "a\nb"}), "roleArn: text has the control character '\\n'"),
        (json!({"eventConfigurations": events}), "at most 100 event configurations are kept, not 101"),
        (
            json!({"eventConfigurations": [{"eventType": "a"}, {"eventType": "a"}]}),
            "the event type a is configured twice",
        ),
    ] {
        let expected = format!("400 InvalidRequestException: {expected}");
        refused(&world, "POST", "/v2LoggingOptions", &body.to_string(), &expected).await;
    }
    let answer = world.iot("POST", "/v2LoggingOptions", r#"{"defaultLogLevel": "LOUD"}"#).await.error();
    assert!(answer.starts_with("400 InvalidRequestException: "), "{answer}");
    refused(&world, "GET", "/v2LoggingOptions", "", NOT_CONFIGURED).await;
}

#[tokio::test]
async fn levels_are_listed_by_page() {
    let world = World::start().await;
    refused(&world, "GET", "/v2LoggingLevel", "", NOT_CONFIGURED).await;
    let body = level_body("CLIENT_ID", Some("client"), "DEBUG").to_string();
    refused(&world, "POST", "/v2LoggingLevel", &body, NOT_CONFIGURED).await;
    set_options(&world, json!({"roleArn": ROLE, "defaultLogLevel": "WARN"})).await;
    set_level(&world, "THING_GROUP", Some("lights"), "DEBUG").await;
    set_level(&world, "SOURCE_IP", Some("192.0.2.1"), "INFO").await;
    set_level(&world, "THING_GROUP", Some("doors"), "ERROR").await;
    set_level(&world, "THING_GROUP", Some("lights"), "DISABLED").await;
    let entry = |kind: &str, name: Option<&str>, level: &str| {
        let mut entry = json!({"logTarget": {"targetType": kind}, "logLevel": level});
        if let Some(name) = name {
            entry["logTarget"]["targetName"] = json!(name);
        }
        entry
    };
    let [default, lights, ip, doors] = [
        entry("DEFAULT", None, "WARN"),
        entry("THING_GROUP", Some("lights"), "DISABLED"),
        entry("SOURCE_IP", Some("192.0.2.1"), "INFO"),
        entry("THING_GROUP", Some("doors"), "ERROR"),
    ];
    for (query, expected) in [
        ("", vec![default.clone(), lights.clone(), ip.clone(), doors.clone()]),
        ("targetType=THING_GROUP", vec![lights, doors.clone()]),
        ("targetType=PRINCIPAL_ID", vec![]),
    ] {
        let target = format!("/v2LoggingLevel?{query}");
        assert_pages(&world, Listing::Token("GET", &target, "logTargetConfigurations"), &expected).await;
    }
    let delete = "/v2LoggingLevel?targetType=THING_GROUP&targetName=lights";
    for _ in 0..2 {
        assert_empty(&world.iot("DELETE", delete, "").await);
    }
    let listing = Listing::Token("GET", "/v2LoggingLevel?", "logTargetConfigurations");
    assert_pages(&world, listing, &[default, ip, doors]).await;
}

#[tokio::test]
async fn levels_are_set_for_a_thousand_targets() {
    let world = World::start().await;
    set_options(&world, json!({"roleArn": ROLE})).await;
    let mut transaction = Transaction::new();
    // The default target is one of them.
    for number in 1..LogTarget::OF_SERVER_MAX {
        let name = LogText::parse(&format!("client-{number}")).unwrap();
        let target = LogTarget { kind: LogTargetKind::ClientId, name };
        transaction.set_v2_logging_level(target, LogLevel::Debug);
    }
    world.registry.commit(transaction).await.unwrap();
    let body = level_body("CLIENT_ID", Some("one-more"), "DEBUG").to_string();
    let expected = "410 LimitExceededException: log levels are set for 1000 targets, which is the most";
    refused(&world, "POST", "/v2LoggingLevel", &body, expected).await;
    set_level(&world, "CLIENT_ID", Some("client-1"), "INFO").await;
    set_options(&world, json!({"roleArn": ROLE, "defaultLogLevel": "INFO"})).await;
}

#[tokio::test]
async fn the_default_level_is_one() {
    let world = World::start().await;
    let level = async || options(&world, "").await["defaultLogLevel"].clone();
    set_options(&world, json!({"roleArn": ROLE, "defaultLogLevel": "WARN"})).await;
    set_level(&world, "DEFAULT", None, "DEBUG").await;
    assert_eq!(level().await, "DEBUG");
    set_options(&world, json!({"roleArn": ROLE, "defaultLogLevel": "INFO"})).await;
    assert_eq!(level().await, "INFO");
    set_level(&world, "DEFAULT", Some("any name"), "ERROR").await;
    assert_eq!(level().await, "ERROR");
    assert_empty(&world.iot("DELETE", "/v2LoggingLevel?targetType=DEFAULT&targetName=x", "").await);
    assert_eq!(level().await, "INFO");
}

#[tokio::test]
async fn a_target_has_a_name() {
    let world = World::start().await;
    set_options(&world, json!({"roleArn": ROLE})).await;
    let body = level_body("THING_GROUP", None, "DEBUG").to_string();
    let expected = "400 InvalidRequestException: targetName is missing: a target of type THING_GROUP has one";
    refused(&world, "POST", "/v2LoggingLevel", &body, expected).await;
    let answer =
        world.iot("POST", "/v2LoggingLevel", &level_body("TOPIC", Some("x"), "DEBUG").to_string()).await;
    assert!(answer.error().starts_with("400 InvalidRequestException: "), "{answer:?}");
    let expected = "400 InvalidRequestException: targetName: text has 0 characters; it needs 1 to 2048";
    refused(&world, "DELETE", "/v2LoggingLevel?targetType=CLIENT_ID&targetName=", "", expected).await;
}
