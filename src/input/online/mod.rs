//! Reads live systems, and changes nothing: there is no request in this folder that writes. The only asynchronous code.
//!
//! Settings in, keys and answers as the servers hold them out. Which cluster they belong to is not known here.

pub mod clock;
pub mod consul;
pub mod etcd;
pub mod etcd2;
pub mod etcd3;
#[cfg(feature = "etcd-grpc")]
pub mod etcd_grpc;
pub mod http;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod rest_api;
pub mod settings;
#[cfg(feature = "zookeeper")]
pub mod zookeeper;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::input::dcs_server::DcsServer;
use crate::input::online::settings::{Dcs, Limits};

/// What an asynchronous method of a trait returns.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Reads a DCS.
pub trait DcsReader {
    /// Every key below a path such as `/service/demo/`, if the store can: as of one moment.
    ///
    /// # Errors
    ///
    /// No server answers as it should within the limits.
    fn keys<'a>(&'a self, prefix: &'a str) -> Pending<'a, Result<Keys, OnlineError>>;

    /// What the servers tell of themselves; a server that does not answer is told of, too.
    fn servers(&self) -> Pending<'_, Vec<DcsServer>>;
}

/// Keys of a DCS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// The server that gave them.
    pub endpoint: String,
    /// The store's revision at which all of them were read, if it has any.
    pub revision: Option<u64>,
    /// The keys, sorted by path.
    pub keys: Vec<StoredKey>,
    /// Why they may be old, in words: a server without the consent of a majority gave them.
    pub stale: Option<String>,
    /// What else is to be known about them, in words.
    pub doubts: Vec<String>,
}

/// One key.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Absolute, with one slash at the start.
    pub path: String,
    /// What is stored.
    pub value: Vec<u8>,
    /// Revision of the last change, if the store tells.
    pub revision: Option<u64>,
    /// Lease or session that keeps the key alive.
    pub lease: Option<String>,
    /// Seconds until it expires, if the store tells.
    pub ttl_seconds: Option<i64>,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "StoredKey({}, {} bytes)", self.path, self.value.len())
    }
}

/// Why a live system cannot be read: the environment or the settings are to blame. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum OnlineError {
    /// A file that the settings name, of certificates or keys, is of no use.
    #[error("cannot use {name}: {reason}")]
    File {
        /// The file.
        name: String,
        /// Why.
        reason: String,
    },
    /// Settings that lead nowhere.
    #[error("{0}")]
    Settings(String),
    /// A server does not answer, or not as it should.
    #[error("{endpoint}: {reason}")]
    Server {
        /// Its URL.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// None of several servers does.
    #[error("none of {} servers answers: {}", .0.len(), .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoServer(Vec<OnlineError>),
    /// The server wants other credentials, or more rights.
    #[error("{endpoint}: {reason}")]
    Denied {
        /// Its URL.
        endpoint: String,
        /// In its own words.
        reason: String,
    },
}

impl OnlineError {
    /// Nothing came within this time.
    fn no_answer(url: &str, timeout: Duration) -> Self {
        let seconds = (timeout.as_secs_f64() * 10.0).round() / 10.0;
        Self::Server { endpoint: http::endpoint(url), reason: format!("no answer within {seconds} s") }
    }
}

/// The reader of a DCS whose keys are keys; Kubernetes' are made of its objects where they can be understood, by
/// whoever takes pictures.
///
/// # Errors
///
/// The settings name files that are of no use, or a store that this build cannot read.
pub fn reader(dcs: &Dcs, limits: Limits) -> Result<Box<dyn DcsReader>, OnlineError> {
    match dcs {
        #[cfg(feature = "etcd-grpc")]
        Dcs::Etcd3(settings) if settings.grpc => {
            Ok(etcd::reader(settings, limits, etcd_grpc::EtcdGrpc::new(settings, limits)?))
        }
        #[cfg(not(feature = "etcd-grpc"))]
        Dcs::Etcd3(settings) if settings.grpc => {
            Err(OnlineError::Settings("this build cannot use gRPC: build with --features etcd-grpc".to_owned()))
        }
        Dcs::Etcd3(settings) => Ok(etcd::reader(settings, limits, etcd3::Etcd3::new(settings, limits)?)),
        Dcs::Etcd2(settings) => Ok(etcd::reader(settings, limits, etcd2::Etcd2::new(settings, limits)?)),
        Dcs::Consul(settings) => Ok(Box::new(consul::Consul::new(settings, limits)?)),
        #[cfg(feature = "zookeeper")]
        Dcs::ZooKeeper(settings) => Ok(Box::new(zookeeper::ZooKeeper::new(settings, limits)?)),
        #[cfg(not(feature = "zookeeper"))]
        Dcs::ZooKeeper(_) => {
            Err(OnlineError::Settings("this build cannot read ZooKeeper: build with --features zookeeper".to_owned()))
        }
        Dcs::Kubernetes(_) => {
            Err(OnlineError::Settings("this build cannot read Kubernetes: build with --features kubernetes".to_owned()))
        }
    }
}

/// Asks one server after the other until one answers, each for its share of `total`.
///
/// A server that denies ends it: the others would, too.
///
/// # Errors
///
/// None answers.
async fn first<'a, T>(
    endpoints: &'a [String],
    total: Duration,
    ask: impl AsyncFn(&'a str) -> Result<T, OnlineError>,
) -> Result<T, OnlineError> {
    let share = total / u32::try_from(endpoints.len().max(1)).unwrap_or(u32::MAX);
    let mut failures = Vec::new();
    for endpoint in endpoints {
        match tokio::time::timeout(share, ask(endpoint)).await {
            Ok(Err(error @ OnlineError::Server { .. })) => failures.push(error),
            Ok(other) => return other,
            Err(_) => failures.push(OnlineError::no_answer(endpoint, share)),
        }
    }
    match <[OnlineError; 1]>::try_from(failures) {
        Ok([only]) => Err(only),
        Err(failures) => Err(OnlineError::NoServer(failures)),
    }
}

/// Runs what the readers do, on this thread, to its end.
///
/// # Errors
///
/// The operating system refuses what is needed to wait for answers.
pub fn run<T>(work: impl Future<Output = T>) -> Result<T, OnlineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|error| OnlineError::Settings(format!("cannot wait for answers: {error}")))?;
    Ok(runtime.block_on(work))
}
