//! The engine picks the twin: shaders on a hardware adapter, the processor on a software adapter, where shaders are
//! emulated on that same processor.

mod treated;

use std::sync::{Arc, Mutex, PoisonError};

use super::gather::{self, Resolved, SelectionError};
use super::normalize::{self, Normalization};
use super::peaks::Peaks;
use super::per_head::{self, HeadWeights};
use super::pool::{self, Rectangle, Tiling};
use super::statistics::{self, HeadStatistics, Options, plan::Plan, sums::Sums};
use super::timeline::{self, HeadMasses};
use super::{BlockLayout, Pick, Selection, rollout};
use crate::gpu::{Gpu, GpuError, PageKey, ResidentMatrix, resident_head};
use crate::trace::{TensorView, Trace, TraceError};

/// Where the kernels run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compute {
    /// In shaders on a hardware adapter, else on the processor; what does not fit the device runs on the processor.
    #[default]
    Auto,
    /// In shaders, even on a software adapter.
    Gpu,
    /// On the processor.
    Cpu,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The callback said so.
    #[error("cancelled")]
    Cancelled,
    /// The file is no longer what was opened.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The selection does not fit the trace.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The device did not do it.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// Shaders were demanded without a device.
    #[error("the statistics cannot run in shaders: no GPU is open")]
    NoGpu,
}

/// `[queries, keys]` of one head, or of the mean of several.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// Row by row.
    Host(Arc<Vec<f32>>),
    /// In GPU memory, in its stored dtype.
    Resident(ResidentMatrix),
}

/// The trace's number, the heads of it, and their `[queries, keys]`.
type LastMatrix = (u64, Selection, Arc<Vec<f32>>);

/// A head's number, and its `[queries, keys]`.
pub type HeadMatrix = (usize, Arc<Vec<f32>>);

/// Runs the kernels. Shared by all threads.
#[derive(Debug)]
pub struct Engine {
    /// The device that was given; its successor once it is lost.
    gpu: Option<Arc<Gpu>>,
    /// Whether the processor takes over what the device does not do.
    may_fall_back: bool,
    /// The matrix that was made last, of which trace and which layers and heads: a hover changes the tokens alone.
    last_matrix: Mutex<Option<LastMatrix>>,
}

impl Engine {
    /// Everything on the processor.
    pub fn cpu() -> Self {
        Self { gpu: None, may_fall_back: true, last_matrix: Mutex::default() }
    }

    /// An engine on a device, which keeps at most `budget_bytes` of attention from now on, whoever uses it.
    ///
    /// # Errors
    /// If shaders are demanded without a device.
    pub fn new(gpu: Option<Arc<Gpu>>, compute: Compute, budget_bytes: u64) -> Result<Self, EngineError> {
        let gpu = match compute {
            Compute::Cpu => None,
            Compute::Auto => gpu.filter(|gpu| !gpu.is_software()),
            Compute::Gpu => Some(gpu.ok_or(EngineError::NoGpu)?),
        };
        if let Some(gpu) = &gpu {
            gpu.set_page_budget(budget_bytes);
        }
        Ok(Self { gpu, may_fall_back: compute == Compute::Auto, last_matrix: Mutex::default() })
    }

    /// The device of the shaders. What stays on it can be drawn on it alone.
    pub fn gpu(&self) -> Option<Arc<Gpu>> {
        self.gpu.as_ref().and_then(|gpu| gpu.current().ok())
    }

