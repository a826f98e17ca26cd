use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use landfall_model::UnixTime;

use crate::action::PolicyAction;
use crate::condition::Condition;
use crate::document::{Effect, NamedPolicy, Statement, StatementSet};
use crate::facts::{Facts, Resolved, Substitute, Use};
use crate::pattern::ResourcePattern;
use crate::resource::{ARN_BYTES, Resource};

/// What one connection may do: its policies, with their variables resolved.
///
/// The documents are shared; a connection keeps the values of the variables in their resources, and which of their
/// statements can apply to it.
#[derive(Clone, Debug)]
pub struct Authorizer {
    arn_prefix: Arc<str>,
    policies: Box<[Bound]>,
    /// The values of the variables in resources, policy by policy.
    bindings: Box<[Binding]>,
    /// The texts of all values, each once.
    texts: Box<str>,
    changes_at: Option<UnixTime>,
}

/// A policy in a connection.
#[derive(Clone, Debug)]
struct Bound {
    policy: Arc<NamedPolicy>,
    /// Where its values begin.
    first_binding: u32,
    /// The statements whose conditions hold, for `iot:Connect`.
    for_connect: StatementSet,
    /// The statements whose conditions hold, for any other action.
    for_others: StatementSet,
}

/// The value of a variable in a resource.
#[derive(Clone, Copy, Debug)]
struct Binding {
    start: u32,
    length: u32,
    kind: BindingKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BindingKind {
    /// There is none.
    Absent,
    /// It counts everywhere.
    Plain,
    /// It counts where it denies, and nowhere else.
    DenialsOnly,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allow,
    /// It may not be done.
    Deny(Denial),
}

/// Why something may not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement with the effect Deny matches.
    Explicit,
    /// No statement matches.
    NoStatement,
}

/// The values of one policy's variables in resources.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    bindings: &'a [Binding],
    texts: &'a str,
}

impl Authorizer {
    /// Joins the policies of a connection with what their variables stand for. Each fact that a policy asks about is looked
    /// up once, here; when one of them changes, the connection has to be given a new authorizer.
    ///
    /// `arn_prefix` is what every ARN of this server begins with, as `arn:aws:iot:us-east-1:000000000000:`.
    pub fn compile(arn_prefix: Arc<str>, facts: &dyn Facts, policies: Vec<Arc<NamedPolicy>>) -> Self {
        let asked = policies.iter().flat_map(|policy| policy.document.facts());
        let resolved = Resolved::new(facts, asked);
        let mut texts = Texts::default();
        let mut bindings = Vec::new();
        let mut bound = Vec::with_capacity(policies.len());
        let mut changes_at = None;
        for policy in policies {
            let document = &policy.document;
            let substitutes = resolved.substitutes(&document.slots);
            let first_binding = u32::try_from(bindings.len()).unwrap_or(u32::MAX);
            let of_resources = substitutes.iter().take(document.resource_slots);
            bindings.extend(of_resources.map(|substitute| texts.bind(substitute.as_ref())));
            let (mut for_connect, mut for_others) = (StatementSet::default(), StatementSet::default());
            for (place, statement) in document.statements.iter().enumerate() {
                if statement.is_without_exception(&substitutes) {
                    continue;
                }
                for (set, is_connect) in [(&mut for_connect, true), (&mut for_others, false)] {
                    if statement.conditions_hold(&resolved, &substitutes, is_connect) {
                        set.insert(place);
                    }
                }
                let changes = statement.conditions.iter().filter_map(|one| one.changes_after(resolved.now()));
                changes_at = changes.chain(changes_at).min();
            }
            bound.push(Bound { policy, first_binding, for_connect, for_others });
        }
        let (policies, bindings, texts) = (bound.into(), bindings.into(), texts.all.into());
        Self { arn_prefix, policies, bindings, texts, changes_at }
    }

    /// Whether the connection may do this: a denial wins over what allows, and what nothing allows is denied.
    ///
    /// Allocates nothing, and takes time linear in the patterns of the statements that speak of the action: each byte of them
    /// costs a bounded number of operations, whatever a client sends.
    pub fn decide(&self, action: PolicyAction, resource: Resource<'_>) -> Decision {
        let mut buffer = [0; ARN_BYTES];
        match resource.arn(&self.arn_prefix, &mut buffer) {
            Some(arn) => self.decide_arn(action, arn),
            // Longer than anything that a connection can name.
            None => self.decide_arn(action, &resource.to_arn(&self.arn_prefix)),
        }
    }

    /// As [`Authorizer::decide`], of any resource by its whole ARN, or `*`.
    pub fn decide_arn(&self, action: PolicyAction, arn: &str) -> Decision {
        let mut decision = Decision::Deny(Denial::NoStatement);
        for bound in &self.policies {
            let document = &bound.policy.document;
            let candidates = bound.candidates(action);
            let applies = |place: usize| {
                document.statements.get(place).is_some_and(|one| one.is_about(arn, self.values(bound)))
            };
            if candidates.intersection(document.denials).iter().any(applies) {
                return Decision::Deny(Denial::Explicit);
            }
            if decision != Decision::Allow && candidates.difference(document.denials).iter().any(applies) {
                decision = Decision::Allow;
            }
        }
        decision
    }

