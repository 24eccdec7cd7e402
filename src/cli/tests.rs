//! The line that the window copies is read back as what the window shows.

use std::error::Error;
use std::path::Path;
use std::process::Command as Process;

use clap::Parser as _;
use glam::Vec2;

use super::{Cli, Command};
use crate::analysis::neighbours::Metric;
use crate::analysis::normalize::Normalization;
use crate::analysis::pool::Pooling;
use crate::analysis::projection::{Align, Method, Recipe};
use crate::analysis::sinks::Criteria;
use crate::analysis::statistics::Over;
use crate::analysis::timeline::TokenGroup;
use crate::analysis::{Combine, Direction, NamedTokens, Pick, Rollout, Selection, SinkTreatment, WeightKind};
use crate::export::{
    DatasetPaths, Figure, FigurePanel, Picture, ViewState, atlas_line, compare_line, figure_line, panel_words,
    render_line, tokens_line,
};
use crate::query::{AtlasQuestion, AtlasValue, OpenTrace};
use crate::render::colormap::Colormap;
use crate::render::{Keep, Rect, Transform};
use crate::view::TokenColor;
use crate::view::{
    Caption, ColorBy, CompareView, EmbeddingOptions, HeadsOrder, LinkColor, MatrixBlock, Options, PinnedView, SizeBy,
    Theme, Tiles, View,
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const TRACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/encoder-decoder.safetensors");

/// Every field differs from its default.
fn unusual() -> ViewState {
    let selection = Selection {
        block: 1,
        layer: Pick::One(1),
        head: Pick::Max,
        tokens: vec![3, 1],
        direction: Direction::AttendedBy,
        combine: Combine::Max,
        weights: WeightKind::Rollout(Rollout { start: 1, residual_percent: 25 }),
        sinks: SinkTreatment::Renormalise,
        sink_criteria: Criteria {
            share_ratio: 2.5,
            head_share: 0.75,
            seen_share: 0.125,
            activation: 33.0,
            dimension_ratio: 7.0,
        },
    };
    let options = Options {
        to: Some(NamedTokens::of_places(&[1, 2, 3, 9])),
        statistic: "entropy".to_owned(),
        specials: true,
        z_score: Some(Over::Heads),
        pooling: Pooling::Mean,
        hidden_state: Some(1),
        colormap: Some(Colormap::RedBlue),
        range: Some([-0.25, 0.5]),
        normalization: Normalization::Percentile(97.5),
        smooth: false,
        opacity: 0.3,
        fade: false,
        contours: true,
        image: Some(0),
        matrix_window: Some(Rect { min: Vec2::new(0.5, 1.0), max: Vec2::new(3.0, 3.25) }),
        image_window: Some(Rect { min: Vec2::new(0.25, 0.5), max: Vec2::new(0.75, 1.0) }),
        joint_view: Some(Transform { scale: Vec2::new(3.0, 2.0), offset: Vec2::new(0.25, -0.5) }),
        embedding_view: Some(Transform { scale: Vec2::new(2.0, 3.0), offset: Vec2::new(-0.5, 0.1) }),
        lattice_view: Some(Transform { scale: Vec2::new(4.0, 5.0), offset: Vec2::new(-0.25, 0.5) }),
        pins: ["L1H0:T1,2-3:from", "L0Hmean:raw"].iter().filter_map(|pin| pin.parse().ok()).collect(),
        pins_as: PinnedView::Matrix,
        links: Keep::AtLeast(0.125),
        links_of_selection: true,
        theme: Theme::Dark,
        is_cropped: false,
        font_scale: 1.5,
        colour_bar: false,
        title: false,
        embedding: EmbeddingOptions {
            recipe: Recipe { method: Method::Umap, align: Align::Procrustes, seed: 7 },
            color_by: ColorBy::Received,
            size_by: SizeBy::Received,
            trajectories: true,
            pictures: true,
            neighbours: Some(Metric::Euclidean),
            lasso: false,
        },
        heads_order: HeadsOrder::Both,
        heads_filter: Some([-0.5, 0.75]),
        thumbnails_own_scale: false,
        overlays_own_scale: true,
        lattice_own_scale: false,
        lock_scale: true,
        decodes_to: Some("red".to_owned()),
        tiles: Tiles::Fine,
        join_pieces: true,
        text_scroll: None,
        head_labels: Vec::new(),
        timeline_group: TokenGroup::Sink,
        matrix_block: MatrixBlock::TextImage,
        links_color: LinkColor::Head,
        links_bundle: true,
        caption: Some(Caption::Text("it's the \"cross\" block, $HOME".to_owned())),
    };
    ViewState::new(Some(TRACE.into()), Some(View::Links), selection, options)
}

/// As a shell splits it.
fn split(line: &str) -> Result<Vec<String>> {
    let output = Process::new("sh").args(["-c", &format!(r"printf '%s\0' {line}")]).output()?;
    Ok(String::from_utf8(output.stdout)?.split_terminator('\0').map(str::to_owned).collect())
}

fn parsed(words: &[String]) -> Result<ViewState> {
    match Cli::try_parse_from(words)?.command {
        Some(Command::Render(arguments)) => Ok(arguments.view_state(&OpenTrace::open(Path::new(TRACE))?)?),
        _ => Err("not a render command".into()),
    }
}

#[test]
fn the_copied_line_draws_the_same() -> Result {
    let open = OpenTrace::open(Path::new(TRACE))?;
    let mut usual = ViewState::new(Some(TRACE.into()), None, Selection::default(), Options::default());
    usual.options.statistic = "mass.text.image".to_owned();
    let mut fronted = usual.clone();
    fronted.front = vec![View::Similarity, View::Timeline];
    for state in [unusual(), usual, fronted] {
        let line = render_line(open.document(), &state, None, [640.0, 480.0], 2.0);
        assert_eq!(parsed(&split(&line)?)?, state, "{line}");
        assert!(line.contains("--size 640x480 --scale 2"), "{line}");
    }
    Ok(())
}

#[test]
fn the_line_of_a_figure_is_understood() -> Result {
    let open = OpenTrace::open(Path::new(TRACE))?;
    let panel = FigurePanel { state: unusual(), size: Vec2::new(320.4, 240.0) };
    let typed = panel_words(open.document(), &panel);
    let figure = Figure {
        columns: 3,
        letters: false,
        common_scale: true,
        caption: Some(Caption::Text("it's \"a\" $FIGURE".to_owned())),
        theme: Theme::Dark,
    };
    let panels = [(TRACE.into(), typed.clone()), ("my b.safetensors".into(), typed)];
    let words = split(&figure_line(&figure, &panels, "figure.pdf"))?;
    let Some(Command::Figure(arguments)) = Cli::try_parse_from(&words)?.command else { return Err("other".into()) };
    assert_eq!(arguments.figure(), figure);
    // Theme and caption are the figure's.
    let options = Options { theme: Theme::Paper, caption: None, ..unusual().options };
    let state = ViewState { options, ..unusual() };
    assert_eq!(arguments.panel(0)?, FigurePanel { state, size: Vec2::new(320.0, 240.0) });
    let absent = arguments.panel(1).map_err(|error| format!("{error:#}"));
    assert!(absent.is_err_and(|error| error.contains("panel 2") && error.contains("my b.safetensors")));
    Ok(())
}

#[test]
fn the_lines_of_a_dataset_are_understood() -> Result {
    let open = OpenTrace::open(Path::new(TRACE))?;
    let picture = Picture { size: [640.4, 480.0], scale: 2.0, theme: Theme::Dark };
    let place = DatasetPaths { dir: Path::new("my traces/"), index_dir: Some(Path::new("index of 'em")) };
    let question = AtlasQuestion {
        statistic: "entropy".to_owned(),
        block: Some("cross".to_owned()),
        a: "-is:wrong text~\"a b\"".to_owned(),
        b: Some(String::new()),
        picked: None,
        permutations: 99,
    };
    let unusual = unusual();
    let traces = [Path::new(TRACE), Path::new("b.safetensors")];
    let lines = [
        atlas_line(place, &question, AtlasValue::Effect, picture),
        tokens_line(place, 3, TokenColor::Right, "-/x/", picture),
        compare_line(traces, open.document(), CompareView::Heads, &unusual.selection, &unusual.options, picture),
    ];
    for line in lines {
        let words = split(&line)?;
        Cli::try_parse_from(&words).map_err(|error| format!("{line}: {error}"))?;
        assert!(line.contains("--size 640x480 --scale 2 --theme dark"), "{line}");
        let said = |word: &str| words.iter().any(|found| found == word);
        match words[1].as_str() {
            "atlas" => assert!(said("--filter=-is:wrong text~\"a b\"") && said("index of 'em") && said("99"), "{line}"),
            "tokens" => assert!(said("--filter=-/x/") && said("my traces/") && said("right"), "{line}"),
            _ => assert!(said("b.safetensors") && said("--specials") && said("--join-pieces"), "{line}"),
        }
    }
    Ok(())
}

#[test]
fn a_state_file_is_typed_for_the_user_and_gives_way() -> Result {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("view.json");
    unusual().save(&file)?;
    assert_eq!(ViewState::load(&file)?, unusual());
    let typed = |more: &[&str]| -> Result<ViewState> {
        let file = file.to_string_lossy().into_owned();
        let words = ["vlscope", "render", "--state", &file, "-o", "x.png"].into_iter().chain(more.iter().copied());
        let words: Vec<String> = words.map(str::to_owned).collect();
        let Some(Command::Render(arguments)) = Cli::try_parse_from(&words)?.command else { return Err("other".into()) };
        let words = super::state_file::with_state(&arguments, words.iter().map(Into::into).collect())?;
        parsed(&words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>())
    };
    assert_eq!(typed(&[])?, unusual());
    let mut changed = unusual();
    changed.view = Some(View::Matrix);
    changed.options.theme = Theme::Light;
    changed.options.links = Keep::Strongest(7);
    changed.selection.tokens = vec![2];
    assert_eq!(typed(&["--view", "matrix", "--theme=light", "--strongest", "7", "--token", "2"])?, changed);
    // Ways to choose tokens add up, but those that are typed take the place of the file's, which would come first.
    let words = typed(&["--modality", "text"])?.selection.tokens;
    assert!(words.len() > 1 && words.is_sorted(), "{words:?}");
    Ok(())
}

#[test]
fn a_state_file_says_which_key_is_wrong() -> Result {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("view.json");
    let load = |text: &str| -> Result<std::result::Result<ViewState, String>> {
        std::fs::write(&file, text)?;
        Ok(ViewState::load(&file).map_err(|error| format!("{error:#}")))
    };
    let later = load(r#"{"version": 1, "later": [], "options": {"later": 1, "opacity": 0.5}}"#)?;
    assert_eq!(later.map(|state| state.options.opacity), Ok(0.5));
    let before = load(
        r#"{"version": 1, "question": {"statistic": "max", "thumbnails": [16, "mean"], "selection": {"block": 1}}}"#,
    )?;
    let before = before.map(|state| (state.options.statistic, state.options.pooling, state.selection.block));
    assert_eq!(before, Ok(("max".to_owned(), Pooling::Mean, 1)), "version 1 had a question");
    for (text, said) in [
        (r#"{"options": {}}"#, "`version` is missing"),
        (r#"{"version": 9}"#, "`version` is 9, and versions 1 and 2 are read"),
        (r#"{"version": 1, "view": "sound"}"#, "`view` is \"sound\": unknown variant"),
        (r#"{"version": 1, "options": {"opacity": "much"}}"#, "`options.opacity` is \"much\": invalid type"),
        (
            r#"{"version": 1, "question": {"selection": {"layer": "first"}}}"#,
            "`question.selection.layer` is \"first\": unknown variant",
        ),
        ("[1]", "invalid type"),
    ] {
        let message = load(text)?.err().ok_or(text)?;
        assert!(message.contains("view.json is no view state: ") && message.contains(said), "{message}");
    }
    Ok(())
}
