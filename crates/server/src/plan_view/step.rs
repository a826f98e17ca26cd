use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use landfall_model::{GreengrassContent, PlannedThing, RegistrationPlan, Scope, ThingGroupName, UnixTime};
use landfall_registration::CREATION_ID_ATTRIBUTE;
use serde::Serialize;
use serde_json::Value;

/// One thing that a registration does. The order is that of `Transaction::provision`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Step {
    /// The thing type is created unless it exists.
    ThingType { name: String, searchable_attributes: Vec<String>, exists: Option<bool> },
    /// The billing group is created unless it exists.
    BillingGroup { name: String, exists: Option<bool> },
    /// The thing is created.
    CreateThing {
        name: String,
        thing_type: String,
        billing_group: Option<String>,
        /// None is the id of the registration, which each has for itself.
        attributes: BTreeMap<String, Option<String>>,
    },
    /// The thing is there already, with these certificates.
    JoinThing { name: String, certificate_ids: Vec<String>, billing_group: Option<String> },
    /// The thing comes into a group, which is created unless it exists.
    ThingGroup { name: String, exists: Option<bool> },
    /// The certificate is attached to the thing.
    AttachThing { name: String },
    /// The policy is created unless it exists, and then keeps its document.
    Policy {
        name: String,
        document: Value,
        /// The document as it would be stored.
        #[serde(skip)]
        text: Arc<str>,
        exists: Option<bool>,
    },
    /// The policy is attached to the certificate.
    AttachPolicy { name: String },
    /// Greengrass gets a role for the account.
    GreengrassServiceRole { role_arn: String },
    /// A Greengrass core definition is created.
    GreengrassCoreDefinition { thing_name: String, certificate_arn: String, sync_shadow: bool },
    /// A Greengrass logger definition is created.
    GreengrassLoggerDefinition { loggers: Vec<LoggerView> },
    /// A Greengrass group of these definitions is created.
    GreengrassGroup { name: String },
    /// The certificate becomes ACTIVE.
    Activate { certificate_id: String },
}

/// What of a core is logged, and where to.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LoggerView {
    component: &'static str,
    level: &'static str,
    r#type: &'static str,
}

impl fmt::Display for LoggerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, level, r#type: place } = self;
        write!(f, "{component} {level} to {place}")
    }
}

/// What of a plan is in the registry already. None is what nobody has asked about.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    pub(crate) thing_type: Option<bool>,
    pub(crate) billing_group: Option<bool>,
    pub(crate) policy: Option<bool>,
    pub(crate) thing_groups: BTreeMap<ThingGroupName, bool>,
}

impl Step {
    /// Everything that a plan says, in the order in which it is carried out.
    pub(crate) fn all(
        plan: &RegistrationPlan,
        presence: &Presence,
        scope: &Scope,
        at: UnixTime,
    ) -> Vec<Self> {
        let mut steps = vec![Self::ThingType {
            name: plan.thing_type.name.to_string(),
            searchable_attributes: plan
                .thing_type
                .searchable_attributes
                .iter()
                .map(ToString::to_string)
                .collect(),
            exists: presence.thing_type,
        }];
        steps.extend(
            plan.billing_group
                .iter()
                .map(|name| Self::BillingGroup { name: name.to_string(), exists: presence.billing_group }),
        );
        steps.push(Self::thing(plan));
        steps.extend(plan.thing_groups.iter().map(|name| Self::ThingGroup {
            name: name.to_string(),
            exists: presence.thing_groups.get(name).copied(),
        }));
        steps.push(Self::AttachThing { name: plan.thing_name().to_string() });
        let (name, text) = (plan.policy.name.to_string(), Arc::clone(&plan.policy.document));
        let document = serde_json::from_str(&text).unwrap_or_else(|_| (&*text).into());
        steps.push(Self::Policy { name: name.clone(), document, text, exists: presence.policy });
        steps.push(Self::AttachPolicy { name });
        steps.extend(Self::greengrass(plan, scope, at));
        steps.push(Self::Activate { certificate_id: plan.certificate.to_string() });
        steps
    }

    fn thing(plan: &RegistrationPlan) -> Self {
        let billing_group = plan.billing_group.as_ref().map(ToString::to_string);
        match &plan.thing {
            PlannedThing::Create { name, attributes } => Self::CreateThing {
                name: name.to_string(),
                thing_type: plan.thing_type.name.to_string(),
                billing_group,
                attributes: attributes
                    .iter()
                    .map(|(name, value)| {
                        let is_known = name.as_str() != CREATION_ID_ATTRIBUTE;
                        (name.to_string(), is_known.then(|| value.to_string()))
                    })
                    .collect(),
            },
            PlannedThing::Join { name, principals } => Self::JoinThing {
                name: name.to_string(),
                certificate_ids: principals.iter().map(ToString::to_string).collect(),
                billing_group,
            },
        }
    }

