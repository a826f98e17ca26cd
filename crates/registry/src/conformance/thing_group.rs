//! Promises about thing groups, their hierarchy and their members.

use landfall_model::{PolicyTarget, ThingGroup, ThingGroupId, ThingGroupView};

use super::samples::{
    attributes, description, group_name, id, pending, policy, policy_name, thing, thing_group, thing_name,
};
use super::{Pending, assert_conflict, assert_pages, commit, conflict, together};
use crate::{
    CommitError, Committed, Conflict, Expectation, PageRequest, Registry, ThingGroupFilter, ThingGroupPlace,
    ThingGroupUpdate, Transaction,
};

/// Creates groups, each in its parent.
async fn insert(registry: &dyn Registry, groups: &[(&str, Option<&str>)]) {
    commit(registry, |tx| {
        groups.iter().for_each(|(name, parent)| tx.insert_thing_group(thing_group(name, *parent)));
    })
    .await;
}

/// Adds a thing to a group.
fn add(group: &str, name: &str) -> impl FnOnce(&mut Transaction) + use<> {
    let (group, name) = (group_name(group), thing_name(name));
    move |tx| tx.add_thing_to_group(group, name)
}

/// Removes a thing from a group.
fn remove(group: &str, name: &str) -> impl FnOnce(&mut Transaction) + use<> {
    let (group, name) = (group_name(group), thing_name(name));
    move |tx| tx.remove_thing_from_group(group, name)
}

/// Everything is kept, and an unknown name finds nothing. A second one of its name conflicts and changes nothing.
pub async fn a_thing_group_is_inserted_once(registry: &dyn Registry) {
    assert_eq!(registry.thing_group(&group_name("g")).await.unwrap(), None);
    assert_eq!(registry.thing_group_view(&group_name("g")).await.unwrap(), None);
    let full = ThingGroup {
        description: description("All of \"them\""),
        attributes: attributes(&[("a", "1"), ("b/#", "")]),
        version: u64::from(u32::MAX) + 7,
        ..thing_group("g", None)
    };
    for inserted in [full, thing_group("child", Some("g"))] {
        commit(registry, |tx| tx.insert_thing_group(inserted.clone())).await;
        let exists = Conflict::ThingGroupExists(inserted.name.clone());
        let second = thing_group(inserted.name.as_str(), None);
        conflict(registry, exists, |tx| tx.insert_thing_group(second)).await;
        assert_eq!(registry.thing_group(&inserted.name).await.unwrap(), Some(inserted));
    }
}

/// The parent must exist, and is missed before the name is found taken.
pub async fn a_thing_group_needs_its_parent(registry: &dyn Registry) {
    let missing = Conflict::ThingGroupNotFound(group_name("parent"));
    let child = thing_group("child", Some("parent"));
    conflict(registry, missing.clone(), |tx| tx.insert_thing_group(child.clone())).await;
    let own = Conflict::ThingGroupNotFound(group_name("own"));
    conflict(registry, own, |tx| tx.insert_thing_group(thing_group("own", Some("own")))).await;
    insert(registry, &[("child", None)]).await;
    conflict(registry, missing, |tx| tx.insert_thing_group(child)).await;
}

/// A view has all that the group is in, the root first.
pub async fn a_view_has_every_ancestor(registry: &dyn Registry) {
    insert(
        registry,
        &[("z", None), ("m", Some("z")), ("a", Some("m")), ("other", Some("z")), ("alone", None)],
    )
    .await;
    for (name, parent, above) in [
        ("z", None, &[][..]),
        ("m", Some("z"), &["z"]),
        ("a", Some("m"), &["z", "m"]),
        ("other", Some("z"), &["z"]),
        ("alone", None, &[]),
    ] {
        let ancestors = above.iter().map(|name| (group_name(name), thing_group(name, None).id)).collect();
        let expected = ThingGroupView { group: thing_group(name, parent), ancestors };
        assert_eq!(registry.thing_group_view(&group_name(name)).await.unwrap(), Some(expected));
    }
}

