//! The statistics: CPU and GPU against each other and against numbers from outside.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::path::Path;

use crate::common::{Block, assert_close, engine_on_shaders, gpu, limited_gpu, new_key, patch, reference, text};
use vlscope::analysis::statistics::{self, HeadStatistics, Options, Over, plan::Plan};
use vlscope::analysis::{BlockLayout, Engine};
use vlscope::gpu::Gpu;
use vlscope::trace::{Dtype, TensorView, Token, Trace};

const UNLIMITED: u64 = 1 << 40;

fn on_processor(block: &Block, options: &Options) -> Vec<HeadStatistics> {
    let plan = Plan::new(&block.layout(), options);
    let layers = block.weights();
    let pass = statistics::cpu::Pass::new(&plan, &layers);
    let sums: Vec<_> = (0..layers.len()).flat_map(|layer| pass.layer_sums(layer, &|| true)).collect();
    statistics::finish(&plan, &sums)
}

fn in_shaders(block: &Block, options: &Options, gpu: &Gpu) -> Vec<HeadStatistics> {
    let plan = Plan::new(&block.layout(), options);
    let mut within_budget = |_| gpu.resident_bytes() <= gpu.page_budget();
    let sums = gpu.guarded(|| statistics::gpu::layer_sums(gpu, new_key(), &block.weights(), &plan, &mut within_budget));
    statistics::finish(&plan, &sums.unwrap().unwrap())
}

fn assert_agree(block: &Block, gpu: &Gpu) {
    for specials in [false, true] {
        assert_agree_with(&Options { specials, ..Options::default() }, block, gpu);
    }
}

fn assert_agree_with(options: &Options, block: &Block, gpu: &Gpu) {
    let processor = on_processor(block, options);
    let shaders = in_shaders(block, options, gpu);
    for (one, other) in processor.iter().zip(&shaders) {
        // A z-score divides by a deviation that may be a thousandth of the mean.
        let tolerance = if one.name.starts_with("vli.") { 1e-3 } else { 2e-5 };
        assert_close(&one.name, &one.values, &other.values, tolerance);
        assert_close(&one.name, &one.layer_mean, &other.layer_mean, tolerance);
        assert_eq!(one.rows_left_out, other.rows_left_out);
    }
}

#[test]
fn cpu_and_gpu_agree_at_awkward_sizes() {
    for (tokens, dtype) in [
        (0, Dtype::F32),
        (1, Dtype::F16),
        (2, Dtype::Bf16),
        (63, Dtype::F16),
        (64, Dtype::F32),
        (65, Dtype::Bf16),
        (129, Dtype::F16),
    ] {
        for causal in [false, true] {
            assert_agree(&Block::mixed(tokens, causal, &[3, 3, 3], dtype), gpu());
        }
    }
}

#[test]
fn cpu_and_gpu_agree_on_cross_attention() {
    assert_agree(&Block::cross(37, 65, &[2, 2], Dtype::F16), gpu());
    assert_agree(&Block::cross(65, 3, &[1], Dtype::Bf16), gpu());
}

#[test]
fn cpu_and_gpu_agree_on_ragged_heads() {
    let block = Block::mixed(15, false, &[3, 1, 5], Dtype::F16);
    assert_agree(&block, gpu());
    let entropy = on_processor(&block, &Options::default()).into_iter().find(|s| s.name == "entropy").unwrap();
    assert_eq!((entropy.layers, entropy.heads), (3, 5));
    assert!(entropy.value(1, 0).is_finite() && entropy.value(1, 1).is_nan() && entropy.layer_mean[1].is_finite());
}

/// 65,541 heads are more workgroups than one dimension has; on a software adapter they take half a minute, so once.
#[test]
fn cpu_and_gpu_agree_beyond_one_dimension_of_workgroups() {
    let block = Block::mixed(2, false, &[65_541], Dtype::F16);
    assert_agree_with(&Options::default(), &block, gpu());
}

/// One head of 65 tokens in F16 has 8,450 bytes, so that pages begin in the middle of a word.
#[test]
fn cpu_and_gpu_agree_in_small_pages() {
    let block = Block::mixed(65, true, &[5, 5], Dtype::F16);
    let gpu = limited_gpu(20_000);
    assert_agree(&block, &gpu);
    for budget_bytes in [20_000, 9_000] {
        gpu.set_page_budget(budget_bytes);
        assert_agree(&block, &gpu);
    }
}

