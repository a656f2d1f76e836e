//! Python's own conversions of values, as Patroni's code meets them.
//!
//! A secret behaves like the value that it hides, so what comes out of here must not be printed without looking.

use std::fmt::Write;

use crate::parse::tree::Value;

/// `bool(value)`
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Int(value) => *value != 0,
        Value::Float(value) => *value != 0.0,
        Value::String(value) => !value.is_empty(),
        Value::Timestamp(_) => true,
        Value::Binary(value) => !value.is_empty(),
        Value::Sequence(value) => !value.is_empty(),
        Value::Mapping(value) => !value.entries.is_empty(),
        Value::Secret(secret) => truthy(secret.expose()),
    }
}

/// `str(value)`; of collections and floats as Python prints them.
pub fn str(value: &Value) -> String {
    match value {
        Value::String(value) => value.clone(),
        Value::Timestamp(text) => timestamp(text).map_or_else(|| text.clone(), |timestamp| timestamp.str()),
        Value::Secret(secret) => str(secret.expose()),
        _ => {
            let mut text = String::new();
            write_repr(value, &mut text);
            text
        }
    }
}

/// `repr(text)` of a string.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    write_quoted(text.chars(), &mut quoted);
    quoted
}

/// `one < other` of two numbers or two texts; `None` where Python raises `TypeError`, and for collections.
pub fn less(one: &Value, other: &Value) -> Option<bool> {
    let number = |value: &Value| match value {
        Value::Bool(value) => Some(Value::Int(i128::from(*value))),
        Value::Int(_) | Value::Float(_) => Some(value.clone()),
        _ => None,
    };
    match (number(one), number(other)) {
        (Some(Value::Int(one)), Some(Value::Int(other))) => Some(one < other),
        (Some(Value::Float(one)), Some(Value::Float(other))) => Some(one < other),
        (Some(Value::Int(one)), Some(Value::Float(other))) => Some((one as f64) < other),
        (Some(Value::Float(one)), Some(Value::Int(other))) => Some(one < other as f64),
        _ => match (one, other) {
            (Value::String(one), Value::String(other)) => Some(one < other),
            _ => None,
        },
    }
}

/// `int(value)`; `None` where Python raises `TypeError` or `ValueError` (or `OverflowError`).
pub fn int(value: &Value) -> Option<i128> {
    match value {
        Value::Bool(value) => Some(i128::from(*value)),
        Value::Int(value) => Some(*value),
        Value::Float(value) => value.is_finite().then(|| value.trunc() as i128),
        Value::String(text) => int_text(text, 10),
        Value::Binary(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| int_text(text, 10)),
        Value::Secret(secret) => int(secret.expose()),
        Value::Null | Value::Timestamp(_) | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// `patroni.utils.parse_bool`: `on`, `true`, `yes`, `1` and their opposites in any case, anything else is unknown.
///
/// Source: patroni/utils.py, `parse_bool`, 4.1.5.
pub fn parse_bool(value: &Value) -> Option<bool> {
    if let Value::Bool(value) = value {
        return Some(*value);
    }
    match str(value).to_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// `patroni.utils.parse_int(value, base_unit)`: reads numbers as PostgreSQL does (`0x1F`, `010`, `1.5e3`, `16MB`) and
/// gives them in `base_unit` (`s`, `kB`, `8kB` …), which a number without a unit is taken to have. `None` where it gives
/// `None` or raises.
///
/// Source: patroni/utils.py, `parse_int`, 4.1.5.
pub fn parse_int(value: &Value, base_unit: Option<&str>) -> Option<i128> {
    if let Value::Int(value) = value {
        return Some(*value);
    }
    let text = str(value);
    let (integer, rest) = strtol(&text)?;
    let (number, unit) = match integer {
        None if !rest.starts_with('.') => return None,
        Some(integer) if !rest.starts_with(['.', 'e', 'E']) => (Number::Int(integer), rest),
        _ => {
            let (number, rest) = strtod(&text)?;
            (Number::Float(number), rest)
        }
    };
    let unit = strip(unit);
    if unit.is_empty() { number.round() } else { convert_to_base_unit(number, unit, base_unit?)?.round() }
}

/// `patroni.utils.parse_real(value, base_unit)`; `None` where it gives `None` or raises.
///
/// Source: patroni/utils.py, `parse_real`, 4.1.5.
pub fn parse_real(value: &Value, base_unit: Option<&str>) -> Option<f64> {
    let text = str(value);
    let (number, unit) = strtod(&text)?;
    match strip(unit) {
        "" => Some(number),
        unit => match convert_to_base_unit(Number::Float(number), unit, base_unit?)? {
            Number::Int(number) => Some(number as f64),
            Number::Float(number) => Some(number),
        },
    }
}

/// `type(value).__name__`
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::String(_) => "str",
        Value::Timestamp(text) if text.len() <= 10 => "date",
        Value::Timestamp(_) => "datetime",
        Value::Binary(_) => "bytes",
        Value::Sequence(_) => "list",
        Value::Mapping(_) => "dict",
        Value::Secret(secret) => type_name(secret.expose()),
    }
}

/// Digits of a decimal text beyond which `int()` raises.
///
/// Source: CPython 3.11, `sys.int_info.default_max_str_digits`.
const MAX_DECIMAL_DIGITS: usize = 4300;

#[derive(Clone, Copy)]
enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// `round(value)`, halves to the even neighbour.
    fn round(self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(value),
            Self::Float(value) => value.is_finite().then(|| value.round_ties_even() as i128),
        }
    }
}

