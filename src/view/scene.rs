//! A view's drawing, and what lies where in it for the pointer.

use glam::Vec2;

use super::common::tip::Facts;
use super::{ColourBar, Target, Zone};
use crate::render::{Drawing, Rect};

/// A view's drawing, and what lies where in it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What is drawn.
    pub drawing: Drawing,
    /// What the pointer can meet; of overlapping zones the later one wins.
    pub zones: Vec<Zone>,
    /// The part that zooms and pans (matrix, embedding), or simply holds the content.
    pub content: Rect,
    /// The colour bar, if there is one.
    pub bar: Option<ColourBar>,
    /// How many rows of text lie beyond the view: how far it scrolls.
    pub rows_beyond: f32,
    pub(super) facts: Facts,
}

impl Scene {
    /// What lies at a place in logical pixels.
    pub fn at(&self, pointer: Vec2) -> Option<Target> {
        self.zones.iter().rev().find_map(|zone| zone.at(pointer))
    }

    /// The tokens of a sequence whose middles lie in a rectangle, as (sequence, tokens), ascending; of several sequences that
    /// of the first. `None` if there is no such token.
    pub fn tokens_in(&self, rect: Rect) -> Option<(usize, Vec<usize>)> {
        let inside = |zone: &Zone| match zone {
            Zone::Area { rect: area, target: Target::Token { sequence, token } } if rect.contains(area.center()) => {
                Some((*sequence, *token))
            }
            _ => None,
        };
        let found: Vec<(usize, usize)> = self.zones.iter().filter_map(inside).collect();
        let sequence = found.first()?.0;
        let mut tokens: Vec<usize> =
            found.into_iter().filter(|&(of, _)| of == sequence).map(|(_, token)| token).collect();
        tokens.sort_unstable();
        tokens.dedup();
        Some((sequence, tokens))
    }

    /// A line of text about a target: its name, its value and the unit.
    pub fn tip(&self, target: Target) -> String {
        self.facts.tip(target)
    }
}
