//! A statistic by its name.

use anyhow::{Result, bail};

use crate::analysis::statistics;
use crate::trace::Document;

/// The statistic of a block that is called so, or the metric that has this name or title; without a name the one that the block
/// is first shown by.
///
/// # Errors
/// If there is none; the message lists what there is.
pub fn statistic_of(document: &Document, block: usize, name: Option<&str>) -> Result<String> {
    let Some(name) = name else { return Ok(statistics::first_choice(document, block).to_owned()) };
    if statistics::statistic(name).is_some() {
        return Ok(name.to_owned());
    }
    let mut metrics = statistics::metric_names(document, block);
    if let Some((metric, _)) = metrics.find(|(metric, title)| metric == name || *title == name) {
        return Ok(metric);
    }
    let metrics = statistics::metric_names(document, block).map(|(metric, title)| format!("{metric} ({title})"));
    let all: Vec<String> = statistics::TABLE.iter().map(|entry| entry.name.to_owned()).chain(metrics).collect();
    bail!("no statistic is called `{name}`: there are {}", all.join(", "))
}
