//! Thing types.

use landfall_model::{ThingType, ThingTypeName, UnixTime};
use landfall_registry::{Registry as _, ThingTypes as _, Transaction};
use serde_json::{Value, json};

use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::things::{assert_empty, last_payload, refused, tell_everything, told};
use super::world::{ARN, NOW, World};

pub(super) fn samples() -> Vec<Sample> {
    let iot = Sample::iot;
    let properties = r#"{"thingTypeProperties": {"mqtt5Configuration": {"propagatingAttributes": []}}}"#;
    vec![
        iot("CreateThingType", "POST", "/thing-types/new", ""),
        iot("DescribeThingType", "GET", "/thing-types/new", ""),
        iot("UpdateThingType", "PATCH", "/thing-types/new", properties),
        iot("ListThingTypes", "GET", "/thing-types", ""),
        iot("DeprecateThingType", "POST", "/thing-types/new/deprecate", ""),
        // It is in the world from the start, long since deprecated.
        iot("DeleteThingType", "DELETE", "/thing-types/old", ""),
    ]
}

async fn stored(world: &World, name: &str) -> ThingType {
    world.registry.thing_type(&ThingTypeName::parse(name).unwrap()).await.unwrap().unwrap()
}

/// Deprecates a type as of this time.
async fn deprecate(world: &World, name: &str, at: UnixTime) {
    let mut transaction = Transaction::new();
    transaction.set_deprecated(stored(world, name).await, Some(at));
    world.registry.commit(transaction).await.unwrap();
}

fn properties() -> Value {
    json!({
        "thingTypeDescription": "Lights, all of them", "searchableAttributes": ["wattage", "model"],
        "mqtt5Configuration": {"propagatingAttributes": [
            {"userPropertyKey": "model", "thingAttribute": "model"},
            {"userPropertyKey": "iot:ClientId", "connectionAttribute": "iot:ClientId"},
        ]},
    })
}

#[tokio::test]
async fn a_thing_type_is_created_once() {
    let world = World::start().await;
    let body = json!({"thingTypeProperties": properties(), "tags": [{"Key": "team", "Value": "light"}]});
    let answer = world.iot("POST", "/thing-types/light", &body.to_string()).await.ok();
    let light = stored(&world, "light").await;
    let arn = format!("{ARN}thingtype/light");
    let created = json!({"thingTypeName": "light", "thingTypeArn": arn, "thingTypeId": light.id.to_string()});
    assert_eq!(answer, created);
    assert_eq!(
        world.iot("GET", "/thing-types/light", "").await.ok(),
        json!({
            "thingTypeName": "light", "thingTypeArn": arn, "thingTypeId": light.id.to_string(),
            "thingTypeProperties": properties(),
            "thingTypeMetadata": {"deprecated": false, "creationDate": 1_767_323_045.0},
        })
    );
    let tags = world.iot("GET", &format!("/tags?resourceArn={arn}"), "").await.ok();
    assert_eq!(tags, json!({"tags": [{"Key": "team", "Value": "light"}]}));
    // The order of what is searched by means nothing, and the tags stay as they are.
    let mut same = body.clone();
    same["thingTypeProperties"]["searchableAttributes"] = json!(["model", "wattage"]);
    same["tags"] = json!([]);
    assert_eq!(world.iot("POST", "/thing-types/light", &same.to_string()).await.ok(), created);
    for (member, value) in [
        ("thingTypeDescription", json!("Other lights")),
        ("searchableAttributes", json!(["wattage"])),
        ("mqtt5Configuration", Value::Null),
    ] {
        let mut other = body.clone();
        other["thingTypeProperties"][member] = value;
        let answer = world.iot("POST", "/thing-types/light", &other.to_string()).await;
        let message = "Thing Type light already exists in current account with different properties";
        assert_eq!(answer.error(), format!("409 ResourceAlreadyExistsException: {message}"));
        assert_eq!(
            answer.json(),
            json!({"message": message, "resourceId": light.id.to_string(), "resourceArn": arn})
        );
    }
    assert_eq!(stored(&world, "light").await, light);
}

#[tokio::test]
async fn what_a_type_does_not_have_is_left_out() {
    let world = World::start().await;
    assert_eq!(world.iot("POST", "/thing-types/bare", "").await.status, 200);
    let answer = world.iot("GET", "/thing-types/bare", "").await.ok();
    assert_eq!(answer["thingTypeProperties"], json!({}));
}

