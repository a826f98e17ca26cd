use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use landfall_pki::ParsedCertificate;
use landfall_registration::{Admits, EntryKind, InterceptorRequest, ListSettings};
use thiserror::Error;
use tokio::time::Instant;

use crate::answer::{Answer, shown};
use crate::failure::{Failure, Unreadable};
use crate::watched::{ReadError, Watched};
use crate::{EntryList, Limits, ListError};

/// An allow list or a deny list.
pub(crate) struct List {
    admits: Admits,
    entries: EntryKind,
    list: Watched<EntryList>,
}

impl List {
    /// Reads a list. This blocks.
    ///
    /// # Errors
    /// It cannot be read, or a line of it is no entry.
    pub(crate) fn open(settings: &ListSettings, limits: &Limits, now: Instant) -> Result<Self, ReadError> {
        let ListSettings { admits, file, entries, max_age } = settings;
        let kind = *entries;
        let read = Box::new(move |files: &[PathBuf]| read(kind, files));
        let list = Watched::open(vec![file.clone()], read, *max_age, limits, now)?;
        Ok(Self { admits: *admits, entries: kind, list })
    }

    pub(crate) async fn ask(&self, request: &InterceptorRequest, now: Instant) -> Result<Answer, Failure> {
        let entry = match self.entries {
            EntryKind::Fingerprint => request.applicant.certificate.to_string(),
            EntryKind::CertificateSerialNumber => {
                ParsedCertificate::from_der(request.applicant.der.as_bytes())?.serial_number_hex()
            }
            EntryKind::DeviceSerialNumber => request.plan.serial_number.clone(),
        };
        let is_listed = self.list.current(now).await?.contains(&entry);
        Ok(match (self.admits, is_listed) {
            (Admits::Listed, true) | (Admits::Unlisted, false) => Answer::Allow(Vec::new()),
            (Admits::Listed, false) => Answer::Deny(self.told(&entry, "is not on the allow list")),
            (Admits::Unlisted, true) => Answer::Deny(self.told(&entry, "is on the deny list")),
        })
    }

    fn told(&self, entry: &str, where_it_is: &str) -> String {
        let what = match self.entries {
            EntryKind::Fingerprint => "fingerprint",
            EntryKind::CertificateSerialNumber => "certificate serial number",
            EntryKind::DeviceSerialNumber => "serial number",
        };
        format!("{what} {} {where_it_is}", shown(entry))
    }
}

fn read(kind: EntryKind, files: &[PathBuf]) -> Result<EntryList, ReadError> {
    let mut list = EntryList::default();
    for path in files {
        let file = File::open(path).map_err(Unreadable::of(path))?;
        let read = EntryList::read(kind, BufReader::with_capacity(READ_BYTES, file));
        list = read.map_err(|source| Unusable { path: path.clone(), source })?;
    }
    Ok(list)
}

/// Why a file is no list.
#[derive(Debug, Error)]
#[error("{} cannot be used", path.display())]
struct Unusable {
    path: PathBuf,
    source: ListError,
}

/// How many bytes of a list are read at once.
const READ_BYTES: usize = 256 * 1_024;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::failure::with_sources;
    use crate::testing::{Device, replace};

    fn open(admits: Admits, entries: EntryKind, file: PathBuf) -> Result<List, String> {
        let settings = ListSettings { admits, file, entries, max_age: None };
        let opened = List::open(&settings, &Limits::default(), Instant::now());
        opened.map_err(|problem| with_sources(&*problem))
    }

    fn deny(message: String) -> Answer {
        Answer::Deny(message)
    }

    #[tokio::test]
    async fn a_list_lets_in_those_that_are_on_it_or_those_that_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        let device = Device::new("SN-1");
        let fingerprint = device.certificate.id().to_string();
        let serial = device.certificate.serial_number_hex();
        for (entries, entry, what) in [
            (EntryKind::Fingerprint, fingerprint.as_str(), "fingerprint"),
            (EntryKind::CertificateSerialNumber, &serial, "certificate serial number"),
            (EntryKind::DeviceSerialNumber, "SN-1", "serial number"),
        ] {
            let other =
                if entries == EntryKind::DeviceSerialNumber { "SN-2".to_owned() } else { "0f".repeat(32) };
            for (admits, content, expected) in [
                (Admits::Listed, entry, Answer::Allow(vec![])),
                (Admits::Unlisted, &other, Answer::Allow(vec![])),
                (Admits::Listed, &other, deny(format!("{what} {entry} is not on the allow list"))),
                (Admits::Unlisted, entry, deny(format!("{what} {entry} is on the deny list"))),
            ] {
                fs::write(&file, content).unwrap();
                let list = open(admits, entries, file.clone()).unwrap();
                let answer = list.ask(&device.request(), Instant::now()).await.unwrap();
                assert_eq!(answer, expected, "{entries:?} {admits:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_list_that_changes_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        fs::write(&file, "SN-2\n").unwrap();
        let list = open(Admits::Unlisted, EntryKind::DeviceSerialNumber, file.clone()).unwrap();
        let request = Device::new("SN-1").request();
        let now = Instant::now();
        assert_eq!(list.ask(&request, now).await.unwrap(), Answer::Allow(vec![]));
        replace(&file, "SN-2\nSN-1\n");
        let later = now + Duration::from_secs(60);
        let denied = deny("serial number SN-1 is on the deny list".to_owned());
        assert_eq!(list.ask(&request, later).await.unwrap(), denied);
        // A line that is too long makes the file wrong: what it said before holds.
        replace(&file, &"x".repeat(10_000));
        assert_eq!(list.ask(&request, later + Duration::from_secs(60)).await.unwrap(), denied);
    }

    #[test]
    fn a_list_that_cannot_be_used_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        let problem = open(Admits::Listed, EntryKind::Fingerprint, file.clone()).err().unwrap();
        assert!(
            problem.ends_with("/list cannot be read: No such file or directory (os error 2)"),
            "{problem}"
        );
        fs::write(&file, "abc").unwrap();
        let problem = open(Admits::Listed, EntryKind::Fingerprint, file).err().unwrap();
        assert!(
            problem.contains("/list cannot be used: line 1: \"abc\" is not the SHA-256 of a certificate"),
            "{problem}"
        );
        let problem = open(Admits::Listed, EntryKind::Fingerprint, folder.path().to_owned()).err().unwrap();
        assert!(problem.contains("Is a directory"), "{problem}");
    }
}
