//! Hundreds of traces at random, with all that a file may hold (ragged heads, NaN, infinities, empty sequences, images of no
//! pixel, boxes of no width), and options, selections and pointers at random: every view is drawn, as SVG and as pixels, and
//! nothing panics or lies at a place that is not finite.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use glam::Vec2;
use serde_json::{Value, json};
use vlscope::analysis::neighbours::Metric;
use vlscope::analysis::normalize::Normalization;
use vlscope::analysis::pool::Pooling;
use vlscope::analysis::projection::{Align, Method, Recipe};
use vlscope::analysis::statistics::Over;
use vlscope::analysis::timeline::TokenGroup;
use vlscope::analysis::{Combine, Direction, Engine, Pick, Rollout, Selection, SinkTreatment, WeightKind};
use vlscope::dataset::notes::HeadLabel;
use vlscope::gpu::AdapterChoice;
use vlscope::headless::Headless;
use vlscope::query::{OpenTrace, Query, Results, Solver};
use vlscope::render::colormap::Colormap;
use vlscope::render::{Drawing, Fonts, Keep, Pixels, Rect, Transform, to_svg};
use vlscope::view::{
    Caption, ColorBy, CompareView, EmbeddingOptions, HeadsOrder, Inputs, LinkColor, MatrixBlock, Options, PinnedView,
    Scene, SizeBy, Target, Theme, Tiles, View, Zone, comparison_needs, draw, draw_comparison, needs_for_numbers,
    numbers_of, partner, summary, summary_needs,
};

use crate::bounds::is_finite;
use crate::traces::{Raw, Tensor};

const CASES: u64 = 160;
/// One view in so many becomes pixels, which takes longest.
const PAINTED: usize = 4;

/// Numbers that look random and are the same each time (Steele, Lea & Flood 2014, SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// From 0 to 1.
    fn share(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    /// A number that one does not reckon with.
    fn odd(&mut self) -> f32 {
        self.of(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-45, 1e-20, 3e38, -1.0, 1.0])
    }
}

const WORDS: [&str; 14] = [
    "[CLS]",
    "<s>",
    "what",
    "▁is",
    "##ing",
    "",
    " ",
    "\n",
    "日本語",
    "שלום",
    "🦀",
    "\u{10FF00}\u{200D}",
    "Ġthe",
    "a word that is much longer than any view of it is wide, and goes on, and on, and on, and then for a while",
];

fn token(dice: &mut Dice, images: usize) -> Value {
    let mut token = match images > 0 && dice.chance(30) {
        true => {
            let area = match dice.below(5) {
                0 => [0.0, 0.0, 1.0, 1.0],
                1 => [0.5, 0.5, 0.5 + 1e-9, 0.5 + 1e-9],
                2 => [0.999_999_9, 0.0, 1.0, 1.0],
                _ => {
                    let (x, y) = (f64::from(dice.share()) * 0.9, f64::from(dice.share()) * 0.9);
                    [x, y, x + 0.01 + f64::from(dice.share()) * 0.09, y + 0.01 + f64::from(dice.share()) * 0.09]
                }
            };
            json!({"image": dice.below(images), "box": area})
        }
        false => json!({"text": dice.of(&WORDS)}),
    };
    if dice.chance(20) {
        token["special"] = json!(true);
    }
    if dice.chance(30) {
        token["segment"] = json!(dice.of(&["generated", "prompt", "answer", ""]));
    }
    token
}

fn tokens(dice: &mut Dice, images: usize) -> Vec<Value> {
    let count = dice.of(&[0, 1, 1, 2, 5, 9, 14]);
    let mut tokens = Vec::new();
    while tokens.len() < count {
        if images > 0 && dice.chance(25) {
            let (image, rows, columns) = (dice.below(images), 1 + dice.below(3), 1 + dice.below(3));
            for cell in 0..rows * columns {
                let edge = |at: usize, of: usize| at as f64 / of as f64;
                let (row, column) = (cell / columns, cell % columns);
                let area = [edge(column, columns), edge(row, rows), edge(column + 1, columns), edge(row + 1, rows)];
                tokens.push(json!({"image": image, "box": area}));
            }
        } else {
            tokens.push(token(dice, images));
        }
    }
    tokens
}

