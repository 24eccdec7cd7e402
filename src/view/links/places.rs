//! Which tokens are linked, and what is asked about their links: all of it before anything is drawn.

use std::sync::Arc;

use crate::analysis::{Direction, Pick, Selection};
use crate::query::{Apart, Keeps, StrongestLinks};
use crate::render::Keep;
use crate::trace::{Area, Modality};
use crate::view::common::patches::Patches;
use crate::view::common::sides::Sides;
use crate::view::{Inputs, LinkColor};

/// One end of the links: which tokens of which sequence.
#[derive(Clone, PartialEq)]
pub(super) struct End {
    pub sequence: usize,
    pub modality: Modality,
    /// Of text, or of all images.
    pub tokens: Vec<usize>,
}

/// A set of links that is asked for.
pub(super) struct Asked {
    pub request: StrongestLinks,
    pub of: LinksOf,
}

/// Which links those are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LinksOf {
    /// From the queries to the keys.
    Selection,
    /// The same of one head.
    Head(usize),
    /// Coloured by the queries' modality.
    There,
    /// From the keys, as queries, to the queries, as keys.
    Back,
}

/// Patches that are linked as one.
pub(super) struct Bundle {
    pub label: String,
    /// `None` for the patches of no region.
    pub area: Option<Area>,
    pub tokens: Vec<usize>,
}

/// Text that attends to the image, or (attended by) text that the image attends to; the other of the two where a
/// block has no such weights; text to text or image to image where it has neither.
pub(super) fn ends(inputs: &Inputs<'_>, sides: &Sides<'_>) -> Option<(End, End)> {
    let find = |sequence: usize, modality: Modality| {
        let all = inputs.document.sequences[sequence].tokens.as_slice();
        let tokens: Vec<usize> = match modality {
            Modality::Image => (0..inputs.images.len()).flat_map(|image| Patches::find(all, image).tokens).collect(),
            other => (0..all.len()).filter(|&token| all[token].modality() == other).collect(),
        };
        let shown = |token: &usize| all[*token].image_area().is_none_or(|(image, _)| is_shown(inputs, image));
        let tokens: Vec<usize> = tokens.into_iter().filter(shown).collect();
        (!tokens.is_empty()).then_some(End { sequence, modality, tokens })
    };
    let (query, key) = (sides.block.query, sides.block.key);
    let pair = |from: Modality, to: Modality| find(query, from).zip(find(key, to));
    let (first, second) = match inputs.shown.direction {
        Direction::AttendsTo => ((Modality::Text, Modality::Image), (Modality::Image, Modality::Text)),
        Direction::AttendedBy => ((Modality::Image, Modality::Text), (Modality::Text, Modality::Image)),
    };
    pair(first.0, first.1)
        .or_else(|| pair(second.0, second.1))
        .or_else(|| pair(Modality::Text, Modality::Text))
        .or_else(|| pair(Modality::Image, Modality::Image))
}

pub(super) fn is_shown(inputs: &Inputs<'_>, image: usize) -> bool {
    let drawable = inputs.images.get(image).is_some_and(|pixels| pixels.width > 0 && pixels.height > 0);
    drawable && inputs.options.image.is_none_or(|only| only == image)
}

/// The places of an end, in the order in which they are drawn: a token, or a bundle of patches.
fn places(inputs: &Inputs<'_>, end: &End) -> Vec<Vec<usize>> {
    if end.modality == Modality::Text || !inputs.options.links_bundle {
        return end.tokens.iter().map(|&token| vec![token]).collect();
    }
    let all = inputs.document.sequences[end.sequence].tokens.as_slice();
    let shown = (0..inputs.images.len()).filter(|&image| is_shown(inputs, image));
    let bundles = shown.flat_map(|image| bundled(inputs, image, &Patches::find(all, image)));
    bundles.map(|bundle| bundle.tokens).filter(|tokens| !tokens.is_empty()).collect()
}

