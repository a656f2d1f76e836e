//! The node's own configuration: `patroni.yml` and `PATRONI_*`, without what `postgresql` shares with the cluster's.

use super::key::{
    AS_IS, Apply, Environment, INT, Key, Kind, Need, PARSED, Standing, TEXTS, THREADS, TRUTHY, local, one_of, v,
};
use crate::model::behaviour::Releases;

const RESTART: Apply = Apply::Restart;
const BOOTSTRAP: Apply = Apply::Bootstrap;
const PORT: Kind = INT.minimum(1).maximum(65_535).exact().kind();
const SERVER: Kind = Kind::Address { needs_port: false };
const PEER: Kind = Kind::Address { needs_port: true };
const TEXT_MAP: Kind = Kind::Map(&Kind::Any);

/// The releases that read more variables as what their key holds.
const PARSED_SINCE: Releases = &[(v(2, 1, 0), None)];

/// The rows.
pub(super) const KEYS: &[Key] = &[
    local("name", Kind::Name, "Name of this node, unique in its cluster.").need(Need::Patroni).apply(RESTART).env(),
    local("scope", Kind::Name, "Name of the cluster; also PostgreSQL's cluster_name.")
        .need(Need::Patroni)
        .apply(RESTART)
        .env(),
    local("namespace", Kind::Name, "Where the DCS keeps the keys of clusters.")
        .default("/service")
        .apply(RESTART)
        .env()
        .unchecked(),
    local(
        "thread_pool_size",
        INT.minimum(5).exact().kind(),
        "Threads that ask other members; fewer than 5 count as 5.",
    )
    .default("5")
    .apply(RESTART)
    .releases(THREADS)
    .env()
    .env_typed(&[]),
    local(
        "thread_stack_size",
        PARSED.minimum(65_536).multiple_of(65_536).base("B").exact().kind(),
        "Stack of each thread.",
    )
    .default("524288")
    .apply(RESTART)
    .releases(THREADS)
    .env()
    .env_typed(&[]),
    // ---------------------------------------------------------------------------------------------------- log
    local("log", Kind::Section, "Patroni's own log."),
    local("log.type", one_of(&["plain", "json"], false), "Form of the lines.")
        .default("plain")
        .releases(&[(v(3, 3, 0), None)])
        .env(),
    local(
        "log.level",
        one_of(&["DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"], false),
        "What is written.",
    )
    .default("INFO")
    .env(),
    local("log.traceback_level", one_of(&["ERROR", "DEBUG"], true), "The level at which tracebacks are written.")
        .default("ERROR")
        .env(),
    local(
        "log.format",
        Kind::Or(&[Kind::Text, Kind::List(&Kind::Or(&[Kind::Text, Kind::Map(&Kind::Text)]))]),
        "Format of a line; with type json also a list of fields.",
    )
    .default("'%(asctime)s %(levelname)s: %(message)s'")
    .env()
    .env_typed(&[(v(3, 3, 0), None)]),
    local("log.dateformat", Kind::Text, "Format of the time.").env(),
    local("log.static_fields", TEXT_MAP, "Fields that every line of type json has.")
        .releases(&[(v(3, 3, 0), None)])
        .env(),
    local("log.max_queue_size", AS_IS.exact().kind(), "Lines that wait to be written; more are dropped.")
        .default("1000")
        .env()
        .env_typed(PARSED_SINCE),
    local("log.dir", Kind::Path, "Directory of log files; without it the log goes to standard error.").env(),
    local("log.file_num", INT.exact().kind(), "Old log files that are kept.")
        .default("4")
        .env()
        .env_typed(PARSED_SINCE),
    local("log.file_size", INT.unit("bytes").exact().kind(), "Size at which a new log file begins.")
        .default("25000000")
        .env()
        .env_typed(PARSED_SINCE),
    local("log.mode", PARSED.minimum(0).maximum(0o777).exact().kind(), "Permissions of log files.")
        .releases(&[(v(4, 0, 0), None)])
        .env(),
    local("log.loggers", TEXT_MAP, "Levels of single Python modules.").env(),
    local("log.deduplicate_heartbeat_logs", TRUTHY, "Leaves out heartbeat lines that repeat the last one.")
        .default("false")
        .releases(&[(v(4, 1, 0), None)])
        .env(),
    // ---------------------------------------------------------------------------------------------------- bootstrap
    local("bootstrap", Kind::Section, "What a new cluster starts with; read once."),
    local("bootstrap.dcs", Kind::Section, "The dynamic configuration that a new cluster starts with.")
        .need(Need::Validator)
        .apply(BOOTSTRAP),
    local("bootstrap.method", Kind::Text, "How the cluster is initialised: initdb, or a section of this name.")
        .default("initdb")
        .apply(BOOTSTRAP),
    local(
        "bootstrap.initdb",
        Kind::Lenient(&Kind::List(&Kind::Or(&[Kind::Text, TEXT_MAP])), &[TEXT_MAP]),
        "Options of initdb.",
    )
    .apply(BOOTSTRAP),
    local("bootstrap.post_bootstrap", Kind::Text, "Command that runs when the cluster is initialised.")
        .apply(BOOTSTRAP)
        .unchecked(),
    local("bootstrap.post_init", Kind::Text, "Older name of post_bootstrap.")
        .standing(Standing::Renamed("bootstrap.post_bootstrap"))
        .apply(BOOTSTRAP)
        .unchecked(),
    local("bootstrap.pg_hba", TEXTS, "Lines for pg_hba.conf, used only without postgresql.pg_hba.")
        .apply(BOOTSTRAP)
        .unchecked(),
    local("bootstrap.users", Kind::Section, "Roles to create.")
        .apply(BOOTSTRAP)
        .standing(Standing::Deprecated("create roles with bootstrap.post_bootstrap"))
        .releases(&[(v(2, 0, 0), Some(v(4, 0, 0)))])
        .unchecked(),
    local("bootstrap.users.*", Kind::Section, "A role.")
        .apply(BOOTSTRAP)
        .releases(&[(v(2, 0, 0), Some(v(4, 0, 0)))])
        .unchecked(),
    local("bootstrap.users.*.password", Kind::Text, "Its password.")
        .apply(BOOTSTRAP)
        .releases(&[(v(2, 0, 0), Some(v(4, 0, 0)))])
        .unchecked(),
    local("bootstrap.users.*.options", TEXTS, "Its attributes.")
        .apply(BOOTSTRAP)
        .releases(&[(v(2, 0, 0), Some(v(4, 0, 0)))])
        .unchecked(),
    local("bootstrap.*", Kind::Section, "A custom way to initialise the cluster.").apply(BOOTSTRAP).unchecked(),
    local("bootstrap.*.command", Kind::Text, "The command; the section's other keys become its options.")
        .apply(BOOTSTRAP)
        .unchecked(),
    local("bootstrap.*.no_params", TRUTHY, "Calls the command without --scope and --datadir.")
        .default("false")
        .apply(BOOTSTRAP)
        .unchecked(),
    local("bootstrap.*.keep_existing_recovery_conf", TRUTHY, "Leaves the recovery settings that the command wrote.")
        .default("false")
        .apply(BOOTSTRAP)
        .unchecked(),
    local("bootstrap.*.recovery_conf", TEXT_MAP, "Recovery settings for the first start.").apply(BOOTSTRAP).unchecked(),
    local("bootstrap.*.*", Kind::Any, "An option of the command.").apply(BOOTSTRAP).unchecked(),
    // ---------------------------------------------------------------------------------------------------- restapi
    local("restapi", Kind::Section, "The node's REST API.").need(Need::Patroni),
    local("restapi.listen", Kind::Listen { several: false, needs_port: true }, "Address to listen on.")
        .need(Need::Patroni)
        .env(),
    local("restapi.connect_address", PEER, "Address under which others reach it; default: that of listen.")
        .need(Need::Validator)
        .env(),
    local("restapi.authentication", Kind::Section, "Credentials that unsafe requests need."),
    local("restapi.authentication.username", Kind::Name, "User name.")
        .need(Need::Patroni)
        .env_as(Environment::Prefixed("RESTAPI_")),
    local("restapi.authentication.password", Kind::Text, "Password.")
        .need(Need::Patroni)
        .env_as(Environment::Prefixed("RESTAPI_")),
    local("restapi.auth", Kind::Text, "Credentials as user:password.")
        .standing(Standing::Renamed("restapi.authentication"))
        .unchecked(),
    local("restapi.certfile", Kind::Path, "Certificate; with it the API speaks TLS.").env(),
    local("restapi.keyfile", Kind::Path, "Key of the certificate.").env(),
    local("restapi.keyfile_password", Kind::Text, "Password of the key.").releases(&[(v(2, 0, 2), None)]).env(),
    local("restapi.cafile", Kind::Path, "Authorities that clients' certificates are checked against.").env(),
    local("restapi.ciphers", Kind::Text, "Permitted ciphers.").releases(&[(v(2, 0, 2), None)]).env(),
    local(
        "restapi.verify_client",
        Kind::Enum {
            values: &["none", "optional", "required"],
            any_case: false,
            also: &["none", "optional", "required"],
        },
        "Whether clients need a certificate.",
    )
    .default("none")
    .env(),
    local("restapi.allowlist", TEXTS, "Hosts and networks that may send unsafe requests; without it, all.")
        .releases(&[(v(2, 1, 0), None)])
        .env(),
    local("restapi.allowlist_include_members", TRUTHY, "Lets the cluster's members through, too.")
        .default("false")
        .releases(&[(v(2, 1, 0), None)])
        .env(),
    local("restapi.http_extra_headers", TEXT_MAP, "Headers of every answer.").env().env_typed(PARSED_SINCE),
    local("restapi.https_extra_headers", TEXT_MAP, "Headers of every answer over TLS.").env().env_typed(PARSED_SINCE),
    local(
        "restapi.request_queue_size",
        INT.minimum(0).maximum(4096).exact().kind(),
        "Connections that wait to be accepted.",
    )
    .default("5")
    .releases(&[(v(3, 0, 3), None)])
    .apply(RESTART)
    .env(),
    local(
        "restapi.server_tokens",
        one_of(&["original", "minimal", "productonly"], true),
        "What the Server header tells.",
    )
    .default("original")
    .releases(&[(v(4, 1, 0), None)])
    .env(),
    local(
        "restapi.thread_pool_size",
        INT.minimum(5).exact().kind(),
        "Threads that answer requests; fewer than 5 count as 5.",
    )
    .default("5")
    .apply(RESTART)
    .releases(THREADS),
    // ---------------------------------------------------------------------------------------------------- ctl
    local("ctl", Kind::Section, "How patronictl and other members speak with REST APIs."),
    local("ctl.insecure", TRUTHY, "Trusts any certificate.").default("false").env().env_typed(PARSED_SINCE),
    local("ctl.cacert", Kind::Path, "Authorities that certificates are checked against; default: restapi.cafile.")
        .env(),
    local("ctl.certfile", Kind::Path, "The client's certificate.").env(),
    local("ctl.keyfile", Kind::Path, "Key of the certificate.").env(),
    local("ctl.keyfile_password", Kind::Text, "Password of the key.").releases(&[(v(2, 1, 3), None)]).env(),
    local("ctl.authentication", Kind::Section, "Credentials for unsafe requests; default: restapi.authentication.")
        .releases(&[(v(3, 1, 0), None)])
        .unchecked(),
    local("ctl.authentication.username", Kind::Name, "User name.")
        .need(Need::Patroni)
        .releases(&[(v(3, 1, 0), None)])
        .env_as(Environment::Prefixed("CTL_"))
        .unchecked(),
    local("ctl.authentication.password", Kind::Text, "Password.")
        .need(Need::Patroni)
        .releases(&[(v(3, 1, 0), None)])
        .env_as(Environment::Prefixed("CTL_"))
        .unchecked(),
    local("ctl.auth", Kind::Text, "Credentials as user:password.")
        .standing(Standing::Renamed("ctl.authentication"))
        .releases(&[(v(3, 1, 0), None)])
        .unchecked(),
    // ---------------------------------------------------------------------------------------------------- watchdog, tags, citus
    local("watchdog", Kind::Section, "The watchdog that resets a node whose Patroni hangs."),
    local(
        "watchdog.mode",
        Kind::Enum {
            values: &["automatic", "required", "off"],
            any_case: false,
            also: &["auto", "automatic", "require", "required", "off", "disable", "disabled"],
        },
        "Whether the leader needs a watchdog.",
    )
    .default("automatic"),
    local("watchdog.device", Kind::Path, "The device.").default("/dev/watchdog"),
    local(
        "watchdog.safety_margin",
        AS_IS.minimum(-1).unit("s").exact().kind(),
        "How long before the leader key expires it resets; -1: half of ttl.",
    )
    .default("5"),
    local("watchdog.driver", Kind::Text, "The driver.").default("default").unchecked(),
    local("tags", Kind::Section, "What the node tells about itself, and how others treat it."),
    local("tags.nofailover", TRUTHY, "Never becomes leader.").default("false"),
    local(
        "tags.failover_priority",
        PARSED.minimum(0).exact().kind(),
        "Rank among equally healthy candidates; 0: never becomes leader.",
    )
    .default("1")
    .releases(&[(v(3, 2, 0), None)]),
    local("tags.nosync", TRUTHY, "Is never a synchronous standby.").default("false"),
    local(
        "tags.sync_priority",
        PARSED.minimum(0).exact().kind(),
        "Rank among candidates for a synchronous standby; 0: never one.",
    )
    .default("1")
    .releases(&[(v(4, 1, 0), None)]),
    local("tags.clonefrom", TRUTHY, "Is preferred as the source of new replicas.").default("false"),
    local("tags.noloadbalance", TRUTHY, "Answers GET /replica with 503.").default("false"),
    local("tags.replicatefrom", Kind::Name, "Member to stream from instead of the leader."),
    local("tags.nostream", Kind::Boolean(super::Truth::Parsed), "Reads WAL from the archive alone.")
        .default("false")
        .releases(&[(v(3, 3, 0), None)]),
    local("tags.*", Kind::Any, "A tag of your own.").unchecked(),
    local("citus", Kind::Section, "Makes the cluster a group of a Citus cluster.")
        .releases(&[(v(3, 0, 0), None)])
        .apply(RESTART),
    local("citus.group", AS_IS.minimum(0).exact().kind(), "Number of the group; 0 is the coordinator.")
        .need(Need::Patroni)
        .releases(&[(v(3, 0, 0), None)])
        .apply(RESTART)
        .env_any(),
    local("citus.database", Kind::Name, "Database with the extension.")
        .need(Need::Patroni)
        .releases(&[(v(3, 0, 0), None)])
        .apply(RESTART)
        .env_any(),
    // ---------------------------------------------------------------------------------------------------- etcd
    local("etcd", Kind::Section, "etcd by its v2 API, which etcd 3.6 has no longer.").apply(RESTART),
    local("etcd3", Kind::Section, "etcd by its v3 API.").apply(RESTART),
    local("etcd|etcd3.host", SERVER, "One server.").apply(RESTART).env_any(),
    local("etcd|etcd3.hosts", Kind::Addresses, "The servers, a list or with commas between.").apply(RESTART).env_any(),
    local("etcd|etcd3.url", Kind::Text, "One server as a URL.").apply(RESTART).env_any(),
    local("etcd|etcd3.proxy", Kind::Text, "A proxy as a URL.").apply(RESTART).env_any(),
    local("etcd|etcd3.srv", Kind::Text, "Domain whose SRV records name the servers.").apply(RESTART).env_any(),
    local("etcd|etcd3.srv_suffix", Kind::Text, "Suffix of the SRV records' service.")
        .releases(&[(v(2, 1, 1), None)])
        .apply(RESTART)
        .env_any(),
    local("etcd|etcd3.use_proxies", TRUTHY, "Takes hosts for proxies and asks them for no others.")
        .default("false")
        .apply(RESTART)
        .env_any()
        .unchecked(),
    local("etcd|etcd3.protocol", one_of(&["http", "https"], true), "Protocol.")
        .default("http")
        .apply(RESTART)
        .env_any(),
    local("etcd|etcd3.username", Kind::Name, "User name.").env_as(Environment::Beside),
    local("etcd|etcd3.password", Kind::Text, "Password.").env_as(Environment::Beside),
    local("etcd|etcd3.cacert", Kind::Path, "Authorities that the server's certificate is checked against.")
        .apply(RESTART)
        .env_any(),
    local("etcd|etcd3.cert", Kind::Path, "The client's certificate.").apply(RESTART).env_any(),
    local("etcd|etcd3.key", Kind::Path, "Its key.").apply(RESTART).env_any(),
    local("etcd|etcd3.port", PORT, "Port, where host has none.").default("2379").apply(RESTART).env_any().unchecked(),
    local("etcd|etcd3.version_prefix", Kind::Text, "Prefix of the API's paths.")
        .releases(&[(v(3, 0, 4), None)])
        .apply(RESTART)
        .unchecked(),
    local("etcd|etcd3.discovery_srv", Kind::Text, "Older name of srv.")
        .standing(Standing::Renamed("etcd|etcd3.srv"))
        .apply(RESTART)
        .unchecked(),
    local("etcd|etcd3.srv_domain", Kind::Text, "Older name of srv.")
        .standing(Standing::Renamed("etcd|etcd3.srv"))
        .apply(RESTART)
        .unchecked(),
    // ---------------------------------------------------------------------------------------------------- consul
    local("consul", Kind::Section, "Consul.").apply(RESTART),
    local("consul.host", SERVER, "The agent.").default("127.0.0.1:8500").apply(RESTART).env_any(),
    local("consul.url", Kind::Text, "The agent as a URL.").apply(RESTART).env_any(),
    local("consul.port", PORT, "Port, where host has none.").default("8500").apply(RESTART).env_any(),
    local("consul.scheme", one_of(&["http", "https"], true), "Protocol.").default("http").apply(RESTART),
    local("consul.token", Kind::Text, "ACL token.").env_any(),
    local("consul.verify", Kind::Boolean(super::Truth::Parsed), "Checks the agent's certificate.")
        .apply(RESTART)
        .env_any()
        .env_typed(PARSED_SINCE),
    local("consul.cacert", Kind::Path, "Authorities that the agent's certificate is checked against.")
        .apply(RESTART)
        .env_any(),
    local("consul.cert", Kind::Path, "The client's certificate.").apply(RESTART).env_any(),
    local("consul.key", Kind::Path, "Its key.").apply(RESTART).env_any(),
    local("consul.dc", Kind::Text, "Data centre.").env_any(),
    local("consul.checks", TEXTS, "Health checks that the session depends on.").default("[]").apply(RESTART).env_any(),
    local("consul.register_service", TRUTHY, "Registers the cluster as a service.").default("false").env_any(),
    local("consul.service_tags", TEXTS, "Tags of the service.")
        .default("[]")
        .env_any()
        .env_releases(&[(v(3, 0, 0), None)]),
    local("consul.service_check_interval", Kind::Text, "How often the service is checked.")
        .default("5s")
        .apply(RESTART)
        .env_any(),
    local("consul.service_check_tls_server_name", Kind::Text, "Name to ask the service's certificate for.")
        .releases(&[(v(2, 1, 4), None)])
        .apply(RESTART)
        .env_any(),
    local("consul.consistency", one_of(&["default", "consistent", "stale"], false), "Consistency of reads.")
        .default("default")
        .env_any(),
    // ---------------------------------------------------------------------------------------------------- zookeeper, exhibitor
    local("zookeeper", Kind::Section, "ZooKeeper.").apply(RESTART),
    local("zookeeper.hosts", Kind::Addresses, "The servers, a list or with commas between.")
        .need(Need::Patroni)
        .apply(RESTART)
        .env_any(),
    local("zookeeper.use_ssl", TRUTHY, "Speaks TLS.").default("false").apply(RESTART).env_any().env_typed(&[]),
    local("zookeeper.cacert", Kind::Path, "Authorities that the server's certificate is checked against.")
        .apply(RESTART)
        .env_any(),
    local("zookeeper.cert", Kind::Path, "The client's certificate.").apply(RESTART).env_any(),
    local("zookeeper.key", Kind::Path, "Its key.").apply(RESTART).env_any(),
    local("zookeeper.key_password", Kind::Text, "Password of the key.").apply(RESTART).env_any(),
    local("zookeeper.verify", TRUTHY, "Checks the server's certificate.")
        .default("true")
        .apply(RESTART)
        .env_any()
        .env_typed(PARSED_SINCE),
    local("zookeeper.set_acls", Kind::Map(&TEXTS), "Permissions of what Patroni creates, by x509 principal.")
        .releases(&[(v(2, 1, 2), None)])
        .apply(RESTART)
        .env_any(),
    local("zookeeper.auth_data", TEXT_MAP, "Credentials by scheme.")
        .releases(&[(v(3, 3, 0), None)])
        .apply(RESTART)
        .env_any(),
    local("zookeeper.exhibitor", TEXT_MAP, "Older place of exhibitor.")
        .standing(Standing::Renamed("exhibitor"))
        .apply(RESTART)
        .unchecked(),
    local("exhibitor", Kind::Section, "ZooKeeper, found through Exhibitor.").apply(RESTART),
    local("exhibitor.hosts", TEXTS, "Initial Exhibitor nodes.").need(Need::Patroni).apply(RESTART).env_any(),
    local("exhibitor.port", PORT, "Exhibitor's port.").need(Need::Patroni).apply(RESTART).env_any(),
    local("exhibitor.poll_interval", AS_IS.minimum(1).unit("s").exact().kind(), "How often the list is read again.")
        .default("300")
        .apply(RESTART),
    // ---------------------------------------------------------------------------------------------------- kubernetes
    local("kubernetes", Kind::Section, "Kubernetes' own API as the DCS.").apply(RESTART),
    local("kubernetes.labels", TEXT_MAP, "Labels by which the cluster's objects are found.")
        .need(Need::Patroni)
        .apply(RESTART)
        .env_any(),
    local("kubernetes.namespace", Kind::Name, "Namespace of the objects.").default("default").apply(RESTART).env_any(),
    local("kubernetes.scope_label", Kind::Text, "Label that holds the scope.")
        .default("cluster-name")
        .apply(RESTART)
        .env_any(),
    local("kubernetes.role_label", Kind::Text, "Label that holds the role.").default("role").apply(RESTART).env_any(),
    local("kubernetes.leader_label_value", Kind::Text, "Role of the leader; before 4.0.0 the default was master.")
        .default("primary")
        .releases(&[(v(3, 1, 0), None)])
        .apply(RESTART)
        .env_any(),
    local("kubernetes.follower_label_value", Kind::Text, "Role of replicas.")
        .default("replica")
        .releases(&[(v(3, 1, 0), None)])
        .apply(RESTART)
        .env_any(),
    local(
        "kubernetes.standby_leader_label_value",
        Kind::Text,
        "Role of a standby leader; before 4.0.0 the default was master.",
    )
    .default("primary")
    .releases(&[(v(3, 1, 0), None)])
    .apply(RESTART)
    .env_any(),
    local(
        "kubernetes.tmp_role_label",
        Kind::Text,
        "A second label for the role, to change its values without a break.",
    )
    .releases(&[(v(3, 1, 0), None)])
    .apply(RESTART)
    .env_any(),
    local("kubernetes.bootstrap_labels", TEXT_MAP, "Labels of a pod while it is initialised.")
        .releases(&[(v(4, 1, 0), None)])
        .apply(RESTART)
        .env_any(),
    local("kubernetes.use_endpoints", TRUTHY, "Keeps the leader in Endpoints instead of ConfigMaps.")
        .default("false")
        .apply(RESTART)
        .env_any()
        .env_typed(&[(v(2, 0, 2), None)]),
    local("kubernetes.pod_ip", Kind::Ip, "The pod's address; needed with use_endpoints.").apply(RESTART).env_any(),
    local("kubernetes.ports", Kind::List(&Kind::Section), "Ports of the service; needed with use_endpoints.")
        .apply(RESTART)
        .env_any(),
    local("kubernetes.ports.[].name", Kind::Text, "Name of the port.").need(Need::Validator).apply(RESTART),
    local("kubernetes.ports.[].port", PORT, "Number of the port.").default("5432").need(Need::Validator).apply(RESTART),
    local("kubernetes.bypass_api_service", TRUTHY, "Talks to the API servers themselves instead of their service.")
        .default("false")
        .apply(RESTART)
        .env_any(),
    local(
        "kubernetes.retriable_http_codes",
        Kind::Lenient(&Kind::Or(&[INT.exact().kind(), Kind::List(&INT.exact().kind())]), &[Kind::Text]),
        "Further HTTP statuses after which a request is sent again.",
    )
    .releases(&[(v(3, 0, 2), None)])
    .apply(RESTART)
    .env_any(),
    local("kubernetes.cacert", Kind::Path, "Authorities that the API's certificate is checked against.")
        .default("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
        .apply(RESTART)
        .env_any(),
    local("kubernetes.context", Kind::Text, "Context in the kubeconfig, outside of a pod.")
        .default("kind-kind")
        .apply(RESTART)
        .env_any()
        .unchecked(),
    // ---------------------------------------------------------------------------------------------------- raft
    local("raft", Kind::Section, "Patroni's own DCS among the nodes.")
        .standing(Standing::Deprecated("use etcd3, Consul or ZooKeeper; raft is deprecated since 3.0.0"))
        .apply(RESTART),
    local("raft.self_addr", PEER, "Address under which the other nodes reach this one.")
        .need(Need::Patroni)
        .apply(RESTART)
        .env(),
    local("raft.bind_addr", Kind::Listen { several: false, needs_port: true }, "Address to listen on.")
        .releases(&[(v(2, 0, 1), None)])
        .apply(RESTART)
        .env(),
    local("raft.partner_addrs", Kind::List(&PEER), "Addresses of the other nodes.")
        .need(Need::Validator)
        .apply(RESTART)
        .env(),
    local("raft.data_dir", Kind::Path, "Where the log is kept.").apply(RESTART).env(),
    local("raft.password", Kind::Text, "Encrypts the traffic.").releases(&[(v(2, 0, 1), None)]).apply(RESTART).env(),
    // ---------------------------------------------------------------------------------------------------- postgresql, this node
    local(
        "postgresql.listen",
        Kind::Listen { several: true, needs_port: false },
        "Addresses to listen on, with one port.",
    )
    .need(Need::Patroni)
    .apply(Apply::RestartPostgresql)
    .env(),
    local(
        "postgresql.connect_address",
        SERVER,
        "Address under which others reach PostgreSQL; default: that of listen.",
    )
    .need(Need::Validator)
    .env(),
    local("postgresql.proxy_address", SERVER, "Address of a pooler in front of PostgreSQL, told to clients.")
        .releases(&[(v(2, 1, 5), None)])
        .env(),
    local("postgresql.data_dir", Kind::Path, "The data directory.").need(Need::Patroni).apply(RESTART).env(),
    local("postgresql.config_dir", Kind::Path, "Directory of the configuration files; default: data_dir.")
        .apply(RESTART)
        .env()
        .unchecked(),
    local("postgresql.pgpass", Kind::Path, "Password file that Patroni writes.")
        .default("~/pgpass")
        .apply(RESTART)
        .env()
        .unchecked(),
    local("postgresql.authentication", Kind::Section, "Roles that Patroni connects with.").need(Need::Patroni),
    local("postgresql.authentication.superuser", Kind::Section, "The superuser.").need(Need::Validator),
    local("postgresql.authentication.replication", Kind::Section, "The role that standbys stream with.")
        .need(Need::Patroni),
    local(
        "postgresql.authentication.rewind",
        Kind::Section,
        "The role of pg_rewind, PostgreSQL 11 or newer; default: the superuser.",
    ),
    local("postgresql.authentication.superuser.username", Kind::Name, "Name of the role.")
        .need(Need::Validator)
        .env_as(Environment::Path(2)),
    local("postgresql.authentication.replication|rewind.username", Kind::Name, "Name of the role.")
        .need(Need::Patroni)
        .env_as(Environment::Path(2)),
    local("postgresql.authentication.superuser|replication|rewind.password", Kind::Text, "Its password.")
        .env_as(Environment::Path(2)),
    local(
        "postgresql.authentication.superuser|replication|rewind.sslmode",
        one_of(&["prefer", "disable", "allow", "require", "verify-ca", "verify-full"], false),
        "libpq's sslmode.",
    )
    .env_as(Environment::Path(2))
    .unchecked(),
    local(
        "postgresql.authentication.superuser|replication|rewind.sslcert|sslkey|sslrootcert|sslcrl",
        Kind::Path,
        "libpq's parameter of this name.",
    )
    .env_as(Environment::Path(2))
    .unchecked(),
    local("postgresql.authentication.superuser|replication|rewind.sslcrldir", Kind::Path, "libpq's sslcrldir.")
        .releases(&[(v(2, 1, 2), None)])
        .env_as(Environment::Path(2))
        .unchecked(),
    local("postgresql.authentication.superuser|replication|rewind.sslpassword", Kind::Text, "Password of sslkey.")
        .releases(&[(v(2, 0, 1), None)])
        .env_as(Environment::Path(2))
        .unchecked(),
    local(
        "postgresql.authentication.superuser|replication|rewind.gssencmode",
        one_of(&["prefer", "disable", "require"], false),
        "libpq's gssencmode.",
    )
    .env_as(Environment::Path(2))
    .unchecked(),
    local(
        "postgresql.authentication.superuser|replication|rewind.channel_binding",
        one_of(&["prefer", "disable", "require"], false),
        "libpq's channel_binding.",
    )
    .env_as(Environment::Path(2))
    .unchecked(),
    local(
        "postgresql.authentication.superuser|replication|rewind.sslnegotiation",
        one_of(&["postgres", "direct"], false),
        "libpq's sslnegotiation.",
    )
    .releases(&[(v(3, 3, 4), Some(v(4, 0, 0))), (v(4, 0, 3), None)])
    .env_as(Environment::Path(2))
    .unchecked(),
    local(
        "postgresql.superuser|replication",
        TEXT_MAP,
        "Older place of a role, read without postgresql.authentication.",
    )
    .standing(Standing::Renamed("postgresql.authentication"))
    .unchecked(),
    local("postgresql.pg_rewind", TEXT_MAP, "Older place of the superuser.")
        .standing(Standing::Renamed("postgresql.authentication.superuser"))
        .unchecked(),
    local("postgresql.name", Kind::Name, "Older place of name.")
        .standing(Standing::Renamed("name"))
        .apply(RESTART)
        .unchecked(),
    local("postgresql.scope", Kind::Name, "Older place of scope.")
        .standing(Standing::Renamed("scope"))
        .apply(RESTART)
        .unchecked(),
];
