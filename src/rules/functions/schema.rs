//! The keys that Patroni knows, by section.

/// Where a misplaced key belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The dynamic configuration (`patronictl edit-config`).
    Dynamic,
    /// A section of the same text.
    Below(&'static str),
}

/// Sections with a closed set of keys. `local` is `patroni.yml`, `dynamic` is `/config` and `bootstrap.dcs`.
///
/// Source: patroni/validator.py `schema`, patroni/config.py, patroni/global_config.py, patroni/postgresql/*.py and
/// patroni/dcs/*.py, all releases to 4.1.5.
const SECTIONS: &[(&str, &str)] = &[
    (
        "local",
        "name scope namespace thread_pool_size thread_stack_size log bootstrap restapi ctl watchdog tags citus etcd \
         etcd3 consul zookeeper exhibitor kubernetes raft postgresql",
    ),
    (
        "local.log",
        "type level traceback_level format dateformat static_fields max_queue_size dir file_num file_size mode loggers \
         deduplicate_heartbeat_logs",
    ),
    ("local.bootstrap", "dcs method initdb post_bootstrap post_init pg_hba users"),
    (
        "local.restapi",
        "listen connect_address authentication certfile keyfile keyfile_password cafile ciphers verify_client allowlist \
         allowlist_include_members http_extra_headers https_extra_headers request_queue_size server_tokens \
         thread_pool_size",
    ),
    ("local.restapi.authentication", "username password"),
    ("local.ctl", "insecure cacert certfile keyfile keyfile_password authentication"),
    ("local.ctl.authentication", "username password"),
    ("local.watchdog", "mode device safety_margin driver"),
    ("local.citus", "group database"),
    (
        "local.etcd",
        "host hosts url proxy srv srv_suffix use_proxies protocol username password cacert cert key port version_prefix \
         discovery_srv srv_domain",
    ),
    (
        "local.etcd3",
        "host hosts url proxy srv srv_suffix use_proxies protocol username password cacert cert key port version_prefix \
         discovery_srv srv_domain",
    ),
    (
        "local.consul",
        "host url port scheme token verify cacert cert key dc checks register_service service_tags \
         service_check_interval service_check_tls_server_name consistency",
    ),
    ("local.zookeeper", "hosts use_ssl cacert cert key key_password verify set_acls auth_data"),
    ("local.exhibitor", "hosts port poll_interval"),
    (
        "local.kubernetes",
        "labels namespace scope_label role_label leader_label_value follower_label_value standby_leader_label_value \
         tmp_role_label bootstrap_labels use_endpoints pod_ip ports bypass_api_service retriable_http_codes cacert \
         context",
    ),
    ("local.raft", "self_addr bind_addr partner_addrs data_dir password"),
    (
        "local.postgresql",
        "listen connect_address proxy_address data_dir config_dir config_base_name bin_dir bin_name database pgpass \
         krbsrvname authentication parameters pg_hba pg_ident custom_conf recovery_conf use_pg_rewind \
         remove_data_directory_on_rewind_failure remove_data_directory_on_diverged_timelines basebackup \
         create_replica_methods create_replica_method callbacks pre_promote before_stop pg_ctl_timeout use_unix_socket \
         use_unix_socket_repl name scope pg_rewind",
    ),
    ("local.postgresql.bin_name", "pg_ctl initdb pg_controldata pg_basebackup postgres pg_isready pg_rewind"),
    ("local.postgresql.authentication", "superuser replication rewind"),
    ("local.postgresql.authentication.superuser", AUTHENTICATION),
    ("local.postgresql.authentication.replication", AUTHENTICATION),
    ("local.postgresql.authentication.rewind", AUTHENTICATION),
    ("local.postgresql.callbacks", "on_reload on_restart on_role_change on_start on_stop"),
    (
        "dynamic",
        "ttl loop_wait retry_timeout maximum_lag_on_failover maximum_lag_on_syncnode max_timelines_history \
         primary_start_timeout primary_stop_timeout master_start_timeout master_stop_timeout synchronous_mode \
         synchronous_mode_strict synchronous_node_count failsafe_mode check_timeline pause member_slots_ttl slots \
         permanent_slots permanent_replication_slots ignore_slots standby_cluster postgresql",
    ),
    (
        "dynamic.standby_cluster",
        "host port primary_slot_name create_replica_methods restore_command archive_cleanup_command \
         recovery_min_apply_delay",
    ),
    (
        "dynamic.postgresql",
        "use_slots parameters pg_hba pg_ident custom_conf recovery_conf use_pg_rewind \
         remove_data_directory_on_rewind_failure remove_data_directory_on_diverged_timelines basebackup \
         create_replica_methods create_replica_method callbacks pre_promote before_stop pg_ctl_timeout use_unix_socket \
         use_unix_socket_repl bin_dir bin_name database krbsrvname config_base_name",
    ),
];

