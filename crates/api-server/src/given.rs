//! Members of requests that configure what is not built.

use std::collections::BTreeMap;

use landfall_api::{ApiError, ErrorCode, OpaqueMember, WireTimestamp};

/// A member of a request, as far as it says something: tools send empty ones for what is not configured.
pub(crate) trait Given {
    /// Whether it says something.
    fn is_given(&self) -> bool;
}

/// Refuses the first of these members that says something: its name, itself, and what is so here instead.
///
/// # Errors
/// `InvalidParameterValueException`, naming the member.
pub(crate) fn refuse_given(members: &[(&str, &dyn Given, &str)]) -> Result<(), ApiError> {
    match members.iter().find(|(_, member, _)| member.is_given()) {
        Some((name, _, instead)) => Err(unsupported(name, instead)),
        None => Ok(()),
    }
}

/// The refusal of a member that configures what is not built.
pub(crate) fn unsupported(member: &str, instead: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidParameterValue, format!("{member} is not supported here: {instead}"))
}

impl<T: Given> Given for Option<T> {
    fn is_given(&self) -> bool {
        self.as_ref().is_some_and(Given::is_given)
    }
}

impl Given for OpaqueMember {
    fn is_given(&self) -> bool {
        !self.is_empty()
    }
}

impl Given for bool {
    fn is_given(&self) -> bool {
        *self
    }
}

impl Given for i32 {
    fn is_given(&self) -> bool {
        true
    }
}

impl Given for WireTimestamp {
    fn is_given(&self) -> bool {
        true
    }
}

impl Given for String {
    fn is_given(&self) -> bool {
        !self.is_empty()
    }
}

impl<T> Given for Vec<T> {
    fn is_given(&self) -> bool {
        !self.is_empty()
    }
}

impl<K, V> Given for BTreeMap<K, V> {
    fn is_given(&self) -> bool {
        !self.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_says_something_is_refused() {
        let check = |member: &dyn Given, expected: bool| {
            let refused = refuse_given(&[("A", &None::<bool>, "x"), ("B", member, "there are none")]);
            let expected = if expected {
                Err("InvalidParameterValueException: B is not supported here: there are none".to_owned())
            } else {
                Ok(())
            };
            assert_eq!(refused.map_err(|error| error.to_string()), expected);
        };
        check(&Some(true), true);
        check(&Some(false), false);
        check(&None::<String>, false);
        check(&Some(String::new()), false);
        check(&Some("a".to_owned()), true);
        check(&Some(Vec::<String>::new()), false);
        check(&Some(vec![String::new()]), true);
        check(&Some(BTreeMap::<String, String>::new()), false);
        check(&Some(BTreeMap::from([(1, 2)])), true);
        check(&Some(0), true);
        check(&Some(WireTimestamp::from_millis(0)), true);
        let opaque = |json: &str| serde_json::from_str::<OpaqueMember>(json).unwrap();
        check(&Some(opaque("{\"SubnetIds\":[]}")), false);
        check(&Some(opaque("{\"SubnetIds\":[\"subnet-1\"]}")), true);
    }
}
