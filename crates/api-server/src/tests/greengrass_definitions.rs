//! Core and logger definitions of Greengrass.

use landfall_api::Service;
use landfall_model::GreengrassKind;
use serde_json::{Value, json};

use super::greengrass::{
    CORES, EARLIER_TEXT, GREENGRASS, LOGGERS, NOBODY, NOW_TEXT, described, first_version, greengrass, id,
    path,
};
use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::world::{ARN, World};

const OF_CORES: GreengrassKind = GreengrassKind::CoreDefinition;
const OF_LOGGERS: GreengrassKind = GreengrassKind::LoggerDefinition;

pub(super) fn samples() -> Vec<Sample> {
    let sample = |operation, method, target: &str, body: &str| {
        Sample::iot(operation, method, target, body).for_service(Service::Greengrass)
    };
    let (core, logger) = (path(OF_CORES), path(OF_LOGGERS));
    let (cores, loggers) = (format!("{core}/versions"), format!("{logger}/versions"));
    let (first_cores, first_loggers) = (first_version(OF_CORES), first_version(OF_LOGGERS));
    let name = r#"{"Name": "d"}"#;
    vec![
        sample("CreateCoreDefinition", "POST", CORES, ""),
        sample("CreateCoreDefinitionVersion", "POST", &cores, ""),
        sample("GetCoreDefinition", "GET", &core, ""),
        sample("GetCoreDefinitionVersion", "GET", &format!("{cores}/{first_cores}"), ""),
        sample("ListCoreDefinitions", "GET", CORES, ""),
        sample("ListCoreDefinitionVersions", "GET", &cores, ""),
        sample("UpdateCoreDefinition", "PUT", &core, name),
        sample("DeleteCoreDefinition", "DELETE", &core, ""),
        sample("CreateLoggerDefinition", "POST", LOGGERS, ""),
        sample("CreateLoggerDefinitionVersion", "POST", &loggers, ""),
        sample("GetLoggerDefinition", "GET", &logger, ""),
        sample("GetLoggerDefinitionVersion", "GET", &format!("{loggers}/{first_loggers}"), ""),
        sample("ListLoggerDefinitions", "GET", LOGGERS, ""),
        sample("ListLoggerDefinitionVersions", "GET", &loggers, ""),
        sample("UpdateLoggerDefinition", "PUT", &logger, name),
        sample("DeleteLoggerDefinition", "DELETE", &logger, ""),
    ]
}

/// The member with the parts of a definition.
fn parts_of(kind: GreengrassKind) -> &'static str {
    if kind == OF_CORES { "Cores" } else { "Loggers" }
}

fn list_path(kind: GreengrassKind) -> &'static str {
    if kind == OF_CORES { CORES } else { LOGGERS }
}

/// A part of a definition.
fn part(kind: GreengrassKind, id: &str) -> Value {
    if kind == OF_CORES {
        json!({
            "CertificateArn": format!("{ARN}cert/{}", "ab".repeat(32)), "Id": id, "SyncShadow": true,
            "ThingArn": format!("{ARN}thing/nobody"),
        })
    } else {
        json!({"Component": "Lambda", "Id": id, "Level": "WARN", "Space": 128, "Type": "FileSystem"})
    }
}

async fn version(world: &World, definition: &str, version: &str) -> Value {
    greengrass(world, "GET", &format!("{definition}/versions/{version}"), &Value::Null).await.ok()
}

