//! Registration jobs under `/landfall/v1`, the retry, and what the registration log is asked for.

use async_trait::async_trait;
use landfall_model::{
    CaCertificateId, CertificateId, CreationId, RegistrationAttempt, RegistrationJob, RegistrationJobState,
    Rejection, ThingName,
};
use landfall_registry::{Registry as _, Transaction};
use serde_json::{Value, json};

use super::world::{EARLIER, NOW, World, id};
use crate::landfall::Registrations;
use crate::registration_job::{NotRetried, RegistrationJobs, RegistrationRetrier, Retried, RetryOutcome};

const OTHER_CA: CaCertificateId = CaCertificateId::from_sha256([9; 32]);

/// Answers by the certificate's first byte.
pub(super) struct Retries;

#[async_trait]
impl RegistrationRetrier for Retries {
    async fn retry(&self, certificate: CertificateId) -> Result<Retried, NotRetried> {
        let (code, message) = ("interceptor_denied".to_owned(), "no".to_owned());
        match certificate.as_bytes()[0] {
            1 => Ok(Retried::Active { thing: Some(ThingName::parse("thing-1").unwrap()) }),
            2 => Ok(Retried::Active { thing: None }),
            3 => Ok(Retried::Refused(Rejection { code, message })),
            4 => Ok(Retried::Told),
            5 => Ok(Retried::Waiting(Box::new(job(5, OTHER_CA, WAITING)))),
            6 => Err(NotRetried::Nothing("nothing".to_owned())),
            7 => Err(NotRetried::Busy("busy".to_owned())),
            8 => Err(NotRetried::Failed(std::io::Error::other("disk").into())),
            _ => Err(NotRetried::NotRegistered),
        }
    }
}

const WAITING: RegistrationJobState = RegistrationJobState::Waiting { next_at: NOW };

fn job(number: u8, ca: CaCertificateId, state: RegistrationJobState) -> RegistrationJob {
    let creation_id = CreationId::from_bytes([number; 16]);
    let mut job = RegistrationJob::new(of(number), ca, creation_id, EARLIER);
    for interceptor in [Some("hook"), None] {
        let took = std::time::Duration::from_micros(1_500);
        job.record_failure(RegistrationAttempt::new(EARLIER, took, interceptor, "it is gone"));
    }
    job.receive_count = 1;
    RegistrationJob { state, ..job }
}

fn of(number: u8) -> CertificateId {
    CertificateId::from_sha256([number; 32])
}

/// A world with a job of each state, of certificates that are registered there.
async fn world() -> World {
    let world = World::start().await;
    let dead = RegistrationJobState::Dead { at: EARLIER, until: NOW };
    let mut transaction = Transaction::new();
    for (number, state) in [(2, WAITING), (3, dead)] {
        let stored = RegistrationJob { certificate: id(number), ..job(number, world.ca_id(), state) };
        transaction.store_registration_job(stored);
    }
    let done = job(1, OTHER_CA, RegistrationJobState::Done { at: EARLIER });
    transaction.store_registration_job(RegistrationJob { certificate: world.device.id(), ..done });
    world.registry.commit(transaction).await.unwrap();
    world
}

async fn get(world: &World, target: &str) -> Value {
    world.signed("landfall", "GET", target, "").await.ok()
}

#[tokio::test]
async fn a_job_has_its_history() {
    let world = world().await;
    let answer = get(&world, &format!("/landfall/v1/registration-jobs/{}", id(3))).await;
    let expected = json!({
        "certificateId": id(3).to_string(),
        "caCertificateId": world.ca_id().to_string(),
        "creationId": "03030303-0303-0303-0303-030303030303",
        "createdAtMs": 1_767_000_000_250_i64,
        "status": "DEAD",
        "statusAtMs": 1_767_000_000_250_i64,
        "keptUntilMs": NOW.as_millis(),
        "attemptsFailed": 2,
        "receiveCount": 1,
        "attempts": [
            {"atMs": 1_767_000_000_250_i64, "durationUs": 1_500, "interceptor": "hook", "problem": "it is gone"},
            {"atMs": 1_767_000_000_250_i64, "durationUs": 1_500, "problem": "it is gone"},
        ],
    });
    assert_eq!(answer, expected);
    let answer = get(&world, &format!("/landfall/v1/registration-jobs/{}", id(2))).await;
    assert_eq!((answer["statusAtMs"].as_i64(), answer.get("keptUntilMs")), (Some(NOW.as_millis()), None));
    let answer =
        world.signed("landfall", "GET", &format!("/landfall/v1/registration-jobs/{}", id(9)), "").await;
    let message = format!("404 ResourceNotFoundException: certificate {} has no registration job", id(9));
    assert_eq!(answer.error(), message);
}

