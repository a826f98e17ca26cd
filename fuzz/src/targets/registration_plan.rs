use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use landfall_model::{
    AccountId, AttributeName, Attributes, CaCertificateId, CertificateDer, CertificateId, CertificateMode,
    CreationId, DeviceType, DistinguishedName, NameAttribute, PlannedThing, Region, RegistrationPlan, Scope,
    SignedPart, Thing, ThingGroup, ThingId, ThingType, ThingView, UnixTime, Validity,
};
use landfall_policy::PolicyDocument;
use landfall_registration::{
    Applicant, ExistingThing, IllegalCharacters, Settings, SettingsSource, plan, thing_name,
};

use crate::input::lines;

/// The most lines of one input: more attributes than a thing may have.
const LINES_MAX: usize = 80;

const CERTIFICATE: CertificateId = CertificateId::from_sha256([1; 32]);
const OTHER_CERTIFICATE: CertificateId = CertificateId::from_sha256([2; 32]);
const CA: CaCertificateId = CaCertificateId::from_sha256([3; 32]);
const OTHER_CA: CaCertificateId = CaCertificateId::from_sha256([4; 32]);
const CREATION: CreationId = CreationId::from_bytes([5; 16]);

/// The plan of the built-in registrar for a certificate whose subject is any text.
///
/// Each line of the input is an attribute of the subject, an object identifier and its value with `=` in between. All
/// that is planned has names and values that AWS IoT allows, whatever the certificate says; no text of a certificate
/// becomes a wildcard, a topic level or a part of a policy; a thing of another CA's device is never taken.
pub fn registration_plan(data: &[u8]) {
    let applicant = applicant(data);
    for settings in &*SETTINGS {
        let planned = plan(&applicant, settings, None, CREATION);
        assert_eq!(
            planned,
            plan(&applicant, settings, None, CREATION),
            "the same applicant gets another plan"
        );
        match planned {
            Ok(planned) => {
                check_plan(&planned, &applicant);
                check_existing_thing(&planned, &applicant, settings);
            }
            Err(refusal) => {
                let rejection = refusal.rejection();
                // A refusal is stored and logged, so that its length has a bound.
                assert!(
                    !rejection.code.is_empty() && rejection.message.chars().count() < 4_096,
                    "{rejection:?}"
                );
            }
        }
    }
}

/// The default settings, and others that take names from elsewhere.
static SETTINGS: LazyLock<Vec<Settings>> = LazyLock::new(|| {
    let scope = Scope {
        account: AccountId::parse("000000000000").expect("twelve digits"),
        region: Region::parse("us-east-1").expect("a region"),
    };
    let named_by_certificate = SettingsSource {
        thing_name: "<%= certificate.attributes.subject.CN %>".to_owned(),
        thing_type_name: "<%= certificate.attributes.subject['2.5.4.10'] %>".to_owned(),
        device_policy_name: "policy-<%= certificate.attributes.subject.CN %>".to_owned(),
        greengrass_policy_name: "<%= certificate.attributes.issuer.CN %>".to_owned(),
        greengrass_group_name: "<%= certificate.attributes.subject['2.5.4.10'] %>".to_owned(),
        thing_groups: [
            "all",
            "<%= certificate.attributes.subject.CN %>",
            "<%= certificate.attributes.issuer.CN %>",
        ]
        .map(String::from)
        .to_vec(),
        billing_group: "<%= certificate.attributes.subject['2.5.4.10'] %>".to_owned(),
        tags: vec![("maker".to_owned(), "<%= certificate.attributes.subject['2.5.4.10'] %>".to_owned())],
        existing_thing: ExistingThing::Join,
        illegal_characters: IllegalCharacters::Refuse,
        ..SettingsSource::default()
    };
    let compile = |source| Settings::compile(&source, &scope).expect("templates that are well formed");
    vec![compile(SettingsSource::default()), compile(named_by_certificate)]
});

fn applicant(data: &[u8]) -> Arc<Applicant> {
    let attributes = lines(data, LINES_MAX).into_iter().filter_map(|line| {
        let (oid, value) = line.split_once('=')?;
        Some(NameAttribute { oid: oid.into(), value: value.into() })
    });
    let name = DistinguishedName::new(attributes.collect());
    let moment = UnixTime::from_secs(1_800_000_000);
    Arc::new(Applicant {
        certificate: CERTIFICATE,
        ca: CA,
        mode: CertificateMode::Default,
        issuer: name.clone(),
        subject: name,
        validity: Validity { not_before: moment, not_after: moment },
        signed_part: SignedPart::from_sha256([6; 32]),
        der: CertificateDer::new(&[]),
    })
}

