//! A trace as another: the same weights from other tensors, and a part of a trace with the numbers that it had in the whole.

use std::fs;
use std::path::{Path, PathBuf};

use vlscope::analysis::{LayerWeights, RowBuffers};
use vlscope::trace::{Mask, Stored, Trace};

use crate::common::{Result, fail, json, succeed};
use crate::pair::pair;

const SMALL: &str = "tests/traces/queries-keys.safetensors";
const DEMO: &str = "tests/traces/vl-interpret-0.safetensors";

/// Runs `vlscope convert`, checks what it wrote, and opens it.
fn converted(input: &str, output: &Path, options: &[&str]) -> Result<Trace> {
    let output = output.to_string_lossy();
    succeed(&[&["convert", input, &output, "--quiet"], options].concat())?;
    succeed(&["check", &output])?;
    Ok(Trace::open(Path::new(output.as_ref()))?)
}

/// `[heads, queries, keys]` of a layer, whatever is stored.
fn weights(trace: &Trace, block: usize, layer: usize) -> Vec<f32> {
    let document = trace.document();
    let described = &document.attention[block];
    let [queries, keys] = [document.query_tokens(described), document.key_tokens(described)].map(<[_]>::len);
    let source = LayerWeights::of(trace, block, layer);
    let all: Vec<usize> = (0..queries).collect();
    let mut weights = vec![0.0; trace.heads(block, layer) * queries * keys];
    for (head, out) in weights.chunks_mut((queries * keys).max(1)).enumerate() {
        source.read(head..head + 1, &all, &mut RowBuffers::default(), out);
    }
    weights
}

fn assert_close(one: &[f32], other: &[f32], tolerance: f32) {
    assert_eq!(one.len(), other.len());
    for (index, (one, other)) in one.iter().zip(other).enumerate() {
        assert!((one - other).abs() <= tolerance, "weight {index}: {one} and {other}");
    }
}

/// What the cell of a head is in the whole, for each cell of a part.
fn of_part(whole: &[f32], tokens: usize, heads: &[usize], queries: &[usize], keys: &[usize]) -> Vec<f32> {
    let cells = heads.iter().flat_map(|head| queries.iter().map(move |query| (head, query)));
    cells.flat_map(|(head, query)| keys.iter().map(move |key| whole[(head * tokens + query) * tokens + key])).collect()
}

#[test]
fn weights_are_made_of_queries_and_keys() -> Result {
    let folder = tempfile::tempdir()?;
    for mask in [Mask::Causal, Mask::Full, Mask::Sliding(9), Mask::Stored] {
        let [stored, computed] = pair(folder.path(), &[mask])?;
        let computed = computed.to_string_lossy();
        let made = converted(&computed, &folder.path().join("made.safetensors"), &["--stored", "weights"])?;
        let stored = Trace::open(&stored)?;
        assert_eq!(made.document().attention[0].stored, Stored::Weights);
        assert_eq!(made.document().attention[0].mask(0), stored.document().attention[0].mask(0));
        for layer in 0..3 {
            assert_close(&weights(&made, 0, layer), &weights(&stored, 0, layer), 2e-6);
        }
    }
    Ok(())
}

/// Sinks take a share of a row, masks differ by layer and layers have numbers of their own.
#[test]
fn all_that_a_layer_says_of_itself_stays() -> Result {
    let folder = tempfile::tempdir()?;
    let old = Trace::open(Path::new(SMALL))?;
    let made = converted(SMALL, &folder.path().join("made.safetensors"), &["--stored", "weights"])?;
    let [was, is] = [&old, &made].map(|trace| &trace.document().attention[0]);
    assert_eq!((is.layer_number(0), is.layer_number(1)), (was.layer_number(0), was.layer_number(1)));
    for layer in 0..2 {
        assert_eq!(is.mask(layer), was.mask(layer));
        assert_close(&weights(&made, 0, layer), &weights(&old, 0, layer), 1e-6);
    }
    let rest = |trace: &Trace| {
        let document = trace.document();
        (document.sequences.clone(), document.relevance.clone(), document.words.clone(), document.images)
    };
    assert_eq!(rest(&old), rest(&made));
    Ok(())
}

#[test]
fn without_an_option_it_is_the_same_trace() -> Result {
    let folder = tempfile::tempdir()?;
    for path in [SMALL, DEMO, "tests/traces/encoder-decoder.safetensors", "tests/traces/multi-image.safetensors"] {
        let copy = folder.path().join("copy.safetensors");
        let made = converted(path, &copy, &[])?;
        assert_eq!(made.document(), Trace::open(Path::new(path))?.document(), "{path}");
        let copy = copy.to_string_lossy();
        let statistics = |path: &str| json(&["stats", path, "--json", "--compute", "cpu"]);
        assert_eq!(statistics(path)?, statistics(&copy)?, "{path}");
    }
    Ok(())
}

