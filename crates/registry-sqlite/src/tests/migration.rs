//! A database of an older version is read, and goes on, as if this version had written it.

use std::path::Path;

use landfall_model::{
    CaCertificate, Certificate, CertificateMode, CertificateStatus, GreengrassKind, LogSinkName, OutcomeKind,
    Policy, PolicyVersion, PolicyVersions, RegistrationCode, RegistrationJob, Thing, ThingPrincipalType,
    ThingType,
};
use landfall_registry::conformance::samples::{
    CA, LATER, NOW, ca_certificate, certificate, creation_id, delivery, destination, event, full_function,
    greengrass, greengrass_cores, greengrass_version, id, layer_version, layer_version_id, mapping, pending,
    policy, policy_name, policy_version, success, thing, thing_name, thing_type, topic_rule, type_name,
    version_id,
};
use landfall_registry::{
    AttributeFilter, BillingGroups, CaCertificates, Certificates, Cursor, Deliveries, DeliveryFilter,
    Destinations, EventSourceMappings, Functions, Greengrass, Layers, LogSinks, Outbox, PageRequest,
    Policies, RecordFilter, RegistrationCodes, RegistrationJobFilter, RegistrationJobs, Registrations,
    Registry, ThingFilter, ThingTypes, Things, TopicRules,
};
use rusqlite::{Connection, params};

use super::{config, open, registration, transaction};
use crate::schema::MIGRATIONS;

