use std::time::{SystemTime, UNIX_EPOCH};

use landfall_model::{Clock, UnixTime};

/// The machine's clock: the one place that reads it.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let now = SystemTime::now();
        // A clock before 1970 or after the year 292 million is wrong anyway.
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}
