//! Every member with whether it counts in each quorum, and why.

use crate::decision::prediction::facts::{NodeFacts, Origin};
use crate::decision::quorum::commits::CommitQuorum;
use crate::decision::quorum::contest::Contest;
use crate::decision::quorum::situation::{Mode, Situation};
use crate::decision::race::explain_limitation;
use crate::decision::sync_standbys::Choice;
use crate::model::cluster::MemberStatus;

/// One member's place in the quorums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Its name.
    pub name: String,
    /// `leader`, `replica`, `no member key`, or `not a member` for a name that only `/sync` has.
    pub role: &'static str,
    /// Whether it acknowledges commits.
    pub commit: Standing,
    /// Whether its vote counts, or, where there are no votes, whether it may win.
    pub election: Standing,
    /// Whether `/sync` names it.
    pub has_seat: bool,
    /// Whether it gives votes to others.
    pub votes: bool,
    /// Whether it may take the lock if others do not stop it.
    pub may_win: bool,
    /// How far it is behind the leader's position in `/status`, in bytes; `None` when that is unknown or it leads.
    pub lag_bytes: Option<i128>,
}

/// Whether a member counts, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether.
    pub counts: bool,
    /// In a few words.
    pub because: String,
    /// Every reason, with where it is written.
    pub reasons: Vec<Reason>,
}

/// A reason and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What.
    pub text: String,
    /// Where it is written: `dcs:/service/demo/sync`, `rest:pg2`.
    pub from: String,
}

impl Standing {
    fn new(counts: bool, because: impl Into<String>, reasons: Vec<Reason>) -> Self {
        Self { counts, because: because.into(), reasons }
    }
}

/// The seats of all members, then those of names in `/sync` that are none.
pub fn seats(situation: &Situation<'_>, commits: &CommitQuorum) -> Vec<Seat> {
    let contest = Contest::new(situation.facts);
    let mut seats: Vec<Seat> = situation
        .facts
        .nodes
        .iter()
        .enumerate()
        .map(|(index, (name, node))| seat(situation, commits, contest.as_ref(), index, name, node))
        .collect();
    let sync = &situation.cluster.sync;
    let mut strangers: Vec<&str> = Vec::new();
    for name in sync.voters().chain(sync.leader()) {
        let is_same = |known: &str| known.to_lowercase() == name.to_lowercase();
        let is_known =
            situation.facts.nodes.keys().any(|known| is_same(known)) || strangers.iter().any(|it| is_same(it));
        if !is_known && situation.mode != Mode::Asynchronous {
            strangers.push(name);
        }
    }
    seats.extend(strangers.into_iter().map(|name| {
        let reason = || {
            vec![Reason { text: "/sync names it, and no member has this name".to_owned(), from: situation.key("sync") }]
        };
        let is_leader = sync.leader_matches(name);
        let election = match (is_leader, situation.mode) {
            (true, _) => "leader of /sync, but not a member",
            (false, Mode::Quorum) => "holds a seat, but is not a member: never votes",
            (false, _) => "in /sync, but not a member",
        };
        Seat {
            name: name.to_owned(),
            role: "not a member",
            commit: Standing::new(false, "in /sync, but not a member: never acknowledges", reason()),
            election: Standing::new(false, election, reason()),
            has_seat: true,
            votes: false,
            may_win: false,
            lag_bytes: None,
        }
    }));
    seats
}

fn seat(
    situation: &Situation<'_>,
    commits: &CommitQuorum,
    contest: Option<&Contest<'_>>,
    index: usize,
    name: &str,
    node: &NodeFacts,
) -> Seat {
    let is_leader = situation.leader == Some(name);
    let cluster = &situation.cluster;
    let has_key = cluster.member(name).is_some();
    let is_answering = matches!(node.status, MemberStatus::Reachable { .. });
    let bit = 1 << index;
    let is_voting = contest.is_some_and(|contest| contest.voting(situation.version) & bit != 0);
    let may_win = contest
        .is_some_and(|contest| contest.eligible(situation.leader.map_or(0, |leader| situation.bit(leader))) & bit != 0)
        && !is_leader;
    let lag_is_known = !is_leader && cluster.last_lsn != 0 && is_answering;
    Seat {
        name: name.to_owned(),
        role: match (is_leader, has_key, node.local.primary && node.local.running) {
            (true, ..) if situation.config.standby_cluster => "standby leader",
            (true, ..) => "leader",
            (false, true, true) => "primary",
            (false, true, false) => "replica",
            (false, false, _) => "no member key",
        },
        commit: commit(situation, commits, name, node, has_key),
        election: election(situation, contest, index, name, node, is_voting, may_win),
        has_seat: situation.is_active && cluster.sync.has_vote(name),
        votes: is_voting,
        may_win,
        lag_bytes: lag_is_known.then(|| (cluster.last_lsn - node.local.lsn).max(0)),
    }
}

