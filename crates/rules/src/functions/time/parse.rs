//! Reading a moment by a pattern of Java's `DateTimeFormatter`.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::pattern::{Part, parts};
use super::{DAYS, MONTHS, SHORT_NAME_LETTERS, zone};

/// The letters of Java's patterns that say something about a moment.
const LETTERS: &str = "GuyDMLQqdEeaKhHkmsSAnNVzOXxZp";

/// How deep optional parts may stand inside each other.
const NESTING_MAX: usize = 8;

/// The most digits of a year, and of a number that may have any length.
const DIGITS_MAX: usize = 9;

/// The most digits of a number of nanoseconds in a day.
const DAY_DIGITS_MAX: usize = 14;

/// The longest name of a zone that is looked for, in characters.
const ZONE_CHARACTERS_MAX: usize = 40;

/// A pattern of Java.
#[derive(Debug)]
pub(crate) struct ParsePattern(Vec<Node>);

#[derive(Debug)]
enum Node {
    Field { letter: char, count: usize },
    Text(String),
    Optional(Vec<Node>),
}

/// What was read so far.
#[derive(Clone, Debug, Default)]
struct Fields {
    is_before_era: bool,
    year: Option<i64>,
    year_of_era: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    half_day_hour: Option<i64>,
    is_afternoon: bool,
    minute: i64,
    second: i64,
    nanosecond: i64,
    /// Instead of hour, minute and second.
    nanosecond_of_day: Option<i64>,
    zone: Option<TimeZone>,
}

impl ParsePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let mut parts = parts(pattern, LETTERS, true)?.into_iter();
        let nodes = nodes(&mut parts, 0)?;
        Ok(Self(nodes))
    }

    /// Reads a moment, in milliseconds of Unix time. Nothing if the text does not have the form of the pattern, or names no
    /// year. What else is not named is the start of it, and the zone is UTC.
    pub(crate) fn read(&self, text: &str) -> Option<i64> {
        let mut fields = Fields::default();
        let rest = read_nodes(&self.0, text, &mut fields)?;
        if rest.is_empty() { fields.moment() } else { None }
    }
}

fn nodes(parts: &mut impl Iterator<Item = Part>, nesting: usize) -> Result<Vec<Node>, String> {
    let mut found = Vec::new();
    while let Some(part) = parts.next() {
        match part {
            Part::Field { letter, count } => found.push(Node::Field { letter, count }),
            Part::Text(text) => found.push(Node::Text(text)),
            Part::Open if nesting >= NESTING_MAX => return Err("its brackets are nested too deep".to_owned()),
            Part::Open => found.push(Node::Optional(nodes(parts, nesting + 1)?)),
            Part::Close if nesting == 0 => return Err("a ] closes nothing".to_owned()),
            Part::Close => return Ok(found),
        }
    }
    // Java takes a pattern whose last brackets are not closed.
    Ok(found)
}

/// Reads a text as far as the pattern goes, and returns what is left.
fn read_nodes<'t>(nodes: &[Node], text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let mut rest = text;
    for (at, node) in nodes.iter().enumerate() {
        rest = match node {
            Node::Text(text) => rest.strip_prefix(text.as_str())?,
            Node::Optional(inner) => {
                let before = fields.clone();
                match read_nodes(inner, rest, fields) {
                    Some(rest) => rest,
                    None => {
                        *fields = before;
                        rest
                    }
                }
            }
            Node::Field { letter: 'p', .. } => rest.trim_start_matches(' '),
            Node::Field { letter, count } => {
                let is_followed_by_number = nodes.get(at + 1).is_some_and(Node::is_number);
                let field = Field { letter: *letter, count: *count, is_followed_by_number };
                field.read(rest, fields)?
            }
        };
    }
    Some(rest)
}

impl Node {
    /// Whether this is a field of digits: then a number before it has as many digits as letters.
    fn is_number(&self) -> bool {
        match self {
            Self::Field { letter, count } => match letter {
                'M' | 'L' | 'Q' | 'q' | 'e' => *count < SHORT_NAME_LETTERS,
                letter => "uyDdKhHkmsSAnN".contains(*letter),
            },
            Self::Text(_) | Self::Optional(_) => false,
        }
    }
}

