//! Layers by the model's own numbers: what a person types and reads, and what files hold.

use std::path::Path;

use crate::common::{Result, fail, json, succeed};
use serde_json::{Value, json as object};
use vlscope::trace::{Dtype, TensorSpec, TraceWriter};

const HEADS: usize = 2;
const TOKENS: usize = 4;

/// Layers 3, 7 and 11, or others; the diagonal of a layer's heads is a hundredth of its number.
fn numbered(path: &Path, layers: &[usize]) -> Result<String> {
    let document = object!({
        "format": 2, "id": format!("{layers:?}"), "model": {"name": "numbered"},
        "sequences": {"main": {"tokens": (0..TOKENS).map(|at| object!({"text": format!("word{at}")})).collect::<Vec<_>>()}},
        "attention": [{"name": "self", "query": "main", "key": "main", "layers": layers}],
    });
    let tensor =
        |layer: &usize| TensorSpec::weights(format!("attention.self.{layer}"), Dtype::F32, &[HEADS, TOKENS, TOKENS]);
    let mut writer = TraceWriter::create(path, &document, &layers.iter().map(tensor).collect::<Vec<_>>())?;
    for layer in layers {
        let on_itself = *layer as f32 / 100.0;
        let weight = |cell: usize| {
            let is_own = cell % TOKENS == cell / TOKENS % TOKENS;
            if is_own { on_itself } else { (1.0 - on_itself) / (TOKENS - 1) as f32 }
        };
        let weights: Vec<u8> = (0..HEADS * TOKENS * TOKENS).flat_map(|cell| weight(cell).to_le_bytes()).collect();
        writer.write(&weights)?;
    }
    writer.finish()?;
    Ok(path.to_string_lossy().into_owned())
}

/// The layers that a table lists, each once.
fn column(csv: &str, name: &str) -> Result<Vec<String>> {
    let mut lines = csv.lines();
    let place = lines.next().and_then(|header| header.split(',').position(|of| of == name)).ok_or("no such column")?;
    let mut found: Vec<String> = lines.filter_map(|line| Some(line.split(',').nth(place)?.to_owned())).collect();
    found.dedup();
    Ok(found)
}

#[test]
fn statistics_name_layers_by_their_numbers() -> Result {
    let folder = tempfile::tempdir()?;
    let trace = numbered(&folder.path().join("a.safetensors"), &[3, 7, 11])?;
    let report = json(&["stats", &trace, "--statistic", "diagonal", "--top", "1", "--json"])?;
    let block = &report["attention"][0];
    assert_eq!((&block["layers"], &block["layer_numbers"]), (&object!(3), &object!([3, 7, 11])));
    assert_eq!(block["statistics"][0]["strongest"][0]["layer"], 11);
    let listed = succeed(&["stats", &trace, "--statistic", "diagonal", "--csv"])?;
    assert_eq!(column(&listed, "layer")?, ["3", "7", "11"]);
    let listed = succeed(&["stats", &trace, "--statistic", "diagonal", "--top", "1", "--csv"])?;
    assert_eq!(column(&listed, "layer")?, ["11"]);
    let table = succeed(&["stats", &trace, "--statistic", "diagonal"])?;
    let rows: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(["3", "7", "11"].iter().all(|number| rows.contains(number)), "{table}");
    Ok(())
}

#[test]
fn a_layer_is_typed_by_its_number() -> Result {
    let folder = tempfile::tempdir()?;
    let trace = numbered(&folder.path().join("a.safetensors"), &[3, 7, 11])?;
    let attention = |arguments: &[&str]| json(&[&["attention", &trace, "--token", "1", "--json"], arguments].concat());
    for (typed, number) in [(&[][..], 11), (&["--layer", "7"], 7), (&["--layer", "3"], 3)] {
        let found = attention(typed)?;
        assert_eq!(found["selection"]["layer"], number);
        let own = found["weights"][1].as_f64().ok_or("no weight")?;
        assert!((own - f64::from(number) / 100.0).abs() < 1e-6, "{own}");
    }
    let rolled = attention(&["--layer", "11", "--rollout=4"])?;
    assert_eq!(rolled["selection"]["rollout"]["start"], 7, "the first layer from 4 on");
    let said = fail(1, &["attention", &trace, "--layer", "1"])?;
    assert!(said.contains("there is no layer 1: block `self` has layers 3, 7, 11"), "{said}");
    let said = fail(1, &["attention", &trace, "--layer", "7", "--rollout=9"])?;
    assert!(said.contains("rollout begins at layer 9, which comes after layer 7"), "{said}");
    let said = fail(1, &["attention", &trace, "--layer", "7", "--head", "5"])?;
    assert!(said.contains("there is no head 5: layer 7 of block `self` has 2"), "{said}");
    Ok(())
}

