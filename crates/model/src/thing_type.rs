use crate::name::{NameRule, name_type};
use crate::{AttributeName, UnixTime};

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

/// A kind of thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingType {
    /// Its name.
    pub name: ThingTypeName,
    /// The attributes by which its things can be listed, at most [`ThingType::SEARCHABLE_MAX`].
    pub searchable_attributes: Vec<AttributeName>,
    /// When it was created.
    pub created_at: UnixTime,
}

impl ThingType {
    /// The most searchable attributes that a type can have.
    pub const SEARCHABLE_MAX: usize = 3;
}
