//! Unpacks an archive that may be made to do harm.

use std::fs::{self, File, Permissions};
use std::io::{self, Cursor, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use thiserror::Error;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::{CodeError, failed, private_folder};
use crate::config::Limits;

/// An archive that is not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidArchive {
    /// It is too large.
    #[error("the archive has {found} bytes; at most {max} are allowed")]
    TooLarge {
        /// How many bytes it has.
        found: u64,
        /// How many are allowed.
        max: u64,
    },
    /// It is no archive, or a damaged one.
    #[error("the archive cannot be read as ZIP: {problem}")]
    NotZip {
        /// What is wrong.
        problem: String,
    },
    /// Nothing is in it.
    #[error("the archive is empty; it must hold the code of the function")]
    Empty,
    /// Too many files and folders.
    #[error("the archive has {found} entries; at most {max} are allowed")]
    TooManyEntries {
        /// How many it has.
        found: usize,
        /// How many are allowed.
        max: usize,
    },
    /// Its files are too large.
    #[error(
        "the files of the archive have more than {max} bytes together, which is the most that is allowed"
    )]
    UnpackedTooLarge {
        /// How many bytes are allowed.
        max: u64,
    },
    /// Its files are too large for its size.
    #[error(
        "the archive has {size} bytes and unpacks to more than {max} times as much: it is taken for a bomb"
    )]
    Ratio {
        /// How many bytes it has.
        size: u64,
        /// How many times more it may unpack to.
        max: u64,
    },
    /// The name of a file leads out of the folder, or is none.
    #[error("the archive has an entry {name:?}; {problem}")]
    Name {
        /// The start of the name.
        name: String,
        /// What is wrong with it, and what is right.
        problem: &'static str,
    },
    /// Two entries of one name.
    #[error("the archive has {name:?} more than once, or as a file and as a folder")]
    Twice {
        /// The start of the name.
        name: String,
    },
    /// It is neither a file nor a folder.
    #[error(
        "the archive has {name:?}, which is {kind}; only files and folders are allowed: make it without links"
    )]
    Kind {
        /// The start of the name.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// It is encrypted.
    #[error("the archive has {name:?} encrypted; make it without a password")]
    Encrypted {
        /// The start of the name.
        name: String,
    },
}

/// Unpacks an archive into a folder that is empty, where nobody can write afterwards. How many bytes its files have
/// together.
///
/// Nothing of what the archive says of itself is relied on: bytes are counted as they come.
///
/// # Errors
/// The archive is at fault, or the folder cannot be written.
pub(super) fn unpack(archive: &[u8], folder: &Path, limits: &Limits) -> Result<u64, CodeError> {
    let max = limits.archive_entries_max;
    // The library keeps some hundred bytes for each entry, before anybody can ask how many there are. An archive within
    // the archive has headers too.
    let found = entry_headers(archive);
    if found > max.saturating_mul(HEADERS_PER_ENTRY_MAX) {
        return Err(InvalidArchive::TooManyEntries { found, max }.into());
    }
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(unreadable)?;
    if zip.is_empty() {
        return Err(InvalidArchive::Empty.into());
    }
    if zip.len() > max {
        return Err(InvalidArchive::TooManyEntries { found: zip.len(), max }.into());
    }
    if zip.has_duplicate_names() {
        return Err(InvalidArchive::Twice { name: "one of its entries".to_owned() }.into());
    }
    let size = u64::try_from(archive.len()).unwrap_or(u64::MAX);
    let mut unpacking = Unpacking { folder, limits, size, bytes: 0, folders: vec![folder.to_owned()] };
    for index in 0..zip.len() {
        let entry = zip.by_index(index).map_err(unreadable)?;
        unpacking.entry(entry)?;
    }
    let Unpacking { bytes, mut folders, .. } = unpacking;
    // Innermost first, as nothing can be changed below a folder once it is closed.
    folders.sort();
    folders.dedup();
    for folder in folders.iter().rev() {
        fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE)).map_err(failed("close", folder))?;
    }
    Ok(bytes)
}

/// How often the signature of a header in the central directory is there (APPNOTE 4.3.12).
fn entry_headers(archive: &[u8]) -> usize {
    archive.windows(ENTRY_HEADER.len()).filter(|window| *window == ENTRY_HEADER).count()
}

