//! Prints findings and predictions; one function per format. Decides nothing.

#![deny(clippy::disallowed_methods)]

pub mod palette;
pub mod prediction;
pub mod quorum;
