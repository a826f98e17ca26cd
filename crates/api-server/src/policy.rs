use std::num::NonZeroU32;

use landfall_api::policy::{
    AttachPolicyRequest, AttachPolicyResponse, CreatePolicyRequest, CreatePolicyResponse,
    CreatePolicyVersionRequest, CreatePolicyVersionResponse, DeletePolicyRequest, DeletePolicyResponse,
    DeletePolicyVersionRequest, DeletePolicyVersionResponse, DetachPolicyRequest, DetachPolicyResponse,
    GetPolicyRequest, GetPolicyResponse, GetPolicyVersionRequest, GetPolicyVersionResponse,
    ListAttachedPoliciesRequest, ListAttachedPoliciesResponse, ListPoliciesRequest, ListPoliciesResponse,
    ListPolicyVersionsRequest, ListPolicyVersionsResponse, ListTargetsForPolicyRequest,
    ListTargetsForPolicyResponse, Policy as ListedPolicy, PolicyVersion as ListedVersion,
    SetDefaultPolicyVersionRequest, SetDefaultPolicyVersionResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{
    Policy, PolicyName, PolicyTarget, PolicyVersion, PolicyVersionId, PolicyVersions, Scope, TaggedResource,
};
use landfall_policy::PolicyDocument;
use landfall_registry::{Conflict, Order, Registry, Transaction};

use crate::attempts::Attempts;
use crate::certificate::order;
use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, handler, wire_time};
use crate::{named, tag};

/// The operations of policies.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreatePolicyRequest>(),
        handler::<GetPolicyRequest>(),
        handler::<ListPoliciesRequest>(),
        handler::<DeletePolicyRequest>(),
        handler::<CreatePolicyVersionRequest>(),
        handler::<GetPolicyVersionRequest>(),
        handler::<DeletePolicyVersionRequest>(),
        handler::<ListPolicyVersionsRequest>(),
        handler::<SetDefaultPolicyVersionRequest>(),
        handler::<AttachPolicyRequest>(),
        handler::<DetachPolicyRequest>(),
        handler::<ListAttachedPoliciesRequest>(),
        handler::<ListTargetsForPolicyRequest>(),
    ]
}

impl Handle for CreatePolicyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<CreatePolicyResponse, Failure> {
        let Self { policy_name, policy_document, tags } = self;
        let name = PolicyName::parse(&policy_name).map_err(invalid)?;
        let tags = tag::parse(tags)?;
        check_document(&policy_document)?;
        let mut transaction = Transaction::new();
        transaction.insert_policy(Policy {
            name: name.clone(),
            default_version: PolicyVersionId::FIRST,
            document: policy_document.as_str().into(),
            created_at: context.now,
            modified_at: context.now,
        });
        if !tags.is_empty() {
            transaction.set_tags(TaggedResource::Policy(name.clone()), tags);
        }
        context.registry().commit(transaction).await?;
        Ok(CreatePolicyResponse {
            policy_arn: Some(context.scope().policy_arn(&name)),
            policy_name: Some(policy_name),
            policy_document: Some(policy_document),
            policy_version_id: Some(PolicyVersionId::FIRST.to_string()),
        })
    }
}

impl Handle for GetPolicyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetPolicyResponse, Failure> {
        let Self { policy_name } = self;
        let name = PolicyName::parse(&policy_name).map_err(invalid)?;
        let policy = context.registry().policy(&name).await?.ok_or(Conflict::PolicyNotFound(name))?;
        Ok(GetPolicyResponse {
            policy_name: Some(policy.name.to_string()),
            policy_arn: Some(context.scope().policy_arn(&policy.name)),
            policy_document: Some(policy.document.to_string()),
            default_version_id: Some(policy.default_version.to_string()),
            creation_date: Some(wire_time(policy.created_at)),
            last_modified_date: Some(wire_time(policy.modified_at)),
            generation_id: Some(policy.generation_id().to_string()),
        })
    }
}

impl Handle for ListPoliciesRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListPoliciesResponse, Failure> {
        // The context reads the page from the call.
        let Self { marker: _, page_size: _, ascending_order } = self;
        let page = context.registry().policies(context.page(order(ascending_order))?).await?;
        Ok(ListPoliciesResponse {
            policies: Some(list(&page.items, context.scope())),
            next_marker: context.next_token(page.next)?,
        })
    }
}

impl Handle for DeletePolicyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeletePolicyResponse, Failure> {
        let Self { policy_name } = self;
        let mut transaction = Transaction::new();
        transaction.delete_policy(PolicyName::parse(&policy_name).map_err(invalid)?);
        context.registry().commit(transaction).await?;
        Ok(DeletePolicyResponse {})
    }
}

