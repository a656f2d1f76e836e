//! Prints findings and predictions; one function per format. Decides nothing.

pub mod palette;
pub mod prediction;
pub mod quorum;
