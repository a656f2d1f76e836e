//! Gate `race`: whether a node would try to take the leader lock once it is free.

use crate::decision::candidates::{Occasion, history_unreadable, is_failover_possible};
use crate::decision::step::Step;
use crate::decision::view::{View, nofailover};
use crate::model::behaviour::Behaviour;
use crate::model::cluster::{FailoverKey, Limitation, Member, MemberStatus, Raised};

/// What a node does when there is no leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaceDecision<'a> {
    /// Whether it tries to take the lock; others may, too, and the first one has it. An exception: its HA loop fails.
    pub takes_lock: Result<bool, Raised>,
    /// How it came about.
    pub steps: Vec<Step<'a>>,
}

/// How far a node gets in the race by itself, before it asks others.
#[derive(Clone, Debug)]
pub enum Entry<'a> {
    /// Whether it takes the lock is decided, whatever others answer.
    Decided(bool),
    /// It depends on what others answer.
    Compares(Comparison<'a>),
}

/// The comparison of a racing node with others, which ends the race.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    view: View<'a>,
    /// Whom it asks, in this order.
    pub asked: Vec<&'a str>,
    former_leader: Option<&'a str>,
}

/// What the comparison has to end with for the node to take the lock, when nobody blocks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// `quorum` of `/sync`; `None`: no votes are needed.
    pub quorum: Option<i128>,
    /// The node is the leader of `/sync`: unless others are ahead it needs no votes.
    pub was_leader: bool,
}

impl Requirement {
    /// Whether so many votes, and so many nodes ahead that are ignored, are enough.
    pub fn is_met(self, votes: i128, nodes_ahead: usize) -> bool {
        self.quorum.is_none_or(|quorum| quorum <= votes) || self.was_leader && nodes_ahead == 0
    }
}

/// What the answer of one other member means to a racing node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing: no answer, a limitation, or simply no vote.
    Nothing,
    /// The node gives up: the other one is ahead, runs as a primary, or is as good and has a higher priority.
    Blocks,
    /// It is the former leader and ahead, which synchronous mode ignores.
    AheadIgnored,
    /// A vote.
    Vote,
}

/// Somebody to compare with in the race: a member, or a node known from `/failsafe` alone.
struct Rival<'a> {
    name: &'a str,
    has_api_url: bool,
    /// Looked at only in a comparison: until then malformed tags do no harm.
    nofailover: Result<bool, Raised>,
}

impl<'a> Rival<'a> {
    fn member(member: &'a Member) -> Self {
        Self { name: &member.name, has_api_url: member.api_url.is_some(), nofailover: nofailover(member) }
    }
}

/// Decides whether this node is healthy enough to take the lock.
///
/// Source: patroni/ha.py, `Ha.is_healthiest_node`, 2.0.0 to 4.1.5.
pub fn is_healthiest_node<'a>(view: &View<'a>) -> RaceDecision<'a> {
    let mut steps = Vec::with_capacity(view.cluster.members.len() + 2);
    let takes_lock = decide(view, &mut steps);
    RaceDecision { takes_lock, steps }
}

fn decide<'a>(view: &View<'a>, steps: &mut Vec<Step<'a>>) -> Result<bool, Raised> {
    match enter(view, steps)? {
        Entry::Decided(takes_lock) => Ok(takes_lock),
        Entry::Compares(comparison) => comparison.run(steps),
    }
}