/// Seven levels and no more.
pub async fn a_hierarchy_has_seven_levels_at_most(registry: &dyn Registry) {
    let names: Vec<_> = (1..=ThingGroup::LEVELS_MAX).map(|level| format!("level-{level}")).collect();
    insert(registry, &[("level-1", None)]).await;
    for pair in names.windows(2) {
        insert(registry, &[(&pair[1], Some(&pair[0]))]).await;
    }
    let last = names.last().unwrap();
    let full = Conflict::ThingGroupLevels(group_name(last));
    conflict(registry, full, |tx| tx.insert_thing_group(thing_group("level-8", Some(last)))).await;
    insert(registry, &[("beside", Some("level-6"))]).await;
    let view = registry.thing_group_view(&group_name(last)).await.unwrap().unwrap();
    assert_eq!(view.ancestors.len(), ThingGroup::LEVELS_MAX - 1);
}

/// A hundred children and no more; their children do not count.
pub async fn a_group_has_a_hundred_children_at_most(registry: &dyn Registry) {
    insert(registry, &[("root", None)]).await;
    commit(registry, |tx| {
        for number in 0..ThingGroup::CHILDREN_MAX {
            tx.insert_thing_group(thing_group(&format!("child-{number}"), Some("root")));
        }
    })
    .await;
    let full = Conflict::ThingGroupChildren(group_name("root"));
    conflict(registry, full, |tx| tx.insert_thing_group(thing_group("more", Some("root")))).await;
    insert(registry, &[("grandchild", Some("child-0")), ("other-root", None)]).await;
    commit(registry, |tx| tx.delete_thing_group(group_name("child-7"), thing_group("child-7", None).id, 1))
        .await;
    insert(registry, &[("more", Some("root"))]).await;
}

/// Description and attributes are those of the update, the version goes up by one, and the parent stays. Name, id and version
/// must be those expected.
pub async fn a_thing_group_is_updated_in_its_version(registry: &dyn Registry) {
    insert(registry, &[("root", None), ("g", Some("root"))]).await;
    let update = |version, id, text: Option<&str>, pairs: &[(&str, &str)]| {
        let (description, attributes) = (text.and_then(description), attributes(pairs));
        let update = ThingGroupUpdate { name: group_name("g"), id, version, description, attributes };
        move |tx: &mut Transaction| tx.update_thing_group(update)
    };
    let id = thing_group("g", None).id;
    let mut expected = thing_group("g", Some("root"));
    for (version, text, pairs) in
        [(1, Some("one"), &[("a", "1")][..]), (2, None, &[("b", "")]), (3, Some(""), &[])]
    {
        commit(registry, update(version, id, text, pairs)).await;
        expected.description = text.and_then(description);
        expected.attributes = attributes(pairs);
        expected.version = version + 1;
        assert_eq!(registry.thing_group(&group_name("g")).await.unwrap().as_ref(), Some(&expected));
    }
    for (version, id) in [(3, id), (5, id), (4, ThingGroupId::from_bytes([9; 16]))] {
        conflict(registry, Conflict::ThingGroupVersion(group_name("g")), update(version, id, None, &[]))
            .await;
    }
    let unknown = ThingGroupUpdate {
        name: group_name("unknown"),
        id,
        version: 1,
        description: None,
        attributes: attributes(&[]),
    };
    let missing = Conflict::ThingGroupNotFound(group_name("unknown"));
    conflict(registry, missing, |tx| tx.update_thing_group(unknown)).await;
    assert_eq!(registry.thing_group(&group_name("g")).await.unwrap(), Some(expected));
}

