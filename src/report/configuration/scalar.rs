//! Values as YAML that PyYAML reads back to the same.

use base64::Engine as _;

use crate::input::source_map::SourceId;
use crate::parse::tree::{Node, Value};
use crate::parse::{python, yaml};

/// What a secret looks like.
const HIDDEN: &str = "\"***\"";

/// A value on one line; collections in brackets.
pub fn inline(value: &Value) -> String {
    match value {
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Mapping(mapping) => {
            let entries: Vec<String> = mapping
                .effective()
                .map(|entry| format!("{}: {}", inline(&entry.key.value), inline(&entry.value.value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::String(text) => quoted(text),
        other => scalar(other),
    }
}

/// A scalar after a key or a dash; text without quotes where that reads back the same.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => ".nan".to_owned(),
        Value::Float(number) if number.is_infinite() => if *number < 0.0 { "-.inf" } else { ".inf" }.to_owned(),
        Value::Float(_) => {
            let text = python::str(value);
            match text.split_once('e') {
                Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
                _ => text,
            }
        }
        Value::String(text) if is_plain(text) => text.clone(),
        Value::String(text) => quoted(text),
        Value::Timestamp(text) => text.clone(),
        Value::Binary(bytes) => {
            format!("!!binary {}", quoted(&base64::engine::general_purpose::STANDARD.encode(bytes)))
        }
        Value::Secret(_) => HIDDEN.to_owned(),
        Value::Sequence(_) | Value::Mapping(_) => inline(value),
    }
}

/// Whether a text is read as itself where a key or a value stands, with a comment behind it.
fn is_plain(text: &str) -> bool {
    let line = format!("{text}: {text} # x");
    let is_simple =
        text.chars().all(|character| !character.is_control()) && text.trim() == text && !text.contains(": ");
    is_simple
        && yaml::parse(SourceId(u32::MAX), &line).is_ok_and(|tree| {
            let entry = tree.as_mapping().and_then(|mapping| mapping.entries.first());
            let is_same = |node: &Node| node.as_str() == Some(text);
            entry.is_some_and(|entry| is_same(&entry.key) && is_same(&entry.value))
        })
}

/// A text in double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' | '\u{a1}'..='\u{2027}' | '\u{2030}'..='\u{d7ff}' | '\u{10000}'..='\u{10ffff}' => {
                quoted.push(character);
            }
            _ => quoted.push_str(&match u32::from(character) {
                code @ 0..0x100 => format!("\\x{code:02x}"),
                code @ 0x100..0x10000 => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_back_as_they_are() {
        let texts = [
            "x",
            "on",
            "1",
            "",
            " x",
            "x ",
            "a: b",
            "a #b",
            "#",
            "*:5432",
            "0.0.0.0:8008",
            "it's",
            "\"",
            "\\",
            "a\nb",
            "é",
            "\u{2028}",
            "\u{feff}",
            "\u{e000}",
            "~",
            "null",
            "1e3",
            "2024-01-01",
            "- a",
            "?",
            "{{ x }}",
            "%p",
            "-",
            "=",
            "<<",
        ];
        for text in texts {
            for written in [scalar(&Value::String(text.to_owned())), inline(&Value::String(text.to_owned()))] {
                let line = format!("k: {written}  # x\n");
                let tree = yaml::parse(SourceId(0), &line).unwrap_or_else(|error| panic!("{line}: {}", error.message));
                assert_eq!(tree.get("k").and_then(Node::as_str), Some(text), "{line}");
            }
        }
    }

    #[test]
    fn numbers_read_back_as_they_are() {
        for number in [0.5, 1e16, 1e-7, 1.5e300, -0.0, f64::INFINITY] {
            let line = format!("k: {}", scalar(&Value::Float(number)));
            let tree = yaml::parse(SourceId(0), &line).expect("valid YAML");
            assert_eq!(tree.get("k").map(|node| &node.value), Some(&Value::Float(number)), "{line}");
        }
    }
}
