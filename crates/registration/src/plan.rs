use std::sync::Arc;

use landfall_model::{
    CertificateId, CreationId, DeviceType, InvalidName, PlannedPolicy, PlannedThing, PlannedThingType,
    PolicyName, RegistrationPlan, ThingName, ThingTypeName, ThingView,
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
    let thing = match thing {
        None => {
            PlannedThing::Create { name, attributes: subject::attributes(applicant, settings, creation_id)? }
        }
        Some(view) => plan_join(applicant, settings.existing_thing, view)?,
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
        policy: plan_policy(applicant, settings, subject.device_type)?,
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

    fn scope() -> Scope {
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
        let plan = super::plan(&applicant(&greengrass), &settings, None, CREATION).unwrap();
        assert_eq!(plan.policy.name.as_str(), "greengrass-access-policy");
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
    fn templates_see_the_certificate() {
        let source = SettingsSource {
            thing_name: "<%= certificate.awsAccountId %>-<%= certificate.attributes.issuer.CN %>-<%= certificate.certificateDescription.status %>".to_owned(),
            ..SettingsSource::default()
        };
        let plan = plan(&applicant(&WORKSHOP), &settings(&source), None, CREATION).unwrap();
        assert_eq!(plan.thing_name().as_str(), "000000000000-root-PENDING_ACTIVATION");
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
            let name = ThingName::parse("thing-1234-5678-9123").unwrap();
            let thing = Thing {
                name,
                id: ThingId::from_bytes([8; 16]),
                thing_type: None,
                billing_group: None,
                attributes: Attributes::default(),
                version: 1,
                made_by,
                created_at: UnixTime::from_secs(0),
            };
            let view = ThingView { thing, principals: principals.clone() };
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
