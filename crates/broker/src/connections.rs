//! The live connections, by certificate and by client id: who has to go when a certificate is revoked or a client id is
//! taken over, and who waits for a certificate to become ACTIVE.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use landfall_model::{CaCertificateId, CaStatus, CertificateId, CertificateStatus, ClientId};
use landfall_registration::{ConnectionFacts, InactiveCaDevices};
use landfall_registry::{CaCertificateChange, CertificateChange, Change, CommitObserver};
use tokio::sync::Notify;

use crate::principals::Admitted;
use crate::touched::{Touched, Touches, touched};

/// The id of a connection, unique while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(u64);

/// Why the broker ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// Another connection came with the same client id.
    TakenOver,
    /// Its CA certificate is INACTIVE, and its devices go with it.
    CaDeactivated,
    /// Its certificate may not connect any more.
    CertificateDeactivated,
    /// It made no room for a message in time.
    NotTaking,
    /// The server shuts down.
    ShuttingDown,
}

/// Where a connection comes from, as far as the handshake tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The registered CA certificate at which its chain ends, where there is one.
    pub(crate) ca: Option<CaCertificateId>,
    pub(crate) source: IpAddr,
    /// The name under which the client knows the server, where it said so (RFC 6066, section 3).
    pub(crate) server_name: Option<Box<str>>,
}

impl Origin {
    /// What policies can ask about a connection from here, whose client asks for a session that is kept or does not.
    pub(crate) fn facts(&self, is_persistent: bool) -> ConnectionFacts<'_> {
        ConnectionFacts { source: self.source, server_name: self.server_name.as_deref(), is_persistent }
    }
}

/// A client that is let in, as the table knows it.
#[derive(Clone, Debug)]
pub(crate) struct LiveClient {
    pub(crate) client_id: ClientId,
    /// Whether it asked for a session that is kept.
    pub(crate) is_persistent: bool,
    pub(crate) origin: Arc<Origin>,
}

/// The table of live connections.
#[derive(Default)]
pub(crate) struct Connections {
    inner: Mutex<Inner>,
    touches: Arc<Touches>,
    inactive_ca_devices: InactiveCaDevices,
    /// Says that rights were touched that are not found by a certificate.
    swept: Notify,
}

#[derive(Default)]
struct Inner {
    last_id: u64,
    /// How many CONNECTs were complete so far.
    connects: u64,
    live: HashMap<ConnectionId, Live>,
    by_certificate: HashMap<CertificateId, Vec<ConnectionId>>,
    by_client: HashMap<ClientId, ConnectionId>,
    /// Set when every connection was ended: one that comes later is ended too.
    closed: Option<EndReason>,
    /// The CA certificates whose devices go with the next sweep.
    deactivated_cas: HashSet<CaCertificateId>,
}

struct Live {
    certificate: CertificateId,
    /// None is a subscriber in this process.
    origin: Option<Arc<Origin>>,
    client: Option<ClientId>,
    is_persistent: bool,
    /// The number of its CONNECT, in the order in which they were complete; 0 before that.
    connect: u64,
    /// While it is held: what its client calls itself, if it said so.
    held: Option<Option<ClientId>>,
    /// Once it is let in: whose rights it has, as of when.
    admitted: Option<Arc<Admitted>>,
    signals: Arc<Signals>,
}

/// What the table tells one connection.
#[derive(Default)]
struct Signals {
    end: OnceLock<EndReason>,
    ended: Notify,
    activated: Notify,
    touched: Notify,
}

/// A connection's place in the table, given back when it is dropped.
pub(crate) struct Entry {
    id: ConnectionId,
    signals: Arc<Signals>,
    connections: Arc<Connections>,
}

/// How long sweeping rests after a sweep: one then serves for many changes.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

impl Connections {
    pub(crate) fn new(touches: Arc<Touches>, inactive_ca_devices: InactiveCaDevices) -> Self {
        Self { touches, inactive_ca_devices, ..Self::default() }
    }

    /// Tells connections whose rights were touched by a change of a policy, a thing or a thing group, and ends those whose
    /// CA certificate was deactivated. Runs until it is dropped; it is not in the writer's turn because it asks every
    /// connection.
    pub(crate) async fn sweep(&self) {
        loop {
            self.swept.notified().await;
            self.end_of_deactivated_cas();
            let admitted: Vec<_> = self.lock().live.values().filter_map(Live::admitted).collect();
            for (admitted, signals) in admitted {
                if self.touches.is_touched(&admitted.principal, admitted.as_of) {
                    signals.touched.notify_one();
                }
            }
            tokio::time::sleep(SWEEP_PAUSE).await;
        }
    }

