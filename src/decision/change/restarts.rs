//! In which order nodes are restarted.

use std::collections::BTreeMap;

use crate::decision::change::{Change, Effect, Order};

/// Restarts of PostgreSQL that belong together, in the order in which they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    /// The nodes that need one.
    pub nodes: Vec<String>,
    /// The order, if it matters.
    pub order: Option<Order>,
    /// Parameters that grow and parameters that shrink, if there are both: no order does for all of them.
    pub conflict: Option<(Vec<String>, Vec<String>)>,
}

/// The restarts of PostgreSQL that the nodes' changes need.
pub fn restarts<'a>(changes: impl Iterator<Item = (&'a str, &'a Change)>) -> Restarts {
    let mut nodes: Vec<String> = Vec::new();
    let mut parameters: BTreeMap<Order, Vec<String>> = BTreeMap::new();
    for (node, change) in changes {
        let Effect::RestartPostgresql(order) = &change.effect else { continue };
        if !nodes.iter().any(|known| known == node) {
            nodes.push(node.to_owned());
        }
        let name = change.path.last().cloned().unwrap_or_default();
        let names = order.map(|order| parameters.entry(order).or_default());
        if let Some(names) = names.filter(|names| !names.contains(&name)) {
            names.push(name);
        }
    }
    let (growing, shrinking) = (parameters.remove(&Order::StandbysFirst), parameters.remove(&Order::PrimaryFirst));
    let order = match (&growing, &shrinking) {
        (Some(_), _) => Some(Order::StandbysFirst),
        (None, Some(_)) => Some(Order::PrimaryFirst),
        (None, None) => None,
    };
    Restarts { nodes, order, conflict: growing.zip(shrinking) }
}
