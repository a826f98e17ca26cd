//! Int and Decimal: what arithmetic is done with.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr as _;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, Signed as _, ToPrimitive as _, Zero as _};

use crate::limits::{NUMBER_DIGITS_MAX, NUMBER_EXPONENT_MAX, NUMERAL_BYTES_MAX};

/// A number with the precision of AWS IoT SQL: 34 digits (iot-sql-data-types).
#[derive(Clone, Debug)]
pub(crate) enum Number {
    /// A whole number of at most 34 digits.
    Int(i128),
    /// A decimal fraction. It can be whole: what a function of double precision returns is a Decimal, as 3.0.
    Decimal(BigDecimal),
}

/// The first Int that has too many digits: 10^34.
const INT_END: i128 = 10_i128.pow(34);

impl Number {
    /// Reads a number of JSON or of SQL. A whole one is an Int, as 10.0 (SQL version 2016-03-23).
    ///
    /// Nothing for a number that is beyond the range of a Decimal.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match Self::parse_decimal(text)? {
            Self::Decimal(decimal) if decimal.is_integer() => Some(Self::whole(decimal)),
            number @ (Self::Decimal(_) | Self::Int(_)) => Some(number),
        }
    }

    /// Converts a string as the standard conversions do: `-`, digits, a fraction, an exponent without `+`, nothing around.
    /// The result is a Decimal even if it is whole.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('-').unwrap_or(exponent)),
            None => (unsigned, "0"),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        if !(digits(whole) && digits(fraction) && digits(exponent)) {
            return None;
        }
        Some(Self::Decimal(Self::parse_decimal(text)?.into_decimal()))
    }

    /// A number of double precision. Nothing for what is no number or not finite.
    pub(crate) fn from_double(double: f64) -> Option<Self> {
        if !double.is_finite() {
            return None;
        }
        // The shortest text that means this double; a whole one ends in .0, as AWS prints it.
        Self::decimal(BigDecimal::from_str(&format!("{double:?}")).ok()?)
    }

    pub(crate) fn from_i64(int: i64) -> Self {
        Self::Int(i128::from(int))
    }

    /// An Int; a Decimal if it has too many digits.
    pub(crate) fn from_i128(int: i128) -> Self {
        if int.unsigned_abs() < INT_END.unsigned_abs() {
            Self::Int(int)
        } else {
            Self::Decimal(round_to_precision(BigDecimal::from(int)))
        }
    }

    /// A whole Decimal becomes an Int.
    pub(crate) fn into_whole(self) -> Self {
        match self {
            Self::Decimal(decimal) if decimal.is_integer() => Self::whole(decimal),
            other @ (Self::Decimal(_) | Self::Int(_)) => other,
        }
    }

    pub(crate) fn into_decimal(self) -> BigDecimal {
        match self {
            Self::Int(int) => BigDecimal::from(int),
            Self::Decimal(decimal) => decimal,
        }
    }

    pub(crate) fn to_double(&self) -> f64 {
        match self {
            // Rounding to double precision is what the functions ask for.
            Self::Int(int) => int.to_string().parse().unwrap_or(f64::NAN),
            Self::Decimal(decimal) => decimal.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    /// The largest Int that is not larger. Nothing when it has too many digits.
    pub(crate) fn floor(&self) -> Option<i128> {
        self.rounded(RoundingMode::Floor)
    }

    /// The smallest Int that is not smaller.
    pub(crate) fn ceil(&self) -> Option<i128> {
        self.rounded(RoundingMode::Ceiling)
    }

    /// The nearest Int; of two, the one that is further from zero: 2 for 1.5, and -2 for -1.5.
    pub(crate) fn round(&self) -> Option<i128> {
        self.rounded(RoundingMode::HalfUp)
    }

    /// The largest Int that is not larger, as an index or a count: what is out of reach is as far as it goes.
    pub(crate) fn floor_saturating(&self) -> i64 {
        let end = if self.signum() < 0 { i64::MIN } else { i64::MAX };
        self.floor().and_then(|int| i64::try_from(int).ok()).unwrap_or(end)
    }

    pub(crate) fn signum(&self) -> i64 {
        match self {
            Self::Int(int) => i64::try_from(int.signum()).unwrap_or_default(),
            Self::Decimal(decimal) if decimal.is_zero() => 0,
            Self::Decimal(decimal) if decimal.is_negative() => -1,
            Self::Decimal(_) => 1,
        }
    }

    /// Leaves out what stands behind so many decimal places, and trailing zeros.
    pub(crate) fn truncated(&self, places: i64) -> Self {
        match self {
            Self::Int(int) => Self::Int(*int),
            Self::Decimal(decimal) => {
                let scale = places.min(decimal.fractional_digit_count());
                Self::Decimal(decimal.with_scale_round(scale, RoundingMode::Down).normalized()).into_whole()
            }
        }
    }

    pub(crate) fn absolute(&self) -> Self {
        match self {
            Self::Int(int) => Self::Int(int.abs()),
            Self::Decimal(decimal) => Self::Decimal(decimal.abs()),
        }
    }

    pub(crate) fn negated(&self) -> Self {
        match self {
            Self::Int(int) => Self::Int(-int),
            Self::Decimal(decimal) => Self::Decimal(-decimal),
        }
    }

    /// The sum: an Int of two Ints, else a Decimal. Nothing beyond the range, as with the other operations.
    pub(crate) fn add(&self, other: &Self) -> Option<Self> {
        self.calculate(other, i128::checked_add, |left, right| Some(left + right))
    }

    /// The difference.
    pub(crate) fn subtract(&self, other: &Self) -> Option<Self> {
        self.calculate(other, i128::checked_sub, |left, right| Some(left - right))
    }

    /// The product.
    pub(crate) fn multiply(&self, other: &Self) -> Option<Self> {
        self.calculate(other, i128::checked_mul, |left, right| Some(left * right))
    }

    /// The quotient: of two Ints without its fraction. Nothing when the divisor is zero.
    pub(crate) fn divide(&self, other: &Self) -> Option<Self> {
        self.calculate(other, i128::checked_div, |left, right| {
            let preferred_scale = left.fractional_digit_count() - right.fractional_digit_count();
            let quotient = round_to_precision((!right.is_zero()).then(|| left / right)?).normalized();
            // As few decimal places as there can be, but no fewer than the operands have: 3.00 / 1 is 3.00.
            let scale = quotient.fractional_digit_count().max(preferred_scale);
            Some(quotient.with_scale_round(scale, RoundingMode::HalfEven))
        })
    }

    /// What is left over by a division, with the sign of the dividend. Nothing when the divisor is zero.
    pub(crate) fn remainder(&self, other: &Self) -> Option<Self> {
        self.calculate(other, i128::checked_rem, |left, right| (!right.is_zero()).then(|| left % right))
    }

    fn calculate(
        &self,
        other: &Self,
        ints: fn(i128, i128) -> Option<i128>,
        decimals: fn(BigDecimal, BigDecimal) -> Option<BigDecimal>,
    ) -> Option<Self> {
        if let (Self::Int(left), Self::Int(right)) = (self, other) {
            if let Some(result) = ints(*left, *right) {
                return Some(Self::from_i128(result));
            }
            if *right == 0 {
                return None;
            }
        }
        Self::decimal(decimals(self.clone().into_decimal(), other.clone().into_decimal())?)
    }

    /// A Decimal of the precision that there is. Nothing beyond its range.
    fn decimal(decimal: BigDecimal) -> Option<Self> {
        let decimal = round_to_precision(decimal);
        let in_range = decimal.is_zero() || scientific_exponent(&decimal).abs() <= NUMBER_EXPONENT_MAX;
        in_range.then_some(Self::Decimal(decimal))
    }

    fn parse_decimal(text: &str) -> Option<Self> {
        // 34 digits and a sign always fit, and nearly every number is one of these.
        if text.len() <= 34 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return text.parse().ok().map(Self::Int);
        }
        let exponent = text.split(['e', 'E']).nth(1).unwrap_or("0");
        if text.len() > NUMERAL_BYTES_MAX || exponent.trim_start_matches(['+', '-', '0']).len() > 4 {
            return None;
        }
        Self::decimal(BigDecimal::from_str(text).ok()?)
    }

    fn whole(decimal: BigDecimal) -> Self {
        match decimal.to_i128() {
            Some(int) if int.unsigned_abs() < INT_END.unsigned_abs() => Self::Int(int),
            Some(_) | None => Self::Decimal(decimal),
        }
    }

    fn rounded(&self, mode: RoundingMode) -> Option<i128> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Decimal(decimal) => {
                let int = decimal.with_scale_round(0, mode).to_i128()?;
                (int.unsigned_abs() < INT_END.unsigned_abs()).then_some(int)
            }
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            (Self::Decimal(left), Self::Decimal(right)) => left.cmp(right),
            (Self::Int(left), Self::Decimal(right)) => BigDecimal::from(*left).cmp(right),
            (Self::Decimal(left), Self::Int(right)) => left.cmp(&BigDecimal::from(*right)),
        }
    }
}

