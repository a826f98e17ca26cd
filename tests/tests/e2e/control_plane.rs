//! The control plane: the AWS CLI and SDKs manage everything, unchanged, and what they change is felt by devices.

mod certificates;
mod events;
mod guide;
mod publish;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use landfall_mqtt::QoS;
use landfall_tests::{Connect, Device, DeviceCertificate, Landfall, Ran, Version, python, run};
use serde_json::{Value, json};

/// How long a script with a thousand calls may take on a slow machine.
const SCRIPT_DEADLINE: Duration = Duration::from_secs(240);

/// What lets a device do everything.
const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

/// What a server is started with that has an account and a region of its own, and on which thing types can be deleted at once.
const ARGUMENTS: [&str; 6] =
    ["--account-id", "123456789012", "--region", "eu-west-1", "--thing-type-deletion-delay", "0s"];

/// Where nobody serves the queues and tables of AWS: a port that nothing listens on.
const NO_AWS: [&str; 2] = ["--aws-endpoint-url", "http://127.0.0.1:9"];

/// A server of [`ARGUMENTS`].
fn server() -> Landfall {
    Landfall::start_with(&ARGUMENTS)
}

/// A server of [`ARGUMENTS`] that runs functions, and reaches nothing of AWS.
fn server_with_functions() -> Landfall {
    Landfall::start_with_functions(&[&ARGUMENTS[..], &NO_AWS].concat())
}

/// Every operation that is built, as `service:Name` with commas between.
fn built_operations() -> String {
    let printed = Landfall::run(&["api", "coverage", "--json"]).stdout();
    let coverage: Value = serde_json::from_str(&printed).expect("JSON");
    let operations = coverage["operations"].as_array().expect("operations").iter();
    let name = |operation: &Value| {
        let text = |member: &str| operation[member].as_str().expect("a text").to_owned();
        format!("{}:{}", text("service"), text("operation"))
    };
    let built: Vec<String> =
        operations.filter(|operation| operation["built"] == json!(true)).map(name).collect();
    built.join(",")
}

/// Runs a script of `tests/clients`, which prints a line for each check and fails when one failed.
#[track_caller]
fn run_script(command: &mut Command, server: &Landfall) {
    let ran = run(command.envs(server.environment()), "", SCRIPT_DEADLINE);
    // What passed is not shown: hundreds of lines would hide what did not.
    let failures: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert!(ran.success(), "{}\n{}\n{:?}", failures.join("\n"), ran.stderr, ran.status);
}

/// The error that the AWS CLI prints: its code, and the line that it is in.
#[track_caller]
fn refusal(ran: Ran) -> (String, String) {
    assert!(!ran.success(), "it was not refused: {ran}");
    let line =
        ran.stderr.lines().find(|line| line.contains("An error occurred (")).unwrap_or_default().to_owned();
    let (_, rest) = line.split_once("An error occurred (").unwrap_or_else(|| panic!("no error: {ran}"));
    let (code, _) = rest.split_once(')').expect("the code in parentheses");
    (code.to_owned(), line)
}

/// A certificate with its key, made by the API and with a policy that allows everything.
fn device_certificate(server: &Landfall, name: &str) -> DeviceCertificate {
    let made = server.aws_json(&["iot", "create-keys-and-certificate", "--set-as-active"]);
    let certificate = of_answer(server.directory(), name, &made);
    allow_everything(server, arn(&made));
    certificate
}

/// The files of a certificate that CreateKeysAndCertificate answered.
fn of_answer(directory: &Path, name: &str, made: &Value) -> DeviceCertificate {
    let [leaf, key] = ["crt", "key"].map(|suffix| directory.join(format!("{name}.{suffix}")));
    let text = |value: &Value| value.as_str().expect("a text in PEM").to_owned();
    fs::write(&leaf, text(&made["certificatePem"])).expect("a file in the test's directory");
    fs::write(&key, text(&made["keyPair"]["PrivateKey"])).expect("a file in the test's directory");
    let id = made["certificateId"].as_str().expect("an id").to_owned();
    DeviceCertificate { chain: leaf.clone(), leaf, key, id, version: Version::V3 }
}

fn arn(made: &Value) -> &str {
    made["certificateArn"].as_str().expect("an ARN")
}

/// Attaches a policy that allows everything, created if there is none.
fn allow_everything(server: &Landfall, target: &str) {
    let create = ["iot", "create-policy", "--policy-name", "everything", "--policy-document", EVERYTHING];
    let created = server.aws(&create);
    assert!(created.success() || created.stderr.contains("ResourceAlreadyExistsException"), "{created}");
    server.aws_json(&["iot", "attach-policy", "--policy-name", "everything", "--target", target]);
}

/// A device that hears what is published on these topics, connected with a policy that allows it.
fn subscriber(server: &Landfall, filters: &[&str], connect: &Connect) -> Device {
    let certificate = device_certificate(server, "subscriber");
    let device = Device::connect_with(server, &certificate, "subscriber", connect);
    let mut device = device.expect("an ACTIVE certificate with a policy");
    for filter in filters {
        assert!(!device.subscribe(filter, QoS::AtLeastOnce).is_failure(), "{filter}");
    }
    device
}

#[test]
fn boto3_drives_every_operation_and_finds_what_aws_answers() {
    let server = server_with_functions();
    let mut script = python("boto3_control_plane.py");
    run_script(script.args(["--operations", &built_operations()]), &server);
}

#[test]
fn no_operation_takes_a_request_without_a_right_signature() {
    let operations = built_operations();
    // Botocore has two signers, of which it takes the one of awscrt where that is installed.
    for without_crt in ["false", "true"] {
        let server = server();
        let mut script = python("boto3_refusals.py");
        run_script(script.args(["--operations", &operations]).env("BOTO_DISABLE_CRT", without_crt), &server);
    }
}
