//! A line beneath the drawing that says what it shows, for a figure that stands alone.

use glam::Vec2;

use super::canvas::Canvas;
use super::options::Caption;
use super::sides::place;
use super::words::token_names;
use super::{Inputs, Options};
use crate::analysis::Direction;
use crate::render::Align;

/// Tokens that are named before the others are counted.
const NAMED_TOKENS: usize = 4;

/// Takes the line from the bottom of the free room.
pub(super) fn draw(inputs: &Inputs<'_>, canvas: &mut Canvas<'_>) {
    let Options { caption: Some(caption), .. } = inputs.options else { return };
    let words = match caption {
        Caption::Auto => words(inputs),
        Caption::Text(text) => text.clone(),
    };
    let (size, room) = (canvas.text.small, canvas.free);
    let words = canvas.elide(&words, size, false, room.size().x);
    let at = Vec2::new(room.min.x, room.max.y - size * 0.6);
    canvas.label(at, Align::Left, words, size, canvas.palette.muted);
    canvas.free.max.y = (room.max.y - size * 1.8).max(room.min.y);
}

/// Trace, block, layer, head, tokens, direction, normalization.
fn words(inputs: &Inputs<'_>) -> String {
    let (document, selection) = (inputs.document, inputs.selection);
    let mut parts: Vec<String> = document.id.iter().cloned().collect();
    if let Some(block) = document.attention.get(selection.block) {
        parts.push(format!("block {}", block.name));
        parts.push(place(inputs));
        let (verb, near) = match selection.direction {
            Direction::AttendsTo => ("attention of", block.query),
            Direction::AttendedBy => ("attention to", block.key),
        };
        let names = token_names(&document.sequences[near].tokens);
        let name = |&token: &usize| names.get(token).map(|name| format!("{name} [{token}]"));
        let mut named: Vec<String> = selection.tokens.iter().take(NAMED_TOKENS).filter_map(name).collect();
        match selection.tokens.len() {
            0 => named.push("all tokens that are not special".to_owned()),
            count if count > NAMED_TOKENS => named.push(format!("{} more", count - NAMED_TOKENS)),
            _ => {}
        }
        parts.push(format!("{verb} {}", named.join(", ")));
    }
    match inputs.options.normalization.as_str() {
        "" => parts.push("raw weights".to_owned()),
        normalization => parts.push(format!("normalized: {normalization}")),
    }
    parts.join(" · ")
}
