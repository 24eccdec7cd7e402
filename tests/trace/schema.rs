//! One case for each rule of docs/trace-format.md, with the words of the refusal. python/tests has the same words.

use crate::common::{Raw, Result, Tensor, refusal, with_header};
use serde_json::{Value, json};
use vlscope::trace::Trace;

const BOX: &str = "expected [x0, y0, x1, y1] with 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1";

fn change(place: &str, value: Option<Value>) -> Raw {
    Raw::sound().changed(place, value)
}

#[test]
fn the_base_of_the_cases_is_sound() -> Result {
    assert_eq!(refusal(&Raw::sound().bytes())?, "opened");
    Ok(())
}

#[test]
fn a_document_that_breaks_a_rule_is_refused() -> Result {
    let token = "/sequences/main/tokens/1";
    let in_token = |key: &str| format!("{token}/{key}");
    let set = |place: &str, value: Value| change(place, Some(value));
    let cases = [
        (change("/format", None), "`format` is missing".to_owned()),
        (
            set("/format", json!("1")),
            "`format` is \"1\", expected 1 or 2: this version of vlscope reads formats 1 and 2".into(),
        ),
        (change("/sequences", None), "`sequences` is missing".into()),
        (set("/sequences", json!([])), "`sequences` is a list, expected an object".into()),
        (change("/sequences/main/tokens", None), "`sequences.main.tokens` is missing".into()),
        (change("/attention", None), "`attention` is missing".into()),
        (set("/attention", json!({})), "`attention` is an object, expected a list".into()),
        (set("/attention/0", json!(3)), "`attention[0]` is a number, expected an object".into()),
        (change("/attention/0/query", None), "`attention[0].query` is missing".into()),
        (set("/attention/0/layers", json!(0)), "`attention[0].layers` is 0, expected at least 1".into()),
        (
            set("/attention/0/layers", json!(-1)),
            "`attention[0].layers` is a number, expected a whole number that is not negative".into(),
        ),
        (set("/attention/0/causal", json!("no")), "`attention[0].causal` is a string, expected a boolean".into()),
        (
            set("/attention/0/key", json!("text")),
            "`attention[0].key` is \"text\", expected a name in `sequences`: main".into(),
        ),
        (
            set(token, json!({"special": true})),
            "`sequences.main.tokens[1]` has neither `text` nor `image`, expected one of them".into(),
        ),
        (
            set(&in_token("text"), json!("b")),
            "`sequences.main.tokens[1]` has both `text` and `image`, expected one of them".into(),
        ),
        (change(&in_token("box"), None), "`sequences.main.tokens[1].box` is missing".into()),
        (set(&in_token("box"), json!([0, 0.5, 1])), format!("`sequences.main.tokens[1].box` is [0, 0.5, 1], {BOX}")),
        (set(&in_token("box"), json!("all")), format!("`sequences.main.tokens[1].box` is \"all\", {BOX}")),
        (
            set(&in_token("special"), json!(1)),
            "`sequences.main.tokens[1].special` is a number, expected a boolean".into(),
        ),
        (set("/regions/0/image", json!(1)), "`regions[0].image` is 1, expected less than 1: `images` is 1".into()),
        (
            set("/regions/0/box", json!([0.0, 0.0, 0.0, 1.0])),
            format!("`regions[0].box` is [0.0, 0.0, 0.0, 1.0], {BOX}"),
        ),
        (change("/regions/0/label", None), "`regions[0].label` is missing".into()),
        (
            set("/hidden/0/sequence", json!("text")),
            "`hidden[0].sequence` is \"text\", expected a name in `sequences`: main".into(),
        ),
        (
            set("/head_metrics/0/attention", json!("cross")),
            "`head_metrics[0].attention` is \"cross\", expected a name in `attention`: self".into(),
        ),
        (set("/hidden", json!(null)), "`hidden` is null, expected a list".into()),
        (set("/images", json!(true)), "`images` is a boolean, expected a whole number that is not negative".into()),
        (set("/id", json!(7)), "`id` is a number, expected a string".into()),
        (set("/outputs", json!("red")), "`outputs` is a string, expected an object".into()),
    ];
    for (raw, message) in cases {
        assert_eq!(refusal(&raw.bytes())?, message);
    }
    let mut raw = Raw::sound();
    let block = raw.document["attention"][0].clone();
    raw.document["attention"] = json!([block.clone(), block]);
    assert_eq!(refusal(&raw.bytes())?, "`attention[1].name` is \"self\", which another block has");
    Ok(())
}

