use std::collections::BTreeMap;
use std::fmt;

use landfall_model::PolicyName;
use serde::{Serialize, Serializer};

use crate::action::PolicyAction;
use crate::authorizer::{Authorizer, Decision, Denial, Values};
use crate::condition::Condition;
use crate::document::{Effect, NamedPolicy, Statement};
use crate::facts::{Facts, Resolved, Substitute};
use crate::pattern::{Piece, ResourcePattern};
use crate::resource::Resource;
use crate::variable::Variable;

/// Why something may or may not be done. The serialized form is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The answer.
    pub decision: Decision,
    /// What was asked for.
    pub action: PolicyAction,
    /// The ARN of what it would be done to.
    pub resource: String,
    /// Every policy that was asked.
    #[serde(serialize_with = "as_texts")]
    pub policies: Vec<PolicyName>,
    /// The statements that allow it.
    pub allowed_by: Vec<StatementName>,
    /// The statements that deny it.
    pub denied_by: Vec<StatementName>,
    /// The statement that comes closest to allowing it, when none does and none denies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<NearMiss>,
    /// Every variable and condition key of the policies, by name.
    pub variables: Vec<VariableValues>,
}

/// Which statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementName {
    /// The policy.
    #[serde(serialize_with = "as_text")]
    pub policy: PolicyName,
    /// The number of the statement in the document, from 1.
    pub statement: usize,
    /// Its `Sid`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The line of the document on which it begins, from 1.
    pub line: u32,
}

/// A statement that allows something like what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NearMiss {
    /// The statement.
    #[serde(flatten)]
    pub statement: StatementName,
    /// Why it does not allow what was asked for: all of the reasons.
    pub misses: Vec<Miss>,
}

/// Why a statement does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "element")]
#[non_exhaustive]
pub enum Miss {
    /// It speaks of other actions.
    Action {
        /// The actions as the document names them.
        named: Vec<String>,
    },
    /// It speaks of other resources.
    Resource {
        /// The resources that it names, or excludes.
        patterns: Vec<FilledPattern>,
    },
    /// It excludes a resource, and a variable in that has no value.
    Exception {
        /// The resources that it excludes.
        patterns: Vec<FilledPattern>,
    },
    /// A condition does not hold.
    Condition {
        /// The condition as `Bool iot:Connection.Thing.IsAttached "true"`.
        condition: String,
        /// The values that its key has here.
        found: Vec<String>,
    },
}

/// A resource as it was written and as it is for this connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilledPattern {
    /// As the document has it.
    pub written: String,
    /// With the values of its variables; one without a value is left as it is.
    pub filled: String,
    /// The variables in it that have no value.
    pub without_value: Vec<String>,
}

/// A variable and what it stands for in this connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableValues {
    /// The variable.
    pub name: String,
    /// Its values; none when it has none.
    pub values: Vec<String>,
    /// Where they come from.
    pub origin: &'static str,
    /// Whether the value does not replace the variable where that would give a right: one of a certificate that has a
    /// wildcard or is too long, and an empty one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_kept_out: bool,
}

impl Authorizer {
    /// Why the connection may or may not do this.
    ///
    /// `facts` are those that the authorizer was compiled with: it keeps only what decisions need.
    pub fn explain(&self, facts: &dyn Facts, action: PolicyAction, resource: Resource<'_>) -> Explanation {
        let arn = resource.to_arn(self.arn_prefix());
        let asked = self.policies().flat_map(|policy| policy.document.facts());
        let resolved = Resolved::new(facts, asked);
        let (mut allowed_by, mut denied_by) = (Vec::new(), Vec::new());
        let mut nearest: Option<((usize, usize), NearMiss)> = None;
        for (policy, values) in self.bound() {
            let substitutes = resolved.substitutes(&policy.document.slots);
            for (place, statement) in policy.document.statements.iter().enumerate() {
                let question = Question {
                    action,
                    arn: &arn,
                    policy,
                    values,
                    resolved: &resolved,
                    substitutes: &substitutes,
                };
                let misses = question.misses(statement);
                let name = statement_name(policy, place, statement);
                match (statement.effect, misses.is_empty()) {
                    (Effect::Allow, true) => allowed_by.push(name),
                    (Effect::Deny, true) => denied_by.push(name),
                    (Effect::Allow, false) => {
                        let distance = (misses.len(), usize::MAX - question.likeness(statement));
                        if nearest.as_ref().is_none_or(|(shortest, _)| distance < *shortest) {
                            nearest = Some((distance, NearMiss { statement: name, misses }));
                        }
                    }
                    (Effect::Deny, false) => {}
                }
            }
        }
        let decision = self.decide_arn(action, &arn);
        let nearest =
            nearest.map(|(_, miss)| miss).filter(|_| decision == Decision::Deny(Denial::NoStatement));
        let policies = self.policies().map(|policy| policy.name.clone()).collect();
        let variables = self.variables(&resolved);
        Explanation { decision, action, resource: arn, policies, allowed_by, denied_by, nearest, variables }
    }

