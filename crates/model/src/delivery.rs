use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::uuid::uuid_type;
use crate::{CertificateId, RuleName, TopicName, UnixTime, UnknownWord};

uuid_type! {
    /// The id of a delivery.
    DeliveryId
}

/// What one action of a topic rule has to do for one message, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The rule, which may be deleted by now.
    pub rule: RuleName,
    /// Which of the rule's actions it is.
    pub action: DeliveryAction,
    /// The topic of the message.
    pub topic: TopicName,
    /// What to do, with everything substituted: JSON text of an action request.
    pub request: Arc<str>,
    /// What to do when that fails for good: JSON text of an action request; none if the rule has no error action.
    pub error_request: Option<Arc<str>>,
    /// The certificate that the message is about: one of a registration event.
    pub certificate: Option<CertificateId>,
    /// When the message was published.
    pub created_at: UnixTime,
    /// How many attempts have failed.
    pub attempts_failed: u32,
    /// The failed attempts, the oldest first: when there were more than [`DeliveryAttempt::KEPT_MAX`], the first and the last.
    pub attempts: Vec<DeliveryAttempt>,
    /// How far it has come.
    pub state: DeliveryState,
}

/// Which of a rule's actions a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryAction {
    /// The action of this index, from 0.
    Action(u16),
    /// The error action.
    ErrorAction,
}

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// When it began.
    pub at: UnixTime,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// What went wrong, for people. What others say can be long: see [`Self::new`].
    pub problem: Arc<str>,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is under way, or is tried again.
    Waiting {
        /// Not before when.
        next_at: UnixTime,
    },
    /// It was delivered.
    Delivered {
        /// When.
        at: UnixTime,
    },
    /// It failed for good, and the error action was carried out in its place.
    HandledByErrorAction {
        /// When.
        at: UnixTime,
    },
    /// It failed for good, as did the error action if there is one: a dead letter, which waits for an operator.
    Dead {
        /// When.
        at: UnixTime,
    },
}

/// What deliveries are chosen by: their state without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// Under way, or tried again.
    Waiting,
    /// Delivered.
    Delivered,
    /// Failed, with the error action carried out in its place.
    HandledByErrorAction,
    /// A dead letter.
    Dead,
}

impl Delivery {
    /// Adds an attempt that failed. Between the first and the last attempts the oldest are forgotten.
    pub fn record_failure(&mut self, attempt: DeliveryAttempt) {
        self.attempts_failed = self.attempts_failed.saturating_add(1);
        self.attempts.push(attempt);
        if self.attempts.len() > DeliveryAttempt::KEPT_MAX {
            self.attempts.remove(DeliveryAttempt::FIRST_KEPT);
        }
    }
}

impl DeliveryAttempt {
    /// The most attempts that a delivery keeps: the first half of them are its first, the others its last.
    pub const KEPT_MAX: usize = 20;

    /// The most characters of a problem that are kept.
    pub const PROBLEM_CHARACTERS_MAX: usize = 1_024;

    /// How many of the first attempts are kept.
    const FIRST_KEPT: usize = Self::KEPT_MAX / 2;

    /// An attempt that began at this time and took so long, with the first [`Self::PROBLEM_CHARACTERS_MAX`] characters of
    /// what went wrong.
    pub fn new(at: UnixTime, took: Duration, problem: &str) -> Self {
        let end = problem.char_indices().nth(Self::PROBLEM_CHARACTERS_MAX).map(|(end, _)| end);
        let kept = end.and_then(|end| problem.get(..end)).unwrap_or(problem);
        let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        Self { at, duration_us, problem: kept.into() }
    }
}

impl DeliveryState {
    /// The state without its data.
    pub const fn status(self) -> DeliveryStatus {
        match self {
            Self::Waiting { .. } => DeliveryStatus::Waiting,
            Self::Delivered { .. } => DeliveryStatus::Delivered,
            Self::HandledByErrorAction { .. } => DeliveryStatus::HandledByErrorAction,
            Self::Dead { .. } => DeliveryStatus::Dead,
        }
    }

    /// The state's moment: when it is tried again, or when it ended.
    pub const fn at(self) -> UnixTime {
        match self {
            Self::Waiting { next_at: at }
            | Self::Delivered { at }
            | Self::HandledByErrorAction { at }
            | Self::Dead { at } => at,
        }
    }
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Delivered, Self::HandledByErrorAction, Self::Dead];

    /// The word for the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Delivered => "DELIVERED",
            Self::HandledByErrorAction => "ERROR_ACTION",
            Self::Dead => "DEAD",
        }
    }

    /// The status by its word.
    ///
    /// # Errors
    /// The word is none of the statuses'.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == word);
        found.ok_or_else(|| UnknownWord::new(word, "WAITING, DELIVERED, ERROR_ACTION, DEAD"))
    }

    /// The state with this status and moment.
    pub const fn with(self, at: UnixTime) -> DeliveryState {
        match self {
            Self::Waiting => DeliveryState::Waiting { next_at: at },
            Self::Delivered => DeliveryState::Delivered { at },
            Self::HandledByErrorAction => DeliveryState::HandledByErrorAction { at },
            Self::Dead => DeliveryState::Dead { at },
        }
    }
}

/// As the path of the action in the rule's document.
impl fmt::Display for DeliveryAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(index) => write!(f, "actions[{index}]"),
            Self::ErrorAction => f.write_str("errorAction"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId::from_bytes([1; 16]),
            rule: RuleName::parse("r").unwrap(),
            action: DeliveryAction::Action(0),
            topic: TopicName::parse("a/b").unwrap(),
            request: "{}".into(),
            error_request: None,
            certificate: None,
            created_at: UnixTime::from_secs(1),
            attempts_failed: 0,
            attempts: Vec::new(),
            state: DeliveryState::Waiting { next_at: UnixTime::from_secs(1) },
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
            let mut delivery = delivery();
            for number in 0..failed {
                let at = UnixTime::from_secs(number.into());
                delivery.record_failure(DeliveryAttempt {
                    at,
                    duration_us: 1,
                    problem: number.to_string().into(),
                });
            }
            assert_eq!(delivery.attempts_failed, failed);
            let found: Vec<_> = delivery.attempts.iter().map(|attempt| attempt.problem.to_string()).collect();
            assert_eq!(found, kept.iter().map(u32::to_string).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_long_problem_is_cut() {
        let at = UnixTime::from_secs(3);
        for (characters, kept) in [(0, 0), (1_023, 1_023), (1_024, 1_024), (1_025, 1_024), (9_999, 1_024)] {
            let attempt = DeliveryAttempt::new(at, Duration::from_millis(2), &"ü".repeat(characters));
            let expected = DeliveryAttempt { at, duration_us: 2_000, problem: "ü".repeat(kept).into() };
            assert_eq!(attempt, expected);
        }
    }

    #[test]
    fn every_word_is_read_back_and_has_its_state() {
        let at = UnixTime::from_millis(7);
        for status in DeliveryStatus::ALL {
            assert_eq!(DeliveryStatus::parse(status.as_str()), Ok(status));
            assert_eq!((status.with(at).status(), status.with(at).at()), (status, at));
        }
        let message = "\"dead\" is none of WAITING, DELIVERED, ERROR_ACTION, DEAD";
        assert_eq!(DeliveryStatus::parse("dead").unwrap_err().to_string(), message);
    }

    #[test]
    fn an_action_is_shown_as_its_path() {
        assert_eq!(DeliveryAction::Action(9).to_string(), "actions[9]");
        assert_eq!(DeliveryAction::ErrorAction.to_string(), "errorAction");
    }
}
