//! What a configuration change does, for programs; `schemas/diff.schema.json` describes it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value as Json;

use crate::decision::change::cluster::{NodeChanges, Standing};
use crate::decision::change::transition::{Posture, State, Transition};
use crate::decision::change::{Effect, Order, Place};
use crate::decision::quorum::margins::Property;
use crate::input::source_map::SourceMap;
use crate::model::config::effective::{Layer, Origin};
use crate::parse::tree::Value;
use crate::report::check::json::severity_name;
use crate::report::configuration::json::value;
use crate::report::diff::{Report, Row, effect};
use crate::rules::finding::Finding;

/// Version of the form; it grows when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// Writes the report as one JSON object.
///
/// # Errors
///
/// The writer fails.
pub fn write(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(report))?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    before: &'a str,
    after: &'a str,
    scope: Option<&'a str>,
    leader: Option<&'a str>,
    nodes: Vec<NodeDocument<'a>>,
    changes: Vec<ChangeDocument<'a>>,
    replication: ReplicationDocument<'a>,
    findings: FindingsDocument<'a>,
    steps: Vec<StepDocument<'a>>,
    remarks: Vec<String>,
}

#[derive(Serialize)]
struct NodeDocument<'a> {
    name: &'a str,
    patroni_version: String,
    patroni_version_assumed: bool,
    postgres_version: Option<String>,
    compared: &'static str,
    refused: Option<String>,
}

#[derive(Serialize)]
struct ChangeDocument<'a> {
    key: String,
    path: &'a [String],
    before: Option<Json>,
    after: Option<Json>,
    before_is_default: bool,
    after_is_default: bool,
    is_secret: bool,
    configuration: &'static str,
    takes: &'static str,
    text: String,
    remark: Option<&'a str>,
    order: Option<&'static str>,
    nodes: &'a [&'a str],
    places: Vec<PlacesDocument<'a>>,
}

#[derive(Serialize)]
struct PlacesDocument<'a> {
    node: &'a str,
    before: Option<PlaceDocument<'a>>,
    after: Option<PlaceDocument<'a>>,
}

#[derive(Serialize)]
struct PlaceDocument<'a> {
    source: &'a str,
    line: usize,
    column: usize,
    variable: Option<&'a str>,
}

#[derive(Serialize)]
struct ReplicationDocument<'a> {
    unknown: Option<&'a str>,
    members: Option<usize>,
    before: Option<PostureDocument>,
    after: Option<PostureDocument>,
    states: Vec<StateDocument<'a>>,
    stuck: Option<&'a str>,
}

#[derive(Serialize)]
struct PostureDocument {
    synchronous_mode: &'static str,
    synchronous_mode_strict: bool,
    synchronous_node_count: i128,
    survives_any_loss_of: Option<ToleranceDocument>,
}

#[derive(Serialize)]
struct ToleranceDocument {
    failover: Option<usize>,
    commits: Option<usize>,
    writes: Option<usize>,
}

#[derive(Serialize)]
struct StateDocument<'a> {
    in_loop: usize,
    what: &'a str,
    survives_any_loss_of: Option<ToleranceDocument>,
    weaker: Vec<&'static str>,
}

#[derive(Serialize)]
struct FindingsDocument<'a> {
    appear: Vec<FindingDocument<'a>>,
    vanish: Vec<FindingDocument<'a>>,
    remain: usize,
}

#[derive(Serialize)]
struct FindingDocument<'a> {
    code: &'a str,
    slug: &'a str,
    severity: &'static str,
    message: &'a str,
    help: Option<&'a str>,
    source: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
}

#[derive(Serialize)]
struct StepDocument<'a> {
    what: &'a str,
    command: Option<&'a str>,
}

fn document(report: &Report<'_>) -> Json {
    let rows = report.rows();
    let sources = &report.after.snapshot.sources;
    let document = Document {
        schema_version: SCHEMA_VERSION,
        before: &report.names[0],
        after: &report.names[1],
        scope: report.cluster.scope.as_deref().filter(|scope| !scope.is_empty()),
        leader: report.cluster.leader.as_deref(),
        nodes: report.cluster.nodes.iter().map(node).collect(),
        changes: rows.iter().map(|row| change(row, &report.before.sources, sources)).collect(),
        replication: replication(&report.cluster.transition),
        findings: FindingsDocument {
            appear: report.findings.appeared.iter().map(|it| finding(it, sources)).collect(),
            vanish: report.findings.vanished.iter().map(|it| finding(it, &report.before.sources)).collect(),
            remain: report.findings.remaining,
        },
        steps: report.steps.iter().map(|(what, command)| StepDocument { what, command: command.as_deref() }).collect(),
        remarks: report.remarks(),
    };
    serde_json::to_value(document).expect("plain data")
}

