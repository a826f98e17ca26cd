//! What conditions compare with besides text: decimal numbers, moments and address ranges.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv6Addr};

use landfall_model::UnixTime;

/// The largest exponent of a number, either way: far more than any quantity needs.
const EXPONENT_MAX: i64 = 1_000;

/// A decimal number, exactly: `sign × 0.digits × 10^exponent`, without zeros around the digits; zero has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    is_negative: bool,
    exponent: i64,
    digits: Box<str>,
}

/// A range of addresses in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressRange {
    /// The first address of the range as a number.
    first: u128,
    /// The bits in which all addresses of the range agree.
    mask: u128,
    is_v4: bool,
}

impl Decimal {
    /// Reads `-12.5`, `.5`, `3`, `1e3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) || exponent.abs() > EXPONENT_MAX {
            return None;
        }
        let significant = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - significant.len()).ok()?;
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { is_negative: false, exponent: 0, digits: "".into() });
        }
        let exponent = exponent + i64::try_from(whole.len()).ok()? - zeros;
        Some(Self { is_negative, exponent, digits: digits.into() })
    }

    /// How far from zero, compared.
    fn cmp_magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Digits without zeros around them compare as the fractions that they are.
            (false, false) => (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits)),
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.cmp_magnitude(other),
            (true, true) => other.cmp_magnitude(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl AddressRange {
    /// Reads `203.0.113.0/24`, `2001:db8::/32`, or an address alone. Bits behind the prefix are left out of account.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) if length.bytes().all(|b| b.is_ascii_digit()) => {
                (address, Some(length.parse::<u32>().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(bits);
        if length > bits {
            return None;
        }
        // An IPv4 address in its IPv6 form is that address, when the prefix covers the form.
        let (number, is_v4) = number(address);
        let length = if is_v4 == address.is_ipv4() { length } else { length.checked_sub(96)? };
        let bits = if is_v4 { 32 } else { 128 };
        let mask = u128::MAX.checked_shl(bits - length).unwrap_or(0);
        let mask = if is_v4 { mask & u128::from(u32::MAX) } else { mask };
        Some(Self { first: number & mask, mask, is_v4 })
    }

    /// Whether an address is in the range; a text that is no address is in none.
    pub(crate) fn contains(self, address: &str) -> bool {
        address.parse().is_ok_and(|address| {
            let (number, is_v4) = number(address);
            is_v4 == self.is_v4 && number & self.mask == self.first
        })
    }
}

/// An address as a number, and whether it is of IPv4: a client of a socket for both can show as `::ffff:192.0.2.1`.
fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), true),
        IpAddr::V6(address) => match Ipv6Addr::to_ipv4_mapped(&address) {
            Some(address) => (u32::from(address).into(), true),
            None => (u128::from(address), false),
        },
    }
}

/// Reads a moment: a date of ISO 8601 in one of the forms of <https://www.w3.org/TR/NOTE-datetime>, or seconds since 1970.
pub(crate) fn parse_moment(text: &str) -> Option<UnixTime> {
    parse_seconds(text).or_else(|| parse_date(text)).map(UnixTime::from_millis)
}

/// Seconds since 1970, to the millisecond. Four digits alone are a year.
fn parse_seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_year = digits.len() == 4 && !text.contains(['-', '.']);
    if digits.is_empty() || digits.len() > 12 || is_year || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let milliseconds = whole.parse::<i64>().ok()?.checked_mul(1_000)?;
    let fraction = milliseconds_of(fraction)?;
    Some(if whole.starts_with('-') { milliseconds - fraction } else { milliseconds + fraction })
}

fn parse_date(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    if parts.next().is_some() || !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) {
        return None;
    }
    let midnight = days_since_epoch(year, month, day) * 86_400_000;
    match time {
        // A time needs a whole date before it, and a zone behind it.
        Some(time) if date.len() == 10 => Some(midnight + parse_time(time)?),
        Some(_) => None,
        None => Some(midnight),
    }
}

/// Milliseconds from midnight in UTC for `10:20Z`, `10:20:30Z`, `10:20:30.5+01:00`.
fn parse_time(time: &str) -> Option<i64> {
    let zone_at = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone_at);
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, fraction) = match parts.next() {
        Some(part) => match part.split_once('.') {
            Some((second, fraction)) => (digits(second, 2)?, milliseconds_of(fraction)?),
            None => (digits(part, 2)?, 0),
        },
        None => (0, 0),
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign, offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if sign == "-" { -60_000 } else { 60_000 }
        }
    };
    Some(((hour * 60 + minute) * 60 + second) * 1_000 + fraction - offset)
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    let is_number = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// The digits behind the point of a second, cut off behind the third.
fn milliseconds_of(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let milliseconds: String = fraction.chars().chain("00".chars()).take(3).collect();
    milliseconds.parse().ok()
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let years_before = year - 1;
    let leap_days = years_before.div_euclid(4) - years_before.div_euclid(100) + years_before.div_euclid(400);
    let days_before_year = years_before * 365 + leap_days;
    let days_in_year: i64 = (1..month).map(|month| days_of(year, month)).sum();
    // 1970-01-01 is day 719,162 of that count.
    days_before_year + days_in_year + day - 1 - 719_162
}

