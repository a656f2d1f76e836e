//! YAML as PyYAML's `safe_load` reads it.

use crate::input::source_map::SourceId;
use crate::parse::tree::{Node, Span};

/// Why PyYAML refuses a text.
#[derive(Clone, Debug, PartialEq)]
pub struct YamlError {
    /// What is wrong, in lower case, without a final period, naming the construct.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to write instead, when that is clear.
    pub help: Option<String>,
}

/// Parses one document as `yaml.safe_load` does; an empty text is null.
///
/// # Errors
///
/// The text is one that PyYAML refuses.
pub fn parse(_source: SourceId, _text: &str) -> Result<Node, YamlError> {
    unimplemented!()
}
