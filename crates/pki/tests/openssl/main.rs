//! Landfall's certificates against the real OpenSSL: what it makes is read and verified, what we make it reads and
//! verifies, and real TLS handshakes run over both.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "helpers of tests are tests too, which clippy.toml cannot see"
)]

mod alternative_names;
mod chains;
mod crafted;
mod crl;
mod fixtures;
mod handshakes;
mod issuing;
mod pinned;
mod possession;
mod properties;
mod registrable;
mod requests;
mod s_client;
