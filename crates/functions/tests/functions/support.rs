//! A runner in a data directory of its own, and functions for it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Cursor, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use landfall_functions::{
    ApiAccess, Config, FunctionFailure, FunctionRunner, Invocation, InvocationOutcome, InvokeOptions, Limits,
    setup,
};
use landfall_model::{
    AccountId, Clock, Environment, Function, FunctionDescription, FunctionName, Handler, Region, RevisionId,
    RoleArn, RuntimeName, Scope, UnixTime,
};
use landfall_registry::{MemoryRegistry, Registry, Transaction};
use landfall_services::MessageQueues;
use landfall_services::memory::MemoryQueues;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A runner, and what it needs.
pub(crate) struct Fixture {
    pub(crate) runner: Arc<FunctionRunner>,
    pub(crate) registry: Arc<MemoryRegistry>,
    pub(crate) queues: Arc<MemoryQueues>,
    pub(crate) data: Arc<tempfile::TempDir>,
    pub(crate) stopping: CancellationToken,
    pub(crate) tracker: TaskTracker,
    revisions: AtomicU8,
}

struct MachineClock;

impl Clock for MachineClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "functions compare their deadline with the machine's clock"
    )]
    fn now(&self) -> UnixTime {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

/// Where the API would be, if functions called it.
pub(crate) const ENDPOINT: &str = "http://127.0.0.1:9";

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let data = Arc::new(tempfile::tempdir().unwrap());
        Self::begin(data, Arc::new(MemoryRegistry::default()), limits)
    }

    /// Another server with the same data.
    pub(crate) fn restarted(&self) -> Self {
        Self::begin(Arc::clone(&self.data), Arc::clone(&self.registry), Limits::default())
    }

    fn begin(data: Arc<tempfile::TempDir>, registry: Arc<MemoryRegistry>, limits: Limits) -> Self {
        let tracker = TaskTracker::new();
        let config = Config {
            data: data.path().to_owned(),
            launcher: vec![launcher()],
            search_path: std::env::var_os("PATH").unwrap(),
            scope: Scope {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse("eu-west-1").unwrap(),
            },
            limits,
        };
        let of_runner = Arc::clone(&registry) as Arc<dyn Registry>;
        let runner =
            FunctionRunner::build(config, of_runner, Arc::new(MachineClock), tracker.clone()).unwrap();
        let stopping = CancellationToken::new();
        let api = ApiAccess {
            endpoint_url: ENDPOINT.to_owned(),
            access_key_id: "AKIATEST".to_owned(),
            secret_access_key: "secret".to_owned(),
        };
        let queues = Arc::new(MemoryQueues::default());
        runner.spawn(api, Arc::clone(&queues) as Arc<dyn MessageQueues>, &stopping);
        Self { runner, registry, queues, data, stopping, tracker, revisions: AtomicU8::new(0) }
    }

    /// With the Python runtime, which all tests share.
    pub(crate) fn with_python(self) -> Self {
        symlink(shared("python"), self.data.path().join("runtimes/python")).unwrap();
        self
    }

    /// With packages for Node.js, which all tests share.
    pub(crate) fn with_node_packages(self) -> Self {
        symlink(shared("nodejs"), self.data.path().join("runtimes/nodejs")).unwrap();
        self
    }

    /// A function of these files, the mode of which is 0755.
    pub(crate) async fn function(&self, runtime: &str, handler: &str, files: &[(&str, &str)]) -> Function {
        let stored = self.runner.store_code(archive(files)).await.unwrap();
        Function {
            name: FunctionName::parse("jitr").unwrap(),
            description: FunctionDescription::default(),
            runtime: RuntimeName::parse(runtime).unwrap(),
            handler: Handler::parse(handler).unwrap(),
            role: RoleArn::parse("arn:aws:iam::000000000000:role/functions").unwrap(),
            timeout_s: Function::TIMEOUT_S_DEFAULT,
            memory_mib: Function::MEMORY_MIB_DEFAULT,
            environment: Environment::default(),
            layers: Vec::new(),
            code: stored.sha256,
            code_size: stored.size,
            revision: RevisionId::from_bytes([self.revisions.fetch_add(1, Ordering::Relaxed); 16]),
            created_at: UnixTime::from_secs(0),
            modified_at: UnixTime::from_secs(0),
            reserved_concurrency: None,
            permissions: Vec::new(),
            dead_letter_target: None,
        }
    }

    /// A Python function of one file.
    pub(crate) async fn python(&self, code: &str) -> Function {
        self.function("python3.12", "app.handler", &[("app.py", code)]).await
    }

    /// A function that is a shell script.
    pub(crate) async fn shell(&self, script: &str) -> Function {
        let script = format!("#!/bin/sh\nAPI=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime\n{script}\n");
        self.function("provided.al2023", "any", &[("bootstrap", &script)]).await
    }

    /// An environment with the path of a file in the data directory.
    pub(crate) fn environment(&self, variable: &str, file: &str) -> Environment {
        let path = self.data.path().join(file).display().to_string();
        Environment::new([(variable, path.as_str())]).unwrap()
    }

    /// Stores a function in the registry.
    pub(crate) async fn create(&self, function: &Function) {
        self.commit(|transaction| transaction.create_function(function.clone())).await;
    }

    pub(crate) async fn commit(&self, change: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::new();
        change(&mut transaction);
        self.registry.commit(transaction).await.unwrap();
    }

    pub(crate) async fn invoke(&self, function: &Function, event: &str) -> Invocation {
        let options = InvokeOptions { tail: true };
        let function = Arc::new(function.clone());
        self.runner.invoke(&function, Bytes::from(event.to_owned()), options).await.unwrap()
    }

    /// What the function returns.
    pub(crate) async fn returned(&self, function: &Function, event: &str) -> Value {
        let invocation = self.invoke(function, event).await;
        match invocation.outcome {
            InvocationOutcome::Returned(body) => serde_json::from_slice(&body).unwrap(),
            InvocationOutcome::Failed(failure) => panic!("{failure:?}\n{}", tail(invocation.log_tail)),
        }
    }

    /// How the function fails, and the end of its log.
    pub(crate) async fn failed(&self, function: &Function, event: &str) -> (FunctionFailure, String) {
        let invocation = self.invoke(function, event).await;
        let log = tail(invocation.log_tail);
        match invocation.outcome {
            InvocationOutcome::Failed(failure) => (failure, log),
            InvocationOutcome::Returned(body) => panic!("it returned {body:?}\n{log}"),
        }
    }

    pub(crate) async fn log(&self, function: &Function) -> String {
        self.runner.logs(&function.name, None, Duration::ZERO).await.unwrap().text
    }

    /// Ends all, and waits until every process is gone.
    pub(crate) async fn drain(&self) {
        self.stopping.cancel();
        self.tracker.close();
        tokio::time::timeout(Duration::from_secs(10), self.tracker.wait()).await.expect("all tasks end");
    }
}