    /// Whether the kernels run in shaders.
    pub fn runs_shaders(&self) -> bool {
        self.gpu.is_some()
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
        let layers = layers(trace, block)?;
        let mut on_layer = |done| on_layer(done, layers.len()) && trace.check_unchanged().is_ok();
        let on_device = self.try_shaders(|gpu| {
            statistics::gpu::layer_sums(gpu, page_key(trace, block), &layers, &plan, &mut on_layer)
        })?;
        let sums = on_device.unwrap_or_else(|| {
            let pass = statistics::cpu::Pass::new(&plan);
            let mut sums = Vec::with_capacity(layers.len());
            for layer in &layers {
                sums.extend(pass.layer_sums(layer, &|| true));
                if !on_layer(sums.len()) {
                    return None;
                }
            }
            Some(sums)
        });
        // A change in the midst stops as well.
        trace.check_unchanged()?;
        Ok(statistics::finish(&plan, &sums.ok_or(EngineError::Cancelled)?))
    }

    /// The sums of one layer, one entry a head, of which [`statistics::finish`] makes the statistics. `goes_on` is asked
    /// every other millisecond.
    ///
    /// # Errors
    /// If `goes_on` says no, or the device fails. Panics if there is no such block or layer.
    pub fn layer_sums(
        &self,
        trace: &Trace,
        block: usize,
        layer: usize,
        plan: &Plan,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Sums>, EngineError> {
        trace.check_unchanged()?;
        let view = trace.attention(block, layer);
        let key = PageKey { layer, ..page_key(trace, block) };
        let on_device = self.try_shaders(|gpu| {
            let sums = statistics::gpu::layer_sums(gpu, key, std::slice::from_ref(&view), plan, &mut |_| goes_on())?;
            Ok(sums.map(|sums| sums.concat()))
        })?;
        let sums = on_device.unwrap_or_else(|| statistics::cpu::Pass::new(plan).layer_sums(&view, goes_on));
        trace.check_unchanged()?;
        sums.filter(|_| goes_on()).ok_or(EngineError::Cancelled)
    }

    /// The attention of the selected tokens: one weight per token of the other side (keys for `AttendsTo`, queries for
    /// `AttendedBy`), combined as the selection says. Sinks are treated like all others; see [`Self::treated`].
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn gather(&self, trace: &Trace, selection: &Selection) -> Result<Vec<f32>, EngineError> {
        let layers = layers(trace, selection.block)?;
        let part = Resolved::new(&BlockLayout::of(trace, selection.block), &layers, selection)?;
        if !part.is_by_head(selection) {
            return Ok(gather::cpu::gather_matrix(&self.host_matrix(trace, selection)?, keys(&layers), &part));
        }
        let key = page_key(trace, selection.block);
        let on_device = self.try_shaders(|gpu| gather::gpu::gather(gpu, key, &layers, &part))?;
        let weights = on_device.unwrap_or_else(|| gather::cpu::gather(&layers, &part));
        trace.check_unchanged()?;
        Ok(weights)
    }

    /// `[rows, columns]` of a part of a head's matrix, in GPU memory if the kernels run there.
    ///
    /// # Errors
    /// If the device fails. Panics if there is no such block, layer, head, query or key.
    pub fn rectangle(
        &self,
        trace: &Trace,
        block: usize,
        layer: usize,
        part: &Rectangle,
    ) -> Result<Matrix, EngineError> {
        trace.check_unchanged()?;
        let view = trace.attention(block, layer);
        let key = PageKey { layer, ..page_key(trace, block) };
        let resident = self.try_shaders(|gpu| pool::gpu::rectangle(gpu, key, &view, part))?;
        let matrix =
            resident.map_or_else(|| Matrix::Host(Arc::new(pool::cpu::rectangle(&view, part))), Matrix::Resident);
        trace.check_unchanged()?;
        Ok(matrix)
    }

    /// `[queries, keys]` of the selected head, in GPU memory if the kernels run there; or the mean or the maximum of the
    /// selected heads, or their rollout, where the processor can read it. Tokens play no part.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn matrix(&self, trace: &Trace, selection: &Selection) -> Result<Matrix, EngineError> {
        let layers = layers(trace, selection.block)?;
        let heads = gather::heads(&layers, selection)?;
        if let [(layer, heads)] = heads.as_slice()
            && heads.len() == 1
            && selection.rollout.is_none()
        {
            let key = PageKey { layer: *layer, ..page_key(trace, selection.block) };
            let resident = self.try_shaders(|gpu| resident_head(gpu, key, &layers[*layer], heads.start))?;
            trace.check_unchanged()?;
            if let Some(resident) = resident {
                return Ok(Matrix::Resident(resident));
            }
        }
        self.host_matrix(trace, selection).map(Matrix::Host)
    }

