//! What makes the configuration of one node: its files and the environment of its daemon.

use std::collections::BTreeSet;

use clap::Args;
#[cfg(feature = "online")]
use patrolint::input::RawFile;
use patrolint::input::offline;
use patrolint::input::source_map::SourceMap;
use patrolint::model::config::effective::{Environment, NodeConfiguration};
use patrolint::model::snapshot::{LocalConfiguration, Snapshot};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::document::is_local_key;
use patrolint::parse::tree::Node;

use crate::cli::Failure;

/// Options of the commands that read the configurations of nodes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct ConfigurationOptions {
    /// A configuration as Patroni is started with it: a file, or a directory whose *.yml files make one configuration
    #[arg(short, long = "config", value_name = "PATH")]
    config: Option<String>,

    /// The environment variables that Patroni runs with, as KEY=value lines; those of this shell are never used
    #[arg(long, value_name = "FILE")]
    env_file: Option<String>,
}

impl ConfigurationOptions {
    /// Whether an option tells what the configuration is, which is then the last one of the snapshot.
    pub fn names_one(&self) -> bool {
        self.config.is_some()
    }

    /// Whether an option tells anything.
    pub fn is_given(&self) -> bool {
        self.config.is_some() || self.env_file.is_some()
    }

    /// Puts the configurations of nodes together; `node` is the one that the environment is of.
    ///
    /// What leads to a live cluster may be patronictl's own configuration, which is none of a node.
    ///
    /// # Errors
    ///
    /// The user's or the environment's: a file cannot be read, or nothing tells which node has the environment.
    pub fn add_to(
        &self,
        snapshot: &mut Snapshot,
        is_live: bool,
        node: Option<&str>,
        version: Option<PatroniVersion>,
    ) -> Result<(), Failure> {
        match &self.config {
            Some(path) => add_configuration(snapshot, path, is_live)?,
            None => join_parts(snapshot),
        }
        match &self.env_file {
            Some(name) if !(is_live && snapshot.configurations.is_empty()) => {
                self.add_environment(snapshot, name, version, node)
            }
            _ => Ok(()),
        }
    }

    /// The documents of `-c` and the environment of `--env-file`, as they are.
    ///
    /// # Errors
    ///
    /// The user's or the environment's: a file cannot be read.
    #[cfg(feature = "online")]
    pub fn read(&self) -> Result<(Vec<RawFile>, Option<Environment>), Failure> {
        let files = self.config.as_deref().map(offline::read_configuration).transpose()?.unwrap_or_default();
        let mut sources = SourceMap::default();
        let environment = self.env_file.as_deref().map(|name| read_environment(&mut sources, name)).transpose()?;
        Ok((files, environment))
    }

    fn add_environment(
        &self,
        snapshot: &mut Snapshot,
        name: &str,
        version: Option<PatroniVersion>,
        node: Option<&str>,
    ) -> Result<(), Failure> {
        let environment = read_environment(&mut snapshot.sources, name)?;
        let is_asked = |configuration: &LocalConfiguration| node.is_none() || configuration.node.as_deref() == node;
        let last = snapshot.configurations.len().checked_sub(1).filter(|_| self.names_one());
        let asked = || (0..snapshot.configurations.len()).filter(|index| is_asked(&snapshot.configurations[*index]));
        if last.is_none() && 1 < asked().count() {
            let names: Vec<_> = snapshot.configurations.iter().filter_map(|known| known.node.clone()).collect();
            return Err(Failure::new("--env-file is that of one node, and the input holds several")
                .with_help(format!("name its configuration with -c; they are of {}", names.join(", "))));
        }
        let place = last.or_else(|| asked().next());
        let files = place.map(|index| snapshot.configurations[index].clone());
        let with_environment =
            |version| LocalConfiguration::with_environment(files.clone(), environment.clone(), version);
        // The environment may hold the names of node and cluster, by which the release is found.
        let first = with_environment(PatroniVersion::newest());
        let release = NodeConfiguration::new(snapshot, &first, version).version;
        match place {
            Some(index) => snapshot.configurations[index] = with_environment(release),
            None => snapshot.configurations.push(with_environment(release)),
        }
        Ok(())
    }
}

fn read_environment(sources: &mut SourceMap, name: &str) -> Result<Environment, Failure> {
    let mut text = String::new();
    for file in offline::read(std::slice::from_ref(&name.to_owned()))? {
        text =
            String::from_utf8(file.bytes).map_err(|_| Failure::new(format!("cannot read {name}: it is not UTF-8")))?;
    }
    Ok(Environment::read(sources, name, &text))
}

