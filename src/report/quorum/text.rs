//! The quorums for people: what may be lost first, then who counts and why, then what to do.

use std::io::{self, Write};

use crate::decision::quorum::margins::{
    Alike, MAXIMUM_MEMBERS, MAXIMUM_MEMBERS_WITH_REQUEST, Margins, Outcome, Property, Writes, collapse,
};
use crate::decision::quorum::outlook::SyncPair;
use crate::decision::quorum::overlap::Overlap;
use crate::decision::quorum::seats::Seat;
use crate::decision::quorum::situation::Mode;
use crate::decision::quorum::{QuorumReport, Tolerance, contest::Nodes};
use crate::report::palette::Palette;
use crate::report::table::{self, Cell};
use crate::report::terminal::{Look, counted, listed, printable};

/// Width of the report where no terminal tells one, in columns.
const DEFAULT_WIDTH: usize = 110;
/// Where the texts of a section begin, in columns.
const SECTION_INDENT: usize = 18;
/// At most so many kinds of losses are shown.
const MAXIMUM_ROWS: usize = 14;
/// More names than this are counted where they are not what it is about, and members that are alike share a row.
const MAXIMUM_LISTED: usize = 8;
/// Of members that are alike, so many are named.
const MAXIMUM_NAMES: usize = 4;

/// Writes the report as text.
///
/// # Errors
///
/// The writer fails.
pub fn write(report: &QuorumReport<'_>, look: Look, out: &mut impl Write) -> io::Result<()> {
    let width = look.width.unwrap_or(DEFAULT_WIDTH).clamp(60, 140);
    let look = Look { palette: look.palette, width: Some(width) };
    let mut text = Text { report, look, width, out };
    text.headline()?;
    text.missing()?;
    text.tolerances()?;
    text.losses()?;
    text.members()?;
    text.details()?;
    text.advice()?;
    text.evidence()
}

struct Text<'a, 'b, W> {
    report: &'b QuorumReport<'a>,
    look: Look,
    width: usize,
    out: &'b mut W,
}

