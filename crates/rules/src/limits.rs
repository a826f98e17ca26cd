//! How much of everything there may be.

/// Longest SQL statement or template, in bytes of UTF-8: the size AWS IoT allows for a rule.
pub const SQL_BYTES_MAX: usize = 256 * 1024;

/// How deep parentheses, arguments, queries and literals may stand inside each other.
pub const SQL_NESTING_MAX: usize = 32;

/// Most variables of a SET clause.
pub const VARIABLES_MAX: usize = 64;

/// Longest name of a variable, in characters, without its `@`.
pub const VARIABLE_NAME_CHARACTERS_MAX: usize = 64;

/// Longest payload of a message, in bytes: AWS IoT's limit on what is published.
pub const PAYLOAD_BYTES_MAX: usize = 128 * 1024;

/// How deep arrays and objects of a payload may be nested. A deeper payload is taken as bytes.
pub const JSON_NESTING_MAX: u16 = 64;

/// How deep arrays and objects of a result may be nested.
pub const VALUE_NESTING_MAX: u16 = 128;

/// Longest result of a rule or of a template, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 512 * 1024;

/// The work that one evaluation may do: about a byte looked at or made each.
///
/// It bounds what nested queries, variables that double, and regular expressions can cost, in time and in memory.
pub const EVALUATION_WORK_MAX: u64 = 16 * 1024 * 1024;

/// Longest regular expression, in bytes of UTF-8.
pub const REGEX_BYTES_MAX: usize = 1024;

/// The most memory of a compiled regular expression, in bytes.
pub const REGEX_PROGRAM_BYTES_MAX: usize = 64 * 1024;

/// Longest pattern of a date or a time, in bytes of UTF-8.
pub const TIME_PATTERN_BYTES_MAX: usize = 256;

/// Longest array that `transform` returns, as JSON, in bytes.
pub const TRANSFORM_BYTES_MAX: usize = 128 * 1024;

/// Most spaces that `lpad` and `rpad` add.
pub const PADDING_MAX: i64 = 1000;

/// Most digits of an Int, and of the precision of a Decimal.
pub const NUMBER_DIGITS_MAX: u64 = 34;

/// The largest exponent of a Decimal in scientific notation, and the smallest with its sign changed.
pub const NUMBER_EXPONENT_MAX: i64 = 999;

/// Longest text of a number that is calculated with, in bytes: enough for every Decimal in plain notation.
pub const NUMERAL_BYTES_MAX: usize = 1100;

/// Longest JSON of a topic rule, in bytes of UTF-8: the size AWS IoT allows for a rule.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// Most actions of a rule, besides its error action.
pub const ACTIONS_MAX: usize = 10;

/// Longest URL of an action, in bytes, after substitution.
pub const URL_BYTES_MAX: usize = 2000;

/// Most headers of an `http` action.
pub const HTTP_HEADERS_MAX: usize = 100;

/// Longest name of a header of an `http` action, in bytes.
pub const HTTP_HEADER_NAME_BYTES_MAX: usize = 256;

/// Longest value of a header of an `http` action, in bytes, after substitution.
pub const HTTP_HEADER_VALUE_BYTES_MAX: usize = 8 * 1024;

/// Longest MQTT property of a `republish` action, in bytes, after substitution.
pub const REPUBLISH_PROPERTY_BYTES_MAX: usize = 1024;

/// Most user properties of a `republish` action.
pub const USER_PROPERTIES_MAX: usize = 100;

/// How deep lists and maps of an item may be nested: the limit of DynamoDB.
pub const ITEM_NESTING_MAX: u16 = 32;

/// Most digits of a number of DynamoDB.
pub const ITEM_NUMBER_DIGITS_MAX: usize = 38;

/// Longest name of an attribute of DynamoDB that is a key, in bytes, after substitution. Other columns have the same limit here.
pub const ITEM_ATTRIBUTE_NAME_BYTES_MAX: usize = 255;

/// Longest namespace and name of a metric, in characters, after substitution.
pub const METRIC_NAME_CHARACTERS_MAX: usize = 255;

/// Most arguments of an `exec` action, besides the program.
pub const EXEC_ARGUMENTS_MAX: usize = 64;

/// Longest argument of an `exec` action, in bytes, after substitution; half of what Linux allows for one.
pub const EXEC_ARGUMENT_BYTES_MAX: usize = 64 * 1024;