#[test]
fn a_head_that_is_too_large_is_refused_with_the_reason() {
    let block = Block::mixed(65, false, &[2], Dtype::F32);
    let gpu = limited_gpu(16_000);
    let error = gpu.runs(&block.layers()[0]).unwrap_err().to_string();
    assert_eq!(error, "one head has 16900 bytes, the most that a shader may bind is 16000");
    let gpu = limited_gpu(UNLIMITED);
    gpu.set_page_budget(9_000);
    let error = gpu.runs(&block.layers()[0]).unwrap_err().to_string();
    assert_eq!(error, "one head has 16900 bytes, the memory budget is 9000");
}

/// Shape and dtype decide, so nothing need be allocated for it.
#[test]
fn pages_stay_within_what_an_adapter_binds() {
    let view = |heads, tokens, dtype| TensorView { dtype, shape: vec![heads, tokens, tokens], bytes: &[] };
    let runs = |layer: &TensorView<'_>, binding_bytes| {
        let gpu = limited_gpu(binding_bytes);
        gpu.set_page_budget(UNLIMITED);
        let runs = gpu.runs(layer).map_err(|error| error.to_string())?;
        let head_bytes = (layer.shape[1] * layer.shape[2] * layer.dtype.bytes()) as u64;
        assert!(runs.iter().all(|run| run.len() as u64 * head_bytes <= binding_bytes));
        assert_eq!(runs.iter().flat_map(Clone::clone).collect::<Vec<_>>(), (0..layer.shape[0]).collect::<Vec<_>>());
        Ok::<usize, String>(runs.len())
    };
    let (llava, qwen) = (view(32, 640, Dtype::F16), view(28, 1500, Dtype::F32));
    assert_eq!([runs(&llava, 128 << 20), runs(&qwen, 128 << 20)], [Ok(1), Ok(2)]);
    assert_eq!(runs(&llava, 1 << 20), Ok(32));
    assert_eq!(runs(&llava, 640 * 640 * 2), Ok(32));
    assert!(
        runs(&qwen, 1 << 20)
            .unwrap_err()
            .starts_with("one head has 9000000 bytes, the most that a shader may bind is ")
    );
    // 8 GiB: more elements than a shader counts, whatever the adapter binds.
    let error = runs(&view(1, 1 << 16, Dtype::F16), UNLIMITED).unwrap_err();
    assert!(error.starts_with("one head has 8589934592 bytes, the most that a shader may bind is "), "{error}");
}

/// VL-InterpreT's own numbers for its own examples.
#[test]
fn vl_interpret_to_the_digit() {
    let text = std::fs::read_to_string("tests/traces/vl-interpret-expected.json").unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names = [
        ("vli.image_to_text", "img2txt"),
        ("vli.text_to_image", "txt2img"),
        ("vli.image_to_image", "img2img"),
        ("vli.image_to_image_without_self", "img2img_without_self"),
        ("vli.text_to_text", "txt2txt"),
        ("vli.cross_modal", "crossmodal"),
        ("vli.intra_modal", "intramodal"),
    ];
    for engine in [Engine::cpu(), engine_on_shaders()] {
        for example in 0..3 {
            let trace = reference(&format!("vl-interpret-{example}"));
            let all = engine.statistics(&trace, 0, &Options::default(), &mut |_, _| true).unwrap();
            for (name, theirs) in names {
                let ours = all.iter().find(|statistic| statistic.name == name).unwrap();
                let rows = expected["examples"][example.to_string()]["stats"][theirs].as_array().unwrap();
                for (layer, row) in rows.iter().enumerate() {
                    let row: Vec<f32> = row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
                    assert_close(name, &ours.values[layer * 12..(layer + 1) * 12], &row[..12], 1e-5);
                    assert_close(name, &ours.layer_mean[layer..=layer], &row[12..], 1e-5);
                }
            }
        }
    }
}

/// The first and the last row, on both sides of the end of a tile and of a run, in the first and the last column, and keys
/// that the mask hides.
#[test]
fn twins_leave_the_same_rows_out() {
    for (tokens, dtype) in [(3, Dtype::F32), (64, Dtype::F16), (65, Dtype::Bf16), (129, Dtype::F32)] {
        for causal in [false, true] {
            let mut block = Block::mixed(tokens, causal, &[3, 3, 3], dtype);
            for (at, query) in [0, 1, 62, 63, 64, 127, 128].into_iter().filter(|&query| query < tokens).enumerate() {
                let weight = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][at % 3];
                block.set(1, [1, query, if at % 2 == 0 { tokens - 1 } else { 0 }], weight);
            }
            for query in 0..tokens {
                block.set(2, [2, query, query / 2], f32::NAN);
            }
            assert_agree(&block, gpu());
            let all = on_processor(&block, &Options::default());
            let entropy = all.iter().find(|statistic| statistic.name == "entropy").unwrap();
            let broken = [0, 1, 62, 63, 64, 127, 128].into_iter().filter(|&query| query < tokens).count() as u32;
            assert_eq!(*entropy.rows_left_out, [0, 0, 0, 0, broken, 0, 0, 0, tokens as u32]);
            assert!(entropy.value(2, 2).is_nan(), "a head without rows");
            assert!(entropy.values.iter().filter(|value| value.is_nan()).count() <= 2);
        }
    }
}

