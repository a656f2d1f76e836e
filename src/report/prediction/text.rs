//! A prediction for people: the answer first, then why, then what to do.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::decision::api::Kind;
use crate::decision::prediction::shutdown::ShutdownReport;
use crate::decision::prediction::{
    Count, Gate, GateReport, GateVerdict, LogLine, Prediction, Question, Racer, Verdict, Via,
};
use crate::report::palette::Palette;
use crate::report::terminal::{Look, printable};

/// Width of the report where no terminal tells one, in columns.
const DEFAULT_WIDTH: usize = 110;
/// Where the texts of a section begin, in columns.
const SECTION_INDENT: usize = 18;
/// Width of the two numbers at the end of a line of a vote count.
const NUMBERS_WIDTH: usize = 13;

/// Writes a prediction as text. `bug_code`: the code of the rule that describes the known bug, if there is one.
///
/// # Errors
///
/// The writer fails.
pub fn write(
    prediction: &Prediction,
    bug_code: Option<&str>,
    verbose: bool,
    look: Look,
    out: &mut impl Write,
) -> io::Result<()> {
    let width = look.width.unwrap_or(DEFAULT_WIDTH).clamp(60, 140);
    let mut report = Text { prediction, verbose, palette: look.palette, width, out };
    report.headline()?;
    report.dependencies()?;
    report.gates()?;
    report.consequences()?;
    report.counting()?;
    report.racers()?;
    report.known_bug(bug_code)?;
    report.ways()?;
    report.evidence()
}

struct Text<'a, W> {
    prediction: &'a Prediction,
    verbose: bool,
    palette: Palette,
    width: usize,
    out: &'a mut W,
}

