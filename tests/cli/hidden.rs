//! Hidden states on the command line.

use std::path::Path;

use crate::common::{Result, fail, json, succeed};
use vlscope::trace::Trace;

const MULTI_IMAGE: &str = "tests/traces/multi-image.safetensors";

#[test]
fn neighbours_are_those_of_the_tensor() -> Result {
    let trace = Trace::open(Path::new(MULTI_IMAGE))?;
    let state = trace.hidden(0, 1);
    let rows = state.to_f32();
    let row = |token: usize| &rows[token * state.shape[1]..(token + 1) * state.shape[1]];
    let distance = |token: usize| row(5).iter().zip(row(token)).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
    let nearest = (0..14).filter(|token| *token != 5).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
    let nearest = nearest.ok_or("no tokens")?;
    let report = json(&["neighbours", MULTI_IMAGE, "--token", "5", "--state", "1", "--metric", "euclidean", "--json"])?;
    let found = report["neighbours"].as_array().ok_or("no neighbours")?;
    assert_eq!((found.len(), found[0]["position"].as_u64()), (13, Some(nearest as u64)));
    let told = found[0]["distance"].as_f64().ok_or("no distance")?;
    assert!((told - f64::from(distance(nearest))).abs() < 1e-5);
    let distances: Vec<f64> = found.iter().filter_map(|row| row["distance"].as_f64()).collect();
    assert!(distances.is_sorted());

    let csv = succeed(&["neighbours", MULTI_IMAGE, "--token", "5", "--count", "3", "--csv"])?;
    assert_eq!((csv.lines().next(), csv.lines().count()), (Some("position,token,modality,distance"), 4));
    let text = succeed(&["neighbours", MULTI_IMAGE, "--token", "5", "--token", "6"])?;
    assert!(text.contains("image 0 patch") && text.contains("  image "), "{text}");
    Ok(())
}

#[test]
fn what_the_trace_lacks_is_refused() -> Result {
    let cases: [(&[&str], &str); 4] = [
        (&["--token", "99"], "there is no token 99: sequence `main` has 14"),
        (&["--token", "0", "--state", "9"], "there is no hidden state 9: there are 0 to 3"),
        (&["--token", "0", "--sequence", "other"], "no sequence with hidden states is called `other`: there are main"),
        (&["--token", "0", "--metric", "cosine", "--count", "1", "--state", "4"], "there is no hidden state 4"),
    ];
    for (options, message) in cases {
        let said = fail(1, &[&["neighbours", MULTI_IMAGE], options].concat())?;
        assert!(said.starts_with(&format!("vlscope: {message}")), "{said}");
    }
    assert!(fail(2, &["neighbours", MULTI_IMAGE])?.contains("--token"));
    assert!(
        fail(2, &["render", MULTI_IMAGE, "--view", "embedding", "-o", "x.png", "--projection", "lda"])?
            .contains("[possible values: pca, tsne, umap]")
    );
    Ok(())
}

/// The same seed gives the same bytes, and every look another picture.
#[test]
fn every_look_is_a_picture() -> Result {
    let folder = tempfile::tempdir()?;
    let picture = |options: &[&str]| -> Result<Vec<u8>> {
        let path = folder.path().join("picture.png");
        let path = path.to_str().ok_or("no path")?;
        let fixed = ["render", MULTI_IMAGE, "--token", "12", "--size", "400x300", "-o", path, "--view"];
        succeed(&[&fixed[..], options].concat())?;
        Ok(std::fs::read(path)?)
    };
    let looks: [&[&str]; 9] = [
        &["embedding"],
        &["embedding", "--align", "shared"],
        &["embedding", "--align", "procrustes", "--projection", "tsne"],
        &["embedding", "--projection", "umap", "--seed", "4"],
        &["embedding", "--trajectories"],
        &["embedding", "--color-by", "received"],
        &["embedding", "--size-by", "received"],
        &["embedding", "--patches"],
        &["similarity"],
    ];
    let pictures = looks.iter().map(|options| picture(options)).collect::<Result<Vec<_>>>()?;
    for (index, a) in pictures.iter().enumerate() {
        assert!(pictures[..index].iter().all(|b| a != b), "{:?} looks like another", looks[index]);
    }
    assert_eq!(picture(looks[3])?, pictures[3]);
    let said = fail(1, &["render", MULTI_IMAGE, "--view", "embedding", "--hidden-state", "9", "-o", "x.png"])?;
    assert!(said.contains("there is no hidden state 9: there are 0 to 3"), "{said}");
    Ok(())
}

