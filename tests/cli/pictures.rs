//! `vlscope render` with the choices of image, text, matrix, links and timeline.

use std::path::Path;

use crate::common::{Result, fail, succeed};

/// Draws into a folder of its own; the picture's bytes.
fn picture(trace: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("picture.png");
    let trace = Path::new("tests/traces").join(trace);
    let (trace, output) = (trace.to_str().ok_or("no name")?, output.to_str().ok_or("no name")?);
    let mut all = vec!["render", trace, "-o", output, "--size", "400x300"];
    all.extend(arguments);
    succeed(&all)?;
    Ok(std::fs::read(output)?)
}

#[test]
fn each_choice_changes_its_picture() -> Result {
    for (trace, view, choice) in [
        ("multi-image.safetensors", "image", &["--lock-scale"][..]),
        ("multi-image.safetensors", "image", &["--range", "0:0.9"]),
        ("multi-image.safetensors", "text", &["--lock-scale"]),
        ("multi-image.safetensors", "matrix", &["--matrix-block", "text-image"]),
        ("multi-image.safetensors", "links", &["--links-color", "head"]),
        ("multi-image.safetensors", "links", &["--links-color", "direction"]),
        ("multi-image.safetensors", "links", &["--links-bundle"]),
        ("encoder-decoder.safetensors", "timeline", &["--block", "decoder"]),
        ("encoder-decoder.safetensors", "window", &["--block", "cross"]),
    ] {
        let plain = picture(trace, &["--view", view])?;
        let chosen = picture(trace, &[&["--view", view], choice].concat())?;
        assert_ne!(plain, chosen, "{view} {choice:?}");
    }
    let masses = |mass| {
        picture("encoder-decoder.safetensors", &["--view", "timeline", "--block", "decoder", "--timeline-mass", mass])
    };
    assert_ne!(masses("output")?, masses("sink")?);
    Ok(())
}

#[test]
fn a_window_lists_the_examples_of_its_dataset() -> Result {
    let alone = picture("multi-image.safetensors", &["--view", "window"])?;
    let listed = picture("multi-image.safetensors", &["--view", "window", "--dataset", "tests/traces"])?;
    assert_ne!(alone, listed);
    let render = ["render", "tests/traces/multi-image.safetensors", "-o", "never.png", "--dataset"];
    for (more, said) in [
        (&["assets/demo", "--view", "window"][..], "holds no such trace: tests/traces/multi-image.safetensors"),
        (&["tests/traces", "--view", "image"], "--dataset is for --view window"),
    ] {
        let message = fail(1, &[&render, more].concat())?;
        assert!(message.contains(said), "{message}");
    }
    Ok(())
}

/// As in the window, where both can be set.
#[test]
fn a_fixed_range_goes_before_a_locked_scale() -> Result {
    let image = |more: &[&str]| picture("multi-image.safetensors", &[&["--view", "image"], more].concat());
    let fixed = image(&["--range", "0:1"])?;
    assert_eq!(image(&["--range", "0:1", "--lock-scale"])?, fixed);
    assert_ne!(image(&["--lock-scale"])?, fixed);
    Ok(())
}

#[test]
fn choices_that_do_not_exist_are_bad_usage() -> Result {
    let render = ["render", "tests/traces/multi-image.safetensors", "-o", "never.png", "--view", "image"];
    for (wrong, says) in [
        (&["--range", "1:0"][..], "the lower end first"),
        (&["--range", "a"], "is no range"),
        (&["--tiles", "huge"], "coarse"),
        (&["--matrix-block", "text"], "text-image"),
        (&["--opacity", "3"], "is no share"),
        (&["--matrix-window", "5,5,2,2"], "holds no cell"),
        (&["--image-window", "0,0,1,1.5"], "is no part of an image"),
        (&["--embedding-view", "0,0,0,0"], "both scales are above 0"),
        (&["--size", "100000x100"], "each side 16 to 65535"),
    ] {
        let message = fail(2, &[&render, wrong].concat())?;
        assert!(message.contains(says), "{message}");
    }
    for (wrong, says) in [
        (&["--image", "7"][..], "there is no image 7: the trace has 2"),
        (&["--matrix-window", "0,0,200,200"], "reaches beyond the matrix of block `self`: 14 keys, 14 queries"),
    ] {
        let message = fail(1, &[&render, wrong].concat())?;
        assert!(message.contains(says), "{message}");
    }
    Ok(())
}

/// In a container there is neither a display nor a folder for its socket.
#[test]
fn a_render_says_nothing_in_a_clean_environment() -> Result {
    let folder = tempfile::tempdir()?;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vlscope"));
    command.env_clear().args(["render", "tests/traces/multi-image.safetensors", "--view", "image", "-o"]);
    let output = command.arg(folder.path().join("image.png")).output()?;
    assert!(output.status.success());
    assert_eq!((output.stdout, String::from_utf8(output.stderr)?), (Vec::new(), String::new()));
    Ok(())
}
