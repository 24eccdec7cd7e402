//! `vlscope render` as SVG, as numbers, with a caption, and as an animation.

use std::path::{Path, PathBuf};

use crate::common::{Result, fail, json, succeed};
use image::AnimationDecoder as _;
use ndarray_npy::ReadNpyExt as _;
use serde_json::Value;
use vlscope::trace::Trace;

const MULTI_IMAGE: &str = "tests/traces/multi-image.safetensors";
const ENCODER_DECODER: &str = "tests/traces/encoder-decoder.safetensors";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Renders into a file of that name.
    fn render(&self, name: &str, arguments: &[&str]) -> Result<PathBuf> {
        let path = self.file(name);
        let output = path.to_string_lossy().into_owned();
        succeed(&[&["render"], arguments, &["--compute", "cpu", "-o", &output]].concat())?;
        Ok(path)
    }

    fn svg(&self, arguments: &[&str]) -> Result<String> {
        Ok(std::fs::read_to_string(self.render("view.svg", arguments)?)?)
    }
}

fn texts<'a>(document: &'a roxmltree::Document<'_>) -> Vec<&'a str> {
    document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text())
        .map(str::trim)
        .collect()
}

fn count(document: &roxmltree::Document<'_>, tag: &str) -> usize {
    document.descendants().filter(|node| node.tag_name().name() == tag).count()
}

#[test]
fn every_view_is_a_sound_svg_with_its_words() -> Result {
    let folder = Folder::new()?;
    for trace in [MULTI_IMAGE, ENCODER_DECODER] {
        for view in ["heads", "image", "text", "matrix", "links", "embedding"] {
            let text = folder.svg(&[trace, "--view", view, "--token", "0", "--caption", "A & <b>"])?;
            let document = roxmltree::Document::parse(&text)?;
            let root = document.root_element();
            assert_eq!((root.attribute("width"), root.attribute("viewBox")), (Some("900"), Some("0 0 900 640")));
            assert!(texts(&document).contains(&"A & <b>"), "{view}");
            let attributes = document.descendants().flat_map(|node| node.attributes());
            let mut lengths = attributes.filter(|attribute| !matches!(attribute.name(), "href" | "id"));
            assert!(lengths.all(|length| !length.value().contains("NaN") && !length.value().contains("inf")), "{view}");
        }
    }
    Ok(())
}

#[test]
fn marks_are_vectors_and_words_are_text() -> Result {
    let folder = Folder::new()?;
    let text = folder.svg(&[MULTI_IMAGE, "--view", "matrix", "--layer", "1", "--head", "0", "--no-colour-bar"])?;
    let matrix = roxmltree::Document::parse(&text)?;
    assert!(texts(&matrix).contains(&"Attention matrix self · layer 1 · head 0"));
    let upright = matrix.descendants().filter(|node| {
        node.text().map(str::trim) == Some("queries")
            && node.attribute("transform").is_some_and(|turn| turn.starts_with("rotate(-90"))
    });
    assert_eq!(upright.count(), 1);
    // 14 × 14 cells, each a rectangle, and no raster.
    assert!(count(&matrix, "rect") >= 196 && count(&matrix, "image") == 0);

    let text = folder.svg(&[MULTI_IMAGE, "--view", "links", "--strongest", "9"])?;
    let links = roxmltree::Document::parse(&text)?;
    let curves: Vec<_> = links.descendants().filter_map(|node| node.attribute("d")).collect();
    assert_eq!(curves.len(), 9);
    assert!(curves.iter().all(|curve| curve.starts_with('M') && curve.contains('C')));
    assert!(count(&links, "clipPath") > 0 && count(&links, "image") > 0);

    let text = folder.svg(&[MULTI_IMAGE, "--view", "image", "--token", "0", "--no-title"])?;
    let image = roxmltree::Document::parse(&text)?;
    assert!(!texts(&image).iter().any(|text| text.starts_with("Attention of")));
    let href = image.descendants().find_map(|node| node.attribute(("http://www.w3.org/1999/xlink", "href")));
    assert!(href.is_some_and(|href| href.starts_with("data:image/png;base64,iVBOR")));
    Ok(())
}

#[test]
fn the_automatic_caption_says_what_is_shown() -> Result {
    let folder = Folder::new()?;
    let selection = ["--block", "cross", "--layer", "1", "--head", "2", "--token", "3", "--normalization", "log"];
    let text = folder.svg(&[&[ENCODER_DECODER, "--view", "text", "--caption", "auto"], &selection[..]].concat())?;
    let document = roxmltree::Document::parse(&text)?;
    let caption = texts(&document).into_iter().find(|text| text.contains("block cross")).ok_or("no caption")?;
    for part in ["synthetic/encoder-decoder", "layer 1 · head 2", "attention of ", "[3]", "normalized: logarithmic"] {
        assert!(caption.contains(part), "{part} in {caption}");
    }
    Ok(())
}

