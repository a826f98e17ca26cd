use std::time::Duration;

use rand::{Rng, RngExt as _};

/// The longest that a device waits after its first failure, unless told otherwise.
pub const BACKOFF_FIRST_DEFAULT: Duration = Duration::from_millis(100);

/// The longest that a device waits after any failure, unless told otherwise.
pub const BACKOFF_MAX_DEFAULT: Duration = Duration::from_secs(30);

/// How long a device waits before it tries again: exponential, with full jitter.
///
/// The wait is anything between zero and a ceiling that doubles with each failure, all equally likely, so that a fleet
/// that failed together does not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling after the first failure.
    pub first: Duration,
    /// The highest ceiling.
    pub max: Duration,
}

impl Backoff {
    /// The longest wait after so many failures in a row: `min(max, first · 2^(failures - 1))`.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }

    /// A random wait after so many failures in a row.
    pub fn delay(&self, failures: u32, random: &mut impl Rng) -> Duration {
        random.random_range(Duration::ZERO..=self.ceiling(failures))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: BACKOFF_FIRST_DEFAULT, max: BACKOFF_MAX_DEFAULT }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_its_maximum() {
        let cases = [
            (0, 100),
            (1, 100),
            (2, 200),
            (3, 400),
            (9, 25_600),
            (10, 30_000),
            (32, 30_000),
            (33, 30_000),
            (u32::MAX, 30_000),
        ];
        for (failures, expected) in cases {
            let ceiling = Backoff::default().ceiling(failures);
            assert_eq!(ceiling, Duration::from_millis(expected), "{failures} failures");
        }
    }

    #[test]
    fn the_jitter_is_full() {
        let backoff = Backoff::default();
        let ceiling = backoff.ceiling(4).as_secs_f64();
        let mut random = StdRng::seed_from_u64(7);
        let delays: Vec<_> =
            (0..10_000).map(|_| backoff.delay(4, &mut random).as_secs_f64() / ceiling).collect();
        let mean = delays.iter().sum::<f64>() / 10_000.0;
        // Of an even distribution the mean is a half, and of so many samples each tenth has nearly a thousand.
        assert!((0.48..0.52).contains(&mean), "{mean}");
        for tenth in 0..10 {
            let (from, to) = (f64::from(tenth) / 10.0, f64::from(tenth + 1) / 10.0);
            let count = delays.iter().filter(|delay| (from..to).contains(*delay)).count();
            assert!((850..1_150).contains(&count), "{count} between {from} and {to}");
        }
    }

    proptest! {
        #[test]
        fn a_delay_is_never_above_its_ceiling_nor_the_ceiling_above_its_maximum(
            first: Duration,
            max: Duration,
            scale in 1_u32..,
            failures: u32,
            seed: u64,
        ) {
            let backoff = Backoff { first: first / scale, max };
            let ceiling = backoff.ceiling(failures);
            prop_assert!(backoff.delay(failures, &mut StdRng::seed_from_u64(seed)) <= ceiling);
            prop_assert!(ceiling <= backoff.max);
            prop_assert!(ceiling <= backoff.ceiling(failures.saturating_add(1)));
        }
    }
}
