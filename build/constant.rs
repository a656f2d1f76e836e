//! Rule pages as constants of Rust.

use std::fmt::Debug;

use crate::rules::page::{Affects, At, Page, Text};

/// An array of pages, as an expression that can be evaluated when it is compiled; it takes `Cow` and the names of the module
/// of pages.
pub fn pages(pages: &[Page]) -> String {
    format!("&{}", array(pages, page))
}

fn page(page: &Page) -> String {
    let Page {
        code,
        slug,
        group,
        title,
        severity,
        confidence,
        needs,
        each,
        affects,
        applies,
        when,
        function,
        at: places,
        message,
        help,
        notes,
        follows,
        sources,
        text: prose,
    } = page;
    let fields = [
        ("code", text(code)),
        ("slug", text(slug)),
        ("group", text(group)),
        ("title", text(title)),
        (
            "severity",
            list(severity, |(level, condition)| {
                format!("({}, {})", variant("Severity", level), option(condition, text))
            }),
        ),
        ("confidence", variant("Confidence", confidence)),
        ("needs", list(needs, |need| variant("Need", need))),
        ("each", list(each, |each| variant("Each", each))),
        ("affects", option(affects, releases)),
        ("applies", option(applies, text)),
        ("when", option(when, text)),
        ("function", option(function, text)),
        ("at", list(places, at)),
        ("message", text(message)),
        ("help", option(help, text)),
        ("notes", list(notes, text)),
        ("follows", list(follows, text)),
        ("sources", list(sources, text)),
        ("text", text(prose)),
    ];
    structure("Page", &fields)
}

fn releases(Affects { leader_only, releases }: &Affects) -> String {
    structure("Affects", &[("leader_only", leader_only.to_string()), ("releases", list(releases, text))])
}

fn at(At { route, text: label, when }: &At) -> String {
    structure("At", &[("route", text(route)), ("text", text(label)), ("when", option(when, text))])
}

fn structure(name: &str, fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{name} {{ {} }}\n", fields.join(", "))
}

fn variant(name: &str, variant: &impl Debug) -> String {
    format!("{name}::{variant:?}")
}

fn text(text: &Text) -> String {
    format!("Cow::Borrowed({text:?})")
}

fn option<T>(value: &Option<T>, write: impl Fn(&T) -> String) -> String {
    value.as_ref().map_or_else(|| "None".to_owned(), |value| format!("Some({})", write(value)))
}

fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    format!("Cow::Borrowed(&{})", array(items, write))
}

fn array<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = items.iter().map(write).collect();
    format!("[{}]", items.join(", "))
}
