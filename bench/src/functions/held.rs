//! What a first connection takes that is held until a function has registered the device.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use landfall_mqtt::ProtocolVersion;
use landfall_pki::Issuer;
use rustls::RootCertStore;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::deploy::{Code, Log, create, post};
use super::{Arguments, HEADER, Times, WARM_UP, start};
use crate::client::Connection;
use crate::devices::{self, Device};
use crate::figures::{print_table, verdict};
use crate::landfall::{Landfall, make_ca, now};
use crate::load::Opened;

/// The most milliseconds that a warm function may add to a held registration.
const GOAL_MILLIS: f64 = 5.0;

/// How long one connection may take before the run is given up.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What registers a device is at least: the right to connect, and an active certificate.
const JITR: Code = Code {
    name: "jitr",
    runtime: "python3.12",
    file: "jitr.py",
    text: r#"
import time

import boto3

iot = boto3.client("iot")


def handler(event, context):
    began = time.time()
    certificate = event["certificateId"]
    arn = f"arn:aws:iot:us-east-1:{event['awsAccountId']}:cert/{certificate}"
    iot.attach_policy(policyName="jitr", target=arn)
    iot.update_certificate(certificateId=certificate, newStatus="ACTIVE")
    print(f"bench: {began:.6f} {time.time():.6f}")
"#,
};

/// What it took, in the order of the devices.
#[derive(Default)]
struct Measured {
    /// From CONNECT to CONNACK.
    held: Times,
    /// The same with the built-in registrar.
    built_in: Times,
    /// From CONNECT to the first line of the function.
    before: Times,
    /// From the first line of the function to its last.
    handler: Times,
    /// What the log of the function says.
    durations: Times,
}

pub(super) async fn run(arguments: &Arguments, folder: &Path) -> Result<()> {
    let issuer = make_ca("CN=Benchmark devices")?;
    let by_function = start(arguments, &folder.join("by-function"), &["--registrar", "rules"])?;
    let built_in = start(arguments, &folder.join("built-in"), &[])?;
    let mut roots = RootCertStore::empty();
    for landfall in [&by_function, &built_in] {
        landfall.register_ca(&issuer)?;
        roots.add(landfall.server_ca()?)?;
    }
    deploy(&by_function, folder).await?;
    let devices = make(&issuer, &roots, arguments.devices + WARM_UP)?;
    let measured = measure(&by_function, &built_in, &devices).await?;
    print(&measured);
    Ok(())
}

/// Creates the function, the policy that it attaches, and the rule that invokes it.
async fn deploy(landfall: &Landfall, folder: &Path) -> Result<()> {
    let caller = landfall.caller()?;
    let lambda = caller.of_service("lambda");
    let function = create(&JITR, folder, &mut Connection::new(&lambda)).await?;
    let mut iot = Connection::new(&caller);
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "iot:Connect", "Resource": "*" }],
    });
    iot.call(post("/policies/jitr", &json!({ "policyDocument": document.to_string() }))).await?;
    let rule = json!({
        "sql": "SELECT * FROM '$aws/events/certificates/registered/#' WHERE certificateStatus = \"PENDING_ACTIVATION\"",
        "awsIotSqlVersion": "2016-03-23",
        "actions": [{ "lambda": { "functionArn": function } }],
    });
    iot.call(post("/rules/jitr", &rule)).await?;
    Ok(())
}

fn make(issuer: &Issuer, roots: &RootCertStore, count: usize) -> Result<Vec<Device>> {
    println!("making {count} devices");
    devices::make(issuer, roots, count, now())
}

/// Connects the devices one after the other, each to both servers in turn, so that both see the same machine.
async fn measure(by_function: &Landfall, built_in: &Landfall, devices: &[Device]) -> Result<Measured> {
    let (function_address, built_in_address) = (by_function.mqtt()?, built_in.mqtt()?);
    let mut measured = Measured::default();
    let mut began = Vec::new();
    for (number, device) in devices.iter().enumerate() {
        let mut held = Opened::shake_hands(device, function_address, ProtocolVersion::V311).await?;
        began.push(since_epoch()?);
        let held = admitted(&mut held, device).await?;
        let mut known = Opened::shake_hands(device, built_in_address, ProtocolVersion::V311).await?;
        let known = admitted(&mut known, device).await?;
        if number >= WARM_UP {
            measured.held.push(held);
            measured.built_in.push(known);
        }
    }
    let log = Log::of(by_function, &JITR, devices.len()).await?;
    ensure!(log.printed.len() == devices.len(), "the function has printed {} lines", log.printed.len());
    for (connect, printed) in began.iter().zip(&log.printed).skip(WARM_UP) {
        let (first, last) = printed.split_once(' ').context("the function prints something else")?;
        let (first, last) = (seconds(first)?, seconds(last)?);
        measured.before.push(first.saturating_sub(*connect));
        measured.handler.push(last.saturating_sub(first));
    }
    measured.durations = log.durations.from(WARM_UP);
    Ok(measured)
}

/// How long it takes from CONNECT to CONNACK.
async fn admitted(connection: &mut Opened, device: &Device) -> Result<Duration> {
    let began = Instant::now();
    let admitted = timeout(TIMEOUT, connection.admitted()).await.context("a connection took too long")?;
    admitted.with_context(|| format!("{} is not let in", device.thing_name))?;
    Ok(began.elapsed())
}

fn since_epoch() -> Result<Duration> {
    #[expect(clippy::disallowed_methods, reason = "the function says by this clock when it began")]
    let now = SystemTime::now();
    Ok(now.duration_since(UNIX_EPOCH)?)
}

fn seconds(text: &str) -> Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

fn print(measured: &Measured) {
    let Measured { held, built_in, before, handler, durations } = measured;
    // The device is let in when its certificate is active, mostly before the function has heard of that: what comes after its
    // last line is seldom something.
    let outside = before.or_more(&held.without(handler));
    let added = held.without(built_in);
    let rows = vec![
        held.row("CONNECT to CONNACK, registered by a function in Python"),
        built_in.row("CONNECT to CONNACK, registered by the built-in registrar"),
        added.row("what the function adds to that"),
        durations.row("Duration in the log of the function"),
        handler.row("first line to last of the function: two calls by boto3"),
        outside.row("CONNECT to CONNACK without these lines: what Landfall takes"),
    ];
    print_table("What a first connection takes that is held, one after the other", &HEADER, rows);
    println!("\nagainst the built-in registrar: {:.1} times the time", held.at(50) / built_in.at(50));
    for (what, times) in
        [("added to the built-in registrar's time", added), ("besides the function", outside)]
    {
        let median = times.at(50);
        println!(
            "{what}: {median:.2} ms for half of them; the goal is at most {GOAL_MILLIS} ms: {}",
            verdict(median <= GOAL_MILLIS)
        );
    }
}
