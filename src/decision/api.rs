//! Gate `api`: what the member that gets the request answers.

use crate::decision::view::View;
use crate::model::cluster::{Limitation, Member, Raised};
use crate::model::time::{ParsedTime, parse_time};

/// Which end point of the REST API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `POST /switchover`
    Switchover,
    /// `POST /failover`
    Failover,
}

impl Kind {
    /// `switchover` or `failover`
    pub fn name(self) -> &'static str {
        match self {
            Self::Switchover => "switchover",
            Self::Failover => "failover",
        }
    }

    /// `Switchover` or `Failover`
    pub fn title(self) -> &'static str {
        match self {
            Self::Switchover => "Switchover",
            Self::Failover => "Failover",
        }
    }
}

/// The body of a request; an empty string counts as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `leader`
    pub leader: Option<String>,
    /// `candidate`
    pub candidate: Option<String>,
    /// `scheduled_at`
    pub scheduled_at: Option<String>,
}

impl Request {
    /// `leader`, if it is not empty.
    pub fn leader(&self) -> Option<&str> {
        self.leader.as_deref().filter(|text| !text.is_empty())
    }

    /// `candidate`, if it is not empty.
    pub fn candidate(&self) -> Option<&str> {
        self.candidate.as_deref().filter(|text| !text.is_empty())
    }

    /// `scheduled_at`, if it is not empty.
    pub fn scheduled_at(&self) -> Option<&str> {
        self.scheduled_at.as_deref().filter(|text| !text.is_empty())
    }

    /// Whether the JSON object has no key at all.
    pub fn is_empty(&self) -> bool {
        self.leader.is_none() && self.candidate.is_none() && self.scheduled_at.is_none()
    }
}

/// What the REST API does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiDecision {
    /// The outcome.
    pub outcome: ApiOutcome,
    /// The limitation of every member that was asked, in their order; `None`: fit.
    pub asked: Vec<(String, Option<Limitation>)>,
    /// Whether a failover with a leader was taken for a switchover.
    pub became_switchover: bool,
}

/// The outcome of the gate `api`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiOutcome {
    /// It writes `/failover` and waits for what comes of it.
    Accepts,
    /// It writes `/failover` with a time: status 202.
    Schedules,
    /// It refuses.
    Refuses {
        /// HTTP status.
        status: u16,
        /// Body.
        body: String,
    },
    /// An empty request: 400 with an HTML page.
    BadRequest,
    /// The handler fails: the connection is closed without an answer.
    Raises(Raised),
}

/// Decides about a request.
///
/// Source: patroni/api.py, `RestApiHandler.do_POST_failover`, 3.2.0 to 4.1.5.
pub fn do_post_failover(view: &View<'_>, kind: Kind, request: &Request) -> ApiDecision {
    let mut asked = Vec::new();
    let mut became_switchover = false;
    let outcome = decide(view, kind, request, &mut asked, &mut became_switchover).unwrap_or_else(ApiOutcome::Raises);
    ApiDecision { outcome, asked, became_switchover }
}

