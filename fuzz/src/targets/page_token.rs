use std::sync::LazyLock;

use landfall_api::{Operation, PageTokens, Service, ServiceModels, TOKEN_CHARS_MAX};
use serde_json::{Map, Value};

use crate::input::lines;

/// The key of the tokens; those of the corpus were made with it.
const KEY: [u8; 32] = [0x5A; 32];

/// The tokens that say where the next page of a list starts.
///
/// The lines of the input are the name of an operation of iot, the name and value of a filter, and a token. A token
/// opens only if it is the very text that this server gives out for this operation, this filter and this place.
pub fn page_token(data: &[u8]) {
    let lines = lines(data, 4);
    let line = |index: usize| lines.get(index).map(String::as_str).unwrap_or_default();
    let Some(operation) = operation(line(0)) else { return };
    let Some(paging) = operation.paging() else { return };
    let (filter, value, token) = (line(1), line(2), line(3));

    let mut input = Map::new();
    input.insert(filter.to_owned(), Value::from(value));
    input.insert(paging.input.clone(), Value::from(token));
    let input = Value::Object(input);
    let tokens = PageTokens::new(&KEY);
    let Ok(page) = tokens.page(operation, &input) else { return };
    let cursor = page.after.expect("a page that a token asks for starts after something");
    let genuine = tokens.next_token(operation, &input, &cursor).expect("a cursor that was in a token");
    assert_eq!(token, genuine, "a forged token opens at {cursor:?}");
    assert!(token.len() <= TOKEN_CHARS_MAX);
    // Another server, with a key of its own, takes none of ours.
    assert!(PageTokens::new(&[0xA5; 32]).page(operation, &input).is_err());
}

fn operation(name: &str) -> Option<&'static Operation> {
    static MODELS: LazyLock<ServiceModels> =
        LazyLock::new(|| ServiceModels::embedded().expect("the models in the crate"));
    MODELS.get(Service::Iot)?.operation(name)
}

#[cfg(test)]
mod tests {
    use landfall_api::Cursor;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_corpus_has_tokens_that_open_and_tokens_that_do_not() {
        let (mut opened, mut refused) = (0, 0);
        for data in crate::targets::corpus("page_token") {
            let lines = lines(&data, 4);
            let operation = operation(&lines[0]).unwrap();
            let input = json!({&lines[1]: lines[2], &operation.paging().unwrap().input: lines[3]});
            let page = PageTokens::new(&KEY).page(operation, &input);
            *if page.is_ok() { &mut opened } else { &mut refused } += 1;
        }
        assert!(opened >= 3 && refused >= 1, "{opened} open, {refused} do not");
    }

    #[test]
    fn the_tokens_of_the_corpus_are_these() {
        // What to write into the corpus when the form of tokens changes.
        let token = |name: &str, input: Value, cursor: Cursor| {
            PageTokens::new(&KEY).next_token(operation(name).unwrap(), &input, &cursor).unwrap()
        };
        let corpus: Vec<String> =
            crate::targets::corpus("page_token").iter().map(|data| lines(data, 4)[3].clone()).collect();
        for expected in [
            token("ListThings", json!({"thingTypeName": "sensor"}), Cursor::Number(25)),
            token("ListThings", json!({"thingTypeName": "sensor"}), Cursor::Text("thing-25".to_owned())),
            token("ListCertificates", json!({"ascendingOrder": "true"}), Cursor::Number(u64::MAX)),
        ] {
            assert!(corpus.contains(&expected), "{expected}");
        }
    }
}