#[tokio::test]
async fn jobs_are_listed_by_what_they_are() {
    let world = world().await;
    let (two, three, device) = (id(2).to_string(), id(3).to_string(), world.device.id().to_string());
    for (query, expected) in [
        (String::new(), vec![&two, &three, &device]),
        ("order=descending".to_owned(), vec![&device, &three, &two]),
        ("status=WAITING".to_owned(), vec![&two]),
        ("status=DEAD".to_owned(), vec![&three]),
        ("status=DONE".to_owned(), vec![&device]),
        (format!("ca={}", world.ca_id()), vec![&two, &three]),
        (format!("ca={OTHER_CA}&status=DONE"), vec![&device]),
        (format!("ca={OTHER_CA}&status=DEAD"), vec![]),
    ] {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let page = get(&world, &format!("/landfall/v1/registration-jobs?{query}&limit=2{after}")).await;
            let page: RegistrationJobs = serde_json::from_value(page).unwrap();
            found.extend(page.registration_jobs.into_iter().map(|job| job.certificate_id));
            let Some(next) = page.next else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_retry_answers_what_became_of_it() {
    let world = World::start().await;
    let retry = async |number| {
        let path = format!("/landfall/v1/certificates/{}/registration/retry", of(number));
        world.signed("landfall", "POST", &path, "").await
    };
    for (number, expected) in [
        (1, Ok(json!({"result": "active", "thingName": "thing-1"}))),
        (2, Ok(json!({"result": "active"}))),
        (3, Ok(json!({"result": "refused", "code": "interceptor_denied", "message": "no"}))),
        (4, Ok(json!({"result": "told"}))),
        (6, Err("409 InvalidStateTransitionException: nothing".to_owned())),
        (7, Err("503 ServiceUnavailableException: busy".to_owned())),
        (9, Err(format!("404 ResourceNotFoundException: certificate {} is not registered", of(9)))),
    ] {
        let answer = retry(number).await;
        match expected {
            Ok(expected) => assert_eq!(answer.ok(), expected),
            Err(expected) => assert_eq!(answer.error(), expected),
        }
    }
    assert_eq!(retry(8).await.status, 500);
    let read: RetryOutcome = serde_json::from_value(retry(5).await.ok()).unwrap();
    assert!(matches!(read, RetryOutcome::Waiting { job } if job.attempts_failed == 2));
}

#[tokio::test]
async fn registrations_are_listed_by_what_they_are() {
    let world = World::start().await;
    let (device, two, three) = (world.device.id().to_string(), id(2).to_string(), id(3).to_string());
    let ca = "07".repeat(32);
    let every = vec![&device, &two, &three];
    for (query, expected) in [
        (String::new(), every.clone()),
        ("status=SUCCESS".to_owned(), vec![&device]),
        ("status=FAILURE".to_owned(), vec![&two, &three]),
        ("status=ACTIVATED".to_owned(), vec![]),
        ("code=no_serial_number".to_owned(), vec![&two, &three]),
        ("code=another".to_owned(), vec![]),
        (format!("ca={ca}"), every.clone()),
        (format!("ca={OTHER_CA}"), vec![]),
        (format!("since={}", NOW.as_millis()), every.clone()),
        (format!("since={}", NOW.as_millis() + 1), vec![]),
        (format!("until={}", EARLIER.as_millis()), every),
        (format!("until={}&status=FAILURE", EARLIER.as_millis() - 1), vec![]),
    ] {
        let page = get(&world, &format!("/landfall/v1/registrations?{query}")).await;
        let page: Registrations = serde_json::from_value(page).unwrap();
        let found: Vec<_> = page.registrations.into_iter().map(|one| one.certificate_id).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::start().await;
    for (target, expected) in [
        ("registrations?status=DONE", "status: \"DONE\" is none of SUCCESS, ACTIVATED, FAILURE"),
        ("registrations?ca=x", "ca: \"x\" is not an id of 64 hex digits"),
        ("registrations?since=1h", "since is \"1h\"; it takes milliseconds since 1970"),
        ("registration-jobs?status=SUCCESS", "status: \"SUCCESS\" is none of WAITING, DONE, DEAD"),
        ("registration-jobs?since=1", "the parameter \"since\" is not known here"),
        ("registration-jobs/x", "\"x\" is not an id of 64 hex digits"),
    ] {
        let answer = world.signed("landfall", "GET", &format!("/landfall/v1/{target}"), "").await;
        assert_eq!(answer.error(), format!("400 InvalidRequestException: {expected}"), "{target}");
    }
}