/// What is left out is as if it were not there: in cross-attention queries can be.
#[test]
fn a_row_that_is_left_out_is_as_if_it_were_not_there() {
    let mut block = Block::cross(130, 67, &[2], Dtype::F32);
    let mut without = Block::cross(130, 67, &[2], Dtype::F32);
    for query in [129, 64, 0] {
        block.set(0, [1, query, 66], f32::NAN);
        let row = 67 * 4;
        for head in [1, 0] {
            let first = (head * without.queries.len() + query) * row;
            without.bytes[0].drain(first..first + row);
        }
        without.queries.remove(query);
    }
    without.shapes[0][1] = without.queries.len();
    let [found, expected] = [&block, &without].map(|block| on_processor(block, &Options::default()));
    for (found, expected) in found.iter().zip(&expected) {
        assert_close(&found.name, &found.values[1..], &expected.values[1..], 1e-6);
        assert_eq!(*found.rows_left_out, [0, 3]);
    }
}

/// The head with the NaN has its statistics of the other rows, all others have the same as before.
#[test]
fn nan_stays_in_its_row() {
    let (sound, broken) = (reference("multi-image"), reference("broken-nan"));
    for engine in [Engine::cpu(), engine_on_shaders()] {
        for specials in [false, true] {
            let run = |trace: &Trace| {
                engine.statistics(trace, 0, &Options { specials, ..Options::default() }, &mut |_, _| true).unwrap()
            };
            for (before, after) in run(&sound).iter().zip(run(&broken)) {
                let heads = before.heads;
                assert_eq!(after.rows_left_out.iter().sum::<u32>(), 1);
                assert_eq!(after.rows_left_out(2, 0), Some(1));
                for at in 0..before.values.len() {
                    assert_eq!(before.values[at].is_nan(), after.values[at].is_nan(), "{}", before.name);
                    if at != 2 * heads && !before.name.starts_with("vli.") {
                        assert_close(&before.name, &before.values[at..=at], &after.values[at..=at], 1e-7);
                    }
                }
            }
        }
    }
}

fn image_and_text(text_tokens: usize, patches: usize) -> Vec<Token> {
    let text = (0..text_tokens).map(|_| text("word"));
    text.chain((0..patches).map(|number| patch(number, patches))).collect()
}

/// The z-score of one head number over the layers, as float64 has it.
fn exact(values: &[f64]) -> Vec<f32> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
    values.iter().map(|value| ((value - mean) / deviation) as f32).collect()
}

fn scored(block: &Block, name: &str) -> [Vec<f32>; 2] {
    let options = Options::default();
    [on_processor(block, &options), in_shaders(block, &options, gpu())].map(|all| {
        let found = all.into_iter().find(|statistic| statistic.name == name).unwrap();
        if name.starts_with("vli.") { found.values } else { found.z_scored(Over::Layers).values }
    })
}

/// Patches that look at themselves and their neighbours alone: what they give to the others is 0 and not a remainder. With
/// some weight on the others, however small, it is that.
#[test]
fn far_patches_get_a_sum_and_not_a_remainder() {
    let (words, patches) = (5, 131);
    let window = |layer: usize, query: usize, key: usize| {
        let near = query.abs_diff(key) < 2;
        if near || query < words { 0.2 + ((layer * 7 + query * 5 + key * 3) % 11) as f32 * 0.01 } else { 0.0 }
    };
    let block = Block::by(image_and_text(words, patches), false, [4, 2], |layer, head, query, key| {
        window(layer + head, query, key)
    });
    for name in ["vli.image_to_image_without_self", "vli.intra_modal"] {
        assert!(scored(&block, name).iter().flatten().all(|value| value.is_nan()), "{name}");
    }
    for size in [1e-4, 1e-6, 1e-9] {
        let far = [1.0, 1.5, 0.75, 2.0].map(|times| times * size);
        let block = Block::by(image_and_text(words, patches), false, [4, 1], |layer, _, query, key| {
            let is_far = query.min(key) >= words && query.abs_diff(key) > 1;
            if is_far { far[layer] as f32 } else { window(layer, query, key) }
        });
        for found in scored(&block, "vli.image_to_image_without_self") {
            assert_close("without self", &found, &exact(&far), 1e-4);
        }
    }
}

