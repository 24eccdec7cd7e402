//! Why a statistic has no value in a whole block.

use super::{Group, metric_names, statistic};
use crate::trace::{Block, Document, Modality, Token};

/// In one line, for a statistic or a metric of the trace that no head of the block has a value of.
pub fn why_none(name: &str, document: &Document, block: usize) -> String {
    if let Some((_, title)) = metric_names(document, block).find(|(metric, _)| metric == name) {
        return format!("the trace's `{title}` has no number for any head of this block");
    }
    let Some(block) = document.attention.get(block) else { return "this trace holds no attention".to_owned() };
    // The heads of a dataset are of many traces, whose tokens are not here.
    if document.sequences.len() <= block.query.max(block.key) {
        return "no head of this block has a value".to_owned();
    }
    let is_self_attention = block.query == block.key;
    let (text, image) = (Modality::Text, Modality::Image);
    let of = |modality| if modality == text { "text" } else { "image" };
    let nobody = |query: Modality, key: Modality| {
        (!sees(document, block, query, key))
            .then(|| format!("no {} query looks at {} {} key in this block", of(query), article(key), of(key)))
    };
    let found = match name {
        "mass.text.text" => nobody(text, text),
        "mass.text.image" => nobody(text, image),
        "mass.image.text" => nobody(image, text),
        "mass.image.image" | "distance" => nobody(image, image),
        "diagonal" | "previous" if !is_self_attention => {
            Some("the queries of this block are not its keys: nothing is the same token or the one before".to_owned())
        }
        "region" if document.regions.is_empty() => Some("this trace labels no regions".to_owned()),
        "region" => nobody(text, image).and_then(|_| nobody(image, image)),
        _ if is_of_vl_interpret(name) && !is_self_attention => Some(
            "VL-InterpreT's statistics are of self-attention: the queries of this block are not its keys".to_owned(),
        ),
        _ if is_of_vl_interpret(name) && !(holds(document, block, text) && holds(document, block, image)) => {
            Some("VL-InterpreT's statistics need both text and image in the block".to_owned())
        }
        _ => None,
    };
    found.unwrap_or_else(|| {
        "no head of this block has a value: all are alike, or their weights are no numbers".to_owned()
    })
}

fn is_of_vl_interpret(name: &str) -> bool {
    statistic(name).is_some_and(|statistic| statistic.group == Group::VlInterpret)
}

fn article(modality: Modality) -> &'static str {
    if modality == Modality::Image { "an" } else { "a" }
}

fn counts(token: &Token, modality: Modality) -> bool {
    !token.special && token.modality() == modality
}

fn holds(document: &Document, block: &Block, modality: Modality) -> bool {
    document.query_tokens(block).iter().any(|token| counts(token, modality))
}

/// Whether a query of a modality may look at a key of another; special tokens do not count.
fn sees(document: &Document, block: &Block, query: Modality, key: Modality) -> bool {
    let queries = document.query_tokens(block);
    let first_key = document.key_tokens(block).iter().position(|token| counts(token, key));
    let last_query = queries.iter().rposition(|token| counts(token, query));
    first_key.zip(last_query).is_some_and(|(key, query)| !block.causal || key <= query)
}
