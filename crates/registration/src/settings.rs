use std::sync::Arc;

use landfall_model::{
    AttributeName, FunctionName, InvalidFunctionReference, InvalidName, InvalidRoleArn, InvalidTag,
    PolicyName, RoleArn, Scope, ThingName, ThingType, ThingTypeName,
};
use landfall_policy::{Finding, MalformedPolicy, PolicyDocument, Rule, lint};
use serde_json::json;
use thiserror::Error;

use crate::InterceptorSettings;
use crate::grouping::{Grouping, is_constant};
use crate::template::{TemplateProblem, Templates};

/// How the built-in registrar names and provisions devices, ready for use.
#[derive(Debug)]
pub struct Settings {
    pub(crate) templates: Templates,
    pub(crate) attributes: Vec<AttributeSetting>,
    pub(crate) grouping: Grouping,
    pub(crate) searchable_attributes: Vec<AttributeName>,
    pub(crate) device_policy: Arc<str>,
    pub(crate) greengrass_policy: Arc<str>,
    /// The role that is associated with the account when a core is registered.
    pub(crate) greengrass_role: Option<RoleArn>,
    pub(crate) existing_thing: ExistingThing,
    pub(crate) illegal_characters: IllegalCharacters,
    interceptor_lambda: Option<FunctionName>,
}

/// The settings as people write them, each under the name of its parameter in `CamelCase`. The defaults are those of the
/// Universal JITR block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsSource {
    /// Template of the thing's name.
    pub thing_name: String,
    /// Template of the thing type's name.
    pub thing_type_name: String,
    /// Template of the name of the policy of devices.
    pub device_policy_name: String,
    /// What the policy of devices allows.
    pub device_policy: PolicyTopics,
    /// Template of the name of the policy of Greengrass cores.
    pub greengrass_policy_name: String,
    /// What the policy of Greengrass cores allows.
    pub greengrass_policy: PolicyTopics,
    /// Template of the name of a core's Greengrass group.
    pub greengrass_group_name: String,
    /// The ARN of the role that Greengrass gets for the account when a core is registered; an empty text leaves the
    /// account's as it is.
    pub greengrass_user_service_account_role: String,
    /// Attributes by name, each with the template of its value: added to those of the subject, or in their place. One whose
    /// template is empty is left out.
    pub attributes: Vec<(String, String)>,
    /// The attributes by which things of the type can be listed.
    pub searchable_attributes: Vec<String>,
    /// Templates of the names of the thing groups that the thing comes into. One that makes an empty text names none.
    pub thing_groups: Vec<String>,
    /// Template of the name of the billing group that the thing comes into. One that makes an empty text names none.
    pub billing_group: String,
    /// Tags by key, each with the template of its value, of what the registration creates and AWS IoT gives tags: thing type,
    /// thing groups, billing group and policy.
    pub tags: Vec<(String, String)>,
    /// What to do when the thing has a device of the same CA certificate already.
    pub existing_thing: ExistingThing,
    /// What to do with characters that an attribute's value may not have.
    pub illegal_characters: IllegalCharacters,
    /// The name or the ARN of the function that is asked before a device is provisioned; empty for none.
    pub interceptor_lambda: String,
}

/// Topics that a policy allows, each a list with commas between them. They can have variables of policies and the wildcards
/// `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyTopics {
    /// Whose messages the device may receive.
    pub receive: String,
    /// The topic filters with which it may subscribe.
    pub subscribe: String,
    /// Where it may publish.
    pub publish: String,
}

