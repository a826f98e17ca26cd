//! A device as policies see it, and policies as fleets have them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use landfall_model::{PolicyName, UnixTime};
use landfall_policy::{Authorizer, Fact, Facts, NamedPolicy, PolicyDocument};

/// What every ARN of the server begins with.
pub(super) const PREFIX: &str = "arn:aws:iot:us-east-1:000000000000:";

/// How many statements a measured policy has.
pub(super) const STATEMENTS: usize = 10;

/// What is known of one device: its thing, which is its client id too.
pub(super) struct Device {
    pub(super) thing: String,
}

impl Device {
    pub(super) fn new(number: usize) -> Self {
        Self { thing: format!("thing-{number:08}") }
    }

    /// What the device may do by these policies; `prefix` is [`PREFIX`], which connections share.
    pub(super) fn authorizer(&self, prefix: &Arc<str>, policies: &[Arc<NamedPolicy>]) -> Authorizer {
        Authorizer::compile(Arc::clone(prefix), self, policies.to_vec())
    }
}

impl Facts for Device {
    fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>> {
        if matches!(fact, Fact::ClientId | Fact::ThingName) {
            return vec![Cow::Borrowed(&self.thing)];
        }
        if *fact == Fact::ThingIsAttached {
            return vec![Cow::Borrowed("true")];
        }
        Vec::new()
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_secs(0)
    }
}

/// A statement about publishing on the device's topics of one kind.
pub(super) struct Statement {
    pub(super) is_allow: bool,
    /// The resource, with `${iot:Connection.Thing.ThingName}` in it.
    pub(super) resource: String,
}

/// Ten statements about publishing: each allows topics of a kind of its own, but for the last if it `denies`.
pub(super) fn statements(kind: &str, denies: bool) -> Vec<Statement> {
    let statement = |number: usize| Statement {
        is_allow: !denies || number + 1 < STATEMENTS,
        resource: format!("{PREFIX}topic/{kind}/${{iot:Connection.Thing.ThingName}}/{number}/*"),
    };
    (0..STATEMENTS).map(statement).collect()
}

/// The text of a document of these statements.
pub(super) fn document(statements: &[Statement]) -> String {
    let mut text = String::from(r#"{"Version":"2012-10-17","Statement":["#);
    for (number, Statement { is_allow, resource }) in statements.iter().enumerate() {
        let (comma, effect) = (if number == 0 { "" } else { "," }, if *is_allow { "Allow" } else { "Deny" });
        // Writing to a string does not fail.
        let _ =
            write!(text, r#"{comma}{{"Effect":"{effect}","Action":"iot:Publish","Resource":"{resource}"}}"#);
    }
    text.push_str("]}");
    text
}

/// A policy of this document.
pub(super) fn policy(name: &str, text: &str) -> Result<Arc<NamedPolicy>> {
    let document =
        PolicyDocument::parse(text).with_context(|| format!("the policy {name} is not understood"))?;
    Ok(Arc::new(NamedPolicy { name: PolicyName::parse(name)?, document }))
}
