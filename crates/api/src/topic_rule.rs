//! Topic rules.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ApiError, ErrorCode};
use crate::operation::api_operation;
use crate::percent;
use crate::tag::Tag;
use crate::timestamp::WireTimestamp;

/// Creates a topic rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTopicRuleRequest {
    /// The name of the rule.
    pub rule_name: String,
    /// What the rule says; it is the whole body.
    pub topic_rule_payload: TopicRulePayload,
    /// Tags of the rule, a query string such as `key=value&other=`; it travels in a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
}

impl CreateTopicRuleRequest {
    /// The tags of the rule.
    ///
    /// # Errors
    ///
    /// `InvalidRequestException` when the text is no query string.
    pub fn tag_list(&self) -> Result<Vec<Tag>, ApiError> {
        let pairs = percent::form_pairs(self.tags.as_deref().unwrap_or_default()).ok_or_else(|| {
            let message = "the tags (x-amz-tagging) have a malformed percent escape, or are not UTF-8; expected is a \
                           query string such as key=value&other=value";
            ApiError::new(ErrorCode::InvalidRequest, message)
        })?;
        Ok(pairs.into_iter().map(|(key, value)| Tag { key, value: Some(value) }).collect())
    }
}

/// The answer to [`CreateTopicRuleRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CreateTopicRuleResponse {}

api_operation!(CreateTopicRuleRequest, Iot, "CreateTopicRule", CreateTopicRuleResponse);

/// Replaces what a topic rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplaceTopicRuleRequest {
    /// The name of the rule.
    pub rule_name: String,
    /// What the rule says from now on; it is the whole body.
    pub topic_rule_payload: TopicRulePayload,
}

/// The answer to [`ReplaceTopicRuleRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReplaceTopicRuleResponse {}

api_operation!(ReplaceTopicRuleRequest, Iot, "ReplaceTopicRule", ReplaceTopicRuleResponse);

/// Gets a topic rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetTopicRuleRequest {
    /// The name of the rule.
    pub rule_name: String,
}

/// The answer to [`GetTopicRuleRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetTopicRuleResponse {
    /// The ARN of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_arn: Option<String>,
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<TopicRule>,
}

api_operation!(GetTopicRuleRequest, Iot, "GetTopicRule", GetTopicRuleResponse);

/// Lists the topic rules.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTopicRulesRequest {
    /// Only the rules of this topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Only the rules that are disabled, or only those that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_disabled: Option<bool>,
}

/// The answer to [`ListTopicRulesRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTopicRulesResponse {
    /// The rules of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<TopicRuleListItem>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListTopicRulesRequest, Iot, "ListTopicRules", ListTopicRulesResponse);

/// Enables a topic rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnableTopicRuleRequest {
    /// The name of the rule.
    pub rule_name: String,
}

/// The answer to [`EnableTopicRuleRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnableTopicRuleResponse {}

api_operation!(EnableTopicRuleRequest, Iot, "EnableTopicRule", EnableTopicRuleResponse);

/// Disables a topic rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisableTopicRuleRequest {
    /// The name of the rule.
    pub rule_name: String,
}

/// The answer to [`DisableTopicRuleRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DisableTopicRuleResponse {}

api_operation!(DisableTopicRuleRequest, Iot, "DisableTopicRule", DisableTopicRuleResponse);

/// Deletes a topic rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteTopicRuleRequest {
    /// The name of the rule.
    pub rule_name: String,
}

/// The answer to [`DeleteTopicRuleRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteTopicRuleResponse {}

api_operation!(DeleteTopicRuleRequest, Iot, "DeleteTopicRule", DeleteTopicRuleResponse);

/// What a topic rule says.
///
/// Its actions stay the JSON that was sent, checked against the model: the registry keeps them so, and the rules engine
/// knows what they mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicRulePayload {
    /// The SQL statement.
    pub sql: String,
    /// What the rule is for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is done with the result of the statement.
    pub actions: Vec<Value>,
    /// Whether the rule does nothing for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_disabled: Option<bool>,
    /// The version of the SQL, such as `2016-03-23`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_iot_sql_version: Option<String>,
    /// What is done when an action has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_action: Option<Value>,
}

/// A topic rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicRule {
    /// The name of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// The SQL statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// What the rule is for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When the rule was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<WireTimestamp>,
    /// What is done with the result of the statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<Value>>,
    /// Whether the rule does nothing for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_disabled: Option<bool>,
    /// The version of the SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_iot_sql_version: Option<String>,
    /// What is done when an action has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_action: Option<Value>,
}

/// A topic rule in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicRuleListItem {
    /// The ARN of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_arn: Option<String>,
    /// The name of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// The topic filter that the rule selects from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_pattern: Option<String>,
    /// When the rule was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<WireTimestamp>,
    /// Whether the rule does nothing for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_disabled: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateTopicRuleRequest>();
        assert_matches_model::<ReplaceTopicRuleRequest>();
        assert_matches_model::<GetTopicRuleRequest>();
        assert_matches_model::<ListTopicRulesRequest>();
        assert_matches_model::<EnableTopicRuleRequest>();
        assert_matches_model::<DisableTopicRuleRequest>();
        assert_matches_model::<DeleteTopicRuleRequest>();
    }

    #[test]
    fn tags_are_a_query_string() {
        let tag_list = |tags: Option<&str>| {
            let payload = TopicRulePayload {
                sql: String::new(),
                description: None,
                actions: Vec::new(),
                rule_disabled: None,
                aws_iot_sql_version: None,
                error_action: None,
            };
            let tags = tags.map(str::to_owned);
            CreateTopicRuleRequest { rule_name: "r".to_owned(), topic_rule_payload: payload, tags }.tag_list()
        };
        for (text, expected) in [
            (None, vec![]),
            (Some(""), vec![]),
            (Some("key1=value1&key2=value2"), vec![("key1", "value1"), ("key2", "value2")]),
            (Some("a%20b=c+d%3D&e&"), vec![("a b", "c d="), ("e", "")]),
        ] {
            let found = tag_list(text).unwrap();
            let found: Vec<_> = found.iter().map(|tag| (&*tag.key, tag.value.as_deref().unwrap())).collect();
            assert_eq!(found, expected, "{text:?}");
        }
        for text in ["a=%zz", "%ff=b"] {
            let error = tag_list(Some(text)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{text}");
        }
    }
}
