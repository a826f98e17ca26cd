//! Keys, which take long to make: made once, in the target folder, and used by all tests.

use std::fs;
use std::path::PathBuf;

use crate::paths::{lock, target};
use crate::process::{DEADLINE, program, run};

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 1024 bits, which is too short.
    Rsa1024,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 4096 bits.
    Rsa4096,
    /// ECDSA on the curve P-256.
    P256,
    /// ECDSA on the curve P-384.
    P384,
}

impl KeyKind {
    /// A key of this kind, the same for every test; `number` tells several apart.
    #[track_caller]
    pub fn shared(self, number: u8) -> PathBuf {
        let directory = target().join("e2e-fixtures");
        let path = directory.join(format!("{self:?}-{number}.key"));
        if path.exists() {
            return path;
        }
        let _turn = lock("e2e-fixtures");
        if !path.exists() {
            fs::create_dir_all(&directory).expect("a folder in the target folder");
            let unfinished = path.with_extension("unfinished");
            let mut openssl = program("openssl");
            openssl.args(["genpkey", "-out"]).arg(&unfinished).args(self.options());
            run(&mut openssl, "", DEADLINE).stdout();
            fs::rename(&unfinished, &path).expect("a key that was just made");
        }
        path
    }

    fn options(self) -> [&'static str; 4] {
        match self {
            Self::Rsa1024 => ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
            Self::Rsa2048 => ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            Self::Rsa4096 => ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
            Self::P256 => ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::P384 => ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        }
    }
}
