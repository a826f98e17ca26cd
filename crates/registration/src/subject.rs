use std::sync::Arc;

use landfall_model::{
    AttributeName, AttributeValue, Attributes, CreationId, DeviceType, DistinguishedName, InvalidName,
    SubjectField,
};

use crate::refusal::shown;
use crate::settings::{AttributeSetting, IllegalCharacters, Settings};
use crate::{Applicant, Refusal};

/// What a registration needs of a subject, found to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValidSubject<'a> {
    pub(crate) serial_number: &'a str,
    pub(crate) product_id: &'a str,
    pub(crate) device_type: DeviceType,
}

/// Checks that a subject has the fields that a registration needs.
pub(crate) fn validate(subject: &DistinguishedName) -> Result<ValidSubject<'_>, Refusal> {
    let required = |field: SubjectField| match subject.field(field) {
        // Whoever reads the first of them and whoever reads them all would see two different devices.
        Some(_) if subject.values(field.oid()).nth(1).is_some() => {
            let values: Vec<&str> = subject.values(field.oid()).collect();
            let (field, oid) = (long_name(field), field.oid());
            Err(Refusal::RepeatedSubjectField { field, oid, found: shown(&values.join(", ")) })
        }
        Some(value) if !value.is_empty() => Ok(value),
        Some(_) | None => Err(Refusal::MissingSubjectField {
            field: long_name(field),
            oid: field.oid(),
            found: shown(&subject.to_string()),
        }),
    };
    let serial_number = required(SubjectField::SerialNumber)?;
    let title = required(SubjectField::Title)?;
    let product_id = required(SubjectField::GenerationQualifier)?;
    required(SubjectField::CommonName)?;
    let device_type =
        DeviceType::from_title(title).ok_or_else(|| Refusal::UnknownDeviceType { found: shown(title) })?;
    Ok(ValidSubject { serial_number, product_id, device_type })
}

/// The attributes that a thing gets: those of its certificate's subject, and those that the settings name.
///
/// Values of a repeated field are joined by commas, in order.
pub(crate) fn attributes(
    applicant: &Arc<Applicant>,
    settings: &Settings,
    creation_id: CreationId,
) -> Result<Attributes, Refusal> {
    let (subject, illegal) = (&applicant.subject, settings.illegal_characters);
    let mut attributes = Attributes::default();
    for attribute in subject.attributes() {
        let name =
            attribute_name(&attribute.oid).map_err(|problem| invalid("the attribute name", problem))?;
        if attributes.get(&name).is_some() || settings.attributes.iter().any(|named| named.name == name) {
            continue;
        }
        let values: Vec<&str> = subject.values(&attribute.oid).collect();
        attributes.insert(name, attribute_value(&values.join(","), illegal)?);
    }
    for AttributeSetting { name, template } in &settings.attributes {
        if let Some(template) = template {
            let value = settings.templates.render(template, applicant)?;
            attributes.insert(name.clone(), attribute_value(&value, illegal)?);
        }
    }
    let creation_id = attribute_value(&creation_id.to_string(), illegal)?;
    let name =
        AttributeName::parse("creation_id").map_err(|problem| invalid("the attribute name", problem))?;
    attributes.insert(name, creation_id);
    if attributes.len() > Attributes::TYPED_MAX {
        return Err(Refusal::TooManyAttributes { found: attributes.len(), max: Attributes::TYPED_MAX });
    }
    Ok(attributes)
}

fn attribute_value(text: &str, illegal: IllegalCharacters) -> Result<AttributeValue, Refusal> {
    match illegal {
        IllegalCharacters::Replace => AttributeValue::parse_replacing(text),
        IllegalCharacters::Refuse => AttributeValue::parse(text),
    }
    .map_err(|problem| invalid("the attribute value", problem))
}

fn invalid(target: &'static str, problem: InvalidName) -> Refusal {
    Refusal::InvalidName { target, problem }
}

/// The name that a refusal calls a field by.
fn long_name(field: SubjectField) -> &'static str {
    match field {
        SubjectField::GenerationQualifier => "generationQualifier",
        SubjectField::Title => "title",
        SubjectField::CommonName => "commonName",
        SubjectField::Surname
        | SubjectField::SerialNumber
        | SubjectField::Country
        | SubjectField::Locality
        | SubjectField::State
        | SubjectField::Street
        | SubjectField::Organization
        | SubjectField::OrganizationalUnit
        | SubjectField::BusinessCategory
        | SubjectField::PostalCode
        | SubjectField::GivenName
        | SubjectField::DistinguishedNameQualifier
        | SubjectField::EmailAddress => field.short_name(),
    }
}

