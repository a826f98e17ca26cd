//! Which certificates are registered, to know a stranger without asking the registry.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use landfall_model::CertificateId;
use landfall_registry::{CertificateChange, Change, CommitObserver, Registry, StorageError};
use tokio::time::Instant;
use tracing::debug;

/// The registered certificates, by a part of their ids, so that the first connection of a device needs no read: a certificate
/// that is not among them is registered at once, and should another process have been faster, the commit says so.
///
/// What it says may be wrong both ways and costs a read or a second attempt then; it decides nothing.
pub(crate) struct KnownCertificates {
    shards: Vec<Mutex<HashSet<u64>>>,
    /// How many certificates one shard knows at most.
    shard_max: usize,
    /// Whether those are known that were registered before the broker started. Until then nobody is a stranger.
    is_read: AtomicBool,
    /// Whether there was no room for one. From then on nobody is a stranger.
    is_full: AtomicBool,
}

/// Among how many locks the certificates are spread.
const SHARDS: usize = 64;

/// How many ids are read at once when the broker starts.
const PAGE: u32 = 10_000;

impl KnownCertificates {
    /// Nobody is a stranger until [`Self::read`] is done.
    pub(crate) fn new(certificates_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let (is_read, is_full) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { shards, shard_max: certificates_max.div_ceil(SHARDS), is_read, is_full }
    }

    /// Reads which certificates are registered. It must observe commits already.
    pub(crate) async fn read(&self, registry: &dyn Registry) -> Result<(), StorageError> {
        let (began, mut known, mut after) = (Instant::now(), 0_usize, None);
        loop {
            let ids = registry.certificate_ids(after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            known += ids.len();
            ids.iter().for_each(|id| self.insert(*id));
        }
        self.is_read.store(true, Ordering::SeqCst);
        debug!(certificates = known, elapsed = ?began.elapsed(), "registered certificates are known");
        Ok(())
    }

    /// Whether nobody has heard of the certificate, so that it is registered best without asking first.
    pub(crate) fn is_stranger(&self, id: CertificateId) -> bool {
        let is_complete = self.is_read.load(Ordering::SeqCst) && !self.is_full.load(Ordering::SeqCst);
        is_complete && !self.shard(id).contains(&part(id))
    }

    fn insert(&self, id: CertificateId) {
        let mut shard = self.shard(id);
        if shard.len() < self.shard_max {
            shard.insert(part(id));
        } else {
            self.is_full.store(true, Ordering::SeqCst);
        }
    }

    fn shard(&self, id: CertificateId) -> MutexGuard<'_, HashSet<u64>> {
        let [first, ..] = *id.as_bytes();
        self.shards[usize::from(first) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitObserver for KnownCertificates {
    fn committed(&self, changes: &[Change]) {
        for change in changes {
            if let Change::Certificate(CertificateChange::Insert(certificate)) = change {
                self.insert(certificate.id);
            }
        }
    }
}

/// A part of the id: 64 bits of a digest.
fn part(id: CertificateId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *id.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use landfall_model::{
        Certificate, CertificateDer, CertificateMode, CertificateStatus, SignedPart, UnixTime, Validity,
    };
    use landfall_registry::{MemoryRegistry, Transaction};

    use super::*;

    fn id(number: u8) -> CertificateId {
        CertificateId::from_sha256([number; 32])
    }

    async fn register(registry: &dyn Registry, number: u8) {
        let at = UnixTime::from_secs(1);
        let mut transaction = Transaction::new();
        transaction.insert_certificate(Certificate {
            id: id(number),
            ca: None,
            mode: CertificateMode::Default,
            status: CertificateStatus::Active,
            signed_part: SignedPart::from_sha256([number; 32]),
            der: CertificateDer::new(&[number]),
            validity: Validity { not_before: at, not_after: at },
            version: 1,
            registered_at: at,
            modified_at: at,
        });
        registry.commit(transaction).await.unwrap();
    }

    #[tokio::test]
    async fn a_stranger_is_who_was_registered_neither_before_nor_since() {
        let registry = MemoryRegistry::new();
        register(&registry, 1).await;
        let known = std::sync::Arc::new(KnownCertificates::new(1_000));
        registry.observe(std::sync::Arc::clone(&known) as std::sync::Arc<dyn CommitObserver>);
        assert!(!known.is_stranger(id(2)), "nothing was read yet");
        known.read(&registry).await.unwrap();
        register(&registry, 2).await;
        for (number, expected) in [(1, false), (2, false), (3, true)] {
            assert_eq!(known.is_stranger(id(number)), expected, "{number}");
        }
    }

    #[tokio::test]
    async fn nobody_is_a_stranger_when_there_is_no_room_for_all() {
        let registry = MemoryRegistry::new();
        let known = KnownCertificates::new(SHARDS);
        known.read(&registry).await.unwrap();
        // Two of one shard.
        known.insert(id(1));
        assert!(known.is_stranger(id(200)));
        known.insert(id(65));
        assert!(!known.is_stranger(id(200)));
    }
}
