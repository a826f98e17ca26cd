//! Promises about things.

use landfall_model::{
    CertificateStatus, Thing, ThingId, ThingName, ThingPrincipal, ThingPrincipalType, ThingView,
};

use super::samples::{
    CA, LATER, attribute, attributes, billing_group, billing_name, ca_id, certificate, group_name, id,
    pending, thing, thing_group, thing_name, thing_type, type_name,
};
use super::{Pending, assert_conflict, assert_pages, commit, conflict, together};
use crate::{
    AttributeFilter, CommitError, Committed, Conflict, Expectation, PageRequest, Registry, ThingFilter,
    ThingUpdate, Transaction,
};

/// Id, type, billing group, attributes, version and maker are kept; an unknown name finds nothing.
pub async fn a_thing_is_read_back_as_it_was_inserted(registry: &dyn Registry) {
    assert_eq!(registry.thing(&thing_name("t1")).await.unwrap(), None);
    assert_eq!(registry.thing_view(&thing_name("t1")).await.unwrap(), None);
    commit(registry, |tx| {
        tx.ensure_thing_type(thing_type("type", &["b"]));
        tx.insert_billing_group(billing_group("bill"));
    })
    .await;
    let full = Thing {
        billing_group: Some(billing_name("bill")),
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

/// A thing of a billing group that does not exist, or of a type that is deprecated, conflicts.
pub async fn a_thing_needs_its_billing_group_and_no_deprecated_type(registry: &dyn Registry) {
    let billed = Thing { billing_group: Some(billing_name("b")), ..thing("t") };
    let expected = Conflict::BillingGroupNotFound(billing_name("b"));
    conflict(registry, expected, |tx| tx.insert_thing(billed.clone())).await;
    commit(registry, |tx| {
        tx.insert_billing_group(billing_group("b"));
        tx.insert_thing(billed.clone());
    })
    .await;
    assert_eq!(registry.thing(&billed.name).await.unwrap(), Some(billed));
    commit(registry, |tx| {
        tx.insert_thing_type(thing_type("old", &[]));
        tx.set_deprecated(thing_type("old", &[]), Some(LATER));
    })
    .await;
    let typed = Thing { thing_type: Some(type_name("old")), ..thing("u") };
    let expected = Conflict::ThingTypeDeprecated(type_name("old"));
    conflict(registry, expected, |tx| tx.insert_thing(typed.clone())).await;
    assert_eq!(registry.thing(&typed.name).await.unwrap(), None);
}

/// What `thing` becomes when its attributes are these.
fn update(thing: &Thing, pairs: &[(&str, &str)]) -> ThingUpdate {
    ThingUpdate {
        name: thing.name.clone(),
        id: thing.id,
        version: thing.version,
        thing_type: thing.thing_type.clone(),
        attributes: attributes(pairs),
    }
}

/// Type and attributes are those of the update, the version goes up by one, everything else stays.
pub async fn a_thing_is_updated(registry: &dyn Registry) {
    let mut expected = Thing {
        billing_group: Some(billing_name("bill")),
        made_by: Some(CA),
        attributes: attributes(&[("a", "1"), ("b", "2")]),
        ..thing("t")
    };
    commit(registry, |tx| {
        tx.insert_billing_group(billing_group("bill"));
        ["x", "y"].iter().for_each(|name| tx.insert_thing_type(thing_type(name, &["a"])));
        tx.insert_thing(expected.clone());
        tx.insert_thing(thing("other"));
    })
    .await;
    for (kind, pairs) in [
        (Some("x"), &[("a", "1"), ("c", "3")][..]),
        (Some("y"), &[("a", "1"), ("c", "3")]),
        (Some("y"), &[]),
        (None, &[("a", ""), ("b", "5")]),
        (None, &[("a", ""), ("b", "5")]),
    ] {
        let update = ThingUpdate { thing_type: kind.map(type_name), ..update(&expected, pairs) };
        commit(registry, |tx| tx.update_thing(update)).await;
        expected.thing_type = kind.map(type_name);
        expected.attributes = attributes(pairs);
        expected.version += 1;
        assert_eq!(registry.thing(&expected.name).await.unwrap().as_ref(), Some(&expected));
    }
    assert_eq!(registry.thing(&thing_name("other")).await.unwrap(), Some(thing("other")));
}

/// Listings follow an update: the attributes that were are not found, those that are now are, by the rule of the new type.
pub async fn listings_follow_an_update(registry: &dyn Registry) {
    let found = async |kind: Option<&str>, pair: Option<(&str, &str)>| {
        let attribute = pair.map(|(name, value)| attribute(name, value));
        let attribute = attribute.map(|(name, value)| AttributeFilter::Is(name, value));
        let filter = ThingFilter { thing_type: kind.map(type_name), attribute };
        !registry.things(&filter, PageRequest::first(9)).await.unwrap().items.is_empty()
    };
    let before = Thing {
        thing_type: Some(type_name("x")),
        attributes: attributes(&[("a", "1"), ("b", "2")]),
        ..thing("t")
    };
    commit(registry, |tx| {
        tx.insert_thing_type(thing_type("x", &["a"]));
        tx.insert_thing_type(thing_type("y", &["b"]));
        tx.insert_thing(before.clone());
    })
    .await;
    assert!(found(Some("x"), Some(("a", "1"))).await && !found(None, Some(("b", "2"))).await);
    let retyped =
        ThingUpdate { thing_type: Some(type_name("y")), ..update(&before, &[("a", "1"), ("b", "2")]) };
    commit(registry, |tx| tx.update_thing(retyped)).await;
    assert!(!found(Some("x"), None).await && found(Some("y"), Some(("b", "2"))).await);
    assert!(!found(None, Some(("a", "1"))).await);
    let second = Thing { version: 2, thing_type: None, ..before };
    commit(registry, |tx| tx.update_thing(update(&second, &[("a", "9"), ("b", "2")]))).await;
    assert!(found(None, Some(("a", "9"))).await && found(None, Some(("b", "2"))).await);
    assert!(!found(Some("y"), None).await && !found(None, Some(("a", "1"))).await);
    let third = Thing { version: 3, ..second };
    commit(registry, |tx| tx.delete_thing(third.name, third.id, third.version)).await;
    assert!(!found(None, None).await && !found(None, Some(("a", "9"))).await);
}

/// It must exist, in this version and with this id; a type that it gets anew must exist and not be deprecated.
pub async fn a_stale_update_changes_nothing(registry: &dyn Registry) {
    let (old, typed) =
        (thing_type("old", &[]), Thing { thing_type: Some(type_name("old")), ..thing("typed") });
    conflict(registry, Conflict::ThingNotFound(thing_name("t")), |tx| {
        tx.update_thing(update(&thing("t"), &[]))
    })
    .await;
    commit(registry, |tx| {
        tx.insert_thing_type(old.clone());
        tx.insert_thing(thing("t"));
        tx.insert_thing(typed.clone());
        tx.set_deprecated(old.clone(), Some(LATER));
    })
    .await;
    let of = |version, id| Thing { version, id, ..thing("t") };
    let other_id = ThingId::from_bytes([9; 16]);
    for stale in [of(0, thing("t").id), of(2, thing("t").id), of(1, other_id)] {
        let expected = Conflict::ThingVersion(thing_name("t"));
        conflict(registry, expected.clone(), |tx| tx.update_thing(update(&stale, &[("a", "1")]))).await;
        conflict(registry, expected, |tx| tx.delete_thing(stale.name, stale.id, stale.version)).await;
    }
    for (kind, expected) in [
        ("none", Conflict::ThingTypeNotFound(type_name("none"))),
        ("old", Conflict::ThingTypeDeprecated(type_name("old"))),
    ] {
        let update = ThingUpdate { thing_type: Some(type_name(kind)), ..update(&thing("t"), &[]) };
        conflict(registry, expected, |tx| tx.update_thing(update)).await;
    }
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), Some(thing("t")));

    // A thing keeps the type that it has, deprecated or not.
    commit(registry, |tx| tx.update_thing(update(&typed, &[("a", "1")]))).await;
    let updated = Thing { attributes: attributes(&[("a", "1")]), version: 2, ..typed };
    assert_eq!(registry.thing(&updated.name).await.unwrap(), Some(updated));
}