/// Rows that sum to 1, some of them odd.
fn weights(dice: &mut Dice, rows: usize, columns: usize, oddness: usize) -> Vec<f32> {
    let mut weights = Vec::with_capacity(rows * columns);
    for _ in 0..rows {
        let row: Vec<f32> = (0..columns).map(|_| dice.share().powi(3)).collect();
        let sum: f32 = row.iter().sum();
        match dice.chance(oddness) {
            true if dice.chance(50) => weights.extend(vec![dice.odd(); columns]),
            true => weights.extend(row.iter().map(|weight| if dice.chance(30) { dice.odd() } else { weight / sum })),
            false => weights.extend(row.iter().map(|weight| weight / sum)),
        }
    }
    weights
}

fn random_trace(dice: &mut Dice) -> Raw {
    let images = dice.below(3);
    let oddness = dice.of(&[0, 0, 5, 50]);
    let names = &["main", "other"][..1 + dice.below(2)];
    let sequences: Vec<Vec<Value>> = names.iter().map(|_| tokens(dice, images)).collect();
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    let (mut attention, mut metrics, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
    for block in 0..dice.below(3) {
        let (query, key) = (dice.below(names.len()), dice.below(names.len()));
        let layers = 1 + dice.below(3);
        let heads: Vec<usize> = (0..layers).map(|_| dice.of(&[1, 1, 2, 3, 4, 0])).collect();
        for (layer, &heads) in heads.iter().enumerate() {
            let [queries, keys] = [query, key].map(|side| sequences[side].len());
            let values = weights(dice, heads * queries, keys, oddness);
            tensors.push((format!("attention.b{block}.{layer}"), Tensor::f32(&[heads, queries, keys], values)));
        }
        attention.push(json!({
            "name": format!("b{block}"), "query": names[query], "key": names[key], "layers": layers,
            "causal": query == key && dice.chance(50),
        }));
        if dice.chance(30) {
            let most = heads.iter().copied().max().unwrap_or(0);
            let values: Vec<f32> =
                (0..layers * most).map(|_| if dice.chance(20) { dice.odd() } else { dice.share() }).collect();
            tensors.push((format!("head_metric.{}", metrics.len()), Tensor::f32(&[layers, most], values)));
            metrics.push(json!({"name": "metric", "attention": format!("b{block}")}));
        }
    }
    for (name, tokens) in names.iter().zip(&sequences) {
        if dice.chance(40) {
            continue;
        }
        let (states, dim) = (dice.below(4), dice.below(5));
        for state in 0..states {
            let value = |dice: &mut Dice| if dice.chance(oddness / 5) { dice.odd() } else { dice.share() * 4.0 - 2.0 };
            let values: Vec<f32> = (0..tokens.len() * dim).map(|_| value(dice)).collect();
            tensors.push((format!("hidden.{name}.{state}"), Tensor::f32(&[tokens.len(), dim], values)));
        }
        hidden.push(json!({"sequence": name, "states": states}));
    }
    for image in 0..images {
        let [height, width] = [0, 0].map(|_| dice.of(&[1, 1, 2, 7, 40]));
        tensors.push((format!("image.{image}"), Tensor::zeros("U8", &[height, width, 3])));
    }
    let regions = if images > 0 { dice.below(3) } else { 0 };
    let regions: Vec<Value> = (0..regions)
        .map(|_| {
            let [x, y] = [0, 0].map(|_| f64::from(dice.share()) * 0.9);
            json!({"label": dice.of(&WORDS), "image": dice.below(images), "box": [x, y, x + 0.05, y + 0.1]})
        })
        .collect();
    let sequences: serde_json::Map<String, Value> =
        names.iter().zip(sequences).map(|(name, tokens)| ((*name).to_owned(), json!({"tokens": tokens}))).collect();
    let outputs =
        dice.of(&[json!({}), json!({"prediction": "日本", "answer": 1e300, "correct": false}), json!({"correct": 3})]);
    let document = json!({
        "format": 1, "id": dice.of(&[Value::Null, json!(""), json!(WORDS[13])]), "images": images,
        "sequences": sequences, "attention": attention, "hidden": hidden, "regions": regions,
        "head_metrics": metrics, "outputs": outputs,
    });
    Raw { document, tensors }
}

fn random_selection(dice: &mut Dice, open: &OpenTrace) -> Selection {
    let document = open.document();
    let block = dice.below(document.attention.len());
    let direction = dice.of(&[Direction::AttendsTo, Direction::AttendsTo, Direction::AttendedBy]);
    let mut selection = Selection { block, direction, ..Selection::default() };
    if let Some(described) = document.attention.get(block) {
        let layer = dice.below(described.layers);
        let heads = (0..described.layers).map(|layer| open.trace.heads(block, layer)).max().unwrap_or(0);
        selection.layer = dice.of(&[Pick::One(layer), Pick::One(layer), Pick::Mean, Pick::Max]);
        let head = dice.below(heads);
        selection.head = dice.of(&[Pick::One(head), Pick::Mean, Pick::Max]);
        if dice.chance(15) {
            selection.weights = WeightKind::Rollout(Rollout { start: 0, residual_percent: 50 });
        }
    }
    let count = selection.sequence(document).map_or(0, |sequence| document.sequences[sequence].tokens.len());
    selection.tokens = (0..count).filter(|_| dice.chance(20)).collect();
    selection.combine = dice.of(&[Combine::Mean, Combine::Sum, Combine::Max]);
    selection.sinks =
        dice.of(&[SinkTreatment::Show, SinkTreatment::Mark, SinkTreatment::Hide, SinkTreatment::Renormalise]);
    selection
}

fn random_options(dice: &mut Dice) -> Options {
    let range =
        |dice: &mut Dice| dice.of(&[None, None, None, Some([0.3, 0.3]), Some([1.0, 0.0]), Some([0.0, f32::INFINITY])]);
    let window = |dice: &mut Dice| {
        let [x, y] = [0, 0].map(|_| dice.share() * 6.0 - 1.0);
        dice.chance(30).then(|| Rect::at(x, y, dice.share() * 8.0, dice.of(&[0.0, 0.4, 3.0, f32::INFINITY])))
    };
    Options {
        statistic: dice
            .of(&["", "entropy", "distance", "mass.text.image", "vli.image_to_text", "head_metric.metric"])
            .to_owned(),
        to: dice
            .of(&[None, None, Some("0"), Some("0-9"), Some("image"), Some("region:none")])
            .and_then(|to| to.parse().ok()),
        specials: dice.chance(50),
        z_score: dice.of(&[None, Some(Over::Layers), Some(Over::Heads), Some(Over::Everything)]),
        pooling: dice.of(&[Pooling::Maximum, Pooling::Mean]),
        hidden_state: dice.of(&[None, Some(0), Some(9)]),
        normalization: dice.of(&[
            Normalization::None,
            Normalization::MinMax,
            Normalization::RowMaximum,
            Normalization::Percentile(98.0),
            Normalization::Log,
        ]),
        colormap: dice.of(&[None, Some(Colormap::Jet), Some(Colormap::RedBlue)]),
        range: range(dice),
        smooth: dice.chance(50),
        opacity: dice.of(&[0.65, 0.0, 1.0, f32::INFINITY]),
        fade: dice.chance(30),
        contours: dice.chance(30),
        image: dice.of(&[None, None, Some(0), Some(7)]),
        matrix_window: window(dice),
        image_window: dice.of(&[None, Some(Rect::at(0.25, 0.5, 0.5, 0.25))]).or_else(|| window(dice)),
        embedding_view: dice.of(&[
            None,
            Some(Transform { scale: Vec2::splat(3.0), offset: Vec2::splat(-0.5) }),
            Some(Transform { scale: Vec2::ZERO, offset: Vec2::splat(f32::INFINITY) }),
        ]),
        lattice_view: dice.of(&[
            None,
            Some(Transform { scale: Vec2::splat(5.0), offset: Vec2::splat(-1.5) }),
            Some(Transform { scale: Vec2::ZERO, offset: Vec2::splat(f32::NAN) }),
        ]),
        lattice_own_scale: dice.chance(50),
        pins: ["L0H0", "L1Hmean:T0", "B1L0:from", "L0H1:Tall:norm-weighted", "B9L77H3:T100000"]
            .iter()
            .filter(|_| dice.chance(30))
            .filter_map(|pin| pin.parse().ok())
            .collect(),
        pins_as: dice.of(&PinnedView::ALL),
        joint_view: dice.of(&[
            None,
            Some(Transform { scale: Vec2::splat(3.0), offset: Vec2::splat(-0.5) }),
            Some(Transform { scale: Vec2::ZERO, offset: Vec2::splat(f32::INFINITY) }),
        ]),
        links: dice.of(&[Keep::Strongest(200), Keep::Strongest(0), Keep::AtLeast(0.1), Keep::AtLeast(f32::INFINITY)]),
        links_of_selection: dice.chance(30),
        theme: dice.of(&Theme::ALL),
        is_cropped: dice.chance(20),
        font_scale: dice.of(&[1.0, 1.0, 2.0, 0.0, f32::INFINITY, f32::NAN]),
        colour_bar: dice.chance(80),
        title: dice.chance(80),
        heads_order: dice.of(&HeadsOrder::ALL),
        heads_filter: range(dice),
        thumbnails_own_scale: dice.chance(50),
        overlays_own_scale: dice.chance(50),
        lock_scale: dice.chance(20),
        decodes_to: dice.chance(10).then(|| "red".to_owned()),
        tiles: dice.of(&Tiles::ALL),
        join_pieces: dice.chance(40),
        text_scroll: dice.of(&[None, Some(0.0), Some(1e9)]),
        head_labels: dice
            .chance(30)
            .then(|| HeadLabel {
                model: String::new(),
                block: "main".to_owned(),
                layer: 0,
                head: 1,
                label: WORDS[13].to_owned(),
            })
            .into_iter()
            .collect(),
        timeline_group: dice.of(&TokenGroup::ALL),
        matrix_block: dice.of(&MatrixBlock::ALL),
        links_color: dice.of(&[LinkColor::Selection, LinkColor::Head, LinkColor::Direction]),
        links_bundle: dice.chance(30),
        caption: dice.of(&[None, Some(Caption::Auto), Some(Caption::Text(WORDS[13].to_owned()))]),
        embedding: EmbeddingOptions {
            // t-SNE and UMAP are PCA with more steps between, and have tests of their own.
            recipe: Recipe {
                method: Method::Pca,
                align: dice.of(&[Align::None, Align::Shared, Align::Procrustes]),
                seed: 1,
            },
            color_by: dice.of(&ColorBy::ALL),
            size_by: dice.of(&[SizeBy::Equal, SizeBy::Received]),
            trajectories: dice.chance(50),
            pictures: dice.chance(50),
            neighbours: dice.of(&[None, Some(Metric::Cosine), Some(Metric::Euclidean)]),
            lasso: false,
        },
    }
}

/// Whatever may be under the pointer, and what no longer is.
fn random_hover(dice: &mut Dice) -> Option<Target> {
    let [a, b, c] = [0, 0, 0].map(|_| dice.of(&[0, 1, 2, 5, 99]));
    dice.of(&[
        None,
        Some(Target::Head { layer: a, head: b }),
        Some(Target::LayerMean { layer: a }),
        Some(Target::HeadMean { head: a }),
        Some(Target::AllHeads),
        Some(Target::Token { sequence: a, token: b }),
        Some(Target::Cell { query: a, key: b }),
        Some(Target::Output { layer: None, token: b }),
        Some(Target::Output { layer: Some(a), token: b }),
        Some(Target::Pieces { sequence: a, first: b, count: c.max(1) }),
        Some(Target::State { state: a, with: b }),
    ])
}

/// A trace, and what is shown of it.
struct Case {
    open: OpenTrace,
    selection: Selection,
    /// What the numbers are of, such as what the pointer is on.
    shown: Selection,
    options: Options,
    hover: Option<Target>,
    refusal: Option<&'static str>,
    size: Vec2,
    /// How many of a hundred requests are not answered yet.
    waits: usize,
}

impl Case {
    fn of(seed: u64, file: &Path) -> Self {
        let mut dice = Dice(seed);
        random_trace(&mut dice).write(file).unwrap();
        let mut open = OpenTrace::open(file).unwrap();
        // A file holds none without pixels; whoever draws does not rely on it.
        for image in open.images.iter_mut().filter(|_| dice.chance(15)) {
            *image = Arc::new(Pixels { width: 0, height: 3, rgb: Vec::new() });
        }
        let selection = random_selection(&mut dice, &open);
        let preview = random_selection(&mut dice, &open);
        let shown = if dice.chance(30) { preview } else { selection.clone() };
        let options = random_options(&mut dice);
        let hover = random_hover(&mut dice);
        let refusal = dice.chance(5).then_some("layer 9 has no head 7");
        let size = dice.of(&[[1.0, 1.0], [64.0, 48.0], [90.0, 70.0], [120.0, 700.0], [900.0, 90.0], [640.0, 480.0]]);
        let waits = dice.of(&[0, 0, 30]);
        Self { open, selection, shown, options, hover, refusal, size: size.into(), waits }
    }

    fn inputs<'a>(&'a self, results: &'a Results) -> Inputs<'a> {
        let inputs = Inputs::new(&self.open, &self.selection, &self.options, results, self.size);
        Inputs { shown: &self.shown, hover: self.hover, refusal: self.refusal, ..inputs }
    }

    /// The results of what is asked for, failures among them.
    fn answered(&self, solver: &Solver, asked: impl Fn(&Inputs<'_>) -> Vec<Query>) -> Results {
        let mut queries = asked(&self.inputs(&Results::default()));
        let mut dice = Dice(queries.len() as u64);
        queries.retain(|_| !dice.chance(self.waits));
        solver.results(&self.open, &queries, &AtomicBool::new(false)).unwrap()
    }
}

/// Says what was drawn when something panicked.
struct Doing(String);

impl Drop for Doing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it was {}", self.0);
        }
    }
}

