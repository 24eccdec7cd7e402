//! The third column: A − B in colours of two sides, as a grid of heads, over A's picture, or as one text of both.

use glam::Vec2;

use super::numbers::{ComparedHeads, ComparedImage, ComparedTokens, compared_text, image_of};
use super::views::CompareView;
use crate::analysis::statistics::mean;
use crate::query::StatisticGrid;
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Quad, Rect};
use crate::view::common::asked::statistic_grid;
use crate::view::common::scale::Scale;
use crate::view::common::sides::{Sides, refusal, sentence, weight_label};
use crate::view::common::sketch::{Sketch, on_picture};
use crate::view::common::theme::ink_on;
use crate::view::common::tip::Compared;
use crate::view::text::flow::{Chip, Flow, flow};
use crate::view::{Inputs, Options, Target, heads, image};

/// What the two are called that are compared, and what lies under the difference of pictures.
#[derive(Clone, Debug)]
pub(in crate::view) struct Names {
    pub a: String,
    pub b: String,
    pub ground: String,
}

/// What is different, and how it is coloured.
pub(in crate::view) struct Difference {
    /// `None` if there is nothing to compare.
    pub scale: Option<Scale>,
    /// What has no partner, and what signs mean.
    pub notes: Vec<String>,
    /// For tips.
    pub said: Compared,
    found: Found,
    ground: String,
}

enum Found {
    Heads(Box<StatisticGrid>),
    /// By image of A.
    Images(Vec<(usize, ComparedImage)>),
    Text(Vec<ComparedTokens>),
    Nothing(String),
}

impl Difference {
    pub fn of(view: CompareView, a: &Inputs<'_>, b: &Inputs<'_>, names: &Names) -> Self {
        let nothing = |why: &str| {
            let why = refusal(b).map_or_else(|| why.to_owned(), sentence);
            let said = Compared::new(String::new(), std::iter::empty());
            Self { scale: None, notes: Vec::new(), said, found: Found::Nothing(why), ground: String::new() }
        };
        let has_weights = |inputs: &Inputs<'_>| Sides::of(inputs).is_some_and(|sides| !sides.shown.is_empty());
        match view {
            CompareView::Heads => {
                let (of_a, of_b) = (statistic_grid(a).0, statistic_grid(b).0);
                match of_a.values.is_empty() || of_b.values.is_empty() {
                    true => nothing("There is nothing to compare before both have this statistic."),
                    false => Self::of_heads(&of_a, &of_b, names),
                }
            }
            _ if !has_weights(a) || !has_weights(b) => nothing("There is nothing to compare before both have weights."),
            CompareView::Image => Self::of_images(a, b, names),
            CompareView::Text if compared_text(a, b).is_empty() => nothing("The tokens with the weights are no words."),
            CompareView::Text => Self::of_text(a, b, names),
        }
    }

    fn of_heads(of_a: &StatisticGrid, of_b: &StatisticGrid, names: &Names) -> Self {
        let compared = ComparedHeads::of(of_a, of_b);
        let (layers, heads) = (compared.layers.len(), compared.heads);
        let values = compared.differences();
        let scale = scale(largest(values.iter().copied()), &of_a.unit, names);
        let head_mean =
            (0..heads).map(|head| mean(&values.iter().copied().skip(head).step_by(heads).collect::<Vec<_>>()));
        let grid = StatisticGrid {
            name: of_a.name.clone(),
            label: scale.label.clone(),
            layers,
            layer_numbers: compared.layers.clone(),
            heads,
            layer_mean: values.chunks(heads.max(1)).map(mean).collect(),
            head_mean: head_mean.collect(),
            diverging: true,
            range: Some(scale.range),
            values,
            ..StatisticGrid::default()
        };
        let both =
            |values: [&[f32]; 2], place: usize| values.map(|values| values.get(place).copied().unwrap_or(f32::NAN));
        let cells = (0..layers * heads).map(|place| {
            let target = Target::Head { layer: place / heads, head: place % heads };
            (target, both([&compared.a, &compared.b], place))
        });
        let of_layers = compared.layers.iter().enumerate().map(|(layer, &number)| {
            let mean =
                |grid: &StatisticGrid| grid.layer_index(number).and_then(|layer| grid.layer_mean.get(layer)).copied();
            (Target::LayerMean { layer }, [of_a, of_b].map(|grid| mean(grid).unwrap_or(f32::NAN)))
        });
        let of_heads =
            (0..heads).map(|head| (Target::HeadMean { head }, both([&of_a.head_mean, &of_b.head_mean], head)));
        let all = (Target::AllHeads, [mean(&of_a.values), mean(&of_b.values)]);
        let unit = if of_a.unit.is_empty() { &of_a.label } else { &of_a.unit };
        let said = Compared::new(unit.clone(), cells.chain(of_layers).chain(of_heads).chain([all]));
        let ground = names.ground.clone();
        Self { scale: Some(scale), notes: compared.notes, said, found: Found::Heads(Box::new(grid)), ground }
    }

