//! Patterns of the service models: Java regular expressions that have to match the whole value.

use std::sync::OnceLock;

use regex::Regex;

/// A pattern of a service model. It is compiled when it is first asked.
#[derive(Debug)]
pub struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// The pattern of this Java source text.
    pub fn new(source: &str) -> Self {
        Self { source: source.to_owned(), compiled: OnceLock::new() }
    }

    /// The source text, as it is shown in messages.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the pattern matches the whole of `text`.
    ///
    /// A pattern that cannot be compiled matches nothing: what cannot be checked is refused. The tests compile every
    /// pattern of the embedded models.
    pub fn matches(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&translate(&self.source)).ok()).as_ref()
    }
}

/// Equivalents of the patterns that look ahead or behind, which `regex` does not.
///
/// Each right side matches exactly the values that the left side matches as a whole.
const WITHOUT_LOOKAROUND: &[(&str, &str)] = &[
    // Not only digits: any digits, then one character that is none, then anything of the set.
    (r"((?!^\d+$)^[0-9a-zA-Z-_]+$)", r"[0-9]*[a-zA-Z\-_][0-9a-zA-Z\-_]*"),
    (r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)", r"[0-9]*[a-zA-Z\-_][0-9a-zA-Z\-_]*"),
    (r"((?!\d+$)[0-9a-zA-Z-_]+)", r"([0-9]*[a-zA-Z\-_][0-9a-zA-Z\-_]*)"),
    // Does not end with a full stop.
    (r"[0-9A-Za-z\.\-_]*(?<!\.)", r"([0-9A-Za-z\.\-_]*[0-9A-Za-z\-_])?"),
    // Does not start with `system.`: it leaves that word at some letter, or ends before the full stop.
    (
        r"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)",
        r"[_a-rt-zA-Z0-9][^$]*|s([^y$][^$]*|y([^s$][^$]*|s([^t$][^$]*|t([^e$][^$]*|e([^m$][^$]*|m([^.$][^$]*)?)?)?)?)?)?",
    ),
];

