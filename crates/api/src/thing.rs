//! Things and their principals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;

/// Lists the things.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingsRequest {
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Only things with this attribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_name: Option<String>,
    /// Only things whose attribute has this value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_value: Option<String>,
    /// Only things of this type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_name: Option<String>,
    /// Whether the attribute has to start with the value only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_prefix_attribute_value: Option<bool>,
}

/// The answer to [`ListThingsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingsResponse {
    /// The things of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub things: Option<Vec<ThingAttribute>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListThingsRequest, Iot, "ListThings", ListThingsResponse);

/// Describes a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingRequest {
    /// The name of the thing.
    pub thing_name: String,
}

/// The answer to [`DescribeThingRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingResponse {
    /// The MQTT client id that is used by default: the name of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_client_id: Option<String>,
    /// The name of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<String>,
    /// The id of the thing, a UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_id: Option<String>,
    /// The ARN of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_arn: Option<String>,
    /// The type of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_name: Option<String>,
    /// The attributes of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// The version of the thing in the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// The billing group of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_name: Option<String>,
}

api_operation!(DescribeThingRequest, Iot, "DescribeThing", DescribeThingResponse);

/// Lists the principals of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingPrincipalsRequest {
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// The name of the thing.
    pub thing_name: String,
}

/// The answer to [`ListThingPrincipalsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingPrincipalsResponse {
    /// The ARNs of the principals of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principals: Option<Vec<String>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListThingPrincipalsRequest, Iot, "ListThingPrincipals", ListThingPrincipalsResponse);

/// A thing in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingAttribute {
    /// The name of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<String>,
    /// The type of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_name: Option<String>,
    /// The ARN of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_arn: Option<String>,
    /// The attributes of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// The version of the thing in the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<ListThingsRequest>();
        assert_matches_model::<DescribeThingRequest>();
        assert_matches_model::<ListThingPrincipalsRequest>();
    }
}
