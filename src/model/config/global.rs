//! The dynamic configuration as the decisions see it.

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::config::effective::dynamic_settings;
use crate::parse::python;
use crate::parse::tree::{Mapping, Value};

/// Default of `maximum_lag_on_failover`, bytes.
pub const DEFAULT_MAXIMUM_LAG_ON_FAILOVER: i128 = 1_048_576;
/// Default of `ttl`, seconds.
pub const DEFAULT_TTL: i128 = 30;
/// Default of `loop_wait`, seconds.
pub const DEFAULT_LOOP_WAIT: i128 = 10;
/// Default of `retry_timeout`, seconds.
pub const DEFAULT_RETRY_TIMEOUT: i128 = 10;

/// What Patroni's decisions read of `/config`, with Patroni's own leniency and defaults.
///
/// Source: patroni/global_config.py, `GlobalConfig`, 4.1.5 (`patroni/config.py` before 3.3.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalConfig {
    /// `pause`
    pub paused: bool,
    /// `is_synchronous_mode`: requested, and this is no standby cluster.
    pub synchronous_mode: bool,
    /// `is_quorum_commit_mode`: `synchronous_mode: quorum`, which exists since 4.0.0. True in a standby cluster, too.
    pub quorum_commit_mode: bool,
    /// `synchronous_mode_strict`
    pub synchronous_mode_strict: bool,
    /// `synchronous_node_count`, from 3.0.3 on at least 1 in strict mode.
    pub synchronous_node_count: i128,
    /// `maximum_lag_on_failover`, bytes.
    pub maximum_lag_on_failover: i128,
    /// `maximum_lag_on_syncnode`, bytes; negative: no limit.
    pub maximum_lag_on_syncnode: i128,
    /// `check_timeline`
    pub check_timeline: bool,
    /// `failsafe_mode`
    pub failsafe_mode: bool,
    /// Whether `standby_cluster` names a source to replicate from.
    pub standby_cluster: bool,
    /// `ttl`, seconds, as Patroni adjusts it.
    pub ttl_seconds: i128,
    /// `loop_wait`, seconds, as Patroni adjusts it.
    pub loop_wait_seconds: i128,
    /// `retry_timeout`, seconds, as Patroni adjusts it.
    pub retry_timeout_seconds: i128,
}

impl GlobalConfig {
    /// Reads the object in `/config` as a release with `behaviours` does; `None`: the defaults.
    pub fn read(config: Option<&Mapping>, behaviours: Behaviours) -> Self {
        let value = |name: &str| config.and_then(|config| config.get(name)).map(|node| &node.value);
        let mode = |name: &str| value(name).and_then(python::parse_bool).unwrap_or(false);
        let int =
            |name: &str, default: i128| value(name).and_then(|value| python::parse_int(value, None)).unwrap_or(default);
        let standby_cluster = match value("standby_cluster") {
            Some(Value::Mapping(standby)) => ["host", "port", "restore_command"]
                .iter()
                .any(|name| standby.get(name).is_some_and(|node| python::truthy(&node.value))),
            _ => false,
        };
        let quorum_commit_mode = behaviours.has(Behaviour::QuorumCommit)
            && value("synchronous_mode").is_some_and(|value| python::str(value).to_lowercase() == "quorum");
        let merged = dynamic_settings(config, behaviours);
        let merged = |name: &str| merged.get(name).and_then(|setting| python::int(&setting.value()));
        // Earlier the limits came from the merged configuration.
        let limit = |name: &str, default: i128| match behaviours.has(Behaviour::LimitsAreReadLeniently) {
            true => int(name, default),
            false => merged(name).unwrap_or(default),
        };
        let synchronous_mode_strict = mode("synchronous_mode_strict");
        let sync_is_ignored = standby_cluster && behaviours.has(Behaviour::StandbyClusterHasNoSyncMode);
        Self {
            paused: mode("pause"),
            synchronous_mode: (mode("synchronous_mode") || quorum_commit_mode) && !sync_is_ignored,
            quorum_commit_mode,
            synchronous_mode_strict,
            synchronous_node_count: match behaviours.has(Behaviour::LimitsAreReadLeniently) {
                false => merged("synchronous_node_count").unwrap_or(1),
                true => int("synchronous_node_count", 1).max(i128::from(synchronous_mode_strict)),
            },
            maximum_lag_on_failover: limit("maximum_lag_on_failover", DEFAULT_MAXIMUM_LAG_ON_FAILOVER),
            maximum_lag_on_syncnode: limit("maximum_lag_on_syncnode", -1),
            check_timeline: mode("check_timeline"),
            failsafe_mode: mode("failsafe_mode"),
            standby_cluster,
            ttl_seconds: merged("ttl").unwrap_or(DEFAULT_TTL),
            loop_wait_seconds: merged("loop_wait").unwrap_or(DEFAULT_LOOP_WAIT),
            retry_timeout_seconds: merged("retry_timeout").unwrap_or(DEFAULT_RETRY_TIMEOUT),
        }
    }

