//! Greengrass groups and the service role.

use landfall_api::Service;
use landfall_model::{
    Attributes, CaCertificateId, CreationId, DeviceType, GreengrassKind, GreengrassName,
    PlannedGreengrassGroup, PlannedPolicy, PlannedThing, PlannedThingType, PolicyName, RegistrationPlan,
    ThingTypeName,
};
use landfall_pki::ParsedCertificate;
use landfall_registry::Transaction;
use serde_json::{Value, json};

use super::client::Answer;
use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::world::{EARLIER, World, thing_name};

/// What every ARN of Greengrass begins with.
pub(super) const GREENGRASS: &str = "arn:aws:greengrass:us-east-1:123456789012:";
pub(super) const EARLIER_TEXT: &str = "2025-12-29T09:20:00.250Z";
pub(super) const NOW_TEXT: &str = "2026-01-02T03:04:05.000Z";
pub(super) const GROUPS: &str = "/greengrass/groups";
pub(super) const CORES: &str = "/greengrass/definition/cores";
pub(super) const LOGGERS: &str = "/greengrass/definition/loggers";
pub(super) const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
const ROLE: &str = "/greengrass/servicerole";
const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/greengrass";

/// The registration that made the group that is there at the start.
const CREATION: CreationId = CreationId::from_bytes([0x99; 16]);

