use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use landfall_model::{CaCertificate, CaStatus, Certificate, UnixTime};
use landfall_registry::conformance::samples::{
    CA, LATER, NOW, ca_certificate, event, id, pending, policy_name, thing_name,
};
use landfall_registry::{
    CaCertificates, Certificates, Outbox, PageRequest, Policies, RegistrationCodes, Registrations, Registry,
    StorageError, Things,
};
use rusqlite::Connection;

use super::{config, open, registration, transaction};
use crate::{Config, OpenError, SqliteRegistry};

#[tokio::test]
async fn reopening_finds_everything() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    let code = landfall_model::RegistrationCode::from_bytes([7; 32]);
    let setup = transaction(|tx| {
        tx.insert_ca_certificate(ca_certificate(CA));
        tx.ensure_registration_code(code.clone());
    });
    registry.commit(setup).await.unwrap();
    registry.commit(registration(1)).await.unwrap();
    let view = registry.view(id(1), CA).await.unwrap();
    let thing = registry.thing_view(&thing_name("thing-1")).await.unwrap();
    let events = registry.pending_events(None, 9).await.unwrap();
    let records = registry.records(PageRequest::first(9)).await.unwrap();
    assert!(view.principal.is_some() && thing.is_some() && events.len() == 1 && records.items.len() == 1);
    drop(registry);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap()).collect();
    let log = left.iter().find(|entry| entry.file_name() == "registry.db-wal");
    assert_eq!(log.map_or(0, |log| log.metadata().unwrap().len()), 0, "closing empties the log");

    let registry = open(directory.path());
    assert_eq!(registry.view(id(1), CA).await.unwrap(), view);
    assert_eq!(registry.thing_view(&thing_name("thing-1")).await.unwrap(), thing);
    assert_eq!(registry.pending_events(None, 9).await.unwrap(), events);
    assert_eq!(registry.records(PageRequest::first(9)).await.unwrap(), records);
    assert_eq!(registry.registration_code().await.unwrap(), Some(code));
    assert!(registry.policy(&policy_name("iot-access-policy")).await.unwrap().is_some());
}

/// Whatever the clock shows, what comes later stands later.
#[tokio::test]
async fn the_order_stays_when_the_clock_goes_back() {
    let directory = tempfile::tempdir().unwrap();
    for (number, at) in [(1, LATER), (2, NOW), (3, UnixTime::from_secs(0)), (4, UnixTime::from_secs(-9))] {
        let registry = open(directory.path());
        let certificate = Certificate { registered_at: at, ..pending(number) };
        registry.commit(transaction(|tx| tx.insert_certificate(certificate))).await.unwrap();
    }
    let listed = open(directory.path()).certificates(None, PageRequest::first(9)).await.unwrap();
    assert_eq!(listed.items.iter().map(|c| c.id).collect::<Vec<_>>(), [1, 2, 3, 4].map(id));
}

/// An event stands behind those that were delivered, although no row knows of them any more.
#[tokio::test]
async fn an_event_id_is_not_given_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut last = None;
    for number in [3, 2, 1] {
        let registry = open(directory.path());
        registry.commit(transaction(|tx| tx.append(event(number)))).await.unwrap();
        let events = registry.pending_events(None, 9).await.unwrap();
        assert_eq!(events.len(), 1);
        assert!(Some(events[0].id) > last, "{number}");
        last = Some(events[0].id);
        registry.commit(transaction(|tx| tx.delivered(events[0].id))).await.unwrap();
    }
}

/// The same for a CA certificate, which is the other noun whose rows are deleted.
#[tokio::test]
async fn a_row_id_of_a_deleted_row_is_not_given_again() {
    let directory = tempfile::tempdir().unwrap();
    let inactive = CaCertificate { status: CaStatus::Inactive, registered_at: LATER, ..ca_certificate(CA) };
    let registry = open(directory.path());
    registry.commit(transaction(|tx| tx.insert_ca_certificate(inactive.clone()))).await.unwrap();
    registry.commit(transaction(|tx| tx.delete_ca_certificate(CA))).await.unwrap();
    drop(registry);
    let registry = open(directory.path());
    let again = CaCertificate { registered_at: NOW, ..inactive };
    registry.commit(transaction(|tx| tx.insert_ca_certificate(again))).await.unwrap();
    assert!(registry.ca_certificate(CA).await.unwrap().is_some());
    drop(registry);
    let connection = Connection::open(config(directory.path()).path).unwrap();
    let rid: i64 = connection.query_row("SELECT rid FROM ca_certificates", [], |row| row.get(0)).unwrap();
    assert_eq!(rid, (LATER.as_millis() << 20) + 1);
}

