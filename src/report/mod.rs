//! Prints findings and predictions; one function per format. Decides nothing.
//!
//! What comes in is plain data, what goes out are bytes in a writer: no file is opened here, no environment read.

#![deny(clippy::disallowed_methods)]

pub mod catalogue;
pub mod check;
pub mod configuration;
pub mod diff;
mod excerpt;
pub mod json_schema;
pub mod key_table;
pub mod monitoring;
pub mod page;
pub mod palette;
pub mod prediction;
pub mod quorum;
pub mod table;
pub mod terminal;
