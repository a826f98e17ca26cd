use landfall_model::{RuleName, TopicName};
use landfall_rules::{
    ACTIONS_MAX, ActionFailure, ActionProblem, ActionRequest, CompiledRule, DOCUMENT_BYTES_MAX, ErrorRequest,
    EvaluationError, InvalidTopicRule, Message, PAYLOAD_BYTES_MAX, Rule, TopicRuleDocument,
};
use serde_json::{Value, json};

use super::rule_sql::{World, split};

/// The parsing of topic rules with their actions, and what these ask for.
///
/// The input is the JSON of the rule, a null byte, and the payload of a message. A rule that is understood is understood in
/// full: it has the actions of the text and no member that nobody knows. It asks for the same each time; what it asks for is
/// the same after it was stored; and whatever the payload says, the program is that of the rule and the URL begins as the
/// rule has it. The error action can be told of each failure.
pub fn topic_rule(data: &[u8]) {
    let (text, payload) = split(data);
    let rule = match TopicRuleDocument::parse(&text) {
        Ok(rule) => rule,
        Err(error) => return check_error(&error, &text),
    };
    let document: Value = serde_json::from_str(&text).expect("a topic rule is JSON");
    check_document(&rule, &document);
    let world = World::new();
    let topic = TopicName::parse("topic/subtopic").expect("a topic");
    let Ok(message) = Message::new(&topic, payload) else {
        assert!(payload.len() > PAYLOAD_BYTES_MAX);
        return;
    };
    let found = rule.evaluate(&message, &world);
    assert_eq!(found, rule.evaluate(&message, &world), "the same message asks for something else");
    let name = RuleName::parse("rule").expect("a name");
    let failures = failures(&name, &found);
    if let Ok(Some(requests)) = found {
        assert_eq!(requests.len(), rule.actions().len());
        for (at, request) in requests.iter().enumerate() {
            let action = &document["actions"][at];
            match request {
                Ok(request) => check_request(request, action),
                Err(problem) => check_problem(problem, &format!("actions[{at}]")),
            }
        }
    }
    match rule.error_request(&name, &message, &world) {
        None => assert!(rule.error_action().is_none()),
        Some(Err(problem)) => check_problem(&problem, "errorAction"),
        Some(Ok(request)) => check_error_request(&request, &failures, &document["errorAction"]),
    }
}

fn check_error(error: &InvalidTopicRule, text: &str) {
    assert!(!error.to_string().is_empty());
    if let InvalidTopicRule::TooLong { bytes } = error {
        assert!(*bytes == text.len() && *bytes > DOCUMENT_BYTES_MAX);
    }
    let InvalidTopicRule::Sql(error) = error else { return };
    let document: Value = serde_json::from_str(text).expect("a rule with SQL at fault is JSON");
    let sql = document["sql"].as_str().expect("a rule with SQL at fault has SQL");
    assert!(error.caret(sql).ends_with('^'));
    assert_eq!(Rule::parse(sql, landfall_rules::SqlVersion::default()).err().as_ref(), Some(error));
}

/// The rule has what its text says, and a member with a typing mistake would be refused wherever it stood.
fn check_document(rule: &CompiledRule, document: &Value) {
    let count = document["actions"].as_array().map(Vec::len);
    assert!(count == Some(rule.actions().len()) && rule.actions().len() <= ACTIONS_MAX);
    assert_eq!(document["errorAction"].is_null(), rule.error_action().is_none());
    for (at, action) in rule.actions().iter().enumerate() {
        let object = &document["actions"][at];
        assert_eq!(action.path(), format!("actions[{at}].{}", action.kind()));
        assert!(object[action.kind().as_str()].is_object());
    }
    let mut places: Vec<String> = vec![String::new()];
    for (at, action) in rule.actions().iter().enumerate() {
        places.push(format!("/actions/{at}"));
        places.push(format!("/actions/{at}/{}", action.kind()));
    }
    for place in places {
        let mut wrong = document.clone();
        wrong.pointer_mut(&place).expect("a place in the rule")["unheardOf"] = json!(1);
        let text = wrong.to_string();
        // The text can be too long now.
        assert!(TopicRuleDocument::parse(&text).is_err(), "{place}");
    }
}

