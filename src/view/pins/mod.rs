//! Pinned heads, layers, tokens or kinds of weights beside each other on one scale, with what is selected where that is another, and
//! what of each is more, or less, than in the first one: as pictures, as words or as matrices.
//!
//! Each is drawn by its own view into a part of the sketch, as two traces are ([`compare`](super::compare)). Two stand beside their
//! difference; of several, each stands above its own.

mod columns;
mod numbers;

use glam::Vec2;

use self::columns::{Column, columns, title};
use crate::query::{Query, RectangleCells};
use crate::render::Rect;
use crate::render::colormap::Colormap;
use crate::view::common::asked;
use crate::view::common::scale::Scale;
use crate::view::common::sides::{Sides, is_signed, uniform_share, weight_label};
use crate::view::common::sketch::Sketch;
use crate::view::common::tip::{KnownCells, Pinned, PinnedWeights, number};
use crate::view::compare::difference::{self, Difference, Names};
use crate::view::compare::thirds::{Bars, GAP, thirds};
use crate::view::compare::{CompareView, heading};
use crate::view::{Definition, HeadsOrder, Inputs, Options, PinnedView, Target, caption, image, matrix, text};

const HOW_TO_PIN: &str = "Nothing is pinned. P pins what is selected, with its tokens; Shift+P, or a head that is dragged to the \
                          lower edge of the window, pins a head alone. What is selected then stands beside the pins.";

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs: |inputs| each(inputs, needs_of),
    draw,
    caption: |inputs| {
        let columns = columns(inputs);
        let all = columns.iter().map(|column| caption::weights(&column.inputs(inputs, inputs.options)).join(", "));
        all.collect()
    },
    needs_for_numbers: |inputs| each(inputs, numbers::needs_of),
    numbers: numbers::array,
};

fn needs_of(inputs: &Inputs<'_>) -> Vec<Query> {
    match inputs.options.pins_as {
        PinnedView::Image | PinnedView::Text => asked::of_selection(inputs),
        PinnedView::Matrix => matrix::needs(inputs),
    }
}

fn each(inputs: &Inputs<'_>, needs: fn(&Inputs<'_>) -> Vec<Query>) -> Vec<Query> {
    columns(inputs).iter().flat_map(|column| needs(&column.inputs(inputs, inputs.options))).collect()
}

/// What each pin is called, told from the others.
pub fn names(inputs: &Inputs<'_>) -> Vec<String> {
    columns::names_of_pins(inputs)
}

