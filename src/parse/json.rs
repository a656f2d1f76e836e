//! JSON as Python's `json.loads` reads it.

use crate::input::source_map::SourceId;
use crate::parse::tree::{Node, Span};

/// Why `json.loads` refuses a text.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonError {
    /// What is wrong, in lower case, without a final period.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// Parses a text as `json.loads` does.
///
/// # Errors
///
/// The text is one that `json.loads` refuses.
pub fn parse(_source: SourceId, _text: &str) -> Result<Node, JsonError> {
    unimplemented!()
}
