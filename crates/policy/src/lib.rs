//! Policy documents become decisions: may this connection do that, and why?
//!
//! A [`PolicyDocument`] is parsed once and shared. An [`Authorizer`] joins the policies of one connection with what their
//! variables stand for, which it asks of [`Facts`], and answers. [`Authorizer::explain`] says why, and [`lint`] finds what is
//! legal and probably wrong. An element that is not understood makes a document invalid when it is parsed; nothing in a
//! document is ever ignored.
//!
//! The language is that of AWS IoT Core policies. Where AWS leaves something open, the answer is the one that gives no right:
//! an Allow never applies through a variable that has no value, and a value is never a pattern.

mod action;
mod authorizer;
mod condition;
mod document;
mod explain;
mod facts;
mod json;
mod lint;
mod malformed;
mod operand;
mod pattern;
mod places;
mod resource;
mod variable;

pub use action::PolicyAction;
pub use authorizer::{Authorizer, Decision, Denial};
pub use document::{
    DOCUMENT_CHARACTERS_MAX, DOCUMENT_LENGTH_MAX, DOCUMENT_STATEMENTS_MAX, NamedPolicy, POLICY_VERSIONS_MAX,
    PolicyDocument,
};
pub use explain::{Explanation, FilledPattern, Miss, NearMiss, StatementName, VariableValues};
pub use facts::{CERTIFICATE_VALUE_CHARACTERS_MAX, CERTIFICATE_VALUES_MAX, Facts};
pub use lint::{Finding, Rule, lint};
pub use malformed::{MalformedPolicy, PolicyProblem, Position};
pub use resource::{Resource, ResourceKind};
pub use variable::{AlternativeNameKind, CertificateParty, Fact, NamePart, Selection, Variable};
