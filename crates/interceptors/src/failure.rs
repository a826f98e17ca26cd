use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use landfall_services::ServiceFailure;
use thiserror::Error;

use crate::answer::AnswerError;
use crate::crl::CrlFailure;
use crate::executable::ExecutableError;
use crate::watched::Outdated;
use crate::webhook::WebhookError;

/// Why an interceptor could not say anything about a device.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("it did not answer within {0:?}")]
    Late(Duration),
    #[error("the answer has {found} bytes; {max} are the most")]
    TooLong { found: usize, max: usize },
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error(transparent)]
    Executable(#[from] ExecutableError),
    #[error("the function was not invoked: {0}")]
    NotInvoked(#[from] ServiceFailure),
    #[error("the function failed: {error_type}: {message}")]
    Raised { error_type: String, message: String },
    #[error(transparent)]
    Outdated(#[from] Outdated),
    #[error(transparent)]
    Crl(#[from] CrlFailure),
    #[error("the certificate cannot be read")]
    Certificate(#[from] landfall_pki::CertificateError),
    #[error("it is not ready")]
    NotReady(#[from] crate::PrepareError),
    #[error("the answer cannot be carried out")]
    Changes(#[from] landfall_registration::Refusal),
    #[error("the server ends")]
    Ending,
}

/// Why a file cannot be read.
#[derive(Debug, Error)]
#[error("{} cannot be read", path.display())]
pub(crate) struct Unreadable {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl Unreadable {
    /// For `map_err`.
    pub(crate) fn of(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }
}

/// What an error says, and what each of its sources adds, in one line.
pub(crate) fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let added = source.to_string();
        if !text.contains(&added) {
            text.push_str(": ");
            text.push_str(&added);
        }
        next = source.source();
    }
    text
}
