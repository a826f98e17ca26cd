use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use landfall_api_server::delivery::{Attempt, Deliveries, Delivery};
use landfall_model::{CertificateId, DeliveryId, RuleName};

use crate::client::Client;
use crate::text::printable;

/// Show what became of the actions of topic rules, and try again what was given up
///
/// What ends well at once leaves nothing here: there are the deliveries that failed at least once, and those that are under
/// way.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The data directory of the server, unless the AWS environment variables name one
    #[arg(long, value_name = "DIR", default_value = "landfall-data", global = true)]
    data: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// List deliveries, the newest last
    List {
        #[command(flatten)]
        filter: Filter,
        /// Only those in this state
        #[arg(long, value_enum)]
        status: Option<Status>,
        /// How many, the newest
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one delivery with each attempt that failed
    Show {
        /// Its id
        #[arg(value_name = "ID")]
        id: DeliveryId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try dead letters again
    Replay {
        /// Their ids
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<DeliveryId>,
        /// Every dead letter, or every one that the filter lets through
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        filter: Filter,
    },
}

#[derive(Args)]
struct Filter {
    /// Only those of this rule
    #[arg(long, value_name = "NAME", value_parser = RuleName::parse)]
    rule: Option<RuleName>,
    /// Only those of the registration of this certificate
    #[arg(long, value_name = "ID")]
    certificate: Option<CertificateId>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Status {
    /// They are under way, or wait for their next attempt
    Waiting,
    /// They failed at first, and then ended well
    Delivered,
    /// They were given up, and the error action was carried out
    ErrorAction,
    /// They were given up, and the error action too
    Dead,
}

/// How many deliveries are asked for at once.
const PAGE: u32 = 1_000;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let client = Client::find(&arguments.data)?;
    match arguments.command {
        Command::List { filter, status, limit, json } => {
            let mut page = deliveries(&client, &filter.query(status), limit, "descending", None)?;
            page.deliveries.reverse();
            if json {
                println!("{:#}", serde_json::to_value(&page.deliveries)?);
            } else {
                println!("{}", table(&page.deliveries));
            }
        }
        Command::Show { id, json } => {
            let answer = client.call("landfall", "GET", &format!("/landfall/v1/deliveries/{id}"), None)?;
            if json {
                println!("{answer:#}");
            } else {
                let delivery =
                    serde_json::from_value(answer).context("the server's answer is not understood")?;
                print!("{}", as_text(&delivery)?);
            }
        }
        Command::Replay { ids, all, filter } => return replay(&client, ids, all, &filter),
    }
    Ok(ExitCode::SUCCESS)
}

/// Has each delivery tried again. One that is no dead letter any more does not keep the others.
fn replay(client: &Client, ids: Vec<DeliveryId>, all: bool, filter: &Filter) -> Result<ExitCode> {
    let ids: Vec<String> = match all {
        false => ids.iter().map(ToString::to_string).collect(),
        true => every_dead_letter(client, filter)?,
    };
    let bar = if io::stderr().is_terminal() { progress(ids.len()) } else { ProgressBar::hidden() };
    let mut faults = Vec::new();
    for id in &ids {
        if let Err(problem) =
            client.call("landfall", "POST", &format!("/landfall/v1/deliveries/{id}/replay"), None)
        {
            faults.push(format!("{id}: {problem:#}"));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("{} of {} deliveries are tried again", ids.len() - faults.len(), ids.len());
    let mut errors = io::stderr().lock();
    for fault in &faults {
        writeln!(errors, "{}", printable(fault))?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn every_dead_letter(client: &Client, filter: &Filter) -> Result<Vec<String>> {
    let query = filter.query(Some(Status::Dead));
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = deliveries(client, &query, PAGE, "ascending", after.as_deref())?;
        ids.extend(page.deliveries.into_iter().map(|delivery| delivery.id));
        after = match page.next {
            Some(next) => Some(next),
            None => return Ok(ids),
        };
    }
}

fn deliveries(
    client: &Client,
    query: &str,
    limit: u32,
    order: &str,
    after: Option<&str>,
) -> Result<Deliveries> {
    let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
    let target = format!("/landfall/v1/deliveries?limit={limit}&order={order}{after}{query}");
    let answer = client.call("landfall", "GET", &target, None)?;
    serde_json::from_value(answer).context("the server's answer is not understood")
}

fn progress(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

impl Filter {
    /// As it is asked for, behind other parameters. No value needs escapes.
    fn query(&self, status: Option<Status>) -> String {
        let parameter = |name: &str, value: Option<String>| {
            value.map(|value| format!("&{name}={value}")).unwrap_or_default()
        };
        let status = parameter("status", status.map(|status| status.word().to_owned()));
        let rule = parameter("rule", self.rule.as_ref().map(ToString::to_string));
        status + &rule + &parameter("certificate", self.certificate.map(|id| id.to_string()))
    }
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Delivered => "DELIVERED",
            Self::ErrorAction => "ERROR_ACTION",
            Self::Dead => "DEAD",
        }
    }
}

fn table(deliveries: &[Delivery]) -> String {
    if deliveries.is_empty() {
        return "no deliveries: every action ended well at once".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "RULE", "ACTION", "STATUS", "FAILED", "SINCE", "LAST PROBLEM"]);
    for delivery in deliveries {
        let Delivery { id, rule_name, action, status, attempts_failed, created_at_ms, attempts, .. } =
            delivery;
        let problem = attempts.last().map(|attempt| attempt.problem.as_str()).unwrap_or_default();
        let since = moment(*created_at_ms);
        table.add_row([
            id.clone(),
            rule_name.clone(),
            format!("{action} {}", kind(delivery)),
            status.clone(),
            attempts_failed.to_string(),
            since,
            printable(problem),
        ]);
    }
    table.trim_fmt()
}

/// What the action does, by AWS's name of it.
fn kind(delivery: &Delivery) -> String {
    let kind = delivery.request.as_object().and_then(|request| request.keys().next());
    kind.cloned().unwrap_or_default()
}

fn as_text(delivery: &Delivery) -> Result<String> {
    let Delivery {
        id, rule_name, action, topic, certificate_id, created_at_ms, status, status_at_ms, ..
    } = delivery;
    let mut lines = vec![
        format!("{id}: {status}"),
        format!(
            "  {action} ({}) of rule {rule_name}, for a message of {}",
            kind(delivery),
            moment(*created_at_ms)
        ),
        format!("  topic {}", printable(topic)),
    ];
    lines.extend(certificate_id.iter().map(|id| format!("  about certificate {id}")));
    let verb = if status == "WAITING" { "tried again at" } else { "ended at" };
    lines.push(format!("  {verb} {}", moment(*status_at_ms)));
    lines.push(format!("attempts that failed: {}", delivery.attempts_failed));
    let mut before = *created_at_ms;
    for Attempt { at_ms, duration_us, problem } in &delivery.attempts {
        let waited = at_ms - before;
        before = *at_ms;
        let took = duration_us / 1_000;
        lines.push(format!("  {} (+{waited} ms, took {took} ms): {}", moment(*at_ms), printable(problem)));
    }
    lines.push("request:".to_owned());
    lines.push(serde_json::to_string_pretty(&delivery.request)?);
    if let Some(request) = &delivery.error_request {
        lines.push("error action:".to_owned());
        lines.push(serde_json::to_string_pretty(request)?);
    }
    if lines.iter().any(|line| line.contains('\u{1b}')) {
        bail!("the delivery has control characters; use --json");
    }
    Ok(lines.join("\n") + "\n")
}

fn moment(milliseconds: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(milliseconds);
    moment.map_or_else(|_| milliseconds.to_string(), |moment| format!("{moment:.3}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            id: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
            rule_name: "JITRRule".to_owned(),
            action: "actions[0]".to_owned(),
            topic: "$aws/events/certificates/registered/1".to_owned(),
            certificate_id: Some("2".repeat(64)),
            created_at_ms: 1_800_000_000_000,
            status: "DELIVERED".to_owned(),
            status_at_ms: 1_800_000_000_950,
            attempts_failed: 2,
            attempts: [(10, 3_000, "Runtime.ExitError: killed\u{7}"), (250, 1_000, "a second one")]
                .map(|(after, duration_us, problem)| Attempt {
                    at_ms: 1_800_000_000_000 + after,
                    duration_us,
                    problem: problem.to_owned(),
                })
                .to_vec(),
            request: json!({"lambda": {"functionArn": "arn"}}),
            error_request: None,
        }
    }

    #[test]
    fn deliveries_are_shown_to_people() {
        insta::assert_snapshot!("shown", as_text(&delivery()).unwrap());
        insta::assert_snapshot!("listed", table(&[delivery()]));
        insta::assert_snapshot!("none", table(&[]));
    }

    #[test]
    fn what_is_filtered_is_asked_for() {
        let filter = Filter { rule: RuleName::parse("r").ok(), certificate: "2".repeat(64).parse().ok() };
        assert_eq!(
            filter.query(Some(Status::ErrorAction)),
            format!("&status=ERROR_ACTION&rule=r&certificate={}", "2".repeat(64))
        );
        assert_eq!(Filter { rule: None, certificate: None }.query(None), "");
    }
}
