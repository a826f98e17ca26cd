use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_model::{Attributes, ClientId, PolicyName, PolicyVersionId, Principal};
use landfall_policy::{Fact, NamedPolicy, PolicyDocument};
use landfall_registration::thing_of;
use landfall_registry::{Change, CommitObserver, PolicyChange, Registry, StorageError};
use tracing::error;

/// The documents of policies, each parsed once.
pub(crate) struct PolicyDocuments {
    registry: Arc<dyn Registry>,
    parsed: Arc<Parsed>,
}

/// The documents that were parsed last. A version never changes, but a policy that is deleted and created anew begins again
/// with version 1.
#[derive(Default)]
struct Parsed(Mutex<ParsedState>);

#[derive(Default)]
struct ParsedState {
    /// Goes up with each policy that is deleted.
    generation: u64,
    documents: HashMap<(PolicyName, PolicyVersionId), Arc<NamedPolicy>>,
}

/// How many parsed documents are kept. When more are in use, all are forgotten and parsed again as they are asked for.
const PARSED_MAX: usize = 10_000;

impl PolicyDocuments {
    /// From now on follows the commits of `registry`.
    pub(crate) fn start(registry: &Arc<dyn Registry>) -> Self {
        let parsed = Arc::new(Parsed::default());
        registry.observe(Arc::clone(&parsed) as Arc<dyn CommitObserver>);
        Self { registry: Arc::clone(registry), parsed }
    }

    /// The documents that count for a principal that connects as a client: those of its certificate, and those of the groups
    /// of the thing that the connection is of. One that is not stored any more, or that this version does not understand,
    /// makes the whole answer empty: a Deny in it must not be lost.
    pub(crate) async fn of(
        &self,
        principal: &Principal,
        client_id: &ClientId,
    ) -> Result<Vec<Arc<NamedPolicy>>, StorageError> {
        let mut documents = Vec::with_capacity(principal.policies.len());
        for (name, version) in policies_of(principal, client_id) {
            match self.document(name, *version).await? {
                Some(document) => documents.push(document),
                None => return Ok(Vec::new()),
            }
        }
        Ok(documents)
    }

    /// The policy that makes the answer of [`Self::of`] empty, if one does.
    pub(crate) async fn unusable(
        &self,
        principal: &Principal,
        client_id: &ClientId,
    ) -> Result<Option<PolicyName>, StorageError> {
        for (name, version) in policies_of(principal, client_id) {
            if self.document(name, *version).await?.is_none() {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }

    /// The attributes of the thing that a connection is of, if a document asks for one.
    pub(crate) async fn attributes(
        &self,
        documents: &[Arc<NamedPolicy>],
        principal: &Principal,
        client_id: &ClientId,
    ) -> Result<Option<Box<Attributes>>, StorageError> {
        let is_asked = |policy: &Arc<NamedPolicy>| {
            policy.document.facts().any(|fact| matches!(fact, Fact::ThingAttribute(_)))
        };
        match thing_of(principal, client_id) {
            Some(thing) if documents.iter().any(is_asked) => {
                Ok(self.registry.thing(&thing.name).await?.map(|thing| Box::new(thing.attributes)))
            }
            Some(_) | None => Ok(None),
        }
    }

    async fn document(
        &self,
        name: &PolicyName,
        version: PolicyVersionId,
    ) -> Result<Option<Arc<NamedPolicy>>, StorageError> {
        let generation = match self.parsed.find(name, version) {
            Ok(document) => return Ok(Some(document)),
            Err(generation) => generation,
        };
        let Some(policy) = self.registry.policy(name).await? else {
            return Ok(None);
        };
        let document = match PolicyDocument::parse(&policy.document) {
            Ok(document) => Arc::new(NamedPolicy { name: policy.name, document }),
            Err(problem) => {
                let error: &dyn std::error::Error = &problem;
                error!(policy.name = %name, error, "stored policy is not understood");
                return Ok(None);
            }
        };
        self.parsed.remember(policy.default_version, Arc::clone(&document), generation);
        Ok(Some(document))
    }
}

/// The policies that count, each once.
fn policies_of<'p>(
    principal: &'p Principal,
    client_id: &ClientId,
) -> impl Iterator<Item = &'p (PolicyName, PolicyVersionId)> {
    let of_groups = thing_of(principal, client_id).map(|thing| &*thing.policies).unwrap_or_default();
    let of_groups = of_groups.iter().filter(|policy| !principal.policies.contains(policy));
    principal.policies.iter().chain(of_groups)
}