    /// [`Self::matrix`], where the processor can read it.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn host_matrix(&self, trace: &Trace, selection: &Selection) -> Result<Arc<Vec<f32>>, EngineError> {
        self.host_matrix_while(trace, selection, &|| true)
    }

    /// The same, for as long as `goes_on` says so: a mean over all layers reads the whole block. The last one is remembered,
    /// and the other functions make theirs of it.
    ///
    /// # Errors
    /// As [`Self::host_matrix`], and if `goes_on` says no.
    pub fn host_matrix_while(
        &self,
        trace: &Trace,
        selection: &Selection,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Arc<Vec<f32>>, EngineError> {
        let (block, layer, head, rollout) = (selection.block, selection.layer, selection.head, selection.rollout);
        let heads_alone = Selection { block, layer, head, rollout, ..Selection::default() };
        let is_known = |last: &LastMatrix| last.0 == trace.serial() && last.1 == heads_alone;
        // A thread that panicked left no half-made matrix.
        let last = || self.last_matrix.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, known)) = last().as_ref().filter(|last| is_known(last)) {
            return Ok(Arc::clone(known));
        }
        let layers = layers(trace, block)?;
        let goes_on = &|| goes_on() && !trace.is_torn();
        let matrix = match rollout {
            Some(rollout) => {
                let heads = rollout::heads(&BlockLayout::of(trace, block), &layers, selection, rollout)?;
                let (key, residual) = (page_key(trace, block), rollout.residual());
                let on_device =
                    self.try_shaders(|gpu| rollout::gpu::rollout(gpu, key, &layers, &heads, head, residual, goes_on))?;
                on_device.unwrap_or_else(|| rollout::cpu::rollout(&layers, &heads, head, residual, goes_on))
            }
            None => gather::cpu::head_matrix(&layers, &gather::heads(&layers, selection)?, layer, head, goes_on),
        };
        trace.check_unchanged()?;
        let matrix = Arc::new(matrix.ok_or(EngineError::Cancelled)?);
        *last() = Some((trace.serial(), heads_alone, Arc::clone(&matrix)));
        Ok(matrix)
    }

    /// The selected heads, in every layer of the block.
    ///
    /// # Errors
    /// If no layer has the head. Panics if there is no such block.
    pub fn heads_of_all_layers(
        &self,
        trace: &Trace,
        selection: &Selection,
    ) -> Result<Vec<gather::LayerHeads>, EngineError> {
        let everywhere = Selection { layer: Pick::Mean, ..selection.clone() };
        Ok(gather::heads(&layers(trace, selection.block)?, &everywhere)?)
    }

    /// What the output tokens attend to, by head. `found` are sinks besides the usual ones. `goes_on` is asked before each
    /// layer.
    ///
    /// # Errors
    /// If `goes_on` says no. Panics if there is no such block.
    pub fn output_masses(
        &self,
        trace: &Trace,
        block: usize,
        found: &[usize],
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<HeadMasses, EngineError> {
        let (document, described) = (trace.document(), &trace.document().attention[block]);
        let outputs = timeline::output_tokens(document, described);
        let sinks = [timeline::usual_sinks(document, described).as_slice(), found].concat();
        let groups = timeline::groups(document, described, &outputs, &sinks);
        let sums =
            HeadMasses::sum(&layers(trace, block)?, &outputs, &groups, || goes_on() && trace.check_unchanged().is_ok());
        trace.check_unchanged()?;
        sums.ok_or(EngineError::Cancelled)
    }

    /// The largest weights that any head of any layer has for the selected tokens.
    ///
    /// # Errors
    /// If the selection does not fit the trace. Panics if there is no such block.
    pub fn peaks(&self, trace: &Trace, selection: &Selection) -> Result<Peaks, EngineError> {
        let layout = BlockLayout::of(trace, selection.block);
        let peaks = Peaks::of(&layout, &layers(trace, selection.block)?, selection)?;
        trace.check_unchanged()?;
        Ok(peaks)
    }

    /// Normalizes `[rows, columns]`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn normalize(&self, values: &[f32], columns: usize, how: Normalization) -> Result<Vec<f32>, EngineError> {
        let mut normalized = values.to_vec();
        let on_device = self.try_shaders(|gpu| {
            normalized.copy_from_slice(values);
            normalize::gpu::normalize(gpu, &mut normalized, columns, how)
        })?;
        if on_device.is_none() {
            normalized.copy_from_slice(values);
            normalize::cpu::normalize(&mut normalized, columns, how);
        }
        Ok(normalized)
    }

    /// [`Self::gather`] of every head of the selected layer apart.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn per_head(&self, trace: &Trace, selection: &Selection) -> Result<HeadWeights, EngineError> {
        let layers = layers(trace, selection.block)?;
        let part = per_head::resolve(&BlockLayout::of(trace, selection.block), &layers, selection)?;
        let key = page_key(trace, selection.block);
        let on_device = self.try_shaders(|gpu| per_head::gpu::per_head(gpu, key, &layers, &part))?;
        let weights = on_device.unwrap_or_else(|| per_head::cpu::per_head(&layers, &part));
        trace.check_unchanged()?;
        Ok(weights)
    }

    /// Every head of a block as a small tile: `[heads, rows, columns]` a layer. Before each layer `goes_on` is asked.
    ///
    /// # Errors
    /// If `goes_on` says no, or the device fails. Panics if there is no such block.
    pub fn pool(
        &self,
        trace: &Trace,
        block: usize,
        tiling: &Tiling,
        goes_on: impl Fn() -> bool,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut tiles = Vec::new();
        for (layer, view) in layers(trace, block)?.iter().enumerate() {
            trace.check_unchanged()?;
            if !goes_on() {
                return Err(EngineError::Cancelled);
            }
            let key = PageKey { layer, ..page_key(trace, block) };
            let on_device = self.try_shaders(|gpu| pool::gpu::pool(gpu, key, view, tiling))?;
            tiles.push(on_device.unwrap_or_else(|| pool::cpu::pool(view, tiling)));
        }
        trace.check_unchanged()?;
        Ok(tiles)
    }

    /// Does work on the device; begins anew on its successor if it is lost. `None` if the processor has to do it.
    fn try_shaders<T>(&self, mut work: impl FnMut(&Gpu) -> Result<T, GpuError>) -> Result<Option<T>, GpuError> {
        let Some(gpu) = &self.gpu else { return Ok(None) };
        let mut attempt = || {
            let current = gpu.current()?;
            current.guarded(|| work(&current))
        };
        let outcome = match attempt() {
            Err(GpuError::Lost) => attempt(),
            outcome => outcome,
        };
        match outcome {
            Err(error) if self.may_fall_back => {
                eprintln!("vlscope: computing on the processor: {error}");
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    }
}

/// All of a block, of a file that is still what was opened.
fn layers(trace: &Trace, block: usize) -> Result<Vec<TensorView<'_>>, TraceError> {
    trace.check_unchanged()?;
    Ok((0..trace.document().attention[block].layers).map(|layer| trace.attention(block, layer)).collect())
}

fn keys(layers: &[TensorView<'_>]) -> usize {
    layers.first().map_or(0, |layer| layer.shape[2])
}

/// Of the block's first page.
fn page_key(trace: &Trace, block: usize) -> PageKey {
    PageKey { trace: trace.serial(), block, layer: 0, first_head: 0 }
}
