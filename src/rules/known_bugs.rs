//! The table of known Patroni bugs, `rules/known-bugs.yaml`, as rule pages.

use std::fmt::Write as _;

use crate::input::source_map::SourceId;
use crate::parse::tree::{Entry, Mapping, Node, Span, Style, Value};
use crate::parse::{json, python};
use crate::rules::page::{Fields, Page, PageError};

/// The table, which the build has turned into JSON.
const TABLE: &str = include_str!(concat!(env!("OUT_DIR"), "/known-bugs.json"));
/// Its name in errors.
const NAME: &str = "rules/known-bugs.yaml";

/// A page for each bug of the table.
///
/// # Errors
///
/// Ours: the table is malformed.
pub fn pages() -> Result<Vec<(String, Page)>, PageError> {
    entries()?.iter().map(|entry| Ok((NAME.to_owned(), page(entry)?))).collect()
}

/// Input of each bug's example: its code, and a block of DCS keys in which `VERSION` stands for the release.
///
/// # Errors
///
/// Ours: the table is malformed.
pub fn examples() -> Result<Vec<(String, String)>, PageError> {
    let text = |entry: &Mapping, name: &str| entry.get(name).map(|node| python::str(&node.value)).unwrap_or_default();
    Ok(entries()?.iter().map(|entry| (text(entry, "code"), text(entry, "example"))).collect())
}

fn entries() -> Result<Vec<Mapping>, PageError> {
    let error = |message: &str| PageError { page: NAME.to_owned(), line: 1, message: message.to_owned() };
    let table = json::parse(SourceId(0), TABLE).map_err(|problem| error(&problem.message))?;
    let Value::Sequence(items) = table.value else { return Err(error("the table is no list")) };
    let entry = |item: Node| item.as_mapping().cloned().ok_or_else(|| error("an entry is no mapping"));
    items.into_iter().map(entry).collect()
}

fn page(entry: &Mapping) -> Result<Page, PageError> {
    let text = |name: &str| entry.get(name).map(|node| python::str(&node.value).trim().to_owned()).unwrap_or_default();
    let (title, effect, fixed) = (text("title"), text("effect"), text("fixed"));
    let sources = [format!("https://github.com/patroni/patroni/pull/{}", text("pull")), text("source")];
    let releases = entry.get("affects").and_then(Node::as_mapping).and_then(|affects| affects.effective().next());
    let releases = releases.and_then(|entry| entry.value.as_sequence()).unwrap_or_default();
    let releases: Vec<String> = releases.iter().map(|node| python::str(&node.value)).collect();
    let mut prose = String::new();
    let _ = write!(
        prose,
        "# {title}\n\nA bug of Patroni: {effect}\n\nAffected releases: {}. Fixed in {fixed}.\n\n## How to fix it\n\nUpgrade \
         Patroni on the members named to a release with the fix.\n",
        releases.join("; ")
    );
    let mut fields = entry.clone();
    fields.entries.retain(|entry| {
        !matches!(entry.key.as_str(), Some("effect" | "fixed" | "pull" | "source" | "example" | "title"))
    });
    let mut add = |name: &str, text: String| fields.entries.push(field(name, Value::String(text)));
    add("message", format!("{{{{ affected | names }}}}: known bug of Patroni {{{{ affected[0].version }}}}: {effect}"));
    add("help", format!("upgrade Patroni to a release with the fix ({fixed})"));
    let sources = sources.map(|text| node(Value::String(text)));
    fields.entries.push(field("sources", Value::Sequence(sources.into())));
    Fields { page: NAME, head: TABLE, fields: &fields }.page("bugs", &title, &prose)
}

fn field(name: &str, value: Value) -> Entry {
    Entry { key: node(Value::String(name.to_owned())), value: node(value), merged: false }
}

fn node(value: Value) -> Node {
    Node { value, span: Span::new(SourceId(0), 0, 0), style: Style::Quoted }
}
