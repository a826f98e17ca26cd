use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use landfall_model::{RuleName, TopicName, TopicRule};
use landfall_registry::{Change, CommitObserver, Registry, StorageError, TopicRuleChange};
use landfall_rules::{BasicIngest, CompiledRule, RuleSet, TopicRuleDocument};
use tracing::error;

/// The topic rules that there are, kept current: what was committed counts for the next message.
///
/// Messages only look up which rules they match while they hold the lock, and evaluate them afterwards. So a change need not
/// copy the rules: it waits at most for such look-ups, and costs the same however many rules there are.
pub(crate) struct Rules {
    /// Whether there is a rule that is enabled: what a message asks first.
    has_any: AtomicBool,
    inner: RwLock<Inner>,
}

/// A rule that a message is for.
pub(crate) type Matched = (RuleName, Arc<CompiledRule>);

#[derive(Default)]
struct Inner {
    enabled: RuleSet<Arc<CompiledRule>>,
    /// Those that are disabled, which can be enabled without being sent anew.
    disabled: HashMap<RuleName, Arc<CompiledRule>>,
    /// What was heard of before the stored rules were read; none when they are.
    early: Option<Vec<RuleChange>>,
}

/// A change of a rule, with the rule compiled.
enum RuleChange {
    Put { name: RuleName, rule: Arc<CompiledRule>, is_disabled: bool },
    SetDisabled { name: RuleName, is_disabled: bool },
    Remove { name: RuleName },
}

impl Rules {
    /// Reads every rule, and from then on follows the commits of `registry`.
    ///
    /// # Errors
    /// The registry cannot be read.
    pub(crate) async fn start(registry: &dyn Registry) -> Result<Arc<Self>, StorageError> {
        let inner = Inner { early: Some(Vec::new()), ..Inner::default() };
        let rules = Arc::new(Self { has_any: AtomicBool::new(false), inner: RwLock::new(inner) });
        // Observed before it is read: what is committed in between is applied again, to what may have it already.
        registry.observe(Arc::clone(&rules) as Arc<dyn CommitObserver>);
        let stored = registry.every_topic_rule().await?;
        let stored = stored.iter().map(RuleChange::put).collect();
        rules.change(|inner| {
            let early = inner.early.take().unwrap_or_default();
            inner.apply(stored);
            inner.apply(early);
        });
        Ok(rules)
    }

    /// Whether no rule is enabled.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_any.load(Ordering::Acquire)
    }

    /// The rules that a message of this topic is for: those whose filters match, or the one that it names.
    pub(crate) fn matching(&self, topic: &TopicName) -> Vec<Matched> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let mut matched = Vec::new();
        match BasicIngest::parse(topic) {
            None => inner.enabled.matches(topic, |name, rule| matched.push((name.clone(), Arc::clone(rule)))),
            Some(Ok(ingest)) => {
                matched.extend(inner.enabled.get(&ingest.rule).map(|rule| (ingest.rule, Arc::clone(rule))));
            }
            // No rule can have that name.
            Some(Err(_)) => {}
        }
        matched
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut inner);
        self.has_any.store(!inner.enabled.is_empty(), Ordering::Release);
    }
}

impl CommitObserver for Rules {
    fn committed(&self, changes: &[Change]) {
        let of_rules = changes
            .iter()
            .filter_map(|change| if let Change::TopicRule(change) = change { Some(change) } else { None });
        let changes: Vec<_> = of_rules.map(RuleChange::of).collect();
        if changes.is_empty() {
            return;
        }
        self.change(|inner| match &mut inner.early {
            Some(early) => early.extend(changes),
            None => inner.apply(changes),
        });
    }
}

impl Inner {
    fn apply(&mut self, changes: Vec<RuleChange>) {
        for change in changes {
            match change {
                RuleChange::Put { name, rule, is_disabled } => self.put(name, rule, is_disabled),
                RuleChange::SetDisabled { name, is_disabled } => {
                    if let Some(rule) = self.remove(&name) {
                        self.put(name, rule, is_disabled);
                    }
                }
                RuleChange::Remove { name } => drop(self.remove(&name)),
            }
        }
    }

    fn put(&mut self, name: RuleName, rule: Arc<CompiledRule>, is_disabled: bool) {
        self.remove(&name);
        if is_disabled {
            self.disabled.insert(name, rule);
        } else {
            let filter = rule.filter().cloned();
            self.enabled.insert(name, filter, rule);
        }
    }

    fn remove(&mut self, name: &RuleName) -> Option<Arc<CompiledRule>> {
        self.enabled.remove(name).or_else(|| self.disabled.remove(name))
    }
}

impl RuleChange {
    fn of(change: &TopicRuleChange) -> Self {
        match change {
            TopicRuleChange::Create(rule) => Self::put(rule),
            TopicRuleChange::Replace { name, document, is_disabled, at: _ } => {
                Self::compiled(name, document, *is_disabled)
            }
            TopicRuleChange::SetDisabled { name, is_disabled, at: _ } => {
                Self::SetDisabled { name: name.clone(), is_disabled: *is_disabled }
            }
            TopicRuleChange::Delete { name } => Self::Remove { name: name.clone() },
        }
    }

