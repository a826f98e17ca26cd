//! Registration by functions behind topic rules: the walk through the first seed, and the wiring of the second's block.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use landfall_tests::{Ca, Landfall, Moto, Process, Ran, fleet, program, project, run, simulate};
use serde_json::{Value, json};

/// How long a walk may take on a slow machine: each call of the AWS CLI starts a Python.
const WALK_DEADLINE: Duration = Duration::from_secs(240);

/// How many devices a fleet has whose registrations are done by a function, unless `LANDFALL_E2E_FLEET` says otherwise.
const FLEET: usize = 100;

/// How long such a fleet may take.
const FLEET_DEADLINE: Duration = Duration::from_secs(300);

fn seed(name: &str) -> PathBuf {
    project().join("tests/seeds").join(name)
}

/// Runs a script of `tests/seeds` against a server, in the test's directory.
#[track_caller]
fn walk(server: &Landfall, script: &str, arguments: &[&str]) -> Ran {
    let mut shell = program("bash");
    shell.arg(seed(script)).args(arguments).current_dir(server.directory()).envs(server.environment());
    shell.env("LANDFALL_DATA", server.data()).env("LANDFALL_MQTT_PORT", server.mqtt().port().to_string());
    shell.env("PATH", server.path_with_clients());
    let ran = run(&mut shell, "", WALK_DEADLINE);
    assert!(ran.success(), "{ran}");
    ran
}

/// Every thing is named as its device's certificate says, is attached to it alone, and the certificate is ACTIVE with the policy.
#[track_caller]
fn assert_all_registered(server: &Landfall, devices: usize) {
    let api = server.api();
    let things = api.things();
    assert_eq!(things.len(), devices);
    for thing in &things {
        let name = thing["thingName"].as_str().expect("a name");
        let lengths: Vec<usize> = name.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "a UUID: {name}");
        let principals = api.principals(name);
        assert_eq!(principals.len(), 1, "{name}");
        assert_eq!(api.policies(&principals[0]), ["jitr"], "{name}");
    }
    let certificates = api.certificates();
    assert_eq!(certificates.len(), devices);
    assert!(certificates.iter().all(|certificate| certificate["status"] == "ACTIVE"), "{certificates:?}");
}

#[test]
fn the_first_seed_runs_as_it_is_written_with_a_function_in_python() {
    let server = Landfall::start_with_functions(&["--registrar", "rules"]);
    let walked = walk(&server, "first.sh", &["python"]);
    assert!(walked.stdout.contains("20 of 20"), "{walked}");
    assert_all_registered(&server, 20);
    let data = server.data().to_string_lossy().into_owned();
    let log = Landfall::run(&["functions", "logs", "jitr", "--data", &data]).stdout();
    let reports = log.lines().filter(|line| line.starts_with("REPORT RequestId: ")).count();
    assert!(reports >= 20, "{log}");
    assert!(log.contains(" registered"), "what the function prints is in its log: {log}");
}

#[test]
fn the_first_seed_runs_as_it_is_written_with_a_function_in_node() {
    let server = Landfall::start_with_functions(&["--registrar", "rules"]);
    let walked = walk(&server, "first.sh", &["node"]);
    assert!(walked.stdout.contains("20 of 20"), "{walked}");
    assert_all_registered(&server, 20);
}

#[test]
fn the_registration_event_can_go_through_a_queue_as_in_the_second_seed() {
    let moto = Moto::start();
    let server = Landfall::start_with_functions_and(
        &["--registrar", "rules", "--aws-endpoint-url", moto.endpoint()],
        &[("AWS_ACCESS_KEY_ID", "AKIAMOTO"), ("AWS_SECRET_ACCESS_KEY", "moto")],
    );
    walk(&server, "second-queue.sh", &[moto.endpoint()]);
    assert_all_registered(&server, 20);
}

