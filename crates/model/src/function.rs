use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::name::{InvalidName, NameRule, name_type};
use crate::queue::is_partition;
use crate::uuid::uuid_type;
use crate::{AccountId, Environment, LayerName, LayerVersionId, QueueArn, RuntimeName, Scope, UnixTime};

name_type! {
    /// The name of a function: 1 to 64 characters of letters, digits and `-_`.
    FunctionName,
    NameRule {
        kind: "function name",
        length_max: 64,
        punctuation: "-_",
        allowed: "letters, digits and - _",
        may_be_empty: false,
    }
}

name_type! {
    /// The id of a statement among the permissions of a function: 1 to 100 characters of letters, digits and `-_`.
    StatementId,
    NameRule {
        kind: "statement id",
        length_max: 100,
        punctuation: "-_",
        allowed: "letters, digits and - _",
        may_be_empty: false,
    }
}

uuid_type! {
    /// The id of one state of a function: every change gives it another.
    RevisionId
}

/// A function, in its only version `$LATEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: FunctionName,
    /// What its operator says of it.
    pub description: FunctionDescription,
    /// What runs it.
    pub runtime: RuntimeName,
    /// What of its code is called.
    pub handler: Handler,
    /// The role that it would have on AWS.
    pub role: RoleArn,
    /// How long an invocation may take, in seconds: [`Function::TIMEOUT_S_MIN`] to [`Function::TIMEOUT_S_MAX`].
    pub timeout_s: u16,
    /// How much memory it may use, in MiB: [`Function::MEMORY_MIB_MIN`] to [`Function::MEMORY_MIB_MAX`].
    pub memory_mib: u16,
    /// Its environment variables.
    pub environment: Environment,
    /// The layers that are laid under its code, at most [`Function::LAYERS_MAX`]: a later one covers an earlier one.
    pub layers: Vec<LayerVersionId>,
    /// Its code.
    pub code: CodeSha256,
    /// How large the archive of its code is, in bytes.
    pub code_size: u64,
    /// The id of this state of it.
    pub revision: RevisionId,
    /// When it was created.
    pub created_at: UnixTime,
    /// When its code or its configuration last changed.
    pub modified_at: UnixTime,
    /// How many invocations may run at a time, if it has a number of its own; none run when it is 0.
    pub reserved_concurrency: Option<u32>,
    /// Who may invoke it, by statement.
    pub permissions: Vec<FunctionPermission>,
    /// The queue for the events that it failed on.
    pub dead_letter_target: Option<QueueArn>,
}

/// A statement of who may invoke a function. Landfall keeps it and does not demand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionPermission {
    /// Its id, which no other statement of the function has.
    pub sid: StatementId,
    /// The statement: JSON text of an object that was made from what AddPermission gave.
    pub statement: Arc<str>,
}

/// What an operator says of a function or of a layer: at most 256 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FunctionDescription(Arc<str>);

/// What of a function's code is called, as `index.handler`: 1 to 128 characters without white space.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handler(Arc<str>);

/// The ARN of a role, as `arn:aws:iam::000000000000:role/functions`. Landfall has no roles: any well-formed one will do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn(Arc<str>);

/// The SHA-256 of an archive of code, written in Base64 as AWS does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeSha256([u8; 32]);

/// A text that is not the ARN of a role.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{found:?} is not the ARN of a role, as arn:aws:iam::000000000000:role/functions is")]
pub struct InvalidRoleArn {
    /// The start of what was found.
    pub found: String,
}

/// A function whose settings are not in their bounds.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidFunction {
    /// The time that an invocation may take.
    #[error("timeout of {found} s; {min} to {max} s are allowed",
        min = Function::TIMEOUT_S_MIN, max = Function::TIMEOUT_S_MAX)]
    Timeout {
        /// What was found, in seconds.
        found: i64,
    },
    /// The memory.
    #[error("memory of {found} MiB; {min} to {max} MiB are allowed",
        min = Function::MEMORY_MIB_MIN, max = Function::MEMORY_MIB_MAX)]
    Memory {
        /// What was found, in MiB.
        found: i64,
    },
    /// Too many layers.
    #[error("{found} layers; at most {max} are allowed", max = Function::LAYERS_MAX)]
    Layers {
        /// How many there were.
        found: usize,
    },
    /// One layer in two versions, or twice.
    #[error("layer {0} is there more than once; name one version of it")]
    LayerTwice(LayerName),
}

