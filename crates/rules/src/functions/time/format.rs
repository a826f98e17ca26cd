//! Writing a moment by a pattern of Joda-Time.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::pattern::{Part, parts};
use super::{DAYS, MONTHS, SHORT_NAME_LETTERS};

/// The letters of Joda-Time's patterns.
const LETTERS: &str = "GCYxweEyDMdaKhHkmsSzZ";

/// From this many letters on, a name is written in full.
const FULL_NAME_COUNT: usize = 4;

/// A pattern of Joda-Time.
#[derive(Debug)]
pub(crate) struct FormatPattern(Vec<Part>);

impl FormatPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        parts(pattern, LETTERS, false).map(Self)
    }

    /// Writes a moment, in milliseconds of Unix time. Nothing if it is beyond the year 9999.
    pub(crate) fn write(&self, milliseconds: i64, zone: &TimeZone) -> Option<String> {
        let moment = Timestamp::from_millisecond(milliseconds).ok()?.to_zoned(zone.clone());
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field { letter, count } => write_field(&moment, *letter, *count, &mut out),
                // Brackets are text in these patterns.
                Part::Open | Part::Close => {}
            }
        }
        Some(out)
    }
}

fn write_field(moment: &Zoned, letter: char, count: usize, out: &mut String) {
    let year = i64::from(moment.year());
    let year_of_era = if year > 0 { year } else { 1 - year };
    let hour = i64::from(moment.hour());
    match letter {
        'G' => out.push_str(if year > 0 { "AD" } else { "BC" }),
        'C' => pad(year_of_era / 100, count, out),
        'Y' => write_year(year_of_era, count, out),
        'y' => write_year(year, count, out),
        'x' => write_year(i64::from(moment.date().iso_week_date().year()), count, out),
        'w' => pad(i64::from(moment.date().iso_week_date().week()), count, out),
        'e' => pad(i64::from(moment.weekday().to_monday_one_offset()), count, out),
        'E' => write_name(&DAYS, moment.weekday().to_monday_zero_offset(), count >= FULL_NAME_COUNT, out),
        'D' => pad(i64::from(moment.day_of_year()), count, out),
        'M' if count >= SHORT_NAME_LETTERS => {
            write_name(&MONTHS, moment.month() - 1, count >= FULL_NAME_COUNT, out);
        }
        'M' => pad(i64::from(moment.month()), count, out),
        'd' => pad(i64::from(moment.day()), count, out),
        'a' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        'K' => pad(hour % 12, count, out),
        'h' => pad((hour + 11) % 12 + 1, count, out),
        'H' => pad(hour, count, out),
        'k' => pad((hour + 23) % 24 + 1, count, out),
        'm' => pad(i64::from(moment.minute()), count, out),
        's' => pad(i64::from(moment.second()), count, out),
        'S' => write_fraction(moment.subsec_nanosecond(), count, out),
        'z' => {
            let info = moment.time_zone().to_offset_info(moment.timestamp());
            let name = info.abbreviation();
            // A zone without letters of its own goes by its offset, with a colon.
            if name.starts_with(['+', '-']) {
                write_offset(moment, ":", out);
            } else {
                out.push_str(name);
            }
        }
        'Z' => match count {
            1 => write_offset(moment, "", out),
            2 => write_offset(moment, ":", out),
            _ => out.push_str(moment.time_zone().iana_name().unwrap_or("UTC")),
        },
        // Every letter that a pattern can have is above.
        _ => {}
    }
}

/// Two letters stand for a year of two digits.
fn write_year(year: i64, count: usize, out: &mut String) {
    if count == 2 { pad(year.rem_euclid(100), 2, out) } else { pad(year, count, out) }
}

fn pad(number: i64, digits: usize, out: &mut String) {
    let sign = if number < 0 { "-" } else { "" };
    // Writing to a string does not fail.
    let _ = write!(out, "{sign}{:0>digits$}", number.unsigned_abs());
}

fn write_name(names: &[&str], place: i8, is_full: bool, out: &mut String) {
    let name = usize::try_from(place).ok().and_then(|place| names.get(place)).copied().unwrap_or_default();
    let end = if is_full { name.len() } else { SHORT_NAME_LETTERS };
    out.push_str(name.get(..end).unwrap_or(name));
}

/// The fraction of a second: as many digits as there are letters.
fn write_fraction(nanoseconds: i32, count: usize, out: &mut String) {
    let digits = format!("{nanoseconds:0>9}");
    let shown = digits.get(..count).unwrap_or(&digits);
    let _ = write!(out, "{shown:0<count$}");
}

fn write_offset(moment: &Zoned, colon: &str, out: &mut String) {
    let seconds = moment.offset().seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let _ = write!(out, "{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60);
}

#[cfg(test)]
mod tests {
    use super::super::zone;
    use super::*;

    #[test]
    fn moments_are_written_by_patterns_of_joda_time() {
        for (pattern, milliseconds, zone, expected) in [
            ("yyyy.MM.dd G 'at' HH:mm:ss z", 100_000_000, "America/Belize", "1970.01.01 AD at 21:46:40 CST"),
            (
                "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
                1_585_903_518_042,
                "Europe/Vienna",
                "2020-04-03T10:45:18.042+0200",
            ),
            (
                "yyyy-MM-dd HH:mm ZZ ZZZ",
                1_585_903_518_042,
                "Asia/Kolkata",
                "2020-04-03 14:15 +05:30 Asia/Kolkata",
            ),
            ("E EEEE e D w x", 1_585_903_518_042, "UTC", "Fri Friday 5 94 14 2020"),
            ("M MM MMM MMMM d yy y C Y", 1_585_903_518_042, "UTC", "4 04 Apr April 3 20 2020 20 2020"),
            ("K h H k a", 0, "UTC", "0 12 0 24 AM"),
            ("KK hh HH kk a", 46_800_000, "UTC", "01 01 13 13 PM"),
            ("S SS SSS SSSSSS", 1_042, "UTC", "0 04 042 042000"),
            ("z", 0, "+05:45", "+05:45"),
            ("G yyyy Y", -62_198_755_200_000, "UTC", "BC -0001 2"),
            ("[yyyy]", 0, "UTC", "[1970]"),
        ] {
            let written =
                FormatPattern::parse(pattern).unwrap().write(milliseconds, &zone::find(zone).unwrap());
            assert_eq!(written.as_deref(), Some(expected), "{pattern}");
        }
        assert_eq!(FormatPattern::parse("yyyy").unwrap().write(i64::MAX, &TimeZone::UTC), None);
        assert!(FormatPattern::parse("nn").is_err());
    }
}
