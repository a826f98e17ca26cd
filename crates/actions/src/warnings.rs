use std::sync::{Mutex, PoisonError};

use landfall_model::UnixTime;

/// Lets so many warnings of one kind through each second, and counts the others.
pub(crate) struct Warnings {
    per_second_max: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    second: i64,
    in_second: u32,
    left_out: u64,
}

impl Warnings {
    pub(crate) fn new(per_second_max: u32) -> Self {
        Self { per_second_max, state: Mutex::default() }
    }

    /// Whether to warn now: then with how many warnings were left out since the last one.
    pub(crate) fn admit(&self, now: UnixTime) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.second != now.as_secs() {
            (state.second, state.in_second) = (now.as_secs(), 0);
        }
        if state.in_second >= self.per_second_max {
            state.left_out += 1;
            return None;
        }
        state.in_second += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_by_the_next() {
        let warnings = Warnings::new(2);
        for (millisecond, expected) in [
            (0, Some(0)),
            (1, Some(0)),
            (2, None),
            (999, None),
            (1_000, Some(2)),
            (1_001, Some(0)),
            (1_002, None),
        ] {
            assert_eq!(warnings.admit(UnixTime::from_millis(millisecond)), expected, "{millisecond}");
        }
    }
}
