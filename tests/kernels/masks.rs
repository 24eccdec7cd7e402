//! Every number that asks which keys a query sees, on every mask: both backends against its definition, in f64, of the dense weights
//! and the dense mask.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::atomic::AtomicBool;

use crate::common::{Block, assert_close, engine_on_shaders, gpu, new_key};
use crate::pair::{TOKENS, cells, pair, sees};
use vlscope::analysis::pool::{self, Pooling, Tiling};
use vlscope::analysis::sinks::{self, Criteria};
use vlscope::analysis::statistics::{self, HeadStatistics, Options, plan::Plan};
use vlscope::analysis::{BlockLayout, Engine, LayerWeights, Pick, Rollout, RowBuffers, Selection, WeightKind};
use vlscope::query::{AttentionGrid, OpenTrace, Received, Solver};
use vlscope::trace::{Dtype, Mask, Modality, Synthetic, SyntheticQueries, Token, Trace};

/// One of each kind, for so many tokens.
fn masks(tokens: usize) -> Vec<Mask> {
    let third = tokens / 3;
    let middle = third..(third + 1).max(2 * third);
    let two: Vec<_> = [0..third, middle.clone()].into_iter().filter(|span| !span.is_empty()).collect();
    vec![
        Mask::Full,
        Mask::Causal,
        Mask::Sliding(third + 1),
        Mask::Sliding(1),
        Mask::Prefix(third),
        Mask::Spans(two),
        Mask::CausalBut(vec![middle]),
        Mask::Stored,
    ]
}

/// A head: its weights `[queries, keys]`, and the mask of its layer.
struct Dense<'a> {
    layout: BlockLayout<'a>,
    mask: &'a Mask,
    weights: Vec<f64>,
    specials: bool,
}

