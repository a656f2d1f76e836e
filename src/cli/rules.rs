//! `patrolint rules`

use clap::Args;
use patrolint::report::catalogue::{self, CatalogueEntry};
use patrolint::rules::registry::Rule;

use crate::cli::output_options::{Format, OutputOptions};
use crate::cli::rule_options::RuleOptions;
use crate::cli::{Exit, Failure};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    rules: RuleOptions,

    #[command(flatten)]
    output: OutputOptions,
}

/// Prints the list.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let registry = arguments.rules.registry()?;
    let entries: Vec<_> = registry.rules().iter().map(entry).collect();
    let mut out = Vec::new();
    let written = match arguments.output.format {
        Format::Text => catalogue::write_text(&entries, arguments.output.look(), &mut out),
        Format::Json => catalogue::write_json(&entries, &mut out),
    };
    written.expect("writing to memory does not fail");
    arguments.output.deliver(&out)?;
    Ok(Exit::Clean)
}

/// What the list says of a rule.
pub fn entry(rule: &Rule) -> CatalogueEntry {
    CatalogueEntry {
        code: rule.code().to_owned(),
        slug: rule.slug().to_owned(),
        group: rule.group().to_owned(),
        severity: rule.severity_text(),
        title: rule.title().to_owned(),
    }
}
