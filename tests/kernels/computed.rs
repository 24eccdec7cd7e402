//! One example stored as weights and as queries and keys: every request gives the same of both.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::common::{assert_close, gpu, limited_gpu};
use crate::pair::pair;
use vlscope::analysis::normalize::Normalization;
use vlscope::analysis::pool::Pooling;
use vlscope::analysis::sinks::Criteria;
use vlscope::analysis::{
    Cells, Combine, Compute, Direction, Engine, Pick, Rollout, Selection, SinkTreatment, WeightKind,
};
use vlscope::query::{
    Apart, AttentionGrid, BlockPeaks, BlockSinks, BlockStatistics, Cell, HeadsApart, Keeps, Normalized, OpenTrace,
    OutputMasses, Received, Rectangle, Request, RowEntropy, Solver, StrongestLinks, Weights,
};
use vlscope::trace::Mask;

const CLOSE: f32 = 2e-5;
const TOKENS: usize = 70;

/// The two traces, and who answers of them.
struct Both {
    traces: [OpenTrace; 2],
    solver: Solver,
    _folder: tempfile::TempDir,
}

impl Both {
    fn new(masks: &[Mask], engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let traces = pair(folder.path(), masks).unwrap().map(|path| OpenTrace::open(&path).unwrap());
        Self { traces, solver: Solver::new(engine), _folder: folder }
    }

    fn of<R: Request>(&self, request: &R) -> [Arc<R::Result>; 2] {
        let stop = AtomicBool::new(false);
        self.traces
            .each_ref()
            .map(|open| self.solver.solve(open, request, &stop).unwrap_or_else(|error| panic!("{request:?}: {error}")))
    }

    /// Asserts that numbers of both results are alike.
    fn alike<R: Request>(&self, request: &R, tolerance: f32, numbers: impl Fn(&R::Result) -> Vec<f32>) {
        let [stored, computed] = self.of(request).map(|result| numbers(&result));
        assert!(!stored.is_empty(), "{request:?} says nothing");
        assert_close(&format!("{request:?}"), &stored, &computed, tolerance);
    }
}

/// Another mask in each layer.
fn mixed() -> Vec<Mask> {
    vec![Mask::Stored, Mask::Sliding(25), Mask::CausalBut(vec![10..30, 30..40])]
}

fn selections() -> Vec<Selection> {
    let mut selections = Vec::new();
    let criteria = Criteria { share_ratio: 1.5, head_share: 0.2, ..Criteria::default() };
    for (layer, head) in [
        (Pick::One(1), Pick::One(2)),
        (Pick::One(0), Pick::Mean),
        (Pick::Mean, Pick::One(3)),
        (Pick::Mean, Pick::Mean),
        (Pick::Max, Pick::Max),
    ] {
        for direction in [Direction::AttendsTo, Direction::AttendedBy] {
            for (tokens, combine) in [
                (vec![], Combine::Mean),
                (vec![65], Combine::Mean),
                (vec![3, 20, 69], Combine::Max),
                (vec![0, 50], Combine::Sum),
            ] {
                for sinks in [SinkTreatment::Show, SinkTreatment::Hide, SinkTreatment::Renormalise] {
                    let tokens = tokens.clone();
                    let one = Selection { layer, head, tokens, direction, combine, sinks, ..Selection::default() };
                    selections.push(Selection { sink_criteria: criteria, ..one });
                }
            }
        }
    }
    let rolled: Vec<Selection> = selections.iter().step_by(5).cloned().collect();
    let rollout = WeightKind::Rollout(Rollout { start: 0, residual_percent: 40 });
    let weighted: Vec<Selection> = selections.iter().skip(1).step_by(7).cloned().collect();
    selections.extend(rolled.into_iter().map(|one| Selection { weights: rollout.clone(), ..one }));
    selections.extend(weighted.into_iter().map(|one| Selection { weights: WeightKind::NormWeighted, ..one }));
    selections
}