/// Reads a file, or the files of a directory that Patroni would read, as the configuration of one node.
fn add_configuration(snapshot: &mut Snapshot, path: &str, may_be_of_none: bool) -> Result<(), Failure> {
    let mut files = read_directory(snapshot, path)?;
    let is_of_a_node =
        |file: &LocalConfiguration| file.document.as_ref().is_none_or(|document| document.get("postgresql").is_some());
    if may_be_of_none && !files.iter().any(is_of_a_node) {
        return Ok(());
    }
    let names: BTreeSet<&String> = files.iter().map(|file| &snapshot.sources.get(file.source).name).collect();
    let known = std::mem::take(&mut snapshot.configurations).into_iter();
    let known = known.filter(|known| !names.contains(&snapshot.sources.get(known.source).name));
    snapshot.configurations = known.collect();
    let configuration = match files.len() {
        0 => LocalConfiguration::of_files(snapshot.sources.add(path, ""), files),
        1 => files.remove(0),
        _ => LocalConfiguration::of_files(files[0].source, files),
    };
    snapshot.configurations.push(configuration);
    Ok(())
}

fn read_directory(snapshot: &mut Snapshot, path: &str) -> Result<Vec<LocalConfiguration>, Failure> {
    let files = offline::read_configuration(path)?;
    Ok(files.into_iter().map(|file| snapshot.read_configuration(file)).collect())
}

/// Joins the files of folders that are parts of one configuration: several *.yml files beside each other with settings of
/// Patroni alone, at most one of which has a name and at most one a scope.
///
/// Only such folders on disk are joined: parts that lie in an archive are judged one by one.
fn join_parts(snapshot: &mut Snapshot) {
    let is_part = |name: &&str| name.ends_with(".yml") || name.ends_with(".yaml");
    let name_of = |file: &LocalConfiguration, snapshot: &Snapshot| snapshot.sources.get(file.source).name.clone();
    let known: BTreeSet<String> = snapshot.configurations.iter().map(|file| name_of(file, snapshot)).collect();
    let others = snapshot.skipped.iter().map(|skipped| skipped.name.as_str());
    let files = snapshot.sources.iter().map(|(_, source)| source.name.as_str()).chain(others);
    let files: BTreeSet<&str> = files.filter(is_part).collect();
    let is_several = |candidate: &&str| 1 < files.iter().filter(|name| folder(name) == *candidate).count();
    let candidates: BTreeSet<&str> = known.iter().map(|name| folder(name)).collect();
    let candidates: Vec<String> = candidates.into_iter().filter(is_several).map(str::to_owned).collect();
    for candidate in candidates {
        // What is known already may tell that they are nodes of their own.
        let is_within = |file: &&LocalConfiguration| folder(&snapshot.sources.get(file.source).name) == candidate;
        if !is_of_one_node(snapshot.configurations.iter().filter(is_within)) {
            continue;
        }
        let folder_name = if candidate.is_empty() { "." } else { &candidate };
        let Ok(parts) = read_directory(snapshot, folder_name) else { continue };
        if !are_parts(&parts, |file| known.contains(&name_of(file, snapshot))) {
            continue;
        }
        let is_within = |file: &LocalConfiguration| folder(&snapshot.sources.get(file.source).name) == candidate;
        let place = snapshot.configurations.iter().position(is_within);
        let others = snapshot.configurations.iter().filter(|file| !is_within(file)).cloned().collect();
        let names: BTreeSet<String> = parts.iter().map(|part| name_of(part, snapshot)).collect();
        snapshot.configurations = others;
        snapshot.skipped.retain(|skipped| !names.contains(&skipped.name));
        let place = place.unwrap_or_default().min(snapshot.configurations.len());
        snapshot.configurations.insert(place, LocalConfiguration::of_files(parts[0].source, parts));
    }
}

/// Whether at most one of the files holds a name, and at most one a scope.
fn is_of_one_node<'a>(files: impl Iterator<Item = &'a LocalConfiguration> + Clone) -> bool {
    let count =
        |key| files.clone().filter(|file| file.document.as_ref().is_some_and(|it| it.get(key).is_some())).count();
    count("name") <= 1 && count("scope") <= 1
}

/// Whether files make one configuration; what is not known to be one must hold settings of Patroni alone.
fn are_parts(files: &[LocalConfiguration], is_known: impl Fn(&LocalConfiguration) -> bool) -> bool {
    let is_patronis = |file: &LocalConfiguration| {
        let mapping = file.document.as_ref().and_then(Node::as_mapping);
        mapping.is_some_and(|mapping| mapping.effective().all(|entry| entry.key.as_str().is_some_and(is_local_key)))
    };
    1 < files.len() && is_of_one_node(files.iter()) && files.iter().all(|file| is_known(file) || is_patronis(file))
}

/// The part of a path before the last slash.
fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}
