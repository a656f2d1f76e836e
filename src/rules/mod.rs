//! What is wrong: rules over facts. Reads no file, no clock, no network; decides nothing that `decision` decides.
//!
//! A rule is a page under `rules/` at the top of the repository: [`page`] reads it, [`registry`] holds all of them,
//! [`facts`] is what their expressions see, [`functions`] finds what an expression cannot say, and [`check`] runs them.

#![deny(clippy::disallowed_methods)]

pub mod comparison;
pub mod example;
pub mod expression;
pub mod facts;
pub mod finding;
pub mod functions;
pub mod page;
pub mod place;
pub mod registry;
pub mod suppression;

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::merge_maps;
use minijinja::{ErrorKind, Value};

use crate::input::source_map::SourceId;
use crate::model::postgresql::version::PostgresVersion;
use crate::model::snapshot::Snapshot;
use crate::rules::facts::{Scene, Subject, Subjects};
use crate::rules::finding::{Finding, Label, Outcome, Severity};
use crate::rules::functions::Hit;
use crate::rules::page::{Affects, Each, Need};
use crate::rules::registry::{Registry, Rule};

/// Settings of a check.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The Patroni release that every member counts as, for example `4.0.6`; default: what the input tells.
    pub patroni_version: Option<String>,
    /// The version of PostgreSQL that every node counts as; default: what the input tells.
    pub postgres_version: Option<PostgresVersion>,
}

/// So many findings of a rule in one text, member or cluster are spelt out, and the others counted.
const MAX_FINDINGS: usize = 100;

/// Code, slug and outcome of a rule.
pub type Judgement = (String, String, Outcome);

/// Judges the input by every rule, in order of their codes.
///
/// A rule that found something but could not judge every part of the input has two outcomes, `Checked` first.
pub fn check(registry: &Registry, snapshot: &Snapshot, options: &Options) -> Vec<Judgement> {
    check_and_count(registry, snapshot, options).0
}

/// Like [`check`], and tells which findings comments in the configuration files suppressed.
pub fn check_and_count(
    registry: &Registry,
    snapshot: &Snapshot,
    options: &Options,
) -> (Vec<Judgement>, Vec<suppression::Suppressed>) {
    let version = options.patroni_version.as_deref().and_then(|text| text.parse().ok());
    let scenes = Scene::all(snapshot, version, options.postgres_version);
    let subjects: Vec<Subjects<'_>> = scenes.iter().map(Scene::subjects).collect();
    let mut judgements = Vec::new();
    for rule in registry.rules() {
        for outcome in judge(registry, rule, &subjects) {
            judgements.push((rule.code().to_owned(), rule.slug().to_owned(), outcome));
        }
    }
    link_causes(registry, snapshot, &mut judgements);
    let suppressed = suppression::apply(registry, snapshot, &mut judgements);
    (judgements, suppressed)
}

fn judge(registry: &Registry, rule: &Rule, scenes: &[Subjects<'_>]) -> Vec<Outcome> {
    let mut findings = Vec::new();
    let mut missing = BTreeSet::new();
    let mut is_checked = false;
    for subjects in scenes {
        if !speaks_about(rule, subjects.scene, &mut missing) {
            continue;
        }
        for subject in subjects.of(&rule.page().each) {
            if let Some(name) = unreadable(rule, subject) {
                missing.insert(format!("{name} cannot be loaded"));
                continue;
            }
            match judge_one(registry, rule, subject) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    is_checked = true;
                    findings.extend(found);
                }
                Err(lacking) => missing.extend(lacking),
            }
        }
    }
    findings.sort_by(|one, two| {
        let key = |finding: &Finding| (finding.labels.first().map(|label| label.span), finding.message.clone());
        key(one).cmp(&key(two))
    });
    let mut outcomes = Vec::new();
    if !findings.is_empty() || is_checked && missing.is_empty() {
        outcomes.push(Outcome::Checked(findings));
    }
    if !missing.is_empty() {
        outcomes.push(Outcome::Unknown { missing: missing.into_iter().collect() });
    }
    if outcomes.is_empty() {
        outcomes.push(Outcome::NotApplicable);
    }
    outcomes
}

