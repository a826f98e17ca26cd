//! Which rules a message is for.

use std::collections::HashMap;

use landfall_model::{RuleName, TopicFilter, TopicName};

use crate::basic_ingest::BASIC_INGEST_PREFIX;

/// Rules by their names and by their topic filters.
///
/// Matching costs at most three steps for each level of the topic and each wildcard on the way, however many rules there
/// are. The depth of the tree, and with it every recursion here, is bounded by the levels that a filter may have. It is the
/// tree of the broker's subscriptions without what those need besides, as crates of one layer do not use each other.
#[derive(Clone, Debug)]
pub struct RuleSet<R> {
    rules: HashMap<RuleName, (Option<TopicFilter>, R)>,
    root: Node,
}

impl<R> Default for RuleSet<R> {
    fn default() -> Self {
        Self { rules: HashMap::new(), root: Node::default() }
    }
}

impl<R> RuleSet<R> {
    /// A set without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule. One of the same name is replaced, and returned.
    ///
    /// A rule without a filter is found by its name only. One that is disabled must not be here.
    pub fn insert(&mut self, name: RuleName, filter: Option<TopicFilter>, rule: R) -> Option<R> {
        let before = self.remove(&name);
        if let Some(filter) = &filter {
            self.root.insert(&mut filter.levels(), &name);
        }
        self.rules.insert(name, (filter, rule));
        before
    }

    /// Removes a rule, and returns it.
    pub fn remove(&mut self, name: &RuleName) -> Option<R> {
        let (filter, rule) = self.rules.remove(name)?;
        if let Some(filter) = filter {
            self.root.remove(&mut filter.levels(), name);
        }
        Some(rule)
    }

    /// The rule of this name.
    pub fn get(&self, name: &RuleName) -> Option<&R> {
        self.rules.get(name).map(|(_, rule)| rule)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Calls `visit` once for each rule whose filter matches a topic, in no particular order.
    ///
    /// No filter matches a topic of Basic Ingest: [`BasicIngest`](crate::BasicIngest) says which rule that names.
    pub fn matches<'r>(&'r self, topic: &TopicName, mut visit: impl FnMut(&'r RuleName, &'r R)) {
        if topic.as_str().starts_with(BASIC_INGEST_PREFIX) {
            return;
        }
        let mut visit_name = |name: &'r RuleName| {
            if let Some((_, rule)) = self.rules.get(name) {
                visit(name, rule);
            }
        };
        let mut levels = topic.as_str().split('/');
        // A topic that begins with `$` is not for filters that begin with a wildcard [MQTT-4.7.2-1].
        if !topic.is_reserved() {
            self.root.visit(levels, &mut visit_name);
        } else if let Some(node) = levels.next().and_then(|level| self.root.children.get(level)) {
            node.visit(levels, &mut visit_name);
        }
    }
}

/// One level of the filters that share what stands before it.
#[derive(Clone, Debug, Default)]
struct Node {
    /// The next levels, by their text.
    children: HashMap<Box<str>, Self>,
    /// The next level `+`.
    any: Option<Box<Self>>,
    /// The rules whose filter ends here.
    here: Vec<RuleName>,
    /// The rules whose filter ends in `#` after this level.
    rest: Vec<RuleName>,
}