pub(super) fn samples() -> Vec<Sample> {
    let sample = |operation, method, target: &str, body: &str| {
        Sample::iot(operation, method, target, body).for_service(Service::Greengrass)
    };
    let (group, version) = (path(GreengrassKind::Group), first_version(GreengrassKind::Group));
    let versions = format!("{group}/versions");
    let role = json!({"RoleArn": ROLE_ARN}).to_string();
    vec![
        sample("CreateGroup", "POST", GROUPS, r#"{"Name": "g"}"#),
        sample("CreateGroupVersion", "POST", &versions, ""),
        sample("GetGroup", "GET", &group, ""),
        sample("GetGroupVersion", "GET", &format!("{versions}/{version}"), ""),
        sample("ListGroups", "GET", GROUPS, ""),
        sample("ListGroupVersions", "GET", &versions, ""),
        sample("UpdateGroup", "PUT", &group, r#"{"Name": "h"}"#),
        sample("DeleteGroup", "DELETE", &group, ""),
        sample("AssociateServiceRoleToAccount", "PUT", ROLE, &role),
        sample("GetServiceRoleForAccount", "GET", ROLE, ""),
        sample("DisassociateServiceRoleFromAccount", "DELETE", ROLE, ""),
    ]
}

/// The group of a core that was registered.
pub(super) fn fill(transaction: &mut Transaction, device: &ParsedCertificate) {
    let plan = RegistrationPlan {
        certificate: device.id(),
        ca: CaCertificateId::from_sha256([7; 32]),
        creation_id: CREATION,
        device_type: DeviceType::Greengrass,
        serial_number: "1".to_owned(),
        product_id: "p".to_owned(),
        thing_type: PlannedThingType {
            name: ThingTypeName::parse("sensor").unwrap(),
            searchable_attributes: Vec::new(),
        },
        thing: PlannedThing::Create { name: thing_name("thing-1"), attributes: Attributes::default() },
        thing_groups: Vec::new(),
        billing_group: None,
        policy: PlannedPolicy { name: PolicyName::parse("policy-1").unwrap(), document: "{}".into() },
        greengrass: None,
        tags: Vec::new(),
    };
    let group =
        PlannedGreengrassGroup { name: GreengrassName::parse("0001-group").unwrap(), service_role: None };
    for resource in plan.greengrass_resources(&group, EARLIER) {
        transaction.ensure_greengrass(resource);
    }
}

/// Sends a request signed for greengrass.
pub(super) async fn greengrass(world: &World, method: &str, target: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    world.signed("greengrass", method, target, &body).await
}

/// The id of the group or definition that is there at the start.
pub(super) fn id(kind: GreengrassKind) -> String {
    CREATION.greengrass_id(kind).to_string()
}

/// The id of its version.
pub(super) fn first_version(kind: GreengrassKind) -> String {
    CREATION.greengrass_version_id(kind).to_string()
}

/// The path of the group or definition that is there at the start.
pub(super) fn path(kind: GreengrassKind) -> String {
    format!("{}/{}", list_path(kind), id(kind))
}

fn list_path(kind: GreengrassKind) -> &'static str {
    match kind {
        GreengrassKind::Group => GROUPS,
        GreengrassKind::CoreDefinition => CORES,
        GreengrassKind::LoggerDefinition => LOGGERS,
    }
}

/// What is told of the group or definition that is there at the start.
pub(super) fn described(kind: GreengrassKind, name: Option<&str>) -> Value {
    let arn = format!("{GREENGRASS}{}", path(kind));
    let version = first_version(kind);
    let mut described = json!({
        "Arn": arn,
        "CreationTimestamp": EARLIER_TEXT,
        "Id": id(kind),
        "LastUpdatedTimestamp": EARLIER_TEXT,
        "LatestVersion": version,
        "LatestVersionArn": format!("{arn}/versions/{version}"),
    });
    if let Some(name) = name {
        described["Name"] = json!(name);
    }
    described
}

/// Creates a group, checks what is told of it, and gives that back.
async fn create(world: &World, body: &Value) -> Value {
    let created = greengrass(world, "POST", GROUPS, body).await.ok();
    let id = created["Id"].as_str().unwrap();
    assert_eq!(created["Arn"], json!(format!("{GREENGRASS}{GROUPS}/{id}")));
    assert_eq!((&created["CreationTimestamp"], &created["Name"]), (&json!(NOW_TEXT), &body["Name"]));
    let mut expected = created.clone();
    if let Some(tags) = body.get("tags") {
        expected["tags"] = tags.clone();
    }
    assert_eq!(greengrass(world, "GET", &format!("{GROUPS}/{id}"), &Value::Null).await.ok(), expected);
    created
}

async fn refused(world: &World, method: &str, target: &str, body: Value, expected: &str) {
    let answer = greengrass(world, method, target, &body).await;
    assert_eq!(answer.error(), expected, "{method} {target} {body}");
}

#[tokio::test]
async fn the_group_of_a_registered_core_is_read_back() {
    let world = World::start().await;
    let kind = GreengrassKind::Group;
    let group = described(kind, Some("0001-group"));
    assert_eq!(greengrass(&world, "GET", &path(kind), &Value::Null).await.ok(), group);
    let versions = format!("{}/versions", path(kind));
    let version = json!({
        "Arn": group["LatestVersionArn"], "CreationTimestamp": EARLIER_TEXT, "Id": group["Id"],
        "Version": group["LatestVersion"],
    });
    let target = format!("{versions}?");
    Listing::Greengrass(&target, "Versions").assert_one(&world, &version).await;
    let answer =
        greengrass(&world, "GET", &format!("{versions}/{}", first_version(kind)), &Value::Null).await.ok();
    let mut expected = version;
    let latest = |kind| described(kind, None)["LatestVersionArn"].clone();
    expected["Definition"] = json!({
        "CoreDefinitionVersionArn": latest(GreengrassKind::CoreDefinition),
        "LoggerDefinitionVersionArn": latest(GreengrassKind::LoggerDefinition),
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn groups_are_created_and_listed_by_page() {
    let world = World::start().await;
    let mut all = vec![described(GreengrassKind::Group, Some("0001-group"))];
    for body in [
        json!({"Name": "0001-group"}),
        json!({"Name": "My group", "InitialVersion": {}, "tags": {"a": "1", "b": ""}}),
        json!({"Name": "My group", "InitialVersion": {
            "CoreDefinitionVersionArn": described(GreengrassKind::CoreDefinition, None)["LatestVersionArn"],
            "LoggerDefinitionVersionArn": described(GreengrassKind::LoggerDefinition, None)["LatestVersionArn"],
        }}),
    ] {
        let created = create(&world, &body).await;
        let version = created.get("LatestVersion").cloned();
        assert_eq!(version.is_some(), body.get("InitialVersion").is_some());
        if let Some(version) = version {
            let target = format!(
                "{GROUPS}/{}/versions/{}",
                created["Id"].as_str().unwrap(),
                version.as_str().unwrap()
            );
            let found = greengrass(&world, "GET", &target, &Value::Null).await.ok();
            assert_eq!(found["Definition"], body["InitialVersion"]);
            assert_eq!((&found["Arn"], &found["Version"]), (&created["LatestVersionArn"], &version));
        }
        all.push(created);
    }
    assert_pages(&world, Listing::Greengrass(&format!("{GROUPS}?"), "Groups"), &all).await;
}

#[tokio::test]
async fn a_group_gets_versions_and_a_name() {
    let world = World::start().await;
    let group = path(GreengrassKind::Group);
    let versions = format!("{group}/versions");
    let core = described(GreengrassKind::CoreDefinition, None)["LatestVersionArn"].clone();
    let created =
        greengrass(&world, "POST", &versions, &json!({"CoreDefinitionVersionArn": core})).await.ok();
    let version = created["Version"].as_str().unwrap();
    assert_eq!(
        created,
        json!({
            "Arn": format!("{GREENGRASS}{versions}/{version}"), "CreationTimestamp": NOW_TEXT,
            "Id": id(GreengrassKind::Group), "Version": version,
        })
    );
    let found = greengrass(&world, "GET", &format!("{versions}/{version}"), &Value::Null).await.ok();
    assert_eq!(found["Definition"], json!({"CoreDefinitionVersionArn": core}));
    let before = described(GreengrassKind::Group, Some("0001-group"));
    let first = json!({
        "Arn": before["LatestVersionArn"], "CreationTimestamp": EARLIER_TEXT, "Id": before["Id"],
        "Version": before["LatestVersion"],
    });
    let target = format!("{versions}?");
    assert_pages(&world, Listing::Greengrass(&target, "Versions"), &[first, created.clone()]).await;
    assert_eq!(greengrass(&world, "PUT", &group, &json!({"Name": "renamed"})).await.ok(), json!({}));
    let mut expected = before;
    expected["Name"] = json!("renamed");
    expected["LastUpdatedTimestamp"] = json!(NOW_TEXT);
    expected["LatestVersion"] = created["Version"].clone();
    expected["LatestVersionArn"] = created["Arn"].clone();
    assert_eq!(greengrass(&world, "GET", &group, &Value::Null).await.ok(), expected);
    assert_eq!(greengrass(&world, "DELETE", &group, &Value::Null).await.ok(), json!({}));
    let expected =
        format!("404 IdNotFoundException: Greengrass group {} does not exist", id(GreengrassKind::Group));
    refused(&world, "GET", &group, Value::Null, &expected).await;
    refused(&world, "DELETE", &group, Value::Null, &expected).await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::start().await;
    let of_cores = id(GreengrassKind::CoreDefinition);
    for id in [NOBODY, "nothing", &of_cores] {
        let expected = format!("404 IdNotFoundException: Greengrass group {id} does not exist");
        let group = format!("{GROUPS}/{id}");
        for (method, target, body) in [
            ("GET", group.clone(), Value::Null),
            ("PUT", group.clone(), json!({"Name": "a"})),
            ("DELETE", group.clone(), Value::Null),
            ("POST", format!("{group}/versions"), json!({})),
            ("GET", format!("{group}/versions"), Value::Null),
            ("GET", format!("{group}/versions/{NOBODY}"), Value::Null),
        ] {
            refused(&world, method, &target, body, &expected).await;
        }
    }
    let group = path(GreengrassKind::Group);
    for version in [NOBODY, "nothing", &first_version(GreengrassKind::CoreDefinition)] {
        let expected = format!(
            "404 VersionNotFoundException: version {version:?} of Greengrass group {} does not exist",
            id(GreengrassKind::Group)
        );
        refused(&world, "GET", &format!("{group}/versions/{version}"), Value::Null, &expected).await;
    }
}

#[tokio::test]
async fn groups_that_cannot_be_are_refused() {
    let world = World::start().await;
    let bad = |message: &str| format!("400 BadRequestException: {message}");
    let group = path(GreengrassKind::Group);
    for body in [json!({}), json!({"Name": ""})] {
        let expected = bad("Input does not contain any attributes to be updated");
        refused(&world, "PUT", &group, body, &expected).await;
    }
    let expected = bad("Greengrass name is empty; it needs 1 to 128 characters");
    refused(&world, "POST", GROUPS, json!({"Name": ""}), &expected).await;
    let expected = bad("tag key begins with aws:, which is kept for AWS");
    refused(&world, "POST", GROUPS, json!({"Name": "a", "tags": {"aws:a": ""}}), &expected).await;
    let tags: serde_json::Map<_, _> = (0..51).map(|number| (number.to_string(), json!(""))).collect();
    let expected = bad("51 tags; at most 50 are allowed");
    refused(&world, "POST", GROUPS, json!({"Name": "a", "tags": tags}), &expected).await;

    let loggers = described(GreengrassKind::LoggerDefinition, None)["LatestVersionArn"].clone();
    let of_nobody = format!("{GREENGRASS}{CORES}/{NOBODY}/versions/{NOBODY}");
    for (member, arn, expected) in [
        (
            "FunctionDefinitionVersionArn",
            json!(of_nobody),
            "FunctionDefinitionVersionArn: there are no such definitions here; leave it out".to_owned(),
        ),
        (
            "CoreDefinitionVersionArn",
            json!(of_nobody),
            format!("CoreDefinitionVersionArn: version {NOBODY} of core definition {NOBODY} does not exist"),
        ),
        (
            "CoreDefinitionVersionArn",
            loggers.clone(),
            format!(
                "CoreDefinitionVersionArn: {loggers} is not the ARN of a version of a core definition of this account and region, as {GREENGRASS}{CORES}/ID/versions/VERSION is"
            ),
        ),
    ] {
        let content = json!({member: arn});
        refused(&world, "POST", &format!("{group}/versions"), content.clone(), &bad(&expected)).await;
        let body = json!({"Name": "a", "InitialVersion": content});
        refused(&world, "POST", GROUPS, body, &bad(&expected)).await;
    }
    let target = format!("{GROUPS}?");
    let only = described(GreengrassKind::Group, Some("0001-group"));
    Listing::Greengrass(&target, "Groups").assert_one(&world, &only).await;
}

#[tokio::test]
async fn the_account_has_a_service_role() {
    let world = World::start().await;
    let none = "404 404: You need to attach a service role to this account.";
    refused(&world, "GET", ROLE, Value::Null, none).await;
    let expected = "400 BadRequestException: \"role\" is not the ARN of a role, as arn:aws:iam::000000000000:role/functions is";
    refused(&world, "PUT", ROLE, json!({"RoleArn": "role"}), expected).await;
    refused(&world, "GET", ROLE, Value::Null, none).await;
    for role in ["arn:aws:iam::123456789012:role/a", ROLE_ARN] {
        let answer = greengrass(&world, "PUT", ROLE, &json!({"RoleArn": role})).await.ok();
        assert_eq!(answer, json!({"AssociatedAt": NOW_TEXT}));
        let answer = greengrass(&world, "GET", ROLE, &Value::Null).await.ok();
        assert_eq!(answer, json!({"AssociatedAt": NOW_TEXT, "RoleArn": role}));
    }
    for _ in 0..2 {
        let answer = greengrass(&world, "DELETE", ROLE, &Value::Null).await.ok();
        assert_eq!(answer, json!({"DisassociatedAt": NOW_TEXT}));
        refused(&world, "GET", ROLE, Value::Null, none).await;
    }
}

impl Listing<'_> {
    /// Checks that the list has this one entry.
    async fn assert_one(self, world: &World, expected: &Value) {
        assert_pages(world, self, std::slice::from_ref(expected)).await;
    }
}
