//! Topic rules.

use landfall_model::RuleName;
use landfall_registry::{Registry as _, TopicRules as _, Transaction};
use serde_json::{Value, json};

use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::things::{assert_empty, refused};
use super::world::{ARN, World};

const JITR: &str =
    "SELECT * FROM '$aws/events/certificates/registered/#' WHERE certificateStatus = \"PENDING_ACTIVATION\"";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:jitr";

pub(super) fn samples() -> Vec<Sample> {
    let iot = Sample::iot;
    let body = payload("SELECT * FROM 'a'").to_string();
    vec![
        iot("CreateTopicRule", "POST", "/rules/new", &body).with_header("x-amz-tagging", "a=b"),
        iot("GetTopicRule", "GET", "/rules/new", ""),
        iot("ListTopicRules", "GET", "/rules?topic=a", ""),
        iot("ReplaceTopicRule", "PATCH", "/rules/new", &body),
        iot("DisableTopicRule", "POST", "/rules/new/disable", ""),
        iot("EnableTopicRule", "POST", "/rules/new/enable", ""),
        iot("DeleteTopicRule", "DELETE", "/rules/new", ""),
    ]
}

/// A rule that calls a function.
fn payload(sql: &str) -> Value {
    json!({"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": [{"lambda": {"functionArn": FUNCTION}}]})
}

async fn create(world: &World, name: &str, payload: &Value) {
    assert_empty(&world.iot("POST", &format!("/rules/{name}"), &payload.to_string()).await);
}

async fn get(world: &World, name: &str) -> Value {
    world.iot("GET", &format!("/rules/{name}"), "").await.ok()
}

#[tokio::test]
async fn a_rule_is_answered_as_it_was_created() {
    let world = World::start().await;
    let actions = json!([
        {"lambda": {"functionArn": FUNCTION}},
        {"republish": {"roleArn": "arn:aws:iam::123456789012:role/r", "topic": "$$aws/things/${topic(1)}/shadow", "qos": 1}},
        {"exec": {"command": ["/usr/local/bin/notify", "${topic()}"]}},
    ]);
    let error_action =
        json!({"republish": {"roleArn": "arn:aws:iam::123456789012:role/r", "topic": "errors", "qos": 0}});
    let body = json!({
        "sql": JITR, "description": "Just in time", "actions": actions, "ruleDisabled": true,
        "awsIotSqlVersion": "2016-03-23", "errorAction": error_action, "unknown": 1,
    });
    create(&world, "JITR_rule", &body).await;
    assert_eq!(
        get(&world, "JITR_rule").await,
        json!({
            "ruleArn": format!("{ARN}rule/JITR_rule"),
            "rule": {
                "ruleName": "JITR_rule", "sql": JITR, "description": "Just in time",
                "createdAt": 1_767_323_045.0, "actions": actions, "ruleDisabled": true,
                "awsIotSqlVersion": "2016-03-23", "errorAction": error_action,
            },
        })
    );
    let stored = world.registry.topic_rule(&RuleName::parse("JITR_rule").unwrap()).await.unwrap().unwrap();
    let document: Value = serde_json::from_str(&stored.document).unwrap();
    let mut expected = body;
    for member in ["ruleDisabled", "unknown"] {
        expected.as_object_mut().unwrap().remove(member);
    }
    assert_eq!(document, expected);
}

#[tokio::test]
async fn the_first_seeds_rule_is_created_as_written() {
    let world = World::start().await;
    let body = json!({
        "sql": JITR, "description": "", "actions": [{"lambda": {"functionArn": FUNCTION}}], "ruleDisabled": false,
    });
    create(&world, "jitr", &body).await;
    let rule = &get(&world, "jitr").await["rule"];
    // A rule that names no version has the oldest one, as at AWS.
    assert_eq!(rule["awsIotSqlVersion"], json!("2015-10-08"));
    assert_eq!((&rule["description"], &rule["ruleDisabled"]), (&json!(""), &json!(false)));
    assert_eq!(rule.get("errorAction"), None);
}

