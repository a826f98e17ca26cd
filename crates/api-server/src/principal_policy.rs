//! The deprecated operations, which take certificates alone; `policy.rs` has those that follow them.

use landfall_api::OperationKey;
use landfall_api::principal_policy::{
    AttachPrincipalPolicyRequest, AttachPrincipalPolicyResponse, DetachPrincipalPolicyRequest,
    DetachPrincipalPolicyResponse, ListPolicyPrincipalsRequest, ListPolicyPrincipalsResponse,
    ListPrincipalPoliciesRequest, ListPrincipalPoliciesResponse,
};
use landfall_model::{PolicyName, PolicyTarget};

use crate::certificate::order;
use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, handler};
use crate::named;
use crate::policy::{attach, check_policy, check_target, detach, list};

/// The operations of the policies of principals.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<AttachPrincipalPolicyRequest>(),
        handler::<DetachPrincipalPolicyRequest>(),
        handler::<ListPrincipalPoliciesRequest>(),
        handler::<ListPolicyPrincipalsRequest>(),
    ]
}

impl Handle for AttachPrincipalPolicyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<AttachPrincipalPolicyResponse, Failure> {
        let Self { policy_name, principal } = self;
        attach(context, &policy_name, named::principal(&principal, context.scope())?).await?;
        Ok(AttachPrincipalPolicyResponse {})
    }
}

impl Handle for DetachPrincipalPolicyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DetachPrincipalPolicyResponse, Failure> {
        let Self { policy_name, principal } = self;
        detach(context, &policy_name, named::principal(&principal, context.scope())?).await?;
        Ok(DetachPrincipalPolicyResponse {})
    }
}

impl Handle for ListPrincipalPoliciesRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListPrincipalPoliciesResponse, Failure> {
        // The context reads the page from the call.
        let Self { principal, marker: _, page_size: _, ascending_order } = self;
        let target = PolicyTarget::Certificate(named::principal(&principal, context.scope())?);
        let page = context.page(order(ascending_order))?;
        check_target(context.registry(), &target).await?;
        let page = context.registry().attached_policies(&target, false, page).await?;
        Ok(ListPrincipalPoliciesResponse {
            policies: Some(list(&page.items, context.scope())),
            next_marker: context.next_token(page.next)?,
        })
    }
}

impl Handle for ListPolicyPrincipalsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListPolicyPrincipalsResponse, Failure> {
        // The context reads the page from the call.
        let Self { policy_name, marker: _, page_size: _, ascending_order } = self;
        let name = PolicyName::parse(&policy_name).map_err(invalid)?;
        let page = context.page(order(ascending_order))?;
        check_policy(context.registry(), &name).await?;
        let page = context.registry().policy_certificates(&name, page).await?;
        let arns = page.items.iter().map(|id| context.scope().certificate_arn(id));
        Ok(ListPolicyPrincipalsResponse {
            principals: Some(arns.collect()),
            next_marker: context.next_token(page.next)?,
        })
    }
}
