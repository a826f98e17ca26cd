mod engine;
mod event;
mod many;

use anyhow::Result;
use clap::Args;

/// What a topic rule costs a message: the rule on the registration event against reading its JSON, many rules against one and
/// against asking each, and no rule at all.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many rounds; the figures are those of the best
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// How many rules with filters of their own there are where there are many
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    rules: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // One thread, so that a publisher is measured alone and not what others do meanwhile.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    event::run(&runtime, arguments.rounds)?;
    many::run(&runtime, arguments)
}
