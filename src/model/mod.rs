//! Typed facts with their origin: the cluster and the configuration as Patroni reads them.

#![deny(clippy::disallowed_methods)]

pub mod behaviour;
pub mod cluster;
pub mod config;
pub mod postgresql;
pub mod snapshot;
pub mod time;
pub mod version;
