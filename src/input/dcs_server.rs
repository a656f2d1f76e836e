//! What a server of the DCS tells of itself, live or in a dump.

/// One server of the DCS; what is not told is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DcsServer {
    /// Its URL or address.
    pub endpoint: String,
    /// Its name among the servers.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Whether it leads the others.
    pub is_leader: Option<bool>,
    /// Size of its database, in bytes.
    pub database_bytes: Option<u64>,
    /// How much of that is in use, in bytes.
    pub database_bytes_in_use: Option<u64>,
    /// Alarms that are raised, such as `NOSPACE`.
    pub alarms: Vec<String>,
    /// How long its answer took, in milliseconds.
    pub latency_ms: Option<u64>,
    /// How far its clock is ahead of that of whoever asked, in seconds.
    pub clock_ahead_seconds: Option<i64>,
    /// Why it did not answer.
    pub error: Option<String>,
}
