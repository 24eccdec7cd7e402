//! The statistic by which the heads of a block are shown until another one is chosen.

use super::metric_names;
use crate::trace::{Document, Modality, Token};

/// Masses in the order of preference, with the modalities of query and key.
const MASSES: [(&str, Modality, Modality); 4] = [
    ("mass.text.image", Modality::Text, Modality::Image),
    ("mass.image.text", Modality::Image, Modality::Text),
    ("mass.image.image", Modality::Image, Modality::Image),
    ("mass.text.text", Modality::Text, Modality::Text),
];

/// How much text looks at the image, or the first mass that the block's tokens have; the entropy where all are special.
pub fn first_choice(document: &Document, block: usize) -> &'static str {
    let found = MASSES.into_iter().find(|(name, ..)| applies(name, document, block));
    found.map_or("entropy", |(name, ..)| name)
}

/// Whether a block has what a statistic or a metric of the trace is about: for a mass, tokens of both modalities that are not
/// special.
pub fn applies(statistic: &str, document: &Document, block: usize) -> bool {
    if statistic.starts_with("head_metric.") {
        return metric_names(document, block).any(|(name, _)| name == statistic);
    }
    let Some(block) = document.attention.get(block) else { return false };
    let holds = |tokens: &[Token], modality| tokens.iter().any(|token| !token.special && token.modality() == modality);
    MASSES.into_iter().find(|(name, ..)| *name == statistic).is_none_or(|(_, query, key)| {
        holds(document.query_tokens(block), query) && holds(document.key_tokens(block), key)
    })
}
