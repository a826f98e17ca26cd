//! Policy documents become decisions: may this connection do that?
//!
//! A [`PolicyDocument`] is parsed once and shared. An [`Authorizer`] joins the documents of one connection with what
//! its variables stand for, and answers. An element that is not understood makes a document invalid when it is parsed;
//! nothing in a document is ever ignored.

mod action;
mod authorizer;
mod document;
mod pattern;
mod variable;

pub use action::PolicyAction;
pub use authorizer::{Authorizer, ConnectionContext, Decision, Denial, Resource};
pub use document::{MalformedPolicy, POLICY_BYTES_MAX, PolicyDocument};