#[test]
fn every_request_says_the_same_of_queries_and_keys_as_of_weights() {
    for masks in [vec![Mask::Causal], vec![Mask::Full], mixed()] {
        let both = Both::new(&masks, Engine::cpu());
        for selection in selections() {
            both.alike(&Weights::of(&selection), CLOSE, Vec::clone);
            if selection.sinks != SinkTreatment::Show {
                let found = both.of(&BlockSinks::of(&selection)).map(|sinks| sinks.tokens());
                assert_eq!(found[0], found[1]);
                assert!(!found[0].is_empty() && found[0].len() < TOKENS, "else the test says nothing");
            }
        }
        for selection in selections().into_iter().step_by(3) {
            both.alike(&Normalized::of(&selection, Normalization::MinMax).unwrap(), 1e-3, Vec::clone);
            both.alike(&HeadsApart::of(&selection), CLOSE, |apart| apart.values.clone());
            both.alike(&Received::of(&selection), CLOSE, Vec::clone);
            both.alike(&RowEntropy::of(&selection), 2e-4, Vec::clone);
            both.alike(&Cell::of(&selection, 60, 20), CLOSE, |cell| vec![*cell]);
            both.alike(&BlockPeaks::of(&selection), CLOSE, |peaks| {
                vec![peaks.patches, peaks.words, peaks.tokens, peaks.matrix]
            });
            let listed = Cells::Listed(Arc::new(vec![3, 60, 61, 5, 69]));
            for (queries, keys, step) in [
                (Cells::Run(0..TOKENS), Cells::Run(0..TOKENS), 1),
                (Cells::Run(0..TOKENS), Cells::Run(0..TOKENS), 7),
                (Cells::Run(13..48), Cells::Run(2..9), 2),
                (listed, Cells::Run(0..TOKENS), 3),
            ] {
                let rectangle = Rectangle::cells(&selection, queries, keys, step);
                both.alike(&rectangle, CLOSE, |cells| cells.values.to_vec());
            }
            let places: Arc<Vec<Vec<usize>>> =
                Arc::new((0..TOKENS).step_by(2).map(|token| vec![token, token + 1]).collect());
            let links =
                StrongestLinks::of(&selection, Arc::clone(&places), places, Apart::Nobody, Keeps::Strongest(40));
            both.alike(&links, CLOSE, |links| {
                // Which of two equal links is stronger may differ.
                let mut weights: Vec<f32> = links.others.iter().map(|link| link.weight).collect();
                weights.sort_by(f32::total_cmp);
                weights
            });
        }
        for statistic in ["entropy", "region"] {
            for specials in [false, true] {
                for kind in [WeightKind::Raw, WeightKind::NormWeighted] {
                    let request = BlockStatistics::of(0, statistic, specials).of_weights(&kind);
                    both.alike(&request, 1e-3, |known| known.all.iter().flat_map(|one| one.values.clone()).collect());
                }
            }
        }
        for pooling in Pooling::ALL {
            for kind in [WeightKind::Raw, WeightKind::NormWeighted] {
                let tiles = AttentionGrid::of(0, 16, pooling).of_weights(&kind);
                both.alike(&tiles, CLOSE, |tiles| tiles.shared.to_vec());
            }
        }
        let weighted = Selection { weights: WeightKind::NormWeighted, ..Selection::default() };
        for selection in [Selection::default(), Selection { head: Pick::Mean, ..Selection::default() }, weighted] {
            both.alike(&OutputMasses::of(&selection), CLOSE, |timeline| timeline.masses.as_flattened().to_vec());
        }
    }
}

/// What has a shader is computed in shaders, and all else on the processor.
#[test]
fn an_engine_on_shaders_computes_as_well() {
    // Here a strip has 35 of the 70 rows.
    let little = limited_gpu(20_000);
    for (gpu, masks) in [(gpu(), mixed()), (gpu(), vec![Mask::Full]), (&little, mixed())] {
        let both = Both::new(&masks, Engine::new(Some(gpu.clone()), Compute::Gpu, 1 << 30).unwrap());
        for selection in selections().into_iter().step_by(7) {
            both.alike(&Weights::of(&selection), CLOSE, Vec::clone);
            both.alike(&HeadsApart::of(&selection), CLOSE, |apart| apart.values.clone());
        }
        for (specials, kind) in [(false, WeightKind::Raw), (true, WeightKind::Raw), (true, WeightKind::NormWeighted)] {
            both.alike(&BlockStatistics::of(0, "region", specials).of_weights(&kind), 1e-3, |known| {
                known.all.iter().flat_map(|one| one.values.clone()).collect()
            });
        }
        // Norm-weighted attention is the processor's, whichever engine.
        let weighted = Selection { weights: WeightKind::NormWeighted, tokens: vec![65], ..Selection::default() };
        both.alike(&Weights::of(&weighted), CLOSE, Vec::clone);
        both.alike(&HeadsApart::of(&weighted), CLOSE, |apart| apart.values.clone());
        both.alike(&AttentionGrid::of(0, 16, Pooling::Mean), CLOSE, |tiles| tiles.shared.to_vec());
    }
}
