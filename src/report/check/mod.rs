//! The findings of a check as text and JSON.

pub mod json;
pub mod text;

use std::collections::BTreeMap;

use crate::model::snapshot::Snapshot;
use crate::rules::Judgement;
use crate::rules::finding::{Finding, Outcome, Severity};
use crate::rules::suppression::Suppressed;

/// What a `check` brought, in the order in which it is printed.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// What was looked at.
    pub snapshot: &'a Snapshot,
    /// Findings by source, offset and code; those without a place come first.
    pub findings: Vec<Finding>,
    /// Rules that could not be judged, by code.
    pub unknown: Vec<UnknownRule>,
    /// Number of rules that were judged wherever they apply.
    pub checked: usize,
    /// Number of rules that say nothing about these inputs.
    pub not_applicable: usize,
    /// Findings that comments in the configuration allow; they are not among `findings`.
    pub suppressed: Vec<Suppressed>,
}

/// A rule that could not be judged on some input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRule {
    /// The rule's code.
    pub code: String,
    /// The rule's name.
    pub slug: String,
    /// The facts that are missing, in words.
    pub missing: Vec<String>,
}

impl<'a> Report<'a> {
    /// Gathers judgements; a rule may have several.
    ///
    /// A rule that could not be judged on one input counts as unknown, even when it was judged on another.
    pub fn new(snapshot: &'a Snapshot, judgements: Vec<Judgement>, suppressed: Vec<Suppressed>) -> Self {
        let mut findings = Vec::new();
        let mut rules: BTreeMap<(String, String), Standing> = BTreeMap::new();
        for (code, slug, outcome) in judgements {
            let standing = rules.entry((code, slug)).or_default();
            match outcome {
                Outcome::Checked(found) => {
                    standing.checked = true;
                    findings.extend(found);
                }
                Outcome::NotApplicable => {}
                Outcome::Unknown { missing } => {
                    standing.unknown = true;
                    for fact in missing {
                        if !standing.missing.contains(&fact) {
                            standing.missing.push(fact);
                        }
                    }
                }
            }
        }
        findings.sort_by(|one, two| place(one).cmp(&place(two)));
        let mut report = Self { snapshot, findings, unknown: Vec::new(), checked: 0, not_applicable: 0, suppressed };
        for ((code, slug), standing) in rules {
            if standing.unknown {
                report.unknown.push(UnknownRule { code, slug, missing: standing.missing });
            } else if standing.checked {
                report.checked += 1;
            } else {
                report.not_applicable += 1;
            }
        }
        report
    }

    /// Number of findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether a finding is at least this bad.
    pub fn reaches(&self, severity: Severity) -> bool {
        self.findings.iter().any(|finding| severity <= finding.severity)
    }

    /// Whether rules could have said something and not one of them could be judged.
    pub fn is_unjudged(&self) -> bool {
        self.checked == 0 && self.findings.is_empty() && !self.unknown.is_empty()
    }
}

/// What came of a rule on all inputs together.
#[derive(Default)]
struct Standing {
    checked: bool,
    unknown: bool,
    missing: Vec<String>,
}

/// The order of findings.
fn place(finding: &Finding) -> impl Ord {
    let span = finding.labels.first().map(|label| (label.span.source, label.span.start));
    (span, finding.code.clone(), finding.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceId;
    use crate::parse::tree::Span;
    use crate::rules::finding::{Confidence, Label};

    #[test]
    fn orders_findings_by_source_offset_and_code() {
        let finding = |code: &str, place: Option<(u32, usize)>| Finding {
            code: code.to_owned(),
            slug: "slug".to_owned(),
            severity: Severity::Warning,
            confidence: Confidence::High,
            message: String::new(),
            labels: place
                .map(|(source, start)| Label {
                    span: Span::new(SourceId(source), start, start + 1),
                    text: String::new(),
                })
                .into_iter()
                .collect(),
            notes: Vec::new(),
            help: None,
            caused_by: None,
        };
        let found = vec![
            finding("PTL9", Some((1, 0))),
            finding("PTL5", Some((0, 40))),
            finding("PTL7", Some((0, 4))),
            finding("PTL6", Some((0, 4))),
            finding("PTL8", None),
        ];
        let snapshot = Snapshot::default();
        let report =
            Report::new(&snapshot, vec![("PTL1".to_owned(), "one".to_owned(), Outcome::Checked(found))], Vec::new());
        let codes: Vec<_> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["PTL8", "PTL6", "PTL7", "PTL5", "PTL9"]);
    }

    #[test]
    fn counts_each_rule_once() {
        let outcome = |code: &str, outcome| (code.to_owned(), "slug".to_owned(), outcome);
        let unknown = |fact: &str| Outcome::Unknown { missing: vec![fact.to_owned()] };
        let snapshot = Snapshot::default();
        let report = Report::new(
            &snapshot,
            vec![
                outcome("PTL1", Outcome::Checked(Vec::new())),
                outcome("PTL1", Outcome::NotApplicable),
                outcome("PTL2", Outcome::Checked(Vec::new())),
                outcome("PTL2", unknown("no REST answer of pg3")),
                outcome("PTL2", unknown("no REST answer of pg3")),
                outcome("PTL3", Outcome::NotApplicable),
            ],
            Vec::new(),
        );
        assert_eq!((report.checked, report.not_applicable), (1, 1));
        let missing = vec!["no REST answer of pg3".to_owned()];
        assert_eq!(report.unknown, [UnknownRule { code: "PTL2".to_owned(), slug: "slug".to_owned(), missing }]);
        assert!(!report.is_unjudged());
        let nothing = Report::new(&snapshot, vec![outcome("PTL2", unknown("no DCS snapshot of demo"))], Vec::new());
        assert!(nothing.is_unjudged());
    }
}
