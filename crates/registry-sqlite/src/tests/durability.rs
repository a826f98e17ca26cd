use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use landfall_model::{CertificateStatus, Outcome};
use landfall_registry::conformance::samples::{
    CA, ca_certificate, event, group_name, id, pending, thing, thing_group, thing_name,
};
use landfall_registry::{
    Certificates, Change, CommitError, CommitObserver, Committed, EventId, Outbox, PageRequest,
    Registrations, Registry, StorageError, ThingFilter, ThingGroups, Things, Transaction,
};
use rusqlite::Connection;
use tokio::task::JoinSet;

use super::{config, open, registration, transaction};
use crate::SqliteRegistry;

/// Commits all at once.
async fn together(
    registry: &Arc<SqliteRegistry>,
    transactions: impl IntoIterator<Item = Transaction>,
) -> Vec<Result<Committed, CommitError>> {
    let mut tasks = JoinSet::new();
    for (position, transaction) in transactions.into_iter().enumerate() {
        let registry = Arc::clone(registry);
        tasks.spawn(async move { (position, registry.commit(transaction).await) });
    }
    let mut results = tasks.join_all().await;
    results.sort_by_key(|(position, _)| *position);
    results.into_iter().map(|(_, result)| result).collect()
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_told_and_is_got_over() {
    const PAGES: u32 = 120;
    let directory = tempfile::tempdir().unwrap();
    let registry = SqliteRegistry::open_with(config(directory.path()), |connection| {
        connection.query_row(&format!("PRAGMA max_page_count = {PAGES}"), [], |_| Ok(()))
    })
    .unwrap();
    let device = |number| {
        transaction(|tx| {
            tx.insert_certificate(pending(number));
            tx.append(event(number));
        })
    };
    let results = together(&registry, (0..400).map(device)).await;
    let full =
        results.iter().filter(|result| matches!(result, Err(CommitError::Storage(StorageError::Full))));
    let told = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(full.count() + told, results.len(), "{results:?}");
    assert!((100..300).contains(&told), "{told} were told that they are registered");
    for (number, result) in (0..).zip(&results) {
        let is_there = registry.certificate(id(number)).await.unwrap().is_some();
        assert_eq!(is_there, result.is_ok(), "{number}: {result:?}");
    }
    assert_eq!(registry.pending_events(None, 999).await.unwrap().len(), told);

    // Delivered events make room.
    registry.commit(transaction(|tx| tx.delivered(EventId::new(i64::MAX)))).await.unwrap();
    registry.commit(device(1_000)).await.unwrap();
    drop(registry);
    let registry = open(directory.path());
    assert!(registry.certificate(id(1_000)).await.unwrap().is_some());
    let listed = registry.certificates(None, PageRequest::first(999)).await.unwrap();
    assert_eq!(listed.items.len(), told + 1);
}

#[tokio::test]
async fn when_the_group_cannot_be_committed_none_is_told_success() {
    let directory = tempfile::tempdir().unwrap();
    let registry = SqliteRegistry::open_with(config(directory.path()), |connection| {
        connection.pragma_update(None, "foreign_keys", true)
    })
    .unwrap();
    let listener = Arc::new(Counter::default());
    registry.observe(Arc::clone(&listener) as Arc<dyn CommitObserver>);
    // A thing now breaks a constraint that is checked by COMMIT alone.
    let other = Connection::open(config(directory.path()).path).unwrap();
    other
        .execute_batch(
            "CREATE TABLE nowhere (id INTEGER PRIMARY KEY);
            CREATE TABLE broken (id INTEGER REFERENCES nowhere (id) DEFERRABLE INITIALLY DEFERRED);
            CREATE TRIGGER break_commit AFTER INSERT ON things BEGIN INSERT INTO broken VALUES (1); END;",
        )
        .unwrap();
    let with_thing = |number: u32| {
        transaction(|tx| {
            tx.insert_certificate(pending(number));
            if number % 4 == 2 {
                tx.insert_thing(thing(&format!("t{number}")));
            }
        })
    };
    let results = together(&registry, (0..32).map(with_thing)).await;
    for (number, result) in (0..).zip(&results) {
        let failed = matches!(result, Err(CommitError::Storage(StorageError::Failed(_))));
        assert!(failed || result.is_ok(), "{number}: {result:?}");
        assert!(failed || number % 4 != 2, "{number} has a thing");
        let is_there = registry.certificate(id(number)).await.unwrap().is_some();
        assert_eq!(is_there, result.is_ok(), "{number}: {result:?}");
    }
    assert_eq!(listener.count(), results.iter().filter(|result| result.is_ok()).count());

    other.execute_batch("DROP TRIGGER break_commit; DROP TABLE broken; DROP TABLE nowhere").unwrap();
    let results = together(&registry, (100..108).map(with_thing)).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[tokio::test]
async fn closing_carries_out_what_was_handed_over() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    let mut tasks = JoinSet::new();
    let handed_over = Arc::new(AtomicUsize::new(0));
    for number in 0..200 {
        let (registry, handed_over) = (Arc::clone(&registry), Arc::clone(&handed_over));
        let transaction = transaction(|tx| tx.insert_certificate(pending(number)));
        tasks.spawn(async move {
            // The hand-over is in the same turn of this task: the queue has place.
            handed_over.fetch_add(1, Ordering::SeqCst);
            (number, registry.commit(transaction).await)
        });
    }
    while handed_over.load(Ordering::SeqCst) < 200 {
        tokio::task::yield_now().await;
    }
    registry.close().await;
    registry.close().await;
    for (number, result) in tasks.join_all().await {
        assert!(result.is_ok(), "{number}: {result:?}");
        assert!(registry.certificate(id(number)).await.unwrap().is_some(), "reads go on");
    }
    let late = registry.commit(transaction(|tx| tx.insert_certificate(pending(999)))).await;
    assert!(matches!(late, Err(CommitError::Storage(StorageError::Closed))), "{late:?}");
    let listed = registry.certificates(None, PageRequest::first(999)).await.unwrap();
    assert_eq!(listed.items.len(), 200);
}

/// Counts the transactions of which it hears, and panics at each.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Counter {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl CommitObserver for Counter {
    fn committed(&self, _: &[Change]) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("an observer of the tests");
    }
}

