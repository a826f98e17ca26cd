use std::fs;

use tempfile::TempDir;

use super::*;
use crate::commands::explain::certificates::{cores, on_threads};
use crate::commands::explain::forge::{Forged, ca};

/// A folder with two settings and with certificates.
struct Lab {
    folder: TempDir,
    public_key: Vec<u8>,
}

impl Lab {
    fn new(old: &str, new: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("old.toml"), old).unwrap();
        fs::write(folder.path().join("new.toml"), new).unwrap();
        fs::create_dir(folder.path().join("fleet")).unwrap();
        // Always the same, so that snapshots can have ids.
        let public_key = hex::decode(PUBLIC_KEY).unwrap();
        Self { folder, public_key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the certificate of a device.
    fn add(&self, file: &str, forged: &Forged) {
        fs::write(self.path("fleet").join(file), forged.unsigned(&self.public_key)).unwrap();
    }

    fn compare(&self) -> Difference {
        self.compare_files(&[self.path("fleet")]).unwrap()
    }

    fn compare_files(&self, files: &[PathBuf]) -> Result<Difference> {
        let (old, new, data) = (self.path("old.toml"), self.path("new.toml"), self.path("data"));
        let mut difference =
            Comparison { old: &old, new: &new, files, ca: None, data: &data }.difference()?;
        // The widths of columns must not depend on where the folder is.
        let folder = format!("{}/", self.folder.path().display());
        for candidate in &mut difference.candidates.all {
            candidate.label = candidate.label.replace(&folder, "");
        }
        Ok(difference)
    }

    fn as_text(&self, difference: &Difference) -> String {
        DifferenceView::of(difference).as_text().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// A public key that is no secret's: the base point of P-256.
const PUBLIC_KEY: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004\
    6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
    4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

fn device(number: u16) -> Forged {
    let serial = format!("sn-{number:04}");
    Forged::new().numbered(number).with("serialNumber", &serial).with("CN", &format!("thing-{number}"))
}

#[test]
fn a_changed_template_is_tried_on_a_fleet_of_a_thousand() {
    // The last hundred have no site yet, and two have the name of another one then.
    let lab = Lab::new(
        "",
        "ThingName = '<%= certificate.attributes.subject.postalCode %>-<%= certificate.attributes.subject.CN %>'\n\
         BillingGroup = '<%= certificate.attributes.subject.O %>'\nDevicePublishPolicy = 'all/*'\n\
         [Attributes]\nsite = '<%= certificate.attributes.subject.postalCode %>'\n",
    );
    for number in 1..=1_000 {
        let site = if number % 2 == 0 { "10115" } else { "20095" };
        let forged = match number {
            7 | 9 => device(number).with("CN", "thing-5").field("postalCode", site),
            901.. => device(number),
            _ => device(number).field("postalCode", site),
        };
        lab.add(&format!("device-{number:04}.crt"), &forged);
    }
    let difference = lab.compare();
    let view = serde_json::to_value(DifferenceView::of(&difference)).unwrap();
    assert_eq!((&view["certificates"], &view["changed"]), (&1_000.into(), &1_000.into()));
    assert_eq!(view["byKind"]["refused"], 102);
    for kind in ["thing", "attribute", "billingGroup", "policyDocument"] {
        assert_eq!(view["byKind"][kind], 898, "{kind}");
    }
    let text = lab.as_text(&difference);
    let lines: Vec<&str> = text.lines().collect();
    let shown = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    // What changes alike is one row, and what does not is a row of each: names and refusals, two sites, billing group and
    // document; then the heads and the summary.
    assert_eq!(lines.len(), (898 + 102 + 2 + 1 + 1) + 3);
    assert_eq!(shown("thing_taken"), 2);
    let last: Vec<&str> = lines.iter().rev().take(3).rev().copied().collect();
    insta::assert_snapshot!("thousand_head", lines[..12].join("\n"));
    insta::assert_snapshot!("thousand_end", last.join("\n"));
}

#[test]
fn every_kind_of_change_is_shown() {
    let all = "DeviceReceivePolicy = ''\nDeviceSubscribePolicy = ''\n";
    let lab = Lab::new(
        &format!(
            "{all}DevicePublishPolicy = 'a/*'\nThingGroups = ['g']\nBillingGroup = 'b'\n[Tags]\nt = '1'\n"
        ),
        &format!(
            "{all}DevicePublishPolicy = 'b/*'\nThingName = 't-<%= certificate.attributes.subject.serialNumber %>'\n\
             ThingTypeName = 'type'\nSearchableAttributes = []\nThingGroups = ['g', 'h']\n\
             DevicePolicyName = 'p'\nGreengrassGroupName = 'g-<%= certificate.attributes.subject.CN %>'\n\
             GreengrassUserServiceAccountRole = 'arn:aws:iam::000000000000:role/core'\nInterceptorLambda = 'check'\n\
             IllegalCharacters = 'refuse'\n[Tags]\nt = '2'\nu = '3'\n[Attributes]\nproduct_id = ''\n"
        ),
    );
    lab.add("device.crt", &device(1));
    lab.add("core.crt", &device(2).with("T", "greengrass"));
    lab.add("illegal.crt", &device(3).with("O", "Acme Inc"));
    lab.add("refused.crt", &device(4).without("T"));
    let difference = lab.compare();
    insta::assert_snapshot!("every_kind", lab.as_text(&difference));
    let json = serde_json::to_string_pretty(&DifferenceView::of(&difference)).unwrap();
    let json = json.replace(&format!("{}/", lab.folder.path().display()), "");
    insta::assert_snapshot!("every_kind_as_json", json);
}

#[test]
fn settings_that_change_who_registers_or_is_refused() {
    let refusing = "IllegalCharacters = 'refuse'\nThingName = '<%= certificate.attributes.subject.O %>'\n";
    for (old, new, expected) in [
        (refusing, "", "1 of 1 certificates come out differently: no longer refused 1"),
        ("", refusing, "1 of 1 certificates come out differently: refused 1"),
        (
            refusing,
            "IllegalCharacters = 'refuse'\n",
            "1 of 1 certificates come out differently: refused otherwise 1",
        ),
        ("", "Registrar = 'rules'\n", "1 of 1 certificates come out differently: registrar 1"),
        ("Registrar = 'rules'\n", refusing, "1 of 1 certificates come out differently: refused 1"),
        (
            "Registrar = 'rules'\n",
            "Registrar = 'rules'\nThingName = 'x'\n",
            "0 of 1 certificates come out differently",
        ),
        (refusing, refusing, "0 of 1 certificates come out differently"),
        ("", "FirstConnectHold = '5s'\n", "0 of 1 certificates come out differently"),
    ] {
        let lab = Lab::new(old, new);
        lab.add("device.crt", &device(1).with("O", "Acme Inc"));
        let difference = lab.compare();
        assert_eq!(lab.as_text(&difference).lines().last().unwrap(), expected, "{old} {new}");
        assert_eq!(difference.changes.is_empty(), expected.starts_with('0'));
    }
}

#[test]
fn each_certificate_counts_once_and_what_is_none_is_left_out() {
    let lab = Lab::new("", "ThingTypeName = 'x'\n");
    let authority = ca("root");
    let signed = device(1).sign(&authority);
    let fleet = |name: &str| lab.path("fleet").join(name);
    fs::create_dir(fleet("more")).unwrap();
    fs::write(fleet("more/device.crt"), &signed).unwrap();
    fs::write(fleet("more/device-and-ca.pem"), signed.clone() + &authority.certificate().to_pem()).unwrap();
    fs::write(fleet("ca.PEM"), authority.certificate().to_pem()).unwrap();
    fs::write(fleet("device.key"), "x").unwrap();
    fs::write(fleet("key.pem"), authority.key().to_pem().unwrap()).unwrap();
    fs::write(fleet("damaged.cer"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    let difference = lab.compare();
    let text = lab.as_text(&difference);
    assert_eq!(difference.candidates.all.len(), 1);
    // The file that tells the CA counts.
    assert_eq!(difference.candidates.all[0].applicant.ca, authority.certificate().ca_id());
    assert_eq!(difference.candidates.left_out, 1);
    assert!(text.contains("fleet/damaged.cer: left out: "), "{text}");
    assert!(text.ends_with("; 1 left out, which no registrar provisions; 1 that cannot be read\n"), "{text}");
    // A file that is named has to be one.
    let named = lab.compare_files(&[fleet("key.pem"), fleet("more/device.crt")]).unwrap();
    assert!(named.candidates.unreadable[0].1.contains("the file holds a private key"));
    let none = lab.compare_files(&[fleet("ca.PEM")]).err().unwrap().to_string();
    assert_eq!(none, "there is no certificate of a device");
    let missing = lab.compare_files(&[fleet("nowhere")]).err().unwrap().to_string();
    assert!(missing.starts_with("cannot read "), "{missing}");
}

#[test]
fn settings_of_a_ca_certificate_count_for_its_devices() {
    let authority = ca("root");
    let id = authority.certificate().ca_id();
    let lab = Lab::new("", &format!("[CA.{id}]\nThingTypeName = 'of-this-ca'\n"));
    let file = lab.path("fleet").join("device.crt");
    fs::write(&file, device(1).sign(&authority)).unwrap();
    assert!(lab.compare().changes.is_empty());
    let (old, new, data) = (lab.path("old.toml"), lab.path("new.toml"), lab.path("data"));
    fs::write(lab.path("ca.pem"), authority.certificate().to_pem()).unwrap();
    for ca in [CaArgument::Id(id), CaArgument::File(lab.path("ca.pem"))] {
        let comparison = Comparison {
            old: &old,
            new: &new,
            files: std::slice::from_ref(&file),
            ca: Some(&ca),
            data: &data,
        };
        assert_eq!(comparison.difference().unwrap().changes.len(), 1, "{ca:?}");
    }
}

#[test]
fn work_is_done_on_each_item_once_and_in_order() {
    for (items, threads) in [(0, 4), (1, 4), (3, 4), (10, 3), (10, 1), (5, 0), (100, cores())] {
        let items: Vec<usize> = (0..items).collect();
        let doubled = on_threads(&items, threads, |item| item * 2);
        assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>(), "{threads}");
    }
}
