//! How long a decision takes, and making what decides.

use anyhow::{Result, ensure};
use landfall_model::TopicName;
use landfall_policy::{Authorizer, Decision, PolicyAction, PolicyDocument, Resource};

use super::device::{Device, PREFIX, document, policy, statements};
use super::naive::NaiveAuthorizer;
use crate::figures::{best_of, print_table, verdict};

/// The most nanoseconds that a decision with ten statements may take.
const GOAL_NANOS: f64 = 1_000.0;

/// How many policies of ten statements a connection with many has.
const POLICIES: usize = 10;

pub(super) fn run(rounds: usize) -> Result<()> {
    let mut rows = Vec::new();
    let mut slowest: f64 = 0.0;
    for (what, denies, topic, expected) in [
        ("the first statement allows it", false, "fleet/thing-00000001/0/a", true),
        ("the last statement allows it", false, "fleet/thing-00000001/9/a", true),
        ("none allows it: another kind", false, "other/thing-00000001/0/a", false),
        ("none allows it: another thing", false, "fleet/thing-00000002/9/a", false),
        ("the last statement denies it", true, "fleet/thing-00000001/9/a", false),
    ] {
        let (ours, peer) = measure_decision(rounds, denies, topic, expected)?;
        slowest = slowest.max(ours);
        rows.push(vec![
            what.to_owned(),
            format!("{ours:.0}"),
            format!("{peer:.0}"),
            format!("{:.1}", peer / ours),
        ]);
    }
    let header = ["decision, ten statements", "ns", "regular expressions: ns", "times faster"];
    print_table("What a decision takes", &header, rows);
    println!(
        "\nslowest: {slowest:.0} ns; the goal is at most {GOAL_NANOS:.0} ns: {}",
        verdict(slowest <= GOAL_NANOS)
    );
    print_making(rounds)
}

/// How long a decision about publishing takes, with ours and with regular expressions.
fn measure_decision(rounds: usize, denies: bool, topic: &str, expected: bool) -> Result<(f64, f64)> {
    let (device, statements) = (Device::new(1), statements("fleet", denies));
    let ours = device.authorizer(&PREFIX.into(), &[policy("fleet", &document(&statements))?]);
    let peer = NaiveAuthorizer::compile(&device, &statements)?;
    let name = TopicName::parse(topic)?;
    ensure!(may_publish(&ours, &name) == expected, "{topic}: ours decides otherwise");
    ensure!(peer.may_publish(topic) == expected, "{topic}: the peer decides otherwise");
    Ok(best_of(rounds, || may_publish(&ours, &name), || peer.may_publish(topic)))
}

fn may_publish(authorizer: &Authorizer, topic: &TopicName) -> bool {
    authorizer.decide(PolicyAction::Publish, Resource::Topic(topic)) == Decision::Allow
}

fn print_making(rounds: usize) -> Result<()> {
    let (device, prefix) = (Device::new(1), PREFIX.into());
    let kinds: Vec<_> = (0..POLICIES).map(|number| statements(&format!("kind-{number}"), false)).collect();
    let texts: Vec<_> = kinds.iter().map(|statements| document(statements)).collect();
    let policies: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| policy(&format!("policy-{number}"), text))
        .collect::<Result<_>>()?;
    let text = texts.first().map(String::as_str).unwrap_or_default();
    let (parse, json) =
        best_of(rounds, || PolicyDocument::parse(text), || serde_json::from_str::<serde_json::Value>(text));
    let mut rows = Vec::new();
    for count in [1, POLICIES] {
        let (some_policies, some_kinds) = (policies.get(..count).unwrap_or_default(), kinds.get(..count));
        let (ours, peer) = best_of(
            rounds,
            || device.authorizer(&prefix, some_policies),
            || {
                let of_kind = |statements: &Vec<_>| NaiveAuthorizer::compile(&device, statements);
                some_kinds.unwrap_or_default().iter().map(of_kind).collect::<Result<Vec<_>>>()
            },
        );
        rows.push(vec![
            format!("{count} of ten statements"),
            format!("{:.1}", ours / 1e3),
            format!("{:.1}", peer / 1e3),
            format!("{:.0}", peer / ours),
        ]);
    }
    print_table(
        "What the rights of a connection take to make",
        &["policies", "µs", "regular expressions: µs", "times faster"],
        rows,
    );
    let characters = text.chars().count();
    println!(
        "\na document of {characters} characters is parsed in {:.1} µs, once for all; its JSON alone in {:.1} µs",
        parse / 1e3,
        json / 1e3
    );
    Ok(())
}