    fn greengrass(plan: &RegistrationPlan, scope: &Scope, at: UnixTime) -> Vec<Self> {
        let Some(group) = &plan.greengrass else { return Vec::new() };
        let role =
            group.service_role.iter().map(|role| Self::GreengrassServiceRole { role_arn: role.to_string() });
        let mut steps: Vec<Self> = role.collect();
        for resource in plan.greengrass_resources(group, at) {
            let Some(version) = resource.version() else { continue };
            match &version.content {
                GreengrassContent::Cores(cores) => {
                    steps.extend(cores.iter().map(|core| Self::GreengrassCoreDefinition {
                        thing_name: core.thing.to_string(),
                        certificate_arn: scope.certificate_arn(&core.certificate),
                        sync_shadow: core.syncs_shadow,
                    }));
                }
                GreengrassContent::Loggers(loggers) => {
                    let logger = |logger: &landfall_model::GreengrassLogger| LoggerView {
                        component: logger.component.as_str(),
                        level: logger.level.as_str(),
                        r#type: logger.place.as_str(),
                    };
                    steps.push(Self::GreengrassLoggerDefinition {
                        loggers: loggers.iter().map(logger).collect(),
                    });
                }
                GreengrassContent::Group { core: _, logger: _ } => {
                    let name = resource.name.as_ref().map(ToString::to_string).unwrap_or_default();
                    steps.push(Self::GreengrassGroup { name });
                }
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::{
        AccountId, AttributeName, AttributeValue, Attributes, BillingGroupName, CaCertificateId,
        CertificateId, CreationId, DeviceType, GreengrassName, PlannedGreengrassGroup, PlannedPolicy,
        PlannedThingType, PolicyName, Region, RoleArn, ThingName, ThingTypeName,
    };
    use landfall_registry::{
        CertificateChange, Change, GreengrassChange, PolicyChange, ThingChange, ThingGroupChange, Transaction,
    };

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn scope() -> Scope {
        Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        }
    }

    /// A plan that has everything.
    fn plan(thing: PlannedThing) -> RegistrationPlan {
        let groups = ["a", "b"].map(|name| ThingGroupName::parse(name).unwrap());
        RegistrationPlan {
            certificate: CertificateId::from_sha256([1; 32]),
            ca: CaCertificateId::from_sha256([2; 32]),
            creation_id: CreationId::from_bytes([3; 16]),
            device_type: DeviceType::Greengrass,
            serial_number: "1".to_owned(),
            product_id: "core".to_owned(),
            thing_type: PlannedThingType {
                name: ThingTypeName::parse("cores").unwrap(),
                searchable_attributes: Vec::new(),
            },
            thing,
            thing_groups: groups.to_vec(),
            billing_group: Some(BillingGroupName::parse("bills").unwrap()),
            policy: PlannedPolicy { name: PolicyName::parse("cores").unwrap(), document: "{}".into() },
            greengrass: Some(PlannedGreengrassGroup {
                name: GreengrassName::parse("group").unwrap(),
                service_role: Some(RoleArn::parse("arn:aws:iam::000000000000:role/core").unwrap()),
            }),
            tags: Vec::new(),
        }
    }

    fn word(step: &Step) -> &'static str {
        match step {
            Step::ThingType { .. } => "thing type",
            Step::BillingGroup { .. } => "billing group",
            Step::CreateThing { .. } => "thing",
            Step::JoinThing { .. } => "thing as it is",
            Step::ThingGroup { .. } => "thing group",
            Step::AttachThing { .. } => "attach thing",
            Step::Policy { .. } => "policy",
            Step::AttachPolicy { .. } => "attach policy",
            Step::GreengrassServiceRole { .. } => "service role",
            Step::GreengrassCoreDefinition { .. }
            | Step::GreengrassLoggerDefinition { .. }
            | Step::GreengrassGroup { .. } => "greengrass",
            Step::Activate { .. } => "activate",
        }
    }

    /// What the registrar does, in the same words; none for what belongs to the step before it.
    fn word_of_change(change: &Change) -> Option<&'static str> {
        if let Change::ThingType(_) = change {
            Some("thing type")
        } else if let Change::BillingGroup(_) = change {
            Some("billing group")
        } else if let Change::Thing(ThingChange::Insert(_)) = change {
            Some("thing")
        } else if let Change::Expect(_) = change {
            Some("thing as it is")
        } else if let Change::ThingGroup(ThingGroupChange::Ensure(_)) = change {
            Some("thing group")
        } else if let Change::Certificate(CertificateChange::AttachThing { .. }) = change {
            Some("attach thing")
        } else if let Change::Policy(PolicyChange::Ensure { .. }) = change {
            Some("policy")
        } else if let Change::Policy(_) = change {
            Some("attach policy")
        } else if let Change::Greengrass(GreengrassChange::Ensure(_)) = change {
            Some("greengrass")
        } else if let Change::Greengrass(_) = change {
            Some("service role")
        } else if let Change::Certificate(_) = change {
            Some("activate")
        } else {
            None
        }
    }

    #[test]
    fn steps_come_in_the_order_of_the_registrar() {
        let name = || ThingName::parse("core-1").unwrap();
        let mut attributes = Attributes::default();
        attributes.insert(AttributeName::parse("a").unwrap(), AttributeValue::parse("b").unwrap());
        let created = plan(PlannedThing::Create { name: name(), attributes });
        let joined = plan(PlannedThing::Join { name: name(), principals: Vec::new() });
        for plan in [created, joined] {
            let mut transaction = Transaction::new();
            transaction.provision(&plan, &scope(), NOW);
            let mut carried_out: Vec<_> = transaction.changes().iter().filter_map(word_of_change).collect();
            if matches!(plan.thing, PlannedThing::Join { .. }) {
                // That a thing comes into its billing group is told with the thing.
                let place = carried_out.iter().rposition(|word| *word == "billing group").unwrap();
                carried_out.remove(place);
            }
            let steps = Step::all(&plan, &Presence::default(), &scope(), NOW);
            assert_eq!(steps.iter().map(word).collect::<Vec<_>>(), carried_out);
        }
    }
}