/// The name of the subject's file, if that cannot be loaded; nothing in it can be judged but the reason for that.
fn unreadable<'a>(rule: &Rule, subject: &Subject<'a>) -> Option<&'a str> {
    let configuration = subject.configuration.filter(|configuration| configuration.document.is_none())?;
    let is_about_that = rule.page().function.as_deref() == Some("parse_error");
    let source = configuration.error.as_ref().map_or(configuration.source, |error| error.span.source);
    (!is_about_that).then(|| subject.scene.snapshot.sources.get(source).name.as_str())
}

/// Whether the rule's domain is there at all.
fn speaks_about(rule: &Rule, scene: &Scene<'_>, missing: &mut BTreeSet<String>) -> bool {
    let (each, needs) = (&rule.page().each, &rule.page().needs);
    let without_dcs = scene.cluster.filter(|cluster| each.contains(&Each::Members) && cluster.dcs.is_none());
    missing.extend(without_dcs.map(|cluster| format!("no DCS snapshot of {}", cluster.scope)));
    let is_local = |each: &Each| matches!(each, Each::Configurations | Each::Dynamics);
    each.iter().any(is_local) || needs.contains(&Need::Configurations) || scene.cluster.is_some()
}

/// The findings of one evaluation; `None`: not applicable.
///
/// # Errors
///
/// The facts that are missing.
fn judge_one(registry: &Registry, rule: &Rule, subject: &Subject<'_>) -> Result<Option<Vec<Finding>>, Vec<String>> {
    let page = rule.page();
    let lacking = subject.missing(&page.needs);
    let values = &subject.values;
    let applies = match page.applies.as_ref().map_or(Ok(true), |condition| holds(registry, condition, values)) {
        Ok(applies) => applies,
        Err(unreadable) if lacking.is_empty() => return Err(unreadable),
        Err(_) => true,
    };
    let fires = |values: &Value| page.when.as_ref().map_or(Ok(true), |condition| holds(registry, condition, values));
    if !applies {
        return Ok(None);
    }
    if !lacking.is_empty() {
        return Err(lacking);
    }
    if let Some(affects) = &page.affects {
        let affected = affected(subject, affects)?;
        if affected.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let labels = affected.iter().filter_map(|name| version_label(subject, name)).collect();
        let members: Value = affected.iter().map(|name| subject.scene.member_value(name)).collect();
        let values = merge_maps([Value::from_pairs([("affected", members)]), values.clone()]);
        let found = fires(&values)?.then(|| finding(registry, rule, Some(subject), &values, labels));
        return Ok(Some(found.into_iter().collect()));
    }
    let hits = match rule.function {
        Some(function) => function(subject)?,
        None => vec![Hit::default()],
    };
    let more = hits.len().saturating_sub(MAX_FINDINGS);
    let mut findings: Vec<Finding> = Vec::new();
    for Hit { labels, values: own } in hits.into_iter().take(MAX_FINDINGS) {
        let values = match own.is_empty() {
            true => values.clone(),
            false => merge_maps([Value::from_pairs(own), values.clone()]),
        };
        if fires(&values)? {
            findings.push(finding(registry, rule, Some(subject), &values, labels));
        }
    }
    if let (1.., Some(last)) = (more, findings.last_mut()) {
        last.notes.push(format!("and {more} more like this"));
    }
    Ok(Some(findings))
}

/// Evaluates a condition of a page.
///
/// # Errors
///
/// What is missing: the condition reads a fact that is not there.
fn holds(registry: &Registry, condition: &str, values: &Value) -> Result<bool, Vec<String>> {
    registry.conditions.holds(condition, values).map_err(|error| {
        vec![match error.kind() {
            ErrorKind::UndefinedError => "a fact that the condition reads".to_owned(),
            _ => format!("a value of another type ({error})"),
        }]
    })
}

/// The members whose release is among the affected ones.
fn affected(subject: &Subject<'_>, affects: &Affects) -> Result<Vec<String>, Vec<String>> {
    let scene = subject.scene;
    if scene.cluster.is_none() {
        let version = scene.patroni.ok_or_else(|| vec!["the Patroni version is not known".to_owned()])?;
        return Ok(if affects.includes(version) { vec![format!("Patroni {version}")] } else { Vec::new() });
    }
    let names = match affects.leader_only {
        true => scene.leader().into_iter().collect(),
        false => scene.member_names(),
    };
    let mut affected = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        let Some(version) = scene.member_version(name) else {
            unknown.push(format!("no Patroni version of {name}"));
            continue;
        };
        if affects.includes(version) {
            affected.push(name.to_owned());
        }
    }
    if affected.is_empty() && !unknown.is_empty() { Err(unknown) } else { Ok(affected) }
}

