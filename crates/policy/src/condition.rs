//! Conditions: an operator, a key, and what the key's values are compared with.
//!
//! The meaning of the operators is that of the IAM user guide, `reference_policies_elements_condition_operators.html`, and of
//! the set qualifiers that of `reference_policies_multi-value-conditions.html`.

use std::cmp::Ordering;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use landfall_model::UnixTime;

use crate::document::Effect;
use crate::facts::{Substitute, Use};
use crate::json::{Node, Value};
use crate::malformed::{MalformedPolicy, PolicyProblem, Position};
use crate::operand::{AddressRange, Decimal, parse_moment};
use crate::pattern::{Piece, Syntax, matches, parse_pieces, slots_of};
use crate::variable::{Fact, Slots, Variable};

/// One condition of a statement: all of them have to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) at: Position,
    pub(crate) operator: Operator,
    pub(crate) key: Variable,
    pub(crate) operands: Box<[Operand]>,
    /// The operands as they were written.
    pub(crate) written: Box<[Box<str>]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    name: &'static str,
    comparison: Comparison,
    pub(crate) is_negated: bool,
    pub(crate) quantifier: Quantifier,
    pub(crate) if_exists: bool,
}

/// How several values of a key count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// Nothing is said: meant for keys with one value.
    None,
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Text,
    TextIgnoringCase,
    TextPattern,
    Number(Order),
    Moment(Order),
    Boolean,
    Binary,
    Address,
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Text(Box<[Piece]>),
    /// The six parts of an ARN between its colons.
    Arn(Box<[Box<[Piece]>]>),
    Number(Decimal),
    Moment(UnixTime),
    Boolean(bool),
    Binary(Box<[u8]>),
    Address(AddressRange),
}

/// Every operator, whether it is negated, and its comparison.
const OPERATORS: [(&str, bool, Comparison); 27] = [
    ("StringEquals", false, Comparison::Text),
    ("StringNotEquals", true, Comparison::Text),
    ("StringEqualsIgnoreCase", false, Comparison::TextIgnoringCase),
    ("StringNotEqualsIgnoreCase", true, Comparison::TextIgnoringCase),
    ("StringLike", false, Comparison::TextPattern),
    ("StringNotLike", true, Comparison::TextPattern),
    ("NumericEquals", false, Comparison::Number(Order::Equal)),
    ("NumericNotEquals", true, Comparison::Number(Order::Equal)),
    ("NumericLessThan", false, Comparison::Number(Order::Less)),
    ("NumericLessThanEquals", false, Comparison::Number(Order::LessOrEqual)),
    ("NumericGreaterThan", false, Comparison::Number(Order::Greater)),
    ("NumericGreaterThanEquals", false, Comparison::Number(Order::GreaterOrEqual)),
    ("DateEquals", false, Comparison::Moment(Order::Equal)),
    ("DateNotEquals", true, Comparison::Moment(Order::Equal)),
    ("DateLessThan", false, Comparison::Moment(Order::Less)),
    ("DateLessThanEquals", false, Comparison::Moment(Order::LessOrEqual)),
    ("DateGreaterThan", false, Comparison::Moment(Order::Greater)),
    ("DateGreaterThanEquals", false, Comparison::Moment(Order::GreaterOrEqual)),
    ("Bool", false, Comparison::Boolean),
    ("BinaryEquals", false, Comparison::Binary),
    ("IpAddress", false, Comparison::Address),
    ("NotIpAddress", true, Comparison::Address),
    ("ArnEquals", false, Comparison::Arn),
    ("ArnNotEquals", true, Comparison::Arn),
    ("ArnLike", false, Comparison::Arn),
    ("ArnNotLike", true, Comparison::Arn),
    ("Null", false, Comparison::Null),
];

