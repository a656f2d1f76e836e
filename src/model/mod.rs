//! Typed facts with their origin: the cluster and the configuration as Patroni reads them.

pub mod snapshot;
