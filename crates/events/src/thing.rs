use landfall_model::{AccountId, Attributes, Thing, TopicName, UnixTime};
use serde_json::{Map, Value, json};

use crate::{EventId, Operation};

/// A thing was created, updated or deleted.
///
/// Published on `$aws/events/thing/<thingName>/created`, `updated` or `deleted`
/// (<https://docs.aws.amazon.com/iot/latest/developerguide/registry-events.html>, as all events of the registry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingEvent {
    /// What became of it.
    pub operation: Operation,
    /// The thing: as it is now, or as it was when it was deleted.
    pub thing: Thing,
    /// The account of the server.
    pub account: AccountId,
    /// When.
    pub at: UnixTime,
}

impl ThingEvent {
    pub(crate) fn topic(&self) -> TopicName {
        TopicName::thing_event(&self.thing.name, self.operation.level())
    }

    pub(crate) fn payload(&self, id: EventId) -> Value {
        json!({
            "eventType": "THING_EVENT",
            "eventId": id.to_string(),
            "timestamp": self.at.as_millis(),
            "operation": self.operation.as_str(),
            "accountId": self.account.as_str(),
            "thingId": self.thing.id.to_string(),
            "thingName": self.thing.name.as_str(),
            "versionNumber": self.thing.version,
            "thingTypeName": self.thing.thing_type.as_ref().map(ToString::to_string),
            "attributes": wire_attributes(&self.thing.attributes),
        })
    }
}

pub(crate) fn wire_attributes(attributes: &Attributes) -> Map<String, Value> {
    attributes.iter().map(|(name, value)| (name.to_string(), value.as_str().into())).collect()
}
