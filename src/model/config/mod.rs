//! Configuration as Patroni reads it.

pub mod edit;
pub mod effective;
pub mod global;
pub mod schema;
