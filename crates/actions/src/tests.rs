//! The engine with a registry and services in memory. Time is paused: it passes when everything waits.

use std::future;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use landfall_model::{
    AccountId, CaCertificateId, CertificateId, Clock, Delivery, DeliveryAction, DeliveryState,
    DeliveryStatus, FunctionName, QueueArn, Region, RuleName, Scope, TopicName, TopicRule, UnixTime,
};
use landfall_mqtt::{Message, QoS};
use landfall_registry::{
    Deliveries as _, DeliveryFilter, EventId, MemoryRegistry, Order, PageRequest, Registry, Transaction,
};
use landfall_rules::TopicRuleDocument;
use landfall_services::memory::{
    MemoryFunctions, MemoryMetrics, MemoryPublisher, MemoryQueues, MemoryTables,
};
use landfall_services::{
    FunctionAnswer, ItemValue, MessagePublisher, PublishObserver, PublishedMessage, Publisher, ServiceFailure,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Config, Engine, HttpConfig, HttpSender, Limits, Services};

mod resilience;
mod semantics;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:jitr";
const ROLE: &str = "arn:aws:iam::000000000000:role/r";

/// Follows the paused time.
struct TestClock {
    began: Instant,
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        UnixTime::from_millis(1_000_000 + passed)
    }
}

/// A registry and services; engines come and go.
struct World {
    registry: Arc<MemoryRegistry>,
    functions: Arc<MemoryFunctions>,
    queues: Arc<MemoryQueues>,
    tables: Arc<MemoryTables>,
    metrics: Arc<MemoryMetrics>,
    publisher: Arc<MemoryPublisher>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

/// An engine that runs.
struct Running {
    engine: Arc<Engine>,
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl World {
    fn new() -> Self {
        Self {
            registry: Arc::new(MemoryRegistry::new()),
            functions: Arc::default(),
            queues: Arc::default(),
            tables: Arc::default(),
            metrics: Arc::default(),
            publisher: Arc::default(),
            clock: Arc::new(TestClock { began: Instant::now() }),
            limits: Limits::default(),
        }
    }

    /// A world whose function `jitr` answers so, and where one rule invokes it for registration events.
    async fn with_function<F>(answer: F) -> Self
    where
        F: Fn(Bytes) -> FunctionAnswer + Send + Sync + 'static,
    {
        let world = Self::new();
        world.functions.insert(jitr(), move |event| future::ready(answer(event)));
        world.create_rule("jitr", &jitr_rule()).await;
        world
    }

    async fn build(&self) -> Running {
        let scope = Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        };
        let services = Services {
            functions: Arc::clone(&self.functions) as _,
            queues: Arc::clone(&self.queues) as _,
            tables: Arc::clone(&self.tables) as _,
            metrics: Arc::clone(&self.metrics) as _,
            http: Arc::new(HttpSender::new(HttpConfig::default())),
            programs: None,
        };
        let config = Config { scope, limits: self.limits.clone() };
        let (tracker, registry) = (TaskTracker::new(), Arc::clone(&self.registry) as _);
        let engine = Engine::build(config, registry, services, Arc::clone(&self.clock), tracker.clone());
        Running { engine: engine.await.unwrap(), tracker, stopping: CancellationToken::new() }
    }

    async fn start(&self) -> Running {
        let running = self.build().await;
        running.engine.spawn(Arc::clone(&self.publisher) as _, &running.stopping);
        running
    }

    async fn create_rule(&self, name: &str, document: &Value) {
        TopicRuleDocument::parse(&document.to_string()).unwrap();
        let mut transaction = Transaction::new();
        transaction.create_topic_rule(TopicRule {
            name: RuleName::parse(name).unwrap(),
            document: document.to_string().into(),
            is_disabled: false,
            created_at: self.clock.now(),
            modified_at: self.clock.now(),
        });
        self.registry.commit(transaction).await.unwrap();
    }

    /// What the registry has, the oldest first.
    async fn rows(&self) -> Vec<Delivery> {
        let page = PageRequest { after: None, limit: 1_000, order: Order::Ascending };
        self.registry.deliveries(&DeliveryFilter::default(), page).await.unwrap().items
    }

    async fn statuses(&self) -> Vec<DeliveryStatus> {
        self.rows().await.iter().map(|row| row.state.status()).collect()
    }

    /// Waits until the registry has just these states.
    async fn until(&self, expected: &[DeliveryStatus]) -> Vec<Delivery> {
        let reached = async {
            while self.statuses().await != expected {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let is_reached = timeout(Duration::from_secs(500), reached).await.is_ok();
        assert!(is_reached, "expected {expected:?}, and there is {:?}", self.rows().await);
        self.rows().await
    }
}

impl Running {
    fn publish(&self, topic: &str, payload: &str, publisher: Publisher<'_>) {
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        let message = Message::new(TopicName::parse(topic).unwrap(), payload, QoS::AtLeastOnce);
        self.engine.published(PublishedMessage { message: &message, publisher });
    }

    fn publish_event(&self, number: u8) {
        let ca = CaCertificateId::from_sha256([9; 32]);
        let topic = format!("$aws/events/certificates/registered/{ca}");
        self.publish(&topic, &event(number), Publisher::Event(EventId::new(number.into())));
    }

    /// Marks events as delivered, as the dispatcher does.
    async fn mark(&self, registry: &dyn Registry, last: u8) {
        let last = EventId::new(last.into());
        let unfinished = self.engine.unfinished(last);
        let ids: Vec<_> = unfinished.iter().map(|delivery| delivery.id).collect();
        let mut transaction = Transaction::new();
        transaction.delivered(last);
        unfinished.into_iter().for_each(|delivery| transaction.store_delivery(delivery));
        registry.commit(transaction).await.unwrap();
        self.engine.settled(&ids, true);
    }

    /// Ends it in order.
    async fn drain(self) {
        self.stopping.cancel();
        self.tracker.close();
        timeout(Duration::from_secs(10_000), self.tracker.wait()).await.unwrap();
    }

    fn counted(&self, name: &str) -> u64 {
        let mut registry = prometheus_client::registry::Registry::default();
        self.engine.register_metrics(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
    }
}

fn jitr() -> FunctionName {
    FunctionName::parse("jitr").unwrap()
}

/// The payload of a registration event.
fn event(number: u8) -> String {
    let certificate = CertificateId::from_sha256([number; 32]);
    json!({ "certificateId": certificate.to_string(), "certificateStatus": "PENDING_ACTIVATION" }).to_string()
}

fn jitr_rule() -> Value {
    json!({
        "sql": "SELECT * FROM '$aws/events/certificates/registered/#' WHERE certificateStatus = 'PENDING_ACTIVATION'",
        "awsIotSqlVersion": "2016-03-23",
        "actions": [{ "lambda": { "functionArn": ARN } }],
    })
}

/// A rule that republishes.
fn republish_rule(from: &str, to: &str) -> Value {
    json!({
        "sql": format!("SELECT * FROM '{from}'"),
        "awsIotSqlVersion": "2016-03-23",
        "actions": [republish_to(to)],
    })
}

fn republish_to(topic: &str) -> Value {
    json!({ "republish": { "roleArn": ROLE, "topic": topic } })
}

fn failed() -> FunctionAnswer {
    FunctionAnswer::Failed { error_type: "Runtime.ExitError".to_owned(), message: "signal 9".to_owned() }
}

fn returned(_: Bytes) -> FunctionAnswer {
    FunctionAnswer::Returned(Bytes::from_static(b"null"))
}
