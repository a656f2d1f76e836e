//! Embeds the rule pages: writes a table of their names and texts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut pages = Vec::new();
    collect(&root.join("rules"), &mut pages);
    pages.sort();
    let mut table = String::from("&[\n");
    for page in &pages {
        let name = page.strip_prefix(&root).expect("it was found below the root").to_string_lossy().replace('\\', "/");
        writeln!(table, "    ({name:?}, include_str!({:?})),", page.display().to_string()).expect("a String takes all");
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("pages.rs"), table).expect("the output directory can be written");
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).expect("the folder with the rule pages exists").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}
