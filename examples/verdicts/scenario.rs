//! One scenario of the oracle: the states of the DCS, of the REST APIs and of every node that it describes.

use std::collections::BTreeMap;

use patrolint::decision::api::{Kind, Request};
use patrolint::decision::view::Answers;
use patrolint::input::source_map::SourceId;
use patrolint::model::behaviour::{Behaviour, Behaviours};
use patrolint::model::cluster::{Cluster, FailoverKey, LocalState, Member, MemberStatus, Raised, Tags};
use patrolint::model::config::global::GlobalConfig;
use patrolint::model::snapshot::{DcsKey, RawValue};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::tree::{Node, Value};
use patrolint::parse::{json, python};

/// What a scenario's place in a text would be; nothing points there.
pub const NOWHERE: SourceId = SourceId(u32::MAX);

/// A scenario: one line of the oracle's input, every part of it read once.
pub struct Scenario<'a> {
    /// The release that judges it.
    pub version: PatroniVersion,
    /// What that release does.
    pub behaviours: Behaviours,
    /// The whole line.
    pub line: &'a Node,
    /// `now`, in seconds since 1970.
    pub now: f64,
    /// `dcs`: the keys.
    pub keys: BTreeMap<&'a str, DcsKey>,
    /// The state of the DCS.
    pub world: World,
    /// `rest`: what the members say of themselves.
    pub rest: BTreeMap<&'a str, Rest>,
    /// `local`: what each node knows of its own PostgreSQL.
    pub nodes: BTreeMap<&'a str, LocalState>,
    /// `action`
    pub action: Option<(Kind, Request)>,
    /// The nodes that can be asked, each with the member that answers at its address.
    addresses: Vec<(String, String)>,
}

/// What a member says of itself.
pub struct Rest {
    /// The answer's `timeline` as it stands there.
    pub timeline: Option<Node>,
    /// The answer as checks read it.
    pub status: MemberStatus,
}

/// One state of the DCS with what it means.
#[derive(Clone)]
pub struct World {
    /// The cluster, or the exception that loading it raises.
    pub cluster: Result<Cluster, Raised>,
    /// The dynamic configuration.
    pub config: GlobalConfig,
}

/// What happens once the leader has lost the lock, one of the two stories of `after`.
#[derive(Clone, Copy)]
pub struct Phase<'a> {
    /// Whether the leader has died, rather than stepped down.
    pub crash: bool,
    /// What changes: `dcs`, `rest`, `local`.
    changes: Option<&'a Node>,
}

impl<'a> Scenario<'a> {
    /// Reads a scenario.
    pub fn read(version: PatroniVersion, behaviours: Behaviours, line: &'a Node) -> Self {
        let keys: BTreeMap<&str, DcsKey> =
            entries(line.get("dcs")).filter_map(|(name, value)| Some((name, key(name, value.as_str()?)))).collect();
        let world = World::read(keys.iter().map(|(name, key)| (*name, key)), behaviours);
        let rest = entries(line.get("rest")).map(|(name, answer)| (name, Rest::read(answer, behaviours))).collect();
        let now = line.get("now").and_then(|now| python::str(&now.value).parse().ok());
        let mut scenario = Self {
            version,
            behaviours,
            line,
            now: now.unwrap_or(1.7e9),
            keys,
            world,
            rest,
            nodes: BTreeMap::new(),
            action: line.get("action").filter(|action| action.as_mapping().is_some()).map(request),
            addresses: Vec::new(),
        };
        scenario.addresses = scenario.addresses(|_| false);
        scenario.nodes = entries(line.get("local"))
            .map(|(name, facts)| {
                let tags = facts.get("tags").filter(|tags| tags.as_mapping().is_some());
                let mut node = scenario.stranger(name, tags);
                change(&mut node, facts);
                (name, node)
            })
            .collect();
        scenario
    }

