//! Who subscribes to what: from a topic name to the subscribers whose filters match it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use landfall_model::{TopicFilter, TopicName};

use crate::packet::SubscriptionOptions;

/// The subscriptions of all subscribers, in a tree with one node for each level of a filter.
///
/// A subscriber is any small key, such as a connection's number. Matching costs at most three steps for each level of
/// the topic and each wildcard on the way, however many filters there are; the depth of the tree, and with it every
/// recursion here, is bounded by the levels that a filter may have.
///
/// Filters of shared subscriptions are matched by their text: a session refuses them before they get here.
#[derive(Clone, Debug)]
pub struct TopicTree<S> {
    root: Node<S>,
    /// The filters of each subscriber, so that it can be removed without a walk through the tree.
    filters: HashMap<S, HashSet<TopicFilter>>,
}

impl<S> Default for TopicTree<S> {
    fn default() -> Self {
        Self { root: Node::default(), filters: HashMap::new() }
    }
}

impl<S: Clone + Eq + Hash> TopicTree<S> {
    /// A tree without subscriptions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a subscription. One of the same subscriber with the same filter is replaced, and its options returned
    /// [MQTT-3.8.4-3].
    pub fn insert(
        &mut self,
        subscriber: S,
        filter: &TopicFilter,
        options: SubscriptionOptions,
    ) -> Option<SubscriptionOptions> {
        let (levels, ends_in_rest) = split(filter);
        let node = levels.fold(&mut self.root, |node, level| node.child_or_new(level));
        self.filters.entry(subscriber.clone()).or_default().insert(filter.clone());
        node.subscribers_mut(ends_in_rest).insert(subscriber, options)
    }

    /// Removes a subscription, and returns its options.
    pub fn remove(&mut self, subscriber: &S, filter: &TopicFilter) -> Option<SubscriptionOptions> {
        if let Some(filters) = self.filters.get_mut(subscriber) {
            filters.remove(filter);
            if filters.is_empty() {
                self.filters.remove(subscriber);
            }
        }
        self.remove_from_nodes(subscriber, filter)
    }

    /// Removes all subscriptions of a subscriber, and returns how many there were.
    pub fn remove_all(&mut self, subscriber: &S) -> usize {
        let filters = self.filters.remove(subscriber).unwrap_or_default();
        for filter in &filters {
            self.remove_from_nodes(subscriber, filter);
        }
        filters.len()
    }

    /// How many filters a subscriber has.
    pub fn filters_of(&self, subscriber: &S) -> usize {
        self.filters.get(subscriber).map_or(0, HashSet::len)
    }

    /// Whether nobody subscribes to anything.
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Calls `visit` once for each subscriber of which a filter matches `topic`, in no particular order.
    ///
    /// A subscriber of which several filters match is visited once, with the highest quality of service among them
    /// [MQTT-3.3.4-2].
    pub fn matches(&self, topic: &TopicName, mut visit: impl FnMut(&S, &SubscriptionOptions)) {
        let mut found = Vec::new();
        let levels: Vec<&str> = topic.levels().collect();
        // A topic that begins with `$` is not for filters that begin with a wildcard [MQTT-4.7.2-1].
        if topic.is_reserved() {
            if let Some((level, rest)) = levels.split_first()
                && let Some(node) = self.root.children.get(*level)
            {
                node.collect(rest, &mut found);
            }
        } else {
            self.root.collect(&levels, &mut found);
        }
        if let [subscribers] = found.as_slice() {
            subscribers.iter().for_each(|(subscriber, options)| visit(subscriber, options));
            return;
        }
        let mut merged: HashMap<&S, SubscriptionOptions> = HashMap::new();
        for (subscriber, options) in found.into_iter().flatten() {
            merged
                .entry(subscriber)
                .and_modify(|other| *other = other.merged_with(*options))
                .or_insert(*options);
        }
        merged.iter().for_each(|(subscriber, options)| visit(subscriber, options));
    }

    fn remove_from_nodes(&mut self, subscriber: &S, filter: &TopicFilter) -> Option<SubscriptionOptions> {
        let (levels, ends_in_rest) = split(filter);
        let levels: Vec<&str> = levels.collect();
        self.root.remove(subscriber, &levels, ends_in_rest)
    }
}

type Subscribers<S> = HashMap<S, SubscriptionOptions>;

/// One level of the filters that share what stands before it.
#[derive(Clone, Debug)]
struct Node<S> {
    /// The next levels, by their text.
    children: HashMap<Box<str>, Self>,
    /// The next level `+`.
    any: Option<Box<Self>>,
    /// Who subscribes with a filter that ends here.
    subscribers: Subscribers<S>,
    /// Who subscribes with a filter that ends in `#` after this level.
    rest: Subscribers<S>,
}

impl<S> Default for Node<S> {
    fn default() -> Self {
        Self { children: HashMap::new(), any: None, subscribers: HashMap::new(), rest: HashMap::new() }
    }
}

impl<S: Eq + Hash> Node<S> {
    fn child_or_new(&mut self, level: &str) -> &mut Self {
        match level {
            "+" => self.any.get_or_insert_default(),
            _ => self.children.entry(level.into()).or_default(),
        }
    }

