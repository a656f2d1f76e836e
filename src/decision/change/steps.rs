//! What an operator does to bring a change into force.

use crate::decision::change::cluster::{ClusterChanges, EVERY_NODE};
use crate::decision::change::restarts::restarts;
use crate::decision::change::{Change, Effect, Order, Place};

/// Something to do, with the command for it if there is one.
pub type Step = (String, Option<String>);

/// The steps in their order; `edit` is what patronictl edit-config has to be told, if it is known.
pub fn steps(cluster: &ClusterChanges, edit: Option<&str>) -> Vec<Step> {
    let scope = cluster.scope.as_deref().filter(|scope| !scope.is_empty()).unwrap_or("SCOPE");
    let with = |is_meant: &dyn Fn(&Change) -> bool| -> Vec<String> {
        let meant = cluster.nodes.iter().filter(|node| node.changes.iter().any(is_meant));
        meant.map(|node| node.name.clone()).collect()
    };
    let is_live = |change: &Change| change.place == Place::Dynamic && !matches!(change.effect, Effect::Nothing(_));
    let mut steps: Vec<Step> = Vec::new();
    if !with(&is_live).is_empty() {
        let command = format!("patronictl edit-config {scope} {}", edit.unwrap_or_default()).trim_end().to_owned();
        steps.push((
            "change the dynamic configuration; every node reads it in its next HA loop".to_owned(),
            Some(command),
        ));
    }
    let reloading = with(&Change::needs_reload);
    if !reloading.is_empty() {
        let what = format!("install the new configuration on {}, and have Patroni read it", reloading.join(", "));
        steps.push((what, Some(format!("patronictl reload {scope} {}", named(&reloading)))));
    }
    let restarting = with(&|change| change.effect == Effect::RestartPatroni);
    if !restarting.is_empty() {
        let last = cluster.leader.as_ref().filter(|leader| restarting.contains(leader) && 1 < restarting.len());
        let last = last
            .map(|leader| format!(", one after the other, the leader {leader} last and after a switchover"))
            .unwrap_or_default();
        let is_news = |change: &Change| change.effect == Effect::RestartPatroni && change.place == Place::Local;
        // What a reload reads has been installed for it.
        let of_files = with(&|change| is_news(change) && !change.is_of_environment());
        let of_files: Vec<String> = of_files.into_iter().filter(|node| !reloading.contains(node)).collect();
        let of_environment = with(&|change| is_news(change) && change.is_of_environment());
        let news = [("configuration", of_files), ("environment", of_environment)];
        let news = news.iter().filter(|(_, nodes)| !nodes.is_empty());
        let install: String =
            news.map(|(what, nodes)| format!("install the new {what} on {}, then ", nodes.join(", "))).collect();
        let what = format!(
            "{install}restart Patroni on {}{last}; it stops PostgreSQL with it unless the cluster is paused",
            restarting.join(", ")
        );
        steps.push((what, Some("systemctl restart patroni".to_owned())));
    }
    restart_postgresql(cluster, scope, &restarting, &mut steps);
    steps
}

fn restart_postgresql(cluster: &ClusterChanges, scope: &str, restarting: &[String], steps: &mut Vec<Step>) {
    let all = cluster.nodes.iter().flat_map(|node| node.changes.iter().map(|change| (node.name.as_str(), change)));
    let restarts = restarts(all);
    // Where Patroni is restarted, PostgreSQL is as well.
    let nodes: Vec<String> = restarts.nodes.iter().filter(|name| !restarting.contains(name)).cloned().collect();
    if nodes.is_empty() {
        return;
    }
    if let Some((growing, shrinking)) = &restarts.conflict {
        let what = format!(
            "better make two changes of it: standbys are restarted first for what grows ({}), the primary for what shrinks ({})",
            growing.join(", "),
            shrinking.join(", ")
        );
        steps.push((what, None));
    }
    let (leading, others): (Vec<String>, Vec<String>) =
        nodes.iter().cloned().partition(|name| Some(name) == cluster.leader.as_ref());
    let is_known = cluster.leader.is_some();
    let command = |nodes: &[String], placeholder: &str| {
        let nodes = if is_known { named(nodes) } else { placeholder.to_owned() };
        Some(format!("patronictl restart {scope} {nodes}"))
    };
    let standbys = |what: &str| (format!("restart PostgreSQL on the standbys{what}"), command(&others, "STANDBY…"));
    let primary = |what: &str| (format!("restart PostgreSQL on the primary{what}"), command(&leading, "PRIMARY"));
    let is_both = !leading.is_empty() && !others.is_empty();
    match restarts.order {
        Some(_) if is_known && !is_both => steps.push(all_at_once(&nodes, "", scope)),
        None if !is_both && (is_known || nodes.len() == 1) => steps.push(all_at_once(&nodes, "", scope)),
        None if !is_both => steps.push(all_at_once(&nodes, ", the standbys before the primary", scope)),
        Some(Order::PrimaryFirst) => {
            steps.push(primary(" first"));
            steps.push(standbys(
                " once they have replayed that; one restarted before starts with the old value again, and stays flagged",
            ));
        }
        Some(Order::StandbysFirst) => {
            steps.push(standbys(" first: with less than the primary has they stop replaying, or stop altogether"));
            steps.push(primary(""));
        }
        None => {
            steps.push(standbys(""));
            steps.push(primary(", or switch over first"));
        }
    }
}

fn all_at_once(nodes: &[String], how: &str, scope: &str) -> Step {
    let command = format!("patronictl restart {scope} {}", named(nodes)).trim_end().to_owned();
    (format!("restart PostgreSQL on {}{how}", nodes.join(", ")), Some(command))
}

fn named(nodes: &[String]) -> String {
    match nodes {
        [only] if only == EVERY_NODE => String::new(),
        nodes => nodes.join(" "),
    }
}
