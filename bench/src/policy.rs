mod change;
mod decision;
mod device;
mod memory;
mod naive;
mod slow;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

/// Decisions, documents and memory against a regular expression for each resource, in one run, and how soon the last of many
/// connections feels a change of the policy that they share.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The binary whose connections feel a change
    #[arg(long, value_name = "FILE", default_value = "target/release/landfall")]
    landfall: PathBuf,
    /// How many rounds; the figures of decisions are those of the best, those of a change those of each
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// How many connections with ten policies each have their rights in memory
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    authorizers: usize,
    /// How many devices with one policy are connected when it changes; 0 leaves this out
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: usize,
    /// How many connect at once
    #[arg(long, value_name = "N", default_value_t = 64)]
    concurrency: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // First, as what others gave back would be used again and not be counted.
    memory::run(arguments.authorizers)?;
    decision::run(arguments.rounds)?;
    slow::run(arguments.rounds)?;
    if arguments.connections > 0 {
        change::run(arguments)?;
    }
    Ok(())
}
