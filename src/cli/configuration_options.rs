//! What makes the configuration of one node: its files and the environment of its daemon.

use std::collections::BTreeSet;

use clap::Args;
#[cfg(feature = "online")]
use patrolint::input::RawFile;
use patrolint::input::offline;
use patrolint::input::source_map::SourceMap;
use patrolint::model::config::effective::{Environment, NodeConfiguration};
use patrolint::model::snapshot::{LocalConfiguration, Overlaid, Snapshot};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::document::is_local_key;
use patrolint::parse::tree::Node;

use crate::cli::Failure;

/// Options of the commands that read the configurations of nodes.
#[derive(Clone, Debug, Default, Args)]
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
    /// Gives back which configuration of the snapshot the options are about, if they are about one.
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
    ) -> Result<Option<usize>, Failure> {
        let named = match &self.config {
            Some(path) => add_configuration(snapshot, path, is_live)?,
            None => {
                join_parts(snapshot);
                None
            }
        };
        match &self.env_file {
            Some(name) if !(is_live && snapshot.configurations.is_empty()) => {
                add_environment(snapshot, name, version, named, node).map(Some)
            }
            _ => Ok(named),
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
}

/// Options of a command that compares: each is given once for both sides, or twice, before and after.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct TwoConfigurations {
    /// A configuration as Patroni is started with it: a file, or a directory whose *.yml files make one configuration.
    /// Given twice: the configuration of one node before and after
    #[arg(short, long = "config", value_name = "PATH")]
    config: Vec<String>,

    /// The environment variables that Patroni runs with, as KEY=value lines; those of this shell are never used. Given
    /// twice: before and after
    #[arg(long, value_name = "FILE")]
    env_file: Vec<String>,
}

impl TwoConfigurations {
    /// What the options say of the first side, each of them there at most twice.
    ///
    /// # Errors
    ///
    /// The user's: an option is given more often.
    pub fn before(&self) -> Result<ConfigurationOptions, Failure> {
        for (option, given) in [("-c", &self.config), ("--env-file", &self.env_file)] {
            if 2 < given.len() {
                return Err(Failure::new(format!("{option} is given {} times", given.len()))
                    .with_help("give it once for both sides, or twice: before and after"));
            }
        }
        Ok(ConfigurationOptions { config: self.config.first().cloned(), env_file: self.env_file.first().cloned() })
    }

    /// What the user names for the first side, and what for the second one.
    pub fn names(&self) -> [Vec<&str>; 2] {
        [0, 1].map(|side| {
            [&self.config, &self.env_file].iter().filter_map(|given| Some(given.get(side)?.as_str())).collect()
        })
    }

    /// Whether an option tells a configuration of its own for the second side.
    pub fn tell_change(&self) -> bool {
        1 < self.config.len().max(self.env_file.len())
    }

    /// Whether `-c` is given.
    pub fn name_one(&self) -> bool {
        !self.config.is_empty()
    }

    /// Puts what they say of the second side over the configuration `named` of the first one.
    ///
    /// # Errors
    ///
    /// The user's or the environment's: a file cannot be read, or nothing tells which node it is of.
    pub fn change(
        &self,
        after: &mut Overlaid,
        before: &Snapshot,
        named: Option<usize>,
        version: Option<PatroniVersion>,
    ) -> Result<(), Failure> {
        let Some(index) = named else {
            return match self.tell_change() {
                true => Err(Failure::new("nothing tells which node's configuration it is that changes")
                    .with_help("name the node's configuration before the change with -c")),
                false => Ok(()),
            };
        };
        let mut environment = before.configurations[index].environment.clone();
        if let Some(path) = self.config.get(1) {
            let files = read_directory(&mut after.snapshot, path)?;
            let configuration = together(&mut after.snapshot.sources, files, path);
            after.replace_configuration(index, configuration);
        }
        if let Some(name) = self.env_file.get(1) {
            environment = Some(read_environment(&mut after.snapshot.sources, name)?);
            after.is_newer[index] = true;
        }
        if let Some(environment) = environment {
            let files = after.snapshot.configurations[index].without_environment();
            after.snapshot.configurations[index] = with_environment(&after.snapshot, files, environment, version);
        }
        Ok(())
    }
}

