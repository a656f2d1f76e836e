//! What a configuration change does, for people: what it takes first, then every change, then what to do.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::decision::change::cluster::Standing;
use crate::decision::change::transition::{Posture, State, Transition};
use crate::decision::change::{Change, Effect};
use crate::decision::quorum::margins::Property;
use crate::decision::quorum::situation::Mode;
use crate::parse::python;
use crate::parse::tree::Value;
use crate::report::configuration::scalar::scalar;
use crate::report::diff::{Report, Row, effect, grouped, places, reason};
use crate::report::palette::Palette;
use crate::report::quorum::text::tolerated_text;
use crate::report::table::{self, Cell};
use crate::report::terminal::{Look, counted, printable, severity_word};
use crate::rules::finding::{Finding, Severity};

/// Width of the report where no terminal tells one, in columns.
const DEFAULT_WIDTH: usize = 110;
/// Where the texts of a section begin, in columns.
const SECTION_INDENT: usize = 18;
/// A value is cut after so many characters.
const MAXIMUM_VALUE: usize = 60;
/// Settings with longer names do not line up.
const MAXIMUM_NAME: usize = 44;
/// So many places of a change are named.
const MAXIMUM_PLACES: usize = 4;
/// Of a list, so many items that come or go are shown.
const MAXIMUM_ITEMS: usize = 6;

/// Writes the report as text.
///
/// # Errors
///
/// The writer fails.
pub fn write(report: &Report<'_>, look: Look, out: &mut impl Write) -> io::Result<()> {
    let width = look.width.unwrap_or(DEFAULT_WIDTH).clamp(60, 140);
    let look = Look { palette: look.palette, width: Some(width) };
    let mut text = Text { report, rows: report.rows(), look, width, out };
    text.headline()?;
    text.refusals()?;
    text.changes()?;
    text.transition()?;
    text.findings()?;
    text.steps()?;
    text.remarks()
}

struct Text<'a, 'b, W> {
    report: &'b Report<'a>,
    rows: Vec<Row<'b>>,
    look: Look,
    width: usize,
    out: &'b mut W,
}

impl<W: Write> Text<'_, '_, W> {
    fn headline(&mut self) -> io::Result<()> {
        let palette = self.look.palette;
        let refused: Vec<&str> = self.refused().map(|(name, ..)| name).collect();
        let (word, text) = match (refused.is_empty(), self.rows.len()) {
            (false, _) => (palette.bad("REFUSED"), format!("Patroni does not take it on {}", refused.join(", "))),
            (true, 0) if self.report.is_uncompared() => (palette.open("NOT COMPARED"), "see the remarks".to_owned()),
            (true, 0) => (palette.good("NOTHING CHANGES"), String::new()),
            (true, count) => {
                let restarts =
                    |row: &Row<'_>| matches!(row.change.effect, Effect::RestartPatroni | Effect::RestartPostgresql(_));
                let paint = if self.rows.iter().any(restarts) { Palette::open } else { Palette::good };
                (paint(palette, &counted(count, "change").to_uppercase()), self.summary())
            }
        };
        let findings = &self.report.findings;
        let mut more = Vec::new();
        if self.is_weaker() {
            more.push(palette.bad("weaker on the way"));
        }
        match grouped(&findings.appeared, &self.report.after.snapshot.sources).len() {
            0 => {}
            1 => more.push("1 finding appears".to_owned()),
            count => more.push(format!("{count} findings appear")),
        }
        match grouped(&findings.vanished, &self.report.before.sources).len() {
            0 => {}
            1 => more.push("1 finding vanishes".to_owned()),
            count => more.push(format!("{count} findings vanish")),
        }
        let parts: Vec<String> = [text].into_iter().filter(|text| !text.is_empty()).chain(more).collect();
        match parts.is_empty() {
            true => writeln!(self.out, "{word}")?,
            false => self.line(&format!("{word}  "), "  ", &parts.join("; "))?,
        }
        let cluster = &self.report.cluster;
        let scope = cluster.scope.as_deref().filter(|scope| !scope.is_empty());
        let scope = scope.map(|scope| format!("Cluster {scope}: ")).unwrap_or_default();
        let leader = cluster.leader.as_ref().map(|leader| format!("leader {leader}, ")).unwrap_or_default();
        let [before, after] = &self.report.names;
        self.line("  ", "    ", &format!("{scope}{leader}{}; {before} → {after}", self.versions()))
    }

