//! The statistic by which the heads of a block are shown until another one is chosen.

use super::{metric_names, statistic};
use crate::trace::Document;

/// In the order of preference.
const MASSES: [&str; 4] = ["mass.text.image", "mass.image.text", "mass.image.image", "mass.text.text"];

/// How much text looks at the image, or the first mass that the block's tokens have; the entropy where all are special.
pub fn first_choice(document: &Document, block: usize) -> &'static str {
    MASSES.into_iter().find(|name| applies(name, document, block)).unwrap_or("entropy")
}

/// Whether a block has what a statistic or a metric of the trace is about: for a mass, tokens of both modalities that are not
/// special.
pub fn applies(name: &str, document: &Document, block: usize) -> bool {
    if name.starts_with("head_metric.") {
        return metric_names(document, block).any(|(metric, _)| metric == name);
    }
    let Some(block) = document.attention.get(block) else { return false };
    let mass = statistic(name).filter(|_| MASSES.contains(&name));
    mass.is_none_or(|mass| mass.needs.has_tokens(document, block))
}