/// Reads the element `Condition`: operators, below them keys, below them values.
pub(crate) fn parse_conditions(
    node: Node,
    variables: bool,
    slots: &mut Slots,
) -> Result<Box<[Condition]>, MalformedPolicy> {
    let wrong = |element: &str, kind| PolicyProblem::WrongType {
        element: element.to_owned(),
        found: kind,
        expected: "an object",
    };
    let Value::Object(operators) = node.value else {
        return Err(wrong("Condition", node.value.kind()).at(node.at));
    };
    let mut conditions = Vec::new();
    for member in operators {
        let Value::Object(keys) = member.node.value else {
            return Err(wrong(&member.name, member.node.value.kind()).at(member.node.at));
        };
        let operator = Operator::parse(&member.name).map_err(|problem| problem.at(member.at))?;
        for key in keys {
            let is_key =
                key.name.split_once(':').is_some_and(|(one, two)| !one.is_empty() && !two.is_empty());
            if !is_key {
                return Err(PolicyProblem::Key { found: key.name }.at(key.at));
            }
            let variable = Variable::parse(&key.name);
            let operator = operator.on(&variable);
            let mut operands = Vec::new();
            let mut written = Vec::new();
            for (at, text) in scalars(&key.name, key.node)? {
                let operand = operator.operand(&text, variables, slots).map_err(|problem| problem.at(at))?;
                operands.push(operand);
                written.push(text.into());
            }
            let (operands, written) = (operands.into(), written.into());
            conditions.push(Condition { at: key.at, operator, key: variable, operands, written });
        }
    }
    Ok(conditions.into())
}

/// A value, or a list of values, as texts. A list may be empty: nothing equals one of no values.
fn scalars(key: &str, node: Node) -> Result<Vec<(Position, String)>, MalformedPolicy> {
    let nodes = match node.value {
        Value::List(nodes) => nodes,
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Object(_)) => {
            vec![Node { at: node.at, value }]
        }
    };
    let scalar = |node: Node| match node.value {
        Value::Text(text) | Value::Number(text) => Ok((node.at, text)),
        Value::Bool(value) => Ok((node.at, value.to_string())),
        other @ (Value::Null | Value::List(_) | Value::Object(_)) => {
            let expected = "a string, a number, a boolean, or a list of these";
            let found = other.kind();
            Err(PolicyProblem::WrongType { element: key.to_owned(), found, expected }.at(node.at))
        }
    };
    nodes.into_iter().map(scalar).collect()
}

impl Condition {
    /// Whether the condition holds for the values that its key has.
    ///
    /// What has no value equals nothing. So that this gives no right, a negated condition of an Allow does not hold if
    /// something that it compares with has no value.
    pub(crate) fn holds(&self, effect: Effect, values: &[&str], substitutes: &[Option<Substitute>]) -> bool {
        let wanted = match effect {
            Effect::Deny if !self.operator.is_negated => Use::Denial,
            Effect::Allow | Effect::Deny => Use::Grant,
        };
        let slot = |slot: u16| substitutes.get(usize::from(slot))?.as_ref()?.for_use(wanted);
        let is_unknown = |operand: &Operand| operand.slots().any(|place| slot(place).is_none());
        if effect == Effect::Allow && self.operator.is_negated && self.operands.iter().any(is_unknown) {
            return false;
        }
        if self.operator.comparison == Comparison::Null {
            return self.operands.contains(&Operand::Boolean(values.is_empty()));
        }
        let agrees = |value: &&str| self.operands.iter().any(|operand| self.agrees(value, operand, &slot));
        let holds = |value: &&str| agrees(value) != self.operator.is_negated;
        // For the set qualifiers an empty value is none.
        let mut set = values.iter().filter(|value| !value.is_empty());
        match self.operator.quantifier {
            Quantifier::All => set.all(holds),
            Quantifier::Any => set.any(holds),
            Quantifier::None if values.is_empty() => self.operator.if_exists || self.operator.is_negated,
            // IAM leaves open what several values mean without a qualifier: what is safe, then.
            Quantifier::None => match effect {
                Effect::Allow => values.iter().all(holds),
                Effect::Deny => values.iter().any(holds),
            },
        }
    }

