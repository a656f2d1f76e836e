//! `/sync`: who may take over in synchronous mode.

use std::borrow::Cow;

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::Raised;
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Value};

/// The key `/sync` as Patroni reads it.
///
/// Source: patroni/dcs/__init__.py, `SyncState`, 4.1.5; until 3.0.2 names are compared letter by letter, and a match
/// with the leader counts as one with a standby.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncState {
    /// `leader`; empty or missing: synchronous mode is not active yet.
    leader: Option<String>,
    /// `sync_standby`, as written.
    sync_standby: Option<String>,
    /// `quorum`: how many of the voters, the leader included, a candidate must hear from besides itself.
    pub quorum: i128,
    /// The names in `sync_standby`; in lower case unless letters count.
    standbys: Vec<String>,
    /// `sync_standby` as a log line shows it.
    shown_standbys: Option<String>,
    /// `leader`; in lower case unless letters count.
    leader_compared: String,
    /// The names that `leader` makes when it is taken for a list; in lower case.
    leaders: Vec<String>,
    /// Python's type of `leader` and `sync_standby` when that is no string, which comparing names raises on.
    odd_leader: Option<&'static str>,
    odd_standbys: Option<&'static str>,
    /// Names are compared letter by letter, as until 3.0.2.
    exact: bool,
    /// An empty string as the leader counts as one, as in 3.0.2.
    empty_leader_counts: bool,
}

impl SyncState {
    /// Reads the key's value as a release with `behaviours` does; what is no object is an empty state.
    ///
    /// # Errors
    ///
    /// `quorum` is infinite.
    pub fn load(json: Option<&Node>, behaviours: Behaviours) -> Result<Self, Raised> {
        let exact = !behaviours.has(Behaviour::SyncNamesIgnoreCase);
        let empty_leader_counts = behaviours.has(Behaviour::EmptySyncLeaderCounts);
        let Some(Value::Mapping(data)) = json.map(|node| &node.value) else {
            // The empty state of that release holds an empty list, which a log line shows.
            let sync_standby = empty_leader_counts.then(String::new);
            return Ok(Self { exact, shown_standbys: sync_standby.clone(), sync_standby, ..Self::default() });
        };
        let (leader, odd_leader) = text(data, "leader");
        let is_there = data.get("leader").is_some_and(|node| node.value != Value::Null);
        let leader = leader.or_else(|| (empty_leader_counts && is_there).then(String::new));
        let (sync_standby, odd_standbys) = text(data, "sync_standby");
        let shown = data.get("sync_standby").map(|node| &node.value).filter(|value| **value != Value::Null);
        let shown_standbys = shown.map(python::str);
        let has_quorum = behaviours.has(Behaviour::QuorumCommit);
        let quorum = data.get("quorum").map(|node| &node.value).filter(|value| python::truthy(value));
        let quorum = match quorum {
            Some(value) if has_quorum && leader.as_deref().is_some_and(|leader| !leader.is_empty()) => {
                match python::int(value) {
                    Some(quorum) => quorum,
                    None if matches!(value, Value::Float(number) if number.is_infinite()) => {
                        return Err(Raised::new("OverflowError", "cannot convert float infinity to integer"));
                    }
                    None => return Ok(Self::default()),
                }
            }
            _ => 0,
        };
        let list = sync_standby.as_deref().filter(|_| odd_standbys.is_none()).unwrap_or_default();
        let standbys = match (exact, behaviours.has(Behaviour::SyncNamesAreStripped)) {
            (true, false) => list.split(',').filter(|_| !list.is_empty()).map(str::to_owned).collect(),
            (true, true) => split(list).map(str::to_owned).collect(),
            (false, _) => split(list).map(str::to_lowercase).collect(),
        };
        let leader_text = leader.as_deref().unwrap_or_default();
        let leader_compared = if exact { leader_text.to_owned() } else { leader_text.to_lowercase() };
        let leaders = split(&leader_compared).filter(|_| !exact).map(str::to_owned).collect();
        Ok(Self {
            leader,
            sync_standby,
            shown_standbys,
            quorum,
            standbys,
            leader_compared,
            leaders,
            odd_leader,
            odd_standbys,
            exact,
            empty_leader_counts,
        })
    }

    /// What a leader that writes the key reads back, since 3.0.3.
    ///
    /// Source: patroni/dcs/__init__.py, `AbstractDCS.write_sync_state`, 4.1.5.
    pub fn written(leader: &str, sync_standby: Option<&str>, quorum: i128) -> Self {
        Self {
            leader: Some(leader.to_owned()),
            sync_standby: sync_standby.map(str::to_owned),
            shown_standbys: sync_standby.map(str::to_owned),
            quorum,
            standbys: split(sync_standby.unwrap_or_default()).map(str::to_lowercase).collect(),
            leader_compared: leader.to_lowercase(),
            leaders: split(&leader.to_lowercase()).map(str::to_owned).collect(),
            ..Self::default()
        }
    }

