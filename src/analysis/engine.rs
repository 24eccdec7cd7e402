//! The engine picks the backend: shaders on a hardware adapter, the processor on a software adapter, where shaders are
//! emulated on that same processor. Of weights that have to be computed the device makes statistics, and what selected tokens attend to;
//! else what is made of them is made on the processor.

use std::sync::Arc;

use super::gather::{self, Resolved, SelectionError};
use super::normalize::{self, Normalization};
use super::peaks::Peaks;
use super::per_head::{self, HeadWeights};
use super::pool::{self, Tiling};
use super::statistics::{self, HeadStatistics, Options, plan::Plan, sums::Sums};
use super::timeline::{self, HeadMasses};
use super::{BlockLayout, Combine, HeadRows, LayerWeights, NoSuchWeights, Pick, Selection, WeightKind, rollout};
use crate::gpu::{Gpu, GpuError, PageKey, PageTensor, ResidentMatrix, resident_head};
use crate::trace::{TensorView, Trace, TraceError};

/// What the selection reads of a file at most to be gathered on the CPU whatever the device.
const READ_HERE_BYTES: usize = 4 << 20;

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
    /// The trace has none of the kind.
    #[error(transparent)]
    Weights(#[from] NoSuchWeights),
    /// Shaders were demanded without a device.
    #[error("the statistics cannot run in shaders: no GPU is open")]
    NoGpu,
}

/// Runs the kernels. Shared by all threads.
#[derive(Debug)]
pub struct Engine {
    /// The device that was given; its successor once it is lost.
    gpu: Option<Arc<Gpu>>,
    /// Whether the processor takes over what the device does not do.
    may_fall_back: bool,
}

