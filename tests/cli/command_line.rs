//! The binary as a user or a script calls it: output, words and exit codes.

use std::error::Error;
use std::process::{Command, Output};

use serde_json::Value;
use vlscope::view::View;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn vlscope(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(env!("CARGO_BIN_EXE_vlscope")).args(arguments).output()?)
}

fn json(arguments: &[&str]) -> Result<Value> {
    let output = vlscope(arguments)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn refused(arguments: &[&str], code: i32) -> Result<String> {
    let output = vlscope(arguments)?;
    assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    Ok(String::from_utf8(output.stderr)?)
}

const MULTI_IMAGE: &str = "tests/traces/multi-image.safetensors";

#[test]
fn stats_have_the_documented_form() -> Result<()> {
    let report = json(&["stats", MULTI_IMAGE, "--json", "--compute", "cpu"])?;
    assert_eq!(report["id"], "synthetic/multi-image");
    let block = &report["attention"][0];
    assert_eq!((&block["name"], &block["layers"], &block["heads"]), (&"self".into(), &3.into(), &2.into()));
    let statistics = block["statistics"].as_array().ok_or("no statistics")?;
    for name in ["vli.image_to_text", "vli.intra_modal", "mass.text.image", "entropy", "hoyer", "sink", "region"] {
        let found = statistics.iter().find(|statistic| statistic["name"] == name).ok_or(name)?;
        assert_eq!(found["values"].as_array().map(Vec::len), Some(3));
        assert_eq!(found["values"][0].as_array().map(Vec::len), Some(2));
        assert_eq!(found["layer_mean"].as_array().map(Vec::len), Some(3));
        assert!(found["unit"].is_string());
    }
    let broken = json(&["stats", "tests/traces/broken-nan.safetensors", "--json", "--compute", "cpu"])?;
    let entropy =
        broken["attention"][0]["statistics"].as_array().and_then(|all| all.iter().find(|s| s["name"] == "entropy"));
    let entropy = entropy.ok_or("no entropy")?;
    // A row that is not finite is left out, and counted.
    assert_eq!(broken["attention"][0]["rows_left_out"], serde_json::json!([[0, 0], [0, 0], [1, 0]]));
    assert!(entropy["values"][2][0].is_number() && entropy["values"][2][1].is_number());
    Ok(())
}

#[test]
fn both_engines_print_the_same_numbers() -> Result<()> {
    let numbers = |compute| json(&["attention", MULTI_IMAGE, "--token", "12", "--json", "--compute", compute]);
    let (cpu, gpu) = (numbers("cpu")?, numbers("gpu")?);
    assert_eq!(cpu["tokens"], gpu["tokens"]);
    let values = |report: &Value| -> Vec<f64> {
        report["weights"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    assert_eq!([values(&cpu).len(), values(&gpu).len()], [14; 2]);
    assert!((values(&cpu).iter().sum::<f64>() - 1.0).abs() < 0.01);
    assert!(values(&cpu).iter().zip(values(&gpu)).all(|(a, b)| (a - b).abs() < 1e-5));
    Ok(())
}

#[test]
fn csv_has_a_row_a_value() -> Result<()> {
    let output = vlscope(&["attention", "tests/traces/encoder-decoder.safetensors", "--block", "cross", "--csv"])?;
    let text = String::from_utf8(output.stdout)?;
    assert_eq!(text.lines().next(), Some("position,token,weight"));
    assert_eq!(text.lines().count(), 1 + 15);
    Ok(())
}

#[test]
fn bad_input_is_1_and_bad_usage_is_2() -> Result<()> {
    let missing = refused(&["stats", "absent.safetensors"], 1)?;
    assert!(
        missing.starts_with("vlscope: cannot open") && missing.trim_end().ends_with("absent.safetensors"),
        "{missing}"
    );
    let layer = refused(&["attention", MULTI_IMAGE, "--layer", "9"], 1)?;
    assert_eq!(layer, "vlscope: there is no layer 9: block `self` has layers 0 to 2\n");
    let block = refused(&["attention", MULTI_IMAGE, "--block", "x"], 1)?;
    assert_eq!(block, "vlscope: no block is called `x`: there are self\n");
    refused(&["absent.safetensors"], 1)?;
    refused(&["render", MULTI_IMAGE, "--view", "nothing", "-o", "x.png"], 2)?;
    refused(&["stats"], 2)?;
    refused(&["attention", MULTI_IMAGE, "--layer", "many"], 2)?;
    let adapter = refused(&["devices", "--nonsense"], 2)?;
    assert!(adapter.contains("--nonsense"));
    Ok(())
}

#[test]
fn a_reader_that_leaves_early_is_no_error() -> Result<()> {
    let command = format!("{} stats {MULTI_IMAGE} --compute cpu | head -n 1", env!("CARGO_BIN_EXE_vlscope"));
    let output = Command::new("bash").args(["-o", "pipefail", "-c", &command]).output()?;
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn completions_man_pages_and_devices() -> Result<()> {
    let completions = vlscope(&["completions", "bash"])?;
    assert!(String::from_utf8(completions.stdout)?.contains("vlscope"));
    let folder = tempfile::tempdir()?;
    let to = folder.path().to_str().ok_or("no path")?;
    assert!(vlscope(&["man", to])?.status.success());
    assert!(folder.path().join("vlscope-render.1").is_file());
    let devices = String::from_utf8(vlscope(&["devices"])?.stdout)?;
    assert!(devices.lines().count() >= 2, "{devices}");
    Ok(())
}

/// How many pixels are of a colour, which grounds, axes and notes are not.
fn coloured(picture: &image::RgbImage) -> usize {
    let spread =
        |pixel: &image::Rgb<u8>| pixel.0.iter().max().zip(pixel.0.iter().min()).map_or(0, |(max, min)| max - min);
    picture.pixels().filter(|pixel| spread(pixel) > 60).count()
}

/// Every view of every kind of trace becomes a picture of more than words.
#[test]
fn every_view_of_every_trace_is_drawn() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("view.png");
    let to = path.to_str().ok_or("no path")?;
    let views = View::all().into_iter().map(View::name).chain(["window"]);
    for (trace, view) in ["multi-image", "encoder-decoder", "vl-interpret-0", "broken-nan"]
        .into_iter()
        .flat_map(|trace| views.clone().map(move |view| (trace, view)))
    {
        let file = format!("tests/traces/{trace}.safetensors");
        let output = vlscope(&["render", &file, "--view", view, "--size", "640x480", "-o", to])?;
        assert!(output.status.success(), "{trace} {view}: {}", String::from_utf8_lossy(&output.stderr));
        let picture = image::open(&path)?.to_rgb8();
        let (width, height) = picture.dimensions();
        assert!(if view == "window" { (width, height) == (640, 480) } else { width <= 640 && height <= 480 });
        // The first block is the encoder, which puts out no token.
        // None of them holds words of hidden states, and nothing is pinned.
        let is_note = (trace, view) == ("encoder-decoder", "timeline") || ["joint", "lens", "pins"].contains(&view);
        let coloured = coloured(&picture);
        assert_eq!(coloured < 300, is_note, "{trace} {view} has {coloured} pixels in colour");
    }
    Ok(())
}
