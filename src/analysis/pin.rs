//! A part of a trace that is kept beside others: `L5H4`, `B1L5H4:T3,7-9:from`, `L11:relevance:chefer`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Direction, NamedTokens, NoLayer, Pick, Rollout, Selection, WeightKind};
use crate::trace::Document;

/// More tokens than any sequence has that is looked at.
const MOST_TOKENS: usize = 1 << 20;

/// What of a [`Selection`] is held fast. What is missing follows the selection that is present, so that pinned heads are compared
/// token by token, and pinned tokens head by head.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin {
    /// Index of the attention block.
    pub block: Option<usize>,
    /// The layer by the model's own number, or all of them.
    pub layer: Option<Pick>,
    /// The head, or all of them.
    pub head: Option<Pick>,
    /// The tokens; none are all that are not special.
    pub tokens: Option<Vec<usize>>,
    /// Which side the tokens are on.
    pub direction: Option<Direction>,
    /// Which weights.
    pub weights: Option<WeightKind>,
}

impl Pin {
    /// All of a selection that says what is looked at.
    pub fn of(document: &Document, selection: &Selection) -> Self {
        let mut tokens = selection.tokens.clone();
        tokens.sort_unstable();
        tokens.dedup();
        Self { tokens: Some(tokens), direction: Some(selection.direction), ..Self::of_heads(document, selection) }
    }

    /// Its heads; their tokens follow the selection.
    pub fn of_heads(document: &Document, selection: &Selection) -> Self {
        let Selection { block, layer, head, weights, .. } = selection.numbered(document);
        Self { block: Some(block), layer: Some(layer), head: Some(head), weights: Some(weights), ..Self::default() }
    }

    /// What it shows beside what is present. Tokens of another sequence than the pin's follow no further: then it is of all tokens.
    ///
    /// # Errors
    /// If the block has no layer of that number.
    pub fn selection(&self, document: &Document, present: &Selection) -> Result<Selection, NoLayer> {
        let mut pinned = Selection {
            block: self.block.unwrap_or(present.block),
            layer: self.layer.unwrap_or(present.layer),
            head: self.head.unwrap_or(present.head),
            direction: self.direction.unwrap_or(present.direction),
            weights: self.weights.clone().unwrap_or_else(|| present.weights.clone()),
            ..present.numbered(document)
        };
        match &self.tokens {
            Some(tokens) => pinned.tokens.clone_from(tokens),
            None if pinned.sequence(document) != present.sequence(document) => pinned.tokens.clear(),
            None => {}
        }
        pinned.placed(document)
    }
}

/// As it is typed.
impl fmt::Display for Pin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = String::new();
        place.extend(self.block.map(|block| format!("B{block}")));
        place.extend(self.layer.map(|layer| format!("L{layer}")));
        place.extend(self.head.map(|head| format!("H{head}")));
        let tokens = self.tokens.as_ref().map(|tokens| match tokens.is_empty() {
            true => "Tall".to_owned(),
            false => format!("T{}", NamedTokens::of_places(tokens)),
        });
        let weights = self.weights.as_ref().map(|weights| match weights {
            WeightKind::Rollout(Rollout { start, residual_percent }) => format!("rollout:{start}:{residual_percent}"),
            other => other.to_string(),
        });
        let direction = self.direction.map(|direction| direction.name().to_owned());
        let parts = [Some(place).filter(|place| !place.is_empty()), tokens, direction, weights];
        formatter.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(":"))
    }
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pin = Self::default();
        let mut rest = Some(text).filter(|text| !text.is_empty());
        while let Some(parts) = rest {
            let (part, after) = parts.split_once(':').map_or((parts, None), |(part, after)| (part, Some(after)));
            rest = match pin.take(part) {
                Some(()) => after,
                // What weights are called may hold colons: they come last.
                None => {
                    pin.weights = Some(weights(parts).ok_or_else(|| no_pin(text))?);
                    None
                }
            };
        }
        if pin == Self::default() { Err(no_pin(text)) } else { Ok(pin) }
    }
}

impl Pin {
    /// Takes a part of what was typed, if it is one.
    fn take(&mut self, part: &str) -> Option<()> {
        match (part, part.strip_prefix('T')) {
            ("to", _) => self.direction = Some(Direction::AttendsTo),
            ("from", _) => self.direction = Some(Direction::AttendedBy),
            ("Tall", _) => self.tokens = Some(Vec::new()),
            (_, Some(places)) => self.tokens = Some(tokens(places)?),
            _ => {
                let (block, rest) = numbered(part, 'B')?;
                let (layer, rest) = numbered(rest, 'L')?;
                let (head, rest) = numbered(rest, 'H')?;
                if !rest.is_empty() || part.is_empty() {
                    return None;
                }
                self.block = match block {
                    Some(Pick::One(block)) => Some(block),
                    Some(Pick::Mean | Pick::Max) => return None,
                    None => None,
                };
                (self.layer, self.head) = (layer, head);
            }
        }
        Some(())
    }
}

