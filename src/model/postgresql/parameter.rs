//! What PostgreSQL itself knows of its parameters.

use std::ops::RangeInclusive;

use crate::model::postgresql::server_table::{NEWEST_MAJOR, PARAMETERS};
use crate::model::postgresql::version::PostgresVersion;
use crate::parse::python;
use crate::parse::tree::Value;

/// The majors that the tables cover.
pub const KNOWN_MAJORS: RangeInclusive<u8> = 10..=NEWEST_MAJOR;

/// A parameter (GUC) as some majors of PostgreSQL define it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its name as PostgreSQL writes it; names match in any case of letters.
    pub name: &'static str,
    /// The first major with this definition, 10 standing for itself and all before.
    pub first: u8,
    /// The last major with it.
    pub last: u8,
    /// When it can be changed.
    pub context: Context,
    /// Whether `postgres --describe-config` lists it; the developers' and the preset ones are left out there.
    pub is_described: bool,
    /// What values it takes.
    pub kind: Kind,
}

/// When a parameter can be changed, `context` of `pg_settings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Never.
    Internal,
    /// With a restart of PostgreSQL.
    Postmaster,
    /// With a reload.
    Sighup,
    /// With a reload for new sessions, or by a superuser as a session starts.
    SuperuserBackend,
    /// With a reload for new sessions, or as a session starts.
    Backend,
    /// With a reload, or by a superuser.
    Superuser,
    /// With a reload, or by anybody for their session.
    User,
}

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `on`, `off` and the like.
    Bool,
    /// A whole number: least, greatest, and unit if it has one (`8kB`, `ms`).
    Integer(i64, i64, &'static str),
    /// A number: least, greatest, and unit if it has one.
    Real(f64, f64, &'static str),
    /// One of these words, in any case of letters.
    Enum(&'static [&'static str]),
    /// One of these words or a boolean.
    EnumBool(&'static [&'static str]),
    /// Any text.
    Text,
}

/// How a value fits a [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fit {
    /// It is one of the values.
    Fits,
    /// It is a number below or above the limits; the nearest limit.
    Outside(f64),
    /// It cannot be read as such a value.
    Unreadable,
}

impl Parameter {
    pub(super) const fn new(
        name: &'static str,
        first: u8,
        last: u8,
        context: Context,
        is_described: bool,
        kind: Kind,
    ) -> Self {
        Self { name, first, last, context, is_described, kind }
    }

    /// All definitions of a name, oldest major first; none if no major from 10 on knows it.
    pub fn definitions(name: &str) -> &'static [Self] {
        let lower = |name: &'static str| name.bytes().map(|letter| letter.to_ascii_lowercase());
        let sought = || name.bytes().map(|letter| letter.to_ascii_lowercase());
        let start = PARAMETERS.partition_point(|parameter| lower(parameter.name).lt(sought()));
        let rest = &PARAMETERS[start..];
        &rest[..rest.iter().take_while(|parameter| parameter.name.eq_ignore_ascii_case(name)).count()]
    }

    /// The parameter in a version; `None` if it does not exist there. Versions before 10 count as 10, and those after
    /// the newest known one as that.
    pub fn find(name: &str, version: PostgresVersion) -> Option<&'static Self> {
        let major = known_major(version);
        Self::definitions(name).iter().find(|parameter| (parameter.first..=parameter.last).contains(&major))
    }

    /// The parameter of a version whose name is most alike, if one is alike: at most two letters differ.
    pub fn nearest(name: &str, version: Option<PostgresVersion>) -> Option<&'static str> {
        let name = name.to_ascii_lowercase();
        let (oldest, newest) = match version.map(known_major) {
            Some(major) => (major, major),
            None => KNOWN_MAJORS.into_inner(),
        };
        let is_there = |parameter: &&Self| parameter.first <= newest && oldest <= parameter.last;
        let candidates = PARAMETERS.iter().filter(is_there).filter(|parameter| {
            parameter.name.len().abs_diff(name.len()) <= 2 && parameter.context != Context::Internal
        });
        let distances = candidates.map(|parameter| {
            (strsim::damerau_levenshtein(&name, &parameter.name.to_ascii_lowercase()), parameter.name)
        });
        distances.filter(|(distance, name)| *distance <= 2 && 3 * distance < name.len()).min().map(|(_, name)| name)
    }

    /// Whether a change takes effect with a restart of PostgreSQL alone.
    pub fn needs_restart(&self) -> bool {
        self.context == Context::Postmaster
    }
}

/// The major whose parameters a version is taken to have.
fn known_major(version: PostgresVersion) -> u8 {
    version.major().clamp(*KNOWN_MAJORS.start(), *KNOWN_MAJORS.end())
}

