//! What a scalar's text means: PyYAML's resolver and its conversions.
//!
//! Source: yaml/resolver.py, `Resolver`, and yaml/constructor.py, `SafeConstructor.construct_yaml_*`, PyYAML 6.0.3.

use crate::parse::python;
use crate::parse::tree::Value;

/// A type that PyYAML's safe loader knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Null,
    Bool,
    Int,
    Float,
    String,
    Binary,
    Timestamp,
    Sequence,
    Mapping,
    Set,
    /// `!!omap` and `!!pairs`
    Pairs,
    /// `<<`
    Merge,
    /// `=`
    Special,
}

impl Tag {
    /// The type in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "this null",
            Self::Bool => "this boolean",
            Self::Int => "this integer",
            Self::Float => "this number",
            Self::String => "this string",
            Self::Binary => "this base64 text",
            Self::Timestamp => "this date",
            Self::Sequence | Self::Pairs => "this list",
            Self::Mapping | Self::Set => "this mapping",
            Self::Merge => "'<<' as a value",
            Self::Special => "'=' as a value",
        }
    }
}

/// The type of a tag as written, its handle replaced; `None` for those that the safe loader refuses.
pub(super) fn explicit_tag(tag: &str) -> Option<Tag> {
    Some(match tag.strip_prefix("tag:yaml.org,2002:")? {
        "null" => Tag::Null,
        "bool" => Tag::Bool,
        "int" => Tag::Int,
        "float" => Tag::Float,
        "str" => Tag::String,
        "binary" => Tag::Binary,
        "timestamp" => Tag::Timestamp,
        "seq" => Tag::Sequence,
        "map" => Tag::Mapping,
        "set" => Tag::Set,
        "omap" | "pairs" => Tag::Pairs,
        "merge" => Tag::Merge,
        "value" => Tag::Special,
        _ => return None,
    })
}

/// The type of a plain scalar.
pub(super) fn resolve(text: &str) -> Tag {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Tag::Null,
        "<<" => Tag::Merge,
        "=" => Tag::Special,
        _ if as_bool(text).is_some() => Tag::Bool,
        _ if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) => Tag::String,
        _ if is_float(text) => Tag::Float,
        _ if is_int(text) => Tag::Int,
        _ if is_timestamp(text) => Tag::Timestamp,
        _ => Tag::String,
    }
}

/// The value of a scalar of this type; `None` where PyYAML raises.
pub(super) fn value(tag: Tag, text: &str) -> Option<Value> {
    match tag {
        Tag::Null => Some(Value::Null),
        Tag::Bool => as_bool(&text.to_lowercase()).map(Value::Bool),
        Tag::Int => int(text).map(Value::Int),
        Tag::Float => float(text).map(Value::Float),
        Tag::String => Some(Value::String(text.to_owned())),
        Tag::Binary => binary(text).map(Value::Binary),
        Tag::Timestamp => python::timestamp(text).map(|_| Value::Timestamp(text.to_owned())),
        Tag::Sequence | Tag::Mapping | Tag::Set | Tag::Pairs | Tag::Merge | Tag::Special => None,
    }
}

fn as_bool(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn without_sign(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

/// `[0-9][0-9_]*`
fn is_digits(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && has_only(text, "0123456789_")
}

fn has_only(text: &str, accepted: &str) -> bool {
    text.chars().all(|character| accepted.contains(character))
}

/// `(?::[0-5]?[0-9])+` after the first part of a number in base 60.
fn are_sexagesimal(mut parts: std::str::Split<'_, char>) -> bool {
    parts.all(|part| match part.as_bytes() {
        [last] => last.is_ascii_digit(),
        [first, last] => (b'0'..=b'5').contains(first) && last.is_ascii_digit(),
        _ => false,
    })
}

fn is_int(text: &str) -> bool {
    let digits = without_sign(text);
    let has_digits = |prefix, accepted| {
        digits.strip_prefix(prefix).is_some_and(|tail: &str| !tail.is_empty() && has_only(tail, accepted))
    };
    let is_decimal = |text: &str| is_digits(text) && !text.starts_with('0');
    let is_sexagesimal = || {
        let mut parts = digits.split(':');
        digits.contains(':') && parts.next().is_some_and(is_decimal) && are_sexagesimal(parts)
    };
    digits == "0"
        || is_decimal(digits)
        || has_digits("0b", "01_")
        || has_digits("0", "01234567_")
        || has_digits("0x", "0123456789abcdefABCDEF_")
        || is_sexagesimal()
}

fn is_float(text: &str) -> bool {
    let number = without_sign(text);
    if matches!(number, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (number, None),
    };
    let Some((whole, fraction)) = mantissa.split_once('.') else { return false };
    let has_exponent = exponent.is_none_or(|exponent| {
        let digits = without_sign(exponent);
        digits.len() + 1 == exponent.len() && !digits.is_empty() && has_only(digits, "0123456789")
    });
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    if whole.is_empty() {
        return number.len() == text.len() && is_digits(fraction) && has_exponent;
    }
    let is_sexagesimal = whole.contains(':');
    let is_whole = is_digits(first) && are_sexagesimal(parts);
    is_whole && has_only(fraction, "0123456789_") && has_exponent && !(is_sexagesimal && exponent.is_some())
}

/// A date of two-digit parts, or any date with a time; the parts may still be out of range.
fn is_timestamp(text: &str) -> bool {
    let shape: Vec<u8> = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte }).collect();
    shape == b"0000-00-00" || python::timestamp_parts(text).is_some_and(|parts| parts.time.is_some())
}

fn int(text: &str) -> Option<i128> {
    let text = text.replace('_', "");
    let digits = without_sign(&text);
    let based = |digits: &str, base| python::int_text(digits, base);
    let value = match digits {
        "0" => 0,
        _ if digits.starts_with("0b") => based(&digits[2..], 2)?,
        _ if digits.starts_with("0x") => based(&digits[2..], 16)?,
        _ if digits.starts_with('0') => based(digits, 8)?,
        _ if digits.contains(':') => digits
            .split(':')
            .try_fold(0_i128, |value, part| Some(value.saturating_mul(60).saturating_add(based(part, 10)?)))?,
        _ => based(digits, 10)?,
    };
    Some(if text.starts_with('-') { value.saturating_neg() } else { value })
}

fn float(text: &str) -> Option<f64> {
    let text = text.replace('_', "").to_lowercase();
    let number = without_sign(&text);
    let value = match number {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ if number.contains(':') => {
            let (mut value, mut base) = (0.0, 1.0);
            for part in number.rsplit(':') {
                value += python::float_text(part)? * base;
                base *= 60.0;
            }
            value
        }
        _ => python::float_text(number)?,
    };
    Some(if text.starts_with('-') { -value } else { value })
}

/// `base64.decodebytes`, which steps over every character that is not of its alphabet.
fn binary(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    let (mut bytes, mut left, mut position, mut pads) = (Vec::new(), 0_u8, 0, 0);
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                if 2 <= position {
                    pads += 1;
                    if 4 <= position + pads {
                        return Some(bytes);
                    }
                }
                continue;
            }
            _ => continue,
        };
        pads = 0;
        match position {
            0 => left = digit,
            1 => bytes.push(left << 2 | digit >> 4),
            2 => bytes.push(left << 4 | digit >> 2),
            _ => bytes.push(left << 6 | digit),
        }
        left = match position {
            0 => left,
            1 => digit & 0xf,
            2 => digit & 0x3,
            _ => 0,
        };
        position = (position + 1) % 4;
    }
    (position == 0).then_some(bytes)
}