/// A text that names no function here.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidFunctionReference {
    /// It is neither a name nor an ARN.
    #[error("{found:?} names no function, as name, {account}:function:name and {prefix}function:name do")]
    Malformed {
        /// The start of what was found.
        found: String,
        /// This server's account.
        account: AccountId,
        /// What the ARN of everything of Lambda begins with here.
        prefix: String,
    },
    /// It is of another account or region.
    #[error(
        "function {found:?} is of another account or region; the functions here begin with {prefix}function:"
    )]
    Foreign {
        /// The start of what was found.
        found: String,
        /// What the ARN of everything of Lambda begins with here.
        prefix: String,
    },
    /// It names a version or an alias.
    #[error(
        "function {name} has neither versions nor aliases here, so not {qualifier:?}; leave it out, or write $LATEST"
    )]
    Qualifier {
        /// The function.
        name: FunctionName,
        /// The start of the qualifier.
        qualifier: String,
    },
    /// The name in it is not one of a function.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

// The limits are those of <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
impl Function {
    /// The least time that an invocation can be given, in seconds.
    pub const TIMEOUT_S_MIN: u16 = 1;
    /// The most time that an invocation can be given, in seconds.
    pub const TIMEOUT_S_MAX: u16 = 900;
    /// The time that an invocation may take when nobody says, in seconds.
    pub const TIMEOUT_S_DEFAULT: u16 = 3;

    /// The least memory, in MiB.
    pub const MEMORY_MIB_MIN: u16 = 128;
    /// The most memory, in MiB.
    pub const MEMORY_MIB_MAX: u16 = 10_240;
    /// The memory when nobody says, in MiB.
    pub const MEMORY_MIB_DEFAULT: u16 = 128;

    /// The most layers that a function can have.
    pub const LAYERS_MAX: usize = 5;

    /// The most bytes of all permissions of a function together.
    pub const PERMISSIONS_BYTES_MAX: usize = 20_480;

    /// The only version of every function.
    pub const VERSION: &str = "$LATEST";

    /// The time that an invocation may take, from a number of seconds.
    ///
    /// # Errors
    /// It is not in its bounds.
    pub fn parse_timeout_s(found: i64) -> Result<u16, InvalidFunction> {
        let timeout_s = u16::try_from(found).ok();
        let is_allowed = |found: &u16| (Self::TIMEOUT_S_MIN..=Self::TIMEOUT_S_MAX).contains(found);
        timeout_s.filter(is_allowed).ok_or(InvalidFunction::Timeout { found })
    }

    /// The memory, from a number of MiB.
    ///
    /// # Errors
    /// It is not in its bounds.
    pub fn parse_memory_mib(found: i64) -> Result<u16, InvalidFunction> {
        let memory_mib = u16::try_from(found).ok();
        let is_allowed = |found: &u16| (Self::MEMORY_MIB_MIN..=Self::MEMORY_MIB_MAX).contains(found);
        memory_mib.filter(is_allowed).ok_or(InvalidFunction::Memory { found })
    }

    /// Checks the layers of a function.
    ///
    /// # Errors
    /// There are more than [`Self::LAYERS_MAX`], or one layer is there more than once.
    pub fn check_layers(layers: &[LayerVersionId]) -> Result<(), InvalidFunction> {
        if layers.len() > Self::LAYERS_MAX {
            return Err(InvalidFunction::Layers { found: layers.len() });
        }
        let mut names: Vec<&LayerName> = layers.iter().map(|version| &version.layer).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            None => Ok(()),
            Some(pair) => {
                pair.first().map_or(Ok(()), |name| Err(InvalidFunction::LayerTwice((*name).clone())))
            }
        }
    }
}

impl Scope {
    /// The part that every ARN of Lambda here begins with, up to and with the last colon.
    pub fn lambda_arn_prefix(&self) -> String {
        format!("arn:aws:lambda:{}:{}:", self.region, self.account)
    }

    /// The ARN of a function.
    pub fn function_arn(&self, name: &FunctionName) -> String {
        format!("{}function:{name}", self.lambda_arn_prefix())
    }

