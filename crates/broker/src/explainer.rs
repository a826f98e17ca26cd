use std::sync::Arc;

use landfall_model::{Certificate, CertificateId, ClientId, Principal, Validity};
use landfall_pki::{CertificateError, ChainError, ParsedCertificate, PresentedChain, Trust, verify};
use landfall_policy::{Authorizer, Explanation, PolicyAction, Resource, Variable};
use landfall_registration::{
    Admission, DeviceFacts, PinnedAdmission, Refusal, decide, decide_pinned, is_of_connection, thing_of,
};
use landfall_registry::StorageError;
use rustls_pki_types::CertificateDer;
use thiserror::Error;

use crate::Shared;
use crate::connection::{EVENTS_DENIAL, EVENTS_PREFIX, with_causes};
use crate::connections::Origin;

/// Explains what a device may do, connected or not, by the engine and with the values that connections have.
pub struct Explainer {
    shared: Arc<Shared>,
}

/// Why a device may or may not do something.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The client that was asked about.
    pub client_id: ClientId,
    /// How it was found.
    pub client_id_source: ClientIdSource,
    /// Whether the device is connected as that client now: then the values are those of that connection.
    pub is_connected: bool,
    /// Why the device may not do it whatever its policies say.
    pub refusal: Option<String>,
    /// The variables that have a value in a connection only, and there is none.
    pub unknown: Vec<String>,
    /// What the policies say.
    pub explanation: Explanation,
}

/// How a client id was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientIdSource {
    /// It was asked about.
    Given,
    /// The certificate is connected as this client, and as no other.
    Connection,
    /// The certificate is not connected; it is attached to one thing, whose name it is.
    Thing,
}