/// A group with children stays. Things and policies leave one that is deleted, and are not in one of its name that comes
/// later.
pub async fn a_group_with_children_is_not_deleted(registry: &dyn Registry) {
    let delete = |name, version| {
        move |tx: &mut Transaction| {
            tx.delete_thing_group(group_name(name), thing_group(name, None).id, version)
        }
    };
    conflict(registry, Conflict::ThingGroupNotFound(group_name("root")), delete("root", 1)).await;
    insert(registry, &[("root", None), ("child", Some("root")), ("other", None)]).await;
    commit(registry, |tx| {
        tx.insert_thing(thing("t"));
        tx.add_thing_to_group(group_name("child"), thing_name("t"));
        tx.insert_policy(policy("p", "{}"));
        tx.attach_policy(group_name("child"), policy_name("p"));
    })
    .await;
    conflict(registry, Conflict::ThingGroupHasChildren(group_name("root")), delete("root", 1)).await;
    conflict(registry, Conflict::ThingGroupVersion(group_name("child")), delete("child", 2)).await;
    let other_id = ThingGroupId::from_bytes([9; 16]);
    conflict(registry, Conflict::ThingGroupVersion(group_name("child")), |tx| {
        tx.delete_thing_group(group_name("child"), other_id, 1);
    })
    .await;
    commit(registry, delete("child", 1)).await;
    assert_eq!(registry.thing_group(&group_name("child")).await.unwrap(), None);
    insert(registry, &[("child", Some("root"))]).await;
    let page = PageRequest::first(9);
    assert_eq!(registry.thing_groups_of(&thing_name("t"), page).await.unwrap().items, []);
    for group in ["child", "root"] {
        assert_eq!(registry.thing_group_things(&group_name(group), true, page).await.unwrap().items, []);
    }
    assert_eq!(registry.policy_targets(&policy_name("p"), page).await.unwrap().items, []);
    let target = PolicyTarget::ThingGroup(group_name("child"));
    assert_eq!(registry.attached_policies(&target, true, page).await.unwrap().items, []);
    commit(registry, delete("child", 1)).await;
    commit(registry, delete("root", 1)).await;
    let listed = registry.thing_groups(&ThingGroupFilter::default(), page).await.unwrap().items;
    assert_eq!(listed, [thing_group("other", None)]);
}

/// The listing is by time of creation: anywhere, at the root, directly in a group, or anywhere below one; of all, or of those
/// whose name begins so.
pub async fn thing_groups_are_listed_by_page(registry: &dyn Registry) {
    let all = [
        ("z-root", None),
        ("m-1", Some("z-root")),
        ("a-root", None),
        ("m-2", Some("z-root")),
        ("leaf", Some("m-1")),
        ("m-3", Some("a-root")),
        ("deep", Some("leaf")),
    ];
    insert(registry, &all).await;
    let (child_of, below) =
        (|name| ThingGroupPlace::ChildOf(group_name(name)), |name| ThingGroupPlace::Below(group_name(name)));
    for (place, prefix, expected) in [
        (ThingGroupPlace::Anywhere, None, &[0, 1, 2, 3, 4, 5, 6][..]),
        (ThingGroupPlace::Anywhere, Some("m-"), &[1, 3, 5]),
        (ThingGroupPlace::Anywhere, Some("M"), &[]),
        (ThingGroupPlace::Root, None, &[0, 2]),
        (ThingGroupPlace::Root, Some("z"), &[0]),
        (ThingGroupPlace::Root, Some("m"), &[]),
        (child_of("z-root"), None, &[1, 3]),
        (child_of("z-root"), Some("m-2"), &[3]),
        (child_of("deep"), None, &[]),
        (child_of("unknown"), None, &[]),
        (below("z-root"), None, &[1, 3, 4, 6]),
        (below("z-root"), Some("m"), &[1, 3]),
        (below("m-1"), None, &[4, 6]),
        (below("deep"), None, &[]),
        (below("unknown"), None, &[]),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|position| all[*position])
            .map(|(name, parent)| thing_group(name, parent))
            .collect();
        let filter = ThingGroupFilter { place, name_prefix: prefix.map(group_name) };
        assert_pages(&expected, |page| registry.thing_groups(&filter, page)).await;
    }
}

