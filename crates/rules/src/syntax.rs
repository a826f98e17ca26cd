//! What a statement says, once it is parsed.
//!
//! Operators of one precedence that stand beside each other are one node, so that a tree is only as deep as its text is
//! nested, and so is every recursion over it.

use landfall_model::TopicFilter;

use crate::functions::{Function, Prepared};
use crate::value::Value;

/// A whole statement: `SET … SELECT … FROM … WHERE …`.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) variables: Vec<Variable>,
    pub(crate) selection: Selection,
    pub(crate) filter: Option<TopicFilter>,
    pub(crate) condition: Option<Expression>,
}

/// A variable of SET.
#[derive(Debug)]
pub(crate) struct Variable {
    /// Without its `@`.
    pub(crate) name: Box<str>,
    pub(crate) value: Expression,
}

/// What SELECT gives.
#[derive(Debug)]
pub(crate) enum Selection {
    /// `*`, and nothing else.
    Everything,
    /// `VALUE` and an expression.
    Value(Expression),
    /// Items that make an object.
    Items(Vec<Item>),
}

/// An item of a selection that makes an object.
#[derive(Debug)]
pub(crate) enum Item {
    /// `*` beside others: the members of the payload, or of the item of a nested query.
    Everything,
    /// An expression and where it goes.
    Named { path: Box<[Box<str>]>, value: Expression },
}

/// A nested query, of an array's items or of an object.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) selection: Selection,
    pub(crate) source: Expression,
    /// The name of an item, after AS.
    pub(crate) alias: Option<Box<str>>,
    pub(crate) condition: Option<Expression>,
}

/// An expression.
#[derive(Debug)]
pub(crate) enum Expression {
    Literal(Value<'static>),
    /// `*`: the payload, or the item of a nested query.
    Everything,
    /// The name of a nested query's item, or else an attribute: of the payload, or of the nested query's item.
    Attribute(Box<str>),
    /// A variable of SET, by its place.
    Variable(usize),
    /// `.name` and `[index]` behind an expression.
    Path(Box<Expression>, Vec<Step>),
    Array(Vec<Expression>),
    Object(Vec<(Box<str>, Expression)>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Comparisons(Box<Expression>, Vec<(Comparison, Expression)>),
    Calculations(Box<Expression>, Vec<(Calculation, Expression)>),
    Exists(Box<Query>),
    Query(Box<Query>),
    Case(Box<Case>),
    Cast(Box<Expression>, CastType),
    Call(Call),
}

/// A step into an array or an object.
#[derive(Debug)]
pub(crate) enum Step {
    Member(Box<str>),
    Index(Expression),
}

/// An operator that gives a boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

/// An operator that gives a number, or joins strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calculation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// `CASE subject WHEN … THEN … ELSE … END`.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) subject: Expression,
    pub(crate) branches: Vec<(Expression, Expression)>,
    pub(crate) otherwise: Option<Expression>,
}

/// What `cast` makes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CastType {
    Text,
    Int,
    Decimal,
    Double,
    Boolean,
}

/// A call of a function that is built.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: &'static Function,
    pub(crate) arguments: Vec<Expression>,
    /// What was made of literal arguments beforehand.
    pub(crate) prepared: Prepared,
}
