//! `vlscope heads`, and what `--to` makes of the heads view: which heads look from some tokens to others.

use std::fs;

use vlscope::trace::{Mask, Trace};

use crate::common::{Result, fail, json, run, succeed};
use crate::pair::pair;

const ENCODER_DECODER: &str = "tests/traces/encoder-decoder.safetensors";

/// The share of the queries' attention that goes to the keys, of every head, from the weights themselves.
fn shares(trace: &Trace, queries: &[usize], keys: &[usize]) -> Vec<f32> {
    let mut shares = Vec::new();
    for layer in 0..trace.document().attention[0].layers {
        let view = trace.attention(0, layer);
        let [heads, rows, columns] = [view.shape[0], view.shape[1], view.shape[2]];
        let weights = view.to_f32();
        for head in 0..heads {
            let weight = |query: &usize, key: &usize| f64::from(weights[(head * rows + query) * columns + key]);
            let sum: f64 = queries.iter().map(|query| keys.iter().map(|key| weight(query, key)).sum::<f64>()).sum();
            shares.push((sum / queries.len() as f64) as f32);
        }
    }
    shares
}

fn ranked(path: &str, options: &[&str]) -> Result<Vec<(usize, f32)>> {
    let report = json(&[&["heads", path, "--json", "--top", "0", "--compute", "cpu"], options].concat())?;
    let heads = report["heads"].as_array().ok_or("no heads")?;
    let number = |value: &serde_json::Value| value.as_u64().map(|number| number as usize).ok_or("no number");
    let place = |head: &serde_json::Value| -> Result<(usize, f32)> {
        let share = head["share"].as_f64().ok_or("no share")? as f32;
        Ok((number(&head["layer"])? * 4 + number(&head["head"])?, share))
    };
    heads.iter().map(place).collect()
}

fn assert_ranked(found: &[(usize, f32)], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    assert!(found.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{found:?}");
    for (place, share) in found {
        assert!((share - expected[*place]).abs() < 1e-5, "head {place}: {share} and {}", expected[*place]);
    }
}

#[test]
fn heads_are_ranked_by_the_share_of_some_tokens_on_others() -> Result {
    let folder = tempfile::tempdir()?;
    let paths = pair(folder.path(), &[Mask::Causal])?;
    let trace = Trace::open(&paths[0])?;
    for path in paths.map(|path| path.to_string_lossy().into_owned()) {
        let answer: Vec<usize> = (60..70).collect();
        let patches: Vec<usize> = (10..40).collect();
        let found = ranked(&path, &["--from", "segment:answer", "--to", "image"])?;
        assert_ranked(&found, &shares(&trace, &answer, &patches));
        // Without queries: all that are neither special (token 0) nor among the keys.
        let others: Vec<usize> = (1..10).chain(40..70).collect();
        assert_ranked(&ranked(&path, &["--to", "10-39"])?, &shares(&trace, &others, &patches));
        // Where all are keys that are not special, the special one alone is left.
        let words: Vec<usize> = (1..70).collect();
        assert_ranked(&ranked(&path, &["--to", "1-69"])?, &shares(&trace, &[0], &words));
        // Of the patches, those of which half lies in the region; a region has the same name in every trace.
        let inside = [17, 18, 23, 24];
        let found = ranked(&path, &["--from", "65", "--to", "region:object"])?;
        let least = shares(&trace, &[65], &inside);
        assert!(found.iter().all(|(place, share)| *share >= least[*place] - 1e-6));
    }
    Ok(())
}

#[test]
fn of_a_folder_the_mean_is_told() -> Result {
    let folder = tempfile::tempdir()?;
    let [stored, computed] = pair(folder.path(), &[Mask::Causal])?;
    fs::copy(ENCODER_DECODER, folder.path().join("other.safetensors"))?;
    let run =
        run(&["heads", &folder.path().to_string_lossy(), "--to", "segment:answer", "--json", "--compute", "cpu"])?;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("other.safetensors"), "{}", run.stderr);
    let report: serde_json::Value = serde_json::from_str(&run.stdout)?;
    assert_eq!((report["traces"].as_u64(), report["left_out"].as_u64()), (Some(2), Some(1)));
    let one = json(&["heads", &stored.to_string_lossy(), "--to", "segment:answer", "--json", "--compute", "cpu"])?;
    let share = |report: &serde_json::Value| report["heads"][0]["share"].as_f64();
    let [of_both, of_one] = [share(&report), share(&one)].map(|share| share.unwrap_or(f64::NAN));
    assert!((of_both - of_one).abs() < 1e-5, "{of_both} {of_one}");
    assert!(report["heads"][0]["standard_deviation"].as_f64().is_some_and(|deviation| deviation < 1e-5));
    assert!(one["heads"][0]["standard_deviation"].is_null());
    let text =
        succeed(&["heads", &computed.to_string_lossy(), "--to", "segment:answer", "--top", "2", "--compute", "cpu"])?;
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.starts_with("self · attention of all other tokens to segment ‘answer’"), "{text}");
    Ok(())
}

/// The first block is the encoder, whose tokens are patches: text attends to them in the third.
#[test]
fn the_first_block_that_has_the_tokens_is_ranked() -> Result {
    let report = json(&["heads", ENCODER_DECODER, "--from", "text", "--to", "image", "--json"])?;
    assert_eq!(report["block"], "cross");
    let report = json(&["heads", ENCODER_DECODER, "--to", "0", "--json"])?;
    assert_eq!(report["block"], "encoder");
    Ok(())
}

#[test]
fn tokens_that_are_not_there_are_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let [stored, _] = pair(folder.path(), &[Mask::Full])?;
    let path = stored.to_string_lossy();
    for (to, expected) in [
        ("70", "no token 70: sequence `main` has 70"),
        ("0-69", "all are named"),
        ("region:cat", "no region `cat`; the regions are object"),
        ("segment:question", "no tokens of `segment:question`; the segments are answer"),
    ] {
        let said = fail(1, &["heads", &path, "--to", to, "--compute", "cpu"])?;
        assert!(said.contains(expected), "{to}: {said}");
    }
    let said = fail(2, &["heads", &path, "--to", "regions:cat"])?;
    assert!(said.contains("names no tokens"), "{said}");
    Ok(())
}

/// The picture of the heads view, and the numbers behind it, are those of the command.
#[test]
fn the_heads_view_shows_the_same() -> Result {
    let folder = tempfile::tempdir()?;
    let [stored, _] = pair(folder.path(), &[Mask::Causal])?;
    let path = stored.to_string_lossy();
    let output = folder.path().join("heads.json");
    let out = output.to_string_lossy();
    succeed(&[
        "render",
        &path,
        "--view",
        "heads",
        "--segment",
        "answer",
        "--to",
        "image",
        "--compute",
        "cpu",
        "-o",
        &out,
    ])?;
    let written: serde_json::Value = serde_json::from_slice(&fs::read(&output)?)?;
    let text = written.to_string();
    let found = ranked(&path, &["--from", "segment:answer", "--to", "image"])?;
    let values = written["values"].as_array().ok_or_else(|| text.clone())?;
    let flat: Vec<f64> = values
        .iter()
        .flat_map(|row| row.as_array().cloned().unwrap_or_default())
        .filter_map(|value| value.as_f64())
        .collect();
    assert_eq!(flat.len(), found.len(), "{text}");
    for (place, share) in found {
        assert!((flat[place] as f32 - share).abs() < 1e-5, "{place}");
    }
    Ok(())
}
