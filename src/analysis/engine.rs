//! The engine picks the twin: shaders on a hardware adapter, the processor on a software adapter, where emulated
//! compute shaders are 15 to 30 times slower than native code.

use std::sync::Arc;

use super::gather::{self, Resolved, SelectionError};
use super::statistics::{self, HeadStatistics, Options, plan::Plan};
use super::{BlockLayout, Selection};
use crate::gpu::ResidentMatrix;
use crate::trace::{TensorView, Trace};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The callback said so.
    #[error("cancelled")]
    Cancelled,
    /// The selection does not fit the trace.
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

/// Runs the kernels. Shared by all threads.
#[derive(Debug)]
pub struct Engine {}

/// `[queries, keys]` of one head, or of the mean of several.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// Row by row.
    Host(Arc<Vec<f32>>),
    /// In GPU memory, in its stored dtype.
    Resident(ResidentMatrix),
}

/// Which twin runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compute {
    /// Shaders on a hardware adapter, the processor on a software adapter.
    #[default]
    Auto,
    /// Shaders.
    Gpu,
    /// The processor.
    Cpu,
}

impl Engine {
    /// Stand-in.
    pub fn new(_gpu: Option<Arc<crate::gpu::Gpu>>, _compute: Compute) -> Self {
        Self {}
    }

    /// Everything on the processor.
    pub fn cpu() -> Self {
        Self {}
    }

    /// Every statistic of every head of a block, in the order of [`statistics::TABLE`]. After each layer `on_layer` is
    /// told how many of how many are done, and says whether to go on.
    ///
    /// # Errors
    /// If `on_layer` says no, or the device fails. Panics if there is no such block.
    pub fn statistics(
        &self,
        trace: &Trace,
        block: usize,
        options: &Options,
        on_layer: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Vec<HeadStatistics>, EngineError> {
        let plan = Plan::new(&BlockLayout::of(trace, block), options);
        let layers = layers(trace, block);
        let mut sums = Vec::with_capacity(layers.len());
        for layer in &layers {
            sums.push(statistics::cpu::layer_sums(&plan, layer));
            if !on_layer(sums.len(), layers.len()) {
                return Err(EngineError::Cancelled);
            }
        }
        Ok(statistics::finish(&plan, &sums))
    }

    /// The attention of the selected tokens: one weight per token of the other side (keys for `AttendsTo`, queries for
    /// `AttendedBy`), the mean over tokens, heads and layers.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn gather(&self, trace: &Trace, selection: &Selection) -> Result<Vec<f32>, EngineError> {
        let layers = layers(trace, selection.block);
        let part = Resolved::new(&BlockLayout::of(trace, selection.block), &layers, selection)?;
        Ok(gather::cpu::gather(&layers, &part))
    }

    /// `[queries, keys]` of the selected head, or the mean of the selected heads; tokens play no part.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn matrix(&self, trace: &Trace, selection: &Selection) -> Result<Matrix, EngineError> {
        Ok(Matrix::Host(self.host_matrix(trace, selection)?))
    }

    /// [`Self::matrix`], always where the processor can read it.
    ///
    /// # Errors
    /// If the selection does not fit the trace. Panics if there is no such block.
    pub fn host_matrix(&self, trace: &Trace, selection: &Selection) -> Result<Arc<Vec<f32>>, EngineError> {
        let layers = layers(trace, selection.block);
        let heads = gather::heads(&layers, selection)?;
        Ok(Arc::new(gather::cpu::head_matrix(&layers, &heads)))
    }
}

fn layers(trace: &Trace, block: usize) -> Vec<TensorView<'_>> {
    (0..trace.document().attention[block].layers).map(|layer| trace.attention(block, layer)).collect()
}
