//! The server over real HTTP, with a registry in memory.

mod client;
mod errors;
mod landfall;
mod limits;
mod operations;
mod refusals;
mod samples;
mod world;
