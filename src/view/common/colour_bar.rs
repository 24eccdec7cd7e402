//! The bar beside a heatmap that says which colour is which value.

use std::sync::Arc;

use glam::Vec2;

use super::scale::{Scale, decimals, tick_text, ticks};
use super::sketch::Sketch;
use super::zone::ColourBar;
use crate::render::{Align, Color, Heatmap, Mark, Rect, Values};

/// Where the bar lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::view) enum BarSide {
    Right,
    Below,
}

/// Room that is kept free for a bar until it is known what it lies beside.
pub(in crate::view) struct Bar {
    scale: Scale,
    place: BarSide,
    tick_width: f32,
}

const GAP: f32 = 10.0;
const THICKNESS: f32 = 9.0;
const STEPS: usize = 256;
/// Length of the tick at the uniform share.
const UNIFORM_TICK: f32 = 6.0;

impl Bar {
    /// Takes the room from what is free; `None` if bars are off or there is too little room for one.
    pub fn reserve(sketch: &mut Sketch<'_>, scale: &Scale, place: BarSide, shown: bool) -> Option<Self> {
        let room = sketch.free.size();
        if !shown || room.x < 120.0 || room.y < 90.0 {
            return None;
        }
        let small = sketch.text.small;
        let ends = scale.range.map(|value| tick_text(value, decimals(scale.range)));
        let tick_width = ends.iter().map(|text| sketch.width(text, small)).fold(0.0, f32::max);
        match place {
            BarSide::Right => sketch.free.max.x -= GAP + THICKNESS + 5.0 + tick_width + small * 1.6,
            BarSide::Below => sketch.free.max.y -= GAP + THICKNESS + 4.0 + small * 2.6,
        }
        Some(Self { scale: scale.clone(), place, tick_width })
    }

    /// Draws it along an edge of the content; values that are pointed at or selected get a mark.
    pub fn draw(self, sketch: &mut Sketch<'_>, content: Rect, marked: &[(f32, Color)]) {
        let small = sketch.text.small;
        let rect = match self.place {
            BarSide::Right => Rect::at(content.max.x + GAP, content.min.y, THICKNESS, content.size().y),
            BarSide::Below => {
                let width = content.size().x.max(100.0_f32.min(sketch.free.size().x));
                let left = content.min.x.min(sketch.free.max.x - width);
                Rect::at(left, content.max.y + GAP, width, THICKNESS)
            }
        };
        let first = sketch.marks.len();
        self.gradient(sketch, rect);
        let position = |value: f32| self.scale.position(value);
        let line = sketch.palette.line;
        sketch.outline(rect, line, 1.0);
        for &(value, color) in marked.iter().filter(|(value, _)| value.is_finite()) {
            let (from, to) = match self.place {
                BarSide::Right => {
                    let y = rect.max.y - position(value) * rect.size().y;
                    (Vec2::new(rect.min.x - 3.0, y), Vec2::new(rect.max.x + 3.0, y))
                }
                BarSide::Below => {
                    let x = rect.min.x + position(value) * rect.size().x;
                    (Vec2::new(x, rect.min.y - 3.0), Vec2::new(x, rect.max.y + 3.0))
                }
            };
            sketch.line(from, to, 4.0, Color::hex(0x000000));
            sketch.line(from, to, 2.0, color);
        }
        if let Some((value, _)) = self.scale.uniform {
            // At the side where no numbers are.
            let (from, to) = match self.place {
                BarSide::Right => {
                    let y = rect.max.y - position(value) * rect.size().y;
                    (Vec2::new(rect.min.x - UNIFORM_TICK, y), Vec2::new(rect.min.x, y))
                }
                BarSide::Below => {
                    let x = rect.min.x + position(value) * rect.size().x;
                    (Vec2::new(x, rect.min.y - UNIFORM_TICK), Vec2::new(x, rect.min.y))
                }
            };
            sketch.line(from, to, 1.5, sketch.palette.text);
        }
        self.ticks(sketch, rect, position);
        let color = sketch.palette.muted;
        match self.place {
            BarSide::Right => {
                // A bar may be much lower than the view, whose height its label may use.
                let (top, bottom) = (sketch.free.min.y.min(rect.min.y), sketch.free.max.y.max(rect.max.y));
                let label = sketch.elide(&self.scale.label, small, false, bottom - top);
                let half = sketch.width(&label, small) / 2.0;
                let x = rect.max.x + 5.0 + self.tick_width + small * 0.95;
                let y = rect.center().y.min(bottom - half).max(top + half);
                sketch.upright(Vec2::new(x, y), Align::Center, label, small, color);
            }
            BarSide::Below => {
                let label =
                    sketch.elide(&self.scale.label, small, false, rect.size().x.max(sketch.free.size().x * 0.9));
                let width = sketch.width(&label, small);
                let (left, right) = (sketch.free.min.x + width / 2.0, sketch.free.max.x - width / 2.0);
                let x = rect.center().x.min(right).max(left);
                sketch.label(Vec2::new(x, rect.max.y + 4.0 + small * 1.95), Align::Center, label, small, color);
            }
        }
        let is_upright = self.place == BarSide::Right;
        let marks = [first, sketch.marks.len()];
        sketch.bar = Some(ColourBar { rect, is_upright, range: self.scale.range, marks });
    }

