//! The vote table for programs; `schemas/quorum.schema.json` describes it.

use std::io::{self, Write};

use serde::Serialize;

use crate::decision::quorum::{Counted, Loss, MemberRow, QuorumTable, Writes};
use crate::model::snapshot::DcsServer;

/// Version of the form; it grows when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// Writes the table as one JSON object.
///
/// # Errors
///
/// The writer fails.
pub fn write(table: &QuorumTable, servers: &[DcsServer], out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(table, servers))?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    cluster: &'a str,
    leader: Option<&'a str>,
    patroni_version: String,
    synchronous_mode: &'static str,
    synchronous_mode_active: bool,
    synchronous_mode_strict: bool,
    synchronous_node_count: i128,
    failsafe_mode: bool,
    commit: CommitDocument,
    election: ElectionDocument,
    dcs: DcsDocument<'a>,
    members: Vec<MemberDocument<'a>>,
    margins: MarginsDocument<'a>,
}

#[derive(Serialize)]
struct CommitDocument {
    acknowledgements: Option<i128>,
}

#[derive(Serialize)]
struct ElectionDocument {
    votes_needed: Option<i128>,
}

#[derive(Serialize)]
struct DcsDocument<'a> {
    servers: Vec<&'a str>,
}

#[derive(Serialize)]
struct MemberDocument<'a> {
    name: &'a str,
    role: &'a str,
    commit: CountedDocument<'a>,
    election: CountedDocument<'a>,
    lag_bytes: Option<i128>,
}

#[derive(Serialize)]
struct CountedDocument<'a> {
    counts: bool,
    because: &'a str,
}

#[derive(Serialize)]
struct MarginsDocument<'a> {
    failover_survives_any_loss_of: Option<usize>,
    writes_survive_any_loss_of: Option<usize>,
    fatal_for_failover: Vec<&'a [String]>,
    losses: Vec<LossDocument<'a>>,
}

#[derive(Serialize)]
struct LossDocument<'a> {
    lost: &'a [String],
    winners: Option<&'a [String]>,
    writes: &'static str,
}

fn document<'a>(table: &'a QuorumTable, servers: &'a [DcsServer]) -> Document<'a> {
    Document {
        schema_version: SCHEMA_VERSION,
        cluster: &table.scope,
        leader: table.leader.as_deref(),
        patroni_version: table.version.to_string(),
        synchronous_mode: table.mode.name(),
        synchronous_mode_active: table.active,
        synchronous_mode_strict: table.strict,
        synchronous_node_count: table.node_count,
        failsafe_mode: table.failsafe_mode,
        commit: CommitDocument { acknowledgements: table.acknowledgements },
        election: ElectionDocument { votes_needed: table.votes_needed },
        dcs: DcsDocument { servers: servers.iter().map(|server| server.endpoint.as_str()).collect() },
        members: table.members.iter().map(member).collect(),
        margins: MarginsDocument {
            failover_survives_any_loss_of: table.tolerated_for_failover(),
            writes_survive_any_loss_of: table.tolerated_for_writes(),
            fatal_for_failover: table.fatal_sets().into_iter().map(|loss| loss.lost.as_slice()).collect(),
            losses: table.losses.iter().map(loss).collect(),
        },
    }
}

fn member(row: &MemberRow) -> MemberDocument<'_> {
    MemberDocument {
        name: &row.name,
        role: row.role,
        commit: counted(&row.commit),
        election: counted(&row.election),
        lag_bytes: row.lag_bytes,
    }
}

fn counted(counted: &Counted) -> CountedDocument<'_> {
    CountedDocument { counts: counted.counts, because: &counted.because }
}

fn loss(loss: &Loss) -> LossDocument<'_> {
    LossDocument {
        lost: &loss.lost,
        winners: loss.winners.as_deref(),
        writes: match loss.writes {
            Writes::GoOn => "go_on",
            Writes::AfterFailover => "after_failover",
            Writes::AfterNextLoop => "after_next_loop",
            Writes::Stop => "stop",
        },
    }
}