/// Everything in the race that comes before the node asks others, but for the candidate of a request.
///
/// # Errors
///
/// The node's HA loop fails.
pub fn enter<'a>(view: &View<'a>, steps: &mut Vec<Step<'a>>) -> Result<Entry<'a>, Raised> {
    if !view.local.running {
        steps.push(Step::NotRunning);
        return Ok(Entry::Decided(false));
    }
    let failover = view.failover();
    if view.config.paused
        && !view.local.tags.nofailover()
        && let Some(failover) = failover.filter(|failover| failover.scheduled_at.is_none())
        && let Some(entry) = manual_failover_process_no_leader(view, failover, steps)?
    {
        return Ok(entry);
    }
    if view.local.starting && view.has(Behaviour::StartingDisqualifies) {
        steps.push(Step::Starting);
        return Ok(Entry::Decided(false));
    }
    if view.local.primary {
        return primary_may_keep_leading(view, steps).map(Entry::Decided);
    }
    if view.config.paused {
        steps.push(Step::Paused);
        return Ok(Entry::Decided(false));
    }
    if view.local.tags.nofailover() {
        steps.push(Step::NoFailover);
        return Ok(Entry::Decided(false));
    }
    if let Some(failover) = failover {
        if switchover_race_excludes(view, failover)? {
            steps.push(Step::NotSync);
            return Ok(Entry::Decided(false));
        }
        let entry = manual_failover_process_no_leader(view, failover, steps)?;
        return Ok(entry.unwrap_or(Entry::Decided(false)));
    }
    if !view.local.watchdog_healthy {
        steps.push(Step::WatchdogUnusable(view.has(Behaviour::WatchdogIsLogged)));
        return Ok(Entry::Decided(false));
    }
    automatic_race(view, steps)
}

/// Whether synchronous mode keeps this node from racing for the lock after a switchover.
fn switchover_race_excludes(view: &View<'_>, failover: &FailoverKey) -> Result<bool, Raised> {
    let restricts = match view.has(Behaviour::ManualRaceAmongSync) {
        true => true,
        false => view.has(Behaviour::SwitchoverRaceAmongSync) && failover.candidate().is_some(),
    };
    Ok(restricts
        && failover.leader().is_some()
        && synchronous_mode_restricts(view)
        && !view.cluster.sync.try_matches_or_leads(view.name)?)
}

/// Whether synchronous mode restricts who may race for the lock after a request.
fn synchronous_mode_restricts(view: &View<'_>) -> bool {
    match view.has(Behaviour::EmptySyncRestrictsNobody) {
        true => view.sync_mode_is_active(),
        false => view.config.synchronous_mode,
    }
}

/// A node that runs as a primary without the lock.
fn primary_may_keep_leading<'a>(view: &View<'a>, steps: &mut Vec<Step<'a>>) -> Result<bool, Raised> {
    if view.config.paused {
        let initialize = view.cluster.initialize.as_deref().unwrap_or_default();
        let is_ours = initialize.is_empty()
            || view.local.system_identifier == initialize
            || !view.has(Behaviour::PausedPrimaryChecksSystem);
        steps.push(if is_ours { Step::IsPrimary } else { Step::PausedForeignSystem });
        return Ok(is_ours);
    }
    let timeline = view.local.timeline.unwrap_or(0);
    let cluster_timeline = view.cluster.timeline;
    if view.has(Behaviour::PrimaryChecksTimeline) {
        steps.extend(history_unreadable(view));
    }
    let is_behind = timeline < cluster_timeline && view.has(Behaviour::PrimaryChecksTimeline);
    steps.push(if is_behind { Step::PrimaryTimelineBehind { timeline, cluster_timeline } } else { Step::IsPrimary });
    Ok(!is_behind)
}

/// The race after the leader was lost without a request.
fn automatic_race<'a>(view: &View<'a>, steps: &mut Vec<Step<'a>>) -> Result<Entry<'a>, Raised> {
    let mut rivals = Vec::new();
    let mut add = |rival: Rival<'a>| match rivals.iter_mut().find(|known: &&mut Rival<'_>| known.name == rival.name) {
        Some(known) => *known = rival,
        None => rivals.push(rival),
    };
    let (first, last) = match view.has(Behaviour::FailsafeRace) {
        true => (&view.old_cluster.members, &view.cluster.members),
        false => (&view.cluster.members, &view.old_cluster.members),
    };
    first.iter().for_each(|member| add(Rival::member(member)));
    let is_used = view.config.failsafe_mode && view.has(Behaviour::FailsafeRace);
    if let Some(failsafe) = view.cluster.failsafe.as_ref().filter(|failsafe| is_used && !failsafe.is_empty()) {
        if failsafe.iter().all(|(name, _)| name != view.name) {
            steps.push(Step::NotInFailsafe);
            return Ok(Entry::Decided(false));
        }
        for (name, url) in failsafe {
            let has_api_url = url.as_deref().is_some_and(|url| !url.is_empty());
            add(Rival { name, has_api_url, nofailover: Ok(false) });
        }
    }
    last.iter().for_each(|member| add(Rival::member(member)));
    if view.sync_mode_is_active() {
        if !view.config.quorum_commit_mode && !view.cluster.sync.try_matches_or_leads(view.name)? {
            steps.push(Step::NotSync);
            return Ok(Entry::Decided(false));
        }
        for rival in std::mem::take(&mut rivals) {
            if view.cluster.sync.try_matches_or_leads(rival.name)? {
                rivals.push(rival);
            }
        }
    }
    let former_leader = view.old_cluster.leader_name();
    compare_with_others(view, &rivals, true, former_leader, steps)
}

