//! `vlscope stats` and `vlscope attention`: what they print is what the trace holds.

use std::path::Path;

use crate::common::{Result, fail, json, succeed};
use serde_json::{Value, json};
use vlscope::trace::Trace;

const ENCODER_DECODER: &str = "tests/traces/encoder-decoder.safetensors";
const MULTI_IMAGE: &str = "tests/traces/multi-image.safetensors";

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
}

#[test]
fn stats_as_json_has_every_block_and_statistic() -> Result {
    let report = json(&["stats", ENCODER_DECODER, "--json", "--compute", "cpu"])?;
    let blocks = report["attention"].as_array().ok_or("no blocks")?;
    assert_eq!(blocks.iter().map(|block| &block["name"]).collect::<Vec<_>>(), ["encoder", "decoder", "cross"]);
    for block in blocks {
        let (layers, heads) = (block["layers"].as_u64(), block["heads"].as_u64());
        let statistics = block["statistics"].as_array().ok_or("no statistics")?;
        assert_eq!(statistics.len(), vlscope::analysis::statistics::TABLE.len());
        for statistic in statistics {
            assert!(statistic["name"].is_string() && statistic["unit"].is_string());
            let values = statistic["values"].as_array().ok_or("no values")?;
            assert_eq!(
                (Some(values.len() as u64), statistic["layer_mean"].as_array().map(Vec::len)),
                (layers, Some(values.len()))
            );
            for row in values {
                assert_eq!(row.as_array().map(|row| row.len() as u64), heads);
            }
        }
    }
    // Cross-attention has no diagonal: there is no value, which JSON calls null.
    let cross = blocks[2]["statistics"].as_array().ok_or("no statistics")?;
    let diagonal = cross.iter().find(|statistic| statistic["name"] == "diagonal").ok_or("no diagonal")?;
    assert!(diagonal["values"][0][0].is_null());
    Ok(())
}

/// Layer 2, head 0 has one row with a NaN.
#[test]
fn stats_say_which_rows_they_left_out() -> Result {
    let arguments = ["stats", "tests/traces/broken-nan.safetensors", "--statistic", "entropy"];
    for compute in ["cpu", "gpu"] {
        let with = |format: &'static str| [&arguments[..], &[format, "--compute", compute]].concat();
        let report = json(&with("--json"))?;
        let block = &report["attention"][0];
        let counts: Vec<Vec<u64>> = serde_json::from_value(block["rows_left_out"].clone())?;
        assert_eq!((counts[2][0], counts.iter().flatten().sum::<u64>()), (1, 1));
        assert!(block["statistics"][0]["values"][2][0].is_number(), "the other rows have an entropy");
        let csv = succeed(&with("--csv"))?;
        let left_out = |row: &&str| !row.ends_with(",0") && !row.ends_with("rows_left_out");
        let named: Vec<&str> = csv.lines().filter(left_out).collect();
        assert!(named.len() == 1 && named[0].starts_with("self,entropy,2,0,") && named[0].ends_with(",1"), "{csv}");
        let text = succeed(&[&arguments[..], &["--compute", compute]].concat())?;
        assert!(text.starts_with("Rows left out of all statistics: a weight of each is NaN or infinite\n"), "{text}");
    }
    assert!(!succeed(&["stats", MULTI_IMAGE, "--compute", "cpu"])?.contains("left out"));
    Ok(())
}

/// What there is to do decides who computes, and not who is ready first.
#[test]
fn stats_have_the_same_digits_each_time() -> Result {
    let by = |compute| succeed(&["stats", "tests/traces/vl-interpret-0.safetensors", "--json", "--compute", compute]);
    let processor = by("cpu")?;
    for _ in 0..3 {
        assert!(by("auto")? == processor);
    }
    Ok(())
}