impl<W: Write> Text<'_, W> {
    fn headline(&mut self) -> io::Result<()> {
        let prediction = self.prediction;
        let evaluation = &prediction.evaluation;
        let subject = printable(&subject(prediction)).into_owned();
        let scope = printable(&prediction.scope);
        let is_crash = matches!(prediction.question, Question::Crash { .. });
        match prediction.verdict {
            Verdict::Depends => {
                let word = self.palette.open("DEPENDS");
                writeln!(self.out, "{word}  {subject} (cluster {scope}): the input lacks what decides")
            }
            Verdict::Accepted if is_crash && evaluation.keeps_leader() => {
                let word = self.palette.good("NO FAILOVER");
                let leader = evaluation.winners.join(" or ");
                writeln!(self.out, "{word}  {subject} (cluster {scope}): {leader} stays leader")
            }
            Verdict::Accepted if is_crash => {
                let word = self.palette.good("FAILOVER");
                let winners = winners(&evaluation.winners);
                writeln!(self.out, "{word}  {subject} (cluster {scope}): {winners}")
            }
            Verdict::Refused if is_crash => {
                let word = self.palette.bad("NO FAILOVER");
                writeln!(self.out, "{word}  {subject} (cluster {scope}): nobody takes over")
            }
            Verdict::Accepted => {
                let word = self.palette.good("ACCEPTED");
                let what = match evaluation.http_status {
                    Some(202) => "it is scheduled".to_owned(),
                    _ => winners(&evaluation.winners),
                };
                writeln!(self.out, "{word}  {subject} (cluster {scope}): {what}")
            }
            Verdict::Refused => {
                let word = self.palette.bad("REFUSED");
                let by = match evaluation.gate {
                    Some(Gate::Ctl) => "by patronictl",
                    Some(Gate::Api) => "by the REST API",
                    Some(Gate::Leader) => "by the leader",
                    Some(Gate::Race) | None => "nobody takes over",
                };
                writeln!(self.out, "{word}  {subject} (cluster {scope}), {by}")
            }
        }
    }

    fn dependencies(&mut self) -> io::Result<()> {
        for dependency in &self.prediction.depends_on {
            writeln!(self.out)?;
            self.section("Missing", std::slice::from_ref(&dependency.fact))?;
            for (value, outcome) in &dependency.outcomes {
                self.section("", &[format!("{value} → {outcome}")])?;
            }
            self.section("", &[format!("To find out: {}", dependency.how_to_tell)])?;
        }
        Ok(())
    }

    fn gates(&mut self) -> io::Result<()> {
        let is_hopeless = self.prediction.depends_on.iter().any(|dependency| dependency.outcomes.is_empty());
        if matches!(self.prediction.question, Question::Crash { .. }) || is_hopeless {
            return Ok(());
        }
        writeln!(self.out)?;
        if self.prediction.verdict == Verdict::Depends {
            writeln!(self.out, "  With what the input holds:")?;
        }
        let rows: Vec<[String; 4]> = self.prediction.evaluation.gates.iter().map(row).collect();
        let width = |column: usize, title: &str| {
            rows.iter().map(|row| row[column].width()).max().unwrap_or(0).max(title.width())
        };
        let widths = [width(0, "gate"), width(1, "judged on"), width(2, "verdict")];
        let heading = format!(
            "  {:<a$}   {:<b$}   {:<c$}   because",
            "gate",
            "judged on",
            "verdict",
            a = widths[0],
            b = widths[1],
            c = widths[2]
        );
        writeln!(self.out, "{}", self.palette.faint(&heading))?;
        let indent = 2 + widths.iter().sum::<usize>() + 9;
        for (row, report) in rows.iter().zip(&self.prediction.evaluation.gates) {
            let verdict = match (report.verdict, report.reached) {
                (GateVerdict::Refuses, true) => self.palette.bad(&row[2]),
                (GateVerdict::Passes, true) => self.palette.good(&row[2]),
                _ => self.palette.faint(&row[2]),
            };
            let padding = " ".repeat(widths[2] - row[2].width());
            let mut lines = wrap(&row[3], self.width.saturating_sub(indent).max(24)).into_iter();
            let first = lines.next().unwrap_or_default();
            writeln!(
                self.out,
                "  {:<a$}   {:<b$}   {verdict}{padding}   {first}",
                row[0],
                row[1],
                a = widths[0],
                b = widths[1]
            )?;
            for line in lines {
                writeln!(self.out, "{}{line}", " ".repeat(indent))?;
            }
        }
        Ok(())
    }

    fn consequences(&mut self) -> io::Result<()> {
        if self.prediction.verdict == Verdict::Depends {
            return Ok(());
        }
        let what = consequences(self.prediction);
        if !what.is_empty() {
            writeln!(self.out)?;
            self.section("What happens", &what)?;
        }
        let gate = self.prediction.evaluation.gate;
        for report in self.prediction.evaluation.gates.iter().filter(|report| Some(report.gate) == gate) {
            self.log_lines(&report.log_lines)?;
        }
        if let Some(shutdown) = reached_shutdown(self.prediction) {
            self.log_lines(&shutdown.log_lines)?;
        }
        for remark in &self.prediction.remarks {
            self.section("Note", std::slice::from_ref(remark))?;
        }
        Ok(())
    }

    fn log_lines(&mut self, lines: &[LogLine]) -> io::Result<()> {
        let mut nodes: Vec<&str> = lines.iter().map(|line| line.node.as_str()).collect();
        nodes.dedup();
        for node in nodes {
            let of_node: Vec<String> = lines
                .iter()
                .filter(|line| line.node == node)
                .map(|line| format!("{}: {}", line.level, line.text))
                .collect();
            self.section(&format!("{node}'s log"), &of_node)?;
        }
        Ok(())
    }

    fn counting(&mut self) -> io::Result<()> {
        let is_shown = |report: &&GateReport| {
            !report.counting.is_empty() && (self.verbose || report.verdict == GateVerdict::Refuses && report.reached)
        };
        let Some(report) = self.prediction.evaluation.gates.iter().find(is_shown) else { return Ok(()) };
        let node = report.node.as_deref().unwrap_or("the leader");
        writeln!(self.out)?;
        let numbers = NUMBERS_WIDTH;
        let room = self.width.saturating_sub(SECTION_INDENT + numbers).max(24);
        let counted = report.counting.iter().filter(|line| line.total.is_some());
        let column = counted.map(|line| line.what.width()).max().unwrap_or(0).min(room);
        let mut lines = Vec::new();
        for (index, line) in report.counting.iter().enumerate() {
            let wide = if line.total.is_some() { column } else { room + numbers };
            let mut pieces = wrap(&line.what, wide);
            if let (Some(last), Some(numbers)) =
                (pieces.last_mut(), numbers_of(line, index + 1 == report.counting.len()))
            {
                let padding = " ".repeat(column.saturating_sub(last.width()));
                *last = format!("{last}{padding}{numbers}");
            }
            lines.extend(pieces);
        }
        self.block(&format!("How {node} counts"), &lines)
    }

    fn racers(&mut self) -> io::Result<()> {
        let is_crash = matches!(self.prediction.question, Question::Crash { .. });
        let race_decides = self.prediction.evaluation.gate == Some(Gate::Race);
        if !(is_crash || race_decides || self.verbose) || !self.prediction.depends_on.is_empty() {
            return Ok(());
        }
        let racers: Vec<&Racer> = self.prediction.evaluation.gates.iter().flat_map(|report| &report.racers).collect();
        if racers.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        let lines: Vec<String> = racers
            .iter()
            .map(|racer| {
                let verdict = if racer.takes_lock { "may take the lock" } else { "does not take the lock" };
                format!("{} ({}) {verdict}: {}", racer.node, racer.version, racer.reasons.join("; "))
            })
            .collect();
        self.section("The race", &lines)
    }

    fn known_bug(&mut self, code: Option<&str>) -> io::Result<()> {
        let Some(bug) = &self.prediction.known_bug else { return Ok(()) };
        writeln!(self.out)?;
        let code = code.map(|code| format!("{code} ")).unwrap_or_default();
        let text = format!("{code}{}: {}, fixed in {} ({})", bug.slug, bug.releases, bug.fixed_in, bug.reference);
        self.section("Known bug", &[text])
    }

    fn ways(&mut self) -> io::Result<()> {
        let ways = &self.prediction.ways;
        if ways.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        writeln!(self.out, "  {}", self.palette.bold("Ways through, each predicted on this snapshot"))?;
        for (index, way) in ways.iter().enumerate() {
            let text = format!("{}: {}", way.what, way.outcome);
            for (number, line) in wrap(&text, self.width.saturating_sub(7)).into_iter().enumerate() {
                let lead = if number == 0 { format!("    {}  ", index + 1) } else { " ".repeat(7) };
                writeln!(self.out, "{lead}{line}")?;
            }
            if let Some(command) = &way.command {
                writeln!(self.out, "       {}", self.palette.faint(&printable(command)))?;
            }
        }
        Ok(())
    }

    fn evidence(&mut self) -> io::Result<()> {
        writeln!(self.out)?;
        let seen = self.prediction.seen.join("; ");
        let assumptions = &self.prediction.assumptions;
        if assumptions.is_empty() && self.prediction.verdict != Verdict::Depends {
            return self.wrapped("  ", &format!("Seen: {seen}. Nothing had to be assumed."));
        }
        self.wrapped("  ", &format!("Seen: {seen}."))?;
        for assumption in assumptions {
            let otherwise = assumption.otherwise.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
            self.wrapped("  ", &format!("Assumed: {}{otherwise}.", assumption.text))?;
        }
        Ok(())
    }

    /// A title at the left and texts at its right, broken into lines that fit.
    fn section(&mut self, title: &str, texts: &[String]) -> io::Result<()> {
        let width = self.width - SECTION_INDENT;
        let lines: Vec<String> = texts.iter().flat_map(|text| wrap(text, width)).collect();
        self.block(title, &lines)
    }

    /// A title at the left and lines at its right as they are.
    fn block(&mut self, title: &str, lines: &[String]) -> io::Result<()> {
        const COLUMN: usize = SECTION_INDENT - 2;
        let mut title = printable(title).into_owned();
        if COLUMN < title.width() + 1 {
            writeln!(self.out, "  {}", self.palette.bold(&title))?;
            title = String::new();
        }
        for line in lines {
            let padding = " ".repeat(COLUMN - title.width());
            writeln!(self.out, "  {}{padding}{line}", self.palette.bold(&title))?;
            title.clear();
        }
        Ok(())
    }

    fn wrapped(&mut self, indent: &str, text: &str) -> io::Result<()> {
        for (index, line) in wrap(text, self.width - indent.len() - 2).into_iter().enumerate() {
            let hanging = if index == 0 { "" } else { "  " };
            writeln!(self.out, "{indent}{hanging}{line}")?;
        }
        Ok(())
    }
}