struct Field {
    letter: char,
    count: usize,
    is_followed_by_number: bool,
}

impl Field {
    /// Reads this field at the start of a text, and returns what is left.
    fn read<'t>(&self, text: &'t str, fields: &mut Fields) -> Option<&'t str> {
        match self.letter {
            'G' => {
                let eras = [("AD", false), ("BC", true), ("Anno Domini", false), ("Before Christ", true)];
                let (era, is_before) = eras.iter().find(|(era, _)| text.starts_with(era))?;
                fields.is_before_era = *is_before;
                text.strip_prefix(era)
            }
            'M' | 'L' if self.count >= SHORT_NAME_LETTERS => {
                let (month, rest) = self.name(&MONTHS, text)?;
                fields.month = Some(month);
                Some(rest)
            }
            'E' => Some(self.name(&DAYS, text)?.1),
            'e' | 'Q' | 'q' if self.count >= SHORT_NAME_LETTERS => None,
            'a' => {
                let is_afternoon = text.starts_with("PM");
                fields.is_afternoon = is_afternoon;
                text.strip_prefix(if is_afternoon { "PM" } else { "AM" })
            }
            'V' => self.zone(text, fields, zone::find),
            'z' => self.zone(text, fields, zone::find_abbreviation),
            'O' => {
                let offset = text.strip_prefix("GMT")?;
                match zone::read_offset(offset) {
                    Some((found, length)) => {
                        fields.zone = Some(TimeZone::fixed(found));
                        offset.get(length..)
                    }
                    None => {
                        fields.zone = Some(TimeZone::UTC);
                        Some(offset)
                    }
                }
            }
            'X' | 'x' | 'Z' => self.offset(text, fields),
            'S' => {
                let (digits, rest) = digits(text, self.count, self.count)?;
                // More than nine digits are finer than what there is to be told.
                let nanosecond: String = digits.chars().chain("000000000".chars()).take(DIGITS_MAX).collect();
                fields.nanosecond = nanosecond.parse().ok()?;
                Some(rest)
            }
            _ => self.number(text, fields),
        }
    }

    fn number<'t>(&self, text: &'t str, fields: &mut Fields) -> Option<&'t str> {
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) if matches!(self.letter, 'u' | 'y') => (-1, unsigned),
            Some(_) | None => (1, text),
        };
        let (found, rest) = digits(unsigned, self.count, self.digits_max())?;
        let number = sign * found.parse::<i64>().ok()?;
        match self.letter {
            'u' => fields.year = Some(number),
            'y' if self.count == 2 => fields.year_of_era = Some(2000 + number),
            'y' => fields.year_of_era = Some(number),
            'M' | 'L' => fields.month = Some(number),
            'd' => fields.day = Some(number),
            'D' => fields.day_of_year = Some(number),
            'H' => fields.hour = Some(number),
            'k' => fields.hour = Some(within(number, 1, 24)? % 24),
            'K' => fields.half_day_hour = Some(within(number, 0, 11)?),
            'h' => fields.half_day_hour = Some(within(number, 1, 12)? % 12),
            'm' => fields.minute = number,
            's' => fields.second = number,
            'n' => fields.nanosecond = number,
            'A' => fields.nanosecond_of_day = Some(number.checked_mul(1_000_000)?),
            'N' => fields.nanosecond_of_day = Some(number),
            // The day of the week and the quarter follow from the date.
            _ => {}
        }
        Some(rest)
    }

    /// The most digits that a number has here.
    fn digits_max(&self) -> usize {
        if self.is_followed_by_number {
            return self.count;
        }
        match (self.letter, self.count) {
            ('u' | 'y', 2 | 4) => self.count,
            ('u' | 'y' | 'n', count) => count.max(DIGITS_MAX),
            ('A' | 'N', count) => count.max(DAY_DIGITS_MAX),
            ('D', count) => count.max(3),
            (_, 1) => 2,
            (_, count) => count,
        }
    }

    fn name<'t>(&self, names: &[&str], text: &'t str) -> Option<(i64, &'t str)> {
        for (place, name) in (1_i64..).zip(names) {
            let end = if self.count > SHORT_NAME_LETTERS { name.len() } else { SHORT_NAME_LETTERS };
            if let Some(rest) = name.get(..end).and_then(|name| text.strip_prefix(name)) {
                return Some((place, rest));
            }
        }
        None
    }

    /// Reads the longest name of a zone that there is.
    fn zone<'t>(
        &self,
        text: &'t str,
        fields: &mut Fields,
        find: fn(&str) -> Option<TimeZone>,
    ) -> Option<&'t str> {
        let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_+-:".contains(byte);
        let longest = text.bytes().take(ZONE_CHARACTERS_MAX).take_while(belongs).count();
        for length in (1..=longest).rev() {
            let (name, rest) = text.split_at_checked(length)?;
            if let Some(zone) = find(name) {
                fields.zone = Some(zone);
                return Some(rest);
            }
        }
        None
    }

    fn offset<'t>(&self, text: &'t str, fields: &mut Fields) -> Option<&'t str> {
        // X takes Z for no offset, and so does ZZZZZ; ZZZZ is written with GMT.
        let is_zulu_allowed = self.letter == 'X' || (self.letter == 'Z' && self.count == 5);
        if let Some(rest) = text.strip_prefix('Z').filter(|_| is_zulu_allowed) {
            fields.zone = Some(TimeZone::UTC);
            return Some(rest);
        }
        let text = if self.letter == 'Z' && self.count == 4 { text.strip_prefix("GMT")? } else { text };
        let (offset, length) = zone::read_offset(text)?;
        fields.zone = Some(TimeZone::fixed(offset));
        text.get(length..)
    }
}

