//! The members that a deleted thing group has left stand for nothing, and are swept.

use std::path::Path;

use landfall_model::PolicyTarget;
use landfall_registry::conformance::samples::{
    group_name, id, pending, policy, policy_name, thing, thing_group, thing_name,
};
use landfall_registry::{Certificates, PageRequest, Policies, Registry, ThingGroups};
use rusqlite::Connection;

use super::{config, open, transaction};
use crate::SqliteRegistry;

/// Three levels with a policy each at the ends, and things in the last, of which the first is attached to a certificate.
async fn fill(registry: &SqliteRegistry, things: u32) {
    let fill = transaction(|tx| {
        for (name, parent) in [("root", None), ("mid", Some("root")), ("leaf", Some("mid"))] {
            tx.insert_thing_group(thing_group(name, parent));
        }
        for number in 0..things {
            tx.insert_thing(thing(&format!("t{number}")));
            tx.add_thing_to_group(group_name("leaf"), thing_name(&format!("t{number}")));
        }
        tx.insert_certificate(pending(1));
        tx.attach_thing(id(1), thing_name("t0"));
        tx.insert_policy(policy("p", "{}"));
        tx.attach_policy(PolicyTarget::ThingGroup(group_name("root")), policy_name("p"));
    });
    registry.commit(fill).await.unwrap();
}

/// What a process leaves that ends just after it has deleted the last group. `is_known`: whether it is known what to sweep.
fn delete_unswept(directory: &Path, is_known: bool) {
    let connection = Connection::open(config(directory).path).unwrap();
    let known = if is_known {
        "INSERT INTO deleted_thing_groups SELECT rid FROM thing_groups WHERE name = 'leaf';"
    } else {
        ""
    };
    let delete =
        "DELETE FROM thing_group_below WHERE below = (SELECT rid FROM thing_groups WHERE name = 'leaf');
        DELETE FROM thing_groups WHERE name = 'leaf';";
    connection.execute_batch(&format!("{known} {delete}")).unwrap();
}

/// How many rows of members there are, and how many groups are to be swept.
fn left(directory: &Path) -> (u32, u32) {
    let connection = Connection::open(config(directory).path).unwrap();
    let count = |table: &str| {
        connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    (count("group_member"), count("deleted_thing_groups"))
}

/// A sweep follows each commit before the next one is carried out.
async fn commit_often(registry: &SqliteRegistry, times: u32) {
    for number in 0..times {
        registry.commit(transaction(|tx| tx.insert_thing(thing(&format!("n{number}"))))).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_deleted_group_has_left_stands_for_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    fill(&registry, 2).await;
    registry.close().await;
    drop(registry);
    delete_unswept(directory.path(), false);
    let registry = open(directory.path());
    commit_often(&registry, 2).await;
    assert_eq!(left(directory.path()), (6, 0), "this test is about rows that are there");

    let page = PageRequest::first(9);
    let assert_in = async |groups: &[&str], is_in_root: bool| {
        let found = registry.thing_groups_of(&thing_name("t0"), page).await.unwrap().items;
        assert_eq!(found.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), groups);
        let expected = usize::from(is_in_root);
        let things = registry.thing_group_things(&group_name("root"), true, page).await.unwrap();
        assert_eq!(things.items.len(), expected);
        let principal = registry.principal(id(1)).await.unwrap().unwrap();
        assert_eq!(principal.things[0].policies.len(), expected);
        let of_thing = registry.effective_policies(None, Some(&thing_name("t0"))).await.unwrap();
        assert_eq!(of_thing.len(), expected);
    };
    assert_in(&[], false).await;
    // It takes the place of what is left, and goes again.
    let add = transaction(|tx| tx.add_thing_to_group(group_name("mid"), thing_name("t0")));
    registry.commit(add).await.unwrap();
    assert_in(&["mid"], true).await;
    let remove = transaction(|tx| tx.remove_thing_from_group(group_name("mid"), thing_name("t0")));
    registry.commit(remove).await.unwrap();
    assert_in(&[], false).await;
    assert_eq!(left(directory.path()), (4, 0));
}

#[tokio::test]
async fn a_deleted_group_is_swept_bit_by_bit() {
    const THINGS: u32 = 700;
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    fill(&registry, THINGS).await;
    let keep = transaction(|tx| {
        tx.insert_thing_group(thing_group("other", None));
        tx.add_thing_to_group(group_name("other"), thing_name("t0"));
    });
    registry.commit(keep).await.unwrap();
    assert_eq!(left(directory.path()), (3 * THINGS + 1, 0));
    let leaf = thing_group("leaf", None);
    registry.commit(transaction(|tx| tx.delete_thing_group(leaf.name, leaf.id, 1))).await.unwrap();
    commit_often(&registry, 3).await;
    assert_eq!(left(directory.path()), (1, 0));
}

#[tokio::test]
async fn a_sweep_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    fill(&registry, 700).await;
    registry.close().await;
    drop(registry);
    delete_unswept(directory.path(), true);
    assert_eq!(left(directory.path()), (2_100, 1));
    let registry = open(directory.path());
    commit_often(&registry, 3).await;
    assert_eq!(left(directory.path()), (0, 0));
}