struct Unpacking<'a> {
    folder: &'a Path,
    limits: &'a Limits,
    /// How many bytes the archive has.
    size: u64,
    /// How many bytes were unpacked.
    bytes: u64,
    /// What was made, with those above it.
    folders: Vec<PathBuf>,
}

impl Unpacking<'_> {
    fn entry(&mut self, mut entry: ZipFile<'_, Cursor<&[u8]>>) -> Result<(), CodeError> {
        let name = entry.name().map_err(unreadable)?.into_owned();
        let shown = || name.chars().take(SHOWN_MAX).collect::<String>();
        if entry.encrypted() {
            return Err(InvalidArchive::Encrypted { name: shown() }.into());
        }
        if let Some(kind) = entry.unix_mode().and_then(foreign_kind) {
            return Err(InvalidArchive::Kind { name: shown(), kind }.into());
        }
        let relative =
            relative_path(&name).map_err(|problem| InvalidArchive::Name { name: shown(), problem })?;
        let path = self.folder.join(relative);
        let above = if entry.is_dir() { Some(path.as_path()) } else { path.parent() };
        let Some(above) = above else { return Ok(()) };
        self.make_folders(above).map_err(|error| on_collision(error, above, shown()))?;
        if entry.is_dir() {
            return Ok(());
        }
        let is_executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mode = if is_executable { EXECUTABLE_MODE } else { FILE_MODE };
        // On a file system that does not tell case apart, another spelling is found here too.
        let file = File::options().write(true).create_new(true).mode(mode).open(&path);
        let file = file.map_err(|error| on_collision(error, &path, shown()))?;
        self.copy(&mut entry, &file, &path)?;
        // The mode of `open` is what the umask leaves of it.
        file.set_permissions(Permissions::from_mode(mode)).map_err(failed("close", &path))
    }

    /// Makes a folder with those above it, and notes each.
    fn make_folders(&mut self, folder: &Path) -> io::Result<()> {
        if !folder.is_dir() {
            private_folder(folder)?;
        }
        let made = folder.ancestors().take_while(|above| *above != self.folder);
        for above in made {
            if self.folders.last().is_some_and(|last| last == above) {
                break;
            }
            self.folders.push(above.to_owned());
        }
        Ok(())
    }

    fn copy(&mut self, entry: &mut impl Read, mut file: &File, path: &Path) -> Result<(), CodeError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = match entry.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(InvalidArchive::NotZip { problem: error.to_string() }.into()),
            };
            self.bytes = self.bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            self.check_size()?;
            let part = buffer.get(..read).unwrap_or_default();
            file.write_all(part).map_err(failed("write", path))?;
        }
    }

    fn check_size(&self) -> Result<(), InvalidArchive> {
        let max = self.limits.unpacked_bytes_max;
        if self.bytes > max {
            return Err(InvalidArchive::UnpackedTooLarge { max });
        }
        let max = self.limits.archive_ratio_max;
        if self.bytes > RATIO_FREE_BYTES && self.bytes > self.size.saturating_mul(max) {
            return Err(InvalidArchive::Ratio { size: self.size, max });
        }
        Ok(())
    }
}

/// The mode of a file: all may read it, and nobody write it.
const FILE_MODE: u32 = 0o444;

/// The mode of a file that is a program.
const EXECUTABLE_MODE: u32 = 0o555;

/// The mode of a folder once all is in it.
const FOLDER_MODE: u32 = 0o555;

/// Up to how many bytes an archive may unpack however small it is.
const RATIO_FREE_BYTES: u64 = 10 * 1024 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;

/// What a header in the central directory begins with.
const ENTRY_HEADER: &[u8] = b"PK\x01\x02";

/// How many such signatures an archive may have for each entry that it may have.
const HEADERS_PER_ENTRY_MAX: usize = 4;

/// How many characters of a name an error repeats.
const SHOWN_MAX: usize = 200;

/// How many bytes a path may have inside the archive.
const PATH_BYTES_MAX: usize = 1_024;

/// How many folders a path may have.
const DEPTH_MAX: usize = 64;

