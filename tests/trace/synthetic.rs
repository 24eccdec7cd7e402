//! What `vlscope synth` writes, and how it is written.

use std::path::Path;

use crate::common::{Result, synthetic};
use serde_json::json;
use vlscope::analysis::Engine;
use vlscope::analysis::statistics::Options;
use vlscope::trace::check::check;
use vlscope::trace::{Dtype, Modality, Synthetic, TensorSpec, Trace, TraceWriter};

fn bytes_of(synthetic: &Synthetic, folder: &Path) -> Result<Vec<u8>> {
    let path = folder.join("synthetic.safetensors");
    synthetic.write(&path, &mut |_| ())?;
    Ok(std::fs::read(path)?)
}

#[test]
fn the_seed_decides_every_byte() -> Result {
    let folder = tempfile::tempdir()?;
    let first = bytes_of(&synthetic(), folder.path())?;
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let again = one_thread.install(|| bytes_of(&synthetic(), folder.path()).map_err(|error| error.to_string()))?;
    assert!(first == again, "the number of threads changes nothing");
    assert!(first != bytes_of(&Synthetic { seed: 8, ..synthetic() }, folder.path())?);
    Ok(())
}

#[test]
fn it_is_sound_in_every_dtype_and_shape() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("synthetic.safetensors");
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
        for (text, rows, columns, heads, dim) in [(2, 1, 1, 1, 0), (3, 1, 7, 2, 1), (33, 9, 5, 6, 64)] {
            let synthetic = Synthetic { layers: 2, heads, text, rows, columns, dim, dtype, seed: 1 };
            let mut bytes = 0;
            synthetic.write(&path, &mut |part| bytes += part)?;
            assert_eq!(Some(bytes), synthetic.bytes());
            let trace = Trace::open(&path)?;
            assert_eq!(check(&trace, &|_| ())?, [], "{synthetic:?}");
            assert_eq!(trace.document().sequences[0].tokens.len(), synthetic.tokens());
        }
    }
    Ok(())
}

#[test]
fn planted_keys_get_their_share() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("synthetic.safetensors");
    let synthetic = synthetic();
    synthetic.write(&path, &mut |_| ())?;
    let trace = Trace::open(&path)?;
    let tokens = synthetic.tokens();
    for layer in 0..synthetic.layers {
        let weights = trace.attention(0, layer).to_f32();
        for (row, weights) in weights.chunks(tokens).enumerate() {
            let (head, query) = (row / tokens, row % tokens);
            let planted: f32 = synthetic.planted_keys(head, query).iter().map(|&key| weights[key]).sum();
            let random = head == 4 || (head == 3 && query >= synthetic.text);
            let expected = if random { 0.0 } else { synthetic.planted_share(layer) };
            // Random weight may fall on a planted key as well.
            let excess = planted - expected;
            assert!((-1e-5..=0.25).contains(&excess), "layer {layer}, head {head}, query {query}: {planted}");
        }
    }
    assert!((synthetic.planted_share(2) - 0.9).abs() < 1e-6);
    assert_eq!((synthetic.planted_keys(0, 9), synthetic.planted_keys(1, 0)), (vec![9], vec![0]));
    assert_eq!((synthetic.planted_keys(1, 9), synthetic.planted_keys(2, 9)), (vec![8], vec![0]));
    Ok(())
}

/// The statistic that is made for a pattern finds the head that has it, in every layer and more so from layer to layer.
#[test]
fn statistics_find_the_planted_heads() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("synthetic.safetensors");
    synthetic().write(&path, &mut |_| ())?;
    let trace = Trace::open(&path)?;
    let statistics =
        Engine::cpu().statistics(&trace, 0, &Options { specials: true, ..Options::default() }, &mut |_, _| true)?;
    for (name, planted) in [("diagonal", 0), ("previous", 1), ("sink", 2), ("mass.text.image", 3)] {
        let statistic = statistics.iter().find(|statistic| statistic.name == name).ok_or(name)?;
        for layer in 0..statistic.layers {
            let value = |head: &usize| statistic.value(layer, *head);
            let strongest = (0..statistic.heads).max_by(|a, b| value(a).total_cmp(&value(b)));
            assert_eq!(strongest, Some(planted), "{name} in layer {layer}");
            assert!(layer == 0 || value(&planted) > statistic.value(layer - 1, planted), "{name} in layer {layer}");
        }
    }
    Ok(())
}

