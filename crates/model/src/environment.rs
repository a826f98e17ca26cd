use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The environment variables of a function, by name. Values may be secrets: neither `Debug` nor an error shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<Arc<str>, Arc<str>>);

/// Environment variables that a function cannot have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidEnvironment {
    /// A name of the wrong form.
    #[error("environment variable {found:?} is not a letter and then one or more letters, digits and _")]
    Name {
        /// The start of the name.
        found: String,
    },
    /// A name that Lambda itself sets.
    #[error("environment variable {0} is reserved, as Lambda sets it; choose another name")]
    Reserved(&'static str),
    /// A value that no process can be given.
    #[error("the value of environment variable {name} has the character NUL, which no environment can have")]
    Nul {
        /// The variable.
        name: String,
    },
    /// They are too large.
    #[error("the environment variables are {found} bytes as JSON; at most {max} are allowed", max = Environment::BYTES_MAX)]
    TooLarge {
        /// Their size, in bytes.
        found: usize,
    },
}

impl Environment {
    /// The most bytes of all names and values together, written as a JSON object without white space: what Lambda
    /// measures (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
    pub const BYTES_MAX: usize = 4_096;

    /// The variables of these names and values. Of several with one name the last counts.
    ///
    /// # Errors
    /// A name is of the wrong form or reserved, a value has a NUL, or all together are too large.
    pub fn new<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Result<Self, InvalidEnvironment>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut checked = BTreeMap::new();
        for (name, value) in variables {
            let (name, value) = (name.as_ref(), value.as_ref());
            check_variable(name, value)?;
            checked.insert(name.into(), value.into());
        }
        let environment = Self(checked);
        let found = environment.json_bytes();
        if found > Self::BYTES_MAX {
            return Err(InvalidEnvironment::TooLarge { found });
        }
        Ok(environment)
    }

    /// The variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of one variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How long the JSON object of them is, in bytes.
    fn json_bytes(&self) -> usize {
        let member = |(name, value): (&str, &str)| json_text_bytes(name) + ":".len() + json_text_bytes(value);
        let commas = self.0.len().saturating_sub(1);
        "{}".len() + commas + self.iter().map(member).sum::<usize>()
    }
}

// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>: defined runtime environment variables that
// are reserved. Those that begin with _ are refused by the form of a name.
const RESERVED: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// How many characters of a wrong name an error repeats.
const SHOWN_MAX: usize = 80;

fn check_variable(name: &str, value: &str) -> Result<(), InvalidEnvironment> {
    let shown = || name.chars().take(SHOWN_MAX).collect();
    let is_well_formed = name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_well_formed {
        return Err(InvalidEnvironment::Name { found: shown() });
    }
    if let Some(reserved) = RESERVED.iter().find(|reserved| **reserved == name) {
        return Err(InvalidEnvironment::Reserved(reserved));
    }
    if value.contains('\0') {
        return Err(InvalidEnvironment::Nul { name: shown() });
    }
    Ok(())
}

/// How long the text is as a JSON string, quotes included (RFC 8259, section 7).
fn json_text_bytes(text: &str) -> usize {
    let character = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => r"\n".len(),
        '\0'..='\u{1f}' => r"\u0000".len(),
        other => other.len_utf8(),
    };
    "\"\"".len() + text.chars().map(character).sum::<usize>()
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_kept_by_name() {
        let environment =
            Environment::new([("THING_PREFIX", "dev"), ("MODE", ""), ("MODE", "b\"\n")]).unwrap();
        let variables: Vec<_> = environment.iter().collect();
        assert_eq!(variables, [("MODE", "b\"\n"), ("THING_PREFIX", "dev")]);
        assert_eq!((environment.get("MODE"), environment.get("mode")), (Some("b\"\n"), None));
        assert!(Environment::default().is_empty() && !environment.is_empty());
    }

    #[test]
    fn a_name_is_a_letter_and_more() {
        for good in ["AB", "a_", "Z9", "AWS_ENDPOINT_URL", "AWS_LAMBDA_EXEC_WRAPPER"] {
            assert!(Environment::new([(good, "")]).is_ok(), "{good}");
        }
        for bad in ["", "A", "1A", "_HANDLER", "_X_AMZN_TRACE_ID", "A-B", "A B", "A=B", "É1", "A\0"] {
            let error = Environment::new([(bad, "")]).unwrap_err();
            assert_eq!(error, InvalidEnvironment::Name { found: bad.to_owned() });
        }
        for name in RESERVED {
            assert_eq!(Environment::new([(name, "")]), Err(InvalidEnvironment::Reserved(name)));
        }
    }

    #[test]
    fn the_size_is_that_of_the_json_text() {
        // {"AB":"…"} is 9 bytes without the value.
        let value = |length| "v".repeat(length);
        assert!(Environment::new([("AB", value(Environment::BYTES_MAX - 9))]).is_ok());
        let too_large = Environment::new([("AB", value(Environment::BYTES_MAX - 8))]);
        assert_eq!(too_large, Err(InvalidEnvironment::TooLarge { found: Environment::BYTES_MAX + 1 }));
        for (value, expected) in [("", 9), ("é", 11), ("\"\\\n", 15), ("\u{1}", 15), ("\u{7f}", 10)] {
            assert_eq!(Environment::new([("AB", value)]).unwrap().json_bytes(), expected, "{value:?}");
        }
        assert_eq!(Environment::default().json_bytes(), 2);
        assert_eq!(Environment::new([("AB", ""), ("CD", "")]).unwrap().json_bytes(), 17);
    }

    #[test]
    fn a_value_is_never_shown() {
        let environment = Environment::new([("TOKEN", "secret")]).unwrap();
        assert_eq!(format!("{environment:?}"), r#"{"TOKEN"}"#);
        let error = Environment::new([("TOKEN", "secret\0")]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
