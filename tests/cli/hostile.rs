//! Files that nobody means well with: names without an end, names that a terminal obeys, folders that cannot be read.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use crate::common::{Result, fail, json, run, succeed};
use crate::raw::Raw;
use serde_json::json;

/// Clears the screen and sets the title of a terminal, by one and by two bytes; turns letters around.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\r";

fn is_plain(text: &str) -> bool {
    !text.contains(|letter: char| letter != '\n' && (letter.is_control() || letter == '\u{202e}'))
}

/// A trace that has `words` wherever it may have any.
fn said_everywhere(words: &str) -> Raw {
    let mut raw = Raw::sound();
    raw.document = json!({
        "format": 1, "id": words, "images": 1, "model": {"name": words},
        "outputs": {"prediction": words, "correct": true}, "attributes": {words: words},
        "sequences": {words: {"tokens": [{"text": words, "segment": words}, {"image": 0, "box": [0.0, 0.5, 0.25, 1.0]}]}},
        "attention": [{"name": words, "query": words, "key": words, "layers": 2}],
        "hidden": [{"sequence": words, "states": 2}],
        "regions": [{"label": words, "image": 0, "box": [0.0, 0.0, 1.0, 1.0]}],
        "head_metrics": [{"name": words, "attention": words}],
    });
    for (name, _) in &mut raw.tensors {
        *name = name.replace(".self.", &format!(".{words}.")).replace(".main.", &format!(".{words}."));
    }
    raw
}

#[test]
fn nothing_that_a_terminal_obeys_reaches_it() -> Result {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let path = folder.path().join(format!("a{ESCAPES}.safetensors"));
    said_everywhere(ESCAPES).write(&path)?;
    let file = path.to_str().ok_or("no path")?;
    let mut broken = Raw::sound();
    broken.document["attention"][0]["query"] = json!(ESCAPES);
    let wrong = folder.path().join(format!("b{ESCAPES}.safetensors"));
    broken.write(&wrong)?;
    let refused = wrong.to_str().ok_or("no path")?;
    let index = run(&["index", dir])?;
    let out = folder.path().join("x.svg");
    let out = out.to_str().ok_or("no path")?;
    let state = folder.path().join("state.json");
    let statistic = json!({"version": 1, "trace": path, "view": "heads", "question": {"statistic": ESCAPES}});
    fs::write(&state, statistic.to_string())?;
    let runs = [
        run(&["stats", file, "--compute", "cpu"])?,
        run(&["stats", file, "--compute", "cpu", "--top", "1"])?,
        run(&["stats", refused])?,
        run(&["check", file, refused])?,
        run(&["check", dir])?,
        run(&["attention", file, "--layer", "7"])?,
        run(&["attention", file, "--layer", "0", "--head", "0", "--token", "0"])?,
        run(&["neighbours", file, "--token", "0"])?,
        run(&["render", file, "--view", "heads", "--statistic", "beauty", "-o", out])?,
        run(&["render", file, "--view", "matrix", "--matrix-window", "0,0,9,9", "-o", out])?,
        run(&["render", "--state", state.to_str().ok_or("no path")?, "-o", out])?,
        run(&["examples", dir, "--columns", "all"])?,
        run(&["examples", dir, "--columns", "colour"])?,
        run(&["atlas", dir, "--statistic", "entropy"])?,
        run(&["tokens", dir, "--nearest", &format!("{ESCAPES}:0")])?,
        run(&["tokens", dir, "--nearest", "b:0"])?,
        index,
    ];
    let mut told = 0;
    for run in &runs {
        assert!(is_plain(&run.stdout) && is_plain(&run.stderr), "{run:?}");
        told += usize::from(run.stdout.contains("u{1b}[2J") || run.stderr.contains("u{1b}[2J"));
    }
    assert!(told > 9, "{told}: {runs:#?}");
    Ok(())
}

