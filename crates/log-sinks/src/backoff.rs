use std::time::Duration;

/// How long a sink waits before it tries again: exponential, with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// The most after the first failure.
    pub(crate) first: Duration,
    /// The most after any failure.
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The wait after so many failures in a row: between half of `first · 2^(failures - 1)`, at most `longest`, and all of it.
    /// `jitter` is random.
    pub(crate) fn delay(&self, failures: u32, jitter: u8) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let half = self.first.saturating_mul(factor).min(self.longest) / 2;
        let random = half.checked_mul(jitter.into()).map_or(half, |product| product / u32::from(u8::MAX));
        half.saturating_add(random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_maximum_and_is_at_least_half_of_it() {
        let backoff = Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(60) };
        for (failures, jitter, expected) in [
            (0, 255, 200),
            (1, 255, 200),
            (1, 0, 100),
            (2, 255, 400),
            (9, 255, 51_200),
            (10, 0, 30_000),
            (u32::MAX, 255, 60_000),
        ] {
            let delay = backoff.delay(failures, jitter);
            assert_eq!(delay, Duration::from_millis(expected), "{failures} failures, jitter {jitter}");
        }
    }
}
