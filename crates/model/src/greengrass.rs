//! Greengrass in its first version: groups, and the definitions that they are made of.

use std::fmt;

use thiserror::Error;

use crate::name::{NameRule, UnknownWord, name_type};
use crate::uuid::uuid_type;
use crate::{CertificateId, CreationId, RegistrationPlan, RoleArn, Scope, Tag, ThingName, UnixTime};

uuid_type! {
    /// The id of a Greengrass group or definition.
    GreengrassId
}

uuid_type! {
    /// The id of a version of a Greengrass group or definition.
    GreengrassVersionId
}

name_type! {
    /// The name of a Greengrass group or definition: 1 to 128 printable ASCII characters. It need not be the only one.
    GreengrassName,
    NameRule {
        kind: "Greengrass name",
        length_max: 128,
        punctuation: " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        allowed: "printable ASCII characters",
        may_be_empty: false,
    }
}

// The pattern is that of <https://docs.aws.amazon.com/greengrass/v1/apireference/definitions-core.html>.
name_type! {
    /// The id of a core or logger in its definition: 1 to 128 characters of letters, digits and `:_-`.
    GreengrassPartId,
    NameRule {
        kind: "Greengrass id",
        length_max: 128,
        punctuation: ":_-",
        allowed: "letters, digits and : _ -",
        may_be_empty: false,
    }
}

/// A kind of Greengrass resource. Ids are told apart by it: a group is no core definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GreengrassKind {
    /// A group: a core with all that runs on it.
    Group,
    /// A definition of cores.
    CoreDefinition,
    /// A definition of loggers.
    LoggerDefinition,
}

/// A Greengrass group or definition. What it is made of is in its versions, which never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreengrassResource {
    /// Its id.
    pub id: GreengrassId,
    /// Its name; a definition may have none.
    pub name: Option<GreengrassName>,
    /// What its operator gave it when it was created, one of a key.
    pub tags: Vec<Tag>,
    /// When it was created.
    pub created_at: UnixTime,
    /// When its name last changed.
    pub modified_at: UnixTime,
    /// Its newest version.
    pub newest: GreengrassNewest,
}

/// The newest version of a Greengrass resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GreengrassNewest {
    /// A resource of this kind has none yet.
    None(GreengrassKind),
    /// This one, whose content tells the kind of the resource.
    Version(GreengrassVersion),
}

/// A version of a Greengrass resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreengrassVersion {
    /// Its id.
    pub id: GreengrassVersionId,
    /// What the resource is made of.
    pub content: GreengrassContent,
    /// When it was created.
    pub created_at: UnixTime,
}

/// What a version consists of, by the kind of its resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GreengrassContent {
    /// That of a group: versions of definitions.
    Group {
        /// Which version of which core definition.
        core: Option<GreengrassVersionRef>,
        /// Which version of which logger definition.
        logger: Option<GreengrassVersionRef>,
    },
    /// That of a core definition, at most [`GreengrassContent::PARTS_MAX`].
    Cores(Vec<GreengrassCore>),
    /// That of a logger definition, at most [`GreengrassContent::PARTS_MAX`].
    Loggers(Vec<GreengrassLogger>),
}

/// Which version of which resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GreengrassVersionRef {
    /// The resource.
    pub resource: GreengrassId,
    /// Its version.
    pub version: GreengrassVersionId,
}

/// A core: the device on which a group runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreengrassCore {
    /// Its id, which no other core of the version has.
    pub id: GreengrassPartId,
    /// Its thing.
    pub thing: ThingName,
    /// Its certificate.
    pub certificate: CertificateId,
    /// Whether its local shadow is kept equal to that of its thing.
    pub syncs_shadow: bool,
}

/// What of a core is logged, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreengrassLogger {
    /// Its id, which no other logger of the version has.
    pub id: GreengrassPartId,
    /// Whose log it is.
    pub component: LoggedComponent,
    /// From which level on it is logged.
    pub level: GreengrassLogLevel,
    /// How much room the log has on the core's file system, in KB.
    pub space_kb: Option<i32>,
    /// Where it is kept.
    pub place: LogPlace,
}

/// A part of a core that logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedComponent {
    /// Greengrass itself.
    System,
    /// The functions on the core.
    Lambda,
}

