use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use landfall_api_server::delivery::{Attempt, Deliveries, Delivery};
use landfall_api_server::landfall::DELIVERIES_MAX;
use landfall_model::{CertificateId, DeliveryId, RuleName};

use crate::client::Client;
use crate::output::print;
use crate::text::printable;

/// Show what became of the actions of topic rules, and try again what was given up
///
/// Each action of a rule that matches a message is a delivery. One that ends well at once leaves nothing here: there are those
/// that failed at least once, and some that are under way. A failure that can pass is tried again, 12 times in all; then the
/// rule's error action is carried out, or the delivery is a dead letter, which waits to be replayed.
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
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(SHOWN_MAX)))]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one delivery with each attempt that failed, and what it is to do
    Show {
        /// Its id
        #[arg(value_name = "ID")]
        id: DeliveryId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try dead letters again, each with as many attempts as a new delivery
    ///
    /// What is done is what was to be done then: a rule that was changed since makes no difference.
    #[command(group = ArgGroup::new("which").args(["ids", "all", "rule", "certificate"]).required(true).multiple(true))]
    Replay {
        /// Their ids
        #[arg(value_name = "ID", conflicts_with_all = ["all", "rule", "certificate"])]
        ids: Vec<DeliveryId>,
        /// Every dead letter, unless --rule or --certificate say which
        #[arg(long)]
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
    /// They were given up: there is no error action, or it is one. These can be replayed
    Dead,
}

/// How many deliveries are shown at most.
pub(crate) const SHOWN_MAX: u32 = 1_000;

/// How many characters of a problem a list shows; all of it is shown with the delivery.
const LISTED_PROBLEM_CHARS_MAX: usize = 80;

/// What is said when there are deliveries, perhaps, but none that were asked for.
const NONE_OF_THESE: &str = "no such deliveries";

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let client = Client::find(&arguments.data)?;
    match arguments.command {
        Command::List { filter, status, limit, json } => {
            let mut found = deliveries(&client, &filter.query(status), limit, "descending")?;
            found.reverse();
            let is_everything = status.is_none() && filter.is_empty();
            let text = match (json, found.is_empty()) {
                (true, _) => format!("{:#}", serde_json::to_value(&found)?),
                (false, true) if !is_everything => NONE_OF_THESE.to_owned(),
                (false, _) => table(&found),
            };
            print(&format!("{text}\n"))?;
        }
        Command::Show { id, json } => {
            let answer = client.call("landfall", "GET", &format!("/landfall/v1/deliveries/{id}"), None)?;
            let text = if json {
                format!("{answer:#}\n")
            } else {
                let delivery =
                    serde_json::from_value(answer).context("the server's answer is not understood")?;
                as_text(&delivery)?
            };
            print(&text)?;
        }
        Command::Replay { ids, all: _, filter } => return replay(&client, &ids, &filter),
    }
    Ok(ExitCode::SUCCESS)
}

/// Has each delivery tried again, or every dead letter of the filter if none is named. One that is no dead letter any more does
/// not keep the others.
fn replay(client: &Client, ids: &[DeliveryId], filter: &Filter) -> Result<ExitCode> {
    let ids: Vec<String> = match ids {
        [] => every_dead_letter(client, filter)?,
        ids => ids.iter().map(ToString::to_string).collect(),
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
    print(&format!("{} of {} deliveries are tried again\n", ids.len() - faults.len(), ids.len()))?;
    let mut errors = io::stderr().lock();
    for fault in &faults {
        writeln!(errors, "{}", printable(fault))?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn every_dead_letter(client: &Client, filter: &Filter) -> Result<Vec<String>> {
    let query = filter.query(Some(Status::Dead));
    let mut ids = Vec::new();
    for_each(client, &query, u32::MAX, "ascending", |delivery| ids.push(delivery.id))?;
    Ok(ids)
}

/// The deliveries of a query, at most so many.
pub(crate) fn deliveries(client: &Client, query: &str, max: u32, order: &str) -> Result<Vec<Delivery>> {
    let mut found = Vec::new();
    for_each(client, query, max, order, |delivery| found.push(delivery))?;
    Ok(found)
}

/// Reads the deliveries of a query page by page, at most so many: each can be large, and who reads them may need little of it.
fn for_each(
    client: &Client,
    query: &str,
    max: u32,
    order: &str,
    mut take: impl FnMut(Delivery),
) -> Result<()> {
    let mut left = max;
    let mut after = String::new();
    loop {
        let limit = left.min(DELIVERIES_MAX);
        let target = format!("/landfall/v1/deliveries?limit={limit}&order={order}{after}{query}");
        let answer = client.call("landfall", "GET", &target, None)?;
        let Deliveries { deliveries, next } =
            serde_json::from_value(answer).context("the server's answer is not understood")?;
        left = left.saturating_sub(u32::try_from(deliveries.len()).unwrap_or(u32::MAX));
        deliveries.into_iter().for_each(&mut take);
        match next {
            Some(next) if left > 0 => after = format!("&after={next}"),
            Some(_) | None => return Ok(()),
        }
    }
}

fn progress(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

impl Filter {
    /// Whether it lets everything through.
    fn is_empty(&self) -> bool {
        let Self { rule, certificate } = self;
        rule.is_none() && certificate.is_none()
    }

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

pub(super) fn table(deliveries: &[Delivery]) -> String {
    if deliveries.is_empty() {
        return "no deliveries: no action of a rule has failed".to_owned();
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
            shortened(&printable(problem)),
        ]);
    }
    table.trim_fmt()
}

/// The start of a text for a list.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LISTED_PROBLEM_CHARS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or(text).to_owned() + "…",
        None => text.to_owned(),
    }
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
    fn a_list_shows_the_start_of_a_long_problem() {
        let long = "é".repeat(LISTED_PROBLEM_CHARS_MAX);
        assert_eq!(shortened(&long), long);
        assert_eq!(shortened(&format!("{long}a")), format!("{long}…"));
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
