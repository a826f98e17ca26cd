//! Promises about the events that wait for delivery.

use super::{commit, conflict};
use landfall_events::Event;
use landfall_model::{EventConfigurations, EventType};

use super::samples::{
    CA, LATER, NOW, ca_certificate, event, pending, plan, scope, thing, thing_event, thing_type,
};
use crate::{Conflict, EventId, PendingEvent, Registry};

/// Topic and payload are those of the event, the order is that of the commits and within them, and a limit is kept.
pub async fn events_wait_in_the_order_of_their_commits(registry: &dyn Registry) {
    assert!(registry.pending_events(None, 9).await.unwrap().is_empty());
    let numbers = [5, 3, 4, 1, 2];
    for numbers in numbers.chunks(2) {
        commit(registry, |tx| numbers.iter().for_each(|number| tx.append(event(*number)))).await;
    }
    let all = registry.pending_events(None, 9).await.unwrap();
    assert_told(&all, &numbers.map(event));
    assert!(all.is_sorted_by(|a, b| a.id < b.id), "ids ascend");

    assert_eq!(registry.pending_events(None, 2).await.unwrap(), all[..2]);
    for (position, event) in all.iter().enumerate() {
        let behind = registry.pending_events(Some(event.id), 2).await.unwrap();
        assert_eq!(behind, all[position + 1..].iter().take(2).cloned().collect::<Vec<_>>());
    }
}

/// What was delivered, up to and with the last, is gone; the rest waits on.
pub async fn delivered_events_do_not_come_back(registry: &dyn Registry) {
    commit(registry, |tx| (1..=4).for_each(|number| tx.append(event(number)))).await;
    let all = registry.pending_events(None, 9).await.unwrap();
    for delivered in 0..all.len() {
        commit(registry, |tx| tx.delivered(all[delivered].id)).await;
        assert_eq!(registry.pending_events(None, 9).await.unwrap(), all[delivered + 1..]);
        // Telling it twice is no error: delivery is told again after a crash.
        commit(registry, |tx| tx.delivered(all[0].id)).await;
        assert_eq!(registry.pending_events(None, 9).await.unwrap(), all[delivered + 1..]);
    }
    commit(registry, |tx| tx.delivered(EventId::new(i64::MAX))).await;
}

/// An event that comes after all others were delivered stands behind them.
pub async fn an_event_id_is_never_given_twice(registry: &dyn Registry) {
    let mut last = None;
    for number in [3, 2, 1] {
        commit(registry, |tx| tx.append(event(number))).await;
        let waiting = registry.pending_events(last, 9).await.unwrap();
        assert_eq!(waiting.len(), 1, "the new event is behind {last:?}");
        last = waiting.first().map(|event| event.id);
        commit(registry, |tx| last.into_iter().for_each(|id| tx.delivered(id))).await;
    }
}

/// At first nothing is switched on. A change leaves the other types as they are, and keeps when it was first and last made.
pub async fn event_types_are_switched_on_and_off(registry: &dyn Registry) {
    assert_eq!(registry.event_configurations().await.unwrap(), EventConfigurations::default());
    let mut expected = EventConfigurations::default();
    for (changes, at) in [
        (EventType::ALL.map(|event_type| (event_type, true)).to_vec(), NOW),
        (vec![(EventType::Thing, false), (EventType::Job, false)], LATER),
        (vec![], LATER),
        (vec![(EventType::Thing, true), (EventType::Policy, true)], NOW),
    ] {
        expected.update(&changes, at);
        commit(registry, |tx| tx.configure_events(changes, at)).await;
        assert_eq!(registry.event_configurations().await.unwrap(), expected);
    }
    assert_eq!((expected.created_at, expected.modified_at), (Some(NOW), Some(NOW)));
    assert!(!expected.enabled.contains(&EventType::Job) && expected.enabled.len() == 10);
}

/// An event waits only if its type is switched on when it is committed: in that very transaction, before it. The
/// registration of a certificate always waits.
pub async fn only_events_that_are_switched_on_wait(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.append(thing_event("off"));
        tx.append(event(1));
    })
    .await;
    commit(registry, |tx| {
        tx.append(thing_event("before"));
        tx.configure_events(vec![(EventType::Thing, true)], NOW);
        tx.append(thing_event("on"));
    })
    .await;
    commit(registry, |tx| tx.append(thing_event("still-on"))).await;
    commit(registry, |tx| tx.configure_events(vec![(EventType::Thing, false)], LATER)).await;
    commit(registry, |tx| {
        tx.append(thing_event("off-again"));
        tx.configure_events(vec![(EventType::ThingGroup, true), (EventType::ThingType, true)], LATER);
        tx.append(thing_event("not-this-type"));
        tx.append(event(2));
    })
    .await;
    let all = registry.pending_events(None, 9).await.unwrap();
    assert_told(&all, &[event(1), thing_event("on"), thing_event("still-on"), event(2)]);
}

/// What a plan creates is told when that is switched on; a type that is there already is not.
pub async fn a_registration_tells_what_it_creates(registry: &dyn Registry) {
    let types = [EventType::Thing, EventType::ThingType, EventType::ThingTypeAssociation];
    commit(registry, |tx| tx.insert_ca_certificate(ca_certificate(CA))).await;
    commit(registry, |tx| {
        tx.insert_certificate(pending(1));
        tx.provision(&plan(1), &scope(), NOW);
    })
    .await;
    assert_eq!(registry.pending_events(None, 9).await.unwrap(), [], "nothing is switched on");
    commit(registry, |tx| tx.configure_events(types.map(|event_type| (event_type, true)).to_vec(), NOW))
        .await;
    let mut other_type = plan(3);
    other_type.thing_type.name = thing_type("other-type", &[]).name;
    for plan in [plan(2), other_type] {
        commit(registry, |tx| {
            tx.insert_certificate(pending(if plan.certificate == super::samples::id(2) { 2 } else { 3 }));
            tx.provision(&plan, &scope(), NOW);
        })
        .await;
    }
    let told = registry.pending_events(None, 99).await.unwrap();
    let topics: Vec<_> = told.iter().map(|event| event.topic.as_str()).collect();
    let expected = [
        "$aws/events/thing/thing-2/created",
        "$aws/events/thingTypeAssociation/thing/thing-2/thingType/sensor-device/added",
        "$aws/events/thingType/other-type/created",
        "$aws/events/thing/thing-3/created",
        "$aws/events/thingTypeAssociation/thing/thing-3/thingType/other-type/added",
    ];
    assert_eq!(topics, expected);
}

/// A transaction that conflicts leaves the switches and its events alone.
pub async fn a_conflict_switches_nothing_on(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    conflict(registry, Conflict::ThingExists(thing("t").name), |tx| {
        tx.configure_events(vec![(EventType::Thing, true)], NOW);
        tx.append(thing_event("t"));
        tx.insert_thing(thing("t"));
    })
    .await;
    commit(registry, |tx| tx.append(thing_event("u"))).await;
    assert_eq!(registry.event_configurations().await.unwrap(), EventConfigurations::default());
    assert_eq!(registry.pending_events(None, 9).await.unwrap(), []);
}

/// Topic and payload of what waits are those of the events, each with its own id.
fn assert_told(waiting: &[PendingEvent], expected: &[Event]) {
    let found: Vec<_> = waiting.iter().map(|event| (event.topic.clone(), event.payload.clone())).collect();
    let ids = waiting.iter().map(|event| event.id);
    let expected: Vec<_> =
        expected.iter().zip(ids).map(|(event, id)| (event.topic(), event.payload(id))).collect();
    assert_eq!(found, expected);
}
