//! The sinks against `moto_server`, which stands in for AWS.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test panics to tell of a fault"
)]

#[path = "../../../actions-aws/tests/aws/moto.rs"]
mod moto;

use std::sync::Arc;
use std::time::Duration;

use landfall_actions_aws::{AwsServices, Credentials, Endpoints, Timeouts};
use landfall_log_sinks::{Config, LogSinks, Services};
use landfall_model::{Clock, LogSinkName, Outcome, Region, RegistrationRecord, UnixTime};
use landfall_registry::conformance::samples::{failure, id, success};
use landfall_registry::{LogSinks as _, MemoryRegistry, Registry, Transaction};
use landfall_services::{MessageQueues, Metrics, QueueUrl, Tables};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::moto::Moto;

/// The machine's clock: moto_server takes no data that are too old.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        #[expect(clippy::disallowed_methods, reason = "moto_server has the same clock")]
        let now = std::time::SystemTime::now();
        let passed = now.duration_since(std::time::UNIX_EPOCH).unwrap();
        UnixTime::from_millis(i64::try_from(passed.as_millis()).unwrap())
    }
}

/// A stand-in for AWS, a registry, and what sinks are made of.
struct World {
    moto: Moto,
    registry: Arc<MemoryRegistry>,
    services: Arc<AwsServices>,
    /// When all that is recorded began.
    at: UnixTime,
}

/// Sinks that run.
struct Running {
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl World {
    fn new() -> Self {
        let moto = Moto::start();
        let services = AwsServices::build(landfall_actions_aws::Config {
            region: Region::parse("us-east-1").unwrap(),
            endpoints: Endpoints { all: Some(moto.endpoint().to_owned()), ..Endpoints::default() },
            credentials: Some(Credentials {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: "any".to_owned(),
                session_token: None,
            }),
            timeouts: Timeouts { connect: Duration::from_secs(30), answer: Duration::from_secs(60) },
        });
        let at = UnixTime::from_secs(SystemClock.now().as_secs() / 60 * 60);
        Self { moto, registry: Arc::default(), services: Arc::new(services.unwrap()), at }
    }

    fn start(&self, config: &Config) -> Running {
        let services = Services {
            tables: Arc::clone(&self.services) as Arc<dyn Tables>,
            queues: Arc::clone(&self.services) as Arc<dyn MessageQueues>,
            metrics: Arc::clone(&self.services) as Arc<dyn Metrics>,
        };
        let registry = Arc::clone(&self.registry) as Arc<dyn Registry>;
        let wanted = watch::Sender::new(config.clone().prepare().unwrap());
        let sinks = LogSinks::build(wanted.subscribe(), registry, services, Arc::new(SystemClock));
        let (tracker, stopping) = (TaskTracker::new(), CancellationToken::new());
        sinks.spawn(&tracker, &stopping);
        Running { tracker, stopping }
    }

    /// Records devices: of three the last one fails.
    async fn record(&self, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            let record =
                if number.is_multiple_of(3) { failure(number, "no_subject") } else { success(number) };
            let mut transaction = Transaction::new();
            transaction.record(RegistrationRecord { first_at: self.at, ..record });
            self.registry.commit(transaction).await.unwrap();
        }
    }

    /// Waits until a sink is done with all that was recorded.
    async fn done(&self, sink: LogSinkName) {
        let last = self.registry.last_record_position().await.unwrap();
        let done = async {
            while self.registry.log_sink_position(sink).await.unwrap() != last {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), done).await.unwrap();
    }

    /// Asks moto_server as the SDK of a service does. The scope of the signature tells which service is meant; it is not verified.
    async fn ask(&self, service: &str, headers: &[(&str, &str)], body: String) -> String {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let request =
            reqwest::Client::new().post(self.moto.endpoint()).header("authorization", authorization);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.body(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status}: {text}");
        text
    }

    /// Asks for an operation of a service whose requests and answers are JSON.
    async fn ask_json(&self, service: &str, target: &str, body: Value) -> Value {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.0")];
        serde_json::from_str(&self.ask(service, &headers, body.to_string()).await).unwrap()
    }

    /// The statistics of one status in the minute in which everything began.
    async fn statistics(&self, status: &str) -> String {
        let time = |seconds| jiff::Timestamp::from_second(self.at.as_secs() + seconds).unwrap();
        let body = format!(
            "Action=GetMetricStatistics&Version=2010-08-01&Namespace=AWS%2FIoT&MetricName=Just-In-Time-Registration\
             &Period=60&StartTime={}&EndTime={}&Statistics.member.1=Sum&Statistics.member.2=SampleCount\
             &Dimensions.member.1.Name=Registration%20Status&Dimensions.member.1.Value={status}",
            time(0),
            time(60),
        );
        self.ask("monitoring", &[("content-type", "application/x-www-form-urlencoded")], body).await
    }
}

