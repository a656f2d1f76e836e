//! What the cluster survives: every set of lost members, tried.

use std::collections::HashMap;

use crate::decision::case_insensitive_set::CaseInsensitiveSet;
use crate::decision::quorum::commits::CommitQuorum;
use crate::decision::quorum::contest::{Contest, Nodes};
use crate::decision::quorum::situation::{Mode, Situation};
use crate::decision::quorum_state::QuorumState;

/// With more members than this, sets of them are not tried.
pub const MAXIMUM_MEMBERS: usize = 20;

/// The same while a request is pending in `/failover`: then what a node does before it asks others depends on others, too,
/// and each set takes a race of its own.
pub const MAXIMUM_MEMBERS_WITH_REQUEST: usize = 12;

/// What comes of losing each set of members at once. Lost is what neither runs nor answers; it may come back later.
#[derive(Clone, Debug)]
pub struct Margins<'a> {
    /// The races.
    pub contest: Contest<'a>,
    /// By the set of lost nodes.
    outcomes: Vec<Outcome>,
    leader: Nodes,
    /// By property: the size of the smallest set that breaks it.
    smallest: [Option<usize>; 3],
    /// The same for the sets with each member.
    smallest_with: [Vec<Option<usize>>; 3],
}

/// What comes of losing one set of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the lock is free then.
    pub is_race: bool,
    /// Who may take it.
    pub winners: Nodes,
    /// Those of them that may lack a commit which clients were told of.
    pub may_lack_commit: Nodes,
    /// Whether clients can go on writing.
    pub writes: Writes,
}

/// Whether clients can go on writing after a loss. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Writes {
    /// At once.
    GoOn,
    /// This is a standby cluster: nobody writes here.
    Elsewhere,
    /// Commits wait until the leader's loop has run so many times.
    AfterLoops(u8),
    /// Once another member has taken over, and its loop has run so many times.
    AfterFailover(u8),
    /// Not before a member comes back.
    Stop,
}

/// A property that losses may break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// There is a leader, or somebody takes over by itself.
    Failover,
    /// Nobody can take over who may lack a commit which clients were told of.
    Commits,
    /// Clients can write, at the latest after a failover or some loops.
    Writes,
}

impl Outcome {
    /// Whether a property holds.
    pub fn holds(&self, property: Property) -> bool {
        match property {
            Property::Failover => !self.is_race || self.winners != 0,
            Property::Commits => self.may_lack_commit == 0,
            Property::Writes => self.writes != Writes::Stop,
        }
    }
}

impl<'a> Margins<'a> {
    /// Tries every set; `None`: there are too many members.
    pub fn of(situation: &Situation<'a>, commits: &CommitQuorum) -> Option<Self> {
        let contest = Contest::new(situation.facts)?;
        let maximum = if contest.has_request() { MAXIMUM_MEMBERS_WITH_REQUEST } else { MAXIMUM_MEMBERS };
        if maximum < contest.names.len() {
            return None;
        }
        let leader = situation.leader.map_or(0, |leader| contest.nodes([leader].into_iter()));
        let mut writing = Writing::new(situation, commits, &contest);
        let outcome = |lost: Nodes| {
            let is_race = leader == 0 || lost & leader != 0;
            if !is_race {
                let writes = writing.while_leading(lost);
                return Outcome { is_race, winners: 0, may_lack_commit: 0, writes };
            }
            let winners = contest.winners(lost);
            let (acknowledging, unknown) = (writing.names, writing.unknown);
            let may_lack_commit = contest.winners_without_commit(lost, acknowledging, unknown, commits.least);
            let writes = contest.indices(winners).map(|winner| writing.after_failover(lost, winner)).max();
            Outcome { is_race, winners, may_lack_commit, writes: writes.unwrap_or(Writes::Stop) }
        };
        let outcomes: Vec<Outcome> = (0..=contest.all()).map(outcome).collect();
        let none = vec![None; contest.names.len()];
        let smallest_with = [none.clone(), none.clone(), none];
        let mut margins = Self { contest, outcomes, leader, smallest: [None; 3], smallest_with };
        margins.find_smallest();
        Some(margins)
    }

