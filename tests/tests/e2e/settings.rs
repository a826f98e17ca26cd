//! The settings of the registrar: in a file, for each CA certificate, and changed while the server runs.

use std::fs;

use landfall_tests::{Ca, Device, DeviceRequest, KeyKind, Landfall, Refused, Signal};

/// The names of the things that there are.
fn things(server: &Landfall) -> Vec<String> {
    let things = server.api().things();
    let mut names: Vec<_> =
        things.iter().map(|thing| thing["thingName"].as_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

/// Lets a device of a CA connect for the first time, as the client that its thing is named.
fn connect(server: &Landfall, ca: &Ca, serial: &str, client: &str) -> Result<(), Refused> {
    Device::connect(server, &ca.issue(&DeviceRequest::quick(serial)), client).map(Device::leave)
}

#[test]
fn settings_are_reloaded_as_a_whole_or_not_at_all() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("registrar.toml");
    let path = file.to_string_lossy().into_owned();
    let write = |text: &str| fs::write(&file, text).expect("a file of settings");
    Landfall::run(&["config", "init", &path]).stdout();
    Landfall::run(&["config", "check", &path]).stdout();

    let mut server = Landfall::start_with(&["--settings", &path]);
    let data = server.data().to_string_lossy().into_owned();
    let ca = Ca::registered(&server);
    connect(&server, &ca, "1", "thing-1").expect("it is let in");

    write("ThingName = 'plant-<%= certificate.attributes.subject.serialNumber %>'\n");
    Landfall::run(&["config", "reload", "--data", &data]).stdout();
    connect(&server, &ca, "2", "plant-2").expect("it is let in");

    write("ThingName = 'x-<%= certificate.attributes.subject.serialNumber %>'\nThingTypename = 'y'\n");
    let refused = Landfall::run(&["config", "reload", "--data", &data]);
    assert!(!refused.success() && refused.stderr.contains("registrar.toml:2:1"), "{refused}");
    assert!(refused.stderr.contains("did you mean ThingTypeName?"), "{refused}");
    let checked = Landfall::run(&["config", "check", &path]);
    assert!(!checked.success() && checked.stderr.contains("registrar.toml:2:1"), "{checked}");
    connect(&server, &ca, "3", "plant-3").expect("it is let in");

    write("ThingName = 'shop-<%= certificate.attributes.subject.serialNumber %>'\n");
    server.process().signal(Signal::HUP);
    server.process().wait_for_line("that it read the settings", |line| {
        line.contains("settings of the registrar read anew").then_some(())
    });
    connect(&server, &ca, "4", "shop-4").expect("it is let in");
    assert_eq!(things(&server), ["plant-2", "plant-3", "shop-4", "thing-1"]);
}

#[test]
fn a_ca_certificate_can_have_settings_of_its_own() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("registrar.toml");
    fs::write(&file, "").expect("a file of settings");
    let path = file.to_string_lossy().into_owned();
    let server = Landfall::start_with(&["--settings", &path]);
    let data = server.data().to_string_lossy().into_owned();
    let ca = Ca::registered(&server);
    let other = Ca::root(directory.path(), "other", KeyKind::P256);
    let id = other.register(&server.api());
    let text = format!(
        "[Attributes]\nsite = 'north'\n[CA.{id}]\nThingName = 'other-<%= certificate.attributes.subject.serialNumber %>'\n\
         Registrar = 'rules'\nFirstConnectHold = '0s'\n"
    );
    fs::write(&file, text).expect("a file of settings");
    Landfall::run(&["config", "reload", "--data", &data]).stdout();
    connect(&server, &ca, "1", "thing-1").expect("it is let in");
    assert_eq!(connect(&server, &other, "1", "other-1"), Err(Refused::Closed), "only rules register it");
    assert_eq!(things(&server), ["thing-1"]);
    let thing = server.api().iot("GET", "/things/thing-1");
    assert_eq!(thing["attributes"]["site"], "north", "{thing}");
}

#[test]
fn a_server_does_not_start_with_settings_that_cannot_work() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path().join("data").to_string_lossy().into_owned();
    let serve = ["serve", "--data", &data, "--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
    let ran = Landfall::run(&[&serve[..], &["--set", "DevicePublishPolicy=x/#"]].concat());
    assert!(!ran.success() && ran.stderr.contains("DevicePublishPolicy"), "{ran}");
}
