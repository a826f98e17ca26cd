//! Things and their principals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;

/// Creates a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingRequest {
    /// The name of the thing.
    pub thing_name: String,
    /// The type of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_name: Option<String>,
    /// The attributes of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_payload: Option<AttributePayload>,
    /// The billing group that the thing is put into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_name: Option<String>,
}

/// The answer to [`CreateThingRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingResponse {
    /// The name of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<String>,
    /// The ARN of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_arn: Option<String>,
    /// The id of the thing, a UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_id: Option<String>,
}

api_operation!(CreateThingRequest, Iot, "CreateThing", CreateThingResponse);

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

/// Changes the type or the attributes of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateThingRequest {
    /// The name of the thing.
    pub thing_name: String,
    /// The type that the thing gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_name: Option<String>,
    /// The attributes to set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_payload: Option<AttributePayload>,
    /// The version that the thing has to have; any when it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
    /// Whether the thing loses its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_thing_type: Option<bool>,
}

/// The answer to [`UpdateThingRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateThingResponse {}

api_operation!(UpdateThingRequest, Iot, "UpdateThing", UpdateThingResponse);

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

/// Deletes a thing, which must have no principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteThingRequest {
    /// The name of the thing.
    pub thing_name: String,
    /// The version that the thing has to have; any when it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
}

/// The answer to [`DeleteThingRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteThingResponse {}

api_operation!(DeleteThingRequest, Iot, "DeleteThing", DeleteThingResponse);

/// Attaches a principal to a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachThingPrincipalRequest {
    /// The name of the thing.
    pub thing_name: String,
    /// The ARN of the principal.
    pub principal: String,
    /// `EXCLUSIVE_THING`, for a principal of this thing alone, or `NON_EXCLUSIVE_THING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_principal_type: Option<String>,
}

/// The answer to [`AttachThingPrincipalRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AttachThingPrincipalResponse {}

api_operation!(AttachThingPrincipalRequest, Iot, "AttachThingPrincipal", AttachThingPrincipalResponse);

/// Detaches a principal from a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetachThingPrincipalRequest {
    /// The name of the thing.
    pub thing_name: String,
    /// The ARN of the principal.
    pub principal: String,
}

/// The answer to [`DetachThingPrincipalRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DetachThingPrincipalResponse {}

api_operation!(DetachThingPrincipalRequest, Iot, "DetachThingPrincipal", DetachThingPrincipalResponse);

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

/// Lists the principals of a thing, each with how it is attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingPrincipalsV2Request {
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// The name of the thing.
    pub thing_name: String,
    /// Only principals that are attached in this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_principal_type: Option<String>,
}

/// The answer to [`ListThingPrincipalsV2Request`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingPrincipalsV2Response {
    /// The principals of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_principal_objects: Option<Vec<ThingPrincipalObject>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListThingPrincipalsV2Request, Iot, "ListThingPrincipalsV2", ListThingPrincipalsV2Response);

/// Lists the things of a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalThingsRequest {
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// The ARN of the principal.
    pub principal: String,
}

/// The answer to [`ListPrincipalThingsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalThingsResponse {
    /// The names of the things of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub things: Option<Vec<String>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListPrincipalThingsRequest, Iot, "ListPrincipalThings", ListPrincipalThingsResponse);

/// Lists the things of a principal, each with how it is attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalThingsV2Request {
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// The ARN of the principal.
    pub principal: String,
    /// Only things that it is attached to in this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_principal_type: Option<String>,
}

/// The answer to [`ListPrincipalThingsV2Request`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalThingsV2Response {
    /// The things of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_thing_objects: Option<Vec<PrincipalThingObject>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListPrincipalThingsV2Request, Iot, "ListPrincipalThingsV2", ListPrincipalThingsV2Response);

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

/// Attributes to set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributePayload {
    /// The attributes by their names; in a change an empty value removes an attribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// Whether attributes that are not named stay; only changes have this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge: Option<bool>,
}

/// A principal of a thing, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingPrincipalObject {
    /// The ARN of the principal.
    pub principal: String,
    /// `EXCLUSIVE_THING` or `NON_EXCLUSIVE_THING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_principal_type: Option<String>,
}

/// A thing of a principal, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrincipalThingObject {
    /// The name of the thing.
    pub thing_name: String,
    /// `EXCLUSIVE_THING` or `NON_EXCLUSIVE_THING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_principal_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateThingRequest>();
        assert_matches_model::<DescribeThingRequest>();
        assert_matches_model::<UpdateThingRequest>();
        assert_matches_model::<ListThingsRequest>();
        assert_matches_model::<DeleteThingRequest>();
        assert_matches_model::<AttachThingPrincipalRequest>();
        assert_matches_model::<DetachThingPrincipalRequest>();
        assert_matches_model::<ListThingPrincipalsRequest>();
        assert_matches_model::<ListThingPrincipalsV2Request>();
        assert_matches_model::<ListPrincipalThingsRequest>();
        assert_matches_model::<ListPrincipalThingsV2Request>();
    }
}
