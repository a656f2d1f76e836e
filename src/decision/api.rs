//! Gate `api`: what the member that gets the request answers.

use crate::decision::step::Level;
use crate::decision::view::View;
use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::{Limitation, Member, Raised};
use crate::model::time::{ParsedTime, parse_time, parse_time_at};
use crate::parse::python;
use crate::parse::tree::{Node, Value};

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
    /// Reads the body of a request; `None`: it is no object, or one without keys, and Patroni answers 400 without a text.
    ///
    /// Source: patroni/api.py, `RestApiHandler._read_json_content` and `do_POST_failover`, 2.0.0 to 4.1.5.
    pub fn read(body: Option<&Node>) -> Option<Self> {
        let object = body?.as_mapping().filter(|object| !object.entries.is_empty())?;
        let text = |name: &str| {
            let value = object.get(name).map(|node| &node.value).filter(|value| python::truthy(value));
            value.map(python::str)
        };
        let or_empty = |text: Option<String>| Some(text.unwrap_or_default());
        Some(Self {
            leader: or_empty(text("leader")),
            candidate: or_empty(text("candidate").or_else(|| text("member"))),
            scheduled_at: object.get("scheduled_at").map(|node| &node.value).filter(|value| python::truthy(value)).map(
                |value| match value {
                    Value::String(text) => text.clone(),
                    // No time to dateutil, and neither is the name of a type.
                    other => python::type_name(other).to_owned(),
                },
            ),
        })
    }

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
pub struct ApiDecision<'a> {
    /// The outcome.
    pub outcome: ApiOutcome,
    /// The limitation of every member that was asked, in their order; `None`: fit.
    pub asked: Vec<(&'a str, Option<Limitation>)>,
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

/// The body for a `scheduled_at` that is no time.
const UNREADABLE_SCHEDULE: &str =
    "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601";

/// Decides about a request.
///
/// Source: patroni/api.py, `RestApiHandler.do_POST_failover`, 2.0.0 to 4.1.5.
pub fn do_post_failover<'a>(view: &View<'a>, kind: Kind, request: &Request) -> ApiDecision<'a> {
    let mut asked = Vec::new();
    let mut became_switchover = false;
    let outcome = decide(view, kind, request, &mut asked, &mut became_switchover).unwrap_or_else(ApiOutcome::Raises);
    ApiDecision { outcome, asked, became_switchover }
}

/// The lines that the member which serves the request writes to its log.
///
/// Source: patroni/api.py, `RestApiHandler.do_POST_failover` and `parse_schedule`, 2.0.0 to 4.1.5.
pub fn log_lines(behaviours: Behaviours, kind: Kind, request: &Request, outcome: &ApiOutcome) -> Vec<(Level, String)> {
    if request.is_empty() {
        return Vec::new();
    }
    let none = "None";
    let leader = request.leader.as_deref().unwrap_or(none);
    let candidate = request.candidate().unwrap_or(none);
    let scheduled_at = request.scheduled_at.as_deref().unwrap_or(none);
    let action = kind.name();
    let mut lines = vec![(
        Level::Info,
        format!("received {action} request with leader={leader} candidate={candidate} scheduled_at={scheduled_at}"),
    )];
    if matches!(outcome, ApiOutcome::Refuses { body, .. } if body == UNREADABLE_SCHEDULE) {
        let raised = match parse_time(scheduled_at) {
            ParsedTime::BadOffset => Raised::bad_offset(),
            _ => Raised::new("ParserError", format!("Unknown string format: {scheduled_at}")),
        };
        let text = format!("Invalid scheduled {action} time: {scheduled_at} [{raised}]");
        lines.push((Level::Error, text));
    }
    if behaviours.has(Behaviour::ApiTellsFailoverFromSwitchover) && kind == Kind::Failover && request.leader().is_some()
    {
        let specified = if behaviours.has(Behaviour::SpellsSpecified) { "specified" } else { "specifed" };
        let text = format!("received failover request with leader {specified} - performing switchover instead");
        lines.push((Level::Warning, text));
    }
    lines
}

