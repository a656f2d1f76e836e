//! Tables for people: columns that fit the width, with cells that are broken into lines.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::report::palette::Palette;
use crate::report::terminal::{Look, printable};

/// Blanks between two columns.
const GAP: usize = 3;
/// No column gets narrower than this, if it was not narrower to begin with.
const NARROWEST: usize = 10;

/// A cell.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    paint: Option<fn(Palette, &str) -> String>,
}

impl Cell {
    /// A text as it is.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()).into_owned(), paint: None }
    }

    /// A text in a colour.
    pub fn painted(text: impl AsRef<str>, paint: fn(Palette, &str) -> String) -> Self {
        Self { paint: Some(paint), ..Self::new(text) }
    }
}

/// Writes a table below a heading, indented by two blanks, in lines of at most `width` columns where that can be.
///
/// # Errors
///
/// The writer fails.
pub fn write<const N: usize>(
    heading: [&str; N],
    rows: &[[Cell; N]],
    palette: Palette,
    width: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    let natural: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].text.width());
        cells.chain([heading[column].width()]).max().unwrap_or(0)
    });
    let widths = fitted(natural, width.saturating_sub(2 + GAP * (N - 1)));
    let heading = heading.map(|text| Cell::painted(text, Palette::faint));
    for row in std::iter::once(&heading).chain(rows) {
        let cells: [Vec<String>; N] = std::array::from_fn(|column| broken(&row[column].text, widths[column]));
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut text = String::new();
            let mut pending = 2;
            for column in 0..N {
                let piece = cells[column].get(line).map_or("", String::as_str);
                if !piece.is_empty() {
                    text.push_str(&" ".repeat(pending));
                    text.push_str(&row[column].paint.map_or_else(|| piece.to_owned(), |paint| paint(palette, piece)));
                    pending = 0;
                }
                pending += widths[column] - piece.width().min(widths[column]) + GAP;
            }
            writeln!(out, "{text}")?;
        }
    }
    Ok(())
}

/// Takes from the widest column until all fit.
fn fitted<const N: usize>(mut widths: [usize; N], room: usize) -> [usize; N] {
    while room < widths.iter().sum() {
        let Some(widest) = widths.iter_mut().filter(|width| NARROWEST < **width).max() else { break };
        *widest -= 1;
    }
    widths
}

/// The lines of a cell.
fn broken(text: &str, width: usize) -> Vec<String> {
    Look::new(false, Some(width)).wrap("", "", text).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_the_width() {
        let check = |width, expected: &str| {
            let rows = [
                [Cell::new("a"), Cell::painted("one two three four", Palette::bad)],
                [Cell::new("bb"), Cell::new("x")],
            ];
            let mut out = Vec::new();
            write(["k", "value"], &rows, Palette::new(false), width, &mut out).expect("memory");
            assert_eq!(String::from_utf8(out).expect("text"), expected, "{width}");
        };
        check(80, "  k    value\n  a    one two three four\n  bb   x\n");
        check(20, "  k    value\n  a    one two three\n       four\n  bb   x\n");
        check(1, "  k    value\n  a    one two\n       three four\n  bb   x\n");
    }
}
