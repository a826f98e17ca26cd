//! What an authorizer asks for, how long its answers hold, and that it agrees with itself.

use std::borrow::Cow;
use std::cell::RefCell;

use landfall_model::{ClientId, ThingName, TopicName, UnixTime};
use landfall_policy::{
    Authorizer, Decision, Denial, Fact, Facts, NamedPolicy, PolicyAction, PolicyDocument, Resource,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::connection::{Connection, PREFIX};

fn one_statement(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

/// Facts that remember what they were asked.
struct Asked<'c> {
    connection: &'c Connection,
    facts: RefCell<Vec<String>>,
}

impl Facts for Asked<'_> {
    fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>> {
        self.facts.borrow_mut().push(fact.to_string());
        self.connection.values(fact)
    }

    fn now(&self) -> UnixTime {
        self.connection.now()
    }
}

#[test]
fn only_what_a_policy_asks_about_is_looked_up_and_each_fact_once() {
    let text = one_statement(&json!([
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": "*${iot:ClientId}/${iot:Connection.Thing.Attributes[a]}"},
        {"Effect": "Deny", "Action": "iot:Publish", "Resource": "*${IOT:ClientId}/${iot:Moon}/${$}",
         "Condition": {"StringEquals": {"iot:ClientId": "${iot:Certificate.Subject.CommonName.1}"},
                       "Null": {"iot:Certificate.Subject.CommonName": "true"}}},
    ]));
    let document = PolicyDocument::parse(&text).unwrap();
    let expected =
        ["iot:ClientId", "iot:Connection.Thing.Attributes[a]", "iot:Certificate.Subject.CommonName"];
    assert_eq!(document.facts().map(ToString::to_string).collect::<Vec<_>>(), expected);
    let asked = Asked { connection: &Connection::of("c"), facts: RefCell::default() };
    let policy = NamedPolicy { name: "p".parse().unwrap(), document };
    Authorizer::compile(PREFIX.into(), &asked, vec![policy.clone().into(), policy.into()]);
    assert_eq!(asked.facts.into_inner(), expected);
}

#[test]
fn a_document_without_variables_asks_for_nothing() {
    for text in [
        one_statement(&json!({"Effect": "Allow", "Action": "*", "Resource": "*${$}{iot:ClientId}"})),
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*${iot:ClientId}"}}"#.to_owned(),
    ] {
        assert_eq!(PolicyDocument::parse(&text).unwrap().facts().count(), 0, "{text}");
    }
}

#[test]
fn answers_that_depend_on_the_time_say_until_when_they_hold() {
    let with = |condition: Value| {
        one_statement(
            &json!({"Effect": "Allow", "Action": "iot:Publish", "Resource": "*", "Condition": condition}),
        )
    };
    let moment = 1_577_836_800;
    for (condition, now, changes_at) in [
        (json!({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}), moment - 10, Some(moment)),
        (json!({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}), moment, Some(moment + 1)),
        (json!({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}), moment + 1, None),
        (
            json!({"DateEquals": {"aws:CurrentTime": ["2020-01-02", "2020-01-01"]}}),
            moment + 1,
            Some(moment + 86_400),
        ),
        (json!({"NumericGreaterThan": {"aws:EpochTime": moment}}), moment - 1, Some(moment)),
        (
            json!({"DateLessThan": {"iot:Connection.Thing.Attributes[until]": "2020-01-01"}}),
            moment - 10,
            None,
        ),
        (json!({"Null": {"aws:CurrentTime": "false"}}), moment, None),
        (json!({}), moment, None),
    ] {
        let text = with(condition.clone());
        let decided = |now| {
            let connection = Connection { now, ..Connection::of("c") };
            let authorizer = connection.authorizer(&[&text]);
            (authorizer.decide(PolicyAction::Publish, Resource::All), authorizer.changes_at())
        };
        let (decision, found) = decided(now);
        assert_eq!(found, changes_at.map(UnixTime::from_secs), "{condition} {now}");
        // Until then it is the same.
        let until = changes_at.unwrap_or(now + 100_000).min(now + 100);
        assert!((now..until).all(|now| decided(now).0 == decision), "{condition} {now}");
    }
}