/// An attribute that the settings name.
#[derive(Debug)]
pub(crate) struct AttributeSetting {
    pub(crate) name: AttributeName,
    /// The setting under which its template is compiled; none when the attribute is left out.
    pub(crate) template: Option<Box<str>>,
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
pub enum SettingsError {
    /// A template is malformed.
    #[error("{setting} is no template: {problem}")]
    Template {
        /// The setting.
        setting: String,
        /// Where in the template, and what is wrong.
        problem: TemplateProblem,
    },
    /// A name is one that AWS IoT does not allow.
    #[error("{setting}: {problem}")]
    Name {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        problem: InvalidName,
    },
    /// An attribute or a tag is there twice.
    #[error("{setting} has {name} twice")]
    Twice {
        /// The setting.
        setting: &'static str,
        /// What is there twice.
        name: String,
    },
    /// A thing type can have no more searchable attributes.
    #[error("SearchableAttributes has {found} attributes; a thing type has at most {max}")]
    SearchableAttributes {
        /// How many there are.
        found: usize,
        /// The most allowed.
        max: usize,
    },
    /// A tag is one that AWS would not take.
    #[error("Tags, {key:?}: {problem}")]
    Tag {
        /// Its key.
        key: String,
        /// What is wrong.
        problem: InvalidTag,
    },
    /// A resource can have no more tags.
    #[error("Tags has {found} tags; a resource has at most {max}")]
    Tags {
        /// How many there are.
        found: usize,
        /// The most allowed.
        max: usize,
    },
    /// A thing can be in no more groups.
    #[error("ThingGroups has {found} groups; a thing is in at most {max}")]
    ThingGroups {
        /// How many there are.
        found: usize,
        /// The most allowed.
        max: usize,
    },
    /// The role is none.
    #[error("{GREENGRASS_ROLE}: {0}")]
    Role(InvalidRoleArn),
    /// The interceptor is no function.
    #[error("{INTERCEPTOR_LAMBDA}: {0}")]
    InterceptorLambda(InvalidFunctionReference),
    /// The topics make a policy that is none.
    #[error("{settings} make a policy that AWS IoT would not take: {problem}")]
    Policy {
        /// The settings that make it.
        settings: &'static str,
        /// What is wrong.
        problem: MalformedPolicy,
    },
    /// The topics make a policy that would not do what is meant.
    #[error("{settings} make a policy with a fault: {}; {}", finding.message, finding.help)]
    PolicyFault {
        /// The settings that make it.
        settings: &'static str,
        /// What is wrong.
        finding: Box<Finding>,
    },
}

impl SettingsError {
    /// The names of the settings that are at fault.
    pub fn settings(&self) -> Vec<&str> {
        match self {
            // Behind the setting stands which of its templates it is.
            Self::Template { setting, .. } => vec![setting.split(['.', ' ']).next().unwrap_or(setting)],
            Self::Tag { .. } | Self::Tags { .. } => vec![TAGS],
            Self::ThingGroups { .. } => vec![THING_GROUPS],
            Self::Name { setting, .. } | Self::Twice { setting, .. } => vec![setting],
            Self::Role(_) => vec![GREENGRASS_ROLE],
            Self::InterceptorLambda(_) => vec![INTERCEPTOR_LAMBDA],
            Self::SearchableAttributes { .. } => vec![SEARCHABLE_ATTRIBUTES],
            Self::Policy { settings, .. } | Self::PolicyFault { settings, .. } => {
                settings.split([',', ' ']).filter(|word| word.ends_with("Policy")).collect()
            }
        }
    }
}

pub(crate) const THING_NAME: &str = "ThingName";
pub(crate) const THING_TYPE_NAME: &str = "ThingTypeName";
pub(crate) const DEVICE_POLICY_NAME: &str = "DevicePolicyName";
pub(crate) const GREENGRASS_POLICY_NAME: &str = "GreengrassPolicyName";
pub(crate) const GREENGRASS_GROUP_NAME: &str = "GreengrassGroupName";
const INTERCEPTOR_LAMBDA: &str = InterceptorSettings::LAMBDA;
const GREENGRASS_ROLE: &str = "GreengrassUserServiceAccountRole";
const ATTRIBUTES: &str = "Attributes";
pub(crate) const BILLING_GROUP: &str = "BillingGroup";
pub(crate) const TAGS: &str = "Tags";
pub(crate) const THING_GROUPS: &str = "ThingGroups";
const SEARCHABLE_ATTRIBUTES: &str = "SearchableAttributes";
const DEVICE_POLICY: &str = "DeviceReceivePolicy, DeviceSubscribePolicy and DevicePublishPolicy";
const GREENGRASS_POLICY: &str =
    "GreengrassReceivePolicy, GreengrassSubscribePolicy and GreengrassPublishPolicy";

impl Settings {
    /// Compiles the settings for a server.
    ///
    /// # Errors
    /// A setting cannot work, whatever the certificate is.
    pub fn compile(source: &SettingsSource, scope: &Scope) -> Result<Self, SettingsError> {
        let SettingsSource {
            thing_name,
            thing_type_name,
            device_policy_name,
            device_policy,
            greengrass_policy_name,
            greengrass_policy,
            greengrass_group_name,
            greengrass_user_service_account_role,
            attributes,
            searchable_attributes,
            // These are the grouping's.
            thing_groups: _,
            billing_group: _,
            tags: _,
            existing_thing,
            illegal_characters,
            interceptor_lambda,
        } = source;
        check_constant(THING_NAME, thing_name, ThingName::parse)?;
        check_constant(THING_TYPE_NAME, thing_type_name, ThingTypeName::parse)?;
        check_constant(DEVICE_POLICY_NAME, device_policy_name, PolicyName::parse)?;
        check_constant(GREENGRASS_POLICY_NAME, greengrass_policy_name, PolicyName::parse)?;
        let attributes = attribute_settings(attributes)?;
        let grouping = Grouping::check(source)?;
        let templates = [
            (THING_NAME, thing_name.as_str()),
            (THING_TYPE_NAME, thing_type_name),
            (DEVICE_POLICY_NAME, device_policy_name),
            (GREENGRASS_POLICY_NAME, greengrass_policy_name),
            (GREENGRASS_GROUP_NAME, greengrass_group_name),
        ];
        let of_attributes = attributes
            .iter()
            .zip(&source.attributes)
            .filter_map(|(setting, (_, template))| Some((setting.template.as_deref()?, template.as_str())));
        let templates = templates.into_iter().chain(of_attributes).chain(grouping.templates(source));
        let templates = Templates::compile(scope.clone(), templates)
            .map_err(|(setting, problem)| SettingsError::Template { setting, problem })?;
        Ok(Self {
            templates,
            attributes,
            grouping,
            searchable_attributes: searchable(searchable_attributes)?,
            device_policy: checked(DEVICE_POLICY, device_document(device_policy, scope))?,
            greengrass_policy: checked(GREENGRASS_POLICY, greengrass_document(greengrass_policy, scope))?,
            greengrass_role: role(greengrass_user_service_account_role)?,
            existing_thing: *existing_thing,
            illegal_characters: *illegal_characters,
            interceptor_lambda: function(interceptor_lambda, scope)?,
        })
    }

