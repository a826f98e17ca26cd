use std::collections::BTreeSet;

use landfall_model::PolicyName;

use crate::action::{ActionPattern, ActionSet, PolicyAction};
use crate::condition::{Condition, parse_conditions};
use crate::json::{self, Node, Value};
use crate::malformed::{MalformedPolicy, PolicyProblem, Position};
use crate::pattern::ResourcePattern;
use crate::variable::{Fact, Slots, Variable};

/// The most characters that a document may have besides white space (API reference, `API_CreatePolicy.html`).
pub const DOCUMENT_CHARACTERS_MAX: usize = 2_048;

/// The most characters that a document may have with its white space (API reference, `API_CreatePolicy.html`).
pub const DOCUMENT_LENGTH_MAX: usize = 404_600;

/// The most statements that a document may have. AWS names no limit: [`DOCUMENT_CHARACTERS_MAX`] has room for 46.
pub const DOCUMENT_STATEMENTS_MAX: usize = 64;

/// The most versions that a policy may have (API reference, `API_CreatePolicyVersion.html`).
pub const POLICY_VERSIONS_MAX: usize = 5;

/// A policy document that was understood in full. It is parsed once and shared by all connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDocument {
    pub(crate) version: LanguageVersion,
    pub(crate) statements: Box<[Statement]>,
    /// The variables of `${…}`: first those of resources, then those that only conditions have.
    pub(crate) slots: Slots,
    /// How many variables resources have.
    pub(crate) resource_slots: usize,
    /// For each action, which statements speak of it.
    by_action: [StatementSet; PolicyAction::ALL.len()],
    pub(crate) denials: StatementSet,
    facts: Box<[Fact]>,
}

/// A document with the name of its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPolicy {
    /// The name of the policy.
    pub name: PolicyName,
    /// The document of the version that counts.
    pub document: PolicyDocument,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) at: Position,
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    pub(crate) actions: Box<[ActionPattern]>,
    /// Whether `NotAction` names the actions.
    pub(crate) excludes_actions: bool,
    /// The actions that the statement speaks of.
    pub(crate) action_set: ActionSet,
    pub(crate) resources: Box<[ResourcePattern]>,
    /// Whether `NotResource` names the resources.
    pub(crate) excludes_resources: bool,
    pub(crate) conditions: Box<[Condition]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// The version of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LanguageVersion {
    /// 2008-10-17, and what counts when a document names none: `${…}` is plain text (IAM user guide,
    /// `reference_policies_elements_version.html`).
    WithoutVariables,
    /// 2012-10-17.
    WithVariables,
}

/// Some statements of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatementSet(u64);

const DOCUMENT_ELEMENTS: &str = "Version, Id and Statement";
const STATEMENT_ELEMENTS: &str = "Sid, Effect, Action or NotAction, Resource or NotResource, and Condition";

impl PolicyDocument {
    /// Parses a document. Whatever it says is understood, or the document is refused; time and memory are linear in its
    /// length.
    ///
    /// # Errors
    /// The text is too long, not JSON, not of the form of a policy document, or has an element that is not known.
    pub fn parse(text: &str) -> Result<Self, MalformedPolicy> {
        check_length(text)?;
        let root = json::read(text)?;
        let start = root.at;
        let members = members(root, "policy document")?;
        let (mut version, mut statement) = (LanguageVersion::WithoutVariables, None);
        for member in members {
            match &*member.name {
                "Version" => version = parse_version(member.node)?,
                "Id" => _ = text_of("Id", member.node)?,
                "Statement" => statement = Some(member.node),
                _ => return Err(unknown(member.name, "policy document", DOCUMENT_ELEMENTS).at(member.at)),
            }
        }
        let missing = PolicyProblem::Missing { element: "Statement", of: "policy document" };
        let node = statement.ok_or_else(|| missing.at(start))?;
        let (at, nodes) = (node.at, one_or_many(node));
        let (found, max) = (nodes.len(), DOCUMENT_STATEMENTS_MAX);
        if found == 0 {
            return Err(PolicyProblem::Empty { element: "Statement" }.at(at));
        }
        if found > max {
            return Err(PolicyProblem::TooLong { found, max, unit: "statements" }.at(at));
        }
        Self::build(version, nodes)
    }

