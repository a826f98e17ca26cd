use std::io::{self, BufRead};

use aws_lc_rs::digest;
use landfall_registration::EntryKind;
use thiserror::Error;

/// A list of devices, by something that names each: packed, so that millions of entries take 16 bytes each.
///
/// An entry is kept as the first half of the SHA-256 of what it says. Two that agree in that cannot be made: it would take
/// 2^128 tries to find another name for a listed device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryList {
    kind: EntryKind,
    /// In ascending order, each once.
    entries: Vec<u128>,
}

/// Why a list cannot be used.
#[derive(Debug, Error)]
pub enum ListError {
    /// It cannot be read.
    #[error("the list cannot be read")]
    Read(#[from] io::Error),
    /// A line is none that such a list has.
    #[error("line {line}: {found:?} is not {wanted}")]
    Entry {
        /// Which line, from 1.
        line: usize,
        /// What was found, cut to a bounded length.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A line is too long.
    #[error("line {line} has more than {ENTRY_BYTES_MAX} bytes, which no entry has")]
    TooLong {
        /// Which line, from 1.
        line: usize,
    },
    /// There are too many.
    #[error("there are more than {ENTRIES_MAX} entries")]
    TooMany,
}

/// The most entries of a list: 20 million, which take 320 MB.
pub const ENTRIES_MAX: usize = 20_000_000;

/// The most bytes of one line.
pub const ENTRY_BYTES_MAX: usize = 1_024;

/// How many entries are read into one piece: 32 MiB of them, which every allocator gives back to the system at once.
const PIECE_ENTRIES: usize = 2 * 1_024 * 1_024;

/// How much of a wrong entry an error repeats, in characters.
const SHOWN_MAX: usize = 80;

impl EntryList {
    /// Reads a list: an entry a line. Empty lines, and what stands behind `#`, are passed over.
    ///
    /// # Errors
    /// It cannot be read, or a line is no entry: a list of which a part is not understood must not be taken for the whole.
    pub fn read(kind: EntryKind, mut lines: impl BufRead) -> Result<Self, ListError> {
        // In pieces, so that a list that grows is never there twice.
        let mut pieces: Vec<Vec<u128>> = Vec::new();
        let mut count = 0;
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let limit = u64::try_from(ENTRY_BYTES_MAX + 1).unwrap_or(u64::MAX);
            if io::Read::take(&mut lines, limit).read_until(b'\n', &mut text)? == 0 {
                break;
            }
            if text.len() > ENTRY_BYTES_MAX {
                return Err(ListError::TooLong { line });
            }
            let text = String::from_utf8_lossy(&text);
            let entry = text.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            if count == ENTRIES_MAX {
                return Err(ListError::TooMany);
            }
            let packed = pack(kind, entry).ok_or_else(|| ListError::Entry {
                line,
                found: entry.chars().take(SHOWN_MAX).collect(),
                wanted: wanted(kind),
            })?;
            if count % PIECE_ENTRIES == 0 {
                pieces.push(Vec::with_capacity(PIECE_ENTRIES));
            }
            pieces.last_mut().into_iter().for_each(|piece| piece.push(packed));
            count += 1;
        }
        let mut entries = Vec::with_capacity(count);
        // Each piece is gone before the next is copied.
        pieces.into_iter().for_each(|piece| entries.extend_from_slice(&piece));
        entries.sort_unstable();
        entries.dedup();
        entries.shrink_to_fit();
        Ok(Self { kind, entries })
    }

    /// What its entries are.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it has this entry. What could be no entry is not there.
    pub fn contains(&self, entry: &str) -> bool {
        pack(self.kind, entry).is_some_and(|packed| self.entries.binary_search(&packed).is_ok())
    }
}

/// An entry as it is kept: the same for each way of writing it; none when it is not of this kind.
fn pack(kind: EntryKind, entry: &str) -> Option<u128> {
    match kind {
        EntryKind::Fingerprint => {
            let digits = hex_digits(entry)?;
            (digits.len() == 64).then(|| half_of_sha256(digits.as_bytes()))
        }
        EntryKind::CertificateSerialNumber => {
            let digits = hex_digits(entry)?;
            // How many zeros a program writes in front says nothing.
            Some(half_of_sha256(digits.trim_start_matches('0').as_bytes()))
        }
        EntryKind::DeviceSerialNumber => Some(half_of_sha256(entry.as_bytes())),
    }
}

const fn wanted(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Fingerprint => "the SHA-256 of a certificate: 64 hex digits, with colons or without",
        EntryKind::CertificateSerialNumber => {
            "the serial number of a certificate in hex, as `openssl x509 -serial` prints it"
        }
        EntryKind::DeviceSerialNumber => "a serial number",
    }
}