/// Both must exist, the group is missed first; a thing comes once and leaves once, and keeps its version.
pub async fn a_thing_is_added_once_and_removed_once(registry: &dyn Registry) {
    conflict(registry, Conflict::ThingGroupNotFound(group_name("g")), add("g", "t")).await;
    conflict(registry, Conflict::ThingGroupNotFound(group_name("g")), remove("g", "t")).await;
    insert(registry, &[("g", None), ("h", None)]).await;
    conflict(registry, Conflict::ThingNotFound(thing_name("t")), add("g", "t")).await;
    conflict(registry, Conflict::ThingNotFound(thing_name("t")), remove("g", "t")).await;
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    let outside = Conflict::ThingNotInGroup { thing: thing_name("t"), group: group_name("g") };
    conflict(registry, outside.clone(), remove("g", "t")).await;
    for _ in 0..2 {
        commit(registry, add("g", "t")).await;
        let inside = Conflict::ThingInGroup { thing: thing_name("t"), group: group_name("g") };
        conflict(registry, inside, add("g", "t")).await;
        let groups = registry.thing_groups_of(&thing_name("t"), PageRequest::first(9)).await.unwrap();
        assert_eq!(groups.items, [thing_group("g", None)]);
        commit(registry, remove("g", "t")).await;
        conflict(registry, outside.clone(), remove("g", "t")).await;
    }
    assert_eq!(registry.thing(&thing_name("t")).await.unwrap(), Some(thing("t")));
}

/// Of the groups under one root, the root included, a thing is in one at most.
pub async fn a_thing_is_in_one_group_of_a_hierarchy(registry: &dyn Registry) {
    insert(
        registry,
        &[("root", None), ("a", Some("root")), ("b", Some("root")), ("deep", Some("a")), ("other", None)],
    )
    .await;
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    for (group, others) in
        [("a", ["root", "b", "deep"]), ("root", ["a", "b", "deep"]), ("deep", ["a", "b", "root"])]
    {
        commit(registry, add(group, "t")).await;
        for other in others {
            let same = Conflict::ThingInHierarchy { thing: thing_name("t"), group: group_name(group) };
            conflict(registry, same, add(other, "t")).await;
        }
        commit(registry, add("other", "t")).await;
        commit(registry, remove("other", "t")).await;
        commit(registry, remove(group, "t")).await;
    }
    // To move it, it leaves and comes in one transaction.
    commit(registry, add("a", "t")).await;
    commit(registry, |tx| {
        remove("a", "t")(tx);
        add("b", "t")(tx);
    })
    .await;
}

/// Ten groups and no more.
pub async fn a_thing_is_in_ten_groups_at_most(registry: &dyn Registry) {
    let names: Vec<_> = (0..=ThingGroup::OF_THING_MAX).map(|number| format!("g{number}")).collect();
    commit(registry, |tx| {
        tx.insert_thing(thing("t"));
        names.iter().for_each(|name| tx.insert_thing_group(thing_group(name, None)));
    })
    .await;
    let (last, first) = names.split_last().unwrap();
    for name in first {
        commit(registry, add(name, "t")).await;
    }
    conflict(registry, Conflict::GroupsOfThing(thing_name("t")), add(last, "t")).await;
    let inside = Conflict::ThingInGroup { thing: thing_name("t"), group: group_name("g0") };
    conflict(registry, inside, add("g0", "t")).await;
    commit(registry, |tx| {
        remove("g0", "t")(tx);
        add(last, "t")(tx);
    })
    .await;
    let t = thing_name("t");
    let groups: Vec<_> = names[1..].iter().map(|name| thing_group(name, None)).collect();
    assert_pages(&groups, |page| registry.thing_groups_of(&t, page)).await;
}

