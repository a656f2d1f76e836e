//! When a change of PostgreSQL's parameters takes effect.

use crate::decision::change::{Configured, Effect, Order, Place, Reason};
use crate::model::postgresql::parameter::{Context, Kind, Parameter};
use crate::model::postgresql::treatment::{Treatment, is_recovery_parameter, treatment};
use crate::model::postgresql::version::PostgresVersion;
use crate::parse::python;
use crate::parse::tree::Value;

/// Parameters that a standby needs at least as large as its primary has them, each with the first version of PostgreSQL that
/// asks for it (`server_version_num`). Patroni starts a standby with the value in `pg_controldata` if that is greater.
///
/// Source: patroni/postgresql/config.py, `ConfigHandler.effective_configuration`, 2.0.0 to 4.1.5.
pub const NOT_BELOW_THE_PRIMARYS: [(&str, u32); 5] = [
    ("max_connections", 0),
    ("max_prepared_transactions", 0),
    ("max_locks_per_transaction", 0),
    ("max_worker_processes", 90_400),
    ("max_wal_senders", 120_000),
];

/// What a change of a parameter takes, by `context` of `pg_settings`.
///
/// Source: patroni/postgresql/config.py, `ConfigHandler.reload_config`, 4.1.5.
pub(super) fn parameter(
    name: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    place: Place,
    node: &Configured<'_>,
) -> (Effect, Option<String>) {
    if is_recovery_parameter(name, node.version) {
        let remark = "Patroni moves it to postgresql.recovery_conf".to_owned();
        return (Effect::Standbys(restarts_standby(name, node.postgres)), Some(remark));
    }
    let (old, new) = (before.map(|value| written(name, value, node)), after.map(|value| written(name, value, node)));
    let (old_value, new_value) = (old.as_ref().and_then(Option::as_ref), new.as_ref().and_then(Option::as_ref));
    if old_value.is_none() && new_value.is_none() {
        return (Effect::Nothing(Reason::LeftOut), None);
    }
    let applied = match place {
        Place::Dynamic => Effect::Live,
        Place::Local => Effect::Reload,
    };
    let definitions: Vec<&Parameter> = match node.postgres {
        Some(version) => Parameter::find(name, version).into_iter().collect(),
        None => Parameter::definitions(name).iter().collect(),
    };
    let Some(first) = definitions.first() else {
        let remark = "a restart of PostgreSQL if the context that its extension gives it in pg_settings is postmaster";
        return (applied, Some(remark.to_owned()));
    };
    if let (Some(old), Some(new)) = (old_value, new_value)
        && is_equal(first.kind, old, new)
    {
        return (Effect::Nothing(Reason::SameValue), None);
    }
    let mut remark = match (&new, after) {
        (Some(None), Some(_)) => Some("Patroni leaves the new value out: PostgreSQL's default counts".to_owned()),
        (Some(Some(written)), Some(after)) if written != after => {
            Some(format!("out of range: Patroni writes {} instead", python::str(written)))
        }
        _ => None,
    };
    let is_postmaster = |parameter: &&&Parameter| parameter.needs_restart();
    let restarting = definitions.iter().filter(is_postmaster).count();
    let effect = match first.context {
        Context::Internal => Effect::Nothing(Reason::Preset),
        _ if restarting == definitions.len() => Effect::RestartPostgresql(order(name, before, after, node.postgres)),
        _ if restarting != 0 => {
            let which = definitions.iter().filter(is_postmaster).map(|it| format!("{} to {}", it.first, it.last));
            remark = Some(format!("a restart of PostgreSQL {}", which.collect::<Vec<_>>().join(", ")));
            applied
        }
        Context::Backend | Context::SuperuserBackend => {
            remark = remark.or_else(|| Some("for new sessions alone".to_owned()));
            applied
        }
        _ => applied,
    };
    (effect, remark)
}

