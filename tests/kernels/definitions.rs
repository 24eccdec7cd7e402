//! Every statistic by hand, on a matrix small enough to do it; and docs/statistics.md from the table.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use crate::common::{Block, assert_close, gpu, new_key, text};
use vlscope::analysis::statistics::{self, Group, HeadStatistics, Options, Over, Rounding, TABLE, plan::Plan, z_score};
use vlscope::trace::{Area, Region, Token};

/// By the CPU and the GPU; the values of the only head.
fn measure(block: &Block, specials: bool) -> [Vec<HeadStatistics>; 2] {
    let plan = Plan::new(&block.layout(), &Options { specials, ..Options::default() });
    let weights = block.weights();
    let on_processor = vec![statistics::cpu::Pass::new(&plan, &weights).layer_sums(0, &|| true).unwrap()];
    let in_shaders = gpu()
        .guarded(|| statistics::gpu::layer_sums(gpu(), new_key(), &weights, &plan, &mut |_| true))
        .unwrap()
        .unwrap();
    [statistics::finish(&plan, &on_processor), statistics::finish(&plan, &in_shaders)]
}

fn assert_values(block: &Block, specials: bool, expected: &[(&str, f64)]) {
    for all in measure(block, specials) {
        for (name, value) in expected {
            let found = all.iter().find(|statistic| statistic.name == *name).unwrap();
            assert_close(name, &found.values, &[*value as f32], 2e-6);
        }
    }
}

/// `[CLS]`, a word, and the two halves of an image that is 0.75 times as high as wide.
fn tokens() -> Vec<Token> {
    let half = |x0: f32, y0: f32| Token::of_image(0, Area { x0, y0, x1: x0 + 0.5, y1: y0 + 0.5 });
    vec![Token { special: true, ..text("[CLS]") }, text("word"), half(0.0, 0.0), half(0.5, 0.5)]
}

/// Covers half of the first patch, twice, and a quarter of the second.
fn regions() -> Vec<Region> {
    [(0.0, 0.0, 0.25, 0.5), (0.0, 0.0, 0.25, 0.5), (0.75, 0.75, 1.0, 1.0)]
        .map(|(x0, y0, x1, y1)| Region { label: "thing".into(), image: 0, area: Area { x0, y0, x1, y1 } })
        .to_vec()
}

const WEIGHTS: [f32; 16] = [
    0.7, 0.1, 0.1, 0.1, //
    0.4, 0.3, 0.2, 0.1, //
    0.2, 0.0, 0.4, 0.4, //
    0.5, 0.1, 0.1, 0.3,
];

fn entropy(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    weights.iter().filter(|&&w| w > 0.0).map(|w| -(w / sum) * (w / sum).ln()).sum()
}

fn hoyer(weights: &[f64]) -> f64 {
    let root = (weights.len() as f64).sqrt();
    let norm = weights.iter().map(|w| w * w).sum::<f64>().sqrt();
    (root - weights.iter().sum::<f64>() / norm) / (root - 1.0)
}

#[test]
fn without_special_tokens() {
    let block = Block::given(tokens(), false, regions(), &WEIGHTS);
    let rows = [[0.3, 0.2, 0.1], [0.0, 0.4, 0.4], [0.1, 0.1, 0.3]];
    let mean = |of: &dyn Fn(&[f64]) -> f64| rows.iter().map(|row| of(row)).sum::<f64>() / 3.0;
    // The middles lie half a width apart, and half of 0.75 of a width.
    let apart = (0.5_f64 * 0.5 + 0.375 * 0.375).sqrt();
    assert_values(
        &block,
        false,
        &[
            ("mass.text.text", 0.3),
            ("mass.text.image", 0.3),
            ("mass.image.text", 0.05),
            ("mass.image.image", 0.6),
            ("entropy", mean(&entropy)),
            ("entropy_relative", mean(&|row| entropy(row) / 3.0_f64.ln())),
            ("max", (0.3 + 0.4 + 0.3) / 3.0),
            ("hoyer", mean(&hoyer)),
            ("sink", 0.8 / 1.9),
            ("diagonal", (0.3 + 0.4 + 0.3) / 3.0),
            ("previous", (0.0 + 0.1) / 2.0),
            ("distance", (0.4 / 0.8 + 0.1 / 0.4) / 2.0 * apart),
            ("region", (0.7 * 0.5 + 0.8 * 0.25) / 1.5),
        ],
    );
}

