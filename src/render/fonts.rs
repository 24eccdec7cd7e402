//! The fonts and the lines of text that are set in them.
//!
//! A line is shaped once, at [`SHAPED_SIZE`], and scaled to the size that is asked for: measuring and drawing share it,
//! and zooming shapes nothing anew. Inter is bundled, so that pictures look the same everywhere; the system's fonts,
//! which take long to list, are loaded when a text first has a character that Inter lacks.

use std::collections::HashMap;
use std::sync::Arc;

use glyphon::cosmic_text::{Attrs, Buffer, Family, FontSystem, Metrics, Shaping, Weight, Wrap, fontdb};

use crate::trace::{LINE_LETTERS, beginning};

/// The regular cut of the bundled font, an OpenType file, for whoever sets text beside the drawings.
pub const FONT_REGULAR: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.otf");
const SEMIBOLD: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.otf");

/// Font size that lines are shaped at, in pixels.
pub(super) const SHAPED_SIZE: f32 = 16.0;
/// Height of a line that is shaped at [`SHAPED_SIZE`].
pub(super) const SHAPED_HEIGHT: f32 = 20.0;
/// So many missing characters of a line are told by their code points.
const NUMBERED: usize = 2;
/// Letters are at least so wide, in font sizes: what has more than fit by this is not shaped to its end.
const NARROWEST: f32 = 0.2;
/// Lines that are remembered before all are forgotten.
const LINES: usize = 20_000;
/// Widths that are: a long text has more words, all of which are measured.
const WIDTHS: usize = 200_000;

/// The fonts, and the lines that were set in them lately. Whoever makes a [`Drawing`](super::Drawing) measures with
/// the same fonts that it is then drawn with.
pub struct Fonts {
    pub(super) system: FontSystem,
    /// Keeps the bundled fonts' character tables.
    bundled: Vec<fontdb::ID>,
    system_fonts: bool,
    regular: HashMap<String, Arc<Line>>,
    bold: HashMap<String, Arc<Line>>,
    /// At [`SHAPED_SIZE`], regular and bold.
    widths: [HashMap<String, f32>; 2],
}

/// A shaped line of text.
pub(super) struct Line {
    pub buffer: Buffer,
    /// At [`SHAPED_SIZE`].
    pub width: f32,
}

impl Default for Fonts {
    fn default() -> Self {
        Self::new()
    }
}

impl Fonts {
    /// The bundled fonts alone; fast.
    pub fn new() -> Self {
        let mut db = fontdb::Database::new();
        let mut bundled = Vec::new();
        for font in [FONT_REGULAR, SEMIBOLD] {
            bundled.extend(db.load_font_source(fontdb::Source::Binary(Arc::new(font))));
        }
        Self {
            system: FontSystem::new_with_locale_and_db("en-US".to_owned(), db),
            bundled,
            system_fonts: false,
            regular: HashMap::new(),
            bold: HashMap::new(),
            widths: Default::default(),
        }
    }

    /// Width of a line of text, in the unit of `size` (logical pixels).
    pub fn width(&mut self, text: &str, size: f32, bold: bool) -> f32 {
        let text = beginning(text, LINE_LETTERS);
        let width = match self.widths[usize::from(bold)].get(text) {
            Some(width) => *width,
            None => {
                let width = self.line(text, bold).width;
                let widths = &mut self.widths[usize::from(bold)];
                if widths.len() >= WIDTHS {
                    widths.clear();
                }
                widths.insert(text.to_owned(), width);
                width
            }
        };
        width * size / SHAPED_SIZE
    }

    /// The text if it fits into `max_width`, otherwise as much of its beginning as fits before '…'. Empty if not even
    /// that fits.
    pub fn elide(&mut self, text: &str, size: f32, bold: bool, max_width: f32) -> String {
        let letters = (max_width / (size * NARROWEST)).clamp(0.0, LINE_LETTERS as f32) as usize + 1;
        let head = beginning(text, letters);
        if head.len() == text.len() && self.width(text, size, bold) <= max_width {
            return text.to_owned();
        }
        let ends: Vec<usize> = head.char_indices().map(|(start, _)| start).collect();
        let with_ellipsis = |end: usize| format!("{}…", head[..end].trim_end());
        let fitting = ends.partition_point(|&end| self.width(&with_ellipsis(end), size, bold) <= max_width);
        fitting.checked_sub(1).map_or_else(String::new, |last| with_ellipsis(ends[last]))
    }

    /// The shaped line, of at most [`LINE_LETTERS`] characters; control characters, among them line breaks, are shown as spaces.
    pub(super) fn line(&mut self, text: &str, bold: bool) -> Arc<Line> {
        let text = beginning(text, LINE_LETTERS);
        let lines = if bold { &self.bold } else { &self.regular };
        if let Some(line) = lines.get(text) {
            return line.clone();
        }
        self.load_system_fonts_for(text);

        let shown = text.replace(char::is_control, " ");
        let mut buffer = self.shaped(&shown, bold);
        if let Some(shown) = with_code_points(&shown, &buffer) {
            buffer = self.shaped(&shown, bold);
        }
        let width = buffer.layout_runs().map(|run| run.line_w).fold(0.0, f32::max);
        let line = Arc::new(Line { buffer, width });

        let lines = if bold { &mut self.bold } else { &mut self.regular };
        if lines.len() >= LINES {
            lines.clear();
        }
        lines.insert(text.to_owned(), line.clone());
        line
    }