/// From which level on a core logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreengrassLogLevel {
    /// Everything.
    Debug,
    /// What happens, and worse.
    Info,
    /// What may go wrong, and worse.
    Warn,
    /// What went wrong, and worse.
    Error,
    /// What ends a program.
    Fatal,
}

/// Where a core keeps a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// In a file of its own.
    FileSystem,
    /// In CloudWatch.
    CloudWatch,
}

/// The role with which Greengrass acts for the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreengrassServiceRole {
    /// The role.
    pub role: RoleArn,
    /// When it was associated.
    pub associated_at: UnixTime,
}

/// A text that is not the ARN of a version here.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{found:?} is not the ARN of a version of a {kind} of this account and region, as {expected}ID/versions/VERSION is"
)]
pub struct InvalidGreengrassArn {
    /// The start of what was found.
    pub found: String,
    /// What it should be a version of.
    pub kind: GreengrassKind,
    /// What such an ARN begins with.
    pub expected: String,
}

/// A Greengrass group to be created unless this registration has created it already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedGreengrassGroup {
    /// Its name. Other groups can have the same.
    pub name: GreengrassName,
    /// The role that is associated with the account, unless it is already; none leaves the account's role as it is.
    pub service_role: Option<RoleArn>,
}

/// What stands between the ids of a resource and of its version in an ARN.
const VERSIONS: &str = "/versions/";

/// How many characters of a wrong ARN an error repeats.
const ARN_SHOWN_MAX: usize = 256;

/// How much room the log of a registered core has on its file system, in KB.
const REGISTERED_LOG_SPACE_KB: i32 = 10_240;

impl GreengrassKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Group, Self::CoreDefinition, Self::LoggerDefinition];

    /// What the resource of an ARN of the kind begins with.
    const fn path(self) -> &'static str {
        match self {
            Self::Group => "/greengrass/groups/",
            Self::CoreDefinition => "/greengrass/definition/cores/",
            Self::LoggerDefinition => "/greengrass/definition/loggers/",
        }
    }
}

impl GreengrassResource {
    /// The most tags.
    pub const TAGS_MAX: usize = Tag::OF_RESOURCE_MAX;

    /// Its kind.
    pub const fn kind(&self) -> GreengrassKind {
        match &self.newest {
            GreengrassNewest::None(kind) => *kind,
            GreengrassNewest::Version(version) => version.content.kind(),
        }
    }

    /// Its newest version, if it has one.
    pub const fn version(&self) -> Option<&GreengrassVersion> {
        match &self.newest {
            GreengrassNewest::None(_) => None,
            GreengrassNewest::Version(version) => Some(version),
        }
    }
}

impl GreengrassContent {
    /// The most cores or loggers of a version.
    pub const PARTS_MAX: usize = 100;

    /// The kind of resource that can have it.
    pub const fn kind(&self) -> GreengrassKind {
        match self {
            Self::Group { .. } => GreengrassKind::Group,
            Self::Cores(_) => GreengrassKind::CoreDefinition,
            Self::Loggers(_) => GreengrassKind::LoggerDefinition,
        }
    }
}

impl GreengrassPartId {
    /// The id of a thing's core: thing names follow the same rule.
    fn of_thing(thing: &ThingName) -> Self {
        Self(thing.as_str().into())
    }
}

impl LoggedComponent {
    const ALL: [Self; 2] = [Self::System, Self::Lambda];

    /// AWS's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "GreengrassSystem",
            Self::Lambda => "Lambda",
        }
    }

    /// The component by AWS's word.
    ///
    /// # Errors
    /// The word is none of theirs.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|component| component.as_str() == word);
        found.ok_or_else(|| UnknownWord::new(word, "GreengrassSystem, Lambda"))
    }
}

impl GreengrassLogLevel {
    const ALL: [Self; 5] = [Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// AWS's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }

    /// The level by AWS's word.
    ///
    /// # Errors
    /// The word is none of theirs.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|level| level.as_str() == word);
        found.ok_or_else(|| UnknownWord::new(word, "DEBUG, INFO, WARN, ERROR, FATAL"))
    }
}

impl LogPlace {
    const ALL: [Self; 2] = [Self::FileSystem, Self::CloudWatch];