impl<'a, W: Write> Text<'a, '_, W> {
    fn headline(&mut self) -> io::Result<()> {
        let situation = &self.report.situation;
        let palette = self.look.palette;
        let (word, text) = match (&self.report.margins, self.report.tolerance()) {
            (Some(margins), Some(tolerance)) => self.verdict(margins, tolerance),
            _ => {
                let text = format!(
                    "no set of losses: more than {MAXIMUM_MEMBERS} members, or more than {MAXIMUM_MEMBERS_WITH_REQUEST} and a \
                     request in /failover; who counts now is below"
                );
                (palette.open("NOT TRIED"), text)
            }
        };
        let leader = match situation.leader {
            Some(leader) => format!("leader {leader}"),
            None => "no leader".to_owned(),
        };
        let mode = match situation.mode {
            Mode::Asynchronous if situation.config.standby_cluster => "a standby cluster".to_owned(),
            Mode::Asynchronous => "synchronous_mode off".to_owned(),
            mode => {
                let strict = if situation.config.synchronous_mode_strict { " strict" } else { "" };
                let count = situation.config.synchronous_node_count;
                format!("synchronous_mode {}{strict}, synchronous_node_count {count}", mode.name())
            }
        };
        let version = situation.version;
        self.line(&format!("{word}  "), "  ", &text)?;
        self.line("  ", "  ", &format!("Cluster {}: {leader}, {mode}, Patroni {version}", situation.facts.scope))
    }

    fn verdict(&self, margins: &Margins<'_>, tolerance: Tolerance) -> (String, String) {
        let palette = self.look.palette;
        let situation = &self.report.situation;
        let commits = match (tolerance.commits, situation.mode) {
            _ if situation.config.standby_cluster => "",
            (_, Mode::Asynchronous) => "; a failover may lose commits",
            (Some(count), _) if margins.contest.names.len() <= count => "; acknowledged commits are safe",
            _ => "; acknowledged commits may be lost",
        };
        if margins.outcome(0).writes == Writes::Stop && situation.leader.is_some() {
            return (palette.bad("WRITES STOP"), format!("commits wait for a standby that is not there{commits}"));
        }
        if situation.config.paused {
            return (
                palette.bad("PAUSED"),
                format!("nobody takes over by itself until the cluster is resumed{commits}"),
            );
        }
        let Some(failover) = tolerance.failover else {
            return (palette.bad("NO LEADER"), "and nobody may take the lock now".to_owned());
        };
        if situation.leader.is_none() {
            let winners = winners_text(margins, 0);
            return (palette.open("NO LEADER"), format!("{winners} may take the lock now{commits}"));
        }
        let survived = failover.min(tolerance.writes.unwrap_or(0));
        match survived {
            0 => {
                let smallest =
                    [Property::Failover, Property::Writes].iter().flat_map(|it| margins.minimal_breaking(*it));
                let mut smallest: Vec<Nodes> = smallest.filter(|set| set.count_ones() == 1).collect();
                smallest.sort_unstable();
                smallest.dedup();
                let names: Vec<String> =
                    smallest.iter().flat_map(|set| margins.contest.names_of(*set)).map(str::to_owned).collect();
                let loss = if names.is_empty() { "any member".to_owned() } else { names.join(" or ") };
                (palette.bad("NO MARGIN"), format!("the loss of {loss} alone is too much{commits}"))
            }
            count => {
                let any = if count == 1 { "any 1 member".to_owned() } else { format!("any {count} members at once") };
                (palette.good("SURVIVES"), format!("the loss of {any}{commits}"))
            }
        }
    }

    fn missing(&mut self) -> io::Result<()> {
        for dependency in &self.report.missing {
            writeln!(self.out)?;
            self.section("Missing", &dependency.fact)?;
            for (value, outcome) in &dependency.outcomes {
                self.section("", &format!("{} → in an election: {outcome}", few(value)))?;
            }
            self.section("", &format!("To find out: {}", dependency.how_to_tell))?;
        }
        if !self.report.missing.is_empty() {
            writeln!(self.out)?;
            self.line("  ", "  ", "With what the input holds, and what is missing left out:")?;
        }
        Ok(())
    }

    fn tolerances(&mut self) -> io::Result<()> {
        let (Some(margins), Some(tolerance)) = (&self.report.margins, self.report.tolerance()) else { return Ok(()) };
        let members = margins.contest.names.len();
        let row = |title: &str, property: Property, tolerated: Option<usize>| {
            let steady = self.report.steady.map(|steady| match property {
                Property::Failover => steady.failover,
                Property::Commits => steady.commits,
                Property::Writes => steady.writes,
            });
            let broken = collapse(members, &margins.minimal_breaking(property));
            let broken: Vec<String> = broken.iter().map(|alike| set_text(margins, alike)).collect();
            let shown = match broken.len() {
                0 => "nothing".to_owned(),
                1..=4 => broken.join("; "),
                more => format!("{}; and {} more", broken[..4].join("; "), more - 4),
            };
            let paint = match tolerated {
                None | Some(0) => Palette::bad,
                _ => Palette::good,
            };
            let mut text = tolerated_text(tolerated, members);
            if let Some(steady) = steady.filter(|steady| *steady != tolerated) {
                text.push_str(&format!(", then {}", tolerated_text(steady, members)));
            }
            [Cell::new(title), Cell::painted(text, paint), Cell::new(shown)]
        };
        let mut rows = vec![row("automatic failover", Property::Failover, tolerance.failover)];
        if !self.report.situation.config.standby_cluster {
            rows.push(row("acknowledged commits", Property::Commits, tolerance.commits));
            rows.push(row("writes", Property::Writes, tolerance.writes));
        }
        writeln!(self.out)?;
        table::write(
            ["", "survive the loss of", "broken by the loss of"],
            &rows,
            self.look.palette,
            self.width,
            self.out,
        )
    }

    fn losses(&mut self) -> io::Result<()> {
        let Some(margins) = &self.report.margins else { return Ok(()) };
        let mut sets: Vec<Nodes> = (0..margins.contest.names.len()).map(|index| 1 << index).collect();
        if self.report.situation.leader.is_none() {
            sets.insert(0, 0);
        }
        for property in [Property::Failover, Property::Commits, Property::Writes] {
            sets.extend(margins.minimal_breaking(property));
        }
        sets.extend(margins.minimal_waiting());
        let mut seen = std::collections::HashSet::new();
        sets.retain(|set| *set != margins.contest.all() && seen.insert(*set));
        let mut groups: Vec<(Alike, Nodes)> = Vec::new();
        let kind = |set: &Nodes| {
            let outcome = margins.outcome(*set);
            (set.count_ones(), outcome.is_race, outcome.winners == 0, outcome.may_lack_commit == 0, outcome.writes)
        };
        while let Some(first) = sets.first() {
            let wanted = kind(first);
            let (of_kind, others): (Vec<Nodes>, Vec<Nodes>) = sets.iter().partition(|set| kind(set) == wanted);
            let mut position = 0;
            for alike in collapse(margins.contest.names.len(), &of_kind) {
                let representative = of_kind[position];
                position += alike.count;
                groups.push((alike, representative));
            }
            sets = others;
        }
        let is_leader = |set: Nodes| set == margins.leader() && set != 0;
        groups.sort_by_key(|(_, set)| (set.count_ones(), !is_leader(*set)));
        let elsewhere = self.report.situation.config.standby_cluster;
        let rows: Vec<[Cell; 4]> = groups
            .iter()
            .take(MAXIMUM_ROWS)
            .map(|(alike, set)| {
                let outcome = margins.outcome(*set);
                let mut name = if *set == 0 { "nobody".to_owned() } else { set_text(margins, alike) };
                if is_leader(*set) {
                    name.push_str(" (leader)");
                }
                [
                    Cell::new(name),
                    failover(margins, *set, alike.count),
                    self.commits(margins, *set),
                    self.writes(outcome),
                ]
            })
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        let titles = ["lost at once", "failover", "commits", "writes"];
        if elsewhere {
            let rows: Vec<[Cell; 2]> = rows.into_iter().map(|[name, failover, ..]| [name, failover]).collect();
            table::write([titles[0], titles[1]], &rows, self.look.palette, self.width, self.out)?;
        } else {
            table::write(titles, &rows, self.look.palette, self.width, self.out)?;
        }
        if MAXIMUM_ROWS < groups.len() {
            let more = groups.len() - MAXIMUM_ROWS;
            self.line("  ", "  ", &format!("… and {more} more kinds of losses (--format json has every set)"))?;
        }
        Ok(())
    }

    fn commits(&self, margins: &Margins<'_>, lost: Nodes) -> Cell {
        let outcome = margins.outcome(lost);
        let situation = &self.report.situation;
        if !outcome.is_race {
            return Cell::new("safe");
        }
        if outcome.may_lack_commit == 0 {
            let text = if outcome.winners == 0 { "kept" } else { "safe" };
            return Cell::new(text);
        }
        let names = margins.contest.names_of(outcome.may_lack_commit);
        let behind = names.iter().filter_map(|name| {
            let leader = situation.facts.nodes.get(situation.leader?)?.local.lsn.max(situation.cluster.last_lsn);
            Some(leader.saturating_sub(situation.facts.nodes.get(*name)?.local.lsn).max(0))
        });
        let bytes =
            behind.max().filter(|bytes| *bytes != 0).map(|bytes| format!(" (now {bytes} bytes)")).unwrap_or_default();
        Cell::painted(format!("MAY BE LOST{bytes}"), Palette::open)
    }

    fn writes(&self, outcome: &Outcome) -> Cell {
        match outcome.writes {
            Writes::Stop => Cell::painted("STOP until one returns", Palette::bad),
            writes => Cell::new(self.writes_text(writes)),
        }
    }

    fn writes_text(&self, writes: Writes) -> String {
        match (writes, self.report.seconds(writes)) {
            (Writes::GoOn, _) => "go on".to_owned(),
            (Writes::Elsewhere, _) => "made elsewhere".to_owned(),
            (Writes::AfterLoops(_), seconds) => format!("wait up to {} s", seconds.unwrap_or(0)),
            (Writes::AfterFailover(_), seconds) => format!("go on after up to {} s", seconds.unwrap_or(0)),
            (Writes::Stop, _) => "stop until one returns".to_owned(),
        }
    }

    fn members(&mut self) -> io::Result<()> {
        let report = self.report;
        let situation = &report.situation;
        let names = report.commits.names.len();
        let commit = match (situation.mode, report.commits.needed) {
            (Mode::Asynchronous, _) => "commit".to_owned(),
            (_, 0) => "commit: waits for nobody".to_owned(),
            (_, needed) if report.commits.any_standby => format!("commit: any {needed} standby"),
            (Mode::Quorum, needed) if report.commits.least < needed => {
                format!("commit: any {} or {needed} of {names}", report.commits.least)
            }
            (Mode::Quorum, needed) => format!("commit: any {needed} of {names}"),
            (Mode::Synchronous, needed) => format!("commit: all {needed}"),
        };
        let election = match report.votes_needed {
            Some(1) => "election: 1 vote besides its own".to_owned(),
            Some(needed) => format!("election: {needed} votes besides its own"),
            None => "election".to_owned(),
        };
        let is_hosting = report.seats.iter().any(|seat| !report.servers_of(&seat.name).is_empty());
        let row = |seat: &Seat| {
            let lag = seat.lag_bytes.map_or_else(|| "–".to_owned(), |lag| lag.to_string());
            let paint = |counts: bool, text: &str| match counts {
                true => Cell::new(text),
                false => Cell::painted(text, if seat.role == "leader" { Palette::faint } else { Palette::open }),
            };
            let is_plain = situation.mode == Mode::Asynchronous;
            let commit = if is_plain {
                Cell::new(&seat.commit.because)
            } else {
                paint(seat.commit.counts, &seat.commit.because)
            };
            [
                Cell::new(&seat.name),
                Cell::new(seat.role),
                commit,
                paint(seat.election.counts, &seat.election.because),
                Cell::new(lag),
            ]
        };
        let rows: Vec<[Cell; 5]> = grouped(&report.seats).iter().map(row).collect();
        writeln!(self.out)?;
        let heading = ["member", "role", commit.as_str(), election.as_str(), "lag, bytes"];
        table::write(heading, &rows, self.look.palette, self.width, self.out)?;
        if is_hosting {
            for seat in &report.seats {
                let servers = report.servers_of(&seat.name);
                if !servers.is_empty() {
                    self.line("  ", "    ", &format!("{}: its host runs {}, too", seat.name, servers.join(", ")))?;
                }
            }
        }
        Ok(())
    }

    fn details(&mut self) -> io::Result<()> {
        writeln!(self.out)?;
        self.request()?;
        self.hurts_most()?;
        self.overlap()?;
        self.sources()?;
        self.outlook()?;
        self.blocked()?;
        self.dcs()
    }

    /// A pending request changes the race.
    fn request(&mut self) -> io::Result<()> {
        let Some(request) = self.report.situation.cluster.failover.as_ref().filter(|it| it.is_requested()) else {
            return Ok(());
        };
        let text = match request.candidate() {
            Some(candidate) => format!("/failover names {candidate}: it takes a free lock without a look at others"),
            None => "a request is pending in /failover: the race is that of a switchover".to_owned(),
        };
        self.section("Request", &format!("{text} ({})", self.report.situation.key("failover")))
    }

    fn hurts_most(&mut self) -> io::Result<()> {
        let Some(margins) = &self.report.margins else { return Ok(()) };
        if margins.contest.names.len() < 2 {
            return Ok(());
        }
        let groups = margins.worst_alone();
        let mut shown = vec![&groups[0]];
        // The leader is the obvious one; of the others, too, one may hurt more than the rest.
        if groups[0].iter().all(|index| margins.leader() & (1 << index) != 0) && 2 < groups.len() {
            shown.push(&groups[1]);
        }
        for (position, group) in shown.into_iter().enumerate() {
            let lost: Nodes = 1 << group[0];
            let outcome = margins.outcome(lost);
            let names: Vec<String> = group.iter().map(|index| margins.contest.names[*index].to_owned()).collect();
            let mut text = named(&names, " or ");
            let more = |property| margins.smallest_breaking_with(property, group[0]).map(|size| size.saturating_sub(1));
            if !outcome.holds(Property::Failover) {
                text.push_str(": nobody takes over");
            } else if outcome.is_race {
                let winners = winners_text(margins, lost);
                text.push_str(&format!(": {winners} takes over, writes {}", self.writes_text(outcome.writes)));
            } else {
                text.push_str(&format!(": no failover is needed, writes {}", self.writes_text(outcome.writes)));
            }
            if outcome.holds(Property::Failover) {
                text.push_str(&match more(Property::Failover) {
                    Some(0) => "; then no further loss".to_owned(),
                    Some(1) => "; then the next loss may be one too many for a failover".to_owned(),
                    Some(size) => format!("; then a failover survives any {} more", size - 1),
                    None => String::new(),
                });
            }
            let title = if position == 0 { "Hurts most" } else { "Of the others" };
            self.section(title, &text)?;
        }
        Ok(())
    }

    fn overlap(&mut self) -> io::Result<()> {
        match &self.report.overlap {
            Overlap::NotAsked(why) => self.section("Overlap", &format!("none to keep: {why}")),
            Overlap::Holds(why) => self.section("Overlap", &format!("holds: {why}")),
            Overlap::Broken { acknowledging, electing } => {
                let acknowledging = match acknowledging.as_slice() {
                    [] => "the leader alone acknowledges commits".to_owned(),
                    names => format!("{} alone may acknowledge a commit", listed(names)),
                };
                let text = format!("{acknowledging}, and {} alone may elect a leader", listed(electing));
                self.alarm("Overlap", "BROKEN: ", &text)
            }
        }
    }

    /// Where the numbers come from.
    fn sources(&mut self) -> io::Result<()> {
        let report = self.report;
        let situation = &report.situation;
        for contradiction in &report.commits.contradictions {
            self.section("Disagreement", contradiction)?;
        }
        if situation.mode == Mode::Asynchronous {
            let source = situation.key("config");
            let why = match (situation.config.standby_cluster, situation.facts.keys.contains_key("config")) {
                (true, _) => format!("standby_cluster is set: clients write to the primary cluster ({source})"),
                (_, true) => format!("synchronous_mode is off ({source})"),
                (_, false) => format!("there is no key {source}: the defaults are taken"),
            };
            self.section("Commit", &why)?;
            if !situation.config.standby_cluster {
                let text = format!(
                    "what a new leader has not received: at most maximum_lag_on_failover, {} bytes, and what was written \
                     since the position in /status was, {} s (loop_wait)",
                    situation.config.maximum_lag_on_failover, situation.config.loop_wait_seconds
                );
                self.section("May be lost", &text)?;
            }
            return Ok(());
        }
        let sync = situation.key("sync");
        if !situation.is_active {
            let text = format!("synchronous mode is requested but not active: {sync} names no leader");
            return self.section("Commit", &text);
        }
        let voters: Vec<&str> = situation.cluster.sync.voters().collect();
        let (voters, setting) = match voters.len() {
            0 => ("nobody".to_owned(), report.commits.setting(situation)),
            count if count <= MAXIMUM_LISTED => (voters.join(", "), report.commits.setting(situation)),
            count => (format!("{count} names"), format!("{} of {}", report.commits.needed, report.commits.names.len())),
        };
        match report.votes_needed {
            Some(quorum) => {
                let text = format!(
                    "synchronous_standby_names {setting}: voters {voters}, less the quorum of {quorum} ({sync})"
                );
                self.section("Commit", &text)?;
                self.section("Election", &format!("quorum {quorum} of the voters {voters} ({sync})"))
            }
            None => {
                self.section(
                    "Commit",
                    &format!("synchronous_standby_names {setting}: sync_standby {voters} ({sync})"),
                )?;
                let leader = situation.cluster.sync.leader().unwrap_or_default();
                let text = match situation.cluster.sync.voters().next() {
                    Some(_) => format!("only {voters} and the former leader {leader} may take the lock ({sync})"),
                    None => {
                        format!("only the former leader {leader} may take the lock: /sync names no standby ({sync})")
                    }
                };
                self.section("Election", &text)
            }
        }
    }

    fn outlook(&mut self) -> io::Result<()> {
        let outlook = &self.report.outlook;
        let Some(now) = &outlook.now else { return Ok(()) };
        let by_quorum = self.report.situation.mode == Mode::Quorum;
        if let Some(stuck) = &outlook.stuck {
            self.alarm("Steady state", "STUCK: ", stuck)?;
        } else if outlook.writes.is_empty() {
            return self.section("Steady state", "reached: the leader has nothing to change");
        }
        self.section("Now", &pair_text(now, by_quorum))?;
        for write in &outlook.writes {
            let weaker = write.weaker.as_ref().map(|why| format!(" (weaker: {why})")).unwrap_or_default();
            self.section("", &format!("loop {}: {}{weaker}", write.in_loop, write.what))?;
        }
        match outlook.steady() {
            Some(steady) => self.section("Steady state", &pair_text(steady, by_quorum)),
            None => Ok(()),
        }
    }

    fn blocked(&mut self) -> io::Result<()> {
        let situation = &self.report.situation;
        if situation.config.standby_cluster {
            return Ok(());
        }
        let (loop_wait, ttl) = (situation.config.loop_wait_seconds, situation.config.ttl_seconds);
        let mut texts = Vec::new();
        if self.report.commits.needed != 0 {
            let names = &self.report.commits.names;
            let fewer = match names.len() as i128 - self.report.commits.needed {
                _ if names.len() == 1 => names[0].clone(),
                _ if names.is_empty() => "a synchronous standby".to_owned(),
                0 => format!("any of {}", named(names, ", ")),
                reserve => format!("{} of {}", reserve + 1, named(names, ", ")),
            };
            texts.push(format!(
                "the loss of {fewer}: until the leader's next loop, {loop_wait} s (loop_wait) once its connection is closed; {} s \
                 (ttl more) when its host vanishes",
                ttl + loop_wait
            ));
            texts.push(match situation.config.synchronous_mode_strict {
                true => "no standby left: until one returns (synchronous_mode_strict asks for 1)".to_owned(),
                false => "no standby left: the leader then goes on alone (synchronous_mode_strict is off)".to_owned(),
            });
        }
        let paused = if situation.config.paused { "; paused: until somebody acts" } else { "" };
        texts.push(format!(
            "the loss of the leader: until a failover, up to {} s (ttl {ttl} + loop_wait {loop_wait}) and the promotion{paused}",
            ttl + loop_wait
        ));
        for (position, text) in texts.iter().enumerate() {
            self.section(if position == 0 { "Writes wait" } else { "" }, text)?;
        }
        Ok(())
    }

    fn dcs(&mut self) -> io::Result<()> {
        let situation = &self.report.situation;
        let failsafe = match (situation.config.failsafe_mode, &situation.cluster.failsafe) {
            (false, _) => {
                "without a majority of them the leader demotes itself and nobody can take over (failsafe_mode is off)"
                    .to_owned()
            }
            (true, Some(listed)) if !listed.is_empty() => {
                let names: Vec<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
                format!(
                    "without a majority of them the leader goes on while all of {} answer it (failsafe_mode, {}); nobody can take over",
                    names.join(", "),
                    situation.key("failsafe")
                )
            }
            (true, _) => {
                "failsafe_mode is on, but /failsafe lists nobody: without a majority of them the leader demotes itself"
                    .to_owned()
            }
        };
        let text = match self.report.servers.len() {
            0 => format!("its servers are not in this input, so how many may be lost was not judged; {failsafe}"),
            1 => format!("1 server seen, 0 may be lost; {failsafe}"),
            count => format!("{count} servers seen, {} may be lost; {failsafe}", (count - 1) / 2),
        };
        self.section("DCS", &text)
    }

    fn advice(&mut self) -> io::Result<()> {
        let advice = self.report.advice();
        if advice.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        writeln!(self.out, "  {}", self.look.palette.bold("What to do"))?;
        for (index, (what, command)) in advice.iter().enumerate() {
            self.line(&format!("    {}  ", index + 1), "       ", what)?;
            if let Some(command) = command {
                writeln!(self.out, "       {}", self.look.palette.faint(&printable(command)))?;
            }
        }
        Ok(())
    }

    fn evidence(&mut self) -> io::Result<()> {
        writeln!(self.out)?;
        let report = self.report;
        let seen = report.seen.join("; ");
        if report.assumptions.is_empty() && report.missing.is_empty() {
            return self.line("  ", "    ", &format!("Seen: {seen}. Nothing had to be assumed."));
        }
        self.line("  ", "    ", &format!("Seen: {seen}."))?;
        for assumption in &report.assumptions {
            let otherwise = assumption.otherwise.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
            self.line("  ", "    ", &format!("Assumed: {}{otherwise}.", assumption.text))?;
        }
        Ok(())
    }

    /// A title at the left and a text at its right, broken into lines that fit.
    fn section(&mut self, title: &str, text: &str) -> io::Result<()> {
        let padding = " ".repeat(SECTION_INDENT.saturating_sub(title.len() + 2));
        let first = format!("  {}{padding}", self.look.palette.bold(title));
        self.line(&first, &" ".repeat(SECTION_INDENT), text)
    }

    /// A section whose text begins with a word of alarm.
    fn alarm(&mut self, title: &str, word: &str, text: &str) -> io::Result<()> {
        let padding = " ".repeat(SECTION_INDENT.saturating_sub(title.len() + 2));
        let first = format!("  {}{padding}{}", self.look.palette.bold(title), self.look.palette.bad(word));
        self.line(&first, &" ".repeat(SECTION_INDENT), text)
    }

    fn line(&mut self, first: &str, rest: &str, text: &str) -> io::Result<()> {
        write!(self.out, "{}", self.look.wrap(first, rest, &printable(text)))
    }
}