    fn agrees<'v>(&self, value: &str, operand: &Operand, slot: &impl Fn(u16) -> Option<&'v str>) -> bool {
        match (self.operator.comparison, operand) {
            (Comparison::TextIgnoringCase, Operand::Text(pieces)) => {
                text_of(pieces, slot).is_some_and(|text| folded(&text).eq(folded(value)))
            }
            (_, Operand::Text(pieces)) => matches(pieces, value, slot),
            (_, Operand::Arn(parts)) => {
                let values: Vec<&str> = value.splitn(6, ':').collect();
                values.len() == parts.len()
                    && values.iter().zip(parts).all(|(value, part)| matches(part, value, slot))
            }
            (Comparison::Number(order), Operand::Number(operand)) => {
                Decimal::parse(value).is_some_and(|value| order.holds(value.cmp(operand)))
            }
            (Comparison::Moment(order), Operand::Moment(operand)) => {
                parse_moment(value).is_some_and(|value| order.holds(value.cmp(operand)))
            }
            (_, Operand::Number(_) | Operand::Moment(_)) => false,
            (_, Operand::Boolean(operand)) => {
                value.eq_ignore_ascii_case(if *operand { "true" } else { "false" })
            }
            (_, Operand::Binary(operand)) => value.as_bytes() == &**operand,
            (_, Operand::Address(range)) => range.contains(value),
        }
    }

    /// Whether the condition asks for the values of its key now, for this or for any other action.
    pub(crate) fn sees(&self, is_connect: bool) -> bool {
        let Some(fact) = self.key.fact() else { return false };
        let sees_time = matches!(self.operator.comparison, Comparison::Moment(_) | Comparison::Null);
        (is_connect || !fact.is_of_connect()) && (sees_time || !fact.is_time())
    }

    /// The next moment at which the answer can be another one, for a condition on the time.
    pub(crate) fn changes_after(&self, now: UnixTime) -> Option<UnixTime> {
        self.key.fact().filter(|fact| fact.is_time())?;
        let moments = self.operands.iter().filter_map(|operand| match operand {
            Operand::Moment(moment) => Some(*moment),
            Operand::Text(_)
            | Operand::Arn(_)
            | Operand::Number(_)
            | Operand::Boolean(_)
            | Operand::Binary(_)
            | Operand::Address(_) => None,
        });
        // The time counts in whole seconds: an answer changes when one begins at the moment, or is the first behind it.
        let seconds = moments.flat_map(|moment| [moment.as_secs(), moment.as_secs().saturating_add(1)]);
        seconds.map(UnixTime::from_secs).filter(|change| *change > now).min()
    }

    /// The slots of the variables that it compares with.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u16> {
        self.operands.iter().flat_map(Operand::slots)
    }
}

impl Operator {
    /// The operator of a name, with what stands before and behind it.
    fn parse(name: &str) -> Result<Self, PolicyProblem> {
        let problem = |hint: String| PolicyProblem::Operator { found: name.to_owned(), hint };
        let (quantifier, rest) = match name.split_once(':') {
            None => (Quantifier::None, name),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(_) => return Err(problem("before the colon stands ForAllValues or ForAnyValue".to_owned())),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let Some((name, is_negated, comparison)) = OPERATORS.into_iter().find(|(known, ..)| *known == base)
        else {
            let similar = OPERATORS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(base));
            return Err(problem(match similar {
                Some((known, ..)) => format!("it is written {known}"),
                None => "one is StringEquals, StringLike, NumericLessThan, DateLessThan, Bool, IpAddress, ArnLike or Null"
                    .to_owned(),
            }));
        };
        if comparison == Comparison::Null && (if_exists || quantifier != Quantifier::None) {
            return Err(problem("Null stands alone: it asks itself whether there is a value".to_owned()));
        }
        Ok(Self { name, comparison, is_negated, quantifier, if_exists })
    }

    /// The operator for a key: seconds since 1970 are a moment under the numeric operators too.
    fn on(self, key: &Variable) -> Self {
        match self.comparison {
            Comparison::Number(order) if key.fact() == Some(&Fact::EpochTime) => {
                Self { comparison: Comparison::Moment(order), ..self }
            }
            Comparison::Text
            | Comparison::TextIgnoringCase
            | Comparison::TextPattern
            | Comparison::Number(_)
            | Comparison::Moment(_)
            | Comparison::Boolean
            | Comparison::Binary
            | Comparison::Address
            | Comparison::Arn
            | Comparison::Null => self,
        }
    }

