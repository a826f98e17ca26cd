use std::error::Error as StdError;
use std::sync::Arc;

use landfall_model::{
    BillingGroupName, CaCertificateId, CertificateId, DestinationId, EventSourceMapping, FunctionName,
    GreengrassId, GreengrassKind, LayerName, LayerVersionId, LogTarget, MappingId, Policy, PolicyName,
    PolicyTarget, PolicyVersionId, QueueArn, RuleName, Tag, TaggedResource, ThingGroup, ThingGroupName,
    ThingName, ThingTypeName, TopicRule, TopicRuleDestination,
};
use thiserror::Error;

/// A read or write that the storage could not do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The disk is full.
    #[error("the disk is full: free some space in the data directory's file system")]
    Full,
    /// More transactions wait than `transactions_max`.
    #[error("{waiting} transactions wait already, which is the limit transactions_max")]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// The registry is shutting down.
    #[error("the registry is shutting down")]
    Closed,
    /// What is stored is not what this version writes.
    #[error("table {table}, column {column}, row {row}: {problem}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's id.
        row: i64,
        /// What is wrong there.
        problem: String,
    },
    /// Anything else that the storage reports.
    #[error("the registry's storage failed")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

/// Why a transaction was not carried out. None of its changes was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The registry is no longer as the transaction expects: read again and decide again.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The precondition that did not hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Conflict {
    /// The billing group exists already.
    #[error("billing group {0} exists already")]
    BillingGroupExists(BillingGroupName),
    /// No such billing group.
    #[error("billing group {0} does not exist")]
    BillingGroupNotFound(BillingGroupName),
    /// The billing group has another version, or is another one of its name.
    #[error("billing group {0} has another version than expected")]
    BillingGroupVersion(BillingGroupName),
    /// The CA certificate is registered already.
    #[error("CA certificate {0} is registered already")]
    CaCertificateExists(CaCertificateId),
    /// No such CA certificate.
    #[error("CA certificate {0} is not registered")]
    CaCertificateNotFound(CaCertificateId),
    /// The CA certificate may not be deleted while it is ACTIVE.
    #[error("CA certificate {0} is ACTIVE")]
    CaCertificateActive(CaCertificateId),
    /// The CA certificate is gone or INACTIVE.
    #[error("CA certificate {0} is INACTIVE or not registered any more")]
    CaInactive(CaCertificateId),
    /// The CA certificate is gone, INACTIVE, or its auto-registration is off.
    #[error("CA certificate {0} does not register devices")]
    CaNotRegistering(CaCertificateId),
    /// The certificate is registered already.
    #[error("certificate {0} is registered already")]
    CertificateExists(CertificateId),
    /// Another registered certificate has the same signed part.
    #[error("another certificate with the content of {0} is registered already")]
    CertificateTwin(CertificateId),
    /// No such certificate.
    #[error("certificate {0} is not registered")]
    CertificateNotFound(CertificateId),
    /// The certificate is not PENDING_ACTIVATION (any more).
    #[error("certificate {0} is not PENDING_ACTIVATION")]
    CertificateNotPending(CertificateId),
    /// The certificate is REVOKED, and another status was to follow.
    #[error("certificate {0} is REVOKED, which is for good: no status can follow")]
    CertificateRevoked(CertificateId),
    /// The certificate may not be deleted while it is ACTIVE.
    #[error("certificate {0} is ACTIVE; set it to INACTIVE or REVOKED before it is deleted")]
    CertificateActive(CertificateId),
    /// The certificate may not be deleted while it is attached to a thing.
    #[error("certificate {0} is attached to a thing; detach it before it is deleted")]
    CertificateHasThings(CertificateId),
    /// The certificate may not be deleted while policies are attached to it.
    #[error("policies are attached to certificate {0}; detach them, or force the deletion")]
    CertificateHasPolicies(CertificateId),
    /// The certificate is attached exclusively to another thing.
    #[error("certificate {certificate} is attached exclusively to thing {thing}; detach it from that")]
    CertificateExclusive {
        /// The certificate.
        certificate: CertificateId,
        /// The thing that it is attached to.
        thing: ThingName,
    },
    /// The certificate is attached to another thing, so that it cannot be attached exclusively.
    #[error("certificate {certificate} is attached to thing {thing}; detach it to attach it exclusively")]
    CertificateShared {
        /// The certificate.
        certificate: CertificateId,
        /// A thing that it is attached to.
        thing: ThingName,
    },
    /// A destination of this URL exists already.
    #[error("a destination with the URL {url} exists already")]
    DestinationExists {
        /// Its confirmation URL.
        url: Arc<str>,
    },
    /// No such destination.
    #[error("destination {0} does not exist")]
    DestinationNotFound(DestinationId),
    /// The destination waits for another confirmation, or for none (any more).
    #[error(
        "destination {0} does not wait for this confirmation; only the token of its last confirmation message counts"
    )]
    DestinationToken(DestinationId),
    /// There are as many destinations as may be.
    #[error("there are {max} destinations, which is the most; delete one", max = TopicRuleDestination::OF_SERVER_MAX)]
    Destinations,
    /// The event-source mapping is there already.
    #[error("event-source mapping {0} exists already")]
    EventSourceMappingExists(MappingId),
    /// No such event-source mapping.
    #[error("event-source mapping {0} does not exist")]
    EventSourceMappingNotFound(MappingId),
    /// The event-source mapping has other settings than expected.
    #[error("event-source mapping {0} has changed")]
    EventSourceMappingChanged(MappingId),
    /// There are as many event-source mappings as may be.
    #[error("there are {max} event-source mappings, which is the most; delete one", max = EventSourceMapping::OF_SERVER_MAX)]
    EventSourceMappings,
    /// The function exists already.
    #[error("function {0} exists already")]
    FunctionExists(FunctionName),
    /// No such function.
    #[error("function {0} does not exist")]
    FunctionNotFound(FunctionName),
    /// The function has another revision.
    #[error("function {0} has another revision than expected")]
    FunctionRevision(FunctionName),
    /// No such Greengrass group or definition.
    #[error("{kind} {id} does not exist")]
    GreengrassNotFound {
        /// Its kind.
        kind: GreengrassKind,
        /// Its id.
        id: GreengrassId,
    },
    /// No such version of a layer.
    #[error("layer version {0} does not exist")]
    LayerVersionNotFound(LayerVersionId),
    /// The next version of the layer has another number (by now).
    #[error("the next version of layer {0} has another number than expected")]
    LayerVersionNumber(LayerName),
    /// There are as many targets with log levels as may be.
    #[error("log levels are set for {max} targets, which is the most", max = LogTarget::OF_SERVER_MAX)]
    LogTargets,
    /// The second form of the logging options was never set.
    #[error("the logging options are not set; set them before the levels of targets")]
    LoggingNotConfigured,
    /// The policy exists already.
    #[error("policy {0} exists already")]
    PolicyExists(PolicyName),
    /// No such policy.
    #[error("policy {0} does not exist")]
    PolicyNotFound(PolicyName),
    /// The policy may not be deleted while it is attached to something.
    #[error("policy {0} is attached to something; detach it before it is deleted")]
    PolicyAttached(PolicyName),
    /// The policy may not be deleted while it has versions beside the default one.
    #[error("policy {0} has versions beside the default one; delete these before it is deleted")]
    PolicyHasVersions(PolicyName),
    /// The target has as many policies as it may have.
    #[error("{max} policies are attached to {0}, which is the most", max = Policy::OF_TARGET_MAX)]
    PoliciesOfTarget(PolicyTarget),
    /// The policy has no such version.
    #[error("policy {name} has no version {version}")]
    PolicyVersionNotFound {
        /// The policy.
        name: PolicyName,
        /// The version.
        version: PolicyVersionId,
    },
    /// The version may not be deleted while it is the one that counts.
    #[error("version {version} of policy {name} is the default one; set another before it is deleted")]
    PolicyVersionDefault {
        /// The policy.
        name: PolicyName,
        /// The version.
        version: PolicyVersionId,
    },
    /// The next version of the policy has another number (by now).
    #[error("the next version of policy {0} has another number than expected")]
    PolicyVersionNumber(PolicyName),
    /// The policy has as many versions as it may have.
    #[error("policy {0} has {max} versions, which is the most; delete one", max = Policy::VERSIONS_MAX)]
    PolicyVersions(PolicyName),
    /// The resource would have more tags than it may have.
    #[error("{0} would have more than {max} tags", max = Tag::OF_RESOURCE_MAX)]
    TagsOfResource(TaggedResource),
    /// The queue is given to the function already.
    #[error("event-source mapping {id} gives queue {queue} to function {function} already")]
    QueueMapped {
        /// The queue.
        queue: QueueArn,
        /// The function.
        function: FunctionName,
        /// The mapping that does.
        id: MappingId,
    },
    /// The thing exists already.
    #[error("thing {0} exists already")]
    ThingExists(ThingName),
    /// No such thing.
    #[error("thing {0} does not exist")]
    ThingNotFound(ThingName),
    /// The thing is in another billing group, which it keeps.
    #[error("thing {thing} is in billing group {group}; remove it from that")]
    ThingInBillingGroup {
        /// The thing.
        thing: ThingName,
        /// The billing group that it is in.
        group: BillingGroupName,
    },
    /// The thing has another version, or is another one of its name.
    #[error("thing {0} has another version than expected")]
    ThingVersion(ThingName),
    /// The thing may not be deleted while certificates are attached to it.
    #[error("certificates are attached to thing {0}; detach them before it is deleted")]
    ThingHasPrincipals(ThingName),
    /// Other principals are attached to the thing than were expected.
    #[error("the principals of thing {0} have changed")]
    ThingPrincipalsChanged(ThingName),
    /// The thing group exists already.
    #[error("thing group {0} exists already")]
    ThingGroupExists(ThingGroupName),
    /// No such thing group.
    #[error("thing group {0} does not exist")]
    ThingGroupNotFound(ThingGroupName),
    /// The thing group has another version, or is another one of its name.
    #[error("thing group {0} has another version than expected")]
    ThingGroupVersion(ThingGroupName),
    /// The thing group may not be deleted while there are groups in it.
    #[error("there are groups in thing group {0}; delete these before it is deleted")]
    ThingGroupHasChildren(ThingGroupName),
    /// The thing group is on the last level, so that no group can be in it.
    #[error("thing group {0} is on level {max}, which is the last; no group can be in it", max = ThingGroup::LEVELS_MAX)]
    ThingGroupLevels(ThingGroupName),
    /// The thing group has as many children as it may have.
    #[error("thing group {0} has {max} groups in it, which is the most", max = ThingGroup::CHILDREN_MAX)]
    ThingGroupChildren(ThingGroupName),
    /// The thing is in the group already.
    #[error("thing {thing} is in thing group {group} already")]
    ThingInGroup {
        /// The thing.
        thing: ThingName,
        /// The group.
        group: ThingGroupName,
    },
    /// The thing is not in the group.
    #[error("thing {thing} is not in thing group {group}")]
    ThingNotInGroup {
        /// The thing.
        thing: ThingName,
        /// The group.
        group: ThingGroupName,
    },
    /// The thing is in another group of the same hierarchy.
    #[error("thing {thing} is in thing group {group}, which has the same root; remove it from that")]
    ThingInHierarchy {
        /// The thing.
        thing: ThingName,
        /// The group that it is in.
        group: ThingGroupName,
    },
    /// The thing is in as many groups as it may be.
    #[error("thing {0} is in {max} thing groups, which is the most", max = ThingGroup::OF_THING_MAX)]
    GroupsOfThing(ThingName),
    /// The thing type exists already.
    #[error("thing type {0} exists already")]
    ThingTypeExists(ThingTypeName),
    /// No such thing type.
    #[error("thing type {0} does not exist")]
    ThingTypeNotFound(ThingTypeName),
    /// The thing type is not as it was expected.
    #[error("thing type {0} has changed")]
    ThingTypeChanged(ThingTypeName),
    /// No thing can get the type, as it is deprecated.
    #[error("thing type {0} is deprecated; no thing can get it")]
    ThingTypeDeprecated(ThingTypeName),
    /// The thing type may not be deleted before it is deprecated.
    #[error("thing type {0} is not deprecated; deprecate it before it is deleted")]
    ThingTypeNotDeprecated(ThingTypeName),
    /// The thing type may not be deleted while things have it.
    #[error("things have thing type {0}; delete these or change their type before it is deleted")]
    ThingTypeInUse(ThingTypeName),
    /// The topic rule exists already.
    #[error("topic rule {0} exists already")]
    TopicRuleExists(RuleName),
    /// No such topic rule.
    #[error("topic rule {0} does not exist")]
    TopicRuleNotFound(RuleName),
    /// There are as many topic rules as may be.
    #[error("there are {max} topic rules, which is the most; delete one", max = TopicRule::OF_SERVER_MAX)]
    TopicRules,
}
