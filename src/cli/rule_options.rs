//! Which rules there are.

use clap::{Args, ValueEnum};
use patrolint::input::offline;
use patrolint::rules::finding::Severity;
use patrolint::rules::registry::Registry;

use crate::cli::Failure;

/// Options of every command that uses rules.
#[derive(Debug, Args)]
#[command(next_help_heading = "Judgement")]
pub struct RuleOptions {
    /// Also use the rule pages (*.md) of this folder; one with the code of a built-in rule replaces it
    #[arg(long = "rules", value_name = "DIR")]
    folder: Option<String>,
}

impl RuleOptions {
    /// The built-in rules and the user's.
    ///
    /// # Errors
    ///
    /// The user's: the folder cannot be read, holds no page, or one that is wrong.
    pub fn registry(&self) -> Result<Registry, Failure> {
        let registry = Registry::builtin();
        let Some(folder) = &self.folder else { return Ok(registry) };
        let mut pages = Vec::new();
        for file in offline::read(std::slice::from_ref(folder))? {
            if file.name.ends_with(".md") {
                let text = String::from_utf8(file.bytes)
                    .map_err(|_| Failure::new(format!("cannot read {}: it is not UTF-8", file.name)))?;
                pages.push((file.name, text));
            }
        }
        if pages.is_empty() {
            return Err(Failure::new(format!("no rule page (*.md) in {folder}")));
        }
        registry.with_pages(pages.iter().map(|(name, text)| (name.as_str(), text.as_str()))).map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Failure::new(errors.join("\nerror: "))
        })
    }
}

/// The least severity that makes a command fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Patroni does not start, ignores a setting, loses a guarantee, or cannot fail over
    Error,
    /// Works now, fails or surprises later
    Warning,
    /// Worth knowing; printed as note
    Info,
    /// Findings do not change the exit code
    Never,
}

impl FailOn {
    /// The severity from which on a finding fails; `None`: none does.
    pub fn threshold(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }
}