/// The question in a few words: `switchover pg1 → pg2`.
fn subject(prediction: &Prediction) -> String {
    let leader = match (&prediction.leader, prediction.verdict) {
        (Some(leader), _) => leader,
        (None, Verdict::Depends) => "?",
        (None, _) => "no leader",
    };
    match &prediction.question {
        Question::Change { kind, request, via } => {
            let from = request.leader().unwrap_or(leader);
            let change = match (kind, request.candidate()) {
                (Kind::Switchover, Some(candidate)) => format!("switchover {from} → {candidate}"),
                (Kind::Switchover, None) => format!("switchover {from} → any"),
                (Kind::Failover, Some(candidate)) => format!("failover to {candidate}"),
                (Kind::Failover, None) => "failover without a candidate".to_owned(),
            };
            let at = request.scheduled_at().map(|at| format!(" at {at}")).unwrap_or_default();
            let via = match via {
                Via::Ctl => "",
                Via::Api => ", sent to the REST API",
                Via::Dcs => ", written to the DCS",
            };
            format!("{change}{at}{via}")
        }
        Question::Crash { nodes } if nodes.is_empty() => format!("crash of the leader {leader}"),
        Question::Crash { nodes } => format!("crash of {}", nodes.join(", ")),
    }
}

fn winners(winners: &[String]) -> String {
    match winners {
        [winner] => format!("{winner} becomes the leader"),
        winners => format!("{} becomes the leader", winners.join(" or ")),
    }
}

