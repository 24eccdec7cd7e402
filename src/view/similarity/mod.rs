//! States × states: how alike the hidden states of the layers are, by linear CKA. State 0 is the embedding.

use glam::Vec2;

use crate::analysis::similarity::Similarity;
use crate::query::Query;
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Rect};
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::scale::{Scale, tick_text};
use crate::view::common::sketch::Sketch;
use crate::view::common::theme::ink_on;
use crate::view::{Axis, Definition, Inputs, NoNumbers, Numbers, Target, View};

/// The largest side of a cell, in logical pixels.
const LARGEST_CELL: f32 = 96.0;

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs: |inputs| asked::similarity(inputs).map(Query::from).into_iter().collect(),
    draw,
    caption: words,
    needs_for_numbers: |_| Vec::new(),
    numbers: array,
};

/// The similarities, if they are known.
fn known<'a>(inputs: &Inputs<'a>) -> Option<&'a Similarity> {
    let all = inputs.results.get(&asked::similarity(inputs)?)?;
    (all.states > 0 && all.values.len() == all.states * all.states).then_some(all)
}

/// The name of the sequence whose states are compared.
fn sequence_name<'a>(inputs: &Inputs<'a>) -> Option<&'a str> {
    let hidden = inputs.document.hidden.get(asked::similarity(inputs)?.hidden())?;
    inputs.document.sequences.get(hidden.sequence).map(|sequence| sequence.name.as_str())
}

fn words(inputs: &Inputs<'_>) -> Vec<String> {
    let Some(similarity) = known(inputs) else { return Vec::new() };
    let of = sequence_name(inputs).map_or(String::new(), |name| format!(" of {name}"));
    let method = match similarity.every {
        0 | 1 => "linear CKA".to_owned(),
        every => format!("linear CKA of one token in {every}"),
    };
    vec![format!("hidden states{of}"), format!("{} states", similarity.states), method]
}

/// `[state, other state]`.
fn array(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let all = known(inputs).ok_or_else(|| NoNumbers::because(inputs, "this trace holds no hidden states"))?;
    let axes = vec![Axis::counted("state", all.states), Axis::counted("other state", all.states)];
    Numbers::new(View::Similarity, inputs, ("linear CKA", ""), axes, all.values.clone())
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let name = sequence_name(inputs);
    let title = name.map_or("Similarity of states".to_owned(), |name| format!("Similarity of the states of {name}"));
    sketch.title(inputs, &title, inputs.document.id.as_deref());
    let Some(similarity) = known(inputs) else {
        sketch.note(match inputs.document.hidden.is_empty() {
            true => "This trace holds no hidden states.",
            false => "The states are not compared yet.",
        });
        return;
    };
    let count = similarity.states;
    let least = similarity.values.iter().copied().filter(|value| value.is_finite()).fold(1.0, f32::min);
    // Neighbouring layers are alike: from 0 on, most cells would have one colour.
    let low = if least > 0.5 { (least * 10.0).floor() / 10.0 } else { 0.0 };
    let label = match similarity.every {
        0 | 1 => "linear CKA".to_owned(),
        every => format!("linear CKA, of one token in {every}"),
    };
    let colormap = inputs.options.colormap.unwrap_or(Colormap::Viridis);
    let scale = Scale::plain(colormap, [low.min(0.9), 1.0], label);
    let bar = Bar::reserve(sketch, &scale, BarSide::Right, inputs.options.colour_bar);
    let small = sketch.text.small;
    if similarity.values.iter().any(|value| value.is_nan()) && sketch.free.size().y > small * 10.0 {
        let why = "grey: a state that is NaN or infinite, or the same for all tokens, compares with none";
        let why = sketch.elide(why, small, false, sketch.free.size().x);
        sketch.label(sketch.free.min + Vec2::new(0.0, small * 0.6), Align::Left, why, small, sketch.palette.muted);
        sketch.free.min.y += small * 1.7;
    }
    let [left, below] = [sketch.width(&count.to_string(), small) + small * 1.8 + 4.0, small * 2.8];
    let room = sketch.free.size() - Vec2::new(left, below);
    let cell = (room.min_element() / count as f32).min(LARGEST_CELL);
    if cell < 1.0 {
        sketch.note("There is too little room.");
        return;
    }
    let side = cell * count as f32;
    let x = sketch.free.min.x + left + ((room.x - side) * sketch.before()).max(0.0);
    let grid = Rect::at(x, sketch.free.min.y, side, side);
    sketch.content = grid;
    let shown = shown_state(inputs);
    let with_numbers = cell >= sketch.width("0.00", small) + 5.0;
    for state in 0..count {
        for with in 0..count {
            let rect = Rect::at(grid.min.x + cell * with as f32, grid.min.y + cell * state as f32, cell, cell);
            let value = similarity.values[state * count + with];
            let inner = rect.shrink(if cell >= 5.0 { 0.5 } else { 0.0 });
            match scale.color(value) {
                Some(fill) => {
                    sketch.fill(inner, fill);
                    if with_numbers {
                        let text = tick_text(value, 2);
                        sketch.label(rect.center(), Align::Center, text, small, ink_on(fill));
                    }
                }
                None => sketch.fill(inner, sketch.palette.missing),
            }
            sketch.area(rect, Target::State { state, with });
        }
    }
    numbers(sketch, grid, cell, count, shown);
    mark(inputs, sketch, grid, cell, count, shown);
    if let Some(bar) = bar {
        bar.draw(sketch, grid, &[]);
    }
}

