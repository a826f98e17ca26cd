use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use landfall_model::FunctionName;

use super::Record;
use super::changing::Changing;
use super::faults::Faults;
use crate::{FunctionAnswer, FunctionInvoker, ServiceFailure};

type Answer = Arc<dyn Fn(Bytes) -> Pin<Box<dyn Future<Output = FunctionAnswer> + Send>> + Send + Sync>;

/// Functions in memory: closures.
#[derive(Default)]
pub struct MemoryFunctions {
    functions: Changing<HashMap<FunctionName, Answer>>,
    invocations: Record<Invocation>,
    faults: Faults,
}

/// An invocation of a function in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The function.
    pub function: FunctionName,
    /// The event.
    pub event: Bytes,
}

impl MemoryFunctions {
    /// Makes a function that answers so; one of the same name is replaced. One that never answers: `|_| pending()`.
    pub fn insert<F, A>(&self, function: FunctionName, answer: F)
    where
        F: Fn(Bytes) -> A + Send + Sync + 'static,
        A: Future<Output = FunctionAnswer> + Send + 'static,
    {
        let answer: Answer = Arc::new(move |event| Box::pin(answer(event)));
        self.functions.with(|functions| functions.insert(function, answer));
    }

    /// What was invoked, written before the function answers; calls that were made to fail are not in it.
    pub fn invocations(&self) -> &Record<Invocation> {
        &self.invocations
    }

    /// The next `count` calls fail.
    pub fn fail_next(&self, count: usize, failure: &ServiceFailure) {
        self.faults.fail_next(count, failure);
    }
}

impl fmt::Debug for MemoryFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.functions.with(|functions| functions.keys().cloned().collect::<Vec<_>>());
        f.debug_struct("MemoryFunctions").field("functions", &names).finish_non_exhaustive()
    }
}

#[async_trait]
impl FunctionInvoker for MemoryFunctions {
    async fn invoke(&self, function: &FunctionName, event: Bytes) -> Result<FunctionAnswer, ServiceFailure> {
        self.faults.check()?;
        let answer = self.functions.with(|functions| functions.get(function).cloned());
        let Some(answer) = answer else {
            return Err(ServiceFailure::lasting(format!(
                "ResourceNotFoundException: there is no function {function}"
            )));
        };
        self.invocations.push(Invocation { function: function.clone(), event: event.clone() });
        Ok(answer(event).await)
    }
}

#[cfg(test)]
mod tests {
    use std::future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::ServiceFailureKind;
    use crate::memory::queues::tests::ready;

    #[test]
    fn a_function_answers_by_its_closure() {
        let functions = MemoryFunctions::default();
        let [echo, stuck, absent] =
            ["echo", "stuck", "absent"].map(|name| FunctionName::parse(name).unwrap());
        functions.insert(echo.clone(), |event| future::ready(FunctionAnswer::Returned(event)));
        functions.insert(stuck.clone(), |_| future::pending());

        let event = Bytes::from_static(b"{}");
        assert_eq!(
            ready(functions.invoke(&echo, event.clone())),
            Ok(FunctionAnswer::Returned(event.clone()))
        );
        let mut waiting = pin!(functions.invoke(&stuck, event.clone()));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let failure = ready(functions.invoke(&absent, event.clone())).unwrap_err();
        assert_eq!(failure.kind, ServiceFailureKind::Lasting);
        assert_eq!(
            functions.invocations().all(),
            [&echo, &stuck].map(|name| Invocation { function: name.clone(), event: event.clone() })
        );
    }

    #[test]
    fn as_many_calls_fail_as_were_told_to() {
        let functions = MemoryFunctions::default();
        let echo = FunctionName::parse("echo").unwrap();
        functions.insert(echo.clone(), |event| future::ready(FunctionAnswer::Returned(event)));
        let failure = ServiceFailure::passing("TooManyRequestsException: all are busy");
        functions.fail_next(2, &failure);
        for _ in 0..2 {
            assert_eq!(ready(functions.invoke(&echo, Bytes::new())), Err(failure.clone()));
        }
        assert!(ready(functions.invoke(&echo, Bytes::new())).is_ok());
        assert_eq!(functions.invocations().all().len(), 1);
    }
}
