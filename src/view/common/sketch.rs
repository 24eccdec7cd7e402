//! What views draw on: marks and zones as they are laid down, the room that is still free, and text that fits.

use std::sync::Arc;

use glam::Vec2;

use super::tip::{Facts, KnownCells, Pinned, Said};
use crate::query::StatisticGrid;
use crate::render::{Align, Color, Drawing, Fonts, Label, Line, Mark, Picture, Pixels, Quad, Rect, extent_of};
use crate::trace::{Area, LINE_LETTERS, beginning};
use crate::view::{ColourBar, Inputs, Options, Palette, Scene, Target, Zone};

/// A drawing in the making.
pub(in crate::view) struct Sketch<'a> {
    pub marks: Vec<Mark>,
    pub zones: Vec<Zone>,
    pub palette: &'static Palette,
    /// What is not used yet.
    pub free: Rect,
    /// The part that zooms and pans.
    pub content: Rect,
    /// The colour bar, once it is drawn.
    pub bar: Option<ColourBar>,
    /// What this view says of heads.
    pub said: Option<Said>,
    /// The statistic that it shows.
    pub grid: Option<StatisticGrid>,
    /// The weights that it shows cell by cell.
    pub cells: Option<KnownCells>,
    /// What pins say of the same things.
    pub pinned: Option<Pinned>,
    /// How many rows of text lie beyond the view: how far it scrolls.
    pub rows_beyond: f32,
    /// Font sizes in logical pixels.
    pub text: TextSizes,
    /// Whether it is a part of a larger drawing, which says what is shown.
    pub is_part: bool,
    /// Whether its empty edges are cut off in the end.
    pub is_cropped: bool,
    /// What stands beneath a figure, once its lower edge is known.
    feet: Vec<String>,
    /// Of a figure: it comes last.
    caption: Option<String>,
    size: Vec2,
    fonts: &'a mut Fonts,
}

/// Font sizes in logical pixels.
#[derive(Clone, Copy)]
pub(in crate::view) struct TextSizes {
    pub title: f32,
    pub normal: f32,
    pub small: f32,
}

