//! Certificates for many devices at once, from a CSV file.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::fs;
use std::hash::{BuildHasher as _, Hash};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use landfall_model::SubjectField;
use landfall_pki::{AlternativeNames, AttributeName, CertificateVersion, IssueError, Subject};

use super::csv::{self, Record};
use super::maker::{Device, Maker};
use super::output::{DeviceFiles, FileName};
use crate::place::{Fault, Place};

/// The most devices of one file.
pub(super) const DEVICES_MAX: usize = 1_000_000;

/// The most columns of one file.
const COLUMNS_MAX: usize = 200;

/// After so many faults in a file no more are looked for.
const FAULTS_MAX: usize = 20;

/// So many records go to a worker at once.
const RECORDS_PER_PORTION: usize = 64;

/// So many portions wait for each worker.
const PORTIONS_PER_WORKER: usize = 2;

/// The column that names a device's files.
const FILE: &str = "file";

/// The column of an alternative name; it can be there several times.
const ALTERNATIVE_NAME: &str = "SAN";

/// A CSV file in which every row was found to be a device.
pub(super) struct Batch<'a> {
    path: &'a Path,
    common: &'a Common,
    columns: Columns,
    /// How many there are.
    pub(super) devices: usize,
}

/// What the devices of a file have in common.
pub(super) struct Common {
    /// What each subject says, unless its row says otherwise.
    pub(super) subject: Subject,
    /// The first of each device's alternative names.
    pub(super) names: AlternativeNames,
}

/// Hears of each certificate that was made, from several threads.
pub(super) trait Progress: Sync {
    /// One more was made.
    fn made(&self);
}

/// What the columns of a file mean.
struct Columns {
    kinds: Vec<Column>,
    /// Which of them names the files.
    naming: usize,
}

enum Column {
    File,
    AlternativeName,
    Attribute(AttributeName),
}

/// The devices that were seen, each by a hash of 128 bits, with their lines: a million take less than 100 MB.
struct Seen {
    hashers: [RandomState; 2],
    lines: HashMap<[u64; 2], usize>,
}

impl<'a> Batch<'a> {
    /// Reads the whole file and checks every row, before anything is made.
    ///
    /// # Errors
    /// The file cannot be read, or has faults: the first of them are told with line and column.
    pub(super) fn check(path: &'a Path, common: &'a Common, maker: &Maker, directory: &Path) -> Result<Self> {
        let cannot = || format!("cannot read {}", path.display());
        if !fs::metadata(path).with_context(cannot)?.is_file() {
            bail!("{} is no ordinary file, and it has to be read twice", path.display());
        }
        let mut reader = csv::open(path).with_context(cannot)?;
        let mut faults = Vec::new();
        let header = reader.next_record().map_err(|fault| in_file(path, &fault))?;
        let header = header.ok_or_else(|| anyhow!("{} is empty", path.display()))?;
        let columns = Columns::read(&header, maker.version).map_err(|fault| in_file(path, &fault))?;
        let mut batch = Self { path, common, columns, devices: 0 };
        let (mut names, mut subjects) = (Seen::new(), Seen::new());
        while faults.len() < FAULTS_MAX {
            match reader.next_record() {
                Ok(Some(_)) if batch.devices == DEVICES_MAX => {
                    bail!("{} has more than {DEVICES_MAX} rows; split it", path.display());
                }
                Ok(Some(record)) => {
                    batch.devices += 1;
                    faults
                        .extend(batch.check_row(&record, maker, directory, &mut names, &mut subjects).err());
                }
                Ok(None) => break,
                // What comes after it cannot be told apart any more.
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            }
        }
        if !faults.is_empty() {
            return Err(all(path, &faults));
        }
        if batch.devices == 0 {
            bail!("{} has a header and no rows", path.display());
        }
        Ok(batch)
    }