    /// `2 live, 1 with a restart of PostgreSQL on pg1, pg2`
    fn summary(&self) -> String {
        // What it takes, and whether the nodes are named.
        let kind = |effect: &Effect| match effect {
            Effect::RestartPatroni => ("with a restart of Patroni", true),
            Effect::RestartPostgresql(_) => ("with a restart of PostgreSQL", true),
            Effect::Standbys(_) => ("that Patroni carries out on standbys", false),
            Effect::Reload => ("with a reload", true),
            Effect::Live => ("live", false),
            Effect::Bootstrap => ("for new clusters or replicas alone", false),
            Effect::Nothing(_) => ("without effect", false),
        };
        let mut kinds: Vec<(&str, bool)> = self.rows.iter().map(|row| kind(&row.change.effect)).collect();
        kinds.dedup();
        let parts = kinds.into_iter().map(|(text, names_nodes)| {
            let rows: Vec<&Row<'_>> = self.rows.iter().filter(|row| kind(&row.change.effect).0 == text).collect();
            let all = self.report.cluster.nodes.iter().map(|node| node.name.as_str());
            let nodes: Vec<&str> = all.filter(|name| rows.iter().any(|row| row.nodes.contains(name))).collect();
            let on = if names_nodes { format!(" on {}", nodes.join(", ")) } else { String::new() };
            format!("{} {text}{on}", rows.len())
        });
        parts.collect::<Vec<_>>().join("; ")
    }

    fn versions(&self) -> String {
        let nodes = &self.report.cluster.nodes;
        let distinct = |of: &dyn Fn(usize) -> String| {
            let mut all: Vec<String> = (0..nodes.len()).map(of).collect();
            all.sort();
            all.dedup();
            all.join(" and ")
        };
        let patroni = distinct(&|index| {
            let assumed = if nodes[index].is_version_told { "" } else { " (assumed)" };
            format!("{}{assumed}", nodes[index].version)
        });
        let postgres = distinct(&|index| {
            nodes[index].postgres.map_or_else(|| "of unknown version".to_owned(), |version| version.to_string())
        });
        format!("Patroni {patroni}, PostgreSQL {postgres}")
    }

    fn refused(&self) -> impl Iterator<Item = (&str, String)> {
        self.report.cluster.nodes.iter().filter_map(|node| match &node.standing {
            Standing::Refused(raised) => {
                Some((node.name.as_str(), format!("{raised}; a reload keeps the old configuration, a start fails")))
            }
            Standing::Rejected(raised) => Some((
                node.name.as_str(),
                format!("{raised}; it keeps the old dynamic configuration, and after a restart uses defaults"),
            )),
            _ => None,
        })
    }

    fn refusals(&mut self) -> io::Result<()> {
        let mut reasons: Vec<(Vec<String>, String)> = Vec::new();
        for (name, why) in self.refused() {
            match reasons.iter_mut().find(|(_, known)| *known == why) {
                Some((names, _)) => names.push(name.to_owned()),
                None => reasons.push((vec![name.to_owned()], why)),
            }
        }
        for (names, why) in reasons {
            self.line("  ", "    ", &format!("{}: {why}", names.join(", ")))?;
        }
        Ok(())
    }

