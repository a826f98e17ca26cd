//! Time zones by their names.

use std::sync::LazyLock;

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// The zones that come with the program: nothing is read from the machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Names that stand for UTC, and before an offset.
const UTC_NAMES: [&str; 3] = ["UTC", "GMT", "UT"];

/// Abbreviations that people write, with their offsets in minutes. Zones of the database go by their own names.
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("IST", 330),
    ("JST", 540),
    ("AEST", 600),
    ("AEDT", 660),
];

/// The zone of a name, as `America/Belize`, `UTC`, `+01:00` or `GMT-8`.
pub(super) fn find(name: &str) -> Option<TimeZone> {
    if name == "Z" || UTC_NAMES.contains(&name) {
        return Some(TimeZone::UTC);
    }
    let offset = UTC_NAMES.iter().find_map(|utc| name.strip_prefix(utc)).unwrap_or(name);
    if offset.starts_with(['+', '-']) {
        let (found, length) = read_offset(offset)?;
        return (length == offset.len()).then(|| TimeZone::fixed(found));
    }
    ZONES.get(name).ok()
}

/// The zone of an abbreviation, or of a name.
pub(super) fn find_abbreviation(name: &str) -> Option<TimeZone> {
    match ABBREVIATIONS.iter().find(|(known, _)| *known == name) {
        Some((_, minutes)) => Offset::from_seconds(minutes * 60).ok().map(TimeZone::fixed),
        None => find(name),
    }
}

/// Reads an offset at the start of a text, as `+1`, `+01`, `+0130`, `+01:30` or `+01:30:15`, and how long it is.
pub(super) fn read_offset(text: &str) -> Option<(Offset, usize)> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digit = |at: usize| {
        text.as_bytes().get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| i32::from(byte - b'0'))
    };
    let pair = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    let (hours, mut length) = match pair(1) {
        Some(hours) => (hours, 3),
        None => (digit(1)?, 2),
    };
    let mut seconds = hours * 3_600;
    for unit in [60, 1] {
        let colon = usize::from(text.as_bytes().get(length) == Some(&b':'));
        let Some(part) = pair(length + colon).filter(|part| *part < 60) else {
            break;
        };
        seconds += part * unit;
        length += colon + 2;
    }
    Some((Offset::from_seconds(sign * seconds).ok()?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_found_by_name_offset_and_abbreviation() {
        let moment = jiff::Timestamp::from_second(1_577_836_800).unwrap();
        for (name, seconds) in [
            ("UTC", 0),
            ("Z", 0),
            ("America/Belize", -21_600),
            ("Europe/Vienna", 3_600),
            ("+01:00", 3_600),
            ("-0330", -12_600),
            ("UTC+01:00", 3_600),
            ("GMT-8", -28_800),
        ] {
            let offset = find(name).unwrap().to_offset_info(moment).offset();
            assert_eq!(offset.seconds(), seconds, "{name}");
        }
        for name in ["", "Atlantis", "+", "+1:2:3:4", "+99:00", "UTC 1", "PST?"] {
            assert!(find(name).is_none(), "{name}");
        }
        assert_eq!(find_abbreviation("PST").unwrap().to_offset_info(moment).offset().seconds(), -28_800);
        assert!(find_abbreviation("XYZ").is_none());
    }

    #[test]
    fn offsets_end_where_they_do() {
        for (text, expected) in [
            ("+01:30 x", Some((5_400, 6))),
            ("+0130", Some((5_400, 5))),
            ("-01:30:15", Some((-5_415, 9))),
            ("+1", Some((3_600, 2))),
            ("+01:", Some((3_600, 3))),
            ("+01:75", Some((3_600, 3))),
            ("01", None),
            ("+a", None),
            ("", None),
        ] {
            let found = read_offset(text).map(|(offset, length)| (offset.seconds(), length));
            assert_eq!(found, expected, "{text}");
        }
    }
}
