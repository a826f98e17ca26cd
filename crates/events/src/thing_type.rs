use landfall_model::{
    AccountId, PropagatingAttribute, PropagationSource, ThingId, ThingName, ThingType, ThingTypeName,
    TopicName, UnixTime,
};
use serde_json::{Value, json};

use crate::{EventId, Operation, Relation};

/// A thing type was created, updated, deprecated, undeprecated or deleted.
///
/// Published on `$aws/events/thingType/<thingTypeName>/created`, `updated` or `deleted`; a deprecation is an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingTypeEvent {
    /// What became of it.
    pub operation: Operation,
    /// The type: as it is now, or as it was when it was deleted.
    pub thing_type: ThingType,
    /// The account of the server.
    pub account: AccountId,
    /// When.
    pub at: UnixTime,
}

/// A thing got a type or lost it.
///
/// Published on `$aws/events/thingTypeAssociation/thing/<thingName>/thingType/<thingTypeName>/added` or `removed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingTypeAssociation {
    /// Whether it got or lost it.
    pub operation: Relation,
    /// The thing.
    pub thing: ThingName,
    /// The thing's id.
    pub thing_id: ThingId,
    /// The type.
    pub thing_type: ThingTypeName,
    /// When.
    pub at: UnixTime,
}

impl ThingTypeEvent {
    pub(crate) fn topic(&self) -> TopicName {
        TopicName::thing_type_event(&self.thing_type.name, self.operation.level())
    }

    pub(crate) fn payload(&self, id: EventId) -> Value {
        let kind = &self.thing_type;
        let searchable: Vec<_> = kind.searchable_attributes.iter().map(ToString::to_string).collect();
        let propagating: Vec<_> = kind.propagating_attributes.iter().map(propagating_attribute).collect();
        json!({
            "eventType": "THING_TYPE_EVENT",
            "eventId": id.to_string(),
            "timestamp": self.at.as_millis(),
            "operation": self.operation.as_str(),
            "accountId": self.account.as_str(),
            "thingTypeId": kind.id.to_string(),
            "thingTypeName": kind.name.as_str(),
            "isDeprecated": kind.deprecated_at.is_some(),
            "deprecationDate": kind.deprecated_at.map(UnixTime::as_millis),
            "searchableAttributes": searchable,
            "propagatingAttributes": propagating,
            "description": kind.description.as_ref().map(ToString::to_string),
        })
    }
}

impl ThingTypeAssociation {
    pub(crate) fn topic(&self) -> TopicName {
        TopicName::thing_type_association_event(&self.thing, &self.thing_type, self.operation.level())
    }

    pub(crate) fn payload(&self, id: EventId) -> Value {
        json!({
            "eventId": id.to_string(),
            "eventType": "THING_TYPE_ASSOCIATION_EVENT",
            "operation": self.operation.as_str(),
            "thingId": self.thing_id.to_string(),
            "thingName": self.thing.as_str(),
            "thingTypeName": self.thing_type.as_str(),
            "timestamp": self.at.as_millis(),
        })
    }
}

fn propagating_attribute(attribute: &PropagatingAttribute) -> Value {
    match &attribute.source {
        PropagationSource::Thing(name) => {
            json!({ "userPropertyKey": attribute.key.as_str(), "thingAttribute": name.as_str() })
        }
        PropagationSource::Connection(name) => {
            json!({ "userPropertyKey": attribute.key.as_str(), "connectionAttribute": name.as_str() })
        }
    }
}
