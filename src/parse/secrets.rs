//! Finds secrets in trees and texts and hides them, before anything else sees the input.
//!
//! Two nets, one behind the other: [`conceal`] knows the structure and hides whatever stands below a key that names a
//! secret; [`mask`] knows the text alone, so that it also finds secrets in comments and in text that does not parse.
//! Where they cannot tell, they hide too much.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::parse::tree::{Node, Secret, Span, Style, Value, character_start};

/// Replaces every secret of a tree by [`Value::Secret`] and tells where their texts stand.
///
/// A string that only contains a secret (a URL's password, `password=` in a connection string) stays a string with `***`
/// in place of the secret. Nulls stay, for they hide nothing.
pub fn conceal(document: &mut Node) -> Vec<Span> {
    let mut found = Found::default();
    conceal_below(document, false, &mut found);
    // An alias brings a secret below a harmless key: where its anchor stands it is as secret.
    conceal_places(document, &found.values);
    found.parts.extend(found.values);
    found.parts.sort_unstable();
    found.parts
}

/// Where secrets stand.
#[derive(Default)]
struct Found {
    /// Scalars that are secrets.
    values: HashSet<Span>,
    /// Parts of strings, or strings with a part that cannot be told from the rest.
    parts: Vec<Span>,
}

/// The text with `spans` and everything that looks like a secret replaced by asterisks, with the same length in bytes.
///
/// Line breaks stay, so that lines and columns stay what they are.
pub fn mask(text: &str, spans: &[Span]) -> String {
    replaced(text, spans, |secret| fill(secret, b'*'))
}

/// The text with the same places filled so that it parses as before: a string stays a string, a number a number.
pub fn redact(text: &str, spans: &[Span]) -> String {
    replaced(text, spans, |secret| {
        let is_number = secret.iter().any(u8::is_ascii_digit)
            && secret.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
        match secret {
            _ if is_number => secret.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'1'),
            [open @ (b'"' | b'\''), inner @ .., close] if open == close => fill(inner, b'x'),
            secret => fill(secret, b'x'),
        }
    })
}

fn fill(secret: &mut [u8], filling: u8) {
    secret.iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = filling);
}

/// The text with every place of a secret replaced by ASCII of the same length.
fn replaced(text: &str, spans: &[Span], replace: impl Fn(&mut [u8])) -> String {
    let mut ranges = ranges(text);
    ranges.extend(spans.iter().map(|span| span.start..span.end));
    if ranges.is_empty() {
        return text.to_owned();
    }
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        // Whole characters, whatever the span.
        let end =
            (range.end.min(text.len())..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        let start = character_start(text, range.start.min(end));
        replace(&mut bytes[start..end]);
    }
    String::from_utf8(bytes).expect("only whole characters were replaced, by ASCII")
}

/// Whether the value below a key of this name is a secret: passwords, tokens and the like, not paths to files that hold
/// them, nor settings about them.
pub fn is_secret_key(key: &str) -> bool {
    const PARTS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "credential",
        "apikey",
        "accesskey",
        "privatekey",
        "encryptionkey",
        "authorization",
        "authdata",
    ];
    const ENDS: [&str; 3] = ["pass", "pwd", "passw"];
    const WHOLE: [&str; 3] = ["pw", "auth", "auths"];
    const HARMLESS: [&str; 6] =
        ["servertokens", "passwordencryption", "commandsupportsreload", "pgpass", "bypass", "secretname"];
    const PATHS: [&str; 3] = ["file", "path", "dir"];
    const WORD: &str = "password";
    let name: String =
        key.chars().filter(|letter| letter.is_alphanumeric()).map(|letter| letter.to_ascii_lowercase()).collect();
    let ends_with = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    // `pasword`, `passwrod`: a slip of the finger must not show what it hides.
    // More than two letters that the word has not are more than two slips.
    let strange = name.bytes().filter(|letter| !WORD.as_bytes().contains(letter)).count();
    let may_be_slip = name.len().abs_diff(WORD.len()) <= 2 && strange <= 2;
    let is_slip = may_be_slip && strsim::damerau_levenshtein(&name, WORD) <= 2;
    let names_secret = (0..name.len()).any(|at| begins_with_any(&name.as_bytes()[at..], &PARTS))
        || ends_with(&ENDS)
        || WHOLE.contains(&name.as_str())
        || is_slip;
    names_secret && !ends_with(&HARMLESS) && !ends_with(&PATHS)
}

