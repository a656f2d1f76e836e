//! The steps of a decision: the reasons that it gives, and the log lines that Patroni writes for them.

use crate::decision::view::Action;
use crate::model::cluster::{Limitation, ReportedTimeline};

/// One thing that Patroni looked at while deciding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The leader shuts PostgreSQL down.
    Demoting,
    /// The timeline cannot be read from `/history`, which holds these lines.
    HistoryUnreadable(&'a str),
    /// Nobody is left to be asked.
    NoCandidates(Action),
    /// The named candidate is not among the sync standbys.
    CandidateNotSync {
        /// What is going on.
        action: Action,
        /// The candidate of `/failover`.
        candidate: &'a str,
        /// `sync_standby` of `/sync` as written.
        sync_standby: Option<&'a str>,
    },
    /// A member must not be promoted.
    Limited {
        /// Who.
        member: &'a str,
        /// Why.
        limitation: Limitation,
    },
    /// A voter that must not be promoted gives no vote either.
    NoVote {
        /// Who.
        member: &'a str,
        /// Why.
        limitation: Limitation,
    },
    /// A member is too far behind.
    Lagging {
        /// Who.
        member: &'a str,
        /// How far behind the position in `/status`, in bytes.
        lag_bytes: i128,
        /// How much is allowed, in bytes.
        allowed_bytes: i128,
    },
    /// A member has not received the shutdown checkpoint.
    CheckpointMissing {
        /// Who.
        member: &'a str,
        /// How many bytes it lacks.
        bytes: i128,
    },
    /// A member is on an old timeline.
    MemberTimelineBehind {
        /// Who.
        member: &'a str,
        /// The timeline that it told.
        timeline: &'a ReportedTimeline,
        /// The cluster's timeline by `/history`.
        cluster_timeline: i128,
    },
    /// A member is fit to take over; the count of such members so far, from -1 or 0 on.
    Healthy {
        /// Who.
        member: &'a str,
        /// Its WAL position in bytes.
        wal_position: i128,
        /// The count of votes after it.
        votes: i128,
    },
    /// A member that may stand but was not asked, because only the named candidate is.
    NotAsked {
        /// Who.
        member: &'a str,
    },
    /// The votes counted against the quorum.
    Votes {
        /// Where counting starts: -1, because the quorum does not count the node that is asked for.
        start: i128,
        /// The result.
        votes: i128,
        /// `quorum` of `/sync`; 0 when it does not apply.
        quorum: i128,
        /// Whether the quorum is looked at.
        applies: bool,
    },
    /// Patroni's own line for a quorum that is out of reach.
    QuorumUnreachable(i128),
    /// The leader refuses for want of healthy candidates.
    NoHealthyMembers(Action),
    /// The leader refuses because it is paused and no candidate is named.
    PausedWithoutCandidate(Action),
    /// The leader refuses because it is itself the candidate.
    AlreadyLeader(Action),
    /// The leader refuses because another leader was named.
    LeaderNameMismatch {
        /// What is going on.
        action: Action,
        /// The name in `/failover`.
        named: &'a str,
        /// The leader.
        leader: &'a str,
    },
    /// The leader removes the request.
    CleaningUp,
    /// The time has not come.
    Awaiting {
        /// What is going on.
        action: Action,
        /// When, as written.
        scheduled_at: &'a str,
        /// Seconds from now.
        seconds: i128,
    },
    /// The time is long past.
    Stale {
        /// What is going on.
        action: Action,
        /// When, as written.
        scheduled_at: &'a str,
    },
    /// The time has come.
    Due {
        /// What is going on.
        action: Action,
        /// When, as written.
        scheduled_at: &'a str,
    },
    /// The time in `/failover` cannot be compared with the clock.
    IncorrectSchedule(&'a str),
    /// This node is too far behind to race.
    IAmLagging {
        /// By how many bytes.
        lag_bytes: i128,
        /// How much is allowed, in bytes.
        allowed_bytes: i128,
    },
    /// This node's timeline is unknown.
    MyTimelineUnknown,
    /// This node is on an old timeline.
    MyTimelineBehind {
        /// Its timeline.
        timeline: i128,
        /// The cluster's timeline by `/history`.
        cluster_timeline: i128,
    },
    /// This node runs as a primary on an old timeline: others have promoted since.
    PrimaryTimelineBehind {
        /// Its timeline.
        timeline: i128,
        /// The cluster's timeline by `/history`.
        cluster_timeline: i128,
    },
    /// Another member runs as a primary.
    PrimaryAlive {
        /// Who.
        member: &'a str,
        /// What Patroni calls it in its log.
        word: &'static str,
    },
    /// Another member has more WAL.
    Ahead {
        /// Who.
        member: &'a str,
        /// By how many bytes.
        bytes: i128,
    },
    /// The former leader has more WAL, which synchronous mode ignores.
    FormerLeaderAheadIgnored,
    /// An equally good member has a higher `failover_priority`.
    HigherPriority {
        /// Who.
        member: &'a str,
        /// Its priority.
        theirs: i128,
        /// This node's priority.
        mine: i128,
    },
    /// The former leader's higher `failover_priority` is ignored.
    FormerLeaderPriorityIgnored {
        /// Who.
        member: &'a str,
        /// Its priority.
        theirs: i128,
        /// This node's priority.
        mine: i128,
    },
    /// A voter is not ahead: one vote.
    Vote {
        /// Who.
        member: &'a str,
        /// The count after it.
        votes: i128,
    },
    /// The former leader needs no votes.
    FormerLeaderNeedsNoVotes,
    /// The watchdog does not work; the flag tells whether Patroni logs it.
    WatchdogUnusable(bool),
    /// The tag `nofailover` forbids it.
    NoFailover,
    /// PostgreSQL is still starting.
    Starting,
    /// PostgreSQL does not run.
    NotRunning,
    /// Cluster paused: nobody races.
    Paused,
    /// Paused, and PostgreSQL's system identifier is not that of the cluster.
    PausedForeignSystem,
    /// It runs as a primary already.
    IsPrimary,
    /// Only sync standbys and the former leader may race.
    NotSync,
    /// `/failsafe` does not list this node.
    NotInFailsafe,
    /// It is the named candidate.
    IAmCandidate,
    /// The named candidate is healthy and has precedence.
    LeftToCandidate {
        /// What is going on.
        action: Action,
        /// The candidate.
        candidate: &'a str,
        /// This node.
        me: &'a str,
    },
    /// The named candidate cannot take over.
    CandidateUnfit {
        /// What is going on.
        action: Action,
        /// The candidate.
        candidate: &'a str,
        /// Why.
        limitation: Limitation,
    },
    /// The named candidate is gone; the paused primary removes the request.
    CandidateGone(Action),
    /// It was the leader, and others can take over.
    LeftToOthers,
    /// It was the leader, and nobody else can take over.
    OnlyMeLeft,
}

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `INFO`
    Info,
    /// `WARNING`
    Warning,
    /// `ERROR`
    Error,
}

