use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::{
    BillingGroupName, CaCertificateId, CertificateId, DestinationId, PolicyName, PolicyTarget, RuleName,
    TaggedResource, ThingGroupName, ThingName, ThingTypeName,
};

/// An AWS account: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(Arc<str>);

/// An AWS region, as `us-east-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region(Arc<str>);

/// The one account and region that a server is, from which every ARN is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

/// What an ARN of AWS IoT names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceName {
    /// `billinggroup/…`.
    BillingGroup(BillingGroupName),
    /// `cacert/…`.
    CaCertificate(CaCertificateId),
    /// `cert/…`.
    Certificate(CertificateId),
    /// `policy/…`.
    Policy(PolicyName),
    /// `thing/…`.
    Thing(ThingName),
    /// `thinggroup/…`.
    ThingGroup(ThingGroupName),
    /// `thingtype/…`.
    ThingType(ThingTypeName),
    /// `rule/…`.
    TopicRule(RuleName),
    /// `ruledestination/http/…`.
    TopicRuleDestination(DestinationId),
}

/// An ARN that names nothing here.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidArn {
    /// It is not of this server's account and region.
    #[error("{found:?} does not begin with {prefix}, as every ARN here does")]
    Foreign {
        /// The start of what was found.
        found: String,
        /// What every ARN of this server begins with.
        prefix: String,
    },
    /// The kind of resource is not known, or the name is not one of its kind.
    #[error("{found:?} names no resource of AWS IoT, as {prefix}thing/name does")]
    Malformed {
        /// The start of what was found.
        found: String,
        /// What every ARN of this server begins with.
        prefix: String,
    },
}

/// An account id or a region of the wrong form.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidAccount {
    /// Not twelve digits.
    #[error("account id {0:?} is not twelve digits, as 000000000000 is")]
    AccountId(String),
    /// Not letters, digits and hyphens.
    #[error("region {0:?} is not of lower-case letters, digits and hyphens, as us-east-1 is")]
    Region(String),
}

impl AccountId {
    /// Parses an account id.
    ///
    /// # Errors
    /// The text is not twelve digits.
    pub fn parse(text: &str) -> Result<Self, InvalidAccount> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidAccount::AccountId(text.to_owned()))
        }
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    /// The most characters a region may have.
    pub const LENGTH_MAX: usize = 32;

    /// Parses a region.
    ///
    /// # Errors
    /// The text is empty, longer than [`Self::LENGTH_MAX`], or has other characters than `a-z`, `0-9` and `-`.
    pub fn parse(text: &str) -> Result<Self, InvalidAccount> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=Self::LENGTH_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidAccount::Region(text.to_owned()))
        }
    }

    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scope {
    /// The part that every ARN of AWS IoT here begins with, up to and with the last colon.
    pub fn arn_prefix(&self) -> String {
        format!("arn:aws:iot:{}:{}:", self.region, self.account)
    }

    /// The ARN of a certificate.
    pub fn certificate_arn(&self, id: &CertificateId) -> String {
        format!("{}cert/{id}", self.arn_prefix())
    }

    /// The ARN of a CA certificate.
    pub fn ca_certificate_arn(&self, id: &CaCertificateId) -> String {
        format!("{}cacert/{id}", self.arn_prefix())
    }

    /// The ARN of a thing.
    pub fn thing_arn(&self, name: &ThingName) -> String {
        format!("{}thing/{name}", self.arn_prefix())
    }

    /// The ARN of a thing type.
    pub fn thing_type_arn(&self, name: &ThingTypeName) -> String {
        format!("{}thingtype/{name}", self.arn_prefix())
    }

    /// The ARN of a policy.
    pub fn policy_arn(&self, name: &PolicyName) -> String {
        format!("{}policy/{name}", self.arn_prefix())
    }

    /// The ARN of a thing group.
    pub fn thing_group_arn(&self, name: &ThingGroupName) -> String {
        format!("{}thinggroup/{name}", self.arn_prefix())
    }

    /// The ARN of a billing group.
    pub fn billing_group_arn(&self, name: &BillingGroupName) -> String {
        format!("{}billinggroup/{name}", self.arn_prefix())
    }

    /// The ARN of a topic rule.
    pub fn rule_arn(&self, name: &RuleName) -> String {
        format!("{}rule/{name}", self.arn_prefix())
    }

    /// The ARN of a topic rule destination.
    pub fn destination_arn(&self, id: &DestinationId) -> String {
        format!("{}{DESTINATION_KIND}/{HTTP_DESTINATION}{id}", self.arn_prefix())
    }

    /// The ARN of what a policy is attached to.
    pub fn policy_target_arn(&self, target: &PolicyTarget) -> String {
        match target {
            PolicyTarget::Certificate(id) => self.certificate_arn(id),
            PolicyTarget::ThingGroup(name) => self.thing_group_arn(name),
        }
    }

    /// What an ARN of this account and region names. Whether it exists is not asked.
    ///
    /// # Errors
    /// The ARN is of another account or region, of an unknown kind, or its name is not one of its kind.
    pub fn parse_arn(&self, arn: &str) -> Result<ResourceName, InvalidArn> {
        let prefix = self.arn_prefix();
        let found = || arn.chars().take(ARN_SHOWN_MAX).collect();
        let Some(resource) = arn.strip_prefix(&prefix) else {
            return Err(InvalidArn::Foreign { found: found(), prefix });
        };
        ResourceName::parse(resource).ok_or_else(|| InvalidArn::Malformed { found: found(), prefix })
    }
}

/// How many characters of a wrong ARN an error repeats.
const ARN_SHOWN_MAX: usize = 256;

