//! Computes requests, each once: what one request needs of another comes from the same cache.
//!
//! The cache is bounded in bytes; what was not asked for longest goes first. Results of other traces stay as long as there is
//! room, so that going back to an example costs nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::OpenTrace;
use super::request::{Query, QueryError, Request, Value};
use super::results::{Answer, Results};
use crate::analysis::{Engine, LayerWeights};
use crate::trace::{Document, Trace};

/// Bytes of results that are cached.
pub const CACHE_BYTES: usize = 512 << 20;

/// The serial number of a trace, and what was asked of it.
pub(super) type Key = (u64, Query);

/// Computes and caches. Shared by the threads that compute.
#[derive(Debug)]
pub struct Solver {
    engine: Engine,
    cache: Mutex<Cache>,
    /// The layer from which on layers are computed outwards.
    near_layer: AtomicUsize,
}

/// What a request has at hand while it computes.
pub struct Context<'a> {
    solver: &'a Solver,
    open: &'a OpenTrace,
    stop: &'a AtomicBool,
    listener: &'a dyn Listener,
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

#[derive(Debug)]
struct Cache {
    budget_bytes: usize,
    bytes: usize,
    clock: u64,
    entries: HashMap<Key, Entry>,
}

struct Entry {
    value: Value,
    used: u64,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes", self.value.bytes)
    }
}

impl Solver {
    /// Computes with this engine.
    pub fn new(engine: Engine) -> Self {
        Self::with_cache(engine, CACHE_BYTES)
    }

    /// The same with so many bytes of results.
    pub fn with_cache(engine: Engine, budget_bytes: usize) -> Self {
        let cache = Cache { budget_bytes, bytes: 0, clock: 0, entries: HashMap::new() };
        Self { engine, cache: Mutex::new(cache), near_layer: AtomicUsize::new(0) }
    }

    /// What runs the kernels.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The result of one request; it is computed here and now if it is not cached.
    ///
    /// # Errors
    /// If `stop` became true, the file is no longer the one that was opened, or there is no such result.
    pub fn solve<R: Request>(
        &self,
        open: &OpenTrace,
        request: &R,
        stop: &AtomicBool,
    ) -> Result<Arc<R::Result>, QueryError> {
        Context { solver: self, open, stop, listener: &() }.get(request)
    }

    /// The results of all these requests, failures included.
    ///
    /// # Errors
    /// If `stop` became true.
    pub fn results(&self, open: &OpenTrace, queries: &[Query], stop: &AtomicBool) -> Result<Results, QueryError> {
        let mut results = Results::default();
        for (number, query) in (1..).zip(queries) {
            let outcome = match self.value(open, query, stop, &()) {
                Err(QueryError::Stopped) => return Err(QueryError::Stopped),
                Err(QueryError::Failed(why)) => Err(why),
                Ok(value) => Ok(value),
            };
            results.put(query.clone(), Answer { outcome, is_part: false, number });
        }
        Ok(results)
    }

    /// From the cache, or computed. `listener` hears what is there meanwhile.
    pub(super) fn value(
        &self,
        open: &OpenTrace,
        query: &Query,
        stop: &AtomicBool,
        listener: &dyn Listener,
    ) -> Result<Value, QueryError> {
        open.trace.check_unchanged()?;
        let key = (open.trace.serial(), query.clone());
        if let Some(known) = self.cached(&key) {
            return Ok(known);
        }
        if stop.load(Ordering::Relaxed) {
            return Err(QueryError::Stopped);
        }
        let computed = query.compute(&Context { solver: self, open, stop, listener });
        // What was read of a file that changed meanwhile means nothing.
        open.trace.check_unchanged()?;
        let value = computed?;
        self.cache().insert(key, value.clone());
        Ok(value)
    }

    pub(super) fn cached(&self, key: &Key) -> Option<Value> {
        self.cache().get(key)
    }

    pub(super) fn forget(&self) {
        let mut cache = self.cache();
        cache.entries.clear();
        cache.bytes = 0;
    }

    /// Layers are computed outwards from this one.
    pub(super) fn set_near_layer(&self, layer: usize) {
        self.near_layer.store(layer, Ordering::Relaxed);
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // A thread that panicked left whole entries.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Context<'a> {
    /// What another request gives.
    ///
    /// # Errors
    /// Those of that request.
    pub fn get<R: Request>(&self, request: &R) -> Result<Arc<R::Result>, QueryError> {
        let value = self.solver.value(self.open, &Query::from(request.clone()), self.stop, self.listener)?;
        value.typed().ok_or_else(|| QueryError::failed("a result has another type than its request"))
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
        &self.solver.engine
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

    /// All layers of a block, `[heads, queries, keys]` each.
    ///
    /// # Errors
    /// If there is no such block.
    pub fn layers(&self, block: usize) -> Result<Vec<LayerWeights<'a>>, QueryError> {
        match block < self.document().attention.len() {
            true => Ok(LayerWeights::of_block(&self.open.trace, block)),
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
        let near = self.solver.near_layer.load(Ordering::Relaxed);
        let mut layers: Vec<usize> = (0..count).collect();
        layers.sort_by_key(|layer| layer.abs_diff(near));
        layers
    }
}

impl Cache {
    fn get(&mut self, key: &Key) -> Option<Value> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.clock;
        Some(entry.value.clone())
    }

    /// What is larger than the budget alone is not kept.
    fn insert(&mut self, key: Key, value: Value) {
        if value.bytes > self.budget_bytes {
            return;
        }
        self.clock += 1;
        self.bytes += value.bytes;
        if let Some(before) = self.entries.insert(key, Entry { value, used: self.clock }) {
            self.bytes -= before.value.bytes;
        }
        while self.bytes > self.budget_bytes {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(gone) = oldest.and_then(|key| self.entries.remove(&key)) else { return };
            self.bytes -= gone.value.bytes;
        }
    }
}
