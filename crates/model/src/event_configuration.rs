use std::collections::BTreeSet;

use crate::{UnixTime, UnknownWord};

/// A kind of event that can be switched on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// Changes of CA certificates.
    CaCertificate,
    /// Changes of certificates; their registration by a first connection is always told.
    Certificate,
    /// Changes of jobs.
    Job,
    /// Changes of job executions.
    JobExecution,
    /// Changes of policies.
    Policy,
    /// Changes of things.
    Thing,
    /// Changes of thing groups.
    ThingGroup,
    /// Groups that come into a group or leave it.
    ThingGroupHierarchy,
    /// Things that come into a group or leave it.
    ThingGroupMembership,
    /// Changes of thing types.
    ThingType,
    /// Things that get a type or lose it.
    ThingTypeAssociation,
}

/// Which events are told. At first none is, except the registration of certificates, which always is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventConfigurations {
    /// The types that are switched on.
    pub enabled: BTreeSet<EventType>,
    /// When they were configured first, if they were.
    pub created_at: Option<UnixTime>,
    /// When they were configured last, if they were.
    pub modified_at: Option<UnixTime>,
}

impl EventType {
    /// Every type.
    pub const ALL: [Self; 11] = [
        Self::CaCertificate,
        Self::Certificate,
        Self::Job,
        Self::JobExecution,
        Self::Policy,
        Self::Thing,
        Self::ThingGroup,
        Self::ThingGroupHierarchy,
        Self::ThingGroupMembership,
        Self::ThingType,
        Self::ThingTypeAssociation,
    ];

    /// AWS IoT's word for the type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CaCertificate => "CA_CERTIFICATE",
            Self::Certificate => "CERTIFICATE",
            Self::Job => "JOB",
            Self::JobExecution => "JOB_EXECUTION",
            Self::Policy => "POLICY",
            Self::Thing => "THING",
            Self::ThingGroup => "THING_GROUP",
            Self::ThingGroupHierarchy => "THING_GROUP_HIERARCHY",
            Self::ThingGroupMembership => "THING_GROUP_MEMBERSHIP",
            Self::ThingType => "THING_TYPE",
            Self::ThingTypeAssociation => "THING_TYPE_ASSOCIATION",
        }
    }

    /// The type by AWS IoT's word.
    ///
    /// # Errors
    /// The word is none of the types'.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| {
            UnknownWord::new(
                word,
                "CA_CERTIFICATE, CERTIFICATE, JOB, JOB_EXECUTION, POLICY, THING, THING_GROUP, \
                THING_GROUP_HIERARCHY, THING_GROUP_MEMBERSHIP, THING_TYPE, THING_TYPE_ASSOCIATION",
            )
        })
    }
}

impl EventConfigurations {
    /// Switches types on or off; the others stay as they are.
    pub fn update(&mut self, changes: &[(EventType, bool)], at: UnixTime) {
        for (event_type, is_enabled) in changes {
            if *is_enabled {
                self.enabled.insert(*event_type);
            } else {
                self.enabled.remove(event_type);
            }
        }
        self.created_at.get_or_insert(at);
        self.modified_at = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_back_by_its_word() {
        for event_type in EventType::ALL {
            assert_eq!(EventType::parse(event_type.as_str()), Ok(event_type));
        }
        assert!(EventType::parse("thing").is_err());
    }

    #[test]
    fn an_update_leaves_the_other_types_as_they_are() {
        let mut configurations = EventConfigurations::default();
        configurations.update(&[(EventType::Thing, true), (EventType::Job, true)], UnixTime::from_secs(1));
        configurations.update(&[(EventType::Job, false), (EventType::Policy, false)], UnixTime::from_secs(2));
        let expected = EventConfigurations {
            enabled: [EventType::Thing].into(),
            created_at: Some(UnixTime::from_secs(1)),
            modified_at: Some(UnixTime::from_secs(2)),
        };
        assert_eq!(configurations, expected);
    }
}
