//! `landfall serve` as an operator meets it: how it starts, what it says when it cannot, and how it stops.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use landfall_mqtt::{ClientEvent, ReasonCode};
use landfall_tests::{
    Ca, Came, Connect, DEADLINE, Device, DeviceRequest, KeyKind, Landfall, Process, Refused, Renames, Tls,
    Wire, now, program, run,
};
use serde_json::Value;

/// Runs `landfall serve`, which must fail, and gives what it says.
#[track_caller]
fn fails(data: &Path, arguments: &[&str]) -> String {
    let mut command = Landfall::command(&["serve", "--data"]);
    command.arg(data);
    for (option, usual) in
        [("--mqtt-listen", "127.0.0.1:0"), ("--http-listen", "127.0.0.1:0"), ("--log", "off")]
    {
        if !arguments.contains(&option) {
            command.args([option, usual]);
        }
    }
    let ran = run(command.args(arguments), "", DEADLINE);
    assert_eq!(ran.code(), Some(1), "{ran}");
    assert_eq!(ran.stdout, "", "nothing is ready");
    ran.stderr
}

/// An error with what differs from run to run replaced.
fn redacted(error: &str, replacements: &[(&str, &str)]) -> String {
    let mut error = error.to_owned();
    for (found, shown) in replacements {
        error = error.replace(found, shown);
    }
    error
}

#[test]
fn a_port_in_use_is_named_with_the_remedy() {
    let server = Landfall::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (service, address) in [("mqtt", server.mqtt()), ("http", server.http())] {
        let address = address.to_string();
        let error = fails(&directory.path().join("data"), &[&format!("--{service}-listen"), &address]);
        let name = format!("port_in_use_{service}");
        insta::assert_snapshot!(name, redacted(&error, &[(&address, "<address>")]));
    }
}

#[test]
fn a_data_directory_in_use_is_named_with_the_process_that_uses_it() {
    let mut server = Landfall::start();
    let data = server.data();
    let error = fails(&data, &[]);
    let (id, data) = (server.process().id().to_string(), data.to_string_lossy().into_owned());
    insta::assert_snapshot!(redacted(
        &error,
        &[(&data, "<data>"), (&format!("process {id}"), "process <id>")]
    ));
}

#[test]
fn a_data_directory_of_a_newer_version_is_not_touched() {
    let mut server = Landfall::start();
    assert!(server.stop(DEADLINE).success());
    let database = server.data().join("registry.db");
    // The schema version stands in the header of the file: https://www.sqlite.org/fileformat.html#user_version_number
    let mut bytes = fs::read(&database).expect("the database");
    bytes[60..64].copy_from_slice(&999_u32.to_be_bytes());
    fs::write(&database, &bytes).expect("the database can be written");
    let data = server.data();
    let error = fails(&data, &[]);
    assert_eq!(fs::read(&database).expect("the database"), bytes);
    insta::assert_snapshot!(redacted(&error, &[(&data.to_string_lossy(), "<data>")]));
}

#[test]
fn settings_that_cannot_be_are_refused_with_what_would_be_right() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    fs::write(path("text.pem"), "no certificate").expect("a file in the test's directory");
    let (missing, text) = (path("missing.pem"), path("text.pem"));
    let own = |file: &str| {
        ["--server-certificate".to_owned(), file.to_owned(), "--server-key".to_owned(), file.to_owned()]
    };
    let cases: [(&str, Vec<String>); 6] = [
        ("hostname", vec!["--hostname".to_owned(), "not a name".to_owned()]),
        ("hostname_empty", vec!["--hostname".to_owned(), String::new()]),
        ("http_not_loopback", vec!["--http-listen".to_owned(), "0.0.0.0:0".to_owned()]),
        ("log_filter", vec!["--log".to_owned(), "landfall=loud".to_owned()]),
        ("certificate_missing", own(&missing).to_vec()),
        ("certificate_no_pem", own(&text).to_vec()),
    ];
    for (name, arguments) in cases {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let error = fails(&directory.path().join(name), &arguments);
        insta::assert_snapshot!(name, redacted(&error, &[(&path(""), "<directory>/")]));
    }
}