#[test]
fn a_resource_is_the_same_by_its_parts_and_by_its_arn() {
    let text = one_statement(&json!([
        {"Effect": "Allow", "Action": "iot:*", "Resource": [
            format!("{PREFIX}client/c"), format!("{PREFIX}topic/a"), format!("{PREFIX}thing/t"), format!("{PREFIX}thing/t/s"),
            format!("{PREFIX}rolealias/{}", "r".repeat(1_000)),
        ]},
    ]));
    let authorizer = Connection::of("c").authorizer(&[&text]);
    let (client, topic, thing) =
        (ClientId::parse("c").unwrap(), TopicName::parse("a").unwrap(), ThingName::parse("t").unwrap());
    let long = "r".repeat(1_000);
    for (action, resource) in [
        (PolicyAction::Connect, Resource::Client(&client)),
        (PolicyAction::Publish, Resource::Topic(&topic)),
        (PolicyAction::GetThingShadow, Resource::Thing(&thing)),
        (PolicyAction::GetThingShadow, Resource::Shadow { thing: &thing, shadow: "s" }),
        (PolicyAction::AssumeRoleWithCertificate, Resource::RoleAlias(&long)),
    ] {
        assert_eq!(authorizer.decide(action, resource), Decision::Allow, "{resource}");
        assert_eq!(
            authorizer.decide_arn(action, &format!("{PREFIX}{resource}")),
            Decision::Allow,
            "{resource}"
        );
        assert_eq!(
            authorizer.decide_arn(action, &format!("{PREFIX}{resource}x")),
            Decision::Deny(Denial::NoStatement)
        );
    }
}

/// Statements over few resources, so that they meet often.
fn statements() -> impl Strategy<Value = Vec<Value>> {
    let resource = prop::sample::select(vec![
        "*",
        "topic/a",
        "topic/${iot:ClientId}",
        "topic/${iot:ClientId}/*",
        "topic/${iot:Connection.Thing.ThingName}",
        "topic/?",
    ]);
    let resource =
        resource.prop_map(|text| if text == "*" { text.to_owned() } else { format!("{PREFIX}{text}") });
    let condition = prop::sample::select(vec![
        json!({}),
        json!({"Bool": {"iot:Connection.Thing.IsAttached": "true"}}),
        json!({"StringNotEquals": {"iot:ClientId": "${iot:Connection.Thing.ThingName}"}}),
        json!({"StringLike": {"iot:ClientId": ["b*", "${iot:Connection.Thing.ThingName}"]}}),
        json!({"Null": {"iot:Connection.Thing.ThingName": "true"}}),
        json!({"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}),
    ]);
    let statement = (
        prop::sample::select(vec!["Allow", "Deny"]),
        prop::sample::select(vec!["Action", "NotAction"]),
        prop::sample::select(vec!["iot:Publish", "iot:*", "iot:Connect"]),
        prop::sample::select(vec!["Resource", "NotResource"]),
        resource,
        condition,
    );
    let statement = statement.prop_map(|(effect, action, actions, element, resource, condition)| {
        json!({"Effect": effect, action: actions, element: resource, "Condition": condition})
    });
    prop::collection::vec(statement, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    /// Policies are the sum of their statements, in whatever order and however they are spread over documents; an
    /// explanation says the same.
    #[test]
    fn policies_are_the_sum_of_their_statements(
        statements in statements(),
        client in prop::sample::select(vec!["a", "b", "*"]),
        is_thing: bool,
        action in prop::sample::select(vec![PolicyAction::Publish, PolicyAction::Connect, PolicyAction::Receive]),
        topic in prop::sample::select(vec!["a", "b", "*", "a/x", ""]),
    ) {
        let connection = if is_thing { Connection::of_thing(client) } else { Connection::of(client) };
        let arn = format!("{PREFIX}topic/{topic}");
        let decide = |documents: &[String]| {
            let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
            let authorizer = connection.authorizer(&texts);
            let decision = authorizer.decide_arn(action, &arn);
            let explanation = authorizer.explain(&connection, action, Resource::Arn(&arn));
            assert_eq!(explanation.decision, decision);
            let (allowed, denied) = (!explanation.allowed_by.is_empty(), !explanation.denied_by.is_empty());
            let explained = match (allowed, denied) {
                (_, true) => Decision::Deny(Denial::Explicit),
                (true, false) => Decision::Allow,
                (false, false) => Decision::Deny(Denial::NoStatement),
            };
            assert_eq!(explained, decision, "{explanation}");
            decision
        };
        let apart: Vec<String> = statements.iter().map(one_statement).collect();
        let together = vec![one_statement(&Value::Array(statements.clone()))];
        let reversed: Vec<String> = apart.iter().rev().cloned().collect();
        let decision = decide(&apart);
        prop_assert_eq!(decide(&together), decision);
        prop_assert_eq!(decide(&reversed), decision);
        let each: Vec<Decision> = apart.iter().map(|one| decide(std::slice::from_ref(one))).collect();
        let expected = if each.contains(&Decision::Deny(Denial::Explicit)) {
            Decision::Deny(Denial::Explicit)
        } else if each.contains(&Decision::Allow) {
            Decision::Allow
        } else {
            Decision::Deny(Denial::NoStatement)
        };
        prop_assert_eq!(decision, expected);
    }
}
