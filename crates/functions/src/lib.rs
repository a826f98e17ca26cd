//! Local Lambda functions: their code, their processes, the Runtime API, limits, logs and event sources.

mod code;
mod config;
mod environment;
mod event_source;
mod exchange;
mod invocation;
mod invoker;
mod known;
mod launcher;
mod left;
mod logs;
mod metrics;
mod output;
mod pool;
mod process;
mod queued;
mod report;
mod runner;
mod runtime_api;
mod runtimes;
mod spawner;
mod sweep;
#[cfg(test)]
mod testing;
mod turn;
mod watcher;
mod worker;

pub use code::{CodeError, InvalidArchive, StoredCode};
pub use config::{ApiAccess, Config, Limits};
pub use invocation::{FunctionFailure, Invocation, InvocationOutcome, InvokeError, InvokeOptions, RequestId};
pub use invoker::Invoker;
pub use launcher::launch;
pub use logs::{LogError, LogPart};
pub use runner::{BuildError, FunctionRunner};
pub use runtimes::{MissingRuntime, setup};
