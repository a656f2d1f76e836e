//! Who counts: for acknowledging commits, for electing a leader, and what losses the cluster survives.

pub mod commits;
pub mod contest;
pub mod margins;
pub mod situation;
