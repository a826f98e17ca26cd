use std::sync::Arc;
use std::time::Duration;

use crate::{CaCertificateId, CertificateId, CreationId, UnixTime, UnknownWord};

/// A registration that waits for its interceptors, or had to: it is kept until it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationJob {
    /// The certificate. It has one job at most.
    pub certificate: CertificateId,
    /// The CA certificate that issued it.
    pub ca: CaCertificateId,
    /// The id of the registration, which each attempt has.
    pub creation_id: CreationId,
    /// When it began.
    pub created_at: UnixTime,
    /// How many attempts have failed for a passing reason.
    pub attempts_failed: u32,
    /// How many of these count towards giving up: those that had their turn by the queue's own time since the job began, or was
    /// last tried again by hand.
    pub receive_count: u32,
    /// The failed attempts, the oldest first: when there were more than [`RegistrationAttempt::KEPT_MAX`], the first and the
    /// last.
    pub attempts: Vec<RegistrationAttempt>,
    /// How far it has come.
    pub state: RegistrationJobState,
}

/// An attempt to register that failed for a passing reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationAttempt {
    /// When it began.
    pub at: UnixTime,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// The interceptor that could not say; none when the registry failed.
    pub interceptor: Option<Arc<str>>,
    /// What went wrong, for people. What others say can be long: see [`Self::new`].
    pub problem: Arc<str>,
}

/// How far a registration job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationJobState {
    /// It is under way, or is tried again.
    Waiting {
        /// Not before when, unless its device comes back.
        next_at: UnixTime,
    },
    /// The device was registered, after attempts that failed.
    Done {
        /// When.
        at: UnixTime,
    },
    /// A dead letter: it was given up, and waits for an operator.
    Dead {
        /// When.
        at: UnixTime,
        /// Until when it is kept.
        until: UnixTime,
    },
}

/// What registration jobs are chosen by: their state without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegistrationJobStatus {
    /// Under way, or tried again.
    Waiting,
    /// Registered, after attempts that failed.
    Done,
    /// A dead letter.
    Dead,
}

impl RegistrationJob {
    /// A job that begins now.
    pub const fn new(
        certificate: CertificateId,
        ca: CaCertificateId,
        creation_id: CreationId,
        now: UnixTime,
    ) -> Self {
        Self {
            certificate,
            ca,
            creation_id,
            created_at: now,
            attempts_failed: 0,
            receive_count: 0,
            attempts: Vec::new(),
            state: RegistrationJobState::Waiting { next_at: now },
        }
    }

    /// Adds an attempt that failed. Between the first and the last attempts the oldest are forgotten.
    pub fn record_failure(&mut self, attempt: RegistrationAttempt) {
        self.attempts_failed = self.attempts_failed.saturating_add(1);
        self.attempts.push(attempt);
        if self.attempts.len() > RegistrationAttempt::KEPT_MAX {
            self.attempts.remove(RegistrationAttempt::FIRST_KEPT);
        }
    }
}

impl RegistrationAttempt {
    /// The most attempts that a job keeps: the first half of them are its first, the others its last.
    pub const KEPT_MAX: usize = 20;

    /// The most characters of a problem that are kept.
    pub const PROBLEM_CHARACTERS_MAX: usize = 1_024;

    /// How many of the first attempts are kept.
    const FIRST_KEPT: usize = Self::KEPT_MAX / 2;

    /// An attempt that began at this time and took so long, with the first [`Self::PROBLEM_CHARACTERS_MAX`] characters of
    /// what went wrong.
    pub fn new(at: UnixTime, took: Duration, interceptor: Option<&str>, problem: &str) -> Self {
        let end = problem.char_indices().nth(Self::PROBLEM_CHARACTERS_MAX).map(|(end, _)| end);
        let kept = end.and_then(|end| problem.get(..end)).unwrap_or(problem);
        let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        Self { at, duration_us, interceptor: interceptor.map(Arc::from), problem: kept.into() }
    }
}

impl RegistrationJobState {
    /// The state without its data.
    pub const fn status(self) -> RegistrationJobStatus {
        match self {
            Self::Waiting { .. } => RegistrationJobStatus::Waiting,
            Self::Done { .. } => RegistrationJobStatus::Done,
            Self::Dead { .. } => RegistrationJobStatus::Dead,
        }
    }

    /// The state's moment: when it is tried again, or when it ended.
    pub const fn at(self) -> UnixTime {
        match self {
            Self::Waiting { next_at: at } | Self::Done { at } | Self::Dead { at, .. } => at,
        }
    }
}

impl RegistrationJobStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Done, Self::Dead];

    /// The word for the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Done => "DONE",
            Self::Dead => "DEAD",
        }
    }

    /// The status by its word.
    ///
    /// # Errors
    /// The word is none of the statuses'.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == word);
        found.ok_or_else(|| UnknownWord::new(word, "WAITING, DONE, DEAD"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32) -> RegistrationAttempt {
        RegistrationAttempt {
            at: UnixTime::from_secs(number.into()),
            duration_us: 1,
            interceptor: None,
            problem: number.to_string().into(),
        }
    }

    #[test]
    fn the_first_and_the_last_attempts_are_kept() {
        for (failed, kept) in [
            (1, vec![0]),
            (20, (0..20).collect()),
            (21, (0..10).chain(11..21).collect::<Vec<u32>>()),
            (1_000, (0..10).chain(990..1_000).collect()),
        ] {
            let id = CertificateId::from_sha256([1; 32]);
            let ca = CaCertificateId::from_sha256([2; 32]);
            let creation_id = CreationId::from_bytes([3; 16]);
            let mut job = RegistrationJob::new(id, ca, creation_id, UnixTime::from_secs(1));
            (0..failed).for_each(|number| job.record_failure(attempt(number)));
            assert_eq!(job.attempts_failed, failed);
            assert_eq!(job.attempts, kept.into_iter().map(attempt).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_long_problem_is_cut() {
        let at = UnixTime::from_secs(3);
        for (characters, kept) in [(0, 0), (1_023, 1_023), (1_024, 1_024), (1_025, 1_024), (9_999, 1_024)] {
            let problem = "ü".repeat(characters);
            let attempt = RegistrationAttempt::new(at, Duration::from_millis(2), Some("hook"), &problem);
            let expected = RegistrationAttempt {
                at,
                duration_us: 2_000,
                interceptor: Some("hook".into()),
                problem: "ü".repeat(kept).into(),
            };
            assert_eq!(attempt, expected);
        }
    }

    #[test]
    fn every_word_is_read_back() {
        for status in RegistrationJobStatus::ALL {
            assert_eq!(RegistrationJobStatus::parse(status.as_str()), Ok(status));
        }
        let message = "\"dead\" is none of WAITING, DONE, DEAD";
        assert_eq!(RegistrationJobStatus::parse("dead").unwrap_err().to_string(), message);
    }

    #[test]
    fn a_state_has_its_status_and_its_moment() {
        let (at, until) = (UnixTime::from_secs(7), UnixTime::from_secs(9));
        for (state, status) in [
            (RegistrationJobState::Waiting { next_at: at }, RegistrationJobStatus::Waiting),
            (RegistrationJobState::Done { at }, RegistrationJobStatus::Done),
            (RegistrationJobState::Dead { at, until }, RegistrationJobStatus::Dead),
        ] {
            assert_eq!((state.status(), state.at()), (status, at));
        }
    }
}