/// Gives the environment to the configuration `named`, or to the only one of the node; gives back which it is.
fn add_environment(
    snapshot: &mut Snapshot,
    name: &str,
    version: Option<PatroniVersion>,
    named: Option<usize>,
    node: Option<&str>,
) -> Result<usize, Failure> {
    let environment = read_environment(&mut snapshot.sources, name)?;
    let is_asked = |configuration: &LocalConfiguration| node.is_none() || configuration.node.as_deref() == node;
    let asked = || (0..snapshot.configurations.len()).filter(|index| is_asked(&snapshot.configurations[*index]));
    if named.is_none() && 1 < asked().count() {
        let names: Vec<_> = snapshot.configurations.iter().filter_map(|known| known.node.clone()).collect();
        return Err(Failure::new("--env-file is that of one node, and the input holds several")
            .with_help(format!("name its configuration with -c; they are of {}", names.join(", "))));
    }
    let place = named.or_else(|| asked().next());
    let files = place.map(|index| snapshot.configurations[index].clone());
    let configuration = with_environment(snapshot, files, environment, version);
    match place {
        Some(index) => {
            snapshot.configurations[index] = configuration;
            Ok(index)
        }
        None => {
            snapshot.configurations.push(configuration);
            Ok(snapshot.configurations.len() - 1)
        }
    }
}

fn with_environment(
    snapshot: &Snapshot,
    files: Option<LocalConfiguration>,
    environment: Environment,
    version: Option<PatroniVersion>,
) -> LocalConfiguration {
    // The environment may hold the names of node and cluster, by which the release is found.
    let first = LocalConfiguration::with_environment(files.clone(), environment.clone(), PatroniVersion::newest());
    let release = NodeConfiguration::new(snapshot, &first, version).version;
    LocalConfiguration::with_environment(files, environment, release)
}

fn read_environment(sources: &mut SourceMap, name: &str) -> Result<Environment, Failure> {
    let mut text = String::new();
    for file in offline::read(std::slice::from_ref(&name.to_owned()))? {
        text =
            String::from_utf8(file.bytes).map_err(|_| Failure::new(format!("cannot read {name}: it is not UTF-8")))?;
    }
    Ok(Environment::read(sources, name, &text))
}

/// Reads a file, or the files of a directory that Patroni would read, as the configuration of one node, which is then the last
/// one of the snapshot; gives back which that is.
fn add_configuration(snapshot: &mut Snapshot, path: &str, may_be_of_none: bool) -> Result<Option<usize>, Failure> {
    let files = read_directory(snapshot, path)?;
    let is_of_a_node =
        |file: &LocalConfiguration| file.document.as_ref().is_none_or(|document| document.get("postgresql").is_some());
    if may_be_of_none && !files.iter().any(is_of_a_node) {
        return Ok(None);
    }
    let names: BTreeSet<&String> = files.iter().map(|file| &snapshot.sources.get(file.source).name).collect();
    let known = std::mem::take(&mut snapshot.configurations).into_iter();
    let known = known.filter(|known| !names.contains(&snapshot.sources.get(known.source).name));
    snapshot.configurations = known.collect();
    let configuration = together(&mut snapshot.sources, files, path);
    snapshot.configurations.push(configuration);
    Ok(Some(snapshot.configurations.len() - 1))
}

/// The configuration that the files found at a path make.
fn together(sources: &mut SourceMap, mut files: Vec<LocalConfiguration>, path: &str) -> LocalConfiguration {
    match files.first().map(|first| first.source) {
        None => LocalConfiguration::of_files(sources.add(path, ""), files),
        Some(first) if files.len() == 1 && sources.get(first).name == path => files.remove(0),
        Some(first) => LocalConfiguration::of_files(first, files),
    }
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
