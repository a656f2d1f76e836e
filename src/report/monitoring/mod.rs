//! Answers as monitoring systems take them: a Nagios plugin's output, and metrics for Prometheus' textfile collector.

pub mod check;
pub mod prediction;
pub mod quorum;

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::report::terminal::printable;

/// How bad it is; the exit code of a Nagios plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing to do.
    Ok = 0,
    /// Something to do.
    Warning = 1,
    /// Something to do at once.
    Critical = 2,
    /// It could not be judged.
    Unknown = 3,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What a monitoring system is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The cluster, or the clusters with commas between; empty if there is none.
    pub scope: String,
    /// How bad it is.
    pub state: State,
    /// In one line.
    pub summary: String,
    /// What else there is to say, a line each.
    pub details: Vec<String>,
    /// Numbers.
    pub metrics: Vec<Metric>,
}

/// A number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name without `patrolint_`.
    pub name: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Names and values of labels beside `scope`.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: u64,
}

/// One line with the state and the numbers, then a line for each detail.
///
/// Source: the Nagios plugin development guidelines, 2.6 (performance data).
///
/// # Errors
///
/// The writer's.
pub fn write_nagios(service: &Service, out: &mut impl Write) -> io::Result<()> {
    // A bar ends the text.
    let line = |text: &str| printable(text).replace('|', "/").replace('\n', " ");
    let of = if service.scope.is_empty() { String::new() } else { format!(" {}", service.scope) };
    let mut numbers = String::new();
    for metric in &service.metrics {
        let labels: String = metric.labels.iter().map(|(_, value)| format!("_{value}")).collect();
        let label = format!("{}{labels}", metric.name).replace(['\'', '=', '|'], "");
        numbers.push_str(&format!(" '{label}'={}", metric.value));
    }
    let numbers = if numbers.is_empty() { numbers } else { format!(" |{numbers}") };
    writeln!(out, "PATROLINT {}{} - {}{numbers}", service.state.word(), line(&of), line(&service.summary))?;
    service.details.iter().try_for_each(|detail| writeln!(out, "{}", line(detail)))
}

/// The numbers in Prometheus' text format, the state among them.
///
/// # Errors
///
/// The writer's.
pub fn write_prometheus(service: &Service, out: &mut impl Write) -> io::Result<()> {
    let state = Metric {
        name: "state",
        help: "How bad it is: 0 ok, 1 warning, 2 critical, 3 unknown.",
        labels: Vec::new(),
        value: service.state as u64,
    };
    let metrics: Vec<&Metric> = std::iter::once(&state).chain(&service.metrics).collect();
    let mut named = BTreeSet::new();
    for metric in &metrics {
        if named.insert(metric.name) {
            writeln!(out, "# HELP patrolint_{} {}\n# TYPE patrolint_{} gauge", metric.name, metric.help, metric.name)?;
            for same in metrics.iter().filter(|same| same.name == metric.name) {
                let scope = ("scope", service.scope.clone());
                let labels = std::iter::once(&scope).chain(&same.labels);
                let labels: Vec<String> =
                    labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
                writeln!(out, "patrolint_{}{{{}}} {}", same.name, labels.join(","), same.value)?;
            }
        }
    }
    Ok(())
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        let metric = |labels| Metric { name: "findings", help: "Findings.", labels, value: 2 };
        Service {
            scope: "de\"mo".to_owned(),
            state: State::Warning,
            summary: "two | things\n".to_owned(),
            details: vec!["one".to_owned()],
            metrics: vec![
                metric(vec![("severity", "error".to_owned())]),
                Metric { name: "other", help: "Other.", labels: Vec::new(), value: 0 },
                metric(vec![("severity", "note".to_owned())]),
            ],
        }
    }

    #[test]
    fn nagios_gets_one_line_with_numbers_and_then_details() {
        let mut out = Vec::new();
        write_nagios(&service(), &mut out).expect("memory takes it");
        let expect = "PATROLINT WARNING de\"mo - two / things  | 'findings_error'=2 'other'=0 'findings_note'=2\none\n";
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expect);
    }

    #[test]
    fn prometheus_gets_each_metric_once_with_all_its_labels() {
        let mut out = Vec::new();
        write_prometheus(&service(), &mut out).expect("memory takes it");
        let expect = r#"# HELP patrolint_state How bad it is: 0 ok, 1 warning, 2 critical, 3 unknown.
# TYPE patrolint_state gauge
patrolint_state{scope="de\"mo"} 1
# HELP patrolint_findings Findings.
# TYPE patrolint_findings gauge
patrolint_findings{scope="de\"mo",severity="error"} 2
patrolint_findings{scope="de\"mo",severity="note"} 2
# HELP patrolint_other Other.
# TYPE patrolint_other gauge
patrolint_other{scope="de\"mo"} 0
"#;
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expect);
    }
}