    fn of_images(a: &Inputs<'_>, b: &Inputs<'_>, names: &Names) -> Self {
        let shown = (0..a.images.len()).filter(|image| a.options.image.is_none_or(|only| only == *image));
        let images: Vec<(usize, ComparedImage)> =
            shown.map(|image| (image, image_of(a, b, image, [&names.a, &names.b]))).collect();
        let patches = || images.iter().flat_map(|(_, image)| &image.patches);
        let mut notes: Vec<String> = Vec::new();
        for (image, note) in images.iter().filter_map(|(image, found)| Some((image, found.note.as_ref()?))) {
            notes.push(if images.len() > 1 { format!("Image {image}: {note}") } else { note.clone() });
        }
        if b.images.len() > a.images.len() {
            notes.push(format!("{} has {} images, {} {}", names.b, b.images.len(), names.a, a.images.len()));
        }
        let differs = |image: usize| a.images.get(image).zip(b.images.get(image)).is_some_and(|(a, b)| a != b);
        if images.iter().any(|(image, found)| !found.patches.is_empty() && differs(*image)) {
            notes.push("two different pictures: place by place, not thing by thing".to_owned());
        }
        let scale = patches()
            .next()
            .map(|_| scale(largest(patches().map(ComparedTokens::difference)), &weight_label(a), names));
        let said = tokens_said(a, patches());
        Self { scale, notes, said, found: Found::Images(images), ground: names.ground.clone() }
    }

    fn of_text(a: &Inputs<'_>, b: &Inputs<'_>, names: &Names) -> Self {
        let rows = compared_text(a, b);
        let far = Sides::of(a).map_or(&[][..], |sides| &a.document.sequences[sides.far].tokens);
        // As in the text view, special tokens do not stretch the scale.
        let is_special = |row: &&ComparedTokens| {
            far.get(row.a.clone()).is_some_and(|tokens| tokens.iter().any(|token| token.special))
        };
        let words = largest(rows.iter().filter(|row| !is_special(row)).map(ComparedTokens::difference));
        let all = largest(rows.iter().map(ComparedTokens::difference));
        let scale = scale(if words > 0.0 { words } else { all }, &weight_label(a), names);
        let mut notes = Vec::new();
        for (sign, name, count) in [
            ('−', &names.a, rows.iter().filter(|row| row.b.is_empty()).count()),
            ('+', &names.b, rows.iter().filter(|row| row.a.is_empty()).count()),
        ] {
            if count > 0 {
                notes.push(format!("{sign} in {name} alone: {count}"));
            }
        }
        let said = tokens_said(a, rows.iter());
        Self { scale: Some(scale), notes, said, found: Found::Text(rows), ground: names.ground.clone() }
    }

    /// Draws it into the free room.
    pub fn draw(&self, inputs: &Inputs<'_>, sketch: &mut Sketch<'_>) {
        match (&self.found, &self.scale) {
            (Found::Heads(grid), _) => {
                let options = Options { heads_filter: None, ..inputs.options.clone() };
                heads::draw_grid(&Inputs { options: &options, ..*inputs }, grid, None, sketch);
            }
            (Found::Images(images), scale) => draw_images(inputs, sketch, images, scale.as_ref(), &self.ground),
            (Found::Text(rows), Some(scale)) => draw_text(inputs, sketch, rows, scale),
            (Found::Text(_), None) => {}
            (Found::Nothing(why), _) => sketch.note(why),
        }
    }
}

fn tokens_said<'a>(a: &Inputs<'_>, tokens: impl Iterator<Item = &'a ComparedTokens>) -> Compared {
    let sequence = Sides::of(a).map_or(0, |sides| sides.far);
    let values = tokens.filter_map(|tokens| Some((target_of(tokens, sequence)?, tokens.values)));
    Compared::new(weight_label(a), values)
}

fn target_of(tokens: &ComparedTokens, sequence: usize) -> Option<Target> {
    match tokens.a.len() {
        0 => None,
        1 => Some(Target::Token { sequence, token: tokens.a.start }),
        count => Some(Target::Pieces { sequence, first: tokens.a.start, count }),
    }
}

/// The largest distance from 0; 0 if there is no number.
pub(in crate::view) fn largest(differences: impl Iterator<Item = f32>) -> f32 {
    differences.filter(|difference| difference.is_finite()).map(f32::abs).fold(0.0, f32::max)
}