    fn gradient(&self, sketch: &mut Sketch<'_>, rect: Rect) {
        let [low, high] = self.scale.range;
        let share = |step: usize| (step as f32 + 0.5) / STEPS as f32;
        let value = |step: usize| low + (high - low) * share(step);
        let (values, rows, columns): (Vec<f32>, u32, u32) = match self.place {
            BarSide::Right => ((0..STEPS).rev().map(value).collect(), STEPS as u32, 1),
            BarSide::Below => ((0..STEPS).map(value).collect(), 1, STEPS as u32),
        };
        if let Some(veil) = self.scale.veil {
            sketch.fill(rect, veil.ground);
        }
        sketch.marks.push(Mark::Heatmap(Heatmap {
            rect,
            values: Values::Host(Arc::new(values)),
            rows,
            columns,
            window: Rect::at(0.0, 0.0, columns as f32, rows as f32),
            range: self.scale.range,
            colormap: self.scale.colormap,
            missing: sketch.palette.missing,
            opacity: self.scale.veil.map_or(1.0, |veil| veil.opacity),
            fade: self.scale.veil.is_some_and(|veil| veil.fades),
            smooth: false,
        }));
    }

    /// Those of the ticks between where they are enough to tell the value.
    fn end_decimals(&self, value: f32, round: usize) -> usize {
        let all = decimals(self.scale.range);
        let unit = 10.0_f32.powi(round as i32);
        let is_round = ((value * unit).round() / unit - value).abs() <= 1e-6 * value.abs();
        if round > 0 && round < all && is_round { round } else { all }
    }

    /// Numbers at both ends, and round ones between them where they do not collide.
    fn ticks(&self, sketch: &mut Sketch<'_>, rect: Rect, position: impl Fn(f32) -> f32) {
        let (small, color, line) = (sketch.text.small, sketch.palette.text, sketch.palette.line);
        let length = if self.place == BarSide::Right { rect.size().y } else { rect.size().x };
        let needed = if self.place == BarSide::Right { small * 1.9 } else { self.tick_width + 8.0 };
        let [low, high] = self.scale.range;
        // The numbers at the ends of a horizontal bar reach inwards with all of their width.
        let beside_end = if self.place == BarSide::Below { needed + self.tick_width * 0.5 } else { needed };
        // As many as have room beside each other and beside the ends: one that is left out of evenly spaced ones misleads.
        let along = |value: f32| position(value) * length;
        let fits = |values: &[f32]| {
            let is_inside = |&value: &f32| along(value) >= beside_end && length - along(value) >= beside_end;
            values.iter().all(is_inside) && values.windows(2).all(|pair| along(pair[1]) - along(pair[0]) >= needed)
        };
        let candidates = |count: usize| {
            let (mut values, round) = ticks(self.scale.range, count);
            // An upper end that is no round number is in no row with them: the last one gives way to it.
            let unit = 10.0_f32.powi(round as i32);
            if ((high * unit).round() / unit - high).abs() > 1e-6 * high.abs() {
                values.retain(|&value| length - along(value) >= beside_end);
            }
            (values, round)
        };
        let most = ((length / needed) as usize).clamp(1, 5);
        let found = (1..=most).rev().map(candidates).find(|(values, _)| fits(values));
        let (between, round) = found.unwrap_or_default();
        let ends = [low, high].map(|value| (value, self.end_decimals(value, round)));
        let has_room = length >= needed;
        let ends = ends.into_iter().filter(|(value, _)| has_room || *value == high);
        for (value, decimals) in ends.chain(between.into_iter().map(|value| (value, round))) {
            let along = along(value);
            let text = tick_text(value, decimals);
            match self.place {
                BarSide::Right => {
                    let y = rect.max.y - along;
                    sketch.line(Vec2::new(rect.max.x, y), Vec2::new(rect.max.x + 3.0, y), 1.0, line);
                    let middle = y.min(rect.max.y - small * 0.4).max(rect.min.y + small * 0.4);
                    sketch.label(Vec2::new(rect.max.x + 5.0, middle), Align::Left, text, small, color);
                }
                BarSide::Below => {
                    let x = rect.min.x + along;
                    sketch.line(Vec2::new(x, rect.max.y), Vec2::new(x, rect.max.y + 3.0), 1.0, line);
                    let align = match value {
                        _ if value == low => Align::Left,
                        _ if value == high => Align::Right,
                        _ => Align::Center,
                    };
                    sketch.label(Vec2::new(x, rect.max.y + 4.0 + small * 0.65), align, text, small, color);
                }
            }
        }
    }
}
