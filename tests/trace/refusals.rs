//! Every row of tests/traces/README.md, and the words of each refusal.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use vlscope::trace::{Dtype, Modality, Trace};

type Result = std::result::Result<(), Box<dyn Error>>;

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(format!("{name}.safetensors"))
}

#[test]
fn each_broken_trace_is_refused_in_the_agreed_words() -> Result {
    let words: BTreeMap<String, String> = serde_json::from_slice(&std::fs::read("tests/traces/messages.json")?)?;
    assert_eq!(words.len(), 23);
    for (name, message) in words {
        let path = reference(&name);
        let Err(error) = Trace::open(&path) else { return Err(format!("{name} was opened").into()) };
        assert_eq!(error.to_string(), format!("{message}: {}", path.display()));
    }
    Ok(())
}

#[test]
fn sound_traces_open() -> Result {
    for example in 0..3 {
        let trace = Trace::open(&reference(&format!("vl-interpret-{example}")))?;
        assert_eq!((trace.document().attention[0].layers, trace.heads(0, 0)), (12, 12));
        assert_eq!(trace.attention(0, 11).shape, [12, 14, 14]);
    }
    let trace = Trace::open(&reference("encoder-decoder"))?;
    let names: Vec<_> = trace.document().attention.iter().map(|block| block.name.as_str()).collect();
    assert_eq!(names, ["encoder", "decoder", "cross"]);
    let dtypes: Vec<_> = (0..3).map(|block| trace.attention(block, 0).dtype).collect();
    assert_eq!(dtypes, [Dtype::F16, Dtype::F32, Dtype::Bf16]);
    assert!(trace.document().attention[1].is_causal());
    assert_eq!(trace.attention(2, 1).shape, [3, 4, 15]);

    let trace = Trace::open(&reference("multi-image"))?;
    let tokens = &trace.document().sequences[0].tokens;
    assert_eq!(tokens.iter().filter(|token| token.modality() == Modality::Image).count(), 10);
    assert_eq!((trace.image(1).width, trace.image(1).height), (22, 33));
    assert_eq!(trace.document().regions[0].label, "dome");
    Ok(())
}

#[test]
fn the_second_version_opens_and_its_values_are_checked() -> Result {
    let trace = Trace::open(&reference("queries-keys"))?;
    let (document, none) = (trace.document(), Vec::new());
    assert_eq!([0, 1].map(|layer| document.attention[0].layer_number(layer)), [3, 7]);
    assert_eq!(vlscope::trace::check::check(&trace, &|_| ())?, none);
    let trace = Trace::open(&reference("broken-word"))?;
    let found = vlscope::trace::check::check(&trace, &|_| ())?;
    let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["words.main.8[5, 1] is 9, which is not in the vocabulary"]);
    Ok(())
}

#[test]
fn rows_are_distributions_in_every_dtype() -> Result {
    let trace = Trace::open(&reference("encoder-decoder"))?;
    for block in 0..3 {
        let view = trace.attention(block, 1);
        for row in view.to_f32().chunks(view.shape[2]) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 0.02);
        }
    }
    Ok(())
}

#[test]
fn a_nan_is_not_looked_for_at_opening() -> Result {
    let trace = Trace::open(&reference("broken-nan"))?;
    let view = trace.attention(0, 2);
    assert!(view.to_f32()[3 * 14 + 4].is_nan());
    Ok(())
}

/// Whatever the bytes, there is an error or a trace, never a panic.
#[test]
fn flipped_bytes_never_panic() -> Result {
    let sound = std::fs::read(reference("multi-image"))?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("flipped.safetensors");
    let header_end = 8 + u64::from_le_bytes(sound[..8].try_into()?) as usize;
    for (step, place) in (0..header_end).step_by(3).enumerate() {
        let mut bytes = sound.clone();
        bytes[place] ^= 1 << (step % 8);
        std::fs::write(&path, bytes)?;
        if let Ok(trace) = Trace::open(&path) {
            for (index, block) in trace.document().attention.iter().enumerate() {
                (0..block.layers).for_each(|layer| drop(trace.attention(index, layer).to_f32()));
            }
        }
    }
    Ok(())
}

/// A hole of 64 GiB opens as fast as a small file: only the header is read.
#[test]
fn opening_does_not_depend_on_the_size() -> Result {
    let tokens: Vec<_> = (0..1024).map(|_| serde_json::json!({"text": "a"})).collect();
    let document = serde_json::json!({"format": 1, "sequences": {"main": {"tokens": tokens}},
        "attention": [{"name": "self", "query": "main", "key": "main", "layers": 1}]});
    let heads = 16 * 1024;
    let bytes = heads * 1024 * 1024 * 4_u64;
    let header = serde_json::json!({"__metadata__": {"vlscope": document.to_string()}, "attention.self.0":
        {"dtype": "F32", "shape": [heads, 1024, 1024], "data_offsets": [0, bytes]}});
    let header = header.to_string();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("large.safetensors");
    let mut start = (header.len() as u64).to_le_bytes().to_vec();
    start.extend(header.as_bytes());
    std::fs::write(&path, &start)?;
    std::fs::OpenOptions::new().write(true).open(&path)?.set_len(start.len() as u64 + bytes)?;
    let begin = std::time::Instant::now();
    let trace = Trace::open(&path)?;
    assert!(begin.elapsed().as_millis() < 500, "{:?}", begin.elapsed());
    assert_eq!(trace.heads(0, 0), 16 * 1024);
    Ok(())
}

/// The header has an odd length here, so every tensor lies at an odd address.
#[test]
fn misaligned_tensors_are_read() -> Result {
    let sound = std::fs::read(reference("encoder-decoder"))?;
    let length = u64::from_le_bytes(sound[..8].try_into()?) as usize;
    let trimmed = std::str::from_utf8(&sound[8..8 + length])?.trim_end();
    let odd = if trimmed.len() % 2 == 1 { trimmed.to_owned() } else { format!("{trimmed} ") };
    let mut bytes = (odd.len() as u64).to_le_bytes().to_vec();
    bytes.extend(odd.as_bytes());
    bytes.extend(&sound[8 + length..]);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("odd.safetensors");
    std::fs::write(&path, bytes)?;
    let (aligned, misaligned) = (Trace::open(&reference("encoder-decoder"))?, Trace::open(&path)?);
    for block in 0..3 {
        assert_eq!(aligned.attention(block, 0).to_f32(), misaligned.attention(block, 0).to_f32());
    }
    Ok(())
}
