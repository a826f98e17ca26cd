//! What the writer remembers of the rows that it met last is right whatever becomes of them.

use landfall_model::{
    CaStatus, Certificate, CertificateStatus, EventType, PolicyTarget, Principal, ThingType,
};
use landfall_registry::conformance::samples::{
    CA, LATER, NOW, ca_certificate, certificate, id, pending, policy, policy_name, thing, thing_event,
    thing_group, thing_name, thing_type, type_name,
};
use landfall_registry::{
    Certificates, CommitError, Conflict, Outbox, PageRequest, Policies, Registry, ThingTypes, Things,
    Transaction,
};

use super::{open, transaction};
use crate::SqliteRegistry;

async fn commit(registry: &SqliteRegistry, build: impl FnOnce(&mut Transaction)) {
    registry.commit(transaction(build)).await.unwrap();
}

async fn conflict(registry: &SqliteRegistry, expected: Conflict, build: impl FnOnce(&mut Transaction)) {
    let result = registry.commit(transaction(build)).await;
    assert!(matches!(&result, Err(CommitError::Conflict(found)) if *found == expected), "{result:?}");
}

fn revoked() -> Certificate {
    certificate(1, Some(CA), CertificateStatus::Revoked)
}

/// All that a registration names, under the same names.
fn named(tx: &mut Transaction) {
    tx.insert_certificate(revoked());
    tx.insert_thing(thing("t"));
    tx.insert_policy(policy("p", "{}"));
    tx.attach_thing(id(1), thing_name("t"));
    tx.attach_policy(id(1), policy_name("p"));
}

fn named_no_more(tx: &mut Transaction) {
    tx.detach_thing(id(1), thing_name("t"));
    tx.delete_certificate(id(1), true);
    tx.delete_thing(thing_name("t"), thing("t").id, 1);
    tx.delete_policy(policy_name("p"));
}

#[tokio::test]
async fn what_was_deleted_is_not_met_again() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    commit(&registry, named).await;
    commit(&registry, named_no_more).await;
    conflict(&registry, Conflict::CertificateNotFound(id(1)), |tx| {
        tx.attach_thing(id(1), thing_name("t"));
    })
    .await;
    conflict(&registry, Conflict::ThingNotFound(thing_name("t")), |tx| {
        tx.insert_certificate(revoked());
        tx.attach_thing(id(1), thing_name("t"));
    })
    .await;
    conflict(&registry, Conflict::PolicyNotFound(policy_name("p")), |tx| {
        tx.insert_certificate(revoked());
        tx.attach_policy(id(1), policy_name("p"));
    })
    .await;

    // In one transaction, too: what comes last has the rows that came last.
    commit(&registry, |tx| {
        named(tx);
        named_no_more(tx);
        named(tx);
    })
    .await;
    let principal = registry.principal(id(1)).await.unwrap();
    let is_attached = |principal: &Principal| (principal.things.len(), principal.policies.len()) == (1, 1);
    assert!(principal.as_ref().is_some_and(is_attached), "{principal:?}");
    let principals = registry.thing_principals(&thing_name("t"), None, PageRequest::first(9)).await.unwrap();
    assert_eq!(principals.items.len(), 1);
    let targets = registry.policy_targets(&policy_name("p"), PageRequest::first(9)).await.unwrap();
    assert_eq!(targets.items, [PolicyTarget::Certificate(id(1))]);
}

#[tokio::test]
async fn what_was_rolled_back_is_not_met_again() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    commit(&registry, |tx| tx.insert_thing(thing("there"))).await;
    conflict(&registry, Conflict::ThingExists(thing_name("there")), |tx| {
        named(tx);
        tx.insert_thing_type(thing_type("type", &[]));
        tx.insert_thing(thing("there"));
    })
    .await;
    conflict(&registry, Conflict::CertificateNotFound(id(1)), |tx| {
        tx.attach_thing(id(1), thing_name("there"));
    })
    .await;
    conflict(&registry, Conflict::ThingTypeNotFound(type_name("type")), |tx| {
        tx.insert_thing(landfall_model::Thing { thing_type: Some(type_name("type")), ..thing("typed") });
    })
    .await;
    commit(&registry, named).await;
    let principal = registry.principal(id(1)).await.unwrap().unwrap();
    assert_eq!((principal.things.len(), principal.policies.len()), (1, 1));
}

