//! What to do about the margins.

use crate::decision::quorum::margins::Writes;
use crate::decision::quorum::overlap::Overlap;
use crate::decision::quorum::seats::silence;
use crate::decision::quorum::situation::Mode;
use crate::decision::quorum::{QuorumReport, Tolerance};
use crate::model::behaviour::Behaviour;
use crate::model::cluster::MemberStatus;

/// Something to do, with the command for it if there is one.
pub type Advice = (String, Option<String>);

impl QuorumReport<'_> {
    /// What would widen the margins, the most urgent first.
    pub fn advice(&self) -> Vec<Advice> {
        let situation = &self.situation;
        let scope = &situation.facts.scope;
        let mut advice = Vec::new();
        if situation.config.paused {
            let what = "resume the cluster: until then nobody takes over by itself".to_owned();
            advice.push((what, Some(format!("patronictl resume {scope}"))));
        }
        if matches!(self.overlap, Overlap::Broken { .. }) {
            let until = match self.outlook.writes.is_empty() || self.outlook.stuck.is_some() {
                true => "and the leader does not bring it in order by itself",
                false => "until the leader has brought /sync in order (above)",
            };
            advice.push((format!("no switchover now: a new leader may lack acknowledged commits, {until}"), None));
        }
        let is_standby = |name: &&String| situation.leader != Some(name.as_str());
        for name in situation.facts.nodes.keys().filter(is_standby) {
            let node = &situation.facts.nodes[name];
            if let (false, MemberStatus::Unreachable { .. }) = (node.local.running, &node.status) {
                advice.push((format!("bring {name} back: {}", silence(&node.status)), None));
            }
        }
        for seat in &self.seats {
            let is_replica = situation.leader != Some(seat.name.as_str());
            let votes_count = self.votes_needed.is_some() && seat.has_seat && !seat.votes;
            let node = situation.facts.nodes.get(&seat.name);
            let is_tagged = node.is_some_and(|node| node.local.running && node.local.tags.nofailover());
            let nobody_can_win = self.tolerance().is_some_and(|tolerance| tolerance.failover == Some(0));
            if is_replica && is_tagged && (votes_count || nobody_can_win) {
                let what = match votes_count {
                    true => {
                        "holds a seat but never votes: take nofailover (failover_priority 0) away, or give it nosync, too"
                    }
                    false => "must not be promoted: take nofailover (failover_priority 0) away",
                };
                let what = format!("{} {what}", seat.name);
                advice.push((what, Some(format!("in its patroni.yml, then: patronictl reload {scope} {}", seat.name))));
            }
        }
        advice.extend(self.node_counts());
        let members = situation.facts.nodes.len();
        if situation.mode == Mode::Asynchronous && !situation.config.standby_cluster && 1 < members {
            let value = if situation.behaviours.has(Behaviour::QuorumCommit) { "quorum" } else { "true" };
            let what =
                "to lose no commit: then whoever takes over has every acknowledged one, and commits wait for a standby";
            advice.push((what.to_owned(), Some(format!("patronictl edit-config {scope} -s synchronous_mode={value}"))));
        }
        advice
    }

    /// Other values of `synchronous_node_count` with which more losses leave a failover, if any does.
    fn node_counts(&self) -> Option<Advice> {
        let present = self.steady.or_else(|| self.tolerance())?;
        let better = |choice: &&super::choices::Choice| present.failover < choice.tolerance.failover;
        let choice = self.choices.iter().find(better)?;
        let scope = &self.situation.facts.scope;
        let Tolerance { failover, .. } = choice.tolerance;
        let what = format!(
            "synchronous_node_count {}: then a failover survives the loss of any {} members; but commits wait for {} standbys",
            choice.node_count,
            failover.unwrap_or(0),
            choice.node_count
        );
        let command = format!("patronictl edit-config {scope} -s synchronous_node_count={}", choice.node_count);
        Some((what, Some(command)))
    }

    /// For how long clients may have to wait, in seconds, at most and without the time that PostgreSQL takes to promote;
    /// `None`: not at all, or for ever.
    pub fn seconds(&self, writes: Writes) -> Option<i128> {
        let config = &self.situation.config;
        let (ttl, loop_wait) = (config.ttl_seconds, config.loop_wait_seconds);
        match writes {
            Writes::GoOn | Writes::Elsewhere | Writes::Stop => None,
            // A host that vanishes leaves its connection and its key behind; the key is gone after ttl.
            Writes::AfterLoops(loops) => Some(ttl + i128::from(loops) * loop_wait),
            Writes::AfterFailover(0) => Some(ttl + loop_wait),
            // A new leader leaves /sync alone for one loop_wait.
            Writes::AfterFailover(loops) => Some(ttl + (2 + i128::from(loops)) * loop_wait),
        }
    }

    /// The servers of the DCS that run on the host of a member.
    pub fn servers_of(&self, member: &str) -> Vec<&str> {
        let url = self.situation.cluster.member(member).and_then(|member| member.api_url.as_deref());
        let Some(host) = url.and_then(host).filter(|host| !is_loopback(host)) else { return Vec::new() };
        let on_host =
            self.servers.iter().map(|server| server.endpoint.as_str()).filter(|it| self::host(it) == Some(host));
        on_host.collect()
    }
}

/// The host in a URL.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next()?;
    let authority = authority.rsplit('@').next()?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => authority.split(':').next()?,
    };
    Some(host).filter(|host| !host.is_empty())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_addresses() {
        let check = |url: &str, expected: Option<&str>| assert_eq!(host(url), expected, "{url}");
        check("http://10.0.0.1:8008/patroni", Some("10.0.0.1"));
        check("https://user@pg1.example.com/patroni?x", Some("pg1.example.com"));
        check("http://[fd00::1]:2379", Some("fd00::1"));
        check("etcd1:2379", Some("etcd1"));
        check("http:///patroni", None);
        assert!(is_loopback("127.0.0.1") && is_loopback("localhost") && !is_loopback("10.0.0.1"));
    }
}