/// A requested switchover or failover whose leader has stepped down. `None`: the node removed a request that cannot
/// be fulfilled and goes on as if there were none.
///
/// Source: patroni/ha.py, `Ha.manual_failover_process_no_leader`, 2.0.0 to 4.1.5.
fn manual_failover_process_no_leader<'a>(
    view: &View<'a>,
    failover: &'a FailoverKey,
    steps: &mut Vec<Step<'a>>,
) -> Result<Option<Entry<'a>>, Raised> {
    let action = view.action();
    if let Some(candidate) = failover.candidate() {
        if candidate == view.name {
            steps.push(Step::IAmCandidate);
            return Ok(Some(Entry::Decided(true)));
        }
        if view.config.paused {
            if view.cluster.member(candidate).is_none() && view.local.primary {
                steps.push(Step::CandidateGone(action));
                return Ok(None);
            }
            steps.push(Step::Paused);
            return Ok(Some(Entry::Decided(false)));
        }
        let sync_restricts =
            view.config.synchronous_mode && !view.config.quorum_commit_mode && view.has(Behaviour::ManualRaceAmongSync);
        if sync_restricts && !view.cluster.sync.try_matches_or_leads(view.name)? {
            steps.push(Step::NotSync);
            return Ok(Some(Entry::Decided(false)));
        }
        if let Some(member) = view.cluster.member(candidate) {
            if let Some(raised) = &member.shapeless {
                return Err(raised.clone());
            }
            match status_of(view, member.name.as_str(), member.api_url.is_some()).limitation()? {
                None => {
                    steps.push(Step::LeftToCandidate { action, candidate, me: view.name });
                    return Ok(Some(Entry::Decided(false)));
                }
                Some(limitation) => steps.push(Step::CandidateUnfit { action, candidate, limitation }),
            }
        }
    } else if view.config.paused {
        steps.push(Step::Paused);
        return Ok(Some(Entry::Decided(false)));
    }
    if failover.leader() == Some(view.name) {
        let occasion = Occasion::Return { excludes_candidate: failover.candidate().is_some() };
        let others = is_failover_possible(view, occasion, steps)?;
        steps.push(if others { Step::LeftToOthers } else { Step::OnlyMeLeft });
        return Ok(Some(Entry::Decided(!others)));
    }
    let among_sync = view.has(Behaviour::ManualRaceAmongSyncStandbys) && view.sync_mode_is_active();
    let mut rivals = Vec::new();
    for member in view.cluster.members.iter() {
        let was_leader = failover.leader.as_deref() == Some(&member.name);
        if !was_leader && (!among_sync || view.cluster.sync.try_matches(&member.name)?) {
            rivals.push(Rival::member(member));
        }
    }
    compare_with_others(view, &rivals, false, None, steps).map(Some)
}

