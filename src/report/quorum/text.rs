//! The vote table for people: who counts, then what the cluster survives.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::decision::quorum::{Loss, MAXIMUM_MEMBERS_FOR_LOSSES, Mode, QuorumTable, Writes};
use crate::model::snapshot::DcsServer;
use crate::report::palette::Palette;
use crate::report::terminal::printable;

/// At most so many sets of losses are shown, smallest first.
const MAXIMUM_LOSSES: usize = 12;

/// Writes the table as text.
///
/// # Errors
///
/// The writer fails.
pub fn write(table: &QuorumTable, servers: &[DcsServer], palette: Palette, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", palette.bold(&printable(&headline(table))))?;
    writeln!(out)?;
    let commit = match (table.mode, table.acknowledgements) {
        (Mode::Asynchronous, _) => "commit: waits for nobody".to_owned(),
        (_, None) => "commit: not active yet".to_owned(),
        (Mode::Quorum, Some(needed)) => format!("commit: ANY {needed} of {}", counted(table)),
        (Mode::Synchronous, Some(needed)) => format!("commit: all {needed} in /sync"),
    };
    let election = match table.votes_needed {
        Some(1) => "election: 1 vote besides its own".to_owned(),
        Some(needed) => format!("election: {needed} votes besides its own"),
        None => "election".to_owned(),
    };
    let mut rows = vec![["member".to_owned(), "role".to_owned(), commit, election, "lag".to_owned()]];
    rows.extend(table.members.iter().map(|row| {
        let lag = row.lag_bytes.map_or_else(|| "–".to_owned(), |lag| lag.to_string());
        [
            printable(&row.name).into_owned(),
            row.role.to_owned(),
            row.commit.because.clone(),
            row.election.because.clone(),
            lag,
        ]
    }));
    print_table(&rows, palette, out)?;
    losses(table, palette, out)?;
    writeln!(out, "  {}", dcs(table, servers))
}

fn headline(table: &QuorumTable) -> String {
    let strict = if table.strict { ", strict" } else { "" };
    let mode = match table.mode {
        Mode::Asynchronous => "synchronous_mode off".to_owned(),
        mode => format!("synchronous_mode {}{strict}, synchronous_node_count {}", mode.name(), table.node_count),
    };
    format!("Cluster {}: {mode}, Patroni {}", table.scope, table.version)
}

fn counted(table: &QuorumTable) -> usize {
    table.members.iter().filter(|row| row.commit.counts).count()
}

fn print_table<const N: usize>(rows: &[[String; N]], palette: Palette, out: &mut impl Write) -> io::Result<()> {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or(0));
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())));
        let line = cells.collect::<Vec<_>>().join("   ");
        let line = line.trim_end();
        writeln!(out, "  {}", if index == 0 { palette.faint(line) } else { line.to_owned() })?;
    }
    Ok(())
}

fn losses(table: &QuorumTable, palette: Palette, out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    if table.losses.is_empty() {
        return match &table.leader {
            None => writeln!(out, "  There is no leader: see patrolint predict crash for who may take over now."),
            Some(_) => writeln!(
                out,
                "  Losses were not tried: {} members are more than {MAXIMUM_MEMBERS_FOR_LOSSES}.",
                table.members.len()
            ),
        };
    }
    let mut rows = vec![["lost at once".to_owned(), "automatic failover".to_owned(), "writes".to_owned()]];
    let all = table.members.len();
    let shown: Vec<&Loss> = table.losses.iter().filter(|loss| loss.lost.len() < all).take(MAXIMUM_LOSSES).collect();
    rows.extend(shown.iter().map(|loss| {
        let failover = match &loss.winners {
            None => "not needed".to_owned(),
            Some(winners) if winners.is_empty() => "NO".to_owned(),
            Some(winners) => format!("yes: {}", winners.join(" or ")),
        };
        [
            printable(&loss.lost.join(" and ")).into_owned(),
            printable(&failover).into_owned(),
            writes(loss.writes, table.loop_wait_seconds),
        ]
    }));
    print_table(&rows, palette, out)?;
    let hidden = table.losses.len().saturating_sub(shown.len() + 1);
    if 0 < hidden {
        writeln!(out, "  … and {hidden} larger sets (--format json shows all)")?;
    }
    writeln!(out)?;
    if let Some(count) = table.tolerated_for_failover() {
        writeln!(out, "  Automatic failover survives the loss of {}.", any(count))?;
    }
    if let Some(count) = table.tolerated_for_writes() {
        writeln!(out, "  Writes survive the loss of {}, after a failover or the leader's next loop.", any(count))?;
    }
    Ok(())
}

fn any(count: usize) -> String {
    match count {
        0 => "no member that matters: losing the wrong one is too much".to_owned(),
        1 => "any 1 member".to_owned(),
        count => format!("any {count} members at once"),
    }
}

fn writes(writes: Writes, loop_wait_seconds: i128) -> String {
    match writes {
        Writes::GoOn => "go on".to_owned(),
        Writes::AfterFailover => "go on after failover".to_owned(),
        Writes::AfterNextLoop => format!("wait until the leader's next loop ({loop_wait_seconds} s)"),
        Writes::Stop => "STOP until a member returns".to_owned(),
    }
}

fn alone(failsafe_mode: bool) -> &'static str {
    match failsafe_mode {
        true => "the leader runs on while it reaches every member (failsafe_mode), but nobody can take over",
        false => "the leader demotes itself and nobody can take over (failsafe_mode is off)",
    }
}

fn dcs(table: &QuorumTable, servers: &[DcsServer]) -> String {
    let failsafe = if table.failsafe_mode {
        "failsafe_mode keeps the leader running as long as it reaches every member"
    } else {
        "without a majority of them the leader demotes itself (failsafe_mode is off)"
    };
    match servers.len() {
        0 => format!("DCS: its servers are not in this input; {failsafe}."),
        1 => format!("DCS: 1 server seen; when it is lost {}.", alone(table.failsafe_mode)),
        count => format!("DCS: {count} servers seen, {} may be lost; {failsafe}.", (count - 1) / 2),
    }
}
