use async_trait::async_trait;
use landfall_events::{Event, Operation, Relation, ThingEvent, ThingTypeAssociation, ThingTypeEvent};
use landfall_model::{
    BillingGroup, CaCertificateId, Certificate, CertificateId, GreengrassServiceRole, Outcome, OutcomeKind,
    PlannedThing, Policy, PolicyVersionId, RegistrationPlan, RegistrationRecord, RegistryView, Scope, Thing,
    ThingType, UnixTime,
};

use crate::{Change, Expectation, Page, PageRequest, RootThingGroup, StorageError, Transaction};

/// Reads that a registration needs, and its log.
#[async_trait]
pub trait Registrations {
    /// All that a decision about a presented certificate needs, as of one moment.
    ///
    /// # Errors
    /// The storage failed.
    async fn view(
        &self,
        certificate: CertificateId,
        ca: CaCertificateId,
    ) -> Result<RegistryView, StorageError>;

    /// The records of one certificate, the oldest first.
    ///
    /// # Errors
    /// The storage failed.
    async fn certificate_records(&self, id: CertificateId) -> Result<Vec<RegistrationRecord>, StorageError>;

    /// Records, by the time of their first attempt.
    ///
    /// # Errors
    /// The storage failed.
    async fn records(
        &self,
        filter: &RecordFilter,
        page: PageRequest,
    ) -> Result<Page<RegistrationRecord>, StorageError>;
}

/// Which records are listed: those for which all that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Those that ended so.
    pub outcome: Option<OutcomeKind>,
    /// Those of certificates that this CA certificate issued.
    pub ca: Option<CaCertificateId>,
    /// Failures with this code.
    pub code: Option<String>,
    /// Those whose last attempt ended then or later.
    pub since: Option<UnixTime>,
    /// Those whose first attempt began then or earlier.
    pub until: Option<UnixTime>,
}

impl RecordFilter {
    /// Whether it lets a record through.
    pub fn matches(&self, record: &RegistrationRecord) -> bool {
        let Self { outcome, ca, code, since, until } = self;
        let has_code =
            |code: &String| matches!(&record.outcome, Outcome::Failure(found) if found.code == *code);
        outcome.is_none_or(|kind| kind == record.outcome.kind())
            && ca.is_none_or(|ca| ca == record.ca)
            && code.as_ref().is_none_or(has_code)
            && since.is_none_or(|since| since <= record.last_at)
            && until.is_none_or(|until| until >= record.first_at)
    }
}

impl Transaction {
    /// Carries out a plan: thing type, thing, groups, policy, attachments, Greengrass group, and the activation last, with the
    /// events of what it creates and of the groups that the thing comes into.
    ///
    /// The certificate is registered in the same transaction before this, or was earlier; it must be pending.
    pub fn provision(&mut self, plan: &RegistrationPlan, scope: &Scope, now: UnixTime) {
        self.provision_thing_type(plan, scope, now);
        self.provision_billing_group(plan, now);
        match &plan.thing {
            PlannedThing::Create { name, attributes } => {
                let thing = Thing {
                    name: name.clone(),
                    id: plan.creation_id.thing_id(),
                    thing_type: Some(plan.thing_type.name.clone()),
                    billing_group: plan.billing_group.clone(),
                    attributes: attributes.clone(),
                    version: 1,
                    made_by: Some(plan.ca),
                    created_at: now,
                };
                self.provision_thing(thing, plan, scope, now);
            }
            PlannedThing::Join { name, principals } => {
                let (thing, principals) = (name.clone(), principals.clone());
                self.expect(Expectation::ThingPrincipals { thing, principals });
                if let Some(group) = &plan.billing_group {
                    self.ensure_thing_in_billing_group(group.clone(), name.clone());
                }
            }
        }
        self.provision_thing_groups(plan, scope, now);
        self.attach_thing(plan.certificate, plan.thing_name().clone());
        let policy = Policy {
            name: plan.policy.name.clone(),
            default_version: PolicyVersionId::FIRST,
            document: plan.policy.document.clone(),
            created_at: now,
            modified_at: now,
        };
        self.ensure_policy_with_tags(policy, plan.tags.clone());
        self.attach_policy(plan.certificate, plan.policy.name.clone());
        self.provision_greengrass(plan, now);
        self.activate_certificate(plan.certificate, now);
    }

    fn provision_greengrass(&mut self, plan: &RegistrationPlan, now: UnixTime) {
        let Some(group) = &plan.greengrass else { return };
        if let Some(role) = &group.service_role {
            self.ensure_greengrass_service_role(GreengrassServiceRole {
                role: role.clone(),
                associated_at: now,
            });
        }
        for resource in plan.greengrass_resources(group, now) {
            self.ensure_greengrass(resource);
        }
    }

    fn provision_thing_type(&mut self, plan: &RegistrationPlan, scope: &Scope, now: UnixTime) {
        let thing_type = ThingType {
            name: plan.thing_type.name.clone(),
            id: plan.creation_id.thing_type_id(),
            description: None,
            searchable_attributes: plan.thing_type.searchable_attributes.clone(),
            propagating_attributes: Vec::new(),
            deprecated_at: None,
            created_at: now,
        };
        let event = ThingTypeEvent {
            operation: Operation::Created,
            thing_type: thing_type.clone(),
            account: scope.account.clone(),
            at: now,
        };
        self.ensure_thing_type_and_tell(thing_type, plan.tags.clone(), Event::ThingType(event));
    }

    fn provision_billing_group(&mut self, plan: &RegistrationPlan, now: UnixTime) {
        let Some(name) = &plan.billing_group else { return };
        let group = BillingGroup {
            name: name.clone(),
            id: plan.creation_id.billing_group_id(),
            description: None,
            version: 1,
            created_at: now,
        };
        self.ensure_billing_group(group, plan.tags.clone());
    }

    fn provision_thing_groups(&mut self, plan: &RegistrationPlan, scope: &Scope, now: UnixTime) {
        for (group, number) in plan.thing_groups.iter().zip(0..=u8::MAX) {
            self.ensure_thing_group(RootThingGroup {
                name: group.clone(),
                id: plan.creation_id.thing_group_id(number),
                tags: plan.tags.clone(),
                scope: scope.clone(),
                created_at: now,
            });
            self.ensure_thing_in_group(group.clone(), plan.thing_name().clone(), scope.clone(), now);
        }
    }

    fn provision_thing(&mut self, thing: Thing, plan: &RegistrationPlan, scope: &Scope, now: UnixTime) {
        let association = ThingTypeAssociation {
            operation: Relation::Added,
            thing: thing.name.clone(),
            thing_id: thing.id,
            thing_type: plan.thing_type.name.clone(),
            at: now,
        };
        self.insert_thing(thing.clone());
        let operation = Operation::Created;
        let account = scope.account.clone();
        self.append(Event::Thing(ThingEvent { operation, thing, account, at: now }));
        self.append(Event::ThingTypeAssociation(association));
    }

    /// Registers a certificate by its first connection: its CA certificate must still register devices.
    pub fn register(&mut self, certificate: Certificate, ca: CaCertificateId) {
        self.expect(Expectation::CaRegisters(ca));
        self.insert_certificate(certificate);
    }

    /// Adds an entry to the registration log. A failure that equals the certificate's last entry only counts that up.
    pub fn record(&mut self, record: RegistrationRecord) {
        self.push(Change::Record(record));
    }
}
