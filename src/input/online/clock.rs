//! The time, for what is read from live systems.

use std::time::Instant;

use jiff::Timestamp;

/// Now, in seconds since 1970.
pub fn now() -> f64 {
    Timestamp::now().as_microsecond() as f64 / 1e6
}

/// Measures from its making on.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since then.
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
