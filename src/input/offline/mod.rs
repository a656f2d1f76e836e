//! Files, directories, archives and standard input, read whole; bounded in depth, number and size.

pub mod archive;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::input::{RawFile, Unread};

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// The largest sum of all files of one run, in bytes.
pub const MAX_TOTAL_BYTES: u64 = 1 << 30;
/// The largest number of files that directories may hold in one run.
pub const MAX_FILES: usize = 100_000;
/// How many directories below a named one are entered.
pub const MAX_DEPTH: usize = 16;

/// Why an input cannot be read; the user or the environment is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum InputError {
    /// The operating system refuses.
    #[error("cannot read {name}: {reason}")]
    Unreadable {
        /// As the user named it.
        name: String,
        /// What the operating system says.
        reason: String,
    },
    /// A file that the user named is larger than [`MAX_FILE_BYTES`].
    #[error("cannot read {name}: it is larger than {} MiB", MAX_FILE_BYTES >> 20)]
    FileTooLarge {
        /// As the user named it.
        name: String,
    },
    /// All files together are larger than [`MAX_TOTAL_BYTES`].
    #[error("cannot read {name}: all inputs together are larger than {} MiB", MAX_TOTAL_BYTES >> 20)]
    #[diagnostic(help("give fewer files or a narrower directory"))]
    TotalTooLarge {
        /// The file that is one too much.
        name: String,
    },
    /// More than [`MAX_FILES`] files.
    #[error("cannot read {name}: it holds more than {MAX_FILES} files")]
    #[diagnostic(help("give a narrower directory"))]
    TooManyFiles {
        /// The directory as the user named it.
        name: String,
    },
    /// `-` is given more than once.
    #[error("cannot read -: standard input can be read only once")]
    StandardInputTwice,
}

/// Reads what the user named: each path a file, a directory with everything below it, or `-` for standard input.
///
/// The files of a directory come sorted by name, hidden ones (a leading dot) left out. Symbolic links are followed,
/// but no directory is entered twice on the way down. What a directory holds and cannot be read is returned with
/// [`RawFile::unread`] telling why, so that it is never passed over in silence.
///
/// # Errors
///
/// A path that the user named cannot be read, or a limit of this module is exceeded.
pub fn read(paths: &[String]) -> Result<Vec<RawFile>, InputError> {
    let mut reader = Reader { files: Vec::new(), total_bytes: 0, read_standard_input: false };
    for path in paths {
        reader.path(path)?;
    }
    Ok(reader.files)
}

