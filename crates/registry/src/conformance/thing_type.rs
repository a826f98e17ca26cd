//! Promises about thing types.

use landfall_model::{
    ConnectionAttribute, EventConfigurations, PropagatingAttribute, PropagationSource, Thing, ThingType,
    UserPropertyKey,
};

use super::samples::{LATER, NOW, attribute, description, thing, thing_event, thing_type, type_name};
use super::{assert_pages, commit, conflict};
use crate::{Conflict, PageRequest, Registry, Transaction};

/// What a message of a thing may carry.
fn propagating() -> Vec<PropagatingAttribute> {
    let from = |key, source| PropagatingAttribute { key: UserPropertyKey::parse(key).unwrap(), source };
    vec![
        from("z:$.", PropagationSource::Thing(attribute("b/#", "").0)),
        from("client", PropagationSource::Connection(ConnectionAttribute::ClientId)),
        from("a", PropagationSource::Connection(ConnectionAttribute::ThingName)),
    ]
}

/// A type with everything that it may have.
fn full(name: &str) -> ThingType {
    ThingType {
        description: description("Lights, \"all\" of them"),
        propagating_attributes: propagating(),
        deprecated_at: Some(LATER),
        ..thing_type(name, &["c", "a", "b/#"])
    }
}

/// It is created once; other searchable attributes for that name are not taken. Their order is kept.
pub async fn an_existing_thing_type_stays_as_it_is(registry: &dyn Registry) {
    assert_eq!(registry.thing_type(&type_name("t")).await.unwrap(), None);
    for (name, searchable) in [("t", &["c", "a", "b/#"][..]), ("u", &[])] {
        let first = thing_type(name, searchable);
        commit(registry, |tx| tx.ensure_thing_type(first.clone())).await;
        commit(registry, |tx| tx.ensure_thing_type(thing_type(name, &["x"]))).await;
        assert_eq!(registry.thing_type(&type_name(name)).await.unwrap(), Some(first));
    }
}

/// Everything is kept. A second one of its name conflicts and changes nothing.
pub async fn a_thing_type_is_inserted_once(registry: &dyn Registry) {
    for inserted in [full("t"), thing_type("u", &[])] {
        commit(registry, |tx| tx.insert_thing_type(inserted.clone())).await;
        let exists = Conflict::ThingTypeExists(inserted.name.clone());
        let second = thing_type(inserted.name.as_str(), &["x"]);
        conflict(registry, exists, |tx| tx.insert_thing_type(second.clone())).await;
        commit(registry, |tx| tx.ensure_thing_type(second)).await;
        assert_eq!(registry.thing_type(&inserted.name).await.unwrap(), Some(inserted));
    }
}

/// The event of a type is appended when that is created, and only then.
pub async fn a_created_thing_type_is_told(registry: &dyn Registry) {
    let on = landfall_model::EventType::ALL.map(|event_type| (event_type, true)).to_vec();
    commit(registry, |tx| {
        tx.ensure_thing_type_and_tell(thing_type("off", &[]), Vec::new(), thing_event("off"))
    })
    .await;
    assert_eq!(registry.event_configurations().await.unwrap(), EventConfigurations::default());
    commit(registry, |tx| tx.configure_events(on, NOW)).await;
    for name in ["off", "t", "t", "u"] {
        commit(registry, |tx| {
            tx.ensure_thing_type_and_tell(thing_type(name, &[]), Vec::new(), thing_event(name))
        })
        .await;
    }
    let told = registry.pending_events(None, 9).await.unwrap();
    let topics: Vec<_> = told.into_iter().map(|event| event.topic).collect();
    assert_eq!(topics, ["t", "u"].map(|name| thing_event(name).topic()));
}

/// The listing is by time of creation.
pub async fn thing_types_are_listed_by_page(registry: &dyn Registry) {
    assert_pages(&[], |page| registry.thing_types(page)).await;
    let all = [full("e"), thing_type("b", &["x"]), full("d"), thing_type("a", &[]), full("c")];
    for thing_type in &all {
        commit(registry, |tx| tx.insert_thing_type(thing_type.clone())).await;
    }
    assert_pages(&all, |page| registry.thing_types(page)).await;
}

