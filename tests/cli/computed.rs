//! One example stored as weights and as queries and keys: every command prints and draws the same of both.

use std::path::Path;

use serde_json::Value;
use vlscope::trace::Mask;

use crate::common::{Result, json, succeed};
use crate::pair::pair;

/// Numbers alike, all else equal; where a file lies and how large it is may differ.
fn alike(stored: &Value, computed: &Value, tolerance: f64, place: &str) {
    match (stored, computed) {
        (Value::Number(one), Value::Number(other)) => {
            let [one, other] = [one, other].map(|number| number.as_f64().unwrap_or(f64::NAN));
            assert!((one - other).abs() <= tolerance * one.abs().max(1.0), "{place}: {one} and {other}");
        }
        (Value::Array(ones), Value::Array(others)) => {
            assert_eq!(ones.len(), others.len(), "{place}");
            ones.iter()
                .zip(others)
                .enumerate()
                .for_each(|(at, (one, other))| alike(one, other, tolerance, &format!("{place}/{at}")));
        }
        (Value::Object(ones), Value::Object(others)) => {
            assert_eq!(ones.keys().collect::<Vec<_>>(), others.keys().collect::<Vec<_>>(), "{place}");
            for (key, one) in ones.iter().filter(|(key, _)| !["trace", "path", "bytes", "ms"].contains(&key.as_str())) {
                alike(one, &others[key], tolerance, &format!("{place}/{key}"));
            }
        }
        _ => assert_eq!(stored, computed, "{place}"),
    }
}

const SELECTIONS: [&[&str]; 8] = [
    &["--token", "65"],
    &["--token", "3", "--token", "60", "--layer", "mean", "--head", "mean"],
    &["--token", "20", "--direction", "from", "--layer", "max", "--head", "max"],
    &["--token", "60", "--sinks", "renormalise", "--sink-ratio", "1.5", "--sink-heads", "0.2", "--layer", "1"],
    &["--token", "60", "--rollout", "--layer", "2", "--head", "mean"],
    &["--token", "65", "--weights", "norm-weighted"],
    &["--weights", "relevance:heads", "--layer", "1", "--head", "2"],
    &["--weights", "relevance:whole"],
];

#[test]
fn numbers_are_the_same() -> Result {
    let folder = tempfile::tempdir()?;
    let paths = pair(folder.path(), &[Mask::Causal])?.map(|path| path.to_string_lossy().into_owned());
    let both = |arguments: &[&str], tolerance: f64| -> Result {
        let run = |path: &String| json(&[&arguments[..1], &[path.as_str(), "--json"], &arguments[1..]].concat());
        alike(&run(&paths[0])?, &run(&paths[1])?, tolerance, &arguments.join(" "));
        Ok(())
    };
    both(&["stats", "--compute", "cpu"], 1e-3)?;
    both(&["stats", "--compute", "cpu", "--top", "3"], 1e-3)?;
    for selection in SELECTIONS {
        both(&[&["attention", "--compute", "cpu"], selection].concat(), 2e-5)?;
    }
    for path in &paths {
        succeed(&["check", path])?;
    }
    Ok(())
}

#[test]
fn views_are_the_same() -> Result {
    let folder = tempfile::tempdir()?;
    let paths = pair(folder.path(), &[Mask::Causal])?;
    let render = |trace: &Path, view: &str, selection: &[&str]| -> Result<image::RgbaImage> {
        let output = folder.path().join("view.png");
        let (trace, out) = (trace.to_string_lossy().into_owned(), output.to_string_lossy().into_owned());
        let all = ["render", &trace, "--view", view, "-o", &out, "--size", "500x400", "--compute", "cpu"];
        succeed(&[&all, selection].concat())?;
        Ok(image::open(&output)?.into_rgba8())
    };
    for view in ["heads", "image", "text", "matrix", "links", "thumbnails", "overlays", "timeline"] {
        for selection in SELECTIONS {
            let [stored, computed] = [render(&paths[0], view, selection)?, render(&paths[1], view, selection)?];
            if let Some(difference) = crate::likeness::difference(&computed, &stored) {
                return Err(format!("{view} of {selection:?}: {difference}").into());
            }
        }
    }
    Ok(())
}
