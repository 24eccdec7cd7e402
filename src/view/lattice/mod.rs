//! The selected tokens' attention in every head of every layer, each over a small picture: layers downwards and heads to the right, as
//! in the papers on what the heads of DINO look at (Caron et al. 2021, [arXiv 2104.14294](https://arxiv.org/abs/2104.14294), figure 1).
//! All heat is one heatmap over one matrix, so that a thousand heads are one mark.

mod layout;

use std::sync::Arc;

use glam::Vec2;

use self::layout::Lattice;
use crate::analysis::Direction;
use crate::analysis::WeightKind;
use crate::analysis::normalize::Normalization;
use crate::analysis::per_head::HeadWeights;
use crate::analysis::sinks::Sinks;
use crate::query::{LayerHeads, LayersApart, Query};
use crate::render::{Align, Color, Heatmap, Mark, Picture, Pixels, Rect, Values};
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::heading::{begin, note_left_out};
use crate::view::common::order::{Order, axis_numbers};
use crate::view::common::patches::Patches;
use crate::view::common::scale::Scale;
use crate::view::common::sides::{
    Sides, decapitalized, head_label, is_signed, largest, noun, quantity, sentence, tokens_line, uniform_share,
    veil_colormap, weight_range,
};
use crate::view::common::sketch::{Sketch, within};
use crate::view::common::tiles::{PatchLayer, chosen, layers};
use crate::view::image::{heat_over, veil};
use crate::view::numbers::{block, far_axis};
use crate::view::overlays::on_image;
use crate::view::{Axis, Definition, Inputs, NoNumbers, Numbers, Options, Target, Tiles, View, caption};

/// From so many logical pixels on a picture has room for its name.
const NAMED: f32 = 130.0;
/// Cells a side of a picture whose patches form no grid.
const NO_GRID: usize = 16;

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs: |inputs| {
        let sinks = asked::sinks(inputs).map(Query::from);
        request(inputs).map(Query::from).into_iter().chain(sinks).collect()
    },
    draw,
    caption: words,
    needs_for_numbers: |_| Vec::new(),
    numbers: array,
};

fn request(inputs: &Inputs<'_>) -> Option<LayersApart> {
    let is_of_heads = asked::has_attention(inputs) && !inputs.shown.weights.is_undivided(inputs.document);
    is_of_heads.then(|| LayersApart::of(inputs.shown))
}

fn words(inputs: &Inputs<'_>) -> Vec<String> {
    let shown = inputs.shown.as_mean();
    let shown = Inputs { shown: &shown, ..*inputs };
    let mut parts: Vec<String> = caption::block(inputs).into_iter().collect();
    parts.extend(["every head of every layer".to_owned(), caption::of_tokens(&shown)]);
    parts.extend(caption::made(&shown));
    parts
}

/// `[layer, head, key]` or `[layer, head, query]`; NaN where a layer lacks the head.
fn array(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let far = far_axis(inputs, block(inputs)?);
    let known = request(inputs).and_then(|request| inputs.results.get(&request));
    let known = known.ok_or_else(|| NoNumbers::because(inputs, "the heads were not gathered"))?;
    let heads = most_heads(known);
    let mut values = Vec::with_capacity(known.layers.len() * heads * far.length);
    for layer in &known.layers {
        let before = values.len();
        values.extend(layer.iter().flat_map(|layer| &layer.values));
        values.resize(before + heads * far.length, f32::NAN);
    }
    let numbers = block(inputs)?.numbers.as_deref().unwrap_or(&[]);
    let axes = vec![Axis::layers(known.layers.len(), numbers), Axis::counted("head", heads), far];
    Numbers::new(View::Lattice, inputs, (&inputs.shown.as_mean().weights.quantity(), ""), axes, values)
}

fn most_heads(known: &LayerHeads) -> usize {
    known.layers.iter().flatten().map(|layer| layer.heads).max().unwrap_or(0)
}

/// The picture that all heads are shown on, and its patches.
struct Ground<'a> {
    image: usize,
    pixels: &'a Arc<Pixels>,
    patches: Patches,
    layers: Vec<PatchLayer>,
}

impl<'a> Ground<'a> {
    /// The image that was chosen, or the first with patches. Of tiles that overlap, the overview.
    fn find(inputs: &Inputs<'a>, sides: &Sides<'_>) -> Option<Self> {
        let tokens = &inputs.document.sequences[sides.far].tokens;
        let tiles = if inputs.options.tiles == Tiles::All { Tiles::Coarse } else { inputs.options.tiles };
        let is_shown = |image: usize| inputs.options.image.is_none_or(|only| only == image);
        let all = inputs.images.iter().enumerate();
        all.filter(|(image, pixels)| is_shown(*image) && pixels.width > 0 && pixels.height > 0)
            .map(|(image, pixels)| {
                let patches = Patches::find(tokens, image);
                let layers = chosen(layers(&patches), tiles);
                Self { image, pixels, patches, layers }
            })
            .find(|ground| !ground.patches.tokens.is_empty())
    }