#[test]
fn a_directory_has_one_registry_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    match SqliteRegistry::open(config(directory.path())) {
        Err(OpenError::InUse { directory: found }) => assert_eq!(found, directory.path()),
        other => panic!("{:?}", other.err()),
    }
    drop(first);
    drop(open(directory.path()));
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = SqliteRegistry::open(Config::new(directory.path().join("no/registry.db"))).err().unwrap();
    assert!(matches!(&error, OpenError::Lock { path, .. } if path.ends_with("no/registry.lock")), "{error}");
}

#[test]
fn a_newer_schema_is_refused_with_both_versions_and_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let path = config(directory.path()).path;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&path).unwrap();
    let error = SqliteRegistry::open(config(directory.path())).err().unwrap();
    assert!(matches!(error, OpenError::NewerSchema { found: 99, known: 1, .. }), "{error}");
    let text = error.to_string();
    for part in ["registry.db", "99", "up to 1", "run the landfall that wrote it or a newer one"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert_eq!(fs::read(&path).unwrap(), before, "the database is as it was");
}

#[test]
fn what_is_no_registry_is_refused_and_left_as_it_is() {
    let of_another_program = |path: &Path| {
        let other = Connection::open(path).unwrap();
        other.execute_batch("CREATE TABLE notes (text TEXT); PRAGMA user_version = 1").unwrap();
    };
    let garbage = |path: &Path| fs::write(path, "no database at all. ".repeat(999)).unwrap();
    let damaged = |path: &Path| {
        drop(SqliteRegistry::open(Config::new(path)).unwrap());
        let file = fs::File::options().write(true).open(path).unwrap();
        file.write_all_at(&[0xee; 3_900], 100).unwrap();
    };
    for (write, expected) in [
        (of_another_program as fn(&Path), "is the database of another program"),
        (garbage, "is no SQLite database or is damaged"),
        (damaged, "is no SQLite database or is damaged"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = config(directory.path()).path;
        write(&path);
        let before = fs::read(&path).unwrap();
        let error = SqliteRegistry::open(config(directory.path())).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before, "{error}");
    }
}

/// A value that this version would not write is told with its place, and nothing panics.
#[tokio::test]
async fn an_inconsistent_value_is_told_with_its_place() {
    for (table, column, value) in [
        ("certificates", "cert_id", "x'00'"),
        ("certificates", "status", "9"),
        ("certificates", "status", "0"),
        ("certificates", "creation", "x'00'"),
        ("things", "name", "'a b'"),
        ("things", "attrs", "'{'"),
        ("things", "attrs", "'{\"a b\":\"\"}'"),
        ("things", "version", "-1"),
        ("policies", "version", "0"),
        ("events", "kind", "9"),
        ("events", "body", "'{}'"),
        ("registrations", "outcome", "9"),
        ("registrations", "thing", "NULL"),
        ("ca_certificates", "mode", "0"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let registry = open(directory.path());
        let setup = transaction(|tx| tx.insert_ca_certificate(ca_certificate(CA)));
        registry.commit(setup).await.unwrap();
        registry.commit(registration(1)).await.unwrap();
        let other = Connection::open(config(directory.path()).path).unwrap();
        other.execute(&format!("UPDATE {table} SET {column} = {value}"), []).unwrap();

        let everything = PageRequest::first(9);
        let results = [
            registry.certificates(None, everything).await.map(drop),
            registry.things(&Default::default(), everything).await.map(drop),
            registry.attached_policies(id(1), everything).await.map(drop),
            registry.pending_events(None, 9).await.map(drop),
            registry.records(everything).await.map(drop),
            registry.ca_certificates(everything).await.map(drop),
        ];
        let told = results.iter().any(|result| {
            matches!(result, Err(StorageError::Inconsistent { table: t, column: c, row, .. })
                if *t == table && *c == column && *row > 0)
        });
        assert!(told, "{table}.{column} = {value}: {results:?}");
    }
}
