use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use landfall_interceptors::EntryList;
use landfall_model::{
    AccountId, CaCertificateId, CertificateMode, CreationId, Region, Scope, SignedPart, UnixTime,
};
use landfall_pki::{
    CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, ParsedCertificate, Subject, validity_of_aws,
};
use landfall_registration::{Applicant, EntryKind, Settings, SettingsSource, plan};
use tokio::time::Instant;

use crate::figures::{micros_each, print_table, verdict};

/// What the built-in registrar adds to a registration: its plan, against reading the certificate; and a look-up in a deny list.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many certificates are planned
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    certificates: usize,
    /// How many entries the deny list has
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    entries: usize,
}

/// The most microseconds that the registrar may add to a registration.
const PLAN_GOAL_MICROS: f64 = 20.0;

/// The most microseconds of a look-up.
const LOOKUP_GOAL_MICROS: f64 = 5.0;

/// The most bytes of a list of five million entries.
const LIST_GOAL_BYTES: usize = 200_000_000;

/// What an entry of a list takes.
const ENTRY_BYTES: usize = 16;

/// How many different certificates there are; they are planned again and again, each time with another creation id.
const DIFFERENT: usize = 1_000;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    measure_plan(arguments.certificates)?;
    measure_list(arguments.entries)
}

fn measure_plan(certificates: usize) -> Result<()> {
    let scope = Scope { account: AccountId::parse("000000000000")?, region: Region::parse("us-east-1")? };
    let settings = Settings::compile(&SettingsSource::default(), &scope)?;
    let parsed = make_certificates()?;
    let applicants: Vec<_> = parsed.iter().map(applicant).collect();
    let began = Instant::now();
    for (number, applicant) in applicants.iter().cycle().take(certificates).enumerate() {
        let creation_id = CreationId::from_bytes(u128::try_from(number)?.to_be_bytes());
        black_box(plan(applicant, &settings, None, creation_id)?);
    }
    let planned = micros_each(began.elapsed(), certificates);
    let began = Instant::now();
    for certificate in parsed.iter().cycle().take(certificates) {
        black_box(ParsedCertificate::from_der(certificate.der().as_bytes())?);
    }
    let read = micros_each(began.elapsed(), certificates);
    let row = |what: &str, micros: f64| {
        vec![what.to_owned(), format!("{micros:.2}"), format!("{:.1}", micros / read)]
    };
    let rows = vec![row("plan, with default settings", planned), row("reading the certificate", read)];
    print_table("What the registrar adds to a registration", &["", "µs", "times reading"], rows);
    println!(
        "\nplan: {planned:.2} µs; the goal is at most {PLAN_GOAL_MICROS} µs: {}",
        verdict(planned <= PLAN_GOAL_MICROS)
    );
    Ok(())
}

fn measure_list(entries: usize) -> Result<()> {
    let mut text = String::new();
    for number in 0..entries {
        writeln!(text, "SN-{number:09}")?;
    }
    let began = Instant::now();
    let list = EntryList::read(EntryKind::DeviceSerialNumber, text.as_bytes())?;
    let read = began.elapsed();
    drop(text);
    // Half of those that are asked for are there, and none is beside the one before.
    let asked: Vec<String> =
        (0..LOOKUPS).map(|number| format!("SN-{:09}", number * STEP % (2 * entries))).collect();
    let began = Instant::now();
    let found = asked.iter().filter(|serial| black_box(list.contains(serial))).count();
    let lookup = micros_each(began.elapsed(), LOOKUPS);
    let bytes = list.len() * ENTRY_BYTES;
    println!(
        "\na deny list of {} entries: {} MB, read in {read:.1?}; a look-up {lookup:.2} µs, {found} of {LOOKUPS} found\n\
         the goals are at most {} MB and {LOOKUP_GOAL_MICROS} µs: {}",
        list.len(),
        bytes / 1_000_000,
        LIST_GOAL_BYTES / 1_000_000,
        verdict(bytes <= LIST_GOAL_BYTES && lookup <= LOOKUP_GOAL_MICROS)
    );
    Ok(())
}

const LOOKUPS: usize = 1_000_000;

/// A prime, so that look-ups go all over a list.
const STEP: usize = 7_368_787;

/// Certificates with the fields that the workshop's have.
fn make_certificates() -> Result<Vec<ParsedCertificate>> {
    let validity = validity_of_aws(UnixTime::from_secs(1_800_000_000));
    let ca_key = KeyPair::generate(KeyKind::P256)?;
    let ca = Issuer::self_signed(&Subject::common_name("root")?, ca_key, validity)?;
    let key = KeyPair::generate(KeyKind::P256)?;
    let certificate = |number: usize| {
        let subject = format!(
            "C=FR, ST=Paris, L=Paris, O=AcmeInc, OU=MyAcme, CN=example-thing, emailAddress=postmaster@myacme.com, \
             serialNumber=1234-5678-{number:04}, title=iot, generationQualifier=smart-sensor"
        );
        let subject = Subject::parse(&subject)?;
        let request = DeviceRequest {
            subject: &subject,
            public_key: key.public_key(),
            validity,
            version: CertificateVersion::V1,
        };
        ca.sign_device(&request).context("a device's certificate")
    };
    (0..DIFFERENT).map(certificate).collect()
}

fn applicant(certificate: &ParsedCertificate) -> Arc<Applicant> {
    Arc::new(Applicant {
        certificate: certificate.id(),
        ca: CaCertificateId::from_sha256([1; 32]),
        mode: CertificateMode::Default,
        subject: certificate.subject().clone(),
        issuer: certificate.issuer().clone(),
        validity: certificate.validity(),
        signed_part: SignedPart::from_sha256(certificate.signed_part_sha256()),
        der: certificate.der().clone(),
    })
}
