//! Which links there are, how strong each is, and what its colour says. The renderer keeps the strongest of them.
//!
//! A link goes from a place of queries to a place of keys. A place is one token, or, in a bundle, the patches of a region:
//! a bundle's weight is the sum over its keys, and the mean over its queries, so that it stays a share of the attention.

use std::sync::Arc;

use glam::Vec2;

use crate::analysis::{Direction, Pick};
use crate::render::{Color, Keep, Link};
use crate::trace::{Modality, Token};
use crate::view::common::sides::{Sides, largest};
use crate::view::common::sketch::Sketch;
use crate::view::{Inputs, LinkColor, Target};

/// Where links arrive.
pub(super) struct Anchor {
    /// One, or the patches of a bundle.
    pub tokens: Vec<usize>,
    /// In logical pixels.
    pub at: Vec2,
}

/// The places of both ends.
pub(super) struct Ends {
    pub queries: Vec<Anchor>,
    pub keys: Vec<Anchor>,
}

/// A line of the legend.
pub(super) struct Entry {
    pub name: String,
    pub color: Color,
    pub target: Option<Target>,
    /// The largest weight of its links: where there is no room for all, the strongest are named.
    pub strength: f32,
}

/// All links, in groups of which the later ones lie above, and what their colours stand for.
pub(super) struct Candidates {
    pub groups: Vec<Vec<Link>>,
    pub legend: Vec<Entry>,
}

/// Okabe and Ito's colours without black and white (<https://jfly.uni-koeln.de/color/>), told apart by every kind of
/// colour-blind eye.
const HUES: [u32; 7] = [0x56b4e9, 0xe69f00, 0x009e73, 0xcc79a7, 0x0072b2, 0xd55e00, 0xf0e442];

/// The colour of a head. Every seventh head has the same hue, each time lighter or darker: 35 heads can be told apart.
pub(super) fn head_color(head: usize) -> Color {
    let (target, amount) = match head / HUES.len() % 5 {
        0 => (0x00, 0.0),
        1 => (0xff, 0.45),
        2 => (0x00, 0.4),
        3 => (0xff, 0.75),
        _ => (0x00, 0.65),
    };
    Color::hex(HUES[head % HUES.len()]).mixed(Color([target, target, target, 255]), amount)
}

impl Candidates {
    /// The strongest; 1 where there is none.
    pub fn full_weight(&self) -> f32 {
        let full = largest(self.groups.iter().flatten().map(|link| link.weight));
        if full > 0.0 { full } else { 1.0 }
    }

    /// How many are drawn, of how many.
    pub fn counts(&self, keep: Keep) -> (usize, usize) {
        let drawn = |links: &Vec<Link>| match keep {
            Keep::Strongest(most) => links.len().min(most as usize),
            Keep::AtLeast(weight) => links.iter().filter(|link| link.weight >= weight).count(),
        };
        (self.groups.iter().map(drawn).sum(), self.groups.iter().map(Vec::len).sum())
    }
}

