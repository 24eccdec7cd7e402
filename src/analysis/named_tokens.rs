//! Tokens as a person names them, in any example: `12-20,33`, `region:cat`, `segment:question`, `image`, `image:2`, `text`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::token_sets;
use crate::trace::{Area, Document, Modality, Token};

/// Some tokens of a sequence, by their places or by what they are. Which they are is known once there is a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamedTokens(Vec<Name>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Places(RangeInclusive<usize>),
    /// Patches of which at least half lies in a labelled region, or that hold at least half of one.
    Region(String),
    Segment(String),
    /// Patches of an image, or of all.
    Image(Option<usize>),
    Text,
}

impl NamedTokens {
    /// These places; runs become ranges.
    pub fn of_places(tokens: &[usize]) -> Self {
        let mut tokens = tokens.to_vec();
        tokens.sort_unstable();
        tokens.dedup();
        let runs = tokens.chunk_by(|one, next| one + 1 == *next);
        Self(runs.map(|run| Name::Places(run[0]..=run[run.len() - 1])).collect())
    }

    /// The patches of a labelled region.
    pub fn of_region(label: &str) -> Self {
        Self(vec![Name::Region(label.to_owned())])
    }

    /// The tokens of a segment.
    pub fn of_segment(name: &str) -> Self {
        Self(vec![Name::Segment(name.to_owned())])
    }

    /// Those of a sequence, ascending, each once.
    ///
    /// # Errors
    /// If one of the names means nothing there; the message says what there is.
    pub fn find(&self, document: &Document, sequence: usize) -> Result<Vec<usize>, String> {
        let mut found = Vec::new();
        for name in &self.0 {
            found.extend(name.find(document, sequence)?);
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// As a label says it: `region ‘cat’`, `37 tokens`.
    pub fn words(&self) -> String {
        let places = self.0.iter().filter_map(|name| match name {
            Name::Places(range) => Some(range.clone().count()),
            _ => None,
        });
        let count: usize = places.sum();
        let of_places = match (count, self.0.as_slice()) {
            (0, _) => None,
            (1, [Name::Places(range)]) => Some(format!("token {}", range.start())),
            (_, [Name::Places(range)]) => Some(format!("tokens {}–{}", range.start(), range.end())),
            _ => Some(format!("{count} tokens")),
        };
        let others = self.0.iter().filter_map(|name| match name {
            Name::Places(_) => None,
            Name::Region(label) => Some(format!("region ‘{label}’")),
            Name::Segment(name) => Some(format!("segment ‘{name}’")),
            Name::Image(None) => Some("image tokens".to_owned()),
            Name::Image(Some(image)) => Some(format!("image {image}")),
            Name::Text => Some("text tokens".to_owned()),
        });
        of_places.into_iter().chain(others).collect::<Vec<_>>().join(", ")
    }
}

impl Name {
    fn find(&self, document: &Document, sequence: usize) -> Result<Vec<usize>, String> {
        let known = document.sequences.get(sequence);
        let (tokens, of) = known.map_or((&[][..], ""), |known| (known.tokens.as_slice(), known.name.as_str()));
        let found = match self {
            Self::Places(range) if *range.end() >= tokens.len() => {
                return Err(format!("there is no token {}: sequence `{of}` has {}", range.end(), tokens.len()));
            }
            Self::Places(range) => range.clone().collect(),
            Self::Region(label) => return in_region(document, tokens, label, of),
            Self::Segment(name) => token_sets::of_segment(tokens, name),
            Self::Image(None) => token_sets::of_modality(tokens, Modality::Image),
            Self::Image(Some(image)) => {
                (0..tokens.len()).filter(|&token| tokens[token].area_on(*image).is_some()).collect()
            }
            Self::Text => token_sets::of_modality(tokens, Modality::Text),
        };
        if found.is_empty() {
            let there_is = match self {
                Self::Segment(_) => listed("segments", &token_sets::segments(tokens)),
                _ => String::new(),
            };
            return Err(format!("sequence `{of}` has no tokens of `{self}`{there_is}"));
        }
        Ok(found)
    }
}

fn in_region(document: &Document, tokens: &[Token], label: &str, sequence: &str) -> Result<Vec<usize>, String> {
    let regions: Vec<_> = document.regions.iter().filter(|region| region.label == label).collect();
    if regions.is_empty() {
        let mut labels: Vec<&str> = document.regions.iter().map(|region| region.label.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        return Err(format!("there is no region `{label}`{}", listed("regions", &labels)));
    }
    let is_inside = |token: &usize| {
        regions.iter().any(|region| {
            let area = tokens[*token].area_on(region.image);
            area.is_some_and(|area| half_inside(&area, &region.area) || half_inside(&region.area, &area))
        })
    };
    let found: Vec<usize> = (0..tokens.len()).filter(is_inside).collect();
    match found.is_empty() {
        true => Err(format!("no token of sequence `{sequence}` lies in region `{label}`")),
        false => Ok(found),
    }
}

fn half_inside(one: &Area, other: &Area) -> bool {
    one.share_inside(other) >= 0.5
}

fn listed(what: &str, names: &[&str]) -> String {
    match names {
        [] => String::new(),
        names => format!("; the {what} are {}", names.join(", ")),
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Places(range) if range.start() == range.end() => write!(formatter, "{}", range.start()),
            Self::Places(range) => write!(formatter, "{}-{}", range.start(), range.end()),
            Self::Region(label) => write!(formatter, "region:{}", label.replace('\\', r"\\").replace(',', r"\,")),
            Self::Segment(name) => write!(formatter, "segment:{}", name.replace('\\', r"\\").replace(',', r"\,")),
            Self::Image(None) => formatter.write_str("image"),
            Self::Image(Some(image)) => write!(formatter, "image:{image}"),
            Self::Text => formatter.write_str("text"),
        }
    }
}

impl fmt::Display for NamedTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Name::to_string).collect();
        formatter.write_str(&names.join(","))
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<usize>().ok();
        let name = match text.split_once(':') {
            Some(("region", label)) => Some(Self::Region(label.to_owned())),
            Some(("segment", name)) => Some(Self::Segment(name.to_owned())),
            Some(("image", image)) => number(image).map(|image| Self::Image(Some(image))),
            Some(_) => None,
            None if text == "image" => Some(Self::Image(None)),
            None if text == "text" => Some(Self::Text),
            None => {
                let [first, last] = text.split_once('-').map_or([text; 2], |(first, last)| [first, last]).map(number);
                first.zip(last).filter(|(first, last)| first <= last).map(|(first, last)| Self::Places(first..=last))
            }
        };
        name.ok_or_else(|| {
            format!("`{text}` names no tokens: expected N, N-M, image, image:N, text, region:LABEL or segment:NAME")
        })
    }
}

