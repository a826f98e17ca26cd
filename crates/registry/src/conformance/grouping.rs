//! Promises about the groups that registrations put their things into, and about the tags of what they create.

use landfall_events::{Event, Operation, Relation, ThingGroupEvent, ThingGroupMembership};
use landfall_model::{
    BillingGroup, EventType, PlannedThing, RegistrationPlan, Tag, TaggedResource, Thing, ThingGroup,
    ThingGroupName, ThingGroupView, ThingName,
};

use super::samples::{
    LATER, NOW, billing_group, billing_name, description, group_name, id, pending, plan, policy, policy_name,
    scope, tag, thing, thing_group, thing_name, thing_type, type_name,
};
use super::{Pending, commit, conflict, together};
use crate::{Committed, Conflict, PageRequest, PendingEvent, Registry, RootThingGroup, Transaction};

/// The plan of a device whose thing comes into these groups.
fn grouped(number: u32, groups: &[&str], billing_group: Option<&str>, tags: &[Tag]) -> RegistrationPlan {
    RegistrationPlan {
        thing_groups: groups.iter().map(|name| group_name(name)).collect(),
        billing_group: billing_group.map(billing_name),
        tags: tags.to_vec(),
        ..plan(number)
    }
}

/// The same of a thing that is there, without principals.
fn joining(number: u32, name: &str, groups: &[&str], billing_group: Option<&str>) -> RegistrationPlan {
    let thing = PlannedThing::Join { name: thing_name(name), principals: Vec::new() };
    RegistrationPlan { thing, ..grouped(number, groups, billing_group, &[tag("a", "1")]) }
}

/// The group that a plan creates.
fn created(plan: &RegistrationPlan, number: u8) -> ThingGroup {
    let name = plan.thing_groups[usize::from(number)].clone();
    let id = plan.creation_id.thing_group_id(number);
    ThingGroup { id, created_at: LATER, ..thing_group(name.as_str(), None) }
}

async fn groups_of(registry: &dyn Registry, thing: &str) -> Vec<String> {
    let groups = registry.thing_groups_of(&thing_name(thing), PageRequest::first(99)).await.unwrap();
    groups.items.iter().map(|group| group.name.to_string()).collect()
}

async fn billing_group_of(registry: &dyn Registry, thing: &str) -> Option<String> {
    let thing = registry.thing(&thing_name(thing)).await.unwrap().unwrap();
    thing.billing_group.map(|group| group.to_string())
}

/// The events of groups that wait.
async fn told(registry: &dyn Registry) -> Vec<PendingEvent> {
    let events = registry.pending_events(None, 99).await.unwrap();
    events.into_iter().filter(|event| event.topic.as_str().starts_with("$aws/events/thingGroup")).collect()
}

async fn switch_on(registry: &dyn Registry) {
    let types = [EventType::ThingGroup, EventType::ThingGroupMembership];
    commit(registry, |tx| tx.configure_events(types.map(|kind| (kind, true)).to_vec(), NOW)).await;
}

fn membership(group: &ThingGroup, thing: &Thing) -> Event {
    Event::ThingGroupMembership(ThingGroupMembership {
        operation: Relation::Added,
        group: group.name.clone(),
        group_id: group.id,
        thing: thing.name.clone(),
        thing_id: thing.id,
        scope: scope(),
        at: LATER,
    })
}

fn assert_told(told: &[PendingEvent], expected: &[Event]) {
    let found: Vec<_> = told.iter().map(|event| (event.topic.clone(), event.payload.clone())).collect();
    let expected: Vec<_> =
        expected.iter().zip(told).map(|(event, of)| (event.topic(), event.payload(of.id))).collect();
    assert_eq!(found, expected);
}

