use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use landfall_api::Service;
use landfall_api_server::{CoveredOperation, coverage};
use serde_json::{Value, json};

/// Tell what the AWS API here has
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Coverage(Coverage),
}

/// List every operation of AWS's service models, and whether it is built; the others answer 501
#[derive(Args)]
struct Coverage {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print Markdown, as docs/api-coverage.md has it
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// How many operations of a service are built.
struct Count {
    service: Service,
    built: usize,
    operations: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Command::Coverage(Coverage { json, markdown }) = &arguments.command;
    let operations = coverage()?;
    let text = if *json {
        format!("{:#}\n", as_json(&operations))
    } else if *markdown {
        as_markdown(&operations)
    } else {
        format!("{}\n", as_text(&operations))
    };
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has read enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error).context("cannot write to standard output"),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

fn as_text(operations: &[CoveredOperation]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["service", "operation", "built"]);
    for operation in operations {
        table.add_row([operation.service.name(), &*operation.name, answer(operation)]);
    }
    let mut text = table.to_string();
    for Count { service, built, operations } in counts(operations) {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n{}: {built} of {operations} operations are built", service.name());
    }
    text
}

fn as_json(operations: &[CoveredOperation]) -> Value {
    let services: Vec<Value> = counts(operations)
        .map(|Count { service, built, operations }| {
            json!({"service": service.name(), "built": built, "operations": operations})
        })
        .collect();
    let listed: Vec<Value> = operations
        .iter()
        .map(|operation| {
            let CoveredOperation { service, name, method, uri, is_deprecated, is_built } = operation;
            json!({
                "service": service.name(), "operation": name, "method": method, "uri": uri,
                "deprecated": is_deprecated, "built": is_built,
            })
        })
        .collect();
    json!({"services": services, "operations": listed})
}

fn as_markdown(operations: &[CoveredOperation]) -> String {
    let mut text = "# What of the AWS API is built\n\n\
         Printed by `landfall api coverage --markdown`. An operation that is not built answers 501 `NotImplementedException` \
         with its name.\n\n\
         | service | built | operations |\n| --- | --- | --- |\n"
        .to_owned();
    for Count { service, built, operations } in counts(operations) {
        let _ = writeln!(text, "| [{0}](#{0}) | {built} | {operations} |", service.name());
    }
    for Count { service, .. } in counts(operations) {
        let _ = writeln!(text, "\n## {}\n\n| operation | built |\n| --- | --- |", service.name());
        for operation in operations.iter().filter(|operation| operation.service == service) {
            let deprecated = if operation.is_deprecated { " (deprecated by AWS)" } else { "" };
            let _ = writeln!(text, "| {}{deprecated} | {} |", operation.name, answer(operation));
        }
    }
    text
}

fn answer(operation: &CoveredOperation) -> &'static str {
    if operation.is_built { "yes" } else { "no" }
}

fn counts(operations: &[CoveredOperation]) -> impl Iterator<Item = Count> {
    Service::ALL.into_iter().map(|service| {
        let of_service: Vec<_> = operations.iter().filter(|operation| operation.service == service).collect();
        let built = of_service.iter().filter(|operation| operation.is_built).count();
        Count { service, built, operations: of_service.len() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations() -> Vec<CoveredOperation> {
        let operation = |service, name: &str, is_built| CoveredOperation {
            service,
            name: name.to_owned(),
            method: "GET".to_owned(),
            uri: "/a".to_owned(),
            is_deprecated: name == "Old",
            is_built,
        };
        vec![
            operation(Service::Iot, "New", true),
            operation(Service::Iot, "Old", false),
            operation(Service::IotData, "Publish", true),
        ]
    }

    #[test]
    fn the_table_ends_with_the_counts() {
        let text = as_text(&operations());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().any(|line| line.split_whitespace().eq(["iot", "Old", "no"])), "{text}");
        assert!(lines.contains(&"iot: 1 of 2 operations are built"), "{text}");
        assert!(lines.contains(&"iot-data: 1 of 1 operations are built"), "{text}");
    }

    #[test]
    fn json_has_the_same() {
        let value = as_json(&operations());
        assert_eq!(value["services"][0], json!({"service": "iot", "built": 1, "operations": 2}));
        assert_eq!(
            value["operations"][1],
            json!({
                "service": "iot", "operation": "Old", "method": "GET", "uri": "/a", "deprecated": true,
                "built": false,
            })
        );
    }

    #[test]
    fn the_documentation_is_what_the_code_says() {
        let documentation = include_str!("../../../../docs/api-coverage.md");
        assert!(
            as_markdown(&coverage().unwrap()) == documentation,
            "docs/api-coverage.md is old: landfall api coverage --markdown > docs/api-coverage.md"
        );
    }
}
