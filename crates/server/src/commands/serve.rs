use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use landfall_model::{AccountId, Region, Scope};
use landfall_registration::{InactiveCaDevices, Registrar};
use tokio::signal::unix::{SignalKind, signal};
use tracing::error;

use crate::app::{Config, Running};
use crate::data_dir::{Ready, ServerInfo, write_public};
use crate::identity::OwnCertificate;
use crate::lifecycle::shutdown_signal;
use crate::logging::{self, LogFormat};
use crate::settings::SettingsSources;

/// Run the server until SIGTERM or Ctrl-C
#[derive(Args)]
pub(crate) struct Arguments {
    /// All of the server's state is kept in this directory
    #[arg(long, value_name = "DIR", default_value = "landfall-data")]
    data: PathBuf,
    /// Where to serve MQTT over mutual TLS; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8883")]
    mqtt_listen: SocketAddr,
    /// Where to serve the API, on a loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4080")]
    http_listen: SocketAddr,
    /// The name by which devices reach the server: the answer of describe-endpoint, and in the server's certificate
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    hostname: String,
    /// The AWS account that the server is
    #[arg(long, value_name = "ID", default_value = "000000000000", value_parser = AccountId::parse)]
    account_id: AccountId,
    /// The AWS region that the server is
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = Region::parse)]
    region: Region,
    /// Who provisions a device that connects for the first time
    #[arg(long, value_enum, default_value_t)]
    registrar: RegistrarArgument,
    /// How long a first connection waits until its certificate is ACTIVE; 0s drops it, as AWS does [default: 2s, or
    /// 10s with --registrar rules]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    first_connect_hold: Option<Duration>,
    /// The settings of the registrar; `landfall config init` writes a file that explains itself. SIGHUP and
    /// `landfall config reload` read it anew
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Set a parameter of the registrar, over what the file and the environment (LANDFALL_SET_NAME) say; can be given
    /// several times
    #[arg(long = "set", value_name = "[CA.ID.]NAME=VALUE")]
    overrides: Vec<String>,
    /// What becomes of registered devices when their CA certificate is set INACTIVE
    #[arg(long, value_enum, default_value_t)]
    inactive_ca_devices: InactiveCaDevicesArgument,
    /// Tell MQTT 5 clients why a policy denies them, which shows them parts of policies
    #[arg(long)]
    policy_reasons: bool,
    /// How long to wait for connections to end when the server stops
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    drain: Duration,
    /// Write JSON with mqtt, http, server_ca and pid to this file once connections are accepted
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Your own server certificate, a chain in PEM, leaf first [default: one of a CA that is made]
    #[arg(long, value_name = "FILE", requires = "server_key")]
    server_certificate: Option<PathBuf>,
    /// The key of your own server certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "server_certificate")]
    server_key: Option<PathBuf>,
    /// How long a thing type has to be deprecated before it can be deleted
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    thing_type_deletion_delay: Duration,
    /// Where SQS, DynamoDB and CloudWatch are, for rule actions, event sources of functions and log sinks [default: AWS]; the
    /// environment variables AWS_ENDPOINT_URL_SQS, _DYNAMODB and _CLOUDWATCH go before it
    #[arg(long, value_name = "URL")]
    aws_endpoint_url: Option<String>,
    /// Run no functions, and no programs of rules. Without this, whoever has the keys of the API can run programs as the user
    /// of the server
    #[arg(long)]
    no_functions: bool,
    /// Take API requests that are not signed
    #[arg(long)]
    insecure_api: bool,
    /// The form of the log, which goes to standard error
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
    /// What to log, as info or landfall_broker=debug,info
    #[arg(long, value_name = "FILTER", env = "LANDFALL_LOG", default_value = "info")]
    log: String,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum RegistrarArgument {
    /// The built-in registrar: thing, type, attributes, policy and attachments from the certificate's subject
    #[default]
    Builtin,
    /// Topic rules and functions, which hear of the registration event
    Rules,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum InactiveCaDevicesArgument {
    /// They stay, as at AWS, unless they are deactivated too
    #[default]
    Stay,
    /// Their connections end, and they come in again once it is ACTIVE
    Go,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    logging::start(arguments.log_format, &arguments.log)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<ExitCode> {
    let (drain, ready_file) = (arguments.drain, arguments.ready_file.clone());
    // Before anybody is told that the server is ready: who is told may stop it at once.
    let shutdown = shutdown_signal().context("cannot listen for signals")?;
    let app = arguments.into_config().build().await?;
    let running = app.spawn()?;
    let info = running.info();
    println!(
        "landfall is ready: MQTT on {}, API on http://{}, server CA {}",
        info.mqtt,
        info.http,
        info.server_ca.display()
    );
    if let Some(path) = &ready_file {
        write_ready(path, info)?;
    }
    reload_until(shutdown, &running).await;
    running.drain(drain).await;
    if let Some(path) = &ready_file {
        // Nobody is ready any more. That it is gone already is as good.
        let _ = std::fs::remove_file(path);
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the settings anew whenever the signal SIGHUP comes, until the server has to stop.
async fn reload_until(shutdown: impl Future<Output = ()>, running: &Running) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return shutdown.await;
    };
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = hangup.recv() => {
                let settings = running.settings();
                // It reads files, which may be large.
                let loaded = tokio::task::spawn_blocking(move || settings.load()).await;
                if let Err(problem) = loaded.unwrap_or_else(|problem| Err(problem.into())) {
                    error!(problem = format!("{problem:#}"), "settings of the registrar stay as they were");
                }
            }
        }
    }
}

fn write_ready(path: &std::path::Path, info: &ServerInfo) -> Result<()> {
    let ready = Ready { mqtt: &info.mqtt, http: &info.http, server_ca: &info.server_ca, pid: info.pid };
    write_public(path, &serde_json::to_vec(&ready)?)
}

impl Arguments {
    fn into_config(self) -> Config {
        let registrar = match self.registrar {
            RegistrarArgument::Builtin => Registrar::Builtin,
            RegistrarArgument::Rules => Registrar::Rules,
        };
        let settings = SettingsSources {
            file: self.settings,
            overrides: self.overrides,
            registrar,
            first_connect_hold: self.first_connect_hold,
        };
        let own = self.server_certificate.zip(self.server_key);
        Config {
            data: self.data,
            mqtt_listen: self.mqtt_listen,
            http_listen: self.http_listen,
            hostname: self.hostname,
            scope: Scope { account: self.account_id, region: self.region },
            settings,
            inactive_ca_devices: match self.inactive_ca_devices {
                InactiveCaDevicesArgument::Stay => InactiveCaDevices::Stay,
                InactiveCaDevicesArgument::Go => InactiveCaDevices::Go,
            },
            policy_reasons: self.policy_reasons,
            certificate: own.map(|(certificate, key)| OwnCertificate { certificate, key }),
            thing_type_deletion_delay: self.thing_type_deletion_delay,
            aws_endpoint_url: self.aws_endpoint_url,
            no_functions: self.no_functions,
            insecure_api: self.insecure_api,
        }
    }
}
