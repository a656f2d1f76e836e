//! Configuration as Patroni reads it.

#[cfg(feature = "online")]
pub mod connection;
pub mod edit;
pub mod effective;
pub mod global;
pub mod schema;
