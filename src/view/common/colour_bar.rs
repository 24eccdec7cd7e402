//! The bar beside a heatmap that says which colour is which value.

use std::sync::Arc;

use glam::Vec2;

use super::sketch::Sketch;
use crate::render::colormap::Colormap;
use crate::render::{Align, Color, Heatmap, Mark, Rect, Values};

/// From values to colours, and what the values are.
#[derive(Clone, Debug)]
pub(in crate::view) struct Scale {
    pub colormap: Colormap,
    /// The values at the ends, the smaller one first.
    pub range: [f32; 2],
    /// Whether small values have the colours of the colormap's high end.
    pub reversed: bool,
    /// Whether small values let through what lies under them.
    pub fades: bool,
    pub label: String,
}

/// A bar as the pointer finds it: a drag along it chooses values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColourBar {
    /// Where.
    pub rect: Rect,
    /// Whether values rise upwards, or to the right.
    pub is_upright: bool,
    /// The values at the ends, the smaller one first.
    pub range: [f32; 2],
}

impl ColourBar {
    /// The value at a place, and at the nearer end beyond it.
    pub fn value(&self, at: Vec2) -> f32 {
        let along = (at - self.rect.min) / self.rect.size().max(Vec2::splat(1e-6));
        let share = if self.is_upright { 1.0 - along.y } else { along.x }.clamp(0.0, 1.0);
        self.range[0] + (self.range[1] - self.range[0]) * share
    }

    /// The part of the bar that lies between two values.
    pub fn part(&self, low: f32, high: f32) -> Rect {
        let span = (self.range[1] - self.range[0]).max(f32::MIN_POSITIVE);
        let [low, high] = [low, high].map(|value| ((value - self.range[0]) / span).clamp(0.0, 1.0));
        let (Rect { min, max }, size) = (self.rect, self.rect.size());
        if self.is_upright {
            Rect { min: Vec2::new(min.x, max.y - high * size.y), max: Vec2::new(max.x, max.y - low * size.y) }
        } else {
            Rect { min: Vec2::new(min.x + low * size.x, min.y), max: Vec2::new(min.x + high * size.x, max.y) }
        }
    }

    /// Whether a drag that begins here chooses values.
    pub fn grips(&self, at: Vec2) -> bool {
        self.rect.shrink(-5.0).contains(at)
    }
}

/// Where the bar lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::view) enum Place {
    Right,
    Below,
}

/// Room that is kept free for a bar until it is known what it lies beside.
pub(in crate::view) struct Bar {
    scale: Scale,
    place: Place,
    tick_width: f32,
}

const GAP: f32 = 10.0;
const THICKNESS: f32 = 9.0;
const STEPS: usize = 256;

impl Scale {
    /// Small values have the colours of the colormap's low end, and cover what lies under them.
    pub fn plain(colormap: Colormap, range: [f32; 2], label: String) -> Self {
        Self { colormap, range, reversed: false, fades: false, label }
    }

    /// From 0 at the low end of the range to 1 at its high end; not a number if the value is not.
    pub fn position(&self, value: f32) -> f32 {
        ((value - self.range[0]) / (self.range[1] - self.range[0])).clamp(0.0, 1.0)
    }

    /// The colour of a value; `None` if it is not a number.
    pub fn color(&self, value: f32) -> Option<Color> {
        let position = self.position(value);
        let [r, g, b] = self.colormap.rgb(if self.reversed { 1.0 - position } else { position });
        (!position.is_nan()).then_some(Color([r, g, b, 255]))
    }
}

impl Bar {
    /// Takes the room from what is free; `None` if bars are off or there is too little room for one.
    pub fn reserve(sketch: &mut Sketch<'_>, scale: &Scale, place: Place, shown: bool) -> Option<Self> {
        let room = sketch.free.size();
        if !shown || room.x < 120.0 || room.y < 90.0 {
            return None;
        }
        let small = sketch.text.small;
        let ends = scale.range.map(|value| tick_text(value, decimals(scale.range)));
        let tick_width = ends.iter().map(|text| sketch.width(text, small)).fold(0.0, f32::max);
        match place {
            Place::Right => sketch.free.max.x -= GAP + THICKNESS + 5.0 + tick_width + small * 1.6,
            Place::Below => sketch.free.max.y -= GAP + THICKNESS + 4.0 + small * 2.6,
        }
        Some(Self { scale: scale.clone(), place, tick_width })
    }