    fn build(version: LanguageVersion, nodes: Vec<Node>) -> Result<Self, MalformedPolicy> {
        let with_variables = version == LanguageVersion::WithVariables;
        let mut slots = Slots::default();
        let mut drafts = Vec::with_capacity(nodes.len());
        for node in nodes {
            drafts.push(parse_statement(node, with_variables, &mut slots)?);
        }
        let resource_slots = slots.len();
        let mut statements = Vec::with_capacity(drafts.len());
        for (statement, condition) in drafts {
            let conditions = match condition {
                Some(node) => parse_conditions(node, with_variables, &mut slots)?,
                None => Box::default(),
            };
            statements.push(Statement { conditions, ..statement });
        }
        let mut by_action = [StatementSet::default(); PolicyAction::ALL.len()];
        let mut denials = StatementSet::default();
        let mut facts = BTreeSet::new();
        facts.extend(slots.iter().filter_map(Variable::fact).cloned());
        for (place, statement) in statements.iter().enumerate() {
            for action in statement.action_set.iter() {
                if let Some(set) = by_action.get_mut(action.index()) {
                    set.insert(place);
                }
            }
            if statement.effect == Effect::Deny {
                denials.insert(place);
            }
            facts.extend(statement.conditions.iter().filter_map(|condition| condition.key.fact()).cloned());
        }
        let (statements, facts) = (statements.into(), facts.into_iter().collect());
        Ok(Self { version, statements, slots, resource_slots, by_action, denials, facts })
    }

    /// What the document asks about a connection, each fact once: what nothing asks about need not be looked up.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.facts.iter()
    }

    /// The statements that speak of an action.
    pub(crate) fn statements_of(&self, action: PolicyAction) -> StatementSet {
        self.by_action.get(action.index()).copied().unwrap_or_default()
    }
}

impl StatementSet {
    pub(crate) const fn insert(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    pub(crate) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The places of the statements, in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let place = usize::try_from(rest.trailing_zeros()).ok()?;
            rest &= rest.checked_sub(1)?;
            Some(place)
        })
    }
}

/// Counts the characters as `API_CreatePolicy.html` does.
fn check_length(text: &str) -> Result<(), MalformedPolicy> {
    let start = Position { line: 1, column: 1 };
    let too_long = |found, max, unit| PolicyProblem::TooLong { found, max, unit }.at(start);
    // Without counting the characters of a text that has too many bytes for any.
    let length = if text.len() > 4 * DOCUMENT_LENGTH_MAX { text.len() } else { text.chars().count() };
    if length > DOCUMENT_LENGTH_MAX {
        return Err(too_long(length, DOCUMENT_LENGTH_MAX, "characters"));
    }
    let found = text.chars().filter(|c| !c.is_ascii_whitespace()).count();
    if found > DOCUMENT_CHARACTERS_MAX {
        return Err(too_long(found, DOCUMENT_CHARACTERS_MAX, "characters besides white space"));
    }
    Ok(())
}