    /// `leader`, when the state is not empty.
    pub fn leader(&self) -> Option<&str> {
        self.leader.as_deref().filter(|leader| !leader.is_empty())
    }

    /// `leader` as written, `None` when the key does not hold it.
    pub fn leader_as_written(&self) -> Option<&str> {
        self.leader.as_deref()
    }

    /// `sync_standby` as a log line shows it, `None` when the key does not hold it.
    pub fn sync_standby(&self) -> Option<&str> {
        self.shown_standbys.as_deref()
    }

    /// `is_empty`: no leader, so synchronous mode is not active.
    pub fn is_empty(&self) -> bool {
        match self.empty_leader_counts {
            true => self.leader.is_none(),
            false => self.leader().is_none(),
        }
    }

    /// `voters` (until 3.3.11 `members`): the names in `sync_standby`, as written; from 3.0.3 on none when the state is
    /// empty.
    pub fn voters(&self) -> impl Iterator<Item = &str> {
        let is_listed = !self.exact && !self.is_empty() && self.odd_standbys.is_none();
        let list = self.sync_standby.as_deref().filter(|_| is_listed).unwrap_or_default();
        self.standbys.iter().filter(|_| self.exact).map(String::as_str).chain(split(list))
    }

    /// [`Self::voters`], or what making the list raises.
    pub fn try_voters(&self) -> Result<impl Iterator<Item = &str>, Raised> {
        match self.odd_standbys.filter(|_| self.exact || !self.is_empty()) {
            Some(odd) => Err(Raised::new("AttributeError", format!("'{odd}' object has no attribute 'split'"))),
            None => Ok(self.voters()),
        }
    }

    /// `matches(name)`: whether `name` is a sync standby, in any case of letters; until 3.0.2 exactly, or the leader.
    pub fn matches(&self, name: &str) -> bool {
        match self.exact {
            true => self.lists(name) || self.leader_matches(name),
            false => !self.is_empty() && self.lists(name),
        }
    }

    /// `matches(name, True)`: whether `name` is a sync standby or the leader of `/sync`.
    pub fn matches_or_leads(&self, name: &str) -> bool {
        let leads = || {
            let name = lower(name);
            !name.is_empty() && !self.is_empty() && self.leaders.iter().any(|leader| *leader == name)
        };
        self.matches(name) || if self.exact { self.leader_matches(name) } else { leads() }
    }

    /// Whether `name` is among `members`: in quorum mode, whether it has a vote. Unlike for [`Self::matches_or_leads`], a
    /// comma in the leader's name parts nothing.
    pub fn has_vote(&self, name: &str) -> bool {
        self.matches(name) || self.leader_matches(name)
    }

    /// Whether `members` can be made, else what that raises.
    pub fn try_members(&self) -> Result<(), Raised> {
        match (self.odd_standbys, self.odd_leader) {
            _ if self.is_empty() => Ok(()),
            (Some(odd), _) => Err(Raised::new("AttributeError", format!("'{odd}' object has no attribute 'split'"))),
            (_, Some(odd)) => Err(Raised::new("AttributeError", format!("'{odd}' object has no attribute 'lower'"))),
            _ => Ok(()),
        }
    }

    /// [`Self::matches`], or what it raises.
    pub fn try_matches(&self, name: &str) -> Result<bool, Raised> {
        match self.odd_standbys.filter(|_| self.looks_at(name)) {
            Some(odd) if self.exact => {
                Err(Raised::new("AttributeError", format!("'{odd}' object has no attribute 'split'")))
            }
            Some("list") => Err(Raised::new("TypeError", "can only concatenate list (not \"str\") to list")),
            Some(odd) => Err(Raised::new("TypeError", format!("unsupported operand type(s) for +: '{odd}' and 'str'"))),
            None => Ok(self.matches(name)),
        }
    }

    /// [`Self::matches_or_leads`], or what it raises.
    pub fn try_matches_or_leads(&self, name: &str) -> Result<bool, Raised> {
        self.try_matches(name)?;
        match self.odd_leader.filter(|_| !self.exact && self.looks_at(name)) {
            Some(odd) => Err(Raised::new("TypeError", format!("can only concatenate str (not \"{odd}\") to str"))),
            None => Ok(self.matches_or_leads(name)),
        }
    }

    /// [`Self::leader_matches`], or what it raises.
    pub fn try_leader_matches(&self, name: &str) -> Result<bool, Raised> {
        match self.odd_leader.filter(|_| !self.exact && self.looks_at(name)) {
            Some(odd) => Err(Raised::new("AttributeError", format!("'{odd}' object has no attribute 'lower'"))),
            None => Ok(self.leader_matches(name)),
        }
    }

    /// Whether the names of the state are looked at when `name` is compared.
    fn looks_at(&self, name: &str) -> bool {
        self.exact || !name.is_empty() && !self.is_empty()
    }

