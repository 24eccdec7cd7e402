//! Several drawings as one figure: in rows, a letter beside each, words beneath.

use glam::Vec2;

use super::Options;
use super::common::sketch::Sketch;
use super::common::tip::Facts;
use crate::render::{Align, Drawing, Fonts, Label, Mark};

/// Between panels, in logical pixels.
const GAP: f32 = 20.0;
/// Between a letter and its panel.
const BESIDE_LETTER: f32 = 6.0;

/// One panel of a figure.
#[derive(Clone, Debug)]
pub struct ComposedPanel {
    /// Its picture, cropped.
    pub drawing: Drawing,
    /// What stands beneath the figure about it, behind its letter.
    pub words: Option<String>,
}

/// Panels beside and below each other, their left upper corners in line. `words` stand beneath all.
pub fn compose(
    panels: &[ComposedPanel],
    columns: usize,
    letters: bool,
    words: Option<String>,
    options: &Options,
    fonts: &mut Fonts,
) -> Drawing {
    let options = Options { is_cropped: true, ..options.clone() };
    let columns = columns.clamp(1, panels.len().max(1));
    let rows = panels.len().div_ceil(columns);
    let largest = |sizes: &mut dyn Iterator<Item = f32>| sizes.fold(0.0, f32::max);
    let size_of = |panel: usize| panels.get(panel).map_or(Vec2::ZERO, |panel| panel.drawing.size);
    let letters: Vec<String> =
        (0..panels.len()).map(|panel| if letters { letter(panel) } else { String::new() }).collect();
    let title = Sketch::plain(&options, Vec2::ONE, fonts).text.title;
    let widest = largest(&mut letters.iter().map(|letter| fonts.width(letter, title, true)));
    let beside = if widest > 0.0 { widest + BESIDE_LETTER } else { 0.0 };
    let widths: Vec<f32> = (0..columns)
        .map(|column| beside + largest(&mut (0..rows).map(|row| size_of(row * columns + column).x)))
        .collect();
    let heights: Vec<f32> =
        (0..rows).map(|row| largest(&mut (0..columns).map(|column| size_of(row * columns + column).y))).collect();
    let before = |sizes: &[f32], place: usize| sizes[..place].iter().map(|size| size + GAP).sum::<f32>();
    let size = Vec2::new(before(&widths, columns), before(&heights, rows));
    let mut sketch = Sketch::plain(&options, size, fonts);
    for (place, panel) in panels.iter().enumerate() {
        let min = Vec2::new(before(&widths, place % columns), before(&heights, place / columns));
        for mut mark in panel.drawing.marks.iter().cloned() {
            mark.shift(min + Vec2::new(beside, 0.0));
            sketch.marks.push(mark);
        }
        let letter = &letters[place];
        if !letter.is_empty() {
            // In line with the title of its panel, or else at the upper edge of the picture.
            let (at, color) = (min + Vec2::new(0.0, title * 0.9), sketch.palette.text);
            let (align, text) = (Align::Left, letter.clone());
            let label = Label { at, align, text, size: title, bold: true, color, clip: None, upright: false };
            sketch.marks.push(Mark::Label(label));
        }
        if let Some(words) = &panel.words {
            let before = if letter.is_empty() { String::new() } else { format!("{letter}\u{a0}\u{a0}") };
            sketch.foot(&format!("{before}{words}"));
        }
    }
    if let Some(words) = words {
        sketch.stand_beneath(words);
    }
    sketch.finish(Facts::default()).drawing
}

/// a to z, and then aa, ab and on.
pub fn letter(place: usize) -> String {
    let own = char::from(b'a' + (place % 26) as u8);
    match place / 26 {
        0 => own.to_string(),
        round => format!("{}{own}", letter(round - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Color, Quad, Rect};

    fn panel(width: f32, height: f32) -> ComposedPanel {
        let (fill, stroke) = (Color::hex(0x336699), Color::TRANSPARENT);
        let rect = Rect::at(4.0, 4.0, width - 8.0, height - 8.0);
        let quad = Mark::Quad(Quad { rect, fill, stroke, stroke_width: 0.0, corner_radius: 0.0 });
        let drawing = Drawing { size: Vec2::new(width, height), background: Color::hex(0xffffff), marks: vec![quad] };
        ComposedPanel { drawing, words: None }
    }

    fn quads(drawing: &Drawing) -> Vec<Rect> {
        let rect = |mark: &Mark| if let Mark::Quad(quad) = mark { Some(quad.rect) } else { None };
        drawing.marks.iter().filter_map(rect).collect()
    }

    #[test]
    fn panels_lie_in_rows_with_their_corners_in_line() {
        let panels = [panel(100.0, 50.0), panel(60.0, 80.0), panel(40.0, 40.0)];
        let drawing = compose(&panels, 2, true, None, &Options::default(), &mut Fonts::new());
        let quads = quads(&drawing);
        assert_eq!((quads[0].min.y, quads[0].min.x), (quads[1].min.y, quads[2].min.x));
        assert!(quads[1].min.x >= quads[0].max.x + GAP && quads[2].min.y >= quads[1].max.y + GAP, "{quads:?}");
        let letters: Vec<&str> = drawing
            .marks
            .iter()
            .filter_map(|mark| if let Mark::Label(label) = mark { Some(label.text.as_str()) } else { None })
            .collect();
        assert_eq!(letters, ["a", "b", "c"]);
        let without =
            compose(&panels, 3, false, Some("All that there is".to_owned()), &Options::default(), &mut Fonts::new());
        assert!(without.size.y > 80.0, "the words stand beneath");
        assert_eq!(without.marks.iter().filter(|mark| matches!(mark, Mark::Label(_))).count(), 1);
    }

    #[test]
    fn letters_go_on_behind_z() {
        assert_eq!([0, 25, 26, 27, 52].map(letter), ["a", "z", "aa", "ab", "ba"]);
        let none = compose(&[], 3, true, None, &Options::default(), &mut Fonts::new());
        assert!(none.marks.is_empty());
    }
}