    fn shaped(&mut self, text: &str, bold: bool) -> Buffer {
        let mut buffer = Buffer::new_empty(Metrics::new(SHAPED_SIZE, SHAPED_HEIGHT));
        buffer.set_wrap(Wrap::None);
        let weight = if bold { Weight::SEMIBOLD } else { Weight::NORMAL };
        buffer.set_text(text, &Attrs::new().family(Family::Name("Inter")).weight(weight), Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.system, false);
        buffer
    }

    fn load_system_fonts_for(&mut self, text: &str) {
        if self.system_fonts || text.is_ascii() || self.bundled_have(text) {
            return;
        }
        self.system_fonts = true;
        // A font system caches what it knows of its fonts, so another one is made with more of them.
        let bundled_only = std::mem::replace(
            &mut self.system,
            FontSystem::new_with_locale_and_db(String::new(), fontdb::Database::new()),
        );
        let (locale, mut db) = bundled_only.into_locale_and_db();
        db.load_system_fonts();
        self.system = FontSystem::new_with_locale_and_db(locale, db);
    }

    fn bundled_have(&mut self, text: &str) -> bool {
        let Some(font) = self.bundled.first().and_then(|&id| self.system.get_font(id, Weight::NORMAL)) else {
            return false;
        };
        let characters = font.as_swash().charmap();
        text.chars().all(|c| c.is_control() || characters.map(c) != 0)
    }
}

/// The text with a code point in place of each character that no font has: a glyph that is missing would be empty. `None` where
/// none is missing. Many in a row are one box each, since their numbers would fill the view.
fn with_code_points(text: &str, buffer: &Buffer) -> Option<String> {
    let glyphs = buffer.layout_runs().flat_map(|run| run.glyphs);
    let missing: Vec<_> = glyphs.filter(|glyph| glyph.glyph_id == 0).map(|glyph| glyph.start..glyph.end).collect();
    let is_missing = |at: usize| missing.iter().any(|range| range.contains(&at));
    // Joiners and variation selectors are no signs of their own.
    let is_silent = |c: char| matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}');
    let signs = text.char_indices().filter(|&(at, character)| is_missing(at) && !is_silent(character)).count();
    let has_code = signs <= NUMBERED;
    let shown = |(at, character): (usize, char)| match is_missing(at) {
        true if is_silent(character) => String::new(),
        true if has_code => format!("U+{:04X}", u32::from(character)),
        true => "□".to_owned(),
        false => character.to_string(),
    };
    (!missing.is_empty()).then(|| text.char_indices().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_grows_with_text_and_size() {
        let mut fonts = Fonts::new();
        let word = fonts.width("what", 10.0, false);
        assert!(word > 15.0 && word < 40.0, "{word}");
        assert!((fonts.width("what", 20.0, false) - 2.0 * word).abs() < 1e-3);
        assert!(fonts.width("what color", 10.0, false) > word);
        assert!(fonts.width("what", 10.0, true) > word);
        assert_eq!(fonts.width("", 10.0, false), 0.0);
        assert!(!fonts.system_fonts);
    }

    #[test]
    fn elided_text_fits() {
        let mut fonts = Fonts::new();
        assert_eq!(fonts.elide("short", 12.0, false, 100.0), "short");
        for max_width in [0.0, 3.0, 12.0, 40.0, 90.0] {
            let elided = fonts.elide("überlanges Wort", 12.0, false, max_width);
            assert!(fonts.width(&elided, 12.0, false) <= max_width, "{elided} in {max_width}");
        }
        assert!(fonts.elide("überlanges Wort", 12.0, false, 40.0).ends_with('…'));
    }

    /// Private use: no font has it.
    #[test]
    fn what_no_font_has_is_told_by_its_code_point() {
        let mut fonts = Fonts::new();
        let one = fonts.width("a\u{10FF00}", 12.0, false);
        assert_eq!(one, fonts.width("aU+10FF00", 12.0, false));
        let many = fonts.width(&"\u{10FF00}".repeat(7), 12.0, false);
        assert_eq!(many, fonts.width("□□□□□□□", 12.0, false));
        assert!(many > 30.0, "{many}");
        assert_eq!(
            fonts.width("\u{10FF00}\u{200D}\u{10FF00}", 12.0, false),
            fonts.width("U+10FF00U+10FF00", 12.0, false)
        );
    }

    #[test]
    fn bundled_fonts_suffice_for_european_letters_arrows_and_formulas() {
        let mut fonts = Fonts::new();
        fonts.line("Ünïcödé Ωμέγα Кириллица → ← ↑ ↓ ∑ ≤ ≥ ≈ × · … – ✓", false);
        assert!(!fonts.system_fonts);
    }
}