/// Its propagating attributes and its deprecation change, each alone, and nothing else.
pub async fn a_thing_type_is_updated_and_deprecated(registry: &dyn Registry) {
    let mut expected = ThingType { description: description("d"), ..thing_type("t", &["a"]) };
    commit(registry, |tx| {
        tx.insert_thing_type(expected.clone());
        tx.insert_thing_type(thing_type("other", &[]));
    })
    .await;
    for (propagating_attributes, deprecated_at) in [
        (propagating(), None),
        (propagating(), Some(NOW)),
        (Vec::new(), Some(NOW)),
        (Vec::new(), Some(LATER)),
        (propagating(), None),
    ] {
        let before = expected.clone();
        expected.propagating_attributes = propagating_attributes.clone();
        commit(registry, |tx| {
            tx.set_propagating_attributes(before, propagating_attributes);
            tx.set_deprecated(expected.clone(), deprecated_at);
        })
        .await;
        expected.deprecated_at = deprecated_at;
        assert_eq!(registry.thing_type(&expected.name).await.unwrap().as_ref(), Some(&expected));
    }
    let other = thing_type("other", &[]);
    assert_eq!(registry.thing_type(&other.name).await.unwrap(), Some(other));
}

/// Whoever expects another type than there is changes nothing.
pub async fn a_stale_change_of_a_thing_type_conflicts(registry: &dyn Registry) {
    let stored = full("t");
    let missing = Conflict::ThingTypeNotFound(type_name("t"));
    conflict(registry, missing.clone(), |tx| tx.set_deprecated(stored.clone(), None)).await;
    conflict(registry, missing, |tx| tx.delete_thing_type(stored.clone())).await;
    commit(registry, |tx| tx.insert_thing_type(stored.clone())).await;
    for stale in [
        ThingType { deprecated_at: None, ..stored.clone() },
        ThingType { propagating_attributes: Vec::new(), ..stored.clone() },
        ThingType { description: None, ..stored.clone() },
        ThingType { id: thing_type("u", &[]).id, ..stored.clone() },
        ThingType { created_at: LATER, ..stored.clone() },
        ThingType { searchable_attributes: Vec::new(), ..stored.clone() },
    ] {
        let changed = Conflict::ThingTypeChanged(type_name("t"));
        conflict(registry, changed.clone(), |tx| tx.set_deprecated(stale.clone(), None)).await;
        conflict(registry, changed.clone(), |tx| tx.set_propagating_attributes(stale.clone(), Vec::new()))
            .await;
        conflict(registry, changed, |tx| tx.delete_thing_type(stale)).await;
    }
    assert_eq!(registry.thing_type(&stored.name).await.unwrap(), Some(stored));
}

/// It must be deprecated and have no things. One that was deleted comes back as a new one.
pub async fn a_thing_type_in_use_is_not_deleted(registry: &dyn Registry) {
    let stored = thing_type("t", &["a"]);
    let deprecated = ThingType { deprecated_at: Some(LATER), ..stored.clone() };
    let typed = Thing { thing_type: Some(stored.name.clone()), ..thing("thing") };
    commit(registry, |tx| {
        tx.insert_thing_type(stored.clone());
        tx.insert_thing_type(thing_type("other", &[]));
        tx.insert_thing(typed.clone());
    })
    .await;
    let active = Conflict::ThingTypeNotDeprecated(stored.name.clone());
    conflict(registry, active, |tx| tx.delete_thing_type(stored.clone())).await;
    commit(registry, |tx| tx.set_deprecated(stored.clone(), Some(LATER))).await;
    let delete = |tx: &mut Transaction| tx.delete_thing_type(deprecated.clone());
    conflict(registry, Conflict::ThingTypeInUse(stored.name.clone()), delete).await;
    assert_eq!(registry.thing_type(&stored.name).await.unwrap().as_ref(), Some(&deprecated));

    commit(registry, |tx| tx.delete_thing(typed.name.clone(), typed.id, typed.version)).await;
    commit(registry, delete).await;
    assert_eq!(registry.thing_type(&stored.name).await.unwrap(), None);
    conflict(registry, Conflict::ThingTypeNotFound(stored.name.clone()), delete).await;
    commit(registry, |tx| tx.insert_thing_type(stored.clone())).await;
    let listed = registry.thing_types(PageRequest::first(9)).await.unwrap().items;
    assert_eq!(listed, [thing_type("other", &[]), stored]);
}
