//! The matrices of all heads at once, layers downwards and heads to the right: one heatmap over one matrix that holds
//! all tiles, so that a thousand heads are one mark and one draw call.

use glam::Vec2;

use crate::analysis::WeightKind;
use crate::analysis::pool::Pooling;
use crate::query::{AttentionGrid, AttentionTiles, Query};
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Heatmap, Mark, Rect, Values};
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::order::{Order, axis_numbers};
use crate::view::common::scale::Scale;
use crate::view::common::sides::{largest, sentence, share_range};
use crate::view::common::sketch::Sketch;
use crate::view::{Axis, Definition, Inputs, NoNumbers, Numbers, Target, View, caption};

/// Cells a side that a tile may have: steps, so that a panel that is being resized asks rarely for new tiles.
const SIDES: [usize; 10] = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96];
/// Cells of all tiles together, at most: 16 MiB.
const MOST_CELLS: usize = 4 << 20;
/// The largest side of a tile, in logical pixels.
const LARGEST_TILE: f32 = 280.0;

/// Cells a side for tiles of a drawing of that size: as many as there are pixels for.
fn side(layers: usize, heads: usize, size: Vec2) -> usize {
    let count = Vec2::new(heads.max(1) as f32, layers.max(1) as f32);
    let tile = ((size - Vec2::splat(60.0)) / count).min_element();
    let fits = |side: &&usize| {
        (**side + AttentionTiles::gap_of(**side)) as f32 <= tile
            && layers * heads * (**side + AttentionTiles::gap_of(**side)).pow(2) <= MOST_CELLS
    };
    SIDES.iter().rev().find(fits).copied().unwrap_or(SIDES[0])
}

struct AtlasLayout {
    /// Of all tiles.
    grid: Rect,
    /// Of a tile, and from one to the next.
    tile: Vec2,
    step: Vec2,
}

impl AtlasLayout {
    fn tile(&self, layer: usize, head: usize) -> Rect {
        let min = self.grid.min + self.step * Vec2::new(head as f32, layer as f32);
        Rect { min, max: min + self.tile }
    }
}

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs: |inputs| request(inputs).map(Query::from).into_iter().collect(),
    draw,
    caption: words,
    needs_for_numbers: |_| Vec::new(),
    numbers: array,
};

/// As many cells as there are pixels for.
fn request(inputs: &Inputs<'_>) -> Option<AttentionGrid> {
    let block = inputs.document.attention.get(inputs.shown.block)?;
    let most_heads = inputs.heads.get(inputs.shown.block).copied().unwrap_or(1);
    let side = side(block.layers, most_heads, inputs.size);
    Some(AttentionGrid::of(inputs.shown.block, side, inputs.options.pooling).of_weights(&inputs.shown.weights))
}

fn words(inputs: &Inputs<'_>) -> Vec<String> {
    let mut parts: Vec<String> = caption::block(inputs).into_iter().collect();
    parts.push("the matrices of all heads".to_owned());
    let of = match inputs.shown.weights.of_attention() {
        WeightKind::NormWeighted => "norm-weighted attention",
        _ => "weights",
    };
    parts.push(format!("a cell is the {} of its {of}", inputs.options.pooling.label()));
    parts
}