/// The attribute that a field of the subject becomes; one without a name of its own keeps its object identifier.
fn attribute_name(oid: &str) -> Result<AttributeName, InvalidName> {
    AttributeName::parse(match oid {
        "1.2.840.113549.1.9.1" => "email_address",
        "2.5.4.3" => "common_name",
        "2.5.4.4" => "surname",
        "2.5.4.5" => "serial_number",
        "2.5.4.6" => "country",
        "2.5.4.7" => "locality",
        "2.5.4.8" => "state",
        "2.5.4.9" => "street",
        "2.5.4.10" => "organization",
        "2.5.4.11" => "organizational_unit",
        "2.5.4.12" => "device_type",
        "2.5.4.14" => "search_guide",
        "2.5.4.15" => "business_category",
        "2.5.4.17" => "postal_code",
        "2.5.4.18" => "post_office_box",
        "2.5.4.20" => "phone_number",
        "2.5.4.30" => "supported_application_context",
        "2.5.4.31" => "member",
        "2.5.4.32" => "owner",
        "2.5.4.42" => "given_name",
        "2.5.4.43" => "initials",
        "2.5.4.44" => "product_id",
        "2.5.4.46" => "distinguished_name",
        "2.5.4.48" => "protocol_information",
        "2.5.4.51" => "house_identifier",
        "2.5.4.65" => "pseudonym",
        other => other,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use landfall_model::NameAttribute;

    use super::*;
    use crate::SettingsSource;
    use crate::plan::tests::{applicant, settings};

    /// The attributes that default settings make, but for what `change` says.
    fn made(
        fields: &[(&str, &str)],
        change: impl FnOnce(&mut SettingsSource),
    ) -> Result<Attributes, Refusal> {
        let mut source = SettingsSource::default();
        change(&mut source);
        attributes(&applicant(fields), &settings(&source), CreationId::from_bytes([0; 16]))
    }

    fn listed(attributes: &Attributes) -> String {
        let text: Vec<_> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        text.join("\n")
    }

    pub(crate) fn subject(attributes: &[(&str, &str)]) -> DistinguishedName {
        let attribute =
            |(oid, value): &(&str, &str)| NameAttribute { oid: (*oid).into(), value: (*value).into() };
        DistinguishedName::new(attributes.iter().map(attribute).collect())
    }

    pub(crate) const WORKSHOP: [(&str, &str); 4] = [
        ("2.5.4.5", "1234-5678-9123"),
        ("2.5.4.12", "iot"),
        ("2.5.4.44", "smart-sensor"),
        ("2.5.4.3", "example-thing"),
    ];

    #[test]
    fn a_subject_needs_its_four_fields() {
        assert_eq!(validate(&subject(&WORKSHOP)).unwrap().device_type, DeviceType::Iot);
        for missing in 0..WORKSHOP.len() {
            let mut fields = WORKSHOP.to_vec();
            let (oid, _) = fields.remove(missing);
            let refusal = validate(&subject(&fields)).unwrap_err();
            assert!(
                matches!(&refusal, Refusal::MissingSubjectField { oid: found, .. } if *found == oid),
                "{refusal}"
            );
            fields.push((oid, ""));
            assert_eq!(
                validate(&subject(&fields)).unwrap_err().code(),
                "missing_subject_field",
                "{oid} empty"
            );
        }
    }

    #[test]
    fn a_field_that_says_who_the_device_is_is_there_once() {
        for (oid, _) in WORKSHOP {
            let mut fields = WORKSHOP.to_vec();
            fields.push((oid, "another"));
            let refusal = validate(&subject(&fields)).unwrap_err();
            assert_eq!(refusal.code(), "repeated_subject_field", "{oid}");
            assert!(refusal.to_string().contains("another"), "{refusal}");
        }
    }

    #[test]
    fn the_title_is_iot_or_greengrass() {
        for title in ["IoT", "device", "iot ", "*"] {
            let mut fields = WORKSHOP;
            fields[1].1 = title;
            let refusal = validate(&subject(&fields)).unwrap_err();
            assert_eq!(
                refusal.to_string(),
                format!("the subject's title (T, 2.5.4.12) is {title:?}; it must be iot or greengrass")
            );
        }
    }

    #[test]
    fn attributes_are_those_of_the_block() {
        let mut fields = WORKSHOP.to_vec();
        fields.extend([("2.5.4.10", "Acme Inc"), ("2.5.4.11", "A"), ("2.5.4.11", "B"), ("1.2.3.4", "x")]);
        insta::assert_snapshot!(listed(&made(&fields, |_| ()).unwrap()), @r"
        1.2.3.4=x
        common_name=example-thing
        creation_id=00000000-0000-0000-0000-000000000000
        device_type=iot
        organization=Acme_Inc
        organizational_unit=A,B
        product_id=smart-sensor
        serial_number=1234-5678-9123
        ");
    }

    #[test]
    fn illegal_characters_are_refused_when_that_is_the_setting() {
        let mut fields = WORKSHOP.to_vec();
        fields.push(("2.5.4.10", "Acme Inc"));
        let refused = made(&fields, |source| source.illegal_characters = IllegalCharacters::Refuse);
        assert_eq!(refused.unwrap_err().code(), "invalid_name");
    }

    #[test]
    fn a_thing_has_at_most_fifty_attributes() {
        let oids: Vec<String> = (0..50).map(|number| format!("1.2.3.{number}")).collect();
        let fields: Vec<_> = oids.iter().map(|oid| (&**oid, "x")).collect();
        let refused = made(&fields, |_| ());
        assert_eq!(refused, Err(Refusal::TooManyAttributes { found: 51, max: 50 }));
    }

    #[test]
    fn attributes_of_the_settings_are_added_replace_and_leave_out() {
        let certificate = "certificate.attributes.subject";
        let found = made(&WORKSHOP, |source| {
            source.attributes = [
                ("site", format!("<%= {certificate}.CN %>/a b")),
                ("serial_number", format!("sn-<%= {certificate}.serialNumber %>")),
                ("common_name", String::new()),
            ]
            .map(|(name, template)| (name.to_owned(), template))
            .to_vec();
        });
        insta::assert_snapshot!(listed(&found.unwrap()), @r"
        creation_id=00000000-0000-0000-0000-000000000000
        device_type=iot
        product_id=smart-sensor
        serial_number=sn-1234-5678-9123
        site=example-thing/a_b
        ");
        let refused = made(&WORKSHOP, |source| {
            source.attributes = vec![("floor".to_owned(), format!("<%= {certificate}.postalCode %>"))];
        });
        insta::assert_snapshot!(refused.unwrap_err(), @"the template of Attributes.floor cannot be rendered: `certificate.attributes.subject.postalCode` is undefined");
    }
}