impl Kind {
    /// How a value fits, as Patroni reads it.
    ///
    /// Source: patroni/postgresql/validator.py, `Bool.transform`, `Number.transform`, `Enum.transform` and
    /// `EnumBool.transform`, 4.1.5.
    pub fn fit(&self, value: &Value) -> Fit {
        let readable = |is_readable| if is_readable { Fit::Fits } else { Fit::Unreadable };
        let is_word = |words: &[&str]| words.contains(&python::str(value).to_lowercase().as_str());
        let within = |number: Option<f64>, least: f64, greatest: f64| match number {
            None => Fit::Unreadable,
            Some(number) if number < least => Fit::Outside(least),
            Some(number) if greatest < number => Fit::Outside(greatest),
            Some(_) => Fit::Fits,
        };
        let unit = |unit: &'static str| Some(unit).filter(|unit| !unit.is_empty());
        match *self {
            Self::Bool => readable(python::parse_bool(value).is_some()),
            Self::Integer(least, greatest, base) => {
                let number = python::parse_int(value, unit(base)).map(|number| number as f64);
                within(number, least as f64, greatest as f64)
            }
            Self::Real(least, greatest, base) => within(python::parse_real(value, unit(base)), least, greatest),
            Self::Enum(words) => readable(is_word(words)),
            Self::EnumBool(words) => readable(python::parse_bool(value).is_some() || is_word(words)),
            Self::Text => Fit::Fits,
        }
    }

    /// What it takes, in words: `a boolean`, `a whole number from 64 to 2147483647 (unit kB)`.
    pub fn describe(&self) -> String {
        let range = |least: &dyn std::fmt::Display, greatest: &dyn std::fmt::Display, unit: &str| {
            let unit = if unit.is_empty() { String::new() } else { format!(", in units of {unit}") };
            format!("from {least} to {greatest}{unit}")
        };
        match *self {
            Self::Bool => "a boolean".to_owned(),
            Self::Integer(least, greatest, unit) => format!("a whole number {}", range(&least, &greatest, unit)),
            Self::Real(least, greatest, unit) => format!("a number {}", range(&least, &greatest, unit)),
            Self::Enum(words) => format!("one of {}", words.join(", ")),
            Self::EnumBool(words) => format!("a boolean or one of {}", words.join(", ")),
            Self::Text => "a text".to_owned(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test compares with recorded output")]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_majors_are_disjoint() {
        for pair in PARAMETERS.windows(2) {
            let (one, two) = (pair[0].name.to_ascii_lowercase(), pair[1].name.to_ascii_lowercase());
            assert!(one < two || one == two && pair[0].last < pair[1].first, "{one}");
        }
    }

    /// Every line of `postgres --describe-config` of every major is what the table says, and the table says no more.
    #[test]
    fn the_table_equals_what_servers_describe() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/postgresql/describe-config");
        for major in KNOWN_MAJORS {
            let text = fs::read_to_string(format!("{folder}/{major}.tsv")).expect("the recording is readable");
            let lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
            let recorded: BTreeMap<&str, Vec<&str>> = lines.map(|fields| (fields[0], fields[1..].to_vec())).collect();
            let version = PostgresVersion::of_major(major);
            for (name, facts) in &recorded {
                let parameter = Parameter::find(name, version).unwrap_or_else(|| panic!("{major}: no {name}"));
                assert!(parameter.is_described, "{major}: {name}");
                assert_eq!(facts[0], format!("{:?}", parameter.context).to_lowercase().replace("userb", "user-b"));
                let (kind, limits) = match parameter.kind {
                    Kind::Bool => ("BOOLEAN", None),
                    Kind::Integer(least, greatest, _) => ("INTEGER", Some((least as f64, greatest as f64))),
                    Kind::Real(least, greatest, _) => ("REAL", Some((least, greatest))),
                    Kind::Enum(_) | Kind::EnumBool(_) => ("ENUM", None),
                    Kind::Text => ("STRING", None),
                };
                assert_eq!(facts[1], kind, "{major}: {name}");
                let close = |text: &str, number: f64| {
                    let told: f64 = text.parse().expect("a limit is a number");
                    (told - number).abs() <= 1e-5 * number.abs()
                };
                let same = limits.is_none_or(|(least, greatest)| close(facts[2], least) && close(facts[3], greatest));
                assert!(same, "{major}: {name} {limits:?} {facts:?}");
            }
            let told = PARAMETERS.iter().filter(|row| row.is_described && (row.first..=row.last).contains(&major));
            assert_eq!(told.count(), recorded.len(), "{major}");
        }
    }

    #[test]
    fn finds_names() {
        let check = |name: &str, major: u8, expected: Option<&str>| {
            let found = Parameter::find(name, PostgresVersion::of_major(major));
            assert_eq!(found.map(|parameter| parameter.name), expected, "{name}");
        };
        check("datestyle", 16, Some("DateStyle"));
        check("wal_keep_segments", 12, Some("wal_keep_segments"));
        check("wal_keep_segments", 13, None);
        check("io_method", 19, Some("io_method"));
        let nearest = |name: &str, expected: Option<&str>| {
            assert_eq!(Parameter::nearest(name, Some(PostgresVersion::of_major(16))), expected, "{name}");
        };
        nearest("max_connection", Some("max_connections"));
        nearest("shared_bufers", Some("shared_buffers"));
        nearest("io_metod", None);
        nearest("something_else", None);
    }
}