/// What stands behind a letter, if it is there, and the rest; `None` if the letter stands alone.
fn numbered(text: &str, letter: char) -> Option<(Option<Pick>, &str)> {
    let Some(rest) = text.strip_prefix([letter, letter.to_ascii_lowercase()]) else { return Some((None, text)) };
    for (name, pick) in [("mean", Pick::Mean), ("max", Pick::Max)] {
        if let Some(rest) = rest.strip_prefix(name) {
            return Some((Some(pick), rest));
        }
    }
    let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    Some((Some(Pick::One(rest[..digits].parse().ok()?)), &rest[digits..]))
}

/// From `3,7-9`: ascending, each once.
fn tokens(text: &str) -> Option<Vec<usize>> {
    let mut tokens = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last - first >= MOST_TOKENS {
            return None;
        }
        tokens.extend(first..=last);
    }
    tokens.sort_unstable();
    tokens.dedup();
    Some(tokens)
}

/// `rollout:0:50` beside the kinds as they are typed elsewhere.
fn weights(text: &str) -> Option<WeightKind> {
    let Some((start, residual)) = text.strip_prefix("rollout:").and_then(|ends| ends.split_once(':')) else {
        return text.parse().ok();
    };
    let residual_percent = residual.parse().ok().filter(|percent| *percent <= 100)?;
    Some(WeightKind::Rollout(Rollout { start: start.parse().ok()?, residual_percent }))
}

fn no_pin(text: &str) -> String {
    format!(
        "`{text}` is no pin: expected for example L5H4, or BLOCK, LAYER, HEAD, TOKENS, DIRECTION and WEIGHTS as in \
         B0L5Hmean:T3,7-9:to:norm-weighted, of which each may be missing"
    )
}

impl TryFrom<String> for Pin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        pin.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Block, Mask, Sequence, Stored, Token};

    #[test]
    fn pins_are_read_as_they_are_written() {
        let all = [
            "L5H4",
            "B1L5H4:T3,7-9:from:norm-weighted",
            "LmeanHmax",
            "Tall:to",
            "L2:raw",
            "rollout:3:40",
            "H0:relevance:chefer: 2021",
        ];
        for text in all {
            let pin: Pin = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(pin.to_string(), text);
        }
        assert_eq!("l5h4".parse::<Pin>(), "L5H4".parse());
        for text in ["", "L", "H4L5", "Bmean", "5", "L5H4:", "T", "T7-3", "T0-99999999999", "L99999999999999999999999"]
        {
            assert!(text.parse::<Pin>().is_err_and(|error| error.contains("is no pin")), "{text}");
        }
    }

    #[test]
    fn what_is_not_pinned_follows_the_selection() -> Result<(), String> {
        let words = |name: &str| Sequence {
            name: name.to_owned(),
            tokens: vec![Token::of_text("a"), Token::of_text("b"), Token::of_text("c")],
        };
        let block = |query, key| Block {
            name: String::new(),
            query,
            key,
            layers: 6,
            numbers: None,
            masks: vec![Mask::Full],
            stored: Stored::Weights,
            sink_share: false,
            statistics: Vec::new(),
        };
        let mut document = Document {
            sequences: vec![words("encoder"), words("decoder")],
            attention: vec![block(0, 0), block(1, 0)],
            ..Document::default()
        };
        let present = Selection { layer: Pick::One(2), head: Pick::One(1), tokens: vec![2], ..Selection::default() };
        let head: Pin = "L5H4".parse()?;
        let said = |error: NoLayer| error.to_string();
        let shown = head.selection(&document, &present).map_err(said)?;
        assert_eq!((shown.layer, shown.head, shown.tokens.as_slice()), (Pick::One(5), Pick::One(4), &[2][..]));
        let cross: Pin = "B1L0".parse()?;
        let shown = cross.selection(&document, &present).map_err(said)?;
        assert_eq!((shown.block, shown.head, shown.tokens.as_slice()), (1, Pick::One(1), &[][..]));
        let shuffled = Selection { tokens: vec![2, 0], ..present.clone() };
        assert_eq!(Pin::of(&document, &shuffled).tokens.as_deref(), Some(&[0, 2][..]));
        let again = Pin::of(&document, &present).selection(&document, &Selection::default());
        assert_eq!(again.map_err(said)?, present);
        assert!("L6".parse::<Pin>()?.selection(&document, &present).is_err());
        // Layers go by the model's own numbers.
        document.attention[0].numbers = Some(vec![3, 7, 11, 15, 19, 23]);
        assert_eq!(Pin::of_heads(&document, &present).to_string(), "B0L11H1:raw");
        assert_eq!("L7".parse::<Pin>()?.selection(&document, &present).map_err(said)?.layer, Pick::One(1));
        Ok(())
    }
}
