//! A capture as one file: a tar archive, compressed with zstd; the same files give the same bytes.

use std::io::{self, Write};

use tar::{Builder, EntryType, Header};

use crate::input::RawFile;

/// Level of the compression: dumps are small, and tickets carry them.
const LEVEL: i32 = 9;

/// Writes files into an archive; `time` is that of each of them, in seconds since 1970.
///
/// # Errors
///
/// The writer's.
pub fn write(files: &[RawFile], time: u64, out: impl Write) -> io::Result<()> {
    let mut archive = Builder::new(zstd::Encoder::new(out, LEVEL)?.auto_finish());
    let mut files: Vec<&RawFile> = files.iter().collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    for file in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(file.bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(time);
        archive.append_data(&mut header, &file.name, file.bytes.as_slice())?;
    }
    archive.finish()
}
