//! The CA certificate by which devices trust the server: what the block's script downloads as `aws-root-cert.pem`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use landfall_pki::ParsedCertificate;

use super::output::{Existing, Writer};
use super::read_text;
use crate::data_dir::server_info;
use crate::own_ca::OwnCa;

/// The certificate, and the file that gets it.
pub(super) struct ServerCa {
    pem: String,
    path: PathBuf,
    is_written: bool,
}

impl ServerCa {
    /// Reads it where the server that uses this data directory says that it is, or where the last one left it.
    ///
    /// # Errors
    /// No server has used the directory, or a file cannot be read.
    pub(super) fn find(data: &Path, path: &Path) -> Result<Self> {
        let source =
            server_info(data).map_or_else(|| OwnCa::SERVER.certificate_in(data), |info| info.server_ca);
        if !source.exists() {
            bail!(
                "there is no {}; start a server with `landfall serve`, or name its directory with --data",
                source.display()
            );
        }
        let pem = read_text(&source)?;
        ParsedCertificate::all_from_pem(pem.as_bytes())
            .with_context(|| format!("{} is not a certificate in PEM", source.display()))?;
        let is_written = match fs::read(path) {
            Ok(found) => found == pem.as_bytes(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Self { pem, path: path.to_owned(), is_written })
    }

    /// The file that gets it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the file is free, or has it already.
    ///
    /// # Errors
    /// Another file is there, and would have to stay.
    pub(super) fn check(&self, writer: &Writer) -> Result<()> {
        let is_kept = writer.existing == Existing::Keep && fs::symlink_metadata(&self.path).is_ok();
        if is_kept && !self.is_written {
            bail!(
                "{} is there already, and is not the CA certificate of the server; name another file, or replace it \
                 with --force",
                self.path.display()
            );
        }
        Ok(())
    }

    /// Writes the file, unless it has it already.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, writer: &Writer) -> Result<()> {
        if self.is_written {
            return Ok(());
        }
        writer.write_public(&self.path, &self.pem)
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::UnixTime;
    use landfall_pki::{Issuer, KeyKind, KeyPair, Subject, validity_of_days};

    use super::*;
    use crate::commands::device::output::Durability;

    fn pem(name: &str) -> String {
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let validity = validity_of_days(UnixTime::from_secs(1_767_225_600), 30);
        let issuer = Issuer::self_signed(&Subject::common_name(name).unwrap(), key, validity).unwrap();
        issuer.certificate().to_pem()
    }

    #[test]
    fn it_is_written_once_and_another_file_stays() {
        let root = tempfile::tempdir().unwrap();
        let [data, path] = ["data", "aws-root-cert.pem"].map(|name| root.path().join(name));
        let [keep, replace] = [Existing::Keep, Existing::Replace]
            .map(|existing| Writer { existing, durability: Durability::EachFile });
        let find = || ServerCa::find(&data, &path);

        let error = find().err().unwrap().to_string();
        assert!(error.contains("server-ca.pem; start a server"), "{error}");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("server-ca.pem"), "nothing").unwrap();
        let error = find().err().unwrap().to_string();
        assert!(error.ends_with("server-ca.pem is not a certificate in PEM"), "{error}");

        let (first, second) = (pem("first"), pem("second"));
        fs::write(data.join("server-ca.pem"), &first).unwrap();
        for _ in 0..2 {
            let server_ca = find().unwrap();
            server_ca.check(&keep).unwrap();
            server_ca.write(&keep).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), first);
        }
        fs::write(data.join("server-ca.pem"), &second).unwrap();
        let server_ca = find().unwrap();
        let error = server_ca.check(&keep).unwrap_err().to_string();
        assert!(error.contains("is there already, and is not the CA certificate"), "{error}");
        server_ca.check(&replace).unwrap();
        server_ca.write(&replace).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), second);
    }
}