    /// AWS's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FileSystem => "FileSystem",
            Self::CloudWatch => "AWSCloudWatch",
        }
    }

    /// The place by AWS's word.
    ///
    /// # Errors
    /// The word is none of theirs.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|place| place.as_str() == word);
        found.ok_or_else(|| UnknownWord::new(word, "FileSystem, AWSCloudWatch"))
    }
}

impl CreationId {
    /// The id of the group or definition that this registration creates: every retry makes the same, and no other noun of it
    /// has the same.
    pub const fn greengrass_id(self, kind: GreengrassKind) -> GreengrassId {
        GreengrassId::from_bytes(self.differing(match kind {
            GreengrassKind::Group => 2,
            GreengrassKind::CoreDefinition => 3,
            GreengrassKind::LoggerDefinition => 4,
        }))
    }

    /// The id of the first version of the group or definition that this registration creates.
    pub const fn greengrass_version_id(self, kind: GreengrassKind) -> GreengrassVersionId {
        GreengrassVersionId::from_bytes(self.differing(match kind {
            GreengrassKind::Group => 5,
            GreengrassKind::CoreDefinition => 6,
            GreengrassKind::LoggerDefinition => 7,
        }))
    }

    const fn differing(self, by: u8) -> [u8; 16] {
        let mut bytes = *self.as_bytes();
        bytes[15] ^= by;
        bytes
    }
}

impl RegistrationPlan {
    /// All that a group consists of, the group last: its core is the plan's thing, and what it logs is everything, to
    /// CloudWatch and to files. Each has the plan's tags.
    pub fn greengrass_resources(
        &self,
        group: &PlannedGreengrassGroup,
        at: UnixTime,
    ) -> [GreengrassResource; 3] {
        let core = GreengrassCore {
            id: GreengrassPartId::of_thing(self.thing_name()),
            thing: self.thing_name().clone(),
            certificate: self.certificate,
            syncs_shadow: false,
        };
        let part = |kind| GreengrassVersionRef {
            resource: self.creation_id.greengrass_id(kind),
            version: self.creation_id.greengrass_version_id(kind),
        };
        let made = |name: Option<GreengrassName>, content: GreengrassContent| GreengrassResource {
            id: self.creation_id.greengrass_id(content.kind()),
            name,
            tags: self.tags.clone(),
            created_at: at,
            modified_at: at,
            newest: GreengrassNewest::Version(GreengrassVersion {
                id: self.creation_id.greengrass_version_id(content.kind()),
                content,
                created_at: at,
            }),
        };
        [
            made(None, GreengrassContent::Cores(vec![core])),
            made(None, GreengrassContent::Loggers(registered_loggers())),
            made(
                Some(group.name.clone()),
                GreengrassContent::Group {
                    core: Some(part(GreengrassKind::CoreDefinition)),
                    logger: Some(part(GreengrassKind::LoggerDefinition)),
                },
            ),
        ]
    }
}

// The ARNs are those of <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiotgreengrass.html>.
impl Scope {
    /// The ARN of a Greengrass group or definition.
    pub fn greengrass_arn(&self, kind: GreengrassKind, id: GreengrassId) -> String {
        format!("{}{id}", self.greengrass_arn_prefix(kind))
    }

    /// The ARN of a version of a Greengrass group or definition.
    pub fn greengrass_version_arn(&self, kind: GreengrassKind, version: GreengrassVersionRef) -> String {
        let GreengrassVersionRef { resource, version } = version;
        format!("{}{resource}{VERSIONS}{version}", self.greengrass_arn_prefix(kind))
    }

    /// The version that an ARN names. Whether it exists is not asked.
    ///
    /// # Errors
    /// The ARN is of another account or region, or of something else than a version of a resource of this kind.
    pub fn parse_greengrass_version(
        &self,
        kind: GreengrassKind,
        arn: &str,
    ) -> Result<GreengrassVersionRef, InvalidGreengrassArn> {
        let expected = self.greengrass_arn_prefix(kind);
        let parts = arn.strip_prefix(&expected).and_then(|ids| ids.split_once(VERSIONS));
        let parsed = parts.and_then(|(resource, version)| {
            Some(GreengrassVersionRef { resource: resource.parse().ok()?, version: version.parse().ok()? })
        });
        let found = || arn.chars().take(ARN_SHOWN_MAX).collect();
        parsed.ok_or_else(|| InvalidGreengrassArn { found: found(), kind, expected })
    }