    /// The name in `/leader`, unless it is empty.
    pub fn leader(&self) -> Option<&str> {
        self.keys.get("leader").map(|key| key.value.0.as_str()).filter(|leader| !leader.is_empty())
    }

    /// The member that serves the request, and what it knows.
    pub fn observer(&self) -> (&str, LocalState) {
        let cluster = self.world.cluster.as_ref().ok();
        let first = || cluster.and_then(|cluster| cluster.members.first()).map(|member| member.name.as_str());
        let named = self.line.get("node").and_then(Node::as_str).filter(|name| !name.is_empty());
        let name = named.or_else(|| self.leader()).or_else(first).unwrap_or("nobody");
        let local = self
            .nodes
            .get(name)
            .cloned()
            .unwrap_or_else(|| LocalState { primary: self.leader() == Some(name), ..self.stranger(name, None) });
        (name, local)
    }

    /// `request_body`: what is sent in place of the action's own fields.
    pub fn request_body(&self) -> Option<Request> {
        let text = self.line.get("request_body").and_then(Node::as_str)?;
        Some(Request::read(json::parse(NOWHERE, text).ok().as_ref()).unwrap_or_default())
    }

    /// The tags in a member's key.
    pub fn published_tags(&self, name: &str) -> Option<&Node> {
        let key = self.keys.get(format!("members/{name}").as_str())?;
        key.json.as_ref()?.get("tags").filter(|tags| tags.as_mapping().is_some())
    }

    /// A node that `local` tells nothing of; `tags`: those of its configuration, else the published ones.
    pub fn stranger(&self, name: &str, tags: Option<&Node>) -> LocalState {
        let tags = tags.or_else(|| self.published_tags(name));
        LocalState {
            running: true,
            starting: false,
            primary: false,
            timeline: None,
            lsn: 0,
            watchdog_healthy: true,
            system_identifier: String::new(),
            tags: Tags::read(tags, self.behaviours).unwrap_or_default().of_own_process(self.behaviours),
        }
    }

