//! What one process and its Runtime API have between them: who of both has the turn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::invocation::{FunctionFailure, RequestId};

/// What a runtime is given to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The id of the invocation.
    pub(crate) request_id: RequestId,
    /// When it must have answered, in milliseconds since the epoch.
    pub(crate) deadline_ms: i64,
    /// The ARN of the function.
    pub(crate) function_arn: Arc<str>,
    /// The trace that the invocation is part of, as X-Ray has them.
    pub(crate) trace_id: String,
    /// The event.
    pub(crate) body: Bytes,
}

/// What a runtime answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What the function returned.
    Returned(Bytes),
    /// How it failed.
    Failed(FunctionFailure),
}

/// What the runtime is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It starts, and has not asked for work yet.
    Starting,
    /// It said that it cannot start.
    InitFailed(FunctionFailure),
    /// It waits for work.
    Ready,
    /// It has work, or has answered and not yet asked for more.
    Working,
}

/// A request that does not fit what the runtime is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is of another invocation than the one under way.
    RequestId,
    /// It is out of turn.
    State,
}

/// The turn of one process. Each method is short and never waits.
pub(crate) struct Exchange {
    turn: Mutex<Turn>,
    phase: watch::Sender<Phase>,
}

/// A runtime's request for work, which is withdrawn when this is dropped.
pub(crate) struct Request {
    exchange: Arc<Exchange>,
    event: oneshot::Receiver<Event>,
}

enum Turn {
    /// The runtime starts, or has answered and not yet asked for more.
    Runtime,
    /// The runtime waits.
    Waiting(oneshot::Sender<Event>),
    /// The runtime works on an invocation.
    Invoked(RequestId, oneshot::Sender<Answer>),
}

impl Exchange {
    pub(crate) fn new() -> Arc<Self> {
        let (phase, _) = watch::channel(Phase::Starting);
        Arc::new(Self { turn: Mutex::new(Turn::Runtime), phase })
    }

    /// What the runtime is about, now and from now on.
    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Gives the runtime work, if it waits for some. The receiver gets the answer, or is told that none comes.
    pub(crate) fn invoke(&self, event: Event) -> Result<oneshot::Receiver<Answer>, Event> {
        let mut turn = self.turn();
        match std::mem::replace(&mut *turn, Turn::Runtime) {
            Turn::Waiting(runtime) => {
                let request_id = event.request_id;
                runtime.send(event)?;
                let (answer, answered) = oneshot::channel();
                *turn = Turn::Invoked(request_id, answer);
                self.phase.send_replace(Phase::Working);
                Ok(answered)
            }
            other @ (Turn::Runtime | Turn::Invoked(..)) => {
                *turn = other;
                Err(event)
            }
        }
    }

    /// The runtime asks for work.
    pub(crate) fn next(self: &Arc<Self>) -> Result<Request, Refused> {
        let mut turn = self.turn();
        match *turn {
            Turn::Invoked(..) => Err(Refused::State),
            // A second request takes the place of the first, which is one that the runtime gave up.
            Turn::Runtime | Turn::Waiting(_) => {
                let (give, event) = oneshot::channel();
                *turn = Turn::Waiting(give);
                self.phase.send_replace(Phase::Ready);
                Ok(Request { exchange: Arc::clone(self), event })
            }
        }
    }

    /// The runtime answers an invocation.
    pub(crate) fn answer(&self, request_id: &str, answer: Answer) -> Result<(), Refused> {
        let mut turn = self.turn();
        match std::mem::replace(&mut *turn, Turn::Runtime) {
            Turn::Invoked(invoked, caller) if invoked.to_string() == request_id => {
                // A caller that does not wait any more has been told that the time was up.
                let _ = caller.send(answer);
                Ok(())
            }
            other @ (Turn::Runtime | Turn::Waiting(_) | Turn::Invoked(..)) => {
                *turn = other;
                Err(Refused::RequestId)
            }
        }
    }

