use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use landfall_model::{
    BillingGroup, CaCertificate, CaStatus, Certificate, CertificateStatus, Delivery, DeliveryAttempt,
    DeliveryStatus, EventSourceMapping, EventType, Function, GreengrassKind, GreengrassResource,
    GreengrassServiceRole, LogEventConfiguration, LogLevel, LogSinkName, LogTarget, LogTargetKind, LogText,
    LoggingOptions, Policy, RegistrationAttempt, RegistrationJob, RoleArn, TaggedResource, Thing, ThingGroup,
    ThingType, TopicRule, TopicRuleDestination, UnixTime, V2LoggingOptions,
};
use landfall_registry::conformance::samples::{
    CA, LATER, NOW, billing_group, billing_name, ca_certificate, certificate, creation_id, delivery,
    destination, event, full_function, function_name, greengrass, greengrass_cores, greengrass_group_of,
    greengrass_id, greengrass_loggers, greengrass_version, group_name, id, layer_name, layer_version,
    layer_version_id, mapping, mapping_id, pending, policy, policy_name, policy_version, rule_name, tag,
    thing, thing_event, thing_group, thing_name, thing_type, topic_rule,
};
use landfall_registry::{
    BillingGroups, CaCertificates, Certificates, Cursor, Deliveries, DeliveryFilter, Destinations,
    EventSourceMappings, Functions, Greengrass, Layers, LogSinks, Logging, Outbox, PageRequest, Policies,
    ReadEventConfigurations, RecordFilter, RegistrationCodes, RegistrationJobFilter, RegistrationJobs,
    Registrations, Registry, StorageError, Tags, ThingGroupFilter, ThingGroups, ThingTypes, Things,
    TopicRuleFilter, TopicRules, Transaction,
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
    registry.commit(transaction(control_plane)).await.unwrap();
    let before = everything(&registry).await;
    let is_empty =
        |read: &&String| [": None", ": []", "items: [], next: None }"].iter().any(|end| read.ends_with(end));
    assert_eq!(before.iter().find(is_empty), None);
    drop(registry);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap()).collect();
    let log = left.iter().find(|entry| entry.file_name() == "registry.db-wal");
    assert_eq!(log.map_or(0, |log| log.metadata().unwrap().len()), 0, "closing empties the log");

    let registry = open(directory.path());
    assert_eq!(everything(&registry).await, before);
    assert_eq!(registry.registration_code().await.unwrap(), Some(code));
    // What was switched on stays so.
    registry.commit(transaction(|tx| tx.append(thing_event("t")))).await.unwrap();
    assert_eq!(registry.pending_events(None, 9).await.unwrap().len(), 3);
}

/// One of each, beside a device that was registered.
fn control_plane(tx: &mut Transaction) {
    tx.configure_events(vec![(EventType::Thing, true)], LATER);
    tx.append(thing_event("thing-1"));
    tx.insert_thing_group(thing_group("root", None));
    tx.insert_thing_group(thing_group("leaf", Some("root")));
    tx.add_thing_to_group(group_name("leaf"), thing_name("thing-1"));
    tx.insert_policy(policy("of-root", "{}"));
    tx.insert_policy_version(policy_name("of-root"), policy_version(2, "[2]"), false);
    tx.insert_policy_version(policy_name("of-root"), policy_version(3, "[3]"), true);
    tx.attach_policy(group_name("root"), policy_name("of-root"));
    tx.insert_billing_group(billing_group("bills"));
    tx.add_thing_to_billing_group(billing_name("bills"), thing_name("thing-1"));
    tx.set_tags(TaggedResource::ThingGroup(group_name("leaf")), vec![tag("key", "value")]);
    topic_rules(tx);
    functions(tx);
    greengrass_groups(tx);
    let mut job = RegistrationJob::new(id(1), CA, creation_id(1), NOW);
    job.record_failure(RegistrationAttempt::new(NOW, Duration::from_micros(5), Some("hook"), "\"\u{fc}\""));
    tx.end_registration_job(&job, LATER);
    tx.set_log_sink_position(LogSinkName::File, Cursor::new(7));
    let role = LogText::parse("role \"\u{fc}\"").unwrap();
    tx.set_logging_options(LoggingOptions { role: role.clone(), level: LogLevel::Warn });
    let of_type = LogEventConfiguration {
        event_type: role.clone(),
        level: Some(LogLevel::Debug),
        destination: Some(role.clone()),
    };
    let bare =
        LogEventConfiguration { event_type: LogText::parse("t").unwrap(), level: None, destination: None };
    tx.set_v2_logging_options(V2LoggingOptions {
        role: Some(role.clone()),
        default_level: LogLevel::Info,
        all_disabled: true,
        event_configurations: vec![of_type, bare],
    });
    tx.set_v2_logging_level(LogTarget { kind: LogTargetKind::SourceIp, name: role }, LogLevel::Error);
}

