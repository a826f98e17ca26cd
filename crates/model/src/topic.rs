//! What is published to, and what is subscribed with.

use std::fmt;
use std::sync::Arc;

use crate::{CaCertificateId, ThingGroupName, ThingName, ThingTypeName};

/// Longest topic name or topic filter, in bytes of UTF-8: the limit of AWS IoT.
pub const TOPIC_BYTES_MAX: usize = 256;

/// Most levels of a topic: AWS IoT allows seven slashes.
pub const TOPIC_LEVELS_MAX: usize = 8;

/// Most levels of a reserved topic, one that begins with `$aws/`: those of AWS IoT go deeper.
pub const RESERVED_TOPIC_LEVELS_MAX: usize = 12;

/// First levels of reserved topics.
const RESERVED_PREFIX: &str = "$aws/";

/// First level of shared subscriptions [MQTT-4.8.2-1].
const SHARE_PREFIX: &str = "$share/";

/// A topic that a message is published to: it has no wildcard.
///
/// A clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Parses a topic name.
    ///
    /// # Errors
    /// The text breaks a limit of topics, or holds a wildcard [MQTT-3.3.2-2].
    pub fn parse(text: &str) -> Result<Self, InvalidTopicName> {
        check_text(text).map_err(InvalidTopicName::Text)?;
        check_levels(text).map_err(InvalidTopicName::Text)?;
        if let Some((position, wildcard)) = text.char_indices().find(|(_, c)| matches!(c, '+' | '#')) {
            return Err(InvalidTopicName::Wildcard { wildcard, position });
        }
        Ok(Self(text.into()))
    }

    /// The reserved topic on which the registration of a CA certificate's devices is told.
    pub fn certificate_registered(ca: CaCertificateId) -> Self {
        Self(format!("$aws/events/certificates/registered/{ca}").into())
    }

    /// The reserved topic on which a change of a thing is told. `word` says which, as `created`.
    ///
    /// With long names this and the topics below are longer than [`TOPIC_BYTES_MAX`], which is for topics that clients choose.
    pub fn thing_event(thing: &ThingName, word: &'static str) -> Self {
        Self::event(format_args!("thing/{thing}/{word}"))
    }

    /// The reserved topic on which a change of a thing type is told.
    pub fn thing_type_event(thing_type: &ThingTypeName, word: &'static str) -> Self {
        Self::event(format_args!("thingType/{thing_type}/{word}"))
    }

    /// The reserved topic on which it is told that a thing got or lost its type.
    pub fn thing_type_association_event(
        thing: &ThingName,
        thing_type: &ThingTypeName,
        word: &'static str,
    ) -> Self {
        Self::event(format_args!("thingTypeAssociation/thing/{thing}/thingType/{thing_type}/{word}"))
    }

    /// The reserved topic on which a change of a thing group is told.
    pub fn thing_group_event(group: &ThingGroupName, word: &'static str) -> Self {
        Self::event(format_args!("thingGroup/{group}/{word}"))
    }

    /// The reserved topic on which it is told that a thing came into a group or left it.
    pub fn thing_group_membership_event(
        group: &ThingGroupName,
        thing: &ThingName,
        word: &'static str,
    ) -> Self {
        Self::event(format_args!("thingGroupMembership/thingGroup/{group}/thing/{thing}/{word}"))
    }

    /// The reserved topic on which it is told that a group came into a group or left it.
    pub fn thing_group_hierarchy_event(
        parent: &ThingGroupName,
        child: &ThingGroupName,
        word: &'static str,
    ) -> Self {
        Self::event(format_args!("thingGroupHierarchy/thingGroup/{parent}/childThingGroup/{child}/{word}"))
    }

    fn event(levels: fmt::Arguments<'_>) -> Self {
        Self(format!("$aws/events/{levels}").into())
    }

    /// The text of the topic.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The levels of the topic: at least one, and any of them may be empty.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether the topic begins with `$`, so that no filter that begins with a wildcard matches it.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('$')
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A pattern of topics that a client subscribes with: `+` stands for one level, `#` for the rest.
///
/// A clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(Arc<str>);

impl TopicFilter {
    /// Parses a topic filter, a shared one (`$share/<name>/<filter>`) included.
    ///
    /// # Errors
    /// The text breaks a limit of topics, a wildcard does not fill its level or is not the last one
    /// [MQTT-4.7.1-1] [MQTT-4.7.1-2], or a shared filter lacks its name or its filter [MQTT-4.8.2-2].
    pub fn parse(text: &str) -> Result<Self, InvalidTopicFilter> {
        check_text(text).map_err(InvalidTopicFilter::Text)?;
        let pattern = match text.strip_prefix(SHARE_PREFIX) {
            Some(shared) => shared_pattern(shared)?,
            None => text,
        };
        check_levels(pattern).map_err(InvalidTopicFilter::Text)?;
        let mut levels = pattern.split('/').peekable();
        while let Some(level) = levels.next() {
            let is_last = levels.peek().is_none();
            if level.contains(['+', '#']) && level.len() > 1 {
                return Err(InvalidTopicFilter::WildcardInLevel { level: level.into() });
            }
            if level == "#" && !is_last {
                return Err(InvalidTopicFilter::RestNotLast);
            }
        }
        Ok(Self(text.into()))
    }

