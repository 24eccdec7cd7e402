//! A request: one thing that somebody wants to know of a trace, with one result.
//!
//! A request is a small value that names what is asked: it is its own key, in the cache and on the board of the
//! [`QueryEngine`](super::QueryEngine). Its type says what the result is, and computes it. [`Query`] is a request whose type was
//! forgotten, so that lists may hold requests of several kinds. Rejected: one enum of all requests with one enum of all results,
//! which every new request would have to touch, and every view to take apart.

use std::any::{Any, TypeId};
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::Context;
use crate::analysis::EngineError;
use crate::analysis::gather::SelectionError;
use crate::trace::TraceError;

/// One question with one result.
pub trait Request: Any + Clone + fmt::Debug + Eq + Hash + Send + Sync {
    /// What comes of it.
    type Result: HeapBytes + Send + Sync + 'static;
    /// Which of the query engine's threads computes it.
    const LANE: Lane = Lane::Selection;

    /// Computes the result. What other requests give is asked of the context, so that it is computed once.
    ///
    /// # Errors
    /// If it was stopped, or there is no such result; the message says why.
    fn compute(&self, context: &Context<'_>) -> Result<Self::Result, QueryError>;
}

/// Requests of one lane follow each other; those of different lanes do not wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// What a click or a hover asks for: milliseconds.
    Selection,
    /// What goes over all rows of a matrix: its picture, its links. Where they have to be computed, these are seconds.
    Matrix,
    /// What reads a whole block: statistics, tiles, sinks.
    Block,
    /// What iterates over hidden states: projections and similarities.
    States,
}

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

/// How much memory a result takes besides its own size.
pub trait HeapBytes {
    /// In bytes; roughly.
    fn heap_bytes(&self) -> usize;
}

/// A request of whatever type.
#[derive(Clone)]
pub struct Query {
    request: Arc<dyn Erased>,
    hash: u64,
}

/// A result of whatever type.
#[derive(Clone)]
pub(super) struct Value {
    pub result: Arc<dyn Any + Send + Sync>,
    pub bytes: usize,
}

trait Erased: Send + Sync {
    fn compute(&self, context: &Context<'_>) -> Result<Value, QueryError>;
    fn lane(&self) -> Lane;
    fn equals(&self, other: &dyn Any) -> bool;
    fn as_any(&self) -> &dyn Any;
    fn write(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl<R: Request> Erased for R {
    fn compute(&self, context: &Context<'_>) -> Result<Value, QueryError> {
        Request::compute(self, context).map(Value::of)
    }

    fn lane(&self) -> Lane {
        R::LANE
    }

    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<R>().is_some_and(|other| other == self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn write(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl Query {
    pub(super) fn compute(&self, context: &Context<'_>) -> Result<Value, QueryError> {
        self.request.compute(context)
    }

    /// Which of the query engine's threads computes it.
    pub fn lane(&self) -> Lane {
        self.request.lane()
    }

    /// The request, if it is one of this type.
    pub fn request<R: Request>(&self) -> Option<&R> {
        self.request.as_any().downcast_ref()
    }
}

impl<R: Request> From<R> for Query {
    fn from(request: R) -> Self {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((TypeId::of::<R>(), &request));
        Self { request: Arc::new(request), hash }
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.request.equals(other.request.as_any())
    }
}

impl Eq for Query {}

impl Hash for Query {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.write(formatter)
    }
}

impl Value {
    pub fn of<T: HeapBytes + Send + Sync + 'static>(result: T) -> Self {
        let bytes = size_of::<T>() + result.heap_bytes();
        Self { result: Arc::new(result), bytes }
    }

    /// `None` for a result of another type, which no key leads to.
    pub fn typed<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.result).downcast().ok()
    }
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

impl<T> HeapBytes for Vec<T> {
    fn heap_bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

impl<T: HeapBytes> HeapBytes for Option<T> {
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, HeapBytes::heap_bytes)
    }
}
