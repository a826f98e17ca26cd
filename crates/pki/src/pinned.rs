use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use landfall_model::{CertificateId, CertificateMode};

/// The certificates that are registered without a CA certificate, each with its mode. A device that presents one of
/// them, byte for byte, and proves its key needs nobody who vouches for it; nothing that it signed is trusted.
///
/// There can be a million of them where there are some dozens of CA certificates. So this is no snapshot: it is changed
/// in place and asked during the handshake. An insert touches one of 256 parts, and a part that grows moves its own
/// entries alone, some thousands in a set of a million.
///
/// Memory: a place takes 34 bytes (the id, the mode, and the table's own byte), and between 7/16 and 7/8 of the places
/// are in use, which makes 39 to 78 bytes an entry: at most 78 MB for a million.
pub struct PinnedCertificates {
    /// By the first byte of the id, which is that of a SHA-256.
    parts: Vec<RwLock<Part>>,
}

type Part = HashMap<CertificateId, CertificateMode>;

impl PinnedCertificates {
    /// No certificate.
    pub fn new() -> Self {
        Self { parts: (0..=u8::MAX).map(|_| RwLock::default()).collect() }
    }

    /// Adds a certificate; one that is there already gets this mode.
    pub fn pin(&self, id: CertificateId, mode: CertificateMode) {
        self.part(&id).write().unwrap_or_else(PoisonError::into_inner).insert(id, mode);
    }

    /// Takes a certificate away, if it is there.
    pub fn unpin(&self, id: &CertificateId) {
        self.part(id).write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// The mode of a certificate; none when it is not there.
    pub fn mode_of(&self, id: &CertificateId) -> Option<CertificateMode> {
        self.part(id).read().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.read().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn part(&self, id: &CertificateId) -> &RwLock<Part> {
        let [first, ..] = *id.as_bytes();
        &self.parts[usize::from(first)]
    }
}

impl Default for PinnedCertificates {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PinnedCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedCertificates({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pinned_is_found_until_it_is_taken_away() {
        let pinned = PinnedCertificates::new();
        // Ids that share a part, and ids that do not.
        let id = |first: u8, last: u8| {
            let mut digest = [0; 32];
            (digest[0], digest[31]) = (first, last);
            CertificateId::from_sha256(digest)
        };
        let ids = [id(0, 0), id(0, 1), id(255, 0), id(7, 7)];
        for (index, one) in ids.iter().enumerate() {
            assert_eq!(pinned.mode_of(one), None);
            pinned.pin(*one, CertificateMode::Default);
            assert_eq!(pinned.len(), index + 1);
        }
        pinned.pin(ids[1], CertificateMode::SniOnly);
        assert_eq!(pinned.len(), ids.len());
        pinned.unpin(&ids[0]);
        pinned.unpin(&id(9, 9));
        let modes = ids.map(|one| pinned.mode_of(&one));
        let (default, sni_only) = (CertificateMode::Default, CertificateMode::SniOnly);
        assert_eq!(modes, [None, Some(sni_only), Some(default), Some(default)]);
    }

    #[test]
    fn an_entry_takes_the_bytes_that_are_documented() {
        assert_eq!(size_of::<(CertificateId, CertificateMode)>(), 33);
    }
}
