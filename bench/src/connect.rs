use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use landfall_model::UnixTime;
use landfall_pki::{Issuer, KeyKind, KeyPair, ServerRequest, Subject, validity_of_days};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::devices::{self, Device};
use crate::load::connect_all;
use crate::process::Server;

/// First-time and known devices against bare TLS: P-256, TLS 1.3, no resumption, in one run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The binary to measure
    #[arg(long, value_name = "FILE", default_value = "target/release/landfall")]
    landfall: PathBuf,
    /// How many devices connect in each round
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    devices: usize,
    /// How many rounds; the figures are those of all rounds together
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// How many connect at once
    #[arg(long, value_name = "N", default_value_t = 64)]
    concurrency: usize,
}

/// What one kind of connection cost, over all rounds.
#[derive(Default)]
struct Cost {
    connections: usize,
    wall: Duration,
    server_cpu: Duration,
    rates: Vec<f64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir_in(arguments.landfall.parent().unwrap_or(Path::new(".")))?;
    let runtime = tokio::runtime::Runtime::new()?;
    let issuer = make_ca("CN=Benchmark devices")?;
    let bare = start_bare(folder.path(), &issuer)?;
    let landfall = start_landfall(arguments, folder.path(), &issuer)?;
    let (bare_address, landfall_address) = (address(&bare.ready)?, landfall_address(folder.path())?);
    let mut roots = RootCertStore::empty();
    for path in [folder.path().join("server.pem"), folder.path().join("data/server-ca.pem")] {
        roots.add(certificate(&path)?)?;
    }
    let [mut bare_cost, mut first_cost, mut known_cost] = [Cost::default(), Cost::default(), Cost::default()];
    for round in 1..=arguments.rounds {
        println!("round {round} of {}: making {} devices", arguments.rounds, arguments.devices);
        let devices = Arc::new(devices::make(&issuer, &roots, arguments.devices, now())?);
        // Side by side within each round, so that all three see the same machine.
        for (cost, server, address) in [
            (&mut bare_cost, &bare, bare_address),
            (&mut first_cost, &landfall, landfall_address),
            (&mut known_cost, &landfall, landfall_address),
        ] {
            cost.add(
                server,
                || runtime.block_on(connect_all(&devices, address, arguments.concurrency)),
                &devices,
            )?;
        }
    }
    print(&[
        ("bare TLS", &bare_cost),
        ("first-time device, durable", &first_cost),
        ("known device", &known_cost),
    ]);
    Ok(())
}

impl Cost {
    fn add(
        &mut self,
        server: &Server,
        load: impl FnOnce() -> Result<Duration>,
        devices: &[Device],
    ) -> Result<()> {
        let cpu_before = server.cpu()?;
        let wall = load()?;
        self.server_cpu += server.cpu()?.saturating_sub(cpu_before);
        self.wall += wall;
        self.connections += devices.len();
        self.rates.push(per_second(devices.len(), wall));
        Ok(())
    }

    fn rate(&self) -> f64 {
        per_second(self.connections, self.wall)
    }
}

fn print(costs: &[(&str, &Cost)]) {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["", "conn/s", "server µs each", "against bare TLS", "of each round"]);
    let bare = costs.first().map(|(_, cost)| *cost);
    for (name, cost) in costs {
        let cpu = cost.server_cpu.as_secs_f64() * 1e6 / as_f64(cost.connections);
        let ratio = bare.map_or(f64::NAN, |bare| cost.rate() / bare.rate());
        let rounds = bare.into_iter().flat_map(|bare| cost.rates.iter().zip(&bare.rates));
        let rounds: Vec<_> = rounds.map(|(rate, bare)| format!("{:.2}", rate / bare)).collect();
        table.add_row([
            (*name).to_owned(),
            format!("{:.0}", cost.rate()),
            format!("{cpu:.0}"),
            format!("{ratio:.2}"),
            rounds.join(" "),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("\n{table}");
}

fn per_second(connections: usize, wall: Duration) -> f64 {
    as_f64(connections) / wall.as_secs_f64()
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn make_ca(subject: &str) -> Result<Issuer> {
    let key = KeyPair::generate(KeyKind::P256)?;
    Ok(Issuer::self_signed(&Subject::parse(subject)?, key, validity_of_days(now(), 30))?)
}

/// The bare server shows a certificate of the same kind as Landfall's: P-256, leaf and CA.
fn start_bare(folder: &Path, devices: &Issuer) -> Result<Server> {
    let ca = make_ca("CN=Benchmark server CA")?;
    let key = KeyPair::generate(KeyKind::P256)?;
    let certificate = ca.sign_server(&ServerRequest {
        subject: &Subject::common_name("localhost")?,
        public_key: key.public_key(),
        validity: validity_of_days(now(), 30),
        names: &[ServerName::try_from("localhost")?],
    })?;
    fs::write(folder.join("server.pem"), format!("{}{}", certificate.to_pem(), ca.certificate().to_pem()))?;
    fs::write(folder.join("server.key"), key.to_pem()?)?;
    fs::write(folder.join("ca.pem"), devices.certificate().to_pem())?;
    Server::start(Command::new(std::env::current_exe()?).arg("tls-server").arg(folder))
}

fn start_landfall(arguments: &Arguments, folder: &Path, devices: &Issuer) -> Result<Server> {
    let data = folder.join("data");
    let mut serve = Command::new(&arguments.landfall);
    serve.args([
        "serve",
        "--mqtt-listen",
        "127.0.0.1:0",
        "--http-listen",
        "127.0.0.1:0",
        "--log",
        "warn",
        "--data",
    ]);
    let server = Server::start(serve.arg(&data).arg("--ready-file").arg(folder.join("ready.json")))?;
    ensure!(server.ready.contains("ready"), "landfall did not start");
    fs::write(folder.join("ca-certificate.pem"), devices.certificate().to_pem())?;
    fs::write(folder.join("ca-certificate.key"), devices.key().to_pem()?)?;
    let mut register = Command::new(&arguments.landfall);
    register.args(["ca", "register", "--data"]).arg(&data).arg("--directory").arg(folder);
    let status = register.env_remove("AWS_ENDPOINT_URL").status()?;
    ensure!(status.success(), "the benchmark's CA could not be registered");
    Ok(server)
}

fn landfall_address(folder: &Path) -> Result<SocketAddr> {
    let server: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("data/server.json"))?)?;
    address(server.get("mqtt").and_then(serde_json::Value::as_str).unwrap_or_default())
}

fn address(text: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| format!("{text:?} is not an address"))
}

/// The last certificate of a file: the CA's.
fn certificate(path: &Path) -> Result<CertificateDer<'static>> {
    use rustls_pki_types::pem::PemObject as _;
    let text = fs::read(path)?;
    let last = CertificateDer::pem_slice_iter(&text).last().context("no certificate")?;
    Ok(last?)
}

fn now() -> UnixTime {
    #[expect(clippy::disallowed_methods, reason = "a benchmark is a program of its own")]
    let now = SystemTime::now();
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_secs(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
}