/// Sections that hold the credentials of a role: whatever stands there and is not known to be harmless is a secret, such as
/// `superuser: postgres:secret`.
const CREDENTIALS: [&str; 4] = ["authentication", "superuser", "replication", "rewind"];

/// What a section of credentials holds besides them.
const BESIDE_CREDENTIALS: [&str; 11] = [
    "username",
    "user",
    "sslmode",
    "sslcert",
    "sslkey",
    "sslrootcert",
    "sslcrl",
    "sslcrldir",
    "gssencmode",
    "channel_binding",
    "sslnegotiation",
];

/// Tells of an entry below a section of this name, if it is one of credentials, whether its value can only be a secret.
fn is_stray_secret(section: &str, key: Option<&str>, value: &Value) -> bool {
    let is_collection = matches!(value, Value::Sequence(_) | Value::Mapping(_));
    let is_known = key.is_some_and(|key| BESIDE_CREDENTIALS.contains(&key));
    (CREDENTIALS.contains(&section) && !is_known || section == "users") && !is_collection
}

fn conceal_section(section: &str, node: &mut Node, found: &mut Found) {
    match &mut node.value {
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                if is_stray_secret(section, entry.key.as_str(), &entry.value.value) {
                    conceal_below(&mut entry.value, true, found);
                }
            }
        }
        Value::Sequence(items) => {
            let strays = items.iter_mut().filter(|item| is_stray_secret(section, None, &item.value));
            strays.for_each(|item| conceal_below(item, true, found));
        }
        value if is_stray_secret(section, None, value) => conceal_below(node, true, found),
        _ => {}
    }
}

fn conceal_below(node: &mut Node, is_secret: bool, found: &mut Found) {
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| conceal_below(item, is_secret, found)),
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                let names_secret = matches!(&entry.key.value, Value::String(key) if is_secret_key(key));
                if let Some(name) = entry.key.as_str() {
                    conceal_section(name, &mut entry.value, found);
                }
                conceal_below(&mut entry.key, is_secret, found);
                conceal_below(&mut entry.value, is_secret || names_secret, found);
            }
        }
        Value::Null | Value::Secret(_) => {}
        value if is_secret => {
            found.values.insert(node.span);
            *value = Value::Secret(Secret::new(std::mem::replace(value, Value::Null)));
        }
        Value::String(text) => {
            let ranges = merged(ranges(text));
            let Some(last) = ranges.last() else { return };
            // Offsets in the value are offsets in the text only if it stands there letter by letter.
            let quote = usize::from(node.style == Style::Quoted);
            let is_verbatim = node.style != Style::Block
                && node.span.end.saturating_sub(node.span.start) == text.len() + 2 * quote
                && last.end <= text.len();
            if is_verbatim {
                let start = node.span.start + quote;
                found.parts.extend(
                    ranges.iter().map(|range| Span::new(node.span.source, start + range.start, start + range.end)),
                );
            } else {
                found.parts.push(node.span);
            }
            for range in ranges.into_iter().rev() {
                text.replace_range(range, "***");
            }
        }
        _ => {}
    }
}

fn conceal_places(node: &mut Node, places: &HashSet<Span>) {
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| conceal_places(item, places)),
        Value::Mapping(mapping) => {
            for (index, entry) in mapping.entries.iter_mut().enumerate() {
                conceal_places(&mut entry.key, places);
                if matches!(entry.key.value, Value::Secret(_)) {
                    // Keys become names of settings; these are told apart and tell nothing.
                    entry.key.value = Value::String(format!("***{}", index + 1));
                }
                conceal_places(&mut entry.value, places);
            }
        }
        Value::Null | Value::Secret(_) => {}
        value if places.contains(&node.span) => {
            *value = Value::Secret(Secret::new(std::mem::replace(value, Value::Null)));
        }
        _ => {}
    }
}

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

static URL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"']*:(?P<password>[^\s/?\#"']*|[^\s"'@]*)@"#));

