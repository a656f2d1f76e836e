//! A rule's page, written in Markdown, for a terminal.

use std::io::{self, Write};

use crate::report::catalogue::CatalogueEntry;
use crate::report::terminal::{Look, printable};

/// Widest text that is easy to read.
const MAX_WIDTH: usize = 100;

/// Writes a rule's code, name and severity, then the prose of its page: on a terminal with bold headings, indented code and wrapped paragraphs,
/// elsewhere as the Markdown that it is.
///
/// # Errors
///
/// The writer fails.
pub fn write(rule: &CatalogueEntry, markdown: &str, look: Look, out: &mut impl Write) -> io::Result<()> {
    let name = printable(&format!("{} {}", rule.code, rule.slug)).into_owned();
    writeln!(out, "{} ({})\n", look.palette.bold(&name), rule.severity)?;
    let body = printable(markdown.trim());
    if look.width.is_none() && !look.palette.is_colored() {
        return writeln!(out, "{body}");
    }
    let look = Look { width: Some(look.width.unwrap_or(MAX_WIDTH).min(MAX_WIDTH)), ..look };
    let mut in_code = false;
    let mut paragraph = Paragraph::default();
    for line in body.lines() {
        if line.trim_start().starts_with("```") {
            paragraph.flush(look, out)?;
            in_code = !in_code;
            let name = line.trim().trim_start_matches('`').split_once(' ').map_or("", |(_, name)| name);
            if in_code && !name.is_empty() {
                writeln!(out, "    {}", look.palette.faint(&format!("# {name}")))?;
            }
        } else if in_code {
            writeln!(out, "{}", format!("    {line}").trim_end())?;
        } else if let Some(heading) = heading(line) {
            paragraph.flush(look, out)?;
            writeln!(out, "{}", look.palette.bold(heading))?;
        } else if line.trim().is_empty() {
            paragraph.flush(look, out)?;
            writeln!(out)?;
        } else {
            if starts_item(line) {
                paragraph.flush(look, out)?;
            }
            paragraph.add(line);
        }
    }
    paragraph.flush(look, out)
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then(|| text.strip_prefix(' ')).flatten()
}

/// Whether the line is one of a list or a table, which starts a line of its own.
fn starts_item(line: &str) -> bool {
    let line = line.trim_start();
    let after_number = line.trim_start_matches(|character: char| character.is_ascii_digit());
    let numbered = after_number.len() < line.len() && after_number.starts_with(". ");
    numbered || ["- ", "* ", "| "].iter().any(|mark| line.starts_with(mark))
}

/// Lines that belong together.
#[derive(Default)]
struct Paragraph {
    text: String,
    indent: usize,
}

impl Paragraph {
    fn add(&mut self, line: &str) {
        if self.text.is_empty() {
            self.indent = line.len() - line.trim_start().len();
        } else {
            self.text.push(' ');
        }
        self.text.push_str(line.trim());
    }

    fn flush(&mut self, look: Look, out: &mut impl Write) -> io::Result<()> {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() {
            return Ok(());
        }
        let first = " ".repeat(self.indent);
        let rest = if starts_item(&text) { format!("{first}  ") } else { first.clone() };
        write!(out, "{}", look.wrap(&first, &rest, &emphasised(look, &text)))
    }
}

/// The text with `**strong**` and `` `code` `` marked by style instead of by signs; as it is when colours are off.
fn emphasised(look: Look, text: &str) -> String {
    if !look.palette.is_colored() {
        return text.to_owned();
    }
    let parts: Vec<_> = text.split('`').collect();
    let paired = parts.len() % 2 == 1;
    let mut result = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index % 2 == 1 && paired {
            // Words are coloured one by one, so that wrapping never breaks inside a colour.
            let words: Vec<_> = part.split(' ').map(|word| look.palette.code(word)).collect();
            result.push_str(&words.join(" "));
        } else {
            result.push_str(&part.replace("**", ""));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A key has no effect where it stands\n\nPatroni reads `synchronous_mode` from the\n\
        dynamic configuration **only**.\n\n1. one item that is\n   longer than a line\n2. two\n\n## Bad\n\n\
        ```yaml patroni.yml\npostgresql:\n\n  synchronous_mode: on\n```\n";

    fn rendered(look: Look) -> String {
        let mut out = Vec::new();
        let rule = CatalogueEntry {
            code: "PTL107".to_owned(),
            slug: "key-in-wrong-section".to_owned(),
            group: "schema".to_owned(),
            severity: "error or warning".to_owned(),
            title: "A key has no effect where it stands".to_owned(),
        };
        write(&rule, PAGE, look, &mut out).expect("writing to memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn lays_out_a_page() {
        insta::assert_snapshot!(rendered(Look::new(false, Some(40))), @r#"
            PTL107 key-in-wrong-section (error or warning)

            A key has no effect where it stands

            Patroni reads `synchronous_mode` from
            the dynamic configuration **only**.

            1. one item that is longer than a line
            2. two

            Bad

                # patroni.yml
                postgresql:

                  synchronous_mode: on
            "#);
    }

    #[test]
    fn marks_headings_and_code() {
        let page = rendered(Look::new(true, Some(80)));
        assert!(
            page.starts_with("\u{1b}[1mPTL107 key-in-wrong-section\u{1b}[0m (error or warning)\n\n\u{1b}[1mA key has"),
            "{page:?}"
        );
        assert!(page.contains("\u{1b}[36msynchronous_mode\u{1b}[0m"), "{page:?}");
        assert!(!page.contains("**") && !page.contains('`'), "{page:?}");
    }

    #[test]
    fn is_markdown_elsewhere() {
        assert_eq!(
            rendered(Look::new(false, None)),
            format!("PTL107 key-in-wrong-section (error or warning)\n\n{PAGE}")
        );
    }
}
