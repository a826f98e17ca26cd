mod batch;
mod csv;
mod maker;
mod output;
mod progress;
mod server_ca;
mod subject_file;

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use landfall_model::{Clock as _, UnixTime};
use landfall_pki::{
    AlternativeNames, CertificateRequest, CertificateVersion, KeyKind, ParsedCertificate, Subject,
    subject_from_openssl_config, validity_of_days,
};
use serde_json::{Map, Value, json};

use self::batch::{Batch, Common};
use self::maker::{Device, Maker};
use self::output::{DeviceFiles, Durability, Existing, FileName, Writer};
use self::progress::MakingView;
use self::server_ca::ServerCa;
use self::subject_file::subject_from_toml;
use crate::clock::SystemClock;
use crate::commands::ca::CaFiles;
use crate::text::date;

/// The most bytes of a file with a subject or a certificate request.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A device's certificate may outlive the CA's by so much before it is said: both are often made for the same days.
const OUTLIVES_BY_SECONDS: i64 = 24 * 60 * 60;

const EXAMPLES: &str = "\
Examples:
  One device, by the CA that `landfall ca create` made:
    landfall device create \\
      --subject 'CN=thing-1,serialNumber=1,title=iot,generationQualifier=smart-sensor'

  As the Universal JITR block's create-device-certificate.sh makes it:
    landfall device create -o openssl-device.conf -r aws-root-cert.pem \\
      --key-type rsa2048 --x509-version 1

  A certificate for a key that never leaves its device:
    landfall device create --csr sensor.csr --name sensor

  Ten thousand devices; what their subjects have in common is given once:
    landfall device create --csv devices.csv --subject 'O=AcmeInc,title=iot' --out fleet

  The first line of devices.csv names the columns, the others are devices:
    file,serialNumber,CN,generationQualifier,SAN
    sensor-1,1234-1,thing-1234-1,smart-sensor,URI:urn:acme:1234-1";

/// Make certificates for devices, signed by a CA of your own; no server is needed
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Create(Box<Create>),
}

