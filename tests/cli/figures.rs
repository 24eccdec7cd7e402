//! `vlscope render` as SVG, as numbers, with a caption, and as an animation.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Result, fail, json, succeed};
use image::AnimationDecoder as _;
use ndarray_npy::ReadNpyExt as _;
use serde_json::Value;
use vlscope::trace::Trace;
use vlscope::view::View;

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
            let text = folder.svg(&[trace, "--view", view, "--token", "0", "--caption", "A & <b>", "--no-crop"])?;
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

/// The most that the edge of a figure may be empty, in pixels.
const EMPTY_EDGE: u32 = 10;

/// How many rows and columns at each edge have the colour of the corner alone: left, right, top, bottom.
fn empty_edges(picture: &image::RgbImage) -> [u32; 4] {
    let (width, height) = picture.dimensions();
    let ground = *picture.get_pixel(0, 0);
    let is_empty_column = |x: &u32| (0..height).all(|y| *picture.get_pixel(*x, y) == ground);
    let is_empty_row = |y: &u32| (0..width).all(|x| *picture.get_pixel(x, *y) == ground);
    [
        (0..width).take_while(is_empty_column).count() as u32,
        (0..width).rev().take_while(is_empty_column).count() as u32,
        (0..height).take_while(is_empty_row).count() as u32,
        (0..height).rev().take_while(is_empty_row).count() as u32,
    ]
}

#[test]
fn no_figure_has_empty_edges() -> Result {
    let folder = Folder::new()?;
    let scene = "assets/scenes/0-which-green-thing-is-left-of-the-large-striped-green-thing.safetensors";
    for view in View::all().map(View::name) {
        let tall = ["400x700"].into_iter().filter(|_| matches!(view, "image" | "matrix" | "heads"));
        for size in ["900x640"].into_iter().chain(tall) {
            let arguments = [scene, "--view", view, "--layer", "5", "--head", "4", "--token", "209", "--size", size];
            let picture = image::open(folder.render("view.png", &arguments)?)?.to_rgb8();
            assert_eq!(picture.get_pixel(0, 0).0, [255; 3], "{view} lies on paper");
            let edges = empty_edges(&picture);
            assert!(
                edges.iter().all(|&edge| edge <= EMPTY_EDGE),
                "{view} {size}: {edges:?} of {:?}",
                picture.dimensions()
            );
        }
    }
    let kept = folder.render("kept.png", &[scene, "--view", "text", "--token", "209", "--no-crop"])?;
    assert_eq!(image::open(kept)?.to_rgb8().dimensions(), (900, 640));
    Ok(())
}

/// What a program of poppler says of a PDF on standard output.
fn poppler(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("cannot start {program} ({error}): `make test` installs it"))?;
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn words_of(pdf: &Path) -> Result<String> {
    poppler("pdftotext", &["-layout", &pdf.to_string_lossy(), "-"])
}

#[test]
fn a_pdf_is_one_page_with_its_fonts_and_words() -> Result {
    let folder = Folder::new()?;
    for view in View::all().map(View::name) {
        let shown = [MULTI_IMAGE, "--view", view, "--token", "0", "--caption", "Größe ≤ 2 · naïve"];
        let pdf = folder.render("view.pdf", &shown)?;
        let text = words_of(&pdf)?;
        assert!(text.contains("Größe ≤ 2 · naïve"), "{view}: {text}");
        assert_eq!(text.matches('\u{c}').count(), 1, "{view} is one page");
        let info = poppler("pdfinfo", &[&pdf.to_string_lossy()])?;
        let svg = std::fs::read_to_string(folder.render("view.svg", &shown)?)?;
        let document = roxmltree::Document::parse(&svg)?;
        let side = |name| {
            Ok::<_, Box<dyn std::error::Error>>(
                document.root_element().attribute(name).ok_or("no side")?.parse::<f32>()?,
            )
        };
        // 96 pixels an inch, 72 points an inch.
        let (width, height) = (side("width")? * 0.75, side("height")? * 0.75);
        let size = info.lines().find_map(|line| line.strip_prefix("Page size:")).ok_or("no size")?;
        let numbers: Vec<f32> = size.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert!(
            (numbers[0] - width).abs() < 0.01 && (numbers[1] - height).abs() < 0.01,
            "{view}: {size}, {width} {height}"
        );
        // Name, type, encoding, and whether it is embedded, a subset, and can be read back.
        let fonts = poppler("pdffonts", &[&pdf.to_string_lossy()])?;
        let fonts: Vec<&str> = fonts.lines().skip(2).collect();
        assert!(fonts.iter().any(|font| font.contains("Inter")), "{view}: {fonts:?}");
        assert!(fonts.iter().all(|font| font.contains("yes yes yes")), "{view}: {fonts:?}");
        let bytes = std::fs::read(&pdf)?;
        assert_eq!(bytes, std::fs::read(folder.render("view.pdf", &shown)?)?, "{view}: the same bytes each time");
    }
    Ok(())
}