    /// One of the stories of `after`.
    pub fn phase(&self, name: &str) -> Phase<'a> {
        Phase { crash: name == "crash", changes: self.line.at(&["after", name]) }
    }

    /// The state of the DCS in which `world`, which has the leader key, is without it, and `phase` has changed the rest.
    pub fn world_after(&self, world: &World, phase: Phase<'a>) -> World {
        let changes: BTreeMap<&str, Option<DcsKey>> = entries(phase.changes.and_then(|changes| changes.get("dcs")))
            .map(|(name, value)| (name, value.as_str().map(|text| key(name, text))))
            .collect();
        if changes.is_empty() {
            let cluster = world.cluster.clone().map(|cluster| Cluster { leader: None, ..cluster });
            return World { cluster, config: world.config.clone() };
        }
        let is_kept = |name: &str| !matches!(name, "leader" | "failover") && !changes.contains_key(name);
        let kept = self.keys.iter().filter(|(name, _)| is_kept(name)).map(|(name, key)| (*name, key));
        let changed = changes.iter().filter_map(|(name, key)| Some((*name, key.as_ref()?)));
        let keys: BTreeMap<&str, &DcsKey> = kept.chain(changed).collect();
        let keys = keys.iter().map(|(name, key)| (*name, *key));
        let mut after = match changes.contains_key("config") {
            true => World::read(keys, self.behaviours),
            false => World { cluster: Cluster::load(keys, self.behaviours), config: world.config.clone() },
        };
        if !changes.contains_key("failover")
            && let Ok(after) = &mut after.cluster
        {
            match &world.cluster {
                Ok(before) => after.failover.clone_from(&before.failover),
                Err(raised) => return World { cluster: Err(raised.clone()), config: world.config.clone() },
            }
        }
        after
    }

    /// What the members' REST APIs answer, at first or in a phase.
    pub fn answers(&self, phase: Option<Phase<'a>>) -> Answers {
        let changes = phase.and_then(|phase| phase.changes).and_then(|changes| changes.get("rest"));
        let mut answers = Answers::default();
        // Whose key is gone is known from `/failsafe` alone, where that is used.
        let uses_failsafe = self.behaviours.has(Behaviour::FailsafeRace) && self.world.config.failsafe_mode;
        let removed: Vec<&str> = entries(phase.and_then(|phase| phase.changes).and_then(|changes| changes.get("dcs")))
            .filter(|(_, value)| value.as_str().is_none() && uses_failsafe)
            .filter_map(|(name, _)| name.strip_prefix("members/"))
            .collect();
        let without_removed = (!removed.is_empty()).then(|| self.addresses(|name| removed.contains(&name)));
        for (name, owner) in without_removed.as_ref().unwrap_or(&self.addresses) {
            let is_dead = || phase.is_some_and(|phase| phase.crash) && self.leader() == Some(owner);
            match (changes.and_then(|changes| changes.get(owner)), self.rest.get(owner.as_str())) {
                (Some(changed), _) => answers.set(name, Rest::read(changed, self.behaviours).status),
                (None, Some(rest)) if !is_dead() => answers.set(name, rest.status.clone()),
                (None, _) => {}
            }
        }
        answers
    }

    /// The nodes as they are in a phase. The former leader takes part only if the phase mentions it.
    pub fn nodes_after(&self, phase: Phase<'a>) -> BTreeMap<&str, LocalState> {
        let changes = phase.changes.and_then(|changes| changes.get("local"));
        let mut nodes: BTreeMap<&str, LocalState> =
            self.nodes.iter().map(|(name, node)| (*name, node.clone())).collect();
        for (name, facts) in entries(changes) {
            if facts.as_mapping().is_none() {
                nodes.remove(name);
                continue;
            }
            change(nodes.entry(name).or_insert_with(|| self.stranger(name, None)), facts);
        }
        if let Some(leader) = self.leader()
            && changes.and_then(|changes| changes.get(leader)).is_none()
        {
            nodes.remove(leader);
        }
        nodes
    }

    /// The nodes that can be asked: the oracle finds an answer by host and port, so that of two members with the same
    /// address the later one answers for both.
    fn addresses(&self, is_removed: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let Ok(cluster) = &self.world.cluster else { return Vec::new() };
        let in_failsafe = |name: &str| cluster.failsafe.iter().flatten().any(|(known, _)| known == name);
        let is_kept = |member: &&Member| !(is_removed(&member.name) && in_failsafe(&member.name));
        let members = cluster.members.iter().filter(is_kept);
        let members = members.map(|member| (member.name.as_str(), member.api_url.as_deref()));
        let is_other = |name: &str| cluster.member(name).is_none() || is_removed(name);
        let others = cluster.failsafe.iter().flatten().filter(|(name, _)| is_other(name));
        let failsafe = others.map(|(name, url)| (name.as_str(), url.as_deref()));
        let mut nodes: Vec<(&str, &str)> = Vec::new();
        for (name, url) in members.chain(failsafe) {
            if let Some(address) = url.and_then(netloc)
                && !nodes.iter().any(|(known, _)| *known == name)
            {
                nodes.push((name, address));
            }
        }
        let owner = |address: &str| {
            let is_member = |name: &str| cluster.member(name).is_some_and(|member| member.api_url.is_some());
            let mut at_address = nodes.iter().filter(|(_, other)| *other == address).map(|(name, _)| *name);
            let last_member = at_address.clone().rfind(|name| is_member(name));
            last_member.or_else(|| at_address.next()).unwrap_or_default().to_owned()
        };
        nodes.iter().map(|(name, address)| ((*name).to_owned(), owner(address))).collect()
    }
}

impl Phase<'_> {
    /// Whether the scenario leaves the phase out.
    pub fn is_skipped(self) -> bool {
        self.changes.and_then(|changes| changes.get("skip")).is_some_and(|skip| python::truthy(&skip.value))
    }
}

