use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use landfall_api_server::THING_TYPE_DELETION_DELAY_DEFAULT;
use landfall_model::{AccountId, Region, Scope};
use landfall_pki::{KeyKind, Subject};
use landfall_registration::{InactiveCaDevices, Registrar};
use landfall_simulator::{DeviceTypes, Endpoint, FleetReport, Profile, Publish};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::app::Config;
use crate::client::{Client, encoded};
use crate::commands::ca::{CaFiles, create_ca, register_ca};
use crate::commands::simulate::{run_fleet, usual_fleet};
use crate::fleet_view::table;
use crate::lifecycle::shutdown_signal;
use crate::logging::{self, LogFormat};
use crate::settings::SettingsSources;

/// Show the main job: a server, a CA, and 50 devices that register themselves by connecting
///
/// Everything is in a fresh directory, on free ports of this machine's loopback address; no network and no other program is
/// needed. One device in five is a Greengrass core, which gets a group that is ready to deploy. The server keeps running until
/// Ctrl-C, so that you can look around.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many devices
    #[arg(short, long, value_name = "N", default_value_t = 50)]
    number: usize,
    /// Stop when the fleet is done; the exit code is 0 when every device was registered
    #[arg(long)]
    exit: bool,
    /// What to log to standard error, as info or landfall_broker=debug,info
    #[arg(long, value_name = "FILTER", env = "LANDFALL_LOG", default_value = "warn")]
    log: String,
}

/// One in so many devices is a Greengrass core.
const GREENGRASS_EVERY: usize = 5;

/// The service that requests about Greengrass are signed for.
const GREENGRASS: &str = "greengrass";

const GROUPS: &str = "/greengrass/groups";

/// How many of the things are shown.
const SHOWN: u32 = 3;

const DRAIN: Duration = Duration::from_secs(10);

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    logging::start(LogFormat::Text, &arguments.log)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let folder = fresh_folder()?;
    let outcome = runtime.block_on(async {
        let signal = shutdown_signal().context("cannot listen for signals")?;
        let shutdown = CancellationToken::new();
        let stop = async {
            signal.await;
            shutdown.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = demo(&arguments, &folder, &shutdown) => outcome,
            () = stop => Ok(ExitCode::FAILURE),
        }
    });
    // Nothing of a demo is worth keeping, and what cannot be removed lies in the system's folder for such things.
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

async fn demo(arguments: &Arguments, folder: &Path, shutdown: &CancellationToken) -> Result<ExitCode> {
    let data = folder.join("landfall-data");
    let running = config(&data)?.build().await?.spawn()?;
    let info = running.info().clone();
    println!(
        "1. A server runs on free ports: MQTT over mutual TLS on {}, the AWS API on http://{}.",
        info.mqtt, info.http
    );

    let issuer = create_ca(&Subject::parse("O=Acme, CN=Acme root CA")?, KeyKind::P256, 365)?;
    CaFiles::of(&folder.join("root-ca-certs")).store(&issuer)?;
    let client = Arc::new(Client::of(&info)?);
    let issuer = Arc::new(issuer);
    let ca = {
        let (client, issuer) = (Arc::clone(&client), Arc::clone(&issuer));
        tokio::task::spawn_blocking(move || register_ca(&client, &issuer, true, true)).await??
    };
    println!("2. A CA was made and registered once: {ca}.");

    let greengrass = arguments.number / GREENGRASS_EVERY;
    println!(
        "3. {} devices, {greengrass} of them Greengrass cores, connect for the first time. Nobody has heard of them before.\n",
        arguments.number
    );
    let trust = std::fs::read(&info.server_ca)
        .with_context(|| format!("cannot read {}", info.server_ca.display()))?;
    let mut fleet = usual_fleet(Endpoint::parse(&info.mqtt)?, trust, issuer, arguments.number);
    let device_types = DeviceTypes::Mixed { greengrass };
    fleet.profile = Profile::Universal { device_types, publish: Publish::OneMessage };
    let report = run_fleet(fleet, false, shutdown).await?;

    let shown = tokio::task::spawn_blocking(move || -> Result<_> {
        let things = client.call("iot", "GET", &format!("/things?maxResults={SHOWN}"), None)?;
        Ok(format!("{}{}", show_things(&things), show_groups(&client)?))
    });
    println!("{}", shown.await??);
    show_end(arguments, &data, &report);
    if !arguments.exit {
        shutdown.cancelled().await;
    }
    running.drain(DRAIN).await;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show_end(arguments: &Arguments, data: &Path, report: &FleetReport) {
    if !arguments.exit {
        println!("Look around, in another terminal:");
        println!("  eval \"$({} env --data {})\"", program(), data.display());
        println!("  aws iot list-things");
        println!("  aws iot list-certificates");
        println!("  aws greengrass list-groups");
        println!("The server runs until Ctrl-C.\n");
    }
    println!("{}", table(report));
}

/// A few of the things, with what was made of their certificates.
fn show_things(answer: &Value) -> String {
    let mut text = "Some of the things, as `aws iot list-things` shows them:\n".to_owned();
    for thing in answer.get("things").and_then(Value::as_array).into_iter().flatten() {
        let member = |name: &str| thing.get(name).and_then(Value::as_str).unwrap_or("-");
        text.push_str(&format!("  {}  type {}\n", member("thingName"), member("thingTypeName")));
        let attributes = thing.get("attributes").and_then(Value::as_object).into_iter().flatten();
        let shown = attributes
            .filter(|(name, _)| !["creation_id", "common_name", "serial_number"].contains(&name.as_str()));
        let shown: Vec<_> =
            shown.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or("-"))).collect();
        text.push_str(&format!("    {}\n", shown.join("  ")));
    }
    text
}

