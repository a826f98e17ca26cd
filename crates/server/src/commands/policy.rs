use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use landfall_policy::{DOCUMENT_LENGTH_MAX, Finding, MalformedPolicy, PolicyDocument, Position, lint};
use serde::Serialize;

use crate::text::printable;

/// Check policy documents
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Lint(Lint),
}

/// Find what is wrong in policy documents, and what is legal and probably not what was meant
///
/// No server is needed. The exit code is 0 when nothing was found, 1 when something was, and 2 when a file cannot be read.
#[derive(Args)]
struct Lint {
    /// Policy documents; - is the standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Something that was found in a file.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Found {
    file: String,
    line: u32,
    column: u32,
    rule: String,
    message: String,
    /// What to do about it; of what is malformed, the message says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// What the command came to when a file cannot be read.
pub(crate) const UNREADABLE: u8 = 2;

const FOUND: u8 = 1;

/// The name of the rule that a text which is no policy document breaks.
const MALFORMED: &str = "malformed";

/// How many bytes of a file are read: more than the longest document can have.
const BYTES_MAX: u64 = 4 * DOCUMENT_LENGTH_MAX as u64 + 1;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Command::Lint(Lint { files, json }) = &arguments.command;
    let (mut found, mut unreadable) = (Vec::new(), None);
    for file in files {
        match read(file) {
            Ok(bytes) => found.extend(check(&file.display().to_string(), &bytes)),
            Err(problem) => unreadable = unreadable.or(Some(problem)),
        }
    }
    if *json {
        println!("{:#}", serde_json::to_value(&found)?);
    } else {
        found.iter().for_each(|found| print!("{}", as_text(found)));
    }
    // What was found in the others is told all the same.
    if let Some(problem) = unreadable {
        return Err(problem);
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        let read = std::io::stdin().take(BYTES_MAX).read_to_end(&mut bytes);
        read.context("cannot read the standard input")?;
    } else {
        let read = File::open(file).and_then(|opened| opened.take(BYTES_MAX).read_to_end(&mut bytes));
        read.with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(bytes)
}

fn check(file: &str, bytes: &[u8]) -> Vec<Found> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(problem) => {
            let before = String::from_utf8_lossy(bytes.get(..problem.valid_up_to()).unwrap_or_default());
            let message = "bytes that are not UTF-8; a policy document is JSON, which is UTF-8".to_owned();
            return vec![found(file, end_of(&before), MALFORMED.to_owned(), message, None)];
        }
    };
    match PolicyDocument::parse(text) {
        Ok(document) => {
            let findings = lint(&document).into_iter();
            let found = |Finding { position, rule, message, help }| {
                found(file, position, rule.to_string(), message, Some(help))
            };
            findings.map(found).collect()
        }
        Err(MalformedPolicy { position, problem }) => {
            vec![found(file, position, MALFORMED.to_owned(), problem.to_string(), None)]
        }
    }
}

fn found(file: &str, position: Position, rule: String, message: String, help: Option<String>) -> Found {
    Found { file: file.to_owned(), line: position.line, column: position.column, rule, message, help }
}

/// The place behind a text.
fn end_of(text: &str) -> Position {
    let (mut line, mut column) = (1, 1);
    for character in text.chars() {
        (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    Position { line, column }
}

fn as_text(found: &Found) -> String {
    let Found { file, line, column, rule, message, help } = found;
    let mut text = format!("{}\n", printable(&format!("{file}:{line}:{column}: {rule}: {message}")));
    if let Some(help) = help {
        text.push_str(&format!("  help: {}\n", printable(help)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUSPICIOUS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
    {
      "Effect": "Allow",
      "Action": "iot:Publish",
      "Resource": "arn:aws:iot:us-east-1:000000000000:topicfilter/a/${iot:Moon}"
    }
  ]
}"#;

    #[test]
    fn findings_are_shown_by_place_rule_and_help() {
        let texts: Vec<_> = check("policy.json", SUSPICIOUS.as_bytes()).iter().map(as_text).collect();
        insta::assert_snapshot!(texts.concat());
    }

    #[test]
    fn what_is_no_policy_document_is_shown_in_the_same_form() {
        let of = |bytes: &[u8]| check("a b.json", bytes).iter().map(as_text).collect::<String>();
        let texts = [
            of(b""),
            of(b"{\n  \"Statement\": \xFF"),
            of(b"{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"iot:\\u001b[2J\", \"Resource\": \"*\"}}"),
            of(b"{\"Version\": \"2012-10-17\",\n \"Statements\": []}"),
            of(&vec![b' '; usize::try_from(BYTES_MAX).unwrap()]),
        ];
        insta::assert_snapshot!(texts.concat());
    }

    #[test]
    fn json_has_the_same() {
        insta::assert_json_snapshot!(check("-", SUSPICIOUS.as_bytes()));
        assert_eq!(check("-", br#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iot:Publish", "Resource": "*"}]}"#), []);
    }
}
