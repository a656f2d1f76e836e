//! The behaviours that changed between releases: which releases have each, as data.
//!
//! Decisions ask [`Behaviours`]; there are no copies of a function per release.

use crate::model::version::PatroniVersion;

/// A half-open range of releases; `until` of `None` is open.
pub type Range = (PatroniVersion, Option<PatroniVersion>);

/// A set of releases; several ranges where a fix was backported.
pub type Releases = &'static [Range];

/// Every release.
pub const ALL: Releases = &[(v(0, 0, 0), None)];

/// Whether `version` is one of `releases`; what is older than [`OLDEST_COVERED`] counts as that.
pub fn holds(releases: Releases, version: PatroniVersion) -> bool {
    let version = version.max(OLDEST_COVERED);
    releases.iter().any(|(from, until)| *from <= version && until.is_none_or(|until| version < until))
}

/// A named behaviour and the releases that have it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name.
    pub behaviour: Behaviour,
    /// The name as reports print it.
    pub name: &'static str,
    /// What it means, one sentence for users.
    pub summary: &'static str,
    /// The Patroni function that changed.
    pub source: &'static str,
    /// The change in Patroni's own tracker, where it was found.
    pub pull_request: Option<&'static str>,
    /// The releases that have it.
    releases: Releases,
}

/// The behaviours that decisions depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Behaviour {
    /// `synchronous_mode: quorum` exists.
    QuorumCommit,
    /// In quorum mode the leader accepts any member as a candidate, also one outside `/sync`.
    QuorumCandidatesUnrestricted,
    /// The leader compares the number of healthy candidates with the quorum.
    LeaderCountsVotes,
    /// With a named candidate the leader does not ask for the quorum.
    NamedCandidateSkipsQuorum,
    /// When the candidate is excluded because it is unhealthy, the other members remain candidates.
    ExcludedCandidateLeavesOthers,
    /// `failover_priority` exists.
    FailoverPriority,
    /// A higher `failover_priority` of the former leader does not block others.
    FormerLeaderPriorityIgnored,
    /// `failover_priority` counts in plain synchronous mode, too.
    PriorityInSyncMode,
    /// A node whose PostgreSQL is still starting takes no part in the race.
    StartingDisqualifies,
    /// In the race of a manual action in synchronous mode only the sync standbys are compared.
    ManualRaceAmongSyncStandbys,
    /// patronictl's list of candidates leaves out the cluster's leader, not the leader that was named.
    CtlExcludesClusterLeader,
    /// `patronictl failover` takes `--leader`.
    CtlFailoverTakesLeader,
    /// Log lines tell a switchover from a failover, and the leader makes one list of candidates for both.
    SwitchoversAreNamed,
    /// With a named candidate the leader of a synchronous cluster checks that candidate alone.
    NamedCandidateAlone,
    /// The former leader leaves the lock to sync standbys only.
    FormerLeaderLooksAtSync,
    /// In synchronous mode only sync standbys race after a switchover with a candidate.
    SwitchoverRaceAmongSync,
    /// The same without a candidate, and when the candidate of a manual failover is unfit.
    ManualRaceAmongSync,
    /// Synchronous mode without a leader in `/sync` restricts nobody.
    EmptySyncRestrictsNobody,
    /// A running primary whose timeline is behind `/history` does not take the lock.
    PrimaryChecksTimeline,
    /// In pause a running primary takes the lock only if its system identifier is the cluster's.
    PausedPrimaryChecksSystem,
    /// A node without a known timeline does not race, instead of failing.
    UnknownTimelineDisqualifies,
    /// `/failsafe` decides who may race.
    FailsafeRace,
    /// The REST API takes a failover with a leader for a switchover, refuses to schedule failovers, and compares the
    /// candidate with the leader.
    ApiTellsFailoverFromSwitchover,
    /// The REST API answers a request without a candidate also when there is no leader.
    ApiWorksWithoutLeader,
    /// `patronictl failover` leaves the leader out of its request.
    CtlTellsFailoverFromSwitchover,
    /// Messages say leader and primary, not master.
    SaysPrimary,
    /// An unusable watchdog is logged.
    WatchdogIsLogged,
    /// A standby that is too far behind is not chosen as a synchronous one.
    SyncLagIsLimited,
    /// A standby that reports no position is not chosen as a synchronous one.
    SyncNeedsPosition,
    /// Standbys that must not be promoted are chosen as synchronous ones only after all others.
    NofailoverComesLast,
    /// A quote in a name is doubled in `synchronous_standby_names`.
    QuotesAreDoubled,
    /// A standby goes into `/sync` only once it has all that was committed before it became synchronous.
    SyncStandbysAreConfirmed,
    /// Synchronous standbys are named by their `application_name`.
    StandbysAreNamedByApplication,
    /// The leader writes `/sync` without standbys before it chooses the first ones.
    SyncIsEnabledFirst,
    /// Standbys in `/sync` that are not synchronous are taken out, also when they are the right ones.
    SyncStandbysAreCompared,
    /// Without synchronous mode the configuration's own `synchronous_standby_names` is in force.
    ConfiguredNamesAreRestored,
    /// A connection with the leader's own name is no standby.
    LeaderIsNoStandby,
    /// Members named `first` or `any` are quoted in `synchronous_standby_names`.
    ReservedNamesAreQuoted,
    /// The warning about `synchronous_standby_names` says Unparsable.
    SaysUnparsable,
    /// A member that has to replicate from another connected standby is not chosen as a synchronous one.
    CascadingStandbysAreNotSync,
    /// The leader looks at what `synchronous_standby_names` holds before it finds nothing to do.
    StandbyNamesAreCompared,
    /// A leader that `/sync` does not name writes it anew.
    SyncLeaderIsCompared,
    /// In quorum mode PostgreSQL before 9.6 gets names without a number.
    QuorumNeedsMultipleSync,
    /// In quorum mode the leader copes with standbys that joined and left before they had caught up.
    QuorumQuickLeaveHandled,
    /// While PostgreSQL shuts down the leader asks whether anybody has received the shutdown checkpoint.
    ShutdownAsksMembers,
    /// A node reads the cluster's timeline first of all, so that a malformed `/history` is always logged.
    RaceReadsTimelineFirst,
    /// The REST API's warning about a failover with a leader says `specified`, not `specifed`.
    SpellsSpecified,
    /// The leader's position is read from `/status`.
    StatusHoldsPosition,
    /// `/status` may be a bare number.
    StatusMayBeNumber,
    /// A member key that holds JSON but no object counts as an empty object.
    ShapelessMemberIsEmpty,
    /// A REST answer with a WAL location is that of a primary, whatever its role.
    PrimaryByLocation,
    /// A REST answer with the role of a primary is that of a replica.
    PrimaryRoleIsReplica,
    /// A REST answer with the role of a primary is that of a primary, too.
    PrimaryByRoleOrLocation,
    /// In a REST answer an empty `wal` is passed over in favour of `xlog`.
    EmptyWalIsPassedOver,
    /// Blanks around the names in `/sync` do not count.
    SyncNamesAreStripped,
    /// An empty string as the leader of `/sync` is a leader.
    EmptySyncLeaderCounts,
    /// Letters in names in `/sync` match in any case, and its leader is no standby.
    SyncNamesIgnoreCase,
    /// Each limit in `/config` is read on its own.
    LimitsAreReadLeniently,
    /// `maximum_lag_on_syncnode` exists.
    SyncNodeLagIsLimited,
    /// The timeouts are called `primary_start_timeout` and `primary_stop_timeout`, the former names still work.
    TimeoutsOfPrimary,
    /// `ttl`, `loop_wait` and `retry_timeout` are adjusted to each other.
    TimingIsAdjusted,
    /// A standby cluster has no synchronous mode.
    StandbyClusterHasNoSyncMode,
    /// A node keeps its own `nofailover: false` beside a `failover_priority`.
    FalseNofailoverIsKept,
    /// `sync_priority` exists.
    SyncPriority,
    /// Settings without a value are part of the merged configuration.
    EmptyDefaultsExist,
    /// `proxy_address` and `config_dir` are read from the local configuration alone.
    ProxyAddressIsLocal,
    /// The section `citus` exists.
    CitusExists,
    /// `ctl.authentication` exists.
    CtlAuthenticates,
    /// A configuration file that holds no mapping is refused by name.
    FilesMustBeMappings,
    /// `postgresql.parameters` that is no mapping is refused by name.
    ParametersMustBeMapping,
    /// A controlled parameter of the wrong type does not spoil the dynamic configuration.
    ControlledParametersAreJudged,
    /// Numbers of controlled parameters may be written as text.
    ControlledNumbersMayBeText,
    /// A controlled number with a unit spoils the dynamic configuration.
    ControlledNumbersMustBePlain,
    /// Numbers of controlled parameters become numbers.
    ControlledNumbersAreConverted,
    /// `hot_standby` and `wal_log_hints` may be spelled out.
    ForcedParametersMayBeOn,
    /// `wal_log_hints` can be switched off.
    WalLogHintsMayBeOff,
    /// An unreadable `PATRONI_RAFT_PARTNER_ADDRS` removes the setting.
    EnvironmentListMayBeNull,
    /// An empty variable of the DCS sets an empty value.
    EmptyVariableCounts,
    /// Variables ask for users at bootstrap.
    EnvironmentMakesUsers,
    /// Tags are compared with each other at the start.
    TagsAreCompared,
    /// Tags are compared only where they are set.
    TagsAreLookedFor,
}

