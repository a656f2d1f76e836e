//! What a rule says: plain data that every report format prints.

use crate::parse::tree::Span;

/// How bad it is if it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, no action implied.
    Info,
    /// Works today, but fails or surprises under a foreseeable event.
    Warning,
    /// Patroni does not start, ignores or inverts a setting, loses a guarantee, or cannot fail over now.
    Error,
}

/// How sure patrolint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// May be intended; a person has to look.
    Low,
    /// True unless something unusual is at work.
    Medium,
    /// Read from Patroni's code and checked against it.
    High,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule's code, for example `PTL201`.
    pub code: String,
    /// The rule's name, for example `timing-rule-violated`.
    pub slug: String,
    /// How bad it is if true.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// The fact, with numbers and units.
    pub message: String,
    /// The places, the most important one first. Empty when nothing can be pointed at.
    pub labels: Vec<Label>,
    /// What it means here, one sentence each, each naming its evidence.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// Code of the finding that this one follows from, if any.
    pub caused_by: Option<String>,
}

/// A place and what is to be seen there.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What; may be empty.
    pub text: String,
}

/// What came of a rule on one input.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was judged; these are its findings, none if all is well.
    Checked(Vec<Finding>),
    /// It says nothing about this input.
    NotApplicable,
    /// It could not be judged, because these facts are missing.
    Unknown {
        /// What is missing, in words (`no REST answers of pg3`).
        missing: Vec<String>,
    },
}
