use std::net::{IpAddr, Ipv4Addr};

use landfall_model::{AccountId, ClientId, RuleName, TopicName, UnixTime};
use landfall_rules::{
    Context, EvaluationError, Message, MqttProperties, OUTPUT_BYTES_MAX, PAYLOAD_BYTES_MAX, PayloadFormat,
    PayloadKind, Rule, RuleSet, SqlParseError, SqlVersion, Template,
};
use serde::de::IgnoredAny;

/// The topics that messages are published to.
const TOPICS: [&str; 3] = ["a", "topic/subtopic", "$aws/events/certificates/registered/1"];

/// The parsing, matching and evaluation of a rule's SQL.
///
/// The input is the statement, a null byte, and the payload of a message. A statement that is refused is refused at a place
/// in it. One that is understood is understood again, with space around it too; it is found for the topics of its filter and
/// for no others; and it gives the same each time: JSON where it says so, and never more than is allowed.
pub fn rule_sql(data: &[u8]) {
    let (sql, payload) = split(data);
    let rule = match Rule::parse(&sql, SqlVersion::default()) {
        Ok(rule) => rule,
        Err(error) => return check_error(&error, &sql),
    };
    let spaced = format!(" \n\t{sql}\r\n ");
    let again = match Rule::parse(&spaced, SqlVersion::default()) {
        Ok(again) => again,
        // The space can be too much.
        Err(error) => return check_error(&error, &spaced),
    };
    assert_eq!(rule.filter(), again.filter());
    assert_eq!(rule.warnings().len(), again.warnings().len());
    check_matching(&rule);
    let world = World::new();
    let topic = TopicName::parse(TOPICS[1]).expect("a topic");
    let Ok(message) = Message::new(&topic, payload) else {
        assert!(payload.len() > PAYLOAD_BYTES_MAX);
        return;
    };
    let found = result(&rule, &message, &world);
    assert_eq!(found, result(&rule, &message, &world), "the same message gives something else");
    assert_eq!(found, result(&again, &message, &world), "space gives something else");
    if let Ok(Some((payload, kind))) = found {
        check_payload(&payload, kind);
    }
}

/// The statement or the template of an input, and the payload.
pub(super) fn split(data: &[u8]) -> (String, &[u8]) {
    let (text, payload) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &b"{}"[..]),
    };
    (String::from_utf8_lossy(text).into_owned(), payload)
}

pub(super) fn check_error(error: &SqlParseError, text: &str) {
    let byte = error.position.byte;
    assert!(text.is_char_boundary(byte), "byte {byte} is no place in {text:?}");
    let line = text.get(..byte).map(|before| before.matches('\n').count() + 1);
    assert_eq!(line, Some(error.position.line));
    assert!(!error.to_string().is_empty());
    assert!(error.caret(text).ends_with('^'));
}

fn check_matching(rule: &Rule) {
    let mut rules = RuleSet::new();
    rules.insert(RuleName::parse("rule").expect("a name"), rule.filter().cloned(), ());
    for topic in TOPICS {
        let topic = TopicName::parse(topic).expect("a topic");
        let mut found = 0;
        rules.matches(&topic, |_, ()| found += 1);
        let expected = rule.filter().is_some_and(|filter| filter.matches(&topic));
        assert_eq!(found, usize::from(expected), "{topic}");
    }
}

type Found = Result<Option<(Vec<u8>, PayloadKind)>, EvaluationError>;

fn result(rule: &Rule, message: &Message<'_>, world: &World) -> Found {
    let found = rule.evaluate(message, world)?;
    if let Some(found) = &found {
        // Templates of the rule can use its variables, whatever these are.
        let template = Template::parse_for("${topic(1)}", rule).expect("a template");
        assert_eq!(template.evaluate(message, world, &found.variables).as_deref(), Ok("topic"));
    }
    Ok(found.map(|found| (found.payload.into_owned(), found.kind)))
}

fn check_payload(payload: &[u8], kind: PayloadKind) {
    match kind {
        PayloadKind::Json => {
            assert!(payload.len() <= OUTPUT_BYTES_MAX);
            let read = serde_json::from_slice::<IgnoredAny>(payload);
            assert!(read.is_ok(), "{read:?}: {}", payload.escape_ascii());
        }
        PayloadKind::Bytes => assert!(payload.len() <= PAYLOAD_BYTES_MAX),
    }
}

/// A world that stands still.
pub(super) struct World {
    account: AccountId,
    client: ClientId,
    properties: MqttProperties,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            account: AccountId::parse("123456789012").expect("an account"),
            client: ClientId::parse("client-1").expect("a client id"),
            properties: MqttProperties {
                payload_format: Some(PayloadFormat::Unspecified),
                content_type: Some("text".to_owned()),
                response_topic: Some("answers".to_owned()),
                correlation_data: Some(vec![0, 255]),
                user_properties: vec![("k".to_owned(), "v".to_owned()), ("k".to_owned(), "w".to_owned())],
            },
        }
    }
}

impl Context for World {
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(1_481_825_251_155)
    }

    fn random(&self) -> [u8; 16] {
        [0xa5; 16]
    }

    fn account_id(&self) -> &AccountId {
        &self.account
    }

    fn client_id(&self) -> Option<&ClientId> {
        Some(&self.client)
    }

    fn principal(&self) -> Option<String> {
        Some("principal".to_owned())
    }

    fn trace_id(&self) -> Option<String> {
        None
    }

    fn source_ip(&self) -> Option<IpAddr> {
        Some(Ipv4Addr::LOCALHOST.into())
    }

    fn mqtt_properties(&self) -> Option<&MqttProperties> {
        Some(&self.properties)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_rules_that_match_that_do_not_and_that_are_none() {
        let (mut matched, mut unmatched, mut refused) = (0, 0, 0);
        let topic = TopicName::parse(TOPICS[1]).unwrap();
        for data in crate::targets::corpus("rule_sql") {
            let (sql, payload) = split(&data);
            let message = Message::new(&topic, payload).unwrap();
            match Rule::parse(&sql, SqlVersion::default()) {
                Err(_) => refused += 1,
                Ok(rule) => match result(&rule, &message, &World::new()).unwrap() {
                    Some(_) => matched += 1,
                    None => unmatched += 1,
                },
            }
        }
        assert!(matched > 5 && unmatched > 0 && refused > 0, "{matched} {unmatched} {refused}");
    }
}
