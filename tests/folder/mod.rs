//! Folders for tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that holds these files alone; tests run side by side, so that each needs a name of its own within its topic.
pub fn folder(topic: &str, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(topic).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the test's own folder can be emptied");
    }
    fs::create_dir_all(&folder).expect("the folder for tests is writable");
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder for tests is writable");
        fs::write(path, content).expect("the folder for tests is writable");
    }
    folder
}
