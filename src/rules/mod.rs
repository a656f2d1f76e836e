//! What is wrong: rules over facts. Reads no file, no clock, no network; decides nothing that `decision` decides.

pub mod finding;
