//! Promises about things.

use landfall_model::{CertificateStatus, Thing, ThingView};

use super::samples::{
    CA, attribute, attributes, ca_id, certificate, id, pending, thing, thing_name, thing_type, type_name,
};
use super::{assert_pages, commit, conflict};
use crate::{Conflict, Expectation, Registry, ThingFilter};

/// Type, attributes, version and maker are kept; an unknown name finds nothing.
pub async fn a_thing_is_read_back_as_it_was_inserted(registry: &dyn Registry) {
    assert_eq!(registry.thing(&thing_name("t1")).await.unwrap(), None);
    assert_eq!(registry.thing_view(&thing_name("t1")).await.unwrap(), None);
    commit(registry, |tx| tx.ensure_thing_type(thing_type("type", &["b"]))).await;
    let full = Thing {
        thing_type: Some(type_name("type")),
        attributes: attributes(&[("a", "1"), ("b", ""), ("c:/#@.,-_", "[x]=_.,@/:#-")]),
        version: u64::from(u32::MAX) + 7,
        made_by: Some(CA),
        ..thing("t1")
    };
    for expected in [full, thing("t2"), Thing { made_by: Some(ca_id(9)), ..thing("t3") }] {
        commit(registry, |tx| tx.insert_thing(expected.clone())).await;
        assert_eq!(registry.thing(&expected.name).await.unwrap().as_ref(), Some(&expected));
        let view = ThingView { thing: expected.clone(), principals: Vec::new() };
        assert_eq!(registry.thing_view(&expected.name).await.unwrap(), Some(view));
    }
}

/// A second insert of a name conflicts and changes nothing. Names differ by case.
pub async fn a_thing_is_inserted_once(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    let second = Thing { attributes: attributes(&[("a", "1")]), ..thing("t") };
    conflict(registry, Conflict::ThingExists(thing_name("t")), |tx| tx.insert_thing(second)).await;
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), Some(thing("t")));
    commit(registry, |tx| tx.insert_thing(thing("T"))).await;
    assert_eq!(registry.thing(&thing_name("T")).await.unwrap(), Some(thing("T")));
}

/// A thing of a type that does not exist conflicts.
pub async fn a_thing_needs_its_type(registry: &dyn Registry) {
    let typed = Thing { thing_type: Some(type_name("type")), ..thing("t") };
    let expected = Conflict::ThingTypeNotFound(type_name("type"));
    conflict(registry, expected, |tx| tx.insert_thing(typed.clone())).await;
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), None);
    commit(registry, |tx| {
        tx.ensure_thing_type(thing_type("type", &[]));
        tx.insert_thing(typed.clone());
    })
    .await;
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), Some(typed));
}

/// The principals are in the order of their ids, each with its issuer if it has one.
pub async fn a_thing_view_has_the_principals_with_their_issuers(registry: &dyn Registry) {
    let active = CertificateStatus::Active;
    let name = thing_name("t");
    commit(registry, |tx| {
        tx.insert_thing(thing("t"));
        tx.insert_thing(thing("other"));
        for (number, ca) in [(1, Some(CA)), (2, None), (3, Some(ca_id(3))), (4, Some(CA))] {
            tx.insert_certificate(certificate(number, ca, active));
        }
        [3, 1, 2].into_iter().for_each(|number| tx.attach_thing(id(number), name.clone()));
        tx.attach_thing(id(4), thing_name("other"));
    })
    .await;
    // Ids descend as numbers ascend.
    let principals = vec![(id(3), Some(ca_id(3))), (id(2), None), (id(1), Some(CA))];
    let view = registry.thing_view(&name).await.unwrap();
    assert_eq!(view, Some(ThingView { thing: thing("t"), principals }));
}

/// The listing is by time of creation, in both directions.
pub async fn things_are_listed_by_page(registry: &dyn Registry) {
    let all: Vec<_> = ["e", "b", "d", "a", "c"].into_iter().map(thing).collect();
    for thing in &all {
        commit(registry, |tx| tx.insert_thing(thing.clone())).await;
    }
    let every = ThingFilter::default();
    assert_pages(&all, |page| registry.things(&every, page)).await;
}

