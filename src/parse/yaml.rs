//! YAML as PyYAML's `safe_load` reads it.
//!
//! PyYAML reads YAML 1.1 with habits of its own, and parsers of YAML 1.2 refuse what it accepts (a bracket closed at
//! column 0) and accept what it refuses (tabs between tokens). So the text is scanned here in the same three steps: tokens,
//! a graph of nodes, values.

mod compose;
mod construct;
mod scalar;
mod scan;

use crate::input::source_map::SourceId;
use crate::parse::tree::{Node, Span, character_start};

/// Why PyYAML refuses a text.
#[derive(Clone, Debug, PartialEq)]
pub struct YamlError {
    /// What is wrong, in lower case, without a final period, naming the construct.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to write instead, when that is clear.
    pub help: Option<String>,
}

/// Parses one document as `yaml.safe_load` does; an empty text is null.
///
/// Spans are of the values without their anchors and tags; that of a missing value is empty and follows its `:` or `-`.
/// Beyond PyYAML it refuses an alias inside of its own anchor, and limits nesting and what aliases may repeat.
///
/// # Errors
///
/// The text is one that PyYAML refuses.
pub fn parse(source: SourceId, text: &str) -> Result<Node, YamlError> {
    let document = check_printable(text)
        .and_then(|()| compose::graph(text, scan::tokens(text)?))
        .and_then(|graph| construct::value(source, text, &graph));
    document.map_err(|refusal| refusal.at(source, text))
}

/// Decodes a file as Patroni's `open()` does in a UTF-8 locale. A byte order mark stays; [`parse`] steps over it.
///
/// # Errors
///
/// The bytes are not UTF-8 (UTF-16, which PyYAML alone would read, is named), or contain a character that PyYAML's reader
/// refuses. The span counts bytes.
pub fn decode(source: SourceId, bytes: &[u8]) -> Result<&str, YamlError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let start = error.valid_up_to();
        let is_utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let (message, help) = if is_utf_16 {
            ("the file is UTF-16, which Patroni does not read".to_owned(), Some("save it as UTF-8".to_owned()))
        } else {
            (format!("the file is not UTF-8: byte 0x{:02x} at offset {start}", bytes[start]), None)
        };
        YamlError { message, span: Span::new(source, start, start + 1), help }
    })?;
    check_printable(text).map_err(|refusal| refusal.at(source, text))?;
    Ok(text)
}

/// A [`YamlError`] before the source is known.
#[derive(Clone, Debug, PartialEq)]
struct Refusal {
    message: String,
    start: usize,
    end: usize,
    help: Option<String>,
}

