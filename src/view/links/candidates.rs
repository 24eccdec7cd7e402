//! Which links there are, how strong each is, and what its colour says. The renderer keeps the strongest of them.
//!
//! A link goes from a place of queries to a place of keys. A place is one token, or, in a bundle, the patches of a region:
//! a bundle's weight is the sum over its keys, and the mean over its queries, so that it stays a share of the attention.

use glam::Vec2;

use super::places::{Asked, LinksOf};
use crate::analysis::Pick;
use crate::query::FoundLink;
use crate::render::{Color, Keep, Link};
use crate::trace::{Modality, Token};
use crate::view::common::sides::{Sides, is_signed, largest};
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
    /// How many there are, drawn or not.
    count: usize,
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

/// The two of those that are farthest apart, on light and on dark.
fn sign_color(weight: f32) -> Color {
    Color::hex(if weight < 0.0 { HUES[0] } else { HUES[5] })
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
        (self.groups.iter().map(drawn).sum(), self.count)
    }
}

/// The links that were found. Those of selected tokens are a group of their own, so that they are seen even where all others are
/// stronger. `None` before all are known.
pub(super) fn candidates(
    inputs: &Inputs<'_>,
    sketch: &Sketch<'_>,
    sides: &Sides<'_>,
    asked: &[Asked],
    ends: &Ends,
) -> Option<Candidates> {
    let palette = sketch.palette;
    let any_selected = !inputs.selection.tokens.is_empty();
    let mut all = Candidates { groups: vec![Vec::new(); 2], legend: Vec::new(), count: 0 };
    let is_text = |places: &[Anchor], tokens: &[Token]| {
        let first = places.first().and_then(|place| place.tokens.first());
        first.and_then(|&token| tokens.get(token)).is_none_or(|token| token.modality() == Modality::Text)
    };
    let of = |is_text| if is_text { ("text", palette.word) } else { ("image", palette.patch) };
    let (query, key) = (of(is_text(&ends.queries, sides.query)), of(is_text(&ends.keys, sides.key)));
    let plain = |name: String, color, target, strength| Entry { name, color, target, strength };
    // Which links are of selected tokens is then told by their opacity alone.
    let by_sign = is_signed(inputs) && inputs.options.links_color == LinkColor::Selection;
    let mut known = 0;
    for Asked { request, of } in asked {
        let found = match (inputs.results.get(request), of) {
            (Some(found), _) => found,
            // A layer that lacks the head has no links of it.
            (None, LinksOf::Head(_)) if inputs.results.failure(request).is_some() => continue,
            (None, _) => return None,
        };
        known += 1;
        let (mut queries, mut keys) = (&ends.queries, &ends.keys);
        let (quiet, selected) = match of {
            LinksOf::Selection => (palette.word.with_opacity(if any_selected { 0.45 } else { 0.8 }), palette.selected),
            LinksOf::Head(head) => {
                let target = match inputs.selection.layer {
                    Pick::One(layer) => Some(Target::Head { layer, head: *head }),
                    _ => None,
                };
                let color = head_color(*head);
                all.legend.push(plain(format!("head {head}"), color, target, found.maximum()));
                (color, color)
            }
            LinksOf::There | LinksOf::Back => {
                let (from, to) = if *of == LinksOf::There { (query, key) } else { (key, query) };
                if *of == LinksOf::Back {
                    (queries, keys) = (keys, queries);
                }
                all.legend.push(plain(format!("{} attends to {}", from.0, to.0), from.1, None, 1.0));
                (from.1, from.1)
            }
        };
        let dim = if any_selected && quiet == selected { quiet.with_opacity(0.4) } else { quiet };
        let link = |found: &FoundLink, color: Color| {
            let (from, to) = (queries.get(found.query as usize)?, keys.get(found.key as usize)?);
            let color =
                if by_sign { sign_color(found.weight).with_opacity(f32::from(color.0[3]) / 255.0) } else { color };
            Some(Link { from: from.at.to_array(), to: to.at.to_array(), weight: found.weight.abs(), color })
        };
        if !(inputs.options.links_of_selection && any_selected) {
            all.groups[0].extend(found.others.iter().filter_map(|found| link(found, dim)));
            all.count += found.candidates[1];
        }
        all.groups[1].extend(found.apart.iter().filter_map(|found| link(found, selected)));
        all.count += found.candidates[0];
    }
    if known == 0 {
        return None;
    }
    if by_sign {
        let sides = [("for the output", 1.0), ("against it", -1.0)];
        all.legend.extend(sides.map(|(name, sign)| plain(name.to_owned(), sign_color(sign), None, 1.0)));
    } else if inputs.options.links_color == LinkColor::Selection && any_selected {
        all.legend.push(plain("selected".to_owned(), palette.selected, None, 1.0));
        if !inputs.options.links_of_selection {
            all.legend.push(plain("others".to_owned(), palette.word, None, 1.0));
        }
    }
    Some(all)
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
