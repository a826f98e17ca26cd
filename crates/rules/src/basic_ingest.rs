//! Messages that name the rule they are for (iot-basic-ingest).

use landfall_model::{InvalidName, RuleName, TopicName};

/// What begins the topics of Basic Ingest. Nobody can subscribe to them, and no rule selects from them.
pub(crate) const BASIC_INGEST_PREFIX: &str = "$aws/rules/";

/// A message that was published to `$aws/rules/<rule>/<topic>`: it invokes this rule, whatever its FROM says, and goes to
/// no subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicIngest<'t> {
    /// The rule that is invoked.
    pub rule: RuleName,
    /// What `topic()` is in the rule: what stands behind the rule's name. It can be empty.
    pub topic: &'t str,
}

impl<'t> BasicIngest<'t> {
    /// Takes a topic of Basic Ingest apart; nothing for any other topic.
    ///
    /// # Errors
    /// The topic begins as one of Basic Ingest, and names no rule that there can be.
    pub fn parse(topic: &'t TopicName) -> Option<Result<Self, InvalidName>> {
        let rest = topic.as_str().strip_prefix(BASIC_INGEST_PREFIX)?;
        let (rule, topic) = rest.split_once('/').unwrap_or((rest, ""));
        Some(RuleName::parse(rule).map(|rule| Self { rule, topic }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_named_and_the_topic_is_what_follows() {
        for (topic, expected) in [
            (
                "$aws/rules/BuildingManager/Buildings/Building5/Lights",
                Some(("BuildingManager", "Buildings/Building5/Lights")),
            ),
            ("$aws/rules/r", Some(("r", ""))),
            ("$aws/rules/r/", Some(("r", ""))),
            ("$aws/rules/r//a", Some(("r", "/a"))),
            ("$aws/rules", None),
            ("$aws/rule/r/a", None),
            ("aws/rules/r/a", None),
        ] {
            let topic = TopicName::parse(topic).unwrap();
            let found = BasicIngest::parse(&topic).map(Result::unwrap);
            let found = found.as_ref().map(|ingest| (ingest.rule.as_str(), ingest.topic));
            assert_eq!(found, expected, "{topic}");
        }
    }

    #[test]
    fn a_name_that_no_rule_has_is_refused() {
        for topic in ["$aws/rules/", "$aws/rules//a", "$aws/rules/my-rule/a", "$aws/rules/ä/a"] {
            let topic = TopicName::parse(topic).unwrap();
            assert!(BasicIngest::parse(&topic).unwrap().is_err(), "{topic}");
        }
    }
}