    /// The runtime says that it cannot start.
    pub(crate) fn init_failed(&self, failure: FunctionFailure) -> Result<(), Refused> {
        let _turn = self.turn();
        let is_new = self.phase.send_if_modified(|phase| {
            let is_starting = *phase == Phase::Starting;
            if is_starting {
                *phase = Phase::InitFailed(failure);
            }
            is_starting
        });
        if is_new { Ok(()) } else { Err(Refused::State) }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Request {
    /// Waits for work. None comes when a later request took the place of this one.
    pub(crate) async fn event(mut self) -> Option<Event> {
        (&mut self.event).await.ok()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.event.close();
        let is_lost = self.event.try_recv().is_ok();
        let mut turn = self.exchange.turn();
        let is_withdrawn = match &*turn {
            Turn::Waiting(give) => give.is_closed(),
            // The work was given to a connection that is gone: its caller is told that no answer comes.
            Turn::Invoked(..) => is_lost,
            Turn::Runtime => false,
        };
        if is_withdrawn {
            *turn = Turn::Runtime;
            self.exchange.phase.send_replace(Phase::Working);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    fn event() -> Event {
        Event {
            request_id: RequestId::random(),
            deadline_ms: 1,
            function_arn: "arn".into(),
            trace_id: String::new(),
            body: Bytes::from_static(b"{}"),
        }
    }

    fn returned() -> Answer {
        Answer::Returned(Bytes::from_static(b"1"))
    }

    #[tokio::test]
    async fn work_goes_to_the_runtime_and_its_answer_to_the_caller() {
        let exchange = Exchange::new();
        for _ in 0..2 {
            let request = exchange.next().unwrap();
            assert_eq!(*exchange.phase().borrow(), Phase::Ready);
            let event = event();
            let answered = exchange.invoke(event.clone()).unwrap();
            assert_eq!(*exchange.phase().borrow(), Phase::Working);
            assert_eq!(request.event().await, Some(event.clone()));
            exchange.answer(&event.request_id.to_string(), returned()).unwrap();
            assert_eq!(answered.await, Ok(returned()));
        }
    }

    #[tokio::test]
    async fn nobody_speaks_out_of_turn() {
        let exchange = Exchange::new();
        assert!(exchange.invoke(event()).is_err(), "the runtime has not asked");
        assert_eq!(exchange.answer("x", returned()), Err(Refused::RequestId));
        let request = exchange.next().unwrap();
        let given = event();
        let answered = exchange.invoke(given.clone()).unwrap();
        assert!(exchange.invoke(event()).is_err(), "the runtime works");
        assert!(request.event().await.is_some());
        assert_eq!(exchange.next().err(), Some(Refused::State), "it has not answered");
        let other = RequestId::random().to_string();
        assert_eq!(exchange.answer(&other, returned()), Err(Refused::RequestId));
        exchange.answer(&given.request_id.to_string(), returned()).unwrap();
        let again = exchange.answer(&given.request_id.to_string(), returned());
        assert_eq!(again, Err(Refused::RequestId), "it answers twice");
        assert!(answered.await.is_ok());
        let failure = FunctionFailure::new("E", "late".to_owned());
        assert_eq!(exchange.init_failed(failure), Err(Refused::State), "it had started");
    }

    #[test]
    fn a_request_that_is_withdrawn_gets_no_work() {
        let exchange = Exchange::new();
        let first = exchange.next().unwrap();
        drop(first);
        assert_eq!(*exchange.phase().borrow(), Phase::Working);
        assert!(exchange.invoke(event()).is_err());
        let (first, second) = (exchange.next().unwrap(), exchange.next().unwrap());
        drop(first);
        assert_eq!(*exchange.phase().borrow(), Phase::Ready, "the later one still waits");
        let mut answered = exchange.invoke(event()).unwrap();
        assert!(answered.try_recv().is_err_and(|error| error == TryRecvError::Empty));
        drop(second);
        assert!(answered.try_recv().is_err_and(|error| error == TryRecvError::Closed), "nobody has the work");
    }

    #[test]
    fn the_first_failure_to_start_counts() {
        let exchange = Exchange::new();
        let failure = |text: &str| FunctionFailure::new("E", text.to_owned());
        exchange.init_failed(failure("one")).unwrap();
        assert_eq!(exchange.init_failed(failure("two")), Err(Refused::State));
        assert_eq!(*exchange.phase().borrow(), Phase::InitFailed(failure("one")));
    }
}