#[tokio::test]
async fn a_type_that_makes_no_sense_is_not_created() {
    let world = World::start().await;
    let propagating =
        |attributes: Value| json!({"mqtt5Configuration": {"propagatingAttributes": attributes}});
    let many: Vec<_> = (0..=ThingType::PROPAGATING_MAX)
        .map(|number| json!({"userPropertyKey": format!("k{number}"), "thingAttribute": "a"}))
        .collect();
    for (properties, expected) in [
        (
            json!({"searchableAttributes": ["a", "b", "c", "d"]}),
            "a thing type can have at most 3 searchable attributes, not 4",
        ),
        (json!({"searchableAttributes": ["a", "a"]}), "the searchable attribute a is named twice"),
        (propagating(json!(many)), "a thing type can have at most 50 propagating attributes, not 51"),
        (propagating(json!([{"thingAttribute": "a"}])), "a propagating attribute has no userPropertyKey"),
        (
            propagating(json!([{"userPropertyKey": "k"}])),
            "the propagating attribute k needs either thingAttribute or connectionAttribute",
        ),
        (
            propagating(json!([
                {"userPropertyKey": "k", "thingAttribute": "a", "connectionAttribute": "iot:ClientId"}
            ])),
            "the propagating attribute k needs either thingAttribute or connectionAttribute",
        ),
        (
            propagating(json!([{"userPropertyKey": "k", "connectionAttribute": "iot:Port"}])),
            "\"iot:Port\" is none of iot:ClientId, iot:Thing.ThingName",
        ),
        (
            propagating(json!([
                {"userPropertyKey": "k", "thingAttribute": "a"}, {"userPropertyKey": "k", "thingAttribute": "b"}
            ])),
            "the userPropertyKey k is named twice",
        ),
    ] {
        let body = json!({"thingTypeProperties": properties}).to_string();
        let expected = format!("400 InvalidRequestException: {expected}");
        refused(&world, "POST", "/thing-types/new", &body, &expected).await;
    }
    let body = r#"{"tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}"#;
    let expected = "400 InvalidRequestException: the tag key \"a\" is given twice";
    refused(&world, "POST", "/thing-types/new", body, expected).await;
    assert_eq!(world.iot("GET", "/thing-types/new", "").await.status, 404);
}

#[tokio::test]
async fn only_the_mqtt_5_configuration_of_a_type_changes() {
    let world = World::start().await;
    let body = json!({"thingTypeProperties": properties()}).to_string();
    assert_eq!(world.iot("POST", "/thing-types/light", &body).await.status, 200);
    tell_everything(&world).await;
    let attributes = json!([{"userPropertyKey": "thing", "connectionAttribute": "iot:Thing.ThingName"}]);
    let mut changed = properties();
    changed["mqtt5Configuration"]["propagatingAttributes"] = attributes.clone();
    for body in [
        json!({"thingTypeProperties": {"mqtt5Configuration": {"propagatingAttributes": attributes}}}),
        // What stays may be said, and what is so already is no change.
        json!({"thingTypeProperties": changed}),
        json!({"thingTypeProperties": {"searchableAttributes": ["model", "wattage"]}}),
        json!({}),
    ] {
        assert_empty(&world.iot("PATCH", "/thing-types/light", &body.to_string()).await);
        let answer = world.iot("GET", "/thing-types/light", "").await.ok();
        assert_eq!(answer["thingTypeProperties"], changed);
    }
    assert_eq!(told(&world).await, ["thingType/light/updated"]);
    for properties in [json!({"thingTypeDescription": "Other"}), json!({"searchableAttributes": []})] {
        let body = json!({"thingTypeProperties": properties}).to_string();
        let expected = "400 InvalidRequestException: Can only update mqtt5Configuration. The description and the \
                        searchable attributes of thing type light stay as they are";
        refused(&world, "PATCH", "/thing-types/light", &body, expected).await;
    }
    let expected = "404 ResourceNotFoundException: thing type nothing does not exist";
    refused(&world, "PATCH", "/thing-types/nothing", "{}", expected).await;
}