impl Dense<'_> {
    fn weight(&self, query: usize, key: usize) -> f64 {
        self.weights[query * self.layout.keys.len() + key]
    }

    fn counts(&self, token: &Token) -> bool {
        self.specials || !token.special
    }

    /// The queries that count, of a modality or of all.
    fn queries(&self, modality: Option<Modality>) -> Vec<usize> {
        let is_one = |&at: &usize| {
            let token = &self.layout.queries[at];
            self.counts(token) && modality.is_none_or(|modality| token.modality() == modality)
        };
        (0..self.layout.queries.len()).filter(is_one).collect()
    }

    /// The keys that count and that a query sees, of a modality or of all.
    fn keys(&self, query: usize, modality: Option<Modality>) -> Vec<usize> {
        let is_one = |&at: &usize| {
            let token = &self.layout.keys[at];
            self.counts(token)
                && sees(self.mask, query, at)
                && modality.is_none_or(|modality| token.modality() == modality)
        };
        (0..self.layout.keys.len()).filter(is_one).collect()
    }

    /// The mean over rows of what a row has, where it has it.
    fn mean(&self, queries: Vec<usize>, of_row: impl Fn(usize) -> Option<f64>) -> f64 {
        let values: Vec<f64> = queries.into_iter().filter_map(of_row).collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    fn row(&self, query: usize) -> Vec<f64> {
        self.keys(query, None).into_iter().map(|key| self.weight(query, key)).collect()
    }

    fn mass(&self, query: Modality, key: Modality) -> f64 {
        self.mean(self.queries(Some(query)), |query| {
            let keys = self.keys(query, Some(key));
            (!keys.is_empty()).then(|| keys.iter().map(|&key| self.weight(query, key)).sum())
        })
    }

    fn on_images(&self, of_cell: impl Fn(usize, usize) -> f64) -> f64 {
        let cells = self
            .queries(None)
            .into_iter()
            .flat_map(|query| self.keys(query, Some(Modality::Image)).into_iter().map(move |key| (query, key)));
        cells.map(|(query, key)| self.weight(query, key) * of_cell(query, key)).sum()
    }

    fn statistic(&self, name: &str) -> Option<f64> {
        let (text, image) = (Modality::Text, Modality::Image);
        let entropy = |row: &[f64]| {
            let sum: f64 = row.iter().sum();
            let terms = row.iter().filter(|weight| **weight > 0.0).map(|weight| weight / sum * (weight / sum).ln());
            (sum > 0.0).then(|| -terms.sum::<f64>())
        };
        let same = self.layout.same_sequence;
        let before = |query: usize, back: usize| {
            let key = query.checked_sub(back).filter(|&key| same && self.keys(query, None).contains(&key));
            key.map(|key| self.weight(query, key))
        };
        let all = || self.queries(None);
        Some(match name {
            "mass.text.text" => self.mass(text, text),
            "mass.text.image" => self.mass(text, image),
            "mass.image.text" => self.mass(image, text),
            "mass.image.image" => self.mass(image, image),
            "entropy" => self.mean(all(), |query| entropy(&self.row(query))),
            "entropy_relative" => self.mean(all(), |query| {
                let row = self.row(query);
                entropy(&row).filter(|_| row.len() > 1).map(|entropy| entropy / (row.len() as f64).ln())
            }),
            "max" => self.mean(all(), |query| self.row(query).into_iter().reduce(f64::max)),
            "hoyer" => self.mean(all(), |query| {
                let row = self.row(query);
                let (root, sum) = ((row.len() as f64).sqrt(), row.iter().sum::<f64>());
                let norm = row.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
                (row.len() > 1 && sum > 0.0).then(|| (root - sum / norm) / (root - 1.0))
            }),
            "sink" => {
                let mut columns = vec![0.0; self.layout.keys.len()];
                for query in all() {
                    self.keys(query, None).into_iter().for_each(|key| columns[key] += self.weight(query, key));
                }
                columns.iter().copied().fold(0.0, f64::max) / columns.iter().sum::<f64>()
            }
            "diagonal" => self.mean(all(), |query| before(query, 0)),
            "previous" => self.mean(all(), |query| before(query, 1)),
            "distance" => self.mean(self.queries(Some(image)), |query| {
                let at = |token: &Token| {
                    let [x, y] = token.image_area().unwrap().1.center();
                    [f64::from(x), f64::from(y) * f64::from(self.layout.aspects[0])]
                };
                let from = at(&self.layout.queries[query]);
                let (mut moment, mut sum) = (0.0, 0.0);
                for key in self.keys(query, Some(image)) {
                    let to = at(&self.layout.keys[key]);
                    moment += self.weight(query, key) * (from[0] - to[0]).hypot(from[1] - to[1]);
                    sum += self.weight(query, key);
                }
                (sum > 0.0).then(|| moment / sum)
            }),
            "region" => {
                let [region] = self.layout.regions else { return Some(f64::NAN) };
                let share = |key: usize| self.layout.keys[key].image_area().unwrap().1.share_inside(&region.area);
                self.on_images(|_, key| f64::from(share(key))) / self.on_images(|_, _| 1.0)
            }
            _ => return None,
        })
    }
}

