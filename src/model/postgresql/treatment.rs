//! What Patroni does with a parameter before it writes it to `postgresql.conf`.

use crate::model::postgresql::parameter::{Fit, Kind, Parameter};
use crate::model::postgresql::patroni_table::{EDITIONS, RULES};
use crate::model::postgresql::version::PostgresVersion;
use crate::model::version::PatroniVersion;
use crate::parse::tree::Value;

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Treatment {
    /// It is written as it is.
    Passed,
    /// It is written as it is, and no rule of Patroni looked at it.
    Unchecked,
    /// It is out of range: this limit is written instead.
    Adjusted(f64),
    /// It is left out, as its value is none of the kind.
    Invalid(Kind),
    /// It is left out, as Patroni takes the name for one that this version of PostgreSQL does not know.
    Unexpected,
}

/// How Patroni validates a parameter in some versions of PostgreSQL, an entry of `available_parameters/0_postgres.yml`
/// (of `validator.py` before 3.0.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// The name in lower case.
    name: &'static str,
    /// Whether it belonged into `recovery.conf`.
    is_recovery: bool,
    /// `server_version_num` from which on it holds.
    since: u32,
    /// `server_version_num` from which on it does not hold any more; 0: it goes on to hold.
    until: u32,
    kind: Kind,
    /// The editions of the rules that have it, as bits.
    editions: u16,
}

/// The rules of some releases, and how these use them.
///
/// Source: patroni/postgresql/validator.py, `_transform_parameter_value`, and patroni/postgresql/config.py,
/// `ConfigHandler.write_postgresql_conf`, 2.0.0 to 4.1.5.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edition {
    /// The first release that has it; it holds until the next one begins.
    since: PatroniVersion,
    /// The number of its bit in [`Rule::editions`].
    number: u8,
    names: Names,
    /// Whether the rules are asked for the minor version of PostgreSQL, not for the major alone.
    sees_minor: bool,
}

/// Who says which parameters there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Patroni's rules: what they lack is left out, although the server knows it.
    RulesAlone,
    /// The server: what `postgres --describe-config` lacks is left out, those for developers among them.
    ServerAlone,
    /// Patroni's rules, and what they lack the server.
    RulesAndServer,
}

impl Edition {
    pub(super) const fn new(since: PatroniVersion, number: u8, names: Names, sees_minor: bool) -> Self {
        Self { since, number, names, sees_minor }
    }

    /// That of a release.
    fn of(patroni: PatroniVersion) -> &'static Self {
        let later = EDITIONS.partition_point(|edition| edition.since <= patroni);
        &EDITIONS[later.saturating_sub(1)]
    }
}

impl Rule {
    pub(super) const fn general(name: &'static str, since: u32, until: u32, kind: Kind, editions: u16) -> Self {
        Self { name, is_recovery: false, since, until, kind, editions }
    }

    pub(super) const fn recovery(name: &'static str, since: u32, until: u32, kind: Kind, editions: u16) -> Self {
        Self { is_recovery: true, ..Self::general(name, since, until, kind, editions) }
    }
}

/// Whether Patroni counts a name among those of `recovery.conf`: below `parameters` it is moved to `recovery_conf`.
///
/// Source: patroni/postgresql/config.py, `ConfigHandler._adjust_recovery_parameters`, 4.1.5.
pub fn is_recovery_parameter(name: &str, patroni: PatroniVersion) -> bool {
    rules(name, patroni).any(|rule| rule.is_recovery)
}

/// What a release of Patroni makes of a parameter on a version of PostgreSQL.
///
/// Source: patroni/postgresql/validator.py, `transform_postgresql_parameter_value` and
/// `transform_recovery_parameter_value`, 2.0.0 to 4.1.5.
pub fn treatment(name: &str, value: &Value, postgres: PostgresVersion, patroni: PatroniVersion) -> Treatment {
    if name.contains('.') {
        return Treatment::Unchecked;
    }
    let edition = Edition::of(patroni);
    let is_recovery = is_recovery_parameter(name, patroni);
    let number = if edition.sees_minor && !is_recovery { postgres.number() } else { postgres.major_number() };
    let rule = rules(name, patroni).find(|rule| rule.since <= number && (rule.until == 0 || number < rule.until));
    // Servers before 12 do not describe the recovery parameters; then all that Patroni knows count as described.
    let is_described = || match is_recovery && number < 120_000 {
        true => true,
        false => Parameter::find(name, postgres).is_some_and(|parameter| parameter.is_described),
    };
    match rule {
        Some(_) if edition.names == Names::ServerAlone && !is_described() => Treatment::Unexpected,
        Some(rule) => match rule.kind.fit(value) {
            Fit::Fits => Treatment::Passed,
            Fit::Outside(limit) => Treatment::Adjusted(limit),
            Fit::Unreadable => Treatment::Invalid(rule.kind),
        },
        None if edition.names == Names::RulesAlone || !is_described() => Treatment::Unexpected,
        None => Treatment::Unchecked,
    }
}

/// The rules for a name in the edition that a release has.
fn rules(name: &str, patroni: PatroniVersion) -> impl Iterator<Item = &'static Rule> {
    let edition = Edition::of(patroni).number;
    let name = name.to_ascii_lowercase();
    let start = RULES.partition_point(|rule| rule.name < name.as_str());
    let of_name = RULES[start..].iter().take_while(move |rule| rule.name == name);
    of_name.filter(move |rule| rule.editions & (1 << edition) != 0)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test compares with recorded answers")]
mod tests {
    use std::fs;

    use super::*;
    use crate::input::source_map::SourceId;
    use crate::parse::json;
    use crate::parse::tree::Node;

    #[test]
    fn rules_are_sorted() {
        assert!(RULES.is_sorted_by_key(|rule| rule.name));
        assert!(EDITIONS.is_sorted_by_key(|edition| edition.since));
    }

    /// What Patroni's own function returned for generated values, release by release.
    #[test]
    fn treatments_equal_those_of_patroni() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/postgresql/treatments.jsonl");
        let text = fs::read_to_string(path).expect("the recording is readable");
        let mut wrong = Vec::new();
        let mut seen = [0; 4];
        for line in text.lines().skip(1) {
            let case = json::parse(SourceId(0), line).expect("a line is JSON");
            let [release, number, name, value, answer] = case.as_sequence().expect("a case is a list") else {
                panic!("{line}")
            };
            let release = release.as_str().expect("a release").parse().expect("a release");
            let Value::Int(number) = number.value else { panic!("{line}") };
            let version = PostgresVersion::of_number(number).expect("a version");
            let treated = treatment(name.as_str().expect("a name"), &value.value, version, release);
            let is_same = |number: f64, node: &Node| match node.value {
                Value::Int(told) => told as f64 == number,
                Value::Float(told) => told == number,
                _ => false,
            };
            let (kind, fits) = match treated {
                Treatment::Passed | Treatment::Unchecked => (0, answer == value),
                Treatment::Adjusted(limit) => (1, is_same(limit, answer)),
                Treatment::Invalid(_) => (2, answer.value == Value::Null),
                Treatment::Unexpected => (3, answer.value == Value::Null),
            };
            seen[kind] += 1;
            if !fits {
                wrong.push(format!("{line}: {treated:?}"));
            }
        }
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
        assert!(seen.iter().all(|count| 100 < *count), "{seen:?}");
    }
}