impl Refusal {
    fn new(message: String, start: usize, end: usize) -> Self {
        Self { message, start, end, help: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    fn at(self, source: SourceId, text: &str) -> YamlError {
        let start = self.start.min(text.len());
        let end = character_start(text, self.end.clamp(start, text.len()));
        YamlError { message: self.message, span: Span::new(source, start, end), help: self.help }
    }
}

/// Refuses the characters that PyYAML's reader refuses.
///
/// Source: yaml/reader.py, `Reader.NON_PRINTABLE`, PyYAML 6.0.3.
fn check_printable(text: &str) -> Result<(), Refusal> {
    let is_printable = |character: char| matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    match text.char_indices().find(|(_, character)| !is_printable(*character)) {
        Some((start, character)) => {
            let code = u32::from(character);
            let message = format!("the control character U+{code:04X} at offset {start}, which YAML does not allow");
            Err(Refusal::new(message, start, start + character.len_utf8())
                .help("remove it; in double quotes it can be written as an escape such as \"\\x1b\""))
        }
        None => Ok(()),
    }
}

/// What to write instead of the value that starts at or before `at` on its line, when that is clear.
fn advice(text: &str, at: usize) -> Option<String> {
    let at = character_start(text, at);
    let line_start = text[..at].rfind(['\n', '\r']).map_or(0, |before| before + 1);
    let line = text[line_start..].split(['\n', '\r']).next().unwrap_or_default();
    let indented = line.trim_start();
    let mut value = indented;
    while let Some(rest) = value.strip_prefix("- ") {
        value = rest.trim_start();
    }
    let is_entry = value.len() < indented.len();
    let key_end = value.find(": ");
    let (key, value) = key_end.map_or(("", value), |end| (&value[..end], &value[end + 2..]));
    let value = value.trim();
    let is_address = value.contains(':')
        && value.starts_with(['*', '['])
        && value.chars().all(|character| character.is_ascii_hexdigit() || "*[]:.,".contains(character));
    if value.starts_with("{{") || value.starts_with("{%") {
        Some("a template was left unrendered: render it before Patroni reads the file, or quote the value".to_owned())
    } else if is_address && (is_entry || !key.is_empty()) && !super::secrets::is_secret_key(key) {
        Some(format!("quote the value: \"{value}\""))
    } else if value.starts_with(['*', '&', '!', '%', '@', '`', '[', ']', '{', '}', '|', '>', ',']) {
        Some("quote the value".to_owned())
    } else if value.contains(": ") || value.ends_with(':') {
        Some("quote the value, or put the nested key on a line of its own".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::tree::{Style, Value};

    /// The text that the node at a route of keys and indexes covers.
    fn check_span(text: &str, route: &[&str], expect: &str) {
        let document = parse(SourceId(0), text).expect("valid YAML");
        let node = route.iter().fold(&document, |node, step| match &node.value {
            Value::Sequence(items) => &items[step.parse::<usize>().expect("an index")],
            _ => node.get(step).expect("the key exists"),
        });
        assert_eq!(&text[node.span.start..node.span.end], expect, "{text:?}");
    }

    fn check_empty_span(text: &str, key: &str, offset: usize) {
        let document = parse(SourceId(0), text).expect("valid YAML");
        let span = document.get(key).expect("the key exists").span;
        assert_eq!((span.start, span.end), (offset, offset), "{text:?}");
    }

    /// `expect` is the message, the text that it points at, and the help (empty for none).
    fn check_error(text: &str, expect: (&str, &str, &str)) {
        let error = parse(SourceId(0), text).expect_err("PyYAML refuses it");
        let place = &text[error.span.start..error.span.end];
        assert_eq!((error.message.as_str(), place, error.help.as_deref().unwrap_or_default()), expect, "{text:?}");
    }

    #[test]
    fn spans_cover_the_text() {
        check_span("\u{feff}é: ü # c\r\nb: 'x'\r\n", &["é"], "ü");
        check_span("\u{feff}é: ü # c\r\nb: 'x'\r\n", &["b"], "'x'");
        check_span("\u{feff}é: ü # c\r\nb: 'x'\r\n", &[], "é: ü # c\r\nb: 'x'");
        check_span("a:\n  b: 1\n  c:\n  - 日\n  - 本\n\nd: 2\n", &["a"], "b: 1\n  c:\n  - 日\n  - 本");
        check_span("a:\n  b: 1\n  c:\n  - 日\n  - 本\n\nd: 2\n", &["a", "c"], "- 日\n  - 本");
        check_span("a:\n  b: 1\n  c:\n  - 日\n  - 本\n\nd: 2\n", &["a", "c", "1"], "本");
        check_span("a: |  # c\n  é\n  b\n\nc: d", &["a"], "|  # c\n  é\n  b");
        check_span("a: |\n\nc: d", &["a"], "|");
        check_span("a: \"x\\n\n  é\" # c", &["a"], "\"x\\n\n  é\"");
        check_span("a: x\n  y # c\nb: 1", &["a"], "x\n  y");
        check_span("a: !!str &x 5\nb: *x", &["a"], "5");
        check_span("a: !!str &x 5\nb: *x", &["b"], "5");
        check_span("a: &x {b: [1, 2]} # c", &["a"], "{b: [1, 2]}");
        check_span("a: [b: 1, c]", &["a", "0"], "b: 1");
        check_span("a:\n- b:\n- c: *x\n".replace("*x", "1").as_str(), &["a"], "- b:\n- c: 1");
        check_span("x: &x 1\na:\n  b: *x\nc: 2", &["a"], "b: *x");
    }

    #[test]
    fn missing_values_have_a_place() {
        check_empty_span("é:\nb: 1", "é", 3);
        check_empty_span("é:  # c\nb: 1", "é", 3);
        check_empty_span("b: 1\né: &x", "é", 11);
        check_empty_span("{é, b: 1}", "é", 3);
        check_empty_span("? é\n? b", "é", 4);
        assert_eq!(parse(SourceId(0), "# c\n").expect("valid").span, Span::new(SourceId(0), 4, 4));
    }

    #[test]
    fn keeps_every_entry_and_tells_the_merged_ones() {
        let document = parse(SourceId(0), "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  a: 3\n  a: 4\n").expect("valid");
        let mapping = document.get("y").and_then(Node::as_mapping).expect("a mapping");
        let entries: Vec<_> =
            mapping.entries.iter().map(|entry| (format!("{entry:?}", entry = entry.value), entry.merged)).collect();
        let expect = [("1", true), ("2", true), ("3", false), ("4", false)];
        assert_eq!(entries, expect.map(|(value, merged)| (value.to_owned(), merged)));
        assert_eq!(mapping.get("a").map(|node| &node.value), Some(&Value::Int(4)));
    }

    #[test]
    fn styles() {
        let document = parse(SourceId(0), "[a, 'a', \"a\", [a]]").expect("valid");
        let styles: Vec<_> = document.as_sequence().expect("a list").iter().map(|node| node.style).collect();
        assert_eq!(styles, [Style::Plain, Style::Quoted, Style::Quoted, Style::Plain]);
        assert_eq!(parse(SourceId(0), "|\n a").expect("valid").style, Style::Block);
    }

    #[test]
    fn errors_name_the_construct() {
        let tab = (
            "a tab stands where YAML allows only spaces",
            "\t",
            "tabs cannot indent YAML nor separate its parts; use spaces",
        );
        check_error("a:\n\tb: 1", tab);
        check_error("a: 1\t# é", tab);
        check_error(
            "é:\n  listen: *:5432",
            (
                "'*' at the start of a value refers to an anchor, and no such name follows",
                "*",
                "quote the value: \"*:5432\"",
            ),
        );
        check_error("listen: [::]:8008", ("expected a value, but found ':'", ":", "quote the value: \"[::]:8008\""));
        let template = "a template was left unrendered: render it before Patroni reads the file, or quote the value";
        check_error("name: {{ var }}", ("'{{' starts a mapping in a mapping's key", "{{ var }}", template));
        check_error(
            "name: {{ a }}-b",
            ("expected another key or a smaller indentation, but found a value", "-b", template),
        );
        let quoted = "quote the whole value, in the other kind of quotes if it contains some";
        check_error("a: \"b\" c", ("more text after a closing quote", "c", quoted));
        let second = "quote the value, or put the nested key on a line of its own";
        check_error("a: é: c", ("a second ': ' in a value without quotes", ":", second));
        let space = "a space is needed after the ':' of a key";
        check_error("a: 1\nb:2\nc: 3", ("expected a key with ':' at this indentation", "b:2", space));
        let documents = "keep one document in the file, or several files in a directory";
        check_error("a: 1\n---\nb: 2", ("a second document ('---')", "---", documents));
        check_error("a: é'\nb: 'x", ("a quote (') is never closed", "'", ""));
        check_error(
            "a: 2024-13-01",
            ("this date is not valid", "2024-13-01", "correct the date, or quote the value if it is none"),
        );
        check_error("x: &x [*x]", ("an anchor ('&') contains an alias ('*') to itself", "[*x]", ""));
    }

    #[test]
    fn errors_keep_secrets() {
        for text in [
            "password: *hunter2.",
            "password: *:99",
            "password: @hunter2",
            "password: a: hunter2",
            "x:\n  *:99",
            "password: !hunter2 x",
        ] {
            let error = format!("{:?}", parse(SourceId(0), text).expect_err("PyYAML refuses it"));
            assert!(!error.contains("hunter2") && !error.contains(":99"), "{error}");
        }
    }

    #[test]
    fn bounds() {
        let is_refused =
            |text: &str, reason: &str| parse(SourceId(0), text).is_err_and(|error| error.message.contains(reason));
        for text in ["[", "{a: ", "- ", "? ", "{[", "- ? "] {
            assert!(is_refused(&text.repeat(100_000), "nested more than 400 deep"), "{text}");
        }
        let line = |index: usize, text: &str| {
            format!("k{index}: &k{index} {}\n", text.replace('*', &format!("*k{}", index.saturating_sub(1))))
        };
        let chain =
            |text: &str| "k0: &k0 {}\n".to_owned() + &(1..1000).map(|index| line(index, text)).collect::<String>();
        assert!(is_refused(&chain("[*]"), "nested more than 400 deep"));
        assert!(is_refused(&chain("[*, *]"), "repeat too much"));
        assert!(is_refused(&chain("{<<: [*, *]}"), "repeat too much"));
    }

    #[test]
    fn decoding() {
        let check = |bytes: &[u8], expect: Result<&str, (&str, usize)>| {
            let error = decode(SourceId(0), bytes).map_err(|error| (error.message, error.span.start));
            assert_eq!(
                error.as_ref().map_err(|(message, start)| (message.as_str(), *start)),
                expect.as_ref().map_err(|error| *error)
            );
        };
        check("\u{feff}a: é".as_bytes(), Ok("\u{feff}a: é"));
        check(b"a: \xff", Err(("the file is not UTF-8: byte 0xff at offset 3", 3)));
        check(b"\xff\xfea\0", Err(("the file is UTF-16, which Patroni does not read", 0)));
        check("é\0".as_bytes(), Err(("the control character U+0000 at offset 2, which YAML does not allow", 2)));
    }
}
