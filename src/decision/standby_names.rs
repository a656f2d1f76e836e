//! `synchronous_standby_names`: read and written as Patroni does, which is not in every case as PostgreSQL does.

use crate::decision::case_insensitive_set::CaseInsensitiveSet;
use crate::model::behaviour::{Behaviour, Behaviours};
use crate::parse::python;

/// The first PostgreSQL that can wait for more than one standby.
pub const FIRST_WITH_MULTIPLE_SYNC: u32 = 9_06_00;

/// The first PostgreSQL that knows `ANY n (…)`.
pub const FIRST_WITH_QUORUM_COMMIT: u32 = 10_00_00;

/// What `synchronous_standby_names` says.
///
/// Source: patroni/postgresql/sync.py, `_SSN`, 3.0.0 to 4.1.5.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandbyNames {
    /// Which standbys a commit waits for.
    pub kind: SyncKind,
    /// How many it waits for.
    pub num: i128,
    /// The names, `*` included.
    pub members: CaseInsensitiveSet,
    /// Whether one of them is `*`: any standby will do.
    pub has_star: bool,
}

/// Which of the listed standbys a commit waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SyncKind {
    /// None: the setting is empty, or Patroni cannot read it.
    #[default]
    Off,
    /// The first ones that are connected.
    Priority,
    /// Any.
    Quorum,
}

/// A value that Patroni cannot read, whatever PostgreSQL makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnparsableNames {
    /// The value.
    pub value: String,
    /// What kind of token stands in the way.
    token: &'static str,
    /// The token.
    text: String,
    /// Where it begins, in characters.
    position: usize,
    /// Whether a comma should stand there.
    wants_comma: bool,
}

impl SyncKind {
    /// As Patroni names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Priority => "priority",
            Self::Quorum => "quorum",
        }
    }
}

impl StandbyNames {
    /// Reads a value as Patroni does: `first` and `any` count as words of their own where they begin a longer one, so a
    /// name such as `anyhost` has to be quoted.
    ///
    /// # Errors
    ///
    /// Patroni cannot read the value: it warns, and goes on as if the setting were empty.
    ///
    /// Source: patroni/postgresql/sync.py, `parse_sync_standby_names`, 3.0.0 to 4.1.5.
    pub fn parse(value: &str) -> Result<Self, UnparsableNames> {
        let tokens = tokens(value);
        let kinds: Vec<TokenKind> = tokens.iter().take(3).map(|token| token.kind).collect();
        let is_closed = tokens.last().is_some_and(|token| token.kind == TokenKind::ParenEnd);
        let (kind, num, skipped) = match kinds.as_slice() {
            [] => return Ok(Self::default()),
            [TokenKind::Any, TokenKind::Num, TokenKind::ParenStart] if is_closed => (SyncKind::Quorum, Some(1), 3),
            [TokenKind::First, TokenKind::Num, TokenKind::ParenStart] if is_closed => (SyncKind::Priority, Some(1), 3),
            [TokenKind::Num, TokenKind::ParenStart, ..] if is_closed => (SyncKind::Priority, Some(0), 2),
            _ => (SyncKind::Priority, None, 0),
        };
        let num = num.map_or(1, |index: usize| number(tokens[index].text));
        let list = if skipped == 0 { &tokens[..] } else { &tokens[skipped..tokens.len() - 1] };
        let mut names = Vec::new();
        let mut has_star = false;
        for (index, token) in list.iter().enumerate() {
            let is_last = index + 1 == list.len();
            match (index % 2, token.kind) {
                (1, TokenKind::Comma) if !is_last => {}
                (0, TokenKind::Ident | TokenKind::First | TokenKind::Any) => names.push(token.text.to_owned()),
                (0, TokenKind::Star) => {
                    names.push(token.text.to_owned());
                    has_star = true;
                }
                (0, TokenKind::Quoted) => names.push(token.text[1..token.text.len() - 1].replace("\"\"", "\"")),
                _ => {
                    return Err(UnparsableNames {
                        value: value.to_owned(),
                        token: token.kind.name(),
                        text: token.text.to_owned(),
                        position: token.position,
                        wants_comma: index % 2 == 1 && !is_last,
                    });
                }
            }
        }
        Ok(Self { kind, num, members: names.into_iter().collect(), has_star })
    }

