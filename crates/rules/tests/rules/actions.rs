//! What the actions of a rule ask for when a message comes, and why not.

use std::fmt::Write as _;

use landfall_model::{ClientId, RuleName, TopicName};
use landfall_rules::{
    ActionFailure, ActionKind, ActionProblem, ActionRequest, CompiledRule, ErrorRequest, EvaluationError,
    Message, REPUBLISH_PROPERTY_BYTES_MAX,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::context::Fixed;
use crate::document::{every_action, parse, rule_with};

const ROLE: &str = "arn:aws:iam::123456789012:role/rules";

type Requests = Vec<Result<ActionRequest, ActionProblem>>;

fn evaluate(rule: &CompiledRule, payload: &[u8]) -> Result<Option<Requests>, EvaluationError> {
    let topic = TopicName::parse("a/one").unwrap();
    rule.evaluate(&Message::new(&topic, payload).unwrap(), &world())
}

fn world() -> Fixed {
    let mut world = Fixed::new();
    world.client = Some(ClientId::parse("client-1").unwrap());
    world
}

/// What the one action of a rule asks for.
fn request_of(action: &Value, payload: &[u8]) -> Result<ActionRequest, ActionProblem> {
    let mut requests = evaluate(&rule_with(action).unwrap(), payload).unwrap().unwrap();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

fn error_request(rule: &CompiledRule, payload: &[u8]) -> Option<Result<ErrorRequest, ActionProblem>> {
    let topic = TopicName::parse("a/one").unwrap();
    let name = RuleName::parse("rule_1").unwrap();
    rule.error_request(&name, &Message::new(&topic, payload).unwrap(), &world())
}

#[test]
fn every_action_asks_for_what_the_rule_says_of_the_message() {
    let rule =
        parse(&json!({"sql": "SELECT *, topic(2) AS n FROM 'a/#'", "actions": every_action()})).unwrap();
    let requests = evaluate(&rule, r#"{"id":"ü-1","t":-4.50}"#.as_bytes()).unwrap().unwrap();
    let mut texts = String::new();
    for (request, kind) in requests.into_iter().zip(ActionKind::ALL) {
        let request = request.unwrap();
        assert_eq!((request.action(), request.kind()), (kind, kind.as_str()));
        let stored = request.to_json();
        assert_eq!(ActionRequest::from_json(&stored).unwrap(), request);
        writeln!(texts, "{kind} {}\n{stored}\n", request.target()).unwrap();
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn a_rule_that_does_not_match_asks_for_nothing_and_one_that_fails_says_so() {
    let rule = |sql: &str| parse(&json!({"sql": sql, "actions": every_action()})).unwrap();
    let conditional = rule("SELECT * FROM 'a/#' WHERE t > 1");
    assert_eq!(evaluate(&conditional, br#"{"t":1}"#), Ok(None));
    assert_eq!(evaluate(&conditional, br#"{"t":2}"#).unwrap().unwrap().len(), 8);
    let adding = rule("SELECT *, 1 AS x FROM 'a/#'");
    assert!(matches!(evaluate(&adding, b"bytes"), Err(EvaluationError::NothingToAddTo { .. })));
}

#[test]
fn one_action_that_cannot_be_done_leaves_the_others() {
    let rule = parse(&json!({"sql": "SELECT * FROM 'a/#'", "actions": [
        {"republish": {"roleArn": ROLE, "topic": "b/${x}"}},
        {"republish": {"roleArn": ROLE, "topic": "c"}},
    ]}));
    let requests = evaluate(&rule.unwrap(), br#"{"x":"+"}"#).unwrap().unwrap();
    assert!(requests[0].is_err());
    assert_eq!(requests[1].as_ref().unwrap().target(), "c");
}

#[test]
fn payloads_take_the_form_of_their_action() {
    let lambda = json!({"lambda": {"functionArn": "arn:aws:lambda:r:000000000000:function:f"}});
    let sqs =
        |base64: bool| json!({"sqs": {"roleArn": ROLE, "queueUrl": "https://h/q", "useBase64": base64}});
    let http = json!({"http": {"url": "https://h"}});
    let own_type =
        json!({"http": {"url": "https://h", "headers": [{"key": "Content-Type", "value": "a/b"}]}});
    let dynamo_db = json!({"dynamoDB": {"roleArn": ROLE, "tableName": "Table", "hashKeyField": "id",
        "hashKeyValue": "x", "operation": "UPDATE"}});
    let columns = json!({"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": "Table"}}});
    let delete = json!({"dynamoDB": {"roleArn": ROLE, "tableName": "Table", "hashKeyField": "id",
        "hashKeyValue": "x", "operation": "DELETE"}});
    let exec = json!({"exec": {"command": ["cat"]}});
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(32), "]".repeat(32));
    let long = format!("{{\"a\":{}}}", "9".repeat(39));
    let mut texts = String::new();
    for (action, payload) in [
        (&lambda, &b"{\"a\": 1.0}"[..]),
        (&lambda, b"80"),
        (&lambda, b""),
        (&lambda, b"{a}"),
        (&lambda, b"\xff"),
        (&sqs(false), b"{\"a\":\"\xc3\xa4\"}"),
        (&sqs(false), b"a\tb"),
        (&sqs(false), b"a\x01b"),
        (&sqs(false), b"\xff\xfe"),
        (&sqs(false), b""),
        (&sqs(true), b"\xff\xfe"),
        (&sqs(true), b""),
        (&http, b"[1]"),
        (&http, b"text"),
        (&own_type, b"[1]"),
        (&dynamo_db, b"{\"n\":[1, -2.50, 3e10, null, true, {\"\":\"x\"}], \"n\":1}"),
        (&dynamo_db, b"text"),
        (&dynamo_db, b"[]"),
        (&dynamo_db, deep.as_bytes()),
        (&dynamo_db, long.as_bytes()),
        (&dynamo_db, b"{\"a\":1e126}"),
        (&delete, deep.as_bytes()),
        (&columns, b"{\"id\":\"x\",\"n\":{\"m\":[1]}}"),
        (&columns, b"[{\"id\":\"x\"}]"),
        (&columns, b"\xff"),
        (&columns, deep.as_bytes()),
        (&exec, b"\x00\xff"),
    ] {
        let found = match request_of(action, payload) {
            Ok(request) => {
                assert_eq!(ActionRequest::from_json(&request.to_json()).as_ref(), Ok(&request));
                request.to_json()
            }
            Err(problem) => problem.to_string(),
        };
        let payload: String = payload.escape_ascii().to_string().chars().take(60).collect();
        writeln!(texts, "{payload}\n  {found}").unwrap();
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn values_that_are_not_what_a_member_takes_are_problems() {
    let header =
        |name: &str| json!({"republish": {"roleArn": ROLE, "topic": "b", "headers": {name: "${x}"}}});
    let metric = |name: &str| {
        let mut metric = json!({"roleArn": ROLE, "metricNamespace": "n", "metricName": "m", "metricValue": "1",
            "metricUnit": "Count"});
        metric[name] = json!("${x}");
        json!({ "cloudwatchMetric": metric })
    };
    let dynamo_db = |name: &str| {
        let mut dynamo_db = json!({"roleArn": ROLE, "tableName": "Table", "hashKeyField": "id",
            "hashKeyValue": "k", "hashKeyType": "STRING", "rangeKeyField": "at", "rangeKeyValue": "1",
            "rangeKeyType": "NUMBER"});
        dynamo_db[name] = json!("${x}");
        json!({ "dynamoDB": dynamo_db })
    };
    let long = "x".repeat(REPUBLISH_PROPERTY_BYTES_MAX + 1);
    let mut texts = String::new();
    for (action, value) in [
        (json!({"lambda": {"functionArn": "${x}"}}), "f"),
        (json!({"lambda": {"functionArn": "arn:aws:lambda:r:000000000000:function:${x}"}}), "f:1:2"),
        (json!({"republish": {"roleArn": ROLE, "topic": "b/${x}"}}), "#"),
        (json!({"republish": {"roleArn": ROLE, "topic": "${x}/b"}}), "$aws/events"),
        (json!({"republish": {"roleArn": ROLE, "topic": "${x}/b"}}), "$$aws/events"),
        (json!({"republish": {"roleArn": ROLE, "topic": "$${x}/b"}}), "aws"),
        (json!({"republish": {"roleArn": ROLE, "topic": "$${x}/b"}}), "$aws"),
        (json!({"republish": {"roleArn": ROLE, "topic": "$$aws/${x}"}}), "#"),
        (json!({"republish": {"roleArn": ROLE, "topic": "${x}"}}), ""),
        (json!({"republish": {"roleArn": ROLE, "topic": "${x}"}}), "a/b/c/d/e/f/g/h/i"),
        (header("payloadFormatIndicator"), "text"),
        (header("contentType"), "a\nb"),
        (header("contentType"), &long),
        (header("responseTopic"), "a/+"),
        (header("correlationData"), "***"),
        (header("messageExpiry"), "-1"),
        (json!({"sqs": {"roleArn": ROLE, "queueUrl": "https://h/${x}"}}), "a b"),
        (json!({"sqs": {"roleArn": ROLE, "queueUrl": "https://h/${x}"}}), "../q"),
        (json!({"http": {"url": "https://h/${x}", "confirmationUrl": "https://h/ok/"}}), "other"),
        (json!({"http": {"url": "https://h${x}", "confirmationUrl": "https://h"}}), ".evil.com/"),
        (json!({"http": {"url": "https://h${x}", "confirmationUrl": "https://h"}}), "@evil.com/"),
        (json!({"http": {"url": "https://h/ok/${x}", "confirmationUrl": "https://h/ok/"}}), "%2e./admin"),
        (json!({"http": {"url": "https://h", "headers": [{"key": "A", "value": "${x}"}]}}), "b\r\nC: d"),
        (json!({"http": {"url": "https://h", "headers": [{"key": "A", "value": "${x}"}]}}), "ü"),
        (dynamo_db("tableName"), "T"),
        (dynamo_db("hashKeyField"), "at"),
        (dynamo_db("hashKeyField"), "payload"),
        (dynamo_db("payloadField"), "id"),
        (dynamo_db("hashKeyValue"), ""),
        (dynamo_db("rangeKeyValue"), "1,5"),
        (dynamo_db("operation"), "delete"),
        (metric("metricNamespace"), ":AWS/EC2"),
        (metric("metricName"), ""),
        (metric("metricValue"), "NaN"),
        (metric("metricValue"), ""),
        (metric("metricUnit"), "count"),
        (metric("metricTimestamp"), "1481825251155"),
        (json!({"exec": {"command": ["rm", "${x}"]}}), "-rf"),
        (json!({"exec": {"command": ["rm", "${x}"]}}), "a\0b"),
    ] {
        let payload = json!({"x": value}).to_string();
        let problem = request_of(&action, payload.as_bytes()).unwrap_err();
        writeln!(texts, "{}", problem).unwrap();
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn properties_that_become_nothing_are_left_out() {
    let names =
        ["payloadFormatIndicator", "contentType", "responseTopic", "correlationData", "messageExpiry"];
    let headers: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!("${missing}"))).collect();
    let action = json!({"republish": {"roleArn": ROLE, "topic": "b", "headers": headers}});
    let plain = json!({"republish": {"roleArn": ROLE, "topic": "b"}});
    assert_eq!(request_of(&action, b"{}"), request_of(&plain, b"{}"));
}

#[test]
fn an_option_of_a_program_is_the_rules_alone() {
    let exec = |argument: &str| json!({"exec": {"command": ["program", argument]}});
    for (argument, value, expected) in [
        ("--name=${x}", "-v", Some("--name=-v")),
        ("-${x}", "v", Some("-v")),
        ("${x}", "-4.5", Some("-4.5")),
        ("${x}", "a -b", Some("a -b")),
        ("${x}", "; rm -rf / $(id) `id` | sh", Some("; rm -rf / $(id) `id` | sh")),
        ("${x}", "", Some("")),
        ("${x}", "-", None),
        ("${x}", "--help", None),
    ] {
        let payload = json!({"x": value}).to_string();
        let found = match request_of(&exec(argument), payload.as_bytes()) {
            Ok(ActionRequest::Exec { arguments, .. }) => Some(arguments.concat()),
            Ok(other) => panic!("{other:?}"),
            Err(_) => None,
        };
        assert_eq!(found.as_deref(), expected, "{argument} {value}");
    }
}

#[test]
fn the_templates_of_all_actions_share_one_limit_of_work() {
    let argument = "${regexp_replace(a, '(.)', '$1$1')}";
    let exec = json!({"exec": {"command": ["p", argument, argument, argument, argument]}});
    let rule = parse(&json!({"sql": "SELECT 1 AS x FROM 'a/#'", "actions": vec![exec; 10]})).unwrap();
    let payload = json!({"a": "x".repeat(30_000)}).to_string();
    let requests = evaluate(&rule, payload.as_bytes()).unwrap().unwrap();
    assert!(requests[0].is_ok(), "{:?}", requests[0].as_ref().unwrap_err());
    let last = requests[9].as_ref().unwrap_err();
    assert!(matches!(last, ActionProblem::Template { error: EvaluationError::TooMuchWork, .. }), "{last}");
}

#[test]
fn the_error_action_is_told_of_the_message_and_of_what_failed() {
    let mut texts = String::new();
    for error_action in every_action() {
        let kind = error_action.as_object().unwrap().keys().next().unwrap().clone();
        let rule = parse(&json!({"sql": "SELECT * FROM 'a/#'", "actions": [every_action()[2].clone()],
            "errorAction": error_action}));
        let rule = rule.unwrap();
        let payload = br#"{"id":"1","t":2}"#;
        let request = error_request(&rule, payload).unwrap().unwrap();
        assert_eq!(request.action().as_str(), kind);
        let request = ErrorRequest::from_json(&request.to_json()).unwrap();
        let failed = evaluate(&rule, payload).unwrap().unwrap().remove(0).unwrap();
        let failures = [ActionFailure::of_request(&failed, "nobody is there")];
        let told = request.with_failures(&failures).unwrap();
        assert_eq!(ActionRequest::from_json(&told.to_json()).unwrap(), told);
        writeln!(texts, "{}\n", told.to_json()).unwrap();
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn the_error_action_is_told_of_problems_and_of_statements_that_fail() {
    let rule = parse(&json!({"sql": "SET @v = b SELECT *, 1 AS x FROM 'a/#'", "actions": [],
        "errorAction": {"exec": {"command": ["tell", "${@v}", "${topic(2)}"]}}}));
    let rule = rule.unwrap();
    let error = evaluate(&rule, b"bytes").unwrap_err();
    let name = RuleName::parse("rule_1").unwrap();
    let problem = request_of(&json!({"republish": {"roleArn": ROLE, "topic": "${x}"}}), b"{}").unwrap_err();
    let request = error_request(&rule, b"bytes").unwrap().unwrap();
    let failures = [ActionFailure::of_rule(&name, error.to_string()), (&problem).into()];
    insta::assert_snapshot!(request.with_failures(&failures).unwrap().to_json());

    let without = parse(&json!({"sql": "SELECT *", "actions": []})).unwrap();
    assert!(error_request(&without, b"{}").is_none());
    let wrong = parse(&json!({"sql": "SELECT *", "actions": [],
        "errorAction": {"republish": {"roleArn": ROLE, "topic": "${x}"}}}));
    let problem = error_request(&wrong.unwrap(), b"{}").unwrap().unwrap_err();
    assert_eq!(problem.member(), "errorAction.republish.topic");
}

#[test]
fn stored_requests_that_are_none_are_refused() {
    for text in [
        "",
        "{}",
        r#"{"lambda":{}}"#,
        r#"{"sns":{"target":"x"}}"#,
        r#"{"exec":{"program":"p","arguments":[],"payload":{"text":""},"shell":true}}"#,
        r#"{"republish":{"topic":"a/+","qos":0,"properties":{},"payload":{"text":""}}}"#,
        r#"{"republish":{"topic":"a","qos":2,"properties":{},"payload":{"text":""}}}"#,
        r#"{"republish":{"topic":"a","qos":0,"properties":{"responseTopic":"+"},"payload":{"text":""}}}"#,
        r#"{"cloudwatchMetric":{"namespace":"n","name":"m","value":"inf","unit":"Count","timestamp":0}}"#,
        r#"{"dynamoDBv2":{"table":"Table","item":{"a":{"NULL":false}}}}"#,
    ] {
        assert!(ActionRequest::from_json(text).is_err(), "{text}");
        assert!(ErrorRequest::from_json(text).is_err(), "{text}");
    }
    let exec = r#"{"exec":{"program":"p","arguments":[],"payload":{"text":""}}}"#;
    assert_eq!(ActionRequest::from_json(exec).unwrap().to_json(), exec);
}

/// Bytes of whatever kind, and JSON.
fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(6, 40, 5, |inner| {
        let object = prop::collection::vec(("[a-z]{0,3}", inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            object.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let object = (value, any::<String>(), any::<i32>())
        .prop_map(|(value, id, t)| json!({"id": id, "t": t, "value": value}).to_string().into_bytes());
    prop_oneof![object, prop::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    /// Whatever a message says, it is data: of a request only the value that it was put into changes.
    #[test]
    fn a_value_of_a_message_is_only_ever_a_value(value in any::<String>(), other in "[a-z]{1,8}") {
        let payload = |value: &str| json!({"x": value, "id": value, "t": 1}).to_string();
        prop_assume!(payload(&value).len() < 1000);
        let actions = [
            json!({"republish": {"roleArn": ROLE, "topic": "out/${x}"}}),
            json!({"http": {"url": "https://h/in/${x}", "confirmationUrl": "https://h/in/",
                "headers": [{"key": "X-A", "value": "${x}"}]}}),
            json!({"exec": {"command": ["/bin/program", "first", "${x}", "last"]}}),
            json!({"dynamoDB": {"roleArn": ROLE, "tableName": "Table", "hashKeyField": "id", "hashKeyValue": "${x}"}}),
        ];
        let rule = parse(&json!({"sql": "SELECT 1 AS one FROM 'a/#'", "actions": actions})).unwrap();
        let requests = evaluate(&rule, payload(&value).as_bytes()).unwrap().unwrap();
        let references = evaluate(&rule, payload(&other).as_bytes()).unwrap().unwrap();
        for (request, reference) in requests.into_iter().zip(references) {
            let Ok(request) = request else { continue };
            let stored = ActionRequest::from_json(&request.to_json());
            prop_assert_eq!(stored.as_ref(), Ok(&request));
            let reference = reference.unwrap();
            match (&request, &reference) {
                (ActionRequest::Republish { topic, .. }, ActionRequest::Republish { .. }) => {
                    prop_assert_eq!(topic.as_str(), format!("out/{value}"));
                }
                (ActionRequest::Http { url, headers, .. }, ActionRequest::Http { headers: expected, .. }) => {
                    prop_assert_eq!(url, &format!("https://h/in/{value}"));
                    prop_assert_eq!(headers.len(), expected.len());
                    prop_assert!(!headers[0].1.contains(['\r', '\n']));
                }
                (ActionRequest::Exec { program, arguments, .. }, ActionRequest::Exec { .. }) => {
                    prop_assert_eq!(program, "/bin/program");
                    prop_assert_eq!(arguments, &["first".to_owned(), value.clone(), "last".to_owned()]);
                }
                (ActionRequest::DynamoDb { table, hash_key, .. }, ActionRequest::DynamoDb { .. }) => {
                    prop_assert_eq!(table, "Table");
                    let expected = landfall_rules::AttributeValue::Text(value.clone());
                    prop_assert_eq!(&hash_key.value, &expected);
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    /// What is asked for is the same after it was stored, whatever the payload is.
    #[test]
    fn any_request_survives_being_stored(payload in any_payload()) {
        let rule = parse(&json!({"sql": "SELECT * FROM 'a/#'", "actions": every_action()})).unwrap();
        for request in evaluate(&rule, &payload).unwrap().unwrap().into_iter().flatten() {
            let stored = ActionRequest::from_json(&request.to_json());
            prop_assert_eq!(stored, Ok(request));
        }
    }

    /// The text of a template is never parsed again: `${` of a message stays what it is.
    #[test]
    fn what_a_value_is_replaced_by_has_no_expressions(value in r"(\$|\{|\}|'|topic\(\)|a| ){1,12}") {
        let action = json!({"exec": {"command": ["p", "[${x}]"]}});
        let payload = json!({"x": value}).to_string();
        match request_of(&action, payload.as_bytes()) {
            Ok(ActionRequest::Exec { arguments, .. }) => {
                prop_assert_eq!(arguments, [format!("[{value}]")]);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    /// Rules of any text are understood or refused, and understood in the same way again.
    #[test]
    fn rules_survive_being_written_again(description in any::<String>(), number in 0..2_u8) {
        let document = json!({"sql": "SELECT * FROM 'a/#'", "description": description,
            "actions": [{"republish": {"roleArn": ROLE, "topic": "b", "qos": number}}]});
        let rule = parse(&document).unwrap();
        let requests = evaluate(&rule, b"{}").unwrap().unwrap();
        match &requests[0] {
            Ok(ActionRequest::Republish { qos, .. }) => prop_assert_eq!(u8::from(*qos), number),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
