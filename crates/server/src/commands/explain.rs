mod certificates;
mod decision;
mod difference;
mod presented;
mod registration;
mod server;

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use landfall_model::{CaCertificateId, Clock as _};

use self::decision::Question;
use self::difference::Comparison;
use self::registration::Registration;
use crate::clock::SystemClock;

const EXAMPLES: &str = "\
Examples:
  What becomes of a device with this certificate, if it comes to the server of ./landfall-data:
    landfall explain device.crt

  The same without a server, under settings that are to be tried:
    landfall explain device.crt --ca root-ca-certs/ca-certificate.pem --settings registrar.toml

  Whom other settings name, group or refuse differently:
    landfall explain --diff registrar.toml new.toml fleet/
    landfall explain --diff registrar.toml new.toml --fleet

  Why a registered device may not publish:
    landfall explain --certificate ID --publish device/thing-1/state

Exit codes:
  FILE           0: would be registered, or is; 1: would be refused; 2: cannot be said
  --diff         0: nobody; 1: somebody; 2: cannot be said
  --certificate  0: it may; 1: it may not; 2: cannot be said";

/// Tell what becomes of a device, or what other settings change, or why a device may not do something
///
/// Of a certificate in a FILE: whether its device would be registered and everything that would be made, or the rule that
/// refuses it. Of settings: whom they treat differently. Of a registered certificate: what its policies let it do. Nothing is
/// changed, and no interceptor is asked.
#[derive(Args)]
#[command(
    after_long_help = EXAMPLES,
    group(clap::ArgGroup::new("what").required(true).args(["files", "certificate", "fleet"]))
)]
pub(crate) struct Arguments {
    /// The certificate of a device, in PEM or DER, with its CAs' behind it or alone; with --diff any number of these, and of
    /// folders
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The CA certificate that counts as the registered one: its file, for which no server is asked, or its id [default: those
    /// that the server has registered]
    #[arg(long, value_name = "FILE|ID", conflicts_with = "certificate")]
    ca: Option<CaArgument>,
    /// The settings of the registrar [default: those of the server, if it is one of this machine]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificate", "diff"])]
    settings: Option<PathBuf>,
    /// Set a parameter over what the file says, as `landfall serve` takes it
    #[arg(long = "set", value_name = "[CA.ID.]NAME=VALUE", conflicts_with_all = ["certificate", "diff"])]
    overrides: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The data directory of the server, unless the AWS environment variables name one
    #[arg(long, value_name = "DIR", default_value = "landfall-data")]
    data: PathBuf,
    /// Whom do the settings of the second file treat differently than those of the first?
    #[arg(
        long,
        num_args = 2,
        value_names = ["OLD", "NEW"],
        conflicts_with = "certificate",
        help_heading = "What do other settings change?"
    )]
    diff: Vec<PathBuf>,
    /// Of all certificates of the server
    #[arg(long, requires = "diff", help_heading = "What do other settings change?")]
    fleet: bool,
    #[command(flatten)]
    question: Question,
}

/// A CA certificate as it is named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum CaArgument {
    /// By its id.
    Id(CaCertificateId),
    /// By its file.
    File(PathBuf),
}

/// What the command came to when nobody can say.
pub(crate) const UNKNOWN: u8 = 2;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { files, ca, settings, overrides, json, data, diff, fleet: _, question } = arguments;
    if let Some(certificate) = question.certificate {
        return decision::run(certificate, question, data, *json);
    }
    match (diff.as_slice(), files.as_slice()) {
        ([old, new], _) => {
            let comparison = Comparison { old, new, files, ca: ca.as_ref(), data };
            difference::run(&comparison, *json)
        }
        (_, [file]) => {
            let registration =
                Registration { file, ca: ca.as_ref(), settings: settings.as_deref(), overrides, data };
            registration::run(&registration, SystemClock.now(), *json)
        }
        (_, files) => {
            bail!("{} files are named; one is explained at a time, and --diff takes many", files.len())
        }
    }
}

/// Prints a text. Whoever has read enough of it may go.
fn show(text: &str) -> Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to the standard output"),
    }
}

impl FromStr for CaArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::File(PathBuf::from(text)), Self::Id))
    }
}

#[cfg(test)]
mod forge;

#[cfg(test)]
mod tests {
    use landfall_model::{UnixTime, Validity};

    /// When the tests of this folder play: 2026-06-01T00:00:00Z.
    pub(super) const NOW: UnixTime = UnixTime::from_secs(1_780_272_000);

    /// From when to when CA certificates of these tests are valid.
    pub(super) const VALIDITY: Validity = Validity {
        not_before: UnixTime::from_secs(1_767_225_600),
        not_after: UnixTime::from_secs(1_893_456_000),
    };

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn one_question_is_asked_at_a_time() {
        let id = "0".repeat(64);
        for (line, is_right) in [
            (&["a.crt"][..], true),
            (&["a.crt", "--ca", "ca.pem", "--settings", "s.toml", "--set", "A=b", "--json"], true),
            (&["--diff", "old.toml", "new.toml", "a.crt", "folder"], true),
            (&["--diff", "old.toml", "new.toml", "--fleet"], true),
            (&["--diff", "old.toml", "new.toml"], false),
            (&["--diff", "old.toml"], false),
            (&["--diff", "old.toml", "new.toml", "a.crt", "--fleet"], false),
            (&["--diff", "old.toml", "new.toml", "a.crt", "--settings", "s.toml"], false),
            (&["--fleet"], false),
            (&["a.crt", "--certificate", &id, "--connect", "a"], false),
            (&["--certificate", &id, "--connect", "a", "--ca", "ca.pem"], false),
            (&["--certificate", &id, "--connect", "a", "--set", "A=b"], false),
            (&["a.crt", "--connect", "a"], false),
            (&["a.crt", "--client-id", "a"], false),
            (&["--ca", "ca.pem"], false),
            (&[], false),
        ] {
            let parsed = Line::try_parse_from([&["explain"], line].concat());
            assert_eq!(parsed.is_ok(), is_right, "{line:?}");
        }
        let two = Line::try_parse_from(["explain", "a.crt", "b.crt"]).unwrap();
        let problem = run(&two.arguments).unwrap_err().to_string();
        assert_eq!(problem, "2 files are named; one is explained at a time, and --diff takes many");
    }

    #[test]
    fn a_ca_certificate_is_named_by_its_id_or_its_file() {
        let id = "ab".repeat(32);
        for (text, expected) in [
            (&*id, CaArgument::Id(id.parse().unwrap())),
            ("ca.pem", CaArgument::File(PathBuf::from("ca.pem"))),
            ("abab", CaArgument::File(PathBuf::from("abab"))),
        ] {
            assert_eq!(text.parse(), Ok(expected));
        }
    }

    #[test]
    fn the_help_tells_the_three_questions_apart() {
        use clap::CommandFactory as _;

        insta::assert_snapshot!("help", Line::command().term_width(100).render_long_help());
    }
}