/// `[layer, head]`, the largest pooled weight.
fn array(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let known = request(inputs).and_then(|request| inputs.results.get(&request));
    let thumbnails = known.ok_or_else(|| NoNumbers::because(inputs, "the heads were not pooled"))?;
    let numbers = inputs.document.attention.get(inputs.shown.block).and_then(|block| block.numbers.as_deref());
    let layers = Axis::layers(thumbnails.layers, numbers.unwrap_or(&[]));
    let axes = vec![layers, Axis::counted("head", thumbnails.heads)];
    let maxima = thumbnails.maxima.iter().map(|largest| largest.unwrap_or(f32::NAN)).collect();
    Numbers::new(
        View::Thumbnails,
        inputs,
        (&format!("largest pooled {}", inputs.shown.weights.of_attention().quantity()), ""),
        axes,
        maxima,
    )
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let block = inputs.document.attention.get(inputs.shown.block);
    let name = block.filter(|_| inputs.document.attention.len() > 1).map(|block| block.name.as_str());
    let title = name.map_or("All heads".to_owned(), |name| format!("All heads · {name}"));
    sketch.title(inputs, &title, inputs.document.id.as_deref());
    let request = request(inputs);
    let thumbnails = match request.as_ref().and_then(|request| inputs.results.get(request)) {
        Some(thumbnails) if thumbnails.layers * thumbnails.heads * thumbnails.rows * thumbnails.columns > 0 => {
            thumbnails
        }
        Some(_) => return sketch.note("This block has no head to show."),
        None => {
            let failure = request.as_ref().and_then(|request| inputs.results.failure(request));
            return match (failure, &request) {
                (Some(why), _) => sketch.note(&sentence(why)),
                (None, Some(_)) => sketch.note("The heads are not pooled yet."),
                (None, None) => sketch.note("This trace holds no attention."),
            };
        }
    };
    let scale = scale(inputs, thumbnails);
    let wide = sketch.free.size().x > sketch.free.size().y * 1.4;
    let place = if wide { BarSide::Right } else { BarSide::Below };
    let bar = Bar::reserve(sketch, &scale, place, inputs.options.colour_bar);
    let Some(layout) = layout(inputs, sketch, thumbnails) else {
        return sketch.note("There is too little room.");
    };
    sketch.content = layout.grid;
    let [rows, columns] = thumbnails.atlas_size().map(|side| side as u32);
    let is_own = inputs.options.thumbnails_own_scale;
    sketch.marks.push(Mark::Heatmap(Heatmap {
        rect: layout.grid,
        values: Values::Host(if is_own { &thumbnails.own } else { &thumbnails.shared }.clone()),
        rows,
        columns,
        window: Rect::at(0.0, 0.0, columns as f32, rows as f32),
        range: scale.range,
        colormap: scale.colormap,
        missing: sketch.palette.background,
        opacity: 1.0,
        fade: false,
        smooth: false,
    }));
    tiles(sketch, thumbnails, &layout);
    axes(inputs, sketch, thumbnails, &layout);
    marks(inputs, sketch, thumbnails, &layout);
    if let Some(bar) = bar {
        bar.draw(sketch, layout.grid, &[]);
    }
}

fn scale(inputs: &Inputs<'_>, thumbnails: &AttentionTiles) -> Scale {
    let what = match (thumbnails.pooling, inputs.shown.weights.of_attention()) {
        (Pooling::Maximum, WeightKind::NormWeighted) => "largest norm-weighted attention of a cell",
        (Pooling::Maximum, _) => "largest weight of a cell",
        (Pooling::Mean, WeightKind::NormWeighted) => "mean norm-weighted attention of a cell",
        (Pooling::Mean, _) => "mean weight of a cell",
    };
    let largest = largest(thumbnails.maxima.iter().flatten().copied());
    let all = share_range(inputs, largest);
    let (range, label) = match inputs.options.thumbnails_own_scale {
        true => ([0.0, 1.0], format!("{what}, as a share of its head's largest")),
        false => (all, what.to_owned()),
    };
    Scale::plain(inputs.options.colormap.unwrap_or(Colormap::Viridis), range, label)
}

/// `None` if a tile would be smaller than three pixels.
fn layout(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, thumbnails: &AttentionTiles) -> Option<AtlasLayout> {
    let small = sketch.text.small;
    let left = small * 1.5 + sketch.width(&inputs.layer_number(thumbnails.layers - 1).to_string(), small) + 6.0;
    let top = small * 2.8;
    let room = sketch.free.size() - Vec2::new(left, top);
    let [rows, columns] = thumbnails.atlas_size().map(|side| side as f32);
    let tile_cells = Vec2::new(thumbnails.columns as f32, thumbnails.rows as f32);
    // A long and narrow matrix is shown less long.
    let shape = (tile_cells.x / tile_cells.y).clamp(0.5, 2.0);
    let cell_shape = Vec2::new(shape * tile_cells.y / tile_cells.x, 1.0);
    let unit = (room / (Vec2::new(columns, rows) * cell_shape)).min_element();
    let unit = unit.min(LARGEST_TILE / (tile_cells * cell_shape).max_element());
    let cell = cell_shape * unit;
    let tile = tile_cells * cell;
    if tile.is_nan() || tile.min_element() < 3.0 {
        return None;
    }
    let size = Vec2::new(columns, rows) * cell;
    let x = sketch.free.min.x + left + ((room.x - size.x) * sketch.before()).max(0.0);
    let grid = Rect::at(x, sketch.free.min.y + top, size.x, size.y);
    Some(AtlasLayout { grid, tile, step: tile + cell * thumbnails.gap as f32 })
}