/// Of updates of one version at the same time, one is carried out.
pub async fn one_of_many_updates_a_version(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    let commits = (0..20).map(|number| {
        let mut transaction = Transaction::new();
        transaction.update_thing(update(&thing("t"), &[("winner", &number.to_string())]));
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let results = together(commits.collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "exactly one must win");
    let winner = (0..).zip(&results).find(|(_, result)| result.is_ok()).unwrap().0;
    for result in results.iter().filter(|result| result.is_err()) {
        assert_conflict(result, &Conflict::ThingVersion(thing_name("t")));
    }
    let attributes = attributes(&[("winner", &winner.to_string())]);
    let expected = Thing { attributes, version: 2, ..thing("t") };
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), Some(expected));
}

/// A thing with principals stays. One that was deleted has left its groups, and comes back as a new one.
pub async fn a_thing_in_use_is_not_deleted(registry: &dyn Registry) {
    let delete = |tx: &mut Transaction| tx.delete_thing(thing_name("t"), thing("t").id, 1);
    conflict(registry, Conflict::ThingNotFound(thing_name("t")), delete).await;
    let billed = Thing { billing_group: Some(billing_name("b")), ..thing("t") };
    commit(registry, |tx| {
        tx.insert_billing_group(billing_group("b"));
        tx.insert_thing(billed.clone());
        tx.insert_thing(thing("other"));
        tx.insert_certificate(pending(1));
        tx.attach_thing(id(1), thing_name("t"));
        tx.insert_thing_group(thing_group("g", None));
        tx.add_thing_to_group(group_name("g"), thing_name("t"));
    })
    .await;
    conflict(registry, Conflict::ThingHasPrincipals(thing_name("t")), delete).await;
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), Some(billed));
    commit(registry, |tx| tx.detach_thing(id(1), thing_name("t"))).await;
    commit(registry, delete).await;
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), None);
    conflict(registry, Conflict::ThingNotFound(thing_name("t")), delete).await;

    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    let page = PageRequest::first(9);
    let listed = registry.things(&ThingFilter::default(), page).await.unwrap().items;
    assert_eq!(listed, [thing("other"), thing("t")]);
    assert_eq!(registry.thing_groups_of(&thing_name("t"), page).await.unwrap().items, []);
    assert_eq!(registry.thing_group_things(&group_name("g"), true, page).await.unwrap().items, []);
    assert_eq!(registry.billing_group_things(&billing_name("b"), page).await.unwrap().items, []);
    assert_eq!(registry.thing_principals(&thing_name("t"), None, page).await.unwrap().items, []);
}

