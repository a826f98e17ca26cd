mod watch;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use landfall_api_server::delivery::Delivery;
use landfall_api_server::landfall::{Registration, RegistrationOutcome, Registrations};
use landfall_api_server::registration_job::{Attempt, RegistrationJob, RegistrationJobs, RetryOutcome};
use landfall_model::{CaCertificateId, CertificateId, Clock as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::client::Client;
use crate::clock::SystemClock;
use crate::commands::deliveries;
use crate::text::printable;

/// Show what became of registrations, and try again what was refused or given up
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
    /// List registrations, the newest last
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
    /// Show all that is known of the registration of one certificate
    Show {
        /// Its id
        #[arg(value_name = "CERTIFICATE")]
        id: CertificateId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try registrations again that were refused or given up
    Retry {
        /// The ids of their certificates
        #[arg(value_name = "CERTIFICATE", required_unless_present = "all")]
        ids: Vec<CertificateId>,
        /// Every one that failed, or every one that the filter lets through
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        filter: Filter,
    },
    /// Print each registration as it ends, until Ctrl-C
    Watch {
        #[command(flatten)]
        filter: watch::Filter,
        /// Print a line of JSON for each
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Clone, Default)]
struct Filter {
    /// Only those of certificates that this CA certificate issued
    #[arg(long, value_name = "ID")]
    ca: Option<CaCertificateId>,
    /// Only failures with this code
    #[arg(long, value_name = "CODE", value_parser = code)]
    reason: Option<String>,
    /// Only those since then: a time, as 2026-01-31T12:00:00Z, or how long ago, as 1h
    #[arg(long, value_name = "TIME", value_parser = moment_of)]
    since: Option<i64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Status {
    /// Their devices were provisioned
    Success,
    /// Their certificates were activated while they waited: by a function behind a topic rule, or an operator
    Activated,
    /// They were refused, or given up
    Failure,
    /// They wait for their interceptors, and are tried again
    Waiting,
    /// Of those that waited: they succeeded after attempts that failed
    Done,
    /// Of those that waited: they were given up
    Dead,
}

/// All that is known of one registration.
struct Shown {
    registrations: Vec<Registration>,
    job: Option<RegistrationJob>,
    deliveries: Vec<Delivery>,
}

/// How many registrations are asked for at once.
const PAGE: u32 = 1_000;

/// How many registrations are tried again at once.
const RETRIES_AT_ONCE: usize = 8;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let client = Client::find(&arguments.data)?;
    match arguments.command {
        Command::List { filter, status, limit, json } => list(&client, &filter, status, limit, json)?,
        Command::Show { id, json } => show(&client, id, json)?,
        Command::Retry { ids, all, filter } => return retry(&client, ids, all, &filter),
        Command::Watch { filter, json } => watch::watch(&client, &filter, json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(client: &Client, filter: &Filter, status: Option<Status>, limit: u32, json: bool) -> Result<()> {
    let place = format!("limit={limit}&order=descending");
    if let Some(status) = status.and_then(Status::of_job) {
        let Filter { ca, reason: None, since: None } = filter else {
            bail!("--reason and --since are for registrations that have ended, not for those in this state");
        };
        let target = format!("registration-jobs?{place}&status={status}{}", parameter("ca", *ca));
        let mut page: RegistrationJobs = get(client, &target)?;
        page.registration_jobs.reverse();
        match json {
            true => println!("{:#}", serde_json::to_value(&page.registration_jobs)?),
            false => println!("{}", job_table(&page.registration_jobs)),
        }
        return Ok(());
    }
    let status = parameter("status", status.and_then(Status::of_record));
    let mut page: Registrations = get(client, &format!("registrations?{place}{status}{}", filter.query()))?;
    page.registrations.reverse();
    match json {
        true => println!("{:#}", serde_json::to_value(&page.registrations)?),
        false => println!("{}", table(&page.registrations)),
    }
    Ok(())
}

fn show(client: &Client, id: CertificateId, json: bool) -> Result<()> {
    let registrations: Registrations = get(client, &format!("certificates/{id}/registrations"))?;
    let shown = Shown {
        registrations: registrations.registrations,
        job: if_any(get(client, &format!("registration-jobs/{id}")))?,
        deliveries: deliveries::deliveries(
            client,
            &format!("&certificate={id}"),
            deliveries::SHOWN_MAX,
            "ascending",
        )?,
    };
    if shown.is_empty() {
        bail!("nothing is known of certificate {id}: it has not tried to connect");
    }
    match json {
        true => println!("{:#}", shown.to_json()?),
        false => print!("{}", shown.as_text(id)),
    }
    Ok(())
}

/// Has registrations tried again. One that fails does not keep the others.
fn retry(client: &Client, ids: Vec<CertificateId>, all: bool, filter: &Filter) -> Result<ExitCode> {
    let ids = if all { every_failure(client, filter)? } else { ids };
    let bar = if io::stderr().is_terminal() { progress(ids.len()) } else { ProgressBar::hidden() };
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..RETRIES_AT_ONCE.min(ids.len()) {
            scope.spawn(|| {
                while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = retry_one(client, *id);
                    bar.inc(1);
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes.push((*id, outcome));
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let outcomes = outcomes.into_inner().unwrap_or_default();
    let retried = Retried::of(&outcomes, all);
    println!("{}", retried.summary);
    let mut errors = io::stderr().lock();
    for line in &retried.faults {
        writeln!(errors, "{}", printable(line))?;
    }
    Ok(if retried.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn retry_one(client: &Client, id: CertificateId) -> Result<Option<RetryOutcome>> {
    let path = format!("/landfall/v1/certificates/{id}/registration/retry");
    if_any(client.call("landfall", "POST", &path, None).and_then(read))
}

/// What became of several.
struct Retried {
    summary: String,
    /// Those that are not registered, and why not.
    faults: Vec<String>,
}

impl Retried {
    /// `all`: they were not named, so that one that is not registered any more is no fault.
    fn of(outcomes: &[(CertificateId, Result<Option<RetryOutcome>>)], all: bool) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut faults = Vec::new();
        for (id, outcome) in outcomes {
            let counted = match outcome {
                Ok(Some(RetryOutcome::Active { .. })) => "registered",
                Ok(Some(RetryOutcome::Told)) => "told to topic rules again",
                Ok(Some(RetryOutcome::Waiting { job })) => {
                    let why = last_problem(job).unwrap_or_else(|| "its interceptors think".to_owned());
                    faults.push(format!("{id} waits: {why}"));
                    "waiting"
                }
                Ok(Some(RetryOutcome::Refused { code, message })) => {
                    faults.push(format!("{id} {code}: {message}"));
                    "refused"
                }
                Ok(None) if all => "not there any more",
                Ok(None) => {
                    faults.push(format!("{id}: the certificate is not registered"));
                    "failed"
                }
                Err(problem) => {
                    faults.push(format!("{id}: {problem:#}"));
                    "failed"
                }
            };
            *counts.entry(counted).or_default() += 1;
        }
        let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let summary = match outcomes.len() {
            0 => "no registration failed: there is nothing to try again".to_owned(),
            1 => format!("1 registration tried again: {}", counts.join(", ")),
            tried => format!("{tried} registrations tried again: {}", counts.join(", ")),
        };
        Self { summary, faults }
    }
}

/// The certificates of the registrations that failed, each once.
fn every_failure(client: &Client, filter: &Filter) -> Result<Vec<CertificateId>> {
    let mut ids: Vec<CertificateId> = Vec::new();
    let mut after = None::<String>;
    loop {
        let after_parameter = parameter("after", after.as_deref());
        let target = format!("registrations?limit={PAGE}&status=FAILURE{}{after_parameter}", filter.query());
        let page: Registrations = get(client, &target)?;
        for registration in page.registrations {
            ids.push(registration.certificate_id.parse().context("the server's answer is not understood")?);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut known = HashSet::new();
    ids.retain(|id| known.insert(*id));
    Ok(ids)
}

impl Filter {
    /// As it is asked for, behind other parameters. No value needs escapes.
    fn query(&self) -> String {
        let Self { ca, reason, since } = self;
        parameter("ca", *ca) + &parameter("code", reason.as_ref()) + &parameter("since", *since)
    }
}

impl Status {
    /// The word of the registration log.
    fn of_record(self) -> Option<&'static str> {
        match self {
            Self::Success => Some("SUCCESS"),
            Self::Activated => Some("ACTIVATED"),
            Self::Failure => Some("FAILURE"),
            Self::Waiting | Self::Done | Self::Dead => None,
        }
    }

    /// The word of the queue.
    fn of_job(self) -> Option<&'static str> {
        match self {
            Self::Waiting => Some("WAITING"),
            Self::Done => Some("DONE"),
            Self::Dead => Some("DEAD"),
            Self::Success | Self::Activated | Self::Failure => None,
        }
    }
}

impl Shown {
    fn is_empty(&self) -> bool {
        self.registrations.is_empty() && self.job.is_none() && self.deliveries.is_empty()
    }

    fn to_json(&self) -> Result<Value> {
        let Self { registrations, job, deliveries } = self;
        Ok(json!({
            "registrations": serde_json::to_value(registrations)?,
            "registrationJob": serde_json::to_value(job)?,
            "deliveries": serde_json::to_value(deliveries)?,
        }))
    }

    fn as_text(&self, id: CertificateId) -> String {
        let Self { registrations, job, deliveries } = self;
        let mut lines = vec![format!("certificate {id}")];
        if let Some(last) = registrations.last() {
            lines.push(format!("  issued by CA certificate {}", last.ca_certificate_id));
            lines
                .extend(last.serial_number.iter().map(|text| format!("  serial number {}", printable(text))));
            lines.extend(last.product_id.iter().map(|text| format!("  product {}", printable(text))));
        }
        lines.extend(registrations.iter().flat_map(registration_lines));
        lines.extend(job.iter().flat_map(job_lines));
        if !deliveries.is_empty() {
            lines.push("topic rules:".to_owned());
            lines.push(deliveries::table(deliveries));
        }
        lines.join("\n") + "\n"
    }
}

fn registration_lines(registration: &Registration) -> Vec<String> {
    let Registration { first_at_ms, last_at_ms, attempts, duration_us, .. } = registration;
    let (status, what) = outcome(registration);
    let times = match attempts {
        1 => String::new(),
        times => format!(", {times} times since {}", moment(*first_at_ms)),
    };
    let took = duration_us / 1_000;
    let head = format!("{}: {status}{times}, took {took} ms", moment(*last_at_ms));
    vec![head, format!("  {what}")]
}

fn job_lines(job: &RegistrationJob) -> Vec<String> {
    let RegistrationJob {
        created_at_ms, status, status_at_ms, kept_until_ms, attempts_failed, attempts, ..
    } = job;
    let verb = match status.as_str() {
        "WAITING" => "waits for its interceptors, tried again at",
        "DEAD" => "given up at",
        _ => "succeeded at",
    };
    let kept = kept_until_ms.map(|until| format!(", kept until {}", moment(until))).unwrap_or_default();
    let begun = moment(*created_at_ms);
    let mut lines = vec![format!("queued at {begun}: {status}, {verb} {}{kept}", moment(*status_at_ms))];
    lines.push(format!("attempts that failed: {attempts_failed}"));
    let mut before = *created_at_ms;
    for attempt in attempts {
        let waited = attempt.at_ms - before;
        before = attempt.at_ms;
        let took = attempt.duration_us / 1_000;
        lines.push(format!(
            "  {} (+{waited} ms, took {took} ms): {}",
            moment(attempt.at_ms),
            problem(attempt)
        ));
    }
    lines
}

fn table(registrations: &[Registration]) -> String {
    if registrations.is_empty() {
        return "no registrations".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["CERTIFICATE", "STATUS", "TIMES", "LAST", "THING OR REASON"]);
    for registration in registrations {
        let (status, what) = outcome(registration);
        table.add_row([
            registration.certificate_id.clone(),
            status.to_owned(),
            registration.attempts.to_string(),
            moment(registration.last_at_ms),
            what,
        ]);
    }
    table.trim_fmt()
}

fn job_table(jobs: &[RegistrationJob]) -> String {
    if jobs.is_empty() {
        return "no registrations in this state".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["CERTIFICATE", "STATUS", "FAILED", "SINCE", "NEXT OR END", "LAST PROBLEM"]);
    for job in jobs {
        table.add_row([
            job.certificate_id.clone(),
            job.status.clone(),
            job.attempts_failed.to_string(),
            moment(job.created_at_ms),
            moment(job.status_at_ms),
            last_problem(job).unwrap_or_default(),
        ]);
    }
    table.trim_fmt()
}

/// A registration in one line.
fn line(registration: &Registration) -> String {
    let (status, what) = outcome(registration);
    format!("{} {status} {} {what}", moment(registration.last_at_ms), registration.certificate_id)
}

/// How a registration ended, in a word and in words.
fn outcome(registration: &Registration) -> (&'static str, String) {
    match &registration.outcome {
        RegistrationOutcome::Success { thing_name, device_type } => {
            ("SUCCESS", format!("{thing_name} ({device_type})"))
        }
        RegistrationOutcome::Activated { thing_name } => {
            ("ACTIVATED", thing_name.clone().unwrap_or_else(|| "without a thing".to_owned()))
        }
        RegistrationOutcome::Failure { code, message } => {
            ("FAILURE", format!("{}: {}", printable(code), printable(message)))
        }
    }
}

fn last_problem(job: &RegistrationJob) -> Option<String> {
    job.attempts.last().map(problem)
}

fn problem(attempt: &Attempt) -> String {
    match &attempt.interceptor {
        Some(interceptor) => {
            format!("interceptor {}: {}", printable(interceptor), printable(&attempt.problem))
        }
        None => printable(&attempt.problem),
    }
}

fn get<T: DeserializeOwned>(client: &Client, target: &str) -> Result<T> {
    read(client.call("landfall", "GET", &format!("/landfall/v1/{target}"), None)?)
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T> {
    serde_json::from_value(answer).context("the server's answer is not understood")
}

/// What was asked for; none if the server says that there is no such thing.
fn if_any<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(problem) if problem.to_string().starts_with("ResourceNotFoundException") => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn parameter(name: &str, value: Option<impl ToString>) -> String {
    value.map(|value| format!("&{name}={}", value.to_string())).unwrap_or_default()
}

fn progress(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

fn moment(milliseconds: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(milliseconds);
    moment.map_or_else(|_| milliseconds.to_string(), |moment| format!("{moment:.3}"))
}

/// A code of failures: it needs no escapes.
fn code(text: &str) -> Result<String> {
    let is_code = !text.is_empty() && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if !is_code {
        bail!("a code has letters, digits and _, as interceptor_denied");
    }
    Ok(text.to_owned())
}

/// A time in milliseconds since 1970.
fn moment_of(text: &str) -> Result<i64> {
    moment_before(text, SystemClock.now().as_millis())
}

fn moment_before(text: &str, now_ms: i64) -> Result<i64> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return Ok(now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)));
    }
    let moment: jiff::Timestamp = text.parse().map_err(|_| {
        anyhow::anyhow!("{text:?} is neither a time, as 2026-01-31T12:00:00Z, nor how long ago, as 1h")
    })?;
    Ok(moment.as_millisecond())
}

#[cfg(test)]
mod tests {

    use super::*;

    pub(super) const NOW: i64 = 1_800_000_000_000;

    fn id() -> CertificateId {
        "2".repeat(64).parse().unwrap()
    }

    fn registration(outcome: RegistrationOutcome) -> Registration {
        Registration {
            certificate_id: id().to_string(),
            ca_certificate_id: "7".repeat(64),
            first_at_ms: NOW,
            last_at_ms: NOW + 2_500,
            attempts: 1,
            duration_us: 12_345,
            serial_number: Some("0001".to_owned()),
            product_id: Some("smart\u{7}sensor".to_owned()),
            outcome,
        }
    }

    pub(super) fn denied() -> Registration {
        let (code, message) = (
            "interceptor_denied".to_owned(),
            "interceptor list denied the device: stolen\u{1b}[2J".to_owned(),
        );
        Registration { attempts: 3, ..registration(RegistrationOutcome::Failure { code, message }) }
    }

    pub(super) fn succeeded() -> Registration {
        let (thing_name, device_type) = ("thing-1".to_owned(), "iot".to_owned());
        registration(RegistrationOutcome::Success { thing_name, device_type })
    }

    fn job(status: &str) -> RegistrationJob {
        let attempts =
            [(0, Some("hook"), "connection refused\u{7}"), (612, None, "the registry did not answer")];
        RegistrationJob {
            certificate_id: id().to_string(),
            ca_certificate_id: "7".repeat(64),
            creation_id: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
            created_at_ms: NOW,
            status: status.to_owned(),
            status_at_ms: NOW + 5_000,
            kept_until_ms: (status == "DEAD").then_some(NOW + 1_209_600_000),
            attempts_failed: 2,
            receive_count: 2,
            attempts: attempts
                .map(|(after, interceptor, problem)| Attempt {
                    at_ms: NOW + after,
                    duration_us: 3_000,
                    interceptor: interceptor.map(str::to_owned),
                    problem: problem.to_owned(),
                })
                .to_vec(),
        }
    }

    fn delivery() -> Delivery {
        Delivery {
            id: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
            rule_name: "JITRRule".to_owned(),
            action: "actions[0]".to_owned(),
            topic: "$aws/events/certificates/registered/1".to_owned(),
            certificate_id: Some(id().to_string()),
            created_at_ms: NOW,
            status: "DEAD".to_owned(),
            status_at_ms: NOW,
            attempts_failed: 1,
            attempts: Vec::new(),
            request: json!({"lambda": {"functionArn": "arn"}}),
            error_request: None,
        }
    }

    #[test]
    fn registrations_are_shown_to_people() {
        let activated = registration(RegistrationOutcome::Activated { thing_name: None });
        let all = [denied(), activated, succeeded()];
        insta::assert_snapshot!("listed", table(&all));
        insta::assert_snapshot!("none", table(&[]));
        insta::assert_snapshot!("jobs", job_table(&[job("WAITING"), job("DEAD"), job("DONE")]));
        insta::assert_snapshot!("line", line(&all[0]));
        let deliveries = vec![delivery()];
        let shown = Shown { registrations: all.to_vec(), job: Some(job("DEAD")), deliveries };
        insta::assert_snapshot!("shown", shown.as_text(id()));
        assert!(!shown.is_empty());
        let nothing = Vec::new();
        let waiting = Shown { registrations: Vec::new(), job: Some(job("WAITING")), deliveries: nothing };
        insta::assert_snapshot!("waiting", waiting.as_text(id()));
    }

    #[test]
    fn what_became_of_retries_is_summed_up() {
        let of = |outcome| (id(), outcome);
        let refused =
            RetryOutcome::Refused { code: "thing_taken".to_owned(), message: "it has one".to_owned() };
        let outcomes = [
            of(Ok(Some(RetryOutcome::Active { thing_name: None }))),
            of(Ok(Some(RetryOutcome::Active { thing_name: Some("thing-1".to_owned()) }))),
            of(Ok(Some(RetryOutcome::Told))),
            of(Ok(Some(refused))),
            of(Ok(Some(RetryOutcome::Waiting { job: job("WAITING") }))),
            of(Ok(None)),
            of(Err(anyhow::anyhow!("cannot reach the server"))),
        ];
        for all in [false, true] {
            let retried = Retried::of(&outcomes, all);
            let text = format!("{}\n{}", retried.summary, retried.faults.join("\n"));
            insta::assert_snapshot!(format!("retried_{}", if all { "all" } else { "named" }), text);
        }
        assert_eq!(Retried::of(&[], true).summary, "no registration failed: there is nothing to try again");
        assert_eq!(Retried::of(&outcomes[..1], true).summary, "1 registration tried again: 1 registered");
    }

    #[test]
    fn what_is_filtered_is_asked_for() {
        let ca = "7".repeat(64);
        let filter = Filter { ca: ca.parse().ok(), reason: code("thing_taken").ok(), since: Some(NOW) };
        assert_eq!(filter.query(), format!("&ca={ca}&code=thing_taken&since={NOW}"));
        assert_eq!(Filter::default().query(), "");
        for (text, expected) in [
            ("1h", Some(NOW - 3_600_000)),
            ("90s", Some(NOW - 90_000)),
            ("2027-01-15T08:00:00Z", Some(NOW)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(moment_before(text, NOW).ok(), expected, "{text}");
        }
        assert!(code("a b").is_err() && code("").is_err() && code("a&b").is_err());
    }
}
