//! Log sinks: the registration log in the services of AWS, a file and a webhook, whatever happens to them meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use landfall_tests::{
    Connect, DEADLINE, Device, DeviceCertificate, Gate, Landfall, Moto, QuickCa, Refused, WebAnswer,
    WebServer, program, python, run,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long boto3 may take to say something: it is a Python that starts.
const BOTO3_DEADLINE: Duration = Duration::from_secs(60);

/// Requests are not logged: waiting for a metric makes many.
const QUIET: (&str, &str) = ("LANDFALL_LOG", "info,landfall_api_server=warn");

/// A server whose AWS is a `moto_server` behind a gate.
struct Cloud {
    server: Landfall,
    ca: QuickCa,
    gate: Gate,
    _moto: Moto,
    queue_url: String,
    /// The certificates of those that came, and what the log says of each.
    expected: BTreeMap<String, Value>,
    _folder: TempDir,
}

/// A server with sinks that are set by a file.
struct Scene {
    server: Landfall,
    ca: QuickCa,
    folder: TempDir,
}

/// Asks `moto_server` by boto3, whatever it wants its credentials to be.
#[track_caller]
fn boto3(gate: &Gate, arguments: &[&str]) -> Value {
    let mut script = python("boto3_log_sinks.py");
    script.args(arguments).env("AWS_ENDPOINT_URL", gate.endpoint()).env("AWS_DEFAULT_REGION", "us-east-1");
    script.env("AWS_ACCESS_KEY_ID", "AKIAMOTO").env("AWS_SECRET_ACCESS_KEY", "moto");
    let printed = run(&mut script, "", BOTO3_DEADLINE).stdout();
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// The value of a metric of the server; zero if it is not there.
#[track_caller]
fn metric(server: &Landfall, name: &str, labels: &[&str]) -> f64 {
    let url = format!("http://{}/metrics", server.http());
    let printed = run(program("curl").args(["--silent", "--fail", &url]), "", DEADLINE).stdout();
    let is_wanted = |line: &&str| {
        line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label))
    };
    let line = printed.lines().find(is_wanted);
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

/// Waits until a sink has taken so many entries since the server started, and has nothing left to do.
#[track_caller]
fn wait_until_delivered(server: &Landfall, sink: &str, entries: u32) {
    let sink = format!("sink=\"{sink}\"");
    server.wait_for(&format!("that the entries are delivered: {sink}"), |_| {
        let delivered = metric(server, "landfall_log_sink_entries_total", &[&sink, "outcome=\"delivered\""]);
        assert!(delivered <= f64::from(entries), "{delivered} entries went to {sink}");
        (delivered >= f64::from(entries)).then_some(())
    });
}

/// A device comes that is registered: what the log says of it.
#[track_caller]
fn registered(server: &Landfall, ca: &QuickCa, serial: &str) -> (String, Value) {
    let certificate = ca.issue_device(serial);
    let name = format!("thing-{serial}");
    // The answer to CONNECT does not wait for a sink.
    Device::connect(server, &certificate, &name).expect("it is let in").leave();
    entry(server, &certificate, serial)
}

/// A device comes that is refused: what the log says of it.
#[track_caller]
fn refused(server: &Landfall, ca: &QuickCa, serial: &str) -> (String, Value) {
    let subject = [("serialNumber", serial), ("title", "iot"), ("generationQualifier", "smart-sensor")];
    let certificate = ca.issue(&subject);
    for _ in 0..2 {
        // An equal failure is the same entry.
        let told = Device::connect_with(server, &certificate, serial, &Connect::v5()).map(Device::leave);
        assert!(matches!(told, Err(Refused::Connack(_))), "{told:?}");
    }
    entry(server, &certificate, serial)
}

