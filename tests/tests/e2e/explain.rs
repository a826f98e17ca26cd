//! What `landfall explain` says of a certificate before its device comes, and that it comes to that.

use std::fs;

use landfall_tests::{Api, Ca, Device, DeviceCertificate, DeviceRequest, KeyKind, Landfall, Ran, Version};
use serde_json::{Value, json};

/// Explains a certificate by the registry of a server, with further arguments: the exit code, and the JSON.
#[track_caller]
fn explain(server: &Landfall, certificate: &DeviceCertificate, arguments: &[&str]) -> (i32, Value) {
    let (file, data) = (certificate.chain.to_string_lossy(), server.data());
    let data = data.to_string_lossy();
    let ran = Landfall::run(&[&["explain", &*file, "--data", &*data, "--json"], arguments].concat());
    (ran.code().expect("an exit code"), answer(&ran))
}

#[track_caller]
fn answer(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

/// The code of the refusal of a certificate that would be refused.
#[track_caller]
fn refused(server: &Landfall, certificate: &DeviceCertificate) -> String {
    let (code, explanation) = explain(server, certificate, &[]);
    assert_eq!((code, &explanation["verdict"]), (1, &json!("REFUSED")), "{explanation:#}");
    explanation["refusal"]["code"].as_str().expect("a code").to_owned()
}

/// The step of this kind.
#[track_caller]
fn step<'e>(explanation: &'e Value, kind: &str) -> &'e Value {
    let steps = explanation["plan"]["steps"].as_array().unwrap_or_else(|| panic!("{explanation:#}"));
    steps.iter().find(|step| step["step"] == kind).unwrap_or_else(|| panic!("no {kind}: {explanation:#}"))
}

#[track_caller]
fn connect(server: &Landfall, certificate: &DeviceCertificate, thing: &str) {
    Device::connect(server, certificate, thing).expect("it is let in").leave();
}

#[test]
fn what_is_explained_is_what_is_made_then() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let settings = directory.path().join("registrar.toml");
    let text = "ThingName = 'plant-<%= certificate.attributes.subject.serialNumber %>'\nThingGroups = ['plant']\n\
        BillingGroup = 'sensors'\nAttributes.floor = '3'\n";
    fs::write(&settings, text).expect("a file of settings");
    let server = Landfall::start_with(&["--settings", &settings.to_string_lossy()]);
    let (api, ca) = (server.api(), Ca::registered(&server));
    let certificate = ca.issue(&DeviceRequest::quick("1"));

    // The settings are those of the server, though nobody names them here.
    let (code, explanation) = explain(&server, &certificate, &[]);
    assert_eq!((code, &explanation["summary"]), (0, &json!("would be registered")), "{explanation:#}");
    assert_eq!(explanation["certificate"]["certificateId"], certificate.id);
    assert_eq!(explanation["chain"]["registered"], true);
    for kind in ["thingType", "billingGroup", "thingGroup", "policy"] {
        assert_eq!(step(&explanation, kind)["exists"], false, "{kind}");
    }
    // Nothing was made.
    assert_eq!((api.things().len(), api.certificates().len()), (0, 0));

    connect(&server, &certificate, "plant-1");
    let thing = api.iot("GET", "/things/plant-1");
    let planned = step(&explanation, "createThing");
    let mut attributes = thing["attributes"].clone();
    attributes["creation_id"] = Value::Null;
    assert_eq!(attributes, planned["attributes"]);
    assert_eq!(thing["thingTypeName"], planned["thingType"]);
    assert_eq!(thing["billingGroupName"], planned["billingGroup"]);
    let policy = step(&explanation, "policy");
    let made = api.iot("GET", &format!("/policies/{}", policy["name"].as_str().expect("a name")));
    let document: Value =
        serde_json::from_str(made["policyDocument"].as_str().expect("a document")).expect("JSON");
    assert_eq!(document, policy["document"]);

    let (code, explanation) = explain(&server, &certificate, &[]);
    assert_eq!(code, 0);
    assert_eq!(explanation["registered"], json!({"status": "ACTIVE", "thingName": "plant-1"}));
    assert_eq!(explanation["plan"], Value::Null);
    // What is there by now is told of the next one.
    let (_, explanation) = explain(&server, &ca.issue(&DeviceRequest::quick("2")), &[]);
    for kind in ["thingType", "billingGroup", "thingGroup", "policy"] {
        assert_eq!(step(&explanation, kind)["exists"], true, "{kind}");
    }
}

