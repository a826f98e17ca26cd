use std::fs;

use landfall_pki::Issuer;
use tempfile::TempDir;

use super::*;
use crate::commands::explain::forge::{BMP, Forged, PRINTABLE, ca};
use crate::commands::explain::tests::NOW;

/// A CA with its file, and a folder for certificates.
struct Lab {
    folder: TempDir,
    ca: Issuer,
}

/// How a certificate is explained.
#[derive(Default)]
struct Options<'a> {
    without_ca: bool,
    settings: Option<&'a str>,
    overrides: &'a [&'a str],
}

impl Lab {
    fn new() -> Self {
        let (folder, ca) = (tempfile::tempdir().unwrap(), ca("root"));
        fs::write(folder.path().join("ca.pem"), ca.certificate().to_pem()).unwrap();
        Self { folder, ca }
    }

    fn try_explain(&self, file: &[u8], options: &Options<'_>) -> Result<Explanation> {
        let path = |name: &str| self.folder.path().join(name);
        let (device, ca) = (path("device.crt"), CaArgument::File(path("ca.pem")));
        fs::write(&device, file).unwrap();
        let settings = options.settings.map(|text| {
            fs::write(path("registrar.toml"), text).unwrap();
            path("registrar.toml")
        });
        let overrides: Vec<String> = options.overrides.iter().map(|text| (*text).to_owned()).collect();
        let registration = Registration {
            file: &device,
            ca: (!options.without_ca).then_some(&ca),
            settings: settings.as_deref(),
            overrides: &overrides,
            data: &path("no-server"),
        };
        registration.explain(None, NOW)
    }

    fn explain(&self, file: &str, options: &Options<'_>) -> Explanation {
        self.try_explain(file.as_bytes(), options).unwrap()
    }

    /// A text without what is another one each time.
    fn redacted(&self, text: &str, file: &str) -> String {
        let folder = format!("{}/", self.folder.path().display());
        let text = text.replace(&folder, "").replace(&self.ca.certificate().ca_id().to_string(), "<ca>");
        match ParsedCertificate::all_from_pem(file.as_bytes()) {
            Ok(certificates) => text.replace(&certificates[0].id().to_string(), "<certificate>"),
            Err(_) => text,
        }
    }

    #[track_caller]
    fn check(&self, name: &str, certificate: &Forged, options: &Options<'_>, expected: Verdict) {
        let file = certificate.sign(&self.ca);
        self.check_file(name, &file, options, expected);
    }

    #[track_caller]
    fn check_file(&self, name: &str, file: &str, options: &Options<'_>, expected: Verdict) {
        let explanation = self.explain(file, options);
        insta::assert_snapshot!(name, self.redacted(&as_text(&explanation), file));
        assert_eq!(explanation.verdict, expected, "{name}");
    }
}

/// A policy of few lines, for plans that show something else.
const SHORT: [&str; 3] = ["DeviceReceivePolicy=", "DeviceSubscribePolicy=", "DevicePublishPolicy=all/*"];

fn short<'a>(overrides: &[&'a str]) -> Vec<&'a str> {
    [&SHORT, overrides].concat()
}

#[test]
fn good_certificates() {
    use Verdict::Registered;

    let lab = Lab::new();
    let short_policy = short(&[]);
    let usual = || Options { overrides: &short_policy, ..Options::default() };
    lab.check("version_1", &Forged::new().version_1(), &Options::default(), Registered);
    lab.check("version_3", &Forged::new(), &usual(), Registered);
    let bmp: Vec<u8> = "Gerät 7".encode_utf16().flat_map(u16::to_be_bytes).collect();
    lab.check("bmp_string", &Forged::new().without("CN").bytes("CN", BMP, &bmp), &usual(), Registered);
    lab.check("alternative_names_300", &Forged::new().alternative_names(300), &usual(), Registered);
    let named = short(&["ThingName=<%= certificate.keyType %>-<%= certificate.serialNumber %>"]);
    lab.check(
        "named_by_what_only_the_certificate_has",
        &Forged::new(),
        &Options { overrides: &named, ..Options::default() },
        Registered,
    );
    let groups = short(&[
        "ThingGroups=plant,<%= certificate.attributes.subject.O %>",
        "BillingGroup=sensors",
        "Tags.site=berlin",
        "Tags.owner=<%= certificate.attributes.subject.O %>",
        "Attributes.floor=3",
        "SearchableAttributes=",
    ]);
    lab.check(
        "groups_and_tags",
        &Forged::new(),
        &Options { overrides: &groups, ..Options::default() },
        Registered,
    );
    let role = "GreengrassUserServiceAccountRole=arn:aws:iam::000000000000:role/Greengrass_ServiceRole";
    lab.check(
        "greengrass",
        &Forged::new().with("T", "greengrass"),
        &Options { overrides: &[role, "Tags.site=berlin"], ..Options::default() },
        Registered,
    );
    lab.check(
        "under_rules",
        &Forged::new(),
        &Options { overrides: &["Registrar=rules"], ..Options::default() },
        Registered,
    );
    let leaf_and_ca = Forged::new().sign(&lab.ca) + &lab.ca.certificate().to_pem();
    lab.check_file("leaf_and_ca", &leaf_and_ca, &usual(), Registered);
}

