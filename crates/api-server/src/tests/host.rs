//! A host of functions that runs none: what it answers follows from what it is asked.

use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use landfall_model::{CodeSha256, Function, FunctionName, RuntimeFamily, RuntimeName};

use crate::{
    CodeRefusal, FunctionHost, FunctionsOff, InvocationAnswer, InvokeRefusal, LogFailure, LogPage, LogWanted,
    RuntimeMissing, StoredCode,
};

/// Keeps what it was asked.
#[derive(Default)]
pub(super) struct Host {
    stored: Mutex<Vec<Bytes>>,
    invoked: Mutex<Vec<String>>,
}

/// The hash of an archive.
pub(super) fn code_of(archive: &[u8]) -> CodeSha256 {
    let hash: [u8; 32] = digest(&SHA256, archive).as_ref().try_into().unwrap();
    CodeSha256::from_sha256(hash)
}

impl Host {
    /// The archives that were stored since the last time.
    pub(super) fn take_stored(&self) -> Vec<Bytes> {
        std::mem::take(&mut self.stored.lock().unwrap())
    }

    /// The invocations since the last time.
    pub(super) fn take_invoked(&self) -> Vec<String> {
        std::mem::take(&mut self.invoked.lock().unwrap())
    }

    fn note(&self, how: &str, function: &Function, event: &Bytes) {
        let event = String::from_utf8_lossy(event);
        self.invoked.lock().unwrap().push(format!("{how} {} {event}", function.name));
    }
}

#[async_trait]
impl FunctionHost for Host {
    fn check_on(&self) -> Result<(), FunctionsOff> {
        Ok(())
    }

    async fn check_runtime(&self, runtime: RuntimeName) -> Result<Option<String>, RuntimeMissing> {
        if runtime.family() == RuntimeFamily::Node {
            let problem = "there is no node in PATH: install Node.js".to_owned();
            return Err(RuntimeMissing { runtime, problem });
        }
        let note = || format!("{runtime} is retired at AWS: the function runs on python3.13");
        Ok(runtime.is_retired().then(note))
    }

    async fn store_code(&self, archive: Bytes) -> Result<StoredCode, CodeRefusal> {
        if archive.starts_with(b"PK full") {
            return Err(CodeRefusal::NoRoom("the disk is full".to_owned()));
        }
        if !archive.starts_with(b"PK") {
            return Err(CodeRefusal::Unusable("it does not begin as one".to_owned()));
        }
        let stored = StoredCode { code: code_of(&archive), code_size: archive.len().try_into().unwrap() };
        self.stored.lock().unwrap().push(archive);
        Ok(stored)
    }

    async fn invoke(
        &self,
        function: &Function,
        event: Bytes,
        log: LogWanted,
    ) -> Result<InvocationAnswer, InvokeRefusal> {
        self.note("now", function, &event);
        match &event[..] {
            b"\"busy\"" => Err(InvokeRefusal::Busy("16 invocations run already".to_owned())),
            b"\"gone\"" => {
                let problem = "python3 is gone".to_owned();
                Err(RuntimeMissing { runtime: function.runtime, problem }.into())
            }
            b"\"large\"" => Err(InvokeRefusal::TooLarge("the event has 7 bytes".to_owned())),
            b"\"early\"" => Err(InvokeRefusal::Unavailable("the server starts".to_owned())),
            b"\"broken\"" => Err(InvokeRefusal::Failed("/secret/path".into())),
            b"\"never\"" => pending().await,
            b"\"fail\"" => Ok(InvocationAnswer {
                failed: true,
                payload: Bytes::from_static(br#"{"errorMessage":"no","errorType":"ValueError"}"#),
                log_tail: None,
            }),
            _ => Ok(InvocationAnswer {
                failed: false,
                payload: Bytes::from(format!("[{}]", String::from_utf8_lossy(&event))),
                log_tail: (log == LogWanted::Tail).then(|| Bytes::from_static(b"START\nEND\n")),
            }),
        }
    }

    async fn invoke_later(&self, function: &Function, event: Bytes) -> Result<(), InvokeRefusal> {
        if &event[..] == b"\"busy\"" {
            return Err(InvokeRefusal::Busy("1000 events wait already".to_owned()));
        }
        self.note("later", function, &event);
        Ok(())
    }

    async fn log(&self, function: &FunctionName, after: u64, wait: Duration) -> Result<LogPage, LogFailure> {
        Ok(LogPage { text: format!("{function} waited {} s\n", wait.as_secs()), next: after + 7 })
    }
}
