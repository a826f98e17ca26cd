//! Many rules on filters of their own, and none.

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use landfall_model::{Delivery, DeliveryId, TopicFilter, TopicRule};
use landfall_mqtt::Message;
use landfall_registry::EventId;
use landfall_rules::RuleSet;
use landfall_services::{PublishObserver, PublishedMessage, Publisher};
use tokio::runtime::Runtime;

use super::Arguments;
use super::engine::{World, document, message, rule_name};
use crate::figures::{best_of, print_table, verdict};

/// The most nanoseconds that many rules may cost a message more than one, when it matches none.
const GOAL_NANOS: f64 = 1_000.0;

/// A topic that goes as far into the filters as one can that matches none.
const TOPIC: &str = "fleet/none/none";

pub(super) fn run(runtime: &Runtime, arguments: &Arguments) -> Result<()> {
    let message = message(TOPIC, br#"{"temperature":21.5}"#.to_vec())?;
    // A registry takes no more than that.
    let of_server = arguments.rules.min(TopicRule::OF_SERVER_MAX);
    let few = runtime.block_on(world(1))?;
    let many = runtime.block_on(world(of_server))?;
    let publish = |world: &World| world.publish(&message, Publisher::Api);
    let engine = best_of(arguments.rounds, || publish(&many), || publish(&few));
    let set = search(arguments, &message)?;
    let asked = ask_each(arguments, &message)?;
    let mut rows = vec![row("a publish, of the rules that a server can have", of_server, engine, None)];
    rows.push(row("the search for the rules that match", arguments.rules, set, Some(asked)));
    let header =
        ["a message that matches none", "rules", "ns", "with one rule: ns", "more: ns", "each asked: ns"];
    print_table("What many rules take", &header, rows);
    let more = (engine.0 - engine.1).max(set.0 - set.1);
    println!(
        "\nmany rules against one: at most {more:.0} ns more; the goal is at most {GOAL_NANOS:.0} ns: {}",
        verdict(more <= GOAL_NANOS)
    );

    let none = runtime.block_on(world(0))?;
    let nothing: &dyn PublishObserver = &Nothing;
    let (ours, call) = best_of(
        arguments.rounds,
        || publish(&none),
        || nothing.published(PublishedMessage { message: &message, publisher: Publisher::Api }),
    );
    let row = vec!["a publish".to_owned(), format!("{ours:.1}"), format!("{call:.1}")];
    print_table(
        "What having no rule takes",
        &["without a rule", "ns", "a call that does nothing: ns"],
        vec![row],
    );
    Ok(())
}

fn row(what: &str, rules: usize, (many, one): (f64, f64), asked: Option<f64>) -> Vec<String> {
    let asked = asked.map_or_else(|| "-".to_owned(), |asked| format!("{asked:.0}"));
    let rules = rules.to_string();
    vec![
        what.to_owned(),
        rules,
        format!("{many:.0}"),
        format!("{one:.0}"),
        format!("{:.0}", many - one),
        asked,
    ]
}

async fn world(rules: usize) -> Result<World> {
    let sql = |number| format!("SELECT * FROM '{}' WHERE temperature > 50", filter(number));
    let documents: Vec<_> = (0..rules).map(|number| document(&sql(number))).collect();
    World::new(&documents).await
}

/// How long a search takes among many rules and with one.
fn search(arguments: &Arguments, message: &Message) -> Result<(f64, f64)> {
    let (many, one) = (rule_set(arguments.rules)?, rule_set(1)?);
    ensure!(matches(&many, message) == 0, "a rule matches that should not");
    Ok(best_of(arguments.rounds, || matches(&many, message), || matches(&one, message)))
}

fn matches(rules: &RuleSet<usize>, message: &Message) -> usize {
    let mut count = 0;
    rules.matches(&message.topic, |_, _| count += 1);
    count
}

/// How long it takes to ask each filter by itself, in nanoseconds.
fn ask_each(arguments: &Arguments, message: &Message) -> Result<f64> {
    let filters: Vec<_> =
        (0..arguments.rules).map(|number| TopicFilter::parse(&filter(number))).collect::<Result<_, _>>()?;
    let first = filters.first().context("no rules are to be measured")?;
    let ask = || filters.iter().filter(|filter| filter.matches(&message.topic)).count();
    let (each, _) = best_of(arguments.rounds, ask, || first.matches(&message.topic));
    Ok(each)
}

fn rule_set(rules: usize) -> Result<RuleSet<usize>> {
    let mut set = RuleSet::new();
    for number in 0..rules {
        set.insert(rule_name(number)?, Some(TopicFilter::parse(&filter(number))?), number);
    }
    Ok(set)
}

/// Filters of three kinds, none like another: plain, and with each wildcard.
fn filter(number: usize) -> String {
    match number % 3 {
        0 => format!("fleet/{number}/telemetry"),
        1 => format!("fleet/+/kind-{number}"),
        _ => format!("+/device-{number}/#"),
    }
}

/// Hears of messages and does nothing.
struct Nothing;

#[async_trait]
impl PublishObserver for Nothing {
    fn published(&self, _message: PublishedMessage<'_>) {}

    async fn room(&self) {}

    fn unfinished(&self, _last: EventId) -> Vec<Delivery> {
        Vec::new()
    }

    fn settled(&self, _deliveries: &[DeliveryId], _stored: bool) {}
}
