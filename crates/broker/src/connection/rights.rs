//! What a client may do, and why not.

use std::sync::Arc;
use std::time::Duration;

use landfall_model::{Attributes, ClientId, Principal};
use landfall_policy::{Authorizer, Decision, PolicyAction, Resource};
use landfall_registration::{DeviceFacts, thing_of};
use landfall_registry::StorageError;
use tokio::time::Instant;
use tracing::Level;

use super::{Connection, after};

/// What a client may do, and what it takes to say why not.
pub(super) struct Rights {
    authorizer: Authorizer,
    /// Those of its thing, where a policy asks for one.
    attributes: Option<Box<Attributes>>,
    /// When time alone can have changed the answers.
    pub(super) expire_at: Option<Instant>,
}

/// Who acts in a connection.
#[derive(Clone, Copy)]
pub(super) struct Caller<'c> {
    pub(super) client_id: &'c ClientId,
    /// Whether it asked for a session that is kept.
    pub(super) is_persistent: bool,
    pub(super) principal: &'c Principal,
}

/// The longest that answers hold which depend on the time: then the clock is asked again, which may have been set.
const EXPIRY_MAX: Duration = Duration::from_secs(60 * 60);

/// The most characters of a reason that is logged, or told to a client.
const REASON_CHARACTERS_MAX: usize = 1_000;

impl Rights {
    pub(super) fn decide(&self, action: PolicyAction, resource: Resource<'_>) -> Decision {
        self.authorizer.decide(action, resource)
    }
}

impl Connection {
    /// The policies of a caller, joined with what their variables stand for in this connection.
    pub(super) async fn rights(&self, caller: Caller<'_>) -> Result<Rights, StorageError> {
        let Caller { client_id, principal, .. } = caller;
        let policies = &self.shared.policies;
        let documents = policies.of(principal, client_id).await?;
        let attributes = policies.attributes(&documents, principal, client_id).await?;
        let facts = self.facts(caller, attributes.as_deref());
        let authorizer = Authorizer::compile(Arc::clone(&self.shared.arn_prefix), &facts, documents);
        let expire_at = authorizer.changes_at().and_then(|moment| {
            let left = moment.as_millis().saturating_sub(facts.now.as_millis());
            after(Duration::from_millis(u64::try_from(left).unwrap_or_default()).min(EXPIRY_MAX))
        });
        Ok(Rights { authorizer, attributes, expire_at })
    }

    /// Why a caller may not do this, in one line. It costs more than the decision: only for who was denied.
    pub(super) fn explain(
        &self,
        rights: &Rights,
        caller: Caller<'_>,
        action: PolicyAction,
        resource: Resource<'_>,
    ) -> String {
        let facts = self.facts(caller, rights.attributes.as_deref());
        one_line(&rights.authorizer.explain(&facts, action, resource).summary())
    }

    /// Whether somebody reads why a client was denied: the log, or the client itself.
    pub(super) fn is_explained(&self) -> bool {
        self.shared.config.policy_reasons || tracing::enabled!(Level::INFO)
    }

    fn facts<'c>(&'c self, caller: Caller<'c>, attributes: Option<&'c Attributes>) -> DeviceFacts<'c> {
        let Caller { client_id, is_persistent, principal } = caller;
        DeviceFacts {
            client_id: Some(client_id),
            certificate: Some(self.chain.certificate()),
            thing: thing_of(principal, client_id),
            attributes,
            connection: Some(self.origin.facts(is_persistent)),
            now: self.shared.clock.now(),
        }
    }
}

/// A text without anything that could begin a new line of the log, and not too long for one.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(REASON_CHARACTERS_MAX));
    for (place, character) in text.chars().enumerate() {
        if place == REASON_CHARACTERS_MAX {
            line.push('…');
            break;
        }
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        for (text, expected) in [
            ("statement 1 denies it", "statement 1 denies it".to_owned()),
            ("a\nb\u{85}\u{1b}[31m é", "a\\nb\\u{85}\\u{1b}[31m é".to_owned()),
            (&"é".repeat(1_000), "é".repeat(1_000)),
            (&"é".repeat(1_001), format!("{}…", "é".repeat(1_000))),
        ] {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
    }
}