    fn find_smallest(&mut self) {
        let lower = |known: &mut Option<usize>, size: usize| *known = Some(known.map_or(size, |known| known.min(size)));
        for (lost, outcome) in (0..).zip(&self.outcomes) {
            for property in [Property::Failover, Property::Commits, Property::Writes] {
                if outcome.holds(property) {
                    continue;
                }
                let size = Nodes::count_ones(lost) as usize;
                lower(&mut self.smallest[property as usize], size);
                let members = self.smallest_with[property as usize].iter_mut().enumerate();
                members.filter(|(index, _)| lost & (1 << index) != 0).for_each(|(_, known)| lower(known, size));
            }
        }
    }

    /// What comes of losing a set.
    pub fn outcome(&self, lost: Nodes) -> &Outcome {
        &self.outcomes[lost as usize]
    }

    /// Every set with what comes of it.
    pub fn outcomes(&self) -> impl Iterator<Item = (Nodes, &Outcome)> {
        (0..).zip(&self.outcomes)
    }

    /// The leader, as a set.
    pub fn leader(&self) -> Nodes {
        self.leader
    }

    /// The largest number of members whose loss, whichever they are, leaves a property; `None`: it does not even hold now.
    pub fn tolerated(&self, property: Property) -> Option<usize> {
        match self.smallest[property as usize] {
            None => Some(self.contest.names.len()),
            Some(size) => size.checked_sub(1),
        }
    }

    /// The size of the smallest set with a member that breaks a property.
    pub fn smallest_breaking_with(&self, property: Property, index: usize) -> Option<usize> {
        self.smallest_with[property as usize][index]
    }

    /// Every set that breaks a property while no smaller part of it does, small ones first.
    pub fn minimal_breaking(&self, property: Property) -> Vec<Nodes> {
        self.minimal(|outcome| !outcome.holds(property))
    }

    /// Every set that makes commits wait though the leader stays, while no smaller part of it does, small ones first.
    pub fn minimal_waiting(&self) -> Vec<Nodes> {
        self.minimal(|outcome| !outcome.is_race && !matches!(outcome.writes, Writes::GoOn | Writes::Elsewhere))
    }

    fn minimal(&self, is_wanted: impl Fn(&Outcome) -> bool) -> Vec<Nodes> {
        let mut within = vec![false; self.outcomes.len()];
        let mut minimal = Vec::new();
        for (lost, outcome) in self.outcomes() {
            let has_part = self.contest.indices(lost).any(|index| within[(lost & !(1 << index)) as usize]);
            let is_wanted = is_wanted(outcome);
            within[lost as usize] = has_part || is_wanted;
            if is_wanted && !has_part {
                minimal.push(lost);
            }
        }
        // Sets of one size in the order of their names.
        minimal.sort_by_key(|lost| (lost.count_ones(), std::cmp::Reverse(lost.reverse_bits())));
        minimal
    }

    /// The members by how much their loss alone hurts, the worst first, alike ones together.
    pub fn worst_alone(&self) -> Vec<Vec<usize>> {
        let hurt = |index: usize| {
            let lost = 1 << index;
            let outcome = self.outcome(lost);
            let broken = [Property::Failover, Property::Commits, Property::Writes].map(|it| !outcome.holds(it));
            let reserve = |property| self.smallest_breaking_with(property, index).unwrap_or(usize::MAX);
            let reserves = (reserve(Property::Failover), reserve(Property::Writes), reserve(Property::Commits));
            (std::cmp::Reverse((broken, outcome.writes)), reserves)
        };
        let mut members: Vec<usize> = (0..self.contest.names.len()).collect();
        members.sort_by_key(|index| hurt(*index));
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for index in members {
            match groups.last_mut() {
                Some(group) if hurt(group[0]) == hurt(index) => group.push(index),
                _ => groups.push(vec![index]),
            }
        }
        groups
    }
}

/// Sets that are alike: so many of each class of members that can stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// Classes of members with how many of each are meant; a class of which all are meant comes with its size.
    pub parts: Vec<(usize, Vec<usize>)>,
    /// How many sets these are.
    pub count: usize,
}

