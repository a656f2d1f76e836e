//! A `check` report for people: findings with the lines they are about, then what was and was not looked at.

use std::io::{self, Write};

use crate::input::source_map::SourceId;
use crate::model::snapshot::{ClusterSnapshot, DcsKind, LocalConfiguration, RestAnswer};
use crate::report::check::Report;
use crate::report::excerpt;
use crate::report::terminal::{Look, counted, listed, printable, severity_word};
use crate::rules::finding::{Confidence, Finding, Label, Severity};

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The findings alone.
    Findings,
    /// Findings and the summary.
    Summary,
    /// Also what was read, and what was skipped and why.
    Everything,
}

/// Writes the report.
///
/// Findings that say the same of several nodes are shown once, with the other places named.
///
/// # Errors
///
/// The writer fails.
pub fn write(report: &Report<'_>, look: Look, detail: Detail, out: &mut impl Write) -> io::Result<()> {
    for group in grouped(&report.findings) {
        write_finding(report, look, &group, out)?;
    }
    if detail == Detail::Everything {
        write_inputs(report, look, out)?;
    }
    if detail != Detail::Findings {
        write_summary(report, look, out)?;
    }
    Ok(())
}

/// Findings that differ by nothing but their places, in order of first appearance.
fn grouped(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let same = |group: &&mut Vec<&Finding>| says_the_same(group[0], finding);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

fn says_the_same(one: &Finding, two: &Finding) -> bool {
    let texts = |finding: &Finding| -> Vec<String> { finding.labels.iter().map(|label| label.text.clone()).collect() };
    let without_places = |finding: &Finding| Finding { labels: Vec::new(), ..finding.clone() };
    !one.labels.is_empty() && without_places(one) == without_places(two) && texts(one) == texts(two)
}

fn write_finding(report: &Report<'_>, look: Look, group: &[&Finding], out: &mut impl Write) -> io::Result<()> {
    let finding = group[0];
    let kind = format!("{}[{}]", severity_word(finding.severity), finding.code);
    let head = format!("{} {}: ", look.palette.severity(finding.severity, &kind), look.palette.bold(&finding.slug));
    write!(out, "{}", look.wrap(&head, "    ", &printable(&finding.message)))?;
    for (source, labels) in by_source(&finding.labels) {
        write!(out, "{}", excerpt::draw(look, report.snapshot.sources.get(source), &labels))?;
    }
    if 1 < group.len() {
        let places: Vec<_> = group[1..].iter().filter_map(|other| place(report, other)).collect();
        write!(out, "{}", look.wrap("  also: ", "        ", &printable(&places.join("\n"))))?;
    }
    for note in &finding.notes {
        write!(out, "{}", look.wrap("  ", "  ", &printable(note)))?;
    }
    if let Some(cause) = &finding.caused_by {
        write!(out, "{}", look.wrap("  ", "  ", &format!("This follows from {}.", printable(cause))))?;
    }
    match finding.confidence {
        Confidence::High => {}
        Confidence::Medium => writeln!(out, "  Likely, not certain.")?,
        Confidence::Low => writeln!(out, "  This may be intended: please look.")?,
    }
    if let Some(help) = &finding.help {
        write!(out, "{}", look.wrap(&format!("  {} ", look.palette.bold("help:")), "        ", &printable(help)))?;
    }
    writeln!(out, "  {} patrolint explain {}", look.palette.bold("more:"), finding.code)?;
    writeln!(out)
}

/// The labels of each source, sources in order of first appearance.
fn by_source(labels: &[Label]) -> Vec<(SourceId, Vec<&Label>)> {
    let mut sources: Vec<(SourceId, Vec<&Label>)> = Vec::new();
    for label in labels {
        match sources.iter_mut().find(|(source, _)| *source == label.span.source) {
            Some((_, labels)) => labels.push(label),
            None => sources.push((label.span.source, vec![label])),
        }
    }
    sources
}

/// `patroni.yml:41:3`
fn place(report: &Report<'_>, finding: &Finding) -> Option<String> {
    let span = finding.labels.first()?.span;
    let source = report.snapshot.sources.get(span.source);
    let position = source.position(span.start);
    Some(format!("{}:{}:{}", source.name, position.line, position.column))
}

fn write_inputs(report: &Report<'_>, look: Look, out: &mut impl Write) -> io::Result<()> {
    let mut lines = Vec::new();
    for cluster in &report.snapshot.clusters {
        lines.push(format!("cluster {}: {}", cluster_name(cluster), cluster_contents(cluster)));
    }
    for configuration in &report.snapshot.configurations {
        let name = |source| &report.snapshot.sources.get(source).name;
        let node = configuration.node.as_ref().map_or_else(String::new, |node| format!(" of node {node}"));
        let files = configuration.files().into_iter().flatten();
        lines.extend(files.map(|file| format!("{}: configuration{node}", name(file.source))));
        let environment = configuration.environment.as_ref();
        lines.extend(environment.map(|environment| format!("{}: environment{node}", name(environment.source()))));
    }
    write_list(look, "Read:", &lines, out)?;
    let skipped = grouped_by(&report.snapshot.skipped, |skipped| (skipped.reason.clone(), skipped.name.as_str()));
    let skipped = skipped.into_iter().map(|(reason, names)| format!("{reason}: {}", names.join(", ")));
    write_list(look, "Not used:", &skipped.collect::<Vec<_>>(), out)?;
    let allowed = report.suppressed.iter().map(|suppressed| {
        let finding = &suppressed.finding;
        let place = place(report, finding).map_or_else(String::new, |place| format!("{place}: "));
        format!("{place}{} {}: {}", finding.code, finding.slug, suppressed.reason)
    });
    write_list(look, "Allowed by comments:", &allowed.collect::<Vec<_>>(), out)
}

/// A heading and its lines; nothing if there are none.
fn write_list(look: Look, heading: &str, lines: &[String], out: &mut impl Write) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", look.palette.bold(heading))?;
    for line in lines {
        write!(out, "{}", look.wrap("  ", "    ", &printable(line)))?;
    }
    writeln!(out)
}