#[tokio::test]
async fn a_rule_is_created_once() {
    let world = World::start().await;
    let body = payload("SELECT * FROM 'a'");
    create(&world, "r", &body).await;
    let answer = world.iot("POST", "/rules/r", &body.to_string()).await;
    let message = "topic rule r exists already";
    assert_eq!(answer.error(), format!("409 ResourceAlreadyExistsException: {message}"));
    let expected = json!({"message": message, "resourceId": "r", "resourceArn": format!("{ARN}rule/r")});
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_rule_is_replaced_enabled_and_disabled() {
    let world = World::start().await;
    create(&world, "r", &payload("SELECT * FROM 'a'")).await;
    let disabled = async || get(&world, "r").await["rule"]["ruleDisabled"].clone();
    for (verb, expected) in [("disable", true), ("disable", true), ("enable", false), ("enable", false)] {
        assert_empty(&world.iot("POST", &format!("/rules/r/{verb}"), "").await);
        assert_eq!(disabled().await, json!(expected), "{verb}");
    }
    let mut body = payload("SELECT a FROM 'b'");
    body["ruleDisabled"] = json!(true);
    assert_empty(&world.iot("PATCH", "/rules/r", &body.to_string()).await);
    let rule = get(&world, "r").await["rule"].clone();
    assert_eq!((&rule["sql"], &rule["ruleDisabled"]), (&body["sql"], &json!(true)));
    // What a replacement does not say is not kept from before.
    assert_empty(&world.iot("PATCH", "/rules/r", &payload("SELECT a FROM 'b'").to_string()).await);
    assert_eq!(disabled().await, json!(false));
}

#[tokio::test]
async fn a_rule_that_is_not_there_is_denied_as_at_aws() {
    let world = World::start().await;
    let body = payload("SELECT * FROM 'a'").to_string();
    let expected =
        "401 UnauthorizedException: Access to topic rule 'nothing' was denied: there is no such rule";
    for (method, target, body) in [
        ("GET", "/rules/nothing", ""),
        ("PATCH", "/rules/nothing", &body),
        ("POST", "/rules/nothing/enable", ""),
        ("POST", "/rules/nothing/disable", ""),
    ] {
        refused(&world, method, target, body, expected).await;
    }
    create(&world, "r", &payload("SELECT * FROM 'a'")).await;
    for _ in 0..2 {
        assert_empty(&world.iot("DELETE", "/rules/r", "").await);
    }
    assert_eq!(world.iot("GET", "/rules/r", "").await.status, 401);
}

#[tokio::test]
async fn sql_that_does_not_parse_is_refused_with_its_place() {
    let world = World::start().await;
    create(&world, "r", &payload("SELECT * FROM 'a'")).await;
    for sql in ["", "SELECT", "SELECT *\nFROM 'a' WHERE nosuch(1)", "SELECT * FROM 'a/#/b'"] {
        let body = payload(sql).to_string();
        for (method, target) in [("POST", "/rules/new"), ("PATCH", "/rules/r")] {
            let answer = world.iot(method, target, &body).await.error();
            assert!(answer.starts_with("400 SqlParseException: sql: line "), "{sql}: {answer}");
            assert!(!answer.contains(['\n', '^']), "{answer}");
        }
    }
    let body = payload("SELECT *\nFROM 'a' WHERE nosuch(1)").to_string();
    let answer = world.iot("POST", "/rules/new", &body).await.error();
    assert!(answer.contains("line 2, column 16: there is no function nosuch"), "{answer}");
    let mut body = payload("SELECT * FROM 'a'");
    body["actions"] = json!([{"exec": {"command": ["/bin/a", "${topic(}"]}}]);
    let answer = world.iot("POST", "/rules/new", &body.to_string()).await.error();
    assert!(answer.starts_with("400 SqlParseException: actions[0].exec.command[1]: "), "{answer}");
    assert_eq!(world.iot("GET", "/rules/new", "").await.status, 401);
    assert_eq!(get(&world, "r").await["rule"]["sql"], json!("SELECT * FROM 'a'"));
}

#[tokio::test]
async fn an_action_that_makes_no_sense_is_named() {
    let world = World::start().await;
    let check = async |actions: Value, more: Value, expected: &str| {
        let mut body = payload("SELECT * FROM 'a'");
        body["actions"] = actions;
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = world.iot("POST", "/rules/new", &body.to_string()).await.error();
        assert!(answer.starts_with(&format!("400 InvalidRequestException: {expected}")), "{answer}");
    };
    let lambda = json!({"lambda": {"functionArn": FUNCTION}});
    check(json!([lambda, {}]), json!({}), "actions[1] ").await;
    check(
        json!([{"sns": {"targetArn": "t", "roleArn": "r"}}]),
        json!({}),
        "actions[0]: the action sns is not built",
    )
    .await;
    check(json!([lambda]), json!({"errorAction": {}}), "errorAction ").await;
    check(json!([lambda]), json!({"awsIotSqlVersion": "2020-01-01"}), "awsIotSqlVersion: ").await;
    check(json!([{"lambda": {"functionArn": "jitr?"}}]), json!({}), "actions[0].lambda.functionArn ").await;
    // These the service model refuses, in the words of AWS.
    check(json!(vec![lambda; 11]), json!({}), "1 validation error detected: Value").await;
    check(json!([{"lambda": {}}]), json!({}), "1 validation error detected: Value null at").await;
    check(json!([{"exec": {"command": []}}]), json!({}), "1 validation error detected: Value '[]' at").await;
    assert_eq!(world.iot("GET", "/rules/new", "").await.status, 401);
    let answer = world.iot("POST", "/rules/a-b", &payload("SELECT * FROM 'a'").to_string()).await.error();
    assert!(
        answer.starts_with("400 InvalidRequestException: 1 validation error detected: Value 'a-b'"),
        "{answer}"
    );
}

#[tokio::test]
async fn where_a_rule_sends_to_becomes_a_destination() {
    let world = World::start().await;
    let http = |url: &str, confirmation_url: &str| json!({"http": {"url": url, "confirmationUrl": confirmation_url}});
    let mut body = payload("SELECT * FROM 'a'");
    body["actions"] = json!([
        http("https://one.example.com/${topic()}", "https://one.example.com/"),
        http("https://one.example.com/other", "https://one.example.com/"),
        {"http": {"url": "https://two.example.com/a"}},
        // Its destination is known only when a message comes.
        http("https://${topic(1)}.example.com/a", "https://${topic(1)}.example.com/"),
        // It is one already.
        http("https://waiting.example.com/confirm/a", "https://waiting.example.com/confirm"),
    ]);
    body["errorAction"] = http("https://errors.example.com/a", "https://errors.example.com/");
    let asked = || -> Vec<String> {
        world.confirmations.take().into_iter().map(|destination| destination.url.to_string()).collect()
    };
    create(&world, "r", &body).await;
    let expected = ["https://errors.example.com/", "https://one.example.com/", "https://two.example.com/a"];
    assert_eq!(asked(), expected);
    let listed = world.iot("GET", "/destinations", "").await.ok();
    let listed: Vec<_> = listed["destinationSummaries"].as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|destination| destination["status"] == "IN_PROGRESS"), "{listed:?}");
    // A rule that is refused asks nobody.
    body["actions"] = json!([http("https://three.example.com/a", "https://three.example.com/")]);
    assert_eq!(world.iot("POST", "/rules/r", &body.to_string()).await.status, 409);
    assert_eq!(world.iot("PATCH", "/rules/nothing", &body.to_string()).await.status, 401);
    assert_eq!(asked(), [""; 0]);
    assert_empty(&world.iot("PATCH", "/rules/r", &body.to_string()).await);
    assert_eq!(asked(), ["https://three.example.com/"]);
    create(&world, "another", &body).await;
    assert_eq!(asked(), [""; 0]);
}

