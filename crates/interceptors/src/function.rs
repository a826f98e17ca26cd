use bytes::Bytes;
use landfall_model::FunctionName;
use landfall_registration::{OnFailure, Raised};
use landfall_services::{FunctionAnswer, FunctionInvoker};

use crate::answer::{Answer, one_line};
use crate::failure::Failure;

/// What the types of errors begin with that the function did not raise itself: it exited, ran for too long, or answered too
/// much.
const NOT_RAISED: [&str; 3] = ["Function.", "Runtime.", "Sandbox."];

/// A function that is asked. One that returns nothing allows the device, as under the Universal JITR block; one that raises an
/// error denies it, with the error's message, if that is what `raised` or `on_failure` says.
pub(crate) struct Function {
    pub(crate) name: FunctionName,
    pub(crate) raised: Raised,
    pub(crate) on_failure: OnFailure,
    pub(crate) answer_bytes_max: usize,
}

impl Function {
    /// Invokes the function once. How long that may take is the caller's.
    pub(crate) async fn ask(&self, functions: &dyn FunctionInvoker, body: Bytes) -> Result<Answer, Failure> {
        match functions.invoke(&self.name, body).await? {
            FunctionAnswer::Returned(answer) if answer.trim_ascii() == b"null" => {
                Ok(Answer::Allow(Vec::new()))
            }
            FunctionAnswer::Returned(answer) if answer.len() > self.answer_bytes_max => {
                Err(Failure::TooLong { found: answer.len(), max: self.answer_bytes_max })
            }
            FunctionAnswer::Returned(answer) => Ok(Answer::parse(&answer)?),
            FunctionAnswer::Failed { error_type, message } if self.is_denial(&error_type) => {
                let said = if message.trim().is_empty() { error_type } else { message };
                Ok(Answer::Deny(one_line(&said)))
            }
            FunctionAnswer::Failed { error_type, message } => {
                Err(Failure::Raised { error_type, message: one_line(&message) })
            }
        }
    }

    /// Whether an error of this type denies the device.
    fn is_denial(&self, error_type: &str) -> bool {
        let denies = match (self.raised, self.on_failure) {
            (Raised::Denies, _) | (Raised::Fails, OnFailure::Deny) => true,
            (Raised::Fails, OnFailure::Retry | OnFailure::Allow) => false,
        };
        denies && !NOT_RAISED.iter().any(|prefix| error_type.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use landfall_registration::OnFailure::{Allow, Deny, Retry};
    use landfall_registration::Raised::{Denies, Fails};
    use landfall_services::ServiceFailure;
    use landfall_services::memory::MemoryFunctions;

    use super::*;

    fn function(name: FunctionName, raised: Raised, on_failure: OnFailure) -> Function {
        Function { name, raised, on_failure, answer_bytes_max: 100 }
    }

    async fn ask(answer: FunctionAnswer, raised: Raised, on_failure: OnFailure) -> Result<Answer, String> {
        let functions = MemoryFunctions::default();
        let name = FunctionName::parse("check").unwrap();
        functions.insert(name.clone(), move |_| future::ready(answer.clone()));
        let said = function(name, raised, on_failure).ask(&functions, Bytes::from_static(b"{}")).await;
        assert_eq!(functions.invocations().all()[0].event, Bytes::from_static(b"{}"));
        said.map_err(|failure| failure.to_string())
    }

    #[tokio::test]
    async fn a_function_answers_or_raises() {
        let returned = |text: &'static str| FunctionAnswer::Returned(Bytes::from_static(text.as_bytes()));
        let failed = |error_type: &str, message: &str| FunctionAnswer::Failed {
            error_type: error_type.to_owned(),
            message: message.to_owned(),
        };
        let allow = || Ok(Answer::Allow(vec![]));
        let deny = |message: &str| Ok(Answer::Deny(message.to_owned()));
        let failure = |message: &str| Err(message.to_owned());
        for (answer, raised, on_failure, expected) in [
            (returned(r#"{"decision":"allow"}"#), Fails, Retry, allow()),
            (returned(r#"{"decision":"deny","message":"no"}"#), Fails, Allow, deny("no")),
            // What a function returns that returns nothing.
            (returned("null"), Fails, Retry, allow()),
            (returned(" null\n"), Denies, Deny, allow()),
            (
                returned("true"),
                Denies,
                Retry,
                failure("the answer is true or false; it must be an object, as {\"decision\": \"allow\"}"),
            ),
            (
                FunctionAnswer::Returned(vec![b' '; 101].into()),
                Fails,
                Retry,
                failure("the answer has 101 bytes; 100 are the most"),
            ),
            (failed("ValueError", "not\nours"), Denies, Retry, deny("not ours")),
            (failed("ValueError", "not ours"), Denies, Allow, deny("not ours")),
            (failed("ValueError", "not ours"), Fails, Deny, deny("not ours")),
            (failed("ValueError", ""), Fails, Deny, deny("ValueError")),
            (
                failed("ValueError", "not ours"),
                Fails,
                Retry,
                failure("the function failed: ValueError: not ours"),
            ),
            (
                failed("ValueError", "not ours"),
                Fails,
                Allow,
                failure("the function failed: ValueError: not ours"),
            ),
            // These it did not raise.
            (
                failed("Sandbox.Timedout", "3 s"),
                Denies,
                Retry,
                failure("the function failed: Sandbox.Timedout: 3 s"),
            ),
            (
                failed("Runtime.ExitError", "signal 9"),
                Denies,
                Deny,
                failure("the function failed: Runtime.ExitError: signal 9"),
            ),
        ] {
            let shown = format!("{answer:?} {raised:?} {on_failure:?}");
            assert_eq!(ask(answer, raised, on_failure).await, expected, "{shown}");
        }
    }

    #[tokio::test]
    async fn a_function_that_is_not_invoked_has_failed() {
        let functions = MemoryFunctions::default();
        let name = FunctionName::parse("check").unwrap();
        functions.fail_next(1, &ServiceFailure::passing("all are busy"));
        for expected in ["all are busy", "ResourceNotFoundException: there is no function check"] {
            let function = function(name.clone(), Denies, Deny);
            let failure = function.ask(&functions, Bytes::new()).await.unwrap_err();
            assert_eq!(failure.to_string(), format!("the function was not invoked: {expected}"));
        }
    }
}
