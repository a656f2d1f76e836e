//! What an expression cannot say: Rust functions that rule pages name.

mod bootstrap;
mod capacity;
mod environment;
mod failover;
mod layers;
mod nodes;
mod parameters;
mod placement;
mod scalars;
mod schema;
mod settings;
mod structure;
mod timing;
mod values;

use minijinja::Value;

use crate::parse::python;
use crate::parse::tree::{self, Node, Span};
use crate::rules::facts::{Subject, bootstrap};
use crate::rules::finding::Label;

/// Something that a function found: the places, and names for the page's templates.
#[derive(Clone, Debug, Default)]
pub struct Hit {
    /// The places, the most important one first.
    pub labels: Vec<Label>,
    /// What the page's templates may use besides the facts.
    pub values: Vec<(&'static str, Value)>,
}

/// Looks at one subject; an error names the facts that are missing.
pub type Function = fn(&Subject<'_>) -> Result<Vec<Hit>, Vec<String>>;

/// The functions by the name that pages use, in order.
const FUNCTIONS: &[(&str, Function)] = &[
    ("almost_one_cluster", nodes::almost_one_cluster),
    ("basebackup_options", bootstrap::basebackup_options),
    ("boolean_keys", scalars::boolean_keys),
    ("bootstrap_drift", placement::bootstrap_drift),
    ("broken_addresses", values::broken_addresses),
    ("collections_as_values", parameters::collections_as_values),
    ("config_key_shape", failover::config_key_shape),
    ("controlled_parameters", settings::controlled_parameters),
    ("converted_wal_keep", parameters::converted_wal_keep),
    ("date_scalars", scalars::date_scalars),
    ("deprecated_keys", values::deprecated_keys),
    ("different_bootstrap", nodes::different_bootstrap),
    ("different_credentials", nodes::different_credentials),
    ("different_dcs_sections", nodes::different_dcs_sections),
    ("different_endpoints", nodes::different_endpoints),
    ("different_initdb", nodes::different_initdb),
    ("different_majors", nodes::different_majors),
    ("different_minors", nodes::different_minors),
    ("different_parameters", nodes::different_parameters),
    ("different_rewind", nodes::different_rewind),
    ("different_tls", nodes::different_tls),
    ("different_watchdog", nodes::different_watchdog),
    ("drifting_settings", nodes::drifting_settings),
    ("duplicate_keys", structure::duplicate_keys),
    ("duplicate_names", nodes::duplicate_names),
    ("empty_sections", structure::empty_sections),
    ("empty_variables", environment::empty_variables),
    ("enforced_feedback", parameters::enforced_feedback),
    ("exhausted_senders_and_slots", capacity::exhausted_senders_and_slots),
    ("failover_chance", failover::failover_chance),
    ("failsafe_members", failover::failsafe_members),
    ("float_identifiers", scalars::float_identifiers),
    ("forbidden_addresses", placement::forbidden_addresses),
    ("forced_parameters", parameters::forced_parameters),
    ("idle_archiving", parameters::idle_archiving),
    ("initdb_options", bootstrap::initdb_options),
    ("invalid_values", parameters::invalid_values),
    ("judged_elsewhere", judged_elsewhere),
    ("keys_of_other_releases", values::keys_of_other_releases),
    ("keys_without_effect", values::keys_without_effect),
    ("limits_below_wal_keep", capacity::limits_below_wal_keep),
    ("lonely_credentials", environment::lonely_credentials),
    ("members_without_file", nodes::members_without_file),
    ("misplaced_keys", placement::misplaced_keys),
    ("missing_keys", values::missing_keys),
    ("multiple_primaries", failover::multiple_primaries),
    ("not_a_mapping", structure::not_a_mapping),
    ("octal_integers", scalars::octal_integers),
    ("overridden_parts", layers::overridden_parts),
    ("overridden_settings", parameters::overridden_settings),
    ("overriding_variables", layers::overriding_variables),
    ("parse_error", structure::parse_error),
    ("pending_switchover", failover::pending_switchover),
    ("permanent_slots_of_members", nodes::permanent_slots_of_members),
    ("portless_addresses", values::portless_addresses),
    ("ports_of_several_hosts", placement::ports_of_several_hosts),
    ("recovery_parameters", parameters::recovery_parameters),
    ("refused_by_mistake", values::refused_by_mistake),
    ("refused_by_the_validator", values::refused_by_the_validator),
    ("rejected_parameters", settings::rejected_parameters),
    ("replication_circles", settings::replication_circles),
    ("rule_lists", settings::rule_lists),
    ("secrets_of_other_types", scalars::secrets_of_other_types),
    ("sexagesimal_integers", scalars::sexagesimal_integers),
    ("shared_addresses", nodes::shared_addresses),
    ("shared_slots", nodes::shared_slots),
    ("shortened_sessions", timing::shortened_sessions),
    ("single_endpoints", nodes::single_endpoints),
    ("standby_names", parameters::standby_names),
    ("strings_used_as_booleans", scalars::strings_used_as_booleans),
    ("suspicious_characters", scalars::suspicious_characters),
    ("sync_key_shape", failover::sync_key_shape),
    ("template_leftovers", scalars::template_leftovers),
    ("trusting_rules", settings::trusting_rules),
    ("type_mismatches", values::type_mismatches),
    ("unbounded_slots", capacity::unbounded_slots),
    ("unexpected_parameters", parameters::unexpected_parameters),
    ("unknown_keys", placement::unknown_keys),
    ("unknown_variables", environment::unknown_variables),
    ("unparsable_variables", environment::unparsable_variables),
    ("unreachable_listeners", placement::unreachable_listeners),
    ("unreadable_integers", settings::unreadable_integers),
    ("unreadable_standby_name", failover::unreadable_standby_name),
    ("unsafe_durability", settings::unsafe_durability),
    ("values_out_of_range", values::values_out_of_range),
    ("variables_without_effect", environment::variables_without_effect),
    ("watchdog_budget", timing::watchdog_budget),
];

/// The function of a name.
pub fn find(name: &str) -> Option<Function> {
    let index = FUNCTIONS.binary_search_by_key(&name, |(known, _)| known).ok()?;
    Some(FUNCTIONS[index].1)
}

/// Of rules that are judged when all others are done, such as unused suppressions.
fn judged_elsewhere(_: &Subject<'_>) -> Result<Vec<Hit>, Vec<String>> {
    Ok(Vec::new())
}

impl Hit {
    /// A hit that points at one place.
    fn at(span: Span, text: impl Into<String>) -> Self {
        Self { labels: vec![Label { span, text: text.into() }], values: Vec::new() }
    }

    /// This hit with one more name for templates.
    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.values.push((name, value.into()));
        self
    }
}

/// A value for people; secrets and collections are not spelt out.
fn shown(node: &Node) -> String {
    match &node.value {
        tree::Value::Secret(_) => "***".to_owned(),
        tree::Value::Sequence(_) => "a list".to_owned(),
        tree::Value::Mapping(_) => "a mapping".to_owned(),
        tree::Value::Bool(truth) => truth.to_string(),
        value => python::str(value),
    }
}

/// The configurations of a subject: the file and its `bootstrap.dcs`, or the dynamic configuration in the DCS.
fn documents<'a>(subject: &Subject<'a>) -> Vec<&'a Node> {
    match subject.configuration {
        Some(file) => file.document.iter().chain(bootstrap(file).map(|dynamic| dynamic.node)).collect(),
        None => subject.dynamic.map(|dynamic| dynamic.node).into_iter().collect(),
    }
}