    fn subscribers_mut(&mut self, ends_in_rest: bool) -> &mut Subscribers<S> {
        if ends_in_rest { &mut self.rest } else { &mut self.subscribers }
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.any.is_none() && self.subscribers.is_empty() && self.rest.is_empty()
    }

    /// Removes a subscription below this node, and the nodes that are empty then.
    fn remove(&mut self, subscriber: &S, levels: &[&str], ends_in_rest: bool) -> Option<SubscriptionOptions> {
        let Some((level, deeper)) = levels.split_first() else {
            return self.subscribers_mut(ends_in_rest).remove(subscriber);
        };
        if *level == "+" {
            let child = self.any.as_mut()?;
            let removed = child.remove(subscriber, deeper, ends_in_rest);
            if child.is_empty() {
                self.any = None;
            }
            return removed;
        }
        let child = self.children.get_mut(*level)?;
        let removed = child.remove(subscriber, deeper, ends_in_rest);
        if child.is_empty() {
            self.children.remove(*level);
        }
        removed
    }

    /// Collects who subscribes with filters that match `levels` from here on.
    fn collect<'a>(&'a self, levels: &[&str], found: &mut Vec<&'a Subscribers<S>>) {
        // `#` also matches the level above it (MQTT 3.1.1, section 4.7.1.2).
        if !self.rest.is_empty() {
            found.push(&self.rest);
        }
        let Some((level, deeper)) = levels.split_first() else {
            if !self.subscribers.is_empty() {
                found.push(&self.subscribers);
            }
            return;
        };
        if let Some(child) = self.children.get(*level) {
            child.collect(deeper, found);
        }
        if let Some(child) = &self.any {
            child.collect(deeper, found);
        }
    }
}

