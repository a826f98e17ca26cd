use std::sync::Arc;

use landfall_model::{
    BillingGroupName, CertificateId, CreationId, DeviceType, GreengrassName, InvalidName,
    PlannedGreengrassGroup, PlannedPolicy, PlannedThing, PlannedThingType, PolicyName, RegistrationPlan,
    Thing, ThingName, ThingTypeName, ThingView,
};

use crate::settings::{self, ExistingThing, Settings};
use crate::{Applicant, Refusal, subject};

/// The name of the thing that an applicant will have: what the caller must look up before it asks for a [`plan`].
///
/// # Errors
/// The subject lacks a field, or makes a name that AWS IoT does not allow.
pub fn thing_name(applicant: &Arc<Applicant>, settings: &Settings) -> Result<ThingName, Refusal> {
    subject::validate(&applicant.subject)?;
    let name = settings.templates.render(settings::THING_NAME, applicant)?;
    ThingName::parse(&name).map_err(|problem| invalid("the thing name", problem))
}

/// Plans a registration: every thing, type, attribute, policy and attachment that it makes.
///
/// `thing` is the thing that has the applicant's [`thing_name`] now, if there is one. A retry gives the `creation_id`
/// of the first attempt.
///
/// # Errors
/// The certificate cannot be registered so; the refusal says why.
pub fn plan(
    applicant: &Arc<Applicant>,
    settings: &Settings,
    thing: Option<&ThingView>,
    creation_id: CreationId,
) -> Result<RegistrationPlan, Refusal> {
    let subject = subject::validate(&applicant.subject)?;
    let name = thing_name(applicant, settings)?;
    let type_name = settings.templates.render(settings::THING_TYPE_NAME, applicant)?;
    let type_name =
        ThingTypeName::parse(&type_name).map_err(|problem| invalid("the thing type name", problem))?;
    let billing_group = settings.grouping.billing_group(&settings.templates, applicant)?;
    let thing = match thing {
        None => {
            PlannedThing::Create { name, attributes: subject::attributes(applicant, settings, creation_id)? }
        }
        Some(view) => {
            let joined = plan_join(applicant, settings.existing_thing, view)?;
            check_billing_group(&view.thing, billing_group.as_ref())?;
            joined
        }
    };
    Ok(RegistrationPlan {
        certificate: applicant.certificate,
        ca: applicant.ca,
        creation_id,
        device_type: subject.device_type,
        serial_number: subject.serial_number.to_owned(),
        product_id: subject.product_id.to_owned(),
        thing_type: PlannedThingType {
            name: type_name,
            searchable_attributes: settings.searchable_attributes.clone(),
        },
        thing,
        thing_groups: settings.grouping.thing_groups(&settings.templates, applicant)?,
        billing_group,
        policy: plan_policy(applicant, settings, subject.device_type)?,
        greengrass: plan_greengrass(applicant, settings, subject.device_type)?,
        tags: settings.grouping.tags(&settings.templates, applicant)?,
    })
}

/// Whether the certificate may be attached to a thing that exists.
fn plan_join(
    applicant: &Applicant,
    setting: ExistingThing,
    view: &ThingView,
) -> Result<PlannedThing, Refusal> {
    let thing = &view.thing;
    let principals: Vec<CertificateId> = view.principals.iter().map(|(id, _)| *id).collect();
    let join = || PlannedThing::Join { name: thing.name.clone(), principals: principals.clone() };
    if principals.contains(&applicant.certificate) {
        return Ok(join());
    }
    let of_another_ca = |ca: Option<_>| ca.is_some_and(|ca| ca != applicant.ca);
    if of_another_ca(thing.made_by) || view.principals.iter().any(|(_, ca)| *ca != Some(applicant.ca)) {
        return Err(Refusal::ThingOfAnotherCa { thing: thing.name.clone() });
    }
    match (principals.first(), setting) {
        (None, _) | (Some(_), ExistingThing::Join) => Ok(join()),
        (Some(principal), ExistingThing::Refuse) => {
            Err(Refusal::ThingTaken { thing: thing.name.clone(), principal: *principal })
        }
    }
}