    /// Makes the certificates on all cores.
    ///
    /// # Errors
    /// A key or certificate cannot be made or written. What was made before stays.
    pub(super) fn make(&self, maker: &Maker, directory: &Path, progress: &dyn Progress) -> Result<()> {
        let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (sender, receiver) = sync_channel(workers * PORTIONS_PER_WORKER);
        let receiver = Arc::new(Mutex::new(receiver));
        let failed = AtomicBool::new(false);
        let work = |portions: Arc<Mutex<Receiver<Vec<Record>>>>| {
            let done = self.work(&portions, maker, directory, &failed, progress);
            failed.fetch_or(done.is_err(), Ordering::Relaxed);
            done
        };
        thread::scope(|scope| {
            let work = &work;
            let workers: Vec<_> = (0..workers)
                .map(|_| {
                    let portions = Arc::clone(&receiver);
                    scope.spawn(move || work(portions))
                })
                .collect();
            // When the last worker has gone, nobody waits for what is sent.
            drop(receiver);
            let read = self.feed(&sender, &failed);
            drop(sender);
            for worker in workers {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a thread that makes certificates has panicked")))?;
            }
            read
        })
    }

    /// Reads the rows once more and hands them out.
    fn feed(&self, sender: &SyncSender<Vec<Record>>, failed: &AtomicBool) -> Result<()> {
        let mut reader =
            csv::open(self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        reader.next_record().map_err(|fault| in_file(self.path, &fault))?;
        let mut left = self.devices;
        while left > 0 && !failed.load(Ordering::Relaxed) {
            let mut portion = Vec::with_capacity(RECORDS_PER_PORTION);
            while portion.len() < RECORDS_PER_PORTION.min(left) {
                let record = reader.next_record().map_err(|fault| in_file(self.path, &fault))?;
                let changed = || anyhow!("{} was changed while it was read", self.path.display());
                portion.push(record.ok_or_else(changed)?);
            }
            left -= portion.len();
            if sender.send(portion).is_err() {
                // All workers have gone, and say why.
                return Ok(());
            }
        }
        Ok(())
    }

    fn work(
        &self,
        portions: &Mutex<Receiver<Vec<Record>>>,
        maker: &Maker,
        directory: &Path,
        failed: &AtomicBool,
        progress: &dyn Progress,
    ) -> Result<()> {
        loop {
            // Another worker that panicked with the lock ends this one too.
            let portion = portions.lock().ok().and_then(|portions| portions.recv().ok());
            for record in portion.iter().flatten() {
                if failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let device = self.device(record).map_err(|fault| in_file(self.path, &fault))?;
                maker.make(&device, &DeviceFiles::of_many(directory, &device.name))?;
                progress.made();
            }
            if portion.is_none() {
                return Ok(());
            }
        }
    }

    fn check_row(
        &self,
        record: &Record,
        maker: &Maker,
        directory: &Path,
        names: &mut Seen,
        subjects: &mut Seen,
    ) -> Result<(), Fault> {
        let device = self.device(record)?;
        let named = self.columns.naming_place(record);
        let twice = |what: &str, line: usize| anyhow!("{what} is that of line {line} too");
        if let Some(line) = names.insert(&device.name, record.line) {
            return Err(named.fault(twice("the name of the files", line)));
        }
        if let Some(line) = subjects.insert(&device.subject, record.line) {
            return Err(Place::start_of(record.line).fault(twice("the subject", line)));
        }
        let free = maker.writer.check_free(&DeviceFiles::of_many(directory, &device.name));
        free.map_err(|reason| named.fault(reason))
    }

    /// The device of a row.
    fn device(&self, record: &Record) -> Result<Device, Fault> {
        let Columns { kinds, naming } = &self.columns;
        if record.cells.len() != kinds.len() {
            let (found, wanted) = (record.cells.len(), kinds.len());
            let place = record.cells.get(wanted).map_or(Place::start_of(record.line), |cell| cell.place);
            return Err(place.fault(anyhow!("the row has {found} cells, and the header {wanted}")));
        }
        let mut own = Subject::new();
        let mut names = self.common.names.clone();
        let mut file = None;
        for (index, (column, cell)) in kinds.iter().zip(&record.cells).enumerate() {
            if index == *naming {
                file = Some(FileName::parse(&cell.text).map_err(|error| cell.fault(error))?);
            }
            match column {
                Column::File => {}
                // A device has not everything that another one has.
                Column::AlternativeName | Column::Attribute(_) if cell.text.is_empty() => {}
                Column::AlternativeName => {
                    names.push(&cell.text).map_err(|error| cell.fault(error))?;
                }
                Column::Attribute(name) => {
                    own.push_attribute(name, &cell.text).map_err(|error| cell.fault(error))?;
                }
            }
        }
        let whole = |reason: Error| Place::start_of(record.line).fault(reason);
        let name = file.ok_or_else(|| whole(anyhow!("the row names no files")))?;
        let subject = self.common.subject.overlaid_with(&own).map_err(|error| whole(error.into()))?;
        if subject.is_empty() {
            return Err(whole(anyhow!("the row gives no subject")));
        }
        Ok(Device { name, subject, names })
    }
}

impl Columns {
    /// Reads the header of a file from which certificates of this version are made.
    fn read(header: &Record, version: CertificateVersion) -> Result<Self, Fault> {
        if let Some(cell) = header.cells.get(COLUMNS_MAX) {
            return Err(cell.fault(anyhow!("there are more than {COLUMNS_MAX} columns")));
        }
        let mut kinds = Vec::with_capacity(header.cells.len());
        for cell in &header.cells {
            let kind = Column::read(&cell.text).map_err(|error| cell.fault(error))?;
            let is_second_file =
                matches!(kind, Column::File) && kinds.iter().any(|kind| matches!(kind, Column::File));
            if is_second_file {
                return Err(cell.fault(anyhow!("the column {FILE} is there twice")));
            }
            if matches!(kind, Column::AlternativeName) && version == CertificateVersion::V1 {
                return Err(cell.fault(IssueError::Version1Names));
            }
            kinds.push(kind);
        }
        let naming = [Column::is_file, Column::is_serial_number, Column::is_common_name]
            .iter()
            .find_map(|names| kinds.iter().position(names));
        match naming {
            Some(naming) => Ok(Self { kinds, naming }),
            None => Err(Place::start_of(header.line).fault(anyhow!(
                "the header has no column {FILE}, serialNumber or CN, after which the files could be named"
            ))),
        }
    }

