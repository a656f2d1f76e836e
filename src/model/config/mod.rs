//! Configuration as Patroni reads it.

pub mod global;
pub mod schema;
