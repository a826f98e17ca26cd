use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use landfall_pki::{Issuer, KeyKind, KeyPair, ServerRequest, Subject, validity_of_days};
use rustls::RootCertStore;
use rustls_pki_types::ServerName;

use crate::devices::{self, Device};
use crate::figures::{micros_each, per_second};
use crate::landfall::{Landfall, address, last_certificate, make_ca, now};
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
    let landfall = Landfall::start(&arguments.landfall, folder.path())?;
    landfall.register_ca(&issuer)?;
    let (bare_address, landfall_address) = (address(&bare.ready)?, landfall.mqtt()?);
    let mut roots = RootCertStore::empty();
    for certificate in [last_certificate(&folder.path().join("server.pem"))?, landfall.server_ca()?] {
        roots.add(certificate)?;
    }
    let [mut bare_cost, mut first_cost, mut known_cost] = [Cost::default(), Cost::default(), Cost::default()];
    for round in 1..=arguments.rounds {
        println!("round {round} of {}: making {} devices", arguments.rounds, arguments.devices);
        let devices = Arc::new(devices::make(&issuer, &roots, arguments.devices, now())?);
        // Side by side within each round, so that all three see the same machine.
        for (cost, server, address) in [
            (&mut bare_cost, &bare, bare_address),
            (&mut first_cost, &landfall.server, landfall_address),
            (&mut known_cost, &landfall.server, landfall_address),
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
        let cpu = micros_each(cost.server_cpu, cost.connections);
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
