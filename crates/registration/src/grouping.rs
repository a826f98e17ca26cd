//! The groups that a registration puts its thing into, and the tags of what it creates.

use std::sync::Arc;

use landfall_model::{BillingGroupName, InvalidTag, Tag, TagKey, TagValue, ThingGroup, ThingGroupName};

use crate::settings::{BILLING_GROUP, SettingsError, SettingsSource, TAGS, THING_GROUPS};
use crate::template::Templates;
use crate::{Applicant, Refusal};

/// What the settings say of groups and tags. Each has a template of its own, under a name of its own.
#[derive(Debug)]
pub(crate) struct Grouping {
    thing_groups: Vec<Box<str>>,
    has_billing_group: bool,
    tags: Vec<(TagKey, Box<str>)>,
}

impl Grouping {
    /// What can be said of groups and tags before their templates are compiled.
    ///
    /// # Errors
    /// There are more than AWS IoT allows, or a key or a name that does not depend on the certificate is not allowed.
    pub(crate) fn check(source: &SettingsSource) -> Result<Self, SettingsError> {
        let SettingsSource { thing_groups, billing_group, tags, .. } = source;
        let (found, max) = (thing_groups.len(), ThingGroup::OF_THING_MAX);
        if found > max {
            return Err(SettingsError::ThingGroups { found, max });
        }
        for name in thing_groups.iter().filter(|name| is_constant(name)) {
            let setting = THING_GROUPS;
            ThingGroupName::parse(name).map_err(|problem| SettingsError::Name { setting, problem })?;
        }
        if is_constant(billing_group) {
            let setting = BILLING_GROUP;
            BillingGroupName::parse(billing_group)
                .map_err(|problem| SettingsError::Name { setting, problem })?;
        }
        Ok(Self {
            thing_groups: (1..=found).map(|number| format!("{THING_GROUPS} #{number}").into()).collect(),
            has_billing_group: !billing_group.is_empty(),
            tags: check_tags(tags)?,
        })
    }

    /// The templates of `source`, of which this was made, each under its name.
    pub(crate) fn templates<'s>(
        &'s self,
        source: &'s SettingsSource,
    ) -> impl Iterator<Item = (&'s str, &'s str)> {
        let groups = self.thing_groups.iter().zip(&source.thing_groups);
        let groups = groups.map(|(name, template)| (&**name, template.as_str()));
        let billing_group = self.has_billing_group.then_some((BILLING_GROUP, source.billing_group.as_str()));
        let tags = self.tags.iter().zip(&source.tags);
        groups.chain(billing_group).chain(tags.map(|((_, name), (_, template))| (&**name, template.as_str())))
    }

    /// The thing groups of a thing, each once; a template that makes an empty text names none.
    ///
    /// # Errors
    /// A template cannot be rendered, or makes a name that AWS IoT does not allow.
    pub(crate) fn thing_groups(
        &self,
        templates: &Templates,
        applicant: &Arc<Applicant>,
    ) -> Result<Vec<ThingGroupName>, Refusal> {
        let mut groups = Vec::with_capacity(self.thing_groups.len());
        for template in &self.thing_groups {
            let text = templates.render(template, applicant)?;
            if text.is_empty() {
                continue;
            }
            let target = "the thing group name";
            let name =
                ThingGroupName::parse(&text).map_err(|problem| Refusal::InvalidName { target, problem })?;
            if !groups.contains(&name) {
                groups.push(name);
            }
        }
        Ok(groups)
    }

    /// The billing group of a thing; none if its template makes an empty text.
    ///
    /// # Errors
    /// The template cannot be rendered, or makes a name that AWS IoT does not allow.
    pub(crate) fn billing_group(
        &self,
        templates: &Templates,
        applicant: &Arc<Applicant>,
    ) -> Result<Option<BillingGroupName>, Refusal> {
        if !self.has_billing_group {
            return Ok(None);
        }
        let text = templates.render(BILLING_GROUP, applicant)?;
        if text.is_empty() {
            return Ok(None);
        }
        let target = "the billing group name";
        let name = BillingGroupName::parse(&text);
        name.map(Some).map_err(|problem| Refusal::InvalidName { target, problem })
    }

    /// The tags of what a registration creates.
    ///
    /// # Errors
    /// A template cannot be rendered, or makes a value that AWS does not allow.
    pub(crate) fn tags(
        &self,
        templates: &Templates,
        applicant: &Arc<Applicant>,
    ) -> Result<Vec<Tag>, Refusal> {
        let tag = |(key, template): &(TagKey, Box<str>)| {
            let text = templates.render(template, applicant)?;
            let key = key.clone();
            match TagValue::parse(&text) {
                Ok(value) => Ok(Tag { key, value }),
                Err(problem) => Err(Refusal::InvalidTag { key, problem }),
            }
        };
        self.tags.iter().map(tag).collect()
    }
}

