//! Parses the arguments, runs, and maps the result to an exit code; nothing else.

fn main() {}