static SQL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?is)\bpassword\s+(?P<password>(?:E|U&)?'(?:[^'\\]|\\.|'')*'?|\$(\w*)\$.*?(?:\$\w*\$|\z))")
});

static PRIVATE_KEY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<key>.*?)(?:-----END|\z)"));

/// The parts of a text that look like secrets, in no order; they may overlap.
///
/// A pattern takes longer to compile than most configurations to read, so that it is asked only for what it may find.
fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    if text.is_ascii() && !has_trace(text.as_bytes()) {
        return ranges;
    }
    let folded = text.to_ascii_lowercase();
    let mut at = 0;
    while let Some(Assignment { name, end, is_option, sign }) = next_assignment(text, at) {
        at = name.end;
        let is_option = is_option && !text[name.clone()].starts_with("no-");
        if !is_secret_key(&text[name.clone()]) || sign == Sign::Blank && !is_option {
            continue;
        }
        let range = value_range(text, name.start, end, sign == Sign::Colon);
        if sign == Sign::Blank && text[range.clone()].starts_with('-') {
            continue;
        }
        at = at.max(range.end);
        ranges.push(range);
    }
    ranges.extend(inline_credentials(text));
    if text.contains("://") && text.contains('@') {
        for captures in URL.captures_iter(text) {
            let password = captures.name("password").expect("the group is not optional");
            let digits = password.as_str().bytes().take_while(u8::is_ascii_digit).count();
            // `http://host:8008/path@…` has a port there.
            if !(0 < digits && password.as_str()[digits..].starts_with('/')) {
                ranges.push(password.range());
            }
        }
    }
    let is_before_blank = |(at, word): (usize, &str)| folded[at + word.len()..].starts_with(char::is_whitespace);
    if !text.is_ascii() || folded.match_indices("password").any(is_before_blank) {
        let passwords = SQL.captures_iter(text).filter_map(|captures| captures.name("password"));
        ranges.extend(passwords.map(|found| found.range()));
    }
    if text.contains("-----BEGIN") {
        let keys = PRIVATE_KEY.captures_iter(text).filter_map(|captures| captures.name("key"));
        ranges.extend(keys.map(|found| found.range()));
    }
    ranges.retain(|range| !range.is_empty());
    ranges
}

/// What every secret that [`ranges`] finds has nearby, in lower case; most texts have none of it.
const TRACES: [&str; 11] =
    ["pass", "pw", "secret", "token", "credential", "key", "auth", "superuser", "rewind", "://", "-----begin"];

fn has_trace(text: &[u8]) -> bool {
    (0..text.len()).any(|at| begins_with_any(&text[at..], &TRACES))
}

/// Whether a text begins with one of `words`, which are in lower case, in any case.
fn begins_with_any(text: &[u8], words: &[&str]) -> bool {
    let Some(first) = text.first().map(u8::to_ascii_lowercase) else { return false };
    words
        .iter()
        .map(|word| word.as_bytes())
        .any(|word| word[0] == first && text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))
}

/// What the names of secrets contain.
const NAMES: [&str; 7] = ["pass", "pw", "secret", "token", "credential", "key", "auth"];

/// A name with `=` or `:` behind it, in any quotes; or an option of a command.
#[derive(Debug, PartialEq, Eq)]
struct Assignment {
    name: Range<usize>,
    /// Where the value may start.
    end: usize,
    /// Whether `--` stands before the name.
    is_option: bool,
    sign: Sign,
}

/// What stands between a name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Colon,
    /// `=`, `:=` or `=>`.
    Equals,
    Blank,
}

/// The first assignment from a byte on, whose name contains one of [`NAMES`] in any case.
fn next_assignment(text: &str, from: usize) -> Option<Assignment> {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_of_name = |byte: &u8| is_word(*byte) || matches!(byte, b'-' | b'.');
    let mut from = from;
    loop {
        let start = from + bytes.get(from..)?.iter().position(is_of_name)?;
        let end = bytes[start..].iter().position(|byte| !is_of_name(byte)).map_or(bytes.len(), |length| start + length);
        let begins = |at: &usize| is_word(bytes[*at]) != (0 < *at && is_word(bytes[*at - 1]));
        let last = (start..end).rev().find(|at| begins_with_any(&bytes[*at..end], &NAMES));
        let name = last.and_then(|last| (start..=last).find(begins));
        if let (Some((value, sign)), Some(name)) = (sign_at(text, end), name) {
            let is_option = from + 2 <= name && &bytes[name - 2..name] == b"--";
            return Some(Assignment { name: name..end, end: value, is_option, sign });
        }
        from = end;
    }
}

