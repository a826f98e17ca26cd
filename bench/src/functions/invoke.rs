//! What an invocation takes that somebody waits for, of a function that does nothing.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::deploy::{Code, Log, create, post};
use super::{Arguments, HEADER, Times, WARM_UP, start};
use crate::client::{Caller, Connection};
use crate::figures::print_table;
use crate::landfall::Landfall;

const PYTHON: Code = Code {
    name: "nothing-python",
    runtime: "python3.12",
    file: "nothing.py",
    text: "def handler(event, context):\n    return event\n",
};

const NODE: Code = Code {
    name: "nothing-node",
    runtime: "nodejs22.x",
    file: "nothing.js",
    text: "exports.handler = async (event) => event;\n",
};

pub(super) async fn run(arguments: &Arguments, folder: &Path) -> Result<()> {
    let folder = folder.join("invoke");
    let landfall = start(arguments, &folder, &[])?;
    let caller = landfall.caller()?.of_service("lambda");
    let mut rows = Vec::new();
    for (language, code) in [("Python", &PYTHON), ("Node.js", &NODE)] {
        create(code, &folder, &mut Connection::new(&caller)).await?;
        let (calls, durations) = invoke(arguments.invocations, &landfall, &caller, code).await?;
        rows.push(calls.row(&format!("{language}: Invoke until its answer")));
        rows.push(durations.row(&format!("{language}: Duration in its log")));
        rows.push(calls.without(&durations).row(&format!("{language}: what is besides")));
    }
    print_table("What an invocation takes of a function that does nothing", &HEADER, rows);
    Ok(())
}

/// Invokes a function so often, and waits for each answer: how long that took, and what the function took of it.
async fn invoke(times: usize, landfall: &Landfall, caller: &Caller, code: &Code) -> Result<(Times, Times)> {
    let path = format!("/2015-03-31/functions/{}/invocations", code.name);
    let mut connection = Connection::new(caller);
    let mut calls = Times::default();
    for number in 0..WARM_UP + times {
        let event = json!({ "number": number });
        let request = post(&path, &event);
        let began = Instant::now();
        let answer = connection.call(request).await?;
        let took = began.elapsed();
        let answer: Value = serde_json::from_slice(&answer)?;
        ensure!(answer == event, "{} answers {answer} instead of {event}", code.name);
        if number >= WARM_UP {
            calls.push(took);
        }
    }
    let log = Log::of(landfall, code, WARM_UP + times).await?;
    Ok((calls, log.durations.from(WARM_UP)))
}
