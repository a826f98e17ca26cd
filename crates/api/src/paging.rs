//! Pages of lists: how many results, and tokens that say where the next page starts.
//!
//! A token is opaque to clients and signed, so that nobody can make one up; it is bound to its operation and to the
//! filters of its request, so that it cannot be carried to another list.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::error::{ApiError, ErrorCode};
use crate::model::{Operation, Service};

/// How many results a page has when the caller does not say; AWS documents 25 for most lists of iot.
pub const PAGE_SIZE_DEFAULT: usize = 25;

/// How many results a page has at most, whatever the model allows.
const PAGE_SIZE_MAX: usize = 10_000;

/// How many characters a token has at most: the bound of the shape `Marker`.
pub const TOKEN_CHARS_MAX: usize = 1024;

const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;

/// Where a page starts: after this entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// A row or a position.
    Number(u64),
    /// A key of at most 700 bytes.
    Text(String),
}

/// The page that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Where it starts; `None` for the first page.
    pub after: Option<Cursor>,
    /// How many results it has at most.
    pub size: usize,
}

/// Signs and checks tokens.
#[derive(Debug)]
pub struct PageTokens {
    key: hmac::Key,
}

impl PageTokens {
    /// Tokens that are signed with this key; they are accepted by whoever has the same key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// The page that the input of a list operation asks for.
    ///
    /// # Errors
    ///
    /// `InvalidRequestException` (in the word of the service) when the token is not one that was given out for this
    /// list.
    pub fn page(&self, operation: &Operation, input: &Value) -> Result<PageRequest, ApiError> {
        let Some(paging) = operation.paging() else {
            return Ok(PageRequest { after: None, size: PAGE_SIZE_MAX });
        };
        let token = input.get(&paging.input).and_then(Value::as_str);
        let after = match token {
            None => None,
            Some(token) => Some(self.open(operation, input, token).ok_or_else(|| {
                let message = format!(
                    "the {} is not one that {} gave out for this list: send it back unchanged, with the same \
                     parameters as before, or leave it out to start again",
                    paging.input,
                    operation.name()
                );
                ApiError::new(refusal_code(operation.service()), message)
            })?),
        };
        let limit = paging.limit.as_ref().and_then(|limit| input.get(limit)).and_then(as_size);
        let size = limit.unwrap_or(PAGE_SIZE_DEFAULT).clamp(1, PAGE_SIZE_MAX);
        Ok(PageRequest { after, size })
    }

    /// The token of the page that starts after `cursor`, for the list that `input` asked for.
    ///
    /// # Errors
    ///
    /// `InternalFailureException` when the cursor is a text of more than about 700 bytes.
    pub fn next_token(
        &self,
        operation: &Operation,
        input: &Value,
        cursor: &Cursor,
    ) -> Result<String, ApiError> {
        let mut bytes = vec![VERSION];
        match cursor {
            Cursor::Number(number) => {
                bytes.push(b'n');
                bytes.extend(number.to_be_bytes());
            }
            Cursor::Text(text) => {
                bytes.push(b't');
                bytes.extend(text.as_bytes());
            }
        }
        let tag = hmac::sign(&self.key, &signed_bytes(operation, input, &bytes));
        bytes.extend(tag.as_ref().iter().take(TAG_BYTES));
        let token = BASE64.encode(bytes);
        if token.len() > TOKEN_CHARS_MAX {
            let message =
                format!("a page of {} ends at a key that is too long for a token", operation.name());
            return Err(ApiError::new(ErrorCode::InternalFailure, message));
        }
        Ok(token)
    }

    fn open(&self, operation: &Operation, input: &Value, token: &str) -> Option<Cursor> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let bytes = BASE64.decode(token).ok()?;
        let (content, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        let expected = hmac::sign(&self.key, &signed_bytes(operation, input, content));
        let expected = expected.as_ref().get(..TAG_BYTES)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(expected, tag).ok()?;
        match content {
            [VERSION, b'n', number @ ..] => Some(Cursor::Number(u64::from_be_bytes(number.try_into().ok()?))),
            [VERSION, b't', text @ ..] => Some(Cursor::Text(String::from_utf8(text.to_vec()).ok()?)),
            _ => None,
        }
    }
}

