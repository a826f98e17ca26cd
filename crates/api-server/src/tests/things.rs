//! Things and their principals.

use landfall_model::{Thing, ThingName};
use landfall_registry::{Outbox as _, Things as _};
use serde_json::{Value, json};

use super::client::Answer;
use super::listing::{Listing, assert_pages, assert_pages_with};
use super::samples::Sample;
use super::world::{ARN, World, id, thing_name};

/// The header field that names a principal.
const PRINCIPAL: &str = "x-amzn-principal";

pub(super) fn samples(world: &World) -> Vec<Sample> {
    let iot = Sample::iot;
    let principal = certificate_arn(&world.device.id().to_string());
    vec![
        iot("CreateThing", "POST", "/things/new", ""),
        iot("UpdateThing", "PATCH", "/things/new", r#"{"attributePayload": {"attributes": {"a": "1"}}}"#),
        iot("DescribeThing", "GET", "/things/new", ""),
        iot("ListThings", "GET", "/things", ""),
        iot("AttachThingPrincipal", "PUT", "/things/new/principals", "").with_header(PRINCIPAL, &principal),
        iot("ListThingPrincipals", "GET", "/things/new/principals", ""),
        iot("ListThingPrincipalsV2", "GET", "/things/new/principals-v2", ""),
        iot("ListPrincipalThings", "GET", "/principals/things", "").with_header(PRINCIPAL, &principal),
        iot("ListPrincipalThingsV2", "GET", "/principals/things-v2", "").with_header(PRINCIPAL, &principal),
        iot("DetachThingPrincipal", "DELETE", "/things/new/principals", "")
            .with_header(PRINCIPAL, &principal),
        iot("DeleteThing", "DELETE", "/things/new", ""),
    ]
}

/// Switches all events on.
pub(super) async fn tell_everything(world: &World) {
    let names = [
        "THING",
        "THING_GROUP",
        "THING_TYPE",
        "THING_GROUP_MEMBERSHIP",
        "THING_GROUP_HIERARCHY",
        "THING_TYPE_ASSOCIATION",
    ];
    let all: Value = names.iter().map(|name| ((*name).to_owned(), json!({"Enabled": true}))).collect();
    let body = json!({"eventConfigurations": all}).to_string();
    assert_eq!(world.iot("PATCH", "/event-configurations", &body).await.status, 200);
}

/// The topics of all events without `$aws/events/`, in order.
pub(super) async fn told(world: &World) -> Vec<String> {
    let events = world.registry.pending_events(None, 99).await.unwrap();
    events.iter().map(|event| event.topic.as_str().trim_start_matches("$aws/events/").to_owned()).collect()
}

/// The payload of the last event.
pub(super) async fn last_payload(world: &World) -> Value {
    let events = world.registry.pending_events(None, 99).await.unwrap();
    serde_json::from_slice(&events.last().unwrap().payload).unwrap()
}

/// Asserts status, code and message of an error.
pub(super) async fn refused(world: &World, method: &str, target: &str, body: &str, expected: &str) {
    let answer = world.iot(method, target, body).await;
    assert!(answer.status >= 400, "{method} {target} {body}: {answer:?}");
    assert_eq!(answer.error(), expected, "{method} {target} {body}");
}

/// Asserts a success without a body.
pub(super) fn assert_empty(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(["", "{}"].contains(&answer.body.as_str()), "{answer:?}");
}

async fn stored(world: &World, name: &str) -> Thing {
    world.registry.thing(&ThingName::parse(name).unwrap()).await.unwrap().unwrap()
}

fn certificate_arn(id: &str) -> String {
    format!("{ARN}cert/{id}")
}

#[tokio::test]
async fn a_thing_is_created_once() {
    let world = World::start().await;
    assert_eq!(world.iot("POST", "/billing-groups/b", "").await.status, 200);
    let body = json!({
        "thingTypeName": "sensor", "billingGroupName": "b",
        "attributePayload": {"attributes": {"colour": "red", "gone": ""}, "merge": true},
    });
    let answer = world.iot("POST", "/things/new", &body.to_string()).await.ok();
    let thing = stored(&world, "new").await;
    let created =
        json!({"thingName": "new", "thingArn": format!("{ARN}thing/new"), "thingId": thing.id.to_string()});
    assert_eq!(answer, created);
    assert_eq!(
        world.iot("GET", "/things/new", "").await.ok(),
        json!({
            "defaultClientId": "new", "thingName": "new", "thingId": thing.id.to_string(),
            "thingArn": format!("{ARN}thing/new"), "thingTypeName": "sensor", "billingGroupName": "b",
            "attributes": {"colour": "red"}, "version": 1,
        })
    );
    // The same again is a success with the id that is stored.
    assert_eq!(world.iot("POST", "/things/new", &body.to_string()).await.ok(), created);
    for (member, value, difference) in [
        ("attributePayload", json!({"attributes": {"colour": "blue"}}), "attributes"),
        ("thingTypeName", Value::Null, "thing type"),
        ("billingGroupName", Value::Null, "billing group"),
    ] {
        let mut other = body.clone();
        other[member] = value;
        let answer = world.iot("POST", "/things/new", &other.to_string()).await;
        let message = format!("Thing new already exists in account with different {difference}");
        assert_eq!(answer.error(), format!("409 ResourceAlreadyExistsException: {message}"));
        assert_eq!(
            answer.json(),
            json!({
                "message": message, "resourceId": thing.id.to_string(), "resourceArn": format!("{ARN}thing/new"),
            })
        );
    }
    assert_eq!(stored(&world, "new").await, thing);
}

#[tokio::test]
async fn a_thing_that_makes_no_sense_is_not_created() {
    let world = World::start().await;
    assert_eq!(world.iot("POST", "/thing-types/sensor/deprecate", "").await.status, 200);
    let attributes = |count: usize| -> Value {
        let attributes: Value = (0..count).map(|number| (format!("a{number}"), json!("1"))).collect();
        json!({"attributes": attributes})
    };
    for (body, expected) in [
        (
            json!({"thingTypeName": "unknown"}),
            "404 ResourceNotFoundException: thing type unknown does not exist",
        ),
        (
            json!({"thingTypeName": "sensor"}),
            "400 InvalidRequestException: thing type sensor is deprecated; no thing can get it",
        ),
        (
            json!({"billingGroupName": "unknown"}),
            "404 ResourceNotFoundException: billing group unknown does not exist",
        ),
        (
            json!({"attributePayload": attributes(4)}),
            "400 InvalidRequestException: a thing without a thing type can have at most 3 attributes, not 4",
        ),
        (
            json!({"thingTypeName": "sensor", "attributePayload": attributes(51)}),
            "400 InvalidRequestException: a thing with a thing type can have at most 50 attributes, not 51",
        ),
    ] {
        refused(&world, "POST", "/things/new", &body.to_string(), expected).await;
    }
    assert_eq!(world.registry.thing(&thing_name("new")).await.unwrap(), None);
    let body = json!({"attributePayload": attributes(3)}).to_string();
    assert_eq!(world.iot("POST", "/things/three", &body).await.status, 200);
    assert_eq!(
        world.iot("POST", "/thing-types/sensor/deprecate", r#"{"undoDeprecate": true}"#).await.status,
        200
    );
    let body = json!({"thingTypeName": "sensor", "attributePayload": attributes(50)}).to_string();
    assert_eq!(world.iot("POST", "/things/fifty", &body).await.status, 200);
}

#[tokio::test]
async fn a_thing_that_is_there_is_created_again_even_if_its_type_is_deprecated() {
    let world = World::start().await;
    let body = r#"{"thingTypeName": "sensor"}"#;
    let created = world.iot("POST", "/things/new", body).await.ok();
    assert_eq!(world.iot("POST", "/thing-types/sensor/deprecate", "").await.status, 200);
    assert_eq!(world.iot("POST", "/things/new", body).await.ok(), created);
}

#[tokio::test]
async fn a_thing_changes() {
    let world = World::start().await;
    for (body, version, thing_type, attributes) in [
        (json!({}), 5, Some("sensor"), json!({"colour": "red"})),
        (
            json!({"attributePayload": {"attributes": {"size": "1"}, "merge": true}, "expectedVersion": 5}),
            6,
            Some("sensor"),
            json!({"colour": "red", "size": "1"}),
        ),
        (
            json!({"attributePayload": {"attributes": {"colour": ""}, "merge": true}}),
            7,
            Some("sensor"),
            json!({"size": "1"}),
        ),
        (json!({"removeThingType": true}), 8, None, json!({"size": "1"})),
        (
            json!({"thingTypeName": "sensor", "removeThingType": false, "attributePayload": {"attributes": {}}}),
            9,
            Some("sensor"),
            json!({}),
        ),
    ] {
        assert_empty(&world.iot("PATCH", "/things/thing-1", &body.to_string()).await);
        let answer = world.iot("GET", "/things/thing-1", "").await.ok();
        let mut expected = json!({
            "defaultClientId": "thing-1", "thingName": "thing-1",
            "thingId": "11111111-1111-1111-1111-111111111111", "thingArn": format!("{ARN}thing/thing-1"),
            "attributes": attributes, "version": version,
        });
        if let Some(thing_type) = thing_type {
            expected["thingTypeName"] = json!(thing_type);
        }
        assert_eq!(answer, expected, "{body}");
    }
}

#[tokio::test]
async fn a_change_of_a_thing_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    let before = stored(&world, "thing-1").await;
    let four = json!({"attributes": {"a": "1", "b": "1", "c": "1", "d": "1"}});
    for (name, body, expected) in [
        ("nothing", json!({}), "404 ResourceNotFoundException: thing nothing does not exist"),
        (
            "thing-1",
            json!({"expectedVersion": 3}),
            "409 VersionConflictException: thing thing-1 has another version than expected",
        ),
        (
            "thing-1",
            json!({"expectedVersion": -1}),
            "409 VersionConflictException: thing thing-1 has another version than expected",
        ),
        (
            "thing-1",
            json!({"thingTypeName": "unknown"}),
            "404 ResourceNotFoundException: thing type unknown does not exist",
        ),
        (
            "thing-1",
            json!({"thingTypeName": "sensor", "removeThingType": true}),
            "400 InvalidRequestException: thingTypeName and removeThingType exclude each other",
        ),
        (
            "thing-1",
            json!({"removeThingType": true, "attributePayload": four}),
            "400 InvalidRequestException: a thing without a thing type can have at most 3 attributes, not 4",
        ),
    ] {
        refused(&world, "PATCH", &format!("/things/{name}"), &body.to_string(), expected).await;
    }
    assert_eq!(stored(&world, "thing-1").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_of_several_at_once_is_lost() {
    let world = World::start().await;
    let change = |number: usize| {
        let body = json!({"attributePayload": {"attributes": {format!("a{number}"): "1"}, "merge": true}});
        let world = &world;
        async move { world.iot("PATCH", "/things/thing-1", &body.to_string()).await.status }
    };
    // No more of them than attempts, so that each has its turn.
    let statuses = tokio::join!(change(1), change(2), change(3), change(4), change(5), change(6));
    assert_eq!(statuses, (200, 200, 200, 200, 200, 200));
    let thing = stored(&world, "thing-1").await;
    assert_eq!((thing.version, thing.attributes.len()), (4 + 6, 1 + 6));
}

#[tokio::test]
async fn a_thing_goes() {
    let world = World::start().await;
    assert_empty(&world.iot("DELETE", "/things/thing-2?expectedVersion=4", "").await);
    assert_empty(&world.iot("DELETE", "/things/thing-2", "").await);
    assert_eq!(world.registry.thing(&thing_name("thing-2")).await.unwrap(), None);
    for (target, expected) in [
        (
            "/things/thing-1",
            "400 InvalidRequestException: Cannot delete. Thing thing-1 is still attached to one or more principals",
        ),
        (
            "/things/thing-3?expectedVersion=5",
            "409 VersionConflictException: thing thing-3 has another version than expected",
        ),
        (
            "/things/thing-2?expectedVersion=4",
            "409 VersionConflictException: thing thing-2 has another version than expected",
        ),
    ] {
        refused(&world, "DELETE", target, "", expected).await;
    }
    stored(&world, "thing-1").await;
    stored(&world, "thing-3").await;
}

#[tokio::test]
async fn what_becomes_of_things_is_told() {
    let world = World::start().await;
    assert_eq!(world.iot("POST", "/things/untold", "").await.status, 200);
    assert!(told(&world).await.is_empty());
    tell_everything(&world).await;
    let attributes = r#"{"attributes": {"a": "1"}}"#;
    for (method, target, body) in [
        ("POST", "/thing-types/other", String::new()),
        (
            "POST",
            "/things/new",
            format!(r#"{{"thingTypeName": "sensor", "attributePayload": {attributes}}}"#),
        ),
        // Nothing is created again.
        (
            "POST",
            "/things/new",
            format!(r#"{{"thingTypeName": "sensor", "attributePayload": {attributes}}}"#),
        ),
        ("PATCH", "/things/new", r#"{"thingTypeName": "other"}"#.to_owned()),
        ("PATCH", "/things/new", r#"{"removeThingType": true}"#.to_owned()),
        ("PATCH", "/things/new", r#"{"thingTypeName": "sensor"}"#.to_owned()),
        ("POST", "/thing-groups/group", String::new()),
        (
            "PUT",
            "/thing-groups/addThingToThingGroup",
            r#"{"thingName": "new", "thingGroupName": "group"}"#.to_owned(),
        ),
        ("DELETE", "/things/new", String::new()),
        // Nothing is deleted again.
        ("DELETE", "/things/new", String::new()),
    ] {
        let answer = world.iot(method, target, &body).await;
        assert_eq!(answer.status, 200, "{method} {target} {body}: {answer:?}");
    }
    assert_eq!(
        told(&world).await,
        [
            "thingType/other/created",
            "thing/new/created",
            "thingTypeAssociation/thing/new/thingType/sensor/added",
            "thingTypeAssociation/thing/new/thingType/sensor/removed",
            "thingTypeAssociation/thing/new/thingType/other/added",
            "thing/new/updated",
            "thingTypeAssociation/thing/new/thingType/other/removed",
            "thing/new/updated",
            "thingTypeAssociation/thing/new/thingType/sensor/added",
            "thing/new/updated",
            "thingGroup/group/created",
            "thingGroupMembership/thingGroup/group/thing/new/added",
            "thingGroupMembership/thingGroup/group/thing/new/removed",
            "thingTypeAssociation/thing/new/thingType/sensor/removed",
            "thing/new/deleted",
        ]
    );
    let payload = last_payload(&world).await;
    assert_eq!(
        (&payload["operation"], &payload["versionNumber"], &payload["attributes"], &payload["accountId"]),
        (&json!("DELETED"), &json!(4), &json!({"a": "1"}), &json!("123456789012"))
    );
}

#[tokio::test]
async fn things_are_listed_by_page_and_filtered() {
    let world = World::start().await;
    let entry = |name: &str, thing_type: Option<&str>, colour: &str| {
        let mut entry = json!({
            "thingName": name, "thingArn": format!("{ARN}thing/{name}"), "attributes": {"colour": colour},
            "version": 4,
        });
        if let Some(thing_type) = thing_type {
            entry["thingTypeName"] = json!(thing_type);
        }
        entry
    };
    let [first, second, third] = [
        entry("thing-1", Some("sensor"), "red"),
        entry("thing-2", Some("sensor"), "blue"),
        entry("thing-3", None, "red"),
    ];
    for (query, expected) in [
        ("", vec![first.clone(), second.clone(), third.clone()]),
        ("thingTypeName=sensor", vec![first.clone(), second.clone()]),
        ("thingTypeName=unknown", vec![]),
        ("attributeName=colour&attributeValue=red", vec![first.clone(), third.clone()]),
        ("attributeName=colour&attributeValue=re", vec![]),
        ("attributeName=colour&attributeValue=re&usePrefixAttributeValue=true", vec![first.clone(), third]),
        ("attributeName=colour&attributeValue=blue&thingTypeName=sensor", vec![second]),
        ("attributeName=size&attributeValue=1&usePrefixAttributeValue=false", vec![]),
    ] {
        let target = format!("/things?{query}");
        assert_pages(&world, Listing::Token("GET", &target, "things"), &expected).await;
    }
    for (query, expected) in [
        ("attributeName=a", "attributeName needs attributeValue beside it"),
        ("attributeValue=a", "attributeValue needs attributeName beside it"),
        ("usePrefixAttributeValue=true", "usePrefixAttributeValue needs attributeName and attributeValue"),
    ] {
        let expected = format!("400 InvalidRequestException: {expected}");
        refused(&world, "GET", &format!("/things?{query}"), "", &expected).await;
    }
}

#[tokio::test]
async fn a_thing_is_described() {
    let world = World::start().await;
    assert_eq!(
        world.iot("GET", "/things/thing-1", "").await.ok(),
        json!({
            "defaultClientId": "thing-1", "thingName": "thing-1",
            "thingId": "11111111-1111-1111-1111-111111111111", "thingArn": format!("{ARN}thing/thing-1"),
            "thingTypeName": "sensor", "attributes": {"colour": "red"}, "version": 4,
        })
    );
    assert_eq!(world.iot("GET", "/things/thing-3", "").await.ok().get("thingTypeName"), None);
    let expected = "404 ResourceNotFoundException: thing nothing does not exist";
    refused(&world, "GET", "/things/nothing", "", expected).await;
}

#[tokio::test]
async fn the_principals_of_a_thing_are_listed_by_page() {
    let world = World::start().await;
    let exclusive = certificate_arn(&id(4).to_string());
    let arns = [world.device.id(), id(2), id(3)].map(|id| certificate_arn(&id.to_string()));
    let listed = arns.clone().map(Value::from);
    assert_pages(&world, Listing::Token("GET", "/things/thing-1/principals?", "principals"), &listed).await;
    assert_pages(&world, Listing::Token("GET", "/things/thing-2/principals?", "principals"), &[]).await;
    let object = |arn: &String| json!({"principal": arn, "thingPrincipalType": "NON_EXCLUSIVE_THING"});
    let objects: Vec<_> = arns.iter().map(object).collect();
    for (query, expected) in [
        ("", objects.as_slice()),
        ("thingPrincipalType=NON_EXCLUSIVE_THING", &objects),
        ("thingPrincipalType=EXCLUSIVE_THING", &[]),
    ] {
        let target = format!("/things/thing-1/principals-v2?{query}");
        assert_pages(&world, Listing::Token("GET", &target, "thingPrincipalObjects"), expected).await;
    }
    let nobody = (PRINCIPAL, exclusive.as_str());
    let expected = format!("404 ResourceNotFoundException: certificate {} is not registered", id(4));
    assert_eq!(world.iot_with("PUT", "/things/thing-2/principals", nobody, "").await.error(), expected);
    for target in ["/things/nothing/principals", "/things/nothing/principals-v2"] {
        let expected = "404 ResourceNotFoundException: thing nothing does not exist";
        refused(&world, "GET", target, "", expected).await;
    }
}

#[tokio::test]
async fn the_things_of_a_principal_are_listed_by_page() {
    let world = World::start().await;
    let principal = certificate_arn(&world.device.id().to_string());
    let header = (PRINCIPAL, principal.as_str());
    for name in ["thing-3", "thing-2"] {
        let answer = world.iot_with("PUT", &format!("/things/{name}/principals"), header, "").await;
        assert_empty(&answer);
    }
    let names = ["thing-1", "thing-2", "thing-3"];
    let listing = || Listing::Token("GET", "/principals/things?", "things");
    assert_pages_with(&world, listing(), Some(header), &names.map(Value::from)).await;
    let objects = names.map(|name| json!({"thingName": name, "thingPrincipalType": "NON_EXCLUSIVE_THING"}));
    for (query, expected) in [
        ("", objects.as_slice()),
        ("thingPrincipalType=NON_EXCLUSIVE_THING", &objects),
        ("thingPrincipalType=EXCLUSIVE_THING", &[]),
    ] {
        let target = format!("/principals/things-v2?{query}");
        let listing = Listing::Token("GET", &target, "principalThingObjects");
        assert_pages_with(&world, listing, Some(header), expected).await;
    }
    assert_empty(&world.iot_with("DELETE", "/things/thing-2/principals", header, "").await);
    // What is not attached is detached all the same.
    assert_empty(&world.iot_with("DELETE", "/things/thing-2/principals", header, "").await);
    let left = ["thing-1", "thing-3"].map(Value::from);
    assert_pages_with(&world, listing(), Some(header), &left).await;
}

#[tokio::test]
async fn a_principal_can_be_exclusive() {
    let world = World::start().await;
    let device = world.device.id();
    let principal = certificate_arn(&device.to_string());
    let header = (PRINCIPAL, principal.as_str());
    let attach = async |name: &str, query: &str| {
        world.iot_with("PUT", &format!("/things/{name}/principals{query}"), header, "").await
    };
    let exclusively = "?thingPrincipalType=EXCLUSIVE_THING";
    assert_eq!(
        attach("thing-2", exclusively).await.error(),
        format!(
            "400 InvalidRequestException: certificate {device} is attached to thing thing-1; detach it to attach it \
             exclusively"
        )
    );
    assert_empty(&attach("thing-1", exclusively).await);
    let listing = Listing::Token("GET", "/principals/things-v2?", "principalThingObjects");
    let attached = json!({"thingName": "thing-1", "thingPrincipalType": "EXCLUSIVE_THING"});
    assert_pages_with(&world, listing, Some(header), &[attached]).await;
    assert_eq!(
        attach("thing-2", "").await.error(),
        format!(
            "400 InvalidRequestException: certificate {device} is attached exclusively to thing thing-1; detach it from \
             that"
        )
    );
    assert_eq!(
        attach("nothing", "").await.error(),
        "404 ResourceNotFoundException: thing nothing does not exist"
    );
}

#[tokio::test]
async fn a_principal_is_the_arn_of_a_certificate_here() {
    let world = World::start().await;
    let foreign = format!("arn:aws:iot:eu-west-1:123456789012:cert/{}", id(2));
    let thing = format!("{ARN}thing/thing-1");
    for (principal, expected) in [
        (
            foreign.as_str(),
            format!("principal: {foreign:?} does not begin with {ARN}, as every ARN here does"),
        ),
        (
            "us-east-1:00000000-0000-0000-0000-000000000000",
            format!(
                "principal: \"us-east-1:00000000-0000-0000-0000-000000000000\" does not begin with {ARN}, as every ARN \
                 here does"
            ),
        ),
        (&thing, format!("principal {thing:?} is not the ARN of a certificate")),
    ] {
        for (method, target) in [
            ("PUT", "/things/thing-1/principals"),
            ("DELETE", "/things/thing-1/principals"),
            ("GET", "/principals/things"),
            ("GET", "/principals/things-v2"),
        ] {
            let answer = world.iot_with(method, target, (PRINCIPAL, principal), "").await;
            assert_eq!(
                answer.error(),
                format!("400 InvalidRequestException: {expected}"),
                "{method} {target}"
            );
        }
    }
    let unknown = certificate_arn(&id(9).to_string());
    for (method, target) in [
        ("PUT", "/things/thing-1/principals"),
        ("DELETE", "/things/thing-1/principals"),
        ("GET", "/principals/things"),
        ("GET", "/principals/things-v2"),
    ] {
        let answer = world.iot_with(method, target, (PRINCIPAL, unknown.as_str()), "").await;
        let expected = format!("404 ResourceNotFoundException: certificate {} is not registered", id(9));
        assert_eq!(answer.error(), expected, "{method} {target}");
    }
}
