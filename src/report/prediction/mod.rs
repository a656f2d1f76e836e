//! Predictions as text and JSON.

pub mod json;
pub mod releases;
pub mod text;