fn failover(margins: &Margins<'_>, lost: Nodes, alike: usize) -> Cell {
    let outcome = margins.outcome(lost);
    if !outcome.is_race {
        return Cell::new("not needed");
    }
    if outcome.winners == 0 {
        let why = match margins.contest.missing_votes(lost) {
            Some((votes, needed)) => format!("NO: {votes} of {}", counted_i128(needed, "vote")),
            None => "NO".to_owned(),
        };
        return Cell::painted(why, Palette::bad);
    }
    Cell::new(match (alike, outcome.winners.count_ones()) {
        (1, _) => format!("yes: {}", winners_text(margins, lost)),
        (_, 1) => "yes: 1 may win".to_owned(),
        (_, count) => format!("yes: {count} may win"),
    })
}

/// `pg2 or pg3`, `any of the 6 others`.
fn winners_text(margins: &Margins<'_>, lost: Nodes) -> String {
    let winners = margins.outcome(lost).winners;
    let names: Vec<String> = margins.contest.names_of(winners).iter().map(|name| (*name).to_owned()).collect();
    match winners == margins.contest.all() & !lost && MAXIMUM_NAMES < names.len() {
        true => format!("any of the {} others", names.len()),
        false => named(&names, " or "),
    }
}

fn counted_i128(number: i128, noun: &str) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