    fn naming_place(&self, record: &Record) -> Place {
        record.cells.get(self.naming).map_or(Place::start_of(record.line), |cell| cell.place)
    }
}

impl Column {
    fn read(text: &str) -> Result<Self> {
        if text.eq_ignore_ascii_case(FILE) {
            return Ok(Self::File);
        }
        if text.eq_ignore_ascii_case(ALTERNATIVE_NAME) {
            return Ok(Self::AlternativeName);
        }
        if text.contains(';') {
            bail!("{text:?} is no column; separate columns by commas");
        }
        AttributeName::parse(text).map(Self::Attribute).map_err(|error| {
            anyhow!(
                "{error}; {FILE} and {ALTERNATIVE_NAME} are columns too, and the first row must be the header"
            )
        })
    }

    fn is_file(&self) -> bool {
        matches!(self, Self::File)
    }

    fn is_serial_number(&self) -> bool {
        matches!(self, Self::Attribute(name) if name.is(SubjectField::SerialNumber))
    }

    fn is_common_name(&self) -> bool {
        matches!(self, Self::Attribute(name) if name.is(SubjectField::CommonName))
    }
}

impl Seen {
    fn new() -> Self {
        Self { hashers: [RandomState::new(), RandomState::new()], lines: HashMap::new() }
    }

    /// Remembers something; the line in which it was before.
    fn insert(&mut self, value: &impl Hash, line: usize) -> Option<usize> {
        let hash =
            [0, 1].map(|index: usize| self.hashers.get(index).map_or(0, |hasher| hasher.hash_one(value)));
        match self.lines.entry(hash) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(line);
                None
            }
        }
    }
}

/// A fault as people and editors find it: file, line, column.
fn in_file(path: &Path, fault: &Fault) -> Error {
    anyhow!("{}:{fault}", path.display())
}

