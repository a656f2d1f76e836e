//! Reads bytes: the only folder that touches disk, standard input, clock or environment. Knows no format.

pub mod offline;
pub mod source_map;

/// A file as it was read, not yet understood.
#[derive(Clone)]
pub struct RawFile {
    /// How the user named it, or the path below the directory that the user named, joined with `/`.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether the user named this very file (then it must be understood), or it was found in a directory.
    pub named: bool,
}

impl std::fmt::Debug for RawFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RawFile({}, {} bytes)", self.name, self.bytes.len())
    }
}