fn check_plan(plan: &RegistrationPlan, applicant: &Applicant) {
    assert_eq!((plan.certificate, plan.ca, plan.creation_id), (CERTIFICATE, CA, CREATION));
    check_text(plan.thing_name().as_str(), 1..=128, ":_-");
    check_text(plan.thing_type.name.as_str(), 1..=128, ":_-");
    check_text(plan.policy.name.as_str(), 1..=128, "+=,.@-_");
    for group in &plan.thing_groups {
        check_text(group.as_str(), 1..=128, ":_-");
    }
    let groups: BTreeSet<_> = plan.thing_groups.iter().collect();
    assert!(groups.len() == plan.thing_groups.len() && groups.len() <= ThingGroup::OF_THING_MAX);
    plan.billing_group.iter().for_each(|group| check_text(group.as_str(), 1..=128, ":_-"));
    assert!(plan.tags.iter().all(|tag| tag.value.as_str().chars().count() <= 256));
    assert!(plan.thing_type.searchable_attributes.len() <= ThingType::SEARCHABLE_MAX);

    // The policy is one of the two of the settings, in which no text of a certificate stands.
    assert!(PolicyDocument::parse(&plan.policy.document).is_ok());
    let core = plan.policy.document.contains("greengrass:*");
    assert_eq!(core, plan.device_type == DeviceType::Greengrass);
    assert_eq!(plan.greengrass.is_some(), core);
    if let Some(group) = &plan.greengrass {
        check_text(group.name.as_str(), 1..=128, " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
    }

    let PlannedThing::Create { attributes, .. } = &plan.thing else { panic!("there is no thing to join") };
    assert!(attributes.len() <= Attributes::TYPED_MAX);
    for (name, value) in attributes.iter() {
        check_text(name.as_str(), 1..=128, "_.,@/:#-");
        check_text(value.as_str(), 0..=800, "_.,@/:#=[]-");
    }
    // One that the registrar makes itself cannot be set by a certificate.
    let creation_id = AttributeName::parse("creation_id").ok().and_then(|name| attributes.get(&name));
    assert_eq!(creation_id.map(|value| value.as_str().to_owned()), Some(CREATION.to_string()));
    assert!(attributes.len() <= applicant.subject.attributes().len() + 1);
}

/// Checks a name character by character, without the rules of `landfall_model`.
fn check_text(text: &str, length: std::ops::RangeInclusive<usize>, punctuation: &str) {
    assert!(length.contains(&text.chars().count()), "{text:?} is too short or too long");
    let wrong = text.chars().find(|c| !c.is_ascii_alphanumeric() && !punctuation.contains(*c));
    assert_eq!(wrong, None, "{text:?} has a character that AWS IoT does not allow");
}

/// The thing that the plan would create is there already.
fn check_existing_thing(planned: &RegistrationPlan, applicant: &Arc<Applicant>, settings: &Settings) {
    let name = thing_name(applicant, settings).expect("a plan was made with it");
    assert_eq!(name, *planned.thing_name());
    let view = |made_by, principals| ThingView {
        thing: Thing {
            name: name.clone(),
            id: ThingId::from_bytes([8; 16]),
            thing_type: None,
            billing_group: None,
            attributes: Attributes::default(),
            version: 1,
            made_by,
            created_at: UnixTime::from_secs(0),
        },
        principals,
    };
    let plan_with = |view: ThingView| plan(applicant, settings, Some(&view), CREATION);
    let own = vec![(CERTIFICATE, Some(CA))];
    let joined = plan_with(view(Some(CA), own)).expect("a retry finishes what is missing");
    let expected = PlannedThing::Join { name: name.clone(), principals: vec![CERTIFICATE] };
    assert_eq!(joined, RegistrationPlan { thing: expected, ..planned.clone() });

    let strangers = [
        view(Some(OTHER_CA), Vec::new()),
        view(None, vec![(OTHER_CERTIFICATE, Some(OTHER_CA))]),
        view(Some(CA), vec![(OTHER_CERTIFICATE, None)]),
    ];
    for stranger in strangers {
        let refusal = plan_with(stranger).expect_err("the thing is that of another CA's device");
        assert_eq!(refusal.code(), "thing_of_another_ca");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_devices_that_are_planned_with_every_setting() {
        let mut planned = vec![0; SETTINGS.len()];
        for data in crate::targets::corpus("registration_plan") {
            for (settings, count) in SETTINGS.iter().zip(&mut planned) {
                *count += usize::from(plan(&applicant(&data), settings, None, CREATION).is_ok());
            }
        }
        assert!(planned.iter().all(|count| *count > 0), "{planned:?}");
    }
}