    fn variables(&self, resolved: &Resolved) -> Vec<VariableValues> {
        let mut variables = BTreeMap::new();
        for policy in self.policies() {
            let document = &policy.document;
            let keys = document.statements.iter().flat_map(|statement| statement.conditions.iter());
            for variable in document.slots.iter().chain(keys.map(|condition| &condition.key)) {
                variables.entry(variable.to_string()).or_insert(variable);
            }
        }
        let value = |(name, variable): (String, &Variable)| VariableValues {
            name,
            is_kept_out: resolved.substitute(variable).is_some_and(|value| !value.is_plain),
            values: resolved.of(variable).into_iter().map(str::to_owned).collect(),
            origin: variable.fact().map_or("nowhere: no such variable is known", |fact| fact.origin()),
        };
        variables.into_iter().map(value).collect()
    }
}

impl Explanation {
    /// The values that would be needed but are not there, by name: what the API calls missing context values.
    pub fn missing_values(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().filter(|variable| variable.values.is_empty()).map(|variable| &*variable.name)
    }

    /// The answer in one line, for a log or a reason string.
    pub fn summary(&self) -> String {
        match (self.decision, &*self.allowed_by, &*self.denied_by, &self.nearest) {
            (Decision::Allow, [first, ..], _, _) => format!("{first} allows it"),
            (Decision::Deny(Denial::Explicit), _, [first, ..], _) => format!("{first} denies it"),
            (Decision::Deny(Denial::NoStatement), _, _, Some(miss)) => {
                let misses: Vec<_> = miss.misses.iter().map(ToString::to_string).collect();
                format!(
                    "no statement allows it; the nearest is {}, but {}",
                    miss.statement,
                    misses.join(", and ")
                )
            }
            (Decision::Allow, ..) => "it is allowed".to_owned(),
            (Decision::Deny(denial), ..) => denial.to_string(),
        }
    }
}

/// What one statement is asked.
struct Question<'a> {
    action: PolicyAction,
    arn: &'a str,
    policy: &'a NamedPolicy,
    values: Values<'a>,
    resolved: &'a Resolved,
    substitutes: &'a [Option<Substitute>],
}

impl Question<'_> {
    /// Every reason for which a statement does not apply; none if it does.
    fn misses(&self, statement: &Statement) -> Vec<Miss> {
        let mut misses = Vec::new();
        if !statement.action_set.contains(self.action) {
            let named = statement.actions.iter().map(|action| action.written.to_string()).collect();
            misses.push(Miss::Action { named });
        }
        let patterns = || statement.resources.iter().map(|one| self.filled(one, statement)).collect();
        if statement.is_without_exception(self.substitutes) {
            misses.push(Miss::Exception { patterns: patterns() });
        } else if !statement.is_about(self.arn, self.values) {
            misses.push(Miss::Resource { patterns: patterns() });
        }
        let is_connect = self.action == PolicyAction::Connect;
        let fails = |condition: &&Condition| {
            !condition.holds(statement.effect, &condition.values(self.resolved, is_connect), self.substitutes)
        };
        misses.extend(statement.conditions.iter().filter(fails).map(|condition| Miss::Condition {
            condition: condition.to_string(),
            found: condition.values(self.resolved, is_connect).into_iter().map(str::to_owned).collect(),
        }));
        misses
    }

    fn filled(&self, pattern: &ResourcePattern, statement: &Statement) -> FilledPattern {
        let (mut filled, mut without_value) = (String::new(), Vec::new());
        for piece in &pattern.pieces {
            match piece {
                Piece::AnyText => filled.push('*'),
                Piece::AnyCharacter => filled.push('?'),
                Piece::Text(text) => filled.push_str(text),
                Piece::Variable(slot) => match self.values.get(*slot, statement.resource_use()) {
                    Some(value) => filled.push_str(value),
                    None => {
                        let variable = self.policy.document.slots.variable(*slot);
                        let name = variable.map(ToString::to_string).unwrap_or_default();
                        filled.push_str(&format!("${{{name}}}"));
                        without_value.push(name);
                    }
                },
            }
        }
        FilledPattern { written: pattern.written.to_string(), filled, without_value }
    }

    /// How many characters of the resource the statement's best pattern begins with.
    fn likeness(&self, statement: &Statement) -> usize {
        let filled = statement.resources.iter().map(|pattern| self.filled(pattern, statement).filled);
        let alike =
            |pattern: String| pattern.bytes().zip(self.arn.bytes()).take_while(|(a, b)| a == b).count();
        filled.map(alike).max().unwrap_or_default()
    }
}