fn all(path: &Path, faults: &[Fault]) -> Error {
    if let [only] = faults {
        return in_file(path, only).context("nothing was made");
    }
    let lines: String = faults.iter().map(|fault| format!("\n  {}:{fault}", path.display())).collect();
    let more = if faults.len() == FAULTS_MAX { " or more" } else { "" };
    anyhow!("nothing was made: {} has {}{more} faults{lines}", path.display(), faults.len())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::AtomicUsize;

    use landfall_model::UnixTime;
    use landfall_pki::{Issuer, KeyKind, KeyPair, ParsedCertificate, validity_of_days};
    use tempfile::TempDir;

    use super::*;
    use crate::commands::device::output::{Durability, Existing, Writer};

    /// 2026-01-01T00:00:00Z.
    const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);

    struct Counter(AtomicUsize);

    impl Progress for Counter {
        fn made(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Lab {
        directory: TempDir,
        maker: Maker,
        common: Common,
    }

    impl Lab {
        fn new(common: &str) -> Self {
            let root = Subject::parse("CN=root").unwrap();
            let key = KeyPair::generate(KeyKind::P256).unwrap();
            let validity = validity_of_days(NOW, 30);
            let maker = Maker {
                issuer: Issuer::self_signed(&root, key, validity).unwrap(),
                key: KeyKind::P256,
                validity,
                version: CertificateVersion::V3,
                writer: Writer { existing: Existing::Keep, durability: Durability::AtTheEnd },
            };
            let subject = if common.is_empty() { Subject::new() } else { Subject::parse(common).unwrap() };
            let common = Common { subject, names: AlternativeNames::new() };
            Self { directory: tempfile::tempdir().unwrap(), maker, common }
        }

        fn out(&self) -> PathBuf {
            self.directory.path().join("out")
        }

        /// Writes the file, checks it and makes its devices. How many were made.
        fn run(&self, csv: &str) -> Result<usize> {
            let path = self.directory.path().join("devices.csv");
            fs::write(&path, csv).unwrap();
            let batch = Batch::check(&path, &self.common, &self.maker, &self.out())?;
            fs::create_dir_all(self.out()).unwrap();
            let counter = Counter(AtomicUsize::new(0));
            batch.make(&self.maker, &self.out(), &counter)?;
            assert_eq!(counter.0.load(Ordering::Relaxed), batch.devices);
            Ok(batch.devices)
        }

        fn subject(&self, name: &str) -> String {
            let pem = fs::read(self.out().join(format!("{name}.crt"))).unwrap();
            ParsedCertificate::from_pem(&pem).unwrap().subject().to_string()
        }

        fn files(&self) -> Vec<String> {
            let Ok(entries) = fs::read_dir(self.out()) else { return Vec::new() };
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn each_row_is_a_device_and_says_otherwise_than_the_common_part() {
        let lab = Lab::new("O=Acme, CN=none, title=iot");
        let csv = "file,CN,OU,ou,SAN,SAN,2.5.4.44\n\
                   a,thing-a,x,y,URI:urn:a,DNS:a.example,bulb\n\
                   b,thing-b,,,,,\n\
                   c,,\"x, y\",,,,bulb\n";
        assert_eq!(lab.run(csv).unwrap(), 3);
        let expected = |text: &str| Subject::parse(text).unwrap().to_string();
        assert_eq!(lab.subject("a"), expected("O=Acme, CN=thing-a, title=iot, OU=x, OU=y, 2.5.4.44=bulb"));
        assert_eq!(lab.subject("b"), expected("O=Acme, CN=thing-b, title=iot"));
        assert_eq!(lab.subject("c"), expected("O=Acme, CN=none, title=iot, OU=x\\, y, 2.5.4.44=bulb"));
        assert_eq!(lab.files()[..3], ["a-and-ca-certificate.crt", "a.crt", "a.key"]);
        assert_eq!(lab.files().len(), 9);
        let pem = fs::read(lab.out().join("a-and-ca-certificate.crt")).unwrap();
        let chain = ParsedCertificate::all_from_pem(&pem).unwrap();
        assert_eq!(chain.len(), 2);
        assert_eq!(&chain[1], lab.maker.issuer.certificate());
        let key = KeyPair::from_pem(&fs::read(lab.out().join("a.key")).unwrap()).unwrap();
        assert_eq!(chain[0].public_key_der(), key.public_key().as_der());
        assert_eq!(chain[0].alternative_names(landfall_pki::NamePart::Subject).len(), 2);
    }

    #[test]
    fn more_rows_than_a_portion_are_all_made_once() {
        let lab = Lab::new("");
        let devices = RECORDS_PER_PORTION * 3 + 1;
        let rows: String = (0..devices).map(|number| format!("{number}\n")).collect();
        assert_eq!(lab.run(&format!("serialNumber\n{rows}")).unwrap(), devices);
        assert_eq!(lab.files().len(), devices * 3);
        assert_eq!(lab.subject("7"), Subject::parse("serialNumber=7").unwrap().to_string());
    }

    #[test]
    fn faults_are_told_with_their_places_and_nothing_is_made() {
        let cases = [
            ("", "is empty"),
            ("file,CN\n", "has a header and no rows"),
            ("CN;serialNumber\n", ":1:1: \"CN;serialNumber\" is no column"),
            ("CN,colour\n", ":1:4: \"colour\" is no known attribute"),
            ("file,CN,file\n", ":1:9: the column file is there twice"),
            ("O,OU\na,b\n", ":1:1: the header has no column file, serialNumber or CN"),
            ("file,CN\na\n", ":2:1: the row has 1 cells, and the header 2"),
            ("file,CN\na,b,c\n", ":2:5: the row has 3 cells, and the header 2"),
            ("file,C\na,FR\nb,France\n", ":3:3: \"France\" is no country code"),
            ("file,CN\n,a\n", ":2:1: the name of the files is empty"),
            ("file,CN\n../a,a\n", ":2:1: \"../a\" cannot name files"),
            ("file,CN,SAN\na,b,c.example\n", ":2:5: \"c.example\" names no kind"),
            ("file,CN\na,\n", ":2:1: the row gives no subject"),
            ("CN\na\n\n\"a\"\n", ":4:1: the name of the files is that of line 2 too"),
            ("file,CN\na,x\nb,x\n", ":3:1: the subject is that of line 2 too"),
            ("file,CN\na,x\nb,\"y\n", ":3:3: the quotation mark that opens here is not closed"),
        ];
        for (csv, expected) in cases {
            let lab = Lab::new("");
            let error = format!("{:#}", lab.run(csv).unwrap_err());
            assert!(error.contains(expected), "{csv:?}: {error}");
            assert_eq!(lab.files(), Vec::<String>::new(), "{csv:?}");
        }
    }

    #[test]
    fn the_first_faults_are_told_together() {
        let lab = Lab::new("");
        let error = lab.run("file,C\na,France\nb,FR\nc,Spain\n").unwrap_err().to_string();
        assert!(error.contains("devices.csv has 2 faults\n"), "{error}");
        assert!(error.contains("devices.csv:2:3: ") && error.contains("devices.csv:4:3: "), "{error}");
        let rows: String = (0..FAULTS_MAX + 5).map(|number| format!("{number},France\n")).collect();
        let error = lab.run(&format!("file,C\n{rows}")).unwrap_err().to_string();
        assert!(error.contains("has 20 or more faults\n"), "{error}");
        assert_eq!(error.lines().count(), FAULTS_MAX + 1);
    }

    #[test]
    fn a_file_that_is_there_is_told_before_anything_is_made() {
        let lab = Lab::new("");
        fs::create_dir_all(lab.out()).unwrap();
        fs::write(lab.out().join("b.key"), "precious").unwrap();
        let error = format!("{:#}", lab.run("CN\na\nb\n").unwrap_err());
        assert!(error.contains(":3:1: ") && error.contains("b.key is there already"), "{error}");
        assert_eq!(lab.files(), ["b.key"]);
        assert_eq!(fs::read(lab.out().join("b.key")).unwrap(), b"precious");
    }

    #[test]
    fn what_version_1_cannot_say_and_what_cannot_be_read_twice_is_refused() {
        let lab = Lab::new("");
        let lab = Lab { maker: Maker { version: CertificateVersion::V1, ..lab.maker }, ..lab };
        let error = format!("{:#}", lab.run("CN,SAN\na,DNS:a.example\n").unwrap_err());
        assert!(error.contains(":1:4: a certificate of version 1 has no alternative names"), "{error}");
        assert_eq!(lab.run("CN\na\n").unwrap(), 1);
        let folder = lab.directory.path();
        let error = Batch::check(folder, &lab.common, &lab.maker, &lab.out()).err().unwrap().to_string();
        assert!(error.contains("is no ordinary file"), "{error}");
    }

    #[test]
    fn a_device_that_cannot_be_written_ends_it() {
        let lab = Lab::new("");
        let rows: String = (0..1_000).map(|number| format!("{number}\n")).collect();
        let path = lab.directory.path().join("devices.csv");
        fs::write(&path, format!("CN\n{rows}")).unwrap();
        let batch = Batch::check(&path, &lab.common, &lab.maker, &lab.out()).unwrap();
        // The directory is missing, so that no worker can write and all of them go.
        let error = batch.make(&lab.maker, &lab.out(), &Counter(AtomicUsize::new(0))).unwrap_err();
        assert!(format!("{error:#}").contains("cannot write "), "{error:#}");
    }
}
