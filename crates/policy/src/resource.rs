use std::fmt;

use landfall_model::{ClientId, ThingName, TopicFilter, TopicName};

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A client id: `client/…`.
    Client(&'a ClientId),
    /// A thing, with its shadow that has no name and its jobs: `thing/…`.
    Thing(&'a ThingName),
    /// A named shadow of a thing: `thing/…/…`.
    Shadow {
        /// The thing.
        thing: &'a ThingName,
        /// The name of the shadow.
        shadow: &'a str,
    },
    /// A topic: `topic/…`.
    Topic(&'a TopicName),
    /// A topic filter: `topicfilter/…`.
    TopicFilter(&'a TopicFilter),
    /// A role alias: `rolealias/…`.
    RoleAlias(&'a str),
    /// Everything, for the actions that are done to nothing in particular: `*`.
    All,
    /// Any resource by its whole ARN, as the API's `TestAuthorization` is asked about.
    Arn(&'a str),
}

/// The kinds of resources that the actions of devices are done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// `client/…`
    Client,
    /// `thing/…`
    Thing,
    /// `topic/…`
    Topic,
    /// `topicfilter/…`
    TopicFilter,
    /// `rolealias/…`
    RoleAlias,
    /// `*`
    All,
}

/// Room for the ARN of every resource that a connection can ask about: the prefix of a region of 32 characters has 61
/// bytes, `topicfilter/` 12, and a topic filter 256.
pub(crate) const ARN_BYTES: usize = 384;

impl<'a> Resource<'a> {
    /// The parts of which the resource's ARN is made, put into `buffer` if they are several; none if there is no room.
    pub(crate) fn arn<'b>(self, prefix: &str, buffer: &'b mut [u8; ARN_BYTES]) -> Option<&'b str>
    where
        'a: 'b,
    {
        let parts = match self {
            Self::Arn(arn) => return Some(arn),
            Self::All => return Some("*"),
            Self::Client(id) => [prefix, "client/", id.as_str(), "", ""],
            Self::Thing(name) => [prefix, "thing/", name.as_str(), "", ""],
            Self::Shadow { thing, shadow } => [prefix, "thing/", thing.as_str(), "/", shadow],
            Self::Topic(name) => [prefix, "topic/", name.as_str(), "", ""],
            Self::TopicFilter(filter) => [prefix, "topicfilter/", filter.as_str(), "", ""],
            Self::RoleAlias(alias) => [prefix, "rolealias/", alias, "", ""],
        };
        let mut length = 0;
        for part in parts {
            buffer.get_mut(length..length + part.len())?.copy_from_slice(part.as_bytes());
            length += part.len();
        }
        std::str::from_utf8(buffer.get(..length)?).ok()
    }

    /// The resource's ARN as a text of its own.
    pub(crate) fn to_arn(self, prefix: &str) -> String {
        match self {
            Self::All | Self::Arn(_) => self.to_string(),
            Self::Client(_)
            | Self::Thing(_)
            | Self::Shadow { .. }
            | Self::Topic(_)
            | Self::TopicFilter(_)
            | Self::RoleAlias(_) => format!("{prefix}{self}"),
        }
    }
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Client, Self::Thing, Self::Topic, Self::TopicFilter, Self::RoleAlias, Self::All];

    /// What the resource part of an ARN of this kind begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Client => "client/",
            Self::Thing => "thing/",
            Self::Topic => "topic/",
            Self::TopicFilter => "topicfilter/",
            Self::RoleAlias => "rolealias/",
            Self::All => "*",
        }
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client/{id}"),
            Self::Thing(name) => write!(f, "thing/{name}"),
            Self::Shadow { thing, shadow } => write!(f, "thing/{thing}/{shadow}"),
            Self::Topic(name) => write!(f, "topic/{name}"),
            Self::TopicFilter(filter) => write!(f, "topicfilter/{filter}"),
            Self::RoleAlias(alias) => write!(f, "rolealias/{alias}"),
            Self::All => f.write_str("*"),
            Self::Arn(arn) => f.write_str(arn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_the_same_with_and_without_a_buffer() {
        let prefix = "arn:aws:iot:us-east-1:000000000000:";
        let client = ClientId::parse("é*").unwrap();
        let thing = ThingName::parse("thing-1").unwrap();
        let topic = TopicName::parse("a/b").unwrap();
        let filter = TopicFilter::parse("+").unwrap();
        let long = "x".repeat(ARN_BYTES);
        for (resource, expected) in [
            (Resource::Client(&client), Some("arn:aws:iot:us-east-1:000000000000:client/é*")),
            (Resource::Thing(&thing), Some("arn:aws:iot:us-east-1:000000000000:thing/thing-1")),
            (
                Resource::Shadow { thing: &thing, shadow: "s" },
                Some("arn:aws:iot:us-east-1:000000000000:thing/thing-1/s"),
            ),
            (Resource::Topic(&topic), Some("arn:aws:iot:us-east-1:000000000000:topic/a/b")),
            (Resource::TopicFilter(&filter), Some("arn:aws:iot:us-east-1:000000000000:topicfilter/+")),
            (Resource::RoleAlias("r"), Some("arn:aws:iot:us-east-1:000000000000:rolealias/r")),
            (Resource::All, Some("*")),
            (Resource::Arn("arn:x"), Some("arn:x")),
            (Resource::Arn(&long), Some(&*long)),
            (Resource::RoleAlias(&long), None),
        ] {
            let mut buffer = [0; ARN_BYTES];
            assert_eq!(resource.arn(prefix, &mut buffer), expected, "{resource}");
            if let Some(expected) = expected {
                assert_eq!(resource.to_arn(prefix), expected);
            }
        }
    }

    #[test]
    fn the_longest_resources_of_a_connection_have_room() {
        let prefix = format!("arn:aws:iot:{}:000000000000:", "r".repeat(32));
        let filter = TopicFilter::parse(&"x".repeat(256)).unwrap();
        assert!(Resource::TopicFilter(&filter).arn(&prefix, &mut [0; ARN_BYTES]).is_some());
    }
}
