//! What is looked at.

use std::collections::BTreeSet;
use std::str::FromStr;

use clap::Args;
#[cfg(feature = "online")]
use patrolint::capture::Scale;
use patrolint::input::{RawFile, offline};
use patrolint::model::postgresql::version::PostgresVersion;
use patrolint::model::snapshot::{ClusterSnapshot, Snapshot, SnapshotError};
use patrolint::model::version::{PatroniVersion, VersionError};

use crate::cli::Failure;
use crate::cli::configuration_options::ConfigurationOptions;
#[cfg(feature = "online")]
use crate::cli::online_options::OnlineOptions;

/// Options of every command that reads a cluster.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct InputOptions {
    /// Files or directories: patroni.yml, DCS dumps, answers of the REST API, captures; - is standard input
    #[arg(value_name = "PATH", help_heading = None::<&str>)]
    pub paths: Vec<String>,

    #[command(flatten)]
    pub choice: ClusterChoice,

    #[command(flatten)]
    pub configuration: ConfigurationOptions,

    #[cfg(feature = "online")]
    #[command(flatten)]
    pub online: OnlineOptions,
}

/// Options that choose among clusters and releases.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct ClusterChoice {
    /// The cluster to look at, when the input holds several
    #[arg(long, value_name = "NAME")]
    pub scope: Option<String>,

    /// The Citus group to look at, when the input holds several
    #[arg(long, value_name = "NUMBER")]
    pub group: Option<u32>,

    /// Judge as if every node and patronictl were of this Patroni release, for example 4.0.6; predict also takes all
    #[arg(long, value_name = "VERSION")]
    pub patroni_version: Option<Release>,
}

/// Option of the commands to which the version of PostgreSQL makes a difference.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct PostgresOption {
    /// Judge as if every node ran this PostgreSQL, for example 16 or 16.4; default: what REST answers and paths tell
    #[arg(long, value_name = "VERSION")]
    pub postgres_version: Option<PostgresVersion>,
}

/// The release to judge with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// This one.
    One(PatroniVersion),
    /// Each known one in turn.
    All,
}

impl FromStr for Release {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" { Ok(Self::All) } else { text.parse().map(Self::One) }
    }
}

impl InputOptions {
    /// The one release to judge with, if one was given.
    ///
    /// # Errors
    ///
    /// Those of [`ClusterChoice::one_release`].
    pub fn one_release(&self) -> Result<Option<PatroniVersion>, Failure> {
        self.choice.one_release()
    }

    /// Like [`Self::load`], for answers to which a broken file could make a difference.
    ///
    /// # Errors
    ///
    /// Those of [`Self::load`], and any of [`Snapshot::problems`].
    pub fn load_whole(&self) -> Result<Snapshot, Failure> {
        self.load_whole_of(None)
    }

    /// Like [`Self::load_whole`]; `node` is the one that the environment of `--env-file` is of.
    ///
    /// # Errors
    ///
    /// Those of [`Self::load_whole`].
    pub fn load_whole_of(&self, node: Option<&str>) -> Result<Snapshot, Failure> {
        Ok(self.load_named(node)?.0)
    }

    /// Like [`Self::load_whole_of`]; also tells which configuration `-c` and `--env-file` are about, if they are about one.
    ///
    /// # Errors
    ///
    /// Those of [`Self::load_whole`].
    pub fn load_named(&self, node: Option<&str>) -> Result<(Snapshot, Option<usize>), Failure> {
        let (snapshot, named) = self.load_of(node)?;
        Ok((whole(snapshot)?, named))
    }

    /// Reads the input, and of several clusters keeps the one asked for.
    ///
    /// # Errors
    ///
    /// Those of [`ClusterChoice::load`].
    pub fn load(&self) -> Result<Snapshot, Failure> {
        Ok(self.load_of(None)?.0)
    }

    fn load_of(&self, node: Option<&str>) -> Result<(Snapshot, Option<usize>), Failure> {
        let mut snapshot = self.read()?;
        let version = self.one_release().unwrap_or_default();
        let named = self.configuration.add_to(&mut snapshot, self.is_live(), node, version)?;
        Ok((snapshot, named))
    }

    /// The input without the configuration of `-c`.
    fn read(&self) -> Result<Snapshot, Failure> {
        #[cfg(feature = "online")]
        if self.online.is_asked() {
            let picture = self.online.take(&self.configuration, self.choice.scope.as_deref(), Scale::Verdicts)?;
            let mut files = picture.files;
            files.extend(offline::read(&self.paths)?);
            return self.choice.assemble(files, &self.paths);
        }
        match self.paths.is_empty() && self.configuration.is_given() {
            true => Ok(Snapshot::default()),
            false => self.choice.load(&self.paths),
        }
    }

    /// Whether a live cluster is looked at.
    fn is_live(&self) -> bool {
        #[cfg(feature = "online")]
        return self.online.is_asked();
        #[cfg(not(feature = "online"))]
        return false;
    }

    /// Refuses an option that makes no sense for files.
    ///
    /// # Errors
    ///
    /// The user's: no live cluster is looked at, and `option` is of no use without one.
    #[cfg(feature = "online")]
    pub fn need_online(&self, option: &str) -> Result<(), Failure> {
        match self.is_live() {
            true => Ok(()),
            false => Err(Failure::new(format!("{option} needs a live cluster")).with_help("add --online or --dcs")),
        }
    }

