//! Points in time as Patroni reads them from text.

use jiff::civil::DateTime;
use jiff::{Timestamp, fmt::temporal::DateTimeParser};

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParsedTime {
    /// A point in time: seconds since 1970.
    Zoned(f64),
    /// A date and time without a time zone.
    Naive,
    /// No time.
    Invalid,
}

/// Reads ISO 8601 in the forms that people and Patroni write: `T` or a blank between date and time, seconds optional,
/// `Z`, `+02`, `+0200` or `+02:00`.
///
/// Patroni reads with `dateutil.parser.parse`, which takes many more forms (`10pm`, `Nov 5`); these count as invalid
/// here.
pub fn parse_time(text: &str) -> ParsedTime {
    static PARSER: DateTimeParser = DateTimeParser::new();
    let text = text.trim();
    let with_t = match text.get(10..11) {
        Some(" ") => format!("{}T{}", &text[..10], text[11..].trim_start()),
        _ => text.to_owned(),
    };
    let compact = with_t.replace(' ', "");
    let seconds = |timestamp: Timestamp| timestamp.as_nanosecond() as f64 / 1e9;
    if let Ok(timestamp) = PARSER.parse_timestamp(&compact) {
        return ParsedTime::Zoned(seconds(timestamp));
    }
    match PARSER.parse_datetime(&compact) {
        Ok(_naive) => ParsedTime::Naive,
        Err(_) => ParsedTime::Invalid,
    }
}

/// The point in time as ISO 8601 in UTC, to the second.
pub fn format_time(seconds: f64) -> String {
    match Timestamp::from_second(seconds as i64) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => format!("{seconds} s since 1970"),
    }
}

/// Seconds since 1970 of a date and time in UTC.
pub fn utc(datetime: DateTime) -> Option<f64> {
    let zoned = datetime.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_nanosecond() as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        let check = |text: &str, expected: ParsedTime| assert_eq!(parse_time(text), expected, "{text}");
        check("2026-01-01T00:00:00+00:00", ParsedTime::Zoned(1_767_225_600.0));
        check("2026-01-01 00:00:00+00:00", ParsedTime::Zoned(1_767_225_600.0));
        check("2026-01-01T02:00+02", ParsedTime::Zoned(1_767_225_600.0));
        check("2026-01-01T02:00:00.5+0200", ParsedTime::Zoned(1_767_225_600.5));
        check("2026-01-01T00:00:00Z", ParsedTime::Zoned(1_767_225_600.0));
        check("2026-01-01T00:00:00", ParsedTime::Naive);
        check("2026-01-01T00:00", ParsedTime::Naive);
        check("tomorrow-ish", ParsedTime::Invalid);
        check("now", ParsedTime::Invalid);
        check("", ParsedTime::Invalid);
    }
}
