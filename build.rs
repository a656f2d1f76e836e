//! Embeds the rule pages: the front matter of each as JSON, which is read in a fraction of the time that YAML takes at
//! every start, and its prose.

#[path = "src/input"]
#[allow(dead_code, reason = "the parser needs a part of it")]
mod input {
    pub mod source_map;
}
#[path = "src/parse"]
#[allow(dead_code, reason = "pages need a part of it")]
mod parse {
    pub mod python;
    /// The parser asks it what not to quote in its advice; no page holds a secret.
    pub mod secrets {
        pub fn is_secret_key(_: &str) -> bool {
            false
        }
    }
    pub mod tree;
    pub mod yaml;
}

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use input::source_map::SourceId;
use parse::tree::{Node, Value};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut pages = Vec::new();
    collect(&root.join("rules"), &mut pages);
    pages.sort();
    let mut table = String::from("&[\n");
    for page in &pages {
        let name = page.strip_prefix(&root).expect("it was found below the root").to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(page).expect("pages are UTF-8").replace("\r\n", "\n");
        let parts = text.strip_prefix("---\n").and_then(|text| text.split_once("\n---\n"));
        let (head, prose) = parts.unwrap_or_else(|| panic!("{name} has no front matter"));
        writeln!(table, "    ({name:?}, {:?}, {prose:?}),", json_of(&name, head)).expect("a String takes all");
    }
    table.push_str("]\n");
    fs::write(out.join("pages.rs"), table).expect("the output directory can be written");
    let bugs = root.join("rules/known-bugs.yaml");
    println!("cargo::rerun-if-changed={}", bugs.display());
    let text = fs::read_to_string(bugs).expect("the table of known bugs is UTF-8");
    fs::write(out.join("known-bugs.json"), json_of("rules/known-bugs.yaml", &text)).expect("it can be written");
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).expect("the folder with the rule pages exists").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            println!("cargo::rerun-if-changed={}", path.display());
            pages.push(path);
        }
    }
}

/// A text in YAML as JSON.
fn json_of(name: &str, text: &str) -> String {
    let tree = parse::yaml::parse(SourceId(0), text).unwrap_or_else(|error| panic!("{name}: {}", error.message));
    let mut json = String::new();
    write_json(&tree, &mut json);
    json
}

fn write_json(node: &Node, json: &mut String) {
    match &node.value {
        Value::Null => json.push_str("null"),
        Value::Bool(truth) => json.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) => json.push_str(&number.to_string()),
        Value::Sequence(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                json.push_str(if index == 0 { "" } else { "," });
                write_json(item, json);
            }
            json.push(']');
        }
        Value::Mapping(mapping) => {
            json.push('{');
            for (index, entry) in mapping.effective().enumerate() {
                json.push_str(if index == 0 { "" } else { "," });
                write_text(&parse::python::str(&entry.key.value), json);
                json.push(':');
                write_json(&entry.value, json);
            }
            json.push('}');
        }
        other => write_text(&parse::python::str(other), json),
    }
}

fn write_text(text: &str, json: &mut String) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\0'..='\x1f' => json.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => json.push(character),
        }
    }
    json.push('"');
}
