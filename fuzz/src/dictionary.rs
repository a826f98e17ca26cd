//! Words that are worth putting into inputs, in libFuzzer's format, so that both drivers read the same files.

use anyhow::{Context as _, Result, bail};

/// Reads a dictionary: a word in double quotes on each line, with `\\`, `\"` and `\xAB`; lines that are empty or begin
/// with `#` mean nothing.
///
/// # Errors
/// A line is not of that form.
pub(crate) fn parse(text: &str) -> Result<Vec<Vec<u8>>> {
    let lines = text.lines().map(str::trim).zip(1..);
    let words = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    words.map(|(line, number)| word(line).with_context(|| format!("line {number}: {line}"))).collect()
}

fn word(line: &str) -> Result<Vec<u8>> {
    let quoted = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let mut rest = quoted.context("a word stands in double quotes")?.bytes();
    let mut word = Vec::new();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            word.push(byte);
            continue;
        }
        match rest.next() {
            Some(plain @ (b'\\' | b'"')) => word.push(plain),
            Some(b'x') => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                word.push(u8::from_str_radix(std::str::from_utf8(&digits)?, 16)?);
            }
            Some(_) | None => bail!("a backslash is followed by a backslash, a quote, or x and two digits"),
        }
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_mistakes_named() {
        let text = "# names\n\n\"a b\"\n  \"\\x00\\xfF\\\\\\\"\"\n";
        assert_eq!(parse(text).unwrap(), [b"a b".to_vec(), b"\x00\xFF\\\"".to_vec()]);
        for wrong in ["a", "\"a", "\"\\n\"", "\"\\xz0\"", "\"\\"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
