use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::paths::{lock, project, target};
use crate::process::{Process, program, run};

/// How long it may take to install `moto_server`.
const SETUP_DEADLINE: Duration = Duration::from_secs(900);

/// A `moto_server`: the services of AWS that are not Landfall's, on a free port. It is killed when this is dropped.
pub struct Moto {
    _process: Process,
    endpoint: String,
}

impl Moto {
    /// Starts one, which knows nothing yet.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_at("0")
    }

    /// Where it serves, as `http://127.0.0.1:5000`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    #[track_caller]
    fn start_at(port: &str) -> Self {
        let mut command = program(&environment());
        command.args(["-H", "127.0.0.1", "-p", port]);
        let mut process = Process::start(&mut command, "");
        let endpoint = process.wait_for_line("where it serves", |line| {
            line.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:")).map(str::to_owned)
        });
        Self { _process: process, endpoint }
    }
}

/// The program, installed first if it is missing: in the environment of the benchmarks.
fn environment() -> String {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    let find = || {
        let environment = target().join("moto-venv");
        let _turn = lock("moto-venv");
        let mut setup = Command::new(project().join("tests/clients/setup"));
        setup.arg(&environment).arg(project().join("bench/moto-requirements.txt"));
        let ran = run(&mut setup, "", SETUP_DEADLINE);
        assert!(ran.success(), "moto_server cannot be installed\n{ran}");
        environment.join("bin/moto_server").to_string_lossy().into_owned()
    };
    PROGRAM.get_or_init(find).clone()
}
