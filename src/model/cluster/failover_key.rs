//! `/failover`: a requested or scheduled switchover or failover.

use crate::model::cluster::Raised;
use crate::model::time::{ParsedTime, parse_time};
use crate::parse::python;
use crate::parse::tree::{Node, Value};

/// The key `/failover` as Patroni reads it.
///
/// Source: patroni/dcs/__init__.py, `Failover.from_node`, 4.1.5.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailoverKey {
    /// `leader`: set for a switchover.
    pub leader: Option<String>,
    /// `member`: the candidate.
    pub candidate: Option<String>,
    /// `scheduled_at`
    pub scheduled_at: Option<ScheduledAt>,
    /// What comparing the candidate in any case of letters raises because it is no string.
    pub odd_candidate: Option<Raised>,
}

/// When a switchover is to happen.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledAt {
    /// As Python's `datetime.isoformat()` writes it.
    pub text: String,
    /// When that is.
    pub at: ScheduledMoment,
}

/// What Patroni makes of a time when it compares it with the clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScheduledMoment {
    /// Seconds since 1970.
    At(f64),
    /// It has no time zone, and Patroni removes it.
    Naive,
    /// Its offset is a day or more, and Patroni fails.
    BadOffset,
}

impl Eq for ScheduledAt {}

impl ScheduledAt {
    /// The time that `text` was read as.
    pub fn new(text: String, time: ParsedTime) -> Self {
        match time {
            ParsedTime::Zoned { seconds, iso } => Self { text: iso, at: ScheduledMoment::At(seconds) },
            ParsedTime::Naive(iso) => Self { text: iso, at: ScheduledMoment::Naive },
            ParsedTime::BadOffset | ParsedTime::Invalid => Self { text, at: ScheduledMoment::BadOffset },
        }
    }

    /// Seconds since 1970, when Patroni can tell.
    pub fn seconds(&self) -> Option<f64> {
        match self.at {
            ScheduledMoment::At(seconds) => Some(seconds),
            ScheduledMoment::Naive | ScheduledMoment::BadOffset => None,
        }
    }
}

impl FailoverKey {
    /// Reads the key's value: an object, or the old form `leader:candidate`.
    ///
    /// # Errors
    ///
    /// `scheduled_at` is no time.
    pub fn load(text: &str, json: Option<&Node>) -> Result<Self, Raised> {
        let Some(json) = json else {
            let mut parts = text.split(':').map(|part| python::strip(part).to_owned());
            let leader = parts.next().filter(|_| !text.is_empty());
            return Ok(Self { leader, candidate: parts.next(), ..Self::default() });
        };
        let Value::Mapping(data) = &json.value else { return Ok(Self::default()) };
        let name = |field: &str| {
            data.get(field).filter(|node| python::truthy(&node.value)).map(|node| python::str(&node.value))
        };
        let scheduled_at = data.get("scheduled_at").map(|node| &node.value).filter(|value| python::truthy(value));
        if let Some(odd) = scheduled_at.filter(|value| !matches!(value, Value::String(_))) {
            let text = format!("Parser must be a string or character stream, not {}", python::type_name(odd));
            return Err(Raised::new("TypeError", text));
        }
        let scheduled_at = match scheduled_at.map(python::str) {
            None => None,
            Some(text) => match parse_time(&text) {
                ParsedTime::Invalid => {
                    return Err(Raised::new("ParserError", format!("Unknown string format: {text}")));
                }
                time => Some(ScheduledAt::new(text, time)),
            },
        };
        let candidate = data.get("member").map(|node| &node.value).filter(|value| python::truthy(value));
        let odd_candidate = candidate
            .filter(|value| !matches!(value, Value::String(_)))
            .map(|value| Raised::no_attribute(value, "lower"));
        Ok(Self { leader: name("leader"), candidate: name("member"), scheduled_at, odd_candidate })
    }

    /// Whether the key asks for something: Patroni leaves `{}` behind when it is done.
    pub fn is_requested(&self) -> bool {
        self.leader().is_some() || self.candidate().is_some()
    }

    /// `leader`, empty counts as none.
    pub fn leader(&self) -> Option<&str> {
        self.leader.as_deref().filter(|name| !name.is_empty())
    }

    /// `candidate`, empty counts as none.
    pub fn candidate(&self) -> Option<&str> {
        self.candidate.as_deref().filter(|name| !name.is_empty())
    }
}