impl Handle for CreatePolicyVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<CreatePolicyVersionResponse, Failure> {
        let Self { policy_name, policy_document, set_as_default } = self;
        let name = PolicyName::parse(&policy_name).map_err(invalid)?;
        check_document(&policy_document)?;
        let is_default = set_as_default == Some(true);
        let mut attempts = Attempts::new();
        let id = loop {
            let id = versions_of(context.registry(), &name).await?.next;
            let document = policy_document.as_str().into();
            let version = PolicyVersion { id, document, created_at: context.now };
            let mut transaction = Transaction::new();
            transaction.insert_policy_version(name.clone(), version, is_default);
            let Some(conflict) = context.try_commit(transaction).await? else { break id };
            let is_lost_race = matches!(conflict, Conflict::PolicyVersionNumber(_));
            attempts.again(conflict, is_lost_race)?;
        };
        Ok(CreatePolicyVersionResponse {
            policy_arn: Some(context.scope().policy_arn(&name)),
            policy_document: Some(policy_document),
            policy_version_id: Some(id.to_string()),
            is_default_version: Some(is_default),
        })
    }
}

impl Handle for GetPolicyVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetPolicyVersionResponse, Failure> {
        let Self { policy_name, policy_version_id } = self;
        let name = PolicyName::parse(&policy_name).map_err(invalid)?;
        let id = version_id(&policy_version_id)?;
        let PolicyVersions { default, next: _, versions } = versions_of(context.registry(), &name).await?;
        let found = versions.into_iter().find(|version| version.id == id);
        let missing = || Conflict::PolicyVersionNotFound { name: name.clone(), version: id };
        let version = found.ok_or_else(missing)?;
        Ok(GetPolicyVersionResponse {
            policy_arn: Some(context.scope().policy_arn(&name)),
            policy_name: Some(policy_name),
            policy_document: Some(version.document.to_string()),
            policy_version_id: Some(id.to_string()),
            is_default_version: Some(id == default),
            creation_date: Some(wire_time(version.created_at)),
            // A version never changes.
            last_modified_date: Some(wire_time(version.created_at)),
            generation_id: Some(version.generation_id().to_string()),
        })
    }
}

impl Handle for DeletePolicyVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeletePolicyVersionResponse, Failure> {
        let Self { policy_name, policy_version_id } = self;
        let name = PolicyName::parse(&policy_name).map_err(invalid)?;
        let mut transaction = Transaction::new();
        transaction.delete_policy_version(name, version_id(&policy_version_id)?);
        context.registry().commit(transaction).await?;
        Ok(DeletePolicyVersionResponse {})
    }
}

impl Handle for ListPolicyVersionsRequest {
    /// The newest version comes first.
    async fn handle(self, context: &Context<'_>) -> Result<ListPolicyVersionsResponse, Failure> {
        let Self { policy_name } = self;
        let name = PolicyName::parse(&policy_name).map_err(invalid)?;
        let PolicyVersions { default, next: _, versions } = versions_of(context.registry(), &name).await?;
        let list = |version: &PolicyVersion| ListedVersion {
            version_id: Some(version.id.to_string()),
            is_default_version: Some(version.id == default),
            create_date: Some(wire_time(version.created_at)),
        };
        Ok(ListPolicyVersionsResponse { policy_versions: Some(versions.iter().rev().map(list).collect()) })
    }
}

impl Handle for SetDefaultPolicyVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<SetDefaultPolicyVersionResponse, Failure> {
        let Self { policy_name, policy_version_id } = self;
        let name = PolicyName::parse(&policy_name).map_err(invalid)?;
        let mut transaction = Transaction::new();
        transaction.set_default_policy_version(name, version_id(&policy_version_id)?, context.now);
        context.registry().commit(transaction).await?;
        Ok(SetDefaultPolicyVersionResponse {})
    }
}

impl Handle for AttachPolicyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<AttachPolicyResponse, Failure> {
        let Self { policy_name, target } = self;
        attach(context, &policy_name, named::policy_target(&target, context.scope())?).await?;
        Ok(AttachPolicyResponse {})
    }
}

impl Handle for DetachPolicyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DetachPolicyResponse, Failure> {
        let Self { policy_name, target } = self;
        detach(context, &policy_name, named::policy_target(&target, context.scope())?).await?;
        Ok(DetachPolicyResponse {})
    }
}