#[tokio::test]
async fn rules_made_at_once_share_a_destination() {
    let world = World::start().await;
    let mut body = payload("SELECT * FROM 'a'");
    body["actions"] = json!([{"http": {"url": "https://one.example.com/a"}}]);
    tokio::join!(
        create(&world, "a", &body),
        create(&world, "b", &body),
        create(&world, "c", &body),
        create(&world, "d", &body),
    );
    let asked = world.confirmations.take();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(world.registry.every_topic_rule().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_rule_may_name_a_function_that_is_not_there() {
    let world = World::start().await;
    for (name, function) in [
        ("none", FUNCTION),
        ("version", &format!("{FUNCTION}:prod")),
        ("elsewhere", "arn:aws:lambda:eu-west-1:999999999999:function:other"),
    ] {
        let mut body = payload("SELECT * FROM 'a'");
        body["actions"] = json!([{"lambda": {"functionArn": function}}]);
        create(&world, name, &body).await;
        assert_eq!(get(&world, name).await["rule"]["actions"], body["actions"]);
    }
}

#[tokio::test]
async fn rules_are_listed_by_page_topic_and_state() {
    let world = World::start().await;
    for (name, sql, disabled) in [
        ("one", "SELECT * FROM 'a/b'", false),
        ("two", "SELECT * FROM 'a/+'", true),
        ("three", "SELECT * FROM 'a/#' WHERE b = 1", false),
        ("four", "SELECT * FROM '$aws/events/#'", false),
        ("five", "SELECT 1 AS one", true),
    ] {
        let mut body = payload(sql);
        body["ruleDisabled"] = json!(disabled);
        create(&world, name, &body).await;
    }
    let entry = |name: &str, pattern: Option<&str>, disabled: bool| {
        let mut entry = json!({
            "ruleArn": format!("{ARN}rule/{name}"), "ruleName": name, "createdAt": 1_767_323_045.0,
            "ruleDisabled": disabled,
        });
        if let Some(pattern) = pattern {
            entry["topicPattern"] = json!(pattern);
        }
        entry
    };
    let (one, two) = (entry("one", Some("a/b"), false), entry("two", Some("a/+"), true));
    let (three, four) = (entry("three", Some("a/#"), false), entry("four", Some("$aws/events/#"), false));
    // It has no FROM: only Basic Ingest invokes it.
    let five = entry("five", None, true);
    for (query, expected) in [
        ("", vec![&one, &two, &three, &four, &five]),
        ("ruleDisabled=true", vec![&two, &five]),
        ("ruleDisabled=false", vec![&one, &three, &four]),
        ("topic=a%2Fb", vec![&one, &two, &three]),
        ("topic=a%2Fb%2Fc", vec![&three]),
        ("topic=a%2Fb&ruleDisabled=true", vec![&two]),
        ("topic=%24aws%2Fevents%2Fx", vec![&four]),
        // A filter is compared as it stands.
        ("topic=a%2F%2B", vec![&two]),
        ("topic=a%2F%23", vec![&three]),
        ("topic=z", vec![]),
    ] {
        let target = format!("/rules?{query}");
        let expected: Vec<Value> = expected.into_iter().cloned().collect();
        assert_pages(&world, Listing::Token("GET", &target, "rules"), &expected).await;
    }
    let expected = "400 InvalidRequestException: topic: the topic is empty; it takes 1 to 256 bytes";
    refused(&world, "GET", "/rules?topic=", "", expected).await;
    assert_eq!(world.iot("GET", "/rules?maxResults=10000", "").await.status, 200);
    assert_eq!(world.iot("GET", "/rules?maxResults=10001", "").await.status, 400);
}

#[tokio::test]
async fn a_stored_rule_that_is_not_understood_does_not_hide_the_others() {
    let world = World::start().await;
    create(&world, "one", &payload("SELECT * FROM 'a'")).await;
    let mut transaction = Transaction::new();
    let document = r#"{"sql":"SELECT * FROM 'a' WHERE forgotten(1)","actions":[]}"#;
    transaction.replace_topic_rule(
        RuleName::parse("one").unwrap(),
        document.into(),
        false,
        super::world::NOW,
    );
    world.registry.commit(transaction).await.unwrap();
    create(&world, "two", &payload("SELECT * FROM 'a'")).await;
    let rules = world.iot("GET", "/rules", "").await.ok()["rules"].clone();
    let patterns: Vec<_> = rules.as_array().unwrap().iter().map(|rule| rule.get("topicPattern")).collect();
    assert_eq!(patterns, [None, Some(&json!("a"))]);
}

#[tokio::test]
async fn a_rule_has_tags() {
    let world = World::start().await;
    let body = payload("SELECT * FROM 'a'").to_string();
    let answer =
        world.iot_with("POST", "/rules/r", ("x-amz-tagging", "team=light&Cost%20Centre=4%2B2"), &body).await;
    assert_empty(&answer);
    let arn = format!("{ARN}rule/r");
    let tags = async || world.iot("GET", &format!("/tags?resourceArn={arn}"), "").await;
    let expected =
        json!({"tags": [{"Key": "Cost Centre", "Value": "4+2"}, {"Key": "team", "Value": "light"}]});
    assert_eq!(tags().await.ok(), expected);
    let body = json!({"resourceArn": arn, "tagKeys": ["team", "Cost Centre"]}).to_string();
    assert_empty(&world.iot("POST", "/untag", &body).await);
    assert_eq!(tags().await.ok(), json!({"tags": []}));
    assert_empty(&world.iot("DELETE", "/rules/r", "").await);
    assert_eq!(tags().await.error(), "404 ResourceNotFoundException: topic rule r does not exist");
}

#[tokio::test]
async fn tags_that_make_no_sense_are_refused() {
    let world = World::start().await;
    let body = payload("SELECT * FROM 'a'").to_string();
    for (tags, expected) in [
        ("a=1&a=2", "the tag key \"a\" is given twice"),
        (
            "a=%zz",
            "the tags (x-amz-tagging) have a malformed percent escape, or are not UTF-8; expected is a query string \
             such as key=value&other=value",
        ),
        ("aws:a=1", "tag key begins with aws:, which is kept for AWS"),
    ] {
        let answer = world.iot_with("POST", "/rules/r", ("x-amz-tagging", tags), &body).await.error();
        assert_eq!(answer, format!("400 InvalidRequestException: {expected}"), "{tags}");
        assert_eq!(world.iot("GET", "/rules/r", "").await.status, 401);
    }
}
