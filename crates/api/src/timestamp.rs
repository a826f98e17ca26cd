//! Moments as they travel: seconds since 1970 with a fraction, ISO 8601, or RFC 822.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::model::TimestampFormat;

/// A moment in a request or response, in milliseconds since 1970-01-01T00:00:00Z.
///
/// In JSON it is a number of seconds with a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireTimestamp {
    millis: i64,
}

impl WireTimestamp {
    /// The moment that is `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub fn from_millis(millis: i64) -> Self {
        Self { millis }
    }

    /// The moment that is `seconds` seconds after 1970-01-01T00:00:00Z.
    pub fn from_seconds(seconds: i64) -> Self {
        Self { millis: seconds.saturating_mul(1000) }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millis(self) -> i64 {
        self.millis
    }

    /// Reads a number of seconds, to the nearest millisecond; `None` outside of the years -9999 to 9999.
    pub(crate) fn from_seconds_f64(seconds: f64) -> Option<Self> {
        if !seconds.is_finite() {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, and the range is checked below"
        )]
        let millis = (seconds * 1000.0).round() as i64;
        Timestamp::from_millisecond(millis).ok().map(|_| Self { millis })
    }

    /// Reads the text of a query string, label or header.
    pub(crate) fn parse(text: &str, format: TimestampFormat) -> Option<Self> {
        match format {
            TimestampFormat::Iso8601 => {
                text.parse::<Timestamp>().ok().map(|moment| Self::from_millis(moment.as_millisecond()))
            }
            TimestampFormat::Rfc822 => {
                rfc2822::parse(text).ok().map(|moment| Self::from_millis(moment.timestamp().as_millisecond()))
            }
            TimestampFormat::UnixTimestamp => text.parse().ok().and_then(Self::from_seconds_f64),
        }
    }

    /// The value in a JSON document of this format; `None` outside of the years -9999 to 9999.
    pub(crate) fn to_json(self, format: TimestampFormat) -> Option<Value> {
        match format {
            TimestampFormat::UnixTimestamp => Some(Value::from(self.seconds_f64())),
            TimestampFormat::Iso8601 | TimestampFormat::Rfc822 => self.to_text(format).map(Value::from),
        }
    }

    /// The text in a header of this format; `None` outside of the years -9999 to 9999.
    pub(crate) fn to_text(self, format: TimestampFormat) -> Option<String> {
        let moment = Timestamp::from_millisecond(self.millis).ok()?;
        match format {
            TimestampFormat::Iso8601 => Some(format!("{moment:.3}")),
            TimestampFormat::Rfc822 => {
                rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).ok()
            }
            TimestampFormat::UnixTimestamp => Some(self.seconds_f64().to_string()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits hold the milliseconds of every year up to 9999")]
    fn seconds_f64(self) -> f64 {
        self.millis as f64 / 1000.0
    }
}

impl Serialize for WireTimestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.seconds_f64())
    }
}

impl<'de> Deserialize<'de> for WireTimestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Self::from_seconds_f64(seconds)
            .ok_or_else(|| D::Error::custom("a moment outside of the years -9999 to 9999"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_every_format() {
        let check = |text: &str, format, millis: i64, written: &str| {
            let moment = WireTimestamp::parse(text, format).unwrap();
            assert_eq!(moment.as_millis(), millis, "{text}");
            assert_eq!(moment.to_text(format).unwrap(), written);
        };
        let iso = TimestampFormat::Iso8601;
        check("2026-01-02T03:04:05Z", iso, 1_767_323_045_000, "2026-01-02T03:04:05.000Z");
        check("2026-01-02T04:04:05.25+01:00", iso, 1_767_323_045_250, "2026-01-02T03:04:05.250Z");
        let rfc = TimestampFormat::Rfc822;
        check("Fri, 02 Jan 2026 03:04:05 GMT", rfc, 1_767_323_045_000, "Fri, 02 Jan 2026 03:04:05 GMT");
        let unix = TimestampFormat::UnixTimestamp;
        check("1767323045.25", unix, 1_767_323_045_250, "1767323045.25");
        check("-1", unix, -1000, "-1");
    }

    #[test]
    fn refuses_what_is_no_moment() {
        for (text, format) in [
            ("yesterday", TimestampFormat::Iso8601),
            ("2026-01-02", TimestampFormat::Rfc822),
            ("NaN", TimestampFormat::UnixTimestamp),
            ("inf", TimestampFormat::UnixTimestamp),
            ("1e300", TimestampFormat::UnixTimestamp),
        ] {
            assert_eq!(WireTimestamp::parse(text, format), None, "{text}");
        }
    }

    #[test]
    fn is_a_number_of_seconds_in_json() {
        let moment = WireTimestamp::from_millis(1_767_323_045_123);
        let json = serde_json::to_string(&moment).unwrap();
        assert_eq!(json, "1767323045.123");
        assert_eq!(serde_json::from_str::<WireTimestamp>(&json).unwrap(), moment);
        assert_eq!(serde_json::from_str::<WireTimestamp>("12").unwrap(), WireTimestamp::from_seconds(12));
        assert!(serde_json::from_str::<WireTimestamp>("1e300").is_err());
    }
}
