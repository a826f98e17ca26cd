//! Percent encoding (RFC 3986, section 2) as AWS signs and reads it.

/// Encodes everything but the unreserved characters `A-Z a-z 0-9 - _ . ~` and those in `keep`.
pub(crate) fn encode(bytes: &[u8], keep: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || keep.contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    text
}

/// Decodes a path segment once; `None` when an escape is malformed or the result is not UTF-8.
pub(crate) fn decode_segment(segment: &str) -> Option<String> {
    String::from_utf8(decode(segment, Plus::Literal)?).ok()
}

/// Decodes one name or value of a query or form, where `+` stands for a space.
pub(crate) fn decode_form(part: &str) -> Option<Vec<u8>> {
    decode(part, Plus::Space)
}

/// The decoded names and values of a query or form body; `None` when one of them is malformed or not UTF-8.
pub(crate) fn form_pairs(form: &str) -> Option<Vec<(String, String)>> {
    raw_pairs(form)
        .map(|(name, value)| {
            let name = String::from_utf8(decode_form(name)?).ok()?;
            let value = String::from_utf8(decode_form(value)?).ok()?;
            Some((name, value))
        })
        .collect()
}

/// The names and values of a query as they were sent; a name without `=` has an empty value.
pub(crate) fn raw_pairs(form: &str) -> impl Iterator<Item = (&str, &str)> {
    form.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Literal,
    Space,
}

fn decode(text: &str, plus: Plus) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let high = hex_digit(rest.next()?)?;
                let low = hex_digit(rest.next()?)?;
                bytes.push(high << 4 | low);
            }
            b'+' if plus == Plus::Space => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_all_but_the_unreserved() {
        let check =
            |input: &str, keep: &[u8], expected: &str| assert_eq!(encode(input.as_bytes(), keep), expected);
        check("AZaz09-_.~", b"", "AZaz09-_.~");
        check("a b+c/d%ü", b"", "a%20b%2Bc%2Fd%25%C3%BC");
        check("a b/c", b"/", "a%20b/c");
    }

    #[test]
    fn decodes_once() {
        let check =
            |input: &str, expected: Option<&str>| assert_eq!(decode_segment(input).as_deref(), expected);
        check("a%2Fb", Some("a/b"));
        check("a%252Fb", Some("a%2Fb"));
        check("a+b", Some("a+b"));
        check("%C3%bc", Some("ü"));
        check("%", None);
        check("%2", None);
        check("%zz", None);
        check("%ff", None);
    }

    #[test]
    fn reads_forms() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            form_pairs("a=1&a=2&&b&c=x+y%2B=").unwrap(),
            [pair("a", "1"), pair("a", "2"), pair("b", ""), pair("c", "x y+="),]
        );
        assert_eq!(form_pairs(""), Some(Vec::new()));
        assert_eq!(form_pairs("a=%f"), None);
    }
}