impl Engine {
    /// Everything on the processor.
    pub fn cpu() -> Self {
        Self { gpu: None, may_fall_back: true }
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
        Ok(Self { gpu, may_fall_back: compute == Compute::Auto })
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
    /// told how many of how many are done, and says whether to go on; before the first one as well, where there are regions
    /// to be measured.
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
        trace.check_unchanged()?;
        let layers = LayerWeights::of_block(trace, block);
        let plan = Plan::new_while(&BlockLayout::of(trace, block), options, &mut || on_layer(0, layers.len()));
        let plan = plan.ok_or(EngineError::Cancelled)?;
        let mut on_layer = |done| on_layer(done, layers.len()) && trace.check_unchanged().is_ok();
        let on_device = self.try_shaders(|gpu| {
            statistics::gpu::layer_sums(gpu, page_key(trace, block), &layers, &plan, &mut on_layer)
        })?;
        let sums = on_device.unwrap_or_else(|| {
            let pass = statistics::cpu::Pass::new(&plan, &layers);
            let mut sums = Vec::with_capacity(layers.len());
            for layer in 0..layers.len() {
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

    /// The sums of one layer's weights of a kind, one entry a head, of which [`statistics::finish`] makes the statistics. `goes_on` is
    /// asked every other millisecond.
    ///
    /// # Errors
    /// If `goes_on` says no, the device fails, or the trace has none of the kind. Panics if there is no such block or layer.
    pub fn layer_sums(
        &self,
        trace: &Trace,
        (block, layer): (usize, usize),
        kind: &WeightKind,
        plan: &Plan,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Sums>, EngineError> {
        trace.check_unchanged()?;
        let weights = LayerWeights::of_kind(trace, block, layer, kind)?;
        let key = PageKey { layer, ..page_key(trace, block) };
        let has_shaders = weights.has_shaders();
        let weights = std::slice::from_ref(&weights);
        let of_layer = |gpu: &Gpu| {
            let sums = statistics::gpu::layer_sums(gpu, key, weights, plan, &mut |_| goes_on())?;
            Ok(sums.map(|sums| sums.concat()))
        };
        let on_device = if has_shaders { self.try_shaders(of_layer)? } else { None };
        let sums = on_device.unwrap_or_else(|| statistics::cpu::Pass::new(plan, weights).layer_sums(0, goes_on));
        trace.check_unchanged()?;
        sums.filter(|_| goes_on()).ok_or(EngineError::Cancelled)
    }

    /// The attention of the selected tokens, added head by head: one weight per token of the other side (keys for `AttendsTo`,
    /// queries for `AttendedBy`). Sinks are treated like all others. Where the selection is not one that can be gathered head by
    /// head ([`Resolved::is_by_head`]), and where sinks are left out, [`HeadRows::gather`] gives the weights.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn gather(
        &self,
        trace: &Trace,
        selection: &Selection,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f32>, EngineError> {
        let layers = layers(trace, selection)?;
        let part = Resolved::new(&BlockLayout::of(trace, selection.block), &layers, selection)?;
        if !part.is_by_head(selection) {
            let rows = self.rows(trace, selection, Vec::new(), goes_on)?;
            return rows.gather(&part, goes_on).ok_or(EngineError::Cancelled);
        }
        let key = page_key(trace, selection.block);
        // What is read in no time here is not worth a page of the device.
        let is_small = self.may_fall_back && part.bytes_of_rows(&layers) <= READ_HERE_BYTES;
        let on_device = match !is_small && gather::gpu::can_gather(&layers, &part) {
            true => self.try_shaders(|gpu| gather::gpu::gather(gpu, key, &layers, &part))?,
            false => None,
        };
        // The shader adds weight by weight: rows that are not finite are left out here.
        let sound = on_device.filter(|weights| !weights.iter().any(|weight| weight.is_nan()));
        let weights = sound.or_else(|| gather::cpu::gather(&layers, &part, goes_on));
        let is_broken = weights.iter().flatten().any(|weight| weight.is_nan());
        let weights = match is_broken && part.combine != Combine::Mean {
            true => self.rows(trace, selection, Vec::new(), goes_on)?.gather(&part, goes_on),
            false => weights,
        };
        trace.check_unchanged()?;
        weights.ok_or(EngineError::Cancelled)
    }

    /// The rows of the matrix of the selected heads, or of their rollout, without the keys `left_out` if the selection leaves
    /// sinks out. Tokens play no part.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails, or `goes_on` says no. Panics if there is no such block.
    pub fn rows<'a>(
        &self,
        trace: &'a Trace,
        selection: &Selection,
        left_out: Vec<usize>,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<HeadRows<'a>, EngineError> {
        let layers = layers(trace, selection)?;
        if selection.rollout().is_none() {
            return Ok(HeadRows::new(layers, selection, left_out)?);
        }
        let matrix = Arc::new(self.rollout(trace, selection, goes_on)?);
        Ok(HeadRows::of_rollout(matrix, keys(&layers), selection, left_out))
    }

    /// The matrix of the selected head as it lies on the device; `None` where the kernels run on the CPU, or the selection means
    /// more than one head.
    ///
    /// # Errors
    /// If the selection does not fit the trace, or the device fails. Panics if there is no such block.
    pub fn resident_matrix(&self, trace: &Trace, selection: &Selection) -> Result<Option<ResidentMatrix>, EngineError> {
        let layers = layers(trace, selection)?;
        let heads = gather::heads(&layers, selection)?;
        let [(layer, heads)] = heads.as_slice() else { return Ok(None) };
        if heads.len() != 1 || selection.rollout().is_some() {
            return Ok(None);
        }
        let key = PageKey { layer: *layer, ..page_key(trace, selection.block) };
        Ok(self
            .try_shaders_on(&layers[*layer..=*layer], |gpu, views| resident_head(gpu, key, &views[0], heads.start))?)
    }

    /// The rollout of the selected heads: `[queries, keys]`.
    ///
    /// # Errors
    /// If the selection has none, the device fails, or `goes_on` says no. Panics if there is no such block.
    pub fn rollout(
        &self,
        trace: &Trace,
        selection: &Selection,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f32>, EngineError> {
        let layers = layers(trace, selection)?;
        let rollout = selection.rollout().unwrap_or_default();
        let layout = BlockLayout::of(trace, selection.block);
        let heads = rollout::heads(&layout, &layers, selection, rollout)?;
        let (key, residual, head) = (page_key(trace, selection.block), rollout.residual(), selection.head);
        let goes_on = &|| goes_on() && !trace.is_torn();
        let on_device = self.try_shaders_on(&layers, |gpu, layers| {
            rollout::gpu::rollout(gpu, key, layers, &heads, head, residual, goes_on)
        })?;
        // The shader multiplies NaN by 0: rows that are not finite are kept to themselves here.
        let is_sound = |rolled: &Option<Vec<f32>>| !rolled.iter().flatten().any(|weight| weight.is_nan());
        let rolled = on_device.filter(is_sound);
        let rolled = rolled.unwrap_or_else(|| rollout::cpu::rollout(&layers, &heads, head, residual, goes_on));
        trace.check_unchanged()?;
        rolled.ok_or(EngineError::Cancelled)
    }

    /// The same of some tokens alone, without the matrix, as [`rollout::of_tokens`] has it.
    ///
    /// # Errors
    /// If the selection has none, or `goes_on` says no. Panics if there is no such block.
    pub fn rollout_of_tokens(
        &self,
        trace: &Trace,
        selection: &Selection,
        factors: Vec<Vec<f32>>,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let layers = layers(trace, selection)?;
        let rollout = selection.rollout().unwrap_or_default();
        let heads = rollout::heads(&BlockLayout::of(trace, selection.block), &layers, selection, rollout)?;
        let (residual, direction) = (rollout.residual(), selection.direction);
        let goes_on = &|| goes_on() && !trace.is_torn();
        let rolled =
            rollout::of_tokens::of_tokens(&layers, &heads, selection.head, residual, direction, factors, goes_on);
        trace.check_unchanged()?;
        rolled.ok_or(EngineError::Cancelled)
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
        Ok(gather::heads(&layers(trace, selection)?, &everywhere)?)
    }

    /// What the output tokens attend to, by head, in weights of a kind; of a relevance those that it is for. `found` are sinks besides the usual ones. `goes_on` is asked
    /// before each layer.
    ///
    /// # Errors
    /// If `goes_on` says no, or the trace has none of the kind. Panics if there is no such block.
    pub fn output_masses(
        &self,
        trace: &Trace,
        block: usize,
        kind: &WeightKind,
        found: &[usize],
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<HeadMasses, EngineError> {
        trace.check_unchanged()?;
        let layers = LayerWeights::layers(trace, block, kind)?;
        let (document, described) = (trace.document(), &trace.document().attention[block]);
        let outputs = timeline::output_tokens(document, described);
        let sinks = [timeline::usual_sinks(document, described).as_slice(), found].concat();
        let groups = timeline::groups(document, described, &outputs, &sinks);
        let targets = layers.first().and_then(LayerWeights::relevance).map(|relevance| relevance.targets.to_vec());
        let sums = HeadMasses::sum(&layers, &targets.unwrap_or(outputs), &groups, &|| goes_on() && !trace.is_torn());
        trace.check_unchanged()?;
        sums.ok_or(EngineError::Cancelled)
    }

    /// The largest weights that any head of any layer has for the selected tokens.
    ///
    /// # Errors
    /// If the selection does not fit the trace. Panics if there is no such block.
    pub fn peaks(
        &self,
        trace: &Trace,
        selection: &Selection,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Peaks, EngineError> {
        let layout = BlockLayout::of(trace, selection.block);
        let peaks = Peaks::of(&layout, &layers(trace, selection)?, selection, goes_on)?;
        trace.check_unchanged()?;
        peaks.ok_or(EngineError::Cancelled)
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
    pub fn per_head(
        &self,
        trace: &Trace,
        selection: &Selection,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<HeadWeights, EngineError> {
        let layers = layers(trace, selection)?;
        let part = per_head::resolve(&BlockLayout::of(trace, selection.block), &layers, selection)?;
        let key = page_key(trace, selection.block);
        let on_device = match gather::gpu::can_gather(&layers, &part) {
            true => self.try_shaders(|gpu| per_head::gpu::per_head(gpu, key, &layers, &part))?,
            false => None,
        };
        let sound = on_device.filter(|weights| !weights.values.iter().any(|weight| weight.is_nan()));
        let weights = sound.or_else(|| per_head::cpu::per_head(&layers, &part, goes_on));
        trace.check_unchanged()?;
        weights.ok_or(EngineError::Cancelled)
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
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let layers = trace.document().attention[block].layers;
        (0..layers).map(|layer| self.pool_layer(trace, (block, layer), &WeightKind::Raw, tiling, goes_on)).collect()
    }

    /// The heads of one layer as small tiles of weights of a kind: `[heads, rows, columns]`.
    ///
    /// # Errors
    /// If the device fails, the file has changed, or the trace has none of the kind. Panics if there is no such block or layer.
    pub fn pool_layer(
        &self,
        trace: &Trace,
        (block, layer): (usize, usize),
        kind: &WeightKind,
        tiling: &Tiling,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f32>, EngineError> {
        trace.check_unchanged()?;
        if !goes_on() {
            return Err(EngineError::Cancelled);
        }
        let weights = LayerWeights::of_kind(trace, block, layer, kind)?;
        let key = PageKey { layer, ..page_key(trace, block) };
        let on_device = self.try_shaders_on(std::slice::from_ref(&weights), |gpu, views| {
            pool::gpu::pool(gpu, key, &views[0], &weights.mask(), tiling)
        })?;
        let goes_on = &|| goes_on() && !trace.is_torn();
        let tiles = on_device.or_else(|| pool::cpu::pool(&weights, tiling, goes_on));
        trace.check_unchanged()?;
        tiles.ok_or(EngineError::Cancelled)
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

    /// The same with the weights of these layers; `None` as well if they are not stored.
    fn try_shaders_on<T>(
        &self,
        layers: &[LayerWeights<'_>],
        mut work: impl FnMut(&Gpu, &[TensorView<'_>]) -> Result<T, GpuError>,
    ) -> Result<Option<T>, GpuError> {
        let stored: Option<Vec<TensorView<'_>>> = layers.iter().map(|layer| layer.stored().cloned()).collect();
        stored.map_or(Ok(None), |stored| self.try_shaders(|gpu| work(gpu, &stored)))
    }
}

/// All of a selection's block, of a file that is still what was opened.
fn layers<'a>(trace: &'a Trace, selection: &Selection) -> Result<Vec<LayerWeights<'a>>, EngineError> {
    trace.check_unchanged()?;
    Ok(LayerWeights::layers(trace, selection.block, &selection.weights)?)
}

fn keys(layers: &[LayerWeights<'_>]) -> usize {
    layers.first().map_or(0, |layer| layer.shape()[2])
}

/// Of the block's first page.
fn page_key(trace: &Trace, block: usize) -> PageKey {
    PageKey { trace: trace.serial(), block, layer: 0, tensor: PageTensor::Weights, first_head: 0 }
}
