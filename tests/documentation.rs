//! What the README shows is what the program prints.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_readme_shows_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README can be read");
    let blocks: Vec<&str> = readme.split("```console\n$ patrolint ").skip(1).collect();
    assert!(3 <= blocks.len(), "only {} examples", blocks.len());
    for block in blocks {
        let block = block.split("```").next().expect("the block ends");
        let (arguments, expected) = block.split_once('\n').expect("output follows the command");
        let output = Command::new(env!("CARGO_BIN_EXE_patrolint"))
            .args(arguments.split(' '))
            .env_clear()
            .current_dir(root)
            .output()
            .expect("the program starts");
        let printed = String::from_utf8(output.stdout).expect("the output is UTF-8");
        assert_eq!(printed, expected, "patrolint {arguments}");
    }
}
