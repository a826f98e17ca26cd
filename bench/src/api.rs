use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use landfall_api::HttpRequest;
use serde_json::{Value, json};

use crate::client::{Caller, Connection, call_all, call_for};
use crate::figures::{micros_each, per_second, verdict};
use crate::landfall::{Landfall, credentials};
use crate::process::Server;

/// CreateThing, DescribeThing and ListThings in a small and a large registry, against moto_server: the same client and
/// requests for all, in one run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The binary to measure
    #[arg(long, value_name = "FILE", default_value = "target/release/landfall")]
    landfall: PathBuf,
    /// The Python environment of moto_server, made when it is missing
    #[arg(long, value_name = "DIR", default_value = "target/moto-venv")]
    moto: PathBuf,
    /// How many things are in the small registry and in moto_server
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    small: usize,
    /// How many things are in the large registry
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    large: usize,
    /// How many rounds; the figures are those of all rounds together
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// How long each operation is called on each server in a round
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    seconds: u64,
    /// How many connections call at once; what is created side by side is made durable together
    #[arg(long, value_name = "N", default_value_t = 32)]
    connections: usize,
}

/// The packages of the Python environment, and what makes it.
const MOTO_REQUIREMENTS: &str = "bench/moto-requirements.txt";
const SETUP: &str = "tests/clients/setup";

/// How many things a page has, which is the most that AWS gives.
const PAGE_SIZE: usize = 250;

/// How many connections fill a registry: Landfall commits what waits at once.
const FILLING_CONNECTIONS: usize = 64;

/// Times how long a call may take in the large registry, of its time in the small one.
const GROWTH_GOAL: f64 = 1.5;

/// Times how many requests a second Landfall answers, of those that moto_server does.
const MOTO_GOAL: f64 = 10.0;

/// What is measured.
#[derive(Clone, Copy, Debug)]
enum Operation {
    CreateThing,
    DescribeThing,
    FirstPage,
    MiddlePage,
}

/// A server with things in it.
struct Target {
    server: Server,
    caller: Arc<Caller>,
    things: usize,
    /// The token of the page in the middle of all things.
    middle: String,
    /// The number of the next thing that is created and deleted again.
    extra: usize,
}

/// What the calls of one operation cost one server, over all rounds.
#[derive(Default)]
struct Cost {
    calls: usize,
    wall: Duration,
    server_cpu: Duration,
}

/// What one operation cost each server.
#[derive(Default)]
struct Row {
    small: Cost,
    large: Cost,
    moto: Cost,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let moto = moto_server(&arguments.moto)?;
    let folder = tempfile::tempdir_in(arguments.landfall.parent().unwrap_or(Path::new(".")))?;
    let runtime = tokio::runtime::Runtime::new()?;
    let rows = runtime.block_on(async {
        let (data, larger_data) = (folder.path().join("small"), folder.path().join("large"));
        let mut small =
            Target::new(start_landfall(arguments, &data)?, arguments.small, FILLING_CONNECTIONS).await?;
        let mut large =
            Target::new(start_landfall(arguments, &larger_data)?, arguments.large, FILLING_CONNECTIONS)
                .await?;
        let mut moto = Target::new(start_moto(&moto)?, arguments.small, arguments.connections).await?;
        let mut rows = Operation::ALL.map(|_| Row::default());
        for round in 1..=arguments.rounds {
            println!("round {round} of {}", arguments.rounds);
            for (operation, row) in Operation::ALL.into_iter().zip(&mut rows) {
                // Side by side within each round, so that all three see the same machine.
                for (target, cost) in
                    [(&mut small, &mut row.small), (&mut large, &mut row.large), (&mut moto, &mut row.moto)]
                {
                    target.measure(operation, arguments, cost).await?;
                }
            }
        }
        anyhow::Ok(rows)
    })?;
    print(arguments, &rows);
    Ok(())
}

impl Operation {
    const ALL: [Self; 4] = [Self::CreateThing, Self::DescribeThing, Self::FirstPage, Self::MiddlePage];
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateThing => "CreateThing",
            Self::DescribeThing => "DescribeThing",
            Self::FirstPage => "ListThings, first page of 250",
            Self::MiddlePage => "ListThings, middle page of 250",
        })
    }
}

impl Target {
    /// A server in which this many things have been created.
    async fn new((server, caller): (Server, Arc<Caller>), things: usize, connections: usize) -> Result<Self> {
        println!("creating {things} things at {}", caller.address);
        call_all(&caller, connections, 0..things, create).await?;
        let middle = middle_page(&caller, things).await?;
        Ok(Self { server, caller, things, middle, extra: 0 })
    }

    /// Calls an operation for a while.
    async fn measure(&mut self, operation: Operation, arguments: &Arguments, cost: &mut Cost) -> Result<()> {
        let cpu_before = self.server.cpu()?;
        let duration = Duration::from_secs(arguments.seconds);
        let (things, first, middle) = (self.things, self.things + self.extra, self.middle.clone());
        let request = move |number: usize| match operation {
            Operation::CreateThing => create(first + number),
            // A stride that no usual number of things has as a factor meets all of them, in an order that helps no cache.
            Operation::DescribeThing => describe(number.wrapping_mul(7_919) % things),
            Operation::FirstPage => list(None),
            Operation::MiddlePage => list(Some(&middle)),
        };
        let called = call_for(&self.caller, arguments.connections, duration, request).await;
        let (calls, wall) =
            called.with_context(|| format!("calling {operation} at {}", self.caller.address))?;
        cost.server_cpu += self.server.cpu()?.saturating_sub(cpu_before);
        cost.calls += calls;
        cost.wall += wall;
        if matches!(operation, Operation::CreateThing) {
            // The next operation and round find as many things as this one did.
            call_all(&self.caller, FILLING_CONNECTIONS.min(calls), first..first + calls, delete).await?;
            self.extra += calls;
        }
        Ok(())
    }
}

