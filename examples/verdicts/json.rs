//! JSON exactly as Python's `json.dumps(value, sort_keys=True, separators=(',', ':'))` writes it.

use std::fmt::Write;

use patrolint::parse::python;
use patrolint::parse::tree::{Node, Value};

/// A text that JSON is written to, piece by piece; commas come by themselves, and keys have to come in their order.
#[derive(Default)]
pub struct Json {
    /// What has been written.
    pub text: String,
}

impl Json {
    /// Begins an object or a list with `{` or `[`.
    pub fn begin(&mut self, bracket: char) {
        self.separate();
        self.text.push(bracket);
    }

    /// Ends an object or a list with `}` or `]`.
    pub fn end(&mut self, bracket: char) {
        self.text.push(bracket);
    }

    /// The key of the value that follows.
    pub fn key(&mut self, name: &str) {
        self.separate();
        quote(name, &mut self.text);
        self.text.push(':');
    }

    /// A key and what `value` writes.
    pub fn field(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.key(name);
        value(self);
    }

    /// A key and a string.
    pub fn text_field(&mut self, name: &str, text: &str) {
        self.key(name);
        self.string(text);
    }

    /// A key and `true` or `false`.
    pub fn bool_field(&mut self, name: &str, value: bool) {
        self.key(name);
        self.bool(value);
    }

    /// A string.
    pub fn string(&mut self, text: &str) {
        self.separate();
        quote(text, &mut self.text);
    }

    /// A string, or `null`.
    pub fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.null(),
        }
    }

    /// A list of strings.
    pub fn strings<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        self.begin('[');
        for text in texts {
            self.string(text);
        }
        self.end(']');
    }

    /// A number.
    pub fn int(&mut self, value: i128) {
        self.separate();
        // Formatting a smaller number is much faster.
        let _ = match i64::try_from(value) {
            Ok(value) => write!(self.text, "{value}"),
            Err(_) => write!(self.text, "{value}"),
        };
    }

    /// `true` or `false`
    pub fn bool(&mut self, value: bool) {
        self.word(if value { "true" } else { "false" });
    }

    /// `null`
    pub fn null(&mut self) {
        self.word("null");
    }

    /// A value that was parsed from JSON.
    pub fn node(&mut self, node: &Node) {
        match &node.value {
            Value::Null => self.null(),
            Value::Bool(value) => self.bool(*value),
            Value::Int(value) => self.int(*value),
            Value::Float(value) if value.is_nan() => self.word("NaN"),
            Value::Float(value) if value.is_infinite() => {
                self.word(if *value < 0.0 { "-Infinity" } else { "Infinity" });
            }
            Value::Float(_) => self.word(&python::str(&node.value)),
            Value::String(text) => self.string(text),
            Value::Sequence(items) => {
                self.begin('[');
                items.iter().for_each(|item| self.node(item));
                self.end(']');
            }
            Value::Mapping(mapping) => {
                let mut entries: Vec<_> =
                    mapping.effective().map(|entry| (entry.key.as_str().unwrap_or_default(), &entry.value)).collect();
                entries.sort_unstable_by_key(|(name, _)| *name);
                self.begin('{');
                for (name, value) in entries {
                    self.key(name);
                    self.node(value);
                }
                self.end('}');
            }
            Value::Timestamp(_) | Value::Binary(_) | Value::Secret(_) => unreachable!("JSON holds no such value"),
        }
    }

    fn word(&mut self, word: &str) {
        self.separate();
        self.text.push_str(word);
    }

    fn separate(&mut self) {
        if !matches!(self.text.as_bytes().last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            self.text.push(',');
        }
    }
}

/// Writes a string in double quotes; what is not ASCII is escaped.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.push_str(text);
    } else {
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                ' '..='~' => out.push(character),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use patrolint::parse::json::parse;

    use super::super::scenario::NOWHERE;
    use super::*;

    /// `expect` is what Python 3.11 makes of `json.loads(text)`.
    fn check(text: &str, expect: &str) {
        let mut json = Json::default();
        json.node(&parse(NOWHERE, text).expect("it is JSON"));
        assert_eq!(json.text, expect);
    }

    #[test]
    fn writes_what_json_dumps_writes() {
        check(r#" {"b": [1, -2.5, 1e16], "a": {}, "B": [[], null]} "#, r#"{"B":[[],null],"a":{},"b":[1,-2.5,1e+16]}"#);
        check(r#""\u00E9\uD83D\uDE00\/\b\f\n\r\t\u0000\"\\""#, r#""\u00e9\ud83d\ude00/\b\f\n\r\t\u0000\"\\""#);
        check("\"\u{7f}\"", r#""\u007f""#);
        check("[NaN, Infinity, -Infinity, true, false]", "[NaN,Infinity,-Infinity,true,false]");
        check(
            r#"{"a": 1, "b": 2, "a": 123456789012345678901234567890}"#,
            r#"{"a":123456789012345678901234567890,"b":2}"#,
        );
    }
}
