//! Rows with a weight that is NaN are left out of what is made of several, and spoil nothing else. In `broken-nan` it is row 3 of head 0
//! of the last layer, of `multi-image`.

use std::sync::atomic::AtomicBool;

use vlscope::analysis::{Combine, Direction, Engine, LayerWeights, Pick, Rollout, Selection, WeightKind, rollout};
use vlscope::query::{OpenTrace, Received, Solver};
use vlscope::trace::Trace;

use crate::common::{Block, assert_close, engine_on_shaders, matrix_of, reference, text};

const TOKENS: usize = 14;
const LAYERS: usize = 3;
const BROKEN: (usize, usize, usize) = (2, 0, 3);

/// A weight; `None` in the broken row.
fn weight(trace: &Trace, (layer, head, query): (usize, usize, usize), key: usize) -> Option<f64> {
    let all = trace.attention(0, layer).entry(head).to_f32();
    ((layer, head, query) != BROKEN).then(|| f64::from(all[query * TOKENS + key]))
}

/// Of what is there.
fn combined(values: impl Iterator<Item = Option<f64>>, is_maximum: bool) -> Option<f64> {
    let known: Vec<f64> = values.flatten().collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    (!known.is_empty()).then(|| if is_maximum { known.into_iter().fold(f64::MIN, f64::max) } else { mean })
}

fn expected(trace: &Trace, [layer, head]: [Pick; 2], query: usize, key: usize) -> Option<f64> {
    let layers: Vec<usize> = layer.indices(LAYERS).collect();
    let heads_of = |layer: usize| head.indices(trace.heads(0, layer));
    match (layer, head) {
        (Pick::Max, _) | (_, Pick::Max) => {
            let of_layer = |&layer: &usize| {
                let of_head = heads_of(layer).map(|head| weight(trace, (layer, head, query), key));
                combined(of_head, head == Pick::Max)
            };
            combined(layers.iter().map(of_layer), layer == Pick::Max)
        }
        _ => {
            let pairs = layers.iter().flat_map(|&layer| heads_of(layer).map(move |head| (layer, head, query)));
            combined(pairs.map(|place| weight(trace, place, key)), false)
        }
    }
}

#[test]
fn matrices_of_several_heads_leave_the_row_of_the_broken_one_out() {
    let trace = reference("broken-nan");
    for layer in [Pick::One(2), Pick::Mean, Pick::Max] {
        for head in [Pick::One(0), Pick::Mean, Pick::Max] {
            let selection = Selection { layer, head, ..Selection::default() };
            let matrix = matrix_of(&Engine::cpu(), &trace, &selection);
            for query in 0..TOKENS {
                let row = &matrix[query * TOKENS..][..TOKENS];
                if (layer, head, query) == (Pick::One(2), Pick::One(0), 3) {
                    assert!(row.iter().any(|weight| weight.is_nan()), "its own row says so");
                    continue;
                }
                let wanted = |key| expected(&trace, [layer, head], query, key).unwrap() as f32;
                let wanted: Vec<f32> = (0..TOKENS).map(wanted).collect();
                assert_close(&format!("{layer:?} {head:?} row {query}"), &wanted, row, 1e-6);
            }
        }
    }
}

#[test]
fn sums_and_maxima_of_tokens_leave_it_out_on_cpu_and_gpu() {
    let trace = reference("broken-nan");
    for engine in [Engine::cpu(), engine_on_shaders()] {
        for head in [Pick::One(0), Pick::Mean] {
            for combine in Combine::ALL {
                let selection =
                    Selection { layer: Pick::One(2), head, tokens: vec![2, 3, 5], combine, ..Selection::default() };
                let found = engine.gather(&trace, &selection, &|| true).unwrap();
                let of = |key: usize| {
                    let rows: Vec<f64> = match combine {
                        // Of each token and head.
                        Combine::Mean => {
                            let pairs = head.indices(2).flat_map(|head| [2, 3, 5].map(|query| (2, head, query)));
                            pairs.filter_map(|place| weight(&trace, place, key)).collect()
                        }
                        _ => [2, 3, 5]
                            .iter()
                            .filter_map(|&query| expected(&trace, [Pick::One(2), head], query, key))
                            .collect(),
                    };
                    match combine {
                        Combine::Mean => rows.iter().sum::<f64>() / rows.len() as f64,
                        Combine::Sum => rows.iter().sum(),
                        Combine::Max => rows.into_iter().fold(f64::MIN, f64::max),
                    }
                };
                let wanted: Vec<f32> = (0..TOKENS).map(|key| of(key) as f32).collect();
                assert_close(&format!("{head:?} {combine:?}"), &wanted, &found, 1e-5);
            }
        }
    }
}

