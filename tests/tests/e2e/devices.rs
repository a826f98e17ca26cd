//! Certificates of devices made by `landfall`: those of the block's two scripts, which OpenSSL makes beside them, and many
//! at once.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use landfall_tests::{Connect, DEADLINE, Device, DeviceCertificate, Landfall, Ran, Version, program, run};
use serde_json::Value;

/// What the block's scripts take as `openssl-ca.conf`: the same fields and sections, and names of its own.
pub(crate) const CA_CONFIG: &str = "\
#
# OpenSSL configuration file.
#
dir                    = .

[v3_req]
basicConstraints       = CA:true
subjectKeyIdentifier   = hash

[certificate_extensions]
basicConstraints       = CA:true

[req]
distinguished_name     = req_distinguished_name
prompt                 = no
req_extensions         = v3_req
x509_extensions        = certificate_extensions

[req_distinguished_name]
countryName            = FR
stateOrProvinceName    = Paris
localityName           = France
organizationName       = AcmeInc
organizationalUnitName = MyAcme
commonName             = myacme.com
emailAddress           = postmaster@myacme.com
";

/// What they take as `openssl-device.conf`, with the values that the second seed shows of the registered thing.
pub(crate) const DEVICE_CONFIG: &str = "\
#
# OpenSSL configuration file.
#
dir                    = .
oid_section            = OIDs

[req]
distinguished_name     = req_distinguished_name
prompt                 = no

[OIDs]
# Further object identifiers would be here.

[req_distinguished_name]
organizationName       = AcmeInc
organizationalUnitName = MyAcme
emailAddress           = postmaster@myacme.com
localityName           = France
stateOrProvinceName    = Paris
countryName            = FR
# The name of the thing.
commonName             = example-thing
serialNumber           = 1234-5678-9123
title                  = iot
generationQualifier    = smart-sensor
";

/// The changes that the second seed asks for under "Updating certificate attributes".
pub(crate) const CHANGES: [(&str, &str); 5] = [
    ("= example-thing", "= thing-9876-5432-1098"),
    ("= 1234-5678-9123", "= 9876-5432-1098"),
    ("= AcmeInc", "= Amazon"),
    ("= MyAcme", "= AmazonWebServices"),
    ("= iot\n", "= greengrass\nbusinessCategory       = iot-prototyping\n"),
];

/// The steps of `create-and-register-ca.sh` up to its question, with the registration code in `$code`.
const CA_STEPS: &str = "set -e
mkdir -p root-ca-certs
openssl genrsa -out root-ca-certs/ca-certificate.key 2048
openssl req -config openssl-ca.conf -x509 -new -nodes -key root-ca-certs/ca-certificate.key -sha256 -days 365 \
  -out root-ca-certs/ca-certificate.pem
openssl genrsa -out root-ca-certs/private-key-registration.key 2048
openssl req -new -key root-ca-certs/private-key-registration.key -subj /CN=$code \
  -out root-ca-certs/private-key-registration.csr
openssl x509 -req -in root-ca-certs/private-key-registration.csr -CA root-ca-certs/ca-certificate.pem \
  -CAkey root-ca-certs/ca-certificate.key -CAcreateserial -CAserial serial -days 365 -sha256 \
  -out root-ca-certs/private-key-registration.crt";

/// The steps of `create-device-certificate.sh`.
const DEVICE_STEPS: &str = "set -e
mkdir -p device-certs
openssl genrsa -out device-certs/device-certificate.key 2048
openssl req -config openssl-device.conf -new -key device-certs/device-certificate.key \
  -out device-certs/device-certificate.csr
openssl x509 -req -in device-certs/device-certificate.csr -CA root-ca-certs/ca-certificate.pem \
  -CAkey root-ca-certs/ca-certificate.key -CAcreateserial -CAserial serial -days 365 -sha256 \
  -out device-certs/device-certificate.crt
cat device-certs/device-certificate.crt root-ca-certs/ca-certificate.pem \
  > device-certs/device-and-ca-certificate.crt";

