use std::collections::HashMap;

use landfall_model::RuleName;

use super::Source;
use super::entry::Entry;
use crate::Limits;

/// How much of the memory is used, by events and by other messages.
///
/// A rule whose target is down must not take the room of the others: of its deliveries, those that are stored leave memory
/// when there is little room, and are read again bit by bit.
pub(super) struct Room {
    deliveries_max: usize,
    bytes_max: usize,
    of_events: Usage,
    of_messages: Usage,
    /// The part of this that messages have which came through several rules.
    of_deep_messages: Usage,
    /// How many deliveries of events each rule has in memory.
    of_rules: HashMap<RuleName, usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    deliveries: usize,
    bytes: usize,
}

/// How many rules a message has come through at least that may be one of a loop. Rules that answer each other can multiply
/// messages, and these must not take the room of others.
const DEEP: u8 = 2;

/// The part of the room for messages that those may take.
const PART_OF_DEEP_MESSAGES: usize = 8;

/// The part of the room that stored deliveries of one rule are read into.
const READ_PART_OF_RULE: usize = 8;

impl Room {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            deliveries_max: limits.deliveries_waiting_max.max(1),
            bytes_max: limits.deliveries_waiting_bytes_max.max(1),
            of_events: Usage::default(),
            of_messages: Usage::default(),
            of_deep_messages: Usage::default(),
            of_rules: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, entry: &Entry) {
        match entry.source {
            Source::Event(_) | Source::Registry => {
                *self.of_rules.entry(entry.delivery.rule.clone()).or_default() += 1;
                self.of_events.add(entry);
            }
            Source::Message => {
                self.of_messages.add(entry);
                if entry.depth >= DEEP {
                    self.of_deep_messages.add(entry);
                }
            }
        }
    }

    pub(super) fn subtract(&mut self, entry: &Entry) {
        match entry.source {
            Source::Event(_) | Source::Registry => {
                let rule = &entry.delivery.rule;
                let left = self.of_rules.get(rule).map_or(0, |count| count.saturating_sub(1));
                match self.of_rules.get_mut(rule) {
                    Some(count) if left > 0 => *count = left,
                    Some(_) => drop(self.of_rules.remove(rule)),
                    None => {}
                }
                self.of_events.subtract(entry);
            }
            Source::Message => {
                self.of_messages.subtract(entry);
                if entry.depth >= DEEP {
                    self.of_deep_messages.subtract(entry);
                }
            }
        }
    }

    /// Whether there is room for one more of an event.
    pub(super) fn is_there_for_event(&self) -> bool {
        self.of_events.is_below(self.deliveries_max, self.bytes_max)
    }

    /// Whether there is room for one more of a message that is no event, and has come through so many rules.
    pub(super) fn is_there_for_message(&self, depth: u8) -> bool {
        let deliveries_max = self.deliveries_max.div_ceil(PART_OF_DEEP_MESSAGES);
        let bytes_max = self.bytes_max.div_ceil(PART_OF_DEEP_MESSAGES);
        self.of_messages.is_below(self.deliveries_max, self.bytes_max)
            && (depth < DEEP || self.of_deep_messages.is_below(deliveries_max, bytes_max))
    }

    /// Whether stored deliveries can be read: not into the half of the room that is for new ones.
    pub(super) fn is_there_to_read(&self) -> bool {
        let Usage { deliveries, bytes } = self.of_events;
        deliveries < self.deliveries_max.div_ceil(2) && bytes < self.bytes_max.div_ceil(2)
    }

    /// Whether a stored delivery of this rule can be read.
    pub(super) fn is_there_to_read_of(&self, rule: &RuleName) -> bool {
        self.is_there_to_read() && self.of_rule(rule) < self.read_max_of_rule()
    }

    /// How many stored deliveries of one rule are read at most.
    pub(super) fn read_max_of_rule(&self) -> usize {
        self.deliveries_max.div_ceil(READ_PART_OF_RULE)
    }

    /// Whether a delivery of this rule is to leave, if it can be read again: half of the room is taken, and more by this rule
    /// than by others.
    pub(super) fn is_scarce_for(&self, rule: &RuleName) -> bool {
        let Usage { deliveries, bytes } = self.of_events;
        let half = self.deliveries_max.div_ceil(2);
        let is_scarce = deliveries > half || bytes > self.bytes_max.div_ceil(2);
        is_scarce && self.of_rule(rule) > deliveries.min(half) / self.of_rules.len().max(1)
    }

    fn of_rule(&self, rule: &RuleName) -> usize {
        self.of_rules.get(rule).copied().unwrap_or_default()
    }
}

impl Usage {
    fn add(&mut self, entry: &Entry) {
        self.deliveries += 1;
        self.bytes += entry.bytes;
    }

    fn subtract(&mut self, entry: &Entry) {
        self.deliveries = self.deliveries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(entry.bytes);
    }

    fn is_below(self, deliveries_max: usize, bytes_max: usize) -> bool {
        self.deliveries < deliveries_max && self.bytes < bytes_max
    }
}

#[cfg(test)]
impl Room {
    /// Whether it is what these entries take.
    pub(super) fn is_of<'e>(&self, entries: impl Iterator<Item = &'e Entry>) -> bool {
        let mut room = Self { deliveries_max: self.deliveries_max, ..Self::new(&Limits::default()) };
        entries.for_each(|entry| room.add(entry));
        (room.of_events, room.of_messages, room.of_deep_messages, room.of_rules)
            == (self.of_events, self.of_messages, self.of_deep_messages, self.of_rules.clone())
    }
}
