//! `patrolint explain`

use clap::Args;
use patrolint::report::page;
use patrolint::rules::registry::Registry;

use crate::cli::output_options::{ColorOption, print};
use crate::cli::rule_options::RuleOptions;
use crate::cli::rules::entry;
use crate::cli::{Exit, Failure};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The rule's code or name, for example PTL107 or key-in-wrong-section
    #[arg(value_name = "RULE")]
    rule: String,

    #[command(flatten)]
    rules: RuleOptions,

    #[command(flatten)]
    color: ColorOption,
}

/// Prints the page.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let registry = arguments.rules.registry()?;
    let Some(rule) = registry.find(arguments.rule.trim()) else {
        let near = nearest(&registry, arguments.rule.trim());
        return Err(Failure::new(format!("there is no rule {}", arguments.rule)).with_help(if near.is_empty() {
            "`patrolint rules` lists them all".to_owned()
        } else {
            format!("did you mean {}? `patrolint rules` lists them all", near.join(" or "))
        }));
    };
    let mut out = Vec::new();
    page::write(&entry(rule), rule.markdown(), arguments.color.look_of_stdout(), &mut out)
        .expect("writing to memory does not fail");
    print(&out)?;
    Ok(Exit::Clean)
}

/// Up to three rules whose code or name is like `asked`, the most alike first.
fn nearest(registry: &Registry, asked: &str) -> Vec<String> {
    /// Less alike than this is a guess.
    const LEAST_LIKENESS: f64 = 0.7;
    let asked = asked.to_lowercase();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        let holds_it = 3 <= asked.len() && name.contains(&asked);
        if holds_it { 1.0 } else { strsim::normalized_damerau_levenshtein(&asked, &name) }
    };
    let rules = registry.rules().iter();
    let mut near: Vec<_> =
        rules.map(|rule| (likeness(rule.code()).max(likeness(rule.slug())), rule.code(), rule.slug())).collect();
    near.retain(|(likeness, ..)| LEAST_LIKENESS <= *likeness);
    near.sort_by(|one, two| two.0.total_cmp(&one.0).then(one.1.cmp(two.1)));
    near.into_iter().take(3).map(|(_, code, slug)| format!("{code} {slug}")).collect()
}