#[track_caller]
fn shell(directory: &Path, line: &str) -> String {
    run(program("bash").args(["-c", line]).current_dir(directory), "", DEADLINE).stdout()
}

/// `landfall` in this directory.
#[track_caller]
fn landfall(directory: &Path, arguments: &[&str]) -> Ran {
    run(Landfall::command(arguments).current_dir(directory), "", DEADLINE)
}

#[track_caller]
fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).expect("a file in the test's directory");
}

/// The names of the files in a folder.
#[track_caller]
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// All that must be the same of the files of the scripts, whoever made them, as OpenSSL reads it.
#[track_caller]
fn described(directory: &Path) -> Vec<(&'static str, String)> {
    let openssl = |line: &str| shell(directory, &format!("openssl {line}"));
    let crt = "device-certs/device-certificate.crt";
    let proof = "root-ca-certs/private-key-registration";
    let days = |certificate: &str| {
        let dates = openssl(&format!("x509 -noout -startdate -enddate -dateopt iso_8601 -in {certificate}"));
        let seconds: Vec<i64> = dates
            .lines()
            .map(|line| {
                let (_, date) = line.split_once('=').expect("a date");
                let date: jiff::Timestamp = date.replace(' ', "T").parse().expect("a date of ISO 8601");
                date.as_second()
            })
            .collect();
        format!("{} s", seconds[1] - seconds[0])
    };
    let of_text = |certificate: &str, what: &str| {
        let text = openssl(&format!("x509 -noout -text -in {certificate}"));
        let lines = text.lines().map(str::trim).filter(|line| line.starts_with(what));
        lines.collect::<Vec<_>>().join("; ")
    };
    let files = ["root-ca-certs", "device-certs"].map(|folder| names(&directory.join(folder)));
    let ca = "root-ca-certs/ca-certificate.pem";
    vec![
        ("files", format!("{files:?}")),
        ("subject of the CA", openssl(&format!("x509 -noout -subject -issuer -in {ca}"))),
        ("version of the CA", of_text(ca, "Version:")),
        ("the CA is a CA", of_text(ca, "CA:TRUE")),
        ("days of the CA", days(ca)),
        ("key of the CA", of_text(ca, "Public-Key:")),
        ("subject, issuer", openssl(&format!("x509 -noout -subject -issuer -in {crt}"))),
        ("version", of_text(crt, "Version:")),
        ("extensions", of_text(crt, "X509v3")),
        ("signature", of_text(crt, "Signature Algorithm:")),
        ("key", of_text(crt, "Public-Key:")),
        ("days", days(crt)),
        ("verify", openssl(&format!("verify -CAfile {ca} {crt}"))),
        ("verify at a server", openssl(&format!("verify -purpose sslclient -CAfile {ca} {crt}"))),
        (
            "request",
            openssl("req -noout -verify -subject -in device-certs/device-certificate.csr 2>/dev/null"),
        ),
        ("key file", openssl("pkey -noout -check -in device-certs/device-certificate.key 2>&1")),
        ("proof", openssl(&format!("x509 -noout -subject -issuer -in {proof}.crt"))),
        ("version of the proof", of_text(&format!("{proof}.crt"), "Version:")),
        ("extensions of the proof", of_text(&format!("{proof}.crt"), "X509v3")),
        ("signature of the proof", of_text(&format!("{proof}.crt"), "Signature Algorithm:")),
        ("key of the proof", of_text(&format!("{proof}.crt"), "Public-Key:")),
        ("days of the proof", days(&format!("{proof}.crt"))),
        ("verify the proof", openssl(&format!("verify -CAfile {ca} {proof}.crt"))),
        (
            "request of the proof",
            openssl(&format!("req -noout -verify -subject -in {proof}.csr 2>/dev/null")),
        ),
        ("key file of the proof", openssl(&format!("pkey -noout -check -in {proof}.key 2>&1"))),
        (
            "mode of the key",
            shell(directory, "stat -c %a device-certs/device-certificate.key root-ca-certs/*.key"),
        ),
    ]
}

