//! The registered CA certificates, ready to be asked which of them issued a certificate.

use std::sync::{Mutex, MutexGuard, PoisonError};

use landfall_model::CaCertificate;
use landfall_pki::{
    Anchor, CaError, CertificateError, ParsedCertificate, TooManyCaCertificates, TrustAnchors,
};
use landfall_registry::{CaCertificateChange, Change, CommitObserver, PageRequest, Registry};
use thiserror::Error;

use crate::failure::Failure;

/// The registered CA certificates as of the last commit, read when they are first asked for and again after a change of
/// them.
#[derive(Default)]
pub(crate) struct RegisteredCas {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Goes up with each change.
    generation: u64,
    anchors: Option<TrustAnchors>,
}

/// Why stored CA certificates cannot be used. They were checked when they were registered, so the registry is damaged.
#[derive(Debug, Error)]
enum StoredCaError {
    #[error(transparent)]
    Unreadable(#[from] CertificateError),
    #[error(transparent)]
    Unusable(#[from] CaError),
    #[error(transparent)]
    TooMany(#[from] TooManyCaCertificates),
}

/// How many CA certificates are read at once.
const READ_AT_ONCE: u32 = 250;

impl RegisteredCas {
    /// All of them, ACTIVE or not.
    ///
    /// # Errors
    /// The registry failed, or is damaged.
    pub(crate) async fn anchors(&self, registry: &dyn Registry) -> Result<TrustAnchors, Failure> {
        let generation = {
            let state = self.state();
            match &state.anchors {
                Some(anchors) => return Ok(anchors.clone()),
                None => state.generation,
            }
        };
        let anchors = read(registry).await?;
        let mut state = self.state();
        // A change since then may be in what was read, or not.
        if state.generation == generation {
            state.anchors = Some(anchors.clone());
        }
        Ok(anchors)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitObserver for RegisteredCas {
    fn committed(&self, changes: &[Change]) {
        // A new status changes nobody's signature.
        let is_change = |change: &Change| {
            matches!(
                change,
                Change::CaCertificate(CaCertificateChange::Insert(_) | CaCertificateChange::Delete { .. })
            )
        };
        if changes.iter().any(is_change) {
            let mut state = self.state();
            state.generation += 1;
            state.anchors = None;
        }
    }
}

async fn read(registry: &dyn Registry) -> Result<TrustAnchors, Failure> {
    let mut anchors = Vec::new();
    let mut page = PageRequest::first(READ_AT_ONCE);
    let damaged = |error: StoredCaError| Failure::internal("reading the stored CA certificates", error);
    loop {
        let part = registry.ca_certificates(page).await?;
        for ca in &part.items {
            anchors.push(anchor(ca).map_err(damaged)?);
        }
        if part.next.is_none() {
            break;
        }
        page.after = part.next;
    }
    TrustAnchors::of(anchors).map_err(|error| damaged(error.into()))
}

fn anchor(ca: &CaCertificate) -> Result<Anchor, StoredCaError> {
    let certificate = ParsedCertificate::from_der(ca.der.as_bytes())?;
    Ok(Anchor::new(certificate)?.in_mode(ca.mode))
}
