//! The pictures under the probability that their patches decode to a word that was typed.

use super::pictures::{aspect, heat_over, outlines, pictures, tiles_of, veil, zones};
use super::zoom::draw_pictures;
use crate::query::{Decoded, DecodedState};
use crate::render::colormap::Colormap;
use crate::trace::Modality;
use crate::view::common::asked;
use crate::view::common::colour_bar::{Bar, BarSide};
use crate::view::common::scale::Scale;
use crate::view::common::sides::{Sides, largest, sentence};
use crate::view::common::sketch::Sketch;
use crate::view::common::tip::state_of;
use crate::view::numbers::names;
use crate::view::{Axis, Inputs, NoNumbers, Numbers, View};

/// The state that decodes to words, of the sequence that has patches: the one that has the weights if both have.
fn request(inputs: &Inputs<'_>) -> Option<DecodedState> {
    let has_patches = |state: &DecodedState| {
        let sequence = state.sequence(inputs.document).and_then(|sequence| inputs.document.sequences.get(sequence));
        sequence.is_some_and(|sequence| sequence.tokens.iter().any(|token| token.modality() == Modality::Image))
    };
    let mut all: Vec<DecodedState> = asked::decoded(inputs).into_iter().filter(has_patches).collect();
    let far = Sides::bare(inputs).map(|sides| sides.far);
    all.sort_by_key(|state| state.sequence(inputs.document) != far);
    all.into_iter().next()
}

/// One a token: the probability of the word; NaN where it is not among the best.
fn probabilities(inputs: &Inputs<'_>, wanted: &str) -> Result<(DecodedState, Vec<f32>), NoNumbers> {
    let request =
        request(inputs).ok_or_else(|| NoNumbers("no patch of this trace has words of hidden states".to_owned()))?;
    let known = inputs.results.get(&request);
    let known: &Decoded = known.ok_or_else(|| NoNumbers::because(inputs, "the words are not here yet"))?;
    let sequence = request.sequence(inputs.document).unwrap_or_default();
    let tokens = inputs.document.sequences[sequence].tokens.len();
    let of_token = |token| known.probability(wanted, token).unwrap_or(f32::NAN);
    Ok((request, (0..tokens).map(of_token).collect()))
}

/// `[token]`, as they are coloured.
pub(super) fn numbers(inputs: &Inputs<'_>, wanted: &str) -> Result<Numbers, NoNumbers> {
    let (request, values) = probabilities(inputs, wanted)?;
    let axis = Axis::named("token", names(inputs, request.sequence(inputs.document).unwrap_or_default()));
    Numbers::new(View::Image, inputs, (&format!("probability of {wanted}"), ""), vec![axis], values)
}

pub(super) fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, wanted: &str) {
    let state = request(inputs).and_then(|request| request.state(inputs.document));
    let at = state.map_or_else(String::new, |state| format!(" · {}", state_of(state)));
    let title = format!("Patches that decode to “{wanted}”{at}");
    sketch.title(inputs, &title, inputs.document.id.as_deref());
    sketch.subtitle(inputs, &format!("decodes to “{wanted}”{at}"));
    let (request, values) = match probabilities(inputs, wanted) {
        Ok(found) => found,
        Err(why) => return sketch.note(&sentence(&why.to_string())),
    };
    let sequence = request.sequence(inputs.document).unwrap_or_default();
    let tiles = tiles_of(inputs, sequence, sequence);
    if tiles.is_empty() {
        return sketch.note("This trace holds no image.");
    }
    let count = inputs.results.get(&request).map_or(0, |known| known.count);
    let top = largest(tiles.iter().flat_map(|tile| &tile.far.tokens).map(|&token| values[token]));
    let label = format!("probability of “{wanted}” (without colour: not among the first {count})");
    let colormap = inputs.options.colormap.unwrap_or(Colormap::Ember);
    let high = if inputs.options.lock_scale || top == 0.0 { 1.0 } else { top };
    let scale = Scale::plain(colormap, [0.0, high], label);
    let scale = Scale { veil: Some(veil(inputs, pictures(&tiles))), hatches_missing: false, ..scale };
    let wide = sketch.free.size().x > sketch.free.size().y * if tiles.len() == 1 { aspect(&tiles[0]) } else { 1.0 };
    let side = if wide { BarSide::Right } else { BarSide::Below };
    let bar = Bar::reserve(sketch, &scale, side, inputs.options.colour_bar);
    let sides = Sides::bare(inputs);
    let mut marked = Vec::new();
    let sight = draw_pictures(inputs, sketch, &tiles, |sketch, tile, rect| {
        heat_over(inputs, sketch, &values, (tile.pixels, &tile.layers), rect, &scale);
        zones(sketch, &tile.far, sequence, rect);
        if let Some(sides) = sides.map(|sides| sides.showing(&values)) {
            marked.extend(outlines(sketch, &sides, &tile.far, sequence, rect));
        }
    });
    if let Some(bar) = bar {
        bar.draw(sketch, sight, &marked);
    }
}