fn check_request(request: &ActionRequest, action: &Value) {
    let stored = request.to_json();
    assert_eq!(ActionRequest::from_json(&stored).as_ref(), Ok(request), "{stored}");
    let parameters = &action[request.kind()];
    match request {
        ActionRequest::Exec { program, arguments, .. } => {
            let command = parameters["command"].as_array().expect("a command");
            assert_eq!(command[0], json!(program));
            assert_eq!(command.len(), arguments.len() + 1);
        }
        ActionRequest::Http { url, confirmation_url, headers, .. } => {
            assert!(url.get(confirmation_url.len()..).is_some());
            let is_whole = |text: &str| !text.contains(['\r', '\n', '\0']);
            assert!(is_whole(url));
            assert!(headers.iter().all(|(name, value)| is_whole(name) && is_whole(value)));
        }
        ActionRequest::Republish { topic, .. } => {
            let text = parameters["topic"].as_str().expect("a topic");
            assert!(!topic.as_str().starts_with('$') || text.starts_with("$$"), "{topic}");
        }
        ActionRequest::Lambda { payload, .. } => {
            let text = payload.as_text().expect("an event is text");
            // A number that no double can hold is JSON, and none for serde_json.
            let read = serde_json::from_str::<serde::de::IgnoredAny>(text);
            assert!(read.is_ok(), "{read:?}: {text}");
        }
        ActionRequest::CloudwatchMetric { value, .. } => assert!(value.is_finite()),
        ActionRequest::Sqs { body, .. } => assert!(!body.is_empty()),
        ActionRequest::DynamoDb { .. } | ActionRequest::DynamoDbV2 { .. } => {}
    }
}

fn check_problem(problem: &ActionProblem, place: &str) {
    assert!(problem.member().starts_with(place), "{problem}");
    assert!(!problem.to_string().is_empty());
}

type Found = Result<Option<Vec<Result<ActionRequest, ActionProblem>>>, EvaluationError>;

/// What an error action would be told, if everything failed.
fn failures(name: &RuleName, found: &Found) -> Vec<ActionFailure> {
    match found {
        Ok(requests) => {
            let failure = |request: &Result<ActionRequest, ActionProblem>| match request {
                Ok(request) => ActionFailure::of_request(request, "it failed"),
                Err(problem) => problem.into(),
            };
            requests.iter().flatten().map(failure).collect()
        }
        Err(error) => vec![ActionFailure::of_rule(name, error.to_string())],
    }
}

fn check_error_request(request: &ErrorRequest, failures: &[ActionFailure], action: &Value) {
    assert_eq!(ErrorRequest::from_json(&request.to_json()).as_ref(), Ok(request));
    match request.with_failures(failures) {
        Ok(request) => check_request(&request, action),
        Err(problem) => check_problem(&problem, "errorAction"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use landfall_rules::ActionKind;

    use super::*;

    #[test]
    fn the_corpus_has_every_action_and_rules_that_are_refused() {
        let topic = TopicName::parse("topic/subtopic").unwrap();
        let (mut asked, mut told, mut refused, mut problems) = (BTreeSet::new(), 0, 0, 0);
        for data in crate::targets::corpus("topic_rule") {
            let (text, payload) = split(&data);
            let Ok(rule) = TopicRuleDocument::parse(&text) else {
                refused += 1;
                continue;
            };
            let message = Message::new(&topic, payload).unwrap();
            for request in rule.evaluate(&message, &World::new()).unwrap().into_iter().flatten() {
                match request {
                    Ok(request) => _ = asked.insert(request.action()),
                    Err(_) => problems += 1,
                }
            }
            let name = RuleName::parse("rule").unwrap();
            told += usize::from(matches!(rule.error_request(&name, &message, &World::new()), Some(Ok(_))));
        }
        assert_eq!(asked, BTreeSet::from(ActionKind::ALL));
        assert!(told > 1 && refused > 2 && problems > 2, "{told} {refused} {problems}");
    }
}
