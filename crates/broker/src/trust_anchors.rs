use std::error::Error;
use std::sync::Arc;

use landfall_model::{CaCertificate, CaCertificateId, CaStatus, Certificate};
use landfall_pki::{Anchor, ParsedCertificate, PinnedCertificates, TrustAnchors};
use landfall_registry::{
    CaCertificateChange, CertificateChange, Change, CommitObserver, PageRequest, Registry, StorageError,
};
use tokio::sync::watch;
use tracing::error;

/// Keeps ready for handshakes whom they trust: the registered CA certificates, and the certificates that are registered
/// without one. What was committed counts for the next handshake.
///
/// A certificate that is registered with a CA certificate is trusted for its sake. When that is deleted, its devices come in
/// no more, ACTIVE or not: unlike AWS IoT, which goes on to take those that it knows. Whoever wants just that sets the CA
/// certificate INACTIVE, and whoever deletes it means it. Connections that are open stay, until their certificates are
/// deactivated.
pub(crate) struct TrustAnchorsKeeper {
    anchors: watch::Sender<TrustAnchors>,
    pinned: Arc<PinnedCertificates>,
}

/// How many certificates are read at once when the broker starts.
const PAGE: u32 = 1_000;

impl TrustAnchorsKeeper {
    /// Reads every CA certificate and every certificate without one, and from then on follows the commits of `registry`.
    pub(crate) async fn start(registry: &Arc<dyn Registry>) -> Result<Arc<Self>, StorageError> {
        let pinned = Arc::new(PinnedCertificates::new());
        let (anchors, _) = watch::channel(TrustAnchors::pinning(Arc::clone(&pinned)));
        let keeper = Arc::new(Self { anchors, pinned });
        // Observed before it is read: what is committed in between is seen twice rather than never. A certificate that
        // is deleted just then may stay pinned, and its device is refused at CONNECT.
        registry.observe(Arc::clone(&keeper) as Arc<dyn CommitObserver>);
        keeper.read_ca_certificates(&**registry).await?;
        keeper.read_pinned(&**registry).await?;
        Ok(keeper)
    }