fn statement_name(policy: &NamedPolicy, place: usize, statement: &Statement) -> StatementName {
    StatementName {
        policy: policy.name.clone(),
        statement: place + 1,
        sid: statement.sid.as_deref().map(str::to_owned),
        line: statement.at.line,
    }
}

fn as_text<S: Serializer>(name: &PolicyName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}

fn as_texts<S: Serializer>(names: &[PolicyName], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names.iter().map(PolicyName::as_str))
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Allow => "allowed",
            Self::Deny(Denial::Explicit) => "explicitDeny",
            Self::Deny(Denial::NoStatement) => "implicitDeny",
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = match self.decision {
            Decision::Allow => "allowed",
            Decision::Deny(_) => "denied",
        };
        writeln!(f, "{answer}: {} on {}", self.action, self.resource)?;
        for statement in &self.denied_by {
            writeln!(f, "  denied by {statement}")?;
        }
        for statement in &self.allowed_by {
            writeln!(f, "  allowed by {statement}")?;
        }
        if self.decision == Decision::Deny(Denial::NoStatement) {
            let asked: Vec<_> = self.policies.iter().map(PolicyName::as_str).collect();
            match &*asked {
                [] => writeln!(f, "  no policy is attached")?,
                names => writeln!(f, "  no statement allows it; asked: {}", names.join(", "))?,
            }
        }
        if let Some(NearMiss { statement, misses }) = &self.nearest {
            writeln!(f, "  nearest: {statement}")?;
            for miss in misses {
                writeln!(f, "    {miss}")?;
            }
        }
        if !self.variables.is_empty() {
            writeln!(f, "variables:")?;
        }
        for variable in &self.variables {
            writeln!(f, "  {variable}")?;
        }
        Ok(())
    }
}

impl fmt::Display for StatementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {}", self.statement)?;
        if let Some(sid) = &self.sid {
            write!(f, " ({sid:?})")?;
        }
        write!(f, " of policy {}, line {}", self.policy, self.line)
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action { named } => write!(f, "it speaks of other actions: {}", named.join(", ")),
            Self::Resource { patterns } => write!(f, "it speaks of other resources: {}", joined(patterns)),
            Self::Exception { patterns } => {
                write!(f, "what it excludes is not known, so that it allows nothing: {}", joined(patterns))
            }
            Self::Condition { condition, found } => {
                write!(f, "its condition does not hold: {condition}; ")?;
                match &**found {
                    [] => f.write_str("there is no value"),
                    [one] => write!(f, "the value is {one:?}"),
                    many => write!(f, "the values are {many:?}"),
                }
            }
        }
    }
}

impl fmt::Display for FilledPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.filled)?;
        match &*self.without_value {
            [] => Ok(()),
            names => write!(f, " (no value: {})", names.join(", ")),
        }
    }
}

impl fmt::Display for VariableValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.values {
            [] => write!(f, "{} has no value", self.name)?,
            [one] => write!(f, "{} = {one:?}", self.name)?,
            many => write!(f, "{} = {many:?}", self.name)?,
        }
        let kept_out = ", not put in where it would allow: it is empty, too long or has one of * $ + ? #";
        write!(f, " (from {}{})", self.origin, if self.is_kept_out { kept_out } else { "" })
    }
}

fn joined(patterns: &[FilledPattern]) -> String {
    let texts: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
