//! `vlscope compare`: its help, its numbers, its pictures, and what it says where two traces have nothing in common.

use crate::common::{Result, fail, json, succeed};

const MULTI_IMAGE: &str = "tests/traces/multi-image.safetensors";
const ENCODER_DECODER: &str = "tests/traces/encoder-decoder.safetensors";

#[test]
fn help_says_how() -> Result {
    let help = succeed(&["compare", "--help"])?;
    for words in ["Examples:\n  vlscope compare", "--view <heads|image|text>", "--join-pieces", "--json", "--csv"] {
        assert!(help.contains(words), "{words} is not in\n{help}");
    }
    assert!(
        fail(2, &["compare", MULTI_IMAGE, MULTI_IMAGE, "--view", "matrix"])?
            .contains("[possible values: heads, image, text]")
    );
    assert!(fail(2, &["compare", MULTI_IMAGE, "--view", "text"])?.contains("<B>"));
    Ok(())
}

#[test]
fn a_trace_differs_from_itself_by_nothing() -> Result {
    for (trace, block) in [(MULTI_IMAGE, "0"), (ENCODER_DECODER, "cross")] {
        for view in ["heads", "image", "text"] {
            let mut arguments = vec!["compare", trace, trace, "--view", view, "--json", "--compute", "cpu"];
            if block != "0" {
                arguments.extend(["--block", block]);
            }
            let report = json(&arguments)?;
            let rows = report["values"].as_array().ok_or("no values")?;
            let differences = rows.iter().map(|row| &row["difference"]).filter(|value| !value.is_null());
            assert!(differences.clone().all(|value| value.as_f64() == Some(0.0)), "{view} of {trace}");
            let is_empty = view == "text" && block != "0";
            assert_eq!(differences.count() == 0, is_empty, "{view} of {trace}");
            assert_eq!(report["a"], report["b"]);
        }
    }
    Ok(())
}

#[test]
fn pictures_are_written_and_other_files_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (svg, png, npy) = (file("a.svg"), file("a.png"), file("a.npy"));
    let demo = "assets/demo/00-what-color-is-the-shape.safetensors";
    for view in ["heads", "image", "text"] {
        succeed(&["compare", demo, MULTI_IMAGE, "--view", view, "-o", &svg, "--compute", "cpu"])?;
        let drawn = std::fs::read_to_string(&svg)?;
        assert!(drawn.contains("A − B") && drawn.contains("synthetic/multi-image"), "{view}");
    }
    succeed(&["compare", demo, demo, "--view", "image", "-o", &png, "--size", "600x200", "--no-crop", "--scale", "2"])?;
    assert_eq!(image::open(&png)?.width(), 1200);
    let said = fail(1, &["compare", demo, demo, "--view", "image", "-o", &npy])?;
    assert!(said.contains("drawn as .png, .svg or .pdf"), "{said}");
    Ok(())
}

#[test]
fn what_has_no_partner_is_said_beside_the_numbers() -> Result {
    let report = json(&["compare", ENCODER_DECODER, MULTI_IMAGE, "--view", "text", "--block", "cross", "--json"])?;
    let notes = report["notes"].as_array().ok_or("no notes")?;
    assert!(
        notes.iter().any(|note| note.as_str().is_some_and(|note| note.starts_with("B has no block `cross`"))),
        "{notes:?}"
    );
    Ok(())
}
