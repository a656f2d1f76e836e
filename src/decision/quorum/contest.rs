//! The race for the leader lock after any set of members is lost, by bit masks.
//!
//! What each member means to each racing node is evaluated once, by the functions that the race itself is made of
//! ([`enter`], [`Comparison::meaning`]); a set of lost members then only decides who still answers. `tests/quorum.rs`
//! compares this with the whole race, loss by loss.

use std::collections::BTreeMap;

use crate::decision::prediction::explain;
use crate::decision::prediction::facts::Facts;
use crate::decision::race::{Comparison, Entry, Meaning, Requirement, enter};
use crate::decision::view::{Answers, View};
use crate::model::behaviour::Behaviours;
use crate::model::cluster::{Cluster, LocalState, Tags};
use crate::model::config::global::GlobalConfig;
use crate::model::version::PatroniVersion;

/// A set of nodes: bit `i` is the node `i` of [`Contest::names`].
pub type Nodes = u64;

/// The most nodes that fit into a set.
pub const MAXIMUM_NODES: usize = 63;

/// The races of one cluster.
#[derive(Clone, Debug)]
pub struct Contest<'a> {
    facts: &'a Facts,
    /// The nodes in the order of the bits.
    pub names: Vec<&'a str>,
    /// The racers when nobody is lost; `None` when each loss takes a race of its own.
    racers: Option<Vec<Racer>>,
}

/// One node, and what others mean to it.
#[derive(Clone, Debug)]
struct Racer {
    /// Decided by itself; `None`: by the rest.
    decided: Option<bool>,
    start: i128,
    requirement: Requirement,
    /// Who stops it.
    blocks: Nodes,
    /// Who is ahead of it and ignored.
    ahead_ignored: Nodes,
    /// Who gives it a vote.
    votes: Nodes,
    /// Who stops it even if it is ahead of all: a primary that still runs.
    always_blocks: Nodes,
    /// Who would stop it with more WAL than it has.
    would_block: Nodes,
    /// Who would give it a vote with less WAL than it has.
    would_vote: Nodes,
    /// It lacks no acknowledged commit: it runs as a primary, or it is the leader of `/sync`.
    has_all: bool,
    /// Why it cannot take the lock, whatever others answer.
    own_reasons: Vec<String>,
    /// Why others stop it, one entry for each who does.
    reasons_of_others: Vec<(usize, String)>,
}

impl Racer {
    fn decided(takes_lock: bool) -> Self {
        Self {
            decided: Some(takes_lock),
            start: 0,
            requirement: Requirement { quorum: None, was_leader: false },
            blocks: 0,
            ahead_ignored: 0,
            votes: 0,
            always_blocks: 0,
            would_block: 0,
            would_vote: 0,
            has_all: false,
            own_reasons: Vec::new(),
            reasons_of_others: Vec::new(),
        }
    }

    /// Whether it takes the lock while `alive` answer.
    fn takes_lock(&self, alive: Nodes) -> bool {
        let votes = self.start + i128::from((self.votes & alive).count_ones());
        let nodes_ahead = (self.ahead_ignored & alive).count_ones() as usize;
        let wins = || self.blocks & alive == 0 && self.requirement.is_met(votes, nodes_ahead);
        self.decided.unwrap_or_else(wins)
    }

    /// Whether it could take the lock while `alive` answer, if all of them but for those `ahead`, who do not stop it, were as
    /// far as it is, or less far.
    fn could_take_lock(&self, alive: Nodes, ahead: Nodes) -> bool {
        let votes = self.start + i128::from((self.would_vote & alive & !ahead).count_ones());
        self.decided.unwrap_or_else(|| self.always_blocks & alive == 0 && self.requirement.is_met(votes, 0))
    }
}

impl<'a> Contest<'a> {
    /// Prepares the races; `None`: there are too many nodes.
    pub fn new(facts: &'a Facts) -> Option<Self> {
        let names: Vec<&str> = facts.nodes.keys().map(String::as_str).collect();
        if MAXIMUM_NODES < names.len() {
            return None;
        }
        let failover = facts.cluster(facts.patronictl.0).map(|cluster| cluster.failover);
        let has_request = failover.is_ok_and(|failover| failover.is_some_and(|failover| failover.is_requested()));
        let racers = (!has_request).then(|| racers(facts, &names, 0));
        Some(Self { facts, names, racers })
    }

    /// Whether a request is pending in `/failover`, so that each loss takes a race of its own.
    pub fn has_request(&self) -> bool {
        self.racers.is_none()
    }

    /// All nodes.
    pub fn all(&self) -> Nodes {
        (1 << self.names.len()) - 1
    }