/// `any 2 members`, `none`.
pub fn tolerated_text(tolerated: Option<usize>, members: usize) -> String {
    match tolerated {
        None => "not even now".to_owned(),
        Some(0) => "none".to_owned(),
        Some(count) if members <= count => "any number".to_owned(),
        Some(1) => "any 1 member".to_owned(),
        Some(count) => format!("any {count} members"),
    }
}

/// One seat for all members that are alike, if there are many, with all their names.
fn grouped(seats: &[Seat]) -> Vec<Seat> {
    if seats.len() <= MAXIMUM_LISTED {
        return seats.to_vec();
    }
    let is_alike = |one: &Seat, other: &Seat| {
        let row = |seat: &Seat| {
            (
                seat.role,
                seat.commit.because.clone(),
                seat.election.because.clone(),
                seat.election.counts,
                seat.lag_bytes,
            )
        };
        row(one) == row(other)
    };
    let mut groups: Vec<(Seat, Vec<String>)> = Vec::new();
    for seat in seats {
        match groups.iter_mut().find(|(first, _)| is_alike(first, seat)) {
            Some((_, names)) => names.push(seat.name.clone()),
            None => groups.push((seat.clone(), vec![seat.name.clone()])),
        }
    }
    groups.into_iter().map(|(seat, names)| Seat { name: named(&names, ", "), ..seat }).collect()
}

