use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use landfall_services::{QueueUrl, WebhookSecret, is_this_machine};
use reqwest::Url;
use thiserror::Error;

/// Which sinks there are. Without any, nothing is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The table of DynamoDB that gets an item for each entry.
    pub table: Option<String>,
    /// The queue of SQS that gets a message for each entry.
    pub queue: Option<QueueUrl>,
    /// The namespace of CloudWatch in which entries are counted.
    pub namespace: Option<String>,
    /// The file that gets a line for each entry.
    pub file: Option<FileConfig>,
    /// The web server that is told of entries.
    pub webhook: Option<WebhookConfig>,
    /// Whether a sink that never ran begins with the first entry of the log. If not, it begins with what comes from now on.
    pub from_start: bool,
    /// The limits.
    pub limits: Limits,
}

/// A file with a line of JSON for each entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    /// Its path, whose directory exists.
    pub path: PathBuf,
    /// How many bytes it may have. Before a line that would be beyond, it is renamed to the path with `.1` at its end, and a
    /// new one is begun.
    pub bytes_max: u64,
    /// How many renamed files are kept. The oldest is deleted.
    pub files_max: u32,
}

/// A web server that is told of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where they are posted to: `https`, or `http` on this machine.
    pub url: String,
    /// The file with the secret that requests are signed with. White space at its end is no part of the secret.
    pub secret_file: PathBuf,
}

/// A configuration that was found to be in order, with what its files say. Two are equal if the same sinks do the same.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Prepared {
    config: Config,
    webhook: Option<Webhook>,
}

/// A web server that is told of entries, and the key that requests are signed with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Webhook {
    pub(crate) url: Url,
    pub(crate) secret: WebhookSecret,
}

/// Every limit of the sinks. What happens at each is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many entries of each sink may be in memory (256). More stay in the log.
    pub entries_waiting_max: u32,
    /// How many entries a request of a webhook or to CloudWatch may have (100). More go in the next.
    pub entries_per_request_max: usize,
    /// How many requests of a table or a queue may run at once (16). More wait.
    pub requests_running_max: usize,
    /// How long an attempt to deliver may take (30 s). Then it has failed, and is made again.
    pub attempt_timeout: Duration,
    /// How long at most a sink waits after its first failure (200 ms); with each further one it is twice as long. The wait is
    /// between the half and all of that, at random.
    pub retry_first: Duration,
    /// The longest wait after a failure (60 s).
    pub retry_longest: Duration,
    /// How often a sink may refuse an entry for good (12), where only the first refusal counts and those before which it took
    /// another entry. Then the entry is left out and counted.
    pub refusals_max: u32,
    /// How many entries a sink may refuse one after the other before the others wait for the next attempt (16).
    pub refusals_in_row_max: usize,
    /// How long a sink waits for more entries before it delivers the first (20 ms), so that one request serves many.
    pub gather: Duration,
    /// How often the position of a sink is stored at most (100 ms). Entries delivered since then come again after a crash.
    pub position_pause: Duration,
    /// How often a sink that fails is logged at most (60 s). In between failures are counted.
    pub warning_pause: Duration,
    /// How long a delivery under way may still take when the server stops (2 s). Then it is given up, and made again after
    /// the next start.
    pub stop_grace: Duration,
}