/// Registrations that are committed at once create each group once, at the root, and all of their things are in them.
pub async fn registrations_create_a_group_once(registry: &dyn Registry) {
    const DEVICES: u32 = 8;
    let plans: Vec<_> =
        (1..=DEVICES).map(|number| grouped(number, &["g2", "g1"], Some("bills"), &[])).collect();
    let registrations = plans.iter().map(|plan| -> Pending<'_, Committed> {
        let mut transaction = Transaction::new();
        transaction.insert_certificate(pending(plan.serial_number.parse().unwrap()));
        transaction.provision(plan, &scope(), LATER);
        Box::pin(async { registry.commit(transaction).await.unwrap() })
    });
    let committed = together(registrations.collect()).await;
    assert!(committed.iter().all(|committed| committed.activated.is_some()));

    for number in [0, 1] {
        let name = &plans[0].thing_groups[usize::from(number)];
        let group = registry.thing_group(name).await.unwrap().unwrap();
        assert!(plans.iter().any(|plan| created(plan, number) == group), "{group:?}");
        let things = registry.thing_group_things(name, false, PageRequest::first(99)).await.unwrap();
        assert_eq!(things.items.len(), plans.len());
    }
    let bills = registry.billing_group(&billing_name("bills")).await.unwrap().unwrap();
    let is_of = |plan: &RegistrationPlan| {
        let id = plan.creation_id.billing_group_id();
        bills == BillingGroup { id, created_at: LATER, ..billing_group("bills") }
    };
    assert!(plans.iter().any(is_of), "{bills:?}");
    let things = registry.billing_group_things(&bills.name, PageRequest::first(99)).await.unwrap();
    assert_eq!(things.items.len(), plans.len());
    for plan in &plans {
        let groups = groups_of(registry, plan.thing_name().as_str()).await;
        assert_eq!(groups, ["g2", "g1"], "in the order of their creation");
    }
}

/// What there is keeps its place, description and tags, and its things keep theirs.
pub async fn registrations_come_into_groups_that_exist(registry: &dyn Registry) {
    let leaf = ThingGroup { description: description("ours"), ..thing_group("leaf", Some("root")) };
    commit(registry, |tx| {
        tx.insert_certificate(pending(1));
        tx.insert_thing_group(thing_group("root", None));
        tx.insert_thing_group(leaf.clone());
        tx.insert_billing_group(billing_group("bills"));
        tx.set_tags(TaggedResource::ThingGroup(leaf.name.clone()), vec![tag("b", "2")]);
        tx.insert_policy(policy("of-root", "{}"));
        tx.attach_policy(group_name("root"), policy_name("of-root"));
        tx.insert_thing(thing("before"));
        tx.add_thing_to_group(group_name("leaf"), thing_name("before"));
    })
    .await;
    switch_on(registry).await;
    let plan = grouped(1, &["leaf"], Some("bills"), &[tag("a", "1")]);
    let mut transaction = Transaction::new();
    transaction.provision(&plan, &scope(), LATER);
    let principal = registry.commit(transaction).await.unwrap().activated.unwrap();
    let policies: Vec<_> = principal.things[0].policies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(policies, ["of-root"], "the first connection has the rights of its groups");

    assert_eq!(registry.thing_group(&leaf.name).await.unwrap(), Some(leaf.clone()));
    assert_eq!(registry.billing_group(&billing_name("bills")).await.unwrap(), Some(billing_group("bills")));
    let tags = registry.tags(&TaggedResource::ThingGroup(leaf.name.clone())).await.unwrap();
    assert_eq!(tags, Some(vec![tag("b", "2")]));
    let things = registry.thing_group_things(&leaf.name, false, PageRequest::first(9)).await.unwrap();
    assert_eq!(things.items, [thing_name("before"), thing_name("thing-1")]);
    assert_eq!(billing_group_of(registry, "thing-1").await.as_deref(), Some("bills"));
    let made = Thing { id: plan.creation_id.thing_id(), ..thing("thing-1") };
    assert_told(&told(registry).await, &[membership(&leaf, &made)]);
}

