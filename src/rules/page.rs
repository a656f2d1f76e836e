//! A rule's page: YAML front matter that says when it fires and what it prints, and prose for people.

use std::borrow::Cow;

use crate::input::source_map::SourceId;
use crate::model::version::PatroniVersion;
use crate::parse::tree::{Mapping, Node, Value};
use crate::parse::{python, yaml};
use crate::rules::finding::{Confidence, Severity};

/// A text of a page: part of the program in a built-in one.
pub type Text = Cow<'static, str>;
/// A list of a page: part of the program in a built-in one.
pub type List<T> = Cow<'static, [T]>;

/// A rule as its page describes it.
#[derive(Clone, Debug)]
pub struct Page {
    /// For example `PTL201`; never changes its meaning.
    pub code: Text,
    /// For example `timing-rule-violated`: what is flagged.
    pub slug: Text,
    /// The folder that the page lies in.
    pub group: Text,
    /// The first heading of the prose.
    pub title: Text,
    /// The first severity whose condition holds counts; no condition holds always.
    pub severity: List<(Severity, Option<Text>)>,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// Evidence without which the rule cannot judge.
    pub needs: List<Need>,
    /// What the rule is evaluated on, one by one.
    pub each: List<Each>,
    /// The releases with the behaviour, when the rule is about some releases only.
    pub affects: Option<Affects>,
    /// Where it does not hold the rule says nothing.
    pub applies: Option<Text>,
    /// The condition to fire, in the Jinja language; absent when `function` alone decides.
    pub when: Option<Text>,
    /// Name of the Rust function that finds what an expression cannot say.
    pub function: Option<Text>,
    /// What to point at, the most important place first.
    pub at: List<At>,
    /// Template of the finding's message.
    pub message: Text,
    /// Template of the finding's help.
    pub help: Option<Text>,
    /// Templates of the finding's notes; an empty result is left out.
    pub notes: List<Text>,
    /// Codes of rules that this one follows from when they fire, too.
    pub follows: List<Text>,
    /// Where the facts come from.
    pub sources: List<Text>,
    /// The prose, from the first heading on, with the sources at its end.
    pub text: Text,
}

/// Evidence that a rule can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The keys of the DCS.
    Dcs,
    /// The dynamic configuration: `/config`, or `bootstrap.dcs` while there is none.
    Dynamic,
    /// At least one member key.
    Members,
    /// A REST answer, or the lack of one, of every member (of the member, with `each: members`).
    Rest,
    /// The key `/status` with the leader's WAL position.
    Status,
    /// The key `/initialize`.
    Initialize,
    /// The Patroni release.
    Patroni,
    /// PostgreSQL's version.
    Postgres,
    /// At least one local configuration.
    Configurations,
}

/// What a rule is evaluated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// The cluster as a whole.
    Cluster,
    /// Every member key of the cluster, as `member`.
    Members,
    /// Every local configuration, as `configuration`.
    Configurations,
    /// Everything that was read, once, however many clusters it holds.
    Input,
    /// Every dynamic configuration, as `dynamic`: `/config` of the DCS, or `bootstrap.dcs` of files while there is none.
    Dynamics,
}

/// The releases that a rule is about, and whose release counts.
#[derive(Clone, Debug)]
pub struct Affects {
    /// The leader alone, or else any member.
    pub leader_only: bool,
    /// Alternatives, each a list of comparisons joined by commas (`>= 4.0.0, < 4.0.6`).
    pub releases: List<Text>,
}

impl Affects {
    /// Whether a release has the behaviour.
    pub fn includes(&self, release: PatroniVersion) -> bool {
        self.releases.iter().any(|condition| release.fulfils(condition) == Ok(true))
    }
}

/// A place to point at.
#[derive(Clone, Debug)]
pub struct At {
    /// `dynamic.ttl`, `member.tags.nofailover`, `sync`, …; `@key` at the end points at the key instead of the value.
    pub route: Text,
    /// Template of the label's text; may be empty.
    pub text: Text,
    /// Without this condition the place is left out.
    pub when: Option<Text>,
}

