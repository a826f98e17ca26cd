//! Admission and registration: what becomes of a device that connects, and all that its registration makes.
//!
//! [`DeviceFacts`] is what policies can ask about such a device.
//!
//! Decisions only. [`decide`] and [`plan`] take what the registry holds as values and give values back; the caller
//! reads before and writes after.

mod admission;
mod applicant;
mod facts;
mod grouping;
mod interceptor;
mod plan;
mod refusal;
mod settings;
mod settings_set;
mod subject;
mod template;

pub use admission::{Admission, InactiveCaDevices, PinnedAdmission, decide, decide_pinned};
pub use applicant::Applicant;
pub use facts::{ConnectionFacts, DeviceFacts, is_of_connection, thing_of};
pub use interceptor::{
    Admits, AttributeChange, CREATION_ID_ATTRIBUTE, EntryKind, Interception, InterceptorKind,
    InterceptorRequest, InterceptorSettings, Interceptors, ListSettings, OnFailure, Raised, apply_changes,
};
pub use plan::{plan, thing_name};
pub use refusal::Refusal;
pub use settings::{ExistingThing, IllegalCharacters, PolicyTopics, Settings, SettingsError, SettingsSource};
pub use settings_set::{CaSettings, Registrar, Retries, SettingsSet};
pub use template::TemplateProblem;
