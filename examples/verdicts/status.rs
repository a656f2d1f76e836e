//! `status`: the state of the cluster as the releases read it.

use patrolint::decision::view::Answers;
use patrolint::decision::view::View;
use patrolint::model::behaviour::Behaviour;
use patrolint::model::cluster::{Cluster, LocalState, Member, MemberStatus, Raised, ScheduledMoment};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::python;
use patrolint::parse::tree::{Node, Value};

use super::json::Json;
use super::scenario::Scenario;

/// Writes `status`.
pub fn write(scenario: &Scenario<'_>, (observer, local): (&str, &LocalState), answers: &Answers, out: &mut Json) {
    let Ok(cluster) = &scenario.world.cluster else { return };
    let config = &scenario.world.config;
    let (name, old_cluster, now) = (observer, cluster, scenario.now);
    let view = View { name, behaviours: scenario.behaviours, cluster, config, old_cluster, local, answers, now };
    let version = scenario.version;
    let since = |major: u16, minor: u16, patch: u16| PatroniVersion::new(major, minor, patch) <= version;
    let names = names(scenario, cluster);
    let flag = |out: &mut Json, name: &str, exists: bool, value: bool| {
        out.field(name, |out| if exists { out.bool(value) } else { out.null() });
    };
    let int = |out: &mut Json, name: &str, value: i128| out.field(name, |out| out.int(value));
    out.begin('{');
    out.bool_field("check_timeline", config.check_timeline);
    out.field("failover", |out| failover(scenario, &view, out));
    out.field("failsafe", |out| match scenario.keys.get("failsafe").and_then(|key| key.json.as_ref()) {
        Some(failsafe) if since(2, 1, 6) => out.node(failsafe),
        _ => out.null(),
    });
    out.field("has_member", |out| {
        by_name(&names, out, |name, out| out.bool(cluster.member(name).is_some()));
    });
    out.field("initialize", |out| out.optional(cluster.initialize.as_deref()));
    flag(out, "is_failsafe_mode", scenario.behaviours.has(Behaviour::FailsafeRace), config.failsafe_mode);
    out.bool_field("is_paused", config.paused);
    flag(out, "is_quorum_commit_mode", scenario.behaviours.has(Behaviour::QuorumCommit), config.quorum_commit_mode);
    out.bool_field("is_standby_cluster", config.standby_cluster);
    out.bool_field("is_synchronous_mode", config.synchronous_mode);
    out.bool_field("is_unlocked", cluster.leader_name().is_none());
    int(out, "last_lsn", cluster.last_lsn);
    out.field("leader", |out| out.optional(cluster.leader.as_deref()));
    out.field("logs", |out| {
        let line = cluster.malformed_history.as_ref();
        let line = line.map(|lines| format!("ERROR: Failed to parse cluster history from DCS: {lines}"));
        out.strings(line.as_deref());
    });
    int(out, "maximum_lag_on_failover", config.maximum_lag_on_failover);
    out.field("maximum_lag_on_syncnode", |out| match since(2, 0, 2) {
        true => out.int(config.maximum_lag_on_syncnode),
        false => out.null(),
    });
    out.key("member_status");
    by_member(cluster, out, |member, out| member_status(scenario, &view, member, out));
    out.key("member_tags");
    by_member(cluster, out, |member, out| member_tags(scenario, member, out));
    out.field("members", |out| out.strings(cluster.members.iter().map(|member| member.name.as_str())));
    out.field("sync", |out| sync(scenario, &view, version, out));
    let matching = names.iter().map(|name| cluster.sync.try_matches(name)).collect::<Result<Vec<bool>, Raised>>();
    out.field("sync_matches", |out| match matching {
        Ok(_) => by_name(&names, out, |name, out| out.bool(cluster.sync.matches(name))),
        Err(raised) => {
            out.begin('{');
            exception(&raised, out);
            out.end('}');
        }
    });
    flag(
        out,
        "sync_mode_is_active",
        scenario.behaviours.has(Behaviour::SwitchoversAreNamed),
        view.sync_mode_is_active(),
    );
    out.bool_field("synchronous_mode_strict", config.synchronous_mode_strict);
    int(out, "synchronous_node_count", config.synchronous_node_count);
    int(out, "timeline", cluster.timeline);
    out.end('}');
}

