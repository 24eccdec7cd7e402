//! Sinks, found by hand-made weights and hidden states; what is left when they are left out; and combining tokens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use crate::common::{Block, assert_close, encode, engine_on_shaders, matrix_of, reference, text};
use vlscope::analysis::gather::Resolved;
use vlscope::analysis::sinks::{self, Criteria, massive_activations, strong_heads};
use vlscope::analysis::{BlockLayout, Combine, Direction, Engine, LayerWeights, Pick, Selection, SinkTreatment};
use vlscope::trace::{Dtype, TensorView};

/// Ten tokens of which each gives the first 0.55 and the others 0.05, itself among them.
fn drawn_to_the_first() -> Vec<f32> {
    (0..100).map(|at| if at % 10 == 0 { 0.55 } else { 0.05 }).collect()
}

#[test]
fn a_column_that_draws_five_times_its_share_is_strong() {
    let block = Block::given(vec![text("a"); 10], false, Vec::new(), &drawn_to_the_first());
    let strong =
        |share_ratio| strong_heads(&block.layout(), &block.weights(), &Criteria { share_ratio, ..Criteria::default() });
    // 0.55 of a uniform 0.1.
    assert_eq!(strong(5.4)[..2], [1.0, 0.0]);
    assert_eq!(strong(5.6)[..2], [0.0, 0.0]);
    assert_eq!(strong(0.4)[..2], [1.0, 1.0]);
}

/// Weights need not sum to 1: what counts is how a row divides.
#[test]
fn strength_is_relative_to_what_a_row_gives() {
    for times in [0.01, 30.0] {
        let weights: Vec<f32> = drawn_to_the_first().iter().map(|weight| weight * times).collect();
        let block = Block::given(vec![text("a"); 10], false, Vec::new(), &weights);
        assert_eq!(strong_heads(&block.layout(), &block.weights(), &Criteria::default())[..3], [1.0, 0.0, 0.0]);
    }
}

/// In cross-attention a query and a key of the same place are two tokens.
#[test]
fn cross_attention_leaves_no_place_out() {
    let block = Block::cross(3, 130, &[2, 1], Dtype::F16);
    let criteria = Criteria { share_ratio: 0.0, ..Criteria::default() };
    assert_eq!(strong_heads(&block.layout(), &block.weights(), &criteria), [1.0; 130]);
    let alone = Block::cross(0, 2, &[1], Dtype::F32);
    assert_eq!(strong_heads(&alone.layout(), &alone.weights(), &criteria), [0.0; 2]);
}

#[test]
fn a_token_that_looks_at_itself_alone_is_no_sink() {
    let identity: Vec<f32> = (0..100).map(|at| f32::from(u8::from(at / 10 == at % 10))).collect();
    let block = Block::given(vec![text("a"); 10], false, Vec::new(), &identity);
    assert_eq!(strong_heads(&block.layout(), &block.weights(), &Criteria::default()), [0.0; 10]);
}

/// Uniform under the mask: the first key receives much because early queries see little else; that is no sink.
#[test]
fn the_mask_is_no_sink() {
    let weights: Vec<f32> =
        (0..400).map(|at| if at % 20 <= at / 20 { 1.0 / (at / 20 + 1) as f32 } else { 0.0 }).collect();
    let block = Block::given(vec![text("a"); 20], true, Vec::new(), &weights);
    let criteria = Criteria { share_ratio: 1.05, ..Criteria::default() };
    assert_eq!(strong_heads(&block.layout(), &block.weights(), &criteria), [0.0; 20]);
    let by_share = Criteria { share_ratio: 0.95, ..Criteria::default() };
    let strong = strong_heads(&block.layout(), &block.weights(), &by_share);
    // 20 queries: a key counts if 5 others see it.
    assert_eq!(strong.iter().rposition(|&share| share == 1.0), Some(14));
}

