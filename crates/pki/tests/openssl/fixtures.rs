//! A directory in which OpenSSL makes keys and certificates.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use landfall_model::UnixTime;
use landfall_pki::{
    Anchor, CertificateVersion, ChainError, KeyPair, ParsedCertificate, PresentedChain, TrustAnchors,
    VerifiedChain, verify,
};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

/// The extensions of a root CA as most people make it.
pub(crate) const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
                             subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
/// The extensions of a device's certificate of version 3.
pub(crate) const DEVICE: &str = "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n\
                                 subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

pub(crate) struct Lab {
    directory: TempDir,
}

/// The arguments with which OpenSSL makes a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Rsa(u32),
    Ec(&'static str),
}

pub(crate) const P256: Kind = Kind::Ec("prime256v1");
pub(crate) const P384: Kind = Kind::Ec("secp384r1");

impl Lab {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// A lab with the P-256 root CA `ca`.
    pub(crate) fn with_ca() -> Self {
        let lab = Self::new();
        lab.ca("ca", "/CN=root", P256, CA);
        lab
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs OpenSSL in the directory.
    pub(crate) fn try_openssl(&self, arguments: &[&str]) -> Output {
        Command::new("openssl").args(arguments).current_dir(self.directory.path()).output().unwrap()
    }

    /// Runs OpenSSL in the directory; it must succeed. Gives what it printed.
    pub(crate) fn openssl(&self, arguments: &[&str]) -> String {
        let output = self.try_openssl(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "openssl {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes `<name>.key`.
    pub(crate) fn key(&self, name: &str, kind: Kind) {
        let file = format!("{name}.key");
        match kind {
            Kind::Rsa(bits) => self.openssl(&["genrsa", "-out", &file, &bits.to_string()]),
            Kind::Ec(curve) => self.openssl(&["ecparam", "-genkey", "-name", curve, "-noout", "-out", &file]),
        };
    }

    /// Makes the self-signed CA `<name>.pem` with `<name>.key`.
    pub(crate) fn ca(&self, name: &str, subject: &str, kind: Kind, extensions: &str) {
        self.key(name, kind);
        self.self_signed(name, subject, extensions, "-sha256");
    }

    /// Makes the self-signed `<name>.pem` by the existing `<name>.key`.
    pub(crate) fn self_signed(&self, name: &str, subject: &str, extensions: &str, digest: &str) {
        let config = format!("[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n{extensions}");
        self.write("req.cnf", &config);
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        self.openssl(&[
            "req", "-x509", "-new", "-key", &key, "-config", "req.cnf", "-subj", subject, digest, "-days",
            "365", "-out", &pem,
        ]);
    }

    /// Makes `<name>.key` and `<name>.pem`, signed by `ca`: as version 1 when there are no extensions.
    pub(crate) fn device(
        &self,
        name: &str,
        ca: &str,
        kind: Kind,
        extensions: Option<&str>,
    ) -> ParsedCertificate {
        self.key(name, kind);
        self.sign(name, &format!("/CN={name}"), ca, extensions, "-sha256")
    }

    /// Signs `<name>.pem` for the existing `<name>.key`, with the very commands of the first seed.
    pub(crate) fn sign(
        &self,
        name: &str,
        subject: &str,
        ca: &str,
        extensions: Option<&str>,
        digest: &str,
    ) -> ParsedCertificate {
        let [key, csr, pem] = ["key", "csr", "pem"].map(|suffix| format!("{name}.{suffix}"));
        let (ca_pem, ca_key) = (format!("{ca}.pem"), format!("{ca}.key"));
        self.write("csr.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
        self.openssl(&["req", "-new", "-key", &key, "-config", "csr.cnf", "-subj", subject, "-out", &csr]);
        let mut arguments = vec![
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            &ca_pem,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-out",
            &pem,
            "-days",
            "300",
            digest,
        ];
        if let Some(extensions) = extensions {
            self.write("ext.cnf", extensions);
            arguments.extend(["-extfile", "ext.cnf"]);
        }
        self.openssl(&arguments);
        let certificate = self.certificate(name);
        let version = if extensions.is_some() { CertificateVersion::V3 } else { CertificateVersion::V1 };
        assert_eq!(certificate.version(), version, "this OpenSSL makes other fixtures than this test needs");
        certificate
    }

    pub(crate) fn certificate(&self, name: &str) -> ParsedCertificate {
        ParsedCertificate::from_pem(&self.read(&format!("{name}.pem"))).unwrap()
    }

    pub(crate) fn key_pair(&self, name: &str) -> KeyPair {
        KeyPair::from_pem(&self.read(&format!("{name}.key"))).unwrap()
    }

    pub(crate) fn anchor(&self, name: &str) -> Anchor {
        Anchor::new(self.certificate(name)).unwrap()
    }

    pub(crate) fn anchors(&self, names: &[&str]) -> TrustAnchors {
        TrustAnchors::of(names.iter().map(|name| self.anchor(name))).unwrap()
    }

    /// The certificates of these names, as a device would present them.
    pub(crate) fn presented(&self, names: &[&str]) -> Vec<CertificateDer<'static>> {
        names.iter().map(|name| presented(&self.certificate(name))).collect()
    }

    /// Verifies a chain half an hour after its first certificate was made, so that no test reads a clock.
    pub(crate) fn verify(&self, chain: &[&str], anchors: &[&str]) -> Result<VerifiedChain, ChainError> {
        let now = self.certificate(chain[0]).validity().not_before;
        self.verify_at(chain, anchors, UnixTime::from_secs(now.as_secs() + 1_800))
    }

    pub(crate) fn verify_at(
        &self,
        chain: &[&str],
        anchors: &[&str],
        now: UnixTime,
    ) -> Result<VerifiedChain, ChainError> {
        let certificates = self.presented(chain);
        verify(&PresentedChain::from_peer_certificates(&certificates).unwrap(), &self.anchors(anchors), now)
    }

    /// Checks that a chain is refused for this reason.
    #[track_caller]
    pub(crate) fn refused(&self, chain: &[&str], anchors: &[&str], code: &str) -> ChainError {
        let error = self.verify(chain, anchors).expect_err("the chain must not verify");
        assert_eq!(error.code(), code, "{error}");
        error
    }
}

pub(crate) fn presented(certificate: &ParsedCertificate) -> CertificateDer<'static> {
    CertificateDer::from(certificate.der().as_bytes().to_vec())
}