/// All that a registration creates and that can have tags has those of the plan; what was there has none of them.
pub async fn what_a_registration_creates_has_its_tags(registry: &dyn Registry) {
    let tags = [tag("Cost Centre", "7"), tag("a", "")];
    commit(registry, |tx| {
        (1..=2).for_each(|number| tx.insert_certificate(pending(number)));
        tx.provision(&grouped(1, &["g"], Some("bills"), &tags), &scope(), LATER);
        let others = [tag("z", "other")];
        tx.provision(&grouped(2, &["g", "h"], Some("bills"), &others), &scope(), LATER);
    })
    .await;
    for (resource, expected) in [
        (TaggedResource::ThingType(type_name("sensor-device")), &tags[..]),
        (TaggedResource::Policy(policy_name("iot-access-policy")), &tags),
        (TaggedResource::ThingGroup(group_name("g")), &tags),
        (TaggedResource::BillingGroup(billing_name("bills")), &tags),
        (TaggedResource::ThingGroup(group_name("h")), &[tag("z", "other")]),
    ] {
        assert_eq!(registry.tags(&resource).await.unwrap().as_deref(), Some(expected), "{resource}");
    }
}

/// The event of a group comes once, with its creation, and that of a thing when it comes into the group.
pub async fn groups_of_registrations_are_told(registry: &dyn Registry) {
    switch_on(registry).await;
    let plans = [grouped(1, &["g", "h"], None, &[]), grouped(2, &["g", "i"], None, &[])];
    for (plan, number) in plans.iter().zip(1..) {
        commit(registry, |tx| {
            tx.insert_certificate(pending(number));
            tx.provision(plan, &scope(), LATER);
        })
        .await;
    }
    let creation = |group: &ThingGroup| {
        Event::ThingGroup(ThingGroupEvent {
            operation: Operation::Created,
            group: ThingGroupView { group: group.clone(), ancestors: Vec::new() },
            scope: scope(),
            at: LATER,
        })
    };
    let made = |plan: &RegistrationPlan| Thing {
        id: plan.creation_id.thing_id(),
        ..thing(plan.thing_name().as_str())
    };
    let (g, h, i) = (created(&plans[0], 0), created(&plans[0], 1), created(&plans[1], 1));
    let (first, second) = (made(&plans[0]), made(&plans[1]));
    let expected = [
        creation(&g),
        membership(&g, &first),
        creation(&h),
        membership(&h, &first),
        membership(&g, &second),
        creation(&i),
        membership(&i, &second),
    ];
    assert_told(&told(registry).await, &expected);
}

/// A thing that is there gets the groups that it lacks, which is told, and stays in those that it has: also below the one that
/// is planned.
pub async fn a_thing_that_is_joined_gets_what_is_missing(registry: &dyn Registry) {
    commit(registry, |tx| {
        (1..=3).for_each(|number| tx.insert_certificate(pending(number)));
        for (name, parent) in [("own", None), ("root", None), ("leaf", Some("root")), ("g", None)] {
            tx.insert_thing_group(thing_group(name, parent));
        }
        tx.insert_thing(thing("t"));
        ["own", "leaf"].iter().for_each(|name| tx.add_thing_to_group(group_name(name), thing_name("t")));
    })
    .await;
    switch_on(registry).await;
    let wanted = ["own", "root", "g"];
    commit(registry, |tx| tx.provision(&joining(1, "t", &wanted, Some("bills")), &scope(), LATER)).await;
    assert_eq!(groups_of(registry, "t").await, ["own", "leaf", "g"]);
    assert_eq!(billing_group_of(registry, "t").await.as_deref(), Some("bills"));
    assert_told(&told(registry).await, &[membership(&thing_group("g", None), &thing("t"))]);
    let stored = registry.thing(&thing_name("t")).await.unwrap().unwrap();
    assert_eq!(stored, Thing { billing_group: Some(billing_name("bills")), ..thing("t") });

    // Again, with nothing missing: nothing is told.
    let again = PlannedThing::Join { name: thing_name("t"), principals: vec![id(1)] };
    for (number, billing_group) in [(2, Some("bills")), (3, None)] {
        let plan = RegistrationPlan {
            thing: match number {
                2 => again.clone(),
                _ => PlannedThing::Join { name: thing_name("t"), principals: vec![id(1), id(2)] },
            },
            ..joining(number, "t", &wanted, billing_group)
        };
        commit(registry, |tx| tx.provision(&plan, &scope(), LATER)).await;
    }
    assert_eq!(groups_of(registry, "t").await, ["own", "leaf", "g"]);
    assert_eq!(billing_group_of(registry, "t").await.as_deref(), Some("bills"), "it is never taken away");
    assert_eq!(told(registry).await.len(), 1);
}