/// The three files with a public key have the same one, and the last file is leaf and CA.
#[track_caller]
fn fit_together(directory: &Path) {
    for name in ["device-certs/device-certificate", "root-ca-certs/private-key-registration"] {
        let keys = shell(
            directory,
            &format!(
                "openssl pkey -in {name}.key -pubout | sha256sum \
                 && openssl req -in {name}.csr -noout -pubkey | sha256sum \
                 && openssl x509 -in {name}.crt -noout -pubkey | sha256sum"
            ),
        );
        let keys: BTreeSet<_> = keys.lines().collect();
        assert_eq!(keys.len(), 1, "{keys:?}");
    }
    shell(
        directory,
        "cat device-certs/device-certificate.crt root-ca-certs/ca-certificate.pem \
         | cmp - device-certs/device-and-ca-certificate.crt",
    );
}

const CA_CREATE: &[&str] = &["ca", "create", "-o", "openssl-ca.conf", "--key-type", "rsa2048"];
/// The same with the steps of a server's registration code, and the answer `n`.
const CA_CREATE_AND_PROVE: &[&str] = &[
    "ca",
    "create",
    "-o",
    "openssl-ca.conf",
    "-d",
    "root-ca-certs",
    "--key-type",
    "rsa2048",
    "--no-register",
];
const DEVICE_CREATE: &[&str] = &[
    "device",
    "create",
    "-o",
    "openssl-device.conf",
    "-d",
    "root-ca-certs",
    "--key-type",
    "rsa2048",
    "--x509-version",
    "1",
];