#[tokio::test]
async fn the_definitions_of_a_registered_core_are_read_back() {
    let world = World::start().await;
    let core = json!({
        "CertificateArn": format!("{ARN}cert/{}", world.device.id()), "Id": "thing-1", "SyncShadow": false,
        "ThingArn": format!("{ARN}thing/thing-1"),
    });
    let logger = |id: &str, component: &str, file: bool| {
        let mut logger = json!({"Component": component, "Id": id, "Level": "DEBUG", "Type": "AWSCloudWatch"});
        if file {
            logger["Type"] = json!("FileSystem");
            logger["Space"] = json!(10_240);
        }
        logger
    };
    let loggers = [
        logger("lambda-cloudwatch", "Lambda", false),
        logger("lambda-file", "Lambda", true),
        logger("system-cloudwatch", "GreengrassSystem", false),
        logger("system-file", "GreengrassSystem", true),
    ];
    for (kind, parts) in [(OF_CORES, json!([core])), (OF_LOGGERS, json!(loggers))] {
        let definition = described(kind, None);
        assert_eq!(greengrass(&world, "GET", &path(kind), &Value::Null).await.ok(), definition);
        let mut expected = json!({
            "Arn": definition["LatestVersionArn"], "CreationTimestamp": EARLIER_TEXT, "Id": definition["Id"],
            "Version": definition["LatestVersion"],
        });
        let versions = format!("{}/versions?", path(kind));
        assert_pages(&world, Listing::Greengrass(&versions, "Versions"), &[expected.clone()]).await;
        expected["Definition"] = json!({parts_of(kind): parts});
        assert_eq!(version(&world, &path(kind), &first_version(kind)).await, expected);
    }
}

#[tokio::test]
async fn definitions_are_created_and_listed_by_page() {
    let world = World::start().await;
    for kind in [OF_CORES, OF_LOGGERS] {
        let parts = json!({parts_of(kind): [part(kind, "b"), part(kind, "a")]});
        let mut all = vec![described(kind, None)];
        for body in [
            json!({}),
            json!({"Name": "same", "InitialVersion": {}}),
            json!({"Name": "same", "InitialVersion": parts, "tags": {"k": "v"}}),
        ] {
            let created = greengrass(&world, "POST", list_path(kind), &body).await.ok();
            let definition = format!("{}/{}", list_path(kind), created["Id"].as_str().unwrap());
            let mut expected = created.clone();
            assert_eq!(created["Arn"], json!(format!("{GREENGRASS}{definition}")));
            assert_eq!(created.get("Name"), body.get("Name"));
            if let Some(tags) = body.get("tags") {
                expected["tags"] = tags.clone();
            }
            let answer = greengrass(&world, "GET", &definition, &Value::Null).await.ok();
            assert_eq!(answer, expected);
            assert_eq!(created.get("LatestVersion").is_some(), body.get("InitialVersion").is_some());
            if let Some(latest) = created.get("LatestVersion") {
                let found = version(&world, &definition, latest.as_str().unwrap()).await;
                let of = |body: &Value| body[parts_of(kind)].as_array().cloned().unwrap_or_default();
                assert_eq!(of(&found["Definition"]), of(&body["InitialVersion"]));
            }
            all.push(expected);
        }
        let target = format!("{}?", list_path(kind));
        assert_pages(&world, Listing::Greengrass(&target, "Definitions"), &all).await;
    }
}

#[tokio::test]
async fn a_definition_gets_versions_and_a_name_and_goes() {
    let world = World::start().await;
    for kind in [OF_CORES, OF_LOGGERS] {
        let definition = path(kind);
        let versions = format!("{definition}/versions");
        let body = json!({parts_of(kind): [part(kind, "new")]});
        let created = greengrass(&world, "POST", &versions, &body).await.ok();
        let latest = created["Version"].as_str().unwrap();
        assert_eq!(created["Arn"], json!(format!("{GREENGRASS}{versions}/{latest}")));
        assert_eq!((&created["CreationTimestamp"], &created["Id"]), (&json!(NOW_TEXT), &json!(id(kind))));
        assert_eq!(version(&world, &definition, latest).await["Definition"], body);
        assert_eq!(greengrass(&world, "PUT", &definition, &json!({"Name": "n"})).await.ok(), json!({}));
        let answer = greengrass(&world, "GET", &definition, &Value::Null).await.ok();
        assert_eq!((&answer["Name"], &answer["LatestVersion"]), (&json!("n"), &created["Version"]));
        assert_eq!(greengrass(&world, "DELETE", &definition, &Value::Null).await.ok(), json!({}));
        let answer = greengrass(&world, "GET", &definition, &Value::Null).await.error();
        assert_eq!(answer, format!("404 IdNotFoundException: {kind} {} does not exist", id(kind)));
    }
    // The group keeps naming them, as at AWS.
    let group = GreengrassKind::Group;
    let found = version(&world, &path(group), &first_version(group)).await;
    assert_eq!(
        found["Definition"]["CoreDefinitionVersionArn"],
        described(OF_CORES, None)["LatestVersionArn"]
    );
}