/// `demo (/service/demo)`
fn cluster_name(cluster: &ClusterSnapshot) -> String {
    let group = cluster.group.map_or_else(String::new, |group| format!("/{group}"));
    format!("{0} (/{1}/{0}{group})", cluster.scope, cluster.namespace)
}

fn cluster_contents(cluster: &ClusterSnapshot) -> String {
    let mut parts = Vec::new();
    if let Some(dcs) = &cluster.dcs {
        let kind = match dcs.kind {
            DcsKind::Etcd3 => "etcd (API v3)",
            DcsKind::Etcd2 => "etcd (API v2)",
            DcsKind::ZooKeeper => "ZooKeeper",
            DcsKind::Consul => "Consul",
            DcsKind::Kubernetes => "Kubernetes",
            DcsKind::Unknown => "a DCS",
        };
        let revision = dcs.revision.map_or_else(String::new, |revision| format!(" at revision {revision}"));
        parts.push(format!("{} of {kind}{revision}", counted(dcs.keys.len(), "key")));
    } else {
        parts.push("no DCS keys".to_owned());
    }
    let (answered, silent): (Vec<_>, Vec<_>) =
        cluster.rest.iter().partition(|(_, answer)| matches!(answer, RestAnswer::Answered { .. }));
    let names = |members: Vec<(&String, &RestAnswer)>| -> Vec<String> {
        members.into_iter().map(|(name, _)| name.clone()).collect()
    };
    match listed(&names(answered)).as_str() {
        "" => parts.push("no REST answers".to_owned()),
        names => parts.push(format!("REST answers of {names}")),
    }
    if !silent.is_empty() {
        parts.push(format!("no answer from {}", listed(&names(silent))));
    }
    parts.join(", ")
}

fn write_summary(report: &Report<'_>, look: Look, out: &mut impl Write) -> io::Result<()> {
    let found: Vec<_> = [Severity::Error, Severity::Warning, Severity::Info]
        .into_iter()
        .map(|severity| (severity, report.count(severity)))
        .filter(|(_, count)| 0 < *count)
        .map(|(severity, count)| look.palette.severity(severity, &counted(count, severity_word(severity))))
        .collect();
    let found = if found.is_empty() { look.palette.bold("Nothing found") } else { found.join(", ") };
    let allowed = match report.suppressed.len() {
        0 => String::new(),
        count => format!(" ({count} more allowed by comments)"),
    };
    let mut summary = format!("{found} in {}{allowed}; {} checked", inputs(report), counted(report.checked, "rule"));
    if 0 < report.not_applicable {
        summary.push_str(&format!(", {} not applicable", report.not_applicable));
    }
    if report.unknown.is_empty() {
        summary.push('.');
    } else {
        summary.push_str(&format!(", {} could not be judged:", report.unknown.len()));
    }
    write!(out, "{}", look.wrap("", "", &summary))?;
    for (missing, codes) in grouped_by(&report.unknown, |rule| (listed(&rule.missing), rule.code.as_str())) {
        let line = format!("{} {}", printable(&missing), look.palette.faint(&format!("({})", codes.join(", "))));
        write!(out, "{}", look.wrap("  ", "    ", &line))?;
    }
    Ok(())
}