#[test]
fn the_scripts_of_the_block_and_landfall_make_the_same_files() {
    let server = Landfall::start();
    let code = server.aws_json(&["iot", "get-registration-code"])["registrationCode"].clone();
    let code = code.as_str().expect("a registration code");
    let data = server.data().to_string_lossy().into_owned();
    let root = tempfile::tempdir().expect("a directory");
    let changed = CHANGES.iter().fold(DEVICE_CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    for (number, device_config) in [DEVICE_CONFIG, &changed].iter().enumerate() {
        let [theirs, ours] = ["theirs", "ours"].map(|who| root.path().join(format!("{who}-{number}")));
        for directory in [&theirs, &ours] {
            fs::create_dir(directory).expect("a folder in the test's directory");
            write(directory, "openssl-ca.conf", CA_CONFIG);
            write(directory, "openssl-device.conf", device_config);
        }
        shell(&theirs, &format!("code={code}\n{CA_STEPS}"));
        shell(&theirs, DEVICE_STEPS);
        landfall(&ours, &[CA_CREATE_AND_PROVE, &["--data", &data]].concat()).stdout();
        landfall(&ours, DEVICE_CREATE).stdout();
        let (theirs_described, ours_described) = (described(&theirs), described(&ours));
        for (expected, found) in theirs_described.iter().zip(&ours_described) {
            assert_eq!(found, expected);
        }
        fit_together(&theirs);
        fit_together(&ours);
        assert_eq!(ours_described[0].1, format!("[{FILES_OF_CA}, {FILES_OF_DEVICE}]"));
        let version = ours_described.iter().find(|(what, _)| *what == "version").expect("a version");
        assert_eq!(version.1, "Version: 1 (0x0)", "OpenSSL before 3.2 is needed, which makes version 1");
    }

    // Each goes on with what the other made.
    let [theirs, ours] = ["theirs-0", "ours-0"].map(|name| root.path().join(name));
    shell(&ours, &format!("rm -r device-certs\n{DEVICE_STEPS}"));
    fit_together(&ours);
    shell(&theirs, "rm -r device-certs");
    landfall(&theirs, DEVICE_CREATE).stdout();
    fit_together(&theirs);
    shell(
        &theirs,
        "openssl verify -CAfile root-ca-certs/ca-certificate.pem device-certs/device-certificate.crt",
    );
}

/// The files of the scripts, but for the serial number that OpenSSL counts.
const FILES_OF_CA: &str = "{\"ca-certificate.key\", \"ca-certificate.pem\", \"private-key-registration.crt\", \
                           \"private-key-registration.csr\", \"private-key-registration.key\"}";
const FILES_OF_DEVICE: &str = "{\"device-and-ca-certificate.crt\", \"device-certificate.crt\", \
                               \"device-certificate.csr\", \"device-certificate.key\"}";

/// `landfall` in this directory on a terminal of its own, where somebody types.
#[track_caller]
fn landfall_on_a_terminal(directory: &Path, arguments: &[&str], typed: &str) -> Ran {
    let landfall = Landfall::command(arguments);
    let words: Vec<_> = std::iter::once(landfall.get_program())
        .chain(landfall.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let mut script = program("script");
    script.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    run(script.current_dir(directory), typed, DEADLINE)
}

#[test]
fn a_terminal_is_asked_whether_to_register() {
    let server = Landfall::start();
    let data = server.data().to_string_lossy().into_owned();
    let known = || server.api().iot("GET", "/cacertificates")["certificates"].as_array().map_or(0, Vec::len);
    for (name, typed, arguments, asked, registered) in [
        ("n", "n\n", &[][..], true, 0),
        ("other", "what?\n", &[], true, 0),
        ("no", "", &["--no-register"], false, 0),
        ("y", "y\n", &[], true, 1),
        ("yes", "", &["--register"], false, 2),
    ] {
        let directory = server.directory().join(name);
        fs::create_dir(&directory).expect("a folder in the test's directory");
        write(&directory, "openssl-ca.conf", CA_CONFIG);
        let arguments = [CA_CREATE, &["--data", &data], arguments].concat();
        let ran = landfall_on_a_terminal(&directory, &arguments, typed);
        assert!(ran.success(), "{name}: {ran}");
        assert_eq!(ran.stdout.contains("ACTIVE and with auto-registration (y/n)? "), asked, "{name}: {ran}");
        let is_registered = ran.stdout.contains("status ACTIVE, auto-registration ENABLE");
        assert_eq!(is_registered, ["y", "yes"].contains(&name), "{name}: {ran}");
        assert_eq!(known(), registered, "{name}: {ran}");
        assert_eq!(format!("{:?}", names(&directory.join("root-ca-certs"))), FILES_OF_CA, "{name}");
    }
    for ca in server.api().iot("GET", "/cacertificates")["certificates"].as_array().expect("a list") {
        let id = ca["certificateId"].as_str().expect("an id");
        let described = server.api().iot("GET", &format!("/cacertificate/{id}"));
        assert_eq!(described["certificateDescription"]["autoRegistrationStatus"], "ENABLE", "{described}");
    }

    // What the answer n leaves behind is what the AWS CLI registers by.
    let directory = server.directory().join("n/root-ca-certs");
    let file = |name: &str| format!("file://{}", directory.join(name).display());
    server.aws_json(&[
        "iot",
        "register-ca-certificate",
        "--ca-certificate",
        &file("ca-certificate.pem"),
        "--verification-certificate",
        &file("private-key-registration.crt"),
    ]);
    assert_eq!(known(), 3);
}

#[test]
fn where_there_is_no_server_nothing_is_asked() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path();
    write(directory, "openssl-ca.conf", CA_CONFIG);
    let refused = landfall(directory, &[CA_CREATE, &["--register"]].concat());
    let no_server = "no server uses the data directory landfall-data";
    let error = format!("error: nothing was made\n  because: {no_server}");
    assert!(!refused.success() && refused.stderr.starts_with(&error), "{refused}");
    assert!(!directory.join("root-ca-certs").exists(), "nothing was made");
    let note = format!("note: no verification certificate was made: {no_server}");
    for (folder, terminal, arguments, told) in
        [("a", true, &[][..], true), ("b", false, &["--no-register"], true), ("c", false, &[], false)]
    {
        let arguments = [CA_CREATE, &["-d", folder], arguments].concat();
        let ran = match terminal {
            true => landfall_on_a_terminal(directory, &arguments, ""),
            false => landfall(directory, &arguments),
        };
        assert!(ran.success() && !format!("{ran}").contains("(y/n)"), "{ran}");
        assert_eq!(format!("{ran}").contains(&note), told, "{ran}");
        assert!(ran.stdout.contains(&format!("landfall ca register --directory {folder}")), "{ran}");
        assert_eq!(names(&directory.join(folder)).len(), 2);
    }
}

#[test]
fn the_question_whether_to_register_is_a_command_of_its_own() {
    let server = Landfall::start();
    let directory = server.directory();
    write(directory, "openssl-ca.conf", CA_CONFIG);
    write(directory, "openssl-device.conf", DEVICE_CONFIG);
    landfall(directory, CA_CREATE).stdout();
    let known = || server.api().iot("GET", "/cacertificates")["certificates"].clone();
    // Until here the answer is `n`.
    assert_eq!(known(), Value::Array(vec![]));
    let data = server.data().to_string_lossy().into_owned();
    landfall(directory, &["ca", "register", "--data", &data]).stdout();
    assert_eq!(known()[0]["status"], "ACTIVE");

    let made = landfall(directory, &[DEVICE_CREATE, &["--json"]].concat()).stdout();
    let made: Value = serde_json::from_str(&made).expect("JSON");
    assert_eq!(made["caCertificateId"], known()[0]["certificateId"]);
    let path = |file: &str| directory.join(made["files"][file].as_str().expect("a path"));
    let certificate = DeviceCertificate {
        chain: path("certificateAndCa"),
        leaf: path("certificate"),
        key: path("key"),
        id: made["certificateId"].as_str().expect("an id").to_owned(),
        version: Version::V1,
    };
    let connected = Device::connect_with(&server, &certificate, "thing-1234-5678-9123", &Connect::default());
    connected.unwrap_or_else(|refused| panic!("{refused:?}")).leave();
    let thing = server.api().iot("GET", "/things/thing-1234-5678-9123");
    for (attribute, expected) in [
        ("device_type", "iot"),
        ("product_id", "smart-sensor"),
        ("serial_number", "1234-5678-9123"),
        ("locality", "France"),
        ("email_address", "postmaster@myacme.com"),
    ] {
        assert_eq!(thing["attributes"][attribute], expected, "{thing}");
    }
}

#[test]
fn a_subject_is_the_same_from_options_from_toml_and_in_a_request() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path();
    landfall(directory, &["ca", "create"]).stdout();
    let toml = "alternative_names = [\"URI:urn:acme:1\"]\n[subject]\nserialNumber = \"1\"\nCN = \"thing-1\"\nOU = [\"a\", \"b\"]\n";
    write(directory, "device.toml", toml);
    let subject = "/serialNumber=1/CN=thing-1/OU=a/OU=b";
    shell(
        directory,
        &format!("openssl req -new -newkey rsa:2048 -nodes -keyout own.key -subj {subject} -out own.csr"),
    );
    let san = ["--san", "URI:urn:acme:1"];
    for (name, whose) in [
        ("options", &["--subject", subject, san[0], san[1], "--key-type", "p384"][..]),
        ("file", &["--subject-file", "device.toml", "--days", "30"]),
        ("request", &["--csr", "own.csr", san[0], san[1]]),
    ] {
        landfall(directory, &[&["device", "create", "--name", name][..], whose].concat()).stdout();
        let crt = format!("device-certs/{name}.crt");
        let openssl = |line: &str| shell(directory, &format!("openssl {line} {crt}"));
        let found = openssl("x509 -noout -subject -nameopt oneline -ext subjectAltName -in");
        let expected = "subject=serialNumber = 1, CN = thing-1, OU = a, OU = b\n\
                        X509v3 Subject Alternative Name: \n    URI:urn:acme:1\n";
        assert_eq!(found, expected, "{name}");
        openssl("verify -x509_strict -purpose sslclient -CAfile root-ca-certs/ca-certificate.pem");
    }
    let key = "openssl pkey -in own.key -pubout | cmp - <(openssl x509 -noout -pubkey -in device-certs/request.crt)";
    shell(directory, key);
    assert!(!directory.join("device-certs/request.key").exists());
}