#[tokio::test]
async fn an_observer_that_panics_does_not_end_the_writer() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    let counters = [Arc::new(Counter::default()), Arc::new(Counter::default())];
    counters.iter().for_each(|counter| registry.observe(Arc::clone(counter) as Arc<dyn CommitObserver>));
    for number in 1..=3 {
        registry.commit(transaction(|tx| tx.insert_certificate(pending(number)))).await.unwrap();
    }
    assert_eq!(counters.each_ref().map(|counter| counter.count()), [3, 3]);
}

/// Names the directory in which the child of the next test registers devices, and so says that it is the child.
const CHILD_DIRECTORY: &str = "LANDFALL_TEST_REGISTRY_DIRECTORY";

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_told_and_leaves_nothing_half() {
    // The test is its own child process.
    if let Some(directory) = env::var_os(CHILD_DIRECTORY) {
        return register_until_killed(&PathBuf::from(directory)).await;
    }
    const TOLD_BEFORE_THE_KILL: usize = 300;
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::durability::a_killed_process_loses_nothing_that_was_told_and_leaves_nothing_half",
        ])
        .args(["--nocapture"])
        .env(CHILD_DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BTreeSet::new();
    let mut is_killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        told.extend(line.unwrap().strip_prefix("registered ").and_then(|number| number.parse::<u32>().ok()));
        if told.len() >= TOLD_BEFORE_THE_KILL && !is_killed {
            child.kill().unwrap();
            is_killed = true;
        }
    }
    child.wait().unwrap();
    assert!(told.len() >= TOLD_BEFORE_THE_KILL, "the child told of {} devices", told.len());

    let registry = open(directory.path());
    for number in &told {
        let view = registry.view(id(*number), CA).await.unwrap();
        assert!(view.certificate.is_some(), "{number} was told that it is registered");
    }
    let everything = PageRequest::first(u32::MAX);
    let certificates = registry.certificates(None, everything).await.unwrap().items;
    for certificate in &certificates {
        assert_eq!(certificate.status, CertificateStatus::Active);
        let principal = registry.view(certificate.id, CA).await.unwrap().principal.unwrap();
        assert_eq!((principal.things.len(), principal.policies.len()), (1, 1));
        let records = registry.certificate_records(certificate.id).await.unwrap();
        let name = &principal.things[0].name;
        assert!(
            matches!(&records[..], [r] if matches!(&r.outcome, Outcome::Success { thing, .. } if thing == name))
        );
    }
    let things = registry.things(&ThingFilter::default(), everything).await.unwrap().items;
    for thing in &things {
        let principals = registry.thing_principals(&thing.name, None, everything).await.unwrap();
        assert_eq!(principals.items.len(), 1, "{}", thing.name);
    }
    let names: Vec<_> = things.iter().map(|thing| thing.name.clone()).collect();
    for (group, is_recursive, expected) in
        [("leaf", false, &names[..]), ("root", true, &names), ("root", false, &[])]
    {
        let things = registry.thing_group_things(&group_name(group), is_recursive, everything).await.unwrap();
        assert_eq!(things.items, expected, "{group}");
    }
    let events = registry.pending_events(None, u32::MAX).await.unwrap();
    assert_eq!((things.len(), events.len()), (certificates.len(), certificates.len()));

    // And it goes on: the next device registers.
    let next = told.iter().max().unwrap() + 10_000;
    registry.commit(registration(next)).await.unwrap();
    assert!(registry.thing(&thing_name(&format!("thing-{next}"))).await.unwrap().is_some());
}

/// Registers devices, and says so on standard output, until the parent kills this process.
async fn register_until_killed(directory: &Path) {
    let registry = open(directory);
    let setup = transaction(|tx| {
        tx.insert_ca_certificate(ca_certificate(CA));
        tx.insert_thing_group(thing_group("root", None));
        tx.insert_thing_group(thing_group("leaf", Some("root")));
    });
    registry.commit(setup).await.unwrap();
    let mut tasks = JoinSet::new();
    // The limit is of a child that nobody kills: its parent is gone.
    for number in 0..20_000 {
        let registry = Arc::clone(&registry);
        tasks.spawn(async move {
            let mut registration = registration(number);
            registration.add_thing_to_group(group_name("leaf"), thing_name(&format!("thing-{number}")));
            registry.commit(registration).await.unwrap();
            number
        });
        if number >= 64 {
            let number = tasks.join_next().await.unwrap().unwrap();
            writeln!(std::io::stdout(), "registered {number}").unwrap();
        }
    }
}