/// Makes a database of the first version: a device that was registered, one that is pending, one without a CA certificate.
fn write_first_version(directory: &Path) {
    let connection = Connection::open(config(directory).path).unwrap();
    connection.execute_batch(MIGRATIONS[0]).unwrap();
    connection.execute_batch("PRAGMA application_id = 1279348292; PRAGMA user_version = 1").unwrap();
    let insert = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.execute(sql, values).unwrap_or_else(|error| panic!("{error}: {sql}"));
    };
    let ca = ca_certificate(CA);
    insert("INSERT INTO issuers VALUES (10, $1)", params![CA.as_bytes()]);
    insert(
        "INSERT INTO ca_certificates VALUES (11, $1, 1, 1, 1, $2, $3, $4, $5, $6)",
        params![
            CA.as_bytes(),
            ca.registered_at.as_millis(),
            ca.modified_at.as_millis(),
            ca.validity.not_before.as_millis(),
            ca.validity.not_after.as_millis(),
            ca.der.as_bytes(),
        ],
    );
    for (row, certificate) in [(20, active()), (21, pending(2)), (22, without_ca())] {
        let (status, creation) = match certificate.status {
            CertificateStatus::Active => (1, None),
            CertificateStatus::PendingActivation { creation_id } => (0, Some(creation_id)),
            CertificateStatus::Inactive | CertificateStatus::Revoked => (2, None),
        };
        insert(
            "INSERT INTO certificates VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            params![
                row,
                certificate.id.as_bytes(),
                certificate.signed_part.as_bytes(),
                certificate.ca.map(|_| 10),
                status,
                creation.as_ref().map(|id| id.as_bytes()),
                certificate.registered_at.as_millis(),
                certificate.modified_at.as_millis(),
                certificate.validity.not_before.as_millis(),
                certificate.validity.not_after.as_millis(),
                certificate.der.as_bytes(),
            ],
        );
    }
    let at = NOW.as_millis();
    insert(r#"INSERT INTO thing_types VALUES (30, 'type', '["serial_number"]', $1)"#, &[&at]);
    insert(
        r#"INSERT INTO things VALUES (31, 'thing-1', 30, '{"serial_number":"1","other":"2"}', 3, 10, $1)"#,
        &[&at],
    );
    insert("INSERT INTO things VALUES (32, 'bare', NULL, '{}', 1, NULL, $1)", &[&at]);
    insert("INSERT INTO thing_attr VALUES ('serial_number', '1', 31)", &[]);
    insert("INSERT INTO thing_principal VALUES (20, 31)", &[]);
    insert("INSERT INTO policies VALUES (40, 'p', 4, '[4]', $1, $2)", &[&at, &LATER.as_millis()]);
    insert("INSERT INTO policy_attach VALUES (20, 40)", &[]);
    let body = format!(r#"{{"ca":"{CA}","account":"000000000000"}}"#);
    insert("INSERT INTO events VALUES (50, 1, $1, $2, $3)", params![id(1).as_bytes(), at + 1, body]);
    let record = success(1);
    insert(
        "INSERT INTO registrations VALUES (51, 20, NULL, 10, $1, $2, 1, 1234, $3, $4, 2, 'thing-1', NULL, NULL)",
        params![
            record.first_at.as_millis(),
            record.last_at.as_millis(),
            record.serial_number,
            record.product_id
        ],
    );
    insert("INSERT INTO settings VALUES ('registration_code', $1)", &[&[7_u8; 32]]);
}

fn active() -> Certificate {
    certificate(1, Some(CA), CertificateStatus::Active)
}

/// It was registered with the proof of its own key alone.
fn without_ca() -> Certificate {
    Certificate { mode: CertificateMode::SniOnly, ..certificate(3, None, CertificateStatus::Inactive) }
}

#[tokio::test]
async fn what_the_first_version_wrote_is_read() {
    let directory = tempfile::tempdir().unwrap();
    write_first_version(directory.path());
    let registry = open(directory.path());
    let page = PageRequest::first(9);
    let ca = CaCertificate { version: 1, ..ca_certificate(CA) };
    assert_eq!(registry.ca_certificates(page).await.unwrap().items, [ca]);
    let certificates = registry.certificates(None, page).await.unwrap().items;
    let expected = [active(), pending(2), without_ca()];
    assert_eq!(certificates, expected.map(|certificate| Certificate { version: 1, ..certificate }));

    let kind = registry.thing_type(&type_name("type")).await.unwrap().unwrap();
    let expected = ThingType { id: kind.id, ..thing_type("type", &["serial_number"]) };
    assert_eq!(kind, expected);
    let things = registry.things(&ThingFilter::default(), page).await.unwrap().items;
    let with_id = |position: usize, expected: Thing| Thing { id: things[position].id, ..expected };
    let first = Thing {
        thing_type: Some(type_name("type")),
        attributes: landfall_registry::conformance::samples::attributes(&[
            ("serial_number", "1"),
            ("other", "2"),
        ]),
        version: 3,
        made_by: Some(CA),
        ..thing("thing-1")
    };
    let second = Thing { attributes: Default::default(), made_by: None, ..thing("bare") };
    assert_eq!(things, [with_id(0, first), with_id(1, second)]);
    assert!(things[0].id != things[1].id && things[0].id.as_bytes() != &[0; 16]);

    let principal = registry.principal(id(1)).await.unwrap().unwrap();
    assert_eq!(principal.things[0].principal_type, ThingPrincipalType::NonExclusive);
    assert_eq!(principal.policies, [(policy_name("p"), version_id(4))]);
    let expected = Policy { default_version: version_id(4), modified_at: LATER, ..policy("p", "[4]") };
    assert_eq!(registry.policies(page).await.unwrap().items, [expected]);
    assert_eq!(registry.policy_targets(&policy_name("p"), page).await.unwrap().items, [id(1).into()]);
    assert_eq!(registry.pending_events(None, 9).await.unwrap()[0].topic, event(1).topic());
    assert_eq!(registry.records(&RecordFilter::default(), page).await.unwrap().items, [success(1)]);
    let code = RegistrationCode::from_bytes([7; 32]);
    assert_eq!(registry.registration_code().await.unwrap(), Some(code));

    // An id that was given to an old row stays.
    drop(registry);
    let registry = open(directory.path());
    assert_eq!(registry.things(&ThingFilter::default(), page).await.unwrap().items, things);
}

#[tokio::test]
async fn what_the_first_version_wrote_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    write_first_version(directory.path());
    let registry = open(directory.path());
    let page = PageRequest::first(9);
    registry
        .commit(transaction(|tx| {
            tx.insert_policy_version(policy_name("p"), policy_version(5, "[5]"), true);
            tx.activate_certificate(id(2), LATER);
        }))
        .await
        .unwrap();
    let versions = registry.policy_versions(&policy_name("p")).await.unwrap();
    let expected = PolicyVersions {
        default: version_id(5),
        next: version_id(6),
        versions: vec![
            PolicyVersion { created_at: NOW, ..policy_version(4, "[4]") },
            policy_version(5, "[5]"),
        ],
    };
    assert_eq!(versions, Some(expected));
    let activated = registry.certificate(id(2)).await.unwrap().unwrap();
    assert_eq!((activated.status, activated.version), (CertificateStatus::Active, 2));

    // The next device comes behind, with the id of its creation.
    registry.commit(registration(4)).await.unwrap();
    let things = registry.things(&ThingFilter::default(), page).await.unwrap().items;
    assert_eq!(things[2].name, thing_name("thing-4"));
    assert_eq!(things[2].id, creation_id(4).thing_id());

    // The attributes by which an old thing is found go with it.
    let old = registry.thing(&thing_name("thing-1")).await.unwrap().unwrap();
    registry
        .commit(transaction(|tx| {
            tx.detach_thing(id(1), thing_name("thing-1"));
            tx.delete_thing(old.name, old.id, old.version);
            tx.set_certificate_status(id(1), CertificateStatus::Inactive, LATER);
            tx.delete_certificate(id(1), true);
        }))
        .await
        .unwrap();
    let (name, value) = landfall_registry::conformance::samples::attribute("serial_number", "1");
    let filter = ThingFilter { thing_type: None, attribute: Some(AttributeFilter::Is(name, value)) };
    assert_eq!(registry.things(&filter, page).await.unwrap().items, []);
    assert_eq!(registry.certificate_records(id(1)).await.unwrap(), [success(1)]);
    assert_eq!(registry.billing_groups(None, page).await.unwrap().items, []);
}