    /// The settings that are read from the dynamic configuration alone: name, value, default.
    pub fn settings(&self) -> Vec<(&'static str, Value, Value)> {
        let mode = match (self.quorum_commit_mode, self.synchronous_mode) {
            (true, true) => Value::String("quorum".to_owned()),
            (_, mode) => Value::Bool(mode),
        };
        let off = || Value::Bool(false);
        vec![
            ("pause", Value::Bool(self.paused), off()),
            ("synchronous_mode", mode, off()),
            ("synchronous_mode_strict", Value::Bool(self.synchronous_mode_strict), off()),
            ("synchronous_node_count", Value::Int(self.synchronous_node_count), Value::Int(1)),
            (
                "maximum_lag_on_failover",
                Value::Int(self.maximum_lag_on_failover),
                Value::Int(DEFAULT_MAXIMUM_LAG_ON_FAILOVER),
            ),
            ("maximum_lag_on_syncnode", Value::Int(self.maximum_lag_on_syncnode), Value::Int(-1)),
            ("check_timeline", Value::Bool(self.check_timeline), off()),
            ("failsafe_mode", Value::Bool(self.failsafe_mode), off()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceId;
    use crate::parse::json;

    fn read(config: &str, release: &str) -> GlobalConfig {
        let config = json::parse(SourceId(0), config).expect("the test's JSON is right");
        GlobalConfig::read(config.as_mapping(), Behaviours::of(release.parse().expect("a release")))
    }

    #[test]
    fn timing_comes_from_the_merged_configuration() {
        let check = |config: &str, release: &str, ttl: i128, loop_wait: i128| {
            let read = read(config, release);
            assert_eq!((read.ttl_seconds, read.loop_wait_seconds), (ttl, loop_wait), "{config} in {release}");
        };
        check(r#"{"ttl": 30, "loop_wait": 20}"#, "3.1.2", 30, 20);
        check(r#"{"ttl": 30, "loop_wait": 20}"#, "3.2.0", 30, 10);
        check(r#"{"ttl": 5, "loop_wait": 0, "retry_timeout": 1}"#, "3.1.2", 5, 0);
        check(r#"{"ttl": 5, "loop_wait": 0, "retry_timeout": 1}"#, "4.1.5", 20, 1);
        check(r#"{"ttl": 30, "loop_wait": 10, "retry_timeout": 15}"#, "4.1.5", 30, 1);
        // One bad value, and nothing of the key is used.
        check(r#"{"ttl": 60, "loop_wait": "10s"}"#, "4.1.5", 30, 10);
        check(r#"{"ttl": 60, "loop_wait": "10"}"#, "4.1.5", 60, 10);
        check(r#"{"ttl": 60, "loop_wait": 9, "postgresql": 1}"#, "2.0.0", 30, 10);
    }

    #[test]
    fn limits_come_from_the_merged_configuration_until_3_0_2() {
        let check = |config: &str, release: &str, expected: i128| {
            assert_eq!(read(config, release).maximum_lag_on_failover, expected, "{config} in {release}");
        };
        const DEFAULT: i128 = DEFAULT_MAXIMUM_LAG_ON_FAILOVER;
        check(r#"{"maximum_lag_on_failover": 1, "check_timeline": "on"}"#, "3.0.2", DEFAULT);
        check(r#"{"maximum_lag_on_failover": 1, "check_timeline": "on"}"#, "3.0.3", 1);
        check(r#"{"maximum_lag_on_failover": 1, "maximum_lag_on_syncnode": "x"}"#, "2.0.1", 1);
        check(r#"{"maximum_lag_on_failover": 1, "maximum_lag_on_syncnode": "x"}"#, "2.0.2", DEFAULT);
        check(r#"{"maximum_lag_on_failover": 1, "primary_start_timeout": "x"}"#, "2.1.7", 1);
        check(r#"{"maximum_lag_on_failover": 1, "primary_start_timeout": "x"}"#, "3.0.0", DEFAULT);
        check(r#"{"maximum_lag_on_failover": 1, "master_start_timeout": "x"}"#, "3.0.0", DEFAULT);
        let both = r#"{"maximum_lag_on_failover": 1, "master_start_timeout": "x", "primary_start_timeout": 1}"#;
        check(both, "2.1.7", DEFAULT);
        check(both, "3.0.0", 1);
    }
}