    /// When the answers can change only because time passes: then the connection has to be given a new authorizer.
    pub const fn changes_at(&self) -> Option<UnixTime> {
        self.changes_at
    }

    /// The policies that count.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<NamedPolicy>> {
        self.policies.iter().map(|bound| &bound.policy)
    }

    pub(crate) fn arn_prefix(&self) -> &str {
        &self.arn_prefix
    }

    /// Each policy with the values in its resources.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (&NamedPolicy, Values<'_>)> {
        self.policies.iter().map(|bound| (&*bound.policy, self.values(bound)))
    }

    fn values(&self, bound: &Bound) -> Values<'_> {
        let start = usize::try_from(bound.first_binding).unwrap_or(usize::MAX);
        Values { bindings: self.bindings.get(start..).unwrap_or_default(), texts: &self.texts }
    }
}

impl Bound {
    /// The statements that speak of an action and whose conditions hold.
    fn candidates(&self, action: PolicyAction) -> StatementSet {
        let hold = if action == PolicyAction::Connect { self.for_connect } else { self.for_others };
        self.policy.document.statements_of(action).intersection(hold)
    }
}

impl Statement {
    /// Whether the resource is one that the statement is about.
    pub(crate) fn is_about(&self, arn: &str, values: Values<'_>) -> bool {
        let wanted = self.resource_use();
        let matches = self.resources.iter().any(|one| one.matches(arn, |slot| values.get(slot, wanted)));
        matches != self.excludes_resources
    }

    /// Whether all conditions hold.
    pub(crate) fn conditions_hold(
        &self,
        resolved: &Resolved,
        substitutes: &[Option<Substitute>],
        is_connect: bool,
    ) -> bool {
        let holds = |one: &Condition| one.holds(self.effect, &one.values(resolved, is_connect), substitutes);
        self.conditions.iter().all(holds)
    }

    /// Whether an Allow excludes resources of which one is not known: it would allow that one too, and so allows nothing.
    pub(crate) fn is_without_exception(&self, substitutes: &[Option<Substitute>]) -> bool {
        let is_unknown = |slot: u16| {
            let substitute = substitutes.get(usize::from(slot)).and_then(Option::as_ref);
            substitute.is_none_or(|value| value.for_use(Use::Grant).is_none())
        };
        self.effect == Effect::Allow && self.excludes_resources && self.resource_slots().any(is_unknown)
    }

    /// For what a value in the statement's resources is wanted.
    pub(crate) const fn resource_use(&self) -> Use {
        match self.effect {
            Effect::Deny if !self.excludes_resources => Use::Denial,
            Effect::Allow | Effect::Deny => Use::Grant,
        }
    }

    /// The slots of the variables in its resources.
    pub(crate) fn resource_slots(&self) -> impl Iterator<Item = u16> {
        self.resources.iter().flat_map(ResourcePattern::slots)
    }
}

impl Condition {
    /// The values that its key has, for this action.
    pub(crate) fn values<'r>(&self, resolved: &'r Resolved, is_connect: bool) -> Vec<&'r str> {
        if self.sees(is_connect) { resolved.of(&self.key) } else { Vec::new() }
    }
}

impl<'a> Values<'a> {
    pub(crate) fn get(self, slot: u16, wanted: Use) -> Option<&'a str> {
        let binding = self.bindings.get(usize::from(slot))?;
        let counts = match binding.kind {
            BindingKind::Absent => false,
            BindingKind::Plain => true,
            BindingKind::DenialsOnly => wanted == Use::Denial,
        };
        let start = usize::try_from(binding.start).ok()?;
        let length = usize::try_from(binding.length).ok()?;
        self.texts.get(start..start + length).filter(|_| counts)
    }
}

/// The texts of values while they are gathered.
#[derive(Default)]
struct Texts {
    all: String,
    places: HashMap<String, u32>,
}

impl Texts {
    fn bind(&mut self, substitute: Option<&Substitute>) -> Binding {
        let absent = Binding { start: 0, length: 0, kind: BindingKind::Absent };
        let Some(Substitute { text, is_plain }) = substitute else { return absent };
        let (Ok(end), Ok(length)) = (u32::try_from(self.all.len()), u32::try_from(text.len())) else {
            return absent;
        };
        let start = *self.places.entry(text.clone()).or_insert(end);
        if start == end {
            self.all.push_str(text);
        }
        let kind = if *is_plain { BindingKind::Plain } else { BindingKind::DenialsOnly };
        Binding { start, length, kind }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explicit => "a statement denies it",
            Self::NoStatement => "no statement allows it",
        })
    }
}
