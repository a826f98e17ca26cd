//! What decisions cost: `cargo run --release -p landfall-policy --example policy_bench`.
//!
//! Times are the best of several rounds. The memory is that of 50,000 connections with ten policies each, as the system
//! counts it.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and prints"
)]
#![expect(clippy::expect_used, reason = "a benchmark ends at a fault")]

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use landfall_model::{PolicyName, TopicName, UnixTime};
use landfall_policy::{
    Authorizer, Decision, Fact, Facts, NamedPolicy, PolicyAction, PolicyDocument, Resource,
};

const PREFIX: &str = "arn:aws:iot:us-east-1:000000000000:";
const CONNECTIONS: usize = 50_000;
const POLICIES: usize = 10;

struct Device(String);

impl Facts for Device {
    fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>> {
        let is_name = matches!(fact, Fact::ClientId | Fact::ThingName);
        let value =
            if is_name { Some(&*self.0) } else { Some("true").filter(|_| *fact == Fact::ThingIsAttached) };
        value.map(Cow::Borrowed).into_iter().collect()
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_secs(0)
    }
}

/// A document of ten statements about publishing, of which the last one decides.
fn ten_statements() -> PolicyDocument {
    let statement = |place: u32| {
        let effect = if place.is_multiple_of(3) { "Deny" } else { "Allow" };
        format!(
            r#"{{"Effect":"{effect}","Action":"iot:Publish","Resource":"{PREFIX}topic/{place}/*/${{iot:ClientId}}/*"}}"#
        )
    };
    let mut statements: Vec<_> = (0..9).map(statement).collect();
    statements.push(format!(
        r#"{{"Effect":"Allow","Action":"iot:*","Resource":"{PREFIX}topic/device/${{iot:Connection.Thing.ThingName}}/*","Condition":{{"Bool":{{"iot:Connection.Thing.IsAttached":"true"}}}}}}"#
    ));
    parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(",")))
}

fn parse(text: &str) -> PolicyDocument {
    PolicyDocument::parse(text).expect("a document")
}

fn named(place: usize, document: PolicyDocument) -> Arc<NamedPolicy> {
    let name = PolicyName::parse(&format!("policy-{place}")).expect("a name");
    Arc::new(NamedPolicy { name, document })
}

/// The shortest time of one call, of ten rounds.
fn best(calls: u32, mut call: impl FnMut()) -> Duration {
    let rounds = (0..10).map(|_| {
        let began = Instant::now();
        (0..calls).for_each(|_| call());
        began.elapsed() / calls
    });
    rounds.min().unwrap_or_default()
}

/// Prints what patterns cost that are made to be slow, and how that grows with the pattern, and with pattern and text.
fn print_slow_patterns(device: &Device) {
    let time = |pattern: String, topic: usize| {
        let characters = pattern.len();
        let document = parse(&format!(
            r#"{{"Statement":{{"Effect":"Allow","Action":"iot:*","Resource":"{pattern}"}}}}"#
        ));
        let authorizer = Authorizer::compile(PREFIX.into(), device, vec![named(1, document)]);
        // As an ARN, because a topic has at most 256 bytes.
        let text = format!("{PREFIX}topic/{}", "a".repeat(topic));
        let decision = best(1_000, || {
            black_box(authorizer.decide(PolicyAction::Publish, black_box(Resource::Arn(&text))));
        });
        (characters, decision)
    };
    for (written, part, most) in
        [("*?a…", "*?a", 600), ("*???…b*", "?", 1_900), ("*a???…b*", "?", 1_900), ("*a?a?…b*", "a?", 950)]
    {
        let pattern = |times: usize| match written {
            "*a???…b*" => format!("*a{}b*", part.repeat(times)),
            _ => format!("*{}b*", part.repeat(times)),
        };
        for times in [16, 32, 64, 128, 256, most] {
            let (characters, decision) = time(pattern(times), 256);
            println!("decision, {written} of {characters} characters, a topic of 256: {decision:?}");
        }
        for times in [125, 250, 500] {
            let (characters, decision) = time(pattern(times), 8 * times);
            println!("decision, {written} of {characters} characters, a text of {}: {decision:?}", 8 * times);
        }
    }
}

/// Bytes of the process that are in memory; none where the system does not tell.
fn resident_bytes() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split(' ').nth(1)?.parse::<usize>().ok()? * 4_096)
}

fn main() {
    let device = Device("thing-1".to_owned());
    let policy = named(0, ten_statements());
    let authorizer = Authorizer::compile(PREFIX.into(), &device, vec![Arc::clone(&policy)]);
    let topic = TopicName::parse("device/thing-1/sensors/temperature/celsius").expect("a topic");
    let resource = Resource::Topic(&topic);
    assert_eq!(
        authorizer.decide(PolicyAction::Publish, resource),
        Decision::Allow,
        "the last statement allows it"
    );
    let decision = best(100_000, || {
        black_box(authorizer.decide(black_box(PolicyAction::Publish), black_box(resource)));
    });
    println!("decision, ten statements: {decision:?}");

    print_slow_patterns(&device);

    let policies: Vec<_> = (0..POLICIES).map(|place| named(place, ten_statements())).collect();
    let prefix: Arc<str> = PREFIX.into();
    let compile = best(1_000, || {
        black_box(Authorizer::compile(Arc::clone(&prefix), &device, policies.clone()));
    });
    println!("compile, ten policies of ten statements: {compile:?}");

    let before = resident_bytes();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|place| Device(format!("thing-{place}")))
        .map(|device| Authorizer::compile(Arc::clone(&prefix), &device, policies.clone()))
        .collect();
    let after = resident_bytes();
    if let (Some(before), Some(after)) = (before, after) {
        let bytes = after.saturating_sub(before);
        println!(
            "{} connections, ten policies each: {} MiB, {} bytes each",
            connections.len(),
            bytes >> 20,
            bytes / CONNECTIONS
        );
    }
}