#[test]
fn chains_that_are_not_verified() {
    use Verdict::Refused;

    let lab = Lab::new();
    let options = Options::default();
    for (name, certificate) in [
        ("expired", Forged::new().valid("250101000000Z", "260101000000Z")),
        ("not_yet_valid", Forged::new().valid("270101000000Z", "280101000000Z")),
        ("leaf_is_ca", Forged::new().of_a_ca()),
        ("weak_key", Forged::new().rsa(1_024)),
    ] {
        lab.check(name, &certificate, &options, Refused);
    }
    lab.check_file("wrong_ca", &Forged::new().sign(&ca("stranger")), &options, Refused);
    lab.check_file("wrong_key_of_the_ca", &Forged::new().sign(&ca("root")), &options, Refused);
    let [leaf, other] = [Forged::new().sign(&lab.ca), ca("other").certificate().to_pem()];
    lab.check_file("too_many_certificates", &(leaf + &other.repeat(6)), &options, Refused);
    let damaged = Forged::new().bytes("postalCode", 0x05, &[]);
    lab.check("name_that_is_no_text", &damaged, &options, Refused);
}

#[test]
fn registrations_that_are_refused() {
    use Verdict::Refused;

    let lab = Lab::new();
    let long = "9".repeat(130);
    for (name, certificate, overrides) in [
        ("missing_title", Forged::new().without("T"), &[][..]),
        ("two_common_names", Forged::new().field("CN", "second"), &[]),
        ("unknown_title", Forged::new().with("T", "toaster"), &[]),
        ("empty_serial_number", Forged::new().with("serialNumber", ""), &[]),
        ("embedded_nul", Forged::new().with("serialNumber", "12\u{0}34"), &[]),
        ("name_too_long", Forged::new().with("serialNumber", &long), &[]),
        ("illegal_character", Forged::new().with("O", "Acme Inc"), &["IllegalCharacters=refuse"]),
        (
            "template_without_a_field",
            Forged::new(),
            &["ThingName=t-<%= certificate.attributes.subject.postalCode %>"],
        ),
        ("escapes_of_a_terminal", Forged::new().with("T", "\u{1b}[2Jiot"), &[]),
        (
            "tag_too_long",
            Forged::new().with("O", &"x".repeat(300)),
            &["Tags.o=<%= certificate.attributes.subject.O %>"],
        ),
    ] {
        lab.check(name, &certificate, &Options { overrides, ..Options::default() }, Refused);
    }
    let printable = Forged::new().without("serialNumber").bytes("serialNumber", PRINTABLE, b"a b");
    lab.check("illegal_thing_name", &printable, &Options::default(), Refused);
}

#[test]
fn without_a_ca_certificate_only_a_refusal_is_sure() {
    let lab = Lab::new();
    let overrides = short(&[]);
    let options = Options { without_ca: true, overrides: &overrides, ..Options::default() };
    lab.check("not_checked", &Forged::new(), &options, Verdict::Unknown);
    for (certificate, code) in [
        (Forged::new().valid("250101000000Z", "260101000000Z"), "chain.expired"),
        (Forged::new().of_a_ca(), "chain.leaf_is_ca"),
        (Forged::new().rsa(1_024), "chain.weak_key"),
        (Forged::new().without("GQ"), "missing_subject_field"),
    ] {
        let explanation = lab.explain(&certificate.sign(&lab.ca), &options);
        assert_eq!(explanation.verdict, Verdict::Refused, "{code}");
        assert_eq!(explanation.refusal.unwrap().code, code);
    }
}

