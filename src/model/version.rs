//! Patroni releases.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A release of Patroni, `major.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatroniVersion {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

impl PatroniVersion {
    /// The release `major.minor.patch`.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The newest release that patrolint knows; newer ones are judged as this one.
    pub fn newest() -> Self {
        *KNOWN_RELEASES.last().expect("the list of releases is not empty")
    }

    /// Whether patrolint knows this release.
    pub fn is_known(self) -> bool {
        KNOWN_RELEASES.binary_search(&self).is_ok()
    }

    /// Whether this release fulfils every comparison of a list like `>= 4.0.0, < 4.0.6`; a bare release means itself.
    ///
    /// # Errors
    ///
    /// The condition is none; the text says why.
    pub fn fulfils(self, condition: &str) -> Result<bool, String> {
        let mut holds = true;
        for comparison in condition.split(',') {
            let comparison = comparison.trim();
            let digits = comparison.find(|character: char| character.is_ascii_digit()).unwrap_or(comparison.len());
            let (operator, release) = comparison.split_at(digits);
            let release = release.parse::<Self>().map_err(|error| error.to_string())?;
            let ordering = self.cmp(&release);
            holds &= match operator.trim() {
                "" | "==" => ordering == Ordering::Equal,
                "<" => ordering == Ordering::Less,
                "<=" => ordering != Ordering::Greater,
                ">" => ordering == Ordering::Greater,
                ">=" => ordering != Ordering::Less,
                "!=" => ordering != Ordering::Equal,
                other => return Err(format!("'{other}' compares nothing; write <, <=, ==, !=, >= or >")),
            };
        }
        Ok(holds)
    }
}

/// Why a text is no release number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a Patroni release; write it like 4.0.6")]
pub struct VersionError(String);

impl FromStr for PatroniVersion {
    type Err = VersionError;

    /// Reads `4.0.6`, `4.1` (= `4.1.0`) and forms with a suffix like `4.1.0rc1`, of which the numbers count.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || VersionError(text.chars().take(40).collect());
        let mut numbers = [0u16; 3];
        let mut parts = text.trim().trim_start_matches('v').split('.');
        for (index, number) in numbers.iter_mut().enumerate() {
            let Some(part) = parts.next() else {
                if index < 2 {
                    return Err(error());
                }
                break;
            };
            let digits = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
            *number = part[..digits].parse().map_err(|_| error())?;
            if digits < part.len() {
                break;
            }
        }
        Ok(Self::new(numbers[0], numbers[1], numbers[2]))
    }
}

impl fmt::Display for PatroniVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

macro_rules! releases {
    ($($major:literal . $minor:literal : $($patch:literal)*;)*) => {
        &[$($(PatroniVersion::new($major, $minor, $patch),)*)*]
    };
}

/// Every release from 2.0.0 on that the package index holds, oldest first.
pub const KNOWN_RELEASES: &[PatroniVersion] = releases! {
    2 . 0: 0 1 2;
    2 . 1: 0 1 2 3 4 5 6 7;
    3 . 0: 0 1 2 3 4;
    3 . 1: 0 1 2;
    3 . 2: 0 1 2;
    3 . 3: 0 1 2 3 4 5 6 7 8 9 10 11;
    4 . 0: 0 1 2 3 4 5 6 7 8 9 10 11;
    4 . 1: 0 1 2 3 4 5;
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_release_numbers() {
        let check = |text: &str, expected: Option<(u16, u16, u16)>| {
            let expected = expected.map(|(major, minor, patch)| PatroniVersion::new(major, minor, patch));
            assert_eq!(text.parse::<PatroniVersion>().ok(), expected, "{text}");
        };
        check("4.0.6", Some((4, 0, 6)));
        check(" 4.1.5\n", Some((4, 1, 5)));
        check("4.1", Some((4, 1, 0)));
        check("4.1.0rc1", Some((4, 1, 0)));
        check("3.3.11", Some((3, 3, 11)));
        check("4", None);
        check("four", None);
        check("4.0.99999999", None);
        check("", None);
    }

    #[test]
    fn compares_releases() {
        let check = |version: &str, condition: &str, expected: Result<bool, ()>| {
            let version: PatroniVersion = version.parse().expect("a release");
            assert_eq!(version.fulfils(condition).map_err(drop), expected, "{condition}");
        };
        check("4.0.5", "4.0.5", Ok(true));
        check("4.0.5", ">= 4.0.0, < 4.0.6", Ok(true));
        check("4.1.0", ">= 4.0.0, < 4.0.6", Ok(false));
        check("3.3.11", "> 3.3.9", Ok(true));
        check("3.3.11", "~ 3.3.9", Err(()));
        check("3.3.11", "new", Err(()));
    }

    #[test]
    fn releases_are_in_order() {
        assert!(KNOWN_RELEASES.is_sorted());
        assert_eq!(PatroniVersion::newest().to_string(), "4.1.5");
    }
}
