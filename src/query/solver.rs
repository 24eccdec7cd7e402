//! Computes requests, each once: what one request needs of another comes from the same cache.
//!
//! The cache is bounded in bytes; what was not asked for longest goes first. Results of other traces stay as long as there is
//! room, so that going back to an example costs nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::QueryError;
use super::open::OpenTrace;
use super::request::{Context, Listener, Query, Request};
use super::results::{Answer, Results};
use super::value::Value;
use crate::analysis::Engine;

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
        self.value(open, &Query::from(request.clone()), stop, &())?.typed()
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
        let solve = |query: &Query| self.value(open, query, stop, listener);
        let near_layer = self.near_layer.load(Ordering::Relaxed);
        let context = Context { engine: &self.engine, open, stop, listener, solve: &solve, near_layer };
        let computed = query.compute(&context);
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