/// The first of many values: `a; b and 9 more values`.
fn few(values: &str) -> String {
    const SHOWN: usize = 3;
    let all: Vec<&str> = values.split("; ").collect();
    match all.len() <= SHOWN + 1 {
        true => values.to_owned(),
        false => format!("{} and {} more values", all[..SHOWN].join("; "), all.len() - SHOWN),
    }
}

/// `pg1 and 1 of pg2, pg3`.
pub fn set_text(margins: &Margins<'_>, alike: &Alike) -> String {
    if alike.parts.iter().map(|(taken, _)| taken).sum::<usize>() == margins.contest.names.len() {
        return "all members".to_owned();
    }
    let mut whole = Vec::new();
    let mut parts = Vec::new();
    for (taken, class) in &alike.parts {
        let names: Vec<String> = class.iter().map(|index| margins.contest.names[*index].to_owned()).collect();
        match *taken == names.len() {
            true => whole.extend(names),
            false if *taken == 1 && alike.parts.len() == 1 && names.len() <= MAXIMUM_NAMES => {
                parts.push(names.join(" or "))
            }
            false if names.len() <= MAXIMUM_NAMES => parts.push(format!("{taken} of {}", names.join(", "))),
            false if class.len() + margins.leader().count_ones() as usize == margins.contest.names.len() => {
                let noun = if margins.leader() == 0 { "members" } else { "replicas" };
                parts.push(format!("{taken} of the {} {noun}", names.len()));
            }
            false => parts.push(format!("{taken} of {}", named(&names, ", "))),
        }
    }
    whole.extend(parts);
    listed(&whole)
}

/// All names, or the first ones and how many more there are.
fn named(names: &[String], between: &str) -> String {
    if names.len() <= MAXIMUM_NAMES {
        return names.join(between);
    }
    let shown = MAXIMUM_NAMES - 1;
    format!("{}{between}{} more", names[..shown].join(between), names.len() - shown)
}

fn pair_text(pair: &SyncPair, by_quorum: bool) -> String {
    let list = |names: Vec<&str>| if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    let (names, voters) = (list(pair.names.sorted()), list(pair.voters.sorted()));
    match by_quorum {
        true if pair.names.is_empty() => format!("commits wait for nobody; /sync: quorum {} of {voters}", pair.quorum),
        true => format!("commits wait for any {} of {names}; /sync: quorum {} of {voters}", pair.needed, pair.quorum),
        false => format!("commits wait for {names}; /sync: {voters}"),
    }
}
