use std::borrow::Cow;
use std::sync::Arc;

use landfall_model::{ClientId, PolicyName, ThingName, ThingTypeName, TopicName, UnixTime};
use landfall_policy::{
    Authorizer, CertificateParty, Decision, Fact, Facts, NamePart, NamedPolicy, PolicyAction, PolicyDocument,
    PolicyProblem, Resource,
};
use serde_json::json;

use crate::input::lines;

/// What every ARN begins with.
pub(super) const PREFIX: &str = "arn:aws:iot:us-east-1:000000000000:";

/// The characters with which a value of a certificate is not put in.
const WILDCARDS: [char; 5] = ['*', '$', '+', '?', '#'];

/// The matching of resources, wildcards and variables.
///
/// The lines of the input are a pattern, which follows `topic/`, a topic name, a client id, the common name of the
/// certificate, a thing's name and its type's. A statement with that pattern allows the topic exactly if a naive matcher
/// says so, under `NotResource` exactly if it does not; the value of a variable is compared as it is, and never widens what
/// is allowed.
pub fn policy_decision(data: &[u8]) {
    let question = Question::read(data);
    let Some(topic) = TopicName::parse(&question.topic).ok() else { return };
    let Some(device) = question.device() else { return };
    let resource = format!("{PREFIX}topic/{}", question.pattern);
    let values = values(&device);
    let tokens = tokens(&resource, &values);

    let authorizer = |element: &str| {
        let statement = json!({"Effect": "Allow", "Action": "iot:Publish", element: resource});
        let document = json!({"Version": "2012-10-17", "Statement": statement});
        PolicyDocument::parse(&document.to_string()).map(|document| device.authorizer(vec![document]))
    };
    let (including, excluding) = match (authorizer("Resource"), authorizer("NotResource")) {
        (Ok(including), Ok(excluding)) => (including, excluding),
        (Err(error), _) | (_, Err(error)) => {
            let is_long = matches!(error.problem, PolicyProblem::TooLong { .. });
            assert!(is_long || tokens.is_none(), "{resource:?} is understood by one matcher only: {error}");
            return;
        }
    };
    let Some(tokens) = tokens else { panic!("{resource:?} is understood by one matcher only") };

    let arn: Vec<char> = format!("{PREFIX}topic/{topic}").chars().collect();
    let expected = matches_naively(&tokens, &arn);
    let decide = |authorizer: &Authorizer| authorizer.decide(PolicyAction::Publish, Resource::Topic(&topic));
    let found = decide(&including);
    assert_eq!(found == Decision::Allow, expected, "{resource:?} and {topic:?} with {values:?}");
    let is_known = !tokens.iter().any(|token| matches!(token, Token::Nothing));
    assert_eq!(decide(&excluding) == Decision::Allow, is_known && !expected, "{resource:?} and {topic:?}");

    // Whatever else is asked is not what the statement speaks of.
    let receive = including.decide(PolicyAction::Receive, Resource::Topic(&topic));
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
        let value = match &*name {
            "$" => "$".to_owned(),
            _ => value.and_then(|(_, value)| value.clone()).unwrap_or_default(),
        };
        literal.replace_range(start..=end, &value);
        from = start + value.len();
    }
    assert_eq!(literal, topic.as_str(), "a value with a wildcard widens {pattern:?}");
}

/// A device and what is known about it.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) client_id: ClientId,
    /// The thing that the certificate is attached to, and its type.
    pub(super) thing: Option<(ThingName, Option<ThingTypeName>)>,
    pub(super) common_name: Option<String>,
}

impl Device {
    pub(super) fn authorizer(&self, documents: Vec<PolicyDocument>) -> Authorizer {
        let name = PolicyName::parse("policy").expect("a policy's name");
        let policy = |document| Arc::new(NamedPolicy { name: name.clone(), document });
        Authorizer::compile(PREFIX.into(), self, documents.into_iter().map(policy).collect())
    }

    /// The thing that the connection is of: only if the client id is its name.
    fn own_thing(&self) -> Option<&(ThingName, Option<ThingTypeName>)> {
        self.thing.as_ref().filter(|(name, _)| name.as_str() == self.client_id.as_str())
    }
}

