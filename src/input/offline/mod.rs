//! Files, directories and standard input.