fn assert_statistics(what: &str, found: &[HeadStatistics], dense: &[Vec<Dense<'_>>], tolerance: f32) {
    let mut checked = 0;
    for statistic in found {
        for (layer, heads) in dense.iter().enumerate() {
            for (head, dense) in heads.iter().enumerate() {
                let Some(expected) = dense.statistic(&statistic.name) else { continue };
                let what = format!("{what}, {} of {layer}.{head} under {:?}", statistic.name, dense.mask);
                // What divides nothing by nothing has no value.
                assert_close(&what, &[expected as f32], &[statistic.value(layer, head)], tolerance);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 13 * dense.iter().map(Vec::len).sum::<usize>());
}

/// A layer with each mask; what masks hide has weights all the same.
fn block(mut block: Block) -> Block {
    let keys = block.keys.as_ref().unwrap_or(&block.queries).len();
    block.masks = masks(keys.min(block.queries.len()));
    block.cells = cells(block.queries.len(), keys);
    block
}

fn dense(block: &Block, specials: bool) -> Vec<Vec<Dense<'_>>> {
    let layers = block.layers();
    let heads = layers.iter().zip(&block.masks).map(|(layer, mask)| {
        let head = |head| {
            let weights = layer.entry(head).to_f32().into_iter().map(f64::from).collect();
            Dense { layout: block.layout(), mask, weights, specials }
        };
        (0..layer.shape[0]).map(head).collect()
    });
    heads.collect()
}

fn blocks() -> impl Iterator<Item = Block> {
    let heads = [2; 8];
    let mixed = [1, 2, 63, 64, 65, 129]
        .map(|tokens| Block::mixed(tokens, false, &heads, if tokens == 64 { Dtype::F16 } else { Dtype::F32 }));
    let cross = [(37, 65), (65, 3)].map(|(queries, keys)| Block::cross(queries, keys, &heads, Dtype::F32));
    mixed.into_iter().chain(cross).map(block)
}

#[test]
fn statistics_count_what_queries_see() {
    for block in blocks() {
        let what = format!("{} tokens", block.queries.len());
        for specials in [false, true] {
            let plan = Plan::new(&block.layout(), &Options { specials, ..Options::default() });
            let weights = block.weights();
            let pass = statistics::cpu::Pass::new(&plan, &weights);
            let sums: Vec<_> = (0..weights.len()).map(|layer| pass.layer_sums(layer, &|| true).unwrap()).collect();
            let on_processor = statistics::finish(&plan, &sums);
            let run = || statistics::gpu::layer_sums(gpu(), new_key(), &weights, &plan, &mut |_| true);
            let in_shaders = statistics::finish(&plan, &gpu().guarded(run).unwrap().unwrap());
            let dense = dense(&block, specials);
            for found in [&on_processor, &in_shaders] {
                assert_statistics(&what, found, &dense, 2e-5);
            }
            // VL-InterpreT's know no mask.
            for (one, other) in on_processor.iter().zip(&in_shaders).filter(|(one, _)| one.name.starts_with("vli.")) {
                assert_close(&one.name, &one.values, &other.values, 1e-3);
            }
        }
    }
}

/// NaN, wherever it is, leaves a row out whatever the mask.
#[test]
fn rows_are_left_out_under_every_mask() {
    for mut block in blocks().filter(|block| block.keys.is_none() && block.queries.len() > 2) {
        let tokens = block.queries.len();
        for layer in 0..8 {
            block.set(layer, [1, tokens / 2, 0], f32::NAN);
            block.set(layer, [1, tokens / 3, tokens - 1], f32::INFINITY);
        }
        let plan = Plan::new(&block.layout(), &Options::default());
        let weights = block.weights();
        let pass = statistics::cpu::Pass::new(&plan, &weights);
        let sums: Vec<_> = (0..8).map(|layer| pass.layer_sums(layer, &|| true).unwrap()).collect();
        let run = || statistics::gpu::layer_sums(gpu(), new_key(), &weights, &plan, &mut |_| true);
        let [one, other] = [sums, gpu().guarded(run).unwrap().unwrap()].map(|sums| statistics::finish(&plan, &sums));
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(*one.rows_left_out, [0, 2].repeat(8));
            assert_eq!(one.rows_left_out, other.rows_left_out);
            let tolerance = if one.name.starts_with("vli.") { 1e-3 } else { 2e-5 };
            assert_close(&one.name, &one.values, &other.values, tolerance);
        }
    }
}

#[test]
fn tiles_are_pooled_of_what_queries_see() {
    for block in blocks() {
        let [queries, keys] = [block.queries.len(), block.layout().keys.len()];
        let layers = dense(&block, true);
        for ((weights, mask), heads) in block.weights().iter().zip(&block.masks).zip(&layers) {
            for pooling in Pooling::ALL {
                for side in [1, 7, 200] {
                    let tiling = Tiling::within(side, [queries, keys], pooling);
                    let cell = |number: usize| {
                        let (head, cell) = (number / tiling.cells(), number % tiling.cells());
                        let rows = pool::span(cell / tiling.columns, tiling.rows, queries);
                        let columns = pool::span(cell % tiling.columns, tiling.columns, keys);
                        let all = rows.flat_map(|query| columns.clone().map(move |key| (query, key)));
                        let seen: Vec<f64> = all
                            .filter(|(query, key)| sees(mask, *query, *key))
                            .map(|(query, key)| heads[head].weight(query, key))
                            .collect();
                        let value = match pooling {
                            Pooling::Maximum => seen.iter().copied().reduce(f64::max),
                            Pooling::Mean => (!seen.is_empty()).then(|| seen.iter().sum::<f64>() / seen.len() as f64),
                        };
                        value.unwrap_or(0.0) as f32
                    };
                    let expected: Vec<f32> = (0..2 * tiling.cells()).map(cell).collect();
                    let what = format!("{queries} × {keys}, {tiling:?} under {mask:?}");
                    assert_close(&what, &expected, &pool::cpu::pool(weights, &tiling, &|| true).unwrap(), 2e-6);
                    let run = || pool::gpu::pool(gpu(), new_key(), weights.stored().unwrap(), &weights.mask(), &tiling);
                    assert_close(&what, &expected, &gpu().guarded(run).unwrap(), 2e-6);
                }
            }
        }
    }
}

/// What keys receive from the queries that see them, beside what they would if those attended evenly; heads in which few queries see
/// a key do not count.
#[test]
fn sinks_are_strong_among_the_queries_that_see_them() {
    let mut strong = 0;
    for block in blocks().filter(|block| block.queries.len() > 2) {
        let (layout, layers) = (block.layout(), dense(&block, true));
        let [queries, keys] = [layout.queries.len(), layout.keys.len()];
        for (share_ratio, seen_share) in [(0.8, 0.25), (1.2, 0.25), (1.2, 0.6), (0.0, 0.0)] {
            let criteria = Criteria { share_ratio, seen_share, ..Criteria::default() };
            let share = |key: usize| {
                let (mut of, mut heads) = (0, 0);
                for dense in layers.iter().flatten() {
                    let looks = |query: usize| sees(dense.mask, query, key) && !(layout.same_sequence && query == key);
                    let looking: Vec<usize> = (0..queries).filter(|&query| looks(query)).collect();
                    if looking.is_empty() || (looking.len() as f64) < f64::from(seen_share) * queries as f64 {
                        continue;
                    }
                    of += 1;
                    let received: f64 = looking.iter().map(|&query| dense.weight(query, key)).sum();
                    let even = |&query: &usize| {
                        let row: Vec<f64> = dense.keys(query, None).iter().map(|&k| dense.weight(query, k)).collect();
                        row.iter().sum::<f64>() / row.len() as f64
                    };
                    let even: f64 = looking.iter().map(even).sum();
                    heads += usize::from(even > 0.0 && received >= f64::from(share_ratio) * even);
                }
                strong += heads;
                heads as f32 / of.max(1) as f32
            };
            let expected: Vec<f32> = (0..keys).map(share).collect();
            let found = sinks::strong_heads(&layout, &block.weights(), &criteria);
            assert_close(&format!("{queries} × {keys}, {criteria:?}"), &expected, &found, 1e-6);
        }
    }
    assert!(strong > 1000, "{strong}");
}

/// The weights of a layer, head by head, whether they are stored or computed.
fn weights_of(layer: &LayerWeights<'_>) -> Vec<Vec<f64>> {
    let [heads, queries, keys] = layer.shape();
    let all: Vec<usize> = (0..queries).collect();
    let mut buffers = RowBuffers::default();
    let head = |head: usize| {
        let mut rows = vec![0.0; queries * keys];
        layer.read(head..head + 1, &all, &mut buffers, &mut rows);
        rows.into_iter().map(f64::from).collect()
    };
    (0..heads).map(head).collect()
}

fn dense_of(trace: &Trace) -> Vec<Vec<Dense<'_>>> {
    let layer = |(number, layer): (usize, &LayerWeights<'_>)| {
        let mask = trace.document().attention[0].mask(number);
        let head = |weights| Dense { layout: BlockLayout::of(trace, 0), mask, weights, specials: false };
        weights_of(layer).into_iter().map(head).collect()
    };
    LayerWeights::of_block(trace, 0).iter().enumerate().map(layer).collect()
}

