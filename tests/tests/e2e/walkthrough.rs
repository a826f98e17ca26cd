//! The walk through both seeds, with the commands that they give: a registration code, a CA made by OpenSSL, a device's
//! certificate of version 1, and `mosquitto_pub`.

use std::path::Path;

use landfall_tests::{
    Ca, DEADLINE, DeviceCertificate, DeviceRequest, KeyKind, Landfall, Ran, Version, program, run,
};
use serde_json::Value;

const THING: &str = "thing-1234-5678-9123";

/// Runs a line of the seed in a shell, in the test's directory and with the server's exports.
fn shell(server: &Landfall, line: &str, answers: &str) -> Ran {
    let mut shell = program("bash");
    shell.args(["-c", line]).current_dir(server.directory()).envs(server.environment());
    run(&mut shell, answers, DEADLINE)
}

/// The commands of the first seed under "Building a simulation Public key infrastructure", with the answers to their
/// prompts on standard input, up to `register-ca-certificate`. The id of the CA certificate.
fn register_ca_as_the_first_seed_does(server: &Landfall) -> String {
    shell(server, "openssl genrsa -out rootCA.key 2048", "").stdout();
    // Country, state, locality, organization, unit, common name, e-mail.
    shell(
        server,
        "openssl req -x509 -new -nodes -key rootCA.key -sha256 -days 1024 -out rootCA.pem",
        "\n\n\n\n\nrootCA\n\n",
    )
    .stdout();
    let code = server.aws_json(&["iot", "get-registration-code"])["registrationCode"].clone();
    let code = code.as_str().expect("a registration code");
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    assert!(code.len() == 64 && code.chars().all(is_hex), "64 lower-case hex digits: {code}");
    shell(server, "openssl genrsa -out verificationCert.key 2048", "").stdout();
    // The same prompts, then a challenge password and a company name.
    shell(
        server,
        "openssl req -new -key verificationCert.key -out verificationCert.csr",
        &format!("\n\n\n\n\n{code}\n\n\n\n"),
    )
    .stdout();
    shell(
        server,
        "openssl x509 -req -in verificationCert.csr -CA rootCA.pem -CAkey rootCA.key -CAcreateserial \
         -out verificationCert.pem -days 500 -sha256",
        "",
    )
    .stdout();
    let registered = server.aws_json(&[
        "iot",
        "register-ca-certificate",
        "--ca-certificate",
        "file://rootCA.pem",
        "--verification-cert",
        "file://verificationCert.pem",
        "--set-as-active",
        "--allow-auto-registration",
    ]);
    registered["certificateId"].as_str().expect("the id of the CA certificate").to_owned()
}

/// The files of the first seed as a CA of the second seed's scripts.
fn ca_of_the_first_seed(server: &Landfall) -> Ca {
    register_ca_as_the_first_seed_does(server);
    Ca::existing(server.directory(), "rootCA")
}

/// The second seed's `mosquitto_pub`, with the endpoint that `describe-endpoint` answers.
fn mosquitto_pub(server: &Landfall, certificate: &DeviceCertificate, client_id: &str, topic: &str) -> Ran {
    let endpoint = server.aws_json(&["iot", "describe-endpoint", "--endpoint-type", "iot:Data-ATS"]);
    let endpoint = endpoint["endpointAddress"].as_str().expect("an address");
    let mut command = program("mosquitto_pub");
    command.arg("-d").arg("--cafile").arg(server.server_ca());
    command.arg("--cert").arg(&certificate.chain).arg("--key").arg(&certificate.key);
    command.args(["-h", endpoint, "-p", &server.mqtt().port().to_string(), "-t", topic, "-i", client_id]);
    command.args(["--tls-version", "tlsv1.2", "-m", "Hello World!"]);
    run(&mut command, "", DEADLINE)
}