    /// The function that a text names: by its name, a partial ARN as `000000000000:function:name`, or its ARN; each with
    /// the qualifier `:$LATEST` or without. Whether it exists is not asked.
    ///
    /// # Errors
    /// The text is of none of these forms, or of another account or region, or has another qualifier.
    pub fn parse_function(&self, text: &str) -> Result<FunctionName, InvalidFunctionReference> {
        let found = || text.chars().take(REFERENCE_SHOWN_MAX).collect();
        let malformed = || InvalidFunctionReference::Malformed {
            found: found(),
            account: self.account.clone(),
            prefix: self.lambda_arn_prefix(),
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (name, qualifiers, is_ours) = match parts.as_slice() {
            ["arn", partition, "lambda", region, account, "function", name, qualifiers @ ..]
                if is_partition(partition) =>
            {
                let is_ours = *region == self.region.as_str() && *account == self.account.as_str();
                (*name, qualifiers, is_ours)
            }
            // A function can have the name `function`, which its qualifier then follows.
            ["function", name, qualifiers @ ..] if *name != Function::VERSION => (*name, qualifiers, true),
            [account, "function", name, qualifiers @ ..] if AccountId::parse(account).is_ok() => {
                (*name, qualifiers, *account == self.account.as_str())
            }
            [name] => (*name, [].as_slice(), true),
            [name, qualifier] => (*name, std::slice::from_ref(qualifier), true),
            _ => return Err(malformed()),
        };
        if !is_ours {
            return Err(InvalidFunctionReference::Foreign {
                found: found(),
                prefix: self.lambda_arn_prefix(),
            });
        }
        let name = FunctionName::parse(name)?;
        match qualifiers {
            [] | [Function::VERSION] => Ok(name),
            [qualifier] => {
                let qualifier = qualifier.chars().take(REFERENCE_SHOWN_MAX).collect();
                Err(InvalidFunctionReference::Qualifier { name, qualifier })
            }
            _ => Err(malformed()),
        }
    }
}

impl FunctionDescription {
    /// The most characters.
    pub const LENGTH_MAX: usize = 256;

    /// Parses a description.
    ///
    /// # Errors
    /// The text is too long.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        check_length("description", Self::LENGTH_MAX, text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Handler {
    /// The most characters.
    pub const LENGTH_MAX: usize = 128;

