//! What a request names: by an ARN, or by a name or an ARN.

use landfall_api::ApiError;
use landfall_model::{
    BillingGroupName, CertificateId, InvalidName, PolicyTarget, ResourceName, Scope, ThingGroupName,
    ThingName,
};

use crate::failure::invalid;

/// The certificate that a principal's ARN names.
///
/// # Errors
/// The ARN is of another account, region or kind of resource.
pub(crate) fn principal(arn: &str, scope: &Scope) -> Result<CertificateId, ApiError> {
    // At AWS a principal can also be an identity of another service; here it is always a certificate.
    of_arn("principal", arn, "certificate", scope, |resource| {
        if let ResourceName::Certificate(id) = resource { Some(id) } else { None }
    })
}

/// The certificate or thing group that an ARN names.
///
/// # Errors
/// The ARN is of another account, region or kind of resource.
pub(crate) fn policy_target(arn: &str, scope: &Scope) -> Result<PolicyTarget, ApiError> {
    let resource = scope.parse_arn(arn).map_err(invalid)?;
    let refuse = || invalid(format!("{arn:?} is the ARN of neither a certificate nor a thing group"));
    resource.into_policy_target().ok_or_else(refuse)
}

/// The thing of this name or ARN.
///
/// # Errors
/// Neither is given, they do not name the same, or one names no thing.
pub(crate) fn thing(name: Option<&str>, arn: Option<&str>, scope: &Scope) -> Result<ThingName, ApiError> {
    let by_arn = |arn: &str| {
        of_arn("thingArn", arn, "thing", scope, |resource| {
            if let ResourceName::Thing(name) = resource { Some(name) } else { None }
        })
    };
    one_of(("thingName", name), ThingName::parse, ("thingArn", arn), by_arn)
}

/// The thing group of this name or ARN.
///
/// # Errors
/// Neither is given, they do not name the same, or one names no thing group.
pub(crate) fn thing_group(
    name: Option<&str>,
    arn: Option<&str>,
    scope: &Scope,
) -> Result<ThingGroupName, ApiError> {
    let by_arn = |arn: &str| {
        of_arn("thingGroupArn", arn, "thing group", scope, |resource| {
            if let ResourceName::ThingGroup(name) = resource { Some(name) } else { None }
        })
    };
    one_of(("thingGroupName", name), ThingGroupName::parse, ("thingGroupArn", arn), by_arn)
}

/// The billing group of this name or ARN.
///
/// # Errors
/// Neither is given, they do not name the same, or one names no billing group.
pub(crate) fn billing_group(
    name: Option<&str>,
    arn: Option<&str>,
    scope: &Scope,
) -> Result<BillingGroupName, ApiError> {
    let by_arn = |arn: &str| {
        of_arn("billingGroupArn", arn, "billing group", scope, |resource| {
            if let ResourceName::BillingGroup(name) = resource { Some(name) } else { None }
        })
    };
    one_of(("billingGroupName", name), BillingGroupName::parse, ("billingGroupArn", arn), by_arn)
}

fn one_of<N: PartialEq>(
    (name_member, name): (&str, Option<&str>),
    by_name: impl Fn(&str) -> Result<N, InvalidName>,
    (arn_member, arn): (&str, Option<&str>),
    by_arn: impl Fn(&str) -> Result<N, ApiError>,
) -> Result<N, ApiError> {
    let name = name.map(by_name).transpose().map_err(invalid)?;
    let arn = arn.map(by_arn).transpose()?;
    match (name, arn) {
        (Some(name), Some(arn)) if name != arn => {
            Err(invalid(format!("{name_member} and {arn_member} do not name the same; one is enough")))
        }
        (Some(named), _) | (None, Some(named)) => Ok(named),
        (None, None) => Err(invalid(format!("{name_member} or {arn_member} has to be given"))),
    }
}

/// What an ARN names, which has to be of one kind.
fn of_arn<N>(
    member: &str,
    arn: &str,
    kind: &str,
    scope: &Scope,
    of_kind: impl Fn(ResourceName) -> Option<N>,
) -> Result<N, ApiError> {
    let resource = scope.parse_arn(arn).map_err(|error| invalid(format!("{member}: {error}")))?;
    of_kind(resource).ok_or_else(|| invalid(format!("{member} {arn:?} is not the ARN of a {kind}")))
}
