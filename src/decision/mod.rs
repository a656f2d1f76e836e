//! What Patroni would do: pure functions, each naming the Patroni function that it mirrors.

#![deny(clippy::disallowed_methods)]

pub mod api;
mod candidates;
pub mod case_insensitive_set;
pub mod change;
pub mod ctl;
pub mod leader;
pub mod prediction;
pub mod quorum;
pub mod quorum_state;
pub mod race;
mod replica_list;
pub mod shutdown;
pub mod standby_names;
pub mod step;
pub mod sync_replication;
pub mod sync_standbys;
pub mod sync_step;
pub mod view;
