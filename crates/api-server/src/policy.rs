use landfall_api::ApiError;
use landfall_api::policy::{
    GetPolicyRequest, GetPolicyResponse, ListAttachedPoliciesRequest, ListAttachedPoliciesResponse,
    Policy as ListedPolicy,
};
use landfall_model::{CertificateId, PolicyName, Scope};
use landfall_registry::{Conflict, Order};

use crate::failure::{Failure, invalid, not_built};
use crate::handler::{Context, Handle, wire_time};

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
            generation_id: None,
        })
    }
}

impl Handle for ListAttachedPoliciesRequest {
    /// `recursive` is about the parents of thing groups: a certificate has none, so it changes nothing.
    async fn handle(self, context: &Context<'_>) -> Result<ListAttachedPoliciesResponse, Failure> {
        // The context reads the page from the call.
        let Self { target, recursive: _, marker: _, page_size: _ } = self;
        let id = certificate_of(&target, context.scope())?;
        let page = context.page(Order::Ascending)?;
        if context.registry().certificate(id).await?.is_none() {
            return Err(Conflict::CertificateNotFound(id).into());
        }
        let page = context.registry().attached_policies(id, page).await?;
        let list = |name: &PolicyName| ListedPolicy {
            policy_name: Some(name.to_string()),
            policy_arn: Some(context.scope().policy_arn(name)),
        };
        Ok(ListAttachedPoliciesResponse {
            policies: Some(page.items.iter().map(|policy| list(&policy.name)).collect()),
            next_marker: context.next_token(page.next)?,
        })
    }
}

/// The certificate that an ARN names.
fn certificate_of(target: &str, scope: &Scope) -> Result<CertificateId, ApiError> {
    let prefix = scope.arn_prefix();
    let malformed = || {
        let shown: String = target.chars().take(256).collect();
        invalid(format!(
            "target {shown:?} is not the ARN of a certificate here, {prefix}cert/<certificateId>"
        ))
    };
    let resource = target.strip_prefix(&prefix).ok_or_else(malformed)?;
    if resource.starts_with("thinggroup/") {
        return Err(not_built("attaching policies to thing groups"));
    }
    let id = resource.strip_prefix("cert/").ok_or_else(malformed)?;
    id.parse().map_err(|_| malformed())
}
