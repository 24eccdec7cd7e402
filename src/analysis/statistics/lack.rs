//! Why a statistic has no value in a whole block, and why it is made of fewer rows than a head has.

use super::metrics::metric_names;
use super::table::statistic;
use crate::trace::Document;

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
    let lacking = statistic(name).and_then(|statistic| statistic.needs.lacking(document, block));
    let lacking = lacking.unwrap_or("no head of this block has a value: all are alike, the mask hides what it is about, or no row of them is finite");
    lacking.to_owned()
}

/// In a few words, for a head some of whose rows are in no statistic; `None` if all are.
pub fn why_left_out(rows: u32) -> Option<String> {
    let whose = if rows == 1 { "row left out: a weight of it" } else { "rows left out: a weight of each" };
    (rows > 0).then(|| format!("{rows} {whose} is NaN or infinite"))
}