/// A statement without its conditions, and the node of these.
fn parse_statement(
    node: Node,
    with_variables: bool,
    slots: &mut Slots,
) -> Result<(Statement, Option<Node>), MalformedPolicy> {
    let at = node.at;
    let (mut sid, mut effect, mut condition) = (None, None, None);
    let (mut actions, mut resources) = (None, None);
    for member in members(node, "statement")? {
        let (place, list) = match &*member.name {
            "Sid" => {
                sid = Some(text_of("Sid", member.node)?.1.into());
                continue;
            }
            "Effect" => {
                effect = Some(parse_effect(member.node)?);
                continue;
            }
            "Condition" => {
                condition = Some(member.node);
                continue;
            }
            "Action" | "NotAction" => (&mut actions, "Action"),
            "Resource" | "NotResource" => (&mut resources, "Resource"),
            _ => return Err(unknown(member.name, "statement", STATEMENT_ELEMENTS).at(member.at)),
        };
        if place.is_some() {
            return Err(PolicyProblem::Both { element: list }.at(member.at));
        }
        *place = Some((member.name != list, texts_of(list, member.node)?));
    }
    let missing = |element| PolicyProblem::Missing { element, of: "statement" }.at(at);
    let effect = effect.ok_or_else(|| missing("Effect"))?;
    let (excludes_actions, actions) = actions.ok_or_else(|| missing("Action or NotAction"))?;
    let (excludes_resources, resources) = resources.ok_or_else(|| missing("Resource or NotResource"))?;
    let actions: Box<[_]> = actions.into_iter().map(parse_action).collect::<Result<_, _>>()?;
    let named = actions.iter().fold(ActionSet::default(), |set, action| set.union(action.names));
    let action_set = if excludes_actions { named.complement() } else { named };
    let mut patterns = Vec::with_capacity(resources.len());
    for (at, text) in resources {
        let pattern = ResourcePattern::parse(&text, at, with_variables, slots);
        patterns.push(pattern.map_err(|problem| problem.at(at))?);
    }
    let (resources, conditions) = (patterns.into(), Box::default());
    let statement = Statement {
        at,
        sid,
        effect,
        actions,
        excludes_actions,
        action_set,
        resources,
        excludes_resources,
        conditions,
    };
    Ok((statement, condition))
}

fn parse_action((at, text): (Position, String)) -> Result<ActionPattern, MalformedPolicy> {
    ActionPattern::parse(&text, at).ok_or_else(|| PolicyProblem::Action { found: text }.at(at))
}

fn parse_version(node: Node) -> Result<LanguageVersion, MalformedPolicy> {
    let (at, text) = text_of("Version", node)?;
    match &*text {
        "2012-10-17" => Ok(LanguageVersion::WithVariables),
        "2008-10-17" => Ok(LanguageVersion::WithoutVariables),
        _ => Err(PolicyProblem::Version { found: text }.at(at)),
    }
}

fn parse_effect(node: Node) -> Result<Effect, MalformedPolicy> {
    let (at, text) = text_of("Effect", node)?;
    match &*text {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        _ => Err(PolicyProblem::Effect { found: text }.at(at)),
    }
}

fn unknown(name: String, of: &'static str, known: &'static str) -> PolicyProblem {
    PolicyProblem::UnknownElement { name, of, known }
}

fn members(node: Node, what: &str) -> Result<Vec<json::Member>, MalformedPolicy> {
    match node.value {
        Value::Object(members) => Ok(members),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) => {
            let (element, expected) = (format!("a {what}"), "an object");
            Err(PolicyProblem::WrongType { element, found: other.kind(), expected }.at(node.at))
        }
    }
}

/// The values of a list, or the one value that stands without one.
fn one_or_many(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(nodes) => nodes,
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Object(_)) => {
            vec![Node { at: node.at, value }]
        }
    }
}

fn text_of(element: &str, node: Node) -> Result<(Position, String), MalformedPolicy> {
    match node.value {
        Value::Text(text) => Ok((node.at, text)),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Object(_)) => {
            let (element, expected) = (element.to_owned(), "a string");
            Err(PolicyProblem::WrongType { element, found: other.kind(), expected }.at(node.at))
        }
    }
}

/// A text or a list of at least one.
fn texts_of(element: &'static str, node: Node) -> Result<Vec<(Position, String)>, MalformedPolicy> {
    let at = node.at;
    let nodes = one_or_many(node);
    if nodes.is_empty() {
        return Err(PolicyProblem::Empty { element }.at(at));
    }
    nodes.into_iter().map(|node| text_of(element, node)).collect()
}