/// The release `major.minor.patch`, short for tables.
pub(in crate::model) const fn v(major: u16, minor: u16, patch: u16) -> PatroniVersion {
    PatroniVersion::new(major, minor, patch)
}

/// The oldest release whose decisions the table covers; older ones are judged as this one, and reports say so.
pub const OLDEST_COVERED: PatroniVersion = v(2, 0, 0);

/// Every behaviour, in the order of [`Behaviour`].
pub const TABLE: &[Row] = &[
    Row {
        behaviour: Behaviour::QuorumCommit,
        name: "quorum-commit",
        summary: "synchronous_mode: quorum exists; earlier releases read it as off",
        source: "patroni/global_config.py, GlobalConfig.is_quorum_commit_mode",
        pull_request: Some("2668"),
        releases: &[(v(4, 0, 0), None)],
    },
    Row {
        behaviour: Behaviour::QuorumCandidatesUnrestricted,
        name: "quorum-candidates-unrestricted",
        summary: "in quorum mode the leader accepts a switchover to a member that is not in /sync",
        source: "patroni/ha.py, Ha.get_failover_candidates",
        pull_request: Some("2668"),
        releases: &[(v(4, 0, 0), Some(v(4, 0, 5)))],
    },
    Row {
        behaviour: Behaviour::LeaderCountsVotes,
        name: "leader-counts-votes",
        summary: "in quorum mode the leader steps down only if enough healthy members are in sight to reach the quorum",
        source: "patroni/ha.py, Ha.is_failover_possible",
        pull_request: Some("3278"),
        releases: &[(v(4, 0, 5), None)],
    },
    Row {
        behaviour: Behaviour::NamedCandidateSkipsQuorum,
        name: "named-candidate-skips-quorum",
        summary: "with a named candidate the leader does not ask for the quorum; 4.0.5 does, and counts the candidate alone",
        source: "patroni/ha.py, Ha.is_failover_possible",
        pull_request: Some("3310"),
        releases: &[(v(4, 0, 6), None)],
    },
    Row {
        behaviour: Behaviour::ExcludedCandidateLeavesOthers,
        name: "excluded-candidate-leaves-others",
        summary: "when the candidate turns out unhealthy the former leader leaves the lock to other healthy members",
        source: "patroni/ha.py, Ha.get_failover_candidates",
        pull_request: Some("3310"),
        releases: &[(v(4, 0, 6), None)],
    },
    Row {
        behaviour: Behaviour::FailoverPriority,
        name: "failover-priority",
        summary: "of members with the same WAL position only those with the highest failover_priority take the lock",
        source: "patroni/ha.py, Ha._is_healthiest_node",
        pull_request: Some("2780"),
        releases: &[(v(3, 2, 0), None)],
    },
    Row {
        behaviour: Behaviour::FormerLeaderPriorityIgnored,
        name: "former-leader-priority-ignored",
        summary: "a higher failover_priority of the former leader does not stop others from taking the lock",
        source: "patroni/ha.py, Ha._is_healthiest_node",
        pull_request: Some("3297"),
        releases: &[(v(3, 3, 7), Some(v(4, 0, 0))), (v(4, 0, 6), None)],
    },
    Row {
        behaviour: Behaviour::PriorityInSyncMode,
        name: "priority-in-sync-mode",
        summary: "failover_priority counts in plain synchronous mode; some releases ignore it there",
        source: "patroni/ha.py, Ha._is_healthiest_node",
        pull_request: Some("3498"),
        releases: &[(v(3, 2, 0), Some(v(4, 0, 0))), (v(4, 0, 8), Some(v(4, 1, 0))), (v(4, 1, 1), None)],
    },
    Row {
        behaviour: Behaviour::StartingDisqualifies,
        name: "starting-disqualifies",
        summary: "a member whose PostgreSQL is still starting does not take the lock",
        source: "patroni/ha.py, Ha.is_healthiest_node",
        pull_request: Some("3518"),
        releases: &[
            (v(2, 0, 0), Some(v(3, 0, 4))),
            (v(3, 3, 9), Some(v(4, 0, 0))),
            (v(4, 0, 8), Some(v(4, 1, 0))),
            (v(4, 1, 1), None),
        ],
    },
    Row {
        behaviour: Behaviour::ManualRaceAmongSyncStandbys,
        name: "manual-race-among-sync-standbys",
        summary: "in the race of a switchover or failover in synchronous mode only sync standbys are compared; \
                  an asynchronous member that is ahead no longer stops them",
        source: "patroni/ha.py, Ha.manual_failover_process_no_leader",
        pull_request: Some("3498"),
        releases: &[(v(4, 0, 8), Some(v(4, 1, 0))), (v(4, 1, 1), None)],
    },
    Row {
        behaviour: Behaviour::CtlExcludesClusterLeader,
        name: "ctl-excludes-cluster-leader",
        summary: "patronictl never offers the current leader as a candidate, whatever leader was named",
        source: "patroni/ctl.py, _do_failover_or_switchover",
        pull_request: None,
        releases: &[(v(3, 2, 2), None)],
    },
    Row {
        behaviour: Behaviour::CtlFailoverTakesLeader,
        name: "ctl-failover-takes-leader",
        summary: "patronictl failover has the option --leader",
        source: "patroni/ctl.py, failover",
        pull_request: None,
        releases: &[(v(2, 0, 0), Some(v(4, 0, 0)))],
    },
    Row {
        behaviour: Behaviour::SwitchoversAreNamed,
        name: "switchovers-are-named",
        summary: "log lines tell a switchover from a failover; a manual failover to an asynchronous member is possible",
        source: "patroni/ha.py, Ha.get_failover_candidates",
        pull_request: Some("2784"),
        releases: &[(v(3, 2, 0), None)],
    },
    Row {
        behaviour: Behaviour::NamedCandidateAlone,
        name: "named-candidate-alone",
        summary: "in synchronous mode the leader checks the named candidate; earlier, any healthy sync standby was enough",
        source: "patroni/ha.py, Ha.process_manual_failover_from_leader",
        pull_request: Some("2769"),
        releases: &[(v(3, 1, 0), None)],
    },
    Row {
        behaviour: Behaviour::FormerLeaderLooksAtSync,
        name: "former-leader-looks-at-sync",
        summary: "the former leader of a synchronous cluster takes the lock back if no sync standby is healthy",
        source: "patroni/ha.py, Ha.is_failover_possible",
        pull_request: Some("2076"),
        releases: &[(v(2, 1, 2), None)],
    },
    Row {
        behaviour: Behaviour::SwitchoverRaceAmongSync,
        name: "switchover-race-among-sync",
        summary: "after a switchover with a candidate only sync standbys and the former leader race",
        source: "patroni/ha.py, Ha.is_healthiest_node",
        pull_request: Some("2076"),
        releases: &[(v(2, 1, 2), None)],
    },
    Row {
        behaviour: Behaviour::ManualRaceAmongSync,
        name: "manual-race-among-sync",
        summary: "after a switchover without a candidate, too, and when a candidate turns out unfit",
        source: "patroni/ha.py, Ha.is_healthiest_node, Ha.manual_failover_process_no_leader",
        pull_request: Some("2406"),
        releases: &[(v(2, 1, 5), None)],
    },
    Row {
        behaviour: Behaviour::EmptySyncRestrictsNobody,
        name: "empty-sync-restricts-nobody",
        summary: "synchronous mode without a leader in /sync is not active yet and restricts nobody",
        source: "patroni/ha.py, Ha.is_failover_possible, Ha.is_healthiest_node",
        pull_request: Some("2652"),
        releases: &[(v(3, 0, 3), None)],
    },
    Row {
        behaviour: Behaviour::PrimaryChecksTimeline,
        name: "primary-checks-timeline",
        summary: "a running primary whose timeline is behind /history does not take the free lock",
        source: "patroni/ha.py, Ha.is_healthiest_node",
        pull_request: Some("2787"),
        releases: &[(v(3, 1, 0), None)],
    },
    Row {
        behaviour: Behaviour::PausedPrimaryChecksSystem,
        name: "paused-primary-checks-system",
        summary: "in pause a running primary takes the lock only if its system identifier is that of /initialize",
        source: "patroni/ha.py, Ha.is_healthiest_node",
        pull_request: None,
        releases: &[(v(2, 0, 1), None)],
    },
    Row {
        behaviour: Behaviour::UnknownTimelineDisqualifies,
        name: "unknown-timeline-disqualifies",
        summary: "with check_timeline a node that does not know its timeline does not race; earlier its loop failed",
        source: "patroni/ha.py, Ha._is_healthiest_node",
        pull_request: Some("2652"),
        releases: &[(v(3, 0, 3), None)],
    },
    Row {
        behaviour: Behaviour::FailsafeRace,
        name: "failsafe-race",
        summary: "with failsafe_mode a node that /failsafe does not list never wins an automatic race",
        source: "patroni/ha.py, Ha.is_healthiest_node",
        pull_request: Some("2379"),
        releases: &[(v(3, 0, 0), None)],
    },
    Row {
        behaviour: Behaviour::ApiTellsFailoverFromSwitchover,
        name: "api-tells-failover-from-switchover",
        summary: "the REST API refuses to schedule a failover and to switch over to the leader itself, and takes a \
                  failover with a leader for a switchover",
        source: "patroni/api.py, RestApiHandler.do_POST_failover",
        pull_request: Some("2784"),
        releases: &[(v(3, 2, 0), None)],
    },
    Row {
        behaviour: Behaviour::ApiWorksWithoutLeader,
        name: "api-works-without-leader",
        summary: "a request without a candidate is answered also when there is no leader; earlier the handler failed",
        source: "patroni/api.py, RestApiHandler.is_failover_possible",
        pull_request: Some("2652"),
        releases: &[(v(3, 0, 3), None)],
    },
    Row {
        behaviour: Behaviour::CtlTellsFailoverFromSwitchover,
        name: "ctl-tells-failover-from-switchover",
        summary: "patronictl failover sends the candidate alone; earlier it named the leader, too",
        source: "patroni/ctl.py, _do_failover_or_switchover",
        pull_request: Some("2784"),
        releases: &[(v(3, 2, 0), None)],
    },
    Row {
        behaviour: Behaviour::SaysPrimary,
        name: "says-primary",
        summary: "messages say leader and primary; earlier they said master",
        source: "patroni/ha.py, patroni/ctl.py",
        pull_request: None,
        releases: &[(v(3, 0, 0), None)],
    },
    Row {
        behaviour: Behaviour::WatchdogIsLogged,
        name: "watchdog-is-logged",
        summary: "a node that does not race because of its watchdog says so in its log",
        source: "patroni/ha.py, Ha.is_healthiest_node",
        pull_request: None,
        releases: &[(v(2, 0, 2), None)],
    },
    Row {
        behaviour: Behaviour::SyncLagIsLimited,
        name: "sync-lag-is-limited",
        summary: "maximum_lag_on_syncnode exists: a standby that is too far behind is not chosen as a \
                  synchronous one",
        source: "patroni/postgresql/__init__.py, Postgresql.pick_synchronous_standby",
        pull_request: None,
        releases: &[(v(2, 0, 2), None)],
    },
    Row {
        behaviour: Behaviour::SyncNeedsPosition,
        name: "sync-needs-position",
        summary: "a standby that reports no position is not chosen as a synchronous one; earlier the leader's \
                  loop could fail on it",
        source: "patroni/postgresql/__init__.py, Postgresql.pick_synchronous_standby",
        pull_request: None,
        releases: &[(v(2, 1, 1), None)],
    },
    Row {
        behaviour: Behaviour::NofailoverComesLast,
        name: "nofailover-comes-last",
        summary: "standbys with the tag nofailover are chosen as synchronous ones only after all others",
        source: "patroni/postgresql/__init__.py, Postgresql.pick_synchronous_standby",
        pull_request: None,
        releases: &[(v(2, 1, 2), None)],
    },
    Row {
        behaviour: Behaviour::QuotesAreDoubled,
        name: "quotes-are-doubled",
        summary: "a quote in a member's name is doubled in synchronous_standby_names",
        source: "patroni/postgresql/config.py, quote_ident",
        pull_request: None,
        releases: &[(v(2, 1, 2), None)],
    },
    Row {
        behaviour: Behaviour::SyncStandbysAreConfirmed,
        name: "sync-standbys-are-confirmed",
        summary: "a standby goes into /sync only once it has what was committed before it got into \
                  synchronous_standby_names, and its member key has to say that it is running",
        source: "patroni/postgresql/sync.py, SyncHandler.current_state",
        pull_request: None,
        releases: &[(v(3, 0, 0), None)],
    },
    Row {
        behaviour: Behaviour::StandbysAreNamedByApplication,
        name: "standbys-are-named-by-application",
        summary: "synchronous standbys are named by their application_name; earlier, by the member of that name \
                  in any case of letters",
        source: "patroni/postgresql/sync.py, _ReplicaList",
        pull_request: None,
        releases: &[(v(3, 1, 0), None)],
    },
    Row {
        behaviour: Behaviour::SyncIsEnabledFirst,
        name: "sync-is-enabled-first",
        summary: "the leader writes /sync without standbys before it chooses the first ones",
        source: "patroni/ha.py, Ha.process_sync_replication",
        pull_request: None,
        releases: &[(v(3, 1, 1), None)],
    },
    Row {
        behaviour: Behaviour::SyncStandbysAreCompared,
        name: "sync-standbys-are-compared",
        summary: "the leader takes standbys that are not synchronous out of /sync also when they are the right \
                  ones",
        source: "patroni/ha.py, Ha.process_sync_replication",
        pull_request: None,
        releases: &[(v(3, 1, 2), None)],
    },
    Row {
        behaviour: Behaviour::ConfiguredNamesAreRestored,
        name: "configured-names-are-restored",
        summary: "without synchronous mode the synchronous_standby_names of the configuration is in force; \
                  earlier it was emptied in every loop",
        source: "patroni/ha.py, Ha.process_sync_replication",
        pull_request: None,
        releases: &[(v(3, 3, 2), None)],
    },
    Row {
        behaviour: Behaviour::LeaderIsNoStandby,
        name: "leader-is-no-standby",
        summary: "a connection with the leader's own name is not chosen as a synchronous standby",
        source: "patroni/postgresql/sync.py, _ReplicaList",
        pull_request: None,
        releases: &[(v(3, 3, 3), None)],
    },
    Row {
        behaviour: Behaviour::ReservedNamesAreQuoted,
        name: "reserved-names-are-quoted",
        summary: "members named first or any are quoted in synchronous_standby_names",
        source: "patroni/postgresql/sync.py, quote_standby_name",
        pull_request: None,
        releases: &[(v(3, 3, 3), Some(v(4, 0, 0))), (v(4, 0, 2), None)],
    },
    Row {
        behaviour: Behaviour::SaysUnparsable,
        name: "says-unparsable",
        summary: "the warning about synchronous_standby_names says Unparsable; earlier, Unparseable",
        source: "patroni/postgresql/sync.py, parse_sync_standby_names",
        pull_request: None,
        releases: &[(v(3, 3, 5), Some(v(4, 0, 0))), (v(4, 0, 4), None)],
    },
    Row {
        behaviour: Behaviour::CascadingStandbysAreNotSync,
        name: "cascading-standbys-are-not-sync",
        summary: "a member that has to replicate from another connected standby is not chosen as a synchronous \
                  one; if the tags replicatefrom go round in a circle the leader's loop fails",
        source: "patroni/postgresql/sync.py, _ReplicaList",
        pull_request: Some("3370"),
        releases: &[(v(3, 3, 7), Some(v(4, 0, 0))), (v(4, 0, 6), None)],
    },
    Row {
        behaviour: Behaviour::StandbyNamesAreCompared,
        name: "standby-names-are-compared",
        summary: "the leader also looks at what synchronous_standby_names holds, not at /sync alone, before it \
                  finds nothing to do",
        source: "patroni/ha.py, Ha._process_multisync_replication",
        pull_request: Some("3370"),
        releases: &[(v(3, 3, 7), Some(v(4, 0, 0))), (v(4, 0, 6), None)],
    },
    Row {
        behaviour: Behaviour::SyncLeaderIsCompared,
        name: "sync-leader-is-compared",
        summary: "a leader that /sync does not name as its leader writes /sync anew",
        source: "patroni/ha.py, Ha._process_multisync_replication",
        pull_request: None,
        releases: &[(v(3, 3, 9), Some(v(4, 0, 0))), (v(4, 0, 8), Some(v(4, 1, 0))), (v(4, 1, 1), None)],
    },
    Row {
        behaviour: Behaviour::QuorumNeedsMultipleSync,
        name: "quorum-needs-multiple-sync",
        summary: "with synchronous_mode: quorum PostgreSQL 9.5 gets a synchronous_standby_names that it can read",
        source: "patroni/postgresql/sync.py, SyncHandler.set_synchronous_standby_names",
        pull_request: None,
        releases: &[(v(4, 0, 5), None)],
    },
    Row {
        behaviour: Behaviour::QuorumQuickLeaveHandled,
        name: "quorum-quick-leave-handled",
        summary: "in quorum mode standbys that join and leave before they have caught up are taken out step by step; \
                  earlier releases drop every voter, or fail in each loop",
        source: "patroni/quorum.py, QuorumStateResolver",
        pull_request: Some("3278"),
        releases: &[(v(4, 0, 5), None)],
    },
    Row {
        behaviour: Behaviour::ShutdownAsksMembers,
        name: "shutdown-asks-members",
        summary: "the leader gives the lock away as soon as a healthy member has received the shutdown checkpoint; earlier \
                  releases hold it until PostgreSQL has stopped",
        source: "patroni/ha.py, Ha.demote",
        pull_request: None,
        releases: &[(v(2, 1, 2), None)],
    },
    Row {
        behaviour: Behaviour::RaceReadsTimelineFirst,
        name: "race-reads-timeline-first",
        summary: "a node in the race reads the timeline of the cluster before anything else and logs a malformed /history, \
                  even without check_timeline",
        source: "patroni/ha.py, Ha._is_healthiest_node",
        pull_request: None,
        releases: &[(v(3, 3, 9), Some(v(4, 0, 0))), (v(4, 0, 8), Some(v(4, 1, 0))), (v(4, 1, 1), None)],
    },
    Row {
        behaviour: Behaviour::SpellsSpecified,
        name: "spells-specified",
        summary: "the warning of the REST API about a failover with a leader says specified; earlier it said specifed",
        source: "patroni/api.py, RestApiHandler.do_POST_failover",
        pull_request: None,
        releases: &[(v(3, 3, 5), Some(v(4, 0, 0))), (v(4, 0, 4), None)],
    },
    Row {
        behaviour: Behaviour::StatusHoldsPosition,
        name: "status-holds-position",
        summary: "lag is measured against the position in /status; earlier, against /optime/leader alone",
        source: "patroni/dcs/etcd3.py, Etcd3._load_cluster",
        pull_request: Some("1820"),
        releases: &[(v(2, 1, 0), None)],
    },
    Row {
        behaviour: Behaviour::StatusMayBeNumber,
        name: "status-may-be-number",
        summary: "/status may hold a bare position, and so may /optime/leader if it is JSON",
        source: "patroni/dcs/__init__.py, Status.from_node",
        pull_request: Some("2853"),
        releases: &[(v(3, 2, 0), None)],
    },
    Row {
        behaviour: Behaviour::ShapelessMemberIsEmpty,
        name: "shapeless-member-is-empty",
        summary: "a member key that holds JSON but no object counts as an empty one; earlier every look at it failed",
        source: "patroni/dcs/__init__.py, Member.from_node",
        pull_request: None,
        releases: &[(v(2, 1, 0), None)],
    },
    Row {
        behaviour: Behaviour::PrimaryByLocation,
        name: "primary-by-location",
        summary: "a member counts as a running primary by the WAL location in its REST answer; earlier by the role master",
        source: "patroni/ha.py, _MemberStatus.from_api_response",
        pull_request: Some("2503"),
        releases: &[(v(2, 1, 6), None)],
    },
    Row {
        behaviour: Behaviour::PrimaryRoleIsReplica,
        name: "primary-role-is-replica",
        summary: "a running primary that reports its role is taken for a replica, so others take the lock beside it",
        source: "patroni/ha.py, _MemberStatus.from_api_response",
        pull_request: Some("2652"),
        releases: &[(v(3, 0, 3), Some(v(3, 1, 0)))],
    },
    Row {
        behaviour: Behaviour::PrimaryByRoleOrLocation,
        name: "primary-by-role-or-location",
        summary: "a member counts as a running primary by the role or the WAL location in its REST answer",
        source: "patroni/ha.py, _MemberStatus.from_api_response",
        pull_request: Some("2773"),
        releases: &[(v(3, 1, 0), None)],
    },
    Row {
        behaviour: Behaviour::EmptyWalIsPassedOver,
        name: "empty-wal-is-passed-over",
        summary: "an empty wal in a REST answer is passed over in favour of xlog",
        source: "patroni/ha.py, _MemberStatus.from_api_response",
        pull_request: Some("2652"),
        releases: &[(v(3, 0, 3), None)],
    },
    Row {
        behaviour: Behaviour::SyncNamesAreStripped,
        name: "sync-names-are-stripped",
        summary: "blanks around the names in /sync do not count",
        source: "patroni/dcs/__init__.py, SyncState",
        pull_request: Some("2614"),
        releases: &[(v(3, 0, 2), None)],
    },
    Row {
        behaviour: Behaviour::EmptySyncLeaderCounts,
        name: "empty-sync-leader-counts",
        summary: "a /sync whose leader is an empty string, or anything else but null, is not empty",
        source: "patroni/dcs/__init__.py, SyncState.is_empty",
        pull_request: Some("2614"),
        releases: &[(v(3, 0, 2), Some(v(3, 0, 3)))],
    },
    Row {
        behaviour: Behaviour::SyncNamesIgnoreCase,
        name: "sync-names-ignore-case",
        summary: "names in /sync match in any case of letters, and its leader no longer counts as a sync standby",
        source: "patroni/dcs/__init__.py, SyncState.matches",
        pull_request: Some("2628"),
        releases: &[(v(3, 0, 3), None)],
    },
    Row {
        behaviour: Behaviour::LimitsAreReadLeniently,
        name: "limits-are-read-leniently",
        summary: "each limit in /config is read on its own; earlier one bad value made Patroni reject the whole key",
        source: "patroni/config.py, GlobalConfig.get_int",
        pull_request: Some("2619"),
        releases: &[(v(3, 0, 3), None)],
    },
    Row {
        behaviour: Behaviour::SyncNodeLagIsLimited,
        name: "sync-node-lag-is-limited",
        summary: "maximum_lag_on_syncnode exists",
        source: "patroni/config.py, Config.__DEFAULT_CONFIG",
        pull_request: None,
        releases: &[(v(2, 0, 2), None)],
    },
    Row {
        behaviour: Behaviour::TimeoutsOfPrimary,
        name: "timeouts-of-primary",
        summary: "the timeouts are called primary_start_timeout and primary_stop_timeout; the names with master still work",
        source: "patroni/config.py, Config.__DEFAULT_CONFIG",
        pull_request: None,
        releases: &[(v(3, 0, 0), None)],
    },
    Row {
        behaviour: Behaviour::TimingIsAdjusted,
        name: "timing-is-adjusted",
        summary: "loop_wait and retry_timeout that do not fit into ttl are lowered, too small values raised",
        source: "patroni/config.py, Config._validate_and_adjust_timeouts",
        pull_request: None,
        releases: &[(v(3, 2, 0), None)],
    },
    Row {
        behaviour: Behaviour::StandbyClusterHasNoSyncMode,
        name: "standby-cluster-has-no-sync-mode",
        summary: "synchronous_mode is ignored in a standby cluster",
        source: "patroni/config.py, GlobalConfig.is_synchronous_mode",
        pull_request: Some("2896"),
        releases: &[(v(3, 2, 0), None)],
    },
    Row {
        behaviour: Behaviour::FalseNofailoverIsKept,
        name: "false-nofailover-is-kept",
        summary: "nofailover: false beside a failover_priority keeps its meaning on the node itself",
        source: "patroni/tags.py, Tags._filter_tags",
        pull_request: Some("2992"),
        releases: &[(v(3, 2, 2), None)],
    },
    Row {
        behaviour: Behaviour::SyncPriority,
        name: "sync-priority",
        summary: "the tag sync_priority exists",
        source: "patroni/tags.py, Tags.sync_priority",
        pull_request: Some("3223"),
        releases: &[(v(4, 1, 0), None)],
    },
    Row {
        behaviour: Behaviour::EmptyDefaultsExist,
        name: "empty-defaults-exist",
        summary: "bin_dir, listen_addresses, port and cluster_name have empty defaults",
        source: "patroni/config.py, Config.__DEFAULT_CONFIG",
        pull_request: None,
        releases: &[(v(2, 0, 0), Some(v(3, 2, 0)))],
    },
    Row {
        behaviour: Behaviour::ProxyAddressIsLocal,
        name: "proxy-address-is-local",
        summary: "postgresql.proxy_address and config_dir in the dynamic configuration are ignored",
        source: "patroni/config.py, Config._safe_copy_dynamic_configuration",
        pull_request: None,
        releases: &[(v(2, 1, 5), None)],
    },
    Row {
        behaviour: Behaviour::CitusExists,
        name: "citus-exists",
        summary: "the section citus exists",
        source: "patroni/config.py, Config._build_effective_configuration",
        pull_request: None,
        releases: &[(v(3, 0, 0), None)],
    },
    Row {
        behaviour: Behaviour::CtlAuthenticates,
        name: "ctl-authenticates",
        summary: "ctl.authentication is what patronictl shows to the REST API",
        source: "patroni/config.py, Config._build_effective_configuration",
        pull_request: None,
        releases: &[(v(3, 1, 0), None)],
    },
    Row {
        behaviour: Behaviour::FilesMustBeMappings,
        name: "files-must-be-mappings",
        summary: "a configuration file without settings is refused by name; other releases fail on it with a traceback",
        source: "patroni/config.py, Config._load_config_path",
        pull_request: None,
        releases: &[(v(3, 3, 6), Some(v(4, 0, 0))), (v(4, 0, 5), None)],
    },
    Row {
        behaviour: Behaviour::ParametersMustBeMapping,
        name: "parameters-must-be-mapping",
        summary: "postgresql.parameters that is no mapping is refused by name; other releases fail on it with a traceback",
        source: "patroni/config.py, Config._process_postgresql_parameters",
        pull_request: None,
        releases: &[(v(3, 3, 9), Some(v(4, 0, 0))), (v(4, 0, 8), Some(v(4, 1, 0))), (v(4, 1, 1), None)],
    },
    Row {
        behaviour: Behaviour::ControlledParametersAreJudged,
        name: "controlled-parameters-are-judged",
        summary: "a controlled parameter of the wrong type gives way to its default; earlier Patroni rejected the whole dynamic configuration",
        source: "patroni/config.py, Config._process_postgresql_parameters",
        pull_request: None,
        releases: &[(v(3, 0, 3), None)],
    },
    Row {
        behaviour: Behaviour::ControlledNumbersMayBeText,
        name: "controlled-numbers-may-be-text",
        summary: "numbers of controlled parameters may be written as text",
        source: "patroni/validator.py, IntValidator.__call__",
        pull_request: None,
        releases: &[(v(3, 0, 4), None)],
    },
    Row {
        behaviour: Behaviour::ControlledNumbersMustBePlain,
        name: "controlled-numbers-must-be-plain",
        summary: "a controlled parameter with a unit, such as wal_keep_size: 128MB, makes Patroni reject the whole dynamic configuration",
        source: "patroni/config.py, Config._process_postgresql_parameters",
        pull_request: None,
        releases: &[(v(3, 1, 1), Some(v(3, 1, 2)))],
    },
    Row {
        behaviour: Behaviour::ControlledNumbersAreConverted,
        name: "controlled-numbers-are-converted",
        summary: "numbers of controlled parameters that are written as text become numbers",
        source: "patroni/config.py, Config._process_postgresql_parameters",
        pull_request: None,
        releases: &[(v(3, 1, 2), None)],
    },
    Row {
        behaviour: Behaviour::ForcedParametersMayBeOn,
        name: "forced-parameters-may-be-on",
        summary: "hot_standby and wal_log_hints may be set to on in any spelling",
        source: "patroni/postgresql/config.py, ConfigHandler.CMDLINE_OPTIONS",
        pull_request: None,
        releases: &[(v(3, 1, 0), None)],
    },
    Row {
        behaviour: Behaviour::WalLogHintsMayBeOff,
        name: "wal-log-hints-may-be-off",
        summary: "wal_log_hints can be switched off",
        source: "patroni/postgresql/config.py, ConfigHandler.CMDLINE_OPTIONS",
        pull_request: None,
        releases: &[(v(4, 0, 0), None)],
    },
    Row {
        behaviour: Behaviour::EnvironmentListMayBeNull,
        name: "environment-list-may-be-null",
        summary: "PATRONI_RAFT_PARTNER_ADDRS that is no list removes the setting",
        source: "patroni/config.py, Config._build_environment_configuration",
        pull_request: None,
        releases: &[(v(2, 0, 0), Some(v(2, 1, 0)))],
    },
    Row {
        behaviour: Behaviour::EmptyVariableCounts,
        name: "empty-variable-counts",
        summary: "an empty PATRONI_<DCS>_* variable sets an empty value",
        source: "patroni/config.py, Config._build_environment_configuration",
        pull_request: None,
        releases: &[(v(3, 0, 0), None)],
    },
    Row {
        behaviour: Behaviour::EnvironmentMakesUsers,
        name: "environment-makes-users",
        summary: "PATRONI_<user>_PASSWORD asks for a user at bootstrap",
        source: "patroni/config.py, Config._build_environment_configuration",
        pull_request: None,
        releases: &[(v(2, 0, 0), Some(v(4, 0, 0)))],
    },
    Row {
        behaviour: Behaviour::TagsAreCompared,
        name: "tags-are-compared",
        summary: "tags that are no mapping keep Patroni from starting",
        source: "patroni/config.py, Config._validate_failover_tags",
        pull_request: None,
        releases: &[(v(3, 2, 0), None)],
    },
    Row {
        behaviour: Behaviour::TagsAreLookedFor,
        name: "tags-are-looked-for",
        summary: "tags are compared only where nofailover is among them",
        source: "patroni/config.py, Config._validate_failover_tags",
        pull_request: None,
        releases: &[(v(3, 2, 2), None)],
    },
];

