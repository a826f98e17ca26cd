use crate::name::{NameRule, name_type};
use crate::uuid::uuid_type;
use crate::{AttributeName, Description, UnixTime, UnknownWord};

name_type! {
    /// The name of a thing type: 1 to 128 characters of letters, digits and `:_-`.
    ThingTypeName,
    NameRule {
        kind: "thing type name",
        length_max: 128,
        punctuation: ":_-",
        allowed: "letters, digits and : _ -",
        may_be_empty: false,
    }
}

name_type! {
    /// The name of an MQTT 5 user property: 1 to 128 characters of letters, digits and `:$.`.
    UserPropertyKey,
    NameRule {
        kind: "user property key",
        length_max: 128,
        punctuation: ":$.",
        allowed: "letters, digits and : $ .",
        may_be_empty: false,
    }
}

uuid_type! {
    /// The id of a thing type, which tells it from an earlier one of its name.
    ThingTypeId
}

/// A kind of thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingType {
    /// Its name.
    pub name: ThingTypeName,
    /// Its id.
    pub id: ThingTypeId,
    /// What its operator says of it.
    pub description: Option<Description>,
    /// The attributes by which its things can be listed, at most [`ThingType::SEARCHABLE_MAX`].
    pub searchable_attributes: Vec<AttributeName>,
    /// What messages of its things carry as MQTT 5 user properties, at most [`ThingType::PROPAGATING_MAX`].
    pub propagating_attributes: Vec<PropagatingAttribute>,
    /// When it was deprecated, if it is: no thing is given a deprecated type.
    pub deprecated_at: Option<UnixTime>,
    /// When it was created.
    pub created_at: UnixTime,
}

/// A user property that each message of a thing carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropagatingAttribute {
    /// The name of the property.
    pub key: UserPropertyKey,
    /// Where its value comes from.
    pub source: PropagationSource,
}

/// Where the value of a user property comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropagationSource {
    /// From an attribute of the thing.
    Thing(AttributeName),
    /// From the connection.
    Connection(ConnectionAttribute),
}

/// What a connection has for a user property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionAttribute {
    /// `iot:ClientId`.
    ClientId,
    /// `iot:Thing.ThingName`.
    ThingName,
}

impl ThingType {
    /// The most searchable attributes that a type can have
    /// (<https://docs.aws.amazon.com/iot/latest/developerguide/thing-types.html>).
    pub const SEARCHABLE_MAX: usize = 3;

    /// The most propagating attributes that a type can have. AWS IoT names no limit; this one is Landfall's.
    pub const PROPAGATING_MAX: usize = 50;
}

impl ConnectionAttribute {
    /// AWS IoT's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "iot:ClientId",
            Self::ThingName => "iot:Thing.ThingName",
        }
    }

    /// The attribute by AWS IoT's word.
    ///
    /// # Errors
    /// The word is neither `iot:ClientId` nor `iot:Thing.ThingName`.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        [Self::ClientId, Self::ThingName]
            .into_iter()
            .find(|attribute| attribute.as_str() == word)
            .ok_or_else(|| UnknownWord::new(word, "iot:ClientId, iot:Thing.ThingName"))
    }
}
