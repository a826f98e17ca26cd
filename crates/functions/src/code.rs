//! The code of functions and layers on disk, by its SHA-256.

mod archive;

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use landfall_model::CodeSha256;
use thiserror::Error;
use uuid::Uuid;

use crate::config::Limits;
use crate::left::{UNPACKED, renew_folder};

pub use archive::InvalidArchive;

/// Code that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredCode {
    /// What it is found by.
    pub sha256: CodeSha256,
    /// How large the archive is, in bytes.
    pub size: u64,
    /// How large its files are together, in bytes.
    pub unpacked_size: u64,
}

/// Why code cannot be stored or read.
#[derive(Debug, Error)]
pub enum CodeError {
    /// The archive is at fault.
    #[error(transparent)]
    Archive(#[from] InvalidArchive),
    /// There is no such code.
    #[error("the code {} is not in the data directory; upload it again", .0.to_hex())]
    Missing(CodeSha256),
    /// The data directory cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Storage {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The code of functions and layers: `code/HEX.zip` as it was given, and `unpacked/HEX/` to run it from.
///
/// Only the archives are kept over a restart. What was unpacked can be incomplete after the machine lost its power, so it
/// is removed when the store is opened, and unpacked again when it is needed.
///
/// Its methods read and write files, and wait for them.
pub(crate) struct CodeStore {
    archives: PathBuf,
    unpacked: PathBuf,
    limits: Limits,
    /// What was stored since the store was opened: somebody is about to need it.
    stored: Mutex<HashSet<CodeSha256>>,
}

impl CodeStore {
    /// Opens the store in a data directory, and makes its folders.
    ///
    /// # Errors
    /// They cannot be made.
    pub(crate) fn open(data: &Path, limits: Limits) -> Result<Self, CodeError> {
        let (archives, unpacked) = (data.join("code"), data.join(UNPACKED));
        private_folder(&archives).map_err(failed("make", &archives))?;
        renew_folder(&unpacked).map_err(failed("make", &unpacked))?;
        for left in fs::read_dir(&archives).map_err(failed("read", &archives))?.flatten() {
            if left.path().extension().is_some_and(|extension| extension == BESIDE) {
                let _ = fs::remove_file(left.path());
            }
        }
        Ok(Self { archives, unpacked, limits, stored: Mutex::default() })
    }

    /// Checks an archive, unpacks it, and stores it durably. One that is there already is found by its hash.
    ///
    /// # Errors
    /// The archive is at fault, or cannot be stored.
    pub(crate) fn store(&self, archive: &[u8]) -> Result<StoredCode, CodeError> {
        let size = u64::try_from(archive.len()).unwrap_or(u64::MAX);
        if size > self.limits.archive_bytes_max {
            let max = self.limits.archive_bytes_max;
            return Err(InvalidArchive::TooLarge { found: size, max }.into());
        }
        let sha256 = hash(archive);
        self.stored().insert(sha256);
        let unpacked_size = self.unpack(&sha256, archive)?;
        let path = self.archive_path(&sha256);
        if !path.is_file() {
            let beside = self.archives.join(format!("{}.{BESIDE}", Uuid::new_v4().simple()));
            let written = write_durably(&beside, archive).and_then(|()| fs::rename(&beside, &path));
            let written = written.and_then(|()| File::open(&self.archives)?.sync_all());
            if let Err(error) = written {
                let _ = fs::remove_file(&beside);
                return Err(failed("write", &path)(error));
            }
        }
        Ok(StoredCode { sha256, size, unpacked_size })
    }

    /// Removes all code but this, and what was stored since the store was opened. How much was removed.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(crate) fn remove_but(&self, needed: &HashSet<CodeSha256>) -> Result<usize, CodeError> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.archives).map_err(failed("read", &self.archives))?.flatten() {
            let path = entry.path();
            let Some(sha256) = sha256_of(&path) else { continue };
            // Nobody stores it between the question and its removal.
            let stored = self.stored();
            if !needed.contains(&sha256) && !stored.contains(&sha256) {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
                let _ = remove_folder(&self.folder_path(&sha256));
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The archive as it was given.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub(crate) fn archive(&self, sha256: &CodeSha256) -> Result<Vec<u8>, CodeError> {
        let path = self.archive_path(sha256);
        match fs::read(&path) {
            Ok(archive) => Ok(archive),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CodeError::Missing(*sha256)),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// The folder with the files of an archive, which is unpacked if it is not yet.
    ///
    /// # Errors
    /// The archive is not there, or cannot be unpacked.
    pub(crate) fn folder(&self, sha256: &CodeSha256) -> Result<PathBuf, CodeError> {
        let folder = self.folder_path(sha256);
        if !folder.is_dir() {
            let archive = self.archive(sha256)?;
            if hash(&archive) != *sha256 {
                // Somebody changed the file: what it is now was never uploaded.
                return Err(CodeError::Missing(*sha256));
            }
            self.unpack(sha256, &archive)?;
        }
        Ok(folder)
    }

    /// Where the files of an archive are once it is unpacked.
    pub(crate) fn folder_path(&self, sha256: &CodeSha256) -> PathBuf {
        self.unpacked.join(sha256.to_hex())
    }

    fn stored(&self) -> MutexGuard<'_, HashSet<CodeSha256>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn archive_path(&self, sha256: &CodeSha256) -> PathBuf {
        self.archives.join(format!("{}.zip", sha256.to_hex()))
    }

    /// Unpacks an archive beside its place, and then moves it there: what stands there is complete. How large its files are
    /// together, in bytes.
    fn unpack(&self, sha256: &CodeSha256, archive: &[u8]) -> Result<u64, CodeError> {
        let folder = self.folder_path(sha256);
        let beside = self.unpacked.join(format!("{}.{BESIDE}", Uuid::new_v4().simple()));
        private_folder(&beside).map_err(failed("make", &beside))?;
        let unpacked = archive::unpack(archive, &beside, &self.limits);
        let moved = unpacked.and_then(|size| match fs::rename(&beside, &folder) {
            // Who unpacked the same at the same time was first.
            Err(_) if folder.is_dir() => {
                let _ = remove_folder(&beside);
                Ok(size)
            }
            Err(error) => Err(failed("write", &folder)(error)),
            Ok(()) => Ok(size),
        });
        if moved.is_err() {
            let _ = remove_folder(&beside);
        }
        moved
    }
}

/// What a file or folder ends with that is not yet complete.
const BESIDE: &str = "part";

/// The code that an archive in the store is of, by its name.
fn sha256_of(path: &Path) -> Option<CodeSha256> {
    let name = path.file_name()?.to_str()?.strip_suffix(".zip")?;
    let mut digest = [0; 32];
    hex::decode_to_slice(name, &mut digest).ok()?;
    Some(CodeSha256::from_sha256(digest))
}

fn hash(archive: &[u8]) -> CodeSha256 {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, archive).as_ref());
    CodeSha256::from_sha256(bytes)
}

/// An error of the storage with what was tried.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CodeError {
    let path = path.to_owned();
    move |source| CodeError::Storage { action, path, source }
}