impl FromStr for NamedTokens {
    type Err = String;

    /// Commas in labels and names are written `\,`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut names = vec![String::new()];
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match (letter, names.last_mut()) {
                ('\\', Some(name)) => name.extend(letters.next()),
                (',', _) => names.push(String::new()),
                (letter, Some(name)) => name.push(letter),
                (_, None) => {}
            }
        }
        names.iter().map(|name| name.parse()).collect::<Result<_, String>>().map(Self)
    }
}

impl TryFrom<String> for NamedTokens {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<NamedTokens> for String {
    fn from(tokens: NamedTokens) -> Self {
        tokens.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["3", "0-7,9", "image", "image:2,text", "region:cat", r"segment:a\, b,region:c:d,7", r"region:\\"] {
            let tokens: NamedTokens = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(tokens.to_string(), text);
        }
        for text in ["", "7-3", "cat", "image:", "3,", "-1", "regions:cat"] {
            let error = text.parse::<NamedTokens>().err().unwrap_or_default();
            assert!(error.contains("names no tokens"), "{text}: {error}");
        }
        assert_eq!(NamedTokens::of_places(&[9, 3, 2, 4, 9]).to_string(), "2-4,9");
        assert_eq!(NamedTokens::of_places(&[9, 3, 2, 4]).words(), "4 tokens");
        assert_eq!(NamedTokens::of_region("cat").words(), "region ‘cat’");
    }
}