/// A link for every weight between the two ends. Those of selected tokens are a group of their own, so that they are seen
/// even where all others are stronger.
pub(super) fn candidates(inputs: &Inputs<'_>, sketch: &Sketch<'_>, sides: &Sides<'_>, ends: &Ends) -> Candidates {
    let evidence = inputs.evidence;
    let cells = sides.query.len() * sides.key.len();
    let by_head = evidence.head_links.iter().filter(|(_, weights)| weights.len() == cells);
    let mut collector = Collector {
        inputs,
        sides,
        columns: sides.key.len(),
        any_selected: !inputs.selection.tokens.is_empty(),
        quiet: Vec::new(),
        selected: Vec::new(),
    };
    let palette = sketch.palette;
    let mut legend = Vec::new();
    match inputs.options.links_color {
        LinkColor::Head if by_head.clone().next().is_some() => {
            for (head, weights) in by_head {
                let color = head_color(*head);
                collector.add(weights, &ends.queries, &ends.keys, color, color);
                let target = match inputs.selection.layer {
                    Pick::One(layer) => Some(Target::Head { layer, head: *head }),
                    _ => None,
                };
                legend.push(Entry {
                    name: format!("head {head}"),
                    color,
                    target,
                    strength: largest(weights.iter().copied()),
                });
            }
        }
        LinkColor::Direction => {
            let modality = |place: &[Anchor], tokens: &[Token]| {
                let first = place.first().and_then(|place| place.tokens.first());
                first.and_then(|&token| tokens.get(token)).map_or(Modality::Text, Token::modality)
            };
            let of =
                |modality| if modality == Modality::Text { ("text", palette.word) } else { ("image", palette.patch) };
            let (query, key) = (of(modality(&ends.queries, sides.query)), of(modality(&ends.keys, sides.key)));
            let mut add = |queries: &[Anchor], keys: &[Anchor], from: (&str, Color), to: (&str, Color)| {
                collector.add(&evidence.links, queries, keys, from.1, from.1);
                legend.push(Entry {
                    name: format!("{} attends to {}", from.0, to.0),
                    color: from.1,
                    target: None,
                    strength: 1.0,
                });
            };
            add(&ends.queries, &ends.keys, query, key);
            if sides.block.query == sides.block.key && query.0 != key.0 {
                add(&ends.keys, &ends.queries, key, query);
            }
        }
        _ => {
            let quiet = palette.word.with_opacity(if collector.any_selected { 0.45 } else { 0.8 });
            collector.add(&evidence.links, &ends.queries, &ends.keys, quiet, palette.selected);
            if collector.any_selected {
                legend.push(Entry {
                    name: "selected".to_owned(),
                    color: palette.selected,
                    target: None,
                    strength: 1.0,
                });
                if !inputs.options.links_of_selection {
                    legend.push(Entry { name: "others".to_owned(), color: palette.word, target: None, strength: 1.0 });
                }
            }
        }
    }
    Candidates { groups: vec![collector.quiet, collector.selected], legend }
}

struct Collector<'a> {
    inputs: &'a Inputs<'a>,
    sides: &'a Sides<'a>,
    columns: usize,
    any_selected: bool,
    quiet: Vec<Link>,
    selected: Vec<Link>,
}

impl Collector<'_> {
    fn add(&mut self, weights: &Arc<Vec<f32>>, queries: &[Anchor], keys: &[Anchor], quiet: Color, selected: Color) {
        let near_is_query = self.inputs.selection.direction == Direction::AttendsTo;
        let dim = if self.any_selected && quiet == selected { quiet.with_opacity(0.4) } else { quiet };
        for query in queries {
            for key in keys {
                let weight = self.weight(weights, query, key);
                if weight.is_nan() || weight <= 0.0 {
                    continue;
                }
                let near = if near_is_query { query } else { key };
                let is_selected = near.tokens.iter().any(|&token| self.sides.is_selected(self.sides.near, token));
                let color = if is_selected { selected } else { dim };
                let link = Link { from: query.at.to_array(), to: key.at.to_array(), weight, color };
                match is_selected {
                    true => self.selected.push(link),
                    false if self.inputs.options.links_of_selection && self.any_selected => {}
                    false => self.quiet.push(link),
                }
            }
        }
    }

    /// The sum over keys, the mean over queries; weights that are no numbers count nothing in a bundle.
    fn weight(&self, weights: &[f32], query: &Anchor, key: &Anchor) -> f32 {
        let one = |query: usize, key: usize| weights.get(query * self.columns + key).copied().unwrap_or(f32::NAN);
        if let ([query], [key]) = (query.tokens.as_slice(), key.tokens.as_slice()) {
            return one(*query, *key);
        }
        let pairs = query.tokens.iter().flat_map(|&query| key.tokens.iter().map(move |&key| one(query, key)));
        pairs.filter(|weight| !weight.is_nan()).sum::<f32>() / query.tokens.len().max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::head_color;

    #[test]
    fn heads_have_colours_of_their_own() {
        let colors: HashSet<[u8; 4]> = (0..35).map(|head| head_color(head).0).collect();
        assert_eq!(colors.len(), 35);
    }
}