/// A thing keeps the billing group that it has.
fn check_billing_group(thing: &Thing, planned: Option<&BillingGroupName>) -> Result<(), Refusal> {
    match (&thing.billing_group, planned) {
        (Some(group), Some(planned)) if group != planned => {
            Err(Refusal::ThingInBillingGroup { thing: thing.name.clone(), group: group.clone() })
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn plan_policy(
    applicant: &Arc<Applicant>,
    settings: &Settings,
    device_type: DeviceType,
) -> Result<PlannedPolicy, Refusal> {
    let (setting, document) = match device_type {
        DeviceType::Iot => (settings::DEVICE_POLICY_NAME, &settings.device_policy),
        DeviceType::Greengrass => (settings::GREENGRASS_POLICY_NAME, &settings.greengrass_policy),
    };
    let name = settings.templates.render(setting, applicant)?;
    let name = PolicyName::parse(&name).map_err(|problem| invalid("the policy name", problem))?;
    Ok(PlannedPolicy { name, document: Arc::clone(document) })
}

/// The group of a Greengrass core. Other devices have none, and what its name is made of need not be in their certificates.
fn plan_greengrass(
    applicant: &Arc<Applicant>,
    settings: &Settings,
    device_type: DeviceType,
) -> Result<Option<PlannedGreengrassGroup>, Refusal> {
    match device_type {
        DeviceType::Iot => Ok(None),
        DeviceType::Greengrass => {
            let name = settings.templates.render(settings::GREENGRASS_GROUP_NAME, applicant)?;
            let name = GreengrassName::parse(&name)
                .map_err(|problem| invalid("the Greengrass group name", problem))?;
            Ok(Some(PlannedGreengrassGroup { name, service_role: settings.greengrass_role.clone() }))
        }
    }
}

fn invalid(target: &'static str, problem: InvalidName) -> Refusal {
    Refusal::InvalidName { target, problem }
}

#[cfg(test)]
pub(crate) mod tests {
    use landfall_model::{
        AccountId, Attributes, CaCertificateId, CertificateDer, CertificateMode, Region, Scope, SignedPart,
        Thing, ThingId, UnixTime, Validity,
    };

    use super::*;
    use crate::settings::SettingsSource;
    use crate::subject::tests::{WORKSHOP, subject};

    const OURS: CaCertificateId = CaCertificateId::from_sha256([1; 32]);
    const OTHER_CA: CaCertificateId = CaCertificateId::from_sha256([2; 32]);
    const CERTIFICATE: CertificateId = CertificateId::from_sha256([3; 32]);
    const OTHER: CertificateId = CertificateId::from_sha256([4; 32]);
    const CREATION: CreationId = CreationId::from_bytes([9; 16]);

    pub(crate) fn scope() -> Scope {
        Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        }
    }

    pub(crate) fn settings(source: &SettingsSource) -> Settings {
        Settings::compile(source, &scope()).unwrap()
    }

    pub(crate) fn applicant(fields: &[(&str, &str)]) -> Arc<Applicant> {
        let moment = UnixTime::from_secs(1_000);
        Arc::new(Applicant {
            certificate: CERTIFICATE,
            ca: OURS,
            mode: CertificateMode::Default,
            subject: subject(fields),
            issuer: subject(&[("2.5.4.3", "root")]),
            validity: Validity { not_before: moment, not_after: moment },
            signed_part: SignedPart::from_sha256([3; 32]),
            der: CertificateDer::new(&[]),
        })
    }

    /// The thing of the workshop's device, as it is there already.
    fn view(
        made_by: Option<CaCertificateId>,
        principals: Vec<(CertificateId, Option<CaCertificateId>)>,
    ) -> ThingView {
        let thing = Thing {
            name: ThingName::parse("thing-1234-5678-9123").unwrap(),
            id: ThingId::from_bytes([8; 16]),
            thing_type: None,
            billing_group: None,
            attributes: Attributes::default(),
            version: 1,
            made_by,
            created_at: UnixTime::from_secs(0),
        };
        ThingView { thing, principals }
    }

    fn with_serial(serial: &str) -> Arc<Applicant> {
        let mut fields = WORKSHOP;
        fields[0].1 = serial;
        applicant(&fields)
    }

    #[test]
    fn the_defaults_make_what_the_block_makes() {
        let settings = settings(&SettingsSource::default());
        let plan = plan(&applicant(&WORKSHOP), &settings, None, CREATION).unwrap();
        assert_eq!(plan.thing_name().as_str(), "thing-1234-5678-9123");
        assert_eq!(plan.thing_type.name.as_str(), "smart-sensor-device");
        assert_eq!(plan.policy.name.as_str(), "iot-access-policy");
        let mut greengrass = WORKSHOP;
        greengrass[1].1 = "greengrass";
        assert_eq!(plan.greengrass, None);
        let plan = super::plan(&applicant(&greengrass), &settings, None, CREATION).unwrap();
        assert_eq!(plan.policy.name.as_str(), "greengrass-access-policy");
        let group = plan.greengrass.unwrap();
        assert_eq!((group.name.as_str(), group.service_role), ("1234-5678-9123-group", None));
    }

    #[test]
    fn no_text_of_a_certificate_makes_a_wild_name() {
        let settings = settings(&SettingsSource::default());
        for serial in ["#", "+", "a/b", "${iot:ClientId}", "<%= 1 %>", "*", "é", "a b", &"9".repeat(4_000)] {
            let refusal = plan(&with_serial(serial), &settings, None, CREATION).unwrap_err();
            assert_eq!(refusal.code(), "invalid_name", "{serial}");
        }
    }

    #[test]
    fn a_field_that_a_template_needs_and_the_certificate_lacks_is_named() {
        let source = SettingsSource {
            thing_name: "t-<%= certificate.attributes.subject.postalCode %>".to_owned(),
            ..SettingsSource::default()
        };
        let refusal = plan(&applicant(&WORKSHOP), &settings(&source), None, CREATION).unwrap_err();
        insta::assert_snapshot!(refusal, @"the template of ThingName cannot be rendered: `certificate.attributes.subject.postalCode` is undefined");
    }

    #[test]
    fn only_a_core_needs_what_names_its_group() {
        let source = SettingsSource {
            greengrass_group_name: "<%= certificate.attributes.subject.postalCode %>-group".to_owned(),
            greengrass_user_service_account_role: "arn:aws:iam::000000000000:role/core".to_owned(),
            ..SettingsSource::default()
        };
        let settings = settings(&source);
        let mut fields = WORKSHOP.to_vec();
        assert_eq!(plan(&applicant(&fields), &settings, None, CREATION).unwrap().greengrass, None);
        fields[1].1 = "greengrass";
        let refusal = plan(&applicant(&fields), &settings, None, CREATION).unwrap_err();
        insta::assert_snapshot!(refusal, @"the template of GreengrassGroupName cannot be rendered: `certificate.attributes.subject.postalCode` is undefined");
        fields.push(("2.5.4.17", "10115"));
        let group = plan(&applicant(&fields), &settings, None, CREATION).unwrap().greengrass.unwrap();
        assert_eq!(group.name.as_str(), "10115-group");
        assert_eq!(group.service_role.unwrap().as_str(), "arn:aws:iam::000000000000:role/core");
        fields.retain(|(oid, _)| *oid != "2.5.4.17");
        fields.push(("2.5.4.17", "\n"));
        let refusal = plan(&applicant(&fields), &settings, None, CREATION).unwrap_err();
        insta::assert_snapshot!(refusal, @r#"the Greengrass group name made from the certificate is not allowed: Greengrass name "\n-group" has the character '\n'; allowed are printable ASCII characters"#);
    }

    #[test]
    fn templates_see_the_certificate() {
        let source = SettingsSource {
            thing_name: "<%= certificate.awsAccountId %>-<%= certificate.attributes.issuer.CN %>-<%= certificate.certificateDescription.status %>".to_owned(),
            ..SettingsSource::default()
        };
        let plan = plan(&applicant(&WORKSHOP), &settings(&source), None, CREATION).unwrap();
        assert_eq!(plan.thing_name().as_str(), "000000000000-root-PENDING_ACTIVATION");
    }

    #[test]
    fn a_thing_that_exists_keeps_its_billing_group() {
        let group = |name: &str| BillingGroupName::parse(name).unwrap();
        let refused = Err("thing_in_billing_group");
        for (has, planned, expected) in [
            (None, "", Ok(None)),
            (Some("a"), "", Ok(None)),
            (None, "a", Ok(Some(group("a")))),
            (Some("a"), "a", Ok(Some(group("a")))),
            (Some("b"), "a", refused.clone()),
        ] {
            let mut view = view(Some(OURS), vec![(CERTIFICATE, Some(OURS))]);
            view.thing.billing_group = has.map(group);
            let source = SettingsSource { billing_group: planned.to_owned(), ..SettingsSource::default() };
            let found = plan(&applicant(&WORKSHOP), &settings(&source), Some(&view), CREATION);
            let found = found.map(|plan| plan.billing_group).map_err(|refusal| refusal.code());
            assert_eq!(found, expected, "{has:?} {planned}");
            // What is another CA's is kept from everyone, and nothing is said of it.
            view.thing.made_by = Some(OTHER_CA);
            view.principals.clear();
            let refusal = plan(&applicant(&WORKSHOP), &settings(&source), Some(&view), CREATION).unwrap_err();
            assert_eq!(refusal.code(), "thing_of_another_ca");
        }
    }

    #[test]
    fn a_thing_that_exists_is_never_taken_by_surprise() {
        use ExistingThing::{Join, Refuse};
        let ours = (CERTIFICATE, Some(OURS));
        let sibling = (OTHER, Some(OURS));
        let stranger = (OTHER, Some(OTHER_CA));
        let unknown = (OTHER, None);
        for (made_by, principals, setting, expected) in [
            (None, vec![], Refuse, Ok(vec![])),
            (Some(OURS), vec![], Refuse, Ok(vec![])),
            (Some(OTHER_CA), vec![], Join, Err("thing_of_another_ca")),
            (Some(OURS), vec![ours], Refuse, Ok(vec![CERTIFICATE])),
            (Some(OURS), vec![sibling], Refuse, Err("thing_taken")),
            (Some(OURS), vec![sibling], Join, Ok(vec![OTHER])),
            (None, vec![stranger], Join, Err("thing_of_another_ca")),
            (None, vec![unknown], Join, Err("thing_of_another_ca")),
        ] {
            let view = view(made_by, principals.clone());
            let source = SettingsSource { existing_thing: setting, ..SettingsSource::default() };
            let planned = plan(&applicant(&WORKSHOP), &settings(&source), Some(&view), CREATION);
            let found = match planned.as_ref().map(|plan| &plan.thing) {
                Ok(PlannedThing::Join { principals, .. }) => Ok(principals.clone()),
                Ok(PlannedThing::Create { .. }) => panic!("a thing that exists was planned again"),
                Err(refusal) => Err(refusal.code()),
            };
            assert_eq!(found, expected, "{made_by:?} {principals:?} {setting:?}");
        }
    }
}