/// Whom this node has to compare itself with; decided already if it is too far behind.
///
/// Source: patroni/ha.py, `Ha._is_healthiest_node`, 2.0.0 to 4.1.5, up to the answers of others.
fn compare_with_others<'a>(
    view: &View<'a>,
    rivals: &[Rival<'a>],
    check_replication_lag: bool,
    former_leader: Option<&'a str>,
    steps: &mut Vec<Step<'a>>,
) -> Result<Entry<'a>, Raised> {
    let reads_timeline_first = view.has(Behaviour::RaceReadsTimelineFirst);
    steps.extend(history_unreadable(view).filter(|_| reads_timeline_first));
    if let Some(lag_bytes) = view.excessive_lag(view.local.lsn).filter(|_| check_replication_lag) {
        steps.push(Step::IAmLagging { lag_bytes, allowed_bytes: view.config.maximum_lag_on_failover });
        return Ok(Entry::Decided(false));
    }
    if !view.config.standby_cluster && view.config.check_timeline {
        steps.extend(history_unreadable(view).filter(|_| !reads_timeline_first));
        let Some(timeline) = view.local.timeline else {
            if !view.has(Behaviour::UnknownTimelineDisqualifies) {
                let text = "'<' not supported between instances of 'NoneType' and 'int'";
                return Err(Raised::new("TypeError", text));
            }
            steps.push(Step::MyTimelineUnknown);
            return Ok(Entry::Decided(false));
        };
        let cluster_timeline = view.cluster.timeline;
        if timeline < cluster_timeline {
            steps.push(Step::MyTimelineBehind { timeline, cluster_timeline });
            return Ok(Entry::Decided(false));
        }
    }
    let former_leader = if view.sync_mode_is_active() { view.cluster.sync.leader() } else { former_leader };
    if view.quorum_commit_mode_is_active() {
        view.cluster.sync.try_members()?;
    }
    Comparison::with(view, rivals, former_leader).map(Entry::Compares)
}

impl<'a> Comparison<'a> {
    /// Whether this node is at least as good as everybody else, and has the votes that it needs.
    fn run(&self, steps: &mut Vec<Step<'a>>) -> Result<bool, Raised> {
        let start = self.start();
        let mut votes = start;
        let mut nodes_ahead = 0;
        for member in &self.asked {
            match self.meaning(member, steps)? {
                Meaning::Nothing => {}
                Meaning::Blocks => return Ok(false),
                Meaning::AheadIgnored => nodes_ahead += 1,
                Meaning::Vote => {
                    votes += 1;
                    steps.push(Step::Vote { member, votes });
                }
            }
        }
        let requirement = self.requirement();
        let is_met = requirement.is_met(votes, nodes_ahead);
        if let Some(quorum) = requirement.quorum {
            steps.push(Step::Votes { start, votes, quorum, applies: true });
            if votes < quorum && is_met {
                steps.push(Step::FormerLeaderNeedsNoVotes);
            }
        }
        Ok(is_met)
    }

    /// The comparison with all members by a node that enters no race.
    ///
    /// # Errors
    ///
    /// The tags of a member are malformed.
    pub fn with_members(view: &View<'a>) -> Result<Self, Raised> {
        let rivals: Vec<Rival<'a>> = view.cluster.members.iter().map(Rival::member).collect();
        Self::with(view, &rivals, None)
    }

