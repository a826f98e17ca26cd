use std::sync::Arc;

use landfall_model::{AttachedThing, ClientId, ThingName, ThingTypeName, TopicName};
use landfall_policy::{Authorizer, ConnectionContext, Decision, PolicyAction, PolicyDocument, Resource};
use serde_json::json;

use crate::input::lines;

/// What every ARN begins with.
const PREFIX: &str = "arn:aws:iot:us-east-1:000000000000:";

/// The matching of resources, wildcards and variables.
///
/// The lines of the input are a pattern, which follows `topic/`, a topic name, a client id, the common name of the
/// certificate, a thing's name and its type's. A statement with that pattern allows the topic exactly if a naive matcher
/// says so; the value of a variable is compared as it is, and never widens what is allowed.
pub fn policy_decision(data: &[u8]) {
    let question = Question::read(data);
    let Some(topic) = TopicName::parse(&question.topic).ok() else { return };
    let Some(context) = question.context() else { return };
    let resource = format!("{PREFIX}topic/{}", question.pattern);
    let values = values(&context);
    let tokens = tokens(&resource, &values);

    let document = json!({"Statement": {"Effect": "Allow", "Action": "iot:Publish", "Resource": resource}});
    let document = match PolicyDocument::parse(&document.to_string()) {
        Ok(document) => Arc::new(document),
        Err(error) => {
            let is_long = document.to_string().chars().count() > 2_000;
            assert!(is_long || tokens.is_none(), "{resource:?} is understood by one matcher only: {error}");
            return;
        }
    };
    let Some(tokens) = tokens else { panic!("{resource:?} is understood by one matcher only") };

    let arn: Vec<char> = format!("{PREFIX}topic/{topic}").chars().collect();
    let expected = matches_naively(&tokens, &arn);
    let authorizer = Authorizer::new(context, vec![document]);
    let found = authorizer.decide(PolicyAction::Publish, Resource::Topic(&topic));
    assert_eq!(found == Decision::Allow, expected, "{resource:?} and {topic:?} with {values:?}");

    // Whatever else is asked is not what the statement speaks of.
    let receive = authorizer.decide(PolicyAction::Receive, Resource::Topic(&topic));
    assert_ne!(receive, Decision::Allow);
    if !question.pattern.contains(['*', '?']) && expected {
        check_narrow(&question.pattern, &values, &topic);
    }
}

/// A pattern without wildcards allows one topic: itself, with the values in the place of the variables.
fn check_narrow(pattern: &str, values: &[(&str, Option<String>)], topic: &TopicName) {
    let mut literal = pattern.to_owned();
    // A value may look like a variable, so that all are replaced at once, from the left.
    let mut from = 0;
    while let Some(start) = literal[from..].find("${").map(|at| from + at) {
        let Some(end) = literal[start..].find('}').map(|at| start + at) else { break };
        let name = literal[start + 2..end].to_owned();
        let value = values.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        let value = value.and_then(|(_, value)| value.clone()).unwrap_or_default();
        literal.replace_range(start..=end, &value);
        from = start + value.len();
    }
    assert_eq!(literal, topic.as_str(), "a value with a wildcard widens {pattern:?}");
}

struct Question {
    pattern: String,
    topic: String,
    client_id: String,
    common_name: String,
    thing_name: String,
    thing_type: String,
}

impl Question {
    fn read(data: &[u8]) -> Self {
        let mut lines = lines(data, 6).into_iter();
        let mut line = || lines.next().unwrap_or_default();
        Self {
            pattern: line(),
            topic: line(),
            client_id: line(),
            common_name: line(),
            thing_name: line(),
            thing_type: line(),
        }
    }