#[tokio::test]
async fn what_is_no_definition_is_not_found() {
    let world = World::start().await;
    for (kind, other) in [(OF_CORES, OF_LOGGERS), (OF_LOGGERS, OF_CORES)] {
        for id in [NOBODY, "nothing", &id(other)] {
            let definition = format!("{}/{id}", list_path(kind));
            let expected = format!("404 IdNotFoundException: {kind} {id} does not exist");
            for (method, target, body) in [
                ("GET", definition.clone(), Value::Null),
                ("PUT", definition.clone(), json!({"Name": "a"})),
                ("DELETE", definition.clone(), Value::Null),
                ("POST", format!("{definition}/versions"), json!({parts_of(kind): [part(kind, "a")]})),
                ("GET", format!("{definition}/versions"), Value::Null),
                ("GET", format!("{definition}/versions/{NOBODY}"), Value::Null),
            ] {
                let answer = greengrass(&world, method, &target, &body).await;
                assert_eq!(answer.error(), expected, "{method} {target}");
            }
        }
    }
}

#[tokio::test]
async fn definitions_that_cannot_be_are_refused() {
    let world = World::start().await;
    let with = |kind: GreengrassKind, member: &str, value: &str| {
        let mut part = part(kind, "a");
        part[member] = json!(value);
        vec![part]
    };
    let many = |kind| (0..101).map(|number| part(kind, &number.to_string())).collect::<Vec<_>>();
    let thing = format!("{ARN}thing/t");
    for (kind, parts, expected) in [
        (OF_CORES, many(OF_CORES), "101 cores; at most 100 are allowed"),
        (OF_LOGGERS, many(OF_LOGGERS), "101 loggers; at most 100 are allowed"),
        (OF_CORES, vec![part(OF_CORES, "a"), part(OF_CORES, "a")], "the id a is that of two cores"),
        (
            OF_LOGGERS,
            with(OF_LOGGERS, "Id", "a b"),
            "Greengrass id \"a b\" has the character ' '; allowed are letters, digits and : _ -",
        ),
        (
            OF_CORES,
            with(OF_CORES, "CertificateArn", &thing),
            &format!("CertificateArn {thing:?} is not the ARN of a certificate"),
        ),
        (
            OF_CORES,
            with(OF_CORES, "ThingArn", "arn:aws:iot:eu-west-1:123456789012:thing/t"),
            &format!(
                "ThingArn: \"arn:aws:iot:eu-west-1:123456789012:thing/t\" does not begin with {ARN}, as every ARN here does"
            ),
        ),
    ] {
        let content = json!({parts_of(kind): parts});
        let expected = format!("400 BadRequestException: {expected}");
        let body = json!({"InitialVersion": content});
        assert_eq!(greengrass(&world, "POST", list_path(kind), &body).await.error(), expected);
        let versions = format!("{}/versions", path(kind));
        assert_eq!(greengrass(&world, "POST", &versions, &content).await.error(), expected);
    }
    let content = json!({"Loggers": with(OF_LOGGERS, "Level", "LOUD")});
    let answer = greengrass(&world, "POST", LOGGERS, &json!({"InitialVersion": content})).await;
    assert!(answer.error().starts_with("400 BadRequestException: "), "{answer:?}");
    let target = format!("{LOGGERS}?");
    assert_pages(&world, Listing::Greengrass(&target, "Definitions"), &[described(OF_LOGGERS, None)]).await;
}