    /// The names; none if any standby will do.
    pub fn listed(&self) -> CaseInsensitiveSet {
        if self.has_star { CaseInsensitiveSet::default() } else { self.members.clone() }
    }
}

impl UnparsableNames {
    /// Patroni's text for it.
    pub fn text(&self, behaviours: Behaviours) -> String {
        let word = if behaviours.has(Behaviour::SaysUnparsable) { "Unparsable" } else { "Unparseable" };
        let (value, text, position) = (python::quoted(&self.value), python::quoted(&self.text), self.position);
        let problem = match self.wants_comma {
            true => format!("Got token {} {text} while expecting comma at {position}", self.token),
            false => format!("Unexpected token {} {text} at {position}", self.token),
        };
        format!("{word} synchronous_standby_names value {value}: {problem}")
    }
}

/// What Patroni sets `synchronous_standby_names` to; `None`: nothing.
///
/// `names`: the chosen ones, or `*` alone. `num`: how many of them a commit is to wait for, in quorum mode.
/// `is_quorum`: whether `synchronous_mode` is `quorum`, which counts here whatever PostgreSQL can do.
///
/// Source: patroni/postgresql/sync.py, `SyncHandler.set_synchronous_standby_names`, 3.0.0 to 4.1.5; before,
/// patroni/postgresql/config.py, `ConfigHandler.set_synchronous_standby`.
pub fn value_of(
    behaviours: Behaviours,
    postgres_version: u32,
    is_quorum: bool,
    names: &[String],
    num: Option<i128>,
) -> Option<String> {
    let supports_multiple_sync = FIRST_WITH_MULTIPLE_SYNC <= postgres_version;
    let is_star = is_star(behaviours, names, num);
    let mut names = names.to_vec();
    if behaviours.has(Behaviour::QuorumCommit) {
        names.sort_unstable();
    }
    let quoted: Vec<String> = match is_star {
        true => vec!["*".to_owned()],
        false => names.iter().map(|name| quote(behaviours, name)).collect(),
    };
    let is_list = supports_multiple_sync && 1 < quoted.len();
    let num = num.or_else(|| is_list.then_some(quoted.len() as i128));
    let text = if is_list { quoted.join(",") } else { quoted.first()?.clone() };
    let can_count = supports_multiple_sync || !behaviours.has(Behaviour::QuorumNeedsMultipleSync);
    if !(is_list || is_quorum && can_count) {
        return Some(text);
    }
    let prefix = if is_quorum && FIRST_WITH_QUORUM_COMMIT <= postgres_version { "ANY " } else { "" };
    Some(format!("{prefix}{} ({text})", num.map_or_else(|| "None".to_owned(), |num| num.to_string())))
}

/// Whether the value is `*`: the mode is strict and there is no standby to name.
pub fn is_star(behaviours: Behaviours, names: &[String], num: Option<i128>) -> bool {
    match behaviours.has(Behaviour::SyncNamesIgnoreCase) {
        true => names.iter().any(|name| name == "*") || num.is_some_and(|num| 1 <= num) && names.is_empty(),
        false => matches!(names, [name] if name == "*"),
    }
}

/// `quote_standby_name`, `quote_ident` before 3.3.3 and 4.0.2.
fn quote(behaviours: Behaviours, name: &str) -> String {
    // Python's `$` also matches before a line feed at the end.
    let stem = name.strip_suffix('\n').unwrap_or(name);
    let is_word = stem.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'));
    let is_reserved = matches!(name.to_lowercase().as_str(), "first" | "any");
    if is_word && !(is_reserved && behaviours.has(Behaviour::ReservedNamesAreQuoted)) {
        return name.to_owned();
    }
    match behaviours.has(Behaviour::QuotesAreDoubled) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => format!("\"{name}\""),
    }
}