/// Puts sets together that differ only by members that can stand in for each other in `sets`.
pub fn collapse(count: usize, sets: &[Nodes]) -> Vec<Alike> {
    let mut is_in = vec![false; 1 << count];
    sets.iter().for_each(|set| is_in[*set as usize] = true);
    let swapped = |set: Nodes, one: usize, two: usize| {
        let differs = (set >> one ^ set >> two) & 1;
        set ^ (differs << one | differs << two)
    };
    let are_alike = |one: usize, two: usize| sets.iter().all(|set| is_in[swapped(*set, one, two) as usize]);
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for index in 0..count {
        match classes.iter_mut().find(|class| are_alike(class[0], index)) {
            Some(class) => class.push(index),
            None => classes.push(vec![index]),
        }
    }
    let mut groups: Vec<Alike> = Vec::new();
    for set in sets {
        let taken = |class: &Vec<usize>| class.iter().filter(|index| set & (1 << **index) != 0).count();
        let parts = classes.iter().map(|class| (taken(class), class.clone())).filter(|(taken, _)| 0 < *taken);
        let parts: Vec<_> = parts.collect();
        match groups.iter_mut().find(|group| group.parts == parts) {
            Some(group) => group.count += 1,
            None => groups.push(Alike { parts, count: 1 }),
        }
    }
    groups
}

/// What decides whether commits go on.
struct Writing<'a, 'b> {
    situation: &'b Situation<'a>,
    commits: &'b CommitQuorum,
    /// Who is in `synchronous_standby_names`.
    listed: Nodes,
    /// Who may acknowledge: those, or any standby.
    names: Nodes,
    /// How many more names may have acknowledged commits but are no members now.
    unknown: i128,
    voters: Nodes,
    unknown_voters: i128,
    /// The leader of `/sync`.
    former_leader: Nodes,
    /// Who may become a synchronous standby.
    active: Nodes,
    /// Who receives WAL, and so acknowledges when any standby may.
    streaming: Nodes,
    known: HashMap<Shape, Option<u8>>,
}

/// A state of quorum commit but for the names, of which the resolver knows nothing but their order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    /// How many nodes are voters (bit 1), in `synchronous_standby_names` (bit 2) and active (bit 4), by combination; without
    /// the former leader and the new one.
    counts: [u8; 8],
    quorum: i128,
    numsync: i128,
    confirmed: i128,
    takeover: Takeover,
    /// Whether there is any standby at all, for `*`.
    any_streams: bool,
}

/// Who leads in comparison with `/sync`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Takeover {
    /// Its leader.
    None,
    /// Another node.
    By {
        /// Whether that is one of its voters.
        voter: bool,
        /// Whether its leader is back as a standby.
        former_leader_is_active: bool,
    },
}

impl<'a, 'b> Writing<'a, 'b> {
    fn new(situation: &'b Situation<'a>, commits: &'b CommitQuorum, contest: &Contest<'a>) -> Self {
        let listed = contest.nodes(commits.names.iter().map(String::as_str));
        let sync = &situation.cluster.sync;
        let voters = contest.nodes(sync.voters());
        let streaming = contest.nodes(situation.streaming());
        Self {
            situation,
            commits,
            listed,
            names: if commits.any_standby { streaming } else { listed },
            unknown: commits.names.len() as i128 - i128::from(listed.count_ones()),
            voters,
            unknown_voters: sync.voters().count() as i128 - i128::from(voters.count_ones()),
            former_leader: situation.bit(sync.leader().unwrap_or_default()),
            active: contest.nodes(situation.eligible().into_iter()),
            streaming,
            known: HashMap::new(),
        }
    }

    /// After a loss that leaves the leader.
    fn while_leading(&mut self, lost: Nodes) -> Writes {
        let situation = self.situation;
        if situation.config.standby_cluster {
            return Writes::Elsewhere;
        }
        let acknowledging = self.names & self.streaming & !lost;
        if self.commits.needed <= i128::from(acknowledging.count_ones()) {
            return Writes::GoOn;
        }
        let active = self.active & !lost;
        let any_streams = self.streaming & !lost != 0;
        let loops = match situation.mode {
            Mode::Quorum => self.loops_until_commits(Shape {
                counts: self.counts(self.voters, self.listed, active),
                quorum: situation.cluster.sync.quorum,
                numsync: self.commits.needed,
                confirmed: i128::from((self.listed & active).count_ones()),
                takeover: Takeover::None,
                any_streams,
            }),
            // The leader takes whom it can get, and nobody if there is nobody; strict mode asks for one then.
            _ if !situation.config.synchronous_mode_strict || any_streams => Some(1),
            _ => None,
        };
        loops.map_or(Writes::Stop, Writes::AfterLoops)
    }