#[test]
fn a_tensor_that_does_not_fit_is_refused() -> Result {
    let cases = [
        (Raw::sound().without("hidden.main.1"), "tensor `hidden.main.1` is missing: `hidden[0].states` is 2"),
        (Raw::sound().without("image.0"), "tensor `image.0` is missing: `images` is 1"),
        (Raw::sound().without("head_metric.0"), "tensor `head_metric.0` is missing: `head_metrics` has 1 entries"),
        (
            Raw::sound().with("hidden.main.1", Tensor::zeros("F32", &[3, 8])),
            "tensor `hidden.main.1` has shape [3, 8], expected [2, dim]: sequence `main` has 2 tokens",
        ),
        (
            Raw::sound().with("attention.self.1", Tensor::zeros("F32", &[2, 2])),
            "tensor `attention.self.1` has shape [2, 2], expected [heads, 2, 2]: sequence `main` has 2 tokens",
        ),
        (
            Raw::sound().with("hidden.main.0", Tensor::zeros("I64", &[2, 4])),
            "tensor `hidden.main.0` has dtype I64, expected F32, F16 or BF16",
        ),
        (Raw::sound().with("image.0", Tensor::zeros("F32", &[4, 5, 3])), "tensor `image.0` has dtype F32, expected U8"),
        (
            Raw::sound().with("image.0", Tensor::zeros("U8", &[3, 4, 5])),
            "tensor `image.0` has shape [3, 4, 5], expected [height, width, 3]",
        ),
        (
            Raw::sound().with("image.0", Tensor::zeros("U8", &[0, 5, 3])),
            "tensor `image.0` has shape [0, 5, 3], expected [height, width, 3]",
        ),
        (
            Raw::sound().with("head_metric.0", Tensor::zeros("F64", &[2, 3])),
            "tensor `head_metric.0` has dtype F64, expected F32",
        ),
        (
            Raw::sound().with("head_metric.0", Tensor::zeros("F32", &[3, 2])),
            "tensor `head_metric.0` has shape [3, 2], expected [2, 3]",
        ),
    ];
    for (raw, message) in cases {
        assert_eq!(refusal(&raw.bytes())?, message);
    }
    Ok(())
}

