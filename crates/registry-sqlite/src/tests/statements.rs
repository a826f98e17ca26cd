use rusqlite::Connection;

use crate::{
    ca_certificate, certificate, event, issuer, policy, registration, registration_code, row_id, schema, sql,
    thing, thing_type, writer,
};

/// The statements that another database on the same schema would take as they are.
const OF_NOUNS: [&[&str]; 9] = [
    ca_certificate::STATEMENTS,
    certificate::STATEMENTS,
    event::STATEMENTS,
    issuer::STATEMENTS,
    policy::STATEMENTS,
    registration::STATEMENTS,
    registration_code::STATEMENTS,
    thing::STATEMENTS,
    thing_type::STATEMENTS,
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

#[test]
fn every_statement_finds_its_rows_by_an_index() {
    let (connection, _directory) = database();
    for sql in OF_NOUNS.iter().copied().flatten() {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut steps = plan.raw_query();
        while let Some(step) = steps.next().unwrap() {
            let detail: String = step.get(3).unwrap();
            for slow in ["SCAN", "TEMP B-TREE", "AUTOMATIC"] {
                assert!(!detail.contains(slow), "{detail}: {sql}");
            }
        }
    }
}

/// No statement is prepared twice because another took its place.
#[test]
fn all_statements_fit_into_the_cache_of_a_connection() {
    let others = row_id::STATEMENTS.len() + sql::STATEMENTS.len() + writer::STATEMENTS.len();
    let statements: usize = OF_NOUNS.iter().map(|statements| statements.len()).sum();
    assert!(statements + others <= schema::STATEMENTS_MAX, "{statements} and {others}");
}
