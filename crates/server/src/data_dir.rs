//! The data directory: all of a server's state, and what other commands need to find the server.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use landfall_registration::Registrar;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::settings::SettingsSources;

/// A data directory that this process has for itself.
pub(crate) struct DataDir {
    path: PathBuf,
    /// Locked while it is open.
    _lock: File,
}

/// The keys that sign API requests.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Credentials {
    /// The access key id.
    pub(crate) access_key_id: String,
    /// The secret access key.
    pub(crate) secret_access_key: String,
}

/// All that the server keeps secret, in `credentials.json`.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Secrets {
    /// The keys that sign API requests.
    #[serde(flatten)]
    pub(crate) credentials: Credentials,
    /// What the markers of listings are sealed with: 64 hex digits.
    pub(crate) page_token_key: String,
}

/// What a running server tells about itself in `server.json`.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct ServerInfo {
    /// Where MQTT is served, `ADDR:PORT`.
    pub(crate) mqtt: String,
    /// Where the API is served, `ADDR:PORT`.
    pub(crate) http: String,
    /// The CA certificate by which clients trust the server: an absolute path.
    pub(crate) server_ca: PathBuf,
    /// The server's process.
    pub(crate) pid: u32,
    /// The server's region.
    pub(crate) region: String,
    /// By what it registers devices.
    #[serde(default)]
    pub(crate) registrar: RegistrarInfo,
    /// The keys of its API.
    #[serde(flatten)]
    pub(crate) credentials: Credentials,
}

/// By what a running server registers devices, so that `landfall explain` says what that server would do.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(crate) struct RegistrarInfo {
    /// Whether topic rules do it, unless the settings say otherwise.
    pub(crate) rules: bool,
    /// The file of settings: an absolute path.
    pub(crate) settings: Option<PathBuf>,
    /// What is set over what the file says.
    pub(crate) overrides: Vec<String>,
}

impl RegistrarInfo {
    /// The view of the sources of a server's settings.
    pub(crate) fn of(sources: &SettingsSources) -> Self {
        let absolute = |file: &PathBuf| std::path::absolute(file).unwrap_or_else(|_| file.clone());
        Self {
            rules: sources.registrar == Registrar::Rules,
            settings: sources.file.as_ref().map(absolute),
            overrides: sources.overrides.clone(),
        }
    }

    /// Who provisions unless the settings say otherwise.
    pub(crate) fn default_registrar(&self) -> Registrar {
        if self.rules { Registrar::Rules } else { Registrar::Builtin }
    }
}

impl ServerInfo {
    /// The URL of the API, as programs on this machine reach it.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.http)
    }
}

/// What `--ready-file` gets.
#[derive(Serialize)]
pub(crate) struct Ready<'a> {
    /// Where MQTT is served, `ADDR:PORT`.
    pub(crate) mqtt: &'a str,
    /// Where the API is served, `ADDR:PORT`.
    pub(crate) http: &'a str,
    /// The CA certificate by which clients trust the server: an absolute path.
    pub(crate) server_ca: &'a Path,
    /// The server's process.
    pub(crate) pid: u32,
}

const LOCK: &str = "lock";
const SERVER_INFO: &str = "server.json";
const CREDENTIALS: &str = "credentials.json";

impl DataDir {
    /// Opens or makes a data directory and takes it for this process.
    ///
    /// # Errors
    /// It cannot be made or written, or another server has it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("cannot make the data directory {}", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join(LOCK));
        let lock = lock.with_context(|| format!("cannot write in the data directory {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!(
                "the data directory {} is in use by another server{}; stop that one, or give this one a directory of its own with --data",
                path.display(),
                server_info(&path).map(|info| format!(" (process {})", info.pid)).unwrap_or_default(),
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock the data directory {}", path.display()))
            }
        }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in the directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The secrets that are stored, or else those that `make` makes, which are stored.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn secrets(&self, make: impl FnOnce() -> Secrets) -> Result<Secrets> {
        let path = self.file(CREDENTIALS);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                format!("{} is not what this program writes; delete it to have new keys made", path.display())
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = make();
                write_secret(&path, &serde_json::to_vec_pretty(&secrets)?)?;
                Ok(secrets)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Tells other commands where the server is.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn publish(&self, info: &ServerInfo) -> Result<()> {
        write_secret(&self.file(SERVER_INFO), &serde_json::to_vec_pretty(info)?)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Other commands must not look for a server that is gone. What a crash leaves behind names a dead process.
        let _ = fs::remove_file(self.file(SERVER_INFO));
    }
}

/// What the server that uses a data directory tells about itself, if there is one. What a server left behind that was
/// killed does not count.
pub(crate) fn server_info(data: &Path) -> Option<ServerInfo> {
    let info: ServerInfo = serde_json::from_slice(&fs::read(data.join(SERVER_INFO)).ok()?).ok()?;
    let process = Pid::from_raw(i32::try_from(info.pid).ok()?)?;
    // A process of another user cannot be asked, but it is there.
    let is_gone = test_kill_process(process) == Err(Errno::SRCH);
    (!is_gone).then_some(info)
}

/// Writes a file whole or not at all: beside it first, then by rename. Only the owner can read it.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_secret(path: &Path, content: &[u8]) -> Result<()> {
    write_file(path, content, 0o600)
}

/// Writes a file whole or not at all: beside it first, then by rename. Everyone can read it.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_public(path: &Path, content: &[u8]) -> Result<()> {
    write_file(path, content, 0o644)
}

fn write_file(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let write = || -> io::Result<()> {
        // Never through a file that is there already, whose mode may be another.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = File::options().create_new(true).write(true).mode(mode).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn secrets(secret: &str) -> Secrets {
        let credentials =
            Credentials { access_key_id: "AKIA".to_owned(), secret_access_key: secret.to_owned() };
        Secrets { credentials, page_token_key: "00".repeat(32) }
    }

    #[test]
    fn one_server_has_a_directory() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let first = DataDir::open(&path).unwrap();
        let error = DataDir::open(&path).err().unwrap().to_string();
        assert!(error.contains("in use by another server"), "{error}");
        drop(first);
        assert!(DataDir::open(&path).is_ok());
    }

    #[test]
    fn keys_are_made_once_and_only_their_owner_can_read_them() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(root.path()).unwrap();
        assert_eq!(data.secrets(|| secrets("one")).unwrap().credentials.secret_access_key, "one");
        assert_eq!(data.secrets(|| secrets("two")).unwrap().credentials.secret_access_key, "one");
        let mode = fs::metadata(data.file(CREDENTIALS)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_server_that_was_killed_is_not_found() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(root.path()).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for (pid, found) in [(std::process::id(), true), (child.id(), false)] {
            let info = ServerInfo {
                mqtt: "127.0.0.1:1".to_owned(),
                http: "127.0.0.1:2".to_owned(),
                server_ca: root.path().join("server-ca.pem"),
                pid,
                region: "us-east-1".to_owned(),
                registrar: RegistrarInfo::default(),
                credentials: secrets("one").credentials,
            };
            data.publish(&info).unwrap();
            assert_eq!(server_info(root.path()).is_some(), found, "{pid}");
        }
    }

    #[test]
    fn a_file_that_others_could_read_is_replaced_by_one_that_they_cannot() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("secret");
        write_public(&path, b"x").unwrap();
        write_secret(&path, b"y").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&path).unwrap(), b"y");
    }
}
