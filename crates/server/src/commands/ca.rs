mod question;
mod verification;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use landfall_model::{Clock as _, RegistrationCode};
use landfall_pki::{
    Issuer, KeyKind, KeyPair, ParsedCertificate, Subject, subject_from_openssl_config, validity_of_days,
};
use serde_json::{Value, json};

use self::question::{Answer, Question};
use self::verification::{Verification, VerificationFiles};
use crate::client::Client;
use crate::clock::SystemClock;
use crate::data_dir::{write_public, write_secret};

/// Make a CA of your own, and register it with a server
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Create(Create),
    Register(Register),
}

/// Make a root CA: a key and a certificate that it signs itself
///
/// On a terminal, or with --register or --no-register, it goes on as the Universal JITR block's create-and-register-ca.sh: with
/// the registration code of a running server it makes private-key-registration.key, .csr and .crt, which prove possession of
/// the CA's key, and asks whether to register the CA certificate. Where there is no server, it asks nothing.
#[derive(Args)]
struct Create {
    /// Where ca-certificate.pem and ca-certificate.key go
    #[arg(long, short, value_name = "DIR", default_value = "root-ca-certs")]
    directory: PathBuf,
    /// The subject, as "C=FR, O=Acme, CN=Acme root CA" or "/C=FR/O=Acme/CN=Acme root CA"
    #[arg(long, value_name = "NAME", default_value = "CN=Landfall root CA", conflicts_with = "config")]
    subject: String,
    /// Take the subject from an OpenSSL configuration file
    #[arg(long, short = 'o', value_name = "FILE")]
    config: Option<PathBuf>,
    /// The kind of key
    #[arg(long, value_enum, default_value_t)]
    key_type: CaKey,
    /// For how many days the certificate is valid
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Register the CA certificate with a running server, ACTIVE and with auto-registration, without asking
    #[arg(long, conflicts_with = "no_register")]
    register: bool,
    /// Do not register it, without asking
    #[arg(long)]
    no_register: bool,
    /// The data directory of the server, unless the AWS environment variables name one
    #[arg(long, value_name = "DIR", default_value = "landfall-data")]
    data: PathBuf,
}

/// Prove that you have the CA's key, and register its certificate with a running server
#[derive(Args)]
struct Register {
    /// Where ca-certificate.pem and ca-certificate.key are
    #[arg(long, short, value_name = "DIR", default_value = "root-ca-certs")]
    directory: PathBuf,
    /// The data directory of the server, unless the AWS environment variables name one
    #[arg(long, value_name = "DIR", default_value = "landfall-data")]
    data: PathBuf,
    /// Leave the CA certificate INACTIVE: nobody is registered until it is set ACTIVE
    #[arg(long)]
    inactive: bool,
    /// Do not register devices by their first connection
    #[arg(long)]
    no_auto_registration: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum CaKey {
    /// ECDSA on the curve P-256
    #[default]
    P256,
    /// RSA with 2,048 bits
    Rsa2048,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Create(create) => run_create(create),
        Command::Register(register) => run_register(&register),
    }
}

/// Where a CA is on disk.
pub(crate) struct CaFiles {
    certificate: PathBuf,
    key: PathBuf,
}

impl CaFiles {
    /// The files of the CA in this directory.
    pub(crate) fn of(directory: &Path) -> Self {
        Self { certificate: directory.join("ca-certificate.pem"), key: directory.join("ca-certificate.key") }
    }

    /// A CA of these files.
    pub(crate) fn new(certificate: PathBuf, key: PathBuf) -> Self {
        Self { certificate, key }
    }

    /// Reads the CA.
    ///
    /// # Errors
    /// A file cannot be read, or is not what it should be.
    pub(crate) fn load(&self) -> Result<Issuer> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let certificate = ParsedCertificate::from_pem(&read(&self.certificate)?)
            .with_context(|| format!("{} is not a certificate in PEM", self.certificate.display()))?;
        let key = KeyPair::from_pem(&read(&self.key)?)
            .with_context(|| format!("{} is not a key in PEM", self.key.display()))?;
        Issuer::new(certificate, key).with_context(|| {
            format!("{} and {} do not make a CA", self.certificate.display(), self.key.display())
        })
    }

    /// Writes the CA; never over one that is there.
    ///
    /// # Errors
    /// There is one already, or a file cannot be written.
    pub(crate) fn store(&self, issuer: &Issuer) -> Result<()> {
        self.check_free()?;
        if let Some(directory) = self.certificate.parent() {
            fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        }
        write_secret(&self.key, issuer.key().to_pem()?.as_bytes())?;
        write_public(&self.certificate, issuer.certificate().to_pem().as_bytes())
    }

    fn check_free(&self) -> Result<()> {
        check_free([&*self.certificate, &*self.key])
    }
}

/// Checks that none of these files is there.
///
/// # Errors
/// One is.
fn check_free<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<()> {
    match paths.into_iter().find(|path| fs::symlink_metadata(path).is_ok()) {
        Some(path) => {
            bail!(
                "{} is there already; move it away, or choose another place with --directory",
                path.display()
            )
        }
        None => Ok(()),
    }
}

/// Makes a root CA.
///
/// # Errors
/// The subject cannot be one.
pub(crate) fn create_ca(subject: &Subject, key: KeyKind, days: u32) -> Result<Issuer> {
    let validity = validity_of_days(SystemClock.now(), days);
    Issuer::self_signed(subject, KeyPair::generate(key)?, validity).context("cannot make the CA certificate")
}

