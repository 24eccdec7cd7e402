//! The frames of a video in the order of their times, as a strip above the picture: each under its heat, with what lies on it as a bar below.
//! One of them is the picture: the one that was chosen, or the one with most.

use glam::Vec2;

use super::pictures::{Tile, aspect, heat_over};
use crate::render::{Align, Rect};
use crate::trace::{Content, Token};
use crate::view::common::scale::{Scale, tick_text};
use crate::view::common::sides::{Sides, is_signed, largest, noun};
use crate::view::common::sketch::Sketch;
use crate::view::common::tip::number;
use crate::view::{Inputs, Target};

/// So many images with a time are a video.
const LEAST: usize = 3;
/// Of a frame, in logical pixels; narrower ones have their bar alone.
const WIDTHS: [f32; 2] = [14.0, 110.0];
/// Heights of the bars and of the line below them, in heights of letters.
const BARS: f32 = 3.0;
const LINE: f32 = 1.6;

/// The frames of a video, and what lies on each.
pub(super) struct Frames {
    images: Vec<usize>,
    masses: Vec<f32>,
    /// Which is the picture.
    pub shown: usize,
}

impl Frames {
    /// `None` where there is no video, or too little room for a strip.
    pub fn of(inputs: &Inputs<'_>, sketch: &Sketch<'_>, sides: &Sides<'_>, tiles: &[Tile<'_>]) -> Option<Self> {
        let time = |image: usize| inputs.document.image_times.get(image).copied().flatten();
        let mut images: Vec<usize> =
            tiles.iter().map(|tile| tile.image).filter(|&image| time(image).is_some()).collect();
        if images.len() < LEAST || sketch.free.size().y < sketch.text.small * 22.0 {
            return None;
        }
        images.sort_by(|&a, &b| time(a).unwrap_or(0.0).total_cmp(&time(b).unwrap_or(0.0)));
        let masses: Vec<f32> = images.iter().map(|&image| mass(inputs, sides, image)).collect();
        let chosen = inputs.options.image.filter(|image| images.contains(image));
        let most = (0..images.len()).max_by(|&a, &b| masses[a].abs().total_cmp(&masses[b].abs()));
        let shown = chosen.or_else(|| most.map(|place| images[place]))?;
        Some(Self { images, masses, shown })
    }

    /// Takes the strip from the top of the free room.
    pub fn draw(
        &self,
        inputs: &Inputs<'_>,
        sketch: &mut Sketch<'_>,
        weights: &[f32],
        tiles: &[Tile<'_>],
        scale: &Scale,
    ) {
        let (small, palette, room) = (sketch.text.small, sketch.palette, sketch.free);
        let step = (room.size().x / self.images.len() as f32).min(WIDTHS[1]);
        let ratio = tiles.first().map_or(1.0, aspect);
        let has_pictures = step >= WIDTHS[0];
        let height = if has_pictures { ((step - 2.0) / ratio).min(room.size().y * 0.2) } else { 0.0 };
        let (top, bars) = (room.min.y, room.min.y + height + 3.0);
        let base = if is_signed(inputs) { bars + small * BARS / 2.0 } else { bars + small * BARS };
        let full = if is_signed(inputs) { small * BARS / 2.0 } else { small * BARS };
        let most = largest(self.masses.iter().copied());
        sketch.fill(Rect::at(room.min.x, bars, step * self.images.len() as f32, small * BARS), palette.surface);
        let mut said = Vec::new();
        for (place, (&image, &mass)) in self.images.iter().zip(&self.masses).enumerate() {
            let left = room.min.x + step * place as f32;
            let rect = Rect::at(left + 1.0, top, step - 2.0, height);
            if let Some(tile) = tiles.iter().find(|tile| tile.image == image).filter(|_| has_pictures) {
                match weights.is_empty() {
                    false => heat_over(inputs, sketch, weights, (tile.pixels, &tile.layers), rect, scale),
                    true => sketch.picture(rect, tile.pixels),
                }
            }
            let length = if most > 0.0 { mass / most * full } else { 0.0 };
            let [from, to] = [base.min(base - length), base.max(base - length)];
            sketch.fill(Rect::at(left + step * 0.1, from, step * 0.8, to - from), palette.patch);
            let target = Target::Frame { image };
            let column = Rect::at(left, top, step, bars + small * BARS - top);
            sketch.area(column, target);
            if image == self.shown {
                sketch.mark_cell(column.shrink(1.0), palette.selected, 1.5);
            } else if inputs.hover == Some(target) {
                sketch.mark_cell(column.shrink(1.0), palette.hover, 1.0);
            }
            said.push((target, mass));
        }
        if !weights.is_empty() {
            sketch.say("sum over the frame", said);
        }
        let end = bars + small * BARS;
        self.line(inputs, sketch, Rect::at(room.min.x, end, step * self.images.len() as f32, small * LINE), most);
        sketch.free.min.y = end + small * (LINE + 0.4);
    }

    /// The first and the last time, and what the bars are.
    fn line(&self, inputs: &Inputs<'_>, sketch: &mut Sketch<'_>, rect: Rect, most: f32) {
        let (small, muted) = (sketch.text.small, sketch.palette.muted);
        let seconds = |image: Option<&usize>| {
            let time = image.and_then(|&image| inputs.document.image_times.get(image).copied().flatten());
            time.map_or_else(String::new, |time| format!("{} s", tick_text(time, 1)))
        };
        let [first, last] = [seconds(self.images.first()), seconds(self.images.last())];
        let ends = sketch.width(&first, small) + sketch.width(&last, small) + 16.0;
        let middle = rect.center().y;
        sketch.label(Vec2::new(rect.min.x, middle), Align::Left, first, small, muted);
        sketch.label(Vec2::new(rect.max.x, middle), Align::Right, last, small, muted);
        let top = if most > 0.0 { format!(", up to {}", number(most)) } else { String::new() };
        let words = format!("{} on each frame{top}", noun(inputs));
        let words = sketch.elide(&words, small, false, rect.size().x - ends);
        sketch.label(Vec2::new(rect.center().x, middle), Align::Center, words, small, muted);
    }
}

/// The sum over the tokens of a frame; what stands for several merged frames counts to each in part.
fn mass(inputs: &Inputs<'_>, sides: &Sides<'_>, image: usize) -> f32 {
    let tokens = &inputs.document.sequences[sides.far].tokens;
    let of_token = |(token, weight): (&Token, &f32)| match &token.content {
        Content::Image { images, .. } if images.contains(&image) && !weight.is_nan() => *weight / images.len() as f32,
        _ => 0.0,
    };
    tokens.iter().zip(sides.weights).map(of_token).sum()
}