/// Both sides of 0 alike. Red and blue are told apart by every kind of colour-blind eye.
pub(in crate::view) fn scale(far: f32, unit: &str, names: &Names) -> Scale {
    let far = if far > 0.0 { far } else { 1.0 };
    let difference = format!("{} − {}", names.a, names.b);
    let label = if unit.is_empty() { difference } else { format!("{difference} ({unit})") };
    Scale::plain(Colormap::RedBlue, [-far, far], label)
}

/// How far from 0 a value lies on the scale, from 0 to 1.
fn strength(scale: &Scale, value: f32) -> f32 {
    (scale.position(value) * 2.0 - 1.0).abs()
}

fn draw_images(
    inputs: &Inputs<'_>,
    sketch: &mut Sketch<'_>,
    images: &[(usize, ComparedImage)],
    scale: Option<&Scale>,
    ground: &str,
) {
    let Some(sides) = Sides::of(inputs) else { return };
    let tiles = image::tiles(inputs, &sides);
    if tiles.is_empty() {
        sketch.note("There is no image to show it on.");
        return;
    }
    if !inputs.document.regions.is_empty() {
        // As much room as A's and B's pictures leave for what they say of regions.
        sketch.foot(ground);
    }
    let opacity = inputs.options.opacity.clamp(0.0, 1.0);
    image::draw_pictures(inputs, sketch, &tiles, |sketch, tile, rect| {
        sketch.grey_picture(rect, tile.pixels);
        let found = images.iter().find(|(image, _)| *image == tile.image).map(|(_, found)| found);
        let patches = found.into_iter().flat_map(|found| &found.patches);
        let mut boxes: Vec<(Rect, f32)> = patches
            .filter_map(|patch| {
                let place = tile.far.tokens.iter().position(|&token| token == patch.a.start)?;
                Some((on_picture(tile.far.areas[place], rect), patch.difference()))
            })
            .collect();
        boxes.sort_by(|(a, _), (b, _)| b.size().element_product().total_cmp(&a.size().element_product()));
        for (rect, difference) in boxes {
            if let (Some(scale), Some(color)) = (scale, scale.and_then(|scale| scale.color(difference))) {
                sketch.fill(rect, color.with_opacity(opacity * strength(scale, difference)));
            }
        }
        image::zones(sketch, &tile.far, sides.far, rect);
        image::outlines(sketch, &sides, &tile.far, sides.far, rect);
    });
}

fn draw_text(inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, rows: &[ComparedTokens], scale: &Scale) {
    let Some(sides) = Sides::of(inputs) else { return };
    let chip = |(place, row): (usize, &ComparedTokens)| Chip {
        text: match (row.a.is_empty(), row.b.is_empty()) {
            (false, true) => format!("− {}", row.name),
            (true, false) => format!("+ {}", row.name),
            _ => row.name.clone(),
        },
        tokens: place..place + 1,
        goes_on: false,
        segment: None,
    };
    let words = Flow { heading: None, sequence: sides.far, chips: rows.iter().enumerate().map(chip).collect() };
    let room = sketch.free;
    flow(inputs, sketch, &[words], room, &mut |sketch, _, chip, rect, size| {
        if let Some(row) = rows.get(chip.tokens.start) {
            draw_chip(sketch, &sides, row, &chip.text, rect, size, scale);
        }
    });
}

fn draw_chip(
    sketch: &mut Sketch<'_>,
    sides: &Sides<'_>,
    row: &ComparedTokens,
    text: &str,
    rect: Rect,
    size: f32,
    scale: &Scale,
) {
    let palette = sketch.palette;
    let is_alone = row.a.is_empty() || row.b.is_empty();
    let (fill, ink) = match scale.color(row.difference()) {
        _ if is_alone => (palette.background, palette.muted),
        Some(fill) => (fill, ink_on(fill)),
        None => (palette.missing, palette.muted),
    };
    let (stroke, stroke_width) = if row.a.clone().any(|token| sides.is_selected(sides.far, token)) {
        (palette.selected, 2.5)
    } else if row.a.clone().any(|token| sides.is_hovered(sides.far, token)) {
        (palette.hover, 1.5)
    } else if is_alone {
        (Color::TRANSPARENT, 0.0)
    } else {
        (palette.line, 1.0)
    };
    sketch.quad(Quad { rect, fill, stroke, stroke_width, corner_radius: 4.0 });
    if is_alone && stroke_width == 0.0 {
        sketch.dashed_frame(rect.shrink(0.5), palette.special);
    }
    let text = sketch.elide(text, size, false, rect.size().x - 5.0);
    sketch.label(Vec2::new(rect.center().x, rect.center().y), Align::Center, text, size, ink);
    if let Some(target) = target_of(row, sides.far) {
        sketch.area(rect, target);
    }
}
