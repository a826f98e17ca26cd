//! Functions run by the real programs: python3 with Lambda's runtime client, Node.js, and shell scripts as bootstraps.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod hostile;
mod layers;
mod node;
mod python;
mod sources;
mod support;
