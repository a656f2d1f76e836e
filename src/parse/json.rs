//! JSON as Python's `json.loads` reads it.

use crate::input::source_map::SourceId;
use crate::parse::python;
use crate::parse::tree::{Entry, Mapping, Node, Span, Style, Value};

/// Why `json.loads` refuses a text.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonError {
    /// What is wrong, in lower case, without a final period.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// Lists and objects inside each other; Python gives up (`RecursionError`) somewhere below 1000.
const MAX_DEPTH: usize = 400;

/// Parses a text as `json.loads` does: `NaN`, `Infinity` and `-Infinity` are numbers, of repeated keys the last one counts
/// (all are kept), half of a surrogate pair becomes U+FFFD.
///
/// # Errors
///
/// The text is one that `json.loads` refuses, or nested more than 400 deep.
pub fn parse(source: SourceId, text: &str) -> Result<Node, JsonError> {
    let mut reader = Reader { source, text, at: 0 };
    if text.starts_with('\u{feff}') {
        return Err(reader.error("a byte order mark, which JSON does not allow"));
    }
    let node = reader.node(0)?;
    reader.skip_blanks();
    if reader.at < text.len() { Err(reader.error("more text after the end of the value")) } else { Ok(node) }
}

struct Reader<'a> {
    source: SourceId,
    text: &'a str,
    /// Bytes
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// An error at the character here.
    fn error(&self, message: &str) -> JsonError {
        let length = self.text.get(self.at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let message = if length == 0 { format!("{message}, at the end of the text") } else { message.to_owned() };
        JsonError { message, span: Span::new(self.source, self.at, self.at + length) }
    }

    fn node(&mut self, depth: usize) -> Result<Node, JsonError> {
        self.skip_blanks();
        if MAX_DEPTH < depth {
            return Err(self.error("the value is nested too deep"));
        }
        let start = self.at;
        let mut style = Style::Plain;
        let value = match self.peek() {
            Some(b'"') => {
                style = Style::Quoted;
                Value::String(self.string()?)
            }
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'-' | b'0'..=b'9') if !self.text[start..].starts_with("-I") => self.number()?,
            _ => {
                let words = [
                    ("null", Value::Null),
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("NaN", Value::Float(f64::NAN)),
                    ("Infinity", Value::Float(f64::INFINITY)),
                    ("-Infinity", Value::Float(f64::NEG_INFINITY)),
                ];
                let word = words.into_iter().find(|(word, _)| self.text[start..].starts_with(word));
                let (word, value) = word.ok_or_else(|| self.error("expected a value"))?;
                self.at += word.len();
                value
            }
        };
        Ok(Node { value, span: Span::new(self.source, start, self.at), style })
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        self.skip_blanks();
        if self.eat(b'}') {
            return Ok(Value::Mapping(Mapping::default()));
        }
        let mut entries = Vec::with_capacity(8);
        loop {
            self.skip_blanks();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key in double quotes"));
            }
            let key = Value::String(self.string()?);
            let key = Node { value: key, span: Span::new(self.source, start, self.at), style: Style::Quoted };
            self.skip_blanks();
            if !self.eat(b':') {
                return Err(self.error("expected ':' after a key"));
            }
            let value = self.node(depth + 1)?;
            entries.push(Entry { key, value, merged: false });
            self.skip_blanks();
            if self.eat(b'}') {
                return Ok(Value::Mapping(Mapping { entries }));
            }
            if !self.eat(b',') {
                return Err(self.error("expected ',' or '}'"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.eat(b']') {
            return Ok(Value::Sequence(items));
        }
        loop {
            items.push(self.node(depth + 1)?);
            self.skip_blanks();
            if self.eat(b']') {
                return Ok(Value::Sequence(items));
            }
            if !self.eat(b',') {
                return Err(self.error("expected ',' or ']'"));
            }
        }
    }

    fn skip_digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') && self.skip_digits() == 0 {
            return Err(self.error("expected a digit"));
        }
        let mut end = self.at;
        if self.eat(b'.') && 0 < self.skip_digits() {
            end = self.at;
        }
        self.at = end;
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            if 0 < self.skip_digits() {
                end = self.at;
            }
        }
        self.at = end;
        let digits = &self.text[start..end];
        let is_int = digits.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
        let value = match digits.parse::<i64>() {
            Ok(value) => Some(Value::Int(value.into())),
            Err(_) if is_int => python::int_text(digits, 10).map(Value::Int),
            Err(_) => digits.parse().ok().map(Value::Float),
        };
        value.ok_or_else(|| JsonError {
            message: "a number with more digits than Python reads".to_owned(),
            span: Span::new(self.source, start, end),
        })
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            text.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.error("a control character in a string; JSON wants it escaped")),
                None => {
                    self.at = open;
                    return Err(self.error("a string is never closed"));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let character = match self.text.as_bytes().get(self.at + 1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("an unknown escape after '\\'")),
        };
        self.at += 2;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let Some(first) = self.code_unit(self.at) else {
            return Err(self.error("'\\u' needs four hexadecimal digits"));
        };
        self.at += 6;
        if let Some(second) = self.code_unit(self.at)
            && (0xd800..0xdc00).contains(&first)
            && (0xdc00..0xe000).contains(&second)
        {
            self.at += 6;
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The number of a `\uXXXX` that starts at `at`.
    fn code_unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expect` is Python's `str()` of what `json.loads` gives, or `None` when it raises; recorded with Python 3.11.
    fn check(text: &str, expect: Option<&str>) {
        let value = parse(SourceId(0), text).ok().map(|node| match node.value {
            Value::String(text) => format!("'{text}'"),
            value => python::str(&value),
        });
        assert_eq!(value.as_deref(), expect, "{text:?}");
    }

    #[test]
    fn reads_what_json_loads_reads() {
        check(" \t\r\n{\"a\": [1, -2.5, true, null]}\n", Some("{'a': [1, -2.5, True, None]}"));
        check("NaN", Some("nan"));
        check("[Infinity, -Infinity]", Some("[inf, -inf]"));
        check("1e999", Some("inf"));
        check("-0", Some("0"));
        check("-0.0", Some("-0.0"));
        check("1E5", Some("100000.0"));
        check("1e400", Some("inf"));
        check(r#"{"a": 1, "b": 2, "a": 3}"#, Some("{'a': 3, 'b': 2}"));
        check(r#""\u00e9\ud83d\ude00\/\b\"""#, Some("'é😀/\u{8}\"'"));
        check(r#""\ud83d""#, Some("'\u{fffd}'"));
        check(r#""\ud83d\u0041""#, Some("'\u{fffd}A'"));
        check("\"\u{7f}é\"", Some("'\u{7f}é'"));
        check("{}", Some("{}"));
        check("[ ]", Some("[]"));
        check("123456789012345678901234567890", Some("123456789012345678901234567890"));
    }

    #[test]
    fn refuses_what_json_loads_refuses() {
        for text in [
            "",
            " ",
            "\u{feff}{}",
            "{\"a\": 1,}",
            "[1,]",
            "[1 2]",
            "{a: 1}",
            "{'a': 1}",
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "0x1",
            "nan",
            "-NaN",
            "tru",
            "\"a",
            "\"\t\"",
            "\"\\x41\"",
            "\"\\u12\"",
            "\"\\u+123\"",
            "[1]]",
            "{\"a\"}",
            "{\"a\": }",
            "\u{a0}1",
            "1\u{c}",
            "\"\\",
        ] {
            check(text, None);
        }
        check(&"9".repeat(4301), None);
        check(&"[".repeat(100_000), None);
        check(&"{\"a\":".repeat(100_000), None);
    }

    #[test]
    fn spans_are_bytes() {
        let text = " {\"é\": [1, \"ü\"]} ";
        let node = parse(SourceId(0), text).expect("valid");
        let slice = |node: &Node| &text[node.span.start..node.span.end];
        assert_eq!(slice(&node), "{\"é\": [1, \"ü\"]}");
        let list = node.get("é").expect("the key exists");
        assert_eq!(slice(list), "[1, \"ü\"]");
        assert_eq!(list.as_sequence().expect("a list").iter().map(slice).collect::<Vec<_>>(), ["1", "\"ü\""]);
        let error = parse(SourceId(0), "{\"é\": é}").expect_err("no value");
        assert_eq!((error.span.start, error.span.end), (7, 9));
    }
}
