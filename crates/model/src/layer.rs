use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::function::{REFERENCE_SHOWN_MAX, check_length};
use crate::name::{InvalidName, NameRule, name_type};
use crate::queue::is_partition;
use crate::{CodeSha256, FunctionDescription, RuntimeName, Scope, UnixTime};

name_type! {
    /// The name of a layer: 1 to 140 characters of letters, digits and `-_`.
    LayerName,
    NameRule {
        kind: "layer name",
        length_max: 140,
        punctuation: "-_",
        allowed: "letters, digits and - _",
        may_be_empty: false,
    }
}

/// Which version of which layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerVersionId {
    /// The layer.
    pub layer: LayerName,
    /// The number of the version, from 1 to [`LayerVersion::NUMBER_MAX`].
    pub version: u64,
}

/// A version of a layer: files that are laid under the code of functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerVersion {
    /// Which it is.
    pub id: LayerVersionId,
    /// What its operator says of it.
    pub description: FunctionDescription,
    /// Its files.
    pub code: CodeSha256,
    /// How large the archive of its files is, in bytes.
    pub code_size: u64,
    /// What it was made for, at most [`LayerVersion::COMPATIBLE_RUNTIMES_MAX`]. Nothing is refused by it.
    pub compatible_runtimes: Vec<RuntimeName>,
    /// Under which licence it is.
    pub license: Option<LayerLicense>,
    /// When it was published.
    pub created_at: UnixTime,
}

/// What is said of a layer's licence: at most 512 characters in one line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LayerLicense(Arc<str>);

/// A text that names no layer, or no version of one, here.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidLayerReference {
    /// It is not of the right form.
    #[error("{found:?} is not of the form {expected}")]
    Malformed {
        /// The start of what was found.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// It is of another account or region.
    #[error("layer {found:?} is of another account or region; the layers here begin with {prefix}layer:")]
    Foreign {
        /// The start of what was found.
        found: String,
        /// What the ARN of everything of Lambda begins with here.
        prefix: String,
    },
    /// The version is not a number from 1.
    #[error("layer {layer} cannot have a version {found:?}; versions are numbers from 1")]
    Version {
        /// The layer.
        layer: LayerName,
        /// The start of what was found.
        found: String,
    },
    /// The name in it is not one of a layer.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl LayerVersion {
    /// The number of a layer's first version.
    pub const NUMBER_FIRST: u64 = 1;

    /// The highest number that a version can have: what fits into the 64 bits with a sign that registries keep.
    pub const NUMBER_MAX: u64 = i64::MAX.cast_unsigned();

    /// The most runtimes that a version can be said to be for
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html>).
    pub const COMPATIBLE_RUNTIMES_MAX: usize = 15;
}

impl LayerLicense {
    /// The most characters.
    pub const LENGTH_MAX: usize = 512;

    /// Parses what is said of a licence.
    ///
    /// # Errors
    /// The text is too long, or has a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        const KIND: &str = "license";
        check_length(KIND, Self::LENGTH_MAX, text)?;
        match text.chars().find(|c| c.is_control()) {
            None => Ok(Self(text.into())),
            Some(found) => Err(InvalidName::Character {
                kind: KIND,
                value: text.chars().take(SHOWN_MAX).collect(),
                found,
                allowed: "all but control characters",
            }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scope {
    /// The ARN of a layer.
    pub fn layer_arn(&self, layer: &LayerName) -> String {
        format!("{}layer:{layer}", self.lambda_arn_prefix())
    }

    /// The ARN of a version of a layer.
    pub fn layer_version_arn(&self, id: &LayerVersionId) -> String {
        format!("{}:{}", self.layer_arn(&id.layer), id.version)
    }

    /// The layer that a text names: by its name or its ARN. Whether it exists is not asked.
    ///
    /// # Errors
    /// The text is neither, or the ARN is of another account or region.
    pub fn parse_layer(&self, text: &str) -> Result<LayerName, InvalidLayerReference> {
        if !text.contains(':') {
            return Ok(LayerName::parse(text)?);
        }
        match self.parts_of_layer(text)?.as_slice() {
            [name] => Ok(LayerName::parse(name)?),
            _ => Err(self.malformed_layer(text, "")),
        }
    }

    /// The version of a layer that an ARN names. Whether it exists is not asked.
    ///
    /// # Errors
    /// The text is not the ARN of a layer's version, or that is of another account or region.
    pub fn parse_layer_version(&self, arn: &str) -> Result<LayerVersionId, InvalidLayerReference> {
        match self.parts_of_layer(arn)?.as_slice() {
            [name, version] => {
                let layer = LayerName::parse(name)?;
                match parse_version(version) {
                    Some(version) => Ok(LayerVersionId { layer, version }),
                    None => Err(InvalidLayerReference::Version {
                        layer,
                        found: version.chars().take(SHOWN_MAX).collect(),
                    }),
                }
            }
            _ => Err(self.malformed_layer(arn, ":1")),
        }
    }

    /// What follows `layer:` in an ARN of this account and region.
    fn parts_of_layer<'a>(&self, arn: &'a str) -> Result<Vec<&'a str>, InvalidLayerReference> {
        match arn.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "lambda", region, account, "layer", rest @ ..] if is_partition(partition) => {
                if *region == self.region.as_str() && *account == self.account.as_str() {
                    return Ok(rest.to_vec());
                }
                let found = arn.chars().take(REFERENCE_SHOWN_MAX).collect();
                Err(InvalidLayerReference::Foreign { found, prefix: self.lambda_arn_prefix() })
            }
            _ => Err(self.malformed_layer(arn, ":1")),
        }
    }

    fn malformed_layer(&self, text: &str, version: &str) -> InvalidLayerReference {
        InvalidLayerReference::Malformed {
            found: text.chars().take(REFERENCE_SHOWN_MAX).collect(),
            expected: format!("{}layer:name{version}", self.lambda_arn_prefix()),
        }
    }
}

