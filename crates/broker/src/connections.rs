//! The live connections, by certificate and by client id: who has to go when a certificate is revoked or a client id is
//! taken over, and who waits for a certificate to become ACTIVE.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use landfall_model::{CertificateId, CertificateStatus, ClientId};
use landfall_registry::{CertificateChange, Change, CommitObserver};
use tokio::sync::Notify;

/// The id of a connection, unique while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(u64);

/// Why the broker ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// Another connection came with the same client id.
    TakenOver,
    /// Its certificate may not connect any more.
    CertificateDeactivated,
    /// It made no room for a message in time.
    NotTaking,
    /// The server shuts down.
    ShuttingDown,
}

/// The table of live connections.
#[derive(Default)]
pub(crate) struct Connections {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last_id: u64,
    live: HashMap<ConnectionId, Live>,
    by_certificate: HashMap<CertificateId, Vec<ConnectionId>>,
    by_client: HashMap<ClientId, ConnectionId>,
    /// Set when every connection was ended: one that comes later is ended too.
    closed: Option<EndReason>,
}

struct Live {
    certificate: CertificateId,
    client: Option<ClientId>,
    /// While it is held: what its client calls itself, if it said so.
    held: Option<Option<ClientId>>,
    signals: Arc<Signals>,
}

/// What the table tells one connection.
#[derive(Default)]
struct Signals {
    end: OnceLock<EndReason>,
    ended: Notify,
    activated: Notify,
}

/// A connection's place in the table, given back when it is dropped.
pub(crate) struct Entry {
    id: ConnectionId,
    signals: Arc<Signals>,
    connections: Arc<Connections>,
}

impl Connections {
    /// Enters a connection, before its certificate's status is read: a change after that finds it here.
    pub(crate) fn enter(self: &Arc<Self>, certificate: CertificateId) -> Entry {
        let signals = Arc::new(Signals::default());
        let mut inner = self.lock();
        inner.last_id += 1;
        let id = ConnectionId(inner.last_id);
        if let Some(reason) = inner.closed {
            signals.end(reason);
        }
        let live = Live { certificate, client: None, held: None, signals: Arc::clone(&signals) };
        inner.live.insert(id, live);
        inner.by_certificate.entry(certificate).or_default().push(id);
        Entry { id, signals, connections: Arc::clone(self) }
    }

    /// Ends every connection.
    pub(crate) fn end_all(&self, reason: EndReason) {
        let mut inner = self.lock();
        inner.closed = Some(reason);
        for live in inner.live.values() {
            live.signals.end(reason);
        }
    }

    /// Ends one connection.
    pub(crate) fn end(&self, id: ConnectionId, reason: EndReason) {
        if let Some(live) = self.lock().live.get(&id) {
            live.signals.end(reason);
        }
    }