    /// `leader_matches(name)`; until 3.0.2 a comparison.
    pub fn leader_matches(&self, name: &str) -> bool {
        match self.exact {
            true => self.leader.as_deref() == Some(name),
            false => !name.is_empty() && !self.is_empty() && self.leader_compared == lower(name),
        }
    }

    /// Whether the REST API takes `name` for a sync standby: until 3.0.2 without a look at the leader.
    pub fn is_standby(&self, name: &str) -> bool {
        if self.exact { self.lists(name) } else { self.matches(name) }
    }

    /// [`Self::is_standby`], or what it raises.
    pub fn try_is_standby(&self, name: &str) -> Result<bool, Raised> {
        self.try_matches(name)?;
        Ok(self.is_standby(name))
    }

    /// Whether `sync_standby` lists `name`, whatever the leader.
    fn lists(&self, name: &str) -> bool {
        match self.exact {
            true => self.standbys.iter().any(|standby| standby == name),
            false => {
                let name = lower(name);
                !name.is_empty() && self.standbys.iter().any(|standby| *standby == name)
            }
        }
    }
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(python::strip).filter(|name| !name.is_empty())
}

/// `name.lower()`
fn lower(name: &str) -> Cow<'_, str> {
    match name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.to_lowercase()),
    }
}

/// A field as Python prints it, `None` when it is false to Python; and its type if it is no string.
fn text(data: &Mapping, field: &str) -> (Option<String>, Option<&'static str>) {
    match data.get(field).map(|node| &node.value) {
        Some(Value::String(text)) => (Some(text.clone()), None),
        Some(other) if python::truthy(other) => (Some(python::str(other)), Some(python::type_name(other))),
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceId;
    use crate::parse::json;

    fn load(text: &str, release: &str) -> SyncState {
        let json = json::parse(SourceId(0), text).expect("the test's JSON is right");
        SyncState::load(Some(&json), Behaviours::of(release.parse().expect("a release"))).expect("it loads")
    }

    #[test]
    fn names_match_as_in_each_release() {
        let check = |text: &str, release: &str, name: &str, standby: bool, member: bool| {
            let sync = load(text, release);
            assert_eq!(
                (sync.matches(name), sync.matches_or_leads(name)),
                (standby, member),
                "{name} of {text} in {release}"
            );
        };
        let plain = r#"{"leader": "pg1", "sync_standby": "pg2, Straße"}"#;
        check(plain, "3.0.1", "Straße", false, false);
        check(plain, "3.0.2", "Straße", true, true);
        check(plain, "3.0.2", "STRAßE", false, false);
        check(plain, "3.0.3", "STRAßE", true, true);
        check(plain, "4.1.5", "STRASSE", false, false);
        check(plain, "3.0.2", "pg1", true, true);
        check(plain, "3.0.3", "pg1", false, true);
        // With the leader the names are one list of texts, so that a comma parts the leader's name, too.
        let comma = r#"{"leader": "a,b", "sync_standby": "pg2"}"#;
        check(comma, "4.1.5", "b", false, true);
        check(comma, "4.1.5", "a,b", false, false);
        assert!(load(comma, "4.1.5").has_vote("a,b") && !load(comma, "4.1.5").has_vote("b"));
    }

    #[test]
    fn an_empty_leader() {
        let check = |text: &str, release: &str, is_empty: bool| {
            assert_eq!(load(text, release).is_empty(), is_empty, "{text} in {release}");
        };
        check(r#"{"leader": ""}"#, "3.0.1", true);
        check(r#"{"leader": ""}"#, "3.0.2", false);
        check(r#"{"leader": []}"#, "3.0.2", false);
        check(r#"{"leader": null}"#, "3.0.2", true);
        check(r#"{"leader": ""}"#, "3.0.3", true);
    }

    #[test]
    fn odd_names_raise_when_they_are_compared() {
        let raises = |text: &str, release: &str| {
            let sync = load(text, release);
            let class = |result: Result<bool, Raised>| result.err().map(|raised| raised.class);
            (class(sync.try_matches("x")), class(sync.try_matches_or_leads("x")), class(sync.try_leader_matches("x")))
        };
        let (attribute, of_type) = (Some("AttributeError"), Some("TypeError"));
        assert_eq!(raises(r#"{"leader": "x", "sync_standby": 1}"#, "4.1.5"), (of_type, of_type, None));
        assert_eq!(raises(r#"{"leader": "x", "sync_standby": 1}"#, "3.0.2"), (attribute, attribute, None));
        assert_eq!(raises(r#"{"leader": 1}"#, "4.1.5"), (None, of_type, attribute));
        assert_eq!(raises(r#"{"leader": 1}"#, "3.0.2"), (None, None, None));
        assert_eq!(raises(r#"{"leader": null, "sync_standby": 1}"#, "4.1.5"), (None, None, None));
        let json = json::parse(SourceId(0), r#"{"leader": "x", "quorum": Infinity}"#).expect("JSON as Python reads it");
        assert!(SyncState::load(Some(&json), Behaviours::of("4.1.5".parse().expect("a release"))).is_err());
    }
}