fn check_tags(source: &[(String, String)]) -> Result<Vec<(TagKey, Box<str>)>, SettingsError> {
    let (found, max) = (source.len(), Tag::OF_RESOURCE_MAX);
    if found > max {
        return Err(SettingsError::Tags { found, max });
    }
    let mut tags: Vec<(TagKey, Box<str>)> = Vec::with_capacity(found);
    for (text, template) in source {
        let fault = |problem: InvalidTag| SettingsError::Tag { key: text.clone(), problem };
        let key = TagKey::parse(text).map_err(fault)?;
        if tags.iter().any(|(known, _)| *known == key) {
            return Err(SettingsError::Twice { setting: TAGS, name: text.clone() });
        }
        if is_constant(template) {
            TagValue::parse(template).map_err(fault)?;
        }
        tags.push((key, format!("{TAGS}.{text}").into()));
    }
    Ok(tags)
}

/// Whether a template makes just its own text, which is some, whatever the certificate is.
pub(crate) fn is_constant(template: &str) -> bool {
    // A line's end at the very end is not rendered.
    !template.is_empty() && !template.contains("<%") && !template.ends_with('\n')
}

#[cfg(test)]
mod tests {
    use landfall_model::{CreationId, RegistrationPlan};

    use super::*;
    use crate::plan::tests::{applicant, scope, settings};
    use crate::subject::tests::WORKSHOP;
    use crate::{Settings, plan};

    /// What settings make for the workshop's device.
    fn planned(
        thing_groups: &[&str],
        billing_group: &str,
        tags: &[(&str, &str)],
    ) -> Result<RegistrationPlan, Refusal> {
        let source = SettingsSource {
            thing_groups: thing_groups.iter().map(|text| (*text).to_owned()).collect(),
            billing_group: billing_group.to_owned(),
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..SettingsSource::default()
        };
        plan(&applicant(&WORKSHOP), &settings(&source), None, CreationId::from_bytes([9; 16]))
    }

    const SERIAL: &str = "<%= certificate.attributes.subject.serialNumber %>";

    #[test]
    fn by_default_there_are_no_groups_and_tags() {
        let settings = settings(&SettingsSource::default());
        let plan = plan(&applicant(&WORKSHOP), &settings, None, CreationId::from_bytes([9; 16])).unwrap();
        assert_eq!((plan.thing_groups, plan.billing_group, plan.tags), (vec![], None, vec![]));
    }

    #[test]
    fn templates_name_groups_and_make_tags() {
        let empty = "<% if certificate.attributes.subject.T == 'greengrass' %>cores<% endif %>";
        let plan = planned(
            &["all", &format!("s-{SERIAL}"), empty, "", "s-1234-5678-9123", "all"],
            "bill-<%= certificate.attributes.subject['2.5.4.44'] %>",
            &[("Cost Centre", "7 "), ("x.html", "<%= certificate.attributes.subject.CN %>&"), ("none", "")],
        )
        .unwrap();
        let groups: Vec<_> = plan.thing_groups.iter().map(ThingGroupName::as_str).collect();
        assert_eq!(groups, ["all", "s-1234-5678-9123"]);
        assert_eq!(plan.billing_group.as_ref().map(BillingGroupName::as_str), Some("bill-smart-sensor"));
        let tags: Vec<_> = plan.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect();
        assert_eq!(tags, [("Cost Centre", "7 "), ("x.html", "example-thing&"), ("none", "")]);
        assert_eq!(planned(&[], empty, &[]).unwrap().billing_group, None);
    }

