use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::certificate::{Signing, openssl, write_request};
use crate::fixtures::KeyKind;
use crate::landfall::Landfall;
use crate::{Api, DeviceCertificate, DeviceRequest};

/// A certificate authority in a directory: `<name>.pem` and `<name>.key`.
pub struct Ca {
    directory: PathBuf,
    name: String,
}

/// What a CA's certificate is for.
const CA_EXTENSIONS: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
                             subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

impl Ca {
    /// Makes a P-256 root CA, and registers it: ACTIVE, with auto-registration.
    #[track_caller]
    pub fn registered(server: &Landfall) -> Self {
        let ca = Self::root(server.directory(), "ca", KeyKind::P256);
        ca.register(&server.api());
        ca
    }

    /// Makes a root CA of this name, whose key is the shared one of this kind with number 9.
    #[track_caller]
    pub fn root(directory: &Path, name: &str, kind: KeyKind) -> Self {
        let ca = Self { directory: directory.to_path_buf(), name: name.to_owned() };
        fs::copy(kind.shared(9), ca.key()).expect("a key can be copied");
        let config = ca.directory.join(format!("{name}.cnf"));
        let text = format!(
            "[req]\nprompt=no\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\nO=AcmeInc\nCN={name}\n[ext]\n{CA_EXTENSIONS}"
        );
        fs::write(&config, text).expect("a file in the test's directory");
        let mut command = openssl(directory);
        command.args(["req", "-x509", "-new", "-nodes", "-sha256", "-days", "365", "-config"]).arg(config);
        command.arg("-key").arg(ca.key()).arg("-out").arg(ca.certificate());
        crate::run(&mut command, "", crate::DEADLINE).stdout();
        ca
    }

    /// The CA whose `<name>.pem` and `<name>.key` are in this directory.
    #[track_caller]
    pub fn existing(directory: &Path, name: &str) -> Self {
        let ca = Self { directory: directory.to_path_buf(), name: name.to_owned() };
        assert!(ca.certificate().is_file() && ca.key().is_file(), "no CA {name} in {}", directory.display());
        ca
    }

    /// A certificate and its key used as those of a CA, whatever the certificate says. Both are copied.
    #[track_caller]
    pub fn of_files(certificate: &Path, key: &Path) -> Self {
        let name = certificate.file_stem().expect("the name of a file").to_string_lossy();
        let directory = certificate.parent().expect("a file in a directory").to_path_buf();
        let ca = Self { directory, name: format!("{name}-as-ca") };
        fs::copy(certificate, ca.certificate()).expect("a certificate can be copied");
        fs::copy(key, ca.key()).expect("a key can be copied");
        ca
    }

    /// Makes a CA below this one.
    #[track_caller]
    pub fn intermediate(&self, name: &str, kind: KeyKind) -> Self {
        let ca = Self { directory: self.directory.clone(), name: name.to_owned() };
        fs::copy(kind.shared(8), ca.key()).expect("a key can be copied");
        let request = write_request(&self.directory, name, &ca.key(), &[("CN".to_owned(), name.to_owned())]);
        Signing { extensions: Some(CA_EXTENSIONS), ..Signing::default() }.run(
            self,
            &request,
            &ca.certificate(),
        );
        ca
    }

    /// The certificate, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join(format!("{}.pem", self.name))
    }

    /// The key, in PEM.
    pub fn key(&self) -> PathBuf {
        self.directory.join(format!("{}.key", self.name))
    }

    /// Registers the CA: ACTIVE, with auto-registration. The id of its certificate.
    #[track_caller]
    pub fn register(&self, api: &Api) -> String {
        self.register_as(api, true, true)
    }

    /// Registers the CA with these statuses. The id of its certificate.
    #[track_caller]
    pub fn register_as(&self, api: &Api, active: bool, auto_registration: bool) -> String {
        let target = format!("/cacertificate?allowAutoRegistration={auto_registration}&setAsActive={active}");
        let answer = api.call("iot", "POST", &target, Some(&self.registration(api, self)));
        answer["certificateId"].as_str().expect("an id").to_owned()
    }

    /// Tries to register the CA with a verification certificate that `signer` signed: status and body of the answer.
    #[track_caller]
    pub fn try_register(&self, api: &Api, signer: &Self) -> (u16, Value) {
        let target = "/cacertificate?allowAutoRegistration=true&setAsActive=true";
        api.try_call("iot", "POST", target, Some(&self.registration(api, signer)))
    }

    /// The body of RegisterCACertificate, with a verification certificate made by OpenSSL.
    #[track_caller]
    fn registration(&self, api: &Api, signer: &Self) -> Value {
        let code =
            api.iot("GET", "/registrationcode")["registrationCode"].as_str().expect("a code").to_owned();
        let name = format!("{}-verification", self.name);
        let request =
            write_request(&self.directory, &name, &KeyKind::P256.shared(7), &[("CN".to_owned(), code)]);
        let verification = self.directory.join(format!("{name}.pem"));
        Signing::default().run(signer, &request, &verification);
        let read = |path: &Path| fs::read_to_string(path).expect("a certificate that was just made");
        json!({
            "caCertificate": read(&self.certificate()),
            "verificationCertificate": read(&verification),
        })
    }

    /// Issues the certificate of a device.
    #[track_caller]
    pub fn issue(&self, request: &DeviceRequest) -> DeviceCertificate {
        request.issue(self)
    }

    /// The directory of its files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}
