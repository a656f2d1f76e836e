//! Takes pictures of live clusters: asks what is to be asked, all at once, and makes files of the answers.
//!
//! A connection in; files in the forms that the offline path reads out, secrets hidden. So whatever is told of a live
//! cluster is told of these files, and a capture replays it.

pub mod bundle;
mod files;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod members;

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};

use crate::capture::files::Writer;
pub use crate::capture::files::redacted_configuration;
use crate::capture::members::{Asked, api_urls, api_urls_of_view};
use crate::input::RawFile;
use crate::input::dcs_server::DcsServer;
use crate::input::online::clock;
use crate::input::online::rest_api::Members;
use crate::input::online::settings::{Dcs, Limits, RestApi};
use crate::input::online::{self, DcsReader, Keys, OnlineError};

/// How often a picture is taken before a cluster that will not hold still is taken as it is.
const ATTEMPTS: usize = 3;

/// What to take a picture of.
#[derive(Clone, Debug)]
pub struct Target {
    /// The DCS.
    pub dcs: Dcs,
    /// `namespace`, without slashes at the ends.
    pub namespace: String,
    /// The cluster; `None`: every one below the namespace.
    pub scope: Option<String>,
    /// How to ask the members.
    pub rest_api: RestApi,
    /// A member's REST API to ask for the others when the DCS does not answer.
    pub own_api_url: Option<String>,
    /// What to wait for, at most.
    pub limits: Limits,
    /// What to ask the members for.
    pub scale: Scale,
}

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// What verdicts need.
    Verdicts,
    /// All that may help somebody who cannot ask.
    Everything,
}

/// A picture.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The files, a folder for each cluster.
    pub files: Vec<RawFile>,
    /// What did not work, in words.
    pub failures: Vec<String>,
    /// When it was taken, in seconds since 1970.
    pub taken_at: u64,
}

/// Why there is no picture at all; the environment or the settings are to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum CaptureError {
    /// Settings that lead nowhere.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Online(#[from] OnlineError),
    /// Neither the DCS nor a member answers.
    #[error("cannot read the cluster: {dcs}{}", .member.as_ref().map(|reason| format!("; {reason}")).unwrap_or_default())]
    #[diagnostic(help("is the address right, and can it be reached from here?"))]
    NoAnswer {
        /// What became of asking the DCS.
        dcs: String,
        /// What became of asking the own member, if one is known.
        member: Option<String>,
    },
    /// The DCS holds no such cluster.
    #[error("the DCS holds no cluster {scope} below /{namespace}")]
    NoCluster {
        /// The one asked for.
        scope: String,
        /// Where it was looked for.
        namespace: String,
        /// What is there instead.
        #[help]
        help: String,
    },
    /// The DCS holds no cluster at all.
    #[error("the DCS holds no cluster below /{namespace}")]
    #[diagnostic(help("which namespace do the nodes have? It is service unless they are told otherwise"))]
    NoClusters {
        /// Where it was looked for.
        namespace: String,
    },
}

/// Is told how a picture comes along.
pub trait Progress {
    /// So many members have answered or failed to, of so many.
    fn members(&self, done: usize, all: usize);
}

/// Takes a picture.
///
/// The DCS is read before and after the members are asked; if the leader, `/sync` or `/failover` has changed meanwhile, all is
/// done again, a few times at most.
///
/// # Errors
///
/// Nothing at all can be read, or the cluster is not there.
pub async fn take(target: &Target, progress: &dyn Progress) -> Result<Picture, CaptureError> {
    let started = clock::now();
    let readers = Readers::new(target)?;
    let prefix = prefix(target);
    let mut taken = once(target, &readers, &prefix, progress).await?;
    for attempt in 1..=ATTEMPTS {
        // Without a majority nothing moves.
        let Some(keys) = taken.keys.as_ref().ok().filter(|keys| keys.stale.is_none()) else { break };
        let moved = match readers.keys.keys(&prefix).await {
            Ok(again) => moved(keys, &again),
            Err(error) => vec![format!("it could not be read a second time: {error}")],
        };
        match moved.as_slice() {
            [] => break,
            moved if attempt == ATTEMPTS => taken.doubts.extend(moved.iter().cloned()),
            _ => taken = once(target, &readers, &prefix, progress).await?,
        }
    }
    if let Ok(keys) = &taken.keys
        && keys.keys.is_empty()
    {
        return Err(nothing_there(target, readers.keys.as_ref()).await);
    }
    Ok(Writer { target, started, ended: clock::now() }.write(&taken))
}

