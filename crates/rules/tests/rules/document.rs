//! Topic rules as AWS IoT writes them: what is understood, and what is refused.

use std::fmt::Write as _;

use landfall_rules::{
    ACTIONS_MAX, ActionKind, CompiledRule, DOCUMENT_BYTES_MAX, InvalidTopicRule, SqlVersion,
    TopicRuleDocument,
};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/rules";

/// An action of each kind, with every member that it can have.
pub(crate) fn every_action() -> [Value; 8] {
    [
        json!({"lambda": {"functionArn": "arn:aws:lambda:us-east-1:123456789012:function:${topic(1)}:$LATEST"}}),
        json!({"http": {
            "url": "https://example.com/in/${topic(2)}", "confirmationUrl": "https://example.com/in/",
            "headers": [{"key": "X-Device", "value": "${clientid()}"}], "enableBatching": false,
        }}),
        json!({"republish": {
            "roleArn": ROLE, "topic": "$$aws/things/${topic(2)}/shadow/update", "qos": 1,
            "headers": {
                "payloadFormatIndicator": "UTF8_DATA", "contentType": "application/json",
                "responseTopic": "answers/${topic(2)}", "correlationData": "${encode(id, 'base64')}",
                "messageExpiry": "${60 * 2}",
                "userProperties": [{"key": "k-${topic(1)}", "value": "${id}"}],
            },
        }}),
        json!({"sqs": {"roleArn": ROLE, "queueUrl": "http://127.0.0.1:5000/123456789012/queue", "useBase64": true}}),
        json!({"dynamoDB": {
            "roleArn": ROLE, "tableName": "Readings", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
            "hashKeyType": "STRING", "rangeKeyField": "at", "rangeKeyValue": "${timestamp()}",
            "rangeKeyType": "NUMBER", "operation": "INSERT", "payloadField": "reading",
        }}),
        json!({"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": "Readings"}}}),
        json!({"cloudwatchMetric": {
            "roleArn": ROLE, "metricNamespace": "Fleet", "metricName": "${topic(2)}", "metricValue": "${t}",
            "metricUnit": "Count", "metricTimestamp": "${floor(timestamp() / 1000)}",
        }}),
        json!({"exec": {"command": ["/usr/bin/logger", "--tag=${topic(2)}", "${id}"]}}),
    ]
}

pub(crate) fn parse(document: &Value) -> Result<CompiledRule, InvalidTopicRule> {
    TopicRuleDocument::parse(&document.to_string())
}

/// A rule with this action alone.
pub(crate) fn rule_with(action: &Value) -> Result<CompiledRule, InvalidTopicRule> {
    parse(&json!({"sql": "SELECT * FROM 'a/#'", "actions": [action]}))
}

#[test]
fn a_rule_has_all_that_its_text_says() {
    let [error_action, ..] = every_action();
    let rule = parse(&json!({
        "sql": "SET @x = 1 SELECT * FROM 'a/#' WHERE b = @x", "description": "what it is for", "ruleDisabled": true,
        "awsIotSqlVersion": "2016-03-23", "actions": every_action(), "errorAction": error_action,
    }));
    let rule = rule.unwrap();
    assert_eq!(rule.filter().unwrap().as_str(), "a/#");
    assert_eq!(rule.rule().version(), SqlVersion::V20160323);
    assert!(rule.is_disabled());
    let kinds: Vec<ActionKind> = rule.actions().iter().map(|action| action.kind()).collect();
    assert_eq!(kinds, ActionKind::ALL);
    let paths: Vec<&str> = rule.actions().iter().map(|action| action.path()).collect();
    assert_eq!(paths[..2], ["actions[0].lambda", "actions[1].http"]);
    assert_eq!(rule.error_action().unwrap().path(), "errorAction.lambda");
    let destinations: Vec<&str> =
        rule.actions().iter().filter_map(|action| action.destination_url()).collect();
    assert_eq!(destinations, ["https://example.com/in/"]);
}

#[test]
fn what_is_missing_or_null_has_its_default() {
    for document in [
        json!({"sql": "SELECT *", "actions": []}),
        json!({"sql": "SELECT *", "actions": [], "description": null, "ruleDisabled": null,
            "awsIotSqlVersion": null, "errorAction": null, "unknown": null}),
    ] {
        let rule = parse(&document).unwrap();
        assert_eq!(rule.rule().version(), SqlVersion::V20151008);
        assert!(!rule.is_disabled() && rule.filter().is_none());
        assert!(rule.actions().is_empty() && rule.error_action().is_none());
    }
}

