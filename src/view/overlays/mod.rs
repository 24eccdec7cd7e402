//! The selected tokens' attention in every head of the layer, each over a small picture of its own, sorted by how much
//! of it lies on the image.

use std::sync::Arc;

use glam::Vec2;

use crate::analysis::normalize::Normalization;
use crate::analysis::per_head::HeadWeights;
use crate::analysis::sinks::Sinks;
use crate::analysis::{Direction, Selection, WeightKind};
use crate::query::{HeadsApart, Query};
use crate::render::{Align, Pixels, Rect};
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::heading::{begin, note_left_out, without_numbers};
use crate::view::common::patches::Patches;
use crate::view::common::scale::Scale;
use crate::view::common::sides::{
    Sides, decapitalized, head_label, is_signed, largest, layers_line, noun, quantity, sentence, tokens_line,
    uniform_share, veil_colormap, weight_range,
};
use crate::view::common::sketch::Sketch;
use crate::view::common::tiles::{PatchLayer, chosen, layers};
use crate::view::image::{heat_over, veil};
use crate::view::numbers::{block, far_axis};
use crate::view::{Axis, Definition, Inputs, NoNumbers, Numbers, Options, Target, View, caption as caption_of};

/// One picture and its patches.
struct Tile<'a> {
    pixels: &'a Arc<Pixels>,
    patches: Patches,
    /// The same, tile by tile.
    layers: Vec<PatchLayer>,
}

/// One head, its weights and what of them lies on the pictures.
struct Head<'a> {
    head: usize,
    weights: &'a [f32],
    mass: f32,
    largest: f32,
}

const GAP: f32 = 8.0;
/// Between the pictures of one head.
const INNER_GAP: f32 = 2.0;

/// All about this view.
pub(super) const VIEW: Definition =
    Definition { needs, draw, caption: words, needs_for_numbers: |_| Vec::new(), numbers: array };

fn needs(inputs: &Inputs<'_>) -> Vec<Query> {
    if !asked::has_attention(inputs) {
        return Vec::new();
    }
    let sinks = asked::sinks(inputs).map(Query::from);
    [HeadsApart::of(inputs.shown).into()].into_iter().chain(sinks).collect()
}

fn words(inputs: &Inputs<'_>) -> Vec<String> {
    let shown = Selection { weights: inputs.shown.weights.clone(), ..inputs.shown.as_mean() };
    let shown = Inputs { shown: &shown, ..*inputs };
    let mut parts: Vec<String> = caption_of::block(inputs).into_iter().collect();
    parts.extend([format!("{}, every head", layers_line(&shown)), caption_of::of_tokens(&shown)]);
    parts.extend(caption_of::made(inputs));
    parts
}