impl Fields {
    fn moment(&self) -> Option<i64> {
        let time = match self.nanosecond_of_day {
            Some(nanosecond) => {
                let (second, nanosecond) = (nanosecond / 1_000_000_000, nanosecond % 1_000_000_000);
                (second / 3_600, second / 60 % 60, second % 60, nanosecond)
            }
            None => (self.hour()?, self.minute, self.second, self.nanosecond),
        };
        let (hour, minute, second, nanosecond) = time;
        let small = |number: i64| i8::try_from(number).ok();
        let date_time = self.date()?.to_datetime(
            jiff::civil::Time::new(
                small(hour)?,
                small(minute)?,
                small(second)?,
                i32::try_from(nanosecond).ok()?,
            )
            .ok()?,
        );
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        Some(date_time.to_zoned(zone).ok()?.timestamp().as_millisecond())
    }

    fn hour(&self) -> Option<i64> {
        let half_day = if self.is_afternoon { 12 } else { 0 };
        match (self.hour, self.half_day_hour) {
            (Some(hour), _) => Some(hour),
            (None, Some(hour)) => Some(hour + half_day),
            (None, None) => Some(0),
        }
    }

    fn date(&self) -> Option<Date> {
        let year = match (self.year, self.year_of_era) {
            (Some(year), _) => year,
            (None, Some(year)) if self.is_before_era => 1 - year,
            (None, Some(year)) => year,
            (None, None) => return None,
        };
        let year = i16::try_from(year).ok()?;
        let first = Date::new(year, 1, 1).ok()?;
        if let Some(day) = self.day_of_year {
            return first.with().day_of_year(i16::try_from(day).ok()?).build().ok();
        }
        let month = first.with().month(i8::try_from(self.month.unwrap_or(1)).ok()?).build().ok()?;
        // The 31st of a shorter month is its last day, as Java resolves it.
        let day = within(self.day.unwrap_or(1), 1, 31)?.min(i64::from(month.days_in_month()));
        month.with().day(i8::try_from(day).ok()?).build().ok()
    }
}

fn within(number: i64, from: i64, to: i64) -> Option<i64> {
    (from..=to).contains(&number).then_some(number)
}