/// What is wrong with a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{page}:{line}: {message}")]
pub struct PageError {
    /// The page's file name.
    pub page: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, in lower case, without a final period.
    pub message: String,
}

/// The keys of front matter.
const KEYS: [&str; 17] = [
    "code",
    "slug",
    "severity",
    "confidence",
    "needs",
    "each",
    "affects",
    "applies",
    "when",
    "function",
    "at",
    "message",
    "help",
    "notes",
    "follows",
    "sources",
    "title",
];

impl Page {
    /// Reads a page; `name` is its path, of which the last folder is the group.
    ///
    /// # Errors
    ///
    /// The author's: no front matter, a missing or unknown key, a value of a wrong type.
    pub fn read(name: &str, text: &str) -> Result<Self, PageError> {
        let text = text.trim_start_matches('\u{feff}');
        let error = |line: usize, message: &str| PageError { page: name.to_owned(), line, message: message.to_owned() };
        let first_line = text.lines().next().unwrap_or_default();
        if first_line.trim_end() != "---" {
            return Err(error(1, "a rule page starts with a line ---"));
        }
        let body = text.split_once('\n').map_or("", |(_, rest)| rest);
        let Some(end) = end_of_front_matter(body) else {
            return Err(error(1, "the front matter does not end with a line ---"));
        };
        let (head, prose) = (&body[..end.0], body[end.1..].trim_start());
        let document = yaml::parse(SourceId(0), head)
            .map_err(|problem| error(2 + newlines(head, problem.span.start), &problem.message))?;
        let Value::Mapping(fields) = &document.value else {
            return Err(error(2, "the front matter is no mapping"));
        };
        let title = prose.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default().trim();
        let group = name.rsplit('/').nth(1).unwrap_or("user");
        Fields { page: name, head, fields }.page(group, title, prose)
    }
}

/// Reads front matter from a mapping; its spans are offsets in `head`, which starts in line 2.
///
/// The build, too, makes pages with it, of the table of known bugs.
pub(super) struct Fields<'a> {
    pub(super) page: &'a str,
    pub(super) head: &'a str,
    pub(super) fields: &'a Mapping,
}