/// What a tag is over: the service, operation and filters, each with its length before it, and the content.
fn signed_bytes(operation: &Operation, input: &Value, content: &[u8]) -> Vec<u8> {
    let filters = filters(operation, input);
    let mut bytes = Vec::new();
    for part in
        [operation.service().name().as_bytes(), operation.name().as_bytes(), filters.as_bytes(), content]
    {
        bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

/// All members of an input but the token and the page size, in a fixed order.
fn filters(operation: &Operation, input: &Value) -> String {
    let is_paging = |name: &String| {
        operation.paging().is_some_and(|paging| *name == paging.input || paging.limit.as_ref() == Some(name))
    };
    let members = input.as_object().into_iter().flatten();
    let mut members: Vec<_> = members.filter(|(name, _)| !is_paging(name)).collect();
    members.sort_by_key(|(name, _)| name.as_str());
    let members: Vec<String> = members.into_iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
    members.join(",")
}

/// Greengrass and lambda send page sizes as texts in some operations.
fn as_size(value: &Value) -> Option<usize> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    usize::try_from(number).ok()
}

fn refusal_code(service: Service) -> ErrorCode {
    match service {
        Service::Iot | Service::IotData => ErrorCode::InvalidRequest,
        Service::Lambda => ErrorCode::InvalidParameterValue,
        Service::Greengrass => ErrorCode::BadRequest,
        Service::Sts => ErrorCode::Validation,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::{ServiceModel, ServiceModels, ShapeKind};

    fn with_iot<T>(run: impl FnOnce(&ServiceModel) -> T) -> T {
        // The properties run it hundreds of times.
        static MODELS: OnceLock<ServiceModels> = OnceLock::new();
        let models = MODELS.get_or_init(|| ServiceModels::embedded().unwrap());
        run(models.get(Service::Iot).unwrap())
    }

    fn tokens() -> PageTokens {
        PageTokens::new(&[7; 32])
    }

    #[test]
    fn a_token_leads_to_its_page() {
        with_iot(|iot| {
            let list = iot.operation("ListThings").unwrap();
            let input = json!({"thingTypeName": "t", "maxResults": 3});
            for cursor in [
                Cursor::Number(0),
                Cursor::Number(u64::MAX),
                Cursor::Text(String::new()),
                Cursor::Text("\u{fc}".repeat(350)),
            ] {
                let token = tokens().next_token(list, &input, &cursor).unwrap();
                // The page size may change from page to page, and the order of members means nothing.
                let next = json!({"maxResults": 9, "nextToken": token, "thingTypeName": "t"});
                let page = tokens().page(list, &next).unwrap();
                assert_eq!(page, PageRequest { after: Some(cursor), size: 9 });
            }
        });
    }

    #[test]
    fn a_token_has_the_form_of_a_marker() {
        with_iot(|iot| {
            let marker = iot.shapes().iter().find(|shape| shape.name() == "Marker").unwrap();
            let ShapeKind::String(marker) = marker.kind() else { panic!("a marker is a text") };
            assert_eq!(marker.length.max, Some(1024));
            let list = iot.operation("ListCertificates").unwrap();
            for length in 0..40 {
                let token = tokens().next_token(list, &json!({}), &Cursor::Text("a".repeat(length))).unwrap();
                assert!(marker.pattern.as_ref().unwrap().matches(&token), "{token}");
            }
            let error = tokens().next_token(list, &json!({}), &Cursor::Text("a".repeat(800))).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InternalFailure);
        });
    }

    #[test]
    fn sizes() {
        with_iot(|iot| {
            let check = |operation, input, size| {
                let page = tokens().page(iot.operation(operation).unwrap(), &input).unwrap();
                assert_eq!(page, PageRequest { after: None, size });
            };
            check("ListCertificates", json!({}), 25);
            check("ListCertificates", json!({"pageSize": 250}), 250);
            check("ListThings", json!({"maxResults": 1}), 1);
            check("ListThings", json!({"pageSize": 1}), 25);
        });
    }

    #[test]
    fn another_list_does_not_take_the_token() {
        with_iot(|iot| {
            let things = iot.operation("ListThings").unwrap();
            let input = json!({"thingTypeName": "t"});
            let token = tokens().next_token(things, &input, &Cursor::Number(5)).unwrap();
            let refused = |tokens: &PageTokens, operation: &str, input: Value| {
                let error = tokens.page(iot.operation(operation).unwrap(), &input).unwrap_err();
                assert_eq!(error.code(), ErrorCode::InvalidRequest);
                error.message().to_owned()
            };
            let message = refused(&tokens(), "ListThings", json!({"nextToken": token}));
            insta::assert_snapshot!(message, @"the nextToken is not one that ListThings gave out for this list: send it back unchanged, with the same parameters as before, or leave it out to start again");
            refused(&tokens(), "ListThings", json!({"nextToken": token, "thingTypeName": "u"}));
            refused(&tokens(), "ListThingTypes", json!({"nextToken": token, "thingTypeName": "t"}));
            refused(
                &PageTokens::new(&[8; 32]),
                "ListThings",
                json!({"nextToken": token, "thingTypeName": "t"}),
            );
            for made_up in ["", "AAAA", "not base64", &BASE64.encode([1; 26]), &"A".repeat(1028)] {
                refused(&tokens(), "ListThings", json!({"nextToken": made_up, "thingTypeName": "t"}));
            }
        });
    }

    proptest! {
        #[test]
        fn a_changed_token_is_refused(number: u64, index in 0_usize..26, flip in 1_u8..=255) {
            with_iot(|iot| {
                let list = iot.operation("ListCertificates").unwrap();
                let token = tokens().next_token(list, &json!({}), &Cursor::Number(number)).unwrap();
                let mut bytes = BASE64.decode(token).unwrap();
                bytes[index] ^= flip;
                let forged = json!({"marker": BASE64.encode(bytes)});
                prop_assert!(tokens().page(list, &forged).is_err());
                Ok(())
            })?;
        }
    }
}