#[test]
fn numbers_are_those_of_attention_and_stats() -> Result {
    let folder = Folder::new()?;
    let selection = [ENCODER_DECODER, "--block", "cross", "--layer", "1", "--head", "2", "--token", "3"];
    let shown = json(&[&["attention"], &selection[..], &["--json", "--compute", "cpu"]].concat())?;
    let render = |name: &str, view: &str| folder.render(name, &[&selection[..], &["--view", view]].concat());
    let read = |path: &Path| -> Result<Value> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };

    let weights = read(&render("weights.json", "image")?)?;
    assert_eq!((&weights["values"], &weights["axes"][0]["labels"]), (&shown["weights"], &shown["tokens"]));
    assert_eq!((&weights["axes"][0]["name"], &weights["view"]), (&"key".into(), &"image".into()));

    let stats = json(&["stats", ENCODER_DECODER, "--json", "--compute", "cpu"])?;
    let cross = stats["attention"][2]["statistics"].as_array().ok_or("no statistics")?;
    let entropy = cross.iter().find(|statistic| statistic["name"] == "entropy").ok_or("no entropy")?;
    let path =
        folder.render("heads.json", &[&selection[..], &["--view", "heads", "--statistic", "entropy"]].concat())?;
    assert_eq!(read(&path)?["values"], entropy["values"]);

    let trace = Trace::open(Path::new(ENCODER_DECODER))?;
    let layer = trace.attention(2, 1);
    let [_, queries, keys] = *layer.shape else { return Err("not a layer".into()) };
    let head = layer.entry(2).to_f32();
    let matrix = ndarray::Array2::<f32>::read_npy(std::fs::File::open(render("matrix.npy", "matrix")?)?)?;
    assert_eq!((matrix.dim(), matrix.iter().copied().collect::<Vec<_>>()), ((queries, keys), head.clone()));

    let mut rows = csv::Reader::from_path(render("matrix.csv", "matrix")?)?;
    assert_eq!(rows.headers()?, vec!["query", "query_name", "key", "key_name", "value"]);
    let values: Vec<f32> = rows.records().map(|row| Ok(row?[4].parse()?)).collect::<Result<_>>()?;
    assert_eq!(values, head);
    Ok(())
}

#[test]
fn plays_are_gifs_or_folders() -> Result {
    let folder = Folder::new()?;
    let arguments = [MULTI_IMAGE, "--view", "image", "--token", "0", "--size", "200x160", "--fps", "4"];
    let gif = folder.render("layers.gif", &[&arguments[..], &["--play", "layers"]].concat())?;
    let decoder = image::codecs::gif::GifDecoder::new(std::io::BufReader::new(std::fs::File::open(gif)?))?;
    let frames = decoder.into_frames().collect_frames()?;
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[0].delay().numer_denom_ms(), (250, 1));
    assert_eq!(frames[0].buffer().dimensions(), (200, 160));
    assert_ne!(frames[0].buffer(), frames[2].buffer());

    std::fs::create_dir(folder.file("heads"))?;
    std::fs::write(folder.file("heads").join("frame-0002.png"), "of an earlier, longer animation")?;
    let pictures = folder.render("heads", &[&arguments[..], &["--play", "heads"]].concat())?;
    assert!(pictures.join("frame-0000.png").is_file() && pictures.join("frame-0001.png").is_file());
    assert_eq!(pictures.read_dir()?.count(), 2);

    let decoder = ["tests/traces/encoder-decoder.safetensors", "--view", "timeline", "--block", "decoder"];
    let outputs = folder.render("outputs", &[&decoder[..], &["--size", "200x160", "--play", "outputs"]].concat())?;
    assert_eq!(outputs.read_dir()?.count(), 3, "one frame each for all that the decoder puts out");
    Ok(())
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_drawn() -> Result {
    let cases: [(&[&str], &str); 5] = [
        (&["--view", "image", "-o", "x.pdf"], "the name ends on none of .png, .svg, .csv, .json, .npy and .gif"),
        (&["--view", "image", "-o", "x.gif"], "a .gif needs --play"),
        (&["--view", "window", "-o", "x.svg"], "the window is written as .png only"),
        (&["--view", "image", "--play", "heads", "-o", "x.png"], "--play writes a .gif or a folder"),
        (&["--view", "window", "--play", "heads", "-o", "x.gif"], "--play draws one view, not the window"),
    ];
    for (arguments, said) in cases {
        let message = fail(1, &[&["render", MULTI_IMAGE], arguments].concat())?;
        assert!(message.contains(said), "{message}");
    }
    fail(2, &["render", MULTI_IMAGE, "-o", "x.png"])?;
    Ok(())
}

#[test]
fn a_state_file_draws_the_same_pixels_as_its_options() -> Result {
    let folder = Folder::new()?;
    let trace = Path::new(MULTI_IMAGE).canonicalize()?;
    let state = serde_json::json!({
        "version": 1,
        "trace": trace,
        "view": "matrix",
        "question": {"selection": {"layer": {"one": 1}, "head": {"one": 0}, "tokens": [2]}},
        "options": {"theme": "light", "colormap": "magma"},
    });
    let file = folder.file("view.json");
    std::fs::write(&file, state.to_string())?;
    let typed = ["--view", "matrix", "--layer", "1", "--head", "0", "--token", "2", "--colormap", "magma"];
    let expected = folder.render("typed.png", &[&[MULTI_IMAGE], &typed[..]].concat())?;
    let found = folder.render("state.png", &["--state", file.to_str().ok_or("not UTF-8")?])?;
    assert_eq!(std::fs::read(found)?, std::fs::read(expected)?);
    let message = fail(1, &["render", "--state", "absent.json", "-o", "x.png"])?;
    assert!(message.contains("cannot read absent.json"), "{message}");
    for (question, options, said) in [
        (serde_json::json!({"selection": {"block": 5}}), serde_json::json!({}), "there is no block 5: the trace has 1"),
        (serde_json::json!({}), serde_json::json!({"range": [1.0, 0.0]}), "`1:0` is no range"),
        (serde_json::json!({}), serde_json::json!({"opacity": 7.0}), "`7` is no share"),
    ] {
        let state = serde_json::json!({
            "version": 1, "trace": trace, "view": "image", "question": question, "options": options,
        });
        std::fs::write(&file, state.to_string())?;
        let message = fail(1, &["render", "--state", file.to_str().ok_or("not UTF-8")?, "-o", "x.png"])?;
        assert!(message.contains(said) && message.contains("view.json"), "{message}");
    }
    Ok(())
}
