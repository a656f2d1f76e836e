//! Laws of the parsers on any text.

use patrolint::input::source_map::SourceId;
use patrolint::parse::tree::{Node, Span, Style, Value};
use patrolint::parse::{environment, json, python, secrets, yaml};
use proptest::prelude::*;

/// Pieces of which texts that are nearly YAML or JSON come.
fn nearly_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        " ",
        "  ",
        "\n",
        "\n  ",
        "\r\n",
        "\t",
        ": ",
        "- ",
        "? ",
        ", ",
        "[",
        "]",
        "{",
        "}",
        "#",
        " # é",
        "\"",
        "'",
        "|\n",
        ">-\n ",
        "&a ",
        "*a",
        "!!str ",
        "<<: ",
        "%",
        "---\n",
        "\\",
        "\\u00e9",
        "é",
        "日本",
        "😀",
        "\u{feff}",
        "\u{2028}",
        "a",
        "b",
        "key",
        "1",
        "-1.5",
        "1e3",
        "null",
        "true",
        "on",
        "10:30",
        "2024-01-01",
        "password: ",
        "\"password\": ",
        "password=",
        "u://a:b@c",
        "PASSWORD 'x'",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())]
}

fn check_span(text: &str, span: Span) {
    assert!(span.start <= span.end && span.end <= text.len(), "{span:?} in {text:?}");
    assert!(text.get(span.start..span.end).is_some(), "{span:?} cuts a character of {text:?}");
}

fn check_tree(text: &str, node: &Node) {
    check_span(text, node.span);
    let _ = (python::str(&node.value), python::int(&node.value), python::truthy(&node.value));
    let _ = (python::parse_bool(&node.value), python::parse_int(&node.value, Some("8kB")));
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| check_tree(text, item)),
        Value::Mapping(mapping) => mapping.entries.iter().for_each(|entry| {
            check_tree(text, &entry.key);
            check_tree(text, &entry.value);
        }),
        Value::String(value) if node.style == Style::Plain && !value.contains([' ', '\n', '\u{2028}', '\u{2029}']) => {
            assert_eq!(&text[node.span.start..node.span.end], value);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trees_point_into_their_text(text in nearly_text()) {
        match yaml::parse(SourceId(0), &text) {
            Ok(node) => check_tree(&text, &node),
            Err(error) => check_span(&text, error.span),
        }
        match json::parse(SourceId(0), &text) {
            Ok(node) => check_tree(&text, &node),
            Err(error) => check_span(&text, error.span),
        }
    }

    #[test]
    fn values_of_variables_stand_where_they_are_said_to(text in nearly_text()) {
        let file = format!("A={text}");
        for assignment in environment::assignments(&file) {
            prop_assert!(file.get(assignment.range).is_some());
        }
    }

    #[test]
    fn masks_keep_every_offset(text in nearly_text(), start in 0..40_usize, end in 0..40_usize) {
        let masked = secrets::mask(&text, &[Span::new(SourceId(0), start, end)]);
        assert_eq!(masked.len(), text.len());
        assert!(text.match_indices(['\n', '\r']).eq(masked.match_indices(['\n', '\r'])));
    }

    #[test]
    fn secrets_do_not_survive(secret in "[a-zé]{6,12}", template in 0..8_usize) {
        let template = ["a: 1\npassword: §\nb: 2\n", "{\"x\": [{\"token\": \"§\"}]}", "x: &x §\ny: {secret: *x}", "password: [§, {a: §}]", "u: http://u:§@h/p", "c: host=h password='§' user=u", "password: |\n  §\n", "password: !!str \"§\" # §\n"][template];
        let text = template.replace('§', &secret);
        let mut node = yaml::parse(SourceId(0), &text).expect("valid YAML");
        let spans = secrets::conceal(&mut node);
        let seen = format!("{node:?}\n{}", secrets::mask(&text, &spans));
        assert!(!seen.contains(&secret), "{seen}");
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Err(error) = yaml::decode(SourceId(0), &bytes) {
            assert!(error.span.end <= bytes.len());
        }
    }
}
