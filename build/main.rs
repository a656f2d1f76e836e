//! Makes the rule pages a part of the program: reads them as a user's own pages are read, and writes them down as constants, so
//! that nothing is left to be read at start. A page that is malformed breaks the build.
//!
//! A release build for Linux with glibc is linked to run at a fixed address: its loader would have to adjust some twenty thousand
//! pointers at every start, a fifth of a cold run on one file. Set `PATROLINT_PIE` for a position-independent program.

#[path = "../src/input"]
#[allow(dead_code, reason = "pages need a part of it")]
mod input {
    pub mod source_map;
}
#[path = "../src/parse"]
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
#[path = "../src/model"]
#[allow(dead_code, reason = "pages need a part of it")]
mod model {
    pub mod version;
}
#[path = "../src/rules"]
#[allow(dead_code, reason = "pages need a part of it")]
mod rules {
    pub mod finding;
    #[path = "../../build/known_bugs.rs"]
    pub mod known_bugs;
    pub mod page;
}
mod constant;

use std::path::{Path, PathBuf};
use std::{env, fs};

use rules::known_bugs;
use rules::page::Page;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut pages = Vec::new();
    collect(&root.join("rules"), &root, &mut pages);
    let bugs = read(&root.join(known_bugs::NAME));
    pages.extend(known_bugs::pages(&bugs).unwrap_or_else(|error| panic!("{error}")));
    pages.sort_by(|one, two| one.code.cmp(&two.code));
    let mut names: Vec<&str> = pages.iter().flat_map(|page| [page.code.as_ref(), page.slug.as_ref()]).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        panic!("two rules are called {}", twice[0]);
    }
    fs::write(out.join("pages.rs"), constant::pages(&pages)).expect("the output directory can be written");

    println!("cargo::rerun-if-env-changed=PATROLINT_PIE");
    let variables = [("CARGO_CFG_TARGET_OS", "linux"), ("CARGO_CFG_TARGET_ENV", "gnu"), ("PROFILE", "release")];
    let is_glibc = variables.iter().all(|(name, value)| env::var(name).is_ok_and(|found| found == *value));
    if is_glibc && env::var_os("PATROLINT_PIE").is_none() {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

/// The pages below a folder.
fn collect(folder: &Path, root: &Path, pages: &mut Vec<Page>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).expect("the folder with the rule pages exists").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, root, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let name =
                path.strip_prefix(root).expect("it was found below the root").to_string_lossy().replace('\\', "/");
            pages.push(Page::read(&name, &read(&path)).unwrap_or_else(|error| panic!("{error}")));
        }
    }
}

fn read(path: &Path) -> String {
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("\r\n", "\n")
}