fn version_label(subject: &Subject<'_>, member: &str) -> Option<Label> {
    let span = place::key(subject.scene, &format!("members/{member}"), &["version"])?;
    Some(Label { span, text: String::new() })
}

/// Writes a finding as the rule's page words it.
pub(crate) fn finding(
    registry: &Registry,
    rule: &Rule,
    subject: Option<&Subject<'_>>,
    values: &Value,
    mut labels: Vec<Label>,
) -> Finding {
    let page = rule.page();
    let write = |text: &str| match text.contains('{') {
        true => expression::environment().render_str(text, values).ok().map(|text| text.trim().to_owned()),
        false => Some(text.to_owned()),
    };
    let is_true = |condition: &Option<page::Text>| {
        condition.as_ref().is_none_or(|condition| holds(registry, condition, values).unwrap_or(false))
    };
    let severity = page.severity.iter().find(|(_, condition)| is_true(condition));
    let mut places = Vec::new();
    for at in page.at.iter() {
        if !is_true(&at.when) {
            continue;
        }
        if let Some((span, is_exact)) = subject.and_then(|subject| place::resolve(subject, &at.route)) {
            let text = write(&at.text).unwrap_or_default();
            places.push((is_exact, Label { span, text }));
        }
    }
    match places.iter().any(|(is_exact, _)| *is_exact) {
        true => labels.extend(places.into_iter().filter(|(is_exact, _)| *is_exact).map(|(_, label)| label)),
        false if labels.is_empty() => labels.extend(places.into_iter().map(|(_, label)| label).take(1)),
        false => {}
    }
    Finding {
        code: page.code.to_string(),
        slug: page.slug.to_string(),
        severity: severity.or(page.severity.last()).map_or(Severity::Warning, |(level, _)| *level),
        confidence: page.confidence,
        message: write(&page.message).unwrap_or_else(|| page.title.to_string()),
        labels,
        notes: page.notes.iter().filter_map(|note| write(note)).filter(|note| !note.is_empty()).collect(),
        help: page.help.as_ref().and_then(|help| write(help)).filter(|help| !help.is_empty()),
        caused_by: None,
    }
}

/// Tells of findings that follow from others which those are. What a rule finds in a configuration explains only what
/// is found on the same lines.
fn link_causes(registry: &Registry, snapshot: &Snapshot, judgements: &mut [Judgement]) {
    let lines = |finding: &Finding| -> BTreeSet<(SourceId, usize)> {
        let line = |label: &Label| snapshot.sources.get(label.span.source).position(label.span.start).line;
        finding.labels.iter().map(|label| (label.span.source, line(label))).collect()
    };
    let mut fired: BTreeMap<String, BTreeSet<(SourceId, usize)>> = BTreeMap::new();
    for (code, _, outcome) in judgements.iter() {
        if let Outcome::Checked(findings) = outcome
            && !findings.is_empty()
        {
            fired.entry(code.clone()).or_default().extend(findings.iter().flat_map(lines));
        }
    }
    let is_local = |each: &Each| matches!(each, Each::Configurations | Each::Dynamics);
    let is_about_files = |code: &str| registry.rule(code).is_some_and(|rule| rule.page().each.iter().all(is_local));
    for (code, _, outcome) in judgements {
        let (Some(rule), Outcome::Checked(findings)) = (registry.rule(code), outcome) else { continue };
        for finding in findings.iter_mut().filter(|_| !rule.page().follows.is_empty()) {
            let own = lines(finding);
            let explains = |cause: &&str| {
                fired.get(*cause).is_some_and(|places| !is_about_files(cause) || !places.is_disjoint(&own))
            };
            finding.caused_by = rule.page().follows.iter().map(AsRef::as_ref).find(explains).map(str::to_owned);
        }
    }
}
