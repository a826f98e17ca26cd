use landfall_model::{ClientId, DeviceType, InvalidClientId, InvalidName, SubjectField, ThingName};
use landfall_pki::{Subject, SubjectError};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _};
use thiserror::Error;
use uuid::Uuid;

use crate::Profile;

const ORGANIZATION: &str = "Acme";
const ORGANIZATIONAL_UNIT: &str = "AcmeUnit";
const PRODUCT: &str = "smart-sensor";
const EMAIL_DOMAIN: &str = "acme.example";

/// Where devices are: country, state, locality. All of it may stand in an attribute of a thing as it is.
const PLACES: [(&str, &str, &str); 11] = [
    ("AU", "Victoria", "Melbourne"),
    ("BR", "Bahia", "Salvador"),
    ("CA", "Ontario", "Toronto"),
    ("DE", "Bayern", "Augsburg"),
    ("ES", "Andalucia", "Sevilla"),
    ("FR", "Bretagne", "Brest"),
    ("GB", "Scotland", "Edinburgh"),
    ("IN", "Karnataka", "Mysuru"),
    ("JP", "Hokkaido", "Sapporo"),
    ("US", "Oregon", "Portland"),
    ("US", "Washington", "Seattle"),
];

/// Who a device is, before it has a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) subject: Subject,
    pub(crate) client_id: ClientId,
    pub(crate) kind: Kind,
    /// What the device's random waits start from.
    pub(crate) jitter_seed: u64,
}

/// What a device is registered as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By the defaults of the Universal JITR block.
    Universal { thing_name: ThingName, device_type: DeviceType },
    /// By whatever the owner of the endpoint has written.
    Plain,
}

/// Why a device cannot be named. It has no known cause: every name is made here.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NamingError {
    /// The subject.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The thing name.
    #[error(transparent)]
    ThingName(#[from] InvalidName),
    /// The client id.
    #[error(transparent)]
    ClientId(#[from] InvalidClientId),
}

impl Names {
    /// The names of the device with that place in a fleet of `devices`.
    pub(crate) fn random(
        profile: &Profile,
        index: usize,
        devices: usize,
        random: &mut StdRng,
    ) -> Result<Self, NamingError> {
        let uuid = uuid::Builder::from_random_bytes(random.random()).into_uuid();
        match profile {
            Profile::Plain => Ok(Self {
                subject: Subject::common_name(&uuid.to_string())?,
                client_id: ClientId::parse(&uuid.to_string())?,
                kind: Kind::Plain,
                jitter_seed: random.next_u64(),
            }),
            Profile::Universal { device_types, publish: _ } => {
                Self::universal(uuid, device_types.of(index, devices), random)
            }
        }
    }

    fn universal(uuid: Uuid, device_type: DeviceType, random: &mut StdRng) -> Result<Self, NamingError> {
        let thing_name = ThingName::parse(&format!("thing-{uuid}"))?;
        let (country, state, locality) = PLACES.choose(random).copied().unwrap_or(PLACES[0]);
        let mut subject = Subject::new();
        for (field, value) in [
            (SubjectField::Country, country),
            (SubjectField::State, state),
            (SubjectField::Locality, locality),
            (SubjectField::Organization, ORGANIZATION),
            (SubjectField::OrganizationalUnit, ORGANIZATIONAL_UNIT),
            (SubjectField::CommonName, thing_name.as_str()),
            (SubjectField::EmailAddress, &format!("{thing_name}@{EMAIL_DOMAIN}")),
            (SubjectField::SerialNumber, &uuid.to_string()),
            (SubjectField::Title, title(device_type)),
            (SubjectField::GenerationQualifier, PRODUCT),
        ] {
            subject.push(field, value)?;
        }
        let client_id = ClientId::parse(thing_name.as_str())?;
        let kind = Kind::Universal { thing_name, device_type };
        Ok(Self { subject, client_id, kind, jitter_seed: random.next_u64() })
    }
}

/// What a subject's title says of that kind of device.
pub(crate) fn title(device_type: DeviceType) -> &'static str {
    match device_type {
        DeviceType::Iot => "iot",
        DeviceType::Greengrass => "greengrass",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;
    use crate::{DeviceTypes, Publish};

    fn fleet(profile: &Profile, devices: usize, seed: u64) -> Vec<Names> {
        let mut random = StdRng::seed_from_u64(seed);
        (0..devices).map(|index| Names::random(profile, index, devices, &mut random).unwrap()).collect()
    }

    fn universal(device_types: DeviceTypes) -> Profile {
        Profile::Universal { device_types, publish: Publish::OneMessage }
    }

    #[test]
    fn a_universal_subject_has_what_its_registration_needs() {
        let fleet = fleet(&universal(DeviceTypes::Mixed { greengrass: 10 }), 50, 1);
        let mut greengrass = 0;
        for names in &fleet {
            let subject = names.subject.to_distinguished_name();
            let field = |field| subject.field(field).unwrap().to_owned();
            let serial_number = field(SubjectField::SerialNumber);
            assert_eq!(serial_number.parse::<Uuid>().unwrap().get_version_num(), 4);
            assert_eq!(field(SubjectField::CommonName), format!("thing-{serial_number}"));
            assert_eq!(names.client_id.as_str(), format!("thing-{serial_number}"));
            assert_eq!(field(SubjectField::EmailAddress), format!("thing-{serial_number}@acme.example"));
            assert_eq!(field(SubjectField::GenerationQualifier), "smart-sensor");
            assert_eq!(field(SubjectField::Organization), "Acme");
            assert_eq!(field(SubjectField::OrganizationalUnit), "AcmeUnit");
            let place =
                (field(SubjectField::Country), field(SubjectField::State), field(SubjectField::Locality));
            assert!(PLACES.iter().any(|(c, st, l)| (*c, *st, *l) == (&*place.0, &*place.1, &*place.2)));
            let Kind::Universal { thing_name, device_type } = &names.kind else { panic!("{names:?}") };
            assert_eq!(thing_name.as_str(), names.client_id.as_str());
            assert_eq!(field(SubjectField::Title), title(*device_type));
            greengrass += usize::from(*device_type == DeviceType::Greengrass);
        }
        assert_eq!(greengrass, 10);
        let places: BTreeSet<_> = fleet
            .iter()
            .map(|names| {
                names.subject.to_distinguished_name().field(SubjectField::Locality).unwrap().to_owned()
            })
            .collect();
        assert!(places.len() > 5, "{places:?}");
    }

    #[test]
    fn a_plain_subject_is_a_uuid_alone() {
        for names in fleet(&Profile::Plain, 5, 1) {
            assert_eq!(names.subject.to_string(), format!("CN={}", names.client_id));
            assert!(names.client_id.as_str().parse::<Uuid>().is_ok());
            assert_eq!(names.kind, Kind::Plain);
        }
    }

    #[test]
    fn every_place_may_stand_in_an_attribute() {
        for (country, state, locality) in PLACES {
            for value in [country, state, locality] {
                assert!(landfall_model::AttributeValue::parse(value).is_ok(), "{value}");
            }
        }
    }

    #[test]
    fn the_same_seed_names_the_same_fleet() {
        let profile = universal(DeviceTypes::Iot);
        assert_eq!(fleet(&profile, 20, 7), fleet(&profile, 20, 7));
        let names: BTreeSet<_> = fleet(&profile, 20, 7).into_iter().map(|names| names.client_id).collect();
        let others: BTreeSet<_> = fleet(&profile, 20, 8).into_iter().map(|names| names.client_id).collect();
        assert_eq!((names.len(), others.len()), (20, 20));
        assert!(names.is_disjoint(&others));
    }
}
