//! Points in time as Patroni reads them from text.

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;

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
    /// A date and time without a time zone, as Python's `datetime.isoformat()` writes it.
    Naive(String),
    /// No time.
    Invalid,
}

/// Reads ISO 8601 in the forms that people and Patroni write: `T` or a blank between date and time, seconds optional,
/// `Z`, `+02`, `+0200` or `+02:00`.
///
/// Patroni reads with `dateutil.parser.parse`, which takes many more forms (`10pm`, `Nov 5`); these count as invalid
/// here.
pub fn parse_time(text: &str) -> ParsedTime {
    let text = text.trim();
    let with_t = match text.get(10..11) {
        Some(" ") => format!("{}T{}", &text[..10], text[11..].trim_start()),
        _ => text.to_owned(),
    };
    let compact = with_t.replace(' ', "");
    let Ok(pieces) = Pieces::parse(&compact) else { return ParsedTime::Invalid };
    let datetime = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    let civil = datetime.strftime(if datetime.subsec_nanosecond() == 0 { "%FT%T" } else { "%FT%T%.6f" });
    let Some(offset) = pieces.to_numeric_offset() else { return ParsedTime::Naive(civil.to_string()) };
    let Ok(timestamp) = offset.to_timestamp(datetime) else { return ParsedTime::Invalid };
    let (sign, minutes) =
        if offset.seconds() < 0 { ('-', -offset.seconds() / 60) } else { ('+', offset.seconds() / 60) };
    ParsedTime::Zoned {
        seconds: timestamp.as_nanosecond() as f64 / 1e9,
        iso: format!("{civil}{sign}{:02}:{:02}", minutes / 60, minutes % 60),
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