#[test]
fn massive_activations_are_found_where_they_are() {
    let mut state: Vec<f32> = (0..30 * 900).map(|at| (at * 7919 % 1009) as f32 / 1009.0 - 0.5).collect();
    state[4 * 900 + 77] = 300.0;
    // A dimension in which all tokens are large is a bias.
    (0..30).for_each(|token| state[token * 900 + 500] = 12.0);
    let bytes = encode(&state, Dtype::F32);
    let view = TensorView { dtype: Dtype::F32, shape: vec![30, 900], bytes: &bytes };
    let found = massive_activations(std::slice::from_ref(&view), &Criteria::default());
    assert_eq!(found, (vec![4], vec![77]));
    let strict = Criteria { activation: 31.0, ..Criteria::default() };
    assert_eq!(massive_activations(&[view], &strict), (vec![], vec![]), "no share exceeds the root of 900");
}

#[test]
fn what_is_left_keeps_its_sum_only_if_it_is_renormalised() {
    let matrix = [0.5, 0.25, 0.25, 1.0, 0.0, 0.0];
    let left = |renormalises| {
        let mut left = matrix;
        left.chunks_mut(3).for_each(|row| sinks::leave_out_of_row(row, &[0, 7], renormalises));
        left
    };
    assert_close("hidden", &[f32::NAN, 0.25, 0.25, f32::NAN, 0.0, 0.0], &left(false), 0.0);
    assert_close("renormalised", &[f32::NAN, 0.5, 0.5, f32::NAN, 0.0, 0.0], &left(true), 1e-7);
}

#[test]
fn the_engine_leaves_keys_out_in_both_directions() {
    let trace = reference("multi-image");
    let head = trace.attention(0, 1).entry(1).to_f32();
    let n = 14;
    let selection = Selection {
        layer: Pick::One(1),
        head: Pick::One(1),
        tokens: vec![2, 3],
        sinks: SinkTreatment::Renormalise,
        ..Selection::default()
    };
    let (engine, layers) = (Engine::cpu(), LayerWeights::of_block(&trace, 0));
    let rows = engine.rows(&trace, &selection, vec![0, 3], &|| true).unwrap();
    let matrix = rows.to_matrix(&|| true).unwrap();
    let gathered = |selection: &Selection| {
        let part = Resolved::new(&BlockLayout::of(&trace, 0), &layers, selection).unwrap();
        rows.gather(&part.without(rows.left_out()), &|| true).unwrap()
    };
    let weights = gathered(&selection);
    let scaled = |query: usize, key: usize| {
        let row = &head[query * n..][..n];
        let sum: f32 = row.iter().sum();
        if [0, 3].contains(&key) { f32::NAN } else { row[key] * sum / (sum - row[0] - row[3]) }
    };
    let expected: Vec<f32> = (0..n).map(|key| (scaled(2, key) + scaled(3, key)) / 2.0).collect();
    assert_close("attends to", &expected, &weights, 1e-6);
    assert_close("matrix", &(0..n * n).map(|at| scaled(at / n, at % n)).collect::<Vec<_>>(), &matrix, 1e-6);

    // Key 3 is left out, so key 2 is what remains of the selection.
    let by = Selection { direction: Direction::AttendedBy, ..selection };
    let weights = gathered(&by);
    assert_close("attended by", &(0..n).map(|query| scaled(query, 2)).collect::<Vec<_>>(), &weights, 1e-6);
}