#[tokio::test]
async fn a_type_is_deprecated_and_taken_back() {
    let world = World::start().await;
    tell_everything(&world).await;
    let metadata =
        async || world.iot("GET", "/thing-types/sensor", "").await.ok()["thingTypeMetadata"].clone();
    let path = "/thing-types/sensor/deprecate";
    assert_eq!(metadata().await, json!({"deprecated": false, "creationDate": 1_767_000_000.25}));
    for _ in 0..2 {
        assert_empty(&world.iot("POST", path, r#"{"undoDeprecate": false}"#).await);
        let expected = json!({
            "deprecated": true, "deprecationDate": 1_767_323_045.0, "creationDate": 1_767_000_000.25,
        });
        assert_eq!(metadata().await, expected);
    }
    assert_eq!(last_payload(&world).await["isDeprecated"], json!(true));
    for _ in 0..2 {
        assert_empty(&world.iot("POST", path, r#"{"undoDeprecate": true}"#).await);
        assert_eq!(metadata().await, json!({"deprecated": false, "creationDate": 1_767_000_000.25}));
    }
    assert_eq!(told(&world).await, ["thingType/sensor/updated", "thingType/sensor/updated"]);
    let expected = "404 ResourceNotFoundException: thing type nothing does not exist";
    refused(&world, "POST", "/thing-types/nothing/deprecate", "", expected).await;
    refused(&world, "GET", "/thing-types/nothing", "", expected).await;
}

#[tokio::test]
async fn a_type_goes_when_it_was_deprecated_for_long_enough() {
    let world = World::start().await;
    tell_everything(&world).await;
    let delete = async |expected: &str| refused(&world, "DELETE", "/thing-types/sensor", "", expected).await;
    delete(
        "400 InvalidRequestException: thing type sensor is not deprecated; deprecate it before it is deleted",
    )
    .await;
    let wait = "400 InvalidRequestException: Cannot delete thing type : sensor. Please wait for 5 minutes after \
                deprecation and then retry";
    assert_eq!(world.iot("POST", "/thing-types/sensor/deprecate", "").await.status, 200);
    delete(wait).await;
    deprecate(&world, "sensor", UnixTime::from_millis(NOW.as_millis() - 299_999)).await;
    delete(wait).await;
    deprecate(&world, "sensor", UnixTime::from_millis(NOW.as_millis() - 300_000)).await;
    delete(
        "400 InvalidRequestException: things have thing type sensor; delete these or change their type before it is \
         deleted",
    )
    .await;
    for name in ["thing-1", "thing-2"] {
        let answer = world.iot("PATCH", &format!("/things/{name}"), r#"{"removeThingType": true}"#).await;
        assert_eq!(answer.status, 200);
    }
    assert_empty(&world.iot("DELETE", "/thing-types/sensor", "").await);
    delete("404 ResourceNotFoundException: thing type sensor does not exist").await;
    assert_eq!(told(&world).await.last().map(String::as_str), Some("thingType/sensor/deleted"));
}

#[tokio::test]
async fn the_delay_of_a_deletion_can_be_set() {
    let world =
        World::start_with(|config| config.thing_type_deletion_delay = std::time::Duration::ZERO).await;
    assert_eq!(world.iot("POST", "/thing-types/new", "").await.status, 200);
    assert_eq!(world.iot("POST", "/thing-types/new/deprecate", "").await.status, 200);
    assert_empty(&world.iot("DELETE", "/thing-types/new", "").await);
}

#[tokio::test]
async fn thing_types_are_listed_by_page() {
    let world = World::start().await;
    assert_eq!(world.iot("POST", "/thing-types/a", "").await.status, 200);
    let entry = |name: &str, properties: Value, metadata: Value| {
        json!({
            "thingTypeName": name, "thingTypeArn": format!("{ARN}thingtype/{name}"),
            "thingTypeProperties": properties, "thingTypeMetadata": metadata,
        })
    };
    let sensor = entry(
        "sensor",
        json!({"searchableAttributes": ["colour"]}),
        json!({"deprecated": false, "creationDate": 1_767_000_000.25}),
    );
    let old = entry(
        "old",
        json!({}),
        json!({"deprecated": true, "deprecationDate": 1_767_000_000.25, "creationDate": 1_767_000_000.25}),
    );
    let new = entry("a", json!({}), json!({"deprecated": false, "creationDate": 1_767_323_045.0}));
    for (query, expected) in [
        ("", vec![sensor.clone(), old, new]),
        ("thingTypeName=sensor", vec![sensor]),
        ("thingTypeName=sens", vec![]),
    ] {
        let target = format!("/thing-types?{query}");
        assert_pages(&world, Listing::Token("GET", &target, "thingTypes"), &expected).await;
    }
}
