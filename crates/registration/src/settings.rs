use std::sync::Arc;

use landfall_model::Scope;
use thiserror::Error;

use crate::template::Templates;

/// How the built-in registrar names and provisions devices, ready for use.
#[derive(Debug)]
pub struct Settings {
    pub(crate) templates: Templates,
    pub(crate) device_policy: Arc<str>,
    pub(crate) greengrass_policy: Arc<str>,
    pub(crate) existing_thing: ExistingThing,
    pub(crate) illegal_characters: IllegalCharacters,
}

/// The settings as people write them. The defaults are those of the Universal JITR block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsSource {
    /// Template of the thing's name.
    pub thing_name: String,
    /// Template of the thing type's name.
    pub thing_type_name: String,
    /// Template of the name of the policy of devices.
    pub device_policy_name: String,
    /// Template of the name of the policy of Greengrass cores.
    pub greengrass_policy_name: String,
    /// What to do when the thing has a device of the same CA certificate already.
    pub existing_thing: ExistingThing,
    /// What to do with characters that an attribute's value may not have.
    pub illegal_characters: IllegalCharacters,
}

/// What to do when the thing has a device of the same CA certificate already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExistingThing {
    /// The second device is refused.
    Refuse,
    /// The second device's certificate is attached to the thing too.
    Join,
}

/// What to do with characters that an attribute's value may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IllegalCharacters {
    /// Each is replaced by `_`.
    Replace,
    /// The registration is refused.
    Refuse,
}

/// A setting that cannot be used.
#[derive(Debug, Error)]
#[error("a template of the settings cannot be compiled")]
pub struct SettingsError(#[from] minijinja::Error);

pub(crate) const THING_NAME: &str = "ThingName";
pub(crate) const THING_TYPE_NAME: &str = "ThingTypeName";
pub(crate) const DEVICE_POLICY_NAME: &str = "DevicePolicyName";
pub(crate) const GREENGRASS_POLICY_NAME: &str = "GreengrassPolicyName";

impl Settings {
    /// Compiles the settings for a server.
    ///
    /// # Errors
    /// A template is malformed.
    pub fn compile(source: &SettingsSource, scope: &Scope) -> Result<Self, SettingsError> {
        let SettingsSource {
            thing_name,
            thing_type_name,
            device_policy_name,
            greengrass_policy_name,
            existing_thing,
            illegal_characters,
        } = source;
        let templates = [
            (THING_NAME, thing_name.as_str()),
            (THING_TYPE_NAME, thing_type_name),
            (DEVICE_POLICY_NAME, device_policy_name),
            (GREENGRASS_POLICY_NAME, greengrass_policy_name),
        ];
        Ok(Self {
            templates: Templates::compile(scope.clone(), &templates)?,
            device_policy: device_policy(scope).into(),
            greengrass_policy: greengrass_policy(scope).into(),
            existing_thing: *existing_thing,
            illegal_characters: *illegal_characters,
        })
    }
}

impl Default for SettingsSource {
    fn default() -> Self {
        Self {
            thing_name: "thing-<%= certificate.attributes.subject.serialNumber %>".to_owned(),
            thing_type_name: "<%= certificate.attributes.subject['2.5.4.44'] %>-device".to_owned(),
            device_policy_name: "iot-access-policy".to_owned(),
            greengrass_policy_name: "greengrass-access-policy".to_owned(),
            existing_thing: ExistingThing::Refuse,
            illegal_characters: IllegalCharacters::Replace,
        }
    }
}

/// One policy for every device: it names none of them, only the variables of the connection.
fn device_policy(scope: &Scope) -> String {
    let arn = scope.arn_prefix();
    let thing = "${iot:Connection.Thing.ThingName}";
    format!(
        r#"{{
  "Version": "2012-10-17",
  "Statement": [
    {{
      "Effect": "Allow",
      "Action": ["iot:Connect"],
      "Resource": ["{arn}client/{thing}"],
      "Condition": {{"Bool": {{"iot:Connection.Thing.IsAttached": ["true"]}}}}
    }},
    {{
      "Effect": "Allow",
      "Action": ["iot:Subscribe"],
      "Resource": ["{arn}topicfilter/device/{thing}", "{arn}topicfilter/device/{thing}/*"]
    }},
    {{
      "Effect": "Allow",
      "Action": ["iot:Receive"],
      "Resource": ["{arn}topic/device/{thing}", "{arn}topic/device/{thing}/*"]
    }},
    {{
      "Effect": "Allow",
      "Action": ["iot:Publish"],
      "Resource": ["{arn}topic/device/{thing}", "{arn}topic/device/{thing}/*"]
    }},
    {{
      "Effect": "Allow",
      "Action": ["iot:UpdateThingShadow", "iot:GetThingShadow", "iot:DeleteThingShadow"],
      "Resource": ["{arn}thing/{thing}"]
    }}
  ]
}}"#
    )
}

/// One policy for every Greengrass core.
fn greengrass_policy(scope: &Scope) -> String {
    let arn = scope.arn_prefix();
    let core = "${iot:Certificate.Subject.CommonName}";
    format!(
        r#"{{
  "Version": "2012-10-17",
  "Statement": [
    {{
      "Effect": "Allow",
      "Action": ["iot:Connect"],
      "Resource": ["{arn}client/{core}", "{arn}client/{core}-*"]
    }},
    {{
      "Effect": "Allow",
      "Action": ["iot:Subscribe"],
      "Resource": ["{arn}topicfilter/$aws/things/{core}-*/*", "{arn}topicfilter/greengrass/{core}", "{arn}topicfilter/greengrass/{core}/*"]
    }},
    {{
      "Effect": "Allow",
      "Action": ["iot:Receive", "iot:Publish"],
      "Resource": ["{arn}topic/$aws/things/{core}-*/*", "{arn}topic/greengrass/{core}", "{arn}topic/greengrass/{core}/*"]
    }},
    {{
      "Effect": "Allow",
      "Action": ["greengrass:*"],
      "Resource": ["*"]
    }}
  ]
}}"#
    )
}

#[cfg(test)]
mod tests {
    use landfall_model::{AccountId, Region};
    use landfall_policy::PolicyDocument;

    use super::*;

    #[test]
    fn the_default_policies_are_understood_in_full() {
        let scope = Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        };
        for document in [device_policy(&scope), greengrass_policy(&scope)] {
            assert!(PolicyDocument::parse(&document).is_ok(), "{document}");
        }
    }

    #[test]
    fn a_malformed_template_is_an_error() {
        let scope = Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        };
        let source =
            SettingsSource { thing_name: "<%= certificate.".to_owned(), ..SettingsSource::default() };
        assert!(Settings::compile(&source, &scope).is_err());
    }
}
