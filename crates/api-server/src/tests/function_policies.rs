//! Who may invoke a function.

use landfall_api::Service;
use serde_json::{Value, json};

use super::functions::{LAMBDA, lambda, with};
use super::samples::Sample;
use super::world::World;

const POLICY: &str = "/2015-03-31/functions/function-2/policy";

pub(super) fn samples() -> Vec<Sample> {
    let sample = |operation, method, target: &str, body: &str| {
        Sample::iot(operation, method, target, body).for_service(Service::Lambda)
    };
    vec![
        sample("AddPermission", "POST", POLICY, &permission("a").to_string()),
        sample("GetPolicy", "GET", POLICY, ""),
        sample("RemovePermission", "DELETE", &format!("{POLICY}/a"), ""),
    ]
}

fn permission(sid: &str) -> Value {
    json!({"StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "iot.amazonaws.com"})
}

async fn add(world: &World, body: &Value) -> Value {
    let answer = lambda(world, "POST", POLICY, body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    serde_json::from_str(answer.json()["Statement"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_permission_is_the_statement_that_aws_makes_of_it() {
    let world = World::start().await;
    let base = |sid: &str, principal: Value| {
        json!({
            "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "lambda:InvokeFunction",
            "Resource": format!("{LAMBDA}function:function-2"),
        })
    };
    let rule = "arn:aws:iot:us-east-1:123456789012:rule/r";
    let service = json!({"Service": "iot.amazonaws.com"});
    let cases = [
        (json!({}), base("s0", service.clone())),
        (json!({"Principal": "*"}), base("s1", json!("*"))),
        (json!({"Principal": "123456789012"}), base("s2", json!({"AWS": "arn:aws:iam::123456789012:root"}))),
        (
            json!({"Principal": "arn:aws:iam::123456789012:user/u"}),
            base("s3", json!({"AWS": "arn:aws:iam::123456789012:user/u"})),
        ),
        (
            json!({"SourceArn": rule, "SourceAccount": "123456789012"}),
            with(
                base("s4", service.clone()),
                json!({"Condition": {
                    "StringEquals": {"AWS:SourceAccount": "123456789012"}, "ArnLike": {"AWS:SourceArn": rule},
                }}),
            ),
        ),
        (
            json!({"FunctionUrlAuthType": "NONE", "InvokedViaFunctionUrl": true, "EventSourceToken": "t", "PrincipalOrgID": "o-abcdefghij"}),
            with(
                base("s5", service),
                json!({"Condition": {
                    "StringEquals": {
                        "lambda:EventSourceToken": "t", "lambda:FunctionUrlAuthType": "NONE", "aws:PrincipalOrgID": "o-abcdefghij",
                    },
                    "Bool": {"lambda:InvokedViaFunctionUrl": "true"},
                }}),
            ),
        ),
    ];
    let mut statements = Vec::new();
    for (index, (members, expected)) in cases.into_iter().enumerate() {
        let statement = add(&world, &with(permission(&format!("s{index}")), members)).await;
        assert_eq!(statement, expected);
        statements.push(statement);
    }
    let answer = lambda(&world, "GET", POLICY, &Value::Null).await.ok();
    let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy, json!({"Version": "2012-10-17", "Id": "default", "Statement": statements}));
    let function = lambda(&world, "GET", "/2015-03-31/functions/function-2", &Value::Null).await.ok();
    assert_eq!(function["Configuration"]["RevisionId"], answer["RevisionId"]);
    // A permission is no change of the function's code or configuration.
    assert_eq!(function["Configuration"]["LastModified"], "2025-12-29T09:20:00.250+0000");
}

#[tokio::test]
async fn a_permission_is_taken_back() {
    let world = World::start().await;
    add(&world, &permission("a")).await;
    add(&world, &permission("b")).await;
    let stale = format!("{POLICY}/a?RevisionId=x");
    assert_eq!(lambda(&world, "DELETE", &stale, &Value::Null).await.status, 412);
    for sid in ["a", "b"] {
        let answer = lambda(&world, "DELETE", &format!("{POLICY}/{sid}"), &Value::Null).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    }
    assert_eq!(
        lambda(&world, "DELETE", &format!("{POLICY}/a"), &Value::Null).await.error(),
        "404 ResourceNotFoundException: Statement a is not found in resource policy."
    );
    assert_eq!(
        lambda(&world, "GET", POLICY, &Value::Null).await.error(),
        "404 ResourceNotFoundException: The resource you requested does not exist."
    );
}

#[tokio::test]
async fn what_cannot_be_permitted_is_refused() {
    let world = World::start().await;
    add(&world, &permission("a")).await;
    for (body, expected) in [
        (
            permission("a"),
            "409 ResourceConflictException: The statement id (a) provided already exists. Please provide a new statement \
             id, or remove the existing statement.",
        ),
        (
            with(permission("b"), json!({"RevisionId": "x"})),
            "412 PreconditionFailedException: The RevisionId provided does not match the latest RevisionId of the Lambda \
             function. Call the GetFunction API to retrieve the latest RevisionId",
        ),
    ] {
        assert_eq!(lambda(&world, "POST", POLICY, &body).await.error(), expected);
    }
    let source = format!("arn:aws:iot:us-east-1:123456789012:rule/{}", "r".repeat(9_000));
    let large = |sid| with(permission(sid), json!({"SourceArn": source}));
    add(&world, &large("b")).await;
    add(&world, &large("c")).await;
    let answer = lambda(&world, "POST", POLICY, &large("d")).await.error();
    assert!(
        answer.starts_with("400 PolicyLengthExceededException: the statements of the policy have 27"),
        "{answer}"
    );
    let policy = lambda(&world, "GET", POLICY, &Value::Null).await.ok();
    assert_eq!(policy["Policy"].as_str().unwrap().matches("\"Sid\"").count(), 3);
}
