//! States × tokens: the word that each hidden state decodes to through the model's own head, coloured by its probability, or by that
//! of a word that was typed. Tokens that have no room stand aside for those around the selected one.

use std::ops::Range;

use glam::Vec2;

use crate::query::{Decoded, DecodedState, Query};
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Rect};
use crate::trace::{Modality, WordState};
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::scale::Scale;
use crate::view::common::sides::{is_hovered, is_selected, largest, sentence};
use crate::view::common::sketch::Sketch;
use crate::view::common::theme::ink_on;
use crate::view::common::tip::state_of;
use crate::view::common::words::{token_names, word};
use crate::view::numbers::names;
use crate::view::{Axis, Definition, Inputs, NoNumbers, Numbers, Target, View};

/// The least width of a column, and the largest, in heights of letters.
const WIDTHS: [f32; 2] = [4.6, 10.0];
/// The same of the height of a row.
const HEIGHTS: [f32; 2] = [1.5, 2.6];

/// All about this view.
pub(super) const VIEW: Definition = Definition {
    needs: |inputs| requests(inputs).into_iter().map(Query::from).collect(),
    draw,
    caption,
    needs_for_numbers: |_| Vec::new(),
    numbers,
};

/// Index in [`Document::words`](crate::trace::Document::words): of the selected tokens' sequence, or else the first.
fn shown(inputs: &Inputs<'_>) -> Option<usize> {
    let sequence = inputs.shown.sequence(inputs.document);
    let words = &inputs.document.words;
    let of_sequence = words.iter().position(|words| Some(words.sequence) == sequence);
    of_sequence.or((!words.is_empty()).then_some(0))
}

/// One a state, in their order.
fn requests(inputs: &Inputs<'_>) -> Vec<DecodedState> {
    let Some(index) = shown(inputs) else { return Vec::new() };
    (0..inputs.document.words[index].states.len()).map(|state| DecodedState::at(index, state)).collect()
}

/// `4`, or `output`.
fn state_name(state: WordState) -> String {
    match state {
        WordState::Hidden(state) => state.to_string(),
        WordState::Logits => "output".to_owned(),
    }
}

fn caption(inputs: &Inputs<'_>) -> Vec<String> {
    let Some(index) = shown(inputs) else { return Vec::new() };
    let name = &inputs.document.sequences[inputs.document.words[index].sequence].name;
    vec![format!("what the hidden states of {name} decode to (logit lens)"), quantity(inputs)]
}

/// What the colours say.
fn quantity(inputs: &Inputs<'_>) -> String {
    match asked::wanted_word(inputs) {
        Some(wanted) => format!("probability of “{wanted}”"),
        None => "probability of the first word".to_owned(),
    }
}

/// The probability that a cell is coloured by; NaN where it is not known.
fn value(inputs: &Inputs<'_>, decoded: &Decoded, token: usize) -> f32 {
    let found = match asked::wanted_word(inputs) {
        Some(wanted) => decoded.probability(wanted, token),
        None => decoded.first(token).map(|(_, probability)| probability),
    };
    found.unwrap_or(f32::NAN)
}

/// `[state, token]`, each with the first word.
fn numbers(inputs: &Inputs<'_>) -> Result<Numbers, NoNumbers> {
    let index = shown(inputs).ok_or_else(|| NoNumbers("this trace holds no words of hidden states".to_owned()))?;
    let described = &inputs.document.words[index];
    let tokens = names(inputs, described.sequence);
    let (mut values, mut words) = (Vec::new(), Vec::new());
    for request in requests(inputs) {
        let decoded = inputs.results.get(&request);
        let decoded = decoded.ok_or_else(|| NoNumbers::because(inputs, "the words are not known"))?;
        values.extend((0..tokens.len()).map(|token| value(inputs, decoded, token)));
        let first = |token| decoded.first(token).map_or_else(String::new, |(text, _)| word(text));
        words.extend((0..tokens.len()).map(first));
    }
    let states = described.states.iter().map(|state| state_name(*state)).collect();
    let axes = vec![Axis::named("state", states), Axis::named("token", tokens)];
    Ok(Numbers { words, ..Numbers::new(View::Lens, inputs, (&quantity(inputs), ""), axes, values)? })
}

/// Where the columns and rows lie.
struct Grid {
    rect: Rect,
    tokens: Range<usize>,
    /// Places in the list of states, downwards.
    states: Vec<usize>,
    cell: Vec2,
}

fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
    let Some(index) = shown(inputs) else {
        sketch.title(inputs, "Words of hidden states", inputs.document.id.as_deref());
        sketch.note(
            "This trace holds no words of hidden states. `vlscope.capture(…, words=True)` writes what each state decodes to \
             through the model's own head (the logit lens).",
        );
        return;
    };
    let described = &inputs.document.words[index];
    let all = inputs.document.sequences[described.sequence].tokens.len();
    let requests = requests(inputs);
    let known: Vec<Option<&Decoded>> = requests.iter().map(|request| inputs.results.get(request)).collect();
    let small = sketch.text.small;
    let columns = columns(inputs, described.sequence, all, sketch.free.size().x - small * 4.5, small);
    let title = "Words of hidden states".to_owned();
    let part = match columns.len() == all {
        true => String::new(),
        false => format!(" · tokens {} to {} of {all}", columns.start, columns.end - 1),
    };
    sketch.title(inputs, &format!("{title}{part}"), inputs.document.id.as_deref());
    let at = asked::decoded_of(inputs, described.sequence).and_then(|state| state.state(inputs.document));
    let at = at.map_or_else(String::new, state_of);
    sketch.subtitle(inputs, &format!("{at}{part}"));
    if known.iter().all(Option::is_none) {
        let failure = requests.iter().find_map(|request| inputs.results.failure(request));
        return sketch.note(&failure.map_or("The words are not here yet.".to_owned(), sentence));
    }
    if all == 0 {
        return sketch.note("This sequence holds no tokens.");
    }
    let scale = scale(inputs, &known, all);
    let bar = Bar::reserve(sketch, &scale, BarSide::Below, inputs.options.colour_bar);
    let Some(grid) = Grid::of(inputs, sketch, described.sequence, columns, &described.states) else {
        return sketch.note("There is too little room.");
    };
    sketch.content = grid.rect;
    let marked = cells(inputs, sketch, &grid, &known, index, &scale);
    axes(inputs, sketch, &grid, described.sequence, &described.states);
    outlines(inputs, sketch, &grid, described.sequence);
    if let Some(bar) = bar {
        bar.draw(sketch, grid.rect, &marked);
    }
}

fn scale(inputs: &Inputs<'_>, known: &[Option<&Decoded>], tokens: usize) -> Scale {
    let values = known.iter().flatten().flat_map(|decoded| (0..tokens).map(|token| value(inputs, decoded, token)));
    let top = if inputs.options.lock_scale { 1.0 } else { largest(values) };
    let label = match asked::wanted_word(inputs) {
        Some(_) => {
            let count = known.iter().flatten().map(|decoded| decoded.count).max().unwrap_or(0);
            format!("{} (grey: not among the first {count})", quantity(inputs))
        }
        None => quantity(inputs),
    };
    let colormap = inputs.options.colormap.unwrap_or(Colormap::Viridis);
    Scale::plain(colormap, [0.0, if top > 0.0 { top } else { 1.0 }], label)
}

/// The tokens that have room: around the first selected one where not all have.
fn columns(inputs: &Inputs<'_>, sequence: usize, all: usize, room: f32, small: f32) -> Range<usize> {
    let count = ((room / (small * WIDTHS[0])) as usize).clamp(1, all.max(1)).min(all);
    let is_here = inputs.shown.sequence(inputs.document) == Some(sequence);
    let middle = inputs.shown.tokens.first().filter(|_| is_here).copied().unwrap_or(0);
    let first = middle.saturating_sub(count / 2).min(all - count);
    first..first + count
}

impl Grid {
    fn of(
        inputs: &Inputs<'_>,
        sketch: &mut Sketch<'_>,
        sequence: usize,
        tokens: Range<usize>,
        states: &[WordState],
    ) -> Option<Self> {
        let small = sketch.text.small;
        let mut room = sketch.free;
        room.min.x +=
            small * 1.6 + states.iter().map(|state| sketch.width(&state_name(*state), small)).fold(0.0, f32::max);
        let names = column_names(inputs, sequence);
        let width = (room.size().x / tokens.len().max(1) as f32).min(small * WIDTHS[1]);
        let is_upright = names[tokens.clone()].iter().any(|name| sketch.width(name, small) > width - 4.0);
        let widest = names[tokens.clone()].iter().map(|name| sketch.width(name, small)).fold(0.0, f32::max);
        room.min.y += if is_upright { (widest + 8.0).min(room.size().y * 0.25) } else { small * 1.8 };
        let every = ((states.len() as f32 * small * HEIGHTS[0] / room.size().y).ceil() as usize).max(1);
        // The last one is always there.
        let mut rows: Vec<usize> = (0..states.len()).rev().step_by(every).collect();
        rows.reverse();
        let height = (room.size().y / rows.len().max(1) as f32).min(small * HEIGHTS[1]);
        let cell = Vec2::new(width, height);
        let has_room = cell.x >= small && cell.y >= small * 0.9 && !rows.is_empty();
        let size = cell * Vec2::new(tokens.len() as f32, rows.len() as f32);
        has_room.then(|| Self { rect: Rect { min: room.min, max: room.min + size }, tokens, states: rows, cell })
    }

    fn cell(&self, row: usize, column: usize) -> Rect {
        let min = self.rect.min + self.cell * Vec2::new(column as f32, row as f32);
        Rect { min, max: min + self.cell }
    }
}

