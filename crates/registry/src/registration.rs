use async_trait::async_trait;
use landfall_events::{Event, Operation, Relation, ThingEvent, ThingTypeAssociation, ThingTypeEvent};
use landfall_model::{
    AccountId, CaCertificateId, Certificate, CertificateId, PlannedThing, Policy, PolicyVersionId,
    RegistrationPlan, RegistrationRecord, RegistryView, Thing, ThingType, UnixTime,
};

use crate::{Change, Expectation, Page, PageRequest, StorageError, Transaction};

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

    /// Every record, by the time of its first attempt.
    ///
    /// # Errors
    /// The storage failed.
    async fn records(&self, page: PageRequest) -> Result<Page<RegistrationRecord>, StorageError>;
}

impl Transaction {
    /// Carries out a plan: thing type, thing, policy, attachments, and the activation last, with the events of what it
    /// creates.
    ///
    /// The certificate is registered in the same transaction before this, or was earlier; it must be pending.
    pub fn provision(&mut self, plan: &RegistrationPlan, account: &AccountId, now: UnixTime) {
        self.provision_thing_type(plan, account, now);
        match &plan.thing {
            PlannedThing::Create { name, attributes } => {
                let thing = Thing {
                    name: name.clone(),
                    id: plan.creation_id.thing_id(),
                    thing_type: Some(plan.thing_type.name.clone()),
                    billing_group: None,
                    attributes: attributes.clone(),
                    version: 1,
                    made_by: Some(plan.ca),
                    created_at: now,
                };
                self.provision_thing(thing, plan, account, now);
            }
            PlannedThing::Join { name, principals } => self
                .expect(Expectation::ThingPrincipals { thing: name.clone(), principals: principals.clone() }),
        }
        self.attach_thing(plan.certificate, plan.thing_name().clone());
        self.ensure_policy(Policy {
            name: plan.policy.name.clone(),
            default_version: PolicyVersionId::FIRST,
            document: plan.policy.document.clone(),
            created_at: now,
            modified_at: now,
        });
        self.attach_policy(plan.certificate, plan.policy.name.clone());
        self.activate_certificate(plan.certificate, now);
    }

    fn provision_thing_type(&mut self, plan: &RegistrationPlan, account: &AccountId, now: UnixTime) {
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
            account: account.clone(),
            at: now,
        };
        self.ensure_thing_type_and_tell(thing_type, Event::ThingType(event));
    }

    fn provision_thing(&mut self, thing: Thing, plan: &RegistrationPlan, account: &AccountId, now: UnixTime) {
        let association = ThingTypeAssociation {
            operation: Relation::Added,
            thing: thing.name.clone(),
            thing_id: thing.id,
            thing_type: plan.thing_type.name.clone(),
            at: now,
        };
        self.insert_thing(thing.clone());
        let operation = Operation::Created;
        self.append(Event::Thing(ThingEvent { operation, thing, account: account.clone(), at: now }));
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
