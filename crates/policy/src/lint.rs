//! What is legal in a document, and surely or probably not what was meant.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use crate::action::{ActionPattern, PolicyAction};
use crate::condition::{Condition, Quantifier};
use crate::document::{Effect, LanguageVersion, PolicyDocument, Statement};
use crate::facts::CERTIFICATE_VALUES_MAX;
use crate::malformed::Position;
use crate::pattern::{Piece, ResourcePattern, wildcards_match};
use crate::resource::ResourceKind;
use crate::variable::{Fact, Selection, Variable};

/// Something in a document that is worth a second look. The serialized form is published.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Where.
    #[serde(flatten)]
    pub position: Position,
    /// Which rule found it.
    pub rule: Rule,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// The rules, in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// An action is named, but no resource of its kind.
    ActionWithoutResource,
    /// Any client id may connect.
    ConnectWithoutClientCondition,
    /// A denial compares with something that may have no value: then it denies nothing.
    DenialWithoutValue,
    /// The same is said twice.
    Duplicate,
    /// `ForAllValues` in an Allow holds for a key that has no values.
    ForAllValuesOfNone,
    /// A key with several values is compared without a set qualifier.
    MissingSetQualifier,
    /// `+` or `#` where they are plain characters and cannot match what was meant.
    MqttWildcard,
    /// A statement, or a part of it, can never match.
    NeverMatches,
    /// A variable that can never have a value.
    NeverHasValue,
    /// A resource is of a kind that no action of the statement is done to, as `topicfilter` under `iot:Publish`.
    ResourceOfNoAction,
    /// An action that no device asks for.
    UnknownAction,
    /// Variables in a document whose version takes them for plain text.
    VariableInOldVersion,
    /// `*` where a variable would confine each device to what is its own.
    WildcardForVariable,
}

/// Looks for what is legal and probably wrong, in the order of the text.
pub fn lint(document: &PolicyDocument) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    for statement in &document.statements {
        check_actions(statement, &mut findings);
        check_resources(statement, &mut findings);
        check_kinds(statement, &mut findings);
        check_variables(document, statement, &mut findings);
        for condition in &statement.conditions {
            check_condition(statement, condition, &mut findings);
        }
    }
    check_duplicates(document, &mut findings);
    let Findings(mut findings) = findings;
    findings.sort();
    findings.dedup();
    findings
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, position: Position, rule: Rule, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Finding { position, rule, message: message.into(), help: help.into() });
    }
}

fn check_actions(statement: &Statement, findings: &mut Findings) {
    let is_ours = |action: &&ActionPattern| {
        action.written.split_once(':').is_some_and(|(service, _)| service.eq_ignore_ascii_case("iot"))
    };
    for action in statement.actions.iter().filter(|action| action.names.is_empty()).filter(is_ours) {
        let help = match similar_action(&action.written) {
            Some(similar) => format!("write {similar}, if that was meant"),
            None => "take it out: policies of devices know the actions of the data plane only".to_owned(),
        };
        findings.add(
            action.at,
            Rule::UnknownAction,
            format!("{} is no action that a device asks for", action.written),
            help,
        );
    }
    let names_ours = statement.actions.iter().any(|action| is_ours(&action) || !action.names.is_empty());
    if statement.action_set.is_empty() && statement.excludes_actions && names_ours {
        let help = "name fewer actions under NotAction, or take the statement out";
        findings.add(statement.at, Rule::NeverMatches, "NotAction excludes every action", help);
    }
}

/// The action whose name differs by one letter at most.
fn similar_action(written: &str) -> Option<PolicyAction> {
    let written = written.to_ascii_lowercase();
    PolicyAction::ALL.into_iter().find(|action| {
        let known = action.as_str().to_ascii_lowercase();
        let shared = known.bytes().zip(written.bytes()).take_while(|(a, b)| a == b).count();
        let (rest, other) =
            (known.get(shared..).unwrap_or_default(), written.get(shared..).unwrap_or_default());
        let behind = |text: &str| text.get(1..).unwrap_or_default().to_owned();
        behind(rest) == behind(other) || behind(rest) == other || rest == behind(other)
    })
}

fn check_resources(statement: &Statement, findings: &mut Findings) {
    for pattern in &statement.resources {
        if statement.excludes_resources {
            continue;
        }
        let parts: Vec<&str> = pattern.written.splitn(6, ':').collect();
        if let ["arn", partition, service, _, _, _] = &*parts
            && !(wildcards_match(service, "iot")
                && ["aws", "aws-cn", "aws-us-gov"].iter().any(|known| wildcards_match(partition, known)))
            && statement.actions.iter().any(|action| !action.names.is_empty())
        {
            let message = format!("{} is not a resource of AWS IoT", pattern.written);
            let help = "begin it with arn:aws:iot:, the region and the account";
            findings.add(pattern.at, Rule::NeverMatches, message, help);
        }
        check_mqtt_wildcards(statement, pattern, findings);
        check_breadth(statement, pattern, findings);
    }
}