/// A thing that cannot come into its groups keeps all that it has, and nothing of the plan is carried out.
pub async fn a_thing_keeps_the_groups_that_exclude_others(registry: &dyn Registry) {
    let many: Vec<_> = (0..ThingGroup::OF_THING_MAX).map(|number| format!("g{number}")).collect();
    commit(registry, |tx| {
        tx.insert_certificate(pending(1));
        tx.insert_billing_group(billing_group("theirs"));
        ["bound", "nested", "full"].iter().for_each(|name| tx.insert_thing(thing(name)));
        for (name, parent) in [("root", None), ("a", Some("root")), ("b", Some("root"))] {
            tx.insert_thing_group(thing_group(name, parent));
        }
        tx.add_thing_to_billing_group(billing_name("theirs"), thing_name("bound"));
        tx.add_thing_to_group(group_name("a"), thing_name("nested"));
        for name in &many {
            tx.insert_thing_group(thing_group(name, None));
            tx.add_thing_to_group(group_name(name), thing_name("full"));
        }
    })
    .await;
    for (name, group, billing_group, expected) in [
        (
            "bound",
            "new",
            Some("bills"),
            Conflict::ThingInBillingGroup { thing: thing_name("bound"), group: billing_name("theirs") },
        ),
        (
            "nested",
            "b",
            Some("bills"),
            Conflict::ThingInHierarchy { thing: thing_name("nested"), group: group_name("a") },
        ),
        ("full", "new", Some("bills"), Conflict::GroupsOfThing(thing_name("full"))),
    ] {
        let before = (groups_of(registry, name).await, billing_group_of(registry, name).await);
        let plan = joining(1, name, &[group], billing_group);
        conflict(registry, expected, |tx| tx.provision(&plan, &scope(), LATER)).await;
        let after = (groups_of(registry, name).await, billing_group_of(registry, name).await);
        assert_eq!(before, after, "{name}");
        assert_eq!(registry.thing_group(&group_name("new")).await.unwrap(), None);
        assert_eq!(registry.billing_group(&billing_name("bills")).await.unwrap(), None);
        assert_eq!(registry.certificate(id(1)).await.unwrap(), Some(pending(1)));
    }
    // The last place of a thing, and a group above the one that it is in.
    commit(registry, |tx| tx.remove_thing_from_group(group_name("g0"), thing_name("full"))).await;
    commit(registry, |tx| tx.provision(&joining(1, "full", &["new"], None), &scope(), LATER)).await;
    assert_eq!(groups_of(registry, "full").await.len(), ThingGroup::OF_THING_MAX);
}