    /// The text of the filter.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The levels of the filter: at least one, and any of them may be empty.
    ///
    /// Those of a shared filter include `$share` and its name.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether this is the filter of a shared subscription, `$share/<name>/<filter>`.
    pub fn is_shared(&self) -> bool {
        self.0.starts_with(SHARE_PREFIX)
    }

    /// Whether a message to `topic` is for this filter.
    ///
    /// A shared filter matches nothing: who shares has to match the filter inside.
    pub fn matches(&self, topic: &TopicName) -> bool {
        // A topic that begins with `$` is not for filters that begin with a wildcard [MQTT-4.7.2-1].
        if self.is_shared() || (topic.is_reserved() && self.0.starts_with(['+', '#'])) {
            return false;
        }
        let mut levels = topic.levels();
        for pattern in self.levels() {
            // `#` also matches the level above it: `a/#` matches `a` (MQTT 3.1.1, section 4.7.1.2).
            if pattern == "#" {
                return true;
            }
            match levels.next() {
                Some(level) if pattern == "+" || pattern == level => {}
                Some(_) | None => return false,
            }
        }
        levels.next().is_none()
    }
}

impl AsRef<str> for TopicFilter {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which limit of topics, names and filters alike, a text breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicText {
    /// There is no text [MQTT-4.7.3-1].
    #[error("the topic is empty; it takes 1 to {TOPIC_BYTES_MAX} bytes")]
    Empty,
    /// The text is longer than the limit.
    #[error("the topic has {bytes} bytes; at most {TOPIC_BYTES_MAX} are allowed")]
    TooLong {
        /// Length of the text, in bytes of UTF-8.
        bytes: usize,
    },
    /// The text holds U+0000 [MQTT-4.7.3-2].
    #[error("the topic has the null character at byte {position}; it must have none")]
    Null {
        /// Position of the first one, in bytes of UTF-8.
        position: usize,
    },
    /// The text has more levels than the limit.
    #[error("the topic has {levels} levels; at most {levels_max} are allowed here")]
    TooDeep {
        /// How many levels it has.
        levels: usize,
        /// How many it may have: reserved topics may have more.
        levels_max: usize,
    },
}

/// Why a text is no topic name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicName {
    /// The text breaks a limit of topics.
    #[error(transparent)]
    Text(InvalidTopicText),
    /// The text holds a wildcard.
    #[error(
        "the topic name has the wildcard `{wildcard}` at byte {position}; only topic filters take wildcards"
    )]
    Wildcard {
        /// The first wildcard.
        wildcard: char,
        /// Its position, in bytes of UTF-8.
        position: usize,
    },
}

/// Why a text is no topic filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicFilter {
    /// The text breaks a limit of topics.
    #[error(transparent)]
    Text(InvalidTopicText),
    /// A wildcard shares its level with other characters.
    #[error(
        "the level {level:?} mixes a wildcard with other characters; `+` and `#` must fill a level alone"
    )]
    WildcardInLevel {
        /// The level.
        level: Box<str>,
    },
    /// `#` stands before the last level.
    #[error("`#` is followed by another level; it must be the last one")]
    RestNotLast,
    /// The name of a shared subscription is missing or holds a wildcard.
    #[error(
        "the shared subscription has the name {name:?}; it takes at least one character, no `+` and no `#`"
    )]
    ShareName {
        /// The name that was found.
        name: Box<str>,
    },
    /// A shared subscription has no filter after its name.
    #[error("the shared subscription has no topic filter; it is written `$share/<name>/<filter>`")]
    ShareWithoutFilter,
}

/// Checks what topic names and topic filters have in common, but for the depth.
fn check_text(text: &str) -> Result<(), InvalidTopicText> {
    if text.is_empty() {
        return Err(InvalidTopicText::Empty);
    }
    if text.len() > TOPIC_BYTES_MAX {
        return Err(InvalidTopicText::TooLong { bytes: text.len() });
    }
    if let Some(position) = text.bytes().position(|byte| byte == 0) {
        return Err(InvalidTopicText::Null { position });
    }
    Ok(())
}

/// Checks the depth of a topic.
fn check_levels(text: &str) -> Result<(), InvalidTopicText> {
    let levels = text.split('/').count();
    let levels_max =
        if text.starts_with(RESERVED_PREFIX) { RESERVED_TOPIC_LEVELS_MAX } else { TOPIC_LEVELS_MAX };
    if levels > levels_max {
        return Err(InvalidTopicText::TooDeep { levels, levels_max });
    }
    Ok(())
}

