//! Functions of numbers.

use super::Invocation;
use crate::evaluation::Answer;
use crate::number::Number;
use crate::value::Value;

/// Decimal places that `trunc` keeps at most.
const TRUNC_PLACES_MAX: i64 = 34;

/// A function of one number.
fn unary(call: Invocation<'_>, function: impl FnOnce(Number) -> Option<Number>) -> Answer<'_> {
    Ok(Value::number(call.number(0).and_then(function)).into())
}

/// A function of one number in double precision. What is no finite real number is Undefined.
fn double(call: Invocation<'_>, function: fn(f64) -> f64) -> Answer<'_> {
    unary(call, |number| Number::from_double(function(number.to_double())))
}

/// A function of two numbers.
fn binary(call: Invocation<'_>, function: impl FnOnce(Number, Number) -> Option<Number>) -> Answer<'_> {
    let arguments = call.number(0).zip(call.number(1));
    Ok(Value::number(arguments.and_then(|(left, right)| function(left, right))).into())
}

/// A function of the bits of two Ints; what is none is rounded down.
fn bits(call: Invocation<'_>, function: fn(i128, i128) -> i128) -> Answer<'_> {
    binary(call, |left, right| Some(Number::from_i128(function(left.floor()?, right.floor()?))))
}

pub(super) fn abs(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |number| Some(number.absolute()))
}

pub(super) fn acos(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::acos)
}

pub(super) fn asin(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::asin)
}

pub(super) fn atan(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::atan)
}

pub(super) fn atan2(call: Invocation<'_>) -> Answer<'_> {
    binary(call, |y, x| Number::from_double(y.to_double().atan2(x.to_double())))
}

pub(super) fn bitand(call: Invocation<'_>) -> Answer<'_> {
    bits(call, |left, right| left & right)
}

pub(super) fn bitor(call: Invocation<'_>) -> Answer<'_> {
    bits(call, |left, right| left | right)
}

pub(super) fn bitxor(call: Invocation<'_>) -> Answer<'_> {
    bits(call, |left, right| left ^ right)
}

/// The reference's example is 2 for 13: of the bits that it takes to write the number, those that are not set. A negative
/// number has no such length, and all its bits are inverted.
pub(super) fn bitnot(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |number| {
        let int = number.floor()?;
        let length = i128::BITS - int.leading_zeros();
        let mask = if int < 0 { -1 } else { (1_i128 << length.max(1)) - 1 };
        Some(Number::from_i128(!int & mask))
    })
}

pub(super) fn ceil(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |number| number.ceil().map(Number::Int))
}

pub(super) fn cos(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::cos)
}

pub(super) fn cosh(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::cosh)
}

pub(super) fn exp(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::exp)
}

pub(super) fn floor(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |number| number.floor().map(Number::Int))
}

pub(super) fn ln(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::ln)
}

pub(super) fn log(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::log10)
}

pub(super) fn power(call: Invocation<'_>) -> Answer<'_> {
    binary(call, |base, exponent| Number::from_double(base.to_double().powf(exponent.to_double())))
}

pub(super) fn remainder(call: Invocation<'_>) -> Answer<'_> {
    binary(call, |left, right| left.remainder(&right))
}

pub(super) fn round(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |number| number.round().map(Number::Int))
}

pub(super) fn sign(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |number| Some(Number::from_i64(number.signum())))
}

pub(super) fn sin(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::sin)
}

pub(super) fn sinh(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::sinh)
}

pub(super) fn sqrt(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::sqrt)
}

pub(super) fn tan(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::tan)
}

pub(super) fn tanh(call: Invocation<'_>) -> Answer<'_> {
    double(call, f64::tanh)
}

pub(super) fn trunc(call: Invocation<'_>) -> Answer<'_> {
    // The number of places converts from no string, unlike the number itself.
    let places = call.argument(1).as_number().map(|places| places.floor_saturating());
    unary(call, |number| Some(number.truncated(places?.clamp(0, TRUNC_PLACES_MAX))))
}