impl Row {
    /// Whether `version` has this behaviour.
    pub fn holds_in(&self, version: PatroniVersion) -> bool {
        holds(self.releases, version)
    }
}

/// The behaviours of one release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Behaviours(u128);

impl Behaviours {
    /// The behaviours of the release `version`, those of [`OLDEST_COVERED`] for older ones.
    pub fn of(version: PatroniVersion) -> Self {
        let held = TABLE.iter().filter(|row| row.holds_in(version));
        Self(held.fold(0, |set, row| set | 1 << row.behaviour as u8))
    }

    /// This set with `behaviour` the other way round: what a release that differs in it alone would do.
    pub fn flipped(self, behaviour: Behaviour) -> Self {
        Self(self.0 ^ (1 << behaviour as u8))
    }

    /// Whether this set holds `behaviour`.
    pub fn has(self, behaviour: Behaviour) -> bool {
        self.0 & (1 << behaviour as u8) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::version::KNOWN_RELEASES;

    #[test]
    fn rows_are_in_the_order_of_the_enum() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.behaviour as usize, index, "{}", row.name);
        }
    }

    #[test]
    fn releases_of_each_behaviour() {
        let table: String = TABLE
            .iter()
            .map(|row| {
                let releases: Vec<String> =
                    KNOWN_RELEASES.iter().filter(|version| row.holds_in(**version)).map(ToString::to_string).collect();
                format!("{} ({}): {}\n", row.name, row.pull_request.unwrap_or("-"), releases.join(" "))
            })
            .collect();
        insta::assert_snapshot!(table);
    }
}
