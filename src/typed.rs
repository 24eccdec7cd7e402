//! What a person types: choices by their names, and numbers within bounds. An option is declared once, as a field with its words
//! and its parser, and from that come the command line, the state file and the line that the window copies.

/// An enum of which a person chooses one, declared by [`choice!`].
pub trait Choice: Copy + PartialEq + 'static {
    /// In the order of a list.
    const LIST: &'static [Self];
    /// As a person reads it.
    fn words(self) -> &'static str;
    /// What it means, in a sentence.
    fn says(self) -> &'static str;

    /// All of them with their words.
    fn rows() -> impl Iterator<Item = (Self, &'static str)> {
        Self::LIST.iter().map(|&choice| (choice, choice.words()))
    }
}

/// The words of a documentation comment; nothing of another attribute.
macro_rules! of_doc {
    (doc = $words:literal) => {
        $words
    };
    ($($other:tt)*) => {
        ""
    };
}
pub(crate) use of_doc;

/// Declares a choice: of each variant the name on the command line and in files, older names that are read as well, and the words
/// for a person, which are the name if not given.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        pub enum $choice:ident {
            $($(#[$($of_variant:tt)*])* $variant:ident = $name:literal $(| $alias:literal)* $(, $label:literal)?;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize, clap::ValueEnum)]
        pub enum $choice {
            $(
                $(#[$($of_variant)*])*
                #[value(name = $name $(, alias = $alias)*)]
                #[serde(rename = $name $(, alias = $alias)*)]
                $variant,
            )*
        }

        impl $choice {
            /// In the order of a list.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name on the command line and in files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// As a person reads it.
            pub const fn label(self) -> &'static str {
                let words: &[&str] = match self {
                    $(Self::$variant => &[$name $(, $label)?],)*
                };
                words[words.len() - 1]
            }
        }

        impl $crate::typed::Choice for $choice {
            const LIST: &'static [Self] = &Self::ALL;

            fn words(self) -> &'static str {
                self.label()
            }

            fn says(self) -> &'static str {
                let says = match self {
                    $(Self::$variant => concat!($($crate::typed::of_doc!($($of_variant)*)),*),)*
                };
                says.trim_start()
            }
        }

        /// As a person reads it.
        impl std::fmt::Display for $choice {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.label())
            }
        }
    };
}
pub(crate) use choice;

/// A value that is typed as several options: the fields of another struct, from which it is made.
macro_rules! typed_as {
    ($value:ty, $typed:ty) => {
        impl clap::Args for $value {
            fn augment_args(command: clap::Command) -> clap::Command {
                <$typed as clap::Args>::augment_args(command)
            }

            fn augment_args_for_update(command: clap::Command) -> clap::Command {
                <$typed as clap::Args>::augment_args_for_update(command)
            }
        }

        impl clap::FromArgMatches for $value {
            fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
                <$typed as clap::FromArgMatches>::from_arg_matches(matches).map(Self::from)
            }

            fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}
pub(crate) use typed_as;

/// From `WxH`.
pub fn parse_size(text: &str) -> Result<[f32; 2], String> {
    let sides = text.split_once(['x', 'X', '×']).and_then(|(width, height)| {
        let side = |text: &str| text.parse::<u16>().ok().filter(|side| *side >= 16);
        Some([f32::from(side(width)?), f32::from(side(height)?)])
    });
    sides.ok_or_else(|| format!("`{text}` is no size: expected for example 900x640, each side 16 to 65535"))
}

/// Pixels per logical pixel.
pub fn parse_scale(text: &str) -> Result<f32, String> {
    let scale = text.parse().ok().filter(|scale| (0.1..=16.0).contains(scale));
    scale.ok_or_else(|| format!("`{text}` is no scale: expected 0.1 to 16 pixels per logical pixel"))
}

/// Times 12 logical pixels.
pub fn parse_font_scale(text: &str) -> Result<f32, String> {
    let scale = text.parse().ok().filter(|scale| (0.5..=4.0).contains(scale));
    scale.ok_or_else(|| format!("`{text}` is no size of letters: expected 0.5 to 4"))
}

/// From 0 to 1.
pub fn parse_share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}` is no share: expected for example 0.5, from 0 to 1"))
}

/// A factor.
pub fn parse_times(text: &str) -> Result<f32, String> {
    let times = text.parse().ok().filter(|times: &f32| times.is_finite() && *times >= 0.0);
    times.ok_or_else(|| format!("`{text}` is no factor: expected for example 4"))
}

/// Above 0 and up to 100.
pub fn parse_percentile(text: &str) -> Result<f32, String> {
    let percent = text.parse().ok().filter(|percent: &f32| *percent > 0.0 && *percent <= 100.0);
    percent.ok_or_else(|| format!("`{text}` is no percentile: expected for example 99, above 0 and up to 100"))
}

/// From `LOW:HIGH`.
pub fn parse_range(text: &str) -> Result<[f32; 2], String> {
    let ends = text.split_once(':').and_then(|(low, high)| Some([low.parse::<f32>().ok()?, high.parse().ok()?]));
    ends.filter(|[low, high]| low < high && low.is_finite() && high.is_finite())
        .ok_or_else(|| format!("`{text}` is no range: expected for example 0:0.2, the lower end first"))
}

/// From `LOW,HIGH`: both may be the same, or infinite.
pub fn parse_filter(text: &str) -> Result<[f32; 2], String> {
    let ends = text.split_once(',').and_then(|(low, high)| Some([low.parse().ok()?, high.parse().ok()?]));
    let sound = ends.filter(|[low, high]: &[f32; 2]| low <= high);
    sound.ok_or_else(|| format!("`{text}` is no range: expected for example 0.2,0.8"))
}

/// `N` numbers with commas between them.
pub fn parse_numbers<const N: usize>(text: &str) -> Result<[f32; N], String> {
    let numbers = text.split(',').map(|number| number.trim().parse::<f32>().ok().filter(|number| number.is_finite()));
    let numbers: Option<Vec<f32>> = numbers.collect();
    let numbers = numbers.and_then(|numbers| <[f32; N]>::try_from(numbers).ok());
    numbers.ok_or_else(|| format!("`{text}` is not {N} numbers with commas between them"))
}
