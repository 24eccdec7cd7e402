//! `vlscope check` and `vlscope synth`.

use std::path::{Path, PathBuf};

use crate::common::{Result, fail, json, run, succeed};

fn path_in(folder: &Path, name: &str) -> Result<String> {
    Ok(folder.join(name).to_str().ok_or("not UTF-8")?.to_owned())
}

fn synth(path: &str, more: &[&str]) -> Result<String> {
    let sizes = ["synth", "--layers", "2", "--heads", "4", "--text", "5", "--grid", "3x4", "-o", path];
    succeed(&[&sizes, more].concat())
}

#[test]
fn synth_writes_a_trace_that_checks_clean() -> Result {
    let folder = tempfile::tempdir()?;
    for dtype in ["f32", "f16", "bf16"] {
        let path = path_in(folder.path(), &format!("{dtype}.safetensors"))?;
        let said = synth(&path, &["--dtype", dtype, "--seed", "3"])?;
        assert!(said.starts_with(&format!("{path}: 17 tokens, ")), "{said}");
        assert_eq!(succeed(&["check", &path])?, format!("{path}: sound\n"));
    }
    assert_eq!(synth(&path_in(folder.path(), "quiet.safetensors")?, &["--quiet", "--dim", "0"])?, "");
    let mut names: Vec<PathBuf> = folder.path().read_dir()?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    names.sort();
    assert_eq!(names.len(), 4, "nothing else is left: {names:?}");
    Ok(())
}

#[test]
fn synth_refuses_sizes_that_no_disk_holds() -> Result {
    let folder = tempfile::tempdir()?;
    let path = path_in(folder.path(), "never.safetensors")?;
    let with = |name: &'static str, value: &'static str| {
        let mut arguments = vec!["synth", "--layers=2", "--heads=4", "--text=5", "--grid=3x4", "-o", &path];
        arguments.retain(|argument| !argument.starts_with(name));
        fail(2, &[&arguments[..], &[name, value]].concat())
    };
    assert!(with("--layers", "0")?.contains("0 is not in 1..=4096"));
    assert!(with("--heads", "99999999999")?.contains("is not in 1..=65536"));
    assert!(with("--text", "1")?.contains("1 is not in 2..=1048576"));
    assert!(with("--grid", "8")?.contains("`8` is no grid: expected for example 8x12"));
    assert!(with("--grid", "0x8")?.contains("is no grid"));
    assert_eq!(folder.path().read_dir()?.count(), 0);
    Ok(())
}

#[test]
fn synth_says_where_it_cannot_write() -> Result {
    let sizes = ["synth", "--layers", "1", "--heads", "1", "--text", "2", "--grid", "1x1", "-o"];
    let said = fail(1, &[&sizes[..], &["/nowhere/trace.safetensors"]].concat())?;
    assert!(said.starts_with("vlscope: cannot create: ") && said.ends_with(": /nowhere/trace.safetensors\n"), "{said}");
    let said = fail(1, &[&sizes[..], &["tests"]].concat())?;
    assert_eq!(said, "vlscope: cannot write: it is no regular file: tests\n");
    Ok(())
}

#[test]
fn check_reports_each_file_and_fails_if_one_is_wrong() -> Result {
    let names = ["multi-image", "broken-nan", "broken-box", "vl-interpret-1", "absent"];
    let paths = names.map(|name| format!("tests/traces/{name}.safetensors"));
    let found = run(&[&["check"], &paths.each_ref().map(String::as_str)[..]].concat())?;
    assert_eq!((found.code, found.stderr.as_str()), (Some(1), ""));
    let lines: Vec<&str> = found.stdout.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "tests/traces/multi-image.safetensors: sound",
            "tests/traces/broken-nan.safetensors: 1 error",
            "  error: attention.self.2[0, 3, 4] is NaN",
            "tests/traces/broken-box.safetensors: 1 error",
        ]
    );
    assert!(lines[4].starts_with("  error: `sequences.main.tokens[1].box` is [0.5, "));
    assert_eq!(lines[5], "tests/traces/vl-interpret-1.safetensors: sound, 12 warnings");
    assert!(lines[18..] == ["tests/traces/absent.safetensors: 1 error", lines[19]], "{lines:?}");
    assert!(lines[19].starts_with("  error: cannot open: "));
    Ok(())
}

#[test]
fn check_as_json() -> Result {
    let report = json(&["check", "--json", "tests/traces/vl-interpret-2.safetensors"])?;
    let report = &report[0];
    assert_eq!((&report["sound"], &report["errors"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(12));
    assert_eq!(report["warnings"][0]["problem"], "row_sum");

    let paths = ["tests/traces/broken-nan.safetensors", "tests/traces/broken-empty.safetensors"];
    let found = run(&[&["check", "--json"], &paths[..]].concat())?;
    assert_eq!(found.code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&found.stdout)?;
    let place = serde_json::json!({"message": "attention.self.2[0, 3, 4] is NaN", "problem": "nan",
        "tensor": "attention.self.2", "position": [0, 3, 4], "value": null, "count": 1, "total": 392});
    assert_eq!(report[0]["errors"], serde_json::json!([place]));
    let refusal = "not a safetensors file: it has 0 bytes, expected at least 8";
    assert_eq!(report[1]["errors"], serde_json::json!([{"message": refusal, "problem": "refused"}]));
    Ok(())
}

#[test]
fn check_takes_folders() -> Result {
    let folder = tempfile::tempdir()?;
    let root = folder.path().to_str().ok_or("not UTF-8")?;
    assert_eq!(fail(1, &["check", root])?, format!("vlscope: there are no traces in {root}\n"));
    for name in ["b.safetensors", "a.safetensors"] {
        synth(&path_in(folder.path(), name)?, &[])?;
    }
    assert_eq!(succeed(&["check", root])?, format!("{root}/a.safetensors: sound\n{root}/b.safetensors: sound\n"));
    Ok(())
}

/// A FIFO has no end before somebody has written to it.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_at_once() -> Result {
    let folder = tempfile::tempdir()?;
    let path = path_in(folder.path(), "fifo.safetensors")?;
    assert!(std::process::Command::new("mkfifo").arg(&path).status()?.success());
    let said = run(&["check", &path])?;
    assert_eq!(said.stdout, format!("{path}: 1 error\n  error: cannot read: it is no regular file\n"));
    for command in ["stats", "attention", "neighbours", "index"] {
        let mut arguments = vec![command, path.as_str()];
        arguments.extend((command == "attention" || command == "neighbours").then_some("--token=0"));
        let said = run(&arguments)?;
        assert!(said.code == Some(1) && said.stderr.contains(&path), "{command}: {said:?}");
    }
    Ok(())
}