/// Reads digits at the start of a text, and returns them and what is left.
fn digits(text: &str, count_min: usize, count_max: usize) -> Option<(&str, &str)> {
    let count = text.bytes().take(count_max).take_while(u8::is_ascii_digit).count();
    if count < count_min { None } else { text.split_at_checked(count) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, pattern: &str) -> Option<i64> {
        ParsePattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).read(text)
    }

    #[test]
    fn moments_are_read_by_patterns_of_java() {
        for (text, pattern, expected) in [
            ("2020-04-03 09:45:18 UTC+01:00", "yyyy-MM-dd HH:mm:ss VV", 1_585_903_518_000),
            ("18 December 2015", "dd MMMM yyyy", 1_450_396_800_000),
            ("2007-12-03 10:15:30.592 America/Los_Angeles", "yyyy-MM-dd HH:mm:ss.SSS z", 1_196_705_730_592),
            ("2007-12-03 10:15:30.592 PST", "yyyy-MM-dd HH:mm:ss.SSS z", 1_196_705_730_592),
            ("20200403094518", "yyyyMMddHHmmss", 1_585_907_118_000),
            ("2020-04-03T09:45:18Z", "yyyy-MM-dd'T'HH:mm:ssX", 1_585_907_118_000),
            ("2020-04-03T09:45:18+01:00", "yyyy-MM-dd'T'HH:mm:ssXXX", 1_585_903_518_000),
            ("2020-04-03T09:45:18+0100", "yyyy-MM-dd'T'HH:mm:ssZ", 1_585_903_518_000),
            ("2020-04-03 GMT+1", "yyyy-MM-dd O", 1_585_868_400_000),
            ("Fri, 3 Apr 2020 09:45 PM", "EEE, d MMM yyyy hh:mm a", 1_585_950_300_000),
            ("12 AM 1 1 1970", "h a d M y", 0),
            ("94 2020", "D u", 1_585_872_000_000),
            ("20", "yy", 1_577_836_800_000),
            ("0002 BC", "yyyy G", -62_198_755_200_000),
            ("2021-02-31", "yyyy-MM-dd", 1_614_470_400_000),
            ("1970 1500", "yyyy A", 1_500),
            ("1970 1500000", "yyyy N", 1),
            ("2020-04-03 10:00", "yyyy-MM-dd[ HH:mm[:ss]]", 1_585_908_000_000),
            ("2020-04-03", "yyyy-MM-dd[ HH:mm[:ss]]", 1_585_872_000_000),
            ("1970  7", "yyyy ppd", 518_400_000),
        ] {
            assert_eq!(read(text, pattern), Some(expected), "{text:?} {pattern:?}");
        }
    }

    #[test]
    fn what_has_another_form_is_not_read() {
        for (text, pattern) in [
            ("", "yyyy"),
            ("20", "yyyy"),
            ("20201", "yyyy"),
            ("2020-13-01", "yyyy-MM-dd"),
            ("2020-01-32", "yyyy-MM-dd"),
            ("2020-1-01", "yyyy-MM-dd"),
            ("2020 25", "yyyy HH"),
            ("2020 13", "yyyy hh"),
            ("10:00", "HH:mm"),
            ("2020 Atlantis", "yyyy VV"),
            ("2020 Foo", "yyyy MMM"),
            ("2020 XM", "yyyy a"),
            ("2020x", "yyyy"),
            ("99999", "y"),
            ("2020 400", "yyyy D"),
        ] {
            assert_eq!(read(text, pattern), None, "{text:?} {pattern:?}");
        }
        for (pattern, expected) in [
            ("yyyy]", "a ] closes nothing"),
            ("[[[[[[[[[y", "its brackets are nested too deep"),
            ("b", "'b' stands for nothing; text goes in '…'"),
        ] {
            assert_eq!(ParsePattern::parse(pattern).unwrap_err(), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(milliseconds in -62_000_000_000_000_i64..250_000_000_000_000) {
            let written =
                super::super::FormatPattern::parse("yyyy-MM-dd'T'HH:mm:ss.SSSZ").unwrap().write(milliseconds, &TimeZone::UTC);
            prop_assert_eq!(read(&written.unwrap(), "uuuu-MM-dd'T'HH:mm:ss.SSSZ"), Some(milliseconds));
        }

        #[test]
        fn no_text_and_no_pattern_panics(text in "[-+:/ 0-9A-Za-zäß]{0,30}", pattern in "[GuyDMLQqdEeaKhHkmsSAnNVzOXxZp' ä\\[\\]]{0,30}") {
            if let Ok(pattern) = ParsePattern::parse(&pattern) {
                let _ = pattern.read(&text);
            }
        }
    }
}