/// In the file and out of it: stored and computed weights, and all that is asked through requests.
#[test]
fn traces_with_masks_by_layer_have_the_numbers_of_what_queries_see() {
    for masks in [
        vec![Mask::Stored, Mask::Sliding(25), Mask::CausalBut(vec![10..30, 30..40])],
        vec![Mask::Prefix(40), Mask::Spans(vec![0..10, 10..40, 50..70]), Mask::Causal],
    ] {
        let folder = tempfile::tempdir().unwrap();
        for path in pair(folder.path(), &masks).unwrap() {
            let open = OpenTrace::open(&path).unwrap();
            let dense = dense_of(&open.trace);
            for engine in [Engine::cpu(), engine_on_shaders()] {
                let found = engine.statistics(&open.trace, 0, &Options::default(), &mut |_, _| true).unwrap();
                assert_statistics(&path.to_string_lossy(), &found, &dense, 2e-5);
                let solver = Solver::new(engine);
                assert_received(&solver, &open, &dense);
                let grid = AttentionGrid::of(0, TOKENS, Pooling::Mean);
                let grid = solver.solve(&open, &grid, &AtomicBool::new(false)).unwrap();
                assert!(grid.maxima.iter().all(|maximum| maximum.is_some_and(f32::is_finite)));
            }
        }
    }
}

