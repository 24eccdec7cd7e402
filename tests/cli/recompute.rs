//! `vlscope check --recompute`: what was computed at capture against what the trace gives.

use std::path::Path;

use crate::common::{Result, fail, json, run, succeed};
use serde_json::json as object;
use vlscope::trace::{Dtype, LayerTensors, TensorSpec, Trace, TraceWriter};

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A video of 3 layers, two heads a key head, with or without log-sum-exp.
fn synthetic(path: &Path, more: &[&str]) -> Result<String> {
    let path = text(path);
    let size =
        ["--layers", "3", "--heads", "4", "--key-heads", "2", "--head-dim", "24", "--text", "6", "--grid", "4x5"];
    let masks = ["--frames", "2", "--dim", "0", "--mask", "sliding:9,frames,stored"];
    succeed(&[&["synth", "--queries-keys", "--quiet", "-o", &path], &size[..], &masks, more].concat())?;
    Ok(path)
}

/// Adds to one value of a trace's log-sum-exp.
fn spoil(path: &str, layer: usize, [head, row]: [usize; 2], more: f32) -> Result {
    let place = {
        let trace = Trace::open(Path::new(path))?;
        let LayerTensors::QueriesKeys(tensors) = trace.layer(0, layer) else { return Err("no queries".into()) };
        let lse = tensors.lse.ok_or("no lse")?;
        let bytes = std::fs::read(path)?;
        let first = bytes.windows(lse.bytes.len()).position(|window| window == lse.bytes).ok_or("not in the file")?;
        first + 4 * (head * lse.shape[1] + row)
    };
    let mut bytes = std::fs::read(path)?;
    let found: [u8; 4] = bytes[place..place + 4].try_into()?;
    bytes[place..place + 4].copy_from_slice(&(f32::from_le_bytes(found) + more).to_le_bytes());
    Ok(std::fs::write(path, bytes)?)
}

#[test]
fn log_sum_exp_is_computed_anew() -> Result {
    let folder = tempfile::tempdir()?;
    for dtype in ["f32", "f16", "bf16"] {
        let path = synthetic(&folder.path().join("lse.safetensors"), &["--log-sum-exp", "--dtype", dtype])?;
        assert_eq!(succeed(&["check", &path, "--recompute", "--quiet"])?, format!("{path}: sound\n"));
        spoil(&path, 1, [2, 17], 1.5)?;
        spoil(&path, 1, [3, 40], -0.7)?;
        assert_eq!(
            succeed(&["check", &path, "--quiet"])?,
            format!("{path}: sound\n"),
            "nobody looks without being told"
        );
        let found = run(&["check", &path, "--recompute", "--quiet"])?;
        assert_eq!((found.code, found.stderr.as_str()), (Some(1), ""));
        let says = "2 of 184 values of `lse.self.1` are not what is computed anew: the farthest, of layer 1, head 2, row 17, is ";
        assert!(found.stdout.contains(says), "{}", found.stdout);
        let report = run(&["check", &path, "--recompute", "--json", "--quiet"])?;
        let report: serde_json::Value = serde_json::from_str(&report.stdout)?;
        let error = &report[0]["errors"][0];
        assert_eq!((&error["problem"], &error["tensor"]), (&object!("log_sum_exp"), &object!("lse.self.1")));
        assert_eq!((&error["position"], &error["count"]), (&object!([2, 17]), &object!(2)));
    }
    let without = synthetic(&folder.path().join("without.safetensors"), &[])?;
    assert_eq!(succeed(&["check", &without, "--recompute", "--quiet"])?, format!("{without}: sound\n"));
    Ok(())
}

/// Columns are made with what is stored, and are those of rows.
#[test]
fn columns_are_the_same_with_log_sum_exp_and_without() -> Result {
    let folder = tempfile::tempdir()?;
    let with = synthetic(&folder.path().join("with.safetensors"), &["--log-sum-exp"])?;
    let without = synthetic(&folder.path().join("without.safetensors"), &[])?;
    let column = |path: &str| -> Result<Vec<f64>> {
        let report =
            json(&["attention", path, "--token", "9", "--direction", "from", "--layer", "1", "--head", "3", "--json"])?;
        let weights = report["weights"].as_array().ok_or("no weights")?;
        Ok(weights.iter().map(|weight| weight.as_f64().unwrap_or(f64::NAN)).collect())
    };
    let (with, without) = (column(&with)?, column(&without)?);
    assert!(with.iter().zip(&without).all(|(a, b)| (a - b).abs() < 1e-5) && with.iter().sum::<f64>() > 0.1);
    let said = fail(
        2,
        &["synth", "--layers", "1", "--heads", "1", "--text", "3", "--grid", "2x2", "--log-sum-exp", "-o", "no"],
    )?;
    assert!(said.contains("--queries-keys"), "{said}");
    Ok(())
}

