//! Every way in which a request fails, and the one place that turns it into an answer.

use std::error::Error as StdError;
use std::fmt::Display;

use landfall_api::{ApiError, ErrorCode, OutputError};
use landfall_model::Scope;
use landfall_pki::PossessionError;
use landfall_registry::{CommitError, Conflict, StorageError};
use thiserror::Error;

use crate::function_host::{CodeRefusal, FunctionsOff, InvokeRefusal, LogFailure, RuntimeMissing};

/// Why a request is not carried out.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The request is refused.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// What the registry holds does not allow it.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Possession of a CA's key is not proven.
    #[error("possession of the CA's key is not proven")]
    Possession(#[from] PossessionError),
    /// The registry failed.
    #[error("the registry failed")]
    Storage(#[from] StorageError),
    /// The server failed.
    #[error("{task} failed")]
    Internal {
        /// What was to be done.
        task: &'static str,
        /// Why it was not.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Failure {
    /// The failure of something that only a bug or a damaged registry can let fail.
    pub(crate) fn internal(task: &'static str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Internal { task, source: Box::new(source) }
    }

    /// Whether the server is at fault, so that the failure has to be logged with its sources.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::Refused(error) => error.code() == ErrorCode::InternalFailure,
            Self::Conflict(_) | Self::Possession(_) => false,
            Self::Storage(_) | Self::Internal { .. } => true,
        }
    }

    /// What the caller is told. Of a failure of the server, that is nothing but its kind.
    pub(crate) fn to_api_error(&self, scope: &Scope) -> ApiError {
        match self {
            Self::Refused(error) if error.code() == ErrorCode::InternalFailure => internal_failure(),
            Self::Refused(error) => error.clone(),
            Self::Conflict(conflict) => conflict_error(conflict, scope),
            Self::Possession(error) => ApiError::new(possession_code(error), with_sources(error)),
            Self::Storage(error) => storage_error(error),
            Self::Internal { .. } => internal_failure(),
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(conflict) => Self::Conflict(conflict),
            CommitError::Storage(error) => Self::Storage(error),
            other => Self::internal("committing a transaction", other),
        }
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        Self::internal("writing the answer", error)
    }
}

impl From<FunctionsOff> for Failure {
    fn from(off: FunctionsOff) -> Self {
        ApiError::new(ErrorCode::AccessDenied, off.to_string()).into()
    }
}

impl From<RuntimeMissing> for Failure {
    fn from(missing: RuntimeMissing) -> Self {
        ApiError::new(ErrorCode::InvalidParameterValue, missing.to_string()).into()
    }
}

impl From<CodeRefusal> for Failure {
    fn from(refusal: CodeRefusal) -> Self {
        match refusal {
            CodeRefusal::Off(off) => off.into(),
            CodeRefusal::Unusable(_) => {
                ApiError::new(ErrorCode::InvalidParameterValue, refusal.to_string()).into()
            }
            CodeRefusal::NoRoom(_) => {
                ApiError::new(ErrorCode::CodeStorageExceeded, refusal.to_string()).into()
            }
            CodeRefusal::Failed(source) => Self::Internal { task: "keeping the code", source },
        }
    }
}

impl From<InvokeRefusal> for Failure {
    fn from(refusal: InvokeRefusal) -> Self {
        match refusal {
            InvokeRefusal::Off(off) => off.into(),
            InvokeRefusal::Busy(_) => ApiError::new(ErrorCode::TooManyRequests, refusal.to_string()).into(),
            InvokeRefusal::TooLarge(_) => {
                ApiError::new(ErrorCode::RequestTooLarge, refusal.to_string()).into()
            }
            InvokeRefusal::Unavailable(_) => {
                ApiError::new(ErrorCode::ServiceUnavailable, refusal.to_string()).into()
            }
            InvokeRefusal::Runtime(missing) => {
                ApiError::new(ErrorCode::InvalidRuntime, missing.to_string()).into()
            }
            InvokeRefusal::Failed(source) => Self::Internal { task: "starting a function", source },
        }
    }
}

impl From<LogFailure> for Failure {
    fn from(failure: LogFailure) -> Self {
        match failure {
            LogFailure::Off(off) => off.into(),
            LogFailure::Failed(source) => Self::Internal { task: "reading a log", source },
        }
    }
}

/// The refusal of a request whose content is wrong.
pub(crate) fn invalid(problem: impl Display) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, problem.to_string())
}

/// The refusal of a part of an operation that is not built yet.
pub(crate) fn not_built(what: &str) -> ApiError {
    ApiError::new(ErrorCode::NotImplemented, format!("{what} is not implemented here yet"))
}