/// A configuration that cannot work.
#[derive(Debug, Error)]
pub enum InvalidConfig {
    /// It is no name of a table.
    #[error(
        "{found:?} is no name of a table: it must have 3 to 255 letters, digits, and _ - ., or be the ARN of a table"
    )]
    Table {
        /// What was found.
        found: String,
    },
    /// It is no URL of a queue.
    #[error(
        "{found:?} is not the URL of a queue, as https://sqs.us-east-1.amazonaws.com/000000000000/registrations is"
    )]
    Queue {
        /// What was found.
        found: String,
    },
    /// It is no namespace.
    #[error(
        "{found:?} is no namespace: it must have 1 to 255 letters, digits, and . - _ / # :, and not begin with a colon"
    )]
    Namespace {
        /// What was found.
        found: String,
    },
    /// A path that cannot be that of a file.
    #[error(
        "{path} cannot be the file of a log: it must be an absolute path to a file in a directory that exists"
    )]
    Path {
        /// What was found.
        path: PathBuf,
    },
    /// A limit of the file that is too low.
    #[error("{setting} is {found}; it must be {min} or more")]
    TooLow {
        /// The setting.
        setting: &'static str,
        /// What was found.
        found: u64,
        /// The least.
        min: u64,
    },
    /// It is no URL of a webhook.
    #[error(
        "{found:?} cannot be the URL of a webhook: it must begin with https://, or with http:// and name this machine"
    )]
    Url {
        /// What was found.
        found: String,
    },
    /// The secret cannot be read.
    #[error("the secret of the webhook cannot be read from {path}")]
    UnreadableSecret {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The secret is none.
    #[error(
        "the secret of the webhook in {path} has {bytes} bytes; it must have {} to {}",
        WebhookSecret::BYTES_MIN,
        WebhookSecret::BYTES_MAX
    )]
    SecretLength {
        /// The file.
        path: PathBuf,
        /// How many it has.
        bytes: usize,
    },
}

/// The fewest bytes after which a file is renamed.
const FILE_BYTES_MIN: u64 = 4_096;

impl Config {
    /// Checks what can be checked without asking anybody, and reads the small files that it names. This blocks.
    ///
    /// # Errors
    /// Something cannot work: the first fault.
    pub fn prepare(self) -> Result<Prepared, InvalidConfig> {
        if let Some(table) = self.table.as_ref().filter(|table| !is_table(table)) {
            return Err(InvalidConfig::Table { found: table.clone() });
        }
        if let Some(queue) = self.queue.as_ref().filter(|queue| !is_web_url(queue.as_str())) {
            return Err(InvalidConfig::Queue { found: queue.to_string() });
        }
        if let Some(namespace) = self.namespace.as_ref().filter(|namespace| !is_namespace(namespace)) {
            return Err(InvalidConfig::Namespace { found: namespace.clone() });
        }
        self.file.as_ref().map_or(Ok(()), FileConfig::check)?;
        let webhook = self.webhook.as_ref().map(WebhookConfig::prepare).transpose()?;
        Ok(Prepared { config: self, webhook })
    }
}

impl Prepared {
    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn webhook(&self) -> Option<&Webhook> {
        self.webhook.as_ref()
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the secret.
        f.debug_struct("Prepared").field("config", &self.config).finish_non_exhaustive()
    }
}

impl InvalidConfig {
    /// The setting that is at fault, by its name in the settings file.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Table { .. } => "DynamoTable",
            Self::Queue { .. } => "QueueUrl",
            Self::Namespace { .. } => "Namespace",
            Self::Path { .. } => "File",
            Self::TooLow { setting, .. } => setting,
            Self::Url { .. } => "WebhookUrl",
            Self::UnreadableSecret { .. } | Self::SecretLength { .. } => "WebhookSecretFile",
        }
    }
}

impl FileConfig {
    fn check(&self) -> Result<(), InvalidConfig> {
        let Self { path, bytes_max, files_max } = self;
        let in_directory = path.parent().is_some_and(Path::is_dir);
        if !path.is_absolute() || path.file_name().is_none() || !in_directory || path.is_dir() {
            return Err(InvalidConfig::Path { path: path.clone() });
        }
        let too_low = |setting, found, min| InvalidConfig::TooLow { setting, found, min };
        if *bytes_max < FILE_BYTES_MIN {
            return Err(too_low("FileBytesMax", *bytes_max, FILE_BYTES_MIN));
        }
        if *files_max < 1 {
            return Err(too_low("FilesMax", (*files_max).into(), 1));
        }
        Ok(())
    }
}

impl WebhookConfig {
    fn prepare(&self) -> Result<Webhook, InvalidConfig> {
        Ok(Webhook { url: self.parse_url()?, secret: self.read_secret()? })
    }

