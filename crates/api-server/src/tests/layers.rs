//! Layers.

use landfall_api::Service;
use landfall_model::{
    FunctionDescription, LayerLicense, LayerName, LayerVersion, LayerVersionId, RuntimeName,
};
use landfall_registry::Transaction;
use serde_json::{Value, json};

use super::functions::{LAMBDA, NOW_TEXT, lambda, with};
use super::host::code_of;
use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::world::{EARLIER, World};

const LAYERS: &str = "/2018-10-31/layers";
const EARLIER_TEXT: &str = "2025-12-29T09:20:00.250+0000";

pub(super) fn samples() -> Vec<Sample> {
    let sample = |operation, method, target: &str, body: &str| {
        Sample::iot(operation, method, target, body).for_service(Service::Lambda)
    };
    let arn = format!("{LAMBDA}layer:layer-1:2").replace(':', "%3A");
    vec![
        sample("PublishLayerVersion", "POST", &format!("{LAYERS}/layer-1/versions"), &content().to_string()),
        sample("GetLayerVersion", "GET", &format!("{LAYERS}/layer-1/versions/3"), ""),
        sample("GetLayerVersionByArn", "GET", &format!("{LAYERS}?find=LayerVersion&Arn={arn}"), ""),
        sample("ListLayerVersions", "GET", &format!("{LAYERS}/layer-1/versions"), ""),
        sample("ListLayers", "GET", LAYERS, ""),
        sample("DeleteLayerVersion", "DELETE", &format!("{LAYERS}/layer-1/versions/3"), ""),
    ]
}

/// Two versions of a layer, and a layer of one version.
pub(super) fn fill(transaction: &mut Transaction) {
    for (layer, version, archive, runtimes) in [
        ("layer-1", 1, &b"PK 1"[..], &["python3.11", "python3.12"][..]),
        ("layer-1", 2, b"PK layer2", &["python3.12"]),
        ("layer-2", 1, b"PK 1", &[]),
    ] {
        let runtimes = runtimes.iter().map(|name| RuntimeName::parse(name).unwrap());
        transaction.publish_layer_version(LayerVersion {
            id: LayerVersionId { layer: LayerName::parse(layer).unwrap(), version },
            description: FunctionDescription::parse("d").unwrap(),
            code: code_of(archive),
            code_size: archive.len().try_into().unwrap(),
            compatible_runtimes: runtimes.collect(),
            license: (version == 2).then(|| LayerLicense::parse("MIT").unwrap()),
            created_at: EARLIER,
        });
    }
}

fn content() -> Value {
    // PK 3
    json!({"Content": {"ZipFile": "UEsgMw=="}})
}

fn listed(layer: &str, version: u64, more: Value) -> Value {
    let arn = format!("{LAMBDA}layer:{layer}:{version}");
    let item =
        json!({"LayerVersionArn": arn, "Version": version, "Description": "d", "CreatedDate": EARLIER_TEXT});
    with(item, more)
}

fn first() -> Value {
    listed("layer-1", 1, json!({"CompatibleRuntimes": ["python3.11", "python3.12"]}))
}

fn second() -> Value {
    listed("layer-1", 2, json!({"CompatibleRuntimes": ["python3.12"], "LicenseInfo": "MIT"}))
}

fn layer(name: &str, newest: Value) -> Value {
    json!({"LayerName": name, "LayerArn": format!("{LAMBDA}layer:{name}"), "LatestMatchingVersion": newest})
}

async fn get(world: &World, target: &str) -> Value {
    lambda(world, "GET", &format!("{LAYERS}{target}"), &Value::Null).await.ok()
}