/// Zones, and strokes over the tiles whose weights are not all numbers.
fn tiles(sketch: &mut Sketch<'_>, thumbnails: &AttentionTiles, layout: &AtlasLayout) {
    let mut values = Vec::with_capacity(thumbnails.maxima.len());
    for (index, maximum) in thumbnails.maxima.iter().enumerate() {
        let Some(maximum) = *maximum else { continue };
        let (layer, head) = (index / thumbnails.heads, index % thumbnails.heads);
        let (rect, target) = (layout.tile(layer, head), Target::Head { layer, head });
        if maximum.is_nan() {
            let stroke = sketch.palette.missing_stroke;
            sketch.outline(rect, stroke, 1.0);
            sketch.line(rect.min, rect.max, 1.0, stroke);
        }
        sketch.area(rect, target);
        values.push((target, maximum));
    }
    let unit = match thumbnails.pooling {
        Pooling::Maximum => "largest weight",
        Pooling::Mean => "largest mean of a cell",
    };
    sketch.say(unit, values);
}

fn axes(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, thumbnails: &AttentionTiles, layout: &AtlasLayout) {
    let (small, muted, grid) = (sketch.text.small, sketch.palette.muted, layout.grid);
    let (layer, head) = (inputs.selection.layer.one(), inputs.selection.head.one());
    let widest = sketch.width(&(thumbnails.heads - 1).to_string(), small) + 5.0;
    for (head, color) in axis_numbers(sketch, &Order::by_number(thumbnails.heads), layout.step.x, widest, head) {
        let at = Vec2::new(layout.tile(0, head).center().x, grid.min.y - small * 0.8);
        sketch.label(at, Align::Center, head.to_string(), small, color);
    }
    for (layer, color) in axis_numbers(sketch, &Order::by_number(thumbnails.layers), layout.step.y, small * 1.15, layer)
    {
        let at = Vec2::new(grid.min.x - 5.0, layout.tile(layer, 0).center().y);
        sketch.label(at, Align::Right, inputs.layer_number(layer).to_string(), small, color);
    }
    sketch.label(Vec2::new(grid.center().x, grid.min.y - small * 2.1), Align::Center, "head", small, muted);
    let numbers_width = sketch.width(&inputs.layer_number(thumbnails.layers - 1).to_string(), small);
    let beside = Vec2::new(grid.min.x - 6.0 - numbers_width - small * 0.8, grid.center().y);
    sketch.upright(beside, Align::Center, "layer", small, muted);
}

/// Outlines of the selected and the hovered head; of a row or a column where a mean is selected.
fn marks(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, thumbnails: &AttentionTiles, layout: &AtlasLayout) {
    let (layers, heads) = (thumbnails.layers, thumbnails.heads);
    let width = if layout.tile.min_element() < 20.0 { 1.5 } else { 2.0 };
    if let Some(Target::Head { layer, head }) = inputs.hover
        && layer < layers
        && head < heads
    {
        sketch.mark_cell(layout.tile(layer, head), Color::hex(0xffffff), 1.0);
    }
    let span = |from: Rect, to: Rect| Rect { min: from.min, max: to.max };
    let selected = match (inputs.selection.layer.one(), inputs.selection.head.one()) {
        (Some(layer), Some(head)) if layer < layers && head < heads => layout.tile(layer, head),
        (Some(layer), None) if layer < layers => span(layout.tile(layer, 0), layout.tile(layer, heads - 1)),
        (None, Some(head)) if head < heads => span(layout.tile(0, head), layout.tile(layers - 1, head)),
        _ => return,
    };
    sketch.mark_cell(selected, sketch.palette.selected, width);
}