/// What follows a name that ends there, and where it ends: a quote and a sign with blanks around it, or blanks.
fn sign_at(text: &str, at: usize) -> Option<(usize, Sign)> {
    let rest = &text[at..];
    let bare = rest.trim_start_matches('\\').strip_prefix(['"', '\'']).unwrap_or(rest);
    let signed = bare.trim_start_matches([' ', '\t']);
    let signs = [("=>", Sign::Equals), (":=", Sign::Equals), ("=", Sign::Equals), (":", Sign::Colon)];
    let (after, sign) = match signs.into_iter().find_map(|(text, sign)| Some((signed.strip_prefix(text)?, sign))) {
        Some((after, sign)) => (after.trim_start_matches([' ', '\t']), sign),
        None if signed.len() < bare.len() => (signed, Sign::Blank),
        None => return None,
    };
    Some((text.len() - after.len(), sign))
}

/// The values of sections of credentials that stand on the section's own line, also in comments.
fn inline_credentials(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        end += line.len();
        let unquoted = |text: &'_ str| text.strip_prefix(['"', '\'']).map_or(0, |_| 1);
        let blanks = |text: &'_ str| text.len() - text.trim_start_matches([' ', '\t']).len();
        let name = line.trim_start_matches([' ', '\t', '#', '-']);
        let name = &name[unquoted(name)..];
        let sections = ["authentication", "superuser", "rewind"];
        let rest = sections.into_iter().find_map(|section| name.strip_prefix(section))?;
        let rest = &rest[unquoted(rest)..];
        let rest = rest[blanks(rest)..].strip_prefix(':')?;
        let value = Some(&rest[blanks(rest)..]).filter(|value| value.len() < rest.len())?;
        value.chars().next().filter(|first| !first.is_whitespace() && !matches!(first, '{' | '[' | '&' | '*' | '#'))?;
        let start = end - value.len();
        Some(start..start + value.find(['\r', '\n']).unwrap_or(value.len()))
    })
}

/// How far a line is followed to its start; what stands further right is not indented but inside of braces.
const MAX_INDENT_BYTES: usize = 200;

/// The value that starts at `start`, of a name that starts at `name_start`.
fn value_range(text: &str, name_start: usize, start: usize, is_colon: bool) -> Range<usize> {
    let rest = &text[start..];
    let backslashes = rest.bytes().take_while(|byte| *byte == b'\\').count();
    if let Some(quote @ ('"' | '\'')) = rest[backslashes..].chars().next()
        && let Some(length) = quoted_length(rest, backslashes, quote)
    {
        return start..start + length;
    }
    // Only looked for where the whole line belongs to the value, so that one line of many values takes linear time.
    let line_length = || rest.find(['\n', '\r']).unwrap_or(rest.len());
    if !is_colon {
        let length = rest
            .find(|character: char| character.is_whitespace() || matches!(character, '"' | '\''))
            .unwrap_or(rest.len());
        return start..start + if length == 0 { line_length() } else { length };
    }
    let window = character_start(text, name_start.saturating_sub(MAX_INDENT_BYTES));
    let line_start = text[window..name_start].rfind(['\n', '\r']).map(|before| window + before + 1);
    let before = &text[line_start.unwrap_or(window)..name_start];
    let is_in_braces = before.contains(['{', ',']) || line_start.is_none() && 0 < window;
    if is_in_braces && !rest.starts_with(['[', '{']) {
        let length = rest.find([',', '}', ']', '\n', '\r']).unwrap_or(rest.len());
        return start..start + length;
    }
    // A YAML value: the line, and those below that are indented deeper than the key.
    let is_key = before.chars().all(|character| matches!(character, ' ' | '\t' | '-' | '"' | '\''));
    let column = before.trim_end_matches(['"', '\'']).len();
    let mut end = start + line_length();
    loop {
        let next = end + text[end..].chars().take_while(|character| matches!(character, '\n' | '\r')).count();
        let line = text[next..].split(['\n', '\r']).next().unwrap_or_default();
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let is_blank = indent == line.len() && !line.is_empty();
        if !is_key || next == end || indent <= column && !is_blank {
            return start..end;
        }
        end = next + line.len();
    }
}

