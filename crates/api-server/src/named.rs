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
    let resource = scope.parse_arn(arn).map_err(|error| invalid(format!("principal: {error}")))?;
    if let ResourceName::Certificate(id) = resource {
        Ok(id)
    } else {
        Err(not_of_kind("principal", arn, "certificate"))
    }
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
        let resource = scope.parse_arn(arn).map_err(|error| invalid(format!("thingArn: {error}")))?;
        if let ResourceName::Thing(name) = resource {
            Ok(name)
        } else {
            Err(not_of_kind("thingArn", arn, "thing"))
        }
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
        let resource = scope.parse_arn(arn).map_err(|error| invalid(format!("thingGroupArn: {error}")))?;
        if let ResourceName::ThingGroup(name) = resource {
            Ok(name)
        } else {
            Err(not_of_kind("thingGroupArn", arn, "thing group"))
        }
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
        let resource = scope.parse_arn(arn).map_err(|error| invalid(format!("billingGroupArn: {error}")))?;
        if let ResourceName::BillingGroup(name) = resource {
            Ok(name)
        } else {
            Err(not_of_kind("billingGroupArn", arn, "billing group"))
        }
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

fn not_of_kind(member: &str, arn: &str, kind: &str) -> ApiError {
    invalid(format!("{member} {arn:?} is not the ARN of a {kind}"))
}
