//! Comments that allow a finding: `# patrolint: allow[PTL201] why this is intended`.
//!
//! A comment behind a value allows findings on its own line; one that stands alone allows them on the next line that
//! holds something. Without a reason it allows nothing and is itself a finding, as is one that nothing matched.

use minijinja::Value;

use crate::input::source_map::{Source, SourceId};
use crate::model::snapshot::{LocalConfiguration, Snapshot};
use crate::parse::tree::Span;
use crate::rules::finding::{Finding, Label, Outcome};
use crate::rules::registry::Registry;
use crate::rules::{Judgement, finding};

/// A finding that a comment allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppressed {
    /// The finding as it would have been reported.
    pub finding: Finding,
    /// The reason that the comment gives.
    pub reason: String,
}

/// The code of an allowance that nothing matched.
const UNUSED: &str = "PTL901";
/// The code of an allowance without a reason.
const WITHOUT_REASON: &str = "PTL902";

/// One code of one comment.
struct Allowance {
    span: Span,
    /// The line whose findings it allows, from 1.
    line: usize,
    /// Code or slug.
    rule: String,
    reason: String,
    is_used: bool,
}

/// Takes the findings away that comments allow, and reports comments that are wrong.
pub fn apply(registry: &Registry, snapshot: &Snapshot, judgements: &mut Vec<Judgement>) -> Vec<Suppressed> {
    let mut allowances: Vec<Allowance> = Vec::new();
    for file in snapshot.configurations.iter().filter_map(LocalConfiguration::files).flatten() {
        collect(file.source, snapshot.sources.get(file.source), &mut allowances);
    }
    let mut suppressed = Vec::new();
    for (_, _, outcome) in judgements.iter_mut() {
        let Outcome::Checked(findings) = outcome else { continue };
        findings.retain(|finding| {
            let Some(span) = finding.labels.first().map(|label| label.span) else { return true };
            let line = snapshot.sources.get(span.source).position(span.start).line;
            let allowance = allowances.iter_mut().find(|allowance| {
                let same_rule =
                    [&finding.code, &finding.slug].iter().any(|name| name.eq_ignore_ascii_case(&allowance.rule));
                same_rule
                    && allowance.span.source == span.source
                    && allowance.line == line
                    && !allowance.reason.is_empty()
            });
            let Some(allowance) = allowance else { return true };
            allowance.is_used = true;
            suppressed.push(Suppressed { finding: finding.clone(), reason: allowance.reason.clone() });
            false
        });
    }
    for allowance in allowances.iter().filter(|allowance| !allowance.is_used) {
        report(registry, judgements, allowance);
    }
    suppressed
}

fn report(registry: &Registry, judgements: &mut Vec<Judgement>, allowance: &Allowance) {
    let target = registry.find(&allowance.rule);
    let could_not_be_judged = judgements.iter().any(|(code, _, outcome)| {
        matches!(outcome, Outcome::Unknown { .. }) && target.is_some_and(|target| target.code() == code)
    });
    let code = if allowance.reason.is_empty() { WITHOUT_REASON } else { UNUSED };
    if code == UNUSED && could_not_be_judged {
        return;
    }
    let Some(rule) = registry.find(code) else { return };
    let values =
        Value::from_pairs([("rule", Value::from(allowance.rule.clone())), ("is_known", Value::from(target.is_some()))]);
    let label = Label { span: allowance.span, text: String::new() };
    let found = finding(registry, rule, None, &values, vec![label]);
    match judgements.iter_mut().find(|(judged, _, _)| judged == code) {
        Some((_, _, Outcome::Checked(findings))) => findings.push(found),
        Some((_, _, outcome)) => *outcome = Outcome::Checked(vec![found]),
        None => judgements.push((code.to_owned(), rule.slug().to_owned(), Outcome::Checked(vec![found]))),
    }
}

fn collect(id: SourceId, source: &Source, allowances: &mut Vec<Allowance>) {
    const MARK: &str = "patrolint: allow[";
    let mut offset = 0;
    let lines: Vec<&str> = source.text.split_inclusive('\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let start = offset;
        offset += line.len();
        let Some(comment) = line.match_indices('#').map(|(at, _)| at).find(|at| {
            let before = &line[..*at];
            let begins = before.is_empty() || before.ends_with([' ', '\t']);
            begins && line[at + 1..].trim_start().starts_with(MARK)
        }) else {
            continue;
        };
        let text = line[comment + 1..].trim();
        let Some((rules, reason)) = text[MARK.len()..].split_once(']') else { continue };
        let stands_alone = line[..comment].trim().is_empty();
        let holds_something = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let target = match stands_alone {
            true => lines[index + 1..].iter().position(holds_something).map_or(index, |below| index + 1 + below),
            false => index,
        };
        let span = Span::new(id, start + comment, start + line.trim_end().len());
        for rule in rules.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
            let reason = reason.trim().to_owned();
            allowances.push(Allowance { span, line: target + 1, rule: rule.to_owned(), reason, is_used: false });
        }
    }
}