/// The length of a quoted text up to and with its closing quote, which has as many backslashes before it as the first.
fn quoted_length(text: &str, backslashes: usize, quote: char) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = backslashes + 1;
    loop {
        at += text[at..].find(quote)?;
        let before = bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        let is_escaped = if backslashes == 0 { quote == '"' && before % 2 == 1 } else { before != backslashes };
        let is_doubled = quote == '\'' && bytes.get(at + 1) == Some(&b'\'');
        if !is_escaped && !is_doubled {
            return Some(at + 1);
        }
        at += if is_doubled { 2 } else { 1 };
    }
}

/// The same places without overlaps, in order.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceId;
    use crate::parse::{json, yaml};

    /// What is left of a text; `·` stands for a masked byte.
    fn check_mask(text: &str, expect: &str) {
        let masked = mask(text, &[]);
        assert_eq!(masked.len(), text.len());
        assert_eq!(masked, expect.replace('·', "*"), "{text:?}");
    }

    /// What the tree shows, and what the text with its spans masked.
    fn check_tree(text: &str, expect_tree: &str, expect_text: &str) {
        let mut node = match json::parse(SourceId(0), text) {
            Ok(node) => node,
            Err(_) => yaml::parse(SourceId(0), text).expect("valid YAML"),
        };
        let spans = conceal(&mut node);
        assert_eq!(format!("{node:?}"), expect_tree);
        assert_eq!(mask(text, &spans), expect_text.replace('·', "*"));
    }

    #[test]
    fn what_is_redacted_parses_as_before() {
        fn check(text: &str, expect: &str) {
            let parse =
                |text: &str| json::parse(SourceId(0), text).ok().or_else(|| yaml::parse(SourceId(0), text).ok());
            let spans = conceal(&mut parse(text).expect("it parses"));
            let redacted = redact(text, &spans);
            assert_eq!(redacted, expect);
            assert!(parse(&redacted).is_some(), "{redacted}");
        }
        check(r#"{"password": "hunter2", "ttl": 30}"#, r#"{"password": "xxxxxxx", "ttl": 30}"#);
        check(r#"{"password": 12345, "token": -1.5}"#, r#"{"password": 11111, "token": -1.1}"#);
        check(r#"{"password": "a\"\\ü"}"#, r#"{"password": "xxxxxxx"}"#);
        // Of a text without structure the comment may be a part.
        check("password: hunter2 # mine\n", "password: xxxxxxxxxxxxxx\n");
        check("password: 'it''s'\n", "password: 'xxxxx'\n");
        check("{password: hunter2, ttl: 30}\n", "{password: xxxxxxx, ttl: 30}\n");
        check(
            r#"{"primary_conninfo": "host=a password=hunter2 port=1"}"#,
            r#"{"primary_conninfo": "host=a password=xxxxxxx port=1"}"#,
        );
    }

    #[test]
    fn key_names() {
        for key in [
            "password",
            "PGPASSWORD",
            "PATRONI_REPLICATION_PASSWORD",
            "keyfile_password",
            "sslpassword",
            "passwd",
            "ldapbindpasswd",
            "pwd",
            "pass",
            "dbPass",
            "token",
            "consul_token",
            "secret",
            "AWS_SECRET_ACCESS_KEY",
            "ssl_passphrase_command",
            "auth_data",
            "Authorization",
            "api-key",
            "credentials",
            "pasword",
            "passwrod",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "pgpass",
            "PATRONI_POSTGRESQL_PGPASS",
            "passfile",
            "server_tokens",
            "password_encryption",
            "username",
            "keyfile",
            "key",
            "password_file",
            "bypass_api_service",
            "ssl_passphrase_command_supports_reload",
            "bypass",
            "compassion",
            "authentication",
            "scope",
            "krb_server_keyfile",
            "pw_reset_dir",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn credentials_in_other_forms() {
        let check = |text: &str, expect: &str| {
            let mut node = yaml::parse(SourceId(0), text).expect("valid YAML");
            let spans = conceal(&mut node);
            assert_eq!(mask(text, &spans), expect.replace('·', "*"), "{text}");
        };
        check("authentication: admin:hunter2\n", "authentication: ·············\n");
        check("superuser: [postgres, hunter2]\n", "superuser: [········, ·······]\n");
        check("authentication: {postgres: hunter2}\n", "authentication: {postgres: ·······}\n");
        check("users: {admin: hunter2}\n", "users: {admin: ·······}\n");
        check(
            "superuser: {username: postgres, sslmode: require}\n",
            "superuser: {username: postgres, sslmode: require}\n",
        );
        check("replication: [{usename: standby}]\n", "replication: [{usename: standby}]\n");
        check_mask("# authentication: admin:hunter2\n\t{", "# authentication: ·············\n\t{");
    }

    #[test]
    fn secrets_below_keys() {
        check_tree(
            "a: 1\npassword: x y\nb: 2",
            r#"{"a": 1, "password": Secret(***), "b": 2}"#,
            "a: 1\npassword: ···\nb: 2",
        );
        check_tree("password: 0123\n", r#"{"password": Secret(***)}"#, "password: ····\n");
        check_tree("password:\nb: 2\n", r#"{"password": None, "b": 2}"#, "password:\nb: 2\n");
        check_tree(
            "password: {a: [b, 1]}\n",
            r#"{"password": {"***1": [Secret(***), Secret(***)]}}"#,
            &format!("password: {}\n", "·".repeat(11)),
        );
        check_tree(
            "password: |\n  a\n  é\nb: 1\n",
            r#"{"password": Secret(***), "b": 1}"#,
            "password: ·\n···\n····\nb: 1\n",
        );
        check_tree(
            "x: &x hunter\npassword: *x\n",
            r#"{"x": Secret(***), "password": Secret(***)}"#,
            "x: &x ······\npassword: ··\n",
        );
        check_tree(
            "{\"password\": \"a\\\"b\", \"x\": 1}",
            r#"{"password": Secret(***), "x": 1}"#,
            "{\"password\": ······, \"x\": 1}",
        );
        check_tree(
            "{user: a, token: b, host: c}",
            r#"{"user": "a", "token": Secret(***), "host": "c"}"#,
            "{user: a, token: ·, host: c}",
        );
        check_tree("password: 'a''b' # c\n", r#"{"password": Secret(***)}"#, "password: ······ # c\n");
    }

    #[test]
    fn secrets_inside_of_strings() {
        check_tree("u: postgres://é:p@s@h:1/d\n", r#"{"u": "postgres://é:***@h:1/d"}"#, "u: postgres://é:···@h:1/d\n");
        check_tree(
            r#"{"conn_url": "postgres://h:1/d", "api_url": "http://h:8008/patroni"}"#,
            r#"{"conn_url": "postgres://h:1/d", "api_url": "http://h:8008/patroni"}"#,
            r#"{"conn_url": "postgres://h:1/d", "api_url": "http://h:8008/patroni"}"#,
        );
        check_tree(
            "primary_conninfo: host=h password='a b' user=u\n",
            r#"{"primary_conninfo": "host=h password=*** user=u"}"#,
            "primary_conninfo: host=h password=····· user=u\n",
        );
        check_tree(
            "c: \"host=h\\tpassword=x\"\n",
            r#"{"c": "host=h\tpassword=***"}"#,
            &format!("c: {}\n", "·".repeat(20)),
        );
        check_tree("c: >\n  a --token xyz\n  b\n", r#"{"c": "a --token *** b\n"}"#, "c: ·\n···············\n···\n");
    }

    #[test]
    fn secrets_in_any_text() {
        check_mask("nothing here: 1\n", "nothing here: 1\n");
        check_mask("# password: old one\r\nx: 1", "# password: ·······\r\nx: 1");
        check_mask("\tpassword: x: y\n\tb: 1", "\tpassword: ····\n\tb: 1");
        check_mask("{\"a\": {\"password\":\"x\",\"b\":1", "{\"a\": {\"password\":···,\"b\":1");
        check_mask(r#"{"value": "{\"password\":\"x\",\"b\":1}"}"#, r#"{"value": "{\"password\":·····,\"b\":1}"}"#);
        check_mask("password:\n  é\n  b\nc: 1\n", "password:\n····\n···\nc: 1\n");
        check_mask("PGPASSWORD=x psql -h a", "PGPASSWORD=· psql -h a");
        check_mask("export TOKEN='a b'; c", "export TOKEN=·····; c");
        check_mask("ALTER USER a PASSWORD 'it''s' VALID", "ALTER USER a PASSWORD ······· VALID");
        check_mask("host all all ::/0 password\n", "host all all ::/0 password\n");
        check_mask("pg_dump --no-password -h a --password\n", "pg_dump --no-password -h a --password\n");
        check_mask("etcd://a:b@c,etcd://a:d@e", "etcd://a:·@c,etcd://a:·@e");
        check_mask("postgres://u:a/b@h", "postgres://u:···@h");
        check_mask("http://h:8008/x?y=a@b", "http://h:8008/x?y=a@b");
        check_mask(
            "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\n···\n-----END PRIVATE KEY-----",
        );
        check_mask("Authorization: Basic YTpi\nHost: a", "Authorization: ··········\nHost: a");
        check_mask("password: \"never closed\nb: 1", "password: ·············\nb: 1");
        check_mask("  - password: a\n    user: b\n", "  - password: ·\n    user: b\n");
    }

    #[test]
    fn spans_may_be_anything() {
        let span = |start, end| Span::new(SourceId(0), start, end);
        assert_eq!(mask("aéb", &[span(2, 2), span(1, 2), span(9, 3)]), "a**b");
        assert_eq!(mask("aéb", &[span(0, 100)]), "****");
        assert_eq!(mask("", &[span(0, 100)]), "");
    }

    /// The two that are asked of almost every text, as patterns.
    fn by_pattern(text: &str) -> (Vec<Assignment>, Vec<Range<usize>>) {
        let assignment = pattern(
            r#"(?i-u)(?P<option>--)?(?P<name>\b[\w.-]*(?:pass|pwd|pw|secret|token|credential|key|auth)[\w.-]*)(?:\\*["'])?(?:[ \t]*(?P<sign>=>|:=|=|:)[ \t]*|(?P<blank>[ \t]+))"#,
        );
        let credential = pattern(
            r#"(?m)^[ \t#-]*["']?(?:authentication|superuser|rewind)["']?[ \t]*:[ \t]+(?P<value>[^\s{\[&*#][^\r\n]*)"#,
        );
        let (mut assignments, mut at) = (Vec::new(), 0);
        while let Some(captures) = assignment.captures_at(text, at) {
            let name = captures.name("name").expect("the group is not optional").range();
            let sign = match captures.name("sign").map(|sign| sign.as_str()) {
                None => Sign::Blank,
                Some(":") => Sign::Colon,
                Some(_) => Sign::Equals,
            };
            let end = captures.get(0).expect("all of it").end();
            at = name.end;
            assignments.push(Assignment { name, end, is_option: captures.name("option").is_some(), sign });
        }
        let credentials = credential.captures_iter(text).filter_map(|captures| captures.name("value"));
        (assignments, credentials.map(|found| found.range()).collect())
    }

    proptest::proptest! {
        #[test]
        fn assignments_and_credentials_are_those_of_the_patterns(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    "--", "-", ".", "_", "9", "x", "pass", "Word", "TOKEN", "key", "auth", "no-", " ", "\t", "=", ":", "=>",
                    ":=", "\\", "\"", "'", "\n", "\r", "\u{e9}", "#", "{", "&", "*", "authentication", "superuser", "rewind",
                ]),
                0..14,
            ),
        ) {
            let text = parts.concat();
            let (mut assignments, mut at) = (Vec::new(), 0);
            while let Some(found) = next_assignment(&text, at) {
                at = found.name.end;
                assignments.push(found);
            }
            let found = (assignments, inline_credentials(&text).collect::<Vec<_>>());
            proptest::prop_assert_eq!(found, by_pattern(&text), "{:?}", text);
        }
    }
}