fn commit(situation: &Situation<'_>, commits: &CommitQuorum, name: &str, node: &NodeFacts, has_key: bool) -> Standing {
    let key = situation.key(&format!("members/{name}"));
    let own = if node.status_origin == Origin::Rest { format!("rest:{name}") } else { key.clone() };
    let reason = |text: &str, from: &str| vec![Reason { text: text.to_owned(), from: from.to_owned() }];
    let sync = situation.key("sync");
    let config = situation.key("config");
    if situation.leader == Some(name) {
        return Standing::new(false, "–", reason("the leader has every commit itself", &situation.key("leader")));
    }
    if situation.config.standby_cluster {
        let text = "a standby cluster: clients commit elsewhere";
        return Standing::new(false, "commits are made elsewhere", reason(text, &config));
    }
    if situation.mode == Mode::Asynchronous {
        return Standing::new(false, "commits wait for nobody", reason("synchronous_mode is off", &config));
    }
    let is_named = commits.names.iter().any(|known| known.to_lowercase() == name.to_lowercase());
    let rows_from = match (situation.rows_are_seen, situation.leader) {
        (true, Some(leader)) => format!("rest:{leader}"),
        _ => own.clone(),
    };
    let streams = situation.streaming().any(|row| row.to_lowercase() == name.to_lowercase());
    if is_named || commits.any_standby && streams {
        let named = if commits.any_standby { "any standby may acknowledge (*)" } else { "/sync names it" };
        let mut reasons = reason(named, &sync);
        if streams {
            reasons.extend(reason("it streams from the leader", &rows_from));
            return Standing::new(true, "acknowledges", reasons);
        }
        let why = absent(node, has_key);
        reasons.extend(reason(&why, &rows_from));
        return Standing::new(false, format!("named, but {why}"), reasons);
    }
    let state = situation.current_state().and_then(Result::ok);
    let replica = state.as_ref().and_then(|state| {
        state.replicas.iter().find(|replica| replica.row.application_name.to_lowercase() == name.to_lowercase())
    });
    match replica.map(|replica| &replica.choice) {
        Some(Choice::Chosen { .. }) => {
            Standing::new(false, "not yet: the leader is about to add it", reason("it is not in /sync yet", &sync))
        }
        Some(choice) => {
            let from = match choice {
                Choice::EnoughOthers { .. } | Choice::NoFailover => config,
                Choice::NoSync | Choice::NotRunning(_) | Choice::Cascades(_) => key,
                _ => rows_from,
            };
            Standing::new(false, choice.text(), reason(&choice.text(), &from))
        }
        None => {
            let why = absent(node, has_key);
            let tags = &node.local.tags;
            let mut reasons = Vec::new();
            if tags.nosync(situation.behaviours) {
                reasons.extend(reason("nosync, or sync_priority 0", &own));
            }
            reasons.extend(reason(&why, &own));
            let because = reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ");
            Standing::new(false, because, reasons)
        }
    }
}

/// Why a member has no row in the leader's `pg_stat_replication`.
fn absent(node: &NodeFacts, has_key: bool) -> String {
    let tags = &node.local.tags;
    if !node.local.running {
        match &node.status {
            MemberStatus::Unreachable { .. } => silence(&node.status),
            MemberStatus::Reachable { .. } => "its PostgreSQL is not running".to_owned(),
        }
    } else if tags.nostream {
        "nostream: it reads the archive".to_owned()
    } else if let Some(upstream) = &tags.replicatefrom {
        format!("it replicates from {upstream} (replicatefrom)")
    } else if node.streaming == Some(false) {
        "it does not stream".to_owned()
    } else if node.local.primary {
        "it runs as a primary itself".to_owned()
    } else if !has_key {
        "it has no member key".to_owned()
    } else {
        "the leader does not list it among its standbys".to_owned()
    }
}

