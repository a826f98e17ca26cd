//! The server over real HTTP, with a registry in memory.

mod authorization;
mod billing_groups;
mod ca_certificates;
mod certificates;
mod client;
mod errors;
mod event_configurations;
mod explanation;
mod landfall;
mod limits;
mod listing;
mod logging;
mod messages;
mod operations;
mod policies;
mod refusals;
mod samples;
mod tags;
mod thing_groups;
mod thing_types;
mod things;
mod world;
