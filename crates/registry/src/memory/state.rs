use std::collections::{BTreeMap, BTreeSet, HashMap};

use landfall_model::{
    AutoRegistration, BillingGroup, BillingGroupName, CaCertificate, CaCertificateId, CaStatus, Certificate,
    CertificateId, Delivery, DeliveryId, DestinationId, EventConfigurations, EventSourceMapping, Function,
    FunctionName, GreengrassId, GreengrassServiceRole, LayerName, LogLevel, LogSinkName, LogTarget,
    LoggingOptions, MappingId, PolicyName, PolicyTarget, RegistrationCode, RegistrationJob,
    RegistrationRecord, RuleName, TagKey, TagValue, TaggedResource, Thing, ThingGroup, ThingGroupName,
    ThingName, ThingPrincipalType, ThingType, ThingTypeName, TopicRule, TopicRuleDestination,
    V2LoggingOptions,
};

use super::greengrass::GreengrassRow;
use super::layer::LayerRow;
use super::policy::PolicyRow;
use super::table::{RowIds, Table};
use crate::{Change, Conflict, Cursor, Expectation, PendingEvent};

/// All that is registered.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) row_ids: RowIds,
    pub(super) billing_groups: Table<BillingGroupName, BillingGroup>,
    pub(super) ca_certificates: Table<CaCertificateId, CaCertificate>,
    pub(super) certificates: Table<CertificateId, Certificate>,
    pub(super) things: Table<ThingName, Thing>,
    pub(super) thing_groups: Table<ThingGroupName, ThingGroup>,
    pub(super) thing_types: Table<ThingTypeName, ThingType>,
    pub(super) policies: Table<PolicyName, PolicyRow>,
    /// Keyed by a row id of its own: records have no name.
    pub(super) records: Table<i64, RegistrationRecord>,
    pub(super) registration_jobs: Table<CertificateId, RegistrationJob>,
    pub(super) topic_rules: Table<RuleName, TopicRule>,
    pub(super) destinations: Table<DestinationId, TopicRuleDestination>,
    pub(super) deliveries: Table<DeliveryId, Delivery>,
    pub(super) functions: Table<FunctionName, Function>,
    pub(super) greengrass: Table<GreengrassId, GreengrassRow>,
    pub(super) greengrass_service_role: Option<GreengrassServiceRole>,
    pub(super) layers: Table<LayerName, LayerRow>,
    pub(super) event_source_mappings: Table<MappingId, EventSourceMapping>,
    pub(super) v2_logging_levels: Table<LogTarget, (LogTarget, LogLevel)>,
    pub(super) things_of: BTreeMap<(CertificateId, ThingName), ThingPrincipalType>,
    pub(super) groups_of: BTreeSet<(ThingName, ThingGroupName)>,
    pub(super) policies_of: BTreeSet<(PolicyTarget, PolicyName)>,
    pub(super) log_sink_positions: BTreeMap<LogSinkName, Cursor>,
    pub(super) tags: HashMap<TaggedResource, BTreeMap<TagKey, TagValue>>,
    pub(super) registration_code: Option<RegistrationCode>,
    pub(super) event_configurations: EventConfigurations,
    pub(super) logging_options: Option<LoggingOptions>,
    pub(super) v2_logging_options: Option<V2LoggingOptions>,
    pub(super) events: Vec<PendingEvent>,
    /// The events of the transaction that is being applied.
    pub(super) appended: Vec<PendingEvent>,
}

impl State {
    /// Makes one change, or says why it cannot be made; then the state must be thrown away.
    pub(super) fn apply(&mut self, change: &Change) -> Result<(), Conflict> {
        match change {
            Change::BillingGroup(change) => self.apply_billing_group(change),
            Change::CaCertificate(change) => self.apply_ca_certificate(change),
            Change::Certificate(change) => self.apply_certificate(change),
            Change::ConfigureEvents { changes, at } => {
                self.event_configurations.update(changes, *at);
                Ok(())
            }
            Change::Delivery(change) => {
                self.apply_delivery(change);
                Ok(())
            }
            Change::Destination(change) => self.apply_destination(change),
            Change::DeleteRegistrationCode => {
                self.registration_code = None;
                Ok(())
            }
            Change::EnsureRegistrationCode(code) => {
                self.registration_code.get_or_insert_with(|| code.clone());
                Ok(())
            }
            Change::Event(event) => {
                self.append(event);
                Ok(())
            }
            Change::EventSourceMapping(change) => self.apply_event_source_mapping(change),
            Change::EventsDelivered(last) => {
                self.events.retain(|event| event.id > *last);
                Ok(())
            }
            Change::Expect(expectation) => self.check(expectation),
            Change::Function(change) => self.apply_function(change),
            Change::Greengrass(change) => self.apply_greengrass(change),
            Change::Layer(change) => self.apply_layer(change),
            Change::LogSinkPosition { sink, position } => {
                self.log_sink_positions.insert(*sink, *position);
                Ok(())
            }
            Change::Logging(change) => self.apply_logging(change),
            Change::Policy(change) => self.apply_policy(change),
            Change::Record(record) => {
                self.record(record);
                Ok(())
            }
            Change::RegistrationJob(change) => self.apply_registration_job(change),
            Change::Tag(change) => self.apply_tag(change),
            Change::Thing(change) => self.apply_thing(change),
            Change::ThingGroup(change) => self.apply_thing_group(change),
            Change::ThingType(change) => self.apply_thing_type(change),
            Change::TopicRule(change) => self.apply_topic_rule(change),
        }
    }

    fn check(&self, expectation: &Expectation) -> Result<(), Conflict> {
        let holds = |holds: bool, conflict: Conflict| holds.then_some(()).ok_or(conflict);
        match expectation {
            Expectation::CaActive(id) => {
                let is_active = self.ca_certificates.get(id).is_some_and(|ca| ca.status == CaStatus::Active);
                holds(is_active, Conflict::CaInactive(*id))
            }
            Expectation::CaRegisters(id) => {
                let registers = self.ca_certificates.get(id).is_some_and(|ca| {
                    ca.status == CaStatus::Active && ca.auto_registration == AutoRegistration::Enable
                });
                holds(registers, Conflict::CaNotRegistering(*id))
            }
            Expectation::Thing { name, id } => {
                let is_there = self.things.get(name).is_some_and(|thing| thing.id == *id);
                holds(is_there, Conflict::ThingNotFound(name.clone()))
            }
            Expectation::ThingGroup { name, id } => {
                let is_there = self.thing_groups.get(name).is_some_and(|group| group.id == *id);
                holds(is_there, Conflict::ThingGroupNotFound(name.clone()))
            }
            Expectation::ThingPrincipals { thing, principals } => {
                self.find_thing(thing)?;
                let found: BTreeSet<_> = self.principals_of(thing).into_iter().collect();
                let expected: BTreeSet<_> = principals.iter().copied().collect();
                holds(found == expected, Conflict::ThingPrincipalsChanged(thing.clone()))
            }
        }
    }
}