    /// Parses a handler.
    ///
    /// # Errors
    /// The text is empty, too long, or has white space or a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        const KIND: &str = "handler";
        if text.is_empty() {
            return Err(InvalidName::Empty { kind: KIND, length_max: Self::LENGTH_MAX });
        }
        check_length(KIND, Self::LENGTH_MAX, text)?;
        match text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            None => Ok(Self(text.into())),
            Some(found) => Err(InvalidName::Character {
                kind: KIND,
                value: text.chars().take(TEXT_SHOWN_MAX).collect(),
                found,
                allowed: "all but white space and control characters",
            }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RoleArn {
    /// The most characters (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>).
    pub const LENGTH_MAX: usize = 2_048;

    /// Parses the ARN of a role.
    ///
    /// # Errors
    /// The text is not of the form `arn:aws:iam::ACCOUNT:role/NAME`.
    pub fn parse(text: &str) -> Result<Self, InvalidRoleArn> {
        let is_role = text.len() <= Self::LENGTH_MAX && is_role_arn(text);
        let invalid = || InvalidRoleArn { found: text.chars().take(REFERENCE_SHOWN_MAX).collect() };
        is_role.then(|| Self(text.into())).ok_or_else(invalid)
    }

    /// The ARN as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CodeSha256 {
    /// The code with this SHA-256.
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The SHA-256.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The SHA-256 in 64 lower-case hex digits: a name for files, which Base64 is not.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

/// How many characters of a wrong reference an error repeats.
pub(crate) const REFERENCE_SHOWN_MAX: usize = 256;

/// How many characters of a wrong text an error repeats.
const TEXT_SHOWN_MAX: usize = 80;

/// Checks that a text has at most so many characters.
pub(crate) fn check_length(kind: &'static str, length_max: usize, text: &str) -> Result<(), InvalidName> {
    let found = text.chars().count();
    if found > length_max {
        return Err(InvalidName::TooLong { kind, length_max, found });
    }
    Ok(())
}

/// As the pattern of the published service model: `arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`.
fn is_role_arn(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
    match text.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            (partition.is_empty() || is_partition(partition))
                && AccountId::parse(account).is_ok()
                && resource
                    .strip_prefix("role/")
                    .is_some_and(|name| !name.is_empty() && name.bytes().all(allowed))
        }
        _ => false,
    }
}

impl fmt::Display for FunctionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CodeSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for CodeSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodeSha256({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Region;

    fn scope() -> Scope {
        Scope {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("eu-west-1").unwrap(),
        }
    }

    #[test]
    fn a_function_is_named_in_every_form_of_aws() {
        let name = FunctionName::parse("jitr-1_A").unwrap();
        let arn = scope().function_arn(&name);
        assert_eq!(arn, "arn:aws:lambda:eu-west-1:123456789012:function:jitr-1_A");
        for form in ["jitr-1_A", "function:jitr-1_A", "123456789012:function:jitr-1_A", &arn] {
            assert_eq!(scope().parse_function(form), Ok(name.clone()), "{form}");
            assert_eq!(scope().parse_function(&format!("{form}:$LATEST")), Ok(name.clone()), "{form}");
            let qualified = scope().parse_function(&format!("{form}:prod"));
            let expected =
                InvalidFunctionReference::Qualifier { name: name.clone(), qualifier: "prod".to_owned() };
            assert_eq!(qualified, Err(expected), "{form}");
        }
    }

    #[test]
    fn a_function_can_be_called_function() {
        let name = FunctionName::parse("function").unwrap();
        for form in
            ["function", "function:$LATEST", "function:function:$LATEST", &scope().function_arn(&name)]
        {
            assert_eq!(scope().parse_function(form), Ok(name.clone()), "{form}");
        }
    }

    #[test]
    fn what_names_no_function_is_refused() {
        for foreign in [
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "arn:aws:lambda:eu-west-1:000000000000:function:f",
            "000000000000:function:f",
        ] {
            let error = scope().parse_function(foreign).unwrap_err();
            assert!(matches!(error, InvalidFunctionReference::Foreign { .. }), "{error}");
        }
        for malformed in [
            "arn:aws:iot:eu-west-1:123456789012:function:f",
            "arn:gcp:lambda:eu-west-1:123456789012:function:f",
            "arn:aws:lambda:eu-west-1:123456789012:layer:f",
            "12345:function:f",
            "a:b:c",
            "f:$LATEST:1",
            "function:f:$LATEST:1",
        ] {
            let error = scope().parse_function(malformed).unwrap_err();
            assert!(matches!(error, InvalidFunctionReference::Malformed { .. }), "{malformed}: {error}");
        }
        for unnamed in
            ["", "a b", "a.b", ":$LATEST", "arn:aws:lambda:eu-west-1:123456789012:function:", &"f".repeat(65)]
        {
            let error = scope().parse_function(unnamed).unwrap_err();
            assert!(matches!(error, InvalidFunctionReference::Name(_)), "{unnamed}: {error}");
        }
    }

    #[test]
    fn bounds_belong_to_the_range() {
        for (found, expected) in
            [(0, None), (1, Some(1)), (900, Some(900)), (901, None), (-1, None), (1 << 20, None)]
        {
            assert_eq!(Function::parse_timeout_s(found).ok(), expected, "{found}");
        }
        for (found, expected) in
            [(127, None), (128, Some(128)), (10_240, Some(10_240)), (10_241, None), (-1, None)]
        {
            assert_eq!(Function::parse_memory_mib(found).ok(), expected, "{found}");
        }
        let error = Function::parse_timeout_s(901).unwrap_err().to_string();
        assert_eq!(error, "timeout of 901 s; 1 to 900 s are allowed");
    }

    #[test]
    fn a_function_has_at_most_five_layers_each_once() {
        let layer = |name: &str, version| LayerVersionId { layer: LayerName::parse(name).unwrap(), version };
        let five: Vec<_> = ["e", "b", "d", "c", "a"].into_iter().map(|name| layer(name, 1)).collect();
        assert_eq!(Function::check_layers(&five), Ok(()));
        assert_eq!(Function::check_layers(&[]), Ok(()));
        let six: Vec<_> = five.iter().cloned().chain([layer("f", 1)]).collect();
        assert_eq!(Function::check_layers(&six), Err(InvalidFunction::Layers { found: 6 }));
        let twice = [layer("a", 1), layer("b", 1), layer("a", 2)];
        assert_eq!(
            Function::check_layers(&twice),
            Err(InvalidFunction::LayerTwice(LayerName::parse("a").unwrap()))
        );
    }

    #[test]
    fn any_well_formed_role_will_do() {
        for good in [
            "arn:aws:iam::123456789012:role/jitr",
            "arn:aws-cn:iam::123456789012:role/service-role/jitr_1+=,.@-",
            "arn::iam::123456789012:role/x",
        ] {
            assert_eq!(RoleArn::parse(good).unwrap().to_string(), good);
        }
        let long = format!("arn:aws:iam::123456789012:role/{}", "r".repeat(RoleArn::LENGTH_MAX));
        for bad in [
            "",
            "jitr",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::12345678901:role/x",
            "arn:aws:iam:us-east-1:123456789012:role/x",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:iam::123456789012:role/a:b",
            &long,
        ] {
            assert!(RoleArn::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn texts_have_limits() {
        for good in ["index.handler", "a/b.c::D", &"h".repeat(128), "ünï.x"] {
            assert_eq!(Handler::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\n", "a\0", &"h".repeat(129)] {
            assert!(Handler::parse(bad).is_err(), "{bad}");
        }
        assert!(FunctionDescription::parse(&"ß".repeat(256)).is_ok());
        assert!(FunctionDescription::parse(&"ß".repeat(257)).is_err());
        assert_eq!(FunctionDescription::default().as_str(), "");
    }

    #[test]
    fn code_is_told_as_aws_does() {
        let code = CodeSha256::from_sha256([0xff; 32]);
        assert_eq!(code.to_string(), "//////////////////////////////////////////8=");
        assert_eq!(code.to_hex(), "ff".repeat(32));
    }
}