/// `[head, key]` or `[head, query]`.
fn array(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let block = block(inputs)?;
    let known = inputs.results.get(&HeadsApart::of(inputs.shown));
    let weights = known.ok_or_else(|| NoNumbers::because(inputs, "the heads were not gathered"))?;
    let axes = vec![Axis::counted("head", weights.heads), far_axis(inputs, block)];
    Numbers::new(View::Overlays, inputs, (&inputs.shown.weights.quantity(), ""), axes, weights.values.clone())
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    // The heads are gathered apart, and their weights are means.
    let shown = Selection { weights: inputs.shown.weights.clone(), ..inputs.shown.as_mean() };
    let shown = Inputs { shown: &shown, ..*inputs };
    let place = match shown.shown.layer.one().filter(|_| shown.shown.rollout().is_none()) {
        Some(layer) => format!("every head of layer {}", inputs.layer_number(layer)),
        None => format!("every head, {}", layers_line(&shown)),
    };
    let heading = |_: &Sides<'_>, sketch: &mut Sketch<'_>| {
        let title = format!("{} · {place}", tokens_line(&shown));
        sketch.title(inputs, &title, inputs.document.id.as_deref());
        sketch.subtitle(inputs, &format!("{place} · {}", decapitalized(&tokens_line(&shown))));
    };
    let Some(sides) = begin(inputs, sketch, "Heads on the image", heading) else { return };
    if inputs.shown.weights.is_undivided(inputs.document) {
        let what = noun(inputs);
        return sketch.note(&sentence(&format!("{what} is not divided among heads: the image view shows it")));
    }
    let tiles = tiles(inputs, &sides);
    if tiles.is_empty() {
        let side = sides.far_name(inputs.selection.direction);
        sketch.note(&match inputs.document.images {
            0 => "This trace holds no image.".to_owned(),
            _ => format!("The {side} hold no patch of an image."),
        });
        return;
    }
    let tokens = inputs.document.sequences[sides.far].tokens.len();
    let fits = |weights: &&HeadWeights| weights.heads > 0 && weights.of_head(0).len() == tokens;
    let request = HeadsApart::of(inputs.shown);
    let Some(weights) = inputs.results.get(&request).filter(fits) else {
        let waiting = "The heads' attention is not here yet.".to_owned();
        return sketch.note(&inputs.results.failure(&request).map_or(waiting, sentence));
    };
    note_left_out(sketch, without_numbers(&weights.values, tokens), "heads");
    let left_out = asked::known_sinks(inputs).filter(|_| inputs.shown.sinks.leaves_out());
    let heads = heads(weights, &tiles, &left_out.map(Sinks::tokens).unwrap_or_default());
    let is_relevance = matches!(inputs.shown.weights, WeightKind::Relevance(_));
    let is_own = inputs.options.overlays_own_scale;
    let range = weight_range(inputs, largest(heads.iter().map(|head| head.largest)));
    let label = match is_own {
        true => format!("{}, as a share of its head's largest", noun(&shown)),
        false => quantity(&shown),
    };
    let colormap = veil_colormap(inputs);
    let low = if is_signed(inputs) { -1.0 } else { 0.0 };
    let scale = Scale::plain(colormap, if is_own { [low, 1.0] } else { range }, label);
    let raw = Options { normalization: Normalization::None, ..inputs.options.clone() };
    let uniform = uniform_share(&Inputs { options: &raw, ..shown }, &sides).filter(|_| !is_own);
    let veil = veil(inputs, tiles.iter().map(|tile| &**tile.pixels));
    let scale = Scale { veil: Some(veil), ..scale.with_uniform(uniform) };
    caption(inputs, sketch);
    let wide = sketch.free.size().x > sketch.free.size().y * 1.4;
    let place = if wide { BarSide::Right } else { BarSide::Below };
    let bar = Bar::reserve(sketch, &scale, place, inputs.options.colour_bar);
    let shape: f32 = tiles.iter().map(aspect).sum();
    let Some(cells) = arrange(sketch, heads.len(), shape, INNER_GAP * (tiles.len() as f32 - 1.0)) else {
        sketch.note("There is too little room.");
        return;
    };
    let names = names(inputs, sketch, &heads, cells.first().map_or(0.0, |cell| cell.size().x));
    let mut values = Vec::with_capacity(heads.len());
    for ((head, &cell), name) in heads.iter().zip(&cells).zip(names) {
        let scale = match is_own {
            true => Scale { range: [low, 1.0].map(|end| end * head.largest.max(f32::MIN_POSITIVE)), ..scale.clone() },
            false => scale.clone(),
        };
        pictures(inputs, sketch, &tiles, head, cell, &scale);
        let target = match inputs.selection.layer.one() {
            Some(layer) => Target::Head { layer, head: head.head },
            None => Target::HeadMean { head: head.head },
        };
        frame(inputs, sketch, head, name, cell, target);
        values.push((target, head.mass));
    }
    sketch.say(if is_relevance { "sum over the image" } else { "attention on the image" }, values);
    let content = cells.iter().copied().reduce(|a, b| Rect { min: a.min.min(b.min), max: a.max.max(b.max) });
    sketch.content = content.unwrap_or(sketch.free);
    if let Some(bar) = bar {
        bar.draw(sketch, sketch.content, &[]);
    }
}

fn tiles<'a>(inputs: &Inputs<'a>, sides: &Sides<'_>) -> Vec<Tile<'a>> {
    let tokens = inputs.document.sequences[sides.far].tokens.as_slice();
    let shown = |image: usize| inputs.options.image.is_none_or(|only| only == image);
    let all = inputs.images.iter().enumerate();
    all.filter(|(image, pixels)| shown(*image) && pixels.width > 0 && pixels.height > 0)
        .map(|(image, pixels)| {
            let patches = Patches::find(tokens, image);
            let layers = chosen(layers(&patches), inputs.options.tiles);
            Tile { pixels, patches, layers }
        })
        .filter(|tile| !tile.patches.tokens.is_empty())
        .collect()
}

fn aspect(tile: &Tile<'_>) -> f32 {
    tile.pixels.width as f32 / tile.pixels.height as f32
}