/// Two layers, 5 and 8, of three heads, with two statistics of ours and one of somebody else's.
fn with_statistics(path: &Path, spoiled: Option<(usize, f32)>) -> Result<String> {
    const TOKENS: usize = 5;
    let tokens: Vec<_> = (0..TOKENS).map(|at| object!({"text": format!("word{at}")})).collect();
    let document = |names: &[&str]| {
        object!({
            "format": 2, "sequences": {"main": {"tokens": tokens}},
            "attention": [{"name": "self", "query": "main", "key": "main", "layers": [5, 8],
                "mask": {"sliding": 3}, "statistics": names}],
        })
    };
    let weight = |layer: usize, cell: usize| {
        let (query, key) = (cell / TOKENS % TOKENS, cell % TOKENS);
        let seen = query.saturating_sub(2)..query + 1;
        let of = |key: usize| {
            if seen.contains(&key) { 1.0 + ((layer + 3 * (cell / TOKENS) + 7 * key) % 5) as f32 } else { 0.0 }
        };
        of(key) / (0..TOKENS).map(of).sum::<f32>()
    };
    let layer = |layer: usize| -> Vec<u8> {
        (0..3 * TOKENS * TOKENS).flat_map(|cell| weight(layer, cell).to_le_bytes()).collect()
    };
    let weights =
        [5, 8].map(|layer| TensorSpec::weights(format!("attention.self.{layer}"), Dtype::F32, &[3, TOKENS, TOKENS]));
    let plain = path.with_extension("plain.safetensors");
    let mut writer = TraceWriter::create(&plain, &document(&[]), &weights)?;
    [5, 8].into_iter().try_for_each(|number| writer.write(&layer(number)))?;
    writer.finish()?;
    let report = json(&["stats", &text(&plain), "--compute", "cpu", "--json"])?;
    let of = |name: &str| -> Result<Vec<f32>> {
        let statistics = report["attention"][0]["statistics"].as_array().ok_or("no statistics")?;
        let found = statistics.iter().find(|statistic| statistic["name"] == name).ok_or("no such statistic")?;
        let rows = found["values"].as_array().ok_or("no values")?;
        let numbers = rows.iter().flat_map(|row| row.as_array().cloned().unwrap_or_default());
        Ok(numbers.map(|number| number.as_f64().unwrap_or(f64::NAN) as f32).collect())
    };
    let names = ["entropy", "somebody's", "distance", "previous"];
    let columns = [of("entropy")?, vec![42.0; 6], of("distance")?, of("previous")?];
    let mut values: Vec<f32> = (0..6).flat_map(|head| columns.iter().map(move |column| column[head])).collect();
    if let Some((place, more)) = spoiled {
        values[place] += more;
    }
    let mut specs = weights.to_vec();
    specs.push(TensorSpec::weights("statistics.self", Dtype::F32, &[2, 3, 4]));
    let mut writer = TraceWriter::create(path, &document(&names), &specs)?;
    [5, 8].into_iter().try_for_each(|number| writer.write(&layer(number)))?;
    writer.write(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
    writer.finish()?;
    Ok(text(path))
}

#[test]
fn statistics_of_capture_are_computed_anew() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    let sound = with_statistics(&path, None)?;
    assert_eq!(succeed(&["check", &sound, "--recompute", "--quiet"])?, format!("{sound}: sound\n"));
    // Layer 8, head 1, the fourth statistic.
    let spoiled = with_statistics(&path, Some(((3 + 1) * 4 + 3, 0.25)))?;
    let found = run(&["check", &spoiled, "--recompute", "--quiet"])?;
    let says = "1 of 18 values of `statistics.self` are not what is computed anew: the farthest, `previous` of layer 8, head 1, is ";
    assert!(found.code == Some(1) && found.stdout.contains(says), "{}", found.stdout);
    // A number where there is none, and none where there is one.
    let spoiled = with_statistics(&path, Some((0, f32::NAN)))?;
    let found = run(&["check", &spoiled, "--recompute", "--quiet"])?;
    assert!(found.stdout.contains("`entropy` of layer 5, head 0, is NaN"), "{}", found.stdout);
    // What somebody else computed is not ours to judge.
    let other = with_statistics(&path, Some((1, 1.0)))?;
    succeed(&["check", &other, "--recompute", "--quiet"])?;
    Ok(())
}