/// A thing can be expected to be this one, and not another of its name.
pub async fn a_thing_can_be_expected(registry: &dyn Registry) {
    let expectation = |name: ThingName, id| Expectation::Thing { name, id };
    let missing = Conflict::ThingNotFound(thing_name("t"));
    conflict(registry, missing.clone(), |tx| tx.expect(expectation(thing_name("t"), thing("t").id))).await;
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    commit(registry, |tx| tx.expect(expectation(thing_name("t"), thing("t").id))).await;
    conflict(registry, missing, |tx| tx.expect(expectation(thing_name("t"), thing("u").id))).await;
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
        attribute: pair.map(|(name, value)| {
            let (name, value) = attribute(name, value);
            AttributeFilter::Is(name, value)
        }),
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

/// A filter for the beginning of a value finds every value that begins so, by the same rule of types.
pub async fn things_are_filtered_by_the_beginning_of_a_value(registry: &dyn Registry) {
    let typed = |name: &str, pairs: &[(&str, &str)]| Thing {
        thing_type: Some(type_name("sensor")),
        attributes: attributes(pairs),
        ..thing(name)
    };
    let all = [
        typed("z", &[("place", "hall-2"), ("colour", "red")]),
        typed("y", &[("place", "Hall")]),
        Thing { attributes: attributes(&[("place", "hall")]), ..thing("x") },
        typed("w", &[("place", "ha")]),
        Thing { attributes: attributes(&[("place", ""), ("colour", "reddish")]), ..thing("v") },
        typed("u", &[("place", "hall-1")]),
        thing("t"),
    ];
    commit(registry, |tx| {
        tx.insert_thing_type(thing_type("sensor", &["place"]));
        all.iter().for_each(|thing| tx.insert_thing(thing.clone()));
    })
    .await;
    for (kind, name, start, expected) in [
        (None, "place", "hall", &[0, 2, 5][..]),
        (None, "place", "hall-", &[0, 5]),
        (None, "place", "", &[0, 1, 2, 3, 4, 5]),
        (Some("sensor"), "place", "ha", &[0, 3, 5]),
        (None, "colour", "red", &[4]),
        (None, "place", "hall-10", &[]),
        (Some("none"), "place", "", &[]),
    ] {
        let (name, value) = attribute(name, start);
        let attribute = Some(AttributeFilter::BeginsWith(name, value));
        let filter = ThingFilter { thing_type: kind.map(type_name), attribute };
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
    let (exclusive, non_exclusive) = (ThingPrincipalType::Exclusive, ThingPrincipalType::NonExclusive);
    commit(registry, |tx| {
        [2, 5].into_iter().for_each(|number| tx.attach_thing_as(exclusive, id(number), name.clone()));
    })
    .await;
    let attached = |number, principal_type| ThingPrincipal { certificate: id(number), principal_type };
    let all = [
        attached(1, non_exclusive),
        attached(2, exclusive),
        attached(4, non_exclusive),
        attached(5, exclusive),
    ];
    assert_pages(&all, |page| registry.thing_principals(&name, None, page)).await;
    for wanted in [exclusive, non_exclusive] {
        let of_type: Vec<_> = all.into_iter().filter(|found| found.principal_type == wanted).collect();
        assert_pages(&of_type, |page| registry.thing_principals(&name, Some(wanted), page)).await;
    }
    let unknown = thing_name("unknown");
    assert_pages(&[], |page| registry.thing_principals(&unknown, None, page)).await;
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
