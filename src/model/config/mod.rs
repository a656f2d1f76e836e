//! Configuration as Patroni reads it.

pub mod global;