/// The attributes of a thing, but for the random `creation_id`, whose form is checked here.
fn attributes(server: &Landfall, thing: &str) -> Vec<(String, String)> {
    let described = server.aws_json(&["iot", "describe-thing", "--thing-name", thing]);
    assert_eq!(described["thingTypeName"], "smart-sensor-device", "{described}");
    let attributes = described["attributes"].as_object().expect("attributes").clone();
    let creation_id = attributes["creation_id"].as_str().expect("a creation id");
    let lengths: Vec<usize> = creation_id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "a UUID: {creation_id}");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let mut others: Vec<_> = attributes
        .iter()
        .filter(|(name, _)| *name != "creation_id")
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    others.sort();
    others
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_device_made_by_the_seeds_commands_is_accepted_the_first_time() {
    let server = Landfall::start();
    let ca = ca_of_the_first_seed(&server);
    let listed = server.aws_json(&["iot", "list-ca-certificates"]);
    assert_eq!(listed["certificates"][0]["status"], "ACTIVE", "{listed}");
    let ca_id = listed["certificates"][0]["certificateId"].as_str().expect("an id");
    let described = server.aws_json(&["iot", "describe-ca-certificate", "--certificate-id", ca_id]);
    assert_eq!(described["certificateDescription"]["autoRegistrationStatus"], "ENABLE", "{described}");

    let device = ca.issue(&DeviceRequest::new("1234-5678-9123"));
    assert_eq!(device.version, Version::V1);
    let published = mosquitto_pub(&server, &device, THING, &format!("device/{THING}"));
    assert!(published.success(), "{published}");
    assert!(published.stdout.contains(&format!("Client {THING} received CONNACK (0)")), "{published}");

    let expected = [
        ("common_name", "example-thing"),
        ("country", "FR"),
        ("device_type", "iot"),
        ("email_address", "postmaster@myacme.com"),
        ("locality", "Paris"),
        ("organization", "AcmeInc"),
        ("organizational_unit", "MyAcme"),
        ("product_id", "smart-sensor"),
        ("serial_number", "1234-5678-9123"),
        ("state", "Paris"),
    ];
    assert_eq!(attributes(&server, THING), owned(&expected));

    let principals = server.aws_json(&["iot", "list-thing-principals", "--thing-name", THING]);
    let arn = principals["principals"][0].as_str().expect("a principal").to_owned();
    assert!(arn.ends_with(&format!(":cert/{}", device.id)), "{arn}");
    let policies = server.aws_json(&["iot", "list-attached-policies", "--target", &arn]);
    assert_eq!(policies["policies"][0]["policyName"], "iot-access-policy", "{policies}");
    let certificate = server.aws_json(&["iot", "describe-certificate", "--certificate-id", &device.id]);
    assert_eq!(certificate["certificateDescription"]["status"], "ACTIVE", "{certificate}");
    assert_eq!(certificate["certificateDescription"]["caCertificateId"], ca_id, "{certificate}");
}

#[test]
fn with_a_hold_of_zero_the_first_connection_is_lost_and_a_retry_is_accepted() {
    let server = Landfall::start_with(&["--first-connect-hold", "0s"]);
    let device = ca_of_the_first_seed(&server).issue(&DeviceRequest::new("1234-5678-9123"));
    let topic = format!("device/{THING}");
    let first = mosquitto_pub(&server, &device, THING, &topic);
    assert_eq!(first.code(), Some(7), "{first}");
    assert!(first.stderr.contains("Error: The connection was lost."), "{first}");
    // It is closed when its registration is stored, so that one retry is enough.
    let second = mosquitto_pub(&server, &device, THING, &topic);
    assert!(second.success(), "{second}");
    assert_eq!(attributes(&server, THING).len(), 10);
}

