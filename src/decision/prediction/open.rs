//! The questions that the input leaves open: tried with every answer that they can have.

use std::collections::BTreeMap;

use crate::decision::prediction::evaluation::{Evaluation, after_demotion, evaluate};
use crate::decision::prediction::facts::{Facts, Origin};
use crate::decision::prediction::{Gate, Options, Question, describe, version_is_assumed};
use crate::input::source_map::SourceId;
use crate::model::behaviour::{Behaviours, OLDEST_COVERED};
use crate::model::cluster::MemberStatus;
use crate::model::snapshot::{ClusterSnapshot, DcsKey, RawValue};
use crate::model::version::{KNOWN_RELEASES, PatroniVersion};
use crate::parse::json;

/// At most so many combinations of open questions are tried together.
const MAXIMUM_COMBINATIONS: usize = 512;

/// A missing fact that decides, with what comes of each of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The fact that is missing.
    pub fact: String,
    /// How to get it.
    pub how_to_tell: String,
    /// Value of the fact → what happens then; empty when too little is known to say.
    pub outcomes: Vec<(String, String)>,
}

/// Something taken for granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    /// What.
    pub text: String,
    /// What happens if it is not so, when that differs.
    pub otherwise: Option<String>,
}

/// A fact that the input does not tell.
struct Open {
    fact: String,
    how_to_tell: String,
    alternatives: Vec<Alternative>,
    /// Whether it cannot have any other value; if it can, no acceptance is certain.
    exhaustive: bool,
}

/// One value that an open fact may have.
struct Alternative {
    name: String,
    apply: Box<dyn Fn(&mut Facts)>,
}

/// Tries the open questions. Returns the smallest set of missing facts that decides (empty if none does), and what was
/// assumed.
pub fn examine(
    snapshot: &ClusterSnapshot,
    facts: &Facts,
    question: &Question,
    base: &Evaluation,
    options: Options,
) -> (Vec<Dependency>, Vec<Assumption>) {
    let mut depends_on = unknowable(snapshot, facts);
    let mut assumptions = assumptions(snapshot, facts, question, base);
    if depends_on.is_empty() {
        let open = missing(snapshot, facts, options);
        let deciding = deciding(facts, question, &open);
        let is_deciding = |index: usize| deciding.iter().any(|(known, _)| *known == index);
        for (_, open) in open.iter().enumerate().filter(|(index, _)| !is_deciding(*index)) {
            assumptions.push(Assumption {
                text: format!("{} is not in the input; whatever it holds, the answer is the same", open.fact),
                otherwise: None,
            });
        }
        depends_on = deciding.into_iter().map(|(_, dependency)| dependency).collect();
    }
    if depends_on.is_empty() {
        depends_on.extend(left_out(snapshot, facts));
    }
    (depends_on, assumptions)
}

/// Facts that are missing so thoroughly that no list of their values can be tried.
fn unknowable(snapshot: &ClusterSnapshot, facts: &Facts) -> Vec<Dependency> {
    let scope = &facts.scope;
    let dependency = |fact: String, how_to_tell: String| Dependency { fact, how_to_tell, outcomes: Vec::new() };
    let prefix = format!("/{}/{scope}/", facts.namespace);
    let Some(dcs) = &snapshot.dcs else {
        let why = match &snapshot.dcs_unreachable {
            Some(reason) => {
                format!("; it did not answer ({reason}), and while it does not, nobody can change the leader")
            }
            None => String::new(),
        };
        return vec![dependency(
            format!("the contents of the DCS (leader, members, /config, /sync below {prefix}){why}"),
            format!("etcdctl get --prefix {prefix} -w json, or the like for your DCS"),
        )];
    };
    if !dcs.keys.keys().any(|key| key.starts_with("members/")) {
        return vec![dependency(
            format!("the keys below {prefix}members/"),
            format!("dump all keys: etcdctl get --prefix {prefix} -w json"),
        )];
    }
    Vec::new()
}

