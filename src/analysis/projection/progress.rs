//! How long work is told of and stopped.

/// Told how far the work is, from 0 to 1; says whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(f32) -> bool;

/// The work was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the projection was stopped")]
pub struct Stopped;
