//! Rules as their users have them: statements and templates, messages, and what comes out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test panics to tell of a fault")]

mod actions;
mod context;
mod document;
mod documentation;
mod hostile;
mod reference;
mod texts;