/// What the ARN of a topic rule destination begins with, after the account.
const DESTINATION_KIND: &str = "ruledestination";

/// What precedes the id of a destination that is a web server; AWS IoT also has destinations in private networks.
const HTTP_DESTINATION: &str = "http/";

impl ResourceName {
    /// The target of policies that it is, if it can be one.
    pub fn into_policy_target(self) -> Option<PolicyTarget> {
        match self {
            Self::Certificate(id) => Some(PolicyTarget::Certificate(id)),
            Self::ThingGroup(name) => Some(PolicyTarget::ThingGroup(name)),
            Self::BillingGroup(_)
            | Self::CaCertificate(_)
            | Self::Policy(_)
            | Self::Thing(_)
            | Self::ThingType(_)
            | Self::TopicRule(_)
            | Self::TopicRuleDestination(_) => None,
        }
    }

    /// The bearer of tags that it is, if it can be one.
    pub fn into_tagged_resource(self) -> Option<TaggedResource> {
        match self {
            Self::BillingGroup(name) => Some(TaggedResource::BillingGroup(name)),
            Self::CaCertificate(id) => Some(TaggedResource::CaCertificate(id)),
            Self::Policy(name) => Some(TaggedResource::Policy(name)),
            Self::ThingGroup(name) => Some(TaggedResource::ThingGroup(name)),
            Self::ThingType(name) => Some(TaggedResource::ThingType(name)),
            Self::TopicRule(name) => Some(TaggedResource::TopicRule(name)),
            Self::Certificate(_) | Self::Thing(_) | Self::TopicRuleDestination(_) => None,
        }
    }

    /// Parses what follows the account in an ARN.
    fn parse(resource: &str) -> Option<Self> {
        let (kind, name) = resource.split_once('/')?;
        match kind {
            "billinggroup" => BillingGroupName::parse(name).ok().map(Self::BillingGroup),
            "cacert" => name.parse().ok().map(Self::CaCertificate),
            "cert" => name.parse().ok().map(Self::Certificate),
            "policy" => PolicyName::parse(name).ok().map(Self::Policy),
            "rule" => RuleName::parse(name).ok().map(Self::TopicRule),
            DESTINATION_KIND => {
                name.strip_prefix(HTTP_DESTINATION)?.parse().ok().map(Self::TopicRuleDestination)
            }
            "thing" => ThingName::parse(name).ok().map(Self::Thing),
            "thinggroup" => ThingGroupName::parse(name).ok().map(Self::ThingGroup),
            "thingtype" => ThingTypeName::parse(name).ok().map(Self::ThingType),
            _ => None,
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("eu-west-1").unwrap(),
        }
    }

    #[test]
    fn every_arn_is_read_back() {
        let scope = scope();
        let id = CertificateId::from_sha256([0xab; 32]);
        let ca = CaCertificateId::from_sha256([0xcd; 32]);
        let (thing, kind) = (ThingName::parse("a:b_c-1").unwrap(), ThingTypeName::parse("t").unwrap());
        let (group, billing) = (ThingGroupName::parse("g").unwrap(), BillingGroupName::parse("b").unwrap());
        let policy = PolicyName::parse("p=,.@-").unwrap();
        let (rule, destination) = (RuleName::parse("r_1").unwrap(), DestinationId::from_bytes([0xef; 16]));
        for (arn, expected) in [
            (scope.certificate_arn(&id), ResourceName::Certificate(id)),
            (scope.ca_certificate_arn(&ca), ResourceName::CaCertificate(ca)),
            (scope.thing_arn(&thing), ResourceName::Thing(thing)),
            (scope.thing_type_arn(&kind), ResourceName::ThingType(kind)),
            (scope.thing_group_arn(&group), ResourceName::ThingGroup(group)),
            (scope.billing_group_arn(&billing), ResourceName::BillingGroup(billing)),
            (scope.policy_arn(&policy), ResourceName::Policy(policy)),
            (scope.rule_arn(&rule), ResourceName::TopicRule(rule)),
            (scope.destination_arn(&destination), ResourceName::TopicRuleDestination(destination)),
        ] {
            assert_eq!(scope.parse_arn(&arn), Ok(expected), "{arn}");
        }
    }

    #[test]
    fn an_arn_of_somewhere_else_or_of_nothing_is_refused() {
        let scope = scope();
        for arn in ["", "thing/a", "arn:aws:iot:us-east-1:123456789012:thing/a"] {
            assert!(matches!(scope.parse_arn(arn), Err(InvalidArn::Foreign { .. })), "{arn}");
        }
        for resource in [
            "",
            "thing",
            "thing/",
            "thing/a/b",
            "cert/ab",
            "job/a",
            "policy/a b",
            "rule/a-b",
            "ruledestination/http/1",
            "ruledestination/vpc/efefefef-efef-efef-efef-efefefefefef",
        ] {
            let arn = format!("arn:aws:iot:eu-west-1:123456789012:{resource}");
            assert!(matches!(scope.parse_arn(&arn), Err(InvalidArn::Malformed { .. })), "{arn}");
        }
    }

    #[test]
    fn not_everything_has_policies_or_tags() {
        let thing = || ResourceName::Thing(ThingName::parse("t").unwrap());
        assert_eq!(thing().into_policy_target(), None);
        assert_eq!(thing().into_tagged_resource(), None);
        let group = ThingGroupName::parse("g").unwrap();
        let named = ResourceName::ThingGroup(group.clone());
        assert_eq!(named.clone().into_policy_target(), Some(PolicyTarget::ThingGroup(group.clone())));
        assert_eq!(named.into_tagged_resource(), Some(TaggedResource::ThingGroup(group)));
    }
}
