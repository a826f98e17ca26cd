//! What a device may do, asked of the engine that the broker asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use landfall_api::authorization::{
    Allowed, AuthInfo, AuthResult, Denied, EffectivePolicy, ExplicitDeny, GetEffectivePoliciesRequest,
    GetEffectivePoliciesResponse, ImplicitDeny, TestAuthorizationRequest, TestAuthorizationResponse,
};
use landfall_api::{ApiError, OperationKey};
use landfall_model::{
    AttachedThing, Attributes, CertificateId, ClientId, Policy, PolicyName, PolicyTarget, Scope,
    ThingGroupName, ThingName, UnixTime,
};
use landfall_pki::ParsedCertificate;
use landfall_policy::{
    Authorizer, Decision, Denial, Explanation, NamedPolicy, PolicyAction, PolicyDocument, Resource,
    StatementName,
};
use landfall_registration::{DeviceFacts, thing_of};
use landfall_registry::{Conflict, PageRequest, Registry};
use tracing::error;

use crate::certificate::find;
use crate::failure::{Failure, invalid, not_built};
use crate::handler::{Context, Handle, Handler, handler};
use crate::named;
use crate::policy::{check_target, list_name};

/// How many policies are read at once.
const READ_AT_ONCE: u32 = 250;

/// How many resources one entry of authInfos may name: each costs a walk through all the policies. More are refused. AWS
/// documents no limit; how many entries there may be its model says.
const QUESTION_RESOURCES_MAX: usize = 100;

/// The operations that ask what a device may do.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![handler::<GetEffectivePoliciesRequest>(), handler::<TestAuthorizationRequest>()]
}

impl Handle for GetEffectivePoliciesRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetEffectivePoliciesResponse, Failure> {
        let Self { principal, cognito_identity_pool_id, thing_name } = self;
        refuse_cognito(cognito_identity_pool_id.as_deref())?;
        let principal = principal.map(|arn| named::policy_target(&arn, context.scope())).transpose()?;
        let thing = thing_name.as_deref().map(ThingName::parse).transpose().map_err(invalid)?;
        if let Some(name) = &thing
            && context.registry().thing(name).await?.is_none()
        {
            return Err(Conflict::ThingNotFound(name.clone()).into());
        }
        let policies = match (&principal, &thing) {
            (None, None) => return Err(invalid("give principal, thingName or both").into()),
            _ => effective(context.registry(), principal.as_ref(), thing.as_ref()).await?,
        };
        let describe = |policy: Policy| EffectivePolicy {
            policy_name: Some(policy.name.to_string()),
            policy_arn: Some(context.scope().policy_arn(&policy.name)),
            policy_document: Some(policy.document.to_string()),
        };
        Ok(GetEffectivePoliciesResponse {
            effective_policies: Some(policies.into_values().map(describe).collect()),
        })
    }
}

impl Handle for TestAuthorizationRequest {
    async fn handle(self, context: &Context<'_>) -> Result<TestAuthorizationResponse, Failure> {
        let Self {
            principal,
            cognito_identity_pool_id,
            auth_infos,
            client_id,
            policy_names_to_add,
            policy_names_to_skip,
        } = self;
        refuse_cognito(cognito_identity_pool_id.as_deref())?;
        let questions: Vec<Question> =
            auth_infos.into_iter().map(Question::parse).collect::<Result<_, _>>()?;
        let client_id = client_id.as_deref().map(ClientId::parse).transpose().map_err(invalid)?;
        let principal = principal.map(|arn| named::policy_target(&arn, context.scope())).transpose()?;
        let device = Device::read(principal.as_ref(), client_id, context).await?;
        let facts = device.facts(context.now);
        let thing = facts.thing.map(|thing| &thing.name);
        let mut policies = effective(context.registry(), principal.as_ref(), thing).await?;
        for name in policy_names_to_skip.unwrap_or_default() {
            policies.remove(&PolicyName::parse(&name).map_err(invalid)?);
        }
        for name in policy_names_to_add.unwrap_or_default() {
            let name = PolicyName::parse(&name).map_err(invalid)?;
            let policy = context.registry().policy(&name).await?;
            let policy = policy.ok_or_else(|| Conflict::PolicyNotFound(name.clone()))?;
            policies.insert(name, policy);
        }
        let prefix = context.scope().arn_prefix().into();
        let authorizer = Authorizer::compile(prefix, &facts, parse_all(policies.values()));
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            answers.push(question.answer(&authorizer, &facts, context.scope()).await);
        }
        Ok(TestAuthorizationResponse { auth_results: Some(answers) })
    }
}

