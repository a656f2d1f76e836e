//! A capture as one file: a tar archive, compressed with zstd; the same files give the same bytes.

use std::io::{self, Write};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::capture::files::MANIFEST;
use crate::input::RawFile;

/// Level of the compression: dumps are small, and tickets carry them.
const LEVEL: i32 = 9;

/// Writes files into an archive, with their sums in what describes each folder; `time` is that of each of them, in seconds
/// since 1970.
///
/// # Errors
///
/// The writer's.
pub fn write(mut files: Vec<RawFile>, time: u64, out: impl Write) -> io::Result<()> {
    let mut archive = Builder::new(zstd::Encoder::new(out, LEVEL)?.auto_finish());
    files.sort_by(|one, other| one.name.cmp(&other.name));
    add_sums(&mut files);
    for file in &files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(file.bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(time);
        archive.append_data(&mut header, &file.name, file.bytes.as_slice())?;
    }
    archive.finish()
}

/// Adds to each manifest the SHA-256 sums of the other files in its folder.
fn add_sums(files: &mut [RawFile]) {
    for index in 0..files.len() {
        let Some(folder) = files[index].name.strip_suffix(MANIFEST).map(str::to_owned) else { continue };
        let Ok(mut manifest) = serde_json::from_slice::<Value>(&files[index].bytes) else { continue };
        let below = files.iter().filter_map(|file| Some((file.name.strip_prefix(&folder)?, file)));
        let others = below.filter(|(path, _)| *path != MANIFEST);
        let sums: Map<String, Value> =
            others.map(|(path, file)| (path.to_owned(), Value::String(sum(&file.bytes)))).collect();
        manifest["files"] = Value::Object(sums);
        files[index].bytes = super::files::pretty(&manifest).into_bytes();
    }
}

fn sum(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::offline::archive;

    #[test]
    fn a_bundle_reads_back_and_is_the_same_again() {
        let file = |name: &str, text: &str| RawFile {
            name: name.to_owned(),
            bytes: text.as_bytes().to_vec(),
            ..RawFile::default()
        };
        let files = vec![file("demo/rest/pg1/patroni.json", "abc"), file("demo/capture.json", "{\"scope\":\"demo\"}")];
        let bundle = |files: Vec<RawFile>| {
            let mut out = Vec::new();
            write(files, 7, &mut out).expect("memory takes it");
            out
        };
        let bytes = bundle(files.clone());
        assert_eq!(bytes, bundle(files.into_iter().rev().collect()));
        let read = archive::files("b", &bytes).expect("it is sound").expect("it is an archive");
        let names: Vec<&str> = read.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["b/demo/capture.json", "b/demo/rest/pg1/patroni.json"]);
        assert_eq!(read[1].bytes, b"abc");
        let manifest: Value = serde_json::from_slice(&read[0].bytes).expect("it is JSON");
        // `printf abc | sha256sum`
        let expect = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(manifest["files"]["rest/pg1/patroni.json"], expect);
        assert_eq!(manifest["scope"], "demo");
    }
}
