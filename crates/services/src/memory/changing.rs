use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// A value whose changes others can wait for.
pub(super) struct Changing<T>(Mutex<Watched<T>>);

struct Watched<T> {
    value: T,
    waiting: Vec<Waker>,
}

impl<T> Changing<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(Watched { value, waiting: Vec::new() }))
    }

    /// Reads or changes the value, and lets everybody who waits look at it again.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut watched = self.watched();
        let result = change(&mut watched.value);
        let waiting = mem::take(&mut watched.waiting);
        drop(watched);
        waiting.into_iter().for_each(Waker::wake);
        result
    }

    /// Waits until `look` finds what it looks for. Cancel safe: what `look` changes, it changes when it finds something.
    pub(super) async fn until<R>(&self, mut look: impl FnMut(&mut T) -> Option<R>) -> R {
        poll_fn(|context| {
            let mut watched = self.watched();
            if let Some(found) = look(&mut watched.value) {
                return Poll::Ready(found);
            }
            if !watched.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                watched.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn watched(&self) -> MutexGuard<'_, Watched<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Default for Changing<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Changing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.watched().value.fmt(f)
    }
}
