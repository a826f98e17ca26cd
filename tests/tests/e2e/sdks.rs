//! Real device SDKs and boto3, unmodified.

use std::process::Command;

use landfall_tests::{
    Ca, DEADLINE, DeviceCertificate, DeviceRequest, Landfall, Process, fleet, program, python, run,
};
use serde_json::Value;

/// The device scripts of `tests/clients`, each with the version of MQTT that it shall speak.
const DEVICES: [(&str, &str); 5] = [
    ("paho_device.py", "3"),
    ("paho_device.py", "5"),
    ("awsiot_v2_device.py", "3"),
    ("awsiot_v2_device.py", "5"),
    ("awsiot_v1_device.py", "3"),
];

/// Runs a device script until it is accepted, `attempts` times at most. Its report.
#[track_caller]
fn device(
    server: &Landfall,
    certificate: &DeviceCertificate,
    client_id: &str,
    (script, mqtt): (&str, &str),
    attempts: &str,
) -> Value {
    let mut command = python(script);
    command.args(["--port", &server.mqtt().port().to_string(), "--client-id", client_id, "--mqtt", mqtt]);
    command.arg("--cafile").arg(server.server_ca()).arg("--cert").arg(&certificate.chain);
    command.arg("--key").arg(&certificate.key).args(["--attempts", attempts]);
    let printed = run(&mut command, "", DEADLINE).stdout();
    serde_json::from_str(&printed).expect("a report in JSON")
}

#[test]
fn every_sdk_is_accepted_the_first_time_subscribes_publishes_and_receives() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    for (script, mqtt) in DEVICES {
        let serial = format!("{}-{mqtt}", script.trim_end_matches(".py"));
        let certificate = ca.issue(&DeviceRequest::new(&serial));
        let report = device(&server, &certificate, &format!("thing-{serial}"), (script, mqtt), "1");
        assert_eq!(report["received"], "Hello World!", "{report}");
        assert_eq!(server.api().outcomes(&certificate.id), ["success"], "{serial}");
    }
}

#[test]
fn with_a_hold_of_zero_every_sdk_is_dropped_once_as_by_aws_and_accepted_when_it_comes_back() {
    let server = Landfall::start_with(&["--first-connect-hold", "0s"]);
    let ca = Ca::registered(&server);
    for (script, mqtt) in DEVICES {
        let serial = format!("{}-{mqtt}", script.trim_end_matches(".py"));
        let certificate = ca.issue(&DeviceRequest::new(&serial));
        let report = device(&server, &certificate, &format!("thing-{serial}"), (script, mqtt), "5");
        assert_eq!(report["attempts"], 2, "{serial}: {report}");
    }
}

#[test]
fn mosquitto_sub_hears_what_mosquitto_pub_says() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    // Two devices of one Greengrass core, which share its topics.
    let [speaker, listener] = ["1", "2"]
        .map(|serial| ca.issue(&DeviceRequest::new(serial).field("title", "greengrass").field("CN", "core")));
    let mosquitto = |command: &mut Command, certificate: &DeviceCertificate, arguments: &[&str]| {
        command.arg("--cafile").arg(server.server_ca()).arg("--cert").arg(&certificate.chain);
        command.arg("--key").arg(&certificate.key).args(["-q", "1", "-h", "localhost"]);
        command.args(["-p", &server.mqtt().port().to_string()]).args(arguments);
    };
    let publish = |payload: &str| {
        let mut command = program("mosquitto_pub");
        let arguments = ["-i", "core-speaker", "-t", "greengrass/core/a", "-m", payload];
        mosquitto(&mut command, &speaker, &arguments);
        run(&mut command, "", DEADLINE).stdout();
    };
    publish("before anybody listens");
    // By itself it prints to a pipe only at its end.
    let mut command = program("stdbuf");
    command.args(["-oL", "mosquitto_sub", "-d", "-F", "heard %t %q %p", "-C", "2"]);
    mosquitto(&mut command, &listener, &["-i", "core-listener", "-t", "greengrass/core/#"]);
    let mut heard = Process::start(&mut command, "");
    heard.wait_for_line("its SUBACK", |line| line.starts_with("Subscribed").then_some(()));
    publish("one");
    publish("two");
    let printed = heard.finish(DEADLINE).stdout();
    let heard: Vec<_> = printed.lines().filter(|line| line.starts_with("heard")).collect();
    assert_eq!(heard, ["heard greengrass/core/a 1 one", "heard greengrass/core/a 1 two"]);
}

#[test]
fn boto3_pages_through_the_registry_and_knows_its_errors() {
    let server = Landfall::start_with(&["--account-id", "123456789012", "--region", "eu-west-1"]);
    let ca = Ca::registered(&server);
    let report = fleet(&server, &ca, 25, &[]).stdout();
    let report: Value = serde_json::from_str(&report).expect("a report in JSON");
    let mut command = python("boto3_registry.py");
    command.envs(server.environment());
    let found: Value = serde_json::from_str(&run(&mut command, "", DEADLINE).stdout()).expect("JSON");

    let sorted = |values: &Value, member: Option<&str>| {
        let values = values.as_array().expect("a list").iter();
        let mut texts: Vec<_> = values
            .map(|value| member.map_or(value, |member| &value[member]).as_str().expect("a text").to_owned())
            .collect();
        texts.sort();
        texts
    };
    let devices = &report["device_reports"];
    assert_eq!(sorted(&found["things"], None), sorted(devices, Some("thing_name")));
    assert_eq!(sorted(&found["certificates"], None), sorted(devices, Some("certificate_id")));
    assert_eq!(
        (&found["thing_pages"], &found["certificate_pages"]),
        (&3.into(), &3.into()),
        "25 in pages of 10"
    );
    assert_eq!(found["account"], "123456789012");
    assert_eq!(found["endpoint"], "localhost");
    assert_eq!(found["policies"], serde_json::json!(["iot-access-policy"]));
    let arn = found["principals"][0].as_str().expect("an ARN");
    assert!(arn.starts_with("arn:aws:iot:eu-west-1:123456789012:cert/"), "{arn}");
    insta::assert_snapshot!(found["errors"]);
}
