//! Exit codes, messages, help, and what the command does besides its work.

use std::collections::BTreeMap;

use crate::common::{Result, fail, run_unread, succeed};

const TRACE: &str = "tests/traces/multi-image.safetensors";

#[test]
fn a_broken_trace_ends_with_its_message() -> Result {
    let words: BTreeMap<String, String> = serde_json::from_slice(&std::fs::read("tests/traces/messages.json")?)?;
    for (name, message) in words {
        let path = format!("tests/traces/{name}.safetensors");
        for command in ["stats", "attention"] {
            assert_eq!(fail(1, &[command, &path, "--compute", "cpu"])?, format!("vlscope: {message}: {path}\n"));
        }
    }
    let said = fail(1, &["stats", "absent.safetensors"])?;
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
    assert_eq!(fail(1, &["stats", "tests"])?, "vlscope: cannot read: it is a folder: tests\n");
    Ok(())
}

#[test]
fn bad_usage_is_2() -> Result {
    for arguments in [&["stats"][..], &["check"], &["synth"], &["attention", TRACE, "--direction", "up"], &["--bogus"]]
    {
        fail(2, arguments)?;
    }
    Ok(())
}

#[test]
fn help_has_examples() -> Result {
    for arguments in [
        &["--help"][..],
        &["stats", "--help"],
        &["attention", "--help"],
        &["check", "--help"],
        &["synth", "--help"],
        &["devices", "--help"],
    ] {
        assert!(succeed(arguments)?.contains("Examples:\n  vlscope"), "{arguments:?}");
    }
    assert!(succeed(&["--version"])?.starts_with("vlscope "));
    Ok(())
}

#[test]
fn a_reader_that_leaves_is_no_error() -> Result {
    for arguments in [
        &["stats", TRACE, "--compute", "cpu"][..],
        &["stats", TRACE, "--compute", "cpu", "--json"],
        &["stats", TRACE, "--compute", "cpu", "--csv"],
        &["attention", TRACE, "--compute", "cpu"],
        &["check", TRACE],
        &["check", TRACE, "--json"],
        &["devices"],
        &["completions", "bash"],
        &["man"],
    ] {
        let run = run_unread(arguments)?;
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
    Ok(())
}

#[test]
fn devices_says_where_numbers_are_computed() -> Result {
    let text = succeed(&["devices"])?;
    assert!(text.starts_with("adapter ") && text.lines().count() > 1, "{text}");
    assert!(text.contains("compute shaders") || text.contains("the processor"), "{text}");
    Ok(())
}

#[test]
fn completions_and_man_pages() -> Result {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(succeed(&["completions", shell])?.contains("attention"), "{shell}");
    }
    assert!(succeed(&["man"])?.contains(".TH vlscope 1"));
    let folder = tempfile::tempdir()?;
    let pages = folder.path().join("man1");
    assert_eq!(succeed(&["man", pages.to_str().ok_or("not UTF-8")?])?, "");
    for name in ["vlscope.1", "vlscope-stats.1", "vlscope-synth.1"] {
        assert!(pages.join(name).is_file(), "{name}");
    }
    Ok(())
}
