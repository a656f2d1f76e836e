//! Files of environment variables, as systemd's `EnvironmentFile=` reads them; `export` before a name is stepped over.

use std::ops::Range;

/// One `NAME=value`.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The name.
    pub name: String,
    /// The value, without quotes and escapes.
    pub value: String,
    /// Where the value stands, quotes included.
    pub range: Range<usize>,
}

/// All assignments of a file in order. Lines without `=` are nothing, those that begin with `#` or `;` are comments; a
/// backslash at the end joins a line with the next; text in quotes may span lines.
///
/// Source: systemd, `parse_env_file_internal`, 255.
pub fn assignments(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        let trimmed = rest.trim_start();
        let line = trimmed.split(['\n', '\r']).next().unwrap_or_default();
        let equals = line.find('=').filter(|_| !line.starts_with(['#', ';']));
        let Some(equals) = equals else {
            rest = &trimmed[line.len()..];
            continue;
        };
        let name = line[..equals].trim_end();
        let name = name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(name).trim();
        let start = text.len() - trimmed.len() + equals + 1;
        let (value, range) = value(text, start);
        rest = &text[range.end..];
        // Up to the end of the line there are only blanks left.
        found.push(Assignment { name: name.to_owned(), value, range });
    }
    found
}

/// The value that starts at `start`, and where it stands.
fn value(text: &str, start: usize) -> (String, Range<usize>) {
    let mut value = String::new();
    let mut characters = text[start..].char_indices().peekable();
    // Blanks at the end of an unquoted value do not count.
    let mut kept = 0;
    let (mut first, mut end) = (None, start);
    while let Some((offset, character)) = characters.next() {
        let at = start + offset;
        match character {
            '\n' | '\r' => break,
            ' ' | '\t' if value.len() == kept && value.is_empty() && first.is_none() => continue,
            '\\' => match characters.next() {
                Some((_, '\n')) | None => continue,
                Some((_, escaped)) => {
                    value.push(escaped);
                    kept = value.len();
                }
            },
            '"' | '\'' if kept == value.len() && first.is_none_or(|_| is_after_quote(text, end)) => {
                while let Some((_, inner)) = characters.next() {
                    match inner {
                        _ if inner == character => break,
                        '\\' if character == '"' => match characters.next() {
                            Some((_, '\n')) | None => {}
                            Some((_, escaped)) => {
                                if !matches!(escaped, '"' | '\\' | '`' | '$') {
                                    value.push('\\');
                                }
                                value.push(escaped);
                            }
                        },
                        _ => value.push(inner),
                    }
                }
                kept = value.len();
            }
            _ => {
                value.push(character);
                if !character.is_whitespace() {
                    kept = value.len();
                }
            }
        }
        first.get_or_insert(at);
        end = characters.peek().map_or(text.len(), |(offset, _)| start + offset);
    }
    value.truncate(kept);
    let first = first.unwrap_or(end);
    let end = first + text[first..end].trim_end().len();
    (value, first..end)
}

/// Whether a quoted part has just ended there.
fn is_after_quote(text: &str, end: usize) -> bool {
    text[..end].ends_with(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(&str, &str)]) {
        let found = assignments(text);
        let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        assert_eq!(found, expect, "{text:?}");
    }

    #[test]
    fn quotes_comments_and_joined_lines() {
        check("A=b\nC=d e \n", &[("A", "b"), ("C", "d e")]);
        check("# A=b\n;C=d\n\n  E = f\nexport G=h", &[("E", "f"), ("G", "h")]);
        check("A=\"b # c\"\nB='d \"e\"'\nC=f # g", &[("A", "b # c"), ("B", "d \"e\""), ("C", "f # g")]);
        check("A=b \\\nc\nD=\"e\\\"f\\n\"", &[("A", "b c"), ("D", "e\"f\\n")]);
        check("A=\nB=\"\"\nC", &[("A", ""), ("B", "")]);
        check("A=\"scope: x\nname: y\"\nB=1", &[("A", "scope: x\nname: y"), ("B", "1")]);
        check("A=it's\nB='a'\"b\"\r\n", &[("A", "it's"), ("B", "ab")]);
        check("A='unfinished", &[("A", "unfinished")]);
    }

    #[test]
    fn a_range_is_that_of_the_value() {
        let text = "A= \"b\" \nC=d";
        let ranges: Vec<_> = assignments(text).into_iter().map(|one| &text[one.range]).collect();
        assert_eq!(ranges, ["\"b\"", "d"]);
    }
}