/// The names that the scenario mentions, in order.
fn names<'a>(scenario: &'a Scenario<'_>, cluster: &'a Cluster) -> Vec<&'a str> {
    let request = scenario.action.as_ref().map(|(_, request)| request);
    let mut names: Vec<&str> = cluster.members.iter().map(|member| member.name.as_str()).collect();
    names.extend(scenario.nodes.keys());
    names.extend(scenario.leader());
    names.extend(request.and_then(|request| request.candidate()));
    names.extend(request.and_then(|request| request.leader()));
    names.sort_unstable();
    names.dedup();
    names
}

fn by_name(names: &[&str], out: &mut Json, write: impl Fn(&str, &mut Json)) {
    out.begin('{');
    for name in names {
        out.key(name);
        write(name, out);
    }
    out.end('}');
}

fn by_member(cluster: &Cluster, out: &mut Json, write: impl Fn(&Member, &mut Json)) {
    out.begin('{');
    for member in cluster.members.iter() {
        out.key(&member.name);
        out.begin('{');
        write(member, out);
        out.end('}');
    }
    out.end('}');
}

fn failover(scenario: &Scenario<'_>, view: &View<'_>, out: &mut Json) {
    let Some(failover) = view.failover() else { return out.null() };
    let json = scenario.keys.get("failover").and_then(|key| key.json.as_ref());
    let name = |out: &mut Json, field: &str, name: Option<&str>| match json.and_then(|json| json.get(field)) {
        Some(value) => out.node(value),
        None => out.optional(name),
    };
    out.begin('{');
    if failover.scheduled_at.as_ref().is_some_and(|at| at.at == ScheduledMoment::BadOffset) {
        exception(&Raised::bad_offset(), out);
        return out.end('}');
    }
    out.field("candidate", |out| name(out, "member", failover.candidate.as_deref()));
    out.field("leader", |out| name(out, "leader", failover.leader.as_deref()));
    out.field("scheduled_at", |out| match &failover.scheduled_at {
        Some(at) => out.string(&at.text),
        None => name(out, "scheduled_at", None),
    });
    out.end('}');
}

fn sync(scenario: &Scenario<'_>, view: &View<'_>, version: PatroniVersion, out: &mut Json) {
    let sync = &view.cluster.sync;
    let json = scenario.keys.get("sync").and_then(|key| key.json.as_ref());
    // A quorum that is no number empties the state.
    let is_truthy = |node: Option<&Node>| node.is_some_and(|node| python::truthy(&node.value));
    let json = json.filter(|json| sync.leader_as_written().is_some() || !is_truthy(json.get("leader")));
    let field = |name: &str| json.and_then(|json| json.get(name));
    let standbys = field("sync_standby");
    out.begin('{');
    if let Some(Value::Bool(_) | Value::Int(_) | Value::Float(_)) = standbys.map(|node| &node.value) {
        // The oracle's own doing, who makes a list of what is no text.
        out.text_field("exception", "TypeError: object is not iterable");
        return out.end('}');
    }
    let has_is_empty = PatroniVersion::new(3, 0, 2) <= version;
    out.field("is_empty", |out| if has_is_empty { out.bool(sync.is_empty()) } else { out.null() });
    out.field("leader", |out| match field("leader") {
        Some(leader) => out.node(leader),
        None => out.optional(sync.leader_as_written()),
    });
    out.field("members", |out| {
        let is_odd = sync.try_matches("x").is_err();
        let leader = field("leader").filter(|_| view.has(Behaviour::QuorumCommit) && !sync.is_empty() && !is_odd);
        out.begin('[');
        leader.into_iter().for_each(|leader| out.node(leader));
        sync.voters().filter(|_| !is_odd).for_each(|voter| out.string(voter));
        out.end(']');
    });
    out.field("quorum", |out| if view.has(Behaviour::QuorumCommit) { out.int(sync.quorum) } else { out.null() });
    out.field("sync_standby", |out| match standbys.map(|node| &node.value) {
        Some(Value::Mapping(names)) => out.strings(names.effective().filter_map(|entry| entry.key.as_str())),
        Some(Value::Sequence(_)) => standbys.into_iter().for_each(|list| out.node(list)),
        _ => out.optional(sync.sync_standby()),
    });
    out.end('}');
}