#[test]
fn a_broken_header_is_refused() -> Result {
    let cases: [(&[u8], &[u8], &str); 12] = [
        (b"{", b"", "not a safetensors file: its header is not valid JSON: line 1, column 1"),
        (b"[]", b"", "not a safetensors file: its header is not valid JSON: line 1, column 0"),
        (b"{\"\xff\": 1}", b"", "not a safetensors file: its header is not valid JSON: line 1, column 3"),
        (br#"{"a": 1}"#, b"", "tensor `a` has no sound `dtype` in the header"),
        (br#"{"a": {"dtype": "U8", "shape": [-1]}}"#, b"", "tensor `a` has no sound `shape` in the header"),
        (
            br#"{"a": {"dtype": "U8", "shape": [2], "data_offsets": [2, 0]}}"#,
            b"",
            "tensor `a` has no sound `data_offsets` in the header",
        ),
        (
            br#"{"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 18446744073709551615]}}"#,
            b"",
            "tensor `a` has no sound `data_offsets` in the header",
        ),
        (
            br#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}"#,
            b"0000",
            "tensor `a` has 4 bytes, expected shape [2] of F32",
        ),
        (
            br#"{"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}}"#,
            b"",
            "tensor `a` has 0 bytes, expected shape [4611686018427387904, 4] of F32",
        ),
        (
            br#"{"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}"#,
            b"00",
            "tensor `a` begins at byte 69, expected 68",
        ),
        (
            br#"{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}"#,
            b"00",
            "the file is longer than its header says: it has 70 bytes, expected 69",
        ),
        (br#"{"__metadata__": []}"#, b"", "not a vlscope trace: `__metadata__` has no key `vlscope`"),
    ];
    for (header, data, message) in cases {
        assert_eq!(refusal(&with_header(header, data))?, message);
    }
    let tensor = r#"{"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}"#;
    let twice = format!(r#"{{"a": {tensor}, "a": {tensor}}}"#);
    assert_eq!(refusal(&with_header(twice.as_bytes(), b"0"))?, "tensor `a` is in the header twice");
    let overlapping = format!(r#"{{"a": {tensor}, "b": {tensor}}}"#);
    assert_eq!(refusal(&with_header(overlapping.as_bytes(), b"0"))?, "tensor `b` begins at byte 128, expected 129");
    let deep = "[".repeat(100_000);
    assert!(refusal(&with_header(deep.as_bytes(), b""))?.starts_with("not a safetensors file: its header"));
    Ok(())
}

#[test]
fn a_sequence_that_is_there_twice_is_refused() -> Result {
    let document = r#"{"format": 1, "sequences": {"a": {"tokens": []}, "a": {"tokens": []}}, "attention": []}"#;
    let header = serde_json::json!({"__metadata__": {"vlscope": document}}).to_string();
    assert_eq!(refusal(&with_header(header.as_bytes(), b""))?, "sequence `a` is in `sequences` twice");
    Ok(())
}

#[test]
fn a_file_cut_short_anywhere_is_refused() -> Result {
    let sound = Raw::sound().bytes();
    for length in (0..sound.len()).step_by(7) {
        assert_ne!(refusal(&sound[..length])?, "opened", "cut at {length}");
    }
    Ok(())
}

#[test]
fn a_folder_and_a_file_that_is_absent_are_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let message = |path| Trace::open(path).err().map(|error| error.message).unwrap_or_default();
    assert_eq!(message(folder.path()), "cannot read: it is a folder");
    assert!(message(&folder.path().join("absent")).starts_with("cannot open: "));
    Ok(())
}

/// A box that is narrower than an f32 can tell keeps an area, so that nothing is divided by 0.
#[test]
fn the_narrowest_box_has_a_width() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("narrow.safetensors");
    change("/regions/0/box", Some(json!([0.5, 0.9999999999, 0.5000000001, 1.0]))).write(&path)?;
    let area = Trace::open(&path)?.document().regions[0].area;
    assert!(area.x0 < area.x1 && area.y0 < area.y1 && area.y1 <= 1.0, "{area:?}");
    Ok(())
}

#[test]
fn what_is_unknown_is_ignored_and_layers_may_be_ragged() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("later.safetensors");
    let mut raw = change("/later", Some(json!({"addition": 1})));
    raw.tensors.push(("unknown".into(), Tensor::zeros("F64", &[1])));
    raw.document["sequences"] =
        json!({"z": {"tokens": []}, "main": raw.document["sequences"]["main"], "a": {"tokens": []}});
    raw.write(&path)?;
    let trace = Trace::open(&path)?;
    assert_eq!((trace.heads(0, 0), trace.heads(0, 1), trace.max_heads(0)), (2, 3, 3));
    assert_eq!(trace.head_metric(0).shape, [2, 3]);
    let names: Vec<_> = trace.document().sequences.iter().map(|sequence| sequence.name.as_str()).collect();
    assert_eq!(names, ["z", "main", "a"], "in the order of the file");
    Ok(())
}

/// A view of another thread may be drawn from the same trace.
#[test]
fn a_trace_is_shared_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Trace>();
}
