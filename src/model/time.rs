//! Points in time as Patroni reads them from text.

use jiff::Timestamp;
use jiff::civil::date;

use crate::parse::dateutil;

/// What a text says.
#[derive(Clone, Debug, PartialEq)]
pub enum ParsedTime {
    /// A point in time.
    Zoned {
        /// Seconds since 1970.
        seconds: f64,
        /// As Python's `datetime.isoformat()` writes it.
        iso: String,
    },
    /// A date and time with an offset of a day or more, which Python can neither compare nor print.
    BadOffset,
    /// A date and time without a time zone, as Python's `datetime.isoformat()` writes it.
    Naive(String),
    /// No time.
    Invalid,
}

/// Reads a point in time as Patroni does, with `dateutil.parser.parse`; a text without a whole date counts as invalid here.
pub fn parse_time(text: &str) -> ParsedTime {
    parsed(dateutil::parse(text, None))
}

/// Reads a point in time at the time `now`, in seconds since 1970, whose day in UTC stands in for what is missing of the date.
pub fn parse_time_at(text: &str, now: f64) -> ParsedTime {
    let today = Timestamp::from_second(now as i64).ok().map(|now| jiff::tz::Offset::UTC.to_datetime(now).date());
    parsed(dateutil::parse(text, today))
}

fn parsed(moment: Option<dateutil::Moment>) -> ParsedTime {
    let Some(dateutil::Moment { civil, offset_seconds }) = moment else { return ParsedTime::Invalid };
    let written = civil.strftime(if civil.subsec_nanosecond() == 0 { "%FT%T" } else { "%FT%T%.6f" });
    let Some(offset) = offset_seconds else { return ParsedTime::Naive(written.to_string()) };
    if 86_400 <= offset.abs() {
        return ParsedTime::BadOffset;
    }
    let (sign, minutes) = if offset < 0 { ('-', -offset / 60) } else { ('+', offset / 60) };
    ParsedTime::Zoned {
        seconds: civil.duration_since(date(1970, 1, 1).to_datetime(jiff::civil::Time::midnight())).as_secs_f64()
            - offset as f64,
        iso: format!("{written}{sign}{:02}:{:02}", minutes / 60, minutes % 60),
    }
}

/// The point in time as ISO 8601 in UTC, to the second.
pub fn format_time(seconds: f64) -> String {
    match Timestamp::from_second(seconds as i64) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => format!("{seconds} s since 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        let check = |text: &str, expected: ParsedTime| assert_eq!(parse_time(text), expected, "{text}");
        let zoned = |seconds: f64, iso: &str| ParsedTime::Zoned { seconds, iso: iso.to_owned() };
        let naive = |iso: &str| ParsedTime::Naive(iso.to_owned());
        check("2026-01-01T00:00:00+00:00", zoned(1_767_225_600.0, "2026-01-01T00:00:00+00:00"));
        check("2026-01-01 00:00:00+00:00", zoned(1_767_225_600.0, "2026-01-01T00:00:00+00:00"));
        check("2026-01-01T02:00+02", zoned(1_767_225_600.0, "2026-01-01T02:00:00+02:00"));
        check("2026-01-01T02:00:00.5+0200", zoned(1_767_225_600.5, "2026-01-01T02:00:00.500000+02:00"));
        check("2025-12-31T20:30:00-03:30", zoned(1_767_225_600.0, "2025-12-31T20:30:00-03:30"));
        check("2026-01-01T00:00:00Z", zoned(1_767_225_600.0, "2026-01-01T00:00:00+00:00"));
        check("2026-01-01T00:00:00", naive("2026-01-01T00:00:00"));
        check("2026-01-01T00:00", naive("2026-01-01T00:00:00"));
        check("tomorrow-ish", ParsedTime::Invalid);
        check("now", ParsedTime::Invalid);
        check("", ParsedTime::Invalid);
    }
}