/// The integer at the start of a text, if any, and what follows it; `None` when Python raises.
///
/// Source: patroni/utils.py, `strtol`, 4.1.5.
fn strtol(text: &str) -> Option<(Option<i128>, &str)> {
    let text = strip(text);
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign_length = text.len() - digits.len();
    let count = |digits: &str, base| digits.find(|character: char| !character.is_digit(base)).unwrap_or(digits.len());
    let hexadecimal = digits.strip_prefix("0x").map_or(0, |digits| count(digits, 16));
    let (length, base) = if 0 < hexadecimal {
        (2 + hexadecimal, 16)
    } else if digits.starts_with('0') {
        (count(digits, 8), 8)
    } else {
        (count(digits, 10), 10)
    };
    if length == 0 {
        return Some((None, text));
    }
    let (number, rest) = text.split_at(sign_length + length);
    Some((Some(int_text(number, base)?), rest))
}

/// The decimal fraction at the start of a text and what follows it.
///
/// Source: patroni/utils.py, `strtod`, 4.1.5.
fn strtod(text: &str) -> Option<(f64, &str)> {
    let text = strip(text);
    let count = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let start = text.len() - text.strip_prefix(['-', '+']).unwrap_or(text).len();
    let mut end = start + count(start);
    if text[end..].starts_with('.') && 0 < count(end + 1) {
        end += 1 + count(end + 1);
    }
    if let Some(tail) = text[end..].strip_prefix(['e', 'E']) {
        let digits = text.len() - tail.strip_prefix(['-', '+']).unwrap_or(tail).len();
        if 0 < count(digits) {
            end = digits + count(digits);
        }
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Source: patroni/utils.py, `convert_to_base_unit`, 4.1.5.
fn convert_to_base_unit(number: Number, unit: &str, base_unit: &str) -> Option<Number> {
    let (base_value, base_unit) = strtol(base_unit)?;
    let base_value = base_value.unwrap_or(1);
    let table = conversion_table(base_unit)?;
    let index = table.iter().position(|(name, _)| *name == unit)?;
    if base_value == 0 {
        return None;
    }
    let number = match number {
        Number::Int(number) => number as f64,
        Number::Float(number) => number,
    };
    let number = number * (table[index].1 / base_value as f64);
    let Some((_, multiplier)) = table.get(index + 1) else { return Some(Number::Float(number)) };
    let rounded = (number / multiplier).round_ties_even();
    Some(if 1.0 <= *multiplier && rounded.is_finite() {
        Number::Int((rounded as i128).saturating_mul(*multiplier as i128))
    } else {
        Number::Float(rounded * multiplier)
    })
}

/// The units of memory or time from the largest one on, each as a multiple of `base_unit`.
///
/// Source: patroni/utils.py, `get_conversion_table`, 4.1.5.
fn conversion_table(base_unit: &str) -> Option<Vec<(&'static str, f64)>> {
    const MEMORY: [(&str, f64); 5] =
        [("TB", 1_099_511_627_776.0), ("GB", 1_073_741_824.0), ("MB", 1_048_576.0), ("kB", 1024.0), ("B", 1.0)];
    // In microseconds: dividing whole numbers gives the same floats as Python's table.
    const TIME: [(&str, f64); 6] =
        [("d", 86_400e6), ("h", 3600e6), ("min", 60e6), ("s", 1e6), ("ms", 1e3), ("us", 1.0)];
    let units: &[(&str, f64)] = match base_unit {
        "B" | "kB" | "MB" => &MEMORY,
        "ms" | "s" | "min" => &TIME,
        _ => return None,
    };
    let (_, base) = units.iter().find(|(name, _)| *name == base_unit)?;
    Some(units.iter().map(|(name, size)| (*name, size / base)).collect())
}

/// `int(text, base)`, with Python's spaces, sign, prefix of the base and underscores between digits.
pub(super) fn int_text(text: &str, base: u32) -> Option<i128> {
    let text = strip_number(text);
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let without_prefix = match base {
        2 => digits.strip_prefix("0b").or(digits.strip_prefix("0B")),
        8 => digits.strip_prefix("0o").or(digits.strip_prefix("0O")),
        16 => digits.strip_prefix("0x").or(digits.strip_prefix("0X")),
        _ => None,
    };
    let digits = without_prefix.map_or(digits, |digits| digits.strip_prefix('_').unwrap_or(digits));
    let parts_are_digits =
        digits.split('_').all(|part| !part.is_empty() && part.chars().all(|digit| to_digit(digit, base).is_some()));
    let is_too_long = base == 10 && MAX_DECIMAL_DIGITS < digits.chars().filter(|digit| *digit != '_').count();
    if !parts_are_digits || is_too_long {
        return None;
    }
    let is_negative = text.starts_with('-');
    let step = |value: i128, digit: char| {
        let digit = i128::from(to_digit(digit, base).unwrap_or_default());
        let scaled = value.saturating_mul(i128::from(base));
        if is_negative { scaled.saturating_sub(digit) } else { scaled.saturating_add(digit) }
    };
    Some(digits.chars().filter(|digit| *digit != '_').fold(0, step))
}

/// The value of a digit; `int()` takes the decimal digits of every script.
fn to_digit(character: char, base: u32) -> Option<u32> {
    /// The zeros of Unicode 15.0 outside ASCII; each is followed by the digits 1 to 9.
    const ZEROS: &[u32] = &[
        0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
        0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
        0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0,
        0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0,
        0x16B50, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
    ];
    let code = u32::from(character);
    let in_script = ZEROS.iter().map(|zero| code.wrapping_sub(*zero)).find(|digit| *digit < 10);
    let mathematical = || code.checked_sub(0x1D7CE).filter(|offset| *offset < 50).map(|offset| offset % 10);
    let digit = if character.is_ascii() { character.to_digit(base) } else { in_script.or_else(mathematical) };
    digit.filter(|digit| *digit < base)
}

/// `float(text)`
pub(super) fn float_text(text: &str) -> Option<f64> {
    let text = strip_number(text);
    let bytes = text.as_bytes();
    let is_digit = |index: Option<usize>| index.and_then(|index| bytes.get(index)).is_some_and(u8::is_ascii_digit);
    let is_between_digits = |index: usize| is_digit(index.checked_sub(1)) && is_digit(Some(index + 1));
    if text.match_indices('_').all(|(index, _)| is_between_digits(index)) {
        text.replace('_', "").parse().ok()
    } else {
        None
    }
}

/// `text.strip()`
pub fn strip(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || ('\x1c'..='\x1f').contains(&character))
}

/// The blanks that `int()` and `float()` step over: of ASCII text those of C alone.
fn strip_number(text: &str) -> &str {
    if text.is_ascii() { text.trim_matches(|blank| matches!(blank, '\t'..='\r' | ' ')) } else { strip(text) }
}

/// `repr(value)`
fn write_repr(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float_repr(*value)),
        Value::String(value) => write_quoted(value.chars(), out),
        Value::Timestamp(text) => match timestamp(text) {
            Some(timestamp) => out.push_str(&timestamp.repr()),
            None => out.push_str(text),
        },
        Value::Binary(bytes) => {
            let quoted_from = out.len() + 1;
            out.push('b');
            write_quoted(bytes.iter().map(|byte| char::from(*byte)), out);
            let escaped: String = out[quoted_from..].chars().map(escape_byte).collect();
            out.replace_range(quoted_from.., &escaped);
        }
        Value::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_repr(&item.value, out);
            }
            out.push(']');
        }
        Value::Mapping(mapping) => {
            out.push('{');
            for (index, entry) in mapping.effective().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_repr(&entry.key.value, out);
                out.push_str(": ");
                write_repr(&entry.value.value, out);
            }
            out.push('}');
        }
        Value::Secret(secret) => write_repr(secret.expose(), out),
    }
}

