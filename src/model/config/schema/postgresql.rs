//! What `postgresql` may hold in the node's own configuration and in the cluster's.

use super::key::{Apply, Environment, FLOAT, Key, Kind, Standing, TEXTS, TRUTHY, both, v};

const RESTART: Apply = Apply::Restart;
const BOOTSTRAP: Apply = Apply::Bootstrap;
const ANY_MAP: Kind = Kind::Map(&Kind::Any);

/// The rows.
pub(super) const KEYS: &[Key] = &[
    both("postgresql", Kind::Section, "PostgreSQL on this node, or on every node.").need(super::Need::Patroni),
    both("postgresql.bin_dir", Kind::Path, "Directory of PostgreSQL's programs; without it they are searched in PATH.")
        .apply(RESTART)
        .env(),
    both("postgresql.bin_name", Kind::Section, "Other names of PostgreSQL's programs.").releases(&[(v(3, 0, 3), None)]),
    both(
        "postgresql.bin_name.pg_ctl|initdb|pg_controldata|pg_basebackup|postgres|pg_isready|pg_rewind",
        Kind::Text,
        "Name of this program.",
    )
    .releases(&[(v(3, 0, 3), None)])
    .env_as(Environment::Prefixed("POSTGRESQL_BIN_")),
    both("postgresql.config_base_name", Kind::Text, "Name of postgresql.conf, without the suffix.")
        .default("postgresql")
        .apply(RESTART)
        .unchecked(),
    both("postgresql.database", Kind::Name, "Database that Patroni connects to.")
        .default("postgres")
        .apply(RESTART)
        .unchecked(),
    both("postgresql.krbsrvname", Kind::Text, "Kerberos service name.").unchecked(),
    both("postgresql.parameters", ANY_MAP, "Parameters for postgresql.conf."),
    both(
        "postgresql.parameters.unix_socket_directories",
        Kind::Text,
        "Directories of Unix sockets, with commas between.",
    )
    .apply(Apply::RestartPostgresql),
    both("postgresql.parameters.*", Kind::Any, "A parameter of PostgreSQL.").unchecked(),
    both("postgresql.pg_hba", TEXTS, "Lines of pg_hba.conf; those of the node replace those of the cluster."),
    both("postgresql.pg_ident", TEXTS, "Lines of pg_ident.conf."),
    both("postgresql.custom_conf", Kind::Path, "File that postgresql.conf includes instead of postgresql.base.conf.")
        .unchecked(),
    both("postgresql.recovery_conf", ANY_MAP, "Recovery settings of standbys.").unchecked(),
    both("postgresql.use_pg_rewind", TRUTHY, "Rewinds a former primary instead of cloning it anew.").default("false"),
    both("postgresql.remove_data_directory_on_rewind_failure", TRUTHY, "Clones anew when pg_rewind fails.")
        .default("false")
        .unchecked(),
    both(
        "postgresql.remove_data_directory_on_diverged_timelines",
        TRUTHY,
        "Clones anew when pg_rewind is not possible.",
    )
    .default("false")
    .unchecked(),
    both(
        "postgresql.basebackup",
        Kind::Or(&[Kind::List(&Kind::Or(&[Kind::Text, ANY_MAP])), ANY_MAP]),
        "Options of pg_basebackup.",
    )
    .apply(BOOTSTRAP)
    .unchecked(),
    both("postgresql.create_replica_methods", TEXTS, "Ways to create a replica, in order.")
        .default("[basebackup]")
        .apply(BOOTSTRAP)
        .unchecked(),
    both("postgresql.create_replica_method", TEXTS, "Older name of create_replica_methods.")
        .standing(Standing::Renamed("postgresql.create_replica_methods"))
        .apply(BOOTSTRAP)
        .unchecked(),
    both("postgresql.callbacks", Kind::Section, "Commands that run on events.").unchecked(),
    both(
        "postgresql.callbacks.on_reload|on_restart|on_role_change|on_start|on_stop",
        Kind::Text,
        "Command for this event.",
    )
    .unchecked(),
    both("postgresql.pre_promote", Kind::Text, "Command that has to succeed before a promotion.").unchecked(),
    both("postgresql.before_stop", Kind::Text, "Command that runs before PostgreSQL stops.")
        .releases(&[(v(3, 0, 3), None)])
        .unchecked(),
    both("postgresql.pg_ctl_timeout", FLOAT.minimum(0).unit("s").kind(), "How long pg_ctl waits.").default("60"),
    both("postgresql.use_unix_socket", TRUTHY, "Connects through a Unix socket.").default("false").unchecked(),
    both("postgresql.use_unix_socket_repl", TRUTHY, "Replication connections to this node, too.")
        .default("false")
        .releases(&[(v(2, 1, 0), None)])
        .unchecked(),
    both("postgresql.*", Kind::Section, "A custom way to create replicas, named in create_replica_methods.")
        .apply(BOOTSTRAP)
        .unchecked(),
    both("postgresql.*.command", Kind::Text, "The command; the section's other keys become its options.")
        .apply(BOOTSTRAP)
        .unchecked(),
    both("postgresql.*.keep_data", TRUTHY, "Leaves the data directory as it is.")
        .default("false")
        .apply(BOOTSTRAP)
        .unchecked(),
    both("postgresql.*.no_params", TRUTHY, "Calls the command without the usual options.")
        .default("false")
        .apply(BOOTSTRAP)
        .unchecked(),
    both("postgresql.*.no_leader", TRUTHY, "Works without a running leader.")
        .default("false")
        .releases(&[(v(3, 0, 0), None)])
        .apply(BOOTSTRAP)
        .unchecked(),
    both("postgresql.*.no_master", TRUTHY, "Older name of no_leader.")
        .default("false")
        .standing(Standing::Renamed("no_leader"))
        .releases(&[(v(2, 0, 0), Some(v(4, 0, 0)))])
        .apply(BOOTSTRAP)
        .unchecked(),
    both("postgresql.*.*", Kind::Any, "An option of the command.").apply(BOOTSTRAP).unchecked(),
];
