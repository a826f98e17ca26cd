//! The members of an object of a rule. Each has a name that is known, and stands there once.

use std::collections::HashSet;

use super::InvalidTopicRule;
use crate::action::start_of;
use crate::value::Value;

/// The members of an object, and where it stands. A member that is null is not there.
#[derive(Debug)]
pub(crate) struct Fields<'v> {
    path: String,
    members: Vec<(&'v str, &'v Value<'v>)>,
}

impl<'v> Fields<'v> {
    /// The members of a value, all of which must be known.
    ///
    /// # Errors
    /// The value is no object, or has a member that is not known or that stands there twice.
    pub(crate) fn of(
        path: String,
        value: &'v Value<'v>,
        known: &'static [&'static str],
    ) -> Result<Self, InvalidTopicRule> {
        let fields = Self::of_any(path, value)?;
        let unknown = fields.names().find(|name| !known.contains(name));
        match unknown {
            Some(name) => Err(InvalidTopicRule::UnknownMember {
                name: start_of(name),
                path: fields.path,
                known: known.join(", "),
            }),
            None => Ok(fields),
        }
    }

    /// The members of a value, whatever their names are.
    pub(crate) fn of_any(path: String, value: &'v Value<'v>) -> Result<Self, InvalidTopicRule> {
        let Value::Object(object) = value else {
            return Err(InvalidTopicRule::Type { path, found: value.kind(), right: "an object" });
        };
        let mut names = HashSet::with_capacity(object.members().len());
        let mut members = Vec::with_capacity(object.members().len());
        for (name, value) in object.members() {
            if !names.insert(name.as_ref()) {
                return Err(InvalidTopicRule::Twice { path, name: start_of(name) });
            }
            members.push((name.as_ref(), value));
        }
        Ok(Self { path, members })
    }

    /// The names of the members that are there.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'v str> {
        self.members.iter().filter(|(_, value)| !value.is_missing()).map(|(name, _)| *name)
    }

    /// Where the object stands.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Where a member of the object stands.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.optional(name).is_some()
    }

    pub(crate) fn optional(&self, name: &str) -> Option<&'v Value<'v>> {
        let member = self.members.iter().find(|(known, value)| *known == name && !value.is_missing());
        member.map(|(_, value)| *value)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'v Value<'v>, InvalidTopicRule> {
        self.optional(name).ok_or_else(|| InvalidTopicRule::Missing { path: self.path_of(name) })
    }

    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<&'v str>, InvalidTopicRule> {
        self.optional(name).map(|value| self.text(name, value)).transpose()
    }

    pub(crate) fn required_text(&self, name: &str) -> Result<&'v str, InvalidTopicRule> {
        self.text(name, self.required(name)?)
    }

    /// A text that must be there, and in which no template may stand.
    pub(crate) fn required_plain_text(&self, name: &str) -> Result<&'v str, InvalidTopicRule> {
        let text = self.required_text(name)?;
        self.check_plain(name, text)?;
        Ok(text)
    }

    /// A text that can be there, and in which no template may stand.
    pub(crate) fn optional_plain_text(&self, name: &str) -> Result<Option<&'v str>, InvalidTopicRule> {
        let text = self.optional_text(name)?;
        text.map_or(Ok(()), |text| self.check_plain(name, text))?;
        Ok(text)
    }

    pub(crate) fn optional_boolean(&self, name: &str) -> Result<Option<bool>, InvalidTopicRule> {
        match self.optional(name) {
            None => Ok(None),
            Some(Value::Boolean(boolean)) => Ok(Some(*boolean)),
            Some(other) => Err(self.wrong_type(name, other, "true or false")),
        }
    }

    /// The items of an array that must be there, at most `max`.
    pub(crate) fn required_array(&self, name: &str, max: usize) -> Result<&'v [Value<'v>], InvalidTopicRule> {
        self.array(name, self.required(name)?, max)
    }

    /// The items of an array that can be there, at most `max`.
    pub(crate) fn optional_array(&self, name: &str, max: usize) -> Result<&'v [Value<'v>], InvalidTopicRule> {
        self.optional(name).map_or(Ok(&[]), |value| self.array(name, value, max))
    }

    /// A member that is not what it should be.
    pub(crate) fn wrong(&self, name: &str, found: &str, right: impl Into<super::Right>) -> InvalidTopicRule {
        InvalidTopicRule::Value { path: self.path_of(name), found: start_of(found), right: right.into() }
    }

    fn text(&self, name: &str, value: &'v Value<'v>) -> Result<&'v str, InvalidTopicRule> {
        let Value::Text(text) = value else {
            return Err(self.wrong_type(name, value, "a string"));
        };
        Ok(text)
    }

    fn array(
        &self,
        name: &str,
        value: &'v Value<'v>,
        max: usize,
    ) -> Result<&'v [Value<'v>], InvalidTopicRule> {
        let Value::Array(array) = value else {
            return Err(self.wrong_type(name, value, "an array"));
        };
        let found = array.items().len();
        if found > max {
            return Err(InvalidTopicRule::TooMany { path: self.path_of(name), found, max });
        }
        Ok(array.items())
    }

    fn check_plain(&self, name: &str, text: &str) -> Result<(), InvalidTopicRule> {
        if text.contains("${") {
            return Err(InvalidTopicRule::NoTemplate { path: self.path_of(name) });
        }
        Ok(())
    }

    pub(crate) fn wrong_type(&self, name: &str, value: &Value<'_>, right: &'static str) -> InvalidTopicRule {
        InvalidTopicRule::Type { path: self.path_of(name), found: value.kind(), right }
    }
}