/// What a device might do.
struct Question {
    action: PolicyAction,
    action_type: String,
    resources: Vec<String>,
}

/// A device that is not connected.
struct Device {
    client_id: Option<ClientId>,
    certificate: Option<ParsedCertificate>,
    /// The thing that its connection would be of: the one that has the client id as its name.
    thing: Option<AttachedThing>,
    attributes: Attributes,
}

impl Question {
    fn parse(info: AuthInfo) -> Result<Self, ApiError> {
        let AuthInfo { action_type, resources } = info;
        let action_type =
            action_type.ok_or_else(|| invalid("actionType is missing in an entry of authInfos"))?;
        let action = match action_type.as_str() {
            "CONNECT" => PolicyAction::Connect,
            "PUBLISH" => PolicyAction::Publish,
            "RECEIVE" => PolicyAction::Receive,
            "SUBSCRIBE" => PolicyAction::Subscribe,
            other => {
                let known = "CONNECT, PUBLISH, RECEIVE, SUBSCRIBE";
                return Err(invalid(format!("actionType {other:?} is none of {known}")));
            }
        };
        if resources.is_empty() {
            return Err(invalid("resources is empty in an entry of authInfos; it takes ARNs"));
        }
        let found = resources.len();
        if found > QUESTION_RESOURCES_MAX {
            return Err(invalid(format!(
                "an entry of authInfos has {found} resources, and at most {QUESTION_RESOURCES_MAX} are answered"
            )));
        }
        if let Some(other) = resources.iter().find(|resource| !resource.starts_with("arn:")) {
            let shown: String = other.chars().take(256).collect();
            return Err(invalid(format!("the resource {shown:?} of authInfos is not an ARN")));
        }
        Ok(Self { action, action_type, resources })
    }

    /// The answer for all of the resources: allowed is what is allowed to each.
    async fn answer(self, authorizer: &Authorizer, facts: &DeviceFacts<'_>, scope: &Scope) -> AuthResult {
        let mut explanations = Vec::with_capacity(self.resources.len());
        for arn in &self.resources {
            explanations.push(authorizer.explain(facts, self.action, Resource::Arn(arn)));
            // Many resources and long policies take long, and others want the thread.
            tokio::task::yield_now().await;
        }
        let named = |select: fn(&Explanation) -> &[StatementName]| -> BTreeSet<&PolicyName> {
            explanations.iter().flat_map(select).map(|statement| &statement.policy).collect()
        };
        let (allowing, denying) =
            (named(|explanation| &explanation.allowed_by), named(|explanation| &explanation.denied_by));
        let asked: BTreeSet<&PolicyName> = authorizer.policies().map(|policy| &policy.name).collect();
        let silent = asked.into_iter().filter(|name| !allowing.contains(name) && !denying.contains(name));
        let list = |names: Vec<&PolicyName>| {
            Some(names.into_iter().map(|name| list_name(name, scope)).collect::<Vec<_>>())
        };
        let missing: BTreeSet<&str> = explanations.iter().flat_map(Explanation::missing_values).collect();
        let has = |decision| explanations.iter().any(|explanation| explanation.decision == decision);
        let decision = if has(Decision::Deny(Denial::Explicit)) {
            "EXPLICIT_DENY"
        } else if has(Decision::Deny(Denial::NoStatement)) {
            "IMPLICIT_DENY"
        } else {
            "ALLOWED"
        };
        AuthResult {
            allowed: Some(Allowed { policies: list(allowing.iter().copied().collect()) }),
            denied: Some(Denied {
                implicit_deny: Some(ImplicitDeny { policies: list(silent.collect()) }),
                explicit_deny: Some(ExplicitDeny { policies: list(denying.iter().copied().collect()) }),
            }),
            auth_decision: Some(decision.to_owned()),
            missing_context_values: Some(missing.into_iter().map(str::to_owned).collect()),
            auth_info: Some(AuthInfo { action_type: Some(self.action_type), resources: self.resources }),
        }
    }
}

