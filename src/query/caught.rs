//! A panic as an error, so that it ends what it interrupts and no more.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where the program itself is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an internal error, please report it: {0}")]
pub struct Panicked(pub String);

/// Does it. What it was changing when it panicked may be half changed: the caller throws it away, or makes it anew.
///
/// # Errors
/// If it panics, which standard error tells as well.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Panicked(message(panic.as_ref())))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it says nothing more".to_owned())
}
