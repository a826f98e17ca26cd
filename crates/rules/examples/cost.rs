//! What rules cost: `cargo run --release -p landfall-rules --example cost`.
//!
//! It prints the time of each step, and fails where a goal is missed: 5 µs to match and evaluate a rule with a WHERE on the
//! registration event, 1 µs that 10,000 other rules may add to a message that none is for.

#![expect(clippy::print_stdout, reason = "a tool tells people what it found")]
#![expect(clippy::expect_used, reason = "the statements and topics are those of this file")]

use std::error::Error;
use std::hint::black_box;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use landfall_model::{AccountId, ClientId, RuleName, TopicFilter, TopicName, UnixTime};
use landfall_rules::{
    Context, Message, MqttProperties, PAYLOAD_BYTES_MAX, Rule, RuleSet, SqlVersion, TopicRuleDocument,
};
use serde_json::json;

/// The longest that a rule on the registration event may take.
const EVALUATE_MAX: Duration = Duration::from_micros(5);

/// The longest that other rules may add to a message that none is for.
const OTHERS_ADD_MAX: Duration = Duration::from_micros(1);

/// How many other rules there are.
const OTHERS: usize = 10_000;

/// How many rounds are timed; the fastest counts, as the others waited for something else.
const ROUNDS: usize = 25;

const EVENT_TOPIC: &str =
    "$aws/events/certificates/registered/3f1b3b2a4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8";

const EVENT: &str = r#"{
  "certificateId": "5b8f1d0c6a3e4f7d9c2b1a0e8f7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b",
  "caCertificateId": "3f1b3b2a4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8",
  "timestamp": 1542651600000,
  "certificateStatus": "PENDING_ACTIVATION",
  "awsAccountId": "000000000000",
  "certificateRegistrationTimestamp": null,
  "sourceIp": "192.0.2.17"
}"#;

struct World(AccountId);

impl Context for World {
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(1_542_651_600_000)
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }

    fn account_id(&self) -> &AccountId {
        &self.0
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

fn main() -> Result<(), Box<dyn Error>> {
    let world = World(AccountId::parse("000000000000")?);
    let evaluated = registration_event(&world)?;
    let added = others()?;
    worst_cases(&world)?;
    if evaluated > EVALUATE_MAX {
        return Err(format!("a rule on the registration event takes {evaluated:?}").into());
    }
    if added > OTHERS_ADD_MAX {
        return Err(format!("{OTHERS} other rules add {added:?}").into());
    }
    Ok(())
}

/// Matches and evaluates a rule with a WHERE, and one that makes a payload of its own too.
fn registration_event(world: &World) -> Result<Duration, Box<dyn Error>> {
    let topic = TopicName::parse(EVENT_TOPIC)?;
    let mut slowest = Duration::ZERO;
    for sql in [
        "SELECT * FROM '$aws/events/certificates/registered/#' WHERE certificateStatus = \"PENDING_ACTIVATION\"",
        "SELECT certificateId, caCertificateId AS ca, topic(5) AS issuer, timestamp AS at FROM '$aws/events/certificates/registered/+' \
         WHERE certificateStatus = 'PENDING_ACTIVATION' AND startswith(awsAccountId, '000') AND timestamp > 1500000000000",
    ] {
        let function = "arn:aws:lambda:us-east-1:000000000000:function:jitr";
        let document = json!({"sql": sql, "actions": [{"lambda": {"functionArn": function}}]});
        let rule = TopicRuleDocument::parse(&document.to_string())?;
        let mut rules = RuleSet::new();
        rules.insert(RuleName::parse("jitr")?, rule.filter().cloned(), rule);
        let taken = fastest(|| {
            rules.matches(&topic, |_, rule| {
                let message = Message::new(&topic, EVENT.as_bytes()).expect("a short payload");
                let found = rule.evaluate(&message, world).expect("an evaluation");
                let requests = black_box(found).expect("a rule that matches");
                assert!(requests.iter().all(Result::is_ok));
            });
        });
        println!("{taken:>12?}  {sql}, with a lambda action");
        slowest = slowest.max(taken);
    }
    Ok(slowest)
}

/// How much longer it takes to find that no rule matches, with many rules instead of one.
fn others() -> Result<Duration, Box<dyn Error>> {
    let topic = TopicName::parse("plants/7/machines/12345678/state/temperature")?;
    let filter = |rule: usize| TopicFilter::parse(&format!("plants/{rule}/machines/+/state/#"));
    let mut times = Vec::new();
    for count in [1, OTHERS] {
        let mut rules = RuleSet::new();
        // None of the filters is that of the topic's plant.
        for rule in 10..10 + count {
            rules.insert(RuleName::parse(&format!("rule_{rule}"))?, Some(filter(rule)?), rule);
        }
        times.push(fastest(|| rules.matches(&topic, |_, rule| assert!(*rule == 7, "no rule matches"))));
    }
    let [one, many] = times.as_slice() else {
        return Err("two times were taken".into());
    };
    println!("{one:>12?}  no match among 1 rule\n{many:>12?}  no match among {OTHERS} rules");
    Ok(many.saturating_sub(*one))
}

/// What can be made of the limits: statements and payloads that were made to be slow.
fn worst_cases(world: &World) -> Result<(), Box<dyn Error>> {
    let topic = TopicName::parse("a")?;
    // Letters in no order, so that no state of an expression is met twice.
    let mut random = 1_u32;
    let letter = |random: &mut u32| {
        *random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if *random & 0x8000 == 0 { 'a' } else { 'b' }
    };
    let text: String = (0..PAYLOAD_BYTES_MAX - 16).map(|_| letter(&mut random)).collect();
    let items = "0,".repeat(PAYLOAD_BYTES_MAX / 2 - 16);
    for (about, sql, payload) in [
        ("parses a long array", "SELECT * FROM 'a' WHERE b = 1", format!("{{\"a\":[{items}0]}}")),
        (
            "a regular expression in many states",
            "SELECT regexp_matches(a, '[a-z]*[b][a-z]{300}[0-9]')",
            format!("{{\"a\":\"{text}\"}}"),
        ),
        (
            "regular expressions of messages",
            "SET @a = a, @p = p SELECT (SELECT VALUE regexp_matches('x', @p) FROM @a) AS b",
            format!("{{\"p\":\"(a{{9}}){{9}}\",\"a\":[{}0]}}", "0,".repeat(70)),
        ),
        ("MD2", "SELECT md2(a)", format!("{{\"a\":\"{}\"}}", "ab".repeat(PAYLOAD_BYTES_MAX / 2 - 16))),
        (
            "queries of queries",
            "SET @a = a SELECT (SELECT VALUE (SELECT VALUE 1 FROM @a) FROM @a) AS b",
            format!("{{\"a\":[{}0]}}", "0,".repeat(400)),
        ),
    ] {
        let rule = Rule::parse(sql, SqlVersion::default())?;
        let taken = fastest_of(5, || {
            let message = Message::new(&topic, payload.as_bytes()).expect("a payload that fits");
            let _ = black_box(rule.evaluate(&message, world));
        });
        println!("{taken:>12?}  {about}");
    }
    Ok(())
}

/// The time of one call, in the fastest of some rounds.
fn fastest(mut call: impl FnMut()) -> Duration {
    const CALLS: u32 = 2_000;
    fastest_of(ROUNDS, || (0..CALLS).for_each(|_| call())) / CALLS
}

fn fastest_of(rounds: usize, mut round: impl FnMut()) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..rounds {
        #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
        let start = Instant::now();
        round();
        fastest = fastest.min(start.elapsed());
    }
    fastest
}
