//! Queries and keys of a head in one plane, so that what is near attends; or those of all heads of a layer, a small plane each. Queries
//! are discs, keys rings (AttentionViz, Yeh et al. 2023).

mod panel;

use glam::Vec2;

use crate::analysis::{Pick, Selection, WeightKind};
use crate::query::{JointPlane, QueriesAndKeys, Query, Weights};
use crate::render::{Align, Rect};
use crate::trace::Stored;
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::heading::titled;
use crate::view::common::sides::{Sides, sentence};
use crate::view::common::sketch::Sketch;
use crate::view::embedding::colours::{self, Colours};
use crate::view::embedding::legend;
use crate::view::numbers::names;
use crate::view::{Axis, Definition, Inputs, NoNumbers, Numbers, Target, View, caption};
use panel::Panel;

/// The least side of a small plane, in logical pixels.
const SMALLEST: f32 = 72.0;

/// All about this view.
pub(super) const VIEW: Definition =
    Definition { needs, draw, caption: words, needs_for_numbers: |_| Vec::new(), numbers: array };

/// Which heads are shown.
struct Shown {
    layer: usize,
    heads: Vec<usize>,
}

impl Shown {
    /// The selected head, or all of the layer; of the last layer where no single one is selected. `None` where queries and keys are
    /// not stored.
    fn of(inputs: &Inputs<'_>) -> Option<Self> {
        let block = inputs.document.attention.get(inputs.shown.block)?;
        let layer = inputs.shown.layer.one().unwrap_or(block.layers.saturating_sub(1));
        let all = inputs.heads.get(inputs.shown.block).copied().unwrap_or(0);
        let heads = inputs.shown.head.one().map_or_else(|| (0..all).collect(), |head| vec![head]);
        (matches!(block.stored, Stored::QueriesKeys { .. }) && layer < block.layers).then_some(Self { layer, heads })
    }

    fn request(&self, inputs: &Inputs<'_>, head: usize) -> JointPlane {
        JointPlane::of(inputs.shown.block, self.layer, head, inputs.options.embedding.recipe)
    }

    /// What the selected tokens attend to in the one head that is shown.
    fn selection(&self, inputs: &Inputs<'_>) -> Option<Selection> {
        let &[head] = self.heads.as_slice() else { return None };
        let (layer, head) = (Pick::One(self.layer), Pick::One(head));
        let of_head = || Selection { layer, head, weights: WeightKind::Raw, ..inputs.shown.clone() };
        (asked::has_attention(inputs) && !inputs.shown.tokens.is_empty()).then(of_head)
    }
}

fn needs(inputs: &Inputs<'_>) -> Vec<Query> {
    let Some(shown) = Shown::of(inputs) else { return Vec::new() };
    let planes = shown.heads.iter().map(|&head| Query::from(shown.request(inputs, head)));
    let of_links = shown.selection(inputs).map(|selection| Weights::of(&selection).into());
    of_links.into_iter().chain(planes).chain(colours::needs(inputs)).collect()
}

/// `layer 3 · head 1`.
fn place(inputs: &Inputs<'_>, shown: &Shown) -> String {
    let layer = inputs.layer_number(shown.layer);
    match shown.heads.as_slice() {
        [head] => format!("layer {layer} · head {head}"),
        _ => format!("layer {layer} · every head"),
    }
}

fn words(inputs: &Inputs<'_>) -> Vec<String> {
    let Some(shown) = Shown::of(inputs) else { return Vec::new() };
    let mut parts: Vec<String> = caption::block(inputs).into_iter().collect();
    parts.extend([
        place(inputs, &shown),
        "queries and keys in one plane".to_owned(),
        inputs.options.embedding.recipe.words(),
    ]);
    if let [head] = shown.heads.as_slice()
        && let Some(plane) = inputs.results.get(&shown.request(inputs, *head))
    {
        parts.push(made(plane));
    }
    parts
}

/// How near says attention, and how both were scaled.
fn made(plane: &QueriesAndKeys) -> String {
    match plane.correlation.is_finite() {
        true => format!(
            "distance against q·k: r = {:.2} · queries × {:.2}, keys ÷ {:.2}",
            plane.correlation, plane.scale, plane.scale
        ),
        false => "the products of queries and keys do not vary".to_owned(),
    }
}

