//! Thing groups and their members.

use landfall_model::{Attributes, Thing, ThingGroup, ThingGroupName, ThingId};
use landfall_registry::{Registry as _, ThingGroups as _, Transaction};
use serde_json::{Value, json};

use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::things::{assert_empty, last_payload, refused, tell_everything, told};
use super::world::{ARN, NOW, World, thing_name};

const ADD: &str = "/thing-groups/addThingToThingGroup";
const REMOVE: &str = "/thing-groups/removeThingFromThingGroup";
const UPDATE: &str = "/thing-groups/updateThingGroupsForThing";

pub(super) fn samples() -> Vec<Sample> {
    let iot = Sample::iot;
    let member = r#"{"thingGroupName": "sample", "thingName": "thing-1"}"#;
    let groups = r#"{"thingName": "thing-1", "thingGroupsToRemove": ["sample"]}"#;
    vec![
        iot("CreateThingGroup", "POST", "/thing-groups/sample", ""),
        iot("DescribeThingGroup", "GET", "/thing-groups/sample", ""),
        iot("UpdateThingGroup", "PATCH", "/thing-groups/sample", r#"{"thingGroupProperties": {}}"#),
        iot("ListThingGroups", "GET", "/thing-groups", ""),
        iot("AddThingToThingGroup", "PUT", ADD, member),
        iot("ListThingGroupsForThing", "GET", "/things/thing-1/thing-groups", ""),
        iot("ListThingsInThingGroup", "GET", "/thing-groups/sample/things", ""),
        iot("RemoveThingFromThingGroup", "PUT", REMOVE, member),
        iot("UpdateThingGroupsForThing", "PUT", UPDATE, groups),
        iot("DeleteThingGroup", "DELETE", "/thing-groups/sample", ""),
    ]
}

async fn create(world: &World, name: &str, parent: Option<&str>) {
    let body = json!({"parentGroupName": parent}).to_string();
    let answer = world.iot("POST", &format!("/thing-groups/{name}"), &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn add(world: &World, group: &str, thing: &str) {
    let body = json!({"thingGroupName": group, "thingName": thing}).to_string();
    assert_empty(&world.iot("PUT", ADD, &body).await);
}

async fn stored(world: &World, name: &str) -> ThingGroup {
    world.registry.thing_group(&ThingGroupName::parse(name).unwrap()).await.unwrap().unwrap()
}

async fn groups_of(world: &World, thing: &str) -> Vec<String> {
    let answer = world.iot("GET", &format!("/things/{thing}/thing-groups"), "").await.ok();
    let name = |group: &Value| group["groupName"].as_str().unwrap().to_owned();
    answer["thingGroups"].as_array().unwrap().iter().map(name).collect()
}

fn entry(name: &str) -> Value {
    json!({"groupName": name, "groupArn": format!("{ARN}thinggroup/{name}")})
}

#[tokio::test]
async fn a_thing_group_is_created_once() {
    let world = World::start().await;
    create(&world, "top", None).await;
    create(&world, "middle", Some("top")).await;
    let properties = json!({
        "thingGroupDescription": "All lights", "attributePayload": {"attributes": {"floor": "1"}},
    });
    let body = json!({
        "parentGroupName": "middle", "thingGroupProperties": properties,
        "tags": [{"Key": "team", "Value": "light"}],
    });
    let answer = world.iot("POST", "/thing-groups/lights", &body.to_string()).await.ok();
    let group = stored(&world, "lights").await;
    let arn = format!("{ARN}thinggroup/lights");
    let created =
        json!({"thingGroupName": "lights", "thingGroupArn": arn, "thingGroupId": group.id.to_string()});
    assert_eq!(answer, created);
    assert_eq!(
        world.iot("GET", "/thing-groups/lights", "").await.ok(),
        json!({
            "thingGroupName": "lights", "thingGroupArn": arn, "thingGroupId": group.id.to_string(), "version": 1,
            "thingGroupProperties": properties,
            "thingGroupMetadata": {
                "parentGroupName": "middle", "rootToParentThingGroups": [entry("top"), entry("middle")],
                "creationDate": 1_767_323_045.0,
            },
        })
    );
    let tags = world.iot("GET", &format!("/tags?resourceArn={arn}"), "").await.ok();
    assert_eq!(tags, json!({"tags": [{"Key": "team", "Value": "light"}]}));
    assert_eq!(world.iot("POST", "/thing-groups/lights", &body.to_string()).await.ok(), created);
    for (member, value, difference) in [
        ("parentGroupName", json!("top"), "a different parent"),
        ("thingGroupProperties", json!({"thingGroupDescription": "All lights"}), "different properties"),
        ("thingGroupProperties", Value::Null, "different properties"),
    ] {
        let mut other = body.clone();
        other[member] = value;
        let answer = world.iot("POST", "/thing-groups/lights", &other.to_string()).await;
        let message = format!("Thing Group lights already exists in current account with {difference}");
        assert_eq!(answer.error(), format!("409 ResourceAlreadyExistsException: {message}"));
        assert_eq!(
            answer.json(),
            json!({"message": message, "resourceId": group.id.to_string(), "resourceArn": arn})
        );
    }
    assert_eq!(stored(&world, "lights").await, group);
}

#[tokio::test]
async fn what_a_group_does_not_have_is_left_out() {
    let world = World::start().await;
    create(&world, "bare", None).await;
    let answer = world.iot("GET", "/thing-groups/bare", "").await.ok();
    assert_eq!(answer["thingGroupProperties"], json!({}));
    assert_eq!(answer["thingGroupMetadata"], json!({"creationDate": 1_767_323_045.0}));
    let expected = "404 ResourceNotFoundException: thing group nothing does not exist";
    refused(&world, "GET", "/thing-groups/nothing", "", expected).await;
}

#[tokio::test]
async fn a_group_that_makes_no_sense_is_not_created() {
    let world = World::start().await;
    let attributes: Value = (0..51).map(|number| (format!("a{number}"), json!("1"))).collect();
    for (body, expected) in [
        (
            json!({"parentGroupName": "nothing"}),
            "404 ResourceNotFoundException: thing group nothing does not exist",
        ),
        (
            json!({"thingGroupProperties": {"attributePayload": {"attributes": attributes}}}),
            "400 InvalidRequestException: a thing group can have at most 50 attributes, not 51",
        ),
        (
            json!({"tags": [{"Key": "aws:x", "Value": "1"}]}),
            "400 InvalidRequestException: tag key begins with aws:, which is kept for AWS",
        ),
    ] {
        refused(&world, "POST", "/thing-groups/new", &body.to_string(), expected).await;
    }
    assert_eq!(world.iot("GET", "/thing-groups/new", "").await.status, 404);
}

#[tokio::test]
async fn a_hierarchy_has_its_limits() {
    let world = World::start().await;
    create(&world, "level1", None).await;
    for level in 2..=ThingGroup::LEVELS_MAX {
        create(&world, &format!("level{level}"), Some(&format!("level{}", level - 1))).await;
    }
    let expected = "400 InvalidRequestException: thing group level7 is on level 7, which is the last; no group can be \
                    in it";
    refused(&world, "POST", "/thing-groups/level8", r#"{"parentGroupName": "level7"}"#, expected).await;
    let mut transaction = Transaction::new();
    // One of its children is there already.
    for number in 2..=ThingGroup::CHILDREN_MAX {
        transaction.insert_thing_group(ThingGroup {
            name: ThingGroupName::parse(&format!("child{number}")).unwrap(),
            parent: Some(ThingGroupName::parse("level1").unwrap()),
            ..stored(&world, "level1").await
        });
    }
    world.registry.commit(transaction).await.unwrap();
    let expected = "400 InvalidRequestException: thing group level1 has 100 groups in it, which is the most";
    refused(&world, "POST", "/thing-groups/child", r#"{"parentGroupName": "level1"}"#, expected).await;
}

#[tokio::test]
async fn a_thing_group_changes() {
    let world = World::start().await;
    create(&world, "group", None).await;
    for (body, version, properties) in [
        (
            json!({"thingGroupProperties": {
                "thingGroupDescription": "One", "attributePayload": {"attributes": {"a": "1"}}
            }}),
            2,
            json!({"thingGroupDescription": "One", "attributePayload": {"attributes": {"a": "1"}}}),
        ),
        (
            json!({
                "thingGroupProperties": {"attributePayload": {"attributes": {"b": "2"}, "merge": true}},
                "expectedVersion": 2,
            }),
            3,
            json!({"thingGroupDescription": "One", "attributePayload": {"attributes": {"a": "1", "b": "2"}}}),
        ),
        (
            json!({"thingGroupProperties": {"attributePayload": {"attributes": {}}}}),
            4,
            json!({"thingGroupDescription": "One"}),
        ),
        (
            json!({"thingGroupProperties": {"thingGroupDescription": "Two"}}),
            5,
            json!({"thingGroupDescription": "Two"}),
        ),
    ] {
        let answer = world.iot("PATCH", "/thing-groups/group", &body.to_string()).await.ok();
        assert_eq!(answer, json!({"version": version}));
        let answer = world.iot("GET", "/thing-groups/group", "").await.ok();
        assert_eq!((&answer["version"], &answer["thingGroupProperties"]), (&json!(version), &properties));
    }
    let before = stored(&world, "group").await;
    let attributes: Value = (0..51).map(|number| (format!("a{number}"), json!("1"))).collect();
    for (name, body, expected) in [
        (
            "group",
            json!({"thingGroupProperties": {}, "expectedVersion": 4}),
            "409 VersionConflictException: thing group group has another version than expected",
        ),
        (
            "group",
            json!({"thingGroupProperties": {"attributePayload": {"attributes": attributes}}}),
            "400 InvalidRequestException: a thing group can have at most 50 attributes, not 51",
        ),
        (
            "nothing",
            json!({"thingGroupProperties": {}}),
            "404 ResourceNotFoundException: thing group nothing does not exist",
        ),
    ] {
        refused(&world, "PATCH", &format!("/thing-groups/{name}"), &body.to_string(), expected).await;
    }
    assert_eq!(stored(&world, "group").await, before);
}

#[tokio::test]
async fn a_thing_group_goes() {
    let world = World::start().await;
    create(&world, "parent", None).await;
    create(&world, "child", Some("parent")).await;
    add(&world, "child", "thing-1").await;
    for (target, expected) in [
        (
            "/thing-groups/parent",
            "400 InvalidRequestException: Cannot delete thing group : parent when there are still child groups attached \
             to it",
        ),
        (
            "/thing-groups/child?expectedVersion=2",
            "409 VersionConflictException: thing group child has another version than expected",
        ),
        (
            "/thing-groups/nothing?expectedVersion=1",
            "409 VersionConflictException: thing group nothing has another version than expected",
        ),
        (
            "/thing-groups/nothing?expectedVersion=-1",
            "409 VersionConflictException: thing group nothing has another version than expected",
        ),
    ] {
        refused(&world, "DELETE", target, "", expected).await;
    }
    assert_eq!(groups_of(&world, "thing-1").await, ["child"]);
    assert_empty(&world.iot("DELETE", "/thing-groups/child?expectedVersion=1", "").await);
    assert!(groups_of(&world, "thing-1").await.is_empty());
    for name in ["child", "parent", "parent"] {
        assert_empty(&world.iot("DELETE", &format!("/thing-groups/{name}"), "").await);
    }
    assert_pages(&world, Listing::Token("GET", "/thing-groups?", "thingGroups"), &[]).await;
}

#[tokio::test]
async fn what_becomes_of_groups_is_told() {
    let world = World::start().await;
    tell_everything(&world).await;
    create(&world, "top", None).await;
    create(&world, "child", Some("top")).await;
    assert_eq!(
        world.iot("PATCH", "/thing-groups/child", r#"{"thingGroupProperties": {}}"#).await.ok(),
        json!({"version": 2})
    );
    let payload = last_payload(&world).await;
    let (top, child) = (stored(&world, "top").await, stored(&world, "child").await);
    assert_eq!(
        payload["rootToParentThingGroups"],
        json!([{"groupArn": format!("{ARN}thinggroup/top"), "groupId": top.id.to_string()}])
    );
    assert_eq!(
        (&payload["versionNumber"], &payload["thingGroupId"], &payload["parentGroupId"]),
        (&json!(2), &json!(child.id.to_string()), &json!(top.id.to_string()))
    );
    for _ in 0..2 {
        add(&world, "child", "thing-1").await;
    }
    let payload = last_payload(&world).await;
    assert_eq!(
        (&payload["operation"], &payload["groupId"], &payload["thingArn"]),
        (&json!("ADDED"), &json!(child.id.to_string()), &json!(format!("{ARN}thing/thing-1")))
    );
    for _ in 0..2 {
        let body = r#"{"thingGroupName": "child", "thingName": "thing-1"}"#;
        assert_empty(&world.iot("PUT", REMOVE, body).await);
    }
    for _ in 0..2 {
        assert_empty(&world.iot("DELETE", "/thing-groups/child", "").await);
    }
    assert_eq!(
        told(&world).await,
        [
            "thingGroup/top/created",
            "thingGroup/child/created",
            "thingGroupHierarchy/thingGroup/top/childThingGroup/child/added",
            "thingGroup/child/updated",
            "thingGroupMembership/thingGroup/child/thing/thing-1/added",
            "thingGroupMembership/thingGroup/child/thing/thing-1/removed",
            "thingGroupHierarchy/thingGroup/top/childThingGroup/child/removed",
            "thingGroup/child/deleted",
        ]
    );
}

#[tokio::test]
async fn thing_groups_are_listed_by_page_and_filtered() {
    let world = World::start().await;
    assert_pages(&world, Listing::Token("GET", "/thing-groups?", "thingGroups"), &[]).await;
    for (name, parent) in [
        ("top", None),
        ("child", Some("top")),
        ("grandchild", Some("child")),
        ("other", None),
        ("chip", Some("other")),
    ] {
        create(&world, name, parent).await;
    }
    for (query, expected) in [
        ("", vec!["top", "child", "grandchild", "other", "chip"]),
        ("recursive=true", vec!["top", "child", "grandchild", "other", "chip"]),
        ("recursive=false", vec!["top", "other"]),
        ("parentGroup=top", vec!["child", "grandchild"]),
        ("parentGroup=top&recursive=false", vec!["child"]),
        ("parentGroup=top&recursive=true", vec!["child", "grandchild"]),
        ("parentGroup=chip", vec![]),
        ("namePrefixFilter=chi", vec!["child", "chip"]),
        ("namePrefixFilter=chi&parentGroup=top&recursive=true", vec!["child"]),
        ("namePrefixFilter=x", vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(entry).collect();
        let target = format!("/thing-groups?{query}");
        assert_pages(&world, Listing::Token("GET", &target, "thingGroups"), &expected).await;
    }
    let expected = "404 ResourceNotFoundException: thing group nothing does not exist";
    refused(&world, "GET", "/thing-groups?parentGroup=nothing", "", expected).await;
}

#[tokio::test]
async fn members_are_listed_by_page() {
    let world = World::start().await;
    create(&world, "top", None).await;
    create(&world, "child", Some("top")).await;
    create(&world, "other", None).await;
    add(&world, "child", "thing-3").await;
    add(&world, "top", "thing-2").await;
    add(&world, "top", "thing-1").await;
    add(&world, "other", "thing-1").await;
    for (target, expected) in [
        ("/thing-groups/top/things?", vec!["thing-1", "thing-2"]),
        ("/thing-groups/top/things?recursive=false", vec!["thing-1", "thing-2"]),
        ("/thing-groups/top/things?recursive=true", vec!["thing-1", "thing-2", "thing-3"]),
        ("/thing-groups/child/things?recursive=true", vec!["thing-3"]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(Value::from).collect();
        assert_pages(&world, Listing::Token("GET", target, "things"), &expected).await;
    }
    let groups = [entry("top"), entry("other")];
    let listing = Listing::Token("GET", "/things/thing-1/thing-groups?", "thingGroups");
    assert_pages(&world, listing, &groups).await;
    let expected = "404 ResourceNotFoundException: thing group nothing does not exist";
    refused(&world, "GET", "/thing-groups/nothing/things", "", expected).await;
    let expected = "404 ResourceNotFoundException: thing nothing does not exist";
    refused(&world, "GET", "/things/nothing/thing-groups", "", expected).await;
}

#[tokio::test]
async fn members_are_named_by_name_or_by_arn() {
    let world = World::start().await;
    create(&world, "group", None).await;
    let (group_arn, thing_arn) = (format!("{ARN}thinggroup/group"), format!("{ARN}thing/thing-1"));
    for body in [
        json!({"thingGroupArn": group_arn, "thingArn": thing_arn, "overrideDynamicGroups": true}),
        json!({
            "thingGroupName": "group", "thingGroupArn": group_arn, "thingName": "thing-1", "thingArn": thing_arn,
        }),
    ] {
        assert_empty(&world.iot("PUT", ADD, &body.to_string()).await);
        assert_eq!(groups_of(&world, "thing-1").await, ["group"]);
        let mut body = body;
        body.as_object_mut().unwrap().remove("overrideDynamicGroups");
        assert_empty(&world.iot("PUT", REMOVE, &body.to_string()).await);
        assert!(groups_of(&world, "thing-1").await.is_empty());
    }
    for (body, expected) in [
        (json!({"thingName": "thing-1"}), "thingGroupName or thingGroupArn has to be given".to_owned()),
        (json!({"thingGroupName": "group"}), "thingName or thingArn has to be given".to_owned()),
        (
            json!({"thingGroupName": "other", "thingGroupArn": group_arn, "thingName": "thing-1"}),
            "thingGroupName and thingGroupArn do not name the same; one is enough".to_owned(),
        ),
        (
            json!({"thingGroupArn": thing_arn, "thingName": "thing-1"}),
            format!("thingGroupArn {thing_arn:?} is not the ARN of a thing group"),
        ),
        (
            json!({"thingGroupName": "group", "thingArn": group_arn}),
            format!("thingArn {group_arn:?} is not the ARN of a thing"),
        ),
        (
            json!({"thingGroupName": "group", "thingArn": "thing-1"}),
            format!("thingArn: \"thing-1\" does not begin with {ARN}, as every ARN here does"),
        ),
    ] {
        let expected = format!("400 InvalidRequestException: {expected}");
        for path in [ADD, REMOVE] {
            refused(&world, "PUT", path, &body.to_string(), &expected).await;
        }
    }
    for (body, expected) in [
        (json!({"thingGroupName": "nothing", "thingName": "thing-1"}), "thing group nothing does not exist"),
        (json!({"thingGroupName": "group", "thingName": "nothing"}), "thing nothing does not exist"),
    ] {
        let expected = format!("404 ResourceNotFoundException: {expected}");
        for path in [ADD, REMOVE] {
            refused(&world, "PUT", path, &body.to_string(), &expected).await;
        }
    }
}

#[tokio::test]
async fn a_thing_is_in_one_group_of_a_hierarchy_and_in_ten_groups() {
    let world = World::start().await;
    create(&world, "top", None).await;
    create(&world, "child", Some("top")).await;
    add(&world, "child", "thing-1").await;
    let body = json!({"thingGroupName": "top", "thingName": "thing-1"}).to_string();
    let expected = "400 InvalidRequestException: thing thing-1 is in thing group child, which has the same root; \
                    remove it from that";
    refused(&world, "PUT", ADD, &body, expected).await;
    for number in 2..=ThingGroup::OF_THING_MAX {
        create(&world, &format!("group{number}"), None).await;
        add(&world, &format!("group{number}"), "thing-1").await;
    }
    create(&world, "eleventh", None).await;
    let body = json!({"thingGroupName": "eleventh", "thingName": "thing-1"}).to_string();
    let expected = "400 InvalidRequestException: thing thing-1 is in 10 thing groups, which is the most";
    refused(&world, "PUT", ADD, &body, expected).await;
    // What it leaves makes room for what it joins.
    let body = json!({
        "thingName": "thing-1", "thingGroupsToAdd": ["top", "eleventh"],
        "thingGroupsToRemove": ["child", "group2"],
    });
    assert_empty(&world.iot("PUT", UPDATE, &body.to_string()).await);
    let groups = groups_of(&world, "thing-1").await;
    assert_eq!(groups.len(), 10);
    assert!(groups.contains(&"top".to_owned()) && groups.contains(&"eleventh".to_owned()), "{groups:?}");
}

#[tokio::test]
async fn the_groups_of_a_thing_change_together() {
    let world = World::start().await;
    tell_everything(&world).await;
    for name in ["a", "b", "c"] {
        create(&world, name, None).await;
    }
    add(&world, "a", "thing-1").await;
    let before = told(&world).await.len();
    let update = async |body: Value| world.iot("PUT", UPDATE, &body.to_string()).await;
    // What is so already stays so, and what is not named too.
    let body = json!({
        "thingName": "thing-1", "thingGroupsToAdd": ["a", "b", "b"], "thingGroupsToRemove": ["c"],
        "overrideDynamicGroups": false,
    });
    assert_empty(&update(body).await);
    assert_eq!(groups_of(&world, "thing-1").await, ["a", "b"]);
    assert_eq!(told(&world).await[before..], ["thingGroupMembership/thingGroup/b/thing/thing-1/added"]);
    assert_empty(&update(json!({"thingName": "thing-1"})).await);
    for (body, expected) in [
        (json!({"thingGroupsToAdd": ["a"]}), "400 InvalidRequestException: thingName is missing"),
        (json!({"thingName": "nothing"}), "404 ResourceNotFoundException: thing nothing does not exist"),
        (
            json!({"thingName": "thing-1", "thingGroupsToAdd": ["c", "nothing"]}),
            "404 ResourceNotFoundException: thing group nothing does not exist",
        ),
        (
            json!({"thingName": "thing-1", "thingGroupsToAdd": ["c"], "thingGroupsToRemove": ["nothing"]}),
            "404 ResourceNotFoundException: thing group nothing does not exist",
        ),
        (
            json!({"thingName": "thing-1", "thingGroupsToAdd": ["c"], "thingGroupsToRemove": ["c"]}),
            "400 InvalidRequestException: thing group c is in thingGroupsToAdd and in thingGroupsToRemove",
        ),
        (
            json!({"thingName": "thing-1", "thingGroupsToAdd": vec!["c"; 11]}),
            "400 InvalidRequestException: thingGroupsToAdd names 11 groups, and a thing can be in at most 10",
        ),
    ] {
        assert_eq!(update(body).await.error(), expected);
    }
    assert_eq!(groups_of(&world, "thing-1").await, ["a", "b"]);
    assert_eq!(told(&world).await.len(), before + 1);
}

#[tokio::test]
async fn a_thing_of_the_same_name_is_in_no_group() {
    let world = World::start().await;
    create(&world, "group", None).await;
    add(&world, "group", "thing-2").await;
    assert_empty(&world.iot("DELETE", "/things/thing-2", "").await);
    let mut transaction = Transaction::new();
    transaction.insert_thing(Thing {
        name: thing_name("thing-2"),
        id: ThingId::from_bytes([0x22; 16]),
        thing_type: None,
        billing_group: None,
        attributes: Attributes::default(),
        version: 1,
        made_by: None,
        created_at: NOW,
    });
    world.registry.commit(transaction).await.unwrap();
    assert!(groups_of(&world, "thing-2").await.is_empty());
}
