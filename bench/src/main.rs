//! Benchmarks: Landfall beside a peer or the physical limit, in one run, as ratios. `cargo xtask bench` builds and runs
//! them.
#![expect(clippy::print_stdout, reason = "a benchmark tells people what it measured")]

mod connect;
mod devices;
mod load;
mod process;
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
    /// First-time and known devices against bare TLS
    Connect(connect::Arguments),
    /// The bare TLS server that `connect` compares with
    TlsServer {
        /// A folder with server.pem, server.key and ca.pem
        folder: PathBuf,
    },
}

fn main() -> Result<()> {
    match Cli::parse().benchmark {
        Benchmark::Connect(arguments) => connect::run(&arguments),
        Benchmark::TlsServer { folder } => tls_server::run(&folder),
    }
}