fn exception(raised: &Raised, out: &mut Json) {
    out.text_field("exception", &raised.to_string());
}

fn member_status(scenario: &Scenario<'_>, view: &View<'_>, member: &Member, out: &mut Json) {
    if let Some(raised) = &member.shapeless {
        return exception(raised, out);
    }
    let has_priority = view.has(Behaviour::FailoverPriority);
    let silent = MemberStatus::Unreachable { reason: String::new() };
    let status = if member.api_url.is_some() { view.answers.of(&member.name) } else { &silent };
    let limitation = match status.limitation() {
        Ok(limitation) => limitation,
        Err(raised) => return exception(&raised, out),
    };
    let (in_recovery, priority) = match status {
        MemberStatus::Reachable { in_recovery, tags: Ok(tags), .. } => (Some(*in_recovery), tags.failover_priority()),
        _ => (None, 1),
    };
    out.field("failover_priority", |out| if has_priority { out.int(priority) } else { out.null() });
    out.field("in_recovery", |out| match in_recovery {
        Some(in_recovery) => out.bool(in_recovery),
        None => out.null(),
    });
    out.field("limitation", |out| out.optional(limitation.map(|limitation| limitation.text())));
    out.bool_field("reachable", in_recovery.is_some());
    out.field("timeline", |out| {
        match scenario.rest.get(member.name.as_str()).and_then(|rest| rest.timeline.as_ref()) {
            Some(timeline) if in_recovery.is_some() => out.node(timeline),
            _ => out.int(0),
        }
    });
    out.field("wal_position", |out| out.int(status.wal_position()));
}

fn member_tags(scenario: &Scenario<'_>, member: &Member, out: &mut Json) {
    let since = |major: u16, minor: u16, patch: u16| PatroniVersion::new(major, minor, patch) <= scenario.version;
    let key = scenario.keys.get(format!("members/{}", member.name).as_str());
    let data = key.and_then(|key| key.json.as_ref());
    let tag = |name: &str| data.and_then(|data| data.at(&["tags", name]));
    let raised = member.tags.as_ref().err();
    let failing = |out: &mut Json, raised: &Raised| {
        out.begin('{');
        exception(raised, out);
        out.end('}');
    };
    let write = |out: &mut Json, name: &str, value: &dyn Fn(&mut Json)| {
        out.key(name);
        match raised {
            Some(raised) => failing(out, raised),
            None => value(out),
        }
    };
    let raw = |out: &mut Json, name: &str| match tag(name) {
        Some(value) => out.node(value),
        None => out.null(),
    };
    let tags = member.tags.as_ref().ok();
    let truth = |name: &str| tag(name).is_some_and(|node| python::truthy(&node.value));
    out.key("api_url");
    match (&member.shapeless, data.and_then(|data| data.get("api_url"))) {
        (Some(raised), _) => failing(out, raised),
        (None, Some(url)) => out.node(url),
        (None, None) => out.optional(member.api_url.as_deref()),
    }
    if since(3, 2, 0) {
        write(out, "failover_priority", &|out| out.int(tags.map_or(1, |tags| tags.failover_priority())));
    }
    out.key("is_running");
    match &member.shapeless {
        Some(raised) => failing(out, raised),
        None => out.bool(member.state.as_deref() == Some("running")),
    }
    write(out, "nofailover", &|out| match tag("nofailover") {
        Some(value) if !since(3, 2, 0) => out.node(value),
        _ => out.bool(tags.is_some_and(|tags| tags.nofailover())),
    });
    if since(3, 2, 0) {
        write(out, "noloadbalance", &|out| out.bool(truth("noloadbalance")));
    }
    if since(3, 3, 0) {
        write(out, "nostream", &|out| out.bool(tags.is_some_and(|tags| tags.nostream)));
    }
    if since(3, 2, 0) {
        write(out, "nosync", &|out| out.bool(tags.is_some_and(|tags| tags.nosync(scenario.behaviours))));
    }
    write(out, "replicatefrom", &|out| raw(out, "replicatefrom"));
    if since(4, 1, 0) {
        let priority = match tag("sync_priority").and_then(|node: &Node| python::parse_int(&node.value, None)) {
            _ if truth("nosync") => 0,
            Some(priority) => priority,
            None => 1,
        };
        write(out, "sync_priority", &|out| out.int(priority));
    }
}
