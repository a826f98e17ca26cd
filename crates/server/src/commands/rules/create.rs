use std::fs;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use landfall_model::RuleName;
use serde_json::Value;

use crate::client::Client;

/// Create a topic rule from a file
///
/// The file is what `aws iot create-topic-rule --topic-rule-payload` takes: an object with `sql`, `actions` and, if you like,
/// `errorAction`. The AWS CLI creates rules as well; this also takes the rule action `exec`, which is Landfall's own. What is
/// wrong in the file is said with its place, and nothing is created then.
#[derive(Args)]
pub(super) struct Create {
    /// The name of the rule
    #[arg(value_name = "NAME", value_parser = RuleName::parse)]
    name: RuleName,
    /// The file with the rule in JSON; - is the standard input
    #[arg(long, value_name = "FILE")]
    payload: PathBuf,
    /// Replace the rule of this name
    #[arg(long)]
    replace: bool,
    /// The data directory of the server, unless the AWS environment variables name one
    #[arg(long, value_name = "DIR", default_value = "landfall-data")]
    data: PathBuf,
}

/// How much of a file is read: more than a rule can have.
const FILE_BYTES_MAX: u64 = 1_024 * 1_024;

impl Create {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<u8> {
        let Self { name, payload, replace, data } = self;
        let payload = read(payload)?;
        let client = Client::find(data)?;
        let (method, done) = if *replace { ("PATCH", "replaced") } else { ("POST", "created") };
        client.call("iot", method, &format!("/rules/{name}"), Some(&payload))?;
        writeln!(out, "rule {name} {done}")?;
        Ok(0)
    }
}

fn read(path: &Path) -> Result<Value> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
    };
    let bytes = read.with_context(|| format!("cannot read {}", path.display()))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > FILE_BYTES_MAX) {
        bail!("{} has more than {FILE_BYTES_MAX} bytes, which no rule can have", path.display());
    }
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_rule_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rule.json");
        for (content, expected) in [
            (None, "cannot read"),
            (Some("{".to_owned()), "is not JSON"),
            (Some(" ".repeat(2 * 1_024 * 1_024)), "has more than 1048576 bytes"),
        ] {
            if let Some(content) = content {
                fs::write(&path, content).unwrap();
            }
            let error = format!("{:#}", read(&path).unwrap_err());
            assert!(error.contains(expected) && error.contains("rule.json"), "{error}");
        }
        fs::write(&path, r#"{"sql": "SELECT 1"}"#).unwrap();
        assert_eq!(read(&path).unwrap()["sql"], "SELECT 1");
    }
}
