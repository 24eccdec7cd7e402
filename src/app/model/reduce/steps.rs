//! Changes of the selection by one step: to a neighbouring head, token, statistic, or the next of what plays.

use crate::analysis::statistics;
use crate::analysis::{Direction, Pick};
use crate::app::model::state::State;

impl State {
    /// Stops at the edges, and passes over layers that have no heads.
    pub(in crate::app) fn move_head(&mut self, layers: isize, heads: isize) {
        let Some(trace) = &self.trace else { return };
        let Some(block) = trace.document().attention.get(self.selection.block) else { return };
        let count = |layer: usize| trace.trace.heads(self.selection.block, layer);
        let rows: Vec<usize> = (0..block.layers).filter(|&layer| count(layer) > 0).collect();
        let Some(&first) = rows.first() else { return };
        let layer = match self.selection.layer {
            layer if layers == 0 => layer,
            Pick::One(layer) => {
                let place = rows.partition_point(|&row| row < layer);
                Pick::One(rows[step(place, layers, rows.len())])
            }
            Pick::Mean | Pick::Max => Pick::One(first),
        };
        let last = match layer {
            Pick::One(layer) => count(layer),
            Pick::Mean | Pick::Max => trace.trace.max_heads(self.selection.block),
        };
        self.selection.head = match self.selection.head {
            Pick::One(head) => Pick::One(step(head, heads, last)),
            all if heads == 0 => all,
            Pick::Mean | Pick::Max => Pick::One(0),
        };
        self.selection.layer = layer;
    }

    pub(in crate::app) fn step_token(&mut self, by: isize) {
        let Some(trace) = &self.trace else { return };
        let count = self.tokens_to_select(trace.document());
        let next = match self.selection.tokens.last() {
            Some(&token) if count > 0 => (token as isize + by).rem_euclid(count as isize) as usize,
            _ => 0,
        };
        self.selection.tokens = if count > 0 { vec![next] } else { Vec::new() };
    }

    /// Adds the neighbour of the token that was selected last.
    pub(in crate::app) fn extend_tokens(&mut self, by: isize) {
        let Some(trace) = &self.trace else { return };
        let count = self.tokens_to_select(trace.document());
        let Some(&last) = self.selection.tokens.last() else { return self.step_token(by) };
        let next = step(last, by, count);
        self.selection.tokens.retain(|&token| token != next);
        self.selection.tokens.push(next);
    }

    pub(in crate::app) fn step_statistic(&mut self, by: isize) {
        let all = &statistics::TABLE;
        let shown = all.iter().position(|entry| entry.name == self.options.statistic).unwrap_or(0);
        let next = (shown as isize + by).rem_euclid(all.len() as isize) as usize;
        self.options.statistic = all[next].name.to_owned();
        self.options.to = None;
    }

    pub(in crate::app) fn step_output(&mut self, by: isize) {
        let outputs = self.output_tokens();
        let now = match (self.selection.direction, self.selection.tokens.last()) {
            (Direction::AttendsTo, Some(token)) => outputs.iter().position(|output| output == token),
            _ => None,
        };
        let next = match now {
            Some(place) => (place as isize + by).rem_euclid(outputs.len() as isize) as usize,
            None if by < 0 => outputs.len().saturating_sub(1),
            None => 0,
        };
        if let Some(&token) = outputs.get(next) {
            self.selection.direction = Direction::AttendsTo;
            self.selection.tokens = vec![token];
        }
    }

    /// The next of what plays. At the end it begins again, or stops.
    pub(in crate::app) fn step_play(&mut self) {
        let Some(trace) = &self.trace else { return };
        let all = self.playing.play.selections(&trace.trace, &self.selection);
        let now = all.iter().position(|selection| *selection == self.selection);
        match now.map_or(0, |now| now + 1) {
            next if next < all.len() => self.selection = all[next].clone(),
            _ if self.playing.loops && !all.is_empty() => self.selection = all[0].clone(),
            _ => self.is_playing = false,
        }
    }
}

pub(super) fn step(index: usize, by: isize, count: usize) -> usize {
    index.saturating_add_signed(by).min(count.saturating_sub(1))
}