    fn changes(&mut self) -> io::Result<()> {
        let sources = &self.report.after.snapshot.sources;
        let all = self.report.cluster.nodes.iter().filter(|node| node.is_compared()).count();
        let head = |row: &Row<'_>| {
            let what = match row.change.effect {
                Effect::Nothing(_) => "no effect".to_owned(),
                _ => effect(row.change, sources),
            };
            let nodes = match row.nodes.len() {
                count if count == all && 4 < all => format!("all {all} nodes"),
                _ => row.nodes.join(", "),
            };
            (what, nodes)
        };
        let mut groups: Vec<((String, String), Vec<String>)> = Vec::new();
        let width = self.rows.iter().map(|row| row.change.path.join(".").width()).max().unwrap_or(0);
        for row in &self.rows {
            let name = printable(&row.change.path.join(".")).into_owned();
            let padding = " ".repeat(width.min(MAXIMUM_NAME).saturating_sub(name.width()));
            let mut places = places(row, self.report);
            let more = places.len().saturating_sub(MAXIMUM_PLACES);
            places.truncate(MAXIMUM_PLACES);
            if 0 < more {
                places.push(format!("{more} more"));
            }
            let why = match &row.change.effect {
                Effect::Nothing(why) => Some(reason(why, sources)),
                _ => None,
            };
            let place = Some(places.join(", ")).filter(|place| !place.is_empty());
            let is_secret = |value: &Option<Value>| matches!(value, Some(Value::Secret(_)));
            let other = is_secret(&row.change.before) && is_secret(&row.change.after);
            let other = other.then(|| "another one".to_owned());
            let notes: Vec<String> = [other, place, why, row.change.remark.clone()].into_iter().flatten().collect();
            let mut text = values(row.change);
            if !notes.is_empty() {
                // Behind a list they would seem to be about its last item.
                text.push_str(if matches!(row.change.after, Some(Value::Sequence(_))) { "\n" } else { " " });
                text.push_str(&format!("({})", notes.join("; ")));
            }
            let first = format!("    {}{padding}  ", self.look.palette.code(&name));
            let indent = " ".repeat(6 + width.min(MAXIMUM_NAME));
            let line = self.look.wrap(&first, &indent, &printable(&text));
            let head = head(row);
            match groups.iter_mut().find(|(known, _)| *known == head) {
                Some((_, lines)) => lines.push(line),
                None => groups.push((head, vec![line])),
            }
        }
        for ((what, nodes), lines) in groups {
            writeln!(self.out)?;
            let first = format!("  {} ", self.look.palette.bold(&what));
            self.line(&first, "    ", &format!("({nodes})"))?;
            for line in lines {
                write!(self.out, "{line}")?;
            }
        }
        Ok(())
    }

    fn is_weaker(&self) -> bool {
        let states = self.report.transition().and_then(Result::ok).map(|transition| transition.states.as_slice());
        states.unwrap_or_default().iter().any(|state| !state.weaker.is_empty())
    }

    fn transition(&mut self) -> io::Result<()> {
        match self.report.transition() {
            None => Ok(()),
            Some(Err(missing)) => {
                writeln!(self.out)?;
                let text = format!(
                    "not known whether commits and failover are weaker on the way: {missing}; give a dump (etcdctl get --prefix /service/ -w json)"
                );
                self.section("Replication", &text)
            }
            Some(Ok(transition)) => self.margins(transition),
        }
    }

    fn margins(&mut self, transition: &Transition) -> io::Result<()> {
        let members = transition.members;
        writeln!(self.out)?;
        let (before, after) = (posture(&transition.before), posture(&transition.after));
        match before == after {
            true => self.section("Replication", &format!("{before}, as before"))?,
            false => self.section("Replication", &format!("{before} → {after}"))?,
        }
        if let (Some(before), Some(after)) = (transition.before.tolerance, transition.after.tolerance) {
            let row = |property: Property| {
                let (before, after) = (before.of_property(property), after.of_property(property));
                let paint = if after < before { Palette::bad } else { Palette::good };
                [
                    Cell::new(property_text(property)),
                    Cell::new(tolerated_text(before, members)),
                    Cell::painted(tolerated_text(after, members), paint),
                ]
            };
            let rows = [Property::Failover, Property::Commits, Property::Writes].map(row);
            let titles = ["survive the loss of", "now", "in the end"];
            table::write(titles, &rows, self.look.palette, self.width, self.out)?;
        } else {
            self.section("", "too many members: no set of losses was tried")?;
        }
        if let Some(stuck) = &transition.stuck {
            self.alarm("On the way", "STUCK: ", stuck)?;
        }
        let shown: &[State] = if transition.states.len() < 2 { &[] } else { &transition.states };
        for (position, state) in shown.iter().enumerate() {
            let title = if position == 0 && transition.stuck.is_none() { "On the way" } else { "" };
            let when = match state.in_loop {
                0 => "at once".to_owned(),
                number => format!("loop {number}"),
            };
            let text = format!("{when}: {}{}", state.what, meanwhile(state, members));
            match state.weaker.is_empty() {
                true => self.section(title, &text)?,
                false => self.alarm(title, "WEAKER ", &text)?,
            }
        }
        if !shown.is_empty() {
            let text = format!("the leader's loop runs every {} s (loop_wait)", transition.loop_wait_seconds);
            self.section("", &text)?;
        }
        Ok(())
    }

    fn findings(&mut self) -> io::Result<()> {
        let findings = &self.report.findings;
        if findings.appeared.is_empty() && findings.vanished.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        let (before, after) = (&self.report.before.sources, &self.report.after.snapshot.sources);
        for (sign, list, sources) in [("appears ", &findings.appeared, after), ("vanishes", &findings.vanished, before)]
        {
            for (finding, places) in grouped(list, sources) {
                self.finding(sign, finding, &places)?;
            }
        }
        match findings.remaining {
            0 => Ok(()),
            count => {
                let text = format!("{} as before (patrolint check shows them)", counted(count, "finding"));
                self.line("  ", "    ", &text)
            }
        }
    }

    fn finding(&mut self, sign: &str, finding: &Finding, places: &[String]) -> io::Result<()> {
        let palette = self.look.palette;
        let kind = format!("{}[{}]", severity_word(finding.severity), finding.code);
        let severity = if sign.starts_with('a') { finding.severity } else { Severity::Info };
        let first = format!("  {sign}  {} {}: ", palette.severity(severity, &kind), finding.slug);
        let places = if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) };
        self.line(&first, "            ", &format!("{}{places}", finding.message))
    }

    fn steps(&mut self) -> io::Result<()> {
        let steps = &self.report.steps;
        if steps.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        writeln!(self.out, "  {}", self.look.palette.bold("What to do"))?;
        for (index, (what, command)) in steps.iter().enumerate() {
            self.line(&format!("    {}  ", index + 1), "       ", what)?;
            if let Some(command) = command {
                writeln!(self.out, "       {}", self.look.palette.faint(printable(command).trim_end()))?;
            }
        }
        Ok(())
    }

    fn remarks(&mut self) -> io::Result<()> {
        let remarks = self.report.remarks();
        if remarks.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        for (position, remark) in remarks.iter().enumerate() {
            self.section(if position == 0 { "Remarks" } else { "" }, remark)?;
        }
        Ok(())
    }

    /// A title at the left and a text at its right, broken into lines that fit.
    fn section(&mut self, title: &str, text: &str) -> io::Result<()> {
        self.alarm(title, "", text)
    }

    /// A section whose text begins with a word of alarm.
    fn alarm(&mut self, title: &str, word: &str, text: &str) -> io::Result<()> {
        let padding = " ".repeat(SECTION_INDENT.saturating_sub(title.len() + 2));
        let palette = self.look.palette;
        let word = if word.is_empty() { String::new() } else { palette.bad(word) };
        let first = format!("  {}{padding}{word}", if title.is_empty() { String::new() } else { palette.bold(title) });
        self.line(&first, &" ".repeat(SECTION_INDENT), text)
    }

    fn line(&mut self, first: &str, rest: &str, text: &str) -> io::Result<()> {
        write!(self.out, "{}", self.look.wrap(first, rest, &printable(text)))
    }
}