    fn context(&self) -> Option<ConnectionContext> {
        let attached = |name| AttachedThing { name, thing_type: ThingTypeName::parse(&self.thing_type).ok() };
        Some(ConnectionContext {
            arn_prefix: PREFIX.into(),
            client_id: ClientId::parse(&self.client_id).ok()?,
            things: ThingName::parse(&self.thing_name).ok().map(attached).into_iter().collect(),
            common_name: Some(self.common_name.as_str()).filter(|name| !name.is_empty()).map(Into::into),
        })
    }
}

/// What the variables stand for; the thing is that of the connection only if the client id is its name.
fn values(context: &ConnectionContext) -> [(&'static str, Option<String>); 4] {
    let thing = context.things.iter().find(|thing| thing.name.as_str() == context.client_id.as_str());
    let thing_type = thing.and_then(|thing| thing.thing_type.as_ref());
    [
        ("iot:ClientId", Some(context.client_id.as_str().to_owned())),
        ("iot:Certificate.Subject.CommonName", context.common_name.as_deref().map(str::to_owned)),
        ("iot:Connection.Thing.ThingName", thing.map(|thing| thing.name.as_str().to_owned())),
        ("iot:Connection.Thing.ThingTypeName", thing_type.map(|name| name.as_str().to_owned())),
    ]
}

enum Token {
    AnyText,
    AnyCharacter,
    Character(char),
    /// A variable without a value.
    Nothing,
}

/// The pattern character by character; `None` when it has a variable that is not known or not closed.
fn tokens(pattern: &str, values: &[(&str, Option<String>)]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        if let Some(inside) = rest.strip_prefix("${") {
            let (name, behind) = inside.split_once('}')?;
            let (_, value) = values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            match value {
                Some(value) => tokens.extend(value.chars().map(Token::Character)),
                None => tokens.push(Token::Nothing),
            }
            rest = behind;
            continue;
        }
        tokens.push(match character {
            '*' => Token::AnyText,
            '?' => Token::AnyCharacter,
            other => Token::Character(other),
        });
        rest = &rest[character.len_utf8()..];
    }
    Some(tokens)
}

/// Goes through all that the pattern so far can have matched, one token at a time.
fn matches_naively(tokens: &[Token], text: &[char]) -> bool {
    // Whether the tokens so far match the first `n` characters.
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for token in tokens {
        let mut next = vec![false; text.len() + 1];
        for end in 0..=text.len() {
            let before = end.checked_sub(1);
            next[end] = match token {
                Token::AnyText => ends[end] || before.is_some_and(|before| next[before]),
                Token::AnyCharacter => before.is_some_and(|before| ends[before]),
                Token::Character(character) => {
                    before.is_some_and(|before| ends[before] && text[before] == *character)
                }
                Token::Nothing => false,
            };
        }
        ends = next;
    }
    ends[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_naive_matcher_knows_wildcards_and_variables() {
        for (pattern, text, expected) in [
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("*", "", true),
            ("?", "", false),
            ("?", "ü", true),
            ("${iot:ClientId}", "x*", true),
            ("${IOT:clientid}", "xy", false),
            ("*${iot:Certificate.Subject.CommonName}", "x", false),
        ] {
            let values =
                [("iot:ClientId", Some("x*".to_owned())), ("iot:Certificate.Subject.CommonName", None)];
            let tokens = tokens(pattern, &values).unwrap();
            assert_eq!(
                matches_naively(&tokens, &text.chars().collect::<Vec<_>>()),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(tokens("${x}", &[]).is_none() && tokens("${iot:ClientId", &[]).is_none());
    }

    #[test]
    fn the_corpus_has_topics_that_are_allowed_and_topics_that_are_not() {
        let mut found = Vec::new();
        for data in crate::targets::corpus("policy_decision") {
            let question = Question::read(&data);
            let values = values(&question.context().unwrap());
            if let Some(tokens) = tokens(&question.pattern, &values) {
                found.push(matches_naively(&tokens, &question.topic.chars().collect::<Vec<_>>()));
            }
        }
        assert!(found.contains(&true) && found.contains(&false));
    }
}