/// Reads a configuration as `patroni PATH` does: a file, or of a directory the files named `*.yml` and `*.yaml` that lie
/// directly in it, hidden ones too, sorted by name.
///
/// # Errors
///
/// The path or one of the files cannot be read, or a limit of this module is exceeded.
pub fn read_configuration(path: &str) -> Result<Vec<RawFile>, InputError> {
    let unreadable =
        |name: &str, error: io::Error| InputError::Unreadable { name: name.to_owned(), reason: reason(&error) };
    if path == "-" || !fs::metadata(path).map_err(|error| unreadable(path, error))?.is_dir() {
        return read(std::slice::from_ref(&path.to_owned()));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| unreadable(path, error))?.take(MAX_FILES + 1) {
        let entry = entry.map_err(|error| unreadable(path, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if (name.ends_with(".yml") || name.ends_with(".yaml")) && entry.path().is_file() {
            names.push(name);
        }
    }
    if MAX_FILES < names.len() {
        return Err(InputError::TooManyFiles { name: path.to_owned() });
    }
    names.sort();
    let prefix = prefix(path);
    let paths: Vec<String> = names.into_iter().map(|name| format!("{prefix}{name}")).collect();
    read(&paths)
}

/// What the names of a directory's files begin with.
fn prefix(directory: &str) -> String {
    match directory.trim_end_matches('/') {
        "." => String::new(),
        folder => format!("{}/", folder.strip_prefix("./").unwrap_or(folder)),
    }
}

struct Reader {
    files: Vec<RawFile>,
    total_bytes: u64,
    read_standard_input: bool,
}

impl Reader {
    fn path(&mut self, name: &str) -> Result<(), InputError> {
        let unreadable = |error: io::Error| InputError::Unreadable { name: name.to_owned(), reason: reason(&error) };
        if name == "-" {
            if std::mem::replace(&mut self.read_standard_input, true) {
                return Err(InputError::StandardInputTwice);
            }
            let bytes = read_bounded(io::stdin().lock()).map_err(unreadable)?;
            return self.named(name, bytes);
        }
        if fs::metadata(name).map_err(unreadable)?.is_dir() {
            let entries = sorted_entries(Path::new(name)).map_err(unreadable)?;
            let mut above = HashSet::from_iter(fs::canonicalize(name));
            return self.directory(name, &prefix(name), entries, &mut above);
        }
        let bytes = File::open(name).and_then(read_bounded).map_err(unreadable)?;
        self.named(name, bytes)
    }

    fn named(&mut self, name: &str, bytes: Option<Vec<u8>>) -> Result<(), InputError> {
        let bytes = bytes.ok_or_else(|| InputError::FileTooLarge { name: name.to_owned() })?;
        match archive::files(name, &bytes)? {
            Some(files) => files.into_iter().try_for_each(|file| self.keep(file)),
            None => self.keep(RawFile { name: name.to_owned(), bytes, named: true, unread: None }),
        }
    }

    /// Reads the entries of a directory; `above` holds the real paths of the directories on the way to it.
    fn directory(
        &mut self,
        top: &str,
        prefix: &str,
        entries: Vec<(String, PathBuf)>,
        above: &mut HashSet<PathBuf>,
    ) -> Result<(), InputError> {
        for (entry_name, path) in entries {
            let name = format!("{prefix}{entry_name}");
            let found = match fs::metadata(&path) {
                Err(error) => Err(Unread::Failed(reason(&error))),
                Ok(metadata) if metadata.is_dir() => match self.enter(&path, above) {
                    Ok(None) => continue,
                    Ok(Some((real_path, entries))) => {
                        self.directory(top, &format!("{name}/"), entries, above)?;
                        above.remove(&real_path);
                        continue;
                    }
                    Err(unread) => Err(unread),
                },
                Ok(metadata) if !metadata.is_file() => Err(Unread::Skipped("it is not a regular file".to_owned())),
                Ok(_) => match File::open(&path).and_then(read_bounded) {
                    Ok(Some(bytes)) => Ok(bytes),
                    Ok(None) => Err(Unread::Skipped(format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20))),
                    Err(error) => Err(Unread::Failed(reason(&error))),
                },
            };
            if self.files.len() == MAX_FILES {
                return Err(InputError::TooManyFiles { name: top.to_owned() });
            }
            let (bytes, unread) = match found {
                Ok(bytes) => (bytes, None),
                Err(unread) => (Vec::new(), Some(unread)),
            };
            self.keep(RawFile { name, bytes, named: false, unread })?;
        }
        Ok(())
    }

    /// The entries of a directory and its real path, which joins `above`; `None` if we are in it already.
    #[expect(clippy::type_complexity, reason = "used once, right above")]
    fn enter(
        &self,
        path: &Path,
        above: &mut HashSet<PathBuf>,
    ) -> Result<Option<(PathBuf, Vec<(String, PathBuf)>)>, Unread> {
        let failed = |error: io::Error| Unread::Failed(reason(&error));
        let real_path = fs::canonicalize(path).map_err(failed)?;
        if above.contains(&real_path) {
            return Ok(None);
        }
        if MAX_DEPTH < above.len() {
            return Err(Unread::Skipped(format!("it lies more than {MAX_DEPTH} directories deep")));
        }
        let entries = sorted_entries(path).map_err(failed)?;
        above.insert(real_path.clone());
        Ok(Some((real_path, entries)))
    }

    fn keep(&mut self, file: RawFile) -> Result<(), InputError> {
        self.total_bytes += file.bytes.len() as u64;
        if MAX_TOTAL_BYTES < self.total_bytes {
            return Err(InputError::TotalTooLarge { name: file.name });
        }
        self.files.push(file);
        Ok(())
    }
}

/// Name and path of every entry of a directory that is not hidden, sorted by name.
fn sorted_entries(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)?.take(MAX_FILES + 1) {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

/// Everything, or `None` if it is larger than [`MAX_FILE_BYTES`].
fn read_bounded(source: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_FILE_BYTES).then_some(bytes))
}

