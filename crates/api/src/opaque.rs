//! Members of a request that are checked against the model and not taken apart.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A member of an input or output that nothing here reads: what it configures is not built.
///
/// A handler asks whether it says anything, and refuses it by name if it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpaqueMember(Value);

impl OpaqueMember {
    /// Whether it says nothing: tools send empty lists and texts for what is not configured.
    pub fn is_empty(&self) -> bool {
        is_empty(&self.0)
    }

    /// The text of one of its members.
    pub fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member).and_then(Value::as_str)
    }

    /// Whether it has no other members than these that say anything.
    pub fn has_only(&self, members: &[&str]) -> bool {
        let Some(object) = self.0.as_object() else { return false };
        object.iter().all(|(name, value)| is_empty(value) || members.contains(&name.as_str()))
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn member(value: Value) -> OpaqueMember {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_tools_send_for_nothing_is_empty() {
        let check =
            |value: Value, expected| assert_eq!(member(value.clone()).is_empty(), expected, "{value}");
        check(json!({}), true);
        check(json!([]), true);
        check(json!(""), true);
        check(json!(false), true);
        check(json!({"SubnetIds": [], "SecurityGroupIds": []}), true);
        check(json!({"Filters": []}), true);
        check(json!({"SubnetIds": ["subnet-1"]}), false);
        check(json!({"Size": 0}), false);
        check(json!(true), false);
        check(json!("arn"), false);
        check(json!([""]), false);
    }

    #[test]
    fn its_members_can_be_asked_for() {
        let logging = member(json!({"LogFormat": "Text", "LogGroup": ""}));
        assert_eq!(logging.text("LogFormat"), Some("Text"));
        assert_eq!((logging.text("LogGroup"), logging.text("Other")), (Some(""), None));
        assert!(logging.has_only(&["LogFormat"]) && !logging.has_only(&["LogGroup"]));
        assert!(!member(json!("Text")).has_only(&["LogFormat"]));
    }
}
