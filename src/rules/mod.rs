//! What is wrong: rules over facts. Reads no file, no clock, no network; decides nothing that `decision` decides.

#![deny(clippy::disallowed_methods)]

pub mod finding;