/// Why nothing can be explained.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// There is no such certificate.
    #[error("certificate {certificate} is not registered")]
    NotRegistered {
        /// The certificate.
        certificate: CertificateId,
    },
    /// What client the device would be is not known.
    #[error(
        "the certificate is neither connected as one client nor attached to one thing; say which client it connects as"
    )]
    NoClientId,
    /// The stored certificate cannot be read.
    #[error("the stored certificate cannot be read")]
    Certificate(#[from] CertificateError),
    /// The registry cannot be read.
    #[error("the registry cannot be read")]
    Storage(#[from] StorageError),
}

impl Explainer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Explains whether a certificate's device may do something, as this client; `resource` is the last part of the
    /// resource's ARN, as `topic/a`.
    ///
    /// # Errors
    /// The certificate is not registered, nobody knows what client its device is, or the registry failed.
    pub async fn explain(
        &self,
        id: CertificateId,
        client_id: Option<ClientId>,
        action: PolicyAction,
        resource: &str,
    ) -> Result<Explained, ExplainError> {
        let Shared { admissions, policies, clock, connections, arn_prefix, .. } = &*self.shared;
        let not_registered = || ExplainError::NotRegistered { certificate: id };
        let stored = admissions.registry.certificate(id).await?.ok_or_else(not_registered)?;
        let principal = admissions.registry.principal(id).await?.ok_or_else(not_registered)?;
        let (client_id, client_id_source) = self.client_of(&principal, client_id)?;
        let live = connections.client_of(id, Some(&client_id));
        let documents = policies.of(&principal, &client_id).await?;
        let attributes = policies.attributes(&documents, &principal, &client_id).await?;
        let facts = DeviceFacts {
            client_id: Some(&client_id),
            certificate: Some(&ParsedCertificate::from_der(stored.der.as_bytes())?),
            thing: thing_of(&principal, &client_id),
            attributes: attributes.as_deref(),
            connection: live.as_ref().map(|live| live.origin.facts(live.is_persistent)),
            now: clock.now(),
        };
        let authorizer = Authorizer::compile(Arc::clone(arn_prefix), &facts, documents);
        let arn = format!("{arn_prefix}{resource}");
        let explanation = authorizer.explain(&facts, action, Resource::Arn(&arn));
        // A connection that is there stays; whoever asks about the next CONNECT asks about a new one.
        let here = live.as_ref().map(|live| &*live.origin).filter(|_| action != PolicyAction::Connect);
        let refusal = match self.refusal(&stored, &principal, here).await? {
            Some(refusal) => Some(refusal),
            None => self.refusal_for_policies(&principal, &client_id, action, resource).await?,
        };
        let is_connected = live.is_some();
        let unknown = if is_connected { Vec::new() } else { unknown(&explanation) };
        Ok(Explained { client_id, client_id_source, is_connected, refusal, unknown, explanation })
    }

    /// The client that is meant.
    fn client_of(
        &self,
        principal: &Principal,
        given: Option<ClientId>,
    ) -> Result<(ClientId, ClientIdSource), ExplainError> {
        if let Some(client_id) = given {
            return Ok((client_id, ClientIdSource::Given));
        }
        if let Some(live) = self.shared.connections.client_of(principal.certificate, None) {
            return Ok((live.client_id, ClientIdSource::Connection));
        }
        match &*principal.things {
            [thing] => ClientId::parse(thing.name.as_str())
                .map(|client_id| (client_id, ClientIdSource::Thing))
                .map_err(|_| ExplainError::NoClientId),
            [] | [_, _, ..] => Err(ExplainError::NoClientId),
        }
    }

    /// Why the device is not let in, whatever its policies say. `here` is the connection that it has, if that is what was asked
    /// about.
    async fn refusal(
        &self,
        stored: &Certificate,
        principal: &Principal,
        here: Option<&Origin>,
    ) -> Result<Option<String>, StorageError> {
        let admissions = &self.shared.admissions;
        let ca = match here {
            Some(origin) => origin.ca,
            None => match self.trust(stored) {
                Ok(trust) => trust.ca(),
                Err(problem) => return Ok(Some(chain_refusal(&problem))),
            },
        };
        let Some(ca) = ca else {
            return Ok(match decide_pinned(Some(stored.status), Some(principal.clone())) {
                PinnedAdmission::Admit(_) => None,
                PinnedAdmission::Refuse(refusal) => Some(refusal.to_string()),
            });
        };
        let view = admissions.registry.view(stored.id, ca).await?;
        Ok(match decide(&view, admissions.inactive_ca_devices) {
            Admission::Admit(_) => None,
            Admission::Resume(_) => Some("the certificate is PENDING_ACTIVATION: its registration goes on when the device connects, and policies count once it is ACTIVE".to_owned()),
            // It was deleted in between.
            Admission::Register => Some(Refusal::Unregistered.to_string()),
            Admission::Refuse(refusal) => Some(refusal.to_string()),
        })
    }

    /// Who would vouch for the device in a handshake now, if it presented its own certificate and no intermediates: those
    /// are not stored.
    fn trust(&self, stored: &Certificate) -> Result<Trust, ChainError> {
        let der = CertificateDer::from(stored.der.as_bytes());
        let chain = PresentedChain::new(&der, &[]);
        let now = self.shared.clock.now();
        let verified = verify(&chain, &self.shared.anchors.current(), now);
        verified.map(|chain| chain.trust()).map_err(|problem| {
            let Validity { not_before, not_after } = stored.validity;
            match is_unknown_issuer(&problem) {
                // No path was checked, but on any the device's own certificate has to be valid.
                true if now.as_secs() > not_after.as_secs() => ChainError::Expired { not_after, now },
                true if now < not_before => ChainError::NotYetValid { not_before, now },
                true | false => problem,
            }
        })
    }

    /// Why no policy can allow it.
    async fn refusal_for_policies(
        &self,
        principal: &Principal,
        client_id: &ClientId,
        action: PolicyAction,
        resource: &str,
    ) -> Result<Option<String>, StorageError> {
        let topic = resource.strip_prefix("topic/").filter(|_| action == PolicyAction::Publish);
        if topic.is_some_and(|topic| topic.starts_with(EVENTS_PREFIX)) {
            return Ok(Some(EVENTS_DENIAL.to_owned()));
        }
        let unusable = self.shared.policies.unusable(principal, client_id).await?;
        Ok(unusable.map(|policy| {
            format!("policy {policy} is not understood, so that no policy of the certificate counts: a denial in it must not be lost")
        }))
    }
}

/// Why the handshake fails, with its causes.
fn chain_refusal(problem: &ChainError) -> String {
    let mut refusal = with_causes(problem);
    if is_unknown_issuer(problem) {
        refusal.push_str(
            "; no registered CA certificate signed it itself; a device may present intermediates, which are not stored, so \
             that only its next connection shows whether it is let in",
        );
    }
    refusal
}

fn is_unknown_issuer(problem: &ChainError) -> bool {
    matches!(problem, ChainError::UnknownIssuer { .. } | ChainError::UnknownIssuerKey { .. })
}

/// The variables whose values only a connection has.
fn unknown(explanation: &Explanation) -> Vec<String> {
    let variables = explanation.variables.iter().filter(|variable| variable.values.is_empty());
    let names = variables.map(|variable| variable.name.clone());
    names.filter(|name| Variable::parse(name).fact().is_some_and(is_of_connection)).collect()
}