/// The entry of a certificate, as it has to be by what the registry says.
#[track_caller]
fn entry(server: &Landfall, certificate: &DeviceCertificate, serial: &str) -> (String, Value) {
    let id = &certificate.id;
    let log = server.api().landfall(&format!("certificates/{id}/registrations"));
    let record = &log["registrations"][0];
    let outcome = &record["outcome"];
    let (thing, kind, error) = match outcome["result"].as_str().expect("a result") {
        "success" => (json!(format!("thing-{serial}")), "SUCCESS", Value::Null),
        "failure" => {
            let part = |name: &str| outcome[name].as_str().expect("a text").to_owned();
            (Value::Null, "FAILURE", json!(format!("{}: {}", part("code"), part("message"))))
        }
        other => panic!("{other}: {record}"),
    };
    let entry = json!({
        "certificateId": id,
        "timestamp": record["firstAtMs"],
        "thingName": thing,
        "type": kind,
        "error": error,
        "thingCategory": "iot",
        "serialNumber": serial,
        "productId": "smart-sensor",
    });
    (id.clone(), entry)
}

/// Entries by their certificates. None may be there twice.
#[track_caller]
fn by_certificate(entries: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    let mut by_certificate = BTreeMap::new();
    for entry in entries {
        let id = entry["certificateId"].as_str().expect("an id").to_owned();
        assert_eq!(by_certificate.insert(id, entry), None);
    }
    by_certificate
}

/// An item of a table as the JSON of its entry, in which what is left out is null.
fn of_item(item: &Value) -> Value {
    let mut entry = serde_json::Map::new();
    for name in [
        "certificateId",
        "timestamp",
        "thingName",
        "type",
        "error",
        "thingCategory",
        "serialNumber",
        "productId",
    ] {
        let number = item[name]["N"].as_str().and_then(|number| number.parse::<i64>().ok());
        let value = number.map_or_else(|| item[name]["S"].clone(), Value::from);
        entry.insert(name.to_owned(), value);
    }
    assert!(item.as_object().expect("an item").keys().all(|name| entry.contains_key(name)), "{item}");
    entry.into()
}

impl Cloud {
    /// Starts a server that sends its log through a gate that is shut.
    #[track_caller]
    fn start() -> Self {
        let moto = Moto::start();
        let gate = Gate::before(moto.endpoint().trim_start_matches("http://").parse().expect("an address"));
        // The URL of a queue tells where its messages are sent to.
        let created = boto3(&gate, &["create"]);
        gate.shut();
        let queue_url = created["queueUrl"].as_str().expect("a URL").to_owned();
        let folder = tempfile::tempdir().expect("a temporary directory");
        let settings = folder.path().join("registrar.toml");
        let text = format!(
            "[LogSinks]\nLogEventsToDynamo = true\nDynamoTable = 'registrations'\nLogEventsToSqs = true\n\
             QueueUrl = '{queue_url}'\nLogEventsToCloudWatch = true\n"
        );
        fs::write(&settings, text).expect("a file of settings");
        let settings = settings.to_string_lossy().into_owned();
        let server = Landfall::start_with_variables(
            &["--settings", &settings, "--aws-endpoint-url", &gate.endpoint()],
            &[("AWS_ACCESS_KEY_ID", "AKIAMOTO"), ("AWS_SECRET_ACCESS_KEY", "moto"), QUIET],
        );
        let ca = QuickCa::registered(&server);
        Self { server, ca, gate, _moto: moto, queue_url, expected: BTreeMap::new(), _folder: folder }
    }

    /// Devices come: two that are registered, and one that is refused.
    #[track_caller]
    fn devices(&mut self, name: &str) {
        let (server, ca) = (&self.server, &self.ca);
        self.expected.extend([
            registered(server, ca, &format!("{name}-1")),
            registered(server, ca, &format!("{name}-2")),
            refused(server, ca, &format!("{name}-3")),
        ]);
    }

    #[track_caller]
    fn wait_until_delivered(&self, entries: u32) {
        for sink in ["dynamodb", "sqs", "cloudwatch"] {
            wait_until_delivered(&self.server, sink, entries);
        }
    }
}