    fn operand(self, text: &str, variables: bool, slots: &mut Slots) -> Result<Operand, PolicyProblem> {
        let needs = |expected| PolicyProblem::Operand {
            operator: self.to_string(),
            found: text.to_owned(),
            expected,
        };
        let mut pieces = |wildcards| parse_pieces(text, Syntax { variables, wildcards }, slots);
        match self.comparison {
            Comparison::Text | Comparison::TextIgnoringCase => Ok(Operand::Text(pieces(false)?)),
            Comparison::TextPattern => Ok(Operand::Text(pieces(true)?)),
            Comparison::Arn if text == "*" => Ok(Operand::Text(pieces(true)?)),
            Comparison::Arn => match arn_parts(&pieces(true)?) {
                Some(parts) => Ok(Operand::Arn(parts)),
                None => Err(needs("an ARN of six parts between colons, as arn:aws:iot:us-east-1:*:topic/a")),
            },
            Comparison::Number(_) => {
                Decimal::parse(text).map(Operand::Number).ok_or_else(|| needs("a number"))
            }
            Comparison::Moment(_) => parse_moment(text)
                .map(Operand::Moment)
                .ok_or_else(|| needs("a date, as 2026-01-31T12:00:00Z, or seconds since 1970")),
            Comparison::Boolean | Comparison::Null if text.eq_ignore_ascii_case("true") => {
                Ok(Operand::Boolean(true))
            }
            Comparison::Boolean | Comparison::Null if text.eq_ignore_ascii_case("false") => {
                Ok(Operand::Boolean(false))
            }
            Comparison::Boolean | Comparison::Null => Err(needs("true or false")),
            Comparison::Binary => BASE64
                .decode(text)
                .map(|bytes| Operand::Binary(bytes.into()))
                .map_err(|_| needs("bytes in base 64, as QUJD")),
            Comparison::Address => AddressRange::parse(text)
                .map(Operand::Address)
                .ok_or_else(|| needs("an address or a range of them, as 203.0.113.0/24 or 2001:db8::/32")),
        }
    }

    /// Whether the operator takes `${…}` in what it compares with.
    pub(crate) const fn takes_variables(self) -> bool {
        matches!(
            self.comparison,
            Comparison::Text | Comparison::TextIgnoringCase | Comparison::TextPattern | Comparison::Arn
        )
    }

    pub(crate) fn is_null(self) -> bool {
        self.comparison == Comparison::Null
    }
}

/// The six parts of an ARN between its colons; the last may have colons itself. No value reaches over a part's end.
fn arn_parts(pieces: &[Piece]) -> Option<Box<[Box<[Piece]>]>> {
    let mut parts: Vec<Vec<Piece>> = vec![Vec::new()];
    for piece in pieces {
        let Piece::Text(text) = piece else {
            parts.last_mut()?.push(piece.clone());
            continue;
        };
        let room = 6 - parts.len();
        for (place, part) in text.splitn(room + 1, ':').enumerate() {
            if place > 0 {
                parts.push(Vec::new());
            }
            if !part.is_empty() {
                parts.last_mut()?.push(Piece::Text(part.into()));
            }
        }
    }
    (parts.len() == 6).then(|| parts.into_iter().map(Vec::into_boxed_slice).collect())
}

/// The text of pieces that have no wildcards.
fn text_of<'v>(pieces: &[Piece], slot: &impl Fn(u16) -> Option<&'v str>) -> Option<String> {
    let mut text = String::new();
    for piece in pieces {
        text.push_str(match piece {
            Piece::Text(plain) => plain,
            Piece::Variable(place) => slot(*place)?,
            Piece::AnyText | Piece::AnyCharacter => return None,
        });
    }
    Some(text)
}

/// The characters of a text without the difference of case.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

impl Operand {
    /// The slots of the variables in it.
    fn slots(&self) -> impl Iterator<Item = u16> {
        let (text, parts): (&[Piece], &[Box<[Piece]>]) = match self {
            Self::Text(pieces) => (pieces, &[]),
            Self::Arn(parts) => (&[], parts),
            Self::Number(_) | Self::Moment(_) | Self::Boolean(_) | Self::Binary(_) | Self::Address(_) => {
                (&[], &[])
            }
        };
        slots_of(text).chain(parts.iter().flat_map(|part| slots_of(part)))
    }
}

impl Order {
    const fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Equal => found.is_eq(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.quantifier {
            Quantifier::None => "",
            Quantifier::All => "ForAllValues:",
            Quantifier::Any => "ForAnyValue:",
        })?;
        f.write_str(self.name)?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.operator, self.key)?;
        match &*self.written {
            [] => f.write_str("nothing"),
            [one] => write!(f, "{one:?}"),
            many => write!(f, "{many:?}"),
        }
    }
}
