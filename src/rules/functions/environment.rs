//! The variables of a daemon's environment: what Patroni makes of them, and what it leaves aside without a word.

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::config::effective::{Because, Layer, NodeConfiguration, Origin, Setting, Unused, Variable};
use crate::model::config::schema::{self as model, Document, Environment as Name, Key};
use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree::{Node, Span, Style};
use crate::rules::facts::Subject;
use crate::rules::functions::{Hit, shown};

type Found = Result<Vec<Hit>, Vec<String>>;

/// What the name of a variable stands for.
enum Meaning {
    /// A key that the release reads from it.
    Read,
    /// A key that other releases read from it.
    OfOtherReleases(&'static Key),
    /// A role that releases before 4.0.0 create with a new cluster.
    Role,
    /// Nothing.
    Unknown,
}

/// Variables with Patroni's prefix that no release reads, with the name or the setting that is probably meant.
pub fn unknown_variables(subject: &Subject<'_>) -> Found {
    let Some(node) = node(subject) else { return Ok(Vec::new()) };
    let mut hits = Vec::new();
    for variable in node.environment.into_iter().flat_map(|environment| environment.variables()) {
        let nearest = nearest(&variable.name);
        let is_unknown = match meaning(variable, &node) {
            Meaning::Unknown => true,
            Meaning::Role => nearest.is_some(),
            Meaning::Read | Meaning::OfOtherReleases(_) => false,
        };
        if is_unknown {
            let (path, is_dynamic) = setting(&variable.name).unwrap_or_default();
            let hit = Hit::at(variable.span, "").with("name", variable.name.clone()).with("path", path);
            hits.push(hit.with("is_dynamic", is_dynamic).with("nearest", nearest.unwrap_or_default()));
        }
    }
    Ok(hits)
}

/// Variables that Patroni knows and does not use.
pub fn variables_without_effect(subject: &Subject<'_>) -> Found {
    let Some(node) = node(subject) else { return Ok(Vec::new()) };
    let mut hits = Vec::new();
    let hit = |span: Span, name: &str, reason: String| Hit::at(span, "").with("name", name).with("reason", reason);
    for variable in node.environment.into_iter().flat_map(|environment| environment.variables()) {
        let reason = match meaning(variable, &node) {
            Meaning::OfOtherReleases(key) => {
                format!("Patroni {} does not read it; it is read {}", node.version, key.variable_releases_text())
            }
            Meaning::Role if nearest(&variable.name).is_none() => {
                let creates = Behaviours::of(node.version).has(Behaviour::EnvironmentMakesUsers);
                match (creates, variable.name.ends_with("_OPTIONS")) {
                    (false, _) => "Patroni creates no roles since 4.0.0".to_owned(),
                    (true, true) if password_of(variable, &node).is_none() => {
                        "the role has no PATRONI_<role>_PASSWORD".to_owned()
                    }
                    (true, _) => continue,
                }
            }
            _ => continue,
        };
        hits.push(hit(variable.span, &variable.name, reason));
    }
    for (span, name, unused) in unused(&node) {
        let reason = match &unused.because {
            Because::RenamedVariable(newer) => format!("{newer} is set, too"),
            Because::FileGiven => "Patroni is started with a configuration file".to_owned(),
            Because::VariableGiven => "PATRONI_CONFIGURATION is the whole configuration".to_owned(),
            _ => continue,
        };
        hits.push(hit(span, name, reason));
    }
    Ok(hits)
}

/// Credentials of etcd that do not count, since no other variable is about etcd.
///
/// Source: patroni/config.py, `Config._build_environment_configuration`, 4.1.5.
pub fn lonely_credentials(subject: &Subject<'_>) -> Found {
    let Some(node) = node(subject) else { return Ok(Vec::new()) };
    let mut hits = Vec::new();
    for (span, name, unused) in unused(&node) {
        let key = model::key_of_variable(name).filter(|key| key.environment == Name::Beside);
        if let (Because::UnknownVariable, Some(_)) = (&unused.because, key) {
            let section = if name.starts_with("PATRONI_ETCD3_") { "etcd3" } else { "etcd" };
            hits.push(Hit::at(span, "").with("name", name).with("section", section));
        }
    }
    Ok(hits)
}

/// Variables whose text is no value of their setting.
pub fn unparsable_variables(subject: &Subject<'_>) -> Found {
    let Some(node) = node(subject) else { return Ok(Vec::new()) };
    let unparsable = unused(&node).into_iter().filter(|(_, _, unused)| {
        // An empty variable counts as none.
        unused.because == Because::Unparsable && unused.setting.is_truthy()
    });
    let hits = unparsable.map(|(span, name, unused)| {
        let suffix = name.strip_prefix("PATRONI_").and_then(|rest| rest.split_once('_')).map(|(_, suffix)| suffix);
        let of_any = || model::key_of_any_section(suffix?, node.version);
        let asked = model::key_of_variable(name).or_else(of_any).map(|key| key.kind.asked()).unwrap_or_default();
        let hit = Hit::at(span, "").with("name", name).with("asked", asked).with("value", told(&unused.setting));
        hit.with("is_citus_group", name == "PATRONI_CITUS_GROUP")
    });
    Ok(hits.collect())
}

/// Empty variables of settings that a file holds: they do not clear them.
pub fn empty_variables(subject: &Subject<'_>) -> Found {
    let (Some(node), Some(document)) = (node(subject), subject.configuration.and_then(|file| file.document.as_ref()))
    else {
        return Ok(Vec::new());
    };
    let mut hits = Vec::new();
    for variable in node.environment.into_iter().flat_map(|environment| environment.variables()) {
        let Some((_, path)) = model::path_of_variable(&variable.name) else { continue };
        if variable.is_empty() && document.at(&path).is_some_and(|node| node.span != variable.span) {
            // What stands there is nothing; the character before it is the `=` or a blank.
            let start = variable.span.start.saturating_sub(usize::from(variable.span.start == variable.span.end));
            let span = Span { start, ..variable.span };
            hits.push(Hit::at(span, "").with("name", variable.name.clone()).with("path", path.join(".")));
        }
    }
    Ok(hits)
}

/// The node whose environment is known.
fn node<'a>(subject: &Subject<'a>) -> Option<NodeConfiguration<'a>> {
    let configuration = subject.configuration.filter(|configuration| configuration.environment.is_some())?;
    Some(NodeConfiguration::new(subject.scene.snapshot, configuration, subject.scene.given_version))
}