    fn aspect(&self) -> f32 {
        self.pixels.width as f32 / self.pixels.height as f32
    }

    /// The patches, where they are one grid over all of the picture.
    fn grid(&self) -> Option<&PatchLayer> {
        let [layer] = self.layers.as_slice() else { return None };
        let is_whole = layer.area.x0 <= 0.0 && layer.area.y0 <= 0.0 && layer.area.x1 >= 1.0 && layer.area.y1 >= 1.0;
        (is_whole && layer.patches.grid.is_some()).then_some(layer)
    }
}

/// A head, and what of its weights lies on the picture.
struct Head<'a> {
    layer: usize,
    head: usize,
    weights: &'a [f32],
    mass: f32,
    largest: f32,
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let as_mean = inputs.shown.as_mean();
    let shown = Inputs { shown: &as_mean, ..*inputs };
    let request = request(inputs);
    let known = request.as_ref().and_then(|request| inputs.results.get(request));
    let is_part = request.as_ref().is_some_and(|request| inputs.results.is_part(request));
    let heading = |_: &Sides<'_>, sketch: &mut Sketch<'_>| {
        let layers = known.map_or(&[][..], |known| &known.layers);
        let ready = layers.iter().flatten().count();
        let place = match is_part {
            true => format!("{ready} of {} layers", layers.len()),
            false => "every head of every layer".to_owned(),
        };
        let line = tokens_line(&shown);
        sketch.title(inputs, &format!("{line} · {place}"), inputs.document.id.as_deref());
        sketch.subtitle(inputs, &format!("{place} · {}", decapitalized(&line)));
    };
    let Some(sides) = begin(inputs, sketch, "All heads on the image", heading) else { return };
    if inputs.shown.weights.is_undivided(inputs.document) {
        let what = noun(inputs);
        return sketch.note(&sentence(&format!("{what} is not divided among heads: the image view shows it")));
    }
    let Some(ground) = Ground::find(inputs, &sides) else {
        let side = sides.far_name(inputs.selection.direction);
        return sketch.note(&match inputs.document.images {
            0 => "This trace holds no image.".to_owned(),
            _ => format!("The {side} hold no patch of an image."),
        });
    };
    let Some(known) = known.filter(|known| most_heads(known) > 0) else {
        let failure = request.as_ref().and_then(|request| inputs.results.failure(request));
        return sketch.note(&failure.map_or("The heads' attention is not here yet.".to_owned(), sentence));
    };
    let left_out = asked::known_sinks(inputs).filter(|_| inputs.shown.sinks.leaves_out());
    let heads = heads(known, &ground.patches, &left_out.map(Sinks::tokens).unwrap_or_default());
    let without = heads.iter().filter(|head| !head.weights.iter().any(|weight| weight.is_finite())).count();
    note_left_out(sketch, [without, heads.len()], "heads");
    let scale = scale(&shown, &sides, &ground, &heads);
    said_below(inputs, sketch, &ground);
    let wide = sketch.free.size().x > sketch.free.size().y * 1.4;
    let place = if wide { BarSide::Right } else { BarSide::Below };
    let bar = Bar::reserve(sketch, &scale, place, inputs.options.colour_bar);
    let count = [known.layers.len(), most_heads(known)];
    let Some(lattice) = fit(inputs, sketch, count, &ground) else { return sketch.note("There is too little room.") };
    sketch.content = lattice.plot;
    pictures(sketch, &lattice, &ground, &heads);
    heat(inputs, sketch, &lattice, &ground, &heads, &scale);
    axes(inputs, sketch, &lattice);
    frames(inputs, sketch, &lattice, &heads);
    if let Some(bar) = bar {
        bar.draw(sketch, lattice.plot, &[]);
    }
}

fn heads<'a>(known: &'a LayerHeads, patches: &Patches, left_out: &[usize]) -> Vec<Head<'a>> {
    let layers = known.layers.iter().enumerate();
    let known = layers.filter_map(|(layer, weights)| Some((layer, weights.as_deref()?)));
    known
        .flat_map(|(layer, of_layer): (usize, &HeadWeights)| {
            (0..of_layer.heads).map(move |head| (layer, head, of_layer.of_head(head)))
        })
        .map(|(layer, head, weights)| {
            let [mass, largest] = on_image(weights, patches.tokens.iter().copied(), left_out);
            Head { layer, head, weights, mass, largest }
        })
        .collect()
}

