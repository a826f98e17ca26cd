//! Promises about tags.

use landfall_model::{CaCertificate, CaStatus, Tag, TagKey, TaggedResource, ThingType};

use super::samples::{
    CA, LATER, billing_group, billing_name, ca_certificate, group_name, policy, policy_name, rule_name, tag,
    thing_group, thing_type, topic_rule, type_name,
};
use super::{commit, conflict};
use crate::{Conflict, Registry, Transaction};

/// One resource of each kind, with the conflict when it does not exist.
fn resources() -> [(TaggedResource, Conflict); 6] {
    let (billing, kind) = (billing_name("n"), type_name("n"));
    let (policy, group, rule) = (policy_name("n"), group_name("n"), rule_name("n"));
    [
        (TaggedResource::BillingGroup(billing.clone()), Conflict::BillingGroupNotFound(billing)),
        (TaggedResource::CaCertificate(CA), Conflict::CaCertificateNotFound(CA)),
        (TaggedResource::Policy(policy.clone()), Conflict::PolicyNotFound(policy)),
        (TaggedResource::ThingGroup(group.clone()), Conflict::ThingGroupNotFound(group)),
        (TaggedResource::ThingType(kind.clone()), Conflict::ThingTypeNotFound(kind)),
        (TaggedResource::TopicRule(rule.clone()), Conflict::TopicRuleNotFound(rule)),
    ]
}

/// Creates one resource of each kind, all of one name, so that none can have the tags of another.
fn insert_all(tx: &mut Transaction) {
    tx.insert_billing_group(billing_group("n"));
    tx.insert_ca_certificate(CaCertificate { status: CaStatus::Inactive, ..ca_certificate(CA) });
    tx.insert_policy(policy("n", "{}"));
    tx.insert_thing_group(thing_group("n", None));
    tx.insert_thing_type(ThingType { deprecated_at: Some(LATER), ..thing_type("n", &[]) });
    tx.create_topic_rule(topic_rule("n"));
}

fn delete_all(tx: &mut Transaction) {
    tx.delete_billing_group(billing_name("n"), billing_group("n").id, 1);
    tx.delete_ca_certificate(CA);
    tx.delete_policy(policy_name("n"));
    tx.delete_thing_group(group_name("n"), thing_group("n", None).id, 1);
    tx.delete_thing_type(ThingType { deprecated_at: Some(LATER), ..thing_type("n", &[]) });
    tx.delete_topic_rule(rule_name("n"));
}

fn keys(keys: &[&str]) -> Vec<TagKey> {
    keys.iter().map(|key| TagKey::parse(key).unwrap()).collect()
}

/// What does not exist has no tags and cannot get any.
pub async fn a_tag_needs_its_resource(registry: &dyn Registry) {
    for (resource, missing) in resources() {
        assert_eq!(registry.tags(&resource).await.unwrap(), None);
        let set = |tx: &mut Transaction| tx.set_tags(resource.clone(), vec![tag("a", "1")]);
        conflict(registry, missing.clone(), set).await;
        conflict(registry, missing, |tx| tx.remove_tags(resource.clone(), keys(&["a"]))).await;
    }
}

/// A tag of the same key gets the new value, others stay; what is removed is gone, and what is not there can be removed. They
/// are read by key.
pub async fn tags_are_set_and_removed(registry: &dyn Registry) {
    commit(registry, insert_all).await;
    for (number, (resource, _)) in resources().into_iter().enumerate() {
        let own = number.to_string();
        assert_eq!(registry.tags(&resource).await.unwrap(), Some(Vec::new()));
        let set = async |tags: &[Tag]| {
            commit(registry, |tx| tx.set_tags(resource.clone(), tags.to_vec())).await;
            registry.tags(&resource).await.unwrap().unwrap()
        };
        let read = set(&[tag("z", "1"), tag("été @2", &own), tag("a", "")]).await;
        assert_eq!(read, [tag("a", ""), tag("z", "1"), tag("été @2", &own)]);
        let read = set(&[tag("a", "first"), tag("a", "last"), tag("A", "\"'\n")]).await;
        assert_eq!(read, [tag("A", "\"'\n"), tag("a", "last"), tag("z", "1"), tag("été @2", &own)]);
        for _ in 0..2 {
            commit(registry, |tx| tx.remove_tags(resource.clone(), keys(&["z", "A", "unknown"]))).await;
            let read = registry.tags(&resource).await.unwrap();
            assert_eq!(read, Some(vec![tag("a", "last"), tag("été @2", &own)]));
        }
    }
}

/// Fifty tags and no more, however many are set at once; one that there is can still change.
pub async fn a_resource_has_fifty_tags_at_most(registry: &dyn Registry) {
    commit(registry, insert_all).await;
    let many = |range: std::ops::Range<usize>| {
        range.map(|number| tag(&format!("k{number}"), "v")).collect::<Vec<_>>()
    };
    for (resource, _) in resources() {
        let set = |tags: Vec<Tag>| {
            let resource = resource.clone();
            move |tx: &mut Transaction| tx.set_tags(resource, tags)
        };
        let full = Conflict::TagsOfResource(resource.clone());
        conflict(registry, full.clone(), set(many(0..Tag::OF_RESOURCE_MAX + 1))).await;
        assert_eq!(registry.tags(&resource).await.unwrap(), Some(Vec::new()));
        commit(registry, set(many(0..Tag::OF_RESOURCE_MAX))).await;
        conflict(registry, full, set(vec![tag("one more", "")])).await;
        commit(registry, set(vec![tag("k7", "changed")])).await;
        commit(registry, |tx| {
            tx.remove_tags(resource.clone(), keys(&["k0"]));
            tx.set_tags(resource.clone(), vec![tag("one more", "")]);
        })
        .await;
        assert_eq!(
            registry.tags(&resource).await.unwrap().map(|tags| tags.len()),
            Some(Tag::OF_RESOURCE_MAX)
        );
    }
}

/// The tags of what is deleted are gone, also for one of its name that comes later.
pub async fn tags_go_with_their_resource(registry: &dyn Registry) {
    commit(registry, insert_all).await;
    commit(registry, |tx| {
        resources().into_iter().for_each(|(resource, _)| tx.set_tags(resource, vec![tag("a", "1")]));
    })
    .await;
    commit(registry, delete_all).await;
    for (resource, _) in resources() {
        assert_eq!(registry.tags(&resource).await.unwrap(), None, "{resource}");
    }
    commit(registry, insert_all).await;
    for (resource, _) in resources() {
        assert_eq!(registry.tags(&resource).await.unwrap(), Some(Vec::new()), "{resource}");
    }
}