fn decide(
    view: &View<'_>,
    mut kind: Kind,
    request: &Request,
    asked: &mut Vec<(String, Option<Limitation>)>,
    became_switchover: &mut bool,
) -> Result<ApiOutcome, Raised> {
    let refuses = |status: u16, body: &str| Ok(ApiOutcome::Refuses { status, body: body.to_owned() });
    if request.is_empty() {
        return Ok(ApiOutcome::BadRequest);
    }
    let (leader, candidate) = (request.leader(), request.candidate());
    match kind {
        Kind::Failover if candidate.is_none() => {
            return refuses(400, "Failover could be performed only to a specific candidate");
        }
        Kind::Switchover if leader.is_none() => {
            return refuses(400, "Switchover could be performed only from a specific leader");
        }
        _ => {}
    }
    if let Some(scheduled_at) = request.scheduled_at() {
        if kind == Kind::Failover {
            return refuses(400, "Failover can't be scheduled");
        }
        if view.config.paused {
            return refuses(400, "Can't schedule switchover in the paused state");
        }
        if let Some((status, body)) = schedule_error(scheduled_at, view.now) {
            return refuses(status, body);
        }
    }
    if view.config.paused && candidate.is_none() {
        return refuses(400, "Switchover is possible only to a specific candidate in a paused state");
    }
    if kind == Kind::Failover && leader.is_some() {
        kind = Kind::Switchover;
        *became_switchover = true;
    }
    if leader == candidate {
        if request.scheduled_at().is_some() {
            // The status is still None here, and writing it raises.
            return Err(Raised::new("TypeError", "%d format: a real number is required, not NoneType"));
        }
        return refuses(400, "Switchover target and source are the same");
    }
    if request.scheduled_at().is_some() {
        return Ok(ApiOutcome::Schedules);
    }
    match is_failover_possible(view, kind, leader, candidate, asked)? {
        Some(body) => Ok(ApiOutcome::Refuses { status: 412, body }),
        None => Ok(ApiOutcome::Accepts),
    }
}

/// Why nobody could take over; `None`: somebody could.
///
/// Source: patroni/api.py, `RestApiHandler.is_failover_possible`, 3.2.0 to 4.1.5.
fn is_failover_possible(
    view: &View<'_>,
    kind: Kind,
    leader: Option<&str>,
    candidate: Option<&str>,
    asked: &mut Vec<(String, Option<Limitation>)>,
) -> Result<Option<String>, Raised> {
    let cluster = view.cluster;
    let action = kind.name();
    if leader.is_some() && cluster.leader.as_deref() != leader {
        return Ok(Some("leader name does not match".to_owned()));
    }
    let by_priority = view.config.synchronous_mode && !view.config.quorum_commit_mode;
    let members: Vec<&Member> = if let Some(candidate) = candidate {
        if kind == Kind::Switchover && by_priority && !cluster.sync.matches(candidate) {
            return Ok(Some("candidate name does not match with sync_standby".to_owned()));
        }
        let members: Vec<_> = cluster.members.iter().filter(|member| member.name == candidate).collect();
        if members.is_empty() {
            return Ok(Some("candidate does not exists".to_owned()));
        }
        members
    } else if by_priority {
        let members: Vec<_> = cluster.members.iter().filter(|member| cluster.sync.matches(&member.name)).collect();
        if members.is_empty() {
            return Ok(Some(format!("{action} is not possible: can not find sync_standby")));
        }
        members
    } else {
        let is_other = |member: &&Member| match &cluster.leader {
            None => true,
            Some(leader) => member.name != *leader && member.api_url.is_some(),
        };
        let members: Vec<_> = cluster.members.iter().filter(is_other).collect();
        if members.is_empty() {
            return Ok(Some(format!("{action} is not possible: cluster does not have members except leader")));
        }
        members
    };
    let mut is_possible = false;
    for member in members {
        let limitation = match member.api_url {
            Some(_) => view.answers.of(&member.name).limitation()?,
            None => Some(Limitation::NotReachable),
        };
        is_possible |= limitation.is_none();
        asked.push((member.name.clone(), limitation));
        if is_possible {
            break;
        }
    }
    Ok((!is_possible).then(|| format!("{action} is not possible: no good candidates have been found")))
}

/// `RestApiHandler.parse_schedule`: status and body of a time that is refused.
fn schedule_error(scheduled_at: &str, now: f64) -> Option<(u16, &'static str)> {
    match parse_time(scheduled_at) {
        ParsedTime::Naive(_) => Some((400, "Timezone information is mandatory for the scheduled switchover")),
        ParsedTime::Zoned { seconds, .. } if seconds < now => Some((422, "Cannot schedule switchover in the past")),
        ParsedTime::Zoned { .. } => None,
        ParsedTime::Invalid => {
            Some((422, "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"))
        }
    }
}