/// Registers a CA with a server. Its id.
///
/// # Errors
/// The server refuses it or cannot be reached.
pub(crate) fn register_ca(
    client: &Client,
    issuer: &Issuer,
    active: bool,
    auto_registration: bool,
) -> Result<String> {
    let code = registration_code(client)?;
    // Only as good as the code that it shows: it proves the key now, and is thrown away.
    let pair = KeyPair::generate(KeyKind::P256)?;
    let verification =
        issuer.sign_verification(&code, pair.public_key(), validity_of_days(SystemClock.now(), 1))?;
    register_verified(client, issuer, &verification, active, auto_registration)
}

/// The code that a verification certificate has to show.
fn registration_code(client: &Client) -> Result<RegistrationCode> {
    let code = client.call("iot", "GET", "/registrationcode", None)?;
    Ok(RegistrationCode::parse(text(&code, "registrationCode")?)?)
}

/// Registers a CA by its verification certificate. Its id.
fn register_verified(
    client: &Client,
    issuer: &Issuer,
    verification: &ParsedCertificate,
    active: bool,
    auto_registration: bool,
) -> Result<String> {
    let target = format!("/cacertificate?allowAutoRegistration={auto_registration}&setAsActive={active}");
    let body = json!({
        "caCertificate": issuer.certificate().to_pem(),
        "verificationCertificate": verification.to_pem(),
    });
    let answer =
        client.call("iot", "POST", &target, Some(&body)).context("the CA certificate was not registered")?;
    text(&answer, "certificateId").map(ToOwned::to_owned)
}

fn run_create(create: Create) -> Result<ExitCode> {
    let question = Question::of(create.register, create.no_register);
    let subject = create.subject()?;
    let Create { directory, key_type, days, data, .. } = create;
    let files = (CaFiles::of(&directory), VerificationFiles::of(&directory));
    files.0.check_free()?;
    files.1.check_free()?;
    let server = find_server(question, &data)?;
    let issuer = create_ca(&subject, key_type.into(), days)?;
    files.0.store(&issuer)?;
    println!("made CA certificate {} ({})", issuer.certificate().ca_id(), issuer.certificate().subject());
    println!("  {}", files.0.certificate.display());
    println!("  {}   keep this secret", files.0.key.display());
    let answer = match &server {
        None => Answer::No,
        Some((client, code)) => {
            let verification = Verification::make(&issuer, code, key_type.into(), days)?;
            files.1.store(&verification)?;
            println!("made a verification certificate for the registration code of {}", client.endpoint());
            files.1.all().into_iter().for_each(|path| println!("  {}", path.display()));
            let answer = question.answer(client.endpoint())?;
            if answer == Answer::Yes {
                let id = register_verified(client, &issuer, &verification.certificate, true, true)?;
                print_registered(&id, true, true);
            }
            answer
        }
    };
    if answer == Answer::No {
        let directory = directory.display();
        println!("register it with a running server: landfall ca register --directory {directory}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The server for which the question is, with its registration code; none where nothing is asked, or none is found.
///
/// # Errors
/// There has to be one, and none is found.
fn find_server(question: Question, data: &Path) -> Result<Option<(Client, RegistrationCode)>> {
    let find = || -> Result<_> {
        let client = Client::find(data)?;
        let code = registration_code(&client)?;
        Ok((client, code))
    };
    match question {
        Question::NotAsked => Ok(None),
        Question::Answered(Answer::Yes) => find().map(Some).context("nothing was made"),
        Question::Asked | Question::Answered(Answer::No) => match find() {
            Ok(server) => Ok(Some(server)),
            Err(error) => {
                eprintln!("note: no verification certificate was made: {error:#}");
                Ok(None)
            }
        },
    }
}

impl Create {
    fn subject(&self) -> Result<Subject> {
        let Some(path) = &self.config else {
            return Subject::parse(&self.subject).context("the subject cannot be used");
        };
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        subject_from_openssl_config(&text)
            .with_context(|| format!("the subject in {} cannot be used", path.display()))
    }
}

impl From<CaKey> for KeyKind {
    fn from(key: CaKey) -> Self {
        match key {
            CaKey::P256 => Self::P256,
            CaKey::Rsa2048 => Self::Rsa2048,
        }
    }
}

fn run_register(register: &Register) -> Result<ExitCode> {
    let Register { directory, data, inactive, no_auto_registration } = register;
    let issuer =
        CaFiles::of(directory).load().context("cannot use the CA; `landfall ca create` makes one")?;
    let id = register_ca(&Client::find(data)?, &issuer, !inactive, !no_auto_registration)?;
    print_registered(&id, !inactive, !no_auto_registration);
    Ok(ExitCode::SUCCESS)
}

fn print_registered(id: &str, active: bool, auto_registration: bool) {
    let (status, auto) =
        (["INACTIVE", "ACTIVE"][usize::from(active)], ["DISABLE", "ENABLE"][usize::from(auto_registration)]);
    println!("registered CA certificate {id}");
    println!("  status {status}, auto-registration {auto}");
}

fn text<'v>(answer: &'v Value, member: &str) -> Result<&'v str> {
    answer.get(member).and_then(Value::as_str).with_context(|| format!("the server's answer has no {member}"))
}