/// A typed thing is found by the searchable attributes of its type, an untyped one by all of its attributes.
pub async fn things_are_filtered_by_type_and_searchable_attribute(registry: &dyn Registry) {
    let typed = |name: &str, kind: &str, pairs: &[(&str, &str)]| Thing {
        thing_type: Some(type_name(kind)),
        attributes: attributes(pairs),
        ..thing(name)
    };
    let untyped = |name: &str, pairs: &[(&str, &str)]| Thing { attributes: attributes(pairs), ..thing(name) };
    let all = [
        typed("z", "sensor", &[("place", "hall"), ("colour", "red")]),
        typed("y", "sensor", &[("place", "yard"), ("colour", "red")]),
        typed("x", "sensor", &[("place", "hall"), ("floor", "")]),
        typed("w", "lamp", &[("place", "hall"), ("colour", "red")]),
        untyped("v", &[("place", "hall"), ("colour", "red"), ("floor", "2")]),
        typed("u", "bare", &[("place", "hall")]),
    ];
    commit(registry, |tx| {
        tx.ensure_thing_type(thing_type("sensor", &["place", "floor"]));
        tx.ensure_thing_type(thing_type("lamp", &["colour"]));
        tx.ensure_thing_type(thing_type("bare", &[]));
        all.iter().for_each(|thing| tx.insert_thing(thing.clone()));
    })
    .await;

    let filter = |kind: Option<&str>, pair: Option<(&str, &str)>| ThingFilter {
        thing_type: kind.map(type_name),
        attribute: pair.map(|(name, value)| attribute(name, value)),
    };
    for (filter, expected) in [
        (filter(None, None), &[0, 1, 2, 3, 4, 5][..]),
        (filter(Some("sensor"), None), &[0, 1, 2]),
        (filter(Some("lamp"), None), &[3]),
        (filter(Some("unknown"), None), &[]),
        (filter(None, Some(("place", "hall"))), &[0, 2, 4]),
        (filter(None, Some(("place", "HALL"))), &[]),
        (filter(None, Some(("colour", "red"))), &[3, 4]),
        (filter(None, Some(("floor", ""))), &[2]),
        (filter(None, Some(("unknown", "hall"))), &[]),
        (filter(Some("sensor"), Some(("place", "hall"))), &[0, 2]),
        (filter(Some("sensor"), Some(("colour", "red"))), &[]),
        (filter(Some("lamp"), Some(("place", "hall"))), &[]),
        (filter(Some("bare"), Some(("place", "hall"))), &[]),
    ] {
        let expected: Vec<_> = expected.iter().map(|position| all[*position].clone()).collect();
        assert_pages(&expected, |page| registry.things(&filter, page)).await;
    }
}

/// The listing is by time of the certificates' registration, whenever they were attached.
pub async fn principals_are_listed_by_page(registry: &dyn Registry) {
    let name = thing_name("t");
    commit(registry, |tx| {
        tx.insert_thing(thing("t"));
        tx.insert_thing(thing("other"));
        (1..=6).for_each(|number| tx.insert_certificate(pending(number)));
        [4, 2, 5, 1].into_iter().for_each(|number| tx.attach_thing(id(number), name.clone()));
        [3, 4].into_iter().for_each(|number| tx.attach_thing(id(number), thing_name("other")));
    })
    .await;
    let attached = [1, 2, 4, 5].map(id);
    assert_pages(&attached, |page| registry.thing_principals(&name, page)).await;
    let unknown = thing_name("unknown");
    assert_pages(&[], |page| registry.thing_principals(&unknown, page)).await;
}

/// The thing must exist and have just these principals, in whatever order they are named.
pub async fn the_principals_of_a_thing_can_be_expected(registry: &dyn Registry) {
    let name = thing_name("t");
    let expectation = |numbers: &[u32]| Expectation::ThingPrincipals {
        thing: name.clone(),
        principals: numbers.iter().copied().map(id).collect(),
    };
    let unknown = Conflict::ThingNotFound(name.clone());
    conflict(registry, unknown, |tx| tx.expect(expectation(&[]))).await;
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    commit(registry, |tx| tx.expect(expectation(&[]))).await;
    commit(registry, |tx| {
        for number in 1..=3 {
            tx.insert_certificate(pending(number));
        }
        tx.attach_thing(id(1), name.clone());
        tx.attach_thing(id(2), name.clone());
    })
    .await;
    for numbers in [&[1, 2][..], &[2, 1], &[1, 2, 1]] {
        commit(registry, |tx| tx.expect(expectation(numbers))).await;
    }
    for numbers in [&[][..], &[1], &[1, 3], &[1, 2, 3]] {
        let changed = Conflict::ThingPrincipalsChanged(name.clone());
        conflict(registry, changed, |tx| tx.expect(expectation(numbers))).await;
    }
}
