//! Statistics that grow layer by layer. What is there is shown, so the layer that is selected comes first and its
//! neighbours next; what was computed is kept if the question changes meanwhile.

use crate::analysis::statistics::{self, HeadStatistics, Options, plan::Plan, sums::Sums};
use crate::analysis::{BlockLayout, Engine, EngineError};
use crate::trace::Trace;

/// The statistics of a block as far as they are known.
#[derive(Debug)]
pub struct GrowingStatistics {
    block: usize,
    plan: Plan,
    /// `[layers]`; `None` where they are not known yet.
    sums: Vec<Option<Vec<Sums>>>,
}

impl GrowingStatistics {
    /// Nothing is known. Panics if there is no such block.
    pub fn new(trace: &Trace, block: usize, options: &Options) -> Self {
        let plan = Plan::new(&BlockLayout::of(trace, block), options);
        Self { block, plan, sums: vec![None; trace.document().attention[block].layers] }
    }

    /// The layer nearest to this one that is not known yet, the earlier of two; `None` if all are.
    pub fn next(&self, near: usize) -> Option<usize> {
        let missing = self.sums.iter().enumerate().filter(|(_, sums)| sums.is_none());
        missing.map(|(layer, _)| layer).min_by_key(|layer| layer.abs_diff(near))
    }

    /// Computes a layer.
    ///
    /// # Errors
    /// If `goes_on` says no, the file has changed, or the device fails.
    pub fn add(
        &mut self,
        engine: &Engine,
        trace: &Trace,
        layer: usize,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), EngineError> {
        self.sums[layer] = Some(engine.layer_sums(trace, self.block, layer, &self.plan, goes_on)?);
        Ok(())
    }

    /// How many layers are known, of how many.
    pub fn progress(&self) -> [usize; 2] {
        [self.sums.iter().flatten().count(), self.sums.len()]
    }

    /// All statistics of the layers that are known; the others have no value. A statistic that compares layers compares
    /// those.
    pub fn statistics(&self) -> Vec<HeadStatistics> {
        let sums: Vec<Vec<Sums>> = self.sums.iter().map(|sums| sums.clone().unwrap_or_default()).collect();
        statistics::finish(&self.plan, &sums)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::path::Path;

    use super::*;

    #[test]
    fn layers_come_outwards_from_the_selected_one_and_end_as_all_at_once() -> Result<(), Box<dyn Error>> {
        let trace = Trace::open(Path::new("tests/traces/multi-image.safetensors"))?;
        let (engine, options) = (Engine::cpu(), Options::default());
        let mut growing = GrowingStatistics::new(&trace, 0, &options);
        let layers = growing.sums.len();
        let mut order = Vec::new();
        while let Some(layer) = growing.next(1) {
            growing.add(&engine, &trace, layer, &|| true)?;
            order.push(layer);
            let entropy = growing.statistics().into_iter().find(|found| found.name == "entropy").ok_or("no entropy")?;
            for layer in 0..layers {
                assert_eq!(entropy.value(layer, 0).is_nan(), !order.contains(&layer));
            }
        }
        assert_eq!(order[..3], [1, 0, 2]);
        assert_eq!(growing.progress(), [layers, layers]);
        let at_once = engine.statistics(&trace, 0, &options, &mut |_, _| true)?;
        for (one, other) in growing.statistics().iter().zip(&at_once) {
            let bits = |found: &HeadStatistics| found.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(one), bits(other), "{}", one.name);
        }
        assert!(matches!(
            GrowingStatistics::new(&trace, 0, &options).add(&engine, &trace, 0, &|| false),
            Err(EngineError::Cancelled)
        ));
        Ok(())
    }
}
