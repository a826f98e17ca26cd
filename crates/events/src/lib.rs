//! What happened, and on which reserved topic it is told.
//!
//! An [`Event`] is stored with the change that caused it and published later, at least once. Topics and payloads are
//! those that AWS IoT publishes, so that rules and functions written for it see the same.

mod certificate;
mod event_id;
mod operation;
mod thing;
mod thing_group;
mod thing_type;

use landfall_model::{EventType, TopicName};

pub use certificate::CertificateRegistered;
pub use event_id::EventId;
pub use operation::{Operation, Relation};
pub use thing::ThingEvent;
pub use thing_group::{ThingGroupEvent, ThingGroupHierarchy, ThingGroupMembership};
pub use thing_type::{ThingTypeAssociation, ThingTypeEvent};

/// Something that happened in the registry and that others may want to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A certificate was registered by its first connection, or a pending one connected again.
    CertificateRegistered(CertificateRegistered),
    /// A thing was created, updated or deleted.
    Thing(ThingEvent),
    /// A thing group was created, updated or deleted.
    ThingGroup(ThingGroupEvent),
    /// A group came into a group or left it.
    ThingGroupHierarchy(ThingGroupHierarchy),
    /// A thing came into a group or left it.
    ThingGroupMembership(ThingGroupMembership),
    /// A thing type was created, updated or deleted.
    ThingType(ThingTypeEvent),
    /// A thing got a type or lost it.
    ThingTypeAssociation(ThingTypeAssociation),
}

impl Event {
    /// The type by which the event is switched on and off; none for one that is always told.
    pub fn kind(&self) -> Option<EventType> {
        match self {
            Self::CertificateRegistered(_) => None,
            Self::Thing(_) => Some(EventType::Thing),
            Self::ThingGroup(_) => Some(EventType::ThingGroup),
            Self::ThingGroupHierarchy(_) => Some(EventType::ThingGroupHierarchy),
            Self::ThingGroupMembership(_) => Some(EventType::ThingGroupMembership),
            Self::ThingType(_) => Some(EventType::ThingType),
            Self::ThingTypeAssociation(_) => Some(EventType::ThingTypeAssociation),
        }
    }

    /// The reserved topic on which the event is published.
    pub fn topic(&self) -> TopicName {
        match self {
            Self::CertificateRegistered(event) => event.topic(),
            Self::Thing(event) => event.topic(),
            Self::ThingGroup(event) => event.topic(),
            Self::ThingGroupHierarchy(event) => event.topic(),
            Self::ThingGroupMembership(event) => event.topic(),
            Self::ThingType(event) => event.topic(),
            Self::ThingTypeAssociation(event) => event.topic(),
        }
    }

    /// The payload: one JSON object. `id` is the place at which the event is stored.
    pub fn payload(&self, id: EventId) -> Vec<u8> {
        let payload = match self {
            Self::CertificateRegistered(event) => event.payload(),
            Self::Thing(event) => event.payload(id),
            Self::ThingGroup(event) => event.payload(id),
            Self::ThingGroupHierarchy(event) => event.payload(id),
            Self::ThingGroupMembership(event) => event.payload(id),
            Self::ThingType(event) => event.payload(id),
            Self::ThingTypeAssociation(event) => event.payload(id),
        };
        payload.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests;
