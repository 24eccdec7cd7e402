//! Words of hidden states as numbers and pictures.

use serde_json::{Value, json};

use crate::common::{Result, fail, succeed};

const QUERIES_KEYS: &str = "tests/traces/queries-keys.safetensors";

fn written(arguments: &[&str], extension: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join(format!("numbers.{extension}"));
    let path = output.to_string_lossy().into_owned();
    succeed(&[&["render", QUERIES_KEYS, "-o", &path, "--compute", "cpu"], arguments].concat())?;
    Ok(std::fs::read_to_string(output)?)
}

#[test]
fn words_stand_beside_their_probabilities() -> Result {
    let csv = written(&["--view", "lens"], "csv")?;
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("state,state_name,token,token_name,word,value"));
    assert_eq!(lines.clone().count(), 3 * 19, "three states, 19 tokens");
    assert!(lines.next_back().is_some_and(|line| line.starts_with("2,output,18,?,")), "{csv}");
    let json: Value = serde_json::from_str(&written(&["--view", "lens"], "json")?)?;
    assert_eq!(json["quantity"], "probability of the first word");
    let words = |state: usize| json["words"][state].as_array().map(Vec::len);
    assert_eq!([words(0), words(2)], [Some(19), Some(19)]);
    let word = json["words"][1][4].as_str().unwrap_or_default().to_owned();
    let value = json["values"][1][4].clone();

    // The state that the last layer, the model's layer 7, put out.
    let typed: Value = serde_json::from_str(&written(&["--view", "image", "--decodes-to", &word], "json")?)?;
    assert_eq!(typed["quantity"], json!(format!("probability of {word}")));
    let close =
        |one: &Value, other: &Value| (one.as_f64().unwrap_or(-1.0) - other.as_f64().unwrap_or(-2.0)).abs() < 1e-6;
    assert!(close(&typed["values"][4], &value), "{} and {value}", typed["values"][4]);
    Ok(())
}

#[test]
fn a_trace_without_words_has_none_to_export() -> Result {
    let said = fail(1, &["render", "tests/traces/multi-image.safetensors", "--view", "lens", "-o", "/tmp/never.csv"])?;
    assert_eq!(said, "vlscope: this trace holds no words of hidden states\n");
    Ok(())
}
