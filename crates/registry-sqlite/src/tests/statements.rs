use rusqlite::Connection;

use crate::{
    billing_group, ca_certificate, certificate, delivery, destination, event, event_configuration,
    event_source_mapping, function, greengrass, issuer, layer, log_sink, logging, policy, registration,
    registration_code, registration_job, row_id, schema, sql, tag, thing, thing_group, thing_type,
    topic_rule, writer,
};

/// The statements that another database on the same schema would take as they are.
const OF_NOUNS: [&[&str]; 23] = [
    billing_group::STATEMENTS,
    ca_certificate::STATEMENTS,
    certificate::STATEMENTS,
    delivery::STATEMENTS,
    destination::STATEMENTS,
    event::STATEMENTS,
    event_configuration::STATEMENTS,
    event_source_mapping::STATEMENTS,
    function::STATEMENTS,
    greengrass::STATEMENTS,
    issuer::STATEMENTS,
    layer::STATEMENTS,
    log_sink::STATEMENTS,
    logging::STATEMENTS,
    policy::STATEMENTS,
    registration::STATEMENTS,
    registration_code::STATEMENTS,
    registration_job::STATEMENTS,
    tag::STATEMENTS,
    thing::STATEMENTS,
    thing_group::STATEMENTS,
    thing_type::STATEMENTS,
    topic_rule::STATEMENTS,
];

fn database() -> (Connection, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (schema::open_writer(&directory.path().join("registry.db")).unwrap(), directory)
}

#[test]
fn parameters_first_appear_in_ascending_order() {
    let every = OF_NOUNS.iter().chain([&row_id::STATEMENTS, &sql::STATEMENTS, &writer::STATEMENTS]);
    for sql in every.copied().flatten() {
        let mut known = 0;
        for text in sql.split('$').skip(1) {
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            let number: u32 = digits.parse().unwrap();
            assert!((1..=known + 1).contains(&number), "${number} comes before ${}: {sql}", known + 1);
            known = known.max(number);
        }
    }
}

#[test]
fn every_statement_is_valid_and_of_both_dialects() {
    let (connection, _directory) = database();
    for sql in OF_NOUNS.iter().copied().flatten() {
        connection.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        let upper = sql.to_uppercase();
        for foreign in ["?", "\"", "`", " OR IGNORE", " OR REPLACE", "IFNULL(", "ROWID", "GLOB", "INDEXED BY"]
        {
            assert!(!upper.contains(foreign), "{foreign} is of SQLite alone: {sql}");
        }
    }
}

/// What may be gone through whole: the groups that a group is in, a page that was chosen, and what is limited to few.
const FEW: [&str; 8] = [
    "SCAN l",
    "SCAN line",
    "SCAN event_source_mappings USING COVERING INDEX sqlite_autoindex_event_source_mappings_1",
    "SCAN destinations USING COVERING INDEX sqlite_autoindex_destinations_2",
    "SCAN m",
    "SCAN topic_rules",
    "SCAN topic_rules USING COVERING INDEX sqlite_autoindex_topic_rules_1",
    "SCAN v2_logging_levels USING COVERING INDEX sqlite_autoindex_v2_logging_levels_1",
];

/// The one order that no index has: that of things of which a value begins so. It is made of what begins so alone.
const SORTED: &str = "SEARCH a USING PRIMARY KEY (name=? AND value>? AND value<?)";

#[test]
fn every_statement_finds_its_rows_by_an_index() {
    let (connection, _directory) = database();
    let mut sorted = 0;
    for sql in OF_NOUNS.iter().copied().flatten() {
        let plan = plan(&connection, sql);
        let is_sorted = plan.iter().any(|step| step == SORTED);
        sorted += usize::from(is_sorted);
        for step in plan.iter().filter(|step| !FEW.contains(&step.as_str())) {
            let is_slow = ["SCAN", "AUTOMATIC", "BLOOM"].iter().any(|slow| step.contains(slow));
            assert!(!is_slow && (is_sorted || !step.contains("TEMP B-TREE")), "{step}: {sql}");
        }
    }
    assert_eq!(sorted, 4, "with and without a type, in both directions");
}

/// What a listing of rows of one value has.
const FILTERS: [&str; 9] = [
    "code = $1",
    "= (SELECT rid",
    "IS NULL",
    "value = $2",
    "rule = $1",
    "status = $1",
    "cert_id = $1",
    "WHERE kind = $1 AND rid",
    "resource = $1",
];

/// A listing reads the rows of its filter alone, in their order, from where it stands.
#[test]
fn every_listing_stands_at_its_place_in_an_index() {
    let (connection, _directory) = database();
    let mut listings = 0;
    for sql in OF_NOUNS.iter().copied().flatten() {
        let words: Vec<_> = sql.split_whitespace().collect();
        let Some(order) = words.windows(2).rposition(|pair| pair == ["ORDER", "BY"]) else { continue };
        let plan = plan(&connection, sql);
        // What follows only one row, or the records of one certificate, is no listing; nor is what finds where to cut.
        let is_limited = |pair: &[&str]| pair[0] == "LIMIT" && pair[1].starts_with('$');
        let is_listing = words.get(order..).unwrap().windows(2).any(is_limited);
        if !is_listing || plan.iter().any(|step| step == SORTED) {
            continue;
        }
        listings += 1;
        let first = plan.iter().find(|step| step.starts_with("SEARCH")).unwrap();
        let has_filter = FILTERS.iter().any(|filter| sql.contains(filter));
        let columns = first.split_once('(').unwrap().1;
        let stands = columns.ends_with(">?)") || columns.ends_with("<?)");
        assert!(stands, "{first}: {sql}");
        assert_eq!(columns.contains("=? AND"), has_filter, "{first}: {sql}");
    }
    assert_eq!(listings % 2, 0, "the events and the ids of certificates have one direction, all others two");
    assert!(listings > 40, "{listings}");
}

/// What SQLite does for a statement, step by step.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut steps = plan.raw_query();
    let mut details = Vec::new();
    while let Some(step) = steps.next().unwrap() {
        details.push(step.get(3).unwrap());
    }
    details
}

/// No statement is prepared twice because another took its place.
#[test]
fn all_statements_fit_into_the_cache_of_a_connection() {
    let others = row_id::STATEMENTS.len() + sql::STATEMENTS.len() + writer::STATEMENTS.len();
    let statements: usize = OF_NOUNS.iter().map(|statements| statements.len()).sum();
    assert!(statements + others <= schema::STATEMENTS_MAX, "{statements} and {others}");
}
