//! What the user chose about playing, exporting and sizes: plain values that commands carry and the state holds.

use crate::export::{Format, Play};
use crate::view::Theme;

/// What plays, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playing {
    /// What moves.
    pub play: Play,
    /// How many are shown in a second.
    pub frames_per_second: f32,
    /// Whether it begins again at its end.
    pub loops: bool,
}

/// How views are exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exports {
    /// Pixels per logical pixel of pictures.
    pub scale: f32,
    /// Of pictures, whatever the window's is.
    pub theme: Theme,
    /// Whether a line beneath the picture says what it shows.
    pub caption: bool,
    /// Whether the system's dialog asks where each file goes.
    pub asks: bool,
}

/// What becomes of a view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Export {
    /// A file: a picture, the numbers, or as a GIF what plays.
    File(Format),
    /// A folder of pictures of what plays.
    Frames,
    /// A picture on the clipboard.
    CopyPicture,
}

/// Size of the window's controls and views; 1 is the system's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UiScale(pub f32);

/// The sizes of controls that are offered.
pub const UI_SCALES: [f32; 7] = [0.75, 0.9, 1.0, 1.25, 1.5, 1.75, 2.0];

impl Default for Playing {
    fn default() -> Self {
        Self { play: Play::Tokens, frames_per_second: 1.5, loops: true }
    }
}

impl Default for Exports {
    fn default() -> Self {
        Self { scale: 2.0, theme: Theme::Paper, caption: false, asks: false }
    }
}

impl Default for UiScale {
    fn default() -> Self {
        Self(1.0)
    }
}
