//! What a file becomes, by the end of its name.

use std::path::Path;

/// What a view can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A picture of pixels.
    Png,
    /// A picture of vector marks and text.
    Svg,
    /// The same on a page, with its fonts.
    Pdf,
    /// The numbers, one row a value.
    Csv,
    /// The numbers with the names of their axes.
    Json,
    /// The numbers alone, for numpy.
    Npy,
    /// An animation.
    Gif,
}

/// The file's name ends on nothing that can be written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot write {path}: the name ends on none of .png, .svg, .pdf, .csv, .json, .npy and .gif")]
pub struct UnknownFormat {
    path: String,
}

impl Format {
    const ALL: [Self; 7] = [Self::Png, Self::Svg, Self::Pdf, Self::Csv, Self::Json, Self::Npy, Self::Gif];

    /// The format that a file's name asks for, in upper or lower case.
    ///
    /// # Errors
    /// If it is none of them.
    pub fn of(path: &Path) -> Result<Self, UnknownFormat> {
        let found = path.extension().and_then(|extension| {
            Self::ALL.into_iter().find(|format| extension.eq_ignore_ascii_case(format.extension()))
        });
        found.ok_or_else(|| UnknownFormat { path: path.display().to_string() })
    }

    /// Whether it shows what the view shows, and not its numbers.
    pub fn is_picture(self) -> bool {
        self.is_drawing() || self == Self::Gif
    }

    /// Whether it shows one drawing.
    pub fn is_drawing(self) -> bool {
        matches!(self, Self::Png | Self::Svg | Self::Pdf)
    }

    /// Without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Pdf => "pdf",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Npy => "npy",
            Self::Gif => "gif",
        }
    }
}
