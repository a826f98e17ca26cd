//! The policy language as its users see it: decisions of the AWS guides, error texts, explanations, findings, and the
//! properties that hold for every document.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test panics to tell of a fault")]

mod authorizer;
mod connection;
mod decisions;
mod hostile;
mod texts;