/// What Patroni writes to `postgresql.conf` for a value; `None`: it leaves the parameter out.
fn written(name: &str, value: &Value, node: &Configured<'_>) -> Option<Value> {
    let Some(version) = node.postgres else { return Some(value.clone()) };
    match treatment(name, value, version, node.version) {
        Treatment::Passed | Treatment::Unchecked => Some(value.clone()),
        Treatment::Adjusted(limit) if limit.fract() == 0.0 => Some(Value::Int(limit as i128)),
        Treatment::Adjusted(limit) => Some(Value::Float(limit)),
        Treatment::Invalid(_) | Treatment::Unexpected => None,
    }
}

/// Whether PostgreSQL takes two values for the same.
///
/// Source: patroni/utils.py, `compare_values`, 4.1.5.
fn is_equal(kind: Kind, one: &Value, other: &Value) -> bool {
    let unit = |unit: &'static str| Some(unit).filter(|unit| !unit.is_empty());
    let lower = |value: &Value| python::str(value).to_lowercase();
    match kind {
        Kind::Bool => python::parse_bool(one).is_some() && python::parse_bool(one) == python::parse_bool(other),
        Kind::Integer(_, _, base) => {
            let number = |value| python::parse_int(value, unit(base));
            number(one).is_some() && number(one) == number(other)
        }
        Kind::Real(_, _, base) => {
            let number = |value| python::parse_real(value, unit(base));
            number(one).is_some() && number(one) == number(other)
        }
        Kind::Enum(_) | Kind::EnumBool(_) => lower(one) == lower(other),
        Kind::Text => python::str(one) == python::str(other),
    }
}

/// The order of restarts for a parameter that standbys need at least as large as the primary.
fn order(
    name: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    postgres: Option<PostgresVersion>,
) -> Option<Order> {
    let (_, since) = NOT_BELOW_THE_PRIMARYS.iter().find(|(known, _)| *known == name)?;
    if postgres.is_some_and(|version| version.number() < *since) {
        return None;
    }
    let number = |value: Option<&Value>| python::parse_int(value?, None);
    match number(before)?.cmp(&number(after)?) {
        std::cmp::Ordering::Less => Some(Order::StandbysFirst),
        std::cmp::Ordering::Greater => Some(Order::PrimaryFirst),
        std::cmp::Ordering::Equal => None,
    }
}