impl Level {
    /// As Patroni writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

impl Step<'_> {
    /// The line that Patroni writes at this step, without time and prefix; `None` if it is silent.
    pub fn log(&self) -> Option<(Level, String)> {
        use Level::{Error, Info, Warning};
        Some(match self {
            Self::Demoting => (Info, "Demoting self (graceful)".to_owned()),
            Self::HistoryUnreadable(lines) => (Error, format!("Failed to parse cluster history from DCS: {lines}")),
            Self::NoCandidates(Action::Unnamed) => (Warning, "manual failover: members list is empty".to_owned()),
            Self::NoCandidates(action) => (Warning, format!("{}: candidates list is empty", action.name())),
            Self::CandidateNotSync { action, candidate, sync_standby } => (
                Warning,
                format!(
                    "{} candidate={candidate} does not match with sync_standbys={}",
                    action.title(),
                    sync_standby.unwrap_or("None")
                ),
            ),
            Self::Limited { member, limitation } => (Info, format!("Member {member} is {}", limitation.text())),
            Self::Lagging { member, .. } | Self::CheckpointMissing { member, .. } => {
                (Info, format!("Member {member} exceeds maximum replication lag"))
            }
            Self::MemberTimelineBehind { member, timeline, cluster_timeline } => (
                Info,
                format!("Timeline {timeline} of member {member} is behind the cluster timeline {cluster_timeline}"),
            ),
            Self::QuorumUnreachable(quorum) => (Info, format!("Quorum requirement {quorum} can not be reached")),
            Self::NoHealthyMembers(action) => (
                Warning,
                format!("{}: no healthy members found, {} is not possible", action.name(), action.bare_name()),
            ),
            Self::PausedWithoutCandidate(action) => {
                (Warning, format!("{} is possible only to a specific candidate in a paused state", action.title()))
            }
            Self::AlreadyLeader(action) => {
                (Warning, format!("{}: I am already the leader, no need to {}", action.name(), action.bare_name()))
            }
            Self::LeaderNameMismatch { action, named, leader } => {
                (Warning, format!("{}: leader name does not match: {named} != {leader}", action.name()))
            }
            Self::CleaningUp => (Info, "Cleaning up failover key".to_owned()),
            Self::Awaiting { action, scheduled_at, seconds } => {
                (Info, format!("Awaiting {} at {scheduled_at} (in {seconds} seconds)", action.bare_name()))
            }
            Self::Stale { action, scheduled_at } => {
                (Warning, format!("Found a stale {} value, cleaning up: {scheduled_at}", action.bare_name()))
            }
            Self::Due { action, scheduled_at } => {
                (Info, format!("Manual scheduled {} at {scheduled_at}", action.bare_name()))
            }
            Self::IncorrectSchedule(text) => {
                (Warning, format!("Incorrect value of scheduled_at: {}", text.replacen('T', " ", 1)))
            }
            Self::IAmLagging { .. } => (Info, "My wal position exceeds maximum replication lag".to_owned()),
            Self::MyTimelineUnknown => (Info, "Can not figure out my timeline".to_owned()),
            Self::MyTimelineBehind { timeline, cluster_timeline } => {
                (Info, format!("My timeline {timeline} is behind last known cluster timeline {cluster_timeline}"))
            }
            Self::PrimaryTimelineBehind { timeline, cluster_timeline } => {
                (Warning, format!("My timeline {timeline} is behind last known cluster timeline {cluster_timeline}"))
            }
            Self::PrimaryAlive { member, word } => (Warning, format!("{word} ({member}) is still alive")),
            Self::Ahead { member, .. } => (Info, format!("Wal position of {member} is ahead of my wal position")),
            Self::FormerLeaderAheadIgnored => (Info, "Ignoring the former leader being ahead of us".to_owned()),
            Self::HigherPriority { member, theirs, mine } => (
                Info,
                format!(
                    "{member} has equally tolerable WAL position and priority {theirs}, while this node has priority \
                     {mine}"
                ),
            ),
            Self::FormerLeaderPriorityIgnored { member, theirs, mine } => (
                Info,
                format!(
                    "Ignoring former leader {member} having priority {theirs} higher than this nodes {mine} priority"
                ),
            ),
            Self::Vote { member, .. } => (Info, format!("Got quorum vote from {member}")),
            Self::WatchdogUnusable(true) => (Warning, "Watchdog device is not usable".to_owned()),
            Self::LeftToCandidate { action, candidate, me } => {
                (Info, format!("{}: to {candidate}, i am {me}", action.name()))
            }
            Self::CandidateUnfit { action, candidate, limitation } => {
                (Warning, format!("{}: member {candidate} is {}", action.name(), limitation.text()))
            }
            Self::CandidateGone(action) => {
                (Warning, format!("{}: removing failover key because failover candidate is not running", action.name()))
            }
            Self::Healthy { .. }
            | Self::NoVote { .. }
            | Self::WatchdogUnusable(false)
            | Self::NotAsked { .. }
            | Self::Votes { .. }
            | Self::FormerLeaderNeedsNoVotes
            | Self::NoFailover
            | Self::Starting
            | Self::NotRunning
            | Self::Paused
            | Self::PausedForeignSystem
            | Self::IsPrimary
            | Self::NotSync
            | Self::NotInFailsafe
            | Self::IAmCandidate
            | Self::LeftToOthers
            | Self::OnlyMeLeft => return None,
        })
    }
}