#[test]
fn stats_for_people_and_for_tables() -> Result {
    let text = succeed(&["stats", MULTI_IMAGE, "--compute", "cpu"])?;
    assert!(text.contains("· entropy (nats)\nlayer  head 0"), "{text}");
    assert!(!text.contains("NaN"));
    let trace = Trace::open(Path::new(MULTI_IMAGE))?;
    let block = &trace.document().attention[0];
    let csv = succeed(&["stats", MULTI_IMAGE, "--csv", "--compute", "cpu"])?;
    let rows = block.layers * trace.max_heads(0) * vlscope::analysis::statistics::TABLE.len();
    assert_eq!(csv.lines().count(), 1 + rows);
    assert_eq!(csv.lines().next(), Some("block,statistic,layer,head,value,unit,rows_left_out"));
    Ok(())
}

#[test]
fn attention_is_the_selected_row_or_column() -> Result {
    let trace = Trace::open(Path::new(ENCODER_DECODER))?;
    let view = trace.attention(2, 1);
    let [_, queries, keys] = *view.shape else { return Err("not a layer".into()) };
    let head: Vec<f64> = view.entry(2).to_f32().into_iter().map(f64::from).collect();
    let arguments = ["attention", ENCODER_DECODER, "--json", "--block", "cross", "--layer", "1", "--head", "2"];
    let report = json(&[&arguments[..], &["--token", "3", "--compute", "cpu"]].concat())?;
    assert_eq!((&report["query"], &report["key"]), (&json!("decoder"), &json!("encoder")));
    let close = |found: Vec<f64>, expected: Vec<f64>| {
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
    };
    close(numbers(&report["weights"]), head[3 * keys..4 * keys].to_vec());
    assert_eq!(report["tokens"].as_array().map(Vec::len), Some(keys));
    let selection = json!({
        "block": "cross", "layer": 1, "head": 2, "tokens": [3], "direction": "to", "combine": "mean",
        "weights": "raw", "sinks": "show",
    });
    assert_eq!(report["selection"], selection);

    let from = ["--token", "0", "--token", "4", "--direction", "from", "--compute", "cpu"];
    let report = json(&[&arguments[..], &from].concat())?;
    close(numbers(&report["weights"]), (0..queries).map(|q| (head[q * keys] + head[q * keys + 4]) / 2.0).collect());
    assert_eq!(report["tokens"].as_array().map(Vec::len), Some(queries));
    Ok(())
}

#[test]
fn attention_names_its_tokens() -> Result {
    let arguments = ["attention", MULTI_IMAGE, "--layer", "mean", "--token", "1", "--compute", "cpu"];
    let text = succeed(&arguments)?;
    assert!(text.lines().next().is_some_and(|line| line.starts_with("position  token")), "{text}");
    assert!(
        text.contains("image 0 patch (row 1, column 1)") && text.contains("image 1 patch (row 2, column 0)"),
        "{text}"
    );
    let csv = succeed(&[&arguments[..], &["--csv"]].concat())?;
    assert_eq!(csv.lines().count(), 15);
    Ok(())
}

#[test]
fn a_selection_that_the_trace_lacks_is_refused() -> Result {
    let cases: [(&[&str], &str); 4] = [
        (&["--block", "self"], "no block is called `self`: there are encoder, decoder, cross"),
        (&["--layer", "9"], "there is no layer 9: block `encoder` has layers 0 to 1"),
        (&["--head", "9"], "there is no head 9: layer 1 of block `encoder` has 3"),
        (&["--token", "99"], "there is no token 99: sequence `encoder` has 15"),
    ];
    for (options, message) in cases {
        let said = fail(1, &[&["attention", ENCODER_DECODER, "--compute", "cpu"], options].concat())?;
        assert_eq!(said, format!("vlscope: {message}\n"));
    }
    assert!(fail(2, &["attention", ENCODER_DECODER, "--layer", "first"])?.contains("neither a number nor `mean`"));
    assert!(fail(2, &["attention", ENCODER_DECODER, "--json", "--csv"])?.contains("cannot be used with"));
    Ok(())
}