    async fn read_ca_certificates(&self, registry: &dyn Registry) -> Result<(), StorageError> {
        let mut request = PageRequest::first(PAGE);
        loop {
            let page = registry.ca_certificates(request).await?;
            page.items.iter().for_each(|ca| self.insert(ca));
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn read_pinned(&self, registry: &dyn Registry) -> Result<(), StorageError> {
        let mut request = PageRequest::first(PAGE);
        loop {
            let page = registry.certificates_without_ca(request).await?;
            page.items.iter().for_each(|certificate| self.pin(certificate));
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// The trust anchors of this moment.
    pub(crate) fn current(&self) -> TrustAnchors {
        self.anchors.borrow().clone()
    }

    /// It was checked when it was registered, so a problem here is a fault of the stored data.
    fn insert(&self, ca: &CaCertificate) {
        if let Err(problem) = self.try_insert(ca) {
            error!(ca.id = %ca.id, error = &*problem, "registered CA certificate cannot be used");
        }
    }

    fn try_insert(&self, ca: &CaCertificate) -> Result<(), Box<dyn Error>> {
        let anchor = Anchor::new(ParsedCertificate::from_der(ca.der.as_bytes())?)?.in_mode(ca.mode);
        let anchors = self.current().with(anchor)?;
        self.anchors.send_replace(anchors);
        self.rank(ca.id, ca.status);
        Ok(())
    }

    /// A CA certificate that was renewed with the same key shares its devices with the one before it. The ACTIVE one is
    /// taken, since an INACTIVE one registers nobody.
    fn rank(&self, id: CaCertificateId, status: CaStatus) {
        self.anchors.send_modify(|anchors| {
            *anchors = match status {
                CaStatus::Active => anchors.preferring(&id),
                CaStatus::Inactive => anchors.deferring(&id),
            };
        });
    }

    fn remove(&self, id: CaCertificateId) {
        self.anchors.send_modify(|anchors| *anchors = anchors.without(&id));
    }

    /// Takes a certificate by its fingerprint if nobody else vouches for it.
    fn pin(&self, certificate: &Certificate) {
        if certificate.ca.is_none() {
            self.pinned.pin(certificate.id, certificate.mode);
        }
    }

    fn ca_certificate_changed(&self, change: &CaCertificateChange) {
        match change {
            CaCertificateChange::Insert(ca) => self.insert(ca),
            CaCertificateChange::Delete { id } => self.remove(*id),
            // Whether it registers devices is asked at CONNECT, from the registry; here it only comes first or last among
            // those that could have signed a chain.
            CaCertificateChange::Update { id, status, .. } => {
                if let Some(status) = status {
                    self.rank(*id, *status);
                }
            }
        }
    }

    fn certificate_changed(&self, change: &CertificateChange) {
        match change {
            CertificateChange::Insert(certificate) => self.pin(certificate),
            CertificateChange::Delete { id, .. } => self.pinned.unpin(id),
            // Whether it may connect is asked at CONNECT.
            CertificateChange::Activate { .. }
            | CertificateChange::SetStatus { .. }
            | CertificateChange::AttachThing { .. }
            | CertificateChange::DetachThing { .. } => {}
        }
    }
}

impl CommitObserver for TrustAnchorsKeeper {
    fn committed(&self, changes: &[Change]) {
        for change in changes {
            if let Change::CaCertificate(change) = change {
                self.ca_certificate_changed(change);
            } else if let Change::Certificate(change) = change {
                self.certificate_changed(change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::{
        CertificateDer, CertificateId, CertificateMode, CertificateStatus, SignedPart, UnixTime, Validity,
    };
    use landfall_registry::{MemoryRegistry, Transaction};

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn id(byte: u8) -> CertificateId {
        CertificateId::from_sha256([byte; 32])
    }

    /// Registers a certificate.
    async fn register(registry: &dyn Registry, byte: u8, ca: Option<u8>, mode: CertificateMode) {
        commit(registry, |transaction| {
            transaction.insert_certificate(Certificate {
                id: id(byte),
                ca: ca.map(|byte| CaCertificateId::from_sha256([byte; 32])),
                status: CertificateStatus::Active,
                mode,
                signed_part: SignedPart::from_sha256([byte; 32]),
                der: CertificateDer::new(&[byte]),
                validity: Validity { not_before: NOW, not_after: NOW },
                version: 1,
                registered_at: NOW,
                modified_at: NOW,
            });
        })
        .await;
    }

    async fn commit(registry: &dyn Registry, change: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::new();
        change(&mut transaction);
        registry.commit(transaction).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_registered_without_a_ca_is_pinned_until_it_is_deleted() {
        use CertificateMode::{Default, SniOnly};

        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        register(&*registry, 1, None, SniOnly).await;
        register(&*registry, 2, Some(200), Default).await;
        register(&*registry, 3, None, Default).await;

        let keeper = TrustAnchorsKeeper::start(&registry).await.unwrap();
        let modes = || [1, 2, 3, 4, 5].map(|byte| keeper.current().pinned().mode_of(&id(byte)));
        assert_eq!(modes(), [Some(SniOnly), None, Some(Default), None, None], "what was there before");

        register(&*registry, 4, None, SniOnly).await;
        register(&*registry, 5, Some(200), SniOnly).await;
        assert_eq!(modes(), [Some(SniOnly), None, Some(Default), Some(SniOnly), None]);

        for status in [CertificateStatus::Inactive, CertificateStatus::Revoked] {
            commit(&*registry, |transaction| transaction.set_certificate_status(id(4), status, NOW)).await;
            assert_eq!(modes()[3], Some(SniOnly), "it is refused at CONNECT, with its reason");
        }
        commit(&*registry, |transaction| transaction.delete_certificate(id(4), false)).await;
        assert_eq!(modes(), [Some(SniOnly), None, Some(Default), None, None]);
    }
}
