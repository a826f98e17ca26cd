//! Billing groups and their things.

use landfall_model::{BillingGroup, BillingGroupName};
use landfall_registry::BillingGroups as _;
use serde_json::{Value, json};

use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::things::{assert_empty, refused};
use super::world::{ARN, World};

const ADD: &str = "/billing-groups/addThingToBillingGroup";
const REMOVE: &str = "/billing-groups/removeThingFromBillingGroup";

pub(super) fn samples() -> Vec<Sample> {
    let iot = Sample::iot;
    let member = r#"{"billingGroupName": "sample", "thingName": "thing-1"}"#;
    vec![
        iot("CreateBillingGroup", "POST", "/billing-groups/sample", ""),
        iot("DescribeBillingGroup", "GET", "/billing-groups/sample", ""),
        iot("UpdateBillingGroup", "PATCH", "/billing-groups/sample", r#"{"billingGroupProperties": {}}"#),
        iot("ListBillingGroups", "GET", "/billing-groups", ""),
        iot("AddThingToBillingGroup", "PUT", ADD, member),
        iot("ListThingsInBillingGroup", "GET", "/billing-groups/sample/things", ""),
        iot("RemoveThingFromBillingGroup", "PUT", REMOVE, member),
        iot("DeleteBillingGroup", "DELETE", "/billing-groups/sample", ""),
    ]
}

async fn create(world: &World, name: &str) {
    assert_eq!(world.iot("POST", &format!("/billing-groups/{name}"), "").await.status, 200);
}

async fn stored(world: &World, name: &str) -> BillingGroup {
    world.registry.billing_group(&BillingGroupName::parse(name).unwrap()).await.unwrap().unwrap()
}

async fn group_of(world: &World, thing: &str) -> Option<Value> {
    world.iot("GET", &format!("/things/{thing}"), "").await.ok().get("billingGroupName").cloned()
}

#[tokio::test]
async fn a_billing_group_is_created_once() {
    let world = World::start().await;
    let body = json!({
        "billingGroupProperties": {"billingGroupDescription": "One house"},
        "tags": [{"Key": "team", "Value": "house"}],
    });
    let answer = world.iot("POST", "/billing-groups/house", &body.to_string()).await.ok();
    let group = stored(&world, "house").await;
    let arn = format!("{ARN}billinggroup/house");
    let created = json!({
        "billingGroupName": "house", "billingGroupArn": arn, "billingGroupId": group.id.to_string(),
    });
    assert_eq!(answer, created);
    assert_eq!(
        world.iot("GET", "/billing-groups/house", "").await.ok(),
        json!({
            "billingGroupName": "house", "billingGroupArn": arn, "billingGroupId": group.id.to_string(), "version": 1,
            "billingGroupProperties": {"billingGroupDescription": "One house"},
            "billingGroupMetadata": {"creationDate": 1_767_323_045.0},
        })
    );
    let tags = world.iot("GET", &format!("/tags?resourceArn={arn}"), "").await.ok();
    assert_eq!(tags, json!({"tags": [{"Key": "team", "Value": "house"}]}));
    assert_eq!(world.iot("POST", "/billing-groups/house", &body.to_string()).await.ok(), created);
    let answer = world.iot("POST", "/billing-groups/house", "").await;
    let message = "Billing Group house already exists in current account with different properties";
    assert_eq!(answer.error(), format!("409 ResourceAlreadyExistsException: {message}"));
    assert_eq!(
        answer.json(),
        json!({"message": message, "resourceId": group.id.to_string(), "resourceArn": arn})
    );
    assert_eq!(stored(&world, "house").await, group);
}

#[tokio::test]
async fn a_billing_group_changes() {
    let world = World::start().await;
    create(&world, "house").await;
    for (body, version, properties) in [
        (
            json!({"billingGroupProperties": {"billingGroupDescription": "One"}, "expectedVersion": 1}),
            2,
            json!({"billingGroupDescription": "One"}),
        ),
        (json!({"billingGroupProperties": {}}), 3, json!({"billingGroupDescription": "One"})),
    ] {
        let answer = world.iot("PATCH", "/billing-groups/house", &body.to_string()).await.ok();
        assert_eq!(answer, json!({"version": version}));
        let answer = world.iot("GET", "/billing-groups/house", "").await.ok();
        assert_eq!((&answer["version"], &answer["billingGroupProperties"]), (&json!(version), &properties));
    }
    let body = r#"{"billingGroupProperties": {}, "expectedVersion": 1}"#;
    let expected = "409 VersionConflictException: billing group house has another version than expected";
    refused(&world, "PATCH", "/billing-groups/house", body, expected).await;
    let expected = "404 ResourceNotFoundException: billing group nothing does not exist";
    refused(&world, "PATCH", "/billing-groups/nothing", body, expected).await;
    refused(&world, "GET", "/billing-groups/nothing", "", expected).await;
}

#[tokio::test]
async fn a_billing_group_goes() {
    let world = World::start().await;
    create(&world, "house").await;
    let body = r#"{"billingGroupName": "house", "thingName": "thing-1"}"#;
    assert_empty(&world.iot("PUT", ADD, body).await);
    for (name, version) in [("house", 2), ("nothing", 1)] {
        let expected =
            format!("409 VersionConflictException: billing group {name} has another version than expected");
        let target = format!("/billing-groups/{name}?expectedVersion={version}");
        refused(&world, "DELETE", &target, "", &expected).await;
    }
    assert_eq!(group_of(&world, "thing-1").await, Some(json!("house")));
    assert_empty(&world.iot("DELETE", "/billing-groups/house?expectedVersion=1", "").await);
    assert_empty(&world.iot("DELETE", "/billing-groups/house", "").await);
    assert_eq!(group_of(&world, "thing-1").await, None);
}

#[tokio::test]
async fn a_thing_is_in_one_billing_group() {
    let world = World::start().await;
    create(&world, "house").await;
    create(&world, "garden").await;
    let house = json!({"billingGroupName": "house", "thingName": "thing-1"}).to_string();
    let garden = json!({
        "billingGroupArn": format!("{ARN}billinggroup/garden"), "thingArn": format!("{ARN}thing/thing-1"),
    })
    .to_string();
    for (path, body, expected) in [
        (ADD, &house, Some("house")),
        (ADD, &house, Some("house")),
        (ADD, &garden, Some("garden")),
        // It is not in this one any more.
        (REMOVE, &house, Some("garden")),
        (REMOVE, &garden, None),
        (REMOVE, &garden, None),
    ] {
        assert_empty(&world.iot("PUT", path, body).await);
        assert_eq!(group_of(&world, "thing-1").await, expected.map(Value::from), "{path} {body}");
    }
    let thing = format!("{ARN}thing/thing-1");
    for (body, expected) in [
        (
            json!({"billingGroupName": "nothing", "thingName": "thing-1"}),
            "404 ResourceNotFoundException: billing group nothing does not exist".to_owned(),
        ),
        (
            json!({"billingGroupName": "house", "thingName": "nothing"}),
            "404 ResourceNotFoundException: thing nothing does not exist".to_owned(),
        ),
        (
            json!({"thingName": "thing-1"}),
            "400 InvalidRequestException: billingGroupName or billingGroupArn has to be given".to_owned(),
        ),
        (
            json!({"billingGroupName": "house"}),
            "400 InvalidRequestException: thingName or thingArn has to be given".to_owned(),
        ),
        (
            json!({"billingGroupArn": thing, "thingName": "thing-1"}),
            format!(
                "400 InvalidRequestException: billingGroupArn {thing:?} is not the ARN of a billing group"
            ),
        ),
    ] {
        for path in [ADD, REMOVE] {
            refused(&world, "PUT", path, &body.to_string(), &expected).await;
        }
    }
}

#[tokio::test]
async fn billing_groups_and_their_things_are_listed_by_page() {
    let world = World::start().await;
    let entry = |name: &str| json!({"groupName": name, "groupArn": format!("{ARN}billinggroup/{name}")});
    for name in ["house", "garden", "hotel"] {
        create(&world, name).await;
    }
    for (query, expected) in [
        ("", vec!["house", "garden", "hotel"]),
        ("namePrefixFilter=ho", vec!["house", "hotel"]),
        ("namePrefixFilter=x", vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(entry).collect();
        let target = format!("/billing-groups?{query}");
        assert_pages(&world, Listing::Token("GET", &target, "billingGroups"), &expected).await;
    }
    for name in ["thing-3", "thing-1", "thing-2"] {
        let body = json!({"billingGroupName": "house", "thingName": name}).to_string();
        assert_empty(&world.iot("PUT", ADD, &body).await);
    }
    let things = ["thing-1", "thing-2", "thing-3"].map(Value::from);
    let listing = Listing::Token("GET", "/billing-groups/house/things?", "things");
    assert_pages(&world, listing, &things).await;
    assert_pages(&world, Listing::Token("GET", "/billing-groups/hotel/things?", "things"), &[]).await;
    let expected = "404 ResourceNotFoundException: billing group nothing does not exist";
    refused(&world, "GET", "/billing-groups/nothing/things", "", expected).await;
}