/// A spread within rounding is none, whoever adds; one that is not is the same for all.
#[test]
fn values_that_are_equal_but_for_rounding_have_no_z_score() {
    let tokens = || image_and_text(5, 124);
    let uniform = |about: f32| {
        move |layer: usize, head: usize, _: usize, _: usize| {
            (about - head as f32 * 1e-2) * (1.0 - layer as f32 * 1e-3) / 129.0
        }
    };
    let one_hot = |layer: usize, head: usize, query: usize, key: usize| {
        if query == key { 0.9 + 0.01 * head as f32 + 0.001 * layer as f32 } else { 0.0 }
    };
    let tiny =
        |layer: usize, _: usize, query: usize, key: usize| (1.0 + ((layer + query + key) % 3) as f32 * 6e-8) / 129.0;
    for (block, equal, other) in [
        (
            Block::by(tokens(), false, [3, 4], uniform(1.0)),
            &["entropy", "entropy_relative", "hoyer", "distance", "sink"][..],
            "max",
        ),
        (
            Block::by(tokens(), false, [3, 4], one_hot),
            &["entropy", "entropy_relative", "hoyer", "distance", "vli.image_to_text"],
            "max",
        ),
        (
            Block::by(tokens(), false, [3, 4], tiny),
            &[
                "entropy",
                "hoyer",
                "max",
                "mass.image.image",
                "vli.image_to_image",
                "vli.intra_modal",
                "vli.cross_modal",
            ],
            "",
        ),
    ] {
        for name in equal {
            for found in scored(&block, name) {
                assert!(found.iter().all(|value| value.is_nan()), "{name}: {found:?}");
            }
        }
        if !other.is_empty() {
            let [processor, shaders] = scored(&block, other);
            assert_close(other, &processor, &shaders, 1e-3);
            assert!(processor.iter().all(|value| value.is_finite()));
        }
    }
}

#[test]
fn sound_traces_have_what_applies_and_nothing_else() {
    let (encoder_decoder, multi_image) = (reference("encoder-decoder"), reference("multi-image"));
    for (trace, block, applies) in [
        (
            &encoder_decoder,
            "encoder",
            "mass.image.image entropy entropy_relative max hoyer sink diagonal previous distance",
        ),
        (&encoder_decoder, "decoder", "mass.text.text entropy entropy_relative max hoyer sink diagonal previous"),
        (&encoder_decoder, "cross", "mass.text.image entropy entropy_relative max hoyer sink"),
        (
            &multi_image,
            "self",
            "mass.text.text mass.text.image mass.image.text mass.image.image entropy entropy_relative max hoyer sink \
             diagonal previous distance region",
        ),
    ] {
        let index = trace.document().block_index(block).unwrap();
        let processor = Engine::cpu().statistics(trace, index, &Options::default(), &mut |_, _| true).unwrap();
        let shaders = engine_on_shaders().statistics(trace, index, &Options::default(), &mut |_, _| true).unwrap();
        for (one, other) in processor.iter().zip(&shaders) {
            if one.name.starts_with("vli.") {
                assert_close(&one.name, &one.values, &other.values, 1e-3);
                continue;
            }
            assert_close(&one.name, &one.values, &other.values, 2e-5);
            let expected = applies.split_whitespace().any(|name| name == one.name);
            assert!(
                one.values.iter().all(|value| value.is_finite() == expected),
                "{block}: {} {:?}",
                one.name,
                one.values
            );
            // Rows in F16 sum to 1 up to its rounding.
            let range = statistics::statistic(&one.name).unwrap().range;
            assert!(one.values.iter().all(|v| v.is_nan() || (range[0]..=range[1] + 2e-3).contains(v)), "{}", one.name);
        }
    }
}

#[test]
fn a_pass_can_be_cancelled() {
    let trace = reference("vl-interpret-0");
    for engine in [Engine::cpu(), engine_on_shaders()] {
        let mut seen = Vec::new();
        let outcome = engine.statistics(&trace, 0, &Options::default(), &mut |done, of| {
            seen.push((done, of));
            done < 3
        });
        assert_eq!(outcome.unwrap_err().to_string(), "cancelled");
        assert_eq!(seen, [(1, 12), (2, 12), (3, 12)]);
    }
}

#[test]
fn a_layout_comes_from_a_trace() {
    let trace = Trace::open(Path::new("tests/traces/multi-image.safetensors")).unwrap();
    let layout = BlockLayout::of(&trace, 0);
    assert_eq!(layout.aspects, [1.0, 1.5]);
    assert!(layout.same_sequence && layout.regions.len() == 1);
}
