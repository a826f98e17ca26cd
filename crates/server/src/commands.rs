//! The subcommands, one file each.

pub(crate) mod api;
pub(crate) mod ca;
pub(crate) mod config;
pub(crate) mod deliveries;
pub(crate) mod demo;
pub(crate) mod device;
pub(crate) mod env;
pub(crate) mod explain;
pub(crate) mod functions;
pub(crate) mod policy;
pub(crate) mod registrations;
pub(crate) mod rules;
pub(crate) mod serve;
pub(crate) mod simulate;