/// `30 → 20`; of lists what comes and what goes.
fn values(change: &Change) -> String {
    if let (Some(Value::Sequence(before)), Some(Value::Sequence(after))) = (&change.before, &change.after) {
        let lacking = |one: &[crate::parse::tree::Node], other: &[crate::parse::tree::Node]| -> Vec<String> {
            one.iter().filter(|item| !other.contains(item)).map(|item| cut(&scalar(&item.value))).collect()
        };
        let signed = |sign: &'static str, items: Vec<String>| {
            let more = items.len().saturating_sub(MAXIMUM_ITEMS);
            let shown = items.into_iter().take(MAXIMUM_ITEMS).map(move |item| format!("{sign} {item}"));
            shown.chain((0 < more).then(|| format!("{sign} {more} more"))).collect::<Vec<_>>()
        };
        let mut lines = signed("−", lacking(before, after));
        lines.extend(signed("+", lacking(after, before)));
        if lines.is_empty() {
            lines.push("the same items in another order or number".to_owned());
        }
        return lines.join("\n");
    }
    let shown = |value: &Option<Value>, is_default: bool| match value {
        None => "not set".to_owned(),
        Some(value) if is_default && python::str(value).is_empty() => "not set".to_owned(),
        Some(value) => format!("{}{}", cut(&scalar(value)), if is_default { " (default)" } else { "" }),
    };
    let (before, after) =
        (shown(&change.before, change.is_from_default()), shown(&change.after, change.is_to_default()));
    format!("{before} → {after}")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAXIMUM_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn posture(posture: &Posture) -> String {
    let strict = if posture.is_strict { ", strict" } else { "" };
    match posture.mode {
        Mode::Asynchronous => "synchronous_mode off".to_owned(),
        mode => format!("synchronous_mode {}{strict}, synchronous_node_count {}", mode.name(), posture.node_count),
    }
}

fn property_text(property: Property) -> &'static str {
    match property {
        Property::Failover => "automatic failover",
        Property::Commits => "acknowledged commits",
        Property::Writes => "writes",
    }
}

/// What a state leaves weaker than before and after.
fn meanwhile(state: &State, members: usize) -> String {
    let Some(tolerance) = state.tolerance.filter(|_| !state.weaker.is_empty()) else { return String::new() };
    let parts = state.weaker.iter().map(|property| {
        format!("{} {}", property_text(*property), tolerated_text(tolerance.of_property(*property), members))
    });
    format!("; until the next write: {}", parts.collect::<Vec<_>>().join(", "))
}
