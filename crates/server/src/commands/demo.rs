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
use crate::client::Client;
use crate::commands::ca::{CaFiles, create_ca, register_ca};
use crate::commands::simulate::{run_fleet, usual_fleet};
use crate::fleet_view::table;
use crate::lifecycle::shutdown_signal;
use crate::logging::{self, LogFormat};
use crate::settings::SettingsSources;

/// Show the main job: a server, a CA, and 50 devices that register themselves by connecting
///
/// Everything is in a fresh directory, on free ports of this machine's loopback address; no network and no other program is
/// needed. The server keeps running until Ctrl-C, so that you can look around.
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

    let things = tokio::task::spawn_blocking(move || {
        client.call("iot", "GET", &format!("/things?maxResults={SHOWN}"), None)
    });
    println!("{}", show_things(&things.await??));
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