/// What a column has more, or less, than the first one.
enum Found {
    Tokens(Box<Difference>),
    Matrix(RectangleCells),
    Nothing(&'static str),
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let columns = columns(inputs);
    let title = title(inputs, &columns);
    sketch.title(inputs, &title, inputs.document.id.as_deref());
    sketch.subtitle(inputs, &title);
    if inputs.document.attention.is_empty() {
        return sketch.note("This trace holds no attention.");
    }
    if columns.is_empty() {
        return sketch.note(HOW_TO_PIN);
    }
    sketch.is_part = true;
    let plain = Options {
        title: false,
        colour_bar: false,
        caption: None,
        heads_order: HeadsOrder::Number,
        ..inputs.options.clone()
    };
    let whole = sketch.free;
    let shared = shared_scale(inputs, &columns, &plain);
    let mut found: Vec<(Names, Found)> =
        columns.iter().skip(1).map(|column| difference_of(inputs, &columns[0], column, &plain)).collect();
    let difference = share_scale(inputs, &mut found);
    let bars = Bars::reserve(sketch, inputs.options, [shared.as_ref(), difference.as_ref()]);
    let room = Rect { max: Vec2::new(whole.max.x, bars.top), ..whole };
    let places = places(columns.len(), inputs.options.pins_as, room);
    if places.iter().flatten().flatten().any(|place| place.size().min_element() < 24.0) {
        sketch.free = whole;
        return sketch.note("There is too little room.");
    }

    let range = shared.as_ref().map(|shared| shared.range);
    let mut pinned = Vec::new();
    let mut rows_beyond: f32 = 0.0;
    for (column, place) in columns.iter().zip(&places) {
        let options = Options { range, colormap: colormap_of(inputs, &columns, column), ..plain.clone() };
        let of_column = column.inputs(inputs, &options);
        let Some(room) = place[0] else { continue };
        sketch.free = room;
        head(sketch, column, columns.len());
        match inputs.options.pins_as {
            PinnedView::Image => image::draw(&of_column, sketch),
            PinnedView::Text => text::draw_chips(&of_column, sketch, shared.as_ref()),
            PinnedView::Matrix => matrix::draw(&of_column, sketch),
        }
        rows_beyond = rows_beyond.max(sketch.rows_beyond);
        pinned.push(said(&of_column, column, sketch.cells.take()));
    }
    for ((column, place), (names, found)) in columns.iter().zip(&places).skip(1).zip(&found) {
        let Some(room) = place[1] else { continue };
        sketch.free = room;
        let of_column = column.inputs(inputs, &plain);
        heading::bold(sketch, &format!("{} − {}", names.a, names.b));
        let notes = if let Found::Tokens(difference) = found { difference.notes.join("; ") } else { String::new() };
        let (small, muted) = (sketch.text.small, sketch.palette.muted);
        heading::line(sketch, &notes, small, muted);
        match (found, &difference) {
            (Found::Tokens(difference), _) => difference.draw(&of_column, sketch),
            (Found::Matrix(cells), Some(scale)) => matrix::draw_difference(&of_column, sketch, cells, scale),
            (Found::Matrix(_), None) => {}
            (Found::Nothing(why), _) => sketch.note(why),
        }
        rows_beyond = rows_beyond.max(sketch.rows_beyond);
    }
    sketch.rows_beyond = rows_beyond;
    (sketch.said, sketch.grid, sketch.cells) = (None, None, None);
    sketch.content = whole;
    bars.draw(sketch);
    sketch.bar = None;
    sketch.pinned = Some(Pinned { unit: shared.map(|shared| shared.label).unwrap_or_default(), pins: pinned });
}

/// The name of a column; a click on it selects a pin.
fn head(sketch: &mut Sketch<'_>, column: &Column, count: usize) {
    let top = sketch.free;
    heading::bold(sketch, &column.name);
    let says = match column.pin {
        None => "selected".to_owned(),
        Some(_) if count == 1 => "pinned: select another head, layer or token to compare it with".to_owned(),
        Some(0) => "pin 1, the reference".to_owned(),
        Some(pin) => format!("pin {}", pin + 1),
    };
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    heading::line(sketch, &says, small, muted);
    if let Some(pin) = column.pin {
        sketch.area(Rect { max: Vec2::new(top.max.x, sketch.free.min.y), ..top }, Target::Pin { pin });
    }
}

/// For tips.
fn said(inputs: &Inputs<'_>, column: &Column, cells: Option<KnownCells>) -> PinnedWeights {
    let sides = Sides::of(inputs);
    PinnedWeights {
        name: column.name.clone(),
        direction: column.selection.direction,
        far: sides.map_or(usize::MAX, |sides| sides.far),
        weights: sides.map_or_else(Vec::new, |sides| sides.shown.to_vec()),
        cells,
    }
}

fn scale_of(inputs: &Inputs<'_>) -> Option<Scale> {
    match inputs.options.pins_as {
        PinnedView::Image => image::scale_of(inputs),
        PinnedView::Text => text::scale_of(inputs),
        PinnedView::Matrix => matrix::scale_of(inputs),
    }
}

/// One scale for all, from the smallest end to the largest; `None` if none has numbers.
fn shared_scale(inputs: &Inputs<'_>, columns: &[Column], options: &Options) -> Option<Scale> {
    let scales = columns.iter().filter_map(|column| {
        let options = Options { colormap: colormap_of(inputs, columns, column), ..options.clone() };
        scale_of(&column.inputs(inputs, &options))
    });
    let shared = scales.reduce(|one, other| {
        let range = [one.range[0].min(other.range[0]), one.range[1].max(other.range[1])];
        Scale { range, ..one }
    })?;
    let [low, high] = shared.range;
    // Both sides of 0 alike.
    let range = if shared.colormap.is_diverging() { [low.min(-high), high.max(-low)] } else { shared.range };
    let of_columns = || columns.iter().map(|column| column.inputs(inputs, options));
    let mut quantities: Vec<String> = of_columns().map(|inputs| weight_label(&inputs)).collect();
    quantities.dedup();
    let mut label = quantities.join(", ");
    let peak = of_columns().filter_map(|inputs| matrix::peak(&inputs)).fold(0.0, f32::max);
    let is_matrix = inputs.options.pins_as == PinnedView::Matrix;
    if is_matrix && peak > range[1] * 1.0001 {
        label = format!("{label} (up to {})", number(peak));
    }
    let uniform = |inputs: &Inputs<'_>| Sides::of(inputs).and_then(|sides| uniform_share(inputs, &sides));
    let mut uniforms = of_columns().map(|inputs| uniform(&inputs));
    let first = uniforms.next().flatten().filter(|_| !is_matrix);
    let uniform = first.filter(|first| uniforms.all(|other| other.as_ref() == Some(first)));
    Some(Scale { range, label, uniform: None, ..shared }.with_uniform(uniform))
}

/// Where one of them has a sign all are coloured as it is.
fn colormap_of(inputs: &Inputs<'_>, columns: &[Column], column: &Column) -> Option<Colormap> {
    let is_signed = |column: &Column| is_signed(&column.inputs(inputs, inputs.options));
    match columns.iter().any(is_signed) && !is_signed(column) {
        true if inputs.options.pins_as == PinnedView::Image && inputs.options.fade => Some(Colormap::RedBlueVeil),
        true => Some(Colormap::RedBlue),
        false => inputs.options.colormap,
    }
}

fn difference_of(inputs: &Inputs<'_>, first: &Column, other: &Column, options: &Options) -> (Names, Found) {
    let names = Names { a: other.name.clone(), b: first.name.clone(), ground: "over the picture in grey".to_owned() };
    let (a, b) = (other.inputs(inputs, options), first.inputs(inputs, options));
    let found = match inputs.options.pins_as {
        PinnedView::Image => Found::Tokens(Box::new(Difference::of(CompareView::Image, &a, &b, &names))),
        PinnedView::Text => Found::Tokens(Box::new(Difference::of(CompareView::Text, &a, &b, &names))),
        PinnedView::Matrix => matrix::difference(&a, &b).map_or_else(Found::Nothing, Found::Matrix),
    };
    (names, found)
}

/// Lets all differences have one scale, which is returned.
fn share_scale(inputs: &Inputs<'_>, found: &mut [(Names, Found)]) -> Option<Scale> {
    let far = |found: &Found| match found {
        Found::Tokens(difference) => difference.scale.as_ref().map(|scale| scale.range[1]),
        Found::Matrix(cells) => Some(cells.usual_maximum.max(cells.maximum / 20.0)),
        Found::Nothing(_) => None,
    };
    let furthest = found.iter().filter_map(|(_, found)| far(found)).reduce(f32::max)?;
    let (unit, first) = (weight_label(inputs), found[0].0.b.clone());
    let a = if found.len() == 1 { found[0].0.a.clone() } else { "each".to_owned() };
    let names = Names { a, b: first, ground: String::new() };
    let shared = difference::scale(furthest, &unit, &names);
    for (_, found) in found {
        if let Found::Tokens(difference) = found
            && difference.scale.is_some()
        {
            difference.scale = Some(shared.clone());
        }
    }
    Some(shared)
}

/// Where each column lies, and its difference from the first.
fn places(count: usize, shown: PinnedView, room: Rect) -> Vec<[Option<Rect>; 2]> {
    match count {
        1 => return vec![[Some(room), None]],
        2 => {
            let [first, second, difference] = thirds(room);
            return vec![[Some(first), None], [Some(second), Some(difference)]];
        }
        _ => {}
    }
    // As wide as it is high, or words in lines.
    let aspect = if shown == PinnedView::Text { 2.0 } else { 1.0 };
    let cell = |columns: usize| {
        let rows = 2 * count.div_ceil(columns);
        (room.size() + GAP) / Vec2::new(columns as f32, rows as f32) - GAP
    };
    let size = |columns: usize| (cell(columns).x / aspect).min(cell(columns).y - 40.0);
    let columns = (1..=count).max_by(|&a, &b| size(a).total_cmp(&size(b))).unwrap_or(count);
    let cell = cell(columns);
    let place = |column: usize, row: usize| {
        let min = room.min + (cell + GAP) * Vec2::new(column as f32, row as f32);
        Rect { min, max: min + cell }
    };
    let of_column = |index: usize| {
        let (column, row) = (index % columns, 2 * (index / columns));
        [Some(place(column, row)), (index > 0).then(|| place(column, row + 1))]
    };
    (0..count).map(of_column).collect()
}