impl World {
    /// What these keys mean.
    fn read<'k>(
        keys: impl IntoIterator<Item = (&'k str, &'k DcsKey), IntoIter: Clone>,
        behaviours: Behaviours,
    ) -> Self {
        let keys = keys.into_iter();
        let config = keys.clone().find(|(name, _)| *name == "config").and_then(|(_, key)| key.json.as_ref());
        let config = GlobalConfig::read(config.and_then(Node::as_mapping), behaviours);
        Self { cluster: Cluster::load(keys, behaviours), config }
    }

    /// This state with another value of `/failover`.
    pub fn with_failover(&self, text: &str) -> Self {
        let key = key("failover", text);
        let failover = FailoverKey::load(text, key.json.as_ref());
        let cluster = self.cluster.clone();
        let cluster = cluster.and_then(|cluster| Ok(Cluster { failover: Some(failover?), ..cluster }));
        Self { cluster, config: self.config.clone() }
    }

    /// This state without `/failover`.
    pub fn without_failover(&self) -> Self {
        let cluster = self.cluster.clone().map(|cluster| Cluster { failover: None, ..cluster });
        Self { cluster, config: self.config.clone() }
    }
}

impl Rest {
    /// Reads an answer: a body, `{"raw": text}`, or `"unreachable"`.
    fn read(answer: &Node, behaviours: Behaviours) -> Self {
        let is_silent = answer.as_str() == Some("unreachable") || matches!(answer.value, Value::Null);
        let raw = answer.as_mapping().filter(|object| object.entries.len() == 1).and_then(|object| object.get("raw"));
        let parsed = raw.and_then(Node::as_str).map(|text| json::parse(NOWHERE, text).ok());
        let body = parsed.as_ref().map_or(Some(answer), Option::as_ref);
        let status = match is_silent {
            true => MemberStatus::Unreachable { reason: String::new() },
            false => MemberStatus::read(body, behaviours),
        };
        Self { timeline: body.and_then(|body| body.get("timeline")).cloned(), status }
    }
}

/// The entries of an object with their names.
pub fn entries(object: Option<&Node>) -> impl Iterator<Item = (&str, &Node)> {
    let entries = object.and_then(Node::as_mapping).map_or(&[][..], |object| &object.entries);
    entries.iter().filter_map(|entry| Some((entry.key.as_str()?, &entry.value)))
}

/// A key with its value. No decision looks into the JSON of `/leader` and `/initialize`.
fn key(name: &str, text: &str) -> DcsKey {
    let json = if matches!(name, "leader" | "initialize") { None } else { json::parse(NOWHERE, text).ok() };
    let value = RawValue(text.to_owned());
    DcsKey { source: NOWHERE, value, json, revision: None, lease: None, ttl_seconds: None }
}

/// Sets what `facts` tell.
fn change(node: &mut LocalState, facts: &Node) {
    for (name, fact) in entries(Some(facts)) {
        let int = || python::int(&fact.value);
        match name {
            "running" => node.running = python::truthy(&fact.value),
            "starting" => node.starting = python::truthy(&fact.value),
            "primary" => node.primary = python::truthy(&fact.value),
            "watchdog_healthy" => node.watchdog_healthy = python::truthy(&fact.value),
            "timeline" => node.timeline = int(),
            "lsn" => node.lsn = int().unwrap_or(0),
            "sysid" => fact.as_str().unwrap_or_default().clone_into(&mut node.system_identifier),
            _ => {}
        }
    }
}

fn request(action: &Node) -> (Kind, Request) {
    let text = |field: &str| action.get(field).and_then(Node::as_str).map(str::to_owned);
    let kind = if text("kind").as_deref() == Some("switchover") { Kind::Switchover } else { Kind::Failover };
    (kind, Request { leader: text("leader"), candidate: text("candidate"), scheduled_at: text("scheduled_at") })
}

/// host:port of a URL
pub fn netloc(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|netloc| !netloc.is_empty())
}
