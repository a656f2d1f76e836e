//! The list of rules.

use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::report::check::json::SCHEMA_VERSION;
use crate::report::terminal::Look;
use crate::rules::finding::Severity;

/// One rule of the list.
#[derive(Clone, Debug, Serialize)]
pub struct CatalogueEntry {
    /// For example `PTL107`.
    pub code: String,
    /// For example `key-in-wrong-section`.
    pub slug: String,
    /// For example `schema`.
    pub group: String,
    /// `error`, or several when it depends on the input: `error or warning`.
    pub severity: String,
    /// What it finds, in one line.
    pub title: String,
}

/// Writes one line per rule in aligned columns.
///
/// # Errors
///
/// The writer fails.
pub fn write_text(entries: &[CatalogueEntry], look: Look, out: &mut impl Write) -> io::Result<()> {
    let width_of =
        |text: fn(&CatalogueEntry) -> &str| entries.iter().map(|entry| text(entry).width()).max().unwrap_or(0);
    let code_width = width_of(|entry| &entry.code);
    let slug_width = width_of(|entry| &entry.slug);
    let severity_width = width_of(|entry| &entry.severity);
    for entry in entries {
        let padded = format!("{:severity_width$}", entry.severity);
        let severity = match entry.severity.as_str() {
            "error" => look.palette.severity(Severity::Error, &padded),
            "warning" => look.palette.severity(Severity::Warning, &padded),
            "info" => look.palette.severity(Severity::Info, &padded),
            _ => padded,
        };
        let code = look.palette.bold(&format!("{:code_width$}", entry.code));
        writeln!(out, "{code}  {:slug_width$}  {severity}  {}", entry.slug, entry.title)?;
    }
    Ok(())
}

/// Writes the list as one JSON object and a line break.
///
/// # Errors
///
/// The writer fails.
pub fn write_json(entries: &[CatalogueEntry], out: &mut impl Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        schema_version: u32,
        rules: &'a [CatalogueEntry],
    }
    serde_json::to_writer_pretty(&mut *out, &Document { schema_version: SCHEMA_VERSION, rules: entries })?;
    writeln!(out)
}
