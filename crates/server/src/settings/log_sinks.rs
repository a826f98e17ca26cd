use std::collections::BTreeMap;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Result, anyhow, bail};
use landfall_log_sinks::{Config, FileConfig, InvalidConfig, Prepared, WebhookConfig};
use landfall_services::QueueUrl;
use toml::Spanned;
use toml::de::DeValue;

use crate::place::{Fault, Place};

/// The table of log sinks.
pub(super) const LOG_SINKS: &str = "LogSinks";

/// How log sinks are explained in a file that explains itself.
pub(super) const ABOUT: &str = r#"
# Where the registration log goes besides the registry. What a sink does not take waits in the log, so that no registration
# waits for it. These are for all CA certificates.
#[LogSinks]
#LogEventsToDynamo = false
#DynamoTable = "registrations"        # with the hash key certificateId (S) and the range key timestamp (N)
#LogEventsToSqs = false
#QueueUrl = "https://sqs.us-east-1.amazonaws.com/000000000000/registrations"
#LogEventsToCloudWatch = false
#Namespace = "AWS/IoT"
#File = "registrations.jsonl"         # a line for each entry; paths are seen from the folder of this file
#FileBytesMax = 67108864              # then it is renamed to registrations.jsonl.1
#FilesMax = 4                         # how many renamed files are kept
#WebhookUrl = "https://assets.example.com/registrations"
#WebhookSecretFile = "webhook.secret" # signs each request; `openssl rand -hex 32` makes one
#FromStart = false                    # whether a new sink begins with the first entry of the log, not the next
"#;

/// What a file says about log sinks, and what else says instead.
#[derive(Clone, Debug)]
pub(super) struct LogSinksDraft {
    place: Place,
    members: BTreeMap<&'static str, Member>,
}

#[derive(Clone, Debug)]
struct Member {
    place: Place,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Truth(bool),
    Number(u64),
    Text(String),
}

/// What a setting holds.
#[derive(Clone, Copy)]
enum Kind {
    Truth,
    Number,
    Text,
}

const DYNAMO: &str = "LogEventsToDynamo";
const TABLE: &str = "DynamoTable";
const SQS: &str = "LogEventsToSqs";
const QUEUE: &str = "QueueUrl";
const CLOUDWATCH: &str = "LogEventsToCloudWatch";
const NAMESPACE: &str = "Namespace";
const FILE: &str = "File";
const FILE_BYTES: &str = "FileBytesMax";
const FILES: &str = "FilesMax";
const WEBHOOK: &str = "WebhookUrl";
const SECRET: &str = "WebhookSecretFile";
const FROM_START: &str = "FromStart";

const SETTINGS: &[(&str, Kind)] = &[
    (DYNAMO, Kind::Truth),
    (TABLE, Kind::Text),
    (SQS, Kind::Truth),
    (QUEUE, Kind::Text),
    (CLOUDWATCH, Kind::Truth),
    (NAMESPACE, Kind::Text),
    (FILE, Kind::Text),
    (FILE_BYTES, Kind::Number),
    (FILES, Kind::Number),
    (WEBHOOK, Kind::Text),
    (SECRET, Kind::Text),
    (FROM_START, Kind::Truth),
];

/// The namespace of the Universal JITR block.
const NAMESPACE_DEFAULT: &str = "AWS/IoT";

/// 64 MiB.
const FILE_BYTES_DEFAULT: u64 = 67_108_864;

const FILES_DEFAULT: u64 = 4;

/// Reads `[LogSinks]`.
///
/// # Errors
/// Every fault with its place.
pub(super) fn read(text: &str, value: &Spanned<DeValue<'_>>) -> Result<LogSinksDraft, Vec<Fault>> {
    let place = |span: std::ops::Range<usize>| Place::in_text(text, span.start);
    let DeValue::Table(members) = value.get_ref() else {
        let wrong = anyhow!("log sinks are set in a table of their own, under [{LOG_SINKS}]");
        return Err(vec![place(value.span()).fault(wrong)]);
    };
    let mut draft = LogSinksDraft { place: place(value.span()), ..LogSinksDraft::default() };
    let mut faults = Vec::new();
    for (name, value) in members {
        match setting(name.get_ref()) {
            Err(problem) => faults.push(place(name.span()).fault(problem)),
            Ok((name, kind)) => match read_value(kind, value.get_ref()) {
                Ok(found) => {
                    draft.members.insert(name, Member { place: place(value.span()), value: found });
                }
                Err(problem) => faults.push(place(value.span()).fault(anyhow!("{name}: {problem}"))),
            },
        }
    }
    if faults.is_empty() { Ok(draft) } else { Err(faults) }
}