/// The levels of a filter without a `#` at the end, and whether there was one.
fn split(filter: &TopicFilter) -> (impl Iterator<Item = &str>, bool) {
    (filter.levels().filter(|level| *level != "#"), filter.as_str().ends_with('#'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::QoS;

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::parse(text).unwrap()
    }

    fn options(qos: QoS) -> SubscriptionOptions {
        SubscriptionOptions::with_qos(qos)
    }

    fn matched(tree: &TopicTree<u32>, topic: &str) -> Vec<(u32, QoS)> {
        let mut found = Vec::new();
        tree.matches(&TopicName::parse(topic).unwrap(), |subscriber, options| {
            found.push((*subscriber, options.qos))
        });
        found.sort_unstable();
        found
    }

    #[test]
    fn every_kind_of_filter_is_found() {
        let mut tree = TopicTree::new();
        let filters = ["a/b", "a/+", "a/#", "#", "+/b", "+", "a/b/#", "/b", "$SYS/#", "+/+/#"];
        for (subscriber, text) in (0..).zip(filters) {
            assert_eq!(tree.insert(subscriber, &filter(text), options(QoS::AtMostOnce)), None);
        }
        for (topic, expected) in [
            ("a/b", &[0, 1, 2, 3, 4, 6, 9][..]),
            ("a", &[2, 3, 5]),
            ("a/b/c", &[2, 3, 6, 9]),
            ("/b", &[3, 4, 7, 9]),
            ("x", &[3, 5]),
            ("$SYS", &[8]),
            ("$SYS/b", &[8]),
            ("$aws/b", &[]),
        ] {
            let subscribers: Vec<u32> = matched(&tree, topic).into_iter().map(|(s, _)| s).collect();
            assert_eq!(subscribers, expected, "{topic}");
        }
    }

    #[test]
    fn overlapping_filters_of_one_subscriber_match_once_with_the_highest_quality_of_service() {
        let mut tree = TopicTree::new();
        tree.insert(7, &filter("a/#"), options(QoS::AtMostOnce));
        tree.insert(7, &filter("a/b"), options(QoS::AtLeastOnce));
        tree.insert(8, &filter("a/+"), options(QoS::AtMostOnce));
        assert_eq!(matched(&tree, "a/b"), [(7, QoS::AtLeastOnce), (8, QoS::AtMostOnce)]);
        assert_eq!(matched(&tree, "a"), [(7, QoS::AtMostOnce)]);
    }

    #[test]
    fn a_message_of_ones_own_is_left_out_only_if_every_filter_leaves_it_out() {
        let mut tree = TopicTree::new();
        let no_local = SubscriptionOptions { no_local: true, ..options(QoS::AtMostOnce) };
        tree.insert(7, &filter("a/#"), no_local);
        tree.insert(7, &filter("a/b"), options(QoS::AtMostOnce));
        for (topic, expected) in [("a/b", false), ("a/c", true)] {
            let mut found = Vec::new();
            tree.matches(&TopicName::parse(topic).unwrap(), |_, options| found.push(options.no_local));
            assert_eq!(found, [expected], "{topic}");
        }
    }

    #[test]
    fn a_subscription_with_the_same_filter_replaces_the_first() {
        let mut tree = TopicTree::new();
        tree.insert(7, &filter("a"), options(QoS::AtLeastOnce));
        assert_eq!(tree.insert(7, &filter("a"), options(QoS::AtMostOnce)), Some(options(QoS::AtLeastOnce)));
        assert_eq!(tree.filters_of(&7), 1);
        assert_eq!(matched(&tree, "a"), [(7, QoS::AtMostOnce)]);
    }

    #[test]
    fn removal_leaves_no_node_behind() {
        let mut tree = TopicTree::new();
        for text in ["a/b/c", "a/+/c", "a/#", "#", "+"] {
            tree.insert(1, &filter(text), options(QoS::AtMostOnce));
            tree.insert(2, &filter(text), options(QoS::AtMostOnce));
        }
        assert_eq!(tree.remove(&1, &filter("a/+/c")), Some(options(QoS::AtMostOnce)));
        assert_eq!(tree.remove(&1, &filter("a/+/c")), None);
        assert_eq!(tree.remove(&1, &filter("no/such")), None);
        assert_eq!(tree.remove(&3, &filter("a/#")), None);
        assert_eq!(matched(&tree, "a/x/c"), [(1, QoS::AtMostOnce), (2, QoS::AtMostOnce)]);
        assert_eq!((tree.filters_of(&1), tree.filters_of(&2)), (4, 5));
        assert_eq!((tree.remove_all(&1), tree.remove_all(&1)), (4, 0));
        assert_eq!(matched(&tree, "a/x/c"), [(2, QoS::AtMostOnce)]);
        assert_eq!(tree.remove_all(&2), 5);
        assert!(tree.is_empty() && tree.root.is_empty());
    }

    #[test]
    fn ten_thousand_wildcard_filters_cost_nothing_where_they_do_not_match() {
        let mut tree = TopicTree::new();
        for device in 0..10_000 {
            tree.insert(device, &filter(&format!("things/{device}/+/state/#")), options(QoS::AtMostOnce));
        }
        let mut found = Vec::new();
        let topic = TopicName::parse("things/77/x/state/1").unwrap();
        let levels: Vec<&str> = topic.levels().collect();
        tree.root.collect(&levels, &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!(matched(&tree, "things/77/x/state/1"), [(77, QoS::AtMostOnce)]);
        assert_eq!(matched(&tree, "things/77/x/other/1"), []);
    }

    fn any_filter() -> impl Strategy<Value = TopicFilter> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "", "+", "$x"]), 1..5).prop_flat_map(
            |levels| {
                let text = levels.join("/");
                let with_rest = format!("{text}/#");
                let texts = vec![text, with_rest, "#".to_owned()];
                prop::sample::select(texts)
                    .prop_filter_map("not empty", |text| TopicFilter::parse(&text).ok())
            },
        )
    }

    fn any_topic() -> impl Strategy<Value = TopicName> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "", "$x"]), 1..5)
            .prop_filter_map("not empty", |levels| TopicName::parse(&levels.join("/")).ok())
    }

    #[derive(Clone, Debug)]
    enum Change {
        Insert(u32, TopicFilter, QoS),
        Remove(u32, TopicFilter),
        RemoveAll(u32),
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let qos = prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce]);
        prop_oneof![
            8 => (0..4_u32, any_filter(), qos).prop_map(|(s, filter, qos)| Change::Insert(s, filter, qos)),
            3 => (0..4_u32, any_filter()).prop_map(|(s, filter)| Change::Remove(s, filter)),
            1 => (0..4_u32).prop_map(Change::RemoveAll),
        ]
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_the_naive_matcher_finds(
            changes in prop::collection::vec(any_change(), 0..40),
            topics in prop::collection::vec(any_topic(), 1..10),
        ) {
            let mut tree = TopicTree::new();
            let mut list: HashMap<(u32, TopicFilter), QoS> = HashMap::new();
            for change in changes {
                match change {
                    Change::Insert(subscriber, filter, qos) => {
                        let before = tree.insert(subscriber, &filter, options(qos)).map(|options| options.qos);
                        prop_assert_eq!(before, list.insert((subscriber, filter), qos));
                    }
                    Change::Remove(subscriber, filter) => {
                        let before = tree.remove(&subscriber, &filter).map(|options| options.qos);
                        prop_assert_eq!(before, list.remove(&(subscriber, filter)));
                    }
                    Change::RemoveAll(subscriber) => {
                        let before = list.len();
                        list.retain(|(other, _), _| *other != subscriber);
                        prop_assert_eq!(tree.remove_all(&subscriber), before - list.len());
                    }
                }
            }
            for topic in topics {
                let mut expected: HashMap<u32, QoS> = HashMap::new();
                for ((subscriber, filter), qos) in &list {
                    if filter.matches(&topic) {
                        let highest = expected.entry(*subscriber).or_insert(*qos);
                        *highest = (*qos).max(*highest);
                    }
                }
                let mut expected = Vec::from_iter(expected);
                expected.sort_unstable();
                prop_assert_eq!(matched(&tree, topic.as_str()), expected, "{}", topic);
            }
            for subscriber in 0..4 {
                tree.remove_all(&subscriber);
            }
            prop_assert!(tree.is_empty() && tree.root.is_empty());
        }
    }
}
