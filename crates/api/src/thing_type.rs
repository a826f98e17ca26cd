//! Thing types.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;
use crate::tag::Tag;
use crate::timestamp::WireTimestamp;

/// Creates a thing type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingTypeRequest {
    /// The name of the thing type.
    pub thing_type_name: String,
    /// The properties of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_properties: Option<ThingTypeProperties>,
    /// Tags of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

/// The answer to [`CreateThingTypeRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingTypeResponse {
    /// The name of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_name: Option<String>,
    /// The ARN of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_arn: Option<String>,
    /// The id of the thing type, a UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_id: Option<String>,
}

api_operation!(CreateThingTypeRequest, Iot, "CreateThingType", CreateThingTypeResponse);

/// Describes a thing type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingTypeRequest {
    /// The name of the thing type.
    pub thing_type_name: String,
}

/// The answer to [`DescribeThingTypeRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingTypeResponse {
    /// The name of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_name: Option<String>,
    /// The id of the thing type, a UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_id: Option<String>,
    /// The ARN of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_arn: Option<String>,
    /// The properties of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_properties: Option<ThingTypeProperties>,
    /// The state of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_metadata: Option<ThingTypeMetadata>,
}

api_operation!(DescribeThingTypeRequest, Iot, "DescribeThingType", DescribeThingTypeResponse);

/// Changes the properties of a thing type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateThingTypeRequest {
    /// The name of the thing type.
    pub thing_type_name: String,
    /// The properties of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_properties: Option<ThingTypeProperties>,
}

/// The answer to [`UpdateThingTypeRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateThingTypeResponse {}

api_operation!(UpdateThingTypeRequest, Iot, "UpdateThingType", UpdateThingTypeResponse);

/// Deprecates a thing type, so that no thing gets it any more, or takes that back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeprecateThingTypeRequest {
    /// The name of the thing type.
    pub thing_type_name: String,
    /// Whether a deprecation is taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo_deprecate: Option<bool>,
}

/// The answer to [`DeprecateThingTypeRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeprecateThingTypeResponse {}

api_operation!(DeprecateThingTypeRequest, Iot, "DeprecateThingType", DeprecateThingTypeResponse);

/// Lists the thing types.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingTypesRequest {
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Only the thing type of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_name: Option<String>,
}

/// The answer to [`ListThingTypesRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingTypesResponse {
    /// The thing types of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_types: Option<Vec<ThingTypeDefinition>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListThingTypesRequest, Iot, "ListThingTypes", ListThingTypesResponse);

/// Deletes a thing type, which has been deprecated for some minutes and is the type of no thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteThingTypeRequest {
    /// The name of the thing type.
    pub thing_type_name: String,
}

/// The answer to [`DeleteThingTypeRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteThingTypeResponse {}

api_operation!(DeleteThingTypeRequest, Iot, "DeleteThingType", DeleteThingTypeResponse);

/// What a thing type says about its things.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingTypeProperties {
    /// What the type is, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_description: Option<String>,
    /// The names of the attributes that things are searched by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searchable_attributes: Option<Vec<String>>,
    /// What is added to the MQTT 5 messages of its things.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtt5_configuration: Option<Mqtt5Configuration>,
}

/// What a thing type adds to the MQTT 5 messages of its things.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mqtt5Configuration {
    /// The user properties that are added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagating_attributes: Option<Vec<PropagatingAttribute>>,
}

/// One user property that is added, and where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropagatingAttribute {
    /// The name of the user property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_property_key: Option<String>,
    /// The attribute of the thing that has the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_attribute: Option<String>,
    /// The attribute of the connection that has the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_attribute: Option<String>,
}

/// The state of a thing type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingTypeMetadata {
    /// Whether the type is deprecated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<bool>,
    /// When it was deprecated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecation_date: Option<WireTimestamp>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
}

/// A thing type in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingTypeDefinition {
    /// The name of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_name: Option<String>,
    /// The ARN of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_arn: Option<String>,
    /// The properties of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_properties: Option<ThingTypeProperties>,
    /// The state of the thing type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_type_metadata: Option<ThingTypeMetadata>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateThingTypeRequest>();
        assert_matches_model::<DescribeThingTypeRequest>();
        assert_matches_model::<UpdateThingTypeRequest>();
        assert_matches_model::<DeprecateThingTypeRequest>();
        assert_matches_model::<ListThingTypesRequest>();
        assert_matches_model::<DeleteThingTypeRequest>();
    }
}
