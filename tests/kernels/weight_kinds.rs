//! Kinds of weights by hand: norm-weighted, of stored and of computed attention, and relevances.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use vlscope::analysis::{Combine, Direction, Engine, LayerWeights, Pick, RowBuffers, Selection, WeightKind};
use vlscope::query::{HeadRelevance, OpenTrace, Solver};
use vlscope::trace::Mask;

use crate::common::assert_close;
use crate::pair::{TARGETS, norms, pair, relevance, whole_relevance};

const TOKENS: usize = 70;

fn raw_rows(layer: &LayerWeights<'_>, head: usize) -> Vec<f32> {
    let mut rows = vec![0.0; TOKENS * TOKENS];
    let all: Vec<usize> = (0..TOKENS).collect();
    for (query, row) in all.chunks(1).zip(rows.chunks_mut(TOKENS)) {
        layer.read(head..head + 1, query, &mut RowBuffers::default(), row);
    }
    rows
}

/// `a n / Σ a n`, row by row, in f64.
fn norm_weighted(rows: &[f32], norms: &[f32]) -> Vec<f32> {
    let of_row = |row: &[f32]| {
        let products: Vec<f64> = row.iter().zip(norms).map(|(a, n)| f64::from(*a) * f64::from(*n)).collect();
        let sum: f64 = products.iter().sum();
        products.into_iter().map(move |product| (product / sum) as f32).collect::<Vec<_>>()
    };
    rows.chunks(TOKENS).flat_map(of_row).collect()
}