/// Head 3, the region and the pixels say the same of where the object is.
#[test]
fn the_object_is_where_head_3_looks() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("synthetic.safetensors");
    synthetic().write(&path, &mut |_| ())?;
    let trace = Trace::open(&path)?;
    let document = trace.document();
    let region = &document.regions[0];
    assert_eq!(region.label, "object");
    let tokens = &document.sequences[0].tokens;
    let planted = synthetic().planted_keys(3, 1);
    assert_eq!(planted.len(), 4);
    for (index, token) in tokens.iter().enumerate() {
        let share = token.image_area().map_or(0.0, |(_, area)| area.share_inside(&region.area));
        assert_eq!(share > 0.5, planted.contains(&index), "token {index}");
    }
    let image = trace.image(0);
    let pixel = |x: f32, y: f32| {
        let (x, y) = ((x * image.width as f32) as usize, (y * image.height as f32) as usize);
        let place = (y * image.width + x) * 3;
        [image.rgb[place], image.rgb[place + 1], image.rgb[place + 2]]
    };
    let [x, y] = region.area.center();
    let ([red, green, _], [r, g, _]) = (pixel(x, y), pixel((x + 0.5) % 1.0, (y + 0.5) % 1.0));
    assert!(red > 190 && green < 70, "the object is red");
    assert!(r.abs_diff(g) < 3, "elsewhere it is grey");
    Ok(())
}

#[test]
fn hidden_states_of_text_and_image_move_apart() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("synthetic.safetensors");
    let synthetic = Synthetic { dim: 64, ..synthetic() };
    synthetic.write(&path, &mut |_| ())?;
    let trace = Trace::open(&path)?;
    let tokens = &trace.document().sequences[0].tokens;
    let distance = |state: usize| {
        let values = trace.hidden(0, state).to_f32();
        let mean = |modality: Modality, axis: usize| {
            let of: Vec<f32> = (0..tokens.len())
                .filter(|&token| tokens[token].modality() == modality)
                .map(|token| values[token * 64 + axis])
                .collect();
            of.iter().sum::<f32>() / of.len() as f32
        };
        (0..64).map(|axis| (mean(Modality::Text, axis) - mean(Modality::Image, axis)).powi(2)).sum::<f32>().sqrt()
    };
    // 2 (0.5 + 1.5 state / layers) in each of 64 dimensions.
    for (state, expected) in [(0, 8.0), (3, 32.0)] {
        assert!((distance(state) / expected - 1.0).abs() < 0.2, "{}", distance(state));
    }
    Ok(())
}

#[test]
fn nothing_is_left_of_what_failed() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    std::fs::write(&path, "old")?;
    let document = json!({"format": 1, "sequences": {"main": {"tokens": [{"text": "a"}]}},
        "attention": [{"name": "self", "query": "main", "key": "main", "layers": 1}]});
    let specs = [TensorSpec::weights("attention.self.0", Dtype::F32, &[1, 1, 1])];
    drop(TraceWriter::create(&path, &document, &specs)?);
    let mut short = TraceWriter::create(&path, &document, &specs)?;
    short.write(&[0; 3])?;
    let message = short.finish().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.starts_with("the file is shorter than its header says") && message.ends_with("trace.safetensors"));
    let wrong = [TensorSpec::weights("attention.self.0", Dtype::F32, &[usize::MAX, 2, 1])];
    assert!(TraceWriter::create(&path, &document, &wrong).is_err());
    assert!(TraceWriter::create(folder.path(), &document, &specs).is_err());
    assert!(TraceWriter::create(&folder.path().join("absent/trace"), &document, &specs).is_err());
    let sizeless = Synthetic { rows: 0, ..synthetic() };
    assert!(sizeless.write(&path, &mut |_| ()).is_err());
    let huge = Synthetic { text: usize::MAX, ..synthetic() };
    assert!(huge.write(&path, &mut |_| ()).is_err());
    assert_eq!(std::fs::read(&path)?, b"old", "the file that was there still is");
    let names: Vec<_> = folder.path().read_dir()?.collect();
    assert_eq!(names.len(), 1, "{names:?}");

    let mut whole = TraceWriter::create(&path, &document, &specs)?;
    whole.write(&1.0_f32.to_le_bytes())?;
    whole.finish()?;
    assert_eq!(Trace::open(&path)?.attention(0, 0).to_f32(), [1.0]);
    assert_eq!(folder.path().read_dir()?.count(), 1);
    Ok(())
}

/// /dev/full is a disk that is always full; it must also survive being named as the target.
#[cfg(target_os = "linux")]
#[test]
fn a_device_is_not_replaced() {
    let message = synthetic().write(Path::new("/dev/full"), &mut |_| ()).err().map(|error| error.message);
    assert_eq!(message.as_deref(), Some("cannot write: it is no regular file"));
}

/// Whoever reads safetensors reads our files.
#[test]
fn the_safetensors_crate_reads_it() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    let synthetic =
        Synthetic { layers: 1, heads: 2, text: 3, rows: 2, columns: 2, dim: 4, dtype: Dtype::Bf16, seed: 0 };
    synthetic.write(&path, &mut |_| {})?;
    let bytes = std::fs::read(&path)?;
    let tensors = safetensors::SafeTensors::deserialize(&bytes)?;
    let layer = tensors.tensor("attention.self.0")?;
    assert_eq!((layer.dtype(), layer.shape()), (safetensors::Dtype::BF16, &[2, 7, 7][..]));
    assert_eq!(layer.data(), Trace::open(&path)?.attention(0, 0).bytes);
    Ok(())
}
