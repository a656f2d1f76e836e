//! The same question for every release, as text and JSON; `schemas/predict-releases.schema.json` describes the latter.

use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::decision::prediction::releases::{ReleaseChange, ReleaseGroup};
use crate::report::terminal::{Look, printable};

/// Version of the JSON form; it grows when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// Writes one row per group of releases that answer alike, then what changed between them.
///
/// # Errors
///
/// The writer fails.
pub fn write_text(
    scope: &str,
    groups: &[ReleaseGroup],
    changes: &[ReleaseChange],
    look: Look,
    out: &mut impl Write,
) -> io::Result<()> {
    let palette = look.palette;
    let heading = format!("Cluster {}, as if every node and patronictl were of one release", printable(scope));
    writeln!(out, "{}\n", palette.bold(&heading))?;
    let width = groups.iter().map(|group| group.outcome.width()).max().unwrap_or(0);
    for group in groups {
        let outcome = printable(&group.outcome);
        let painted = if group.evaluation.accepted { palette.good(&outcome) } else { palette.bad(&outcome) };
        let lead = format!("  {painted}{}   ", " ".repeat(width - outcome.width()));
        write!(out, "{}", look.wrap(&lead, &" ".repeat(width + 5), &group.ranges()))?;
    }
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n  {}", palette.bold("What changed where the answer does"))?;
    for change in changes {
        let lead = format!("  {} → {}: ", change.before, change.after);
        let indent = " ".repeat(6);
        if change.behaviours.is_empty() {
            writeln!(out, "{lead}how the data is read")?;
        }
        for (index, row) in change.behaviours.iter().enumerate() {
            let pull = row.pull_request.map(|number| format!(" (PR {number})")).unwrap_or_default();
            let lead = if index == 0 { lead.clone() } else { " ".repeat(lead.width()) };
            let gained = if row.holds_in(change.after) { "" } else { "no longer: " };
            write!(out, "{}", look.wrap(&lead, &indent, &format!("{}{pull}: {gained}{}", row.name, row.summary)))?;
        }
    }
    Ok(())
}

/// Writes the same as one JSON object.
///
/// # Errors
///
/// The writer fails.
pub fn write_json(
    scope: &str,
    groups: &[ReleaseGroup],
    changes: &[ReleaseChange],
    out: &mut impl Write,
) -> io::Result<()> {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        cluster: scope,
        groups: groups.iter().map(group).collect(),
        changes: changes.iter().map(change).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    cluster: &'a str,
    groups: Vec<GroupDocument<'a>>,
    changes: Vec<ChangeDocument>,
}

#[derive(Serialize)]
struct GroupDocument<'a> {
    releases: Vec<String>,
    verdict: &'static str,
    outcome: &'a str,
    gate: Option<&'static str>,
    http_status: Option<u16>,
    winners: &'a [String],
}

#[derive(Serialize)]
struct ChangeDocument {
    before: String,
    after: String,
    behaviours: Vec<BehaviourDocument>,
}

#[derive(Serialize)]
struct BehaviourDocument {
    name: &'static str,
    summary: &'static str,
    source: &'static str,
    pull_request: Option<&'static str>,
    holds_after: bool,
}

fn group(group: &ReleaseGroup) -> GroupDocument<'_> {
    GroupDocument {
        releases: group.releases.iter().map(ToString::to_string).collect(),
        verdict: if group.evaluation.accepted { "accepted" } else { "refused" },
        outcome: &group.outcome,
        gate: group.evaluation.gate.map(|gate| gate.name()),
        http_status: group.evaluation.http_status,
        winners: &group.evaluation.winners,
    }
}

fn change(change: &ReleaseChange) -> ChangeDocument {
    let behaviours = change.behaviours.iter().map(|row| BehaviourDocument {
        name: row.name,
        summary: row.summary,
        source: row.source,
        pull_request: row.pull_request,
        holds_after: row.holds_in(change.after),
    });
    ChangeDocument {
        before: change.before.to_string(),
        after: change.after.to_string(),
        behaviours: behaviours.collect(),
    }
}