/// In policies `+` and `#` are plain characters. A topic never has them, and a denial of a filter with them denies that one
/// filter only.
fn check_mqtt_wildcards(statement: &Statement, pattern: &ResourcePattern, findings: &mut Findings) {
    let Some(kind) = kind_of(pattern) else { return };
    let resource = pattern.written.splitn(6, ':').nth(5).unwrap_or_default();
    let has_wildcard = resource.split('/').any(|level| level == "+" || level == "#");
    let help = "write * for any characters, or ? for each single one";
    match (kind, statement.effect) {
        (ResourceKind::Topic, _) if has_wildcard => {
            let message = format!("{} matches no topic: a topic has neither + nor #", pattern.written);
            findings.add(pattern.at, Rule::MqttWildcard, message, help);
        }
        (ResourceKind::TopicFilter, Effect::Deny) if has_wildcard => {
            let message =
                format!("{} denies that filter only: + and # are plain characters here", pattern.written);
            let help =
                format!("{help}, and deny iot:Receive on the topics too: a wider filter brings them as well");
            findings.add(pattern.at, Rule::MqttWildcard, message, help);
        }
        _ => {}
    }
}

fn check_breadth(statement: &Statement, pattern: &ResourcePattern, findings: &mut Findings) {
    if statement.effect == Effect::Deny || statement.excludes_resources {
        return;
    }
    let has_thing = statement.conditions.iter().any(|one| one.key.fact().is_some_and(Fact::is_of_thing));
    let everything = |kind: ResourceKind| match_all_of(pattern, kind);
    let names = |action| statement.action_set.contains(action);
    if names(PolicyAction::Connect) && statement.conditions.is_empty() {
        let message = if everything(ResourceKind::Client) {
            Some("any client id may connect, that of another device too".to_owned())
        } else if pattern.written.ends_with(":client/${iot:ClientId}") {
            Some("any client id may connect: ${iot:ClientId} is whatever the client says it is".to_owned())
        } else {
            None
        };
        if let Some(message) = message {
            let help = "name the client as client/${iot:Connection.Thing.ThingName}, with the condition Bool iot:Connection.Thing.IsAttached true";
            findings.add(pattern.at, Rule::ConnectWithoutClientCondition, message, help);
        }
    }
    let kinds = [
        (PolicyAction::Publish, ResourceKind::Topic),
        (PolicyAction::Receive, ResourceKind::Topic),
        (PolicyAction::Subscribe, ResourceKind::TopicFilter),
        (PolicyAction::UpdateThingShadow, ResourceKind::Thing),
    ];
    let broad: Vec<_> =
        kinds.into_iter().filter(|(action, kind)| names(*action) && everything(*kind)).collect();
    if let [(action, kind), ..] = &*broad
        && !has_thing
    {
        let message =
            format!("{} allows {action} on everything, what belongs to other devices too", pattern.written);
        let help = format!("confine it, as {}…/${{iot:Connection.Thing.ThingName}}/*", kind.prefix());
        findings.add(pattern.at, Rule::WildcardForVariable, message, help);
    }
}

/// Whether a pattern matches every resource of a kind.
fn match_all_of(pattern: &ResourcePattern, kind: ResourceKind) -> bool {
    match &*pattern.pieces {
        [Piece::AnyText] => true,
        [Piece::Text(_), .., Piece::AnyText] => {
            let resource = pattern.written.splitn(6, ':').nth(5);
            resource.is_some_and(|resource| resource == "*" || resource == format!("{}*", kind.prefix()))
        }
        _ => false,
    }
}

/// The kind of resource that a pattern surely is of.
fn kind_of(pattern: &ResourcePattern) -> Option<ResourceKind> {
    let resource = pattern.written.splitn(6, ':').nth(5)?;
    let mut kinds = ResourceKind::ALL.into_iter().filter(|kind| *kind != ResourceKind::All);
    kinds.find(|kind| resource.starts_with(kind.prefix()))
}

