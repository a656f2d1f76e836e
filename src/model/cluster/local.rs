//! What a node's own Patroni process knows of its PostgreSQL.

use crate::model::cluster::Tags;

/// The facts that a process does not read from the DCS or from other members.
#[derive(Clone, Debug)]
pub struct LocalState {
    /// PostgreSQL runs; without it the HA loop never comes to the leader race.
    pub running: bool,
    /// PostgreSQL is still starting up.
    pub starting: bool,
    /// PostgreSQL runs as a primary.
    pub primary: bool,
    /// Its timeline; `None` if it cannot be found out.
    pub timeline: Option<i128>,
    /// `Postgresql.last_operation()`: write position of a primary, the greater of received and replayed of a replica.
    pub lsn: i128,
    /// The watchdog, if required, works.
    pub watchdog_healthy: bool,
    /// PostgreSQL's system identifier.
    pub system_identifier: String,
    /// The tags of its own configuration.
    pub tags: Tags,
}
