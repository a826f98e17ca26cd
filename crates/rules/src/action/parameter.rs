//! Parameters of actions: texts of the rule in which templates may stand.

use super::kind::ActionKind;
use super::problem::{ActionProblem, Wrong, start_of};
use crate::context::Context;
use crate::document::{Fields, InvalidTopicRule};
use crate::evaluation::Work;
use crate::message::Message;
use crate::rule::{Rule, Variables};
use crate::template::Template;

/// Reads a text as what a parameter takes. Whatever a message put into the text is only looked at here, as a whole.
pub(crate) type Read<T> = fn(&str) -> Result<T, Wrong>;

/// A parameter of an action, which stands in the rule or is made for each message.
#[derive(Debug)]
pub(crate) enum Parameter<T> {
    Fixed(T),
    Filled(Filled<T>),
}

/// A parameter with expressions in it.
#[derive(Debug)]
pub(crate) struct Filled<T> {
    action: ActionKind,
    /// Its path in the rule.
    member: Box<str>,
    template: Template,
    read: Read<T>,
}

/// What parameters are filled in from.
#[derive(Clone, Copy)]
pub(crate) struct Filling<'f, 'm> {
    pub(crate) message: &'f Message<'m>,
    pub(crate) context: &'f dyn Context,
    pub(crate) variables: &'f Variables,
    /// The work that is left for all templates of the rule.
    pub(crate) work: &'f Work,
}

/// The action that a parameter is of, and the rule whose variables it can use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'r> {
    pub(crate) kind: ActionKind,
    pub(crate) rule: &'r Rule,
}

impl<T: Clone> Parameter<T> {
    /// A parameter that the rule must have.
    pub(crate) fn required(
        fields: &Fields<'_>,
        name: &'static str,
        place: Place<'_>,
        read: Read<T>,
    ) -> Result<Self, InvalidTopicRule> {
        Self::of_text(fields.required_text(name)?, fields.path_of(name), place, read)
    }

    /// A parameter that the rule can have.
    pub(crate) fn optional(
        fields: &Fields<'_>,
        name: &'static str,
        place: Place<'_>,
        read: Read<T>,
    ) -> Result<Option<Self>, InvalidTopicRule> {
        let text = fields.optional_text(name)?;
        text.map(|text| Self::of_text(text, fields.path_of(name), place, read)).transpose()
    }

    /// The parameter of a text: what has no expression is read at once.
    pub(crate) fn of_text(
        text: &str,
        path: String,
        place: Place<'_>,
        read: Read<T>,
    ) -> Result<Self, InvalidTopicRule> {
        let template = match Template::parse_for(text, place.rule) {
            Ok(template) => template,
            Err(error) => return Err(InvalidTopicRule::Template { path, error }),
        };
        match template.as_plain_text().map(read) {
            Some(Ok(value)) => Ok(Self::Fixed(value)),
            Some(Err(right)) => Err(InvalidTopicRule::Value { path, found: start_of(text), right }),
            None => Ok(Self::Filled(Filled { action: place.kind, member: path.into(), template, read })),
        }
    }

    /// The value, if it is the same for each message.
    pub(crate) fn fixed(&self) -> Option<&T> {
        match self {
            Self::Fixed(value) => Some(value),
            Self::Filled(_) => None,
        }
    }

    /// The value for a message.
    pub(crate) fn fill(&self, filling: Filling<'_, '_>) -> Result<T, ActionProblem> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Filled(filled) => filled.fill(filling),
        }
    }
}

impl<T> Filled<T> {
    fn fill(&self, filling: Filling<'_, '_>) -> Result<T, ActionProblem> {
        let Filling { message, context, variables, work } = filling;
        let (action, member) = (self.action, &self.member);
        let text = self
            .template
            .evaluate_within(message, context, variables, work)
            .map_err(|error| ActionProblem::Template { action, member: member.clone(), error })?;
        (self.read)(&text).map_err(|right| ActionProblem::Value {
            action,
            member: member.clone(),
            found: start_of(&text),
            right,
        })
    }
}

/// The value of a parameter that can be missing.
pub(crate) fn fill_optional<T: Clone>(
    parameter: Option<&Parameter<T>>,
    filling: Filling<'_, '_>,
) -> Result<Option<T>, ActionProblem> {
    parameter.map(|parameter| parameter.fill(filling)).transpose()
}
