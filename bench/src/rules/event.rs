//! The rule of just-in-time registration on the registration event.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use landfall_events::{CertificateRegistered, Event, EventId};
use landfall_model::{AccountId, CaCertificateId, CertificateId, ClientId, UnixTime};
use landfall_mqtt::Message;
use landfall_rules::{ActionRequest, CompiledRule, Context, MqttProperties, RuleSet, TopicRuleDocument};
use landfall_services::Publisher;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::engine::{ACCOUNT, World, document, message, rule_name};
use crate::figures::{best_of, micros_each, print_table, verdict};
use crate::landfall::now;

/// The most microseconds that the rule may cost.
const GOAL_MICROS: f64 = 5.0;

/// How often the event is published until its deliveries are carried out: fewer than the engine takes before it says that it
/// has no room.
const PUBLISHED_AT_ONCE: usize = 1_000;

/// How often that is done in each round.
const BATCHES: usize = 5;

pub(super) fn run(runtime: &Runtime, rounds: usize) -> Result<()> {
    let event = registration_event()?;
    let (mut rows, mut slowest) = (Vec::new(), 0.0_f64);
    for (what, status, expected) in [
        ("WHERE is true: match, evaluate, request", "PENDING_ACTIVATION", 1),
        ("WHERE is false: match, evaluate", "ACTIVE", 0),
    ] {
        let (ours, json) = measure(rounds, &event, status, expected)?;
        slowest = slowest.max(ours);
        rows.push(row(what, ours, json));
        if expected > 0 {
            let engine = runtime.block_on(publish(rounds, &event, status))?;
            rows.push(row("the same in the engine, which makes a delivery of it", engine, json));
        }
    }
    let header = ["rule on the registration event", "µs", "serde_json reads it: µs", "times that"];
    print_table("What the rule of just-in-time registration takes", &header, rows);
    println!(
        "\nmatch, evaluate, request: at most {slowest:.2} µs; the goal is at most {GOAL_MICROS} µs: {}",
        verdict(slowest <= GOAL_MICROS)
    );
    Ok(())
}

fn row(what: &str, ours: f64, json: f64) -> Vec<String> {
    vec![what.to_owned(), format!("{ours:.2}"), format!("{json:.2}"), format!("{:.1}", ours / json)]
}

/// How many microseconds a rule that wants this status takes, and reading the event as JSON, which nobody can do without.
fn measure(rounds: usize, event: &Message, status: &str, expected: usize) -> Result<(f64, f64)> {
    let mut rules = RuleSet::new();
    let rule = TopicRuleDocument::parse(&document(&sql(status)).to_string())?;
    rules.insert(rule_name(0)?, rule.filter().cloned(), rule);
    let asker = Asker { account: AccountId::parse(ACCOUNT)? };
    let found = requests(&rules, event, &asker)?.len();
    ensure!(found == expected, "{found} requests instead of {expected}");
    let (ours, json) = best_of(
        rounds,
        || requests(&rules, event, &asker),
        || serde_json::from_slice::<Value>(&event.payload),
    );
    Ok((ours / 1e3, json / 1e3))
}

/// What the rules that match an event ask for.
fn requests(rules: &RuleSet<CompiledRule>, event: &Message, asker: &Asker) -> Result<Vec<ActionRequest>> {
    let mut matched = Vec::new();
    rules.matches(&event.topic, |_, rule| matched.push(rule));
    let mut requests = Vec::new();
    for rule in matched {
        // Anew for each, as no message is seen twice: it is read as JSON when the first rule asks.
        let message = landfall_rules::Message::new(&event.topic, &event.payload)?;
        for request in rule.evaluate(&message, asker)?.unwrap_or_default() {
            requests.push(request?);
        }
    }
    Ok(requests)
}

/// How many microseconds the engine takes for the event, until the dispatcher can go on to the next: the delivery waits then.
async fn publish(rounds: usize, event: &Message, status: &str) -> Result<f64> {
    let mut best = Duration::MAX;
    let mut id = 0;
    for _ in 0..rounds {
        let world = World::new(&[document(&sql(status))]).await?;
        for batch in 1..=BATCHES {
            let began = Instant::now();
            for _ in 0..PUBLISHED_AT_ONCE {
                id += 1;
                world.publish(event, Publisher::Event(EventId::new(id)));
            }
            best = best.min(began.elapsed());
            world.invoked(batch * PUBLISHED_AT_ONCE).await?;
        }
    }
    Ok(micros_each(best, PUBLISHED_AT_ONCE))
}

/// The statement of the first seed, for certificates of this status.
fn sql(status: &str) -> String {
    format!("SELECT * FROM '$aws/events/certificates/registered/#' WHERE certificateStatus = \"{status}\"")
}

fn registration_event() -> Result<Message> {
    let event = Event::CertificateRegistered(CertificateRegistered {
        certificate: CertificateId::from_sha256([0x11; 32]),
        ca: CaCertificateId::from_sha256([0x22; 32]),
        account: AccountId::parse(ACCOUNT)?,
        at: now(),
    });
    message(event.topic().as_str(), event.payload(EventId::new(1)))
}

/// What the engine can say of an event: nobody sent it.
struct Asker {
    account: AccountId,
}

impl Context for Asker {
    fn now(&self) -> UnixTime {
        now()
    }

    fn random(&self) -> [u8; 16] {
        *uuid::Uuid::new_v4().as_bytes()
    }

    fn account_id(&self) -> &AccountId {
        &self.account
    }

    fn client_id(&self) -> Option<&ClientId> {
        None
    }

    fn principal(&self) -> Option<String> {
        None
    }

    fn trace_id(&self) -> Option<String> {
        None
    }

    fn source_ip(&self) -> Option<IpAddr> {
        None
    }

    fn mqtt_properties(&self) -> Option<&MqttProperties> {
        None
    }
}