#[test]
fn the_destination_of_an_http_action_is_its_fixed_url() {
    for (http, expected) in [
        (json!({"url": "https://h/a"}), Some("https://h/a")),
        (json!({"url": "https://h/a", "confirmationUrl": "https://h/"}), Some("https://h/")),
        (json!({"url": "https://h/${a}", "confirmationUrl": "https://h/"}), Some("https://h/")),
        (json!({"url": "https://h/${a}", "confirmationUrl": "https://h/${b}"}), None),
    ] {
        let rule = rule_with(&json!({"http": http})).unwrap();
        assert_eq!(rule.actions()[0].destination_url(), expected, "{http}");
    }
}

#[test]
fn a_rule_and_its_actions_have_limits() {
    let [lambda, ..] = every_action();
    let with = |count: usize| parse(&json!({"sql": "SELECT *", "actions": vec![lambda.clone(); count]}));
    assert_eq!(with(ACTIONS_MAX).unwrap().actions().len(), ACTIONS_MAX);
    assert_eq!(
        with(ACTIONS_MAX + 1).unwrap_err().to_string(),
        "actions has 11 items; at most 10 are allowed"
    );

    let text = |length: usize| {
        let empty = r#"{"sql":"SELECT *","actions":[],"description":""}"#;
        empty.replace(r#":"""#, &format!(r#":"{}""#, "x".repeat(length - empty.len())))
    };
    assert!(TopicRuleDocument::parse(&text(DOCUMENT_BYTES_MAX)).is_ok());
    let error = TopicRuleDocument::parse(&text(DOCUMENT_BYTES_MAX + 1)).unwrap_err();
    assert_eq!(error, InvalidTopicRule::TooLong { bytes: DOCUMENT_BYTES_MAX + 1 });

    let deep = format!("{{\"sql\":{}", "[".repeat(100_000));
    assert!(matches!(TopicRuleDocument::parse(&deep), Err(InvalidTopicRule::NotJson(_))));
}

#[test]
fn sql_errors_have_their_position_and_others_are_no_sql_errors() {
    let sql = parse(&json!({"sql": "SELECT *\nFORM 'a'", "actions": []})).unwrap_err();
    let position = sql.sql_parse_error().unwrap().position;
    assert_eq!((position.line, position.column), (2, 1));
    let template = rule_with(&json!({"republish": {"roleArn": ROLE, "topic": "a/${b"}})).unwrap_err();
    assert_eq!(template.sql_parse_error().unwrap().position.column, 3);
    assert_eq!(parse(&json!({"sql": "SELECT *"})).unwrap_err().sql_parse_error(), None);
}

#[test]
fn refusals_say_where_what_and_what_would_be_right() {
    let mut texts = String::new();
    for text in ["", "[]", "{\"sql\": \"SELECT *\", \"sql\": \"SELECT *\", \"actions\": []}"] {
        writeln!(texts, "{text}\n  {}", TopicRuleDocument::parse(text).unwrap_err()).unwrap();
    }
    for document in [
        json!({"actions": []}),
        json!({"sql": "SELECT *"}),
        json!({"sql": 1, "actions": []}),
        json!({"sql": "SELECT *", "actions": {}}),
        json!({"sql": "SELEKT *", "actions": []}),
        json!({"sql": "SELECT *", "actions": [], "awsIotSqlVersion": "2016-03-24"}),
        json!({"sql": "SELECT *", "actions": [], "ruleDisabled": "no"}),
        json!({"sql": "SELECT *", "actions": [], "description": []}),
        json!({"sql": "SELECT *", "actions": [], "erorAction": {}}),
        json!({"sql": "SELECT *", "actions": [], "errorAction": {}}),
        json!({"sql": "SELECT *", "actions": [], "errorAction": {"lambda": {"functionArn": "f"}}}),
    ] {
        writeln!(texts, "{document}\n  {}", parse(&document).unwrap_err()).unwrap();
    }
    for action in wrong_actions() {
        let shown: String = action.to_string().chars().take(200).collect();
        writeln!(texts, "{shown}\n  {}", rule_with(&action).unwrap_err()).unwrap();
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn a_function_is_named_by_an_arn() {
    let with = |arn: &str| rule_with(&json!({"lambda": {"functionArn": arn}}));
    let longest = format!("arn:aws:lambda:us-east-1:123456789012:function:{}", "f".repeat(64));
    for arn in [
        "arn:aws:lambda:us-east-1:123456789012:function:jitr_1-A",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:jitr:$LATEST",
        "arn:aws:lambda:us-east-1:123456789012:function:jitr:prod",
        &longest,
    ] {
        assert!(with(arn).is_ok(), "{arn}");
    }
    for arn in [
        "",
        "jitr",
        "123456789012:function:jitr",
        "arn:aws:lambda:us-east-1:123456789012:function",
        "arn:aws:lambda:us-east-1:123456789012:function:",
        "arn:aws:lambda:us-east-1:123456789012:function:jitr:",
        "arn:aws:lambda:us-east-1:123456789012:function:jitr:a:b",
        "arn:aws:lambda:us-east-1:123456789012:layer:jitr:1",
        "arn:aws:lambda:us-east-1:1234:function:jitr",
        "arn:aws:lambda::123456789012:function:jitr",
        "arn::lambda:us-east-1:123456789012:function:jitr",
        "arn:aws:iam:us-east-1:123456789012:function:jitr",
        "arn:aws:lambda:us-east-1:123456789012:function:ji tr",
        &format!("{longest}f"),
    ] {
        assert!(with(arn).is_err(), "{arn}");
    }
}

#[test]
fn a_compiled_rule_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    shared(&parse(&json!({"sql": "SELECT *", "actions": every_action()})).unwrap());
}

#[test]
fn no_role_is_an_arn_by_accident() {
    let with = |role: &str| rule_with(&json!({"republish": {"roleArn": role, "topic": "a"}}));
    for role in [ROLE, "arn:aws-cn:iam::000000000000:role/path/name", "arn:aws:iam::1:role/a:b"] {
        assert!(with(role).is_ok(), "{role}");
    }
    for role in [
        "",
        "role",
        "arn",
        "arn:aws:iam::1",
        "arn:::::a",
        "arn:aws:iam:::",
        "arn:aws:iam::1:role/ä",
        "x:aws:iam::1:a",
    ] {
        assert!(with(role).is_err(), "{role}");
    }
}

/// Actions that are refused, each for another reason.
fn wrong_actions() -> Vec<Value> {
    let mut actions = vec![
        json!("lambda"),
        json!({}),
        json!({"lambda": null}),
        json!({"lambda": {}, "sqs": {}}),
        json!({"lamda": {}}),
        json!({"s3": {"roleArn": ROLE, "bucketName": "b", "key": "k"}}),
        json!({"lambda": {}, "sns": {}}),
        json!({"lambda": []}),
        json!({"lambda": {}}),
        json!({"lambda": {"functionArn": 1}}),
        json!({"lambda": {"functionArn": "jitr"}}),
        json!({"lambda": {"functionArn": "${topic(}"}}),
        json!({"lambda": {"functionArn": "${@x}"}}),
        json!({"lambda": {"functionARN": "x"}}),
        json!({"sqs": {"queueUrl": "https://h/q"}}),
        json!({"sqs": {"queueUrl": "https://h/q", "roleArn": "role"}}),
        json!({"sqs": {"queueUrl": "https://h/q", "roleArn": "${a}"}}),
        json!({"sqs": {"queueUrl": "my-queue", "roleArn": ROLE}}),
        json!({"sqs": {"queueUrl": "https://h/q", "roleArn": ROLE, "useBase64": 1}}),
        json!({"dynamoDBv2": {"roleArn": ROLE}}),
        json!({"dynamoDBv2": {"roleArn": ROLE, "putItem": "Table"}}),
        json!({"dynamoDBv2": {"roleArn": ROLE, "putItem": {"table": "Table"}}}),
        json!({"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": "a b"}}}),
        json!({"exec": {}}),
        json!({"exec": {"command": "ls -l"}}),
        json!({"exec": {"command": []}}),
        json!({"exec": {"command": ["${program}"]}}),
        json!({"exec": {"command": [""]}}),
        json!({"exec": {"command": [1]}}),
        json!({"exec": {"command": ["ls", 1]}}),
        json!({"exec": {"command": ["ls", "a\u{0}b"]}}),
        json!({"exec": {"command": ["ls", "${"]}}),
        json!({"exec": {"command": vec!["x"; 66]}}),
    ];
    actions.extend(wrong_http_actions());
    actions.extend(wrong_republish_actions());
    actions.extend(wrong_dynamo_db_actions());
    actions.extend(wrong_metrics());
    actions
}