/// However it is read: rows, runs of rows, columns, single weights.
#[test]
fn norm_weighted_attention_is_weights_times_norms_with_rows_scaled_to_one() {
    let folder = tempfile::tempdir().unwrap();
    for path in pair(folder.path(), &[Mask::Causal]).unwrap() {
        let open = OpenTrace::open(&path).unwrap();
        for (layer, head) in [(0, 0), (1, 3), (2, 2)] {
            let raw = LayerWeights::of(&open.trace, 0, layer);
            let expected = norm_weighted(&raw_rows(&raw, head), &norms(layer, head));
            let weights = LayerWeights::of_kind(&open.trace, 0, layer, &WeightKind::NormWeighted).unwrap();
            let mut buffers = RowBuffers::default();
            assert_close("rows", &expected, &raw_rows(&weights, head), 1e-6);
            let run = weights.rows(head, 3..67, &mut buffers).to_f32();
            assert_close("a run", &expected[3 * TOKENS..67 * TOKENS], &run, 1e-6);
            let (keys, mut columns) = ([69, 0, 5], Vec::new());
            weights.columns(head, &keys, &mut buffers, &|| true, &mut |_, row| columns.extend(row.to_vec())).unwrap();
            let of_columns: Vec<f32> =
                (0..TOKENS).flat_map(|query| keys.map(|key| expected[query * TOKENS + key])).collect();
            assert_close("columns", &of_columns, &columns, 1e-6);
            let places = || (0..TOKENS * TOKENS).step_by(23);
            let cells = weights.cells(head, places(), &|| true).unwrap();
            assert_close("cells", &places().map(|place| expected[place]).collect::<Vec<_>>(), &cells, 1e-6);
            for row in expected.chunks(TOKENS) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn a_row_that_is_broken_or_empty_stays_so() {
    use vlscope::trace::{Dtype, LayerMask, TensorView};
    let weights = [0.5_f32, 0.5, 0.0, /* overflowed */ f32::NAN, 0.5, 0.0, /* sees nothing */ 0.0, 0.0, 0.0];
    let norms = [2.0_f32, 1.0, 7.0];
    let view = |values: &'static [f32], shape: &[usize]| TensorView {
        dtype: Dtype::F32,
        shape: shape.to_vec(),
        bytes: bytemuck::cast_slice(values),
    };
    let weights =
        LayerWeights::Stored(view(Box::leak(Box::new(weights)), &[1, 3, 3]), LayerMask::new(&Mask::Full, 3, &[]));
    let weighted = LayerWeights::NormWeighted(Box::new(weights), view(Box::leak(Box::new(norms)), &[1, 3]));
    let mut rows = [7.0; 9];
    weighted.read(0..1, &[0, 1, 2], &mut RowBuffers::default(), &mut rows);
    assert_eq!(rows[..3], [2.0 / 3.0, 1.0 / 3.0, 0.0]);
    assert!(rows[3].is_nan() && rows[4].is_nan() && rows[5] == 0.0, "what is masked stays 0: {rows:?}");
    assert_eq!(rows[6..], [0.0; 3]);
}

#[test]
fn a_relevance_is_gathered_for_its_outputs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [path, _] = pair(folder.path(), &[Mask::Causal]).unwrap();
    let open = OpenTrace::open(&path).unwrap();
    let engine = Engine::cpu();
    let of = |selection: &Selection| engine.gather(&open.trace, selection, &|| true);
    let heads = WeightKind::Relevance("heads".to_owned());
    let one = Selection { layer: Pick::One(1), head: Pick::One(2), weights: heads.clone(), ..Selection::default() };
    let expected = |targets: &[usize]| -> Vec<f32> {
        let mean =
            |token| targets.iter().map(|&target| relevance(target, 1, 2, token)).sum::<f32>() / targets.len() as f32;
        (0..TOKENS).map(mean).collect()
    };
    assert_close("all outputs", &expected(&[0, 1]), &of(&one).unwrap(), 1e-6);
    let second = Selection { tokens: vec![TARGETS[1]], ..one.clone() };
    assert_close("one output", &expected(&[1]), &of(&second).unwrap(), 1e-6);
    // What is no output is left out of a mean.
    for combine in Combine::ALL {
        let with_other = Selection { tokens: vec![3, TARGETS[1]], combine, ..one.clone() };
        assert_close("an output and a token", &expected(&[1]), &of(&with_other).unwrap(), 1e-6);
    }
    let other = Selection { tokens: vec![3], ..one.clone() };
    let said = of(&other).unwrap_err().to_string();
    assert_eq!(said, "relevance heads is for the outputs at tokens 60, 69, not for what is selected");
    let back = Selection { tokens: vec![8], direction: Direction::AttendedBy, ..one.clone() };
    let column = of(&back).unwrap();
    for (query, value) in column.iter().enumerate() {
        match TARGETS.iter().position(|&target| target == query) {
            Some(target) => assert!((value - relevance(target, 1, 2, 8)).abs() < 1e-6),
            None => assert!(value.is_nan(), "{query}: {value}"),
        }
    }

    // One for all layers and heads: whichever are selected.
    let whole = WeightKind::Relevance("whole".to_owned());
    for (layer, head) in [(Pick::One(2), Pick::One(3)), (Pick::Mean, Pick::Max)] {
        let selection = Selection { layer, head, weights: whole.clone(), ..Selection::default() };
        let expected: Vec<f32> = (0..TOKENS).map(whole_relevance).collect();
        assert_close("undivided", &expected, &of(&selection).unwrap(), 0.0);
    }
}

/// The sum over tokens, the mean over outputs.
#[test]
fn a_relevance_head_by_head_is_its_sum() {
    let folder = tempfile::tempdir().unwrap();
    let [path, _] = pair(folder.path(), &[Mask::Causal]).unwrap();
    let open = OpenTrace::open(&path).unwrap();
    let solver = Solver::new(Engine::cpu());
    let weights = WeightKind::Relevance("heads".to_owned());
    let selections = [
        Selection { tokens: vec![TARGETS[0]], weights: weights.clone(), ..Selection::default() },
        Selection { tokens: vec![2, 8], direction: Direction::AttendedBy, weights, ..Selection::default() },
    ];
    for (selection, targets, tokens) in
        [(&selections[0], vec![0], (0..TOKENS).collect::<Vec<_>>()), (&selections[1], vec![0, 1], vec![2, 8])]
    {
        let found = solver.solve(&open, &HeadRelevance::of(selection), &false.into()).unwrap();
        assert_eq!([found.layers, found.heads], [3, 4]);
        for (layer, head) in [(0, 0), (2, 3), (1, 2)] {
            let of_target =
                |&target: &usize| tokens.iter().map(|&token| relevance(target, layer, head, token)).sum::<f32>();
            let expected = targets.iter().map(of_target).sum::<f32>() / targets.len() as f32;
            assert!((found.value(layer, head) - expected).abs() < 1e-5, "{layer}.{head}");
        }
    }
}

#[test]
fn what_a_trace_lacks_is_said_with_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let [path, _] = pair(folder.path(), &[Mask::Causal]).unwrap();
    let open = OpenTrace::open(&path).unwrap();
    let said = WeightKind::Relevance("gradient".to_owned()).check(&open.trace, 0).unwrap_err().to_string();
    assert_eq!(said, "the trace holds no relevance `gradient`: it has `heads`, `whole`");
    let without = OpenTrace::open(std::path::Path::new("tests/traces/encoder-decoder.safetensors")).unwrap();
    let said = WeightKind::NormWeighted.check(&without.trace, 2).unwrap_err().to_string();
    assert_eq!(
        said,
        "the trace holds no value norms of block `cross`: norm-weighted attention needs `value_norm.cross.<layer>`"
    );
    let layers = LayerWeights::layers(&without.trace, 2, &WeightKind::NormWeighted);
    assert_eq!(layers.unwrap_err().to_string(), said);
}
