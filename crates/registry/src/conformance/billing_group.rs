//! Promises about billing groups and their members.

use landfall_model::{BillingGroup, BillingGroupId};

use super::samples::{billing_group, billing_name, description, thing, thing_name};
use super::{assert_pages, commit, conflict};
use crate::{BillingGroupUpdate, Conflict, PageRequest, Registry, Transaction};

/// Everything is kept, and an unknown name finds nothing. A second one of its name conflicts and changes nothing.
pub async fn a_billing_group_is_inserted_once(registry: &dyn Registry) {
    assert_eq!(registry.billing_group(&billing_name("b")).await.unwrap(), None);
    let full = BillingGroup {
        description: description("d"),
        version: u64::from(u32::MAX) + 7,
        ..billing_group("b")
    };
    for inserted in [full, billing_group("c")] {
        commit(registry, |tx| tx.insert_billing_group(inserted.clone())).await;
        let exists = Conflict::BillingGroupExists(inserted.name.clone());
        let second = BillingGroup { description: description("x"), ..inserted.clone() };
        conflict(registry, exists, |tx| tx.insert_billing_group(second)).await;
        assert_eq!(registry.billing_group(&inserted.name).await.unwrap(), Some(inserted));
    }
}

/// The listing is by time of creation, of all or of those whose name begins so.
pub async fn billing_groups_are_listed_by_page(registry: &dyn Registry) {
    let names = ["east-2", "a", "east-1", "East", "east", "eas"];
    for name in names {
        commit(registry, |tx| tx.insert_billing_group(billing_group(name))).await;
    }
    for (prefix, expected) in [
        (None, &names[..]),
        (Some("east"), &["east-2", "east-1", "east"]),
        (Some("east-"), &["east-2", "east-1"]),
        (Some("a"), &["a"]),
        (Some("_"), &[]),
        (Some("east-11"), &[]),
    ] {
        let prefix = prefix.map(billing_name);
        let expected: Vec<_> = expected.iter().map(|name| billing_group(name)).collect();
        assert_pages(&expected, |page| registry.billing_groups(prefix.as_ref(), page)).await;
    }
}

/// The description is that of the update and the version goes up by one; name, id and version must be those expected.
pub async fn a_billing_group_is_updated_and_deleted_in_its_version(registry: &dyn Registry) {
    let update = |version, id, text: Option<&str>| {
        let description = text.and_then(description);
        let update = BillingGroupUpdate { name: billing_name("b"), id, version, description };
        move |tx: &mut Transaction| tx.update_billing_group(update)
    };
    let delete =
        |version, id| move |tx: &mut Transaction| tx.delete_billing_group(billing_name("b"), id, version);
    let (id, other_id) = (billing_group("b").id, BillingGroupId::from_bytes([9; 16]));
    let missing = Conflict::BillingGroupNotFound(billing_name("b"));
    conflict(registry, missing.clone(), update(1, id, None)).await;
    conflict(registry, missing.clone(), delete(1, id)).await;
    commit(registry, |tx| tx.insert_billing_group(billing_group("b"))).await;
    for (version, text) in [(1, Some("one")), (2, None), (3, Some("three"))] {
        commit(registry, update(version, id, text)).await;
        let description = text.and_then(description);
        let expected = BillingGroup { description, version: version + 1, ..billing_group("b") };
        assert_eq!(registry.billing_group(&billing_name("b")).await.unwrap(), Some(expected));
    }
    for (version, id) in [(3, id), (5, id), (4, other_id)] {
        let stale = Conflict::BillingGroupVersion(billing_name("b"));
        conflict(registry, stale.clone(), update(version, id, None)).await;
        conflict(registry, stale, delete(version, id)).await;
    }
    commit(registry, delete(4, id)).await;
    assert_eq!(registry.billing_group(&billing_name("b")).await.unwrap(), None);
    conflict(registry, missing, delete(4, id)).await;
}

/// A thing is in one at most: it is moved. Both must exist, the group is missed first, and the thing keeps its version.
pub async fn a_thing_is_in_one_billing_group(registry: &dyn Registry) {
    let add = |group, name| {
        move |tx: &mut Transaction| tx.add_thing_to_billing_group(billing_name(group), thing_name(name))
    };
    let remove = |group, name| {
        move |tx: &mut Transaction| tx.remove_thing_from_billing_group(billing_name(group), thing_name(name))
    };
    let group_of = async || {
        let thing = registry.thing(&thing_name("t")).await.unwrap().unwrap();
        assert_eq!(thing.version, 1);
        thing.billing_group.map(|name| name.to_string())
    };
    conflict(registry, Conflict::BillingGroupNotFound(billing_name("b")), add("b", "t")).await;
    conflict(registry, Conflict::BillingGroupNotFound(billing_name("b")), remove("b", "t")).await;
    commit(registry, |tx| ["b", "c"].iter().for_each(|name| tx.insert_billing_group(billing_group(name))))
        .await;
    conflict(registry, Conflict::ThingNotFound(thing_name("t")), add("b", "t")).await;
    conflict(registry, Conflict::ThingNotFound(thing_name("t")), remove("b", "t")).await;
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;

    for group in ["b", "b", "c", "b"] {
        commit(registry, add(group, "t")).await;
        assert_eq!(group_of().await.as_deref(), Some(group));
    }
    commit(registry, remove("c", "t")).await;
    assert_eq!(group_of().await.as_deref(), Some("b"), "it is not in c");
    for _ in 0..2 {
        commit(registry, remove("b", "t")).await;
        assert_eq!(group_of().await, None);
    }
}

/// The listing is by time of the things' creation, whenever they were added. Things leave a group that is deleted, and are
/// not in one of its name that comes later.
pub async fn things_of_a_billing_group_are_listed_by_page(registry: &dyn Registry) {
    let names = ["e", "b", "d", "a", "c"];
    commit(registry, |tx| {
        ["g", "h"].iter().for_each(|name| tx.insert_billing_group(billing_group(name)));
        names.iter().for_each(|name| tx.insert_thing(thing(name)));
        ["c", "e", "d"]
            .iter()
            .for_each(|name| tx.add_thing_to_billing_group(billing_name("g"), thing_name(name)));
        tx.add_thing_to_billing_group(billing_name("h"), thing_name("a"));
    })
    .await;
    let [g, h, unknown] = ["g", "h", "unknown"].map(billing_name);
    assert_pages(&["e", "d", "c"].map(thing_name), |page| registry.billing_group_things(&g, page)).await;
    assert_pages(&[thing_name("a")], |page| registry.billing_group_things(&h, page)).await;
    assert_pages(&[], |page| registry.billing_group_things(&unknown, page)).await;

    commit(registry, |tx| tx.delete_billing_group(g.clone(), billing_group("g").id, 1)).await;
    assert_eq!(registry.thing(&thing_name("e")).await.unwrap(), Some(thing("e")));
    commit(registry, |tx| tx.insert_billing_group(billing_group("g"))).await;
    assert_eq!(registry.billing_group_things(&g, PageRequest::first(9)).await.unwrap().items, []);
    assert_eq!(registry.thing(&thing_name("c")).await.unwrap(), Some(thing("c")));
    let listed = registry.billing_groups(None, PageRequest::first(9)).await.unwrap().items;
    assert_eq!(listed, [billing_group("h"), billing_group("g")]);
}