#[test]
fn entries_messages_and_metrics_are_read_back_and_nothing_is_missing_after_an_outage() {
    let mut cloud = Cloud::start();
    // Nobody is there yet: devices come in, and the log waits through the end of the server.
    cloud.devices("early");
    cloud.gate.wait_until_refused(3);
    cloud.server.kill();
    cloud.server.start_again();
    cloud.gate.open();
    cloud.wait_until_delivered(3);

    // They go away and come back.
    cloud.gate.shut();
    cloud.devices("down");
    cloud.gate.wait_until_refused(3);
    for sink in ["dynamodb", "sqs", "cloudwatch"] {
        let sink = format!("sink=\"{sink}\"");
        cloud.server.wait_for("that the sinks tell that they are behind", |_| {
            let lag = metric(&cloud.server, "landfall_log_sink_lag_seconds", &[&sink]);
            (lag > 0.0).then_some(())
        });
    }
    cloud.gate.open();
    cloud.devices("back");
    cloud.wait_until_delivered(9);

    let found = boto3(&cloud.gate, &["read", &cloud.queue_url]);
    let list = |name: &str| found[name].as_array().expect("a list").clone();
    assert_eq!(by_certificate(list("items").iter().map(of_item)), cloud.expected);
    assert_eq!(by_certificate(list("messages")), cloud.expected);
    let data = |sum: f64| json!({"sum": sum, "count": 9.0, "units": ["Count"]});
    assert_eq!(found["metrics"]["Success"], data(6.0), "{found}");
    assert_eq!(found["metrics"]["Failure"], data(3.0), "{found}");
    assert_eq!(found["metrics"]["Overall"], data(9.0), "{found}");
}

impl Scene {
    #[track_caller]
    fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::write(folder.path().join("webhook.secret"), "0123456789abcdef").expect("a file");
        let file = folder.path().join("registrar.toml");
        fs::write(&file, settings).expect("a file of settings");
        let server = Landfall::start_with_variables(&["--settings", &file.to_string_lossy()], &[QUIET]);
        let ca = QuickCa::registered(&server);
        Self { server, ca, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines of a file of the log, the oldest first.
    #[track_caller]
    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[track_caller]
    fn reload(&self, settings: &str) {
        fs::write(self.path("registrar.toml"), settings).expect("a file of settings");
        let data = self.server.data().to_string_lossy().into_owned();
        Landfall::run(&["config", "reload", "--data", &data]).stdout();
    }
}

#[test]
fn the_log_goes_to_a_file_that_is_rotated_and_goes_on_after_a_restart() {
    // The least that a file may have: there is no room for twelve entries in it.
    let on = "[LogSinks]\nFile = 'registrations.jsonl'\nFileBytesMax = 4096\nFilesMax = 8\n";
    let mut scene = Scene::start(on);
    let mut expected = Vec::new();
    let come = |scene: &Scene, expected: &mut Vec<Value>, name: &str| {
        for number in 1..=11 {
            expected.push(registered(&scene.server, &scene.ca, &format!("{name}-{number}")).1);
        }
        expected.push(refused(&scene.server, &scene.ca, &format!("{name}-12")).1);
    };
    come(&scene, &mut expected, "first");
    wait_until_delivered(&scene.server, "file", 12);
    // What is recorded while the sink is off comes when it is on again.
    scene.reload("");
    come(&scene, &mut expected, "off");
    assert!(scene.server.stop(DEADLINE).success());
    scene.server.start_again();
    come(&scene, &mut expected, "off-still");
    scene.reload(on);
    wait_until_delivered(&scene.server, "file", 24);

    let mut found = Vec::new();
    let mut files = 0;
    for number in (0..=8).rev() {
        let name = if number == 0 {
            "registrations.jsonl".to_owned()
        } else {
            format!("registrations.jsonl.{number}")
        };
        let lines = scene.lines(&name);
        assert!(fs::metadata(scene.path(&name)).map_or(0, |data| data.len()) <= 4_096, "{name}");
        files += usize::from(!lines.is_empty());
        found.extend(lines);
    }
    assert_eq!(found, expected, "in the order of the log, each once");
    assert!(files >= 3, "{files} files");
}

#[test]
fn the_log_goes_to_a_webhook_once_it_takes_it() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let webhook = WebServer::start(move |_| WebAnswer::Text {
        status: if up.load(Ordering::SeqCst) { 204 } else { 503 },
        content_type: "text/plain",
        body: String::new(),
    });
    let url = webhook.url();
    let scene =
        Scene::start(&format!("[LogSinks]\nWebhookUrl = '{url}'\nWebhookSecretFile = 'webhook.secret'\n"));
    let mut expected = vec![registered(&scene.server, &scene.ca, "1").1];
    webhook.wait_for("again", |requests| (requests.len() >= 2).then_some(()));
    expected.push(refused(&scene.server, &scene.ca, "2").1);
    let tried = webhook.requests().len();
    is_up.store(true, Ordering::SeqCst);
    expected.push(registered(&scene.server, &scene.ca, "3").1);
    wait_until_delivered(&scene.server, "webhook", 3);