    /// Draws it along an edge of the content; values that are pointed at or selected get a mark.
    pub fn draw(self, sketch: &mut Sketch<'_>, content: Rect, marked: &[(f32, Color)]) {
        let small = sketch.text.small;
        let rect = match self.place {
            Place::Right => {
                let height = content.size().y.min(420.0);
                Rect::at(content.max.x + GAP, content.min.y, THICKNESS, height)
            }
            Place::Below => {
                let width = content.size().x.clamp(100.0_f32.min(sketch.free.size().x), 420.0);
                let left = content.min.x.min(sketch.free.max.x - width);
                Rect::at(left, content.max.y + GAP, width, THICKNESS)
            }
        };
        sketch.bar = Some(ColourBar { rect, is_upright: self.place == Place::Right, range: self.scale.range });
        self.gradient(sketch, rect);
        let position = |value: f32| self.scale.position(value);
        let line = sketch.palette.line;
        sketch.outline(rect, line, 1.0);
        for &(value, color) in marked.iter().filter(|(value, _)| value.is_finite()) {
            let (from, to) = match self.place {
                Place::Right => {
                    let y = rect.max.y - position(value) * rect.size().y;
                    (Vec2::new(rect.min.x - 3.0, y), Vec2::new(rect.max.x + 3.0, y))
                }
                Place::Below => {
                    let x = rect.min.x + position(value) * rect.size().x;
                    (Vec2::new(x, rect.min.y - 3.0), Vec2::new(x, rect.max.y + 3.0))
                }
            };
            sketch.line(from, to, 4.0, Color::hex(0x000000));
            sketch.line(from, to, 2.0, color);
        }
        self.ticks(sketch, rect, position);
        let color = sketch.palette.muted;
        match self.place {
            Place::Right => {
                // A bar may be much lower than the view, whose height its label may use.
                let (top, bottom) = (sketch.free.min.y.min(rect.min.y), sketch.free.max.y.max(rect.max.y));
                let label = sketch.elide(&self.scale.label, small, false, bottom - top);
                let half = sketch.width(&label, small) / 2.0;
                let x = rect.max.x + 5.0 + self.tick_width + small * 0.95;
                let y = rect.center().y.min(bottom - half).max(top + half);
                sketch.upright(Vec2::new(x, y), Align::Center, label, small, color);
            }
            Place::Below => {
                let label =
                    sketch.elide(&self.scale.label, small, false, rect.size().x.max(sketch.free.size().x * 0.9));
                let width = sketch.width(&label, small);
                let (left, right) = (sketch.free.min.x + width / 2.0, sketch.free.max.x - width / 2.0);
                let x = rect.center().x.min(right).max(left);
                sketch.label(Vec2::new(x, rect.max.y + 4.0 + small * 1.95), Align::Center, label, small, color);
            }
        }
    }

    fn gradient(&self, sketch: &mut Sketch<'_>, rect: Rect) {
        let [low, high] = self.scale.range;
        let share = |step: usize| (step as f32 + 0.5) / STEPS as f32;
        let value =
            |step: usize| low + (high - low) * if self.scale.reversed { 1.0 - share(step) } else { share(step) };
        let (values, rows, columns): (Vec<f32>, u32, u32) = match self.place {
            Place::Right => ((0..STEPS).rev().map(value).collect(), STEPS as u32, 1),
            Place::Below => ((0..STEPS).map(value).collect(), 1, STEPS as u32),
        };
        sketch.marks.push(Mark::Heatmap(Heatmap {
            rect,
            values: Values::Host(Arc::new(values)),
            rows,
            columns,
            window: Rect::at(0.0, 0.0, columns as f32, rows as f32),
            range: self.scale.range,
            colormap: self.scale.colormap,
            missing: sketch.palette.missing,
            opacity: 1.0,
            fade: self.scale.fades,
            smooth: false,
        }));
    }

    /// Numbers at both ends, and round ones between them where they do not collide.
    fn ticks(&self, sketch: &mut Sketch<'_>, rect: Rect, position: impl Fn(f32) -> f32) {
        let (small, color, line) = (sketch.text.small, sketch.palette.text, sketch.palette.line);
        let length = if self.place == Place::Right { rect.size().y } else { rect.size().x };
        let needed = if self.place == Place::Right { small * 1.9 } else { self.tick_width + 8.0 };
        let [low, high] = self.scale.range;
        let (between, round) = ticks(self.scale.range, ((length / needed) as usize).clamp(1, 5));
        let between = between.into_iter().map(|value| (value, round));
        let ends = [low, high].map(|value| (value, decimals(self.scale.range)));
        let mut placed: Vec<f32> = Vec::new();
        for (value, decimals) in ends.into_iter().chain(between) {
            let along = position(value) * length;
            // The numbers at the ends of a horizontal bar reach inwards with all of their width.
            let beside_end = if self.place == Place::Below { self.tick_width * 0.5 } else { 0.0 };
            let collides = |(index, other): (usize, &f32)| {
                (other - along).abs() < needed + if index < 2 && placed.len() > 1 { beside_end } else { 0.0 }
            };
            if placed.iter().enumerate().any(collides) {
                continue;
            }
            placed.push(along);
            let text = tick_text(value, decimals);
            match self.place {
                Place::Right => {
                    let y = rect.max.y - along;
                    sketch.line(Vec2::new(rect.max.x, y), Vec2::new(rect.max.x + 3.0, y), 1.0, line);
                    let middle = y.min(rect.max.y - small * 0.4).max(rect.min.y + small * 0.4);
                    sketch.label(Vec2::new(rect.max.x + 5.0, middle), Align::Left, text, small, color);
                }
                Place::Below => {
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

/// Round values strictly inside a range, about `count` of them, and the decimals that they need.
pub(in crate::view) fn ticks(range: [f32; 2], count: usize) -> (Vec<f32>, usize) {
    let (low, high) = (range[0].min(range[1]), range[0].max(range[1]));
    let span = high - low;
    if !(span > 0.0 && span.is_finite()) {
        return (Vec::new(), 2);
    }
    let rough = span / (count as f32 + 1.0);
    let power = rough.log10().floor();
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * 10.0_f32.powf(power));
    let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(steps[3]);
    let first = (low / step).floor() as i64 + 1;
    let values = (first..first + 20).map(|i| i as f32 * step).take_while(|value| *value < high - span * 1e-4).collect();
    (values, (-step.log10().floor()).clamp(0.0, 7.0) as usize)
}

/// The decimals that give the width of a range three digits.
pub(in crate::view) fn decimals(range: [f32; 2]) -> usize {
    let span = (range[1] - range[0]).abs();
    if span > 0.0 { (2.0 - span.log10().floor()).clamp(0.0, 7.0) as usize } else { 2 }
}

/// A number at an axis, with a true minus sign.
pub(in crate::view) fn tick_text(value: f32, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let rounds_to_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    match value {
        0.0 => "0".to_owned(),
        _ if value < 0.0 && !rounds_to_zero => format!("−{text}"),
        _ => text,
    }
}
