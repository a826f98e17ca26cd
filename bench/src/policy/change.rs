//! How soon the last of many connections feels a change of the policy that they share.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landfall_api::HttpRequest;
use landfall_mqtt::{ClientEvent, ProtocolVersion, ReasonCode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::RootCertStore;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Arguments;
use crate::client::{Caller, Connection};
use crate::devices::{self, Device};
use crate::figures::{print_table, verdict};
use crate::landfall::{Landfall, make_ca, now};
use crate::load::Opened;

/// The policy that the built-in registrar attaches to every device.
const POLICY: &str = "iot-access-policy";

/// How soon the last connection has to feel a change.
const GOAL: Duration = Duration::from_secs(1);

/// How long anything may take before the run is given up.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Files and sockets that are open beside the connections.
const OTHER_FILES: usize = 256;

/// What a change came to in one round.
struct Felt {
    /// When each connection felt it, since the answer to who made the change, in order.
    delays: Vec<Duration>,
    answer: Duration,
    server_cpu: Duration,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    raise_open_files(arguments.connections + OTHER_FILES)?;
    let folder = tempfile::tempdir_in(arguments.landfall.parent().unwrap_or(Path::new(".")))?;
    let landfall = Landfall::start(&arguments.landfall, folder.path())?;
    let issuer = make_ca("CN=Benchmark devices")?;
    landfall.register_ca(&issuer)?;
    let mut roots = RootCertStore::empty();
    roots.add(landfall.server_ca()?)?;
    println!("\nmaking {} devices", arguments.connections);
    let devices = Arc::new(devices::make(&issuer, &roots, arguments.connections, now())?);
    let caller = landfall.caller()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let rounds = runtime.block_on(async {
        let mut rounds = Vec::new();
        for round in 1..=arguments.rounds {
            println!("round {round} of {}: connecting", arguments.rounds);
            let opened = connect(&devices, landfall.mqtt()?, arguments.concurrency).await?;
            rounds.push(withdraw(&landfall, &caller, opened).await?);
        }
        anyhow::Ok(rounds)
    })?;
    print(arguments, &rounds);
    Ok(())
}

/// Connects all devices, and keeps them connected.
async fn connect(devices: &Arc<Vec<Device>>, server: SocketAddr, concurrency: usize) -> Result<Vec<Opened>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..concurrency {
        let (devices, next) = (Arc::clone(devices), Arc::clone(&next));
        workers.spawn(async move {
            let mut opened = Vec::new();
            while let Some(device) = devices.get(next.fetch_add(1, Ordering::Relaxed)) {
                let connecting = Opened::new(device, server, ProtocolVersion::V5);
                opened.push(
                    tokio::time::timeout(TIMEOUT, connecting)
                        .await
                        .context("a connection took too long")??,
                );
            }
            anyhow::Ok(opened)
        });
    }
    let mut opened = Vec::with_capacity(devices.len());
    while let Some(worker) = workers.join_next().await {
        opened.extend(worker.context("a worker panicked")??);
    }
    Ok(opened)
}

/// Withdraws the right to connect by a new version of the policy, waits until every connection was told by its DISCONNECT,
/// and gives the right back.
async fn withdraw(landfall: &Landfall, caller: &Caller, opened: Vec<Opened>) -> Result<Felt> {
    let mut api = Connection::new(caller);
    let policy: Value = serde_json::from_slice(&api.call(HttpRequest::new("GET", &policy_path())).await?)?;
    let text = policy.get("policyDocument").and_then(Value::as_str).context("a policy without a document")?;
    let document = without_connect(serde_json::from_str(text)?)?;
    let mut watchers: JoinSet<_> = opened.into_iter().map(told).collect();
    let cpu_before = landfall.server.cpu()?;
    let sent = Instant::now();
    let created = api.call(create_version(&document)).await?;
    let answered = Instant::now();
    let mut delays = Vec::with_capacity(watchers.len());
    while let Some(watcher) = watchers.join_next().await {
        let told = watcher.context("a watcher panicked")??;
        // Who is told before the answer has arrived is told at once.
        delays.push(told.saturating_duration_since(answered));
    }
    let server_cpu = landfall.server.cpu()?.saturating_sub(cpu_before);
    delays.sort_unstable();

    let created: Value = serde_json::from_slice(&created)?;
    let version =
        created.get("policyVersionId").and_then(Value::as_str).context("a version without an id")?;
    api.call(HttpRequest::new("PATCH", &format!("{}/version/1", policy_path()))).await?;
    api.call(HttpRequest::new("DELETE", &format!("{}/version/{version}", policy_path()))).await?;
    Ok(Felt { delays, answer: answered - sent, server_cpu })
}

/// Waits until a connection is told that it may not be any more: when that was.
async fn told(mut opened: Opened) -> Result<Instant> {
    let event = tokio::time::timeout(TIMEOUT, opened.next()).await.context("a connection does not end")??;
    let at = Instant::now();
    let is_told = matches!(event, ClientEvent::Disconnected { reason: ReasonCode::NotAuthorized, .. });
    ensure!(is_told, "{event:?} instead of a DISCONNECT");
    Ok(at)
}

/// A document without its statements about connecting.
fn without_connect(mut document: Value) -> Result<Value> {
    let statements = document.get_mut("Statement").and_then(Value::as_array_mut).context("no statements")?;
    let before = statements.len();
    statements.retain(|statement| statement.get("Action") != Some(&json!(["iot:Connect"])));
    ensure!(statements.len() < before, "the policy has no statement about connecting");
    Ok(document)
}

fn policy_path() -> String {
    format!("/policies/{POLICY}")
}

fn create_version(document: &Value) -> HttpRequest {
    HttpRequest::new("POST", &format!("{}/version?setAsDefault=true", policy_path()))
        .with_header("content-type", "application/json")
        .with_body(json!({"policyDocument": document.to_string()}).to_string())
}

fn print(arguments: &Arguments, rounds: &[Felt]) {
    let millis = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
    let at = |felt: &Felt, hundredth: usize| {
        let last = felt.delays.len().saturating_sub(1);
        felt.delays.get(last * hundredth / 100).copied().unwrap_or_default()
    };
    let row = |(number, felt): (usize, &Felt)| {
        vec![
            format!("{}", number + 1),
            millis(felt.answer),
            millis(at(felt, 50)),
            millis(at(felt, 99)),
            millis(at(felt, 100)),
            millis(felt.server_cpu),
        ]
    };
    let title =
        format!("When {} connections feel a change of their policy, after its answer", arguments.connections);
    let header = ["round", "answer: ms", "half of them: ms", "99 %: ms", "the last: ms", "server CPU: ms"];
    print_table(&title, &header, rounds.iter().enumerate().map(row).collect());
    let last = rounds.iter().map(|felt| at(felt, 100)).max().unwrap_or_default();
    println!(
        "\nthe last connection: after {} ms at most; the goal is at most {} ms: {}",
        millis(last),
        millis(GOAL),
        verdict(last <= GOAL)
    );
}

/// Lets this process have so many files and sockets open at once.
fn raise_open_files(count: usize) -> Result<()> {
    let count = u64::try_from(count)?;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < count) {
        let wanted = Rlimit { current: Some(count), maximum };
        setrlimit(Resource::Nofile, wanted).with_context(|| {
            format!("{count} open files are needed: raise `ulimit -n`, or give fewer connections")
        })?;
    }
    Ok(())
}
