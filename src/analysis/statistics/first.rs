//! The statistic by which the heads of a block are shown until another one is chosen.

use super::metrics::metric_names;
use super::need::Need;
use super::table::statistic;
use crate::trace::{Document, Token};

/// Between text and image, in the order of preference.
const CROSS_MASSES: [&str; 2] = ["mass.text.image", "mass.image.text"];

/// How much text looks at the image, or the image at text, where those may look elsewhere too. Else how far patches look across the
/// image, or the entropy: a share of attention that has nowhere else to go is the same in every head.
pub fn first_choice(document: &Document, block: usize) -> &'static str {
    let varies = |name: &&str| applies(name, document, block) && !is_constant(name, document, block, false);
    CROSS_MASSES.into_iter().chain(["distance"]).find(varies).unwrap_or("entropy")
}

/// Whether a statistic is the same in every head whatever the model learnt: the share of the attention on keys of one modality, where
/// all keys are of it. `specials`: special tokens count.
pub fn is_constant(name: &str, document: &Document, block: usize, specials: bool) -> bool {
    let Some(block) = document.attention.get(block) else { return false };
    let Some(Need::Pair(_, modality)) = statistic(name).filter(|_| name.starts_with("mass.")).map(|of| of.needs) else {
        return false;
    };
    let counts = |token: &&Token| specials || !token.special;
    let keys = document.key_tokens(block);
    keys.iter().all(|token| counts(&token) && token.modality() == modality)
}

/// Whether a block has what a statistic or a metric of the trace is about: for one about two modalities, tokens of both that are not
/// special.
pub fn applies(name: &str, document: &Document, block: usize) -> bool {
    if name.starts_with("head_metric.") {
        return metric_names(document, block).any(|(metric, _)| metric == name);
    }
    let Some(block) = document.attention.get(block) else { return false };
    let pair = statistic(name).map(|of| of.needs).filter(|needs| matches!(needs, Need::Pair(..)));
    pair.is_none_or(|needs| needs.has_tokens(document, block))
}
