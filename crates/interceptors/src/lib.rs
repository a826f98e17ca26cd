//! Interceptors: what is asked before a device is provisioned, one file each.
//!
//! [`PreparedInterceptors`] holds them ready, as the settings have them; [`Chain`] asks them about one device.

mod answer;
mod chain;
mod config;
mod crl;
mod entry_list;
mod executable;
mod failure;
mod function;
mod list;
mod prepared;
mod quota;
#[cfg(test)]
mod testing;
mod watched;
mod webhook;

pub use chain::{Chain, Ports};
pub use config::{Config, Limits};
pub use entry_list::{ENTRIES_MAX, ENTRY_BYTES_MAX, EntryList, ListError};
pub use prepared::{PrepareError, PreparedInterceptors};
