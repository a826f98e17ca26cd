//! Promises about the transaction itself.

use landfall_model::{CertificateStatus, RegistrationCode};

use super::samples::{
    CA, LATER, ca_certificate, event, failure, id, pending, policy, policy_name, thing, thing_name,
    thing_type, type_name,
};
use super::{Pending, assert_conflict, commit, conflict, poll_once, together};
use crate::{CommitError, Committed, Conflict, PageRequest, RecordFilter, Registry, Transaction};

/// Nothing to do is done.
pub async fn a_transaction_without_changes_succeeds(registry: &dyn Registry) {
    commit(registry, |_| {}).await;
}

/// The changes are made in order, each on what the others before it left.
pub async fn a_change_sees_those_before_it(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.insert_ca_certificate(ca_certificate(CA));
        tx.register(pending(1), CA);
        tx.insert_thing(thing("t"));
        tx.attach_thing(id(1), thing_name("t"));
        tx.activate_certificate(id(1), LATER);
    })
    .await;
    let view = registry.view(id(1), CA).await.unwrap();
    assert_eq!(view.certificate.map(|certificate| certificate.status), Some(CertificateStatus::Active));
    assert_eq!(view.principal.map(|principal| principal.things.len()), Some(1));

    conflict(registry, Conflict::ThingNotFound(thing_name("u")), |tx| {
        tx.attach_thing(id(1), thing_name("u"));
        tx.insert_thing(thing("u"));
    })
    .await;
}

/// Of a transaction whose last change conflicts nothing is left, of no table.
pub async fn a_conflict_at_the_end_leaves_nothing(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.insert_thing(thing("there"));
        tx.insert_certificate(pending(1));
        tx.append(event(1));
        tx.record(failure(1, "first"));
    })
    .await;
    let events = registry.pending_events(None, 9).await.unwrap();
    conflict(registry, Conflict::ThingExists(thing_name("there")), |tx| {
        tx.insert_ca_certificate(ca_certificate(CA));
        tx.register(pending(2), CA);
        tx.ensure_registration_code(RegistrationCode::from_bytes([1; 32]));
        tx.ensure_thing_type(thing_type("type", &[]));
        tx.ensure_policy(policy("p", "{}"));
        tx.insert_thing(thing("new"));
        tx.attach_thing(id(1), thing_name("new"));
        tx.attach_thing(id(1), thing_name("there"));
        tx.attach_policy(id(1), policy_name("p"));
        tx.set_certificate_status(id(1), CertificateStatus::Revoked, LATER);
        tx.delivered(events[0].id);
        tx.append(event(2));
        tx.record(failure(1, "first"));
        tx.record(failure(2, "second"));
        tx.insert_thing(thing("there"));
    })
    .await;

    let everything = PageRequest::first(9);
    assert_eq!(registry.ca_certificates(everything).await.unwrap().items, []);
    assert_eq!(registry.certificates(None, everything).await.unwrap().items, [pending(1)]);
    assert_eq!(registry.registration_code().await.unwrap(), None);
    assert_eq!(registry.thing_type(&type_name("type")).await.unwrap(), None);
    assert_eq!(registry.policy(&policy_name("p")).await.unwrap(), None);
    assert_eq!(registry.things(&Default::default(), everything).await.unwrap().items, [thing("there")]);
    assert_eq!(registry.thing_principals(&thing_name("there"), None, everything).await.unwrap().items, []);
    assert_eq!(registry.pending_events(None, 9).await.unwrap(), events);
    assert_eq!(
        registry.records(&RecordFilter::default(), everything).await.unwrap().items,
        [failure(1, "first")]
    );
}

/// Of transactions that wait together, those that conflict fail and all others are carried out.
pub async fn a_conflict_fails_alone(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_thing(thing("there"))).await;
    let commits = (0..30).map(|number| {
        let mut transaction = Transaction::new();
        transaction.insert_certificate(pending(number));
        transaction.append(event(number));
        let name = if number % 3 == 1 { "there".to_owned() } else { format!("t{number}") };
        transaction.insert_thing(thing(&name));
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let results = together(commits.collect()).await;
    for (number, result) in (0..).zip(&results) {
        let registered = registry.certificate(id(number)).await.unwrap().is_some();
        if number % 3 == 1 {
            assert_conflict(result, &Conflict::ThingExists(thing_name("there")));
            assert!(!registered, "{number} left its certificate");
        } else {
            assert!(result.is_ok(), "{number}: {result:?}");
            assert!(registered, "{number} has no certificate");
        }
    }
    assert_eq!(registry.pending_events(None, 99).await.unwrap().len(), 20);
}

/// Of transactions that create a thing of the same name at the same time, one is carried out.
pub async fn one_of_many_creates_a_thing(registry: &dyn Registry) {
    let commits = (0..20).map(|number| {
        let mut transaction = Transaction::new();
        transaction.insert_certificate(pending(number));
        transaction.insert_thing(thing("wanted"));
        transaction.attach_thing(id(number), thing_name("wanted"));
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let results = together(commits.collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "exactly one must win");
    let winner = (0..).zip(&results).find(|(_, result)| result.is_ok()).unwrap().0;
    for result in results.iter().filter(|result| result.is_err()) {
        assert_conflict(result, &Conflict::ThingExists(thing_name("wanted")));
    }
    let everything = PageRequest::first(99);
    assert_eq!(registry.certificates(None, everything).await.unwrap().items, [pending(winner)]);
    let principals = registry.thing_principals(&thing_name("wanted"), None, everything).await.unwrap();
    assert_eq!(principals.map(|principal| principal.certificate).items, [id(winner)]);
}

/// Of transactions that register the same certificate at the same time, one is carried out.
pub async fn one_of_many_registers_a_certificate(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_ca_certificate(ca_certificate(CA))).await;
    let commits = (0..20).map(|number| {
        let mut transaction = Transaction::new();
        transaction.register(pending(7), CA);
        transaction.append(event(number));
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let results = together(commits.collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "exactly one must win");
    for result in results.iter().filter(|result| result.is_err()) {
        assert_conflict(result, &Conflict::CertificateExists(id(7)));
    }
    assert_eq!(registry.pending_events(None, 99).await.unwrap().len(), 1);
}

/// A committer that goes away after its transaction was handed over does not take that back.
pub async fn what_was_handed_over_is_carried_out(registry: &dyn Registry) {
    let mut transaction = Transaction::new();
    transaction.insert_thing(thing("t"));
    poll_once(registry.commit(transaction)).await;
    commit(registry, |_| {}).await;
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), Some(thing("t")));
}
