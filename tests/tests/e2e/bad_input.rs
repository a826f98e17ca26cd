//! Subjects and settings as nobody should write them: refused with the cause, or taken for what they say.

use std::fs;

use landfall_mqtt::ReasonCode;
use landfall_tests::{
    Ca, Connect, DEADLINE, Device, DeviceCertificate, DeviceRequest, Landfall, Refused, program, run,
};
use serde_json::Value;
use tempfile::TempDir;

/// A server with a CA, and settings that can be changed.
struct Scene {
    server: Landfall,
    ca: Ca,
    folder: TempDir,
}

impl Scene {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().join("registrar.toml");
        fs::write(&file, "").expect("a file of settings");
        let server = Landfall::start_with(&["--settings", &file.to_string_lossy()]);
        let ca = Ca::registered(&server);
        Self { server, ca, folder }
    }

    #[track_caller]
    fn reload(&self, settings: &str) {
        fs::write(self.folder.path().join("registrar.toml"), settings).expect("a file of settings");
        let data = self.server.data().to_string_lossy().into_owned();
        Landfall::run(&["config", "reload", "--data", &data]).stdout();
    }

    /// A device comes: its thing, or why it has none.
    #[track_caller]
    fn connect(&self, certificate: &DeviceCertificate, client: &str) -> Result<Value, String> {
        let connected =
            Device::connect_with(&self.server, certificate, client, &Connect::v5()).map(Device::leave);
        let api = self.server.api();
        let log = api.landfall(&format!("certificates/{}/registrations", certificate.id));
        let records = log["registrations"].as_array().expect("registrations");
        let outcome = &records.last().expect("a registration")["outcome"];
        let text = |name: &str| outcome[name].as_str().unwrap_or_else(|| panic!("{name}: {log}"));
        match connected {
            Ok(()) => Ok(api.iot("GET", &format!("/things/{}", text("thingName")))),
            Err(refused) => {
                assert_eq!(refused, Refused::Connack(ReasonCode::NotAuthorized));
                assert_eq!(api.status(&certificate.id).as_deref(), Some("PENDING_ACTIVATION"));
                Err(format!("{}: {}", text("code"), text("message")))
            }
        }
    }

    /// A device comes that is let in.
    #[track_caller]
    fn thing(&self, certificate: &DeviceCertificate, client: &str) -> Value {
        self.connect(certificate, client).expect("it is let in")
    }

    /// A device comes that is refused for a reason that has all of these words.
    #[track_caller]
    fn assert_refused(&self, certificate: &DeviceCertificate, why: &[&str]) {
        let refused = self.connect(certificate, "thing-1").expect_err("it is refused");
        for why in why {
            assert!(refused.contains(why), "{refused:?} does not say {why:?}");
        }
    }
}

#[test]
fn odd_subjects_are_refused_with_their_cause_or_taken_for_what_they_say() {
    let scene = Scene::start();
    let ca = &scene.ca;
    // So a configuration of OpenSSL writes an attribute that comes twice.
    let two_names = DeviceRequest::quick("SN-1").field("1.CN", "another");
    scene.assert_refused(
        &ca.issue(&two_names),
        &["repeated_subject_field", "commonName (2.5.4.3) more than once", "example-thing, another"],
    );
    scene.assert_refused(
        &ca.issue(&DeviceRequest::quick("")),
        &["missing_subject_field", "the subject has no serialNumber (2.5.4.5)"],
    );
    for strings in ["BMPString", "UTF8String", "T61String", "UniversalString"] {
        let request = DeviceRequest::quick(strings).strings(strings);
        let certificate = ca.issue(&request);
        let mut openssl = program("openssl");
        openssl.args(["asn1parse", "-in"]).arg(&certificate.leaf);
        let parsed = run(&mut openssl, "", DEADLINE).stdout();
        let wanted = strings.to_uppercase();
        assert!(parsed.contains(&wanted), "{wanted} is not in\n{parsed}");
        let name = format!("thing-{strings}");
        assert_eq!(scene.thing(&certificate, &name)["thingName"], name);
    }
    // Each name of a certificate with 300 of them is there, and none behind the last.
    let names: String =
        (0..300).map(|number| format!("DNS.{number}=device-{number}.example.com\n")).collect();
    let extensions = format!("subjectAltName=@names\n[names]\n{names}");
    let of_last = |number: u16| {
        format!("[Attributes]\nlast = '<%= certificate.subjectAlternativeName.dns[{number}] %>'\n")
    };
    let many = ca.issue(&DeviceRequest::quick("SN-3").extensions(&extensions));
    scene.reload(&of_last(300));
    scene.assert_refused(&many, &["template_failed", "dns[300]"]);
    scene.reload(&of_last(299));
    let thing = scene.thing(&many, "thing-SN-3");
    assert_eq!(thing["attributes"]["last"], "device-299.example.com", "{thing}");
}

#[test]
fn what_a_template_makes_of_a_device_is_checked_and_the_cause_is_named() {
    let scene = Scene::start();
    let certificate = scene.ca.issue(&DeviceRequest::quick("SN-1").field("CN", "a b"));
    let refused = |settings: &str, why: &[&str]| {
        scene.reload(settings);
        scene.assert_refused(&certificate, why);
    };
    let of = |parameter: &str, field: &str| format!("{parameter} = \"x-<%= certificate.{field} %>\"\n");
    refused(&of("ThingName", "attributes.subject.CN"), &["invalid_name", "x-a b"]);
    refused(&of("ThingTypeName", "attributes.subject.CN"), &["invalid_name", "x-a b"]);
    refused(&of("DevicePolicyName", "attributes.subject.CN"), &["invalid_name", "x-a b"]);
    refused(&of("ThingName", "attributes.subject.dnQualifier"), &["template_failed", "dnQualifier"]);
    refused(&of("ThingName", "extensions['1.2.3.4']"), &["template_failed", "1.2.3.4"]);
    scene.reload("");
    scene.thing(&certificate, "thing-SN-1");
}

#[test]
fn policies_and_names_that_cannot_work_are_refused_when_they_are_loaded() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("registrar.toml");
    let topics: Vec<_> = (0..600).map(|number| format!("plant/{number}")).collect();
    for (settings, why) in [
        (format!("DevicePublishPolicy = '{}'\n", topics.join(",")), "at most 2048 are allowed"),
        ("DevicePublishPolicy = 'device/${iot:Nothing}'\n".to_owned(), "${iot:Nothing} never has a value"),
        ("ThingName = 't-<%= certificate.attributes'\n".to_owned(), "ThingName is no template: line 1"),
        ("[Attributes]\n'a b' = 'x'\n".to_owned(), "attribute name \"a b\" has the character ' '"),
    ] {
        fs::write(&file, &settings).expect("a file of settings");
        let checked = Landfall::run(&["config", "check", &file.to_string_lossy()]);
        assert!(!checked.success(), "{settings}{checked}");
        assert!(checked.stderr.contains("registrar.toml:1:") && checked.stderr.contains(why), "{checked}");
    }
}
