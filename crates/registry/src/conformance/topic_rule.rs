//! Promises about topic rules.

use landfall_model::{TaggedResource, TopicRule};

use super::samples::{LATER, NOW, rule_name, tag, topic_rule};
use super::{Pending, assert_conflict, assert_pages, commit, conflict, together};
use crate::{CommitError, Committed, Conflict, Registry, TopicRuleFilter, Transaction};

/// Everything is kept. A second one of its name conflicts and changes nothing.
pub async fn a_topic_rule_is_created_once(registry: &dyn Registry) {
    assert_eq!(registry.topic_rule(&rule_name("r")).await.unwrap(), None);
    assert_eq!(registry.every_topic_rule().await.unwrap(), []);
    let disabled = TopicRule {
        document: r#"{"sql":"SELECT * FROM 'ü' WHERE a = \"'\"","actions":[]}"#.into(),
        is_disabled: true,
        modified_at: LATER,
        ..topic_rule("r")
    };
    for rule in [disabled, topic_rule("R"), topic_rule("r_1")] {
        commit(registry, |tx| tx.create_topic_rule(rule.clone())).await;
        let exists = Conflict::TopicRuleExists(rule.name.clone());
        let second = TopicRule { document: "{}".into(), is_disabled: !rule.is_disabled, ..rule.clone() };
        conflict(registry, exists, |tx| tx.create_topic_rule(second)).await;
        assert_eq!(registry.topic_rule(&rule.name).await.unwrap(), Some(rule));
    }
}

/// Of many that create a rule of one name, one does.
pub async fn one_of_many_creates_a_topic_rule(registry: &dyn Registry) {
    let rule = |number: u32| TopicRule { document: number.to_string().into(), ..topic_rule("r") };
    let commits = (0..16).map(|number| {
        let mut transaction = Transaction::new();
        transaction.create_topic_rule(rule(number));
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    });
    let results = together(commits.collect()).await;
    let first = results.iter().position(Result::is_ok).unwrap();
    let exists = Conflict::TopicRuleExists(rule_name("r"));
    let others = results.iter().enumerate().filter(|(number, _)| *number != first);
    others.for_each(|(_, result)| assert_conflict(result, &exists));
    let expected = rule(first.try_into().unwrap());
    assert_eq!(registry.every_topic_rule().await.unwrap(), [expected]);
}

/// A thousand rules and no more; one that there is can still change, and one that is deleted makes room.
pub async fn topic_rules_are_bounded(registry: &dyn Registry) {
    let rule = |number: usize| topic_rule(&format!("r{number}"));
    commit(registry, |tx| {
        (0..TopicRule::OF_SERVER_MAX).for_each(|number| tx.create_topic_rule(rule(number)))
    })
    .await;
    let more = rule(TopicRule::OF_SERVER_MAX);
    conflict(registry, Conflict::TopicRules, |tx| tx.create_topic_rule(more.clone())).await;
    conflict(registry, Conflict::TopicRuleExists(rule(5).name), |tx| tx.create_topic_rule(rule(5))).await;
    commit(registry, |tx| {
        tx.replace_topic_rule(rule(3).name, "new".into(), false, LATER);
        tx.delete_topic_rule(rule(0).name);
        tx.create_topic_rule(more.clone());
    })
    .await;
    let all = registry.every_topic_rule().await.unwrap();
    assert_eq!((all.len(), all.last()), (TopicRule::OF_SERVER_MAX, Some(&more)));
}

/// Document, switch and time are new; time of creation, tags and place in the listing stay.
pub async fn a_topic_rule_is_replaced(registry: &dyn Registry) {
    let resource = TaggedResource::TopicRule(rule_name("r"));
    commit(registry, |tx| {
        tx.create_topic_rule(topic_rule("r"));
        tx.create_topic_rule(topic_rule("other"));
        tx.set_tags(resource.clone(), vec![tag("a", "1")]);
    })
    .await;
    for (document, is_disabled, at) in [("first", true, LATER), ("second", false, NOW), ("", true, LATER)] {
        commit(registry, |tx| tx.replace_topic_rule(rule_name("r"), document.into(), is_disabled, at)).await;
        let expected =
            TopicRule { document: document.into(), is_disabled, modified_at: at, ..topic_rule("r") };
        assert_eq!(registry.topic_rule(&rule_name("r")).await.unwrap().as_ref(), Some(&expected));
        assert_eq!(registry.every_topic_rule().await.unwrap(), [expected, topic_rule("other")]);
        assert_eq!(registry.tags(&resource).await.unwrap(), Some(vec![tag("a", "1")]));
    }
}