    /// After `winner` has taken over.
    ///
    /// Source: patroni/ha.py, `Ha.process_sync_replication_prepromote`, 4.1.5.
    fn after_failover(&mut self, lost: Nodes, winner: usize) -> Writes {
        let situation = self.situation;
        if situation.config.standby_cluster {
            return Writes::Elsewhere;
        }
        let winner: Nodes = 1 << winner;
        let left = !lost & !winner;
        let any_streams = self.streaming & left != 0;
        let loops = match (situation.mode, situation.is_active) {
            (Mode::Quorum, true) => {
                let others = !(winner | self.former_leader);
                let takeover = match winner == self.former_leader {
                    true => Takeover::None,
                    false => Takeover::By {
                        voter: self.voters & winner != 0,
                        former_leader_is_active: self.former_leader & self.streaming & left != 0,
                    },
                };
                let is_member = !matches!(takeover, Takeover::By { voter: false, .. });
                let members = 1 + i128::from((self.voters & !self.former_leader).count_ones()) + self.unknown_voters;
                let voters = self.voters & others;
                self.loops_until_commits(Shape {
                    counts: self.counts(voters, voters, self.active & left & others),
                    quorum: situation.cluster.sync.quorum,
                    numsync: members - situation.cluster.sync.quorum - i128::from(is_member),
                    confirmed: 0,
                    takeover,
                    any_streams,
                })
            }
            (Mode::Asynchronous, _) => Some(0),
            _ if !situation.config.synchronous_mode_strict || any_streams => Some(0),
            _ => None,
        };
        loops.map_or(Writes::Stop, Writes::AfterFailover)
    }

    /// The sizes of a shape's combinations. Voters that are no members are in `synchronous_standby_names`, too, and gone.
    fn counts(&self, voters: Nodes, names: Nodes, active: Nodes) -> [u8; 8] {
        let mut counts = [0; 8];
        for index in 0..self.situation.facts.nodes.len() {
            let has = |set: Nodes| usize::from(set & (1 << index) != 0);
            counts[has(voters) | has(names) << 1 | has(active) << 2] += 1;
        }
        counts[0] = 0;
        counts[3] += u8::try_from(self.unknown_voters).unwrap_or(u8::MAX / 2);
        counts
    }

    /// How many runs of the resolver it takes until as many standbys are left as commits wait for; `None`: it never comes
    /// to that.
    fn loops_until_commits(&mut self, shape: Shape) -> Option<u8> {
        let situation = self.situation;
        *self.known.entry(shape).or_insert_with(|| shape.loops_until_commits(situation))
    }
}

impl Shape {
    fn loops_until_commits(self, situation: &Situation<'_>) -> Option<u8> {
        const FORMER: &str = "former leader";
        const NEW: &str = "new leader";
        let mut state = QuorumState {
            leader: FORMER.to_owned(),
            quorum: self.quorum,
            voters: self.names(1),
            numsync: self.numsync,
            sync: self.names(2),
            numsync_confirmed: self.confirmed,
            active: self.names(4),
            sync_wanted: situation.config.synchronous_node_count,
            leader_wanted: FORMER.to_owned(),
        };
        if let Takeover::By { voter, former_leader_is_active } = self.takeover {
            state.leader_wanted = NEW.to_owned();
            state.sync = state.sync.with(FORMER);
            if voter {
                state.voters = state.voters.with(NEW);
            }
            if former_leader_is_active {
                state.active = state.active.with(FORMER);
            }
        }
        let minimum = i128::from(situation.config.synchronous_mode_strict);
        let goes_on = |state: &QuorumState| {
            let acknowledging = match state.sync.is_empty() {
                true => i128::from(self.any_streams),
                false => state.sync.intersection(&state.active).len() as i128,
            };
            state.numsync.max(minimum) <= acknowledging
        };
        if goes_on(&state) {
            return Some(0);
        }
        let settlement = state.settle(situation.behaviours);
        let run = settlement.runs.iter().position(|run| goes_on(&run.end))?;
        u8::try_from(run + 1).ok()
    }

    /// Made-up names for the nodes that have `bit`.
    fn names(&self, bit: usize) -> CaseInsensitiveSet {
        let combinations = (0..8).filter(|combination| combination & bit != 0);
        let of = |combination: usize| (0..self.counts[combination]).map(move |index| format!("{combination}-{index}"));
        combinations.flat_map(of).collect()
    }
}
