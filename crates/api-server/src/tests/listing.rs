//! Lists, read page by page.

use serde_json::Value;

use super::client::Answer;
use super::world::World;

/// A list operation: method, target up to where its paging parameters go, and the member with the entries.
#[derive(Clone, Copy)]
pub(super) enum Listing<'a> {
    Marker(&'a str, &'a str, &'a str),
    Token(&'a str, &'a str, &'a str),
    /// Of lambda, with GET.
    Lambda(&'a str, &'a str),
    /// Of greengrass, with GET.
    Greengrass(&'a str, &'a str),
}

/// Reads a list with pages of several sizes; its entries must be these.
pub(super) async fn assert_pages(world: &World, listing: Listing<'_>, expected: &[Value]) {
    assert_pages_with(world, listing, None, expected).await;
}

/// The same, with a header field in each request.
pub(super) async fn assert_pages_with(
    world: &World,
    listing: Listing<'_>,
    header: Option<(&str, &str)>,
    expected: &[Value],
) {
    let (method, target, member, size_name, token_name, next_name) = match listing {
        Listing::Marker(method, target, member) => {
            (method, target, member, "pageSize", "marker", "nextMarker")
        }
        Listing::Token(method, target, member) => {
            (method, target, member, "maxResults", "nextToken", "nextToken")
        }
        Listing::Lambda(target, member) => ("GET", target, member, "MaxItems", "Marker", "NextMarker"),
        Listing::Greengrass(target, member) => {
            ("GET", target, member, "MaxResults", "NextToken", "NextToken")
        }
    };
    let (service, size_max) = match listing {
        Listing::Marker(..) | Listing::Token(..) => ("iot", 250),
        Listing::Lambda(..) => ("lambda", 50),
        Listing::Greengrass(..) => ("greengrass", 250),
    };
    for size in [1, 2, 3, size_max] {
        let mut entries = Vec::new();
        let mut after = String::new();
        loop {
            let target = format!("{target}&{size_name}={size}{after}").replace("?&", "?");
            let answer: Answer = match header {
                None => world.signed(service, method, &target, "").await,
                Some(header) => world.iot_with(method, &target, header, "").await,
            };
            let page = answer.ok();
            let items = page[member].as_array().unwrap();
            assert!(items.len() <= size, "{target}: {page}");
            entries.extend(items.iter().cloned());
            let Some(token) = page.get(next_name) else { break };
            assert_eq!(items.len(), size, "{target}: only the last page is short");
            after = format!("&{token_name}={}", escape(token.as_str().unwrap()));
        }
        assert_eq!(entries, expected, "{target} by {size}");
    }
}

/// A text as a part of a query.
pub(super) fn escape(token: &str) -> String {
    token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}