// The kinds of files in a mode (POSIX.1-2024, <sys/stat.h>).
const KIND_MASK: u32 = 0o170_000;
const KIND_FILE: u32 = 0o100_000;
const KIND_FOLDER: u32 = 0o040_000;
const KIND_LINK: u32 = 0o120_000;

/// What an entry is that is neither a file nor a folder.
fn foreign_kind(mode: u32) -> Option<&'static str> {
    match mode & KIND_MASK {
        // Archives that are not made on Unix say nothing.
        0 | KIND_FILE | KIND_FOLDER => None,
        KIND_LINK => Some("a symbolic link"),
        _ => Some("a device, a pipe or a socket"),
    }
}

/// The path below the folder that the name of an entry means.
fn relative_path(name: &str) -> Result<PathBuf, &'static str> {
    if name.len() > PATH_BYTES_MAX {
        return Err("a path has 1,024 bytes at most");
    }
    if name.contains('\0') {
        return Err("a path cannot have the character NUL");
    }
    if name.contains('\\') {
        return Err("folders are separated by /, and \\ is not allowed");
    }
    let mut path = PathBuf::new();
    for (depth, component) in Path::new(name).components().enumerate() {
        match component {
            _ if depth >= DEPTH_MAX => return Err("a path has 64 folders at most"),
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err("a path cannot lead up with .."),
            Component::RootDir | Component::Prefix(_) => {
                return Err("a path cannot be absolute: it is below the folder of the function");
            }
        }
    }
    if path.as_os_str().is_empty() && !name.ends_with('/') {
        return Err("a file must have a name");
    }
    Ok(path)
}

fn on_collision(error: io::Error, path: &Path, name: String) -> CodeError {
    let kind = error.kind();
    if kind == io::ErrorKind::AlreadyExists
        || kind == io::ErrorKind::NotADirectory
        || kind == io::ErrorKind::IsADirectory
    {
        return InvalidArchive::Twice { name }.into();
    }
    if kind == io::ErrorKind::InvalidFilename || kind == io::ErrorKind::InvalidInput {
        return InvalidArchive::Name { name, problem: "the file system does not take it" }.into();
    }
    failed("write", path)(error)
}