    fn status_changed(&self, certificate: CertificateId, status: CertificateStatus) {
        let inner = self.lock();
        let of_certificate = inner.by_certificate.get(&certificate).into_iter().flatten();
        for live in of_certificate.filter_map(|id| inner.live.get(id)) {
            match status {
                CertificateStatus::Active => live.signals.activated.notify_one(),
                CertificateStatus::Inactive | CertificateStatus::Revoked => {
                    live.signals.end(EndReason::CertificateDeactivated);
                }
                CertificateStatus::PendingActivation { .. } => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change below is complete before anything in it could panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitObserver for Connections {
    fn committed(&self, changes: &[Change]) {
        for change in changes {
            if let Change::Certificate(change) = change {
                match change {
                    CertificateChange::Activate { id, .. } => {
                        self.status_changed(*id, CertificateStatus::Active)
                    }
                    CertificateChange::SetStatus { id, status, .. } => self.status_changed(*id, *status),
                    CertificateChange::Insert(_)
                    | CertificateChange::AttachThing { .. }
                    | CertificateChange::AttachPolicy { .. } => {}
                }
            }
        }
    }
}

impl Entry {
    /// The connection's id.
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Takes a client id: a connection that has it is ended (MQTT-3.1.4-2 in 3.1.1, MQTT-3.1.4-3 in 5), unless that one
    /// came later and this one was only held longer; then this one ends.
    pub(crate) fn claim(&self, client: &ClientId) {
        let mut inner = self.connections.lock();
        match inner.by_client.get(client).copied() {
            Some(later) if later > self.id => return self.signals.end(EndReason::TakenOver),
            Some(earlier) => {
                if let Some(earlier) = inner.live.get(&earlier).filter(|_| earlier != self.id) {
                    earlier.signals.end(EndReason::TakenOver);
                }
            }
            None => {}
        }
        inner.by_client.insert(client.clone(), self.id);
        if let Some(live) = inner.live.get_mut(&self.id) {
            live.client = Some(client.clone());
        }
    }

    /// Says that the connection is held from now on. An earlier one that is held for the same certificate and client id
    /// is ended: its client has come back. Whether there are at most `max` now for the certificate.
    pub(crate) fn hold(&self, client: Option<&ClientId>, max: usize) -> bool {
        let mut inner = self.connections.lock();
        let Some(live) = inner.live.get_mut(&self.id) else { return false };
        live.held = Some(client.cloned());
        let certificate = live.certificate;
        let ids = inner.by_certificate.get(&certificate).into_iter().flatten();
        let others = ids.filter(|id| **id != self.id).filter_map(|id| inner.live.get(id));
        let mut held = 1;
        for other in others.filter(|other| other.held.is_some() && other.signals.end.get().is_none()) {
            if client.is_some() && other.held.as_ref().is_some_and(|other| other.as_ref() == client) {
                other.signals.end(EndReason::TakenOver);
            } else {
                held += 1;
            }
        }
        held <= max
    }

    /// Says that the connection is not held any more.
    pub(crate) fn release(&self) {
        if let Some(live) = self.connections.lock().live.get_mut(&self.id) {
            live.held = None;
        }
    }

    /// Waits until the broker wants the connection to end. Cancel safe.
    pub(crate) async fn ended(&self) -> EndReason {
        loop {
            let notified = self.signals.ended.notified();
            if let Some(reason) = self.signals.end.get() {
                return *reason;
            }
            notified.await;
        }
    }

    /// Waits until the certificate has become ACTIVE since the last call. Cancel safe.
    pub(crate) async fn activated(&self) {
        self.signals.activated.notified().await;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut inner = self.connections.lock();
        let Some(live) = inner.live.remove(&self.id) else { return };
        if let Some(ids) = inner.by_certificate.get_mut(&live.certificate) {
            ids.retain(|id| *id != self.id);
            if ids.is_empty() {
                inner.by_certificate.remove(&live.certificate);
            }
        }
        // The client id may be that of another connection by now.
        if let Some(client) = live.client.filter(|client| inner.by_client.get(client) == Some(&self.id)) {
            inner.by_client.remove(&client);
        }
    }
}

impl Signals {
    fn end(&self, reason: EndReason) {
        // The first reason stays.
        if self.end.set(reason).is_ok() {
            self.ended.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::UnixTime;

    use super::*;

    const CERTIFICATE: CertificateId = CertificateId::from_sha256([1; 32]);
    const OTHER: CertificateId = CertificateId::from_sha256([2; 32]);

    fn revoke(id: CertificateId) -> [Change; 1] {
        let (status, at) = (CertificateStatus::Revoked, UnixTime::from_secs(1));
        [Change::Certificate(CertificateChange::SetStatus { id, status, at })]
    }

    #[tokio::test]
    async fn revoking_a_certificate_ends_its_connections_and_no_others() {
        let connections = Arc::new(Connections::default());
        let (first, second, other) =
            (connections.enter(CERTIFICATE), connections.enter(CERTIFICATE), connections.enter(OTHER));
        connections.committed(&revoke(CERTIFICATE));
        assert_eq!(first.ended().await, EndReason::CertificateDeactivated);
        assert_eq!(second.ended().await, EndReason::CertificateDeactivated);
        assert!(other.signals.end.get().is_none());
    }

    #[tokio::test]
    async fn a_client_id_is_taken_over_and_outlives_the_one_that_lost_it() {
        let connections = Arc::new(Connections::default());
        let client = ClientId::parse("thing-1").unwrap();
        let first = connections.enter(CERTIFICATE);
        first.claim(&client);
        let second = connections.enter(OTHER);
        second.claim(&client);
        assert_eq!(first.ended().await, EndReason::TakenOver);
        drop(first);
        let third = connections.enter(CERTIFICATE);
        third.claim(&client);
        assert_eq!(second.ended().await, EndReason::TakenOver);
    }

    #[tokio::test]
    async fn a_connection_that_was_held_longer_does_not_take_over_a_later_one() {
        let connections = Arc::new(Connections::default());
        let client = ClientId::parse("thing-1").unwrap();
        let (earlier, later) = (connections.enter(CERTIFICATE), connections.enter(CERTIFICATE));
        later.claim(&client);
        earlier.claim(&client);
        assert_eq!(earlier.ended().await, EndReason::TakenOver);
        assert!(later.signals.end.get().is_none());
    }

    #[tokio::test]
    async fn a_client_that_comes_back_while_it_is_held_ends_its_earlier_connection() {
        let connections = Arc::new(Connections::default());
        let client = ClientId::parse("thing-1").unwrap();
        let (first, second) = (connections.enter(CERTIFICATE), connections.enter(CERTIFICATE));
        assert!(first.hold(Some(&client), 1));
        assert!(second.hold(Some(&client), 1));
        assert_eq!(first.ended().await, EndReason::TakenOver);
        let third = connections.enter(CERTIFICATE);
        assert!(!third.hold(None, 1));
        second.release();
        third.release();
        assert!(connections.enter(CERTIFICATE).hold(None, 1));
    }

    #[tokio::test]
    async fn a_connection_that_comes_after_the_end_of_all_is_ended() {
        let connections = Arc::new(Connections::default());
        connections.end_all(EndReason::ShuttingDown);
        assert_eq!(connections.enter(CERTIFICATE).ended().await, EndReason::ShuttingDown);
    }

    #[tokio::test]
    async fn an_activation_before_the_wait_is_not_missed() {
        let connections = Arc::new(Connections::default());
        let entry = connections.enter(CERTIFICATE);
        let at = UnixTime::from_secs(1);
        connections.committed(&[Change::Certificate(CertificateChange::Activate { id: CERTIFICATE, at })]);
        entry.activated().await;
    }

    #[test]
    fn the_table_is_empty_when_everyone_has_left() {
        let connections = Arc::new(Connections::default());
        let entry = connections.enter(CERTIFICATE);
        entry.claim(&ClientId::parse("a").unwrap());
        drop(entry);
        let inner = connections.lock();
        assert!(inner.live.is_empty() && inner.by_certificate.is_empty() && inner.by_client.is_empty());
    }
}