fn assert_received(solver: &Solver, open: &OpenTrace, dense: &[Vec<Dense<'_>>]) {
    let heads = dense[0].len();
    let sees_in =
        |layers: &[usize], query: usize, key: usize| layers.iter().any(|at| sees(dense[*at][0].mask, query, key));
    for (layer, layers) in [(Pick::One(0), vec![0]), (Pick::One(1), vec![1]), (Pick::Mean, vec![0, 1, 2])] {
        let weight = |query: usize, key: usize| {
            let of_layer = |at: &usize| dense[*at].iter().map(|head| head.weight(query, key)).sum::<f64>();
            layers.iter().map(of_layer).sum::<f64>() / (heads * layers.len()) as f64
        };
        let mean = |key: usize| {
            let seen: Vec<usize> = (0..TOKENS).filter(|&query| sees_in(&layers, query, key)).collect();
            (seen.iter().map(|&query| weight(query, key)).sum::<f64>() / seen.len() as f64) as f32
        };
        let expected: Vec<f32> = (0..TOKENS).map(mean).collect();
        let selection = Selection { layer, head: Pick::Mean, ..Selection::default() };
        let found = solver.solve(open, &Received::of(&selection), &AtomicBool::new(false)).unwrap();
        assert_close(&format!("received in {layer}"), &expected, &found, 2e-6);
    }
    // In a rollout, from the queries to which anything can flow.
    let reaches = |query: usize, key: usize| {
        let from =
            |query: usize| (0..TOKENS).filter(move |&token| token == query || sees(dense[1][0].mask, query, token));
        from(query).any(|token| token == key || sees(dense[0][0].mask, token, key))
    };
    let selection =
        Selection { layer: Pick::One(1), weights: WeightKind::Rollout(Rollout::default()), ..Selection::default() };
    let rolled = solver.engine().rows(&open.trace, &selection, Vec::new(), &|| true).unwrap();
    let rolled = rolled.to_matrix(&|| true).unwrap();
    let mean = |key: usize| {
        let seen = (0..TOKENS).filter(|&query| reaches(query, key));
        let sum: f64 = (0..TOKENS).map(|query| f64::from(rolled[query * TOKENS + key])).sum();
        (sum / seen.count() as f64) as f32
    };
    let expected: Vec<f32> = (0..TOKENS).map(mean).collect();
    let found = solver.solve(open, &Received::of(&selection), &AtomicBool::new(false)).unwrap();
    assert_close("received in a rollout", &expected, &found, 2e-6);
}

/// Synthetic videos, in which queries and keys are all there is.
#[test]
fn synthetic_masks_have_the_numbers_of_what_queries_see() {
    let each = Synthetic { layers: 4, heads: 6, text: 9, rows: 4, columns: 5, dim: 0, dtype: Dtype::F16, seed: 7 };
    let mut video =
        SyntheticQueries { each, key_heads: 2, head_dim: 24, masks: Vec::new(), frames: 3, log_sum_exp: false };
    let frames: Vec<_> = (0..3).map(|frame| video.frame_tokens(frame)).collect();
    video.masks = vec![Mask::Sliding(11), Mask::Prefix(30), Mask::CausalBut(frames.clone()), Mask::Spans(frames)];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.safetensors");
    video.write(&path, &mut |_| {}).unwrap();
    let trace = Trace::open(&path).unwrap();
    let mut dense = dense_of(&trace);
    // Frames have places of their own; distances between them are not asked of this test.
    let found = Engine::cpu().statistics(&trace, 0, &Options::default(), &mut |_, _| true).unwrap();
    for (layer, heads) in dense.iter_mut().enumerate() {
        for (head, dense) in heads.iter_mut().enumerate() {
            for statistic in found.iter().filter(|found| !["distance", "region"].contains(&&*found.name)) {
                let Some(expected) = dense.statistic(&statistic.name) else { continue };
                let what = format!("{} of {layer}.{head} under {:?}", statistic.name, dense.mask);
                assert_close(&what, &[expected as f32], &[statistic.value(layer, head)], 2e-5);
            }
        }
    }
}