impl LogSinksDraft {
    /// Sets one of them as it is written on the command line.
    ///
    /// # Errors
    /// It is not known, or cannot have the value.
    pub(super) fn assign(&mut self, name: &str, text: &str) -> Result<()> {
        let (name, kind) = setting(name)?;
        let value = match kind {
            Kind::Text => Value::Text(text.to_owned()),
            Kind::Truth => match text {
                "true" => Value::Truth(true),
                "false" => Value::Truth(false),
                _ => bail!("it must be true or false; {text:?} was found"),
            },
            Kind::Number => match text.parse() {
                Ok(number) => Value::Number(number),
                Err(_) => bail!("it must be a whole number; {text:?} was found"),
            },
        };
        self.members.insert(name, Member { place: self.place, value });
        Ok(())
    }

    /// Checks them, and reads the files that they name. Paths are seen from `folder`. What is wrong goes to the faults.
    pub(super) fn prepare(&self, folder: &Path, faults: &mut Vec<Fault>) -> Option<Prepared> {
        let before = faults.len();
        let mut needs = |set: bool, by: &str, name: &'static str, what: &str| {
            let text = self.text(name);
            if set && text.is_none() {
                faults.push(self.place_of(by).fault(anyhow!("{by} needs {name}: {what}")));
            }
            text.filter(|_| set).map(str::to_owned)
        };
        let table = needs(self.is_true(DYNAMO), DYNAMO, TABLE, "the name of a table");
        let queue = needs(self.is_true(SQS), SQS, QUEUE, "the URL of a queue");
        let has_webhook = self.text(WEBHOOK).is_some();
        let secret = needs(has_webhook, WEBHOOK, SECRET, "a file whose content signs each request");
        let namespace = self.is_true(CLOUDWATCH).then(|| self.text(NAMESPACE).unwrap_or(NAMESPACE_DEFAULT));
        let path = |path: &str| {
            let path = folder.join(path);
            absolute(&path).unwrap_or(path)
        };
        let webhook = self
            .text(WEBHOOK)
            .zip(secret)
            .map(|(url, secret)| WebhookConfig { url: url.to_owned(), secret_file: path(&secret) });
        let config = Config {
            table,
            queue: queue.map(QueueUrl::new),
            namespace: namespace.map(str::to_owned),
            file: self.text(FILE).map(|file| self.file(path(file))),
            webhook,
            from_start: self.is_true(FROM_START),
            ..Config::default()
        };
        match config.prepare() {
            Ok(prepared) => Some(prepared).filter(|_| faults.len() == before),
            Err(problem) => {
                faults.push(self.fault(problem));
                None
            }
        }
    }

    fn file(&self, path: PathBuf) -> FileConfig {
        let files_max = self.number(FILES).unwrap_or(FILES_DEFAULT);
        FileConfig {
            path,
            bytes_max: self.number(FILE_BYTES).unwrap_or(FILE_BYTES_DEFAULT),
            files_max: u32::try_from(files_max).unwrap_or(u32::MAX),
        }
    }

    fn fault(&self, problem: InvalidConfig) -> Fault {
        self.place_of(problem.setting()).fault(problem)
    }

    /// Where a setting stands, or the table if it is not there.
    fn place_of(&self, name: &str) -> Place {
        self.members.get(name).map_or(self.place, |member| member.place)
    }

    fn is_true(&self, name: &str) -> bool {
        matches!(self.members.get(name), Some(Member { value: Value::Truth(true), .. }))
    }

    fn text(&self, name: &str) -> Option<&str> {
        match &self.members.get(name)?.value {
            Value::Text(text) => Some(text),
            Value::Truth(_) | Value::Number(_) => None,
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        match &self.members.get(name)?.value {
            Value::Number(number) => Some(*number),
            Value::Truth(_) | Value::Text(_) => None,
        }
    }
}

impl Default for LogSinksDraft {
    fn default() -> Self {
        Self { place: Place::start_of(1), members: BTreeMap::new() }
    }
}

/// The setting of this name.
fn setting(name: &str) -> Result<(&'static str, Kind)> {
    if let Some(found) = SETTINGS.iter().find(|(known, _)| *known == name) {
        return Ok(*found);
    }
    match SETTINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((known, _)) => bail!("{name} is not known; did you mean {known}?"),
        None => {
            let known: Vec<_> = SETTINGS.iter().map(|(known, _)| *known).collect();
            bail!("{name} is not known; [{LOG_SINKS}] has {}", known.join(", "))
        }
    }
}