impl Handle for ListAttachedPoliciesRequest {
    /// `recursive` adds what is attached to the groups that a thing group is in; a certificate is in none.
    async fn handle(self, context: &Context<'_>) -> Result<ListAttachedPoliciesResponse, Failure> {
        // The context reads the page from the call.
        let Self { target, recursive, marker: _, page_size: _ } = self;
        let target = named::policy_target(&target, context.scope())?;
        let page = context.page(Order::Ascending)?;
        check_target(context.registry(), &target).await?;
        let is_recursive = recursive == Some(true);
        let page = context.registry().attached_policies(&target, is_recursive, page).await?;
        Ok(ListAttachedPoliciesResponse {
            policies: Some(list(&page.items, context.scope())),
            next_marker: context.next_token(page.next)?,
        })
    }
}

impl Handle for ListTargetsForPolicyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListTargetsForPolicyResponse, Failure> {
        // The context reads the page from the call.
        let Self { policy_name, marker: _, page_size: _ } = self;
        let name = PolicyName::parse(&policy_name).map_err(invalid)?;
        let page = context.page(Order::Ascending)?;
        check_policy(context.registry(), &name).await?;
        let page = context.registry().policy_targets(&name, page).await?;
        let arns = page.items.iter().map(|target| context.scope().policy_target_arn(target));
        Ok(ListTargetsForPolicyResponse {
            targets: Some(arns.collect()),
            next_marker: context.next_token(page.next)?,
        })
    }
}

/// Attaches a policy, unless it is attached.
pub(crate) async fn attach(
    context: &Context<'_>,
    policy: &str,
    target: impl Into<PolicyTarget>,
) -> Result<(), Failure> {
    let mut transaction = Transaction::new();
    transaction.attach_policy(target, PolicyName::parse(policy).map_err(invalid)?);
    context.registry().commit(transaction).await?;
    Ok(())
}

/// Detaches a policy, if it is attached.
pub(crate) async fn detach(
    context: &Context<'_>,
    policy: &str,
    target: impl Into<PolicyTarget>,
) -> Result<(), Failure> {
    let mut transaction = Transaction::new();
    transaction.detach_policy(target, PolicyName::parse(policy).map_err(invalid)?);
    context.registry().commit(transaction).await?;
    Ok(())
}

/// Policies in a list.
pub(crate) fn list<'p>(policies: impl IntoIterator<Item = &'p Policy>, scope: &Scope) -> Vec<ListedPolicy> {
    policies.into_iter().map(|policy| list_name(&policy.name, scope)).collect()
}

/// A policy in a list.
pub(crate) fn list_name(name: &PolicyName, scope: &Scope) -> ListedPolicy {
    ListedPolicy { policy_name: Some(name.to_string()), policy_arn: Some(scope.policy_arn(name)) }
}

/// Whether the policy exists.
pub(crate) async fn check_policy(registry: &dyn Registry, name: &PolicyName) -> Result<(), Failure> {
    match registry.policy(name).await? {
        Some(_) => Ok(()),
        None => Err(Conflict::PolicyNotFound(name.clone()).into()),
    }
}

/// Whether what a policy can be attached to exists.
pub(crate) async fn check_target(registry: &dyn Registry, target: &PolicyTarget) -> Result<(), Failure> {
    let missing = match target {
        PolicyTarget::Certificate(id) => {
            registry.certificate(*id).await?.is_none().then_some(Conflict::CertificateNotFound(*id))
        }
        PolicyTarget::ThingGroup(name) => {
            let is_missing = registry.thing_group(name).await?.is_none();
            is_missing.then(|| Conflict::ThingGroupNotFound(name.clone()))
        }
    };
    missing.map_or(Ok(()), |conflict| Err(conflict.into()))
}

/// What is stored as a policy is understood by what decides about connections.
fn check_document(document: &str) -> Result<(), ApiError> {
    match PolicyDocument::parse(document) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!("the policy document is not valid: {error}");
            Err(ApiError::new(ErrorCode::MalformedPolicy, message))
        }
    }
}

async fn versions_of(registry: &dyn Registry, name: &PolicyName) -> Result<PolicyVersions, Failure> {
    let versions = registry.policy_versions(name).await?;
    Ok(versions.ok_or_else(|| Conflict::PolicyNotFound(name.clone()))?)
}

/// Versions are numbered from 1.
fn version_id(text: &str) -> Result<PolicyVersionId, ApiError> {
    let number: Result<NonZeroU32, _> = text.parse();
    number.map(PolicyVersionId::new).map_err(|_| {
        let shown: String = text.chars().take(32).collect();
        invalid(format!("policyVersionId {shown:?} is not the number of a version, as 1 is"))
    })
}
