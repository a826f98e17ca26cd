//! How much is said about the denials of one client.

use std::time::Duration;

use tokio::time::Instant;

/// How many denials of one client are still explained and logged in this second: an authenticated client that asks for what it
/// may not do, as fast as it can, neither fills the log nor has the server explain its policies all the time.
pub(super) struct DenialQuota {
    per_second: u32,
    /// The end of the second that the first denial began.
    until: Option<Instant>,
    told: u32,
    left_out: u64,
}

const SECOND: Duration = Duration::from_secs(1);

impl DenialQuota {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, until: None, told: 0, left_out: 0 }
    }

    /// Counts a denial. Whether it is one of those that are explained and logged.
    pub(super) fn take(&mut self) -> bool {
        let now = Instant::now();
        if self.until.is_none_or(|until| until <= now) {
            self.told = 0;
            self.until = now.checked_add(SECOND);
        }
        if self.told < self.per_second {
            self.told += 1;
            return true;
        }
        self.left_out += 1;
        false
    }

    /// When those that were left out are to be told; none where there are none.
    pub(super) fn due(&self) -> Option<Instant> {
        self.until.filter(|_| self.left_out > 0)
    }

    /// How many were left out and not told yet, which they are now.
    pub(super) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_denials_is_told_in_a_few_lines() {
        let mut quota = DenialQuota::new(5);
        let flood = |quota: &mut DenialQuota, count: u32| (0..count).filter(|_| quota.take()).count();
        assert_eq!((flood(&mut quota, 5), quota.due(), quota.take_left_out()), (5, None, 0));

        let second_ends = Instant::now() + SECOND;
        assert_eq!((flood(&mut quota, 1_000), quota.due()), (0, Some(second_ends)));
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!((flood(&mut quota, 1_000), quota.due()), (0, Some(second_ends)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!((quota.take_left_out(), quota.due()), (2_000, None));

        // A new second begins with its first denial, not with the end of the one before.
        tokio::time::advance(Duration::from_millis(700)).await;
        let second_ends = Instant::now() + SECOND;
        assert_eq!((flood(&mut quota, 7), quota.due()), (5, Some(second_ends)));
        // Nobody told those of it before the next began: they are not lost.
        tokio::time::advance(SECOND).await;
        assert_eq!((flood(&mut quota, 6), quota.take_left_out()), (5, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn with_a_limit_of_zero_denials_are_only_counted() {
        let mut quota = DenialQuota::new(0);
        assert!(!quota.take() && !quota.take());
        assert_eq!(quota.take_left_out(), 2);
    }
}
