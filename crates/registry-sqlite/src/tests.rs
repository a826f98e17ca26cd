mod durability;
mod migration;
mod opening;
mod rows;
mod statements;
mod sweeping;

use std::path::Path;
use std::sync::Arc;

use landfall_registry::conformance::samples::{CA, LATER, event, pending, plan, scope, success};
use landfall_registry::{Registry, Transaction};
use tempfile::TempDir;

use crate::{Config, SqliteRegistry};

mod with_default_limits {
    use super::*;

    landfall_registry::conformance_suite!(|| async { fresh(|_| {}) });
}

/// Each transaction is its own group, all but one wait for a place in the queue, and all reads share two connections.
mod with_the_smallest_limits {
    use super::*;

    landfall_registry::conformance_suite!(|| async {
        fresh(|config| {
            config.readers = 0;
            config.listing_readers = 0;
            config.transactions_max = 0;
            config.group_max = 0;
        })
    });
}

fn fresh(limit: impl FnOnce(&mut Config)) -> (Arc<dyn Registry>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    limit(&mut config);
    (SqliteRegistry::open(config).unwrap(), directory)
}

fn config(directory: &Path) -> Config {
    Config::new(directory.join("registry.db"))
}

fn open(directory: &Path) -> Arc<SqliteRegistry> {
    SqliteRegistry::open(config(directory)).unwrap()
}

fn transaction(build: impl FnOnce(&mut Transaction)) -> Transaction {
    let mut transaction = Transaction::new();
    build(&mut transaction);
    transaction
}

/// All that the built-in registrar writes for one device.
fn registration(number: u32) -> Transaction {
    transaction(|tx| {
        tx.register(pending(number), CA);
        tx.provision(&plan(number), &scope(), LATER);
        tx.append(event(number));
        tx.record(success(number));
    })
}