    /// The function that is asked before a device is provisioned, ahead of all interceptors.
    pub fn interceptor_lambda(&self) -> Option<&FunctionName> {
        self.interceptor_lambda.as_ref()
    }
}

impl Default for SettingsSource {
    fn default() -> Self {
        Self {
            thing_name: "thing-<%= certificate.attributes.subject.serialNumber %>".to_owned(),
            thing_type_name: "<%= certificate.attributes.subject['2.5.4.44'] %>-device".to_owned(),
            device_policy_name: "iot-access-policy".to_owned(),
            device_policy: PolicyTopics::all("device", "${iot:Connection.Thing.ThingName}"),
            greengrass_policy_name: "greengrass-access-policy".to_owned(),
            greengrass_policy: PolicyTopics::all("greengrass", "${iot:Certificate.Subject.CommonName}"),
            greengrass_group_name: "<%= certificate.attributes.subject.serialNumber %>-group".to_owned(),
            greengrass_user_service_account_role: String::new(),
            attributes: Vec::new(),
            searchable_attributes: ["serial_number", "product_id", "device_type"].map(String::from).to_vec(),
            thing_groups: Vec::new(),
            billing_group: String::new(),
            tags: Vec::new(),
            existing_thing: ExistingThing::Refuse,
            illegal_characters: IllegalCharacters::Replace,
            interceptor_lambda: String::new(),
        }
    }
}

impl PolicyTopics {
    /// A device's own topics below a level, for all that it may do.
    fn all(level: &str, name: &str) -> Self {
        let topics = format!("{level}/{name},{level}/{name}/*");
        Self { receive: topics.clone(), subscribe: topics.clone(), publish: topics }
    }
}

/// Checks a name that does not depend on the certificate.
fn check_constant<T>(
    setting: &'static str,
    template: &str,
    parse: impl FnOnce(&str) -> Result<T, InvalidName>,
) -> Result<(), SettingsError> {
    if is_constant(template) {
        parse(template).map_err(|problem| SettingsError::Name { setting, problem })?;
    }
    Ok(())
}

fn attribute_settings(source: &[(String, String)]) -> Result<Vec<AttributeSetting>, SettingsError> {
    let mut attributes: Vec<AttributeSetting> = Vec::with_capacity(source.len());
    for (name, template) in source {
        let name = attribute_name(ATTRIBUTES, name)?;
        if attributes.iter().any(|known| known.name == name) {
            return Err(SettingsError::Twice { setting: ATTRIBUTES, name: name.to_string() });
        }
        let template = (!template.is_empty()).then(|| format!("{ATTRIBUTES}.{name}").into());
        attributes.push(AttributeSetting { name, template });
    }
    Ok(attributes)
}

fn searchable(source: &[String]) -> Result<Vec<AttributeName>, SettingsError> {
    let (found, max) = (source.len(), ThingType::SEARCHABLE_MAX);
    if found > max {
        return Err(SettingsError::SearchableAttributes { found, max });
    }
    let mut names = Vec::with_capacity(found);
    for name in source {
        let name = attribute_name(SEARCHABLE_ATTRIBUTES, name)?;
        if names.contains(&name) {
            return Err(SettingsError::Twice { setting: SEARCHABLE_ATTRIBUTES, name: name.to_string() });
        }
        names.push(name);
    }
    Ok(names)
}

fn attribute_name(setting: &'static str, name: &str) -> Result<AttributeName, SettingsError> {
    AttributeName::parse(name).map_err(|problem| SettingsError::Name { setting, problem })
}

/// The function of a name or an ARN; an empty text is none.
fn function(source: &str, scope: &Scope) -> Result<Option<FunctionName>, SettingsError> {
    let source = Some(source).filter(|name| !name.is_empty());
    let function = source.map(|name| scope.parse_function(name)).transpose();
    function.map_err(SettingsError::InterceptorLambda)
}

/// The role of the account; an empty text is none.
fn role(source: &str) -> Result<Option<RoleArn>, SettingsError> {
    if source.is_empty() { Ok(None) } else { RoleArn::parse(source).map(Some).map_err(SettingsError::Role) }
}

/// A document that does what its topics say.
fn checked(settings: &'static str, document: String) -> Result<Arc<str>, SettingsError> {
    let parsed =
        PolicyDocument::parse(&document).map_err(|problem| SettingsError::Policy { settings, problem })?;
    let is_fault = |finding: &Finding| {
        matches!(finding.rule, Rule::NeverHasValue | Rule::NeverMatches | Rule::MqttWildcard)
    };
    match lint(&parsed).into_iter().find(is_fault) {
        Some(finding) => Err(SettingsError::PolicyFault { settings, finding: Box::new(finding) }),
        None => Ok(document.into()),
    }
}

/// The ARNs of the topics of a list.
fn resources(prefix: &str, list: &str) -> Vec<String> {
    let topics = list.split(',').map(str::trim).filter(|topic| !topic.is_empty());
    topics.map(|topic| format!("{prefix}{topic}")).collect()
}

/// A statement that allows actions. None without resources: there is nothing to allow.
fn allow(actions: &[&str], resources: &[String]) -> Option<String> {
    if resources.is_empty() {
        return None;
    }
    Some(format!(
        "    {{\n      \"Effect\": \"Allow\",\n      \"Action\": {},\n      \"Resource\": {}\n    }}",
        json_list(actions),
        json_list(resources)
    ))
}

fn json_list(texts: &[impl AsRef<str>]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| json!(text.as_ref()).to_string()).collect();
    format!("[{}]", texts.join(", "))
}

