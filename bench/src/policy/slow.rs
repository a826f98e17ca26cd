//! Patterns that are made to be slow.

use std::time::Duration;

use anyhow::{Result, ensure};
use landfall_model::TOPIC_BYTES_MAX;
use landfall_policy::{Decision, PolicyAction};
use serde_json::json;
use tokio::time::Instant;

use super::device::{Device, PREFIX, policy};
use super::naive::{backtrack, wildcards};
use crate::figures::{best_of, print_table};

/// How many steps a matcher that backtracks is given: about a second.
const STEPS_MAX: u64 = 1_000_000_000;

/// How often the patterns for growing texts repeat their piece.
const REPEATED: usize = 12;

/// Patterns as long as a document has room for.
const LONGEST: [(&str, usize); 2] = [("*a", 850), ("*?a", 570)];

/// A resource for which every place of the longest topic is tried in vain, and how many of it a document has room for.
const PLACES: usize = TOPIC_BYTES_MAX / 2;
const RESOURCES: usize = 13;

pub(super) fn run(rounds: usize) -> Result<()> {
    let mut rows = Vec::new();
    for length in [16, 24, 32, 64, 128, TOPIC_BYTES_MAX] {
        let mut row = vec![length.to_string()];
        for piece in ["*a", "*?a"] {
            let pattern = format!("{}*b?", piece.repeat(REPEATED));
            let (ours, regex) = measure(rounds, &[pattern], length)?;
            row.extend([ours, regex].map(|nanos| format!("{:.2}", nanos / 1e3)));
        }
        row.push(backtracked(&format!("{}*b?", "*a".repeat(REPEATED)), length));
        rows.push(row);
    }
    let header = [
        "bytes of `aa…ab`",
        "12 times `*a`, `*b?`: µs",
        "regular expression: µs",
        "12 times `*?a`, `*b?`: µs",
        "regular expression: µs",
        "12 times `*a`, backtracking",
    ];
    print_table("A pattern that is made to be slow", &header, rows);

    let mut rows = Vec::new();
    for (piece, times) in LONGEST {
        let pattern = format!("{}*b?", piece.repeat(times));
        let what = format!("one resource: {times} times `{piece}`, `*b?`");
        rows.push(row(&what, measure(rounds, &[pattern], TOPIC_BYTES_MAX)?));
    }
    let pattern = format!("*{}b*", "?".repeat(PLACES));
    for count in [1, RESOURCES] {
        let patterns = vec![pattern.clone(); count];
        let what = format!("resources: {count}, each `*`, {PLACES} times `?`, `b*`");
        rows.push(row(&what, measure(rounds, &patterns, TOPIC_BYTES_MAX)?));
    }
    let header = ["a topic of 256 bytes", "µs", "regular expressions: µs"];
    print_table("The slowest decisions that one document can ask for", &header, rows);
    Ok(())
}

fn row(what: &str, (ours, regex): (f64, f64)) -> Vec<String> {
    vec![what.to_owned(), format!("{:.2}", ours / 1e3), format!("{:.2}", regex / 1e3)]
}

/// How long it takes to find that `aa…ab` matches none of the patterns, or `baa…a` none of those that end with `*`: ours as
/// a whole decision, and regular expressions alone.
fn measure(rounds: usize, patterns: &[String], length: usize) -> Result<(f64, f64)> {
    let resources: Vec<_> = patterns.iter().map(|pattern| format!("*topic/{pattern}")).collect();
    let regexes: Vec<_> = resources.iter().map(|resource| wildcards(resource)).collect::<Result<_>>()?;
    let statement = json!({"Effect": "Allow", "Action": "iot:Publish", "Resource": resources});
    let document = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let ours = Device::new(1).authorizer(&PREFIX.into(), &[policy("slow", &document)?]);
    let is_mirrored = patterns.iter().any(|pattern| pattern.ends_with('*'));
    let text = if is_mirrored { mirrored(length) } else { topic(length) };
    let arn = format!("{PREFIX}topic/{text}");
    let decide = || ours.decide_arn(PolicyAction::Publish, &arn);
    let search = || regexes.iter().any(|regex| regex.is_match(&arn));
    ensure!(decide() != Decision::Allow && !search(), "a pattern matches {arn}");
    Ok(best_of(rounds, decide, search))
}

/// `aa…ab`
fn topic(length: usize) -> String {
    format!("{}b", "a".repeat(length.saturating_sub(1)))
}

/// `baa…a`
fn mirrored(length: usize) -> String {
    topic(length).chars().rev().collect()
}

/// The same with a matcher that backtracks, for people: once, as it may take long.
fn backtracked(pattern: &str, length: usize) -> String {
    let (text, mut steps, began) = (topic(length), STEPS_MAX, Instant::now());
    let found = backtrack(pattern.as_bytes(), text.as_bytes(), &mut steps);
    let took = began.elapsed();
    match found {
        Some(_) if took < Duration::from_millis(1) => format!("{:.1} µs", took.as_secs_f64() * 1e6),
        Some(_) => format!("{:.1} ms", took.as_secs_f64() * 1e3),
        None => format!("given up after {:.1} s", took.as_secs_f64()),
    }
}
