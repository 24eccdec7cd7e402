//! Why a request has no result.

use std::fmt;

use crate::analysis::EngineError;
use crate::analysis::gather::SelectionError;
use crate::trace::TraceError;

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nobody wants it any more.
    #[error("cancelled")]
    Stopped,
    /// There is none; in words for whoever asked.
    #[error("{0}")]
    Failed(String),
}

impl QueryError {
    /// A failure in these words.
    pub fn failed(why: impl fmt::Display) -> Self {
        Self::Failed(why.to_string())
    }
}

impl From<EngineError> for QueryError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cancelled => Self::Stopped,
            error => Self::failed(error),
        }
    }
}

impl From<SelectionError> for QueryError {
    fn from(error: SelectionError) -> Self {
        Self::failed(error)
    }
}

impl From<TraceError> for QueryError {
    fn from(error: TraceError) -> Self {
        Self::failed(error)
    }
}
