//! The cluster's configuration: `/config` in the DCS, and `bootstrap.dcs`, which fills it once.

use super::key::{Apply, INT, Key, Kind, PARSED, SWITCH, Standing, TEXTS, dynamic, one_of, v};

const ENDS: &[(crate::model::version::PatroniVersion, Option<crate::model::version::PatroniVersion>)] =
    &[(v(3, 0, 0), None)];
const PG: Apply = Apply::RestartPostgresql;

/// The rows.
pub(super) const KEYS: &[Key] = &[
    dynamic("ttl", INT.minimum(20).unit("s").kind(), "How long the leader key lives without an update.").default("30"),
    dynamic("loop_wait", INT.minimum(1).unit("s").kind(), "Pause between two rounds of the HA loop.").default("10"),
    dynamic(
        "retry_timeout",
        INT.minimum(3).unit("s").kind(),
        "How long requests to the DCS and PostgreSQL are repeated.",
    )
    .default("10"),
    dynamic(
        "maximum_lag_on_failover",
        PARSED.minimum(0).unit("bytes").kind(),
        "How far behind a member may be to become leader.",
    )
    .default("1048576"),
    dynamic(
        "maximum_lag_on_syncnode",
        PARSED.minimum(-1).unit("bytes").kind(),
        "How far behind a synchronous standby may be; -1: any.",
    )
    .default("-1")
    .releases(&[(v(2, 0, 2), None)]),
    dynamic("max_timelines_history", PARSED.kind(), "Timelines that are kept in the DCS; 0: all.")
        .default("0")
        .unchecked(),
    dynamic(
        "primary_start_timeout",
        PARSED.minimum(0).unit("s").kind(),
        "How long a crashed primary may take to start before a failover.",
    )
    .default("300")
    .releases(ENDS),
    dynamic(
        "primary_stop_timeout",
        PARSED.minimum(0).unit("s").kind(),
        "How long a synchronous primary may take to stop; 0: any.",
    )
    .default("0")
    .releases(ENDS),
    dynamic("master_start_timeout", PARSED.minimum(0).unit("s").kind(), "Older name of primary_start_timeout.")
        .default("300")
        .standing(Standing::Renamed("primary_start_timeout"))
        .unchecked(),
    dynamic("master_stop_timeout", PARSED.minimum(0).unit("s").kind(), "Older name of primary_stop_timeout.")
        .default("0")
        .standing(Standing::Renamed("primary_stop_timeout"))
        .unchecked(),
    dynamic(
        "synchronous_mode",
        Kind::Or(&[SWITCH, one_of(&["quorum"], true)]),
        "Synchronous replication; quorum since 4.0.0.",
    )
    .default("false"),
    dynamic("synchronous_mode_strict", SWITCH, "Commits wait also while no standby is there.").default("false"),
    dynamic("synchronous_node_count", PARSED.minimum(1).kind(), "Standbys that confirm a commit.").default("1"),
    dynamic("failsafe_mode", SWITCH, "The leader goes on without the DCS while it reaches every member.")
        .default("false")
        .releases(ENDS)
        .unchecked(),
    dynamic("check_timeline", SWITCH, "Members on an older timeline do not become leader.")
        .default("false")
        .unchecked(),
    dynamic("pause", SWITCH, "Maintenance mode; patronictl pause sets it.").default("false").unchecked(),
    dynamic(
        "member_slots_ttl",
        PARSED.minimum(0).base("s").kind(),
        "How long the slot of a member that is gone is kept.",
    )
    .default("1800")
    .releases(&[(v(4, 0, 0), None)]),
    dynamic("slots", Kind::Map(&Kind::Any), "Replication slots that outlive a failover, by name.").unchecked(),
    dynamic("permanent_slots", Kind::Map(&Kind::Any), "Older name of slots.")
        .standing(Standing::Renamed("slots"))
        .unchecked(),
    dynamic("permanent_replication_slots", Kind::Map(&Kind::Any), "Older name of slots.")
        .standing(Standing::Renamed("slots"))
        .unchecked(),
    dynamic("slots|permanent_slots|permanent_replication_slots.*", Kind::Or(&[Kind::Section, Kind::Any]), "A slot.")
        .unchecked(),
    dynamic(
        "slots|permanent_slots|permanent_replication_slots.*.type",
        one_of(&["physical", "logical"], false),
        "Its type.",
    )
    .default("physical")
    .unchecked(),
    dynamic("slots|permanent_slots|permanent_replication_slots.*.database", Kind::Name, "Database of a logical slot.")
        .unchecked(),
    dynamic(
        "slots|permanent_slots|permanent_replication_slots.*.plugin",
        Kind::Text,
        "Output plugin of a logical slot.",
    )
    .unchecked(),
    dynamic(
        "slots|permanent_slots|permanent_replication_slots.*.cluster_type",
        one_of(&["primary", "standby"], false),
        "Whether it is kept in the primary cluster or a standby cluster only.",
    )
    .releases(&[(v(4, 1, 0), None)])
    .unchecked(),
    dynamic("ignore_slots", Kind::List(&Kind::Section), "Slots that Patroni leaves alone.")
        .default("[]")
        .releases(&[(v(2, 0, 2), None)])
        .unchecked(),
    dynamic("ignore_slots.[].name", Kind::Name, "Name of the slot.").releases(&[(v(2, 0, 2), None)]).unchecked(),
    dynamic("ignore_slots.[].type", one_of(&["physical", "logical"], false), "Its type.")
        .releases(&[(v(2, 0, 2), None)])
        .unchecked(),
    dynamic("ignore_slots.[].database", Kind::Name, "Its database.").releases(&[(v(2, 0, 2), None)]).unchecked(),
    dynamic("ignore_slots.[].plugin", Kind::Text, "Its output plugin.").releases(&[(v(2, 0, 2), None)]).unchecked(),
    dynamic("standby_cluster", Kind::Section, "Makes the cluster a standby of another one."),
    dynamic("standby_cluster.host", Kind::Text, "Where to stream from; several with commas between since 2.1.3."),
    dynamic("standby_cluster.port", INT.minimum(1).maximum(65_535).exact().kind(), "Its port."),
    dynamic("standby_cluster.primary_slot_name", Kind::Text, "The slot to stream from."),
    dynamic("standby_cluster.create_replica_methods", TEXTS, "Ways to create the standby leader.")
        .default("[basebackup]"),
    dynamic("standby_cluster.restore_command", Kind::Text, "Command that fetches WAL from the archive."),
    dynamic("standby_cluster.archive_cleanup_command", Kind::Text, "Command that removes old WAL from the archive."),
    dynamic(
        "standby_cluster.recovery_min_apply_delay",
        Kind::Lenient(&Kind::Text, &[PARSED.kind()]),
        "How long changes wait before they are applied.",
    ),
    dynamic("postgresql.use_slots", SWITCH, "Replication slots for the members.").default("true"),
    // ---------------------------------------------------------------------------- parameters that Patroni hands to PostgreSQL itself
    dynamic("postgresql.parameters.wal_level", one_of(&["hot_standby", "replica", "logical"], true), "What WAL holds.")
        .default("hot_standby")
        .apply(PG)
        .unchecked(),
    dynamic("postgresql.parameters.hot_standby", SWITCH, "Standbys answer queries; has to stay on.")
        .default("on")
        .apply(PG)
        .unchecked(),
    dynamic("postgresql.parameters.max_connections", PARSED.minimum(25).maximum(262_143).kind(), "Connections.")
        .default("100")
        .apply(PG),
    dynamic(
        "postgresql.parameters.max_wal_senders",
        PARSED.minimum(3).maximum(262_143).kind(),
        "Processes that send WAL.",
    )
    .default("10")
    .apply(PG),
    dynamic(
        "postgresql.parameters.wal_keep_segments",
        PARSED.minimum(1).kind(),
        "WAL that is kept for standbys; PostgreSQL 12 or older.",
    )
    .default("8")
    .unchecked(),
    dynamic(
        "postgresql.parameters.wal_keep_size",
        PARSED.minimum(16).base("MB").kind(),
        "WAL that is kept for standbys; PostgreSQL 13 or newer.",
    )
    .default("128MB")
    .unchecked(),
    dynamic(
        "postgresql.parameters.max_prepared_transactions",
        PARSED.minimum(0).maximum(262_143).kind(),
        "Prepared transactions.",
    )
    .default("0")
    .apply(PG),
    dynamic(
        "postgresql.parameters.max_locks_per_transaction",
        PARSED.minimum(32).maximum(2_147_483_647).kind(),
        "Locks.",
    )
    .default("64")
    .apply(PG),
    dynamic("postgresql.parameters.track_commit_timestamp", SWITCH, "Keeps the time of every commit.")
        .default("off")
        .apply(PG)
        .unchecked(),
    dynamic(
        "postgresql.parameters.max_replication_slots",
        PARSED.minimum(4).maximum(262_143).kind(),
        "Replication slots.",
    )
    .default("10")
    .apply(PG),
    dynamic(
        "postgresql.parameters.max_worker_processes",
        PARSED.minimum(2).maximum(262_143).kind(),
        "Background processes.",
    )
    .default("8")
    .apply(PG),
    dynamic("postgresql.parameters.wal_log_hints", SWITCH, "Makes pg_rewind possible; forced on before 4.0.0.")
        .default("on")
        .apply(PG)
        .unchecked(),
];