#[test]
fn too_few_file_descriptors_are_named_with_the_remedy() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let serve = Landfall::command(&["serve", "--log", "off"]);
    let mut command = program("bash");
    command
        .args(["-c", "ulimit -n 100 && exec \"$@\"", "bash"])
        .arg(serve.get_program())
        .args(serve.get_args());
    let ran = run(command.current_dir(directory.path()), "", DEADLINE);
    assert_eq!(ran.code(), Some(1), "{ran}");
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn commands_that_find_no_server_say_how_to_name_one() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path().join("nowhere").to_string_lossy().into_owned();
    let roots = directory.path().join("roots").to_string_lossy().into_owned();
    let replacements = [(data.as_str(), "<data>"), (&roots, "<roots>")];
    let env = Landfall::run(&["env", "--data", &data]);
    assert_eq!(env.code(), Some(1), "{env}");
    insta::assert_snapshot!("env_without_server", redacted(&env.stderr, &replacements));
    let register = Landfall::run(&["ca", "register", "--directory", &roots, "--data", &data]);
    assert_eq!(register.code(), Some(1), "{register}");
    insta::assert_snapshot!("ca_register_without_ca", redacted(&register.stderr, &replacements));
    Landfall::run(&["ca", "create", "--directory", &roots]).stdout();
    let register = Landfall::run(&["ca", "register", "--directory", &roots, "--data", &data]);
    assert_eq!(register.code(), Some(1), "{register}");
    insta::assert_snapshot!("ca_register_without_server", redacted(&register.stderr, &replacements));
}

#[test]
fn the_ready_file_appears_whole_when_connections_are_accepted_and_is_gone_afterwards() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (data, ready) = (directory.path().join("data"), directory.path().join("ready.json"));
    let mut renames = Renames::into(directory.path());
    let mut command = Landfall::command(&["serve", "--data"]);
    command.arg(&data).args(["--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--ready-file"]);
    let mut server = Process::start(command.arg(&ready), "");
    renames.wait_for("ready.json");
    let text = fs::read(&ready).expect("the ready file");
    let info: Value = serde_json::from_slice(&text).expect("it is whole from the start");
    for service in ["mqtt", "http"] {
        let address = info[service].as_str().expect("ADDR:PORT");
        TcpStream::connect(address).unwrap_or_else(|error| panic!("{service} on {address}: {error}"));
    }
    let server_ca = Path::new(info["server_ca"].as_str().expect("a path"));
    assert!(server_ca.is_absolute() && server_ca.is_file(), "{info}");
    assert_eq!(info["pid"], server.id());
    assert_eq!(info.as_object().map(serde_json::Map::len), Some(4), "{info}");
    server.signal(landfall_tests::Signal::TERM);
    assert!(server.wait(DEADLINE).expect("it stops").success());
    assert!(!ready.exists(), "nobody is ready any more");
}

#[test]
fn sigterm_ends_every_connection_and_exits_0() {
    let mut server = Landfall::start_with(&["--registrar", "builtin", "--first-connect-hold", "1h"]);
    let ca = Ca::registered(&server);
    let certificate = ca.issue(&DeviceRequest::quick("1"));
    let mut old = Device::connect(&server, &certificate, "thing-1").expect("a good device");
    let certificate = ca.issue(&DeviceRequest::quick("2"));
    let mut new =
        Device::connect_with(&server, &certificate, "thing-2", &Connect::v5()).expect("a good device");
    let mut silent = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    let began = now();
    assert!(server.stop(DEADLINE).success());
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "there is nothing to wait for: {took:?}");
    assert_eq!(old.next(), Came::Closed);
    let told = Came::Event(ClientEvent::Disconnected {
        reason: ReasonCode::ServerShuttingDown,
        reason_string: None,
    });
    assert_eq!(new.next(), told);
    assert_eq!(new.next(), Came::Closed);
    assert_eq!(silent.read_to_end(), (vec![], Came::Closed));
    assert!(TcpStream::connect(server.mqtt()).is_err(), "nothing is accepted any more");
}