impl Facts for Device {
    fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>> {
        let value = match fact {
            Fact::ClientId => Some(self.client_id.as_str()),
            Fact::CertificateName(CertificateParty::Subject, NamePart::CommonName) => {
                self.common_name.as_deref()
            }
            Fact::ThingName => self.own_thing().map(|(name, _)| name.as_str()),
            Fact::ThingTypeName => self.own_thing().and_then(|(_, name)| Some(name.as_ref()?.as_str())),
            Fact::ThingIsAttached => self.own_thing().map(|_| "true"),
            Fact::CurrentTime
            | Fact::EpochTime
            | Fact::SecureTransport
            | Fact::SourceIp
            | Fact::SourceVpc
            | Fact::SourceVpce
            | Fact::VpcSourceIp
            | Fact::DomainName
            | Fact::Protocol
            | Fact::ConnectAttributes
            | Fact::LastWillTopic
            | Fact::ThingAttribute(_)
            | Fact::CertificateId
            | Fact::CertificateSerialNumber
            | Fact::CertificateAvailableKeys
            | Fact::CertificateName(..)
            | Fact::AlternativeName(..) => None,
        };
        value.map(Cow::Borrowed).into_iter().collect()
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_secs(1_800_000_000)
    }
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

    fn device(&self) -> Option<Device> {
        let thing = |name| (name, ThingTypeName::parse(&self.thing_type).ok());
        Some(Device {
            client_id: ClientId::parse(&self.client_id).ok()?,
            thing: ThingName::parse(&self.thing_name).ok().map(thing),
            common_name: Some(self.common_name.clone()).filter(|name| !name.is_empty()),
        })
    }
}

/// What the variables stand for where they allow: a name of a certificate has its special characters behind a backslash, and
/// counts only without wildcards and with at most 1,024 characters.
fn values(device: &Device) -> [(&'static str, Option<String>); 6] {
    let escape = |name: &String| {
        let escaped = name.chars().map(|c| match c {
            ',' | '"' | '\\' | '+' | '=' | '<' | '>' | ';' => format!("\\{c}"),
            plain => plain.to_string(),
        });
        escaped.collect::<String>()
    };
    let is_put_in = |name: &String| !name.contains(WILDCARDS) && name.chars().count() <= 1_024;
    let common_name = device.common_name.as_ref().map(escape).filter(is_put_in);
    let thing = device.own_thing();
    let thing_type = thing.and_then(|(_, thing_type)| thing_type.as_ref());
    [
        ("iot:ClientId", Some(device.client_id.to_string())),
        ("iot:Certificate.Subject.CommonName", common_name.clone()),
        ("iot:Certificate.Subject.CommonName.0", common_name),
        ("iot:Connection.Thing.IsAttached", Some(thing.is_some().to_string())),
        ("iot:Connection.Thing.ThingName", thing.map(|(name, _)| name.to_string())),
        ("iot:Connection.Thing.ThingTypeName", thing_type.map(ToString::to_string)),
    ]
}

enum Token {
    AnyText,
    AnyCharacter,
    Character(char),
    /// A variable without a value.
    Nothing,
}

/// The pattern character by character; `None` when it has a `${` that is not a variable.
fn tokens(pattern: &str, values: &[(&str, Option<String>)]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        if let Some(inside) = rest.strip_prefix("${") {
            let (name, behind) = inside.split_once('}')?;
            let value = values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            match (name, value) {
                ("*" | "?" | "$", _) => tokens.extend(name.chars().map(Token::Character)),
                ("", _) => return None,
                _ if name.contains(['$', '{']) => return None,
                (_, Some((_, Some(value)))) => tokens.extend(value.chars().map(Token::Character)),
                // None of the others has a value here.
                (_, Some((_, None)) | None) => tokens.push(Token::Nothing),
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
            ("*${iot:Moon}", "x", false),
            ("${*}${$}", "*$", true),
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
        assert!(tokens("${}", &[]).is_none() && tokens("${iot:ClientId", &[]).is_none());
    }

    #[test]
    fn the_corpus_has_topics_that_are_allowed_and_topics_that_are_not() {
        let mut found = Vec::new();
        for data in crate::targets::corpus("policy_decision") {
            let question = Question::read(&data);
            let values = values(&question.device().unwrap());
            if let Some(tokens) = tokens(&question.pattern, &values) {
                found.push(matches_naively(&tokens, &question.topic.chars().collect::<Vec<_>>()));
            }
        }
        assert!(found.contains(&true) && found.contains(&false));
    }
}