/// Makes a folder, and those above it, that only this user can open.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Removes a folder with all that is in it, also what nobody may write in.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path)?;
            fs::remove_dir_all(path)
        }
        other => other,
    }
}

fn make_writable(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::archive;

    #[test]
    fn code_is_found_by_its_hash_and_unpacked_once() {
        let data = tempfile::tempdir().unwrap();
        let store = CodeStore::open(data.path(), Limits::default()).unwrap();
        let zip = archive(&[("app.py", 0o644, b"def handler(): pass")]);
        let stored = store.store(&zip).unwrap();
        assert_eq!(stored, store.store(&zip).unwrap());
        assert_eq!((stored.size, stored.unpacked_size), (zip.len() as u64, 19));
        assert_eq!(store.archive(&stored.sha256).unwrap(), zip);
        let folder = store.folder(&stored.sha256).unwrap();
        assert_eq!(fs::read(folder.join("app.py")).unwrap(), b"def handler(): pass");
        let left: Vec<_> = fs::read_dir(data.path().join("unpacked")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_restart_keeps_the_archives_and_unpacks_them_again() {
        let data = tempfile::tempdir().unwrap();
        let store = CodeStore::open(data.path(), Limits::default()).unwrap();
        let stored = store.store(&archive(&[("a/b.txt", 0o644, b"b")])).unwrap();
        let folder = store.folder(&stored.sha256).unwrap();
        // As after the machine lost its power: a folder is there, and not what was in it.
        make_writable(&folder).unwrap();
        fs::remove_file(folder.join("a/b.txt")).unwrap();
        fs::write(data.path().join("code/0.part"), b"half").unwrap();
        let store = CodeStore::open(data.path(), Limits::default()).unwrap();
        assert_eq!(fs::read(store.folder(&stored.sha256).unwrap().join("a/b.txt")).unwrap(), b"b");
        assert!(!data.path().join("code/0.part").exists());
    }

    #[test]
    fn what_nobody_needs_is_removed_after_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let store = CodeStore::open(data.path(), Limits::default()).unwrap();
        let [one, two] = ["1", "2"].map(|text| store.store(&archive(&[(text, 0o644, b"")])).unwrap().sha256);
        assert_eq!(store.remove_but(&HashSet::new()).unwrap(), 0, "both are new");
        let store = CodeStore::open(data.path(), Limits::default()).unwrap();
        assert_eq!(store.remove_but(&HashSet::from([two])).unwrap(), 1);
        assert!(matches!(store.folder(&one), Err(CodeError::Missing(_))));
        assert!(store.folder(&two).is_ok());
    }

    #[test]
    fn what_is_not_there_or_was_changed_is_missing() {
        let data = tempfile::tempdir().unwrap();
        let store = CodeStore::open(data.path(), Limits::default()).unwrap();
        let none = CodeSha256::from_sha256([7; 32]);
        assert!(matches!(store.folder(&none), Err(CodeError::Missing(found)) if found == none));
        let other = archive(&[("app.py", 0o644, b"other")]);
        fs::write(store.archive_path(&none), other).unwrap();
        assert!(matches!(store.folder(&none), Err(CodeError::Missing(found)) if found == none));
    }

    #[test]
    fn what_is_refused_leaves_nothing_behind() {
        let data = tempfile::tempdir().unwrap();
        let limits = Limits { archive_bytes_max: 1_000, ..Limits::default() };
        let store = CodeStore::open(data.path(), limits).unwrap();
        for wrong in [b"no archive".to_vec(), vec![0; 1_001], archive(&[("../up", 0o644, b"")])] {
            assert!(matches!(store.store(&wrong), Err(CodeError::Archive(_))));
        }
        for folder in ["code", "unpacked"] {
            assert_eq!(fs::read_dir(data.path().join(folder)).unwrap().count(), 0, "{folder}");
        }
    }
}
