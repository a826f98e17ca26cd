//! Every function of the reference, by name.

use std::ops::RangeInclusive;

use super::{Availability, Function, FunctionGroup, Invocation, LiteralArgument};
use super::{collection, encoding, hash, math, message, regular_expression, text, time};
use crate::evaluation::Answer;

type Body = for<'v> fn(Invocation<'v>) -> Answer<'v>;

const fn function(
    name: &'static str,
    group: FunctionGroup,
    parameters: &'static str,
    arity: RangeInclusive<usize>,
    body: Body,
) -> Function {
    let (availability, literal) = (Availability::Built(body), LiteralArgument::None);
    Function { name, group, parameters, arity, availability, literal }
}

const fn math(name: &'static str, parameters: &'static str, arity: usize, body: Body) -> Function {
    function(name, FunctionGroup::Mathematics, parameters, arity..=arity, body)
}

const fn text(name: &'static str, parameters: &'static str, arity: usize, body: Body) -> Function {
    function(name, FunctionGroup::Text, parameters, arity..=arity, body)
}

const fn hash(name: &'static str, body: Body) -> Function {
    function(name, FunctionGroup::Encoding, "text", 1..=1, body)
}

const fn message(
    name: &'static str,
    parameters: &'static str,
    arity: RangeInclusive<usize>,
    body: Body,
) -> Function {
    function(name, FunctionGroup::Message, parameters, arity, body)
}

const fn prepared(function: Function, literal: LiteralArgument) -> Function {
    let Function { name, group, parameters, arity, availability, literal: _ } = function;
    Function { name, group, parameters, arity, availability, literal }
}

const fn not_built(name: &'static str, parameters: &'static str, reason: &'static str) -> Function {
    Function {
        name,
        group: FunctionGroup::Services,
        parameters,
        arity: 0..=usize::MAX,
        availability: Availability::NotBuilt { reason },
        literal: LiteralArgument::None,
    }
}