/// Make the key and the certificate of a device, or of many
///
/// Writes NAME.key (only its owner can read it), NAME.csr, NAME.crt, and the certificate together with that of the CA:
/// device-and-ca-certificate.crt, which is what a device presents.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
struct Create {
    #[command(flatten)]
    whose: Whose,
    /// An alternative name: DNS:host, URI:uri, IP:address or email:address; may be given several times
    #[arg(long, value_name = "KIND:VALUE")]
    san: Vec<String>,
    /// Where ca-certificate.pem and ca-certificate.key are
    #[arg(long, short = 'd', value_name = "DIR", default_value = "root-ca-certs", conflicts_with_all = ["ca", "ca_key"])]
    root_ca_directory: PathBuf,
    /// The CA's certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    ca: Option<PathBuf>,
    /// The CA's key, in PEM
    #[arg(long, value_name = "FILE", requires = "ca")]
    ca_key: Option<PathBuf>,
    /// The kind of key
    #[arg(long, value_enum, default_value_t)]
    key_type: DeviceKey,
    /// For how many days the certificate is valid
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// The version of X.509: 3, or 1 as `openssl x509 -req` makes it without extensions
    #[arg(long, value_enum, value_name = "3|1", default_value_t)]
    x509_version: Version,
    /// Where the files go
    #[arg(long, value_name = "DIR", default_value = "device-certs")]
    out: PathBuf,
    /// The name with which the files begin
    #[arg(long, value_name = "NAME", default_value = "device-certificate")]
    name: String,
    /// Write the CA certificate by which the device trusts the server into this file, unless it is there already
    #[arg(long, short = 'r', value_name = "FILE")]
    root_certificate: Option<PathBuf>,
    /// The data directory of the server that has it
    #[arg(long, value_name = "DIR", default_value = "landfall-data", requires = "root_certificate")]
    data: PathBuf,
    /// Replace files that are there already; a key that is replaced is lost
    #[arg(long)]
    force: bool,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

/// Whose certificate is made, or whose are.
#[derive(Args)]
#[group(required = true, multiple = true)]
struct Whose {
    /// The subject, as "CN=thing-1, serialNumber=1" or "/CN=thing-1/serialNumber=1"
    #[arg(long, value_name = "NAME", conflicts_with_all = ["config", "subject_file"])]
    subject: Option<String>,
    /// Take the subject from an OpenSSL configuration file
    #[arg(long, short = 'o', value_name = "FILE", conflicts_with = "subject_file")]
    config: Option<PathBuf>,
    /// Take the subject from a TOML file, from its table "subject"
    #[arg(long, value_name = "FILE")]
    subject_file: Option<PathBuf>,
    /// Sign this certificate request, with its subject and its key, instead of making a key
    #[arg(long, value_name = "FILE", conflicts_with_all = ["subject", "config", "subject_file", "csv", "key_type"])]
    csr: Option<PathBuf>,
    /// Make a certificate for each row of a CSV file, whose header names attributes of the subject
    ///
    /// The column `file` names a device's files; without it the column serialNumber does, or CN. Columns named SAN have
    /// alternative names. What --subject, --config or --subject-file say is the same for all rows, unless a column says
    /// otherwise; an empty cell says nothing. All rows are checked before anything is made.
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    csv: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum DeviceKey {
    /// ECDSA on the curve P-256
    #[default]
    P256,
    /// ECDSA on the curve P-384
    P384,
    /// RSA with 2,048 bits
    Rsa2048,
    /// RSA with 3,072 bits
    Rsa3072,
    /// RSA with 4,096 bits
    Rsa4096,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Version {
    /// Version 3, with extensions: no CA, signs handshakes, of a TLS client
    #[default]
    #[value(name = "3")]
    V3,
    /// Version 1, without extensions
    #[value(name = "1")]
    V1,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Create(create) => run_create(*create),
    }
}

fn run_create(create: Create) -> Result<ExitCode> {
    let now = SystemClock.now();
    let maker = create.maker(now)?;
    let common = create.common()?;
    let request = create.whose.csr.as_deref().map(read_request).transpose()?;
    let server_ca = create.root_certificate.as_deref().map(|path| ServerCa::find(&create.data, path));
    let server_ca = server_ca.transpose()?;
    if let Some(server_ca) = &server_ca {
        server_ca.check(&maker.writer)?;
    }
    match (&create.whose.csv, request) {
        (Some(csv), _) => make_many(&create, csv, &maker, &common, now)?,
        (None, request) => make_one(&create, &maker, common, request)?,
    }
    if let Some(server_ca) = &server_ca {
        server_ca.write(&maker.writer)?;
        if !create.json {
            println!("the device trusts the server by {}", server_ca.path().display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn make_one(
    create: &Create,
    maker: &Maker,
    common: Common,
    request: Option<CertificateRequest>,
) -> Result<()> {
    let name = FileName::parse(&create.name).context("--name cannot be used")?;
    let files = match request {
        Some(_) => DeviceFiles::of_request(&create.out, &name),
        None => DeviceFiles::of_one(&create.out, &name),
    };
    maker.writer.check_free(&files)?;
    make_directory(&create.out)?;
    let certificate = match request {
        Some(request) => maker.sign(&request, &common.names, &files)?,
        None => maker.make(&Device { name, subject: common.subject, names: common.names }, &files)?,
    };
    maker.writer.finish(&create.out)?;
    if create.json {
        println!("{}", serde_json::to_string_pretty(&json_of_one(create, maker, &certificate, &files))?);
        return Ok(());
    }
    println!("made certificate {} ({})", certificate.id(), certificate.subject());
    for (what, path) in files.all() {
        let hint = match what {
            "key" => "   keep this secret",
            "certificateAndCa" => "   what the device presents",
            _ => "",
        };
        println!("  {}{hint}", path.display());
    }
    Ok(())
}

fn make_many(create: &Create, csv: &Path, maker: &Maker, common: &Common, began: UnixTime) -> Result<()> {
    let batch = Batch::check(csv, common, maker, &create.out)?;
    make_directory(&create.out)?;
    let view = MakingView::new(batch.devices, !create.json, io::stderr().is_terminal());
    let made = batch.make(maker, &create.out, &view);
    view.finish();
    made.with_context(|| {
        let (made, wanted, out) = (view.made_so_far(), batch.devices, create.out.display());
        format!(
            "{made} of {wanted} certificates were made in {out}; move them away and leave their rows out, or start anew \
             with another --out"
        )
    })?;
    maker.writer.finish(&create.out)?;
    let took = SystemClock.now().since(began);
    if create.json {
        println!("{}", serde_json::to_string_pretty(&json_of_many(create, maker, batch.devices, took))?);
        return Ok(());
    }
    let (devices, out) = (batch.devices, create.out.display());
    let seconds = took.as_secs_f64();
    println!("made {devices} certificates in {out}, in {seconds:.1} s, signed by the CA certificate");
    println!("  {} ({})", maker.issuer.certificate().ca_id(), maker.issuer.certificate().subject());
    println!("for each device:");
    println!("  NAME.key   keep this secret");
    println!("  NAME.crt");
    println!("  NAME-and-ca-certificate.crt   what the device presents");
    Ok(())
}

impl Create {
    fn maker(&self, now: UnixTime) -> Result<Maker> {
        let ca = match (&self.ca, &self.ca_key) {
            (Some(certificate), Some(key)) => CaFiles::new(certificate.clone(), key.clone()),
            (None | Some(_), _) => CaFiles::of(&self.root_ca_directory),
        };
        let issuer = ca
            .load()
            .context("cannot use the CA; `landfall ca create` makes one, --ca and --ca-key name another")?;
        let validity = validity_of_days(now, self.days);
        let of_ca = issuer.certificate().validity();
        if of_ca.not_after < now {
            bail!("the CA certificate ended on {}; make a new one", date(of_ca.not_after));
        }
        if validity.not_after.as_secs() > of_ca.not_after.as_secs().saturating_add(OUTLIVES_BY_SECONDS) {
            eprintln!(
                "note: the CA certificate ends on {}, before the device's; the device is refused from then on",
                date(of_ca.not_after)
            );
        }
        Ok(Maker {
            issuer,
            key: self.key_type.into(),
            validity,
            version: match self.x509_version {
                Version::V3 => CertificateVersion::V3,
                Version::V1 => CertificateVersion::V1,
            },
            writer: Writer {
                existing: if self.force { Existing::Replace } else { Existing::Keep },
                durability: if self.whose.csv.is_some() {
                    Durability::AtTheEnd
                } else {
                    Durability::EachFile
                },
            },
        })
    }

    /// The subject and the alternative names of the command line and the files that it names.
    fn common(&self) -> Result<Common> {
        let Whose { subject, config, subject_file, .. } = &self.whose;
        let (subject, mut names) = match (subject, config, subject_file) {
            (Some(text), _, _) => {
                (Subject::parse(text).context("the subject cannot be used")?, AlternativeNames::new())
            }
            (None, Some(path), _) => {
                let subject = subject_from_openssl_config(&read_text(path)?)
                    .with_context(|| format!("the subject in {} cannot be used", path.display()))?;
                (subject, AlternativeNames::new())
            }
            (None, None, Some(path)) => subject_from_toml(&read_text(path)?)
                .map_err(|error| anyhow!("{}:{error}", path.display()))
                .context("the subject cannot be used")?,
            (None, None, None) => (Subject::new(), AlternativeNames::new()),
        };
        for name in &self.san {
            names.push(name).context("--san cannot be used")?;
        }
        if !names.is_empty() && matches!(self.x509_version, Version::V1) {
            bail!("a certificate of version 1 has no alternative names: leave out --x509-version 1, or them");
        }
        Ok(Common { subject, names })
    }
}

impl From<DeviceKey> for KeyKind {
    fn from(key: DeviceKey) -> Self {
        match key {
            DeviceKey::P256 => Self::P256,
            DeviceKey::P384 => Self::P384,
            DeviceKey::Rsa2048 => Self::Rsa2048,
            DeviceKey::Rsa3072 => Self::Rsa3072,
            DeviceKey::Rsa4096 => Self::Rsa4096,
        }
    }
}

fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
}

fn read_request(path: &Path) -> Result<CertificateRequest> {
    let pem = read_text(path)?;
    CertificateRequest::from_pem(pem.as_bytes())
        .with_context(|| format!("{} is no certificate request that can be signed", path.display()))
}

fn read_text(path: &Path) -> Result<String> {
    let cannot = || format!("cannot read {}", path.display());
    let bytes = fs::metadata(path).with_context(cannot)?.len();
    if bytes > FILE_BYTES_MAX {
        bail!("{} has {bytes} bytes, and {FILE_BYTES_MAX} are the most", path.display());
    }
    fs::read_to_string(path).with_context(cannot)
}

fn json_of_one(
    create: &Create,
    maker: &Maker,
    certificate: &ParsedCertificate,
    files: &DeviceFiles,
) -> Value {
    let server_ca = create.root_certificate.as_deref().map(|path| ("rootCertificate", path));
    let files: Map<_, _> = files
        .all()
        .chain(server_ca)
        .map(|(what, path)| (what.to_owned(), json!(path.to_string_lossy())))
        .collect();
    let validity = certificate.validity();
    json!({
        "certificateId": certificate.id().to_string(),
        "caCertificateId": maker.issuer.certificate().ca_id().to_string(),
        "subject": certificate.subject().to_string(),
        "serialNumber": certificate.serial_number_hex(),
        "keyType": certificate.key_algorithm().to_string(),
        "x509Version": number(certificate.version()),
        "notBefore": date(validity.not_before),
        "notAfter": date(validity.not_after),
        "files": files,
    })
}

fn json_of_many(create: &Create, maker: &Maker, devices: usize, took: Duration) -> Value {
    json!({
        "certificates": devices,
        "caCertificateId": maker.issuer.certificate().ca_id().to_string(),
        "x509Version": number(maker.version),
        "notBefore": date(maker.validity.not_before),
        "notAfter": date(maker.validity.not_after),
        "directory": create.out.to_string_lossy(),
        "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn number(version: CertificateVersion) -> u8 {
    match version {
        CertificateVersion::V1 => 1,
        CertificateVersion::V3 => 3,
    }
}
