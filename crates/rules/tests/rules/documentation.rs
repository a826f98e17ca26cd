//! `docs/rules.md` lists the functions, the actions and the limits that there are.

use landfall_model::RuleName;
use landfall_rules::{TopicRuleDocument, function_table};

use crate::document::every_action;

const DOCUMENTATION: &str = include_str!("../../../../docs/rules.md");

#[test]
fn the_table_of_functions_is_that_of_the_code() {
    assert!(
        DOCUMENTATION.contains(&function_table()),
        "docs/rules.md is old: put what `landfall rules functions --markdown` prints into it"
    );
}

/// How many characters the name of a rule can have.
fn longest_rule_name() -> usize {
    (1..).take_while(|length| RuleName::parse(&"r".repeat(*length)).is_ok()).last().unwrap()
}

#[test]
fn every_member_of_every_action_is_on_the_page_and_its_example_is_a_rule() {
    let (_, section) = DOCUMENTATION.split_once("## Actions\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    for action in every_action() {
        for (kind, parameters) in action.as_object().unwrap() {
            assert!(section.contains(&format!("| `{kind}` |")), "{kind}");
            for member in parameters.as_object().unwrap().keys() {
                assert!(section.contains(&format!("`{member}")), "{kind}.{member}");
            }
        }
    }
    let (_, example) = section.split_once("```json\n").unwrap();
    let (example, _) = example.split_once("\n```").unwrap();
    let rule = TopicRuleDocument::parse(example).unwrap();
    assert_eq!((rule.actions().len(), rule.error_action().is_some()), (2, true));
}

#[test]
fn every_limit_is_on_the_page() {
    for (name, value) in [
        ("a statement, a template", format!("{} KiB", landfall_rules::SQL_BYTES_MAX / 1024)),
        ("nesting of a statement", landfall_rules::SQL_NESTING_MAX.to_string()),
        ("variables of SET", landfall_rules::VARIABLES_MAX.to_string()),
        ("name of a variable", format!("{} characters", landfall_rules::VARIABLE_NAME_CHARACTERS_MAX)),
        ("payload of a message", format!("{} KiB", landfall_rules::PAYLOAD_BYTES_MAX / 1024)),
        ("nesting of a payload", landfall_rules::JSON_NESTING_MAX.to_string()),
        ("nesting of a result", landfall_rules::VALUE_NESTING_MAX.to_string()),
        ("result of a rule or a template", format!("{} KiB", landfall_rules::OUTPUT_BYTES_MAX / 1024)),
        ("work of one evaluation", format!("{} MiB", landfall_rules::EVALUATION_WORK_MAX / 1024 / 1024)),
        ("regular expression", format!("{} bytes", landfall_rules::REGEX_BYTES_MAX)),
        ("compiled regular expression", format!("{} KiB", landfall_rules::REGEX_PROGRAM_BYTES_MAX / 1024)),
        ("time pattern", format!("{} bytes", landfall_rules::TIME_PATTERN_BYTES_MAX)),
        ("result of `transform`", format!("{} KiB", landfall_rules::TRANSFORM_BYTES_MAX / 1024)),
        ("spaces of `lpad`, `rpad`", landfall_rules::PADDING_MAX.to_string()),
        ("digits of a number", landfall_rules::NUMBER_DIGITS_MAX.to_string()),
        ("exponent of a Decimal", landfall_rules::NUMBER_EXPONENT_MAX.to_string()),
        ("text of a number", format!("{} bytes", landfall_rules::NUMERAL_BYTES_MAX)),
        ("JSON of a rule", format!("{} KiB", landfall_rules::DOCUMENT_BYTES_MAX / 1024)),
        ("actions of a rule", landfall_rules::ACTIONS_MAX.to_string()),
        ("URL of an action", format!("{} bytes", landfall_rules::URL_BYTES_MAX)),
        ("headers of `http`", landfall_rules::HTTP_HEADERS_MAX.to_string()),
        ("name of a header", format!("{} bytes", landfall_rules::HTTP_HEADER_NAME_BYTES_MAX)),
        ("value of a header", format!("{} KiB", landfall_rules::HTTP_HEADER_VALUE_BYTES_MAX / 1024)),
        ("property of `republish`", format!("{} bytes", landfall_rules::REPUBLISH_PROPERTY_BYTES_MAX)),
        ("user properties of `republish`", landfall_rules::USER_PROPERTIES_MAX.to_string()),
        ("nesting of a DynamoDB item", landfall_rules::ITEM_NESTING_MAX.to_string()),
        ("digits of a DynamoDB number", landfall_rules::ITEM_NUMBER_DIGITS_MAX.to_string()),
        (
            "name of a DynamoDB column that a rule names",
            format!("{} bytes", landfall_rules::ITEM_ATTRIBUTE_NAME_BYTES_MAX),
        ),
        (
            "name and namespace of a metric",
            format!("{} characters", landfall_rules::METRIC_NAME_CHARACTERS_MAX),
        ),
        ("arguments of `exec`", landfall_rules::EXEC_ARGUMENTS_MAX.to_string()),
        ("argument of `exec`", format!("{} KiB", landfall_rules::EXEC_ARGUMENT_BYTES_MAX / 1024)),
        ("name of a rule", format!("{} characters", longest_rule_name())),
    ] {
        let row = format!("| {name} | {value} |");
        assert!(DOCUMENTATION.contains(&row), "docs/rules.md lacks {row}");
    }
}