    #[test]
    fn what_a_certificate_makes_of_them_is_checked() {
        let missing = "<%= certificate.attributes.subject.postalCode %>";
        let space = format!("<%= '' %> {SERIAL}");
        let long = format!("{SERIAL}{}", "x".repeat(256));
        for (groups, billing_group, tags, code) in [
            (vec!["a", missing], "", vec![], "template_failed"),
            (vec![space.as_str()], "", vec![], "invalid_name"),
            (vec![], missing, vec![], "template_failed"),
            (vec![], space.as_str(), vec![], "invalid_name"),
            (vec![], "", vec![("a", missing)], "template_failed"),
            (vec![], "", vec![("a", long.as_str())], "invalid_tag"),
        ] {
            let refusal = planned(&groups, billing_group, &tags).unwrap_err();
            assert_eq!(refusal.code(), code, "{groups:?} {billing_group} {tags:?}");
        }
        let refused = |groups: &[&str], billing_group: &str, tags: &[(&str, &str)]| {
            planned(groups, billing_group, tags).unwrap_err().to_string()
        };
        insta::assert_snapshot!(refused(&["a", missing], "", &[]), @"the template of ThingGroups #2 cannot be rendered: `certificate.attributes.subject.postalCode` is undefined");
        insta::assert_snapshot!(refused(&[&space], "", &[]), @r#"the thing group name made from the certificate is not allowed: thing group name " 1234-5678-9123" has the character ' '; allowed are letters, digits and : _ -"#);
        insta::assert_snapshot!(refused(&[], &space, &[]), @r#"the billing group name made from the certificate is not allowed: billing group name " 1234-5678-9123" has the character ' '; allowed are letters, digits and : _ -"#);
        insta::assert_snapshot!(refused(&[], "", &[("a b", &long)]), @r#"the tag "a b" made from the certificate is not allowed: tag value has 270 characters; at most 256 are allowed"#);
    }

    #[test]
    fn settings_of_groups_and_tags_that_cannot_work_are_refused() {
        type Change = fn(&mut SettingsSource);
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let refused = |change: &dyn Fn(&mut SettingsSource)| {
            let mut source = SettingsSource::default();
            change(&mut source);
            let error = Settings::compile(&source, &scope()).unwrap_err();
            format!("{:?}: {error}", error.settings())
        };
        let groups: [Change; 3] = [
            |source| source.thing_groups = vec!["a".to_owned(), "all devices".to_owned()],
            |source| source.thing_groups = (0..11).map(|number| format!("g{number}")).collect(),
            |source| source.thing_groups = vec!["a".to_owned(), "b\n<%= ] %>".to_owned()],
        ];
        let [name, number, template] = groups.map(|change| refused(&change));
        insta::assert_snapshot!(name, @r#"["ThingGroups"]: ThingGroups: thing group name "all devices" has the character ' '; allowed are letters, digits and : _ -"#);
        insta::assert_snapshot!(number, @r#"["ThingGroups"]: ThingGroups has 11 groups; a thing is in at most 10"#);
        insta::assert_snapshot!(template, @r#"["ThingGroups"]: ThingGroups #2 is no template: line 2, column 5: unexpected `]`"#);
        let billing_group = |text: &str| refused(&|source| source.billing_group = text.to_owned());
        insta::assert_snapshot!(billing_group("a/b"), @r#"["BillingGroup"]: BillingGroup: billing group name "a/b" has the character '/'; allowed are letters, digits and : _ -"#);
        insta::assert_snapshot!(billing_group("<%= a"), @r#"["BillingGroup"]: BillingGroup is no template: line 1, column 5: unexpected end of input, expected end of variable block"#);
        let tags = |tags: &[(String, String)]| refused(&|source| source.tags = tags.to_vec());
        insta::assert_snapshot!(tags(&[tag("a.b c", "1"), tag("aws:x", "1")]), @r#"["Tags"]: Tags, "aws:x": tag key begins with aws:, which is kept for AWS"#);
        insta::assert_snapshot!(tags(&[tag("a", "1"), tag("a", "2")]), @r#"["Tags"]: Tags has a twice"#);
        insta::assert_snapshot!(tags(&[tag("a", &"x".repeat(257))]), @r#"["Tags"]: Tags, "a": tag value has 257 characters; at most 256 are allowed"#);
        insta::assert_snapshot!(tags(&[tag("a.b c", "<%= ] %>")]), @r#"["Tags"]: Tags.a.b c is no template: line 1, column 5: unexpected `]`"#);
        let many: Vec<_> = (0..51).map(|number| tag(&number.to_string(), "")).collect();
        insta::assert_snapshot!(tags(&many), @r#"["Tags"]: Tags has 51 tags; a resource has at most 50"#);
    }
}
