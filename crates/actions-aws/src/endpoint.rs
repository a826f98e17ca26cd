/// What comes before the path of an `http` or `https` URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    /// Scheme, host and port.
    pub(crate) text: &'a str,
    /// The host alone.
    host: &'a str,
}

/// The origin of a URL; `None` if it is no `http` or `https` URL, or has a user's name in it.
pub(crate) fn origin_of(url: &str) -> Option<Origin<'_>> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let is_plain = |character: char| character.is_ascii_graphic() && !matches!(character, '@' | '\\');
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    if host.is_empty() || !authority.chars().all(is_plain) {
        return None;
    }
    let scheme_length = url.len() - rest.len();
    Some(Origin { text: url.get(..scheme_length + authority.len())?, host })
}

impl<'a> Origin<'a> {
    /// Whether it is one of AWS's own.
    pub(crate) fn is_aws(&self) -> bool {
        self.aws_labels().is_some()
    }

    /// The region that a host of SQS at AWS names.
    pub(crate) fn sqs_region(&self) -> Option<&'a str> {
        let labels: Vec<&str> = self.aws_labels()?.split('.').collect();
        match labels.as_slice() {
            // As `sqs.us-east-1`, and as `us-east-1.queue`, which older queues have
            // (https://docs.aws.amazon.com/general/latest/gr/sqs-service.html).
            ["sqs" | "sqs-fips", region] | [region, "queue"] => Some(*region),
            _ => None,
        }
    }

    /// The host without the domain of AWS.
    fn aws_labels(&self) -> Option<&'a str> {
        self.host.strip_suffix(".amazonaws.com").or_else(|| self.host.strip_suffix(".amazonaws.com.cn"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_what_comes_before_the_path() {
        for (url, expected) in [
            ("http://127.0.0.1:5000/123456789012/devices", Some("http://127.0.0.1:5000")),
            ("http://127.0.0.1:5000", Some("http://127.0.0.1:5000")),
            ("https://sqs.us-east-1.amazonaws.com/1/q", Some("https://sqs.us-east-1.amazonaws.com")),
            ("http://[::1]:5000/1/q", Some("http://[::1]:5000")),
            ("http://host?query", Some("http://host")),
            ("127.0.0.1:5000/1/q", None),
            ("ftp://host/1/q", None),
            ("http://", None),
            ("http:///path", None),
            ("http://:5000/q", None),
            ("http://user@host/q", None),
            ("http://ho st/q", None),
            ("http://[::1/q", None),
        ] {
            assert_eq!(origin_of(url).map(|origin| origin.text), expected, "{url}");
        }
    }

    #[test]
    fn hosts_of_aws_are_known_and_name_their_region() {
        for (url, is_aws, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/1/q", true, Some("eu-west-1")),
            ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", true, Some("us-gov-west-1")),
            ("https://eu-west-1.queue.amazonaws.com/1/q", true, Some("eu-west-1")),
            ("https://queue.amazonaws.com/1/q", true, None),
            ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", true, Some("cn-north-1")),
            ("https://amazonaws.com.example.org/1/q", false, None),
            ("https://notamazonaws.com/1/q", false, None),
            ("http://sqs.us-east-1.localhost:4566/1/q", false, None),
        ] {
            let origin = origin_of(url).unwrap();
            assert_eq!((origin.is_aws(), origin.sqs_region()), (is_aws, region), "{url}");
        }
    }
}