/// A function that registers devices, and the rule that invokes it, made over the API.
fn create_function_and_rule(server: &Landfall) {
    let directory = server.directory();
    let zip = directory.join("jitr.zip");
    let mut python = program("python3");
    python.args(["-m", "zipfile", "-c"]).arg(&zip).arg("lambda_function.py").current_dir(seed("jitr-python"));
    run(&mut python, "", WALK_DEADLINE).stdout();
    let created = server.aws_json(&[
        "lambda",
        "create-function",
        "--function-name",
        "jitr",
        "--zip-file",
        "fileb://jitr.zip",
        "--role",
        "arn:aws:iam::000000000000:role/jitr",
        "--handler",
        "lambda_function.lambda_handler",
        "--runtime",
        "python3.12",
        "--timeout",
        "30",
    ]);
    let arn = created["FunctionArn"].as_str().expect("an ARN");
    let rule = json!({
        "sql": "SELECT * FROM '$aws/events/certificates/registered/#' WHERE certificateStatus = \"PENDING_ACTIVATION\"",
        "actions": [{"lambda": {"functionArn": arn}}],
    });
    server.api().call("iot", "POST", "/rules/JITRRule", Some(&rule));
}

/// The processes that run functions of the server: its children.
fn function_processes(server: &mut Landfall) -> Vec<String> {
    let server = server.process().id().to_string();
    let listed = run(program("pgrep").args(["-P", &server]), "", WALK_DEADLINE);
    listed.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_function_that_is_killed_in_the_middle_of_a_fleet_loses_no_device() {
    let devices = match env::var("LANDFALL_E2E_FLEET") {
        Ok(number) => number.parse().expect("LANDFALL_E2E_FLEET is a number"),
        Err(_) => FLEET,
    };
    let mut server = Landfall::start_with_functions(&["--registrar", "rules"]);
    create_function_and_rule(&server);
    let ca = Ca::registered(&server);
    let mut command = simulate(&server, &ca, devices, &["--profile", "plain"]);
    let simulation = Process::start(&mut command, "");
    // Three times, whenever another part of the fleet is in.
    for part in 1..=3 {
        let wanted = devices * part / 5;
        server.wait_for("that a part of the fleet is ACTIVE", |api| {
            let active = api.certificates().iter().filter(|one| one["status"] == "ACTIVE").count();
            (active >= wanted).then_some(())
        });
        let processes = function_processes(&mut server);
        assert!(!processes.is_empty(), "functions run");
        run(program("kill").arg("-9").args(&processes), "", WALK_DEADLINE);
    }
    let report: Value =
        serde_json::from_str(&simulation.finish(FLEET_DEADLINE).stdout()).expect("a report in JSON");
    assert_eq!(report["registered"], devices, "{report}");
    assert_all_registered(&server, devices);

    // What was killed was tried again, and the history says so.
    let data = server.data().to_string_lossy().into_owned();
    let listed =
        Landfall::run(&["deliveries", "list", "--rule", "JITRRule", "--json", "--data", &data]).stdout();
    let deliveries: Vec<Value> = serde_json::from_str(&listed).expect("deliveries in JSON");
    let failed: Vec<_> = deliveries.iter().filter(|one| one["attemptsFailed"].as_u64() > Some(0)).collect();
    assert!(!failed.is_empty(), "{listed}");
    for delivery in &failed {
        assert_eq!(delivery["status"], "DELIVERED", "{delivery}");
        assert!(delivery["certificateId"].is_string(), "{delivery}");
        let problem = delivery["attempts"][0]["problem"].as_str().expect("a problem");
        assert!(problem.contains("Runtime.ExitError"), "{problem}");
    }
    let id = failed[0]["id"].as_str().expect("an id");
    let shown = Landfall::run(&["deliveries", "show", id, "--data", &data]).stdout();
    assert!(shown.contains("Runtime.ExitError") && shown.contains("JITRRule"), "{shown}");
    let processes = function_processes(&mut server);
    assert!(!processes.is_empty(), "warm processes wait for work");
    server.stop(WALK_DEADLINE);
    let left: Vec<_> = processes.iter().filter(|id| Path::new("/proc").join(id).exists()).collect();
    assert!(left.is_empty(), "functions end with their server: {left:?}");
}

#[test]
fn a_device_that_a_rule_registered_finds_everything_in_place_at_its_first_connection() {
    let server = Landfall::start_with_functions(&["--registrar", "rules"]);
    create_function_and_rule(&server);
    let ca = Ca::registered(&server);
    let report: Value =
        serde_json::from_str(&fleet(&server, &ca, 5, &["--profile", "plain", "--attempts", "1"]).stdout())
            .expect("a report in JSON");
    assert_eq!(report["registered"], 5, "each was held until its function was done: {report}");
    let certificates = server.api().certificates();
    for certificate in certificates {
        let id = certificate["certificateId"].as_str().expect("an id");
        assert_eq!(server.api().outcomes(id), ["activated"], "{id}");
    }
}