const AUTHENTICATION: &str = "username password sslmode sslcert sslkey sslpassword sslrootcert sslcrl sslcrldir \
                              gssencmode channel_binding sslnegotiation";

/// Tags that Patroni knows.
const TAGS: &[&str] = &[
    "nofailover",
    "failover_priority",
    "nosync",
    "sync_priority",
    "clonefrom",
    "noloadbalance",
    "replicatefrom",
    "nostream",
];

/// The keys of a section; `None` when it takes any.
pub fn children(section: &str) -> Option<Vec<&'static str>> {
    let (_, keys) = SECTIONS.iter().find(|(name, _)| *name == section)?;
    Some(keys.split_whitespace().collect())
}

/// Where a key that its section does not know belongs.
pub fn home(kind: &str, section: &str, key: &str) -> Option<Home> {
    let knows = |section: &str| children(section).is_some_and(|keys| keys.contains(&key));
    let is_dynamic = knows("dynamic") && key != "postgresql";
    match (kind, section) {
        ("local", "local") if is_dynamic => Some(Home::Dynamic),
        ("local", "local.postgresql") if is_dynamic || key == "use_slots" => Some(Home::Dynamic),
        ("local", "local.bootstrap") if is_dynamic || key == "postgresql" => Some(Home::Below("bootstrap.dcs")),
        ("local", "local.postgresql") if matches!(key, "initdb" | "post_init" | "post_bootstrap") => {
            Some(Home::Below("bootstrap"))
        }
        ("local", "local") if TAGS.contains(&key) => Some(Home::Below("tags")),
        ("local", "local") if key == "initdb" => Some(Home::Below("bootstrap")),
        ("local", "local") if knows("local.postgresql") || key == "use_slots" => Some(Home::Below("postgresql")),
        ("dynamic", "dynamic") if knows("dynamic.postgresql") => Some(Home::Below("postgresql")),
        ("dynamic", "dynamic") if matches!(key, "initdb" | "users" | "method") => Some(Home::Below("bootstrap")),
        ("dynamic", "dynamic") if knows("local") => Some(Home::Below("the root of patroni.yml")),
        ("dynamic", "dynamic") if TAGS.contains(&key) => Some(Home::Below("tags of patroni.yml")),
        ("dynamic", "dynamic.postgresql") if knows("dynamic") => {
            Some(Home::Below("the root of the dynamic configuration"))
        }
        ("dynamic", "dynamic.postgresql") if knows("local.postgresql") => {
            Some(Home::Below("postgresql of patroni.yml"))
        }
        _ => None,
    }
}

/// Whether people rely on the key for their data or for failover.
pub fn protects(key: &str) -> bool {
    key.starts_with("synchronous_")
        || matches!(
            key,
            "failsafe_mode" | "slots" | "permanent_slots" | "watchdog" | "tags" | "maximum_lag_on_failover"
        )
        || TAGS.contains(&key)
}

/// The known name that is most alike, if one is alike at all: at most two letters differ.
pub fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let candidates = known.iter().map(|name| (strsim::levenshtein(key, name), *name));
    candidates.filter(|(distance, name)| *distance <= 2 && 2 * distance < name.len()).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_name() {
        let known = children("dynamic").expect("a section");
        let check = |key: &str, expected: Option<&str>| assert_eq!(nearest(key, &known), expected, "{key}");
        check("maximum_lag_on_failver", Some("maximum_lag_on_failover"));
        check("syncronous_mode", Some("synchronous_mode"));
        check("tl", Some("ttl"));
        check("t", None);
        check("tttl", Some("ttl"));
        check("anything", None);
    }

    #[test]
    fn knows_where_keys_belong() {
        let check = |kind: &str, section: &str, key: &str, expected: Option<Home>| {
            assert_eq!(home(kind, section, key), expected, "{section}.{key}");
        };
        check("local", "local.postgresql", "synchronous_mode", Some(Home::Dynamic));
        check("local", "local", "ttl", Some(Home::Dynamic));
        check("local", "local", "nofailover", Some(Home::Below("tags")));
        check("dynamic", "dynamic", "parameters", Some(Home::Below("postgresql")));
        check("dynamic", "dynamic", "tags", Some(Home::Below("the root of patroni.yml")));
        check("local", "local.bootstrap", "ttl", Some(Home::Below("bootstrap.dcs")));
        check("local", "local.bootstrap", "postgresql", Some(Home::Below("bootstrap.dcs")));
        check("local", "local.postgresql", "post_init", Some(Home::Below("bootstrap")));
        check("local", "local", "something", None);
    }
}