/// One for all heads, or a share of each one's own largest.
fn scale(shown: &Inputs<'_>, sides: &Sides<'_>, ground: &Ground<'_>, heads: &[Head<'_>]) -> Scale {
    let veil = Some(veil(shown, std::iter::once(&**ground.pixels)));
    let colormap = veil_colormap(shown);
    let low = if is_signed(shown) { -1.0 } else { 0.0 };
    if shown.options.lattice_own_scale {
        let label = format!("{}, as a share of its head's largest", noun(shown));
        return Scale { veil, ..Scale::plain(colormap, [low, 1.0], label) };
    }
    let range = weight_range(shown, largest(heads.iter().map(|head| head.largest)));
    let raw = Options { normalization: Normalization::None, ..shown.options.clone() };
    let uniform = uniform_share(&Inputs { options: &raw, ..*shown }, sides);
    Scale { veil, ..Scale::plain(colormap, range, quantity(shown)).with_uniform(uniform) }
}

/// The room beside the numbers of layers and heads.
fn fit(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, count: [usize; 2], ground: &Ground<'_>) -> Option<Lattice> {
    let small = sketch.text.small;
    let last = inputs.layer_number(count[0].saturating_sub(1));
    let left = small * 1.5 + sketch.width(&last.to_string(), small) + 6.0;
    let room = Rect { min: sketch.free.min + Vec2::new(left, small * 2.8), max: sketch.free.max };
    let grid = ground.grid().and_then(|layer| layer.patches.grid.as_ref());
    let patches = grid.map_or([NO_GRID; 2], |grid| [grid.rows, grid.columns]);
    Lattice::fit(count, patches, ground.aspect(), room, sketch.before(), inputs.options.lattice_view)
}