fn decide<'a>(
    view: &View<'a>,
    mut kind: Kind,
    request: &Request,
    asked: &mut Vec<(&'a str, Option<Limitation>)>,
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
    let tells_apart = view.has(Behaviour::ApiTellsFailoverFromSwitchover);
    if let Some(scheduled_at) = request.scheduled_at() {
        if kind == Kind::Failover && tells_apart {
            return refuses(400, "Failover can't be scheduled");
        }
        if leader.is_none() {
            return refuses(400, &format!("Scheduled {} is possible only from a specific leader", kind.name()));
        }
        if view.config.paused {
            return refuses(400, &format!("Can't schedule {} in the paused state", kind.name()));
        }
        if let Some((status, body)) = schedule_error(scheduled_at, kind, view.now) {
            return refuses(status, &body);
        }
    }
    if view.config.paused && candidate.is_none() {
        let body = format!("{} is possible only to a specific candidate in a paused state", kind.title());
        return refuses(400, &body);
    }
    if !tells_apart {
        if request.scheduled_at().is_some() {
            return Ok(ApiOutcome::Schedules);
        }
        return Ok(match is_failover_possible(view, kind, leader, candidate, asked)? {
            Some(body) => ApiOutcome::Refuses { status: 412, body },
            None => ApiOutcome::Accepts,
        });
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
/// Source: patroni/api.py, `RestApiHandler.is_failover_possible`, 2.0.0 to 4.1.5.
fn is_failover_possible<'a>(
    view: &View<'a>,
    kind: Kind,
    leader: Option<&str>,
    candidate: Option<&str>,
    asked: &mut Vec<(&'a str, Option<Limitation>)>,
) -> Result<Option<String>, Raised> {
    let cluster = view.cluster;
    let action = kind.name();
    if leader.is_some() && cluster.leader.as_deref() != leader {
        return Ok(Some("leader name does not match".to_owned()));
    }
    let by_priority = view.config.synchronous_mode && !view.config.quorum_commit_mode;
    let members: Vec<&Member> = if let Some(candidate) = candidate {
        if kind == Kind::Switchover && by_priority && !cluster.sync.try_is_standby(candidate)? {
            return Ok(Some("candidate name does not match with sync_standby".to_owned()));
        }
        let members: Vec<_> = cluster.members.iter().filter(|member| member.name == candidate).collect();
        if members.is_empty() {
            return Ok(Some("candidate does not exists".to_owned()));
        }
        members
    } else if by_priority {
        let mut members = Vec::new();
        for member in cluster.members.iter() {
            if cluster.sync.try_is_standby(&member.name)? {
                members.push(member);
            }
        }
        if members.is_empty() {
            return Ok(Some(format!("{action} is not possible: can not find sync_standby")));
        }
        members
    } else {
        if cluster.leader.is_none() && !view.has(Behaviour::ApiWorksWithoutLeader) && !cluster.members.is_empty() {
            return Err(Raised::new("AttributeError", "'NoneType' object has no attribute 'name'"));
        }
        let is_leader = |member: &Member| cluster.leader.as_ref() == Some(&member.name);
        let shapeless = cluster.members.iter().filter(|member| !is_leader(member)).find_map(|it| it.shapeless.clone());
        if let Some(raised) = shapeless {
            return Err(raised);
        }
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
    // All are asked before any answer is looked at.
    if let Some(raised) = members.iter().find_map(|member| member.shapeless.clone()) {
        return Err(raised);
    }
    let mut is_possible = false;
    for member in members {
        let limitation = match member.api_url {
            Some(_) => view.answers.of(&member.name).limitation()?,
            None => Some(Limitation::NotReachable),
        };
        is_possible |= limitation.is_none();
        asked.push((&member.name, limitation));
        if is_possible {
            break;
        }
    }
    Ok((!is_possible).then(|| format!("{action} is not possible: no good candidates have been found")))
}

/// `RestApiHandler.parse_schedule`: status and body of a time that is refused.
fn schedule_error(scheduled_at: &str, kind: Kind, now: f64) -> Option<(u16, String)> {
    let action = kind.name();
    match parse_time_at(scheduled_at, now) {
        ParsedTime::Naive(_) => Some((400, format!("Timezone information is mandatory for the scheduled {action}"))),
        ParsedTime::Zoned { seconds, .. } if seconds < now => {
            Some((422, format!("Cannot schedule {action} in the past")))
        }
        ParsedTime::Zoned { .. } => None,
        ParsedTime::Invalid | ParsedTime::BadOffset => Some((422, UNREADABLE_SCHEDULE.to_owned())),
    }
}