fn escape_byte(character: char) -> String {
    if character.is_ascii() { character.to_string() } else { format!("\\x{:02x}", u32::from(character)) }
}

/// A string literal, in single quotes unless only double quotes avoid escaping.
fn write_quoted(characters: impl Iterator<Item = char> + Clone, out: &mut String) {
    let has = |quote| characters.clone().any(|character| character == quote);
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    out.push(quote);
    for character in characters.clone() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if character == quote => out.extend(['\\', quote]),
            _ if is_printable(character) => out.push(character),
            _ => {
                let code = u32::from(character);
                let _ = match code {
                    0..0x100 => write!(out, "\\x{code:02x}"),
                    0x100..0x10000 => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// `str.isprintable`; Rust's own escaping of text (after a letter) draws the same line.
fn is_printable(character: char) -> bool {
    match character {
        ' '..='~' => true,
        _ if character.is_ascii() => false,
        _ => !format!("a{character}").escape_debug().any(|escaped| escaped == '\\'),
    }
}

/// `repr(float)`: the shortest digits that give the number back, with an exponent below 1e-4 and from 1e16 on.
fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    let shortest = format!("{value:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digit_count = digits.bytes().filter(u8::is_ascii_digit).count();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // Of equally short texts Python takes the nearest one, which formatting with that many digits gives.
    if (-4..16).contains(&exponent) {
        let decimals = (digit_count as i32 - 1 - exponent).max(1) as usize;
        return format!("{value:.decimals$}");
    }
    let nearest = format!("{value:.*e}", digit_count - 1);
    let digits = nearest.split_once('e').map_or(digits, |(digits, _)| digits);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// What a YAML timestamp is written with; numbers still unchecked.
pub(super) struct TimestampParts<'a> {
    date: [u32; 3],
    pub time: Option<TimeParts<'a>>,
}

/// The time of a [`TimestampParts`].
pub(super) struct TimeParts<'a> {
    /// Hour, minute, second
    clock: [u32; 3],
    /// Digits after the point
    fraction: &'a str,
    /// Minutes east of Greenwich
    offset_minutes: Option<i32>,
}

/// Takes a YAML timestamp apart.
///
/// Source: yaml/constructor.py, `SafeConstructor.timestamp_regexp`, PyYAML 6.0.3.
pub(super) fn timestamp_parts(text: &str) -> Option<TimestampParts<'_>> {
    /// The number at the start, of `min` to 2 digits (a year has 4).
    fn number(text: &str, min: usize, max: usize) -> Option<(u32, &str)> {
        let length = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
        (min <= length).then(|| text[..length].parse().ok().map(|number| (number, &text[length..])))?
    }
    let blank = [' ', '\t'];
    let (year, rest) = number(text, 4, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    let date = [year, month, day];
    if rest.is_empty() {
        return Some(TimestampParts { date, time: None });
    }
    let rest = match rest.strip_prefix(['T', 't']) {
        Some(rest) => rest,
        None => rest.strip_prefix(blank)?.trim_start_matches(blank),
    };
    let (hour, rest) = number(rest, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(tail) => tail.split_at(tail.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("", rest),
    };
    let zone = rest.trim_start_matches(blank);
    let offset_minutes = match zone {
        "" if rest.is_empty() => None,
        "Z" => Some(0),
        _ => {
            let (hours, rest) = number(zone.strip_prefix(['-', '+'])?, 1, 2)?;
            let (minutes, rest) = if rest.is_empty() { (0, rest) } else { number(rest.strip_prefix(':')?, 2, 2)? };
            let offset = i32::try_from(hours * 60 + minutes).ok().filter(|_| rest.is_empty())?;
            Some(if zone.starts_with('-') { -offset } else { offset })
        }
    };
    Some(TimestampParts { date, time: Some(TimeParts { clock: [hour, minute, second], fraction, offset_minutes }) })
}

/// A `datetime.date` or `datetime.datetime`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Timestamp {
    date: [u32; 3],
    /// Hour, minute, second, microsecond, and minutes east of Greenwich; `None` for a date.
    time: Option<([u32; 4], Option<i32>)>,
}

/// The value of a YAML timestamp; `None` where PyYAML raises.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let parts = timestamp_parts(text)?;
    let [year, month, day] = parts.date;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1 || !(1..=days).contains(&day) {
        return None;
    }
    let time = match parts.time {
        None => None,
        Some(time) => {
            let [hour, minute, second] = time.clock;
            let is_day = |minutes: i32| minutes.abs() < 24 * 60;
            if 24 <= hour || 60 <= minute || 60 <= second || !time.offset_minutes.is_none_or(is_day) {
                return None;
            }
            let digits = &time.fraction[..time.fraction.len().min(6)];
            let microsecond = format!("{digits:0<6}").parse().ok()?;
            Some(([hour, minute, second, microsecond], time.offset_minutes))
        }
    };
    Some(Timestamp { date: parts.date, time })
}

impl Timestamp {
    /// `str(value)`
    fn str(&self) -> String {
        let [year, month, day] = self.date;
        let mut text = format!("{year:04}-{month:02}-{day:02}");
        let Some(([hour, minute, second, microsecond], offset_minutes)) = self.time else { return text };
        text += &format!(" {hour:02}:{minute:02}:{second:02}");
        if microsecond != 0 {
            text += &format!(".{microsecond:06}");
        }
        if let Some(offset) = offset_minutes {
            let sign = if offset < 0 { '-' } else { '+' };
            text += &format!("{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
        }
        text
    }

    /// `repr(value)`
    fn repr(&self) -> String {
        let [year, month, day] = self.date;
        let Some((clock, offset_minutes)) = self.time else { return format!("datetime.date({year}, {month}, {day})") };
        // Seconds and microseconds are left out when they are zero.
        let shown = match clock {
            [_, _, 0, 0] => 2,
            [_, _, _, 0] => 3,
            _ => 4,
        };
        let clock: Vec<String> = clock[..shown].iter().map(u32::to_string).collect();
        let zone = match offset_minutes {
            None => String::new(),
            Some(0) => ", tzinfo=datetime.timezone.utc".to_owned(),
            Some(offset) if offset < 0 => {
                let seconds = (offset + 24 * 60) * 60;
                format!(", tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds={seconds}))")
            }
            Some(offset) => format!(", tzinfo=datetime.timezone(datetime.timedelta(seconds={}))", offset * 60),
        };
        format!("datetime.datetime({year}, {month}, {day}, {}{zone})", clock.join(", "))
    }
}