fn wrong_http_actions() -> Vec<Value> {
    let with = |name: &str, value: Value| {
        let mut http = json!({"url": "https://h/a"});
        http[name] = value;
        json!({ "http": http })
    };
    vec![
        json!({"http": {}}),
        with("url", json!("h/a")),
        with("url", json!("https://h/${a}")),
        with("confirmationUrl", json!("https://other/")),
        with("confirmationUrl", json!("https://h/b")),
        with("headers", json!({"X-A": "b"})),
        with("headers", json!([{"key": "X-A"}])),
        with("headers", json!([{"key": "X-${a}", "value": "b"}])),
        with("headers", json!([{"key": "X A", "value": "b"}])),
        with("headers", json!([{"key": "Content-Length", "value": "0"}])),
        with("headers", json!([{"key": "X-A", "value": "b\r\nX-B: c"}])),
        with("auth", json!({"sigv4": {"signingRegion": "r", "serviceName": "s", "roleArn": ROLE}})),
        with("enableBatching", json!(true)),
        with("batchConfig", json!({"maxBatchSize": 2})),
    ]
}

fn wrong_republish_actions() -> Vec<Value> {
    let with = |name: &str, value: Value| {
        let mut republish = json!({"roleArn": ROLE, "topic": "a"});
        republish[name] = value;
        json!({ "republish": republish })
    };
    let header = |name: &str, value: &str| with("headers", json!({name: value}));
    vec![
        with("topic", json!("a/+")),
        with("topic", json!("")),
        with("topic", json!("$aws/things/a/shadow/update")),
        with("qos", json!(2)),
        with("qos", json!("1")),
        with("qos", json!(0.5)),
        with("retain", json!(true)),
        with("headers", json!([])),
        header("contenttype", "text"),
        header("payloadFormatIndicator", "UTF8"),
        header("contentType", "text\n"),
        header("responseTopic", "a/#"),
        header("correlationData", "not base64!"),
        header("messageExpiry", "+5"),
        header("messageExpiry", "4294967296"),
        header("contentType", &"x".repeat(1025)),
        with("headers", json!({"userProperties": {"k": "v"}})),
        with("headers", json!({"userProperties": [{"key": "k"}]})),
        with("headers", json!({"userProperties": vec![json!({"key": "k", "value": "v"}); 101]})),
    ]
}