/// Who was in it is in no group any more, and in none of those that it was in; nor is it a member of one that follows under the
/// same name.
pub async fn a_deleted_group_has_no_members(registry: &dyn Registry) {
    let page = PageRequest::first(9);
    let leaf = || thing_group("leaf", Some("mid"));
    insert(registry, &[("root", None), ("mid", Some("root")), ("leaf", Some("mid"))]).await;
    commit(registry, |tx| {
        tx.insert_thing(thing("t"));
        tx.insert_certificate(pending(1));
        tx.attach_thing(id(1), thing_name("t"));
        for name in ["root", "leaf"] {
            tx.insert_policy(policy(name, "{}"));
            let target = PolicyTarget::ThingGroup(group_name(name));
            tx.attach_policy(target, policy_name(name));
        }
        add("leaf", "t")(tx);
    })
    .await;
    let assert_in = async |groups: &[ThingGroup], policies: usize, in_root: usize| {
        let t = thing_name("t");
        assert_eq!(registry.thing_groups_of(&t, page).await.unwrap().items, groups);
        let principal = registry.principal(id(1)).await.unwrap().unwrap();
        assert_eq!(principal.things[0].policies.len(), policies);
        for (group, is_recursive, expected) in
            [("root", true, in_root), ("root", false, 0), ("mid", false, in_root), ("leaf", true, 0)]
        {
            let things = registry.thing_group_things(&group_name(group), is_recursive, page).await.unwrap();
            assert_eq!(things.items.len(), expected, "{group}");
        }
    };
    commit(registry, |tx| tx.delete_thing_group(leaf().name, leaf().id, 1)).await;
    assert_in(&[], 0, 0).await;
    commit(registry, |tx| tx.insert_thing_group(leaf())).await;
    assert_in(&[], 0, 0).await;
    let outside = Conflict::ThingNotInGroup { thing: thing_name("t"), group: group_name("leaf") };
    conflict(registry, outside, remove("leaf", "t")).await;

    // All at once, so that the first members have no time to go.
    commit(registry, |tx| {
        add("leaf", "t")(tx);
        tx.delete_thing_group(leaf().name, leaf().id, 1);
        tx.insert_thing_group(leaf());
        add("mid", "t")(tx);
    })
    .await;
    assert_in(&[thing_group("mid", Some("root"))], 1, 1).await;
    commit(registry, remove("mid", "t")).await;
    assert_in(&[], 0, 0).await;

    // It is not counted among the groups of a thing.
    commit(registry, |tx| {
        let root = || thing_group("passing", None);
        for _ in 0..=ThingGroup::OF_THING_MAX {
            tx.insert_thing_group(root());
            add("passing", "t")(tx);
            tx.delete_thing_group(root().name, root().id, 1);
        }
    })
    .await;
    commit(registry, add("leaf", "t")).await;
}

/// The listing is by time of the groups' creation, whenever the thing was added. The parents of its groups are not in it.
pub async fn groups_of_a_thing_are_listed_by_page(registry: &dyn Registry) {
    insert(registry, &[("e", None), ("b", None), ("d", Some("b")), ("a", None), ("c", None)]).await;
    commit(registry, |tx| {
        ["t", "u"].iter().for_each(|name| tx.insert_thing(thing(name)));
        ["c", "e", "d"].iter().for_each(|group| add(group, "t")(tx));
        add("a", "u")(tx);
    })
    .await;
    let of_t = [thing_group("e", None), thing_group("d", Some("b")), thing_group("c", None)];
    let [t, u, unknown] = ["t", "u", "unknown"].map(thing_name);
    assert_pages(&of_t, |page| registry.thing_groups_of(&t, page)).await;
    assert_pages(&[thing_group("a", None)], |page| registry.thing_groups_of(&u, page)).await;
    assert_pages(&[], |page| registry.thing_groups_of(&unknown, page)).await;
}