/// The state that the hidden states view shows.
fn shown_state(inputs: &Inputs<'_>) -> Option<usize> {
    asked::state(inputs).map(|(_, state)| state)
}

fn numbers(sketch: &mut Sketch<'_>, grid: Rect, cell: f32, count: usize, shown: Option<usize>) {
    let (small, palette) = (sketch.text.small, sketch.palette);
    let needed = sketch.width(&count.to_string(), small).max(small) + 4.0;
    let every = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|&every| every as f32 * cell >= needed).unwrap_or(200);
    let hidden =
        |state: usize| shown.is_some_and(|shown| shown != state && (shown.abs_diff(state) as f32) * cell < needed);
    for state in (0..count).filter(|&state| shown == Some(state) || (state % every == 0 && !hidden(state))) {
        let color = if shown == Some(state) { palette.selected_text } else { palette.muted };
        let middle = cell * (state as f32 + 0.5);
        let beside = Vec2::new(grid.min.x - 5.0, grid.min.y + middle);
        sketch.label(beside, Align::Right, state.to_string(), small, color);
        let under = Vec2::new(grid.min.x + middle, grid.max.y + small * 0.9);
        sketch.label(under, Align::Center, state.to_string(), small, color);
    }
    if grid.size().x >= sketch.width("state", small) {
        let under = Vec2::new(grid.center().x, grid.max.y + small * 2.2);
        sketch.label(under, Align::Center, "state", small, palette.muted);
        let width = sketch.width(&count.to_string(), small);
        let beside = Vec2::new(grid.min.x - 5.0 - width - small * 0.9, grid.center().y);
        sketch.upright(beside, Align::Center, "state", small, palette.muted);
    }
}

/// The shown state's row, and the cell under the pointer.
fn mark(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, grid: Rect, cell: f32, count: usize, shown: Option<usize>) {
    let at = |state: usize, with: usize| {
        Rect::at(grid.min.x + cell * with as f32, grid.min.y + cell * state as f32, cell, cell)
    };
    if let Some(shown) = shown.filter(|&shown| shown < count) {
        let row = Rect { min: at(shown, 0).min, max: at(shown, count - 1).max };
        sketch.mark_cell(row, sketch.palette.selected, if cell < 14.0 { 1.5 } else { 2.0 });
    }
    if let Some(Target::State { state, with }) = inputs.hover
        && state < count
        && with < count
    {
        sketch.mark_cell(at(state, with).shrink(2.0), Color::hex(0xffffff), 1.0);
    }
}