#[test]
fn the_second_device_of_the_workshop_is_a_greengrass_device_with_its_business_category() {
    let server = Landfall::start();
    let ca = ca_of_the_first_seed(&server);
    let (thing, serial) = ("thing-9876-5432-1098", "9876-5432-1098");
    let request = DeviceRequest::new(serial)
        .field("CN", thing)
        .field("O", "Amazon")
        .field("OU", "AmazonWebServices")
        .field("title", "greengrass")
        .field("businessCategory", "iot-prototyping");
    let device = ca.issue(&request);
    let published = mosquitto_pub(&server, &device, thing, &format!("greengrass/{thing}"));
    assert!(published.success(), "{published}");
    let expected = [
        ("business_category", "iot-prototyping"),
        ("common_name", thing),
        ("country", "FR"),
        ("device_type", "greengrass"),
        ("email_address", "postmaster@myacme.com"),
        ("locality", "Paris"),
        ("organization", "Amazon"),
        ("organizational_unit", "AmazonWebServices"),
        ("product_id", "smart-sensor"),
        ("serial_number", serial),
        ("state", "Paris"),
    ];
    assert_eq!(attributes(&server, thing), owned(&expected));
    let api = server.api();
    assert_eq!(api.policies(&api.principals(thing)[0]), ["greengrass-access-policy"]);
}

#[test]
fn landfall_itself_makes_and_registers_a_ca_that_openssl_can_use() {
    let server = Landfall::start();
    let roots = server.directory().join("root-ca-certs");
    let config = server.directory().join("openssl-ca.conf");
    let subject =
        "[req]\nprompt = no\ndistinguished_name = dn\n[dn]\nC = FR\nO = AcmeInc\nCN = Acme root CA\n";
    std::fs::write(&config, subject).expect("a file in the test's directory");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    for (kind, directory) in [("rsa2048", roots.join("rsa")), ("p256", roots.join("p256"))] {
        let (directory, config) = (text(&directory), text(&config));
        let create = ["ca", "create", "--directory", &directory, "--config", &config, "--key-type", kind];
        Landfall::run(&create).stdout();
        let registered =
            Landfall::run(&["ca", "register", "--directory", &directory, "--data", &text(&server.data())]);
        assert!(registered.stdout().contains("status ACTIVE, auto-registration ENABLE"));
        // A second time it is there already, and that is said.
        let again = Landfall::run(&create);
        assert!(!again.success() && again.stderr.contains("is there already"), "{again}");
    }
    for (number, directory) in ["rsa", "p256"].into_iter().enumerate() {
        let ca = Ca::existing(&roots.join(directory), "ca-certificate");
        let serial = format!("made-by-landfall-{number}");
        let device = ca.issue(&DeviceRequest::new(&serial).key(KeyKind::P256, 0));
        let thing = format!("thing-{serial}");
        let published = mosquitto_pub(&server, &device, &thing, &format!("device/{thing}"));
        assert!(published.success(), "{published}");
    }
}

#[test]
fn what_is_no_ca_is_refused_as_one_with_a_clear_error() {
    let server = Landfall::start();
    let root = Ca::registered(&server);
    let api = server.api();
    let refused = |ca: &Ca, verification: &Ca| {
        let (status, answer) = ca.try_register(&api, verification);
        assert_eq!(status, 400, "{answer}");
        answer["message"].as_str().expect("a message").to_owned()
    };
    // A device's certificate, with which anybody would otherwise make devices.
    let leaf = root.issue(&DeviceRequest::quick("1").version(Version::V3));
    let leaf = Ca::of_files(&leaf.leaf, &leaf.key);
    insta::assert_snapshot!("a_leaf_as_ca", refused(&leaf, &leaf));
    let version_1 = root.issue(&DeviceRequest::quick("2"));
    let version_1 = Ca::of_files(&version_1.leaf, &version_1.key);
    insta::assert_snapshot!("version_1_as_ca", refused(&version_1, &version_1));
    // Somebody else's CA, whose key the caller does not have.
    let theirs = Ca::root(server.directory(), "theirs", KeyKind::P256);
    let other = Ca::root(server.directory(), "other", KeyKind::P384);
    let message = refused(&theirs, &other);
    assert!(message.contains("verification"), "{message}");
    assert_eq!(api.iot("GET", "/cacertificates")["certificates"].as_array().map(Vec::len), Some(1));
}