/// A database of the version before topic rules takes them, behind all that it has.
#[tokio::test]
async fn what_the_third_version_wrote_takes_topic_rules() {
    let directory = tempfile::tempdir().unwrap();
    let last = i64::MAX - 9;
    {
        let connection = Connection::open(config(directory.path()).path).unwrap();
        MIGRATIONS[..3].iter().for_each(|sql| connection.execute_batch(sql).unwrap());
        connection.execute("UPDATE row_ids SET last = $1", [last]).unwrap();
        connection.execute_batch("PRAGMA application_id = 1279348292; PRAGMA user_version = 3").unwrap();
    }
    let registry = open(directory.path());
    let (page, of_all) = (PageRequest::first(9), DeliveryFilter::default());
    assert_eq!(registry.every_topic_rule().await.unwrap(), []);
    assert_eq!(registry.destinations(page).await.unwrap().items, []);
    assert_eq!(registry.deliveries(&of_all, page).await.unwrap().items, []);
    let create = transaction(|tx| {
        tx.create_topic_rule(topic_rule("r"));
        tx.create_destination(destination(1));
        tx.store_delivery(delivery(1, "r"));
    });
    registry.commit(create).await.unwrap();
    drop(registry);
    let registry = open(directory.path());
    assert_eq!(registry.every_topic_rule().await.unwrap(), [topic_rule("r")]);
    assert_eq!(registry.destinations(page).await.unwrap().items, [destination(1)]);
    assert_eq!(registry.deliveries(&of_all, page).await.unwrap().items, [delivery(1, "r")]);
    let connection = Connection::open(config(directory.path()).path).unwrap();
    for (table, expected) in [("topic_rules", 1), ("destinations", 2), ("deliveries", 3)] {
        let sql = format!("SELECT rid FROM {table}");
        let found: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(found - last, expected, "{table}");
    }
}

/// A database of the version before functions takes them, behind all that it has.
#[tokio::test]
async fn what_the_fourth_version_wrote_takes_functions() {
    let directory = tempfile::tempdir().unwrap();
    let last = i64::MAX - 9;
    {
        let connection = Connection::open(config(directory.path()).path).unwrap();
        MIGRATIONS[..4].iter().for_each(|sql| connection.execute_batch(sql).unwrap());
        let rule = topic_rule("r");
        let row = params![last, &*rule.document, rule.created_at.as_millis(), rule.modified_at.as_millis()];
        connection.execute("INSERT INTO topic_rules VALUES ($1, 'r', $2, 0, $3, $4)", row).unwrap();
        connection.execute_batch("PRAGMA application_id = 1279348292; PRAGMA user_version = 4").unwrap();
    }
    let registry = open(directory.path());
    let page = PageRequest::first(9);
    assert_eq!(registry.every_topic_rule().await.unwrap(), [topic_rule("r")]);
    assert_eq!(registry.functions(page).await.unwrap().items, []);
    assert_eq!(registry.layers(page).await.unwrap().items, []);
    assert_eq!(registry.every_event_source_mapping().await.unwrap(), []);
    let function = full_function("f", vec![layer_version_id("l", 1)]);
    let create = transaction(|tx| {
        tx.publish_layer_version(layer_version("l", 1));
        tx.create_function(function.clone());
        tx.create_event_source_mapping(mapping(1, "f", "q"));
    });
    registry.commit(create).await.unwrap();
    drop(registry);
    let registry = open(directory.path());
    assert_eq!(registry.functions(page).await.unwrap().items, [function]);
    assert_eq!(registry.layers(page).await.unwrap().items, [layer_version("l", 1)]);
    assert_eq!(registry.every_event_source_mapping().await.unwrap(), [mapping(1, "f", "q")]);
    let connection = Connection::open(config(directory.path()).path).unwrap();
    for (table, expected) in [("layers", 1), ("functions", 2), ("event_source_mappings", 3)] {
        let sql = format!("SELECT rid FROM {table}");
        let found: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(found - last, expected, "{table}");
    }
}

