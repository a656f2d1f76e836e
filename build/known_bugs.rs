//! The table of known Patroni bugs as rule pages.

use std::fmt::Write as _;

use crate::input::source_map::SourceId;
use crate::parse::tree::{Entry, Mapping, Node, Span, Style, Value};
use crate::parse::{python, yaml};
use crate::rules::page::{Fields, Page, PageError};

/// The table's path in the repository.
pub const NAME: &str = "rules/known-bugs.yaml";

/// A page for each bug of the table.
///
/// # Errors
///
/// The table is malformed; with the line.
pub fn pages(table: &str) -> Result<Vec<Page>, PageError> {
    let error = |offset: usize, message: &str| {
        let line = 1 + table.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        PageError { page: NAME.to_owned(), line, message: message.to_owned() }
    };
    let tree = yaml::parse(SourceId(0), table).map_err(|problem| error(problem.span.start, &problem.message))?;
    let entries = tree.as_sequence().ok_or_else(|| error(0, "the table is no list"))?;
    let page_of = |entry: &Node| {
        let fields = entry.as_mapping().ok_or_else(|| error(entry.span.start, "an entry is no mapping"))?;
        page(fields).map_err(|wrong| error(entry.span.start, &wrong.message))
    };
    entries.iter().map(page_of).collect()
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
    Fields { page: NAME, head: "", fields: &fields }.page("bugs", &title, &prose)
}

fn field(name: &str, value: Value) -> Entry {
    Entry { key: node(Value::String(name.to_owned())), value: node(value), merged: false }
}

fn node(value: Value) -> Node {
    Node { value, span: Span::new(SourceId(0), 0, 0), style: Style::Quoted }
}