    /// Enters a connection, before its certificate's status is read: a change after that finds it here.
    /// A subscriber in this process has no origin.
    pub(crate) fn enter(self: &Arc<Self>, certificate: CertificateId, origin: Option<Arc<Origin>>) -> Entry {
        let signals = Arc::new(Signals::default());
        let mut inner = self.lock();
        inner.last_id += 1;
        let id = ConnectionId(inner.last_id);
        if let Some(reason) = inner.closed {
            signals.end(reason);
        }
        let live = Live {
            certificate,
            origin,
            client: None,
            is_persistent: false,
            connect: 0,
            held: None,
            admitted: None,
            signals: Arc::clone(&signals),
        };
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

    /// A client of a certificate that is let in now: the one of this id, or else the only one.
    pub(crate) fn client_of(&self, certificate: CertificateId, id: Option<&ClientId>) -> Option<LiveClient> {
        let inner = self.lock();
        let ids = inner.by_certificate.get(&certificate).into_iter().flatten();
        let mut clients = ids.filter_map(|id| inner.live.get(id)).filter_map(Live::client);
        let found = clients.find(|client| id.is_none_or(|id| client.client_id == *id))?;
        // Without an id, which of several was meant is not known.
        (id.is_some() || clients.next().is_none()).then_some(found)
    }

    /// Ends the connections of the CA certificates that were deactivated since the last time. One that comes later finds its
    /// CA certificate INACTIVE.
    fn end_of_deactivated_cas(&self) {
        let mut inner = self.lock();
        let cas = std::mem::take(&mut inner.deactivated_cas);
        if cas.is_empty() {
            return;
        }
        for live in inner.live.values() {
            let ca = live.origin.as_ref().and_then(|origin| origin.ca);
            if ca.is_some_and(|ca| cas.contains(&ca)) {
                live.signals.end(EndReason::CaDeactivated);
            }
        }
    }

    /// Tells the connections of a certificate that their rights were touched.
    fn certificate_touched(&self, certificate: CertificateId) {
        let inner = self.lock();
        let of_certificate = inner.by_certificate.get(&certificate).into_iter().flatten();
        for live in of_certificate.filter_map(|id| inner.live.get(id)).filter(|live| live.admitted.is_some())
        {
            live.signals.touched.notify_one();
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

    fn ca_status_changed(&self, ca: CaCertificateId, status: Option<CaStatus>) {
        match (self.inactive_ca_devices, status) {
            (InactiveCaDevices::Go, Some(CaStatus::Inactive)) => {
                self.lock().deactivated_cas.insert(ca);
                self.swept.notify_one();
            }
            // Who comes from now on must not go with a sweep that is still to come.
            (InactiveCaDevices::Go, Some(CaStatus::Active)) => {
                self.lock().deactivated_cas.remove(&ca);
            }
            (InactiveCaDevices::Go, None) | (InactiveCaDevices::Stay, _) => {}
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
                    // Whoever is held for it, as it was pending, has nothing to wait for any more.
                    CertificateChange::Delete { id, .. } => {
                        self.status_changed(*id, CertificateStatus::Revoked);
                    }
                    CertificateChange::Insert(_)
                    | CertificateChange::AttachThing { .. }
                    | CertificateChange::DetachThing { .. } => {}
                }
            } else if let Change::CaCertificate(CaCertificateChange::Update { id, status, .. }) = change {
                self.ca_status_changed(*id, *status);
            }
        }
        for touched in touched(changes) {
            match touched {
                Touched::Nobody | Touched::Ca(_) => {}
                Touched::Certificate(id) => self.certificate_touched(id),
                Touched::Policy(_) | Touched::Thing(_) | Touched::Groups => self.swept.notify_one(),
            }
        }
    }
}

impl Live {
    /// Its client, once that is let in.
    fn client(&self) -> Option<LiveClient> {
        let (Some(client_id), Some(origin), Some(_), None) =
            (&self.client, &self.origin, &self.admitted, self.signals.end.get())
        else {
            return None;
        };
        let (client_id, origin) = (client_id.clone(), Arc::clone(origin));
        Some(LiveClient { client_id, is_persistent: self.is_persistent, origin })
    }

    /// Whose rights it has, with where to tell that they were touched.
    fn admitted(&self) -> Option<(Arc<Admitted>, Arc<Signals>)> {
        self.admitted.as_ref().map(|admitted| (Arc::clone(admitted), Arc::clone(&self.signals)))
    }
}

impl Entry {
    /// The connection's id.
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Says that the CONNECT is complete, before anything is decided about it.
    pub(crate) fn connect(&self) {
        let mut inner = self.connections.lock();
        inner.connects += 1;
        let connect = inner.connects;
        if let Some(live) = inner.live.get_mut(&self.id) {
            live.connect = connect;
        }
    }

