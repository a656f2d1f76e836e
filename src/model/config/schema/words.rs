//! What the schema says to people: kinds, limits and releases in words.

use super::key::{Apply, Key, Kind, Number, Reading};
use crate::model::behaviour::{OLDEST_COVERED, Releases};
use crate::model::version::{KNOWN_RELEASES, PatroniVersion};

impl Kind {
    /// What the kind asks for: `a list of texts`.
    pub fn asked(&self) -> String {
        match self {
            Self::Boolean(_) => "true or false".to_owned(),
            Self::Integer(number) => match (number.reading, number.base_unit) {
                (Reading::Float, _) => "a number".to_owned(),
                (_, Some(unit)) => format!("a whole number, in {unit} where it has no unit"),
                _ => "a whole number".to_owned(),
            },
            Self::Text | Self::Name => "a text".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Enum { values, .. } => format!("one of {}", values.join(", ")),
            Self::Address { .. } | Self::Listen { .. } => "host:port".to_owned(),
            Self::Addresses => "a list of host:port".to_owned(),
            Self::Ip => "an IP address".to_owned(),
            Self::List(item) => match item {
                Self::Text => "a list of texts".to_owned(),
                Self::Section => "a list of mappings".to_owned(),
                Self::Address { .. } => "a list of host:port".to_owned(),
                _ => "a list".to_owned(),
            },
            Self::Section | Self::Map(_) => "a mapping".to_owned(),
            Self::Or(kinds) => kinds.iter().map(Self::asked).collect::<Vec<_>>().join(" or "),
            Self::Lenient(kind, _) => kind.asked(),
            Self::Any => "anything".to_owned(),
        }
    }
}

impl Number {
    /// The limits: `between 0 and 4096`; empty when there are none.
    pub fn limits(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let range = match (self.minimum, self.maximum) {
            (Some(minimum), Some(maximum)) => format!("between {minimum} and {maximum}{unit}"),
            (Some(minimum), None) => format!("at least {minimum}{unit}"),
            (None, Some(maximum)) => format!("at most {maximum}{unit}"),
            (None, None) => String::new(),
        };
        match self.multiple_of {
            Some(multiple) => format!("{range}, a multiple of {multiple}"),
            None => range,
        }
    }
}

impl Apply {
    /// When a change takes effect, as the end of a sentence.
    pub fn text(self) -> &'static str {
        match self {
            Self::Live => "in the next HA loop",
            Self::Reload => "with a reload",
            Self::Restart => "with a restart of Patroni",
            Self::RestartPostgresql => "with a restart of PostgreSQL",
            Self::Bootstrap => "when a cluster or replica is created",
        }
    }
}

impl Key {
    /// The releases: `since 4.1.0`; `3.3.4 to 3.3.11, since 4.0.3`; empty: all.
    pub fn releases_text(&self) -> String {
        if self.is_in_all() { String::new() } else { releases(self.releases) }
    }

    /// The releases that read its variable, in the same form.
    pub fn variable_releases_text(&self) -> String {
        releases(self.environment_releases.unwrap_or(self.releases))
    }
}

fn releases(releases: Releases) -> String {
    let before =
        |until: PatroniVersion| KNOWN_RELEASES.iter().rfind(|release| **release < until).copied().unwrap_or(until);
    let ranges = releases.iter().map(|(from, until)| match until {
        Some(until) if *from == OLDEST_COVERED => format!("until {}", before(*until)),
        Some(until) => format!("{from} to {}", before(*until)),
        None => format!("since {from}"),
    });
    ranges.collect::<Vec<_>>().join(", ")
}