/// The listing is by time of the things' creation, whenever they were added: of the group alone, or of all below it too.
pub async fn things_of_a_group_are_listed_by_page(registry: &dyn Registry) {
    insert(
        registry,
        &[("root", None), ("a", Some("root")), ("b", Some("root")), ("deep", Some("a")), ("other", None)],
    )
    .await;
    commit(registry, |tx| {
        ["t7", "t3", "t5", "t1", "t6", "t2", "t4"].iter().for_each(|name| tx.insert_thing(thing(name)));
        for (group, name) in [
            ("deep", "t4"),
            ("a", "t1"),
            ("b", "t3"),
            ("root", "t6"),
            ("deep", "t7"),
            ("other", "t5"),
            ("other", "t1"),
            ("a", "t2"),
        ] {
            add(group, name)(tx);
        }
    })
    .await;
    for (group, own, all) in [
        ("root", &["t6"][..], &["t7", "t3", "t1", "t6", "t2", "t4"][..]),
        ("a", &["t1", "t2"], &["t7", "t1", "t2", "t4"]),
        ("b", &["t3"], &["t3"]),
        ("deep", &["t7", "t4"], &["t7", "t4"]),
        ("other", &["t5", "t1"], &["t5", "t1"]),
        ("unknown", &[], &[]),
    ] {
        let group = group_name(group);
        let things = |names: &[&str]| names.iter().map(|name| thing_name(name)).collect::<Vec<_>>();
        assert_pages(&things(own), |page| registry.thing_group_things(&group, false, page)).await;
        assert_pages(&things(all), |page| registry.thing_group_things(&group, true, page)).await;
    }
}

/// A group can be expected to be this one, and not another of its name.
pub async fn a_thing_group_can_be_expected(registry: &dyn Registry) {
    let expectation = |id| Expectation::ThingGroup { name: group_name("g"), id };
    let (id, other) = (thing_group("g", None).id, thing_group("h", None).id);
    let missing = Conflict::ThingGroupNotFound(group_name("g"));
    conflict(registry, missing.clone(), |tx| tx.expect(expectation(id))).await;
    insert(registry, &[("g", None)]).await;
    commit(registry, |tx| tx.expect(expectation(id))).await;
    conflict(registry, missing, |tx| tx.expect(expectation(other))).await;
}

/// Of transactions that add a thing to groups of one hierarchy at the same time, one is carried out; and none that deletes a
/// group can be carried out together with one that creates a child in it.
pub async fn groups_stay_consistent_when_many_change_them(registry: &dyn Registry) {
    insert(registry, &[("root", None)]).await;
    commit(registry, |tx| {
        (0..20).for_each(|number| tx.insert_thing_group(thing_group(&format!("g{number}"), Some("root"))));
        tx.insert_thing(thing("t"));
    })
    .await;
    let commits = (0..20).map(|number| {
        let mut transaction = Transaction::new();
        add(&format!("g{number}"), "t")(&mut transaction);
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let results = together(commits.collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "exactly one must win");
    let winner = (0..).zip(&results).find(|(_, result)| result.is_ok()).unwrap().0;
    let winner = thing_group(&format!("g{winner}"), Some("root"));
    let page = PageRequest::first(99);
    let found = registry.thing_groups_of(&thing_name("t"), page).await.unwrap().items;
    assert_eq!(found, std::slice::from_ref(&winner));
    for result in results.iter().filter(|result| result.is_err()) {
        let group = winner.name.clone();
        assert_conflict(result, &Conflict::ThingInHierarchy { thing: thing_name("t"), group });
    }

    let commits = (0..20).map(|number| {
        let mut transaction = Transaction::new();
        let parent = thing_group(&format!("g{}", number / 2), None);
        if number % 2 == 0 {
            transaction.delete_thing_group(parent.name, parent.id, 1);
        } else {
            let child = thing_group(&format!("c{number}"), Some(parent.name.as_str()));
            transaction.insert_thing_group(child);
        }
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let results = together(commits.collect()).await;
    for pair in results.chunks(2) {
        assert_eq!(pair.iter().filter(|result| result.is_ok()).count(), 1, "{pair:?}");
    }
}