#[test]
fn heads_and_layers_are_cut_out() -> Result {
    let folder = tempfile::tempdir()?;
    let [_, whole] = pair(folder.path(), &[Mask::Causal])?;
    let whole = whole.to_string_lossy();
    let old = Trace::open(Path::new(whole.as_ref()))?;
    // One head of the first two that share a key head, and both of the others.
    let options = ["--layers", "1-2", "--heads", "1-3"];
    let part = converted(&whole, &folder.path().join("part.safetensors"), &options)?;
    let block = &part.document().attention[0];
    assert_eq!((block.layers, block.layer_number(0), block.layer_number(1)), (2, 1, 2));
    let every: Vec<usize> = (0..70).collect();
    for layer in 0..2 {
        let expected = of_part(&weights(&old, 0, layer + 1), 70, &[1, 2, 3], &every, &every);
        assert_close(&weights(&part, 0, layer), &expected, 1e-6);
    }
    Ok(())
}

#[test]
fn tokens_are_cut_out_of_weights() -> Result {
    let folder = tempfile::tempdir()?;
    let [_, whole] = pair(folder.path(), &[Mask::Causal])?;
    let whole = whole.to_string_lossy();
    let old = Trace::open(Path::new(whole.as_ref()))?;
    let options = ["--stored", "weights", "--tokens", "0,12-14,66-69"];
    let part = converted(&whole, &folder.path().join("part.safetensors"), &options)?;
    let tokens = [0, 12, 13, 14, 66, 67, 68, 69];
    let names = |trace: &Trace| trace.document().sequences[0].tokens.clone();
    let all = names(&old);
    assert_eq!(names(&part), tokens.map(|token| all[token].clone()));
    for layer in 0..3 {
        let expected = of_part(&weights(&old, 0, layer), 70, &[0, 1, 2, 3], &tokens, &tokens);
        assert_close(&weights(&part, 0, layer), &expected, 2e-6);
    }

    let refused = folder.path().join("refused.safetensors");
    let said = fail(1, &["convert", &whole, &refused.to_string_lossy(), "--tokens", "12-14"])?;
    assert!(said.contains("block `self`") && said.contains("cut them out of the weights"), "{said}");
    assert!(!refused.exists());
    // None of the first tokens sees another: a causal context may be shortened as queries and keys.
    let part = converted(&whole, &refused, &["--tokens", "0-30"])?;
    let tokens: Vec<usize> = (0..31).collect();
    let expected = of_part(&weights(&old, 0, 2), 70, &[0, 1, 2, 3], &tokens, &tokens);
    assert_close(&weights(&part, 0, 2), &expected, 2e-6);
    Ok(())
}

#[test]
fn values_are_written_with_fewer_bits() -> Result {
    let folder = tempfile::tempdir()?;
    let [stored, _] = pair(folder.path(), &[Mask::Full])?;
    let half = folder.path().join("half.safetensors");
    let made = converted(&stored.to_string_lossy(), &half, &["--dtype", "f16"])?;
    let old = Trace::open(&stored)?;
    assert_close(&weights(&made, 0, 1), &weights(&old, 0, 1), 3e-4);
    let [small, large] = [&half, &stored].map(|path| fs::metadata(path).map(|metadata| metadata.len()));
    assert!(small? * 2 < large? + 20_000);
    Ok(())
}

#[test]
fn what_cannot_be_done_is_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("out.safetensors");
    let out: &str = &output.to_string_lossy();
    let refusals: [(&[&str], &str); 6] = [
        (&[DEMO, out, "--stored", "queries-keys"], "stores weights"),
        (&[SMALL, out, "--layers", "4"], "no layer 4"),
        (&[SMALL, out, "--layers", "3-9"], "no layer 9: the last is 7"),
        (&[SMALL, out, "--heads", "4"], "no head 4"),
        (&[SMALL, out, "--stored", "weights", "--tokens", "999"], "no token 999"),
        (&["tests/traces/encoder-decoder.safetensors", out, "--tokens", "0"], "--sequence"),
    ];
    for (arguments, expected) in refusals {
        let said = fail(1, &[&["convert"], arguments].concat())?;
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!output.exists(), "{arguments:?}");
    }
    Ok(())
}

/// Writing over the trace that is read leaves either the old or the new.
#[test]
fn a_trace_may_be_replaced_by_its_part() -> Result {
    let folder = tempfile::tempdir()?;
    let path: PathBuf = folder.path().join("trace.safetensors");
    fs::copy(SMALL, &path)?;
    let made = converted(&path.to_string_lossy(), &path, &["--layers", "7"])?;
    assert_eq!(made.document().attention[0].layer_number(0), 7);
    Ok(())
}
