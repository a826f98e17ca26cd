//! Which registry events are told.

use serde_json::{Value, json};

use super::samples::Sample;
use super::things::{assert_empty, told};
use super::world::World;

pub(super) fn samples() -> Vec<Sample> {
    let iot = Sample::iot;
    let body = r#"{"eventConfigurations": {"THING": {"Enabled": false}}}"#;
    vec![
        iot("DescribeEventConfigurations", "GET", "/event-configurations", ""),
        iot("UpdateEventConfigurations", "PATCH", "/event-configurations", body),
    ]
}

async fn described(world: &World) -> Value {
    world.iot("GET", "/event-configurations", "").await.ok()
}

/// The configurations, with these types switched on.
fn configurations(enabled: &[&str]) -> Value {
    let all = [
        "CA_CERTIFICATE",
        "CERTIFICATE",
        "JOB",
        "JOB_EXECUTION",
        "POLICY",
        "THING",
        "THING_GROUP",
        "THING_GROUP_HIERARCHY",
        "THING_GROUP_MEMBERSHIP",
        "THING_TYPE",
        "THING_TYPE_ASSOCIATION",
    ];
    all.into_iter().map(|name| (name.to_owned(), json!({"Enabled": enabled.contains(&name)}))).collect()
}

#[tokio::test]
async fn event_types_are_switched_on_and_off() {
    let world = World::start().await;
    assert_eq!(described(&world).await, json!({"eventConfigurations": configurations(&[])}));
    // Nothing is asked for, so nothing was configured.
    assert_empty(&world.iot("PATCH", "/event-configurations", "").await);
    assert_eq!(described(&world).await, json!({"eventConfigurations": configurations(&[])}));
    for (changes, enabled) in [
        (json!({"THING": {"Enabled": true}, "JOB": {"Enabled": true}, "POLICY": {}}), vec!["THING", "JOB"]),
        (json!({"JOB": {"Enabled": false}, "THING_TYPE": {"Enabled": true}}), vec!["THING", "THING_TYPE"]),
        (json!({"THING": {}}), vec!["THING_TYPE"]),
    ] {
        let body = json!({"eventConfigurations": changes}).to_string();
        assert_empty(&world.iot("PATCH", "/event-configurations", &body).await);
        assert_eq!(
            described(&world).await,
            json!({
                "eventConfigurations": configurations(&enabled), "creationDate": 1_767_323_045.0,
                "lastModifiedDate": 1_767_323_045.0,
            })
        );
    }
    let body = r#"{"eventConfigurations": {"COFFEE": {"Enabled": true}}}"#;
    let answer = world.iot("PATCH", "/event-configurations", body).await.error();
    assert!(answer.starts_with("400 InvalidRequestException: "), "{answer}");
}

#[tokio::test]
async fn only_what_is_switched_on_is_told() {
    let world = World::start().await;
    let switch = async |changes: Value| {
        let body = json!({"eventConfigurations": changes}).to_string();
        assert_empty(&world.iot("PATCH", "/event-configurations", &body).await);
    };
    let create = async |path: &str| assert_eq!(world.iot("POST", path, "").await.status, 200);
    create("/things/a").await;
    switch(json!({"THING": {"Enabled": true}})).await;
    create("/things/b").await;
    create("/thing-groups/g").await;
    switch(json!({"THING": {"Enabled": false}, "THING_GROUP": {"Enabled": true}})).await;
    create("/things/c").await;
    create("/thing-groups/h").await;
    assert_eq!(told(&world).await, ["thing/b/created", "thingGroup/h/created"]);
}
