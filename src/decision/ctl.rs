//! Gate `ctl`: what `patronictl --force` says before it sends anything.

use crate::decision::api::{Kind, Request};
use crate::decision::view::nofailover;
use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::{Cluster, Raised};
use crate::model::config::global::GlobalConfig;
use crate::model::time::{ParsedTime, parse_time_at};

/// What patronictl does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CtlOutcome {
    /// It sends this request to the REST API of this member (the leader, or the candidate when there is no leader).
    Sends {
        /// The end point.
        kind: Kind,
        /// The body.
        request: Request,
        /// The member; `None`: it knows nobody to send to and writes `/failover` itself.
        to: Option<String>,
    },
    /// It prints `Error: …` and exits with 1.
    Refuses {
        /// The text behind `Error: `.
        message: String,
    },
    /// The option does not exist in this release: a usage error, exit code 2.
    NoSuchOption {
        /// The option.
        option: &'static str,
    },
    /// It ends with a traceback.
    Raises(Raised),
}

/// Decides about `patronictl switchover|failover SCOPE --force [--leader L] [--candidate C] [--scheduled T]`.
///
/// `now`: the time, in seconds since 1970.
///
/// Source: patroni/ctl.py, `_do_failover_or_switchover`, 2.0.0 to 4.1.5.
pub fn do_failover_or_switchover(
    behaviours: Behaviours,
    cluster: &Cluster,
    config: &GlobalConfig,
    scope: &str,
    kind: Kind,
    request: &Request,
    now: f64,
) -> CtlOutcome {
    decide(behaviours, cluster, config, scope, kind, request, now).unwrap_or_else(CtlOutcome::Raises)
}

fn decide(
    behaviours: Behaviours,
    cluster: &Cluster,
    config: &GlobalConfig,
    scope: &str,
    mut kind: Kind,
    request: &Request,
    now: f64,
) -> Result<CtlOutcome, Raised> {
    let refuses = |message: String| Ok(CtlOutcome::Refuses { message });
    if kind == Kind::Failover {
        if request.scheduled_at.is_some() {
            return Ok(CtlOutcome::NoSuchOption { option: "--scheduled" });
        }
        if request.leader.is_some() && !behaviours.has(Behaviour::CtlFailoverTakesLeader) {
            return Ok(CtlOutcome::NoSuchOption { option: "--leader" });
        }
        if request.leader().is_some() {
            kind = Kind::Switchover;
        }
    }
    let cluster_leader = cluster.leader_name();
    let mut leader = request.leader.as_deref();
    let tells_apart = behaviours.has(Behaviour::CtlTellsFailoverFromSwitchover);
    if !tells_apart {
        if kind == Kind::Switchover && cluster_leader.is_none() {
            let word = if behaviours.has(Behaviour::SaysPrimary) { "leader" } else { "master" };
            return refuses(format!("This cluster has no {word}"));
        }
        leader = leader.or(cluster.leader.as_deref());
        if let (Some(named), Some(current)) = (leader, cluster.leader.as_deref())
            && named != current
        {
            return refuses(format!("Member {named} is not the leader of cluster {scope}"));
        }
    } else if kind == Kind::Switchover {
        let Some(current) = cluster_leader else { return refuses("This cluster has no leader".to_owned()) };
        let named = leader.unwrap_or(current);
        if named != current {
            return refuses(format!("Member {named} is not the leader of cluster {scope}"));
        }
        leader = Some(named);
    }
    let excluded = if behaviours.has(Behaviour::CtlExcludesClusterLeader) { cluster_leader } else { leader };
    let mut names = Vec::new();
    for member in cluster.members.iter() {
        if Some(member.name.as_str()) != excluded && !nofailover(member)? {
            names.push(member.name.as_str());
        }
    }
    if names.is_empty() {
        return refuses(format!("No candidates found to {} to", kind.name()));
    }
    let candidate = request.candidate();
    if kind == Kind::Failover && candidate.is_none() {
        return refuses("Failover could be performed only to a specific candidate".to_owned());
    }
    if !behaviours.has(Behaviour::CtlExcludesClusterLeader) && request.candidate.as_deref() == leader {
        return refuses(format!("{} target and source are the same.", kind.title()));
    }
    if let Some(candidate) = candidate.filter(|candidate| !names.contains(candidate)) {
        if behaviours.has(Behaviour::CtlExcludesClusterLeader) && Some(candidate) == cluster_leader {
            return refuses(format!("Member {candidate} is already the leader of cluster {scope}"));
        }
        let suffix = if tells_apart { " or is tagged as nofailover" } else { "" };
        return refuses(format!("Member {candidate} does not exist in cluster {scope}{suffix}"));
    }
    if tells_apart && let Some(candidate) = candidate {
        // Only a question that --force leaves out hangs on it, but Patroni compares in any case.
        cluster.sync.try_matches_or_leads(candidate)?;
    }
    let scheduled_at = request.scheduled_at().filter(|text| *text != "now");
    let mut at = None;
    if kind == Kind::Switchover
        && let Some(text) = scheduled_at
    {
        let time = parse_time_at(text, now);
        if time == ParsedTime::Invalid {
            return refuses(format!(
                "Unable to parse scheduled timestamp ({text}). It should be in an unambiguous format (e.g. ISO 8601)"
            ));
        }
        if config.paused {
            return refuses("Can't schedule switchover in the paused state".to_owned());
        }
        at = Some(match time {
            ParsedTime::Zoned { iso, .. } => iso,
            // patronictl takes the time zone of its own process, which nothing tells; most servers have UTC.
            ParsedTime::Naive(iso) => iso + "+00:00",
            ParsedTime::BadOffset | ParsedTime::Invalid => return Err(Raised::bad_offset()),
        });
    }
    let to = match &cluster.leader {
        Some(leader) => Some(leader.clone()),
        None => candidate.and_then(|candidate| cluster.member(candidate)).map(|member| member.name.clone()),
    };
    Ok(CtlOutcome::Sends {
        kind,
        request: Request {
            leader: leader.filter(|_| kind == Kind::Switchover || !tells_apart).map(str::to_owned),
            candidate: request.candidate.clone(),
            scheduled_at: at,
        },
        to,
    })
}