#[test]
fn many_devices_are_made_at_once_and_verify() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path();
    landfall(directory, &["ca", "create"]).stdout();
    write(directory, "openssl-device.conf", DEVICE_CONFIG);
    let rows: String = (1..=500).map(|number| format!("0000-{number},thing-{number}\n")).collect();
    write(directory, "devices.csv", &format!("serialNumber,CN\n{rows}"));
    let create = ["device", "create", "--csv", "devices.csv", "-o", "openssl-device.conf", "--out", "fleet"];
    let made = landfall(directory, &create);
    let lines: Vec<_> = made.stderr.lines().collect();
    assert_eq!((lines.len(), lines.last()), (10, Some(&"500 of 500 certificates made")), "{made}");
    assert!(made.stdout().starts_with("made 500 certificates in fleet, in "));
    assert_eq!(names(&directory.join("fleet")).len(), 1_500);
    shell(directory, "openssl verify -CAfile root-ca-certs/ca-certificate.pem fleet/0000-*[0-9].crt");
    let subjects = shell(
        directory,
        "cat fleet/0000-*[0-9].crt | openssl crl2pkcs7 -nocrl -certfile /dev/stdin \
         | openssl pkcs7 -print_certs -noout | grep ^subject | sort -u | wc -l",
    );
    assert_eq!(subjects.trim(), "500");
    let subject = shell(directory, "openssl x509 -noout -subject -nameopt RFC2253 -in fleet/0000-17.crt");
    let expected = "subject=generationQualifier=smart-sensor,title=iot,serialNumber=0000-17,CN=thing-17,C=FR,ST=Paris,\
                    L=France,emailAddress=postmaster@myacme.com,OU=MyAcme,O=AcmeInc\n";
    assert_eq!(subject, expected);
    let mode = fs::metadata(directory.join("fleet/0000-17.key")).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Nothing is made twice, unless it is asked for.
    let key = || fs::read(directory.join("fleet/0000-17.key")).expect("a key");
    let first = key();
    let again = landfall(directory, &create);
    assert!(
        again.code() == Some(1) && again.stderr.contains("devices.csv:2:1: fleet/0000-1.key is there"),
        "{again}"
    );
    assert_eq!(key(), first);
    let replaced = landfall(directory, &[&create[..], &["--force", "--json"]].concat());
    assert_eq!(replaced.stderr, "", "{replaced}");
    let replaced: Value = serde_json::from_str(&replaced.stdout()).expect("JSON");
    assert_eq!(replaced["certificates"], 500);
    assert_ne!(key(), first);
    assert_eq!(names(&directory.join("fleet")).len(), 1_500);
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path();
    let one = ["device", "create", "--subject", "CN=a"];
    let mut told = String::new();
    let mut tell = |arguments: &[&str]| {
        let ran = landfall(directory, arguments);
        assert!(!ran.success() && ran.stdout.is_empty(), "{ran}");
        told.push_str(&format!("$ landfall {}\n{}\n", arguments.join(" "), ran.stderr));
    };
    tell(&one);
    landfall(directory, &["ca", "create"]).stdout();
    landfall(directory, &one).stdout();
    write(directory, "devices.csv", "file,C\na,France\nb/c,FR\n");
    write(directory, "device.toml", "[subject]\nserialNumber = 1234\n");
    write(directory, "device.conf", "[req]\ndistinguished_name = dn\n[dn]\nCN = a\n");
    for arguments in [
        &[][..],
        &["--subject", "colour=red"],
        &["--subject", "CN=a"],
        &["--subject", "CN=a", "--name", "../a"],
        &["--subject", "CN=a", "--san", "a.example", "--name", "b"],
        &["--subject", "CN=a", "--san", "DNS:a.example", "--x509-version", "1"],
        &["--subject", "CN=a", "--days", "0"],
        &["--subject-file", "device.toml"],
        &["--config", "device.conf"],
        &["--csr", "device-certs/device-certificate.crt", "--name", "b"],
        &["--csv", "devices.csv"],
        &["--csv", "missing.csv"],
    ] {
        tell(&[&["device", "create"], arguments].concat());
    }
    insta::assert_snapshot!("device_create_errors", told);
    assert_eq!(names(&directory.join("device-certs")).len(), 4);
}