pub(crate) fn tail(tail: Option<Vec<u8>>) -> String {
    String::from_utf8(tail.expect("the end of the log was asked for")).unwrap()
}

pub(crate) fn archive(files: &[(&str, &str)]) -> Bytes {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner().into()
}

/// Waits for what the system brings about soon.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within five seconds");
        tokio::task::yield_now().await;
    }
}

/// The launcher, which Cargo builds with the tests of this crate.
pub(crate) fn launcher() -> OsString {
    let tests = std::env::current_exe().unwrap();
    let launcher = tests.parent().and_then(Path::parent).unwrap().join("examples/function-launcher");
    assert!(
        launcher.is_file(),
        "{} is not built: cargo build -p landfall-functions --examples",
        launcher.display()
    );
    launcher.into()
}

/// A runtime that is set up once for all tests.
fn shared(name: &str) -> PathBuf {
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("functions");
    fs::create_dir_all(&data).unwrap();
    // Each test is a process of its own: one sets up, and the others wait.
    let lock = File::create(data.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let search_path = std::env::var_os("PATH").unwrap();
    let set_up = match name {
        "python" => setup::python(&data, &search_path, &mut |_| {}),
        _ => setup::nodejs(&data, &search_path, &mut |_| {}),
    };
    set_up
        .expect("python3 and node must be installed, and pip and npm must reach their registries once")
        .folder
}
