//! The standbys that replicate from the leader, and what keeps some of them from being synchronous.
//!
//! Source: patroni/postgresql/sync.py, `_ReplicaList`, 3.1.0 to 4.1.5; before, it was part of the functions that choose.

use crate::decision::case_insensitive_set::CaseInsensitiveSet;
use crate::decision::sync_standbys::{Choice, Replica, ReplicaRow};
use crate::decision::view::View;
use crate::model::behaviour::Behaviour;
use crate::model::cluster::{Member, Raised, Tags};

/// A standby that can be chosen.
pub struct Candidate<'a> {
    /// Its place in `CurrentState::replicas`.
    pub index: usize,
    /// As the release names it.
    pub name: &'a str,
    /// `sync_state` of its row.
    pub sync_state: &'a str,
    /// The position that counts, in bytes.
    pub lsn: Option<i128>,
    /// The tags in its member key; an exception only where they are looked at one after the other.
    pub tags: Result<&'a Tags, Raised>,
}

impl Candidate<'_> {
    /// Whether it must not be promoted.
    pub fn nofailover(&self) -> bool {
        self.tags.as_ref().is_ok_and(|tags| tags.nofailover())
    }
}

/// The rows with what keeps them from being chosen, and those that nothing does, best first.
///
/// # Errors
///
/// The tags of a member are such that Patroni raises.
pub fn replica_list<'a>(
    view: &View<'a>,
    rows: &'a [ReplicaRow],
    synchronous_commit: &str,
) -> Result<(Vec<Replica<'a>>, Vec<Candidate<'a>>), Raised> {
    let position = |row: &ReplicaRow| match synchronous_commit {
        "remote_apply" => row.replay_lsn,
        "remote_write" => row.write_lsn,
        _ => row.flush_lsn,
    };
    let members = Members::of(view)?;
    let mut replicas = Vec::with_capacity(rows.len());
    for row in rows {
        let (member, choice) = members.judge(view, row, position(row))?;
        replicas.push(Replica { row, member, choice });
    }
    if members.has_cascades {
        supersede(&mut replicas);
        let connected: CaseInsensitiveSet = replicas
            .iter()
            .filter(|replica| is_open(replica))
            .filter_map(|replica| Some(&replica.member?.name))
            .collect();
        for replica in replicas.iter_mut().filter(|replica| is_open(replica)) {
            let Some(member) = replica.member else { continue };
            if let Some(from) = members.cascades_from(member, &connected)? {
                replica.choice = Choice::Cascades(from);
            }
        }
    }
    let mut candidates = Vec::new();
    for (index, replica) in replicas.iter().enumerate().filter(|(_, replica)| is_open(replica)) {
        let Some(member) = replica.member else { continue };
        let by_application = view.has(Behaviour::StandbysAreNamedByApplication);
        candidates.push(Candidate {
            index,
            name: if by_application { &replica.row.application_name } else { &member.name },
            sync_state: &replica.row.sync_state,
            lsn: position(replica.row),
            tags: member.tags.as_ref().map_err(Clone::clone),
        });
    }
    let has_priority = view.has(Behaviour::SyncPriority);
    candidates.sort_by_key(|candidate| place(&replicas, candidate.index));
    let rank = |candidate: &Candidate<'a>| {
        let priority = candidate.tags.as_ref().map_or(1, |tags| if has_priority { tags.sync_priority() } else { 1 });
        (priority, candidate.sync_state, candidate.lsn.is_none(), candidate.lsn)
    };
    candidates.sort_by(|one, two| rank(two).cmp(&rank(one)));
    Ok((replicas, candidates))
}

/// Whether nothing was found yet that keeps it from being chosen.
fn is_open(replica: &Replica<'_>) -> bool {
    matches!(replica.choice, Choice::Chosen { .. })
}