fn document(statements: impl IntoIterator<Item = Option<String>>) -> String {
    let statements: Vec<String> = statements.into_iter().flatten().collect();
    format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}", statements.join(",\n"))
}

/// One policy for every device: it names none of them, only the variables of the connection.
fn device_document(topics: &PolicyTopics, scope: &Scope) -> String {
    let PolicyTopics { receive, subscribe, publish } = topics;
    let arn = scope.arn_prefix();
    let thing = "${iot:Connection.Thing.ThingName}";
    let connect = format!(
        r#"    {{
      "Effect": "Allow",
      "Action": ["iot:Connect"],
      "Resource": ["{arn}client/{thing}"],
      "Condition": {{"Bool": {{"iot:Connection.Thing.IsAttached": ["true"]}}}}
    }}"#
    );
    let topic = format!("{arn}topic/");
    let shadow = ["iot:UpdateThingShadow", "iot:GetThingShadow", "iot:DeleteThingShadow"];
    document([
        Some(connect),
        allow(&["iot:Subscribe"], &resources(&format!("{arn}topicfilter/"), subscribe)),
        allow(&["iot:Receive"], &resources(&topic, receive)),
        allow(&["iot:Publish"], &resources(&topic, publish)),
        allow(&shadow, &[format!("{arn}thing/{thing}")]),
    ])
}

/// One policy for every Greengrass core.
fn greengrass_document(topics: &PolicyTopics, scope: &Scope) -> String {
    let PolicyTopics { receive, subscribe, publish } = topics;
    let arn = scope.arn_prefix();
    let core = "${iot:Certificate.Subject.CommonName}";
    let with_things = |prefix: &str, list: &str| {
        let mut all = vec![format!("{prefix}$aws/things/{core}-*/*")];
        all.extend(resources(prefix, list));
        all
    };
    let topic = format!("{arn}topic/");
    document([
        allow(&["iot:Connect"], &[format!("{arn}client/{core}"), format!("{arn}client/{core}-*")]),
        allow(&["iot:Subscribe"], &with_things(&format!("{arn}topicfilter/"), subscribe)),
        allow(&["iot:Receive"], &with_things(&topic, receive)),
        allow(&["iot:Publish"], &with_things(&topic, publish)),
        allow(&["greengrass:*"], &["*".to_owned()]),
    ])
}

