//! `quorum` for monitoring systems.

use crate::decision::quorum::QuorumReport;
use crate::report::monitoring::{Metric, Service, State};

/// Critical if automatic failover or writes do not even work now, a warning if the next loss may stop one of them.
pub fn service(report: &QuorumReport<'_>) -> Service {
    let scope = report.situation.facts.scope.clone();
    let Some(tolerance) = report.tolerance() else {
        let summary = "too many members to try every set of losses".to_owned();
        return Service { scope, state: State::Unknown, summary, details: Vec::new(), metrics: Vec::new() };
    };
    let properties = [
        ("failover", "automatic failover", tolerance.failover),
        ("commits", "acknowledged commits", tolerance.commits),
        ("writes", "writes", tolerance.writes),
    ];
    let told = properties.map(|(_, what, survived)| match survived {
        None => format!("{what}: broken now"),
        Some(count) => format!("{what}: any {count} may be lost"),
    });
    let state = match (tolerance.failover, tolerance.writes) {
        _ if !report.missing.is_empty() => State::Unknown,
        (None, _) | (_, None) => State::Critical,
        (Some(0), _) | (_, Some(0)) => State::Warning,
        _ => State::Ok,
    };
    let survived = properties.iter().map(|(property, _, survived)| Metric {
        name: "survived_losses",
        help: "Members that may be lost, whichever they are, without breaking the property; see patrolint_holds for 0.",
        labels: vec![("property", (*property).to_owned())],
        value: survived.unwrap_or(0) as u64,
    });
    let holds = properties.iter().map(|(property, _, survived)| Metric {
        name: "holds",
        help: "Whether the property holds with all present members.",
        labels: vec![("property", (*property).to_owned())],
        value: u64::from(survived.is_some()),
    });
    Service {
        scope,
        state,
        summary: told.join(", "),
        details: report.missing.iter().map(|it| format!("missing: {}", it.fact)).collect(),
        metrics: survived.chain(holds).collect(),
    }
}
