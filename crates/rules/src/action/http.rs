use super::parameter::{Filling, Parameter, Place};
use super::payload::Payload;
use super::problem::{ActionProblem, Wrong, start_of};
use super::request::ActionRequest;
use super::url::Url;
use crate::document::{Fields, InvalidTopicRule};
use crate::limits::{HTTP_HEADER_NAME_BYTES_MAX, HTTP_HEADER_VALUE_BYTES_MAX, HTTP_HEADERS_MAX};
use crate::rule::PayloadKind;
use crate::value::Value;

/// `http`: posts the payload to a confirmed destination (https-rule-action).
#[derive(Debug)]
pub(super) struct HttpAction {
    url: Parameter<String>,
    /// Without it the URL is the destination; it has no template then.
    confirmation_url: Option<Parameter<String>>,
    headers: Vec<Header>,
    /// The path of `url` in the rule.
    url_path: Box<str>,
}

/// A header of the request. Its name is the rule's alone.
#[derive(Debug)]
struct Header {
    name: Box<str>,
    value: Parameter<String>,
}

impl HttpAction {
    pub(super) const MEMBERS: &[&str] =
        &["url", "confirmationUrl", "headers", "auth", "enableBatching", "batchConfig"];

    pub(super) fn parse(fields: &Fields<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        check_not_built(fields)?;
        let url = Parameter::required(fields, "url", place, read_url)?;
        let confirmation_url = Parameter::optional(fields, "confirmationUrl", place, read_url)?;
        match (&url, &confirmation_url) {
            (Parameter::Filled(_), None) => {
                return Err(InvalidTopicRule::Missing { path: fields.path_of("confirmationUrl") });
            }
            (Parameter::Fixed(url), Some(Parameter::Fixed(start))) if !is_start_of(start, url) => {
                return Err(fields.wrong("url", url, starts_with(start)));
            }
            (Parameter::Fixed(_), _) | (Parameter::Filled(_), Some(_)) => {}
        }
        let headers = fields.optional_array("headers", HTTP_HEADERS_MAX)?.iter().enumerate();
        let headers = headers
            .map(|(at, header)| Header::parse(format!("{}[{at}]", fields.path_of("headers")), header, place))
            .collect::<Result<_, _>>()?;
        Ok(Self { url, confirmation_url, headers, url_path: fields.path_of("url").into() })
    }

    /// The URL of the destination, if it is the same for each message.
    pub(super) fn destination_url(&self) -> Option<&str> {
        self.confirmation_url.as_ref().unwrap_or(&self.url).fixed().map(String::as_str)
    }

    pub(super) fn request(&self, filling: Filling<'_, '_>) -> Result<ActionRequest, ActionProblem> {
        let url = self.url.fill(filling)?;
        let confirmation_url = match &self.confirmation_url {
            Some(confirmation_url) => confirmation_url.fill(filling)?,
            None => url.clone(),
        };
        if !is_start_of(&confirmation_url, &url) {
            return Err(ActionProblem::Value {
                action: super::ActionKind::Http,
                member: self.url_path.clone(),
                found: start_of(&url),
                right: starts_with(&confirmation_url),
            });
        }
        let headers =
            self.headers.iter().map(|header| Ok((header.name.to_string(), header.value.fill(filling)?)));
        let headers = headers.collect::<Result<_, ActionProblem>>()?;
        Ok(ActionRequest::Http { url, confirmation_url, headers, payload: Payload::default() })
    }
}

/// Adds `content-type`, unless the rule has it (https-rule-action, headers).
pub(super) fn set_content_type(headers: &mut Vec<(String, String)>, kind: PayloadKind) {
    if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE)) {
        return;
    }
    let content_type = match kind {
        PayloadKind::Json => "application/json",
        PayloadKind::Bytes => "application/octet-stream",
    };
    headers.push((CONTENT_TYPE.to_owned(), content_type.to_owned()));
}

const CONTENT_TYPE: &str = "content-type";

/// Headers that say where a request ends or whom it is for: the client alone writes them.
const RESERVED_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn check_not_built(fields: &Fields<'_>) -> Result<(), InvalidTopicRule> {
    let not_built = |name, instead| InvalidTopicRule::MemberNotBuilt { path: fields.path_of(name), instead };
    if fields.has("auth") {
        return Err(not_built("auth", "requests are not signed; a header of the rule can carry a token"));
    }
    if fields.optional_boolean("enableBatching")? == Some(true) {
        return Err(not_built("enableBatching", "each message is a request of its own"));
    }
    if fields.has("batchConfig") {
        return Err(not_built("batchConfig", "each message is a request of its own"));
    }
    Ok(())
}

impl Header {
    fn parse(path: String, value: &Value<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        let fields = Fields::of(path, value, &["key", "value"])?;
        let name = fields.required_plain_text("key")?;
        if let Err(right) = check_header_name(name) {
            return Err(fields.wrong("key", name, right));
        }
        let value = Parameter::required(&fields, "value", place, read_header_value)?;
        Ok(Self { name: name.into(), value })
    }
}

/// A token of RFC 9110, section 5.6.2.
fn check_header_name(name: &str) -> Result<(), Wrong> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !(1..=HTTP_HEADER_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_token) {
        return Err(format!(
            "the name of a header: 1 to {HTTP_HEADER_NAME_BYTES_MAX} letters, digits and characters of !#$%&'*+-.^_`|~"
        )
        .into());
    }
    if RESERVED_HEADERS.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err("another header: this one is made by whoever sends the request".into());
    }
    Ok(())
}

/// A value of visible characters, spaces and tabs, none of which ends the header (RFC 9110, section 5.5).
fn read_header_value(text: &str) -> Result<String, Wrong> {
    if text.len() > HTTP_HEADER_VALUE_BYTES_MAX {
        return Err(format!("at most {HTTP_HEADER_VALUE_BYTES_MAX} bytes").into());
    }
    if text.bytes().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t')) {
        return Ok(text.to_owned());
    }
    Err("visible ASCII characters, spaces and tabs".into())
}

fn read_url(text: &str) -> Result<String, Wrong> {
    Url::parse(text).map(|url| url.text().to_owned())
}

/// Whether one URL begins with another, at the same server.
fn is_start_of(start: &str, url: &str) -> bool {
    matches!((Url::parse(start), Url::parse(url)), (Ok(start), Ok(url)) if start.is_start_of(url))
}

fn starts_with(start: &str) -> Wrong {
    format!("a URL that begins with confirmationUrl, {}", start_of(start)).into()
}
