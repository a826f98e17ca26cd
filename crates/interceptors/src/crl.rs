use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use landfall_model::{CaCertificateId, UnixTime};
use landfall_pki::{
    Anchor, CRL_BYTES_MAX, CaError, CertificateError, ChainError, CrlError, CrlIssuerError,
    ParsedCertificate, RevocationList, check_issued_by,
};
use landfall_registration::InterceptorRequest;
use landfall_registry::{Registry, StorageError};
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::Instant;

use crate::Limits;
use crate::answer::Answer;
use crate::failure::{Failure, Unreadable, with_sources};
use crate::watched::{ReadError, Watched};

/// The revocation lists of CA certificates.
pub(crate) struct Crls {
    lists: Watched<Lists>,
    max_age: Option<Duration>,
}

/// What the files say.
struct Lists {
    lists: Vec<Arc<RevocationList>>,
    /// What is known of CA certificates that were asked about: neither they nor these lists change.
    of_cas: Mutex<HashMap<CaCertificateId, Result<OfCa, Arc<str>>>>,
}

/// The list of a CA certificate, which signed it.
#[derive(Clone)]
struct OfCa {
    anchor: Arc<Anchor>,
    list: Arc<RevocationList>,
}

/// Why nobody knows whether a certificate is revoked.
#[derive(Debug, Error)]
pub(crate) enum CrlFailure {
    #[error("CA certificate {0} is not registered any more")]
    CaGone(CaCertificateId),
    #[error("the CA certificate cannot be read from the registry")]
    Registry(#[from] StorageError),
    #[error("the registered CA certificate cannot be read")]
    CaCertificate(#[from] CertificateError),
    #[error(transparent)]
    Ca(#[from] CaError),
    #[error("{0}")]
    NoList(Arc<str>),
    #[error(
        "another CA issued the certificate, below the registered one, whose revocation list says nothing about it"
    )]
    NotDirect(#[source] ChainError),
    #[error("the revocation list is of a time that is {0:?} ahead")]
    Ahead(Duration),
    #[error("the revocation list has expired: the next was due {0:?} ago")]
    Expired(Duration),
    #[error("the revocation list is {age:?} old; MaxAge allows {max_age:?}")]
    TooOld { age: Duration, max_age: Duration },
    #[error("the revocation list could not be checked")]
    Check(#[from] JoinError),
}

/// Why files cannot be used.
#[derive(Debug, Error)]
enum FileError {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("{} cannot be used", path.display())]
    Crl { path: PathBuf, source: CrlError },
    #[error("{} has a revocation list without nextUpdate: MaxAge must say for how long it holds", path.display())]
    NoEnd { path: PathBuf },
}

/// How far ahead of this machine's clock that of a CA may be.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(5 * 60);

impl Crls {
    /// Reads revocation lists. This blocks.
    ///
    /// # Errors
    /// One cannot be read or used.
    pub(crate) fn open(
        files: Vec<PathBuf>,
        max_age: Option<Duration>,
        limits: &Limits,
        now: Instant,
    ) -> Result<Self, ReadError> {
        let has_max_age = max_age.is_some();
        let read = Box::new(move |files: &[PathBuf]| Ok(Lists::read(files, has_max_age)?));
        // What was read holds until the time of the lists themselves is up.
        let lists = Watched::open(files, read, None, limits, now)?;
        Ok(Self { lists, max_age })
    }

    pub(crate) async fn ask(
        &self,
        request: &InterceptorRequest,
        registry: &dyn Registry,
        now: Instant,
        time: UnixTime,
    ) -> Result<Answer, Failure> {
        let lists = self.lists.current(now).await?;
        let OfCa { anchor, list } = Lists::of(lists, request.applicant.ca, registry).await?;
        self.check_time(&list, time)?;
        let certificate = ParsedCertificate::from_der(request.applicant.der.as_bytes())?;
        check_issued_by(&certificate, &anchor, time).map_err(CrlFailure::NotDirect)?;
        Ok(if list.revokes(&certificate) {
            let serial = certificate.serial_number_hex();
            Answer::Deny(format!("the certificate's serial number {serial} is on the CA's revocation list"))
        } else {
            Answer::Allow(Vec::new())
        })
    }

    fn check_time(&self, list: &RevocationList, time: UnixTime) -> Result<(), CrlFailure> {
        let ahead = list.this_update().since(time);
        if ahead > CLOCK_DIFFERENCE_MAX {
            return Err(CrlFailure::Ahead(ahead));
        }
        if let Some(next_update) = list.next_update()
            && time > next_update
        {
            return Err(CrlFailure::Expired(time.since(next_update)));
        }
        let age = time.since(list.this_update());
        match self.max_age {
            Some(max_age) if age > max_age => Err(CrlFailure::TooOld { age, max_age }),
            Some(_) | None => Ok(()),
        }
    }
}

impl Lists {
    fn read(files: &[PathBuf], has_max_age: bool) -> Result<Self, FileError> {
        let mut lists = Vec::new();
        for path in files {
            let file = File::open(path).map_err(Unreadable::of(path))?;
            let limit = u64::try_from(CRL_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
            let mut bytes = Vec::new();
            file.take(limit).read_to_end(&mut bytes).map_err(Unreadable::of(path))?;
            let read = RevocationList::all_from_pem_or_der(&bytes);
            let read = read.map_err(|source| FileError::Crl { path: path.clone(), source })?;
            if !has_max_age && read.iter().any(|list| list.next_update().is_none()) {
                return Err(FileError::NoEnd { path: path.clone() });
            }
            lists.extend(read.into_iter().map(Arc::new));
        }
        Ok(Self { lists, of_cas: Mutex::default() })
    }

    /// The list of a CA certificate. Whether that signed it is checked when it is first asked about.
    async fn of(lists: Arc<Self>, ca: CaCertificateId, registry: &dyn Registry) -> Result<OfCa, CrlFailure> {
        let known = lists.of_cas.lock().unwrap_or_else(PoisonError::into_inner).get(&ca).cloned();
        if let Some(known) = known {
            return known.map_err(CrlFailure::NoList);
        }
        let registered = registry.ca_certificate(ca).await?.ok_or(CrlFailure::CaGone(ca))?;
        let certificate = ParsedCertificate::from_der(registered.der.as_bytes())?;
        let anchor = Arc::new(Anchor::new(certificate)?);
        // A signature is over all of the list, which can be long.
        let of_ca = spawn_blocking(move || {
            let found = lists.find(&anchor).map(|list| OfCa { anchor, list });
            let mut of_cas = lists.of_cas.lock().unwrap_or_else(PoisonError::into_inner);
            of_cas.insert(ca, found.clone());
            found
        });
        of_ca.await?.map_err(CrlFailure::NoList)
    }

    /// The latest of the lists that a CA signed; if there is none, why.
    fn find(&self, anchor: &Anchor) -> Result<Arc<RevocationList>, Arc<str>> {
        let mut latest: Option<&Arc<RevocationList>> = None;
        let mut problem: Option<CrlIssuerError> = None;
        for list in self.lists.iter().filter(|list| list.names_as_issuer(anchor.certificate())) {
            match list.verify_issued_by(anchor.certificate()) {
                Ok(()) if latest.is_none_or(|latest| latest.this_update() < list.this_update()) => {
                    latest = Some(list);
                }
                Ok(()) => {}
                Err(found) => problem = Some(found),
            }
        }
        match (latest, problem) {
            (Some(list), _) => Ok(Arc::clone(list)),
            (None, Some(problem)) => Err(with_sources(&problem).into()),
            (None, None) => {
                Err(format!("no file has a revocation list of the CA certificate {}", anchor.subject())
                    .into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use landfall_pki::Issuer;

    use super::*;
    use crate::testing::{Device, NOW, issuer, registry};

    /// The folder of a CA as `openssl ca` has it.
    struct OpenSslCa {
        folder: tempfile::TempDir,
        issuer: Issuer,
    }

    /// When lists are made, and when the next is due: the days around [`NOW`], 2027-01-15T08:00:00Z.
    const MADE: &str = "20270115070000Z";
    const DUE: &str = "20270116070000Z";
    const HOUR: Duration = Duration::from_secs(3_600);

    impl OpenSslCa {
        fn new() -> Self {
            let (folder, issuer) = (tempfile::tempdir().unwrap(), issuer("root"));
            let config =
                "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\n";
            for (name, content) in [
                ("ca.conf", config),
                ("index.txt", ""),
                ("crlnumber", "01\n"),
                ("ca.key", &issuer.key().to_pem().unwrap()),
                ("ca.pem", &issuer.certificate().to_pem()),
            ] {
                fs::write(folder.path().join(name), content).unwrap();
            }
            Self { folder, issuer }
        }

        fn revoke(&self, certificate: &ParsedCertificate) {
            fs::write(self.folder.path().join("revoked.pem"), certificate.to_pem()).unwrap();
            openssl(&self.folder, "ca -config ca.conf -keyfile ca.key -cert ca.pem -revoke revoked.pem");
        }

        /// Makes a list, and gives its place.
        fn list(&self, name: &str, made: &str, due: &str) -> PathBuf {
            let next = format!("{name}.next");
            openssl(
                &self.folder,
                &format!(
                    "ca -config ca.conf -keyfile ca.key -cert ca.pem -gencrl -out {next} \
                     -crl_lastupdate {made} -crl_nextupdate {due}"
                ),
            );
            let path = self.folder.path().join(name);
            fs::rename(self.folder.path().join(next), &path).unwrap();
            path
        }

        async fn registry(&self) -> Arc<dyn Registry> {
            registry(&[self.issuer.certificate()]).await
        }
    }

    fn openssl(folder: &tempfile::TempDir, arguments: &str) {
        let run =
            Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
        assert!(run.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&run.stderr));
    }

    fn open(files: &[&PathBuf], max_age: Option<Duration>) -> Result<Crls, String> {
        let files = files.iter().map(|path| (*path).clone()).collect();
        let opened = Crls::open(files, max_age, &Limits::default(), Instant::now());
        opened.map_err(|problem| with_sources(&*problem))
    }

    async fn ask(
        crls: &Crls,
        device: &Device,
        registry: &dyn Registry,
        now: Instant,
        time: UnixTime,
    ) -> String {
        match crls.ask(&device.request(), registry, now, time).await {
            Ok(Answer::Allow(_)) => "allow".to_owned(),
            Ok(Answer::Deny(message)) => message,
            Err(failure) => with_sources(&failure),
        }
    }

    #[tokio::test]
    async fn a_revoked_certificate_is_denied_as_soon_as_the_file_says_so() {
        let ca = OpenSslCa::new();
        let [good, bad] = ["SN-1", "SN-2"].map(|serial| Device::by(&ca.issuer, serial));
        let file = ca.list("list.pem", MADE, DUE);
        let (registry, crls, now) = (ca.registry().await, open(&[&file], None).unwrap(), Instant::now());
        assert_eq!(ask(&crls, &bad, &*registry, now, NOW).await, "allow");
        ca.revoke(&bad.certificate);
        ca.list("list.pem", MADE, DUE);
        let later = now + HOUR;
        let serial = bad.certificate.serial_number_hex();
        let denied = format!("the certificate's serial number {serial} is on the CA's revocation list");
        assert_eq!(ask(&crls, &bad, &*registry, later, NOW).await, denied);
        assert_eq!(ask(&crls, &good, &*registry, later, NOW).await, "allow");
        // What is no list any more leaves what it said.
        fs::write(&file, "no list").unwrap();
        assert_eq!(ask(&crls, &bad, &*registry, later + HOUR, NOW).await, denied);
    }

    #[tokio::test]
    async fn a_list_has_its_time() {
        let ca = OpenSslCa::new();
        let (device, registry) = (Device::by(&ca.issuer, "SN-1"), ca.registry().await);
        let file = ca.list("list.pem", MADE, DUE);
        // In hours from NOW, which is one hour after the list was made.
        for (max_age, hours, expected) in [
            (None, 0, "allow"),
            (None, 23, "allow"),
            (None, 24, "the revocation list has expired: the next was due 3600s ago"),
            (None, -2, "the revocation list is of a time that is 3600s ahead"),
            (Some(2), 1, "allow"),
            (Some(2), 2, "the revocation list is 10800s old; MaxAge allows 7200s"),
        ] {
            let crls = open(&[&file], max_age.map(|hours| HOUR * hours)).unwrap();
            let time = UnixTime::from_secs(NOW.as_secs() + hours * 3_600);
            assert_eq!(ask(&crls, &device, &*registry, Instant::now(), time).await, expected);
        }
    }

    #[tokio::test]
    async fn of_several_lists_the_latest_that_the_ca_signed_counts() {
        let (ca, twin) = (OpenSslCa::new(), OpenSslCa::new());
        let device = Device::by(&ca.issuer, "SN-1");
        let registry = ca.registry().await;
        let old = ca.list("old.pem", "20270114070000Z", "20280116070000Z");
        ca.revoke(&device.certificate);
        let new = ca.list("new.pem", MADE, DUE);
        // A CA with the same name that does not know the device.
        let other = twin.list("list.pem", "20270115073000Z", DUE);
        for files in [[&old, &new, &other], [&other, &new, &old]] {
            let answer = ask(&open(&files, None).unwrap(), &device, &*registry, Instant::now(), NOW).await;
            assert!(answer.ends_with("is on the CA's revocation list"), "{answer}");
        }
        let answer = ask(&open(&[&other], None).unwrap(), &device, &*registry, Instant::now(), NOW).await;
        assert_eq!(answer, "the signature of the revocation list is not by the key of CN=root");
    }

    #[tokio::test]
    async fn without_a_list_for_the_ca_nobody_knows() {
        let ca = OpenSslCa::new();
        let (own, foreign) = (Device::by(&ca.issuer, "SN-1"), Device::by(&issuer("other"), "SN-1"));
        let crls = open(&[&ca.list("list.pem", MADE, DUE)], None).unwrap();
        let registry = registry(&[&foreign.ca]).await;
        let now = Instant::now();
        for _ in 0..2 {
            let answer = ask(&crls, &foreign, &*registry, now, NOW).await;
            assert_eq!(answer, "no file has a revocation list of the CA certificate CN=other");
        }
        let gone = format!("CA certificate {} is not registered any more", own.ca.ca_id());
        assert_eq!(ask(&crls, &own, &*registry, now, NOW).await, gone);
    }

    #[tokio::test]
    async fn a_list_says_nothing_about_certificates_of_another_ca() {
        let ca = OpenSslCa::new();
        let crls = open(&[&ca.list("list.pem", MADE, DUE)], None).unwrap();
        // An intermediate CA's device, which came in under the root.
        let mut device = Device::by(&issuer("intermediate"), "SN-1");
        device.ca = ca.issuer.certificate().clone();
        let answer = ask(&crls, &device, &*ca.registry().await, Instant::now(), NOW).await;
        assert!(
            answer.starts_with("another CA issued the certificate, below the registered one"),
            "{answer}"
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.pem");
        let problem = open(&[&file], None).err().unwrap();
        assert!(
            problem.ends_with("/list.pem cannot be read: No such file or directory (os error 2)"),
            "{problem}"
        );
        fs::write(&file, issuer("root").certificate().to_pem()).unwrap();
        let problem = open(&[&file], None).err().unwrap();
        assert!(
            problem.ends_with(
                "/list.pem cannot be used: no `-----BEGIN X509 CRL-----` found; the file holds a certificate"
            ),
            "{problem}"
        );
    }
}