    /// The cluster that a question is about.
    ///
    /// # Errors
    ///
    /// The user's: the input holds none, or several and no option tells which.
    pub fn only_cluster<'a>(&self, snapshot: &'a Snapshot) -> Result<&'a ClusterSnapshot, Failure> {
        match snapshot.clusters.as_slice() {
            [cluster] => Ok(cluster),
            [] => {
                Err(Failure::new(format!("{}: no DCS dump or REST answer of a cluster found", self.paths.join(", ")))
                    .with_help("etcdctl get --prefix /service/ -w json > dump.json, then name dump.json"))
            }
            [first, others @ ..] => {
                let same_scope = others.iter().all(|other| other.scope == first.scope);
                let option = if same_scope { "--group" } else { "--scope" };
                let names = snapshot.clusters.iter().map(|cluster| match cluster.group {
                    Some(group) => format!("{} (group {group})", cluster.scope),
                    None => cluster.scope.clone(),
                });
                Err(Failure::new(format!("the input holds {} clusters", snapshot.clusters.len()))
                    .with_help(format!("choose with {option}: {}", names.collect::<Vec<_>>().join(", "))))
            }
        }
    }
}

/// Refuses an input with a broken file, which could make a difference.
fn whole(snapshot: Snapshot) -> Result<Snapshot, Failure> {
    match snapshot.problems.first() {
        Some(problem) => Err(problem.clone().into()),
        None => Ok(snapshot),
    }
}

impl ClusterChoice {
    /// The one release to judge with, if one was given.
    ///
    /// # Errors
    ///
    /// The user's: `all` was given to a command that answers for one release at a time.
    pub fn one_release(&self) -> Result<Option<PatroniVersion>, Failure> {
        match self.patroni_version {
            None => Ok(None),
            Some(Release::One(version)) => Ok(Some(version)),
            Some(Release::All) => Err(Failure::new("--patroni-version all goes with predict alone")),
        }
    }

    /// Reads the input, and of several clusters keeps the one asked for.
    ///
    /// # Errors
    ///
    /// The user's or the environment's: no path, a path that cannot be read or understood, nothing to look at in it, no
    /// such cluster.
    pub fn load(&self, paths: &[String]) -> Result<Snapshot, Failure> {
        if paths.is_empty() {
            return Err(Failure::new("no input: name a file or directory, or - for standard input").with_help(
                "patroni.yml, a DCS dump (etcdctl get --prefix /service/ -w json), or a directory with several",
            ));
        }
        self.assemble(offline::read(paths)?, paths)
    }

    /// Reads files that are laid over another input; several *.yml files of one node are one configuration.
    ///
    /// # Errors
    ///
    /// Those of [`Self::load`], and any of [`Snapshot::problems`].
    pub fn load_change(&self, path: &str) -> Result<Snapshot, Failure> {
        let mut snapshot = self.load(&[path.to_owned()])?;
        ConfigurationOptions::default().add_to(&mut snapshot, false, None, None)?;
        whole(snapshot)
    }

    /// Puts files together, and of several clusters keeps the one asked for; `paths` are what the user named.
    fn assemble(&self, files: Vec<RawFile>, paths: &[String]) -> Result<Snapshot, Failure> {
        let mut snapshot = Snapshot::assemble(files).map_err(|error| match error {
            SnapshotError::Nothing { help } => {
                let paths = paths.join(", ");
                Failure::new(format!("{paths}: no Patroni configuration, DCS dump or REST answer found"))
                    .with_help(help)
            }
            error => error.into(),
        })?;
        if let Some(scope) = &self.scope {
            keep_scope(&mut snapshot, scope)?;
        }
        if let Some(group) = self.group {
            let groups: Vec<_> = snapshot.clusters.iter().filter_map(|cluster| cluster.group).collect();
            snapshot.clusters.retain(|cluster| cluster.group == Some(group));
            if snapshot.clusters.is_empty() {
                return Err(unknown("Citus group", &group.to_string(), groups.iter().map(u32::to_string)));
            }
        }
        Ok(snapshot)
    }
}

/// Drops what belongs to another cluster; a configuration that names none stays.
fn keep_scope(snapshot: &mut Snapshot, scope: &str) -> Result<(), Failure> {
    let of_clusters = snapshot.clusters.iter().map(|cluster| cluster.scope.clone());
    if of_clusters.clone().all(|known| known.is_empty()) && snapshot.configurations.is_empty() {
        // A dynamic configuration by itself does not tell its cluster.
        return Ok(());
    }
    let of_configurations = snapshot.configurations.iter().filter_map(|configuration| configuration.scope.clone());
    let scopes: BTreeSet<String> = of_clusters.chain(of_configurations).collect();
    if !scopes.contains(scope) {
        return Err(unknown("cluster", scope, scopes.into_iter()));
    }
    snapshot.clusters.retain(|cluster| cluster.scope == scope || cluster.scope.is_empty());
    snapshot.configurations.retain(|configuration| configuration.scope.as_ref().is_none_or(|own| own == scope));
    Ok(())
}

fn unknown(what: &str, asked: &str, known: impl Iterator<Item = String>) -> Failure {
    let known: Vec<_> = known.collect();
    let help = if known.is_empty() { "it names none".to_owned() } else { format!("it holds {}", known.join(", ")) };
    Failure::new(format!("no {what} {asked} in the input")).with_help(help)
}