#[cfg(test)]
mod tests {
    use landfall_model::{AccountId, Region};

    use super::*;

    fn scope() -> Scope {
        Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        }
    }

    fn compile(change: impl FnOnce(&mut SettingsSource)) -> Result<Settings, String> {
        let mut source = SettingsSource::default();
        change(&mut source);
        Settings::compile(&source, &scope()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_policies_are_those_of_the_block() {
        let settings = compile(|_| ()).unwrap();
        insta::assert_snapshot!("device_policy", settings.device_policy);
        insta::assert_snapshot!("greengrass_policy", settings.greengrass_policy);
    }

    #[test]
    fn lists_of_topics_make_the_policies() {
        let settings = compile(|source| {
            source.device_policy = PolicyTopics {
                receive: String::new(),
                subscribe: "a/+/${iot:ClientId} , b\"c".to_owned(),
                publish: "all/*".to_owned(),
            };
        });
        let document = settings.unwrap().device_policy;
        assert!(!document.contains("iot:Receive"), "{document}");
        assert!(
            document.contains(
                r#"topicfilter/a/+/${iot:ClientId}", "arn:aws:iot:us-east-1:000000000000:topicfilter/b\"c"]"#
            ),
            "{document}"
        );
        assert!(document.contains(r#"["arn:aws:iot:us-east-1:000000000000:topic/all/*"]"#), "{document}");
    }

    #[test]
    fn the_role_of_cores_is_the_arn_of_a_role() {
        let with_role =
            |role: &str| compile(|source| source.greengrass_user_service_account_role = role.to_owned());
        assert_eq!(with_role("").unwrap().greengrass_role, None);
        let arn = "arn:aws:iam::000000000000:role/service-role/Greengrass_ServiceRole";
        assert_eq!(with_role(arn).unwrap().greengrass_role.unwrap().as_str(), arn);
        insta::assert_snapshot!(with_role("Greengrass_ServiceRole").unwrap_err(), @r#"GreengrassUserServiceAccountRole: "Greengrass_ServiceRole" is not the ARN of a role, as arn:aws:iam::000000000000:role/functions is"#);
        let problem = SettingsError::Role(RoleArn::parse("x").unwrap_err());
        assert_eq!(problem.settings(), ["GreengrassUserServiceAccountRole"]);
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        type Change = fn(&mut SettingsSource);
        let changes: [(&str, Change); 15] = [
            ("template_unfinished", |source| source.thing_name = "t-<%= certificate.".to_owned()),
            ("template_of_a_statement", |source| source.thing_type_name = "a\n<% for x in y %>".to_owned()),
            ("template_of_an_attribute", |source| {
                source.attributes = vec![("a".to_owned(), "<%= ] %>".to_owned())];
            }),
            ("attribute_name", |source| source.attributes = vec![("a b".to_owned(), "x".to_owned())]),
            ("attribute_twice", |source| {
                source.attributes = ["a", "a"].map(|name| (name.to_owned(), "x".to_owned())).to_vec();
            }),
            ("searchable_attributes", |source| {
                source.searchable_attributes = ["a", "b", "c", "d"].map(String::from).to_vec();
            }),
            ("searchable_attribute_twice", |source| {
                source.searchable_attributes = ["a", "a"].map(String::from).to_vec();
            }),
            ("variable_unknown", |source| source.device_policy.publish = "x/${iot:Nobody}".to_owned()),
            ("variable_unfinished", |source| source.device_policy.publish = "x/${iot:ClientId".to_owned()),
            ("policy_too_long", |source| source.greengrass_policy.receive = "x".repeat(3_000)),
            ("constant_name", |source| source.thing_name = "a b".to_owned()),
            ("constant_policy_name", |source| source.device_policy_name = "p/q".to_owned()),
            ("field_never_there", |source| {
                source.thing_type_name = "x\n<%= certificate.attributes.subjct.CN %>".to_owned();
            }),
            ("variable_never_there", |source| source.thing_name = "<%= device.name %>".to_owned()),
            ("wildcard_of_mqtt", |source| source.device_policy.publish = "x/#".to_owned()),
        ];
        for (name, change) in changes {
            let problem = compile(change).expect_err(name);
            insta::with_settings!({description => name}, {
                insta::assert_snapshot!(format!("refused_{name}"), problem);
            });
        }
    }
}
