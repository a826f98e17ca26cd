//! The files of a device: how they are called and how they are written.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The most bytes of the name with which a device's files begin.
pub(super) const FILE_NAME_BYTES_MAX: usize = 200;

/// What the seeds' name of a certificate ends with; the file of leaf and CA has it once.
const CERTIFICATE: &str = "-certificate";

/// The name with which a device's files begin: one part of a path, hidden nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileName(String);

/// Where a device's files go.
#[derive(Debug)]
pub(super) struct DeviceFiles {
    /// The private key, unless the device has it already.
    pub(super) key: Option<PathBuf>,
    /// The certificate request, where one is written.
    pub(super) request: Option<PathBuf>,
    /// The certificate.
    pub(super) certificate: PathBuf,
    /// The certificate, and after it that of the CA.
    pub(super) chain: PathBuf,
}

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// It is replaced.
    Replace,
}

/// When files have to have reached the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Each before the next one is written.
    EachFile,
    /// All of them when [`Writer::finish`] returns.
    AtTheEnd,
}

/// Who can read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Owner,
    Everyone,
}

/// Writes the files of devices; from as many threads as there are, for different devices.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) existing: Existing,
    pub(super) durability: Durability,
}

impl FileName {
    /// Checks a name.
    ///
    /// # Errors
    /// It could lead to another directory, or would hide the files.
    pub(super) fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            bail!("the name of the files is empty");
        }
        if text.len() > FILE_NAME_BYTES_MAX {
            bail!("the name of the files has {} bytes, and {FILE_NAME_BYTES_MAX} are the most", text.len());
        }
        if text.starts_with(['.', '-']) {
            bail!("{text:?} cannot name files: it begins with a dot or a hyphen");
        }
        let bad = |character: &char| matches!(character, '/' | '\\') || character.is_control();
        if let Some(character) = text.chars().find(bad) {
            bail!("{text:?} cannot name files: it contains {character:?}");
        }
        Ok(Self(text.to_owned()))
    }
}

impl DeviceFiles {
    /// All four files, as the seeds' script writes them.
    pub(super) fn of_one(directory: &Path, name: &FileName) -> Self {
        let path = |suffix: &str| directory.join(format!("{}.{suffix}", name.0));
        let device = name.0.strip_suffix(CERTIFICATE).unwrap_or(&name.0);
        Self {
            key: Some(path("key")),
            request: Some(path("csr")),
            certificate: path("crt"),
            chain: directory.join(format!("{device}-and-ca-certificate.crt")),
        }
    }

    /// The files of one device of many: the request would be thrown away.
    pub(super) fn of_many(directory: &Path, name: &FileName) -> Self {
        Self { request: None, ..Self::of_one(directory, name) }
    }

    /// The files of a device that has made its key and its request itself.
    pub(super) fn of_request(directory: &Path, name: &FileName) -> Self {
        Self { key: None, request: None, ..Self::of_one(directory, name) }
    }

    /// Every one of them, each with what it is.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let key = self.key.as_deref().map(|path| ("key", path));
        let request = self.request.as_deref().map(|path| ("certificateRequest", path));
        let certificates = [("certificate", &*self.certificate), ("certificateAndCa", &*self.chain)];
        key.into_iter().chain(request).chain(certificates)
    }
}

impl Writer {
    /// Checks that none of these files is there.
    ///
    /// # Errors
    /// One is, and would have to stay.
    pub(super) fn check_free(&self, files: &DeviceFiles) -> Result<()> {
        if self.existing == Existing::Replace {
            return Ok(());
        }
        match files.all().find(|(_, path)| fs::symlink_metadata(path).is_ok()) {
            Some((_, path)) => {
                bail!("{} is there already; choose another --out, or replace it with --force", path.display())
            }
            None => Ok(()),
        }
    }

    /// Writes a file that only its owner can read.
    ///
    /// # Errors
    /// It cannot be written, or there is one that stays.
    pub(super) fn write_secret(&self, path: &Path, content: &str) -> Result<()> {
        self.write(path, content, Reader::Owner)
    }

    /// Writes a file that everyone can read.
    ///
    /// # Errors
    /// It cannot be written, or there is one that stays.
    pub(super) fn write_public(&self, path: &Path, content: &str) -> Result<()> {
        self.write(path, content, Reader::Everyone)
    }