/// The filter inside a shared one, given what follows `$share/`.
fn shared_pattern(shared: &str) -> Result<&str, InvalidTopicFilter> {
    let (name, pattern) = shared.split_once('/').unwrap_or((shared, ""));
    if name.is_empty() || name.contains(['+', '#']) {
        return Err(InvalidTopicFilter::ShareName { name: name.into() });
    }
    if pattern.is_empty() {
        return Err(InvalidTopicFilter::ShareWithoutFilter);
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TopicName {
        TopicName::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    #[test]
    fn topic_names_within_the_limits_are_kept_as_they_are() {
        let longest = "x".repeat(256);
        for text in
            ["a", "/", "a//b", " ", "$aws/things/x/shadow/update", "1/2/3/4/5/6/7/8", longest.as_str()]
        {
            assert_eq!(name(text).as_str(), text);
            assert_eq!(filter(text).as_str(), text);
        }
        assert_eq!(name("$aws/3/4/5/6/7/8/9/10/11/12/13").levels().count(), 12);
        assert_eq!(name("/a/").levels().collect::<Vec<_>>(), ["", "a", ""]);
    }

    #[test]
    fn texts_beyond_the_limits_are_neither_names_nor_filters() {
        for (text, expected) in [
            ("", InvalidTopicText::Empty),
            (&"x".repeat(257), InvalidTopicText::TooLong { bytes: 257 }),
            (&"ü".repeat(129), InvalidTopicText::TooLong { bytes: 258 }),
            ("ab\0", InvalidTopicText::Null { position: 2 }),
            ("1/2/3/4/5/6/7/8/9", InvalidTopicText::TooDeep { levels: 9, levels_max: 8 }),
            ("$awsome/2/3/4/5/6/7/8/9", InvalidTopicText::TooDeep { levels: 9, levels_max: 8 }),
            ("$aws/2/3/4/5/6/7/8/9/10/11/12/13", InvalidTopicText::TooDeep { levels: 13, levels_max: 12 }),
        ] {
            assert_eq!(TopicName::parse(text), Err(InvalidTopicName::Text(expected.clone())), "{text:?}");
            assert_eq!(TopicFilter::parse(text), Err(InvalidTopicFilter::Text(expected)), "{text:?}");
        }
    }

    #[test]
    fn topic_names_take_no_wildcard() {
        for (text, wildcard, position) in [("+", '+', 0), ("a/#", '#', 2), ("a+b", '+', 1), ("ü/b#", '#', 4)]
        {
            assert_eq!(
                TopicName::parse(text),
                Err(InvalidTopicName::Wildcard { wildcard, position }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn wildcards_of_filters_fill_their_level_and_the_rest_is_last() {
        for text in [
            "+",
            "#",
            "+/+",
            "a/+/b",
            "a/#",
            "/#",
            "+/#",
            "$share/g/a/#",
            "$share/g/1/2/3/4/5/6/7/8",
            "$share",
        ] {
            filter(text);
        }
        for (text, expected) in [
            ("a+", InvalidTopicFilter::WildcardInLevel { level: "a+".into() }),
            ("a/#b", InvalidTopicFilter::WildcardInLevel { level: "#b".into() }),
            ("a/++", InvalidTopicFilter::WildcardInLevel { level: "++".into() }),
            ("#/a", InvalidTopicFilter::RestNotLast),
            ("a/#/", InvalidTopicFilter::RestNotLast),
            ("$share/", InvalidTopicFilter::ShareName { name: "".into() }),
            ("$share//a", InvalidTopicFilter::ShareName { name: "".into() }),
            ("$share/+/a", InvalidTopicFilter::ShareName { name: "+".into() }),
            ("$share/g", InvalidTopicFilter::ShareWithoutFilter),
            ("$share/g/", InvalidTopicFilter::ShareWithoutFilter),
            ("$share/g/#/a", InvalidTopicFilter::RestNotLast),
        ] {
            assert_eq!(TopicFilter::parse(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn shared_filters_are_recognised() {
        for (text, expected) in
            [("$share/g/a", true), ("$share", false), ("share/g/a", false), ("$shared/g/a", false)]
        {
            assert_eq!(filter(text).is_shared(), expected, "{text:?}");
        }
    }

    #[test]
    fn filters_match_as_the_specification_says() {
        for (pattern, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/B", false),
            ("a/b", "a", false),
            ("a", "a/b", false),
            ("a/", "a", false),
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("sport/#", "sports", false),
            ("#", "a", true),
            ("#", "/", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("+/b/#", "a/b", true),
            ("#", "$SYS/x", false),
            ("+/monitor/Clients", "$SYS/monitor/Clients", false),
            ("$SYS/#", "$SYS/x", true),
            ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
            ("$aws/events/#", "$aws/events/certificates/registered/1", true),
            ("a/#", "a/$b", true),
            ("$share/g/a", "a", false),
            ("$share/g/a", "$share/g/a", false),
        ] {
            assert_eq!(filter(pattern).matches(&name(topic)), expected, "{pattern:?} on {topic:?}");
        }
    }
}