    // One that was under way at the change may be among them, and was turned away.
    let requests = webhook.requests();
    let sent: Vec<Value> = requests[tried..]
        .iter()
        .flat_map(|request| request.json().as_array().expect("an array").clone())
        .collect();
    let mut in_order = Vec::new();
    for entry in &sent {
        if !in_order.contains(entry) {
            in_order.push(entry.clone());
        }
    }
    assert_eq!(in_order, expected);
    let signature = requests[0].header("x-landfall-signature").expect("a signature");
    assert!(signature.starts_with("v1=") && signature.len() == 67, "{signature}");
}

#[test]
fn log_sinks_that_cannot_work_are_refused_when_they_are_loaded() {
    let scene = Scene::start("");
    let path = scene.path("registrar.toml").to_string_lossy().into_owned();
    for (settings, place, problem) in [
        ("LogEventsToDynamo = true\n", "2:21", "LogEventsToDynamo needs DynamoTable"),
        ("LogEventsToSqs = true\n", "2:18", "LogEventsToSqs needs QueueUrl"),
        ("LogEventsToSqs = true\nQueueUrl = 'here'\n", "3:12", "is not the URL of a queue"),
        ("LogEventsToCloudWatch = true\nNamespace = ''\n", "3:13", "is no namespace"),
        ("LogEventsToCloudWatch = 'yes'\n", "2:25", "LogEventsToCloudWatch"),
        ("File = 'missing/log.jsonl'\n", "2:8", "cannot be the file of a log"),
        ("File = 'log.jsonl'\nFileBytesMax = 1\n", "3:16", "FileBytesMax is 1; it must be"),
        (
            "WebhookUrl = 'http://example.com/'\nWebhookSecretFile = 'webhook.secret'\n",
            "2:14",
            "URL of a webhook",
        ),
        ("WebhookUrl = 'https://example.com/'\n", "2:14", "WebhookUrl needs WebhookSecretFile"),
        ("LogEventsToKafka = true\n", "2:1", "LogEventsToKafka"),
    ] {
        fs::write(&path, format!("[LogSinks]\n{settings}")).expect("a file of settings");
        let checked = Landfall::run(&["config", "check", &path]);
        assert!(!checked.success(), "{settings}{checked}");
        let place = format!("registrar.toml:{place}");
        assert!(checked.stderr.contains(&place) && checked.stderr.contains(problem), "{settings}{checked}");
    }
    let data = scene.server.data().to_string_lossy().into_owned();
    let reloaded = Landfall::run(&["config", "reload", "--data", &data]);
    assert!(!reloaded.success() && reloaded.stderr.contains("LogEventsToKafka"), "{reloaded}");
    registered(&scene.server, &scene.ca, "1");
}
