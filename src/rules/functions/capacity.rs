//! What members, slots and consumers take of what PostgreSQL has.

use std::collections::BTreeSet;

use crate::model::behaviour::Behaviours;
use crate::model::cluster::slot_name_from_member_name;
use crate::model::config::effective::{Check, Controlled, Judged};
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Value};
use crate::rules::facts::Subject;
use crate::rules::functions::nodes::uses_no_slots;
use crate::rules::functions::{Hit, documents};
use crate::rules::place;

type Found = Result<Vec<Hit>, Vec<String>>;

/// pg_basebackup takes a WAL sender for the files, and one with a slot for the WAL.
const SENDERS_OF_BASEBACKUP: usize = 2;
const SLOTS_OF_BASEBACKUP: usize = 1;

/// WAL senders and slots that do not suffice for the members.
///
/// Source: patroni/dcs/__init__.py, `Cluster._get_members_slots` and `Cluster._merge_permanent_slots`, 4.1.5.
pub fn exhausted_senders_and_slots(subject: &Subject<'_>) -> Found {
    let (Some(model), Some(dynamic)) = (subject.scene.model(), subject.dynamic) else { return Ok(Vec::new()) };
    let streaming: Vec<&str> = model
        .members
        .iter()
        .filter(|member| subject.scene.leader() != Some(member.name.as_str()))
        .filter(|member| {
            member.tags.as_ref().is_ok_and(|tags| {
                let upstream = tags.replicatefrom.as_deref();
                !tags.nostream && upstream.is_none_or(|name| model.member(name).is_none())
            })
        })
        .map(|member| member.name.as_str())
        .collect();
    let uses_slots = !uses_no_slots(dynamic.node);
    let members = if uses_slots { streaming.len() } else { 0 };
    let of_members: BTreeSet<String> = streaming.iter().map(|name| slot_name_from_member_name(name)).collect();
    let permanent = permanent_slots(dynamic.node).into_iter().flat_map(Mapping::effective);
    let permanent = permanent.filter(|entry| entry.key.as_str().is_some_and(|name| !of_members.contains(name)));
    let permanent = if uses_slots { permanent.count() } else { 0 };
    let behaviours = Behaviours::of(subject.scene.version());
    let mut hits = Vec::new();
    for (name, taken, spare) in [
        ("max_wal_senders", streaming.len(), SENDERS_OF_BASEBACKUP),
        ("max_replication_slots", members + permanent, SLOTS_OF_BASEBACKUP),
    ] {
        let Some(value) = in_effect(dynamic.node, name, behaviours) else { continue };
        if value < i128::try_from(taken + spare).unwrap_or(i128::MAX) && 0 < taken {
            let mut reason =
                format!("{} for members that stream", if name == "max_wal_senders" { taken } else { members });
            if name == "max_replication_slots" && 0 < permanent {
                reason.push_str(&format!(", {permanent} permanent"));
            }
            reason.push_str(&format!(", {spare} while a replica is created"));
            let span = place::within(subject.scene, dynamic.node, &["postgresql", "parameters", name]);
            let hit = Hit::at(span, "").with("name", name).with("value", value).with("needed", taken + spare);
            let is_short = value < i128::try_from(taken).unwrap_or(i128::MAX);
            hits.push(hit.with("reason", reason).with("is_short", is_short));
        }
    }
    Ok(hits)
}

/// The number that counts for a parameter that Patroni controls, in its base unit.
fn in_effect(dynamic: &Node, name: &str, behaviours: Behaviours) -> Option<i128> {
    let controlled = Controlled::find(name)?;
    let unit = match controlled.check {
        Check::AtLeast { unit, .. } => unit,
        _ => None,
    };
    let written = dynamic.at(&["postgresql", "parameters", name]).filter(|node| node.value != Value::Null);
    match written.map(|node| controlled.judge(&node.value, behaviours)) {
        Some(Ok(Judged::Used(value))) => python::parse_int(&value, unit),
        _ => python::parse_int(&controlled.default?.value(), unit),
    }
}

