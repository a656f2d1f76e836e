//! `predict` for monitoring systems.

use crate::decision::api::Kind;
use crate::decision::prediction::{Prediction, Question, Verdict};
use crate::report::monitoring::{Metric, Service, State};

/// Critical if it is refused, unknown if it depends.
pub fn service(prediction: &Prediction) -> Service {
    let (action, candidate) = match &prediction.question {
        Question::Change { kind, request, .. } => {
            let action = match kind {
                Kind::Switchover => "switchover",
                Kind::Failover => "failover",
            };
            (action, request.candidate.clone().unwrap_or_default())
        }
        Question::Crash { .. } => ("crash", String::new()),
    };
    let (state, verdict) = match prediction.verdict {
        Verdict::Accepted => (State::Ok, "accepted"),
        Verdict::Refused => (State::Critical, "refused"),
        Verdict::Depends => (State::Unknown, "depends"),
    };
    let to = if candidate.is_empty() { String::new() } else { format!(" to {candidate}") };
    let winners = &prediction.evaluation.winners;
    let taken = match winners.as_slice() {
        [] => String::new(),
        names => format!("; {} may take the lock", names.join(" or ")),
    };
    let metric = |name, help, value| Metric {
        name,
        help,
        labels: vec![("action", action.to_owned()), ("candidate", candidate.clone())],
        value,
    };
    Service {
        scope: prediction.scope.clone(),
        state,
        summary: format!("{action}{to}: {verdict}{taken}"),
        details: prediction.depends_on.iter().map(|it| format!("depends on: {}", it.fact)).collect(),
        metrics: vec![
            metric(
                "accepted",
                "Whether the action would be accepted.",
                u64::from(prediction.verdict == Verdict::Accepted),
            ),
            metric("winners", "Members that may take the lock.", winners.len() as u64),
        ],
    }
}