    fn put(rule: &TopicRule) -> Self {
        Self::compiled(&rule.name, &rule.document, rule.is_disabled)
    }

    /// It was parsed before it was stored, so a problem here is a fault of the stored data.
    fn compiled(name: &RuleName, document: &str, is_disabled: bool) -> Self {
        let name = name.clone();
        match TopicRuleDocument::parse(document) {
            Ok(rule) => Self::Put { name, rule: Arc::new(rule), is_disabled },
            Err(problem) => {
                let error: &dyn Error = &problem;
                error!(rule.name = %name, error, "stored topic rule cannot be used");
                Self::Remove { name }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::UnixTime;
    use landfall_registry::{MemoryRegistry, Transaction};

    use super::*;

    const AT: UnixTime = UnixTime::from_secs(1);

    fn name(text: &str) -> RuleName {
        RuleName::parse(text).unwrap()
    }

    fn document(filter: &str) -> Arc<str> {
        format!(r#"{{"sql": "SELECT * FROM '{filter}'", "actions": []}}"#).into()
    }

    fn rule(text: &str, filter: &str, is_disabled: bool) -> TopicRule {
        TopicRule {
            name: name(text),
            document: document(filter),
            is_disabled,
            created_at: AT,
            modified_at: AT,
        }
    }

    async fn commit(registry: &dyn Registry, change: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::new();
        change(&mut transaction);
        registry.commit(transaction).await.unwrap();
    }

    fn matched(rules: &Rules, topic: &str) -> Vec<String> {
        let matched = rules.matching(&TopicName::parse(topic).unwrap());
        let mut names: Vec<_> = matched.into_iter().map(|(name, _)| name.to_string()).collect();
        names.sort_unstable();
        names
    }

    #[tokio::test]
    async fn rules_are_read_at_the_start_and_kept_current() {
        let registry = MemoryRegistry::new();
        commit(&registry, |transaction| {
            transaction.create_topic_rule(rule("stored", "a/#", false));
            transaction.create_topic_rule(rule("off", "a/#", true));
        })
        .await;
        let rules = Rules::start(&registry).await.unwrap();
        assert_eq!(matched(&rules, "a/b"), ["stored"]);
        commit(&registry, |transaction| transaction.create_topic_rule(rule("new", "a/+", false))).await;
        commit(&registry, |transaction| transaction.set_topic_rule_disabled(name("off"), false, AT)).await;
        assert_eq!(matched(&rules, "a/b"), ["new", "off", "stored"]);
        commit(&registry, |transaction| {
            transaction.replace_topic_rule(name("new"), document("b"), false, AT);
            transaction.set_topic_rule_disabled(name("stored"), true, AT);
            transaction.delete_topic_rule(name("off"));
        })
        .await;
        assert_eq!((matched(&rules, "a/b"), matched(&rules, "b")), (vec![], vec!["new".to_owned()]));
        assert!(!rules.is_empty());
        commit(&registry, |transaction| transaction.delete_topic_rule(name("new"))).await;
        assert!(rules.is_empty() && matched(&rules, "b").is_empty());
    }

    #[tokio::test]
    async fn what_is_committed_while_the_rules_are_read_counts() {
        let inner = Inner { early: Some(Vec::new()), ..Inner::default() };
        let rules = Rules { has_any: AtomicBool::new(false), inner: RwLock::new(inner) };
        let created = TopicRuleChange::Create(rule("r", "a", true));
        let enabled = TopicRuleChange::SetDisabled { name: name("r"), is_disabled: false, at: AT };
        let deleted = TopicRuleChange::Delete { name: name("gone") };
        rules.committed(&[created, enabled, deleted].map(Change::TopicRule));
        assert!(rules.is_empty());
        rules.change(|inner| {
            let early = inner.early.take().unwrap();
            inner.apply(vec![RuleChange::put(&rule("gone", "a", false))]);
            inner.apply(early);
        });
        assert_eq!(matched(&rules, "a"), ["r"]);
    }

    #[tokio::test]
    async fn a_message_of_basic_ingest_is_for_the_rule_that_it_names() {
        let registry = MemoryRegistry::new();
        commit(&registry, |transaction| {
            transaction.create_topic_rule(rule("named", "x", false));
            transaction.create_topic_rule(rule("off", "x", true));
            transaction.create_topic_rule(rule("all", "#", false));
        })
        .await;
        let rules = Rules::start(&registry).await.unwrap();
        for (topic, expected) in [
            ("$aws/rules/named/a/b", vec!["named"]),
            ("$aws/rules/off/a", vec![]),
            ("$aws/rules/absent/a", vec![]),
            ("$aws/rules/no-name/a", vec![]),
            ("x", vec!["all", "named"]),
        ] {
            assert_eq!(matched(&rules, topic), expected, "{topic}");
        }
    }
}