/// Every function of the reference, by name.
pub(super) static FUNCTIONS: &[Function] = &[
    math("abs", "number", 1, math::abs),
    message("accountid", "", 0..=0, message::accountid),
    math("acos", "number", 1, math::acos),
    math("asin", "number", 1, math::asin),
    math("atan", "number", 1, math::atan),
    math("atan2", "y, x", 2, math::atan2),
    not_built(
        "aws_lambda",
        "functionArn, input",
        "an evaluation waits for no other service; use a lambda action",
    ),
    math("bitand", "int, int", 2, math::bitand),
    math("bitnot", "int", 1, math::bitnot),
    math("bitor", "int, int", 2, math::bitor),
    math("bitxor", "int, int", 2, math::bitxor),
    Function {
        name: "cast",
        group: FunctionGroup::Conversion,
        parameters: "value AS type",
        arity: 1..=1,
        availability: Availability::Syntax,
        literal: LiteralArgument::None,
    },
    math("ceil", "number", 1, math::ceil),
    text("chr", "int", 1, text::chr),
    message("clientid", "", 0..=0, message::clientid),
    function("concat", FunctionGroup::Collections, "value, …", 0..=usize::MAX, collection::concat),
    math("cos", "number", 1, math::cos),
    math("cosh", "number", 1, math::cosh),
    prepared(
        function("decode", FunctionGroup::Encoding, "text, 'base64'", 2..=2, encoding::decode),
        LiteralArgument::DecodingScheme,
    ),
    prepared(
        function("encode", FunctionGroup::Encoding, "value or *, 'base64'", 2..=2, encoding::encode),
        LiteralArgument::EncodingScheme,
    ),
    text("endswith", "text, end", 2, text::endswith),
    math("exp", "number", 1, math::exp),
    math("floor", "number", 1, math::floor),
    function(
        "get",
        FunctionGroup::Collections,
        "array, text or object, index or name",
        2..=2,
        collection::get,
    ),
    not_built(
        "get_dynamodb",
        "table, partitionKey, value[, sortKey, value], roleArn",
        "an evaluation waits for no other service",
    ),
    message("get_mqtt_property", "name", 1..=1, message::get_mqtt_property),
    function("get_or_default", FunctionGroup::Missing, "value[, default]", 1..=2, collection::get_or_default),
    not_built("get_registry_data", "api, thingName, roleArn", "an evaluation waits for no registry"),
    not_built("get_secret", "secretId, type[, key], roleArn", "an evaluation waits for no other service"),
    not_built("get_thing_shadow", "thingName[, shadowName], roleArn", "there are no shadows"),
    message("get_user_properties", "[name]", 0..=1, message::get_user_properties),
    text("indexof", "text, part", 2, text::indexof),
    function("isNull", FunctionGroup::Missing, "value", 1..=1, collection::is_null),
    function("isUndefined", FunctionGroup::Missing, "value", 1..=1, collection::is_undefined),
    text("length", "text", 1, text::length),
    math("ln", "number", 1, math::ln),
    math("log", "number", 1, math::log),
    text("lower", "text", 1, text::lower),
    text("lpad", "text, count", 2, text::lpad),
    text("ltrim", "text", 1, text::ltrim),
    not_built("machinelearning_predict", "modelId, roleArn, record", "Amazon Machine Learning is closed"),
    hash("md2", hash::md2),
    hash("md5", hash::md5),
    math("mod", "number, number", 2, math::remainder),
    function("nanvl", FunctionGroup::Missing, "value, value", 2..=2, collection::nanvl),
    message("newuuid", "", 0..=0, message::newuuid),
    text("numbytes", "text", 1, text::numbytes),
    prepared(
        function("parse_time", FunctionGroup::Time, "pattern, milliseconds[, zone]", 2..=3, time::parse_time),
        LiteralArgument::FormatPattern,
    ),
    math("power", "number, number", 2, math::power),
    message("principal", "", 0..=0, message::principal),
    function("rand", FunctionGroup::Mathematics, "", 0..=0, message::rand),
    prepared(
        function(
            "regexp_matches",
            FunctionGroup::RegularExpressions,
            "text, expression",
            2..=2,
            regular_expression::matches,
        ),
        LiteralArgument::Regex,
    ),
    prepared(
        function(
            "regexp_replace",
            FunctionGroup::RegularExpressions,
            "text, expression, replacement",
            3..=3,
            regular_expression::replace,
        ),
        LiteralArgument::Regex,
    ),
    prepared(
        function(
            "regexp_substr",
            FunctionGroup::RegularExpressions,
            "text, expression",
            2..=2,
            regular_expression::substr,
        ),
        LiteralArgument::Regex,
    ),
    math("remainder", "number, number", 2, math::remainder),
    text("replace", "text, part, replacement", 3, text::replace),
    math("round", "number", 1, math::round),
    text("rpad", "text, count", 2, text::rpad),
    text("rtrim", "text", 1, text::rtrim),
    hash("sha1", hash::sha1),
    hash("sha224", hash::sha224),
    hash("sha256", hash::sha256),
    hash("sha384", hash::sha384),
    hash("sha512", hash::sha512),
    math("sign", "number", 1, math::sign),
    math("sin", "number", 1, math::sin),
    math("sinh", "number", 1, math::sinh),
    message("sourceip", "", 0..=0, message::sourceip),
    message("sql_version", "", 0..=0, message::sql_version),
    math("sqrt", "number", 1, math::sqrt),
    text("startswith", "text, start", 2, text::startswith),
    function("substring", FunctionGroup::Text, "text, from[, to]", 2..=3, text::substring),
    math("tan", "number", 1, math::tan),
    math("tanh", "number", 1, math::tanh),
    prepared(
        function("time_to_epoch", FunctionGroup::Time, "text, pattern", 2..=2, time::time_to_epoch),
        LiteralArgument::ParsePattern,
    ),
    function("timestamp", FunctionGroup::Time, "", 0..=0, message::timestamp),
    message("topic", "[level]", 0..=1, message::topic),
    message("traceid", "", 0..=0, message::traceid),
    function(
        "transform",
        FunctionGroup::Collections,
        "'enrichArray', object, array",
        3..=3,
        collection::transform,
    ),
    text("trim", "text", 1, text::trim),
    function("trunc", FunctionGroup::Mathematics, "number, places", 2..=2, math::trunc),
    text("upper", "text", 1, text::upper),
];
