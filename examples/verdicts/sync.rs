//! The part `sync` of a verdict: the leader's next step of synchronous replication, and the resolver by itself.

use patrolint::decision::quorum_state::QuorumState;
use patrolint::decision::sync_replication::process_sync_replication;
use patrolint::decision::sync_standbys::{ReplicaRow, Replication};
use patrolint::decision::view::View;
use serde_json::{Map, Value, json};

use crate::example::{Scenario, World};
