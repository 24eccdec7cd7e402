//! Two traces beside each other, and what is different: A, B and A − B in three columns, or rows where the room is tall.
//!
//! A and B are drawn by the views themselves, into a part of the sketch, with one colour scale for both that ends at the
//! larger peak. The difference has colours of two sides around 0. Targets are A's everywhere: what is pointed at in B is
//! what stands for it in A.

mod align;
pub(in crate::view) mod difference;
pub(in crate::view) mod heading;
mod numbers;
mod partner;
pub(in crate::view) mod thirds;
mod views;

use glam::Vec2;

use crate::query::{Query, StatisticGrid};
use crate::render::{Fonts, Rect};
use crate::view::common::asked::statistic_grid;
use crate::view::common::heading::refused;
use crate::view::common::scale::Scale;
use crate::view::common::sides::{self, headline};
use crate::view::common::sketch::Sketch;
use crate::view::{HeadsOrder, Inputs, Options, Scene, Zone, caption, definition, heads, image, needs, text};

use difference::{Difference, Names};
use thirds::{Bars, thirds};

pub use align::{AlignedRow, Alignment};
pub use numbers::{ComparedHeads, ComparedImage, ComparedTokens, compared_image, compared_text};
pub use partner::{Partner, partner};
pub use views::CompareView;

/// What has to be known of each of two traces to draw them and their difference.
pub fn comparison_needs(view: CompareView, inputs: &Inputs<'_>) -> Vec<Query> {
    // Where a trace lacks what is selected in the other, its heads compare all the same.
    needs(view.of_one(), inputs)
}

/// Draws two traces and their difference. Of `b` the document, images, selection, results and refusal count; the rest is as
/// in `a`.
pub fn draw_comparison(view: CompareView, a: &Inputs<'_>, b: &Inputs<'_>, fonts: &mut Fonts) -> Scene {
    let mut sketch = Sketch::new(a, fonts);
    caption::draw(|| (definition(view.of_one()).caption)(a), a, &mut sketch);
    // A panel that is being opened or closed.
    if a.size.x < 64.0 || a.size.y < 48.0 {
        let facts = sketch.facts(a);
        return sketch.finish(facts);
    }
    let partners = match (a.document.attention.get(a.selection.block), b.document.attention.get(b.selection.block)) {
        (Some(of_a), Some(of_b)) => Some(partner::Partners::of((a.document, of_a), (b.document, of_b))),
        _ => None,
    };
    sketch.title(a, &title(view, a), None);
    if sides::Sides::bare(a).is_some() && view != CompareView::Heads {
        sides::subtitle(a, &mut sketch);
    }
    sketch.is_part = true;
    let hover_b = a.hover.and_then(|target| partners.as_ref()?.to_b(target));
    let options = Options {
        title: false,
        colour_bar: false,
        caption: None,
        heads_order: HeadsOrder::Number,
        ..a.options.clone()
    };
    let whole = sketch.free;
    let shared = shared_scale(view, a, b);
    let names = Names { a: "A".to_owned(), b: "B".to_owned(), ground: "over A's picture, in grey".to_owned() };
    let difference = Difference::of(view, a, b, &names);
    let bars = Bars::reserve(&mut sketch, a.options, [shared.as_ref(), difference.scale.as_ref()]);
    let columns = thirds(Rect { max: Vec2::new(whole.max.x, bars.top), ..whole });

    let mut rows_beyond: f32 = 0.0;
    for (of_b, (inputs, column)) in [(a, columns[0]), (b, columns[1])].into_iter().enumerate() {
        let range = shared.as_ref().map(|shared| shared.range);
        let options = match view {
            CompareView::Heads => options.clone(),
            CompareView::Image | CompareView::Text => Options { range, ..options.clone() },
        };
        let hover = if of_b == 0 { a.hover } else { hover_b };
        let inputs = Inputs { hover, options: &options, size: a.size, ..*inputs };
        sketch.free = column;
        let before = sketch.zones.len();
        heading::draw(&mut sketch, &inputs, ["A", "B"][of_b]);
        match view {
            CompareView::Heads => {
                let (grid, progress) = statistic_grid(&inputs);
                if !grid.values.is_empty() || !refused(&inputs, &mut sketch) {
                    heads::draw_grid(&inputs, &StatisticGrid { range, ..grid }, progress, &mut sketch);
                }
            }
            CompareView::Image => image::draw(&inputs, &mut sketch),
            CompareView::Text => text::draw_chips(&inputs, &mut sketch, shared.as_ref()),
        }
        rows_beyond = rows_beyond.max(sketch.rows_beyond);
        if of_b == 1 {
            let of_view = sketch.zones.split_off(before);
            sketch.zones.extend(of_view.iter().filter_map(|zone| in_a(zone, partners.as_ref())));
        }
    }
    sketch.free = columns[2];
    heading::draw_difference(&mut sketch, &difference.notes);
    let inputs = Inputs { options: &options, ..*a };
    difference.draw(&inputs, &mut sketch);

    sketch.rows_beyond = rows_beyond.max(sketch.rows_beyond);
    sketch.said = None;
    sketch.grid = None;
    sketch.content = whole;
    bars.draw(&mut sketch);
    sketch.bar = None;
    let facts = sketch.facts(a).comparing(difference.said);
    sketch.finish(facts)
}

fn title(view: CompareView, a: &Inputs<'_>) -> String {
    match view {
        CompareView::Heads => match statistic_grid(a).0.label.as_str() {
            "" => "Heads of two traces".to_owned(),
            label => label.to_owned(),
        },
        CompareView::Image | CompareView::Text => {
            sides::Sides::bare(a).map_or_else(|| "Two traces".to_owned(), |_| headline(a))
        }
    }
}

/// One scale for both, up to the larger peak; `None` if neither has numbers.
fn shared_scale(view: CompareView, a: &Inputs<'_>, b: &Inputs<'_>) -> Option<Scale> {
    let of = |inputs: &Inputs<'_>| {
        let inputs = Inputs { options: a.options, ..*inputs };
        match view {
            CompareView::Heads => {
                let (grid, _) = statistic_grid(&inputs);
                (!grid.values.is_empty()).then(|| heads::scale(&inputs, &grid))
            }
            CompareView::Image => image::scale_of(&inputs),
            CompareView::Text => text::scale_of(&inputs),
        }
    };
    match (of(a), of(b)) {
        (Some(of_a), Some(of_b)) => {
            let range = [of_a.range[0].min(of_b.range[0]), of_a.range[1].max(of_b.range[1])];
            Some(Scale { range, ..of_a })
        }
        (one, other) => one.or(other),
    }
}

/// A zone of B as one of A; `None` if A has nothing that stands for its target.
fn in_a(zone: &Zone, partners: Option<&partner::Partners<'_>>) -> Option<Zone> {
    match *zone {
        Zone::Area { rect, target } => Some(Zone::Area { rect, target: partners?.to_a(target)? }),
        Zone::Cells { .. } | Zone::Points { .. } => None,
    }
}