#[test]
fn messages_and_tables_of_endless_names_are_short() -> Result {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let path = folder.path().join("a.safetensors");
    let file = path.to_str().ok_or("no path")?;
    said_everywhere(&"endless ".repeat(1 << 17)).write(&path)?;
    let mut broken = said_everywhere(&"endless ".repeat(1 << 17));
    broken.document["attention"][0]["query"] = json!("x".repeat(1 << 20));
    broken.write(&folder.path().join("b.safetensors"))?;
    let out = folder.path().join("x.svg");
    let out = out.to_str().ok_or("no path")?;
    let index = run(&["index", dir])?;
    for run in [
        index,
        run(&["stats", file, "--compute", "cpu"])?,
        run(&["check", dir])?,
        run(&["examples", dir])?,
        run(&["atlas", dir, "--statistic", "entropy"])?,
        run(&["render", file, "--view", "heads", "--statistic", "beauty", "-o", out])?,
        run(&["attention", file, "--layer", "7"])?,
    ] {
        let (said, told) = (run.stdout.len(), run.stderr.len());
        assert!(said + told > 0 && said < 50_000 && told < 50_000, "{said} {told}");
    }
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_read_is_warned_of_and_the_rest_goes_on() -> Result {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let hidden = folder.path().join("n".repeat(200));
    fs::create_dir(&hidden)?;
    Raw::sound().write(&folder.path().join("a.safetensors"))?;
    Raw::sound().write(&hidden.join("b.safetensors"))?;
    assert!(succeed(&["index", dir, "--quiet"])?.starts_with("2 traces: 2 new"));
    // So deep that its path is longer than the system takes: made from inside.
    let deeper = "for i in $(seq 25); do mkdir $1 && cd -P $1 || exit 1; done";
    let make = |at: &Path| Command::new("bash").args(["-c", deeper, "", &"n".repeat(200)]).current_dir(at).status();
    assert!(make(&hidden)?.success());
    let check = run(&["check", dir, "--quiet"])?;
    assert!(check.code == Some(1) && check.stdout.matches(": sound\n").count() == 2, "{check:?}");
    assert!(
        check.stderr.starts_with("vlscope: cannot read ") && check.stderr.contains("File name too long"),
        "{check:?}"
    );
    let index = run(&["index", dir, "--quiet"])?;
    assert!(index.code == Some(0) && index.stdout.starts_with("2 traces: 0 new, 0 changed, 0 gone"), "{index:?}");
    assert!(index.stderr.contains("File name too long"), "{index:?}");
    // What lies beneath may be there still, what lies beside is gone.
    let deepest = hidden.join("n".repeat(200)).join("c.safetensors");
    fs::rename(hidden.join("b.safetensors"), &deepest)?;
    assert!(run(&["index", dir, "--quiet"])?.stdout.starts_with("2 traces: 1 new, 0 changed, 1 gone"));
    let report: serde_json::Value = serde_json::from_str(&run(&["index", dir, "--quiet", "--json"])?.stdout)?;
    assert_eq!(report["unread"].as_array().map(Vec::len), Some(1), "{report}");
    // The standard library removes no path of that length.
    assert!(Command::new("rm").arg("-rf").arg(&hidden).status()?.success());
    assert!(succeed(&["index", dir, "--quiet"])?.starts_with("1 trace: 0 new, 0 changed, 1 gone"));
    Ok(())
}

#[test]
fn a_file_whose_name_is_no_text_is_read_and_searched() -> Result {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().to_str().ok_or("no path")?;
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    let mut traces: Vec<_> = demo.read_dir()?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    traces.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    for (trace, name) in traces.iter().zip([&b"odd\xff.safetensors"[..], b"plain.safetensors"]) {
        fs::copy(trace, folder.path().join(OsStr::from_bytes(name)))?;
    }
    succeed(&["index", dir, "--quiet"])?;
    for example in ["plain.safetensors:2", "odd\u{fffd}.safetensors:2"] {
        let found = json(&["tokens", dir, "--nearest", example, "--json"])?;
        assert_eq!(found["unread"], 0, "{found}");
        let paths = found["same"].as_array().ok_or("no list")?.iter();
        assert!(paths.filter(|row| row["path"] == "odd\u{fffd}.safetensors").count() > 0, "{found}");
    }
    Ok(())
}

#[test]
fn the_state_of_a_window_draws_one_view() -> Result {
    let folder = tempfile::tempdir()?;
    let [state, window, one] = ["state.json", "window.png", "one.svg"].map(|name| folder.path().join(name));
    let text = json!({
        "version": 1, "trace": Path::new("tests/traces/multi-image.safetensors").canonicalize()?, "view": null,
        "front": ["links", "timeline"], "options": {"theme": "dark"},
    });
    fs::write(&state, text.to_string())?;
    let [state, window, one] = [&state, &window, &one].map(|path| path.to_str().unwrap_or_default());
    succeed(&["render", "--state", state, "--view", "matrix", "--compute", "cpu", "-o", one])?;
    assert!(fs::read_to_string(one)?.contains("<svg"));
    succeed(&["render", "--state", state, "--compute", "cpu", "-o", window])?;
    let typed = fail(1, &["render", "--state", state, "--view", "matrix", "--front", "links", "-o", one])?;
    assert!(typed.contains("--front is for --view window"), "{typed}");
    Ok(())
}
