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
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::QueryError;
use super::open::OpenTrace;
use super::value::{HeapBytes, Value};
use crate::analysis::{Engine, LayerWeights, Selection};
use crate::trace::{Document, Trace};

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

/// A request of whatever type.
#[derive(Clone)]
pub struct Query {
    request: Arc<dyn Erased>,
    hash: u64,
}

/// What a request has at hand while it computes.
pub struct Context<'a> {
    pub(super) engine: &'a Engine,
    pub(super) open: &'a OpenTrace,
    pub(super) stop: &'a AtomicBool,
    pub(super) listener: &'a dyn Listener,
    /// Answers other requests: from the cache, or by computing them.
    pub(super) solve: &'a (dyn Fn(&Query) -> Result<Value, QueryError> + Sync),
    /// The layer from which on layers are computed outwards.
    pub(super) near_layer: usize,
}

/// Hears of what is not finished.
pub(super) trait Listener: Sync {
    /// A part of a result is there.
    fn on_part(&self, _query: Query, _part: Value) {}
    /// How far a long computation is, from 0 to 1.
    fn on_progress(&self, _share: f32) {}
}

/// Nobody listens.
impl Listener for () {}

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

impl<'a> Context<'a> {
    /// What another request gives.
    ///
    /// # Errors
    /// Those of that request.
    pub fn get<R: Request>(&self, request: &R) -> Result<Arc<R::Result>, QueryError> {
        (self.solve)(&Query::from(request.clone()))?.typed()
    }

    /// Tells what is there of a result that is not finished.
    pub fn tell<R: Request>(&self, request: &R, part: R::Result) {
        self.listener.on_part(Query::from(request.clone()), Value::of(part));
    }

    /// Tells how far it is, from 0 to 1, and whether to go on.
    pub fn progress(&self, share: f32) -> bool {
        self.listener.on_progress(share);
        self.goes_on()
    }

    /// What runs the kernels.
    pub fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// The trace with its images.
    pub fn open(&self) -> &'a OpenTrace {
        self.open
    }

    /// The file.
    pub fn trace(&self) -> &'a Trace {
        &self.open.trace
    }

    /// Tokens, blocks, outputs.
    pub fn document(&self) -> &'a Document {
        self.open.document()
    }

    /// All layers of a selection's block, of its kind of weights: `[heads, queries, keys]` each.
    ///
    /// # Errors
    /// If there is no such block, or the trace has none of the kind.
    pub fn layers(&self, selection: &Selection) -> Result<Vec<LayerWeights<'a>>, QueryError> {
        let Selection { block, weights, .. } = selection;
        match *block < self.document().attention.len() {
            true => LayerWeights::layers(&self.open.trace, *block, weights).map_err(QueryError::failed),
            false => Err(QueryError::failed("this trace holds no such attention")),
        }
    }

    /// Whether somebody still wants the result, and the file can still be read.
    pub fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && !self.open.trace.is_torn()
    }

    /// Fails once nobody wants the result.
    ///
    /// # Errors
    /// [`QueryError::Stopped`].
    pub fn check(&self) -> Result<(), QueryError> {
        if self.goes_on() { Ok(()) } else { Err(QueryError::Stopped) }
    }

    /// The layers of a block, outwards from the one that is looked at.
    pub fn layers_outwards(&self, count: usize) -> Vec<usize> {
        let mut layers: Vec<usize> = (0..count).collect();
        layers.sort_by_key(|layer| layer.abs_diff(self.near_layer));
        layers
    }
}
