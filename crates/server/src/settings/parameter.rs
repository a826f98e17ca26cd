use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use landfall_registration::{ExistingThing, IllegalCharacters, Registrar, Retries, SettingsSource};

/// What the parameters of one CA certificate say, before they are compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    /// How the built-in registrar names and provisions.
    pub(crate) source: SettingsSource,
    /// Who provisions; the server's choice if none.
    pub(crate) registrar: Option<Registrar>,
    /// How long a first connection waits; what is usual for the registrar if none.
    pub(crate) first_connect_hold: Option<Duration>,
    /// What becomes of a registration whose interceptors cannot be asked.
    pub(crate) retries: Retries,
}

/// One parameter: its name, what it is, and how a draft gets it.
pub(crate) struct Parameter {
    /// Its name: that of the block, where the block has it.
    pub(crate) name: &'static str,
    /// What it is, in lines.
    pub(crate) about: &'static [&'static str],
    kind: Kind,
}

/// What a parameter holds, and where a draft keeps it.
enum Kind {
    Text(fn(&mut SettingsSource) -> &mut String),
    List(fn(&mut SettingsSource) -> &mut Vec<String>),
    Table(fn(&mut SettingsSource) -> &mut Vec<(String, String)>),
    Word { words: &'static [&'static str], get: fn(&Draft) -> &'static str, set: fn(&mut Draft, &str) },
    Time { get: fn(&Draft) -> Option<Duration>, set: fn(&mut Draft, Duration), example: &'static str },
    Number { range: RangeInclusive<u32>, get: fn(&Draft) -> u64, set: fn(&mut Draft, u32) },
}

/// A value as it is written: in the file, on the command line or in the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// A text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// Texts by their names.
    Table(Vec<(String, String)>),
    /// A whole number.
    Number(i64),
    /// Something else; what it is, for people.
    Other(&'static str),
}

/// Every parameter, in the order of the file.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "ThingName",
        about: &["The name of a device's thing. It must be another one for each device."],
        kind: Kind::Text(|source| &mut source.thing_name),
    },
    Parameter {
        name: "ThingTypeName",
        about: &["The name of its thing type, which is made if it is missing."],
        kind: Kind::Text(|source| &mut source.thing_type_name),
    },
    Parameter {
        name: "SearchableAttributes",
        about: &["The attributes by which things of the type can be listed, three at most."],
        kind: Kind::List(|source| &mut source.searchable_attributes),
    },
    Parameter {
        name: "ThingGroups",
        about: &[
            "The thing groups that the thing comes into, ten at most. One that is missing is made, at the root; a template that",
            "makes an empty text names none. A thing that was there already stays in its groups, too.",
        ],
        kind: Kind::List(|source| &mut source.thing_groups),
    },
    Parameter {
        name: "BillingGroup",
        about: &["The billing group that the thing comes into, if any. It is made if it is missing."],
        kind: Kind::Text(|source| &mut source.billing_group),
    },
    Parameter {
        name: "DevicePolicyName",
        about: &["The policy of devices whose title is iot. It is made if it is missing, and never changed."],
        kind: Kind::Text(|source| &mut source.device_policy_name),
    },
    Parameter {
        name: "DeviceReceivePolicy",
        about: &["What that policy allows, when it is made: topics with commas between them."],
        kind: Kind::Text(|source| &mut source.device_policy.receive),
    },
    Parameter {
        name: "DeviceSubscribePolicy",
        about: &[],
        kind: Kind::Text(|source| &mut source.device_policy.subscribe),
    },
    Parameter {
        name: "DevicePublishPolicy",
        about: &[],
        kind: Kind::Text(|source| &mut source.device_policy.publish),
    },
    Parameter {
        name: "GreengrassPolicyName",
        about: &["The same for devices whose title is greengrass."],
        kind: Kind::Text(|source| &mut source.greengrass_policy_name),
    },
    Parameter {
        name: "GreengrassReceivePolicy",
        about: &[],
        kind: Kind::Text(|source| &mut source.greengrass_policy.receive),
    },
    Parameter {
        name: "GreengrassSubscribePolicy",
        about: &[],
        kind: Kind::Text(|source| &mut source.greengrass_policy.subscribe),
    },
    Parameter {
        name: "GreengrassPublishPolicy",
        about: &[],
        kind: Kind::Text(|source| &mut source.greengrass_policy.publish),
    },
    Parameter {
        name: "GreengrassGroupName",
        about: &[
            "The name of the Greengrass group that is made for each of these. Groups can have the same name.",
        ],
        kind: Kind::Text(|source| &mut source.greengrass_group_name),
    },
    Parameter {
        name: "GreengrassUserServiceAccountRole",
        about: &[
            "The ARN of the role that Greengrass gets for the account when such a device is registered. \"\" leaves the account's",
            "role as it is.",
        ],
        kind: Kind::Text(|source| &mut source.greengrass_user_service_account_role),
    },
    Parameter {
        name: "ExistingThing",
        about: &[
            "When the thing has a device of the same CA already: \"refuse\" the second device, or let it \"join\".",
            "The thing of another CA's device is never given away.",
        ],
        kind: Kind::Word {
            words: &["refuse", "join"],
            get: |draft| match draft.source.existing_thing {
                ExistingThing::Refuse => "refuse",
                ExistingThing::Join => "join",
            },
            set: |draft, word| {
                let join = word == "join";
                draft.source.existing_thing = if join { ExistingThing::Join } else { ExistingThing::Refuse };
            },
        },
    },
    Parameter {
        name: "IllegalCharacters",
        about: &[
            "Characters that AWS IoT does not allow in an attribute's value, as a space: \"replace\" each by _, or \"refuse\".",
        ],
        kind: Kind::Word {
            words: &["replace", "refuse"],
            get: |draft| match draft.source.illegal_characters {
                IllegalCharacters::Replace => "replace",
                IllegalCharacters::Refuse => "refuse",
            },
            set: |draft, word| {
                draft.source.illegal_characters = match word {
                    "refuse" => IllegalCharacters::Refuse,
                    _ => IllegalCharacters::Replace,
                };
            },
        },
    },
    Parameter {
        name: "InterceptorLambda",
        about: &[
            "The function, by name or ARN, that is asked before a device is provisioned. When it raises an error, the device is",
            "denied with the error's message. It is asked ahead of the interceptors below.",
        ],
        kind: Kind::Text(|source| &mut source.interceptor_lambda),
    },
    Parameter {
        name: "Registrar",
        about: &[
            "Who provisions devices: \"builtin\", by these settings, or \"rules\": topic rules and their functions alone.",
            "What `landfall serve --registrar` says, unless it is set here.",
        ],
        kind: Kind::Word {
            words: &["builtin", "rules"],
            get: |draft| match draft.registrar {
                Some(Registrar::Builtin) => "builtin",
                Some(Registrar::Rules) => "rules",
                None => "",
            },
            set: |draft, word| {
                let rules = word == "rules";
                draft.registrar = Some(if rules { Registrar::Rules } else { Registrar::Builtin });
            },
        },
    },
    Parameter {
        name: "FirstConnectHold",
        about: &[
            "How long a first connection waits until its certificate is ACTIVE. \"0s\" drops it at once, as AWS does.",
            "Unless it is set: 2s, or 10s under \"rules\".",
        ],
        kind: Kind::Time {
            get: |draft| draft.first_connect_hold,
            set: |draft, time| draft.first_connect_hold = Some(time),
            example: "2s",
        },
    },
    Parameter {
        name: "CertificateEventQueueVisibilityTimeout",
        about: &[
            "How many seconds a registration waits at most until it is tried again, when an interceptor could not say whether",
            "its device may be registered. It begins with half a second, and each pause is twice as long.",
        ],
        kind: Kind::Number {
            range: 1..=43_200,
            get: |draft| draft.retries.visibility_timeout.as_secs(),
            set: |draft, seconds| draft.retries.visibility_timeout = Duration::from_secs(seconds.into()),
        },
    },
    Parameter {
        name: "MaxReceiveCount",
        about: &[
            "How often it is tried. Then it is a dead letter: `landfall registrations retry` tries it again.",
        ],
        kind: Kind::Number {
            range: 1..=1_000,
            get: |draft| draft.retries.max_receive_count.get().into(),
            set: |draft, count| {
                draft.retries.max_receive_count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
            },
        },
    },
    Parameter {
        name: "DLQRetentionPeriod",
        about: &[
            "How many seconds a dead letter is kept. Afterwards the registration begins anew when the device comes.",
        ],
        kind: Kind::Number {
            range: 60..=1_209_600,
            get: |draft| draft.retries.dlq_retention_period.as_secs(),
            set: |draft, seconds| draft.retries.dlq_retention_period = Duration::from_secs(seconds.into()),
        },
    },
    Parameter {
        name: "Attributes",
        about: &[
            "Attributes of the thing, each with the template of its value: besides those that the subject's fields make, or in",
            "their place. \"\" leaves an attribute out.",
        ],
        kind: Kind::Table(|source| &mut source.attributes),
    },
    Parameter {
        name: "Tags",
        about: &[
            "Tags of what a registration makes and AWS gives tags: thing type, thing groups, billing group, policy and Greengrass",
            "group. Each has the template of its value. What is there already keeps the tags that it has.",
        ],
        kind: Kind::Table(|source| &mut source.tags),
    },
];