/// All of an image.
const WHOLE: Area = Area { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
/// Between the drawing's edge and what is drawn.
pub(in crate::view) const MARGIN: f32 = 8.0;
/// The same of a figure, which stands in a margin of the page's.
const MARGIN_OF_FIGURE: f32 = 4.0;
/// What stands beneath a figure is at least so wide.
const NARROWEST_FOOT: f32 = 320.0;

impl<'a> Sketch<'a> {
    pub fn new(inputs: &Inputs<'_>, fonts: &'a mut Fonts) -> Self {
        Self::plain(inputs.options, inputs.size, fonts)
    }

    /// For what is not drawn from a trace.
    pub fn plain(options: &Options, size: Vec2, fonts: &'a mut Fonts) -> Self {
        let scale = if options.font_scale.is_nan() { 1.0 } else { options.font_scale.clamp(0.5, 4.0) };
        let size = size.max(Vec2::ONE);
        let margin = MARGIN.min(size.min_element() / 8.0);
        let free = Rect { min: Vec2::ZERO, max: size }.shrink(margin);
        Self {
            marks: Vec::new(),
            zones: Vec::new(),
            palette: options.theme.palette(),
            free,
            content: free,
            bar: None,
            said: None,
            grid: None,
            cells: None,
            pinned: None,
            rows_beyond: 0.0,
            is_part: false,
            is_cropped: options.is_cropped,
            feet: Vec::new(),
            caption: None,
            text: TextSizes { title: 13.0 * scale, normal: 12.0 * scale, small: 10.5 * scale },
            size,
            fonts,
        }
    }

    /// What tips are made of.
    pub fn facts(&mut self, inputs: &Inputs<'_>) -> Facts {
        let facts = Facts::new(inputs, self.said.take(), self.grid.take(), self.cells.take());
        match self.pinned.take() {
            Some(pinned) => facts.of_pins(pinned),
            None => facts,
        }
    }

    pub fn finish(mut self, facts: Facts) -> Scene {
        if self.is_cropped {
            self.crop();
        }
        let drawing = Drawing { size: self.size, background: self.palette.background, marks: self.marks };
        Scene { drawing, zones: self.zones, content: self.content, bar: self.bar, rows_beyond: self.rows_beyond, facts }
    }

    /// Cuts the empty edges off, and puts what stands beneath under the marks.
    fn crop(&mut self) {
        let Some(seen) = extent_of(&self.marks, self.palette.background, self.fonts) else { return };
        // What reaches beyond the room is not seen.
        let mut extent = within(seen, self.bounds());
        let (size, room) = (self.text.small, extent.size().x.max(NARROWEST_FOOT.min(self.size.x - 2.0 * MARGIN)));
        for foot in std::mem::take(&mut self.feet).into_iter().chain(self.caption.take()) {
            extent.max.y += size * 0.35;
            // A line ends behind a dot, and does not begin with one.
            for line in self.wrap(&foot.replace(" · ", "\u{a0}· "), size, room) {
                let (line, at) = (line.replace('\u{a0}', " "), Vec2::new(extent.min.x, extent.max.y + size * 0.725));
                extent.max.x = extent.max.x.max(extent.min.x + self.width(&line, size));
                extent.max.y += size * 1.45;
                self.label(at, Align::Left, line, size, self.palette.muted);
            }
        }
        let by = (Vec2::splat(MARGIN_OF_FIGURE) - extent.min).round();
        self.marks.iter_mut().for_each(|mark| mark.shift(by));
        self.size = (extent.max + by + MARGIN_OF_FIGURE).ceil();
        self.content = self.content.shifted(by);
        self.bar = self.bar.map(|bar| ColourBar { rect: bar.rect.shifted(by), ..bar });
        // Nothing points at a figure.
        self.zones.clear();
    }

    /// The whole drawing.
    pub fn bounds(&self) -> Rect {
        Rect { min: Vec2::ZERO, max: self.size }
    }

    pub fn width(&mut self, text: &str, size: f32) -> f32 {
        self.fonts.width(text, size, false)
    }

    /// The text, or as much of its beginning as fits, with an ellipsis; empty if not even that fits.
    pub fn elide(&mut self, text: &str, size: f32, bold: bool, room: f32) -> String {
        self.fonts.elide(text, size, bold, room)
    }

    pub fn label(&mut self, at: Vec2, align: Align, text: impl Into<String>, size: f32, color: Color) {
        self.push_label(Label { at, align, text: text.into(), size, bold: false, color, clip: None, upright: false });
    }

    /// A label that reads upwards, centred on a place.
    pub fn upright(&mut self, at: Vec2, align: Align, text: impl Into<String>, size: f32, color: Color) {
        self.push_label(Label { at, align, text: text.into(), size, bold: false, color, clip: None, upright: true });
    }

    fn push_label(&mut self, mut label: Label) {
        label.text.truncate(beginning(&label.text, LINE_LETTERS).len());
        if !label.text.is_empty() {
            self.marks.push(Mark::Label(label));
        }
    }

    pub fn fill(&mut self, rect: Rect, fill: Color) {
        self.quad(Quad { rect, fill, stroke: Color::TRANSPARENT, stroke_width: 0.0, corner_radius: 0.0 });
    }

    /// An outline that lies inside of the rectangle.
    pub fn outline(&mut self, rect: Rect, stroke: Color, stroke_width: f32) {
        self.quad(Quad { rect, fill: Color::TRANSPARENT, stroke, stroke_width, corner_radius: 0.0 });
    }

    /// An outline around a cell that is seen on every colour of a heatmap: a bright line between dark ones.
    pub fn mark_cell(&mut self, rect: Rect, color: Color, width: f32) {
        let halo = Color::hex(0x000000).with_opacity(0.75);
        let bounds = Rect { min: Vec2::ZERO, max: self.size };
        self.outline(within(rect.shrink(-width - 1.0), bounds), halo, width + 1.5);
        self.outline(within(rect.shrink(-width), bounds), color, width);
    }

    /// In the place of a value that is missing: a cross on a ground of its own.
    pub fn struck(&mut self, rect: Rect) {
        let (missing, stroke) = (self.palette.missing, self.palette.missing_stroke);
        self.fill(rect, missing);
        let (Vec2 { x: left, y: top }, Vec2 { x: right, y: bottom }) = (rect.min, rect.max);
        self.line(Vec2::new(left, bottom), Vec2::new(right, top), 1.0, stroke);
        self.line(rect.min, rect.max, 1.0, stroke);
    }

    pub fn quad(&mut self, quad: Quad) {
        if quad.rect.size().cmpgt(Vec2::ZERO).all() {
            self.marks.push(Mark::Quad(quad));
        }
    }

    pub fn line(&mut self, from: Vec2, to: Vec2, width: f32, color: Color) {
        self.marks.push(Mark::Line(Line { from, to, width, color, dash: 0.0 }));
    }

    pub fn dashed_frame(&mut self, rect: Rect, color: Color) {
        let Rect { min, max } = rect;
        let corners = [min, Vec2::new(max.x, min.y), max, Vec2::new(min.x, max.y), min];
        for pair in corners.windows(2) {
            self.marks.push(Mark::Line(Line { from: pair[0], to: pair[1], width: 1.25, color, dash: 4.0 }));
        }
    }

    /// A whole image; magnified pixels stay squares.
    pub fn picture(&mut self, rect: Rect, pixels: &Arc<Pixels>) {
        self.part_of_picture(rect, pixels, WHOLE, false);
    }

    /// The same in grey, under colours that are not its own.
    pub fn grey_picture(&mut self, rect: Rect, pixels: &Arc<Pixels>) {
        self.part_of_picture(rect, pixels, WHOLE, true);
    }

    /// The part of an image in its place on the whole one, which has this rectangle.
    pub fn part_of_picture(&mut self, whole: Rect, pixels: &Arc<Pixels>, part: Area, grey: bool) {
        let smooth = whole.size().x < pixels.width as f32 * 2.0;
        let rect = on_picture(part, whole);
        let part = Rect { min: Vec2::new(part.x0, part.y0), max: Vec2::new(part.x1, part.y1) };
        self.marks.push(Mark::Picture(Picture { rect, pixels: pixels.clone(), part, opacity: 1.0, smooth, grey }));
    }

    /// Strokes over a cell without a value that let through what lies under them.
    pub fn hatched(&mut self, rect: Rect) {
        let (color, size) = (self.palette.missing_stroke, rect.size());
        let lines = (size.max_element() / 6.0).round().clamp(1.0, 8.0);
        for line in 0..lines as usize {
            // From the left and upper edge to the right and lower one: a share of the way around the corner.
            let along = (line as f32 + 0.5) / lines * 2.0;
            let (from, to) = match along <= 1.0 {
                true => (Vec2::new(0.0, along), Vec2::new(along, 0.0)),
                false => (Vec2::new(along - 1.0, 1.0), Vec2::new(1.0, along - 1.0)),
            };
            self.line(rect.min + from * size, rect.min + to * size, 1.0, color);
        }
    }

    pub fn area(&mut self, rect: Rect, target: Target) {
        self.zones.push(Zone::Area { rect, target });
    }

    /// The tips of these targets tell these values, and what they are.
    pub fn say(&mut self, unit: &'static str, values: Vec<(Target, f32)>) {
        self.said = Some(Said { unit, values });
    }

    /// A line at the top of the free room: what the drawing shows, and of what, the latter only if it fits.
    pub fn title(&mut self, inputs: &Inputs<'_>, what: &str, of: Option<&str>) {
        self.heading(inputs.options, what, of);
    }

    /// The same for what is not drawn from a trace.
    pub fn heading(&mut self, options: &Options, what: &str, of: Option<&str>) {
        if !options.title {
            return;
        }
        let (size, room) = (self.text.title, self.free.size().x);
        let middle = Vec2::new(self.free.min.x, self.free.min.y + size * 0.7);
        let shown = self.elide(what, size, true, room);
        let used = self.fonts.width(&shown, size, true);
        if let Some(of) = of.filter(|_| shown == what) {
            let (of, gap) = (format!("· {of}"), size * 0.4);
            if used + gap + self.width(&of, size) <= room {
                self.label(middle + Vec2::new(used + gap, 0.0), Align::Left, of, size, self.palette.muted);
            }
        }
        let color = self.palette.text;
        let label =
            Label { at: middle, align: Align::Left, text: shown, size, bold: true, color, clip: None, upright: false };
        self.marks.push(Mark::Label(label));
        self.free.min.y = (self.free.min.y + size * 1.4 + 6.0).min(self.free.max.y);
    }

    /// In the window, whose tabs name the views, a quiet line in place of the title: what of the trace is shown, and whether that
    /// is what the pointer is on and not what is selected.
    pub fn subtitle(&mut self, inputs: &Inputs<'_>, what: &str) {
        let small = self.text.small;
        if inputs.options.title || self.is_part || self.free.size().y < small * 7.0 {
            return;
        }
        let is_preview = inputs.shown != inputs.selection;
        let (text, color) = match is_preview {
            true => (format!("under the pointer: {what}"), self.palette.hover),
            false => (what.to_owned(), self.palette.muted),
        };
        let text = self.elide(&text, small, false, self.free.size().x);
        self.label(self.free.min + Vec2::new(0.0, small * 0.6), Align::Left, text, small, color);
        self.free.min.y += small * 1.7;
    }

    /// A line beneath all else. In a panel it takes the lower edge of the free room.
    pub fn foot(&mut self, text: &str) {
        if self.is_cropped && !self.is_part {
            return self.feet.push(text.to_owned());
        }
        let (small, muted) = (self.text.small, self.palette.muted);
        let text = self.elide(text, small, false, self.free.size().x);
        self.label(Vec2::new(self.free.min.x, self.free.max.y - small * 0.6), Align::Left, text, small, muted);
        self.free.max.y -= small * 1.8;
    }

    /// Words beneath a figure, under all that its view says there.
    pub fn stand_beneath(&mut self, words: String) {
        self.caption = Some(words);
    }

    /// How much of the room that is left over comes before what is drawn: it lies in the middle of a panel, and at the left upper
    /// corner of a figure.
    pub fn before(&self) -> f32 {
        if self.is_cropped { 0.0 } else { 0.5 }
    }

    /// The largest rectangle of a shape (width / height) in a room.
    pub fn fit(&self, aspect: f32, room: Rect) -> Rect {
        fit_at(aspect, room, Vec2::splat(self.before()))
    }

    /// Words in the middle of the free room, for a view that has nothing to draw.
    pub fn note(&mut self, text: &str) {
        let size = self.text.normal;
        let lines = self.wrap(text, size, (self.free.size().x - 16.0).min(420.0));
        let height = size * 1.5;
        let center = self.free.center();
        let top = center.y - height * (lines.len() as f32 - 1.0) / 2.0;
        for (index, line) in lines.into_iter().enumerate() {
            let at = Vec2::new(center.x, top + index as f32 * height);
            if at.y - size * 0.7 >= self.free.min.y && at.y + size * 0.7 <= self.free.max.y {
                self.label(at, Align::Center, line, size, self.palette.muted);
            }
        }
    }

    /// Lines of whole words that fit.
    pub fn wrap(&mut self, text: &str, size: f32, room: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ') {
            match lines.last_mut() {
                Some(line)
                    if line.len() + word.len() < LINE_LETTERS
                        && self.fonts.width(&format!("{line} {word}"), size, false) <= room =>
                {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines.into_iter().map(|line| self.elide(&line, size, false, room)).collect()
    }
}

/// The part of a rectangle that lies in another.
pub(in crate::view) fn within(rect: Rect, bounds: Rect) -> Rect {
    let min = rect.min.clamp(bounds.min, bounds.max);
    Rect { min, max: rect.max.clamp(min, bounds.max) }
}

/// The largest rectangle of a shape (width / height) in another, with so much of the room that is left over before it.
pub(in crate::view) fn fit_at(aspect: f32, room: Rect, before: Vec2) -> Rect {
    let Vec2 { x: width, y: height } = room.size().max(Vec2::ZERO);
    let size =
        if width > height * aspect { Vec2::new(height * aspect, height) } else { Vec2::new(width, width / aspect) };
    let min = room.min + (room.size() - size) * before;
    Rect { min, max: min + size }
}

/// Where a box of an image lies on its picture.
pub(in crate::view) fn on_picture(area: Area, picture: Rect) -> Rect {
    let size = picture.size();
    let place = |x: f32, y: f32| picture.min + Vec2::new(x, y) * size;
    Rect { min: place(area.x0, area.y0), max: place(area.x1, area.y1) }
}
