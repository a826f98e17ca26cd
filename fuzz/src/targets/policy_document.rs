use std::sync::LazyLock;

use landfall_model::{ClientId, ThingName, ThingTypeName, TopicFilter, TopicName};
use landfall_policy::{
    Decision, Denial, MalformedPolicy, PolicyAction, PolicyDocument, PolicyProblem, Resource, lint,
};
use serde_json::{Value, json};

use super::policy_decision::Device;

/// The parsing of policy documents, and the rule that a denial wins.
///
/// The input is the document. One that is understood is understood in full and the same again, decides the same again and
/// beside itself, is the sum of its statements, and allows nothing once a statement denies everything. What is decided is
/// explained with the same answer, and the document can be linted.
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
    assert!(lint(&document).iter().all(|finding| !finding.to_string().is_empty()));
    let value: Value = serde_json::from_str(&text).expect("a policy document is JSON");
    assert_eq!(
        members(&text),
        members(&value.to_string()),
        "of two members with one name, one is passed over"
    );
    let decided = decisions(&[&document]);
    assert_eq!(decided, decisions(&[&document]), "the same questions get other answers");
    assert_eq!(decided, decisions(&[&document, &document]), "a document decides otherwise beside itself");

    let denial = parse(&document_of(vec![deny_all()], None)).expect("a document");
    for documents in [[&document, &denial], [&denial, &document]] {
        assert!(decisions(&documents).iter().all(|decision| *decision == Decision::Deny(Denial::Explicit)));
    }

    let version = value.get("Version").cloned();
    let statements = statements(&value);
    check_sum(&decided, &statements, version.as_ref());
    let mut with_denial = statements;
    with_denial.push(deny_all());
    match parse(&document_of(with_denial, version.as_ref())) {
        Ok(document) => {
            assert!(decisions(&[&document]).iter().all(|decision| *decision != Decision::Allow));
        }
        // The statement that was added can be the one too many.
        Err(error) => assert!(matches!(error.problem, PolicyProblem::TooLong { .. }), "{error}"),
    }
}

/// A document allows what one of its statements allows and none denies, in whatever order.
fn check_sum(decided: &[Decision], statements: &[Value], version: Option<&Value>) {
    let alone: Vec<Vec<Decision>> = statements
        .iter()
        .map(|statement| {
            parse(&document_of(vec![statement.clone()], version)).expect("a statement of a document")
        })
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

/// A document of the version that another names, or names not.
fn document_of(statements: Vec<Value>, version: Option<&Value>) -> Value {
    let mut document = json!({"Statement": statements});
    if let Some(version) = version {
        document["Version"] = version.clone();
    }
    document
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
    devices: Vec<Device>,
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
    let device =
        |client_id: &str, attached: Option<(&str, Option<&str>)>, common_name: Option<&str>| Device {
            client_id: client(&client_id),
            thing: attached.map(|(name, thing_type)| {
                (thing(&name), thing_type.map(|text| ThingTypeName::parse(text).expect("a type's name")))
            }),
            common_name: common_name.map(str::to_owned),
        };
    Questions {
        devices: vec![
            device("thing-1", Some(("thing-1", Some("sensor"))), Some("core-1")),
            device("thing-1", Some(("thing-2", None)), None),
            device("*", None, Some("*")),
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
    for device in &questions.devices {
        let authorizer = device.authorizer(documents.iter().copied().cloned().collect());
        for action in ACTIONS {
            let clients = questions.clients.iter().map(Resource::Client);
            let things = questions.things.iter().map(Resource::Thing);
            let topics = questions.topics.iter().map(Resource::Topic);
            let filters = questions.filters.iter().map(Resource::TopicFilter);
            let resources = clients.chain(things).chain(topics).chain(filters);
            decisions.extend(resources.map(|resource| authorizer.decide(action, resource)));
            let explanation = authorizer.explain(device, action, Resource::All);
            assert_eq!(explanation.decision, authorizer.decide(action, Resource::All), "{explanation}");
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
