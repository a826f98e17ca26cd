//! Measures the embedded registry: registrations a second with 1, 64 and 512 waiting, and look-ups a second.
//!
//! `cargo run --release -p landfall-registry-sqlite --example throughput [DIRECTORY]`; without a directory a temporary one
//! is used. Each registration is all that the built-in registrar writes for one device.
#![expect(clippy::print_stdout, reason = "the numbers are what this is for")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use landfall_events::{CertificateRegistered, Event};
use landfall_model::{
    AccountId, AttributeName, AttributeValue, Attributes, AutoRegistration, CaCertificate, CaCertificateId,
    CaStatus, Certificate, CertificateDer, CertificateId, CertificateMode, CertificateStatus, CreationId,
    DeviceType, Outcome, PlannedPolicy, PlannedThing, PlannedThingType, PolicyName, Region, RegistrationPlan,
    RegistrationRecord, Scope, SignedPart, ThingName, ThingTypeName, UnixTime, Validity,
};
use landfall_registry::{Registrations, Registry, Things, Transaction};
use landfall_registry_sqlite::{Config, SqliteRegistry};
use tokio::task::JoinSet;
use tokio::time::Instant;

type Failure = Box<dyn Error + Send + Sync>;

const CA: CaCertificateId = CaCertificateId::from_sha256([0xca; 32]);

/// How many wait at once, and how many registrations they make.
const ROUNDS: [(u64, u64); 3] = [(1, 3_000), (64, 40_000), (512, 60_000)];

/// Look-ups of each kind.
const LOOK_UPS: u64 = 200_000;

/// Length of a certificate, in bytes: P-256 with a subject of ten fields.
const DER_BYTES: usize = 700;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    let directory = std::env::args_os().nth(1).map_or(temporary.path().to_path_buf(), PathBuf::from);
    let path = directory.join("registry.db");
    let registry = SqliteRegistry::open(Config::new(&path))?;
    let mut setup = Transaction::new();
    setup.insert_ca_certificate(ca_certificate());
    registry.commit(setup).await?;

    let next = Arc::new(AtomicU64::new(0));
    let mut end = 0;
    for (waiting, count) in ROUNDS {
        end += count;
        let cpu_before = writer_cpu_ns();
        let begun = Instant::now();
        register(&registry, &next, waiting, end).await?;
        let elapsed = begun.elapsed().as_secs_f64();
        // Each task took a number more than it used.
        next.store(end, Ordering::SeqCst);
        let cpu = (writer_cpu_ns() - cpu_before) / 1_000 / count;
        let rate = per_second(count, elapsed);
        println!("{waiting:>4} waiting: {rate:>7} registrations/s, {cpu:>4} µs of the writer each");
    }

    for (name, first, last) in [("known", 0, end), ("unknown", end, end * 2)] {
        let begun = Instant::now();
        for look_up in 0..LOOK_UPS {
            // A stride that is prime to the number of devices, so that no look-up is beside the one before.
            let number = first + look_up * 7_919 % (last - first);
            let view = registry.view(certificate_id(number), CA).await?;
            if view.principal.is_some() != (name == "known") {
                return Err(format!("device {number} should be {name}").into());
            }
        }
        report(&format!("view of {name}"), begun.elapsed().as_secs_f64());
    }
    let begun = Instant::now();
    for look_up in 0..LOOK_UPS {
        let name = ThingName::parse(&thing_name(look_up * 7_919 % end))?;
        registry.thing_view(&name).await?.ok_or_else(|| format!("{name} should be known"))?;
    }
    report("thing view", begun.elapsed().as_secs_f64());

    drop(registry);
    println!("{} bytes of disk a device", fs::metadata(&path)?.len() / end);
    Ok(())
}

/// Registers devices up to number `end`, `waiting` at a time.
async fn register(
    registry: &Arc<SqliteRegistry>,
    next: &Arc<AtomicU64>,
    waiting: u64,
    end: u64,
) -> Result<(), Failure> {
    let mut tasks = JoinSet::new();
    for _ in 0..waiting {
        let (registry, next) = (Arc::clone(registry), Arc::clone(next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= end {
                    return Ok(());
                }
                registry.commit(registration(number)?).await?;
            }
        });
    }
    tasks.join_all().await.into_iter().collect()
}

fn report(what: &str, elapsed: f64) {
    let rate = per_second(LOOK_UPS, elapsed);
    println!("{what:>16}: {rate:>7} look-ups/s, {:.1} µs each", elapsed * 1e6 / LOOK_UPS as f64);
}

fn per_second(count: u64, elapsed: f64) -> String {
    format!("{:.0}", count as f64 / elapsed)
}

/// Time that the writer's thread was on a processor, in nanoseconds; 0 where the system does not tell.
fn writer_cpu_ns() -> u64 {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return 0;
    };
    let is_writer = |task: &Path| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "registry-writer")
    };
    let cpu = |task: PathBuf| {
        fs::read_to_string(task.join("schedstat")).ok()?.split_whitespace().next()?.parse::<u64>().ok()
    };
    let tasks = tasks.flatten().map(|entry| entry.path());
    tasks.filter(|task| is_writer(task)).filter_map(cpu).sum()
}

