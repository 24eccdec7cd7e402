//! The tokens nearest to the selected ones, in the space of the states and not in the plane: a list beside the plot.

use glam::Vec2;

use super::points::thumbnail;
use crate::analysis::neighbours::{Metric, Neighbour};
use crate::query::{NearestTokens, Projection};
use crate::render::{Align, Rect};
use crate::trace::{Modality, Token};
use crate::view::common::sketch::Sketch;
use crate::view::common::tip::number;
use crate::view::common::words::token_names;
use crate::view::{Inputs, Target};

const WIDTH: f32 = 200.0;
/// A plot of less is no plot.
const LEAST_PLOT: f32 = 220.0;

/// The tokens nearest to the selected ones, where they are listed.
pub(super) fn nearest(inputs: &Inputs<'_>) -> Option<NearestTokens> {
    let request = NearestTokens::of(inputs.document, inputs.shown, inputs.options.hidden_state);
    request.filter(|_| inputs.options.embedding.neighbours.is_some())
}

/// Takes its room from what is free, at the right or below, and draws the list if one is wanted.
pub(super) fn draw(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, projection: &Projection, tokens: &[Token]) {
    let Some(metric) = inputs.options.embedding.neighbours else { return };
    let room = sketch.free.size();
    let (first, second) = if room.x >= WIDTH + LEAST_PLOT {
        let list = Rect { min: Vec2::new(sketch.free.max.x - WIDTH, sketch.free.min.y), max: sketch.free.max };
        sketch.free.max.x = list.min.x - 12.0;
        let middle = list.center().y;
        (Rect { max: Vec2::new(list.max.x, middle), ..list }, Rect { min: Vec2::new(list.min.x, middle + 4.0), ..list })
    } else if room.y >= 240.0 && room.x >= 150.0 {
        let top = sketch.free.max.y - (room.y * 0.4).min(160.0);
        let list = Rect { min: Vec2::new(sketch.free.min.x, top), max: sketch.free.max };
        sketch.free.max.y = list.min.y - 8.0;
        let middle = list.center().x;
        (Rect { max: Vec2::new(middle - 5.0, list.max.y), ..list }, Rect { min: Vec2::new(middle + 5.0, top), ..list })
    } else {
        return;
    };
    let found = nearest(inputs).and_then(|request| inputs.results.get(&request));
    let lists = found.filter(|found| found.sequence == projection.sequence && found.state == projection.state);
    let own = inputs.shown.tokens.first().and_then(|&token| tokens.get(token)).map(Token::modality);
    let (Some(lists), Some(own)) = (lists, own) else {
        let is_elsewhere =
            !inputs.shown.tokens.is_empty() && inputs.shown.sequence(inputs.document) != Some(projection.sequence);
        return say(
            sketch,
            first,
            match is_elsewhere {
                true => "The selected tokens have no hidden states in this sequence.",
                false => "Select a token: its nearest tokens are listed here.",
            },
        );
    };
    let which = Metric::ALL.iter().position(|known| *known == metric).unwrap_or(0);
    let near = &lists.by_metric[which];
    if near.same.is_empty() && near.other.is_empty() {
        return say(sketch, first, why_none(projection, &inputs.shown.tokens));
    }
    let words = |modality| if modality == Modality::Text { "words" } else { "patches" };
    let other = if own == Modality::Text { Modality::Image } else { Modality::Text };
    let names = token_names(tokens);
    for (rect, neighbours, modality) in [(first, &near.same, own), (second, &near.other, other)] {
        let heading = format!("nearest {}, {} distance", words(modality), metric.name());
        section(inputs, sketch, rect, &heading, neighbours, (projection.sequence, tokens, &names));
    }
}

/// Why no token has a distance to the selected ones.
fn why_none(projection: &Projection, selected: &[usize]) -> &'static str {
    let mut norms = selected.iter().filter_map(|&token| projection.norms.get(token));
    if norms.clone().any(|norm| !norm.is_finite()) {
        "The state of a selected token is not finite: nothing is near to it."
    } else if norms.clone().next().is_some() && norms.all(|&norm| norm == 0.0) {
        "The state is 0, which has no direction: by cosine nothing is near to it."
    } else {
        "No other token has a state that has a distance."
    }
}

fn say(sketch: &mut Sketch<'_>, rect: Rect, words: &str) {
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    for (line, words) in sketch.wrap(words, small, rect.size().x).into_iter().enumerate() {
        let at = rect.min + Vec2::new(0.0, small * (0.7 + 1.4 * line as f32));
        sketch.label(at, Align::Left, words, small, muted);
    }
}

fn section(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    rect: Rect,
    heading: &str,
    neighbours: &[Neighbour],
    (sequence, tokens, names): (usize, &[Token], &[String]),
) {
    let (small, palette) = (sketch.text.small, sketch.palette);
    let room = rect.size().x;
    let title = sketch.elide(heading, small, true, room);
    sketch.label(Vec2::new(rect.min.x, rect.min.y + small * 0.7), Align::Left, title, small, palette.muted);
    let height = (small * 1.75).max(18.0);
    let mut top = rect.min.y + small * 1.7;
    if neighbours.is_empty() {
        sketch.label(Vec2::new(rect.min.x, top + height / 2.0), Align::Left, "none", small, palette.muted);
    }
    for neighbour in neighbours {
        if top + height > rect.max.y {
            break;
        }
        let row = Rect::at(rect.min.x, top, room, height);
        let middle = row.center().y;
        if inputs.hover == Some(Target::Token { sequence, token: neighbour.token }) {
            sketch.fill(row, palette.line);
        }
        let token = &tokens[neighbour.token];
        let mut left = row.min.x + 3.0;
        if thumbnail(inputs, sketch, token, Vec2::new(left + height / 2.0 - 1.0, middle), height - 3.0).is_some() {
            left += height + 3.0;
        }
        let distance = number(neighbour.distance);
        let taken = sketch.width(&distance, small) + 8.0;
        let name = sketch.elide(&names[neighbour.token], small, false, row.max.x - left - taken);
        sketch.label(Vec2::new(left, middle), Align::Left, name, small, palette.text);
        sketch.label(Vec2::new(row.max.x - 3.0, middle), Align::Right, distance, small, palette.muted);
        sketch.area(row, Target::Token { sequence, token: neighbour.token });
        top += height;
    }
}