    /// The nodes among these names, whatever the case of their letters.
    pub fn nodes<'n>(&self, names: impl Iterator<Item = &'n str>) -> Nodes {
        let bit = |name: &str| self.names.iter().position(|known| known.to_lowercase() == name.to_lowercase());
        names.filter_map(bit).fold(0, |set, index| set | 1 << index)
    }

    fn nodes_exactly<'n>(&self, names: impl Iterator<Item = &'n str>) -> Nodes {
        names.filter_map(|name| self.names.iter().position(|known| *known == name)).fold(0, add)
    }

    /// The names of a set.
    pub fn names_of(&self, set: Nodes) -> Vec<&'a str> {
        self.indices(set).map(|index| self.names[index]).collect()
    }

    /// Who may take the lock once it is free and `lost` are gone.
    pub fn winners(&self, lost: Nodes) -> Nodes {
        let alive = self.all() & !lost;
        self.with_racers(lost, |racers| {
            self.indices(alive).filter(|index| racers[*index].takes_lock(alive)).fold(0, add)
        })
    }

    /// Who may take the lock without having a commit that `needed` of `acknowledging` (and of `unknown` nodes more that are
    /// gone) have acknowledged, wherever all nodes are. The nodes that acknowledged are ahead of all others.
    pub fn winners_without_commit(&self, lost: Nodes, acknowledging: Nodes, unknown: i128, needed: i128) -> Nodes {
        let alive = self.all() & !lost;
        let may_lack = |racer: &Racer, index: usize| {
            if racer.has_all {
                return false;
            }
            // An acknowledging node that the racer would hear of stops it, so the commit is on others alone.
            let silent = acknowledging & !(1 << index) & !(racer.would_block & alive);
            needed <= i128::from(silent.count_ones()) + unknown
        };
        self.with_racers(lost, |racers| {
            let have_all = (0..racers.len()).filter(|index| racers[*index].has_all).fold(0, add);
            let is_one =
                |index: &usize| racers[*index].could_take_lock(alive, have_all) && may_lack(&racers[*index], *index);
            self.indices(alive).filter(is_one).fold(0, add)
        })
    }

    /// The nodes whose vote would count for a node of the release `version` that is ahead of all.
    pub fn voting(&self, version: PatroniVersion) -> Nodes {
        let Some(reading) = reading(self.facts, version) else { return 0 };
        let local = LocalState {
            running: true,
            starting: false,
            primary: false,
            timeline: None,
            lsn: i128::MAX,
            watchdog_healthy: true,
            system_identifier: String::new(),
            tags: Tags::default(),
        };
        let view = reading.view("", Behaviours::of(version), &local, self.facts.now);
        let Ok(outsider) = Comparison::with_members(&view) else { return 0 };
        let voters = outsider.asked.iter().filter(|name| outsider.meaning(name, &mut Vec::new()) == Ok(Meaning::Vote));
        self.nodes_exactly(voters.copied())
    }

    /// The nodes that could win with everybody's help once `lost` are gone.
    pub fn eligible(&self, lost: Nodes) -> Nodes {
        let alive = self.all() & !lost;
        self.with_racers(lost, |racers| {
            let could_win = |index: &usize| racers[*index].could_take_lock(alive, 0);
            (0..racers.len()).filter(could_win).fold(0, add)
        })
    }

    /// Why a node cannot take the lock, whatever others answer; empty if it may.
    pub fn own_reasons(&self, index: usize) -> Vec<String> {
        self.with_racers(0, |racers| match racers[index].decided {
            Some(false) => racers[index].own_reasons.clone(),
            _ => Vec::new(),
        })
    }

    /// Why those that `lost` leaves stop a node.
    pub fn stopped_by(&self, lost: Nodes, index: usize) -> Vec<String> {
        self.with_racers(lost, |racers| {
            let reasons = racers[index].reasons_of_others.iter();
            reasons.filter(|(other, _)| lost & (1 << other) == 0).map(|(_, reason)| reason.clone()).collect()
        })
    }

    /// Of the nodes that nobody stops: how many votes the one gets that lacks fewest, and how many it needs; `None` if
    /// there is no such node, or it is not votes that are missing.
    pub fn missing_votes(&self, lost: Nodes) -> Option<(i128, i128)> {
        let alive = self.all() & !lost;
        self.with_racers(lost, |racers| {
            let free = self.indices(alive).map(|index| &racers[index]);
            let free = free.filter(|racer| racer.decided.is_none() && racer.blocks & alive == 0);
            let votes = |racer: &Racer| i128::from((racer.votes & alive).count_ones());
            let counts = free.filter_map(|racer| Some((votes(racer), racer.requirement.quorum? - racer.start)));
            counts.filter(|(votes, needed)| votes < needed).min_by_key(|(votes, needed)| needed - votes)
        })
    }

    /// The indices of a set.
    pub fn indices(&self, set: Nodes) -> impl Iterator<Item = usize> + use<> {
        (0..self.names.len()).filter(move |index| set & (1 << index) != 0)
    }

    fn with_racers<T>(&self, lost: Nodes, use_them: impl FnOnce(&[Racer]) -> T) -> T {
        match &self.racers {
            Some(racers) => use_them(racers),
            None => use_them(&racers(self.facts, &self.names, lost)),
        }
    }
}