/// Of several connections by the same name the last one counts, and of several spellings the one that came up last.
fn supersede(replicas: &mut [Replica<'_>]) {
    let rank = |index: usize| {
        let name = &replicas[index].row.application_name;
        let first = replicas.iter().position(|other| is_open(other) && other.row.application_name == *name);
        (first, index)
    };
    let open: Vec<usize> = (0..replicas.len()).filter(|index| is_open(&replicas[*index])).collect();
    let is_superseded = |index: &usize| {
        open.iter().any(|other| is_namesake(&replicas[*other], &replicas[*index]) && rank(*index) < rank(*other))
    };
    let superseded: Vec<usize> = open.iter().copied().filter(is_superseded).collect();
    for index in superseded {
        replicas[index].choice = Choice::Superseded;
    }
}

/// The place of a row among its like: that of the first of its name.
fn place(replicas: &[Replica<'_>], index: usize) -> usize {
    let is_first = |other: &Replica<'_>| other.choice == Choice::Superseded && is_namesake(other, &replicas[index]);
    replicas.iter().position(is_first).map_or(index, |first| first.min(index))
}

fn is_namesake(one: &Replica<'_>, two: &Replica<'_>) -> bool {
    one.row.application_name.to_lowercase() == two.row.application_name.to_lowercase()
}

/// The members that a row can belong to.
struct Members<'a> {
    /// The last one of several that differ by the case of letters counts.
    by_name: Vec<(String, &'a Member)>,
    has_cascades: bool,
}

impl<'a> Members<'a> {
    fn of(view: &View<'a>) -> Result<Self, Raised> {
        let has_cascades = view.has(Behaviour::CascadingStandbysAreNotSync);
        let mut by_name: Vec<(String, &'a Member)> = Vec::new();
        for member in view.cluster.members.iter() {
            if has_cascades && (!is_running(member) || nosync(view, member)?) {
                continue;
            }
            let name = member.name.to_lowercase();
            if view.has(Behaviour::LeaderIsNoStandby) && name == view.name.to_lowercase() {
                continue;
            }
            match by_name.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = member,
                None => by_name.push((name, member)),
            }
        }
        Ok(Self { by_name, has_cascades })
    }

    fn get(&self, name: &str) -> Option<&'a Member> {
        let name = name.to_lowercase();
        self.by_name.iter().find(|(known, _)| *known == name).map(|(_, member)| *member)
    }

    /// What a row says by itself.
    fn judge(
        &self,
        view: &View<'a>,
        row: &'a ReplicaRow,
        lsn: Option<i128>,
    ) -> Result<(Option<&'a Member>, Choice<'a>), Raised> {
        let Some(member) = self.get(&row.application_name) else { return self.explain_missing(view, row) };
        let choice = if row.state != "streaming" {
            Choice::NotStreaming(&row.state)
        } else if lsn.is_none() && view.has(Behaviour::SyncNeedsPosition) {
            Choice::NoPosition
        } else if view.has(Behaviour::SyncStandbysAreConfirmed) && !is_running(member) {
            Choice::NotRunning(member.state.as_deref())
        } else {
            match nosync(view, member) {
                Ok(true) => Choice::NoSync,
                // Until 2.0.1 the tags are looked at one after the other, and only until enough standbys are found.
                Err(raised) if view.has(Behaviour::SyncLagIsLimited) => return Err(raised),
                Ok(false) | Err(_) => Choice::Chosen { confirmed: false },
            }
        };
        Ok((Some(member), choice))
    }

    /// Why no member belongs to a row.
    fn explain_missing(
        &self,
        view: &View<'a>,
        row: &'a ReplicaRow,
    ) -> Result<(Option<&'a Member>, Choice<'a>), Raised> {
        let name = row.application_name.to_lowercase();
        let member = view.cluster.members.iter().rev().find(|member| member.name.to_lowercase() == name);
        let choice = match member {
            None => Choice::NotAMember,
            Some(_) if name == view.name.to_lowercase() => Choice::IsLeader,
            Some(member) if !is_running(member) => Choice::NotRunning(member.state.as_deref()),
            Some(_) => Choice::NoSync,
        };
        Ok((member, choice))
    }

    /// The standby that a member has to replicate from instead of the leader.
    ///
    /// # Errors
    ///
    /// The tags `replicatefrom` go round in a circle: Patroni recurses until Python stops it.
    ///
    /// Source: patroni/postgresql/sync.py, `_ReplicaList._should_cascade`, 3.3.7 to 3.3.11, 4.0.6 to 4.1.5.
    fn cascades_from(&self, member: &'a Member, connected: &CaseInsensitiveSet) -> Result<Option<&'a str>, Raised> {
        let mut current = member;
        // A chain without a circle ends after as many steps as there are members.
        for _ in 0..=self.by_name.len() {
            let Some(from) = upstream(current)? else {
                let cascades = current.name != member.name && connected.contains(&current.name);
                return if cascades { upstream(member) } else { Ok(None) };
            };
            match self.get(from) {
                Some(upstream) => current = upstream,
                None => return Ok(None),
            }
        }
        Err(Raised::new("RecursionError", "maximum recursion depth exceeded while calling a Python object"))
    }
}

fn upstream(member: &Member) -> Result<Option<&str>, Raised> {
    member.tags.as_ref().map_err(Clone::clone)?.upstream()
}

fn nosync(view: &View<'_>, member: &Member) -> Result<bool, Raised> {
    Ok(member.tags.as_ref().map_err(Clone::clone)?.nosync(view.behaviours))
}

/// `Member.is_running`
fn is_running(member: &Member) -> bool {
    member.state.as_deref() == Some("running")
}