    fn greengrass_arn_prefix(&self, kind: GreengrassKind) -> String {
        format!("arn:aws:greengrass:{}:{}:{}", self.region, self.account, kind.path())
    }
}

/// The loggers of a core that was registered.
fn registered_loggers() -> Vec<GreengrassLogger> {
    let logger = |id: &str, component, place| GreengrassLogger {
        id: GreengrassPartId(id.into()),
        component,
        level: GreengrassLogLevel::Debug,
        space_kb: match place {
            LogPlace::CloudWatch => None,
            LogPlace::FileSystem => Some(REGISTERED_LOG_SPACE_KB),
        },
        place,
    };
    vec![
        logger("lambda-cloudwatch", LoggedComponent::Lambda, LogPlace::CloudWatch),
        logger("lambda-file", LoggedComponent::Lambda, LogPlace::FileSystem),
        logger("system-cloudwatch", LoggedComponent::System, LogPlace::CloudWatch),
        logger("system-file", LoggedComponent::System, LogPlace::FileSystem),
    ]
}

impl fmt::Display for GreengrassKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => "Greengrass group",
            Self::CoreDefinition => "core definition",
            Self::LoggerDefinition => "logger definition",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        AccountId, Attributes, CaCertificateId, DeviceType, PlannedPolicy, PlannedThing, PlannedThingType,
        PolicyName, Region, TagKey, TagValue, ThingTypeName,
    };

    const CREATION: CreationId = CreationId::from_bytes([0xab; 16]);

    fn scope() -> Scope {
        Scope {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("eu-west-1").unwrap(),
        }
    }

    fn name(text: &str) -> GreengrassName {
        GreengrassName::parse(text).unwrap()
    }

    #[test]
    fn every_word_is_read_back() {
        for component in LoggedComponent::ALL {
            assert_eq!(LoggedComponent::parse(component.as_str()), Ok(component));
        }
        for level in GreengrassLogLevel::ALL {
            assert_eq!(GreengrassLogLevel::parse(level.as_str()), Ok(level));
        }
        for place in LogPlace::ALL {
            assert_eq!(LogPlace::parse(place.as_str()), Ok(place));
        }
        assert!(LoggedComponent::parse("lambda").is_err());
        assert!(GreengrassLogLevel::parse("DISABLED").is_err());
        assert!(LogPlace::parse("").is_err());
    }

    #[test]
    fn every_arn_is_read_back() {
        let (resource, version) =
            (GreengrassId::from_bytes([1; 16]), GreengrassVersionId::from_bytes([2; 16]));
        let version = GreengrassVersionRef { resource, version };
        let scope = scope();
        for kind in GreengrassKind::ALL {
            let arn = scope.greengrass_version_arn(kind, version);
            assert_eq!(scope.parse_greengrass_version(kind, &arn), Ok(version));
            assert!(arn.starts_with(&scope.greengrass_arn(kind, resource)), "{arn}");
            for other in GreengrassKind::ALL.into_iter().filter(|other| *other != kind) {
                assert!(scope.parse_greengrass_version(other, &arn).is_err(), "{arn}");
            }
        }
        assert_eq!(
            scope.greengrass_version_arn(GreengrassKind::CoreDefinition, version),
            "arn:aws:greengrass:eu-west-1:123456789012:/greengrass/definition/cores/\
             01010101-0101-0101-0101-010101010101/versions/02020202-0202-0202-0202-020202020202"
        );
        assert_eq!(
            scope.greengrass_arn(GreengrassKind::Group, resource),
            "arn:aws:greengrass:eu-west-1:123456789012:/greengrass/groups/01010101-0101-0101-0101-010101010101"
        );
        let foreign =
            scope.greengrass_version_arn(GreengrassKind::Group, version).replace("eu-west", "us-east");
        for wrong in ["", "a", &foreign, &scope.greengrass_arn(GreengrassKind::Group, resource)] {
            assert!(scope.parse_greengrass_version(GreengrassKind::Group, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_ids_of_a_registration_differ() {
        let mut ids = BTreeSet::from([*CREATION.thing_id().as_bytes(), *CREATION.thing_type_id().as_bytes()]);
        for kind in GreengrassKind::ALL {
            assert!(ids.insert(*CREATION.greengrass_id(kind).as_bytes()));
            assert!(ids.insert(*CREATION.greengrass_version_id(kind).as_bytes()));
        }
    }

    #[test]
    fn a_core_has_the_name_of_its_thing() {
        for thing in ["a", "thing-1_2:3", &"x".repeat(128)] {
            let id = GreengrassPartId::of_thing(&ThingName::parse(thing).unwrap());
            assert_eq!(GreengrassPartId::parse(thing), Ok(id));
        }
        for logger in registered_loggers() {
            assert_eq!(GreengrassPartId::parse(logger.id.as_str()), Ok(logger.id));
        }
    }

    #[test]
    fn a_registration_makes_what_the_block_makes() {
        let thing = ThingName::parse("thing-1").unwrap();
        let tag = Tag { key: TagKey::parse("k").unwrap(), value: TagValue::parse("v").unwrap() };
        let plan = RegistrationPlan {
            certificate: CertificateId::from_sha256([1; 32]),
            ca: CaCertificateId::from_sha256([2; 32]),
            creation_id: CREATION,
            device_type: DeviceType::Greengrass,
            serial_number: "1".to_owned(),
            product_id: "p".to_owned(),
            thing_type: PlannedThingType {
                name: ThingTypeName::parse("t").unwrap(),
                searchable_attributes: Vec::new(),
            },
            thing: PlannedThing::Create { name: thing.clone(), attributes: Attributes::default() },
            thing_groups: Vec::new(),
            billing_group: None,
            policy: PlannedPolicy { name: PolicyName::parse("p").unwrap(), document: "{}".into() },
            greengrass: None,
            tags: vec![tag.clone()],
        };
        let at = UnixTime::from_secs(7);
        let group = PlannedGreengrassGroup { name: name("1-group"), service_role: None };
        let [cores, loggers, made] = plan.greengrass_resources(&group, at);
        for resource in [&cores, &loggers, &made] {
            assert_eq!(resource.id, CREATION.greengrass_id(resource.kind()));
            assert_eq!((resource.created_at, resource.modified_at), (at, at));
            assert_eq!(resource.tags, std::slice::from_ref(&tag));
        }
        let of = |resource: &GreengrassResource| {
            let version = resource.version().unwrap().id;
            Some(GreengrassVersionRef { resource: resource.id, version })
        };
        let core = GreengrassCore {
            id: GreengrassPartId::parse("thing-1").unwrap(),
            thing,
            certificate: plan.certificate,
            syncs_shadow: false,
        };
        assert_eq!(cores.version().unwrap().content, GreengrassContent::Cores(vec![core]));
        assert_eq!(
            made.version().unwrap().content,
            GreengrassContent::Group { core: of(&cores), logger: of(&loggers) }
        );
        assert_eq!(made.name, Some(name("1-group")));
        let GreengrassContent::Loggers(loggers) = &loggers.version().unwrap().content else {
            panic!("{loggers:?}");
        };
        let found: Vec<_> = loggers
            .iter()
            .map(|logger| (logger.component.as_str(), logger.place.as_str(), logger.space_kb))
            .collect();
        let expected = [
            ("Lambda", "AWSCloudWatch", None),
            ("Lambda", "FileSystem", Some(10_240)),
            ("GreengrassSystem", "AWSCloudWatch", None),
            ("GreengrassSystem", "FileSystem", Some(10_240)),
        ];
        assert_eq!(found, expected);
        assert!(loggers.iter().all(|logger| logger.level == GreengrassLogLevel::Debug));
    }

    #[test]
    fn a_name_is_printable() {
        for good in ["a", "1234-group", "My group (2)", &"x".repeat(128)] {
            assert_eq!(name(good).as_str(), good);
        }
        for bad in ["", "a\nb", "\u{fc}", &"x".repeat(129)] {
            assert!(GreengrassName::parse(bad).is_err(), "{bad}");
        }
    }
}