impl Fields<'_> {
    pub(super) fn page(&self, group: &str, title: &str, prose: &str) -> Result<Page, PageError> {
        for entry in self.fields.effective() {
            let key = python::str(&entry.key.value);
            if !KEYS.contains(&key.as_str()) {
                return Err(self.error(&entry.key, &format!("unknown key {key}")));
            }
        }
        let mut page = Page {
            code: self.text("code")?,
            slug: self.text("slug")?,
            group: group.to_owned().into(),
            title: if title.is_empty() { self.optional("title")?.unwrap_or_default() } else { title.to_owned().into() },
            severity: self.severity()?,
            confidence: match self.optional("confidence")?.as_deref() {
                None | Some("high") => Confidence::High,
                Some("medium") => Confidence::Medium,
                Some("low") => Confidence::Low,
                Some(_) => return Err(self.error_at("confidence", "confidence is high, medium or low")),
            },
            needs: self.list("needs")?.iter().map(|need| self.need(need)).collect::<Result<_, _>>()?,
            each: self.each()?,
            affects: self.affects()?,
            applies: self.optional("applies")?,
            when: self.optional("when")?,
            function: self.optional("function")?,
            at: self.at()?,
            message: self.text("message")?,
            help: self.optional("help")?,
            notes: self.list("notes")?,
            follows: self.list("follows")?,
            sources: self.list("sources")?,
            text: Text::default(),
        };
        let is_code = |code: &str| {
            let (letters, digits) = code.split_at(code.find(|c: char| c.is_ascii_digit()).unwrap_or(code.len()));
            !letters.is_empty()
                && letters.bytes().all(|byte| byte.is_ascii_uppercase())
                && digits.len() == 3
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_code(&page.code) {
            return Err(self.error_at("code", "a code is capital letters and three digits, like PTL201"));
        }
        if page.slug.is_empty()
            || !page.slug.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        {
            return Err(self.error_at("slug", "a slug is lower-case letters, digits and hyphens"));
        }
        if page.when.is_none() && page.function.is_none() && page.affects.is_none() {
            return Err(self.error_at("code", "one of when, function and affects is needed"));
        }
        let mut text = format!("{}\n", prose.trim_end());
        if !page.sources.is_empty() {
            text.push_str("\n## Sources\n\n");
            page.sources.iter().for_each(|source| text.push_str(&format!("- {source}\n")));
        }
        page.text = text.into();
        Ok(page)
    }

    fn each(&self) -> Result<List<Each>, PageError> {
        let names = self.list("each")?;
        if names.is_empty() {
            return Ok(Cow::Borrowed(&[Each::Cluster]));
        }
        let each = |name: &Text| match name.as_ref() {
            "cluster" => Ok(Each::Cluster),
            "input" => Ok(Each::Input),
            "members" => Ok(Each::Members),
            "configurations" => Ok(Each::Configurations),
            "dynamics" => Ok(Each::Dynamics),
            _ => Err(self.error_at("each", "each is cluster, input, members, configurations or dynamics")),
        };
        names.iter().map(each).collect()
    }

    fn severity(&self) -> Result<List<(Severity, Option<Text>)>, PageError> {
        let Some(node) = self.fields.get("severity") else {
            return Err(self.error_at("severity", "severity is missing"));
        };
        let level = |name: &str| match name {
            "error" => Ok(Severity::Error),
            "warning" => Ok(Severity::Warning),
            "info" => Ok(Severity::Info),
            _ => Err(self.error(node, "a severity is error, warning or info")),
        };
        match &node.value {
            Value::String(name) => Ok(vec![(level(name)?, None)].into()),
            Value::Mapping(conditions) => conditions
                .effective()
                .map(|entry| {
                    let condition = match &entry.value.value {
                        Value::Bool(true) => None,
                        Value::String(condition) => Some(condition.clone().into()),
                        _ => return Err(self.error(&entry.value, "a condition is a text or true")),
                    };
                    Ok((level(&python::str(&entry.key.value))?, condition))
                })
                .collect(),
            _ => Err(self.error(node, "severity is a word, or a mapping from words to conditions")),
        }
    }

    fn affects(&self) -> Result<Option<Affects>, PageError> {
        let Some(node) = self.fields.get("affects") else { return Ok(None) };
        let wrong = || self.error(node, "affects is a mapping from leader or member to a list of release conditions");
        let Some(entry) = node.as_mapping().and_then(|mapping| mapping.effective().next()) else { return Err(wrong()) };
        let leader_only = match entry.key.as_str() {
            Some("leader") => true,
            Some("member") => false,
            _ => return Err(wrong()),
        };
        let releases = self.texts(&entry.value)?;
        for condition in releases.iter() {
            let newest = PatroniVersion::newest();
            newest.fulfils(condition).map_err(|message| self.error(&entry.value, &message))?;
        }
        Ok(Some(Affects { leader_only, releases }))
    }

    fn at(&self) -> Result<List<At>, PageError> {
        let Some(node) = self.fields.get("at") else { return Ok(List::default()) };
        let place = |node: &Node| match &node.value {
            Value::String(route) => Ok(At { route: route.clone().into(), text: Text::default(), when: None }),
            Value::Mapping(place) => {
                let is_known = |key: &Node| matches!(key.as_str(), Some("at" | "text" | "when"));
                if let Some(entry) = place.entries.iter().find(|entry| !is_known(&entry.key)) {
                    return Err(self.error(&entry.key, "a place has at, text and when; quote texts with commas"));
                }
                let part = |name: &str| place.get(name).and_then(Node::as_str);
                let Some(route) = part("at") else { return Err(self.error(node, "a place needs at")) };
                let owned = |text: &str| Text::from(text.to_owned());
                let text = part("text").map(owned).unwrap_or_default();
                Ok(At { route: owned(route), text, when: part("when").map(owned) })
            }
            _ => Err(self.error(node, "a place is a route, or a mapping of at and text")),
        };
        match &node.value {
            Value::Sequence(places) => places.iter().map(place).collect(),
            _ => Ok(vec![place(node)?].into()),
        }
    }

    fn need(&self, need: &str) -> Result<Need, PageError> {
        Ok(match need {
            "dcs" => Need::Dcs,
            "dynamic" => Need::Dynamic,
            "members" => Need::Members,
            "rest" => Need::Rest,
            "status" => Need::Status,
            "initialize" => Need::Initialize,
            "patroni" => Need::Patroni,
            "postgres" => Need::Postgres,
            "configurations" => Need::Configurations,
            _ => return Err(self.error_at("needs", &format!("unknown evidence {need}"))),
        })
    }

    fn text(&self, name: &str) -> Result<Text, PageError> {
        self.optional(name)?.ok_or_else(|| self.error_at(name, &format!("{name} is missing")))
    }

    fn optional(&self, name: &str) -> Result<Option<Text>, PageError> {
        match self.fields.get(name) {
            None => Ok(None),
            Some(Node { value: Value::String(text), .. }) => Ok(Some(text.trim().to_owned().into())),
            Some(Node { value: Value::Bool(truth), .. }) => Ok(Some(truth.to_string().into())),
            Some(node) => Err(self.error(node, &format!("{name} is not a text"))),
        }
    }

    fn list(&self, name: &str) -> Result<List<Text>, PageError> {
        self.fields.get(name).map_or(Ok(List::default()), |node| self.texts(node))
    }

    fn texts(&self, node: &Node) -> Result<List<Text>, PageError> {
        let text = |node: &Node| {
            node.as_str()
                .map(|text| Text::from(text.to_owned()))
                .ok_or_else(|| self.error(node, "a text, or a list of texts, is expected"))
        };
        match &node.value {
            Value::Sequence(items) => items.iter().map(text).collect(),
            _ => Ok(vec![text(node)?].into()),
        }
    }

    fn error_at(&self, name: &str, message: &str) -> PageError {
        match self.fields.entry(name) {
            Some(entry) => self.error(&entry.key, message),
            None => PageError { page: self.page.to_owned(), line: 1, message: message.to_owned() },
        }
    }

    fn error(&self, node: &Node, message: &str) -> PageError {
        let line = 2 + newlines(self.head, node.span.start);
        PageError { page: self.page.to_owned(), line, message: message.to_owned() }
    }
}

