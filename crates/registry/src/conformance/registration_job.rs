//! Promises about registration jobs.

use landfall_model::{
    CertificateStatus, RegistrationAttempt, RegistrationJob, RegistrationJobState, RegistrationJobStatus,
    UnixTime,
};

use super::samples::{CA, LATER, NOW, ca_id, creation_id, id, pending};
use super::{assert_pages, commit, conflict};
use crate::{Conflict, PageRequest, RegistrationJobFilter, Registry, Transaction};

/// Lets every job through.
const EVERY: RegistrationJobFilter = RegistrationJobFilter { status: None, ca: None };

const WAITING: RegistrationJobState = RegistrationJobState::Waiting { next_at: LATER };
const DONE: RegistrationJobState = RegistrationJobState::Done { at: LATER };
const DEAD: RegistrationJobState = RegistrationJobState::Dead { at: NOW, until: LATER };

/// A job that has just begun.
fn job(number: u32) -> RegistrationJob {
    RegistrationJob::new(id(number), CA, creation_id(number), NOW)
}

/// A job with everything that it may have.
fn full(number: u32) -> RegistrationJob {
    let attempt = |(number, interceptor): (u64, Option<&str>)| RegistrationAttempt {
        at: LATER,
        duration_us: number,
        interceptor: interceptor.map(Into::into),
        problem: format!("\"ü\"\n{number}").into(),
    };
    RegistrationJob {
        ca: ca_id(2),
        created_at: LATER,
        attempts_failed: u32::MAX,
        receive_count: u32::MAX,
        attempts: [(0, None), (1, Some("hook \"ü\"")), (1 << 60, Some(""))].map(attempt).to_vec(),
        state: DEAD,
        ..job(number)
    }
}

/// Registers the certificates that jobs are of.
async fn register(registry: &dyn Registry, numbers: impl IntoIterator<Item = u32>) {
    commit(registry, |tx| numbers.into_iter().for_each(|number| tx.insert_certificate(pending(number))))
        .await;
}

async fn read(registry: &dyn Registry, number: u32) -> Option<RegistrationJob> {
    registry.registration_job(id(number)).await.unwrap()
}

/// Everything is kept, of each state. A certificate has one job: the one that is stored last, in the first one's place.
pub async fn a_job_is_read_back_as_it_was_stored(registry: &dyn Registry) {
    register(registry, 1..4).await;
    assert_eq!(read(registry, 1).await, None);
    commit(registry, |tx| (1..4).for_each(|number| tx.store_registration_job(job(number)))).await;
    for state in [WAITING, DONE, DEAD] {
        for stored in [RegistrationJob { state, ..full(2) }, RegistrationJob { state, ..job(2) }] {
            commit(registry, |tx| {
                tx.store_registration_job(full(2));
                tx.store_registration_job(stored.clone());
            })
            .await;
            assert_eq!(read(registry, 2).await, Some(stored.clone()));
            let all = [job(1), stored, job(3)];
            assert_pages(&all, |page| registry.registration_jobs(EVERY, page)).await;
        }
    }
}

/// A job is of a registered certificate. What fails in the same transaction leaves jobs as they were.
pub async fn a_job_needs_its_certificate(registry: &dyn Registry) {
    register(registry, [1]).await;
    commit(registry, |tx| tx.store_registration_job(full(1))).await;
    type Build = fn(&mut Transaction);
    let changes: [Build; 2] =
        [|tx| tx.store_registration_job(job(2)), |tx| tx.begin_registration_job(job(2))];
    for change in changes {
        conflict(registry, Conflict::CertificateNotFound(id(2)), |tx| {
            tx.remove_registration_job(id(1));
            tx.sweep_registration_jobs(UnixTime::from_millis(i64::MAX), 0);
            change(tx);
        })
        .await;
    }
    assert_eq!((read(registry, 1).await, read(registry, 2).await), (Some(full(1)), None));
}

/// One that waits or was given up is not begun again; one that is done, or removed, is.
pub async fn a_job_is_begun_once(registry: &dyn Registry) {
    register(registry, [1]).await;
    for (state, stays) in [(WAITING, true), (DEAD, true), (DONE, false)] {
        let known = RegistrationJob { state, ..full(1) };
        commit(registry, |tx| tx.store_registration_job(known.clone())).await;
        commit(registry, |tx| tx.begin_registration_job(job(1))).await;
        assert_eq!(read(registry, 1).await, Some(if stays { known } else { job(1) }));
    }
    for _ in 0..2 {
        commit(registry, |tx| tx.remove_registration_job(id(1))).await;
        assert_eq!(read(registry, 1).await, None);
    }
    commit(registry, |tx| {
        tx.begin_registration_job(full(1));
        tx.begin_registration_job(job(1));
    })
    .await;
    assert_eq!(read(registry, 1).await, Some(full(1)));
    // What is not registered has no job to remove.
    commit(registry, |tx| tx.remove_registration_job(id(9))).await;
}

