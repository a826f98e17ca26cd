use landfall_registry::Conflict;

use crate::failure::Failure;

/// How often a change is tried while other requests keep changing what it was decided on. Then the caller is told of the
/// conflict.
const ATTEMPTS_MAX: u32 = 8;

/// Counts how often a change was tried: one that is decided on what was read before, and that another request may
/// overtake between the reading and the commit.
#[derive(Debug)]
pub(crate) struct Attempts {
    left: u32,
}

impl Attempts {
    /// The first attempt.
    pub(crate) const fn new() -> Self {
        Self { left: ATTEMPTS_MAX - 1 }
    }

    /// Begins the next attempt.
    ///
    /// # Errors
    /// The conflict is no lost race, and would be the same again; or it was the last attempt.
    pub(crate) fn again(&mut self, conflict: Conflict, is_lost_race: bool) -> Result<(), Failure> {
        if !is_lost_race || self.left == 0 {
            return Err(conflict.into());
        }
        self.left -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::ThingName;

    use super::*;

    fn conflict() -> Conflict {
        Conflict::ThingVersion(ThingName::parse("t").unwrap())
    }

    #[test]
    fn lost_races_are_run_again_but_not_for_ever() {
        let mut attempts = Attempts::new();
        for _ in 1..ATTEMPTS_MAX {
            attempts.again(conflict(), true).unwrap();
        }
        let refused = attempts.again(conflict(), true).unwrap_err();
        assert!(matches!(refused, Failure::Conflict(Conflict::ThingVersion(_))));
    }

    #[test]
    fn what_is_no_race_is_not_run_again() {
        assert!(Attempts::new().again(conflict(), false).is_err());
    }
}
