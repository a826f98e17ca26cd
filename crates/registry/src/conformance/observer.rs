//! Promises about who hears of a commit, and when.

use std::sync::{Arc, Mutex};

use super::samples::{id, pending, thing};
use super::{Pending, commit, conflict, together};
use crate::{Change, CommitError, CommitObserver, Committed, Conflict, Registry, ThingChange, Transaction};

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
    commit(registry, |tx| tx.activate_certificate(id(1), super::samples::LATER)).await;
    let (first, second) = (first.heard(), second.heard());
    assert_eq!((first.len(), second.len()), (2, 1));
    assert_eq!(first[1..], second);
}