impl Node {
    fn insert<'f>(&mut self, levels: &mut impl Iterator<Item = &'f str>, name: &RuleName) {
        match levels.next() {
            None => self.here.push(name.clone()),
            Some("#") => self.rest.push(name.clone()),
            Some("+") => self.any.get_or_insert_default().insert(levels, name),
            Some(level) => self.children.entry(level.into()).or_default().insert(levels, name),
        }
    }

    /// Removes a rule below this node, and the nodes that are empty then.
    fn remove<'f>(&mut self, levels: &mut impl Iterator<Item = &'f str>, name: &RuleName) {
        match levels.next() {
            None => self.here.retain(|known| known != name),
            Some("#") => self.rest.retain(|known| known != name),
            Some("+") => {
                if let Some(child) = &mut self.any {
                    child.remove(levels, name);
                    self.any.take_if(|child| child.is_empty());
                }
            }
            Some(level) => {
                if let Some(child) = self.children.get_mut(level) {
                    child.remove(levels, name);
                    if child.is_empty() {
                        self.children.remove(level);
                    }
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.any.is_none() && self.here.is_empty() && self.rest.is_empty()
    }

    /// Visits the rules whose filters match these levels from here on.
    fn visit<'r, 't>(
        &'r self,
        mut levels: impl Iterator<Item = &'t str> + Clone,
        visit: &mut impl FnMut(&'r RuleName),
    ) {
        // `#` also matches the level above it (MQTT 3.1.1, section 4.7.1.2).
        self.rest.iter().for_each(&mut *visit);
        let Some(level) = levels.next() else {
            return self.here.iter().for_each(visit);
        };
        if let Some(child) = &self.any {
            child.visit(levels.clone(), visit);
        }
        if let Some(child) = self.children.get(level) {
            child.visit(levels, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> RuleName {
        RuleName::parse(text).unwrap()
    }

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::parse(text).unwrap()
    }

    fn matched(set: &RuleSet<u32>, topic: &str) -> Vec<u32> {
        let mut found = Vec::new();
        set.matches(&TopicName::parse(topic).unwrap(), |_, rule| found.push(*rule));
        found.sort_unstable();
        found
    }

    #[test]
    fn every_kind_of_filter_is_found() {
        let mut set = RuleSet::new();
        let filters =
            ["a/b", "a/+", "a/#", "#", "+/b", "+", "a/b/#", "/b", "$aws/events/#", "+/+/#", "$aws/#"];
        for (rule, text) in (0..).zip(filters) {
            assert_eq!(set.insert(name(&format!("r{rule}")), Some(filter(text)), rule), None);
        }
        set.insert(name("named"), None, 99);
        for (topic, expected) in [
            ("a/b", &[0, 1, 2, 3, 4, 6, 9][..]),
            ("a", &[2, 3, 5]),
            ("a/b/c", &[2, 3, 6, 9]),
            ("/b", &[3, 4, 7, 9]),
            ("x", &[3, 5]),
            ("$aws/events/x", &[8, 10]),
            ("$aws/rules/r0/a", &[]),
            ("$other/b", &[]),
        ] {
            assert_eq!(matched(&set, topic), expected, "{topic}");
        }
        assert_eq!((set.get(&name("named")), set.len()), (Some(&99), 12));
    }

    #[test]
    fn a_rule_of_the_same_name_replaces_the_first() {
        let mut set = RuleSet::new();
        set.insert(name("r"), Some(filter("a")), 1);
        assert_eq!(set.insert(name("r"), Some(filter("b")), 2), Some(1));
        assert_eq!((matched(&set, "a"), matched(&set, "b"), set.len()), (vec![], vec![2], 1));
        assert_eq!((set.remove(&name("r")), set.remove(&name("r"))), (Some(2), None));
        assert!(set.is_empty() && set.root.is_empty());
    }

    fn any_filter() -> impl Strategy<Value = TopicFilter> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "", "+", "$x"]), 1..5).prop_flat_map(
            |levels| {
                let text = levels.join("/");
                let texts = vec![format!("{text}/#"), text, "#".to_owned()];
                prop::sample::select(texts)
                    .prop_filter_map("not empty", |text| TopicFilter::parse(&text).ok())
            },
        )
    }

    fn any_topic() -> impl Strategy<Value = TopicName> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "", "$x"]), 1..5)
            .prop_filter_map("not empty", |levels| TopicName::parse(&levels.join("/")).ok())
    }

    proptest! {
        #[test]
        fn the_set_finds_what_the_naive_matcher_finds(
            changes in prop::collection::vec((0..8_u32, prop::option::of(any_filter())), 0..40),
            topics in prop::collection::vec(any_topic(), 1..10),
        ) {
            let mut set = RuleSet::new();
            let mut list: HashMap<u32, TopicFilter> = HashMap::new();
            for (rule, filter) in changes {
                let rule_name = name(&format!("r{rule}"));
                let (before, expected) = match filter {
                    Some(filter) => {
                        (set.insert(rule_name, Some(filter.clone()), rule), list.insert(rule, filter))
                    }
                    None => (set.remove(&rule_name), list.remove(&rule)),
                };
                prop_assert_eq!(before.is_some(), expected.is_some());
            }
            for topic in topics {
                let mut expected: Vec<u32> =
                    list.iter().filter(|(_, filter)| filter.matches(&topic)).map(|(rule, _)| *rule).collect();
                expected.sort_unstable();
                prop_assert_eq!(matched(&set, topic.as_str()), expected, "{}", topic);
            }
            for rule in 0..8 {
                set.remove(&name(&format!("r{rule}")));
            }
            prop_assert!(set.is_empty() && set.root.is_empty());
        }
    }
}
