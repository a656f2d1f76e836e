//! PostgreSQL's parameters: what every major knows, and what Patroni does with a value.
//!
//! The tables are `const` data, so that a start costs nothing. `tests/postgresql/record.py` writes them, from servers of
//! every major and from the rules in every release of Patroni.

pub mod parameter;
mod patroni_table;
mod server_table;
pub mod treatment;
pub mod version;