fn add(set: Nodes, index: usize) -> Nodes {
    set | 1 << index
}

/// What the nodes of one release read.
struct Reading {
    /// The cluster while it still had its leader.
    before: Cluster,
    after: Cluster,
    config: GlobalConfig,
    answers: Answers,
}

fn racers(facts: &Facts, names: &[&str], lost: Nodes) -> Vec<Racer> {
    let mut after = facts.clone();
    for (index, node) in after.nodes.values_mut().enumerate().filter(|(index, _)| lost & (1 << index) != 0) {
        debug_assert!(index < names.len(), "nodes and names are the same");
        node.local.running = false;
        node.suppose_silent("it is lost");
    }
    let mut readings: BTreeMap<PatroniVersion, Option<Reading>> = BTreeMap::new();
    for node in after.nodes.values() {
        readings.entry(node.version.0).or_insert_with(|| reading(&after, node.version.0));
    }
    let racer = |name: &&str| {
        let node = &after.nodes[*name];
        match &readings[&node.version.0] {
            Some(reading) => racer(names, name, &node.local, node.version.0, reading, facts.now),
            None => Racer::decided(false),
        }
    };
    names.iter().map(racer).collect()
}

impl Reading {
    fn view<'a>(&'a self, name: &'a str, behaviours: Behaviours, local: &'a LocalState, now: f64) -> View<'a> {
        View {
            name,
            behaviours,
            cluster: &self.after,
            config: &self.config,
            old_cluster: &self.before,
            local,
            answers: &self.answers,
            now,
        }
    }
}

/// `None`: Patroni's loader fails on the data.
fn reading(facts: &Facts, version: PatroniVersion) -> Option<Reading> {
    let before = facts.cluster(version).ok()?;
    let after = Cluster { leader: None, ..before.clone() };
    Some(Reading { before, after, config: facts.config(version), answers: facts.answers(version) })
}

fn racer(
    names: &[&str],
    name: &str,
    local: &LocalState,
    version: PatroniVersion,
    reading: &Reading,
    now: f64,
) -> Racer {
    let view = |local| reading.view(name, Behaviours::of(version), local, now);
    let has_all = local.primary || reading.after.sync.leader_matches(name);
    let mut steps = Vec::new();
    let entry = enter(&view(local), &mut steps);
    let own_reasons: Vec<String> = steps.iter().map(explain).collect();
    let comparison = match entry {
        Ok(Entry::Compares(comparison)) => comparison,
        Ok(Entry::Decided(takes_lock)) => return Racer { has_all, own_reasons, ..Racer::decided(takes_lock) },
        Err(raised) => {
            let own_reasons = vec![format!("its HA loop fails with {raised}")];
            return Racer { own_reasons, ..Racer::decided(false) };
        }
    };
    let with_meaning = |comparison: &Comparison<'_>, wanted: Meaning| {
        let means = |member: &&str| match comparison.meaning(member, &mut Vec::new()) {
            Ok(meaning) => meaning == wanted,
            // The HA loop fails: as good as blocked.
            Err(_) => wanted == Meaning::Blocks,
        };
        let asked = comparison.asked.iter().filter(|member| means(member));
        asked.filter_map(|member| names.iter().position(|known| known == member)).fold(0, add)
    };
    let behind = LocalState { lsn: i128::MIN, ..local.clone() };
    let ahead = LocalState { lsn: i128::MAX, ..local.clone() };
    Racer {
        decided: None,
        start: comparison.start(),
        requirement: comparison.requirement(),
        blocks: with_meaning(&comparison, Meaning::Blocks),
        ahead_ignored: with_meaning(&comparison, Meaning::AheadIgnored),
        votes: with_meaning(&comparison, Meaning::Vote),
        always_blocks: with_meaning(&comparison.of(view(&ahead)), Meaning::Blocks),
        would_block: with_meaning(&comparison.of(view(&behind)), Meaning::Blocks),
        would_vote: with_meaning(&comparison.of(view(&ahead)), Meaning::Vote),
        has_all,
        own_reasons,
        reasons_of_others: reasons_of_others(&comparison, names),
    }
}

/// Why others stop the node, in words.
fn reasons_of_others(comparison: &Comparison<'_>, names: &[&str]) -> Vec<(usize, String)> {
    let reason = |member: &&str| {
        let mut steps = Vec::new();
        let stops = comparison.meaning(member, &mut steps) == Ok(Meaning::Blocks);
        let index = names.iter().position(|known| known == member).filter(|_| stops)?;
        Some((index, steps.last().map(explain)?))
    };
    comparison.asked.iter().filter_map(reason).collect()
}