/// The definition of the module's head, written out for every pair of a key and a query.
#[test]
fn sinks_of_a_trace_are_keys_that_most_heads_look_at() {
    let (mut drawn, mut not_drawn) = (0, 0);
    for trace in ["encoder-decoder", "multi-image"].map(reference) {
        for (block, described) in trace.document().attention.iter().enumerate() {
            let document = trace.document();
            let (queries, keys) = (document.query_tokens(described).len(), document.key_tokens(described).len());
            let is_masked = |query: usize, key: usize| described.is_causal() && key > query;
            let is_own = |query: usize, key: usize| described.query == described.key && query == key;
            let heads: Vec<Vec<f32>> = (0..described.layers)
                .flat_map(|layer| {
                    trace
                        .attention(block, layer)
                        .to_f32()
                        .chunks(queries * keys)
                        .map(<[f32]>::to_vec)
                        .collect::<Vec<_>>()
                })
                .collect();
            for criteria in [0.8, 1.3, 2.0].map(|share_ratio| Criteria { share_ratio, ..Criteria::default() }) {
                let is_strong = |head: &&Vec<f32>, key: usize| {
                    let see: Vec<usize> = (0..queries).filter(|&query| !is_masked(query, key)).collect();
                    let of = see.iter().filter(|&&query| !is_own(query, key));
                    let received: f64 = of.clone().map(|query| f64::from(head[query * keys + key])).sum();
                    let uniform: f64 = of
                        .map(|&query| {
                            let unmasked = (0..keys).filter(|&key| !is_masked(query, key));
                            let row: f64 = unmasked.clone().map(|key| f64::from(head[query * keys + key])).sum();
                            row / unmasked.count() as f64
                        })
                        .sum();
                    see.len() as f64 >= 0.25 * queries as f64
                        && uniform > 0.0
                        && received >= f64::from(criteria.share_ratio) * uniform
                };
                let share =
                    |key: usize| heads.iter().filter(|head| is_strong(head, key)).count() as f32 / heads.len() as f32;
                let expected: Vec<(usize, f32)> =
                    (0..keys).map(|key| (key, share(key))).filter(|(_, share)| *share > 0.5).collect();
                let found = sinks::find(&trace, block, &criteria);
                let found: Vec<(usize, f32)> = found.sinks.iter().map(|sink| (sink.token, sink.heads)).collect();
                assert_eq!(
                    found, expected,
                    "block {} at {} times the uniform share",
                    described.name, criteria.share_ratio
                );
                (drawn, not_drawn) = (drawn + expected.len(), not_drawn + keys - expected.len());
            }
        }
    }
    assert!(drawn > 10 && not_drawn > 10, "some are sinks, and some are none: {drawn}, {not_drawn}");
}

/// Every way to combine tokens, heads and layers, against the definition: heads first, then layers, then tokens.
#[test]
fn combinations_are_what_their_names_say() {
    let trace = reference("multi-image");
    let n = 14;
    let layers: Vec<Vec<f32>> = (0..3).map(|layer| trace.attention(0, layer).to_f32()).collect();
    let heads = trace.heads(0, 0);
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let largest = |values: &[f32]| values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let pick = |pick: Pick, values: &[f32]| match pick {
        Pick::One(index) => values[index],
        Pick::Mean => mean(values),
        Pick::Max => largest(values),
    };
    let picks = [Pick::One(1), Pick::Mean, Pick::Max];
    for (layer, head) in picks.iter().flat_map(|&layer| picks.map(|head| (layer, head))) {
        let cell = |at: usize| {
            let of_layer = |weights: &Vec<f32>| {
                let all: Vec<f32> = (0..heads).map(|head| weights[head * n * n + at]).collect();
                pick(head, &all)
            };
            pick(layer, &layers.iter().map(of_layer).collect::<Vec<_>>())
        };
        for (combine, direction) in [Combine::Mean, Combine::Sum, Combine::Max]
            .into_iter()
            .flat_map(|combine| [Direction::AttendsTo, Direction::AttendedBy].map(|direction| (combine, direction)))
        {
            let tokens = vec![2, 12, 7];
            let value = |other: usize| {
                let of = |&token: &usize| match direction {
                    Direction::AttendsTo => cell(token * n + other),
                    Direction::AttendedBy => cell(other * n + token),
                };
                let all: Vec<f32> = tokens.iter().map(of).collect();
                match combine {
                    Combine::Mean => mean(&all),
                    Combine::Sum => all.iter().sum(),
                    Combine::Max => largest(&all),
                }
            };
            let expected: Vec<f32> = (0..n).map(value).collect();
            let selection =
                Selection { layer, head, tokens: tokens.clone(), direction, combine, ..Selection::default() };
            for engine in [Engine::cpu(), engine_on_shaders()] {
                let what = format!("{selection:?}");
                assert_close(&what, &expected, &engine.gather(&trace, &selection, &|| true).unwrap(), 2e-6);
                let matrix: Vec<f32> = (0..n * n).map(cell).collect();
                assert_close(&what, &matrix, &matrix_of(&engine, &trace, &selection), 2e-6);
            }
        }
    }
}