/// A dump that says itself that it lacks keys: whatever is not there may yet exist.
fn left_out(snapshot: &ClusterSnapshot, facts: &Facts) -> Option<Dependency> {
    const USUAL: &[&str] = &["config", "history", "initialize", "leader", "status", "sync"];
    let reason = snapshot.dcs.as_ref()?.incomplete.as_ref()?;
    let prefix = format!("/{}/{}/", facts.namespace, facts.scope);
    let absent: Vec<String> =
        USUAL.iter().filter(|key| !facts.keys.contains_key(**key)).map(|key| format!("{prefix}{key}")).collect();
    let hint = match absent.as_slice() {
        [] => format!("any key below {prefix}, such as a member"),
        absent => format!("perhaps {}, or a member", absent.join(", ")),
    };
    Some(Dependency {
        fact: format!("keys that the dump leaves out: {reason}; {hint}"),
        how_to_tell: format!("etcdctl get --prefix {prefix} -w json, without --limit"),
        outcomes: Vec::new(),
    })
}

/// Facts that are missing and have a list of values to try.
fn missing(snapshot: &ClusterSnapshot, facts: &Facts, options: Options) -> Vec<Open> {
    let mut open = Vec::new();
    let prefix = format!("/{}/{}/", facts.namespace, facts.scope);
    if options.version.is_none() && version_is_assumed(facts) {
        open.push(versions(facts));
    }
    let config_is_object = |key: &DcsKey| key.json.as_ref().is_some_and(|json| json.as_mapping().is_some());
    if !facts.keys.get("config").is_some_and(config_is_object) {
        let alternatives = [
            ("the defaults (asynchronous)", "{}"),
            ("synchronous_mode: on", r#"{"synchronous_mode":true}"#),
            ("synchronous_mode: quorum", r#"{"synchronous_mode":"quorum"}"#),
            ("pause: true", r#"{"pause":true}"#),
        ];
        open.push(Open {
            fact: match facts.keys.contains_key("config") {
                true => format!("a usable {prefix}config (the key holds no JSON object: Patroni keeps what it knew)"),
                false => format!("the key {prefix}config"),
            },
            how_to_tell: "patronictl show-config".to_owned(),
            alternatives: alternatives
                .into_iter()
                .map(|(name, text)| key_alternative(name, "config", Some(text)))
                .collect(),
            exhaustive: false,
        });
    }
    let version = facts.nodes.values().next().map_or(PatroniVersion::newest(), |node| node.version.0);
    let config = facts.config(version);
    let is_primary = |node: &crate::decision::prediction::facts::NodeFacts| node.local.running && node.local.primary;
    if facts.leader().is_none() && !config.paused {
        // A primary that runs without the leader key either lost it a moment ago, or the dump lacks the key.
        let primaries: Vec<&String> =
            facts.nodes.iter().filter(|(_, node)| is_primary(node)).map(|(name, _)| name).collect();
        if let [primary] = primaries[..] {
            open.push(Open {
                fact: format!("the key {prefix}leader ({primary} says that it runs as a primary)"),
                how_to_tell: format!("etcdctl get {prefix}leader"),
                alternatives: vec![
                    Alternative { name: "no leader".to_owned(), apply: Box::new(|_| {}) },
                    key_alternative(&format!("leader {primary}"), "leader", Some(primary)),
                ],
                exhaustive: true,
            });
        }
    }
    if config.synchronous_mode && !facts.keys.contains_key("sync") {
        open.extend(missing_sync(facts, &prefix, config.quorum_commit_mode));
    }
    open.extend(missing_status(snapshot, facts, &prefix));
    open
}

/// One alternative for each group of releases that behave alike.
fn versions(facts: &Facts) -> Open {
    let mut groups: Vec<(Behaviours, Vec<PatroniVersion>)> = Vec::new();
    for version in KNOWN_RELEASES.iter().filter(|version| OLDEST_COVERED <= **version) {
        let behaviours = Behaviours::of(*version);
        match groups.iter_mut().find(|(known, _)| *known == behaviours) {
            Some((_, releases)) => releases.push(*version),
            None => groups.push((behaviours, vec![*version])),
        }
    }
    let unknown: Vec<&str> = facts
        .nodes
        .iter()
        .filter(|(_, node)| node.version.1 == Origin::Assumed)
        .map(|(name, _)| name.as_str())
        .collect();
    let alternatives = groups.into_iter().map(|(_, releases)| {
        let version = *releases.last().expect("a group has at least one release");
        Alternative {
            name: format!("Patroni {}", ranges(&releases)),
            apply: Box::new(move |facts: &mut Facts| {
                facts.suppose_release(version, |_, node| node.version.1 == Origin::Assumed);
                if facts.patronictl.1 == Origin::Assumed {
                    facts.patronictl.0 = version;
                }
            }),
        }
    });
    Open {
        fact: format!("the Patroni release of {}", unknown.join(", ")),
        how_to_tell: format!("patronictl version {}; then give it as --patroni-version", facts.scope),
        alternatives: alternatives.collect(),
        exhaustive: true,
    }
}

/// `4.0.1-4.0.4, 4.0.6` for a sorted list of releases.
pub(super) fn ranges(releases: &[PatroniVersion]) -> String {
    let position = |version: &PatroniVersion| KNOWN_RELEASES.binary_search(version).unwrap_or(usize::MAX);
    let mut parts: Vec<(PatroniVersion, PatroniVersion)> = Vec::new();
    for version in releases {
        match parts.last_mut() {
            Some((_, last)) if position(last) + 1 == position(version) => *last = *version,
            _ => parts.push((*version, *version)),
        }
    }
    let text = |(first, last): &(PatroniVersion, PatroniVersion)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    parts.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// With more possible standbys than this only each one, all of them and none are tried as sync standbys.
const MAXIMUM_STANDBYS_IN_SETS: usize = 4;

fn missing_sync(facts: &Facts, prefix: &str, by_quorum: bool) -> Option<Open> {
    let leader = facts.leader()?;
    let standbys: Vec<&str> = facts.nodes.keys().map(String::as_str).filter(|name| *name != leader).collect();
    let sets: Vec<Vec<&str>> = if standbys.len() <= MAXIMUM_STANDBYS_IN_SETS {
        let members = |bits: usize| (0..standbys.len()).filter(move |index| bits & (1 << index) != 0);
        (0..1 << standbys.len()).map(|bits| members(bits).map(|index| standbys[index]).collect()).collect()
    } else {
        let single = standbys.iter().map(|name| vec![*name]);
        std::iter::once(Vec::new()).chain(single).chain(std::iter::once(standbys.clone())).collect()
    };
    let mut alternatives = vec![Alternative {
        name: "no such key: synchronous mode is not active yet".to_owned(),
        apply: Box::new(|_| {}),
    }];
    for set in sets {
        let quorums = if by_quorum { 0..set.len().max(1) } else { 0..1 };
        for quorum in quorums {
            let value = serde_json::json!({"leader": leader, "sync_standby": set.join(","), "quorum": quorum});
            let listed = if set.is_empty() { "nobody".to_owned() } else { set.join(",") };
            let name = match by_quorum {
                true => format!("voters {listed}, quorum {quorum}"),
                false => format!("sync_standby {listed}"),
            };
            alternatives.push(key_alternative(&name, "sync", Some(&value.to_string())));
        }
    }
    Some(Open {
        fact: format!("the key {prefix}sync (synchronous_mode is on)"),
        how_to_tell: format!("etcdctl get {prefix}sync"),
        exhaustive: standbys.len() <= MAXIMUM_STANDBYS_IN_SETS,
        alternatives,
    })
}

/// The leader's last position decides who lags too much; without it nobody does.
fn missing_status(snapshot: &ClusterSnapshot, facts: &Facts, prefix: &str) -> Option<Open> {
    let keys = &snapshot.dcs.as_ref()?.keys;
    if keys.contains_key("status") || keys.contains_key("optime/leader") {
        return None;
    }
    let leader = facts.leader().and_then(|leader| facts.nodes.get(leader))?;
    let text = format!("{{\"optime\":{}}}", leader.local.lsn);
    Some(Open {
        fact: format!("the key {prefix}status"),
        how_to_tell: format!("etcdctl get {prefix}status"),
        alternatives: vec![
            Alternative { name: "no such key: nobody counts as lagging".to_owned(), apply: Box::new(|_| {}) },
            key_alternative("the leader's position in its own key", "status", Some(&text)),
        ],
        exhaustive: true,
    })
}

/// The alternative in which a key of the DCS has this value.
fn key_alternative(name: &str, key: &'static str, text: Option<&str>) -> Alternative {
    let text = text.map(str::to_owned);
    Alternative {
        name: name.to_owned(),
        apply: Box::new(move |facts: &mut Facts| match &text {
            Some(text) => {
                facts.keys.insert(key.to_owned(), supposed_key(text));
            }
            None => {
                facts.keys.remove(key);
            }
        }),
    }
}

/// A key as it would be with this value.
pub fn supposed_key(text: &str) -> DcsKey {
    // Nothing points into a supposed value.
    let source = SourceId(u32::MAX);
    DcsKey {
        source,
        value: RawValue(text.to_owned()),
        json: json::parse(source, text).ok(),
        revision: None,
        lease: None,
        ttl_seconds: None,
    }
}

/// The smallest set of open facts that decides, with their indices; empty when every combination gives the same answer.
fn deciding(facts: &Facts, question: &Question, open: &[Open]) -> Vec<(usize, Dependency)> {
    let combinations = combinations(open);
    let mut some_accepted = false;
    let outcomes: BTreeMap<&Vec<usize>, String> = combinations
        .iter()
        .map(|choice| {
            let mut world = facts.clone();
            open.iter().zip(choice).for_each(|(open, index)| (open.alternatives[*index].apply)(&mut world));
            let evaluation = evaluate(&world, question);
            some_accepted |= evaluation.accepted;
            (choice, describe(question, &evaluation))
        })
        .collect();
    let distinct = |chosen: &[usize]| -> bool {
        // Whether the answers to the chosen questions alone fix the outcome.
        let mut by_answer: BTreeMap<Vec<usize>, &String> = BTreeMap::new();
        outcomes.iter().all(|(choice, outcome)| {
            let key: Vec<usize> = chosen.iter().map(|index| choice[*index]).collect();
            *by_answer.entry(key).or_insert(outcome) == outcome
        })
    };
    let mut subsets: Vec<Vec<usize>> = (0u32..1 << open.len())
        .map(|bits| (0..open.len()).filter(|index| bits & (1 << index) != 0).collect())
        .collect();
    subsets.sort_by_key(Vec::len);
    let mut smallest = subsets.into_iter().find(|subset| distinct(subset)).unwrap_or_else(|| (0..open.len()).collect());
    if some_accepted {
        let untold = (0..open.len()).filter(|index| !open[*index].exhaustive);
        let added: Vec<usize> = untold.filter(|index| !smallest.contains(index)).collect();
        smallest.extend(added);
    }
    let dependency = |index: usize| {
        let Open { fact, how_to_tell, exhaustive, .. } = &open[index];
        let mut rows = outcomes_of(&open[index], index, &outcomes);
        if !exhaustive {
            rows.push(("anything else".to_owned(), "not known".to_owned()));
        }
        (index, Dependency { fact: fact.clone(), how_to_tell: how_to_tell.clone(), outcomes: rows })
    };
    smallest.into_iter().map(dependency).collect()
}

/// Each value of one open fact with what comes of it (several when other open facts matter, too), equal ones together.
fn outcomes_of(open: &Open, index: usize, outcomes: &BTreeMap<&Vec<usize>, String>) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for (position, alternative) in open.alternatives.iter().enumerate() {
        let mut results: Vec<&str> = Vec::new();
        for outcome in outcomes.iter().filter(|(choice, _)| choice[index] == position).map(|(_, outcome)| outcome) {
            if !results.contains(&outcome.as_str()) {
                results.push(outcome);
            }
        }
        let result = results.join(", or ");
        match rows.iter_mut().find(|(_, known)| *known == result) {
            Some((names, _)) => {
                names.push_str("; ");
                names.push_str(alternative.name.trim_start_matches("Patroni "));
            }
            None => rows.push((alternative.name.clone(), result)),
        }
    }
    rows
}

/// Every combination of answers, or, if these are too many, each question varied on its own.
fn combinations(open: &[Open]) -> Vec<Vec<usize>> {
    let count = open.iter().try_fold(1usize, |count, open| count.checked_mul(open.alternatives.len()));
    if count.is_none_or(|count| MAXIMUM_COMBINATIONS < count) {
        let base = vec![0; open.len()];
        let varied = open.iter().enumerate().flat_map(|(index, open)| {
            let base = base.clone();
            (0..open.alternatives.len()).map(move |answer| {
                let mut choice = base.clone();
                choice[index] = answer;
                choice
            })
        });
        return varied.collect();
    }
    open.iter().fold(vec![Vec::new()], |choices, open| {
        choices
            .iter()
            .flat_map(|choice| {
                (0..open.alternatives.len()).map(move |answer| {
                    let mut longer = choice.clone();
                    longer.push(answer);
                    longer
                })
            })
            .collect()
    })
}

/// What was taken for granted, with what happens otherwise.
fn assumptions(snapshot: &ClusterSnapshot, facts: &Facts, question: &Question, base: &Evaluation) -> Vec<Assumption> {
    let base_text = describe(question, base);
    let otherwise = |change: &dyn Fn(&mut Facts)| {
        let mut world = facts.clone();
        change(&mut world);
        let text = describe(question, &evaluate(&world, question));
        (text != base_text).then_some(text)
    };
    let mut assumptions = Vec::new();
    if snapshot.dcs.is_none() {
        return assumptions;
    }
    let assumed: Vec<&String> = facts
        .nodes
        .iter()
        .filter(|(_, node)| node.status_origin == Origin::Assumed)
        .filter(|(_, node)| matches!(node.status, MemberStatus::Reachable { .. }))
        .map(|(name, _)| name)
        .collect();
    let mut quiet = Vec::new();
    for name in assumed {
        let silent = |facts: &mut Facts| {
            if let Some(node) = facts.nodes.get_mut(name) {
                node.suppose_silent("its REST API does not answer");
            }
        };
        match otherwise(&silent) {
            Some(text) => assumptions.push(Assumption {
                text: format!("{name} answers its REST API as its key in the DCS tells (no REST answer in this input)"),
                otherwise: Some(format!("if it does not answer: {text}")),
            }),
            None => quiet.push(name.as_str()),
        }
    }
    if !quiet.is_empty() {
        assumptions.push(Assumption {
            text: format!(
                "{} {} as the DCS tells (no REST answer in this input)",
                quiet.join(", "),
                if quiet.len() == 1 { "answers its REST API" } else { "answer their REST APIs" }
            ),
            otherwise: None,
        });
    }
    if facts.nodes.values().any(|node| node.status_origin == Origin::Assumed) {
        assumptions.push(Assumption { text: "watchdogs, where required, work".to_owned(), otherwise: None });
    }
    assumptions.extend(catching_up(facts, question, base));
    if facts.patronictl.1 == Origin::Assumed && matches!(question, Question::Change { .. }) {
        let version = facts.patronictl.0;
        assumptions
            .push(Assumption { text: format!("patronictl is of release {version}, as the leader"), otherwise: None });
    }
    for (name, node) in &facts.nodes {
        let version = node.version.0;
        if version < OLDEST_COVERED {
            assumptions.push(Assumption {
                text: format!(
                    "{name}, Patroni {version}, decides as {OLDEST_COVERED} does: older releases are not covered yet"
                ),
                otherwise: None,
            });
        } else if node.version.1 != Origin::Assumed && !version.is_known() {
            assumptions.push(Assumption {
                text: format!(
                    "{name} runs Patroni {version}, which is not known here, and decides as {}",
                    nearest(version)
                ),
                otherwise: None,
            });
        }
    }
    assumptions
}

/// Standbys that are behind in the snapshot and count as level once the leader has shut down.
fn catching_up(facts: &Facts, question: &Question, base: &Evaluation) -> Option<Assumption> {
    let has_race = matches!(question, Question::Change { .. }) && matches!(base.gate, None | Some(Gate::Race));
    let leader = facts.leader().filter(|_| has_race)?;
    let (after, _) = after_demotion(facts);
    let is_raised = |name: &&String| facts.nodes[*name].local.lsn < after.nodes[*name].local.lsn;
    let names: Vec<&str> = facts.nodes.keys().filter(is_raised).map(String::as_str).collect();
    (!names.is_empty()).then(|| Assumption {
        text: format!("{} catch up with {leader}'s WAL while it shuts down", names.join(", ")),
        otherwise: None,
    })
}

/// The newest known release that is not newer than `version`.
fn nearest(version: PatroniVersion) -> PatroniVersion {
    let older = KNOWN_RELEASES.iter().rev().find(|known| **known <= version);
    *older.unwrap_or(&KNOWN_RELEASES[0])
}