#[test]
fn what_keys_receive_is_of_the_other_rows() {
    let open = OpenTrace::open(std::path::Path::new("tests/traces/broken-nan.safetensors")).unwrap();
    let selection = Selection { layer: Pick::One(2), head: Pick::One(0), ..Selection::default() };
    let request = Received::of(&selection);
    let needs = [request.clone().into()];
    let results = Solver::new(Engine::cpu()).results(&open, &needs, &AtomicBool::new(false)).unwrap();
    let found = results.get(&request).unwrap();
    let of = |key: usize| combined((0..TOKENS).map(|query| weight(&open.trace, (2, 0, query), key)), false);
    let wanted: Vec<f32> = (0..TOKENS).map(|key| of(key).unwrap() as f32).collect();
    assert_close("received", &wanted, found, 1e-6);
}

#[test]
fn a_rollout_goes_around_a_broken_token_that_nobody_sees() {
    let tokens = 5;
    let row = |query: usize, key: usize| if key <= query { 1.0 / (query + 1) as f32 } else { 0.0 };
    let sound: Vec<f32> = (0..tokens * tokens).map(|at| row(at / tokens, at % tokens)).collect();
    let mut broken = sound.clone();
    broken[(tokens - 1) * tokens..].fill(f32::NAN);
    let heads = [(0, 0..1), (0, 0..1), (0, 0..1)];
    let rolled = |weights: &[f32]| {
        let block = Block::given(vec![text("a"); tokens], true, Vec::new(), weights);
        rollout::cpu::rollout(&block.weights(), &heads, Pick::Mean, 0.5, &|| true).unwrap()
    };
    let (sound, broken) = (rolled(&sound), rolled(&broken));
    assert_close("rows that do not see it", &sound[..(tokens - 1) * tokens], &broken[..(tokens - 1) * tokens], 1e-6);
    assert!(broken[(tokens - 1) * tokens..].iter().all(|weight| weight.is_nan()));
}

/// The other head of the layer stands for the broken one.
#[test]
fn a_rollout_of_the_mean_of_heads_has_no_broken_row() {
    let trace = reference("broken-nan");
    let weights = WeightKind::Rollout(Rollout { start: 0, residual_percent: 50 });
    let selection = Selection { layer: Pick::One(2), head: Pick::Mean, weights, ..Selection::default() };
    let native = Engine::cpu().rollout(&trace, &selection, &|| true).unwrap();
    assert!(native.iter().all(|weight| weight.is_finite()));
    let shaders = engine_on_shaders().rollout(&trace, &selection, &|| true).unwrap();
    assert_close("on shaders", &native, &shaders, 1e-6);
    let layers = LayerWeights::of_block(&trace, 0);
    let heads: Vec<_> = (0..LAYERS).map(|layer| (layer, 0..trace.heads(0, layer))).collect();
    for direction in [Direction::AttendsTo, Direction::AttendedBy] {
        let mut factors = vec![0.0; TOKENS];
        factors[3] = 1.0;
        let found = rollout::of_tokens::of_tokens(&layers, &heads, Pick::Mean, 0.5, direction, vec![factors], &|| true)
            .unwrap();
        let of_matrix = (0..TOKENS).map(|other| match direction {
            Direction::AttendsTo => native[3 * TOKENS + other],
            Direction::AttendedBy => native[other * TOKENS + 3],
        });
        assert_close("of a token", &of_matrix.collect::<Vec<_>>(), &found[0], 1e-5);
    }
}