/// Compares the kinds of the resources with those that the actions are done to.
fn check_kinds(statement: &Statement, findings: &mut Findings) {
    if statement.excludes_actions || statement.excludes_resources {
        return;
    }
    let taken: HashSet<ResourceKind> = statement.action_set.iter().map(PolicyAction::resource_kind).collect();
    let is_foreign = |action: &ActionPattern| action.names.is_empty();
    for pattern in statement.resources.iter().filter(|_| !statement.actions.iter().any(is_foreign)) {
        let Some(kind) = kind_of(pattern).filter(|kind| !taken.contains(kind)) else { continue };
        let actions: Vec<_> = statement.actions.iter().map(|action| &*action.written).collect();
        let message = format!(
            "{} is a {} resource; {} is not done to any",
            pattern.written,
            name_of(kind),
            actions.join(", ")
        );
        let right: Vec<_> = ResourceKind::ALL
            .into_iter()
            .filter(|kind| taken.contains(kind))
            .map(ResourceKind::prefix)
            .collect();
        let help = format!("begin the resource with {}", right.join(" or "));
        findings.add(pattern.at, Rule::ResourceOfNoAction, message, help);
    }
    let kinds: Option<HashSet<ResourceKind>> = statement.resources.iter().map(kind_of).collect();
    // A resource that can be of any kind leaves nothing to say.
    let Some(kinds) = kinds else { return };
    for action in &statement.actions {
        let mut named = action.names.iter();
        let (Some(only), None) = (named.next(), named.next()) else { continue };
        let kind = only.resource_kind();
        if !kinds.contains(&kind) && kind != ResourceKind::All {
            let message = format!("{only} is done to {}…, and no resource here is one", kind.prefix());
            let help = format!("add a resource that begins with {}", kind.prefix());
            findings.add(action.at, Rule::ActionWithoutResource, message, help);
        } else if kind == ResourceKind::All {
            let message =
                format!("{only} is done to nothing in particular, which only the resource * matches");
            findings.add(action.at, Rule::ActionWithoutResource, message, "add the resource *");
        }
    }
}

const fn name_of(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Client => "client",
        ResourceKind::Thing => "thing",
        ResourceKind::Topic => "topic",
        ResourceKind::TopicFilter => "topicfilter",
        ResourceKind::RoleAlias => "rolealias",
        ResourceKind::All => "*",
    }
}

fn check_variables(document: &PolicyDocument, statement: &Statement, findings: &mut Findings) {
    let texts = statement.resources.iter().map(|one| (one.at, &*one.written));
    let operands = statement.conditions.iter().filter(|one| one.operator.takes_variables());
    let operands = operands.flat_map(|one| one.written.iter().map(|text| (one.at, &**text)));
    if document.version == LanguageVersion::WithoutVariables {
        for (at, text) in texts.chain(operands).filter(|(_, text)| text.contains("${")) {
            let message =
                format!("{text} is plain text: without \"Version\": \"2012-10-17\" there are no variables");
            findings.add(at, Rule::VariableInOldVersion, message, "set Version to 2012-10-17");
        }
        return;
    }
    // What excludes, and so denies more when it has no value, is marked.
    let of_resources = statement
        .resources
        .iter()
        .flat_map(|one| one.slots().map(move |slot| (one.at, slot, statement.excludes_resources)));
    let of_conditions = statement
        .conditions
        .iter()
        .flat_map(|one| one.slots().map(move |slot| (one.at, slot, one.operator.is_negated)));
    for (at, slot, excludes) in of_resources.chain(of_conditions) {
        let Some(variable) = document.slots.variable(slot) else { continue };
        if let Some((why, help)) = never_has_value(variable) {
            findings.add(at, Rule::NeverHasValue, format!("${{{variable}}} never has a value: {why}"), help);
        } else if statement.effect == Effect::Deny
            && !excludes
            && variable.fact().is_some_and(|fact| !fact.is_always_known())
        {
            let message = format!("where ${{{variable}}} has no value, this denies nothing");
            let help =
                format!("deny what lacks it as well, in a statement with the condition Null {variable} true");
            findings.add(at, Rule::DenialWithoutValue, message, help);
        }
    }
}

/// Why a `${…}` can never be replaced, and what to do.
fn never_has_value(variable: &Variable) -> Option<(&'static str, &'static str)> {
    let (fact, selection) = match variable {
        Variable::Unknown(_) => {
            return Some(("there is no such variable", "correct the name; a plain dollar sign is ${$}"));
        }
        Variable::Known { fact, selection } => (fact, *selection),
    };
    if fact.is_never_known() {
        return Some(("there is no VPC here", "take it out"));
    }
    if fact.is_time() {
        return Some(("the time changes all along", "compare it in a date condition"));
    }
    if fact.is_of_connect() {
        return Some(("it is known for iot:Connect only", "compare it in a condition"));
    }
    match selection {
        Selection::List => {
            Some(("it stands for several values", "take .List away, or compare it in a condition"))
        }
        Selection::Nth(place) if place >= CERTIFICATE_VALUES_MAX => {
            Some(("only the first five values of a certificate count", "ask for one of 0 to 4"))
        }
        Selection::First | Selection::Nth(_) => None,
    }
}