/// `SYNC_REP_PARSER_RE`: its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenKind {
    First,
    Any,
    Ident,
    Quoted,
    Star,
    Num,
    Comma,
    ParenStart,
    ParenEnd,
    Junk,
}

impl TokenKind {
    fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Any => "any",
            Self::Ident => "ident",
            Self::Quoted => "dquot",
            Self::Star => "star",
            Self::Num => "num",
            Self::Comma => "comma",
            Self::ParenStart => "parenstart",
            Self::ParenEnd => "parenend",
            Self::Junk => "JUNK",
        }
    }
}

struct Token<'a> {
    kind: TokenKind,
    text: &'a str,
    /// In characters from the start.
    position: usize,
}

/// The tokens but for blanks.
fn tokens(value: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = value;
    let mut position = 0;
    while let Some(first) = rest.chars().next() {
        let starts_with = |word: &str| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let run = |belongs: fn(char) -> bool| rest.find(|next| !belongs(next)).unwrap_or(rest.len());
        let (kind, length) = match first {
            _ if starts_with("first") => (Some(TokenKind::First), "first".len()),
            _ if starts_with("any") => (Some(TokenKind::Any), "any".len()),
            _ if is_space(first) => (None, run(is_space)),
            'A'..='Z' | 'a'..='z' | '_' => {
                (Some(TokenKind::Ident), run(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | '$')))
            }
            '"' => quoted_length(rest).map_or((Some(TokenKind::Junk), 1), |length| (Some(TokenKind::Quoted), length)),
            '*' => (Some(TokenKind::Star), 1),
            ',' => (Some(TokenKind::Comma), 1),
            '(' => (Some(TokenKind::ParenStart), 1),
            ')' => (Some(TokenKind::ParenEnd), 1),
            _ if first.is_ascii_digit() => (Some(TokenKind::Num), run(|next| next.is_ascii_digit())),
            _ => (Some(TokenKind::Junk), first.len_utf8()),
        };
        let (text, tail) = rest.split_at(length);
        if let Some(kind) = kind {
            tokens.push(Token { kind, text, position });
        }
        position += text.chars().count();
        rest = tail;
    }
    tokens
}

/// Python's `\s`
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// The length of the quoted name at the start of `text`. A doubled quote belongs to the name, unless the name has no end
/// otherwise.
fn quoted_length(text: &str) -> Option<usize> {
    let mut last_pair = None;
    let mut at = 1;
    while let Some(found) = text[at..].find('"') {
        let quote = at + found;
        if !text[quote + 1..].starts_with('"') {
            return Some(quote + 1);
        }
        last_pair = Some(quote + 1);
        at = quote + 2;
    }
    last_pair
}

