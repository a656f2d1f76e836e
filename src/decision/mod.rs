//! What Patroni would do: pure functions, each naming the Patroni function that it mirrors.

#![deny(clippy::disallowed_methods)]
