//! Benchmarks: Landfall beside a peer or the physical limit, in one run, as ratios. `cargo xtask bench` builds and runs
//! them.
#![expect(clippy::print_stdout, reason = "a benchmark tells people what it measured")]

mod api;
mod client;
mod connect;
mod devices;
mod figures;
mod functions;
mod landfall;
mod load;
mod policy;
mod process;
mod registrar;
mod rules;
mod tls_server;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Benchmarks of Landfall.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// CreateThing, DescribeThing and ListThings in a small and a large registry, against moto_server
    Api(api::Arguments),
    /// First-time and known devices against bare TLS
    Connect(connect::Arguments),
    /// Held registrations by a function, and invocations, against what the function takes itself
    Functions(functions::Arguments),
    /// Decisions, documents, memory, and how soon a change is felt, against a regular expression for each statement
    Policy(policy::Arguments),
    /// What the built-in registrar adds to a registration, against reading the certificate; a deny list of five million
    Registrar(registrar::Arguments),
    /// What topic rules cost a message: the registration event, many rules, none
    Rules(rules::Arguments),
    /// The bare TLS server that `connect` compares with
    TlsServer {
        /// A folder with server.pem, server.key and ca.pem
        folder: PathBuf,
    },
}

fn main() -> Result<()> {
    match Cli::parse().benchmark {
        Benchmark::Api(arguments) => api::run(&arguments),
        Benchmark::Connect(arguments) => connect::run(&arguments),
        Benchmark::Functions(arguments) => functions::run(&arguments),
        Benchmark::Policy(arguments) => policy::run(&arguments),
        Benchmark::Registrar(arguments) => registrar::run(&arguments),
        Benchmark::Rules(arguments) => rules::run(&arguments),
        Benchmark::TlsServer { folder } => tls_server::run(&folder),
    }
}