#[test]
fn with_special_tokens() {
    let block = Block::given(tokens(), false, Vec::new(), &WEIGHTS);
    let rows: Vec<Vec<f64>> =
        WEIGHTS.chunks(4).map(|row| row.iter().map(|&weight| f64::from(weight)).collect()).collect();
    let mean = |of: &dyn Fn(&[f64]) -> f64| rows.iter().map(|row| of(row)).sum::<f64>() / 4.0;
    assert_values(
        &block,
        true,
        &[
            ("mass.text.text", (0.8 + 0.7) / 2.0),
            ("mass.text.image", (0.2 + 0.3) / 2.0),
            ("mass.image.text", (0.2 + 0.6) / 2.0),
            ("mass.image.image", (0.8 + 0.4) / 2.0),
            ("entropy", mean(&entropy)),
            ("entropy_relative", mean(&|row| entropy(row) / 4.0_f64.ln())),
            ("max", (0.7 + 0.4 + 0.4 + 0.5) / 4.0),
            ("hoyer", mean(&hoyer)),
            ("sink", 1.8 / 4.0),
            ("diagonal", (0.7 + 0.3 + 0.4 + 0.3) / 4.0),
            ("previous", (0.4 + 0.0 + 0.1) / 3.0),
            ("region", f64::NAN),
        ],
    );
}

/// The row of the second patch is in no sum and in no mean; its column is.
#[test]
fn without_a_row_that_is_not_finite() {
    for (key, weight) in [(0, f32::NAN), (1, f32::INFINITY), (3, f32::NEG_INFINITY)] {
        let mut weights = WEIGHTS;
        weights[3 * 4 + key] = weight;
        let block = Block::given(tokens(), false, regions(), &weights);
        let rows = [[0.3, 0.2, 0.1], [0.0, 0.4, 0.4]];
        let mean = |of: &dyn Fn(&[f64]) -> f64| rows.iter().map(|row| of(row)).sum::<f64>() / 2.0;
        assert_values(
            &block,
            false,
            &[
                ("mass.text.text", 0.3),
                ("mass.text.image", 0.3),
                ("mass.image.text", 0.0),
                ("mass.image.image", 0.8),
                ("entropy", mean(&entropy)),
                ("entropy_relative", mean(&|row| entropy(row) / 3.0_f64.ln())),
                ("max", (0.3 + 0.4) / 2.0),
                ("hoyer", mean(&hoyer)),
                ("sink", 0.6 / 1.4),
                ("diagonal", (0.3 + 0.4) / 2.0),
                ("previous", 0.0),
                ("distance", 0.4 / 0.8 * (0.5_f64 * 0.5 + 0.375 * 0.375).sqrt()),
                ("region", (0.6 * 0.5 + 0.5 * 0.25) / 1.1),
            ],
        );
        for all in measure(&block, false) {
            assert!(all.iter().all(|statistic| statistic.rows_left_out(0, 0) == Some(1)));
        }
    }
}

/// What lies above the diagonal counts nowhere, whatever it is; rows that see no key of a modality are in no mean.
#[test]
fn causal() {
    let mut weights = WEIGHTS;
    for query in 0..4 {
        weights[query * 4 + query + 1..(query + 1) * 4].fill(0.9);
    }
    let block = Block::given(tokens(), true, regions(), &weights);
    let [one, two, three] = [vec![0.3], vec![0.0, 0.4], vec![0.1, 0.1, 0.3]];
    assert_values(
        &block,
        false,
        &[
            ("mass.text.text", 0.3),
            ("mass.text.image", f64::NAN),
            ("mass.image.text", 0.05),
            ("mass.image.image", (0.4 + 0.4) / 2.0),
            ("entropy", (entropy(&one) + entropy(&two) + entropy(&three)) / 3.0),
            ("entropy_relative", (entropy(&two) / 2.0_f64.ln() + entropy(&three) / 3.0_f64.ln()) / 2.0),
            ("max", (0.3 + 0.4 + 0.3) / 3.0),
            ("hoyer", (hoyer(&two) + hoyer(&three)) / 2.0),
            ("sink", 0.5 / 1.2),
            ("diagonal", (0.3 + 0.4 + 0.3) / 3.0),
            ("previous", (0.0 + 0.1) / 2.0),
            ("distance", 0.1 / 0.4 / 2.0 * (0.5_f64 * 0.5 + 0.375 * 0.375).sqrt()),
            ("region", (0.5 * 0.5 + 0.3 * 0.25) / 0.8),
        ],
    );
}

