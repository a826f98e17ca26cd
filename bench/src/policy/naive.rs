//! How policies are usually evaluated: a regular expression for each resource, made for each connection, and asked one
//! statement after the other.

use anyhow::Result;
use regex::{Regex, RegexBuilder};

use super::device::{Device, PREFIX, Statement};

/// The largest regular expression that is taken, in bytes: more than any policy here needs.
const REGEX_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// What one connection may publish on.
pub(super) struct NaiveAuthorizer(Vec<(bool, Regex)>);

impl NaiveAuthorizer {
    pub(super) fn compile(device: &Device, statements: &[Statement]) -> Result<Self> {
        let compile = |statement: &Statement| {
            let resource = statement.resource.replace("${iot:Connection.Thing.ThingName}", &device.thing);
            Ok((statement.is_allow, wildcards(&resource)?))
        };
        statements.iter().map(compile).collect::<Result<_>>().map(Self)
    }

    pub(super) fn may_publish(&self, topic: &str) -> bool {
        let arn = format!("{PREFIX}topic/{topic}");
        let matching =
            |wanted: bool| self.0.iter().any(|(is_allow, regex)| *is_allow == wanted && regex.is_match(&arn));
        !matching(false) && matching(true)
    }
}

/// The regular expression of a pattern with `*` and `?`.
pub(super) fn wildcards(pattern: &str) -> Result<Regex> {
    let escaped = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
    let anchored = format!("^(?s:{escaped})$");
    Ok(RegexBuilder::new(&anchored).size_limit(REGEX_BYTES_MAX).build()?)
}

/// A matcher that tries every way in which a `*` can be filled, as simple ones do; none if `steps` were not enough.
pub(super) fn backtrack(pattern: &[u8], text: &[u8], steps: &mut u64) -> Option<bool> {
    *steps = steps.checked_sub(1)?;
    Some(match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            backtrack(rest, text, steps)?
                || match text {
                    [_, behind @ ..] => backtrack(pattern, behind, steps)?,
                    [] => false,
                }
        }
        ([b'?', rest @ ..], [_, behind @ ..]) => backtrack(rest, behind, steps)?,
        ([first, rest @ ..], [found, behind @ ..]) if first == found => backtrack(rest, behind, steps)?,
        _ => false,
    })
}