/// The picture in grey under each head that is known.
fn pictures(sketch: &mut Sketch<'_>, lattice: &Lattice, ground: &Ground<'_>, heads: &[Head<'_>]) {
    for head in heads {
        let tile = lattice.tile(head.layer, head.head);
        let Some(rect) = lattice.seen(tile) else { continue };
        let part = Rect { min: (rect.min - tile.min) / tile.size(), max: (rect.max - tile.min) / tile.size() };
        let smooth = tile.size().x < ground.pixels.width as f32 * 2.0;
        let pixels = Arc::clone(ground.pixels);
        sketch.marks.push(Mark::Picture(Picture { rect, pixels, part, opacity: 1.0, smooth, grey: true }));
    }
}

fn heat(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    lattice: &Lattice,
    ground: &Ground<'_>,
    heads: &[Head<'_>],
    scale: &Scale,
) {
    let is_own = inputs.options.lattice_own_scale;
    let end = |head: &Head<'_>| if is_own { head.largest.max(f32::MIN_POSITIVE) } else { 1.0 };
    let Some((layer, grid)) = ground.grid().and_then(|layer| Some((layer, layer.patches.grid.as_ref()?))) else {
        // Boxes lie one above the other: each head is drawn alone, where all of it is seen.
        for head in heads {
            let tile = lattice.tile(head.layer, head.head);
            if lattice.plot.shrink(-0.5).contains(tile.min) && lattice.plot.shrink(-0.5).contains(tile.max) {
                let scale = Scale { range: scale.range.map(|value| value * end(head)), ..scale.clone() };
                heat_over(inputs, sketch, head.weights, (ground.pixels, &ground.layers), tile, &scale);
            }
        }
        return;
    };
    let Some((window, rect)) = lattice.window() else { return };
    let [rows, columns] = lattice.cells();
    let mut cells = vec![f32::NAN; rows * columns];
    for head in heads {
        let [first_row, first_column] = lattice.first_cell(head.layer, head.head);
        let of_head = layer.patches.on_grid(grid, head.weights);
        for (row, values) in of_head.chunks_exact(grid.columns).enumerate() {
            let from = (first_row + row) * columns + first_column;
            let places = cells[from..from + grid.columns].iter_mut();
            places.zip(values).for_each(|(cell, value)| *cell = value / end(head));
        }
    }
    sketch.marks.push(Mark::Heatmap(Heatmap {
        rect,
        values: Values::Host(Arc::new(cells)),
        rows: rows as u32,
        columns: columns as u32,
        window,
        range: scale.range,
        colormap: scale.colormap,
        missing: Color::TRANSPARENT,
        opacity: scale.veil.map_or(1.0, |veil| veil.opacity),
        fade: scale.veil.is_some_and(|veil| veil.fades),
        // Between two heads nothing may be blended.
        smooth: false,
    }));
}

/// The numbers of layers and heads beside what is seen of them.
fn axes(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, lattice: &Lattice) {
    let (small, muted, plot) = (sketch.text.small, sketch.palette.muted, lattice.plot);
    let [layers, heads] = lattice.count;
    let (layer, head) = (inputs.selection.layer.one(), inputs.selection.head.one());
    let widest = sketch.width(&heads.saturating_sub(1).to_string(), small) + 5.0;
    for (head, color) in axis_numbers(sketch, &Order::by_number(heads), lattice.step().x, widest, head) {
        let x = lattice.tile(0, head).center().x;
        if (plot.min.x..=plot.max.x).contains(&x) {
            sketch.label(Vec2::new(x, plot.min.y - small * 0.8), Align::Center, head.to_string(), small, color);
        }
    }
    for (layer, color) in axis_numbers(sketch, &Order::by_number(layers), lattice.step().y, small * 1.15, layer) {
        let y = lattice.tile(layer, 0).center().y;
        if (plot.min.y..=plot.max.y).contains(&y) {
            let number = inputs.layer_number(layer).to_string();
            sketch.label(Vec2::new(plot.min.x - 5.0, y), Align::Right, number, small, color);
        }
    }
    sketch.label(Vec2::new(plot.center().x, plot.min.y - small * 2.1), Align::Center, "head", small, muted);
    let numbers = sketch.width(&inputs.layer_number(layers.saturating_sub(1)).to_string(), small);
    let beside = Vec2::new(plot.min.x - 6.0 - numbers - small * 0.8, plot.center().y);
    sketch.upright(beside, Align::Center, "layer", small, muted);
}

/// Zones; names where there is room; strokes over heads without numbers; outlines of what is selected and pointed at.
fn frames(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, lattice: &Lattice, heads: &[Head<'_>]) {
    let mut values = Vec::with_capacity(heads.len());
    for head in heads {
        let target = Target::Head { layer: head.layer, head: head.head };
        values.push((target, head.mass));
        let Some(rect) = lattice.seen(lattice.tile(head.layer, head.head)) else { continue };
        if head.weights.iter().all(|weight| weight.is_nan()) {
            sketch.outline(rect, sketch.palette.missing_stroke, 1.0);
            sketch.line(rect.min, rect.max, 1.0, sketch.palette.missing_stroke);
        }
        if lattice.tile_size().x >= NAMED {
            name(inputs, sketch, head, rect);
        }
        sketch.area(rect, target);
    }
    let is_relevance = matches!(inputs.shown.weights, WeightKind::Relevance(_));
    sketch.say(if is_relevance { "sum over the image" } else { "attention on the image" }, values);
    let outlined = |target: Option<[usize; 2]>| {
        let [layer, head] = target.filter(|[layer, head]| *layer < lattice.count[0] && *head < lattice.count[1])?;
        lattice.seen(lattice.tile(layer, head))
    };
    let hovered = match inputs.hover {
        Some(Target::Head { layer, head }) => outlined(Some([layer, head])),
        _ => None,
    };
    let selected = inputs.selection.layer.one().zip(inputs.selection.head.one());
    let selected = outlined(selected.map(|(layer, head)| [layer, head]));
    let width = if lattice.tile_size().min_element() < 20.0 { 1.5 } else { 2.0 };
    for (rect, color, width) in [(hovered, sketch.palette.hover, 1.0), (selected, sketch.palette.selected, width)] {
        if let Some(rect) = rect {
            sketch.mark_cell(rect, color, width);
        }
    }
}

/// A head's name and how much of its attention lies on the image, on a plate in the picture's corner.
fn name(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, head: &Head<'_>, rect: Rect) {
    let small = sketch.text.small;
    let mass = if head.mass.is_nan() { "–".to_owned() } else { format!("{:.2}", head.mass) };
    let label = head_label(inputs, head.layer, head.head).map_or_else(String::new, |label| format!(" ‘{label}’"));
    let text = sketch.elide(
        &format!("L{}H{} · {mass}{label}", inputs.layer_number(head.layer), head.head),
        small,
        false,
        rect.size().x - 6.0,
    );
    let plate = Vec2::new(sketch.width(&text, small) + 6.0, small * 1.4);
    if text.is_empty() || plate.y > rect.size().y {
        return;
    }
    let place = within(Rect { min: rect.min, max: rect.min + plate }, rect);
    sketch.fill(place, sketch.palette.background.with_opacity(0.8));
    sketch.label(Vec2::new(place.min.x + 3.0, place.center().y), Align::Left, text, small, sketch.palette.text);
}

/// A line below: which of several images it is, and what tips say.
fn said_below(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, ground: &Ground<'_>) {
    if sketch.free.size().y < 14.0 * sketch.text.small || inputs.document.images < 2 {
        return;
    }
    let side = if inputs.selection.direction == Direction::AttendsTo { "keys" } else { "queries" };
    sketch.foot(&format!("{side} on image {} of {}", ground.image, inputs.document.images));
}
