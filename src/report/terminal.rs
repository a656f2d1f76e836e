//! How text is laid out for people: colours, width, wrapping, and nothing that could steer a terminal.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use crate::report::palette::Palette;
use crate::rules::finding::Severity;

/// How the reader's terminal, or file, is to be written to.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours, if any.
    pub palette: Palette,
    /// Columns of the terminal; `None` where there is none: then lines are as long as they are.
    pub width: Option<usize>,
}

impl Look {
    /// For a terminal of this width, or for a file or pipe.
    pub fn new(color: bool, width: Option<usize>) -> Self {
        Self { palette: Palette::new(color), width }
    }

    /// Breaks a text at blanks so that it fits the width: the first line follows `first`, the others `rest`; both may be
    /// coloured. Line breaks of the text are kept. The result ends with a line break.
    pub fn wrap(self, first: &str, rest: &str, text: &str) -> String {
        let mut result = String::new();
        let mut lead = first;
        for line in text.trim_end().split('\n') {
            let mut width = visible_width(lead);
            result.push_str(lead);
            for (index, word) in line.trim_end().split(' ').enumerate() {
                let word_width = visible_width(word);
                let blank = usize::from(0 < index);
                let fits = self.width.is_none_or(|columns| width + blank + word_width <= columns);
                if fits || blank == 0 && width <= visible_width(rest) {
                    result.push_str(&" "[..blank]);
                    width += blank;
                } else {
                    result.truncate(result.trim_end_matches(' ').len());
                    result.push('\n');
                    result.push_str(rest);
                    width = visible_width(rest);
                }
                result.push_str(word);
                width += word_width;
            }
            result.push('\n');
            lead = rest;
        }
        result
    }
}

/// The word that the text reports use for a severity.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// `1 error`, `2 errors`.
pub fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The text without characters that steer a terminal; line breaks stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| character == '\n' || printable_char(character) == character) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|character| if character == '\n' { '\n' } else { printable_char(character) }).collect()
}

/// What is printed for a character: a blank for a tab, a mark for one that would move the cursor or turn the writing.
pub fn printable_char(character: char) -> char {
    match character {
        '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        _ if character.is_control() => '\u{fffd}',
        _ => character,
    }
}

/// Columns that a text takes on a terminal, colours not counted.
fn visible_width(text: &str) -> usize {
    let mut width = 0;
    for (index, part) in text.split("\u{1b}[").enumerate() {
        let shown = if index == 0 { part } else { part.split_once('m').map_or("", |(_, shown)| shown) };
        width += shown.width();
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_blanks() {
        let check = |width, text: &str, expected: &str| {
            let look = Look::new(true, width);
            assert_eq!(look.wrap("\u{1b}[1mhelp:\u{1b}[0m ", "      ", text), expected, "{text:?} at {width:?}");
        };
        check(None, "one two three", "\u{1b}[1mhelp:\u{1b}[0m one two three\n");
        check(Some(13), "one two three", "\u{1b}[1mhelp:\u{1b}[0m one two\n      three\n");
        check(Some(13), "réseau ß 漢字", "\u{1b}[1mhelp:\u{1b}[0m réseau\n      ß 漢字\n");
        check(Some(8), "unbreakable", "\u{1b}[1mhelp:\u{1b}[0m unbreakable\n");
        check(Some(8), "more unbreakable", "\u{1b}[1mhelp:\u{1b}[0m more\n      unbreakable\n");
        check(Some(40), "one\n  two\n", "\u{1b}[1mhelp:\u{1b}[0m one\n        two\n");
        check(Some(40), "", "\u{1b}[1mhelp:\u{1b}[0m \n");
    }

    #[test]
    fn breaks_before_a_first_word_that_does_not_fit() {
        let look = Look::new(false, Some(20));
        assert_eq!(
            look.wrap("error[PTL1] slug: ", "    ", "connect_address is"),
            "error[PTL1] slug:\n    connect_address\n    is\n"
        );
    }

    #[test]
    fn replaces_what_steers_a_terminal() {
        let check = |text: &str, expected: &str| assert_eq!(printable(text), expected);
        check("plain\ntext", "plain\ntext");
        check("\u{1b}[2Jgone\r", "\u{fffd}[2Jgone\u{fffd}");
        check("a\u{202e}b\tc", "a\u{fffd}b c");
    }
}
