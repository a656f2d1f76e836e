//! The effective configuration as YAML, the origin of every value in a comment: for people, and for YAML readers.

use std::io::{self, Write};

use crate::input::source_map::SourceMap;
use crate::model::config::effective::{Because, Effective, Environment, Origin, Section, Setting, Unused};
use crate::parse::python;
use crate::parse::tree::Value;
use crate::report::configuration::{Shown, because, dynamic_remark, key, origin_below, release, scalar};
use crate::report::terminal::{Look, printable};

/// The widest value that comments are aligned behind.
const MAX_ALIGNED: usize = 48;

/// Settings that come before all others.
const FIRST: [&str; 3] = ["scope", "namespace", "name"];

/// Writes the configuration of nodes, a YAML document for each.
///
/// # Errors
///
/// The writer fails.
pub fn write(nodes: &[Shown<'_>], sources: &SourceMap, look: Look, out: &mut impl Write) -> io::Result<()> {
    for (index, shown) in nodes.iter().enumerate() {
        if 0 < index {
            out.write_all(b"---\n")?;
        }
        let mut page = Page { sources, folder: folder(shown, sources), look, lines: Vec::new() };
        page.head(shown);
        if let Ok(effective) = &shown.effective {
            page.section(&effective.settings, &mut Vec::new(), 0, effective);
            page.rest(effective);
        }
        page.finish(out)?;
    }
    Ok(())
}

/// Writes one setting of each node, or the settings of one section, and everything that is written for them elsewhere.
///
/// # Errors
///
/// The writer fails.
pub fn write_key(
    nodes: &[Shown<'_>],
    asked: &str,
    sources: &SourceMap,
    look: Look,
    out: &mut impl Write,
) -> io::Result<()> {
    for (index, shown) in nodes.iter().enumerate() {
        if 0 < index {
            out.write_all(b"---\n")?;
        }
        let mut page = Page { sources, folder: folder(shown, sources), look, lines: Vec::new() };
        page.head(shown);
        if let Ok(effective) = &shown.effective {
            match effective.find(asked) {
                Some((path, setting)) => {
                    page.setting(&scalar::scalar(&Value::String(key(&path))), setting, &path, 0, None);
                    page.explain(effective, &path);
                }
                None => {
                    page.comment(&format!("{asked} is not set"));
                    page.explain(effective, &asked.split('.').map(str::to_owned).collect::<Vec<_>>());
                }
            }
        }
        page.finish(out)?;
    }
    Ok(())
}

/// The folder that all files of a node lie in, with the slash at its end.
fn folder(shown: &Shown<'_>, sources: &SourceMap) -> String {
    let mut folders = shown.node.files.iter().flatten().map(|file| {
        let name = &sources.get(file.source).name;
        name.rsplit_once('/').map_or("", |(folder, _)| folder)
    });
    let first = folders.next().unwrap_or_default();
    if first.is_empty() || folders.any(|other| other != first) { String::new() } else { format!("{first}/") }
}

struct Page<'a> {
    sources: &'a SourceMap,
    /// Files are named as seen from there.
    folder: String,
    look: Look,
    /// Code and comment of each line.
    lines: Vec<(String, String)>,
}

impl Page<'_> {
    fn comment(&mut self, text: &str) {
        let wrapped = self.look.wrap("# ", "#   ", text);
        self.lines.extend(wrapped.lines().map(|line| (String::new(), printable(line).into_owned())));
    }

    fn head(&mut self, shown: &Shown<'_>) {
        let name = shown.node.name.as_deref().unwrap_or("a node without a name");
        let files = shown.node.files.iter().flatten().map(|file| file.source);
        let texts = files.chain(shown.node.environment.map(Environment::source));
        let from: Vec<&str> = texts.map(|source| self.sources.get(source).name.as_str()).collect();
        self.comment(&format!("{name}, {}, from {}", release(shown.node), from.join(", ")));
        if let Some((file, error)) = shown.node.refused() {
            let source = self.sources.get(file.source);
            let position = source.position(error.span.start);
            let message = &error.message;
            self.comment(&format!(
                "Patroni does not start: {}, line {}, column {}: {message}",
                source.name, position.line, position.column
            ));
        } else if let Err(raised) = &shown.effective {
            self.comment(&format!("Patroni does not start with this configuration: {raised}"));
        }
        if let Some(remark) = dynamic_remark(shown) {
            self.comment(&remark);
        }
    }

    fn section(&mut self, section: &Section, path: &mut Vec<String>, indent: usize, effective: &Effective) {
        let is_first = |name: &Value| matches!(name, Value::String(name) if FIRST.contains(&name.as_str()));
        let first = FIRST.iter().filter_map(|name| section.entry(name));
        for (name, setting) in first.chain(section.iter().filter(|(name, _)| !is_first(name))) {
            path.push(python::str(name));
            self.setting(&scalar::scalar(name), setting, path, indent, Some(effective));
            path.pop();
        }
    }

    /// A setting on its line or lines; with `effective` those that gave way to it are named behind it.
    fn setting(
        &mut self,
        name: &str,
        setting: &Setting,
        path: &[String],
        indent: usize,
        effective: Option<&Effective>,
    ) {
        let pad = " ".repeat(indent);
        if let Some(section) = setting.section().filter(|section| !section.is_empty()) {
            self.lines.push((format!("{pad}{name}:"), String::new()));
            let mut path = path.to_vec();
            for (name, setting) in section.iter() {
                path.push(python::str(name));
                self.setting(&scalar::scalar(name), setting, &path, indent + 2, effective);
                path.pop();
            }
            return;
        }
        let comment = format!("# {}", self.origins(setting, path, effective));
        match setting.value() {
            Value::Sequence(items) if !items.is_empty() => {
                self.lines.push((format!("{pad}{name}:"), comment));
                for item in &items {
                    let item = match &item.value {
                        Value::Sequence(_) | Value::Mapping(_) => scalar::inline(&item.value),
                        value => scalar::scalar(value),
                    };
                    self.lines.push((format!("{pad}- {item}"), String::new()));
                }
            }
            value => self.lines.push((format!("{pad}{name}: {}", scalar::scalar(&value)), comment)),
        }
    }

    fn origins(&self, setting: &Setting, path: &[String], effective: Option<&Effective>) -> String {
        let mut text = origin_below(&setting.origin, self.sources, &self.folder);
        let unused = effective.into_iter().flat_map(|effective| effective.unused_at(path));
        let is_news = |unused: &&Unused| {
            let says_the_same = || python::str(&unused.setting.value()) == python::str(&setting.value());
            unused.setting.origin != Origin::Default && !(unused.because == Because::Initialized && says_the_same())
        };
        for unused in unused.filter(is_news) {
            let from = origin_below(&unused.setting.origin, self.sources, &self.folder);
            let value = scalar::inline(&unused.setting.value());
            let word = match unused.because {
                Because::Overridden(_) | Because::Adjusted(_) => "instead of",
                Because::Repeated(_) => "as well as",
                _ => "not",
            };
            text.push_str(&format!("; {word} {value} from {from}"));
        }
        text
    }

    /// What is written for settings that do not appear above.
    fn rest(&mut self, effective: &Effective) {
        let is_shown = |unused: &Unused| {
            let route: Vec<&str> = unused.path.iter().map(String::as_str).collect();
            effective.settings.at(&route).is_some_and(|setting| setting.section().is_none_or(Section::is_empty))
        };
        let hidden: Vec<&Unused> = effective.unused.iter().filter(|unused| !is_shown(unused)).collect();
        if !hidden.is_empty() {
            self.lines.push((String::new(), String::new()));
            self.comment("Written, but not used:");
        }
        for unused in hidden {
            self.unused(unused);
        }
    }

    fn explain(&mut self, effective: &Effective, path: &[String]) {
        let is_below = |unused: &&Unused| {
            path.len() <= unused.path.len() && {
                let upper: Vec<String> = unused.path[..path.len()].iter().map(|name| name.to_lowercase()).collect();
                upper.iter().zip(path).all(|(one, other)| *one == other.to_lowercase())
            }
        };
        let all: Vec<Unused> = effective.unused.iter().filter(is_below).cloned().collect();
        if !all.is_empty() {
            self.comment("Also written, the innermost first:");
        }
        for unused in &all {
            self.unused(unused);
        }
    }

    fn unused(&mut self, unused: &Unused) {
        let value = scalar::inline(&unused.setting.value());
        let from = origin_below(&unused.setting.origin, self.sources, &self.folder);
        let why = because(&unused.because, self.sources, &self.folder);
        self.comment(&format!("  {}: {value} from {from}, {why}", key(&unused.path)));
    }

    fn finish(self, out: &mut impl Write) -> io::Result<()> {
        let widths = self.lines.iter().map(|(code, _)| code.chars().count()).filter(|width| *width <= MAX_ALIGNED);
        let column = widths.max().unwrap_or(0);
        for (code, comment) in &self.lines {
            let comment = printable(comment);
            let line = match (code.is_empty(), comment.is_empty()) {
                (true, _) => self.look.palette.faint(&comment),
                (false, true) => code.clone(),
                (false, false) => {
                    let gap = " ".repeat(column.saturating_sub(code.chars().count()) + 2);
                    format!("{code}{gap}{}", self.look.palette.faint(&comment))
                }
            };
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}