/// What the operating system says, without the error number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test alone, removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("patrolint-offline-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).expect("the temporary directory is writable");
            Self(path)
        }

        fn write(&self, name: &str, content: &[u8]) {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().expect("a file has a directory")).expect("writable");
            fs::write(path, content).expect("writable");
        }

        fn name(&self) -> String {
            self.0.to_str().expect("UTF-8").to_owned()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn names(scratch: &Scratch, files: &[RawFile]) -> Vec<String> {
        let prefix = format!("{}/", scratch.name());
        files.iter().map(|file| file.name.trim_start_matches(&prefix).to_owned()).collect()
    }

    #[test]
    fn a_directory_is_read_sorted_and_without_hidden_files() {
        let scratch = Scratch::new("sorted");
        for name in ["b/2.yml", "b/1.yml", "a.json", ".git/config", "c"] {
            scratch.write(name, name.as_bytes());
        }
        let files = read(&[format!("{}/", scratch.name())]).expect("readable");
        assert_eq!(names(&scratch, &files), ["a.json", "b/1.yml", "b/2.yml", "c"]);
        assert!(files.iter().all(|file| !file.named && file.unread.is_none()));
        assert_eq!(files[1].bytes, b"b/1.yml");
    }

    #[test]
    fn a_configuration_is_read_as_patroni_reads_it() {
        let scratch = Scratch::new("configuration");
        for name in ["b.yml", "a.yaml", ".c.yml", "d.conf", "below/e.yml"] {
            scratch.write(name, name.as_bytes());
        }
        let files = read_configuration(&scratch.name()).expect("readable");
        assert_eq!(names(&scratch, &files), [".c.yml", "a.yaml", "b.yml"]);
        let one = read_configuration(&format!("{}/d.conf", scratch.name())).expect("readable");
        assert_eq!(one[0].bytes, b"d.conf");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(&["no/such/patroni.yml".to_owned()]).expect_err("there is none");
        assert_eq!(error.to_string(), "cannot read no/such/patroni.yml: No such file or directory");
    }

    #[test]
    fn a_named_file_is_marked_as_such() {
        let scratch = Scratch::new("named");
        scratch.write("patroni.yml", b"scope: demo");
        let files = read(&[format!("{}/patroni.yml", scratch.name())]).expect("readable");
        assert!(files[0].named);
        assert_eq!(files[0].bytes, b"scope: demo");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles() {
        let scratch = Scratch::new("links");
        scratch.write("real/patroni.yml", b"scope: demo");
        std::os::unix::fs::symlink(scratch.0.join("real"), scratch.0.join("link")).expect("writable");
        std::os::unix::fs::symlink(&scratch.0, scratch.0.join("real/up")).expect("writable");
        std::os::unix::fs::symlink("nowhere", scratch.0.join("broken.yml")).expect("writable");
        let files = read(&[scratch.name()]).expect("readable");
        assert_eq!(names(&scratch, &files), ["broken.yml", "link/patroni.yml", "real/patroni.yml"]);
        assert_eq!(files[0].unread, Some(Unread::Failed("No such file or directory".to_owned())));
    }

    #[test]
    fn what_lies_too_deep_is_told() {
        let scratch = Scratch::new("deep");
        scratch.write(&format!("{}x", "d/".repeat(MAX_DEPTH)), b"");
        scratch.write(&format!("{}x", "d/".repeat(MAX_DEPTH + 3)), b"");
        let files = read(&[scratch.name()]).expect("readable");
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].unread, Some(Unread::Skipped("it lies more than 16 directories deep".to_owned())));
    }

    #[test]
    fn a_file_that_is_too_large_is_skipped_in_a_directory_and_an_error_when_named() {
        let scratch = Scratch::new("large");
        scratch.write("large.json", b"");
        let file = File::options().write(true).open(scratch.0.join("large.json")).expect("writable");
        file.set_len(MAX_FILE_BYTES + 1).expect("sparse files are possible");
        let files = read(&[scratch.name()]).expect("readable");
        assert_eq!(files[0].unread, Some(Unread::Skipped("it is larger than 64 MiB".to_owned())));
        let name = format!("{}/large.json", scratch.name());
        assert_eq!(read(std::slice::from_ref(&name)).expect_err("too large"), InputError::FileTooLarge { name });
    }
}
