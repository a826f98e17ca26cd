use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The name of a runtime, as AWS Lambda has them, of those that Landfall can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuntimeName {
    name: &'static str,
    family: RuntimeFamily,
    is_retired: bool,
}

/// What runs a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuntimeFamily {
    /// Python 3: `python3.12` and its like.
    Python,
    /// Node.js: `nodejs22.x` and its like.
    Node,
    /// The function brings an executable `bootstrap`: `provided` and its like.
    Provided,
}

/// A runtime that Landfall does not run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidRuntime {
    /// Python 2.
    #[error("runtime {0} is Python 2, which runs nowhere any more: port the function to python3.12 or later")]
    PythonTwo(&'static str),
    /// Any other.
    #[error(
        "runtime {found:?} is not built; built are python3.6 to python3.15, nodejs4.3 to nodejs26.x, provided, provided.al2 and provided.al2023"
    )]
    Unknown {
        /// The start of what was found.
        found: String,
    },
}

impl RuntimeName {
    /// Parses the name of a runtime.
    ///
    /// # Errors
    /// It is the name of none, or of one that Landfall does not run.
    pub fn parse(text: &str) -> Result<Self, InvalidRuntime> {
        if text == PYTHON_TWO {
            return Err(InvalidRuntime::PythonTwo(PYTHON_TWO));
        }
        let known = KNOWN.iter().find(|(name, ..)| *name == text);
        let &(name, family, support) =
            known.ok_or_else(|| InvalidRuntime::Unknown { found: text.chars().take(SHOWN_MAX).collect() })?;
        Ok(Self { name, family, is_retired: support == Support::Retired })
    }

    /// The name.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// What runs its functions.
    pub const fn family(self) -> RuntimeFamily {
        self.family
    }

    /// Whether AWS takes no new functions for it: Landfall runs them on what the machine has of its family.
    pub const fn is_retired(self) -> bool {
        self.is_retired
    }
}

impl RuntimeFamily {
    /// Its name, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "nodejs",
            Self::Provided => "provided",
        }
    }
}

/// Whether AWS takes new functions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Support {
    Current,
    Retired,
}

const PYTHON_TWO: &str = "python2.7";

/// How many characters of a wrong name an error repeats.
const SHOWN_MAX: usize = 80;

// The names are those of the published service model; which are retired is by
// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>.
const KNOWN: &[(&str, RuntimeFamily, Support)] = &[
    ("python3.6", RuntimeFamily::Python, Support::Retired),
    ("python3.7", RuntimeFamily::Python, Support::Retired),
    ("python3.8", RuntimeFamily::Python, Support::Retired),
    ("python3.9", RuntimeFamily::Python, Support::Retired),
    ("python3.10", RuntimeFamily::Python, Support::Current),
    ("python3.11", RuntimeFamily::Python, Support::Current),
    ("python3.12", RuntimeFamily::Python, Support::Current),
    ("python3.13", RuntimeFamily::Python, Support::Current),
    ("python3.14", RuntimeFamily::Python, Support::Current),
    ("python3.15", RuntimeFamily::Python, Support::Current),
    ("nodejs4.3", RuntimeFamily::Node, Support::Retired),
    ("nodejs6.10", RuntimeFamily::Node, Support::Retired),
    ("nodejs8.10", RuntimeFamily::Node, Support::Retired),
    ("nodejs10.x", RuntimeFamily::Node, Support::Retired),
    ("nodejs12.x", RuntimeFamily::Node, Support::Retired),
    ("nodejs14.x", RuntimeFamily::Node, Support::Retired),
    ("nodejs16.x", RuntimeFamily::Node, Support::Retired),
    ("nodejs18.x", RuntimeFamily::Node, Support::Retired),
    ("nodejs20.x", RuntimeFamily::Node, Support::Retired),
    ("nodejs22.x", RuntimeFamily::Node, Support::Current),
    ("nodejs24.x", RuntimeFamily::Node, Support::Current),
    ("nodejs26.x", RuntimeFamily::Node, Support::Current),
    ("provided", RuntimeFamily::Provided, Support::Retired),
    ("provided.al2", RuntimeFamily::Provided, Support::Current),
    ("provided.al2023", RuntimeFamily::Provided, Support::Current),
];

impl fmt::Display for RuntimeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for RuntimeName {
    type Err = InvalidRuntime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for RuntimeFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_has_a_family_and_may_be_retired() {
        for (name, family, is_retired) in [
            ("python3.7", RuntimeFamily::Python, true),
            ("python3.12", RuntimeFamily::Python, false),
            ("nodejs8.10", RuntimeFamily::Node, true),
            ("nodejs10.x", RuntimeFamily::Node, true),
            ("nodejs24.x", RuntimeFamily::Node, false),
            ("provided", RuntimeFamily::Provided, true),
            ("provided.al2023", RuntimeFamily::Provided, false),
        ] {
            let runtime = RuntimeName::parse(name).unwrap();
            assert_eq!(
                (runtime.as_str(), runtime.family(), runtime.is_retired()),
                (name, family, is_retired)
            );
        }
    }

    #[test]
    fn every_known_name_begins_with_its_family() {
        for (name, family, _) in KNOWN {
            assert!(name.starts_with(family.as_str()), "{name}");
            assert_eq!(RuntimeName::parse(name).unwrap().to_string(), *name);
        }
    }

    #[test]
    fn python_2_and_what_is_not_built_are_told_apart() {
        assert_eq!(RuntimeName::parse("python2.7"), Err(InvalidRuntime::PythonTwo("python2.7")));
        for name in
            ["", "python", "python3", "python3.5", "nodejs11.x", "java21", "Python3.12", "python3.12 "]
        {
            let error = RuntimeName::parse(name).unwrap_err();
            assert_eq!(error, InvalidRuntime::Unknown { found: name.to_owned() });
            assert!(error.to_string().contains("provided.al2023"), "{error}");
        }
    }
}