/// A job that never failed leaves nothing; one that did stays with its history.
pub async fn a_job_ends(registry: &dyn Registry) {
    register(registry, 1..3).await;
    let failed = RegistrationJob { state: WAITING, ..full(2) };
    for job in [job(1), failed.clone()] {
        commit(registry, |tx| tx.store_registration_job(job.clone())).await;
        commit(registry, |tx| tx.end_registration_job(&job, LATER)).await;
    }
    assert_eq!(read(registry, 1).await, None);
    assert_eq!(read(registry, 2).await, Some(RegistrationJob { state: DONE, ..failed }));
}

/// Whatever has become of it.
pub async fn a_job_goes_with_its_certificate(registry: &dyn Registry) {
    register(registry, 1..5).await;
    commit(registry, |tx| {
        for (number, state) in (1..).zip([WAITING, DONE, DEAD]) {
            tx.store_registration_job(RegistrationJob { state, ..full(number) });
        }
        tx.store_registration_job(full(4));
    })
    .await;
    for number in 1..4 {
        commit(registry, |tx| {
            tx.set_certificate_status(id(number), CertificateStatus::Inactive, LATER);
            tx.delete_certificate(id(number), false);
        })
        .await;
        assert_eq!(read(registry, number).await, None);
    }
    assert_pages(&[full(4)], |page| registry.registration_jobs(EVERY, page)).await;
    register(registry, [1]).await;
    assert_eq!(read(registry, 1).await, None, "a certificate that comes back has none");
    commit(registry, |tx| tx.begin_registration_job(job(1))).await;
    assert_pages(&[full(4), job(1)], |page| registry.registration_jobs(EVERY, page)).await;
}

/// The listing is in the order in which they were first stored, of those for which the whole filter holds. It follows what
/// changes.
pub async fn jobs_are_filtered_and_listed_by_page(registry: &dyn Registry) {
    register(registry, 0..24).await;
    let mut all = Vec::new();
    for number in 0..24 {
        let state = [WAITING, DONE, DEAD][number as usize % 3];
        let ca = [CA, ca_id(2)][number as usize / 3 % 2];
        all.push(RegistrationJob { state, ca, ..job(number) });
    }
    for job in &all {
        commit(registry, |tx| tx.store_registration_job(job.clone())).await;
    }
    assert_filtered(registry, &all).await;

    all.iter_mut().take(5).for_each(|job| job.state = DEAD);
    let removed = all.remove(10);
    commit(registry, |tx| {
        tx.remove_registration_job(removed.certificate);
        all.iter().rev().for_each(|job| tx.store_registration_job(job.clone()));
    })
    .await;
    assert_filtered(registry, &all).await;
}

/// Asks for every combination of what a filter can have.
async fn assert_filtered(registry: &dyn Registry, all: &[RegistrationJob]) {
    let statuses = [None].into_iter().chain(RegistrationJobStatus::ALL.map(Some));
    for status in statuses {
        for ca in [None, Some(CA), Some(ca_id(2)), Some(ca_id(3))] {
            let filter = RegistrationJobFilter { status, ca };
            let expected: Vec<_> = all.iter().filter(|job| filter.matches(job)).cloned().collect();
            let is_of_none = ca.is_some_and(|ca| ca == ca_id(3));
            assert_eq!(expected.is_empty(), is_of_none, "{filter:?}");
            assert_pages(&expected, |page| registry.registration_jobs(filter, page)).await;
        }
    }
}

/// Of those that are done, the last that were stored stay; of the dead letters, those whose time is not over; and whatever
/// waits.
pub async fn a_sweep_removes_what_need_not_be_kept(registry: &dyn Registry) {
    register(registry, 0..15).await;
    let dead = |until: i64| RegistrationJobState::Dead { at: NOW, until: UnixTime::from_secs(until) };
    let jobs: Vec<_> = (0..15)
        .map(|number| {
            let state = [WAITING, DONE, dead(i64::from(number))][number as usize % 3];
            RegistrationJob { state, ..job(number) }
        })
        .collect();
    commit(registry, |tx| jobs.iter().for_each(|job| tx.store_registration_job(job.clone()))).await;
    for (now, kept_max, done, dead) in [(1, 5, 5, 5), (2, 9, 5, 4), (7, 2, 2, 3), (8, 2, 2, 2), (99, 0, 0, 0)]
    {
        commit(registry, |tx| tx.sweep_registration_jobs(UnixTime::from_secs(now), kept_max)).await;
        for (status, kept) in [
            (RegistrationJobStatus::Waiting, 5),
            (RegistrationJobStatus::Done, done),
            (RegistrationJobStatus::Dead, dead),
        ] {
            let of_status = jobs.iter().filter(|job| job.state.status() == status);
            let expected: Vec<_> = of_status.skip(5 - kept).cloned().collect();
            let filter = RegistrationJobFilter { status: Some(status), ca: None };
            let found = registry.registration_jobs(filter, PageRequest::first(99)).await.unwrap();
            assert_eq!(found.items, expected, "{status:?} at {now}");
        }
    }
}
