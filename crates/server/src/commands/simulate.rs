use std::io::{self, IsTerminal as _};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use landfall_model::Clock as _;
use landfall_mqtt::ProtocolVersion;
use landfall_pki::{CertificateVersion, Issuer, KeyKind};
use landfall_simulator::{
    Afterwards, DeviceTypes, Endpoint, Fleet, FleetConfig, FleetLimits, FleetReport, Profile, Publish,
    ReportDetail, TlsVersions,
};
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::commands::ca::CaFiles;
use crate::fleet_view::{FleetProgress, table};
use crate::lifecycle::shutdown_signal;

/// Let a fleet of simulated devices connect to any endpoint that does just-in-time registration
///
/// Each device gets a certificate of its own, signed by the CA, and connects until it is accepted, with exponential
/// backoff and full jitter. The exit code is 0 when every device got in.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where to connect; the port is 8883 unless given
    #[arg(short, long, value_name = "HOST[:PORT]")]
    endpoint: Endpoint,
    /// Where ca-certificate.pem and ca-certificate.key of the registered CA are
    #[arg(short, long, value_name = "DIR", required_unless_present = "ca", conflicts_with_all = ["ca", "ca_key"])]
    root_ca_directory: Option<PathBuf>,
    /// The certificate of the registered CA, in PEM
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    ca: Option<PathBuf>,
    /// The key of the registered CA, in PEM
    #[arg(long, value_name = "FILE", requires = "ca")]
    ca_key: Option<PathBuf>,
    /// The CA certificate that signed the endpoint's certificate, in PEM
    #[arg(short, long, value_name = "FILE")]
    aws_root_ca: PathBuf,
    /// What the certificates' titles say
    #[arg(short = 't', long = "type", value_enum, default_value_t)]
    device_type: TypeArgument,
    /// How many devices
    #[arg(short, long, value_name = "N", default_value_t = 10)]
    number: usize,
    /// What the certificates' subjects look like
    #[arg(long, value_enum, default_value_t)]
    profile: ProfileArgument,
    /// The version of X.509: 1, which `openssl x509 -req` makes without extensions, or 3
    #[arg(long, value_name = "1|3", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    certificate_version: u8,
    /// The version of MQTT
    #[arg(long, value_name = "3|5", default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=5))]
    mqtt: u8,
    /// How many devices connect at once
    #[arg(long, value_name = "N", default_value_t = landfall_simulator::CONCURRENCY_DEFAULT)]
    concurrency: NonZeroUsize,
    /// How long to try before giving up
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    give_up_after: Duration,
    /// How often one device tries [default: as often as the time allows]
    #[arg(long, value_name = "N")]
    attempts: Option<NonZeroU32>,
    /// Stay connected until Ctrl-C instead of leaving
    #[arg(long)]
    stay: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// With --json: what became of each device too
    #[arg(long, requires = "json")]
    every_device: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum TypeArgument {
    /// Ordinary devices
    #[default]
    Iot,
    /// Greengrass cores
    Greengrass,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum ProfileArgument {
    /// As the built-in registrar wants them: serial number, title, product, common name, a place
    #[default]
    Universal,
    /// A UUID as common name, and nothing else
    Plain,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(simulate(arguments))
}

async fn simulate(arguments: Arguments) -> Result<ExitCode> {
    let (json, every_device) = (arguments.json, arguments.every_device);
    let config = arguments.into_config()?;
    let shutdown = CancellationToken::new();
    let run = run_fleet(config, json, &shutdown);
    let stop = async {
        // Without signals there is nothing to stop for.
        match shutdown_signal() {
            Ok(signal) => signal.await,
            Err(_) => std::future::pending().await,
        }
        shutdown.cancel();
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        report = run => report?,
        () = stop => bail!("stopped"),
    };
    if json {
        let detail = if every_device { ReportDetail::EveryDevice } else { ReportDetail::Summary };
        println!("{}", serde_json::to_string_pretty(&report.to_json_form(detail))?);
    } else {
        println!("{}", table(&report));
    }
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a fleet, and shows on standard error how it gets on.
///
/// # Errors
/// The fleet cannot be made.
pub(crate) async fn run_fleet(
    config: FleetConfig,
    quiet: bool,
    shutdown: &CancellationToken,
) -> Result<FleetReport> {
    let devices = config.devices;
    let fleet = Fleet::build(config, SystemClock.now()).context("there can be no such fleet")?;
    let progress = FleetProgress::new(devices, !quiet, io::stderr().is_terminal());
    let report = landfall_simulator::run(fleet, &progress, shutdown).await;
    progress.finish();
    report.context("the fleet's certificates were not made")
}

/// The fleet that people get who ask for nothing special.
pub(crate) fn usual_fleet(
    endpoint: Endpoint,
    server_trust_pem: Vec<u8>,
    issuer: Arc<Issuer>,
    devices: usize,
) -> FleetConfig {
    FleetConfig {
        endpoint,
        server_trust_pem,
        issuer,
        devices,
        profile: Profile::Universal { device_types: DeviceTypes::Iot, publish: Publish::OneMessage },
        certificate_version: CertificateVersion::V1,
        key_kind: KeyKind::P256,
        tls_versions: TlsVersions::default(),
        mqtt_version: ProtocolVersion::V311,
        afterwards: Afterwards::Disconnect,
        seed: None,
        limits: FleetLimits::default(),
    }
}

impl Arguments {
    fn into_config(self) -> Result<FleetConfig> {
        let ca = match (self.root_ca_directory, self.ca, self.ca_key) {
            (Some(directory), _, _) => CaFiles::of(&directory),
            (None, Some(certificate), Some(key)) => CaFiles::new(certificate, key),
            (None, _, _) => bail!("name the registered CA: --root-ca-directory, or --ca and --ca-key"),
        };
        let issuer = ca.load().context("cannot use the registered CA")?;
        let trust = std::fs::read(&self.aws_root_ca)
            .with_context(|| format!("cannot read {}", self.aws_root_ca.display()))?;
        let mut config = usual_fleet(self.endpoint, trust, Arc::new(issuer), self.number);
        let device_types = match self.device_type {
            TypeArgument::Iot => DeviceTypes::Iot,
            TypeArgument::Greengrass => DeviceTypes::Greengrass,
        };
        config.profile = match self.profile {
            ProfileArgument::Universal => Profile::Universal { device_types, publish: Publish::OneMessage },
            ProfileArgument::Plain => Profile::Plain,
        };
        config.certificate_version = match self.certificate_version {
            1 => CertificateVersion::V1,
            3 => CertificateVersion::V3,
            other => bail!("--certificate-version {other}: it is 1 or 3"),
        };
        config.mqtt_version = match self.mqtt {
            3 => ProtocolVersion::V311,
            5 => ProtocolVersion::V5,
            other => bail!("--mqtt {other}: it is 3 (for 3.1.1) or 5"),
        };
        config.afterwards = if self.stay { Afterwards::Stay } else { Afterwards::Disconnect };
        config.limits.concurrency_max = self.concurrency;
        config.limits.give_up_after = self.give_up_after;
        config.limits.attempts_max = self.attempts;
        Ok(config)
    }
}