/// How many characters of a wrong text an error repeats.
const SHOWN_MAX: usize = 80;

/// A number from 1, of digits alone.
fn parse_version(text: &str) -> Option<u64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse()
        .ok()
        .filter(|version| (LayerVersion::NUMBER_FIRST..=LayerVersion::NUMBER_MAX).contains(version))
}

impl fmt::Display for LayerVersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.layer, self.version)
    }
}

impl fmt::Display for LayerLicense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Region};

    const PREFIX: &str = "arn:aws:lambda:eu-west-1:123456789012:layer:";

    fn scope() -> Scope {
        Scope {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("eu-west-1").unwrap(),
        }
    }

    #[test]
    fn every_arn_is_read_back() {
        let layer = LayerName::parse("awscli-1_x").unwrap();
        assert_eq!(scope().layer_arn(&layer), format!("{PREFIX}awscli-1_x"));
        assert_eq!(scope().parse_layer(&scope().layer_arn(&layer)), Ok(layer.clone()));
        assert_eq!(scope().parse_layer("awscli-1_x"), Ok(layer.clone()));
        for version in [1, 12, LayerVersion::NUMBER_MAX] {
            let id = LayerVersionId { layer: layer.clone(), version };
            let arn = scope().layer_version_arn(&id);
            assert_eq!(arn, format!("{PREFIX}awscli-1_x:{version}"));
            assert_eq!(scope().parse_layer_version(&arn), Ok(id));
        }
    }

    #[test]
    fn what_names_no_version_is_refused() {
        for version in ["", "0", "-1", "+1", "x", "9223372036854775808", "99999999999999999999"] {
            let error = scope().parse_layer_version(&format!("{PREFIX}l:{version}")).unwrap_err();
            assert!(matches!(error, InvalidLayerReference::Version { .. }), "{error}");
        }
        for foreign in ["us-east-1:123456789012", "eu-west-1:000000000000"] {
            let arn = format!("arn:aws:lambda:{foreign}:layer:l:1");
            let error = scope().parse_layer_version(&arn).unwrap_err();
            assert!(matches!(error, InvalidLayerReference::Foreign { .. }), "{error}");
        }
        for malformed in ["l:1", "l", "", "arn:aws:lambda:eu-west-1:123456789012:function:f:1"] {
            let error = scope().parse_layer_version(malformed).unwrap_err();
            assert!(matches!(error, InvalidLayerReference::Malformed { .. }), "{malformed}: {error}");
        }
        let unversioned = scope().parse_layer_version(&format!("{PREFIX}l")).unwrap_err().to_string();
        assert!(
            unversioned.ends_with("is not of the form arn:aws:lambda:eu-west-1:123456789012:layer:name:1")
        );
        assert!(scope().parse_layer(&format!("{PREFIX}l:1")).is_err());
        assert!(matches!(scope().parse_layer("a b"), Err(InvalidLayerReference::Name(_))));
        assert!(matches!(
            scope().parse_layer_version(&format!("{PREFIX}a b:1")),
            Err(InvalidLayerReference::Name(_))
        ));
    }

    #[test]
    fn a_licence_is_one_line() {
        assert_eq!(LayerLicense::parse("MIT").unwrap().as_str(), "MIT");
        assert!(LayerLicense::parse(&"x".repeat(512)).is_ok());
        assert!(LayerLicense::parse(&"x".repeat(513)).is_err());
        assert!(LayerLicense::parse("a\nb").is_err());
    }
}
