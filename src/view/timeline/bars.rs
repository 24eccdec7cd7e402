//! A stacked bar of the four masses, its axis and its colours.

use glam::Vec2;

use crate::analysis::timeline::TokenGroup;
use crate::render::{Align, Color, Rect};
use crate::trace::Token;
use crate::view::Palette;
use crate::view::common::scale::tick_text;
use crate::view::common::sketch::Sketch;
use crate::view::common::words::word;

/// The colour of a group.
pub(super) fn color(palette: &Palette, group: TokenGroup) -> Color {
    match group {
        TokenGroup::Image => palette.patch,
        TokenGroup::Prompt => palette.word,
        TokenGroup::Output => palette.output,
        TokenGroup::Sink => palette.special,
    }
}

/// One bar, from the bottom up; struck through where the masses are NaN.
pub(super) fn stack(sketch: &mut Sketch<'_>, rect: Rect, masses: Option<[f32; 4]>) {
    let Some(masses) = masses.filter(|masses| masses.iter().all(|mass| !mass.is_nan())) else {
        return sketch.struck(rect);
    };
    let mut bottom = rect.max.y;
    for group in TokenGroup::ALL {
        let top = (bottom - masses[group as usize] * rect.size().y).clamp(rect.min.y, bottom);
        let bar = Rect { min: Vec2::new(rect.min.x, top), max: Vec2::new(rect.max.x, bottom) };
        sketch.fill(bar, color(sketch.palette, group));
        bottom = top;
    }
}

/// 0 to 1 at the left of bars, and what it is.
pub(super) fn share_axis(sketch: &mut Sketch<'_>, bars: Rect) {
    let (small, muted, line) = (sketch.text.small, sketch.palette.muted, sketch.palette.line);
    let (left, height) = (bars.min.x, bars.size().y);
    for share in [0.0, 0.5, 1.0] {
        if (share == 0.5 && height < small * 5.0) || height < small * 2.0 {
            continue;
        }
        let y = bars.max.y - share * height;
        sketch.line(Vec2::new(left - 3.0, y), Vec2::new(left, y), 1.0, line);
        let middle = y.clamp(bars.min.y + small * 0.4, bars.max.y - small * 0.4);
        let text = tick_text(share, if share == 0.5 { 1 } else { 0 });
        sketch.label(Vec2::new(left - 5.0, middle), Align::Right, text, small, muted);
    }
    axis_name(sketch, bars, "share");
}

pub(super) fn axis_name(sketch: &mut Sketch<'_>, rect: Rect, name: &str) {
    let (small, muted) = (sketch.text.small, sketch.palette.muted);
    let name = sketch.elide(name, small, false, rect.size().y);
    sketch.upright(Vec2::new(sketch.free.min.x + small * 0.6, rect.center().y), Align::Center, name, small, muted);
}

pub(super) fn name(tokens: &[Token], token: usize) -> String {
    tokens.get(token).and_then(Token::label).map(word).unwrap_or_default()
}