/// `[head, point, component]`, the queries before the keys.
fn array(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let shown = Shown::of(inputs).ok_or_else(|| NoNumbers::because(inputs, "this block holds no queries and keys"))?;
    let block = &inputs.document.attention[inputs.shown.block];
    let of_side = |sequence: usize, what: &str| {
        names(inputs, sequence).into_iter().map(|name| format!("{what} {name}")).collect::<Vec<_>>()
    };
    let points = [of_side(block.query, "query"), of_side(block.key, "key")].concat();
    let mut values = Vec::with_capacity(shown.heads.len() * points.len() * 2);
    for &head in &shown.heads {
        let plane = inputs.results.get(&shown.request(inputs, head));
        let plane = plane.ok_or_else(|| NoNumbers::because(inputs, "queries and keys are not here yet"))?;
        values.extend(plane.queries.iter().chain(&plane.keys).flatten());
    }
    let heads = Axis::named("head", shown.heads.iter().map(usize::to_string).collect());
    let axes = vec![heads, Axis::named("point", points), Axis::counted("component", 2)];
    Numbers::new(View::Joint, inputs, ("place of queries and keys", ""), axes, values)
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let shown = Shown::of(inputs);
    let heading = |_: &Sides<'_>, sketch: &mut Sketch<'_>| {
        let place = shown.as_ref().map_or_else(String::new, |shown| place(inputs, shown));
        let what =
            if place.is_empty() { "Queries and keys".to_owned() } else { format!("Queries and keys · {place}") };
        sketch.title(inputs, &what, inputs.document.id.as_deref());
        sketch.subtitle(inputs, &place);
    };
    let Some(sides) = titled(inputs, sketch, "Queries and keys", heading) else { return };
    let Some(shown) = shown else {
        return sketch.note(
            "This block holds attention weights, not the queries and keys that they were made of. `vlscope.record(model, \
             keep=\"queries_keys\")` stores those.",
        );
    };
    let known = |&head: &usize| inputs.results.get(&shown.request(inputs, head)).map(|plane| (head, plane));
    let planes: Vec<(usize, &QueriesAndKeys)> = shown.heads.iter().filter_map(known).collect();
    if planes.is_empty() {
        let failure = shown.heads.iter().find_map(|&head| inputs.results.failure(&shown.request(inputs, head)));
        return sketch.note(&failure.map_or("Queries and keys are not here yet.".to_owned(), sentence));
    }
    let block = &inputs.document.attention[inputs.shown.block];
    let norms = planes.first().map(|(_, plane)| [plane.query_norms.as_slice(), plane.key_norms.as_slice()]);
    let [of_queries, of_keys] = norms.unwrap_or_default();
    let colours = [(block.query, of_queries), (block.key, of_keys)]
        .map(|(sequence, norms)| Colours::of(inputs, sequence, (norms, "norm of queries and keys"), sketch.palette));
    legend(sketch, &colours[0]);
    say(sketch, &planes, &colours[0]);
    let bar = colours[0].scale.as_ref();
    let bar = bar.and_then(|scale| Bar::reserve(sketch, scale, BarSide::Right, inputs.options.colour_bar));
    if sketch.free.size().min_element() < 40.0 {
        return sketch.note("There is too little room.");
    }
    let links = shown.selection(inputs).and_then(|selection| inputs.results.get(&Weights::of(&selection)));
    let of_side = Panel { inputs, sides: &sides, colours: [&colours[0], &colours[1]] };
    match planes.as_slice() {
        [(_, plane)] if shown.heads.len() == 1 => {
            let plot = Rect { max: sketch.free.max - Vec2::new(0.0, sketch.text.small * 1.6), ..sketch.free };
            sketch.content = plot;
            of_side.draw_alone(sketch, plane, links.map_or(&[], Vec::as_slice), plot);
            if let Some(bar) = bar {
                bar.draw(sketch, plot, &[]);
            }
        }
        _ => {
            let room = sketch.free;
            if let Some(bar) = bar {
                bar.draw(sketch, room, &[]);
            }
            lattice(&of_side, sketch, &shown, &planes, room);
        }
    }
}

/// What discs and rings are, how far distance is attention, what the fit could not do.
fn say(sketch: &mut Sketch<'_>, planes: &[(usize, &QueriesAndKeys)], colours: &Colours) {
    let mut words = vec!["● query  ○ key".to_owned()];
    if let [(_, plane)] = planes {
        words.push(made(plane));
    }
    if let Some((_, plane)) = planes.first() {
        words.extend(plane.notes.iter().filter(|_| planes.len() == 1).cloned());
    }
    words.extend(colours.lack.map(str::to_owned));
    let small = sketch.text.small;
    let line = sketch.elide(&words.join(" · "), small, false, sketch.free.size().x);
    sketch.label(sketch.free.min + Vec2::new(0.0, small * 0.6), Align::Left, line, small, sketch.palette.muted);
    sketch.free.min.y += small * 1.8;
}

/// A small plane for each head, named above it; the name selects the head.
fn lattice(panel: &Panel<'_>, sketch: &mut Sketch<'_>, shown: &Shown, planes: &[(usize, &QueriesAndKeys)], room: Rect) {
    let (small, count) = (sketch.text.small, shown.heads.len());
    let name_height = small * 1.5;
    let side = |columns: usize| {
        let rows = count.div_ceil(columns) as f32;
        (room.size().x / columns as f32).min(room.size().y / rows - name_height)
    };
    let columns = (1..=count).max_by(|&a, &b| side(a).total_cmp(&side(b))).unwrap_or(1);
    let step = Vec2::new(
        room.size().x / columns as f32,
        (room.size().y / count.div_ceil(columns) as f32).max(SMALLEST + name_height),
    );
    let mut left_out = 0;
    for (place, &head) in shown.heads.iter().enumerate() {
        let min = room.min + step * Vec2::new((place % columns) as f32, (place / columns) as f32);
        let plot = Rect { min: min + Vec2::new(0.0, name_height), max: min + step - Vec2::splat(4.0) };
        if plot.max.y > room.max.y + 1.0 {
            left_out += 1;
            continue;
        }
        let plane = planes.iter().find(|(known, _)| *known == head).map(|(_, plane)| *plane);
        let r = plane.map(|plane| plane.correlation).filter(|r| r.is_finite());
        let name = r.map_or_else(|| format!("head {head}"), |r| format!("head {head} · r {r:.2}"));
        let name = sketch.elide(&name, small, false, plot.size().x);
        sketch.label(min + Vec2::new(0.0, name_height / 2.0), Align::Left, name, small, sketch.palette.text);
        sketch.area(Rect { min, max: Vec2::new(plot.max.x, plot.min.y) }, Target::Head { layer: shown.layer, head });
        match plane {
            Some(plane) => panel.draw_small(sketch, plane, plot),
            None => sketch.outline(plot, sketch.palette.line, 1.0),
        }
    }
    if left_out > 0 {
        let text = format!("{left_out} heads have no room here: select one, or make the view larger");
        let text = sketch.elide(&text, small, false, room.size().x);
        sketch.label(Vec2::new(room.min.x, room.max.y - small * 0.4), Align::Left, text, small, sketch.palette.muted);
    }
}