fn read_value(kind: Kind, value: &DeValue<'_>) -> Result<Value> {
    match (kind, value) {
        (Kind::Text, DeValue::String(text)) => Ok(Value::Text(text.clone().into_owned())),
        (Kind::Truth, DeValue::Boolean(truth)) => Ok(Value::Truth(*truth)),
        (Kind::Number, DeValue::Integer(number)) => {
            match u64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Ok(Value::Number(number)),
                Err(_) => bail!("it must be a whole number and not negative; {} was found", number.as_str()),
            }
        }
        (Kind::Text, _) => bail!("it must be a text in quotation marks"),
        (Kind::Truth, _) => bail!("it must be true or false"),
        (Kind::Number, _) => bail!("it must be a whole number"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use landfall_interceptors::PreparedInterceptors;
    use landfall_model::{AccountId, Region, Scope};
    use landfall_registration::Registrar;

    use super::*;
    use crate::settings::{SettingsSources, file};

    /// What a file in this folder comes to, or its faults.
    fn prepare(folder: &Path, text: &str) -> Result<Config, Vec<String>> {
        let told = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
        let drafts = file::parse(text).map_err(told)?;
        let mut faults = Vec::new();
        match drafts.log_sinks.prepare(folder, &mut faults) {
            Some(prepared) if faults.is_empty() => Ok(prepared.config().clone()),
            Some(_) | None => Err(told(faults)),
        }
    }

    #[test]
    fn without_settings_there_are_no_sinks() {
        for text in [
            "",
            "[LogSinks]\n",
            "[LogSinks]\nLogEventsToDynamo = false\nDynamoTable = 'log'\nNamespace = 'n'\nFilesMax = 3\n",
        ] {
            assert_eq!(prepare(Path::new("/"), text), Ok(Config::default()), "{text}");
        }
    }

    #[test]
    fn every_sink_can_be_set() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "0123456789abcdef\n").unwrap();
        let text = "ThingName = 'x'\n[LogSinks]\nLogEventsToDynamo = true\nDynamoTable = 'log'\nLogEventsToSqs = true\n\
            QueueUrl = 'http://127.0.0.1:5000/1/q'\nLogEventsToCloudWatch = true\nFile = 'log.jsonl'\n\
            WebhookUrl = 'https://example.com/'\nWebhookSecretFile = 'secret'\nFromStart = true\n";
        let expected = Config {
            table: Some("log".to_owned()),
            queue: Some(QueueUrl::new("http://127.0.0.1:5000/1/q")),
            namespace: Some("AWS/IoT".to_owned()),
            file: Some(FileConfig {
                path: folder.path().join("log.jsonl"),
                bytes_max: 64 * 1_024 * 1_024,
                files_max: 4,
            }),
            webhook: Some(WebhookConfig {
                url: "https://example.com/".to_owned(),
                secret_file: folder.path().join("secret"),
            }),
            from_start: true,
            ..Config::default()
        };
        assert_eq!(prepare(folder.path(), text), Ok(expected.clone()));

        let text = format!("{text}FileBytesMax = 8_192\nFilesMax = 0x10\nNamespace = 'Mine'\n");
        let file = expected.file.clone().map(|file| FileConfig { bytes_max: 8_192, files_max: 16, ..file });
        let expected = Config { file, namespace: Some("Mine".to_owned()), ..expected };
        assert_eq!(prepare(folder.path(), &text), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("short"), "secret").unwrap();
        for (text, expected) in [
            ("LogSinks = 1", "1:12: log sinks are set in a table of their own, under [LogSinks]"),
            ("[LogSinks]\nFilemax = 1", "2:1: Filemax is not known; [LogSinks] has LogEventsToDynamo, "),
            ("[LogSinks]\nFilesmax = 1", "2:1: Filesmax is not known; did you mean FilesMax?"),
            ("[LogSinks]\nLogEventsToSqs = 'true'", "2:18: LogEventsToSqs: it must be true or false"),
            ("[LogSinks]\nFile = true", "2:8: File: it must be a text in quotation marks"),
            ("[LogSinks]\nFilesMax = -1", "2:12: FilesMax: it must be a whole number and not negative; -1"),
            ("[LogSinks]\nFilesMax = 1.5", "2:12: FilesMax: it must be a whole number"),
            ("[LogSinks]\nLogEventsToDynamo = true", "2:21: LogEventsToDynamo needs DynamoTable: the name"),
            ("[LogSinks]\nLogEventsToSqs = true", "2:18: LogEventsToSqs needs QueueUrl: the URL of a queue"),
            ("[LogSinks]\nLogEventsToSqs = true\nQueueUrl = 'q'", "3:12: \"q\" is not the URL of a queue"),
            ("[LogSinks]\nWebhookUrl = 'https://a/'", "2:14: WebhookUrl needs WebhookSecretFile: a file"),
            ("[LogSinks]\nFile = 'x/log'", "2:8: "),
            (
                "[LogSinks]\nFile = 'log'\nFileBytesMax = 1",
                "3:16: FileBytesMax is 1; it must be 4096 or more",
            ),
            (
                "[LogSinks]\nWebhookUrl = 'https://a/'\nWebhookSecretFile = 'short'",
                "3:21: the secret of the webhook in ",
            ),
            (
                "[LogSinks]\nWebhookUrl = 'http://a/'\nWebhookSecretFile = 'short'",
                "2:14: \"http://a/\" cannot be the URL of a webhook",
            ),
        ] {
            let faults = prepare(folder.path(), text).unwrap_err();
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].starts_with(expected), "{faults:?}");
        }
    }

    #[test]
    fn the_command_line_has_the_last_word() {
        let mut draft = file::parse("[LogSinks]\nLogEventsToDynamo = false\n").unwrap().log_sinks;
        for (name, value) in [
            ("LogEventsToDynamo", "true"),
            ("DynamoTable", "log"),
            ("File", "/log"),
            ("FilesMax", "9"),
            ("FileBytesMax", "5000"),
        ] {
            draft.assign(name, value).unwrap();
        }
        let mut faults = Vec::new();
        let prepared = draft.prepare(Path::new("/"), &mut faults).unwrap();
        assert_eq!(prepared.config().table.as_deref(), Some("log"));
        let file = FileConfig { path: PathBuf::from("/log"), bytes_max: 5_000, files_max: 9 };
        assert_eq!(prepared.config().file, Some(file));
        for (name, value, expected) in [
            ("LogEventsToDynamo", "yes", "it must be true or false; \"yes\" was found"),
            ("FilesMax", "many", "it must be a whole number; \"many\" was found"),
            ("Table", "log", "Table is not known; [LogSinks] has LogEventsToDynamo, "),
        ] {
            let problem = draft.assign(name, value).unwrap_err().to_string();
            assert!(problem.starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn sinks_are_loaded_with_the_other_settings_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        fs::write(&file, "ThingName = 'x'\n[LogSinks]\nDynamoTable = 'log'\n").unwrap();
        let load = |overrides: &[&str]| {
            let sources = SettingsSources {
                file: Some(file.clone()),
                overrides: overrides.iter().map(|text| (*text).to_owned()).collect(),
                ..SettingsSources::defaults(Registrar::Builtin)
            };
            let scope = Scope {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse("us-east-1").unwrap(),
            };
            let loaded = sources.load(&scope, &PreparedInterceptors::default());
            loaded
                .map(|loaded| loaded.log_sinks.config().table.clone())
                .map_err(|problem| problem.to_string())
        };
        assert_eq!(load(&[]), Ok(None));
        assert_eq!(load(&["LogSinks.LogEventsToDynamo=true"]), Ok(Some("log".to_owned())));
        let problem = load(&["LogSinks.LogEventsToSqs=true"]).unwrap_err();
        assert!(problem.ends_with("LogEventsToSqs needs QueueUrl: the URL of a queue"), "{problem}");
        assert!(load(&["LogSinks.Queue=q"]).is_err());
    }

    #[test]
    fn the_explanation_names_every_setting_with_its_default() {
        let all = ABOUT.replace("\n#", "\n");
        let in_effect: String = all
            .lines()
            .filter(|line| line.starts_with('[') || line.contains(" = "))
            .map(|line| format!("{line}\n"))
            .collect();
        for (name, _) in SETTINGS {
            assert!(in_effect.contains(&format!("\n{name} = ")), "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("webhook.secret"), "0123456789abcdef").unwrap();
        let config = prepare(folder.path(), &in_effect).unwrap();
        let file = config.file.as_ref().unwrap();
        assert_eq!((file.bytes_max, u64::from(file.files_max)), (FILE_BYTES_DEFAULT, FILES_DEFAULT));
        assert_eq!(
            (config.table, config.queue, config.namespace, config.from_start),
            (None, None, None, false)
        );
    }
}
