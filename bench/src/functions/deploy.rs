//! Functions in a server, and what their logs say.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use landfall_api::HttpRequest;
use serde_json::{Value, json};

use super::Times;
use crate::client::Connection;
use crate::landfall::Landfall;

/// A function: one file of code.
pub(super) struct Code {
    pub(super) name: &'static str,
    pub(super) runtime: &'static str,
    pub(super) file: &'static str,
    pub(super) text: &'static str,
}

/// What a function has logged.
#[derive(Default)]
pub(super) struct Log {
    /// How long each invocation took, as its REPORT line says.
    pub(super) durations: Times,
    /// What was printed behind [`PRINTED`].
    pub(super) printed: Vec<String>,
}

/// What a line begins with that a function prints for the benchmark.
const PRINTED: &str = "bench: ";

/// How often a log is looked at until it has what is waited for, and how long is between.
const LOOKS_MAX: usize = 500;
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// Creates a function. Its ARN.
pub(super) async fn create(code: &Code, folder: &Path, lambda: &mut Connection<'_>) -> Result<String> {
    let zip = zip(code, folder)?;
    let request = json!({
        "FunctionName": code.name,
        "Runtime": code.runtime,
        "Role": "arn:aws:iam::000000000000:role/bench",
        "Handler": format!("{}.handler", code.file.split('.').next().unwrap_or_default()),
        "Timeout": 30,
        "MemorySize": 256,
        "Code": { "ZipFile": BASE64_STANDARD.encode(zip) },
    });
    let created = lambda.call(post("/2015-03-31/functions", &request)).await?;
    let created: Value = serde_json::from_slice(&created)?;
    let arn = created.get("FunctionArn").and_then(Value::as_str);
    Ok(arn.context("a function without an ARN")?.to_owned())
}

pub(super) fn post(path: &str, body: &Value) -> HttpRequest {
    HttpRequest::new("POST", path).with_header("content-type", "application/json").with_body(body.to_string())
}

impl Log {
    /// The log once this many invocations have their REPORT line, and no more.
    pub(super) async fn of(landfall: &Landfall, code: &Code, invocations: usize) -> Result<Self> {
        let path = landfall.data().join("logs").join(format!("{}.log", code.name));
        let mut log = Self::default();
        for _ in 0..LOOKS_MAX {
            log = Self::read(&fs::read_to_string(&path).unwrap_or_default())?;
            if log.durations.0.len() >= invocations {
                break;
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        let found = log.durations.0.len();
        ensure!(
            found == invocations,
            "{found} invocations are in the log of {}, not {invocations}",
            code.name
        );
        Ok(log)
    }

    fn read(text: &str) -> Result<Self> {
        let mut log = Self::default();
        for line in text.lines() {
            log.printed.extend(line.split_once(PRINTED).map(|(_, printed)| printed.to_owned()));
            if !line.starts_with("REPORT ") {
                continue;
            }
            let duration = line.split('\t').find_map(|field| field.strip_prefix("Duration: "));
            let millis = duration.and_then(|duration| duration.strip_suffix(" ms"));
            let millis = millis.with_context(|| format!("a report without a duration: {line}"))?;
            log.durations.0.push(millis.parse()?);
        }
        Ok(log)
    }
}

/// The code as an archive, made by the Python that functions need anyway.
fn zip(code: &Code, folder: &Path) -> Result<Vec<u8>> {
    fs::write(folder.join(code.file), code.text)?;
    let archive = folder.join(format!("{}.zip", code.name));
    let mut python = Command::new("python3");
    let status =
        python.args(["-m", "zipfile", "-c"]).arg(&archive).arg(code.file).current_dir(folder).status();
    ensure!(status.context("cannot run python3")?.success(), "the code cannot be packed");
    Ok(fs::read(archive)?)
}
