//! Promises about who hears of a commit, and when.

use std::sync::{Arc, Mutex};

use landfall_model::{EventType, Principal};

use super::samples::{CA, LATER, NOW, ca_certificate, event, id, pending, plan, scope, thing, thing_event};
use super::{Pending, commit, conflict, together};
use crate::{
    Change, CommitError, CommitObserver, Committed, Conflict, PendingEvent, Registry, ThingChange,
    Transaction,
};

/// Keeps what it hears.
#[derive(Default)]
struct Listener(Mutex<Vec<Change>>);

impl Listener {
    fn observe(registry: &dyn Registry) -> Arc<Self> {
        let listener = Arc::new(Self::default());
        registry.observe(Arc::clone(&listener) as Arc<dyn CommitObserver>);
        listener
    }

    fn heard(&self) -> Vec<Change> {
        self.0.lock().unwrap().clone()
    }
}

impl CommitObserver for Listener {
    fn committed(&self, changes: &[Change]) {
        self.0.lock().unwrap().extend_from_slice(changes);
    }
}

/// When a commit returns, its changes were heard, behind those of every commit before it, as many as wait together.
pub async fn an_observer_hears_before_the_committer_and_in_order(registry: &dyn Registry) {
    let listener = Listener::observe(registry);
    let mut expected = Vec::new();
    for number in 0..4 {
        let mut transaction = Transaction::new();
        transaction.insert_certificate(pending(number));
        transaction.insert_thing(thing(&format!("first-{number}")));
        expected.extend_from_slice(transaction.changes());
        registry.commit(transaction).await.unwrap();
        assert_eq!(listener.heard(), expected);
    }

    let commits = (0..64).map(|number| {
        let mut transaction = Transaction::new();
        transaction.insert_thing(thing(&format!("second-{number}")));
        expected.extend_from_slice(transaction.changes());
        let listener = Arc::clone(&listener);
        Box::pin(async move {
            let change = transaction.changes().to_vec();
            registry.commit(transaction).await.unwrap();
            assert!(listener.heard().contains(&change[0]));
        }) as Pending<'_, ()>
    });
    let commits: Vec<_> = commits.collect();
    together(commits).await;
    assert_eq!(listener.heard(), expected, "the order is that in which the transactions were handed over");
}

/// A transaction that was not carried out is not told.
pub async fn an_observer_hears_of_no_conflict(registry: &dyn Registry) {
    let listener = Listener::observe(registry);
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    let heard = listener.heard();
    conflict(registry, Conflict::ThingExists(thing("t").name), |tx| {
        tx.insert_certificate(pending(1));
        tx.insert_thing(thing("t"));
    })
    .await;
    assert_eq!(listener.heard(), heard);

    // Nor is it when others that wait with it are carried out.
    let commits = (0..8).map(|number| {
        let mut transaction = Transaction::new();
        transaction.insert_certificate(pending(number));
        transaction.insert_thing(thing(&format!("t{}", number / 2)));
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let done = together(commits.collect()).await;
    assert_eq!(done.iter().filter(|result| result.is_ok()).count(), 4);
    let told = listener.heard();
    let things = told.iter().filter(|change| matches!(change, Change::Thing(ThingChange::Insert(_))));
    assert_eq!((things.count(), told.len()), (1 + 4, 1 + 2 * 4));
}

/// Several observers hear the same; one that comes later hears what comes later.
pub async fn every_observer_hears_of_what_comes_after_it(registry: &dyn Registry) {
    let first = Listener::observe(registry);
    commit(registry, |tx| tx.insert_certificate(pending(1))).await;
    let second = Listener::observe(registry);
    commit(registry, |tx| tx.activate_certificate(id(1), LATER)).await;
    let (first, second) = (first.heard(), second.heard());
    assert_eq!((first.len(), second.len()), (2, 1));
    assert_eq!(first[1..], second);
}

/// What an observer is told of one transaction, by the method that tells it.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Committed,
    Appended(PendingEvent),
    Activated(Principal),
}

/// Keeps in which order it is told what.
#[derive(Default)]
struct Protocol(Mutex<Vec<Told>>);

impl Protocol {
    fn observe(registry: &dyn Registry) -> Arc<Self> {
        let protocol = Arc::new(Self::default());
        registry.observe(Arc::clone(&protocol) as Arc<dyn CommitObserver>);
        protocol
    }

    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn push(&self, told: Told) {
        self.0.lock().unwrap().push(told);
    }
}

impl CommitObserver for Protocol {
    fn committed(&self, _: &[Change]) {
        self.push(Told::Committed);
    }

    fn appended(&self, event: &PendingEvent) {
        self.push(Told::Appended(event.clone()));
    }

    fn activated(&self, principal: &Principal) {
        self.push(Told::Activated(principal.clone()));
    }
}

/// Committer and observer get the events that were stored, and no others, in the order and form in which they wait:
/// behind the changes and before the activation.
pub async fn events_are_told_as_they_are_stored(registry: &dyn Registry) {
    let protocol = Protocol::observe(registry);
    commit(registry, |tx| tx.insert_ca_certificate(ca_certificate(CA))).await;
    assert_eq!(protocol.take(), [Told::Committed]);

    let mut registration = Transaction::new();
    registration.register(pending(1), CA);
    registration.append(event(1));
    registration.append(thing_event("off"));
    registration.configure_events(vec![(EventType::Thing, true), (EventType::ThingType, true)], NOW);
    registration.provision(&plan(1), &scope(), LATER);
    let committed = registry.commit(registration).await.unwrap();
    let waiting = registry.pending_events(None, 9).await.unwrap();
    let topics: Vec<_> = waiting.iter().map(|event| event.topic.as_str()).collect();
    let registered = event(1).topic();
    let expected = [
        registered.as_str(),
        "$aws/events/thingType/sensor-device/created",
        "$aws/events/thing/thing-1/created",
    ];
    assert_eq!(topics, expected);
    assert_eq!(committed.events, waiting);
    let mut expected = vec![Told::Committed];
    expected.extend(waiting.iter().cloned().map(Told::Appended));
    expected.extend(committed.activated.map(Told::Activated));
    assert_eq!(expected.len(), 1 + 3 + 1);
    assert_eq!(protocol.take(), expected);

    // Each transaction has its own, and one that conflicts has none.
    conflict(registry, Conflict::CertificateNotPending(id(1)), |tx| {
        tx.append(event(2));
        tx.activate_certificate(id(1), LATER);
    })
    .await;
    assert_eq!(protocol.take(), []);
    let commits = (3..19).map(|number| {
        let mut transaction = Transaction::new();
        transaction.append(event(number));
        transaction.append(thing_event(&format!("t{number}")));
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let events = together(commits.collect()).await.into_iter().map(|result| result.unwrap().events);
    let events: Vec<_> = events.inspect(|events| assert_eq!(events.len(), 2)).collect();
    let behind = registry.pending_events(waiting.last().map(|event| event.id), 99).await.unwrap();
    assert_eq!(events.concat(), behind);
    let told = protocol.take().into_iter().filter(|told| matches!(told, Told::Appended(_)));
    assert_eq!(told.collect::<Vec<_>>(), behind.into_iter().map(Told::Appended).collect::<Vec<_>>());
}
