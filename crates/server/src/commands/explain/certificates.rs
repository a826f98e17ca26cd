//! Many certificates: those of files and folders, or those of a server.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use landfall_model::{CaCertificateId, CertificateId};
use landfall_pki::ParsedCertificate;
use landfall_registration::Applicant;

use super::presented::Presented;
use super::registration::{UNKNOWN_CA, applicant_of_certificate, guessed_issuer};
use super::server::Server;

/// A certificate that settings are tried on.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The file that it is from, or its id.
    pub(super) label: String,
    pub(super) applicant: Arc<Applicant>,
}

/// Certificates, and what was left out of them.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Each certificate once.
    pub(super) all: Vec<Candidate>,
    /// Files that cannot be read, each with the reason.
    pub(super) unreadable: Vec<(String, String)>,
    /// How many CA certificates were left out, and certificates that are registered without a CA certificate.
    pub(super) left_out: usize,
}

/// What a file has.
enum Read {
    Device(Candidate),
    /// The certificate of a CA.
    Ca,
    /// None, though the name of the file looks like it.
    Nothing,
    Unreadable(String, String),
}

/// The most certificates that are compared at once. Each takes some kilobytes.
const CERTIFICATES_MAX: usize = 200_000;

/// How the names of files end that are read of a folder.
const ENDINGS: [&str; 4] = ["pem", "crt", "cer", "der"];

/// How many requests a server is asked at once.
const REQUESTS: usize = 8;

impl Candidates {
    /// Reads files, and those of folders whose names look like certificates.
    ///
    /// # Errors
    /// A folder cannot be read, or there are too many files.
    pub(super) fn read(paths: &[PathBuf], ca: Option<CaCertificateId>) -> Result<Self> {
        let mut files = Vec::new();
        for path in paths {
            let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
            if metadata.is_dir() {
                let before = files.len();
                collect(path, &mut files)?;
                if let Some(found) = files.get_mut(before..) {
                    found.sort();
                }
            } else {
                files.push((path.clone(), false));
            }
        }
        let read = on_threads(&files, cores(), |(path, of_folder)| read_file(path, *of_folder, ca));
        let mut candidates = Self::default();
        let mut places = HashMap::with_capacity(files.len());
        for read in read {
            match read {
                Read::Device(candidate) => candidates.add(candidate, &mut places),
                Read::Ca => candidates.left_out += 1,
                Read::Nothing => {}
                Read::Unreadable(file, problem) => candidates.unreadable.push((file, problem)),
            }
        }
        Ok(candidates)
    }

    /// Asks a server for all of its certificates, in the order in which they were registered, and shows how that gets on.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub(super) fn of_fleet(server: &Server) -> Result<Self> {
        let ids = server.certificate_ids()?;
        if ids.len() > CERTIFICATES_MAX {
            bail!("the server has {} certificates, and {CERTIFICATES_MAX} are the most", ids.len());
        }
        let bar = bar(ids.len());
        let answers = on_threads(&ids, REQUESTS, |id| {
            let answer = server.certificate(*id);
            bar.inc(1);
            answer
        });
        bar.finish_and_clear();
        let mut candidates = Self::default();
        for (answer, id) in answers.into_iter().zip(&ids) {
            // One that was deleted just now is none.
            let Some(certificate) = answer? else { continue };
            match certificate.ca {
                Some(ca) => {
                    let applicant = Applicant::from_certificate(&certificate, ca)
                        .with_context(|| format!("certificate {id} of the server cannot be read"))?;
                    candidates.all.push(Candidate { label: id.to_string(), applicant: Arc::new(applicant) });
                }
                None => candidates.left_out += 1,
            }
        }
        Ok(candidates)
    }

    /// Adds a certificate unless it is there. `landfall device create` writes each with its CA's and without: the file that tells
    /// the CA counts.
    fn add(&mut self, candidate: Candidate, places: &mut HashMap<CertificateId, usize>) {
        match places.entry(candidate.applicant.certificate) {
            Entry::Vacant(place) => {
                place.insert(self.all.len());
                self.all.push(candidate);
            }
            Entry::Occupied(place) => {
                if let Some(known) = self.all.get_mut(*place.get())
                    && known.applicant.ca == UNKNOWN_CA
                {
                    *known = candidate;
                }
            }
        }
    }
}

/// Does some work on each of many items, on so many threads at once, and gives the results in the order of the items.
pub(super) fn on_threads<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let portion = items.len().div_ceil(threads.max(1)).max(1);
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(portion)
            .map(|items| scope.spawn(move || items.iter().map(work).collect::<Vec<R>>()))
            .collect();
        let mut results = Vec::with_capacity(items.len());
        for thread in threads {
            match thread.join() {
                Ok(portion) => results.extend(portion),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}

/// How many cores there are.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Collects the files of a folder and of those in it, but for what links lead to.
fn collect(folder: &Path, files: &mut Vec<(PathBuf, bool)>) -> Result<()> {
    let cannot = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let (path, kind) = (entry.path(), entry.file_type().with_context(cannot)?);
        if kind.is_dir() {
            collect(&path, files)?;
        } else if kind.is_file() && looks_like_certificate(&path) {
            if files.len() == CERTIFICATES_MAX {
                bail!("there are more than {CERTIFICATES_MAX} files; compare them in parts");
            }
            files.push((path, true));
        }
    }
    Ok(())
}

fn looks_like_certificate(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

fn read_file(path: &Path, of_folder: bool, ca: Option<CaCertificateId>) -> Read {
    let label = path.display().to_string();
    let presented = match Presented::read(path) {
        Ok(presented) => presented,
        // A key or a request, for example.
        Err(error) if of_folder && has_no_certificate(&error) => return Read::Nothing,
        Err(error) => return Read::Unreadable(label, format!("{error:#}")),
    };
    match presented.leaf() {
        Ok(leaf) if leaf.is_ca() => Read::Ca,
        Ok(leaf) => Read::Device(candidate(label, &presented, &leaf, ca)),
        Err(fault) => Read::Unreadable(label, fault.to_string()),
    }
}

fn has_no_certificate(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(landfall_pki::PemError::NoCertificate { .. }))
}

fn candidate(
    label: String,
    presented: &Presented,
    leaf: &ParsedCertificate,
    ca: Option<CaCertificateId>,
) -> Candidate {
    let ca = ca.unwrap_or_else(|| guessed_issuer(presented, leaf));
    Candidate { label, applicant: Arc::new(applicant_of_certificate(leaf, ca)) }
}

fn bar(length: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    // The template is ours; if it cannot be read, the usual look is as good.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} certificates read, {eta} left") {
        bar.set_style(style);
    }
    bar
}
