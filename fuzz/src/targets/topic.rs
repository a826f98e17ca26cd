use std::collections::BTreeMap;

use landfall_model::{RESERVED_TOPIC_LEVELS_MAX, TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX, TopicFilter, TopicName};
use landfall_mqtt::{QoS, SubscriptionOptions, TopicTree};

use crate::input::lines;

/// The most lines of one input.
const LINES_MAX: usize = 64;

/// How many subscribers share the filters, so that several filters of one match.
const SUBSCRIBERS: usize = 5;

/// Topic names and topic filters, and the tree that finds who subscribes.
///
/// Each line of the input is taken as a name and as a filter. What is accepted keeps the limits, and for every name
/// the tree of all filters finds what comparing level by level finds, also after filters were removed.
pub fn topic(data: &[u8]) {
    let lines = lines(data, LINES_MAX);
    let names: Vec<TopicName> = lines.iter().filter_map(|line| parse_name(line)).collect();
    let filters: Vec<TopicFilter> = lines.iter().filter_map(|line| parse_filter(line)).collect();

    let mut tree = TopicTree::new();
    let mut subscriptions: BTreeMap<(usize, String), (TopicFilter, QoS)> = BTreeMap::new();
    for (index, filter) in filters.iter().enumerate() {
        let subscriber = index % SUBSCRIBERS;
        let qos = if index % 2 == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let replaced = tree.insert(subscriber, filter, SubscriptionOptions::with_qos(qos));
        let known = subscriptions.insert((subscriber, filter.as_str().to_owned()), (filter.clone(), qos));
        assert_eq!(replaced.map(|options| options.qos), known.map(|(_, qos)| qos));
    }
    check_tree(&tree, &subscriptions, &names);

    // Every other subscription goes, then one subscriber, then the rest.
    let doomed: Vec<_> = subscriptions.keys().step_by(2).cloned().collect();
    for key in doomed {
        let Some((filter, qos)) = subscriptions.remove(&key) else { continue };
        let removed = tree.remove(&key.0, &filter);
        assert_eq!(removed.map(|options| options.qos), Some(qos), "{filter} was not removed");
        assert_eq!(tree.remove(&key.0, &filter), None, "{filter} was removed twice");
    }
    check_tree(&tree, &subscriptions, &names);
    for subscriber in 0..SUBSCRIBERS {
        let count = subscriptions.keys().filter(|(known, _)| *known == subscriber).count();
        assert_eq!(tree.filters_of(&subscriber), count);
        assert_eq!(tree.remove_all(&subscriber), count);
        subscriptions.retain(|(known, _), _| *known != subscriber);
        check_tree(&tree, &subscriptions, &names);
    }
    assert!(tree.is_empty());
}

fn parse_name(text: &str) -> Option<TopicName> {
    let name = TopicName::parse(text).ok()?;
    assert_eq!(name.as_str(), text);
    check_text(text);
    assert!(!text.contains(['+', '#']), "{text:?} has a wildcard");
    // A name is the filter of itself, unless it looks like a shared subscription.
    match TopicFilter::parse(text) {
        Ok(filter) => assert!(filter.matches(&name) || filter.is_shared(), "{text:?} does not match itself"),
        Err(error) => assert!(text.starts_with("$share/"), "{text:?} is a name and no filter: {error}"),
    }
    Some(name)
}

fn parse_filter(text: &str) -> Option<TopicFilter> {
    let filter = TopicFilter::parse(text).ok()?;
    assert_eq!(filter.as_str(), text);
    let levels: Vec<&str> = filter.levels().collect();
    assert_eq!(levels.join("/"), text);
    let (last, others) = levels.split_last().expect("a text has at least one level");
    assert!(!others.iter().any(|level| level.contains('#')), "{text:?} goes on after #");
    let wildcards = levels.iter().all(|level| !level.contains(['+', '#']) || level.len() == 1);
    assert!(wildcards && (*last == "#" || !last.contains('#')), "{text:?} has a wildcard inside a level");
    match text.strip_prefix("$share/") {
        None => check_text(text),
        Some(shared) => {
            assert!(filter.is_shared());
            let (group, inner) = shared.split_once('/').expect("a shared subscription has a filter");
            assert!(!group.is_empty() && !group.contains(['+', '#']));
            assert!(
                TopicFilter::parse(inner).is_ok() || inner.starts_with("$share"),
                "{inner:?} is no filter"
            );
        }
    }
    Some(filter)
}

fn check_text(text: &str) {
    assert!((1..=TOPIC_BYTES_MAX).contains(&text.len()), "{text:?} is too long");
    assert!(!text.contains('\0'), "{text:?} has a null character");
    let levels_max = if text.starts_with("$aws/") { RESERVED_TOPIC_LEVELS_MAX } else { TOPIC_LEVELS_MAX };
    assert!(text.split('/').count() <= levels_max, "{text:?} is too deep");
}

fn check_tree(
    tree: &TopicTree<usize>,
    subscriptions: &BTreeMap<(usize, String), (TopicFilter, QoS)>,
    names: &[TopicName],
) {
    for name in names {
        let mut found = BTreeMap::new();
        tree.matches(name, |subscriber, options| {
            assert_eq!(found.insert(*subscriber, options.qos), None, "subscriber {subscriber} is told twice");
        });
        let mut expected = BTreeMap::new();
        for ((subscriber, _), (filter, qos)) in subscriptions {
            let matches = matches_naively(filter.as_str(), name.as_str());
            if !filter.is_shared() {
                assert_eq!(filter.matches(name), matches, "{filter} and {name}");
            }
            if matches {
                let highest = expected.entry(*subscriber).or_insert(*qos);
                *highest = (*highest).max(*qos);
            }
        }
        assert_eq!(found, expected, "who subscribes to {name}");
    }
}

/// MQTT 5, section 4.7, word for word. The text of a shared filter is compared as it is.
fn matches_naively(filter: &str, name: &str) -> bool {
    fn levels_match(filter: &[&str], name: &[&str]) -> bool {
        match (filter, name) {
            (["#"], _) | ([], []) => true,
            (["+", filter @ ..], [_, name @ ..]) => levels_match(filter, name),
            ([level, filter @ ..], [found, name @ ..]) => level == found && levels_match(filter, name),
            ([], [_, ..]) | ([_, ..], []) => false,
        }
    }
    if name.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    levels_match(&filter.split('/').collect::<Vec<_>>(), &name.split('/').collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_names_that_filters_match() {
        let mut matched = 0;
        for data in crate::targets::corpus("topic") {
            let lines = lines(&data, LINES_MAX);
            let names: Vec<_> = lines.iter().filter_map(|line| parse_name(line)).collect();
            let filters: Vec<_> = lines.iter().filter_map(|line| parse_filter(line)).collect();
            matched +=
                names.iter().flat_map(|name| filters.iter().filter(|filter| filter.matches(name))).count();
        }
        assert!(matched > 20, "{matched}");
    }
}
