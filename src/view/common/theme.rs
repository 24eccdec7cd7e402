//! Colours that mean the same in every view. Blue and orange are told apart by every kind of colour-blind eye; amber
//! is kept for the selection alone; right and wrong differ by a sign as well as by colour.

use crate::render::Color;
use crate::trace::Modality;
use crate::typed::choice;

choice! {
    /// Which colours are used.
    #[derive(Default)]
    pub enum Theme {
        /// Quiet and dark, for the window and for slides.
        #[default]
        Dark = "dark";
        /// White and quiet, for the window by day.
        Light = "light";
        /// Black on white without grounds, for papers.
        Paper = "paper";
    }
}

/// The colours of a theme. Every colour that letters are set in has a contrast of at least 4.5 to the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Under everything.
    pub background: Color,
    /// Of plots and plain chips.
    pub surface: Color,
    /// Of axes and frames.
    pub line: Color,
    /// Letters that are read first.
    pub text: Color,
    /// Letters that are read second.
    pub muted: Color,
    /// Outlines of what is selected.
    pub selected: Color,
    /// Letters of what is selected.
    pub selected_text: Color,
    /// Outlines of what is under the pointer.
    pub hover: Color,
    /// Text tokens.
    pub word: Color,
    /// Image tokens.
    pub patch: Color,
    /// Special tokens.
    pub special: Color,
    /// A right answer.
    pub right: Color,
    /// A wrong answer.
    pub wrong: Color,
    /// Cells without a value.
    pub missing: Color,
    /// The stroke through cells without a value.
    pub missing_stroke: Color,
    /// What the model wrote.
    pub output: Color,
}

const DARK: Palette = Palette {
    background: Color::hex(0x1a1c22),
    surface: Color::hex(0x24272f),
    line: Color::hex(0x434956),
    text: Color::hex(0xe6e8ec),
    muted: Color::hex(0xa2a8b4),
    selected: Color::hex(0xffc04d),
    selected_text: Color::hex(0xffc04d),
    hover: Color::hex(0xffffff),
    word: Color::hex(0x56b4e9),
    patch: Color::hex(0xec7f56),
    special: Color::hex(0x98a0b0),
    right: Color::hex(0x6fcf8a),
    wrong: Color::hex(0xff8478),
    missing: Color::hex(0x2c3038),
    missing_stroke: Color::hex(0x6b7384),
    output: Color::hex(0xcf86c6),
};

const LIGHT: Palette = Palette {
    background: Color::hex(0xffffff),
    surface: Color::hex(0xf2f3f6),
    line: Color::hex(0xb9bec8),
    text: Color::hex(0x17191d),
    muted: Color::hex(0x555c69),
    selected: Color::hex(0xe08600),
    selected_text: Color::hex(0x985700),
    hover: Color::hex(0x17191d),
    word: Color::hex(0x0f6cb0),
    patch: Color::hex(0xb4441a),
    special: Color::hex(0x666d7a),
    right: Color::hex(0x1c7a3c),
    wrong: Color::hex(0xb3261e),
    missing: Color::hex(0xe9ebef),
    missing_stroke: Color::hex(0x858c99),
    output: Color::hex(0x8c3f86),
};

/// Print has no glow and little room: plots lie on the paper itself, and letters are as dark as they get.
const PAPER: Palette = Palette {
    surface: Color::hex(0xffffff),
    line: Color::hex(0x8b919c),
    text: Color::hex(0x000000),
    muted: Color::hex(0x3f454f),
    selected_text: Color::hex(0x8a4f00),
    special: Color::hex(0x565d69),
    ..LIGHT
};

impl Palette {
    /// What tokens of a modality have.
    pub fn of_modality(&self, modality: Modality) -> Color {
        match modality {
            Modality::Text => self.word,
            Modality::Image => self.patch,
            Modality::Latent | Modality::Audio => self.muted,
        }
    }
}

impl Theme {
    /// The same for a window, which is no paper.
    pub fn in_window(self) -> Self {
        if self == Self::Paper { Self::Light } else { self }
    }

    /// Its colours.
    pub const fn palette(self) -> &'static Palette {
        match self {
            Self::Dark => &DARK,
            Self::Light => &LIGHT,
            Self::Paper => &PAPER,
        }
    }
}

/// Relative luminance, from 0 to 1 (WCAG 2.2, <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>).
pub fn luminance(color: Color) -> f32 {
    let linear = |channel: u8| {
        let value = f32::from(channel) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let [r, g, b, _] = color.0;
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Contrast ratio, from 1 to 21 (WCAG 2.2, <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>).
pub fn contrast(a: Color, b: Color) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Black or white, whichever is read better on a fill. The better of the two has a contrast of at least 4.58 on any
/// colour; a black that is only near falls short of 4.5 on middle ones.
pub fn ink_on(fill: Color) -> Color {
    [Color::hex(0x000000), Color::hex(0xffffff)]
        .into_iter()
        .max_by(|a, b| contrast(*a, fill).total_cmp(&contrast(*b, fill)))
        .unwrap_or(Color::hex(0xffffff))
}