/// What is written in variables and not used, with the place and the name of each.
fn unused<'a>(node: &NodeConfiguration<'a>) -> Vec<(Span, &'a str, Unused)> {
    let Ok(effective) = node.effective() else { return Vec::new() };
    let variables = || node.environment.into_iter().flat_map(|environment| environment.variables());
    let of_variable = |unused: Unused| {
        let name = match (&unused.setting.origin, unused.path.as_slice()) {
            (Origin::Written { layer: Layer::Environment(name), .. }, _) => name.clone(),
            (_, [name]) => name.clone(),
            _ => return None,
        };
        let variable = variables().find(|variable| variable.name == name)?;
        Some((variable.span, variable.name.as_str(), unused))
    };
    effective.unused.into_iter().filter_map(of_variable).collect()
}

fn meaning(variable: &Variable, node: &NodeConfiguration<'_>) -> Meaning {
    let (name, version) = (variable.name.as_str(), node.version);
    let Some(rest) = name.strip_prefix("PATRONI_") else { return Meaning::Read };
    if rest == "CONFIGURATION" || model::OLDER_VARIABLES.iter().any(|(older, _)| *older == name) {
        return Meaning::Read;
    }
    if let Some(key) = model::key_of_variable(name) {
        return if key.variable_is_in(version) { Meaning::Read } else { Meaning::OfOtherReleases(key) };
    }
    if sets_a_known_key(rest, version) {
        return Meaning::Read;
    }
    let is_role = |suffix| rest.strip_suffix(suffix).is_some_and(|role: &str| !role.is_empty());
    match is_role("_PASSWORD") || is_role("_OPTIONS") {
        true => Meaning::Role,
        false => Meaning::Unknown,
    }
}

/// Whether a variable named after a section of any name sets a key that is read there.
fn sets_a_known_key(rest: &str, version: PatroniVersion) -> bool {
    let Some((section, suffix)) = rest.split_once('_') else { return false };
    let path = [section.to_lowercase(), suffix.to_lowercase()];
    model::key_of_any_section(suffix, version).is_some()
        && model::find(Document::Local, &[&path[0], &path[1]]).is_some_and(|key| !key.path.ends_with(".*"))
}

/// The variable with the password of the role whose options a variable holds.
fn password_of<'a>(options: &Variable, node: &NodeConfiguration<'a>) -> Option<&'a Variable> {
    let password = format!("{}_PASSWORD", options.name.strip_suffix("_OPTIONS")?);
    node.environment?.variables().find(|variable| variable.name == password)
}

/// The setting that a variable's name spells, which has no variable, and whether it is one of the dynamic configuration.
fn setting(name: &str) -> Option<(String, bool)> {
    let words = name.strip_prefix("PATRONI_")?.to_lowercase();
    let spelt = |document| {
        let mut paths = model::keys_of(document).flat_map(Key::expansions);
        paths.find(|path| path.join("_") == words).map(|path| path.join("."))
    };
    let local = spelt(Document::Local).map(|path| (path, false));
    local.or_else(|| spelt(Document::Dynamic).map(|path| (path, true)))
}

/// The variable that is most alike.
fn nearest(name: &str) -> Option<String> {
    let names = model::keys().flat_map(Key::variables).map(|(known, _)| known);
    let alike = names.map(|known| (strsim::levenshtein(name, &known), known));
    alike.filter(|(distance, _)| *distance <= 2).min().map(|(_, known)| known)
}

fn told(setting: &Setting) -> String {
    let span = match setting.origin {
        Origin::Written { span, .. } => span,
        Origin::Default | Origin::Computed(_) => return python::str(&setting.value()),
    };
    shown(&Node { value: setting.value(), span, style: Style::Block })
}