/// The switch and the time are new, and nothing else.
pub async fn a_topic_rule_is_disabled_and_enabled(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.create_topic_rule(topic_rule("r"));
        tx.create_topic_rule(topic_rule("other"));
    })
    .await;
    for (is_disabled, modified_at) in [(true, LATER), (true, NOW), (false, LATER), (false, NOW)] {
        commit(registry, |tx| tx.set_topic_rule_disabled(rule_name("r"), is_disabled, modified_at)).await;
        let expected = TopicRule { is_disabled, modified_at, ..topic_rule("r") };
        assert_eq!(registry.every_topic_rule().await.unwrap(), [expected, topic_rule("other")]);
    }
}

/// What does not exist is not changed. One that was deleted comes back as a new one, without its tags.
pub async fn a_topic_rule_is_deleted(registry: &dyn Registry) {
    let (name, resource) = (rule_name("r"), TaggedResource::TopicRule(rule_name("r")));
    let assert_absent = async || {
        let missing = || Conflict::TopicRuleNotFound(name.clone());
        let (name, delete) = (|| name.clone(), |tx: &mut Transaction| tx.delete_topic_rule(name.clone()));
        conflict(registry, missing(), |tx| tx.replace_topic_rule(name(), "{}".into(), false, NOW)).await;
        conflict(registry, missing(), |tx| tx.set_topic_rule_disabled(name(), true, NOW)).await;
        conflict(registry, missing(), delete).await;
        assert_eq!(registry.topic_rule(&name()).await.unwrap(), None);
        assert_eq!(registry.tags(&resource).await.unwrap(), None);
    };
    assert_absent().await;
    commit(registry, |tx| {
        tx.create_topic_rule(topic_rule("r"));
        tx.set_tags(resource.clone(), vec![tag("a", "1")]);
        tx.create_topic_rule(topic_rule("other"));
    })
    .await;
    commit(registry, |tx| tx.delete_topic_rule(name.clone())).await;
    assert_absent().await;
    assert_eq!(registry.every_topic_rule().await.unwrap(), [topic_rule("other")]);
    commit(registry, |tx| tx.create_topic_rule(topic_rule("r"))).await;
    assert_eq!(registry.every_topic_rule().await.unwrap(), [topic_rule("other"), topic_rule("r")]);
    assert_eq!(registry.tags(&resource).await.unwrap(), Some(Vec::new()));
}

/// The listing is by time of creation, of all rules or of those that are disabled or not.
pub async fn topic_rules_are_listed_by_page(registry: &dyn Registry) {
    let filter = |is_disabled| TopicRuleFilter { is_disabled };
    assert_pages(&[], |page| registry.topic_rules(filter(None), page)).await;
    let all = [("e", true), ("b", false), ("d", true), ("a", true), ("c", false)];
    let all = all.map(|(name, is_disabled)| TopicRule { is_disabled, ..topic_rule(name) });
    for rule in &all {
        commit(registry, |tx| tx.create_topic_rule(rule.clone())).await;
    }
    assert_eq!(registry.every_topic_rule().await.unwrap(), all);
    for is_disabled in [None, Some(true), Some(false)] {
        let expected: Vec<_> = all.iter().filter(|rule| filter(is_disabled).matches(rule)).cloned().collect();
        assert_eq!(expected.len(), [5, 2, 3][is_disabled.map_or(0, |is| 1 + usize::from(is))]);
        assert_pages(&expected, |page| registry.topic_rules(filter(is_disabled), page)).await;
    }
}