    /// The URL, if it is one that a webhook may have.
    fn parse_url(&self) -> Result<Url, InvalidConfig> {
        let invalid = || InvalidConfig::Url { found: self.url.clone() };
        let url = Url::parse(&self.url).map_err(|_| invalid())?;
        let has_name = !url.username().is_empty() || url.password().is_some();
        let may_be = match url.scheme() {
            "https" => true,
            "http" => url.host_str().is_some_and(is_this_machine),
            _ => false,
        };
        if may_be && !has_name && url.has_host() { Ok(url) } else { Err(invalid()) }
    }

    /// Reads the secret.
    fn read_secret(&self) -> Result<WebhookSecret, InvalidConfig> {
        let path = &self.secret_file;
        let unreadable = |source| InvalidConfig::UnreadableSecret { path: path.clone(), source };
        let wrong_length = |bytes| InvalidConfig::SecretLength { path: path.clone(), bytes };
        // Not read if it cannot be one, whatever may be at its end.
        let bytes = usize::try_from(std::fs::metadata(path).map_err(unreadable)?.len()).unwrap_or(usize::MAX);
        if bytes > 2 * WebhookSecret::BYTES_MAX {
            return Err(wrong_length(bytes));
        }
        WebhookSecret::of_file(&std::fs::read(path).map_err(unreadable)?).map_err(wrong_length)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries_waiting_max: 256,
            entries_per_request_max: 100,
            requests_running_max: 16,
            attempt_timeout: Duration::from_secs(30),
            retry_first: Duration::from_millis(200),
            retry_longest: Duration::from_secs(60),
            refusals_max: 12,
            refusals_in_row_max: 16,
            gather: Duration::from_millis(20),
            position_pause: Duration::from_millis(100),
            warning_pause: Duration::from_secs(60),
            stop_grace: Duration::from_secs(2),
        }
    }
}

/// By <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html>, `TableName`.
fn is_table(text: &str) -> bool {
    let is_name = |text: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        (3..=255).contains(&text.len()) && text.bytes().all(is_allowed)
    };
    let of_arn = text.strip_prefix("arn:").and_then(|rest| rest.split_once(":table/"));
    is_name(of_arn.map_or(text, |(_, name)| name))
}

/// By <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>, `Namespace`.
fn is_namespace(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#:".contains(&byte);
    (1..=255).contains(&text.len()) && !text.starts_with(':') && text.bytes().all(is_allowed)
}