/// All heads, the one with most on the pictures first; those whose weights are no numbers last.
fn heads<'a>(weights: &'a HeadWeights, tiles: &[Tile<'_>], left_out: &[usize]) -> Vec<Head<'a>> {
    let of_head = |head: usize| {
        let weights = weights.of_head(head);
        let patches = tiles.iter().flat_map(|tile| tile.patches.tokens.iter().copied());
        let [mass, largest] = on_image(weights, patches, left_out);
        Head { head, weights, mass, largest }
    };
    let mut heads: Vec<Head<'_>> = (0..weights.heads).map(of_head).collect();
    let key = |head: &Head<'_>| if head.mass.is_nan() { f32::NEG_INFINITY } else { head.mass };
    heads.sort_by(|a, b| key(b).total_cmp(&key(a)));
    heads
}

/// What of a head's weights lies on patches without those that are left out, and the largest on any of them.
pub(in crate::view) fn on_image(
    weights: &[f32],
    patches: impl Iterator<Item = usize> + Clone,
    left_out: &[usize],
) -> [f32; 2] {
    let weights = |token: usize| weights.get(token).copied();
    let counted = patches.clone().filter(|token| !left_out.contains(token)).filter_map(weights);
    [counted.sum(), largest(patches.filter_map(weights))]
}

/// The pictures' places below their names: as many columns as make them largest. `shape` is the pictures' width over
/// their height, `gaps` what lies between them.
fn arrange(sketch: &Sketch<'_>, count: usize, shape: f32, gaps: f32) -> Option<Vec<Rect>> {
    let (room, heading) = (sketch.free, sketch.text.small * 1.5);
    let height = |columns: usize| {
        let rows = count.div_ceil(columns);
        let cell = (room.size() + GAP) / Vec2::new(columns as f32, rows as f32) - GAP;
        ((cell.x - gaps) / shape).min(cell.y - heading)
    };
    let columns = (1..=count).max_by(|&a, &b| height(a).total_cmp(&height(b)))?;
    let height = height(columns);
    if height.is_nan() || height < 8.0 {
        return None;
    }
    let size = Vec2::new(height * shape + gaps, height);
    let step = size + Vec2::new(GAP, GAP + heading);
    let used = step * Vec2::new(columns as f32, count.div_ceil(columns) as f32) - GAP;
    let left = room.min.x + ((room.size().x - used.x) * sketch.before()).max(0.0);
    let place = |index: usize| {
        let min = Vec2::new(left, room.min.y) + step * Vec2::new((index % columns) as f32, (index / columns) as f32);
        Rect::at(min.x, min.y + heading, size.x, size.y)
    };
    Some((0..count).map(place).collect())
}

fn pictures(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    tiles: &[Tile<'_>],
    head: &Head<'_>,
    cell: Rect,
    scale: &Scale,
) {
    let mut left = cell.min.x;
    for tile in tiles {
        let rect = Rect::at(left, cell.min.y, cell.size().y * aspect(tile), cell.size().y);
        heat_over(inputs, sketch, head.weights, (tile.pixels, &tile.layers), rect, scale);
        left = rect.max.x + INNER_GAP;
    }
}

/// Every head's number and mass, all as long as the longest fits.
fn names(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, heads: &[Head<'_>], room: f32) -> Vec<String> {
    let small = sketch.text.small;
    let label = |head: &Head<'_>| inputs.selection.layer.one().and_then(|layer| head_label(inputs, layer, head.head));
    let label = |head: &Head<'_>| label(head).map_or_else(String::new, |label| format!(" ‘{label}’"));
    let mass = |head: &Head<'_>| match head.mass.is_nan() {
        true => format!("–{}", label(head)),
        false => format!("{:.2}{}", head.mass, label(head)),
    };
    let ways: [&dyn Fn(&Head<'_>) -> String; 3] = [
        &|head| format!("head {} · {}", head.head, mass(head)),
        &|head| format!("{} · {}", head.head, mass(head)),
        &|head| head.head.to_string(),
    ];
    let mut fitting = ways.into_iter().map(|way| heads.iter().map(way).collect::<Vec<_>>());
    let fitting = fitting.find(|names| names.iter().all(|name| sketch.width(name, small) <= room));
    fitting.unwrap_or_else(|| vec![String::new(); heads.len()])
}

/// The head's name above its pictures, its zone, and its outline where it is selected or pointed at.
fn frame(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, head: &Head<'_>, name: String, cell: Rect, target: Target) {
    let small = sketch.text.small;
    let is_selected = inputs.selection.head.one() == Some(head.head);
    let color = if is_selected { sketch.palette.selected_text } else { sketch.palette.text };
    sketch.label(Vec2::new(cell.min.x, cell.min.y - small * 0.8), Align::Left, name, small, color);
    if inputs.hover == Some(target) {
        sketch.mark_cell(cell, sketch.palette.hover, 1.0);
    }
    if is_selected {
        sketch.mark_cell(cell, sketch.palette.selected, 2.0);
    }
    sketch.area(Rect { min: cell.min - Vec2::new(0.0, small * 1.5), max: cell.max }, target);
}

fn caption(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    if sketch.free.size().y < 14.0 * sketch.text.small {
        return;
    }
    sketch.foot(match (&inputs.shown.weights, inputs.selection.direction) {
        (WeightKind::Relevance(_), _) => "number: the sum over the image",
        (_, Direction::AttendsTo) => "number: how much of the attention lies on the image",
        (_, Direction::AttendedBy) => "number: the attention of all patches together",
    });
}
