//! Rule action `lambda`: invokes a function.

use async_trait::async_trait;
use bytes::Bytes;
use landfall_model::{FunctionName, Scope};
use landfall_services::{FunctionAnswer, FunctionInvoker, ServiceFailure};

/// Invokes nothing: for a server without functions.
#[derive(Clone, Copy, Debug, Default)]
pub struct FunctionsOff;

#[async_trait]
impl FunctionInvoker for FunctionsOff {
    async fn invoke(&self, function: &FunctionName, _event: Bytes) -> Result<FunctionAnswer, ServiceFailure> {
        Err(ServiceFailure::lasting(format!(
            "function {function} is not run: this server was started with --no-functions"
        )))
    }
}

/// Invokes a function and waits for its answer, which nobody gets: it only tells whether the function did its work, so that
/// one that was killed is invoked again.
///
/// # Errors
/// The function is not of this server, could not be invoked, or failed. AWS tries an asynchronous invocation whose function
/// failed again too (invocation-async-error-handling).
pub(crate) async fn invoke(
    functions: &dyn FunctionInvoker,
    scope: &Scope,
    function_arn: &str,
    event: Bytes,
) -> Result<(), ServiceFailure> {
    let function =
        scope.parse_function(function_arn).map_err(|problem| ServiceFailure::lasting(problem.to_string()))?;
    match functions.invoke(&function, event).await? {
        FunctionAnswer::Returned(_) => Ok(()),
        FunctionAnswer::Failed { error_type, message } => {
            Err(ServiceFailure::passing(format!("the function failed: {error_type}: {message}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use landfall_model::{AccountId, Region};
    use landfall_services::ServiceFailureKind::{Lasting, Passing};
    use landfall_services::memory::MemoryFunctions;

    use super::*;

    #[tokio::test]
    async fn the_answer_of_a_function_tells_whether_it_is_invoked_again() {
        let scope = Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        };
        let functions = MemoryFunctions::default();
        let failed = |_| {
            let (error_type, message) = ("Runtime.ExitError".to_owned(), "signal 9".to_owned());
            future::ready(FunctionAnswer::Failed { error_type, message })
        };
        let returned = |event| future::ready(FunctionAnswer::Returned(event));
        functions.insert(FunctionName::parse("good").unwrap(), returned);
        functions.insert(FunctionName::parse("bad").unwrap(), failed);
        for (function, expected) in [
            ("good", None),
            ("bad", Some((Passing, "the function failed: Runtime.ExitError: signal 9"))),
            ("absent", Some((Lasting, "ResourceNotFoundException: there is no function absent"))),
            ("good:7", Some((Lasting, "function good has neither versions nor aliases here"))),
        ] {
            let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{function}");
            let answer = invoke(&functions, &scope, &arn, Bytes::from_static(b"{}")).await;
            match (answer, expected) {
                (Ok(()), None) => {}
                (Err(failure), Some((kind, message))) => {
                    assert_eq!(failure.kind, kind, "{function}");
                    assert!(failure.message.starts_with(message), "{}", failure.message);
                }
                (answer, _) => panic!("{function}: {answer:?}"),
            }
        }
        let events: Vec<_> = functions.invocations().all().into_iter().map(|each| each.event).collect();
        assert_eq!(events, [Bytes::from_static(b"{}"), Bytes::from_static(b"{}")]);
        let off = invoke(&FunctionsOff, &scope, "good", Bytes::new()).await.unwrap_err();
        assert_eq!(off.kind, Lasting);
    }
}