/// What the Greengrass cores have beyond other devices: how many groups, and one of them with what it is made of.
fn show_groups(client: &Client) -> Result<String> {
    let (mut groups, mut page) = (0, client.call(GREENGRASS, "GET", GROUPS, None)?);
    let Some(group) = page.pointer("/Groups/0").cloned() else { return Ok(String::new()) };
    loop {
        groups += page.get("Groups").and_then(Value::as_array).map_or(0, Vec::len);
        let Some(token) = page.get("NextToken").and_then(Value::as_str) else { break };
        page = client.call(GREENGRASS, "GET", &format!("{GROUPS}?NextToken={}", encoded(token)), None)?;
    }
    let version = of_version(client, &group, "/LatestVersionArn")?;
    let core = of_version(client, &version, "/Definition/CoreDefinitionVersionArn")?;
    let logger = of_version(client, &version, "/Definition/LoggerDefinitionVersionArn")?;
    let thing = text_at(&core, "/Definition/Cores/0/ThingArn")?;
    let thing = thing.split_once(":thing/").map_or(thing, |(_, name)| name);
    let loggers = logger.pointer("/Definition/Loggers").and_then(Value::as_array);
    let loggers = loggers.into_iter().flatten().map(|logger| {
        let member = |name: &str| logger.get(name).and_then(Value::as_str).unwrap_or("-");
        format!("{} to {}", member("Component"), member("Type"))
    });
    Ok(format!(
        "\nEach Greengrass core has a group of its own, ready to deploy: {groups} groups, as `aws greengrass list-groups` shows \
         them. One of them:\n  {}  id {}\n    core {thing}\n    logs {}\n",
        text_at(&group, "/Name")?,
        text_at(&group, "/Id")?,
        loggers.collect::<Vec<_>>().join(", "),
    ))
}

/// The version of a Greengrass resource that an answer names by its ARN.
fn of_version(client: &Client, answer: &Value, pointer: &str) -> Result<Value> {
    let arn = text_at(answer, pointer)?;
    // What follows the account in the ARN is also the path of the request.
    let path = arn.split(':').nth(5).with_context(|| format!("{arn} is not an ARN"))?;
    client.call(GREENGRASS, "GET", path, None)
}

fn text_at<'v>(answer: &'v Value, pointer: &str) -> Result<&'v str> {
    answer
        .pointer(pointer)
        .and_then(Value::as_str)
        .with_context(|| format!("the server's answer has no {pointer}"))
}

fn config(data: &Path) -> Result<Config> {
    let any_port = "127.0.0.1:0".parse()?;
    Ok(Config {
        data: data.to_owned(),
        mqtt_listen: any_port,
        http_listen: any_port,
        hostname: "localhost".to_owned(),
        scope: Scope { account: AccountId::parse("000000000000")?, region: Region::parse("us-east-1")? },
        settings: SettingsSources::defaults(Registrar::Builtin),
        inactive_ca_devices: InactiveCaDevices::Stay,
        policy_reasons: false,
        certificate: None,
        thing_type_deletion_delay: THING_TYPE_DELETION_DELAY_DEFAULT,
        aws_endpoint_url: None,
        no_functions: true,
        insecure_api: false,
    })
}

fn fresh_folder() -> Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("landfall-demo-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// How the user can call this program again.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "landfall".to_owned(), |path| path.display().to_string())
}