impl Device {
    async fn read(
        principal: Option<&PolicyTarget>,
        client_id: Option<ClientId>,
        context: &Context<'_>,
    ) -> Result<Self, Failure> {
        let (mut certificate, mut thing, mut attributes) = (None, None, Attributes::default());
        match principal {
            Some(PolicyTarget::Certificate(id)) => {
                certificate = Some(read_certificate(*id, context).await?);
                thing = read_thing(*id, client_id.as_ref(), context.registry()).await?;
            }
            Some(target @ PolicyTarget::ThingGroup(_)) => check_target(context.registry(), target).await?,
            None => {}
        }
        if let Some(thing) = &thing
            && let Some(stored) = context.registry().thing(&thing.name).await?
        {
            attributes = stored.attributes;
        }
        Ok(Self { client_id, certificate, thing, attributes })
    }

    fn facts(&self, now: UnixTime) -> DeviceFacts<'_> {
        DeviceFacts {
            client_id: self.client_id.as_ref(),
            certificate: self.certificate.as_ref(),
            thing: self.thing.as_ref(),
            attributes: Some(&self.attributes),
            connection: None,
            now,
        }
    }
}

/// The policies that count for a principal, for a thing, or for both, by name.
async fn effective(
    registry: &dyn Registry,
    principal: Option<&PolicyTarget>,
    thing: Option<&ThingName>,
) -> Result<BTreeMap<PolicyName, Policy>, Failure> {
    let mut policies = Vec::new();
    let mut certificate = None;
    match principal {
        Some(target @ PolicyTarget::Certificate(id)) => {
            check_target(registry, target).await?;
            certificate = Some(*id);
        }
        Some(PolicyTarget::ThingGroup(name)) => policies = of_group(registry, name).await?,
        None => {}
    }
    policies.extend(registry.effective_policies(certificate, thing).await?);
    Ok(policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect())
}

/// The policies that count for the things of a group.
async fn of_group(registry: &dyn Registry, name: &ThingGroupName) -> Result<Vec<Policy>, Failure> {
    let target = PolicyTarget::ThingGroup(name.clone());
    check_target(registry, &target).await?;
    let mut policies = Vec::new();
    let mut page = PageRequest::first(READ_AT_ONCE);
    loop {
        let part = registry.attached_policies(&target, true, page).await?;
        policies.extend(part.items);
        if part.next.is_none() {
            return Ok(policies);
        }
        page.after = part.next;
    }
}

async fn read_certificate(id: CertificateId, context: &Context<'_>) -> Result<ParsedCertificate, Failure> {
    let certificate = find(id, context).await?;
    ParsedCertificate::from_der(certificate.der.as_bytes())
        .map_err(|error| Failure::internal("reading a stored certificate", error))
}

/// The thing that a connection of the certificate would be of.
async fn read_thing(
    id: CertificateId,
    client_id: Option<&ClientId>,
    registry: &dyn Registry,
) -> Result<Option<AttachedThing>, Failure> {
    let Some(client_id) = client_id else { return Ok(None) };
    let principal = registry.principal(id).await?;
    Ok(principal.and_then(|principal| thing_of(&principal, client_id).cloned()))
}

/// The documents of policies. As in the broker, one that is not understood makes the answer empty: a Deny in it must not be
/// lost.
fn parse_all<'p>(policies: impl Iterator<Item = &'p Policy>) -> Vec<Arc<NamedPolicy>> {
    let parse = |policy: &Policy| match PolicyDocument::parse(&policy.document) {
        Ok(document) => Some(Arc::new(NamedPolicy { name: policy.name.clone(), document })),
        Err(problem) => {
            let error: &dyn std::error::Error = &problem;
            error!(policy.name = %policy.name, error, "stored policy is not understood");
            None
        }
    };
    policies.map(parse).collect::<Option<_>>().unwrap_or_default()
}

fn refuse_cognito(pool: Option<&str>) -> Result<(), ApiError> {
    match pool {
        Some(_) => Err(not_built("cognitoIdentityPoolId, authorization of Amazon Cognito identities,")),
        None => Ok(()),
    }
}