/// `int(digits)`; more than any cluster has is as good as the largest number.
fn number(digits: &str) -> i128 {
    digits.parse().unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::version::PatroniVersion;

    fn behaviours(major: u16, minor: u16, patch: u16) -> Behaviours {
        Behaviours::of(PatroniVersion::new(major, minor, patch))
    }

    #[test]
    fn reads_what_patroni_reads() {
        let check = |value: &str, expected: &str| {
            let shown = match StandbyNames::parse(value) {
                Ok(names) => {
                    let star = if names.has_star { " and any" } else { "" };
                    format!("{} {} of {}{star}", names.kind.name(), names.num, names.members)
                }
                Err(error) => error.text(behaviours(4, 1, 5)),
            };
            assert_eq!(shown, expected, "{value}");
        };
        check("", "off 0 of set()");
        check(" \t", "off 0 of set()");
        check("pg1", "priority 1 of {'pg1'}");
        check("pg1, Pg2", "priority 1 of {'Pg2', 'pg1'}");
        check("2 (pg1,pg2,PG1)", "priority 2 of {'PG1', 'pg2'}");
        check("FIRST 1 (a)", "priority 1 of {'a'}");
        check("any 007 ( a , \"b\"\"c\" )", "quorum 7 of {'a', 'b\"c'}");
        check("ANY 1 (*)", "quorum 1 of {'*'} and any");
        check("ANY 1 ()", "quorum 1 of set()");
        check("*", "priority 1 of {'*'} and any");
        check("first", "priority 1 of {'first'}");
        check("\"a\"\"", UNEXPECTED_QUOTE);
        check("anyhost", "Unparsable synchronous_standby_names value 'anyhost': Unexpected token ident 'host' at 3");
        check(
            "firstdb,b",
            "Unparsable synchronous_standby_names value 'firstdb,b': Got token ident 'db' while expecting comma at 5",
        );
        check("2", "Unparsable synchronous_standby_names value '2': Unexpected token num '2' at 0");
        check("a,", "Unparsable synchronous_standby_names value 'a,': Unexpected token comma ',' at 1");
        check("é (a", "Unparsable synchronous_standby_names value 'é (a': Unexpected token JUNK 'é' at 0");
        check(
            "ANY 1 (a",
            "Unparsable synchronous_standby_names value 'ANY 1 (a': Got token num '1' while expecting comma at 4",
        );
    }

    const UNEXPECTED_QUOTE: &str =
        "Unparsable synchronous_standby_names value '\"a\"\"': Unexpected token JUNK '\"' at 3";

    #[test]
    fn warns_in_the_words_of_the_release() {
        let error = StandbyNames::parse("2").expect_err("a number is no name");
        for (version, word) in [
            ((3, 3, 4), "Unparseable"),
            ((3, 3, 5), "Unparsable"),
            ((4, 0, 3), "Unparseable"),
            ((4, 0, 4), "Unparsable"),
        ] {
            let text = error.text(behaviours(version.0, version.1, version.2));
            assert_eq!(text.split(' ').next(), Some(word), "{version:?}");
        }
    }

    #[test]
    fn writes_what_patroni_writes() {
        let check = |version: (u16, u16, u16), postgres: u32, names: &str, expected: Option<&str>| {
            let behaviours = behaviours(version.0, version.1, version.2);
            let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
            assert_eq!(value_of(behaviours, postgres, false, &names, None).as_deref(), expected);
        };
        check((4, 1, 5), 160001, "", None);
        check((4, 1, 5), 160001, "*", Some("*"));
        check((4, 1, 5), 160001, "pg1", Some("pg1"));
        check((4, 1, 5), 160001, "_1$", Some("_1$"));
        check((4, 1, 5), 160001, "1_", Some("\"1_\""));
        check((4, 1, 5), 160001, "b A a-b", Some("3 (A,\"a-b\",b)"));
        check((4, 1, 5), 90600, "b a", Some("2 (a,b)"));
        check((4, 1, 5), 90599, "b a", Some("a"));
        check((3, 3, 11), 160001, "b a", Some("2 (b,a)"));
        check((3, 3, 11), 160001, "Any", Some("\"Any\""));
        check((3, 3, 2), 160001, "Any", Some("Any"));
        check((4, 0, 1), 160001, "first", Some("first"));
        check((4, 0, 2), 160001, "first", Some("\"first\""));
        check((2, 1, 2), 160001, "a\"b", Some("\"a\"\"b\""));
        check((2, 1, 1), 160001, "a\"b", Some("\"a\"b\""));
    }

    #[test]
    fn writes_a_count_in_quorum_mode() {
        let check = |version: (u16, u16, u16), postgres: u32, names: &str, num: Option<i128>, expected: &str| {
            let behaviours = behaviours(version.0, version.1, version.2);
            let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
            assert_eq!(value_of(behaviours, postgres, true, &names, num).as_deref(), Some(expected));
        };
        check((4, 1, 5), 160001, "b a", Some(1), "ANY 1 (a,b)");
        check((4, 1, 5), 100000, "b a", Some(1), "ANY 1 (a,b)");
        check((4, 1, 5), 99999, "b a", Some(1), "1 (a,b)");
        check((4, 1, 5), 160001, "a", Some(1), "ANY 1 (a)");
        check((4, 1, 5), 160001, "", Some(1), "ANY 1 (*)");
        // PostgreSQL 9.5 gets no quorum, and from old releases nothing that it can read.
        check((4, 0, 5), 90520, "a", None, "a");
        check((4, 0, 4), 90520, "a", None, "None (a)");
    }
}