/// The section of permanent slots that counts.
fn permanent_slots(dynamic: &Node) -> Option<&Mapping> {
    ["permanent_replication_slots", "permanent_slots", "slots"].iter().find_map(|name| dynamic.get(name)?.as_mapping())
}

/// A limit on the WAL that slots keep which is no more than what PostgreSQL keeps without them.
///
/// Source: PostgreSQL 13 to 18, src/test/recovery/t/019_replslot_limit.pl: `wal_keep_size` overrides the limit.
pub fn limits_below_wal_keep(subject: &Subject<'_>) -> Found {
    let Some(dynamic) = subject.dynamic else { return Ok(Vec::new()) };
    if subject.postgres().is_some_and(|version| version.major() < 13) || uses_no_slots(dynamic.node) {
        return Ok(Vec::new());
    }
    let behaviours = Behaviours::of(subject.scene.version());
    let segments = dynamic.node.at(&["postgresql", "parameters", "wal_keep_segments"]).map(|node| &node.value);
    let is_converted = dynamic.node.at(&["postgresql", "parameters", "wal_keep_size"]).is_none();
    let kept_mb = match segments.and_then(|segments| python::parse_int(segments, None)).filter(|_| is_converted) {
        Some(segments) => segments.saturating_mul(MEGABYTES_OF_A_SEGMENT),
        None => in_effect(dynamic.node, "wal_keep_size", behaviours).unwrap_or(0),
    };
    // What is stored counts, not what a file would have the cluster begin with.
    let is_own = subject.configuration.is_none() || dynamic.origin == "bootstrap.dcs";
    let own = Some(dynamic.node).filter(|_| is_own);
    let local = subject.configuration.and_then(|file| file.document.as_ref());
    let written = local.into_iter().chain(own).filter_map(|node| {
        let limit = node.at(&["postgresql", "parameters", "max_slot_wal_keep_size"])?;
        Some((limit, python::parse_int(&limit.value, Some("MB"))?))
    });
    let futile = written.filter(|(_, limit_mb)| (0..=kept_mb).contains(limit_mb));
    Ok(futile
        .map(|(limit, limit_mb)| Hit::at(limit.span, "").with("limit_mb", limit_mb).with("kept_mb", kept_mb))
        .collect())
}

/// What Patroni counts for one of `wal_keep_segments`.
const MEGABYTES_OF_A_SEGMENT: i128 = 16;

/// Permanent slots that may keep any amount of WAL.
pub fn unbounded_slots(subject: &Subject<'_>) -> Found {
    let Some(dynamic) = subject.dynamic else { return Ok(Vec::new()) };
    if subject.postgres().is_some_and(|version| version.major() < 13) {
        return Ok(Vec::new());
    }
    let limits = |node: &&Node| {
        let limit = node.at(&["postgresql", "parameters", "max_slot_wal_keep_size"]);
        limit.is_some_and(|limit| python::parse_int(&limit.value, Some("MB")) != Some(-1))
    };
    let files = subject.scene.configurations.iter().filter_map(|file| file.document.as_ref());
    let is_limited = documents(subject).iter().any(limits) || files.chain([dynamic.node]).any(|node| limits(&node));
    let members: BTreeSet<String> = subject.scene.member_names().into_iter().map(slot_name_from_member_name).collect();
    let slots: Vec<_> = permanent_slots(dynamic.node)
        .into_iter()
        .flat_map(Mapping::effective)
        .filter(|entry| entry.key.as_str().is_some_and(|name| !members.contains(name)))
        .collect();
    let Some(first) = slots.first().filter(|_| !is_limited) else { return Ok(Vec::new()) };
    let names: Vec<String> = slots.iter().map(|entry| python::str(&entry.key.value)).collect();
    Ok(vec![Hit::at(first.key.span, "").with("slots", names)])
}
