//! `check` for monitoring systems.

use std::collections::BTreeMap;

use crate::report::check::Report;
use crate::report::monitoring::{Metric, Service, State};
use crate::rules::finding::Severity;

/// Critical with an error, a warning with a warning, unknown if nothing could be judged.
pub fn service(report: &Report<'_>) -> Service {
    let counts = [("error", Severity::Error), ("warning", Severity::Warning), ("note", Severity::Info)]
        .map(|(name, severity)| (name, report.count(severity)));
    let [(_, errors), (_, warnings), (_, notes)] = counts;
    let state = match (errors, warnings) {
        _ if report.is_unjudged() || !report.snapshot.problems.is_empty() => State::Unknown,
        (0, 0) => State::Ok,
        (0, _) => State::Warning,
        (_, _) => State::Critical,
    };
    let mut scopes: Vec<&str> = report.snapshot.clusters.iter().map(|cluster| cluster.scope.as_str()).collect();
    scopes.dedup();
    let bad = report.findings.iter().filter(|finding| finding.severity != Severity::Info);
    let details = bad.map(|finding| format!("{} {}: {}", finding.code, finding.slug, finding.message));
    let problems = report.snapshot.problems.iter().map(ToString::to_string);
    let mut by_rule: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for finding in &report.findings {
        *by_rule.entry((&finding.code, &finding.slug)).or_default() += 1;
    }
    let by_severity = counts.iter().map(|(name, count)| Metric {
        name: "findings",
        help: "Findings by severity.",
        labels: vec![("severity", (*name).to_owned())],
        value: *count as u64,
    });
    let by_rule = by_rule.into_iter().map(|((code, slug), count)| Metric {
        name: "rule_findings",
        help: "Findings by rule.",
        labels: vec![("code", code.to_owned()), ("slug", slug.to_owned())],
        value: count,
    });
    let unjudged = Metric {
        name: "rules_unjudged",
        help: "Rules that could not be judged for want of facts.",
        labels: Vec::new(),
        value: report.unknown.len() as u64,
    };
    Service {
        scope: scopes.join(","),
        state,
        summary: format!("errors: {errors}, warnings: {warnings}, notes: {notes}"),
        details: problems.chain(details).collect(),
        metrics: by_severity.chain([unjudged]).chain(by_rule).collect(),
    }
}
