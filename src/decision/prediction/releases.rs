//! The same question for every release: what an upgrade changes.

use crate::decision::prediction::evaluation::{Evaluation, evaluate};
use crate::decision::prediction::explanation::describe;
use crate::decision::prediction::facts::Facts;
use crate::decision::prediction::open::ranges;
use crate::decision::prediction::{Options, Question};
use crate::model::behaviour::{Row, TABLE};
use crate::model::snapshot::ClusterSnapshot;
use crate::model::version::{KNOWN_RELEASES, PatroniVersion};

/// Releases that answer alike.
#[derive(Clone, Debug)]
pub struct ReleaseGroup {
    /// The releases, oldest first.
    pub releases: Vec<PatroniVersion>,
    /// What happens in one line.
    pub outcome: String,
    /// What happens with the newest of them.
    pub evaluation: Evaluation,
}

impl ReleaseGroup {
    /// The releases as ranges: `4.0.1-4.0.4, 4.0.6`.
    pub fn ranges(&self) -> String {
        ranges(&self.releases)
    }
}

/// A step between two neighbouring releases at which the answer changes.
#[derive(Clone, Debug)]
pub struct ReleaseChange {
    /// The last release with the earlier answer.
    pub before: PatroniVersion,
    /// The first one with the later answer.
    pub after: PatroniVersion,
    /// The behaviours that changed there and decide: each of them alone brings the earlier answer back, or, if none does,
    /// all that changed.
    pub behaviours: Vec<&'static Row>,
}

/// Answers `question` as if all nodes and patronictl were of each known release.
pub fn across_releases(
    snapshot: &ClusterSnapshot,
    question: &Question,
    options: Options,
) -> (Vec<ReleaseGroup>, Vec<ReleaseChange>) {
    let mut groups: Vec<ReleaseGroup> = Vec::new();
    let mut changes = Vec::new();
    let mut earlier: Option<(PatroniVersion, String)> = None;
    for release in KNOWN_RELEASES {
        let facts = Facts::collect(snapshot, Some(*release), options.now);
        let evaluation = evaluate(&facts, question);
        let outcome = describe(question, &evaluation);
        if let Some((before, known)) = earlier.filter(|(_, known)| *known != outcome) {
            let behaviours = deciding(&facts, question, before, *release, &known);
            changes.push(ReleaseChange { before, after: *release, behaviours });
        }
        earlier = Some((*release, outcome.clone()));
        match groups.iter_mut().find(|group| group.outcome == outcome) {
            Some(group) => {
                group.releases.push(*release);
                group.evaluation = evaluation;
            }
            None => groups.push(ReleaseGroup { releases: vec![*release], outcome, evaluation }),
        }
    }
    (groups, changes)
}

/// The behaviours that changed from `before` to `after` and decide, tried one by one on the facts of `after`.
fn deciding(
    facts: &Facts,
    question: &Question,
    before: PatroniVersion,
    after: PatroniVersion,
    earlier_outcome: &str,
) -> Vec<&'static Row> {
    let changed: Vec<&Row> = TABLE.iter().filter(|row| row.holds_in(before) != row.holds_in(after)).collect();
    let restores = |row: &Row| {
        let mut supposed = facts.clone();
        supposed.flip(row.behaviour);
        describe(question, &evaluate(&supposed, question)) == earlier_outcome
    };
    let deciding: Vec<&Row> = changed.iter().copied().filter(|row| restores(row)).collect();
    if deciding.is_empty() { changed } else { deciding }
}
