use std::error::Error;
use std::sync::Arc;

use landfall_model::{CaCertificate, CaCertificateId, CaStatus};
use landfall_pki::{Anchor, ParsedCertificate, TrustAnchors};
use landfall_registry::{CaCertificateChange, Change, CommitObserver, PageRequest, Registry, StorageError};
use tokio::sync::watch;
use tracing::error;

/// Keeps the registered CA certificates ready for handshakes: what was committed counts for the next handshake.
pub(crate) struct TrustAnchorsKeeper {
    anchors: watch::Sender<TrustAnchors>,
}

/// How many CA certificates are read at once when the broker starts.
const PAGE: u32 = 250;

impl TrustAnchorsKeeper {
    /// Reads every CA certificate, and from then on follows the commits of `registry`.
    pub(crate) async fn start(registry: &Arc<dyn Registry>) -> Result<Arc<Self>, StorageError> {
        let (anchors, _) = watch::channel(TrustAnchors::new());
        let keeper = Arc::new(Self { anchors });
        // Observed before it is read: what is committed in between is seen twice rather than never.
        registry.observe(Arc::clone(&keeper) as Arc<dyn CommitObserver>);
        let mut request = PageRequest::first(PAGE);
        loop {
            let page = registry.ca_certificates(request).await?;
            for ca in &page.items {
                keeper.insert(ca);
            }
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(keeper),
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
        let anchor = Anchor::new(ParsedCertificate::from_der(ca.der.as_bytes())?)?;
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
}

impl CommitObserver for TrustAnchorsKeeper {
    fn committed(&self, changes: &[Change]) {
        for change in changes {
            if let Change::CaCertificate(change) = change {
                match change {
                    CaCertificateChange::Insert(ca) => self.insert(ca),
                    CaCertificateChange::Delete { id } => self.remove(*id),
                    // Whether it registers devices is asked at CONNECT, from the registry; here it only comes first or
                    // last among those that could have signed a chain.
                    CaCertificateChange::Update { id, status, .. } => {
                        if let Some(status) = status {
                            self.rank(*id, *status);
                        }
                    }
                }
            }
        }
    }
}
