//! The effective configuration of nodes, for people, for YAML readers and for programs.

pub mod json;
pub(in crate::report) mod scalar;
pub mod yaml;

use crate::input::source_map::SourceMap;
use crate::model::cluster::Raised;
use crate::model::config::effective::{Because, DynamicUse, Effective, Layer, NodeConfiguration, Origin};
use crate::parse::tree::Span;

/// One node to be shown.
#[derive(Debug)]
pub struct Shown<'a> {
    /// What its configuration is made of.
    pub node: &'a NodeConfiguration<'a>,
    /// What its daemon uses, or why it does not start.
    pub effective: Result<Effective, Raised>,
}

/// Where a value comes from, in words; files by their whole name.
fn origin(origin: &Origin, sources: &SourceMap) -> String {
    origin_below(origin, sources, "")
}

/// The same, files named as seen from `folder`.
pub(in crate::report) fn origin_below(origin: &Origin, sources: &SourceMap, folder: &str) -> String {
    let place = |span| place(span, sources, folder);
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::Computed(reason) => reason.clone(),
        Origin::Written { layer, span } => match layer {
            Layer::Environment(variable) => format!("{variable} in {}", place(*span)),
            Layer::Bootstrap => format!("bootstrap.dcs in {}", place(*span)),
            Layer::File | Layer::ConfigurationVariable | Layer::Dynamic => place(*span),
        },
    }
}

/// The name of the text, and the line where it has several.
fn place(span: Span, sources: &SourceMap, folder: &str) -> String {
    let source = sources.get(span.source);
    let name = source.name.strip_prefix(folder).unwrap_or(&source.name);
    match source.text.trim_end().contains('\n') {
        true => format!("{name}:{}", source.position(span.start).line),
        false => name.to_owned(),
    }
}

/// Why a value is not used, in words that follow it.
pub(in crate::report) fn because(because: &Because, sources: &SourceMap, folder: &str) -> String {
    let origin = |by| origin_below(by, sources, folder);
    match because {
        Because::Overridden(Origin::Computed(reason)) => format!("overridden, {reason}"),
        Because::Overridden(by) => format!("overridden by {}", origin(by)),
        Because::Repeated(by) => format!("the same as in {}", origin(by)),
        Because::Removed(by) => format!("taken away by the null in {}", origin(by)),
        Because::DynamicOnly => "not used: only the dynamic configuration can set it".to_owned(),
        Because::LocalOnly => "not used: only the local configuration can set it".to_owned(),
        Because::Unread => "not used: Patroni does not read it from the dynamic configuration".to_owned(),
        Because::Refused(wants) => format!("not used: {wants}"),
        Because::Adjusted(rule) => format!("adjusted: {rule}"),
        Because::SetFrom(setting) => format!("not used: Patroni sets it from {setting}"),
        Because::Rejected => "not used: Patroni rejects the whole dynamic configuration".to_owned(),
        Because::Initialized => {
            "not used: the cluster is initialized, and only its dynamic configuration counts".to_owned()
        }
        Because::NoConnectionParameter => {
            "not used: this release does not take it as a connection parameter".to_owned()
        }
        Because::OldAuthentication => {
            "not used: without postgresql.authentication Patroni decides by postgresql.pg_rewind".to_owned()
        }
        Because::FileGiven => "not used: there is a configuration file".to_owned(),
        Because::VariableGiven => "not used: PATRONI_CONFIGURATION is the whole configuration".to_owned(),
        Because::UnknownVariable => "not used: this release reads no variable of this name".to_owned(),
        Because::RenamedVariable(name) => format!("not used: {name} is set, too"),
        Because::Unparsable => "not used: Patroni cannot read this text".to_owned(),
    }
}

/// Which dynamic configuration counts, in words; `None` where that is plain.
fn dynamic_remark(shown: &Shown<'_>) -> Option<String> {
    let dynamic = match &shown.effective {
        Ok(effective) => &effective.dynamic,
        Err(_) => return None,
    };
    match dynamic {
        DynamicUse::Stored => None,
        DynamicUse::Bootstrap => Some(
            "the input holds no dynamic configuration of the cluster: bootstrap.dcs is taken for it, which counts only \
             until the cluster is initialized"
                .to_owned(),
        ),
        DynamicUse::Unknown => {
            Some("the input holds no dynamic configuration of the cluster: defaults are taken for it".to_owned())
        }
        DynamicUse::Rejected(raised) => Some(format!(
            "Patroni rejects the dynamic configuration ({raised}): it goes on with what it used before, after a restart \
             with the defaults that are shown"
        )),
    }
}

/// The name of a node's release.
fn release(node: &NodeConfiguration<'_>) -> String {
    match node.is_version_told {
        true => format!("Patroni {}", node.version),
        false => format!("Patroni {} (assumed)", node.version),
    }
}

/// A route as users write it.
fn key(path: &[String]) -> String {
    path.join(".")
}
