//! The functions of AWS IoT SQL (iot-sql-functions): which there are, and what each takes.

mod collection;
mod encoding;
mod hash;
mod math;
mod message;
mod regular_expression;
mod table;
mod text;
mod time;

use std::fmt;
use std::ops::RangeInclusive;

pub(crate) use collection::{cast, index};
use regular_expression::compile;

use crate::evaluation::{Answer, Evaluated, EvaluationError, Evaluator};
use crate::number::Number;
use crate::problem::SqlProblem;
use crate::syntax::Expression;
use crate::value::Value;
use table::FUNCTIONS;
use time::{FormatPattern, ParsePattern};

/// A function of AWS IoT SQL.
#[derive(Debug)]
pub struct Function {
    /// Its name. Case does not count.
    pub(crate) name: &'static str,
    /// What it is about.
    pub(crate) group: FunctionGroup,
    /// What it takes, for people.
    pub(crate) parameters: &'static str,
    /// How many arguments it takes. With another number it is Undefined.
    pub(crate) arity: RangeInclusive<usize>,
    pub(crate) availability: Availability,
    /// Which of its arguments is made ready when the statement is parsed, if it is a literal.
    pub(crate) literal: LiteralArgument,
}

/// What functions are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FunctionGroup {
    /// Numbers.
    Mathematics,
    /// Strings.
    Text,
    /// Regular expressions.
    RegularExpressions,
    /// Null and Undefined.
    Missing,
    /// Types.
    Conversion,
    /// Arrays and objects.
    Collections,
    /// Encodings and hashes.
    Encoding,
    /// Dates and times.
    Time,
    /// The message, who sent it, and where to.
    Message,
    /// Other services of AWS.
    Services,
}

/// Whether a function is built.
pub(crate) enum Availability {
    Built(for<'v> fn(Invocation<'v>) -> Answer<'v>),
    /// It is syntax, and the parser knows it.
    Syntax,
    NotBuilt {
        reason: &'static str,
    },
}

impl fmt::Debug for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Built(_) => "built",
            Self::Syntax => "syntax",
            Self::NotBuilt { .. } => "not built",
        })
    }
}

/// An argument that is made ready when the statement is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LiteralArgument {
    None,
    /// The second is a regular expression.
    Regex,
    /// The first is a pattern of `parse_time`.
    FormatPattern,
    /// The second is a pattern of `time_to_epoch`.
    ParsePattern,
    /// The second is an encoding scheme, and the first can be the payload as it came.
    EncodingScheme,
    /// The second is an encoding scheme.
    DecodingScheme,
}

/// What was made of an argument when the statement was parsed.
#[derive(Debug)]
pub(crate) enum Prepared {
    Nothing,
    Regex(regular_expression::Expression),
    FormatPattern(FormatPattern),
    ParsePattern(ParsePattern),
    /// The first argument is the payload as it came.
    Payload,
}

impl Prepared {
    /// Makes a function's literal argument ready.
    ///
    /// # Errors
    /// Which argument cannot be used, and why.
    pub(crate) fn of(
        function: &Function,
        arguments: &[Expression],
        first_is_payload: bool,
    ) -> Result<Self, (usize, SqlProblem)> {
        let literal = |place: usize| match arguments.get(place) {
            Some(Expression::Literal(Value::Text(text))) => Some(text.as_ref()),
            Some(_) | None => None,
        };
        match function.literal {
            LiteralArgument::None => Ok(Self::Nothing),
            LiteralArgument::Regex => literal(1).map_or(Ok(Self::Nothing), |pattern| {
                compile(pattern).map(Self::Regex).map_err(|reason| (1, SqlProblem::Regex { reason }))
            }),
            LiteralArgument::FormatPattern => literal(0).map_or(Ok(Self::Nothing), |pattern| {
                let problem = |reason| (0, SqlProblem::TimePattern { reason });
                FormatPattern::parse(pattern).map(Self::FormatPattern).map_err(problem)
            }),
            LiteralArgument::ParsePattern => literal(1).map_or(Ok(Self::Nothing), |pattern| {
                let problem = |reason| (1, SqlProblem::TimePattern { reason });
                ParsePattern::parse(pattern).map(Self::ParsePattern).map_err(problem)
            }),
            LiteralArgument::EncodingScheme | LiteralArgument::DecodingScheme => {
                let is_base64 = literal(1).is_some_and(|scheme| scheme.eq_ignore_ascii_case("base64"));
                if literal(1) == Some("proto") {
                    let reason = "it would need the descriptor file of the messages in S3";
                    return Err((1, SqlProblem::FunctionNotBuilt { name: "decode(…, 'proto', …)", reason }));
                }
                if arguments.len() > 1 && !is_base64 {
                    return Err((1, SqlProblem::Argument { function: function.name, expected: "'base64'" }));
                }
                let is_payload = first_is_payload && function.literal == LiteralArgument::EncodingScheme;
                Ok(if is_payload { Self::Payload } else { Self::Nothing })
            }
        }
    }
}

/// A function that is called.
pub(crate) struct Invocation<'v> {
    pub(crate) evaluator: Evaluator<'v>,
    pub(crate) arguments: Vec<Evaluated<'v>>,
    pub(crate) prepared: &'v Prepared,
}