/// Where the front matter ends, and where the prose starts: around a line `---`.
fn end_of_front_matter(body: &str) -> Option<(usize, usize)> {
    let mut start = 0;
    for line in body.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some((start, start + line.len()));
        }
        start += line.len();
    }
    None
}

fn newlines(text: &str, end: usize) -> usize {
    text.bytes().take(end).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_pages_are_errors() {
        let check = |text: &str, line: usize, expected: &str| {
            let error = Page::read("mine/X.md", text).expect_err(text);
            assert_eq!((error.line, error.message.as_str()), (line, expected), "{text}");
        };
        check("", 1, "a rule page starts with a line ---");
        check("---\ncode: PTL001\n", 1, "the front matter does not end with a line ---");
        check("---\n- a\n---\n", 2, "the front matter is no mapping");
        check("---\ncode: X001\nslug: x\nseverty: info\n---\n", 4, "unknown key severty");
        check("---\ncode: X001\nslug: x\n---\n", 1, "severity is missing");
        check("---\ncode: X001\nslug: x\nseverity: bad\nmessage: m\n---\n", 4, "a severity is error, warning or info");
        check(
            "---\ncode: X1\nslug: x\nseverity: info\nmessage: m\nwhen: a\n---\n",
            2,
            "a code is capital letters and three digits, like PTL201",
        );
        check(
            "---\ncode: X001\nslug: x\nseverity: info\nmessage: m\n---\n",
            2,
            "one of when, function and affects is needed",
        );
        check("---\ncode: X001\nslug: x\nseverity: info\nmessage: [m]\nwhen: a\n---\n", 5, "message is not a text");
        check(
            "---\ncode: X001\nslug: x\nseverity: info\nmessage: m\nwhen: a\nneeds: [tea]\n---\n",
            7,
            "unknown evidence tea",
        );
    }
}