fn row(report: &GateReport) -> [String; 4] {
    let judged_on = match (&report.node, report.gate) {
        (_, Gate::Ctl) => format!("patronictl {}", report.version),
        (Some(node), _) => format!("{node}, Patroni {}", report.version),
        (None, Gate::Race) => report.racers.iter().map(|racer| racer.node.as_str()).collect::<Vec<_>>().join(", "),
        (None, _) => "–".to_owned(),
    };
    let verdict = match (report.verdict, report.reached) {
        (GateVerdict::NotApplicable, _) => "–",
        (GateVerdict::Bypassed, _) => "bypassed",
        (_, false) if report.gate == Gate::Race => "–",
        (GateVerdict::Passes, _) => "passes",
        (GateVerdict::Refuses, _) => "refuses",
    };
    let because = match (report.reached, report.gate) {
        (false, Gate::Race) => format!("not reached; with the lock free: {}", report.because),
        (false, Gate::Ctl) => format!("not on this way; on its own: {}", report.because),
        (false, _) => format!("not reached; on its own: {}", report.because),
        (true, _) => report.because.clone(),
    };
    [report.gate.name().to_owned(), printable(&judged_on).into_owned(), verdict.to_owned(), because]
}

/// The shutdown of the leader, if the request gets that far now.
fn reached_shutdown(prediction: &Prediction) -> Option<&ShutdownReport> {
    let evaluation = &prediction.evaluation;
    let goes_on = matches!(evaluation.gate, None | Some(Gate::Race)) && evaluation.http_status != Some(202);
    evaluation.shutdown.as_ref().filter(|_| goes_on)
}