fn unreadable(error: ZipError) -> CodeError {
    InvalidArchive::NotZip { problem: error.to_string() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::archive;

    fn unpacked(zip: &[u8], limits: &Limits) -> Result<(tempfile::TempDir, u64), InvalidArchive> {
        let folder = tempfile::tempdir().unwrap();
        match unpack(zip, folder.path(), limits) {
            Ok(bytes) => Ok((folder, bytes)),
            Err(CodeError::Archive(error)) => Err(error),
            Err(error) => panic!("{error:?}"),
        }
    }

    /// The same archive with another text in all places of one, which is as long.
    fn forged(zip: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let mut forged = zip.to_vec();
        for at in 0..=zip.len() - from.len() {
            if zip[at..].starts_with(from) {
                forged[at..at + to.len()].copy_from_slice(to);
            }
        }
        forged
    }

    #[test]
    fn files_keep_their_content_and_whether_they_are_programs() {
        let zip = archive(&[
            ("bootstrap", 0o755, b"#!/bin/sh\n"),
            ("lib/deep/a.txt", 0o600, b"abc"),
            ("./lib/b.txt", 0o777, b""),
        ]);
        let (folder, bytes) = unpacked(&zip, &Limits::default()).unwrap();
        assert_eq!(bytes, 13);
        for (path, content, mode) in [
            ("bootstrap", b"#!/bin/sh\n".as_slice(), 0o555),
            ("lib/deep/a.txt", b"abc", 0o444),
            ("lib/b.txt", b"", 0o555),
        ] {
            let path = folder.path().join(path);
            assert_eq!(fs::read(&path).unwrap(), content);
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
                mode,
                "{}",
                path.display()
            );
        }
        for path in ["", "lib", "lib/deep"] {
            let mode = fs::metadata(folder.path().join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o555, "{path}");
        }
        super::super::make_writable(folder.path()).unwrap();
    }

    #[test]
    fn no_entry_leads_out_of_the_folder() {
        for (name, expected) in [
            ("../evil", "cannot lead up"),
            ("a/../../evil", "cannot lead up"),
            ("a/..", "cannot lead up"),
            ("/etc/evil", "cannot be absolute"),
            ("//evil", "cannot be absolute"),
            ("..\\evil", "\\ is not allowed"),
            ("C:\\evil", "\\ is not allowed"),
            (&"d/".repeat(65), "64 folders"),
            (&"n".repeat(1_025), "1,024 bytes"),
            (&"n".repeat(256), "does not take it"),
        ] {
            let error = unpacked(&archive(&[(name, 0o644, b"x")]), &Limits::default()).unwrap_err();
            assert!(matches!(error, InvalidArchive::Name { .. }), "{name}: {error:?}");
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
        let nul = forged(&archive(&[("abc", 0o644, b"")]), b"abc", b"a\0c");
        let error = unpacked(&nul, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("NUL"), "{error}");
    }

    #[test]
    fn links_and_devices_are_refused() {
        for (mode, expected) in [
            (0o120_777, "symbolic link"),
            (0o020_666, "a device"),
            (0o060_666, "a device"),
            (0o010_644, "a pipe"),
        ] {
            let error = unpacked(&archive(&[("it", mode, b"/etc/passwd")]), &Limits::default()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn a_name_is_there_once() {
        let twice = forged(&archive(&[("one", 0o644, b"1"), ("two", 0o644, b"2")]), b"two", b"one");
        let both = archive(&[("one", 0o644, b"1"), ("one/two", 0o644, b"2")]);
        for zip in [twice, both] {
            let error = unpacked(&zip, &Limits::default()).unwrap_err();
            assert!(matches!(error, InvalidArchive::Twice { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_bomb_is_stopped_while_it_unpacks() {
        let zeros = vec![0; 11 * 1024 * 1024];
        let bomb = archive(&[("zeros", 0o644, &zeros)]);
        let error = unpacked(&bomb, &Limits::default()).unwrap_err();
        assert!(matches!(error, InvalidArchive::Ratio { max: 100, .. }), "{error:?}");
        let limits = Limits { unpacked_bytes_max: 1_000, ..Limits::default() };
        let error =
            unpacked(&archive(&[("a", 0o644, &[1; 600]), ("b", 0o644, &[1; 600])]), &limits).unwrap_err();
        assert_eq!(error, InvalidArchive::UnpackedTooLarge { max: 1_000 });
        // One that lies about how large it is: the size in both headers says 1.
        let liar = forged(&archive(&[("a", 0o644, &[1; 600])]), &600_u32.to_le_bytes(), &1_u32.to_le_bytes());
        let limits = Limits { unpacked_bytes_max: 100, ..Limits::default() };
        assert!(unpacked(&liar, &limits).is_err());
        let limits = Limits { archive_entries_max: 1, ..Limits::default() };
        let error = unpacked(&archive(&[("a", 0o644, b""), ("b", 0o644, b"")]), &limits).unwrap_err();
        assert_eq!(error, InvalidArchive::TooManyEntries { found: 2, max: 1 });
        let names: Vec<_> = (0..5).map(|number| number.to_string()).collect();
        let entries: Vec<_> = names.iter().map(|name| (name.as_str(), 0o644, b"".as_slice())).collect();
        // Counted without the directory, which needs not be true.
        let headless = forged(&archive(&entries), b"PK\x05\x06", b"none");
        let error = unpacked(&headless, &limits).unwrap_err();
        assert_eq!(error, InvalidArchive::TooManyEntries { found: 5, max: 1 });
    }

    #[test]
    fn what_is_no_archive_or_damaged_is_said_to_be() {
        let zip = archive(&[("a", 0o644, b"some text to be damaged")]);
        let cut = &zip[..zip.len() - 8];
        let damaged = forged(&zip, b"\x50\x4b\x03\x04", b"\0\0\0\0");
        for wrong in [b"".as_slice(), b"PK", b"nothing", cut, &damaged] {
            let error = unpacked(wrong, &Limits::default()).unwrap_err();
            assert!(matches!(error, InvalidArchive::NotZip { .. }), "{error:?}");
        }
        assert_eq!(unpacked(&archive(&[]), &Limits::default()).unwrap_err(), InvalidArchive::Empty);
    }
}