#[tokio::test]
async fn versions_are_numbered_as_they_are_published() {
    let world = World::start().await;
    let body = with(
        content(),
        json!({
            "Description": "third", "CompatibleRuntimes": ["python3.13"], "CompatibleArchitectures": ["arm64"],
            "LicenseInfo": "Apache-2.0",
        }),
    );
    let target = format!("{LAYERS}/layer-1/versions");
    let answer = lambda(&world, "POST", &target, &body).await;
    let expected = json!({
        "Content": {"CodeSha256": code_of(b"PK 3").to_string(), "CodeSize": 4},
        "LayerArn": format!("{LAMBDA}layer:layer-1"), "LayerVersionArn": format!("{LAMBDA}layer:layer-1:3"),
        "Description": "third", "CreatedDate": NOW_TEXT, "Version": 3, "CompatibleRuntimes": ["python3.13"],
        "LicenseInfo": "Apache-2.0",
    });
    assert_eq!((answer.status, answer.json()), (201, expected.clone()));
    assert_eq!(world.host.take_stored(), [&b"PK 3"[..]]);
    let arn = format!("{LAMBDA}layer:layer-1:3").replace(':', "%3A");
    assert_eq!(get(&world, "/layer-1/versions/3").await, expected);
    assert_eq!(get(&world, &format!("?find=LayerVersion&Arn={arn}")).await, expected);
    // A number is never given twice.
    assert_eq!(lambda(&world, "DELETE", &format!("{target}/3"), &Value::Null).await.status, 204);
    assert_eq!(lambda(&world, "POST", &target, &content()).await.json()["Version"], 4);
    let by_arn = format!("{LAYERS}/{LAMBDA}layer:new/versions").replace(':', "%3A");
    assert_eq!(lambda(&world, "POST", &by_arn, &content()).await.json()["Version"], 1);
}

#[tokio::test]
async fn layers_and_versions_are_listed_by_page() {
    let world = World::start().await;
    let versions = |query: &str| format!("{LAYERS}/layer-1/versions?{query}");
    for (query, expected) in
        [("", vec![second(), first()]), ("CompatibleRuntime=python3.12", vec![second(), first()])]
    {
        assert_pages(&world, Listing::Lambda(&versions(query), "LayerVersions"), &expected).await;
    }
    let answer = get(&world, "/layer-1/versions?CompatibleRuntime=python3.11").await;
    assert_eq!(answer, json!({"LayerVersions": [first()]}));
    assert_eq!(get(&world, "/other/versions").await, json!({"LayerVersions": []}));
    let all = [layer("layer-1", second()), layer("layer-2", listed("layer-2", 1, json!({})))];
    assert_pages(&world, Listing::Lambda(&format!("{LAYERS}?"), "Layers"), &all).await;
    let of_runtime = get(&world, "?CompatibleRuntime=python3.11").await;
    assert_eq!(of_runtime, json!({"Layers": [layer("layer-1", first())]}));
    assert_eq!(get(&world, "?CompatibleRuntime=python3.10").await, json!({"Layers": []}));
}

#[tokio::test]
async fn a_version_is_deleted() {
    let world = World::start().await;
    for _ in 0..2 {
        let target = format!("{LAYERS}/layer-1/versions/2");
        let answer = lambda(&world, "DELETE", &target, &Value::Null).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    }
    assert_eq!(
        lambda(&world, "GET", &format!("{LAYERS}/layer-1/versions/2"), &Value::Null).await.error(),
        format!(
            "404 ResourceNotFoundException: The resource you requested does not exist: {LAMBDA}layer:layer-1:2"
        )
    );
    assert_eq!(get(&world, "/layer-1/versions").await, json!({"LayerVersions": [first()]}));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::start().await;
    let publish = "/layer-1/versions";
    for (method, target, body, expected) in [
        (
            "POST",
            publish,
            json!({"Content": {"S3Bucket": "bucket"}}),
            "Content.S3Bucket is not supported here: code comes with the request; send the zip file itself, as the AWS CLI does with --zip-file fileb://FILE",
        ),
        (
            "POST",
            publish,
            json!({"Content": {}}),
            "Content.ZipFile is missing: code comes with the request; send the zip file itself, as the AWS CLI does with --zip-file fileb://FILE",
        ),
        (
            "POST",
            publish,
            json!({"Content": {"ZipFile": "eA=="}}),
            "the zip file cannot be used: it does not begin as one",
        ),
        (
            "GET",
            "/layer-1/versions/0",
            Value::Null,
            "version 0 of layer layer-1 cannot be; versions are numbers from 1",
        ),
        (
            "GET",
            "?CompatibleArchitecture=arm64",
            Value::Null,
            "CompatibleArchitecture is not supported here: for which architectures a layer was built is not kept; leave it out",
        ),
    ] {
        let answer = lambda(&world, method, &format!("{LAYERS}{target}"), &body).await;
        assert_eq!(answer.error(), format!("400 InvalidParameterValueException: {expected}"));
    }
    assert_eq!(world.host.take_stored(), [&b""[..]; 0]);
}