/// One of each, with all that it may have.
fn topic_rules(tx: &mut Transaction) {
    tx.create_topic_rule(topic_rule("rule"));
    tx.set_tags(TaggedResource::TopicRule(rule_name("rule")), vec![tag("key", "of rule")]);
    tx.create_destination(destination(1));
    tx.store_delivery(Delivery {
        error_request: Some("{}".into()),
        certificate: Some(id(1)),
        attempts: vec![DeliveryAttempt::new(NOW, Duration::from_micros(5), "\"\u{fc}\"")],
        attempts_failed: 1,
        ..delivery(1, "rule")
    });
}

/// One of each, with all that it may have.
fn functions(tx: &mut Transaction) {
    tx.publish_layer_version(layer_version("layer", 1));
    tx.publish_layer_version(layer_version("layer", 2));
    tx.create_function(full_function("function", vec![layer_version_id("layer", 1)]));
    tx.delete_layer_version(layer_version_id("layer", 1));
    tx.create_event_source_mapping(mapping(1, "function", "queue"));
    tx.set_event_source_mapping_result(mapping_id(1), "\"\u{fc}\"".into());
}

/// One of each, with all that it may have.
fn greengrass_groups(tx: &mut Transaction) {
    for (number, content) in
        [(1, greengrass_group_of(2, 3)), (2, greengrass_cores()), (3, greengrass_loggers())]
    {
        let tags = vec![tag("key", "of greengrass")];
        tx.ensure_greengrass(GreengrassResource { tags, ..greengrass(number, content.clone()) });
        tx.add_greengrass_version(greengrass_id(number), greengrass_version(number + 9, content));
    }
    let role = RoleArn::parse("arn:aws:iam::123456789012:role/r").unwrap();
    tx.set_greengrass_service_role(GreengrassServiceRole { role, associated_at: LATER });
}