#[test]
fn z_scores_compare_with_their_group() {
    let values = [1.0, 5.0, 2.0, f64::NAN, 3.0, 9.0];
    let after = |over| {
        let mut scored = values;
        z_score(&mut scored, 2, over, Rounding::STORED);
        scored.map(|value| value as f32)
    };
    let deviation = (2.0_f32 / 3.0).sqrt();
    let [nan, high] = [f32::NAN, 1.0 / deviation];
    assert_close("layers", &after(Over::Layers), &[-high, -1.0, 0.0, nan, high, 1.0], 1e-6);
    assert_close("heads", &after(Over::Heads), &[-1.0, 1.0, nan, nan, -1.0, 1.0], 1e-6);
    let all = 8.0_f32.sqrt();
    assert_close(
        "all",
        &after(Over::Everything),
        &[-3.0 / all, 1.0 / all, -2.0 / all, nan, -1.0 / all, 5.0 / all],
        1e-6,
    );
    let mut equal = [0.1 + 0.2, 0.3, 0.3];
    z_score(&mut equal, 1, Over::Layers, Rounding::STORED);
    assert!(equal.iter().all(|value| value.is_nan()));
    let mut small = [1e-6, 4e-6, 2e-6];
    z_score(&mut small, 1, Over::Layers, Rounding::SUMMED);
    assert!(small.iter().all(|value| value.is_finite()), "sums of small weights differ: {small:?}");
    let mut small = [1e-6, 4e-6, 2e-6];
    z_score(&mut small, 1, Over::Layers, Rounding::SUBTRACTED);
    assert!(small.iter().all(|value| value.is_nan()), "what is left of a difference does not: {small:?}");
}

const DOCUMENT: &str = "docs/statistics.md";

/// `VLSCOPE_BLESS=1 cargo test --test kernels definitions` writes it anew.
#[test]
fn the_document_is_what_the_table_says() {
    let wanted = document();
    if std::env::var_os("VLSCOPE_BLESS").is_some() {
        std::fs::create_dir_all("docs").unwrap();
        std::fs::write(DOCUMENT, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(
        found == wanted,
        "{DOCUMENT} is not what the table of statistics says; write it anew with\n\
         VLSCOPE_BLESS=1 cargo test --test kernels definitions"
    );
}

fn document() -> String {
    let mut out = include_str!("statistics-head.md").to_owned();
    for group in [Group::Vlscope, Group::VlInterpret] {
        writeln!(out, "\n## {}\n", group.label()).unwrap();
        out += match group {
            Group::Vlscope => include_str!("statistics-vlscope.md"),
            Group::VlInterpret => include_str!("statistics-vl-interpret.md"),
        };
        for statistic in TABLE.iter().filter(|statistic| statistic.group == group) {
            let range = match statistic.range {
                [low, high] if low.is_infinite() && high.is_infinite() => "any number".to_owned(),
                [low, high] if high.is_infinite() => format!("{low} or more"),
                [low, high] => format!("{low} to {high}"),
            };
            writeln!(out, "\n### `{}`: {}\n", statistic.name, statistic.label).unwrap();
            writeln!(out, "- Formula: {}", statistic.formula).unwrap();
            writeln!(out, "- Unit and range: {}, {range}", statistic.unit).unwrap();
            writeln!(out, "- High: {}", statistic.high).unwrap();
            writeln!(out, "- Source: {}", statistic.source).unwrap();
        }
    }
    out
}
