//! The engine of topic rules with everything that it reaches in memory.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use landfall_actions::{Config, Engine, HttpConfig, HttpSender, Limits, Services};
use landfall_model::{
    AccountId, Clock, FunctionName, Region, RuleName, Scope, TopicName, TopicRule, UnixTime,
};
use landfall_mqtt::{Message, QoS};
use landfall_registry::{MemoryRegistry, Registry as _, Transaction};
use landfall_services::memory::{
    MemoryFunctions, MemoryMetrics, MemoryPublisher, MemoryQueues, MemoryTables,
};
use landfall_services::{FunctionAnswer, PublishObserver as _, PublishedMessage, Publisher};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::landfall::now;

/// The account and the region of the server.
pub(super) const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// The function that rules invoke.
const FUNCTION: &str = "jitr";

/// How long rule actions may take before the run is given up.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An engine that performs rule actions as soon as its runtime is waited in.
pub(super) struct World {
    engine: Arc<Engine>,
    functions: Arc<MemoryFunctions>,
    stopping: CancellationToken,
}

/// The clock of the machine, as that of the server.
pub(super) struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> UnixTime {
        now()
    }
}

impl World {
    /// An engine with these rules, by their documents.
    pub(super) async fn new(documents: &[Value]) -> Result<Self> {
        let registry = Arc::new(MemoryRegistry::new());
        let mut transaction = Transaction::new();
        for (number, document) in documents.iter().enumerate() {
            transaction.create_topic_rule(TopicRule {
                name: rule_name(number)?,
                document: document.to_string().into(),
                is_disabled: false,
                created_at: now(),
                modified_at: now(),
            });
        }
        registry.commit(transaction).await?;
        let functions = Arc::new(MemoryFunctions::default());
        let answer = |_| future::ready(FunctionAnswer::Returned("null".into()));
        functions.insert(FunctionName::parse(FUNCTION)?, answer);
        let services = Services {
            functions: Arc::clone(&functions) as _,
            queues: Arc::new(MemoryQueues::default()),
            tables: Arc::new(MemoryTables::default()),
            metrics: Arc::new(MemoryMetrics::default()),
            http: Arc::new(HttpSender::new(HttpConfig::default())),
            programs: None,
        };
        let scope = Scope { account: AccountId::parse(ACCOUNT)?, region: Region::parse(REGION)? };
        let config = Config { scope, limits: Limits::default() };
        let tracker = TaskTracker::new();
        let engine = Engine::build(config, registry, services, Arc::new(MachineClock), tracker).await?;
        let stopping = CancellationToken::new();
        engine.spawn(Arc::new(MemoryPublisher::default()), &stopping);
        Ok(Self { engine, functions, stopping })
    }

    /// Tells the engine of a message.
    pub(super) fn publish(&self, message: &Message, publisher: Publisher<'_>) {
        self.engine.published(PublishedMessage { message, publisher });
    }

    /// Waits until the function has been invoked so often.
    pub(super) async fn invoked(&self, times: usize) -> Result<()> {
        let reached = tokio::time::timeout(TIMEOUT, self.functions.invocations().reached(times));
        reached.await.with_context(|| format!("the function was not invoked {times} times"))?;
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// The document of a rule that invokes the function.
pub(super) fn document(sql: &str) -> Value {
    let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}");
    json!({
        "sql": sql,
        "awsIotSqlVersion": "2016-03-23",
        "actions": [{ "lambda": { "functionArn": function } }],
    })
}

pub(super) fn rule_name(number: usize) -> Result<RuleName> {
    Ok(RuleName::parse(&format!("rule_{number}"))?)
}

pub(super) fn message(topic: &str, payload: Vec<u8>) -> Result<Message> {
    Ok(Message::new(TopicName::parse(topic)?, payload.into(), QoS::AtLeastOnce))
}
