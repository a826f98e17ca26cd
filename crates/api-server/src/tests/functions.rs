//! Functions, and how often they may run at once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use landfall_model::{
    Environment, Function, FunctionDescription, FunctionName, FunctionPermission, Handler, LayerName,
    LayerVersionId, QueueArn, RevisionId, RoleArn, RuntimeName, StatementId,
};
use landfall_registry::{Functions as _, Registry as _, Transaction};
use serde_json::{Value, json};

use super::client::Answer;
use super::host::code_of;
use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::world::{EARLIER, World};
use crate::NoFunctions;

pub(super) const LAMBDA: &str = "arn:aws:lambda:us-east-1:123456789012:";
const ROLE: &str = "arn:aws:iam::123456789012:role/functions";
const FUNCTIONS: &str = "/2015-03-31/functions";
/// The revision of each function at the start.
const REVISION: &str = "21212121-2121-2121-2121-212121212121";
/// When everything happens, as lambda writes it.
pub(super) const NOW_TEXT: &str = "2026-01-02T03:04:05.000+0000";
const EARLIER_TEXT: &str = "2025-12-29T09:20:00.250+0000";

pub(super) fn samples() -> Vec<Sample> {
    let lambda = |operation, method, target: &str, body: &str| {
        Sample::iot(operation, method, target, body).for_service(landfall_api::Service::Lambda)
    };
    let created = &format!("{FUNCTIONS}/created");
    let concurrency = "functions/created/concurrency";
    let put = format!("/2017-10-31/{concurrency}");
    vec![
        lambda("CreateFunction", "POST", FUNCTIONS, &creation("created").to_string()),
        lambda("UpdateFunctionCode", "PUT", &format!("{created}/code"), &code(b"PK 2").to_string()),
        lambda("UpdateFunctionConfiguration", "PUT", &format!("{created}/configuration"), r#"{"Timeout":5}"#),
        lambda("GetFunction", "GET", created, ""),
        lambda("GetFunctionConfiguration", "GET", &format!("{created}/configuration"), ""),
        lambda("ListFunctions", "GET", &format!("{FUNCTIONS}/"), ""),
        lambda("PutFunctionConcurrency", "PUT", &put, r#"{"ReservedConcurrentExecutions":2}"#),
        lambda("GetFunctionConcurrency", "GET", &format!("/2019-09-30/{concurrency}"), ""),
        lambda("DeleteFunctionConcurrency", "DELETE", &put, ""),
        lambda("DeleteFunction", "DELETE", created, ""),
    ]
}

/// Functions as they stand in the registry: the first has a bit of everything, the second as little as can be.
pub(super) fn fill(transaction: &mut Transaction) {
    let layer = LayerName::parse("layer-1").unwrap();
    transaction.create_function(Function {
        description: FunctionDescription::parse("registers devices").unwrap(),
        environment: Environment::new([("NAME", "value")]).unwrap(),
        layers: vec![LayerVersionId { layer, version: 2 }],
        reserved_concurrency: Some(3),
        permissions: vec![FunctionPermission {
            sid: StatementId::parse("iot").unwrap(),
            statement: r#"{"Sid":"iot","Effect":"Allow"}"#.into(),
        }],
        dead_letter_target: Some(QueueArn::parse("arn:aws:sqs:us-east-1:123456789012:dead").unwrap()),
        ..function("function-1")
    });
    transaction.create_function(function("function-2"));
}

fn function(name: &str) -> Function {
    Function {
        name: FunctionName::parse(name).unwrap(),
        description: FunctionDescription::default(),
        runtime: RuntimeName::parse("python3.12").unwrap(),
        handler: Handler::parse("f.handler").unwrap(),
        role: RoleArn::parse(ROLE).unwrap(),
        timeout_s: 3,
        memory_mib: 128,
        environment: Environment::default(),
        layers: Vec::new(),
        code: code_of(b"PK 1"),
        code_size: 4,
        revision: RevisionId::from_bytes([0x21; 16]),
        created_at: EARLIER,
        modified_at: EARLIER,
        reserved_concurrency: None,
        permissions: Vec::new(),
        dead_letter_target: None,
    }
}

fn code(archive: &[u8]) -> Value {
    json!({"ZipFile": BASE64.encode(archive)})
}

fn creation(name: &str) -> Value {
    json!({
        "FunctionName": name, "Runtime": "python3.12", "Role": ROLE, "Handler": "f.handler", "Code": code(b"PK 1"),
    })
}

/// The same JSON object with other members.
pub(super) fn with(mut object: Value, members: Value) -> Value {
    object.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    object
}

pub(super) async fn lambda(world: &World, method: &str, target: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    world.signed("lambda", method, target, &body).await
}

async fn create(world: &World, body: &Value) -> Value {
    let answer = lambda(world, "POST", FUNCTIONS, body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

async fn update(world: &World, what: &str, body: &Value) -> Answer {
    lambda(world, "PUT", &format!("{FUNCTIONS}/function-1/{what}"), body).await
}

async fn get(world: &World, name: &str) -> Value {
    lambda(world, "GET", &format!("{FUNCTIONS}/{name}"), &Value::Null).await.ok()
}

/// A configuration without its revision, which is random.
fn without_revision(mut configuration: Value) -> Value {
    let revision = configuration.as_object_mut().unwrap().remove("RevisionId").unwrap();
    assert_eq!(revision.as_str().unwrap().len(), 36);
    configuration
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

/// What is answered of the second function, and of one that was created with nothing but what has to be given.
fn plain(name: &str, modified: &str) -> Value {
    json!({
        "FunctionName": name, "FunctionArn": format!("{LAMBDA}function:{name}"), "Runtime": "python3.12",
        "Role": ROLE, "Handler": "f.handler", "CodeSize": 4, "Description": "", "Timeout": 3, "MemorySize": 128,
        "LastModified": modified, "CodeSha256": code_of(b"PK 1").to_string(), "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"}, "State": "Active", "LastUpdateStatus": "Successful",
        "PackageType": "Zip", "Architectures": [architecture()],
    })
}

fn full() -> Value {
    with(
        plain("function-1", EARLIER_TEXT),
        json!({
            "RevisionId": REVISION, "Description": "registers devices",
            "Environment": {"Variables": {"NAME": "value"}},
            "Layers": [{"Arn": format!("{LAMBDA}layer:layer-1:2"), "CodeSize": 9}],
            "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"},
        }),
    )
}

#[tokio::test]
async fn a_function_is_created_as_the_first_guide_says() {
    let world = World::start().await;
    // What `aws lambda create-function` sends for the options of the guide.
    let body = with(creation("jitr"), json!({"Timeout": 30, "MemorySize": 256, "Runtime": "python3.7"}));
    let answer = create(&world, &body).await;
    let expected = with(
        plain("jitr", NOW_TEXT),
        json!({
            "Timeout": 30, "MemorySize": 256, "Runtime": "python3.7",
            "StateReason": "python3.7 is retired at AWS: the function runs on python3.13",
        }),
    );
    assert_eq!(without_revision(answer), expected);
    assert_eq!(world.host.take_stored(), [&b"PK 1"[..]]);
    let described = get(&world, "jitr").await;
    let mut unremarked = expected;
    unremarked.as_object_mut().unwrap().remove("StateReason");
    assert_eq!(without_revision(described["Configuration"].clone()), unremarked);
    assert_eq!(
        lambda(&world, "POST", FUNCTIONS, &body).await.error(),
        "409 ResourceConflictException: Function already exist: jitr"
    );
    assert_eq!(world.host.take_stored(), [&b""[..]; 0]);
}

#[tokio::test]
async fn a_function_is_created_with_everything() {
    let world = World::start().await;
    let dead_letters = json!({"TargetArn": "arn:aws:sqs:eu-west-1:123456789012:dead"});
    let layer = format!("{LAMBDA}layer:layer-1:1");
    let body = with(
        creation(&format!("{LAMBDA}function:all")),
        json!({
            "Description": "d", "Environment": {"Variables": {"AB": "1", "CD": ""}}, "Layers": [layer],
            "DeadLetterConfig": dead_letters, "PackageType": "Zip", "Architectures": ["arm64"],
            "TracingConfig": {"Mode": "Active"}, "EphemeralStorage": {"Size": 1024}, "Publish": false,
            "SnapStart": {"ApplyOn": "None"}, "Tags": {}, "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/all"}, "KMSKeyArn": "",
            "FileSystemConfigs": [], "ImageConfig": {},
        }),
    );
    let expected = with(
        plain("all", NOW_TEXT),
        json!({
            "Description": "d", "Environment": {"Variables": {"AB": "1", "CD": ""}}, "DeadLetterConfig": dead_letters,
            "Layers": [{"Arn": layer, "CodeSize": 4}],
        }),
    );
    assert_eq!(without_revision(create(&world, &body).await), expected);
}

async fn check_creation(world: &World, change: Value, expected: &str) {
    let answer = lambda(world, "POST", FUNCTIONS, &with(creation("new"), change.clone())).await;
    assert_eq!(answer.error(), expected, "{change}");
}

#[tokio::test]
async fn what_is_not_built_is_refused_by_name() {
    let world = World::start().await;
    let unsupported = [
        (json!({"Publish": true}), "Publish", "functions have no version but $LATEST; leave it out"),
        (
            json!({"PackageType": "Image"}),
            "PackageType Image",
            "functions run without containers; upload a zip file, with the package type Zip",
        ),
        (json!({"Tags": {"a": "b"}}), "Tags", "functions have no tags; leave it out"),
        (
            json!({"VpcConfig": {"SubnetIds": ["subnet-1"]}}),
            "VpcConfig",
            "functions run on the server's own machine and in its network; leave it out",
        ),
        (
            json!({"KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/a"}),
            "KMSKeyArn",
            "nothing is encrypted with keys of KMS; leave it out",
        ),
        (
            json!({"SnapStart": {"ApplyOn": "PublishedVersions"}}),
            "SnapStart",
            "functions have no version but $LATEST; leave it out",
        ),
        (
            json!({"LoggingConfig": {"LogFormat": "JSON"}}),
            "LoggingConfig",
            "logs are texts, read with `landfall functions logs NAME`; leave it out",
        ),
        (
            json!({"LoggingConfig": {"LogGroup": "other"}}),
            "LoggingConfig",
            "logs are texts, read with `landfall functions logs NAME`; leave it out",
        ),
        (
            json!({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}),
            "Code.S3Bucket",
            "code comes with the request; send the zip file itself, as the AWS CLI does with --zip-file fileb://FILE",
        ),
        (
            json!({"Code": {"ImageUri": "image"}}),
            "Code.ImageUri",
            "functions run without containers; upload a zip file, with the package type Zip",
        ),
    ];
    for (change, member, instead) in unsupported {
        let expected =
            format!("400 InvalidParameterValueException: {member} is not supported here: {instead}");
        check_creation(&world, change, &expected).await;
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::start().await;
    for (change, expected) in [
        (json!({"Runtime": null}), "Runtime is missing: what runs the function, as python3.12"),
        (json!({"Handler": null}), "Handler is missing: what the runtime calls, as f.handler"),
        (
            json!({"Code": {}}),
            "Code.ZipFile is missing: code comes with the request; send the zip file itself, as the AWS CLI does with --zip-file fileb://FILE",
        ),
        (json!({"Code": code(b"no zip")}), "the zip file cannot be used: it does not begin as one"),
        (
            json!({"Runtime": "nodejs22.x"}),
            "the runtime nodejs22.x cannot run here: there is no node in PATH: install Node.js",
        ),
        (json!({"Timeout": 901}), "timeout of 901 s; 1 to 900 s are allowed"),
        (json!({"MemorySize": 10_241}), "memory of 10241 MiB; 128 to 10240 MiB are allowed"),
        (
            json!({"Layers": [format!("{LAMBDA}layer:layer-1:3")]}),
            "Layer version arn:aws:lambda:us-east-1:123456789012:layer:layer-1:3 does not exist.",
        ),
        (
            json!({"Environment": {"Variables": {"AWS_REGION": "x"}}}),
            "environment variable AWS_REGION is reserved, as Lambda sets it; choose another name",
        ),
        (
            json!({"DeadLetterConfig": {"TargetArn": "arn:aws:sns:us-east-1:123456789012:topic"}}),
            "DeadLetterConfig: \"arn:aws:sns:us-east-1:123456789012:topic\" is not the ARN of a queue, as arn:aws:sqs:us-east-1:000000000000:devices is: its service is not sqs",
        ),
        (
            json!({"FunctionName": "new:live"}),
            "function new has neither versions nor aliases here, so not \"live\"; leave it out, or write $LATEST",
        ),
    ] {
        check_creation(&world, change, &format!("400 InvalidParameterValueException: {expected}")).await;
    }
    check_creation(
        &world,
        json!({"Code": code(b"PK full")}),
        "400 CodeStorageExceededException: there is no room for the zip file: the disk is full",
    )
    .await;
    let java =
        lambda(&world, "POST", FUNCTIONS, &with(creation("new"), json!({"Runtime": "java21"}))).await.error();
    assert!(
        java.starts_with("400 InvalidParameterValueException: runtime \"java21\" is not built; built are"),
        "{java}"
    );
    let secret = json!({"Environment": {"Variables": {"1": "hunter2"}}});
    let answer = lambda(&world, "POST", FUNCTIONS, &with(creation("new"), secret)).await;
    assert!(
        answer.error().starts_with("400 ValidationException: 1 validation error detected: "),
        "{answer:?}"
    );
    assert!(!answer.body.contains("hunter2"), "{answer:?}");
    assert_eq!(world.host.take_stored(), [&b""[..]; 0]);
    assert_eq!(lambda(&world, "GET", &format!("{FUNCTIONS}/new"), &Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_function_is_described() {
    let world = World::start().await;
    let expected = json!({
        "Configuration": full(), "Code": {"RepositoryType": "Landfall"},
        "Concurrency": {"ReservedConcurrentExecutions": 3},
    });
    for name in [
        "function-1",
        "function-1?Qualifier=%24LATEST",
        "function-1:$LATEST",
        "123456789012%3Afunction%3Afunction-1",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Afunction-1",
        "arn:aws:lambda:us-east-1:123456789012:function:function-1",
    ] {
        assert_eq!(get(&world, name).await, expected, "{name}");
    }
    let target = format!("{FUNCTIONS}/function-1/configuration");
    assert_eq!(lambda(&world, "GET", &target, &Value::Null).await.ok(), full());
    let second = with(plain("function-2", EARLIER_TEXT), json!({"RevisionId": REVISION}));
    assert_eq!(
        get(&world, "function-2").await,
        json!({"Configuration": second, "Code": {"RepositoryType": "Landfall"}})
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::start().await;
    let missing = format!("Function not found: {LAMBDA}function:other");
    for (target, expected) in [
        ("other", missing.as_str()),
        (
            "function-1?Qualifier=live",
            "function function-1 has neither versions nor aliases here, so not \"live\"; leave it out, or write $LATEST",
        ),
        (
            "function-1:1",
            "function function-1 has neither versions nor aliases here, so not \"1\"; leave it out, or write $LATEST",
        ),
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:function-1",
            "function \"arn:aws:lambda:eu-west-1:123456789012:function:function-1\" is of another account or region; the functions here begin with arn:aws:lambda:us-east-1:123456789012:function:",
        ),
    ] {
        let answer = lambda(&world, "GET", &format!("{FUNCTIONS}/{target}"), &Value::Null).await;
        assert_eq!(answer.error(), format!("404 ResourceNotFoundException: {expected}"));
        assert_eq!(answer.json()["Type"], "User");
    }
    let answer =
        lambda(&world, "PUT", &format!("{FUNCTIONS}/other/configuration"), &json!({"Timeout": 1})).await;
    assert_eq!(answer.error(), format!("404 ResourceNotFoundException: {missing}"));
    let answer = lambda(&world, "PUT", &format!("{FUNCTIONS}/other/code"), &code(b"PK 2")).await;
    assert_eq!(answer.error(), format!("404 ResourceNotFoundException: {missing}"));
    assert_eq!(world.host.take_stored(), [&b""[..]; 0]);
    let answer = lambda(&world, "DELETE", &format!("{FUNCTIONS}/other"), &Value::Null).await;
    assert_eq!(answer.error(), format!("404 ResourceNotFoundException: {missing}"));
}

#[tokio::test]
async fn functions_are_listed_by_page() {
    let world = World::start().await;
    let second = with(plain("function-2", EARLIER_TEXT), json!({"RevisionId": REVISION}));
    for query in ["", "FunctionVersion=ALL", "FunctionVersion=ALL&MasterRegion=us-east-1", "MasterRegion=ALL"]
    {
        let target = format!("{FUNCTIONS}/?{query}");
        assert_pages(&world, Listing::Lambda(&target, "Functions"), &[full(), second.clone()]).await;
    }
    let elsewhere = format!("{FUNCTIONS}/?MasterRegion=eu-west-1");
    assert_eq!(lambda(&world, "GET", &elsewhere, &Value::Null).await.ok(), json!({"Functions": []}));
    let answer = lambda(&world, "GET", &format!("{FUNCTIONS}/?Marker=AAAA"), &Value::Null).await.error();
    assert!(answer.starts_with("400 InvalidParameterValueException: the Marker is not one that"), "{answer}");
}

#[tokio::test]
async fn a_function_gets_other_code() {
    let world = World::start().await;
    let changed = with(
        full(),
        json!({"CodeSha256": code_of(b"PK 22").to_string(), "CodeSize": 5, "LastModified": NOW_TEXT}),
    );
    // Tried first.
    let dry = update(&world, "code", &with(code(b"PK 22"), json!({"DryRun": true}))).await.ok();
    assert_eq!(dry, changed);
    assert_eq!(get(&world, "function-1").await["Configuration"], full());
    let answer = update(&world, "code", &with(code(b"PK 22"), json!({"RevisionId": REVISION}))).await.ok();
    assert_ne!(answer["RevisionId"], REVISION);
    assert_eq!(without_revision(answer.clone()), without_revision(changed));
    assert_eq!(get(&world, "function-1").await["Configuration"], answer);
    assert_eq!(world.host.take_stored(), [&b"PK 22"[..], b"PK 22"]);
    // Its permissions and its number of invocations are as they were.
    let stored = world.registry.function(&FunctionName::parse("function-1").unwrap()).await.unwrap().unwrap();
    assert_eq!((stored.permissions.len(), stored.reserved_concurrency), (1, Some(3)));
    assert_eq!(stored.created_at, EARLIER);
}

#[tokio::test]
async fn a_function_is_configured() {
    let world = World::start().await;
    let body = json!({
        "Description": "", "Timeout": 900, "MemorySize": 10_240, "Handler": "g.h", "Runtime": "provided.al2023",
        "Role": "arn:aws:iam::123456789012:role/other", "Environment": {"Variables": {}}, "Layers": [],
        "DeadLetterConfig": {"TargetArn": ""}, "RevisionId": REVISION,
    });
    let answer = update(&world, "configuration", &body).await.ok();
    let expected = with(
        plain("function-1", NOW_TEXT),
        json!({
            "Timeout": 900, "MemorySize": 10_240, "Handler": "g.h", "Runtime": "provided.al2023",
            "Role": "arn:aws:iam::123456789012:role/other",
        }),
    );
    assert_eq!(without_revision(answer), expected);
    // What is not given stays.
    let answer = update(&world, "configuration", &json!({"Timeout": 7})).await.ok();
    assert_eq!(without_revision(answer), with(expected, json!({"Timeout": 7})));
}

#[tokio::test]
async fn a_layer_that_was_deleted_stays_with_its_function() {
    let world = World::start().await;
    let mut transaction = Transaction::new();
    let layer = LayerName::parse("layer-1").unwrap();
    transaction.delete_layer_version(LayerVersionId { layer, version: 2 });
    world.registry.commit(transaction).await.unwrap();
    let arn = format!("{LAMBDA}layer:layer-1:2");
    let answer = update(&world, "configuration", &json!({"Layers": [arn], "Timeout": 4})).await.ok();
    assert_eq!(answer["Layers"], json!([{"Arn": arn, "CodeSize": 9}]));
    check_creation(
        &world,
        json!({"Layers": [arn]}),
        &format!("400 InvalidParameterValueException: Layer version {arn} does not exist."),
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused() {
    let world = World::start().await;
    let revision = "The RevisionId provided does not match the latest RevisionId of the Lambda function. Call the \
                    GetFunction API to retrieve the latest RevisionId";
    for (what, body, expected) in [
        ("configuration", json!({"RevisionId": "x", "Timeout": 1}), format!("412 PreconditionFailedException: {revision}")),
        ("code", with(code(b"PK 2"), json!({"RevisionId": "x"})), format!("412 PreconditionFailedException: {revision}")),
        ("configuration", json!({"Runtime": "nodejs22.x"}), "400 InvalidParameterValueException: the runtime nodejs22.x cannot run here: there is no node in PATH: install Node.js".to_owned()),
        ("configuration", json!({"VpcConfig": {"SubnetIds": ["subnet-1"]}}), "400 InvalidParameterValueException: VpcConfig is not supported here: functions run on the server's own machine and in its network; leave it out".to_owned()),
        ("configuration", json!({"Timeout": 901}), "400 InvalidParameterValueException: timeout of 901 s; 1 to 900 s are allowed".to_owned()),
        ("code", with(code(b"PK 2"), json!({"Publish": true})), "400 InvalidParameterValueException: Publish is not supported here: functions have no version but $LATEST; leave it out".to_owned()),
        ("code", json!({"S3Bucket": "bucket"}), "400 InvalidParameterValueException: S3Bucket is not supported here: code comes with the request; send the zip file itself, as the AWS CLI does with --zip-file fileb://FILE".to_owned()),
        ("code", json!({}), "400 InvalidParameterValueException: ZipFile is missing: code comes with the request; send the zip file itself, as the AWS CLI does with --zip-file fileb://FILE".to_owned()),
    ] {
        assert_eq!(update(&world, what, &body).await.error(), expected, "{body}");
    }
    assert_eq!(get(&world, "function-1").await["Configuration"], full());
    assert_eq!(world.host.take_stored(), [&b""[..]; 0]);
}

#[tokio::test]
async fn a_function_is_deleted() {
    let world = World::start().await;
    let target = format!("{FUNCTIONS}/function-2");
    let answer = lambda(&world, "DELETE", &format!("{target}?Qualifier=%24LATEST"), &Value::Null).await;
    assert_eq!(
        answer.error(),
        "400 InvalidParameterValueException: the version $LATEST is deleted with its function: leave the qualifier out"
    );
    let answer = lambda(&world, "DELETE", &target, &Value::Null).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(lambda(&world, "GET", &target, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_function_has_a_number_of_its_own() {
    let world = World::start().await;
    let put = "/2017-10-31/functions/function-2/concurrency";
    let read = async || {
        lambda(&world, "GET", "/2019-09-30/functions/function-2/concurrency", &Value::Null).await.ok()
    };
    assert_eq!(read().await, json!({}));
    let number = json!({"ReservedConcurrentExecutions": 0});
    assert_eq!(lambda(&world, "PUT", put, &number).await.ok(), number);
    assert_eq!(read().await, number);
    assert_eq!(get(&world, "function-2").await["Concurrency"], number);
    let answer = lambda(&world, "DELETE", put, &Value::Null).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(read().await, json!({}));
    let answer = lambda(&world, "PUT", put, &json!({"ReservedConcurrentExecutions": -1})).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    // It is no change of code or configuration.
    assert_eq!(get(&world, "function-2").await["Configuration"]["LastModified"], EARLIER_TEXT);
}

#[tokio::test]
async fn a_server_without_functions_says_so() {
    let world = World::start_with_host(NoFunctions).await;
    let expected =
        "403 AccessDeniedException: functions are off on this server: it was started with --no-functions";
    let function = format!("{FUNCTIONS}/function-1");
    let mapping =
        json!({"FunctionName": "function-1", "EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:q"});
    for (method, target, body) in [
        ("POST", FUNCTIONS.to_owned(), creation("new")),
        ("PUT", format!("{function}/code"), code(b"PK 2")),
        ("PUT", format!("{function}/configuration"), json!({"Timeout": 1})),
        ("POST", format!("{function}/invocations"), json!({})),
        (
            "POST",
            format!("{function}/policy"),
            json!({"StatementId": "a", "Action": "lambda:*", "Principal": "*"}),
        ),
        (
            "PUT",
            "/2017-10-31/functions/function-1/concurrency".to_owned(),
            json!({"ReservedConcurrentExecutions": 1}),
        ),
        ("POST", "/2018-10-31/layers/new/versions".to_owned(), json!({"Content": code(b"PK 2")})),
        ("POST", "/2015-03-31/event-source-mappings".to_owned(), mapping),
    ] {
        assert_eq!(lambda(&world, method, &target, &body).await.error(), expected, "{method} {target}");
    }
    let log = world.signed("landfall", "GET", "/landfall/v1/functions/function-1/logs", "").await;
    assert_eq!(log.error(), expected);
    // What is there can be read, and removed.
    assert_eq!(get(&world, "function-1").await["Configuration"], full());
    assert_eq!(lambda(&world, "DELETE", &function, &Value::Null).await.status, 204);
}
