//! The texts that spans point into: files, DCS keys, REST answers. Secrets are masked before a text enters.

use std::sync::Arc;

/// Names one text of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

impl SourceId {
    /// The id where `by` sources have come before; see [`SourceMap::append`].
    pub fn renumbered(self, by: u32) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// One text that findings can point into.
#[derive(Clone)]
pub struct Source {
    /// What a user calls it: a path as given (`patroni.yml`, `-`), `dcs:/service/demo/sync`, `rest:pg2/patroni`.
    pub name: String,
    /// The text with every secret replaced by asterisks, byte for byte, so that spans still fit.
    pub text: Arc<str>,
    /// Byte offsets at which lines start.
    line_starts: Arc<[usize]>,
}

/// A place in a text as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// All texts of one run.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Source({}, {} bytes)", self.name, self.text.len())
    }
}

impl SourceMap {
    /// Adds a text and names it. The text must already be masked (`parse::secrets`).
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        let id = SourceId(u32::try_from(self.sources.len()).expect("fewer than 2^32 sources fit in memory"));
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect();
        self.sources.push(Source { name: name.into(), text, line_starts });
        id
    }

    /// Replaces the text of a source by its masked form, which must have the same length in bytes.
    pub fn mask(&mut self, id: SourceId, masked: impl Into<Arc<str>>) {
        let source = &mut self.sources[id.0 as usize];
        let masked = masked.into();
        assert_eq!(source.text.len(), masked.len(), "a mask keeps every offset");
        source.text = masked;
    }

    /// Adds all sources of another map, in their order; gives back by how much their ids grow.
    pub fn append(&mut self, other: &Self) -> u32 {
        let known = u32::try_from(self.sources.len()).expect("fewer than 2^32 sources fit in memory");
        self.sources.extend(other.sources.iter().cloned());
        known
    }

    /// The source of an id that this map gave out.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.sources[id.0 as usize]
    }

    /// All sources in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.sources.iter().enumerate().map(|(index, source)| (SourceId(index as u32), source))
    }
}

impl Source {
    /// Line and column of a byte offset; one past the end is the end. CRLF counts as one line break.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let line_start = self.line_starts[line - 1];
        let before = self.text.get(line_start..offset).unwrap_or_default();
        Position { line, column: before.chars().filter(|character| *character != '\u{feff}').count() + 1 }
    }

    /// Start offset and text of a line, counted from 1, without its line break; `None` past the last line.
    pub fn line(&self, number: usize) -> Option<(usize, &str)> {
        let start = *self.line_starts.get(number.checked_sub(1)?)?;
        let end = self.line_starts.get(number).map_or(self.text.len(), |next| next - 1);
        let line = self.text.get(start..end)?;
        Some((start, line.strip_suffix('\r').unwrap_or(line)))
    }

    /// The text of a byte range, empty if it is none.
    pub fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }
}