/// The reader of a DCS.
fn reader(dcs: &Dcs, limits: Limits) -> Result<Box<dyn DcsReader>, OnlineError> {
    match dcs {
        #[cfg(feature = "kubernetes")]
        Dcs::Kubernetes(settings) => Ok(Box::new(kubernetes::Kubernetes::new(settings, limits))),
        dcs => online::reader(dcs, limits),
    }
}

/// What was read in one go.
struct Taken {
    keys: Result<Keys, OnlineError>,
    servers: Vec<DcsServer>,
    asked: Vec<Asked>,
    doubts: Vec<String>,
}

/// Whoever asks.
struct Readers {
    keys: Box<dyn DcsReader>,
    servers: Box<dyn DcsReader>,
    members: Members,
}

impl Readers {
    fn new(target: &Target) -> Result<Self, OnlineError> {
        // Which servers there are, and then what they tell of themselves: together no longer than for the keys.
        let half = Limits { dcs: target.limits.dcs / 2, ..target.limits };
        Ok(Self {
            keys: reader(&target.dcs, target.limits)?,
            servers: reader(&target.dcs, half)?,
            members: Members::new(&target.rest_api, target.limits)?,
        })
    }
}

async fn once(
    target: &Target,
    readers: &Readers,
    prefix: &str,
    progress: &dyn Progress,
) -> Result<Taken, CaptureError> {
    let (told, servers) = join(keys_and_members(target, readers, prefix, progress), readers.servers.servers()).await;
    let (keys, asked) = told?;
    let stale = keys.iter().filter_map(|keys| keys.stale.as_ref());
    let stale = stale.map(|why| format!("no majority of its servers agreed to it, for {why}"));
    let doubts = stale.chain(keys.iter().flat_map(|keys| keys.doubts.iter().cloned())).collect();
    Ok(Taken { keys, servers, asked, doubts })
}

/// The keys, and what the members answer that they name.
async fn keys_and_members(
    target: &Target,
    readers: &Readers,
    prefix: &str,
    progress: &dyn Progress,
) -> Result<(Result<Keys, OnlineError>, Vec<Asked>), CaptureError> {
    let members = &readers.members;
    let keys = readers.keys.keys(prefix).await;
    let urls = match &keys {
        Ok(keys) => api_urls(keys, &target.namespace),
        Err(error @ (OnlineError::File { .. } | OnlineError::Settings(_))) => return Err(error.clone().into()),
        Err(error) => match &target.own_api_url {
            Some(url) => api_urls_of_view(members, url, target.scope.as_deref()).await.map_err(|member| {
                CaptureError::NoAnswer { dcs: error.to_string(), member: Some(member.to_string()) }
            })?,
            None => return Err(CaptureError::NoAnswer { dcs: error.to_string(), member: None }),
        },
    };
    let done = std::cell::Cell::new(0);
    progress.members(0, urls.len());
    let all = urls.len();
    let asked = join_all(urls.into_iter().map(async |(key, url)| {
        let asked = members::ask(members, key, url, target.scale).await;
        done.set(done.get() + 1);
        progress.members(done.get(), all);
        asked
    }));
    Ok((keys, asked.await))
}

/// Everything below this path is read.
fn prefix(target: &Target) -> String {
    let parts = [target.namespace.as_str(), target.scope.as_deref().unwrap_or_default()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "/".to_owned() } else { format!("/{}/", parts.join("/")) }
}

/// Which of the keys that decide are others than before.
fn moved(before: &Keys, after: &Keys) -> Vec<String> {
    const DECISIVE: [&str; 3] = ["/leader", "/sync", "/failover"];
    let decisive = |keys: &Keys| -> BTreeMap<String, Vec<u8>> {
        let keys = keys.keys.iter().filter(|key| DECISIVE.iter().any(|end| key.path.ends_with(end)));
        keys.map(|key| (key.path.clone(), key.value.clone())).collect()
    };
    let (before, after) = (decisive(before), decisive(after));
    let paths: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let moved = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    moved.map(|path| format!("{path} changed while it was read")).collect()
}

/// Why an answer of the DCS without a single key is of no use.
async fn nothing_there(target: &Target, reader: &dyn DcsReader) -> CaptureError {
    let namespace = target.namespace.clone();
    let Some(scope) = target.scope.clone() else { return CaptureError::NoClusters { namespace } };
    let all = Target { scope: None, ..target.clone() };
    let prefix = prefix(&all);
    let found = reader.keys(&prefix).await.map(|keys| files::scopes(&keys, &prefix)).unwrap_or_default();
    let help = match found.is_empty() {
        true => "name another with --scope, or another namespace in the configuration".to_owned(),
        false => format!("it holds {}", found.join(", ")),
    };
    CaptureError::NoCluster { scope, namespace, help }
}
