//! Ask what Patroni would do, before asking Patroni to do it.
//!
//! The data's way is the folder list: [`input`] → [`parse`] → [`model`] → [`decision`] → [`rules`] → [`report`].

#[cfg(feature = "online")]
pub mod capture;
pub mod decision;
pub mod input;
pub mod model;
pub mod parse;
pub mod report;
pub mod rules;