impl Running {
    async fn stop(self) {
        self.stopping.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

async fn create_table(world: &World) {
    let request = json!({
        "TableName": "registrations",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            { "AttributeName": "certificateId", "KeyType": "HASH" },
            { "AttributeName": "timestamp", "KeyType": "RANGE" },
        ],
        "AttributeDefinitions": [
            { "AttributeName": "certificateId", "AttributeType": "S" },
            { "AttributeName": "timestamp", "AttributeType": "N" },
        ],
    });
    world.ask_json("dynamodb", "DynamoDB_20120810.CreateTable", request).await;
}

#[tokio::test]
async fn items_are_read_back_from_a_table_that_came_late() {
    let world = World::new();
    let config = Config { table: Some("registrations".to_owned()), from_start: true, ..Config::default() };
    let running = world.start(&config);
    world.record(1..=3).await;
    create_table(&world).await;
    world.done(LogSinkName::DynamoDb).await;
    running.stop().await;
    // Nothing is missing that was recorded while the sink was stopped.
    world.record(4..=30).await;
    let running = world.start(&config);
    world.record(31..=40).await;
    world.done(LogSinkName::DynamoDb).await;
    running.stop().await;

    let scan = world.ask_json("dynamodb", "DynamoDB_20120810.Scan", json!({ "TableName": "registrations" }));
    let found = scan.await;
    let items = found["Items"].as_array().unwrap();
    let of = |number: u32| {
        let id = json!({ "S": id(number).to_string() });
        items.iter().find(|item| item["certificateId"] == id).unwrap()
    };
    assert_eq!(items.len(), 40);
    for number in 1..=40_u32 {
        let kind = if number.is_multiple_of(3) { "FAILURE" } else { "SUCCESS" };
        assert_eq!(of(number)["type"], json!({ "S": kind }));
        assert_eq!(of(number)["timestamp"], json!({ "N": world.at.as_millis().to_string() }));
    }
    let Outcome::Success { thing, .. } = success(40).outcome else { panic!("a success") };
    assert_eq!(of(40)["thingName"], json!({ "S": thing.as_str() }));
    assert_eq!(of(39)["error"], json!({ "S": "no_subject: it failed: no_subject" }));
    assert_eq!(of(39).as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn messages_are_read_back_from_a_queue() {
    let world = World::new();
    let request = json!({ "QueueName": "registrations" });
    let created = world.ask_json("sqs", "AmazonSQS.CreateQueue", request).await;
    let url = created["QueueUrl"].as_str().unwrap();
    let config = Config { queue: Some(QueueUrl::new(url)), from_start: true, ..Config::default() };
    let running = world.start(&config);
    world.record(1..=20).await;
    world.done(LogSinkName::Sqs).await;
    running.stop().await;
    world.record(21..=30).await;
    let running = world.start(&config);
    world.done(LogSinkName::Sqs).await;
    running.stop().await;

    let mut found = Vec::new();
    while found.len() < 30 {
        let request = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 });
        let received = world.ask_json("sqs", "AmazonSQS.ReceiveMessage", request).await;
        let messages = received["Messages"].as_array().unwrap_or_else(|| panic!("{} of 30", found.len()));
        found.extend(messages.iter().map(|message| {
            let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            body["certificateId"].as_str().unwrap().to_owned()
        }));
    }
    found.sort();
    let mut expected: Vec<_> = (1..=30).map(|number| id(number).to_string()).collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn metrics_are_read_back() {
    let world = World::new();
    let config = Config { namespace: Some("AWS/IoT".to_owned()), from_start: true, ..Config::default() };
    let running = world.start(&config);
    world.record(1..=250).await;
    world.done(LogSinkName::CloudWatch).await;
    running.stop().await;
    world.record(251..=300).await;
    let running = world.start(&config);
    world.done(LogSinkName::CloudWatch).await;
    running.stop().await;
    for (status, sum) in [("Success", 200), ("Failure", 100), ("Overall", 300)] {
        let answer = world.statistics(status).await;
        for expected in [
            format!("<Sum>{sum}.0</Sum>"),
            "<SampleCount>300.0</SampleCount>".to_owned(),
            "<Unit>Count</Unit>".to_owned(),
        ] {
            assert!(answer.contains(&expected), "{expected} of {status} in {answer}");
        }
    }
}
