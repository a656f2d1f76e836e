//! The documentation of every key, as Markdown.

use crate::model::config::schema::{self, Key, Kind, Place, Standing};

const HEAD: &str = "\
# Configuration keys

Every key that Patroni 2.0.0 to 4.1.5 reads, as `patrolint check` judges it. `{a,b}` is either of two names, `*` any name, and `[]` an
item of a list. A key without releases is read by all of them. Written by `patrolint schema table`.
";

/// All keys, by the configuration that they stand in.
pub fn key_table() -> String {
    let mut text = HEAD.to_owned();
    for (place, heading) in [
        (Place::Local, "The node's own configuration: patroni.yml and the environment"),
        (Place::Dynamic, "The dynamic configuration: /config in the DCS, and bootstrap.dcs"),
        (Place::Both, "In either; what the node's own configuration says counts"),
    ] {
        text.push_str(&format!("\n## {heading}\n\n| key | what it is | value | default | a change takes effect | releases | environment |\n"));
        text.push_str("|---|---|---|---|---|---|---|\n");
        schema::keys().filter(|key| key.place == place).for_each(|key| text.push_str(&row(key)));
    }
    text
}

fn row(key: &Key) -> String {
    let path = braced(key.path).replace(".[]", "[]");
    let mut summary = key.summary.to_owned();
    match key.standing {
        Standing::Current => {}
        Standing::Renamed(to) => summary.push_str(&format!(" **Renamed** to `{}`.", braced(to))),
        Standing::Deprecated(instead) => summary.push_str(&format!(" **Deprecated**: {instead}.")),
    }
    if key.is_secret() {
        summary.push_str(" **Secret.**");
    }
    let limits = match &key.kind {
        Kind::Integer(number) => number.limits(),
        _ => String::new(),
    };
    let value = match limits.is_empty() {
        true => key.kind.asked(),
        false => format!("{}, {limits}", key.kind.asked()),
    };
    let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
    let variables: Vec<String> = key.variables().into_iter().map(|(name, _)| format!("`{name}`")).collect();
    format!(
        "| `{path}` | {summary} | {value} | {default} | {} | {} | {} |\n",
        key.apply.text(),
        key.releases_text(),
        variables.join(" ")
    )
}

/// `a|b.c` as `{a,b}.c`, which a Markdown table can hold.
fn braced(path: &str) -> String {
    let segments = path.split('.').map(|segment| match segment.contains('|') {
        true => format!("{{{}}}", segment.replace('|', ",")),
        false => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join(".")
}
