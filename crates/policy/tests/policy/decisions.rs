//! Decisions that the AWS guides and API references name or imply: `tests/decisions`, one file a page.
//!
//! A row is an answer, an action, and a resource without the beginning of its ARN. One that ends with `live` can be asked of
//! a broker too: a device with this policy, this client id and this thing connects, and publishes or subscribes.

use std::fs;
use std::path::Path;

use landfall_policy::{Authorizer, Decision, Denial, PolicyAction, Resource};
use serde_json::Value;

use crate::connection::{Connection, PREFIX};

/// How many decisions there have to be at least.
const DECISIONS_MIN: usize = 250;

struct Row {
    place: String,
    connection: Connection,
    policies: Vec<String>,
    action: PolicyAction,
    arn: String,
    expected: Decision,
    is_live: bool,
}

fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decisions");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut rows = Vec::new();
    for path in paths {
        let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(
            file["page"].as_str().unwrap().starts_with("https://docs.aws.amazon.com/"),
            "{}",
            path.display()
        );
        for case in file["cases"].as_array().unwrap() {
            rows_of(case, &path.file_stem().unwrap().to_string_lossy(), &mut rows);
        }
    }
    rows
}

fn rows_of(case: &Value, file: &str, rows: &mut Vec<Row>) {
    let about = case["about"].as_str().unwrap();
    let connection = Connection::from_json(&case["connection"]);
    let policies: Vec<_> = case["policies"].as_array().unwrap().iter().map(Value::to_string).collect();
    for row in case["decisions"].as_array().unwrap() {
        let row: Vec<_> = row.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let [answer, action, resource, rest @ ..] = &*row else { panic!("{file}: {about}: {row:?}") };
        let expected = match *answer {
            "allowed" => Decision::Allow,
            "denied" => Decision::Deny(Denial::Explicit),
            "nothing allows it" => Decision::Deny(Denial::NoStatement),
            other => panic!("{file}: {about}: {other:?} is not an answer"),
        };
        let is_live = match rest {
            [] => false,
            ["live"] => true,
            other => panic!("{file}: {about}: {other:?}"),
        };
        rows.push(Row {
            place: format!("{file}: {about}: {action} {resource}"),
            connection: connection.clone(),
            policies: policies.clone(),
            action: PolicyAction::by_name(action).unwrap(),
            arn: if *resource == "*" { "*".to_owned() } else { format!("{PREFIX}{resource}") },
            expected,
            is_live,
        });
    }
}

fn authorizer(row: &Row) -> Authorizer {
    row.connection.authorizer(&row.policies.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn decisions_are_those_of_aws() {
    let rows = rows();
    let wrong: Vec<_> = rows
        .iter()
        .map(|row| (row, authorizer(row).decide_arn(row.action, &row.arn)))
        .filter(|(row, found)| *found != row.expected)
        .map(|(row, found)| format!("{}: {found:?}, not {:?}", row.place, row.expected))
        .collect();
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert!(rows.len() >= DECISIONS_MIN, "{} decisions", rows.len());
    assert!(
        rows.iter().filter(|row| row.is_live).count() * 4 >= rows.len(),
        "a quarter can be asked of a broker"
    );
}

#[test]
fn explanations_say_what_was_decided() {
    for row in rows() {
        let explanation = authorizer(&row).explain(&row.connection, row.action, Resource::Arn(&row.arn));
        assert_eq!(explanation.decision, row.expected, "{}", row.place);
        assert_eq!(
            !explanation.denied_by.is_empty(),
            row.expected == Decision::Deny(Denial::Explicit),
            "{}",
            row.place
        );
        assert_eq!(
            explanation.denied_by.is_empty() && !explanation.allowed_by.is_empty(),
            row.expected == Decision::Allow,
            "{}",
            row.place
        );
        let has_allow = row.policies.iter().any(|policy| policy.contains("Allow"));
        let is_implicit = row.expected == Decision::Deny(Denial::NoStatement);
        assert_eq!(explanation.nearest.is_some(), is_implicit && has_allow, "{}", row.place);
        if let Some(nearest) = &explanation.nearest {
            assert!(!nearest.misses.is_empty(), "{}", row.place);
        }
        assert!(!explanation.summary().contains('\n'), "{}", row.place);
    }
}