#[test]
fn what_the_registry_has_against_a_certificate_is_said() {
    let server = Landfall::start();
    let (api, ca) = (server.api(), Ca::registered(&server));
    let other_ca = Ca::root(server.directory(), "other", KeyKind::P256);
    let first = ca.issue(&DeviceRequest::quick("1"));

    let of_other_ca = other_ca.issue(&DeviceRequest::quick("1"));
    assert_eq!(refused(&server, &of_other_ca), "chain.unknown_issuer");
    let other_id = other_ca.register_as(&api, true, false);
    assert_eq!(refused(&server, &of_other_ca), "auto_registration_disabled");
    let set = |status: &str| api.iot("PUT", &format!("/cacertificate/{other_id}?{status}"));
    set("newAutoRegistrationStatus=ENABLE&newStatus=INACTIVE");
    assert_eq!(refused(&server, &of_other_ca), "ca_inactive");
    set("newStatus=ACTIVE");
    assert_eq!(explain(&server, &of_other_ca, &[]).0, 0);
    // Of all registered CA certificates, only this one is to count.
    let (code, explanation) = explain(&server, &first, &["--ca", &other_id]);
    assert_eq!((code, &explanation["refusal"]["code"]), (1, &json!("chain.unknown_issuer")));

    connect(&server, &first, "thing-1");
    let second = ca.issue(&DeviceRequest::quick("1").version(Version::V3));
    assert_eq!(refused(&server, &second), "thing_taken");
    assert_eq!(refused(&server, &of_other_ca), "thing_of_another_ca");
    let (code, explanation) = explain(&server, &second, &["--set", "ExistingThing=join"]);
    assert_eq!((code, &step(&explanation, "joinThing")["certificateIds"]), (0, &json!([first.id])));
    // So it comes, too.
    assert!(Device::connect(&server, &second, "thing-1").is_err());
    assert_eq!(api.outcomes(&second.id), ["thing_taken"]);
    let (_, explanation) = explain(&server, &second, &[]);
    assert_eq!(explanation["registered"]["status"], "PENDING_ACTIVATION");

    for (status, code) in [("INACTIVE", "certificate_inactive"), ("REVOKED", "certificate_revoked")] {
        api.set_status(&first.id, status);
        assert_eq!(refused(&server, &first), code);
    }
    // Who made a thing that has no certificate, the API does not tell.
    api.call("iot", "POST", "/things/thing-2", Some(&json!({})));
    let (code, explanation) = explain(&server, &ca.issue(&DeviceRequest::quick("2")), &[]);
    assert_eq!((code, &step(&explanation, "joinThing")["certificateIds"]), (2, &json!([])));
    deprecate(&api);
    assert_eq!(refused(&server, &ca.issue(&DeviceRequest::quick("3"))), "thing_type_deprecated");
}

fn deprecate(api: &Api) {
    api.call("iot", "POST", "/thing-types/smart-sensor-device/deprecate", Some(&json!({})));
}

#[test]
fn a_certificate_is_explained_without_a_server() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ca = Ca::root(directory.path(), "ca", KeyKind::P256);
    let certificate = ca.issue(&DeviceRequest::new("1"));
    let file = certificate.chain.to_string_lossy().into_owned();
    let (ca_file, data) = (ca.certificate(), directory.path().join("nowhere"));
    let (ca_file, data) = (ca_file.to_string_lossy(), data.to_string_lossy());
    for (arguments, code, first) in [
        (&["explain", &file, "--ca", &ca_file][..], 0, ": would be registered\n"),
        (
            &["explain", &file, "--data", &data],
            2,
            ": cannot be said: would be registered, if a registered CA",
        ),
        (
            &[
                "explain",
                &file,
                "--ca",
                &ca_file,
                "--set",
                "ThingName=<%= certificate.attributes.subject.CN %> b",
            ],
            1,
            ": would be refused: invalid_name\n",
        ),
        (&["explain", &file, "--ca", &file], 2, ""),
        (&["explain", &certificate.id, "--data", &data], 2, ""),
    ] {
        let ran = Landfall::run(arguments);
        assert_eq!(ran.code(), Some(code), "{ran}");
        assert!(ran.stdout.contains(first), "{ran}");
        assert_eq!(ran.stderr.is_empty(), !first.is_empty(), "{ran}");
    }
}

#[test]
fn other_settings_are_tried_on_the_whole_fleet() {
    let server = Landfall::start();
    let ca = Ca::registered(&server);
    for serial in ["1", "2", "3"] {
        connect(&server, &ca.issue(&DeviceRequest::quick(serial)), &format!("thing-{serial}"));
    }
    let path = |name: &str| server.directory().join(name).to_string_lossy().into_owned();
    let (old, new, data) = (path("old.toml"), path("new.toml"), server.data());
    fs::write(&old, "").expect("a file of settings");
    fs::write(&new, "ThingName = 'x-<%= certificate.attributes.subject.serialNumber %>'\n")
        .expect("a file of settings");
    let data = data.to_string_lossy();
    let compare = |old: &str, new: &str| {
        Landfall::run(&["explain", "--diff", old, new, "--fleet", "--json", "--data", &data])
    };
    let same = compare(&old, &old);
    assert_eq!(same.code(), Some(0), "{same}");
    assert_eq!(answer(&same)["changed"], 0);
    let ran = compare(&old, &new);
    assert_eq!(ran.code(), Some(1), "{ran}");
    let difference = answer(&ran);
    assert_eq!((&difference["certificates"], &difference["changed"]), (&json!(3), &json!(3)));
    let names: Vec<_> = difference["differences"]
        .as_array()
        .expect("differences")
        .iter()
        .map(|row| (row["before"].as_str().unwrap_or_default(), row["after"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(names, [("thing-1", "x-1"), ("thing-2", "x-2"), ("thing-3", "x-3")]);
}