/// The digits of a number in hex, in lower case, without colons.
fn hex_digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|character| *character != ':').collect();
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| digits.to_ascii_lowercase())
}

fn half_of_sha256(bytes: &[u8]) -> u128 {
    let digest = digest::digest(&digest::SHA256, bytes);
    let half = digest.as_ref().first_chunk::<16>();
    half.map_or(0, |half| u128::from_be_bytes(*half))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn list(kind: EntryKind, text: &str) -> Result<EntryList, String> {
        EntryList::read(kind, text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_entry_is_found_however_it_is_written() {
        let fingerprint = "AB".repeat(32);
        let with_colons = ["ab"; 32].join(":");
        let other = "ac".repeat(32);
        for (kind, text, found, not_found) in [
            (EntryKind::Fingerprint, &*fingerprint, &*with_colons, &*other),
            (EntryKind::Fingerprint, &with_colons, &fingerprint, "ab"),
            (EntryKind::CertificateSerialNumber, "00:0A:ff", "aff", "aff0"),
            (EntryKind::CertificateSerialNumber, "0", "00", "1"),
            (EntryKind::DeviceSerialNumber, "  SN-1  # a spare part", "SN-1", "sn-1"),
            (EntryKind::DeviceSerialNumber, "\n# nothing\n\nSN 2\r\n", "SN 2", "SN"),
        ] {
            let list = list(kind, text).unwrap();
            assert_eq!((list.len(), list.kind()), (1, kind), "{text}");
            assert!(list.contains(found) && !list.contains(not_found) && !list.contains(""), "{text}");
        }
    }

    #[test]
    fn a_line_that_is_no_entry_makes_the_list_unusable() {
        for (kind, text, expected) in [
            (
                EntryKind::Fingerprint,
                "# ids\nabc\n".to_owned(),
                "line 2: \"abc\" is not the SHA-256 of a certificate: 64 hex digits, with colons or without",
            ),
            (
                EntryKind::CertificateSerialNumber,
                "1\nserial=2".to_owned(),
                "line 2: \"serial=2\" is not the serial number of a certificate in hex, as `openssl x509 -serial` prints it",
            ),
            (
                EntryKind::DeviceSerialNumber,
                format!("a\n{}", "x".repeat(2_000)),
                "line 2 has more than 1024 bytes, which no entry has",
            ),
        ] {
            assert_eq!(list(kind, &text), Err(expected.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn a_list_has_what_was_put_in_and_nothing_else(
            entries in prop::collection::hash_set(0..500_u32, 0..100),
            asked in prop::collection::vec(0..500_u32, 0..50),
        ) {
            let text: String = entries.iter().map(|entry| format!("SN-{entry}\n")).collect();
            let list = EntryList::read(EntryKind::DeviceSerialNumber, text.as_bytes()).unwrap();
            let entries: HashSet<_> = entries.into_iter().collect();
            prop_assert_eq!(list.len(), entries.len());
            for asked in asked {
                prop_assert_eq!(list.contains(&format!("SN-{asked}")), entries.contains(&asked));
            }
        }
    }
}