fn check_condition(statement: &Statement, condition: &Condition, findings: &mut Findings) {
    let Condition { at, operator, key, operands, .. } = condition;
    let never_known = match key {
        Variable::Unknown(_) => true,
        Variable::Known { fact, selection } => {
            let is_beyond = matches!(selection, Selection::Nth(place) if *place >= CERTIFICATE_VALUES_MAX);
            fact.is_never_known() || is_beyond || (fact.is_time() && !condition.sees(true))
        }
    };
    if never_known {
        let message = format!("the key {key} never has a value");
        let help = "correct the name of the key, or take the condition out";
        findings.add(*at, Rule::NeverHasValue, message, help);
    }
    let is_list = matches!(key, Variable::Known { selection: Selection::List, .. });
    if is_list && operator.quantifier == Quantifier::None && !operator.is_null() {
        let message = format!(
            "{key} can have several values, and {operator} does not say how many of them have to agree"
        );
        findings.add(
            *at,
            Rule::MissingSetQualifier,
            message,
            "put ForAllValues: or ForAnyValue: before the operator",
        );
    }
    if operator.quantifier == Quantifier::All
        && statement.effect == Effect::Allow
        && key.fact().is_some_and(|fact| !fact.is_always_known() && !fact.is_of_connect())
    {
        let message = format!("{operator} holds too where {key} has no value at all");
        let help = format!("add the condition Null {key} false");
        findings.add(*at, Rule::ForAllValuesOfNone, message, help);
    }
    let needs_value = !operator.is_negated && !operator.if_exists && operator.quantifier != Quantifier::All;
    if operands.is_empty() && needs_value {
        let message = format!("{operator} {key} compares with no value, and never holds");
        findings.add(*at, Rule::NeverMatches, message, "name at least one value");
    }
}

fn check_duplicates(document: &PolicyDocument, findings: &mut Findings) {
    let mut statements = HashSet::new();
    let mut sids = HashSet::new();
    for statement in &document.statements {
        if let Some(sid) = statement.sid.as_deref().filter(|sid| !sids.insert(*sid)) {
            let message = format!("the Sid {sid:?} is that of a statement before");
            findings.add(statement.at, Rule::Duplicate, message, "give each statement a Sid of its own");
        }
        let mut actions = HashSet::new();
        for action in statement.actions.iter().filter(|one| !actions.insert(one.written.to_ascii_lowercase()))
        {
            let message = format!("{} is named twice", action.written);
            findings.add(action.at, Rule::Duplicate, message, "take one out");
        }
        let mut resources = HashSet::new();
        for resource in statement.resources.iter().filter(|one| !resources.insert(&one.written)) {
            let message = format!("{} is named twice", resource.written);
            findings.add(resource.at, Rule::Duplicate, message, "take one out");
        }
        if !statements.insert(text_of(statement)) {
            findings.add(
                statement.at,
                Rule::Duplicate,
                "the statement is the same as one before",
                "take one out",
            );
        }
    }
}

/// A statement without its places and its Sid.
fn text_of(statement: &Statement) -> String {
    let actions: Vec<_> = statement.actions.iter().map(|one| one.written.to_ascii_lowercase()).collect();
    let resources: Vec<_> = statement.resources.iter().map(|one| &one.written).collect();
    let conditions: Vec<_> = statement.conditions.iter().map(ToString::to_string).collect();
    let (effect, excludes) = (statement.effect, (statement.excludes_actions, statement.excludes_resources));
    format!("{effect:?} {excludes:?} {actions:?} {resources:?} {conditions:?}")
}

impl Rule {
    /// The name of the rule.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActionWithoutResource => "action-without-resource",
            Self::ConnectWithoutClientCondition => "connect-without-client-condition",
            Self::DenialWithoutValue => "denial-without-value",
            Self::Duplicate => "duplicate",
            Self::ForAllValuesOfNone => "for-all-values-of-none",
            Self::MissingSetQualifier => "missing-set-qualifier",
            Self::MqttWildcard => "mqtt-wildcard",
            Self::NeverMatches => "never-matches",
            Self::NeverHasValue => "never-has-value",
            Self::ResourceOfNoAction => "resource-of-no-action",
            Self::UnknownAction => "unknown-action",
            Self::VariableInOldVersion => "variable-in-old-version",
            Self::WildcardForVariable => "wildcard-for-variable",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.position, self.rule, self.message, self.help)
    }
}