/// Marks and zones lie at places, tips have words, and the SVG is one.
fn check(scene: &Scene, hover: Option<Target>, what: &str) {
    check_drawing(&scene.drawing, what);
    let mut targets: Vec<Target> = hover.into_iter().collect();
    for zone in &scene.zones {
        match zone {
            Zone::Area { rect, target } => {
                assert!(rect.min.is_finite() && rect.max.is_finite(), "{what}: {zone:?}");
                targets.push(*target);
            }
            Zone::Cells { rect, .. } => targets.extend(zone.at(rect.center())),
            Zone::Points { clip, .. } => targets.extend(zone.at(clip.center())),
        }
    }
    for target in targets.into_iter().take(200) {
        // Numbers are none; why there is none may be said.
        let tip = scene.tip(target).replace("NaN or infinite", "");
        assert!(!tip.contains("NaN"), "{what}: {tip}");
    }
}

fn check_drawing(drawing: &Drawing, what: &str) {
    for mark in &drawing.marks {
        assert!(is_finite(mark), "{what}: {mark:?}");
    }
    let svg = to_svg(drawing).unwrap();
    let parsed = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{what}: {error}"));
    for attribute in parsed.descendants().flat_map(|node| node.attributes()) {
        let is_number = !matches!(attribute.name(), "href" | "font-family" | "id");
        let is_wrong = is_number && ["NaN", "inf"].iter().any(|not| attribute.value().contains(not));
        assert!(!is_wrong, "{what}: {}=\"{}\"", attribute.name(), attribute.value());
    }
}