/// The Rust form of a Java pattern, anchored at both ends.
fn translate(java: &str) -> String {
    let mut source = java.to_owned();
    for (lookaround, equivalent) in WITHOUT_LOOKAROUND {
        source = source.replace(lookaround, equivalent);
    }
    let mut rust = String::with_capacity(source.len() + 8);
    rust.push_str(r"\A(?:");
    let mut in_class = false;
    let mut rest = source.as_str();
    while let Some(first) = rest.chars().next() {
        let taken = if first == '\\' {
            let (taken, replacement) = translate_escape(rest, in_class);
            rust.push_str(&replacement);
            taken
        } else {
            match first {
                '[' => in_class = true,
                ']' => in_class = false,
                _ => {}
            }
            match first {
                // Java's dot stops at more line terminators than Rust's.
                '.' if !in_class => rust.push_str(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
                other => rust.push(other),
            }
            first.len_utf8()
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    rust.push_str(r")\z");
    rust
}

/// What Java's escapes at the start of `rest` mean in Rust, and how many bytes they take.
///
/// Java's classes are ASCII unless it is told otherwise, Rust's are Unicode.
fn translate_escape(rest: &str, in_class: bool) -> (usize, String) {
    const CLASSES: &[(&str, &str)] = &[
        (r"\p{Graph}", "!-~"),
        (r"\p{Upper}", "A-Z"),
        (r"\p{Lower}", "a-z"),
        (r"\p{Alpha}", "a-zA-Z"),
        (r"\p{Digit}", "0-9"),
        (r"\p{Alnum}", "a-zA-Z0-9"),
        (r"\p{Print}", " -~"),
        (r"\p{Space}", r"\t\n\x0B\x0C\r "),
        (r"\p{Cntrl}", r"\x00-\x1F\x7F"),
        (r"\p{ASCII}", r"\x00-\x7F"),
        (r"\d", "0-9"),
        (r"\w", "0-9A-Za-z_"),
        (r"\s", r"\t\n\x0B\x0C\r "),
    ];
    for (java, class) in CLASSES {
        if rest.starts_with(java) {
            let rust = if in_class { (*class).to_owned() } else { format!("[{class}]") };
            return (java.len(), rust);
        }
    }
    for (java, class) in [(r"\D", "[^0-9]"), (r"\W", "[^0-9A-Za-z_]"), (r"\S", r"[^\t\n\x0B\x0C\r ]")] {
        // A negated class inside of a class nests in Rust as it does in Java.
        if rest.starts_with(java) {
            return (java.len(), class.to_owned());
        }
    }
    let escaped = rest.chars().nth(1);
    let taken = 1 + escaped.map_or(0, char::len_utf8);
    (taken, rest.get(..taken).unwrap_or(rest).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ServiceModels, ShapeKind};

    #[test]
    fn every_pattern_of_the_models_compiles() {
        let models = ServiceModels::embedded().unwrap();
        let mut count = 0;
        for shape in models.iter().flat_map(|model| model.shapes()) {
            let ShapeKind::String(string) = shape.kind() else { continue };
            let Some(pattern) = &string.pattern else { continue };
            let translated = translate(pattern.source());
            Regex::new(&translated).unwrap_or_else(|error| panic!("{}: {error}", shape.name()));
            count += 1;
        }
        assert!(count > 200, "{count} patterns");
    }

    #[test]
    fn matches_as_java_does() {
        let check = |pattern: &str, yes: &[&str], no: &[&str]| {
            let pattern = Pattern::new(pattern);
            for text in yes {
                assert!(pattern.matches(text), "{} {text:?}", pattern.source());
            }
            for text in no {
                assert!(!pattern.matches(text), "{} {text:?}", pattern.source());
            }
        };
        check("[a-z]+", &["abc"], &["", "abc\n", "1abc", "abc1"]);
        check("^[a-z]+$", &["abc"], &["abc\n"]);
        check("a|b", &["a", "b"], &["ab", "ba"]);
        check(r"[\w+=,.@-]+", &["my_Policy+=,.@-1"], &["ü", "a b", "a/b"]);
        check(r"\d{1}", &["7"], &["\u{0667}", "77"]);
        check(r"[\p{Graph}\x20]*", &["", "a b!~"], &["a\tb", "ü"]);
        check(r"[\p{Upper}\p{Digit}_]+", &["A_1"], &["a", "Ü"]);
        check(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", &["", "Räume 2:/=+-@"], &["a!", "a\n"]);
        check(r"[^\p{Cntrl}]*", &["", "aü"], &["a\n", "\u{7f}"]);
        check(r"[^\p{C}]*", &["aü"], &["a\u{200b}", "\0"]);
        check(r"[\s\S]*", &["", "a\nb\u{85}"], &[]);
        check(r"\S{3,4}", &["abc", "äöü!"], &["a c", "ab"]);
        check("https?://.*", &["http://x", "https://"], &["https://a\nb", "ftp://"]);
        check(r"[a-zA-Z0-9_.,@/:#=\[\]-]*", &["a[1]=b"], &["Acme Inc"]);
        check(r"([\n\t])|(\r\n)|(,)", &["\n", "\r\n", ","], &["\r", ""]);
    }

    #[test]
    fn has_no_need_to_look_around() {
        let check = |pattern: &str, yes: &[&str], no: &[&str]| {
            assert!(
                WITHOUT_LOOKAROUND.iter().any(|(lookaround, _)| pattern.contains(lookaround)),
                "{pattern}"
            );
            let pattern = Pattern::new(pattern);
            for text in yes {
                assert!(pattern.matches(text), "{} {text:?}", pattern.source());
            }
            for text in no {
                assert!(!pattern.matches(text), "{} {text:?}", pattern.source());
            }
        };
        check(r"((?!^\d+$)^[0-9a-zA-Z-_]+$)", &["a", "1a", "1-", "a1"], &["", "1", "12", "a.b"]);
        check(r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)", &["a", "1a", "_"], &["", "1", "12", "a b"]);
        check(r"(x)(:((?!\d+$)[0-9a-zA-Z-_]+))?", &["x", "x:a", "x:1a"], &["x:", "x:1", "x:12"]);
        check(r"[0-9A-Za-z\.\-_]*(?<!\.)", &["", "a", "a.b"], &[".", "a.", "a b"]);
        check(
            r"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)",
            &["s", "sy", "system", "systemx.", "sys.", "a", "_b", "xsystem.", "system/.", "System."],
            &["", "system.", "system.a", "a$", "-a", "system$", "s$"],
        );
    }

    #[test]
    fn what_cannot_be_compiled_matches_nothing() {
        assert!(!Pattern::new("(").matches("("));
    }
}