/// An Int in standard notation; a Decimal with its decimal places, or in scientific notation where that is shorter by far.
/// Both are numbers of JSON.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = match self {
            Self::Int(int) => return write!(f, "{int}"),
            Self::Decimal(decimal) => decimal,
        };
        let (digits, scale) = decimal.as_bigint_and_scale();
        let sign = if digits.is_negative() { "-" } else { "" };
        let digits = digits.abs().to_string();
        let exponent = i64::try_from(digits.len()).unwrap_or(i64::MAX) - 1 - scale;
        if scale < 0 || exponent < PLAIN_EXPONENT_MIN {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            return write!(f, "{sign}{first}{point}{rest}E{exponent:+}");
        }
        let places = usize::try_from(scale).unwrap_or_default();
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let point = if places == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

/// A Decimal with a smaller exponent is written in scientific notation.
const PLAIN_EXPONENT_MIN: i64 = -6;

fn round_to_precision(decimal: BigDecimal) -> BigDecimal {
    match NonZeroU64::new(NUMBER_DIGITS_MAX) {
        Some(precision) if decimal.digits() > NUMBER_DIGITS_MAX => {
            decimal.with_precision_round(precision, RoundingMode::HalfEven)
        }
        Some(_) | None => decimal,
    }
}

/// The exponent of the first digit.
fn scientific_exponent(decimal: &BigDecimal) -> i64 {
    let (digits, scale) = decimal.as_bigint_and_scale();
    let length = digit_count(&digits);
    length - 1 - scale
}