/// Why a node does not answer, in words.
pub(super) fn silence(status: &MemberStatus) -> String {
    match status {
        MemberStatus::Unreachable { reason } if reason.starts_with("it") || reason.starts_with("there") => {
            reason.clone()
        }
        MemberStatus::Unreachable { reason } => format!("its REST API does not answer ({reason})"),
        MemberStatus::Reachable { .. } => "it answers".to_owned(),
    }
}

fn election(
    situation: &Situation<'_>,
    contest: Option<&Contest<'_>>,
    index: usize,
    name: &str,
    node: &NodeFacts,
    is_voting: bool,
    may_win: bool,
) -> Standing {
    let sync = &situation.cluster.sync;
    let from_node = match node.status_origin {
        Origin::Rest => format!("rest:{name}"),
        _ => situation.key(&format!("members/{name}")),
    };
    let by_quorum = situation.mode == Mode::Quorum && situation.is_active;
    let by_list = situation.mode == Mode::Synchronous && situation.is_active;
    let is_named = sync.matches(name);
    let mut reasons = Vec::new();
    if by_quorum || by_list {
        let text = match (is_named, sync.leader_matches(name)) {
            (_, true) => "it is the leader of /sync",
            (true, false) => "/sync names it",
            (false, false) => "/sync does not name it",
        };
        reasons.push(Reason { text: text.to_owned(), from: situation.key("sync") });
        let spelled = sync.voters().find(|voter| voter.to_lowercase() == name.to_lowercase() && *voter != name);
        if let Some(spelled) = spelled {
            let text = format!("/sync spells it {spelled}: letters differ in their case alone");
            reasons.push(Reason { text, from: situation.key("sync") });
        }
    }
    if situation.leader == Some(name) {
        let because = match by_quorum {
            true => "leads; once back as the former leader it needs no votes",
            false => "leads",
        };
        return Standing::new(false, because, reasons);
    }
    let own: Vec<String> = contest.map(|contest| contest.own_reasons(index)).unwrap_or_default();
    reasons.extend(own.iter().map(|text| Reason { text: text.clone(), from: from_node.clone() }));
    let limitation = node.status.limitation().ok().flatten();
    let limited = limitation.map(|limitation| match (&node.status, limitation) {
        (MemberStatus::Unreachable { .. }, _) => silence(&node.status),
        (_, limitation) => explain_limitation(limitation).to_owned(),
    });
    if let Some(text) = limited.clone().filter(|text| !own.contains(text)) {
        reasons.push(Reason { text, from: from_node });
    }
    let leader = situation.leader.map_or(0, |leader| situation.bit(leader));
    let stopped = contest.map(|contest| contest.stopped_by(leader, index)).unwrap_or_default();
    reasons.extend(stopped.iter().map(|text| Reason { text: text.clone(), from: "the answers of others".to_owned() }));
    let why = || {
        let first = limited.as_ref().or_else(|| own.first()).or_else(|| stopped.first());
        first.cloned().unwrap_or_else(|| "there are too few votes".to_owned())
    };
    let now = match stopped.first() {
        Some(reason) => format!(", but now {reason}"),
        None => String::new(),
    };
    let is_tagged = node.local.tags.nofailover();
    let former = sync.leader_matches(name);
    let (counts, because) = match (by_quorum, by_list) {
        _ if situation.config.paused && !may_win => (false, "paused: nobody races".to_owned()),
        (true, _) if former && may_win => (true, "former leader: needs no votes unless others are ahead".to_owned()),
        (true, _) if is_named && is_voting && may_win => (true, format!("votes, may win{now}")),
        (true, _) if is_named && is_voting => (true, format!("votes, may not win: {}", why())),
        (true, _) if is_named && is_tagged => (false, "holds a seat, never votes, never wins (nofailover)".to_owned()),
        (true, _) if is_named => (false, format!("holds a seat, but cannot vote: {}", why())),
        (true, _) if may_win => (false, format!("no seat: does not vote, may win with votes of voters{now}")),
        (true, _) => (false, format!("no seat; may not win: {}", why())),
        (_, true) if !is_named && !former => (false, "not in /sync: may not win".to_owned()),
        _ if may_win => (true, format!("may win{now}")),
        _ => (false, format!("may not win: {}", why())),
    };
    Standing::new(counts, because, reasons)
}
