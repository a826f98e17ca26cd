//! Nothing that a client, a certificate or the writer of a document can put in widens a right, or takes long.

use landfall_policy::{
    DOCUMENT_LENGTH_MAX, Decision, Denial, PolicyAction, PolicyDocument, PolicyProblem, Resource, lint,
};
use proptest::prelude::*;
use serde_json::json;

use crate::connection::{Connection, PREFIX};

const CLIENT: &str = "${iot:ClientId}";
const NAME: &str = "${iot:Certificate.Subject.CommonName}";

fn document(effect: &str, element: &str, resource: &str) -> String {
    let everything = json!({"Effect": "Allow", "Action": "iot:Publish", "Resource": "*"});
    let statement =
        json!({"Effect": effect, "Action": "iot:Publish", element: format!("{PREFIX}topic/{resource}")});
    let statements = if effect == "Allow" { vec![statement] } else { vec![everything, statement] };
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn decide(connection: &Connection, document: &str, topic: &str) -> Decision {
    let arn = format!("{PREFIX}topic/{topic}");
    connection.authorizer(&[document]).decide_arn(PolicyAction::Publish, &arn)
}

/// A text in a document as the characters that it is.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| if matches!(c, '*' | '?' | '$') { format!("${{{c}}}") } else { c.to_string() })
        .collect()
}

const HOSTILE: &str = r"[a*?+#/${}:]{1,8}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    /// A client id means in a resource what its characters mean when they are written there one by one.
    #[test]
    fn a_client_id_is_compared_as_it_is(
        hostile in HOSTILE,
        topic in r"[a*?+#/${}:]{0,10}",
        around in prop::sample::select(vec!["", "a", "*", "?", "/*", "*/"]),
        effect in prop::sample::select(vec!["Allow", "Deny"]),
        element in prop::sample::select(vec!["Resource", "NotResource"]),
    ) {
        let connection = Connection::of(&hostile);
        let with = |value: &str| document(effect, element, &format!("{around}{value}{around}"));
        let topics = [topic, hostile.clone(), format!("a{hostile}/a"), format!("{around}{hostile}{around}")];
        for topic in topics {
            prop_assert_eq!(
                decide(&connection, &with(CLIENT), &topic),
                decide(&connection, &with(&escaped(&hostile)), &topic),
                "{}", topic
            );
        }
    }

    /// A name in a certificate gives no right that its characters do not give, and lifts no denial.
    #[test]
    fn a_name_in_a_certificate_never_widens_a_right(
        hostile in HOSTILE,
        topic in r"[a*?+#/${}:]{0,10}",
        effect in prop::sample::select(vec!["Allow", "Deny"]),
        element in prop::sample::select(vec!["Resource", "NotResource"]),
    ) {
        let connection = Connection::of("c").with_common_name(&hostile);
        // A plus sign of a certificate stands behind a backslash.
        let hostile = hostile.replace('+', r"\+");
        for topic in [topic, hostile.clone(), format!("a/{hostile}")] {
            let found = decide(&connection, &document(effect, element, &format!("*{NAME}")), &topic);
            let literal = decide(&connection, &document(effect, element, &format!("*{}", escaped(&hostile))), &topic);
            prop_assert!(found != Decision::Allow || literal == Decision::Allow, "{} {:?} {:?}", topic, found, literal);
        }
    }

    /// The same for conditions: a value is compared, whichever side it stands on.
    #[test]
    fn a_value_in_a_condition_is_compared_as_it_is(
        hostile in HOSTILE,
        key in r"[a*?+#/${}:]{1,8}",
        operator in prop::sample::select(vec!["StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase"]),
        effect in prop::sample::select(vec!["Allow", "Deny"]),
    ) {
        let connection = Connection::of(&hostile);
        let with = |operand: &str| json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "iot:Receive", "Resource": "*"},
            {"Effect": effect, "Action": "iot:*", "Resource": "*", "Condition": {operator: {"iot:ClientId": operand}}},
        ]}).to_string();
        let agrees = |operand: &str| {
            let decision = connection.authorizer(&[&with(operand)]).decide(PolicyAction::Receive, Resource::All);
            let other = connection.authorizer(&[&with(operand)]).decide(PolicyAction::Publish, Resource::All);
            (decision, other)
        };
        prop_assert_eq!(agrees(CLIENT), agrees(&escaped(&hostile)));
        // A pattern of plain characters agrees with exactly its own text.
        let plain = agrees(&escaped(&key));
        let same = if operator == "StringEqualsIgnoreCase" { key.to_lowercase() == hostile.to_lowercase() } else { key == hostile };
        let applies = same != operator.contains("Not");
        let expected = match (effect, applies) {
            ("Allow", true) => (Decision::Allow, Decision::Allow),
            ("Allow", _) => (Decision::Allow, Decision::Deny(Denial::NoStatement)),
            (_, true) => (Decision::Deny(Denial::Explicit), Decision::Deny(Denial::Explicit)),
            (_, false) => (Decision::Allow, Decision::Deny(Denial::NoStatement)),
        };
        prop_assert_eq!(plain, expected);
    }

    /// A statement never allows through a variable that has no value, whatever is around it.
    #[test]
    fn nothing_is_allowed_through_a_variable_without_value(
        around in r"[a*?/]{0,6}",
        topic in r"[a/${}]{0,12}",
        element in prop::sample::select(vec!["Resource", "NotResource"]),
        variable in prop::sample::select(vec!["iot:Connection.Thing.ThingName", "iot:Moon", "aws:SourceVpc", "aws:CurrentTime"]),
    ) {
        let document = document("Allow", element, &format!("{around}${{{variable}}}{around}"));
        let connection = Connection::of("c");
        for topic in [topic, format!("{around}{around}"), format!("{around}${{{variable}}}{around}")] {
            prop_assert_eq!(decide(&connection, &document, &topic), Decision::Deny(Denial::NoStatement), "{}", topic);
        }
    }

    /// Whatever a text is, it is a document or it is not, and says where.
    #[test]
    fn any_text_is_answered(text in r#"(\{|\}|\[|\]|,|:|"Version"|"Statement"|"Effect"|"Allow"|"Action"|"iot:\*"|"Resource"|"\*"|"Condition"|"Bool"|"é"|1|null){0,24}"#) {
        if let Err(error) = PolicyDocument::parse(&text) {
            prop_assert!(error.to_string().starts_with("line "), "{}", error);
        }
    }
}