fn wrong_dynamo_db_actions() -> Vec<Value> {
    let with = |members: Value| {
        let mut dynamo_db =
            json!({"roleArn": ROLE, "tableName": "Table", "hashKeyField": "id", "hashKeyValue": "${id}"});
        for (name, value) in members.as_object().unwrap() {
            dynamo_db[name] = value.clone();
        }
        json!({ "dynamoDB": dynamo_db })
    };
    vec![
        with(json!({"tableName": "T"})),
        with(json!({"hashKeyValue": null})),
        with(json!({"hashKeyValue": ""})),
        with(json!({"hashKeyField": ""})),
        with(json!({"hashKeyType": "BINARY"})),
        with(json!({"hashKeyType": "${type}"})),
        with(json!({"hashKeyType": "NUMBER", "hashKeyValue": "ten"})),
        with(json!({"rangeKeyValue": "a"})),
        with(json!({"rangeKeyField": "at"})),
        with(json!({"operation": "UPSERT"})),
        with(json!({"payloadField": "id"})),
        with(json!({"hashKeyField": "payload"})),
        with(json!({"rangeKeyField": "payload", "rangeKeyValue": "1"})),
        with(json!({"rangeKeyField": "id", "rangeKeyValue": "1"})),
    ]
}

fn wrong_metrics() -> Vec<Value> {
    let with = |name: &str, value: &str| {
        let mut metric = json!({"roleArn": ROLE, "metricNamespace": "n", "metricName": "m", "metricValue": "1",
            "metricUnit": "Count"});
        metric[name] = json!(value);
        json!({ "cloudwatchMetric": metric })
    };
    vec![
        with("metricNamespace", ":n"),
        with("metricNamespace", ""),
        with("metricName", &"m".repeat(256)),
        with("metricName", "a\tb"),
        with("metricValue", "many"),
        with("metricValue", "inf"),
        with("metricValue", "1e109"),
        with("metricUnit", "Counts"),
        with("metricTimestamp", "yesterday"),
        with("metricTimestamp", "1.5"),
        with("metricTimestamp", "253402300800"),
    ]
}