/// Words as they are, patches by image, row and column: `i1 r0 c3`.
fn column_names(inputs: &Inputs<'_>, sequence: usize) -> Vec<String> {
    let shorter = [("patch (row ", "r"), (", column ", " c"), (")", ""), ("image ", "i")];
    let short = |name: String| shorter.iter().fold(name, |name, (long, short)| name.replace(long, short));
    let tokens = &inputs.document.sequences[sequence].tokens;
    let names = token_names(tokens).into_iter().zip(tokens);
    names.map(|(name, token)| if token.modality() == Modality::Image { short(name) } else { name }).collect()
}

/// Values under the pointer, for the colour bar.
fn cells(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    grid: &Grid,
    known: &[Option<&Decoded>],
    index: usize,
    scale: &Scale,
) -> Vec<(f32, Color)> {
    let small = sketch.text.small;
    let mut marked = Vec::new();
    for (row, &state) in grid.states.iter().enumerate() {
        for (column, token) in grid.tokens.clone().enumerate() {
            let rect = grid.cell(row, column);
            let target = Target::Decoded { words: index, state, token };
            sketch.area(rect, target);
            let decoded = known[state];
            let value = decoded.map_or(f32::NAN, |decoded| value(inputs, decoded, token));
            let (fill, ink) = match scale.color(value) {
                Some(fill) => (fill, ink_on(fill)),
                None => (sketch.palette.missing, sketch.palette.muted),
            };
            sketch.fill(rect.shrink(0.5), fill);
            if let Some((text, _)) = decoded.and_then(|decoded| decoded.first(token)) {
                let text = sketch.elide(&word(text), small, false, rect.size().x - 4.0);
                sketch.label(rect.center(), Align::Center, text, small, ink);
            }
            if inputs.hover == Some(target) {
                sketch.mark_cell(rect.shrink(1.0), sketch.palette.hover, 1.0);
                marked.push((value, sketch.palette.hover));
            }
        }
    }
    marked
}

/// States downwards, tokens above.
fn axes(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, grid: &Grid, sequence: usize, states: &[WordState]) {
    let (small, palette) = (sketch.text.small, sketch.palette);
    let selected = asked::decoded_of(inputs, sequence).and_then(|state| state.state(inputs.document));
    for (row, &state) in grid.states.iter().enumerate() {
        let ink = if Some(states[state]) == selected { palette.selected_text } else { palette.muted };
        let at = Vec2::new(grid.rect.min.x - 5.0, grid.cell(row, 0).center().y);
        sketch.label(at, Align::Right, state_name(states[state]), small, ink);
    }
    let name = Vec2::new(sketch.free.min.x + small * 0.6, grid.rect.center().y);
    sketch.upright(name, Align::Center, "state", small, palette.muted);
    let names = column_names(inputs, sequence);
    let tokens = &inputs.document.sequences[sequence].tokens;
    let room = grid.rect.min.y - sketch.free.min.y - 6.0;
    let is_upright = grid.tokens.clone().any(|token| sketch.width(&names[token], small) > grid.cell.x - 4.0);
    for (column, token) in grid.tokens.clone().enumerate() {
        let ink = match tokens[token].modality() {
            _ if is_selected(inputs, sequence, token) => palette.selected_text,
            _ if tokens[token].special => palette.special,
            modality => palette.of_modality(modality),
        };
        let x = grid.cell(0, column).center().x;
        if is_upright {
            let text = sketch.elide(&names[token], small, false, room);
            sketch.upright(Vec2::new(x, grid.rect.min.y - 5.0), Align::Left, text, small, ink);
        } else {
            sketch.label(Vec2::new(x, grid.rect.min.y - small * 0.9), Align::Center, names[token].as_str(), small, ink);
        }
    }
}

/// The columns of selected and hovered tokens, and the row of the selected state.
fn outlines(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, grid: &Grid, sequence: usize) {
    for (column, token) in grid.tokens.clone().enumerate() {
        let (ink, width) = match (is_selected(inputs, sequence, token), is_hovered(inputs, sequence, token)) {
            (true, _) => (sketch.palette.selected, 2.0),
            (_, true) => (sketch.palette.hover, 1.0),
            _ => continue,
        };
        let top = grid.cell(0, column).min;
        sketch.mark_cell(Rect { min: top, max: Vec2::new(top.x + grid.cell.x, grid.rect.max.y) }, ink, width);
    }
    let Some(shown) = asked::decoded_of(inputs, sequence) else { return };
    let row = grid.states.iter().position(|state| *state == shown.place());
    if let Some(row) = row {
        let left = grid.cell(row, 0).min;
        let rect = Rect { min: left, max: Vec2::new(grid.rect.max.x, left.y + grid.cell.y) };
        sketch.mark_cell(rect, sketch.palette.selected, 1.0);
    }
}