#[test]
fn interceptors_are_named_and_not_asked() {
    let lab = Lab::new();
    // None of these files is there: nobody looks at them.
    let settings = "InterceptorLambda = 'check'\nDeviceReceivePolicy = ''\nDeviceSubscribePolicy = ''\n\
        DevicePublishPolicy = 'all/*'\n\
        [[Interceptors]]\nName = 'ours'\nKind = 'allow-list'\nFile = 'devices.txt'\n\
        [[Interceptors]]\nName = 'revoked'\nKind = 'crl'\nFiles = ['a.crl', 'b.crl']\nOnFailure = 'deny'\n\
        [[Interceptors]]\nName = 'at most'\nKind = 'quota'\nDevicesPerHour = 100\n\
        [[Interceptors]]\nName = 'assets'\nKind = 'webhook'\nUrl = 'https://assets.example.com/'\n\
        SecretFile = 'secret'\nDeadline = '2s'\nOnFailure = 'allow'\n\
        [[Interceptors]]\nName = 'program'\nKind = 'executable'\nProgram = '/usr/local/bin/check'\n";
    let options = Options { settings: Some(settings), ..Options::default() };
    lab.check("interceptors", &Forged::new(), &options, Verdict::Registered);
}

#[test]
fn settings_of_a_ca_certificate_count_for_its_devices() {
    let lab = Lab::new();
    let settings = format!("[CA.{}]\nThingName = 'of-this-ca'\n", lab.ca.certificate().ca_id());
    let file = Forged::new().sign(&lab.ca);
    let named = |file: &str, without_ca: bool| {
        let options = Options { settings: Some(&settings), without_ca, ..Options::default() };
        let explanation = serde_json::to_value(lab.explain(file, &options)).unwrap();
        explanation["plan"]["thingName"].as_str().unwrap().to_owned()
    };
    assert_eq!(named(&file, false), "of-this-ca");
    // Not even the file says which CA it is.
    assert_eq!(named(&file, true), "thing-1234-5678-9123");
    assert_eq!(named(&(file + &lab.ca.certificate().to_pem()), true), "of-this-ca");
}

#[test]
fn the_json_has_everything() {
    let lab = Lab::new();
    let overrides = short(&[
        "GreengrassReceivePolicy=",
        "GreengrassSubscribePolicy=",
        "GreengrassPublishPolicy=all/*",
        "GreengrassUserServiceAccountRole=arn:aws:iam::000000000000:role/core",
        "ThingGroups=plant",
        "BillingGroup=cores",
        "Tags.site=berlin",
        "InterceptorLambda=check",
    ]);
    let options = Options { overrides: &overrides, ..Options::default() };
    for (name, certificate) in [
        ("as_json", Forged::new().with("T", "greengrass")),
        ("as_json_refused", Forged::new().with("T", "toaster")),
    ] {
        let file = certificate.sign(&lab.ca);
        let explanation = serde_json::to_value(lab.explain(&file, &options)).unwrap();
        insta::assert_snapshot!(name, lab.redacted(&format!("{explanation:#}"), &file));
    }
}

#[test]
fn what_is_no_certificate_is_said() {
    let lab = Lab::new();
    let der = ParsedCertificate::from_pem(Forged::new().sign(&lab.ca).as_bytes()).unwrap();
    let der = der.der().as_bytes().to_vec();
    let options = Options::default();
    assert_eq!(lab.try_explain(&der, &options).unwrap().verdict, Verdict::Registered);
    // What looks like one is refused as the server would refuse it.
    let cut = lab.try_explain(&der[..200], &options).unwrap();
    assert_eq!(cut.refusal.unwrap().code, "chain.malformed");
    let key = lab.ca.key().to_pem().unwrap();
    for (file, expected) in [
        (key.as_bytes(), "the file holds a private key"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n", "a section has no `-----END` line"),
        (b"", "no `-----BEGIN CERTIFICATE-----` found"),
    ] {
        let error = lab.try_explain(file, &options).err().unwrap();
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
    fs::write(lab.folder.path().join("ca.pem"), Forged::new().sign(&lab.ca)).unwrap();
    let error = lab.try_explain(&der, &options).err().unwrap();
    assert!(format!("{error:#}").contains("ca.pem is no CA certificate that can be registered"), "{error:#}");
}

#[test]
fn settings_that_cannot_work_are_told() {
    let lab = Lab::new();
    let file = Forged::new().sign(&lab.ca);
    for (options, expected) in [
        (
            Options { settings: Some("ThingName = 't-<%= certificate.'\n"), ..Options::default() },
            "registrar.toml:1:1: ThingName is no template",
        ),
        (Options { overrides: &["Thing=x"], ..Options::default() }, "Thing is not known"),
    ] {
        let error = lab.try_explain(file.as_bytes(), &options).err().unwrap();
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
}
