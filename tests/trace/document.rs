//! docs/trace-format.md: its example runs, and what it wrote is sound.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::Result;
use vlscope::trace::Trace;
use vlscope::trace::check::check;

/// A Python with numpy and safetensors.
fn python() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("VLSCOPE_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| root.join("python/.venv/bin/python"));
    if python.is_file() { Ok(python) } else { Err(format!("no {}: `make test` makes it", python.display()).into()) }
}

/// A block of that language, by its place among them.
fn code_block<'a>(document: &'a str, language: &str, place: usize) -> Result<&'a str> {
    let rest = document.split(&format!("```{language}\n")).nth(place + 1).ok_or("no such block")?;
    Ok(rest.split_once("```").ok_or("the block has no end")?.0)
}

/// Runs an example in a folder, which then holds a file.
fn run_example(place: usize, file: &str) -> Result<(tempfile::TempDir, Trace)> {
    let document = std::fs::read_to_string("docs/trace-format.md")?;
    let code = code_block(&document, "python", place)?;
    assert!(code.lines().filter(|line| !line.is_empty()).count() <= 20, "it promises to be short");
    let folder = tempfile::tempdir()?;
    let output = Command::new(python()?).args(["-c", code]).current_dir(folder.path()).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let trace = Trace::open(&folder.path().join(file))?;
    assert_eq!(check(&trace, &|_| ())?, []);
    Ok((folder, trace))
}

#[test]
fn the_example_in_python_writes_a_sound_trace() -> Result {
    let (_folder, trace) = run_example(0, "example.safetensors")?;
    assert_eq!((trace.heads(0, 1), trace.document().sequences[0].tokens.len()), (4, 11));
    assert_eq!((trace.image(0).width, trace.hidden(0, 2).shape), (96, vec![11, 8]));
    Ok(())
}

#[test]
fn the_example_of_queries_and_keys_is_sound_too() -> Result {
    let (_folder, trace) = run_example(1, "queries-keys.safetensors")?;
    let block = &trace.document().attention[0];
    assert_eq!(
        ([0, 1].map(|layer| block.layer_number(layer)), trace.max_heads(0), block.is_causal()),
        ([3, 7], 8, true)
    );
    Ok(())
}

#[test]
fn the_example_of_the_document_is_json() -> Result {
    let document = std::fs::read_to_string("docs/trace-format.md")?;
    let value: serde_json::Value = serde_json::from_str(code_block(&document, "json", 0)?)?;
    assert_eq!(value["format"], *vlscope::trace::FORMATS.end());
    Ok(())
}