/// A group that was deleted is made anew, without the things that were in it.
pub async fn a_deleted_group_is_made_anew(registry: &dyn Registry) {
    let make = |number: u32| grouped(number, &["g"], Some("bills"), &[tag("n", &number.to_string())]);
    for number in 1..=3 {
        commit(registry, |tx| {
            tx.insert_certificate(pending(number));
            tx.provision(&make(number), &scope(), LATER);
        })
        .await;
        let things = [thing_name(&format!("thing-{number}"))];
        assert_members(registry, &things).await;
        assert_eq!(registry.thing_group(&group_name("g")).await.unwrap(), Some(created(&make(number), 0)));
        let tags = registry.tags(&TaggedResource::ThingGroup(group_name("g"))).await.unwrap();
        assert_eq!(tags, Some(make(number).tags), "it has none of the one before");
        commit(registry, |tx| {
            let creation_id = plan(number).creation_id;
            tx.delete_thing_group(group_name("g"), creation_id.thing_group_id(0), 1);
            tx.delete_billing_group(billing_name("bills"), creation_id.billing_group_id(), 1);
        })
        .await;
        assert_members(registry, &[]).await;
    }
    // In the transaction that deletes it, too; and one that is gone is not come into.
    commit(registry, |tx| {
        tx.insert_certificate(pending(4));
        tx.ensure_thing_group(root("g"));
        tx.delete_thing_group(group_name("g"), root("g").id, 1);
        tx.provision(&make(4), &scope(), LATER);
    })
    .await;
    assert_members(registry, &[thing_name("thing-4")]).await;
    conflict(registry, Conflict::ThingGroupNotFound(group_name("h")), |tx| {
        tx.ensure_thing_in_group(group_name("h"), thing_name("thing-4"), scope(), LATER);
    })
    .await;
    conflict(registry, Conflict::BillingGroupNotFound(billing_name("h")), |tx| {
        tx.ensure_thing_in_billing_group(billing_name("h"), thing_name("thing-4"));
    })
    .await;
}

async fn assert_members(registry: &dyn Registry, expected: &[ThingName]) {
    let group: ThingGroupName = group_name("g");
    let things = registry.thing_group_things(&group, true, PageRequest::first(9)).await.unwrap();
    assert_eq!(things.items, expected);
    let things = registry.billing_group_things(&billing_name("bills"), PageRequest::first(9)).await.unwrap();
    assert_eq!(things.items, expected);
}

fn root(name: &str) -> RootThingGroup {
    let ThingGroup { name, id, created_at, .. } = thing_group(name, None);
    RootThingGroup { name, id, tags: Vec::new(), scope: scope(), created_at }
}

/// A resource that a registration would give more tags than it may have is not created.
pub async fn a_registration_gives_fifty_tags_at_most(registry: &dyn Registry) {
    let tags: Vec<_> = (0..=Tag::OF_RESOURCE_MAX).map(|number| tag(&number.to_string(), "")).collect();
    commit(registry, |tx| (1..=2).for_each(|number| tx.insert_certificate(pending(number)))).await;
    let kind = TaggedResource::ThingType(type_name("sensor-device"));
    conflict(registry, Conflict::TagsOfResource(kind.clone()), |tx| {
        tx.provision(&grouped(1, &["g"], None, &tags), &scope(), LATER);
    })
    .await;
    assert_eq!(registry.tags(&kind).await.unwrap(), None);
    for (resource, build) in [
        (TaggedResource::Policy(policy_name("p")), {
            let tags = tags.clone();
            Box::new(move |tx: &mut Transaction| tx.ensure_policy_with_tags(policy("p", "{}"), tags.clone()))
                as Box<dyn Fn(&mut Transaction)>
        }),
        (TaggedResource::BillingGroup(billing_name("b")), {
            let tags = tags.clone();
            Box::new(move |tx| tx.ensure_billing_group(billing_group("b"), tags.clone()))
        }),
        (TaggedResource::ThingGroup(group_name("g")), {
            let tags = tags.clone();
            Box::new(move |tx| tx.ensure_thing_group(RootThingGroup { tags: tags.clone(), ..root("g") }))
        }),
    ] {
        conflict(registry, Conflict::TagsOfResource(resource.clone()), build).await;
        assert_eq!(registry.tags(&resource).await.unwrap(), None);
    }
    commit(registry, |tx| {
        tx.insert_thing_type(thing_type("sensor-device", &[]));
        tx.provision(&grouped(2, &["g"], None, &tags[1..]), &scope(), LATER);
    })
    .await;
    let of_group = registry.tags(&TaggedResource::ThingGroup(group_name("g"))).await.unwrap().unwrap();
    assert_eq!(of_group.len(), Tag::OF_RESOURCE_MAX);
}
