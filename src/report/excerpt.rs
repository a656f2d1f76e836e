//! The lines around a finding, with the place underlined.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};
use unicode_width::UnicodeWidthChar;

use crate::input::source_map::{Position, Source};
use crate::report::terminal::{Look, printable, printable_char};
use crate::rules::finding::Label;

/// Columns that an excerpt may take where there is no terminal.
const DEFAULT_WIDTH: usize = 120;
/// Columns that an excerpt gets on the narrowest terminal.
const MIN_WIDTH: usize = 40;
/// Columns of the frame around the text, besides the line number.
const FRAME_WIDTH: usize = 4;

/// Draws the places of one source, the most important one first. A place that spans lines is shown by its first line.
///
/// Lines that are too long, such as the JSON of a DCS key, are cut to the part around the place.
pub fn draw(look: Look, source: &Source, labels: &[&Label]) -> String {
    let theme = GraphicalTheme {
        characters: ThemeCharacters::unicode(),
        styles: if look.palette.is_colored() { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let width = look.width.unwrap_or(DEFAULT_WIDTH).max(MIN_WIDTH);
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(width);
    let mut drawn = String::new();
    handler.render_report(&mut drawn, &Excerpt::cut(source, labels, width)).expect("writing to a string does not fail");
    // The first line is that of the message, which is empty here: the finding's headline stands above.
    drawn.split_once('\n').map_or_else(String::new, |(_, excerpt)| excerpt.to_owned())
}

/// The lines that are shown, and the places in them.
#[derive(Debug)]
struct Excerpt {
    /// What the user calls the source.
    name: String,
    /// The lines from the first to the last that is shown, each with a line break; lines between that are not shown are
    /// empty.
    text: String,
    /// Number of lines of the source before `text`.
    skipped_lines: usize,
    /// The places as offsets into `text`.
    labels: Vec<LabeledSpan>,
    /// Where in the source each offset of `labels` is.
    positions: Vec<(usize, Position)>,
}

impl Excerpt {
    fn cut(source: &Source, labels: &[&Label], width: usize) -> Self {
        let places: Vec<_> =
            labels.iter().map(|label| (source.position(label.span.start), label.span, label.text.as_str())).collect();
        let first = places.iter().map(|(position, ..)| position.line).min().unwrap_or(1).saturating_sub(1).max(1);
        let last = places.iter().map(|(position, ..)| position.line).max().unwrap_or(1) + 1;
        let columns = width.saturating_sub(FRAME_WIDTH + last.to_string().len()).max(1);
        let mut excerpt = Self {
            name: printable(&source.name).into_owned(),
            text: String::new(),
            skipped_lines: first - 1,
            labels: Vec::new(),
            positions: Vec::new(),
        };
        for number in first..=last {
            let Some((line_start, line)) = source.line(number) else { break };
            let is_end = line.is_empty() && line_start == source.text.len() && number == last;
            if is_end {
                break;
            }
            if places.iter().any(|(position, ..)| position.line.abs_diff(number) <= 1) {
                let mut here: Vec<_> = places.iter().filter(|(position, ..)| position.line == number).collect();
                here.sort_by_key(|(_, span, _)| span.start);
                let focus = here.first().map_or(0..0, |(_, span, _)| {
                    span.start.saturating_sub(line_start)..span.end.saturating_sub(line_start)
                });
                let window = Window::around(line, focus, columns);
                for (position, span, text) in &here {
                    let start = excerpt.text.len() + window.offset(span.start.saturating_sub(line_start));
                    let end = excerpt.text.len() + window.offset(span.end.saturating_sub(line_start));
                    let is_primary = labels.first().is_some_and(|label| label.span == *span && label.text == *text);
                    excerpt.add_label(start, end, text, is_primary, columns);
                    excerpt.positions.push((start, *position));
                }
                excerpt.text.push_str(&window.text);
            }
            excerpt.text.push('\n');
        }
        excerpt
    }

    fn add_label(&mut self, start: usize, end: usize, text: &str, is_primary: bool, columns: usize) {
        let line_start = self.text.len();
        let column = (start + end.max(start)) / 2 - line_start.min(start);
        let room = columns.saturating_sub(column + 4).max(columns / 3);
        let text = Look::new(false, Some(room)).wrap("", "", &printable(text));
        let text = (!text.trim().is_empty()).then(|| text.trim_end().to_owned());
        let span = SourceSpan::from((start, end.saturating_sub(start)));
        self.labels.push(if is_primary {
            LabeledSpan::new_primary_with_span(text, span)
        } else {
            LabeledSpan::new_with_span(text, span)
        });
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Excerpt {}

impl Diagnostic for Excerpt {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.read_span(span, lines_before, lines_after)?;
        let place = self.positions.iter().find(|(offset, _)| lines_before == 0 && *offset == span.offset());
        let (line, column) = match place {
            Some((_, position)) => (position.line - 1, position.column - 1),
            None => (contents.line() + self.skipped_lines, contents.column()),
        };
        // Its own count is that of all lines up to the end of the contents, which would join distant places.
        let line_count = contents.data().iter().filter(|byte| **byte == b'\n').count();
        let name = self.name.clone();
        Ok(Box::new(MietteSpanContents::new_named(name, contents.data(), *contents.span(), line, column, line_count)))
    }
}

/// The part of a line that is shown.
struct Window<'a> {
    line: &'a str,
    /// Byte offset in the line at which the part starts.
    start: usize,
    /// What is shown, with an ellipsis where something is cut off.
    text: String,
    /// Bytes of the ellipsis at the start.
    lead: usize,
}

impl<'a> Window<'a> {
    /// The part of `line`, at most `columns` wide, that shows the start of `focus` and as much of the rest as fits.
    fn around(line: &'a str, focus: std::ops::Range<usize>, columns: usize) -> Self {
        let width_of = |character: char| printable_char(character).width().unwrap_or(0);
        let width: usize = line.chars().map(width_of).sum();
        if width <= columns {
            return Self { line, start: 0, text: line.chars().map(printable_char).collect(), lead: 0 };
        }
        let room = columns.saturating_sub(2).max(1);
        let focus_width: usize = line.get(focus.clone()).unwrap_or_default().chars().map(width_of).sum();
        let before_width = room.saturating_sub(focus_width).max(room / 4) / 2;
        let at = (0..=focus.start.min(line.len())).rev().find(|offset| line.is_char_boundary(*offset)).unwrap_or(0);
        let mut start = at;
        let mut used = 0;
        for (offset, character) in line[..at].char_indices().rev() {
            if before_width < used + width_of(character) {
                break;
            }
            used += width_of(character);
            start = offset;
        }
        let mut text = String::from(if start == 0 { "" } else { "…" });
        let lead = text.len();
        let mut used = 0;
        for character in line[start..].chars() {
            used += width_of(character);
            if room < used {
                text.push('…');
                break;
            }
            text.push(printable_char(character));
        }
        Self { line, start, text, lead }
    }

    /// Where a byte offset of the line is in the text shown; the nearest place if it is cut off.
    fn offset(&self, offset: usize) -> usize {
        let Some(shown) = self.line.get(self.start..offset.min(self.line.len())) else {
            return self.lead.min(self.text.len());
        };
        let bytes: usize = shown.chars().map(|character| printable_char(character).len_utf8()).sum();
        (self.lead + bytes).min(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceMap;
    use crate::parse::tree::Span;

    /// Draws `text` with each `needle` labelled.
    fn excerpt(width: usize, text: &str, needles: &[(&str, &str)]) -> String {
        let mut sources = SourceMap::default();
        let id = sources.add("patroni.yml", text);
        let labels: Vec<_> = needles
            .iter()
            .map(|(needle, label)| {
                let start = text.find(needle).expect("the text holds the needle");
                Label { span: Span::new(id, start, start + needle.len()), text: (*label).to_owned() }
            })
            .collect();
        draw(Look::new(false, Some(width)), sources.get(id), &labels.iter().collect::<Vec<_>>())
    }

    #[test]
    fn underlines_the_place() {
        insta::assert_snapshot!(excerpt(80, "scope: demo\npostgresql:\n  synchronous_mode: quorum\nname: pg1\n", &[
            ("synchronous_mode", "Patroni reads this key from the dynamic configuration only"),
        ]), @r#"
              ╭─[patroni.yml:3:3]
            2 │ postgresql:
            3 │   synchronous_mode: quorum
              ·   ────────┬───────
              ·           ╰── Patroni reads this key from the dynamic configuration only
            4 │ name: pg1
              ╰────
            "#);
    }

    #[test]
    fn cuts_long_lines_around_the_place() {
        let text = format!("{{\"a\":\"{}\",\"sync_standby\":\"pg2\",\"b\":\"{}\"}}", "é".repeat(90), "x".repeat(90));
        insta::assert_snapshot!(excerpt(60, &text, &[("\"pg2\"", "not a member")]), @r#"
              ╭─[patroni.yml:1:114]
            1 │ …ééééééé","sync_standby":"pg2","b":"xxxxxxxxxxxxxxxxxx…
              ·                          ──┬──
              ·                            ╰── not a member
              ╰────
            "#);
    }

    #[test]
    fn shows_distant_places_apart() {
        let text = format!("ttl: 20\n{}loop_wait: 10\nretry_timeout: 10\n", "x: 1\n".repeat(60));
        let needles = [("loop_wait: 10", "10 s"), ("ttl: 20", "20 s"), ("retry_timeout: 10", "twice 10 s")];
        insta::assert_snapshot!(excerpt(80, &text, &needles), @r#"
              ╭─[patroni.yml:1:1]
            1 │ ttl: 20
              · ───┬───
              ·    ╰── 20 s
            2 │ x: 1
              ╰────
               ╭─[patroni.yml:62:1]
            61 │ x: 1
            62 │ loop_wait: 10
               · ──────┬──────
               ·       ╰── 10 s
            63 │ retry_timeout: 10
               · ────────┬────────
               ·         ╰── twice 10 s
               ╰────
            "#);
    }

    #[test]
    fn wraps_long_labels() {
        let label = "Patroni reads this key from the dynamic configuration only, which lies in the DCS";
        insta::assert_snapshot!(excerpt(60, "      synchronous_mode: on\n", &[("synchronous_mode", label)]), @r#"
              ╭─[patroni.yml:1:7]
            1 │       synchronous_mode: on
              ·       ────────┬───────
              ·               ╰─┤ Patroni reads this key from the
              ·                 │ dynamic configuration only, which
              ·                 │ lies in the DCS
              ╰────
            "#);
    }

    #[test]
    fn survives_odd_places() {
        let texts = ["", "\n", "\r\n", "a", "a\r\nb\rc\n\n", "\u{feff}é漢\u{1b}[0m\t", &"漢".repeat(500)];
        for text in texts {
            for start in 0..=text.len().min(60) + 2 {
                for end in [start.saturating_sub(1), start, start + 1, start + 7, text.len() + 5] {
                    let mut sources = SourceMap::default();
                    let id = sources.add("-", text);
                    let label = |start, end| Label { span: Span::new(id, start, end), text: "here".to_owned() };
                    let labels = [label(start, end), label(end / 2, start)];
                    let drawn = draw(Look::new(false, None), sources.get(id), &labels.iter().collect::<Vec<_>>());
                    assert!(!drawn.contains(['\u{1b}', '\r']), "{drawn:?}");
                }
            }
        }
    }
}
