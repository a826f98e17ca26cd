use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// A `moto_server` on a free port, ended when it is dropped.
pub(crate) struct Moto {
    process: Child,
    endpoint: String,
}

impl Moto {
    /// Starts one, installed first if it is missing. Each test has its own: what one stores, no other sees.
    pub(crate) fn start() -> Self {
        let mut process = Command::new(environment().join("bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto_server starts");
        let mut lines = BufReader::new(process.stderr.take().expect("stderr is a pipe")).lines();
        let mut said = String::new();
        let endpoint = lines.by_ref().map_while(Result::ok).find_map(|line| {
            said = format!("{said}{line}\n");
            line.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:")).map(str::to_owned)
        });
        // It logs each request: nobody may wait for room in the pipe. The thread ends with the process.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let Some(endpoint) = endpoint else {
            let _ = process.kill();
            panic!("moto_server did not say where it serves: {said}");
        };
        Self { process, endpoint }
    }

    /// As `http://127.0.0.1:5000`.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Python environment of `moto_server`, which is that of the benchmarks.
fn environment() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates are in a project");
    let environment = folder.with_file_name("moto-venv");
    // Tests run in processes of their own, side by side: only one of them installs.
    let turn = File::create(folder.join("moto-venv.lock")).expect("a file to lock");
    turn.lock().expect("the turn to install");
    let output = Command::new(project.join("tests/clients/setup"))
        .arg(&environment)
        .arg(project.join("bench/moto-requirements.txt"))
        .output()
        .expect("tests/clients/setup runs");
    assert!(
        output.status.success(),
        "moto_server cannot be installed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    environment
}