impl Parsed {
    /// The document, or the generation under which it may be remembered once it is read.
    fn find(&self, name: &PolicyName, version: PolicyVersionId) -> Result<Arc<NamedPolicy>, u64> {
        let state = self.state();
        let found = state.documents.get(&(name.clone(), version));
        found.map(Arc::clone).ok_or(state.generation)
    }

    /// Remembers a document, unless a policy was deleted since `generation`: it may be that one's.
    fn remember(&self, version: PolicyVersionId, document: Arc<NamedPolicy>, generation: u64) {
        let mut state = self.state();
        if state.generation != generation {
            return;
        }
        if state.documents.len() >= PARSED_MAX {
            state.documents.clear();
        }
        state.documents.insert((document.name.clone(), version), document);
    }

    fn state(&self) -> MutexGuard<'_, ParsedState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitObserver for Parsed {
    fn committed(&self, changes: &[Change]) {
        for change in changes {
            if let Change::Policy(PolicyChange::Delete { name }) = change {
                let mut state = self.state();
                state.generation += 1;
                state.documents.retain(|(known, _), _| known != name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use landfall_model::{CertificateId, Policy, UnixTime};
    use landfall_policy::{Authorizer, Decision, Facts, PolicyAction, Resource};
    use landfall_registry::{MemoryRegistry, Transaction};

    use super::*;

    const FIRST: PolicyVersionId = PolicyVersionId::FIRST;
    const NOW: UnixTime = UnixTime::from_secs(1);

    fn name() -> PolicyName {
        PolicyName::parse("policy").unwrap()
    }

    fn document(effect: &str) -> String {
        format!(r#"{{"Statement": {{"Effect": "{effect}", "Action": "iot:Connect", "Resource": "*"}}}}"#)
    }

    fn insert(transaction: &mut Transaction, effect: &str) {
        transaction.insert_policy(Policy {
            name: name(),
            default_version: FIRST,
            document: document(effect).into(),
            created_at: NOW,
            modified_at: NOW,
        });
    }

    /// Nothing is known.
    struct Unknown;

    impl Facts for Unknown {
        fn values(&self, _fact: &Fact) -> Vec<Cow<'_, str>> {
            Vec::new()
        }

        fn now(&self) -> UnixTime {
            NOW
        }
    }

    async fn may_connect(documents: &PolicyDocuments) -> bool {
        let certificate = CertificateId::from_sha256([1; 32]);
        let principal = Principal { certificate, things: Vec::new(), policies: vec![(name(), FIRST)] };
        let client_id = ClientId::parse("client").unwrap();
        let documents = documents.of(&principal, &client_id).await.unwrap();
        let authorizer =
            Authorizer::compile("arn:aws:iot:us-east-1:000000000000:".into(), &Unknown, documents);
        authorizer.decide(PolicyAction::Connect, Resource::Client(&client_id)) == Decision::Allow
    }

    #[tokio::test]
    async fn a_policy_that_is_created_anew_has_the_new_document() {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let documents = PolicyDocuments::start(&registry);
        let mut transaction = Transaction::new();
        insert(&mut transaction, "Allow");
        registry.commit(transaction).await.unwrap();
        assert!(may_connect(&documents).await);
        let mut transaction = Transaction::new();
        transaction.delete_policy(name());
        insert(&mut transaction, "Deny");
        registry.commit(transaction).await.unwrap();
        assert!(!may_connect(&documents).await);
    }

    #[test]
    fn what_was_read_before_a_policy_was_deleted_is_not_remembered_after_it() {
        let parsed = Parsed::default();
        let document = PolicyDocument::parse(&document("Allow")).unwrap();
        let document = Arc::new(NamedPolicy { name: name(), document });
        let before = parsed.find(&name(), FIRST).unwrap_err();
        parsed.committed(&[Change::Policy(PolicyChange::Delete { name: name() })]);
        parsed.remember(FIRST, Arc::clone(&document), before);
        let after = parsed.find(&name(), FIRST).unwrap_err();
        parsed.remember(FIRST, document, after);
        assert!(parsed.find(&name(), FIRST).is_ok());
    }
}