impl<'v> Invocation<'v> {
    /// An argument. One that is not there is Undefined.
    pub(crate) fn argument(&self, place: usize) -> &Value<'v> {
        self.arguments.get(place).map_or(&Value::Undefined, |argument| argument)
    }

    /// Takes an argument out.
    pub(crate) fn take(&mut self, place: usize) -> Evaluated<'v> {
        self.arguments
            .get_mut(place)
            .map_or(Evaluated::UNDEFINED, |argument| std::mem::replace(argument, Evaluated::UNDEFINED))
    }

    /// An argument as a number, by the standard conversions.
    pub(crate) fn number(&self, place: usize) -> Option<Number> {
        Some(self.argument(place).to_number()?.into_owned())
    }

    /// An argument as a string, by the standard conversions.
    pub(crate) fn text(&self, place: usize) -> Result<Option<std::borrow::Cow<'_, str>>, EvaluationError> {
        let argument = self.argument(place);
        self.evaluator.work.charge_value(argument)?;
        Ok(argument.to_text())
    }
}

impl Function {
    /// Its name, as the reference writes it. Case does not count.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is about.
    pub fn group(&self) -> FunctionGroup {
        self.group
    }

    /// What it takes, for people.
    pub fn parameters(&self) -> &'static str {
        self.parameters
    }

    /// Why it is not built; none if it is.
    pub fn not_built(&self) -> Option<&'static str> {
        match self.availability {
            Availability::NotBuilt { reason } => Some(reason),
            Availability::Built(_) | Availability::Syntax => None,
        }
    }

    /// Evaluates a call.
    pub(crate) fn invoke<'v>(&self, invocation: Invocation<'v>) -> Answer<'v> {
        match self.availability {
            Availability::Built(body) if self.arity.contains(&invocation.arguments.len()) => body(invocation),
            // A wrong number of arguments is Undefined (iot-sql-data-types). What is not built does not parse.
            Availability::Built(_) | Availability::Syntax | Availability::NotBuilt { .. } => {
                Ok(Evaluated::UNDEFINED)
            }
        }
    }
}

impl FunctionGroup {
    /// Its name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mathematics => "mathematics",
            Self::Text => "strings",
            Self::RegularExpressions => "regular expressions",
            Self::Missing => "null and undefined",
            Self::Conversion => "types",
            Self::Collections => "arrays and objects",
            Self::Encoding => "encodings and hashes",
            Self::Time => "dates and times",
            Self::Message => "the message",
            Self::Services => "services of AWS",
        }
    }
}

/// Every function of the reference, built or not, in the order of their names.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter()
}

/// Every function in a table of Markdown, as docs/rules.md has it.
pub fn function_table() -> String {
    let row = |function: &Function| {
        let state = function.not_built().map_or("built".to_owned(), |reason| format!("not built: {reason}"));
        let (name, parameters) = (function.name(), function.parameters());
        format!("| `{name}({parameters})` | {} | {state} |\n", function.group().name())
    };
    let rows: String = functions().map(row).collect();
    format!("| function | about | |\n| --- | --- | --- |\n{rows}")
}

/// The function of this name. Case does not count.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// What a name that no function has was probably meant to be.
pub(crate) fn hint(name: &str) -> String {
    // Of a short name, two changes leave nothing.
    let distance_max = if name.len() > 4 { 2 } else { 1 };
    let name = name.to_ascii_lowercase();
    let near = |function: &&Function| (distance(&name, &function.name.to_ascii_lowercase()), function.name);
    match FUNCTIONS.iter().map(|function| near(&function)).min() {
        Some((found, known)) if found <= distance_max && name.len() > distance_max => {
            format!("{known} is one")
        }
        Some(_) | None => "`landfall rules functions` lists those that there are".to_owned(),
    }
}

/// How many characters have to be put in, left out or changed. Names longer than any function's are far from all.
fn distance(left: &str, right: &str) -> usize {
    const CHARACTERS_MAX: usize = 32;
    if left.len() > CHARACTERS_MAX {
        return left.len();
    }
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (line, a) in left.chars().enumerate() {
        let mut diagonal = line;
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
        for (column, b) in right.chars().enumerate() {
            let above = row.get(column + 1).copied().unwrap_or_default();
            let before = row.get(column).copied().unwrap_or_default();
            let cost = (diagonal + usize::from(a != b)).min(above + 1).min(before + 1);
            diagonal = above;
            if let Some(cell) = row.get_mut(column + 1) {
                *cell = cost;
            }
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_any_case_and_there_once() {
        for name in ["abs", "ABS", "isnull", "isNull", "Nanvl", "sha256"] {
            assert!(find(name).is_some(), "{name}");
        }
        assert!(find("floors").is_none());
        let names: Vec<String> = functions().map(|function| function.name().to_ascii_lowercase()).collect();
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(names, sorted);
    }

    #[test]
    fn a_wrong_name_is_told_with_the_nearest() {
        for (name, expected) in [
            ("flor", "floor is one"),
            ("Substr", "`landfall rules functions` lists those that there are"),
            ("substing", "substring is one"),
            ("timestmp", "timestamp is one"),
            ("xy", "`landfall rules functions` lists those that there are"),
            (&"x".repeat(100_000), "`landfall rules functions` lists those that there are"),
        ] {
            assert_eq!(hint(name), expected, "{name}");
        }
        for (left, right, expected) in
            [("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("a", "a", 0)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }
}
