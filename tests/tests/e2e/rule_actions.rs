//! Rule actions, each carried out for a message of a device.

use std::fs;

use landfall_mqtt::QoS;
use landfall_tests::{Ca, DEADLINE, Device, DeviceRequest, Landfall, Moto, program, run};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::000000000000:role/rules";

fn create_rule(server: &Landfall, name: &str, sql: &str, action: &Value) {
    let rule = json!({"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": [action]});
    server.api().call("iot", "POST", &format!("/rules/{name}"), Some(&rule));
}

/// A device that may do everything.
fn device(server: &Landfall, serial: &str) -> Device {
    let certificate = Ca::registered(server).issue(&DeviceRequest::quick(serial));
    let everything = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
    });
    let name = format!("thing-{serial}");
    Device::connect(server, &certificate, &name).expect("it is let in").leave();
    let api = server.api();
    api.create_policy("everything", &everything);
    api.attach_policy("everything", &api.principals(&name)[0]);
    Device::connect(server, &certificate, &name).expect("it is let in")
}

#[test]
fn a_message_is_republished_and_a_loop_of_rules_ends() {
    let server = Landfall::start();
    let mut device = device(&server, "1");
    device.subscribe("out/#", QoS::AtLeastOnce);
    let again = json!({"republish": {"topic": "out/${topic(2)}", "qos": 1, "roleArn": ROLE}});
    create_rule(
        &server,
        "again",
        "SELECT temperature * 2 AS double, clientid() AS client FROM 'in/+'",
        &again,
    );
    device.publish("in/kitchen", r#"{"temperature": 20.5}"#);
    let (topic, payload, _) = device.message();
    assert_eq!(topic, "out/kitchen");
    let payload: Value = serde_json::from_str(&payload).expect("JSON");
    assert_eq!(payload, json!({"double": 41.0, "client": "thing-1"}));

    // Two rules that answer each other: each goes on for as long as a message may come through rules, and no longer.
    let ping = |to: &str| json!({"republish": {"topic": to, "roleArn": ROLE}});
    create_rule(&server, "ping", "SELECT * FROM 'loop/a'", &ping("loop/b"));
    create_rule(&server, "pong", "SELECT * FROM 'loop/b'", &ping("loop/a"));
    device.publish("loop/a", "{}");
    server.wait_for("that the loop is cut", |_| {
        metrics(&server).lines().any(|line| line == "landfall_rule_loops_cut_total 1").then_some(())
    });
    let deliveries = server.api().landfall("deliveries");
    assert_eq!(deliveries["deliveries"], json!([]), "the end of a loop is no dead letter");
}

#[test]
fn basic_ingest_reaches_its_rule_and_nobody_else() {
    let server = Landfall::start();
    let mut device = device(&server, "1");
    device.subscribe("#", QoS::AtLeastOnce);
    device.subscribe("$aws/rules/#", QoS::AtLeastOnce);
    let again = json!({"republish": {"topic": "heard/${topic()}", "roleArn": ROLE}});
    create_rule(&server, "ingest", "SELECT * FROM 'nothing/matches/this'", &again);
    device.publish("$aws/rules/ingest/plant/7", r#"{"a": 1}"#);
    let (topic, payload, _) = device.message();
    assert_eq!((topic.as_str(), payload.as_str()), ("heard/plant/7", r#"{"a": 1}"#));
    // A disabled rule hears nothing, and is there again when it is enabled.
    server.api().call("iot", "POST", "/rules/ingest/disable", None);
    device.publish("$aws/rules/ingest/plant/8", "{}");
    server.api().call("iot", "POST", "/rules/ingest/enable", None);
    device.publish("$aws/rules/ingest/plant/9", "{}");
    assert_eq!(device.message().0, "heard/plant/9");
}

#[test]
fn the_aws_cli_makes_shows_and_removes_rules() {
    let server = Landfall::start();
    let payload = r#"{"sql": "SELECT * FROM 'a/b'", "description": "d", "actions": [{"republish": {"roleArn": "arn:aws:iam::000000000000:role/rules", "topic": "c"}}]}"#;
    let created =
        ["iot", "create-topic-rule", "--rule-name", "r1", "--topic-rule-payload", payload, "--tags", "a=b"];
    server.aws_json(&created);
    let shown = server.aws_json(&["iot", "get-topic-rule", "--rule-name", "r1"]);
    assert_eq!(shown["rule"]["sql"], "SELECT * FROM 'a/b'", "{shown}");
    assert_eq!(shown["rule"]["actions"][0]["republish"]["topic"], "c", "{shown}");
    let arn = shown["ruleArn"].as_str().expect("an ARN");
    let tags = server.aws_json(&["iot", "list-tags-for-resource", "--resource-arn", arn]);
    assert_eq!(tags["tags"], json!([{"Key": "a", "Value": "b"}]));
    server.aws_json(&["iot", "disable-topic-rule", "--rule-name", "r1"]);
    let listed = server.aws_json(&["iot", "list-topic-rules"]);
    assert_eq!(listed["rules"][0]["ruleDisabled"], true, "{listed}");
    server.aws_json(&["iot", "replace-topic-rule", "--rule-name", "r1", "--topic-rule-payload", payload]);
    let wrong = payload.replace("SELECT *", "SELECT nothing(*)");
    let refused =
        server.aws(&["iot", "create-topic-rule", "--rule-name", "r2", "--topic-rule-payload", &wrong]);
    assert!(refused.stderr.contains("SqlParseException") && refused.stderr.contains("nothing"), "{refused}");
    server.aws_json(&["iot", "delete-topic-rule", "--rule-name", "r1"]);
    assert_eq!(server.aws_json(&["iot", "list-topic-rules"])["rules"], json!([]));
}

#[test]
fn a_rule_runs_a_program_only_where_that_is_not_switched_off() {
    let rule = |directory: &std::path::Path| {
        let path = directory.join("exec.json");
        let out = directory.join("out.txt");
        let script = format!("cat > {}; echo \"$0\" >> {}", out.display(), out.display());
        let rule = json!({
            "sql": "SELECT a FROM 'run/+'",
            "actions": [{"exec": {"command": ["/bin/sh", "-c", script, "${topic(2)}"]}}],
        });
        fs::write(&path, rule.to_string()).expect("a file in the test's directory");
        (path.to_string_lossy().into_owned(), out)
    };
    let server = Landfall::start();
    let (file, out) = rule(server.directory());
    let data = server.data().to_string_lossy().into_owned();
    Landfall::run(&["rules", "create", "program", "--payload", &file, "--data", &data]).stdout();
    let mut device = device(&server, "1");
    // The name ends the payload with nothing else of the device's.
    device.publish("run/fan;id", r#"{"a": 1, "b": 2}"#);
    let written = server.wait_for("that the program ran", |_| {
        fs::read_to_string(&out).ok().filter(|text| text.ends_with('\n'))
    });
    assert_eq!(written, "{\"a\":1}fan;id\n");

    let server = Landfall::start_with(&["--no-functions"]);
    let (file, _) = rule(server.directory());
    let data = server.data().to_string_lossy().into_owned();
    Landfall::run(&["rules", "create", "program", "--payload", &file, "--data", &data]).stdout();
    let mut device = self::device(&server, "1");
    device.publish("run/fan", r#"{"a": 1}"#);
    let dead = server.wait_for("that the action is given up", |api| {
        let dead = api.landfall("deliveries?status=DEAD");
        dead["deliveries"].as_array().and_then(|all| all.first().cloned())
    });
    let problem = dead["attempts"][0]["problem"].as_str().expect("a problem");
    assert!(problem.contains("switched off"), "{problem}");
}

/// A server whose services of AWS are those of a `moto_server`.
struct Cloud {
    server: Landfall,
    moto: Moto,
}

impl Cloud {
    fn start() -> Self {
        let moto = Moto::start();
        let server = Landfall::start_with_variables(
            &["--aws-endpoint-url", moto.endpoint()],
            &[("AWS_ACCESS_KEY_ID", "AKIAMOTO"), ("AWS_SECRET_ACCESS_KEY", "moto")],
        );
        Self { server, moto }
    }

    /// What the AWS CLI prints when it asks `moto_server`.
    fn aws(&self, arguments: &[&str]) -> Value {
        let printed =
            self.server.aws(&[&["--endpoint-url", self.moto.endpoint()], arguments].concat()).stdout();
        serde_json::from_str(if printed.trim().is_empty() { "null" } else { &printed }).expect("JSON")
    }

    fn create_queue(&self, name: &str) -> String {
        let queue = self.aws(&["sqs", "create-queue", "--queue-name", name]);
        queue["QueueUrl"].as_str().expect("a URL").to_owned()
    }

    /// The next message of a queue.
    fn message(&self, queue_url: &str) -> Value {
        let body = self.server.wait_for("that the queue has a message", |_| {
            let received = self.aws(&["sqs", "receive-message", "--queue-url", queue_url]);
            received["Messages"][0]["Body"].as_str().map(str::to_owned)
        });
        serde_json::from_str(&body).expect("JSON")
    }

    /// Makes a table whose keys are texts and numbers.
    fn create_table(&self, name: &str, keys: &[(&str, &str, &str)]) {
        let mut create =
            vec!["dynamodb", "create-table", "--table-name", name, "--billing-mode", "PAY_PER_REQUEST"];
        let attributes: Vec<String> =
            keys.iter().map(|(name, kind, _)| format!("AttributeName={name},AttributeType={kind}")).collect();
        let schema: Vec<String> =
            keys.iter().map(|(name, _, role)| format!("AttributeName={name},KeyType={role}")).collect();
        create.push("--attribute-definitions");
        create.extend(attributes.iter().map(String::as_str));
        create.push("--key-schema");
        create.extend(schema.iter().map(String::as_str));
        self.aws(&create);
    }

    /// The item of a key, once it is there.
    fn item(&self, table: &str, key: &str) -> Value {
        self.server.wait_for("that the table has the item", |_| {
            self.aws(&["dynamodb", "get-item", "--table-name", table, "--key", key]).get("Item").cloned()
        })
    }

    /// The first dead letter, once there is one.
    fn dead_letter(&self) -> Value {
        self.server.wait_for("that a delivery is given up", |api| {
            let dead = api.landfall("deliveries?status=DEAD");
            dead["deliveries"].as_array().and_then(|all| all.first().cloned())
        })
    }
}

const SQL: &str = "SELECT *, topic(2) AS device FROM 'data/+'";

#[test]
fn messages_reach_the_services_of_aws() {
    let cloud = Cloud::start();
    let server = &cloud.server;
    let queue_url = cloud.create_queue("out");
    cloud.create_table("one", &[("device", "S", "HASH"), ("at", "N", "RANGE")]);
    cloud.create_table("many", &[("device", "S", "HASH")]);
    let queue = json!({"sqs": {"queueUrl": queue_url, "roleArn": ROLE, "useBase64": false}});
    create_rule(server, "queue", SQL, &queue);
    let one = json!({"dynamoDB": {
        "tableName": "one", "roleArn": ROLE, "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "at", "rangeKeyValue": "${at}", "rangeKeyType": "NUMBER", "payloadField": "message"}});
    create_rule(server, "one", SQL, &one);
    create_rule(
        server,
        "many",
        SQL,
        &json!({"dynamoDBv2": {"putItem": {"tableName": "many"}, "roleArn": ROLE}}),
    );
    let metric = json!({"cloudwatchMetric": {
        "roleArn": ROLE, "metricNamespace": "Plant", "metricName": "temperature-${topic(2)}", "metricValue": "${t}",
        "metricUnit": "None"}});
    create_rule(server, "metric", SQL, &metric);
    device(server, "1").publish("data/pump", r#"{"t": 21.5, "at": 7, "ok": true}"#);

    assert_eq!(cloud.message(&queue_url), json!({"t": 21.5, "at": 7, "ok": true, "device": "pump"}));
    let item = cloud.item("many", r#"{"device": {"S": "pump"}}"#);
    assert_eq!(
        item,
        json!({"t": {"N": "21.5"}, "at": {"N": "7"}, "ok": {"BOOL": true}, "device": {"S": "pump"}})
    );
    let item = cloud.item("one", r#"{"device": {"S": "pump"}, "at": {"N": "7"}}"#);
    assert!(item["message"].to_string().contains("21.5"), "{item}");
    server.wait_for("that the metric is there", |_| {
        let listed = cloud.aws(&["cloudwatch", "list-metrics", "--namespace", "Plant"]);
        let metrics = listed["Metrics"].as_array()?;
        metrics.iter().any(|one| one["MetricName"] == "temperature-pump").then_some(())
    });
}

#[test]
fn what_was_given_up_can_be_replayed() {
    let cloud = Cloud::start();
    let queue_url = format!("{}-gone", cloud.create_queue("out"));
    create_rule(&cloud.server, "lost", SQL, &json!({"sqs": {"queueUrl": queue_url, "roleArn": ROLE}}));
    device(&cloud.server, "1").publish("data/pump", r#"{"t": 21.5}"#);
    let dead = cloud.dead_letter();
    assert_eq!(dead["ruleName"], "lost", "{dead}");

    cloud.create_queue("out-gone");
    let data = cloud.server.data().to_string_lossy().into_owned();
    let replayed = Landfall::run(&["deliveries", "replay", "--all", "--data", &data]).stdout();
    assert!(replayed.contains("1 of 1"), "{replayed}");
    assert_eq!(cloud.message(&queue_url), json!({"t": 21.5, "device": "pump"}));
}

#[test]
fn metrics_of_rules_are_told_to_prometheus() {
    let server = Landfall::start();
    create_rule(
        &server,
        "again",
        "SELECT * FROM 'in/+'",
        &json!({"republish": {"topic": "out", "roleArn": ROLE}}),
    );
    let mut device = device(&server, "1");
    device.subscribe("out", QoS::AtLeastOnce);
    device.publish("in/x", "{}");
    device.message();
    let text = server.wait_for("that the delivery is counted", |_| {
        let text = metrics(&server);
        text.contains("outcome=\"delivered\"").then_some(text)
    });
    assert!(text.contains("landfall_") && text.ends_with("# EOF\n"), "{text}");
}

/// What the server counts, as Prometheus reads it.
#[track_caller]
fn metrics(server: &Landfall) -> String {
    let url = format!("http://{}/metrics", server.http());
    run(program("curl").args(["--silent", "--fail", &url]), "", DEADLINE).stdout()
}
