//! What a block needs for a statistic to have a value.

use crate::trace::{Block, Document, Mask, Modality, Token};

/// What a statistic is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Any weights.
    Weights,
    /// A query of the first modality that may look at a key of the second.
    Pair(Modality, Modality),
    /// Queries that are the keys, and see the one so many before themselves.
    SelfAttention(usize),
    /// Labelled regions, and a query that may look at an image key.
    Regions,
    /// Self-attention over text and image.
    VlInterpret,
}

impl Need {
    /// What the block lacks of it, in one line.
    pub fn lacking(self, document: &Document, block: &Block) -> Option<&'static str> {
        let (text, image) = (Modality::Text, Modality::Image);
        let sees = |query, key| sees(document, block, query, key);
        let is_self_attention = block.query == block.key;
        match self {
            Self::Pair(query, key) if !sees(query, key) => Some(match (query, key) {
                (Modality::Text, Modality::Text) => "no text query looks at a text key in this block",
                (Modality::Text, Modality::Image) => "no text query looks at an image key in this block",
                (Modality::Image, Modality::Text) => "no image query looks at a text key in this block",
                (Modality::Image, Modality::Image) => "no image query looks at an image key in this block",
                _ => "no query of the one modality looks at a key of the other in this block",
            }),
            Self::SelfAttention(_) if !is_self_attention => {
                Some("the queries of this block are not its keys: nothing is the same token or the one before")
            }
            Self::SelfAttention(0) if !sees_before(document, block, 0) => {
                Some("no query looks at itself in this block")
            }
            Self::SelfAttention(back) if !sees_before(document, block, back) => {
                Some("no query looks at the token before it in this block")
            }
            Self::Regions if document.regions.is_empty() => Some("this trace labels no regions"),
            Self::Regions if !sees(text, image) && !sees(image, image) => {
                Some("no query looks at an image key in this block")
            }
            Self::VlInterpret if !is_self_attention => {
                Some("VL-InterpreT's statistics are of self-attention: the queries of this block are not its keys")
            }
            Self::VlInterpret if ![text, image].iter().all(|&of| has(document.query_tokens(block), of)) => {
                Some("VL-InterpreT's statistics need both text and image in the block")
            }
            _ => None,
        }
    }

    /// Whether the block has the tokens of [`Self::Pair`], whatever its mask is; else true.
    pub fn has_tokens(self, document: &Document, block: &Block) -> bool {
        match self {
            Self::Pair(query, key) => has(document.query_tokens(block), query) && has(document.key_tokens(block), key),
            _ => true,
        }
    }
}

/// Special tokens do not count.
fn counts(token: &Token, modality: Modality) -> bool {
    !token.special && token.modality() == modality
}

fn has(tokens: &[Token], modality: Modality) -> bool {
    tokens.iter().any(|token| counts(token, modality))
}

/// Whether a query of a modality may look at a key of another, in any layer. What a stored mask hides the document does not say.
fn sees(document: &Document, block: &Block, query: Modality, key: Modality) -> bool {
    let (queries, keys) = (document.query_tokens(block), document.key_tokens(block));
    let places: Vec<usize> = (0..keys.len()).filter(|&place| counts(&keys[place], key)).collect();
    let sees_one = |mask: &Mask, query: usize| match mask.run(query, keys.len()) {
        Some(run) => places.get(places.partition_point(|&key| key < run.start)).is_some_and(|key| run.contains(key)),
        None => !places.is_empty(),
    };
    let mut asking = (0..queries.len()).filter(|&place| counts(&queries[place], query));
    asking.any(|query| block.masks.iter().any(|mask| sees_one(mask, query)))
}

/// Whether a query may look at the token so many before itself, in any layer.
fn sees_before(document: &Document, block: &Block, back: usize) -> bool {
    let tokens = document.query_tokens(block);
    let sees =
        |mask: &Mask, query: usize| mask.run(query, tokens.len()).is_none_or(|run| run.contains(&(query - back)));
    (back..tokens.len()).any(|query| block.masks.iter().any(|mask| sees(mask, query)))
}