fn digit_count(digits: &BigInt) -> i64 {
    i64::try_from(digits.abs().to_string().len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    fn shown(number: Option<Number>) -> String {
        number.map_or("nothing".to_owned(), |number| {
            let kind = if matches!(number, Number::Int(_)) { "Int" } else { "Decimal" };
            format!("{kind} {number}")
        })
    }

    #[test]
    fn numbers_are_read_and_written() {
        for (text, expected) in [
            ("0", "Int 0"),
            ("-0", "Int 0"),
            ("15", "Int 15"),
            ("10.0", "Int 10"),
            ("1e3", "Int 1000"),
            ("54.980", "Decimal 54.980"),
            ("-122.3359976", "Decimal -122.3359976"),
            ("0.000001", "Decimal 0.000001"),
            ("0.0000001", "Decimal 1E-7"),
            ("12.5e-9", "Decimal 1.25E-8"),
            ("1234567890123456789012345678901234", "Int 1234567890123456789012345678901234"),
            ("12345678901234567890123456789012345", "Decimal 1.234567890123456789012345678901234E+34"),
            ("12345678901234567890123456789012355", "Decimal 1.234567890123456789012345678901236E+34"),
            ("0.12345678901234567890123456789012345", "Decimal 0.1234567890123456789012345678901234"),
            ("1E-999", "Decimal 1E-999"),
            ("9.999E999", "Decimal 9.999E+999"),
            ("1E-1000", "nothing"),
            ("1E1000", "nothing"),
            ("1E99999999999999999999", "nothing"),
            ("1E0000000000000001", "Int 10"),
            ("0E5000", "Int 0"),
        ] {
            assert_eq!(shown(Number::parse(text)), expected, "{text}");
        }
        assert_eq!(shown(Number::parse(&format!("0.{}1", "0".repeat(998)))), "Decimal 1E-999");
        assert_eq!(shown(Number::parse(&"1".repeat(NUMERAL_BYTES_MAX + 1))), "nothing");
    }

    #[test]
    fn strings_convert_when_they_are_written_as_numbers() {
        for (text, expected) in [
            ("0", "Decimal 0"),
            ("-1.2", "Decimal -1.2"),
            ("5E-12", "Decimal 5E-12"),
            ("5e3", "Decimal 5E+3"),
            ("10.0", "Decimal 10.0"),
            ("+1", "nothing"),
            ("1E+3", "nothing"),
            (" 1", "nothing"),
            ("1.", "nothing"),
            (".5", "nothing"),
            ("", "nothing"),
            ("-", "nothing"),
            ("1e", "nothing"),
            ("0x10", "nothing"),
            ("NaN", "nothing"),
            ("--1", "nothing"),
            ("1.2.3", "nothing"),
            ("١", "nothing"),
        ] {
            assert_eq!(shown(Number::from_text(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn arithmetic_keeps_ints_and_the_places_of_decimals() {
        type Operation = fn(&Number, &Number) -> Option<Number>;
        let operations: [(&str, Operation); 5] = [
            ("+", Number::add),
            ("-", Number::subtract),
            ("*", Number::multiply),
            ("/", Number::divide),
            ("%", Number::remainder),
        ];
        for (left, sign, right, expected) in [
            ("7", "/", "2", "Int 3"),
            ("-7", "/", "2", "Int -3"),
            ("-7", "%", "2", "Int -1"),
            ("7.5", "/", "2.5", "Decimal 3"),
            ("1", "/", "2.5", "Decimal 0.4"),
            ("1", "/", "1.5", "Decimal 0.6666666666666666666666666666666667"),
            ("2.5", "*", "2", "Decimal 5.0"),
            ("1.10", "+", "2.2", "Decimal 3.30"),
            ("0.1", "+", "0.2", "Decimal 0.3"),
            ("5.5", "%", "2", "Decimal 1.5"),
            ("1", "/", "0", "nothing"),
            ("1", "%", "0", "nothing"),
            ("1.5", "/", "0", "nothing"),
            ("1.5", "%", "0", "nothing"),
            ("9.9E999", "*", "10", "nothing"),
            ("1E-999", "*", "0.1", "nothing"),
            ("1E999", "+", "1E-999", "Decimal 1.000000000000000000000000000000000E+999"),
            (
                "9999999999999999999999999999999999",
                "+",
                "1",
                "Decimal 1.000000000000000000000000000000000E+34",
            ),
            (
                "9999999999999999999999999999999999",
                "*",
                "9999999999999999999999999999999999",
                "Decimal 9.999999999999999999999999999999998E+67",
            ),
        ] {
            let operation = operations.iter().find(|(known, _)| *known == sign).unwrap().1;
            let result = operation(&number(left), &number(right));
            assert_eq!(shown(result), expected, "{left} {sign} {right}");
        }
    }

    #[test]
    fn rounding_goes_where_it_says() {
        for (text, floor, ceil, round) in [
            ("1.2", 1, 2, 1),
            ("-1.2", -2, -1, -1),
            ("1.5", 1, 2, 2),
            ("-1.5", -2, -1, -2),
            ("0.5", 0, 1, 1),
            ("7", 7, 7, 7),
        ] {
            let number = number(text);
            let found = (number.floor(), number.ceil(), number.round());
            assert_eq!(found, (Some(floor), Some(ceil), Some(round)), "{text}");
        }
        assert_eq!(number("1E40").floor(), None);
        assert_eq!(
            (number("1E40").floor_saturating(), number("-1E40").floor_saturating()),
            (i64::MAX, i64::MIN)
        );
        for (text, places, expected) in [
            ("2.3123", 2, "Decimal 2.31"),
            ("2.888", 2, "Decimal 2.88"),
            ("2.30", 34, "Decimal 2.3"),
            ("-2.9", 0, "Int -2"),
            ("1.2E40", 0, "Decimal 1.2E+40"),
        ] {
            assert_eq!(shown(Some(number(text).truncated(places))), expected, "{text} {places}");
        }
    }

    #[test]
    fn doubles_are_written_as_short_as_they_can_be() {
        for (double, expected) in [
            (3.0, "Decimal 3.0"),
            (-0.0, "Decimal 0.0"),
            (0.1, "Decimal 0.1"),
            (std::f64::consts::FRAC_PI_2, "Decimal 1.5707963267948966"),
            (1e300, "Decimal 1E+300"),
            (f64::NAN, "nothing"),
            (f64::INFINITY, "nothing"),
        ] {
            assert_eq!(shown(Number::from_double(double)), expected, "{double}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][-+]?[0-9]{1,4})?") {
            if let Some(number) = Number::parse(&text) {
                let again = Number::parse(&number.to_string());
                prop_assert_eq!(Some(&number), again.as_ref());
                let double = number.to_double();
                let parsed: f64 = text.parse().unwrap();
                prop_assert!(double.is_infinite() || (double - parsed).abs() <= parsed.abs() * 1e-15);
            }
        }

        #[test]
        fn small_ints_calculate_as_ints(left in -1_000_000_i64..1_000_000, right in -1_000_i64..1_000) {
            let (l, r) = (Number::from_i64(left), Number::from_i64(right));
            prop_assert_eq!(l.add(&r), Some(Number::from_i64(left + right)));
            prop_assert_eq!(l.multiply(&r), Some(Number::from_i64(left * right)));
            prop_assert_eq!(l.divide(&r), left.checked_div(right).map(Number::from_i64));
            prop_assert_eq!(l.remainder(&r), left.checked_rem(right).map(Number::from_i64));
            prop_assert_eq!(l.cmp(&r), left.cmp(&right));
        }
    }
}