#[test]
fn sigterm_ends_held_connections_too() {
    let mut server = Landfall::start_with(&["--registrar", "rules", "--first-connect-hold", "1h"]);
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let mut held = Wire::open(&server, &certificate, Tls::V13).expect("a handshake");
    held.send(b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07thing-1").expect("an open connection");
    while server.api().status(&certificate.id).is_none() {}
    assert!(server.stop(DEADLINE).success());
    assert_eq!(held.read_to_end(), (vec![], Came::Closed));
}

#[test]
fn clients_in_the_middle_of_their_handshakes_delay_the_stop_by_no_more_than_drain() {
    let mut server = Landfall::start_with(&["--drain", "2s"]);
    // They never speak, and never hang up.
    let streams: Vec<_> = (0..20).map(|_| landfall_tests::tcp(server.mqtt())).collect();
    let began = now();
    assert!(server.stop(DEADLINE).success());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    drop(streams);
}

#[test]
fn what_was_made_on_the_first_start_is_used_on_the_next() {
    let mut server = Landfall::start();
    let ca = Ca::registered(&server);
    let certificate = ca.issue(&DeviceRequest::quick("1"));
    Device::connect(&server, &certificate, "thing-1").expect("a good device").leave();
    let (server_ca, environment) = (fs::read(server.server_ca()).expect("a CA"), server.environment());
    let (thing, code) =
        (server.api().iot("GET", "/things/thing-1"), server.api().iot("GET", "/registrationcode"));
    assert!(server.stop(DEADLINE).success());
    server.start_again();
    assert_eq!(fs::read(server.server_ca()).expect("a CA"), server_ca, "clients go on to trust the server");
    assert_eq!(server.environment(), environment, "exports stay as they are");
    assert_eq!(server.api().iot("GET", "/things/thing-1"), thing);
    assert_eq!(server.api().iot("GET", "/registrationcode"), code);
    Device::connect(&server, &certificate, "thing-1").expect("a registered device").leave();
}

#[test]
fn the_hostname_is_the_endpoint_and_in_the_servers_certificate() {
    let server = Landfall::start_with(&["--hostname", "broker.example.com"]);
    let endpoint = server.aws_json(&["iot", "describe-endpoint", "--endpoint-type", "iot:Data-ATS"]);
    assert_eq!(endpoint["endpointAddress"], "broker.example.com", "the host alone");
    let certificate = Ca::registered(&server).issue(&DeviceRequest::new("1"));
    for (option, name, valid) in [
        ("-verify_hostname", "broker.example.com", true),
        ("-verify_hostname", "localhost", true),
        ("-verify_ip", "127.0.0.1", true),
        ("-verify_ip", "::1", true),
        ("-verify_hostname", "other.example.com", false),
    ] {
        let mut command = program("openssl");
        command.args([
            "s_client",
            "-connect",
            &server.mqtt().to_string(),
            "-verify_return_error",
            option,
            name,
        ]);
        command.arg("-CAfile").arg(server.server_ca()).arg("-cert").arg(&certificate.chain);
        command.arg("-key").arg(&certificate.key);
        let ran = run(&mut command, "", DEADLINE);
        assert_eq!(ran.stdout.contains("Verification: OK"), valid, "{name}: {ran}");
    }
}

#[test]
fn a_server_certificate_of_ones_own_is_shown_to_devices() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ca = Ca::root(directory.path(), "company", KeyKind::P256);
    let own = |names: &str| {
        let extensions = format!("subjectAltName={names}\nextendedKeyUsage=serverAuth\n");
        ca.issue(&DeviceRequest::quick("server").extensions(&extensions))
    };
    let good = own("DNS:localhost");
    let (chain, key) = (good.chain.to_string_lossy(), good.key.to_string_lossy());
    let server = Landfall::start_with(&["--server-certificate", &chain, "--server-key", &key]);
    let certificate = Ca::registered(&server).issue(&DeviceRequest::new("1"));
    let mut command = program("mosquitto_pub");
    command.arg("--cafile").arg(ca.certificate()).arg("--cert").arg(&certificate.chain);
    command.arg("--key").arg(&certificate.key).args([
        "-h",
        "localhost",
        "-p",
        &server.mqtt().port().to_string(),
    ]);
    command.args(["-i", "thing-1", "-t", "device/thing-1", "-m", "Hello World!"]);
    run(&mut command, "", DEADLINE).stdout();

    let other = KeyKind::P384.shared(0).to_string_lossy().into_owned();
    let error =
        fails(&directory.path().join("data"), &["--server-certificate", &chain, "--server-key", &other]);
    let replacements = [(&*chain, "<certificate>"), (&*other, "<key>")];
    insta::assert_snapshot!("certificate_with_another_key", redacted(&error, &replacements));
}

#[test]
fn the_api_takes_signed_requests_only_unless_told_otherwise() {
    let server = Landfall::start_with(&["--account-id", "123456789012"]);
    let caller = server.aws_json(&["sts", "get-caller-identity"]);
    assert_eq!(caller["Account"], "123456789012", "{caller}");
    let unsigned = server.aws(&["iot", "list-things", "--no-sign-request"]);
    assert!(!unsigned.success() && unsigned.stderr.contains("Missing Authentication Token"), "{unsigned}");
    let mut wrong = server.environment();
    for (_, value) in wrong.iter_mut().filter(|(name, _)| name == "AWS_SECRET_ACCESS_KEY") {
        *value = "0".repeat(64);
    }
    let wrong = server.aws_with(&wrong, &["iot", "list-things"]);
    assert!(!wrong.success() && wrong.stderr.contains("InvalidSignatureException"), "{wrong}");

    let open = Landfall::start_with(&["--insecure-api"]);
    assert_eq!(open.aws_json(&["iot", "list-things", "--no-sign-request"])["things"], serde_json::json!([]));
}

#[test]
fn who_is_not_built_answers_by_name_and_the_server_goes_on() {
    let server = Landfall::start();
    let ran = server.aws(&["iot", "list-jobs"]);
    assert!(!ran.success() && ran.stderr.contains("ListJobs"), "{ran}");
    let certificate = Ca::registered(&server).issue(&DeviceRequest::quick("1"));
    let refused = Device::connect(&server, &certificate, "thing-1").err();
    assert_eq!(refused, None::<Refused>);
}