/// Hidden states need no attention, and a trace whose tokens are all special has tokens all the same.
#[test]
fn a_trace_without_attention_or_with_special_tokens_alone_is_drawn() -> Result {
    let folder = tempfile::tempdir()?;
    let (bare, special) = (folder.path().join("bare.safetensors"), folder.path().join("special.safetensors"));
    rewrite(
        &bare,
        |document| document["attention"] = serde_json::json!([]),
        |tensor| !tensor.starts_with("attention"),
    )?;
    let mark = |document: &mut serde_json::Value| {
        let tokens = document["sequences"]["main"]["tokens"].as_array_mut().into_iter().flatten();
        tokens.for_each(|token| token["special"] = true.into());
    };
    rewrite(&special, mark, |_| true)?;
    let out = folder.path().join("view.png");
    let out = out.to_str().ok_or("no path")?;
    let path = |trace: &Path| trace.to_str().map(str::to_owned).ok_or("no path");
    for view in ["embedding", "similarity", "text"] {
        succeed(&["render", &path(&bare)?, "--view", view, "--token", "3", "-o", out])?;
        succeed(&["render", &path(&special)?, "--view", view, "-o", out])?;
    }
    assert!(
        fail(1, &["render", &path(&bare)?, "--view", "heads", "-o", out])?.contains("the trace holds no attention")
    );
    for view in ["heads", "image", "text", "matrix", "links"] {
        succeed(&["render", &path(&special)?, "--view", view, "-o", out])?;
    }
    Ok(())
}

/// Of a trace without attention, tokens of the first sequence with hidden states are selected.
#[test]
fn selected_tokens_are_seen_without_attention() -> Result {
    let folder = tempfile::tempdir()?;
    let (bare, none) = (folder.path().join("bare.safetensors"), folder.path().join("none.safetensors"));
    let out = folder.path().join("view.svg");
    let [bare, none, out] = [&bare, &none, &out].map(|path| path.to_str().unwrap_or_default());
    let no_attention = |document: &mut serde_json::Value| document["attention"] = serde_json::json!([]);
    rewrite(Path::new(bare), no_attention, |tensor| !tensor.starts_with("attention"))?;
    let embedding = ["render", bare, "--view", "embedding", "--neighbours", "cosine", "--trajectories", "-o", out];
    succeed(&[&embedding[..], &["--token", "10", "--token", "11"]].concat())?;
    let svg = std::fs::read_to_string(out)?;
    assert!(svg.contains("selected (2)") && svg.contains("nearest words, cosine distance"), "{svg}");

    let nothing = |document: &mut serde_json::Value| {
        no_attention(document);
        document["hidden"] = serde_json::json!([]);
    };
    rewrite(Path::new(none), nothing, |tensor| tensor.starts_with("image"))?;
    let said = fail(1, &["render", none, "--view", "embedding", "-o", out])?;
    assert!(said.starts_with("vlscope: the trace holds no hidden states: "), "{said}");
    let said = fail(1, &["render", none, "--view", "image", "--block", "self", "-o", out])?;
    assert!(said.starts_with("vlscope: the trace holds no attention: "), "{said}");
    succeed(&["render", none, "--view", "text", "-o", out])?;
    assert!(std::fs::read_to_string(out)?.contains("no heat: this trace holds no attention"));
    Ok(())
}

#[test]
fn a_state_that_is_no_number_has_no_neighbours_and_says_why() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("nan.safetensors");
    let shape = [2, 2];
    let document = serde_json::json!({
        "format": 1,
        "sequences": {"main": {"tokens": [{"text": "a"}, {"text": "b"}]}},
        "attention": [],
        "hidden": [{"sequence": "main", "states": 1}],
    });
    let spec = vlscope::trace::TensorSpec::weights("hidden.main.0", vlscope::trace::Dtype::F32, &shape);
    let mut writer = vlscope::trace::TraceWriter::create(&path, &document, &[spec])?;
    writer.write(&[f32::NAN, 1.0, 0.0, 0.0].map(f32::to_le_bytes).concat())?;
    writer.finish()?;
    let path = path.to_str().ok_or("no path")?;
    let said = fail(1, &["neighbours", path, "--token", "0"])?;
    assert!(said.contains("nothing is near in hidden state 0: the state of token 0 is not finite"), "{said}");
    assert!(fail(1, &["neighbours", path, "--token", "1"])?.contains("a state that is 0 has no direction"));
    let euclidean = fail(1, &["neighbours", path, "--token", "1", "--metric", "euclidean", "--json"])?;
    assert!(euclidean.contains("no other token has a state that has a distance"), "{euclidean}");
    Ok(())
}

/// The trace with two images, with another document and only some of its tensors.
fn rewrite(to: &Path, change: impl Fn(&mut serde_json::Value), keeps: impl Fn(&str) -> bool) -> Result {
    let bytes = std::fs::read(MULTI_IMAGE)?;
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes)?;
    let metadata = header.metadata().as_ref().and_then(|metadata| metadata.get("vlscope")).ok_or("no document")?;
    let mut document: serde_json::Value = serde_json::from_str(metadata)?;
    change(&mut document);
    let metadata = std::collections::HashMap::from([("vlscope".to_owned(), document.to_string())]);
    let tensors = safetensors::SafeTensors::deserialize(&bytes)?;
    let kept = tensors.tensors().into_iter().filter(|(name, _)| keeps(name));
    Ok(safetensors::serialize_to_file(kept, Some(metadata), to)?)
}
