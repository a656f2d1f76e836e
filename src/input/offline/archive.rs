//! Files in archives: tar, alone or compressed with gzip or zstd; and single files so compressed. Nothing is unpacked to disk.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::Archive;

use crate::input::offline::{InputError, MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES};
use crate::input::{RawFile, Unread};

/// How a compressed file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The files in a file that the user named; `None` if it is no archive and not compressed.
///
/// A file in an archive is named by the archive and its path in there, joined with `/`.
///
/// # Errors
///
/// The archive is damaged, or a limit of [`crate::input::offline`] is exceeded.
pub fn files(name: &str, bytes: &[u8]) -> Result<Option<Vec<RawFile>>, InputError> {
    let damaged = |error: io::Error| InputError::Unreadable {
        name: name.to_owned(),
        reason: format!("it is damaged: {}", super::reason(&error)),
    };
    let unpacked = if bytes.starts_with(&GZIP) {
        Some(bounded(MultiGzDecoder::new(bytes)).map_err(damaged)?)
    } else if bytes.starts_with(&ZSTD) {
        Some(zstd::Decoder::new(bytes).and_then(bounded).map_err(damaged)?)
    } else {
        None
    };
    let unpacked = match unpacked {
        Some(None) => return Err(InputError::TotalTooLarge { name: name.to_owned() }),
        Some(Some(unpacked)) => Some(unpacked),
        None => None,
    };
    let content = unpacked.as_deref().unwrap_or(bytes);
    if !is_tar(content) {
        // Of a compressed file the name without the ending tells what it is.
        let plain =
            ["gz", "zst"].iter().find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.')).unwrap_or(name);
        return Ok(unpacked.map(|bytes| {
            let plain = plain.to_owned();
            vec![RawFile { name: plain, bytes, named: true, unread: None }]
        }));
    }
    entries(name, content).map(Some)
}

fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

fn entries(name: &str, bytes: &[u8]) -> Result<Vec<RawFile>, InputError> {
    let damaged = |error: io::Error| InputError::Unreadable {
        name: name.to_owned(),
        reason: format!("it is damaged: {}", super::reason(&error)),
    };
    let mut files = Vec::new();
    for entry in Archive::new(bytes).entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let is_hidden = path.split('/').any(|part| part.starts_with('.'));
        if !entry.header().entry_type().is_file() || is_hidden {
            continue;
        }
        if files.len() == MAX_FILES {
            return Err(InputError::TooManyFiles { name: name.to_owned() });
        }
        let mut file = RawFile { name: format!("{name}/{path}"), ..RawFile::default() };
        if MAX_FILE_BYTES < entry.size() {
            file.unread = Some(Unread::Skipped(format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20)));
        } else {
            entry.read_to_end(&mut file.bytes).map_err(damaged)?;
        }
        files.push(file);
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

/// Everything, or `None` if it is larger than all inputs may be.
fn bounded(source: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source.take(MAX_TOTAL_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_TOTAL_BYTES).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, *bytes).expect("memory takes it");
        }
        archive.into_inner().expect("memory takes it")
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    fn check(bytes: &[u8], expect: Option<&[(&str, &[u8])]>) {
        let files = files("dump.gz", bytes).expect("it is sound");
        let files = files
            .as_ref()
            .map(|files| files.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())).collect::<Vec<_>>());
        assert_eq!(files.as_deref(), expect);
    }

    #[test]
    fn every_form_gives_its_files() {
        let archive = tar(&[("b/patroni.yml", b"scope: demo"), ("a.json", b"{}"), (".git/config", b"x")]);
        let expect: &[(&str, &[u8])] = &[("dump.gz/a.json", b"{}"), ("dump.gz/b/patroni.yml", b"scope: demo")];
        check(&archive, Some(expect));
        check(&gzip(&archive), Some(expect));
        check(&zstd::encode_all(archive.as_slice(), 1).expect("memory takes it"), Some(expect));
        check(&gzip(b"scope: demo"), Some(&[("dump", b"scope: demo")]));
        check(b"scope: demo", None);
        check(b"", None);
    }

    #[test]
    fn damage_is_told() {
        let cut = &gzip(&tar(&[("a", b"content")]))[..30];
        let error = files("dump.tar.gz", cut).expect_err("the end is missing");
        assert!(error.to_string().starts_with("cannot read dump.tar.gz: it is damaged"), "{error}");
        let cut = &tar(&[("a", &[b'x'; 2000])])[..1024];
        let error = files("dump.tar", cut).expect_err("the end is missing");
        assert!(error.to_string().starts_with("cannot read dump.tar: it is damaged"), "{error}");
    }
}