/// Whether a standby has to be restarted for another value of a recovery setting; `None`: that depends on the version of
/// PostgreSQL. Before 12 these stood in `recovery.conf`, which is read once.
///
/// Source: patroni/postgresql/config.py, `ConfigHandler.check_recovery_conf`, 4.1.5.
pub(super) fn restarts_standby(name: &str, postgres: Option<PostgresVersion>) -> Option<bool> {
    let version = postgres?;
    if version.number() < 120_000 {
        return Some(true);
    }
    Parameter::find(name, version).map(Parameter::needs_restart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::behaviour::Behaviours;
    use crate::model::config::effective::dynamic_alone;
    use crate::model::version::PatroniVersion;

    /// What a change of a parameter in the dynamic configuration takes, on this major (0: unknown).
    #[track_caller]
    fn check(name: &str, before: &str, after: &str, major: u8, expected: &Effect) {
        let version = PatroniVersion::newest();
        let effective = dynamic_alone(None, version, Behaviours::of(version));
        let postgres = (major != 0).then(|| PostgresVersion::of_major(major));
        let node = Configured { effective: &effective, version, postgres };
        let value = |text: &str| Some(Value::String(text.to_owned())).filter(|_| !text.is_empty());
        let (before, after) = (value(before), value(after));
        let (effect, _) = parameter(name, before.as_ref(), after.as_ref(), Place::Dynamic, &node);
        assert_eq!(effect, *expected, "{name} {before:?} {after:?} on {major}");
    }

    #[test]
    fn contexts_decide() {
        let restart = |order| Effect::RestartPostgresql(order);
        check("work_mem", "4MB", "8MB", 16, &Effect::Live);
        check("shared_buffers", "1GB", "2GB", 16, &restart(None));
        check("shared_buffers", "1GB", "1024MB", 16, &Effect::Nothing(Reason::SameValue));
        check("max_connections", "100", "200", 16, &restart(Some(Order::StandbysFirst)));
        check("max_connections", "200", "100", 16, &restart(Some(Order::PrimaryFirst)));
        check("max_wal_senders", "10", "20", 11, &restart(None));
        check("max_wal_senders", "10", "20", 12, &restart(Some(Order::StandbysFirst)));
        check("max_replication_slots", "10", "20", 16, &restart(None));
        check("log_connections", "on", "off", 16, &Effect::Live);
        check("block_size", "8192", "4096", 16, &Effect::Nothing(Reason::LeftOut));
        check("pg_stat_statements.max", "", "5000", 16, &Effect::Live);
        check("io_method", "", "worker", 16, &Effect::Nothing(Reason::LeftOut));
        check("io_method", "", "worker", 18, &restart(None));
        check("shared_buffers", "1GB", "2GB", 0, &restart(None));
    }

    #[test]
    fn values_are_compared_as_their_types_are() {
        let same = Effect::Nothing(Reason::SameValue);
        check("autovacuum", "on", "yes", 16, &same);
        check("autovacuum", "on", "off", 16, &Effect::Live);
        check("checkpoint_completion_target", "0.9", "0.90", 16, &same);
        check("checkpoint_completion_target", "0.9", "0.5", 16, &Effect::Live);
        check("wal_compression", "pglz", "PGLZ", 16, &same);
        check("wal_compression", "pglz", "lz4", 16, &Effect::Live);
        check("synchronous_commit", "remote_write", "REMOTE_WRITE", 16, &same);
        check("synchronous_commit", "remote_write", "local", 16, &Effect::Live);
        check("synchronous_commit", "on", "true", 16, &Effect::Live);
        check("synchronous_commit", "on", "off", 16, &Effect::Live);
        check("search_path", "a", "b", 16, &Effect::Live);
    }

    #[test]
    fn the_first_release_of_a_major_is_of_that_major() {
        let first_of_12 = PostgresVersion::of_number(120_000).expect("a version");
        assert_eq!(restarts_standby("recovery_min_apply_delay", Some(first_of_12)), Some(false));
        let text = |number: &str| Some(Value::String(number.to_owned()));
        let (ten, twenty) = (text("10"), text("20"));
        let order = order("max_wal_senders", ten.as_ref(), twenty.as_ref(), Some(first_of_12));
        assert_eq!(order, Some(Order::StandbysFirst));
    }

    #[test]
    fn what_is_out_of_range_is_told_as_patroni_writes_it() {
        let version = PatroniVersion::newest();
        let effective = dynamic_alone(None, version, Behaviours::of(version));
        let node = Configured { effective: &effective, version, postgres: Some(PostgresVersion::of_major(16)) };
        let remark = |name: &str, before: &str, after: &str| {
            let (before, after) = (Value::String(before.to_owned()), Value::String(after.to_owned()));
            parameter(name, Some(&before), Some(&after), Place::Dynamic, &node).1
        };
        let told = |value: &str| Some(format!("out of range: Patroni writes {value} instead"));
        assert_eq!(remark("maintenance_work_mem", "2MB", "10"), told("1024"));
        assert_eq!(remark("checkpoint_completion_target", "0.5", "2"), told("1"));
        assert_eq!(remark("maintenance_work_mem", "2MB", "10MB"), None);
    }

    #[test]
    fn standbys_follow_recovery_settings_by_themselves() {
        check("restore_command", "", "cp", 13, &Effect::Standbys(Some(true)));
        check("restore_command", "", "cp", 14, &Effect::Standbys(Some(false)));
        check("restore_command", "", "cp", 11, &Effect::Standbys(Some(true)));
        check("restore_command", "", "cp", 0, &Effect::Standbys(None));
    }
}