#[tokio::test]
async fn what_was_changed_is_met_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    let kind = thing_type("type", &[]);
    commit(&registry, |tx| {
        tx.insert_ca_certificate(ca_certificate(CA));
        tx.register(pending(1), CA);
        tx.insert_thing_type(kind.clone());
    })
    .await;

    // The CA certificate registers devices as long as it does.
    commit(&registry, |tx| tx.update_ca_certificate(CA, Some(CaStatus::Inactive), None, LATER)).await;
    conflict(&registry, Conflict::CaNotRegistering(CA), |tx| tx.register(pending(2), CA)).await;
    commit(&registry, |tx| tx.update_ca_certificate(CA, Some(CaStatus::Active), None, LATER)).await;
    commit(&registry, |tx| tx.register(pending(2), CA)).await;
    commit(&registry, |tx| {
        tx.update_ca_certificate(CA, Some(CaStatus::Inactive), None, LATER);
        tx.delete_ca_certificate(CA);
    })
    .await;
    conflict(&registry, Conflict::CaNotRegistering(CA), |tx| tx.register(pending(3), CA)).await;

    // A deprecated type is given to no thing, and a deprecation that was rolled back is none.
    let of_type = |name: &str| landfall_model::Thing { thing_type: Some(type_name("type")), ..thing(name) };
    conflict(&registry, Conflict::ThingNotFound(thing_name("nowhere")), |tx| {
        tx.set_deprecated(kind.clone(), Some(LATER));
        tx.attach_thing(id(1), thing_name("nowhere"));
    })
    .await;
    commit(&registry, |tx| tx.insert_thing(of_type("a"))).await;
    commit(&registry, |tx| tx.set_deprecated(kind.clone(), Some(LATER))).await;
    conflict(&registry, Conflict::ThingTypeDeprecated(type_name("type")), |tx| tx.insert_thing(of_type("b")))
        .await;
    let deprecated = ThingType { deprecated_at: Some(LATER), ..kind };
    assert_eq!(registry.thing_type(&type_name("type")).await.unwrap(), Some(deprecated.clone()));
    commit(&registry, |tx| tx.set_deprecated(deprecated, None)).await;
    commit(&registry, |tx| tx.insert_thing(of_type("b"))).await;

    // Events are told as long as they are switched on.
    for (is_on, expected) in [(true, 1), (false, 1), (true, 2)] {
        commit(&registry, |tx| tx.configure_events(vec![(EventType::Thing, is_on)], NOW)).await;
        commit(&registry, |tx| tx.append(thing_event("t"))).await;
        assert_eq!(registry.pending_events(None, 9).await.unwrap().len(), expected);
    }
}

/// A thing that was in a billing group that is no more is in none, and in no other that comes later.
#[tokio::test]
async fn a_deleted_billing_group_has_no_things() {
    use landfall_registry::BillingGroups;
    use landfall_registry::conformance::samples::{billing_group, billing_name};

    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    let bills = || billing_name("bills");
    commit(&registry, |tx| {
        tx.insert_billing_group(billing_group("bills"));
        tx.insert_thing(thing("t"));
        tx.add_thing_to_billing_group(bills(), thing_name("t"));
        tx.insert_thing_group(thing_group("g", None));
    })
    .await;
    commit(&registry, |tx| {
        tx.delete_billing_group(bills(), billing_group("bills").id, 1);
        tx.insert_billing_group(billing_group("bills"));
    })
    .await;
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), Some(thing("t")));
    let things = registry.billing_group_things(&bills(), PageRequest::first(9)).await.unwrap();
    assert_eq!(things.items, []);
}