/// A state that names layer 7 draws what `--layer 7` draws.
#[test]
fn a_state_holds_the_number() -> Result {
    let folder = tempfile::tempdir()?;
    let trace = numbered(&folder.path().join("a.safetensors"), &[3, 7, 11])?;
    let state = folder.path().join("state.json");
    let written = |layer: usize| {
        let selection = object!({"layer": {"one": layer}, "head": "mean", "tokens": [1]});
        std::fs::write(
            &state,
            object!({"version": 2, "trace": trace, "view": "text", "selection": selection}).to_string(),
        )
    };
    let picture = |name: &str, arguments: &[&str]| -> Result<Vec<u8>> {
        let output = folder.path().join(name).to_string_lossy().into_owned();
        succeed(&[&["render", "-o", &output, "--size", "400x300"], arguments].concat())?;
        Ok(std::fs::read(&output)?)
    };
    written(7)?;
    let path = state.to_string_lossy().into_owned();
    let by_state = picture("state.svg", &["--state", &path, "--theme", "paper"])?;
    let typed = |layer: &str| {
        picture("typed.svg", &[&trace, "--view", "text", "--layer", layer, "--token", "1", "--theme", "paper"])
    };
    assert!(by_state == typed("7")?, "a picture of layer 7");
    assert!(by_state != typed("3")? && by_state != typed("11")?);
    written(1)?;
    let output = folder.path().join("none.svg").to_string_lossy().into_owned();
    let said = fail(1, &["render", "--state", &path, "-o", &output])?;
    assert!(said.contains("there is no layer 1: block `self` has layers 3, 7, 11"), "{said}");
    Ok(())
}

#[test]
fn traces_are_compared_by_the_numbers_of_their_layers() -> Result {
    let folder = tempfile::tempdir()?;
    let a = numbered(&folder.path().join("a.safetensors"), &[3, 7, 11])?;
    let b = numbered(&folder.path().join("b.safetensors"), &[7, 9, 11])?;
    let report = json(&["compare", &a, &b, "--view", "heads", "--statistic", "diagonal", "--json"])?;
    let rows = report["values"].as_array().ok_or("no rows")?;
    let of =
        |layer: usize| rows.iter().find(|row| row["layer"] == layer).map(|row| [row["a"].clone(), row["b"].clone()]);
    let close = |value: &Value, expected: f64| value.as_f64().is_some_and(|found| (found - expected).abs() < 1e-6);
    let seven = of(7).ok_or("no layer 7")?;
    assert!(close(&seven[0], 0.07) && close(&seven[1], 0.07), "{seven:?}");
    let (three, nine) = (of(3).ok_or("no layer 3")?, of(9).ok_or("no layer 9")?);
    assert!(close(&three[0], 0.03) && three[1].is_null() && nine[0].is_null() && close(&nine[1], 0.09));
    assert_eq!(report["notes"], object!(["layer 3 is in A alone", "layer 9 is in B alone"]));
    let compare =
        |layer: &str| json(&["compare", &a, &b, "--view", "text", "--token", "1", "--layer", layer, "--json"]);
    let text = compare("11")?;
    assert_eq!(text["values"][1]["a"], text["values"][1]["b"], "layer 11 is the third of both");
    assert_eq!(text["selection"]["layer"], 11);
    let lacking = compare("3")?;
    let note = lacking["notes"][0].as_str().unwrap_or_default();
    assert_eq!(note, "B has no layer 3: its block `self` has 7, 9, 11");
    Ok(())
}

#[test]
fn an_index_names_layers_by_their_numbers() -> Result {
    let folder = tempfile::tempdir()?;
    numbered(&folder.path().join("a.safetensors"), &[3, 7, 11])?;
    numbered(&folder.path().join("b.safetensors"), &[3, 7])?;
    let dir = folder.path().to_string_lossy().into_owned();
    succeed(&["index", &dir, "--quiet"])?;
    let atlas = succeed(&["atlas", &dir, "--statistic", "diagonal", "--csv"])?;
    assert_eq!(column(&atlas, "layer")?, ["3", "7", "11"]);
    let report = json(&["atlas", &dir, "--statistic", "diagonal", "--json"])?;
    let heads = report["values"].as_array().ok_or("no values")?;
    let counts: Vec<_> = heads.iter().map(|head| (head["layer"].as_u64(), head["count"].as_u64())).collect();
    assert_eq!(counts[0], (Some(3), Some(2)));
    assert_eq!(counts[5], (Some(11), Some(1)), "one of both has layer 11");
    let extremes = json(&["atlas", &dir, "--statistic", "diagonal", "--extremes", "11.0", "--json"])?;
    assert_eq!(extremes[0]["path"], "a.safetensors");
    let said = fail(1, &["atlas", &dir, "--statistic", "diagonal", "--extremes", "1.0"])?;
    assert!(said.contains("--extremes 1.0: there are layers 3, 7, 11 of 2 heads"), "{said}");
    let kept = json(&["examples", &dir, "--filter", "diagonal[11.0]>0.1", "--json"])?;
    assert_eq!((&kept["of"], &kept["count"]), (&object!(2), &object!(1)), "{kept}");
    let said = fail(1, &["examples", &dir, "--filter", "diagonal[1.0]>0.1"])?;
    assert!(
        said.contains("no example has layer 1, head 0 in block `self`: there are layers 3, 7, 11 of 2 heads"),
        "{said}"
    );
    Ok(())
}