    /// The comparison with those of the rivals that are asked.
    fn with(view: &View<'a>, rivals: &[Rival<'a>], former_leader: Option<&'a str>) -> Result<Self, Raised> {
        let mut comparison = Self { view: *view, asked: Vec::with_capacity(rivals.len()), former_leader };
        for rival in rivals {
            // Before 4.0.0 the tags of a member without an API URL were looked at, too.
            let is_looked_at = rival.has_api_url || !view.has(Behaviour::QuorumCommit);
            if rival.name != view.name && is_looked_at {
                let is_excluded = rival.nofailover.clone()? && !comparison.is_voter(rival.name);
                if rival.has_api_url && !is_excluded {
                    comparison.asked.push(rival.name);
                }
            }
        }
        Ok(comparison)
    }

    /// The same comparison by a node in another position.
    pub fn of(&self, view: View<'a>) -> Self {
        Self { view, ..self.clone() }
    }

    /// What it takes to win.
    pub fn requirement(&self) -> Requirement {
        let sync = &self.view.cluster.sync;
        let quorum = self.view.quorum_commit_mode_is_active().then_some(sync.quorum);
        Requirement { quorum, was_leader: sync.leader() == Some(self.view.name) }
    }

    /// The votes before anybody is asked: the quorum does not count a candidate that is a voter, and any other one has
    /// to make up for that.
    pub fn start(&self) -> i128 {
        if self.is_voter(self.view.name) { 0 } else { -1 }
    }

    /// What the answer of `member` means.
    ///
    /// # Errors
    ///
    /// Its tags are malformed: the node's HA loop fails.
    ///
    /// Source: patroni/ha.py, `Ha._is_healthiest_node`, 2.0.0 to 4.1.5, the loop over answers.
    pub fn meaning(&self, member: &'a str, steps: &mut Vec<Step<'a>>) -> Result<Meaning, Raised> {
        let view = &self.view;
        let sync = &view.cluster.sync;
        let status = view.answers.of(member);
        if let Some(limitation) = status.limitation()? {
            if self.is_voter(member) {
                steps.push(Step::NoVote { member, limitation });
            }
            return Ok(Meaning::Nothing);
        }
        let MemberStatus::Reachable { in_recovery, wal_position, tags, .. } = status else {
            return Ok(Meaning::Nothing);
        };
        if !in_recovery {
            let word = if view.has(Behaviour::SaysPrimary) { "Primary" } else { "Master" };
            steps.push(Step::PrimaryAlive { member, word });
            return Ok(Meaning::Blocks);
        }
        let mine = view.local.lsn;
        if mine < *wal_position {
            steps.push(Step::Ahead { member, bytes: wal_position.saturating_sub(mine) });
            if !view.config.synchronous_mode || !sync.try_leader_matches(member)? {
                return Ok(Meaning::Blocks);
            }
            steps.push(Step::FormerLeaderAheadIgnored);
            return Ok(Meaning::AheadIgnored);
        }
        // From 4.0.0 on only nodes whose PostgreSQL is up count, as rivals by priority and as voters.
        if view.has(Behaviour::QuorumCommit) && *wal_position <= 0 {
            return Ok(Meaning::Nothing);
        }
        let my_priority = view.local.tags.failover_priority();
        let theirs = tags.as_ref().map_err(Clone::clone)?.failover_priority();
        if mine == *wal_position && my_priority < theirs && view.has(Behaviour::FailoverPriority) {
            let is_former = self.former_leader.is_some_and(|leader| !leader.is_empty() && leader == member);
            let mode_counts_priority = match view.has(Behaviour::PriorityInSyncMode) {
                true => !view.quorum_commit_mode_is_active(),
                false => !view.sync_mode_is_active(),
            };
            if is_former && view.has(Behaviour::FormerLeaderPriorityIgnored) {
                steps.push(Step::FormerLeaderPriorityIgnored { member, theirs, mine: my_priority });
            } else if mode_counts_priority || self.is_voter(member) {
                steps.push(Step::HigherPriority { member, theirs, mine: my_priority });
                return Ok(Meaning::Blocks);
            }
        }
        Ok(if self.is_voter(member) { Meaning::Vote } else { Meaning::Nothing })
    }

    fn is_voter(&self, name: &str) -> bool {
        self.view.quorum_commit_mode_is_active() && self.view.cluster.sync.has_vote(name)
    }
}

/// The answer of a node, which cannot be asked without an API URL.
fn status_of<'a>(view: &View<'a>, name: &str, has_api_url: bool) -> &'a MemberStatus {
    static NO_URL: std::sync::LazyLock<MemberStatus> =
        std::sync::LazyLock::new(|| MemberStatus::Unreachable { reason: "it has no api_url in the DCS".to_owned() });
    if has_api_url { view.answers.of(name) } else { &NO_URL }
}

/// Why a limitation keeps a node from voting, in words.
pub fn explain_limitation(limitation: Limitation) -> &'static str {
    match limitation {
        Limitation::NotReachable => "its REST API does not answer",
        Limitation::NotAllowedToPromote => "its tags forbid a promotion (nofailover, or failover_priority 0)",
        Limitation::NotWatchdogCapable => "its watchdog is required and failed",
    }
}
