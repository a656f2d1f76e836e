//! A `check` report for programs. The contract is `schemas/check.schema.json`; the types here are its only source.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::config::effective::Environment;
use crate::model::snapshot::RestAnswer;
use crate::report::check::Report;
use crate::rules::finding::{Confidence, Finding, Label, Severity};

/// Version of the contract: grows when a field changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;

/// Writes the report as one JSON object and a line break.
///
/// # Errors
///
/// The writer fails.
pub fn write(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(report))?;
    writeln!(out)
}

#[derive(Serialize)]
struct CheckDocument<'a> {
    schema_version: u32,
    summary: SummaryObject,
    findings: Vec<FindingObject<'a>>,
    unknown: Vec<UnknownObject<'a>>,
    suppressed: Vec<SuppressedObject<'a>>,
    inputs: InputsObject<'a>,
}

#[derive(Serialize)]
struct SummaryObject {
    errors: usize,
    warnings: usize,
    infos: usize,
    checked: usize,
    not_applicable: usize,
    unknown: usize,
    suppressed: usize,
}

#[derive(Serialize)]
struct FindingObject<'a> {
    code: &'a str,
    slug: &'a str,
    severity: &'static str,
    confidence: &'static str,
    message: &'a str,
    notes: &'a [String],
    help: Option<&'a str>,
    labels: Vec<LabelObject<'a>>,
    caused_by: Option<&'a str>,
}

#[derive(Serialize)]
struct LabelObject<'a> {
    file: Option<&'a str>,
    dcs_key: Option<&'a str>,
    rest: Option<&'a str>,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    text: &'a str,
}

#[derive(Serialize)]
struct UnknownObject<'a> {
    code: &'a str,
    slug: &'a str,
    missing: &'a [String],
}

#[derive(Serialize)]
struct SuppressedObject<'a> {
    reason: &'a str,
    finding: FindingObject<'a>,
}

#[derive(Serialize)]
struct InputsObject<'a> {
    clusters: Vec<ClusterObject<'a>>,
    configurations: Vec<ConfigurationObject<'a>>,
    skipped: Vec<SkippedObject<'a>>,
    problems: Vec<ProblemObject<'a>>,
}

#[derive(Serialize)]
struct ClusterObject<'a> {
    namespace: &'a str,
    scope: &'a str,
    group: Option<u32>,
    dcs_keys: Option<usize>,
    dcs_revision: Option<u64>,
    rest_answered: Vec<&'a str>,
    rest_unreachable: Vec<&'a str>,
}

#[derive(Serialize)]
struct ConfigurationObject<'a> {
    file: &'a str,
    node: Option<&'a str>,
    scope: Option<&'a str>,
}

#[derive(Serialize)]
struct ProblemObject<'a> {
    file: &'a str,
    reason: String,
}

#[derive(Serialize)]
struct SkippedObject<'a> {
    file: &'a str,
    reason: &'a str,
}

fn document<'a>(report: &'a Report<'_>) -> CheckDocument<'a> {
    CheckDocument {
        schema_version: SCHEMA_VERSION,
        summary: SummaryObject {
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            infos: report.count(Severity::Info),
            checked: report.checked,
            not_applicable: report.not_applicable,
            unknown: report.unknown.len(),
            suppressed: report.suppressed.len(),
        },
        findings: report.findings.iter().map(|finding| finding_object(report, finding)).collect(),
        unknown: report
            .unknown
            .iter()
            .map(|rule| UnknownObject { code: &rule.code, slug: &rule.slug, missing: &rule.missing })
            .collect(),
        suppressed: report
            .suppressed
            .iter()
            .map(|suppressed| SuppressedObject {
                finding: finding_object(report, &suppressed.finding),
                reason: &suppressed.reason,
            })
            .collect(),
        inputs: inputs_object(report),
    }
}

