//! `vlscope tokens`: its help, the picture and the nearest tokens of an indexed dataset.

use crate::common::{Result, fail, json, run, succeed};

#[test]
fn a_dataset_is_drawn_and_searched() -> Result {
    let folder = tempfile::tempdir()?;
    let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    let mut names: Vec<_> = demo.read_dir()?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<_>>()?;
    names.retain(|name| name.to_string_lossy().ends_with(".safetensors"));
    names.sort();
    for name in names.iter().take(6) {
        std::fs::copy(demo.join(name), folder.path().join(name))?;
    }
    let dir = folder.path().display().to_string();
    let picture = folder.path().join("tokens.svg").display().to_string();
    assert!(fail(1, &["tokens", &dir, "-o", &picture])?.contains("there is no index"));
    succeed(&["index", &dir])?;
    for color in ["modality", "segment", "norm", "right"] {
        succeed(&["tokens", &dir, "-o", &picture, "--color", color])?;
        let drawn = std::fs::read_to_string(&picture)?;
        assert!(drawn.contains("tokens of 6 examples"), "{color}");
    }
    succeed(&["tokens", &dir, "-o", &picture, "--filter", "color"])?;
    assert!(!std::fs::read_to_string(&picture)?.contains("tokens of 6 examples"), "the filter keeps fewer");
    assert!(fail(1, &["tokens", &dir, "-o", &picture, "--state", "99"])?.contains("no hidden state 99"));

    let first = names[0].to_string_lossy();
    let report = json(&["tokens", &dir, "--nearest", &format!("{first}:2"), "-n", "3", "--json"])?;
    assert_eq!((report["exact"].as_bool(), report["position"].as_u64()), (Some(true), Some(2)));
    for (list, modality) in [("same", "text"), ("other", "image")] {
        let rows = report[list].as_array().ok_or("no list")?;
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row["modality"] == modality && row["distance"].is_number()));
    }
    let table = succeed(&["tokens", &dir, "--nearest", &format!("{first}:2"), "-n", "3", "--csv"])?;
    assert_eq!(table.lines().count(), 7);
    assert!(fail(1, &["tokens", &dir, "--nearest", "absent:2"])?.contains("no example has the id or path `absent`"));
    assert!(fail(2, &["tokens", &dir])?.contains("--output"));

    let text = succeed(&["tokens", &dir, "--nearest", &format!("{first}:2"), "-n", "3"])?;
    assert!(text.contains("token 2 of `main` in ") && text.contains(", all by their states\n"), "{text}");
    let nowhere = fail(1, &["tokens", &dir, "--nearest", &format!("{first}:2"), "--state", "0"])?;
    assert!(nowhere.contains("holds no hidden state 0: there are 4"), "{nowhere}");
    succeed(&["tokens", &dir, "-o", &picture, "--filter", "-is:wrong"])?;
    assert!(fail(1, &["tokens", &dir, "-o", &picture, "--csv"])?.contains("a picture has no numbers"));

    // A copy has the id of its model, and a trace that broke meanwhile is left out.
    std::fs::copy(folder.path().join(&*first), folder.path().join("copy.safetensors"))?;
    succeed(&["index", &dir, "--quiet"])?;
    let id = json(&["examples", &dir, "--limit", "1", "--json"])?["examples"][0]["id"].clone();
    let id = id.as_str().ok_or("no id")?;
    let two = fail(1, &["tokens", &dir, "--nearest", &format!("{id}:2")])?;
    assert!(two.contains("2 examples have the id") && two.contains("copy.safetensors"), "{two}");
    std::fs::write(folder.path().join("copy.safetensors"), b"")?;
    let run = run(&["tokens", &dir, "--nearest", &format!("{first}:2"), "--json"])?;
    assert!(run.code == Some(0) && run.stderr.contains("1 traces are no longer as they were indexed"), "{run:?}");
    assert!(succeed(&["tokens", "--help"])?.contains("Examples:\n  vlscope index"));
    Ok(())
}
