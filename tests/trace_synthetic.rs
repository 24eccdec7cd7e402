//! Synthetic traces: equal bytes for equal seeds, and the planted structure in numbers.

use std::error::Error;
use std::path::{Path, PathBuf};

use vlscope::analysis::statistics::Options;
use vlscope::analysis::{Engine, Pick, Selection};
use vlscope::trace::{Dtype, Synthetic, Trace};

type Result = std::result::Result<(), Box<dyn Error>>;

fn small(dtype: Dtype, seed: u64) -> Synthetic {
    Synthetic { layers: 2, heads: 5, text: 7, rows: 4, columns: 6, dim: 8, dtype, seed }
}

fn written(synthetic: &Synthetic, path: &Path) -> std::result::Result<Vec<u8>, Box<dyn Error>> {
    synthetic.write(path, &mut |_| {})?;
    Ok(std::fs::read(path)?)
}

#[test]
fn a_seed_determines_every_byte() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    let first = written(&small(Dtype::F16, 3), &path)?;
    assert_eq!(first, written(&small(Dtype::F16, 3), &path)?);
    assert_ne!(first, written(&small(Dtype::F16, 4), &path)?);
    Ok(())
}

#[test]
fn all_dtypes_are_sound() -> Result {
    let folder = tempfile::tempdir()?;
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
        let path = folder.path().join(format!("{dtype:?}.safetensors"));
        let synthetic = small(dtype, 0);
        let mut told = 0;
        synthetic.write(&path, &mut |bytes| told += bytes)?;
        assert_eq!(told, synthetic.bytes(), "the progress adds up");
        let trace = Trace::open(&path)?;
        assert_eq!(trace.check(&mut |_| {}), []);
        assert_eq!(trace.document().hidden[0].states, 3);
    }
    Ok(())
}

#[test]
fn planted_heads_are_found_in_numbers() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    written(&small(Dtype::F32, 0), &path)?;
    let trace = Trace::open(&path)?;
    let options = Options { specials: true };
    let statistics = Engine::cpu().statistics(&trace, 0, &options, &mut |_, _| true)?;
    let strongest = |name: &str, layer: usize| {
        let statistic = statistics.iter().find(|statistic| statistic.name == name)?;
        (0..statistic.heads).max_by(|a, b| statistic.value(layer, *a).total_cmp(&statistic.value(layer, *b)))
    };
    for layer in 0..2 {
        assert_eq!(strongest("diagonal", layer), Some(0));
        assert_eq!(strongest("previous", layer), Some(1));
        assert_eq!(strongest("sink", layer), Some(2));
        assert_eq!(strongest("mass.text.image", layer), Some(3));
        let selection =
            Selection { layer: Pick::One(layer), head: Pick::One(3), tokens: vec![1], ..Selection::default() };
        let weights = Engine::cpu().gather(&trace, &selection)?;
        let object = small(Dtype::F32, 0).object();
        let on_object: f32 = object.iter().map(|(row, column)| weights[7 + row * 6 + column]).sum();
        assert!(object.len() == 4 && on_object > 0.9, "{on_object} of the attention is on the object");
    }
    Ok(())
}

#[test]
fn a_write_that_fails_leaves_nothing() -> Result {
    let folder = tempfile::tempdir()?;
    let absent = folder.path().join("absent/trace.safetensors");
    let Err(error) = small(Dtype::F16, 0).write(&absent, &mut |_| {}) else { return Err("it was written".into()) };
    assert!(error.to_string().ends_with(&absent.display().to_string()), "{error}");
    // A folder stands where the file should go: the rename at the end fails.
    let taken = folder.path().join("taken.safetensors");
    std::fs::create_dir(&taken)?;
    assert!(small(Dtype::F16, 0).write(&taken, &mut |_| {}).is_err());
    let left: Vec<PathBuf> = folder.path().read_dir()?.flatten().map(|entry| entry.path()).collect();
    assert_eq!(left, [taken]);
    Ok(())
}

#[test]
fn check_names_tensor_and_place() -> Result {
    let findings = |name: &str| -> std::result::Result<Vec<(bool, String)>, Box<dyn Error>> {
        let trace = Trace::open(Path::new(&format!("tests/traces/{name}.safetensors")))?;
        Ok(trace.check(&mut |_| {}).into_iter().map(|finding| (finding.is_error, finding.message)).collect())
    };
    let broken = findings("broken-nan")?;
    assert!(broken.contains(&(true, "attention.self.2[0, 3, 4] is NaN".to_owned())), "{broken:?}");
    let example = findings("vl-interpret-0")?;
    assert!(example.iter().all(|(is_error, _)| !is_error), "{example:?}");
    assert!(example.iter().any(|(_, message)| message.contains("rows do not sum to 1")), "{example:?}");
    assert_eq!(findings("encoder-decoder")?, []);
    assert_eq!(findings("multi-image")?, []);
    Ok(())
}