/// A database of the version before Greengrass takes groups, behind all that it has.
#[tokio::test]
async fn what_the_fifth_version_wrote_takes_greengrass_groups() {
    let directory = tempfile::tempdir().unwrap();
    let last = i64::MAX - 9;
    {
        let connection = Connection::open(config(directory.path()).path).unwrap();
        MIGRATIONS[..5].iter().for_each(|sql| connection.execute_batch(sql).unwrap());
        connection.execute("INSERT INTO layers VALUES ($1, 'l', 1)", [last]).unwrap();
        connection.execute_batch("PRAGMA application_id = 1279348292; PRAGMA user_version = 5").unwrap();
    }
    let registry = open(directory.path());
    let (page, kind) = (PageRequest::first(9), GreengrassKind::CoreDefinition);
    assert_eq!(registry.next_layer_version(&layer_version_id("l", 1).layer).await.unwrap(), 2);
    assert_eq!(registry.greengrass_resources(kind, page).await.unwrap().items, []);
    assert_eq!(registry.greengrass_service_role().await.unwrap(), None);
    let (first, second) = (greengrass(1, greengrass_cores()), greengrass_version(2, greengrass_cores()));
    let create = transaction(|tx| {
        tx.ensure_greengrass(first.clone());
        tx.add_greengrass_version(first.id, second.clone());
    });
    registry.commit(create).await.unwrap();
    drop(registry);
    let registry = open(directory.path());
    let versions = registry.greengrass_versions(kind, first.id, page).await.unwrap().items;
    assert_eq!(versions, [first.version().unwrap().clone(), second]);
    let connection = Connection::open(config(directory.path()).path).unwrap();
    let found: i64 = connection.query_row("SELECT rid FROM greengrass", [], |row| row.get(0)).unwrap();
    assert_eq!(found - last, 1);
}

/// A database of the version before registration jobs takes them, behind all that it has, and lists its failures.
#[tokio::test]
async fn what_the_sixth_version_wrote_takes_registration_jobs() {
    let directory = tempfile::tempdir().unwrap();
    let last = i64::MAX - 9;
    {
        let connection = Connection::open(config(directory.path()).path).unwrap();
        MIGRATIONS[..6].iter().for_each(|sql| connection.execute_batch(sql).unwrap());
        connection.execute("INSERT INTO issuers VALUES (1, $1)", [CA.as_bytes()]).unwrap();
        let record = "INSERT INTO registrations VALUES ($1, NULL, $2, 1, 1, 2, 1, 1, NULL, NULL, 0, NULL, 'code', 'm')";
        connection.execute(record, params![last, id(1).as_bytes()]).unwrap();
        connection.execute_batch("PRAGMA application_id = 1279348292; PRAGMA user_version = 6").unwrap();
    }
    let registry = open(directory.path());
    let (page, every) = (PageRequest::first(9), RegistrationJobFilter::default());
    assert_eq!(registry.registration_jobs(every, page).await.unwrap().items, []);
    let filter = RecordFilter { code: Some("code".to_owned()), ..RecordFilter::default() };
    assert_eq!(registry.records(&filter, page).await.unwrap().items.len(), 1);
    let filter = RecordFilter { outcome: Some(OutcomeKind::Failure), ..RecordFilter::default() };
    assert_eq!(registry.records(&filter, page).await.unwrap().items.len(), 1);
    let job = RegistrationJob::new(id(2), CA, creation_id(2), NOW);
    let begin = transaction(|tx| {
        tx.insert_certificate(pending(2));
        tx.begin_registration_job(job.clone());
    });
    registry.commit(begin).await.unwrap();
    drop(registry);
    let registry = open(directory.path());
    assert_eq!(registry.registration_jobs(every, page).await.unwrap().items, [job]);
    let connection = Connection::open(config(directory.path()).path).unwrap();
    let found: i64 = connection.query_row("SELECT rid FROM registration_jobs", [], |row| row.get(0)).unwrap();
    assert_eq!(found - last, 2);
}

/// Whatever the first version has recorded is behind a log sink that begins at the start.
#[tokio::test]
async fn what_the_first_version_recorded_is_there_for_log_sinks() {
    let directory = tempfile::tempdir().unwrap();
    write_first_version(directory.path());
    let sink = LogSinkName::File;
    let registry = open(directory.path());
    assert_eq!(registry.log_sink_position(sink).await.unwrap(), None);
    let position = Cursor::new(51);
    assert_eq!(registry.last_record_position().await.unwrap(), Some(position));
    assert_eq!(registry.records_behind(None, 9).await.unwrap(), [(position, success(1))]);
    registry.commit(transaction(|tx| tx.set_log_sink_position(sink, position))).await.unwrap();
    drop(registry);
    let registry = open(directory.path());
    assert_eq!(registry.log_sink_position(sink).await.unwrap(), Some(position));
    assert_eq!(registry.records_behind(Some(position), 9).await.unwrap(), []);
}