    /// Waits until all files in this directory are on the disk.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn finish(&self, directory: &Path) -> Result<()> {
        let sync = || -> io::Result<()> {
            let directory = File::open(directory)?;
            match self.durability {
                Durability::EachFile => directory.sync_all(),
                Durability::AtTheEnd => sync_file_system(&directory),
            }
        };
        sync().with_context(|| format!("cannot bring {} to the disk", directory.display()))
    }

    fn write(&self, path: &Path, content: &str, reader: Reader) -> Result<()> {
        let written = match self.existing {
            Existing::Keep => self.create(path, content, reader),
            Existing::Replace => self.replace(path, content, reader),
        };
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes a file whole or not at all, and never over another.
    fn create(&self, path: &Path, content: &str, reader: Reader) -> io::Result<()> {
        let mode = match reader {
            Reader::Owner => 0o600,
            Reader::Everyone => 0o644,
        };
        let mut file = File::options().create_new(true).write(true).mode(mode).open(path)?;
        let written = file.write_all(content.as_bytes()).and_then(|()| match self.durability {
            Durability::EachFile => file.sync_all(),
            Durability::AtTheEnd => Ok(()),
        });
        if written.is_err() {
            // A part of a file helps nobody, and would be in the way of the next attempt.
            let _ = fs::remove_file(path);
        }
        written
    }

    /// Writes beside the file first, so that there is always either the old one or the new one.
    fn replace(&self, path: &Path, content: &str, reader: Reader) -> io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".new-{}", std::process::id()));
        let beside = PathBuf::from(beside);
        // Left over by a process of the same number that was killed.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.create(&beside, content, reader)?;
        fs::rename(&beside, path)
    }
}

/// Waits until the file system of this directory is on the disk: one wait for a hundred thousand files.
#[cfg(target_os = "linux")]
fn sync_file_system(directory: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(directory)?)
}

/// Waits until all file systems are on the disk.
#[cfg(not(target_os = "linux"))]
fn sync_file_system(_directory: &File) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const WRITERS: [Durability; 2] = [Durability::EachFile, Durability::AtTheEnd];

    #[test]
    fn the_seeds_names_come_out_of_theirs() {
        let directory = Path::new("device-certs");
        for (name, expected) in [
            (
                "device-certificate",
                "device-certificate.key device-certificate.csr device-certificate.crt device-and-ca-certificate.crt",
            ),
            ("thing-1", "thing-1.key thing-1.csr thing-1.crt thing-1-and-ca-certificate.crt"),
            ("a.b", "a.b.key a.b.csr a.b.crt a.b-and-ca-certificate.crt"),
        ] {
            let name = FileName::parse(name).unwrap();
            let expected: Vec<_> = expected.split(' ').map(|file| directory.join(file)).collect();
            let paths =
                |files: &DeviceFiles| files.all().map(|(_, path)| path.to_owned()).collect::<Vec<_>>();
            assert_eq!(paths(&DeviceFiles::of_one(directory, &name)), expected);
            let of_many = [&expected[0], &expected[2], &expected[3]].map(Clone::clone);
            assert_eq!(paths(&DeviceFiles::of_many(directory, &name)), of_many);
            assert_eq!(paths(&DeviceFiles::of_request(directory, &name)), expected[2..]);
        }
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for good in ["thing-1", "00:1a", "zürich 1", "a..b"] {
            assert!(FileName::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(FILE_NAME_BYTES_MAX + 1);
        for bad in ["", ".", "..", "../a", "a/b", "a\\b", ".a", "-rf", "a\nb", "a\0b", &long] {
            assert!(FileName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_stays_unless_it_is_to_be_replaced() {
        for durability in WRITERS {
            let directory = tempfile::tempdir().unwrap();
            let files = DeviceFiles::of_one(directory.path(), &FileName::parse("a").unwrap());
            let path = directory.path().join("a.key");
            let keep = Writer { existing: Existing::Keep, durability };
            let replace = Writer { existing: Existing::Replace, durability };
            keep.write_secret(&path, "one").unwrap();
            let error = keep.check_free(&files).unwrap_err().to_string();
            assert!(error.contains("a.key is there already"), "{error}");
            assert!(keep.write_secret(&path, "two").is_err());
            assert_eq!(fs::read(&path).unwrap(), b"one");
            replace.check_free(&files).unwrap();
            replace.write_secret(&path, "two").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"two");
            replace.finish(directory.path()).unwrap();
            let names: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
            assert_eq!(names.len(), 1, "{names:?}");
        }
    }

    #[test]
    fn only_its_owner_reads_a_key() {
        for existing in [Existing::Keep, Existing::Replace] {
            let directory = tempfile::tempdir().unwrap();
            let writer = Writer { existing, durability: Durability::AtTheEnd };
            let [secret, public] = ["a.key", "a.crt"].map(|name| directory.path().join(name));
            if existing == Existing::Replace {
                fs::write(&secret, "readable").unwrap();
            }
            writer.write_secret(&secret, "x").unwrap();
            writer.write_public(&public, "x").unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&secret), 0o600, "{existing:?}");
            assert_eq!(mode(&public) & 0o400, 0o400, "{existing:?}");
        }
    }
}
