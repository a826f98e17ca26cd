//! Both devices of the workshop, made by `landfall` in place of the block's scripts, connected by the seed's
//! `mosquitto_pub`, and looked at with the AWS CLI: what each has in the registry, and the second's Greengrass group.

use std::path::Path;

use landfall_tests::{DEADLINE, Landfall, Ran, program, run};
use serde_json::{Value, json};

use crate::devices::{CA_CONFIG, CHANGES, DEVICE_CONFIG};

const ROLE: &str = "arn:aws:iam::000000000000:role/greengrass-service-role";

/// A line of the seed, in the test's directory, with `landfall` and `aws` on the path and the exports of `landfall env`.
#[track_caller]
fn shell(server: &Landfall, line: &str) -> Ran {
    let mut shell = program("bash");
    shell.args(["-c", line]).current_dir(server.directory()).env("PATH", server.path_with_clients());
    run(shell.envs(server.environment()), "", DEADLINE)
}

#[track_caller]
fn write(directory: &Path, name: &str, text: &str) {
    std::fs::write(directory.join(name), text).expect("a file in the test's directory");
}

/// The seed's `mosquitto_pub`, with the endpoint that `describe-endpoint` answers.
#[track_caller]
fn publish(server: &Landfall, thing: &str, topic: &str) {
    let port = server.mqtt().port();
    let line = format!(
        "endpoint=$(aws iot describe-endpoint --endpoint-type iot:Data-ATS --query endpointAddress --output text)
        mosquitto_pub -d \
        --cafile aws-root-cert.pem \
        --cert device-certs/device-and-ca-certificate.crt \
        --key device-certs/device-certificate.key \
        -h $endpoint -p {port} -t {topic} -i {thing} --tls-version tlsv1.2 -m 'Hello World!'"
    );
    let published = shell(server, &line);
    assert!(published.success(), "{published}");
    assert!(published.stdout.contains(&format!("Client {thing} received CONNACK (0)")), "{published}");
}

/// A thing with its type, its attributes but for the random `creation_id`, and the policies of its certificate.
#[track_caller]
fn provisioned(server: &Landfall, thing: &str) -> (Value, String) {
    let mut described = server.aws_json(&["iot", "describe-thing", "--thing-name", thing]);
    let attributes = described["attributes"].as_object_mut().expect("attributes");
    assert_eq!(attributes.remove("creation_id").expect("a creation id").as_str().map(str::len), Some(36));
    let attributes = attributes.clone();
    let thing_type = &described["thingTypeName"];
    let name = thing_type.as_str().expect("a type");
    let searchable = server.aws_json(&["iot", "describe-thing-type", "--thing-type-name", name]);
    let principals = server.aws_json(&["iot", "list-thing-principals", "--thing-name", thing]);
    let principal = principals["principals"][0].as_str().expect("a certificate").to_owned();
    let (_, id) = principal.rsplit_once("cert/").expect("the ARN of a certificate");
    let certificate = server.aws_json(&["iot", "describe-certificate", "--certificate-id", id]);
    let policies = server.aws_json(&["iot", "list-attached-policies", "--target", &principal]);
    let provisioned = json!({
        "attributes": attributes,
        "type": thing_type,
        "searchable": searchable["thingTypeProperties"]["searchableAttributes"],
        "status": certificate["certificateDescription"]["status"],
        "policies": policies["policies"].as_array().expect("policies").iter()
            .map(|policy| policy["policyName"].clone()).collect::<Vec<_>>(),
    });
    (provisioned, principal)
}

