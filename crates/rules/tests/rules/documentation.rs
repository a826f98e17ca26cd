//! `docs/rules.md` lists the functions that there are.

use landfall_rules::function_table;

const DOCUMENTATION: &str = include_str!("../../../../docs/rules.md");

#[test]
fn the_table_of_functions_is_that_of_the_code() {
    assert!(
        DOCUMENTATION.contains(&function_table()),
        "docs/rules.md is old: put what `landfall rules functions --markdown` prints into it"
    );
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
        ("name of a rule", format!("{} characters", landfall_rules::RULE_NAME_CHARACTERS_MAX)),
    ] {
        let row = format!("| {name} | {value} |");
        assert!(DOCUMENTATION.contains(&row), "docs/rules.md lacks {row}");
    }
}