    /// Takes a client id, once the policies let the connection have it: a connection that has it is ended (MQTT-3.1.4-2 in
    /// 3.1.1, MQTT-3.1.4-3 in 5), whatever its certificate, unless the CONNECT of that one came later and this one was only
    /// held longer; then this one ends.
    pub(crate) fn claim(&self, client: &ClientId, is_persistent: bool) {
        let mut inner = self.connections.lock();
        let connect = inner.live.get(&self.id).map_or(0, |live| live.connect);
        let holder = inner.by_client.get(client).filter(|holder| **holder != self.id);
        if let Some(holder) = holder.and_then(|holder| inner.live.get(holder)) {
            if holder.connect > connect && holder.signals.end.get().is_none() {
                return self.signals.end(EndReason::TakenOver);
            }
            holder.signals.end(EndReason::TakenOver);
        }
        inner.by_client.insert(client.clone(), self.id);
        if let Some(live) = inner.live.get_mut(&self.id) {
            live.client = Some(client.clone());
            live.is_persistent = is_persistent;
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

    /// Says whose rights the connection has from now on, so that it is told when they are touched; at once if they were
    /// touched since they were read.
    pub(crate) fn admit(&self, admitted: Admitted) {
        let admitted = Arc::new(admitted);
        if let Some(live) = self.connections.lock().live.get_mut(&self.id) {
            live.admitted = Some(Arc::clone(&admitted));
        }
        if self.connections.touches.is_touched(&admitted.principal, admitted.as_of) {
            self.signals.touched.notify_one();
        }
    }

    /// Whose rights the connection has.
    pub(crate) fn admitted(&self) -> Option<Arc<Admitted>> {
        self.connections.lock().live.get(&self.id).and_then(|live| live.admitted.clone())
    }

    /// Waits until the rights may have changed since [`Self::admit`] was called last. Cancel safe.
    pub(crate) async fn touched(&self) {
        self.signals.touched.notified().await;
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
        let (first, second, other) = (
            connections.enter(CERTIFICATE, None),
            connections.enter(CERTIFICATE, None),
            connections.enter(OTHER, None),
        );
        connections.committed(&revoke(CERTIFICATE));
        assert_eq!(first.ended().await, EndReason::CertificateDeactivated);
        assert_eq!(second.ended().await, EndReason::CertificateDeactivated);
        assert!(other.signals.end.get().is_none());
    }

    #[tokio::test]
    async fn a_client_id_is_taken_over_and_outlives_the_one_that_lost_it() {
        let connections = Arc::new(Connections::default());
        let client = ClientId::parse("thing-1").unwrap();
        let first = connections.enter(CERTIFICATE, None);
        first.claim(&client, false);
        let second = connections.enter(OTHER, None);
        second.claim(&client, false);
        assert_eq!(first.ended().await, EndReason::TakenOver);
        drop(first);
        let third = connections.enter(CERTIFICATE, None);
        third.claim(&client, false);
        assert_eq!(second.ended().await, EndReason::TakenOver);
    }

    #[tokio::test]
    async fn a_connection_that_was_held_longer_does_not_take_over_a_later_one() {
        let connections = Arc::new(Connections::default());
        let client = ClientId::parse("thing-1").unwrap();
        let (second, first) = (connections.enter(CERTIFICATE, None), connections.enter(CERTIFICATE, None));
        // The order of the CONNECTs counts, not that of the handshakes.
        first.connect();
        second.connect();
        second.claim(&client, false);
        first.claim(&client, false);
        assert_eq!(first.ended().await, EndReason::TakenOver);
        assert!(second.signals.end.get().is_none());
    }

    #[tokio::test]
    async fn a_client_id_is_taken_from_a_later_connection_that_has_ended() {
        let connections = Arc::new(Connections::default());
        let client = ClientId::parse("thing-1").unwrap();
        let (first, second) = (connections.enter(CERTIFICATE, None), connections.enter(CERTIFICATE, None));
        first.connect();
        second.connect();
        second.claim(&client, false);
        connections.end(second.id(), EndReason::NotTaking);
        first.claim(&client, false);
        assert!(first.signals.end.get().is_none());
    }

    #[tokio::test]
    async fn a_client_that_comes_back_while_it_is_held_ends_its_earlier_connection() {
        let connections = Arc::new(Connections::default());
        let client = ClientId::parse("thing-1").unwrap();
        let (first, second) = (connections.enter(CERTIFICATE, None), connections.enter(CERTIFICATE, None));
        assert!(first.hold(Some(&client), 1));
        assert!(second.hold(Some(&client), 1));
        assert_eq!(first.ended().await, EndReason::TakenOver);
        let third = connections.enter(CERTIFICATE, None);
        assert!(!third.hold(None, 1));
        second.release();
        third.release();
        assert!(connections.enter(CERTIFICATE, None).hold(None, 1));
    }

    fn origin(ca: u8) -> Option<Arc<Origin>> {
        let ca = Some(CaCertificateId::from_sha256([ca; 32]));
        Some(Arc::new(Origin { ca, source: [127, 0, 0, 1].into(), server_name: None }))
    }

    #[tokio::test(start_paused = true)]
    async fn deactivating_a_ca_certificate_ends_the_connections_of_its_devices_where_they_go() {
        for (setting, status, is_ended) in [
            (InactiveCaDevices::Stay, CaStatus::Inactive, false),
            (InactiveCaDevices::Go, CaStatus::Active, false),
            (InactiveCaDevices::Go, CaStatus::Inactive, true),
        ] {
            let connections = Arc::new(Connections::new(Arc::default(), setting));
            let of_ca = [CERTIFICATE, OTHER].map(|certificate| connections.enter(certificate, origin(7)));
            let others = [connections.enter(CERTIFICATE, origin(8)), connections.enter(CERTIFICATE, None)];
            let id = CaCertificateId::from_sha256([7; 32]);
            connections.committed(&[Change::CaCertificate(CaCertificateChange::Update {
                id,
                status: Some(status),
                auto_registration: None,
                at: UnixTime::from_secs(1),
            })]);
            let swept = tokio::time::timeout(Duration::from_secs(1), connections.sweep());
            assert!(swept.await.is_err(), "sweeping does not end by itself");
            for entry in &of_ca {
                let expected = is_ended.then_some(EndReason::CaDeactivated);
                assert_eq!(entry.signals.end.get().copied(), expected, "{setting:?} {status:?}");
            }
            assert!(others.iter().all(|entry| entry.signals.end.get().is_none()), "{setting:?}");
        }
    }

    #[test]
    fn a_client_is_found_by_its_id_or_as_the_only_one() {
        let connections = Arc::new(Connections::default());
        let ids = ["a", "b"].map(|id| ClientId::parse(id).unwrap());
        let principal =
            landfall_model::Principal { certificate: CERTIFICATE, things: Vec::new(), policies: Vec::new() };
        let found = |id: Option<&ClientId>| {
            connections.client_of(CERTIFICATE, id).map(|client| client.client_id.to_string())
        };
        let entries = [(); 2].map(|()| connections.enter(CERTIFICATE, origin(7)));
        entries[0].claim(&ids[0], true);
        assert_eq!(found(None), None, "it is not let in yet");
        for (entry, client) in entries.iter().zip(&ids) {
            entry.claim(client, true);
            let as_of = connections.touches.now();
            entry.admit(Admitted { principal: principal.clone(), as_of });
            assert_eq!(found(Some(client)).as_deref(), Some(client.as_str()));
        }
        assert_eq!(found(None), None, "there are two");
        connections.end(entries[1].id(), EndReason::TakenOver);
        assert_eq!(found(None).as_deref(), Some("a"));
        assert_eq!(found(Some(&ids[1])), None);
        assert!(connections.client_of(OTHER, None).is_none());
    }

    #[tokio::test]
    async fn a_connection_that_comes_after_the_end_of_all_is_ended() {
        let connections = Arc::new(Connections::default());
        connections.end_all(EndReason::ShuttingDown);
        assert_eq!(connections.enter(CERTIFICATE, None).ended().await, EndReason::ShuttingDown);
    }

    #[tokio::test]
    async fn an_activation_before_the_wait_is_not_missed() {
        let connections = Arc::new(Connections::default());
        let entry = connections.enter(CERTIFICATE, None);
        let at = UnixTime::from_secs(1);
        connections.committed(&[Change::Certificate(CertificateChange::Activate { id: CERTIFICATE, at })]);
        entry.activated().await;
    }

    #[test]
    fn the_table_is_empty_when_everyone_has_left() {
        let connections = Arc::new(Connections::default());
        let entry = connections.enter(CERTIFICATE, None);
        entry.claim(&ClientId::parse("a").unwrap(), false);
        drop(entry);
        let inner = connections.lock();
        assert!(inner.live.is_empty() && inner.by_certificate.is_empty() && inner.by_client.is_empty());
    }
}