#[test]
fn both_devices_of_the_workshop_are_what_the_seed_shows() {
    let server = Landfall::start_with(&["--set", &format!("GreengrassUserServiceAccountRole={ROLE}")]);
    let directory = server.directory();
    write(directory, "openssl-ca.conf", CA_CONFIG);
    write(directory, "openssl-device.conf", DEVICE_CONFIG);
    let create_ca = "landfall ca create -o openssl-ca.conf -d root-ca-certs --key-type rsa2048 --register";
    shell(&server, create_ca).stdout();
    let listed = server.aws_json(&["iot", "list-ca-certificates"]);
    assert_eq!(listed["certificates"][0]["status"], "ACTIVE", "{listed}");
    let create = "landfall device create -o openssl-device.conf -d root-ca-certs -r aws-root-cert.pem --data data \
                  --key-type rsa2048 --x509-version 1";
    shell(&server, create).stdout();

    let thing = "thing-1234-5678-9123";
    publish(&server, thing, &format!("device/{thing}"));
    let attributes = json!({
        "device_type": "iot",
        "product_id": "smart-sensor",
        "serial_number": "1234-5678-9123",
        "country": "FR",
        "email_address": "postmaster@myacme.com",
        "organization": "AcmeInc",
        "locality": "France",
        "state": "Paris",
        "common_name": "example-thing",
        "organizational_unit": "MyAcme",
    });
    let searchable = json!(["serial_number", "product_id", "device_type"]);
    let expected = json!({
        "attributes": attributes,
        "type": "smart-sensor-device",
        "searchable": searchable,
        "status": "ACTIVE",
        "policies": ["iot-access-policy"],
    });
    assert_eq!(provisioned(&server, thing).0, expected);
    // Nothing of Greengrass is made for it.
    assert_eq!(server.aws_json(&["greengrass", "list-groups"])["Groups"], json!([]));
    let role = server.aws(&["greengrass", "get-service-role-for-account"]);
    assert!(role.stderr.contains("You need to attach a service role to this account"), "{role}");

    // The second device, under "Updating certificate attributes".
    let changed = CHANGES.iter().fold(DEVICE_CONFIG.to_owned(), |text, (from, to)| text.replace(from, to));
    write(directory, "openssl-device.conf", &changed);
    shell(&server, &format!("{create} --force")).stdout();
    let thing = "thing-9876-5432-1098";
    publish(&server, thing, &format!("greengrass/{thing}"));
    let mut expected = expected;
    for (name, value) in [
        ("device_type", "greengrass"),
        ("serial_number", "9876-5432-1098"),
        ("common_name", thing),
        ("organization", "Amazon"),
        ("organizational_unit", "AmazonWebServices"),
        ("business_category", "iot-prototyping"),
    ] {
        expected["attributes"][name] = value.into();
    }
    expected["policies"] = json!(["greengrass-access-policy"]);
    let (found, certificate) = provisioned(&server, thing);
    assert_eq!(found, expected);
    assert_ready_to_deploy(&server, thing, &certificate);
}

/// The account has one Greengrass group, which is that of this core, with all that a deployment needs.
#[track_caller]
fn assert_ready_to_deploy(server: &Landfall, thing: &str, certificate: &str) {
    let greengrass = |arguments: &[&str]| server.aws_json(&[&["greengrass"], arguments].concat());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let groups = greengrass(&["list-groups"])["Groups"].clone();
    assert_eq!(groups.as_array().map(Vec::len), Some(1), "{groups}");
    assert_eq!(groups[0]["Name"], "9876-5432-1098-group", "{groups}");
    let (group, version) = (text(&groups[0]["Id"]), text(&groups[0]["LatestVersion"]));

    let mut described = greengrass(&["get-group", "--group-id", &group]);
    let others = described.as_object_mut().expect("a group");
    others.remove("tags");
    assert_eq!(described, groups[0]);
    let version = greengrass(&["get-group-version", "--group-id", &group, "--group-version-id", &version]);
    assert_eq!((&version["Id"], &version["Arn"]), (&groups[0]["Id"], &groups[0]["LatestVersionArn"]));

    let definition = version["Definition"].as_object().expect("a definition");
    let members: Vec<_> = definition.keys().map(String::as_str).collect();
    assert_eq!(members, ["CoreDefinitionVersionArn", "LoggerDefinitionVersionArn"]);
    // …:/greengrass/definition/cores/ID/versions/VERSION
    let ids = |member: &str| {
        let arn = text(&definition[member]);
        let mut parts = arn.rsplit('/');
        let version = parts.next().expect("a version").to_owned();
        (parts.nth(1).expect("a definition").to_owned(), version)
    };
    let (core, version) = ids("CoreDefinitionVersionArn");
    let core = greengrass(&[
        "get-core-definition-version",
        "--core-definition-id",
        &core,
        "--core-definition-version-id",
        &version,
    ]);
    let thing_arn = server.aws_json(&["iot", "describe-thing", "--thing-name", thing])["thingArn"].clone();
    let cores = core["Definition"]["Cores"].as_array().expect("cores");
    assert_eq!(cores.len(), 1, "{core}");
    assert_eq!((&cores[0]["Id"], &cores[0]["ThingArn"]), (&json!(thing), &thing_arn), "{core}");
    assert_eq!(cores[0]["CertificateArn"], certificate, "{core}");

    let (logger, version) = ids("LoggerDefinitionVersionArn");
    let logger = greengrass(&[
        "get-logger-definition-version",
        "--logger-definition-id",
        &logger,
        "--logger-definition-version-id",
        &version,
    ]);
    let mut loggers: Vec<_> = logger["Definition"]["Loggers"]
        .as_array()
        .expect("loggers")
        .iter()
        .map(|logger| {
            let part = |name: &str| text(&logger[name]);
            (part("Component"), part("Type"), part("Level"), logger["Space"].as_i64())
        })
        .collect();
    loggers.sort();
    let logger = |component: &str, place: &str, space| {
        (component.to_owned(), place.to_owned(), "DEBUG".to_owned(), space)
    };
    let expected = [
        logger("GreengrassSystem", "AWSCloudWatch", None),
        logger("GreengrassSystem", "FileSystem", Some(10_240)),
        logger("Lambda", "AWSCloudWatch", None),
        logger("Lambda", "FileSystem", Some(10_240)),
    ];
    assert_eq!(loggers, expected);

    assert_eq!(greengrass(&["get-service-role-for-account"])["RoleArn"], ROLE);
}