fn is_web_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a file for its secret that is always there.
    fn webhook(url: &str) -> Config {
        let secret_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let webhook = WebhookConfig { url: url.to_owned(), secret_file };
        Config { webhook: Some(webhook), ..Config::default() }
    }

    fn file(path: &Path, bytes_max: u64, files_max: u32) -> Config {
        let file = FileConfig { path: path.to_path_buf(), bytes_max, files_max };
        Config { file: Some(file), ..Config::default() }
    }

    fn table(name: &str) -> Config {
        Config { table: Some(name.to_owned()), ..Config::default() }
    }

    fn namespace(name: &str) -> Config {
        Config { namespace: Some(name.to_owned()), ..Config::default() }
    }

    fn queue(url: &str) -> Config {
        Config { queue: Some(QueueUrl::new(url)), ..Config::default() }
    }

    #[test]
    fn what_can_work_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        for config in [
            Config::default(),
            table("log"),
            table("arn:aws:dynamodb:us-east-1:000000000000:table/registrations"),
            queue("https://sqs.us-east-1.amazonaws.com/000000000000/q"),
            queue("http://127.0.0.1:5000/000000000000/q"),
            namespace("AWS/IoT"),
            file(&directory.path().join("log"), 4_096, 1),
            webhook("https://example.com/in?a=b"),
            webhook("http://127.0.0.1:8080/"),
            webhook("http://[::1]/"),
            webhook("http://localhost/"),
        ] {
            let prepared = config.clone().prepare();
            assert!(prepared.is_ok(), "{config:?}: {prepared:?}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        for (config, setting, message) in [
            (table("ab"), "DynamoTable", "\"ab\" is no name of a table"),
            (table("a b c"), "DynamoTable", "\"a b c\" is no name of a table"),
            (queue("registrations"), "QueueUrl", "\"registrations\" is not the URL of a queue"),
            (queue("ftp://host/q"), "QueueUrl", "\"ftp://host/q\" is not the URL of a queue"),
            (namespace(""), "Namespace", "\"\" is no namespace"),
            (namespace(":a"), "Namespace", "\":a\" is no namespace"),
            (namespace("a b"), "Namespace", "\"a b\" is no namespace"),
            (file(Path::new("log"), 4_096, 1), "File", "log cannot be the file of a log"),
            (
                file(Path::new("/not/there/log"), 4_096, 1),
                "File",
                "/not/there/log cannot be the file of a log",
            ),
            (file(&path, 4_095, 1), "FileBytesMax", "FileBytesMax is 4095; it must be 4096 or more"),
            (file(&path, 4_096, 0), "FilesMax", "FilesMax is 0; it must be 1 or more"),
            (
                webhook("http://example.com/"),
                "WebhookUrl",
                "\"http://example.com/\" cannot be the URL of a webhook",
            ),
            (webhook("https://user@example.com/"), "WebhookUrl", "\"https://user@example.com/\" cannot be"),
            (
                webhook("http://127.0.0.1.example.com/"),
                "WebhookUrl",
                "\"http://127.0.0.1.example.com/\" cannot be",
            ),
            (webhook("file:///etc"), "WebhookUrl", "\"file:///etc\" cannot be the URL of a webhook"),
            (webhook("here"), "WebhookUrl", "\"here\" cannot be the URL of a webhook"),
        ] {
            let problem = config.prepare().unwrap_err();
            assert!(problem.to_string().starts_with(message), "{problem}");
            assert_eq!(problem.setting(), setting);
        }
        assert!(file(directory.path(), 4_096, 1).prepare().is_err(), "a directory is no file");
    }

    #[test]
    fn secrets_are_not_shown_and_make_a_difference() {
        let directory = tempfile::tempdir().unwrap();
        let secret_file = directory.path().join("secret");
        let webhook =
            WebhookConfig { url: "https://example.com/".to_owned(), secret_file: secret_file.clone() };
        let config = Config { webhook: Some(webhook), ..Config::default() };
        let prepare = |secret: &str| {
            std::fs::write(&secret_file, secret).unwrap();
            config.clone().prepare().unwrap()
        };
        let (one, same, other) =
            (prepare("0123456789abcdef"), prepare("0123456789abcdef\n"), prepare("fedcba9876543210"));
        assert_eq!(one, same);
        assert!(one != other, "with another secret, it is another webhook");
        let shown = format!("{one:?}");
        assert!(
            shown.contains("example.com") && !shown.contains("abcdef") && !shown.contains("[48, 49"),
            "{shown}"
        );
    }

    #[test]
    fn a_secret_is_read_without_the_line_end() {
        let directory = tempfile::tempdir().unwrap();
        let secret_file = directory.path().join("secret");
        let webhook = WebhookConfig { url: String::new(), secret_file: secret_file.clone() };
        assert!(matches!(webhook.read_secret(), Err(InvalidConfig::UnreadableSecret { .. })));
        let secret = |content: &[u8]| Ok(WebhookSecret::of_file(content).unwrap());
        for (content, expected) in [
            (b"0123456789abcdef\n".to_vec(), secret(b"0123456789abcdef")),
            (b" 0123456789abcde \r\n".to_vec(), secret(b" 0123456789abcde")),
            (b"0123456789abcde\n".to_vec(), Err(15)),
            (b"\n".to_vec(), Err(0)),
            ([b'a'; 4_096].iter().chain(b"\n").copied().collect(), secret(&[b'a'; 4_096])),
            (vec![b'a'; 4_097], Err(4_097)),
            (vec![b' '; 8_193], Err(8_193)),
        ] {
            std::fs::write(&secret_file, content).unwrap();
            let length = |problem| {
                let InvalidConfig::SecretLength { bytes, .. } = problem else { panic!("{problem}") };
                bytes
            };
            let found = webhook.read_secret().map_err(length);
            assert_eq!(found, expected);
        }
    }
}
