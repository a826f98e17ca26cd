use std::sync::{Arc, LazyLock};

use landfall_model::{AttachedThing, ClientId, ThingName, ThingTypeName, TopicFilter, TopicName};
use landfall_policy::{
    Authorizer, ConnectionContext, Decision, Denial, MalformedPolicy, PolicyAction, PolicyDocument, Resource,
};
use serde_json::{Value, json};

/// The parsing of policy documents, and the rule that a denial wins.
///
/// The input is the document. One that is understood is understood in full and the same again, decides the same again and
/// beside itself, is the sum of its statements, and allows nothing once a statement denies everything.
pub fn policy_document(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let document = match PolicyDocument::parse(&text) {
        Ok(document) => document,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(PolicyDocument::parse(&text).ok().as_ref(), Some(&document));
    let value: Value = serde_json::from_str(&text).expect("a policy document is JSON");
    assert_eq!(
        members(&text),
        members(&value.to_string()),
        "of two members with one name, one is passed over"
    );
    let decided = decisions(&[&document]);
    assert_eq!(decided, decisions(&[&document]), "the same questions get other answers");
    assert_eq!(decided, decisions(&[&document, &document]), "a document decides otherwise beside itself");

    let denial = parse(&document_of(vec![deny_all()])).expect("a document");
    for documents in [[&document, &denial], [&denial, &document]] {
        assert!(decisions(&documents).iter().all(|decision| *decision == Decision::Deny(Denial::Explicit)));
    }

    let statements = statements(&value);
    check_sum(&decided, &statements);
    let mut with_denial = statements;
    with_denial.push(deny_all());
    match parse(&document_of(with_denial)) {
        Ok(document) => {
            assert!(decisions(&[&document]).iter().all(|decision| *decision != Decision::Allow));
        }
        // The statement that was added can be the one too many.
        Err(error) => assert!(matches!(error, MalformedPolicy::TooLong { .. }), "{error}"),
    }
}

/// A document allows what one of its statements allows and none denies, in whatever order.
fn check_sum(decided: &[Decision], statements: &[Value]) {
    let alone: Vec<Vec<Decision>> = statements
        .iter()
        .map(|statement| parse(&document_of(vec![statement.clone()])).expect("a statement of a document"))
        .map(|document| decisions(&[&document]))
        .collect();
    for (question, found) in decided.iter().enumerate() {
        let answers = || alone.iter().map(|decisions| decisions[question]);
        let expected = if answers().any(|answer| answer == Decision::Deny(Denial::Explicit)) {
            Decision::Deny(Denial::Explicit)
        } else if answers().any(|answer| answer == Decision::Allow) {
            Decision::Allow
        } else {
            Decision::Deny(Denial::NoStatement)
        };
        assert_eq!(*found, expected, "question {question}");
    }
}

/// How many members the objects of a JSON text have: as many as there are colons outside strings.
fn members(json: &str) -> usize {
    let (mut is_string, mut is_escaped, mut members) = (false, false, 0);
    for character in json.chars() {
        match character {
            '"' if !is_escaped => is_string = !is_string,
            ':' if !is_string => members += 1,
            _ => {}
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    members
}

fn statements(document: &Value) -> Vec<Value> {
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    }
}

fn deny_all() -> Value {
    json!({"Effect": "Deny", "Action": "*", "Resource": "*"})
}

fn document_of(statements: Vec<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn parse(document: &Value) -> Result<PolicyDocument, MalformedPolicy> {
    PolicyDocument::parse(&document.to_string())
}

const ACTIONS: [PolicyAction; 5] = [
    PolicyAction::Connect,
    PolicyAction::Publish,
    PolicyAction::Receive,
    PolicyAction::Subscribe,
    PolicyAction::GetThingShadow,
];

/// What is asked about: names of the corpus, and others.
struct Questions {
    contexts: Vec<ConnectionContext>,
    clients: Vec<ClientId>,
    things: Vec<ThingName>,
    topics: Vec<TopicName>,
    filters: Vec<TopicFilter>,
}

static QUESTIONS: LazyLock<Questions> = LazyLock::new(|| {
    let client = |text: &&str| ClientId::parse(text).expect("a client id");
    let thing = |text: &&str| ThingName::parse(text).expect("a thing name");
    let topic = |text: &&str| TopicName::parse(text).expect("a topic name");
    let filter = |text: &&str| TopicFilter::parse(text).expect("a topic filter");
    let attached = |name: &str, thing_type: Option<&str>| AttachedThing {
        name: thing(&name),
        thing_type: thing_type.map(|text| ThingTypeName::parse(text).expect("a type's name")),
    };
    let context =
        |client_id: &str, things: Vec<AttachedThing>, common_name: Option<&str>| ConnectionContext {
            arn_prefix: "arn:aws:iot:us-east-1:000000000000:".into(),
            client_id: client(&client_id),
            things,
            common_name: common_name.map(Into::into),
        };
    Questions {
        contexts: vec![
            context("thing-1", vec![attached("thing-1", Some("sensor"))], Some("core-1")),
            context("thing-1", vec![attached("thing-2", None)], None),
            context("*", Vec::new(), Some("*")),
        ],
        clients: ["thing-1", "core-1", "*"].iter().map(client).collect(),
        things: ["thing-1", "thing-2"].iter().map(thing).collect(),
        topics: [
            "device/thing-1",
            "device/thing-1/data",
            "device/thing-2/data",
            "$aws/things/core-1-x/y",
            "a",
        ]
        .iter()
        .map(topic)
        .collect(),
        filters: ["device/thing-1/#", "#", "device/+/data", "greengrass/core-1"].iter().map(filter).collect(),
    }
});

/// The answers of these documents to every question.
fn decisions(documents: &[&PolicyDocument]) -> Vec<Decision> {
    let questions = &*QUESTIONS;
    let mut decisions = Vec::new();
    for context in &questions.contexts {
        let documents = documents.iter().map(|document| Arc::new((*document).clone())).collect();
        let authorizer = Authorizer::new(context.clone(), documents);
        for action in ACTIONS {
            let clients = questions.clients.iter().map(Resource::Client);
            let things = questions.things.iter().map(Resource::Thing);
            let topics = questions.topics.iter().map(Resource::Topic);
            let filters = questions.filters.iter().map(Resource::TopicFilter);
            let resources = clients.chain(things).chain(topics).chain(filters);
            decisions.extend(resources.map(|resource| authorizer.decide(action, resource)));
        }
    }
    decisions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_counted_outside_strings() {
        for (json, expected) in
            [("{}", 0), (r#"{"a:b":"c:\":d","e":[":"]}"#, 2), (r#"{"a\\":{"a":1,"a":2}}"#, 3)]
        {
            assert_eq!(members(json), expected, "{json}");
        }
    }

    #[test]
    fn the_corpus_has_documents_that_allow_and_deny() {
        let mut found = Vec::new();
        for data in crate::targets::corpus("policy_document") {
            if let Ok(document) = PolicyDocument::parse(&String::from_utf8_lossy(&data)) {
                found.extend(decisions(&[&document]));
            }
        }
        for expected in
            [Decision::Allow, Decision::Deny(Denial::Explicit), Decision::Deny(Denial::NoStatement)]
        {
            assert!(found.contains(&expected), "{expected:?}");
        }
    }
}