fn registration(number: u64) -> Result<Transaction, Failure> {
    let now = UnixTime::from_millis(1_700_000_000_000 + i64::try_from(number / 8)?);
    let certificate = certificate_id(number);
    let creation_id = CreationId::from_bytes(u128::from(number).to_be_bytes());
    let serial_number = serial_number(number);
    let plan = RegistrationPlan {
        certificate,
        ca: CA,
        creation_id,
        device_type: DeviceType::Iot,
        serial_number: serial_number.clone(),
        product_id: "smart-sensor".to_owned(),
        thing_type: PlannedThingType {
            name: ThingTypeName::parse("smart-sensor-device")?,
            searchable_attributes: ["serial_number", "product_id", "device_type"]
                .into_iter()
                .map(AttributeName::parse)
                .collect::<Result<_, _>>()?,
        },
        thing: PlannedThing::Create {
            name: ThingName::parse(&thing_name(number))?,
            attributes: attributes(&serial_number, creation_id)?,
        },
        thing_groups: Vec::new(),
        billing_group: None,
        policy: PlannedPolicy {
            name: PolicyName::parse("iot-access-policy")?,
            document: r#"{"Version":"2012-10-17","Statement":[]}"#.repeat(30).into(),
        },
        greengrass: None,
        tags: Vec::new(),
    };
    let scope = Scope { account: AccountId::parse("000000000000")?, region: Region::parse("us-east-1")? };
    let registered = CertificateRegistered { certificate, ca: CA, account: scope.account.clone(), at: now };
    let record = RegistrationRecord {
        certificate,
        ca: CA,
        first_at: now,
        last_at: now,
        attempts: 1,
        duration_us: 1_234,
        serial_number: Some(serial_number),
        product_id: Some("smart-sensor".to_owned()),
        outcome: Outcome::Success { thing: plan.thing_name().clone(), device_type: DeviceType::Iot },
    };
    let mut transaction = Transaction::new();
    transaction.register(pending(number, creation_id, now), CA);
    transaction.provision(&plan, &scope, now);
    transaction.append(Event::CertificateRegistered(registered));
    transaction.record(record);
    Ok(transaction)
}

fn ca_certificate() -> CaCertificate {
    CaCertificate {
        id: CA,
        status: CaStatus::Active,
        auto_registration: AutoRegistration::Enable,
        mode: CertificateMode::Default,
        der: CertificateDer::new(&[0xca; DER_BYTES]),
        validity: validity(),
        version: 1,
        registered_at: UnixTime::from_secs(1_700_000_000),
        modified_at: UnixTime::from_secs(1_700_000_000),
    }
}

fn pending(number: u64, creation_id: CreationId, now: UnixTime) -> Certificate {
    Certificate {
        id: certificate_id(number),
        ca: Some(CA),
        status: CertificateStatus::PendingActivation { creation_id },
        mode: CertificateMode::Default,
        signed_part: SignedPart::from_sha256(*certificate_id(number).as_bytes()),
        der: CertificateDer::new(&certificate_id(number).as_bytes().repeat(DER_BYTES / 32)),
        validity: validity(),
        version: 1,
        registered_at: now,
        modified_at: now,
    }
}

fn validity() -> Validity {
    Validity { not_before: UnixTime::from_secs(1_700_000_000), not_after: UnixTime::from_secs(1_800_000_000) }
}

fn attributes(serial_number: &str, creation_id: CreationId) -> Result<Attributes, Failure> {
    let creation_id = creation_id.to_string();
    let pairs = [
        ("serial_number", serial_number),
        ("product_id", "smart-sensor"),
        ("device_type", "iot"),
        ("common_name", serial_number),
        ("country", "DE"),
        ("state", "Bavaria"),
        ("locality", "Munich"),
        ("organization", "Acme"),
        ("organizational_unit", "AcmeUnit"),
        ("creation_id", &creation_id),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| Ok((AttributeName::parse(name)?, AttributeValue::parse(value)?)))
        .collect()
}

/// In no order, as the digests of real certificates are.
fn certificate_id(number: u64) -> CertificateId {
    let mut digest = [0; 32];
    for (position, part) in (0..).zip(digest.chunks_mut(8)) {
        part.copy_from_slice(&mixed(number * 4 + position).to_be_bytes());
    }
    CertificateId::from_sha256(digest)
}

/// In no order, as the UUIDs of the simulator are.
fn serial_number(number: u64) -> String {
    CreationId::from_bytes((u128::from(mixed(number)) << 64 | u128::from(number)).to_be_bytes()).to_string()
}

fn thing_name(number: u64) -> String {
    format!("thing-{}", serial_number(number))
}

/// SplitMix64: one to one, and without a pattern that an index could use.
const fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