/// When the leader gives the lock away, as a sentence.
fn lock_goes(shutdown: &ShutdownReport) -> String {
    let ShutdownReport { node, because, .. } = shutdown;
    match shutdown.gives_lock_away_early {
        Some(true) => format!("{node} gives the lock away while PostgreSQL still shuts down: {because}."),
        Some(false) => format!("{node} holds the lock until PostgreSQL has stopped: {because}."),
        None => format!("{node} gives the lock away while PostgreSQL shuts down, or once it has stopped: {because}."),
    }
}

fn consequences(prediction: &Prediction) -> Vec<String> {
    let mut what = outcome(prediction);
    what.extend(reached_shutdown(prediction).map(lock_goes));
    what
}

fn outcome(prediction: &Prediction) -> Vec<String> {
    let evaluation = &prediction.evaluation;
    let stays = match &prediction.leader {
        Some(leader) => format!("{leader} stays leader."),
        None => "There is no leader, and none is made.".to_owned(),
    };
    let answer = match (evaluation.http_status, &evaluation.http_body) {
        (Some(status), Some(body)) if body.contains('"') => format!("HTTP {status}: {body}"),
        (Some(status), Some(body)) => format!("HTTP {status} \"{body}\""),
        (Some(status), None) => format!("HTTP {status}"),
        (None, _) => "No HTTP answer".to_owned(),
    };
    match (&prediction.question, evaluation.gate) {
        (Question::Crash { .. }, None) => crash_losses(prediction),
        (Question::Crash { .. }, _) => vec!["The cluster stays without a leader until somebody acts.".to_owned()],
        (_, None) if evaluation.http_status == Some(202) => {
            vec![format!(
                "{answer}. The leader checks its candidates when the time comes; the gates leader and race show today's state."
            )]
        }
        (_, None) if evaluation.http_status.is_some() => vec![match evaluation.http_body {
            Some(_) => format!("{answer}."),
            None => format!("{answer} \"Successfully switched over to …\", with the name of the one who is first."),
        }],
        (_, None) => Vec::new(),
        (_, Some(Gate::Ctl)) => {
            let message = evaluation.gates.iter().find_map(|report| report.message.clone()).unwrap_or_default();
            vec![format!("patronictl prints \"Error: {message}\" and exits with 1; nothing is sent. {stays}")]
        }
        (Question::Change { via: Via::Ctl, .. }, Some(Gate::Api)) => {
            vec![format!("{answer}. patronictl prints it and exits with 0. {stays}")]
        }
        (_, Some(Gate::Api)) => vec![format!("{answer}. {stays}")],
        (Question::Change { via, .. }, Some(Gate::Leader)) => {
            let exit = if *via == Via::Ctl { " patronictl prints it and exits with 0." } else { "" };
            match evaluation.http_status {
                Some(_) => vec![format!("{answer} after about a second.{exit} {stays}")],
                None => vec![format!("The request vanishes from the DCS without a word to the caller. {stays}")],
            }
        }
        (_, Some(Gate::Race)) => {
            vec![format!("The leader shuts PostgreSQL down, but nobody else may take the lock. {answer}.")]
        }
    }
}

fn crash_losses(prediction: &Prediction) -> Vec<String> {
    match prediction.evaluation.keeps_leader() {
        true => vec!["The leader is not among the lost nodes; it keeps its lock.".to_owned()],
        false => {
            vec![format!(
                "After ttl ({} s) at most the lock is free; the first one to take it is the new leader.",
                prediction.ttl_seconds
            )]
        }
    }
}

/// What a line of a count adds, and the total after it; of the last line, what is needed.
fn numbers_of(line: &Count, is_last: bool) -> Option<String> {
    let total = line.total?;
    Some(match line.adds.filter(|_| !is_last) {
        Some(adds) => format!("  {:>3}  →  {total:>3}", format!("{adds:+}")),
        None => format!("  {:>3}     {total:>3}", ""),
    })
}

/// Breaks a text at blanks into lines of at most `width` columns.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in printable(text).split([' ', '\n']) {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
