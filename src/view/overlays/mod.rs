//! The selected tokens' attention in every head of the layer, each over a small picture of its own, sorted by how much
//! of it lies on the image.

use std::sync::Arc;

use glam::Vec2;

use crate::analysis::per_head::HeadWeights;
use crate::analysis::{Direction, Selection};
use crate::render::colormap::Colormap;
use crate::render::{Align, Pixels, Rect};
use crate::view::common::canvas::Canvas;
use crate::view::common::colour_bar::{Bar, Place, Scale};
use crate::view::common::patches::Patches;
use crate::view::common::sides::{Sides, largest, layers_line, refused, tokens_line, weight_range};
use crate::view::common::sinks;
use crate::view::common::tiles::{Layer, chosen, layers};
use crate::view::heads::one;
use crate::view::image::heat_over;
use crate::view::{Inputs, Target};

/// One picture and its patches.
struct Tile<'a> {
    pixels: &'a Arc<Pixels>,
    patches: Patches,
    /// The same, tile by tile.
    layers: Vec<Layer>,
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

pub(super) fn draw(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>) {
    let Some(sides) = Sides::of(inputs) else {
        canvas.title(inputs, "Heads on the image", inputs.document.id.as_deref());
        canvas.note("This trace holds no attention.");
        return;
    };
    // The heads are gathered apart, and their weights are means.
    let shown = Selection { rollout: inputs.selection.rollout, ..inputs.selection.as_mean() };
    let shown = Inputs { selection: &shown, ..*inputs };
    let place = match one(shown.selection.layer).filter(|_| shown.selection.rollout.is_none()) {
        Some(layer) => format!("every head of layer {layer}"),
        None => format!("every head, {}", layers_line(&shown)),
    };
    let title = format!("{} · {place}", tokens_line(&shown, &sides));
    canvas.title(inputs, &title, inputs.document.id.as_deref());
    if refused(inputs, canvas) {
        return;
    }
    sinks::note(inputs, canvas, &sides);
    let tiles = tiles(inputs, &sides);
    if tiles.is_empty() {
        let side = sides.far_name(inputs.selection.direction);
        canvas.note(&match inputs.document.images {
            0 => "This trace holds no image.".to_owned(),
            _ => format!("The {side} hold no patch of an image."),
        });
        return;
    }
    let tokens = inputs.document.sequences[sides.far].tokens.len();
    let fits = |weights: &&Arc<HeadWeights>| weights.heads > 0 && weights.of_head(0).len() == tokens;
    let Some(weights) = inputs.evidence.per_head.as_ref().filter(fits) else {
        canvas.note("The heads' attention is not here yet.");
        return;
    };
    let heads = heads(weights, &tiles);
    let is_own = inputs.options.overlays_own_scale;
    let range = weight_range(inputs, largest(heads.iter().map(|head| head.largest)));
    let scale = Scale {
        colormap: inputs.options.colormap.unwrap_or(Colormap::Inferno),
        range: if is_own { [0.0, 1.0] } else { range },
        reversed: false,
        fades: inputs.options.fade,
        label: match (is_own, shown.selection.rollout) {
            (true, _) => "attention, as a share of its head's largest".to_owned(),
            (false, Some(_)) => "attention rollout".to_owned(),
            (false, None) => "attention weight".to_owned(),
        },
    };
    caption(inputs, canvas);
    let wide = canvas.free.size().x > canvas.free.size().y * 1.4;
    let place = if wide { Place::Right } else { Place::Below };
    let bar = Bar::reserve(canvas, &scale, place, inputs.options.colour_bar);
    let shape: f32 = tiles.iter().map(aspect).sum();
    let Some(cells) = arrange(canvas, heads.len(), shape, INNER_GAP * (tiles.len() as f32 - 1.0)) else {
        canvas.note("There is too little room.");
        return;
    };
    let names = names(canvas, &heads, cells.first().map_or(0.0, |cell| cell.size().x));
    let mut values = Vec::with_capacity(heads.len());
    for ((head, &cell), name) in heads.iter().zip(&cells).zip(names) {
        let scale = match is_own {
            true => Scale { range: [0.0, head.largest.max(f32::MIN_POSITIVE)], ..scale.clone() },
            false => scale.clone(),
        };
        pictures(inputs, canvas, &tiles, head, cell, &scale);
        let target = match one(inputs.selection.layer) {
            Some(layer) => Target::Head { layer, head: head.head },
            None => Target::HeadMean { head: head.head },
        };
        frame(inputs, canvas, head, name, cell, target);
        values.push((target, head.mass));
    }
    canvas.say("attention on the image", values);
    let content = cells.iter().copied().reduce(|a, b| Rect { min: a.min.min(b.min), max: a.max.max(b.max) });
    canvas.content = content.unwrap_or(canvas.free);
    if let Some(bar) = bar {
        bar.draw(canvas, canvas.content, &[]);
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
fn heads<'a>(weights: &'a HeadWeights, tiles: &[Tile<'_>]) -> Vec<Head<'a>> {
    let of_head = |head: usize| {
        let weights = weights.of_head(head);
        let patches = tiles.iter().flat_map(|tile| &tile.patches.tokens);
        let on_image: Vec<f32> = patches.filter_map(|&token| weights.get(token).copied()).collect();
        Head { head, weights, mass: on_image.iter().sum(), largest: largest(on_image) }
    };
    let mut heads: Vec<Head<'_>> = (0..weights.heads).map(of_head).collect();
    let key = |head: &Head<'_>| if head.mass.is_nan() { f32::NEG_INFINITY } else { head.mass };
    heads.sort_by(|a, b| key(b).total_cmp(&key(a)));
    heads
}

/// The pictures' places below their names: as many columns as make them largest. `shape` is the pictures' width over
/// their height, `gaps` what lies between them.
fn arrange(canvas: &Canvas<'_>, count: usize, shape: f32, gaps: f32) -> Option<Vec<Rect>> {
    let (room, heading) = (canvas.free, canvas.text.small * 1.5);
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
    let left = room.min.x + ((room.size().x - used.x) / 2.0).max(0.0);
    let place = |index: usize| {
        let min = Vec2::new(left, room.min.y) + step * Vec2::new((index % columns) as f32, (index / columns) as f32);
        Rect::at(min.x, min.y + heading, size.x, size.y)
    };
    Some((0..count).map(place).collect())
}

fn pictures(
    inputs: &Inputs<'_>,
    canvas: &mut Canvas<'_>,
    tiles: &[Tile<'_>],
    head: &Head<'_>,
    cell: Rect,
    scale: &Scale,
) {
    let mut left = cell.min.x;
    for tile in tiles {
        let rect = Rect::at(left, cell.min.y, cell.size().y * aspect(tile), cell.size().y);
        canvas.picture(rect, tile.pixels);
        heat_over(inputs, canvas, head.weights, &tile.layers, rect, scale);
        left = rect.max.x + INNER_GAP;
    }
}

/// Every head's number and mass, all as long as the longest fits.
fn names(canvas: &mut Canvas<'_>, heads: &[Head<'_>], room: f32) -> Vec<String> {
    let small = canvas.text.small;
    let mass = |head: &Head<'_>| if head.mass.is_nan() { "–".to_owned() } else { format!("{:.2}", head.mass) };
    let ways: [&dyn Fn(&Head<'_>) -> String; 3] = [
        &|head| format!("head {} · {}", head.head, mass(head)),
        &|head| format!("{} · {}", head.head, mass(head)),
        &|head| head.head.to_string(),
    ];
    let mut fitting = ways.into_iter().map(|way| heads.iter().map(way).collect::<Vec<_>>());
    let fitting = fitting.find(|names| names.iter().all(|name| canvas.width(name, small) <= room));
    fitting.unwrap_or_else(|| vec![String::new(); heads.len()])
}

/// The head's name above its pictures, its zone, and its outline where it is selected or pointed at.
fn frame(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>, head: &Head<'_>, name: String, cell: Rect, target: Target) {
    let small = canvas.text.small;
    let is_selected = one(inputs.selection.head) == Some(head.head);
    let color = if is_selected { canvas.palette.selected_text } else { canvas.palette.text };
    canvas.label(Vec2::new(cell.min.x, cell.min.y - small * 0.8), Align::Left, name, small, color);
    if inputs.hover == Some(target) {
        canvas.mark_cell(cell, canvas.palette.hover, 1.0);
    }
    if is_selected {
        canvas.mark_cell(cell, canvas.palette.selected, 2.0);
    }
    canvas.area(Rect { min: cell.min - Vec2::new(0.0, small * 1.5), max: cell.max }, target);
}

fn caption(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>) {
    let (small, muted) = (canvas.text.small, canvas.palette.muted);
    if canvas.free.size().y < 14.0 * small {
        return;
    }
    let text = match inputs.selection.direction {
        Direction::AttendsTo => "number: how much of the attention lies on the image",
        Direction::AttendedBy => "number: the attention of all patches together",
    };
    let text = canvas.elide(text, small, false, canvas.free.size().x);
    canvas.label(Vec2::new(canvas.free.min.x, canvas.free.max.y - small * 0.6), Align::Left, text, small, muted);
    canvas.free.max.y -= small * 1.8;
}