/// `3 configuration files, 1 DCS snapshot and 2 REST answers`
fn inputs(report: &Report<'_>) -> String {
    let snapshot = report.snapshot;
    let dcs = snapshot.clusters.iter().filter(|cluster| cluster.dcs.is_some()).count();
    let rest = snapshot.clusters.iter().flat_map(|cluster| cluster.rest.values());
    let (answered, silent): (Vec<_>, Vec<_>) = rest.partition(|answer| matches!(answer, RestAnswer::Answered { .. }));
    let files = snapshot.configurations.iter().filter_map(LocalConfiguration::files).flatten();
    let environments = snapshot.configurations.iter().filter(|configuration| configuration.environment.is_some());
    let counts = [
        (files.count(), "configuration file"),
        (environments.count(), "file of environment variables"),
        (dcs, "DCS snapshot"),
        (answered.len(), "REST answer"),
        (silent.len(), "unanswered REST request"),
    ];
    let counts: Vec<_> =
        counts.into_iter().filter(|(count, _)| 0 < *count).map(|(count, noun)| counted(count, noun)).collect();
    if counts.is_empty() { "no input".to_owned() } else { listed(&counts) }
}

/// The values of each key, keys in order of first appearance.
fn grouped_by<'a, T, V>(items: &'a [T], key_and_value: impl Fn(&'a T) -> (String, V)) -> Vec<(String, Vec<V>)> {
    let mut groups: Vec<(String, Vec<V>)> = Vec::new();
    for (key, value) in items.iter().map(key_and_value) {
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceMap;
    use crate::model::snapshot::{LocalConfiguration, MadeOf, Skipped, Snapshot};
    use crate::parse::tree::Span;
    use crate::rules::Judgement;
    use crate::rules::finding::Outcome;
    use crate::rules::suppression::Suppressed;

    const CONFIGURATION: &str = "scope: demo\npostgresql:\n  synchronous_mode: quorum\n";
    const SYNC: &str = "{\"leader\":\"pg1\",\"sync_standby\":\"pg2,pg9\",\"quorum\":1}";

    /// Two nodes with the same mistake and a `/sync` key.
    fn snapshot() -> Snapshot {
        let mut sources = SourceMap::default();
        let configurations = ["pg1", "pg2"].map(|node| LocalConfiguration {
            source: sources.add(format!("{node}/patroni.yml"), CONFIGURATION),
            node: Some(node.to_owned()),
            scope: Some("demo".to_owned()),
            document: None,
            error: None,
            made_of: MadeOf::OneFile,
            environment: None,
        });
        sources.add("dcs:/service/demo/sync", SYNC);
        let skipped = vec![Skipped { name: "logs/pg1.log".to_owned(), reason: "a log".to_owned() }];
        Snapshot { sources, configurations: configurations.into(), skipped, ..Snapshot::default() }
    }

    fn finding(severity: Severity, code: &str, slug: &str, message: &str) -> Finding {
        Finding {
            code: code.to_owned(),
            slug: slug.to_owned(),
            severity,
            confidence: Confidence::High,
            message: message.to_owned(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            caused_by: None,
        }
    }

    fn label(snapshot: &Snapshot, name: &str, needle: &str, text: &str) -> Label {
        let (id, source) = snapshot.sources.iter().find(|(_, source)| source.name == name).expect("a source");
        let start = source.text.find(needle).expect("the needle");
        Label { span: Span::new(id, start, start + needle.len()), text: text.to_owned() }
    }

    fn judgements(snapshot: &Snapshot) -> Vec<Judgement> {
        let misplaced = |node: &str| Finding {
            labels: vec![label(
                snapshot,
                &format!("{node}/patroni.yml"),
                "synchronous_mode",
                "Patroni reads this key from the dynamic configuration only",
            )],
            notes: vec!["The cluster runs asynchronously: /config in the DCS has no synchronous_mode.".to_owned()],
            help: Some("patronictl edit-config -s synchronous_mode=quorum".to_owned()),
            ..finding(Severity::Error, "PTL107", "key-in-wrong-section", "synchronous_mode has no effect here")
        };
        let unknown_name = Finding {
            confidence: Confidence::Medium,
            labels: vec![label(snapshot, "dcs:/service/demo/sync", "pg2,pg9", "pg9 has no member key")],
            caused_by: Some("PTL107".to_owned()),
            ..finding(Severity::Warning, "PTL303", "sync-names-unknown-member", "/sync names pg9, which is no member")
        };
        let paused = Finding {
            confidence: Confidence::Low,
            ..finding(Severity::Info, "PTL410", "cluster-paused", "automatic failover is off: the cluster is paused")
        };
        let outcome = |code: &str, outcome| (code.to_owned(), "slug".to_owned(), outcome);
        let unknown = |fact: &str| Outcome::Unknown { missing: vec![fact.to_owned()] };
        vec![
            outcome("PTL107", Outcome::Checked(vec![misplaced("pg1"), misplaced("pg2")])),
            outcome("PTL303", Outcome::Checked(vec![unknown_name])),
            outcome("PTL410", Outcome::Checked(vec![paused])),
            outcome("PTL412", unknown("no REST answers of pg3")),
            outcome("PTL413", unknown("no REST answers of pg3")),
            outcome("PTL414", unknown("the PostgreSQL version")),
            outcome("PTL415", Outcome::NotApplicable),
        ]
    }

    fn rendered(look: Look, detail: Detail) -> String {
        let snapshot = snapshot();
        let allowed = Suppressed {
            finding: Finding {
                labels: vec![label(&snapshot, "pg1/patroni.yml", "scope", "")],
                ..finding(Severity::Info, "PTL120", "scope-is-short", "demo is a short name")
            },
            reason: "a demonstration".to_owned(),
        };
        let report = Report::new(&snapshot, judgements(&snapshot), vec![allowed]);
        let mut out = Vec::new();
        write(&report, look, detail, &mut out).expect("writing to memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn tells_findings_and_what_was_looked_at() {
        insta::assert_snapshot!(rendered(Look::new(false, Some(80)), Detail::Summary), @r#"
            note[PTL410] cluster-paused: automatic failover is off: the cluster is paused
              This may be intended: please look.
              more: patrolint explain PTL410

            error[PTL107] key-in-wrong-section: synchronous_mode has no effect here
               ╭─[pg1/patroni.yml:3:3]
             2 │ postgresql:
             3 │   synchronous_mode: quorum
               ·   ────────┬───────
               ·           ╰── Patroni reads this key from the dynamic configuration only
               ╰────
              also: pg2/patroni.yml:3:3
              The cluster runs asynchronously: /config in the DCS has no synchronous_mode.
              help: patronictl edit-config -s synchronous_mode=quorum
              more: patrolint explain PTL107

            warning[PTL303] sync-names-unknown-member: /sync names pg9, which is no member
               ╭─[dcs:/service/demo/sync:1:33]
             1 │ {"leader":"pg1","sync_standby":"pg2,pg9","quorum":1}
               ·                                 ───┬───
               ·                                    ╰── pg9 has no member key
               ╰────
              This follows from PTL107.
              Likely, not certain.
              more: patrolint explain PTL303

            2 errors, 1 warning, 1 note in 2 configuration files (1 more allowed by
            comments); 3 rules checked, 1 not applicable, 3 could not be judged:
              no REST answers of pg3 (PTL412, PTL413)
              the PostgreSQL version (PTL414)
            "#);
    }

    #[test]
    fn details_change_what_surrounds_the_findings() {
        let quiet = rendered(Look::new(false, None), Detail::Findings);
        let usual = rendered(Look::new(false, None), Detail::Summary);
        let verbose = rendered(Look::new(false, None), Detail::Everything);
        assert!(usual.starts_with(&quiet) && verbose.starts_with(&quiet));
        insta::assert_snapshot!(&verbose[quiet.len()..], @r#"
            Read:
              pg1/patroni.yml: configuration of node pg1
              pg2/patroni.yml: configuration of node pg2

            Not used:
              a log: logs/pg1.log

            Allowed by comments:
              pg1/patroni.yml:1:1: PTL120 scope-is-short: a demonstration

            2 errors, 1 warning, 1 note in 2 configuration files (1 more allowed by comments); 3 rules checked, 1 not applicable, 3 could not be judged:
              no REST answers of pg3 (PTL412, PTL413)
              the PostgreSQL version (PTL414)
            "#);
    }

    #[test]
    fn colors_change_nothing_else() {
        let colored = rendered(Look::new(true, Some(80)), Detail::Everything);
        let plain = rendered(Look::new(false, Some(80)), Detail::Everything);
        let escape = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("a pattern");
        assert!(colored.contains('\u{1b}') && !plain.contains('\u{1b}'));
        assert_eq!(escape.replace_all(&colored, ""), plain);
    }

    #[test]
    fn nothing_found_is_said() {
        let snapshot = Snapshot::default();
        let report = Report::new(
            &snapshot,
            vec![("PTL1".to_owned(), "one".to_owned(), Outcome::Checked(Vec::new()))],
            Vec::new(),
        );
        let mut out = Vec::new();
        write(&report, Look::new(false, None), Detail::Summary, &mut out).expect("writing to memory");
        assert_eq!(String::from_utf8_lossy(&out), "Nothing found in no input; 1 rule checked.\n");
    }
}