fn finding_object<'a>(report: &'a Report<'_>, finding: &'a Finding) -> FindingObject<'a> {
    FindingObject {
        code: &finding.code,
        slug: &finding.slug,
        severity: severity_name(finding.severity),
        confidence: match finding.confidence {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        },
        message: &finding.message,
        notes: &finding.notes,
        help: finding.help.as_deref(),
        labels: finding.labels.iter().map(|label| label_object(report, label)).collect(),
        caused_by: finding.caused_by.as_deref(),
    }
}

/// The word that the JSON formats and `--fail-on` use for a severity.
pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn label_object<'a>(report: &'a Report<'_>, label: &'a Label) -> LabelObject<'a> {
    let source = report.snapshot.sources.get(label.span.source);
    let (start, end) = (source.position(label.span.start), source.position(label.span.end.max(label.span.start)));
    let (dcs_key, rest) = (source.name.strip_prefix("dcs:"), source.name.strip_prefix("rest:"));
    LabelObject {
        file: (dcs_key.is_none() && rest.is_none()).then_some(source.name.as_str()),
        dcs_key,
        rest,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        text: &label.text,
    }
}

fn inputs_object<'a>(report: &'a Report<'_>) -> InputsObject<'a> {
    let snapshot = report.snapshot;
    let clusters = snapshot.clusters.iter().map(|cluster| {
        let members = |answered: bool| {
            let rest = cluster.rest.iter();
            let matching = rest.filter(|(_, answer)| matches!(answer, RestAnswer::Answered { .. }) == answered);
            matching.map(|(name, _)| name.as_str()).collect()
        };
        ClusterObject {
            namespace: &cluster.namespace,
            scope: &cluster.scope,
            group: cluster.group,
            dcs_keys: cluster.dcs.as_ref().map(|dcs| dcs.keys.len()),
            dcs_revision: cluster.dcs.as_ref().and_then(|dcs| dcs.revision),
            rest_answered: members(true),
            rest_unreachable: members(false),
        }
    });
    let configurations = snapshot.configurations.iter().flat_map(|configuration| {
        let files = configuration.files().into_iter().flatten().map(|file| file.source);
        let texts = files.chain(configuration.environment.as_ref().map(Environment::source));
        texts.map(|source| ConfigurationObject {
            file: &snapshot.sources.get(source).name,
            node: configuration.node.as_deref(),
            scope: configuration.scope.as_deref(),
        })
    });
    let skipped = snapshot.skipped.iter().map(|skipped| SkippedObject { file: &skipped.name, reason: &skipped.reason });
    let problems = snapshot
        .problems
        .iter()
        .map(|problem| ProblemObject { file: &problem.name, reason: problem.problem.to_string() });
    InputsObject {
        clusters: clusters.collect(),
        configurations: configurations.collect(),
        skipped: skipped.collect(),
        problems: problems.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceMap;
    use crate::model::snapshot::Snapshot;
    use crate::parse::tree::Span;

    #[test]
    fn places_count_characters_from_one() {
        let check = |name: &str, expected: serde_json::Value| {
            let mut sources = SourceMap::default();
            let id = sources.add(name, "é: 1\r\nfür: [a,\r\n  b]\r\n");
            let snapshot = Snapshot { sources, ..Snapshot::default() };
            let report = Report::new(&snapshot, Vec::new(), Vec::new());
            let label = Label { span: Span::new(id, 13, 21), text: "two".to_owned() };
            let object = serde_json::to_value(label_object(&report, &label)).expect("plain data");
            let place = serde_json::json!({ "line": 2, "column": 6, "end_line": 3, "end_column": 4, "text": "two" });
            for (field, value) in place.as_object().into_iter().chain(expected.as_object()).flatten() {
                assert_eq!(object[field], *value, "{name}: {field}");
            }
        };
        check("a/patroni.yml", serde_json::json!({ "file": "a/patroni.yml", "dcs_key": null, "rest": null }));
        check("dcs:/service/a/sync", serde_json::json!({ "file": null, "dcs_key": "/service/a/sync", "rest": null }));
        check("rest:pg2/patroni", serde_json::json!({ "file": null, "dcs_key": null, "rest": "pg2/patroni" }));
    }
}
