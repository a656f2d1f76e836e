//! Reads bytes: the only folder that touches disk, standard input, network, clock or environment. Knows no format.

pub mod dcs_server;
pub mod offline;
#[cfg(feature = "online")]
pub mod online;
pub mod source_map;

/// A file as it was read, not yet understood.
#[derive(Clone, Default)]
pub struct RawFile {
    /// How the user named it; of a file found in a directory, the directory as named and the path below it, joined
    /// with `/` (of `.` the path alone).
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether the user named this very file (then it must be understood), or it was found in a directory.
    pub named: bool,
    /// Why `bytes` is empty although the file may not be.
    pub unread: Option<Unread>,
}

/// Why a file that was found in a directory was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is nothing that is read: too large, too deep, not a regular file.
    Skipped(String),
    /// The operating system refused, for this reason.
    Failed(String),
}

impl std::fmt::Debug for RawFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RawFile({}, {} bytes)", self.name, self.bytes.len())
    }
}
