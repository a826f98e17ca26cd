//! `landfall`: registers IoT devices the moment they first connect.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the program that people see")]

mod app;
mod aws;
mod client;
mod clock;
mod commands;
mod data_dir;
mod fleet_view;
mod identity;
mod lifecycle;
mod logging;
mod output;
mod own_ca;
mod place;
mod plan_view;
mod ports;
mod settings;
mod text;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

// A handshake and a registration allocate some hundred times, on whatever thread their task runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Registers IoT devices the moment they first connect: an MQTT broker over mutual TLS with the registry, the
/// registration pipeline and the API of AWS IoT, in one program.
#[derive(Parser)]
#[command(name = "landfall", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(commands::demo::Arguments),
    Serve(commands::serve::Arguments),
    Env(commands::env::Arguments),
    Ca(commands::ca::Arguments),
    Config(commands::config::Arguments),
    Device(commands::device::Arguments),
    Explain(commands::explain::Arguments),
    Policy(commands::policy::Arguments),
    Rules(commands::rules::Arguments),
    Deliveries(commands::deliveries::Arguments),
    Registrations(commands::registrations::Arguments),
    Functions(commands::functions::Arguments),
    /// Become a function: what the server runs its functions by
    #[command(name = app::FUNCTION_LAUNCHER, hide = true)]
    FunctionLauncher(commands::functions::LauncherArguments),
    Api(commands::api::Arguments),
    Simulate(commands::simulate::Arguments),
}

fn main() -> ExitCode {
    // Of some commands, the usual code says something already.
    let mut failure = ExitCode::FAILURE;
    let result = match Cli::parse().command {
        Command::Demo(arguments) => commands::demo::run(arguments),
        Command::Serve(arguments) => commands::serve::run(arguments),
        Command::Env(arguments) => commands::env::run(&arguments),
        Command::Ca(arguments) => commands::ca::run(arguments),
        Command::Config(arguments) => commands::config::run(arguments),
        Command::Device(arguments) => commands::device::run(arguments),
        Command::Explain(arguments) => {
            failure = ExitCode::from(commands::explain::UNKNOWN);
            commands::explain::run(&arguments)
        }
        Command::Policy(arguments) => {
            failure = ExitCode::from(commands::policy::UNREADABLE);
            commands::policy::run(&arguments)
        }
        Command::Rules(arguments) => {
            failure = ExitCode::from(commands::rules::FAULT);
            commands::rules::run(&arguments)
        }
        Command::Deliveries(arguments) => commands::deliveries::run(arguments),
        Command::Registrations(arguments) => commands::registrations::run(arguments),
        Command::Functions(arguments) => commands::functions::run(&arguments),
        Command::FunctionLauncher(arguments) => commands::functions::launch(arguments),
        Command::Api(arguments) => commands::api::run(&arguments),
        Command::Simulate(arguments) => commands::simulate::run(arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            failure
        }
    }
}