/// What is read of all that was written.
async fn everything(registry: &SqliteRegistry) -> Vec<String> {
    let page = PageRequest::first(9);
    let (leaf, root) = (group_name("leaf"), group_name("root"));
    let all_groups = ThingGroupFilter::default();
    macro_rules! reads {
        ($($name:ident($($argument:expr),*))*) => {
            vec![$(format!("{}: {:?}", stringify!($name), registry.$name($($argument),*).await.unwrap())),*]
        };
    }
    reads! {
        view(id(1), CA)
        thing_view(&thing_name("thing-1"))
        pending_events(None, 9)
        records(&RecordFilter::default(), page)
        registration_jobs(RegistrationJobFilter::default(), page)
        thing_types(page)
        thing_group_view(&leaf)
        thing_groups(&all_groups, page)
        thing_groups_of(&thing_name("thing-1"), page)
        thing_group_things(&root, true, page)
        attached_policies(&leaf.clone().into(), true, page)
        policies(page)
        policy_versions(&policy_name("of-root"))
        effective_policies(Some(id(1)), Some(&thing_name("thing-1")))
        billing_groups(None, page)
        billing_group_things(&billing_name("bills"), page)
        tags(&TaggedResource::ThingGroup(leaf.clone()))
        event_configurations()
        log_sink_position(LogSinkName::File)
        logging_options()
        v2_logging_options()
        v2_logging_levels(None, page)
        every_topic_rule()
        topic_rules(TopicRuleFilter::default(), page)
        tags(&TaggedResource::TopicRule(rule_name("rule")))
        destinations(page)
        deliveries(&DeliveryFilter::default(), page)
        functions(page)
        function_layers(&function_name("function"))
        layers(page)
        layer_versions(&layer_name("layer"), page)
        every_event_source_mapping()
        greengrass_resources(GreengrassKind::Group, page)
        greengrass_resources(GreengrassKind::CoreDefinition, page)
        greengrass_resources(GreengrassKind::LoggerDefinition, page)
        greengrass_versions(GreengrassKind::Group, greengrass_id(1), page)
        greengrass_versions(GreengrassKind::CoreDefinition, greengrass_id(2), page)
        greengrass_versions(GreengrassKind::LoggerDefinition, greengrass_id(3), page)
        greengrass_service_role()
    }
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

/// The same for the rows of every noun that can be deleted, although none of them is the one that knows the last row id.
#[tokio::test]
async fn a_row_id_of_a_deleted_row_is_not_given_again() {
    let inactive =
        || CaCertificate { status: CaStatus::Inactive, registered_at: LATER, ..ca_certificate(CA) };
    let revoked = || Certificate { registered_at: LATER, ..certificate(1, None, CertificateStatus::Revoked) };
    let deprecated = || ThingType { deprecated_at: Some(NOW), created_at: LATER, ..thing_type("type", &[]) };
    let of = |insert: &dyn Fn(&mut Transaction), delete: &dyn Fn(&mut Transaction)| {
        (transaction(insert), transaction(delete))
    };
    for (table, (insert, delete)) in [
        (
            "ca_certificates",
            of(&|tx| tx.insert_ca_certificate(inactive()), &|tx| tx.delete_ca_certificate(CA)),
        ),
        (
            "certificates",
            of(&|tx| tx.insert_certificate(revoked()), &|tx| tx.delete_certificate(id(1), false)),
        ),
        (
            "thing_types",
            of(&|tx| tx.insert_thing_type(deprecated()), &|tx| tx.delete_thing_type(deprecated())),
        ),
        (
            "things",
            of(&|tx| tx.insert_thing(Thing { created_at: LATER, ..thing("t") }), &|tx| {
                tx.delete_thing(thing_name("t"), thing("t").id, 1);
            }),
        ),
        (
            "thing_groups",
            of(
                &|tx| tx.insert_thing_group(ThingGroup { created_at: LATER, ..thing_group("g", None) }),
                &|tx| {
                    tx.delete_thing_group(group_name("g"), thing_group("g", None).id, 1);
                },
            ),
        ),
        (
            "billing_groups",
            of(
                &|tx| tx.insert_billing_group(BillingGroup { created_at: LATER, ..billing_group("b") }),
                &|tx| {
                    tx.delete_billing_group(billing_name("b"), billing_group("b").id, 1);
                },
            ),
        ),
        (
            "policies",
            of(&|tx| tx.insert_policy(Policy { created_at: LATER, ..policy("p", "{}") }), &|tx| {
                tx.delete_policy(policy_name("p"));
            }),
        ),
    ] {
        assert_row_id_is_not_given_again(table, insert, delete).await;
    }
}

/// The same for topic rules and what comes of them.
#[tokio::test]
async fn a_row_id_of_a_deleted_rule_or_delivery_is_not_given_again() {
    let rule = || TopicRule { created_at: LATER, ..topic_rule("r") };
    let sent_to = || TopicRuleDestination { created_at: LATER, ..destination(1) };
    let dead = || Delivery { created_at: LATER, state: DeliveryStatus::Dead.with(NOW), ..delivery(1, "r") };
    let store = || transaction(|tx| tx.store_delivery(dead()));
    for (table, insert, delete) in [
        (
            "topic_rules",
            transaction(|tx| tx.create_topic_rule(rule())),
            transaction(|tx| tx.delete_topic_rule(rule().name)),
        ),
        (
            "destinations",
            transaction(|tx| tx.create_destination(sent_to())),
            transaction(|tx| tx.delete_destination(sent_to().id)),
        ),
        ("deliveries", store(), transaction(|tx| tx.remove_delivery(dead().id))),
        ("deliveries", store(), transaction(|tx| tx.prune_dead_letters(0, u64::MAX))),
        ("deliveries", store(), transaction(|tx| tx.prune_dead_letters(9, 0))),
    ] {
        assert_row_id_is_not_given_again(table, insert, delete).await;
    }
}

/// The same for functions and the queues that they get messages of.
#[tokio::test]
async fn a_row_id_of_a_deleted_function_or_mapping_is_not_given_again() {
    let function = || Function { created_at: LATER, ..full_function("f", Vec::new()) };
    let mapping = || EventSourceMapping { created_at: LATER, ..mapping(1, "f", "q") };
    for (table, insert, delete) in [
        (
            "functions",
            transaction(|tx| tx.create_function(function())),
            transaction(|tx| tx.delete_function(function().name)),
        ),
        (
            "event_source_mappings",
            transaction(|tx| tx.create_event_source_mapping(mapping())),
            transaction(|tx| tx.delete_event_source_mapping(mapping().id)),
        ),
    ] {
        assert_row_id_is_not_given_again(table, insert, delete).await;
    }
}

/// The same for Greengrass groups.
#[tokio::test]
async fn a_row_id_of_a_deleted_greengrass_group_is_not_given_again() {
    let group = GreengrassResource { created_at: LATER, ..greengrass(1, greengrass_group_of(2, 3)) };
    let kind = group.kind();
    let delete = transaction(|tx| tx.delete_greengrass(kind, group.id));
    let insert = transaction(|tx| tx.ensure_greengrass(group));
    assert_row_id_is_not_given_again("greengrass", insert, delete).await;
}

/// `insert` makes the only row of a table, at [`LATER`], and `delete` removes it.
async fn assert_row_id_is_not_given_again(table: &str, insert: Transaction, delete: Transaction) {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path());
    registry.commit(insert).await.unwrap();
    let rows = |sql: &str| {
        let connection = Connection::open(config(directory.path()).path).unwrap();
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let row = rows(&format!("SELECT MAX(rid) FROM {table}"));
    assert_eq!(row, LATER.as_millis() << 20, "{table}");
    registry.commit(delete).await.unwrap();
    assert_eq!(rows(&format!("SELECT COUNT(*) FROM {table}")), 0, "{table}");
    drop(registry);
    let registry = open(directory.path());
    registry.commit(transaction(|tx| tx.insert_certificate(pending(2)))).await.unwrap();
    assert!(rows("SELECT MAX(rid) FROM certificates") > row, "{table}");
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
    assert!(matches!(error, OpenError::NewerSchema { found: 99, known: 8, .. }), "{error}");
    let text = error.to_string();
    for part in ["registry.db", "99", "up to 8", "run the landfall that wrote it or a newer one"] {
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

/// Values that this version would not write, by table and column.
const INCONSISTENT: [(&str, &str, &str); 74] = [
    ("billing_groups", "version", "-1"),
    ("ca_certificates", "mode", "0"),
    ("ca_certificates", "version", "-1"),
    ("certificates", "cert_id", "x'00'"),
    ("certificates", "status", "9"),
    ("certificates", "status", "0"),
    ("certificates", "creation", "x'00'"),
    ("certificates", "mode", "9"),
    ("deliveries", "delivery_id", "x'00'"),
    ("deliveries", "rule", "'a-b'"),
    ("deliveries", "action", "-1"),
    ("deliveries", "topic", "'#'"),
    ("deliveries", "cert_id", "x'00'"),
    ("deliveries", "attempts_failed", "-1"),
    ("deliveries", "attempts", "'[[1,2]]'"),
    ("deliveries", "status", "9"),
    ("destinations", "destination_id", "x'00'"),
    ("destinations", "status", "'x'"),
    ("destinations", "secret", "x'00'"),
    ("event_configurations", "enabled", "'[\"x\"]'"),
    ("event_source_mappings", "mapping_id", "x'00'"),
    ("event_source_mappings", "function", "'a.b'"),
    ("event_source_mappings", "queue", "'q'"),
    ("event_source_mappings", "batch_size", "65536"),
    ("event_source_mappings", "batching_window_s", "-1"),
    ("events", "kind", "9"),
    ("events", "kind", "2"),
    ("events", "body", "'{}'"),
    ("functions", "runtime", "'python2.7'"),
    ("functions", "handler", "''"),
    ("functions", "role", "'r'"),
    ("functions", "timeout_s", "-1"),
    ("functions", "environment", "'{\"AWS_REGION\":\"\"}'"),
    ("functions", "layers", "'[[\"l\"]]'"),
    ("functions", "layers", "'[[\"gone\",1]]'"),
    ("functions", "code", "x'00'"),
    ("functions", "code_size", "-1"),
    ("functions", "revision", "x'00'"),
    ("functions", "reserved_concurrency", "-1"),
    ("functions", "permissions", "'[[\"\",\"\"]]'"),
    ("functions", "dead_letters", "'q'"),
    ("greengrass", "resource_id", "x'00'"),
    ("greengrass", "name", "''"),
    ("greengrass", "tags", "'[[\"#\",\"\"]]'"),
    ("greengrass", "version_id", "x'00'"),
    ("greengrass", "version_created", "NULL"),
    ("greengrass", "content", "'[[1]]'"),
    ("greengrass", "content", "NULL"),
    ("greengrass_service_role", "role", "'r'"),
    ("greengrass_versions", "content", "'{}'"),
    ("greengrass_versions", "version_id", "x'00'"),
    ("layer_versions", "code", "x'00'"),
    ("layer_versions", "runtimes", "'[\"x\"]'"),
    ("layers", "name", "'a.b'"),
    ("logging_options", "role", "''"),
    ("policies", "version", "0"),
    ("policies", "next_version", "0"),
    ("policy_attach", "target", "7"),
    ("policy_versions", "version", "0"),
    ("registrations", "outcome", "9"),
    ("registrations", "thing", "NULL"),
    ("tags", "name", "'#'"),
    ("thing_groups", "group_id", "x'00'"),
    ("thing_principal", "exclusive", "9"),
    ("thing_types", "propagating", "'[[\"key\",\"x\",\"y\"]]'"),
    ("thing_types", "type_id", "x'00'"),
    ("things", "name", "'a b'"),
    ("things", "attrs", "'{'"),
    ("things", "attrs", "'{\"a b\":\"\"}'"),
    ("things", "version", "-1"),
    ("things", "thing_id", "x'00'"),
    ("topic_rules", "name", "'a-b'"),
    ("v2_logging_levels", "level", "'x'"),
    ("v2_logging_options", "event_configurations", "'[[\"\",null,null]]'"),
];

/// A value that this version would not write is told with its place, and nothing panics.
#[tokio::test]
async fn an_inconsistent_value_is_told_with_its_place() {
    for (table, column, value) in INCONSISTENT {
        let directory = tempfile::tempdir().unwrap();
        let registry = open(directory.path());
        let setup = transaction(|tx| tx.insert_ca_certificate(ca_certificate(CA)));
        registry.commit(setup).await.unwrap();
        registry.commit(registration(1)).await.unwrap();
        registry.commit(transaction(control_plane)).await.unwrap();
        let other = Connection::open(config(directory.path()).path).unwrap();
        // Of several rows one: a key stays a key.
        let sql = format!(
            "UPDATE {table} SET {column} = {value} WHERE {column} = (SELECT MIN({column}) FROM {table})"
        );
        let changed = other.execute(&sql, []).unwrap();
        if changed == 0 {
            other.execute(&format!("UPDATE {table} SET {column} = {value}"), []).unwrap();
        }

        let everything = PageRequest::first(9);
        let results = [
            registry.certificates(None, everything).await.map(drop),
            registry.things(&Default::default(), everything).await.map(drop),
            registry.thing_types(everything).await.map(drop),
            registry.thing_principals(&thing_name("thing-1"), None, everything).await.map(drop),
            registry.thing_groups(&Default::default(), everything).await.map(drop),
            registry.billing_groups(None, everything).await.map(drop),
            registry.attached_policies(&id(1).into(), false, everything).await.map(drop),
            registry.policy_targets(&policy_name("iot-access-policy"), everything).await.map(drop),
            registry.policy_versions(&policy_name("of-root")).await.map(drop),
            registry.policy_versions(&policy_name("iot-access-policy")).await.map(drop),
            registry.pending_events(None, 9).await.map(drop),
            registry.records(&RecordFilter::default(), everything).await.map(drop),
            registry.ca_certificates(everything).await.map(drop),
            registry.tags(&TaggedResource::ThingGroup(group_name("leaf"))).await.map(drop),
            registry.event_configurations().await.map(drop),
            registry.logging_options().await.map(drop),
            registry.v2_logging_options().await.map(drop),
            registry.v2_logging_levels(None, everything).await.map(drop),
            registry.every_topic_rule().await.map(drop),
            registry.destinations(everything).await.map(drop),
            registry.deliveries(&Default::default(), everything).await.map(drop),
            registry.functions(everything).await.map(drop),
            registry.function_layers(&function_name("function")).await.map(drop),
            registry.layers(everything).await.map(drop),
            registry.every_event_source_mapping().await.map(drop),
            registry.greengrass_resources(GreengrassKind::Group, everything).await.map(drop),
            registry.greengrass_resources(GreengrassKind::CoreDefinition, everything).await.map(drop),
            registry.greengrass_resources(GreengrassKind::LoggerDefinition, everything).await.map(drop),
            registry.greengrass_versions(GreengrassKind::Group, greengrass_id(1), everything).await.map(drop),
            registry
                .greengrass_versions(GreengrassKind::CoreDefinition, greengrass_id(2), everything)
                .await
                .map(drop),
            registry
                .greengrass_versions(GreengrassKind::LoggerDefinition, greengrass_id(3), everything)
                .await
                .map(drop),
            registry.greengrass_service_role().await.map(drop),
        ];
        let told = results.iter().any(|result| {
            matches!(result, Err(StorageError::Inconsistent { table: t, column: c, row, .. })
                if *t == table && *c == column && *row > 0)
        });
        // The topic and the payload of an event are where another kind has its fields.
        let is_other_kind = (table, column, value) == ("events", "kind", "2");
        let is_told_elsewhere = is_other_kind
            && results.iter().any(|result| {
                matches!(result, Err(StorageError::Inconsistent { table: "events", column: "entity", .. }))
            });
        assert!(told || is_told_elsewhere, "{table}.{column} = {value}: {results:?}");
    }
}
