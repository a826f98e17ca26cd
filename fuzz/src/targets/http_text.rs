//! Requests of HTTP/1.1 as they travel, which makes inputs that people can read and write.

use landfall_api::HttpRequest;

/// Reads a request. Lines may end with or without a carriage return; what no server takes for a header is left out.
pub(super) fn read_request(data: &[u8]) -> HttpRequest {
    let (head, body) = split_head(data);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default();
    let line = line.strip_suffix(" HTTP/1.1").unwrap_or(line);
    let (method, target) = line.split_once(' ').unwrap_or((line, ""));
    let mut request = HttpRequest::new(method, target).with_body(body);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        // Blanks around a value are no part of it (RFC 9110, section 5.5).
        let value = value.trim_matches([' ', '\t', '\r']);
        if is_token(name) && !value.contains(|character: char| character.is_control() && character != '\t') {
            request.headers.append(name, value);
        }
    }
    request
}

/// Whether a text can be the name of a header (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

/// Splits at the first empty line.
fn split_head(data: &[u8]) -> (&[u8], &[u8]) {
    for (at, byte) in data.iter().enumerate() {
        if *byte == b'\n' {
            let rest = &data[at + 1..];
            let body = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"));
            if let Some(body) = body {
                return (&data[..at], body);
            }
        }
    }
    (data, b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_with_either_end_of_line() {
        for text in [
            "PUT /a?b=c HTTP/1.1\r\nHost:  h \r\nX-Y: z\r\n\r\n{}\n",
            "PUT /a?b=c\nhost: h\nno header\na b: c\nx-y:z\nx: \x0c.\n\n{}\n",
        ] {
            let expected = HttpRequest::new("PUT", "/a?b=c").with_header("host", "h").with_header("x-y", "z");
            assert_eq!(read_request(text.as_bytes()), expected.with_body("{}\n"));
        }
        assert_eq!(read_request(b""), HttpRequest::new("", ""));
    }
}
