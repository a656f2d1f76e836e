//! PostgreSQL's versions.

use std::fmt;
use std::str::FromStr;

/// A version as `server_version_num` writes it: 160004 is 16.4, 90624 is 9.6.24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostgresVersion(u32);

/// Why a text is no version of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a version of PostgreSQL; write it like 16 or 16.4")]
pub struct PostgresVersionError(String);

/// The minor of a version of which only the major is known: later than any that exists.
///
/// Of some parameters that were backported, Patroni's rules hold from one minor of a major on, and end with its minor 99.
const NEWEST_MINOR: u32 = 98;

impl PostgresVersion {
    /// The newest of this major, 10 or later.
    pub const fn of_major(major: u8) -> Self {
        Self(major as u32 * 10_000 + NEWEST_MINOR)
    }

    /// From `server_version_num`, as the REST API tells it.
    pub fn of_number(number: i128) -> Option<Self> {
        u32::try_from(number).ok().filter(|number| (90_000..1_000_000).contains(number)).map(Self)
    }

    /// From a path of a packaged server: `/usr/lib/postgresql/16/bin`, `/usr/pgsql-16/bin`, `/var/lib/pgsql/9.6/data`.
    pub fn of_path(path: &str) -> Option<Self> {
        const FOLDERS: [&str; 4] = ["postgresql", "pgsql", "postgres", "pgdata"];
        let mut before = "";
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let suffix = FOLDERS.iter().find_map(|folder| part.strip_prefix(folder));
            let named = suffix.map(|suffix| suffix.strip_prefix('-').unwrap_or(suffix));
            let below = Some(part).filter(|_| FOLDERS.contains(&before));
            if let Some(version) = named.or(below).and_then(|text| text.parse().ok()) {
                return Some(version);
            }
            before = part;
        }
        None
    }

    /// `server_version_num`
    pub fn number(self) -> u32 {
        self.0
    }

    /// `server_version_num` of the first release of the same major: 160000 of 16.4.
    pub fn major_number(self) -> u32 {
        if self.0 < 100_000 { self.0 / 100 * 100 } else { self.0 / 10_000 * 10_000 }
    }

    /// The major; of 9.6 and its like 9.
    pub fn major(self) -> u8 {
        u8::try_from(self.0 / 10_000).unwrap_or(u8::MAX)
    }
}

impl FromStr for PostgresVersion {
    type Err = PostgresVersionError;

    /// Reads `16`, `16.4`, `9.6` and `9.6.24`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || PostgresVersionError(text.chars().take(40).collect());
        let numbers: Result<Vec<u32>, _> = text.trim().split('.').map(str::parse).collect();
        match *numbers.map_err(|_| error())? {
            [major @ 10..=99] => Ok(Self(major * 10_000 + NEWEST_MINOR)),
            [major @ 10..=99, minor @ 0..=99] => Ok(Self(major * 10_000 + minor)),
            [9, middle @ 0..=6] => Ok(Self(90_000 + middle * 100 + NEWEST_MINOR)),
            [9, middle @ 0..=6, minor @ 0..=99] => Ok(Self(90_000 + middle * 100 + minor)),
            _ => Err(error()),
        }
    }
}

/// The major, as people name it: `16`, `9.6`.
impl fmt::Display for PostgresVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            number @ ..100_000 => write!(formatter, "{}.{}", number / 10_000, number / 100 % 100),
            number => write!(formatter, "{}", number / 10_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions() {
        let check = |text: &str, number: Option<u32>, shown: &str| {
            let version = text.parse::<PostgresVersion>().ok();
            assert_eq!(version.map(PostgresVersion::number), number, "{text}");
            assert_eq!(version.map(|version| version.to_string()).unwrap_or_default(), shown, "{text}");
        };
        check("16", Some(160_098), "16");
        check("16.4", Some(160_004), "16");
        check("9.6.24", Some(90_624), "9.6");
        check("9.6", Some(90_698), "9.6");
        check("9", None, "");
        check("16.4.1", None, "");
        check("sixteen", None, "");
        check("99999999999", None, "");
    }

    #[test]
    fn paths_tell_versions() {
        let check = |path: &str, expected: Option<&str>| {
            let version = PostgresVersion::of_path(path).map(|version| version.to_string());
            assert_eq!(version.as_deref(), expected, "{path}");
        };
        check("/usr/lib/postgresql/16/bin", Some("16"));
        check("/usr/pgsql-15/bin", Some("15"));
        check("/usr/local/pgsql/bin", None);
        check("/var/lib/pgsql/9.6/data", Some("9.6"));
        check("/data/pg16", None);
        check("/opt/postgresql17/bin", Some("17"));
        check("", None);
    }
}