/// An error with its sources, each after a colon.
pub(crate) fn with_sources(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

fn conflict_error(conflict: &Conflict, scope: &Scope) -> ApiError {
    let error = ApiError::new(conflict_code(conflict), conflict_message(conflict));
    match existing_resource(conflict, scope) {
        Some((id, arn)) => error.with_resource(id, arn),
        None => error,
    }
}

#[expect(clippy::too_many_lines, reason = "one line per conflict")]
fn conflict_code(conflict: &Conflict) -> ErrorCode {
    match conflict {
        Conflict::BillingGroupExists(_)
        | Conflict::CaCertificateExists(_)
        | Conflict::CertificateExists(_)
        | Conflict::CertificateTwin(_)
        | Conflict::DestinationExists { .. }
        | Conflict::PolicyExists(_)
        | Conflict::ThingExists(_)
        | Conflict::ThingGroupExists(_)
        | Conflict::ThingTypeExists(_)
        | Conflict::TopicRuleExists(_) => ErrorCode::ResourceAlreadyExists,
        Conflict::EventSourceMappingChanged(_)
        | Conflict::EventSourceMappingExists(_)
        | Conflict::FunctionExists(_)
        | Conflict::FunctionRevision(_)
        | Conflict::LayerVersionNumber(_)
        | Conflict::QueueMapped { .. } => ErrorCode::ResourceConflict,
        Conflict::EventSourceMappings => ErrorCode::ServiceQuotaExceeded,
        Conflict::BillingGroupNotFound(_)
        | Conflict::CaCertificateNotFound(_)
        | Conflict::CertificateNotFound(_)
        | Conflict::DestinationNotFound(_)
        | Conflict::EventSourceMappingNotFound(_)
        | Conflict::FunctionNotFound(_)
        | Conflict::GreengrassNotFound { .. }
        | Conflict::LayerVersionNotFound(_)
        | Conflict::PolicyNotFound(_)
        | Conflict::PolicyVersionNotFound { .. }
        | Conflict::ThingNotFound(_)
        | Conflict::ThingGroupNotFound(_)
        | Conflict::ThingTypeNotFound(_)
        | Conflict::TopicRuleNotFound(_) => ErrorCode::ResourceNotFound,
        Conflict::CaCertificateActive(_)
        | Conflict::CaInactive(_)
        | Conflict::CaNotRegistering(_)
        | Conflict::CertificateActive(_)
        | Conflict::CertificateNotPending(_)
        | Conflict::CertificateRevoked(_) => ErrorCode::CertificateState,
        Conflict::CertificateHasPolicies(_)
        | Conflict::CertificateHasThings(_)
        | Conflict::PolicyAttached(_)
        | Conflict::PolicyHasVersions(_)
        | Conflict::PolicyVersionDefault { .. } => ErrorCode::DeleteConflict,
        Conflict::CertificateExclusive { .. }
        | Conflict::CertificateShared { .. }
        | Conflict::DestinationToken(_)
        | Conflict::GroupsOfThing(_)
        | Conflict::ThingGroupChildren(_)
        | Conflict::ThingGroupHasChildren(_)
        | Conflict::ThingGroupLevels(_)
        | Conflict::ThingHasPrincipals(_)
        | Conflict::ThingInBillingGroup { .. }
        | Conflict::ThingInGroup { .. }
        | Conflict::ThingInHierarchy { .. }
        | Conflict::ThingNotInGroup { .. }
        | Conflict::ThingTypeDeprecated(_)
        | Conflict::ThingTypeInUse(_)
        | Conflict::ThingTypeNotDeprecated(_) => ErrorCode::InvalidRequest,
        Conflict::Destinations
        | Conflict::LogTargets
        | Conflict::PoliciesOfTarget(_)
        | Conflict::TagsOfResource(_)
        | Conflict::TopicRules => ErrorCode::LimitExceeded,
        Conflict::LoggingNotConfigured => ErrorCode::NotConfigured,
        Conflict::PolicyVersions(_) => ErrorCode::VersionsLimitExceeded,
        Conflict::BillingGroupVersion(_) | Conflict::ThingGroupVersion(_) | Conflict::ThingVersion(_) => {
            ErrorCode::VersionConflict
        }
        Conflict::PolicyVersionNumber(_)
        | Conflict::ThingPrincipalsChanged(_)
        | Conflict::ThingTypeChanged(_) => ErrorCode::ConflictingResourceUpdate,
    }
}

/// The conflict in words: in those of AWS where programs are known to look for them.
fn conflict_message(conflict: &Conflict) -> String {
    if let Conflict::ThingHasPrincipals(name) = conflict {
        format!("Cannot delete. Thing {name} is still attached to one or more principals")
    } else if let Conflict::ThingGroupHasChildren(name) = conflict {
        format!("Cannot delete thing group : {name} when there are still child groups attached to it")
    } else {
        conflict.to_string()
    }
}

/// The id and the ARN of what exists already, where that is the conflict.
fn existing_resource(conflict: &Conflict, scope: &Scope) -> Option<(String, String)> {
    if let Conflict::BillingGroupExists(name) = conflict {
        Some((name.to_string(), scope.billing_group_arn(name)))
    } else if let Conflict::CaCertificateExists(id) = conflict {
        Some((id.to_string(), scope.ca_certificate_arn(id)))
    } else if let Conflict::CertificateExists(id) = conflict {
        Some((id.to_string(), scope.certificate_arn(id)))
    } else if let Conflict::PolicyExists(name) = conflict {
        Some((name.to_string(), scope.policy_arn(name)))
    } else if let Conflict::ThingExists(name) = conflict {
        Some((name.to_string(), scope.thing_arn(name)))
    } else if let Conflict::ThingGroupExists(name) = conflict {
        Some((name.to_string(), scope.thing_group_arn(name)))
    } else if let Conflict::ThingTypeExists(name) = conflict {
        Some((name.to_string(), scope.thing_type_arn(name)))
    } else if let Conflict::TopicRuleExists(name) = conflict {
        Some((name.to_string(), scope.rule_arn(name)))
    } else {
        None
    }
}

fn possession_code(error: &PossessionError) -> ErrorCode {
    match error {
        PossessionError::NoCommonName { .. } | PossessionError::CommonName { .. } => {
            ErrorCode::RegistrationCodeValidation
        }
        PossessionError::CaUnreadable(_)
        | PossessionError::VerificationUnreadable(_)
        | PossessionError::Ca(_)
        | PossessionError::CaNotValid { .. }
        | PossessionError::VerificationNotValid { .. }
        | PossessionError::OtherIssuer { .. }
        | PossessionError::WeakSignature { .. }
        | PossessionError::UnsupportedSignature { .. }
        | PossessionError::OtherKey { .. } => ErrorCode::CertificateValidation,
    }
}

fn storage_error(error: &StorageError) -> ApiError {
    let passes = matches!(error, StorageError::Full | StorageError::Overloaded { .. } | StorageError::Closed);
    if passes {
        ApiError::new(ErrorCode::ServiceUnavailable, "the registry cannot be used at the moment; try again")
    } else {
        internal_failure()
    }
}

fn internal_failure() -> ApiError {
    ApiError::new(
        ErrorCode::InternalFailure,
        "the server failed; its log has the reason under this request id",
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use landfall_model::{AccountId, CaCertificateId, CertificateId, Region, ThingName};

    use super::*;

    fn scope() -> Scope {
        Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        }
    }

    fn check(failure: impl Into<Failure>, ours: bool, expected: &str) {
        let failure = failure.into();
        assert_eq!(failure.to_api_error(&scope()).to_string(), expected);
        assert_eq!(failure.is_ours(), ours, "{expected}");
    }

    #[test]
    fn conflicts_have_the_codes_of_aws() {
        let thing = || ThingName::parse("t").unwrap();
        let ca = CaCertificateId::from_sha256([1; 32]);
        let id = CertificateId::from_sha256([2; 32]);
        check(
            Conflict::ThingExists(thing()),
            false,
            "ResourceAlreadyExistsException: thing t exists already",
        );
        check(Conflict::ThingNotFound(thing()), false, "ResourceNotFoundException: thing t does not exist");
        check(
            Conflict::ThingPrincipalsChanged(thing()),
            false,
            "ConflictingResourceUpdateException: the principals of thing t have changed",
        );
        check(
            CommitError::Conflict(Conflict::CaCertificateActive(ca)),
            false,
            &format!("CertificateStateException: CA certificate {ca} is ACTIVE"),
        );
        check(
            Conflict::CertificateNotPending(id),
            false,
            &format!("CertificateStateException: certificate {id} is not PENDING_ACTIVATION"),
        );
    }

    #[test]
    fn a_failure_of_the_registry_tells_callers_nothing_else() {
        let unavailable = "ServiceUnavailableException: the registry cannot be used at the moment; try again";
        let internal =
            "InternalFailureException: the server failed; its log has the reason under this request id";
        let secret = || io::Error::other("/var/lib/secret");
        check(StorageError::Full, true, unavailable);
        check(StorageError::Overloaded { waiting: 3 }, true, unavailable);
        check(CommitError::Storage(StorageError::Closed), true, unavailable);
        check(StorageError::Failed(Box::new(secret())), true, internal);
        check(Failure::internal("reading", secret()), true, internal);
        check(ApiError::new(ErrorCode::InternalFailure, "a bug"), true, internal);
    }

    #[test]
    fn sources_follow_colons() {
        let failure = Failure::Storage(StorageError::Failed(Box::new(io::Error::other("broken"))));
        assert_eq!(with_sources(&failure), "the registry failed: the registry's storage failed: broken");
    }
}