/// The patches of an image by its labelled regions, or by quadrants where it has none. A patch belongs to the smallest region
/// that its centre lies in; the last bundle is that of no region.
pub(super) fn bundled(inputs: &Inputs<'_>, image: usize, patches: &Patches) -> Vec<Bundle> {
    let regions = inputs.document.regions.iter().filter(|region| region.image == image);
    let mut bundles: Vec<Bundle> = regions
        .map(|region| Bundle { label: region.label.clone(), area: Some(region.area), tokens: Vec::new() })
        .collect();
    let size = |bundle: &Bundle| bundle.area.map_or(0.0, |area| (area.x1 - area.x0) * (area.y1 - area.y0));
    bundles.sort_by(|a, b| size(a).total_cmp(&size(b)));
    if bundles.is_empty() {
        let quarter = |[x0, y0]: [f32; 2]| Area { x0, y0, x1: x0 + 0.5, y1: y0 + 0.5 };
        let corners = [[0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [0.5, 0.5]];
        bundles.extend(corners.map(|at| Bundle { label: String::new(), area: Some(quarter(at)), tokens: Vec::new() }));
    }
    let mut elsewhere = Bundle { label: String::new(), area: None, tokens: Vec::new() };
    for (&token, area) in patches.tokens.iter().zip(&patches.areas) {
        let [x, y] = area.center();
        let holds = |area: Area| area.x0 <= x && x <= area.x1 && area.y0 <= y && y <= area.y1;
        let bundle = bundles.iter_mut().find(|bundle| bundle.area.is_some_and(holds));
        bundle.unwrap_or(&mut elsewhere).tokens.push(token);
    }
    bundles.push(elsewhere);
    bundles
}

/// What is asked about the links between two ends.
pub(super) fn requests(inputs: &Inputs<'_>, sides: &Sides<'_>, queries: &End, keys: &End) -> Vec<Asked> {
    let [query_places, key_places] = [queries, keys].map(|end| Arc::new(places(inputs, end)));
    let keeps = match inputs.options.links {
        Keep::Strongest(count) => Keeps::Strongest(count),
        Keep::AtLeast(weight) => Keeps::at_least(weight),
    };
    let ask = |selection: &Selection, queries: &Arc<Vec<Vec<usize>>>, keys: &Arc<Vec<Vec<usize>>>, of| {
        let apart = apart(inputs, sides, queries, keys);
        Asked { request: StrongestLinks::of(selection, Arc::clone(queries), Arc::clone(keys), apart, keeps), of }
    };
    match inputs.options.links_color {
        LinkColor::Selection => vec![ask(inputs.shown, &query_places, &key_places, LinksOf::Selection)],
        LinkColor::Head => {
            let heads = match inputs.shown.head {
                Pick::One(head) => head..head + 1,
                Pick::Mean | Pick::Max => 0..inputs.heads.get(inputs.shown.block).copied().unwrap_or(0),
            };
            let of_head = |head| {
                let selection = Selection { head: Pick::One(head), ..inputs.shown.clone() };
                ask(&selection, &query_places, &key_places, LinksOf::Head(head))
            };
            heads.map(of_head).collect()
        }
        LinkColor::Direction => {
            let mut both = vec![ask(inputs.shown, &query_places, &key_places, LinksOf::There)];
            if sides.block.query == sides.block.key && queries.modality != keys.modality {
                both.push(ask(inputs.shown, &key_places, &query_places, LinksOf::Back));
            }
            both
        }
    }
}

/// The places of selected tokens: their links are seen even where all others are stronger.
fn apart(inputs: &Inputs<'_>, sides: &Sides<'_>, queries: &[Vec<usize>], keys: &[Vec<usize>]) -> Apart {
    let selected = |places: &[Vec<usize>]| {
        let is_selected = |tokens: &Vec<usize>| tokens.iter().any(|&token| sides.is_selected(sides.near, token));
        places.iter().enumerate().filter(|(_, tokens)| is_selected(tokens)).map(|(place, _)| place).collect()
    };
    match inputs.selection.direction {
        _ if inputs.selection.tokens.is_empty() => Apart::Nobody,
        Direction::AttendsTo => Apart::Queries(selected(queries)),
        Direction::AttendedBy => Apart::Keys(selected(keys)),
    }
}