/// A page as pixels, at those of its drawing.
fn pixels_of(pdf: &Path) -> Result<image::RgbImage> {
    let output = Command::new("pdftoppm").args(["-r", "96", "-png"]).arg(pdf).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(image::load_from_memory(&output.stdout)?.to_rgb8())
}

#[test]
fn a_pdf_looks_as_the_png_does() -> Result {
    let folder = Folder::new()?;
    let scene = "assets/scenes/0-which-green-thing-is-left-of-the-large-striped-green-thing.safetensors";
    for view in View::all().map(View::name) {
        let shown = [scene, "--view", view, "--layer", "5", "--head", "4", "--token", "209", "--size", "600x480"];
        let png = image::open(folder.render("view.png", &shown)?)?.to_rgb8();
        let pdf = pixels_of(&folder.render("view.pdf", &shown)?)?;
        assert_eq!(pdf.dimensions(), png.dimensions(), "{view}");
        // Letters and edges are rasterised otherwise: means over tiles tell whether a mark is missing or elsewhere.
        let tiles = |picture: &image::RgbImage| {
            image::imageops::thumbnail(picture, picture.width() / 12, picture.height() / 12)
        };
        let (a, b) = (tiles(&pdf), tiles(&png));
        let far = a.iter().zip(b.iter()).filter(|(a, b)| a.abs_diff(**b) > 48).count();
        assert!(far * 100 <= a.len(), "{view}: {far} of {} means differ", a.len());
    }
    Ok(())
}

#[test]
fn a_figure_has_panels_letters_and_one_scale() -> Result {
    let folder = Folder::new()?;
    let figure = |name: &str, more: &[&str]| -> Result<PathBuf> {
        let path = folder.file(name);
        let output = path.to_string_lossy().into_owned();
        let panels = [
            "figure",
            MULTI_IMAGE,
            "--panel",
            "image --layer 0 --head 0 --token 0",
            "--panel",
            "image --layer 2 --head 1 --token 0",
            "--panel",
            "heads --statistic entropy --size 300x260",
            "--compute",
            "cpu",
            "-o",
            &output,
        ];
        succeed(&[&panels[..], more].concat())?;
        Ok(path)
    };
    let texts_of = |path: &Path| -> Result<Vec<String>> {
        let svg = std::fs::read_to_string(path)?;
        let document = roxmltree::Document::parse(&svg)?;
        Ok(texts(&document).into_iter().map(str::to_owned).collect())
    };
    let bars = |texts: &[String]| texts.iter().filter(|text| text.starts_with("attention weight")).count();
    let own = texts_of(&figure("own.svg", &[])?)?;
    for letter in ["a", "b", "c"] {
        assert!(own.iter().any(|text| text == letter), "{letter} in {own:?}");
    }
    assert_eq!(bars(&own), 2);
    let common = texts_of(&figure("common.svg", &["--common-scale", "--no-letters", "--caption", "auto"])?)?;
    assert_eq!(bars(&common), 1, "{common:?}");
    assert!(!common.iter().any(|text| text == "a"));
    assert!(common.iter().any(|text| text.contains("layer 2 · head 1")), "{common:?}");
    let row = image::open(figure("row.png", &["--columns", "3"])?)?.to_rgb8();
    let column = image::open(figure("column.png", &["--columns", "1"])?)?.to_rgb8();
    assert!(row.width() > 2 * column.width() && column.height() > 2 * row.height());
    for picture in [&row, &column] {
        assert!(empty_edges(picture).iter().all(|&edge| edge <= EMPTY_EDGE), "{:?}", empty_edges(picture));
    }
    let text = words_of(&figure("figure.pdf", &["--caption", "Two heads & all"])?)?;
    assert!(text.contains("Two heads & all"), "{text}");

    let base = ["figure", MULTI_IMAGE, "-o", "never.png", "--panel"];
    for (panel, code, said) in [
        ("sketch", 2, "invalid value 'sketch'"),
        ("image --layer", 2, "a value is required for '--layer"),
        ("image --layer '1", 2, "a quotation mark is not closed"),
        ("image --layer 9", 1, "panel 1: there is no layer 9: block `self` has layers 0 to 2"),
        ("image --theme dark", 2, "--theme is of the whole figure"),
        ("image --trace absent.safetensors", 1, "panel 1: "),
    ] {
        let message = fail(code, &[&base[..], &[panel]].concat())?;
        assert!(message.contains(said), "{panel}: {message}");
    }
    let message = fail(1, &["figure", MULTI_IMAGE, "--panel", "image", "-o", "x.csv"])?;
    assert!(message.contains("a figure is drawn as .png, .svg or .pdf"), "{message}");
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
        (&["--view", "image", "-o", "x.bmp"], "the name ends on none of .png, .svg, .pdf, .csv, .json, .npy and .gif"),
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
    let typed =
        ["--view", "matrix", "--layer", "1", "--head", "0", "--token", "2", "--colormap", "magma", "--theme", "light"];
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
