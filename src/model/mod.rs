//! Typed facts with their origin: the cluster and the configuration as Patroni reads them.

pub mod cluster;
pub mod config;
pub mod snapshot;
pub mod time;
pub mod version;