#[test]
fn every_view_of_random_traces_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let mut headless = Headless::new(&AdapterChoice::Auto).unwrap();
    let mut fonts = Fonts::new();
    let mut painted = 0;
    let mut before: Option<Case> = None;
    let solver = Solver::new(Engine::cpu());
    for seed in 0..CASES {
        let mut doing = Doing(format!("making trace {seed}"));
        // That of before is still open.
        let case = Case::of(seed, &folder.path().join(format!("{seed}.safetensors")));
        for view in View::all() {
            doing.0 = format!("computing {view} of trace {seed}");
            let results = case.answered(&solver, |inputs| needs_for_numbers(view, inputs));
            let inputs = case.inputs(&results);
            doing.0 = format!("drawing {view} of trace {seed}");
            let scene = draw(view, &inputs, &mut fonts);
            check(&scene, case.hover, &doing.0);
            doing.0 = format!("taking numbers of {view} of trace {seed}");
            _ = numbers_of(view, &inputs);
            painted += 1;
            if painted % PAINTED == 0 {
                doing.0 = format!("painting {view} of trace {seed}");
                headless.draw(&scene.drawing, 1.0).unwrap();
            }
        }
        doing.0 = format!("summing up trace {seed}");
        _ = summary(&case.inputs(&case.answered(&solver, summary_needs)));
        if let Some(mut before) = before {
            before.selection = partner(case.open.document(), &before.open, &case.selection).selection;
            before.shown = before.selection.clone();
            for view in CompareView::ALL {
                doing.0 = format!("comparing {view} of traces {seed} and {}", seed - 1);
                let [a, b] = [&case, &before].map(|of| of.answered(&solver, |inputs| comparison_needs(view, inputs)));
                let scene = draw_comparison(view, &case.inputs(&a), &before.inputs(&b), &mut fonts);
                check(&scene, case.hover, &doing.0);
            }
        }
        before = Some(case);
    }
}