/// A moment to the second as `2026-11-22T03:46:40Z`.
pub(crate) fn format_moment(moment: UnixTime) -> String {
    let seconds = moment.as_secs();
    let (mut days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // A year that is not too late: the loop goes on from there.
    let mut year = 1970 + days.div_euclid(if days < 0 { 365 } else { 366 });
    while days_since_epoch(year + 1, 1, 1) <= days {
        year += 1;
    }
    days -= days_since_epoch(year, 1, 1);
    let mut month = 1;
    while days >= days_of(year, month) {
        days -= days_of(year, month);
        month += 1;
    }
    let day = days + 1;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_compare_exactly() {
        for (smaller, larger) in [
            ("9007199254740992", "9007199254740993"),
            ("-2", "-1"),
            ("-1", "0"),
            ("0", "0.0001"),
            ("0.09", "0.1"),
            ("9.99", "10"),
            ("10", "1e2"),
            ("1e-3", "0.002"),
            ("-1e2", "-99.9"),
            ("0.1", "0.10000000000000000000001"),
        ] {
            let (one, two) = (Decimal::parse(smaller).unwrap(), Decimal::parse(larger).unwrap());
            assert_eq!(
                (one.cmp(&two), two.cmp(&one)),
                (Ordering::Less, Ordering::Greater),
                "{smaller} {larger}"
            );
        }
        for (one, two) in
            [("1", "1.0"), ("0", "-0"), ("0100", "1e2"), (".5", "0.50"), ("5.", "+5"), ("0e5", "0")]
        {
            assert_eq!(Decimal::parse(one), Decimal::parse(two), "{one} {two}");
        }
        for wrong in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1e1001",
            "0x1",
            "1,5",
            " 1",
            "--1",
            "NaN",
            "inf",
            "1e99999999999999999999",
            "é",
        ] {
            assert_eq!(Decimal::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ranges_hold_their_addresses() {
        for (range, inside, outside) in [
            (
                "203.0.113.0/24",
                vec!["203.0.113.0", "203.0.113.255", "::ffff:203.0.113.7"],
                vec!["203.0.114.0", "::1"],
            ),
            ("203.0.113.9/24", vec!["203.0.113.1"], vec!["203.0.112.1"]),
            ("123.45.167.89", vec!["123.45.167.89"], vec!["123.45.167.88"]),
            ("0.0.0.0/0", vec!["0.0.0.0", "255.255.255.255"], vec!["::"]),
            (
                "2001:DB8:1234:5678::/64",
                vec!["2001:db8:1234:5678::1"],
                vec!["2001:db8:1234:5679::1", "1.2.3.4"],
            ),
            ("::/0", vec!["::1", "2001:db8::1"], vec!["1.2.3.4", "::ffff:1.2.3.4"]),
            ("2001:db8::1", vec!["2001:db8:0::1"], vec!["2001:db8::2"]),
            ("::ffff:10.0.0.0/104", vec!["10.1.2.3"], vec!["11.0.0.0"]),
        ] {
            let found = AddressRange::parse(range).unwrap();
            assert!(inside.iter().all(|address| found.contains(address)), "{range}");
            assert!(!outside.iter().any(|address| found.contains(address)), "{range}");
        }
        for wrong in [
            "",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "::/129",
            "01.2.3.4",
            "1.2.3.4/8/8",
            "x",
            "::ffff:1.2.3.4/8",
        ] {
            assert_eq!(AddressRange::parse(wrong), None, "{wrong}");
        }
        assert!(!AddressRange::parse("0.0.0.0/0").unwrap().contains("not an address"));
    }

    #[test]
    fn moments_are_read_in_every_form() {
        for (text, seconds) in [
            ("1970", 0),
            ("2020-02", 1_580_515_200),
            ("2020-02-29", 1_582_934_400),
            ("2020-01-01T00:00:01Z", 1_577_836_801),
            ("2013-06-30T00:00Z", 1_372_550_400),
            ("2020-01-01T01:00:00+01:00", 1_577_836_800),
            ("2019-12-31T22:30:00-01:30", 1_577_836_800),
            ("1577836801", 1_577_836_801),
            ("-1", -1),
            ("1969-12-31T23:59:59Z", -1),
            ("0001-01-01", -62_135_596_800),
        ] {
            assert_eq!(parse_moment(text), Some(UnixTime::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_moment("2020-01-01T00:00:00.5Z"), Some(UnixTime::from_millis(1_577_836_800_500)));
        assert_eq!(parse_moment("1577836800.1239"), Some(UnixTime::from_millis(1_577_836_800_123)));
        for wrong in [
            "",
            "x",
            "2020-13",
            "2021-02-29",
            "2020-1-1",
            "2020-01-01T00:00:00",
            "2020-01T00:00Z",
            "2020-01-01T24:00Z",
            "2020-01-01T00:60Z",
            "2020-01-01T00:00:00Zx",
            "2020-01-01 00:00:00Z",
            "2020-01-01T00:00+1:00",
            "1.",
            "1577836801234567",
            "2020-01-01-01",
            "2020-01-01T00:00:00.Z",
            "+1",
            "2020-01-01Té0:00Z",
        ] {
            assert_eq!(parse_moment(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_is_read_as_it_is_written(seconds in -62_135_596_800_i64..253_402_300_800) {
            let moment = UnixTime::from_secs(seconds);
            prop_assert_eq!(parse_moment(&format_moment(moment)), Some(moment));
        }

        #[test]
        fn numbers_compare_as_integers_do(one: i64, two: i64) {
            let (a, b) = (Decimal::parse(&one.to_string()).unwrap(), Decimal::parse(&two.to_string()).unwrap());
            prop_assert_eq!(a.cmp(&b), one.cmp(&two));
        }
    }
}