#[test]
fn a_value_that_aws_does_not_put_in_still_denies() {
    for (name, topic, expected) in [
        ("*", "*", Decision::Deny(Denial::Explicit)),
        ("*", "a", Decision::Allow),
        ("a#", "a#", Decision::Deny(Denial::Explicit)),
        ("a+", r"a\+", Decision::Deny(Denial::Explicit)),
        ("", "", Decision::Deny(Denial::Explicit)),
        ("", "a", Decision::Allow),
    ] {
        let connection = Connection::of("c").with_common_name(name);
        assert_eq!(
            decide(&connection, &document("Deny", "Resource", NAME), topic),
            expected,
            "{name} {topic}"
        );
    }
}

#[test]
fn an_empty_value_allows_nothing() {
    let connection = Connection::of("c").with_common_name("");
    for resource in [format!("{NAME}*"), format!("a/{NAME}*"), format!("a{NAME}")] {
        let found = decide(&connection, &document("Allow", "Resource", &resource), "a/b");
        assert_eq!(found, Decision::Deny(Denial::NoStatement), "{resource}");
    }
}

fn problem(text: &str) -> PolicyProblem {
    PolicyDocument::parse(text).unwrap_err().problem
}

#[test]
fn documents_that_are_too_large_are_refused() {
    let statement = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let many = format!(r#"{{"Statement":[{}]}}"#, vec![statement; 100_000].join(","));
    for text in [
        many,
        "x".repeat(1_000_000),
        "é".repeat(1_000_000),
        " ".repeat(DOCUMENT_LENGTH_MAX + 1),
        "[".repeat(2_049),
        format!(r#"{{"Id":"{}"}}"#, "x".repeat(2_041)),
    ] {
        assert!(matches!(problem(&text), PolicyProblem::TooLong { .. }), "{}", text.len());
    }
    // The limit itself is inside, and white space does not count towards it.
    let start = format!(r#"{{"Statement":{statement},"Id":""#);
    let filler = "x".repeat(2_048 - start.len() - 2);
    let largest = format!(r#"{}{start}{filler}"}}"#, " ".repeat(400_000));
    assert!(PolicyDocument::parse(&largest).is_ok());
    assert!(PolicyDocument::parse(&largest.replace("x\"", "xx\"")).is_err());
}

#[test]
fn as_many_statements_as_there_is_room_for_are_understood() {
    let statement = r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#;
    let text = |count: usize| format!(r#"{{"Statement":[{}]}}"#, vec![statement; count].join(","));
    assert!(PolicyDocument::parse(&text(44)).is_ok());
    assert!(matches!(
        problem(&text(45)),
        PolicyProblem::TooLong { unit: "characters besides white space", .. }
    ));
}

#[test]
fn what_is_not_text_is_refused() {
    let with = |sid: &str| {
        format!(r#"{{"Statement":{{"Sid":"{sid}","Effect":"Allow","Action":"iot:*","Resource":"*"}}}}"#)
    };
    assert!(PolicyDocument::parse(&with("\\ud83d\\ude00é")).is_ok());
    for sid in ["\\ud800", "\\udc00x", "\\ud800\\ud800", "\n", "\u{0}"] {
        assert!(matches!(problem(&with(sid)), PolicyProblem::Syntax { .. }), "{sid:?}");
    }
}

/// Patterns and texts with which a matcher that goes back would not end.
#[test]
fn patterns_made_to_be_slow_are_decided() {
    let topic = format!("{PREFIX}topic/{}", "a".repeat(4_000));
    for pattern in
        ["*a".repeat(800) + "b", "*?a".repeat(500) + "b", "a*".repeat(800) + "b*", "?*".repeat(800) + "b"]
    {
        let connection = Connection::of(&"a".repeat(128));
        let document = document("Allow", "Resource", &pattern);
        let decision = connection.authorizer(&[&document]).decide_arn(PolicyAction::Publish, &topic);
        assert_eq!(decision, Decision::Deny(Denial::NoStatement), "{pattern}");
    }
}

#[test]
fn a_document_with_everything_wrong_is_linted() {
    let text = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:*", "Resource": vec!["*"; 100]},
        {"Effect": "Deny", "Action": "iot:é".replace('é', "e"), "Resource": "*${a}${b}${c}${d}"},
    ]})
    .to_string();
    assert!(lint(&PolicyDocument::parse(&text).unwrap()).len() > 100);
}
