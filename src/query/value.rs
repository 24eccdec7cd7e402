//! Results whose type was forgotten, and how much memory they take.

use std::any::Any;
use std::sync::Arc;

use super::error::QueryError;

/// How much memory a result takes besides its own size.
pub trait HeapBytes {
    /// In bytes; roughly.
    fn heap_bytes(&self) -> usize;
}

/// A result of whatever type.
#[derive(Clone)]
pub(super) struct Value {
    pub result: Arc<dyn Any + Send + Sync>,
    pub bytes: usize,
}

impl Value {
    pub fn of<T: HeapBytes + Send + Sync + 'static>(result: T) -> Self {
        let bytes = size_of::<T>() + result.heap_bytes();
        Self { result: Arc::new(result), bytes }
    }

    /// An error for a result of another type, which no key leads to.
    pub fn typed<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, QueryError> {
        let result = Arc::clone(&self.result).downcast();
        result.map_err(|_| QueryError::failed("a result has another type than its request"))
    }
}

impl HeapBytes for f32 {
    fn heap_bytes(&self) -> usize {
        0
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