impl Cost {
    fn rate(&self) -> f64 {
        per_second(self.calls, self.wall)
    }

    fn cells(&self) -> [String; 2] {
        [format!("{:.0}", self.rate()), format!("{:.0}", micros_each(self.server_cpu, self.calls))]
    }
}

impl Row {
    /// How many times longer a call takes in the large registry: as many connections always wait for an answer.
    fn growth(&self) -> f64 {
        self.small.rate() / self.large.rate()
    }

    fn against_moto(&self) -> f64 {
        self.small.rate() / self.moto.rate()
    }
}

fn print(arguments: &Arguments, rows: &[Row; 4]) {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let small = format!("{} things: requests/s", arguments.small);
    let large = format!("{}: requests/s", arguments.large);
    let cpu = "server µs each";
    let header = [
        "",
        &small,
        cpu,
        &large,
        cpu,
        "time, large to small",
        "moto_server: requests/s",
        cpu,
        "against moto_server",
    ];
    table.set_header(header);
    for (operation, row) in Operation::ALL.iter().zip(rows) {
        let mut cells = vec![operation.to_string()];
        cells.extend(row.small.cells());
        cells.extend(row.large.cells());
        cells.push(format!("{:.2}", row.growth()));
        cells.extend(row.moto.cells());
        cells.push(format!("{:.1}", row.against_moto()));
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("\n{table}");
    let grew = rows.iter().map(Row::growth).fold(0.0, f64::max);
    let least = rows.iter().map(Row::against_moto).fold(f64::INFINITY, f64::min);
    println!(
        "\ntime, large to small: at most {grew:.2}; the goal is at most {GROWTH_GOAL}: {}",
        verdict(grew <= GROWTH_GOAL)
    );
    println!(
        "against moto_server: at least {least:.1}; the goal is at least {MOTO_GOAL}: {}",
        verdict(least >= MOTO_GOAL)
    );
}

fn create(number: usize) -> HttpRequest {
    let attributes = json!({ "attributePayload": { "attributes": { "serial_number": format!("{number:08}"), "room": "cellar" } } });
    HttpRequest::new("POST", &format!("/things/{}", thing_name(number)))
        .with_header("content-type", "application/json")
        .with_body(attributes.to_string())
}

fn describe(number: usize) -> HttpRequest {
    HttpRequest::new("GET", &format!("/things/{}", thing_name(number)))
}

fn delete(number: usize) -> HttpRequest {
    HttpRequest::new("DELETE", &format!("/things/{}", thing_name(number)))
}

fn list(token: Option<&str>) -> HttpRequest {
    let token = token.map(|token| format!("&nextToken={}", percent_encode(token))).unwrap_or_default();
    HttpRequest::new("GET", &format!("/things?maxResults={PAGE_SIZE}{token}"))
}

fn thing_name(number: usize) -> String {
    format!("thing-{number:08}")
}

/// A token in a query: base64 has three characters that mean something else there.
fn percent_encode(token: &str) -> String {
    token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// The token of the page in the middle, by way of all pages before.
async fn middle_page(caller: &Caller, things: usize) -> Result<String> {
    let mut connection = Connection::new(caller);
    let mut token = None;
    let pages = (things / PAGE_SIZE / 2).max(1);
    for _ in 0..pages {
        let page: Value = serde_json::from_slice(&connection.call(list(token.as_deref())).await?)?;
        let found = page.get("things").and_then(Value::as_array).map_or(0, Vec::len);
        ensure!(found == PAGE_SIZE, "a page has {found} things instead of {PAGE_SIZE}");
        token = page.get("nextToken").and_then(Value::as_str).map(str::to_owned);
    }
    token.context("the list has too few pages to have one in its middle")
}

fn start_landfall(arguments: &Arguments, folder: &Path) -> Result<(Server, Arc<Caller>)> {
    let landfall = Landfall::start(&arguments.landfall, folder)?;
    let caller = landfall.caller()?;
    Ok((landfall.server, caller))
}

/// The program moto_server, in an environment that is made when it is missing.
fn moto_server(environment: &Path) -> Result<PathBuf> {
    let status = Command::new(SETUP).arg(environment).arg(MOTO_REQUIREMENTS).status();
    if !status
        .with_context(|| format!("cannot run {SETUP}; the benchmark runs in the project's folder"))?
        .success()
    {
        bail!("the environment of moto_server cannot be made");
    }
    Ok(environment.join("bin/moto_server"))
}

fn start_moto(program: &Path) -> Result<(Server, Arc<Caller>)> {
    let mut command = Command::new(program);
    command.args(["-H", "127.0.0.1", "-p", "0"]);
    let server = Server::start_logging(&mut command, "Running on http://")?;
    let endpoint = server.ready.split_whitespace().find(|word| word.starts_with("http://"));
    let endpoint = endpoint.context("moto_server did not say where it serves")?.to_owned();
    // It takes any keys.
    let credentials = credentials("AKIDEXAMPLE", "any".to_owned())?;
    Ok((server, Arc::new(Caller::new(&endpoint, credentials, "us-east-1".to_owned())?)))
}