fn node(node: &NodeChanges) -> NodeDocument<'_> {
    let compared = match node.standing {
        Standing::Whole { .. } => "all",
        Standing::DynamicAlone => "dynamic",
        Standing::New | Standing::RefusedBefore(_) => "nothing",
        Standing::Refused(_) | Standing::Rejected(_) => "refused",
    };
    let refused = match &node.standing {
        Standing::Refused(raised) | Standing::Rejected(raised) | Standing::RefusedBefore(raised) => {
            Some(raised.to_string())
        }
        _ => None,
    };
    NodeDocument {
        name: &node.name,
        patroni_version: node.version.to_string(),
        patroni_version_assumed: !node.is_version_told,
        postgres_version: node.postgres.map(|version| version.to_string()),
        compared,
        refused,
    }
}

fn change<'a>(row: &'a Row<'_>, before: &'a SourceMap, sources: &'a SourceMap) -> ChangeDocument<'a> {
    let change = row.change;
    let is_secret = |value: &Option<Value>| matches!(value, Some(Value::Secret(_)));
    ChangeDocument {
        key: change.path.join("."),
        path: &change.path,
        before: change.before.as_ref().map(value),
        after: change.after.as_ref().map(value),
        before_is_default: change.is_from_default(),
        after_is_default: change.is_to_default(),
        is_secret: is_secret(&change.before) || is_secret(&change.after),
        configuration: match change.place {
            Place::Dynamic => "dynamic",
            Place::Local => "local",
        },
        takes: match change.effect {
            Effect::RestartPatroni => "restart-patroni",
            Effect::RestartPostgresql(_) => "restart-postgresql",
            Effect::Standbys(_) => "standbys",
            Effect::Reload => "reload",
            Effect::Live => "live",
            Effect::Bootstrap => "bootstrap",
            Effect::Nothing(_) => "nothing",
        },
        text: effect(change, sources),
        remark: change.remark.as_deref(),
        order: match change.effect {
            Effect::RestartPostgresql(Some(Order::StandbysFirst)) => Some("standbys-first"),
            Effect::RestartPostgresql(Some(Order::PrimaryFirst)) => Some("primary-first"),
            _ => None,
        },
        nodes: &row.nodes,
        places: row
            .nodes
            .iter()
            .zip(&row.changes)
            .map(|(node, change)| PlacesDocument {
                node,
                before: place(&change.from, before),
                after: place(&change.to, sources),
            })
            .collect(),
    }
}

fn place<'a>(origin: &'a Option<Origin>, sources: &'a SourceMap) -> Option<PlaceDocument<'a>> {
    let Some(Origin::Written { layer, span }) = origin else { return None };
    let source = sources.get(span.source);
    let position = source.position(span.start);
    let variable = match layer {
        Layer::Environment(name) => Some(name.as_str()),
        _ => None,
    };
    Some(PlaceDocument { source: &source.name, line: position.line, column: position.column, variable })
}

fn replication(transition: &Result<Transition, String>) -> ReplicationDocument<'_> {
    match transition {
        Err(missing) => ReplicationDocument {
            unknown: Some(missing),
            members: None,
            before: None,
            after: None,
            states: Vec::new(),
            stuck: None,
        },
        Ok(transition) => ReplicationDocument {
            unknown: None,
            members: Some(transition.members),
            before: Some(posture(&transition.before)),
            after: Some(posture(&transition.after)),
            states: transition.states.iter().map(state).collect(),
            stuck: transition.stuck.as_deref(),
        },
    }
}

fn posture(posture: &Posture) -> PostureDocument {
    PostureDocument {
        synchronous_mode: posture.mode.name(),
        synchronous_mode_strict: posture.is_strict,
        synchronous_node_count: posture.node_count,
        survives_any_loss_of: tolerance(posture.tolerance),
    }
}

fn tolerance(tolerance: Option<crate::decision::quorum::Tolerance>) -> Option<ToleranceDocument> {
    tolerance.map(|it| ToleranceDocument { failover: it.failover, commits: it.commits, writes: it.writes })
}

fn state(state: &State) -> StateDocument<'_> {
    let name = |property: &Property| match property {
        Property::Failover => "failover",
        Property::Commits => "commits",
        Property::Writes => "writes",
    };
    StateDocument {
        in_loop: state.in_loop,
        what: &state.what,
        survives_any_loss_of: tolerance(state.tolerance),
        weaker: state.weaker.iter().map(name).collect(),
    }
}

fn finding<'a>(finding: &'a Finding, sources: &'a SourceMap) -> FindingDocument<'a> {
    let span = finding.labels.first().map(|label| label.span);
    let source = span.map(|span| sources.get(span.source));
    let position = span.zip(source).map(|(span, source)| source.position(span.start));
    FindingDocument {
        code: &finding.code,
        slug: &finding.slug,
        severity: severity_name(finding.severity),
        message: &finding.message,
        help: finding.help.as_deref(),
        source: source.map(|source| source.name.as_str()),
        line: position.map(|position| position.line),
        column: position.map(|position| position.column),
    }
}