impl Parameter {
    /// The parameter of this name.
    pub(crate) fn of(name: &str) -> Option<&'static Self> {
        PARAMETERS.iter().find(|parameter| parameter.name == name)
    }

    /// Whether it is a table.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.kind, Kind::Table(_))
    }

    /// Sets it in a draft.
    ///
    /// # Errors
    /// The value is not one of its kind: what would be right.
    pub(crate) fn set(&self, draft: &mut Draft, written: Written) -> Result<(), String> {
        match (&self.kind, written) {
            (Kind::Text(place), Written::Text(text)) => *place(&mut draft.source) = text,
            (Kind::List(place), Written::List(texts)) => *place(&mut draft.source) = texts,
            (Kind::Table(place), Written::Table(texts)) => *place(&mut draft.source) = texts,
            (Kind::Word { words, set, .. }, Written::Text(word)) => {
                if !words.contains(&word.as_str()) {
                    return Err(format!("{word:?} is none of {}", words.join(", ")));
                }
                set(draft, &word);
            }
            (Kind::Time { set, .. }, Written::Text(text)) => {
                let time = humantime::parse_duration(&text);
                set(draft, time.map_err(|problem| format!("{text:?} is no time, as \"2s\": {problem}"))?);
            }
            (Kind::Number { range, set, .. }, Written::Number(number)) => {
                let found = u32::try_from(number).ok().filter(|number| range.contains(number));
                let (min, max) = (range.start(), range.end());
                set(draft, found.ok_or_else(|| format!("{number} is not from {min} to {max}"))?);
            }
            (kind, written) => return Err(format!("it must be {}, not {}", kind.wanted(), written.found())),
        }
        Ok(())
    }

    /// What it holds in a draft, if it is a table.
    pub(crate) fn table(&self, draft: &Draft) -> Option<Vec<(String, String)>> {
        let Kind::Table(place) = self.kind else { return None };
        Some(place(&mut draft.source.clone()).clone())
    }

    /// What a text on the command line or in the environment stands for: a list has commas between its parts.
    pub(crate) fn written(&self, text: &str) -> Written {
        match self.kind {
            Kind::Text(_) | Kind::Word { .. } | Kind::Time { .. } => Written::Text(text.to_owned()),
            Kind::List(_) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Written::List(parts.map(str::to_owned).collect())
            }
            Kind::Number { .. } => text.trim().parse().map_or(Written::Other("a text"), Written::Number),
            Kind::Table(_) => Written::Other("a text"),
        }
    }

    /// Its value in a draft, as TOML; none when it has none.
    pub(crate) fn value(&self, draft: &Draft) -> Option<String> {
        let mut source = draft.source.clone();
        match &self.kind {
            Kind::Text(place) => Some(quoted(place(&mut source))),
            Kind::List(place) => {
                let texts: Vec<String> = place(&mut source).iter().map(|text| quoted(text)).collect();
                Some(format!("[{}]", texts.join(", ")))
            }
            Kind::Table(_) => None,
            Kind::Word { get, .. } => Some(get(draft)).filter(|word| !word.is_empty()).map(quoted),
            Kind::Number { get, .. } => Some(get(draft).to_string()),
            Kind::Time { get, .. } => {
                get(draft).map(|time| quoted(&humantime::format_duration(time).to_string()))
            }
        }
    }

    /// A value that it could have, as TOML, for one that has none.
    pub(crate) fn example(&self) -> String {
        match &self.kind {
            Kind::Text(_) => quoted(""),
            Kind::List(_) => "[]".to_owned(),
            Kind::Table(_) => String::new(),
            Kind::Word { words, .. } => quoted(words.first().copied().unwrap_or_default()),
            Kind::Time { example, .. } => quoted(example),
            Kind::Number { range, .. } => range.start().to_string(),
        }
    }
}

impl Kind {
    fn wanted(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text in quotation marks",
            Self::List(_) => "a list of texts",
            Self::Table(_) => "a table of texts",
            Self::Word { .. } => "a word in quotation marks",
            Self::Time { .. } => "a time in quotation marks, as \"2s\"",
            Self::Number { .. } => "a whole number",
        }
    }
}

impl Written {
    fn found(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Number(_) => "a number",
            Self::Other(found) => found,
        }
    }
}

/// A text as TOML writes it: in single quotation marks where that needs no escapes.
fn quoted(text: &str) -> String {
    if text.contains(['\'', '\n', '\r', '\t']) || !text.contains(['"', '\\']) {
        format!("{text:?}")
    } else {
        format!("'{text}'")
    }
}
