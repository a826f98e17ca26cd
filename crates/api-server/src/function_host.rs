use std::error::Error as StdError;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use landfall_model::{CodeSha256, Function, FunctionName, RuntimeName};
use thiserror::Error;

/// Keeps the code of functions and layers, and runs functions: the functions crate, through whoever wires the two.
///
/// The registry says which functions there are; the host is told of each change by the registry's observer, not here.
#[async_trait]
pub trait FunctionHost: Send + Sync + 'static {
    /// Whether functions can be made and run here. It is asked before anything of them is changed.
    ///
    /// # Errors
    /// They are off.
    fn check_on(&self) -> Result<(), FunctionsOff>;

    /// Whether functions of this runtime can run here: quick, and without the network. A warning says what is other than the
    /// name says, as that a retired runtime runs on a later one.
    ///
    /// # Errors
    /// What it would run on is not there.
    async fn check_runtime(&self, runtime: RuntimeName) -> Result<Option<String>, RuntimeMissing>;

    /// Checks an archive of code, and keeps it under its hash. One that no function and no layer comes to name may be
    /// removed again, but not as long as the request may still be under way.
    ///
    /// Cancel safety: the archive may have been kept.
    ///
    /// # Errors
    /// It cannot be the code of a function or layer, or cannot be kept.
    async fn store_code(&self, archive: Bytes) -> Result<StoredCode, CodeRefusal>;

    /// Invokes a function, and waits for its answer.
    ///
    /// Cancel safety: a function that was started goes on until it answers or its time is up.
    ///
    /// # Errors
    /// It was not invoked. A function that fails is no error but an answer.
    async fn invoke(
        &self,
        function: &Function,
        event: Bytes,
        log: LogWanted,
    ) -> Result<InvocationAnswer, InvokeRefusal>;

    /// Takes an event for a function, which is invoked with it as soon as its turn comes, and again if it fails.
    ///
    /// Cancel safety: the event may have been taken.
    ///
    /// # Errors
    /// The event was not taken.
    async fn invoke_later(&self, function: &Function, event: Bytes) -> Result<(), InvokeRefusal>;

    /// What a function logged from this byte on: at most [`LOG_PAGE_BYTES_MAX`] bytes, cut between characters. When there is
    /// nothing yet, it waits up to `wait`. What is no longer kept is passed over.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// The log cannot be read.
    async fn log(&self, function: &FunctionName, after: u64, wait: Duration) -> Result<LogPage, LogFailure>;
}

/// The most bytes of a log that are handed out at once (256 KiB).
pub const LOG_PAGE_BYTES_MAX: usize = 256 * 1_024;

/// An archive that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredCode {
    /// Its hash.
    pub code: CodeSha256,
    /// How large it is, in bytes.
    pub code_size: u64,
}

/// Whether the end of the log comes with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogWanted {
    /// It does not.
    None,
    /// What the invocation logged does, its last 4 KiB.
    Tail,
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationAnswer {
    /// Whether it failed: it raised, exited, or took too long.
    pub failed: bool,
    /// What it returned; when it failed, a JSON object with `errorMessage` and `errorType`.
    pub payload: Bytes,
    /// The end of its log, if it was wanted.
    pub log_tail: Option<Bytes>,
}

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// What was logged; empty when there is nothing.
    pub text: String,
    /// Where the next part begins.
    pub next: u64,
}

/// Functions are off.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("functions are off on this server: it was started with --no-functions")]
pub struct FunctionsOff;

/// What a runtime needs is not there.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the runtime {runtime} cannot run here: {problem}")]
pub struct RuntimeMissing {
    /// The runtime.
    pub runtime: RuntimeName,
    /// What is missing, and what to do about it.
    pub problem: String,
}

/// Why an archive was not kept.
#[derive(Debug, Error)]
pub enum CodeRefusal {
    /// Functions are off.
    #[error(transparent)]
    Off(#[from] FunctionsOff),
    /// It cannot be unpacked: it is no zip file, too large, or would leave its directory.
    #[error("the zip file cannot be used: {0}")]
    Unusable(String),
    /// There is no room for it.
    #[error("there is no room for the zip file: {0}")]
    NoRoom(String),
    /// Keeping it failed.
    #[error("the code cannot be kept")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

/// Why a function was not invoked.
#[derive(Debug, Error)]
pub enum InvokeRefusal {
    /// Functions are off.
    #[error(transparent)]
    Off(#[from] FunctionsOff),
    /// Too many invocations run or wait.
    #[error("{0}")]
    Busy(String),
    /// The event is larger than the host takes.
    #[error("{0}")]
    TooLarge(String),
    /// Functions are not run at the moment: the server starts or stops.
    #[error("{0}")]
    Unavailable(String),
    /// What its runtime needs is not there (any more).
    #[error(transparent)]
    Runtime(#[from] RuntimeMissing),
    /// Starting it failed.
    #[error("the function cannot be started")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

/// Why a log is not read.
#[derive(Debug, Error)]
pub enum LogFailure {
    /// Functions are off.
    #[error(transparent)]
    Off(#[from] FunctionsOff),
    /// Reading it failed.
    #[error("the log cannot be read")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

/// A host of no functions: it refuses whatever it is asked.
#[derive(Clone, Copy, Debug)]
pub struct NoFunctions;

#[async_trait]
impl FunctionHost for NoFunctions {
    fn check_on(&self) -> Result<(), FunctionsOff> {
        Err(FunctionsOff)
    }

    async fn check_runtime(&self, runtime: RuntimeName) -> Result<Option<String>, RuntimeMissing> {
        Err(RuntimeMissing { runtime, problem: FunctionsOff.to_string() })
    }

    async fn store_code(&self, _archive: Bytes) -> Result<StoredCode, CodeRefusal> {
        Err(FunctionsOff.into())
    }

    async fn invoke(
        &self,
        _function: &Function,
        _event: Bytes,
        _log: LogWanted,
    ) -> Result<InvocationAnswer, InvokeRefusal> {
        Err(FunctionsOff.into())
    }

    async fn invoke_later(&self, _function: &Function, _event: Bytes) -> Result<(), InvokeRefusal> {
        Err(FunctionsOff.into())
    }

    async fn log(
        &self,
        _function: &FunctionName,
        _after: u64,
        _wait: Duration,
    ) -> Result<LogPage, LogFailure> {
        Err(FunctionsOff.into())
    }
}
