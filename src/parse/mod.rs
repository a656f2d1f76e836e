//! Text to trees with places: YAML as PyYAML reads it, JSON as Python's `json.loads` reads it, times as
//! python-dateutil reads them, DCS dumps.

#![deny(clippy::disallowed_methods)]

pub mod dateutil;
pub mod document;
pub mod dump;
pub mod environment;
pub mod json;
pub mod python;
pub mod secrets;
pub mod tree;
pub mod yaml;
